"""The contract of every model in the zoo: its quickstart at a smaller batch and size, and each of its options.

A new model is tested without an edit here. If its module sets `SLOW_TO_TEST = True`, only `pytest -m slow` tests it.
"""

import collections
import contextlib
import functools
import inspect
import itertools
import re
import types
import typing

import annotated_types
import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, eagerly, values

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
from tfgan_zoo.training.native_precision import native_precision, precision
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

MODELS = catalog.model_names()
README = (catalog.recipes_folder().parent / "README.md").read_text()
BATCH, STEPS = 4, 2


def is_slow(model):
    return vars(catalog.model_module(model)).get("SLOW_TO_TEST", False)


def parameters_of(model):
    return inspect.signature(catalog.model_module(model).build).parameters


MODELS_BY_SPEED = [pytest.param(m, marks=[pytest.mark.slow] * is_slow(m)) for m in MODELS]


def settings_of(model, *changes, side=16):
    """The quickstart at `side` pixels. Arguments called "...resolution..." shrink with the images."""
    table = {"model": model, **catalog.preset_table(model, "quickstart")}
    scale = side / np.max(table["data"].get("resolution", side))
    small = [f"batch_size={BATCH}", f"steps={STEPS}", f"data.resolution={side}"]
    small.append(f"discriminator_steps={min(2, table.get('discriminator_steps', 1))}")
    for name, value in table.get("arguments", {}).items():
        if "resolution" in name:
            shrunk = [int(v * scale) for v in value] if isinstance(value, list) else int(value * scale)
            small.append(f"arguments.{name}={shrunk}")
    if "stages" in table:  # a single one, which fades to its end
        small.append(f"stages=[{{steps={STEPS}, batch_size={BATCH}, resolution={side}, fade_steps={STEPS}}}]")
    return recipe.parse(recipe.override(table, [*small, *changes]))


source_of = functools.cache(load_source)


class Played:
    """A game trained for two steps.

    Attributes:
        trainer: the `Trainer`.
        start, end: its values before any step and after the last.
        logs: of each step.
        turns: (player, groups of variables that moved) for each turn of `train_in_turns`.
    """

    def __init__(self, settings, strategy=None):
        self.settings, self.source = settings, source_of(settings.data)
        build = building.game_builder(settings, self.source.image_shape, self.source.classes)
        self.trainer = Trainer(settings, build, strategy or make_strategy("one"))
        self.trainer.compile = functools.cache(self.trainer.compile)  # so that the steps are traced only once
        self.start, self.turns = values(self.trainer), []

    def batches(self, stage=None, first=0, local=None):
        images, measure = training_view(self.source, self.settings.data)
        labels, labelled, replicas = self.source.labels, self.source.labelled, self.trainer.replicas
        options = {"replicas": replicas, "labelled": labelled, "measure": measure}
        return batches(images, labels, BATCH, self.settings.seed, first, **options)

    def train(self, pause=1, steps=STEPS):
        """Takes the remaining steps up to `steps`, as a run does, `pause` of them per call."""
        self.logs = []
        record = Callback(pause, lambda step, means: self.logs.append(means))
        train(self.trainer, self.batches, [record], stopping=lambda: int(self.trainer.step.numpy()) >= steps)
        self.end = values(self.trainer)
        return self

    def train_in_turns(self):
        """Takes the steps and records what moves in each turn."""
        update = self.trainer.update

        def watched(player, *arguments):
            before = values(self.trainer)
            logs = update(player, *arguments)
            after = values(self.trainer)
            moved = {name.split("/")[0] for name in before if not np.array_equal(before[name], after[name])}
            self.turns.append((player, moved))
            return logs

        self.trainer.update = watched
        with eagerly():
            self.train()
        self.trainer.update = update
        return self

    def set(self, values):
        for name, variable in self.trainer.variables().items():
            variable.assign(values[name])


