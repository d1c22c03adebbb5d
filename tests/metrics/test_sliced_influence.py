"""The influence of images on their sliced Wasserstein distance: by hand, by small changes of weights, and by resampling."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from tfgan_zoo.metrics.sliced_influence import image_influences, point_influences
from tfgan_zoo.metrics.sliced_wasserstein import sliced_wasserstein


class Descriptors:
    """A stand-in for `PatchDescriptors`: one level, of `count` images with `patches` each."""

    def __init__(self, rows, patches):
        self.rows, self.patches, self.count = rows.astype(np.float32), patches, len(rows) // patches
        self.sizes, self.image_shape = {"16": (16, 16)}, (16, 16, 1)

    def level(self, name):
        return self.rows


def test_with_all_reals_at_0_a_fake_point_has_its_distance_minus_the_mean_distance():
    reals, fakes = point_influences(np.zeros(4), np.array([1.0, 2.0, 3.0, 10.0]))
    np.testing.assert_allclose(fakes, [-3, -2, -1, 6], atol=1e-12)
    np.testing.assert_allclose(reals, np.zeros(4), atol=1e-12)


def test_influences_are_derivatives_with_respect_to_the_weight_of_a_point():
    """By central differences, which are also 0 where F - G changes its sign."""
    random, step = np.random.default_rng(0), 1e-6
    reals, fakes = random.normal(size=30), random.normal(0.4, 2, size=30)
    real_influences, fake_influences = point_influences(reals, fakes)
    for i in range(30):
        heavier, lighter = (np.eye(30)[i] * h + (1 - h) / 30 for h in (step, -step))
        slope = wasserstein_distance(reals, fakes, heavier) - wasserstein_distance(reals, fakes, lighter)
        assert real_influences[i] == pytest.approx(slope / (2 * step), abs=1e-5)
        slope = wasserstein_distance(reals, fakes, None, heavier) - wasserstein_distance(reals, fakes, None, lighter)
        assert fake_influences[i] == pytest.approx(slope / (2 * step), abs=1e-5)


def test_scatter_of_influences_equals_that_of_the_distance_between_new_samples():
    """400 points each of N(0, 1) and N(2, 1), whose distance is the difference of means: deviation sqrt(2 / 400)."""
    random = np.random.default_rng(0)
    parts = point_influences(random.normal(size=400), random.normal(2, size=400))
    assert np.sqrt(sum(part.var() for part in parts) / 400) == pytest.approx(np.sqrt(2 / 400), rel=0.1)


def test_resampled_images_move_the_sliced_distance_by_the_mean_of_their_influences():
    random, patches, count = np.random.default_rng(0), 5, 300
    sets = [np.repeat(random.normal(size=(count, 6)), patches, axis=0) for _ in range(2)]
    real, fake = (Descriptors(rows + 0.5 * random.normal(size=rows.shape), patches) for rows in sets)
    fake.rows += 1.5
    value, influences = sliced_wasserstein(real, fake, 64)["16"], image_influences(real, fake, 64)["16"]
    assert [part.shape for part in influences] == [(count,)] * 2
    np.testing.assert_allclose([part.mean() for part in influences], 0, atol=1e-6 * value)
    exact, predicted = [], []
    for _ in range(20):
        indices = [random.integers(0, count, count) for _ in range(2)]
        resampled = [
            Descriptors(x.rows.reshape(count, patches, 6)[rows].reshape(-1, 6), patches)
            for x, rows in zip((real, fake), indices, strict=True)
        ]
        exact.append(sliced_wasserstein(*resampled, 64)["16"])
        predicted.append(value + sum(part[rows].mean() for part, rows in zip(influences, indices, strict=True)))
    assert np.corrcoef(exact, predicted)[0, 1] > 0.99
    np.testing.assert_allclose(predicted, exact, rtol=0.02)
