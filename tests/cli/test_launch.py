"""Several workers on this machine: the same weights as several replicas of one, and clear ends when one of them fails."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tfgan_zoo.cli.local_cluster import LocalCluster, free_ports
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.training.checkpoints import Checkpoints

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "--model=gan", "--preset=ring8", "--set", "steps_per_call=2", "--set", "checkpoints.every_steps=4", "--set",
    "checkpoints.keep=9", "--set", "evaluation.samples=0",
]  # fmt: skip
SCORED = ["--set", "evaluation.samples=250", "--set", "evaluation.every_steps=4"]
# Sums of floats depend on the number of threads.
ENVIRONMENT = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def run(*command, cwd):
    """The `CompletedProcess` of `python -m tfgan_zoo.COMMAND ...`."""
    command = [sys.executable, "-m", f"tfgan_zoo.{command[0]}", *command[1:]]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)


def train(folder, *changes, steps, cwd):
    process = run("train", *SMALL, f"--workdir={folder}", "--set", f"steps={steps}", *changes, cwd=cwd)
    assert process.returncode == 0, process.stderr
    return process


def launched(*arguments, cwd):
    """`launch --workers=2 ...`, just started, with its output in cwd/chief.log."""
    command = [sys.executable, "-m", "tfgan_zoo.launch", "--workers=2", "--threads=1", "--logs=logs", *arguments]
    with open(cwd / "chief.log", "ab") as output:
        return subprocess.Popen(command, cwd=cwd, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT)


def checkpoint(folder, step):
    return Checkpoints(folder / "checkpoints").read(step)


def differing(a, b):
    assert a.keys() == b.keys()
    return [name for name in a if a[name].tobytes() != b[name].tobytes()]


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """The folder of a run of 8 steps on two workers."""
    folder = tmp_path_factory.mktemp("workers")
    changes = ["--set", "steps=8", "--set", "checkpoints.sharded=true", *SCORED, "--set", "evaluation.all_workers=true"]
    process = launched("--", "train", *SMALL, "--workdir=run", *changes, cwd=folder)
    assert process.wait(600) == 0, (folder / "chief.log").read_text()
    return folder


def test_two_workers_give_the_bits_and_scores_of_two_replicas_and_resume_on_one_device(two_workers, tmp_path):
    """And one device those of both but for rounding."""
    train("replicas", "--strategy=mirrored:2", *SCORED, steps=8, cwd=tmp_path)
    expected, reached = (checkpoint(f, 8) for f in (tmp_path / "replicas", two_workers / "run"))
    assert differing(expected, reached) == []
    of_two, of_one = ((f / "scores.jsonl").read_text() for f in (two_workers / "run", tmp_path / "replicas"))
    assert of_two.count("\n") == 4 * 2  # four scores at steps 4 and 8
    assert of_two == of_one
    resumed = train(two_workers / "run", "--strategy=one", steps=12, cwd=two_workers)
    assert "Resuming at step 8." in resumed.stdout
    train("one", "--strategy=one", steps=12, cwd=tmp_path)
    alone, mixed = checkpoint(tmp_path / "one", 12), checkpoint(two_workers / "run", 12)
    for name, value in alone.items():
        np.testing.assert_allclose(mixed[name].astype(float), value.astype(float), atol=1e-5, err_msg=name)


def test_the_chief_alone_writes_all_but_parts_of_checkpoints_and_its_export_names_no_cluster(two_workers):
    assert {p.name for p in two_workers.iterdir()} == {"run", "logs", "chief.log"}
    parts = [f"checkpoint-{step:09d}.part-{i}-of-2.npz" for step in (4, 8) for i in range(2)]
    assert {p.name for p in (two_workers / "run" / "checkpoints").iterdir()} >= set(parts)
    assert (two_workers / "run" / "export" / "gan" / "1" / "model_card.json").exists()
    assert b"/job:worker" not in (two_workers / "run" / "export" / "gan" / "1" / "saved_model.pb").read_bytes()
    chief, other = (two_workers / "chief.log").read_text(), (two_workers / "logs" / "worker-1.log").read_text()
    assert re.search(r"^Devices: 2 workers, 2 replicas \(--strategy=auto\)$", chief, re.MULTILINE)
    assert "Next:" in chief
    assert "Next:" not in other
    made = re.findall(r"^Step (\d): made and embedded (\d+) of the samples for the scores\.$", other, re.MULTILINE)
    assert made == [("4", "100"), ("8", "100")]  # the second batch of 250
    assert "Traceback" not in chief + other


def processes_of(launcher):
    """The process ids of the workers of a launcher, in their order."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    indices = {}
    for child in map(int, children):
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        config = next((v for v in environment if v.startswith(b"TF_CONFIG=")), None)
        if config:
            indices[json.loads(config.partition(b"=")[2])["task"]["index"]] = child
    return [indices[i] for i in sorted(indices)]


