"""The networks of the first GANs: published widths, outputs by name, labels and codes that take effect, refused sizes."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.layers import BatchNorm, SpectralNormalization
from tfgan_zoo.models import cgan
from tfgan_zoo.networks import autoencoder, compact, dcgan, lsgan, mlp
from tfgan_zoo.networks.heads import code_heads, dense_heads
from tfgan_zoo.networks.inputs import short_vector

CODES = Codes((3, 2), 2)


def parameters(network, prefix=""):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables if v.path.startswith(prefix))


def shape_of(network, layer):
    """[height, width, channels] of a layer's output."""
    return list(network.get_layer(layer).output.shape[1:])


def output_shapes(network):
    return {name: tensor.shape[1:] for name, tensor in network.output.items()}


def example(network, batch=3):
    """Random inputs for a network: {name: tensor}."""
    random = np.random.default_rng(0)
    inputs = {name: random.normal(size=(batch, *x.shape[1:])) for name, x in network.input.items()}
    if "labels" in inputs:
        inputs["labels"] = np.arange(batch) % 3
    if "codes" in inputs:
        inputs["codes"] = np.tile([[1.0, 0.0, 0.5, -0.5]], (batch, 1))
    return {name: tf.constant(value, network.input[name].dtype) for name, value in inputs.items()}


# -------------------------------------------------------------------------------------------------- shapes and outputs

IMAGE = (16, 16, 1)

GENERATORS = {
    "mlp": lambda shape, **s: mlp.generator(shape, 5, (6,), **s),
    "mlp with batch norm": lambda shape, **s: mlp.generator(shape, 5, (6, 4), batch_norm=True, **s),
    "compact": lambda shape, **s: compact.generator(shape, 5, 8, 2, **s),
    "dcgan": lambda shape, **s: dcgan.generator(shape, 5, 2, **s),
}
PLAIN_GENERATORS = {
    "scenes": lambda shape: lsgan.generator(shape, 5, 4),
    "began": lambda shape: autoencoder.began_generator(shape, 5, 2),
    "began with skips": lambda shape: autoencoder.began_generator(shape, 5, 2, skip=True),
}
CONDITIONS = {
    "": {},
    "labels": {"num_classes": 3},
    "codes": {"codes": CODES},
    "labels and codes": {"num_classes": 3, "codes": CODES},
}
every_generator = pytest.mark.parametrize("build", GENERATORS.values(), ids=GENERATORS)


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
@every_generator
def test_generator_takes_the_requested_inputs_and_makes_images(build, conditions):
    generator = build(IMAGE, **conditions)
    expected = {"noise": (5,)}
    expected |= {"labels": ()} if "num_classes" in conditions else {}
    expected |= {"codes": (4,)} if "codes" in conditions else {}
    assert {name: tensor.shape[1:] for name, tensor in generator.input.items()} == expected
    images = generator(example(generator)).numpy()
    assert images.shape == (3, *IMAGE)
    assert np.abs(images).max() <= 1


@every_generator
def test_each_condition_changes_the_image_and_nothing_else_does(build):
    generator = build(IMAGE, num_classes=3, codes=CODES)
    for variable in generator.trainable_variables:
        variable.assign(tf.random.stateless_normal(variable.shape, [0, 1], 0.5, 0.5))
    inputs = example(generator, 1)
    images = generator(inputs)
    alternatives = {"labels": tf.constant([2])}
    for number, value in enumerate((2.0, 1.0, -0.3, 0.9)):
        changed = inputs["codes"].numpy()
        changed[0, number] = value
        alternatives[f"codes {number}"] = tf.constant(changed)
    for name, value in alternatives.items():
        assert np.abs(generator({**inputs, name.split()[0]: value}) - images).max() > 1e-3, name
    assert_all_close(generator(inputs), images, 0)


@pytest.mark.parametrize("build", PLAIN_GENERATORS.values(), ids=PLAIN_GENERATORS)
def test_plain_generator_makes_images(build):
    generator = build((32, 48, 3))
    images = generator(example(generator))
    assert images.shape == (3, 32, 48, 3)
    assert generator.output_shape == (None, 32, 48, 3)


