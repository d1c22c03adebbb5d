"""FreezeD: which layers are the first ones from the image, that they stand still and the rest moves, and what is refused."""

import doctest

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import POINTS, eagerly, play, played, points_game, points_recipe, values

from tfgan_zoo.core import recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.layers import SpectralNormalization
from tfgan_zoo.networks import biggan, dcgan
from tfgan_zoo.networks.progressive import ProgressiveDiscriminator
from tfgan_zoo.runs import building
from tfgan_zoo.training import freezing
from tfgan_zoo.training.freezing import depths_from_image, freeze
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

SHAPE, CLASSES = (16, 16, 1), 3
WIDTHS = {"generator_channels": 2, "discriminator_channels": 2}
# {model: (arguments, layers to freeze, their kernels)}
FROZEN = {
    "dcgan": (WIDTHS, 1, {"down_1/kernel"}),
    "sngan": (WIDTHS, 2, {f"block_1_{n}/block_1_{n}/kernel" for n in ("conv_1", "conv_2", "shortcut")}),
    "biggan": (
        {"channels": 2, "noise_size": 6, "shared_size": 3},
        3,
        {f"block_1_{n}/block_1_{n}/kernel" for n in ("conv_1", "conv_2", "shortcut")}
        | {f"block_2_{n}/block_2_{n}/kernel" for n in ("conv_1", "shortcut")},
    ),
    "pggan": (
        {"feature_base": 32, "feature_maximum": 4, "noise_size": 4},
        2,
        {"from_images_16/kernel", "from_images_8/kernel", "conv_16_1/kernel"},
    ),
}


def after_three_steps(model, arguments, count, strategy=None):
    """(trainer, its values before, its values after three steps on random images)."""
    table = {"model": model, "steps": 3, "batch_size": 4, "arguments": arguments, "freeze_discriminator": count}
    settings = recipe.parse({**table, "data": {"resolution": 16}})
    trainer = Trainer(settings, building.game_builder(settings, SHAPE, CLASSES), strategy or make_strategy("one"))
    before = values(trainer)
    images = np.random.default_rng(0).uniform(0, 255, (16, *SHAPE)).astype(np.uint8)
    labels = np.arange(16) % CLASSES

    def make_batches(stage, first, local):
        return batches(images, labels, stage.batch_size, 0, first, replicas=trainer.replicas, local=local)

    train(trainer, make_batches, [Callback(0, lambda step, means: None)])
    return trainer, before, values(trainer)


@pytest.mark.parametrize("model", FROZEN)
def test_the_first_layers_stand_still_and_all_others_move(model):
    arguments, count, kernels = FROZEN[model]
    with eagerly():
        trainer, before, after = after_three_steps(model, arguments, count)
    assert {path for path in trainer.frozen if path.endswith("kernel")} == kernels
    for variable in trainer.game.discriminator.variables:
        name = f"discriminator/{variable.path}"
        if variable.path in trainer.frozen:
            np.testing.assert_array_equal(after[name], before[name])
        elif len(variable.shape) >= 2 and "from_images_4" not in name:  # of a resolution below the only stage
            assert not np.array_equal(after[name], before[name]), name


def test_spectral_normalisation_follows_a_frozen_kernel_and_no_optimiser_holds_it():
    settings = points_recipe(freeze_discriminator=1)
    estimates = []
    for trainer in (Trainer(settings, points_game, make_strategy("one")), played(settings)):
        wrapped = trainer.game.discriminator.get_layer("dense_1")
        kernel = wrapped.layer.kernel.numpy()
        estimates.append(wrapped.v.numpy() @ kernel @ wrapped.u.numpy())
    assert estimates[0] < estimates[1] <= np.linalg.svd(kernel, compute_uv=False)[0] * 1.000001
    assert trainer.frozen == {"dense_1/dense_1/kernel", "dense_1/dense_1/bias"}
    assert [v.path for v in trainer.game.discriminator.trainable_variables] == ["logits/kernel", "logits/bias"]
    assert not any("dense_1" in v.path for v in trainer.discriminator_optimizer.variables)


