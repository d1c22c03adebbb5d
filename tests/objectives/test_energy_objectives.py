"""Losses on energies: by hand, against NumPy in float64 and finite differences; BEGAN's balance over several updates."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close, central_differences
from small_games import played, points_game, points_recipe, values

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.networks.autoencoder import with_energy
from tfgan_zoo.objectives import (
    BoundaryEquilibrium,
    CategoricalEntropy,
    Dragan,
    EnergyMargin,
    FeatureMatching,
    HistoricalAveraging,
    PullingAway,
    Wasserstein,
    pulling_away,
)
from tfgan_zoo.objectives.penalties import scaled_uniform_noise


def energies(real, fake):
    """A turn in which D assigns these energies."""
    return SimpleNamespace(
        on_real={"energy": tf.convert_to_tensor(real, tf.float64)},
        on_fake={"energy": tf.convert_to_tensor(fake, tf.float64)},
    )


def losses_and_gradients(term, real, fake):
    """(D's loss, G's loss), (D's gradients with respect to the energies of reals and of fakes, G's to those of fakes)."""
    real, fake = (tf.constant(energy, tf.float64) for energy in (real, fake))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        losses = term.discriminator_loss(energies(real, fake)), term.generator_loss(energies(real, fake))
    assert all(loss.shape == () and loss.dtype == tf.float64 for loss in losses)
    return losses, (*tape.gradient(losses[0], [real, fake]), tape.gradient(losses[1], fake))


# -------------------------------------------------------------------------------------------------------------- margin


def test_energy_margin_by_hand():
    """Of fakes with energies 4 and 12 under a margin of 10, one is 6 below it and the other beyond."""
    losses, gradients = losses_and_gradients(EnergyMargin(10.0), [1.0, 2.0], [4.0, 12.0])
    assert_all_close(losses, [1.5 + (6 + 0) / 2, (4 + 12) / 2])
    assert_all_close(gradients, [[0.5, 0.5], [-0.5, 0], [0.5, 0.5]])


def test_energy_margin_and_its_gradients_equal_numpy():
    random = np.random.default_rng(0)
    real, fake = random.uniform(0, 2, 16), random.uniform(0, 2, 16)
    losses, gradients = losses_and_gradients(EnergyMargin(0.8), real, fake)

    def discriminator_loss(real, fake):
        return np.mean(real + np.maximum(0, 0.8 - fake))

    assert_all_close(losses, [discriminator_loss(real, fake), fake.mean()])
    assert_all_close(gradients[0], central_differences(lambda r: discriminator_loss(r, fake), real), 1e-8)
    assert_all_close(gradients[1], central_differences(lambda f: discriminator_loss(real, f), fake), 1e-8)
    assert_all_close(gradients[2], central_differences(np.mean, fake), 1e-8)


# -------------------------------------------------------------------------------------------------------- pulling away


def numpy_pulling_away(embedding):
    """Zhao et al. 2016, eq. 4, literally."""
    count, total = len(embedding), 0.0
    for i, a in enumerate(embedding):
        for j, b in enumerate(embedding):
            if i != j:
                total += (a @ b / (np.linalg.norm(a) * np.linalg.norm(b))) ** 2
    return total / (count * (count - 1))


@pytest.mark.parametrize(
    ("embedding", "expected"),
    [
        ([[1, 0], [0, 3]], 0),  # with the diagonal it would be 1
        ([[2, 0], [5, 0]], 1),
        ([[2, 0], [-5, 0]], 1),
        ([[1, 0], [7, 7]], 0.5),
        ([[1, 0], [0, 1], [3, 3]], (0 + 0.5 + 0.5) / 3),
        ([[1, 1, 0, 0], [1, -1, 0, 0], [0, 0, 2, 2]], 0),
    ],
)
def test_pulling_away_is_the_mean_squared_cosine_of_different_examples(embedding, expected):
    """Normalising along the batch or keeping the diagonal, as a well-known library does, would give none of these."""
    embedding = np.array(embedding, "float64")
    assert_all_close(pulling_away(embedding), expected)
    turn = SimpleNamespace(on_fake={"embedding": tf.constant(embedding)})
    assert_all_close(PullingAway().generator_loss(turn), expected)
    assert PullingAway().discriminator_loss(turn) is None


def test_pulling_away_does_not_depend_on_the_lengths():
    embedding = np.random.default_rng(0).normal(size=(5, 3))
    assert_all_close(pulling_away(embedding * [[1], [10], [0.1], [3], [100]]), pulling_away(embedding))


def test_pulling_away_and_its_gradients_equal_numpy():
    embedding = np.random.default_rng(0).normal(size=(5, 3))
    variable = tf.constant(embedding)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        loss = pulling_away(variable)
    assert_all_close(loss, numpy_pulling_away(embedding))
    gradient = tape.gradient(loss, variable).numpy()
    assert_all_close(gradient, central_differences(numpy_pulling_away, embedding), 1e-8)
    assert_all_close(np.sum(gradient * embedding, axis=1), np.zeros(5))  # no gradient along an example's own direction
    assert numpy_pulling_away(embedding - 0.1 * gradient) < loss  # descent pulls them apart


def test_pulling_away_of_an_embedding_of_zeros_is_finite():
    zeros = tf.zeros([3, 2])
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        loss = pulling_away(zeros)
    assert_all_close(loss, 0)
    assert np.isfinite(tape.gradient(loss, zeros)).all()


# ----------------------------------------------------------------------------------------------------- BEGAN's balance


def state_of(term):
    return [float(term.state[name]) for name in ("k", "convergence")]


def test_boundary_equilibrium_by_hand_over_four_updates():
    """With g = 0.5 and a rate of 0.1, k is 0, 0.1 (1 - 0.5) = 0.05, clipped to 0, then 0.2 - 0, and clipped to 1."""
    term = BoundaryEquilibrium(diversity=0.5, rate=0.1)
    assert state_of(term) == [0, 0]
    steps = [  # energies of real and fake, then k and M = real + |real / 2 - fake| after the generator's update
        ([1.0, 3.0], [0.0, 1.0], 0.05, 2 + 0.5),
        ([1.0, 1.0], [2.0, 4.0], 0.0, 1 + 2.5),
        ([4.0, 8.0], [0.5, 1.5], 0.2, 6 + 2.0),
        ([40.0, 20.0], [0.0, 0.0], 1.0, 30 + 15.0),
    ]
    before = 0.0
    for real, fake, k, convergence in steps:
        (discriminator_loss, generator_loss), gradients = losses_and_gradients(term, real, fake)
        assert_all_close(discriminator_loss, np.mean(real) - before * np.mean(fake), 1e-7)
        assert_all_close(generator_loss, np.mean(fake))
        assert_all_close(gradients, [[0.5, 0.5], [-before / 2, -before / 2], [0.5, 0.5]], 1e-7)
        assert_all_close(state_of(term), [k, convergence], 1e-6)
        before = k


def test_boundary_equilibrium_equals_numpy_over_many_updates_and_k_stays_between_0_and_1():
    random = np.random.default_rng(0)
    term = BoundaryEquilibrium(diversity=0.7, rate=0.2)
    k, history = 0.0, []
    for _ in range(50):
        real, fake = random.uniform(0, 4, 3), random.uniform(0, 4, 3)
        assert_all_close(term.discriminator_loss(energies(real, fake)), real.mean() - k * fake.mean(), 1e-6)
        assert_all_close(state_of(term)[0], k, 1e-6)  # unchanged by the discriminator's update
        assert_all_close(term.generator_loss(energies(real, fake)), fake.mean())
        k = min(max(k + 0.2 * (0.7 * real.mean() - fake.mean()), 0), 1)
        history.append(k)
        assert_all_close(state_of(term), [k, real.mean() + abs(0.7 * real.mean() - fake.mean())], 1e-6)
    assert 0 in history
    assert 1 > max(history) > 0.2
    for _ in range(10):
        term.generator_loss(energies([10.0], [0.0]))
    assert state_of(term)[0] == 1


def test_boundary_equilibrium_starts_with_the_rate_and_the_diversity_of_the_paper():
    term = BoundaryEquilibrium()
    term.generator_loss(energies([4.0], [1.0]))
    assert_all_close(state_of(term), [1e-3 * (0.5 * 4 - 1), 4 + 1], 1e-6)


# ------------------------------------------------------------------------------- the batch over replicas, and its parts


def on_both(strategy, function, *arrays):
    """The mean over two replicas of function(its half of each array)."""

    def half(array):
        return lambda context: array[len(array) // 2 * context.replica_id_in_sync_group :][: len(array) // 2]

    halves = [strategy.experimental_distribute_values_from_function(half(a)) for a in arrays]
    run = tf.function(lambda *parts: strategy.reduce("MEAN", strategy.run(function, parts), axis=None))
    return run(*halves)


def test_pulling_away_compares_the_examples_of_all_replicas(two_replicas):
    embedding = tf.constant(np.random.default_rng(0).normal(size=(6, 3)))

    def loss_and_gradient(embedding):
        """The gradient with respect to a weight that shifts every embedding; the trainer averages over replicas."""
        w = tf.constant(0.5, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(w)
            loss = PullingAway().generator_loss(SimpleNamespace(on_fake={"embedding": embedding + w}))
        return tf.stack([loss, tape.gradient(loss, w)])

    assert_all_close(on_both(two_replicas, loss_and_gradient, embedding), loss_and_gradient(embedding))
    assert (
        abs(np.mean([pulling_away(embedding[i : i + 3] + 0.5) for i in (0, 3)]) - loss_and_gradient(embedding)[0])
        > 1e-3
    )


def test_boundary_equilibrium_balances_the_means_of_all_replicas(two_replicas):
    with two_replicas.scope():
        term = BoundaryEquilibrium(diversity=0.5, rate=0.1)
    real, fake = tf.constant([2.0, 2.0, 6.0, 6.0]), tf.constant([0.0, 0.0, 1.0, 3.0])
    loss = on_both(
        two_replicas,
        lambda r, f: term.generator_loss(energies(r, f)),
        tf.cast(real, "float64"),
        tf.cast(fake, "float64"),
    )
    assert_all_close(loss, 1)
    for i in (0, 1):
        k, convergence = (two_replicas.experimental_local_results(term.state[n])[i] for n in ("k", "convergence"))
        assert_all_close([k, convergence], [0.1 * (2 - 1), 4 + 1], 1e-6)


def energy_game(*terms):
    """An auto-encoder of one dense layer judges points; `terms`: functions (G, D) -> a weighted term."""
    noise, images = keras.Input([3], name="noise"), keras.Input([2], name="images")
    generator = keras.Model({"noise": noise}, keras.layers.Dense(2, name="dense")(noise), name="generator")
    embedding = keras.layers.Dense(2, name="dense")(images)
    discriminator = with_energy(images, embedding, embedding, keras.ops.abs)
    objective = 1.0 * BoundaryEquilibrium(rate=0.01)
    for term in terms:
        objective += term(generator, discriminator)
    return Game(generator, discriminator, Prior(3), objective)


def test_terms_whose_state_moves_once_per_update_refuse_accumulation():
    message = "accumulation=4: boundary_equilibrium and historical_averaging keep a state"
    with pytest.raises(ZooError, match=message):
        played(points_recipe(steps=4, accumulation=4), lambda: energy_game(HistoricalAveraging))


@pytest.mark.parametrize(
    ("term", "name"),
    [
        (CategoricalEntropy(), "categorical_entropy"),
        (FeatureMatching(), "feature_matching"),
        (PullingAway(), "pulling_away"),
        (Dragan(noise=scaled_uniform_noise), "dragan"),
    ],
)
def test_terms_over_the_whole_batch_refuse_accumulation(term, name):
    with pytest.raises(ZooError, match=f"accumulation=4: {name} would be of each part by itself"):
        played(points_recipe(steps=4, accumulation=4), lambda: points_game(Wasserstein() + term))


def test_weights_are_averaged_once_per_update():
    final_values = values(played(points_recipe(steps=4), lambda: energy_game(HistoricalAveraging)))
    assert final_values["objective/historical_averaging/generator/updates"] == 4
