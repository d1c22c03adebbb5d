"""Each lossy measurement against NumPy in float64 and finite differences; parameters by index and by draw; the inverses."""

import dataclasses
import math
import typing

import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close, central_differences

from tfgan_zoo.core import recipe_tables
from tfgan_zoo.core.draws import Draws, SeededDraws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data import inverse_measurements
from tfgan_zoo.data.pipeline import as_floats, batches
from tfgan_zoo.data.sources import Source, load_source
from tfgan_zoo.data.training_view import measured_once, training_view
from tfgan_zoo.observation.measurements import KINDS, draws_of, gaussian_kernel, measurement_of, rotated

SHAPE = (6, 8, 2)
CHANGES = {"patch": 3, "angles": 2, "blur": 0.7}
IMAGES = np.random.default_rng(0).uniform(-1, 1, (5, *SHAPE))
every_kind = pytest.mark.parametrize("kind", KINDS)


def settings_of(kind, **changes):
    return recipe_tables.MeasurementSettings(kind=kind, **{**CHANGES, **changes})


def build_measurement(kind, shape=SHAPE, **changes):
    return measurement_of(settings_of(kind, **changes), shape)


def draws(count=5, seed=0):
    return Draws(seed_of(seed), count)


# ------------------------------------------------------------------------------------- the references, in NumPy, float64


def with_black(image, visible):
    return np.where(visible[..., None] if visible.ndim == 2 else visible, image, -1.0)


def square(theta, side):
    inside = np.zeros(SHAPE[:2], bool)
    inside[theta[0] : theta[0] + side, theta[1] : theta[1] + side] = True
    return inside


def blurred(image, kernel):
    """Blurs light, which is 0 for black and beyond the border."""
    kernel, radius = np.array(kernel), len(kernel) // 2
    light = np.pad(image + 1, [(radius, radius), (radius, radius), (0, 0)])
    out = np.zeros_like(image)
    for i in range(len(kernel)):
        for j in range(len(kernel)):
            out += kernel[i, j] * light[i : i + image.shape[0], j : j + image.shape[1]]
    return out - 1


def rotated_by_numpy(light, angle, length):
    """Pixel by pixel: bilinear from the four neighbours of its origin, zero outside."""
    height, width, _ = light.shape
    out = np.zeros([length, length, light.shape[2]])
    for i in range(length):
        for j in range(length):
            y, x = i - (length - 1) / 2, j - (length - 1) / 2
            row = math.cos(angle) * y - math.sin(angle) * x + (height - 1) / 2
            column = math.sin(angle) * y + math.cos(angle) * x + (width - 1) / 2
            for r in (math.floor(row), math.floor(row) + 1):
                for c in (math.floor(column), math.floor(column) + 1):
                    if 0 <= r < height and 0 <= c < width:
                        out[i, j] += (1 - abs(row - r)) * (1 - abs(column - c)) * light[r, c]
    return out


def lines(image, angles):
    sums = [rotated_by_numpy((image + 1) / 2, angle, 10).sum(0) for angle in angles]  # the diagonal of 6 x 8 is 10
    return 2 * np.concatenate(sums, -1) / 8 - 1


REFERENCES = {
    "block_pixels": lambda image, theta: with_black(image, theta),
    "convolve_noise": lambda image, theta: blurred(image, gaussian_kernel(0.7)) + 0.2 * theta,
    "block_patch": lambda image, theta: with_black(image, ~square(theta, 3)),
    "keep_patch": lambda image, theta: with_black(image, square(theta, 3)),
    "extract_patch": lambda image, theta: image[theta[0] : theta[0] + 3, theta[1] : theta[1] + 3],
    "pad_rotate_project": lines,
    "pad_rotate_project_theta": lines,
    "gaussian_projection": lambda image, theta: [np.dot(theta, image.ravel() + 1) / math.sqrt(96)],
}


DISCRETE = ("block_pixels", "block_patch", "keep_patch", "extract_patch")  # whose parameters are not real numbers


