"""How evenly images change along paths between styles: Karras et al. 2018 and 2019, arXiv:1812.04948 and 1912.04958.

Two points of a straight path between the styles of two latents, EPSILON of it apart, give two images. Their perceptual distance,
divided by EPSILON^2, is the squared speed of the image there; its mean over paths is the perceptual path length (PPL).

Deviations from the authors' code: the distance is that of this library's feature networks, where theirs is LPIPS on VGG-16, so values
are comparable between generators here, and not with papers; EPSILON is ten times theirs, since distances are taken in float32.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.bootstrap import resampled
from tfgan_zoo.metrics.embedding import BATCH, slices
from tfgan_zoo.metrics.estimate import Estimate
from tfgan_zoo.metrics.features import FeatureNetwork
from tfgan_zoo.metrics.generator_scores import check_features
from tfgan_zoo.metrics.players import GeneratedSamples, Players, ScoreKind

if TYPE_CHECKING:
    from tfgan_zoo.metrics.protocol import Evaluator, Protocol

EPSILON = 1e-3
OUTLIERS = 0.01  # the share of paths that is left out at either end


def squared_speeds(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """|f - g|^2 / EPSILON^2 of features that are brought to the length 1: float64 [N].

    start, stop: [N, D], of images EPSILON of their path apart. Features of length 0 stay 0.

    Examples:
        Features that turn by EPSILON radians have the speed 1, whatever their length:

        >>> bool(np.isclose(squared_speeds([[2.0, 0.0]], [[3 * np.cos(EPSILON), 3 * np.sin(EPSILON)]])[0], 1.0))
        True
    """
    differences = unit(stop) - unit(start)
    return np.square(differences).sum(axis=1) / EPSILON**2


def unit(features: np.ndarray) -> np.ndarray:
    """The features [N, D] in float64, each row brought to the length 1."""
    features = np.asarray(features, np.float64)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-10)


def path_length(speeds: np.ndarray) -> float:
    """The mean of squared speeds [N] without the lowest and the highest hundredth, as in the authors' code.

    Examples:
        >>> path_length(np.array([1e9, *[4.0] * 299, 0.0]))
        4.0
    """
    low = np.quantile(speeds, OUTLIERS, method="lower")
    high = np.quantile(speeds, 1 - OUTLIERS, method="higher")
    return float(speeds[(speeds >= low) & (speeds <= high)].mean())


def unevenness(speeds: np.ndarray) -> float:
    """The standard deviation of the speed divided by its mean, of squared speeds [N]: 0 if images change equally fast everywhere.

    Examples:
        >>> unevenness(np.array([9.0, 9.0])), unevenness(np.array([0.0, 4.0]))
        (0.0, 1.0)
    """
    roots = np.sqrt(speeds)
    return float(roots.std() / max(roots.mean(), 1e-10))


def smooth_features(network: FeatureNetwork, images: np.ndarray) -> np.ndarray:
    """Features [B, D] of float32 images around [-1, 1], which are clipped but not rounded to 256 levels."""
    return network.forward(np.clip((images + 1) * 127.5, 0, 255).astype(np.float32))[0]


class PerceptualPathLength(ScoreKind):
    """The perceptual path length between styles, and how uneven the speed along the paths is.

    Path i goes from the style of seed + i to that of seed + samples + i, both of one class if there are classes.
    """

    def check(self, evaluator: Evaluator, players: Players) -> None:
        if players.styles is None:
            raise ZooError(
                "path_length needs a generator that draws images from styles, as stylegan2 does; leave the score out."
            )
        check_features(evaluator)

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return [f"ppl_{evaluator.network.name}", f"ppl_{evaluator.network.name}_unevenness"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        settings = f"paths between styles, steps of {EPSILON:g}"
        return dataclasses.replace(evaluator.protocol, real_images=0, settings=settings)

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        speeds = self.speeds(evaluator, generated)
        length, spread = self.names(evaluator, generated.players)
        return [
            Estimate(length, path_length(speeds), resample=lambda random: path_length(resampled(speeds, random))),
            Estimate(spread, unevenness(speeds), resample=lambda random: unevenness(resampled(speeds, random))),
        ]

    def speeds(self, evaluator: Evaluator, generated: GeneratedSamples) -> np.ndarray:
        """`squared_speeds` at a random place of each of evaluator.samples paths."""
        players, count = generated.players, evaluator.samples
        size = min(BATCH, count)
        places = np.random.default_rng(evaluator.seed).uniform(size=[count, 1, 1])
        speeds = []
        for here in evaluator.watch(slices(count, size), f"{count:,} paths"):
            rows = np.arange(here.start, here.start + size)  # the last batch is filled up, so that nothing is retraced
            labels = rows % players.num_classes if players.num_classes else None
            one, other = (players.styles(evaluator.seed + first + rows, labels=labels) for first in (0, count))
            ways = places[rows % count].astype(np.float64)
            features = [
                smooth_features(evaluator.network, players.from_styles(one + (other - one) * place))
                for place in (ways, ways + EPSILON)
            ]
            speeds.append(squared_speeds(*features)[: here.stop - here.start])
        return np.concatenate(speeds)
