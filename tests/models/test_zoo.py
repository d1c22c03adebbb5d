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

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.data.training_view import training_view
from tfgan_zoo.runs import building
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.signatures import ExportedGenerator, SeededDraws
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

MODELS = catalog.model_names()
README = (catalog.recipes_folder().parent / "README.md").read_text()
BATCH, STEPS = 4, 2

# Tracing on two replicas takes 10 to 25 seconds a model. Those that differ in kind are traced by default: spectral and batch norm,
# an objective with a state, stages, attention with latents in every norm. The rest is slow, and so is all of the deepest network.
ON_TWO_BY_DEFAULT = {"sngan", "began", "pggan", "biggan"}
DEEPEST = {"biggan_deep"}


def settings_of(model, *changes):
    table = {"model": model, **catalog.preset_table(model, "quickstart")}
    small = [f"batch_size={BATCH}", f"steps={STEPS}", "data.resolution=16"]
    if "attention_resolutions" in table.get("arguments", {}):
        small.append("arguments.attention_resolutions=[8]")
    if "stages" in table:  # one of them, which fades to its end
        small.append(f"stages=[{{steps={STEPS}, batch_size={BATCH}, resolution=16, fade_steps={STEPS}}}]")
    return recipe.parse(recipe.override(table, [*small, *changes]))


source_of = functools.cache(load_source)


class Played:
    """A game of two steps.

    Attributes:
        trainer: the `Trainer`; start: its values before any step.
    """

    def __init__(self, settings, strategy=None):
        self.settings, self.source = settings, source_of(settings.data)
        build = building.game_builder(settings, self.source.image_shape, self.source.classes)
        self.trainer = Trainer(settings, build, strategy or make_strategy("one"))
        self.trainer.compile = functools.cache(self.trainer.compile)  # so that the steps are traced but once
        self.start = values(self.trainer)

    def batches(self, stage=None, first=0):
        images, measure = training_view(self.source, self.settings.data)
        labels, labelled, replicas = self.source.labels, self.source.labelled, self.trainer.replicas
        options = {"replicas": replicas, "labelled": labelled, "measure": measure}
        return batches(images, labels, BATCH, self.settings.seed, first, **options)

    def train(self, pause=0):
        """Takes the steps as a run does, in a graph, `pause` of them a call."""
        train(self.trainer, self.batches, [Callback(pause, lambda *_: None)])

    def step_by_hand(self):
        """Takes the steps one by one and outside a graph, which needs no tracing. Returns the logs of each."""
        self.trainer.game.enter(self.settings.schedule[0])
        stream, logs = iter(self.batches()), []
        for step in range(STEPS):
            taken = [next(stream) for _ in range(self.settings.discriminator_steps)]
            found = self.trainer.replica_step(taken, tf.constant(step, tf.int64), tf.constant(step / STEPS))
            logs.append(dict(zip(self.trainer.log_names, found.numpy().tolist(), strict=True)))
            self.trainer.step.assign_add(1)
        return logs

    def set(self, values):
        for name, variable in self.trainer.variables().items():
            variable.assign(values[name])


def slow_but(by_default):
    """The models as parameters, of which those beyond `by_default` are slow."""
    return [m if m in by_default else pytest.param(m, marks=pytest.mark.slow) for m in MODELS]


@pytest.fixture(scope="module", params=slow_but(set(MODELS) - DEEPEST))
def played(request):
    """A game by the recipe itself. Attributes besides: logs of each step, and end, the values after them."""
    game = Played(settings_of(request.param))
    game.logs, game.end = game.step_by_hand(), values(game.trainer)
    return game


@pytest.fixture(scope="module", params=slow_but(ON_TWO_BY_DEFAULT))
def on_two(request, two_replicas):
    """A game on two replicas in float64 and in a graph. Attribute besides: end, the values after the steps."""
    plain = [f"{p}_optimizer.{k}" for p in ("generator", "discriminator") for k in ("name=sgd", "learning_rate=0.01")]
    game = Played(settings_of(request.param, "precision=float64", "discriminator_steps=1", *plain), two_replicas)
    game.train()
    game.end = values(game.trainer)
    return game


def test_steps_are_finite_and_move_both_players_and_the_average(played):
    start, end = played.start, played.end
    for logs in played.logs:
        assert all(np.isfinite(value) for value in logs.values())
        assert {name.split("/")[0] for name in logs} >= {"generator", "discriminator"}
    broken = {name for name, value in end.items() if not np.isfinite(value).all()}
    assert {name for name in broken if not name.endswith("plateau/best")} == set()  # which has seen no value yet
    for network in ("generator", "discriminator"):
        weights = [f"{network}/{v.path}" for v in getattr(played.trainer.game, network).trainable_variables]
        still = [name for name in weights if np.array_equal(start[name], end[name])]
        assert len(still) <= 0.2 * len(weights), f"these did not move: {still}"
    assert any(not np.array_equal(start[n], end[n]) for n in start if n.startswith("average/"))


