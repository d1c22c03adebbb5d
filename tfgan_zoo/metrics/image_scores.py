"""Scores of generated images as pixels: patches, similarity within classes, and classifiers trained on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.bootstrap import resampled
from tfgan_zoo.metrics.classification import classification_accuracy
from tfgan_zoo.metrics.common_classes import check_classes, common_classes
from tfgan_zoo.metrics.discriminator_scores import check_held_out, provenance
from tfgan_zoo.metrics.embedding import slices
from tfgan_zoo.metrics.estimate import Estimate, mean_of
from tfgan_zoo.metrics.players import GeneratedSamples, Players, ScoreKind
from tfgan_zoo.metrics.sliced_influence import image_influences
from tfgan_zoo.metrics.sliced_wasserstein import PatchDescriptors, level_sizes, sliced_wasserstein
from tfgan_zoo.metrics.stacked_mnist import digits_of, stacked_modes
from tfgan_zoo.metrics.structural_similarity import class_similarity, scales_of

if TYPE_CHECKING:
    from tfgan_zoo.metrics.protocol import Evaluator, Protocol

PATCHES, PROJECTIONS = 128, 512  # of a sliced Wasserstein distance: Karras et al. 2018
STACKED_SAMPLES = 26_000  # as in PacGAN's code and others
PAIRS = 100  # of a class's similarity: Odena et al. 2016
ALL_PAIRS = 1000  # of images without classes: the standard deviation over pairs is about 0.16


def check_images(evaluator: Evaluator, score: str) -> None:
    """Raises `ZooError` if the data is points."""
    if evaluator.source.points:
        raise ZooError(f"{score} applies to images, but {evaluator.source.name} holds points; leave the score out.")


def without_features(protocol: Protocol, settings: str) -> Protocol:
    """`protocol` for a score of pixels."""
    return dataclasses.replace(protocol, features="pixels", features_sha256="", resizing="none", settings=settings)


def real_subset(evaluator: Evaluator, count: int) -> np.ndarray:
    """Indices of `count` of the evaluator's real images, drawn by its seed: the first ones may all have one class."""
    return np.sort(np.random.default_rng(evaluator.seed).permutation(evaluator.numbers)[:count])


class SlicedWasserstein(ScoreKind):
    """Distance of the patches at each level of a Laplacian pyramid, times 1,000: Karras et al. 2018, arXiv:1710.10196."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_images(evaluator, "sliced_wasserstein")
        level_sizes(evaluator.source.image_shape)  # raises for images that are too small

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return [f"swd_{level}" for level in (*level_sizes(evaluator.source.image_shape), "mean")]

    def count(self, evaluator: Evaluator) -> int:
        """The number of images in each set, the same for both, since sorted projections are compared pairwise."""
        return min(len(evaluator.numbers), evaluator.samples)

    def protocol(self, evaluator: Evaluator) -> Protocol:
        same = dataclasses.replace(
            evaluator.protocol, real_images=self.count(evaluator), generated_images=self.count(evaluator)
        )
        return without_features(same, f"7x7 patches, {PATCHES} an image, {PROJECTIONS} projections")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        shape, count, seed = evaluator.source.image_shape, self.count(evaluator), evaluator.seed
        numbers = real_subset(evaluator, count)
        with (
            PatchDescriptors(shape, count, PATCHES, seed) as real,
            PatchDescriptors(shape, count, PATCHES, seed) as fake,
        ):
            for here in slices(count):
                real.update(evaluator.source.images[numbers[here]])
            for _, images in generated.images(count):
                fake.update(images)
            levels = sliced_wasserstein(real, fake, PROJECTIONS, seed)
            influences = image_influences(real, fake, PROJECTIONS, seed)
        levels["mean"] = float(np.mean(list(levels.values())))
        influences["mean"] = np.mean(list(influences.values()), axis=0)
        return [self.of(f"swd_{level}", value, *influences[level]) for level, value in levels.items()]

    def of(self, name: str, value: float, real: np.ndarray, fake: np.ndarray) -> Estimate:
        """The `Estimate` of a level's distance, resampled to first order by the influence of each image [count]."""
        return Estimate(
            name,
            value,
            float(np.sqrt((real.var() + fake.var()) / len(real))),
            lambda random: value + float(resampled(real, random).mean() + resampled(fake, random).mean()),
            bounds=(0.0, np.inf),
        )


