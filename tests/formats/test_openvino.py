"""OpenVINO reads every export, and the graph rewriting that this needs changes no number."""

import importlib.util
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.formats import inference_graph
from tfgan_zoo.formats.bundle import comparison_inputs, convert
from tfgan_zoo.formats.format_table import formats
from tfgan_zoo.saved_model.version_folder import load_version, newest

EXPORTS = sorted(path.name for path in pretrained_folder().iterdir() if (path / "1" / "saved_model.pb").exists())
OPENVINO = {"openvino": formats()["openvino"]}
needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs openvino")


def reversing_graph(axes):
    """A GraphDef of "x:0" [2, 3, 2] to "mirrored:0", reversed along the axes."""
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [2, 3, 2], name="x")
        tf.reverse(x, axes, name="mirrored")
    return graph.as_graph_def()


@pytest.mark.parametrize("axes", [[0, 1], [2, 0], [0, 1, 2], [-1, -2]])
def test_a_reverse_of_several_axes_becomes_one_of_each(axes):
    split = inference_graph.split_reverses(reversing_graph(axes))
    reverses = [node for node in split.node if node.op == "ReverseV2"]
    assert len(reverses) == len(axes)
    assert reverses[-1].name == "mirrored"
    x = np.arange(12, dtype="float32").reshape(2, 3, 2)
    out = inference_graph.graph_function(split, ["x:0"], "mirrored:0")(tf.constant(x))
    np.testing.assert_array_equal(out, np.flip(x, axes))


@pytest.mark.parametrize("axes", [[1], []])
def test_a_reverse_of_one_axis_or_none_stays(axes):
    graph = reversing_graph(axes)
    assert list(inference_graph.split_reverses(graph).node) == list(graph.node)


def test_no_reverse_of_several_axes_is_left_in_a_shipped_generator(tmp_path):
    generator = load_version(newest(pretrained_folder() / "pggan_mnist"))
    inference_graph.write_frozen_model(generator.signatures["serving_default"], tmp_path / "frozen")
    loaded = tf.saved_model.load(str(tmp_path / "frozen"))
    library = loaded.signatures["serving_default"].graph.as_graph_def().library
    nodes = {node.name: node for function in library.function for node in function.node_def}
    axes = [nodes[node.input[1].partition(":")[0]] for node in nodes.values() if node.op == "ReverseV2"]
    assert {node.attr["value"].tensor.tensor_shape.dim[0].size for node in axes} == {1}


def test_a_missing_openvino_is_reported_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ZooError, match=r"needs openvino: pip install 'tfgan_zoo\[openvino\]', or leave openvino out"):
        OPENVINO["openvino"].check()


@needs_openvino
def test_openvino_computes_a_generator_with_labels_and_two_reversed_axes(tmp_path):
    card = convert(pretrained_folder() / "acgan_mnist", tmp_path / "x", OPENVINO, seeds=3)
    assert card["formats"]["openvino"]["maximum_difference"] < 1e-4
    assert list(card["formats"]["openvino"]["sha256"]) == [
        "acgan_mnist_openvino/model.bin",
        "acgan_mnist_openvino/model.xml",
    ]


@pytest.mark.slow
@needs_openvino
@pytest.mark.parametrize("name", EXPORTS)
def test_openvino_computes_every_export(name, tmp_path):
    card = convert(pretrained_folder() / name, tmp_path / "x", OPENVINO, seeds=8)
    assert card["formats"]["openvino"]["maximum_difference"] < 1e-4


@pytest.mark.slow
@needs_openvino
@pytest.mark.parametrize("name", ["sngan_mnist", "acgan_mnist"])
def test_openvino_reads_our_tflite_files_with_the_relu_after_a_transposed_convolution(name, tmp_path):
    import openvino

    convert(pretrained_folder() / name, tmp_path / "x", {"tflite": formats()["tflite"]}, seeds=2)
    generator = load_version(newest(pretrained_folder() / name))
    inputs = comparison_inputs(generator, np.arange(4))
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    core = openvino.Core()
    model = core.read_model(str(tmp_path / "x" / f"{name}.tflite"))
    model.reshape({item: [4, *list(item.get_partial_shape())[1:]] for item in model.inputs})
    compiled = core.compile_model(model, "CPU", hint)
    given = {item: inputs[next(key for key in inputs if key in item.get_any_name())] for item in compiled.inputs}
    images = compiled(given)[0]
    assert np.abs(images - generator.call("serving_default", **inputs)["images"]).max() < 1e-4
