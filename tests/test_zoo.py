"""The contract of every model in the zoo: by its quickstart recipe at a smaller batch and size, and by each of its options."""

import functools
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
        trainer: the `Trainer`; start: its values before any step.
    """

    def __init__(self, settings, strategy=None):
        self.settings, self.source = settings, load_source(settings.data)
        build = catalog.game_builder(settings, self.source.image_shape, self.source.classes)
        self.trainer = Trainer(settings, build, strategy or make_strategy("one"))
        self.trainer.compile = functools.cache(self.trainer.compile)  # so that the steps are traced but once
        self.start = values(self.trainer)

    def batches(self, stage=None, first=0):
        images, labels, labelled = self.source.images, self.source.labels, self.source.labelled
        replicas = self.trainer.replicas
        return batches(images, labels, BATCH, self.settings.seed, first, replicas=replicas, labelled=labelled)

    def train(self, pause=0):
        """Takes the steps as a run does, in a graph, `pause` of them a call. Returns {log name: mean over the steps}."""
        logs = {}
        train(self.trainer, self.batches, [Due(0, lambda step, means: logs.update(means)), Due(pause, lambda *_: None)])
        return logs

    def step_by_hand(self):
        """Takes the steps one by one and outside a graph, which needs no tracing."""
        stream = iter(self.batches())
        for step in range(STEPS):
            taken = [next(stream) for _ in range(self.settings.discriminator_steps)]
            self.trainer.replica_step(taken, tf.constant(step, tf.int64), tf.constant(step / STEPS))
            self.trainer.step.assign_add(1)

    def set(self, values):
        for name, variable in self.trainer.variables().items():
            variable.assign(values[name])


@pytest.fixture(scope="module", params=MODELS)
def played(request):
    """Attributes besides: logs of the steps, and end, the values after them."""
    game = Played(settings_of(request.param))
    game.logs, game.end = game.train(), values(game.trainer)
    return game


def test_steps_are_finite_and_move_both_players_and_the_average(played):
    start, end = played.start, played.end
    assert all(np.isfinite(value) for value in played.logs.values())
    assert {name.split("/")[0] for name in played.logs} >= {"generator", "discriminator"}
    assert all(np.isfinite(value).all() for value in end.values())
    for network in ("generator", "discriminator"):
        weights = [f"{network}/{v.path}" for v in getattr(played.trainer.game, network).trainable_variables]
        still = [name for name in weights if np.array_equal(start[name], end[name])]
        assert len(still) <= 0.2 * len(weights), f"these did not move: {still}"
    assert any(not np.array_equal(start[n], end[n]) for n in start if n.startswith("average/"))


def test_every_pass_of_the_discriminator_in_its_own_turn_has_noise_of_its_own(played):
    """Layers of dropout and noise count: reals, fakes and, where there are such, labelled reals."""
    calls = {int(value) for name, value in played.end.items() if name.endswith("/calls")}
    passes = 2 if played.source.labelled is None else 3
    assert calls <= {STEPS * passes}


def test_neither_player_moves_in_the_others_turn(played):
    """Nor do its statistics, nor anything else but what is the player's own and the objective's."""
    batch = next(iter(played.batches()))
    for player in ("generator", "discriminator"):
        before = values(played.trainer)
        played.trainer.update(player, batch, seed_of(1), BATCH)
        after = values(played.trainer)
        moved = {name.split("/")[0] for name in before if not np.array_equal(before[name], after[name])}
        assert {player} <= moved <= {player, f"{player}_optimizer", "objective"}


def test_the_checkpoint_comes_back_bit_equal(played, tmp_path):
    now = values(played.trainer)
    checkpoints = Checkpoints(tmp_path, played.trainer.variables())
    checkpoints.save(1)
    played.set(played.start)
    assert checkpoints.restore_latest() == 1
    assert_same(values(played.trainer), now)


def test_the_same_seed_gives_the_same_bits(played):
    """A game that is built anew starts alike, and the steps from there end alike, whatever is called at once."""
    assert_same(Played(played.settings).start, played.start)
    played.set(played.start)
    played.train(pause=1)
    assert_same(values(played.trainer), played.end)


@pytest.mark.parametrize("model", MODELS)
def test_two_replicas_equal_one_in_float64(model, two_replicas):
    plain = [f"{p}_optimizer.{k}" for p in ("generator", "discriminator") for k in ("name=sgd", "learning_rate=0.01")]
    settings = settings_of(model, "precision=float64", "discriminator_steps=1", *plain)
    one, two = Played(settings), Played(settings, two_replicas)
    one.step_by_hand()
    two.train()
    assert_same(values(one.trainer), values(two.trainer), tolerance=1e-9)
    assert any(not np.array_equal(one.start[name], value) for name, value in values(one.trainer).items())


@pytest.mark.parametrize("model", MODELS)
def test_the_docstring_cites_the_paper_and_the_readme_has_the_row(model):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", catalog.model_module(model).__doc__)
    assert re.search(rf"^\| \[?`?{model}`?", README, re.MULTILINE), f"README.md has no row for {model}"
