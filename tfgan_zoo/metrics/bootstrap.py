"""Bootstrap confidence intervals. Efron 1979; Davison and Hinkley 1997, chapter 5.

To use it, compute a score of `resampled` examples a few hundred times and give the values to `centred_interval`.
"""

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.core.errors import ZooError


def resampled(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """N rows of array [N, ...], drawn with replacement.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import resampled
        >>> rows = resampled(np.array([[1, 2], [3, 4], [5, 6]]), np.random.default_rng(0))
        >>> rows.shape, set(map(tuple, rows.tolist())) <= {(1, 2), (3, 4), (5, 6)}
        ((3, 2), True)
    """
    return array[rng.integers(0, len(array), len(array))]


def centred_interval(value: float, replicates: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """(low, high) about `value`, a confidence interval for its expectation at this number of examples.

    This is value + mean - quantiles: the basic (reverse percentile) interval of how resamples scatter about their own
    mean. Repeated examples make Fréchet distances of resamples larger, so that plain quantiles would lie above the value.
    The bias of a score of few examples is not removed: compare scores at the same number of examples, or see
    `extrapolation` for the value at infinitely many.

    Args:
        value: the score of the examples.
        replicates: [R], the scores of resamples, R >= 2 / (1 - level): 40 for 0.95, better some hundreds.
        level: in (0, 1).

    Raises:
        ZooError: for another level, too few replicates, or NaN or infinity.

    Examples:
        The replicates 1, ..., 40 have the mean 20.5, and 95 % of them lie between 1.975 and 39.025:

        >>> from tfgan_zoo.metrics import centred_interval
        >>> low, high = centred_interval(100.0, range(1, 41))
        >>> round(low, 3), round(high, 3)  # 100 + 20.5 - 39.025, 100 + 20.5 - 1.975
        (81.475, 118.525)
    """
    replicates = np.asarray(replicates, np.float64)
    if not 0 < level < 1:
        raise ZooError(f"level={level}; expected a number between 0 and 1, such as 0.95.")
    if replicates.ndim != 1 or len(replicates) * (1 - level) < 2 - 1e-9:
        least = int(np.ceil(2 / (1 - level) - 1e-9))
        raise ZooError(f"replicates of shape {replicates.shape}; a level of {level} needs [R] with R at least {least}.")
    if not (np.isfinite(value) and np.isfinite(replicates).all()):
        raise ZooError(
            f"the value {value} or a replicate is NaN or infinite; check the features they were computed from."
        )
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    mean = replicates.mean()
    return float(value + mean - high), float(value + mean - low)
