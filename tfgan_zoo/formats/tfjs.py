"""TF.js graph models, for browsers and Node: model.json with its weight files; written by `tensorflowjs_converter`.

The converter's package requires an older TensorFlow than this library, so it lives in a separate environment and runs as a
subprocess. TensorFlow then reads the files back and computes them: this checks the graph and the weights in the files, not
the arithmetic of a browser.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError

PROGRAM = "tensorflowjs_converter"


def check_installed(program: str) -> None:
    """Raises `ZooError` if the converter is not found. program: its name or path."""
    if shutil.which(program) is None:
        raise ZooError(
            f"--formats=tfjs needs {PROGRAM}, and {program} is not an executable. Its package, tensorflowjs, requires an "
            "older TensorFlow than this library: install it in a separate environment as docs/convert.md describes and "
            f"pass --tfjs_converter=ENVIRONMENT/bin/{PROGRAM}, or leave tfjs out."
        )


def write_tfjs(program: str, source: Path, path: Path) -> None:
    """Writes the folder `path`. source: the folder of a SavedModel with the single signature `serving_default`.

    Raises:
        ZooError: the converter fails; the message ends with the last lines of its output.
    """
    command = [program, "--input_format=tf_saved_model", "--output_format=tfjs_graph_model"]
    command += ["--signature_name=serving_default", "--saved_model_tags=serve", str(source), str(path)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}  # it applies to this interpreter only
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    if process.returncode or not (path / "model.json").exists():
        output = " / ".join((process.stderr or process.stdout).strip().splitlines()[-3:])
        raise ZooError(f"{program} failed with status {process.returncode}: {output}")
    name_inputs(path / "model.json")


def name_inputs(path: Path) -> None:
    """Names the inputs in a model.json after their placeholders.

    The converter finds their names in the signature by dtype and shape; where two inputs have the same, such as noise and codes of
    one width, it writes "codes:0" for `codes`.
    """
    model = json.loads(path.read_text())
    inputs = model["signature"]["inputs"]
    named = {key.removesuffix(":0"): value for key, value in inputs.items()}
    if named.keys() != inputs.keys():
        model["signature"]["inputs"] = named
        path.write_text(json.dumps(model))


def open_tfjs(path: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """A function {name: array [B, ...]} -> {name: array [B, ...]} that computes the folder's graph with TensorFlow."""
    import tensorflow as tf
    from google.protobuf import json_format

    from tfgan_zoo.formats.inference_graph import constant_node, graph_function

    model = json.loads((path / "model.json").read_text())
    graph = json_format.ParseDict(model["modelTopology"], tf.compat.v1.GraphDef())
    values = read_weights(path, model["weightsManifest"])
    for node in graph.node:
        if node.name in values:  # TF.js stores the graph's constants as weights
            dtype = tf.as_dtype(node.attr["dtype"].type).as_numpy_dtype
            node.CopyFrom(constant_node(node.name, values[node.name].astype(dtype)))
    inputs, outputs = ({k: v["name"] for k, v in model["signature"][side].items()} for side in ("inputs", "outputs"))
    run = graph_function(graph, list(inputs.values()), list(outputs.values()))

    def compute(arrays):
        results = run(*(tf.constant(arrays[name]) for name in inputs))
        return {name: result.numpy() for name, result in zip(outputs, results, strict=True)}

    return compute


def read_weights(path: Path, manifest: Sequence[dict]) -> dict[str, np.ndarray]:
    """{name: array} of the weights in a manifest, whose files store them one after the other across file boundaries."""
    values = {}
    for group in manifest:
        content, start = b"".join((path / name).read_bytes() for name in group["paths"]), 0
        for weight in group["weights"]:
            count, dtype = int(np.prod(weight["shape"])), np.dtype(weight["dtype"])
            values[weight["name"]] = np.frombuffer(content, dtype, count, start).reshape(weight["shape"])
            start += count * dtype.itemsize
    return values
