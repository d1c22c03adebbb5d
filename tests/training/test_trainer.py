"""The training loop: what a step does, and what must not change its result."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from small_games import POINTS, assert_same, eagerly, play, played, points_game, points_recipe, values

from tfgan_zoo.core.draws import seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game, Term
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.layers import OrthogonalRegularizer
from tfgan_zoo.objectives.adversarial import NonSaturating, Wasserstein
from tfgan_zoo.objectives.penalties import GradientPenalty
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.optimizers import Plateau
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer


@pytest.fixture(scope="module")
def plain_end():
    """The values after the 12 steps of the unchanged recipe, with seed 0 and 5 steps per call."""
    return values(played(points_recipe()))


def test_the_same_seed_gives_the_same_bits_for_any_steps_per_call(plain_end):
    one = values(played(points_recipe(steps_per_call=1)))
    assert_same(one, plain_end)
    assert_same(one, values(played(points_recipe(steps_per_call=100))))


def test_another_seed_gives_other_weights(plain_end):
    a, b = plain_end, values(played(points_recipe(seed=1)))
    assert np.abs(a["generator/dense_2/kernel"] - b["generator/dense_2/kernel"]).max() > 1e-3


def test_callbacks_change_no_weights(plain_end):
    steps = []
    watched = played(points_recipe(), callbacks=[Callback(3, lambda step, means: steps.append(step))])
    assert steps == [3, 6, 9, 12]
    assert_same(values(watched), plain_end)


def test_two_replicas_equal_one_in_float64(two_replicas):
    objective = Wasserstein() + 10 * GradientPenalty()
    settings = points_recipe(precision="float64", discriminator_steps=2)
    one = values(played(settings, lambda: points_game(objective)))
    two = played(settings, lambda: points_game(objective), two_replicas)
    assert_same(one, values(two), tolerance=1e-9)
    for variable in two.variables().values():  # no replica has drifted
        copies = two_replicas.experimental_local_results(getattr(variable, "value", variable))
        for copy in copies[1:]:
            np.testing.assert_array_equal(copies[0].numpy(), copy.numpy())


def test_accumulating_four_parts_equals_a_step_on_the_whole_batch():
    def build():
        return points_game(Wasserstein() + 10 * GradientPenalty(), statistics=False)

    with eagerly():
        full, parts = (
            values(played(points_recipe(precision="float64", steps=2, accumulation=n), build)) for n in (1, 4)
        )
    assert_same(full, parts, tolerance=1e-12)


def test_each_part_of_an_accumulated_batch_waits_for_the_previous_ones():
    """Otherwise the activations of all parts would be in memory at once, and accumulation would save none."""
    trainer = Trainer(points_recipe(batch_size=12, accumulation=3), points_game, make_strategy("one"))
    outputs_of_parts = []

    def gradients(generating, batch, *more):
        outputs = [tf.identity(w) for w in trainer.game.discriminator.trainable_variables]
        outputs_of_parts.append(outputs)
        return outputs, {"loss": tf.constant(0.0)}

    trainer.compute = gradients
    batch = {"images": tf.zeros([12, 2])}
    tf.function(lambda: trainer.update("discriminator", batch, seed_of(0), 12)).get_concrete_function()

    def ancestors(op):
        """Every operation that `op` waits for."""
        visited, pending = set(), [op]
        while pending:
            for earlier in (*(t.op for t in pending[-1].inputs), *pending.pop().control_inputs):
                if earlier not in visited:
                    visited.add(earlier)
                    pending.append(earlier)
        return visited

    assert len(outputs_of_parts) == 3
    for earlier, later in itertools.pairwise(outputs_of_parts):
        assert {t.op for t in earlier} <= ancestors(later[0].op)
    assert not ancestors(outputs_of_parts[0][0].op) & {t.op for part in outputs_of_parts[1:] for t in part}


def test_one_pass_equals_two():
    def build(one_pass):
        return lambda: points_game(one_pass=one_pass, statistics=False)

    settings = points_recipe(precision="float64", steps=2)
    with eagerly():
        one, two = (values(played(settings, build(one_pass))) for one_pass in (True, False))
    assert_same(one, two, tolerance=1e-12)


def test_a_step_of_gradient_descent_by_hand():
    """One SGD step on D equals D - rate * gradient, with the gradient computed outside the trainer."""
    settings = points_recipe(steps=1, generator_optimizer={"name": "sgd", "learning_rate": 1e-30})
    build = lambda: points_game(statistics=False, one_pass=False)  # noqa: E731
    before = Trainer(settings, build, make_strategy("one"))
    start = values(before)
    shown = []

    class Watching(NonSaturating):
        def discriminator_loss(self, turn):
            shown.append((turn.real["images"], turn.fake["images"]))
            return super().discriminator_loss(turn)

    with eagerly():
        after = values(played(settings, lambda: points_game(Watching(), statistics=False, one_pass=False)))
    real, fake = shown[0]
    network = before.game.discriminator
    with tf.GradientTape() as tape:
        on_real, on_fake = (network({"images": x})["logits"] for x in (real, fake))
        loss = tf.reduce_mean(tf.math.softplus(-on_real)) + tf.reduce_mean(tf.math.softplus(on_fake))
    gradient = tape.gradient(loss, [v.value for v in network.trainable_variables])
    for variable, g in zip(network.trainable_variables, gradient, strict=True):
        name = f"discriminator/{variable.path}"
        np.testing.assert_allclose(after[name], start[name] - 0.1 * g.numpy(), rtol=1e-5, atol=1e-7)


def test_neither_player_moves_in_the_others_turn():
    frozen = {"name": "sgd", "learning_rate": 1e-30}
    for player, other in (("generator", "discriminator"), ("discriminator", "generator")):
        settings = points_recipe(steps=2, **{f"{other}_optimizer": frozen})
        trainer = Trainer(settings, points_game, make_strategy("one"))
        start = values(trainer)
        with eagerly():
            play(trainer)
        end = values(trainer)
        moved = {n.split("/")[0] for n in start if not np.array_equal(start[n], end[n])}
        assert player in moved
        weights = [n for n in start if n.startswith(f"{other}/") and "norm" not in n and not n.endswith(("/u", "/v"))]
        for name in weights:
            np.testing.assert_allclose(start[name], end[name], atol=1e-25, rtol=0, err_msg=name)


def test_statistics_move_once_per_step_in_their_own_turn_only():
    """After one step the generator's batch statistics have moved by a single batch: D's five turns leave them alone."""
    frozen = {"name": "sgd", "learning_rate": 1e-30}
    with eagerly():
        one, five = (
            values(played(points_recipe(steps=1, discriminator_steps=n, discriminator_optimizer=frozen)))
            for n in (1, 5)
        )
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_array_equal(one[f"generator/norm/{name}"], five[f"generator/norm/{name}"])


def test_spectral_vectors_move_once_per_discriminator_update():
    """With D's weights frozen, five updates in one step leave u where five steps of one update leave it."""
    frozen = {"name": "sgd", "learning_rate": 1e-30}
    with eagerly():
        a = values(played(points_recipe(steps=1, discriminator_steps=5, discriminator_optimizer=frozen)))
        b = values(played(points_recipe(steps=5, discriminator_steps=1, discriminator_optimizer=frozen)))
    np.testing.assert_array_equal(a["discriminator/dense_1/u"], b["discriminator/dense_1/u"])


