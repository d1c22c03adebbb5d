"""Job files that start a command on several workers: for SLURM, and for Kubernetes as an Indexed Job or a JobSet; and on one TPU
machine: for GKE, and for Cloud TPU's queue of requests."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfgan_zoo.cli.entry import module_of
from tfgan_zoo.core.errors import ZooError, no_such

PORT = 2222  # of each worker
# TPU machines of one host: {accelerator type: (GKE's accelerator, its topology, chips, the VM's software)}
TPUS = {
    "v5litepod-1": ("tpu-v5-lite-podslice", "1x1", 1, "v2-alpha-tpuv5-lite"),
    "v5litepod-4": ("tpu-v5-lite-podslice", "2x2", 4, "v2-alpha-tpuv5-lite"),
    "v5litepod-8": ("tpu-v5-lite-podslice", "2x4", 8, "v2-alpha-tpuv5-lite"),
    "v5p-8": ("tpu-v5p-slice", "2x2x1", 4, "v2-alpha-tpuv5"),
    "v4-8": ("tpu-v4-podslice", "2x2x1", 4, "tpu-ubuntu2204-base"),
}


@dataclass(frozen=True)
class JobSettings:
    """What a job file is about.

    Attributes:
        name: of the job: lower-case letters, digits and hyphens.
        workers: their number.
        command: of `tfgan-zoo`, with its flags.
        gpus: per worker.
        restarts: how often all workers are started again after a failure.
        image: of the container, for Kubernetes and TPUs; the package must be installed in it.
        volume: the persistent volume claim for the run's folder, for Kubernetes, or the disk, for `queued_resource`; mounted
            where `--workdir` is.
        tpu: the accelerator type, one of `TPUS`.
    """

    name: str
    workers: int
    command: tuple[str, ...]
    gpus: int = 0
    restarts: int = 3
    image: str = "tfgan-zoo:latest"
    volume: str = "runs"
    tpu: str = "v5litepod-8"

    @property
    def workdir(self) -> Path:
        """The run's folder in the command.

        Raises:
            ZooError: it is not given as an absolute path, on which all workers agree.
        """
        for argument in self.command:
            match = re.fullmatch(r"--?workdir=(/.+)", argument)
            if match and Path(match[1]).parent != Path("/"):
                return Path(match[1])
        raise ZooError(
            "a job needs --workdir=/volume/run, an absolute path, in its command: a restarted job resumes there."
        )

    @property
    def line(self) -> str:
        """The command as a line of a shell."""
        return shlex.join(["python", "-m", f"tfgan_zoo.{module_of(self.command[0])}", *self.command[1:]])


def slurm(job: JobSettings) -> str:
    """A batch script. SLURM requeues the job if it is preempted; a failure of one worker ends all, and `scontrol requeue` restarts them."""
    gpus = f"#SBATCH --gpus-per-task={job.gpus}\n" if job.gpus else ""
    return f"""#!/bin/bash
#SBATCH --job-name={job.name}
#SBATCH --nodes={job.workers}
#SBATCH --ntasks-per-node=1
{gpus}#SBATCH --exclusive
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={json.dumps(f"{job.workdir.parent / job.name}-%j.log")}
#SBATCH --signal=TERM@120

