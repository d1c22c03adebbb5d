"""The runs of benchmarks.few_pictures: each is a recipe, and their stored scores become tables."""

import json
from types import SimpleNamespace

import pytest

from benchmarks import few_pictures
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


def test_stored_scores_against_all_pictures_become_tables(tmp_path):
    options = SimpleNamespace(to=tmp_path, model="dcgan", preset="emoji", stored=True, steps=0, samples=100)
    none, diffaugment = TRIALS[:2]
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
    assert few_pictures.run(diffaugment, TRIALS, options, 0) == {}
    assert few_pictures.tables({("augmentation", none.name): [scores, {"fd": 5.0}]}).splitlines() == [
        "",
        "| augmentation | fd |",
        "|---|---|",
        "| 100 pictures, none | 4 ± 1 (3, 5) |",
    ]
