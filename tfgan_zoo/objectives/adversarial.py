"""Losses on the discriminator's raw logits, as plain functions and as terms.

A function with a loss's own name is the discriminator's, the one ending in `_generator` the generator's. They take logits
`real` = D(x) and `fake` = D(G(z)), [B, 1] each, and return a scalar, the mean over the batch. sp(t) = softplus(t) = log(1 + e^t).
"""

import tensorflow as tf

from tfgan_zoo.core.game import Term, Turn

mean = tf.reduce_mean
sp = tf.math.softplus


def minimax(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """sp(-D(x)) + sp(D(G(z))): cross-entropy of real against fake. Its generator's loss is `non_saturating_generator`, or
    `minimax_generator` for the zero-sum game. Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.

    Args:
        real, fake: logits [B, 1].

    Returns:
        A scalar in (0, inf).

    Examples:
        >>> loss = minimax(tf.zeros([4, 1]), tf.zeros([4, 1]))  # 2 log 2
        >>> print(f"{loss:.4f}")
        1.3863
    """
    return mean(sp(-real)) + mean(sp(fake))


def minimax_generator(fake: tf.Tensor) -> tf.Tensor:
    """-sp(D(G(z))), which saturates where the discriminator rejects the fakes. Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.

    Args:
        fake: logits [B, 1].

    Returns:
        A scalar in (-inf, 0).

    Examples:
        >>> print(f"{minimax_generator(tf.zeros([4, 1])):.4f}")  # -log 2
        -0.6931
    """
    return -mean(sp(fake))


def non_saturating_generator(fake: tf.Tensor) -> tf.Tensor:
    """sp(-D(G(z))). Goodfellow et al. 2014, arXiv:1406.2661, end of section 3.

    Args:
        fake: logits [B, 1].

    Returns:
        A scalar in (0, inf).

    Examples:
        >>> print(f"{non_saturating_generator(tf.zeros([4, 1])):.4f}")  # log 2
        0.6931
    """
    return mean(sp(-fake))


def hinge(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """[1 - D(x)]+ + [1 + D(G(z))]+. Miyato et al. 2018, arXiv:1802.05957, eq. 16.

    Args:
        real, fake: logits [B, 1].

    Returns:
        A scalar >= 0; 0 where every logit is on its side of the margin of 1.

    Examples:
        >>> float(hinge(tf.constant([[2.0], [0.0]]), tf.constant([[-2.0], [1.0]])))  # (0 + 1) / 2 + (0 + 2) / 2
        1.5
    """
    return mean(tf.nn.relu(1 - real)) + mean(tf.nn.relu(1 + fake))


def hinge_generator(fake: tf.Tensor) -> tf.Tensor:
    """-D(G(z)). Miyato et al. 2018, arXiv:1802.05957, eq. 17.

    Args:
        fake: logits [B, 1].

    Returns:
        A scalar.

    Examples:
        >>> float(hinge_generator(tf.constant([[-2.0], [1.0]])))
        0.5
    """
    return -mean(fake)


def least_squares(real: tf.Tensor, fake: tf.Tensor, a: float = 0.0, b: float = 1.0) -> tf.Tensor:
    """(D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2. Mao et al. 2016, arXiv:1611.04076, eq. 2.

    Args:
        real, fake: logits [B, 1].
        a, b: the discriminator's targets for fakes and for reals.

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(least_squares(tf.constant([[3.0]]), tf.constant([[1.0]])))  # 2^2 / 2 + 1^2 / 2
        2.5
    """
    return mean(tf.square(real - b)) / 2 + mean(tf.square(fake - a)) / 2


def least_squares_generator(fake: tf.Tensor, c: float = 1.0) -> tf.Tensor:
    """(D(G(z)) - c)^2 / 2. Mao et al. 2016, arXiv:1611.04076, eq. 2.

    Args:
        fake: logits [B, 1].
        c: the generator's target for fakes.

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(least_squares_generator(tf.constant([[3.0]])))  # 2^2 / 2
        2.0
    """
    return mean(tf.square(fake - c)) / 2


def wasserstein(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """D(G(z)) - D(x), for a Lipschitz critic. Arjovsky et al. 2017, arXiv:1701.07875, eq. 2.

    Args:
        real, fake: the critic's outputs [B, 1].

    Returns:
        A scalar, minus the estimate of the earth mover's distance.

    Examples:
        >>> float(wasserstein(tf.constant([[2.0], [5.0]]), tf.constant([[1.0], [-3.0]])))  # -1 - 3.5
        -4.5
    """
    return mean(fake) - mean(real)


def wasserstein_generator(fake: tf.Tensor) -> tf.Tensor:
    """-D(G(z)). Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1.

    Args:
        fake: the critic's outputs [B, 1].

    Returns:
        A scalar.

    Examples:
        >>> float(wasserstein_generator(tf.constant([[1.0], [-3.0]])))
        1.0
    """
    return -mean(fake)


def relativistic_pairing(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """sp(-(D(x) - D(G(z)))) of each pair of a real and a fake: how much more real the real one is.

    Jolicoeur-Martineau 2018, arXiv:1807.00734 (RSGAN); Huang et al. 2024, arXiv:2501.05441 (R3GAN).

    Args:
        real, fake: logits [B, 1]; the i-th real is paired with the i-th fake.

    Returns:
        A scalar in (0, inf).

    Examples:
        >>> print(f"{relativistic_pairing(tf.constant([[7.0]]), tf.constant([[7.0]])):.4f}")  # log 2: no difference
        0.6931
    """
    return mean(sp(-(real - fake)))


def relativistic_pairing_generator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """sp(-(D(G(z)) - D(x))) of each pair. Sources as for `relativistic_pairing`, whose arguments it takes.

    Args:
        real, fake: logits [B, 1].

    Returns:
        A scalar in (0, inf).

    Examples:
        >>> real, fake = tf.constant([[100.0]]), tf.constant([[-100.0]])
        >>> float(relativistic_pairing_generator(real, fake))  # sp(200)
        200.0
    """
    return mean(sp(-(fake - real)))


class NonSaturating(Term):
    """D: sp(-D(x)) + sp(D(G(z))); G: sp(-D(G(z))). Goodfellow et al. 2014, arXiv:1406.2661, end of section 3.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"logits": tf.zeros([2, 1])}, on_fake={"logits": tf.zeros([2, 1])})
        >>> print(f"{NonSaturating().discriminator_loss(turn):.4f}")  # 2 log 2
        1.3863
    """

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return minimax(turn.on_real["logits"], turn.on_fake["logits"])

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return non_saturating_generator(turn.on_fake["logits"])


class Minimax(NonSaturating):
    """D: sp(-D(x)) + sp(D(G(z))); G: -sp(D(G(z))), which saturates. Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_fake={"logits": tf.zeros([2, 1])})
        >>> print(f"{Minimax().generator_loss(turn):.4f}")  # -log 2
        -0.6931
    """

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return minimax_generator(turn.on_fake["logits"])


class Hinge(Term):
    """D: [1 - D(x)]+ + [1 + D(G(z))]+; G: -D(G(z)). Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"logits": tf.constant([[0.5]])}, on_fake={"logits": tf.constant([[1.0]])})
        >>> float(Hinge().discriminator_loss(turn)), float(Hinge().generator_loss(turn))
        (2.5, -1.0)
    """

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return hinge(turn.on_real["logits"], turn.on_fake["logits"])

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return hinge_generator(turn.on_fake["logits"])


class LeastSquares(Term):
    """D: (D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2; G: (D(G(z)) - c)^2 / 2. Mao et al. 2016, arXiv:1611.04076, eq. 2.

    Args:
        a, b, c: D's target for fakes, D's for reals, G's for fakes. (0, 1, 1) is the paper's default; (-1, 1, 0) minimises
            the Pearson chi-squared divergence.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"logits": tf.constant([[3.0]])}, on_fake={"logits": tf.constant([[1.0]])})
        >>> float(LeastSquares(-1.0, 1.0, 0.0).discriminator_loss(turn))  # 2^2 / 2 + 2^2 / 2
        4.0
    """

    def __init__(self, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        self.a, self.b, self.c = a, b, c

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return least_squares(turn.on_real["logits"], turn.on_fake["logits"], self.a, self.b)

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return least_squares_generator(turn.on_fake["logits"], self.c)


class Wasserstein(Term):
    """D: D(G(z)) - D(x); G: -D(G(z)), for a Lipschitz D. Arjovsky et al. 2017, arXiv:1701.07875, eq. 2.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"logits": tf.constant([[3.5]])}, on_fake={"logits": tf.constant([[-1.0]])})
        >>> float(Wasserstein().discriminator_loss(turn)), float(Wasserstein().generator_loss(turn))
        (-4.5, 1.0)
    """

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        fake = turn.on_fake[
            "logits"
        ]  # first: layers with a state see the batches in this order, so old runs resume bit for bit
        return wasserstein(turn.on_real["logits"], fake)

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return wasserstein_generator(turn.on_fake["logits"])


class RelativisticPairing(Term):
    """D: sp(-(D(x) - D(G(z)))); G: sp(-(D(G(z)) - D(x))), of pairs of a real and a fake.

    Jolicoeur-Martineau 2018, arXiv:1807.00734; R3GAN adds R1 and R2, arXiv:2501.05441.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"logits": tf.constant([[90.0]])}, on_fake={"logits": tf.constant([[-10.0]])})
        >>> float(RelativisticPairing().discriminator_loss(turn)), float(RelativisticPairing().generator_loss(turn))
        (0.0, 100.0)
    """

    pairs = True

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return relativistic_pairing(turn.on_real["logits"], turn.on_fake["logits"])

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return relativistic_pairing_generator(turn.on_real["logits"], turn.on_fake["logits"])
