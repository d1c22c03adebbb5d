"""How far each of two sets lies within the other's manifold: precision, recall, density and coverage, per example.

Precision and recall are those of Kynkäänniemi et al. 2019 (arXiv:1904.06991), density and coverage those of Naeem et al.
2020 (arXiv:2002.09797). A set's manifold is the union of balls, one about each example, whose radius is the distance to the
example's k-th nearest neighbour in its own set. Each score is the mean of the returned values, which can be bootstrapped.

Balls are closed, as in the first paper, so that a set with repeated examples still has precision, recall and coverage 1 with
itself. Only density counts open balls, as its authors' code does: the mean of a set without ties with itself is then 1, and
not (k + 1) / k. Without ties there is no difference.

Distances are computed in float32 with an error bound; where the bound does not decide, they are recomputed in float64. There,
squared distances count as equal if they differ by less than the possible rounding: for 2048 dimensions 4e-12 of the points'
squared distances from the common centre, which is below the precision of float32 features.
"""

import dataclasses
import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.distances import checked_features

BLOCK = 2048  # rows and columns of a distance matrix held at a time: 2048 * 2048 * 4 bytes = 16 MiB
SPARE = 8  # candidates beyond the k-th, since float32 distances may order them differently
MANY = 32  # if more than one pair in 32 is undecided, the whole block is recomputed, which is faster than pair by pair
SOME = 128  # each set gives at least this many examples for the centre (or all it has), and less than twice as many
UNDERFLOW = 1e-30  # bound on the contribution of products below float32's range, when the largest feature is 1


class PrecisionRecall(typing.NamedTuple):
    """precision: bool [M], the fake lies in some real ball; recall: bool [N], the real lies in some fake ball."""

    precision: np.ndarray
    recall: np.ndarray


class DensityCoverage(typing.NamedTuple):
    """density: float [M], in how many real balls the fake lies, over k; coverage: bool [N], the real's ball has a fake."""

    density: np.ndarray
    coverage: np.ndarray


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> PrecisionRecall:
    """`PrecisionRecall` of features [N, D] and [M, D]; each mean is in [0, 1].

    Memory is bounded whatever N, except for a float32 copy of the features.

    Raises:
        ZooError: features are not finite or not of the same D, or k is not in 1 .. min(N, M) - 1.

    Examples:
        With k = 1 the balls about the reals 0, 1, 2 have radius 1. They hold the fakes 0 and 2.5 but not 9; the balls of
        the fakes, of radius 2.5, 2.5 and 6.5, hold every real.

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import precision_recall
        >>> precision, recall = precision_recall(np.array([[0.0], [1], [2]]), np.array([[0.0], [2.5], [9]]), k=1)
        >>> precision.tolist(), recall.tolist()
        ([True, True, False], [True, True, True])
    """
    real, fake = _points(real, fake)
    return _precision_recall(*_hits(real, fake, _balls(real, k, 0), _balls(fake, k, 1)))


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> DensityCoverage:
    """`DensityCoverage` of features [N, D] and [M, D]; the mean density is about 1 for samples of the same distribution.

    Memory and errors are as for `precision_recall`, except that k may be 1 .. N - 1: the fakes have no balls.

    Examples:
        With k = 1 the balls about the reals 0, 1, 2 have radius 1. The fake 0.5 lies in two of them, 2.5 in one, 9 in none.

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import density_coverage
        >>> density, coverage = density_coverage(np.array([[0.0], [1], [2]]), np.array([[0.5], [2.5], [9]]), k=1)
        >>> density.tolist(), coverage.tolist()
        ([2.0, 1.0, 0.0], [True, True, True])
    """
    real, fake = _points(real, fake)
    (hits,) = _hits(real, fake, _balls(real, k, 0))
    return _density_coverage(hits, k)


def manifold_scores(
    real: np.ndarray, fake: np.ndarray, k: int = 3, density_k: int = 5
) -> tuple[PrecisionRecall, DensityCoverage]:
    """(`precision_recall` with k, `density_coverage` with density_k), from one pass over the cross distances.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import manifold_scores
        >>> features = np.random.default_rng(0).normal(size=[50, 4])
        >>> pr, dc = manifold_scores(features, features)  # a set lies within its own manifold
        >>> [round(float(values.mean()), 9) for values in (*pr, *dc)]
        [1.0, 1.0, 1.0, 1.0]
    """
    real, fake = _points(real, fake)
    balls = _balls(real, k, 0), _balls(fake, k, 1), _balls(real, density_k, 0)
    *by_k, by_density_k = _hits(real, fake, *balls)
    return _precision_recall(*by_k), _density_coverage(by_density_k, density_k)


