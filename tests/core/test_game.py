"""The algebra of objectives, the passes of a turn, the hooks of a game."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close
from small_turns import SHAPE, images, linear, turn_of, two_layers, watched

from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game, Objective, Term, Turn, run_network
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.objectives import R1, Drift, GradientPenalty, Hinge, NonSaturating, Wasserstein

# ---------------------------------------------------------------------------------------------- the algebra of losses


class Constant(Term):
    """A constant loss for each player, None for a player without one."""

    def __init__(self, discriminator=None, generator=None):
        self.losses = discriminator, generator

    def discriminator_loss(self, turn):
        return self.losses[0]

    def generator_loss(self, turn):
        return self.losses[1]


class BoundaryEquilibrium(Constant):
    """A term with a state."""

    def __init__(self, *losses):
        super().__init__(*losses)
        self.k = tf.Variable(0.25)
        self.state = {"k": self.k}


def test_objective_weights_its_terms_and_names_them_in_snake_case():
    objective = Constant(1.0, 2.0) + 10 * BoundaryEquilibrium(3.0, 4.0) + 1e-3 * R1()
    assert [(name, weight) for name, weight, _ in objective.terms] == [
        ("constant", 1.0), ("boundary_equilibrium", 10.0), ("r1", 1e-3),
    ]  # fmt: skip
    assert objective.generator_losses(None) == {"constant": 2.0, "boundary_equilibrium": 40.0}


def test_objective_of_a_paper_has_the_value_of_its_formula():
    keras.config.set_dtype_policy("float64")
    real, fake = [[[[1.0], [0.0]]]], [[[[0.0], [0.5]]]]  # D(x) = 3, D(G(z)) = 2
    objective = Wasserstein() + 10 * GradientPenalty() + 1e-3 * Drift()
    losses = objective.discriminator_losses(turn_of(linear(3, 4), real, fake))
    assert list(losses) == ["wasserstein", "gradient_penalty", "drift"]
    assert_all_close(list(losses.values()), [2 - 3, 10 * 16, 1e-3 * 9])


def test_term_without_a_loss_for_a_player_is_left_out():
    objective = Constant(1.0, None) + 2 * Constant(None, 3.0) + Term()
    assert objective.discriminator_losses(None) == {"constant": 1.0}
    assert objective.generator_losses(None) == {"constant_2": 6.0}
    assert list((NonSaturating() + R1()).generator_losses(SimpleNamespace(on_fake={"logits": tf.zeros([1, 1])}))) == [
        "non_saturating"
    ]


def test_terms_of_one_class_are_numbered_in_order():
    objective = Constant(1.0) + 2 * Constant(1.0) + (3 * Constant(1.0) + Hinge())
    assert objective.discriminator_losses(SimpleNamespace(on_real={"logits": 2.0}, on_fake={"logits": -2.0})) == {
        "constant": 1.0, "constant_2": 2.0, "constant_3": 3.0, "hinge": 0.0,
    }  # fmt: skip


def test_state_of_an_objective_is_that_of_its_terms_by_name():
    first, second = BoundaryEquilibrium(), BoundaryEquilibrium()
    objective = Hinge() + 0.5 * first + second
    assert list(objective.state) == ["boundary_equilibrium/k", "boundary_equilibrium_2/k"]
    assert objective.state["boundary_equilibrium/k"] is first.k
    assert objective.state["boundary_equilibrium_2/k"] is second.k
    assert (Hinge() + R1()).state == {}


def test_adding_leaves_the_summands_unchanged():
    first = Hinge() + R1()
    second = first + Drift()
    assert [name for name, *_ in first.terms] == ["hinge", "r1"]
    assert [name for name, *_ in second.terms] == ["hinge", "r1", "drift"]
    assert isinstance(1.0 * Hinge(), Objective)


# ------------------------------------------------------------------------------------------------------ networks, turns


def test_hinge_generator_turn_never_runs_the_discriminator_on_reals():
    keras.config.set_dtype_policy("float64")
    real, fake = images(), images(seed=1)
    turn = watched(linear(3, 4), real, fake)
    Hinge().generator_loss(turn)
    Hinge().generator_loss(turn)
    assert len(turn.shown) == 1  # and the fakes once, however often they are read
    np.testing.assert_array_equal(turn.shown[0]["images"], fake)
    Hinge().discriminator_loss(turn)
    assert len(turn.shown) == 2
    np.testing.assert_array_equal(turn.shown[1]["images"], real)


@pytest.mark.usefixtures("double")
def test_one_pass_calls_the_discriminator_once_and_changes_neither_values_nor_gradients():
    network, real, fake = two_layers(), images(3), images(5, seed=1)
    results = []
    for one_pass in (False, True):
        turn = watched(network, real, fake, one_pass)
        with tf.GradientTape() as tape:
            loss = NonSaturating().discriminator_loss(turn)
        results.append(
            (turn.on_real["logits"], turn.on_fake["logits"], *tape.gradient(loss, network.trainable_weights))
        )
        assert len(turn.shown) == (1 if one_pass else 2)
    assert results[0][0].shape == (3, 1)
    assert results[0][1].shape == (5, 1)
    for two, one in zip(*results, strict=True):
        assert_all_close(one, two, 1e-14)


def conditional():
    """D({images, labels}) = the pixels' sum + the label."""
    pixels, labels = keras.Input(SHAPE, name="images"), keras.Input([], name="labels", dtype="int32")
    logits = keras.ops.sum(pixels, axis=(1, 2)) + keras.ops.cast(labels, "float32")[:, None]
    return keras.Model({"images": pixels, "labels": labels}, {"logits": logits}, name="discriminator")


