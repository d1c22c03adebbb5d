"""Grouped and depthwise convolutions and resampling with the filter [1, 3, 3, 1], against NumPy in float64, by hand and up to
second-order gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close

from tfgan_zoo.layers import (
    BlurDownsample2D,
    BlurDownsampleConv2D,
    BlurUpsample2D,
    BlurUpsampleConv2D,
    DepthwiseConv2D,
    EqualizedDepthwiseConv2D,
    EqualizedGroupedConv2D,
    GroupedConv2D,
    SpectralNormalization,
)
from tfgan_zoo.layers.grouped_conv import BLOCK


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# ----------------------------------------------------------------------------------------------------- NumPy's versions


def pad_same(x, size, stride):
    """x [B, H, W, C] with TensorFlow's `SAME` padding along both axes."""
    pads = []
    for side, k, s in zip(x.shape[1:3], size, stride, strict=True):
        total = max((-(-side // s) - 1) * s + k - side, 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(x, [(0, 0), *pads, (0, 0)])


def convolution(x, kernel, groups, strides=(1, 1), padding="valid"):
    """Grouped correlation, a loop over output pixels and groups. kernel: [h, w, channels / groups, filters]."""
    h, w, size, filters = kernel.shape
    x = pad_same(x, (h, w), strides) if padding == "same" else x
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(x.shape[1:3], (h, w), strides, strict=True))
    y = np.zeros([len(x), rows, columns, filters])
    for i, j in np.ndindex(rows, columns):
        window = x[:, i * strides[0] : i * strides[0] + h, j * strides[1] : j * strides[1] + w]
        for g in range(groups):
            outputs = slice(g * filters // groups, (g + 1) * filters // groups)
            group_window = window[..., g * size : (g + 1) * size]
            y[:, i, j, outputs] = np.tensordot(group_window, kernel[..., outputs], 3)
    return y


def upfirdn(x, taps, up, down, before, after, gain):
    """Zero insertion, padding, true convolution with normalised taps along both axes, every `down`-th pixel."""
    b, h, w, c = x.shape
    stuffed = np.zeros([b, h * up, w * up, c])
    stuffed[:, ::up, ::up] = x
    stuffed = np.pad(stuffed, [(0, 0), (before, after), (before, after), (0, 0)])
    f = np.outer(taps, taps) / np.sum(taps) ** 2 * gain
    size = len(taps)
    height, width = stuffed.shape[1] - size + 1, stuffed.shape[2] - size + 1
    y = np.zeros([b, height, width, c])
    for i, j in np.ndindex(size, size):
        y += f[size - 1 - i, size - 1 - j] * stuffed[:, i : i + height, j : j + width]
    return y[:, ::down, ::down]


def check_second_order(layer, x):
    """The gradients of the penalty |d sum(tanh(layer(x))) / dx|^2, summed over x, with respect to x and the weights: along a
    random direction of each they equal the penalty's central difference."""
    layer(x)
    start = [x, *(w.numpy() for w in layer.trainable_variables)]
    variables = [w.value for w in layer.trainable_variables]

    @tf.function
    def penalty_and_gradients(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                score = tf.reduce_sum(tf.tanh(layer(x)))
            penalty = tf.reduce_sum(tf.square(inner.gradient(score, x)))
        return penalty, outer.gradient(penalty, [x, *variables])

    def penalty_at(values):
        for weight, value in zip(layer.trainable_variables, values[1:], strict=True):
            weight.assign(value)
        return penalty_and_gradients(tf.constant(values[0]))[0].numpy()

    _, gradients = penalty_and_gradients(tf.constant(x))
    for i, gradient in enumerate(gradients):
        direction = normal(*start[i].shape, seed=20 + i)
        ends = [[*start[:i], start[i] + step * direction, *start[i + 1 :]] for step in (1e-5, -1e-5)]
        difference = (penalty_at(ends[0]) - penalty_at(ends[1])) / 2e-5
        assert abs(difference) > 1e-3
        assert_all_close(np.sum(gradient * direction), difference, 1e-7)


# --------------------------------------------------------------------------------------------------- grouped convolution

# Channels, groups and filters: one group, one block, several blocks, a last block that is smaller, groups wider than a block,
# depthwise with one and with two outputs per channel.
WIDTHS = {
    "one group": (6, 1, 4),
    "one block": (12, 4, 8),
    "three blocks": (3 * BLOCK, 3 * BLOCK // 4, 3 * BLOCK // 2),
    "a smaller last block": (7 * 10, 7, 14),
    "groups wider than a block": (2 * (BLOCK + 2), 2, 4),
    "depthwise": (5, 5, 5),
    "depthwise with multiplier": (5, 5, 10),
}
every_width = pytest.mark.parametrize(("channels", "groups", "filters"), WIDTHS.values(), ids=WIDTHS)


@every_width
@pytest.mark.parametrize(
    ("size", "strides", "padding"),
    [((1, 1), (1, 1), "same"), ((3, 3), (1, 1), "same"), ((3, 2), (2, 2), "same"), ((4, 4), (1, 1), "valid")],
)
@pytest.mark.usefixtures("double")
def test_grouped_convolution_and_its_gradients_equal_a_loop_over_groups(
    channels, groups, filters, size, strides, padding
):
    """The directional derivative of a bilinear function in one argument is the function itself, applied to the direction."""
    layer = GroupedConv2D(filters, size, strides, padding, groups=groups, use_bias=False)
    x, x_direction = tf.constant(normal(2, 4, 5, channels)), normal(2, 4, 5, channels, seed=1)
    layer.build(x.shape)
    kernel, kernel_direction = layer.kernel.numpy(), normal(*layer.kernel.shape, seed=2)
    assert kernel.shape == (*size, channels // groups, filters)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        coefficients = normal(*y.shape, seed=3)
        loss = tf.reduce_sum(y * coefficients)
    assert_all_close(y, convolution(x.numpy(), kernel, groups, strides, padding))
    x_gradient, kernel_gradient = tape.gradient(loss, [x, layer.kernel.value])
    along_x = np.sum(convolution(x_direction, kernel, groups, strides, padding) * coefficients)
    along_kernel = np.sum(convolution(x.numpy(), kernel_direction, groups, strides, padding) * coefficients)
    assert_all_close(np.sum(x_gradient * x_direction), along_x, 1e-11)
    assert_all_close(np.sum(kernel_gradient * kernel_direction), along_kernel, 1e-11)


def test_unequal_strides_and_dilation_equal_keras():
    x = normal(2, 9, 7, 12).astype("float32")
    for settings in ({"strides": (2, 1)}, {"dilation_rate": 2}):
        for groups in (3, 12):
            ours, keras_own = (
                kind(12, 3, padding="same", groups=groups, activation="relu", **settings)
                for kind in (GroupedConv2D, keras.layers.Conv2D)
            )
            keras_own.build(x.shape)
            ours.build(x.shape)
            keras_own.bias.assign(normal(12, seed=4))
            ours.set_weights(keras_own.get_weights())
            assert_all_close(ours(x), keras_own(x), 1e-5)
            assert ours.compute_output_shape(x.shape) == keras_own.compute_output_shape(x.shape)


def test_channels_first_equals_channels_last_transposed():
    """Compiled by XLA, as TensorFlow convolves this layout on CPU only then."""
    x = normal(2, 4, 5, 12).astype("float32")
    for groups in (3, 12):
        first = GroupedConv2D(6 * groups, 3, groups=groups, data_format="channels_first")
        last = GroupedConv2D(6 * groups, 3, groups=groups)
        last.build(x.shape)
        first.build(x.transpose(0, 3, 1, 2).shape)
        first.set_weights(last.get_weights())
        outputs = tf.function(first, jit_compile=True)(x.transpose(0, 3, 1, 2))
        assert_all_close(np.transpose(outputs, [0, 2, 3, 1]), last(x), 1e-5)


def test_a_group_sees_only_its_own_channels():
    """Also within one block: changing channels 2 and 3 of 8 changes only outputs 2 and 3."""
    layer = GroupedConv2D(8, 3, padding="same", groups=4, use_bias=False)
    x = normal(1, 3, 3, 8).astype("float32")
    before = layer(x).numpy()
    x[..., 2:4] += 1
    changes = np.abs(layer(x).numpy() - before).max(axis=(0, 1, 2))
    assert (changes > 0).tolist() == [False, False, True, True, False, False, False, False]


@pytest.mark.parametrize(("channels", "groups"), [(6, 2), (4, 4), (3 * BLOCK, 3 * BLOCK // 16)])
@pytest.mark.usefixtures("double")
def test_gradient_penalty_through_a_grouped_convolution_has_the_right_gradients(channels, groups):
    layer = GroupedConv2D(groups, 2, groups=groups, kernel_initializer=keras.initializers.RandomNormal(stddev=0.4))
    check_second_order(layer, normal(1, 2, 2, channels) / 4)


def test_groups_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="filters must be evenly divisible"):
        GroupedConv2D(4, 3, groups=3)
    with pytest.raises(ValueError, match="channels must be evenly divisible"):
        GroupedConv2D(4, 3, groups=4).build([None, 4, 4, 6])


def test_two_replicas_have_the_gradients_of_one(two_replicas):
    x = normal(4, 4, 4, 12).astype("float32")

    def gradients(layer, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x)))
        return tape.gradient(loss, [w.value for w in layer.trainable_variables])

    one = GroupedConv2D(8, 3, groups=4, kernel_initializer=keras.initializers.RandomNormal(seed=1))
    one.build(x.shape)
    expected = gradients(one, tf.constant(x))
    with two_replicas.scope():
        two = GroupedConv2D(8, 3, groups=4, kernel_initializer=keras.initializers.RandomNormal(seed=1))
        two.build(x.shape)
    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: tf.constant(x[2 * context.replica_id_in_sync_group :][:2])
    )
    on_both = tf.function(lambda x: two_replicas.run(gradients, (two, x)))(halves)
    for gradient, wanted in zip(on_both, expected, strict=True):
        assert_all_close(two_replicas.reduce("SUM", gradient, axis=None), wanted, 1e-4)


# ------------------------------------------------------------------------------------------------- depthwise convolution


@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_convolution_equals_keras_with_its_kernel_flattened(multiplier):
    x = normal(2, 5, 4, 6).astype("float32")
    keras_own = keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=multiplier)
    ours = DepthwiseConv2D(3, multiplier, padding="same")
    for layer in (keras_own, ours):
        layer.build(x.shape)
    ours.kernel.assign(tf.reshape(keras_own.kernel.value, [3, 3, 1, 6 * multiplier]))
    assert_all_close(ours(x), keras_own(x), 1e-6)
    assert ours.compute_output_shape(x.shape) == keras_own.compute_output_shape(x.shape) == (2, 5, 4, 6 * multiplier)


def test_depthwise_kernel_over_the_whole_map_is_an_inner_product_per_channel():
    """The end of R3GAN's discriminator."""
    x = normal(2, 4, 4, 3).astype("float32")
    layer = DepthwiseConv2D(4, use_bias=False)
    y = layer(x)
    assert_all_close(y[:, 0, 0], np.einsum("bhwc,hwc->bc", x, layer.kernel.numpy()[:, :, 0]), 1e-5)


def test_fan_in_of_a_depthwise_kernel_is_its_size():
    """16 for 4x4: He's variance is 2 / 16. The variance of 8,192 draws has a relative standard error of 1.6%."""
    layer = DepthwiseConv2D(4, kernel_initializer=keras.initializers.HeNormal(seed=0))
    layer.build([None, 8, 8, 512])
    assert abs(layer.kernel.numpy().var() / (2 / 16) - 1) < 0.08


@pytest.mark.usefixtures("double")
def test_gradient_penalty_through_a_depthwise_convolution_has_the_right_gradients():
    initializer = keras.initializers.RandomNormal(stddev=0.4)
    check_second_order(DepthwiseConv2D(2, 2, kernel_initializer=initializer), normal(1, 3, 2, 2) / 2)


def test_equalised_kernels_are_scaled_by_the_channels_of_one_group():
    """For kernels of ones: 9 * 2 * sqrt(2 / 18) = 6 in groups of 2 channels, and 9 * sqrt(2 / 9) depthwise."""
    x = np.ones([1, 3, 3, 8], "float32")
    assert_all_close(
        EqualizedGroupedConv2D(4, 3, groups=4, kernel_initializer="ones")(x), np.full([1, 1, 1, 4], 6), 1e-6
    )
    depthwise = EqualizedDepthwiseConv2D(3, kernel_initializer="ones")(x)
    assert_all_close(depthwise, np.full([1, 1, 1, 8], 9 * np.sqrt(2 / 9)), 1e-6)


@pytest.mark.parametrize("make", [lambda: DepthwiseConv2D(3), lambda: GroupedConv2D(4, 3, groups=2)])
@pytest.mark.usefixtures("double")
def test_spectral_norm_is_that_of_the_kernel_flattened_by_output_as_in_pytorch(make):
    """The matrix is [kernel size * channels / groups, filters]. A gradient penalty through it has the right gradients too."""
    layer = SpectralNormalization(make(), power_iterations=300)
    x = normal(2, 4, 4, 6)
    outputs = layer(x, training=True)
    kernel = layer.layer.kernel.numpy()
    sigma = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    assert_all_close(outputs * sigma, layer.layer(x), 1e-9)
    check_second_order(layer, normal(1, 3, 3, 6) / 4)


# --------------------------------------------------------------------------------------------------------- resampling

FILTERS = {"[1, 3, 3, 1]": (1, 3, 3, 1), "box": (1, 1), "three": (1, 2, 1), "lopsided": (4, 1, 0, 2, 1)}
every_filter = pytest.mark.parametrize("taps", FILTERS.values(), ids=FILTERS)


@every_filter
@pytest.mark.usefixtures("double")
def test_resampling_is_zero_insertion_padding_convolution_and_decimation(taps):
    """With StyleGAN2's padding: len(taps) - 2 pixels in all, the larger half first, plus one more in front when upsampling."""
    x, margin = normal(2, 4, 6, 3), len(taps) - 2
    up = upfirdn(x, taps, 2, 1, (margin + 1) // 2 + 1, margin // 2, 4)
    assert up.shape == (2, 8, 12, 3)
    assert_all_close(BlurUpsample2D(taps)(x), up)
    down = upfirdn(x, taps, 1, 2, (margin + 1) // 2, margin // 2, 1)
    assert down.shape == (2, 2, 3, 3)
    assert_all_close(BlurDownsample2D(taps)(x), down)


@every_filter
@pytest.mark.usefixtures("double")
def test_convolution_fused_with_a_blur_equals_the_two_steps(taps):
    """StyleGAN2's `upsample_conv_2d` and `conv_downsample_2d`, with their padding."""
    x, size = normal(2, 4, 6, 3), len(taps)
    up, down = (
        BlurUpsampleConv2D(5, taps=taps, activation="tanh"),
        BlurDownsampleConv2D(5, taps=taps, activation="tanh"),
    )
    for layer in (up, down):
        layer.build(x.shape)
        layer.bias.assign(normal(5, seed=1))

    stuffed = np.zeros([2, 7, 11, 3])
    stuffed[:, ::2, ::2] = x
    stuffed = np.pad(stuffed, [(0, 0), (2, 2), (2, 2), (0, 0)])
    transposed = convolution(stuffed, up.kernel.numpy(), 1)  # 2h + 1
    assert transposed.shape == (2, 9, 13, 5)
    margin = size - 2 - 2
    blurred = upfirdn(transposed, taps, 1, 1, (margin + 1) // 2 + 1, margin // 2 + 1, 4)
    assert_all_close(up(x), np.tanh(blurred + up.bias.numpy()))

    margin = size - 2 + 2
    blurred = upfirdn(x, taps, 1, 1, (margin + 1) // 2, margin // 2, 1)
    strided = convolution(blurred, down.kernel.numpy(), 1, (2, 2))
    assert_all_close(down(x), np.tanh(strided + down.bias.numpy()))


def test_a_single_pixel_is_spread_by_the_filter():
    x = np.zeros([1, 4, 4, 1], "float32")
    x[0, 1, 1, 0] = 16
    spread = np.outer([0, 1, 3, 3, 1, 0, 0, 0], [0, 1, 3, 3, 1, 0, 0, 0])
    np.testing.assert_array_equal(BlurUpsample2D()(x)[0, :, :, 0], spread)
    np.testing.assert_array_equal(4 * BlurDownsample2D()(x)[0, :, :, 0], [[9, 3], [3, 1]])


def test_constant_image_changes_only_at_its_border_which_zero_padding_darkens():
    ones = np.ones([1, 8, 8, 2], "float32")
    edge = np.array([7 / 8, 1, 1, 7 / 8])
    np.testing.assert_array_equal(BlurDownsample2D()(ones)[0, :, :, 0], np.outer(edge, edge))
    edge = np.array([3 / 4, *[1] * 14, 3 / 4])
    np.testing.assert_array_equal(BlurUpsample2D()(ones)[0, :, :, 1], np.outer(edge, edge))


def test_downsampling_rounds_odd_sizes_down():
    x = normal(1, 5, 3, 2).astype("float32")
    layer = BlurDownsample2D()
    assert layer(x).shape == layer.compute_output_shape(x.shape) == (1, 2, 1, 2)
    assert_all_close(layer(x), upfirdn(x, (1, 3, 3, 1), 1, 2, 1, 1, 1), 1e-6)


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 5, 10, 10, 5, 1), (1, 1)])
@pytest.mark.usefixtures("double")
def test_upsampling_is_the_transpose_of_downsampling_up_to_a_factor_of_4(taps):
    """<up(x), y> = 4 <x, down(y)>, checked by the gradients too; for symmetric filters of even length."""
    x, y = tf.constant(normal(2, 3, 4, 2)), tf.constant(normal(2, 6, 8, 2, seed=1))
    up, down = BlurUpsample2D(taps), BlurDownsample2D(taps)
    assert_all_close(np.sum(up(x) * y), 4 * np.sum(x * down(y)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        product = tf.reduce_sum(up(x) * y)
    assert_all_close(tape.gradient(product, x), 4 * down(y))
    with tf.GradientTape() as tape:
        tape.watch(y)
        product = tf.reduce_sum(down(y) * x)
    assert_all_close(4 * tape.gradient(product, y), up(x))


@pytest.mark.parametrize(
    "make",
    [
        BlurUpsample2D,
        BlurDownsample2D,
        lambda: BlurUpsampleConv2D(2, kernel_initializer=keras.initializers.RandomNormal(stddev=0.4)),
        lambda: BlurDownsampleConv2D(2, kernel_initializer=keras.initializers.RandomNormal(stddev=0.4)),
    ],
    ids=["up", "down", "up conv", "conv down"],
)
@pytest.mark.usefixtures("double")
def test_gradient_penalty_through_a_blur_has_the_right_gradients(make):
    check_second_order(make(), normal(1, 2, 2, 2))


def test_unsupported_blur_settings_are_refused():
    for taps in ((1,), (1, -1), ()):
        with pytest.raises(ValueError, match="expected at least two numbers whose sum is not 0"):
            BlurUpsample2D(taps)
    with pytest.raises(ValueError, match="expected a fixed height and width"):
        tf.function(BlurDownsample2D()).get_concrete_function(tf.TensorSpec([1, None, 8, 3]))
    with pytest.raises(ValueError, match=r"got 5x4, expected even sizes"):
        BlurDownsampleConv2D(3).build([1, 5, 4, 2])
    with pytest.raises(ValueError, match=r"kernel_size=.*; expected .*, the only one that BlurUpsampleConv2D has"):
        BlurUpsampleConv2D(3, kernel_size=5)
