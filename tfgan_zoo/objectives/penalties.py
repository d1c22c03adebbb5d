"""Penalties on the discriminator's gradient with respect to its images, as functions of |grad_x D(x)|^2 [B], and on its output.

They suit a discriminator that treats examples independently: under batch normalisation or minibatch statistics a logit depends
on the other images of the batch as well, so the gradient at an image is not that of its own logit alone.
"""

from collections.abc import Callable

import tensorflow as tf

from tfgan_zoo.core.draws import Draws
from tfgan_zoo.core.game import Term, Turn, squared_norms
from tfgan_zoo.core.replicas import mean_over_replicas


def squared_gradient_norms(function: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor) -> tf.Tensor:
    """|grad_x D(x)|^2 of each example, differentiable with respect to the weights of D.

    Args:
        function: D, of images [B, ...] to logits [B, 1]: a Keras model, or a function that calls one.
        images: [B, ...].

    Returns:
        [B], >= 0.

    Examples:
        >>> def critic(x):
        ...     return 3 * x[:, :1] + 4 * x[:, 1:]
        >>> squared_gradient_norms(critic, tf.zeros([2, 2])).numpy().tolist()  # 3^2 + 4^2
        [25.0, 25.0]
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        total = tf.reduce_sum(function(images))
    return squared_norms(tape.gradient(total, images))


def per_example(values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """values [B] shaped to broadcast with images [B, ...]."""
    return tf.reshape(tf.cast(values, images.dtype), [-1] + [1] * (len(images.shape) - 1))


def points_between(real: tf.Tensor, fake: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """x + t (G(z) - x) of each pair: where WGAN-GP takes the gradient. Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1.

    Args:
        real, fake: images [B, ...].
        share: t [B], uniform in (0, 1): 0 is the real image, 1 the fake.

    Returns:
        [B, ...].

    Examples:
        >>> points_between(tf.zeros([2, 2]), tf.ones([2, 2]), tf.constant([0.25, 1.0])).numpy().tolist()
        [[0.25, 0.25], [1.0, 1.0]]
    """
    return real + per_example(share, real) * (fake - real)


def norm(squared: tf.Tensor) -> tf.Tensor:
    """sqrt with a finite gradient at 0."""
    return tf.sqrt(squared + 1e-12)


def two_sided_penalty(squared: tf.Tensor, k: float = 1.0) -> tf.Tensor:
    """E (|grad| - k)^2: WGAN-GP's, arXiv:1704.00028, eq. 3, and DRAGAN's, arXiv:1705.07215.

    Args:
        squared: squared gradient norms [B].
        k: the norm that costs nothing.

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(two_sided_penalty(tf.constant([25.0, 4.0])))  # (4^2 + 1^2) / 2
        8.5
    """
    return tf.reduce_mean(tf.square(norm(squared) - k))


def one_sided_penalty(squared: tf.Tensor, k: float = 1.0) -> tf.Tensor:
    """E [|grad| - k]+^2. Gulrajani et al. 2017, arXiv:1704.00028, section 4.

    Args:
        squared: squared gradient norms [B].
        k: the largest norm that costs nothing.

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(one_sided_penalty(tf.constant([25.0, 0.0])))  # (4^2 + 0) / 2
        8.0
    """
    return tf.reduce_mean(tf.square(tf.nn.relu(norm(squared) - k)))


def hinge_penalty(squared: tf.Tensor, k: float = 1.0) -> tf.Tensor:
    """E [|grad|^2 - k]+: a form of DRAGAN's. Kodali et al. 2017, arXiv:1705.07215.

    Args:
        squared: squared gradient norms [B].
        k: the largest squared norm that costs nothing.

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(hinge_penalty(tf.constant([25.0, 0.5])))  # (24 + 0) / 2
        12.0
    """
    return tf.reduce_mean(tf.nn.relu(squared - k))


def squared_norm_penalty(squared: tf.Tensor) -> tf.Tensor:
    """E |grad|^2: a form of DRAGAN's, and twice R1 (at real images) or R2 (at fakes) without its weight gamma.

    Kodali et al. 2017, arXiv:1705.07215; Mescheder et al. 2018, arXiv:1801.04406, eq. 9 and 10.

    Args:
        squared: squared gradient norms [B].

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(squared_norm_penalty(tf.constant([25.0, 1.0])))
        13.0
    """
    return tf.reduce_mean(squared)


def drift(real: tf.Tensor) -> tf.Tensor:
    """E D(x)^2. Karras et al. 2017, arXiv:1710.10196, appendix A.1.

    Args:
        real: logits [B, 1].

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(drift(tf.constant([[1.0], [-3.0]])))
        5.0
    """
    return tf.reduce_mean(tf.square(real))


def draws_of(turn: Turn) -> Draws:
    """The random numbers of a turn.

    Raises:
        ValueError: it has none.
    """
    if turn.draws is None:
        raise ValueError("draws=None: this term needs random numbers; give the Turn a Draws.")
    return turn.draws


class GradientPenalty(Term):
    """E (|grad D(x^)| - 1)^2, x^ uniform on the line of each pair of a real and a fake image.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3; the paper weighs it by 10.

    Args:
        one_sided: penalise only norms above 1.

    Examples:
        >>> import keras
        >>> points = keras.Input([2], name="images")
        >>> critic = keras.Model({"images": points}, {"logits": 3 * points[:, :1] + 4 * points[:, 1:]})
        >>> turn = Turn(critic, {"images": tf.zeros([2, 2])}, {"images": tf.ones([2, 2])}, Draws(tf.constant([0, 0]), 2))
        >>> float(GradientPenalty().discriminator_loss(turn))  # (5 - 1)^2
        16.0
    """

    def __init__(self, one_sided: bool = False) -> None:
        self.one_sided = one_sided

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        real = turn.real["images"]
        fake = tf.cast(turn.fake["images"], real.dtype)
        between = points_between(real, fake, draws_of(turn).uniform("gradient_penalty"))
        squared = turn.squared_gradient_norms(between)
        return one_sided_penalty(squared) if self.one_sided else two_sided_penalty(squared)


DRAGAN_FORMS: dict[str, Callable[[tf.Tensor, float], tf.Tensor]] = {
    "norm_squared": lambda squared, k: squared_norm_penalty(squared),  # k has no part in it
    "hinge": hinge_penalty,
    "two_sided": two_sided_penalty,
}


def gaussian_noise(turn: Turn, variance: float = 10.0) -> tf.Tensor:
    """N(0, c I) of the shape of the reals. Kodali et al. 2017, arXiv:1705.07215.

    Args:
        turn: with images in [-1, 1], so a grey level is 1 / 127.5.
        variance: c, in squared grey levels of 0 to 255, as in the paper.

    Returns:
        [B, ...].
    """
    images = turn.real["images"]
    noise = draws_of(turn).normal("dragan", images.shape[1:])
    return tf.cast(noise, images.dtype) * variance**0.5 / 127.5


def scaled_uniform_noise(turn: Turn) -> tf.Tensor:
    """0.5 std(x) U(0, 1), std over the whole batch, of all replicas, as in the authors' code.

    Args:
        turn: with images [B, ...].

    Returns:
        [B, ...].
    """
    images = turn.real["images"]
    noise = draws_of(turn).uniform("dragan", images.shape[1:])
    mean = mean_over_replicas(tf.reduce_mean(images))
    variance = mean_over_replicas(tf.reduce_mean(tf.square(images - mean)))
    return 0.5 * tf.sqrt(variance) * tf.cast(noise, images.dtype)


class Dragan(Term):
    """A penalty on |grad D(x + d)| in a small neighbourhood of the real images only. Kodali et al. 2017, arXiv:1705.07215.

    Args:
        form: function of the squared norms [B] and k that returns a scalar: `two_sided_penalty`, `hinge_penalty`, or any of
            `DRAGAN_FORMS`. The paper weighs each by 10.
        k: the norm that `two_sided_penalty` asks for, or the squared norm that `hinge_penalty` allows.
        noise: function of the turn that gives d [B, ...]: `gaussian_noise` (the paper's) or `scaled_uniform_noise`.

    Examples:
        >>> import keras
        >>> points = keras.Input([2], name="images")
        >>> critic = keras.Model({"images": points}, {"logits": 3 * points[:, :1] + 4 * points[:, 1:]})
        >>> turn = Turn(critic, {"images": tf.zeros([2, 2])}, {}, Draws(tf.constant([0, 0]), 2))
        >>> float(Dragan(k=2.0).discriminator_loss(turn))  # (5 - 2)^2
        9.0
    """

    def __init__(
        self,
        form: Callable[[tf.Tensor, float], tf.Tensor] = two_sided_penalty,
        k: float = 1.0,
        noise: Callable[[Turn], tf.Tensor] = gaussian_noise,
    ) -> None:
        self.form, self.k, self.noise = form, k, noise
        self.needs_whole_batch = noise is scaled_uniform_noise

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        perturbed = turn.real["images"] + self.noise(turn)
        return self.form(turn.squared_gradient_norms(perturbed), self.k)


class R1(Term):
    """1/2 E |grad D(x)|^2 on real images. Mescheder et al. 2018, arXiv:1801.04406, eq. 9; gamma, often 10, is its weight.

    Examples:
        >>> import keras
        >>> points = keras.Input([2], name="images")
        >>> critic = keras.Model({"images": points}, {"logits": 3 * points[:, :1] + 4 * points[:, 1:]})
        >>> turn = Turn(critic, {"images": tf.zeros([2, 2])}, {}, draws=None)
        >>> float(R1().discriminator_loss(turn))  # 5^2 / 2
        12.5
    """

    gradients_at = frozenset({"real"})

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return squared_norm_penalty(turn.squared_gradient_norms("real")) / 2


class R2(Term):
    """1/2 E |grad D(G(z))|^2 on generated images. Mescheder et al. 2018, arXiv:1801.04406, eq. 10.

    Examples:
        >>> import keras
        >>> points = keras.Input([2], name="images")
        >>> critic = keras.Model({"images": points}, {"logits": points[:, :1] * points[:, 1:]})  # its gradient is (x2, x1)
        >>> turn = Turn(critic, {}, {"images": tf.constant([[1.0, 2.0]])}, draws=None)
        >>> float(R2().discriminator_loss(turn))  # (2^2 + 1^2) / 2
        2.5
    """

    gradients_at = frozenset({"fake"})

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return squared_norm_penalty(turn.squared_gradient_norms("fake")) / 2


class Drift(Term):
    """E D(x)^2 keeps a critic's output near 0. Karras et al. 2017, arXiv:1710.10196, appendix A.1; its weight is 0.001.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> float(Drift().discriminator_loss(SimpleNamespace(on_real={"logits": tf.constant([[1.0], [-3.0]])})))
        5.0
    """

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return drift(turn.on_real["logits"])
