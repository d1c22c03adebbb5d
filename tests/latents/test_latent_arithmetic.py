"""Sums of latents, ways between them, mean images, and the files of latents and pictures: of a generator that shows its inputs."""

import keras
import numpy as np
import pytest
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes, Prior
from tfgan_zoo.latents import latent_arithmetic
from tfgan_zoo.latents.conditions import Condition
from tfgan_zoo.latents.investigation import Investigation
from tfgan_zoo.latents.latent_arithmetic import Term, combined, parsed
from tfgan_zoo.latents.latent_files import read_latent, read_picture, ready_for_figure, save_latent, save_sum
from tfgan_zoo.pictures.captions import captioned
from tfgan_zoo.saved_model.signatures import ExportedGenerator


def visible_generator(prior):
    """Images [1, labels + codes + Z, 1] of the inputs / 8."""
    inputs = {"noise": keras.Input([prior.noise_size], name="noise")}
    parts = [inputs["noise"]]
    if prior.codes:
        inputs["codes"] = keras.Input([prior.codes.size], name="codes")
        parts.insert(0, inputs["codes"])
    if prior.num_classes:
        inputs["labels"] = keras.Input([], dtype="int32", name="labels")
        parts.insert(0, keras.layers.Reshape((1,))(keras.ops.cast(inputs["labels"], "float32")))
    h = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    h = keras.layers.Rescaling(1 / 8)(keras.layers.Reshape((1, -1, 1))(h))
    return ExportedGenerator(keras.Model(inputs, h, name="generator"), prior).generator()


@pytest.fixture(scope="module")
def plain():
    return Investigation(visible_generator(Prior(16)))


@pytest.fixture(scope="module")
def full():
    return Investigation(visible_generator(Prior(16, num_classes=4, codes=Codes((3,), 1))), ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a.npz", [(1, "a.npz")]),
        ("- my-face.npz + 2*seed:3", [(-1, "my-face.npz"), (2, "seed:3")]),
        (" a b.npz  -  0.5 * c+d.npz ", [(1, "a b.npz"), (-0.5, "c+d.npz")]),
    ],
)
def test_a_sum_is_read_with_its_weights(text, terms):
    assert parsed(text) == terms


@pytest.mark.parametrize("text", ["", "a + ", "nan*a", "2*"])
def test_what_is_no_sum_is_refused(text, plain):
    with pytest.raises(ZooError, match=r"expected (terms )?(such as|one such as)"):
        plain.terms(text)


def latent(value, size=16):
    return {"noise": np.full([1, size], value, np.float32)}


def test_one_latent_stays_as_it_is_and_a_sum_is_brought_to_the_edge_of_the_shell(plain):
    space = plain.space
    alone = combined(space, [Term(1, "a", latent(9))])
    np.testing.assert_array_equal(alone["noise"], latent(9)["noise"])
    edge = (space.norm["noise"] + 2 * space.spread["noise"]) / 4  # of 16 equal numbers
    total = combined(space, [Term(1, "a", latent(3)), Term(-1, "b", latent(0.5)), Term(2, "c", latent(0.25))])
    np.testing.assert_allclose(total["noise"], latent(min(edge, space.highest["noise"].min()))["noise"], rtol=0.02)
    inside = combined(space, [Term(1, "a", latent(1.5)), Term(-1, "b", latent(0.5))])
    np.testing.assert_allclose(inside["noise"], latent(1)["noise"])


def test_class_and_category_of_a_sum_are_the_first_terms_and_continuous_codes_are_added(full):
    def term(weight, label, codes):
        return Term(weight, "", latent(0.5) | {"labels": np.array([label]), "codes": np.array([codes], np.float32)})

    terms = [Term(1, "seed", latent(0.5)), term(1, 2, [1, 0.75]), term(-1, 3, [2, 0.5])]
    total = combined(full.space, terms)
    assert total["labels"].tolist() == [2]
    np.testing.assert_allclose(total["codes"], [[1, 0.25]])
    chosen = combined(full.space, terms, 0, [2, -1])
    assert (chosen["labels"].tolist(), chosen["codes"].tolist()) == ([0], [[2, -1]])
    with pytest.raises(ZooError, match="takes labels; give one"):
        combined(full.space, terms[:1])


