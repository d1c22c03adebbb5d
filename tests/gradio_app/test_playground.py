"""The playground: what it draws without a browser, what it reads from cards, its error messages, and the page in Chromium."""

import importlib.util
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tests.environments import chromium_page
from tfgan_zoo import pictures, playground
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.generator_inputs import Truncation
from tfgan_zoo.core.priors import Codes, Normal, Prior, Uniform
from tfgan_zoo.gradio_app import picture_search, rendering
from tfgan_zoo.gradio_app.model_card import card
from tfgan_zoo.gradio_app.model_library import (
    MAX_LOADED,
    NO_CARD,
    ModelInfo,
    ModelLibrary,
    common_classes,
    common_truncation,
    recipe_of,
)
from tfgan_zoo.gradio_app.rendering import BY_SEED, SampleSettings
from tfgan_zoo.saved_model import sweeps
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.signatures import ExportedGenerator

ROOT = Path(__file__).resolve().parents[2]
NAN = float("nan")


def identity_generator(prior, points=False):
    """A generator whose output is its inputs: images [1, labels + codes + Z, 1] of all / 8, or points of the first two."""
    inputs = {"noise": keras.Input([prior.noise_size], name="noise")}
    parts = [inputs["noise"]]
    if prior.codes:
        inputs["codes"] = keras.Input([prior.codes.size], name="codes")
        parts.insert(0, inputs["codes"])
    if prior.num_classes:
        inputs["labels"] = keras.Input([], dtype="int32", name="labels")
        parts.insert(0, keras.layers.Reshape((1,))(keras.ops.cast(inputs["labels"], "float32")))
    h = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    h = h[:, :2] if points else keras.layers.Rescaling(1 / 8)(keras.layers.Reshape((1, -1, 1))(h))
    return ExportedGenerator(keras.Model(inputs, h, name="generator"), prior).generator()


def pixel(value):
    return round((value / 8 + 1) * 127.5)


@pytest.fixture(scope="module")
def plain():
    return identity_generator(Prior(2))


@pytest.fixture(scope="module")
def labelled():
    return identity_generator(Prior(1, num_classes=5))


@pytest.fixture(scope="module")
def coded():
    return identity_generator(Prior(1, codes=Codes((4,), 1)))


def images_of(sheet, width):
    """The images [N, 1, width] of a picture that is enlarged 64 times, as it is for images one pixel high."""
    return pictures.split_grid(sheet[::64, ::64], 1, width)[..., 0]


def test_picture_is_the_grid_of_the_seeds_samples(plain):
    image, caption = rendering.draw(plain, 7, 4)
    np.testing.assert_array_equal(images_of(image, 2), plain.sample([7, 8, 9, 10])[..., 0])
    assert caption == "4 samples, seeds 7 to 10"


def test_class_is_drawn_by_seed_until_it_is_chosen(labelled):
    chosen, _ = rendering.draw(labelled, 0, 9, SampleSettings(label=3))
    np.testing.assert_array_equal(images_of(chosen, 2)[:, 0, 0], np.full([9], pixel(3)))
    by_seed, _ = rendering.draw(labelled, 0, 9)
    np.testing.assert_array_equal(images_of(by_seed, 2), labelled.sample(range(9))[..., 0])
    assert len(set(images_of(by_seed, 2)[:, 0, 0])) > 1


def test_codes_that_are_not_set_are_drawn_by_seed(coded):
    image, _ = rendering.draw(coded, 0, 4, SampleSettings(codes=(NAN, 0.5)))
    np.testing.assert_array_equal(images_of(image, 3), coded.sample(range(4), codes=[NAN, 0.5])[..., 0])
    np.testing.assert_array_equal(images_of(image, 3)[:, 0, 1], np.full([4], pixel(0.5)))


