"""Random numbers do not depend on how a batch is split, and latents have the distributions they are named after."""

import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfgan_zoo.core import draws as draws_module
from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.priors import Codes, Normal, Prior, Uniform
from tfgan_zoo.saved_model.signatures import SeededDraws

SEED = seed_of(3)
INF = float("inf")

DRAW = {
    "uniform": lambda draws, purpose: draws.uniform(purpose, [5]),
    "uniform of one number": lambda draws, purpose: draws.uniform(purpose),
    "normal": lambda draws, purpose: draws.normal(purpose, [2, 3]),
    "integers": lambda draws, purpose: draws.integers(purpose, 1000, [4]),
    "labels": lambda draws, purpose: draws.integers(purpose, 1000),
}
every_draw = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)


@every_draw
@pytest.mark.parametrize("shares", [[8], [4, 4], [2, 2, 2, 2], [3, 5]])
def test_example_gets_the_same_numbers_however_the_batch_is_split(draw, shares):
    batch = draw(Draws(SEED, 8), "noise").numpy()
    assert len(np.unique(batch)) > 7  # examples differ
    firsts = np.cumsum([0, *shares[:-1]])
    split = [draw(Draws(SEED, 8, int(f), n), "noise").numpy() for f, n in zip(firsts, shares, strict=True)]
    np.testing.assert_array_equal(np.concatenate(split), batch)


@every_draw
def test_first_example_of_a_share_may_be_a_tensor_in_a_graph(draw):
    @tf.function
    def share(first):
        return draw(Draws(SEED, 8, first, 2), "noise")

    np.testing.assert_array_equal(share(tf.constant(6)), draw(Draws(SEED, 8), "noise")[6:])


@every_draw
def test_purposes_and_seeds_draw_different_numbers_reproducibly(draw):
    first = draw(Draws(SEED, 8), "noise").numpy()
    np.testing.assert_array_equal(draw(Draws(SEED, 8), "noise"), first)
    for other in (draw(Draws(SEED, 8), "labels"), draw(Draws(seed_of(4), 8), "noise")):
        assert np.mean(other.numpy() == first) < 0.1


def test_fold_takes_a_step_as_a_number_or_as_a_tensor_of_either_width():
    folded = fold(SEED, 12345).numpy()
    np.testing.assert_array_equal(fold(SEED, tf.constant(12345)), folded)
    np.testing.assert_array_equal(fold(SEED, tf.constant(12345, tf.int64)), folded)
    np.testing.assert_array_equal(tf.function(lambda step: fold(SEED, step))(tf.constant(12345)), folded)
    assert folded.dtype == np.int32
    assert folded.shape == (2,)


def test_fold_distinguishes_words_steps_and_their_order():
    purposes = ("noise", "labels", *range(20), 2**31 - 1)
    seeds = [fold(seed, purpose) for seed in map(seed_of, range(5)) for purpose in purposes]
    seeds += [fold(fold(SEED, 1), 2), fold(fold(SEED, 2), 1), fold(SEED, "12"), fold(fold(SEED, "a"), "b")]
    assert len({tuple(seed.numpy()) for seed in seeds}) == 5 * 23 + 4


def test_seed_of_distinguishes_every_integer_below_2_to_the_62():
    numbers = [0, 1, 2**31 - 1, 2**31, 2**31 + 1, 2**32, 2**40, 2**61, 2**62 - 1]
    assert len({tuple(seed_of(number).numpy()) for number in numbers}) == len(numbers)
    np.testing.assert_array_equal(seed_of(5 * 2**31 + 7), [7, 5])


# ------------------------------------------------------------------------------------------------------ distributions

MANY = 200_000
# Kolmogorov and Smirnov's statistic exceeds 1.95 / sqrt(n) once in a thousand; the seeds here are fixed.
KOLMOGOROV = 1.95 / math.sqrt(MANY)


def ks_statistic(samples, cumulative):
    return scipy.stats.kstest(samples.astype("float64"), cumulative).statistic


