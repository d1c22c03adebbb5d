"""Samples, sweeps and pictures: labels and codes set or drawn by seed, points in the plane, and what is refused."""

import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_zoo import pictures
from tfgan_zoo.cli.command_line import numbers
from tfgan_zoo.core.draws import Draws, fold, seed_of, uniform
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes, Prior
from tfgan_zoo.saved_model import sweeps
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.signatures import ExportedGenerator, SeededDraws
from tfgan_zoo.saved_model.version_folder import load_version, write_version

CODES = Codes(categorical=(10,), continuous=2)
CARD = {"summary": "A test.", "scores": []}
NAN = float("nan")


def identity_generator(prior, image=False):
    """A generator whose output is its input: points (first code, first latent), or images [1, Z + codes, 1] of all / 16."""
    noise, codes = keras.Input([prior.noise_size], name="noise"), keras.Input([prior.codes.size], name="codes")
    h = keras.layers.Concatenate()([codes, noise])
    if image:
        h = keras.layers.Rescaling(1 / 16)(keras.layers.Reshape((1, -1, 1))(h))
    else:
        kernel = np.eye(prior.codes.size + prior.noise_size)[:, [0, prior.codes.size]]
        h = keras.layers.Dense(2, use_bias=False, kernel_initializer=keras.initializers.Constant(kernel))(h)
    return keras.Model({"noise": noise, "codes": codes}, h, name="generator")


def label_module(num_classes=5):
    """Images [1, 2, 1] of (label / 8, latent / 8)."""
    noise, labels = keras.Input([1], name="noise"), keras.Input([], dtype="int32", name="labels")
    h = keras.layers.Concatenate()([keras.layers.Reshape((1,))(keras.ops.cast(labels, "float32")), noise])
    h = keras.layers.Rescaling(1 / 8)(keras.layers.Reshape((1, 2, 1))(h))
    network = keras.Model({"noise": noise, "labels": labels}, h, name="generator")
    return ExportedGenerator(network, Prior(1, num_classes=num_classes))


@pytest.fixture(scope="module")
def points():
    prior = Prior(3, codes=CODES)
    return ExportedGenerator(identity_generator(prior), prior)


@pytest.fixture(scope="module")
def coded():
    prior = Prior(3, codes=CODES)
    return ExportedGenerator(identity_generator(prior, image=True), prior)


@pytest.fixture(scope="module")
def folder(coded, tmp_path_factory):
    return write_version(coded, tmp_path_factory.mktemp("zoo") / "coded", CARD)


def codes_by_seed(seeds):
    """What training would draw for a batch of one with each seed."""
    return np.concatenate([CODES.sample(Draws(seed_of(seed), 1)).numpy() for seed in seeds])


def test_codes_by_seed_are_those_of_the_prior_in_training_and_export():
    exported = CODES.sample(SeededDraws(tf.constant([3, 2**40 + 1], tf.int64))).numpy()
    np.testing.assert_array_equal(exported, codes_by_seed([3, 2**40 + 1]))
    first = uniform(fold(seed_of(3), "codes"), [1, 3]).numpy()[0]
    np.testing.assert_allclose(exported[0], [np.floor(10 * first[0]), *(2 * first[1:] - 1)], rtol=1e-6)


def test_nan_draws_that_code_by_seed_and_leaves_the_others(coded):
    generator, seeds = coded.generator(), np.arange(6)
    drawn = codes_by_seed(seeds)
    assert len(set(drawn[:, 0])) > 1  # otherwise the test would show nothing
    np.testing.assert_array_equal(generator.sample(seeds), generator.sample(seeds, codes=drawn))
    half = drawn.copy()
    half[:, 1] = 0.5
    expected = generator.sample(seeds, codes=half)
    np.testing.assert_array_equal(generator.sample(seeds, codes=[NAN, 0.5, NAN]), expected)
    np.testing.assert_array_equal(expected[:, 0, 1, 0], np.full([6], round((0.5 / 16 + 1) * 127.5)))


def test_codes_may_be_set_for_some_seeds_and_drawn_for_others(coded):
    codes = np.full([2, 3], NAN)
    codes[0] = 1, 0, 0
    generator = coded.generator()
    np.testing.assert_array_equal(generator.sample([4, 5], codes=codes)[1], generator.sample([5])[0])
    np.testing.assert_array_equal(generator.sample([4, 5], codes=codes)[0], generator.sample([4], codes=[1, 0, 0])[0])