def test_truncation_bounds_the_latent(plain):
    image, _ = rendering.draw(plain, 0, 16, SampleSettings(truncation=0.25))
    assert np.abs(images_of(image, 2) - 127.5).max() <= 0.25 / 8 * 127.5 + 0.5
    untruncated, _ = rendering.draw(plain, 0, 16)
    assert np.abs(images_of(untruncated, 2) - 127.5).max() > 0.25 / 8 * 127.5 + 0.5


def test_settings_of_inputs_that_a_model_does_not_take_are_ignored(plain, labelled):
    settings = SampleSettings(label=3, codes=(1.0, 0.5))
    np.testing.assert_array_equal(rendering.draw(plain, 0, 4, settings)[0], rendering.draw(plain, 0, 4)[0])
    frames, _ = rendering.walk(plain, 1, 2, 3, settings)
    np.testing.assert_array_equal(frames, rendering.walk(plain, 1, 2, 3)[0])
    with pytest.raises(ZooError, match="label 5 is not a class of this generator, which has 0 to 4"):
        rendering.draw(labelled, 0, 4, SampleSettings(label=5))


class Styles(Sampler):
    """A sampler of styles [4, 2], the seed in each; an image's four pixels are the first number of each row."""

    def __init__(self):
        self.styles_shape, self.conditional, self.code_size, self.points = (4, 2), False, 0, False

    def styles(self, seeds, truncation=None, labels=None, codes=None):
        return np.tile(
            np.asarray(seeds, np.float32)[:, None, None] * (1 if truncation is None else truncation), [1, 4, 2]
        )

    def from_styles(self, styles):
        return styles[:, :, :1].reshape([-1, 2, 2, 1]) / 127.5 - 1

    def sample(self, seeds, *settings):
        return np.full([len(seeds), 2, 2, 1], 255, np.uint8)


def test_styles_are_mixed_from_the_chosen_layer_on():
    sheet = sweeps.mixed_styles(Styles(), np.array([10, 20]), np.array([30, 40, 50]), 3)
    assert sheet.columns == 4
    assert len(sheet.names) == len(sheet.samples) == 12
    table = sheet.samples.reshape([3, 4, 4]).tolist()
    assert table[0] == [[128] * 4, [30] * 4, [40] * 4, [50] * 4]
    assert table[2] == [[20] * 4, [20, 20, 20, 30], [20, 20, 20, 40], [20, 20, 20, 50]]
    assert "layers 4 to 4 from the seeds above, 30 to 50; the others from those on the left, 10 to 20" in sheet.caption
    unmixed, all_mixed = (sweeps.mixed_styles(Styles(), np.array([10]), np.array([30]), n).samples for n in (4, 0))
    assert (unmixed[3, 0, 0, 0], all_mixed[3, 0, 0, 0]) == (10, 30)
    truncated = sweeps.mixed_styles(Styles(), np.array([10]), np.array([30]), 2, truncation=0.5)
    assert truncated.samples[3].ravel().tolist() == [5, 5, 15, 15]
    with pytest.raises(ZooError, match="styles from layer 5 on: this generator has 4 layers, so expected 0 to 4"):
        sweeps.mixed_styles(Styles(), np.array([10]), np.array([30]), 5)


def test_noise_can_be_left_out_where_there_are_styles(plain):
    with_noise, caption = rendering.draw(Styles(), 7, 1)
    without, said = rendering.draw(Styles(), 7, 1, SampleSettings(noise=False))
    assert (set(with_noise.ravel()), set(without.ravel())) == ({128, 255}, {128, 7})  # 128 between the images
    assert (caption, said) == ("1 samples, seeds 7 to 7", "1 samples, seeds 7 to 7, without noise")
    same, _ = rendering.draw(plain, 7, 1, SampleSettings(noise=False))
    np.testing.assert_array_equal(same, rendering.draw(plain, 7, 1)[0])


