"""Batches as a pure function of seed and step: no shuffle buffer, so a resumed run sees what it would have seen."""

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.errors import ZooError


def example_numbers(positions, size, seed, stream=0):
    """Which example stands at each position of the endless stream: every epoch is a permutation of its own.

    positions: int64 [B], counted from the start of training. size: examples in an epoch. stream: another number gives
    other orders with the same seed. Returns int64 [B], below size.
    """
    epochs, within = positions // size, positions % size
    epochs = tf.cast(epochs, tf.int64)
    seeds, streams = (tf.fill(tf.shape(epochs), tf.cast(number, tf.int64)) for number in (seed, stream))
    keys = tf.stack([epochs, seeds, streams], axis=1)
    # By the default of 4 rounds the order is far from random: 15 % of 1,000 examples keep their place in another epoch.
    return tf.random_index_shuffle(within, keys, tf.cast(size - 1, tf.int64), rounds=12)


def gather(array):
    """A function from int64 [B] to the rows of `array`, which stays in memory, or on disk where it is mapped or lazy."""
    if isinstance(array, np.memmap) or not isinstance(array, np.ndarray):
        shape, dtype = array.shape[1:], tf.as_dtype(array.dtype)

        def from_disk(numbers):
            rows = tf.numpy_function(lambda n: np.ascontiguousarray(array[n]), [numbers], dtype)
            rows.set_shape([None, *shape])
            return rows

        return from_disk
    held = tf.constant(array)
    return lambda numbers: tf.gather(held, numbers)


def as_floats(values):
    """uint8 images as float32 in [-1, 1]; points as they are."""
    return tf.cast(values, tf.float32) / 127.5 - 1 if values.dtype == tf.uint8 else values


def mirrored(images, key, total, first):
    """`images` [B, H, W, C], examples `first` to `first` + B of `total`, each mirrored with probability one half."""
    turned = Draws(key, total, tf.cast(first, tf.int32), images.shape[0]).uniform("mirror") < 0.5
    return tf.where(turned[:, None, None, None], tf.reverse(images, [2]), images)


def batches(images, labels, batch_size, seed, start=0, flip=False, replicas=1, labelled=None, measure=None):
    """The endless stream of training batches, from batch number `start` on.

    Args:
        images: uint8 [N, H, W, C], as an array or `LazyImages`, or float32 [N, D] points; labels: int32 [N] or None.
        batch_size: over all replicas. Each element is one replica's share, replica 0's first.
        seed: whole number; start: number of the first batch.
        flip: mirror each image with probability one half.
        replicas: number of shares.
        labelled: int64 [M], the numbers of the examples whose labels may be used; None is all. Given, no image of the
            one stream has a label, and as large batches of these examples come beside, in an endless order of their own.
        measure: function (images float32 [B, H, W, C], int64 numbers [B]) -> what is seen of these examples, {"images",
            "theta"?}, see `data.measuring`; None shows the images themselves.

    Returns:
        `tf.data.Dataset` of {"images": float32 in [-1, 1] (points as they are), "labels"?: int32}, or with `labelled` of
        {"images", "labelled_images": likewise, "labelled_labels": int32}. With `measure` "images" are measurements.

    Raises:
        ZooError: points are to be mirrored; images are to be mirrored and measured, which would see both sides of each.
    """
    if flip and measure:
        raise ZooError("data.flip would measure each image twice, from both sides; leave it out, or data.measurement.")
    if flip and images.ndim != 4:
        raise ZooError(f"data.flip mirrors images, and the data has shape {list(images.shape)}; leave it out.")
    share = batch_size // replicas
    rows = gather(images)
    classes = None if labels is None else gather(labels)
    chosen = None if labelled is None else gather(labelled)

    def images_of(numbers, batch, first, purpose):
        values = as_floats(rows(numbers))
        values = tf.ensure_shape(values, [share, *images.shape[1:]])
        values = mirrored(values, fold(fold(seed_of(seed), purpose), batch), batch_size, first) if flip else values
        return measure(values, numbers) if measure else {"images": values}

    def element(number):
        batch, first = number // replicas, number % replicas * share  # the share's first example within the batch
        positions = tf.ensure_shape(batch * batch_size + first + tf.range(share, dtype=tf.int64), [share])
        numbers = example_numbers(positions, len(images), seed)
        result = images_of(numbers, batch, first, "flip")
        if chosen is not None:
            numbers = chosen(example_numbers(positions, len(labelled), seed, stream=1))
            result["labelled_images"] = images_of(numbers, batch, first, "flip labelled")["images"]
            result["labelled_labels"] = tf.ensure_shape(classes(numbers), [share])
        elif classes is not None:
            result["labels"] = tf.ensure_shape(classes(numbers), [share])
        return result

    numbers = tf.data.Dataset.range(start * replicas, np.iinfo(np.int64).max)
    return numbers.map(element, num_parallel_calls=2, deterministic=True).prefetch(4)
