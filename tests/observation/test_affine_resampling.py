"""Affine resampling between wavelet filters against SciPy in float64, closed forms, and derivatives of it."""

import itertools
import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import tensorflow as tf
from numeric import central_differences

from tfgan_zoo.observation.affine_resampling import SYM6, copied, resampled

SHAPES = [(12, 12, 3), (9, 14, 1), (10, 5, 4)]


def images(*shape, count=4):
    return np.random.default_rng(0).uniform(-1, 1, (count, *shape))


def inverse_of(scale=1.0, angle=0.0, stretch=1.0, shift=(0.0, 0.0)):
    """The inverse of a scale, a rotation, a stretch of the width and a shift (right, down), one after the other."""
    c, s = np.cos(angle), np.sin(angle)
    forward = np.eye(3)
    for part in (
        np.diag([scale, scale, 1.0]),
        np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
        np.diag([stretch, 1.0, 1.0]),
        np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]),
    ):
        forward = part @ forward
    return np.linalg.inv(forward)


# --- the filter


def test_filter_is_orthonormal_to_its_even_shifts_and_has_six_vanishing_moments():
    taps = np.array(SYM6)
    for shift in range(0, 12, 2):
        assert taps[: 12 - shift] @ taps[shift:] == pytest.approx(float(shift == 0), abs=1e-11)
    for power in range(6):
        moment = ((-1.0) ** np.arange(12) * np.arange(12.0) ** power) @ taps
        assert moment == pytest.approx(0, abs=1e-9 * max(1, 11**power / 100))


def test_filter_is_the_least_asymmetric_of_daubechies():
    """All filters with these properties are (1 + z)^6 times one root of each pair of roots; of them, this one's phase is the
    closest to a straight line."""
    roots_y = np.roots([math.comb(5 + k, k) for k in range(5, -1, -1)])
    pairs = []
    for y in roots_y[roots_y.imag >= 0]:  # y = (2 - z - 1 / z) / 4
        z = np.roots([1, 4 * y - 2, 1])
        pairs.append([[root, root.conj()] if abs(y.imag) > 1e-9 else [root] for root in z])
    candidates = []
    for chosen in itertools.product(*pairs):
        filter_of = np.poly(np.concatenate([[-1.0] * 6, *chosen])).real
        candidates.append(filter_of * 2**0.5 / filter_of.sum())

    frequencies = np.linspace(0.01, np.pi * 0.9, 200)

    def asymmetry(taps):
        phase = np.unwrap(np.angle(np.exp(-1j * np.outer(frequencies, np.arange(12))) @ taps))
        return np.ptp(phase - np.polyval(np.polyfit(frequencies, phase, 1), frequencies))

    best = min(candidates, key=asymmetry)
    assert min(np.abs(best - SYM6).max(), np.abs(best[::-1] - SYM6).max()) < 1e-9


# --- against SciPy


def resampled_by_scipy(image, inverse):
    """Mirrored far beyond the edges, upsampled by convolution, sampled, convolved and decimated, each as its own step."""
    height, width, channels = image.shape
    far = 5 * max(height, width)
    taps = np.array(SYM6)[:, None] * np.array(SYM6)[None]
    k = np.arange(-5, 2 * height + 5), np.arange(-5, 2 * width + 5)
    y, x = np.meshgrid(k[0] / 2 - (height - 1) / 2, k[1] / 2 - (width - 1) / 2, indexing="ij")
    x, y, _ = np.einsum("ij,jrs->irs", inverse, np.stack([x, y, np.ones_like(x)]))
    x, y = 2 * (x + (width - 1) / 2 + far), 2 * (y + (height - 1) / 2 + far)
    result = np.zeros_like(image)
    for c in range(channels):
        padded = np.pad(image[..., c], far, mode="reflect")
        stuffed = np.zeros([2 * side for side in padded.shape])
        stuffed[::2, ::2] = padded
        fine = scipy.signal.convolve(stuffed, 2 * taps)[
            5:-6, 5:-6
        ]  # pixel k at 2 k, where its first tap is 5 before it
        sampled = scipy.ndimage.map_coordinates(fine, [y, x], order=1)
        result[..., c] = scipy.signal.correlate(sampled, taps / 2, mode="valid")[::2, ::2]
    return result


@pytest.mark.parametrize("shape", SHAPES)
def test_resampling_equals_scipys(shape):
    """The third image is shrunk so far that it is mirrored several times."""
    settings = [
        {"angle": 0.3, "shift": (0.7, -1.2)},
        {"scale": 1.4, "angle": -2.0, "stretch": 0.8},
        {"scale": 0.25, "angle": 1.0, "stretch": 1.3, "shift": (2.5, 1.0)},
        {"stretch": 1.2},
    ]
    x, inverses = images(*shape), np.stack([inverse_of(**s) for s in settings])
    expected = np.stack([resampled_by_scipy(image, inverse) for image, inverse in zip(x, inverses, strict=True)])
    np.testing.assert_allclose(resampled(tf.constant(x), tf.constant(inverses)), expected, atol=1e-10)
    single = resampled(tf.constant(x, tf.float32), tf.constant(inverses, tf.float32))
    np.testing.assert_allclose(single, expected, atol=1e-4)


