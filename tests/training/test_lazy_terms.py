"""Lazy terms: separate updates in every k-th step, on one device and on two, and how the optimiser is adjusted to them."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import POINTS, assert_same, dense, played, points_game, points_recipe, values

from tfgan_zoo.core import recipe
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game, Objective, Term, lazy
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import OptimizerSettings
from tfgan_zoo.objectives.adversarial import NonSaturating
from tfgan_zoo.objectives.penalties import R1, R2
from tfgan_zoo.training.loop import Callback
from tfgan_zoo.training.optimizers import make_optimizer

ADAM = {"name": "adam", "learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.9}


class PushDown(Term):
    """D: the mean logit, whose gradient with respect to the last bias is exactly 1."""

    def discriminator_loss(self, turn):
        return tf.reduce_mean(turn.on_real["logits"])


class Nothing(Term):
    def discriminator_loss(self, turn):
        return 0.0 * tf.reduce_mean(turn.on_real["logits"])

    def generator_loss(self, turn):
        return 0.0 * tf.reduce_mean(turn.on_fake["logits"])


def logs_of(objective, strategy=None, **changes):
    """(the trainer, the logs of every step)."""
    logs = []
    record = Callback(1, lambda step, means: logs.append(means))
    build = lambda: points_game(objective(), statistics=False)  # noqa: E731
    return played(points_recipe(**changes), build, strategy, callbacks=[record]), logs


def test_a_lazy_term_acts_in_every_kth_step_with_k_times_its_weight():
    """Under gradient descent the last bias falls by rate * weight * k at steps 0 and 4 of 6: 2 * 0.1 * 0.5 * 4 = 0.4."""
    trainer, logs = logs_of(lambda: Nothing() + 0.5 * lazy(PushDown(), 4), steps=6)
    # k / (k + 1) of the rate, as for Adam
    np.testing.assert_allclose(values(trainer)["discriminator/logits/bias"], [-0.4 * 4 / 5], rtol=1e-5)
    assert ["discriminator/push_down" in log for log in logs] == [True, False, False, False, True, False]


def test_a_lazy_term_logs_its_weighted_loss_without_the_factor_k():
    _, lazily = logs_of(lambda: Nothing() + 0.5 * lazy(PushDown(), 4), steps=1)
    _, always = logs_of(lambda: Nothing() + 0.5 * PushDown(), steps=1)
    assert lazily[0]["discriminator/push_down"] == pytest.approx(always[0]["discriminator/push_down"])


def test_means_of_a_lazy_term_are_over_the_steps_in_which_it_acted():
    r1_values = []
    build = lambda: points_game(NonSaturating() + lazy(R1(), 4), statistics=False)  # noqa: E731
    record = Callback(1, lambda step, means: r1_values.append(means.get("discriminator/r1")))
    overall = []
    played(
        points_recipe(),
        build,
        callbacks=[record, Callback(0, lambda step, means: overall.append(means["discriminator/r1"]))],
    )
    acted = [value for value in r1_values if value is not None]
    assert len(acted) == 3
    np.testing.assert_allclose(overall, [np.mean(acted)], rtol=1e-6)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_replicas_equal_one_under_lazy_terms(two_replicas, accumulation):
    objective = lambda: NonSaturating() + 0.5 * lazy(R1(), 4) + 0.1 * lazy(R2(), 3)  # noqa: E731
    settings = {"precision": "float64", "accumulation": accumulation}
    one, _ = logs_of(objective, **settings)
    two, _ = logs_of(objective, two_replicas, **settings)
    assert_same(values(two), values(one), tolerance=1e-12)
    without, _ = logs_of(NonSaturating, **settings)
    assert not np.allclose(values(one)["discriminator/logits/kernel"], values(without)["discriminator/logits/kernel"])


def test_the_guard_ignores_lazy_losses():
    trainer, logs = logs_of(
        lambda: NonSaturating() + 1e3 * lazy(R1(), 2), steps=2, guard={"on_collapse": "stop"},
        checkpoints={"every_steps": 9}, discriminator_optimizer={"name": "sgd", "learning_rate": 1e-6},
    )  # fmt: skip
    assert logs[0]["discriminator/r1"] > 1
    expected = sum(log["discriminator/non_saturating"] for log in logs)
    np.testing.assert_allclose(trainer.guard.losses.numpy(), [expected, 2], rtol=1e-6)


def test_adam_is_adjusted_as_karras_et_al_say():
    """c = k / (k + 1) for one update in every step and one in every k-th: rate * c, beta ** c."""
    trainer, _ = logs_of(lambda: NonSaturating() + lazy(R1(), 16), steps=1, discriminator_optimizer=ADAM)
    optimizer, c = trainer.discriminator_optimizer, 16 / 17
    assert float(optimizer.learning_rate) == pytest.approx(0.01 * c)
    assert (optimizer.beta_1, optimizer.beta_2) == pytest.approx((0.5**c, 0.9**c))
    assert float(trainer.generator_optimizer.learning_rate) == pytest.approx(0.1)


def test_without_lazy_terms_the_optimizer_is_unchanged():
    optimizer = make_optimizer(OptimizerSettings(**ADAM), 10, 1, "optimizer")
    assert (float(optimizer.learning_rate), optimizer.beta_1, optimizer.beta_2) == (pytest.approx(0.01), 0.5, 0.9)


def test_a_period_below_one_is_refused():
    with pytest.raises(ValueError, match="every=0"):
        lazy(R1(), 0)


# ------------------------------------------------------------------------------------------------------- shared passes


def passes(objective, one_pass=False, every=1):
    """The number of examples in each of the discriminator's passes, in its turn on 4 reals and 4 fakes."""
    game = points_game(objective, one_pass=one_pass, statistics=False)
    sizes, call = [], game.discriminator.call
    game.discriminator.call = lambda inputs, *a, **k: (
        sizes.append(int(inputs["images"].shape[0])) or call(inputs, *a, **k)
    )
    turn = game.discriminator_turn({"images": tf.constant(POINTS[:4])}, Draws(seed_of(0), 4), every)
    game.objective.losses("discriminator", turn, every)
    return sizes


