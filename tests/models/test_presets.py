"""Every preset other than the quickstarts builds from its recipe alone, and the state it watches and its scores exist."""

import contextlib
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from small_games import start_from_zero

from tfgan_zoo import train
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.schedules import moving
from tfgan_zoo.data import sources
from tfgan_zoo.metrics.features import NETWORKS, FeatureNetwork, feature_network
from tfgan_zoo.metrics.protocol import Evaluator
from tfgan_zoo.observation.measurements import measurement_of
from tfgan_zoo.runs import building
from tfgan_zoo.runs.scoring_network import with_network
from tfgan_zoo.runs.targets import mixture_of, players_of

# The largest networks, which take seconds each to build
SLOW = {
    ("acgan", "imagenet128"),
    ("gan", "cifar10"),
    ("projection", "imagenet128"),
    ("sagan", "imagenet128"),
    ("r3gan", "imagenet32"),
    ("sngan", "stl10"),
    ("stylegan2", "ffhq1024"),
    ("wgan_gp", "lsun"),
}
SLOW |= {(model, f"imagenet{side}") for model in ("biggan", "biggan_deep") for side in (128, 256, 512)}
PRESETS = [
    pytest.param((model, preset), id=f"{model}-{preset}", marks=[pytest.mark.slow] if (model, preset) in SLOW else [])
    for model in catalog.model_names()
    for preset in catalog.preset_files(model)
    if preset != "quickstart"
]


PRINTED = {}  # {(model, preset): output of its dry run}: the largest networks need not be built twice


def dry_run(settings):
    """(the game that `--dry_run` of a recipe builds, the shape of its data, what it prints); reads no data but toys."""
    games, build, load = [], building.game_builder, sources.load_source

    def watched(a_recipe, image_shape, num_classes):
        games.append((build(a_recipe, image_shape, num_classes)(), image_shape))
        return lambda: games[0][0]

    def load_only_toys(data):
        assert data.source.startswith("toy:"), f"{data.source} is read: give data.resolution and data.channels"
        return load(data)

    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        start_from_zero(patch)
        patch.setattr(building, "game_builder", watched)
        patch.setattr(sources, "load_source", load_only_toys)
        train.dry_run(settings, estimate=False)
    return *games[0], printed.getvalue()


@pytest.fixture(scope="module", params=PRESETS)
def built(request):
    model, preset = request.param
    settings = recipe.parse({"model": model, **catalog.preset_table(model, preset)}, f"{model}/{preset}")
    game, shape, printed = dry_run(settings)
    PRINTED[model, preset] = printed
    return SimpleNamespace(recipe=settings, game=game, shape=tuple(shape), printed=printed)


def test_preset_builds_without_its_data_as_a_dry_run_does(built):
    assert built.game.generator.output_shape == (None, *built.shape)
    measurement = measurement_of(built.recipe.data.measurement, built.shape)
    measured_shape = measurement.shape(built.shape) if measurement else built.shape
    assert built.game.discriminator.input["images"].shape == (None, *measured_shape)
    counts = re.findall(r"(generator|discriminator): ([\d,]+) trainable parameters", built.printed)
    assert [network for network, _ in counts] == ["generator", "discriminator"]


def test_a_plateau_watches_a_state_of_the_objective(built):
    for optimizer in (built.recipe.generator_optimizer, built.recipe.discriminator_optimizer):
        assert optimizer.schedule != "plateau" or optimizer.watch in built.game.objective.state


def test_its_scores_can_be_computed(built):
    source = stand_in(built)
    settings = built.recipe.evaluation
    evaluator = Evaluator(
        network_named(with_network(built.recipe, built.shape, source.class_names).evaluation.features),
        source,
        built.recipe.data.split,
        settings.samples,
        held_out=lambda: source,
        modes=mixture_of(built.recipe.data),
    )
    evaluator.check(settings.scores, players_of(built.game))


def stand_in(built):
    """A source of the preset's shape and classes: two black images of each class, the least that scores are taken of."""
    data = built.recipe.data
    if data.source.startswith("toy:"):
        return sources.load_source(data)
    count = 2 * (data.classes or 1)
    labels = np.arange(count, dtype=np.int32) // 2 if data.classes else None
    names = tuple(str(label) for label in range(data.classes or 0))
    return sources.Source(data.source, np.zeros([count, *built.shape], np.uint8), labels, names)


def network_named(name):
    """The feature network; for Inception, whose weights the user provides, one that only declares its inputs."""
    if name == "inception":
        return FeatureNetwork(name, "", 2048, 1008, NETWORKS[name], "", None)
    return feature_network(name)


