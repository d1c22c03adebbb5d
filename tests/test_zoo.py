"""The contract of every model in the zoo: by its quickstart recipe at a smaller batch and size, and by each of its options."""

import inspect
import re
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, values

from tfgan_zoo import catalog, recipe
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.draws import Draws, seed_of
from tfgan_zoo.errors import ZooError
from tfgan_zoo.serving.generators import Generator
from tfgan_zoo.serving.signatures import ExportedGenerator
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.loop import Due, train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

MODELS = catalog.model_names()
README = (catalog.recipes_folder().parent / "README.md").read_text()
BATCH, STEPS = 4, 2


def settings_of(model, *changes):
    table = {"model": model, **catalog.preset_table(model, "quickstart")}
    small = [f"batch_size={BATCH}", f"steps={STEPS}", "data.resolution=16"]
    return recipe.parse(recipe.override(table, [*small, *changes]))


class Played:
    """A game of two steps.

    Attributes:
        trainer: the `Trainer` after them; start: its values before; logs: {log name: mean over the steps}.
    """

    def __init__(self, settings, strategy=None):
        self.settings, self.source = settings, load_source(settings.data)
        build = catalog.game_builder(settings, self.source.image_shape, self.source.classes)
        self.trainer = Trainer(settings, build, strategy or make_strategy("one"))
        self.start, self.logs = values(self.trainer), {}

    def make_batches(self, stage, first):
        return batches(
            self.source.images,
            self.source.labels,
            stage.batch_size,
            self.settings.seed,
            first,
            replicas=self.trainer.replicas,
            labelled=self.source.labelled,
        )

    def as_in_training(self):
        """The steps as the loop takes them, in a graph."""
        train(self.trainer, self.make_batches, [Due(STEPS, lambda step, means: self.logs.update(means))])
        return self

    def by_hand(self):
        """The steps one by one and outside a graph, which traces nothing."""
        stage = self.settings.schedule[0]
        stream = iter(self.make_batches(stage, 0))
        for step in range(STEPS):
            taken = [next(stream) for _ in range(self.settings.discriminator_steps)]
            self.trainer.replica_step(taken, tf.constant(step, tf.int64), tf.constant(step / STEPS))
            self.trainer.step.assign_add(1)
        return self


@pytest.fixture(scope="module", params=MODELS)
def played(request):
    return Played(settings_of(request.param, "steps_per_call=1")).as_in_training()


def test_steps_are_finite_and_move_both_players_and_the_average(played):
    start, end = played.start, values(played.trainer)
    assert all(np.isfinite(value) for value in played.logs.values())
    assert {name.split("/")[0] for name in played.logs} >= {"generator", "discriminator"}
    assert all(np.isfinite(value).all() for value in end.values())
    for network in ("generator", "discriminator"):
        weights = [f"{network}/{v.path}" for v in getattr(played.trainer.game, network).trainable_variables]
        still = [name for name in weights if np.array_equal(start[name], end[name])]
        assert len(still) <= 0.2 * len(weights), f"these did not move: {still}"
    assert any(not np.array_equal(start[n], end[n]) for n in start if n.startswith("average/"))
    calls = {name: value for name, value in end.items() if name.endswith("/calls")}  # of dropout and noise
    passes = (2, 3) if "labelled_images" in next(iter(played.make_batches(played.settings.schedule[0], 0))) else (1, 2)
    updates = STEPS * played.settings.discriminator_steps
    assert {value / updates for value in calls.values()} <= set(passes)


def test_neither_player_moves_in_the_others_turn(played):
    """Nor do its statistics, nor anything else but what is the player's own and the objective's."""
    batch = next(iter(played.make_batches(played.settings.schedule[0], 0)))
    for player in ("generator", "discriminator"):
        before = values(played.trainer)
        played.trainer.update(player, batch, seed_of(1), BATCH)
        after = values(played.trainer)
        moved = {name.split("/")[0] for name in before if not np.array_equal(before[name], after[name])}
        assert {player} <= moved <= {player, f"{player}_optimizer", "objective"}


def test_the_checkpoint_comes_back_bit_equal(played, tmp_path):
    trainer, end = played.trainer, values(played.trainer)
    checkpoints = Checkpoints(tmp_path, trainer.variables())
    checkpoints.save(1)
    for name, variable in trainer.variables().items():
        variable.assign(played.start[name])
    assert checkpoints.restore_latest() == 1
    assert_same(values(trainer), end)


def test_the_same_seed_gives_the_same_bits(played):
    """However many steps a call takes, and however often the game is built."""
    settings = settings_of(played.settings.model, f"steps_per_call={STEPS}")
    first, second = Played(played.settings), Played(settings)
    assert_same(first.start, played.start)
    assert_same(second.start, played.start)


@pytest.mark.parametrize("model", MODELS)
def test_two_replicas_equal_one_in_float64(model, two_replicas):
    plain = [f"{p}_optimizer.{k}" for p in ("generator", "discriminator") for k in ("name=sgd", "learning_rate=0.01")]
    settings = settings_of(model, "precision=float64", *plain)
    one, two = Played(settings).by_hand(), Played(settings, two_replicas).as_in_training()
    assert_same(values(one.trainer), values(two.trainer), tolerance=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_the_docstring_cites_the_paper_and_the_readme_has_the_row(model):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", catalog.model_module(model).__doc__)
    assert re.search(rf"^\| \[?`?{model}`?", README, re.MULTILINE), f"README.md has no row for {model}"