def test_run_network_gives_each_network_the_inputs_that_it_declares():
    batch = {"labels": tf.constant([0, 10]), "images": tf.ones([2, *SHAPE]), "measurement": tf.zeros([2])}
    assert_all_close(run_network(linear(3, 4), batch, training=True)["logits"], [[7], [7]], 1e-6)
    assert_all_close(run_network(conditional(), batch, training=True)["logits"], [[2], [12]], 1e-6)


def test_one_pass_joins_the_labels_with_their_images():
    real = {"images": tf.ones([2, *SHAPE]), "labels": tf.constant([1, 2])}
    fake = {"images": tf.zeros([1, *SHAPE]), "labels": tf.constant([5]), "noise": tf.zeros([1, 4])}
    turn = Turn(conditional(), real, fake, None, one_pass=True)
    assert_all_close(turn.on_real["logits"], [[3], [4]], 1e-6)
    assert_all_close(turn.on_fake["logits"], [[5]], 1e-6)


def test_error_for_missing_labels_lists_the_batchs_keys_and_a_remedy():
    message = "the discriminator needs labels, but the batch has only images; use a data source"
    with pytest.raises(ZooError, match=message):
        run_network(conditional(), {"images": tf.ones([2, *SHAPE])}, training=False)


@pytest.mark.parametrize("one_pass", [False, True])
def test_error_for_a_missing_output_lists_the_existing_ones(one_pass):
    turn = watched(linear(3, 4), images(), images(), one_pass)
    with pytest.raises(ZooError, match=r"no output 'rotation'; it has logits\."):
        turn.on_fake["rotation"]


def generator():
    noise = keras.Input([2], name="noise")
    return keras.Model({"noise": noise}, keras.layers.Reshape(SHAPE)(keras.layers.Dense(2)(noise)), name="generator")


def test_game_uses_one_pass_for_the_discriminator_alone_and_calls_its_hooks():
    class Darkened(Game):
        def observe_real(self, batch, draws):
            return {**batch, "images": batch["images"] - 1}

        def observe_fake(self, batch, draws):
            return {**batch, "images": batch["images"] * 0}

    game = Darkened(generator(), linear(3, 4), Prior(2, num_classes=3), Hinge(), one_pass=True)
    draws = Draws(seed_of(0), 4)
    turns = [turn({"images": tf.ones([4, *SHAPE])}, draws) for turn in (game.discriminator_turn, game.generator_turn)]
    assert [turn.one_pass for turn in turns] == [True, False]
    for turn in turns:
        assert set(turn.fake) == {"noise", "labels", "images"}
        assert_all_close(turn.on_real["logits"], np.zeros((4, 1)))
        assert_all_close(turn.on_fake["logits"], np.zeros((4, 1)))
    assert list(game.objective.generator_losses(turns[1])) == ["hinge"]


def test_a_batch_is_shown_observed_and_then_augmented():
    class Added(Game):
        def observe_fake(self, batch, draws):
            return {**batch, "images": batch["images"] + 1}

    game = Added(generator(), linear(3, 4), Prior(2), Hinge())
    game.augmentation = lambda batch, draws, which: {**batch, "images": batch["images"] * 10, "which": which}
    ones = {"images": tf.ones([1, *SHAPE])}
    assert game.shown(ones, None, "fake")["images"][0, 0, 0, 0] == 20
    assert game.shown(ones, None, "real")["images"][0, 0, 0, 0] == 10
    assert game.shown(ones, None, "fake")["which"] == "fake"


def test_double_precision_is_not_lost_between_the_players():
    keras.config.set_dtype_policy("float64")
    game = Game(generator(), linear(1, 1), Prior(2), Hinge(), one_pass=True)
    turn = game.discriminator_turn({"images": tf.ones([4, *SHAPE], "float64")}, Draws(seed_of(0), 4))
    samples = game.generator({"noise": turn.fake["noise"]})
    assert samples.dtype == tf.float64
    assert_all_close(turn.on_fake["logits"][:, 0], tf.reduce_sum(samples, [1, 2, 3]), 1e-14)