def test_models_with_styles_are_offered_for_mixing(library):
    assert {name for name, info in library.infos.items() if info.layers} == {
        name for name in library.infos if name.startswith("stylegan2")
    }
    assert library.info("stylegan2_mnist").layers == library.sampler("stylegan2_mnist").styles_shape[0] == 8
    _, caption = rendering.mix(library.sampler("stylegan2_mnist"), 0, 100, 2, SampleSettings(0.7))
    assert caption.startswith("layers 3 to 8 from the seeds above, 100 to 104")
    with pytest.raises(ZooError, match="draws no images from styles"):
        rendering.mix(library.sampler("acgan_mnist"), 0, 100, 2)


def test_walk_goes_from_one_seed_to_the_other_and_back_without_repeating_its_ends(labelled):
    frames, caption = rendering.walk(labelled, 1, 9, 5, SampleSettings(label=3))
    assert frames.shape == (8, 256, 512, 1)  # 0 1 2 3 4 3 2 1
    assert caption == "5 samples from seed 1 to seed 9 and back"
    for end, frame in ((1, 0), (9, 4)):
        np.testing.assert_array_equal(frames[frame, ::256, ::256, 0], labelled.sample([end], labels=3)[0, :, :, 0])
    for forward, backward in ((1, 7), (2, 6), (3, 5)):
        np.testing.assert_array_equal(frames[forward], frames[backward])
    assert len({frame.tobytes() for frame in frames}) == 5


def test_walk_takes_class_0_and_codes_of_0_if_none_are_given(labelled, coded):
    np.testing.assert_array_equal(
        rendering.walk(labelled, 1, 9, 3)[0], rendering.walk(labelled, 1, 9, 3, SampleSettings(label=0))[0]
    )
    frames, _ = rendering.walk(coded, 1, 9, 3, SampleSettings(codes=(2.0, NAN)))
    np.testing.assert_array_equal(frames[:, 0, [0, 256], 0], [[pixel(2), pixel(0)]] * 4)


def test_points_are_2500_in_a_picture_and_leave_a_trace_on_a_walk():
    points = identity_generator(Prior(2), points=True)
    image, caption = rendering.draw(points, 3, 36)
    assert (image.shape, caption) == ((512, 512, 3), "2500 points, seeds 3 to 2502")
    frames, _ = rendering.walk(points, 1, 9, 4)
    assert frames.shape == (6, 256, 256, 3)
    inked = [(np.ptp(frame, axis=-1) > 50).sum() for frame in frames]  # in blue, and not the gray of axes and text
    assert inked[0] == 9  # one point covers 3 x 3
    assert inked[0] < inked[1] < inked[2] < inked[3] > inked[4]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "empty"), (-1, "-1"), (1.5, "1.5"), (1e300, "1e+300"), (float("inf"), "inf"), (NAN, "nan")],
)
def test_values_that_are_not_seeds_are_refused(value, shown):
    with pytest.raises(ZooError, match=re.escape(f"the first seed is {shown}; give a whole number from 0")):
        rendering.checked_seed(value, "first seed")


def test_largest_seed_is_the_largest_exact_whole_number_of_a_page():
    assert rendering.checked_seed(2.0**53) == 2**53
    with pytest.raises(ZooError, match="from 0 to 9007199254740992"):
        rendering.checked_seed(2**53 + 2)


@pytest.fixture(scope="module")
def library():
    return ModelLibrary(ROOT / "export")


def test_cards_state_classes_codes_scores_and_the_paper(library):
    conditional, coded = library.info("acgan_mnist"), library.info("infogan_mnist")
    assert conditional.classes == tuple("0123456789")
    assert (coded.classes, coded.codes, library.max_codes) == ((), Codes((10,), 2), 3)
    assert "Odena et al. 2016, arXiv:1610.09585" in conditional.summary
    assert conditional.version == "1"
    assert "32 x 32 x 1" in conditional.facts
    assert any(re.fullmatch(r"fd_mnist_cnn [\d.]+", fact) for fact in conditional.facts)
    with pytest.raises(ZooError, match="Did you mean 'acgan_mnist'"):
        library.info("acgan_mnst")


