"""Which devices a strategy's name means, and what is said where they are not there."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.training import strategies
from tfgan_zoo.training.loop import local_replicas
from tfgan_zoo.training.strategies import automatic, cluster, describe, make_strategy
from tfgan_zoo.training.workers import Workers, lost_sentence

VARIABLES = ("TF_CONFIG", "SLURM_STEP_NUM_TASKS", "TPU_NAME")


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def tf_config(count, index=0):
    addresses = [f"10.0.0.{i}:2222" for i in range(count)]
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


def test_auto_takes_workers_before_a_tpu_before_gpus_before_one_device(monkeypatch):
    assert automatic() == "one"
    assert describe(make_strategy("auto")) == "one CPU"
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a", "b"])
    assert automatic() == "mirrored"
    monkeypatch.setenv("TPU_NAME", "local")
    assert automatic() == "tpu"
    monkeypatch.setenv("TF_CONFIG", tf_config(1))
    assert automatic() == "tpu"
    monkeypatch.setenv("TF_CONFIG", tf_config(2))
    assert automatic() == "multi_worker"


def test_workers_are_those_of_tf_config_or_of_slurm(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(3, index=2))
    resolver = cluster()
    assert resolver.cluster_spec().as_dict() == {"worker": [f"10.0.0.{i}:2222" for i in range(3)]}
    assert resolver.task_id == 2
    monkeypatch.delenv("TF_CONFIG")
    slurm = {"STEP_NUM_TASKS": "4", "PROCID": "2", "STEP_NODELIST": "a[9-10],b", "STEP_TASKS_PER_NODE": "1(x2),2"}
    for name, value in slurm.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    resolver = cluster()
    assert resolver.cluster_spec().as_dict() == {"worker": ["a9:8888", "a10:8888", "b:8888", "b:8889"]}
    assert resolver.task_id == 2


def test_one_process_of_any_kind_is_no_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"chief": ["a:1"]}, "task": {"type": "chief", "index": 0}}')
    assert cluster() is None


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"cluster": {}}', tf_config(2, index=2), tf_config(2).replace('"type": "worker"', '"type": "ps"')],
)
def test_another_tf_config_is_refused_with_an_example(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ZooError, match=r'^TF_CONFIG=.*: expected \{"cluster": \{"worker": '):
        make_strategy("auto")


def test_devices_that_are_not_there_are_refused_with_what_would_do(monkeypatch):
    with pytest.raises(ZooError, match=r"found one worker; .* `python -m tfgan_zoo\.launch --workers=2"):
        make_strategy("multi_worker")
    with pytest.raises(ZooError, match="found no GPU; use --strategy=one, or mirrored:2"):
        make_strategy("mirrored")
    with pytest.raises(ZooError, match=r"--strategy=one:2: expected .* mirrored:2\."):
        make_strategy("one:2")
    monkeypatch.setattr(strategies, "automatic", lambda: "multi_worker")
    with pytest.raises(ZooError, match="--strategy=auto: this command runs on one worker"):
        make_strategy("auto", several_workers=False)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_shares_of_all_workers_are_the_batch_in_its_order(workers):
    images = np.arange(20, dtype=np.float32)[:, None]
    whole = [element["images"].numpy() for element in batches(images, None, 8, 3, start=2).take(3)]
    shares = []
    for worker in range(workers):
        local = local_replicas(tf.distribute.InputContext(workers, worker, num_replicas_in_sync=4))
        elements = batches(images, None, 8, 3, start=2, replicas=4, local=local).take(3 * len(local))
        shares.append(np.reshape([element["images"].numpy() for element in elements], [3, -1, 1]))
    np.testing.assert_array_equal(np.concatenate(shares, axis=1), whole)


def test_one_worker_agrees_with_itself_and_sends_nothing():
    workers = Workers(make_strategy("one"))
    assert (workers.count, workers.index, workers.chief) == (1, 0, True)
    assert [workers.any(flag) for flag in (False, True)] == [False, True]
    assert workers.decided_by_chief({"a": [1, None]}) == {"a": [1, None]}
    workers.check_equal({"a": "b"})
    with pytest.raises(OSError, match="full"):
        workers.on_chief(lambda: (_ for _ in ()).throw(OSError("full")))


@pytest.mark.parametrize("size", [0, 1, 4, 39, 40, 41, 85])
def test_what_the_chief_sends_arrives_in_parts_of_any_length(monkeypatch, size):
    monkeypatch.setattr("tfgan_zoo.training.workers.CHUNK", 40)
    data, sent = bytes(range(size)), []
    chief, other = Workers(make_strategy("one")), Workers(make_strategy("one"))
    chief.count = other.count = 2
    other.index = 1
    chief.gather = lambda values: sent.append(values) or values[None]
    assert chief.from_chief(data) == data
    parts = iter(sent)
    other.gather = lambda values: next(parts)[None]
    assert other.from_chief(b"") == data


def test_the_lost_worker_is_named_by_the_error_or_by_being_the_only_other():
    workers = Workers(make_strategy("one"))
    workers.count, workers.addresses = 2, ["a:1", "b:2"]
    assert lost_sentence("Socket closed", workers).startswith("worker 1 (b:2) is gone: ")
    workers.count, workers.addresses = 3, ["a:1", "b:2", "c:3"]
    message = "from /job:worker/replica:0/task:2: Connection reset, seen by /job:worker/replica:0/task:0"
    assert lost_sentence(message, workers).startswith("worker 2 (c:3) is gone: ")
    assert lost_sentence("Socket closed", workers).startswith("another worker is gone: ")


PAGE_FAULTS = """
import resource
import tensorflow as tf
from tfgan_zoo.training.strategies import make_strategy

strategy = make_strategy("mirrored:2")

def replica_step(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_mean(tf.ones([28, 1, 1]) * x, 0)
        for _ in range(20):
            y = tf.sqrt(y)
    return tape.gradient(y, x)

step = tf.function(lambda x: strategy.run(replica_step, (x,)), autograph=False)
data = strategy.distribute_datasets_from_function(lambda _: tf.data.Dataset.from_tensors(tf.ones([512, 512])).repeat())
iterator = iter(data)
for number in range(20):
    if number == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step(next(iterator))
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts what glibc does")
def test_two_replicas_of_a_process_keep_their_memory_from_step_to_step():
    """Otherwise TensorFlow's iterators make every tensor a mapping of its own: 40,000 page faults a step."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", PAGE_FAULTS], env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 5000
