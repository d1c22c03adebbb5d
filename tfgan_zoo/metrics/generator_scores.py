"""Scores of generated samples, by the features or the classes that a feature network gives them."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics import manifold
from tfgan_zoo.metrics.agreement import modes_of
from tfgan_zoo.metrics.bootstrap import resampled
from tfgan_zoo.metrics.class_information import inception_score
from tfgan_zoo.metrics.common_classes import check_classes, common_classes
from tfgan_zoo.metrics.distances import (
    KernelDistance,
    Moments,
    distance_of,
    frechet_contributions,
    frechet_distance,
    kernel_contributions,
    kernel_distance,
    moments,
)
from tfgan_zoo.metrics.estimate import Estimate, mean_of
from tfgan_zoo.metrics.extrapolation import extrapolated_frechet_distance
from tfgan_zoo.metrics.features import score_names
from tfgan_zoo.metrics.players import GeneratedSamples, Players, ScoreKind

if TYPE_CHECKING:
    from tfgan_zoo.metrics.protocol import Evaluator, Protocol

MODE_POINTS = 2500  # as in VEEGAN and PacGAN
SPLITS = 10  # of an inception score
SUBSETS, SUBSET_SIZE = 100, 1000  # of a kernel distance, as in its paper


def frechet_of(real: Moments, fake: Moments) -> float:
    """The Fréchet distance of two `Moments`, without the warning that the score itself has given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(frechet_distance(real, fake))


def frechet_resamples(value: float, real: np.ndarray, fake: np.ndarray) -> Callable[[np.random.Generator], float]:
    """A function (NumPy generator) -> the Fréchet distance, here `value`, of a resample of the features, to first order."""
    contributions = functools.cache(lambda: frechet_contributions(real, fake))  # once, and only if it is asked for
    return lambda random: value + sum(float(resampled(own, random).mean()) for own in contributions())


def kernel_estimate(
    name: str, contributions: tuple[np.ndarray, np.ndarray], distance: KernelDistance | None = None
) -> Estimate:
    """The `Estimate` of a `KernelDistance` (by default over all pairs), resampled to first order."""
    value, error = distance or distance_of(contributions)

    def resample(random):
        return value + 2 * sum(float(resampled(own, random).mean() - own.mean()) for own in contributions)

    return Estimate(name, value, error, resample)


def check_features(evaluator: Evaluator) -> None:
    """Raises `ZooError` if the feature network can't take the evaluator's images."""
    evaluator.network.check(evaluator.source.images[:1])


def check_reals(evaluator: Evaluator) -> None:
    """Raises `ZooError` if there are fewer than two real images, which have no covariance and no pairs."""
    if len(evaluator.numbers) < 2:
        raise ZooError(
            f"a distance between distributions needs two or more real images, and there is {len(evaluator.numbers)}, of"
            f" {evaluator.source.name} with {evaluator.source.size:,}."
        )


def check_logits(evaluator: Evaluator, score: str) -> None:
    """Raises `ZooError` if the feature network can't take the evaluator's images or has no classes."""
    check_features(evaluator)
    if evaluator.network.classes < 2:
        raise ZooError(f"{score} needs a classifier, and {evaluator.network.name} has no classes; leave the score out.")