@every_kind
def test_measurement_equals_numpys_and_has_the_promised_shape(kind):
    measurement = build_measurement(kind)
    theta = measurement.parameters(draws(), SHAPE)
    measured = measurement.measure(tf.constant(IMAGES), theta)
    assert measured.shape == (5, *measurement.shape(SHAPE))
    assert measured.dtype == tf.float64
    theta = theta.numpy() if kind in DISCRETE else theta.numpy().astype("float64")
    expected = [REFERENCES[kind](image, t) for image, t in zip(IMAGES, theta, strict=True)]
    assert_all_close(measured, expected, 1e-6 if "rotate" in kind else 1e-12)  # cos and sin are float32


@every_kind
def test_gradient_equals_finite_differences(kind):
    measurement = build_measurement(kind)
    theta = measurement.parameters(draws(), SHAPE)[:1]
    weights = np.random.default_rng(1).normal(size=[1, *measurement.shape(SHAPE)])

    @tf.function(autograph=False)
    def weighted_sum(images):
        return tf.reduce_sum(tf.sin(2 * measurement.measure(images, theta)) * weights)

    images = tf.constant(IMAGES[:1])
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = weighted_sum(images)
    gradient = tape.gradient(value, images)
    assert_all_close(gradient, central_differences(lambda x: weighted_sum(tf.constant(x)), IMAGES[:1]), 1e-8)
    assert np.any(gradient)


@every_kind
def test_each_image_is_measured_independently_with_its_own_parameters(kind):
    measurement = build_measurement(kind)
    theta = measurement.parameters(draws(40), SHAPE)
    same = measurement.measure(tf.constant(np.tile(IMAGES[:1], (40, 1, 1, 1))), theta).numpy()
    assert len(np.unique(same.reshape(40, -1), axis=0)) > 10
    alone = measurement.measure(tf.constant(IMAGES[:1]), theta[7:8])
    assert_all_close(same[7:8], alone, 1e-12)


@every_kind
def test_encoded_theta_has_the_promised_size(kind):
    measurement = build_measurement(kind)
    observed = measurement.observe(tf.constant(IMAGES), draws())
    size = {"pad_rotate_project_theta": 4, "gaussian_projection": 96}.get(kind, 0)
    assert measurement.theta_size(SHAPE) == size
    assert observed.keys() == ({"images", "theta"} if size else {"images"})
    if size:
        assert observed["theta"].shape == (5, size)
        assert observed["theta"].dtype == tf.float64


# ------------------------------------------------------------------------------------------------------- numbers by hand


def test_blocked_pixels_are_black_in_all_channels_with_the_given_probability():
    white = tf.ones([50, 20, 20, 3])
    for p in (0.0, 0.3, 1.0):
        blocked = (
            build_measurement("block_pixels", (20, 20, 3), probability=p).observe(white, draws(50))["images"].numpy()
        )
        assert set(np.unique(blocked)) <= {-1.0, 1.0}
        np.testing.assert_array_equal(blocked[..., 0], blocked[..., 2])
        deviation = math.sqrt(p * (1 - p) / (50 * 400))
        assert abs(np.mean(blocked[..., 0] == -1) - p) <= 4 * deviation


def test_patches_cover_every_position_including_the_corners():
    theta = build_measurement("extract_patch").parameters(draws(2000), SHAPE).numpy()
    positions = {tuple(position) for position in theta}
    assert positions == {(row, column) for row in range(4) for column in range(6)}


def test_kernel_is_five_wide_for_one_pixel_and_sums_to_one():
    kernel = np.array(gaussian_kernel(1.0))
    assert kernel.shape == (5, 5)
    assert_all_close(kernel.sum(), 1)
    assert_all_close(kernel[2, 2] / kernel[0, 2], math.exp(2))