@pytest.mark.parametrize("one_pass", [False, True])
def test_r1_and_r2_share_the_pass_of_the_loss(one_pass):
    assert passes(NonSaturating() + R1() + R2(), one_pass) == ([8] if one_pass else [4, 4])


def test_a_gradient_at_reals_alone_splits_the_pass():
    """Otherwise it would be backpropagated through both."""
    assert passes(NonSaturating() + R1(), one_pass=True) == [4, 4]


def test_a_lazy_r1_alone_sees_no_fakes():
    assert passes(NonSaturating() + lazy(R1(), 4), one_pass=True, every=4) == [4]


@pytest.mark.parametrize("one_pass", [False, True])
def test_shared_gradient_norms_equal_those_of_a_separate_pass(one_pass):
    game = points_game(NonSaturating(), statistics=False)
    turn = game.turn({"images": tf.constant(POINTS[:4])}, Draws(seed_of(0), 4), one_pass)
    for at, batch in (("real", turn.real), ("fake", turn.fake)):
        separate = turn.squared_gradient_norms(tf.constant(batch["images"]))
        np.testing.assert_allclose(turn.squared_gradient_norms(at), separate, rtol=1e-5)
        np.testing.assert_allclose(turn.gradient_norms(at), np.sqrt(separate), rtol=1e-5)


# ------------------------------------------------------------------------------------------------- pairs and variables


class Paired(NonSaturating):
    pairs = True


def test_a_term_over_pairs_refuses_more_fakes_than_reals_by_name():
    with pytest.raises(ZooError, match=r"generator_batch_size=16: paired pairs each of 8 real images with a fake"):
        logs_of(Paired, generator_batch_size=16)


