"""Fréchet distance at infinitely many samples. Chong and Forsyth 2020 (arXiv:1911.07023).

The distance of N samples is biased upwards by about c / N, with a c that depends on the generator: a smaller distance may
be the smaller bias. A line through the distances of subsets against 1 / N meets 1 / N = 0 at the distance without it.
"""

import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.distances import checked_features, frechet_distance, moments


class Extrapolated(typing.NamedTuple):
    """The line's intercept, its standard error, and what it goes through: counts int [points], distances [points]."""

    value: float
    standard_error: float
    counts: np.ndarray
    distances: np.ndarray


def extrapolated_frechet_distance(real_moments, fake_features, points=15, smallest=None, seed=0):
    """`Extrapolated` Fréchet distance of `Moments` and features [N, D]; the bias by the real count is left as it is.

    Each count's subset is drawn anew, without replacement. The standard error is that of the least squares line: of the
    scatter about it alone, and a little low, since the larger subsets share most of their features.

    Args:
        real_moments: of D dimensions.
        fake_features: [N, D], N above `smallest`.
        points: how many counts, 3 or more, evenly spaced from smallest to N.
        smallest: by default the larger of D + 1, from which on covariances are not singular, and N // 10, as in the
            paper. `frechet_distance` warns where it is below D + 1: the bias is then not c / N.
        seed: draws the subsets.

    Raises:
        ZooError: for features that are not finite or of another D, and for fewer of them than the counts need.
    """
    features = checked_features(fake_features)
    count, dimension = features.shape
    smallest = max(dimension + 1, count // 10) if smallest is None else smallest
    if points < 3 or smallest < 2 or count - smallest < points - 1:
        raise ZooError(
            f"points={points} counts from smallest={smallest} to {count} features of {dimension} dimensions; expected"
            f" 3 points or more, smallest >= 2, and {max(smallest, 2) + max(points, 3) - 1} features or more."
        )
    counts = np.linspace(smallest, count, points).round().astype(np.int64)
    random = np.random.default_rng(seed)
    subsets = (features[random.choice(count, n, replace=False)] for n in counts)
    distances = np.array([frechet_distance(real_moments, moments(subset)) for subset in subsets])
    return Extrapolated(*_intercept(1 / counts, distances), counts, distances)


def _intercept(x, y):
    """(value at x = 0, its standard error) of the least squares line through three points (x, y) or more."""
    spread = ((x - x.mean()) ** 2).sum()
    slope = ((x - x.mean()) * y).sum() / spread
    value = y.mean() - slope * x.mean()
    variance = ((y - value - slope * x) ** 2).sum() / (len(x) - 2)
    return float(value), float(np.sqrt(variance * (1 / len(x) + x.mean() ** 2 / spread)))