class Distances(ScoreKind):
    """Fréchet and kernel distance between real and generated images, with labels and codes drawn by seed."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_features(evaluator)
        check_reals(evaluator)

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return list(score_names(evaluator.network.name))

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        frechet, kernel = score_names(evaluator.network.name)
        real, fake = evaluator.real_features, generated.features
        distance = float(frechet_distance(evaluator.real_moments, generated.moments))
        return [
            Estimate(frechet, distance, resample=frechet_resamples(distance, real, fake), bounds=(0, np.inf)),
            kernel_estimate(kernel, kernel_contributions(real, fake)),
        ]


class KernelSubsets(ScoreKind):
    """The kernel distance as in its paper: the mean over 100 draws of 1,000 real and 1,000 generated images."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_features(evaluator)
        if min(len(evaluator.numbers), evaluator.samples) < SUBSET_SIZE:
            raise ZooError(
                f"kernel_subsets draws {SUBSET_SIZE:,} of each, but there are {len(evaluator.numbers):,} real and"
                f" {evaluator.samples:,} generated images; use distances, which takes every pair."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return [f"{score_names(evaluator.network.name)[1]}_subsets"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        return dataclasses.replace(evaluator.protocol, settings=f"{SUBSETS} subsets of {SUBSET_SIZE:,}")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        real, fake = evaluator.real_features, generated.features
        distance = kernel_distance(real, fake, SUBSETS, SUBSET_SIZE, evaluator.seed)
        (name,) = self.names(evaluator, generated.players)
        return [kernel_estimate(name, kernel_contributions(real, fake), distance)]


class ExtrapolatedDistance(ScoreKind):
    """The Fréchet distance extrapolated to infinitely many samples: Chong and Forsyth 2020, arXiv:1911.07023."""

    POINTS = 15

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_features(evaluator)
        check_reals(evaluator)
        least = evaluator.network.dimension + self.POINTS
        if evaluator.samples < least:
            raise ZooError(
                f"extrapolated needs at least {least:,} samples, {self.POINTS} sizes above the {evaluator.network.dimension:,}"
                f" dimensions of {evaluator.network.name}, but there are {evaluator.samples:,}; see --samples."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return [f"{score_names(evaluator.network.name)[0]}_infinity"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        return dataclasses.replace(evaluator.protocol, settings=f"a line in 1/N through {self.POINTS} sizes")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        real, fake = evaluator.real_features, generated.features
        result = extrapolated_frechet_distance(evaluator.real_moments, fake, self.POINTS, seed=evaluator.seed)
        # The scatter of the distance of all samples stands for that of the intercept.
        resample = frechet_resamples(result.value, real, fake)
        (name,) = self.names(evaluator, generated.players)
        return [Estimate(name, result.value, result.standard_error, resample)]


class IntraClassDistance(ScoreKind):
    """The Fréchet distance within each class, averaged over classes: Miyato and Koyama 2018, arXiv:1802.05637.

    Classes with fewer than two of the real images are left out, with a warning.
    """

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_features(evaluator)
        if not players.num_classes or players.num_classes != evaluator.source.classes:
            raise ZooError(
                "intra_class needs a generator that takes the data's labels:"
                f" it takes {players.num_classes or 'none'}, and {evaluator.source.name} has {evaluator.source.classes or 'none'};"
                " leave the score out."
            )
        check_classes(evaluator, evaluator.numbers, evaluator.samples, "intra_class")

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return [f"intra_{score_names(evaluator.network.name)[0]}"]

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        sides = (
            (evaluator.real_features, evaluator.real_labels),
            (generated.cycled_embedding[0], generated.cycled_labels),
        )
        common = common_classes(evaluator, evaluator.numbers)
        classes = [[features[labels == c] for features, labels in sides] for c in common]
        (name,) = self.names(evaluator, generated.players)
        fewest = min(len(x) for pair in classes for x in pair)
        if fewest <= evaluator.network.dimension:
            warnings.warn(
                f"{fewest} images of a class and {evaluator.network.dimension} dimensions: {name} is biased upwards; compare it"
                " only at this number of samples.",
                stacklevel=2,
            )
        values = [frechet_of(*map(moments, pair)) for pair in classes]
        value = float(np.mean(values))
        resamples = [frechet_resamples(one, *pair) for one, pair in zip(values, classes, strict=True)]
        return [Estimate(name, value, resample=lambda random: float(np.mean([each(random) for each in resamples])))]


class InceptionScore(ScoreKind):
    """exp E KL(p(y|x) || p(y)): Salimans et al. 2016, arXiv:1606.03498. `inception_score` on Inception, else `is_<network>`."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_logits(evaluator, "inception_score")
        if evaluator.samples < SPLITS:
            raise ZooError(
                f"inception_score needs {SPLITS} splits, but there are {evaluator.samples} samples; see --samples."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return ["inception_score" if evaluator.network.name == "inception" else f"is_{evaluator.network.name}"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        return dataclasses.replace(evaluator.protocol, real_images=0, settings=f"{SPLITS} splits")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        (name,), logits = self.names(evaluator, generated.players), generated.logits
        return [
            Estimate(
                name,
                *inception_score(logits, SPLITS),
                resample=lambda random: inception_score(resampled(logits, random), SPLITS).value,
            )
        ]


class PrecisionRecall(ScoreKind):
    """Improved precision and recall: Kynkäänniemi et al. 2019, arXiv:1904.06991. The interval holds the other set fixed."""

    NEIGHBOURS = 3
    NAMES = ("precision", "recall")

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_features(evaluator)
        fewest = min(len(evaluator.numbers), evaluator.samples)
        if fewest <= self.NEIGHBOURS:
            raise ZooError(f"k={self.NEIGHBOURS} nearest neighbours among {fewest} images; take more: --samples.")

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return list(self.NAMES)

    def protocol(self, evaluator: Evaluator) -> Protocol:
        return dataclasses.replace(evaluator.protocol, settings=f"k={self.NEIGHBOURS}")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        scores = manifold.precision_recall(evaluator.real_features, generated.features, self.NEIGHBOURS)
        return [mean_of(name, values) for name, values in scores._asdict().items()]


class DensityCoverage(PrecisionRecall):
    """Density and coverage: Naeem et al. 2020, arXiv:2002.09797. The interval holds the other set fixed."""

    NEIGHBOURS = 5
    NAMES = ("density", "coverage")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        scores = manifold.density_coverage(evaluator.real_features, generated.features, self.NEIGHBOURS)
        return [mean_of(name, values) for name, values in scores._asdict().items()]


class ClassAccuracy(ScoreKind):
    """The proportion of generated images, their labels cycling, that the feature network assigns to their label."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_features(evaluator)
        if not players.num_classes:
            raise ZooError("class_accuracy needs a generator that takes labels, and this one does not; leave it out.")
        if players.num_classes != evaluator.network.classes:
            raise ZooError(
                f"class_accuracy needs a classifier of the generator's {players.num_classes} classes, and"
                f" {evaluator.network.name} has {evaluator.network.classes}; leave the score out, or use another network."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return ["class_accuracy"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        return dataclasses.replace(evaluator.protocol, real_images=0)

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        logits = generated.cycled_embedding[1]
        return [mean_of("class_accuracy", logits.argmax(axis=1) == generated.cycled_labels)]


class Modes(ScoreKind):
    """How many modes of a mixture of Gaussians are found by 2,500 samples, and the proportion of samples near a mode."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        if evaluator.modes is None:
            raise ZooError(
                f"modes are counted on toy:ring8 and toy:grid25, and data.source is {evaluator.source.name};"
                " leave the score out."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return ["modes_found", "good_samples"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        same = dataclasses.replace(evaluator.protocol, real_images=0, generated_images=MODE_POINTS)
        return dataclasses.replace(same, features="points", features_sha256="", resizing="none")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        points = np.concatenate([batch for _, batch in generated.images(MODE_POINTS)])
        count, good = modes_of(points, *evaluator.modes)
        return [
            Estimate(
                "modes_found",
                float(count),
                resample=lambda random: float(modes_of(resampled(points, random), *evaluator.modes)[0]),
                bounds=(0, len(evaluator.modes[0])),
            ),
            mean_of("good_samples", good),
        ]