def test_a_weight_that_is_a_variable_is_read_in_every_step_and_saved():
    """The last bias falls by 0.1 * weight in each step: 0.1 * (1 + 1 + 3) after the weight is set to 3 at step 2."""
    weight = tf.Variable(1.0, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
    change = Callback(2, lambda step, means: weight.assign(3.0))
    trainer = played(
        points_recipe(steps=3),
        lambda: points_game(Objective([(1.0, Nothing()), (weight, PushDown())]), statistics=False),
        callbacks=[change],
    )
    np.testing.assert_allclose(values(trainer)["discriminator/logits/bias"], [-0.5], rtol=1e-6)
    assert values(trainer)["objective/push_down/weight"] == 3.0


@pytest.mark.parametrize("weight", [tf.Variable(2.0), tf.constant(2.0)])
def test_a_tensor_times_a_term_is_refused_with_a_remedy(weight):
    with pytest.raises(RuntimeError, match=r"write Objective\(\[\(variable, term\)\]\)"):
        weight * PushDown()


# ------------------------------------------------------------------------------------------------------- schedules


def test_the_weight_of_a_term_follows_its_schedule():
    """-0.1 * (0 + 1 + 2 + 3 + 4 + 4) = -1.4 for weights that rise from 0 to 4 over 4 steps and stay there."""
    trainer, _ = logs_of(
        lambda: Nothing() + PushDown(), steps=6, weights={"push_down": {"start": 0, "end": 4, "over": 4}}
    )
    np.testing.assert_allclose(values(trainer)["discriminator/logits/bias"], [-1.4], rtol=1e-6)


def test_a_weight_of_an_unknown_term_names_the_nearest():
    with pytest.raises(
        ZooError, match=r"weights.push_dwn: no term of the objective 'push_dwn'. Did you mean 'push_down'"
    ):
        logs_of(lambda: Nothing() + PushDown(), weights={"push_dwn": 1})


def test_a_weight_of_0_leaves_a_term_out_unless_none_is_left():
    _, logs = logs_of(lambda: Nothing() + PushDown(), weights={"push_down": 0})
    assert not any("push_down" in name for log in logs for name in log)
    objective = Nothing() + PushDown()
    assert [name for name, _, _ in objective.with_weights({"push_down": 0}).terms] == ["nothing"]
    with pytest.raises(ZooError, match=r"weights.nothing=0: no term is left for the generator"):
        objective.with_weights({"nothing": 0})


def test_the_learning_rate_follows_its_schedule_by_steps_and_not_by_updates():
    """With three updates per step the rate of a step is the same for all: -(0.4 * 3 + 0.2 * 3 + 0 * 3) = -1.8."""
    rate = {"points": [[0, 0.4], [2, 0.0]]}
    trainer, _ = logs_of(
        lambda: Nothing() + PushDown(), steps=3, discriminator_steps=3,
        discriminator_optimizer={"name": "sgd", "learning_rate": rate},
    )  # fmt: skip
    np.testing.assert_allclose(values(trainer)["discriminator/logits/bias"], [-1.8], rtol=1e-5)


def test_beta_2_follows_its_schedule_in_adam():
    """Two updates by hand with gradients 1 and 1: v = 1 - b, then v' = v b' + 1 - b'; with beta_1 = 0, m is g."""
    optimizer_settings = OptimizerSettings(
        beta_1=0, beta_2={"points": [[0, 0.5], [1, 0.9]]}, learning_rate=0.1, epsilon=0
    )
    step, weight = tf.Variable(0, dtype=tf.int64), keras.Variable([1.0])
    optimizer = make_optimizer(optimizer_settings, 2, 1, "optimizer", step=step)
    optimizer.build([weight])
    expected, v = 1.0, 0.0
    for number, beta in enumerate((0.5, 0.9)):
        step.assign(number)
        optimizer.apply([tf.constant([2.0])], [weight])
        v = beta * v + (1 - beta) * 4
        expected -= 0.1 * 2 / np.sqrt(v / (1 - beta ** (number + 1)))
        np.testing.assert_allclose(weight.numpy(), [expected], rtol=1e-5)


def test_the_average_has_the_requested_half_life():
    """8 images per step and a half-life of 8: each step keeps half of the average."""
    from tfgan_zoo.training.averaging import MovingAverage

    source = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    average = MovingAverage(source, 0.999, half_life=8.0)
    source.layers[0].kernel.assign([[1.0]])
    for step, expected in ((1, 0.5), (2, 0.75)):
        average.update(source, tf.constant(step, tf.int64), 8)
        np.testing.assert_allclose(average.network.layers[0].kernel, [[expected]])
    ramped = MovingAverage(source, 0.999, half_life=1e9, rampup=0.5)
    source.layers[0].kernel.assign([[3.0]])
    ramped.update(source, tf.constant(2, tf.int64), 8)  # half of the 16 images so far: one half again
    np.testing.assert_allclose(ramped.network.layers[0].kernel, [[2.0]])
    forgetful = MovingAverage(source, 0.999, half_life=0.0)
    source.layers[0].kernel.assign([[5.0]])
    forgetful.update(source, tf.constant(1, tf.int64), 8)
    np.testing.assert_allclose(forgetful.network.layers[0].kernel, [[5.0]])


def test_schedules_in_images_are_the_same_training_at_another_batch_size():
    table = {
        "model": "none", "steps": "960 images",
        "generator_optimizer": {"learning_rate": {"start": 1e-3, "end": 1e-4, "over": "480 images", "shape": "cosine"}},
        "averaging": {"start_step": "96 images"}, "checkpoints": {"every_steps": "0.48k images"},
    }  # fmt: skip
    for batch, updates, factor in ((8, 1, 8), (16, 3, 48)):
        parsed = recipe.parse({**table, "batch_size": batch, "discriminator_steps": updates})
        steps = (parsed.steps, parsed.generator_optimizer.learning_rate.over, parsed.averaging.start_step)
        assert steps == (960 // factor, 480 // factor, 96 // factor)
        assert parsed.checkpoints.every_steps == 480 // factor


def test_a_recipe_with_schedules_is_restored_from_json():
    cosine = {"start": 1e-3, "end": 1e-4, "over": 4, "shape": "cosine"}
    optimizer = {"learning_rate": cosine, "beta_2": {"points": [[0, 0.5], [3, 0.9]]}}
    parsed = points_recipe(discriminator_optimizer=optimizer, averaging={"half_life": {"points": [[0, 0], [9, 50]]}})
    assert recipe.parse(json.loads(json.dumps(parsed.as_dict()))) == parsed


def test_points_beside_other_keys_are_refused():
    with pytest.raises(ZooError, match=r"points stand alone; leave out start, end, over, after and shape"):
        points_recipe(weights={"r1": {"points": [[0, 1.0]], "end": 2.0}})


def test_steps_in_images_are_refused_outside_stages_that_differ_in_batch_size():
    stages = [{"steps": "8 images", "batch_size": 4}, {"steps": "8 images", "batch_size": 8}]
    assert [s.steps for s in recipe.parse({"model": "none", "stages": stages}).stages] == [2, 1]
    with pytest.raises(ZooError, match=r"checkpoints.every_steps='8 images': the stages differ in batch_size"):
        recipe.parse({"model": "none", "stages": stages, "checkpoints": {"every_steps": "8 images"}})


# ----------------------------------------------------------------------------------------------------------- generate


class Mixed(Game):
    """Every image is the mean of the images of two latents."""

    def generate(self, latents, draws):
        other = self.prior.sample(draws.fold("mixing"))
        images = [super(Mixed, self).generate(z, draws)["images"] for z in (latents, other)]
        return {"images": (images[0] + images[1]) / 2, "other": other["noise"]}


def test_generate_may_draw_more_and_pass_it_to_the_terms():
    noise, images = keras.Input([3], name="noise"), keras.Input([3], name="images")
    generator = keras.Model({"noise": noise}, dense(3, "map", kernel_initializer="identity")(noise), name="generator")
    discriminator = keras.Model({"images": images}, {"logits": dense(1, "logits")(images)}, name="discriminator")
    game = Mixed(generator, discriminator, Prior(3), NonSaturating())
    fake = game.turn({"images": tf.zeros([4, 3])}, Draws(seed_of(0), 4)).fake
    np.testing.assert_allclose(fake["images"], (fake["noise"] + fake["other"]) / 2, rtol=1e-6)
    assert not np.allclose(fake["noise"], fake["other"])
    shares = [
        game.turn({"images": tf.zeros([2, 3])}, Draws(seed_of(0), 4, first, 2)).fake["images"] for first in (0, 2)
    ]
    np.testing.assert_array_equal(np.concatenate(shares), fake["images"])
