"""How far each of two sets lies within the other's manifold: precision, recall, density and coverage, per example.

Precision and recall are those of Kynkäänniemi et al. 2019 (arXiv:1904.06991), density and coverage those of Naeem et al.
2020 (arXiv:2002.09797). A set's manifold is the union of balls, one about each example, that reach to the example's k-th
nearest neighbour in its own set. Each score is the mean of the values returned, which a bootstrap may draw from.

Balls are closed, as the first paper writes, so that a set with repeated examples still has precision, recall and coverage
1 to itself. Density alone counts open balls, as its authors' code does: the mean of a set without ties to itself is then
1, and not (k + 1) / k. Without ties the two kinds are one.

Distances are taken in float32 with a bound of their error; what the bound leaves open is settled in float64, where squared
distances count as equal that differ by less than rounding may: for 2048 dimensions by 4e-12 of the points' squared
distances from the middle of all, which is less than float32 features tell.
"""

import dataclasses
import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.distances import checked_features

BLOCK = 2048  # rows and columns of a matrix of distances held at once: 2048 * 2048 * 4 bytes = 16 MiB
SPARE = 8  # neighbours kept beyond the k-th, for by float32 distances it may be another
MANY = 32  # above one pair in so many, a block is taken in float64 as a whole, which is then faster than pair by pair
SOME = 128  # examples of either set that the centre is taken of, twice as many at most
UNDERFLOW = 1e-30  # over what products below float32's range can amount to, where the largest feature is 1


class PrecisionRecall(typing.NamedTuple):
    """precision: bool [M], the fake lies in a real ball; recall: bool [N], the real lies in a fake ball."""

    precision: np.ndarray
    recall: np.ndarray


class DensityCoverage(typing.NamedTuple):
    """density: float [M], how many real balls the fake lies in, over k; coverage: bool [N], a fake is in the real's ball."""

    density: np.ndarray
    coverage: np.ndarray


def precision_recall(real, fake, k=3):
    """`PrecisionRecall` of features [N, D] and [M, D]; each mean is a share in [0, 1].

    Memory is bounded whatever N, but for a float32 copy of the features. Raises `ZooError` for features that are not
    finite or not of one D, and for a k that is not in 1 .. min(N, M) - 1.
    """
    real, fake = _points(real, fake)
    return _precision_recall(*_hits(real, fake, _balls(real, k, 0), _balls(fake, k, 1)))


def density_coverage(real, fake, k=5):
    """`DensityCoverage` of features [N, D] and [M, D]; the mean density is about 1 for samples of one distribution.

    Bounded and raising as `precision_recall`, but that k is to be in 1 .. N - 1: the fakes have no balls.
    """
    real, fake = _points(real, fake)
    return _density_coverage(*_hits(real, fake, _balls(real, k, 0)), k)


def manifold_scores(real, fake, k=3, density_k=5):
    """(`precision_recall` with k, `density_coverage` with density_k), from one pass over the distances across."""
    real, fake = _points(real, fake)
    balls = _balls(real, k, 0), _balls(fake, k, 1), _balls(real, density_k, 0)
    *by_k, by_density_k = _hits(real, fake, *balls)
    return _precision_recall(*by_k), _density_coverage(by_density_k, density_k)


@dataclasses.dataclass(frozen=True)
class _Points:
    """Features [N, D] as they came, and what the distances are taken from: (features * scale - centre) in float32."""

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
    """How many pairs with each real [N] and each fake [M] lie in the closed ball, and with each fake in the open one."""

    real: np.ndarray
    fake: np.ndarray
    fake_open: np.ndarray


def _precision_recall(about_real, about_fake):
    return PrecisionRecall(about_real.fake > 0, about_fake.real > 0)


def _density_coverage(about_real, k):
    return DensityCoverage(about_real.fake_open / k, about_real.real > 0)


