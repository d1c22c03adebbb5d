"""The guard against collapse: what it detects, how a run rolls back, and that interruptions do not change what follows."""

import math

import numpy as np
import pytest
from small_games import assert_same, eagerly, play, points_game, points_recipe, values

from tfgan_zoo.core import recipe, recipe_tables
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.html_report.collapses import collapses_section
from tfgan_zoo.html_report.event_history import read_history
from tfgan_zoo.metrics.protocol import Protocol, Score
from tfgan_zoo.runs import training_run
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.training_run import TrainingRun
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.collapse_guard import CollapseGuard, last_good
from tfgan_zoo.training.loop import Callback
from tfgan_zoo.training.stopping import Collapse
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

PROTOCOL = Protocol("points", "", "none", "toy:ring8", "all", "ab", 10, 10, 0, None)


def guard_of(**settings):
    return CollapseGuard(recipe_tables.GuardSettings(on_collapse="stop", **settings), points_game())


def reason(guard, step, losses=(1.0,), scores=()):
    """The guard's reason for a collapse, None without one."""
    for loss in losses:
        guard.count(loss)
    try:
        guard.check(step, scores)
    except Collapse as collapse:
        return collapse.why if collapse.step == step else f"at step {collapse.step}"


def scores(*series, name="fd_points"):
    return [Score(name, value, None, 10 * (i + 1), PROTOCOL) for i, value in enumerate(series)]


# --- what it detects


def test_a_mean_loss_below_the_floor_is_a_collapse():
    guard = guard_of(loss_floor=0.1, singular_factor=0)
    assert reason(guard, 1, [0.0, 0.0, 0.4]) is None  # 0.133 on average
    assert reason(guard, 2, [0.05, 0.05]) == "|loss of the discriminator| = 0.05, bound 0.1"
    assert reason(guard, 3, [0.2]) is None  # each check takes the losses since the last
    assert reason(guard_of(loss_floor=0), 1, [0.0]) is None


def test_a_loss_far_above_its_level_is_a_collapse_and_levels_below_one_count_as_one():
    guard = guard_of(loss_factor=3, singular_factor=0)
    assert reason(guard, 1, [100.0]) is None  # the first check has no level
    assert [reason(guard, i, [loss]) for i, loss in enumerate((2.0, 6.0))] == [None, None]
    assert float(guard.levels[0]) == 36  # the mean of the first three
    assert reason(guard, 9, [-110.0]) == "|loss of the discriminator| = 110, bound 108"
    assert float(guard.levels[0]) == 36
    low = guard_of(loss_factor=3, singular_factor=0)
    assert [reason(low, i, [loss]) for i, loss in enumerate((0.1, 2.9))] == [None, None]
    assert reason(low, 9, [4.6]) == "|loss of the discriminator| = 4.6, bound 4.5"  # its level is 1.5


def test_a_level_averages_over_ten_checks():
    guard = guard_of(loss_factor=100, singular_factor=0)
    for step in range(20):
        reason(guard, step, [1.0])
    reason(guard, 20, [11.0])
    assert float(guard.levels[0]) == pytest.approx(2.0)


def test_a_kernel_whose_largest_singular_value_explodes_is_named():
    guard = guard_of(singular_factor=4)
    kernel = guard.game.generator.get_layer("dense_2").kernel
    kernel.assign(2 * np.eye(8, 2))
    assert reason(guard, 1) is None
    kernel.assign(7.9 * np.eye(8, 2))
    assert reason(guard, 2) is None  # its level is 4.95 now
    kernel.assign(20 * np.eye(8, 2))
    assert reason(guard, 3) == "largest singular value of generator/dense_2 = 20, bound 19.8"
    kernel.assign(np.full([8, 2], np.nan))
    assert reason(guard_of(), 1) is None
    assert reason(guard, 4) == "largest singular value of generator/dense_2 = nan"