def test_terms_are_seeds_the_mean_and_kept_latents_by_their_names(plain):
    plain.kept["p1"] = latent(1)
    terms = plain.terms("seed:3 - mean + p1")
    np.testing.assert_array_equal(terms[0].inputs["noise"], plain.generator.latents([3]))
    np.testing.assert_allclose(terms[1].inputs["noise"], plain.space.draws["noise"].mean(0)[None], atol=1e-6)
    assert terms[2].inputs is plain.kept["p1"]
    with pytest.raises(ZooError, match="no latent 'p2'; expected one such as p1, seed:3, mean"):
        plain.terms("p2")
    with pytest.raises(ZooError, match="expected a seed"):
        plain.terms("seed:x")


def test_the_image_of_one_seed_is_that_of_sample(full):
    _, image, figure = full.add("seed:3", "c", [1, 0.5])
    np.testing.assert_array_equal(image, full.generator.sample([3], labels=2, codes=[1, 0.5])[0])
    assert figure.shape[-1] == 3
    with pytest.raises(ZooError, match=r"no class 'e'\. Did you mean|no class 'e'"):
        full.add("seed:3", "e")


def test_the_way_goes_from_one_end_to_the_other_and_codes_along_a_line(full):
    first, last = (full.generator.sample([s], labels=1, codes=[2, 0])[0] for s in (3, 4))
    images, _ = full.way("seed:3", "seed:4", 5, 1, [2, 0])
    np.testing.assert_array_equal(images[0], first)
    np.testing.assert_allclose(images[-1].astype(int), last, atol=1)
    ends = [latent(1) | {"labels": np.array([0]), "codes": np.array([[1, c]], np.float32)} for c in (-1, 1)]
    way = latent_arithmetic.way(full.space, *ends, 3)
    np.testing.assert_allclose(way["codes"], [[1, -1], [1, 0], [1, 1]])
    with pytest.raises(ZooError, match="expected 2 or more"):
        latent_arithmetic.way(full.space, *ends, 1)


def test_the_mean_images_of_a_class_show_it_and_its_draws(full):
    """Pixel 0 is the label / 8; pixel 1 the code's category / 8; the mean of draws is near 0, so its pixels near 127.5."""
    (mean,) = latent_arithmetic.mean_images(full.space, [Condition(3, (1.0, float("nan")), "d")], 64)
    for image in (mean.of_latents, mean.of_pixels):
        assert image[0, :2, 0].tolist() == [round((3 / 8 + 1) * 127.5), round((1 / 8 + 1) * 127.5)]
    assert np.abs(mean.of_latents[0, 3:, 0] - 127.5).max() < 4
    seeds = np.arange(full.space.first_seed, full.space.first_seed + 64)
    pixels = full.generator.sample(seeds, labels=3, codes=[1, float("nan")]).astype(float).mean(0)
    np.testing.assert_allclose(mean.of_pixels, pixels, atol=0.5)
    assert full.means().shape[1] > full.means("d").shape[1]


def test_the_mean_of_pictures_is_the_image_of_their_mean_latent_and_their_mean_pixels(plain):
    pictures = [np.full([1, 16, 1], value, np.uint8) for value in (100, 200)]
    (mean,) = latent_arithmetic.means_of_found(plain.space, [latent(1), latent(3)], pictures)
    assert mean.condition.name == ""
    np.testing.assert_array_equal(mean.of_latents, np.full([1, 16, 1], round((2 / 8 + 1) * 127.5)))
    np.testing.assert_array_equal(mean.of_pixels, np.full([1, 16, 1], 150))


def test_pictures_of_several_classes_have_a_mean_of_each(full):
    conditions = [{"labels": np.array([label]), "codes": np.zeros([1, 2], np.float32)} for label in (3, 1, 3)]
    found = [latent(value) | condition for value, condition in zip((1, 5, 2), conditions, strict=True)]
    pictures = [np.full([1, 19, 1], value, np.uint8) for value in (10, 20, 30)]
    means = latent_arithmetic.means_of_found(full.space, found, pictures, full.class_names)
    assert [mean.condition.name for mean in means] == ["class d", "class b"]
    assert [mean.of_pixels.max() for mean in means] == [20, 20]
    assert [mean.of_latents[0, -1, 0] for mean in means] == [round((z / 8 + 1) * 127.5) for z in (1.5, 5)]