def test_a_shipped_generator_draws_its_class(library):
    generator = library.sampler("acgan_mnist")
    image, _ = rendering.draw(generator, 5, 4, SampleSettings(label=7))
    expected = pictures.picture(generator.sample([5, 6, 7, 8], labels=7))
    np.testing.assert_array_equal(image, expected)
    assert library.sampler("acgan_mnist") is generator


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"num_classes": 3}', '{"num_classes": "x", "scores": 1, "summary": []}']
)
def test_an_unreadable_card_leaves_name_and_version(tmp_path, text):
    (tmp_path / "a" / "1").mkdir(parents=True)
    (tmp_path / "a" / "1" / "saved_model.pb").touch()
    (tmp_path / "a" / "1" / "model_card.json").write_text(text)
    assert ModelLibrary(tmp_path).info("a") == ModelInfo("a", "1", NO_CARD)


def test_a_changed_export_is_shown_and_not_loaded(tmp_path):
    shutil.copytree(ROOT / "export" / "gan_mnist", tmp_path / "gan_mnist")
    with (tmp_path / "gan_mnist" / "1" / "saved_model.pb").open("ab") as file:
        file.write(b"\0")
    library = ModelLibrary(tmp_path)
    assert "Goodfellow" in library.info("gan_mnist").summary
    with pytest.raises(ZooError, match=r"changed: saved_model\.pb"):
        library.sampler("gan_mnist")


def test_the_last_used_samplers_stay_loaded(tmp_path, monkeypatch):
    loads = []
    monkeypatch.setattr(
        "tfgan_zoo.gradio_app.model_library.load_version", lambda folder, unsafe: loads.append(folder) or object()
    )
    for number in range(MAX_LOADED + 1):
        (tmp_path / f"m{number}" / "1").mkdir(parents=True)
    library = ModelLibrary(tmp_path)
    for number in (0, 1, 2, 3, 0, 4, 0, 1):
        library.sampler(f"m{number}")
    assert MAX_LOADED == 4
    assert [folder.parent.name for folder in loads] == ["m0", "m1", "m2", "m3", "m4", "m1"]


def test_folders_without_models_are_refused(tmp_path):
    with pytest.raises(ZooError, match="is not a folder"):
        ModelLibrary(tmp_path / "nowhere")
    with pytest.raises(ZooError, match="holds no exports"):
        ModelLibrary(tmp_path)


def test_two_models_share_the_classes_that_both_have():
    digits, things, none = (ModelInfo("", "", classes=names) for names in (("0", "1", "2"), ("0", "cat"), ()))
    assert common_classes(digits, things) == ("0", "1 / cat")
    assert common_classes(digits, none) == ("0", "1", "2")
    assert common_classes(none, none) == ()


PSI = Truncation("psi in w", 1.0, "0 for the average image", 0.0, 1.0, 0.7)


def test_two_models_share_a_truncation_unless_they_write_no_truncation_differently():
    normal, uniform, style, nothing = (
        ModelInfo("", "", truncation=t) for t in (Normal.truncation, Uniform.truncation, PSI, None)
    )
    assert common_truncation(normal, normal) is Normal.truncation
    both = common_truncation(normal, uniform)
    assert (both.label, both.none) == ("Bound of |z| / half-width of U(-t, t)", float("inf"))
    assert common_truncation(normal, style) is None
    assert common_truncation(style, nothing) is None


def plain_model(shape):
    """A generator whose image is its latent / 4, and what a card would say of it."""
    size = int(np.prod(shape))
    noise = keras.Input([size], name="noise")
    h = keras.layers.Rescaling(1 / 4)(keras.layers.Reshape(shape)(noise))
    return ExportedGenerator(keras.Model({"noise": noise}, h, name="generator"), Prior(size)).generator(), ModelInfo(
        "a", "1"
    )