def test_projections_at_angle_zero_are_means_of_columns_and_black_gives_minus_one():
    image = np.full((1, 4, 4, 1), -1.0)
    image[0, :, 1] = 1  # a white column
    image[0, 0, 2] = 1  # a white pixel
    projected = build_measurement("pad_rotate_project", (4, 4, 1), angles=1).measure(
        tf.constant(image), tf.zeros([1, 1])
    )
    assert_all_close(projected[0, :, 0], [-1, -1, 1, -0.5, -1, -1])  # 6 long: the diagonal is 5.66


def test_projection_at_a_quarter_turn_lists_the_rows_from_the_bottom():
    image = np.full((1, 4, 4, 1), -1.0)
    image[0, 1] = 1  # a white row
    projected = build_measurement("pad_rotate_project", (4, 4, 1), angles=1).measure(
        tf.constant(image), tf.constant([[math.pi / 2]])
    )
    assert_all_close(projected[0, :, 0], [-1, -1, -1, 1, -1, -1], 1e-6)


def test_half_a_turn_flips_both_axes_and_central_light_is_preserved():
    light = np.zeros((3, 9, 9, 1))
    light[:, 2:7, 2:7] = np.random.default_rng(0).uniform(size=(3, 5, 5, 1))
    half = rotated(tf.constant(light), tf.fill([3], math.pi), 9)
    assert_all_close(half, light[:, ::-1, ::-1], 1e-5)
    eighth = rotated(tf.constant(light), tf.fill([3], math.pi / 4), 13)
    assert np.abs(tf.reduce_sum(eighth, [1, 2, 3]) / light.sum((1, 2, 3)) - 1).max() < 0.15  # bilinear sums vary


def test_angles_cover_the_circle_and_their_encoding_is_continuous_at_pi():
    measurement = build_measurement("pad_rotate_project_theta", angles=1)
    theta = measurement.parameters(draws(2000), SHAPE).numpy()
    assert_all_close([theta.min(), theta.max()], [-math.pi, math.pi], 0.01)
    assert abs(theta.mean()) < 4 * math.pi / math.sqrt(3 * 2000)
    seam = measurement.encoded_theta(tf.constant([[math.pi - 1e-3], [1e-3 - math.pi]]))
    assert np.abs(seam[0] - seam[1]).max() < 0.01


# ------------------------------------------------------------------------------- real images, with one fixed measurement

PIXELS = np.random.default_rng(2).integers(0, 256, (13, *SHAPE)).astype(np.uint8)
SOURCE = Source("none", PIXELS, np.arange(13, dtype=np.int32), tuple("abcdefghijklm"))


def observations_by_index(kind, count, batch_size, **options):
    """{label, which equals the index: [each observation of it]} over `count` batches."""
    observations = {}
    images, measure = training_view(SOURCE, recipe_tables.DataSettings(measurement=settings_of(kind)))
    stream = iter(batches(images, SOURCE.labels, batch_size, 0, measure=measure, **options))
    for _ in range(count):
        element = {name: value.numpy() for name, value in next(stream).items()}
        for i, label in enumerate(element.pop("labels")):
            observations.setdefault(int(label), []).append({name: value[i] for name, value in element.items()})
    return observations


@every_kind
def test_each_real_image_has_one_measurement_whatever_the_epoch_batch_and_replicas(kind):
    streams = (
        observations_by_index(kind, 7, 4),
        observations_by_index(kind, 5, 6),
        observations_by_index(kind, 28, 4, replicas=4, start=9),
    )
    assert len(streams[0][0]) >= 2  # an image recurs in the next epoch
    by_index = measured_once(settings_of(kind), SHAPE)(as_floats(tf.constant(PIXELS)), tf.range(13, dtype=tf.int64))
    for index in range(13):
        for observation in (observation for stream in streams for observation in stream[index]):
            assert observation.keys() == by_index.keys()
            for name, value in observation.items():
                # sums over other batches may be computed in another order
                assert_all_close(value, by_index[name][index], 0 if kind in DISCRETE else 1e-6)


