"""Runs whose classes have names that are not text, and runs whose folder takes no scores."""

import os

import numpy as np
import pytest
from PIL import Image

from tfgan_zoo.gradio_app.model_library import ModelLibrary
from tfgan_zoo.runs.run_folder import Run

SETTINGS = (
    "--set=steps=1",
    "--set=batch_size=8",
    "--set=data.resolution=32",
    "--set=data.channels=1",
    "--set=evaluation.samples=0",
    "--set=evaluation.features=mnist_cnn",
)


@pytest.fixture(scope="module")
def run(commands, tmp_path_factory):
    """A run of one step of a conditional model on the classes "caf\\xe9", which is not UTF-8, and "tea"."""
    root = tmp_path_factory.mktemp("awkward")
    for number, name in enumerate((b"caf\xe9", b"tea")):
        folder = os.path.join(os.fsencode(root), b"data", name)
        try:
            os.makedirs(folder)
        except OSError:
            pytest.skip("this file system takes names in UTF-8 only")
        for image in range(6):
            pixels = np.random.default_rng(10 * number + image).integers(0, 255, [32, 32]).astype(np.uint8)
            Image.fromarray(pixels).save(os.path.join(os.fsdecode(folder), f"{image}.png"))
    source = f"--set=data.source=folder:{root / 'data'}"
    done = commands.run("train", "--model=cgan", f"--workdir={root / 'run'}", source, *SETTINGS)
    assert done.returncode == 0, done.stderr
    return root / "run"


def test_reports_and_the_playground_show_a_class_whose_name_is_not_text(commands, run, tmp_path):
    assert Run(run).dataset["class_names"] == ["caf\ufffd", "tea"]
    done = commands.run("report", f"--run={run}", f"--out={tmp_path / 'report.html'}")
    assert done.returncode == 0, done.stderr
    assert "caf\ufffd" in (tmp_path / "report.html").read_text(encoding="utf-8")
    (info,) = ModelLibrary(run / "export").infos.values()
    assert info.classes == ("caf\ufffd", "tea")
    means = commands.run("project", f"--run={run}", "--mean", "--label=tea", f"--out={tmp_path / 'm.png'}")
    assert means.returncode == 0, means.stderr
    wrong = commands.run("project", f"--run={run}", "--mean", "--label=café", f"--out={tmp_path / 'm.png'}")
    assert "no class 'café'. Did you mean 'caf\ufffd'" in wrong.stderr


def test_scores_that_cannot_be_stored_are_printed_and_the_command_says_so(commands, run):
    """A folder stands where the file would be, since root may write to a folder that is read-only."""
    (run / "scores.jsonl").unlink(missing_ok=True)
    (run / ".scores.lock").unlink(missing_ok=True)
    (run / ".scores.lock").mkdir()
    done = commands.run("evaluate", f"--run={run}", "--samples=12", "--resamples=0", "--metrics=distances")
    (run / ".scores.lock").rmdir()
    assert done.returncode == 2
    assert "fd_mnist_cnn = " in done.stdout
    assert "protocol of fd_mnist_cnn" in done.stdout
    assert done.stderr.startswith("error: the scores could not be stored: ")
    assert ".scores.lock: Is a directory." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (run / "scores.jsonl").exists()