@dataclasses.dataclass(frozen=True)
class _Points:
    """Features [N, D] as given, and what distances are computed from: (features * scale - centre) in float32."""

    features: np.ndarray
    scale: float
    centre: np.ndarray
    low: np.ndarray
    norms: np.ndarray  # float64 [N], squared, of (features * scale - centre)

    def __len__(self):
        return len(self.norms)

    def centred(self, rows):
        return self.features[rows].astype(np.float64) * self.scale - self.centre


@dataclasses.dataclass(frozen=True)
class _Balls:
    """Squared radii, float64 [N], about the real examples (side 0) or the fake ones (side 1)."""

    radii: np.ndarray
    side: int


@dataclasses.dataclass(frozen=True)
class _Hits:
    """How many pairs with each real [N] and each fake [M] lie in a closed ball, and with each fake in an open one."""

    real: np.ndarray
    fake: np.ndarray
    fake_open: np.ndarray


def _precision_recall(about_real, about_fake):
    return PrecisionRecall(about_real.fake > 0, about_fake.real > 0)


def _density_coverage(about_real, k):
    return DensityCoverage(about_real.fake_open / k, about_real.real > 0)


def _points(real, fake):
    """Both sets as `_Points` with a common scale, a power of two, and a common centre: sums of squares can't overflow."""
    real, fake = checked_features(real), checked_features(fake)
    if real.shape[1] != fake.shape[1]:
        raise ZooError(f"real features have {real.shape[1]} dimensions, fake ones {fake.shape[1]}; expected the same.")
    largest = max(np.abs(real).max(), np.abs(fake).max())
    scale = 2.0 ** -np.clip(np.frexp(np.float64(largest))[1], -1000, 1000)
    # Any centre would do; the median of a subset is near most points even if a few are far off.
    subset = [x[:: max(len(x) // SOME, 1)].astype(np.float64) for x in (real, fake)]
    centre = np.median(np.concatenate(subset) * scale, axis=0)
    sets = []
    for features in (real, fake):
        points = _Points(features, scale, centre, np.empty(features.shape, np.float32), np.empty(len(features)))
        for rows in _slices(points):
            centred = points.centred(rows)
            points.low[rows], points.norms[rows] = centred, (centred**2).sum(axis=1)
        sets.append(points)
    return sets


def _slices(points):
    return [slice(i, min(i + BLOCK, len(points))) for i in range(0, len(points), BLOCK)]


def _rounding(points, dtype):
    """c with |computed - true| <= c (|x|^2 + |y|^2) for |x|^2 + |y|^2 - 2 x.y: D products and sums, and a few more."""
    return (points.low.shape[1] + 32) * np.finfo(dtype).eps / 2


def _lower_bounds(x, y, rows, columns):
    """Squared distances minus their error bound, float32 [R, C]; the true ones are at most 2 `_slack` above."""
    bounds = x.low[rows] @ y.low[columns].T
    share = 1 - _rounding(x, np.float32)
    bounds *= -2
    bounds += (x.norms[rows, None] * share - UNDERFLOW).astype(np.float32)
    bounds += (y.norms[columns] * share).astype(np.float32)
    return bounds


def _slack(points, total):
    """The largest error of squared distances in float32 of pairs with |x|^2 + |y|^2 = total."""
    return total * _rounding(points, np.float32) + UNDERFLOW


def _exact(x, y, i, j):
    """Squared distances of the pairs (i, j), float64 [P]."""
    squared = np.empty(len(i))
    step = max(BLOCK**2 // x.low.shape[1] // 2, 1)
    for start in range(0, len(i), step):
        pairs = slice(start, start + step)
        difference = x.centred(i[pairs]) - y.centred(j[pairs])
        squared[pairs] = np.einsum("pd,pd->p", difference, difference)
    return squared


def _exact_block(x, y, rows, columns):
    """Squared distances in float64 [R, C] by one product: for many pairs, faster than `_exact`."""
    across = x.centred(rows) @ y.centred(columns).T
    return np.maximum(x.norms[rows, None] + y.norms[columns] - 2 * across, 0)


def _balls(points, k, side):
    """The `_Balls` about the points, out to their k-th nearest other point."""
    count = len(points)
    if not 1 <= k < count:
        raise ZooError(
            f"k={k} neighbours among {count} {('real', 'fake')[side]} features; expected 1 <= k <= {count - 1}."
        )
    width = min(k + SPARE, count - 1)
    nearest = np.full([count, width], np.inf, np.float32), np.zeros([count, width], np.int64)
    blocks = _slices(points)
    for n, rows in enumerate(blocks):
        for columns in blocks[n:]:
            bounds = _lower_bounds(points, points, rows, columns)
            if rows == columns:
                np.fill_diagonal(bounds, np.inf)
            else:
                _merge(nearest, columns, np.ascontiguousarray(bounds.T), rows)
            _merge(nearest, rows, bounds, columns)
    return _Balls(_kth(points, k, *nearest), side)


def _merge(nearest, rows, bounds, columns):
    """Merges the bounds [R, C] and their columns into the smallest so far, `nearest`."""
    width = nearest[0].shape[1]
    if bounds.shape[1] > width:
        positions = np.argpartition(bounds, width - 1, axis=1)[:, :width]
        bounds = np.take_along_axis(bounds, positions, axis=1)
    else:
        positions = np.broadcast_to(np.arange(bounds.shape[1]), bounds.shape)
    bounds = np.concatenate([nearest[0][rows], bounds], axis=1)
    indices = np.concatenate([nearest[1][rows], positions + columns.start], axis=1)
    least = np.argpartition(bounds, width - 1, axis=1)[:, :width]
    nearest[0][rows] = np.take_along_axis(bounds, least, axis=1)
    nearest[1][rows] = np.take_along_axis(indices, least, axis=1)


def _kth(points, k, bounds, indices):
    """The k-th smallest squared distance [N], from the smallest lower bounds and their indices, both [N, width]."""
    count, width = bounds.shape
    lower = bounds.astype(np.float64)
    upper = lower + 2 * _slack(points, points.norms[:, None] + points.norms[indices])
    # The k-th smallest distance lies between the k-th smallest bounds: what is surely nearer or farther needs no value.
    least, most = (np.partition(x, k - 1, axis=1)[:, k - 1 : k] for x in (lower, upper))
    squared = np.where(upper < least, -np.inf, np.inf)
    unsure = (width < count - 1) & (lower.max(axis=1) <= most[:, 0])  # a point outside the candidates may be nearer
    rows, positions = np.nonzero((upper >= least) & (lower <= most) & ~unsure[:, None])
    squared[rows, positions] = _exact(points, points, rows, indices[rows, positions])
    radii = np.partition(squared, k - 1, axis=1)[:, k - 1]
    rows = np.flatnonzero(unsure)
    step = max(BLOCK**2 // count, 1)
    for chunk in (rows[i : i + step] for i in range(0, len(rows), step)):
        squared = np.concatenate([_exact_block(points, points, chunk, columns) for columns in _slices(points)], axis=1)
        squared[np.arange(len(chunk)), chunk] = np.inf
        radii[chunk] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return radii


def _hits(real, fake, *balls):
    """The `_Hits` of each of `balls`, from one pass over all pairwise distances."""
    hits = [_Hits(*(np.zeros(n, np.int64) for n in (len(real), len(fake), len(fake)))) for _ in balls]
    for rows in _slices(real):
        for columns in _slices(fake):
            bounds = _lower_bounds(real, fake, rows, columns)
            for each, counts in zip(balls, hits, strict=True):
                i, j, is_open = _inside(real, fake, rows, columns, bounds, each)
                counts.real[rows] += np.bincount(i, minlength=bounds.shape[0])
                counts.fake[columns] += np.bincount(j, minlength=bounds.shape[1])
                counts.fake_open[columns] += np.bincount(j[is_open], minlength=bounds.shape[1])
    return hits


def _inside(real, fake, rows, columns, bounds, balls):
    """The pairs of a block in closed balls: rows [P] and columns [P] within the block; bool [P], whether in the open ball."""
    radii = balls.radii[(rows, columns)[balls.side]]
    # The 32 of `_rounding` covers the rounding of the radii here, as of everything that is not a product or a sum.
    pairs = np.flatnonzero(bounds <= np.expand_dims(radii, 1 - balls.side).astype(np.float32))
    i, j = np.divmod(pairs, bounds.shape[1])
    radii = radii[(i, j)[balls.side]]
    total = real.norms[rows][i] + fake.norms[columns][j]
    closed = bounds.ravel()[pairs] + 2 * _slack(real, total) < radii
    is_open = closed.copy()
    doubtful = np.flatnonzero(~closed)
    if len(doubtful) > bounds.size / MANY:
        squared = _exact_block(real, fake, rows, columns).ravel()[pairs[doubtful]]
    else:
        squared = _exact(real, fake, i[doubtful] + rows.start, j[doubtful] + columns.start)
    # Both the distance and the radius are rounded, and the radius involves points up to 3 times as far from the centre.
    tie = 16 * _rounding(real, np.float64) * total[doubtful]
    closed[doubtful] = squared <= radii[doubtful] + tie
    is_open[doubtful] = squared < radii[doubtful] - tie
    return i[closed], j[closed], is_open[closed]
