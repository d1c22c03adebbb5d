"""SAGAN: attention that starts without effect, its resolutions, and published numbers of parameters."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import BilinearUpsample2D
from tfgan_zoo.models import sagan

SMALL = {"noise_size": 4, "generator_channels": 8, "discriminator_channels": 8}
SHAPE = (16, 16, 1)
random = np.random.default_rng(0)
LATENTS = {"noise": random.normal(size=[2, 4]).astype("float32"), "labels": np.array([0, 2])}
IMAGES = {"images": random.uniform(-1, 1, [2, *SHAPE]).astype("float32"), "labels": np.array([0, 2])}


def small(classes=3, **options):
    return sagan.build(SHAPE, classes, **SMALL, **options)


def parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def without_attention(network):
    return [v for v in network.variables if "attention" not in v.path]


def test_attention_starts_at_gain_zero_as_the_same_game_without_it():
    game, bare = small(), small(attention=False)
    for player, inputs, output_of in (
        ("generator", LATENTS, lambda images: images),
        ("discriminator", IMAGES, lambda outputs: outputs["logits"]),
    ):
        network, bare_network = getattr(game, player), getattr(bare, player)
        for variable, bare_variable in zip(without_attention(network), bare_network.variables, strict=True):
            bare_variable.assign(variable)
        np.testing.assert_array_equal(output_of(network(inputs)), output_of(bare_network(inputs)))
        network.get_layer("attention").gain.assign(0.5)
        assert np.abs(output_of(network(inputs)) - output_of(bare_network(inputs))).max() > 1e-4


def test_sagan_32_has_the_published_number_of_parameters():
    game = sagan.build((32, 32, 3), 10)
    assert parameters(game.generator) == 4_386_308
    assert parameters(game.discriminator) == 1_075_586


@pytest.mark.parametrize(("side", "generator", "discriminator"), [(32, 16, 8), (64, 16, 16), (128, 32, 32)])
def test_attention_is_at_the_published_resolutions(side, generator, discriminator):
    game = sagan.build((side, side, 3), **SMALL)
    assert game.generator.get_layer("attention").output.shape[1:3] == (generator,) * 2
    assert game.discriminator.get_layer("attention").output.shape[1:3] == (discriminator,) * 2


def test_every_kernel_of_the_generator_outside_batch_norm_is_normalised_unless_disabled():
    for enabled in (True, False):
        network = small(generator_spectral_norm=enabled).generator
        kernels = {v.path.rpartition("/")[0] for v in network.trainable_variables if v.name == "kernel"}
        kernels = {path.split("/")[0] + path.rpartition("/")[2] for path in kernels if "norm" not in path}
        normalised = {v.path for v in network.non_trainable_variables if v.name == "u"}
        assert len(kernels) == 1 + 2 * 3 + 4 + 1  # the stem, two blocks, attention, the images
        assert len(normalised) == (len(kernels) if enabled else 0)


def test_data_without_labels_gives_unconditional_networks():
    game = small(classes=0)
    assert list(game.generator.input) == ["noise"]
    assert list(game.discriminator.input) == ["images"]
    # 4 norms of 8 channels have one row in place of 3 classes'; the embedding goes
    assert parameters(small().generator) - parameters(game.generator) == 4 * 2 * 8 * (3 - 1)
    assert parameters(small().discriminator) - parameters(game.discriminator) == 3 * 8


def test_a_resolution_that_no_block_ends_at_is_refused_naming_those_available():
    with pytest.raises(ZooError, match=r"attention at 5 pixels: no block of the generator ends .* use one of 8, 16"):
        small(generator_attention=5)
    with pytest.raises(
        ZooError, match=r"attention at 16 pixels: no block of the discriminator ends .* use one of 8, 4"
    ):
        small(discriminator_attention=16)
    with pytest.raises(ZooError, match="at least 8 channels"):
        sagan.build(SHAPE, **{**SMALL, "generator_channels": 4})


def test_bilinear_upsampling_of_a_row_by_hand_and_of_an_image_against_tensorflow():
    row = np.array([0.0, 4.0, 8.0]).reshape(1, 1, 3, 1)
    keras.config.set_dtype_policy("float64")
    up = BilinearUpsample2D()(row).numpy()
    np.testing.assert_array_equal(up[0, 0, :, 0], [0, 1, 3, 5, 7, 8])
    np.testing.assert_array_equal(up[0, 1], up[0, 0])
    image = random.normal(size=[2, 5, 7, 3])
    assert_all_close(BilinearUpsample2D()(image), tf.image.resize(image, (10, 14)).numpy(), 1e-6)
