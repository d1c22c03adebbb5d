"""Distances checked by hand and against slow code; feature networks by their accuracy and by a graph built here."""

import itertools
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data import mnist5k
from tfgan_zoo.metrics import distances, inception, mnist_cnn
from tfgan_zoo.metrics.distances import Moments, RunningMoments, frechet_distance, kernel_distance, moments
from tfgan_zoo.metrics.features import FeatureNetwork, feature_network, score_names


def gaussian(mean, covariance, count=1000):
    return Moments(np.array(mean, np.float64), np.array(covariance, np.float64), count)


def correlated(rng, count, dimension, shift=0.0):
    return rng.normal(size=(count, dimension)) @ rng.normal(size=(dimension, dimension)) / dimension**0.5 + shift


# Moments


def test_streamed_moments_equal_numpy_cov_whatever_the_batches():
    features = correlated(np.random.default_rng(1), 300, 7)
    running = RunningMoments()
    for batch in np.split(features, [1, 2, 50, 299]):
        running.update(batch)
    result = running.result()
    assert result.count == 300
    np.testing.assert_allclose(result.mean, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.covariance, np.cov(features, rowvar=False), rtol=1e-11)


def test_covariance_divides_by_count_minus_one():
    result = moments([[0.0, 1.0], [2.0, 1.0]])
    np.testing.assert_array_equal(result.mean, [1, 1])
    np.testing.assert_array_equal(result.covariance, [[2, 0], [0, 0]])


def test_streamed_moments_keep_their_precision_with_a_mean_of_a_hundred_million():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(1000, 3))
    running = RunningMoments()
    for batch in np.split(features + 1e8, 10):
        running.update(batch)
    # E[x^2] - E[x]^2 would lose 16 digits; the error here is the eps * 1e8 = 2e-8 of the sum above.
    np.testing.assert_allclose(running.result().covariance, np.cov(features, rowvar=False), atol=1e-7)


def test_moments_of_float32_features_are_computed_in_float64():
    features = np.float32([[4096.5], [4097.5]]).repeat(10_000, axis=0)
    assert moments(features).covariance[0, 0] == pytest.approx(0.25 * 20_000 / 19_999, rel=1e-12)


def test_bad_features_are_refused_with_a_reason():
    running = RunningMoments()
    running.update(np.ones([1, 3]))
    with pytest.raises(ZooError, match="moments of 1 feature"):
        running.result()
    with pytest.raises(ZooError, match="have 2 dimensions; expected 3, as before"):
        running.update(np.ones([4, 2]))
    with pytest.raises(ZooError, match="1 of 2 features hold NaN"):
        running.update([[0.0, np.nan, 0.0], [0.0, 0.0, 0.0]])
    with pytest.raises(ZooError, match=r"shape \(3,\)"):
        running.update(np.ones(3))
    with pytest.raises(ZooError, match=r"shape \(0, 3\)"):
        moments(np.ones([0, 3]))


# Fréchet distance


def test_frechet_distance_of_diagonal_gaussians_is_that_of_means_and_standard_deviations():
    # |(3, 4)|^2 + (2 - 1)^2 + (3 - 2)^2
    assert frechet_distance(gaussian([0, 0], np.diag([1, 4])), gaussian([3, 4], np.diag([4, 9]))) == pytest.approx(27)


def test_frechet_distance_of_full_2x2_covariances():
    one, two = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, -0.5], [-0.5, 4.0]])
    # The root of a 2x2 matrix P has the trace sqrt(tr P + 2 sqrt(det P)); here P = C1 C2, tr 13, det 5 * 3.75.
    expected = 1 + 5 + 5 - 2 * np.sqrt(13 + 2 * np.sqrt(18.75))
    assert frechet_distance(gaussian([0, 1], one), gaussian([0, 0], two)) == pytest.approx(expected, rel=1e-12)


def with_sqrtm(a, b):
    """The Fréchet distance as written in the paper."""
    root = scipy.linalg.sqrtm(a.covariance @ b.covariance).real
    return ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance + b.covariance - 2 * root)


def test_frechet_distance_equals_the_formula_with_sqrtm():
    rng = np.random.default_rng(3)
    real, fake = moments(correlated(rng, 600, 256)), moments(correlated(rng, 600, 256, shift=0.1))
    assert frechet_distance(real, fake) == pytest.approx(with_sqrtm(real, fake), rel=1e-9)


