"""The classes that a score within classes can be taken of."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from tfgan_zoo.core.errors import ZooError

if TYPE_CHECKING:
    from tfgan_zoo.metrics.protocol import Evaluator

MOST_NAMED = 5  # classes that a message lists


def common_classes(evaluator: Evaluator, numbers: np.ndarray) -> list[int]:
    """The classes with two or more of the real images `numbers`: among few drawn from many, a small class may have fewer."""
    counts = np.bincount(evaluator.source.labels[numbers], minlength=evaluator.source.classes)
    return np.flatnonzero(counts >= 2).tolist()


def check_classes(evaluator: Evaluator, numbers: np.ndarray, samples: int, score: str) -> None:
    """Warns of classes that are not among the `common_classes`, and that a score leaves out.

    Args:
        evaluator: with a labelled source.
        numbers: int [N], indices of the real images of the score.
        samples: how many images are generated, with labels 0, 1, ... in turn.
        score: its name, for messages.

    Raises:
        ZooError: there is no common class, or there are too few samples for two of every class.
    """
    source = evaluator.source
    if samples < 2 * source.classes:
        raise ZooError(
            f"{score} needs two generated images of each of the {source.classes} classes, {2 * source.classes} in all, but"
            f" {samples:,} are to be compared; take more (--samples, evaluation.samples), or leave the score out."
        )
    common = common_classes(evaluator, numbers)
    if not common:
        raise ZooError(
            f"{score} needs two real images of a class, and none of the {source.classes} classes of {source.name} has two among"
            f" the {len(numbers):,} that are compared; leave the score out."
        )
    missing = [name for c, name in enumerate(source.class_names) if c not in common]
    if missing:
        named = ", ".join(missing[:MOST_NAMED]) + ", ..." * (len(missing) > MOST_NAMED)
        warnings.warn(
            f"{score} leaves out {len(missing)} of {source.classes} classes, which have fewer than two of the {len(numbers):,}"
            f" real images of {source.name} that are compared: {named}.",
            stacklevel=3,
        )