FEATURES = {"mlp": 6, "mlp of maxout": 6, "compact": 8, "dcgan": 4 * 4 * 4, "scenes": 1 * 1 * 32}
DISCRIMINATORS = {
    "mlp": lambda **s: mlp.discriminator(IMAGE, (6,), noise=0.1, norm=BatchNorm, **s),
    "mlp of maxout": lambda **s: mlp.discriminator(IMAGE, (6, 6), pieces=3, input_dropout=0.2, dropout=0.5, **s),
    "compact": lambda **s: compact.discriminator(IMAGE, 8, 2, noise=0.1, dropout=0.5, **s),
    "dcgan": lambda **s: dcgan.discriminator(IMAGE, 2, noise=0.1, dropout=0.5, **s),
}


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator_has_the_outputs_of_its_heads_and_its_features(name):
    build = DISCRIMINATORS[name]
    features = (FEATURES[name],)
    assert output_shapes(build()) == {"logits": (1,), "features": features}
    heads = dense_heads(logits=1, class_logits=10)
    assert output_shapes(build(heads=heads)) == {"logits": (1,), "class_logits": (10,), "features": features}
    heads = code_heads(CODES, learned_variance=True, width=7)
    discriminator = build(heads=heads)
    assert output_shapes(discriminator) == {
        "logits": (1,), "category_logits": (5,), "code_mean": (2,), "code_log_stddev": (2,), "features": features,
    }  # fmt: skip
    assert discriminator.get_layer("code_dense").units == 7
    outputs = discriminator(example(discriminator), training=True)
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {
        key: (3, *shape) for key, shape in output_shapes(discriminator).items()
    }


def test_scenes_have_logits_and_features():
    assert output_shapes(lsgan.discriminator((16, 16, 1), 4)) == {"logits": (1,), "features": (FEATURES["scenes"],)}


def test_code_heads_have_outputs_only_for_existing_codes():
    def names(codes, learned):
        return set(compact.discriminator(IMAGE, 4, 2, heads=code_heads(codes, learned)).output)

    assert names(Codes((4,)), True) == {"logits", "category_logits", "features"}
    assert names(Codes((), 3), False) == {"logits", "code_mean", "features"}
    assert names(Codes((), 3), True) == {"logits", "code_mean", "code_log_stddev", "features"}


@pytest.mark.parametrize(
    "build",
    [lambda s: autoencoder.ebgan_discriminator(s, 2), lambda s: autoencoder.began_discriminator(s, 5, 2),
     lambda s: autoencoder.began_discriminator(s, 5, 2, skip=True)],
    ids=["ebgan", "began", "began with skips"],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(16, 16, 1), (32, 48, 3)])
def test_auto_encoder_gives_an_energy_an_embedding_and_a_reconstruction(build, shape):
    discriminator = build(shape)
    outputs = output_shapes(discriminator)
    assert set(outputs) == {"energy", "embedding", "reconstruction"}
    assert outputs["energy"] == ()
    assert len(outputs["embedding"]) == 1
    assert outputs["reconstruction"] == shape


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("build", "error"), [(autoencoder.ebgan_discriminator, np.square), (autoencoder.began_discriminator, np.abs)]
)
def test_energy_is_the_mean_error_of_each_image(build, error):
    discriminator = build((16, 16, 3), channels=2)
    inputs = example(discriminator)
    outputs = discriminator(inputs)
    expected = error(inputs["images"].numpy() - outputs["reconstruction"].numpy()).mean(axis=(1, 2, 3))
    assert_all_close(outputs["energy"], expected)
    assert np.ptp(expected) > 1e-3


@pytest.mark.parametrize("wrap_name", ["mlp", "mlp of maxout", "compact", "dcgan"])
def test_wrap_reaches_every_kernel_of_a_discriminator(wrap_name):
    norm = {} if wrap_name.startswith("mlp") else {"norm": None}
    discriminator = DISCRIMINATORS[wrap_name](wrap=SpectralNormalization, **norm)
    kernels = [v for v in discriminator.trainable_variables if v.name == "kernel"]
    assert len([v for v in discriminator.non_trainable_variables if v.name == "u"]) == len(kernels) >= 2


