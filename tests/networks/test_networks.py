"""The networks have the published widths, sizes and parameters, and compute what the papers' figures show."""

import itertools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import OptimizerSettings
from tfgan_zoo.models import sngan
from tfgan_zoo.networks import dcgan, resnet
from tfgan_zoo.networks.shapes import halvings
from tfgan_zoo.training.optimizers import make_optimizer


def parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def shape_of(network, layer):
    """[height, width, channels] of a layer's output."""
    return list(network.get_layer(layer).output.shape[1:])


def output_shapes(network):
    return {name: tensor.shape for name, tensor in network.output.items()}


def fill(network, seed=0):
    """Sets every variable of a network at random, variances and scales to positive values. Returns them all by name, such as
    "block_1_conv_1/kernel"."""
    random = np.random.default_rng(seed)
    for variable in network.variables:
        value = random.normal(size=variable.shape) / np.sqrt(max(np.prod(variable.shape[:-1]), 1))
        variable.assign(np.abs(value) + 0.5 if variable.name in ("moving_variance", "scale") else value)
    return {re.sub(r"(\w+)/\1/", r"\1/", v.path): tf.identity(v.value) for v in network.variables}


def noise_of(generator, batch=3):
    return tf.random.stateless_normal([batch, generator.input["noise"].shape[-1]], [0, 1], dtype=tf.float64)


# -------------------------------------------------------------------------------------- SNGAN's residual networks, B.4

# By image side: widths of the generator's blocks from the stem up, widths of the discriminator's, how many of these halve.
PUBLISHED = {
    32: ([256, 256, 256, 256], [128, 128, 128, 128], 2),  # table 4
    48: ([512, 256, 128, 64], [64, 128, 256, 512, 1024], 4),  # table 5
    64: ([1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024], 5),  # as table 6, without the last block
    128: ([1024, 1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024, 1024], 5),  # table 6
}


def counted_generator(bottom, widths, noise_size, channels):
    """Dense, blocks of BN, 3x3, BN, 3x3 and a 1x1 shortcut, then BN and 3x3; all with biases."""
    count = noise_size * bottom**2 * widths[0] + bottom**2 * widths[0]
    for a, b in itertools.pairwise(widths):
        count += 2 * a + 9 * a * b + b + 2 * b + 9 * b * b + b + a * b + b
    return count + 2 * widths[-1] + 9 * widths[-1] * channels + channels


def counted_discriminator(widths, down, channels):
    """Blocks of two 3x3 and a 1x1 shortcut where the shape changes, then a dense layer; all with biases."""
    count = 0
    for i, (a, b) in enumerate(zip([channels, *widths], widths, strict=False)):
        hidden = b if i == 0 else a
        count += 9 * a * hidden + hidden + 9 * hidden * b + b
        count += a * b + b if i < down or a != b else 0
    return count + widths[-1] + 1


def test_sngan_32_has_the_published_number_of_parameters():
    assert parameters(resnet.generator((32, 32, 3))) == 4_276_739
    assert parameters(resnet.discriminator((32, 32, 3))) == 1_053_825
    widths, blocks, down = PUBLISHED[32]
    assert counted_generator(4, widths, 128, 3) == 4_276_739
    assert counted_discriminator(blocks, down, 3) == 1_053_825


@pytest.mark.parametrize("side", PUBLISHED)
def test_generator_has_the_published_blocks(side):
    widths, _, _ = PUBLISHED[side]
    generator = resnet.generator((side, side, 3))
    bottom = 6 if side == 48 else 4
    assert shape_of(generator, "stem_reshape") == [bottom, bottom, widths[0]]
    for i, width in enumerate(widths[1:], 1):
        assert shape_of(generator, f"block_{i}_add") == [bottom * 2**i, bottom * 2**i, width]
    assert generator.output_shape == (None, side, side, 3)
    assert parameters(generator) == counted_generator(bottom, widths, 128, 3)


@pytest.mark.parametrize("side", PUBLISHED)
def test_discriminator_has_the_published_blocks(side):
    _, widths, down = PUBLISHED[side]
    discriminator = resnet.discriminator((side, side, 3), wrap=resnet.plain)
    for i, width in enumerate(widths, 1):
        size = side // 2 ** min(i, down)
        assert shape_of(discriminator, f"block_{i}_add") == [size, size, width]
    assert output_shapes(discriminator) == {"logits": (None, 1), "features": (None, widths[-1])}
    assert parameters(discriminator) == counted_discriminator(widths, down, 3)


