"""Batches as a pure function of seed and step: no shuffle buffer, so a resumed run sees what it would have seen."""

import numpy as np
import tensorflow as tf

from tfgan_zoo.draws import Draws, fold, seed_of
from tfgan_zoo.errors import ZooError


def example_numbers(positions, size, seed):
    """Which example stands at each position of the endless stream: every epoch is a permutation of its own.

    positions: int64 [B], counted from the start of training. size: examples in an epoch. Returns int64 [B], below size.
    """
    epochs, within = positions // size, positions % size
    epochs = tf.cast(epochs, tf.int64)
    keys = tf.stack([epochs, tf.fill(tf.shape(epochs), tf.cast(seed, tf.int64)), tf.zeros_like(epochs)], axis=1)
    # By the default of 4 rounds the order is far from random: 15 % of 1,000 examples keep their place in another epoch.
    return tf.random_index_shuffle(within, keys, tf.cast(size - 1, tf.int64), rounds=12)


def gather(array):
    """A function from int64 [B] to the rows of `array`, which stays in memory, or on disk where it is mapped there."""
    if isinstance(array, np.memmap):
        shape, dtype = array.shape[1:], tf.as_dtype(array.dtype)

        def from_disk(numbers):
            rows = tf.numpy_function(lambda n: np.ascontiguousarray(array[n]), [numbers], dtype)
            rows.set_shape([None, *shape])
            return rows

        return from_disk
    held = tf.constant(array)
    return lambda numbers: tf.gather(held, numbers)


def batches(images, labels, batch_size, seed, start=0, flip=False, replicas=1):
    """The endless stream of training batches, from batch number `start` on.

    Args:
        images: uint8 [N, H, W, C], or float32 [N, D] points; labels: int32 [N] or None.
        batch_size: over all replicas. Each element is one replica's share, replica 0's first.
        seed: whole number; start: number of the first batch.
        flip: mirror each image with probability one half.
        replicas: number of shares.

    Returns:
        `tf.data.Dataset` of {"images": float32 in [-1, 1] (points as they are), "labels"?: int32}.

    Raises:
        ZooError: points are to be mirrored.
    """
    if flip and images.ndim != 4:
        raise ZooError(f"data.flip mirrors images, and the data has shape {list(images.shape)}; leave it out.")
    size, share = len(images), batch_size // replicas
    rows = gather(images)
    classes = None if labels is None else gather(labels)

    def element(number):
        batch, replica = number // replicas, number % replicas
        first = batch * batch_size + replica * share
        numbers = example_numbers(tf.range(first, first + share), size, seed)
        numbers = tf.ensure_shape(numbers, [share])
        values = rows(numbers)
        if images.dtype == np.uint8:
            values = tf.cast(values, tf.float32) / 127.5 - 1
        if flip:
            key = fold(fold(seed_of(seed), "flip"), batch)
            mirrored = Draws(key, batch_size, tf.cast(replica * share, tf.int32), share).uniform("mirror") < 0.5
            values = tf.where(mirrored[:, None, None, None], tf.reverse(values, [2]), values)
        result = {"images": tf.ensure_shape(values, [share, *images.shape[1:]])}
        return result if classes is None else {**result, "labels": tf.ensure_shape(classes(numbers), [share])}

    numbers = tf.data.Dataset.range(start * replicas, np.iinfo(np.int64).max)
    return numbers.map(element, num_parallel_calls=2, deterministic=True).prefetch(4)