def test_regularisers_of_the_networks_are_part_of_the_loss():
    logs = []
    build = lambda: points_game(kernel_regularizer=OrthogonalRegularizer(0.5, off_diagonal=False))  # noqa: E731
    trainer = Trainer(points_recipe(steps=1), build, make_strategy("one"))
    kernel = trainer.game.discriminator.get_layer("dense_1").layer.kernel.numpy().astype(np.float64)
    expected = 0.5 * np.square(kernel.T @ kernel - np.eye(8)).sum()
    with eagerly():
        play(trainer, callbacks=[Callback(1, lambda step, means: logs.append(means))])
    assert logs[0]["discriminator/regularization"] == pytest.approx(expected, rel=1e-5)


class Poison(Term):
    """Becomes NaN at the third step."""

    def __init__(self):
        self.count = tf.Variable(0.0, trainable=False)
        self.state = {"count": self.count}

    def generator_loss(self, turn):
        self.count.assign_add(1.0)
        return tf.where(self.count > 2.5, tf.constant(float("nan")), 0.0) + 0 * tf.reduce_sum(turn.on_fake["logits"])


def test_a_loss_that_is_not_finite_stops_the_run_and_names_step_and_term():
    steps = []
    trainer = Trainer(points_recipe(), lambda: points_game(NonSaturating() + 1 * Poison()), make_strategy("one"))
    with pytest.raises(ZooError, match=r"step 3: generator/poison = nan"):
        play(trainer, callbacks=[Callback(1, lambda step, means: steps.append(step))])
    assert steps == [1, 2]  # nothing is saved, drawn or scored after the bad step
    assert int(trainer.step.numpy()) == 3


