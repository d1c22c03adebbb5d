"""Terms on the weights of the player whose turn it is."""

import tensorflow as tf

from tfgan_zoo.core.game import Term


class HistoricalAveraging(Term):
    """Each player: |w - mean of w over its updates so far|^2. Salimans et al. 2016, arXiv:1606.03498, section 3.3.

    `state` holds the means and their count; the mean of the first update is the weights themselves.

    Args:
        generator, discriminator: the Keras models.
    """

    def __init__(self, generator, discriminator):
        self.players = {"generator": generator, "discriminator": discriminator}
        self.state = {}
        for player, network in self.players.items():
            self.state[f"{player}/updates"] = state_variable(tf.zeros([], tf.float32))
            for weight in network.trainable_variables:
                self.state[f"{player}/{weight.path}"] = state_variable(tf.convert_to_tensor(weight.value))

    def discriminator_loss(self, turn):
        return self.distance("discriminator")

    def generator_loss(self, turn):
        return self.distance("generator")

    def distance(self, player):
        updates = self.state[f"{player}/updates"]
        updates.assign_add(1.0)
        distances = []
        for weight in self.players[player].trainable_variables:
            mean, current = self.state[f"{player}/{weight.path}"], tf.convert_to_tensor(weight.value)
            mean.assign_add((tf.stop_gradient(current) - mean) / tf.cast(updates, mean.dtype))
            distances.append(tf.reduce_sum(tf.square(current - tf.stop_gradient(tf.identity(mean)))))
        return tf.add_n(distances)


def state_variable(value):
    return tf.Variable(value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
