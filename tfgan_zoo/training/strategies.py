"""Which devices a run uses: `--strategy` by name."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import tensorflow as tf

from tfgan_zoo.core.errors import ZooError, no_such


def one_device(count: int) -> tf.distribute.Strategy:
    """TensorFlow's default: the first GPU, or the CPU."""
    return tf.distribute.get_strategy()


def mirrored(count: int) -> tf.distribute.Strategy:
    """All GPUs, or `count` of them; without GPUs, `count` logical devices on the CPU, for tests."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        if count and count > len(gpus):
            raise ZooError(f"--strategy=mirrored:{count} asks for {count} GPUs and there are {len(gpus)}.")
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(count or len(gpus))])
    if not count:
        raise ZooError("--strategy=mirrored found no GPU; use --strategy=one, or mirrored:2 to split the CPU in two.")
    cpu = tf.config.list_physical_devices("CPU")[0]
    shares = tf.config.get_logical_device_configuration(cpu)
    if shares is None or len(shares) < count:
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
        except RuntimeError:
            raise ZooError(
                f"--strategy=mirrored:{count}: TensorFlow has already started, so the CPU can no longer be split."
            ) from None
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])


def cluster() -> tf.distribute.cluster_resolver.ClusterResolver | None:
    """The workers that TF_CONFIG or SLURM's variables name, if they are more than one.

    Raises:
        ZooError: TF_CONFIG is not as TensorFlow takes it, or its tasks are not all workers.
    """
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1 and not os.environ.get("TF_CONFIG"):
        os.environ["TF_CONFIG"] = slurm_config()
    text = os.environ.get("TF_CONFIG")
    if not text:
        return None
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        count = sum(len(addresses) for addresses in jobs.values())
        valid = count == 1 or (
            list(jobs) == ["worker"] and task["type"] == "worker" and 0 <= int(task["index"]) < count
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise ZooError(
            f'TF_CONFIG={text}: expected {{"cluster": {{"worker": ["host0:port", "host1:port"]}}, '
            '"task": {"type": "worker", "index": 0}}; see docs/workers.md, or use --strategy=one.'
        )
    return tf.distribute.cluster_resolver.TFConfigClusterResolver() if count > 1 else None


def slurm_config() -> str:
    """The TF_CONFIG of this task of a SLURM job step. TensorFlow's SlurmClusterResolver sorts the hosts by text, which is not
    their order from 10 on, and needs nvidia-smi; its reader of host lists does neither."""
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as slurm

    hosts = slurm.expand_hostlist(os.environ["SLURM_STEP_NODELIST"])
    tasks = slurm.expand_tasks_per_node(os.environ["SLURM_STEP_TASKS_PER_NODE"])
    workers = [f"{host}:{SLURM_PORT + i}" for host, count in zip(hosts, tasks, strict=True) for i in range(count)]
    task = {"type": "worker", "index": int(os.environ["SLURM_PROCID"])}
    return json.dumps({"cluster": {"worker": workers}, "task": task})


SLURM_PORT = 8888  # of the first task of a node
# Kills the process of this number with a sentence once the time is over, unless its own input is closed before.
WATCHDOG = """
import os, select, signal, sys
if not select.select([sys.stdin], [], [], float(sys.argv[2]))[0]:
    print("error: " + sys.argv[3], file=sys.stderr, flush=True)
    os.kill(int(sys.argv[1]), signal.SIGKILL)
