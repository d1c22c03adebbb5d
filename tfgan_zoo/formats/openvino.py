"""OpenVINO's own files, for Intel's CPUs, GPUs and NPUs: a folder of model.xml, the graph, and model.bin, the float32 weights.

By default OpenVINO computes in bfloat16 on CPUs that multiply in it. The comparison asks for float32, as must those who want the
SavedModel's numbers.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError

FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}


def check_installed() -> None:
    """Raises `ZooError` unless OpenVINO, which both writes and computes the files, is installed."""
    if importlib.util.find_spec("openvino") is None:
        raise ZooError("--formats=openvino needs openvino: pip install 'tfgan_zoo[openvino]', or leave openvino out.")


def write_openvino(source: Path, path: Path) -> None:
    """Writes the folder `path`. source: the folder of a SavedModel with the single signature `serving_default`."""
    import openvino

    model = openvino.convert_model(str(source))
    path.mkdir()
    openvino.save_model(model, str(path / "model.xml"), compress_to_fp16=False)


def open_openvino(path: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """A function {name: array [B, ...]} -> {name: array [B, ...]} that computes the folder's model on the CPU in float32."""
    import openvino

    model = openvino.Core().compile_model(str(path / "model.xml"), "CPU", FLOAT32)

    def compute(inputs):
        results = model(inputs)
        return {name: results[name] for names in results.names() for name in names}

    return compute
