"""Agreement with the truth: proportions, clusters against classes, codes against what is recovered of them.

All in NumPy. A proportion p of N comes with its standard error, sqrt(p (1 - p) / N).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def proportion(hits: ArrayLike) -> tuple[float, float]:
    """(value in [0, 1], standard error) of the proportion of `hits`, bool [N], or of each example's own, float [N]."""
    hits = np.asarray(hits, np.float64)
    return float(hits.mean()), float(hits.std() / np.sqrt(len(hits)))


def class_of_category(categories: np.ndarray, labels: np.ndarray, num_categories: int, num_classes: int) -> np.ndarray:
    """The class that each category stands for, int64 [num_categories], learnt from labelled examples.

    With as many categories as classes this is the one-to-one map with the most examples right. Otherwise each category
    stands for its most frequent class, and an empty category for none, -1.

    Args:
        categories: int [N], predicted.
        labels: int [N], true.
        num_categories: number of categories.
        num_classes: number of classes.
    """
    from scipy.optimize import linear_sum_assignment  # imported on use, since it is slow to import

    counts = np.zeros([num_categories, num_classes], np.int64)
    np.add.at(counts, (categories, labels), 1)
    if num_categories == num_classes:
        return linear_sum_assignment(counts, maximize=True)[1]
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


def clustering_errors(
    known: tuple[np.ndarray, np.ndarray], held_out: tuple[np.ndarray, np.ndarray], num_categories: int, num_classes: int
) -> np.ndarray:
    """Which of the `held_out` examples are errors under the map learnt from the `known` ones: bool [N].

    known, held_out: pairs (categories int [N], labels int [N]).
    """
    classes = class_of_category(*known, num_categories, num_classes)
    categories, labels = held_out
    return classes[categories] != labels


def categories_read(codes: np.ndarray, logits: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """The proportion of each example's categorical codes that is recovered: float64 [N].

    Args:
        codes: [N, len(sizes)], each an integer below its size.
        logits: [N, sum(sizes)], the logits of all codes, concatenated.
        sizes: the number of categories of each code.
    """
    parts = np.split(logits, np.cumsum(sizes)[:-1], axis=1)
    predicted = np.stack([part.argmax(axis=1) for part in parts], axis=1)
    return (predicted == codes).mean(axis=1)


def mean_correlation(asked: np.ndarray, read: np.ndarray) -> float:
    """Pearson's correlation of the columns of two arrays [N, C], averaged over columns: in [-1, 1].

    A constant column counts as 0, since it says nothing about the other.
    """
    constant = (np.ptp(asked, axis=0) == 0) | (np.ptp(read, axis=0) == 0)
    asked, read = (np.asarray(x, np.float64) - np.mean(x, axis=0, dtype=np.float64) for x in (asked, read))
    scale = np.sqrt((asked**2).sum(axis=0) * (read**2).sum(axis=0))
    return float(np.mean((asked * read).sum(axis=0) / np.where(constant, np.inf, scale)))


def modes_of(points: np.ndarray, centres: np.ndarray, deviation: float) -> tuple[int, np.ndarray]:
    """(number of modes found, bool [N]: which samples are good) of points [N, 2] under a mixture with centres [M, 2].

    A sample is good within 3 standard deviations of its nearest centre; a mode is found if its centre is the nearest one of
    any good sample, as VEEGAN (arXiv:1705.07761) and PacGAN (arXiv:1712.04086) count.
    """
    distances = np.linalg.norm(points[:, None].astype(np.float64) - centres, axis=-1)
    good = distances.min(axis=1) <= 3 * deviation
    return len(np.unique(distances.argmin(axis=1)[good])), good
