"""The runs of benchmarks.few_pictures: each is a recipe, and their stored scores become tables."""

import json
from types import SimpleNamespace

import pytest

from benchmarks import few_pictures, results, tables
from tfgan_zoo.core import catalog, recipe

TRIALS = few_pictures.augmentation_trials([100, 3053]) + few_pictures.transfer_trials(2, 50)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_every_trial_is_a_recipe(trial):
    table = {"model": "dcgan", **catalog.preset_table("dcgan", "emoji")}
    parsed = catalog.completed(recipe.parse(recipe.override(table, trial.changes)))
    assert ("pictures, ADA" in trial.name) == (parsed.augmentation_feedback is not None)
    assert parsed.freeze_discriminator == (2 if "frozen" in trial.name else 0)
    if "flags, from" in trial.name:
        assert (parsed.data.source, parsed.data.split, parsed.steps) == ("emoji:flags", "train[:100]", 50)


def test_scores_against_all_pictures_are_stored_and_become_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(few_pictures, "train", lambda *arguments: None)
    options = SimpleNamespace(
        to=tmp_path, model="dcgan", preset="emoji", set=[], steps=0, few_steps=50, frozen=2, samples=100
    )
    none, diffaugment, ada = TRIALS[:3]
    folder = none.folder(tmp_path, "dcgan", 0)
    folder.mkdir()
    own, all_pictures = (
        {"real": "emoji", "real_split": split, "generated_images": 100} for split in ("train[:100]", "train")
    )
    lines = [
        {"name": "fd", "step": 9, "value": 1.0, "protocol": own},  # of the pictures that it saw
        {"name": "fd", "step": 5, "value": 7.0, "protocol": all_pictures},
        {"name": "fd", "step": 9, "value": 3.0, "protocol": all_pictures},
        {"name": "fd", "step": 9, "value": 2.0, "protocol": {**all_pictures, "generated_images": 50}},
    ]
    (folder / "scores.jsonl").write_text("\n".join(map(json.dumps, lines)))
    scores = few_pictures.run(none, TRIALS, options, 0)
    assert scores == {"fd": 3.0}
    options.results = tmp_path
    score = few_pictures.SCORE
    for seed, values in enumerate([(5, 4, 2), (7, 4, 5)]):
        for trial, value in zip((none, diffaugment, ada), values, strict=True):
            few_pictures.store(trial, seed, {score: value}, options)
    stored = results.load("few_pictures/dcgan", tmp_path)["figures"]
    assert all(run["commit"] and run["date"] and run["hardware"] for run in stored[ada.name].values())
    del stored[ada.name]["1"]  # a seed that only the baseline has
    assert few_pictures.page_tables("dcgan", TRIALS, stored).splitlines()[1:6] == [
        f"| augmentation, `dcgan` | seeds | {score} | difference (95 %) |",
        "|---|---|---|---|",
        "| 100 pictures, none | 2 | 6.000 |  |",
        "| 100 pictures, DiffAugment | 2 | 4.000 | -2.000 (-3.000 to -1.000) |",
        "| 100 pictures, ADA | 1 | 2.000 | -3.000 |",
    ]


def test_runs_of_other_settings_are_not_mixed(tmp_path):
    options = {
        "results": tmp_path,
        "model": "dcgan",
        "preset": "emoji",
        "set": [],
        "steps": 9,
        "few_steps": 5,
        "frozen": 2,
        "samples": 100,
    }
    few_pictures.store(TRIALS[0], 0, {few_pictures.SCORE: 1.0}, SimpleNamespace(**options))
    with pytest.raises(SystemExit, match=r"dcgan.json holds runs of other settings than .*'steps': 8"):
        few_pictures.store(TRIALS[0], 1, {few_pictures.SCORE: 1.0}, SimpleNamespace(**{**options, "steps": 8}))


def test_augmentations_are_chosen_by_name():
    names = [trial.name for trial in few_pictures.augmentation_trials([100], names=["none", "ADA"])]
    assert names == ["100 pictures, none", "100 pictures, ADA"]


def test_the_page_states_what_is_stored():
    assert not tables.rewrite(few_pictures.PAGE, "few pictures", few_pictures.page_text(), dry=True), (
        "python -m benchmarks.few_pictures --write"
    )
