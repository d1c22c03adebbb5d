"""Stacked digits: the contents of the channels, and the counting of modes."""

import itertools

import numpy as np
import pytest

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data import mnist5k
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.data.stacked import digits_of_mode
from tfgan_zoo.metrics.features import FeatureNetwork, feature_network
from tfgan_zoo.metrics.stacked_mnist import digits_of, expected_modes, stacked_modes


def load(**settings):
    return load_source(DataSettings(**{"source": "stacked:mnist5k", "split": "test"} | settings))


def digits_by_bytes(split):
    """{bytes of a digit: its index in this split of mnist5k}."""
    with np.load(mnist5k.FILE) as file:
        images = file["images"][mnist5k.SPLITS[split]]
    return {image.tobytes(): number for number, image in enumerate(images)}


# The source


def test_stacked_digits_are_ten_per_digit_of_the_split_and_balanced_over_modes():
    for split, size in (("test", 5000), ("train", 45_000), ("all", 50_000)):
        source = load(split=split)
        assert source.images.shape == (size, 28, 28, 3)
        assert source.images.dtype == np.uint8
        np.testing.assert_array_equal(source.labels, np.arange(size) % 1000)
        assert source.labels.dtype == np.int32
    assert source.classes == 1000
    assert source.class_names[47] == "047"


def test_mode_407_has_a_4_in_red_a_0_in_green_and_a_7_in_blue():
    np.testing.assert_array_equal(digits_of_mode(np.array([407, 0, 999])), [[4, 0, 7], [0, 0, 0], [9, 9, 9]])


@pytest.mark.parametrize("split", ["test", "train"])
def test_every_channel_holds_a_digit_of_its_class_from_its_split(split):
    source, known = load(split=split), digits_by_bytes(split)
    numbers = [[known[image[..., channel].tobytes()] for channel in range(3)] for image in source.images]
    # Digit i of mnist5k has class i % 10.
    np.testing.assert_array_equal(np.array(numbers) % 10, digits_of_mode(source.labels))
    uses = np.bincount(np.ravel(numbers), minlength=len(known))
    assert uses.mean() == 30  # nearly Poisson, with a standard deviation of 5.5
    assert 30 - 6 * 5.5 < uses.min() < uses.max() < 30 + 6 * 5.5
    assert uses.std() == pytest.approx(5.5, rel=0.2)
    twins = [len(set(row)) < 3 for row, label in zip(numbers, source.labels, strict=True) if label % 111 == 0]
    assert np.mean(twins) < 0.2  # channels of one class are drawn independently: of 50 digits, 0.06 on average


def test_stacked_digits_never_change():
    assert (
        load().fingerprint()
        == load().fingerprint()
        == "67d6aa17a386e03fd82890b9ab052e5f8095bb38492ede0af4ca13afed801d8d"
    )


def test_resolution_32_pads_28_pixels():
    padded = load(resolution=32).images
    assert padded.shape == (5000, 32, 32, 3)
    np.testing.assert_array_equal(padded[:, 2:30, 2:30], load().images)
    assert not padded[:, :2].any()


def test_stacked_source_refuses_unsupported_settings():
    for settings, message in (
        ({"source": "stacked"}, "no data set to stack ''. Available: mnist5k."),
        ({"source": "stacked:mnist"}, "no data set to stack 'mnist'. Did you mean 'mnist5k'?"),
        ({"split": "validation"}, "no split of mnist5k 'validation'. Available: all, test, train."),
        ({"channels": 1}, "data.channels=1: stacked:mnist5k has a digit in each of its 3 channels; leave it out."),
        ({"resolution": 30, "fit": "refuse"}, "an image of mnist5k is 28x28"),
        ({"source": "stack:mnist5k"}, "no data source 'stack'. Did you mean 'stacked'"),
    ):
        with pytest.raises(ZooError) as caught:
            load(**settings)
        assert message in str(caught.value)
    assert load(channels=3).image_shape == (28, 28, 3)


# Counting