TIMING = """
import time, numpy as np, scipy.linalg
from tfgan_zoo.metrics.distances import frechet_distance, moments

rng = np.random.default_rng(3)
a, b = (moments(rng.normal(size=[600, 256]) @ rng.normal(size=[256, 256])) for _ in range(2))

def seconds(distance):
    start = time.process_time()
    distance()
    return time.process_time() - start

def best(distance):
    return min(seconds(distance) for _ in range(5))

print(best(lambda: frechet_distance(a, b)), best(lambda: scipy.linalg.sqrtm(a.covariance @ b.covariance)))
"""


def test_frechet_distance_is_faster_than_sqrtm():
    # With one thread, 0.015 s against 0.034 s; with more, the waiting of threads on busy cores would count too.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, "-c", TIMING], env=environment, capture_output=True, text=True, check=True
    )
    own, reference = map(float, process.stdout.split())
    assert own < reference / 1.5


def test_frechet_distance_of_singular_covariances():
    line, other_line = gaussian([0, 0], np.diag([1, 0])), gaussian([0, 0], np.diag([0, 1]))
    point = gaussian([3, 4], np.zeros([2, 2]))
    assert frechet_distance(line, line) == 0
    assert frechet_distance(line, other_line) == pytest.approx(2)  # orthogonal: tr + tr
    assert frechet_distance(line, point) == pytest.approx(26)
    assert frechet_distance(point, point) == 0


def test_frechet_distance_of_fewer_samples_than_dimensions_is_finite_and_warns():
    features = np.random.default_rng(4).normal(size=(40, 200)) + 1
    few, scaled = moments(features), moments(1.5 * features)
    with pytest.warns(UserWarning, match="40 real and 40 fake features of 200 dimensions.*use at least 201"):
        distance = frechet_distance(few, scaled)
    # x and 1.5 x: (1.5 - 1)^2 (|m|^2 + tr C)
    assert distance == pytest.approx(0.25 * ((few.mean**2).sum() + np.trace(few.covariance)), rel=1e-9)


def test_frechet_distance_warns_only_below_dimension_plus_one():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(gaussian([0, 0], np.eye(2), count=3), gaussian([0, 0], np.eye(2), count=3))
    with pytest.warns(UserWarning, match="biased"):
        frechet_distance(gaussian([0, 0], np.eye(2), count=3), gaussian([0, 0], np.eye(2), count=2))


def test_frechet_distance_is_symmetric_and_zero_to_itself():
    rng = np.random.default_rng(5)
    real, fake = moments(correlated(rng, 300, 60)), moments(correlated(rng, 200, 60, shift=0.2))
    assert frechet_distance(real, fake) == pytest.approx(frechet_distance(fake, real), rel=1e-9)
    assert frechet_distance(real, real) < 1e-9 * np.trace(real.covariance)


def test_frechet_distance_refuses_other_dimensions_nan_and_invalid_covariances():
    two = gaussian([0, 0], np.eye(2))
    with pytest.raises(ZooError, match="the same D for both"):
        frechet_distance(two, gaussian([0, 0, 0], np.eye(3)))
    with pytest.raises(ZooError, match="the same D for both"):
        frechet_distance(two, gaussian([0, 0], np.eye(3)))
    with pytest.raises(ZooError, match="NaN or infinity"):
        frechet_distance(two, gaussian([0, np.nan], np.eye(2)))
    with pytest.raises(ZooError, match="eigenvalue -1"):
        frechet_distance(gaussian([0, 0], np.diag([1, -1])), two)


# Kernel distance


def naive_kernel_distance(real, fake):
    def kernel(x, y):
        return (float(x @ y) / len(x) + 1) ** 3

    def own(x):
        return sum(kernel(a, b) for a, b in itertools.permutations(x, 2)) / (len(x) * (len(x) - 1))

    cross = sum(kernel(a, b) for a, b in itertools.product(real, fake)) / (len(real) * len(fake))
    return own(real) + own(fake) - 2 * cross


def test_kernel_distance_of_four_numbers():
    # real 1, -1: k = 0; fake 0, 0: k = 1; across: k = 1. The distance is 0 + 1 - 2: unbiased, so it may be negative.
    assert kernel_distance([[1.0], [-1.0]], [[0.0], [0.0]]).value == -1