def test_the_run_stops_at_a_pause_on_request_and_runs_only_the_callbacks_for_that():
    calls = []
    trainer = Trainer(points_recipe(), points_game, make_strategy("one"))
    callbacks = [
        Callback(0, lambda step, means: calls.append(("save", step)), when_stopped=True),
        Callback(0, lambda step, means: calls.append(("score", step))),
    ]
    play(trainer, callbacks=callbacks, stopping=lambda: True)
    assert calls == [("save", 5)]


def test_batches_that_do_not_divide_are_refused_with_the_nearest_that_do(two_replicas):
    with pytest.raises(ZooError, match=r"batch_size=7 is not divisible by 2 replicas; use 6 or 8 or --strategy=one\."):
        Trainer(points_recipe(batch_size=7), points_game, two_replicas)


def test_stages_are_entered_in_turn_and_each_advances_from_zero():
    calls = []

    class Growing(Game):
        def enter(self, stage):
            calls.append(stage.batch_size)

        def advance(self, fraction):
            self.fraction = fraction

    class Fraction(Term):
        def generator_loss(self, turn):
            return 0 * tf.reduce_sum(turn.on_fake["logits"]) + games[0].fraction

    games = []

    def build():
        game = points_game(NonSaturating() + 1 * Fraction())
        games.append(Growing(game.generator, game.discriminator, game.prior, game.objective))
        return games[0]

    logs = []
    stages = [{"steps": 4, "batch_size": 8}, {"steps": 2, "batch_size": 4}]
    played(
        points_recipe(steps=6, stages=stages),
        build,
        callbacks=[Callback(1, lambda s, m: logs.append(m["generator/fraction"]))],
    )
    assert calls == [8, 4]
    assert logs == [0, 0.25, 0.5, 0.75, 0, 0.5]


def test_the_average_is_a_copy_until_its_start_and_then_follows():
    with eagerly():
        trainer = played(points_recipe(steps=2, averaging={"decay": 0.5, "start_step": 100}))
    end = values(trainer)
    for name in [n for n in end if n.startswith("average/")]:
        np.testing.assert_array_equal(end[name], end[name.replace("average/", "generator/")])
    end = values(played(points_recipe(averaging={"decay": 0.999})))
    assert np.abs(end["average/dense_2/kernel"] - end["generator/dense_2/kernel"]).max() > 1e-4


def test_compiled_gradients_agree_with_plain_ones():
    build = lambda: points_game(Wasserstein())  # no draws but the latents, which XLA rounds differently  # noqa: E731
    a = values(played(points_recipe(steps=1, precision="float64"), build))
    b = values(played(points_recipe(steps=1, precision="float64", jit_compile=True), build))
    assert_same(a, b, tolerance=1e-4)