def test_an_uploaded_picture_gives_a_strip_a_caption_and_a_latent_that_sums_know(tmp_path):
    generator, info = plain_model([8, 4, 3])
    path = str(tmp_path / "a.png")
    Image.fromarray(generator.sample([5])[0]).save(path)
    shares = []
    strip, caption, latent = picture_search.find(generator, info, path, steps=100, tell=shares.append)
    assert strip.shape[0] == 2 * 8 + 128 + 14 * 2  # an image and two lines of text
    assert re.match(r"mean squared error 0\.00\d\d after 100 steps, in \[-1, 1\] \(best random latent 0\.\d+", caption)
    assert "No distance of features: mnist_cnn takes no images of 3 channel(s)" in caption
    assert shares == pytest.approx(np.arange(100) / 100)
    kept, name = picture_search.remembered({}, latent)
    assert (name, list(kept)) == ("p1", ["p1"])
    alone = picture_search.add(generator, info, "p1", kept)[2]
    np.testing.assert_array_equal(alone["noise"], latent["noise"])
    total = picture_search.add(generator, info, "p1 - 0.5*seed:2", kept)[2]
    expected = latent["noise"] - 0.5 * generator.latents([2])
    assert np.corrcoef(total["noise"][0], expected[0])[0, 1] > 0.99


def test_a_search_ends_when_its_time_is_over(tmp_path):
    generator, info = plain_model([4, 4, 1])
    Image.fromarray(np.full([4, 4], 140, np.uint8)).save(tmp_path / "a.png")
    _, caption, _ = picture_search.find(generator, info, str(tmp_path / "a.png"), seconds=0)
    assert caption.startswith("stopped at step 1 of 150, after 0 s. mean squared error")


def test_mistakes_with_pictures_and_sums_are_told_without_the_servers_folders(tmp_path, plain):
    info, bad = ModelInfo("a", "1"), tmp_path / "bad.png"
    bad.write_text("no")
    with pytest.raises(ZooError, match="there is no picture yet"):
        picture_search.find(plain, info, None)
    with pytest.raises(ZooError, match=r"^bad\.png can't be read as an image"):
        picture_search.find(plain, info, str(bad))
    np.savez(tmp_path / "a.npz", noise=np.zeros([1, 2], np.float32))
    for text in (str(tmp_path / "a.npz"), "p1", "seed:1 + p2"):
        with pytest.raises(ZooError, match=r"no latent .*; expected seed:3, mean"):
            picture_search.add(plain, info, text, {})
    for text in ("", None, "seed:x"):
        with pytest.raises(ZooError, match="expected"):
            picture_search.add(plain, info, text, {})
    full = {f"p{number}": {} for number in range(picture_search.MAX_KEPT)}
    with pytest.raises(ZooError, match="16 latents are kept"):
        picture_search.remembered(full, {})
    points = identity_generator(Prior(2), points=True)
    with pytest.raises(ZooError, match="makes points in the plane"):
        picture_search.means(points, info)


def test_sums_and_means_of_a_model_with_classes_or_codes_need_no_further_choice(labelled, coded):
    classes = ModelInfo("a", "1", classes=tuple("abcde"))
    total = picture_search.add(labelled, classes, "seed:3", {}, 4)[2]
    assert total["labels"].tolist() == [4]
    assert picture_search.add(labelled, classes, "seed:3", {}, BY_SEED)[2]["labels"].tolist() == [0]
    figure, caption = picture_search.means(labelled, classes)
    assert figure.shape[1] > 5 * 64
    assert "mean latent" in caption
    assert picture_search.add(coded, ModelInfo("a", "1"), "seed:3", {})[2]["codes"].tolist() == [[0, 0]]


def test_a_card_says_how_pictures_get_their_size_and_by_what_they_are_compared(library):
    info = library.info("acgan_mnist")
    assert (info.fit, info.features) == ("pad", "mnist_cnn")
    data = {"fit": "crop", "background": 255}
    assert recipe_of({"recipe": {"data": data, "evaluation": {"features": "inception"}}}) == ("crop", "inception", 255)
    assert recipe_of({"recipe": {"data": {"fit": "?", "background": "?"}}}) == ("pad", "mnist_cnn", 0)


