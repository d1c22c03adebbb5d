"""Losses of discriminators that are auto-encoders and give an energy E(v) >= 0: the reconstruction error of each image."""

import tensorflow as tf

from tfgan_zoo.core.game import Term
from tfgan_zoo.core.replicas import mean_over_replicas, rows_of_all_replicas

mean = tf.reduce_mean


class EnergyMargin(Term):
    """D: E(x) + [m - E(G(z))]+; G: E(G(z)). Zhao et al. 2016, arXiv:1609.03126, eq. 1 and 2.

    margin: m > 0, in the energy's unit.
    """

    def __init__(self, margin=10.0):
        self.margin = margin

    def discriminator_loss(self, turn):
        return mean(turn.on_real["energy"]) + mean(tf.nn.relu(self.margin - turn.on_fake["energy"]))

    def generator_loss(self, turn):
        return mean(turn.on_fake["energy"])


def pulling_away(embedding):
    """PT = 1 / (N (N - 1)) sum over i != j of cos^2(S_i, S_j). embedding: [N, F], N >= 2. Returns a scalar in [0, 1]."""
    unit = tf.math.l2_normalize(embedding, axis=1, epsilon=1e-12)
    squares = tf.square(tf.matmul(unit, unit, transpose_b=True))
    count = tf.cast(tf.shape(embedding)[0], squares.dtype)
    return (tf.reduce_sum(squares) - tf.reduce_sum(tf.linalg.diag_part(squares))) / (count * (count - 1))


class PullingAway(Term):
    """G: the pulling-away term on the encoder's output. Zhao et al. 2016, arXiv:1609.03126, eq. 4; the paper's weight is 0.1."""

    needs_whole_batch = True

    def generator_loss(self, turn):
        return pulling_away(rows_of_all_replicas(turn.on_fake["embedding"]))


class BoundaryEquilibrium(Term):
    """D: E(x) - k E(G(z)); G: E(G(z)); k <- clip(k + rate (g E(x) - E(G(z))), 0, 1) after each generator update, from 0.

    Berthelot et al. 2017, arXiv:1703.10717, section 3.4. `state` holds k and the measure of convergence
    M = E(x) + |g E(x) - E(G(z))| of the last update.

    Args:
        diversity: g, the ratio E(G(z)) / E(x) that k holds up; 0.3 to 0.7 in the paper, lower is sharper and less varied.
        rate: of k.
    """

    def __init__(self, diversity=0.5, rate=1e-3):
        self.diversity, self.rate = diversity, rate
        self.state = {
            name: tf.Variable(0.0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
            for name in ("k", "convergence")
        }

    def discriminator_loss(self, turn):
        real, fake = mean(turn.on_real["energy"]), mean(turn.on_fake["energy"])
        return real - tf.cast(self.state["k"], fake.dtype) * fake

    def generator_loss(self, turn):
        fake = mean(turn.on_fake["energy"])
        balance = self.diversity * mean(turn.on_real["energy"]) - fake
        self.follow(mean(turn.on_real["energy"]), balance)
        return fake

    def follow(self, real, balance):
        """Moves k and notes M, by the means over all replicas."""
        real, balance = (tf.cast(mean_over_replicas(v), tf.float32) for v in (real, balance))
        k = self.state["k"]
        k.assign(tf.clip_by_value(k + self.rate * balance, 0.0, 1.0))
        self.state["convergence"].assign(real + tf.abs(balance))
