"""Nearest neighbours of samples, their closest pairs, and what duplicates among them say of the support.

Distances are Euclidean, float64, of float rows: of features, or of images as `pixels` makes them, whose units are then
full scales (black to white) of one pixel. Duplicates: the birthday paradox test of Arora and Zhang 2017
(arXiv:1706.08224): look at the closest pairs of a batch of s samples; where a batch holds duplicates with probability 1/2
or more, the distribution has a support of about s^2 at most.
"""

import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.agreement import share
from tfgan_zoo.metrics.ssim import checked_images

BLOCK = 2048  # rows at most on a side of a block of distances: 2048 * 2048 * 8 bytes = 32 MiB
VALUES = 2**22  # values of a block of rows at most: 32 MiB in float64
SPARE = 8  # candidates beyond those asked for, since they are found by |x|^2 + |y|^2 - 2 x.y, which rounds more


class Birthday(typing.NamedTuple):
    """What batches with and without duplicates say.

    share: of batches with duplicates, in [0, 1].
    standard_error: of the share.
    support_at_most: about s^2 where the share is 1/2 or more; None where the batches are too small to tell.
    """

    share: float
    standard_error: float
    support_at_most: int | None


def pixels(images):
    """Images, uint8 [N, H, W, C], as rows, float32 [N, H * W * C] in [0, 1]. Raises `ZooError` for other arrays."""
    images = checked_images(images, "neighbours")
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def nearest(queries, references, count=1, ignore_same=False):
    """The nearest references of each query: (distances float64 [N, count], row numbers int64 [N, count]), nearest first.

    Exact to float64's rounding: a copy is at distance 0. Among equal distances the lower number comes first, unless more
    than `SPARE` references share it. Memory is bounded beyond the arrays given, in blocks.

    Args:
        queries: float [N, D].
        references: float [M, D].
        count: how many of each, at most M.
        ignore_same: whether query i passes reference i over, for queries that are the references.

    Raises `ZooError` for arrays that are not so, or not finite, and for a count that the references cannot give.
    """
    queries, references = _checked(queries), _checked(references)
    if queries.shape[1] != references.shape[1]:
        raise ZooError(f"queries of {queries.shape[1]} dimensions, references of {references.shape[1]}; expected one.")
    if ignore_same and len(queries) != len(references):
        raise ZooError(f"ignore_same with {len(queries)} queries and {len(references)} references; expected the same.")
    there = len(references) - ignore_same
    if not 1 <= count <= there:
        raise ZooError(f"count={count} nearest of {there} references; expected 1 to that many.")
    distances, indices = np.empty([len(queries), count]), np.empty([len(queries), count], np.int64)
    mean = references.mean(axis=0, dtype=np.float64)
    for rows in _blocks(queries):
        candidates = _candidates(queries, rows, references, min(count + SPARE, there), mean, ignore_same)
        found = np.stack([_distances(queries[rows], references[column]) for column in candidates.T], axis=1)
        order = np.lexsort([candidates, found])[:, :count]
        distances[rows] = np.take_along_axis(found, order, axis=1)
        indices[rows] = np.take_along_axis(candidates, order, axis=1)
    return distances, indices


def closest_pairs(samples, count):
    """The `count` closest pairs of samples, float [N, D]: [(distance, i, j), ...] with i < j, closest first.

    A sample may be in several pairs. Exact and bounded as `nearest` is. Raises `ZooError` for arrays that `nearest` does not
    take, and for a count that is not between 1 and N (N - 1) / 2.
    """
    samples = _checked(samples)
    there = len(samples) * (len(samples) - 1) // 2
    if not 1 <= count <= there:
        raise ZooError(f"count={count} pairs of {len(samples)} samples, which have {there}; expected 1 to that many.")
    kept, mean = min(count + SPARE, there), samples.mean(axis=0, dtype=np.float64)
    best, pairs = np.empty(0), np.empty([0, 2], np.int64)
    for rows in _blocks(samples):
        for columns in _blocks(samples[rows.start :]):
            columns = slice(columns.start + rows.start, columns.stop + rows.start)
            squares = _squares(samples[rows] - mean, samples[columns] - mean)
            if columns.start < rows.stop:
                squares[np.tril_indices(len(squares), rows.start - columns.start, squares.shape[1])] = np.inf
            worst = best.max() if len(best) == kept else np.inf
            new = np.argwhere(squares < worst)
            best = np.concatenate([best, squares[tuple(new.T)]])
            pairs = np.concatenate([pairs, new + np.array([rows.start, columns.start])])
            if len(best) > kept:
                keep = np.argpartition(best, kept - 1)[:kept]
                best, pairs = best[keep], pairs[keep]
    exact = [(float(_distances(samples[[i]], samples[[j]])[0]), i, j) for i, j in pairs.tolist()]
    return sorted(exact)[:count]


