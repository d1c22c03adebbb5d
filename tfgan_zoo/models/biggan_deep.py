"""BigGAN-deep: BigGAN with bottleneck blocks, four times as deep and with fewer weights. Brock et al. 2018, arXiv:1809.11096.

Deviations from the paper: none known in the function of the networks at 128, 256 and 512 pixels, whose generator is that of the
published weights (`networks/biggan_deep.py`). Widths below 128 pixels, for which the paper has no table, are ours.
"""

from typing import Annotated

from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import OrthogonalRegularizer
from tfgan_zoo.networks import biggan_deep
from tfgan_zoo.networks.spectral_layers import attended
from tfgan_zoo.objectives import R1, Hinge

SLOW_TO_TEST = True  # The contract tests try it with `pytest -m slow` only.


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    channels: Count = 128,
    noise_size: Count = 128,
    shared_size: Count = 128,
    attention_resolutions: tuple[Count, ...] | None = None,
    orthogonal_regularization: Annotated[float, Field(ge=0)] = 1e-4,
    r1: Annotated[float, Field(ge=0)] = 0.0,
    norm_epsilon: Annotated[float, Field(gt=0)] = 1e-4,
) -> Game:
    """The game of BigGAN-deep.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data.
        channels: ch, the width unit of the paper's tables, of both players.
        noise_size: length of the latent, from N(0, 1), all of which the stem and every batch norm see.
        shared_size: of the class embedding that is concatenated with it.
        attention_resolutions: shorter sides of the feature maps with self-attention, in both players; by default 64 if there are
            such maps.
        orthogonal_regularization: weight of |W^T W o (1 - I)|^2 over the generator's kernels except the shared embedding.
        r1: gamma of the penalty gamma / 2 |grad D(x)|^2 on real images, 0 for none.
        norm_epsilon: of the generator's batch normalisation.

    Raises:
        ZooError: the data has no labels.
    """
    if not num_classes:
        raise ZooError("biggan_deep needs labels, and the data has none; use a source with labels, or --model=sngan.")
    attention = attended(image_shape, attention_resolutions)
    generator = biggan_deep.generator(
        image_shape,
        num_classes,
        noise_size,
        channels,
        shared_size,
        attention,
        OrthogonalRegularizer(orthogonal_regularization) if orthogonal_regularization else None,
        norm_epsilon,
    )
    discriminator = biggan_deep.discriminator(image_shape, num_classes, channels, attention)
    objective = Hinge() + r1 * R1() if r1 else Hinge()
    return Game(generator, discriminator, Prior(noise_size, num_classes=num_classes), objective, one_pass=True)
