"""What a generator is fed: latents by distribution, labels, and truncation."""

import tensorflow as tf

from tfgan_zoo.draws import rounded_alike


class Normal:
    """N(0, 1). Truncated at t: the normal distribution given |z| <= t, as resampling gives it (BigGAN, section 3.1)."""

    def latents(self, uniform, truncation):
        """uniform: float32 in (0, 1), any shape; truncation: float32 >= 0 that broadcasts with it, inf for none.

        Drawn by the inverse of the distribution function, so one seed gives the same direction at every truncation.
        """
        bound = tf.maximum(truncation, 0.0)
        mass = rounded_alike(tf.math.erf, bound / 2**0.5)  # P(|z| <= t)
        latents = 2**0.5 * rounded_alike(tf.math.erfinv, (2 * uniform - 1) * mass)
        return tf.clip_by_value(latents, -bound, bound)  # which rounding oversteps near t = 5 by a hundredth


class Uniform:
    """U(-1, 1). Truncated at t: U(-t, t)."""

    def latents(self, uniform, truncation):
        """uniform: float32 in (0, 1), any shape; truncation: float32 >= 0 that broadcasts with it, inf for none."""
        return (2 * uniform - 1) * tf.clip_by_value(truncation, 0.0, 1.0)


class Prior:
    """Draws the generator's inputs.

    Args:
        noise_size: length of the latent vector.
        distribution: `Normal()` or `Uniform()`.
        num_classes: labels are drawn uniformly from so many classes; 0 for a generator without labels.
    """

    def __init__(self, noise_size, distribution=None, num_classes=0):
        self.noise_size = noise_size
        self.distribution = distribution or Normal()
        self.num_classes = num_classes

    def sample(self, draws, truncation=float("inf")):
        """draws: a `Draws`. Returns {"noise": float32 [count, noise_size], "labels"?: int32 [count]}."""
        bound = tf.convert_to_tensor(truncation, tf.float32)
        latents = {"noise": self.distribution.latents(draws.uniform("noise", [self.noise_size]), bound)}
        if self.num_classes:
            latents["labels"] = draws.integers("labels", self.num_classes)
        return latents
