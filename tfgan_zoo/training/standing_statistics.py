"""Standing statistics of the generator that is sampled. BigGAN: Brock et al. 2018, arXiv:1809.11096, appendix D.

The moving statistics of an averaged generator are those of weights that are gone. Taken anew from the averaged weights, they
make an image independent of batch sizes and of the number of replicas in training.
"""

from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.layers import standing_statistics


def refresh_standing_statistics(game, recipe, stage):
    """Takes the batch statistics of a game's generator anew, over `averaging.standing_batches` batches; at 0 does nothing.

    The latents are a function of the recipe's seed alone: the same weights get the same statistics, in a run and in its export.

    Args:
        game: a `Game` outside of training, whose generator has the averaged weights.
        recipe: its `Recipe`; stage: the `Stage` it is in. A batch is as large as those that pass through the generator at once
            in its training.
    """
    if recipe.averaging.standing_batches:
        size = (recipe.generator_batch_size or stage.batch_size) // recipe.accumulation
        standing_statistics(game.generator, latent_batches(game, recipe, size))


def latent_batches(game, recipe, size):
    """The inputs of a game's generator, `averaging.standing_batches` times `size` of them, by name."""
    seed = fold(seed_of(recipe.seed), "standing statistics")
    names = [tensor.name for tensor in game.generator.inputs]
    for number in range(recipe.averaging.standing_batches):
        latents = game.prior.sample(Draws(fold(seed, number), size))
        yield {name: latents[name] for name in names}
