"""Shards of one level of a pyramid: TFRecord files, that are read by index and not by streaming.

A record is one image: its bytes as they are, row by row (tf.io.decode_raw), or a PNG (tf.io.decode_png). TFRecord puts 12
bytes before each (its length and that one's CRC) and 4 after it (a CRC), without compression: so records of raw images,
which are all of one length, are an array of known stride, and the file is memory-mapped as such. PNGs differ in length;
an index beside the file, int64 [n + 1], says where each record begins and the last one ends.

Raw costs disk, PNG costs decoding at each visit. The small levels are cheap to keep raw, and are those that are read
fastest; photographs of 1024 x 1024 take about half of the space as PNG.
"""

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

HEAD, TAIL = 12, 4
PNG_EFFORT = 1  # of zlib's 1 to 9: 6, the usual one, takes five times as long for a seventh less space


def encoded(image, png):
    """uint8 [H, W, C] -> the bytes of its record."""
    if not png:
        return np.ascontiguousarray(image).tobytes()
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "PNG", compress_level=PNG_EFFORT)
    return file.getvalue()


def shard_path(folder, resolution, shard):
    """Where a shard of a level lies."""
    return folder / f"{resolution:04}" / f"{shard:05}.tfrecord"


def index_path(path):
    """Where the index of a shard of PNGs lies."""
    return path.with_suffix(".index.npy")


def publish(path, partial):
    """Gives a written file its name, once it is on the disk. Returns [bytes, SHA-256 in hex]."""
    with open(partial, "rb+") as file:
        os.fsync(file.fileno())
    found = facts(partial)
    os.replace(partial, path)
    return found


def facts(path):
    """[bytes, SHA-256 in hex] of a file."""
    with open(path, "rb") as file:
        return [os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()]


class ShardWriter:
    """Writes a shard under another name, `*.partial`, until `close`."""

    def __init__(self, path, png):
        import tensorflow as tf

        self.path, self.png, self.offsets = path, png, [0]
        path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = tf.io.TFRecordWriter(str(partial(path)))

    def write(self, record):
        self.writer.write(record)
        self.offsets.append(self.offsets[-1] + HEAD + len(record) + TAIL)

    def close(self):
        """Returns {path: [bytes, SHA-256 in hex]} of what was written."""
        self.writer.close()
        files = {self.path: publish(self.path, partial(self.path))}
        if self.png:
            index = index_path(self.path)
            with open(partial(index), "wb") as file:
                np.save(file, np.array(self.offsets, np.int64))
            files[index] = publish(index, partial(index))
        return files


def partial(path):
    """The name of a file while it is written."""
    return path.with_name(f"{path.name}.partial")


class RawShard:
    """Raw images of one shard, memory-mapped. ValueError where the file is no array of them."""

    def __init__(self, path, shape):
        record = np.dtype([("head", f"V{HEAD}"), ("image", np.uint8, shape), ("tail", f"V{TAIL}")])
        self.images = np.memmap(path, record, "r")["image"]

    def __len__(self):
        return len(self.images)

    def take(self, places):
        """int64 [M] -> uint8 [M, H, W, C]."""
        return self.images[places]


class PngShard:
    """PNGs of one shard, memory-mapped. OSError or ValueError where the file or its index is damaged."""

    def __init__(self, path, shape):
        self.data, self.offsets, self.shape = np.memmap(path, np.uint8, "r"), np.load(index_path(path)), shape
        if self.offsets[-1] != len(self.data):
            raise ValueError(f"it has {len(self.data)} bytes, and its index ends at {self.offsets[-1]}")

    def __len__(self):
        return len(self.offsets) - 1

    def image(self, place):
        """uint8 [H, W, C]."""
        start, end = self.offsets[place] + HEAD, self.offsets[place + 1] - TAIL
        with Image.open(io.BytesIO(self.data[start:end].tobytes())) as image:
            return np.asarray(image).reshape(self.shape)


def threads():
    """A pool of as many threads as there are cores, for what Pillow does; the caller ends it."""
    return ThreadPoolExecutor(min(32, os.cpu_count() or 1))