def test_a_score_is_a_collapse_beyond_its_best_times_the_factor_and_the_margin():
    guard = guard_of(score_factor=2, score_margin=0.5, singular_factor=0)
    assert reason(guard, 1, scores=scores(1.0, 2.4)) is None
    message = "fd_points = 2.6, bound 2.5, best 1 at step 20"
    assert reason(guard, 2, scores=scores(3.0, 1.0, 2.6)) == message
    assert reason(guard, 3, scores=scores(9.0)) is None
    assert reason(guard, 4, scores=scores(1.0, 2.6, 0.9)) is None  # the last one counts
    assert reason(guard, 5, scores=scores(1.0, math.nan)) == "fd_points = nan"
    rising = scores(0.3, 0.9, 0.4, name="coverage")  # 0.9 / 2 - 0.1
    assert reason(guard_of(score_margin=0.1), 6, scores=rising) is None
    assert "coverage = 0.4, bound 0.45, best 0.9" in reason(guard_of(score_margin=0), 6, scores=rising)


def test_before_its_first_step_only_values_that_are_not_finite_count():
    guard = guard_of(from_step=10, loss_floor=0.5)
    assert reason(guard, 10, [0.0]) is None
    assert reason(guard, 11, [0.0]) is not None
    assert reason(guard_of(from_step=10), 1, [math.inf]) == "|loss of the discriminator| = inf"


def test_the_checkpoint_to_roll_back_to_is_the_best_or_the_last_checked_one(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (10, 20, 25, 30, 40):
        checkpoints.path(step).touch()
    good_before = lambda step, best=None, checked_every=10: last_good(checkpoints, step, 10, checked_every, best)  # noqa: E731
    assert (good_before(40), good_before(41), good_before(33), good_before(30), good_before(29)) == (
        30,
        40,
        30,
        20,
        20,
    )  # 25 is where a user stopped the run
    assert (good_before(40, best=10), good_before(40, best=25), good_before(40, best=40)) == (10, 30, 30)
    assert good_before(9) is None
    assert good_before(35, checked_every=5) == 30


# --- recipes


def test_a_guard_may_be_changed_during_a_run_except_what_a_rollback_depends_on():
    minimal = {"model": "sngan", "steps": 10}
    plain, stop = recipe.parse(minimal), recipe.parse({**minimal, "guard": {"on_collapse": "stop", "loss_floor": 0.5}})
    assert recipe.differences(plain, stop) == {}
    rollback = {"guard": {"on_collapse": "rollback"}}
    rolls_back = recipe.parse({**minimal, **rollback})
    assert recipe.differences(plain, rolls_back) == {"guard.on_collapse": ("none", "rollback")}
    for allowed in (
        {"guard": {**rollback["guard"], "rollbacks": 9}},
        {**rollback, "log": {"grid": 3}},
        {**rollback, "steps": 20},
    ):
        assert recipe.differences(rolls_back, recipe.parse({**minimal, **allowed})) == {}
    other = recipe.parse({**minimal, **rollback, "checkpoints": {"every_steps": 10}, "evaluation": {"samples": 0}})
    assert list(recipe.differences(rolls_back, other)) == ["checkpoints.every_steps", "evaluation.samples"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"guard": {"every_steps": 30}}, "guard.every_steps=30 does not divide checkpoints.every_steps=1000"),
        (
            {"evaluation": {"every_steps": 500}},
            "evaluation.every_steps=500 is not a multiple of checkpoints.every_steps",
        ),
    ],
)
def test_a_rollback_needs_a_check_before_each_checkpoint_and_a_checkpoint_with_each_score(changes, message):
    guard = {"on_collapse": "rollback", **changes.pop("guard", {})}
    with pytest.raises(ZooError, match=message):
        recipe.parse({"model": "sngan", "steps": 10, "guard": guard, **changes})


# --- training with a guard


def test_a_guard_changes_no_weights_and_counts_the_same_for_any_steps_per_call():
    runs = []
    for guard, calls in (("none", 5), ("stop", 5), ("rollback", 1)):
        trainer = Trainer(
            points_recipe(guard={"on_collapse": guard}, steps_per_call=calls), points_game, make_strategy("one")
        )
        losses = []
        play(
            trainer,
            callbacks=[
                Callback(1, lambda step, means, history=losses: history.append(means["discriminator/non_saturating"]))
            ]
            if calls == 1
            else [],
        )
        runs.append((trainer, values(trainer), losses))
    plain, stop, rollback = (v for _, v, _ in runs)
    guard_names = {name for name in stop if name.startswith("guard/")}
    assert guard_names == {f"guard/{name}" for name in ("rollbacks", "rate", "losses", "looks", "levels")}
    assert_same(plain, {name: value for name, value in stop.items() if name not in guard_names})
    assert_same(stop, rollback)
    total, steps = stop["guard/losses"]
    assert steps == 12
    assert total == pytest.approx(sum(runs[2][2]), rel=1e-5)


