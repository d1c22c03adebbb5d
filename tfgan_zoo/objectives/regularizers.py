"""Terms on the weights of the player whose turn it is."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from tfgan_zoo.core.game import Term, Turn


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


def state_variable(value: tf.Tensor) -> tf.Variable:
    """A variable that is equal on all replicas."""
    return tf.Variable(value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
