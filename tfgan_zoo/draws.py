"""Random numbers as a pure function of seed, step and purpose, the same however a batch is split over replicas."""

import zlib

import tensorflow as tf


def fold(seed, purpose):
    """A seed int32 [2] that depends on `seed` int32 [2] and on `purpose`, a word or a whole number (tensors too)."""
    if isinstance(purpose, str):
        purpose = zlib.crc32(purpose.encode()) & 0x7FFFFFFF
    return tf.random.fold_in(seed, tf.cast(purpose, tf.int32))


def seed_of(number):
    """The seed int32 [2] that a whole number stands for."""
    return tf.constant([int(number) & 0x7FFFFFFF, (int(number) >> 31) & 0x7FFFFFFF], tf.int32)


class Draws:
    """Draws for `count` examples that are numbers `first` to `first + count` of a batch of `total`.

    The whole batch is drawn and sliced, so that example i gets the same numbers on any number of replicas.

    Args:
        seed: int32 [2].
        total: examples in the global batch.
        first: number of the first example of this share (a whole number or scalar tensor).
        count: examples in this share; None is all of them.
    """

    def __init__(self, seed, total, first=0, count=None):
        self.seed, self.total, self.first = seed, total, first
        self.count = total if count is None else count

    def normal(self, purpose, shape=()):
        """Standard normal float32 [count, *shape]."""
        return self.share(tf.random.stateless_normal([self.total, *shape], fold(self.seed, purpose)))

    def uniform(self, purpose, shape=(), low=0.0, high=1.0):
        """Uniform float32 [count, *shape] in [low, high)."""
        drawn = tf.random.stateless_uniform([self.total, *shape], fold(self.seed, purpose), low, high)
        return self.share(drawn)

    def integers(self, purpose, limit, shape=()):
        """Uniform int32 [count, *shape] in [0, limit)."""
        drawn = tf.random.stateless_uniform([self.total, *shape], fold(self.seed, purpose), 0, limit, tf.int32)
        return self.share(drawn)

    def share(self, drawn):
        begin = [self.first] + [0] * (len(drawn.shape) - 1)
        return tf.slice(drawn, begin, [self.count, *drawn.shape[1:]])