def test_from_latents_passes_codes_on(coded):
    images = coded.generator().from_latents([[1.0, 2.0, 4.0]], codes=[8, 0.5, -1])
    np.testing.assert_allclose(images[0, 0, :, 0], np.array([8, 0.5, -1, 1, 2, 4]) / 16)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (
            [1, 2],
            "codes: got 2; expected 3 per sample; code 0 is a category from 0 to 9, code 1 is drawn",
        ),
        (np.zeros([3, 3]), r"codes: got shape \[3, 3\]; expected 3 per sample"),
        ([10, 0, 0], "code 0 is 10; code 0 is a category from 0 to 9"),
        ([1.5, 0, 0], "code 0 is 1.5"),
        ([-1, 0, 0], "code 0 is -1"),
    ],
)
def test_codes_that_do_not_fit_are_refused(coded, codes, message):
    with pytest.raises(ZooError, match=message):
        coded.generator().sample([0, 1], codes=codes)


def test_without_a_seed_nothing_is_drawn(coded):
    with pytest.raises(ZooError, match="all 3 codes must be given, and one is NaN"):
        coded.generator().from_latents(np.zeros([1, 3]), codes=[0, NAN, 0])
    with pytest.raises(ZooError, match="codes: got 0; expected 3 per sample"):
        coded.generator().from_latents(np.zeros([1, 3]))
    with pytest.raises(ZooError, match="takes labels; give one"):
        label_module().generator().from_latents(np.zeros([1, 1]))
    with pytest.raises(ZooError, match="label -1 is not a class"):
        label_module().generator().from_latents(np.zeros([1, 1]), labels=-1)


def test_codes_and_labels_for_a_generator_without_them_are_refused(coded):
    with pytest.raises(ZooError, match="codes were given, and this generator takes none"):
        label_module().generator().sample([0], codes=[1])
    with pytest.raises(ZooError, match="labels were given, and this generator takes none"):
        coded.generator().sample([0], labels=1)


@pytest.mark.parametrize("seeds", [[2**63], [10**20], np.arange(2**63 - 2, 2**63 + 2), [-(10**20)]])
def test_seeds_and_labels_beyond_their_types_are_refused(coded, seeds):
    with pytest.raises(ZooError, match="expected numbers of 64 bits"):
        coded.generator().sample(seeds)
    with pytest.raises(ZooError, match="label 10000000000 is not a class"):
        label_module().generator().sample([0], labels=10**10)


def test_no_rows_at_all_are_refused(coded):
    generator = coded.generator()
    for call in (lambda: generator.sample([]), lambda: generator.latents(np.zeros([0], int))):
        with pytest.raises(ZooError, match=r"seeds: got rows \[0\]; expected at least one"):
            call()
    with pytest.raises(ZooError, match=r"noise: got rows \[0\]; expected at least one"):
        generator.from_latents(np.zeros([0, 3]), codes=np.zeros([0, 3]))


def test_labels_beyond_the_classes_are_refused_with_their_range():
    module = label_module(num_classes=5)
    for label in (5, -2):
        with pytest.raises(ZooError, match=f"label {label} is not a class of this generator, which has 0 to 4"):
            module.generator().sample([0, 1], labels=[0, label])
    with pytest.raises(ZooError, match=r"labels of shape \[3\] for 2 samples"):
        module.generator().sample([0, 1], labels=[0, 1, 2])
    assert Sampler(module.functions).sample([0], labels=7)[0, 0, 0, 0] == round(
        (7 / 8 + 1) * 127.5
    )  # the number of classes is not known


def test_a_loaded_sampler_knows_its_codes_and_its_number_of_classes_from_its_card(folder, coded, tmp_path):
    loaded = load_version(folder)
    assert loaded.codes == CODES
    np.testing.assert_array_equal(loaded.sample([1, 2]), coded.generator().sample([1, 2]))
    labelled = load_version(write_version(label_module(5), tmp_path / "labelled", CARD))
    with pytest.raises(ZooError, match="which has 0 to 4"):
        labelled.sample([0], labels=5)


