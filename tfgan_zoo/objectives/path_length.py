"""Path length regularisation: steps in the space of styles should change the image equally much wherever they are taken.
Karras et al. 2019, arXiv:1912.04958, section 3.2.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.game import Batch, Term, Turn
from tfgan_zoo.core.replicas import mean_over_replicas
from tfgan_zoo.objectives.penalties import draws_of


def path_lengths(
    synthesize: Callable[[tf.Tensor], tf.Tensor], styles: tf.Tensor, direction: Callable[[tf.TensorShape], tf.Tensor]
) -> tf.Tensor:
    """|J^T y| of each example, J the derivative of its image by its styles: the root of the mean over layers of the squared lengths.

    Args:
        synthesize: a function from styles to images [B, H, W, C].
        styles: [B, L, W], one row per layer.
        direction: a function from the images' shape to y [B, H, W, C], in the paper N(0, 1) / sqrt(H W).

    Returns:
        [B].

    Examples:
        An image of one pixel, 3 w_1 + 4 w_2, has length 5 in the direction 1:

        >>> w = tf.constant([[[1.0, 1.0]]])
        >>> image = lambda w: tf.reshape(w @ tf.constant([[3.0], [4.0]]), [-1, 1, 1, 1])
        >>> path_lengths(image, w, tf.ones).numpy().tolist()
        [5.0]
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(styles)
        images = synthesize(styles)
        total = tf.reduce_sum(images * direction(images.shape))
    gradients = tape.gradient(total, styles)
    return tf.sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(gradients), axis=2), axis=1) + 1e-12)


class PathLength(Term):
    """G: (|J^T y| - a)^2, y ~ N(0, 1) / sqrt(H W), a the running mean of the lengths. The authors weigh it by 2, every 4th step.

    The generator's turn must have "styles" [B, L, W] beside its images (`Game.generate`). `state` holds a, which begins at 0.

    Args:
        synthesize: a function of styles [B, L, W] and of `Turn.fake`, which holds the noise, that returns images.
        rate: of the running mean.

    Examples:
        >>> from tfgan_zoo.core.draws import Draws, seed_of
        >>> image = lambda styles, fake: tf.reshape(styles @ tf.constant([[3.0], [4.0]]), [-1, 1, 1, 1])
        >>> turn = Turn(None, {}, {"styles": tf.ones([1, 1, 2])}, Draws(seed_of(0), 1))
        >>> length = 5 * abs(turn.draws.normal("path length", [1, 1, 1]))
        >>> loss = PathLength(image, rate=0.0).generator_loss(turn)  # a stays 0
        >>> bool(abs(loss - length[0, 0, 0, 0] ** 2) < 1e-4)
        True
    """

    needs_whole_batch = True  # for the running mean

    def __init__(self, synthesize: Callable[[tf.Tensor, Batch], tf.Tensor], rate: float = 0.01) -> None:
        self.synthesize, self.rate = synthesize, rate
        self.mean = tf.Variable(0.0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
        self.state: Mapping[str, Any] = {"mean": self.mean}

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        def direction(shape: tf.TensorShape) -> tf.Tensor:
            noise = draws_of(turn).normal("path length", shape[1:])
            return tf.cast(noise, turn.fake["styles"].dtype) / np.sqrt(np.prod(shape[1:3]))

        lengths = path_lengths(lambda styles: self.synthesize(styles, turn.fake), turn.fake["styles"], direction)
        mean = tf.cast(tf.stop_gradient(mean_over_replicas(tf.reduce_mean(lengths))), tf.float32)
        self.mean.assign_add(self.rate * (mean - self.mean))
        return tf.reduce_mean(tf.square(lengths - tf.cast(tf.convert_to_tensor(self.mean), lengths.dtype)))