def sample_many(distribution, truncation):
    return Prior(1, distribution).sample(Draws(SEED, MANY), truncation)["noise"].numpy()[:, 0]


def test_uniform_draws_are_uniform_and_never_0_or_1():
    samples = Draws(SEED, MANY).uniform("noise").numpy()
    assert samples.dtype == np.float32
    assert 0 < samples.min() < 1e-4
    assert 1 - 1e-4 < samples.max() < 1
    assert ks_statistic(samples, "uniform") < KOLMOGOROV


def test_normal_draws_are_standard_normal():
    samples = Draws(SEED, MANY).normal("noise").numpy()
    assert samples.dtype == np.float32
    assert ks_statistic(samples, "norm") < KOLMOGOROV


def test_integers_are_equally_frequent():
    samples = Draws(SEED, MANY).integers("labels", 10).numpy()
    assert samples.dtype == np.int32
    counts = np.bincount(samples, minlength=10)
    assert len(counts) == 10
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("truncation", [0.5, 1.0, 2.0, INF])
def test_truncated_normal_is_the_normal_distribution_within_its_bound(truncation):
    expected = scipy.stats.truncnorm(-truncation, truncation)
    samples = sample_many(Normal(), truncation)
    assert samples.dtype == np.float32
    assert np.abs(samples).max() <= truncation
    assert ks_statistic(samples, expected.cdf) < KOLMOGOROV
    deviation = expected.std()
    assert abs(samples.mean()) < 4 * deviation / math.sqrt(MANY)
    spread = math.sqrt((expected.moment(4) - deviation**4) / MANY)  # of the estimated variance
    assert abs(samples.var() - deviation**2) < 4 * spread


@pytest.mark.parametrize(("truncation", "bound"), [(0.25, 0.25), (1.0, 1.0), (3.0, 1.0), (INF, 1.0)])
def test_truncated_uniform_is_uniform_within_its_bound(truncation, bound):
    samples = sample_many(Uniform(), truncation)
    assert bound * (1 - 1e-4) < np.abs(samples).max() <= bound
    assert ks_statistic(samples, scipy.stats.uniform(-bound, 2 * bound).cdf) < KOLMOGOROV


# The extremes of a uniform draw, the two numbers around its middle, and a thousand in between.
EXTREMES = np.array([2**-24, 3 * 2**-24, 0.5 - 2**-24, 0.5 + 2**-24, 1 - 3 * 2**-24, 1 - 2**-24], np.float32)
UNIFORMS = np.concatenate([EXTREMES, (2 * np.arange(1000) + 1).astype(np.float32) / 2000])
BOUNDS = np.concatenate([np.linspace(0, 8, 801), [100, 1e30, INF]]).astype(np.float32)


def test_extreme_random_bits_give_the_extremes_of_a_uniform_draw(monkeypatch):
    for bits, expected in ((0, 2**-24), (0x7FFFFF, 1 - 2**-24), (-1, 1 - 2**-24)):
        monkeypatch.setattr(tf.random, "stateless_uniform", lambda *_, bits=bits, **__: tf.constant([bits]))
        assert draws_module.uniform(SEED, [1]).numpy()[0] == np.float32(expected)


@pytest.mark.parametrize("distribution", [Normal(), Uniform()], ids=["Normal", "Uniform"])
def test_latents_stay_in_their_bound_and_finite_whatever_is_drawn(distribution):
    latents = distribution.latents(UNIFORMS[None, :], BOUNDS[:, None]).numpy()
    assert np.isfinite(latents).all()
    assert (np.abs(latents) <= BOUNDS[:, None]).all()
    assert (latents[BOUNDS == 0] == 0).all()
    assert np.abs(latents[-1]).max() > 0.99