def test_a_generator_of_points_works_at_any_batch_size_and_makes_no_png(points, tmp_path):
    module = tf.saved_model.load(str(write_version(points, tmp_path / "points", CARD)))
    assert set(module.signatures) == {"serving_default", "sample", "latents"}
    for batch in (1, 3):
        draw = {"seed": tf.range(batch, dtype=tf.int64), "truncation": tf.fill([batch], np.float32(np.inf))}
        codes = tf.constant([[7.0, NAN, NAN]] * batch)
        noise = module.signatures["latents"](**draw)["noise"]
        by_seed = module.signatures["sample"](**draw, codes=codes)["points"]
        codes = tf.constant([[7.0, 0.0, 0.0]] * batch)
        by_latents = module.signatures["serving_default"](noise=noise, codes=codes)["points"]
        assert by_seed.dtype == tf.float32
        np.testing.assert_array_equal(by_seed, by_latents)
        np.testing.assert_array_equal(by_seed, np.stack([np.full([batch], 7), noise[:, 0]], 1))
    with Image.open(tmp_path / "points" / "1" / "grid.png") as picture:
        assert picture.size == (512, 512)
    assert "2500 points, seeds 0 to 2499" in (tmp_path / "points" / "1" / "README.md").read_text()
    assert '["points"]' in (tmp_path / "points" / "1" / "README.md").read_text()


def test_points_are_returned_unchanged_from_seeds_and_from_latents(points):
    generator = points.generator()
    assert generator.points
    noise = generator.latents([3, 4])
    np.testing.assert_array_equal(generator.sample([3, 4], codes=[2, 0, 0]), [[2, noise[0, 0]], [2, noise[1, 0]]])
    np.testing.assert_array_equal(generator.from_latents([[300.0, 0, 0]], codes=[1, 0, 0]), [[1, 300]])


def test_a_swept_code_has_one_column_per_category_and_all_else_is_equal_in_a_row(coded):
    sheet = sweeps.sweep(coded.generator(), "0", np.array([5, 6]), codes=[3, NAN, 0.5])
    assert sheet.columns == 10
    grid = sheet.samples.reshape(2, 10, 6)
    expected = np.rint((np.arange(10) / 16 + 1) * 127.5)
    np.testing.assert_array_equal(grid[:, :, 0], [expected, expected])
    np.testing.assert_array_equal(grid[:, :, 1:], np.repeat(grid[:, :1, 1:], 10, 1))
    assert (grid[0, 0, 3:] != grid[1, 0, 3:]).any()  # another seed, another latent
    assert sheet.names[13] == "seed-000006-code-0-3"


def test_a_continuous_code_is_swept_from_minus_two_to_two(coded):
    sheet = sweeps.sweep(coded.generator(), 2, np.array([9]))
    values = np.array([-2, -14 / 9, -10 / 9, -6 / 9, -2 / 9, 2 / 9, 6 / 9, 10 / 9, 14 / 9, 2])
    np.testing.assert_array_equal(sheet.samples[:, 0, 2, 0], np.rint((values / 16 + 1) * 127.5))
    assert (sheet.samples[:, 0, 0, 0] == sheet.samples[0, 0, 0, 0]).all()  # the category by seed


def test_swept_labels_have_one_column_per_class_with_equal_noise_in_a_row():
    sheet = sweeps.sweep(label_module(5).generator(), "label", np.arange(3))
    grid = sheet.samples.reshape(3, 5, 2)
    np.testing.assert_array_equal(grid[..., 0], [[round((k / 8 + 1) * 127.5) for k in range(5)]] * 3)
    assert (grid[..., 1] == grid[:, :1, 1]).all()
    assert len(set(grid[:, 0, 1])) > 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("label", {}, "labels cannot be swept: this generator takes none"),
        ("3", {}, "there is no code 3 to sweep; there are 0 to 2"),
        ("one", {}, "there is no code one to sweep"),
        ("0", {"codes": [1, 2]}, "codes: got 2; expected 3"),
    ],
)
def test_what_cannot_be_swept_is_refused(coded, name, options, message):
    with pytest.raises(ZooError, match=message):
        sweeps.sweep(coded.generator(), name, np.arange(2), **options)


def test_sweeps_that_conflict_or_lack_a_description_are_refused(coded):
    with pytest.raises(ZooError, match="leave one of the two out"):
        sweeps.sweep(label_module().generator(), "label", np.arange(2), label=1)
    with pytest.raises(ZooError, match="no model card says how many"):
        sweeps.sweep(Sampler(label_module().functions), "label", np.arange(2))
    with pytest.raises(ZooError, match="no model card describes it"):
        sweeps.sweep(Sampler(coded.functions), "1", np.arange(2))
    with pytest.raises(ZooError, match="takes no codes"):
        sweeps.sweep(label_module().generator(), "1", np.arange(2))


