"""What a generator is fed: latents by distribution, labels, and truncation."""

import tensorflow as tf


def rounded_alike(function, x):
    """function(x), elementwise, so that a value does not depend on its place: kernels compute what is left over after
    their last whole vector in another way, which may differ in the last bit."""
    padded = tf.pad(tf.reshape(x, [-1]), [[0, -tf.size(x) % 64]])
    return tf.ensure_shape(tf.reshape(function(padded)[: tf.size(x)], tf.shape(x)), x.shape)


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
        noise = draws.uniform("noise", [self.noise_size], of=lambda u: self.distribution.latents(u, bound))
        latents = {"noise": noise}
        if self.num_classes:
            latents["labels"] = draws.integers("labels", self.num_classes)
        return latents