def test_two_variables_of_one_name_are_refused():
    def build():
        game = points_game()
        game.generator.layers[1].kernel.path  # noqa: B018
        game.generator.get_layer("dense_2")._kernel._path = "dense_1/kernel"
        return game

    with pytest.raises(ValueError, match="two variables are called generator/dense_1/kernel"):
        Trainer(points_recipe(), build, make_strategy("one")).variables()


# --- learning rates that drop when a value stalls


def rate_scales(plateau, values):
    """The scale of the rate after each of these values."""
    scales = []
    for value in values:
        plateau.observe(tf.constant(value))
        scales.append(float(plateau(0)) / plateau.rate)
    return scales


def test_plateau_halves_once_its_patience_passes_without_a_new_low_and_not_before():
    assert rate_scales(Plateau("v", 8.0, patience=3, factor=0.5), [5.0] * 9) == [
        1,
        1,
        1,
        0.5,
        0.5,
        0.5,
        0.25,
        0.25,
        0.25,
    ]
    rising_and_falling = [5.0, 6.0, 6.0, 4.0, 4.5, 4.5, 4.0, 9.0]  # the third low in a row comes just in time
    assert rate_scales(Plateau("v", 8.0, patience=3, factor=0.5), rising_and_falling) == [1, 1, 1, 1, 1, 1, 0.5, 0.5]
    assert set(rate_scales(Plateau("v", 8.0, patience=1, factor=0.5), [5.0, 4.0, 3.0, 2.0, 1.0])) == {1}


def test_plateau_does_not_fall_below_its_floor():
    plateau = Plateau("v", 8.0, patience=1, factor=0.25, min_rate=1.0)
    assert rate_scales(plateau, [5.0] * 4) == [1, 0.25, 0.125, 0.125]


def test_plateau_averages_over_a_tenth_of_its_patience():
    """Over two steps: 3 is the mean of 4 and 2, then halfway to 2, then halfway to 5.5. The single 2, the lowest value, is not
    a new low: the average counts."""
    plateau = Plateau("v", 8.0, patience=20, factor=0.5)
    states = []
    for value in (4.0, 2.0, 2.0, 5.5):
        plateau.observe(tf.constant(value))
        states.append([float(plateau.state[name]) for name in ("average", "best", "waited")])
    assert states == [[4, np.inf, 0], [3, 3, 0], [2.5, 2.5, 0], [4, 2.5, 1]]


