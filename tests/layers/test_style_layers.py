"""Modulated convolutions beside a kernel per example, learning-rate multipliers, and the layers around them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.layers import (
    BlurUpsampleConv2D,
    EqualizedDense,
    ModulatedBlurUpsampleConv2D,
    ModulatedConv2D,
)
from tfgan_zoo.training.native_precision import precision

RANDOM = np.random.default_rng(0)
X, STYLES = RANDOM.normal(size=(3, 6, 6, 4)), RANDOM.normal(size=(3, 4))


def built(layer):
    """The layer in float64, with a random bias."""
    layer.build([X.shape, STYLES.shape])
    if layer.use_bias:
        layer.bias.assign(RANDOM.normal(size=layer.bias.shape))
    return layer


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_a_modulated_convolution_has_a_kernel_of_its_own_for_each_example(up, demodulate):
    kind = ModulatedBlurUpsampleConv2D if up else ModulatedConv2D
    layer = built(kind(5, kernel_size=3, padding="same", demodulate=demodulate, dtype="float64"))
    plain_kind = BlurUpsampleConv2D if up else keras.layers.Conv2D
    plain = plain_kind(5, kernel_size=3, padding="same", dtype="float64")
    plain.build(X.shape)
    plain.bias.assign(layer.bias)
    outputs = layer([X, STYLES]).numpy()
    for i, style in enumerate(STYLES):
        kernel = layer.kernel.numpy() * style[:, None]
        kernel = kernel / np.sqrt((kernel**2).sum((0, 1, 2)) + 1e-8) if demodulate else kernel / np.sqrt(3 * 3 * 4)
        plain.kernel.assign(kernel)
        np.testing.assert_allclose(outputs[i], plain(X[i : i + 1])[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [ModulatedConv2D, ModulatedBlurUpsampleConv2D])
def test_its_gradient_by_the_styles_can_be_differentiated_once_more(kind):
    """As path lengths do; beside differences."""
    layer = built(kind(2, kernel_size=3, padding="same", dtype="float64"))

    def squared_gradient(styles):
        with tf.GradientTape() as tape:
            tape.watch(styles)
            total = tf.reduce_sum(layer([X, styles]) ** 3)
        return tf.reduce_sum(tape.gradient(total, styles) ** 2)

    styles, step = tf.constant(STYLES), 1e-6 * tf.constant(RANDOM.normal(size=STYLES.shape))
    with tf.GradientTape() as tape:
        tape.watch(styles)
        value = squared_gradient(styles)
    expected = tf.reduce_sum(tape.gradient(value, styles) * step)
    difference = (squared_gradient(styles + step) - squared_gradient(styles - step)) / 2
    np.testing.assert_allclose(difference, expected, rtol=1e-5)


def test_a_rate_multiplier_changes_how_fast_a_layer_learns_and_not_what_it_computes():
    x = RANDOM.normal(size=(7, 4))
    plain, slow = (EqualizedDense(3, gain=1, rate_multiplier=m, dtype="float64") for m in (1.0, 0.01))
    for layer in (plain, slow):
        layer.build(x.shape)
    slow.kernel.assign(plain.kernel / 0.01)
    plain.bias.assign([1.0, 2.0, 3.0])
    slow.bias.assign(plain.bias / 0.01)
    np.testing.assert_allclose(slow(x), plain(x))
    new = EqualizedDense(200, rate_multiplier=0.01)
    new.build((None, 200))
    np.testing.assert_allclose(new.kernel.numpy().std(), 100, rtol=0.02)


@pytest.mark.parametrize("kind", [ModulatedConv2D, ModulatedBlurUpsampleConv2D])
def test_demodulated_features_keep_their_size_in_bfloat16_and_the_kernel_its_precision(kind):
    with precision("mixed_bfloat16"):
        layer = kind(64, kernel_size=3, padding="same")
        outputs = layer([tf.random.stateless_normal([2, 16, 16, 64], [0, 1]), 100 * tf.ones([2, 64])])
    assert (outputs.dtype, layer.kernel.dtype) == ("bfloat16", "float32")
    assert 0.5 < np.asarray(outputs[:, 4:-4, 4:-4], np.float32).std() < 1.5


@pytest.mark.parametrize("kind", [ModulatedConv2D, ModulatedBlurUpsampleConv2D])
def test_demodulated_sums_do_not_overflow_in_float16(kind):
    random = np.random.default_rng(1)
    x, styles = 256 * np.abs(random.normal(size=[2, 8, 8, 64])), 1000 * np.abs(random.normal(size=[2, 64]))
    exact = kind(4, kernel_size=3, padding="same")
    expected = np.asarray(exact([tf.constant(x, tf.float32), tf.constant(styles, tf.float32)]))
    with precision("mixed_float16"):
        layer = kind(4, kernel_size=3, padding="same")
        layer.build([x.shape, styles.shape])
        layer.kernel.assign(exact.kernel)
        outputs = layer([tf.constant(x, tf.float16), tf.constant(styles, tf.float32)])
    assert outputs.dtype == "float16"
    np.testing.assert_allclose(np.asarray(outputs, np.float32), expected, atol=5e-3 * np.abs(expected).max())