def test_a_latent_in_a_file_gives_the_same_image_and_other_files_are_refused(full, plain, tmp_path):
    total, image, _ = full.add("seed:3 + 0.1*seed:4", "c", [1, 0.5])
    save_latent(tmp_path / "deep" / "a.npz", total)
    again, same, _ = full.add(str(tmp_path / "deep" / "a.npz"))
    np.testing.assert_array_equal(same, image)
    assert {name: values.dtype for name, values in again.items()} == {
        "noise": np.float32, "labels": np.int32, "codes": np.float32,
    }  # fmt: skip
    with pytest.raises(ZooError, match="is not a latent of this generator"):
        read_latent(tmp_path / "deep" / "a.npz", plain.generator)
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "two.npz", noise=np.zeros([2, 16], np.float32))
    np.savez(tmp_path / "short.npz", noise=np.zeros([1, 15], np.float32))
    np.savez(tmp_path / "other.npz", arr=np.zeros([1, 15], np.float32))
    for name, message in (
        ("text", "it is not a latent's .npz"),
        ("nowhere", "there is no such file"),
        ("two", "holds several latents"),
        ("short", r"noise has shape \[1, 15\]; expected \[1, 16\]"),
        ("other", "noise is missing"),
    ):
        with pytest.raises(ZooError, match=message):
            read_latent(tmp_path / f"{name}.npz", plain.generator)


def test_a_sum_never_replaces_one_of_its_terms(tmp_path):
    save_latent(tmp_path / "a.npz", latent(1))
    with pytest.raises(ZooError, match="one of its terms; give another --out"):
        save_sum(tmp_path / "a.npz", latent(2), [f"{tmp_path}/../{tmp_path.name}/a.npz", "seed:2"])
    save_sum(tmp_path / "b.npz", latent(2), ["a.npz"])
    assert not (tmp_path / "b.npz").exists()
    save_sum(tmp_path / "b.npz", latent(2), ["a.npz", "seed:2"])
    assert np.load(tmp_path / "b.npz")["noise"][0, 0] == 2


class Shape:
    """Stands for a generator whose images have this shape."""

    def __init__(self, *shape):
        self.sample_shape = shape


def test_a_picture_gets_the_generators_size_and_channels_as_training_data_does(tmp_path):
    pixels = np.zeros([28, 28, 3], np.uint8)
    pixels[:, :, 1] = 100
    Image.fromarray(pixels).save(tmp_path / "green.png")
    gray = read_picture(tmp_path / "green.png", Shape(32, 32, 1), "pad")
    assert gray[2:30, 2:30].min() == gray.max() == 59  # 0.587 x 100
    assert gray[:2].max() == gray[:, 30:].max() == 0
    tall = read_picture(tmp_path / "green.png", Shape(56, 28, 3), "pad")
    assert tall[14:42, :, 1].min() == 100
    assert tall[:14].max() == tall[42:].max() == 0
    assert read_picture(tmp_path / "green.png", Shape(56, 28, 3), "crop")[..., 1].min() == 100
    with pytest.raises(ZooError, match=r"green.png is 28x28 \(height x width\), not 56x28; use --fit=pad"):
        read_picture(tmp_path / "green.png", Shape(56, 28, 3), "refuse")


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no")
    (tmp_path / "empty.png").touch()
    for name, message in (
        ("text.png", "not an image of a type that Pillow reads"),
        ("empty.png", "empty, 0 bytes"),
        ("", "not a regular file"),
        ("nowhere.png", "there is no such file"),
    ):
        with pytest.raises(ZooError, match=message):
            read_picture(tmp_path / name, Shape(8, 8, 1), "pad")


def test_a_figure_needs_a_png_in_a_folder_that_can_be_written(tmp_path):
    with pytest.raises(ZooError, match=r"ends in \.png"):
        ready_for_figure("latent.jpg")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        ready_for_figure(str(tmp_path / "file" / "a.png"))
    assert ready_for_figure(str(tmp_path / "new" / "a.png")).parent.is_dir()
    assert list((tmp_path / "new").iterdir()) == []


def test_captions_make_narrow_columns_wider_and_transparency_shows_the_paper():
    narrow = np.zeros([64, 4, 4], np.uint8)
    figure = captioned([[(narrow, ["a caption that is wider"]), (np.zeros([64, 64, 1], np.uint8), [])]])
    assert figure.shape[0] == 128 + 14 + 2 * 8
    assert figure.shape[1] > 128 + 8 + 100
    assert figure[8, 8].tolist() == [255, 255, 255]
    assert figure[8, -9].tolist() == [0, 0, 0]