class Stalling(Term):
    """A state that is 2, 1, 0, 0, 0, ... at the end of each step."""

    def __init__(self):
        self.level = tf.Variable(3.0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
        self.state = {"level": self.level}

    def generator_loss(self, turn):
        self.level.assign(tf.maximum(tf.convert_to_tensor(self.level) - 1.0, 0.0))
        return 0 * tf.reduce_sum(turn.on_fake["logits"])


def stalling_game():
    return points_game(NonSaturating() + 1 * Stalling())


STALLS = {"name": "sgd", "learning_rate": 0.5, "schedule": "plateau", "watch": "stalling/level", "patience": 3}


def test_rate_of_one_player_is_halved_when_the_state_stalls_and_is_logged():
    """The low at step 3 is the last, so the rate is first halved at steps 7 and 10."""
    logs = []
    settings = points_recipe(generator_optimizer=STALLS)
    trainer = played(settings, stalling_game, callbacks=[Callback(1, lambda step, means: logs.append(means))])
    assert [log["generator/learning_rate"] for log in logs] == [0.5] * 6 + [0.25] * 3 + [0.125] * 3
    assert not any("discriminator/learning_rate" in log for log in logs)
    assert float(trainer.generator_optimizer.learning_rate) == 0.0625  # of step 13


def test_weights_move_by_the_halved_rate():
    def kernels(optimizer):
        """After steps 6 and 7."""
        snapshots = []
        trainer = Trainer(points_recipe(steps=7, generator_optimizer=optimizer), stalling_game, make_strategy("one"))
        kernel = trainer.game.generator.get_layer("dense_2").kernel
        play(trainer, callbacks=[Callback(6, lambda step, means: snapshots.append(kernel.numpy()))])
        return snapshots

    before, full = kernels({"name": "sgd", "learning_rate": 0.5})
    same, half = kernels(STALLS)
    np.testing.assert_array_equal(before, same)
    np.testing.assert_allclose(half - before, (full - before) / 2, atol=1e-7)
    assert np.abs(full - before).max() > 1e-4


def test_resumed_run_keeps_the_plateaus_waiting_time():
    settings = points_recipe(generator_optimizer=STALLS, discriminator_optimizer=STALLS)
    uninterrupted = values(played(settings, stalling_game))
    stopped = Trainer(settings, stalling_game, make_strategy("one"))
    play(stopped, stopping=lambda: True)
    saved = values(stopped)
    assert (saved["step"], saved["generator_optimizer/plateau/waited"]) == (5, 2)
    resumed = Trainer(settings, stalling_game, make_strategy("one"))
    for name, variable in resumed.variables().items():
        variable.assign(saved[name])
    play(resumed)
    assert_same(values(resumed), uninterrupted)
    assert uninterrupted["discriminator_optimizer/plateau/scale"] == 0.125


def test_plateau_on_two_replicas_equals_one(two_replicas):
    settings = points_recipe(precision="float64", generator_optimizer=STALLS)
    one, two = (values(played(settings, stalling_game, s)) for s in (None, two_replicas))
    assert_same(one, two, tolerance=1e-9)
    assert one["generator_optimizer/plateau/scale"] == 0.125


def test_watch_that_is_not_a_state_is_refused_with_the_nearest():
    settings = points_recipe(discriminator_optimizer={**STALLS, "watch": "stalling/levle"})
    message = (
        r"discriminator_optimizer\.watch: no state of the objective 'stalling/levle'\. Did you mean 'stalling/level'"
    )
    with pytest.raises(ZooError, match=message):
        Trainer(settings, stalling_game, make_strategy("one"))


# --- what the loop passes on


def test_callbacks_get_the_means_since_their_last_call_for_any_steps_per_call():
    def watched(*callbacks):
        calls = []
        record = lambda every: lambda step, means: calls.append((every, step, means["generator/non_saturating"]))  # noqa: E731
        played(points_recipe(), callbacks=[*(Callback(every, record(every)) for every in (4, 6, 0)), *callbacks])
        return calls

    losses = []
    in_single_steps = watched(Callback(1, lambda step, means: losses.append(means["generator/non_saturating"])))
    for calls in (in_single_steps, watched()):  # the latter in calls of 4, 2, 2 and 4 steps
        assert [(every, step) for every, step, _ in calls] == [(4, 4), (6, 6), (4, 8), (4, 12), (6, 12), (0, 12)]
        for every, step, mean in calls:
            assert mean == pytest.approx(np.mean(losses[step - (every or 12) : step]), rel=1e-6)
    assert np.ptp(losses) > 1e-3


def test_labelled_examples_reach_the_terms_in_the_precision_of_the_game():
    inputs = []

    class Seeing(NonSaturating):
        def discriminator_loss(self, turn):
            inputs.append({name: (value.dtype.name, value.shape.as_list()) for name, value in turn.real.items()})
            return super().discriminator_loss(turn)

    settings = points_recipe(precision="float64", steps=1, accumulation=2)
    trainer = Trainer(settings, lambda: points_game(Seeing()), make_strategy("one"))
    labels = np.arange(64, dtype=np.int32) % 4

    def make_batches(stage, first, local):
        return batches(POINTS, labels, stage.batch_size, 0, first, labelled=np.arange(4))

    with eagerly():
        train(trainer, make_batches, [])
    points = ("float64", [4, 2])
    assert inputs[0] == {"images": points, "labelled_images": points, "labelled_labels": ("int32", [4])}