def test_every_pass_of_the_discriminator_in_its_own_turn_has_noise_of_its_own(played):
    """Layers of dropout and noise count: reals, fakes and, where there are such, labelled reals."""
    calls = {int(value) for name, value in played.end.items() if name.endswith("/calls")}
    passes = 2 if played.source.labelled is None else 3
    assert calls <= {STEPS * played.settings.discriminator_steps * passes}


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


def test_two_replicas_in_a_graph_equal_one_outside(on_two):
    one = Played(on_two.settings)
    one.step_by_hand()
    assert_same(values(one.trainer), on_two.end, tolerance=1e-9)
    assert not np.array_equal(one.start["step"], on_two.end["step"])


def test_the_same_seed_gives_the_same_bits(on_two):
    """A game that is built anew starts alike, and the steps from there end alike, however many are taken at once."""
    assert_same(Played(on_two.settings).start, on_two.start)
    on_two.set(on_two.start)
    on_two.train(pause=1)
    assert_same(values(on_two.trainer), on_two.end)


@pytest.fixture(scope="module")
def exported(played, tmp_path_factory):
    """(the SavedModel's `Generator`, its `Prior`), of a network with such weights that everything shows in its images."""
    network, random = keras.models.clone_model(played.trainer.average.network), np.random.default_rng(0)
    for theirs, mine in zip(network.variables, played.trainer.average.network.variables, strict=True):
        theirs.assign(4 * mine if mine.name == "kernel" else mine)
        if {"gamma", "beta"} & set(mine.path.split("/")):  # of a label, which hardly leave 0 in two steps
            theirs.assign(random.normal(size=mine.shape))
    prior, folder = played.trainer.game.prior, tmp_path_factory.mktemp("export")
    module = ExportedGenerator(network, prior)
    tf.saved_model.save(module, str(folder), signatures=module.functions)
    return Sampler(tf.saved_model.load(str(folder)).signatures, prior.num_classes, prior.codes), prior


def test_the_export_answers_at_batch_one_and_three(played, exported):
    generator, _ = exported
    together = generator.sample([3, 4, 5])
    assert together.shape == (3, *played.source.image_shape)
    assert together.dtype == np.uint8
    assert len(np.unique(together, axis=0)) == 3
    alone = generator.sample([3])
    assert alone.shape == (1, *played.source.image_shape)
    assert np.abs(alone.astype(int) - together[:1]).max() <= 1  # a rounding that other kernels may give


def test_conditional_exports_take_labels(exported):
    """-1 draws one by seed, and no label does for all; those of other models refuse them."""
    generator, prior = exported
    if not prior.num_classes:
        with pytest.raises(ZooError, match="takes none"):
            generator.sample([3], labels=0)
        return
    classes = generator.sample([3, 3, 3], labels=[0, 1, 2])
    assert len(np.unique(classes, axis=0)) == 3
    drawn = generator.sample([3, 4, 5])
    np.testing.assert_array_equal(generator.sample([3, 4, 5], labels=-1), drawn)
    by_seed = prior.sample(SeededDraws(tf.constant([3, 4, 5], tf.int64)))["labels"].numpy()
    np.testing.assert_array_equal(generator.sample([3, 4, 5], labels=by_seed), drawn)
    np.testing.assert_array_equal(generator.sample([3, 4, 5], labels=[-1, by_seed[1], -1]), drawn)
    others = generator.from_latents(
        generator.latents([3, 3]), labels=[by_seed[0], (by_seed[0] + 1) % prior.num_classes]
    )
    assert np.abs((others + 1) * 127.5 - drawn[0]).reshape(2, -1).max(axis=1)[0] < 1.01
    assert np.abs(others[0] - others[1]).max() > 1 / 127.5
    with pytest.raises(ZooError, match=f"label {prior.num_classes} is not a class"):
        generator.sample([3], labels=prior.num_classes)


def test_exports_with_codes_take_them(exported):
    """NaN draws one by seed; each of them changes the image; those of other models refuse them."""
    generator, prior = exported
    if not prior.codes:
        with pytest.raises(ZooError, match="takes none"):
            generator.sample([3], codes=[0.0])
        return
    drawn = generator.sample([3])
    codes = prior.sample(SeededDraws(tf.constant([3], tf.int64)))["codes"].numpy()
    np.testing.assert_array_equal(generator.sample([3], codes=codes), drawn)
    np.testing.assert_array_equal(generator.sample([3], codes=np.full(prior.codes.size, np.nan)), drawn)
    for number in range(prior.codes.size):
        other = codes.copy()
        other[0, number] = (codes[0, number] + 1) % 2 if number < len(prior.codes.categorical) else -codes[0, number]
        assert (generator.sample([3], codes=other) != drawn).any()


@pytest.mark.parametrize("model", MODELS)
def test_the_docstring_cites_the_paper_and_the_readme_has_the_row(model):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}|openreview\.net/forum\?id=\w+", catalog.model_module(model).__doc__)
    assert re.search(rf"^\| \[?`?{model}`?", README, re.MULTILINE), f"README.md has no row for {model}"


# --------------------------------------------------------------------------------------------------------- every option

