"""Random numbers as a pure function of seed, step and purpose, the same however a batch is split over replicas."""

import copy
import zlib

import tensorflow as tf


def fold(seed, purpose):
    """A seed int32 [2] that depends on `seed` int32 [2] and on `purpose`, a word or a whole number (tensors too)."""
    if isinstance(purpose, str):
        purpose = zlib.crc32(purpose.encode()) & 0x7FFFFFFF
    return tf.random.fold_in(seed, tf.cast(purpose, tf.int32), alg="philox")


def seed_of(number):
    """The seed int32 [2] that a whole number stands for, or an int64 scalar tensor."""
    if tf.is_tensor(number):
        halves = tf.stack([number, tf.bitwise.right_shift(number, tf.constant(31, tf.int64))])
        return tf.cast(tf.bitwise.bitwise_and(halves, tf.constant(0x7FFFFFFF, tf.int64)), tf.int32)
    return tf.constant([int(number) & 0x7FFFFFFF, (int(number) >> 31) & 0x7FFFFFFF], tf.int32)


def uniform(seed, shape):
    """float32 of `shape` in (0, 1), made of random bits alone, so that graphs, XLA and TensorFlow's versions agree.

    seed: int32 [2]. The values are the odd multiples of 2^-24.
    """
    bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
    return (tf.cast(tf.bitwise.bitwise_and(bits, 0x7FFFFF), tf.float32) + 0.5) * 2.0**-23


def position_independent(function, x):
    """function(x), elementwise, so that a value does not depend on its place: kernels compute what is left over after
    their last whole vector in another way, which may differ in the last bit."""
    padded = tf.pad(tf.reshape(x, [-1]), [[0, -tf.size(x) % 64]])
    return tf.ensure_shape(tf.reshape(function(padded)[: tf.size(x)], tf.shape(x)), x.shape)


def normal_of(uniform):
    """Standard normal float32 of uniform float32 in (0, 1), any shape, by the inverse of the distribution function."""
    return 2**0.5 * position_independent(tf.math.erfinv, 2 * uniform - 1)


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

    def fold(self, purpose):
        """`Draws` of other numbers for the same examples: to sample a prior a second time, for style mixing for instance."""
        return Draws(fold(self.seed, purpose), self.total, self.first, self.count)

    def uniform(self, purpose, shape=()):
        """Uniform float32 [count, *shape] in (0, 1)."""
        drawn = uniform(fold(self.seed, purpose), [self.total, *shape])
        return tf.slice(drawn, [self.first] + [0] * len(shape), [self.count, *shape])

    def normal(self, purpose, shape=()):
        """Standard normal float32 [count, *shape]."""
        return normal_of(self.uniform(purpose, shape))

    def integers(self, purpose, limit, shape=()):
        """Uniform int32 [count, *shape] in [0, limit), for a limit far below 2^23."""
        return tf.cast(self.uniform(purpose, shape) * limit, tf.int32)


class SeededDraws:
    """Draws where each example has a seed of its own, so that its image does not depend on its company in a batch.

    Has the methods of `Draws`.

    seeds: int64 [B].
    """

    def __init__(self, seeds):
        halves = tf.stack([tf.bitwise.bitwise_and(seeds, 0x7FFFFFFF), tf.bitwise.right_shift(seeds, 31)], axis=1)
        self.seeds = tf.cast(tf.bitwise.bitwise_and(halves, 0x7FFFFFFF), tf.int32)  # as `seed_of`

    def fold(self, purpose):
        """`SeededDraws` of other numbers for the same examples."""
        other = copy.copy(self)
        fold_one = lambda seed: fold(seed, purpose)  # noqa: E731
        other.seeds = tf.map_fn(fold_one, self.seeds, fn_output_signature=tf.TensorSpec([2], tf.int32))
        return other

    def uniform(self, purpose, shape=()):
        """Uniform float32 [B, *shape] in (0, 1)."""
        return tf.map_fn(lambda seed: uniform(fold(seed, purpose), shape), self.seeds, fn_output_signature=tf.float32)

    def normal(self, purpose, shape=()):
        """Standard normal float32 [B, *shape]."""
        return normal_of(self.uniform(purpose, shape))

    def integers(self, purpose, limit, shape=()):
        """Uniform int32 [B, *shape] in [0, limit), for a limit far below 2^23."""
        return tf.cast(self.uniform(purpose, shape) * limit, tf.int32)
