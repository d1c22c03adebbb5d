"""The page on the discriminator's spectra: of the kernels that layers compute with, and their summary."""

import functools

import keras
import numpy as np
import pytest

from benchmarks import spectra
from tfgan_zoo.layers import SpectralNormalization, WeightNormalization

KERNEL = np.array([[3.0, 0.0], [0.0, 4.0]], np.float32)


@pytest.mark.parametrize(
    ("wrap", "used"),
    [
        (lambda layer: layer, [[3, 0], [0, 4]]),
        (functools.partial(SpectralNormalization, power_iterations=1), [[0.75, 0], [0, 1]]),
        (functools.partial(WeightNormalization, trainable_length=False), [[1, 0], [0, 1]]),
    ],
)
def test_a_used_kernel_is_the_one_that_its_layer_computes_with(wrap, used):
    images = keras.Input([1, 1, 2], name="images")
    layer = keras.layers.Conv2D(2, 1, name="conv", kernel_initializer=lambda shape, dtype: KERNEL.reshape(shape))
    network = keras.Model({"images": images}, wrap(layer)(images), name="discriminator")
    wrapper = network.layers[-1]
    for _ in range(20):  # power iterations, which begin at random
        wrapper(np.ones([1, 1, 1, 2], np.float32), training=True)
    (kernel,) = spectra.used_kernels(network, np.ones([1, 1, 1, 2], np.float32)).values()
    np.testing.assert_allclose(kernel, used, atol=1e-5)
    np.testing.assert_array_equal(layer.kernel.numpy()[0, 0], KERNEL)


def test_flatness_is_one_if_all_singular_values_are_equal_and_leaves_single_ones_out():
    assert spectra.flatness({"a": np.ones(5), "one": np.ones(1)}) == 1.0
    assert spectra.flatness({"a": np.ones(5), "b": np.array([1, 0.5, 0, 0])}) == (1 + 1.25 / 4) / 2


def test_the_page_compares_the_times_of_each_turn():
    times = {"spectral normalisation": [(0.1, 0.2), (0.2, 0.2)], "gradient penalty": [(0.2, 0.3), (0.3, 0.5)]}
    spectra_by_method = {method: {"a": np.ones(2)} for method in spectra.METHODS}
    text = spectra.page(spectra_by_method, 600, times, 32, "x.png")
    assert "| spectral normalisation | 150.0 | 200.0 |" in text
    assert "| gradient penalty | 250.0 | 400.0 |" in text
    assert "| 1.75 (1.50 to 2.00) | 2.00 (1.50 to 2.50) |" in text
    assert "| weight clipping | 1.00 |" in text