def test_playground_without_gradio_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with pytest.raises(ZooError, match=r"pip install 'tfgan_zoo\[playground\]'"):
        playground.load_gradio(str(tmp_path))


needs_gradio = pytest.mark.skipif(not importlib.util.find_spec("gradio"), reason="Gradio is not installed")


@needs_gradio
def test_the_truncation_slider_says_what_truncation_means_for_the_model():
    from tfgan_zoo.gradio_app.controls import SettingsControls, gr

    bound, style, none = ModelInfo("a", "1"), ModelInfo("b", "1", truncation=PSI), ModelInfo("c", "1", truncation=None)
    with gr.Blocks(analytics_enabled=False):
        controls = SettingsControls(style, 0, by_seed=True)
    check_box, slider = controls.truncation
    assert (slider.label, slider.info) == ("Psi in w", "0 for the average image")
    assert (slider.minimum, slider.maximum, slider.value, slider.visible) == (0, 1, 0.7, False)
    assert check_box.visible
    for info, value, expected in ((style, 0.3, 0.3), (style, 2.5, 0.7), (bound, 2.5, 2.5)):
        updates = controls.updates(info, True, value)
        assert updates[0]["value"] is True
        assert (updates[1]["value"], updates[1]["visible"], updates[1]["label"]) == (
            expected,
            True,
            info.truncation.label,
        )
    assert controls.updates(bound, False, 2.5)[1]["value"] == 1  # not in use: where the model's range starts
    hidden = controls.updates(none, True, 2.5)
    assert (hidden[0]["value"], hidden[0]["visible"], hidden[1]["visible"]) == (False, False, False)
    assert controls.read(True, 0.3, None, []) == rendering.SampleSettings(0.3)
    assert controls.read(False, 0.3, 2, []) == rendering.SampleSettings(None, 2)


def test_the_only_markup_of_a_card_is_its_papers_link():
    text = card(ModelInfo("a", "1", '<img src="https://elsewhere.example/x.png"> arXiv:1406.2661.', ("<b>",)))
    assert re.findall(r"<(\w+)", text) == ["div", "p", "a", "p"]
    assert '<a href="https://arxiv.org/abs/1406.2661" ' in text


# The page in a browser, and a proxy that would receive whatever the server sends to other hosts.


class Eavesdropper:
    """A proxy that records who connects to `port`. Attributes: received: first bytes of each connection."""

    def __init__(self):
        self.received, self.socket = [], socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            connection, _ = self.socket.accept()
            self.received.append(connection.recv(200))
            connection.close()