@pytest.mark.parametrize("module", [compact, dcgan], ids=["compact", "dcgan"])
def test_examples_are_independent_without_norm_but_not_with_minibatch_discrimination(module):
    def effect_of_the_batch(**settings):
        discriminator = module.discriminator(IMAGE, channels=2, norm=None, **settings)
        images = example(discriminator)["images"]
        both = discriminator({"images": images}, training=True)["logits"][:1]
        return np.abs(discriminator({"images": images[:1]}, training=True)["logits"] - both).max()

    assert effect_of_the_batch() < 1e-6
    assert effect_of_the_batch(minibatch_kernels=4) > 1e-4


@pytest.mark.parametrize("module", [compact, dcgan], ids=["compact", "dcgan"])
def test_minibatch_measures_are_not_among_the_features(module):
    discriminator = module.discriminator(IMAGE, channels=2, minibatch_kernels=4)
    size = output_shapes(discriminator)["features"][0]
    logits_inputs = discriminator.get_layer("logits").input.shape[-1]
    assert logits_inputs == size + 4 if module is dcgan else logits_inputs == size


# ---------------------------------------------------------------------------------------------------------- conditions


def test_cgan_has_the_published_layers():
    """Mirza and Osindero 2014, section 4.1: noise 200 and label 1000 join at 1200; image 240 and label 50, maxout of 5
    pieces, join at 240 of 4 pieces."""
    game = cgan.build((28, 28, 1), 10)
    generator, discriminator = game.generator, game.discriminator
    shapes = {v.path: tuple(v.shape) for v in (*generator.trainable_variables, *discriminator.trainable_variables)}
    assert {path: shape for path, shape in shapes.items() if path.endswith("kernel")} == {
        "own_noise/kernel": (100, 200),
        "own_labels/kernel": (10, 1000),
        "to_images/kernel": (1200, 784),
        "own_images/kernel": (784, 5 * 240),
        "dense_1/kernel": (290, 4 * 240),  # the discriminator's, of the same name as the generator's
        "logits/kernel": (240, 1),
    } | {"own_labels/kernel": (10, 5 * 50)}
    assert generator.get_layer("dense_1").kernel.shape == (1200, 1200)
    assert generator.get_layer("own_labels").kernel.shape == (10, 1000)
    assert discriminator.get_layer("own_labels").pieces == 5
    assert discriminator.get_layer("dense_1").pieces == 4


@pytest.mark.usefixtures("double")
def test_cgan_generator_equals_its_layers_in_numpy():
    generator = mlp.generator((2, 2, 1), 3, (4,), num_classes=2, own=(5, 6))
    inputs = {"noise": tf.constant([[0.5, -1.0, 2.0]], tf.float64), "labels": tf.constant([1])}
    w = {v.path: v.numpy() for v in generator.variables}
    noise_part = np.maximum(0, inputs["noise"] @ w["own_noise/kernel"] + w["own_noise/bias"])
    label_part = np.maximum(0, w["own_labels/kernel"][1:2] + w["own_labels/bias"])
    h = np.maximum(0, np.concatenate([noise_part, label_part], 1) @ w["dense_1/kernel"] + w["dense_1/bias"])
    assert_all_close(generator(inputs), np.tanh(h @ w["to_images/kernel"] + w["to_images/bias"]).reshape(1, 2, 2, 1))


def test_short_vector_of_a_label_is_a_row_of_one_linear_map():
    labels = keras.Input([], dtype="int32")
    network = keras.Model(labels, short_vector(labels, 7, 4))
    (kernel,) = network.trainable_variables
    assert kernel.shape == (7, 4)
    assert_all_close(network(np.array([6, 0, 3])), kernel.numpy()[[6, 0, 3]], 1e-6)


