"""Penalties on the discriminator's gradient with respect to its images, per example, and on its output.

They suit a discriminator that treats every example alone: under batch normalisation no gradient is one example's own.
"""

import tensorflow as tf

from tfgan_zoo.core.game import Term
from tfgan_zoo.core.replicas import mean_over_replicas


def norm(squared):
    """sqrt with a finite gradient at 0."""
    return tf.sqrt(squared + 1e-12)


def per_example(values, images):
    """values [B] shaped to broadcast with images [B, ...]."""
    return tf.reshape(tf.cast(values, images.dtype), [-1] + [1] * (len(images.shape) - 1))


class GradientPenalty(Term):
    """E (|grad D(x^)| - 1)^2, x^ uniform on the line of each pair of a real and a fake image.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3; the paper weighs it by 10. `one_sided` only punishes norms above 1.
    """

    def __init__(self, one_sided=False):
        self.one_sided = one_sided

    def discriminator_loss(self, turn):
        real = turn.real["images"]
        fake = tf.cast(turn.fake["images"], real.dtype)
        between = real + per_example(turn.draws.uniform("gradient_penalty"), real) * (fake - real)
        excess = turn.gradient_norms(between) - 1
        return tf.reduce_mean(tf.square(tf.nn.relu(excess) if self.one_sided else excess))


def norm_squared(squared, k):
    """E |grad|^2; k has no part in it."""
    return squared


def hinge(squared, k):
    """max(0, |grad|^2 - k)."""
    return tf.nn.relu(squared - k)


def two_sided(squared, k):
    """(|grad| - k)^2."""
    return tf.square(norm(squared) - k)


DRAGAN_FORMS = {form.__name__: form for form in (norm_squared, hinge, two_sided)}


def gaussian_noise(turn, variance=10.0):
    """N(0, c I), c in squared grey levels of 0 to 255, as in the paper; images are in [-1, 1], so a level is 1 / 127.5."""
    images = turn.real["images"]
    noise = turn.draws.normal("dragan", images.shape[1:])
    return tf.cast(noise, images.dtype) * variance**0.5 / 127.5


def scaled_uniform_noise(turn):
    """0.5 std(x) U(0, 1), std over the whole batch, of all replicas, as in the authors' code."""
    images = turn.real["images"]
    noise = turn.draws.uniform("dragan", images.shape[1:])
    mean = mean_over_replicas(tf.reduce_mean(images))
    variance = mean_over_replicas(tf.reduce_mean(tf.square(images - mean)))
    return 0.5 * tf.sqrt(variance) * tf.cast(noise, images.dtype)


class Dragan(Term):
    """A penalty on |grad D(x + d)| in a small neighbourhood of the real images only. Kodali et al. 2017, arXiv:1705.07215.

    Args:
        form: `two_sided` (default), `hinge` or `norm_squared`: functions of the squared norms [B] and k. The paper weighs
            each by 10.
        k: the norm that `two_sided` asks for, or the squared norm that `hinge` allows.
        noise: function of the turn that gives d [B, ...]: `gaussian_noise` (the paper's) or `scaled_uniform_noise`.
    """

    def __init__(self, form=two_sided, k=1.0, noise=gaussian_noise):
        self.form, self.k, self.noise = form, k, noise
        self.needs_whole_batch = noise is scaled_uniform_noise

    def discriminator_loss(self, turn):
        perturbed = turn.real["images"] + self.noise(turn)
        return tf.reduce_mean(self.form(turn.squared_gradient_norms(perturbed), self.k))


class R1(Term):
    """1/2 E |grad D(x)|^2 on real images. Mescheder et al. 2018, arXiv:1801.04406, eq. 9; gamma, often 10, is its weight."""

    gradients_at = frozenset({"real"})

    def discriminator_loss(self, turn):
        return tf.reduce_mean(turn.squared_gradient_norms("real")) / 2


class R2(Term):
    """1/2 E |grad D(G(z))|^2 on generated images. Mescheder et al. 2018, arXiv:1801.04406, eq. 10."""

    gradients_at = frozenset({"fake"})

    def discriminator_loss(self, turn):
        return tf.reduce_mean(turn.squared_gradient_norms("fake")) / 2


class Drift(Term):
    """E D(x)^2 keeps a critic's output near 0. Karras et al. 2017, arXiv:1710.10196, appendix A.1; its weight is 0.001."""

    def discriminator_loss(self, turn):
        return tf.reduce_mean(tf.square(turn.on_real["logits"]))
