"""Job files: what a cluster reads in them, and the TF_CONFIG that a container makes of its number."""

import dataclasses
import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from tfgan_zoo.cli.job_files import KINDS, TPU_KINDS, JobSettings, job_file
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.training.strategies import cluster

COMMAND = ("train", "--model=biggan", "--workdir=/runs/big one", "--set", "data.source=folder:/my pictures")
JOB = JobSettings("biggan", 3, COMMAND, gpus=2, restarts=5, image="registry/zoo:1", volume="claim")
# python as a function that prints TF_CONFIG and its arguments, a line each
FAKE = """exec() { "$@"; }; python() { printf '%s\\n' "$TF_CONFIG" "$@"; }; """


def test_slurm_starts_one_task_per_node_and_requeues_what_a_restart_can_mend():
    script = job_file("slurm", JOB)
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2] for line in script.splitlines() if "#SBATCH" in line
    )
    assert (options["nodes"], options["ntasks-per-node"]) == ("3", "1")
    assert options["gpus-per-task"] == "2"
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=True).returncode == 0
    for status, restarts, requeued in ((0, 0, False), (1, 0, True), (75, 4, True), (75, 5, False), (2, 0, False)):
        fakes = (
            f"srun() {{ printf '%s\\n' \"$@\"; return {status}; }}; scontrol() {{ echo requeued $2; }}; SLURM_JOB_ID=7;"
        )
        done = subprocess.run(
            ["bash", "-c", f"{fakes} SLURM_RESTART_COUNT={restarts}\n{script}"], capture_output=True, text=True
        )
        lines = done.stdout.splitlines()
        assert done.returncode == status
        assert ("requeued 7" in lines) == requeued
        assert lines[2:][: len(COMMAND) + 2] == ["python", "-m", "tfgan_zoo.train", *COMMAND[1:]]