def test_mapped_labels_join_the_input_of_every_layer_of_both_players():
    """LSGAN for thousands of classes: at 16 pixels and 2 channels, with labels mapped to 6 numbers."""
    labels = {"num_classes": 3740, "label_size": 6}
    generator, discriminator = dcgan.generator(IMAGE, 5, 2, **labels), dcgan.discriminator(IMAGE, 2, **labels)
    kernels = {name: generator.get_layer(name).kernel.shape for name in ("label_map", "dense", "up_1", "to_images")}
    assert kernels == {
        "label_map": (3740, 6), "dense": (5 + 6, 4 * 4 * 4), "up_1": (5, 5, 2, 4 + 6), "to_images": (5, 5, 1, 2 + 6),
    }  # fmt: skip
    kernels = {name: discriminator.get_layer(name).kernel.shape for name in ("label_map", "down_1", "down_2", "logits")}
    assert kernels == {
        "label_map": (3740, 6), "down_1": (5, 5, 1 + 6, 2), "down_2": (5, 5, 2 + 6, 4), "logits": (4 * 4 * 4 + 6, 1),
    }  # fmt: skip
    for network, output in ((generator, lambda y: y), (discriminator, lambda y: y["logits"])):
        inputs = example(network, 1)
        first = output(network({**inputs, "labels": tf.constant([0])}))
        assert np.abs(output(network({**inputs, "labels": tf.constant([3739])})) - first).max() > 0


# --------------------------------------------------------------------------------------------------- published networks


def test_lsgan_112_has_the_published_layers():
    """Mao et al. 2016, figure 2: 7x7x256, then 3x3 transposed convolutions; 5x5 convolutions down to 7x7x512."""
    generator, discriminator = lsgan.generator((112, 112, 3)), lsgan.discriminator((112, 112, 3))
    names = ["relu_0", *(f"up_{i}" for i in range(1, 7)), "to_images"]
    assert [shape_of(generator, name) for name in names] == [
        [7, 7, 256], [14, 14, 256], [14, 14, 256], [28, 28, 256], [28, 28, 256], [56, 56, 128], [112, 112, 64],
        [112, 112, 3],
    ]  # fmt: skip
    assert [shape_of(discriminator, f"down_{i}") for i in (1, 2, 3, 4)] == [
        [56, 56, 64], [28, 28, 128], [14, 14, 256], [7, 7, 512],
    ]  # fmt: skip
    norms = 2 * (5 * 256 + 128 + 64)  # scale and offset of each layer but the last
    convolutions = 9 * (4 * 256 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 3
    assert parameters(generator) == 1024 * 7 * 7 * 256 + convolutions + norms == 15_577_667
    convolutions = 25 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64
    assert parameters(discriminator) == convolutions + 2 * (128 + 256 + 512) + 7 * 7 * 512 + 1 == 4_332_545


def test_compact_has_infogans_published_layers_at_28_pixels():
    """Chen et al. 2016, table 1: dense 1024, 7x7x128, 4x4 to 64; D 4x4 to 64 and 128, dense 1024; Q dense 128."""
    codes = Codes((10,), 2)
    generator = compact.generator((28, 28, 1), codes=codes)
    assert generator.get_layer("first_dense").kernel.shape == (62 + 10 + 2, 1024)
    assert [shape_of(generator, name) for name in ("first_dense", "relu_1", "up", "to_images")] == [
        [1024], [7, 7, 128], [14, 14, 64], [28, 28, 1],
    ]  # fmt: skip
    assert [generator.get_layer(name).kernel_size for name in ("up", "to_images")] == [(4, 4)] * 2
    discriminator = compact.discriminator((28, 28, 1), heads=code_heads(codes, learned_variance=False))
    assert [shape_of(discriminator, name) for name in ("down_1", "down_2", "dense", "code_dense")] == [
        [14, 14, 64], [7, 7, 128], [1024], [128],
    ]  # fmt: skip
    assert discriminator.get_layer("down_2").kernel_size == (4, 4)
    assert {layer.name for layer in discriminator.layers if isinstance(layer, BatchNorm)} == {
        "norm_2", "norm_3", "code_norm",
    }  # fmt: skip
    assert {layer.negative_slope for layer in discriminator.layers if "relu" in layer.name} == {0.1}
    by_hand = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 7 * 7 * 128 * 1024 + 2 * 1024 + 1024 + 1
    by_hand += 1024 * 128 + 2 * 128 + 128 * 10 + 10 + 128 * 2 + 2
    assert parameters(discriminator) == by_hand


def test_ebgan_discriminator_has_the_published_layers_at_64_pixels():
    """Zhao et al. 2016, appendix D, CelebA: (64)4c2s-(128)4c2s-(256)4c2s-(128)4c2s-(64)4c2s-(3)4c2s, here at all halvings."""
    discriminator = autoencoder.ebgan_discriminator((64, 64, 3))
    names = [*(f"down_{i}" for i in (1, 2, 3, 4)), *(f"up_{i}" for i in (3, 2, 1)), "decode"]
    assert [shape_of(discriminator, name) for name in names] == [
        [32, 32, 64], [16, 16, 128], [8, 8, 256], [4, 4, 512], [8, 8, 256], [16, 16, 128], [32, 32, 64], [64, 64, 3],
    ]  # fmt: skip
    assert {discriminator.get_layer(name).kernel_size for name in names} == {(4, 4)}
    assert not any(layer.name == "norm_1" for layer in discriminator.layers)


@pytest.mark.parametrize(("side", "levels"), [(16, 2), (32, 3), (64, 4), (128, 5)])
def test_began_filters_grow_linearly_and_its_generator_is_its_decoder(side, levels):
    n, embedding = 8, 64
    generator = autoencoder.began_generator((side, side, 3), embedding, n)
    discriminator = autoencoder.began_discriminator((side, side, 3), embedding, n)
    for level in range(1, levels + 1):
        size = side // 2 ** (level - 1)
        assert shape_of(discriminator, f"encoder_{level}_2") == [size, size, level * n]
    assert size == 8
    decoder = 8 * 8 * n * (embedding + 1) + 2 * levels * (9 * n * n + n) + 9 * n * 3 + 3
    assert parameters(generator) == parameters(discriminator, "decoder_") == decoder
    encoder = 9 * 3 * n + n
    for level in range(1, levels + 1):
        width = level * n
        encoder += 2 * (9 * width * width + width)
        encoder += 9 * width * (width + n) + width + n if level < levels else 0
    assert parameters(discriminator, "encoder_") == encoder
    assert parameters(discriminator, "embedding") == 8 * 8 * levels * n * embedding + embedding


def test_began_has_no_batch_norm_dropout_or_transposed_convolution():
    discriminator = autoencoder.began_discriminator((32, 32, 3), channels=2)
    kinds = {type(layer).__name__ for layer in discriminator.layers}
    assert not {kind for kind in kinds if re.search("Norm|Dropout|Transpose|Pool", kind)}
    assert "Upsample2D" in kinds
    assert {layer.activation.__name__ for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)} == {
        "elu", "linear",
    }  # fmt: skip


