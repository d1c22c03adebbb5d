"""TensorBoard scalars of a run."""

import numpy as np
import tensorflow as tf

from tfgan_zoo.training.singular_values import singular_value_scalars


def weight_norm(variables):
    """The Euclidean norm of all of them together."""
    return float(np.sqrt(sum(np.square(v.numpy(), dtype=np.float64).sum() for v in variables)))


class ScalarWriter:
    """Writes the logs of a trainer: every term of the objective, gradient and weight norms, images/s.

    Args:
        folder: the run's, where the event file goes.
        trainer: the `Trainer`.
    """

    def __init__(self, folder, trainer):
        self.writer = tf.summary.create_file_writer(str(folder))
        self.trainer = trainer

    def write(self, step, means, images_per_second):
        """means: {log name: float}; images_per_second: real images that the discriminator saw."""
        game = self.trainer.game
        values = {
            **means,
            "generator/weight_norm": weight_norm(game.generator.trainable_variables),
            "discriminator/weight_norm": weight_norm(game.discriminator.trainable_variables),
            "speed/images_per_second": images_per_second,
        }
        self.scalars(step, values)

    def write_singular_values(self, step):
        """The three largest of every kernel of both players."""
        self.scalars(step, singular_value_scalars(self.trainer.game))

    def scalars(self, step, values):
        """values: {name: float}."""
        with self.writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self.writer.flush()

    def write_collapse(self, step, text, count):
        """A collapse at `step`, in words, and how many there have been."""
        with self.writer.as_default(step=step):
            tf.summary.text("guard/collapse", text)
        self.scalars(step, {"guard/collapses": count})

    def close(self):
        self.writer.close()
