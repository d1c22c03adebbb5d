"""CatGAN's objective: entropies of class probabilities, without a fake class. Springenberg 2015, arXiv:1511.06390, eq. 7 and 8.

H[.] is the Shannon entropy in nats; marginals are means over the global batch.
"""

import tensorflow as tf

from tfgan_zoo.core.game import Term, Turn
from tfgan_zoo.core.replicas import mean_over_replicas


def entropies(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(H of the mean of p, mean of H[p]) for p = softmax(logits [B, K]): two scalars in [0, log K]."""
    log_p = tf.nn.log_softmax(logits)
    p = tf.exp(log_p)
    marginal = mean_over_replicas(tf.reduce_mean(p, axis=0))
    of_marginal = -tf.reduce_sum(marginal * tf.math.log(marginal + 1e-30))
    return of_marginal, -tf.reduce_mean(tf.reduce_sum(p * log_p, axis=1))


def categorical_entropy(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """CatGAN's discriminator: -H[mean p(y|x)] + mean H[p(y|x)] - mean H[p(y|G(z))]. Springenberg 2015, arXiv:1511.06390, eq. 7
    and 8.

    Args:
        real, fake: logits [B, K].

    Returns:
        A scalar in [-2 log K, log K].

    Examples:
        >>> sure, unsure = 100 * tf.eye(2), tf.zeros([2, 2])
        >>> print(f"{categorical_entropy(sure, unsure):.4f}")  # -log 2 + 0 - log 2
        -1.3863
    """
    marginal, conditional = entropies(real)
    return -marginal + conditional - entropies(fake)[1]


def categorical_entropy_generator(fake: tf.Tensor) -> tf.Tensor:
    """CatGAN's generator: -H[mean p(y|G(z))] + mean H[p(y|G(z))]. Springenberg 2015, arXiv:1511.06390, eq. 7 and 8.

    Args:
        fake: logits [B, K].

    Returns:
        A scalar in [-log K, 0].

    Examples:
        >>> print(f"{categorical_entropy_generator(100 * tf.eye(2)):.4f}")  # sure of each, and each category once: -log 2
        -0.6931
    """
    marginal, conditional = entropies(fake)
    return -marginal + conditional


class CategoricalEntropy(Term):
    """D: -H[mean p(y|x)] + mean H[p(y|x)] - mean H[p(y|G(z))]; G: -H[mean p(y|G(z))] + mean H[p(y|G(z))].

    D is sure of each real, spreads the reals evenly over the categories, and is unsure of the fakes; G makes D sure of the
    fakes. Both maximise the entropy of the marginal; some texts have the wrong sign there.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_fake={"class_logits": tf.constant([[100.0, 0.0], [100.0, 0.0]])})
        >>> print(f"{CategoricalEntropy().generator_loss(turn):.4f}")  # all fakes in one category; at best it is -log 2
        0.0000
    """

    needs_whole_batch = True

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return categorical_entropy(turn.on_real["class_logits"], turn.on_fake["class_logits"])

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return categorical_entropy_generator(turn.on_fake["class_logits"])
