"""The examples of `docs/examples/` compute the SavedModel's images: LiteRT, OpenVINO, and in JavaScript by Node."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.environments import needs_node, node_modules
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.formats.bundle import convert
from tfgan_zoo.formats.format_table import formats
from tfgan_zoo.saved_model.version_folder import load_version, newest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
NAME = "gan_mnist"


def converted(key, to):
    """The file or folder of a shipped export in one format."""
    card = convert(pretrained_folder() / NAME, to, {key: formats()[key]}, seeds=2)
    return to / card["formats"][key]["file"]


def saved_models_images(noise):
    """float32 [N, H, W, C]."""
    return load_version(newest(pretrained_folder() / NAME)).from_latents(noise)


@pytest.mark.parametrize(
    ("package", "key", "script"),
    [("ai_edge_litert", "tflite", "grid_litert.py"), ("openvino", "openvino", "grid_openvino.py")],
)
def test_an_example_draws_the_saved_models_images(package, key, script, tmp_path):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}")
    path = converted(key, tmp_path / "converted")
    command = [sys.executable, str(EXAMPLES / script), str(path), str(tmp_path / "grid.png")]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    noise = np.random.default_rng(0).standard_normal([64, 64]).astype("float32")
    images = saved_models_images(noise)
    side = images.shape[1]
    grid = np.asarray(Image.open(tmp_path / "grid.png")).astype(int)
    assert grid.shape == (8 * side, 8 * side)
    expected = np.round((images[..., 0] + 1) * 127.5).astype(int)
    for n in (0, 9, 63):  # the row is n // 8, the column n % 8
        row, column = n // 8 * side, n % 8 * side
        assert np.abs(grid[row : row + side, column : column + side] - expected[n]).max() <= 1


def node(script, cwd=None):
    """What a script that may `require` grid.js prints, read as JSON."""
    process = subprocess.run(["node", "-e", script], capture_output=True, text=True, cwd=cwd)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


GRID_JS = json.dumps(str(EXAMPLES / "browser" / "grid.js"))


@needs_node
def test_latents_in_javascript_are_normal_and_depend_on_the_seed_alone():
    numbers = node(
        f"const g = require({GRID_JS}); console.log(JSON.stringify([0, 0, 1].map(s => [...g.normal(s, 40000)])))"
    )
    first, again, other = np.array(numbers)
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.03
    assert abs(first.mean()) < 0.02
    assert abs(first.std() - 1) < 0.02
    assert abs(np.mean(np.abs(first) < 1) - 0.6827) < 0.01
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.02


@needs_node
def test_inputs_in_javascript_are_labels_in_turn_and_codes_of_0():
    script = f"const g = require({GRID_JS}); console.log(JSON.stringify([[...g.draw('labels', 12, 1)], [...g.draw('codes', 2, 3)]]))"
    assert node(script) == [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1], [0] * 6]


@needs_node
def test_the_grid_in_javascript_is_laid_out_row_by_row_in_grey_and_in_colour():
    images = np.linspace(-1, 1, 3 * 2 * 2 * 3).astype("float32").reshape(3, 2, 2, 3)
    for values in (images, images[..., :1]):
        arguments = f"Float32Array.from({values.ravel().tolist()}), {list(values.shape)}, 2"
        grid = node(
            f"const g = require({GRID_JS}).gridPixels({arguments}); g.data = [...g.data]; console.log(JSON.stringify(g))"
        )
        assert (grid["width"], grid["height"]) == (4, 4)
        pixels = np.array(grid["data"]).reshape(4, 4, 4)
        expected = np.round((np.broadcast_to(values, images.shape) + 1) * 127.5)
        assert np.abs(pixels[:2, 2:, :3] - expected[1]).max() <= 1  # the second is at the right of the first
        assert np.abs(pixels[2:, :2, :3] - expected[2]).max() <= 1  # the third is beneath it
        assert (pixels[2:, 2:] == 255).all()  # there is no fourth


@pytest.mark.slow
@needs_node
def test_onnx_runtime_for_browsers_computes_the_saved_models_images(tmp_path):
    pytest.importorskip("tf2onnx")
    page = (EXAMPLES / "browser" / "onnx.html").read_text()
    version = page.split("onnxruntime-web@")[1].split("/")[0]
    node_modules(tmp_path, f"onnxruntime-web@{version}")
    path = converted("onnx", tmp_path / "converted")
    script = f"""
const ort = require("onnxruntime-web"), g = require({GRID_JS});
ort.InferenceSession.create(require("fs").readFileSync({json.dumps(str(path))})).then(async (session) => {{
  const [{{ name, type, shape }}] = session.inputMetadata;
  const noise = g.draw(name, 4, shape[1], 0);
  const {{ images }} = await session.run({{ [name]: new ort.Tensor(type, noise, [4, shape[1]]) }});
  console.log(JSON.stringify({{ noise: [...noise], images: [...images.data], dims: images.dims }}));
}});
"""
    out = node(script, cwd=tmp_path)
    expected = saved_models_images(np.array(out["noise"], "float32").reshape(4, -1))
    np.testing.assert_allclose(np.reshape(out["images"], out["dims"]), expected, atol=1e-4)
