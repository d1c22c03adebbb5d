"""The one exception for user errors, and the message of a failed look-up."""

import difflib
import errno
import os
from collections.abc import Iterable


class ZooError(ValueError):
    """Bad input. The message says what came, what was expected and what to do; command lines print nothing else.

    Attributes:
        status: that command lines end with.
    """

    status = 2


def no_such(kind: str, name: object, choices: Iterable[object]) -> ZooError:
    """The error for a name that was not found: suggests the nearest names, then lists all.

    Args:
        kind: what was looked up, in the singular, such as "model".
        name: the name that was not found.
        choices: the names that exist.

    Examples:
        >>> print(no_such("model", "sngn", ["dcgan", "sngan"]))
        no model 'sngn'. Did you mean 'sngan'? Available: dcgan, sngan.
    """
    choices = sorted(str(c) for c in choices)
    near = difflib.get_close_matches(str(name), choices, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return ZooError(f"no {kind} {str(name)!r}.{hint} Available: {', '.join(choices) or 'none'}.")


def of_full_disk(error: Exception, path: object) -> OSError | None:
    """The system's error about the file `path` for an error of a library that says the disk is full; None for any other."""
    full = os.strerror(errno.ENOSPC)
    return OSError(errno.ENOSPC, full, str(path)) if full in str(error) else None


def sentence_of(error: Exception) -> str:
    """An error in one sentence; one of the system names its file first."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return str(error)
