"""Which devices a run uses: `--strategy` by name."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError, no_such


def one_device(count: int) -> tf.distribute.Strategy:
    """TensorFlow's default: the first GPU, or the CPU."""
    return tf.distribute.get_strategy()


def mirrored(count: int) -> tf.distribute.Strategy:
    """All GPUs, or `count` of them; without GPUs, `count` logical devices on the CPU, for tests."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        if count and count > len(gpus):
            raise ZooError(f"--strategy=mirrored:{count} asks for {count} GPUs and there are {len(gpus)}.")
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(count or len(gpus))])
    if not count:
        raise ZooError("--strategy=mirrored found no GPU; use --strategy=one, or mirrored:2 to split the CPU in two.")
    cpu = tf.config.list_physical_devices("CPU")[0]
    shares = tf.config.get_logical_device_configuration(cpu)
    if shares is None or len(shares) < count:
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
        except RuntimeError:
            raise ZooError(
                f"--strategy=mirrored:{count}: TensorFlow has already started, so the CPU can no longer be split."
            ) from None
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])


STRATEGIES = {"one": one_device, "mirrored": mirrored}


def make_strategy(name: str) -> tf.distribute.Strategy:
    """The `tf.distribute.Strategy` of a name such as "one", "mirrored" (all GPUs) or "mirrored:2".

    Raises:
        ZooError: no such strategy, or not enough devices.
    """
    kind, _, count = name.partition(":")
    if kind not in STRATEGIES:
        raise no_such("strategy", kind, STRATEGIES)
    if count and not (count.isdigit() and int(count) > 0):
        raise ZooError(f"--strategy={name}: expected a number of devices after the colon, such as {kind}:2.")
    return STRATEGIES[kind](int(count or 0))


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """A context in which layers are built under the Keras dtype policy of this name, such as "mixed_bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
