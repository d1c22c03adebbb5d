"""Pyramids: the files written, resuming after a kill, the findings of verify, and that a level is equivalent to an array."""

import fcntl
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data import pooling, pyramid_plan
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.prepare import prepare
from tfgan_zoo.data.pyramid_plan import resolutions_of
from tfgan_zoo.data.sources import Source, load_source
from tfgan_zoo.data.verify import findings

ROOT = Path(__file__).resolve().parents[2]


def noise(count, side, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), np.uint8)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)


def prepared(source, to, resolutions="4..16", *, shard_images=4, png_from=16, **data):
    """Prepares a pyramid and returns the messages."""
    sides, messages = resolutions_of(resolutions), []
    prepare(
        DataSettings(source=source, resolution=sides[-1], **data), to, sides, shard_images, png_from, messages.append
    )
    return messages


def level(folder, resolution=None, **data):
    return load_source(DataSettings(source=f"pyramid:{folder}", resolution=resolution, **data))


def refusal(call, *arguments, **options):
    with pytest.raises(ZooError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def tree(folder):
    """{path: bytes} of every file."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def flip_a_byte(path, at=-20):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.fixture
def arrays(tmp_path):
    """ "arrays:..." of ten 16 x 16 RGB images, those of `noise(10, 16)`, with the classes 0, 1, 2, 0, ..."""
    np.savez(tmp_path / "images.npz", images=noise(10, 16), labels=np.arange(10) % 3)
    return f"arrays:{tmp_path / 'images.npz'}"


@pytest.fixture
def pyramid(arrays, tmp_path):
    """The pyramid of `arrays`, with levels 4, 8 (raw) and 16 (PNG), in shards of 4, 4 and 2 images."""
    prepared(arrays, tmp_path / "pyramid")
    return tmp_path / "pyramid"


# --- pooling.py


def test_pooled_pixels_are_means_of_squares_rounded_half_to_even():
    image = np.array([[0, 1, 10, 20], [0, 1, 30, 40], [255, 255, 0, 0], [255, 255, 0, 6]], np.uint8)[..., None]
    # (0 + 1 + 0 + 1) / 4 = 0.5 -> 0; (10 + 20 + 30 + 40) / 4 = 25; 255; 6 / 4 = 1.5 -> 2
    assert pooling.pooled(image[None], 2)[0, ..., 0].tolist() == [[0, 25], [255, 2]]


def test_a_level_is_rounded_once_and_from_the_full_image():
    image = np.zeros((4, 4, 1), np.uint8)
    image[:2, :2, 0] = [[1, 1], [1, 0]]  # mean 0.75 -> 1
    image[:2, 2:, 0] = [[2, 2], [2, 0]]  # 1.5 -> 2
    image[2:, :2, 0] = [[1, 1], [0, 0]]  # 0.5 -> 0
    image[2:, 2:, 0] = [[1, 1], [1, 0]]  # 0.75 -> 1
    levels = pooling.levels(image, [1, 2, 4])
    assert levels[2][..., 0].tolist() == [[1, 2], [0, 1]]
    # (0.75 + 1.5 + 0.5 + 0.75) / 4 = 0.875 -> 1
    assert levels[1].item() == 1
    assert levels[4] is image
    image[0, 0] = 0  # 0.5 + 1.5 + 0.5 + 0.75 = 3.25, 0.8125 -> 1, where the rounded 0, 2, 0, 1 have the mean 0.75
    image[0, 2] = 0  # 0.5 + 1.0 + 0.5 + 0.75 = 2.75, 0.6875 -> 1
    image[2, 2] = 0  # 0.5 + 1.0 + 0.5 + 0.5 = 2.5, 0.625 -> 1, where the rounded 0, 1, 0, 0 have the mean 0.25 -> 0
    assert pooling.pooled(pooling.pooled(image[None], 2), 1).item() == 0
    assert pooling.pooled(image[None], 1).item() == pooling.levels(image, [1])[1].item() == 1


def test_means_over_256_times_256_pixels_are_exact():
    image = np.full((1024, 1024, 1), 254, np.uint8)
    image[:256, :256] = np.arange(256, dtype=np.uint8)[:, None, None]  # mean 127.5 -> 128
    image[0, 0] = 1  # a 65,536th above it; below, a 65,536th below it
    image[256:512, :256] = np.arange(256, dtype=np.uint8)[:, None, None]
    image[511, 0] = 254
    pooled = pooling.levels(image, [4])[4][..., 0]
    assert pooled[:2, 0].tolist() == [128, 127]
    assert pooled[2:].tolist() == [[254] * 4] * 2


def test_any_source_is_pooled_in_memory_or_when_read(tmp_path):
    images, labels = noise(7, 16), np.arange(7, dtype=np.int32) % 2
    images.tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", np.uint8, "r", shape=images.shape)
    expected = np.rint(images.reshape(7, 4, 4, 4, 4, 3).mean((2, 4))).astype(np.uint8)
    eager, lazy = (Source("s", array, labels, ("a", "b")).at(4) for array in (images, mapped))
    assert isinstance(eager.images, np.ndarray)
    assert not isinstance(lazy.images, np.ndarray)
    for source in (eager, lazy):
        assert source.image_shape == (4, 4, 3)
        np.testing.assert_array_equal(np.asarray(source.images), expected)
        assert source.labels is labels
    assert eager.fingerprint() == lazy.fingerprint()
    np.testing.assert_array_equal(lazy.at(2).images[:], pooling.pooled(images, 2))
    np.testing.assert_array_equal(lazy.at(16).images[:], images)
    assert eager.at(4) is eager


def test_resolution_that_halving_does_not_reach_is_refused():
    message = refusal(load_source(DataSettings()).at, 8)
    assert message.startswith(
        "resolution 8x8: the images are 28x28 (height x width), which can be halved to 14, 7; set data.resolution to 8"
    )
    assert "not square" in refusal(Source("s", np.zeros((1, 4, 8, 1), np.uint8), None, ()).at, 4)
    assert "holds points" in refusal(load_source(DataSettings(source="toy:ring8")).at, 4)
    assert load_source(DataSettings(resolution=32)).at(4).image_shape == (4, 4, 1)


# --- lazy.py


def test_lazy_images_are_indexed_like_an_array(pyramid):
    images, expected = level(pyramid).images, noise(10, 16)
    assert (len(images), images.shape, images.dtype, images.ndim) == (10, (10, 16, 16, 3), np.uint8, 4)
    mask = np.arange(10) % 2 == 0
    numbers = np.array([-1, 4])
    for key in (3, -1, np.int64(9), slice(2, 9), slice(None, None, -3), [5, 0, 5], numbers, mask, slice(0, 0)):
        np.testing.assert_array_equal(images[key], expected[key])
    assert images[[]].shape == (0, 16, 16, 3)
    for key in (10, [0, -11]):
        with pytest.raises(IndexError, match="out of range for 10 images"):
            images[key]
    with pytest.raises(IndexError, match="along their first axis"):
        images[0, 1]
    np.testing.assert_array_equal(np.asarray(images), expected)


# --- prepare.py and pyramid.py


@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_level_of_a_pyramid_is_equivalent_to_an_array_of_its_images(pyramid, resolution):
    images, labels = pooling.pooled(noise(10, 16), resolution), np.arange(10, dtype=np.int32) % 3
    source = level(pyramid, resolution, classes=3)
    np.testing.assert_array_equal(np.asarray(source.images), images)
    np.testing.assert_array_equal(source.labels, labels)
    assert source.labels.dtype == np.int32
    assert source.class_names == ("0", "1", "2")
    assert source.fingerprint() == Source("a", images, labels, source.class_names).fingerprint()


def test_smaller_levels_are_read_without_the_largest(pyramid):
    source = level(pyramid)
    assert source.image_shape == (16, 16, 3)
    for path in (pyramid / "0016").iterdir():
        path.write_bytes(b"")
    np.testing.assert_array_equal(source.at(8).at(4).images[:], pooling.pooled(noise(10, 16), 4))
    assert source.at(4).labels.tolist() == source.labels.tolist()


def test_records_are_tfrecords_of_bytes_and_of_pngs(pyramid):
    raw = [r.numpy() for r in tf.data.TFRecordDataset([str(p) for p in sorted((pyramid / "0008").glob("*.tfrecord"))])]
    assert raw == [image.tobytes() for image in pooling.pooled(noise(10, 16), 8)]
    pngs = tf.data.TFRecordDataset([str(p) for p in sorted((pyramid / "0016").glob("*.tfrecord"))])
    np.testing.assert_array_equal(np.stack([tf.io.decode_png(r).numpy() for r in pngs]), noise(10, 16))
    assert sorted(p.name for p in (pyramid / "0008").iterdir()) == [f"0000{n}.tfrecord" for n in range(3)]
    # 12 bytes before a record and 4 after it: 4 * (8 * 8 * 3 + 16)
    assert (pyramid / "0008" / "00000.tfrecord").stat().st_size == 832


def test_checksums_and_counts_match_the_files(pyramid):
    about, files = json.loads((pyramid / "about.json").read_text()), tree(pyramid)
    assert (about["images"], about["counts"], about["resolutions"]) == (10, [4, 4, 2], [4, 8, 16])
    data = {name: content for name, content in files.items() if not name.endswith(".json")}
    assert about["files"] == {name: [len(b), hashlib.sha256(b).hexdigest()] for name, b in data.items()}
    assert len(data) == 3 + 3 + 2 * 3 + 1  # two raw levels, PNGs with their index, the labels


def test_gray_and_transparent_images_round_trip(tmp_path):
    for channels in (1, 4):
        np.savez(tmp_path / f"{channels}.npz", images=noise(3, 8, channels))
        prepared(f"arrays:{tmp_path / f'{channels}.npz'}", tmp_path / str(channels), "4..8", png_from=4)
        np.testing.assert_array_equal(np.asarray(level(tmp_path / str(channels), 8).images), noise(3, 8, channels))
        assert level(tmp_path / str(channels)).labels is None


def test_folder_of_many_sizes_is_padded_cropped_or_refused(tmp_path):
    source, white = tmp_path / "source", np.full((16, 8, 3), 255, np.uint8)
    save(source / "cat" / "a.png", white)
    save(source / "dog" / "b.png", np.full((32, 32, 3), 255, np.uint8))
    prepared(f"folder:{source}", tmp_path / "padded", "4..16")
    padded = level(tmp_path / "padded", 4)
    # 16 x 8 is centred in 16 x 16: columns 4 to 11, and each pixel at 4 x 4 covers four columns
    assert padded.images[0][..., 0].tolist() == [[0, 255, 255, 0]] * 4
    assert padded.images[1].min() == 255
    assert (padded.labels.tolist(), padded.class_names) == ([0, 1], ("cat", "dog"))
    prepared(f"folder:{source}", tmp_path / "cropped", "4..16", fit="crop")
    assert level(tmp_path / "cropped", 4).images[:].min() == 255
    message = refusal(prepared, f"folder:{source}", tmp_path / "refused", "4..16", fit="refuse")
    assert message.startswith(f"{source / 'cat' / 'a.png'} is 16x8 (height x width), not 16x16; use data.fit=pad")


def test_bad_files_are_refused_by_name_or_skipped(tmp_path, capsys):
    source, images = tmp_path / "source", noise(5, 8)
    for number, image in enumerate(images):
        save(source / f"{number}.png", image)
    (source / "1.png").write_bytes(b"rubbish")
    (source / "3.png").write_bytes((source / "4.png").read_bytes()[:60])
    message = refusal(prepared, f"folder:{source}", tmp_path / "p", "4..8")
    assert "\n  1.png: not an image of a type that Pillow reads" in message
    assert "3.png" in message
    assert "--bad_files=skip" in message
    messages = prepared(f"folder:{source}", tmp_path / "p", "4..8", bad_files="skip", shard_images=4)  # resumes there
    assert [line.split(":")[0] for line in messages[:2]] == ["skipped 1.png", "skipped 3.png"]
    about = json.loads((tmp_path / "p" / "about.json").read_text())
    assert (about["images"], about["counts"], about["skipped"]) == (3, [2, 1], ["1.png", "3.png"])
    np.testing.assert_array_equal(np.asarray(level(tmp_path / "p").images), images[[0, 2, 4]])
    for number in (0, 2, 4):
        (source / f"{number}.png").write_bytes(b"rubbish")
    for channels in (None, 3):
        message = refusal(
            prepared, f"folder:{source}", tmp_path / f"none{channels}", bad_files="skip", channels=channels
        )
        assert message == f"none of the 5 files of folder:{source} is a readable image."


def test_shard_with_only_bad_files_is_empty(tmp_path):
    for number, image in enumerate(noise(6, 8)):
        save(tmp_path / "source" / f"{number}.png", image)
    for number in (2, 3):
        (tmp_path / "source" / f"{number}.png").write_bytes(b"")
    prepared(f"folder:{tmp_path / 'source'}", tmp_path / "p", "4..8", shard_images=2, png_from=8, bad_files="skip")
    np.testing.assert_array_equal(level(tmp_path / "p").images[[3, 2, 1]], noise(6, 8)[[5, 4, 1]])
    assert findings(tmp_path / "p") == (4, [])


def test_gray_image_among_colours_is_refused_unless_channels_is_set(tmp_path):
    save(tmp_path / "source" / "a.png", noise(1, 8)[0])
    save(tmp_path / "source" / "b.png", noise(1, 8, 1)[0])
    message = refusal(prepared, f"folder:{tmp_path / 'source'}", tmp_path / "p", "4..8")
    assert message.startswith("b.png has 1 channels, but the first image has 3; use --channels=1, 3 or 4 to convert")
    prepared(f"folder:{tmp_path / 'source'}", tmp_path / "q", "4..8", channels=1)
    assert level(tmp_path / "q").image_shape == (8, 8, 1)


def test_killed_run_resumes_with_the_bytes_of_an_uninterrupted_run(tmp_path):
    source, to = tmp_path / "source", tmp_path / "killed"
    for number, image in enumerate(noise(100, 64)):
        save(source / f"class{number % 2}" / f"{number:03}.png", image)
    command = ["prepare", f"folder:{source}", "--to", str(to), "--resolutions", "4..64", "--shard_images=2"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen([sys.executable, "-m", "tfgan_zoo.data", *command], cwd=ROOT, stdout=log, stderr=log)
        while len(list(to.glob("parts/*.json"))) < 3:
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    complete = {p.stem: p.stat().st_mtime_ns for p in to.glob("parts/*.json")}
    assert 3 <= len(complete) < 50
    assert not (to / "about.json").exists()
    assert "is incomplete; run the same `prepare` again" in refusal(level, to)
    written = {p: p.stat().st_mtime_ns for p in to.rglob("*.tfrecord") if p.stem in complete}
    partial = to / "0004" / "00049.tfrecord.partial"
    partial.write_bytes(b"half of a shard")
    options = {"resolutions": "4..64", "shard_images": 2, "png_from": 1024}
    messages = prepared(f"folder:{source}", to, **options)
    assert messages[0] == f"{len(complete)} of the 50 shards in {to} exist; resuming."
    assert {p: p.stat().st_mtime_ns for p in written} == written  # complete shards are not rewritten
    prepared(f"folder:{source}", tmp_path / "uninterrupted", **options)
    assert tree(to) == tree(tmp_path / "uninterrupted")


def test_second_run_on_a_complete_pyramid_says_so_and_does_nothing(arrays, pyramid):
    before = {p: p.stat().st_mtime_ns for p in pyramid.rglob("*")}
    assert prepared(arrays, pyramid) == [f"{pyramid} is complete: 10 images of {arrays} at 4x4 to 16x16."]
    assert {p: p.stat().st_mtime_ns for p in pyramid.rglob("*")} == before


def test_only_a_lost_or_truncated_file_is_rewritten(arrays, pyramid):
    before = tree(pyramid)
    for name, spoil in itertools.product(
        ("0008/00001.tfrecord", "0016/00002.index.npy", "labels.npy"), (Path.unlink, lambda p: p.write_bytes(b"cut"))
    ):
        spoil(pyramid / name)
        other = (pyramid / "0004" / "00000.tfrecord").stat().st_mtime_ns
        prepared(arrays, pyramid)
        assert tree(pyramid) == before
        assert (pyramid / "0004" / "00000.tfrecord").stat().st_mtime_ns == other


def test_another_source_or_other_settings_are_refused_with_the_differences(arrays, pyramid, tmp_path):
    before = tree(pyramid)
    message = refusal(prepared, arrays, pyramid, "4..32", fit="crop", shard_images=8)
    assert message == (
        f"{pyramid} holds a pyramid of another source or other settings:\n"
        "  resolutions: [4, 8, 16] in the folder, [4, 8, 16, 32] now\n"
        "  levels stored as PNG: [16] in the folder, [16, 32] now\n"
        "  fit: pad in the folder, crop now\n"
        "  images per shard: 4 in the folder, 8 now\n"
        "Give another folder, or delete this one."
    )
    assert f"source: {arrays} in the folder, mnist5k now" in refusal(prepared, "mnist5k", pyramid)
    np.savez(tmp_path / "images.npz", images=noise(10, 16, seed=1), labels=np.arange(10) % 3)
    assert "\n  the images of the source have changed\n" in refusal(prepared, arrays, pyramid)
    assert tree(pyramid) == before


def test_folders_that_cannot_take_a_pyramid_are_refused(arrays, tmp_path, monkeypatch):
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "thesis.tex").touch()
    assert "others holds other files and no pyramid; give a new or empty" in refusal(
        prepared, arrays, tmp_path / "others"
    )
    assert "is a file; give a folder" in refusal(prepared, arrays, tmp_path / "images.npz")
    assert "holds points" in refusal(prepared, "toy:ring8", tmp_path / "p")
    monkeypatch.setattr(pyramid_plan.shutil, "disk_usage", lambda path: SimpleNamespace(free=10 * 2**20))
    np.savez(tmp_path / "large.npz", images=noise(2, 2, 1))
    message = refusal(prepared, f"arrays:{tmp_path / 'large.npz'}", tmp_path / "p", "4..4096", png_from=0)
    # 2 (4^2 + 8^2 + ... + 4096^2) = 2 (4^13 - 16) / 3 bytes = 42.7 MiB
    assert message.startswith(
        f"2 images at 4x4 to 4096x4096 need about 43 MiB in {tmp_path / 'p'}, which has 10 MiB free;"
    )


def test_two_processes_do_not_write_in_one_folder(arrays, pyramid):
    handle = os.open(pyramid, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert refusal(prepared, arrays, pyramid).startswith(f"another process is writing to {pyramid}; wait for it")
    os.close(handle)
    prepared(arrays, pyramid)


def test_resolutions_are_every_power_of_two_in_a_range():
    assert resolutions_of("4..1024") == [4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert resolutions_of("64") == [64]
    for wrong in ("4..1000", "6..64", "64..4", "0..4", "4...64", "large", "", "-4..4"):
        assert f"resolutions {wrong!r}: expected two powers of two" in refusal(resolutions_of, wrong)


def test_missing_level_lists_the_available_ones(pyramid):
    message = refusal(level, pyramid, 32)
    assert message == f"{pyramid} has no level of 32x32; set data.resolution to one of 4, 8, 16."
    assert refusal(level(pyramid, 4).at, 2) == message.replace("32x32", "2x2")
    assert "data.resolution=4x8: the images of" in refusal(level, pyramid, (4, 8))
    assert refusal(level, pyramid, channels=1).startswith(
        f"data.channels=1: the images of {pyramid} have 3 channels; leave it out"
    )
    assert "no split of a pyramid 'test'. Available: all." in refusal(level, pyramid, split="test")
    assert level(pyramid, (8, 8), channels=3).image_shape == (8, 8, 3)


def test_missing_or_damaged_pyramid_says_what_to_do(pyramid, tmp_path):
    assert "'pyramid' needs a directory: pyramid:DIR" in refusal(load_source, DataSettings(source="pyramid"))
    assert f"{tmp_path} holds no pyramid; `python -m tfgan_zoo.data prepare SOURCE --to {tmp_path}`" in refusal(
        level, tmp_path
    )
    path = pyramid / "0008" / "00001.tfrecord"
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{path} has 831 bytes, but 832 were written; run the same" in refusal(level, pyramid, 8)
    path.unlink()
    assert f"{path} is missing; run the same `python" in refusal(level, pyramid, 8)
    level(pyramid, 4)  # which is intact
    (pyramid / "about.json").write_text("{")
    assert "about.json is damaged" in refusal(level, pyramid, 8)


def test_input_pipeline_yields_the_same_batches_of_a_level_as_of_an_array(pyramid):
    labels = np.arange(10, dtype=np.int32) % 3
    for resolution in (8, 16):
        source, array = level(pyramid, resolution), pooling.pooled(noise(10, 16), resolution)
        streams = [
            itertools.islice(batches(images, labels, 4, seed=3, start=2, flip=True), 5)
            for images in (source.images, source.images, array)
        ]
        for first, again, expected in zip(*streams, strict=True):
            for name in ("images", "labels"):
                np.testing.assert_array_equal(first[name], again[name])
                np.testing.assert_array_equal(first[name], expected[name])
            assert first["images"].shape == (4, resolution, resolution, 3)


# --- verify.py


def kinds(problems):
    return [(finding.kind, finding.where) for finding in problems]


def test_clean_folder_and_pyramid_have_no_findings(pyramid, tmp_path):
    for number, image in enumerate(noise(4, 8)):
        save(tmp_path / "clean" / f"{number}.png", image)
    assert findings(tmp_path / "clean") == (4, [])
    assert findings(pyramid) == (10, [])


def test_findings_in_a_folder(tmp_path):
    images = noise(8, 8)
    for number, image in enumerate(images):
        save(tmp_path / "cat" / f"{number}.png", image)
    save(tmp_path / "cat" / "9.bmp", images[2])
    save(tmp_path / "dog" / "a.png", images[3])
    save(tmp_path / "dog" / "gray.png", noise(1, 8, 1)[0])
    save(tmp_path / "dog" / "wide.png", noise(1, 9)[0, :8])
    save(tmp_path / "stray.png", noise(1, 8, seed=2)[0])
    (tmp_path / "dog" / "cut.png").write_bytes((tmp_path / "cat" / "0.png").read_bytes()[:90])
    (tmp_path / "empty").mkdir()
    frames = [Image.fromarray(image) for image in noise(2, 8, seed=3)]
    frames[0].save(tmp_path / "dog" / "moves.png", save_all=True, append_images=frames[1:])
    count, problems = findings(tmp_path)
    assert count == 15
    assert kinds(problems) == [
        ("unlabelled", "stray.png"),
        ("corrupt", "dog/cut.png"),
        ("class", "empty"),
        ("duplicate", "cat/9.bmp"),
        ("duplicate", "dog/a.png"),
        ("mode", "dog/gray.png"),
        ("animated", "dog/moves.png"),
        ("size", "dog/wide.png"),
    ]
    details = {finding.where: finding.detail for finding in problems}
    assert details["cat/9.bmp"] == "the pixels of cat/2.png"
    assert details["dog/a.png"] == "the pixels of cat/3.png, but has class dog, not cat"
    assert details["dog/gray.png"] == "1 channels, where most have 3"
    assert details["dog/wide.png"] == "8x9 (height x width), where most are 8x8"


def test_if_sizes_vary_only_narrow_and_small_images_are_findings(tmp_path):
    for side in (40, 41, 42, 43, 44):
        save(tmp_path / f"{side}.png", noise(1, side)[0])
    save(tmp_path / "narrow.png", noise(1, 121)[0, :40])  # 121 > 3 * 40
    save(tmp_path / "third.png", noise(1, 120)[0, :40])
    save(tmp_path / "small.png", noise(1, 9)[0])  # the shorter sides' median is 40, a quarter 10
    save(tmp_path / "quarter.png", noise(1, 10)[0])
    assert kinds(findings(tmp_path)[1]) == [("size", "narrow.png"), ("size", "small.png")]


def test_flipped_byte_of_a_pyramid_is_found_by_its_checksum(pyramid):
    flip_a_byte(pyramid / "0008" / "00001.tfrecord")
    level(pyramid, 8)  # which only checks sizes
    count, (finding,) = findings(pyramid)
    assert (count, finding.kind, finding.where) == (10, "checksum", "0008/00001.tfrecord")
    assert finding.detail == "has other bytes than were written"
    (pyramid / "labels.npy").unlink()
    assert kinds(findings(pyramid)[1]) == [("checksum", "0008/00001.tfrecord"), ("checksum", "labels.npy")]


def repaired(pyramid, name):
    """Records the current checksum of a changed file."""
    about = json.loads((pyramid / "about.json").read_text())
    data = (pyramid / name).read_bytes()
    about["files"][name] = [len(data), hashlib.sha256(data).hexdigest()]
    (pyramid / "about.json").write_text(json.dumps(about))


def test_level_that_is_not_the_pooled_one_is_found_even_if_its_checksum_is_right(pyramid):
    flip_a_byte(pyramid / "0008" / "00001.tfrecord")  # in the last image of the shard of images 4 to 7
    repaired(pyramid, "0008/00001.tfrecord")
    assert kinds(findings(pyramid)[1]) == [("level", "0008, image 7")]


def test_counts_that_differ_are_found(pyramid):
    path = pyramid / "0004" / "00002.tfrecord"
    path.write_bytes(path.read_bytes()[: 4 * 4 * 3 + 16])
    repaired(pyramid, "0004/00002.tfrecord")
    np.save(pyramid / "labels.npy", np.zeros(9, np.int32))
    repaired(pyramid, "labels.npy")
    assert kinds(findings(pyramid)[1]) == [("count", "labels.npy"), ("count", "0004/00002")]


def test_duplicates_and_empty_classes_of_a_pyramid_are_found(tmp_path):
    images = noise(5, 8)
    images[3] = images[1]
    np.savez(tmp_path / "a.npz", images=images, labels=[0, 0, 0, 0, 2], class_names=["cat", "dog", "eel"])
    prepared(f"arrays:{tmp_path / 'a.npz'}", tmp_path / "p", "4..8", shard_images=2)
    problems = findings(tmp_path / "p")[1]
    assert kinds(problems) == [("class", "dog"), ("duplicate", "image 3")]
    assert problems[1].detail == "the pixels of image 1"


# --- the command line


def run(*arguments):
    command = [sys.executable, "-m", "tfgan_zoo.data", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_verify_exits_with_status_one_if_there_are_findings(tmp_path):
    for number, image in enumerate(noise(3, 8)):
        save(tmp_path / f"{number}.png", image)
    clean = run("verify", tmp_path)
    assert (clean.returncode, clean.stdout) == (0, f"{tmp_path}: 3 images, levels 0 to 255, nothing found.\n")
    for number in range(3, 6):
        save(tmp_path / f"{number}.png", noise(1, 8)[0])
    process = run("verify", tmp_path, "--most=2")
    lines = [" ".join(line.split()) for line in process.stdout.splitlines()]
    assert process.returncode == 1
    assert lines == [
        "finding where what",
        "duplicate 3.png the pixels of 0.png",
        "duplicate 4.png the pixels of 0.png",
        "duplicate and 1 more --most=3 lists them",
        f"{tmp_path}: 6 images, levels 0 to 255, 3 findings.",
    ]


def test_incomplete_command_line_says_what_is_missing(tmp_path):
    for arguments, message in (
        ((), "got no command; expected verify DATA, show DATA or prepare SOURCE. See --help."),
        (("clean", tmp_path), f"got clean {tmp_path}; expected verify"),
        (("prepare", "mnist5k"), "prepare needs a folder to write to: give --to DIR."),
        (("verify", tmp_path / "no"), f"there is no {tmp_path / 'no'}; expected a folder of pictures"),
        (("verify", tmp_path, "more"), "more: not a flag"),
    ):
        process = run(*arguments)
        assert (process.returncode, process.stderr[: len(message) + 7]) == (2, f"error: {message}")


def test_help_describes_the_commands_without_loading_tensorflow():
    process = run("--help")
    assert "python -m tfgan_zoo.data prepare SOURCE --to DIR --resolutions 4..1024" in process.stdout
    code = "import sys, tfgan_zoo.data.__main__, tfgan_zoo.data.verify; print('tensorflow' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout == "False\n"
