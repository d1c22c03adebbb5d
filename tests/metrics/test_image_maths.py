"""Structural similarity, sliced Wasserstein distance and neighbours: by hand, against slow code, and against other libraries.

references/image_scores.json holds the results of scikit-image, piq, PyTorch and SciPy for the images of `random_images`.
"""

import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics import neighbours, sliced_wasserstein
from tfgan_zoo.metrics.neighbours import (
    batch_for_even_odds,
    birthday,
    closest_pairs,
    collision_probability,
    nearest,
    pixels,
    support_for_even_odds,
)
from tfgan_zoo.metrics.sliced_wasserstein import (
    PatchDescriptors,
    laplacian_pyramid,
    level_sizes,
    sliced_wasserstein_distance,
)
from tfgan_zoo.metrics.structural_similarity import C1, class_similarity, ms_ssim, scales_of, ssim

REFERENCES = json.loads((pathlib.Path(__file__).parents[1] / "references" / "image_scores.json").read_text())


def random_images(seed, shape, count):
    """Two sets of uint8 images, as in references/make_image_scores.py; the first of b is an inverse."""
    random = np.random.default_rng(seed)
    height, width, channels = shape
    coarse = random.integers(40, 216, [count, -(-height // 8), -(-width // 8), channels])
    squares = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    a = squares + random.integers(-10, 11, squares.shape)
    b = a + random.integers(-30, 31, a.shape)
    b[0] = 255 - b[0]
    return a.astype(np.uint8), b.astype(np.uint8)


def plain(levels, size=32, channels=1):
    """uint8 images, each of one level."""
    return np.broadcast_to(np.uint8(levels).reshape(-1, 1, 1, 1), [len(levels), size, size, channels])


def references_of(score):
    return [
        pytest.param(tuple(map(int, name.split("x"))), scores[score], id=name)
        for name, scores in REFERENCES.items()
        if score in scores
    ]


def test_importing_the_modules_loads_neither_tensorflow_nor_scipy():
    modules = ", ".join(
        f"tfgan_zoo.metrics.{name}" for name in ("structural_similarity", "sliced_wasserstein", "neighbours")
    )
    code = f"import sys, {modules}; sys.exit(bool({{'tensorflow', 'keras', 'scipy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Structural similarity


@pytest.mark.parametrize(("shape", "expected"), references_of("ssim"))
def test_ssim_equals_scikit_images(shape, expected):
    np.testing.assert_allclose(ssim(*random_images(1, shape, 4)), expected, rtol=1e-9)


@pytest.mark.parametrize(("shape", "expected"), references_of("ms_ssim"))
def test_ms_ssim_equals_piqs_which_also_counts_negative_contrast_as_0(shape, expected):
    values = ms_ssim(*random_images(1, shape, 4))
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert values[0] == 0
    assert values.dtype == np.float64


@pytest.mark.parametrize("shape", [(176, 192, 3), (181, 177, 1)], ids=["even", "odd"])
def test_five_scales_agree_with_tensorflow(shape):
    a, b = random_images(3, shape, 3)
    np.testing.assert_allclose(ssim(a, b), tf.image.ssim(a, b, 255), atol=1e-3)
    np.testing.assert_allclose(ms_ssim(a, b), tf.image.ssim_multiscale(a, b, 255), atol=1e-3)


@pytest.mark.parametrize("shape", [(32, 32, 1), (41, 35, 3), (21, 64, 1)], ids=str)
def test_fewer_scales_agree_with_tensorflow_under_our_weights(shape):
    a, b = random_images(4, shape, 3)
    reference = tf.image.ssim_multiscale(a, b, 255, power_factors=[scale.weight for scale in scales_of(shape)])
    np.testing.assert_allclose(ms_ssim(a, b), reference, atol=1e-5)


def test_scales_halve_while_they_hold_the_window_and_their_weights_sum_to_1():
    assert scales_of((32, 32, 1)) == (
        (32, 32, pytest.approx(0.0448 / 0.3304)),
        (16, 16, pytest.approx(0.2856 / 0.3304)),
    )
    assert scales_of((11, 400, 3)) == ((11, 400, 1),)
    assert [scale[:2] for scale in scales_of((161, 500, 1))] == [(161, 500), (81, 250), (41, 125), (21, 63), (11, 32)]
    assert len(scales_of((160, 500, 1))) == 4
    assert sum(scale.weight for scale in scales_of((1024, 1024, 3))) == pytest.approx(1, rel=1e-12)


def test_constant_images_differ_only_by_luminance_at_the_coarsest_scale():
    a, b = plain([10, 100, 0]), plain([20, 100, 255])
    luminance = np.array([(2 * 10 * 20 + C1) / (10**2 + 20**2 + C1), 1, C1 / (255**2 + C1)])
    np.testing.assert_allclose(ssim(a, b), luminance, rtol=1e-9)
    np.testing.assert_allclose(ms_ssim(a, b), luminance ** (0.2856 / 0.3304), rtol=1e-9)


def test_image_has_similarity_1_with_itself_and_similarity_is_symmetric():
    a, b = random_images(5, (40, 33, 3), 3)
    np.testing.assert_array_equal([ssim(a, a), ms_ssim(a, a)], 1)
    np.testing.assert_array_equal([ssim(a, b), ms_ssim(a, b)], [ssim(b, a), ms_ssim(b, a)])


def test_gray_images_are_as_similar_with_one_channel_as_with_three():
    a, b = random_images(6, (32, 32, 1), 3)
    np.testing.assert_allclose(ms_ssim(*(x.repeat(3, axis=-1) for x in (a, b))), ms_ssim(a, b), rtol=1e-12)


def test_blocks_do_not_change_similarity(monkeypatch):
    a, b = random_images(7, (32, 32, 1), 5)
    together = ms_ssim(a, b)
    monkeypatch.setattr("tfgan_zoo.metrics.structural_similarity.BLOCK", 2 * 32 * 32)
    np.testing.assert_array_equal(ms_ssim(a, b), together)
    within = class_similarity(a, pairs=10)
    assert sorted(within.values[0]) == sorted(
        ms_ssim(a[[i]], a[[j]])[0] for i, j in itertools.combinations(range(5), 2)
    )


# Similarity within classes


def test_pairs_are_different_images_of_one_class_without_repetition():
    # Constant images: every pair has a value of its own, which identifies it.
    levels, labels = np.array([10, 25, 60, 100, 120, 200, 255]), np.array([7, 7, 7, 2, 7, 2, 2])
    images = plain(levels, size=11)
    result = class_similarity(images, labels, pairs=100)
    np.testing.assert_array_equal(result.classes, [2, 7])
    for label, values in zip(result.classes, result.values, strict=True):
        pairs = np.array(list(itertools.combinations(np.flatnonzero(labels == label), 2)))
        np.testing.assert_allclose(np.sort(values), np.sort(ms_ssim(images[pairs[:, 0]], images[pairs[:, 1]])))
    subset = class_similarity(images, labels, pairs=4)
    assert [len(values) for values in subset.values] == [3, 4]
    assert len(np.unique(subset.values[1])) == 4
    assert set(subset.values[1]) < set(result.values[1])


def test_all_pairs_are_equally_likely():
    images = plain([10, 60, 120, 255], size=11)
    first = [class_similarity(images, pairs=1, seed=seed).values[0][0] for seed in range(600)]
    _, counts = np.unique(first, return_counts=True)
    assert len(counts) == 6
    assert scipy.stats.chisquare(counts).pvalue > 0.001


def test_class_of_copies_has_similarity_1_and_a_diverse_one_less():
    varied = random_images(8, (32, 32, 1), 6)[0]
    result = class_similarity(np.concatenate([varied, varied[[0] * 6]]), np.repeat([0, 1], 6), pairs=10)
    assert result.means[1] == 1
    assert result.means[0] < 0.5
    assert [len(values) for values in result.values] == [10, 10]


def test_without_labels_all_images_are_class_0_and_the_seed_draws_the_pairs():
    images = random_images(9, (16, 16, 1), 30)[0]
    first, same, other = (class_similarity(images, pairs=20, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.classes, [0])
    np.testing.assert_array_equal(first.values[0], same.values[0])
    assert (first.values[0] != other.values[0]).any()


def test_similarity_refuses_invalid_images():
    images = random_images(10, (16, 16, 1), 4)[0]
    for function in (ssim, ms_ssim):
        with pytest.raises(ZooError, match=r"shapes \(4, 16, 16, 1\) and \(3, 16, 16, 1\)"):
            function(images, images[:3])
        with pytest.raises(ZooError, match="float32 images; expected uint8"):
            function(images, images.astype(np.float32))
        with pytest.raises(ZooError, match=r"shape \(0, 16, 16, 1\)"):
            function(images[:0], images[:0])
        with pytest.raises(ZooError, match="images of 10x16; structural similarity needs at least 11 pixels"):
            function(images[:, :10], images[:, :10])
    with pytest.raises(ZooError, match="class 3, 5: a single image among 4"):
        class_similarity(images, np.array([3, 4, 5, 4]))
    with pytest.raises(ZooError, match="class 0: a single image among 1"):
        class_similarity(images[:1])
    with pytest.raises(ZooError, match=r"4 images with labels of shape \(3,\)"):
        class_similarity(images, np.array([0, 0, 0]))
    with pytest.raises(ZooError, match="float64; expected one integer each"):
        class_similarity(images, np.zeros(4))
    with pytest.raises(ZooError, match="pairs=0"):
        class_similarity(images, pairs=0)


# Sliced Wasserstein distance


def mirrored(index, size):
    """The index that replaces one beyond the border: ... 2 1 | 0 1 2 ... size - 1 | size - 2 ..."""
    index = abs(index)
    return 2 * (size - 1) - index if index >= size else index


def slowly_smoothed(image):
    height, width = image.shape
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    out = np.zeros([height, width])
    for y, x, i, j in itertools.product(range(height), range(width), range(5), range(5)):
        out[y, x] += kernel[i, j] * image[mirrored(y + i - 2, height), mirrored(x + j - 2, width)]
    return out


def slow_pyramid(image, levels):
    """The Laplacian pyramid of an image [H, W], in float64."""
    pyramid = []
    for _ in range(levels - 1):
        coarser = slowly_smoothed(image)[::2, ::2]
        spread = np.zeros(image.shape)
        spread[::2, ::2] = 4 * coarser
        pyramid.append(image - slowly_smoothed(spread))
        image = coarser
    return [*pyramid, image]


def slow_descriptors(levels, number, patches):
    """float64 [N * patches, 49] of the levels [h, w] of N gray images."""
    height, width = levels[0].shape
    corners = np.random.default_rng((0, number)).integers(0, [height - 6, width - 6], size=(len(levels), patches, 2))
    rows = np.array(
        [
            level[y : y + 7, x : x + 7].ravel()
            for level, positions in zip(levels, corners, strict=True)
            for y, x in positions.tolist()
        ]
    )
    return (rows - rows.mean()) / rows.std()


def slow_distances(real, fake, patches, projections):
    """[distance * 1000 of each level], with one call of SciPy for each direction."""
    sizes = level_sizes(real.shape[1:])
    random, distances = np.random.default_rng(0), []
    pyramids = [[slow_pyramid(image[..., 0].astype(np.float64), len(sizes)) for image in x] for x in (real, fake)]
    for number in range(len(sizes)):
        a, b = (slow_descriptors([levels[number] for levels in x], number, patches) for x in pyramids)
        directions = random.normal(size=(projections, 49))
        distances.append(
            np.mean(
                [scipy.stats.wasserstein_distance(a @ v, b @ v) / np.sqrt((v**2).sum()) for v in directions],
            )
        )
    return [1000 * distance for distance in distances]


@pytest.mark.parametrize("shape", [(8, 8), (9, 12), (11, 7)], ids=str)
def test_pyramid_equals_that_of_explicit_loops(shape):
    image = np.random.default_rng(20).integers(0, 256, shape)
    sizes = [shape, tuple(-(-side // 2) for side in shape), tuple(-(-side // 4) for side in shape)]
    levels = laplacian_pyramid(image[None, :, :, None].astype(np.float32), sizes)
    for level, expected in zip(levels, slow_pyramid(image, 3), strict=True):
        np.testing.assert_allclose(level[0, :, :, 0], expected, atol=1e-4)


def test_distances_equal_those_of_explicit_loops():
    real, fake = random_images(21, (32, 32, 1), 3)
    result = sliced_wasserstein_distance(real, fake, patches=10, projections=20)
    assert list(result) == ["32", "16"]
    np.testing.assert_allclose(list(result.values()), slow_distances(real, fake, 10, 20), rtol=1e-5)


@pytest.mark.parametrize(("shape", "expected"), references_of("sliced_wasserstein"))
def test_distances_equal_those_of_torch_and_scipy(shape, expected):
    result = sliced_wasserstein_distance(*random_images(2, shape, 30), patches=16, projections=32)
    np.testing.assert_allclose(list(result.values()), expected, rtol=1e-5)


def test_black_and_white_images_in_different_proportions_have_a_closed_form():
    """Half of the real images and a quarter of the fake ones are black.

    Normalised they are -1 and 1, and -sqrt(3) and 1 / sqrt(3). Sorted side by side, a quarter of them is sqrt(3) - 1 apart,
    the next 1 + 1 / sqrt(3), the other half 1 - 1 / sqrt(3): mean 1 / 2 + ... = 0.789. A direction v on the sphere in 49
    dimensions stretches that by |sum v| = 7 |cosine|, whose mean is 7 Gamma(49 / 2) / (sqrt(pi) Gamma(25)).
    """
    real, fake = plain([0, 0, 255, 255]), plain([0, 255, 255, 255])
    third = 1 / np.sqrt(3)
    mean = (np.sqrt(3) - 1) / 4 + (1 + third) / 4 + (1 - third) / 2
    stretch = 7 * np.exp(scipy.special.gammaln(24.5) - scipy.special.gammaln(25)) / np.sqrt(np.pi)
    projections = 20_000
    result = sliced_wasserstein_distance(real, fake, patches=1, projections=projections)
    assert result["32"] == 0  # constant images have no detail
    error = np.sqrt((1 - stretch**2) / projections)  # E (sum v)^2 = 1
    assert result["16"] == pytest.approx(1000 * mean * stretch, abs=1000 * mean * 4 * error)


def test_set_has_distance_0_from_itself():
    images = random_images(22, (40, 35, 3), 20)[0]
    assert sliced_wasserstein_distance(images, images) == {"40x35": 0, "20x18": 0}


def test_brightness_and_contrast_of_the_whole_set_do_not_count():
    images = random_images(23, (32, 32, 3), 20)[0] // 3
    result = sliced_wasserstein_distance(images, 2 * images + 50)
    assert max(result.values()) < 1e-3  # of 1000
    assert min(sliced_wasserstein_distance(images, images // 8).values()) > 1


def test_constant_channel_is_0_throughout():
    images = random_images(24, (16, 16, 2), 10)[0]
    images[..., 1] = 9
    with PatchDescriptors((16, 16, 2), 10) as descriptors:
        descriptors.update(images)
        level = descriptors.level("16").reshape(-1, 2, 49)
        np.testing.assert_array_equal(level[:, 1], 0)
        np.testing.assert_allclose([level[:, 0].mean(), level[:, 0].std()], [0, 1], atol=1e-5)


def test_levels_halve_down_to_16_and_are_named_by_their_size():
    assert level_sizes((128, 128, 3)) == {"128": (128, 128), "64": (64, 64), "32": (32, 32), "16": (16, 16)}
    assert level_sizes((31, 31, 1)) == {"31": (31, 31), "16": (16, 16)}
    assert level_sizes((48, 70, 1)) == {"48x70": (48, 70), "24x35": (24, 35)}
    assert level_sizes((28, 28, 1)) == {"28": (28, 28)}
    assert level_sizes((7, 9, 1)) == {"7x9": (7, 9)}


def test_descriptors_do_not_depend_on_batches_and_blocks(monkeypatch):
    real, fake = random_images(25, (32, 32, 1), 9)
    together = sliced_wasserstein_distance(real, fake, patches=5, projections=30)
    for name, value in (("ROWS_AT_ONCE", 4), ("SORTED_BYTES", 7 * 4 * 45), ("IMAGES_AT_ONCE", 2)):
        monkeypatch.setattr(sliced_wasserstein, name, value)
    with PatchDescriptors((32, 32, 1), 9, patches=5) as a, PatchDescriptors((32, 32, 1), 9, patches=5) as b:
        for images in np.split(real, [1, 4]):
            a.update(images)
        for images in np.split(fake, [3, 4, 8]):
            b.update(images)
        result = sliced_wasserstein.sliced_wasserstein(a, b, projections=30)
    assert result == pytest.approx(together, rel=1e-5)


def test_patches_reach_every_border_and_no_farther():
    ramp = np.uint8(16 * np.arange(10)[:, None] + np.arange(10))[None, :, :, None]
    with PatchDescriptors((10, 10, 1), 1, patches=500) as descriptors:
        descriptors.update(ramp)
        corners = np.unique(descriptors.level("10").astype(np.float64).round(5)[:, [0, -1]], axis=0)
    assert len(corners) == 16  # 4 x 4 positions


def test_seeds_determine_positions_and_directions():
    real, fake = random_images(26, (16, 16, 1), 10)
    zero, one = (sliced_wasserstein_distance(real, fake, projections=20, seed=seed)["16"] for seed in (0, 1))
    assert zero != one
    assert zero == pytest.approx(one, rel=0.5)


def test_descriptors_are_deleted_on_close(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    images = random_images(27, (16, 16, 1), 2)[0]
    with PatchDescriptors((16, 16, 1), 2) as descriptors:
        descriptors.update(images)
        assert descriptors.level("16").shape == (256, 49)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZooError, match="are closed"):
        descriptors.level("16")
    with pytest.raises(ZooError, match="but none fit"):
        descriptors.update(images)


def test_sliced_wasserstein_refuses_invalid_arguments():
    images = random_images(28, (16, 16, 1), 4)[0]
    with pytest.raises(ZooError, match="images of 6x16; expected at least 7x7"):
        sliced_wasserstein_distance(images[:, :6], images[:, :6])
    with pytest.raises(ZooError, match=r"real images of shape \(4, 16, 16, 1\), fake ones of \(3, 16, 16, 1\)"):
        sliced_wasserstein_distance(images, images[:3])
    with pytest.raises(ZooError, match="float64 images; expected uint8"):
        sliced_wasserstein_distance(images / 255, images)
    with pytest.raises(ZooError, match=r"shape \(0, 16, 16, 1\)"):
        sliced_wasserstein_distance(images[:0], images[:0])
    with pytest.raises(ZooError, match="projections=0"):
        sliced_wasserstein_distance(images, images, projections=0)
    with pytest.raises(ZooError, match="patches=0"):
        sliced_wasserstein_distance(images, images, patches=0)
    with pytest.raises(ZooError, match=r"take \d+\.\d GiB, and .* use fewer images"):
        PatchDescriptors((1024, 1024, 3), 10**9)
    with PatchDescriptors((16, 16, 1), 4) as four, PatchDescriptors((16, 16, 1), 3) as three:
        four.update(images[:3])
        three.update(images[:3])
        with pytest.raises(ZooError, match=r"128 patches of 4 images .* fake ones of 128 patches of 3 images"):
            sliced_wasserstein.sliced_wasserstein(four, three)
        with pytest.raises(ZooError, match="hold 3 of 4 images"):
            four.level("16")
        with pytest.raises(ZooError, match="2 images after 3, but 4 fit"):
            four.update(images[:2])
        with pytest.raises(ZooError, match=r"images of shape \(16, 8, 1\); expected \(16, 16, 1\)"):
            four.update(images[:, :, :8])


# Neighbours


def test_nearest_by_hand():
    distances, indices = nearest([[0.0, 0.0], [3.0, 5.0]], [[6.0, 8.0], [3.0, 4.0], [0.0, 1.0]], count=2)
    np.testing.assert_array_equal(indices, [[2, 1], [1, 0]])
    np.testing.assert_allclose(distances, [[1, 5], [1, np.sqrt(18)]], rtol=1e-15)
    assert (distances.dtype, indices.dtype) == (np.float64, np.int64)


@pytest.mark.parametrize("block", [7, 2048])
def test_nearest_and_closest_pairs_agree_with_all_distances(block, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", block)
    rng = np.random.default_rng(30)
    references = (rng.normal(size=(60, 5)) + 1000).astype(np.float32)
    queries = (rng.normal(size=(25, 5)) + 1000).astype(np.float32)
    every = scipy.spatial.distance.cdist(queries.astype(np.float64), references.astype(np.float64))
    distances, indices = nearest(queries, references, count=4)
    np.testing.assert_array_equal(indices, every.argsort(axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :4], rtol=1e-12)

    own = scipy.spatial.distance.cdist(references.astype(np.float64), references.astype(np.float64))
    expected = sorted((own[i, j], i, j) for i, j in itertools.combinations(range(60), 2))
    for count in (1, 15, 60 * 59 // 2):
        pairs = closest_pairs(references, count)
        assert [pair[1:] for pair in pairs] == [pair[1:] for pair in expected[:count]]
        np.testing.assert_allclose([pair[0] for pair in pairs], [pair[0] for pair in expected[:count]], rtol=1e-12)

    np.fill_diagonal(own, np.inf)
    distances, indices = nearest(references, references, count=59, ignore_same=True)
    np.testing.assert_array_equal(indices, own.argsort(axis=1)[:, :59])
    assert np.isfinite(distances).all()


def test_copy_has_distance_0_whatever_the_mean():
    rng = np.random.default_rng(31)
    references = rng.normal(size=(50, 300)) * 1e-3 + np.linspace(-1e6, 1e6, 300)
    distances, indices = nearest(references[[30, 7]], references)
    np.testing.assert_array_equal(indices, [[30], [7]])
    np.testing.assert_array_equal(distances, 0)


def test_ties_are_ordered_by_index_and_a_duplicate_is_not_the_query_itself():
    rows = np.array([[0.0], [1.0], [0.0], [-1.0]])
    np.testing.assert_array_equal(nearest([[0.0]], rows, count=4)[1], [[0, 2, 1, 3]])
    distances, indices = nearest(rows, rows, ignore_same=True)
    np.testing.assert_array_equal(indices[:, 0], [2, 0, 0, 0])
    np.testing.assert_array_equal(distances[:, 0], [0, 1, 0, 1])


def test_closest_pairs_by_hand_with_a_sample_in_several():
    samples = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 3.0], [0.0, 0.0], [4.0, 0.0]])
    assert closest_pairs(samples, 4) == [(0, 0, 3), (3, 0, 2), (3, 2, 3), (4, 0, 4)]


def test_pixels_scale_images_to_0_and_1():
    images = np.uint8([[[[0], [255]], [[51], [102]]]])
    rows = pixels(images)
    np.testing.assert_allclose(rows, [[0, 1, 0.2, 0.4]], rtol=1e-6)
    assert rows.dtype == np.float32
    black, white = plain([0], size=8), plain([255], size=8)
    assert nearest(pixels(black), pixels(white))[0] == 8  # sqrt(64)


def test_neighbours_refuse_invalid_arguments():
    rows = np.ones([3, 2])
    with pytest.raises(ZooError, match=r"uint8 of shape \(3, 4, 4, 1\); expected float \[N, D\]"):
        nearest(np.zeros([3, 4, 4, 1], np.uint8), rows)
    with pytest.raises(ZooError, match=r"shape \(0, 2\)"):
        nearest(rows, rows[:0])
    with pytest.raises(ZooError, match="1 of 3 rows hold NaN"):
        nearest(rows, [[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
    with pytest.raises(ZooError, match="queries have 2 dimensions, references 1"):
        nearest(rows, rows[:, :1])
    with pytest.raises(ZooError, match="count=4 nearest of 3 references"):
        nearest(rows, rows, count=4)
    with pytest.raises(ZooError, match="count=3 nearest of 2 references"):
        nearest(rows, rows, count=3, ignore_same=True)
    with pytest.raises(ZooError, match="with 2 queries and 3 references"):
        nearest(rows[:2], rows, ignore_same=True)
    with pytest.raises(ZooError, match="count=4 pairs of 3 samples; expected 1 to 3"):
        closest_pairs(rows, 4)
    with pytest.raises(ZooError, match="float32 images; expected uint8"):
        pixels(np.zeros([3, 4, 4, 1], np.float32))


# The birthday paradox


def test_23_people_share_a_birthday_more_often_than_not():
    assert collision_probability(365, 23) == pytest.approx(0.5072972343, rel=1e-9)
    assert collision_probability(365, 22) == pytest.approx(0.4756953077, rel=1e-9)
    assert batch_for_even_odds(365) == 23


def test_collision_probabilities_by_hand():
    assert collision_probability(6, 1) == 0
    assert collision_probability(6, 2) == pytest.approx(1 / 6, rel=1e-12)
    assert collision_probability(4, 3) == pytest.approx(1 - 3 / 4 * 2 / 4, rel=1e-12)
    assert collision_probability(6, 6) == pytest.approx(1 - 720 / 6**6, rel=1e-12)
    assert collision_probability(6, 7) == 1
    assert collision_probability(1e15, 2) == pytest.approx(1e-15, rel=1e-12)


def test_support_and_batch_for_even_odds_are_inverses():
    assert support_for_even_odds(2) == pytest.approx(2, rel=1e-9)
    # (1 - 1/N)(1 - 2/N) = 1/2: N^2 - 6 N + 4 = 0.
    assert support_for_even_odds(3) == pytest.approx(3 + np.sqrt(5), rel=1e-9)
    assert support_for_even_odds(1000) == pytest.approx(1000**2 / (2 * np.log(2)), rel=2e-3)
    assert [batch_for_even_odds(support) for support in (1, 2, 3, 6)] == [2, 2, 3, 4]
    for batch in (5, 23, 400):
        support = int(support_for_even_odds(batch))
        assert batch_for_even_odds(support) == batch
        assert batch_for_even_odds(support + 1) == batch + 1


def test_batches_drawn_from_few_values_hold_duplicates_with_the_computed_probability():
    rng = np.random.default_rng(40)
    values = rng.random([30, 4])
    duplicates = [closest_pairs(values[rng.integers(30, size=7)], 1)[0][0] == 0 for _ in range(500)]
    result = birthday(7, duplicates)
    assert result.share == pytest.approx(collision_probability(30, 7), abs=4 * result.standard_error)
    assert result.standard_error == pytest.approx(np.sqrt(result.share * (1 - result.share) / 500), rel=1e-9)


def test_birthday_bounds_the_support_if_half_of_the_batches_hold_duplicates():
    assert birthday(400, [True, False, True, False]) == (0.5, 0.25, 160_000)
    assert birthday(400, [True, False, False, False]).support_at_most is None


def test_birthday_paradox_refuses_invalid_arguments():
    with pytest.raises(ZooError, match="support=0"):
        collision_probability(0, 2)
    with pytest.raises(ZooError, match=r"support=0\.5"):
        batch_for_even_odds(0.5)
    with pytest.raises(ZooError, match="batch=1; a duplicate takes at least 2"):
        support_for_even_odds(1)
    with pytest.raises(ZooError, match="batch_size=1"):
        birthday(1, [True])
    with pytest.raises(ZooError, match="expected True or False"):
        birthday(10, [0.3])
    with pytest.raises(ZooError, match="expected True or False"):
        birthday(10, np.zeros(0, bool))
