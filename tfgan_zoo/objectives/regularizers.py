"""Terms that any model can have: on the weights of the player whose turn it is, and on the discriminator's logits."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from tfgan_zoo.core.draws import Draws
from tfgan_zoo.core.game import Term, Turn
from tfgan_zoo.core.replicas import mean_over_replicas
from tfgan_zoo.objectives.penalties import draws_of


class HistoricalAveraging(Term):
    """Each player: |w - mean of w over its updates so far|^2. Salimans et al. 2016, arXiv:1606.03498, section 3.3.

    `state` holds the means and the number of updates; the mean of the first update is the weights themselves.

    Args:
        generator, discriminator: the Keras models.

    Examples:
        >>> generator, discriminator = (
        ...     keras.Sequential([keras.Input([1]), keras.layers.Dense(1, kernel_initializer="ones")]) for _ in range(2)
        ... )
        >>> term, (kernel, bias) = HistoricalAveraging(generator, discriminator), generator.trainable_variables
        >>> float(term.generator_loss(None))  # kernel 1, bias 0, as is their mean
        0.0
        >>> _ = kernel.assign([[3.0]])
        >>> float(term.generator_loss(None))  # (3 - 2)^2
        1.0
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model) -> None:
        self.players = {"generator": generator, "discriminator": discriminator}
        state = {}
        for player, network in self.players.items():
            state[f"{player}/updates"] = state_variable(tf.zeros([], tf.float32))
            for weight in network.trainable_variables:
                state[f"{player}/{weight.path}"] = state_variable(tf.convert_to_tensor(weight.value))
        self.state: Mapping[str, tf.Variable] = state

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return self.distance("discriminator")

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return self.distance("generator")

    def distance(self, player: str) -> tf.Tensor:
        """Counts an update of "generator" or "discriminator", and returns the squared distance to the mean: a scalar."""
        updates = self.state[f"{player}/updates"]
        updates.assign_add(1.0)
        distances = []
        for weight in self.players[player].trainable_variables:
            mean, current = self.state[f"{player}/{weight.path}"], tf.convert_to_tensor(weight.value)
            mean.assign_add((tf.stop_gradient(current) - mean) / tf.cast(updates, mean.dtype))
            distances.append(tf.reduce_sum(tf.square(current - tf.stop_gradient(tf.identity(mean)))))
        return tf.add_n(distances)


def le_cam(real: tf.Tensor, fake: tf.Tensor, real_mean: float | tf.Tensor, fake_mean: float | tf.Tensor) -> tf.Tensor:
    """E ([D(x) - a_fake]+)^2 + E ([a_real - D(G(z))]+)^2.

    Tseng et al. 2021, arXiv:2104.03310, eq. 5; rectified, as in the authors' code, where the paper's squares are of both signs.

    Args:
        real, fake: the discriminator's outputs, any shape.
        real_mean, fake_mean: a_real and a_fake, what these were on average lately.

    Returns:
        A scalar.

    Examples:
        >>> float(le_cam(tf.constant([2.0, -1.0]), tf.constant([-1.0]), real_mean=1.0, fake_mean=0.0))  # (4 + 0) / 2 + 2^2
        6.0
    """
    beyond, below = tf.nn.relu(real - fake_mean), tf.nn.relu(real_mean - fake)
    return tf.reduce_mean(tf.square(beyond)) + tf.reduce_mean(tf.square(below))


class LeCam(Term):
    """D: `le_cam`, around running means of its logits, which keeps it from growing certain of few images. Tseng et al. 2021,
    arXiv:2104.03310; the authors weigh it by 0.001 to 0.3.

    `state` holds the means and the number of updates. They are of the batch of all replicas, this step's included, and begin at its own.

    Args:
        decay: of the means.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"logits": tf.constant([[3.0]])}, on_fake={"logits": tf.constant([[1.0]])})
        >>> term = LeCam()
        >>> float(term.discriminator_loss(turn))  # (3 - 1)^2 + (3 - 1)^2
        8.0
        >>> float(term.state["real"]), float(term.state["fake"])
        (3.0, 1.0)
    """

    needs_whole_batch = True  # for the means

    def __init__(self, decay: float = 0.99) -> None:
        self.decay = decay
        names = ("real", "fake", "updates")
        self.state: Mapping[str, tf.Variable] = {name: state_variable(tf.zeros([], tf.float32)) for name in names}

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        fake = turn.on_fake["logits"]  # before the reals: layers with a state see the batches in this order
        real = turn.on_real["logits"]
        keep = tf.where(self.state["updates"] > 0, self.decay, 0.0)
        means = {}
        for name, logits in (("real", real), ("fake", fake)):
            now = tf.cast(tf.stop_gradient(mean_over_replicas(tf.reduce_mean(logits))), tf.float32)
            self.state[name].assign(now + keep * (self.state[name] - now))
            means[name] = tf.cast(tf.convert_to_tensor(self.state[name]), logits.dtype)
        self.state["updates"].assign_add(1.0)
        return le_cam(real, fake, means["real"], means["fake"])


class BalancedConsistency(Term):
    """D: E (D(x) - D(T(x)))^2 + E (D(G(z)) - D(T(G(z))))^2, T a transformation that should not matter (bCR). Zhao et al. 2020,
    arXiv:2002.04724; the paper weighs it by 10.

    Args:
        transform: a function of images [B, H, W, C], `Draws` for B examples and a prefix of their purposes that returns images.

    Examples:
        >>> import keras
        >>> points = keras.Input([2], name="images")
        >>> critic = keras.Model({"images": points}, {"logits": points[:, :1]})
        >>> turn = Turn(critic, {"images": tf.zeros([3, 2])}, {"images": tf.ones([3, 2])}, draws=Draws(tf.constant([0, 0]), 3))
        >>> term = BalancedConsistency(lambda images, draws, purpose: 3 * images)
        >>> float(term.discriminator_loss(turn))  # 0^2 + (1 - 3)^2
        4.0
    """

    def __init__(self, transform: Callable[[tf.Tensor, Draws, str], tf.Tensor]) -> None:
        self.transform = transform

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        losses = []
        for which, batch, outputs in (("fake", turn.fake, turn.on_fake), ("real", turn.real, turn.on_real)):
            images = self.transform(batch["images"], draws_of(turn), f"consistency of {which} ")
            moved = turn.discriminate({**batch, "images": images})["logits"]
            losses.append(tf.reduce_mean(tf.square(outputs["logits"] - moved)))
        return tf.add_n(losses)


def state_variable(value: tf.Tensor) -> tf.Variable:
    """A variable that is equal on all replicas."""
    return tf.Variable(value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