def test_spectral_norm_adds_no_trainable_parameters():
    assert parameters(resnet.discriminator((32, 32, 3), 8)) == parameters(
        resnet.discriminator((32, 32, 3), 8, resnet.plain)
    )


def conv(x, weights, name):
    """Same padding, stride 1, with the bias."""
    return tf.nn.conv2d(x, weights[f"{name}/kernel"], 1, "SAME") + weights[f"{name}/bias"]


def norm(x, weights, name, training):
    mean, variance = weights[f"{name}/moving_mean"], weights[f"{name}/moving_variance"]
    if training:
        mean, variance = tf.nn.moments(x, [0, 1, 2])
    return (x - mean) / tf.sqrt(variance + 1e-5) * weights[f"{name}/scale"] + weights[f"{name}/offset"]


def doubled(x):
    return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)


def halved(x):
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("training", [False, True])
def test_generator_computes_what_the_papers_figure_shows(training):
    """Upsampling, then the 3x3 convolution; the shortcut upsamples, then convolves (figure 3 of the paper)."""
    generator = resnet.generator((16, 32, 3), noise_size=5, channels=4)
    weights, noise = fill(generator), noise_of(generator)
    h = noise @ weights["dense/kernel"] + weights["dense/bias"]
    h = tf.reshape(h, [3, 4, 8, 4])
    for block in ("block_1", "block_2"):
        x, h = h, tf.nn.relu(norm(h, weights, f"{block}_norm_1", training))
        h = tf.nn.relu(norm(conv(doubled(h), weights, f"{block}_conv_1"), weights, f"{block}_norm_2", training))
        h = conv(h, weights, f"{block}_conv_2") + conv(doubled(x), weights, f"{block}_shortcut")
    h = tf.nn.relu(norm(h, weights, "norm", training))
    expected = tf.tanh(conv(h, weights, "to_images"))
    assert np.abs(expected).max() > 0.1
    assert_all_close(generator({"noise": noise}, training=training), expected)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("shape", "down", "flat"), [((16, 32, 3), 2, 2), ((48, 48, 1), 4, 1)])
def test_discriminator_computes_what_the_papers_figure_shows(shape, down, flat):
    """The 3x3 convolution, then average pooling; the shortcut convolves, then pools."""
    discriminator = resnet.discriminator(shape, channels=3, wrap=resnet.plain)
    weights = fill(discriminator)
    images = tf.random.stateless_uniform([2, *shape], [0, 1], -1, 1, tf.float64)
    h = images
    for i in range(down + flat):
        block = f"block_{i + 1}"
        x, h = h, tf.nn.relu(h) if i > 0 else h
        h = conv(tf.nn.relu(conv(h, weights, f"{block}_conv_1")), weights, f"{block}_conv_2")
        x = conv(x, weights, f"{block}_shortcut") if f"{block}_shortcut/kernel" in weights else x
        h = halved(h) + halved(x) if i < down else h + x
    features = tf.reduce_sum(tf.nn.relu(h), [1, 2])
    outputs = discriminator({"images": images})
    assert_all_close(outputs["features"], features)
    assert_all_close(outputs["logits"], features @ weights["logits/kernel"] + weights["logits/bias"])
    assert np.ptp(features) > 0.1


# ------------------------------------------------------------------------------------------------------ plain networks


def test_standard_cnn_has_the_published_layers():
    """Miyato et al. 2018, table 3, for CIFAR-10 and STL-10."""
    for side, bottom in ((32, 4), (48, 6)):
        generator = dcgan.standard_generator((side, side, 3))
        assert shape_of(generator, "stem_reshape") == [bottom, bottom, 512]
        assert [shape_of(generator, f"up_{i}") for i in (1, 2, 3)] == [
            [bottom * 2**i, bottom * 2**i, width] for i, width in ((1, 256), (2, 128), (3, 64))
        ]
        assert generator.output_shape == (None, side, side, 3)
    assert [generator.get_layer(f"up_{i}").kernel_size for i in (1, 2, 3)] == [(4, 4)] * 3
    assert generator.get_layer("to_images").kernel_size == (3, 3)
    discriminator = dcgan.standard_discriminator((32, 32, 3))
    names = [f"conv_{i}_{size}x{size}" for i in (1, 2, 3) for size in (3, 4)] + ["conv_4_3x3"]
    sizes, widths = [32, 16, 16, 8, 8, 4, 4], [64, 64, 128, 128, 256, 256, 512]
    assert [shape_of(discriminator, name) for name in names] == [
        [size, size, width] for size, width in zip(sizes, widths, strict=True)
    ]
    assert output_shapes(discriminator) == {"logits": (None, 1), "features": (None, 4 * 4 * 512)}


