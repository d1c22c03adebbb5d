"""TF.js' layout, for browsers and Node: model.json and the weights beside it; written by `tensorflowjs_converter`.

That program's package asks for an older TensorFlow than this library's, so it lives in an environment of its own and is run
as a process. What it wrote is read back here and computed by TensorFlow: that measures the graph and the weights as they are
in the files, and not the arithmetic of a browser.
"""

import json
import os
import shutil
import subprocess

import numpy as np

from tfgan_zoo.core.errors import ZooError

PROGRAM = "tensorflowjs_converter"


def check_program(program):
    """Raises `ZooError` where the converter is not there; program: its name or path."""
    if shutil.which(program) is None:
        raise ZooError(
            f"--formats=tfjs needs {PROGRAM}, and {program} is no program here. Its package, tensorflowjs, asks for an "
            "older TensorFlow than this library's: install it in an environment of its own, as docs/convert.md says, and "
            f"give --tfjs_converter=ENVIRONMENT/bin/{PROGRAM}, or leave tfjs out."
        )


def write_tfjs(program, source, path):
    """Writes the folder `path`. source: a SavedModel's folder with the one signature `serving_default`.

    Raises:
        ZooError: the converter fails; shows the end of what it says.
    """
    command = [program, "--input_format=tf_saved_model", "--output_format=tfjs_graph_model"]
    command += ["--signature_name=serving_default", "--saved_model_tags=serve", str(source), str(path)]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # which is for this Python alone
    done = subprocess.run(command, capture_output=True, text=True, env=own)
    if done.returncode or not (path / "model.json").exists():
        said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise ZooError(f"{program} fails with status {done.returncode}: {said}")


def open_tfjs(path):
    """A function {name: array [B, ...]} -> {name: array [B, ...]} that computes the folder's graph by TensorFlow."""
    import tensorflow as tf
    from google.protobuf import json_format

    from tfgan_zoo.formats.inference_graph import constant, function_of

    model = json.loads((path / "model.json").read_text())
    graph = json_format.ParseDict(model["modelTopology"], tf.compat.v1.GraphDef())
    values = weights_of(path, model["weightsManifest"])
    for node in graph.node:
        if node.name in values:  # the graph's constants are stored as weights
            dtype = tf.as_dtype(node.attr["dtype"].type).as_numpy_dtype
            node.CopyFrom(constant(node.name, values[node.name].astype(dtype)))
    inputs, outputs = ({k: v["name"] for k, v in model["signature"][side].items()} for side in ("inputs", "outputs"))
    run = function_of(graph, list(inputs.values()), list(outputs.values()))

    def compute(given):
        results = run(*(tf.constant(given[name]) for name in inputs))
        return {name: result.numpy() for name, result in zip(outputs, results, strict=True)}

    return compute


def weights_of(path, manifest):
    """{name: array} of the weights that a manifest tells of; its files, in turn, hold one after the other."""
    values = {}
    for group in manifest:
        content, start = b"".join((path / name).read_bytes() for name in group["paths"]), 0
        for weight in group["weights"]:
            count, dtype = int(np.prod(weight["shape"])), np.dtype(weight["dtype"])
            values[weight["name"]] = np.frombuffer(content, dtype, count, start).reshape(weight["shape"])
            start += count * dtype.itemsize
    return values