@pytest.mark.parametrize(
    ("model", "preset", "generator", "discriminator"),
    [
        # 100, 1200, 1200, 784 with biases; 784 -> 5 x 240 -> 5 x 240 -> 1
        ("gan", "mnist", 121_200 + 1_441_200 + 941_584, 942_000 + 289_200 + 241),
        # 100 -> 200 beside 10 -> 1000, 1200, 784; 784 -> 5 x 240 beside 10 -> 5 x 50, 290 -> 4 x 240 -> 1
        ("cgan", "mnist", 20_200 + 11_000 + 1_441_200 + 941_584, 942_000 + 2_750 + 279_360 + 241),
        # the CIFAR-10 critic of SNGAN's table 4, as published, and this generator at width 128 in place of 256:
        # stem 264,192; 3 blocks of 2 x 147,584, a shortcut of 16,512 and 2 norms of 256; a norm and 3 x 3 x 128 x 3 + 3
        ("wgan_gp", "cifar10", 264_192 + 3 * (2 * 147_584 + 16_512 + 2 * 256) + 256 + 3_459, 1_053_825),
        # SNGAN's, as published: scales and offsets of 6 norms of 256 channels for 10 classes; an embedding of 128 for each
        ("projection", "cifar10", 4_276_739 - 6 * 512 + 6 * 10 * 512, 1_053_825 + 10 * 128),
        # and attention, C^2 / 8 twice and C^2 / 2 twice without biases, and its gain
        ("sagan", "cifar10", 4_304_387 + 5 * 256**2 // 4 + 1, 1_055_105 + 5 * 128**2 // 4 + 1),
        # the paper's table 2, counted in test_pggan.py
        ("pggan", "celebahq1024", 23_079_115, 23_087_249),
        # as the authors' networks have them
        ("r3gan", "cifar10", 20_781_952, 21_280_512),
        ("r3gan", "cifar10_unconditional", 20_732_160, 20_683_776),
        ("r3gan", "ffhq64", 22_429_824, 22_381_440),
        ("r3gan", "ffhq256", 23_057_952, 23_009_568),
        pytest.param("r3gan", "imagenet32", 82_914_304, 86_548_992, marks=pytest.mark.slow),
        ("stylegan2", "cifar10", 19_947_539, 20_720_641),
        ("stylegan2", "cifar10_conditional", 20_215_315, 23_089_664),
        ("stylegan2", "ffhq64", 22_243_608, 23_407_361),
        ("stylegan2", "ffhq256", 24_767_458, 24_001_089),
        pytest.param("stylegan2", "ffhq1024", 30_370_060, 29_012_513, marks=pytest.mark.slow),
        # as counted by the authors' PyTorch code
        ("biggan", "cifar10", 4_304_387, 4_207_361),
        pytest.param("biggan", "imagenet128", 70_433_988, 87_982_370, marks=pytest.mark.slow),
    ],
)
def test_published_widths_have_the_parameters_counted_by_hand(model, preset, generator, discriminator):
    printed = PRINTED.get((model, preset))
    if not printed:
        *_, printed = dry_run(recipe.parse({"model": model, **catalog.preset_table(model, preset)}))
    assert f"generator: {generator:,} trainable" in printed
    assert f"discriminator: {discriminator:,} trainable" in printed


def test_semi_supervised_presets_train_on_as_many_labels_as_their_names_say():
    for model, preset, labels in (
        ("sgan", "mnist_1000", 1000),
        ("sgan", "mnist_100", 100),
        ("catgan", "mnist_100", 100),
    ):
        data = recipe.parse({"model": model, **catalog.preset_table(model, preset)}).data
        assert data.labels_per_class * data.classes == labels
        assert data.split == "train"


@pytest.mark.parametrize(
    ("model", "changes", "terms"),
    [
        ("r3gan", ["weights.r2=0"], ["relativistic_pairing", "r1"]),
        ("r3gan", ["arguments.loss=non_saturating"], ["non_saturating", "r1", "r2"]),
        ("stylegan2", ["arguments.path_length=true"], ["non_saturating", "r1", "path_length"]),
    ],
)
def test_the_baselines_that_pages_name_are_settings_of_the_quickstart(model, changes, terms):
    page = (catalog.recipes_folder().parent / "docs" / f"{model}.md").read_text(encoding="utf-8")
    assert " ".join(f"--set {change}" for change in changes) in page
    table = {"model": model, **catalog.preset_table(model, "quickstart")}
    settings = recipe.parse(recipe.override(table, changes))
    weights = {name: moving(weight, tf.Variable(0)) for name, weight in settings.weights.items()}
    objective = building.game_builder(settings, (32, 32, 1), 0)().objective.with_weights(weights)
    assert [name for name, _, _ in objective.terms] == terms
