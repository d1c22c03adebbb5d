"""The trained generators in export/: complete, small, loadable by name, and as good as their cards say."""

import hashlib
import json

import numpy as np
import pytest

import tfgan_zoo
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.metrics.features import feature_network
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.metrics.protocol import Score
from tfgan_zoo.runs.targets import make_evaluator
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.version_folder import newest

NAMES = sorted(p.name for p in pretrained_folder().iterdir() if p.is_dir())
DIGITS = [name for name in NAMES if name.endswith("_mnist")]
PRESETS = {"mnist": "quickstart", "emoji": "emoji", "conditional": "emoji_conditional"}  # by the end of their names
BYTES = {
    **{f"{model}_mnist": 3_500_000 for model in ("gan", "cgan", "lsgan", "wgan", "wgan_gp")},  # with discriminators
    "biggan_deep_mnist": 4_000_000,
    "pggan_emoji": 10_000_000,
    "r3gan_emoji": 4_000_000,
    "r3gan_emoji_conditional": 4_500_000,
    "stylegan2_emoji": 6_000_000,
    "stylegan2_mnist": 3_000_000,
}  # a graph of two; a discriminator beside the generator; six signatures of a mapping and of convolutions with noise
QUICK = "sngan_mnist"  # for each other one, 5,000 digits take minutes


def card_of(name):
    return json.loads((newest(pretrained_folder() / name) / "model_card.json").read_text())


def test_the_generator_that_the_readme_shows_exists():
    assert QUICK in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_file_matches_its_hash_in_the_card_and_all_are_small(name):
    folder = newest(pretrained_folder() / name)
    for file, expected in card_of(name)["sha256"].items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == expected, file
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < BYTES.get(name, 2_000_000)
    assert (folder / "README.md").exists()


@pytest.mark.parametrize("name", NAMES)
def test_its_recipe_is_the_current_preset(name):
    trained = catalog.completed(recipe.parse(card_of(name)["recipe"]))
    preset = PRESETS[name.rpartition("_")[2]]
    now = catalog.completed(recipe.parse({"model": trained.model, **catalog.preset_table(trained.model, preset)}))
    assert recipe.differences(trained, now) == {}
    assert trained.steps == now.steps


@pytest.mark.parametrize("name", [n if n == QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_it_draws_images_of_the_quality_that_its_card_states(name):
    card = card_of(name)
    stated = {(s.name, s.protocol): s.value for s in map(Score.from_dict, card["scores"])}
    settings = recipe.parse(card["recipe"])
    evaluator = make_evaluator(settings.data, feature_network(settings.evaluation.features), settings.evaluation)
    loaded = tfgan_zoo.load(name)
    generator = Sampler(loaded.signatures, owner=loaded)
    for measured in evaluator.scores(Players(generator.sample), card["step"]):
        # float32 sums round differently on other machines
        assert measured.value == pytest.approx(stated[measured.name, measured.protocol], rel=0.02), measured.name


@pytest.mark.parametrize("name", DIGITS)
def test_it_draws_every_digit(name):
    loaded = tfgan_zoo.load(name)
    images = Sampler(loaded.signatures, owner=loaded).sample(np.arange(500))
    _, logits = feature_network("mnist_cnn").embed(images)
    share = np.bincount(logits.argmax(1), minlength=10) / 500
    assert share.min() > 0.02, f"a digit is missing: {share}"


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ZooError, match="Did you mean 'sngan_mnist'"):
        tfgan_zoo.load("sngan_mnst")
    with pytest.raises(ZooError, match="no version of sngan_mnist '9'"):
        tfgan_zoo.load("sngan_mnist", 9)


def test_the_pages_hold_no_placeholders():
    root = pretrained_folder().parent
    for page in (root / "README.md", *(root / "docs").glob("*.md")):
        words = set(page.read_text().split())
        assert not words & {"TABLE", "EXTRA", "SPEED", "SCORE_SN", "SCORE_NONE", "TODO"}, page
