"""The pages of `docs/examples/browser/` in headless Chromium, opened from disk: they draw the SavedModel's images.

What the pages fetch from a CDN is answered from packages of the same versions from npm. The TF.js files are those of the real
converter: of `tensorflowjs_converter` on the path, or else of an environment of its own.
"""

import re
import shutil

import numpy as np
import pytest

from tests.environments import ROOT, chromium_page, needs_node, node_modules, python_environment
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.formats.bundle import convert
from tfgan_zoo.formats.format_table import formats
from tfgan_zoo.saved_model.version_folder import load_version, newest

PAGES = ROOT / "docs" / "examples" / "browser"
CDN = "https://cdn.jsdelivr.net/npm/"
TENSORFLOWJS = [  # as docs/convert.md says
    "tensorflowjs==4.22.0", "tensorflow==2.19.0", "tf-keras==2.19.0", "setuptools<81", "ydf==0.11.0", "jax<0.7", "jaxlib<0.7",
    "flax<0.11",
]  # fmt: skip
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), needs_node]


@pytest.fixture(scope="module")
def converter(tmp_path_factory):
    """The path of the real TF.js converter."""
    found = shutil.which("tensorflowjs_converter")
    if found:
        return found
    return str(
        python_environment(tmp_path_factory.mktemp("tfjs") / "venv", TENSORFLOWJS).with_name("tensorflowjs_converter")
    )


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The folder of the packages that the pages name, in their versions."""
    names = {name for path in PAGES.glob("*.html") for name in re.findall(rf"{CDN}(.+?@[\d.]+)/", path.read_text())}
    assert len(names) == 2
    return node_modules(tmp_path_factory.mktemp("npm"), *sorted(names))


def answer_from(packages, page):
    """Answers the page's requests to the CDN from the folder of packages, and no others."""

    def answer(route):
        name, _, path = re.fullmatch(rf"{CDN}((@\w+/)?[\w-]+)@[\d.]+/(.+)", route.request.url).groups()
        file = packages / name / path
        headers = {"Content-Type": TYPES[file.suffix], "Access-Control-Allow-Origin": "*"}
        route.fulfill(body=file.read_bytes(), headers=headers)

    page.route("https://**", lambda route: route.abort())
    page.route(f"{CDN}**", answer)


def canvas(page):
    """uint8 [height, width, 4] of what the page has drawn."""
    pixels, width = page.evaluate(
        "() => { const c = document.getElementById('grid');"
        " return [[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data], c.width] }"
    )
    return np.array(pixels, np.uint8).reshape(-1, width, 4)


@pytest.mark.parametrize("model", ["acgan_mnist", "r3gan_emoji"])
@pytest.mark.parametrize(("html", "key"), [("onnx.html", "onnx"), ("tfjs.html", "tfjs")])
def test_a_page_opened_from_disk_draws_the_saved_models_images(html, key, model, packages, request, tmp_path):
    program = request.getfixturevalue("converter") if key == "tfjs" else ""
    card = convert(pretrained_folder() / model, tmp_path / "converted", {key: formats(program)[key]}, seeds=2)
    path = tmp_path / "converted" / card["formats"][key]["file"]
    with chromium_page() as page:
        page.set_default_timeout(600_000)  # WebGL without a GPU
        answer_from(packages, page)
        page.goto((PAGES / html).as_uri())
        assert page.locator("#status").inner_text() == "Nothing leaves this page."
        page.locator("#files").set_input_files(sorted(path.iterdir()) if path.is_dir() else path)
        page.locator("#status", has_text=re.compile("^(64 images by|No grid)")).wait_for()
        status = page.locator("#status").inner_text()
        assert status.startswith("64 images by"), (status, page.console_lines)
        grid = canvas(page)
        page.screenshot(path=tmp_path / f"{key}-{model}.png")
        generator = load_version(newest(pretrained_folder() / model))
        noise = page.evaluate(f"[...draw('noise', 64, {generator.noise_size}, 0)]")
        assert not [url for url in page.requested if not url.startswith(("file:", "blob:", "data:", CDN))]
    labels = np.arange(64) % 10 if generator.conditional else None
    images = generator.from_latents(np.float32(noise).reshape(64, -1), labels)
    expected = np.round((np.broadcast_to(images, [*images.shape[:3], 3]).clip(-1, 1) + 1) * 127.5).astype(int)
    side = images.shape[1]
    assert grid.shape == (8 * side, 8 * side, 4)
    drawn = grid[..., :3].reshape(8, side, 8, side, 3).swapaxes(1, 2).reshape(64, side, side, 3)
    assert np.abs(drawn - expected).max() <= 1
    assert np.abs(expected[0] - expected[1]).max() > 50
