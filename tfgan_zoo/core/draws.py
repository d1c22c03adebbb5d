"""Random numbers as a pure function of seed, step and purpose, independent of how a batch is split over replicas."""

import copy
import zlib
from collections.abc import Callable, Sequence

import tensorflow as tf


def fold(seed: tf.Tensor, purpose: str | int | tf.Tensor) -> tf.Tensor:
    """Derives a seed int32 [2] from `seed` int32 [2] and `purpose`, a word or an integer (or integer tensor)."""
    if isinstance(purpose, str):
        purpose = zlib.crc32(purpose.encode()) & 0x7FFFFFFF
    return tf.random.fold_in(seed, tf.cast(purpose, tf.int32), alg="philox")


def seed_of(number: int | tf.Tensor) -> tf.Tensor:
    """The seed int32 [2] of an integer or an int64 scalar tensor."""
    if tf.is_tensor(number):
        halves = tf.stack([number, tf.bitwise.right_shift(number, tf.constant(31, tf.int64))])
        return tf.cast(tf.bitwise.bitwise_and(halves, tf.constant(0x7FFFFFFF, tf.int64)), tf.int32)
    return tf.constant([int(number) & 0x7FFFFFFF, (int(number) >> 31) & 0x7FFFFFFF], tf.int32)


def uniform(seed: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """float32 of `shape` in (0, 1), computed from random bits, so that eager mode, graphs, XLA and TensorFlow versions agree.

    seed: int32 [2]. The values are the odd multiples of 2^-24.
    """
    bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
    return (tf.cast(tf.bitwise.bitwise_and(bits, 0x7FFFFF), tf.float32) + 0.5) * 2.0**-23


def position_independent(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """function(x), elementwise, such that no value depends on its position. Kernels handle the remainder after the last full
    vector register separately, and may round it differently; padding to whole registers avoids that."""
    padded = tf.pad(tf.reshape(x, [-1]), [[0, -tf.size(x) % 64]])
    return tf.ensure_shape(tf.reshape(function(padded)[: tf.size(x)], tf.shape(x)), x.shape)


def normal_of(uniform: tf.Tensor) -> tf.Tensor:
    """Standard normal float32 from uniform float32 in (0, 1), any shape, by the inverse distribution function."""
    return 2**0.5 * position_independent(tf.math.erfinv, 2 * uniform - 1)


class Draws:
    """Random numbers for examples `first` to `first + count` of a batch of `total`.

    The whole batch is drawn and then sliced, so example i gets the same numbers on any number of replicas.

    Args:
        seed: int32 [2].
        total: examples in the global batch.
        first: index of the first example (an integer or scalar tensor).
        count: number of examples; None for all of them.
    """

    def __init__(self, seed: tf.Tensor, total: int, first: int | tf.Tensor = 0, count: int | None = None) -> None:
        self.seed, self.total, self.first = seed, total, first
        self.count = total if count is None else count

    def fold(self, purpose: str | int) -> "Draws":
        """`Draws` of other numbers for the same examples: to sample a prior a second time, for style mixing for instance."""
        return Draws(fold(self.seed, purpose), self.total, self.first, self.count)

    def uniform(self, purpose: str, shape: Sequence[int] = ()) -> tf.Tensor:
        """Uniform float32 [count, *shape] in (0, 1)."""
        whole = uniform(fold(self.seed, purpose), [self.total, *shape])
        return tf.slice(whole, [self.first] + [0] * len(shape), [self.count, *shape])

    def normal(self, purpose: str, shape: Sequence[int] = ()) -> tf.Tensor:
        """Standard normal float32 [count, *shape]."""
        return normal_of(self.uniform(purpose, shape))

    def integers(self, purpose: str, limit: int, shape: Sequence[int] = ()) -> tf.Tensor:
        """Uniform int32 [count, *shape] in [0, limit), for limits far below 2^23."""
        return tf.cast(self.uniform(purpose, shape) * limit, tf.int32)


class SeededDraws:
    """Random numbers for examples with a seed each, so that an image does not depend on the other images of a batch.

    It has the methods of `Draws`.

    seeds: int64 [B].
    """

    def __init__(self, seeds: tf.Tensor) -> None:
        halves = tf.stack([tf.bitwise.bitwise_and(seeds, 0x7FFFFFFF), tf.bitwise.right_shift(seeds, 31)], axis=1)
        self.seeds = tf.cast(tf.bitwise.bitwise_and(halves, 0x7FFFFFFF), tf.int32)  # as `seed_of`

    def fold(self, purpose: str | int) -> "SeededDraws":
        """`SeededDraws` of other numbers for the same examples."""
        other = copy.copy(self)
        fold_one = lambda seed: fold(seed, purpose)  # noqa: E731
        other.seeds = tf.map_fn(fold_one, self.seeds, fn_output_signature=tf.TensorSpec([2], tf.int32))
        return other

    def uniform(self, purpose: str, shape: Sequence[int] = ()) -> tf.Tensor:
        """Uniform float32 [B, *shape] in (0, 1)."""
        return tf.map_fn(lambda seed: uniform(fold(seed, purpose), shape), self.seeds, fn_output_signature=tf.float32)

    def normal(self, purpose: str, shape: Sequence[int] = ()) -> tf.Tensor:
        """Standard normal float32 [B, *shape]."""
        return normal_of(self.uniform(purpose, shape))

    def integers(self, purpose: str, limit: int, shape: Sequence[int] = ()) -> tf.Tensor:
        """Uniform int32 [B, *shape] in [0, limit), for limits far below 2^23."""
        return tf.cast(self.uniform(purpose, shape) * limit, tf.int32)