def test_overviews_have_one_column_per_class_or_category_and_another_seed_in_every_cell(coded, points):
    sheet = sweeps.overview(coded.generator(), coded.prior, rows=3)
    assert (len(sheet.samples), sheet.columns) == (30, 10)
    np.testing.assert_array_equal(
        sheet.samples.reshape(3, 10, 6)[:, :, 0], [np.rint((np.arange(10) / 16 + 1) * 127.5)] * 3
    )
    assert len({image[0, 3:].tobytes() for image in sheet.samples}) == 30
    assert sheet.caption == "30 samples, seeds 0 to 29, one column per category of code 0"
    labelled = label_module(5)
    sheet = sweeps.overview(labelled.generator(), labelled.prior, rows=2)
    np.testing.assert_array_equal(
        sheet.samples.reshape(2, 5, 2)[..., 0], [[round((k / 8 + 1) * 127.5) for k in range(5)]] * 2
    )
    many = label_module(1000)
    assert sweeps.overview(many.generator(), many.prior, rows=2).samples.shape[0] == 4
    assert sweeps.overview(points.generator(), points.prior).samples.shape == (2500, 2)


def test_the_path_between_two_seeds_starts_and_ends_with_their_samples(coded, points):
    sheet = sweeps.path(coded.generator(), [1, 9], 3, codes=[4, 0, 0])
    expected = coded.generator().sample([1, 9], codes=[4, 0, 0])
    np.testing.assert_allclose(sheet.samples[[0, 2]].astype(int), expected, atol=1)
    assert sheet.samples.dtype == np.uint8
    line = sweeps.path(points.generator(), [1, 9], 3, codes=[4, 0, 0])
    np.testing.assert_allclose(line.samples[[0, 2], 1], points.generator().latents([1, 9])[:, 0], rtol=1e-5)


def test_split_grid_undoes_a_grid():
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 5, 3), np.uint8)
    np.testing.assert_array_equal(pictures.split_grid(pictures.grid(images, 2), 3, 5), images)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_gif_has_one_frame_per_image_in_their_order(tmp_path, channels):
    """Flat frames of gray, which a palette holds exactly."""
    frames = np.repeat(np.array([0, 100, 200], np.uint8), 4 * 6 * channels).reshape(3, 4, 6, channels)
    frames[..., 3:] = 255
    pictures.save_animation(frames, tmp_path / "a" / "way.gif", scale=2, frames_per_second=5)
    with Image.open(tmp_path / "a" / "way.gif") as file:
        assert (file.n_frames, file.size, file.info["loop"], file.info["duration"]) == (3, (12, 8), 0, 200)
        for number, level in enumerate((0, 100, 200)):
            file.seek(number)
            assert (np.asarray(file.convert("RGB")) == level).all()


def test_an_mp4_has_one_frame_per_image_and_even_sides(tmp_path):
    av = pytest.importorskip("av")
    frames = np.repeat(np.array([0, 100, 200], np.uint8), 33 * 48).reshape(3, 33, 48, 1)
    pictures.save_animation(frames, tmp_path / "way.mp4", frames_per_second=5)
    with av.open(str(tmp_path / "way.mp4")) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 3
    np.testing.assert_allclose([frame.mean() for frame in frames], [0, 100, 200], atol=4)


def test_animations_of_another_type_are_refused_and_leave_no_files(tmp_path):
    with pytest.raises(ZooError, match=r"expected a name that ends in \.gif or \.mp4"):
        pictures.save_animation(np.zeros([2, 4, 4, 1], np.uint8), tmp_path / "new" / "way.avi")
    assert not list(tmp_path.iterdir())


def darkness(image):
    """[H, W] in 0..255, how far from white."""
    return 255 - image.astype(int).min(-1)


def blank(size, limit):
    return pictures.scatter(np.zeros([0, 2]), limit=limit, size=size)


