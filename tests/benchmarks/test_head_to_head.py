"""benchmarks.own_pictures: what is stored becomes a table, and nothing is trained for it."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import own_pictures


def test_the_table_has_the_complete_runs_of_that_length(tmp_path, monkeypatch, capsys):
    for name, distance in (
        ("sngan-60min-0", 1.0),
        ("sngan-60min-1", 3.0),
        ("lightweight_gan-60min-0", 8.0),
        ("dcgan-20min-0", 9.0),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "scores.json").write_text(json.dumps({"kd_effnet_lite0": distance, "steps": 700}))
    monkeypatch.setattr("sys.argv", ["own_pictures", f"--to={tmp_path}", f"--results={tmp_path}", "--stored"])
    own_pictures.main()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "| 60 minutes | kd_effnet_lite0 | steps |",
        "|---|---|---|",
        "| sngan | 2 ± 1 (1, 3) | 700 ± 0 (700, 700) |",
        "| lightweight_gan | 8 | 700 |",
    ]
    assert json.loads((tmp_path / "own_pictures.json").read_text())["figures"]["lightweight_gan"][0]["steps"] == 700
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {
        "sngan-60min-0", "sngan-60min-1", "lightweight_gan-60min-0", "dcgan-20min-0",
    }  # fmt: skip


def test_without_a_complete_run_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["own_pictures", f"--to={tmp_path}", "--stored", "--minutes=5"])
    with pytest.raises(SystemExit, match="holds no complete run of 5 minutes"):
        own_pictures.main()


def test_peers_get_every_training_emoji_as_it_is(tmp_path):
    folder = own_pictures.emoji_folder(tmp_path / "emoji")
    files = sorted(folder.iterdir())
    assert len(files) == 3053
    from tfgan_zoo.core.recipe_tables import DataSettings
    from tfgan_zoo.data.sources import load_source

    images = load_source(DataSettings(source="emoji", split="train", resolution=64, channels=3)).images
    for index in (0, 3052):
        np.testing.assert_array_equal(np.asarray(Image.open(files[index])), images[index])