def test_another_seed_changes_the_measurements_and_fakes_get_fresh_ones():
    measurement = build_measurement("block_pixels")
    indices = tf.range(5, dtype=tf.int64)
    thetas = [measurement.parameters(draws_of(settings_of("block_pixels", seed=s), indices), SHAPE) for s in (0, 1)]
    fresh = [measurement.parameters(draws(5, seed), SHAPE) for seed in (7, 8)]
    for a, b in [thetas, fresh, (thetas[0], fresh[0])]:
        assert np.all(np.any(a.numpy() != b.numpy(), axis=(1, 2, 3)))


def test_seeded_draws_do_not_depend_on_the_batch_and_are_normal():
    together = SeededDraws(tf.constant([3, 4, 2**31 + 3], tf.int64)).normal("x", [1000]).numpy()
    np.testing.assert_array_equal(together[1:2], SeededDraws(tf.constant([4], tf.int64)).normal("x", [1000]))
    assert np.all(np.abs(together.mean(1)) < 4 / math.sqrt(1000))
    assert np.all(np.abs(together.std(1) - 1) < 4 / math.sqrt(2000))
    assert np.abs(np.corrcoef(together)[np.triu_indices(3, 1)]).max() < 4 / math.sqrt(1000)


def test_blocking_with_probability_zero_leaves_the_stream_bit_identical():
    images, measure = training_view(
        SOURCE, recipe_tables.DataSettings(measurement={"kind": "block_pixels", "probability": 0})
    )
    measured, plain = (iter(batches(PIXELS, None, 4, 0, measure=m)) for m in (measure, None))
    for _ in range(4):
        np.testing.assert_array_equal(next(measured)["images"], next(plain)["images"])
    assert images is PIXELS
    assert training_view(SOURCE, recipe_tables.DataSettings()) == (PIXELS, None)


@every_kind
def test_fakes_on_two_replicas_are_measured_like_those_on_one(kind):
    measurement, images = build_measurement(kind), tf.constant(IMAGES[:4])
    together = measurement.observe(images, draws(4))
    for first in (0, 2):
        share = measurement.observe(images[first : first + 2], Draws(seed_of(0), 4, first, 2))
        for name, value in share.items():
            assert_all_close(value, together[name][first : first + 2])


def test_labelled_images_are_measured_too():
    measure = measured_once(settings_of("block_pixels", probability=1), SHAPE)
    stream = batches(PIXELS, SOURCE.labels, 4, 0, labelled=np.arange(5), measure=measure)
    element = next(iter(stream))
    assert np.all(element["labelled_images"] == -1)
    assert np.all(element["images"] == -1)


def test_recipe_knows_every_kind():
    names = typing.get_args(recipe_tables.MeasurementSettings.model_fields["kind"].annotation)
    assert names == ("none", *KINDS)
    assert measurement_of(recipe_tables.MeasurementSettings(), SHAPE) is None


def test_invalid_settings_are_refused_with_a_remedy():
    with pytest.raises(ZooError, match=r"patch=7 does not fit into images of 6x8; use 6 at most"):
        build_measurement("keep_patch", patch=7)
    with pytest.raises(ZooError, match=r"measures images, but the data has shape \[2\]"):
        build_measurement("block_pixels", (2,))
    with pytest.raises(ZooError, match=r"data.flip would measure each image twice"):
        batches(PIXELS, None, 4, 0, flip=True, measure=lambda images, numbers: {"images": images})
    with pytest.raises(ZooError, match=r"pad_rotate_project cannot be inverted .* block_pixels, .* can"):
        training_view(SOURCE, recipe_tables.DataSettings(measurement=settings_of("pad_rotate_project", unmeasure=True)))


# ---------------------------------------------------------------------------------------------------------- the inverses


def variation(images):
    down, right = (np.diff(images, axis=a, append=np.take(images, [-1], a)) for a in (1, 2))
    return np.sqrt(down**2 + right**2).sum()


