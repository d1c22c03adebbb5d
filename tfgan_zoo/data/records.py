"""Shards of one level of a pyramid: TFRecord files that are read by index, not streamed.

A record is one image: its raw bytes, row by row (tf.io.decode_raw), or a PNG (tf.io.decode_png). TFRecord puts 12 bytes
before each (its length, and a CRC of that) and 4 after it (a CRC), without compression. So records of raw images, which all
have one length, form an array of known stride, and the file is memory-mapped as one. PNGs differ in length; an index beside
the file, int64 [n + 1], says where each record begins and where the last one ends.

Raw costs disk space, PNG costs decoding on every read. Small levels are cheap to store raw, and are read the most often;
photographs of 1024 x 1024 take about half the space as PNG.
"""

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

HEAD, TAIL = 12, 4
PNG_EFFORT = 1  # of zlib's 1 to 9: the usual 6 takes five times as long to save a seventh of the space


def encoded(image: np.ndarray, png: bool) -> bytes:
    """The record of an image, uint8 [H, W, C]."""
    if not png:
        return np.ascontiguousarray(image).tobytes()
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "PNG", compress_level=PNG_EFFORT)
    return file.getvalue()


def shard_path(folder: Path, resolution: int, shard: int) -> Path:
    """The file of a shard of a level."""
    return folder / f"{resolution:04}" / f"{shard:05}.tfrecord"


def index_path(path: Path) -> Path:
    """The index file of a shard of PNGs."""
    return path.with_suffix(".index.npy")


def publish(path: Path, partial: Path) -> list:
    """Flushes a finished file to disk and gives it its final name. Returns [bytes, SHA-256 in hex]."""
    with open(partial, "rb+") as file:
        os.fsync(file.fileno())
    written = size_and_hash(partial)
    os.replace(partial, path)
    return written


def size_and_hash(path: Path) -> list:
    """[bytes, SHA-256 in hex] of a file."""
    with open(path, "rb") as file:
        return [os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()]


class ShardWriter:
    """Writes a shard under a temporary name, `*.partial`, until `close`."""

    def __init__(self, path: Path, png: bool) -> None:
        import tensorflow as tf

        self.path, self.png, self.offsets = path, png, [0]
        path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = tf.io.TFRecordWriter(str(partial(path)))

    def write(self, record: bytes) -> None:
        self.writer.write(record)
        self.offsets.append(self.offsets[-1] + HEAD + len(record) + TAIL)

    def close(self) -> dict[Path, list]:
        """Returns {path: [bytes, SHA-256 in hex]} of the files written."""
        self.writer.close()
        files = {self.path: publish(self.path, partial(self.path))}
        if self.png:
            index = index_path(self.path)
            with open(partial(index), "wb") as file:
                np.save(file, np.array(self.offsets, np.int64))
            files[index] = publish(index, partial(index))
        return files


def partial(path: Path) -> Path:
    """The name of a file while it is being written."""
    return path.with_name(f"{path.name}.partial")


class RawShard:
    """Raw images of one shard, memory-mapped. ValueError if the file is not an array of them."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        record = np.dtype([("head", f"V{HEAD}"), ("image", np.uint8, shape), ("tail", f"V{TAIL}")])
        self.images = np.memmap(path, record, "r")["image"]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, positions: np.ndarray) -> np.ndarray:
        """int64 [M] -> uint8 [M, H, W, C]."""
        return self.images[positions]


class PngShard:
    """PNGs of one shard, memory-mapped. OSError or ValueError if the file or its index is damaged."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.data, self.offsets, self.shape = np.memmap(path, np.uint8, "r"), np.load(index_path(path)), shape
        if self.offsets[-1] != len(self.data):
            raise ValueError(f"it has {len(self.data)} bytes, but its index ends at {self.offsets[-1]}")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def image(self, position: int) -> np.ndarray:
        """uint8 [H, W, C]."""
        start, end = self.offsets[position] + HEAD, self.offsets[position + 1] - TAIL
        with Image.open(io.BytesIO(self.data[start:end].tobytes())) as image:
            return np.asarray(image).reshape(self.shape)


def threads() -> ThreadPoolExecutor:
    """A pool with one thread per core, for Pillow's work; the caller closes it."""
    return ThreadPoolExecutor(min(32, os.cpu_count() or 1))
