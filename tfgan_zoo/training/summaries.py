"""TensorBoard scalars of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import of_full_disk
from tfgan_zoo.training.singular_values import singular_value_scalars

if TYPE_CHECKING:
    from tfgan_zoo.training.trainer import Trainer


def weight_norm(variables: Iterable[keras.Variable]) -> float:
    """The Euclidean norm of all variables as one vector."""
    return float(np.sqrt(sum(np.square(v.numpy(), dtype=np.float64).sum() for v in variables)))


class ScalarWriter:
    """Writes the logs of a trainer: every term of the objective, gradient and weight norms, images/s.

    Args:
        folder: of the run, where the event file is written.
        trainer: the `Trainer`.
    """

    def __init__(self, folder: str | Path, trainer: Trainer) -> None:
        self.folder, self.writer = folder, tf.summary.create_file_writer(str(folder))
        self.trainer = trainer

    def write(self, step: int, means: Mapping[str, float], images_per_second: float) -> None:
        """means: {log name: float}; images_per_second: real images shown to the discriminator."""
        game = self.trainer.game
        values = {
            **means,
            "generator/weight_norm": weight_norm(game.generator.trainable_variables),
            "discriminator/weight_norm": weight_norm(game.discriminator.trainable_variables),
            "speed/images_per_second": images_per_second,
        }
        self.scalars(step, values)

    def write_singular_values(self, step: int) -> None:
        """Writes the three largest of every kernel of both players."""
        self.scalars(step, singular_value_scalars(self.trainer.game))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes {name: float}. Raises: OSError: the disk is full."""
        with self.writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self.on_disk(self.writer.flush)

    def write_collapse(self, step: int, text: str, count: int) -> None:
        """Writes the description of a collapse at `step`, and how many there have been."""
        with self.writer.as_default(step=step):
            tf.summary.text("guard/collapse", text)
        self.scalars(step, {"guard/collapses": count})

    def on_disk(self, write: Callable[[], object]) -> None:
        """Calls `write`. Raises: OSError: the disk is full."""
        try:
            write()
        except tf.errors.OpError as error:
            raise of_full_disk(error, self.folder) or error from None

    def close(self) -> None:
        """Ends the file. Raises: OSError: the disk is full."""
        self.on_disk(self.writer.close)