@pytest.mark.parametrize("distribution", [Normal(), Uniform()], ids=["Normal", "Uniform"])
def test_a_tighter_bound_moves_every_latent_towards_zero_and_never_across(distribution):
    latents = distribution.latents(UNIFORMS[None, :], BOUNDS[:, None]).numpy()
    assert (latents * np.sign(UNIFORMS - 0.5) >= 0).all()
    ordinary = np.abs(UNIFORMS - 0.5) < 0.49  # beyond, rounding of the probability mass shows
    assert (np.diff(np.abs(latents[:, ordinary]), axis=0) >= -1e-5).all()


@pytest.mark.parametrize("truncation", [0.5, INF])
def test_normal_latents_of_mirrored_draws_are_mirrored(truncation):
    latents = [Normal().latents(uniforms, np.float32(truncation)).numpy() for uniforms in (UNIFORMS, 1 - UNIFORMS)]
    np.testing.assert_allclose(latents[0], -latents[1], rtol=1e-5, atol=1e-6)


def test_negative_truncation_leaves_only_zeros():
    assert (Normal().latents(UNIFORMS, np.float32(-1)).numpy() == 0).all()


# -------------------------------------------------------------------------------------------------------------- priors


def test_prior_gives_labels_only_to_generators_that_have_them():
    assert set(Prior(4).sample(Draws(SEED, 2))) == {"noise"}
    latents = Prior(4, num_classes=3).sample(Draws(SEED, MANY))
    assert latents["noise"].shape == (MANY, 4)
    assert latents["labels"].dtype == tf.int32
    assert scipy.stats.chisquare(np.bincount(latents["labels"], minlength=3)).pvalue > 1e-3
    np.testing.assert_array_equal(latents["noise"], Prior(4).sample(Draws(SEED, MANY))["noise"])


def test_labels_and_noise_are_independent():
    latents = Prior(1, num_classes=2).sample(Draws(SEED, MANY))
    noise, labels = latents["noise"].numpy()[:, 0], latents["labels"].numpy()
    assert abs(noise[labels == 0].mean() - noise[labels == 1].mean()) < 4 * 2 / math.sqrt(MANY)