class ClassSimilarity(ScoreKind):
    """MS-SSIM of random pairs within a class, of samples and, for comparison, of reals: Odena et al. 2016, arXiv:1610.09585.

    It is larger for samples that are more alike than the reals, such as those of a collapsed generator. If the generator
    takes no labels, pairs are of any images, and the scores are called ms_ssim_all and ms_ssim_all_real. Classes with fewer
    than two of the real images are left out, with a warning.
    """

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_images(evaluator, "ms_ssim")
        scales_of(evaluator.source.image_shape)  # raises for images that are too small
        if players.num_classes and players.num_classes != evaluator.source.classes:
            raise ZooError(
                f"ms_ssim: the generator takes {players.num_classes} classes, and {evaluator.source.name} has"
                f" {evaluator.source.classes or 'none'}; leave the score out."
            )
        count = self.count(evaluator)
        if players.num_classes:
            check_classes(evaluator, real_subset(evaluator, count), count, "ms_ssim")
        elif count < 2:
            raise ZooError(
                f"ms_ssim compares pairs of images, and {evaluator.source.name} has {evaluator.source.size}; leave it out."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        name = "ms_ssim" if players.num_classes else "ms_ssim_all"
        return [name, f"{name}_real"]

    def count(self, evaluator: Evaluator) -> int:
        """The number of images in each set: all, or enough for the pairs of every class."""
        return min(evaluator.samples, len(evaluator.numbers), max(2 * ALL_PAIRS, 4 * PAIRS * evaluator.source.classes))

    def protocol(self, evaluator: Evaluator) -> Protocol:
        scales = len(scales_of(evaluator.source.image_shape))
        same = dataclasses.replace(
            evaluator.protocol, real_images=self.count(evaluator), generated_images=self.count(evaluator)
        )
        return without_features(
            same, f"{PAIRS} pairs a class, or {ALL_PAIRS:,} of all, {scales} scale{'s' * (scales > 1)}"
        )

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        count = self.count(evaluator)
        numbers = real_subset(evaluator, count)
        labels = real_labels = None
        classes: list[int] = []
        if generated.players.num_classes:
            labels, real_labels = generated.cycled_labels[:count], evaluator.source.labels[numbers]
            classes = common_classes(evaluator, numbers)
        fake = np.concatenate([images for _, images in generated.images(count, labels)])
        name, real_name = self.names(evaluator, generated.players)
        return [
            self.of(name, fake, labels, classes, evaluator.seed),
            self.of(real_name, evaluator.source.images[numbers], real_labels, classes, evaluator.seed),
        ]

    def of(
        self, name: str, images: np.ndarray, labels: np.ndarray | None, classes: Sequence[int], seed: int
    ) -> Estimate:
        """The `Estimate` of the mean over `classes`; the pairs of each class are resampled separately."""
        if labels is not None:
            kept = np.isin(labels, classes)
            images, labels = images[kept], labels[kept]
        values = list(class_similarity(images, labels, ALL_PAIRS if labels is None else PAIRS, seed).values)
        errors = [v.std() / np.sqrt(len(v)) for v in values]
        return Estimate(
            name,
            float(np.mean([v.mean() for v in values])),
            float(np.sqrt(np.sum(np.square(errors))) / len(values)),
            lambda random: float(np.mean([resampled(v, random).mean() for v in values])),
        )


class ClassificationAccuracy(ScoreKind):
    """The proportion of held-out real images that a CNN trained only on samples gets right: Ravuri and Vinyals 2019.

    arXiv:1905.10887. The labels of the samples cycle. `cas_real` is the result of the same CNN trained on the reals.
    """

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_images(evaluator, "cas")
        height, width, channels = evaluator.source.image_shape
        if min(height, width) < 8 or channels not in (1, 3):
            raise ZooError(
                f"cas trains a CNN on images of 1 or 3 channels, at least 8 pixels high and wide; these are"
                f" {height}x{width}x{channels}; leave the score out."
            )
        check_held_out(evaluator, "cas")
        if evaluator.samples < 2 or len(np.unique(evaluator.real_labels)) < 2:
            raise ZooError(
                f"cas trains a CNN to tell classes apart, and the {len(evaluator.numbers):,} real images of"
                f" {evaluator.source.name} have fewer than two; leave the score out."
            )
        if players.num_classes != evaluator.source.classes:
            raise ZooError(
                f"cas needs a generator that takes the data's labels: it takes {players.num_classes or 'none'}, and"
                f" {evaluator.source.name} has {evaluator.source.classes}; leave the score out."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return ["cas", "cas_real"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        held_out = provenance(evaluator.test, evaluator.test.size, evaluator.held_out_split)
        return without_features(evaluator.protocol, f"a small CNN, tested on {held_out}")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        labels = generated.cycled_labels
        fake = np.concatenate([images for _, images in generated.images(evaluator.samples, labels)])
        test = (evaluator.test.images, evaluator.test.labels)
        scores = []
        for name, train_images, train_labels in (
            ("cas", fake, labels),
            ("cas_real", evaluator.real_images, evaluator.real_labels),
        ):
            hits = classification_accuracy(train_images, train_labels, *test, evaluator.source.classes, evaluator.seed)
            scores.append(mean_of(name, hits))
        return scores


class StackedModes(ScoreKind):
    """How many of the 1,000 combinations of three digits appear in samples of stacked MNIST, and how evenly."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        if evaluator.source.points or evaluator.source.image_shape[-1] != 3 or 1 not in evaluator.network.channels:
            raise ZooError(
                f"{evaluator.source.name} and {evaluator.network.name}: stacked_modes reads a digit in each of three channels"
                " with mnist_cnn; train on data.source=stacked:mnist5k."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return ["stacked_modes_found", "stacked_modes_kl"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        return dataclasses.replace(
            evaluator.protocol, real_images=0, generated_images=STACKED_SAMPLES, settings="a digit a channel"
        )

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        digits = np.concatenate(
            [digits_of(evaluator.network, images) for _, images in generated.images(STACKED_SAMPLES)]
        )
        count, divergence = stacked_modes(digits)
        return [
            Estimate(
                "stacked_modes_found",
                float(count),
                resample=lambda random: float(stacked_modes(resampled(digits, random)).found),
                bounds=(0, 1000),
            ),
            Estimate(
                "stacked_modes_kl",
                float(divergence),
                resample=lambda random: stacked_modes(resampled(digits, random)).kl,
            ),
        ]
