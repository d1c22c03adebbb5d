"""A run that is killed at any moment, repeatedly, ends with the same bits as an uninterrupted one."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

STEPS = 600
SMALL = [
    "--model=sngan",
    f"--set=steps={STEPS}",
    "--set=batch_size=4",
    "--set=steps_per_call=5",
    "--set=discriminator_steps=2",
    "--set=data.resolution=16",
    "--set=data.flip=true",
    "--set=arguments.network=cnn",
    "--set=arguments.generator_channels=2",
    "--set=arguments.discriminator_channels=2",
    "--set=generator_optimizer.schedule=linear",
    "--set=evaluation.samples=100",
    "--set=evaluation.every_steps=200",
    "--set=checkpoints.every_steps=5",
    "--set=log.samples_every_steps=100000",
]


def start(folder):
    command = [sys.executable, "-m", "tfgan_zoo.train", *SMALL, f"--workdir={folder}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(folder):
    process = start(folder)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def scores_of(folder):
    return (folder / "scores.jsonl").read_text()


def end_of(folder):
    with np.load(folder / "checkpoints" / f"checkpoint-{STEPS:09d}.npz") as archive:
        return {name: archive[name] for name in archive.files}


def assert_bit_equal(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def newest(folder):
    return max((int(p.stem.split("-")[1]) for p in folder.glob("checkpoints/checkpoint-*.npz")), default=0)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    finish(folder)
    return end_of(folder), scores_of(folder)


@pytest.mark.parametrize("kills", [2, pytest.param(11, marks=pytest.mark.slow)])
def test_kills_at_random_moments_leave_no_trace(uninterrupted, tmp_path, kills):
    folder, moments = tmp_path / "run", random.Random(0)
    killed_at = []
    for kill in range(kills):
        process, before = start(folder), newest(folder)
        if kill % 4 == 3:
            time.sleep(moments.uniform(0.2, 8))  # at any moment: during imports, restoring or tracing
        else:
            while newest(folder) == before and process.poll() is None:  # during training and saving
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.15))
        assert process.poll() is None, f"ended before kill {kill}: {process.communicate()[0]}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        killed_at.append(newest(folder))
    assert len(set(killed_at)) >= 0.7 * kills, f"the kills did not hit the training: {killed_at}"
    latest = folder / "checkpoints" / f"checkpoint-{newest(folder):09d}.npz"
    latest.write_bytes(latest.read_bytes()[:-1000])  # as if the disk had lost the end of the newest checkpoint
    output = finish(folder)
    assert "damaged checkpoint" in output
    assert "the previous checkpoint is used" in output
    assert_bit_equal(end_of(folder), uninterrupted[0])
    assert scores_of(folder) == uninterrupted[1]
    assert not list(folder.rglob(".*tmp*"))


def test_after_sigterm_the_run_is_saved_says_how_to_resume_and_ends_the_same(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    process = start(folder)
    while newest(folder) == 0:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"--workdir={folder}" in output
    assert 0 < newest(folder) < STEPS
    finish(folder)
    assert_bit_equal(end_of(folder), uninterrupted[0])
    assert scores_of(folder) == uninterrupted[1]