def played_game(model, *changes, strategy=None):
    """The quickstart's game at 16 pixels, or at the smallest larger size that the model accepts."""
    for side in (16, 32, 64):
        with contextlib.suppress(ZooError):
            return Played(settings_of(model, *changes, side=side), strategy)
    return Played(settings_of(model, *changes), strategy)  # raises the model's own error


@pytest.fixture(scope="module", params=MODELS_BY_SPEED)
def played(request):
    """A game with the recipe's own settings."""
    return played_game(request.param).train_in_turns()


def test_steps_are_finite_and_move_both_players_and_the_average(played):
    start, end = played.start, played.end
    assert len(played.logs) == STEPS
    for logs in played.logs:
        assert all(np.isfinite(value) for value in logs.values())
        assert {name.split("/")[0] for name in logs} >= {"generator", "discriminator"}
    not_finite = {name for name, value in end.items() if not np.isfinite(value).all()}
    assert {name for name in not_finite if not name.endswith("plateau/best")} == set()  # which has seen no value yet
    for network in ("generator", "discriminator"):
        weights = [f"{network}/{v.path}" for v in getattr(played.trainer.game, network).trainable_variables]
        unmoved = [name for name in weights if np.array_equal(start[name], end[name])]
        assert len(unmoved) <= 0.2 * len(weights), f"these did not move: {unmoved}"
    assert any(not np.array_equal(start[n], end[n]) for n in start if n.startswith("average/"))


def test_every_pass_of_a_player_in_its_own_turn_has_its_own_noise(played):
    """Layers of dropout and noise count their passes: the discriminator's on reals, fakes and, if any, labelled reals."""
    passes = (1 if played.trainer.game.one_pass else 2) + (played.source.labelled is not None)
    updates = {"generator": STEPS, "discriminator": STEPS * played.settings.discriminator_steps}
    for player, minimum in (("generator", 1), ("discriminator", passes)):
        noise = [name for name in played.end if name.startswith(f"{player}/") and name.endswith("/calls")]
        counts = {int(played.end[name]) for name in noise}
        assert len(counts) <= 1, f"these were not all in every pass: {noise}"
        assert min(counts, default=np.inf) >= minimum * updates[player]


def test_neither_player_moves_in_the_others_turn(played):
    """Nor do its statistics: only the player's own variables and the objective's move."""
    turns = collections.Counter(player for player, _ in played.turns)
    assert turns["generator"] >= STEPS  # lazy terms act in turns of their own
    assert turns["discriminator"] >= STEPS * played.settings.discriminator_steps
    for player, moved in played.turns:
        assert {player} <= moved <= {player, f"{player}_optimizer", "objective"}


def test_the_checkpoint_is_restored_bit_for_bit(played, tmp_path):
    checkpoints = Checkpoints(tmp_path, played.trainer.variables())
    checkpoints.save(1)
    played.set(played.start)
    assert checkpoints.restore_latest() == 1
    assert_same(values(played.trainer), played.end)


# ---------------------------------------------------------------------------------------------------------- two replicas


def in_float64(model, *changes, strategy=None):
    """A game of plain gradient descent, whose steps in float64 do not magnify the rounding of sums."""
    plain = [f"{p}_optimizer.{k}" for p in ("generator", "discriminator") for k in ("name=sgd", "learning_rate=0.01")]
    return played_game(model, "precision=float64", "discriminator_steps=1", *plain, *changes, strategy=strategy)


