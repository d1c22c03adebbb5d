"""Clients that others wrote get the export's images from the embedded server: the table in docs/server.md.

Each is a script in `clients/` that reads {"grpc", "rest", "model", "noise", "labels", "seeds"} as JSON and writes {name: images}.
"""

import base64
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.environments import ROOT, needs_node, node_modules, outside, python_environment
from tfgan_zoo.saved_model.version_folder import load_version, newest

MODEL, SEEDS, LABELS = "acgan_mnist", [3, 1, 4, 1], [7, 0, 9, 2]
CLIENTS = ROOT / "tests" / "serving" / "clients"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """{"grpc": address, "rest": address} of `python -m tfgan_zoo.serve`, whose flags are its defaults but for the ports."""
    zoo = tmp_path_factory.mktemp("zoo")
    shutil.copytree(ROOT / "export" / MODEL, zoo / MODEL)
    command = [sys.executable, "-m", "tfgan_zoo.serve", f"--zoo={zoo}", "--port=0", "--rest_api_port=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        found = {}
        for line in process.stdout:
            found.update(re.findall(r"(gRPC|REST): (?:http://)?([\d.:]+)", line))
            if "REST" in found:
                break
        yield {"grpc": found["gRPC"], "rest": found["REST"]}
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def generator():
    return load_version(newest(ROOT / "export" / MODEL))


@pytest.fixture(scope="module")
def asked(addresses, generator):
    """What every script reads."""
    noise = generator.latents(SEEDS).tolist()
    return {**addresses, "model": MODEL, "noise": noise, "labels": LABELS, "seeds": SEEDS}


def answers(command, asked, **environment):
    """{name: array} of what a script writes."""
    process = subprocess.run(
        [str(part) for part in command],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env={**outside(), **environment},
        timeout=600,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return {name: np.array(images) for name, images in json.loads(process.stdout).items()}


def assert_right(generator, images, names):
    """That images by these names are the export's: whole numbers for the samples of the seeds, floats for those of the noise."""
    assert sorted(images) == sorted(names)
    floats = generator.from_latents(generator.latents(SEEDS), LABELS)
    samples = generator.sample(SEEDS, labels=LABELS).astype(int)
    assert np.abs(samples[0] - samples[1]).max() > 200
    for name, found in images.items():
        if name in ("sample", "png", "instances"):
            assert found.shape == samples.shape
            assert np.abs(found - samples).max() <= 1, name  # 1 where TensorFlow's threads divide a sum otherwise
        else:
            assert found.shape == floats.shape
            np.testing.assert_allclose(found, floats, atol=1e-5, err_msg=name)


def test_min_tfs_client(asked, generator, tmp_path):
    python = python_environment(
        tmp_path / "venv", ["min-tfs-client==1.0.2", "protobuf<3.21", "numpy<2", "setuptools<81"]
    )
    assert_right(generator, answers([python, CLIENTS / "min_tfs.py"], asked), ["newest version", "version 1"])


def test_ovmsclient(asked, generator, tmp_path):
    python = python_environment(tmp_path / "venv", ["ovmsclient==2023.1", "protobuf<4", "numpy<2"])
    assert_right(generator, answers([python, CLIENTS / "ovms.py"], asked), ["grpc", "rest"])


def test_official_stubs_of_this_environment(asked, generator):
    images = answers([sys.executable, CLIENTS / "official_stubs.py"], asked)
    assert_right(generator, images, ["serving_default", "sample", "png"])


@needs_node
def test_grpc_js(asked, generator, tmp_path):
    modules = node_modules(tmp_path, "@grpc/grpc-js@1.14.7", "@grpc/proto-loader@0.8.1")
    images = answers(["node", CLIENTS / "grpc_js.js"], asked, NODE_PATH=str(modules))
    assert_right(generator, images, ["serving_default", "sample"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(asked, generator, tmp_path):
    rows = [
        {"seed": seed, "truncation": float("inf"), "labels": label} for seed, label in zip(SEEDS, LABELS, strict=True)
    ]
    bodies = {
        "instances": {"signature_name": "sample", "instances": rows},
        "inputs": {"inputs": {"noise": asked["noise"], "labels": LABELS}},
        "png": {"signature_name": "png", "instances": rows},
    }
    for name, body in bodies.items():
        (tmp_path / name).write_text(json.dumps(body))
    subprocess.run(
        ["bash", CLIENTS / "curl.sh", tmp_path, f"http://{asked['rest']}/v1/models/{MODEL}"], check=True, timeout=600
    )
    replies = {name: json.loads((tmp_path / f"{name}.reply").read_text()) for name in bodies}
    pngs = [base64.b64decode(png["b64"]) for png in replies["png"]["predictions"]]
    images = {
        "instances": np.array(replies["instances"]["predictions"]),
        "inputs": np.array(replies["inputs"]["outputs"]),
        "png": np.stack([np.asarray(Image.open(io.BytesIO(png)))[..., None].astype(int) for png in pngs]),
    }
    assert_right(generator, images, bodies)


def test_official_stubs_of_an_older_release(asked, generator, tmp_path):
    python = python_environment(tmp_path / "venv", ["tensorflow-serving-api==2.19.1"])
    images = answers([python, CLIENTS / "official_stubs.py"], asked)
    assert_right(generator, images, ["serving_default", "sample", "png"])
