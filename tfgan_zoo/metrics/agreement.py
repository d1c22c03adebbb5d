"""How far readings agree with what is so: shares, clusters against classes, codes against what is read of them.

All in NumPy. A share comes with its standard error, sqrt(p (1 - p) / N).
"""

import numpy as np


def share(hits):
    """(value in [0, 1], standard error) of the share of `hits`, bool [N] or each row's own share, float [N]."""
    hits = np.asarray(hits, np.float64)
    return float(hits.mean()), float(hits.std() / np.sqrt(len(hits)))


def class_of_category(categories, labels, num_categories, num_classes):
    """The class that each category stands for, int64 [num_categories], by examples whose class is known.

    With as many categories as classes the map is the one-to-one one that gets most examples right; otherwise each category
    stands for its most frequent class, and one that no example falls in for none, -1.

    Args:
        categories: int [N], what was found; labels: int [N], what is so.
    """
    from scipy.optimize import linear_sum_assignment  # not before it is needed: importing it takes a while

    counts = np.zeros([num_categories, num_classes], np.int64)
    np.add.at(counts, (categories, labels), 1)
    if num_categories == num_classes:
        return linear_sum_assignment(counts, maximize=True)[1]
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


def clustering_errors(known, held_out, num_categories, num_classes):
    """Which of `held_out` are errors under the map that `known` examples give: bool [N].

    known, held_out: pairs (categories int [N], labels int [N]).
    """
    classes = class_of_category(*known, num_categories, num_classes)
    categories, labels = held_out
    return classes[categories] != labels


def categories_read(codes, logits, sizes):
    """The share of an example's categorical codes that is read aright: float64 [N].

    Args:
        codes: [N, len(sizes)], each a whole number below its size.
        logits: [N, sum(sizes)], the codes' logits side by side.
        sizes: the number of categories of each code.
    """
    parts = np.split(logits, np.cumsum(sizes)[:-1], axis=1)
    read = np.stack([part.argmax(axis=1) for part in parts], axis=1)
    return (read == codes).mean(axis=1)


def mean_correlation(asked, read):
    """Pearson's correlation of the columns of asked and read, both [N, C], averaged over columns: in [-1, 1].

    It is 0 for a column that is the same in every row, which says nothing of the other.
    """
    constant = (np.ptp(asked, axis=0) == 0) | (np.ptp(read, axis=0) == 0)
    asked, read = (np.asarray(x, np.float64) - np.mean(x, axis=0, dtype=np.float64) for x in (asked, read))
    scale = np.sqrt((asked**2).sum(axis=0) * (read**2).sum(axis=0))
    return float(np.mean((asked * read).sum(axis=0) / np.where(constant, np.inf, scale)))


def modes_of(points, centres, deviation):
    """(modes found, bool [N]: which samples are good) of points [N, 2] under a mixture with centres [M, 2].

    A sample is good within 3 standard deviations of its nearest centre; a mode is found where any good sample's nearest
    centre is its own, as VEEGAN (arXiv:1705.07761) and PacGAN (arXiv:1712.04086) count.
    """
    distances = np.linalg.norm(points[:, None].astype(np.float64) - centres, axis=-1)
    good = distances.min(axis=1) <= 3 * deviation
    return len(np.unique(distances.argmin(axis=1)[good])), good