def test_dcgan_has_the_published_layers():
    """Radford et al. 2015, figure 1, at 64 pixels: 1024, 512, 256, 128 and the image, by 5x5 at stride 2."""
    generator = dcgan.generator((64, 64, 3), channels=128)
    assert shape_of(generator, "stem_reshape") == [4, 4, 1024]
    assert [shape_of(generator, f"up_{i}") for i in (1, 2, 3)] == [[8, 8, 512], [16, 16, 256], [32, 32, 128]]
    assert generator.output_shape == (None, 64, 64, 3)
    discriminator = dcgan.discriminator((64, 64, 3))
    assert [shape_of(discriminator, f"down_{i}") for i in (1, 2, 3, 4)] == [
        [32, 32, 64], [16, 16, 128], [8, 8, 256], [4, 4, 512],
    ]  # fmt: skip
    layers = {layer.name for layer in generator.layers}
    assert {"norm_0", "norm_1", "norm_2", "norm_3"} <= layers
    assert "norm_4" not in layers  # none on the images
    assert {layer.name for layer in discriminator.layers if "norm" in layer.name} == {"norm_2", "norm_3", "norm_4"}
    assert [layer.negative_slope for layer in discriminator.layers if "relu" in layer.name] == [0.2] * 4
    assert generator.get_layer("up_1").kernel_size == discriminator.get_layer("down_1").kernel_size == (5, 5)


def test_dcgan_without_batch_norm_treats_examples_independently():
    discriminator = dcgan.discriminator((16, 16, 1), channels=4, norm=None)
    images = tf.random.stateless_uniform([4, 16, 16, 1], [0, 1], -1, 1)
    together = discriminator({"images": images}, training=True)["logits"]
    assert_all_close(discriminator({"images": images[:1]}, training=True)["logits"], together[:1], 1e-5)
    normalised = dcgan.discriminator((16, 16, 1), channels=4)
    together = normalised({"images": images}, training=True)["logits"]
    assert np.abs(normalised({"images": images[:1]}, training=True)["logits"] - together[:1]).max() > 1e-4


# ------------------------------------------------------------------------------------------------------- every network

GENERATORS = {
    "resnet": lambda shape: resnet.generator(shape, 8, 4),
    "dcgan": lambda shape: dcgan.generator(shape, 8, 4),
    "standard cnn": lambda shape: dcgan.standard_generator(shape, 8, 4),
}
DISCRIMINATORS = {
    "resnet": lambda shape: resnet.discriminator(shape, 4),
    "dcgan": lambda shape: dcgan.discriminator(shape, 4),
    "standard cnn": lambda shape: dcgan.standard_discriminator(shape, 4),
}
every_generator = pytest.mark.parametrize("build", GENERATORS.values(), ids=GENERATORS)
every_discriminator = pytest.mark.parametrize("build", DISCRIMINATORS.values(), ids=DISCRIMINATORS)
every_network = pytest.mark.parametrize(
    "build", [*GENERATORS.values(), *DISCRIMINATORS.values()], ids=[*GENERATORS, *(f"{d}, D" for d in DISCRIMINATORS)]
)


@pytest.mark.parametrize("shape", [(28, 28, 1), (16, 48, 3), (32, 16, 4)])
@every_generator
def test_generator_makes_images_of_any_shape_that_halves(build, shape):
    generator = build(shape)
    assert generator.output_shape == (None, *shape)
    images = generator({"noise": tf.ones([2, 8])})
    assert images.shape == (2, *shape)
    assert np.abs(images).max() <= 1


@pytest.mark.parametrize("shape", [(28, 28, 1), (16, 48, 3), (32, 16, 4)])
@every_discriminator
def test_discriminator_judges_images_of_any_shape_that_halves(build, shape):
    outputs = build(shape)({"images": tf.ones([2, *shape])})
    assert outputs["logits"].shape == (2, 1)
    assert outputs["features"].shape[0] == 2


@every_generator
def test_images_are_float32_in_their_range_in_mixed_precision(build):
    keras.config.set_dtype_policy("mixed_bfloat16")
    generator = build((16, 16, 3))
    for variable in generator.trainable_variables:
        variable.assign(variable * 10)  # where tanh saturates
    images = generator({"noise": tf.random.stateless_normal([4, 8], [0, 1])}, training=True)
    assert images.dtype == tf.float32
    assert 0.99 < np.abs(images).max() <= 1
    assert generator.get_layer("to_images").compute_dtype == "bfloat16"


