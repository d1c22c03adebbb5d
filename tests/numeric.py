"""What tests of formulas share: elementwise closeness and gradients by finite differences."""

import numpy as np


def assert_all_close(actual, expected, tolerance=1e-12):
    """Every element within `tolerance`, absolute and relative together, compared in float64."""
    np.testing.assert_allclose(np.asarray(actual, "float64"), expected, rtol=tolerance, atol=tolerance)


def central_differences(function, start, step=1e-5):
    """The central differences of a scalar function of a float64 array."""
    differences = np.zeros_like(start)
    for index in np.ndindex(start.shape):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * step
            ends.append(float(function(moved)))
        differences[index] = (ends[0] - ends[1]) / (2 * step)
    return differences
