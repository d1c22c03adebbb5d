"""Conversion to other formats: how far their samples are from the SavedModel's, and what is refused."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.core.priors import Codes, Prior
from tfgan_zoo.formats import inference_graph, tfjs
from tfgan_zoo.formats.bundle import comparison_inputs, convert, difference
from tfgan_zoo.formats.format_table import Format, formats
from tfgan_zoo.layers import (
    BlurDownsample2D,
    BlurUpsample2D,
    BlurUpsampleConv2D,
    ConditionalBatchNorm,
    DepthwiseConv2D,
    GroupedConv2D,
    LeakyReLU,
    ReLU,
    Upsample2D,
)
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import load_version, write_version

NO_CONVERTER = "no_such_converter"
INT8_STEPS = 127


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A generator with labels, codes, conditional batch norm, nearest upsampling and a kernel large enough for int8."""
    noise, codes = keras.Input([16], name="noise"), keras.Input([3], name="codes")
    labels = keras.Input([], dtype="int32", name="labels")
    h = keras.layers.Dense(64, name="dense")(keras.layers.Concatenate(name="both")([noise, codes]))
    h = keras.layers.Reshape((2, 4, 8), name="reshape")(h)
    h = Upsample2D(name="up")(ConditionalBatchNorm(3, kernel_initializer="random_normal", name="norm")([h, labels]))
    h = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", name="to_images")(h)
    network = keras.Model({"noise": noise, "codes": codes, "labels": labels}, h, name="generator")
    module = ExportedGenerator(network, Prior(16, num_classes=3, codes=Codes((5,), 2)))
    return write_version(module, tmp_path_factory.mktemp("zoo") / "small", {"summary": "A test.", "scores": []})


def formats_named(*names, tfjs_converter=NO_CONVERTER):
    return {name: formats(tfjs_converter)[name] for name in names}


@pytest.fixture(scope="module")
def lite(exported, tmp_path_factory):
    to = tmp_path_factory.mktemp("converted") / "lite"
    return to, convert(exported, to, formats_named("tflite", "tflite_int8"), seeds=6)


