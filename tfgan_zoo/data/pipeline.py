"""Batches as a pure function of seed and step: there is no shuffle buffer, so a resumed run sees the same batches."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.lazy import LazyImages


def example_numbers(positions: tf.Tensor, size: int, seed: int, stream: int = 0) -> tf.Tensor:
    """The index of the example at each position of the endless stream, in which every epoch is another permutation.

    Args:
        positions: int64 [B], counted from the start of training.
        size: examples per epoch.
        stream: another number gives other permutations for the same seed.

    Returns:
        int64 [B], below `size`.
    """
    epochs, within = positions // size, positions % size
    epochs = tf.cast(epochs, tf.int64)
    seeds, streams = (tf.fill(tf.shape(epochs), tf.cast(number, tf.int64)) for number in (seed, stream))
    keys = tf.stack([epochs, seeds, streams], axis=1)
    # With the default of 4 rounds the order is far from random: 15 % of 1,000 examples keep their place between epochs.
    return tf.random_index_shuffle(within, keys, tf.cast(size - 1, tf.int64), rounds=12)


def gather(array: np.ndarray | LazyImages) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from int64 [B] to those rows of `array`, which stays on disk if it is memory-mapped or lazy."""
    if isinstance(array, np.memmap) or not isinstance(array, np.ndarray):
        shape, dtype = array.shape[1:], tf.as_dtype(array.dtype)

        def from_disk(indices):
            rows = tf.numpy_function(lambda n: np.ascontiguousarray(array[n]), [indices], dtype)
            rows.set_shape([None, *shape])
            return rows

        return from_disk
    in_memory = tf.constant(array)
    return lambda indices: tf.gather(in_memory, indices)


def as_floats(values: tf.Tensor) -> tf.Tensor:
    """uint8 images as float32 in [-1, 1]; points unchanged."""
    return tf.cast(values, tf.float32) / 127.5 - 1 if values.dtype == tf.uint8 else values


def mirrored(images: tf.Tensor, key: tf.Tensor, total: int, first: tf.Tensor) -> tf.Tensor:
    """Each image flipped left to right with probability 1/2.

    images: [B, H, W, C], examples `first` to `first` + B of a batch of `total`.
    """
    flipped = Draws(key, total, tf.cast(first, tf.int32), images.shape[0]).uniform("mirror") < 0.5
    return tf.where(flipped[:, None, None, None], tf.reverse(images, [2]), images)


def batches(
    images: np.ndarray | LazyImages,
    labels: np.ndarray | None,
    batch_size: int,
    seed: int,
    start: int = 0,
    flip: bool = False,
    replicas: int = 1,
    labelled: np.ndarray | None = None,
    measure: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]] | None = None,
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
        labelled: int64 [M], the indices of the examples whose labels may be used; None for all. If given, the main stream
            has no labels, and each batch also holds as many labelled examples, in an endless order of their own.
        measure: function (images float32 [B, H, W, C], int64 indices [B]) -> {"images", "theta"?}, the measurements of
            these examples, see `data.training_view`; None to use the images themselves.

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
    share = batch_size // replicas
    rows = gather(images)
    label_rows = None if labels is None else gather(labels)
    labelled_rows = None if labelled is None else gather(labelled)

    def images_of(indices, batch, first, purpose):
        values = as_floats(rows(indices))
        values = tf.ensure_shape(values, [share, *images.shape[1:]])
        values = mirrored(values, fold(fold(seed_of(seed), purpose), batch), batch_size, first) if flip else values
        return measure(values, indices) if measure else {"images": values}

    def element(number):
        batch, first = number // replicas, number % replicas * share  # the share's first example within the batch
        positions = tf.ensure_shape(batch * batch_size + first + tf.range(share, dtype=tf.int64), [share])
        indices = example_numbers(positions, len(images), seed)
        result = images_of(indices, batch, first, "flip")
        if labelled_rows is not None:
            indices = labelled_rows(example_numbers(positions, len(labelled), seed, stream=1))
            result["labelled_images"] = images_of(indices, batch, first, "flip labelled")["images"]
            result["labelled_labels"] = tf.ensure_shape(label_rows(indices), [share])
        elif label_rows is not None:
            result["labels"] = tf.ensure_shape(label_rows(indices), [share])
        return result

    numbers = tf.data.Dataset.range(start * replicas, np.iinfo(np.int64).max)
    return numbers.map(element, num_parallel_calls=2, deterministic=True).prefetch(4)