def test_seed_and_rates_after_a_rollback_equal_those_set_in_a_recipe():
    """Two rollbacks at seed 3 and factor 0.5 draw as seed 5 does, and train at a quarter of the rate."""

    def after_a_step(seed, rate, guard, rollbacks=0):
        sgd = {"name": "sgd", "learning_rate": rate}
        settings = points_recipe(seed=seed, steps=1, guard=guard, generator_optimizer=sgd, discriminator_optimizer=sgd)
        trainer = Trainer(settings, points_game, make_strategy("one"))
        for name, variable in trainer.variables().items():
            if name.split("/")[0] in ("generator", "discriminator", "average"):
                variable.assign(np.random.default_rng(len(name)).uniform(0.1, 1, variable.shape))
        if rollbacks:
            trainer.guard.rollbacks.assign(rollbacks)
            trainer.guard.rate.assign(0.5**rollbacks)
        assert trainer.seed == 5
        images = np.ones([64, 2], np.float32)  # the same in any order
        with eagerly():
            play(trainer, points=images)
        return {
            n: v for n, v in values(trainer).items() if n.split("/")[0] in ("generator", "discriminator", "average")
        }

    guard = {"on_collapse": "rollback", "rate_factor": 0.5}
    assert_same(after_a_step(3, 0.4, guard, rollbacks=2), after_a_step(5, 0.1, {}))


def test_checkpoints_of_a_run_without_a_guard_can_be_resumed_with_one_and_vice_versa(tmp_path):
    plain = Trainer(points_recipe(), points_game, make_strategy("one"))
    Checkpoints(tmp_path, plain.variables()).save(5)
    guarded = Trainer(points_recipe(seed=1, guard={"on_collapse": "stop"}), points_game, make_strategy("one"))
    guarded.guard.checks.assign(7)
    Checkpoints(tmp_path, guarded.variables()).restore(5)
    assert int(guarded.guard.checks) == 7
    assert_same({n: v for n, v in values(guarded).items() if not n.startswith("guard/")}, values(plain))
    Checkpoints(tmp_path, guarded.variables()).save(6)
    Checkpoints(tmp_path, plain.variables()).restore(6)


# --- complete runs, which collapse: their learning rates are far too high


SMALL = {
    "model": "wgan_gp",
    "steps": 40,
    "batch_size": 16,
    "steps_per_call": 5,
    "arguments": {"network": "mlp", "hidden": [8], "noise_size": 2, "penalty": 0.0},
    "data": {"source": "toy:ring8"},
    "generator_optimizer": {"name": "sgd", "learning_rate": 0.5},
    "discriminator_optimizer": {"name": "sgd", "learning_rate": 0.5},
    "evaluation": {"features": "points", "samples": 100, "every_steps": 10},
    "checkpoints": {"every_steps": 10, "keep": 1},
    "log": {"scalars_every_steps": 10, "samples_every_steps": 1000, "grid": 2},
}
ROLLBACK = {"on_collapse": "rollback", "rate_factor": 0.03, "score_factor": 0.0, "rollbacks": 3}


def run_of(folder, guard, **changes):
    messages = []
    return TrainingRun(recipe.parse({**SMALL, "guard": guard, **changes}), folder, report=messages.append), messages


def end_of(folder):
    with np.load(folder / "checkpoints" / "checkpoint-000000040.npz") as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collapse") / "run"
    run, messages = run_of(folder, ROLLBACK)
    assert run.execute() is not None
    return folder, messages


def test_without_a_guard_the_run_collapses(tmp_path):
    with pytest.raises(Collapse, match=r"step 33: generator/gradient_norm = inf"):
        run_of(tmp_path / "run", {})[0].execute()


