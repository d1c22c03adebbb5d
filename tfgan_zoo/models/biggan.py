"""BigGAN: large batches, a shared class embedding, hierarchical latents and truncation. Brock et al. 2018, arXiv:1809.11096.

Deviations from the paper: none in the function of the default networks at 128, 256 and 512 pixels, whose resampling is
computed in a cheaper order (`networks/biggan.py`). Widths at 32 and 64 pixels, and batch normalisation's epsilon of 1e-5, are
those of the authors' PyTorch code. If a latent does not split evenly, its first chunks are one longer.
"""

from typing import Annotated

from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import OrthogonalRegularizer
from tfgan_zoo.networks import biggan
from tfgan_zoo.networks.spectral_layers import attended
from tfgan_zoo.objectives import R1, Hinge


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    channels: Count = 96,
    noise_size: Count = 120,
    shared_size: Annotated[int, Field(ge=0)] = 128,
    hierarchical: bool = True,
    attention_resolutions: tuple[Count, ...] | None = None,
    orthogonal_regularization: Annotated[float, Field(ge=0)] = 1e-4,
    r1: Annotated[float, Field(ge=0)] = 0.0,
    norm_epsilon: Annotated[float, Field(gt=0)] = 1e-5,
) -> Game:
    """The game of BigGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data.
        channels: ch, the width unit of the paper's tables, of both players.
        noise_size: length of the latent, from N(0, 1); the paper has 20 per block and 20 for the stem.
        shared_size: of the class embedding that all batch norms share; 0 gives each its own embedding.
        hierarchical: each block sees its own chunk of the latent, concatenated with the shared embedding; else the stem sees all.
        attention_resolutions: shorter sides of the feature maps with self-attention, in both players; by default 64 if there are
            such maps.
        orthogonal_regularization: weight of |W^T W o (1 - I)|^2 over the generator's kernels except the shared embedding.
        r1: gamma of the penalty gamma / 2 |grad D(x)|^2 on real images, 0 for none (the paper's comparison has 10).
        norm_epsilon: of the generator's batch normalisation.

    Raises:
        ZooError: the data has no labels; hierarchical latents without a shared embedding.
    """
    if not num_classes:
        raise ZooError("biggan needs labels, and the data has none; use a source with labels, or --model=sngan.")
    if hierarchical and not shared_size:
        raise ZooError(
            "arguments.shared_size=0: hierarchical latents need a shared embedding; use arguments.shared_size=128, or "
            "arguments.hierarchical=false."
        )
    attention = attended(image_shape, attention_resolutions)
    generator = biggan.generator(
        image_shape,
        num_classes,
        noise_size,
        channels,
        shared_size,
        hierarchical,
        attention,
        OrthogonalRegularizer(orthogonal_regularization) if orthogonal_regularization else None,
        norm_epsilon,
    )
    discriminator = biggan.discriminator(image_shape, num_classes, channels, attention)
    objective = Hinge() + r1 * R1() if r1 else Hinge()
    return Game(generator, discriminator, Prior(noise_size, num_classes=num_classes), objective, one_pass=True)
