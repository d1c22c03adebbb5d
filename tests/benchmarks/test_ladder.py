"""Every score on known sets of digits: held-out ones, the same with light and strong noise and blur, and with a class missing."""

import numpy as np
import pytest

from benchmarks import ladder
from tfgan_zoo.metrics.score_registry import direction

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def measured():
    return ladder.measured()


RANKED = (
    "fd_mnist_cnn",
    "kd_mnist_cnn",
    "fd_mnist_cnn_infinity",
    "precision",
    "recall",
    "density",
    "coverage",
    "swd_32",
    "swd_mean",
)


@pytest.mark.parametrize("damage", ["noise", "blur"])
@pytest.mark.parametrize("score", [*RANKED, "is_mnist_cnn"])
def test_held_out_digits_are_better_than_lightly_damaged_ones_and_those_than_strongly_damaged_ones(
    measured, score, damage
):
    best, middle, worst = (measured[rung][score] for rung in ("held out", f"light {damage}", f"strong {damage}"))
    if direction(score) == "higher":
        best, middle, worst = -best, -middle, -worst
    assert best < middle < worst


@pytest.mark.parametrize(
    "score", ["fd_mnist_cnn", "kd_mnist_cnn", "fd_mnist_cnn_infinity", "recall", "coverage", "swd_mean"]
)
def test_scores_that_compare_variety_detect_a_missing_class(measured, score):
    complete, missing = measured["held out"][score], measured["a class missing"][score]
    assert (missing < complete) if direction(score) == "higher" else (missing > complete)


@pytest.mark.parametrize("score", ["precision", "density"])
def test_scores_of_single_samples_do_not_detect_a_missing_class(measured, score):
    assert measured["a class missing"][score] == pytest.approx(measured["held out"][score], rel=0.05)


def test_similarity_within_classes_detects_neither_noise_nor_a_missing_class_but_identical_images(measured):
    similarity = {rung: scores["ms_ssim_all"] for rung, scores in measured.items()}
    assert similarity["strong noise"] < similarity["held out"]  # noise makes images unlike one another
    assert similarity["a class missing"] == pytest.approx(similarity["held out"], abs=0.05)
    one = np.repeat(ladder.rungs()["held out"][:1], 500, axis=0)
    assert ladder.of(one, ("ms_ssim",))["ms_ssim_all"] == pytest.approx(1)


def test_inception_score_falls_by_no_more_than_its_maximum_when_a_class_is_missing(measured):
    # Its maximum is the number of classes: 9 in place of 10.
    ratio = measured["a class missing"]["is_mnist_cnn"] / measured["held out"]["is_mnist_cnn"]
    assert ratio == pytest.approx(0.9, abs=0.02)