def test_a_point_is_drawn_at_its_position_with_y_upwards():
    image = pictures.scatter([[1.0, 0.5]], limit=2.0, size=200)
    assert image.shape == (200, 200, 3)
    changed = np.argwhere((image != blank(200, 2.0)).any(-1))
    # column 100 + 98 / 2, row 100 - 98 / 4, and one pixel around
    assert (changed.min(0).tolist(), changed.max(0).tolist()) == ([74, 148], [76, 150])


def test_more_points_are_darker_and_those_outside_are_drawn_on_the_edge():
    once, thrice = (darkness(pictures.scatter([[1, 1]] * n, limit=2, size=100))[26, 74] for n in (1, 3))
    assert 0 < once < thrice
    outside = pictures.scatter([[50.0, 1.0], [np.nan, 0.0], [np.inf, 1.0]], limit=2, size=100)
    changed = np.argwhere((outside != blank(100, 2)).any(-1))
    assert changed[:, 1].min() == 97
    assert len(changed) == 9  # NaN and infinity do not show


def test_the_real_points_are_drawn_beneath_in_gray_and_fix_the_extent():
    real = np.array([[-2.0, -2.0], [2.0, 2.0], [0.0, 1.0]])
    fakes = ([[0.5, 0.5]], [[0.1, -0.1], [8.0, 3.0]])
    pair = [pictures.scatter(fake, real=real, size=256) for fake in fakes]
    for image in pair:
        row, column = 128 - round(126 / 2.2), 128  # of (0, 1), at an extent of 2.2
        assert len(set(image[row, column].tolist())) == 1  # gray
        assert 190 < image[row, column, 0] < 235
        assert (image[6:40, 6:40] == 255).all()
    np.testing.assert_array_equal(pair[0][230:, :100], pair[1][230:, :100])  # the written extent and the point above it


def test_no_points_at_all_give_an_empty_picture():
    assert pictures.scatter(np.zeros([0, 2])).shape == (512, 512, 3)
    assert pictures.scatter(np.zeros([4, 2])).shape == (512, 512, 3)


def test_a_picture_is_a_grid_of_images_and_a_scatter_of_points():
    images = np.zeros([6, 16, 16, 1], np.uint8)
    assert pictures.picture(images, columns=3, scale=1).shape == (2 * 17 + 1, 3 * 17 + 1, 1)
    assert pictures.picture(images, columns=3).shape == (4 * (2 * 17 + 1), 4 * (3 * 17 + 1), 1)  # 64 pixels per image
    assert pictures.picture(np.zeros([1, 100, 100, 3], np.uint8)).shape == (102, 102, 3)
    pair = np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(pictures.picture(pair, columns=3, scale=5), pictures.scatter(pair))
    np.testing.assert_array_equal(pictures.picture(images[:1], real=pair), pictures.picture(images[:1]))


def test_the_readme_of_an_export_can_be_followed(folder, monkeypatch):
    text = (folder / "README.md").read_text()
    monkeypatch.chdir(folder.parent.parent)
    namespace = {}
    exec(text.split("```python\n")[1].split("```")[0], namespace)
    assert namespace["images"].shape == (3, 1, 6, 1)
    assert "code 0 is a category from 0 to 9, code 1 is drawn from -1 to 1, code 2 is drawn" in text
    assert "![80 samples, seeds 0 to 79, one column per category of code 0](grid.png)" in text


def sample(*arguments):
    command = [sys.executable, "-m", "tfgan_zoo.sample", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_the_command_line_sweeps_a_code_of_an_export(folder, tmp_path):
    grid = tmp_path / "sweep.png"
    process = sample(
        f"--export={folder}", "--sweep=0", "--codes=nan,0.5,nan", "--num=4", "--scale=1", f"--out={grid}", "--seed=2"
    )
    assert process.returncode == 0, process.stderr
    assert "code 0 from 0 to 9 along the columns, seeds 2 to 5" in process.stdout
    sheet = np.asarray(Image.open(grid))
    assert sheet.shape == (4 * 2 + 1, 10 * 7 + 1)
    second = sheet[3, [1 + 7 * column for column in range(10)]]  # the first pixel of each image: code 0
    np.testing.assert_array_equal(second, np.rint((np.arange(10) / 16 + 1) * 127.5))


def test_text_in_place_of_numbers_is_refused():
    flag = types.SimpleNamespace(name="codes", value=["3", "x", "0"])
    with pytest.raises(ZooError, match="--codes=3,x,0: expected numbers, such as 1,2"):
        numbers(flag, float, "1,2")
