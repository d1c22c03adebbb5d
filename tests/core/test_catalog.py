"""Where each shipped recipe has been run: its `[tried]` table, what the documentation states, and how it is printed."""

import re

import pytest

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import PACKAGE

PRESETS = [(model, preset) for model in catalog.model_names() for preset in catalog.preset_files(model)]


def tried(model, preset):
    return catalog.tried(catalog.preset_file(model, preset))


@pytest.mark.parametrize(("model", "preset"), PRESETS)
def test_every_shipped_recipe_says_where_it_was_run_or_that_it_was_not(model, preset):
    assert tried(model, preset) != "not stated", (
        f'zoo_configs/{model}/{preset}.toml: add tried = "not run" below its summary, or a [tried] table '
        "(hardware, time, seeds, scores) at its end"
    )


def page_of(model):
    return (PACKAGE.parent / "docs" / f"{model}.md").read_text(encoding="utf-8")


def documented_scores(page, model, preset):
    """(seeds, {score: first value}) from the first row of a preset's table on its model's page."""
    named = f"{model}, {preset}" if preset != "quickstart" else rf"{model}(?:, quickstart)?"
    table = re.search(rf"^\| {named}, (\d) seeds?.*? \| (.*) \|\n\|[-|]+\|\n\| .*? \| (.*) \|$", page, re.MULTILINE)
    assert table, f"docs/{model}.md has no table of {preset}"
    cells = zip(table[2].split(" | "), table[3].split(" | "), strict=True)
    return int(table[1]), {name: float(value.split()[0]) for name, value in cells if value != "-"}


TRIED = [names for names in PRESETS if isinstance(tried(*names), catalog.Trial) and names != ("catgan", "circles")]


@pytest.mark.parametrize(("model", "preset"), TRIED)
def test_scores_and_time_of_a_tried_recipe_match_its_models_page(model, preset):
    page, trial = page_of(model), tried(model, preset)
    where = f"[tried] of zoo_configs/{model}/{preset}.toml and docs/{model}.md disagree"
    assert (trial.seeds, trial.scores) == documented_scores(page, model, preset), where
    if measured := re.fullmatch(r"(\d+) min (\d+) s", trial.time):
        assert re.search(rf"\b{measured[1]} min(utes)? {measured[2]} s", page), where


def test_score_of_the_circles_matches_the_text_of_catgans_page():
    trial = tried("catgan", "circles")
    assert (trial.seeds, trial.scores) == (3, {"clustering_error": 0.122})
    text = page_of("catgan").replace("\n", " ")
    assert re.search(r"12\.2 % \(10\.5, 20\.6, 5\.5\) for CatGAN", text)


def test_some_recipes_were_run_and_others_not():
    assert ("sngan", "quickstart") in TRIED
    assert tried("sngan", "cifar10") == "not run"


TRIED_RECIPE = """
model = "sngan"
steps = 3

[tried]
hardware = "one A100"
time = "2 h"
seeds = 2
scores = { fid = 21.5, precision = 0.7 }
"""


def test_a_trial_reads_as_one_line_and_is_not_part_of_the_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TRIED_RECIPE)
    assert str(catalog.tried(path)) == "run on one A100, 2 h; fid 21.5, precision 0.7 (2 seeds)"
    table = catalog.recipe_table(path)
    assert table == {"model": "sngan", "steps": 3}
    assert "tried" not in recipe.parse(table).as_dict()
    path.write_text(TRIED_RECIPE.partition("[tried]")[0])
    assert catalog.tried(path) == "not stated"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seeds = 0", r"mine\.toml: tried\.seeds: .*greater than or equal to 1, and got 0\."),
        ("hours = 2", r"tried\.hours: no key 'hours'\..* Available: hardware, scores, seeds, time\."),
        ('scores = "good"', r"tried\.scores: .*dictionary, and got 'good'\."),
    ],
)
def test_a_trial_that_cannot_be_read_is_refused_by_key(tmp_path, line, message):
    path = tmp_path / "mine.toml"
    key = line.split()[0]
    path.write_text("\n".join([text for text in TRIED_RECIPE.splitlines() if not text.startswith(key)] + [line]))
    with pytest.raises(ZooError, match=message):
        catalog.tried(path)


def test_any_word_other_than_not_run_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('tried = "yes"')
    with pytest.raises(
        ZooError, match=r"tried = 'yes': expected \"not run\" or a table of hardware, time, seeds, scores"
    ):
        catalog.tried(path)
