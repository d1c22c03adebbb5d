"""The splits "train" and "test" of a source that has none of its own: a tenth of the examples is held out, by their names."""

import hashlib
from collections.abc import Sequence

from tfgan_zoo.core.errors import no_such

SHARE = 10  # one example in so many is held out
SPLITS = ("all", "train", "test")


def held_out(names: Sequence[str], labels: Sequence[int]) -> list[bool]:
    """Whether each example belongs to "test": a function of its name, so that it stays there when others are added.

    The first example of each class is in "train", so that this split has every class.

    Args:
        names: one per example, all different.
        labels: one per example.

    Examples:
        >>> names = [f"{number}.png" for number in range(1000)]
        >>> sum(held_out(names, [0] * 1000))
        90
        >>> held_out(["a.png", "b.png"], [0, 1])
        [False, False]
    """
    first = {label: index for index, label in reversed(list(enumerate(labels)))}
    return [
        hashlib.sha256(name.encode(errors="surrogateescape")).digest()[0] % SHARE == 0 and first[label] != index
        for index, (name, label) in enumerate(zip(names, labels, strict=True))
    ]


def of_split(split: str, names: Sequence[str], labels: Sequence[int], what: str) -> list[int]:
    """The indices of the examples of a split. names, labels: as in `held_out`; `what` names the source in an error.

    Raises:
        ZooError: no such split.
    """
    if split not in SPLITS:
        raise no_such(f"split of {what}", split, SPLITS)
    if split == "all":
        return list(range(len(names)))
    return [index for index, out in enumerate(held_out(names, labels)) if out == (split == "test")]
