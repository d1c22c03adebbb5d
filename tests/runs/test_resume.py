"""A run that is killed at any moment, repeatedly, ends with the same bits as an uninterrupted one."""

import random
import signal
import time

import numpy as np
import pytest

STEPS = 200
SMALL = [
    "--model=ambientgan",
    f"--set=steps={STEPS}",
    "--set=batch_size=4",
    "--set=steps_per_call=5",
    "--set=discriminator_steps=2",
    "--set=data.resolution=16",
    "--set=data.flip=true",
    "--set=data.measurement.kind=none",
    "--set=arguments.norm=spectral",
    "--set=arguments.generator_channels=2",
    "--set=arguments.discriminator_channels=2",
    "--set=generator_optimizer.schedule=linear",
    "--set=evaluation.samples=100",
    "--set=evaluation.every_steps=80",
    "--set=checkpoints.every_steps=5",
    "--set=log.samples_every_steps=100000",
]


@pytest.fixture
def start(commands):
    """Function (folder) that starts or resumes the run and returns its `Command`."""
    return lambda folder: commands.start("train", *SMALL, f"--workdir={folder}", join_stderr=True)


def finish(process):
    assert process.wait() == 0, process.output()
    return process.output()


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


def wait_for_a_checkpoint(process, folder, before):
    while newest(folder) == before and process.poll() is None:
        time.sleep(0.002)


def stop_in_time(process, folder):
    """SIGTERM after the next checkpoint: the run saves another one and says how to resume."""
    wait_for_a_checkpoint(process, folder, newest(folder))
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 1
    assert f"--workdir={folder}" in process.output()
    assert 0 < newest(folder) < STEPS


@pytest.mark.parametrize("kills", [2, pytest.param(11, marks=pytest.mark.slow)])
def test_kills_at_random_moments_and_a_sigterm_leave_no_trace(start, tmp_path, kills):
    folder, moments = tmp_path / "run", random.Random(0)
    killed_at = []
    for kill in range(kills):
        if kill == 1:
            stop_in_time(start(folder), folder)  # the next run resumes from there
        process, before = start(folder), newest(folder)
        if kill % 4 == 3:
            time.sleep(moments.uniform(0.2, 8))  # at any moment: during restoring or tracing
        else:
            wait_for_a_checkpoint(process, folder, before)  # during training and saving
            time.sleep(moments.uniform(0, 0.15))
        assert process.poll() is None, f"ended before kill {kill}: {process.output()}"
        process.kill()
        killed_at.append(newest(folder))
    assert len(set(killed_at)) >= 0.7 * kills, f"the kills did not hit the training: {killed_at}"
    latest = folder / "checkpoints" / f"checkpoint-{newest(folder):09d}.npz"
    latest.write_bytes(latest.read_bytes()[:-1000])  # as if the disk had lost the end of the newest checkpoint
    output = finish(start(folder))
    assert "damaged checkpoint" in output
    assert "the previous checkpoint is used" in output
    assert not list(folder.rglob(".*tmp*"))

    finish(start(tmp_path / "uninterrupted"))
    assert_bit_equal(end_of(folder), end_of(tmp_path / "uninterrupted"))
    assert scores_of(folder) == scores_of(tmp_path / "uninterrupted")