@every_discriminator
def test_logits_and_features_are_float32_in_mixed_precision(build):
    keras.config.set_dtype_policy("mixed_bfloat16")
    discriminator = build((16, 16, 3))
    outputs = discriminator({"images": tf.ones([2, 16, 16, 3])}, training=True)
    assert {name: output.dtype for name, output in outputs.items()} == {"logits": tf.float32, "features": tf.float32}
    assert any(layer.compute_dtype == "bfloat16" for layer in discriminator.layers)
    assert all(v.dtype == "float32" for v in discriminator.variables)


@pytest.mark.usefixtures("double")
@every_discriminator
def test_discriminator_and_its_gradient_are_computed_in_double_precision(build):
    discriminator = build((16, 16, 1))
    images = tf.random.stateless_uniform([1, 16, 16, 1], [0, 1], -1, 1, tf.float64)
    direction = tf.random.stateless_normal(images.shape, [0, 2], dtype=tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = discriminator({"images": images})["logits"]
    slope = tf.reduce_sum(tape.gradient(logits, images) * direction)
    step = 1e-6
    ends = [discriminator({"images": images + sign * step * direction})["logits"] for sign in (1, -1)]
    assert logits.dtype == slope.dtype == tf.float64
    assert_all_close((ends[0] - ends[1])[0, 0] / (2 * step), slope, 1e-8)


@every_network
def test_network_built_twice_has_the_same_unique_names(build):
    """Checkpoints and exports find variables by their paths."""
    first, second = build((16, 16, 1)), build((16, 16, 1))
    paths = [v.path for v in first.variables]
    assert [v.path for v in second.variables] == paths
    assert len(set(paths)) == len(paths)
    names = [layer.name for layer in first.layers]
    assert [layer.name for layer in second.layers] == names
    assert len(set(names)) == len(names)


def test_lowest_resolution_for_large_images_is_eight_pixels():
    assert shape_of(resnet.generator((256, 256, 1), 8, 1), "stem_reshape") == [8, 8, 16]
    assert output_shapes(resnet.discriminator((256, 256, 1), 1))["features"] == (None, 16)


# --------------------------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("shape", "count"),
    [((16, 16, 1), 2), ((28, 28, 1), 2), ((32, 32, 3), 3), ((48, 48, 3), 3), ((64, 64, 4), 4), ((128, 128, 3), 5),
     ((256, 256, 3), 5), ((32, 64, 3), 3), ((96, 48, 3), 3)],
)  # fmt: skip
def test_shorter_side_halves_down_to_four_pixels_and_five_times_at_most(shape, count):
    assert halvings(shape) == count


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((30, 30, 3), "images of 30x30 cannot be halved 2 times; set data.resolution to 32."),
        ((100, 100, 3), "images of 100x100 cannot be halved 4 times; set data.resolution to 96."),
        ((30, 40, 3), "images of 30x40 cannot be halved 2 times; set data.resolution to [32, 40]."),
        ((178, 218, 3), "images of 178x218 cannot be halved 5 times; set data.resolution to [192, 224]."),
        ((30, 36, 3), "images of 30x36 cannot be halved 2 times; set data.resolution to [28, 36]."),
        ((15, 64, 3), "images of 15x64 are too small for a convolutional network; set data.resolution to 16 or more."),
        ((32, 32, 2), "the data has shape (32, 32, 2): these networks expect images of 1, 3 or 4 channels"),
        ((2,), "the data has shape (2,): these networks expect images of 1, 3 or 4 channels"),
    ],
)
def test_size_that_does_not_halve_is_refused_with_the_nearest_that_does(shape, message):
    with pytest.raises(ZooError, match=re.escape(message)):
        halvings(shape)


def test_recommended_size_is_one_that_halves():
    refused = 0
    for height in range(16, 150, 3):
        for width in range(16, 150):
            try:
                halvings((height, width, 3))
            except ZooError as error:
                refused += 1
                sides = [int(side) for side in re.findall(r"\d+", str(error).partition("data.resolution to ")[2])]
                recommended = sides if len(sides) == 2 else sides * 2
                halvings((*recommended, 3))
                assert max(abs(recommended[0] - height), abs(recommended[1] - width)) <= 16
    assert refused > 1000


# ------------------------------------------------------------------------------ what SNGAN does to the kernels of its D

NETWORKS = pytest.mark.parametrize("network", ["resnet", "cnn"])


def small_sngan(weights, network):
    arguments = {"noise_size": 4, "generator_channels": 2, "discriminator_channels": 4}
    return sngan.build((16, 16, 1), network=network, weights=weights, **arguments)


