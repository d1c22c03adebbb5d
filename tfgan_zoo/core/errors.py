"""The one error type for a user's mistakes, and the sentence that a failed look-up gives."""

import difflib


class ZooError(ValueError):
    """Bad input. The message says what came, what was expected and what would do; command lines print it alone."""


def no_such(kind, name, choices):
    """The `ZooError` of a look-up of `name` that failed: names the nearest of `choices`, then all of them.

    Args:
        kind: what was looked up, in the singular, such as "model".
        name: what came.
        choices: iterable of the names that exist.
    """
    choices = sorted(str(c) for c in choices)
    near = difflib.get_close_matches(str(name), choices, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return ZooError(f"no {kind} {str(name)!r}.{hint} There is: {', '.join(choices) or 'none'}.")
