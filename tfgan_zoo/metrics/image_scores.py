"""Scores of generated images as they are: patches, similarity within classes, and classifiers trained on them."""

import dataclasses

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.bootstrap import resampled
from tfgan_zoo.metrics.classification import classification_accuracy
from tfgan_zoo.metrics.discriminator_scores import check_held_out, told_of
from tfgan_zoo.metrics.embedding import slices
from tfgan_zoo.metrics.estimate import Estimate, mean_of
from tfgan_zoo.metrics.players import ScoreKind
from tfgan_zoo.metrics.sliced_influence import image_influences
from tfgan_zoo.metrics.sliced_wasserstein import PatchDescriptors, sliced_wasserstein
from tfgan_zoo.metrics.ssim import class_similarity, scales_of
from tfgan_zoo.metrics.stacked_modes import digits_of, stacked_modes

PATCHES, PROJECTIONS = 128, 512  # of a sliced Wasserstein distance: Karras et al. 2018
STACKED_SAMPLES = 26_000  # as PacGAN's code and others take
PAIRS = 100  # of a class's similarity: Odena et al. 2016
ALL_PAIRS = 1000  # of images without classes: a pair scatters by about 0.16


def check_images(evaluator, score):
    if evaluator.source.points:
        raise ZooError(f"{score} is taken of images, and {evaluator.source.name} holds points; leave the score out.")


def without_features(protocol, settings):
    """`protocol` of a score that looks at pixels."""
    return dataclasses.replace(protocol, features="pixels", features_sha256="", resizing="none", settings=settings)


def some_of(evaluator, count):
    """So many of the numbers of a judge's real images, drawn by its seed: the first ones may all be of one class."""
    return np.sort(np.random.default_rng(evaluator.seed).permutation(evaluator.numbers)[:count])


class SlicedWasserstein(ScoreKind):
    """Distance of the patches at each level of a Laplacian pyramid, times 1,000: Karras et al. 2018, arXiv:1710.10196."""

    def check(self, evaluator, players):
        check_images(evaluator, "sliced_wasserstein")

    def count(self, evaluator):
        """Of each set: sorted projections are compared one by one."""
        return min(len(evaluator.numbers), evaluator.samples)

    def protocol(self, evaluator):
        same = dataclasses.replace(
            evaluator.protocol, real_images=self.count(evaluator), generated_images=self.count(evaluator)
        )
        return without_features(same, f"7x7 patches, {PATCHES} an image, {PROJECTIONS} projections")

    def __call__(self, evaluator, drawn):
        shape, count, seed = evaluator.source.image_shape, self.count(evaluator), evaluator.seed
        numbers = some_of(evaluator, count)
        with (
            PatchDescriptors(shape, count, PATCHES, seed) as real,
            PatchDescriptors(shape, count, PATCHES, seed) as fake,
        ):
            for here in slices(count):
                real.update(evaluator.source.images[numbers[here]])
            for _, images in drawn.images(count):
                fake.update(images)
            levels = sliced_wasserstein(real, fake, PROJECTIONS, seed)
            influences = image_influences(real, fake, PROJECTIONS, seed)
        levels["mean"] = float(np.mean(list(levels.values())))
        influences["mean"] = np.mean(list(influences.values()), axis=0)
        return [self.of(f"swd_{level}", value, *influences[level]) for level, value in levels.items()]

    def of(self, name, value, real, fake):
        """The `Measurement` of a level's distance; a resample is to first order, by the influence of each image [count]."""
        return Estimate(
            name,
            value,
            float(np.sqrt((real.var() + fake.var()) / len(real))),
            lambda random: value + float(resampled(real, random).mean() + resampled(fake, random).mean()),
            bounds=(0.0, np.inf),
        )


