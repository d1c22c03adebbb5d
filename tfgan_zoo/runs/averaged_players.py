"""The players of a running training as they are sampled and scored: averaged, in float32, with standing statistics."""

from collections.abc import Callable

import keras

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.core.recipe_tables import Stage
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.runs.building import float_game
from tfgan_zoo.runs.targets import players_of
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.training.standing_statistics import refresh_standing_statistics
from tfgan_zoo.training.trainer import Trainer


def copy_values(network: keras.Model, into: keras.Model) -> None:
    """Copies the variables of a network to another one of the same layers, of any precision."""
    for variable, twin in zip(network.variables, into.variables, strict=True):
        twin.assign(variable.numpy())


class AveragedPlayers:
    """The averaged generator and the discriminator of a trainer. Each stage has networks of its own, with its own layers.

    Args:
        trainer: whose weights are copied at each call.
        recipe: its `Recipe`.
        build: function that builds its game.
    """

    def __init__(self, trainer: Trainer, recipe: Recipe, build: Callable[[], Game]) -> None:
        self.trainer, self.recipe, self.build = trainer, recipe, build
        self.stage: Stage | None = None

    def generator(self) -> Sampler:
        """The averaged generator as it is now."""
        stage = self.recipe.stage_at(int(self.trainer.step.numpy()))
        if stage != self.stage:
            self.game, self.stage = float_game(self.build, stage), stage
            self.sampler = ExportedGenerator(self.game.generator, self.game.prior).generator()
            self.of_stage = players_of(self.game, self.sampler)
        copy_values(self.trainer.average.network, self.game.generator)
        refresh_standing_statistics(self.game, self.recipe, stage)
        return self.sampler

    def players(self) -> Players:
        """The averaged generator and the discriminator as they are now, to be scored."""
        self.generator()
        copy_values(self.trainer.game.discriminator, self.game.discriminator)
        return self.of_stage