@pytest.fixture
def running(tmp_path):
    """(the page's address, an `Eavesdropper` for its server, the process), whose temporary folder is "files"."""
    proxy = Eavesdropper()
    proxies = {f"{kind}_proxy": f"http://127.0.0.1:{proxy.port}" for kind in ("http", "https", "all")}
    (tmp_path / "files").mkdir()
    environment = {**os.environ, **proxies, "TMPDIR": str(tmp_path / "files")}
    command = [sys.executable, "-m", "tfgan_zoo.playground", f"--zoo={ROOT / 'export'}", "--port=0", "--noopen"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    try:
        lines = iter(process.stdout.readline, "")
        yield next(line.split()[1] for line in lines if line.startswith("Playground: ")), proxy, process
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def page():
    with chromium_page() as page:
        yield page


def picture(page, id, other_than=None):
    """(the address, the bytes) of a picture once it shows, or shows another one."""
    image = page.locator(f"#{id} img")
    image.first.wait_for()
    page.wait_for_function(
        "([id, other]) => { const i = document.querySelector(`#${id} img`); return i && i.complete && i.src !== other }",
        arg=[id, other_than],
    )
    address = image.first.get_attribute("src")
    return page.evaluate("id => document.querySelector(`#${id} img`).src", id), page.request.get(address).body()


def choose(page, selector, text):
    """Chooses from the dropdown of a tab that is shown."""
    page.locator(f"{selector} input").locator("visible=true").click()
    page.get_by_role("option", name=text, exact=True).click()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def status_line(address, name):
    """The first line of the reply to a request that calls the server by this name."""
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        connection.sendall(f"GET /config HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(100).decode().splitlines()[0]


@needs_gradio
@pytest.mark.slow
def test_the_page_finds_the_latent_of_an_uploaded_picture_and_adds_to_it(running, page, library, tmp_path):
    address, proxy, _ = running
    target = library.sampler("acgan_mnist").sample([1000], labels=7)[0]
    Image.fromarray(target[..., 0]).save(tmp_path / "seven.png")
    (tmp_path / "text.png").write_text("no")
    page.goto(address)
    page.get_by_role("tab", name="Latents").click()
    button = page.get_by_role("button", name="Find its latent")
    button.click()
    page.get_by_text("there is no picture yet; upload one.").wait_for()
    page.locator("#latents-file input[type=file]").set_input_files(tmp_path / "seven.png")
    page.get_by_text("seven.png").wait_for()
    button.click()
    page.get_by_text("p1: mean squared error").wait_for()
    assert "nearest: class 7" in page.locator("#latents-found-caption").inner_text()
    _, strip = picture(page, "latents-found")
    scale = 4
    np.testing.assert_array_equal(pixels(strip)[8 : 8 + 128 : scale, 8 : 8 + 128 : scale, 0], target[..., 0])
    with page.expect_download() as download:
        page.get_by_text("Download latent").locator("visible=true").first.click()
    assert download.value.suggested_filename == "acgan_mnist-p1.npz"
    assert np.load(download.value.path())["labels"].tolist() == [7]
    page.locator("#latents-terms input, #latents-terms textarea").first.fill("p1 - seed:2 + seed:3")
    page.get_by_role("button", name="Add", exact=True).click()
    added, _ = picture(page, "latents-sum")
    page.get_by_role("button", name="Mean images").click()
    picture(page, "latents-sum", added)
    page.locator("#latents-terms input, #latents-terms textarea").first.fill("p9")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("no latent 'p9'; expected p1, seed:3, mean.").wait_for()
    assert proxy.received == []
    assert {re.match(r"\w+://[^/]+/", url)[0] for url in page.requested if not url.startswith(("data:", "blob:"))} == {
        address
    }


@needs_gradio
@pytest.mark.slow
def test_the_page_draws_walks_and_compares_and_contacts_no_other_host(running, page, library, tmp_path):
    address, proxy, process = running
    reply = page.goto(address)
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    conditional = library.sampler("acgan_mnist")  # the first by name

    first, data = picture(page, "draw-picture")
    np.testing.assert_array_equal(pixels(data), rendering.draw(conditional, 0, 36)[0][..., 0])
    page.screenshot(path=tmp_path / "1-draw.png")
    choose(page, ".class", "7")
    seven, data = picture(page, "draw-picture", first)
    np.testing.assert_array_equal(pixels(data), rendering.draw(conditional, 0, 36, SampleSettings(label=7))[0][..., 0])
    page.screenshot(path=tmp_path / "2-class.png")
    page.get_by_role("button", name="Next seeds").click()
    later, data = picture(page, "draw-picture", seven)
    np.testing.assert_array_equal(pixels(data), rendering.draw(conditional, 36, 36, SampleSettings(label=7))[0][..., 0])
    page.get_by_label("Truncate").locator("visible=true").check()
    bounded, data = picture(page, "draw-picture", later)
    np.testing.assert_array_equal(pixels(data), rendering.draw(conditional, 36, 36, SampleSettings(1, 7))[0][..., 0])
    with page.expect_download() as download:
        page.get_by_text("Download PNG").locator("visible=true").click()
    assert download.value.suggested_filename == "acgan_mnist-seed-36.png"
    assert Path(download.value.path()).read_bytes() == data

    choose(page, "#draw-model", "infogan_mnist")
    coded, _ = picture(page, "draw-picture", bounded)
    assert page.locator(".class").locator("visible=true").count() == 0
    page.get_by_label("0: category").check()
    zeros, data = picture(page, "draw-picture", coded)
    expected = rendering.draw(library.sampler("infogan_mnist"), 36, 36, SampleSettings(1, codes=(0.0, NAN, NAN)))[0]
    np.testing.assert_array_equal(pixels(data), expected[..., 0])
    page.screenshot(path=tmp_path / "3-codes.png")

    page.locator("#draw-seed input").fill("-1")
    page.get_by_text("the seed is -1; give a whole number from 0").wait_for()
    page.wait_for_timeout(500)  # while the message fades in
    page.screenshot(path=tmp_path / "4-mistake.png")
    assert "Traceback" not in page.content()
    assert picture(page, "draw-picture")[0] == zeros

    page.get_by_role("tab", name="Walk").click()
    walk_address, data = picture(page, "walk-picture")
    assert Image.open(io.BytesIO(data)).n_frames == 46
    page.screenshot(path=tmp_path / "5-walk.png")
    choose(page, ".class", "3")
    _, data = picture(page, "walk-picture", walk_address)
    frame = rendering.walk(conditional, 1, 9, 24, SampleSettings(label=3))[0][0]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("L")), frame[..., 0])

    page.get_by_role("tab", name="Mix").click()
    mixed, _ = picture(page, "mix-picture")
    choose(page, "#mix-model", "stylegan2_mnist")
    mixed, data = picture(page, "mix-picture", mixed)
    styles = library.sampler("stylegan2_mnist")
    np.testing.assert_array_equal(pixels(data), rendering.mix(styles, 0, 100, 2)[0][..., 0])
    page.get_by_label("Layers from").locator("visible=true").first.fill("5")
    page.keyboard.press("Enter")
    _, data = picture(page, "mix-picture", mixed)
    np.testing.assert_array_equal(pixels(data), rendering.mix(styles, 0, 100, 5)[0][..., 0])
    page.screenshot(path=tmp_path / "7-mix.png")

    page.get_by_role("tab", name="Compare").click()
    choose(page, "#compare-right", "infogan_mnist")
    by_seed, _ = picture(page, "compare-left-picture")
    choose(page, ".class", "2")
    _, data = picture(page, "compare-left-picture", by_seed)
    np.testing.assert_array_equal(pixels(data), rendering.draw(conditional, 0, 16, SampleSettings(label=2))[0][..., 0])
    _, data = picture(page, "compare-right-picture")
    np.testing.assert_array_equal(pixels(data), rendering.draw(library.sampler("infogan_mnist"), 0, 16)[0][..., 0])
    page.screenshot(path=tmp_path / "6-compare.png")

    assert [url for url in page.requested if not url.startswith((address, "data:", "blob:"))] == []
    assert [line for line in page.console_lines if "Content Security Policy" in line or "Refused" in line] == []
    assert proxy.received == []
    assert "400" in status_line(address, "elsewhere.example")  # a name that a web site has pointed at 127.0.0.1
    assert "200" in status_line(address, "localhost")
    assert len(list((tmp_path / "files").glob("playground-*/*/*.png"))) > 5
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert list((tmp_path / "files").glob("playground-*")) == []


@needs_gradio
@pytest.mark.slow  # Gradio takes long to import
def test_a_port_that_is_taken_is_refused(tmp_path):
    from tfgan_zoo.gradio_app.gradio_page import serve

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ZooError, match=f"cannot listen at 127.0.0.1, port {port}: .* --port=0 takes any"):
            serve(None, tmp_path, "127.0.0.1", port, False, print)
