"""torch-mimicry's networks against ours with the same random weights (references/make_mimicry.py)."""

import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close
from references.mimicry_weights import inputs, probed, step_inputs, weights

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Turn, run_network
from tfgan_zoo.models import projection, sagan, sngan, wgan_gp
from tfgan_zoo.weight_files.mimicry import assign_discriminator, assign_generator

FILE = np.load(pathlib.Path(__file__).parents[1] / "references" / "mimicry.npz")
SHAPE = (32, 32, 3)
BUILD = {
    "sngan": lambda: sngan.build(SHAPE, mimicry=True),
    "cgan_pd": lambda: projection.build(SHAPE, 10, mimicry=True),
    "sagan": lambda: sagan.build(SHAPE, 10, mimicry=True),
    "wgan_gp": lambda: wgan_gp.build(SHAPE, generator_channels=256, mimicry=True),
}
ASSIGN = {"generator": assign_generator, "discriminator": assign_discriminator}


def shapes(name, player):
    return json.loads(str(FILE[f"{name}/{player}/shapes"]))


def filled_game(name):
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
    return request.param, filled_game(request.param), latents, images


def test_images_in_inference_equal_torch_mimicrys(both):
    name, game, latents, _ = both
    images = run_network(game.generator, latents, training=False)
    assert np.std(FILE[f"{name}/images"]) > 0.1
    assert_all_close(images, FILE[f"{name}/images"], 1e-4)


def test_logits_in_inference_equal_torch_mimicrys(both):
    name, game, _, images = both
    logits = run_network(game.discriminator, images, training=False)["logits"]
    assert np.ptp(FILE[f"{name}/logits"]) > 1e-2
    assert_all_close(logits, FILE[f"{name}/logits"], 1e-4)


def test_three_calls_in_training_iterate_u_and_v_as_torch_does():
    """In SAGAN: convolutions, dense layers, the stem with its other order of outputs, an embedding, attention."""
    game = filled_game("sagan")
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
        for key, value in stored.items():
            is_row = key == "l5.weight_v"  # one output, so v converges at once
            assert is_row or value.size < 9 or np.abs(start[key] - value).max() > 1e-4  # it has moved
        iterated = vectors(network)
        ASSIGN[player](network, start)
        first = vectors(network)
        ASSIGN[player](network, {**start, **stored})
        changed = [
            i for i, (old, new) in enumerate(zip(first, vectors(network), strict=True)) if not np.array_equal(old, new)
        ]
        assert len(changed) > 12
        for i in changed:
            assert_all_close(iterated[i], vectors(network)[i], 1e-5)


def vectors(network):
    """Every u and v."""
    return [v.numpy() for v in network.variables if v.name in ("u", "v")]


@pytest.mark.slow
def test_three_steps_of_sngan_end_with_the_weights_of_torch_mimicry():
    keras.config.set_dtype_policy("float64")
    game = filled_game("sngan")
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
                # torch-mimicry passes reals and fakes separately; our game joins them in one pass.
                loss = tf.add_n(list(losses_of[player](Turn(game.discriminator, real, fake, draws=None)).values()))
            gradients = tape.gradient(loss, [v.value for v in weights_of])
            optimizers[player].apply(gradients, weights_of)
    for player, network in players.items():
        start = weights(f"sngan/{player}", shapes("sngan", player))
        trained = [v.numpy().ravel() for v in network.variables]
        starts = np.cumsum([0, *(value.size for value in start.values())])
        ASSIGN[player](
            network,
            {
                k: first + np.arange(v.size).reshape(v.shape)
                for (k, v), first in zip(start.items(), starts, strict=False)
            },
        )
        flat = np.empty(starts[-1])  # our values at their positions in the file
        for values, variable in zip(trained, network.variables, strict=True):
            if variable.name != "standing_batches":
                positions = np.rint(variable.numpy()).astype(int).ravel()
                flat[positions] = values
        for (key, before), first in zip(start.items(), starts, strict=False):
            trained_values = flat[first : first + before.size]
            if key.endswith("num_batches_tracked"):
                continue
            mean, norm, *probes = FILE[f"{player}/after/{key}"]
            if key.endswith("weight_orig") or key.endswith("c1.weight"):
                assert np.abs(trained_values - before.ravel()).max() > 1e-4  # it has moved
            assert_all_close(
                [trained_values.mean(), np.linalg.norm(trained_values) / before.size**0.5],
                [mean, norm / before.size**0.5],
                1e-7,
            )
            assert_all_close(trained_values[probed(key, before.size)], probes, 1e-6)


def test_mismatched_keys_are_named_and_nothing_is_assigned():
    network = BUILD["sngan"]().discriminator
    tensors = weights("sngan/discriminator", shapes("sngan", "discriminator"))
    before = [v.numpy() for v in network.variables]
    wrong = {**tensors, "l5.bias": np.ones(4), "fc.weight": np.ones(2)}
    del wrong["block1.c1.bias"]
    with pytest.raises(
        ZooError, match=r"1 missing: block1.c1.bias; 1 of another shape: l5.bias is .* 1 left over: fc.weight"
    ):
        assign_discriminator(network, wrong)
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
