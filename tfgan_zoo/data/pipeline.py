"""Batches as a pure function of seed and step: there is no shuffle buffer, so a resumed run sees the same batches."""

import ctypes
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.batch_images import left_to_right, rows_where
from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.lazy import LazyImages

ALIGNMENT = 64  # bytes, of tensors that TensorFlow's kernels compute with
EPOCHS_PER_BLOCK = 256  # TensorFlow's shuffle reads the low 8 bits of each word of its key, up to 65,536 examples


def example_numbers(
    positions: tf.Tensor, size: int, seed: int, stream: int = 0, order: Literal["blocks", "repeating"] = "blocks"
) -> tf.Tensor:
    """The index of the example at each position of the endless stream, in which every epoch is another permutation.

    `tf.random_index_shuffle` distinguishes 256 epochs and 256 seeds. What is beyond them, the number of the block of 256
    epochs and of the block of 256 seeds, keys a second shuffle of its result; in block 0 of both there is none.

    Args:
        positions: int64 [B], counted from the start of training.
        size: examples per epoch.
        stream: another number gives other permutations for the same seed.
        order: "repeating" leaves out the second shuffle, so that epochs 256 apart are equal, and seeds likewise.

    Returns:
        int64 [B], below `size`.
    """
    positions = tf.cast(positions, tf.int64)
    epochs, within = positions // size, positions % size
    seeds, streams = (
        tf.fill(tf.shape(epochs), tf.cast(seed, tf.int64)),
        tf.fill(tf.shape(epochs), tf.cast(stream, tf.int64)),
    )
    # With the default of 4 rounds the order is far from random: 151 of 1,000 examples keep their place between epochs.
    shuffled = tf.random_index_shuffle(within, tf.stack([epochs, seeds, streams], 1), size - 1, rounds=12)
    if order == "repeating":
        return shuffled
    blocks = [number // EPOCHS_PER_BLOCK for number in (epochs, seeds)]
    again = tf.random_index_shuffle(shuffled, block_keys(*blocks), size - 1, rounds=12)
    return tf.where(tf.reduce_any(tf.stack(blocks) > 0, 0), again, shuffled)


def block_keys(epoch_blocks: tf.Tensor, seed_blocks: tf.Tensor) -> tf.Tensor:
    """Keys int64 [B, 3] whose low bits all depend on both numbers, int64 [B]. The mixing is SplitMix64's.

    Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 16.
    """
    mixed = tf.cast(epoch_blocks, tf.uint64) * 0x9E3779B97F4A7C15 + tf.cast(seed_blocks, tf.uint64) * 0xD1B54A32D192ED03
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = tf.bitwise.bitwise_xor(mixed, tf.bitwise.right_shift(mixed, tf.constant(shift, tf.uint64))) * factor
    words = [tf.bitwise.right_shift(mixed, tf.constant(shift, tf.uint64)) for shift in (0, 20, 40)]
    return tf.stack([tf.cast(word % 2**20, tf.int64) for word in words], 1)


def gather(array: np.ndarray | LazyImages) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from int64 [B] to those rows of `array`, which stays on disk if it is memory-mapped or lazy."""
    if isinstance(array, np.ndarray) and (array.flags.c_contiguous or not isinstance(array, np.memmap)):
        rows_of = as_tensor(array)
        return lambda indices: tf.gather(rows_of, indices)
    shape, dtype = array.shape[1:], tf.as_dtype(array.dtype)

    def from_disk(indices):
        rows = tf.numpy_function(lambda n: np.ascontiguousarray(array[n]), [indices], dtype)
        rows.set_shape([None, *shape])
        return rows

    return from_disk


def as_tensor(array: np.ndarray) -> tf.Tensor:
    """A tensor of the memory of an array, or of its file if it is memory-mapped. The array must not be changed afterwards.

    Arrays that are not aligned as TensorFlow's kernels need them are copied once; `tf.constant` takes twice their memory to copy
    any (TensorFlow 2.21).
    """
    if not array.flags.c_contiguous or array.ctypes.data % ALIGNMENT:
        room = np.empty(array.nbytes + ALIGNMENT, np.uint8)
        first = -room.ctypes.data % ALIGNMENT
        copy = room[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
        copy[...] = array
        array = copy
    # A file that is mapped for reading is read-only, which this form of DLPack can't say; the tensor is never written to.
    memory: Any = (ctypes.c_uint8 * array.nbytes).from_address(array.ctypes.data)
    memory.owner = array  # lives as long as the tensor
    alias = np.ctypeslib.as_array(memory).view(array.dtype).reshape(array.shape)
    return tf.experimental.dlpack.from_dlpack(alias.__dlpack__())


def as_floats(values: tf.Tensor) -> tf.Tensor:
    """uint8 images as float32 in [-1, 1]; points unchanged."""
    return tf.cast(values, tf.float32) / 127.5 - 1 if values.dtype == tf.uint8 else values


def mirrored(images: tf.Tensor, key: tf.Tensor, total: int, first: tf.Tensor) -> tf.Tensor:
    """Each image flipped left to right with probability 1/2.

    images: [B, H, W, C], examples `first` to `first` + B of a batch of `total`.
    """
    flipped = Draws(key, total, tf.cast(first, tf.int32), images.shape[0]).uniform("mirror") < 0.5
    return rows_where(flipped, left_to_right(images), images)


def batches(
    images: np.ndarray | LazyImages,
    labels: np.ndarray | None,
    batch_size: int,
    seed: int,
    start: int = 0,
    flip: bool = False,
    replicas: int = 1,
    local: range | None = None,
    labelled: np.ndarray | None = None,
    measure: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]] | None = None,
    order: Literal["blocks", "repeating"] = "blocks",
) -> tf.data.Dataset:
    """The endless stream of training batches, from batch number `start` on.

    Args:
        images: uint8 [N, H, W, C], as an array or `LazyImages`, or float32 [N, D] points.
        labels: int32 [N] or None.
        batch_size: over all replicas. Each element of the data set is the share of one replica, beginning with replica 0.
        seed: integer.
        start: number of the first batch.
        flip: flip each image left to right with probability 1/2.
        replicas: number of shares per batch.
        local: the replicas of this worker, whose shares the elements are; all by default.
        labelled: int64 [M], the indices of the examples whose labels may be used; None for all. If given, the main stream
            has no labels, and each batch also holds as many labelled examples, in an endless order of their own.
        measure: function (images float32 [B, H, W, C], int64 indices [B]) -> {"images", "theta"?}, the measurements of
            these examples, see `data.training_view`; None to use the images themselves.
        order: of the examples, see `example_numbers`.

    Returns:
        `tf.data.Dataset` of {"images": float32 in [-1, 1] (points unchanged), "labels"?: int32}, or with `labelled` of
        {"images", "labelled_images": likewise, "labelled_labels": int32}. With `measure`, "images" are measurements.

    Raises:
        ZooError: `flip` on points; `flip` with `measure`, which would measure each image twice, once from each side.
    """
    if flip and measure:
        raise ZooError("data.flip would measure each image twice, from both sides; leave out it or data.measurement.")
    if flip and images.ndim != 4:
        raise ZooError(f"data.flip applies to images, but the data has shape {list(images.shape)}; leave it out.")
    share, local = batch_size // replicas, range(replicas) if local is None else local
    rows = gather(images)
    label_rows = None if labels is None else gather(labels)
    labelled_rows = None if labelled is None else gather(labelled)

    def images_of(indices, batch, first, purpose):
        values = tf.ensure_shape(rows(indices), [share, *images.shape[1:]])
        if flip:  # before they are floats, which take four times as long to move
            values = mirrored(values, fold(fold(seed_of(seed), purpose), batch), batch_size, first)
        values = as_floats(values)
        return measure(values, indices) if measure else {"images": values}

    def element(number):
        batch, replica = number // len(local), local.start + number % len(local)
        first = replica * share  # the share's first example within the batch
        positions = tf.ensure_shape(batch * batch_size + first + tf.range(share, dtype=tf.int64), [share])
        indices = example_numbers(positions, len(images), seed, order=order)
        result = images_of(indices, batch, first, "flip")
        if labelled_rows is not None:
            indices = labelled_rows(example_numbers(positions, len(labelled), seed, 1, order))
            result["labelled_images"] = images_of(indices, batch, first, "flip labelled")["images"]
            result["labelled_labels"] = tf.ensure_shape(label_rows(indices), [share])
        elif label_rows is not None:
            result["labels"] = tf.ensure_shape(label_rows(indices), [share])
        return result

    numbers = tf.data.Dataset.range(start * len(local), np.iinfo(np.int64).max)
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False  # they copy the images that `element` holds
    return numbers.map(element, num_parallel_calls=2, deterministic=True).prefetch(4).with_options(options)
