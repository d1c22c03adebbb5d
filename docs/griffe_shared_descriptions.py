"""Griffe extension of the API reference: arguments that share a description in a docstring, such as `real, fake: logits [B, 1].`,
are listed one by one. Griffe takes the first name for the argument and the rest for its type."""

import re

from griffe import Extension

SHARED = re.compile(r"^( +)(\w+(?:, \w+)+): (.*(?:\n\1 +.*)*)", re.MULTILINE)


class SharedDescriptions(Extension):
    def on_instance(self, *, obj, **_):
        if obj.docstring:
            obj.docstring.value = SHARED.sub(
                lambda shared: "\n".join(f"{shared[1]}{name}: {shared[3]}" for name in shared[2].split(", ")),
                obj.docstring.value,
            )