@pytest.mark.parametrize("model", MODELS_BY_SPEED)
def test_two_replicas_equal_one(model, two_replicas):
    """After a step in eager mode. Also in a graph, which takes 10 seconds and more to trace, if the objective has a state,
    which must move once per update and not once per replica, or if the replicas gather examples, which needs a graph."""
    one, two = in_float64(model), in_float64(model, strategy=two_replicas)
    assert_same(one.start, two.start)  # the same seed builds the same game
    in_graph = bool(two.trainer.game.objective.state)
    with eagerly():
        one.train(steps=1)
        try:
            two.train(steps=1)
            assert_same(two.end, one.end, tolerance=1e-9)
        except RuntimeError as error:
            if "all_gather is not supported in eager mode" not in str(error):
                raise
            in_graph = True
        if in_graph:
            one.train()
    assert not np.array_equal(one.start["step"], one.end["step"])
    if in_graph:
        check_graph(two, one.end)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_two_replicas_in_a_graph_equal_one_in_eager_mode(model, two_replicas):
    one = in_float64(model)
    with eagerly():
        one.train()
    check_graph(in_float64(model, strategy=two_replicas), one.end)


RECOMPUTED_QUICKLY = ("biggan", "infogan", "pggan", "stylegan2")


@pytest.mark.parametrize(
    "model", [pytest.param(m, marks=[pytest.mark.slow] * (m not in RECOMPUTED_QUICKLY)) for m in MODELS]
)
def test_recomputed_activations_give_the_same_step(model):
    """Both players' gradients, penalties and lazy terms included, and each statistic and count of calls moves once."""
    kept, recomputed = in_float64(model), in_float64(model, "recompute=true")
    with eagerly():
        kept.train(steps=1)
        recomputed.train(steps=1)
    assert_same(recomputed.end, kept.end, tolerance=1e-9)
    assert not np.array_equal(kept.start["step"], kept.end["step"])


def check_graph(game, expected):
    """Training from the start gives `expected`, and the same bits for any number of steps per call."""
    ends = []
    for pause in (STEPS, 1):
        game.set(game.start)
        ends.append(game.train(pause).end)
    assert_same(ends[0], expected, tolerance=1e-9)
    assert_same(ends[1], ends[0])


# ---------------------------------------------------------------------------------------------------------------- export


@pytest.fixture(scope="module")
def exported(played, tmp_path_factory):
    """(the SavedModel's `Sampler`, its `Prior`), of a network with weights such that every input shows in its images."""
    network, prior = generator_as_exported(played), played.trainer.game.prior
    make_visible(network, prior, played)
    folder, module = tmp_path_factory.mktemp("export"), ExportedGenerator(network, prior)
    tf.saved_model.save(module, str(folder), signatures=module.functions)
    return Sampler(tf.saved_model.load(str(folder)).signatures, prior.num_classes, prior.codes), prior


def generator_as_exported(played):
    """A generator of the same shape in float32, as runs export it, whatever it is trained in."""
    settings, source = played.settings, played.source
    if settings.precision == "float32" or (settings.precision == "auto" and native_precision() == "float32"):
        return keras.models.clone_model(played.trainer.average.network)
    with precision("float32"):
        game = building.game_builder(settings, source.image_shape, source.classes)()
    game.enter(settings.schedule[0])
    return game.generator


def make_visible(network, prior, played):
    """Gives a copy of the averaged network its weights, with kernels scaled so that images differ most.

    Two steps leave images gray; by how much kernels can be scaled before all is black and white, or so large that rounding
    shows, depends on normalisation and the last activation.
    Kernels that start at zero, as those of labels in batch norm, hardly leave it in two steps and are set at random.
    """
    random = np.random.default_rng(0)
    weights = []
    for variable in played.trainer.average.network.variables:
        value = variable.numpy()
        if value.ndim > 1 and not played.start[f"average/{variable.path}"].any():
            value = random.normal(size=value.shape).astype(value.dtype)
        weights.append(value)
    kernels = {v.path for v in played.trainer.average.network.trainable_variables if len(v.shape) > 1}

    def contrast(scale):
        for target, variable, value in zip(
            network.variables, played.trainer.average.network.variables, weights, strict=True
        ):
            target.assign(scale * value if variable.path in kernels else value)
        return smallest_difference(network, prior)

    contrasts = {}
    for scale in (4, 2, 1, 0.5, 8, 16):
        contrasts[scale] = contrast(scale)
        if contrasts[scale] > 0.2:
            return
    contrast(max(contrasts, key=contrasts.get))


