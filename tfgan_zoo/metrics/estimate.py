"""One number of a score, with its uncertainty."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.metrics.agreement import proportion
from tfgan_zoo.metrics.bootstrap import resampled


class Estimate(NamedTuple):
    """A named value.

    Attributes:
        name: of the value.
        value: the number.
        standard_error: of the value; for an inception score the deviation over its splits, as papers report. None: unknown.
        resample: function (NumPy generator) -> the value for a resample, with replacement, of the examples, for a confidence
            interval. None if there is none.
        bounds: the range of the value.
    """

    name: str
    value: float
    standard_error: float | None = None
    resample: Callable[[np.random.Generator], float] | None = None
    bounds: tuple[float, float] = (-np.inf, np.inf)


def mean_of(name: str, values: ArrayLike) -> Estimate:
    """The `Estimate` of the mean of values [N], bool or float, one per example."""
    bounds = (0.0, 1.0) if np.asarray(values).dtype == bool else (-np.inf, np.inf)
    values = np.asarray(values, np.float64)
    return Estimate(name, *proportion(values), lambda random: float(resampled(values, random).mean()), bounds)