@pytest.mark.parametrize("block", [7, 2048])
def test_kernel_distance_equals_a_double_loop(block, monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", block)
    rng = np.random.default_rng(6)
    real, fake = rng.normal(size=(23, 5)), rng.normal(size=(16, 5)) + 0.3
    assert kernel_distance(real, fake).value == pytest.approx(naive_kernel_distance(real, fake), rel=1e-10)
    assert kernel_distance(fake, real).value == pytest.approx(naive_kernel_distance(real, fake), rel=1e-10)
    assert kernel_distance(real, real).value == pytest.approx(naive_kernel_distance(real, real), rel=1e-10)


def test_kernel_distance_is_unbiased():
    rng = np.random.default_rng(7)
    draws = [rng.normal(size=(2, 30, 4)) for _ in range(400)]
    values = np.array([kernel_distance(*draw).value for draw in draws])
    error = values.std(ddof=1) / len(values) ** 0.5
    assert abs(values.mean()) < 3 * error
    # With the diagonals, as in the biased estimate, E[k(x, x)] / 30 of each side would be added: over ten errors.
    assert 2 * np.mean([(draw**2).sum(axis=2).mean() / 4 + 1 for draw in draws]) / 30 > 10 * error


def test_standard_error_of_the_kernel_distance_is_the_spread_over_fresh_samples():
    rng = np.random.default_rng(8)
    results = [kernel_distance(rng.normal(size=(80, 4)), 1.2 * rng.normal(size=(60, 4)) + 0.5) for _ in range(300)]
    spread = np.std([r.value for r in results], ddof=1)
    assert np.sqrt(np.mean([r.standard_error**2 for r in results])) == pytest.approx(spread, rel=0.15)


def test_subsets_as_large_as_the_samples_give_the_whole_estimate():
    rng = np.random.default_rng(9)
    real, fake = rng.normal(size=(20, 3)), rng.normal(size=(20, 3)) + 0.5
    result = kernel_distance(real, fake, subsets=3, subset_size=20)
    assert result.value == pytest.approx(kernel_distance(real, fake).value, rel=1e-12)
    assert result.standard_error < 1e-12


def test_subsets_are_drawn_by_the_seed_and_their_error_shrinks_with_their_number():
    rng = np.random.default_rng(10)
    real, fake = rng.normal(size=(200, 3)), rng.normal(size=(150, 3)) + 0.5
    few, same, other, many = (
        kernel_distance(real, fake, subsets=subsets, subset_size=40, seed=seed)
        for subsets, seed in [(25, 0), (25, 0), (25, 1), (400, 0)]
    )
    assert few == same
    assert few.value != other.value
    assert many.standard_error == pytest.approx(few.standard_error / 4, rel=0.4)  # sqrt(25 / 400)
    assert many.value == pytest.approx(kernel_distance(real, fake).value, abs=4 * many.standard_error)


def test_kernel_distance_refuses_invalid_arguments():
    one, two, three = np.ones([1, 3]), np.ones([2, 3]), np.ones([3, 2])
    with pytest.raises(ZooError, match="1 real and 2 fake features"):
        kernel_distance(one, two)
    with pytest.raises(ZooError, match="have 3 dimensions, fake ones 2"):
        kernel_distance(two, three)
    with pytest.raises(ZooError, match="2 of 2 features hold NaN"):
        kernel_distance(two, two * np.inf)
    with pytest.raises(ZooError, match="of 2 to 2 features; subsets=None"):
        kernel_distance(two, two, subsets=10)
    with pytest.raises(ZooError, match="at least 2 subsets"):
        kernel_distance(two, two, subsets=1, subset_size=2)


# Feature networks in general


def test_importing_the_package_loads_no_tensorflow():
    code = "import sys, tfgan_zoo.metrics; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_inception_scores_are_called_fid_and_kid():
    assert score_names("inception") == ("fid", "kid")
    assert score_names("mnist_cnn") == ("fd_mnist_cnn", "kd_mnist_cnn")


def test_two_replicas_share_a_batch_and_give_the_features_of_one(two_replicas):
    images = np.random.default_rng(8).integers(0, 256, [7, 32, 32, 1], np.uint8)
    alone = feature_network("mnist_cnn")
    with two_replicas.scope():
        shared = feature_network("mnist_cnn")
    for one, two in zip(alone.embed(images, 7), shared.embed(images, 7), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(shared.features(images[:1], 1), alone.features(images[:1], 1), rtol=1e-5, atol=1e-5)


def test_unknown_feature_network_lists_the_known_ones():
    with pytest.raises(
        ZooError,
        match=r"Did you mean 'inception'.*effnet_lite0, inception, inception_clean, inception_v3_keras, mnist_cnn, points",
    ):
        feature_network("inceptoin")


def test_every_batch_has_one_shape_and_the_padding_is_cut_off():
    shapes = []

    def forward(batch):
        shapes.append(batch.shape)
        mean = batch.mean(axis=(1, 2), dtype=np.float32)
        return mean, 2 * mean

    network = FeatureNetwork("means", "0", 1, 1, (1,), "none", forward)
    images = np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1) * np.ones([1, 4, 4, 1], np.uint8)
    features, logits = network.embed(images, batch_size=3)
    assert shapes == [(3, 4, 4, 1)] * 3
    np.testing.assert_array_equal(features[:, 0], np.arange(7))
    np.testing.assert_array_equal(logits[:, 0], 2 * np.arange(7))


def test_points_are_their_own_features():
    points = np.random.default_rng(5).normal(size=[7, 2]).astype(np.float32)
    network = feature_network("points")
    features, logits = network.embed(points, batch_size=3)
    np.testing.assert_array_equal(features, points)
    assert (logits.shape, network.sha256, score_names("points")) == ((7, 0), "", ("fd_points", "kd_points"))


@pytest.mark.parametrize(
    "images",
    [np.zeros([2, 8, 8, 1], np.uint8), np.zeros([2, 3], np.float32), np.zeros([2, 2]), np.zeros([0, 2], np.float32)],
    ids=["images", "in space", "float64", "none"],
)
def test_network_for_points_takes_only_points(images):
    with pytest.raises(ZooError, match=r"points got \w+ of shape .*expected float32 \[N, 2\]"):
        feature_network("points").embed(images)


# mnist_cnn


@pytest.fixture(scope="module")
def digits():
    with np.load(mnist5k.FILE) as file:
        return file["images"][..., None], file["labels"]


@pytest.fixture(scope="module")
def mnist_network():
    return feature_network("mnist_cnn")


def test_shipped_weights_classify_the_held_out_digits(digits, mnist_network):
    images, labels = (x[mnist5k.SPLITS["test"]] for x in digits)
    _, logits = mnist_network.embed(images)
    accuracy = np.mean(logits.argmax(axis=1) == labels)
    assert mnist_cnn.ACCURACY >= 0.98
    assert accuracy == pytest.approx(mnist_cnn.ACCURACY, abs=0.0021)  # rounding may change one digit of the 500


def test_weights_file_is_the_recorded_one_and_small(mnist_network):
    assert mnist_network.sha256 == mnist_cnn.SHA256
    assert mnist_cnn.WEIGHTS.stat().st_size < 500_000


def test_features_are_alive_reproducible_and_independent_of_the_batch_size(digits, mnist_network):
    images = digits[0][:60]
    features, logits = mnist_network.embed(images)
    again, _ = feature_network("mnist_cnn").embed(images)
    np.testing.assert_array_equal(features, again)
    np.testing.assert_allclose(mnist_network.features(images, batch_size=7), features, atol=1e-4)
    assert features.shape == (60, mnist_network.dimension)
    assert logits.shape == (60, 10)
    assert features.min() >= 0
    assert (features.std(axis=0) > 0.1).all()


def test_features_are_float32_even_if_training_is_in_half_precision(digits, mnist_network):
    keras.config.set_dtype_policy("mixed_float16")  # the fixture in conftest.py resets it
    half = feature_network("mnist_cnn")
    np.testing.assert_array_equal(half.features(digits[0][:20]), mnist_network.features(digits[0][:20]))


def test_28x28_digits_are_padded_with_black_to_32x32(digits, mnist_network):
    images = digits[0][:3]
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])
    np.testing.assert_array_equal(mnist_network.features(images), mnist_network.features(padded))