def smallest_difference(network, prior):
    """The smallest, over pairs of images of different seeds, labels or codes, of their largest difference, lowered if pixels
    are beyond -1 and 1."""
    latents = prior.sample(SeededDraws(tf.constant([3, 4, 5], tf.int64)))
    rows = [{name: value.numpy()[i] for name, value in latents.items()} for i in range(3)]
    rows += [{**rows[0], "labels": np.int32(label)} for label in range(min(prior.num_classes, 3))]
    pairs = [(0, 1), (0, 2), (1, 2), *itertools.combinations(range(3, len(rows)), 2)]
    for codes in other_codes(prior, rows[0]["codes"]) if prior.codes else ():
        pairs.append((0, len(rows)))
        rows.append({**rows[0], "codes": codes})
    inputs = {tensor.name: np.stack([row[tensor.name] for row in rows]) for tensor in network.inputs}
    images = network(inputs, training=False).numpy()
    return min(np.abs(images[a] - images[b]).max() for a, b in pairs) / max(1, np.abs(images).max() ** 2)


def other_codes(prior, codes):
    """`codes` [C] with each of them changed in turn."""
    for number in range(prior.codes.size):
        other = codes.copy()
        other[number] = (codes[number] + 1) % 2 if number < len(prior.codes.categorical) else -codes[number]
        yield other


def test_the_export_samples_at_batch_one_and_three(played, exported):
    generator, _ = exported
    together = generator.sample([3, 4, 5])
    assert together.shape == (3, *played.source.image_shape)
    assert together.dtype == np.uint8
    assert len(np.unique(together, axis=0)) == 3
    alone = generator.sample([3])
    assert alone.shape == (1, *played.source.image_shape)
    assert np.abs(alone.astype(int) - together[:1]).max() <= 1  # other kernels may round differently
    np.testing.assert_array_equal(generator.sample([3, 4, 5]), together)  # every draw is by the seed


def test_conditional_exports_take_labels(exported):
    """-1 draws a label by seed, as does leaving them out; exports of unconditional models refuse labels."""
    generator, prior = exported
    if not prior.num_classes:
        with pytest.raises(ZooError, match="takes none"):
            generator.sample([3], labels=0)
        return
    classes = generator.sample([3, 3, 3], labels=[0, 1, 2])
    assert len(np.unique(classes, axis=0)) == 3
    images = generator.sample([3, 4, 5])
    np.testing.assert_array_equal(generator.sample([3, 4, 5], labels=-1), images)
    by_seed = prior.sample(SeededDraws(tf.constant([3, 4, 5], tf.int64)))["labels"].numpy()
    np.testing.assert_array_equal(generator.sample([3, 4, 5], labels=by_seed), images)
    np.testing.assert_array_equal(generator.sample([3, 4, 5], labels=[-1, by_seed[1], -1]), images)
    by_label = generator.from_latents(
        generator.latents([3, 3]), labels=[by_seed[0], (by_seed[0] + 1) % prior.num_classes]
    )
    assert np.abs((by_label + 1) * 127.5 - images[0]).reshape(2, -1).max(axis=1)[0] < 1.01
    assert np.abs(by_label[0] - by_label[1]).max() > 1 / 127.5
    with pytest.raises(ZooError, match=f"label {prior.num_classes} is not a class"):
        generator.sample([3], labels=prior.num_classes)


def test_exports_with_codes_take_them(exported):
    """NaN draws a code by seed; each code changes the image; exports without codes refuse them."""
    generator, prior = exported
    if not prior.codes:
        with pytest.raises(ZooError, match="takes none"):
            generator.sample([3], codes=[0.0])
        return
    image = generator.sample([3])
    codes = prior.sample(SeededDraws(tf.constant([3], tf.int64)))["codes"].numpy()
    np.testing.assert_array_equal(generator.sample([3], codes=codes), image)
    np.testing.assert_array_equal(generator.sample([3], codes=np.full(prior.codes.size, np.nan)), image)
    for other in other_codes(prior, codes[0]):
        assert (generator.sample([3], codes=other[None]) != image).any()


