"""What a TPU asks of a training step: one program for all replicas, in which a replica's number is not known beforehand."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import results, tpu_programs
from tfgan_zoo.core.replicas import draws_for_replica
from tfgan_zoo.layers import BatchNorm, MinibatchStdDev


class Noisy(keras.layers.Layer):
    """Adds what this replica draws."""

    def call(self, x):
        return x + draws_for_replica(tf.constant([1, 2]), x.shape[0]).normal("noise", x.shape[1:])


@pytest.mark.parametrize(
    ("layer", "shared"),
    [
        (MinibatchStdDev(4), "all-reduce"),
        (MinibatchStdDev(), "all-reduce"),
        (BatchNorm(), "all-reduce"),
        (Noisy(), "replica-id"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_replicas_share_becomes_one_program(layer, shared):
    strategy, images = tpu_programs.one_program(4), tf.zeros([2, 4, 4, 3])

    @tf.function(jit_compile=True, autograph=False)
    def step(images):
        """A penalty on the gradient has a second derivative."""
        with tf.GradientTape() as tape:
            tape.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                squares = strategy.run(lambda images: layer(images, training=True), (images,)) ** 2
            penalty = tf.reduce_sum(inner.gradient(squares, images) ** 2)
        return tape.gradient(penalty, images)

    layer(images)
    assert f" {shared}(" in step.experimental_get_compiler_ir(images)(stage="hlo")


def test_a_recipe_is_divided_among_chips_and_parts():
    whole = tpu_programs.recipe_of("biggan", "imagenet128")
    assert (whole.batch_size, whole.accumulation) == (2048 // 8, 1)  # one of the parts whose gradients are accumulated
    assert tpu_programs.recipe_of("biggan", "imagenet128", share=1 / 64, chips=4).batch_size == 4
    assert tpu_programs.recipe_of("began", "celeba128", share=1 / 4, chips=4).batch_size == 4


MESSAGES = {
    "temporaries": "Ran out of memory on HBM, the total memory required for HLO temporaries (110.4G) exceeds available HBM (15.75G).",
    "all": "Ran out of memory in memory space hbm. Used 110.40G of 15.75G hbm. Exceeded hbm capacity by 94.65G.",
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_batch_that_does_not_fit_is_divided_by_as_much_as_it_exceeds_the_memory(tmp_path, monkeypatch, message):
    asked = []

    def run(command, log):
        path, share = command[-1], command[-3]
        if "--lower" in command:
            path.touch()
            path.with_suffix(".json").write_text(json.dumps({"batch_size": 64 * share}))
            asked.append(share)
        else:
            used = {1: "110.4", 1 / 8: "16.2"}.get(asked[-1])  # GiB; 3 for the weights
            path.write_text(json.dumps({"refused": message.replace("110.4", used)} if used else {"flops": 1.0}))

    monkeypatch.setattr(tpu_programs, "run", run)
    found = tpu_programs.program("began", "celeba128", "v5e:2x2", 1, tmp_path, "python")
    assert asked == [1, 1 / 8, 1 / 16]  # 110.4 / 15.75 is 7.01
    assert (found["batch_size"], found["share"], found["flops"]) == (4, 1 / 16, 1)


@pytest.mark.slow
def test_steps_compile_for_a_tpu_that_is_not_there(tmp_path):
    places = [f"--{name}={tmp_path / name}" for name in ("folder", "environment", "results")]
    what = ["--models=gan,pggan", "--recipes=quickstart", "--topologies=v5e:2x2", "--effort=-1"]
    command = [sys.executable, "-m", "benchmarks.tpu_programs", *what, *places]
    done = subprocess.run(command, cwd=results.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "results" / "tpu_programs.json").read_text())["figures"]
    assert len(figures) == 4
    for name, found in figures.items():
        assert found["memory"]["temp"] > 0
        assert ("all-reduce" in found["collectives"]) == (" on 4 " in name)
        assert np.isfinite(found["flops"])