@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 1), (4, 4, 3)])
def test_identity_and_shifts_by_whole_pixels_pass_the_filters_unchanged(shape):
    x = images(*shape, count=2)
    inverses = np.stack([np.eye(3), inverse_of(shift=(1, -1))])
    shifted = np.pad(x[1], [(0, 1), (1, 0), (0, 0)], mode="reflect")[1:, :-1]
    for transform in (resampled, copied):
        result = transform(tf.constant(x), tf.constant(inverses))
        np.testing.assert_allclose(result, [x[0], shifted], atol=1e-10)
    single = resampled(tf.constant(x, tf.float32), tf.constant(inverses, tf.float32))
    np.testing.assert_allclose(single, [x[0], shifted], atol=2e-6)


def test_lines_of_one_pixel_go_on_as_they_are():
    x, inverse = images(1, 7, 1, count=1), inverse_of(shift=(0, 0.6))[None]
    np.testing.assert_allclose(resampled(tf.constant(x), tf.constant(inverse)), x, atol=1e-10)


# --- copies


def test_copies_equal_numpys_flips_rotations_and_mirrored_shifts():
    x = images(8, 8, 3, count=3)
    quarter = inverse_of(angle=np.pi / 2).round()
    inverses = np.stack([np.diag([-1.0, 1, 1]), quarter, inverse_of(shift=(3, 2))])
    shifted = np.pad(x[2], [(2, 0), (3, 0), (0, 0)], mode="reflect")[:8, :8]
    expected = np.stack([np.flip(x[0], 1), np.rot90(x[1], -1), shifted])
    np.testing.assert_array_equal(copied(tf.constant(x), tf.constant(inverses)), expected)


def test_a_copy_of_a_long_image_turned_by_90_degrees_is_its_middle():
    """4 x 8: of the 8 columns, which become rows, the middle 4; its 4 rows are mirrored to 8."""
    x = images(4, 8, 1, count=1)
    turned = copied(tf.constant(x), tf.constant(inverse_of(angle=np.pi / 2).round()[None]))
    mirrored = np.pad(x[0], [(2, 2), (0, 0), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(turned[0], np.rot90(mirrored[:, 2:6], -1))


def test_resampling_turns_and_flips_nearly_as_numpy():
    """The filter is not quite symmetric: smooth images are off by a tenth of a pixel in each direction that is reversed."""
    grid = np.sin(np.arange(16) / 4)
    x = tf.constant((grid[:, None] * grid[None] + grid[:, None])[None, ..., None])
    flipped = resampled(x, tf.constant(np.diag([-1.0, 1, 1])[None]))
    np.testing.assert_allclose(flipped, np.flip(x, 2), atol=0.1)
    turned = resampled(x, tf.constant(inverse_of(angle=np.pi / 2)[None]))
    np.testing.assert_allclose(turned, np.rot90(x, -1, (1, 2)), atol=0.1)


# --- derivatives

TWO = np.stack([inverse_of(0.9, 0.5, 1.1, (0.3, 0.2)), inverse_of(1.2, -1.0)])


@pytest.mark.parametrize("transform", [resampled, copied])
def test_gradient_is_the_adjoint(transform):
    """<A d, w> = <d, A^T w>."""
    d, w = (np.random.default_rng(i).normal(size=(2, 6, 5, 2)) for i in range(2))
    with tf.GradientTape() as tape:
        x = tf.constant(d)
        tape.watch(x)
        y = transform(x, tf.constant(TWO))
        total = tf.reduce_sum(y * w)
    np.testing.assert_allclose(np.sum(tape.gradient(total, x) * d), np.sum(y * w), rtol=1e-9)


def penalty(x):
    """|grad of sum A(x)^3|^2, as a gradient penalty has it."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(resampled(x, tf.constant(TWO, x.dtype)) ** 3)
    return tf.reduce_sum(tape.gradient(total, x) ** 2)


def gradient_of_penalty(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = penalty(x)
    return tape.gradient(value, x)


def test_gradient_of_a_gradients_norm_equals_finite_differences_and_compiles():
    x = images(4, 5, 1, count=2)
    expected = central_differences(lambda x: penalty(tf.constant(x)), x)
    np.testing.assert_allclose(gradient_of_penalty(tf.constant(x)), expected, rtol=1e-6, atol=1e-6)
    compiled = tf.function(gradient_of_penalty, jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(x)), expected, rtol=1e-6, atol=1e-6)