@pytest.mark.parametrize("model", MODELS)
def test_the_docstring_cites_the_paper_and_the_readme_has_the_row(model):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}|openreview\.net/forum\?id=\w+", catalog.model_module(model).__doc__)
    assert re.search(rf"^\| \[?`?{model}`?", README, re.MULTILINE), f"README.md has no row for {model}"


# ---------------------------------------------------------------------------------------------------------- every option

SIZE = 8  # what widths shrink to: attention has an eighth of a layer's channels


def shrunk(value):
    """Integers above `SIZE`, alone or in a list, reduced to it."""
    if isinstance(value, list | tuple):
        return [shrunk(v) for v in value]
    return min(value, SIZE) if type(value) is int else value


@functools.cache
def small_arguments(model):
    """{argument: shrunk value} of those above `SIZE` by default, or in the quickstart if the default is None."""
    quickstart = catalog.preset_table(model, "quickstart").get("arguments", {})
    small = {}
    for name, parameter in parameters_of(model).items():
        value = quickstart.get(name) if parameter.default is None else parameter.default
        if name not in catalog.GIVEN and shrunk(value) not in (value, [*value] if isinstance(value, tuple) else value):
            small[name] = shrunk(value)
    return small


def kinds(annotation):
    """(the members of a union without None, whether None is one of them)."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        parts = typing.get_args(annotation)
        return [part for part in parts if part is not type(None)], type(None) in parts
    return [annotation], False


def constraints(annotation):
    """The plain type of an annotation, and the constraints of its `Annotated[..., Field(...)]`."""
    metadata = getattr(annotation, "__metadata__", ())
    bounds = [part for field in metadata for part in getattr(field, "metadata", [field])]
    return (typing.get_args(annotation)[0] if metadata else annotation), bounds


def lower_bound(bounds):
    """The smallest value that the constraints allow, None if they have no lower bound."""
    return next((part.ge for part in bounds if isinstance(part, annotated_types.Ge)), None)


def other_values(annotation, default, given):
    """The values other than `given` at which an argument is tested, by its annotation.

    Bools and Literals at each value; numbers whose minimum is 0 at 0, or if they are 0 at another; small counts at 1; lists
    of one element at none and two; None at a number, and what may be None at None, except widths, which would then be as
    published: the tests of presets build those.
    """
    parts, nullable = kinds(annotation)
    if nullable and given is not None and type(given) is not int:
        yield None
    for part in parts:
        kind, bounds = constraints(part)
        if kind is bool:
            yield not given
        elif typing.get_origin(kind) is typing.Literal:
            yield from (choice for choice in typing.get_args(kind) if choice != given)
        elif given is None:
            yield {int: SIZE, float: 0.5}.get(kind, [SIZE])
        elif kind is int and lower_bound(bounds) == 0:
            yield 0 if given else 2
        elif kind is int and lower_bound(bounds) == 1 and 1 < given < SIZE:
            yield 1
        elif kind is float and (lower_bound(bounds) == 0 or given == 0):
            yield 0.0 if given else 0.5
        elif Ellipsis in typing.get_args(kind) and not nullable and len(given) == 1:
            yield from ([], [*given, *given])


FITTING = {
    ("r3gan", "widths"): [SIZE, SIZE, SIZE // 2],  # one for each resolution of the small images
    ("projected", "generator_arguments"): {"noise_size": SIZE},
}


@functools.cache
def options_of(model):
    """(argument, value) of each choice of `build` other than its default."""
    small = small_arguments(model)
    return [
        (name, FITTING.get((model, name), value))
        for name, parameter in parameters_of(model).items()
        if name not in catalog.GIVEN
        for value in other_values(parameter.annotation, parameter.default, small.get(name, parameter.default))
    ]


OPTIONS = [
    pytest.param(model, *option, marks=[pytest.mark.slow] * is_slow(model))
    for model in MODELS
    for option in [("", "default"), *options_of(model)]
]


def accepted(model, option, value, shape):
    """(the game with this option, all its arguments), with up to two other options if the model refuses it alone.

    Raises:
        ZooError: the model's own, if it refuses those too.
    """
    alone = {**small_arguments(model), **({option: value} if option else {})}
    other_options = [
        (name, other) for name, other in options_of(model) if name != option and type(other) in (bool, str)
    ]
    sizes = (name for name in small_arguments(model) if parameters_of(model)[name].default is None)
    other_options += [(name, None) for name in sizes if name != option]
    refusal = None
    for count in range(3):
        for extra in itertools.combinations(other_options, count):
            arguments = {**alone, **dict(extra)}
            settings = recipe.parse({"model": model, "steps": 1, "arguments": arguments})
            try:
                return building.game_builder(settings, shape, 3)(), arguments
            except ZooError as error:
                refusal = refusal or error
    raise refusal


@pytest.mark.parametrize(("model", "option", "value"), OPTIONS, ids=str)
def test_option_builds_a_game_whose_losses_are_finite_and_reach_the_players(model, option, value):
    """At 16 pixels, and on points if the model's docstring says that it takes them."""
    parameters = parameters_of(model)
    game, arguments = accepted(model, option, value, (16, 16, 1))
    check_losses(game, (16, 16, 1), default=not option)
    network = arguments.get("network", parameters["network"].default if "network" in parameters else "mlp")
    if "or (D,) for points" in catalog.model_module(model).build.__doc__ and network == "mlp":
        check_losses(accepted(model, option, value, (2,))[0], (2,), default=not option)