def test_large_images_are_resized_antialiased():
    stripes = np.zeros([1, 128, 128, 1], np.uint8)
    stripes[:, :, ::4] = 255
    # One column in four is white. Without antialiasing only the two middle ones of four, both black, would be read.
    resized = mnist_cnn.to_input(stripes).numpy()[0, 8:24, 8:24]
    np.testing.assert_allclose(resized, 2 / 4 - 1, atol=0.15)


def test_frechet_and_kernel_distance_grow_with_noise(digits, mnist_network):
    images = digits[0]
    real, held_out = images[:4500], images[4500:]
    noise = np.random.default_rng(11).normal(size=held_out.shape)
    fakes = [held_out] + [np.clip(held_out + s * noise, 0, 255).astype(np.uint8) for s in (15, 40, 80)]
    reference = mnist_network.features(real, batch_size=500)
    fake_features = [mnist_network.features(fake, batch_size=500) for fake in fakes]
    frechet = [frechet_distance(moments(reference), moments(features)) for features in fake_features]
    kernel = [kernel_distance(reference, features) for features in fake_features]
    assert all(2 * a < b for a, b in itertools.pairwise(frechet))
    assert all(2 * a.value < b.value for a, b in itertools.pairwise(kernel))
    assert abs(kernel[0].value) < 3 * kernel[0].standard_error


