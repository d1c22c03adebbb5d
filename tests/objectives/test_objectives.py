"""Losses and penalties by hand, against NumPy in float64 and finite differences."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close, central_differences
from small_turns import SHAPE, half_square, images, linear, turn_of, two_layers, watched

from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.objectives import (
    R1,
    R2,
    Dragan,
    Drift,
    GradientPenalty,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticPairing,
    Wasserstein,
    hinge_penalty,
    one_sided_penalty,
    points_between,
    squared_gradient_norms,
    two_sided_penalty,
)
from tfgan_zoo.objectives.penalties import DRAGAN_FORMS, gaussian_noise, scaled_uniform_noise

# ------------------------------------------------------------------------------------------------- adversarial losses

LOG_2, LOG_3 = math.log(2), math.log(3)
SUM_4, SUM_3 = math.log(4), math.log(4 / 3)  # sp(log 3) and sp(-log 3)
PEARSON = LeastSquares(-1.0, 1.0, 0.0)

# term, logits of two reals and two fakes, the losses of D and G,
# and by hand their gradients: D's with respect to the real and the fake logits, G's with respect to the fake ones.
BY_HAND = {
    "NonSaturating": (
        NonSaturating(), [0, LOG_3], [0, LOG_3],
        (LOG_2 + SUM_3) / 2 + (LOG_2 + SUM_4) / 2, (LOG_2 + SUM_3) / 2,
        [-1 / 4, -1 / 8], [1 / 4, 3 / 8], [-1 / 4, -1 / 8],
    ),
    "Minimax": (
        Minimax(), [0, LOG_3], [0, LOG_3],
        (LOG_2 + SUM_3) / 2 + (LOG_2 + SUM_4) / 2, -(LOG_2 + SUM_4) / 2,
        [-1 / 4, -1 / 8], [1 / 4, 3 / 8], [-1 / 4, -3 / 8],
    ),
    "Hinge": (
        Hinge(), [2, -1], [-2, 0.5],
        (0 + 2) / 2 + (0 + 1.5) / 2, (2 - 0.5) / 2,
        [0, -1 / 2], [0, 1 / 2], [-1 / 2, -1 / 2],
    ),
    "LeastSquares": (
        LeastSquares(), [2, 0], [1, -3],
        (1 + 1) / 4 + (1 + 9) / 4, (0 + 16) / 4,
        [1 / 2, -1 / 2], [1 / 2, -3 / 2], [0, -2],
    ),
    "Pearson": (
        PEARSON, [2, 0], [1, -3],
        (1 + 1) / 4 + (4 + 4) / 4, (1 + 9) / 4,
        [1 / 2, -1 / 2], [1, -1], [1 / 2, -3 / 2],
    ),
    "Wasserstein": (
        Wasserstein(), [2, 5], [1, -3],
        -1 - 3.5, 1,
        [-1 / 2, -1 / 2], [1 / 2, 1 / 2], [-1 / 2, -1 / 2],
    ),
    "RelativisticPairing": (  # the differences of the pairs are -log 3 and 0
        RelativisticPairing(), [0, LOG_3], [LOG_3, LOG_3],
        (SUM_4 + LOG_2) / 2, (SUM_3 + LOG_2) / 2,
        [-3 / 8, -1 / 4], [3 / 8, 1 / 4], [-1 / 8, -1 / 4],
    ),
}  # fmt: skip


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def numpy_least_squares(a, b, c):
    return (
        lambda real, fake: 0.5 * np.mean((real - b) ** 2) + 0.5 * np.mean((fake - a) ** 2),
        lambda real, fake: 0.5 * np.mean((fake - c) ** 2),
    )


# The losses as in their papers, on probabilities where the paper uses those: (D's, G's).
IN_NUMPY = {
    "NonSaturating": (
        lambda real, fake: -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake))),
        lambda real, fake: -np.mean(np.log(sigmoid(fake))),
    ),
    "Minimax": (
        lambda real, fake: -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake))),
        lambda real, fake: np.mean(np.log(1 - sigmoid(fake))),
    ),
    "Hinge": (
        lambda real, fake: np.mean(np.maximum(0, 1 - real)) + np.mean(np.maximum(0, 1 + fake)),
        lambda real, fake: -np.mean(fake),
    ),
    "LeastSquares": numpy_least_squares(0, 1, 1),
    "Pearson": numpy_least_squares(-1, 1, 0),
    "Wasserstein": (lambda real, fake: np.mean(fake) - np.mean(real), lambda real, fake: -np.mean(fake)),
    "RelativisticPairing": (
        lambda real, fake: -np.mean(np.log(sigmoid(real - fake))),
        lambda real, fake: -np.mean(np.log(sigmoid(fake - real))),
    ),
}

every_loss = pytest.mark.parametrize("name", BY_HAND)


def losses_and_gradients(term, real, fake, dtype="float64"):
    """(D's loss, G's loss), (D's gradients with respect to the real and the fake logits, G's to the fake ones)."""
    real, fake = (tf.constant(np.reshape(logits, [-1, 1]), dtype) for logits in (real, fake))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        turn = SimpleNamespace(on_real={"logits": real}, on_fake={"logits": fake})
        losses = term.discriminator_loss(turn), term.generator_loss(turn)
    gradients = *tape.gradient(losses[0], [real, fake]), tape.gradient(losses[1], fake)
    assert all(loss.shape == () and loss.dtype == dtype for loss in losses)
    return losses, [gradient.numpy()[:, 0] for gradient in gradients]


@every_loss
def test_losses_and_their_gradients_equal_those_computed_by_hand(name):
    term, real, fake, discriminator_loss, generator_loss, *expected = BY_HAND[name]
    losses, gradients = losses_and_gradients(term, real, fake)
    assert_all_close(losses, [discriminator_loss, generator_loss], 1e-14)
    for gradient, by_hand in zip(gradients, expected, strict=True):
        assert_all_close(gradient, by_hand, 1e-14)


@every_loss
def test_losses_and_their_gradients_equal_numpy_on_random_logits(name):
    random = np.random.default_rng(1)
    real, fake = 2 * random.normal(size=16), 2 * random.normal(size=16)
    discriminator_loss, generator_loss = IN_NUMPY[name]
    losses, gradients = losses_and_gradients(BY_HAND[name][0], real, fake)
    assert_all_close(losses, [discriminator_loss(real, fake), generator_loss(real, fake)], 1e-12)
    assert_all_close(gradients[0], central_differences(lambda r: discriminator_loss(r, fake), real), 1e-8)
    assert_all_close(gradients[1], central_differences(lambda f: discriminator_loss(real, f), fake), 1e-8)
    assert_all_close(gradients[2], central_differences(lambda f: generator_loss(real, f), fake), 1e-8)


@pytest.mark.parametrize(
    "name", ["NonSaturating", "Minimax", "Hinge", "LeastSquares", "Wasserstein", "RelativisticPairing"]
)
def test_discriminator_pulls_real_up_and_fake_down_and_generator_pulls_fake_up(name):
    _, (real, fake, generated) = losses_and_gradients(BY_HAND[name][0], [-0.5, 0.5], [-0.5, 0.5])
    assert (real < 0).all()  # descent raises D(x)
    assert (fake > 0).all() or name == "LeastSquares"  # and lowers D(G(z))
    assert (generated < 0).all()
    if name == "LeastSquares":  # whose target for fakes is 0, not minus infinity
        assert_all_close(fake, [-0.25, 0.25])


def test_minimax_generator_learns_nothing_from_a_rejected_fake_and_the_non_saturating_one_does():
    _, (*_, saturated) = losses_and_gradients(Minimax(), [0.0], [-20.0])
    _, (*_, alive) = losses_and_gradients(NonSaturating(), [0.0], [-20.0])
    assert_all_close(saturated, -math.exp(-20) / (1 + math.exp(-20)), 1e-16)
    assert_all_close(alive, -1 / (1 + math.exp(-20)), 1e-14)


@every_loss
def test_losses_and_gradients_are_accurate_in_float32_at_logits_of_100(name):
    real, fake = [-100.0, 100.0], [100.0, -100.0]
    losses, gradients = losses_and_gradients(BY_HAND[name][0], real, fake, "float32")
    expected = {  # sp(100) = 100 and sp(-100) = 0 to 43 digits
        "NonSaturating": (100, 50),
        "Minimax": (100, -50),
        "Hinge": (101, 0),
        "LeastSquares": (101**2 / 4 + 99**2 / 4 + 100**2 / 2, 99**2 / 4 + 101**2 / 4),
        "Pearson": (101**2 / 4 + 99**2 / 4 + 101**2 / 4 + 99**2 / 4, 100**2 / 2),
        "Wasserstein": (0, 0),
        "RelativisticPairing": (100, 100),  # sp(200) and sp(-200) of the two pairs
    }[name]
    assert_all_close(losses, expected, 1e-6)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


# ---------------------------------------------------------------------------------------------------------- penalties


def steep_two_layers():
    """A network whose gradient norms at `images` lie on both sides of 1."""
    network = two_layers()
    network.set_weights([
        np.array([[0.4, -0.3, 0.8], [0.6, 0.5, -0.2]]), np.array([0.1, -0.2, 0.3]),
        np.array([[1.2], [-0.9], [0.7]]), np.array([0.5]),
    ])  # fmt: skip
    norms = tf.sqrt(turn_of(network, images()).squared_gradient_norms(tf.constant(images()))).numpy()
    assert norms.min() < 0.9
    assert norms.max() > 1.1
    return network


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("w", "expected"), [((3, 4), 16), ((0.3, 0.4), 0.25), ((-0.6, 0.8), 0)])
def test_gradient_penalty_of_linear_critic_is_squared_slope_error(w, expected):
    assert_all_close(GradientPenalty().discriminator_loss(turn_of(linear(*w), images(), images(seed=1))), expected)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("w", "expected"), [((3, 4), 16), ((0.3, 0.4), 0), ((0, 0), 0)])
def test_one_sided_gradient_penalty_leaves_slopes_below_one_alone(w, expected):
    assert_all_close(
        GradientPenalty(one_sided=True).discriminator_loss(turn_of(linear(*w), images(), images(seed=1))), expected
    )


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("form", "k", "expected"),
    [
        ("norm_squared", 1.0, 25),
        ("hinge", 1.0, 24),
        ("hinge", 26.0, 0),
        ("two_sided", 1.0, 16),
        ("two_sided", 7.0, 4),
    ],
)
def test_dragan_forms_of_a_critic_of_slope_five(form, k, expected):
    assert_all_close(Dragan(DRAGAN_FORMS[form], k).discriminator_loss(turn_of(linear(3, 4), images())), expected)


@pytest.mark.usefixtures("double")
def test_dragan_is_two_sided_about_one_by_default():
    assert_all_close(Dragan().discriminator_loss(turn_of(linear(3, 4), images())), 16)


@pytest.mark.usefixtures("double")
def test_r1_of_linear_critic_is_half_its_squared_slope():
    assert_all_close(R1().discriminator_loss(turn_of(linear(3, 4), images())), 12.5, 1e-14)


@pytest.mark.usefixtures("double")
def test_r1_is_taken_at_the_reals_alone_and_r2_at_the_fakes_alone():
    """D(x) = |x|^2 / 2 has gradient x."""
    turn = turn_of(half_square(), [[[[3.0], [4.0]]]], [[[[0.0], [1.0]]]])
    assert_all_close([R1().discriminator_loss(turn), R2().discriminator_loss(turn)], [25 / 2, 1 / 2])


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("one_sided", [False, True])
def test_the_plain_functions_equal_the_term_bit_for_bit(one_sided):
    network, turn = steep_two_layers(), turn_of(steep_two_layers(), images(), images(seed=1))
    real, fake = turn.real["images"], turn.fake["images"]
    points = points_between(real, fake, turn.draws.uniform("gradient_penalty"))
    squared = squared_gradient_norms(lambda x: network({"images": x})["logits"], points)
    plain = one_sided_penalty(squared) if one_sided else two_sided_penalty(squared)
    assert float(plain) == float(GradientPenalty(one_sided).discriminator_loss(turn))


@pytest.mark.usefixtures("double")
def test_drift_is_the_mean_square_of_the_critic_on_reals_alone():
    real = [[[[1.0], [0.0]]], [[[0.0], [2.0]]]]  # D(x) = 3 and 8
    assert_all_close(Drift().discriminator_loss(turn_of(linear(3, 4), real, images(2))), (9 + 64) / 2, 1e-14)


@pytest.mark.usefixtures("double")
def test_penalties_take_the_norm_of_each_example_and_not_of_the_batch():
    """D(x) = |x|^2 / 2 has gradient x: norms 5 and 1, squares 25 and 1. One norm over the batch would be sqrt(26)."""
    turn = turn_of(half_square(), [[[[3.0], [4.0]]], [[[0.0], [-1.0]]]])

    def no_noise(turn):
        return tf.zeros_like(turn.real["images"])

    assert_all_close(GradientPenalty().discriminator_loss(turn), (16 + 0) / 2)  # and not (sqrt(26) - 1)^2 = 16.8
    assert_all_close(GradientPenalty(one_sided=True).discriminator_loss(turn), (16 + 0) / 2)
    assert_all_close(R1().discriminator_loss(turn), (25 + 1) / 4)
    assert_all_close(Dragan(DRAGAN_FORMS["norm_squared"], noise=no_noise).discriminator_loss(turn), (25 + 1) / 2)
    assert_all_close(Dragan(hinge_penalty, 4.0, noise=no_noise).discriminator_loss(turn), (21 + 0) / 2)
    assert_all_close(Dragan(two_sided_penalty, 2.0, noise=no_noise).discriminator_loss(turn), (9 + 1) / 2)


@pytest.mark.usefixtures("double")
def test_gradient_penalty_is_taken_at_an_independent_point_between_each_pair():
    real, fake = images(64), images(64, seed=1)
    turn = watched(linear(3, 4), real, fake)
    GradientPenalty().discriminator_loss(turn)
    (between,) = (inputs["images"].numpy() for inputs in turn.shown)
    fraction = (between - real) / (fake - real)  # the same in both pixels
    assert_all_close(fraction[:, 0, 0], fraction[:, 0, 1], 1e-8)
    fraction = fraction[:, 0, 0, 0]
    assert 0 <= fraction.min() < 0.1
    assert 0.9 < fraction.max() <= 1
    assert abs(fraction.mean() - 0.5) < 4 * math.sqrt(1 / 12 / 64)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("noise", [gaussian_noise, scaled_uniform_noise])
def test_dragan_is_taken_around_the_reals_and_never_at_the_fakes(noise):
    real = images(8)
    turn = watched(two_layers(), real, np.full((8, *SHAPE), np.nan))
    assert np.isfinite(Dragan(noise=noise).discriminator_loss(turn))
    (perturbed,) = (inputs["images"].numpy() for inputs in turn.shown)
    assert_all_close(perturbed - real, noise(turn), 1e-12)
    assert np.abs(perturbed - real).min() > 0


def test_gaussian_noise_has_the_requested_variance_in_squared_grey_levels():
    turn = turn_of(None, np.zeros((512, 8, 8, 1)))
    levels = 127.5 * gaussian_noise(turn).numpy()
    assert abs(levels.mean()) < 4 * math.sqrt(10 / levels.size)
    assert abs(levels.var() - 10) < 4 * 10 * math.sqrt(2 / levels.size)
    assert_all_close(gaussian_noise(turn, variance=40.0), 2 * levels / 127.5)


def test_scaled_uniform_noise_lies_between_zero_and_half_the_deviation_of_the_batch():
    real = 3 * np.random.default_rng(0).normal(size=(512, 8, 8, 1)) + 1
    noise = scaled_uniform_noise(turn_of(None, real)).numpy() / (0.5 * real.std())
    assert noise.min() >= 0
    assert noise.max() < 1
    assert abs(noise.mean() - 1 / 2) < 4 * math.sqrt(1 / 12 / noise.size)
    assert abs(noise.var() - 1 / 12) < 4 * math.sqrt(1 / 180 / noise.size)


def test_scaled_uniform_noise_takes_the_deviation_of_the_batch_of_all_replicas(two_replicas):
    """Each half alone has deviation 0: it is -1 in one, 1 in the other."""
    real = np.repeat([-1.0, 1.0], 4)[:, None] * np.ones([8, 3])

    def halves(context):
        return tf.constant(real[4 * context.replica_id_in_sync_group :][:4])

    shares = two_replicas.experimental_distribute_values_from_function(halves)

    @tf.function
    def largest(share):
        turn = SimpleNamespace(real={"images": share}, draws=Draws(seed_of(0), 4))
        return tf.reduce_max(scaled_uniform_noise(turn))

    maxima = two_replicas.run(largest, [shares])
    for value in two_replicas.experimental_local_results(maxima):
        assert 0.3 < value.numpy() <= 0.5


PENALTIES = {
    "GradientPenalty": GradientPenalty(),
    "one_sided": GradientPenalty(one_sided=True),
    "norm_squared": Dragan(DRAGAN_FORMS["norm_squared"]),
    "hinge": Dragan(hinge_penalty, 0.1),
    "two_sided": Dragan(two_sided_penalty),
    "scaled_uniform_noise": Dragan(noise=scaled_uniform_noise),
    "R1": R1(),
    "R2": R2(),
    "Drift": Drift(),
}


def penalty_gradient(term, turn):
    """The penalty's gradient with respect to the discriminator's weights, taken as the trainer does."""
    weights = [v.value for v in turn.discriminator.trainable_variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        loss = term.discriminator_loss(turn)
    return [np.array(g) for g in tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)]


@pytest.mark.usefixtures("double")
def test_gradient_of_the_gradient_penalty_of_a_linear_critic_is_radial():
    """d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|: 8 w / 5 for w = (3, 4); for R1, w itself."""
    turn = turn_of(linear(3, 4), images(), images(seed=1))
    assert_all_close(penalty_gradient(GradientPenalty(), turn)[0][:, 0], [24 / 5, 32 / 5])
    assert_all_close(penalty_gradient(R1(), turn)[0][:, 0], [3, 4])
    assert_all_close(penalty_gradient(Dragan(DRAGAN_FORMS["norm_squared"]), turn)[0][:, 0], [6, 8])


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", PENALTIES)
def test_gradient_of_each_penalty_equals_finite_differences_for_each_weight(name):
    network = steep_two_layers()
    term, real, fake = PENALTIES[name], images(), images(seed=1)
    total = 0.0
    gradients = penalty_gradient(term, turn_of(network, real, fake))
    for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
        start = variable.numpy()

        def loss(value, variable=variable):
            variable.assign(value)
            return term.discriminator_loss(turn_of(network, real, fake))

        assert_all_close(gradient, central_differences(loss, start, 1e-6), 1e-7)
        variable.assign(start)
        total += np.abs(gradient).sum()
    assert total > 0.1


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", PENALTIES)
def test_gradient_of_each_penalty_is_finite_where_the_critic_is_flat(name):
    (gradient,) = penalty_gradient(PENALTIES[name], turn_of(linear(0, 0), images(), images(seed=1)))
    assert np.isfinite(gradient).all()