def wait_for(path):
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} has not come")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("worker", "number", "status"),
    [(0, signal.SIGKILL, 137), (1, signal.SIGKILL, 137), (0, signal.SIGSTOP, 75), (1, signal.SIGSTOP, 75)],
)
def test_a_killed_or_frozen_worker_is_named_within_a_minute_and_the_run_resumes_with_the_same_bits(
    worker, number, status, tmp_path
):
    command = ["--", "train", *SMALL, "--workdir=run", "--set"]
    launcher = launched(*command, "steps=40000", cwd=tmp_path)
    wait_for(tmp_path / "run" / "checkpoints" / "checkpoint-000000008.npz")
    victim, began = processes_of(launcher)[worker], time.monotonic()
    os.kill(victim, number)
    assert launcher.wait(100) == status
    assert time.monotonic() - began < 60
    other = tmp_path / ("logs/worker-1.log" if worker == 0 else "chief.log")
    assert re.search(rf"error: worker {worker} \(127\.0\.0\.1:\d+\) is gone: ", other.read_text())
    assert "Traceback" not in other.read_text()
    steps = 4 + max(int(p.stem.partition("-")[2]) for p in (tmp_path / "run" / "checkpoints").glob("checkpoint-*.npz"))
    assert launched(*command, f"steps={steps}", cwd=tmp_path).wait(300) == 0
    train("replicas", "--strategy=mirrored:2", steps=steps, cwd=tmp_path)
    assert differing(checkpoint(tmp_path / "run", steps), checkpoint(tmp_path / "replicas", steps)) == []


@pytest.mark.slow
def test_sigterm_to_one_worker_saves_and_stops_all_and_a_restart_ends_the_run(tmp_path):
    command = ["--restarts=1", "--", "train", *SMALL, "--workdir=run", "--set", "steps=400"]
    launcher = launched(*command, cwd=tmp_path)
    wait_for(tmp_path / "run" / "checkpoints" / "checkpoint-000000008.npz")
    os.kill(processes_of(launcher)[1], signal.SIGTERM)
    assert launcher.wait(600) == 0
    chief = (tmp_path / "chief.log").read_text()
    assert "Stopped and saved." in chief
    assert "Starting all 2 workers again (1 of 1)." in chief
    assert "Resuming at step " in chief
    train("replicas", "--strategy=mirrored:2", steps=400, cwd=tmp_path)
    assert differing(checkpoint(tmp_path / "run", 400), checkpoint(tmp_path / "replicas", 400)) == []


@pytest.mark.slow
@pytest.mark.parametrize("sharded", ["false", "true"])
def test_the_guard_rolls_all_workers_back_alike(sharded, tmp_path):
    """To step 4 and once more, since the discriminator's loss is below the bound in every check from step 8 on."""
    guard = ["on_collapse=rollback", "rollbacks=1", "loss_floor=1000", "from_step=4", "rate_factor=0.5"]
    command = ["train", *SMALL, "--set", "steps=12", *(f"--set=guard.{change}" for change in guard)]
    command += ["--set", f"checkpoints.sharded={sharded}"]
    ends = []
    for name in ("workers", "replicas"):
        options = [f"--workdir={name}", *(["--strategy=mirrored:2"] if name == "replicas" else [])]
        if name == "workers":
            assert launched("--", *command, *options, cwd=tmp_path).wait(300) == 2
            assert "error: worker 0: step 8: " in (tmp_path / "logs" / "worker-1.log").read_text()
        else:
            assert run(*command, *options, cwd=tmp_path).returncode == 2
        collapses = (tmp_path / name / "collapses.jsonl").read_text().splitlines()
        ends.append((checkpoint(tmp_path / name, 4), [json.loads(line)["went_back_to"] for line in collapses]))
    assert ends[0][1] == ends[1][1] == [4, None]
    assert differing(ends[0][0], ends[1][0]) == []
    assert int(ends[0][0]["guard/rollbacks"]) == 1