def test_with_two_replicas_the_frozen_layer_stands_still_and_the_rest_is_that_of_one(two_replicas):
    settings = points_recipe(freeze_discriminator=1)
    start = values(Trainer(settings, points_game, make_strategy("one")))
    one, two = (values(played(settings, strategy=strategy)) for strategy in (None, two_replicas))
    name = "discriminator/dense_1/dense_1/kernel"
    np.testing.assert_array_equal(two[name], start[name])
    for name in ("discriminator/logits/kernel", "generator/dense_2/kernel"):
        assert np.abs(one[name] - start[name]).max() > 1e-3
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-5)


def test_nothing_is_frozen_by_default():
    network = points_game().discriminator
    assert freeze(network, 0) == []
    assert len(network.trainable_variables) == 4


def test_norms_are_frozen_with_the_layer_that_they_follow_and_keep_their_statistics():
    network = dcgan.discriminator((16, 16, 1), channels=2)
    assert {v.path for v in freeze(network, 2)} == {
        "down_1/kernel", "down_1/bias", "down_2/kernel", "norm_2/scale", "norm_2/offset",
    }  # fmt: skip
    before = network.get_layer("norm_2").moving_mean.numpy()
    network({"images": tf.ones([2, 16, 16, 1])}, training=True)
    assert not np.array_equal(network.get_layer("norm_2").moving_mean.numpy(), before)


def test_a_shortcut_counts_with_the_convolution_that_it_bypasses_and_attention_as_two():
    depths = depths_from_image(biggan.discriminator((16, 16, 1), 3, channels=2, attention=(8,)))
    kernels = {path.split("/")[-2]: depth for path, depth in depths.items() if path.endswith("kernel")}
    expected = {
        "block_1_conv_1": 1,
        "block_1_shortcut": 1,
        "block_1_conv_2": 2,
        "query": 3,
        "key": 3,
        "value": 3,
        "mixed": 4,
    }
    assert {name: kernels[name] for name in expected} == expected
    assert kernels["block_2_conv_1"] == kernels["block_2_shortcut"] == 5
    assert kernels["logits"] == max(kernels.values())
    assert not any("embed" in path for path in depths)  # which only the label passes


def test_a_label_that_is_joined_to_every_layer_adds_none():
    plain = dcgan.discriminator((16, 16, 1), channels=2)
    joined = dcgan.discriminator((16, 16, 1), channels=2, num_classes=3, label_size=2)
    assert depths_from_image(joined) == depths_from_image(plain)
    assert "label_map/kernel" in {v.path for v in joined.variables}


def test_a_growing_discriminator_is_counted_from_its_resolution():
    network = ProgressiveDiscriminator((16, 16, 1), base=32, maximum=4)
    network.resolution = 8
    assert {v.path for v in freeze(network, 2) if "kernel" in v.path} == {
        "from_images_8/kernel", "from_images_4/kernel", "conv_8_1/kernel",
    }  # fmt: skip


def test_more_layers_than_there_are_is_refused_with_their_number():
    images = keras.Input([2], name="images")
    h = SpectralNormalization(keras.layers.Dense(3, name="first"))(images)
    logits = keras.layers.Dense(1, name="logits")(keras.layers.Dense(3, name="second")(h))
    network = keras.Model({"images": images}, {"logits": logits}, name="discriminator")
    with pytest.raises(ZooError, match=r"freeze_discriminator=3: this discriminator has 3 layers .* use 2 or less"):
        freeze(network, 3)
    assert len(network.trainable_variables) == 6  # nothing was frozen
    assert len(freeze(network, 2)) == 4


def test_a_resumed_run_keeps_its_frozen_layers_and_its_optimisers_state():
    settings = points_recipe(freeze_discriminator=1, discriminator_optimizer={"name": "adam"})
    whole = values(played(settings))
    first = Trainer(settings, points_game, make_strategy("one"))
    play(first, stopping=lambda: int(first.step.numpy()) >= 5)
    second = Trainer(settings, points_game, make_strategy("one"))
    for name, variable in second.variables().items():
        variable.assign(first.variables()[name].numpy())
    play(second, POINTS)
    assert all(np.array_equal(value, whole[name]) for name, value in values(second).items())


def test_the_example_of_freeze_holds():
    assert doctest.testmod(freezing).failed == 0


def test_layers_have_the_same_numbers_where_activations_are_computed_again():
    network = ProgressiveDiscriminator(SHAPE, base=32, maximum=4)
    depths = depths_from_image(network)
    network.recompute = True
    assert depths_from_image(network) == depths
