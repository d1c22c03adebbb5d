"""The probability of augmentation that follows the discriminator: its path, replicas, resuming, precisions, and every model."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, eagerly, values

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.observation.augmentation_feedback import AugmentationFeedback
from tfgan_zoo.runs import building
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

# --- the term alone


def state_after(term, steps):
    """[(p, r)] after each of `steps`, which are lists of the logits of each discriminator update."""
    path = []
    for updates in steps:
        for logits in updates:
            turn = SimpleNamespace(on_real={"logits": tf.constant(logits, tf.float32)[:, None]})
            assert term.discriminator_loss(turn) is None
        assert term.generator_loss(None) is None  # no pass is computed for it
        path.append((float(term.probability), float(term.state["r"])))
    return np.array(path)


SURE, UNSURE = [5.0, 0.1, 2.0, 3.0], [-1.0, 2.0, -3.0, 4.0]  # mean signs 1 and 0


def test_p_moves_by_the_images_seen_in_every_other_step():
    """Two updates of 4 images a step, so 16 images in two steps: p moves by 16 / 160 = 0.1, up, up, and down."""
    term = AugmentationFeedback(target=0.6, images=160, every_steps=2)
    steps = [[SURE, SURE]] * 4 + [[UNSURE, SURE], [UNSURE, UNSURE]]
    path = state_after(term, steps)
    np.testing.assert_allclose(path[:, 0], [0, 0.1, 0.1, 0.2, 0.2, 0.1], atol=1e-6)
    np.testing.assert_allclose(path[:, 1], [0, 1, 1, 1, 1, 0.25], atol=1e-6)


def test_p_stays_where_the_mean_sign_is_the_target():
    term = AugmentationFeedback(target=0.5, images=8, every_steps=1, start=0.3)
    path = state_after(term, [[[1.0, 1.0, 1.0, -1.0]]] * 3)
    np.testing.assert_allclose(path, [(0.3, 0.5)] * 3, atol=1e-6)


def test_p_stays_between_zero_and_the_limit_and_a_logit_of_zero_counts_as_neither():
    term = AugmentationFeedback(target=0.6, images=16, every_steps=1, limit=0.8, start=0.5)
    up = state_after(term, [[SURE]] * 4)
    np.testing.assert_allclose(up[:, 0], [0.75, 0.8, 0.8, 0.8], atol=1e-6)
    down = state_after(term, [[UNSURE]] * 5)
    np.testing.assert_allclose(down[:, 0], [0.55, 0.3, 0.05, 0, 0], atol=1e-6)
    assert state_after(term, [[[0.0, 0.0, 0.0, 1.0]]])[0, 1] == 0.25


# --- in a run

PIXELS = np.random.default_rng(1).integers(0, 256, [20, 8, 8, 1], np.uint8)
LARGER = PIXELS.repeat(2, 1).repeat(2, 2)
SGD = {"name": "sgd", "learning_rate": 0.05}


def settings(model="lsgan", **changes):
    table = {
        "model": model,
        "steps": 6,
        "batch_size": 4,
        "arguments": {"network": "compact", "channels": 2, "dense": 4, "noise_size": 3},
        "augmentation": ["bgc"],
        "augmentation_feedback": {"images": 40, "every_steps": 2, "target": 0.1},
        "generator_optimizer": SGD,
        "discriminator_optimizer": SGD,
    }
    return recipe.parse({**table, **changes})


class Run:
    """A `Trainer` and the logs of each of its steps."""

    def __init__(self, a_recipe, strategy=None, pixels=PIXELS):
        self.pixels = pixels
        build = building.game_builder(a_recipe, self.pixels.shape[1:], 0)
        self.trainer, self.logs = Trainer(a_recipe, build, strategy or make_strategy("one")), []

    def take(self, stop=None):
        def make_batches(stage, first, local):
            return batches(self.pixels, None, stage.batch_size, 0, first, replicas=self.trainer.replicas)

        record = Callback(1, lambda step, means: self.logs.append(means))
        stopping = lambda: stop is not None and int(self.trainer.step.numpy()) >= stop  # noqa: E731
        train(self.trainer, make_batches, [record], stopping)
        return self


def eager(a_recipe, strategy=None, pixels=PIXELS):
    with eagerly():
        return Run(a_recipe, strategy, pixels).take()


def path_of(run):
    return np.array([[log[f"augmentation_feedback/{name}"] for name in ("p", "r")] for log in run.logs])


def test_a_runs_p_follows_the_signs_that_its_discriminator_gave():
    """4 images, 2 updates a step and 2 steps: 16 / 40 = 0.4 up or down, logged by name."""
    run = eager(settings(discriminator_steps=2))
    path = path_of(run)
    p = 0.0
    for step in range(6):
        if step % 2:
            p = np.clip(p + np.sign(path[step, 1] - 0.1) * 0.4, 0, 1)
        assert path[step, 0] == pytest.approx(p, abs=1e-6)
    assert path[:, 0].max() > 0
    assert set(np.unique(path[1::2, 1] * 16 % 2)) == {0.0}  # 16 signs of +1 or -1
    assert "discriminator/augmentation_feedback" not in run.logs[0]


def test_the_first_r_is_of_the_logits_of_the_first_batches():
    """With p = 0 and a rate of 0 the discriminator sees the reals themselves, and the same ones before and after."""
    still = {"name": "sgd", "learning_rate": 1e-30}
    run = eager(settings(steps=2, generator_optimizer=still, discriminator_optimizer=still))
    logits = []
    stage = run.trainer.recipe.schedule[0]
    data = iter(batches(PIXELS, None, stage.batch_size, 0, 0))
    for _ in range(2):
        batch = next(data)
        logits.append(run.trainer.game.discriminator({"images": batch["images"]}, training=True)["logits"])
    assert path_of(run)[1, 1] == pytest.approx(float(tf.reduce_mean(tf.sign(tf.concat(logits, 0)))))


def test_two_replicas_equal_one_under_a_gradient_penalty(two_replicas):
    feedback = {"images": 40, "every_steps": 1, "target": 0.1}
    a_recipe = settings(
        "wgan_gp", steps=1, precision="float64", augmentation_probability=0.5, augmentation_feedback=feedback
    )
    one, two = eager(a_recipe), eager(a_recipe, two_replicas)
    assert_same(values(one.trainer), values(two.trainer), tolerance=1e-6)
    np.testing.assert_array_equal(path_of(one), path_of(two))
    assert path_of(one)[0, 0] != 0.5


def test_a_resumed_run_equals_an_undisturbed_one_bit_for_bit(tmp_path):
    """Resumed after 3 steps: between two changes of p."""
    a_recipe = settings(steps=4)
    whole, first, second = eager(a_recipe), Run(a_recipe), Run(a_recipe)
    with eagerly():
        first.take(stop=3)
        checkpoints = Checkpoints(tmp_path, first.trainer.variables())
        checkpoints.save(3)
        stored = checkpoints.read(3)
        assert stored["objective/augmentation_feedback/p"] == first.trainer.game.augmentation.probability() > 0
        Checkpoints(tmp_path, second.trainer.variables()).restore(3)
        second.take()
    assert_same(values(whole.trainer), values(second.trainer))
    np.testing.assert_array_equal(path_of(whole)[3:], path_of(second))


def style_settings(**changes):
    """stylegan2 with everything that moves: p, lazy terms between whose turns a run stops, schedules, the mean of w."""
    small = {"channel_base": 32, "channel_maximum": 4, "noise_size": 3, "style_size": 3, "mapping_layers": 1}
    fall = {"start": 0.01, "end": 0.001, "shape": "cosine"}
    adam = {"learning_rate": fall, "beta_1": 0.0, "beta_2": {"start": 0.9, "end": 0.99}}
    return settings(
        "stylegan2",
        arguments={**small, "r1_every": 2, "path_length_every": 3},
        weights={"r1": {"start": 2, "end": 1}},
        averaging={"half_life": 10, "rampup": 0.05},
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **changes,
    )


@pytest.mark.slow
def test_stylegan2_resumes_bit_for_bit_between_the_turns_of_its_lazy_terms_and_of_p(tmp_path):
    a_recipe = style_settings(steps=5)
    whole, first, second = eager(a_recipe, pixels=LARGER), *(Run(a_recipe, pixels=LARGER) for _ in range(2))
    with eagerly():
        first.take(stop=3)
        Checkpoints(tmp_path, first.trainer.variables()).save(3)
        Checkpoints(tmp_path, second.trainer.variables()).restore(3)
        second.take()
    assert_same(values(whole.trainer), values(second.trainer))
    assert path_of(whole)[-1, 0] > 0, "p has moved"
    lazily = [{name for name in ("discriminator/r1", "generator/path_length") if name in log} for log in whole.logs]
    assert [len(names) for names in lazily] == [2, 0, 1, 1, 1]


@pytest.mark.slow
def test_two_replicas_of_stylegan2_equal_one_with_everything_that_moves(two_replicas):
    a_recipe = style_settings(steps=3, precision="float64")
    one, two = (
        Run(a_recipe, pixels=LARGER).take(),
        Run(a_recipe, two_replicas, LARGER).take(),
    )  # traced: minibatch statistics are gathered
    assert_same(values(one.trainer), values(two.trainer), tolerance=1e-6)
    np.testing.assert_array_equal(path_of(one), path_of(two))


def test_runs_in_bfloat16_move_p_too():
    path = path_of(eager(settings(steps=2, precision="mixed_bfloat16")))
    assert np.isfinite(path).all()
    assert path[1, 0] == pytest.approx(max(0, np.sign(path[1, 1] - 0.1)) * 8 / 40)


@pytest.mark.slow
def test_compiled_and_traced_runs_follow_the_path_of_an_eager_one():
    expected = path_of(eager(settings(steps=4)))
    for jit_compile in (False, True):
        path = path_of(Run(settings(steps=4, jit_compile=jit_compile)).take())
        np.testing.assert_allclose(path, expected, atol=1e-6)


def test_without_feedback_the_objective_and_its_state_are_as_before():
    game = building.game_builder(settings(augmentation_feedback=None), (8, 8, 1), 0)()
    assert [name for name, _, _ in game.objective.terms] == ["least_squares"]
    assert game.objective.state == {}


# --- what a recipe may say


def test_p_starts_at_zero_unless_given():
    assert settings().augmentation_probability == 0
    assert settings(augmentation_feedback=None).augmentation_probability == 1
    assert settings(augmentation_feedback={}).augmentation_feedback.images == 500_000
    run = Run(settings(augmentation_probability=0.25))
    assert float(run.trainer.game.augmentation.probability()) == 0.25
    again = recipe.parse(settings(augmentation_probability=0.25).as_dict())
    assert again == settings(augmentation_probability=0.25)


def test_feedback_is_refused_where_it_has_nothing_to_move_or_another_hand_does():
    with pytest.raises(ZooError, match=r"which is not set; try bgc"):
        settings(augmentation=[])
    with pytest.raises(ZooError, match="is a schedule, and augmentation_feedback moves it too"):
        settings(augmentation_probability={"start": 0, "end": 1, "over": 10})
    with pytest.raises(ZooError, match=r"augmentation_probability=0.9 is above augmentation_feedback.limit=0.8"):
        settings(augmentation_probability=0.9, augmentation_feedback={"limit": 0.8})
    with pytest.raises(ZooError, match=r"augmentation_feedback.tagret: no key 'tagret'. Did you mean 'target'"):
        settings(augmentation_feedback={"tagret": 0.5})
    with pytest.raises(ZooError, match="augmentation_feedback keep a state that moves once an update"):
        Run(settings(accumulation=2))


@pytest.mark.parametrize("model", ["ebgan", "sgan"])
def test_discriminators_without_logits_are_refused(model):
    small = {"arguments": {"network": "compact"}} if model == "sgan" else {"arguments": {}}
    with pytest.raises(ZooError, match=r"but this one puts out .*; set augmentation_probability alone"):
        building.game_builder(settings(model, **small), (32, 32, 1), 3)()


# --- every model

QUICK = ("acgan", "began", "pggan")  # the others with pytest -m slow


@pytest.mark.parametrize(
    "model", [pytest.param(m, marks=[pytest.mark.slow] * (m not in QUICK)) for m in catalog.model_names()]
)
def test_both_players_of_every_model_learn_through_the_augmentation(model):
    """Those without logits at a fixed probability."""
    table = {"model": model, **catalog.preset_table(model, "quickstart")}
    side = table["data"]["resolution"]
    game, stage = augmented_game(table)
    game.enter(stage)
    game.advance(tf.constant(0.5))
    labels = tf.constant([1, 2])
    real = {"images": tf.random.stateless_uniform([2, side, side, 1], [0, 1], -1, 1), "labels": labels}
    real |= {"labelled_images": real["images"], "labelled_labels": labels}
    for player in ("discriminator", "generator"):
        weights = [w.value for w in getattr(game, player).trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            turn = getattr(game, f"{player}_turn")(real, Draws(seed_of(0), 2))
            total = tf.add_n(list(game.objective.losses(player, turn).values()))
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(total, weights) if g is not None]
        sizes = [np.abs(g).max() for g in gradients]
        assert np.isfinite(total)
        assert np.isfinite(sizes).all()
        assert max(sizes) > 0


def augmented_game(table):
    """(the game of a preset with bgc, with the feedback if its discriminator has logits; its first stage)."""
    table |= {"augmentation": ["bgc"], "augmentation_probability": 0.7}
    side = table["data"]["resolution"]
    table["data"] = {**table["data"], "measurement": {"kind": "none"}}
    a_recipe = recipe.parse({**table, "augmentation_feedback": {}})
    try:
        game = building.game_builder(a_recipe, (side, side, 1), 10)()
    except ZooError as error:
        if "reads the sign of the discriminator's logits" not in str(error):
            raise
        a_recipe = recipe.parse(table)
        game = building.game_builder(a_recipe, (side, side, 1), 10)()
        game.augmentation.probability = a_recipe.augmentation_probability
    return game, a_recipe.schedule[0]
