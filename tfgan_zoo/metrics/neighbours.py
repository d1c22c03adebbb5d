"""Nearest neighbours of samples, their closest pairs, and what duplicates among them say about the support.

Distances are Euclidean, float64, between float rows: features, or images converted by `pixels`, where the unit is the full
range (black to white) of one pixel. The birthday paradox test of Arora and Zhang 2017 (arXiv:1706.08224) looks for duplicates
among the closest pairs of a batch of s samples: if a batch holds duplicates with probability 1/2 or more, the support of the
distribution is about s^2 at most.
"""

import typing

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.agreement import proportion
from tfgan_zoo.metrics.structural_similarity import checked_images

BLOCK = 2048  # largest number of rows on a side of a block of distances: 2048 * 2048 * 8 bytes = 32 MiB
VALUES = 2**22  # largest number of values in a block of rows: 32 MiB in float64
SPARE = 8  # extra candidates, since they are found by |x|^2 + |y|^2 - 2 x.y, which is less accurate


class Birthday(typing.NamedTuple):
    """The result of the birthday paradox test.

    share: proportion of batches with duplicates, in [0, 1].
    standard_error: of the share.
    support_at_most: about s^2 if the share is 1/2 or more; None if the batches are too small to tell.
    """

    share: float
    standard_error: float
    support_at_most: int | None