def test_began_skips_carry_the_first_tensor_to_every_higher_resolution():
    generator = autoencoder.began_generator((32, 32, 3), 5, 4, skip=True)
    assert [shape_of(generator, f"skip_{level}") for level in (1, 2)] == [[16, 16, 8], [32, 32, 8]]
    plain = autoencoder.began_generator((32, 32, 3), 5, 4)
    assert parameters(generator) - parameters(plain) == 2 * 9 * 4 * 4


def test_first_gan_has_maxout_of_five_pieces_and_optional_noise_between_its_layers():
    discriminator = mlp.discriminator((28, 28, 1), pieces=5, input_dropout=0.2, dropout=0.5, noise=0.3)
    assert [discriminator.get_layer(f"dense_{i}").kernel.shape for i in (1, 2)] == [(784, 1200), (240, 1200)]
    assert [layer.name for layer in discriminator.layers] == [
        "images", "flatten", "input_dropout", "noise_1", "dense_1", "dropout_1", "noise_2", "dense_2", "dropout_2",
        "features", "logits",
    ]  # fmt: skip
    assert discriminator.get_layer("input_dropout").rate == 0.2
    assert discriminator.get_layer("dropout_1").rate == 0.5
    assert discriminator.get_layer("noise_2").stddev == 0.3