def test_wrong_images_are_refused_with_a_remedy(mnist_network):
    with pytest.raises(ZooError, match=r"1 channel\(s\), these have 3; inception takes 1 or 3"):
        mnist_network.embed(np.zeros([2, 32, 32, 3], np.uint8))
    with pytest.raises(ZooError, match="no feature network here takes such images"):
        mnist_network.embed(np.zeros([2, 32, 32, 4], np.uint8))
    with pytest.raises(ZooError, match=r"points of shape \(100, 2\).*evaluation.features=points"):
        mnist_network.embed(np.zeros([100, 2], np.float32))
    with pytest.raises(ZooError, match="got float32 images; expected uint8"):
        mnist_network.embed(np.zeros([2, 32, 32, 1], np.float32))
    with pytest.raises(ZooError, match=r"shape \(0, 32, 32, 1\)"):
        mnist_network.embed(np.zeros([0, 32, 32, 1], np.uint8))
    with pytest.raises(ZooError, match="batch_size=0"):
        mnist_network.embed(np.zeros([2, 32, 32, 1], np.uint8), batch_size=0)


def test_damaged_or_foreign_weights_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ZooError, match=r"cannot read the weights file.*No such file"):
        feature_network("mnist_cnn", tmp_path / "none.npz")
    foreign = tmp_path / "foreign.npz"
    np.savez(foreign, weights=np.zeros(3))
    with pytest.raises(ZooError, match="does not hold the weights of mnist_cnn"):
        feature_network("mnist_cnn", foreign)
    monkeypatch.setattr(mnist_cnn, "WEIGHTS", foreign)
    with pytest.raises(ZooError, match="reinstall the package"):
        feature_network("mnist_cnn")


# Inception, with a graph of its node names, its batch of 1 and its normalisation op, since removed from TensorFlow


def inception_graph(dimension=2048, pool="pool_3"):
    """Features f = f (mean of channel f % 3 - 128) / 128 / 1000 of the resized image; logit k = feature k, + bias 1."""
    kernel = np.zeros([1, 1, 3, dimension], np.float32)
    kernel[0, 0, np.arange(dimension) % 3, np.arange(dimension)] = np.arange(dimension) / 1000
    with tf.Graph().as_default() as graph:
        image = tf.io.decode_jpeg(tf.constant(b"", name="DecodeJpeg/contents"), channels=3, name="DecodeJpeg")
        batch = tf.expand_dims(tf.cast(image, tf.float32, name="Cast"), 0, name="ExpandDims")
        x = tf.raw_ops.ResizeBilinear(images=batch, size=[299, 299], name="ResizeBilinear")
        x = tf.multiply(tf.subtract(x, 128.0, name="Sub"), 1 / 128, name="Mul")
        for name, value in [("mean", 0.0), ("variance", 1.0), ("beta", 0.0), ("gamma", 1.0)]:
            tf.constant([value] * 3, name=f"conv/{name}")
        x = tf.identity(tf.nn.avg_pool2d(x, 299, 299, "VALID"), name="conv/batchnorm")
        x = tf.nn.avg_pool2d(tf.nn.conv2d(x, kernel, 1, "VALID", name="mixed"), 1, 1, "VALID", name=pool)
        x = tf.reshape(x, [1, dimension], name=f"{pool}/_reshape")
        x = tf.matmul(x, tf.eye(dimension, 1008, name="softmax/weights"), name="softmax/logits/MatMul")
        tf.nn.softmax(tf.nn.bias_add(x, tf.ones(1008), name="softmax/logits"), name="softmax")
    graph_def = graph.as_graph_def(add_shapes=True)
    (node,) = (n for n in graph_def.node if n.name == "conv/batchnorm")
    node.op = "BatchNormWithGlobalNormalization"
    node.input.extend(f"conv/{name}" for name in ["mean", "variance", "beta", "gamma"])
    node.attr["variance_epsilon"].f, node.attr["scale_after_normalization"].b = 0.0, False
    graph_def.versions.producer = 8  # the last version that may use the op
    return graph_def.SerializeToString()


