"""The latents that a generator's prior makes plausible, known by drawing them: their shell, and bounds for each number.

An export says how its latents are drawn by its signature `latents` alone, so nothing is assumed of their distribution. A few
hundred draws show two things that hold for N(0, 1), U(-1, 1) and points on a sphere alike, once there are more than a few
dimensions:

    the shell   |z| hardly varies: for 64 numbers from N(0, 1) it is 7.97 +- 0.70, and 4.61 +- 0.26 from U(-1, 1)
    the bounds  no number lies outside what the draws span: -1 and 1 for U(-1, 1), about -3 and 3 for N(0, 1)

A latent inside the bounds whose norm lies within `FREE` standard deviations of the mean norm, as 95 % of the draws do, counts
as plausible.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model.signature_calls import Arrays, Sampler

DRAWS = 512  # that the shell and the bounds are taken from
FREE = 2.0  # standard deviations of the norm that are as good as none
THINNEST = 0.01  # of the mean norm: the spread of a shell whose draws all have one norm


class LatentSpace:
    """What a generator's latents look like.

    Only latents that the prior marks as interpolated can move; others, such as a truncation psi, stay as they are drawn.

    Attributes:
        generator: the `Sampler`.
        moving: names of the latents that can move.
        draws: {latent: float32 [N, ...]}; draw i is that of seed `first_seed` + i.
        lowest, highest: {latent: float32 [...]}, of the draws.
        norm, spread: {latent: mean and standard deviation of the draws' norm}.

    Args:
        generator: a `Sampler` of images.
        first_seed: of the draws.
        count: of the draws.

    Raises:
        ZooError: the generator makes points, not images, or none of its latents can move.
    """

    def __init__(self, generator: Sampler, first_seed: int = 0, count: int = DRAWS) -> None:
        if generator.points:
            raise ZooError("this generator makes points in the plane, not images; choose a model of images.")
        self.generator, self.first_seed = generator, first_seed
        self.moving = [item.name for item in generator.latent_items if item.interpolated]
        if not self.moving:
            names = ", ".join(item.name for item in generator.latent_items)
            raise ZooError(
                f"none of this generator's latents ({names}) is interpolated, so there is nothing to optimise."
            )
        self.draws = generator.latent_inputs(np.arange(first_seed, first_seed + count))
        moved = {name: self.draws[name] for name in self.moving}
        self.lowest = {name: values.min(0) for name, values in moved.items()}
        self.highest = {name: values.max(0) for name, values in moved.items()}
        norms = {name: norms_of(values) for name, values in moved.items()}
        self.norm = {name: float(values.mean()) for name, values in norms.items()}
        self.spread = {name: max(float(norms[name].std()), THINNEST * self.norm[name]) for name in self.moving}

    def implausibility(self, latents: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """float32 [B]: the squared number of standard deviations by which norms are further than `FREE` from the mean norm.

        latents: {name: float32 [B, ...]} of those that can move.
        """
        total = tf.constant(0.0)
        for name in self.moving:
            flat = tf.reshape(latents[name], [tf.shape(latents[name])[0], -1])
            norms = tf.sqrt(tf.reduce_sum(flat**2, 1) + 1e-12)
            deviations = tf.abs(norms - self.norm[name]) / self.spread[name]
            total += tf.nn.relu(deviations - FREE) ** 2
        return total

    def nearest(self, latents: Mapping[str, np.ndarray]) -> Arrays:
        """The latents, those that can move scaled to the edge of the shell if they lie outside it, then cut at the bounds.

        latents: {name: float32 [B, ...]}.
        """
        result = {name: np.asarray(values, np.float32) for name, values in latents.items()}
        for name in self.moving:
            norms = norms_of(result[name])
            width = FREE * self.spread[name]
            wanted = np.clip(norms, max(0.0, self.norm[name] - width), self.norm[name] + width)
            factors = (wanted / np.maximum(norms, 1e-12)).reshape(-1, *[1] * (result[name].ndim - 1))
            result[name] = np.clip(result[name] * factors, self.lowest[name], self.highest[name]).astype(np.float32)
        return result


def norms_of(values: np.ndarray) -> np.ndarray:
    """float [N, ...] -> its rows' Euclidean norms [N]."""
    return np.linalg.norm(np.reshape(values, [len(values), -1]), axis=1)