def kernels(network):
    return [v for v in network.trainable_variables if v.name == "kernel"]


def take_a_step(discriminator):
    """One step of gradient descent on the mean logit, so long that it shows in every weight."""
    optimizer = make_optimizer(OptimizerSettings(name="sgd", learning_rate=1e6), 1, 1, "optimizer")
    optimizer.build(discriminator.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(discriminator({"images": tf.ones([2, 16, 16, 1])}, training=True)["logits"])
    gradients = tape.gradient(loss, [v.value for v in discriminator.trainable_variables])
    optimizer.apply(gradients, discriminator.trainable_variables)


@NETWORKS
def test_clipping_keeps_every_kernel_within_a_hundredth_after_a_step(network):
    discriminator = small_sngan("clipping", network).discriminator
    assert any(np.abs(kernel).max() > 0.01 for kernel in kernels(discriminator))
    take_a_step(discriminator)
    for kernel in kernels(discriminator):
        assert np.abs(kernel).max() <= np.float32(0.01)
    assert np.abs(kernels(discriminator)[-1]).max() == np.float32(0.01)


@NETWORKS
def test_orthonormal_adds_a_loss_for_each_kernel(network):
    discriminator = small_sngan("orthonormal", network).discriminator
    expected = []
    for kernel in kernels(discriminator):
        columns = kernel.numpy().reshape(-1, kernel.shape[-1]).astype("float64")
        expected.append(1e-3 * np.sum((columns.T @ columns - np.eye(columns.shape[1])) ** 2))
    assert_all_close(sorted(float(loss) for loss in discriminator.losses), sorted(expected), 1e-5)
    assert len(expected) > 7


@NETWORKS
def test_weight_norm_fixes_the_length_of_every_output_at_one_as_in_the_papers_comparison(network):
    discriminator = small_sngan("weight_norm", network).discriminator
    lengths = [v for v in discriminator.non_trainable_variables if v.name == "length"]
    assert len(lengths) == len(kernels(discriminator)) > 7
    take_a_step(discriminator)
    assert all((length.numpy() == 1).all() for length in lengths)
    images = {"images": tf.random.stateless_normal([2, 16, 16, 1], [0, 1])}
    plain = small_sngan("none", network).discriminator
    for variable, normalised in zip(plain.trainable_variables, discriminator.trainable_variables, strict=True):
        columns = tuple(range(len(normalised.shape) - 1))
        value = normalised.numpy()
        variable.assign(value / np.linalg.norm(value.reshape(-1, value.shape[-1]), axis=0) if columns else value)
    assert_all_close(discriminator(images)["logits"], plain(images)["logits"], 1e-5)


@NETWORKS
def test_spectral_norm_wraps_every_kernel(network):
    discriminator = small_sngan("spectral_norm", network).discriminator
    normalised = [v for v in discriminator.non_trainable_variables if v.name == "u"]
    assert len(normalised) == len(kernels(discriminator)) > 7
    images = {"images": tf.random.stateless_normal([2, 16, 16, 1], [0, 1])}
    biases = [v for v in discriminator.trainable_variables if v.name == "bias"]
    assert all((bias.numpy() == 0).all() for bias in biases)
    before = discriminator(images)["logits"].numpy()
    for kernel in kernels(discriminator):
        kernel.assign(kernel * 7)  # which is divided out again
    assert_all_close(discriminator(images)["logits"], before, 1e-4)


@NETWORKS
def test_plain_weights_have_no_loss_wrapper_or_constraint(network):
    discriminator = small_sngan("none", network).discriminator
    assert discriminator.losses == []
    assert {v.name for v in discriminator.variables} == {"kernel", "bias"}
    assert all(v.constraint is None for v in discriminator.variables)


@pytest.mark.parametrize("weights", sngan.WEIGHTS)
def test_generator_does_not_depend_on_the_discriminators_weights_setting(weights):
    generator = small_sngan(weights, "resnet").generator
    assert generator.losses == []
    assert {v.name for v in generator.trainable_variables} == {"kernel", "bias", "scale", "offset"}


def test_sngan_has_the_penalty_only_if_its_weight_is_set():
    build = {"image_shape": (16, 16, 1), "generator_channels": 2, "discriminator_channels": 2}
    assert [name for name, *_ in sngan.build(**build).objective.terms] == ["hinge"]
    penalised = sngan.build(**build, loss="non_saturating", gradient_penalty=10.0).objective.terms
    assert [(name, weight) for name, weight, _ in penalised] == [("non_saturating", 1.0), ("gradient_penalty", 10.0)]
