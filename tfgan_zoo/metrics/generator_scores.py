"""Scores of what the generator makes: distances, class accuracy, modes."""

import dataclasses

import numpy as np

from tfgan_zoo.errors import ZooError
from tfgan_zoo.metrics.agreement import modes_of, share
from tfgan_zoo.metrics.distances import frechet_distance, kernel_distance, moments
from tfgan_zoo.metrics.features import score_names
from tfgan_zoo.metrics.players import ScoreKind, generated

MODE_POINTS = 2500  # as VEEGAN and PacGAN take


class Distances(ScoreKind):
    """Fréchet and kernel distance of as many generated and real images, labels and codes drawn by seed."""

    def check(self, judge, game):
        judge.network.check(judge.source.images[:1])

    def __call__(self, judge, players):
        fake = np.concatenate(
            [judge.network.features(images) for _, images in generated(judge, players, judge.samples)]
        )
        frechet, kernel = score_names(judge.network.name)
        distance = kernel_distance(judge.real_features, fake)
        return [
            (frechet, float(frechet_distance(judge.real_moments, moments(fake))), None),
            (kernel, float(distance.value), float(distance.standard_error)),
        ]


class ClassAccuracy(ScoreKind):
    """The share of generated images, labels in turn, that the feature network calls by the label asked for."""

    def check(self, judge, game):
        judge.network.check(judge.source.images[:1])
        if not game.prior.num_classes:
            raise ZooError("class_accuracy needs a generator that takes labels, and this one does not; leave it out.")
        if game.prior.num_classes != judge.network.classes:
            raise ZooError(
                f"class_accuracy needs a classifier of the generator's {game.prior.num_classes} classes, and"
                f" {judge.network.name} knows {judge.network.classes}; leave the score out, or take another network."
            )

    def protocol(self, judge):
        return dataclasses.replace(judge.protocol, real_images=0)

    def __call__(self, judge, players):
        labels = np.arange(judge.samples) % players.prior.num_classes
        hits = [
            judge.network.embed(images)[1].argmax(axis=1) == labels[here]
            for here, images in generated(judge, players, judge.samples, labels)
        ]
        return [("class_accuracy", *share(np.concatenate(hits)))]


class Modes(ScoreKind):
    """How many modes of a mixture of Gaussians 2,500 samples find, and the share of them that is near one."""

    def check(self, judge, game):
        if judge.modes is None:
            raise ZooError(
                f"modes are counted on toy:ring8 and toy:grid25, and data.source is {judge.source.name};"
                " leave the score out."
            )

    def protocol(self, judge):
        same = dataclasses.replace(judge.protocol, real_images=0, generated_images=MODE_POINTS)
        return dataclasses.replace(same, features="points", features_sha256="", resizing="none")

    def __call__(self, judge, players):
        points = np.concatenate([some for _, some in generated(judge, players, MODE_POINTS)])
        found, good, error = modes_of(points, *judge.modes)
        return [("modes_found", float(found), None), ("good_samples", good, error)]
