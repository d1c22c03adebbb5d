"""Scores of features and logits, by hand, against slow code, and against independent packages (make_feature_scores.py)."""

import itertools
import json
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics import distances, manifold
from tfgan_zoo.metrics.bootstrap import centred_interval, resampled
from tfgan_zoo.metrics.class_information import InceptionScore, RunningInceptionScore, inception_score
from tfgan_zoo.metrics.distances import (
    Moments,
    frechet_distance,
    kernel_contributions,
    kernel_distance,
    moments,
)
from tfgan_zoo.metrics.extrapolation import _intercept, extrapolated_frechet_distance
from tfgan_zoo.metrics.generator_scores import kernel_estimate
from tfgan_zoo.metrics.manifold import density_coverage, manifold_scores, precision_recall

REFERENCES = json.loads((Path(__file__).parents[1] / "references" / "feature_scores.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def arrays():
    """real, fake and logits, as in make_feature_scores.py."""
    rng = np.random.default_rng(2024)
    mix = rng.normal(size=[32, 32]) / 32**0.5
    real = np.maximum(rng.normal(size=[600, 32]) @ mix, 0)
    fake = np.maximum(1.1 * rng.normal(size=[500, 32]) @ mix + 0.1, 0)
    return real, fake, 4 * rng.normal(size=[503, 7])


# Against independent packages


def test_frechet_distance_equals_pytorch_fid(arrays):
    real, fake, _ = arrays
    assert frechet_distance(moments(real), moments(fake)) == pytest.approx(REFERENCES["frechet"], rel=1e-6)


def test_kernel_distance_equals_torch_fidelity_on_all_pairs_and_on_the_same_subsets(arrays):
    real, fake, _ = arrays
    assert kernel_distance(real[:500], fake).value == pytest.approx(REFERENCES["kernel_of_500"], rel=1e-9)
    subset_mean = kernel_distance(real, fake, subsets=20, subset_size=100, seed=0).value
    assert subset_mean == pytest.approx(REFERENCES["kernel_of_20_subsets_of_100"], rel=1e-9)


def test_inception_score_equals_torch_fidelity(arrays):
    score = inception_score(arrays[2])
    assert score.value == pytest.approx(REFERENCES["inception"]["inception_score_mean"], rel=1e-9)
    assert score.standard_deviation == pytest.approx(REFERENCES["inception"]["inception_score_std"], rel=1e-9)


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("block", [97, 2048])
def test_manifold_scores_equal_prdc(arrays, k, block, monkeypatch):
    monkeypatch.setattr(manifold, "BLOCK", block)
    real, fake, _ = arrays
    scores = {**precision_recall(real, fake, k)._asdict(), **density_coverage(real, fake, k)._asdict()}
    means = {name: values.mean() for name, values in scores.items()}
    assert means == pytest.approx(REFERENCES["manifold"][str(k)], rel=1e-12)


# Inception score


def logits_of(*probabilities):
    return np.log(np.array(probabilities))


def test_inception_score_of_two_soft_predictions_by_hand():
    # q = (1/2, 1/2), and either example has KL = log 2 + 3/4 log 3/4 + 1/4 log 1/4.
    expected = 2 * 0.75**0.75 * 0.25**0.25
    score = inception_score(logits_of([0.75, 0.25], [0.25, 0.75]), splits=1)
    assert score == (pytest.approx(expected, rel=1e-12), 0)


def test_inception_score_is_1_for_equal_predictions_and_the_number_of_classes_for_certain_ones():
    assert inception_score(np.zeros([20, 5])).value == pytest.approx(1, rel=1e-12)
    # exp(-1e4) is 0 in float64: 0 log 0 counts as 0, in p, and in q for the sixth class, which is never predicted.
    certain = 1e4 * np.eye(6)[np.arange(100) % 5]
    assert inception_score(certain) == (pytest.approx(5, rel=1e-12), pytest.approx(0, abs=1e-12))


def test_splits_are_contiguous_and_the_deviation_is_that_of_the_population():
    # Halves of classes 0 0 and 0 1 score 1 and 2.
    score = inception_score(1e3 * np.eye(2)[[0, 0, 0, 1]], splits=2)
    assert score == (pytest.approx(1.5, rel=1e-12), pytest.approx(0.5, rel=1e-12))
    # 5 examples in 2 splits are 2 and 3: classes 0 1 | 0 1 2.
    uneven = inception_score(1e3 * np.eye(3)[[0, 1, 0, 1, 2]], splits=2)
    assert uneven == (pytest.approx(2.5, rel=1e-12), pytest.approx(0.5, rel=1e-12))


def test_streamed_inception_score_does_not_depend_on_the_batches(arrays, monkeypatch):
    logits = arrays[2].astype(np.float32)
    together = inception_score(logits)
    running = RunningInceptionScore(len(logits))
    for batch in np.split(logits, [1, 50, 51, 52, 300]):
        running.update(batch)
    assert running.result() == (
        pytest.approx(together.value, rel=1e-12),
        pytest.approx(together.standard_deviation, rel=1e-9),
    )
    # Float32 logits, summed in float64: adding 1000 to all matters only by the rounding of the logits themselves.
    assert inception_score(arrays[2] + 1000).value == pytest.approx(inception_score(arrays[2]).value, rel=1e-10)


def test_running_inception_score_does_not_store_examples():
    running = RunningInceptionScore(count=64_000, splits=10)
    batch = np.random.default_rng(0).normal(size=[64, 100])
    running.update(batch)
    tracemalloc.start()
    for _ in range(999):
        running.update(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * batch.nbytes
    assert isinstance(running.result(), InceptionScore)


def test_inception_score_refuses_invalid_logits_and_counts():
    with pytest.raises(ZooError, match="10 splits of 9 examples"):
        inception_score(np.zeros([9, 3]))
    with pytest.raises(ZooError, match="0 splits"):
        inception_score(np.zeros([9, 3]), splits=0)
    with pytest.raises(ZooError, match="2 of 12 logits hold NaN or infinity"):
        inception_score(np.where(np.arange(36).reshape(12, 3) < 4, np.nan, 0))
    running = RunningInceptionScore(count=3, splits=1)
    with pytest.raises(ZooError, match=r"shape \(3,\); expected \[B, K\]"):
        running.update(np.zeros(3))
    running.update(np.zeros([2, 3]))
    with pytest.raises(ZooError, match="2 examples came, but count=3"):
        running.result()
    with pytest.raises(ZooError, match="2 classes; expected 3, as before"):
        running.update(np.zeros([1, 2]))
    with pytest.raises(ZooError, match="4 examples came, but count=3"):
        running.update(np.zeros([2, 3]))


# Precision, recall, density, coverage


def column(*numbers):
    return np.array(numbers, np.float64)[:, None]


def test_manifold_scores_on_a_line_by_hand():
    real, fake = column(0, 1, 2, 3), column(0.5, 1, 4.5, 4.625)
    # Distances to the nearest neighbour: 1 for each real; 1/2, 1/2, 1/8, 1/8 for the fakes.
    scores = manifold_scores(real, fake, k=1, density_k=1)
    np.testing.assert_array_equal(scores[0].precision, [True, True, False, False])
    np.testing.assert_array_equal(scores[0].recall, [True, True, False, False])  # 0 is on the edge of 0.5's closed ball
    np.testing.assert_array_equal(scores[1].density, [2, 1, 0, 0])  # 1 is in its own ball, and on the edges of two more
    np.testing.assert_array_equal(scores[1].coverage, [True, True, True, False])  # 1 is on the edge of 2's closed ball


def test_manifold_scores_of_two_points_each():
    scores = precision_recall(column(0, 1), column(0, 3), k=1)
    np.testing.assert_array_equal(scores.precision, [True, False])  # 3 is 2 away from 1, whose ball has radius 1
    np.testing.assert_array_equal(scores.recall, [True, True])


def test_manifold_scores_of_a_grid_and_its_cells():
    grid = np.array(list(itertools.product(range(5), range(5))), np.float32)
    cells = np.array(list(itertools.product(range(4), range(4))), np.float32) + 0.5
    precision, density = manifold_scores(grid, cells, k=1, density_k=1)
    # Each cell is sqrt(1/2) away from 4 corners, with balls of radius 1, and farther from all others.
    np.testing.assert_array_equal(density.density, np.full(16, 4))
    assert all(values.all() for values in (*precision, density.coverage))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_set_is_within_its_own_manifold_even_if_examples_repeat(dtype):
    rng = np.random.default_rng(3)
    plain = (rng.normal(size=[300, 40]) + 100).astype(dtype)
    for features in (plain, plain[:20].repeat(15, axis=0), np.concatenate([plain, plain[:7], plain[:7]])):
        scores = manifold_scores(features, features[::-1].copy())
        assert all(values.all() for values in (*scores[0], scores[1].coverage))
    # Each is in its own ball and in 5 - 1 others on average, and on the edges of the rest.
    assert density_coverage(plain, plain).density.mean() == pytest.approx(1, rel=1e-12)


def naive_manifold(real, fake, k):
    def distances_between(x, y):
        return np.linalg.norm(x[:, None].astype(np.float64) - y, axis=-1)

    radii = [np.sort(distances_between(x, x), axis=1)[:, k] for x in (real, fake)]
    across = distances_between(real, fake)
    in_real, in_fake = across <= radii[0][:, None], across <= radii[1]
    return in_real.any(axis=0), in_fake.any(axis=1), in_real.sum(axis=0) / k, in_real.any(axis=1)


@pytest.mark.parametrize("block", [16, 64, 2048])
@pytest.mark.parametrize("scale", [1, 1e30])
@pytest.mark.parametrize("kind", ["spread", "far off", "clusters", "one far off"])
def test_manifold_scores_equal_all_pairs_in_float64_even_if_float32_does_not_suffice(kind, scale, block, monkeypatch):
    monkeypatch.setattr(manifold, "BLOCK", block)
    rng = np.random.default_rng(4)
    real, fake = rng.normal(size=[150, 6]), 1.2 * rng.normal(size=[110, 6])
    if kind == "far off":
        real, fake = real + 1e4, fake + 1e4
    if kind == "clusters":  # squared distances of 1e-6 within: below the bound of float32's error, 2e-5
        real, fake = real[:3].repeat(50, axis=0) + 1e-3 * real, real[:3].repeat(37, axis=0)[:110] + 1e-3 * fake
    if kind == "one far off":
        real[7] = 1e7
    real, fake = real * scale, fake * scale
    scores = manifold_scores(real, fake, k=4, density_k=4)
    for values, expected in zip((*scores[0], *scores[1]), naive_manifold(real, fake, 4), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_one_pass_gives_the_same_as_the_two_scores_separately(arrays):
    real, fake, _ = arrays
    together = manifold_scores(real, fake)
    for both, one in zip(together, (precision_recall(real, fake), density_coverage(real, fake)), strict=True):
        for joint, separate in zip(both, one, strict=True):
            np.testing.assert_array_equal(joint, separate)


def test_manifold_scores_never_store_all_distances(monkeypatch):
    monkeypatch.setattr(manifold, "BLOCK", 128)
    features = np.random.default_rng(5).normal(size=[3000, 2]).astype(np.float32)
    tracemalloc.start()
    manifold_scores(features[:1500], features[1500:])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1500 * 1500 * 4 / 2


def test_manifold_scores_refuse_bad_features_and_too_many_neighbours():
    real, fake = np.zeros([6, 2]), np.zeros([4, 2])
    with pytest.raises(ZooError, match=r"k=4 neighbours among 4 fake features; expected 1 <= k <= 3"):
        precision_recall(real, fake, k=4)
    density_coverage(real, fake[:1], k=5)  # the fakes need no neighbours here
    with pytest.raises(ZooError, match=r"k=6 neighbours among 6 real features"):
        density_coverage(real, fake, k=6)
    with pytest.raises(ZooError, match=r"k=3 neighbours among 1 real features"):
        precision_recall(real[:1], fake)
    with pytest.raises(ZooError, match="k=0"):
        density_coverage(real, fake, k=0)
    with pytest.raises(ZooError, match="real features have 2 dimensions, fake ones 3"):
        precision_recall(real, np.zeros([4, 3]))
    with pytest.raises(ZooError, match="4 of 4 features hold NaN"):
        manifold_scores(real, fake + np.nan)


# Extrapolated Fréchet distance


def test_line_through_three_points_by_hand():
    # Slope 1/2; the residuals -1/6, 1/3, -1/6 give the variance 1/6 by 3 - 2 degrees, times 1/3 + 2^2 / 2.
    value, error = _intercept(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
    assert value == pytest.approx(2 / 3, rel=1e-12)
    assert error == pytest.approx(np.sqrt(7 / 18), rel=1e-12)


def test_extrapolated_frechet_distance_lacks_the_bias_of_few_samples():
    rng = np.random.default_rng(6)
    real = Moments(np.zeros(4), np.eye(4), 10**6)
    draws = [1 + 0.5 * rng.normal(size=[400, 4]) for _ in range(40)]
    truth = 4 + 4 * 0.5**2  # |1|^2 + (1 - 1/2)^2, of 4 dimensions
    results = np.array([extrapolated_frechet_distance(real, x, smallest=10, seed=1).value - truth for x in draws])
    few = np.array([frechet_distance(real, moments(x[:20])) - truth for x in draws])
    assert few.mean() > 3 * few.std() / np.sqrt(40)
    assert abs(results.mean()) < 3 * results.std() / np.sqrt(40)
    assert abs(results.mean()) < few.mean() / 4


def test_extrapolation_runs_from_the_default_count_to_all_and_is_reproduced_by_its_seed():
    features = np.random.default_rng(7).normal(size=[300, 3])
    real = Moments(np.ones(3), np.eye(3), 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = extrapolated_frechet_distance(real, features, points=5)
    np.testing.assert_array_equal(result.counts, [30, 98, 165, 232, 300])
    assert result.distances[-1] == pytest.approx(frechet_distance(real, moments(features)), rel=1e-12)
    again, other = (extrapolated_frechet_distance(real, features, points=5, seed=seed) for seed in (0, 1))
    assert again.value == result.value != other.value
    # With 40 dimensions a tenth of the features, 30, would be too few for a covariance: at least 41 are needed.
    wide = np.random.default_rng(8).normal(size=[300, 40])
    assert extrapolated_frechet_distance(moments(wide + 1), wide, points=3).counts[0] == 41


def test_extrapolation_warns_below_dimension_plus_one_and_refuses_too_few_features():
    real = Moments(np.zeros(3), np.eye(3), 1000)
    features = np.random.default_rng(9).normal(size=[30, 3])
    with pytest.warns(UserWarning, match="3 fake features of 3 dimensions.*biased"):
        extrapolated_frechet_distance(real, features, smallest=3)
    with pytest.raises(ZooError, match=r"smallest=4 to 10 features of 3 dimensions.*at least 18 features"):
        extrapolated_frechet_distance(real, features[:10])
    with pytest.raises(ZooError, match="points=2 counts"):
        extrapolated_frechet_distance(real, features, points=2)
    with pytest.raises(ZooError, match="1 of 30 features hold NaN"):
        extrapolated_frechet_distance(real, np.where(np.arange(90).reshape(30, 3) == 4, np.nan, features))
    with pytest.raises(ZooError, match="the same D for both"):
        extrapolated_frechet_distance(real, features[:, :2])


# Bootstrap


def test_interval_reflects_the_scatter_of_the_replicates_about_the_value():
    low, high = centred_interval(10, np.arange(101), level=0.9)
    assert (low, high) == (pytest.approx(10 + 50 - 95), pytest.approx(10 + 50 - 5))
    assert centred_interval(10, np.arange(101) + 7, level=0.9) == (low, high)  # a bias of resampling does not shift it


def coverage(truth, draw, score, simulations, replicates):
    """The proportion of 90 % intervals that contain the truth."""
    rng = np.random.default_rng(10)
    hits = []
    for _ in range(simulations):
        sets = draw(rng)
        replicated = [score(*(resampled(x, rng) for x in sets)) for _ in range(replicates)]
        low, high = centred_interval(score(*sets), replicated, level=0.9)
        hits.append(low <= truth <= high)
    return np.mean(hits)


def test_interval_of_a_normal_mean_has_its_nominal_coverage():
    proportion = coverage(3, lambda rng: [rng.normal(3, 2, 50)], np.mean, simulations=300, replicates=200)
    assert proportion == pytest.approx(0.9, abs=3 * np.sqrt(0.9 * 0.1 / 300))


def test_interval_of_a_frechet_distance_covers_its_expectation_at_that_number_of_samples():
    def draw(rng):
        return rng.normal(size=[200, 3]), 0.3 + 1.2 * rng.normal(size=[200, 3])

    def score(real, fake):
        return frechet_distance(moments(real), moments(fake))

    rng = np.random.default_rng(12)
    expected = np.mean([score(*draw(rng)) for _ in range(2000)])
    proportion = coverage(expected, draw, score, simulations=100, replicates=100)
    assert proportion == pytest.approx(0.9, abs=3 * np.sqrt(0.9 * 0.1 / 100))


def test_first_order_resamples_of_a_kernel_distance_scatter_like_full_ones():
    rng = np.random.default_rng(13)
    real, fake = rng.normal(size=[150, 4]), rng.normal(size=[150, 4]) + 0.5
    estimate = kernel_estimate("kd", kernel_contributions(real, fake))
    first_order = np.std([estimate.resample(rng) for _ in range(400)])
    # Pairs of copies inflate the values of full resamples, but not their scatter.
    full = np.std([kernel_distance(resampled(real, rng), resampled(fake, rng)).value for _ in range(400)])
    assert first_order == pytest.approx(full, rel=0.15)
    assert first_order == pytest.approx(estimate.standard_error, rel=0.15)


def test_resampled_rows_are_intact_and_some_are_repeated():
    rows = np.arange(200).reshape(100, 2)
    sample = resampled(rows, np.random.default_rng(11))
    assert sample.shape == rows.shape
    np.testing.assert_array_equal(sample[:, 1] - sample[:, 0], np.ones(100))
    # 1 - 1/e of them, with a standard deviation of 3.1.
    assert len(np.unique(sample[:, 0])) == pytest.approx(63.2, abs=12)


def test_interval_refuses_few_replicates_other_levels_and_nan():
    centred_interval(0, np.zeros(40))
    with pytest.raises(ZooError, match=r"shape \(39,\); a level of 0.95 needs \[R\] with R at least 40"):
        centred_interval(0, np.zeros(39))
    with pytest.raises(ZooError, match="level=95; expected a number between 0 and 1"):
        centred_interval(0, np.zeros(40), level=95)
    with pytest.raises(ZooError, match="NaN"):
        centred_interval(0, np.full(40, np.nan))


# Distances: the ways in which they are computed


@pytest.mark.parametrize(("subsets", "size"), [(2, 5), (30, 15)], ids=["separately", "all pairs at once"])
def test_kernel_distance_of_subsets_is_the_mean_of_their_own(subsets, size, monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 8)
    rng = np.random.default_rng(12)
    sets = rng.normal(size=(30, 4)), rng.normal(size=(21, 4)) + 0.3
    draws = np.random.default_rng(5)
    values = [
        kernel_distance(*(x[draws.choice(len(x), size, replace=False)] for x in sets)).value for _ in range(subsets)
    ]
    result = kernel_distance(*sets, subsets=subsets, subset_size=size, seed=5)
    assert result.value == pytest.approx(np.mean(values), rel=1e-10)
    assert result.standard_error == pytest.approx(np.std(values, ddof=1) / subsets**0.5, rel=1e-9)


def test_moments_of_many_features_are_computed_in_chunks(monkeypatch):
    features = np.random.default_rng(13).normal(size=(100, 3)) + 5
    monkeypatch.setattr(distances, "ROWS", 7)
    np.testing.assert_allclose(moments(features).covariance, np.cov(features, rowvar=False), rtol=1e-12)


def test_frechet_distance_of_a_duplicated_feature_is_twice_that_of_one():
    x, y = np.random.default_rng(14).normal(size=(2, 50, 1)) * [[[1]], [[2]]]
    single = frechet_distance(moments(x), moments(y))
    assert frechet_distance(moments(np.hstack([x, x])), moments(np.hstack([y, y]))) == pytest.approx(
        2 * single, rel=1e-7
    )
