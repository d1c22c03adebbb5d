"""ADA's random transforms: each against NumPy and SciPy from the same draws, their distribution, and how they are combined."""

import doctest
import importlib

import numpy as np
import pytest
import scipy.spatial.transform
import scipy.special
import tensorflow as tf

from tfgan_zoo.core import recipe
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.observation.affine_resampling import resampled
from tfgan_zoo.observation.augmentation import Augmentation, augment
from tfgan_zoo.observation.color_matrix import color_matrix
from tfgan_zoo.observation.geometry import blit_inverse, geometry_inverse, transformed

COUNT = 12


def draws(total=COUNT, first=0, count=None, seed=5):
    return Draws(seed_of(seed), total, first, count)


def images(*shape, count=COUNT):
    return np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype(np.float32)


def normal(u):
    return scipy.special.ndtri(np.float64(u))


# --- each against NumPy, example by example


def blit_by_numpy(image, u, p):
    """Flips, turns and shifts one after the other. Square images, whose shifts stay within the mirrored border."""
    side = len(image)
    if u[0] < p and u[3] >= 0.5:
        image = np.flip(image, 1)
    if u[1] < p:
        image = np.rot90(image, int(4 * u[4]))
    right, down = (round((2 * v - 1) * side / 8) if u[2] < p else 0 for v in (u[5], u[6]))
    padded = np.pad(image, [(side // 2, side // 2)] * 2 + [(0, 0)], mode="reflect")
    top, left = side // 2 - down, side // 2 - right
    return padded[top : top + side, left : left + side]


@pytest.mark.parametrize("p", [0.0, 0.6, 1.0])
def test_blitting_equals_numpys(p):
    x, u = images(16, 16, 3, count=40), draws(40).uniform("blit", [7]).numpy()
    expected = [blit_by_numpy(image, row, p) for image, row in zip(x, u, strict=True)]
    np.testing.assert_array_equal(transformed(x, draws(40), p, blit=True, geometry=False), expected)
    assert np.array_equal(expected, x) == (p == 0)


def matrices_by_numpy(u, v, p, height, width):
    """The inverse of the product of forward matrices. u, v: the draws of blitting and of the general transforms."""

    def turn(angle):
        return [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]

    def shift(right, down):
        return [[1, 0, right], [0, 1, down], [0, 0, 1]]

    parts, once = [np.eye(3)], 1 - np.sqrt(1 - p)
    if u is not None:
        parts += [np.diag([-1, 1, 1])] if u[0] < p and u[3] >= 0.5 else []
        parts += [turn(-np.pi / 2 * int(4 * u[4]))] if u[1] < p else []
        parts += [shift(round((2 * u[5] - 1) * width / 8), round((2 * u[6] - 1) * height / 8))] if u[2] < p else []
    if v is not None:
        parts += [np.diag([2 ** (0.2 * normal(v[5]))] * 2 + [1])] if v[0] < p else []
        parts += [turn(-np.pi * (2 * v[9] - 1))] if v[3] < once else []
        stretch = 2 ** (0.2 * normal(v[6]))
        parts += [np.diag([stretch, 1 / stretch, 1])] if v[1] < p else []
        parts += [turn(-np.pi * (2 * v[10] - 1))] if v[4] < once else []
        parts += [shift(normal(v[7]) * width / 8, normal(v[8]) * height / 8)] if v[2] < p else []
    forward = np.eye(3)
    for part in parts:
        forward = np.array(part) @ forward
    return np.linalg.inv(forward)


@pytest.mark.parametrize(("blit", "geometry"), [(True, True), (False, True), (True, False)])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_transforms_of_an_image_are_one_matrix_and_one_resampling(blit, geometry, p):
    """9 x 14 pixels: of one odd and one even side, so that blitting is resampled too."""
    x = images(9, 14, 3)
    u, v = draws().uniform("blit", [7]).numpy(), draws().uniform("geometry", [11]).numpy()
    rows = zip(u if blit else [None] * COUNT, v if geometry else [None] * COUNT, strict=True)
    expected = np.stack([matrices_by_numpy(a, b, p, 9, 14) for a, b in rows])
    result = transformed(x, draws(), p, blit=blit, geometry=geometry)
    in_double = resampled(tf.constant(x, tf.float64), tf.constant(expected))  # which is held against SciPy
    np.testing.assert_allclose(result, in_double, atol=1e-4)


def colors_by_numpy(image, u, p):
    """One colour transform after the other, on the pixels."""
    image = image.astype(np.float64)
    if u[0] < p:
        image = image + 0.2 * normal(u[5])
    if u[1] < p:
        image = image * 2 ** (0.5 * normal(u[6]))
    if u[3] < p and u[8] >= 0.5:
        image = image - 2 * image.mean(-1, keepdims=True)
    if u[4] < p and image.shape[-1] == 3:
        axis = np.full(3, 3**-0.5) * np.pi * (2 * u[9] - 1)
        turned = scipy.spatial.transform.Rotation.from_rotvec(axis).apply(image.reshape(-1, 3))
        image = turned.reshape(image.shape)
    if u[2] < p:
        mean = image.mean(-1, keepdims=True)
        image = mean + (image - mean) * 2 ** normal(u[7])
    return image


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_color_matrix_equals_one_transform_after_the_other(channels, p):
    x, u = images(4, 5, channels), draws().uniform("color matrix", [10]).numpy()
    colors = 1 if channels == 1 else 3
    expected = np.stack([colors_by_numpy(image[..., :colors], row, p) for image, row in zip(x, u, strict=True)])
    result = color_matrix(tf.constant(x), draws(), p).numpy()
    np.testing.assert_allclose(result[..., :colors], expected, atol=1e-5)
    np.testing.assert_array_equal(result[..., colors:], x[..., colors:])  # alpha
    assert np.abs(result - x).max() > 0.5 or p == 0


# --- distribution


def test_probability_is_that_of_each_transform_by_itself():
    many, p = draws(20000), 0.3
    u, v = many.uniform("blit", [7]).numpy(), many.uniform("geometry", [11]).numpy()
    flips = blit_inverse(many, p, (16, 16)).numpy()
    linear = flips[:, :2, :2].round().astype(int)
    mirrored = np.linalg.det(linear).round() == -1
    assert mirrored.mean() == pytest.approx(p / 2, abs=0.015)
    general = geometry_inverse(many, p, (16, 16)).numpy()
    shifted = (general[:, :2, 2] != 0).any(1)
    assert shifted.mean() == pytest.approx(p, abs=0.015)
    turned = np.abs(general[:, 0, 1]) + np.abs(general[:, 1, 0]) > 1e-6
    assert turned.mean() == pytest.approx(p, abs=0.015)  # by at least one of the two rotations
    area = 1 / np.linalg.det(general[:, :2, :2])
    scaled = np.abs(np.log2(area)) > 1e-5
    assert scaled.mean() == pytest.approx(p, abs=0.015)
    assert np.log2(area[scaled]).std() == pytest.approx(2 * 0.2, abs=0.015)
    assert np.abs(np.corrcoef(np.concatenate([u, v], axis=1).T) - np.eye(18)).max() < 0.05


def test_shifts_by_whole_pixels_reach_an_eighth_of_each_side():
    inverse = blit_inverse(draws(2000), 1.0, (16, 32)).numpy()
    linear, shift = inverse[:, :2, :2], inverse[:, :2, 2]
    shift = np.abs(np.linalg.solve(linear, shift[..., None])[..., 0])
    assert sorted(set(shift[:, 0].round(4))) == [0, 1, 2, 3, 4]
    assert sorted(set(shift[:, 1].round(4))) == [0, 1, 2]


def mixing(weights):
    """The matrix [8, 8] by which the shares of an image's eight orientations change: weights[flip, quarter]."""
    orientations = [(f, q) for f in (0, 1) for q in range(4)]
    matrix = np.zeros([8, 8])
    for i, (f, q) in enumerate(orientations):
        for (g, r), weight in zip(orientations, weights.ravel(), strict=True):
            after = ((f + g) % 2, ((-q if g else q) + r) % 4)  # flip first: it reverses the turns so far
            matrix[orientations.index(after), i] += weight
    return matrix


def test_orientations_can_be_told_below_a_probability_of_one_and_not_at_one():
    """Non-leaking: the map from the images' distribution to that of the augmented ones must be invertible. Its smallest
    singular value is (1 - p)^2 for flips and turns: 0.04 at p = 0.8, 0 at 1."""
    for p, smallest in ((0.8, 0.04), (1.0, 0.0)):
        u = draws(100_000).uniform("blit", [7]).numpy()
        flip, quarter = np.where(u[:, 0] < p, u[:, 3] >= 0.5, 0), np.where(u[:, 1] < p, 4 * u[:, 4], 0).astype(int)
        inverse = blit_inverse(draws(100_000), p, (8, 8)).numpy()[:, :2, :2]
        turn = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]]])
        np.testing.assert_array_equal(inverse, np.diag([-1, 1]) ** flip[:, None, None] * np.eye(2) @ turn[quarter])
        weights = np.histogram2d(flip, quarter, bins=[[0, 1, 2], range(5)])[0] / len(u)
        values = np.linalg.svd(mixing(weights), compute_uv=False)
        assert values[-1] == pytest.approx(smallest, abs=0.008)
        assert weights[0, 0] == pytest.approx((1 - p / 2) * (1 - 3 * p / 4), abs=0.008)  # the most likely, if p < 1


