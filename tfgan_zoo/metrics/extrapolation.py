"""Fréchet distance at infinitely many samples. Chong and Forsyth 2020 (arXiv:1911.07023).

The distance of N samples is biased upwards by about c / N, where c depends on the generator, so a smaller distance may only
be a smaller bias. A line fitted to the distances of subsets against 1 / N gives the unbiased distance at 1 / N = 0.
"""

import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.distances import Moments, checked_features, frechet_distance, moments


class Extrapolated(typing.NamedTuple):
    """The line's intercept, its standard error, and the points it is fitted to: counts int [points], distances [points]."""

    value: float
    standard_error: float
    counts: np.ndarray
    distances: np.ndarray


def extrapolated_frechet_distance(
    real_moments: Moments, fake_features: np.ndarray, points: int = 15, smallest: int | None = None, seed: int = 0
) -> Extrapolated:
    """Fréchet distance of `Moments` and features [N, D], extrapolated to N = infinity. The bias of the reals remains.

    The subset for each count is drawn independently, without replacement. The standard error is that of the least squares
    line: it covers only the scatter about it, and is a little low, since the larger subsets share most of their features.

    Args:
        real_moments: of D dimensions.
        fake_features: [N, D], N above `smallest`.
        points: number of counts, 3 or more, evenly spaced from `smallest` to N.
        smallest: by default the larger of D + 1, the least for which covariances are not singular, and N // 10, as in the
            paper. `frechet_distance` warns below D + 1: the bias is then not c / N.
        seed: for drawing the subsets.

    Raises:
        ZooError: features are not finite or of another D, or too few for the counts.

    Examples:
        The bias of 1,000 samples in 16 dimensions nearly vanishes:

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import Moments, extrapolated_frechet_distance, frechet_distance, moments
        >>> features = np.random.default_rng(0).normal(size=[1000, 16])
        >>> real = Moments(np.zeros(16), np.eye(16), 10**6)
        >>> biased, extrapolated = frechet_distance(real, moments(features)), extrapolated_frechet_distance(real, features)
        >>> abs(extrapolated.value) < biased / 5
        True
    """
    features = checked_features(fake_features)
    count, dimension = features.shape
    smallest = max(dimension + 1, count // 10) if smallest is None else smallest
    if points < 3 or smallest < 2 or count - smallest < points - 1:
        raise ZooError(
            f"points={points} counts from smallest={smallest} to {count} features of {dimension} dimensions; expected"
            f" at least 3 points, smallest >= 2, and at least {max(smallest, 2) + max(points, 3) - 1} features."
        )
    counts = np.linspace(smallest, count, points).round().astype(np.int64)
    random = np.random.default_rng(seed)
    subsets = (features[random.choice(count, n, replace=False)] for n in counts)
    distances = np.array([frechet_distance(real_moments, moments(subset)) for subset in subsets])
    return Extrapolated(*_intercept(1 / counts, distances), counts, distances)


def _intercept(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """(value at x = 0, its standard error) of the least squares line through three or more points (x, y)."""
    spread = ((x - x.mean()) ** 2).sum()
    slope = ((x - x.mean()) * y).sum() / spread
    value = y.mean() - slope * x.mean()
    variance = ((y - value - slope * x) ** 2).sum() / (len(x) - 2)
    return float(value), float(np.sqrt(variance * (1 / len(x) + x.mean() ** 2 / spread)))
