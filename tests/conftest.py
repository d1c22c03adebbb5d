"""What every test starts from: two logical CPU devices to replicate over, graphs as traced, the default precision, seed 0."""

import contextlib
import functools
import gc
import logging
import os
import re

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import pytest
from command_session import CommandSession


def pytest_collectstart():
    """Only where tests are collected: the process that deals them out to others need not import TensorFlow."""
    start_tensorflow()


@functools.cache
def start_tensorflow():
    import tensorflow as tf

    # Logical devices must be set before TensorFlow starts its runtime.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    # Rewriting a graph takes as long as tracing it, and pays after more steps than tests take. What runs as a command is rewritten.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


class NoDeprecatedCalls(logging.Handler):
    """TensorFlow logs its deprecations in place of warning; a call of ours is an error, as in setup.cfg's `filterwarnings`."""

    def emit(self, record):
        if re.match(
            r"From (?!\S*site-packages)\S*\b(tfgan_zoo|benchmarks|tests)/\S+: .* is deprecated",
            record.getMessage(),
            re.DOTALL,
        ):
            raise DeprecationWarning(record.getMessage())


logging.getLogger("tensorflow").addHandler(NoDeprecatedCalls(logging.WARNING))


@pytest.fixture(autouse=True, scope="module")
def few_objects():
    """What earlier files have left, gigabytes of graphs, is not gone through again at each collection of garbage, of which the server
    makes one whenever it unloads a version."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_keras():
    """Each test starts from seed 0 and leaves Keras' global precision as it found it."""
    import keras

    policy = keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def double():
    import keras

    keras.config.set_dtype_policy("float64")


@pytest.fixture(scope="session")
def two_replicas():
    """The one MirroredStrategy of a test run. Each new one numbers its collectives from the same start, and where two
    differ in type under a number TensorFlow aborts all collectives of the process.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def commands():
    """The `CommandSession` of a test run."""
    with contextlib.closing(CommandSession()) as session:
        yield session


# Two processes share the files among them, in this order: the longest first, so that none is left alone at the end.
LONGEST_FILES = ("test_zoo", "test_resume", "test_command_lines", "test_layers_maths", "test_trainer", "test_export")


def pytest_collection_modifyitems(items):
    ranks = {name: rank for rank, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))  # a stable sort: else as they were
