"""Names of files and folders, which need not be text."""

import re

SURROGATES = re.compile("[\ud800-\udfff]")


def displayed(name: str) -> str:
    r"""A file's name as text: what is not UTF-8 in it, which Python keeps as lone surrogates, becomes U+FFFD.

    Examples:
        >>> displayed("caf\udce9/1.png") == "caf\ufffd/1.png"
        True
    """
    return SURROGATES.sub("\ufffd", name)
