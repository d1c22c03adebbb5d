"""What a generator is fed: latents by distribution, labels, and truncation."""

import dataclasses

import tensorflow as tf

from tfgan_zoo.core.draws import position_independent


class Normal:
    """N(0, 1). Truncated at t: the normal distribution given |z| <= t, as resampling gives it (BigGAN, section 3.1)."""

    def latents(self, uniform, truncation):
        """uniform: float32 in (0, 1), any shape; truncation: float32 >= 0 that broadcasts with it, inf for none.

        Drawn by the inverse of the distribution function, so one seed gives the same direction at every truncation.
        """
        bound = tf.maximum(truncation, 0.0)
        mass = position_independent(tf.math.erf, bound / 2**0.5)  # P(|z| <= t)
        latents = 2**0.5 * position_independent(tf.math.erfinv, (2 * uniform - 1) * mass)
        return tf.clip_by_value(latents, -bound, bound)  # which rounding oversteps near t = 5 by a hundredth


class Uniform:
    """U(-1, 1). Truncated at t: U(-t, t)."""

    def latents(self, uniform, truncation):
        """uniform: float32 in (0, 1), any shape; truncation: float32 >= 0 that broadcasts with it, inf for none."""
        return (2 * uniform - 1) * tf.clip_by_value(truncation, 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Codes:
    """InfoGAN's structured codes, one number each: first the categories, as whole numbers, then continuous ones in [-1, 1].

    categorical: the number of categories of each categorical code, drawn uniformly.
    continuous: how many codes are drawn from U(-1, 1).
    """

    categorical: tuple[int, ...] = ()
    continuous: int = 0

    @property
    def size(self):
        """How many numbers a code vector has."""
        return len(self.categorical) + self.continuous

    def sample(self, draws):
        """draws: a `Draws`. Returns float32 [count, size]."""
        uniform = draws.uniform("codes", [self.size])
        choices = tf.constant(self.categorical, tf.float32)
        return tf.concat(
            [tf.floor(uniform[:, : len(self.categorical)] * choices), 2 * uniform[:, len(self.categorical) :] - 1], 1
        )


class Prior:
    """Draws the generator's inputs.

    Args:
        noise_size: length of the latent vector.
        distribution: `Normal()` or `Uniform()`.
        num_classes: labels are drawn uniformly from so many classes; 0 for a generator without labels.
        codes: a `Codes`; None for a generator without them.
    """

    def __init__(self, noise_size, distribution=None, num_classes=0, codes=None):
        self.noise_size = noise_size
        self.distribution = distribution or Normal()
        self.num_classes = num_classes
        self.codes = codes

    def sample(self, draws, truncation=float("inf")):
        """draws: a `Draws`.

        Returns {"noise": float32 [count, noise_size], "labels"?: int32 [count], "codes"?: float32 [count, codes.size]}.
        """
        bound = tf.convert_to_tensor(truncation, tf.float32)
        latents = {"noise": self.distribution.latents(draws.uniform("noise", [self.noise_size]), bound)}
        if self.num_classes:
            latents["labels"] = draws.integers("labels", self.num_classes)
        if self.codes:
            latents["codes"] = self.codes.sample(draws)
        return latents
