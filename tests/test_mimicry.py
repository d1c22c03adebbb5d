"""torch-mimicry's networks and ours, with the same weights drawn on both sides (references/make_mimicry.py)."""

import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close
from references.mimicry_weights import inputs, probed, step_inputs, weights

from tfgan_zoo.errors import ZooError
from tfgan_zoo.game import Turn, run_network
from tfgan_zoo.imports.mimicry import assign_discriminator, assign_generator, discriminator_slots, generator_slots
from tfgan_zoo.models import projection, sagan, sngan, wgan_gp

FILE = np.load(pathlib.Path(__file__).parent / "references" / "mimicry.npz")
SHAPE = (32, 32, 3)
BUILD = {
    "sngan": lambda: sngan.build(SHAPE, mimicry=True),
    "cgan_pd": lambda: projection.build(SHAPE, 10, mimicry=True),
    "sagan": lambda: sagan.build(SHAPE, 10, mimicry=True),
    "wgan_gp": lambda: wgan_gp.build(SHAPE, generator_channels=256, mimicry=True),
}
ASSIGN = {"generator": assign_generator, "discriminator": assign_discriminator}
SLOTS = {"generator": generator_slots, "discriminator": discriminator_slots}


def shapes(name, player):
    return json.loads(str(FILE[f"{name}/{player}/shapes"]))


def filled(name):
    """The game with the weights of the reference."""
    game = BUILD[name]()
    for player, assign in ASSIGN.items():
        assign(getattr(game, player), weights(f"{name}/{player}", shapes(name, player)))
    return game


@pytest.fixture(scope="module", params=BUILD)
def both(request):
    """(name, game, latents, images) of a network; labels are in the two dicts."""
    noise, labels, images = inputs(request.param)
    latents = {"noise": noise.astype("float32"), "labels": labels}
    images = {"images": images.transpose(0, 2, 3, 1).astype("float32"), "labels": labels}
    return request.param, filled(request.param), latents, images


def test_images_in_inference_are_those_of_torch_mimicry(both):
    name, game, latents, _ = both
    images = run_network(game.generator, latents, training=False)
    assert np.std(FILE[f"{name}/images"]) > 0.1
    assert_all_close(images, FILE[f"{name}/images"], 1e-4)


def test_logits_in_inference_are_those_of_torch_mimicry(both):
    name, game, _, images = both
    logits = run_network(game.discriminator, images, training=False)["logits"]
    assert np.ptp(FILE[f"{name}/logits"]) > 1e-2
    assert_all_close(logits, FILE[f"{name}/logits"], 1e-4)


def test_three_calls_in_training_iterate_u_and_v_as_torch_does():
    """In SAGAN: convolutions, dense layers, the stem with its other order of outputs, an embedding, attention."""
    game = filled("sagan")
    noise, labels, images = inputs("sagan")
    calls = {
        "generator": {"noise": noise.astype("float32"), "labels": labels},
        "discriminator": {"images": images.transpose(0, 2, 3, 1).astype("float32"), "labels": labels},
    }
    for player, batch in calls.items():
        network = getattr(game, player)
        for _ in range(3):
            run_network(network, batch, training=True)
        prefix = f"sagan/{player}/"
        stored = {key.removeprefix(prefix): FILE[key] for key in FILE if key.startswith(prefix) and "weight_" in key}
        assert len(stored) >= 14
        start = weights(f"sagan/{player}", shapes("sagan", player))
        moved = [key for key, value in stored.items() if np.abs(start[key] - value).max() > 1e-2]
        assert len(moved) > len(stored) / 2  # some are there at once, such as those of a single row
        for key, value in stored.items():
            ((variable, convert),) = SLOTS[player](network)[key].targets
            assert_all_close(variable.numpy(), convert(value), 1e-5)


@pytest.mark.slow
def test_three_steps_of_sngan_end_with_the_weights_of_torch_mimicry():
    keras.config.set_dtype_policy("float64")
    game = filled("sngan")
    rates = {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.9, "epsilon": 1e-12}
    players = {"discriminator": game.discriminator, "generator": game.generator}
    optimizers = {player: keras.optimizers.Adam(**rates) for player in players}
    losses_of = {
        "discriminator": game.objective.discriminator_losses,
        "generator": game.objective.generator_losses,
    }
    for step in range(3):
        images, *noises = step_inputs(step)
        real = {"images": tf.constant(images.transpose(0, 2, 3, 1))}
        for (player, network), noise in zip(players.items(), noises, strict=True):
            weights_of = network.trainable_variables
            with tf.GradientTape() as tape:
                fake = {"images": run_network(game.generator, {"noise": tf.constant(noise)}, training=True)}
                # That zoo shows reals and fakes one after the other, where our game joins them in one pass.
                loss = tf.add_n(list(losses_of[player](Turn(game.discriminator, real, fake, draws=None)).values()))
            gradients = tape.gradient(loss, [v.value for v in weights_of])
            optimizers[player].apply(gradients, weights_of)
    for player, network in players.items():
        start = weights(f"sngan/{player}", shapes("sngan", player))
        for key, slot in SLOTS[player](network).items():
            ((variable, convert),) = slot.targets
            size = int(np.prod(slot.shape))
            place = convert(np.arange(size).reshape(slot.shape)).ravel()  # their position of each of our numbers
            ours = np.empty(size)
            ours[place] = variable.numpy().ravel()
            mean, norm, *some = FILE[f"{player}/after/{key}"]
            if key.endswith("weight_orig") or key.endswith("c1.weight"):
                assert np.abs(ours - start[key].ravel()).max() > 1e-4  # it has moved
            assert_all_close([ours.mean(), np.linalg.norm(ours) / size**0.5], [mean, norm / size**0.5], 1e-7)
            assert_all_close(ours[probed(key, size)], some, 1e-6)


def test_keys_that_do_not_fit_are_named_and_nothing_is_assigned():
    small = {"generator_channels": 8, "discriminator_channels": 8, "noise_size": 8, "mimicry": True}
    network = projection.build((16, 16, 3), 3, **small).generator
    tensors = {key: np.ones(slot.shape, "float32") for key, slot in generator_slots(network).items()}
    before = [v.numpy() for v in network.variables]
    wrong = {**tensors, "c4.bias": np.ones(4), "fc.weight": np.ones(2)}
    del wrong["block2.b1.embed.weight"]
    with pytest.raises(ZooError) as caught:
        assign_generator(network, wrong)
    assert "block2.b1.embed.weight is missing" in str(caught.value)
    assert "fc.weight has no place" in str(caught.value)
    assert "c4.bias has shape (4,) and needs (3,)" in str(caught.value)
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assign_generator(network, {**tensors, "b4.num_batches_tracked": np.array(7)})
    np.testing.assert_array_equal(network.get_layer("block_1_norm_1").gamma.kernel.numpy(), np.zeros([3, 8]))  # 1 + 0


def test_stem_goes_from_channels_first_to_channels_last():
    """Four positions of six channels: their output 5 is channel 1 at position 1, ours 6 + 1."""
    network = sngan.build(
        (16, 16, 1), generator_channels=6, discriminator_channels=2, noise_size=1, mimicry=True
    ).generator
    slot = generator_slots(network)["l1.bias"]
    ((_, convert),) = slot.targets
    ours = convert(np.arange(96))
    assert (ours[0], ours[1], ours[6], ours[6 + 1]) == (0, 16, 1, 17)
    np.testing.assert_array_equal(ours.reshape(16, 6).T.ravel(), np.arange(96))
