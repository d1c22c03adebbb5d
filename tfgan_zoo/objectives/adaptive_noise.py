"""Noise in the discriminator that grows as a least-squares game escalates. Karras et al. 2017, arXiv:1710.10196."""

import keras
import tensorflow as tf

from tfgan_zoo.core.game import Term, Turn
from tfgan_zoo.core.replicas import mean_over_replicas


class AdaptiveNoise(Term):
    """Sets the strength of the noise to 0.2 max(0, d_t - 0.5)^2 in each of D's turns, d_t = 0.1 d + 0.9 d_{t-1} from 0.

    d is the mean of D's output over the reals and the fakes of the turn: 1/2 in balance, higher if the outputs escalate.
    Appendix B of the paper, which does not say over which images. It adds nothing to a loss.

    Args:
        strength: the discriminator's variable, a scalar. `state` holds d_t as "mean_output".

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"logits": tf.constant([[20.0]])}, on_fake={"logits": tf.constant([[10.0]])})
        >>> strength = keras.Variable(0.0, trainable=False)
        >>> AdaptiveNoise(strength).discriminator_loss(turn)
        >>> print(f"{float(strength):.4f}")  # 0.2 (0.1 * 15 - 0.5)^2
        0.2000
    """

    def __init__(self, strength: keras.Variable) -> None:
        self.strength = strength
        same = tf.VariableAggregation.ONLY_FIRST_REPLICA  # d is the mean over all replicas
        self.state = {"mean_output": tf.Variable(0.0, trainable=False, aggregation=same)}

    def discriminator_loss(self, turn: Turn) -> None:
        outputs = [tf.reduce_mean(side["logits"]) for side in (turn.on_real, turn.on_fake)]
        mean = tf.stop_gradient(mean_over_replicas(tf.cast(tf.add_n(outputs) / 2, tf.float32)))
        average = 0.1 * mean + 0.9 * tf.convert_to_tensor(self.state["mean_output"])
        self.state["mean_output"].assign(average)
        strength = 0.2 * tf.square(tf.maximum(average - 0.5, 0.0))
        self.strength.assign(tf.cast(strength, self.strength.dtype))
