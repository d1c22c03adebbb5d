"""The README's commands, run as they stand in a fresh copy and a fresh environment; and the quickstart's promises."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ((?:tfgan_zoo|zoo_configs)/\S+)\n")

pytestmark = pytest.mark.slow


def copy_of_the_checkout(target):
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, files):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


@pytest.mark.timeout(3600)
def test_the_readme_from_top_to_bottom(tmp_path):
    checkout, environment = tmp_path / "checkout", tmp_path / "environment"
    copy_of_the_checkout(checkout)
    venv.create(environment, with_pip=True)
    ran = []
    for kind, text in BLOCK.findall((ROOT / "README.md").read_text()):
        file = FILE.match(text)
        if file:
            (checkout / file[1]).parent.mkdir(parents=True, exist_ok=True)
            (checkout / file[1]).write_text(text)
            continue
        if kind == "console":  # for GPUs
            continue
        if kind == "python":
            (tmp_path / "block.py").write_text(text)
        command = {"bash": text, "python": f"python {tmp_path / 'block.py'}"}[kind]
        command = re.sub(r"^pytest$", "pytest --collect-only -q", command, flags=re.MULTILINE)  # this is a pytest run
        script = f"set -e\n. {environment}/bin/activate\n{command}"
        done = subprocess.run(["bash", "-c", script], cwd=checkout, capture_output=True, text=True)
        assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        ran.append(text)
    assert len(ran) >= 7
    assert (checkout / "runs" / "samples.png").exists()
    assert (checkout / "runs" / "export" / "my_sngan" / "1" / "saved_model.pb").exists()
    scores = [json.loads(line) for line in (checkout / "runs" / "first" / "scores.jsonl").read_text().splitlines()]
    distance = next(s["value"] for s in scores if s["name"] == "fd_mnist_cnn")
    assert distance < 3, "the quickstart's digits are not what docs/sngan.md states"


@pytest.mark.timeout(900)
def test_the_readmes_server_answers_its_client_and_curl(tmp_path):
    blocks = [text for kind, text in BLOCK.findall((ROOT / "README.md").read_text()) if "tfgan_zoo.serve " in text]
    served, *asked = blocks[0].replace("python ", f"{sys.executable} ").splitlines()
    copy_of_the_checkout(tmp_path)
    server = subprocess.Popen(
        served.split(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert any(line.startswith("REST: ") for line in server.stdout), "it did not say where it listens"
        by_client, by_curl = (
            subprocess.run(shlex.split(command), cwd=tmp_path, capture_output=True, text=True) for command in asked
        )
    finally:
        server.terminate()
    assert by_client.returncode == 0, by_client.stderr
    assert (tmp_path / "runs" / "served.png").exists()
    seed = {"seed": tf.constant([1], tf.int64), "truncation": tf.constant([np.inf])}
    expected = tf.saved_model.load(str(ROOT / "export" / "sngan_mnist" / "1")).signatures["sample"](**seed)["images"]
    assert np.abs(np.int32(json.loads(by_curl.stdout)["predictions"]) - np.int32(expected)).max() <= 1
    assert server.wait(60) == 0


@pytest.mark.timeout(1800)
def test_the_wheel_works_from_any_folder(tmp_path):
    """A plain `pip install .` brings the recipes, the digits, the feature network and the trained generators."""
    environment = tmp_path / "environment"
    checkout = tmp_path / "checkout"
    copy_of_the_checkout(checkout)
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", str(checkout)], check=True)
    shutil.rmtree(checkout)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    small = ["--set=steps=2", "--set=batch_size=4", "--set=evaluation.samples=100"]
    for command in (
        ["-m", "tfgan_zoo.train", "--list"],
        ["-m", "tfgan_zoo.train", "--model=sngan", *small, "--workdir=run"],
        ["-m", "tfgan_zoo.sample", "--run=run"],
        ["-c", "import tfgan_zoo; print(tfgan_zoo.load('sngan_mnist').signatures)"],
    ):
        done = subprocess.run([python, *command], cwd=elsewhere, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    assert (elsewhere / "samples.png").exists()