# --- in a pipeline

BGC = ("blit", "geometry", "color_matrix")


def test_bgc_is_short_for_the_three_and_combines_with_others():
    a_recipe = recipe.parse({"model": "gan", "steps": 1, "augmentation": ["bgc", "cutout"]})
    assert a_recipe.augmentation == (*BGC, "cutout")
    assert recipe.parse(a_recipe.as_dict()) == a_recipe
    with pytest.raises(ZooError, match="names one twice"):
        recipe.parse({"model": "gan", "steps": 1, "augmentation": ["bgc", "blit"]})


def test_blit_and_geometry_are_resampled_once_in_the_place_of_the_first():
    x = images(10, 12, 3)
    for names in (["blit", "cutout", "geometry"], ["geometry", "cutout", "blit"]):
        augmentation = Augmentation(names)
        assert len(augmentation.transforms) == 2
        augmentation.probability = 0.7
        together = augmentation({"images": x}, draws(), "real")["images"]
        first = transformed(x, draws(), 0.7, "augmented real images ", blit=True, geometry=True)
        cut = Augmentation(["cutout"])
        cut.probability = 0.7
        np.testing.assert_array_equal(together, cut({"images": first}, draws(), "real")["images"])


def test_probability_zero_leaves_images_as_they_are_and_may_move():
    x, augmentation = images(8, 8, 3), Augmentation([*BGC, "cutout"])
    for probability in (0.0, lambda: tf.constant(0.0)):
        augmentation.probability = probability
        result = augmentation({"images": x}, draws(), "real")["images"]
        np.testing.assert_allclose(result, x, atol=2e-6)