def test_one_sample_finds_one_mode_and_diverges_by_log_1000():
    found, kl = stacked_modes([[4, 0, 7]])
    assert found == 1
    assert kl == pytest.approx(np.log(1000), rel=1e-12)


def test_every_mode_once_is_uniform():
    every = list(itertools.product(range(10), repeat=3))
    assert stacked_modes(every) == (1000, pytest.approx(0, abs=1e-12))
    assert stacked_modes(every).kl >= 0


def test_divergence_of_shares_three_quarters_and_one_among_eight_modes():
    digits = [[0, 1, 1]] * 3 + [[1, 1, 0]]
    found, kl = stacked_modes(np.array(digits, np.uint8), classes=2)
    assert found == 2
    assert kl == pytest.approx(0.75 * np.log(0.75 * 8) + 0.25 * np.log(0.25 * 8), rel=1e-12)


def test_modes_distinguish_the_order_of_the_channels():
    assert stacked_modes(list(itertools.permutations([1, 2, 3]))).found == 6


def test_26000_uniform_digits_find_every_mode_and_diverge_by_999_over_52000():
    digits = np.random.default_rng(3).integers(0, 10, [26_000, 3])
    found, kl = stacked_modes(digits)
    assert found == 1000
    # 2 N KL is about chi-square of 999 degrees of freedom: 0.0192 with a standard deviation of 0.00086
    assert abs(kl - 999 / 52_000) < 3 * np.sqrt(2 * 999) / 52_000


def test_expected_modes_is_the_mean_number_of_distinct_draws():
    for samples in (1, 2, 4):
        draws = [len(set(draw)) for draw in itertools.product(range(3), repeat=samples)]
        assert expected_modes(samples, modes=3) == pytest.approx(np.mean(draws), rel=1e-12)
    assert expected_modes(2500) == pytest.approx(1000 - 81.98, abs=0.01)  # 1000 * 0.999^2500 are missed
    digits = np.random.default_rng(4).integers(0, 10, [100, 500, 3])
    counts = [stacked_modes(sample).found for sample in digits]
    assert abs(np.mean(counts) - expected_modes(500)) < 3 * np.std(counts) / 10


@pytest.mark.parametrize(
    ("digits", "message"),
    [
        ([[1, 2]], r"int64 of shape \(1, 2\); expected integers \[N, 3\]"),
        (np.empty([0, 3], int), r"shape \(0, 3\)"),
        ([[1.0, 2.0, 3.0]], "float64"),
        ([[1, 2, 10]], r"lie in 1\.\.10, expected 0\.\.9"),
        ([[1, -1, 3]], r"lie in -1\.\.3"),
    ],
)
def test_invalid_digits_are_refused(digits, message):
    with pytest.raises(ZooError, match=message):
        stacked_modes(digits)


# Reading


def test_each_channel_is_read_independently():
    def forward(images):
        return np.zeros([len(images), 1], np.float32), np.eye(10, dtype=np.float32)[images[:, 0, 0, 0]]

    reader = FeatureNetwork("reader", "", 1, 10, (1,), "none", forward)
    digits = np.random.default_rng(5).integers(0, 10, [120, 3])
    images = np.repeat(np.repeat(digits[:, None, None], 8, axis=1), 8, axis=2).astype(np.uint8)
    np.testing.assert_array_equal(digits_of(reader, images), digits)
    with pytest.raises(ZooError, match=r"shape \(120, 8, 8, 1\); expected \[N, H, W, 3\]"):
        digits_of(reader, images[..., :1])


def test_mnist_cnn_reads_stacked_digits_as_well_as_single_ones():
    source = load()
    truth = digits_of_mode(source.labels[:1000])
    read = digits_of(feature_network("mnist_cnn"), source.images[:1000])
    assert read.shape == (1000, 3)
    # It reads 98.2 % of the 500; here 3,000 of them are drawn with repetition
    assert np.mean(read == truth) == pytest.approx(0.982, abs=0.01)
    assert stacked_modes(read).found >= np.all(read == truth, axis=1).sum() > 900  # each of the 1,000 comes once
