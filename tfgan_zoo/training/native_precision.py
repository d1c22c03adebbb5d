"""What precision=auto means: bfloat16 where the device multiplies in it, else float32.

A CPU without such instructions, which most have, computes bfloat16 several times more slowly than float32: 6 times for the
quickstart of sngan, 9 times for that of pggan (TensorFlow 2.21, two cores with AVX2).
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import tensorflow as tf

CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # as Linux names them on x86 and ARM
GPU_FROM = (8, 0)  # compute capability, NVIDIA's Ampere


def has_bfloat16(cpu_flags: Iterable[str], gpus: Iterable[tuple[int, ...]], tpus: int) -> bool:
    """Whether a machine's devices multiply in bfloat16: its accelerators, or its CPU if there are none.

    Args:
        cpu_flags: the flags of its CPU.
        gpus: the compute capability of each GPU, () if it is unknown.
        tpus: how many there are.

    Examples:
        >>> has_bfloat16(["avx2"], [], 0), has_bfloat16(["avx2"], [(8, 6)], 0), has_bfloat16(["amx_bf16"], [(7, 5)], 0)
        (False, True, False)
    """
    gpus = list(gpus)
    if tpus:
        return True
    return all(gpu >= GPU_FROM for gpu in gpus) if gpus else bool(CPU_FLAGS & set(cpu_flags))


def native_precision() -> str:
    """The precision that this machine is fastest in: "mixed_bfloat16" or "float32"."""
    cpus = Path("/proc/cpuinfo")
    flags = cpus.read_text(errors="replace").split() if cpus.exists() else []
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    gpus = [device.get("compute_capability", ()) for device in details]
    native = has_bfloat16(flags, gpus, len(tf.config.list_logical_devices("TPU")))
    return "mixed_bfloat16" if native else "float32"


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """A context in which layers are built under the Keras dtype policy of this name, such as "mixed_bfloat16", or "auto"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(native_precision() if policy == "auto" else policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