def test_example_is_transformed_alike_on_any_number_of_replicas_and_unlike_its_neighbour():
    augmentation = Augmentation(BGC)
    same = np.tile(images(8, 8, 3, count=1), [COUNT, 1, 1, 1])
    together = augmentation({"images": same}, draws(), "real")["images"].numpy()
    for first in (0, 4, 8):
        share = augmentation({"images": same[:4]}, draws(COUNT, first, 4), "real")["images"].numpy()
        np.testing.assert_allclose(share, together[first : first + 4], atol=1e-6)
    assert all(np.abs(together[i] - together[j]).max() > 0.01 for i in range(COUNT) for j in range(i))
    fake = augmentation({"images": same}, draws(), "fake")["images"].numpy()
    assert np.abs(together - fake).max() > 0.1


def test_low_precision_is_computed_in_float32_and_returned_as_it_came():
    x = tf.cast(images(8, 8, 3), tf.bfloat16)
    augmentation = Augmentation(BGC)
    low = augmentation({"images": x}, draws(), "real")["images"]
    high = augmentation({"images": tf.cast(x, tf.float32)}, draws(), "real")["images"]
    assert low.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(low, tf.float32), high, rtol=0.01, atol=0.01)


def test_compiled_pipeline_equals_the_plain_one():
    augmentation, x = Augmentation(BGC), tf.constant(images(8, 6, 3))

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            augmented = augmentation({"images": x}, draws(), "real")["images"]
            total = tf.reduce_sum(augmented**2)
        return augmented, tape.gradient(total, x)

    for plain, compiled in zip(gradient(x), tf.function(gradient, jit_compile=True)(x), strict=True):
        np.testing.assert_allclose(plain, compiled, rtol=1e-3, atol=2e-4)


def test_color_matrix_refuses_two_channels():
    class Two:
        generator = type("Network", (), {"output_shape": (None, 8, 8, 2)})
        sees_images = True

    with pytest.raises(ZooError, match="1, 3 or 4 channels, and these have 2"):
        augment(Two(), BGC)


@pytest.mark.parametrize(
    "name", ["affine_resampling", "augmentation", "augmentation_feedback", "color_matrix", "geometry"]
)
def test_examples_are_right(name):
    results = doctest.testmod(importlib.import_module(f"tfgan_zoo.observation.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