TINY = {
    **dict.fromkeys(("channels", "generator_channels", "discriminator_channels"), 2),
    **dict.fromkeys(("noise_size", "dense", "code_dense", "label_size"), 4),
    **{name: [6] for name in ("hidden", "generator_hidden", "discriminator_hidden")},
    "feature_maximum": 4,
    **{name: [4, 3] for name in ("generator_own", "discriminator_own")},
    **dict.fromkeys(("maxout_pieces", "own_pieces"), 2),
}
# Attention has an eighth of a layer's channels.
NOT_SO_TINY = {"sagan": dict.fromkeys(("generator_channels", "discriminator_channels"), 8)}
# Numbers that switch something on or off, and what an option needs beside itself.
NUMBERS = {
    "catgan": [("categories", 5), ("noise", 0.0)],
    "biggan": [("r1", 10.0), ("orthogonal_regularization", 0.0), ("attention_resolutions", [8]), ("shared_size", 0)],
    "biggan_deep": [("r1", 10.0), ("orthogonal_regularization", 0.0), ("attention_resolutions", [8])],
    "cgan": [("dropout", 0.0), ("maxout_pieces", 1)],
    "dragan": [("penalty", 0.0)],
    "ebgan": [("pulling_away_weight", 0.0)],
    "gan": [("maxout_pieces", 1)],
    "infogan": [("continuous", 0), ("categories", []), ("categories", [3, 2])],
    "projection": [("class_weight", 0.0)],
    "sagan": [("generator_attention", 16), ("discriminator_attention", 8)],
    "sgan": [("feature_matching", 1.0), ("historical_averaging", 1.0), ("minibatch_kernels", 3), ("noise", 0.1)],
    "sngan": [("gradient_penalty", 10.0)],
}
NEEDS = {
    ("ambientgan", "loss"): {"norm": "none"},
    ("projection", "class_weight"): {"conditioning": "auxiliary_classifier"},
    ("wgan_gp", "network"): {"generator_channels": None},
    ("biggan", "shared_size"): {"hierarchical": False},
    ("wgan_gp", "layer_norm"): {"network": "compact", "generator_channels": None},
    ("sngan", "gradient_penalty"): {"weights": "none"},
}


def options_of(model):
    """(option, value) of each choice that `build` gives by a `Literal` or a bool, but the defaults, which come once."""
    found = [("network", None)]
    for parameter in inspect.signature(catalog.model_module(model).build).parameters.values():
        choices = (True, False) if parameter.annotation is bool else typing.get_args(parameter.annotation)
        if parameter.annotation is bool or typing.get_origin(parameter.annotation) is typing.Literal:
            found += [(parameter.name, value) for value in choices if value != parameter.default]
    return [*found, *NUMBERS.get(model, [])]


OPTIONS = [
    pytest.param(model, *option, marks=[pytest.mark.slow] * (model in DEEPEST))
    for model in MODELS
    for option in options_of(model)
]


@pytest.mark.parametrize(
    ("model", "option", "value"), OPTIONS, ids=lambda part: str(part) if part is not None else "default"
)
def test_option_builds_a_game_of_which_both_losses_are_finite_and_reach_the_player(model, option, value):
    """Images of 16 pixels, and points where the model says that it takes them."""
    build = catalog.model_module(model).build
    parameters = inspect.signature(build).parameters
    arguments = {name: small for name, small in TINY.items() if name in parameters} | NEEDS.get((model, option), {})
    arguments |= NOT_SO_TINY.get(model, {})
    arguments |= {} if value is None else {option: value}
    network = arguments.get("network", parameters["network"].default if "network" in parameters else "mlp")
    points = "or (D,) for points" in build.__doc__ and network == "mlp"
    for shape in [(16, 16, 1), *([(2,)] if points else [])]:
        game = building.game_builder(recipe.parse({"model": model, "steps": 1, "arguments": arguments}), shape, 3)()
        random = np.random.default_rng(0)
        real = {"images": random.uniform(-1, 1, (4, *shape)).astype("float32"), "labels": np.array([0, 1, 2, 0])}
        real, draws = {name: tf.constant(value) for name, value in real.items()}, Draws(seed_of(0), 4)
        for player, take, losses_of in (
            (game.generator, game.generator_turn, game.objective.generator_losses),
            (game.discriminator, game.discriminator_turn, game.objective.discriminator_losses),
        ):
            weights = [v.value for v in player.trainable_variables]
            with tf.GradientTape() as tape:
                losses = losses_of(take(real, draws))
                total = tf.add_n([*losses.values(), *player.losses])
            assert all(loss.shape == () and np.isfinite(loss) for loss in losses.values())
            length = tf.linalg.global_norm(tape.gradient(total, weights))
            assert np.isfinite(length)
            assert (length > 0) == (arguments.get("adversarial", True) or player is game.discriminator)


def test_options_that_are_tried_are_those_of_the_models():
    parameters = {name for model in MODELS for name in inspect.signature(catalog.model_module(model).build).parameters}
    assert TINY.keys() <= parameters
    for model, numbers in NUMBERS.items():
        assert {name for name, _ in numbers} <= inspect.signature(catalog.model_module(model).build).parameters.keys()
