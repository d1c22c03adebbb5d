"""One number that a score gives, with how sure it is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfgan_zoo.metrics.agreement import share
from tfgan_zoo.metrics.bootstrap import resampled


class Estimate(NamedTuple):
    """A named value.

    standard_error: of the value; of an inception score the deviation over its splits, as papers write it. None: not known.
    resample: function (NumPy generator) -> the value of a sample drawn anew, with replacement, from what was measured, for
        a confidence interval. None where there is no such thing.
    bounds: between which the value lies by what it is.
    """

    name: str
    value: float
    standard_error: float | None = None
    resample: Callable[[np.random.Generator], float] | None = None
    bounds: tuple[float, float] = (-np.inf, np.inf)


def mean_of(name, values):
    """The `Measurement` of the mean of values [N], bool or float, one an example."""
    bounds = (0.0, 1.0) if np.asarray(values).dtype == bool else (-np.inf, np.inf)
    values = np.asarray(values, np.float64)
    return Estimate(name, *share(values), lambda random: float(resampled(values, random).mean()), bounds)
