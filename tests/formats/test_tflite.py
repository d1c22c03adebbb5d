"""TFLite files of every export, and ReLUs that are not fused into transposed convolutions."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.formats.bundle import convert
from tfgan_zoo.formats.format_table import formats
from tfgan_zoo.formats.tflite import converter, open_tflite, separate_activations, write_float

EXPORTS = sorted(path.name for path in pretrained_folder().iterdir() if (path / "1" / "saved_model.pb").exists())


@pytest.fixture(scope="module")
def upsampling(tmp_path_factory):
    """The folder of a SavedModel: a transposed convolution with a bias, and a ReLU."""
    folder = tmp_path_factory.mktemp("model")
    kernel = tf.constant(np.random.default_rng(0).normal(size=[3, 3, 5, 2]), tf.float32)

    def serving_default(noise):
        batch = tf.shape(noise)[0]
        h = tf.nn.conv2d_transpose(noise, kernel, tf.stack([batch, 8, 8, 5]), 2)
        return {"images": tf.nn.relu(tf.nn.bias_add(h, tf.range(5.0) - 2))}

    module = tf.Module()
    spec = tf.TensorSpec([None, 4, 4, 2], tf.float32, name="noise")
    module.serving_default = tf.function(serving_default).get_concrete_function(spec)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serving_default})
    return folder


def activations(content):
    """(those fused into transposed convolutions, the number of ReLUs of their own) of a TFLite file."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    codes = [code.builtinCode for code in model.operatorCodes]
    operators = [(codes[o.opcodeIndex], o.builtinOptions) for graph in model.subgraphs for o in graph.operators]
    transposed = [o.fusedActivationFunction for code, o in operators if code == schema.BuiltinOperator.TRANSPOSE_CONV]
    return transposed, [code for code, _ in operators].count(schema.BuiltinOperator.RELU)


def test_the_relu_after_a_transposed_convolution_is_an_operation_of_its_own(upsampling, tmp_path):
    fused = converter(upsampling).convert()
    assert activations(fused) == ([schema.ActivationFunctionType.RELU], 0)
    assert activations(separate_activations(fused)) == ([schema.ActivationFunctionType.NONE], 1)
    (tmp_path / "fused.tflite").write_bytes(fused)
    write_float(upsampling, tmp_path / "separate.tflite")
    inputs = {"noise": np.random.default_rng(1).normal(size=[3, 4, 4, 2]).astype("float32")}
    expected, images = (open_tflite(tmp_path / f"{name}.tflite")(inputs)["images"] for name in ("fused", "separate"))
    np.testing.assert_array_equal(images, expected)
    assert images.min() == 0 < images.max()


def test_a_file_without_a_fused_relu_stays_as_it_is(upsampling):
    once = separate_activations(converter(upsampling).convert())
    assert separate_activations(once) is once


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_converts_to_tflite(name, tmp_path):
    card = convert(pretrained_folder() / name, tmp_path / "x", {"tflite": formats()["tflite"]}, seeds=2)
    assert card["formats"]["tflite"]["maximum_difference"] < 1e-4
    assert (
        activations((tmp_path / "x" / f"{name}.tflite").read_bytes())[0].count(schema.ActivationFunctionType.RELU) == 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_converts_to_int8_and_onnx(name, tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    chosen = {key: formats()[key] for key in ("tflite_int8", "onnx")}
    card = convert(pretrained_folder() / name, tmp_path / "x", chosen, seeds=8)["formats"]
    assert card["onnx"]["maximum_difference"] < 1e-4
    assert card["tflite_int8"]["mean_difference"] < 0.05
