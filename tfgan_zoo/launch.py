"""Starts a command on several workers of this machine, each a process of its own, or writes a job for a cluster.

  python -m tfgan_zoo.launch --workers=2 -- train --model=sngan --workdir=runs/sngan
  python -m tfgan_zoo.launch --workers=2 --restarts=3 -- train --model=sngan --workdir=runs/sngan
  python -m tfgan_zoo.launch --workers=4 --job=slurm -- train --model=biggan --workdir=/shared/biggan > biggan.sbatch
  python -m tfgan_zoo.launch --workers=4 --job=kubernetes -- train --model=biggan --workdir=/runs/biggan > biggan.yaml
  python -m tfgan_zoo.launch --workers=1 --job=gke_tpu --tpu=v5litepod-8 -- train --model=biggan --workdir=/runs/biggan

What follows `--` is a command of `tfgan-zoo` with its flags. The chief's output appears here, the others' in files.
See docs/workers.md.
"""

import dataclasses

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.cli.job_files import KINDS, JobSettings, job_file
from tfgan_zoo.core.errors import ZooError

flags.adopt_module_key_flags(command_line)

WORKERS = flags.DEFINE_integer("workers", 2, "How many workers to start.", lower_bound=1)
RESTARTS = flags.DEFINE_integer("restarts", 0, "Start all workers again this many times if one fails.", lower_bound=0)
LOGS = flags.DEFINE_string("logs", "worker_logs", "Folder for the workers' output, a file each.")
JOB = flags.DEFINE_enum(
    "job",
    None,
    list(KINDS),
    "Print a job file of this kind instead; the last two are for one TPU machine, with --workers=1.",
)
NAME = flags.DEFINE_string("name", None, "The job's name; by default that of its --workdir.")
GPUS = flags.DEFINE_integer("gpus", 0, "Of each worker of a job.", lower_bound=0)
IMAGE = flags.DEFINE_string("image", "tfgan-zoo:latest", "For Kubernetes and TPUs: an image with this package.")
VOLUME = flags.DEFINE_string("volume", "runs", "The volume claim (Kubernetes) or disk (TPU VM) that holds --workdir.")
TPU = flags.DEFINE_string("tpu", "v5litepod-8", "For TPUs: the accelerator type, such as v5litepod-4, v5p-8 or v4-8.")
THREADS = flags.DEFINE_integer("threads", None, "Per worker; by default its share of the cores.", lower_bound=1)


def main(*command: str) -> int:
    from tfgan_zoo.cli.local_cluster import LocalCluster

    if not command:
        raise ZooError(
            "give a command after --, such as: launch --workers=2 -- train --model=sngan --workdir=runs/sngan"
        )
    if JOB.value:
        restarts = RESTARTS.value if RESTARTS.present else JobSettings.restarts
        job = JobSettings("job", WORKERS.value, command, GPUS.value, restarts, IMAGE.value, VOLUME.value, TPU.value)
        print(job_file(JOB.value, dataclasses.replace(job, name=NAME.value or job.workdir.name)), end="")
        return 0
    cluster = LocalCluster(WORKERS.value, list(command), LOGS.value, THREADS.value)
    return cluster.run(RESTARTS.value)


if __name__ == "__main__":
    command_line.run(main, words=1000)
