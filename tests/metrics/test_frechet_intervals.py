"""The first-order contributions that Fréchet distances are resampled by: derivatives, and as wide as distances of new samples."""

import tracemalloc
import warnings
from itertools import starmap

import numpy as np
import pytest

from tfgan_zoo.metrics import distances
from tfgan_zoo.metrics.bootstrap import resampled
from tfgan_zoo.metrics.distances import Moments, frechet_contributions, frechet_distance, moments
from tfgan_zoo.metrics.generator_scores import frechet_resamples


def distance(real, fake):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few features
        return frechet_distance(real, fake)


def weighted_moments(features, weights):
    mean = np.average(features, axis=0, weights=weights)
    centred, count = features - mean, len(features)
    return Moments(mean, (centred * weights[:, None]).T @ centred / weights.sum() * count / (count - 1), count)


def resamples(real, fake):
    return frechet_resamples(0, real, fake)


# More features than dimensions on both sides, on none, and on either; the fourth and fifth by moments although there are few.
@pytest.mark.parametrize(
    ("real", "fake", "dimension"), [(50, 40, 6), (20, 30, 60), (70, 20, 60), (20, 900, 60), (900, 20, 60)]
)
def test_contributions_are_the_derivatives_by_the_weights_of_the_features(real, fake, dimension):
    random = np.random.default_rng(0)
    mixing = random.normal(size=[dimension, dimension])
    sides = [
        5 + random.normal(size=[real, dimension]) @ mixing,
        5.3 + 1.2 * random.normal(size=[fake, dimension]) @ mixing,
    ]
    contributions = frechet_contributions(*sides)
    for side, number in ((0, 3), (0, 7), (1, 5)):

        def shifted(step, side=side, number=number):
            weights = [np.ones(real), np.ones(fake)]
            weights[side][number] += step
            return distance(*map(weighted_moments, sides, weights))

        expected = (shifted(1e-5) - shifted(-1e-5)) / 2e-5
        actual = contributions[side][number] / len(sides[side])
        assert actual == pytest.approx(expected, abs=1e-6 * np.abs(contributions[side]).max())
    assert [x.mean() for x in contributions] == pytest.approx([0, 0], abs=1e-9)


@pytest.mark.parametrize(("count", "least", "most"), [(30, 1.3, 3), (500, 0.8, 1.2)])
def test_first_order_resamples_scatter_like_new_features_and_full_ones_of_few_too_widely(count, least, most):
    random = np.random.default_rng(1)
    dimension, latents = 40, 24
    mixing = random.normal(size=[latents, dimension]) / 8

    def draw(shift):
        return (
            np.maximum(random.normal(shift, 1, [count, latents]) @ mixing, 0) + random.random([count, dimension]) / 10
        )

    def score(real, fake):
        return distance(moments(real), moments(fake))

    pairs = [(draw(0), draw(0.1)) for _ in range(100)]
    scatter = np.std([score(*pair) for pair in pairs])
    first_order = np.mean(
        [np.std([resample(random) for _ in range(200)]) for resample in starmap(resamples, pairs[:10])]
    )
    full = np.mean([np.std([score(*(resampled(x, random) for x in pair)) for _ in range(40)]) for pair in pairs[:3]])
    assert 0.9 < first_order / scatter < 1.7
    assert least < full / first_order < most


def test_features_without_any_scatter_contribute_nothing():
    for count in (5, 50):
        real, fake = frechet_contributions(np.ones([count, 10]), np.zeros([count, 10]))
        assert not real.any()
        assert not fake.any()


def test_contributions_of_few_features_make_no_matrix_of_the_dimensions(monkeypatch):
    """200 eigenvalue problems of 1280 x 1280 took minutes for scores of 100 images on EfficientNet-Lite."""
    monkeypatch.setattr(distances, "moments", None)
    monkeypatch.setattr(distances, "RunningMoments", None)
    features = np.random.default_rng(0).normal(size=[2, 50, 5000]).astype(np.float32)
    tracemalloc.start()
    frechet_contributions(*features)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24  # a few times the features in float64; [5000, 5000] takes 190 MiB
