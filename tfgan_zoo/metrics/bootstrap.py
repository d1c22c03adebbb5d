"""Confidence intervals by drawing the examples at hand anew. Efron 1979; Davison and Hinkley 1997, chapter 5.

To use it, call a score on `resampled` examples a few hundred times and give those values to `centred_interval`.
"""

import numpy as np

from tfgan_zoo.core.errors import ZooError


def resampled(array, rng):
    """As many rows of array [N, ...] as it has, drawn with replacement by a `np.random.Generator`."""
    return array[rng.integers(0, len(array), len(array))]


def centred_interval(value, replicates, level=0.95):
    """(low, high) about `value` that holds its expectation, at this number of examples, in the share `level` of cases.

    That is value + mean - quantiles: the basic (reverse percentile) interval of how resamples scatter about their own
    mean. Examples that are drawn twice make Fréchet distances of resamples larger, and plain quantiles would lie above
    the value. What a score of few examples is biased by in itself stays in: scores are compared at one number of
    examples, and `extrapolation` tells what it would be at infinitely many.

    Args:
        value: the score of the examples at hand.
        replicates: [R], the scores of resamples, 2 / (1 - level) of them or more: 40 for 0.95, better some hundreds.
        level: in (0, 1).

    Raises:
        ZooError: for another level, too few replicates, or NaN or infinity.
    """
    replicates = np.asarray(replicates, np.float64)
    if not 0 < level < 1:
        raise ZooError(f"level={level}; expected a share between 0 and 1, such as 0.95.")
    if replicates.ndim != 1 or len(replicates) * (1 - level) < 2 - 1e-9:
        least = int(np.ceil(2 / (1 - level) - 1e-9))
        raise ZooError(f"replicates of shape {replicates.shape}; a level of {level} needs [R] with R at least {least}.")
    if not (np.isfinite(value) and np.isfinite(replicates).all()):
        raise ZooError(f"the value {value} or a replicate is NaN or infinite; look at the features it was taken from.")
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    mean = replicates.mean()
    return float(value + mean - high), float(value + mean - low)
