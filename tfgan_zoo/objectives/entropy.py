"""CatGAN's objective: entropies of class probabilities. Springenberg 2015, arXiv:1511.06390, eq. 7 and 8.

There is no fake class. H[.] is the Shannon entropy in nats; marginals are means over the global batch.
"""

import tensorflow as tf

from tfgan_zoo.core.game import Term
from tfgan_zoo.core.replicas import mean_over_replicas


def entropies(logits):
    """(H of the mean of p, mean of H[p]) for p = softmax(logits [B, K]): two scalars in [0, log K]."""
    log_p = tf.nn.log_softmax(logits)
    p = tf.exp(log_p)
    marginal = mean_over_replicas(tf.reduce_mean(p, axis=0))
    of_marginal = -tf.reduce_sum(marginal * tf.math.log(marginal + 1e-30))
    return of_marginal, -tf.reduce_mean(tf.reduce_sum(p * log_p, axis=1))


class CategoricalEntropy(Term):
    """D: -H[mean p(y|x)] + mean H[p(y|x)] - mean H[p(y|G(z))]; G: -H[mean p(y|G(z))] + mean H[p(y|G(z))].

    D is sure of each real and uses all categories alike, and is unsure of the fakes; G makes it sure of them. Both want
    the marginal spread: some texts have the wrong sign there.
    """

    needs_whole_batch = True

    def discriminator_loss(self, turn):
        marginal, conditional = entropies(turn.on_real["class_logits"])
        return -marginal + conditional - entropies(turn.on_fake["class_logits"])[1]

    def generator_loss(self, turn):
        marginal, conditional = entropies(turn.on_fake["class_logits"])
        return -marginal + conditional
