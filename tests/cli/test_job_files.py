"""Job files: what a cluster reads in them, and the TF_CONFIG that a container makes of its number."""

import json
import subprocess

import pytest
import yaml

from tfgan_zoo.cli.job_files import KINDS, JobSettings, job_file
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
    arguments = ["--workers=3", f"--job={kind}", "--gpus=2", "--restarts=5", "--image=registry/zoo:1", "--volume=claim"]
    done = commands.run("launch", *arguments, "--name=biggan", "--", *COMMAND, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, job_file(kind, JOB))
    assert list(tmp_path.iterdir()) == []