def check_losses(game, shape, default):
    """Gradients reach both players by default; with options, not a generator whose losses are 0, as beside a lone classifier."""
    random = np.random.default_rng(0)
    real = {"images": random.uniform(-1, 1, (4, *shape)).astype("float32"), "labels": np.array([0, 1, 2, 0])}
    real, draws = {name: tf.constant(value) for name, value in real.items()}, Draws(seed_of(0), 4)
    for player, make_turn, losses_of in (
        (game.generator, game.generator_turn, game.objective.generator_losses),
        (game.discriminator, game.discriminator_turn, game.objective.discriminator_losses),
    ):
        weights = [v.value for v in player.trainable_variables]
        with tf.GradientTape() as tape:
            losses = losses_of(make_turn(real, draws))
            total = tf.add_n([*losses.values(), *player.losses])
        assert all(loss.shape == () and np.isfinite(loss) for loss in losses.values())
        norm = tf.linalg.global_norm(tape.gradient(total, weights))
        assert np.isfinite(norm)
        expected = default or player is game.discriminator or any(loss != 0 for loss in losses.values())
        assert (norm > 0) == expected


def test_options_are_found_by_annotations():
    """Each of these switches a part of its model off or on."""
    expected = {
        "biggan": [
            ("r1", 0.5),
            ("orthogonal_regularization", 0.0),
            ("attention_resolutions", None),
            ("shared_size", 0),
        ],
        "cgan": [("dropout", 0.0), ("maxout_pieces", 1)],
        "infogan": [("continuous", 0), ("categories", []), ("categories", [8, 8])],
        "sagan": [("attention", False), ("generator_attention", 8), ("loss", "non_saturating")],
        "sgan": [("feature_matching", 0.5), ("historical_averaging", 0.5), ("minibatch_kernels", 2), ("noise", 0.5)],
        "sngan": [("gradient_penalty", 0.5), ("weights", "clipping")],
    }
    for model, options in expected.items():
        assert not [option for option in options if option not in options_of(model)]
    assert small_arguments("cgan")["generator_own"] == [8, 8]
    assert small_arguments("sngan")["generator_channels"] == 8