# -------------------------------------------------------------------------------------------------------- points, sizes


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
def test_dense_networks_generate_and_judge_unbounded_points(conditions):
    generator = mlp.generator((2,), 5, (6,), **conditions)
    for variable in generator.trainable_variables:
        variable.assign(variable + 3.0)
    inputs = example(generator)
    points = generator({**inputs, "noise": tf.abs(inputs["noise"])})
    assert points.shape == (3, 2)
    assert np.abs(points).max() > 10
    labels = {"num_classes": 3} if "num_classes" in conditions else {}
    outputs = mlp.discriminator((2,), (6,), **labels)(
        {"images": points, "labels": tf.constant([0, 1, 2])} if labels else {"images": points}
    )
    assert outputs["logits"].shape == (3, 1)


FOR_IMAGES = {
    "compact": (compact.generator, compact.discriminator),
    "dcgan": (dcgan.generator, dcgan.discriminator),
    "scenes": (lsgan.generator, lsgan.discriminator),
    "ebgan": (autoencoder.ebgan_discriminator,),
    "began": (autoencoder.began_generator, autoencoder.began_discriminator),
}


@pytest.mark.parametrize("name", FOR_IMAGES)
def test_points_are_refused_by_networks_for_images(name):
    for build in FOR_IMAGES[name]:
        with pytest.raises(ZooError, match=r"\(2,\)"):
            build((2,))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "compact",
            (30, 32, 1),
            r"\(30, 32, 1\): .* sides are divisible by 4 .*; set data.resolution, such as 28 or 32",
        ),
        ("compact", (4, 4, 1), r"at least 8 pixels"),
        ("scenes", (100, 112, 3), r"sides are divisible by 16; set data.resolution=112, as in the paper"),
        ("scenes", (112, 120, 3), r"\(112, 120, 3\)"),
        ("dcgan", (30, 30, 3), r"images of 30x30 cannot be halved 2 times; set data.resolution to 32"),
        ("ebgan", (15, 64, 3), r"too small"),
        ("began", (36, 34, 3), r"halve images 2 times, .* \(36, 34, 3\); set data.resolution to 16, 32, 64 or 128"),
        ("began", (7, 64, 3), r"set data.resolution"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_naming_one_that_does(name, shape, message):
    for build in FOR_IMAGES[name]:
        with pytest.raises(ZooError, match=message):
            build(shape)


# ---------------------------------------------------------------------------------------------------------- every network

EVERY = {
    **{f"{name}, G": lambda build=build: build(IMAGE) for name, build in (GENERATORS | PLAIN_GENERATORS).items()},
    **{f"{name}, D": build for name, build in DISCRIMINATORS.items()},
    "scenes, D": lambda: lsgan.discriminator(IMAGE, 4),
    "ebgan, D": lambda: autoencoder.ebgan_discriminator(IMAGE, 2),
    "began, D": lambda: autoencoder.began_discriminator(IMAGE, 5, 2),
}
every_network = pytest.mark.parametrize("build", EVERY.values(), ids=EVERY)


@every_network
def test_network_built_twice_has_the_same_unique_names(build):
    """Checkpoints and exports find variables by their paths."""
    first, second = ([v.path for v in build().variables] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)


@every_network
def test_outputs_are_float32_in_mixed_precision_and_layers_are_not(build):
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = build()
    outputs = tf.nest.flatten(network(example(network), training=True))
    assert {output.dtype for output in outputs} == {tf.float32}
    assert any(layer.compute_dtype == "bfloat16" for layer in network.layers)
    assert {v.dtype for v in network.trainable_variables} == {"float32"}


@every_network
def test_network_in_double_precision_computes_in_double_precision(build):
    keras.config.set_dtype_policy("float64")
    network = build()
    outputs = tf.nest.flatten(network(example(network), training=True))
    assert {output.dtype for output in outputs} == {tf.float64}


@every_network
def test_copy_of_a_network_computes_the_same(build):
    """The moving average is such a copy."""
    network = build()
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    inputs = example(network)
    for original, copied in zip(tf.nest.flatten(network(inputs)), tf.nest.flatten(copy(inputs)), strict=True):
        np.testing.assert_array_equal(original, copied)
