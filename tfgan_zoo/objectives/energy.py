"""Losses of discriminators that are auto-encoders. The energy E(v) >= 0 of an image is its reconstruction error: [B]."""

import tensorflow as tf

from tfgan_zoo.core.game import Term, Turn
from tfgan_zoo.core.replicas import mean_over_replicas, rows_of_all_replicas

mean = tf.reduce_mean


def energy_margin(real: tf.Tensor, fake: tf.Tensor, margin: float = 10.0) -> tf.Tensor:
    """EBGAN's discriminator: E(x) + [m - E(G(z))]+. Zhao et al. 2016, arXiv:1609.03126, eq. 1.

    Args:
        real, fake: energies [B].
        margin: m > 0, in the unit of the energies.

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(energy_margin(tf.constant([1.0, 2.0]), tf.constant([4.0, 12.0])))  # 1.5 + (6 + 0) / 2
        4.5
    """
    return mean(real) + mean(tf.nn.relu(margin - fake))


def energy_generator(fake: tf.Tensor) -> tf.Tensor:
    """EBGAN's and BEGAN's generator: E(G(z)). Zhao et al. 2016, arXiv:1609.03126, eq. 2; Berthelot et al. 2017, arXiv:1703.10717.

    Args:
        fake: energies [B].

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(energy_generator(tf.constant([4.0, 12.0])))
        8.0
    """
    return mean(fake)


def pulling_away(embedding: tf.Tensor) -> tf.Tensor:
    """1 / (N (N - 1)) sum over i != j of cos^2(S_i, S_j). Zhao et al. 2016, arXiv:1609.03126, eq. 4.

    Args:
        embedding: S, the encoder's output of the fakes [N, F], N >= 2.

    Returns:
        A scalar in [0, 1].

    Examples:
        >>> print(f"{pulling_away(tf.constant([[1.0, 0.0], [7.0, 7.0]])):.4f}")  # the squared cosine of 45 degrees
        0.5000
    """
    unit = tf.math.l2_normalize(embedding, axis=1, epsilon=1e-12)
    squares = tf.square(tf.matmul(unit, unit, transpose_b=True))
    count = tf.cast(tf.shape(embedding)[0], squares.dtype)
    return (tf.reduce_sum(squares) - tf.reduce_sum(tf.linalg.diag_part(squares))) / (count * (count - 1))


def boundary_equilibrium(real: tf.Tensor, fake: tf.Tensor, k: float | tf.Tensor) -> tf.Tensor:
    """BEGAN's discriminator: E(x) - k E(G(z)). Berthelot et al. 2017, arXiv:1703.10717, section 3.4.

    Args:
        real, fake: energies [B].
        k: a scalar in [0, 1], from `boundary_equilibrium_update`.

    Returns:
        A scalar.

    Examples:
        >>> float(boundary_equilibrium(tf.constant([1.0, 3.0]), tf.constant([4.0, 4.0]), k=0.25))  # 2 - 0.25 * 4
        1.0
    """
    real, fake = mean(real), mean(fake)
    return real - tf.cast(k, fake.dtype) * fake


def boundary_equilibrium_update(
    k: float | tf.Tensor, real: tf.Tensor, fake: tf.Tensor, diversity: float = 0.5, rate: float = 1e-3
) -> tuple[tf.Tensor, tf.Tensor]:
    """BEGAN's k after an update of the generator, clip(k + rate (g E(x) - E(G(z))), 0, 1), and its measure of convergence,
    E(x) + |g E(x) - E(G(z))|, by the means over all replicas. Berthelot et al. 2017, arXiv:1703.10717, section 3.4.

    Args:
        k: a scalar in [0, 1], 0 at the start.
        real, fake: energies [B].
        diversity: g, the ratio E(G(z)) / E(x) that k maintains.
        rate: of k.

    Returns:
        (k, convergence): float32 scalars.

    Examples:
        >>> k, convergence = boundary_equilibrium_update(0.0, tf.constant([1.0, 3.0]), tf.constant([0.5]), rate=0.5)
        >>> float(k), float(convergence)  # 0.5 (0.5 * 2 - 0.5), 2 + |0.5 * 2 - 0.5|
        (0.25, 2.5)
    """
    real = mean(real)
    balance = diversity * real - mean(fake)
    real, balance = (tf.cast(mean_over_replicas(v), tf.float32) for v in (real, balance))
    return tf.clip_by_value(k + rate * balance, 0.0, 1.0), real + tf.abs(balance)


class EnergyMargin(Term):
    """D: E(x) + [m - E(G(z))]+; G: E(G(z)). Zhao et al. 2016, arXiv:1609.03126, eq. 1 and 2.

    Args:
        margin: m > 0, in the unit of the energies.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"energy": tf.constant([1.5])}, on_fake={"energy": tf.constant([7.0])})
        >>> float(EnergyMargin(10.0).discriminator_loss(turn)), float(EnergyMargin(10.0).generator_loss(turn))
        (4.5, 7.0)
    """

    def __init__(self, margin: float = 10.0) -> None:
        self.margin = margin

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return energy_margin(turn.on_real["energy"], turn.on_fake["energy"], self.margin)

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return energy_generator(turn.on_fake["energy"])


class PullingAway(Term):
    """G: `pulling_away` of the fakes of all replicas. Zhao et al. 2016, arXiv:1609.03126, eq. 4; the paper's weight is 0.1.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_fake={"embedding": tf.constant([[1.0, 0.0], [0.0, 3.0]])})
        >>> float(PullingAway().generator_loss(turn))  # orthogonal
        0.0
    """

    needs_whole_batch = True

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return pulling_away(rows_of_all_replicas(turn.on_fake["embedding"]))


class BoundaryEquilibrium(Term):
    """D: E(x) - k E(G(z)); G: E(G(z)); k <- clip(k + rate (g E(x) - E(G(z))), 0, 1) after each generator update, from 0.

    Berthelot et al. 2017, arXiv:1703.10717, section 3.4. `state` holds k and the measure of convergence
    M = E(x) + |g E(x) - E(G(z))| of the last update.

    Args:
        diversity: g, the ratio E(G(z)) / E(x) that k maintains; 0.3 to 0.7 in the paper, lower is sharper and less varied.
        rate: of k.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"energy": tf.constant([2.0])}, on_fake={"energy": tf.constant([0.5])})
        >>> term = BoundaryEquilibrium(diversity=0.5, rate=0.5)
        >>> float(term.generator_loss(turn)), float(term.state["k"]), float(term.state["convergence"])
        (0.5, 0.25, 2.5)
    """

    def __init__(self, diversity: float = 0.5, rate: float = 1e-3) -> None:
        self.diversity, self.rate = diversity, rate
        self.state = {
            name: tf.Variable(0.0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
            for name in ("k", "convergence")
        }

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return boundary_equilibrium(turn.on_real["energy"], turn.on_fake["energy"], self.state["k"])

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        fake = turn.on_fake["energy"]  # before the reals: layers with a state see the batches in this order
        k, convergence = boundary_equilibrium_update(
            self.state["k"], turn.on_real["energy"], fake, self.diversity, self.rate
        )
        self.state["k"].assign(k)
        self.state["convergence"].assign(convergence)
        return energy_generator(fake)