def test_entries_of_a_latent_and_examples_are_independent():
    noise = Prior(8).sample(Draws(SEED, MANY // 8))["noise"].numpy()
    correlations = np.corrcoef(noise.T) - np.eye(8)
    assert np.abs(correlations).max() < 5 / math.sqrt(len(noise))
    assert abs(np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1]) < 5 / math.sqrt(len(noise))


def test_each_example_may_have_its_own_truncation():
    truncation = tf.constant([[0.5], [INF], [0.0]])
    noise = Prior(6).sample(Draws(SEED, 3), truncation)["noise"]
    for i, bound in enumerate((0.5, INF, 0.0)):
        np.testing.assert_array_equal(noise[i], Prior(6).sample(Draws(SEED, 3), bound)["noise"][i])


# --------------------------------------------------------------------------------------------------------------- codes

CODES = Codes((10, 3), 2)


def test_codes_are_integer_categories_followed_by_numbers_between_minus_one_and_one():
    codes = CODES.sample(Draws(SEED, MANY)).numpy()
    assert codes.shape == (MANY, CODES.size) == (MANY, 4)
    assert codes.dtype == np.float32
    for column, categories in ((0, 10), (1, 3)):
        assert set(codes[:, column]) == set(range(categories))
        assert scipy.stats.chisquare(np.bincount(codes[:, column].astype(int))).pvalue > 1e-3
    for column in (2, 3):
        assert ks_statistic(codes[:, column], scipy.stats.uniform(-1, 2).cdf) < KOLMOGOROV
    assert np.abs(np.corrcoef(codes.T) - np.eye(4)).max() < 5 / math.sqrt(MANY)


@pytest.mark.parametrize("codes", [Codes((4,)), Codes((), 3), Codes()], ids=["categories", "continuous", "none"])
def test_codes_of_one_kind_and_no_codes(codes):
    sampled = codes.sample(Draws(SEED, 5))
    assert sampled.shape == (5, codes.size)
    assert codes.size == {(4,): 1, (): codes.continuous}[codes.categorical]


def test_largest_and_smallest_draw_give_the_last_and_the_first_category_and_never_one_beyond():
    """The largest uniform number times K is less than K, whatever K is, in float32 too."""

    class Extreme:
        def uniform(self, purpose, shape):
            return tf.constant([[2**-24] * shape[0], [1 - 2**-24] * shape[0]])

    sizes = tuple(range(2, 2000))
    codes = Codes(sizes, 1).sample(Extreme()).numpy()
    np.testing.assert_array_equal(codes[0, :-1], 0)
    np.testing.assert_array_equal(codes[1, :-1], np.array(sizes) - 1)
    assert -1 < codes[0, -1] < codes[1, -1] < 1


def test_prior_with_codes_adds_them_to_the_same_noise_and_labels():
    plain, coded = (Prior(4, num_classes=3, codes=c).sample(Draws(SEED, 9)) for c in (None, CODES))
    assert set(coded) == {"noise", "labels", "codes"}
    for name, values in plain.items():
        np.testing.assert_array_equal(coded[name], values)


def test_codes_of_an_example_do_not_depend_on_how_the_batch_is_split():
    batch = CODES.sample(Draws(SEED, 8)).numpy()
    shares = [CODES.sample(Draws(SEED, 8, first, 4)).numpy() for first in (0, 4)]
    np.testing.assert_array_equal(np.concatenate(shares), batch)
    assert len(np.unique(batch, axis=0)) == 8


def test_codes_of_a_seed_equal_those_of_a_batch_of_one_with_that_seed_at_any_truncation():
    prior = Prior(5, codes=CODES)
    for truncation in (0.5, INF):
        together = prior.sample(seeded(SEEDS), truncation)["codes"]
        for number, codes in zip(SEEDS, together, strict=True):
            np.testing.assert_array_equal(codes, CODES.sample(Draws(seed_of(number), 1))[0])


# --------------------------------------------------------------------------------------------------------- by its seed

SEEDS = [0, 7, 2**31 - 1, 2**31, 2**31 + 7, 2**40 + 3, 2**62 - 1]


def seeded(numbers):
    return SeededDraws(tf.constant(numbers, tf.int64))


@tf.function(reduce_retracing=True)
def latents_by(seeds, truncation):
    """As an exported generator draws them, with an odd noise size."""
    return Prior(5, num_classes=1000).sample(SeededDraws(seeds), truncation[:, None])


@pytest.mark.parametrize("truncation", [0.7, INF])
def test_numbers_of_a_seed_do_not_depend_on_its_batch(truncation):
    def sample(seeds):
        return latents_by(tf.constant(seeds, tf.int64), tf.fill([len(seeds)], tf.constant(truncation)))

    together = sample(SEEDS)
    for i, number in enumerate(SEEDS):
        for batch in ([number], [11, 12, number]):
            for name, values in sample(batch).items():
                np.testing.assert_array_equal(values[-1], together[name][i])
    assert len(np.unique(together["noise"])) == 5 * len(SEEDS)
    assert len(np.unique(together["labels"])) > 4


def test_numbers_of_a_seed_equal_those_of_a_batch_of_one_with_that_seed():
    for number in SEEDS:
        one = Draws(seed_of(number), 1)
        by_seed = seeded([number])
        np.testing.assert_array_equal(by_seed.uniform("noise", [5]), one.uniform("noise", [5]))
        np.testing.assert_array_equal(by_seed.integers("labels", 1000), one.integers("labels", 1000))


def test_consecutive_seeds_follow_the_distribution():
    latents = latents_by(tf.range(2000, dtype=tf.int64), tf.ones([2000]))
    noise = latents["noise"].numpy().ravel()
    assert ks_statistic(noise, scipy.stats.truncnorm(-1, 1).cdf) < 1.95 / math.sqrt(len(noise))
    assert scipy.stats.chisquare(np.bincount(latents["labels"] // 100, minlength=10)).pvalue > 1e-3