@pytest.mark.parametrize("kind", ["kubernetes", "jobset"])
def test_each_pod_of_kubernetes_knows_all_workers_and_its_own_number(kind, monkeypatch):
    *services, job = yaml.safe_load_all(job_file(kind, JOB))
    spec, host = job["spec"], "biggan-{}.biggan:2222"
    if kind == "jobset":
        (replicated,) = spec["replicatedJobs"]
        assert (spec["failurePolicy"], replicated["replicas"]) == ({"maxRestarts": 5}, 1)
        assert spec["network"] == {"enableDNSHostnames": True, "subdomain": "biggan"}
        spec, host = replicated["template"]["spec"], "biggan-worker-0-{}.biggan:2222"
    else:
        assert services[0]["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
        assert services[0]["metadata"]["name"] == spec["template"]["spec"]["subdomain"] == "biggan"
        assert services[0]["spec"]["clusterIP"] == "None"
    assert (spec["completions"], spec["parallelism"], spec["completionMode"]) == (3, 3, "Indexed")
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["restartPolicy"] == {"kubernetes": "OnFailure", "jobset": "Never"}[kind]
    assert container["image"] == "registry/zoo:1"
    assert container["resources"] == {"limits": {"nvidia.com/gpu": "2"}}
    assert container["volumeMounts"] == [{"name": "runs", "mountPath": "/runs"}]
    assert pod["volumes"] == [{"name": "runs", "persistentVolumeClaim": {"claimName": "claim"}}]
    for index in range(3):
        shell = ["bash", "-c", FAKE + container["command"][2]]
        done = subprocess.run(
            shell, capture_output=True, text=True, check=True, env={"JOB_COMPLETION_INDEX": str(index)}
        )
        config, *arguments = done.stdout.splitlines()
        assert arguments == ["-m", "tfgan_zoo.train", *COMMAND[1:]]
        assert json.loads(config)["task"]["index"] == index
        monkeypatch.setenv("TF_CONFIG", config)
        assert cluster().cluster_spec().as_dict() == {"worker": [host.format(i) for i in range(3)]}
        assert cluster().task_id == index


ONE = dataclasses.replace(JOB, workers=1, gpus=0, tpu="v5litepod-4")


def test_a_tpu_machine_of_gke_has_its_chips_and_the_strategy():
    job = yaml.safe_load(job_file("gke_tpu", ONE))
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["spec"]["backoffLimit"] == 5
    assert pod["nodeSelector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
        "cloud.google.com/gke-tpu-topology": "2x2",
    }
    assert container["resources"] == {"limits": {"google.com/tpu": "4"}}
    assert container["env"] == [{"name": "TPU_NAME", "value": "local"}]
    done = subprocess.run(["bash", "-c", FAKE + container["command"][2]], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == ["-m", "tfgan_zoo.train", *COMMAND[1:], "--strategy=tpu"]


def test_a_queued_resource_mounts_the_disk_and_trains_whenever_the_machine_starts():
    fakes = """gcloud() { printf 'gcloud %s\n' "$@"; for a in "$@"; do case "$a" in *startup-script=*) cp "${a##*=}" startup;; esac; done; }
    """
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["bash", "-c", fakes + job_file("queued_resource", ONE)],
            capture_output=True, text=True, check=True, cwd=folder, env={**os.environ, "ZONE": "z", "PROJECT": "p"},
        )  # fmt: skip
        startup = (Path(folder) / "startup").read_text()
    asked = [line.removeprefix("gcloud ") for line in done.stdout.splitlines()]
    assert asked[:5] == ["compute", "tpus", "queued-resources", "create", "biggan"]
    assert {"--accelerator-type=v5litepod-4", "--runtime-version=v2-alpha-tpuv5-lite", "--zone=z"} <= set(asked)
    assert "--data-disk=source=projects/p/zones/z/disks/claim,mode=read-write" in asked
    fakes = (
        """mkdir() { :; }; mountpoint() { false; }; mount() { echo mount "$@"; }; docker() { printf '%s\n' "$@"; }; """
    )
    done = subprocess.run(["bash", "-c", fakes + startup], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "mount -o discard,defaults /dev/sdb /runs"
    assert {"--restart=on-failure:5", "TPU_NAME=local", "/runs:/runs"} <= set(lines)
    image = lines.index("registry/zoo:1")
    assert lines[image + 1 :] == ["python", "-m", "tfgan_zoo.train", *COMMAND[1:], "--strategy=tpu"]


@pytest.mark.parametrize("kind", TPU_KINDS)
def test_more_than_one_tpu_machine_is_refused(kind):
    with pytest.raises(ZooError, match="--workers=3: a TPU machine is one worker"):
        job_file(kind, dataclasses.replace(ONE, workers=3))
    with pytest.raises(ZooError, match="--gpus=2: a TPU machine has none"):
        job_file(kind, dataclasses.replace(ONE, gpus=2))
    with pytest.raises(ZooError, match=r"no TPU machine of one host 'v5litepod-9'\. Did you mean"):
        job_file(kind, dataclasses.replace(ONE, tpu="v5litepod-9"))


def test_what_no_cluster_could_run_is_refused():
    for workdir in ("runs/gan", "/gan"):  # a volume at / would hide the container's own files
        with pytest.raises(ZooError, match=r"a job needs --workdir=/volume/run, an absolute path"):
            job_file("slurm", JobSettings("a", 2, ("train", "--model=gan", f"--workdir={workdir}")))
    with pytest.raises(ZooError, match=r"no command 'trian'\. Did you mean 'train'"):
        job_file("kubernetes", JobSettings("a", 2, ("trian", *COMMAND[1:])))
    with pytest.raises(ZooError, match="--name=Big_GAN: expected lower-case letters"):
        job_file("kubernetes", JobSettings("Big_GAN", 2, COMMAND))
    with pytest.raises(ZooError, match=r"no kind of job 'slrm'\. Did you mean 'slurm'"):
        job_file("slrm", JOB)


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_prints_the_file_and_starts_nothing(kind, commands, tmp_path):
    job = dataclasses.replace(JOB, workers=1, gpus=0) if kind in TPU_KINDS else JOB
    arguments = [
        f"--workers={job.workers}",
        f"--job={kind}",
        f"--gpus={job.gpus}",
        "--restarts=5",
        "--image=registry/zoo:1",
        "--volume=claim",
    ]
    done = commands.run("launch", *arguments, "--name=biggan", "--", *COMMAND, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, job_file(kind, job))
    assert list(tmp_path.iterdir()) == []
