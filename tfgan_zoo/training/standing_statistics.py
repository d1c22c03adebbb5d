"""Standing statistics of the generator that is sampled. BigGAN: Brock et al. 2018, arXiv:1809.11096, appendix D.

An averaged generator has moving statistics of weights that no longer exist. Recomputed with the averaged weights, they make
images independent of batch sizes and of the number of replicas in training.
"""

from collections.abc import Iterator

import tensorflow as tf

from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.core.recipe_tables import Stage
from tfgan_zoo.layers import standing_statistics


def refresh_standing_statistics(game: Game, recipe: Recipe, stage: Stage) -> None:
    """Recomputes the batch statistics of a game's generator over `averaging.standing_batches` batches; at 0 does nothing.

    The latents depend only on the recipe's seed: the same weights get the same statistics, in a run and in its export.

    Args:
        game: a `Game` outside of training, whose generator has the averaged weights.
        recipe: its `Recipe`.
        stage: its `Stage`. A batch has as many latents as pass through the generator at once in training.
    """
    if recipe.averaging.standing_batches:
        size = (recipe.generator_batch_size or stage.batch_size) // recipe.accumulation
        standing_statistics(game.generator, latent_batches(game, recipe, size))


def latent_batches(game: Game, recipe: Recipe, size: int) -> Iterator[dict[str, tf.Tensor]]:
    """Yields `averaging.standing_batches` batches of `size` inputs of a game's generator, by name."""
    seed = fold(seed_of(recipe.seed), "standing statistics")
    names = [tensor.name for tensor in game.generator.inputs]
    for number in range(recipe.averaging.standing_batches):
        latents = game.prior.sample(Draws(fold(seed, number), size))
        yield {name: latents[name] for name in names}