def collision_probability(support, batch):
    """The chance in [0, 1] that `batch` draws from `support` equally likely values hold one twice.

    1 - (1 - 1 / N) (1 - 2 / N) ... (1 - (s - 1) / N). Raises `ZooError` for a support or batch below 1.
    """
    if support < 1 or batch < 1:
        raise ZooError(f"support={support}, batch={batch}; expected 1 or more of both.")
    if batch >= support + 1:
        return 1.0
    return float(-np.expm1(np.log1p(-np.arange(1, batch) / support).sum()))


def support_for_even_odds(batch):
    """The support, a float, of which `batch` draws hold a duplicate with probability 1/2: about batch^2 / (2 ln 2).

    Raises `ZooError` for a batch below 2.
    """
    from scipy.optimize import brentq  # not before it is needed: importing it takes a while

    if batch < 2:
        raise ZooError(f"batch={batch}; a duplicate takes 2 samples or more.")
    # The probability is 1 at s - 1, and below 1/2 at s^2: at most s (s - 1) / (2 s^2).
    return float(brentq(lambda support: collision_probability(support, batch) - 0.5, batch - 1, batch**2, rtol=1e-12))


def batch_for_even_odds(support):
    """The smallest batch that holds a duplicate with probability 1/2 or more: about 1.18 sqrt(support); 23 for 365.

    Raises `ZooError` for a support below 1.
    """
    low, high = 1, 2
    while collision_probability(support, high) < 0.5:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if collision_probability(support, middle) >= 0.5 else (middle, high)
    return high


def birthday(batch_size, duplicates_found):
    """The `Birthday` of batches of `batch_size` samples; duplicates_found: bool [batches], as someone who looked says.

    Raises `ZooError` for a batch below 2, no batches, or what is not bool.
    """
    duplicates_found = np.asarray(duplicates_found)
    if batch_size < 2:
        raise ZooError(f"batch_size={batch_size}; a duplicate takes 2 samples or more.")
    if duplicates_found.dtype != np.bool_ or duplicates_found.ndim != 1 or not duplicates_found.size:
        raise ZooError(
            f"duplicates_found: {duplicates_found.dtype} of shape {duplicates_found.shape}; expected True or False for"
            " each batch, one or more."
        )
    value, error = share(duplicates_found)
    return Birthday(value, error, int(batch_size) ** 2 if value >= 0.5 else None)


def _checked(rows):
    """The array; `ZooError` where it is not floats [N, D], N and D at least 1, or not finite."""
    rows = np.asarray(rows)
    if rows.ndim != 2 or not rows.size or rows.dtype.kind != "f":
        raise ZooError(
            f"neighbours got {rows.dtype} of shape {rows.shape}; expected float [N, D] with N and D at least 1: features,"
            " or `pixels` of images."
        )
    bad = sum(int((~np.isfinite(rows[block])).any(axis=1).sum()) for block in _blocks(rows))
    if bad:
        raise ZooError(f"{bad} of {len(rows)} rows hold NaN or infinity; look at the images they came from.")
    return rows


def _blocks(rows):
    """Slices of [N, D] that bounded memory holds."""
    step = max(1, min(BLOCK, VALUES // rows.shape[1]))
    return [slice(start, min(start + step, len(rows))) for start in range(0, len(rows), step)]


def _candidates(queries, rows, references, count, mean, ignore_same):
    """int64 [rows, count]: references nearest to queries[rows] but for rounding, in no order."""
    chosen = queries[rows] - mean
    best, numbers = np.empty([len(chosen), 0]), np.empty([len(chosen), 0], np.int64)
    for block in _blocks(references):
        squares = _squares(chosen, references[block] - mean)
        if ignore_same:
            same = np.arange(max(rows.start, block.start), min(rows.stop, block.stop))
            squares[same - rows.start, same - block.start] = np.inf
        new = np.argpartition(squares, min(count, squares.shape[1]) - 1, axis=1)[:, :count]
        best = np.concatenate([best, np.take_along_axis(squares, new, axis=1)], axis=1)
        numbers = np.concatenate([numbers, new + block.start], axis=1)
        keep = np.argpartition(best, min(count, best.shape[1]) - 1, axis=1)[:, :count]
        best, numbers = np.take_along_axis(best, keep, axis=1), np.take_along_axis(numbers, keep, axis=1)
    return numbers


def _squares(x, y):
    """|x_i - y_j|^2 [N, M] of float64 rows, whose digits a mean near 0 saves."""
    squares = x @ y.T
    squares *= -2
    squares += (x**2).sum(axis=1)[:, None]
    squares += (y**2).sum(axis=1)
    return squares


def _distances(x, y):
    """|x_i - y_i| [N], float64, by the differences themselves."""
    return np.linalg.norm(x.astype(np.float64) - y, axis=1)
