"""The package under every TensorFlow and Keras that it allows: the tests of layers, training, resuming and exports, in environments
of their own. `pytest -m slow tests/versions` takes some ten minutes for each.
"""

import configparser
import os
import subprocess

import pytest

from tests.environments import ROOT, python_environment

VERSIONS = [("2.19.1", "3.12.4"), ("2.20.0", "3.13.2"), ("2.21.0", "3.14.1")]  # the default suite runs on the newest
TESTED = (
    "layers", "training", "saved_model/test_export.py", "runs/test_resume.py", "models/test_classic_games.py",
    "models/test_style_game.py",
)  # fmt: skip


def requirements():
    """The lines of setup.cfg's install_requires, without comments."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return [line.partition("#")[0].strip() for line in config["options"]["install_requires"].strip().splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("tensorflow", "keras"), VERSIONS)
def test_the_package_runs_under(tensorflow, keras, tmp_path):
    python = python_environment(tmp_path / "venv", ["-e", ".[test]", f"tensorflow=={tensorflow}", f"keras=={keras}"])
    versions = "import keras, tensorflow; print(tensorflow.__version__, keras.__version__)"
    found = subprocess.run([python, "-c", versions], capture_output=True, text=True, check=True).stdout.split()
    assert found == [tensorflow, keras]
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in TESTED)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_a_tpu_machine_installs_trains_without_a_tpu(tmp_path):
    serving = ["--no-deps", "tensorflow-serving-api==2.20.0", "-e", "."]
    python = python_environment(tmp_path / "venv", ["-r", "requirements/tpu.txt"], serving)
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0] for line in listed.splitlines()}
    assert "tensorflow_tpu" in names or "tensorflow-tpu" in names
    assert "tensorflow" not in names
    command = ["-m", "tfgan_zoo.train", "--model=gan", "--preset=ring8", "--set=steps=20", "--set=evaluation.samples=0"]
    process = subprocess.run(
        [python, *command, f"--workdir={tmp_path / 'run'}"], cwd=tmp_path, env={**os.environ, "TPU_SKIP_MDS_QUERY": "1"}
    )
    assert process.returncode == 0
    assert (tmp_path / "run" / "export" / "gan" / "1" / "saved_model.pb").exists()


def test_the_requirements_of_a_tpu_machine_are_those_of_the_package_but_for_tensorflow():
    lines = (ROOT / "requirements" / "tpu.txt").read_text().splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    assert listed[0] == "tensorflow-tpu ==2.20.0"
    assert listed[1].startswith("libtpu ==")
    assert listed[2:] == [r for r in requirements() if not r.startswith(("tensorflow >", "tensorflow-serving-api"))]
