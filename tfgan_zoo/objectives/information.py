"""InfoGAN's lower bound of the mutual information between codes and images. Chen et al. 2016, arXiv:1606.03657.

The losses are -L_I, L_I = E log Q(c | G(z, c)) + H(c), which D (with Q, whose output it is) and G both minimise.
"""

import math

import tensorflow as tf

from tfgan_zoo.core.game import Term, Turn
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.objectives.auxiliary import class_cross_entropy


def category_information(categories: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """-L_I of one uniform categorical code: CE(c) - log K. Chen et al. 2016, arXiv:1606.03657, eq. 5.

    Args:
        categories: the codes of the fakes, whole numbers from 0 to K - 1 [B].
        logits: Q's, of the fakes [B, K].

    Returns:
        A scalar >= -log K, which it reaches where Q recovers every code; 0 where Q guesses.

    Examples:
        >>> categories = tf.constant([0, 3])
        >>> print(f"{category_information(categories, 100 * tf.one_hot(categories, 4)):.4f}")  # -log 4
        -1.3863
    """
    # -E log Q(c) - H(c), with H(c) = log K of a uniform category
    return class_cross_entropy(categories, logits) - math.log(logits.shape[1])


def code_information(codes: tf.Tensor, mean: tf.Tensor, log_stddev: tf.Tensor | None = None) -> tf.Tensor:
    """-L_I of continuous codes from U(-1, 1), Q a factored Gaussian. Chen et al. 2016, arXiv:1606.03657, eq. 5.

    -log Q(c) = log s + (c - m)^2 / (2 s^2) + log(2 pi) / 2, and H(c) = log 2; the sum over the codes.

    Args:
        codes: of the fakes [B, C], in [-1, 1].
        mean: Q's m, of the fakes [B, C].
        log_stddev: Q's log s [B, C]; None for s = 1.

    Returns:
        A scalar.

    Examples:
        >>> exact = code_information(tf.constant([[0.25]]), tf.constant([[0.25]]))
        >>> off = code_information(tf.constant([[0.25]]), tf.constant([[0.75]]))
        >>> print(f"{exact:.4f} {off - exact:.4f}")  # log(2 pi) / 2 - log 2, 0.5^2 / 2
        0.2258 0.1250
    """
    log_stddev = tf.zeros_like(mean) if log_stddev is None else log_stddev
    scaled = (tf.cast(codes, mean.dtype) - mean) * tf.exp(-log_stddev)
    negative_log = log_stddev + tf.square(scaled) / 2 + math.log(2 * math.pi) / 2 - math.log(2)
    return tf.reduce_mean(tf.reduce_sum(negative_log, axis=1))


class CategoryInformation(Term):
    """D, with Q, and G: -L_I of the categorical codes, the sum over them. Chen et al. 2016, arXiv:1606.03657, eq. 5.

    Args:
        codes: a `priors.Codes` with categories.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_fake={"category_logits": tf.zeros([1, 7])}, fake={"codes": tf.constant([[3.0, 2.0]])})
        >>> print(f"{abs(CategoryInformation(Codes((4, 3))).generator_loss(turn)):.4f}")  # Q guesses both codes
        0.0000
    """

    def __init__(self, codes: Codes) -> None:
        self.codes = codes

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        logits = tf.split(turn.on_fake["category_logits"], list(self.codes.categorical), axis=1)
        codes = turn.fake["codes"]
        return tf.add_n([category_information(codes[:, i], part) for i, part in enumerate(logits)])

    generator_loss = discriminator_loss


class CodeInformation(Term):
    """D, with Q, and G: -L_I of the continuous codes, the sum over them. Chen et al. 2016, arXiv:1606.03657, eq. 5.

    The deviation is s = exp("code_log_stddev") if the discriminator has that output, else 1.

    Args:
        codes: a `priors.Codes` with continuous codes.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_fake={"code_mean": tf.constant([[0.25]])}, fake={"codes": tf.constant([[3.0, 0.25]])})
        >>> print(f"{CodeInformation(Codes((4,), 1)).generator_loss(turn):.4f}")  # log(2 pi) / 2 - log 2
        0.2258
    """

    def __init__(self, codes: Codes) -> None:
        self.codes = codes

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        codes = turn.fake["codes"][:, len(self.codes.categorical) :]
        return code_information(codes, turn.on_fake["code_mean"], turn.on_fake.get("code_log_stddev"))

    generator_loss = discriminator_loss