"""


@contextlib.contextmanager
def ended_after(seconds: float, message: str) -> Iterator[None]:
    """Ends this process with `message` if the context lasts longer. TensorFlow holds Python's lock while it waits for
    workers, so no thread and no signal handler could."""
    command = [sys.executable, "-c", WATCHDOG, str(os.getpid()), str(seconds), message]
    # Leaving the context, or dying in it, closes the watchdog's input. In a session of its own no Ctrl-C ends it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True):
        yield


def multi_worker(count: int) -> tf.distribute.Strategy:
    """The GPUs, or the CPUs, of all workers that TF_CONFIG or SLURM name; returns once all have started.

    Raises:
        ZooError: only one worker is named, or another process listens on this one's port.
    """
    resolver = cluster()
    if resolver is None:
        raise ZooError(
            "--strategy=multi_worker found one worker; name more of them in TF_CONFIG, or start them by srun or "
            "`python -m tfgan_zoo.launch --workers=2 -- train ...`. See docs/workers.md."
        )
    addresses = resolver.cluster_spec().as_dict()["worker"]
    hosts = {address.rpartition(":")[0] for address in addresses}
    for name in ("no_proxy", "NO_PROXY"):  # a proxy would answer in place of the other workers
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), *sorted(hosts)]))
    seconds = float(os.environ.get("TFGAN_ZOO_WORKERS_TIMEOUT", 600))
    print(f"Worker {resolver.task_id} waits for {len(addresses)} workers: {', '.join(addresses)}", flush=True)
    message = (
        f"after {seconds:.0f} s not all of these workers had started: {', '.join(addresses)}. Look at their output; "
        "TFGAN_ZOO_WORKERS_TIMEOUT is the number of seconds to wait."
    )
    before = signal.getsignal(signal.SIGTERM)
    try:
        with ended_after(seconds, message):
            strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except tf.errors.UnknownError as error:
        if "Could not start gRPC server" not in str(error):
            raise
        own = addresses[int(resolver.task_id or 0)]
        raise ZooError(
            f"worker {resolver.task_id} cannot listen on {own}: another process does. If this worker was started twice, end one "
            "of the two; otherwise give the workers other ports."
        ) from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)  # TensorFlow's own handler ignores it
    return strategy


def tpu(count: int) -> tf.distribute.Strategy:
    """All cores of the TPU that TPU_NAME, or the machine, names."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ZooError(f"--strategy=tpu found no TPU ({reason}); on a TPU machine, set TPU_NAME=local.") from None
    return tf.distribute.TPUStrategy(resolver)


def automatic() -> str:
    """The name of the strategy for what is there: several workers, a TPU, several GPUs, or one device."""
    if cluster():
        return "multi_worker"
    if os.environ.get("TPU_NAME") or os.path.exists("/dev/accel0"):
        return "tpu"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "one"


STRATEGIES: dict[str, Callable[[int], tf.distribute.Strategy]] = {
    "one": one_device,
    "mirrored": mirrored,
    "multi_worker": multi_worker,
    "tpu": tpu,
}


def make_strategy(name: str, several_workers: bool = True) -> tf.distribute.Strategy:
    """The `tf.distribute.Strategy` of a name. Also tells this process's malloc to keep what is freed.

    Args:
        name: "one", "mirrored" (all GPUs), "mirrored:2", "multi_worker", "tpu", or "auto" for what is there.
        several_workers: False refuses "multi_worker".

    Raises:
        ZooError: no such strategy, or not enough devices.
    """
    kind, _, count = name.partition(":")
    if kind == "auto":
        kind = automatic()
    if kind == "multi_worker" and not several_workers:
        raise ZooError(f"--strategy={name}: this command runs on one worker; use one, or mirrored for all of its GPUs.")
    if kind not in STRATEGIES:
        raise no_such("strategy", kind, [*STRATEGIES, "auto"])
    if count and not (kind == "mirrored" and count.isdigit() and int(count) > 0):
        raise ZooError(f"--strategy={name}: expected a number of devices after the colon, such as mirrored:2.")
    keep_freed_memory()
    return STRATEGIES[kind](int(count or 0))


def describe(strategy: tf.distribute.Strategy) -> str:
    """The devices of a strategy in words, such as "2 workers, 8 replicas" or "4 GPUs, mirrored"."""
    replicas, resolver = strategy.num_replicas_in_sync, strategy.cluster_resolver
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return f"TPU, {replicas} replicas"
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return f"{len(resolver.cluster_spec().as_dict()['worker'])} workers, {replicas} replicas"
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return f"{replicas} {kind}s, mirrored" if replicas > 1 else f"one {kind}"


# Settings of glibc's malloc, by their numbers in malloc.h: no block is a mapping of its own (M_MMAP_MAX), and heaps keep what is
# freed, those of other threads than the first one too (M_TRIM_THRESHOLD, M_TOP_PAD).
MALLOC = {-4: 0, -1: 2**31 - 1, -2: 2**28}


def keep_freed_memory() -> None:
    """Makes glibc keep freed memory for the next step of training on a CPU.

    Under Python 3.11, the iterators of several replicas set M_MMAP_THRESHOLD to 128 KiB for the whole process, and then half
    of a step is the kernel's work with pages (findings/generator_dataset_slows_malloc.sh). Does nothing without glibc, or
    where a variable MALLOC_... of the environment says how to allocate.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt and not any(name.startswith("MALLOC_") for name in os.environ):
        for option, value in MALLOC.items():
            mallopt(option, value)
