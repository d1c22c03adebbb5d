"""Two-player losses on the discriminator's raw logits. sp(t) = softplus(t) = log(1 + e^t).

Each returns the mean over the batch: `logits` [B, 1] in, a scalar out.
"""

import tensorflow as tf

from tfgan_zoo.core.game import Term

mean = tf.reduce_mean
sp = tf.math.softplus


class NonSaturating(Term):
    """D: sp(-D(x)) + sp(D(G(z))); G: sp(-D(G(z))). Goodfellow et al. 2014, arXiv:1406.2661, end of section 3."""

    def discriminator_loss(self, turn):
        return mean(sp(-turn.on_real["logits"])) + mean(sp(turn.on_fake["logits"]))

    def generator_loss(self, turn):
        return mean(sp(-turn.on_fake["logits"]))


class Minimax(NonSaturating):
    """D: sp(-D(x)) + sp(D(G(z))); G: -sp(D(G(z))), which saturates. Goodfellow et al. 2014, arXiv:1406.2661, eq. 1."""

    def generator_loss(self, turn):
        return -mean(sp(turn.on_fake["logits"]))


class Hinge(Term):
    """D: [1 - D(x)]+ + [1 + D(G(z))]+; G: -D(G(z)). Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17."""

    def discriminator_loss(self, turn):
        return mean(tf.nn.relu(1 - turn.on_real["logits"])) + mean(tf.nn.relu(1 + turn.on_fake["logits"]))

    def generator_loss(self, turn):
        return -mean(turn.on_fake["logits"])


class LeastSquares(Term):
    """D: (D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2; G: (D(G(z)) - c)^2 / 2. Mao et al. 2016, arXiv:1611.04076, eq. 2.

    (a, b, c) = (0, 1, 1) is the paper's default; (-1, 1, 0) minimises the Pearson chi-squared divergence.
    """

    def __init__(self, a=0.0, b=1.0, c=1.0):
        self.a, self.b, self.c = a, b, c

    def discriminator_loss(self, turn):
        real, fake = turn.on_real["logits"], turn.on_fake["logits"]
        return mean(tf.square(real - self.b)) / 2 + mean(tf.square(fake - self.a)) / 2

    def generator_loss(self, turn):
        return mean(tf.square(turn.on_fake["logits"] - self.c)) / 2


class Wasserstein(Term):
    """D: D(G(z)) - D(x); G: -D(G(z)), for a D held Lipschitz. Arjovsky et al. 2017, arXiv:1701.07875, eq. 2."""

    def discriminator_loss(self, turn):
        return mean(turn.on_fake["logits"]) - mean(turn.on_real["logits"])

    def generator_loss(self, turn):
        return -mean(turn.on_fake["logits"])