def pixels(images: np.ndarray) -> np.ndarray:
    """Images, uint8 [N, H, W, C], as rows, float32 [N, H * W * C] in [0, 1]. Raises `ZooError` for other arrays.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import pixels
        >>> pixels(np.array([[[[0], [255]]]], np.uint8)).tolist()
        [[0.0, 1.0]]
    """
    images = checked_images(images, "neighbours")
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def nearest(
    queries: np.ndarray, references: np.ndarray, count: int = 1, ignore_same: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest references of each query: (distances float64 [N, count], indices int64 [N, count]), nearest first.

    Exact to float64 rounding: a copy is at distance 0. Among equal distances the lower index comes first, unless more than
    `SPARE` references share it. Works in blocks of bounded memory.

    Args:
        queries: float [N, D].
        references: float [M, D].
        count: neighbours per query, at most M.
        ignore_same: whether query i ignores reference i, for queries that are the references.

    Raises:
        ZooError: the arrays are not as described or not finite, or there are fewer references than `count`.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import nearest
        >>> distances, indices = nearest(np.array([[0.0, 0.0]]), np.array([[6.0, 8.0], [3.0, 4.0], [0.0, 0.0]]), count=3)
        >>> distances.tolist(), indices.tolist()
        ([[0.0, 5.0, 10.0]], [[2, 1, 0]])
    """
    queries, references = _checked(queries), _checked(references)
    if queries.shape[1] != references.shape[1]:
        raise ZooError(
            f"queries have {queries.shape[1]} dimensions, references {references.shape[1]}; expected the same."
        )
    if ignore_same and len(queries) != len(references):
        raise ZooError(f"ignore_same with {len(queries)} queries and {len(references)} references; expected the same.")
    available = len(references) - ignore_same
    if not 1 <= count <= available:
        raise ZooError(f"count={count} nearest of {available} references; expected 1 to {available}.")
    distances, indices = np.empty([len(queries), count]), np.empty([len(queries), count], np.int64)
    mean = references.mean(axis=0, dtype=np.float64)
    for rows in _blocks(queries):
        candidates = _candidates(queries, rows, references, min(count + SPARE, available), mean, ignore_same)
        exact = np.stack([_distances(queries[rows], references[column]) for column in candidates.T], axis=1)
        order = np.lexsort([candidates, exact])[:, :count]
        distances[rows] = np.take_along_axis(exact, order, axis=1)
        indices[rows] = np.take_along_axis(candidates, order, axis=1)
    return distances, indices


def closest_pairs(samples: np.ndarray, count: int) -> list[tuple[float, int, int]]:
    """The `count` closest pairs of samples, float [N, D]: [(distance, i, j), ...] with i < j, closest first.

    A sample may be in several pairs. Accuracy and memory are as for `nearest`.

    Raises:
        ZooError: the samples are not as described or not finite, or `count` is not in 1 .. N (N - 1) / 2.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import closest_pairs
        >>> closest_pairs(np.array([[0.0], [5.0], [7.0]]), 2)
        [(2.0, 1, 2), (5.0, 0, 1)]
    """
    samples = _checked(samples)
    available = len(samples) * (len(samples) - 1) // 2
    if not 1 <= count <= available:
        raise ZooError(f"count={count} pairs of {len(samples)} samples; expected 1 to {available}.")
    width, mean = min(count + SPARE, available), samples.mean(axis=0, dtype=np.float64)
    best, pairs = np.empty(0), np.empty([0, 2], np.int64)
    for rows in _blocks(samples):
        for columns in _blocks(samples[rows.start :]):
            columns = slice(columns.start + rows.start, columns.stop + rows.start)
            squares = _squares(samples[rows] - mean, samples[columns] - mean)
            if columns.start < rows.stop:
                squares[np.tril_indices(len(squares), rows.start - columns.start, squares.shape[1])] = np.inf
            worst = best.max() if len(best) == width else np.inf
            new = np.argwhere(squares < worst)
            best = np.concatenate([best, squares[tuple(new.T)]])
            pairs = np.concatenate([pairs, new + np.array([rows.start, columns.start])])
            if len(best) > width:
                keep = np.argpartition(best, width - 1)[:width]
                best, pairs = best[keep], pairs[keep]
    exact = [(float(_distances(samples[[i]], samples[[j]])[0]), i, j) for i, j in pairs.tolist()]
    return sorted(exact)[:count]


def collision_probability(support: float, batch: int) -> float:
    """The probability that `batch` uniform draws from `support` values hold a duplicate.

    1 - (1 - 1 / N) (1 - 2 / N) ... (1 - (s - 1) / N). Raises `ZooError` for a support or batch below 1.

    Examples:
        >>> from tfgan_zoo.metrics import collision_probability
        >>> round(collision_probability(365, 23), 3)  # the birthday paradox
        0.507
    """
    if support < 1 or batch < 1:
        raise ZooError(f"support={support}, batch={batch}; expected at least 1 of both.")
    if batch >= support + 1:
        return 1.0
    return float(-np.expm1(np.log1p(-np.arange(1, batch) / support).sum()))


def support_for_even_odds(batch: int) -> float:
    """The support for which `batch` draws hold a duplicate with probability 1/2: about batch^2 / (2 ln 2).

    Raises `ZooError` for a batch below 2.

    Examples:
        >>> from tfgan_zoo.metrics import support_for_even_odds
        >>> round(support_for_even_odds(2), 9), round(support_for_even_odds(23))
        (2.0, 373)
    """
    from scipy.optimize import brentq  # imported on use, since it is slow to import

    if batch < 2:
        raise ZooError(f"batch={batch}; a duplicate takes at least 2 samples.")
    # The probability is 1 at s - 1, and below 1/2 at s^2: at most s (s - 1) / (2 s^2).
    return float(brentq(lambda support: collision_probability(support, batch) - 0.5, batch - 1, batch**2, rtol=1e-12))


def batch_for_even_odds(support: float) -> int:
    """The smallest batch that holds a duplicate with probability 1/2 or more: about 1.18 sqrt(support).

    Raises `ZooError` for a support below 1.

    Examples:
        >>> from tfgan_zoo.metrics import batch_for_even_odds
        >>> batch_for_even_odds(365)
        23
    """
    low, high = 1, 2
    while collision_probability(support, high) < 0.5:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if collision_probability(support, middle) >= 0.5 else (middle, high)
    return high


def birthday(batch_size: int, duplicates_found: ArrayLike) -> Birthday:
    """The `Birthday` of some batches of `batch_size` samples; duplicates_found: bool [batches], as judged by eye.

    Raises `ZooError` for a batch below 2, no batches, or values that are not bool.

    Examples:
        >>> from tfgan_zoo.metrics import birthday
        >>> birthday(20, [True, True, True, False]).support_at_most  # 20^2
        400
    """
    duplicates_found = np.asarray(duplicates_found)
    if batch_size < 2:
        raise ZooError(f"batch_size={batch_size}; a duplicate takes at least 2 samples.")
    if duplicates_found.dtype != np.bool_ or duplicates_found.ndim != 1 or not duplicates_found.size:
        raise ZooError(
            f"duplicates_found: {duplicates_found.dtype} of shape {duplicates_found.shape}; expected True or False for"
            " each of one or more batches."
        )
    value, error = proportion(duplicates_found)
    return Birthday(value, error, int(batch_size) ** 2 if value >= 0.5 else None)


def _checked(rows):
    """The array. Raises `ZooError` if it is not float [N, D], N and D at least 1, or not finite."""
    rows = np.asarray(rows)
    if rows.ndim != 2 or not rows.size or rows.dtype.kind != "f":
        raise ZooError(
            f"neighbours got {rows.dtype} of shape {rows.shape}; expected float [N, D] with N and D at least 1: features,"
            " or `pixels` of images."
        )
    bad = sum(int((~np.isfinite(rows[block])).any(axis=1).sum()) for block in _blocks(rows))
    if bad:
        raise ZooError(f"{bad} of {len(rows)} rows hold NaN or infinity; check the images they came from.")
    return rows


def _blocks(rows):
    """Slices of [N, D] of bounded size."""
    step = max(1, min(BLOCK, VALUES // rows.shape[1]))
    return [slice(start, min(start + step, len(rows))) for start in range(0, len(rows), step)]


def _candidates(queries, rows, references, count, mean, ignore_same):
    """int64 [rows, count]: the references nearest to queries[rows] up to rounding, in no order."""
    centred = queries[rows] - mean
    best, indices = np.empty([len(centred), 0]), np.empty([len(centred), 0], np.int64)
    for block in _blocks(references):
        squares = _squares(centred, references[block] - mean)
        if ignore_same:
            same = np.arange(max(rows.start, block.start), min(rows.stop, block.stop))
            squares[same - rows.start, same - block.start] = np.inf
        new = np.argpartition(squares, min(count, squares.shape[1]) - 1, axis=1)[:, :count]
        best = np.concatenate([best, np.take_along_axis(squares, new, axis=1)], axis=1)
        indices = np.concatenate([indices, new + block.start], axis=1)
        keep = np.argpartition(best, min(count, best.shape[1]) - 1, axis=1)[:, :count]
        best, indices = np.take_along_axis(best, keep, axis=1), np.take_along_axis(indices, keep, axis=1)
    return indices


def _squares(x, y):
    """|x_i - y_j|^2 [N, M] of float64 rows, most accurate for rows centred at 0."""
    squares = x @ y.T
    squares *= -2
    squares += (x**2).sum(axis=1)[:, None]
    squares += (y**2).sum(axis=1)
    return squares


def _distances(x, y):
    """|x_i - y_i| [N], float64, computed from the differences."""
    return np.linalg.norm(x.astype(np.float64) - y, axis=1)