def test_a_collapsing_run_rolls_back_and_reaches_its_end(rolled_back):
    folder, messages = rolled_back
    run = Run(folder)
    records = run.collapses()
    assert records
    first = records[0]
    assert first["seed"] == 1
    assert first["rate_scale"] == pytest.approx(0.03)
    assert first["went_back_to"] % 10 == 0
    assert first["went_back_to"] < first["step"]
    assert (
        f"Step {first['step']:,}: {first['why']}. Rolled back to step {first['went_back_to']}, continuing with seed 1."
        in messages
    )
    assert len(records) == int(end_of(folder)["guard/rollbacks"])
    final = [score.value for score in run.scores() if score.step == 40]
    assert all(map(math.isfinite, final))
    history = read_history(folder)  # which skips the text
    assert history.curves["guard/collapses"][1][-1] == len(records)


def test_a_run_killed_after_or_during_a_rollback_ends_with_the_same_bits(rolled_back, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    saves, save = [], Checkpoints.save

    def save_or_be_killed(self, step, *arguments, **named):
        saves.append(step)
        if len(saves) in (3, 6, 8):
            raise Killed
        save(self, step, *arguments, **named)

    monkeypatch.setattr(Checkpoints, "save", save_or_be_killed)
    deaths = []
    while True:
        run, _ = run_of(tmp_path / "run", ROLLBACK)
        try:
            run.execute()
            break
        except Killed:
            deaths.append(run.trainer.seed)
            run.lock.close()
    assert len(deaths) == 3
    assert max(deaths) > 0  # after a rollback
    assert_same(end_of(tmp_path / "run"), end_of(rolled_back[0]))
    for name in ("collapses.jsonl", "scores.jsonl"):
        assert (tmp_path / "run" / name).read_text() == (rolled_back[0] / name).read_text()


@pytest.mark.slow
def test_two_replicas_collapse_and_roll_back_like_one(two_replicas, tmp_path, monkeypatch):
    one, _ = run_of(tmp_path / "one", ROLLBACK, precision="float64")
    assert one.execute() is not None
    monkeypatch.setattr(training_run, "make_strategy", lambda name: two_replicas)
    two, _ = run_of(tmp_path / "two", ROLLBACK, precision="float64")
    assert two.trainer.replicas == 2
    assert two.execute() is not None
    keys = ("step", "went_back_to", "seed", "rate_scale")
    records = [[{k: r[k] for k in keys} for r in Run(tmp_path / name).collapses()] for name in ("one", "two")]
    assert records[0]
    assert records[0] == records[1]
    assert_same(end_of(tmp_path / "one"), end_of(tmp_path / "two"), tolerance=1e-6)


def test_a_run_that_collapses_too_often_ends_with_its_last_good_checkpoint(tmp_path):
    run, _ = run_of(tmp_path / "run", {**ROLLBACK, "rate_factor": 1.0, "rollbacks": 2}, evaluation={"samples": 0})
    with pytest.raises(
        ZooError, match=r"It went back 2 times\. The run stops here, and the last good checkpoint is of"
    ):
        run.execute()
    assert [r["went_back_to"] is None for r in Run(tmp_path / "run").collapses()] == [False, False, True]


def test_stop_ends_at_the_first_collapse_and_keeps_the_checkpoint_before_it(tmp_path):
    guard = {"on_collapse": "stop", "every_steps": 1, "singular_factor": 1.5}
    run, _ = run_of(tmp_path / "run", guard, evaluation={"samples": 0}, checkpoints={"every_steps": 1, "keep": 2})
    with pytest.raises(ZooError, match="the last good checkpoint is of step"):
        run.execute()
    (record,) = Run(tmp_path / "run").collapses()
    assert record["went_back_to"] is None
    assert max(run.checkpoints.steps()) == record["step"] - 1


# --- the report


def test_the_report_states_when_why_and_what_was_done():
    records = [
        {"step": 1200, "why": "a = 3, bound 2", "went_back_to": 1000, "seed": 8, "rate_scale": 0.5},
        {"step": 1300, "why": "a = nan", "went_back_to": None, "seed": 8, "rate_scale": 0.5},
    ]
    (figure,) = collapses_section(records).figures
    assert figure.table[1] == [
        ["1,200", "a = 3, bound 2", "rolled back to step 1,000, resumed with seed 8, learning rates multiplied by 0.5"],
        ["1,300", "a = nan", "ended the run"],
    ]
    assert collapses_section([]).figures == []