class ClassSimilarity(ScoreKind):
    """MS-SSIM of random pairs within a class, of samples and, to compare with, of reals: Odena et al. 2016, arXiv:1610.09585.

    Samples that are more alike than the reals are, such as a generator's that collapsed, have the larger one. Where the
    generator takes no labels, pairs are of any images, and the scores are called ms_ssim_all and ms_ssim_all_real.
    """

    def check(self, evaluator, players):
        check_images(evaluator, "ms_ssim")
        scales_of(evaluator.source.image_shape)  # refuses images that are too small
        if players.num_classes and players.num_classes != evaluator.source.classes:
            raise ZooError(
                f"ms_ssim: the generator takes {players.num_classes} classes, and {evaluator.source.name} has"
                f" {evaluator.source.classes or 'none'}; leave the score out."
            )

    def count(self, evaluator):
        """Images of each set: all, or enough for the pairs of every class."""
        return min(evaluator.samples, len(evaluator.numbers), max(2 * ALL_PAIRS, 4 * PAIRS * evaluator.source.classes))

    def protocol(self, evaluator):
        scales = len(scales_of(evaluator.source.image_shape))
        same = dataclasses.replace(
            evaluator.protocol, real_images=self.count(evaluator), generated_images=self.count(evaluator)
        )
        return without_features(
            same, f"{PAIRS} pairs a class, or {ALL_PAIRS:,} of all, {scales} scale{'s' * (scales > 1)}"
        )

    def __call__(self, evaluator, drawn):
        count, name = self.count(evaluator), "ms_ssim_all"
        numbers = some_of(evaluator, count)
        labels = real_labels = None
        if drawn.players.num_classes:
            name, labels, real_labels = "ms_ssim", drawn.labels_in_turn[:count], evaluator.source.labels[numbers]
        fake = np.concatenate([images for _, images in drawn.images(count, labels)])
        return [
            self.of(name, fake, labels, evaluator.seed),
            self.of(f"{name}_real", evaluator.source.images[numbers], real_labels, evaluator.seed),
        ]

    def of(self, name, images, labels, seed):
        """The `Measurement` of the mean over classes; each class's pairs are resampled within it."""
        values = list(class_similarity(images, labels, ALL_PAIRS if labels is None else PAIRS, seed).values)
        errors = [v.std() / np.sqrt(len(v)) for v in values]
        return Estimate(
            name,
            float(np.mean([v.mean() for v in values])),
            float(np.sqrt(np.sum(np.square(errors))) / len(values)),
            lambda random: float(np.mean([resampled(v, random).mean() for v in values])),
        )


class ClassificationAccuracy(ScoreKind):
    """The share of held-out real images that a CNN trained on samples alone gets right: Ravuri and Vinyals 2019.

    arXiv:1905.10887. Labels are asked for in turn. `cas_real` is what the same CNN reaches when trained on the reals.
    """

    def check(self, evaluator, players):
        check_images(evaluator, "cas")
        height, width, channels = evaluator.source.image_shape
        if min(height, width) < 8 or channels not in (1, 3):
            raise ZooError(
                f"cas trains a CNN on images of 1 or 3 channels, 8 pixels high and wide or more; these are"
                f" {height}x{width}x{channels}; leave the score out."
            )
        check_held_out(evaluator, "cas")
        if players.num_classes != evaluator.source.classes:
            raise ZooError(
                f"cas needs a generator that takes the data's labels: it takes {players.num_classes or 'none'}, and"
                f" {evaluator.source.name} has {evaluator.source.classes}; leave the score out."
            )

    def protocol(self, evaluator):
        held_out = told_of(evaluator.test, evaluator.test.size, evaluator.held_out_split)
        return without_features(evaluator.protocol, f"a small CNN, tested on {held_out}")

    def __call__(self, evaluator, drawn):
        labels = drawn.labels_in_turn
        fake = np.concatenate([images for _, images in drawn.images(evaluator.samples, labels)])
        found = []
        for name, images, its_labels in (
            ("cas", fake, labels),
            ("cas_real", evaluator.real_images, evaluator.real_labels),
        ):
            test = (evaluator.test.images, evaluator.test.labels)
            hits = classification_accuracy(images, its_labels, *test, evaluator.source.classes, evaluator.seed)
            found.append(mean_of(name, hits))
        return found


class StackedModes(ScoreKind):
    """How many of the 1,000 combinations of three digits appear in samples of stacked MNIST, and how evenly."""

    def check(self, evaluator, players):
        if evaluator.source.points or evaluator.source.image_shape[-1] != 3 or 1 not in evaluator.network.channels:
            raise ZooError(
                "stacked_modes reads a digit in each of three channels by mnist_cnn: train on data.source=stacked:mnist5k;"
                f" {evaluator.source.name} and {evaluator.network.name} came."
            )

    def protocol(self, evaluator):
        return dataclasses.replace(
            evaluator.protocol, real_images=0, generated_images=STACKED_SAMPLES, settings="a digit a channel"
        )

    def __call__(self, evaluator, drawn):
        digits = np.concatenate([digits_of(evaluator.network, images) for _, images in drawn.images(STACKED_SAMPLES)])
        found, divergence = stacked_modes(digits)
        return [
            Estimate(
                "stacked_modes_found",
                float(found),
                resample=lambda random: float(stacked_modes(resampled(digits, random)).found),
                bounds=(0, 1000),
            ),
            Estimate(
                "stacked_modes_kl",
                float(divergence),
                resample=lambda random: stacked_modes(resampled(digits, random)).kl,
            ),
        ]