def refused_workers(options, folders):
    """What two workers print as errors, worker i with its options and in its folder, that all end with status 2."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    workers = []
    for index, (changes, folder) in enumerate(zip(options, folders, strict=True)):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        command = [sys.executable, "-m", "tfgan_zoo.train", *SMALL, "--workdir=run", *changes]
        environment = {**ENVIRONMENT, "TF_CONFIG": json.dumps(config)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        workers.append(subprocess.Popen(command, cwd=folder, env=environment, **pipes))
    errors = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [2, 2]
    return errors


@pytest.mark.slow
@pytest.mark.parametrize("change", ["seed={}", "arguments.noise_size=1{}"])
def test_workers_of_other_recipes_are_refused_on_all(change, tmp_path):
    """Also where their networks differ in shape."""
    for error in refused_workers([["--set", change.format(index)] for index in range(2)], [tmp_path] * 2):
        assert re.search(r"^error: workers differ: the recipe of worker 1\.", error, re.MULTILINE), error
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_parts_of_checkpoints_on_different_disks_are_refused_on_all(tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    for error in refused_workers([["--set", "checkpoints.sharded=true"]] * 2, folders):
        assert re.search(r"^error: workers differ: the disk of --workdir of worker 1\.", error, re.MULTILINE), error
    assert not (folders[1] / "run").exists()


def test_a_missing_worker_ends_the_others_in_a_sentence(tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 0}}
    environment = {**ENVIRONMENT, "TF_CONFIG": json.dumps(config), "TFGAN_ZOO_WORKERS_TIMEOUT": "1"}
    command = [sys.executable, "-m", "tfgan_zoo.train", *SMALL, "--workdir=run"]
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert process.returncode == -signal.SIGKILL
    assert f"error: after 1 s not all of these workers had started: {', '.join(addresses)}." in process.stderr


def test_a_worker_whose_port_is_taken_ends_in_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addresses = [f"127.0.0.1:{port}" for port in (taken.getsockname()[1], *free_ports(1))]
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 0}}
        environment = {**ENVIRONMENT, "TF_CONFIG": json.dumps(config), "TFGAN_ZOO_WORKERS_TIMEOUT": "60"}
        command = [sys.executable, "-m", "tfgan_zoo.train", *SMALL, "--workdir=run"]
        process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert process.returncode == 2
    assert f"error: worker 0 cannot listen on {addresses[0]}: another process does." in process.stderr
    assert "Traceback" not in process.stderr


def test_a_command_is_needed_and_must_exist(commands, tmp_path):
    process = commands.run("launch", "--workers=2", cwd=tmp_path)
    assert (process.returncode, process.stderr[:27]) == (2, "error: give a command after")
    with pytest.raises(ZooError, match=r"no command 'trian'\. Did you mean 'train'"):
        LocalCluster(2, ["trian"], "logs")


def test_gpus_are_dealt_out_to_the_workers_of_one_machine(monkeypatch, tmp_path):
    """The command prints what it may see. A worker beyond the GPUs gets none."""
    for count, visible, expected in ((2, "2,3,5", ["2,5", "3"]), (3, "0,1", ["0", "1", "-1"]), (2, "-1", ["-1", "-1"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        logs = tmp_path / f"{count}-{visible}"
        cluster = LocalCluster(count, ["train"], str(logs), threads=1)
        cluster.command = [sys.executable, "-c", "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"]
        assert cluster.run() == 0
        for index in range(1, count):
            assert (logs / f"worker-{index}.log").read_text().strip() == expected[index]


def test_a_users_mistake_ends_all_with_its_status_and_its_words_and_is_not_tried_again(tmp_path, capfd):
    """Here a name that no model has."""
    cluster = LocalCluster(2, ["train", "--model=sngn"], str(tmp_path / "logs"), threads=1)
    assert cluster.run(restarts=3) == 2
    written = capfd.readouterr()
    assert "no model 'sngn'. Did you mean 'sngan'" in written.err
    assert "Starting all" not in written.out
    assert "no model 'sngn'" in (tmp_path / "logs" / "worker-1.log").read_text()
