"""`train --data`, `data show` and `data verify` as a user with a folder of pictures runs them."""

import json

import numpy as np
import pytest
from PIL import Image

TINY = [
    "--set=steps=2",
    "--set=batch_size=4",
    "--set=data.resolution=16",
    "--set=arguments.generator_channels=2",
    "--set=arguments.discriminator_channels=2",
    "--set=evaluation.samples=0",
    "--set=log.grid=2",
]


@pytest.fixture
def tall(tmp_path):
    """Twelve tall pictures in colour on white, and a file that is none."""
    folder = tmp_path / "tall"
    folder.mkdir()
    for number in range(12):
        image = np.full((90, 60, 3), 255, np.uint8)
        image[30:60, 10:40] = [200, 20 * number, 30]
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def test_training_on_a_folder_says_what_it_chose_and_nothing_of_other_data(commands, tall, tmp_path):
    result = commands.run("train", "--model=sngan", f"--data={tall}", *TINY, f"--workdir={tmp_path / 'run'}")
    assert result.returncode == 0, result.stderr
    assert f"Data: folder:{tall}: 12 pictures in colour, 90x60 (height x width), without classes." in result.stdout
    assert "data.fit=crop " in result.stdout
    assert f"sngan: sngan/emoji on folder:{tall}" in result.stdout
    assert f"Data: folder:{tall}, 12 examples of 16 x 16 x 3, no classes" in result.stdout
    assert not {"MNIST", "digits", "mnist"} & set(result.stdout.replace("/", " ").split())
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert (recipe["data"]["background"], recipe["data"]["flip"], recipe["precision"] != "auto") == (255, True, True)
    again = commands.run("train", "--model=sngan", f"--data={tall}", *TINY, f"--workdir={tmp_path / 'run'}")
    assert "is complete: all 2 steps have been taken" in again.stdout
    resumed = commands.run("train", f"--data={tall}/", f"--workdir={tmp_path / 'run'}")
    assert "is complete: all 2 steps have been taken" in resumed.stdout
    other = commands.run("train", "--data=emoji", f"--workdir={tmp_path / 'run'}")
    assert other.returncode == 2
    assert (
        f"--data=emoji, but the run in {tmp_path / 'run'} is trained on folder:{tall}; leave --data out" in other.stderr
    )


def test_mistakes_with_data_are_one_sentence(commands, tall, tmp_path):
    (tall / "notes.txt").write_text("no picture")
    for arguments, message in (
        ([f"--data={tmp_path / 'none'}"], f"there is no {tmp_path / 'none'}; expected a folder of pictures"),
        ([f"--data={tall}", "--workdir=runs/x"], "1 of the 13 files in"),
        (["--data=toy:ring8"], "toy:ring8 holds points, not pictures"),
        (
            [f"--data={tall}", "--set=data.source=emoji"],
            "--set data.source=emoji were both given; leave one of them out.",
        ),
        ([f"--data={tall}", "--set=data.split=val"], "no split of a folder 'val'"),
    ):
        result = commands.run("train", "--model=sngan", *TINY, *arguments, cwd=tmp_path)
        assert (result.returncode, result.stderr.startswith("error: ")) == (2, True), result.stderr
        assert message in result.stderr
        assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs" / "x").exists()
    skipped = commands.run(
        "train", "--model=sngan", f"--data={tall}", *TINY, "--set=data.bad_files=skip", "--dry_run", cwd=tmp_path
    )
    assert skipped.returncode == 0, skipped.stderr


def test_show_writes_a_sheet_and_verify_finds_what_is_wrong(commands, tall, tmp_path):
    shown = commands.run("data", "show", str(tall), "--to=sheet.png", "--fit=pad", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "data.fit=pad  " in shown.stdout
    assert "data.fit=crop" not in shown.stdout
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (2 * 65 + 1, 8 * 65 + 1, 3)
    assert pixels[32, 2].tolist() == [255, 255, 255]  # a bar beside the picture, white as its border
    for name in ("cutout", "bgc"):
        seen = commands.run(
            "data", "show", str(tall), "--to=seen.png", "--fit=pad", f"--augmentation={name}", cwd=tmp_path
        )
        assert seen.returncode == 0, seen.stderr
        with Image.open(tmp_path / "seen.png") as sheet:
            changed = (np.asarray(sheet) != pixels).any(axis=2).mean()
        assert (
            (0.1 < changed < 0.4) if name == "cutout" else changed > 0.4
        )  # at most a quarter of each of 12 pictures, of 16 places
    unknown = commands.run("data", "show", str(tall), "--augmentation=blur", cwd=tmp_path)
    assert (unknown.returncode, "no augmentation 'blur'" in unknown.stderr) == (2, True), unknown.stderr
    clean = commands.run("data", "verify", str(tall), cwd=tmp_path)
    assert (clean.returncode, clean.stdout) == (0, f"{tall}: 12 images, levels 0 to 255, nothing found.\n")
    (tall / "empty.png").touch()
    found = commands.run("data", "verify", str(tall), cwd=tmp_path)
    assert found.returncode == 1
    assert "empty, 0 bytes" in found.stdout


def test_choices_follow_what_set_gives_and_the_table_says_so(commands, tall, tmp_path):
    for kind in "ab":
        (tall / kind).mkdir()
    for number in range(12):
        (tall / f"{number}.png").rename(tall / "ab"[number % 2] / f"{number}.png")
    result = commands.run("train", "--model=cgan", f"--data={tall}", "--set=steps=2", "--dry_run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "data.classes" not in result.stderr
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "steps=2 as given" in lines
    assert '"classes": 2,' in lines