def load_inception(path):
    with pytest.warns(UserWarning, match="not comparable with published ones"):
        return feature_network("inception", path)


@pytest.fixture(scope="module")
def inception_network(tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "graph.pb"
    path.write_bytes(inception_graph())
    return load_inception(path)


def test_inception_features_and_logits_of_constant_images(inception_network):
    levels = np.uint8([[0, 128, 192], [64, 255, 1], [128, 128, 128], [32, 16, 8], [200, 100, 50]])
    images = np.broadcast_to(levels[:, None, None, :], [5, 20, 30, 3])
    features, logits = inception_network.embed(images, batch_size=2)
    expected = (levels[:, np.arange(2048) % 3] - 128.0) / 128 * np.arange(2048) / 1000
    np.testing.assert_allclose(features, expected, atol=1e-4)
    np.testing.assert_allclose(logits, expected[:, :1008], atol=1e-4)  # without the bias of 1


def test_inception_resizes_with_corners_at_the_origin(inception_network):
    images = np.zeros([1, 2, 2, 3], np.uint8)
    images[:, :, 1] = 200
    # Output column i is read at 2 i / 299: a ramp over the left half, then only the right column. Half-pixel centres
    # would give the mean 100.
    mean = 200 * np.minimum(2 * np.arange(299) / 299, 1).mean()
    assert mean == pytest.approx(150, abs=0.5)
    features = inception_network.features(images, batch_size=1)
    assert features[0, 1000] == pytest.approx((mean - 128) / 128, abs=1e-4)


def test_inception_repeats_gray_to_rgb(inception_network):
    gray = np.random.default_rng(12).integers(0, 256, [3, 8, 8, 1], np.uint8)
    np.testing.assert_array_equal(
        inception_network.features(gray), inception_network.features(np.repeat(gray, 3, axis=-1))
    )


def test_inception_carries_its_record(inception_network):
    assert (inception_network.dimension, inception_network.classes) == (2048, 1008)
    assert len(inception_network.sha256) == 64
    assert inception_network.sha256 != inception.SHA256
    assert "bilinear" in inception_network.resizing


def test_inception_without_a_file_says_where_to_get_it_and_how_to_pass_it():
    with pytest.raises(ZooError) as error:
        feature_network("inception")
    assert "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz" in str(error.value)
    assert "--features=inception --inception_file=classify_image_graph_def.pb" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>404 not found</html>", "is not a TensorFlow graph"),
        (b"\x1f\x8b\x08 packed", "is the packed archive; unpack it"),
        (b"", "a graph of 0 nodes, without ExpandDims, ResizeBilinear, pool_3, softmax/logits/MatMul"),
        (inception_graph(pool="pool_4"), "without pool_3;"),
        (inception_graph(dimension=64), r"pool_3 of shape \(None, 1, 1, 64\) and logits by \(64, 1008\)"),
    ],
    ids=["text", "archive", "empty", "other nodes", "other shapes"],
)
def test_inception_refuses_another_file(content, message, tmp_path):
    path = tmp_path / "graph.pb"
    path.write_bytes(content)
    with pytest.raises(ZooError, match=message):
        feature_network("inception", path)


def test_inception_refuses_a_missing_file(tmp_path):
    with pytest.raises(ZooError, match="cannot read the weights file"):
        feature_network("inception", tmp_path / "none.pb")