def test_tflite_computes_the_saved_models_images_with_labels_and_codes(exported, lite):
    folder, card = lite
    interpreter = tf.lite.Interpreter(model_path=str(folder / "small.tflite"))
    inputs = {"noise": np.full([2, 16], 0.3, "float32"), "labels": np.array([0, 2], "int32")}
    inputs["codes"] = np.array([[4, -1, 0.5], [0, 1, -0.5]], "float32")
    images = interpreter.get_signature_runner("serving_default")(**inputs)["images"]
    expected = load_version(exported).from_latents(inputs["noise"], inputs["labels"], inputs["codes"])
    np.testing.assert_allclose(images, expected, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 0.1  # labels and codes matter
    assert card["formats"]["tflite"]["maximum_difference"] < 1e-5


def test_int8_is_smaller_and_differs_by_rounding_to_127_steps(lite):
    card = lite[1]["formats"]
    assert card["tflite_int8"]["bytes"] < card["tflite"]["bytes"]
    assert 1e-4 < card["tflite_int8"]["maximum_difference"] < 20 / INT8_STEPS
    assert card["tflite_int8"]["mean_difference"] < card["tflite_int8"]["maximum_difference"]


def test_the_card_is_written_with_the_files_and_hashes_them(lite):
    folder, card = lite
    assert sorted(p.name for p in folder.iterdir()) == ["small.json", "small.tflite", "small_int8.tflite"]
    assert json.loads((folder / "small.json").read_text()) == card
    assert list(card["formats"]["tflite"]["sha256"]) == ["small.tflite"]
    assert card["formats"]["tflite"]["bytes"] == (folder / "small.tflite").stat().st_size
    assert card["inputs"]["codes"] == "float32 [batch, 3]"
    assert [p.name for p in folder.parent.iterdir()] == ["lite"]


def test_onnx_computes_the_saved_models_images(exported, tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    card = convert(exported, tmp_path / "x", formats_named("onnx"), seeds=5)
    assert card["formats"]["onnx"]["maximum_difference"] < 1e-5
    inputs = {i.name: i.type for i in onnxruntime.InferenceSession(str(tmp_path / "x" / "small.onnx")).get_inputs()}
    assert inputs == {"noise": "tensor(float)", "labels": "tensor(int32)", "codes": "tensor(float)"}


def test_grouped_and_blurring_layers_convert_to_tflite_and_onnx(tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    noise = keras.Input([8], name="noise")
    h = keras.layers.Reshape((2, 2, 2), name="reshape")(noise)
    h = LeakyReLU(name="leaky_relu")(BlurUpsampleConv2D(8, name="up")(h))
    h = ReLU(name="relu")(GroupedConv2D(8, 3, groups=4, padding="same", name="grouped")(BlurUpsample2D(name="blur")(h)))
    h = BlurDownsample2D(name="down")(DepthwiseConv2D(3, padding="same", name="depthwise")(h))
    h = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", name="to_images")(h)
    module = ExportedGenerator(keras.Model({"noise": noise}, h, name="generator"), Prior(8))
    version = write_version(module, tmp_path / "zoo" / "layers", {"summary": "A test.", "scores": []})
    latents = np.random.default_rng(0).normal(0, 10, [3, 8]).astype("float32")
    expected = load_version(version).from_latents(latents)
    convert(version, tmp_path / "converted", formats_named("tflite", "onnx"), seeds=4)
    interpreter = tf.lite.Interpreter(model_path=str(tmp_path / "converted" / "layers.tflite"))
    lite = interpreter.get_signature_runner("serving_default")(noise=latents)["images"]
    onnx = onnxruntime.InferenceSession(tmp_path / "converted" / "layers.onnx").run(["images"], {"noise": latents})[0]
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(lite, expected, atol=1e-5)
    np.testing.assert_allclose(onnx, expected, atol=1e-5)


def test_a_shipped_export_with_nearest_upsampling_converts_to_tflite(tmp_path):
    card = convert(pretrained_folder() / "sngan_mnist", tmp_path / "x", formats_named("tflite"), seeds=4)
    assert (card["name"], card["version"]) == ("sngan_mnist", "1")
    assert card["formats"]["tflite"]["maximum_difference"] < 1e-4


def test_samples_are_compared_on_the_latents_that_the_signature_sample_draws(exported):
    generator = load_version(exported)
    floats = generator.from_latents(**comparison_inputs(generator, np.arange(4)))
    np.testing.assert_array_equal(np.round((floats + 1) * 127.5), generator.sample(np.arange(4)))


def test_nearest_upsampling_replaces_the_gradient_of_average_pooling(exported, tmp_path):
    generator = load_version(exported)
    inference_graph.write_frozen_model(generator.signatures["serving_default"], tmp_path / "frozen")
    loaded = tf.saved_model.load(str(tmp_path / "frozen"))
    functions = loaded.signatures["serving_default"].graph.as_graph_def().library
    operations = {node.op for function in functions.function for node in function.node_def}
    assert "ResizeNearestNeighbor" in operations
    assert not operations & {"AvgPoolGrad", "ReadVariableOp"}
    assert list(loaded.signatures) == ["serving_default"]


def test_the_gradient_of_overlapping_pooling_is_refused():
    with tf.Graph().as_default() as graph:
        g = tf.compat.v1.placeholder(tf.float32, [None, 2, 2, 1], name="g")
        tf.raw_ops.AvgPoolGrad(
            orig_input_shape=[1, 4, 4, 1], grad=g, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="SAME"
        )
    with pytest.raises(ZooError, match=r"windows \[1, 3, 3, 1\] at strides \[1, 2, 2, 1\]"):
        inference_graph.replace_avg_pool_grad(graph.as_graph_def(), ["g:0"], [tf.TensorSpec([None, 2, 2, 1])])


def test_nearest_upsampling_repeats_each_pixel_divided_by_the_window_size():
    with tf.Graph().as_default() as graph:
        g = tf.compat.v1.placeholder(tf.float32, [None, 1, 2, 1], name="g")
        tf.raw_ops.AvgPoolGrad(
            orig_input_shape=tf.stack([tf.shape(g)[0], 2, 4, 1]), grad=g, ksize=[1, 2, 2, 1],
            strides=[1, 2, 2, 1], padding="VALID", name="up",
        )  # fmt: skip
    spec = tf.TensorSpec([None, 1, 2, 1])
    lowered = inference_graph.replace_avg_pool_grad(graph.as_graph_def(), ["g:0"], [spec])
    out = inference_graph.graph_function(lowered, ["g:0"], "up:0")(tf.reshape([4.0, 8.0, 12.0, 16.0], [2, 1, 2, 1]))
    np.testing.assert_array_equal(out[..., 0], [[[1, 1, 2, 2]] * 2, [[3, 3, 4, 4]] * 2])


def test_the_difference_is_the_maximum_and_the_mean_absolute_one():
    expected = np.array([[0.0, 0.5], [1.0, 1.0]])
    result = difference("x", expected, [np.array([[0.25, 0.5]]), np.array([[0.0, 0.5], [1.0, 0.5]])])
    assert result == {"maximum_difference": 0.5, "mean_difference": 0.125}
    result = difference("x", expected, [np.array([[0.75, 0.5]]), expected])  # wrong only in a batch of one
    assert result == {"maximum_difference": 0.75, "mean_difference": 0.0}


@pytest.mark.parametrize("wrong", [np.full([2, 2], np.nan), np.zeros([2, 1]), np.zeros([3, 2])])
def test_samples_of_another_shape_or_not_finite_are_refused(wrong):
    with pytest.raises(ZooError, match=r"the onnx file computes samples of shape .* expected .*, all finite"):
        difference("onnx", np.zeros([2, 2]), [wrong])


def test_a_folder_with_files_is_left_alone(exported, tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(ZooError, match="already exists; choose a folder that is empty"):
        convert(exported, tmp_path, formats_named("tflite"))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failing_converter_leaves_no_files_and_is_reported(exported, tmp_path):
    def fail(source, path):
        path.write_text("half")
        raise RuntimeError("no such operation: Swirl\nand a long trace")

    broken = {"swirl": Format(".swirl", lambda: None, fail, lambda path: None, "nothing")}
    with pytest.raises(
        ZooError, match=r"small could not be converted to swirl: RuntimeError: no such operation: Swirl$"
    ):
        convert(exported.parent, tmp_path / "x", broken)
    assert list(tmp_path.iterdir()) == []


def test_an_export_whose_files_do_not_match_its_card_is_refused_before_loading(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "small" / "1")
    (folder / "variables" / "more").write_text("")
    with pytest.raises(ZooError, match="added: variables/more"):
        convert(folder, tmp_path / "x", {})
    convert(folder, tmp_path / "y", {}, unsafe=True)


def test_a_missing_package_is_reported_with_how_to_install_it(monkeypatch, exported, tmp_path):
    with pytest.raises(ZooError, match=r"no_such_converter is not an executable.*--tfjs_converter=ENVIRONMENT/bin"):
        convert(exported, tmp_path / "x", formats_named("tfjs"))
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ZooError, match=r"needs tf2onnx: pip install 'tfgan_zoo\[onnx\]'"):
        formats_named("onnx")["onnx"].check()


def test_a_failing_tfjs_converter_is_quoted(tmp_path):
    program = tmp_path / "converter"
    program.write_text("#!/bin/sh\necho first >&2\necho no flatbuffers >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(ZooError, match=r"converter failed with status 3: first / no flatbuffers"):
        tfjs.write_tfjs(str(program), tmp_path, tmp_path / "x")


def test_a_tfjs_folder_is_computed_from_its_files(tmp_path):
    """2 x + 1 in the TF.js layout, with both constants in weight files."""
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 2], name="noise")
        two, one = (tf.zeros([2], name=name) for name in ("two", "one"))
        tf.add(x * two, one, name="sum")
    weights = [{"name": name, "shape": [2], "dtype": "float32"} for name in ("two", "one")]
    model = {
        "modelTopology": json_format.MessageToDict(graph.as_graph_def()),
        "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": weights}],
        "signature": {"inputs": {"noise": {"name": "noise:0"}}, "outputs": {"images": {"name": "sum:0"}}},
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    content = np.array([2, 2, 1, 1], "<f4").tobytes()
    (tmp_path / "a.bin").write_bytes(content[:5])  # in the middle of a number
    (tmp_path / "b.bin").write_bytes(content[5:])
    outputs = tfjs.open_tfjs(tmp_path)({"noise": np.array([[3, 4]], "float32")})
    np.testing.assert_array_equal(outputs["images"], [[7, 9]])


def test_an_unknown_format_is_reported_before_tensorflow_loads():
    command = [sys.executable, "-m", "tfgan_zoo.convert", "--export=x", "--to=y", "--formats=tflite,onxx"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert process.returncode == 2
    assert process.stderr.startswith("error: no format 'onxx'. Did you mean 'onnx'?")


def test_every_format_has_a_suffix_of_its_own():
    suffixes = [target.suffix for target in formats().values()]
    assert len(set(suffixes)) == len(suffixes) == 5