def _points(real, fake):
    """Both sets as `_Points` of one scale, a power of two, and one centre: the sums of squares can't overflow."""
    real, fake = checked_features(real), checked_features(fake)
    if real.shape[1] != fake.shape[1]:
        raise ZooError(f"real features have {real.shape[1]} dimensions, fake ones {fake.shape[1]}; expected the same.")
    largest = max(np.abs(real).max(), np.abs(fake).max())
    scale = 2.0 ** -np.clip(np.frexp(np.float64(largest))[1], -1000, 1000)
    # Any centre would do; the median of some is near most points even where a few are far off.
    some = [x[:: max(len(x) // SOME, 1)].astype(np.float64) for x in (real, fake)]
    centre = np.median(np.concatenate(some) * scale, axis=0)
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
    """c with |computed - true| <= c (|x|^2 + |y|^2) for |x|^2 + |y|^2 - 2 x.y: D products and sums, and some more."""
    return (points.low.shape[1] + 32) * np.finfo(dtype).eps / 2


def _lower_bounds(x, y, rows, columns):
    """Squared distances less their error, float32 [R, C]; the true ones are at most 2 `_slack` above."""
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
    """Squared distances in float64 [R, C] by one product: for so many pairs that one by one would take longer."""
    across = x.centred(rows) @ y.centred(columns).T
    return np.maximum(x.norms[rows, None] + y.norms[columns] - 2 * across, 0)


def _balls(points, k, side):
    """The `_Balls` about the points that reach to their k-th nearest other one."""
    count = len(points)
    if not 1 <= k < count:
        raise ZooError(
            f"k={k} neighbours among {count} {('real', 'fake')[side]} features; expected 1 <= k <= {count - 1}."
        )
    kept = min(k + SPARE, count - 1)
    nearest = np.full([count, kept], np.inf, np.float32), np.zeros([count, kept], np.int64)
    blocks = _slices(points)
    for n, rows in enumerate(blocks):
        for columns in blocks[n:]:
            bounds = _lower_bounds(points, points, rows, columns)
            if rows == columns:
                np.fill_diagonal(bounds, np.inf)
            else:
                _keep(nearest, columns, np.ascontiguousarray(bounds.T), rows)
            _keep(nearest, rows, bounds, columns)
    return _Balls(_kth(points, k, *nearest), side)


def _keep(nearest, rows, bounds, columns):
    """Puts those of the bounds [R, C] that are among the least so far, and their columns, into `nearest`."""
    kept = nearest[0].shape[1]
    if bounds.shape[1] > kept:
        places = np.argpartition(bounds, kept - 1, axis=1)[:, :kept]
        bounds = np.take_along_axis(bounds, places, axis=1)
    else:
        places = np.broadcast_to(np.arange(bounds.shape[1]), bounds.shape)
    bounds = np.concatenate([nearest[0][rows], bounds], axis=1)
    indices = np.concatenate([nearest[1][rows], places + columns.start], axis=1)
    least = np.argpartition(bounds, kept - 1, axis=1)[:, :kept]
    nearest[0][rows] = np.take_along_axis(bounds, least, axis=1)
    nearest[1][rows] = np.take_along_axis(indices, least, axis=1)


def _kth(points, k, bounds, indices):
    """The k-th least squared distance [N], from the least bounds and whose they are, both [N, kept]."""
    count, kept = bounds.shape
    lower = bounds.astype(np.float64)
    upper = lower + 2 * _slack(points, points.norms[:, None] + points.norms[indices])
    # The k-th least distance is between the k-th least bounds: nearer ones are under it, farther ones over it.
    least, most = (np.partition(x, k - 1, axis=1)[:, k - 1 : k] for x in (lower, upper))
    squared = np.where(upper < least, -np.inf, np.inf)
    unsure = (kept < count - 1) & (lower.max(axis=1) <= most[:, 0])  # one that was not kept may be nearer
    rows, places = np.nonzero((upper >= least) & (lower <= most) & ~unsure[:, None])
    squared[rows, places] = _exact(points, points, rows, indices[rows, places])
    radii = np.partition(squared, k - 1, axis=1)[:, k - 1]
    rows = np.flatnonzero(unsure)
    step = max(BLOCK**2 // count, 1)
    for some in (rows[i : i + step] for i in range(0, len(rows), step)):
        squared = np.concatenate([_exact_block(points, points, some, columns) for columns in _slices(points)], axis=1)
        squared[np.arange(len(some)), some] = np.inf
        radii[some] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return radii


def _hits(real, fake, *balls):
    """The `_Hits` of each of `balls`, from one pass over the distances of all pairs."""
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
    """The pairs of a block in the closed balls: rows [P] and columns [P] within the block; bool [P], in the open ball too."""
    radii = balls.radii[(rows, columns)[balls.side]]
    # That the radii are rounded here is allowed for by the 32 of `_rounding`, as all that is not a product or a sum.
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
    # Both it and the radius, of which either point may be 3 times as far from the centre, are rounded.
    tie = 16 * _rounding(real, np.float64) * total[doubtful]
    closed[doubtful] = squared <= radii[doubtful] + tie
    is_open[doubtful] = squared < radii[doubtful] - tie
    return i[closed], j[closed], is_open[closed]