def test_inpainting_keeps_known_pixels_and_continues_a_step_through_a_gap():
    step = np.full((1, 12, 12, 1), -1.0)
    step[:, :, 6:] = 1  # total variation 2 x 12, the least of any image that agrees with the rim
    known = np.ones((1, 12, 12, 1), bool)
    known[:, 4:8, 4:8] = False
    inpainted = inverse_measurements.inpainted(np.where(known, step, -1), known, 2000)
    np.testing.assert_array_equal(inpainted[known], step[known])
    assert_all_close(variation(inpainted), 24, 1e-3)


def test_inpainting_has_less_variation_than_the_image_that_was_blocked():
    images = as_floats(tf.constant(load_source(recipe_tables.DataSettings(resolution=32)).images[::500])).numpy()
    known = np.random.default_rng(0).uniform(size=(10, 32, 32, 1)) < 0.5
    inpainted = inverse_measurements.inpainted(np.where(known, images, -1), known)
    assert variation(inpainted) < variation(images)
    converged = inverse_measurements.inpainted(np.where(known, images, -1), known, 1500)
    assert variation(converged) > 0.999 * variation(inpainted)
    assert np.mean((inpainted - images) ** 2) < 0.25 * np.mean((np.where(known, images, -1) - images) ** 2)


@pytest.mark.parametrize(
    ("kind", "changes", "ratio"),
    [  # of the squared error to that of the measurements, or for projections to that of the mean digit
        ("block_pixels", {}, 0.25),
        ("block_patch", {"patch": 8}, 0.9),
        ("convolve_noise", {}, 0.7),
        ("pad_rotate_project_theta", {"angles": 30}, 0.5),
    ],
)
def test_restored_digits_are_nearer_to_the_clean_ones_than_their_measurements(kind, changes, ratio, tmp_path):
    digits = load_source(recipe_tables.DataSettings(resolution=32))
    digits = dataclasses.replace(digits, images=digits.images[::250], labels=digits.labels[::250])
    data = recipe_tables.DataSettings(measurement={"kind": kind, "unmeasure": True, **changes}, cache_dir=str(tmp_path))
    images, measure = training_view(digits, data)
    assert measure is None
    assert images.dtype == np.uint8
    assert images.shape == digits.images.shape
    clean, restored = (as_floats(tf.constant(i)).numpy() for i in (digits.images, images))
    measured = measured_once(data.measurement, (32, 32, 1))(tf.constant(clean), tf.range(20, dtype=tf.int64))["images"]
    baseline = measured.numpy() if measured.shape == clean.shape else clean.mean(0)
    assert np.mean((restored - clean) ** 2) < ratio * np.mean((baseline - clean) ** 2)


def test_back_projection_neither_shifts_nor_mirrors():
    """The image is off-centre, so mirroring or shifting would move it."""
    image = np.full((1, 16, 16, 1), -1.0)
    image[0, 3:6, 9:13] = 1
    measurement = build_measurement("pad_rotate_project_theta", (16, 16, 1), angles=60)
    theta = tf.constant(np.linspace(-np.pi, np.pi, 60, endpoint=False)[None], tf.float32)
    measured = measurement.measure(tf.constant(image), theta).numpy()
    restored = inverse_measurements.projected_back(measured, theta.numpy(), measurement, (16, 16, 1))
    light = np.clip((restored[0, ..., 0] + 1) / 2, 0, 1)
    light = np.where(light > 0.3, light, 0)
    rows, columns = np.arange(16) @ light.sum(1) / light.sum(), np.arange(16) @ light.sum(0) / light.sum()
    assert_all_close([rows, columns], [4, 10.5], 0.02)
    assert_all_close(restored[0, 4, 10:12, 0], 1, 0.15)


def test_restored_images_are_cached(tmp_path, monkeypatch):
    data = recipe_tables.DataSettings(measurement=settings_of("block_pixels", unmeasure=True), cache_dir=str(tmp_path))
    first, _ = training_view(SOURCE, data)
    monkeypatch.setattr(inverse_measurements, "inverted_rows", None)
    again, _ = training_view(SOURCE, data)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(first, again)