# Workers that end with status 1 (stopped by SIGTERM, as before a time limit) or 75 (another worker is gone) are started again.
srun --kill-on-bad-exit=1 --wait=60 {job.line}
status=$?
if [ $status -ne 0 ] && [ $status -ne 2 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {job.restarts} ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
"""


def worker_script(job: JobSettings, hosts: list[str]) -> str:
    """The shell line of a container, which takes its number from Kubernetes' JOB_COMPLETION_INDEX."""
    cluster = json.dumps({"worker": [f"{host}:{PORT}" for host in hosts]})
    task = '{"type": "worker", "index": \'"$JOB_COMPLETION_INDEX"\'}'
    return f"""export TF_CONFIG='{{"cluster": {cluster}, "task": {task}}}'; exec {job.line}"""


def pod(job: JobSettings, hosts: list[str], restart: str, subdomain: str | None, indent: int) -> str:
    """The specification of a worker's pod, indented by so many spaces."""
    limits = f'\n    resources: {{limits: {{nvidia.com/gpu: "{job.gpus}"}}}}' if job.gpus else ""
    domain = f"subdomain: {subdomain}\n" if subdomain else ""
    text = f"""{domain}restartPolicy: {restart}
terminationGracePeriodSeconds: 120
containers:
  - name: worker
    image: {job.image}
    command: ["/bin/sh", "-c", {json.dumps(worker_script(job, hosts))}]
    ports: [{{containerPort: {PORT}}}]{limits}
    volumeMounts: [{{name: runs, mountPath: {json.dumps(str(job.workdir.parent))}}}]
volumes:
  - name: runs
    persistentVolumeClaim: {{claimName: {job.volume}}}"""
    return text.replace("\n", "\n" + " " * indent)


def kubernetes(job: JobSettings) -> str:
    """A headless Service and an Indexed Job. When one worker fails all end, and Kubernetes restarts each of them in its pod."""
    hosts = [f"{job.name}-{i}.{job.name}" for i in range(job.workers)]
    return f"""apiVersion: v1
kind: Service
metadata: {{name: {job.name}}}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{job-name: {job.name}}}
  ports: [{{port: {PORT}}}]
---
apiVersion: batch/v1
kind: Job
metadata: {{name: {job.name}}}
spec:
  completions: {job.workers}
  parallelism: {job.workers}
  completionMode: Indexed
  backoffLimit: {job.workers * job.restarts}
  template:
    spec:
      {pod(job, hosts, "OnFailure", job.name, 6)}
"""


def jobset(job: JobSettings) -> str:
    """A JobSet (https://jobset.sigs.k8s.io), which replaces all pods when one worker fails."""
    hosts = [f"{job.name}-worker-0-{i}.{job.name}" for i in range(job.workers)]
    return f"""apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {{name: {job.name}}}
spec:
  failurePolicy: {{maxRestarts: {job.restarts}}}
  network: {{enableDNSHostnames: true, subdomain: {job.name}}}
  replicatedJobs:
    - name: worker
      replicas: 1
      template:
        spec:
          completions: {job.workers}
          parallelism: {job.workers}
          completionMode: Indexed
          backoffLimit: 0
          template:
            spec:
              {pod(job, hosts, "Never", None, 14)}
"""


def gke_tpu(job: JobSettings) -> str:
    """A Job on one TPU machine of GKE, which starts it again after failures."""
    accelerator, topology, chips, _ = TPUS[job.tpu]
    return f"""apiVersion: batch/v1
kind: Job
metadata: {{name: {job.name}}}
spec:
  backoffLimit: {job.restarts}
  template:
    spec:
      restartPolicy: OnFailure
      terminationGracePeriodSeconds: 120
      nodeSelector: {{cloud.google.com/gke-tpu-accelerator: {accelerator}, cloud.google.com/gke-tpu-topology: {topology}}}
      containers:
        - name: worker
          image: {job.image}
          command: ["/bin/sh", "-c", {json.dumps(f"exec {job.line} --strategy=tpu")}]
          env: [{{name: TPU_NAME, value: local}}]
          resources: {{limits: {{google.com/tpu: "{chips}"}}}}
          volumeMounts: [{{name: runs, mountPath: {json.dumps(str(job.workdir.parent))}}}]
      volumes:
        - name: runs
          persistentVolumeClaim: {{claimName: {job.volume}}}
"""


def queued_resource(job: JobSettings) -> str:
    """A shell script that puts a request for a TPU VM into Cloud TPU's queue. Once granted, and whenever the VM starts, it trains."""
    mount, restart = shlex.quote(str(job.workdir.parent)), f"on-failure:{job.restarts}" if job.restarts else "no"
    return f"""#!/bin/bash
# ZONE=us-west4-a PROJECT=my-project bash {job.name}.sh
# The disk {job.volume} must exist in that zone, with a file system. The request and the VM stay until they are deleted:
# gcloud compute tpus queued-resources delete {job.name} --force --zone="$ZONE" --project="$PROJECT"
set -euo pipefail
startup=$(mktemp)
cat > "$startup" <<'STARTUP'
#!/bin/bash
set -e
mkdir -p {mount}
mountpoint -q {mount} || mount -o discard,defaults /dev/sdb {mount}
docker rm -f {job.name} || true
docker run -d --name={job.name} --restart={restart} --privileged --net=host -e TPU_NAME=local -v {mount}:{mount} {shlex.quote(job.image)} \
    {job.line} --strategy=tpu
STARTUP
gcloud compute tpus queued-resources create {job.name} --node-id={job.name} --zone="$ZONE" --project="$PROJECT" \
    --accelerator-type={job.tpu} --runtime-version={TPUS[job.tpu][3]} --metadata-from-file=startup-script="$startup" \
    --data-disk=source="projects/$PROJECT/zones/$ZONE/disks/{job.volume}",mode=read-write
"""


KINDS: dict[str, Callable[[JobSettings], str]] = {
    "slurm": slurm,
    "kubernetes": kubernetes,
    "jobset": jobset,
    "gke_tpu": gke_tpu,
    "queued_resource": queued_resource,
}
TPU_KINDS = ("gke_tpu", "queued_resource")


def job_file(kind: str, job: JobSettings) -> str:
    """The text of a job file.

    Raises:
        ZooError: no such kind or TPU, several workers on a TPU machine, a name that Kubernetes refuses, or a command without an
            absolute --workdir.
    """
    if kind not in KINDS:
        raise no_such("kind of job", kind, KINDS)
    if kind in TPU_KINDS and job.tpu not in TPUS:
        raise no_such("TPU machine of one host", job.tpu, TPUS)
    if kind in TPU_KINDS and job.gpus:
        raise ZooError(f"--gpus={job.gpus}: a TPU machine has none; leave it out with --job={kind}.")
    if kind in TPU_KINDS and job.workers > 1:
        raise ZooError(f"--workers={job.workers}: a TPU machine is one worker; use --workers=1 with --job={kind}.")
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?", job.name):
        raise ZooError(f"--name={job.name}: expected lower-case letters, digits and hyphens, such as sngan.")
    return KINDS[kind](job)
