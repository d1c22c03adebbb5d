"""SNGAN: spectral normalisation of every discriminator layer. Miyato et al. 2018, arXiv:1802.05957.

Deviations from the paper: none in the function of the default networks, whose resampling is computed in a cheaper order
(`networks/resnet.py`). `weights` also offers the paper's baselines.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import OrthogonalRegularizer, SpectralNormalization, WeightClip, WeightNormalization
from tfgan_zoo.networks import dcgan, resnet, shapes
from tfgan_zoo.objectives import GradientPenalty, Hinge, NonSaturating


def clipped(layer: keras.layers.Layer) -> keras.layers.Layer:
    """WGAN's weight clipping at 0.01."""
    layer.kernel_constraint = WeightClip(0.01)
    return layer


def orthonormal(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The orthonormal regulariser, 1e-3 |W^T W - I|^2."""
    layer.kernel_regularizer = OrthogonalRegularizer(1e-3, off_diagonal=False)
    return layer


WEIGHTS: dict[str, Callable[..., Any]] = {
    "spectral_norm": SpectralNormalization,
    "none": shapes.plain,
    "weight_norm": functools.partial(WeightNormalization, trainable_length=False),  # as in the paper's comparison
    "clipping": clipped,
    "orthonormal": orthonormal,
}
LOSSES = {"hinge": Hinge, "non_saturating": NonSaturating}
NETWORKS = {
    "resnet": (resnet.generator, resnet.discriminator),
    "cnn": (dcgan.standard_generator, dcgan.standard_discriminator),
}


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["resnet", "cnn"] = "resnet",
    weights: Literal["spectral_norm", "none", "weight_norm", "clipping", "orthonormal"] = "spectral_norm",
    loss: Literal["hinge", "non_saturating"] = "hinge",
    gradient_penalty: float = 0.0,
    noise_size: Count = 128,
    generator_channels: Count | None = None,
    discriminator_channels: Count | None = None,
    mimicry: bool = False,
    activated_shortcuts: bool = False,
) -> Game:
    """The game of SNGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data; SNGAN uses no labels.
        network: the residual network of appendix B.4, or the standard CNN of table 3.
        weights: what is applied to every kernel of the discriminator: the paper's method, nothing, or one of its baselines.
        loss: hinge or non-saturating.
        gradient_penalty: weight of WGAN-GP's penalty, 0 for none (the paper's comparison has 10).
        noise_size: length of the latent, from N(0, 1).
        generator_channels, discriminator_channels: width at full resolution; the published one by default.
        mimicry: torch-mimicry's form of the residual networks, to load its weights: bilinear upsampling, and shortcuts of
            activations in the discriminator.
        activated_shortcuts: shortcuts of activations only, as in StudioGAN, to load its weights.

    Raises:
        ZooError: mimicry or activated_shortcuts with network="cnn".
    """
    if (mimicry or activated_shortcuts) and network != "resnet":
        raise ZooError(f"network={network!r}: mimicry and activated_shortcuts need network='resnet'.")
    generator, discriminator = NETWORKS[network]
    options = [{} if width is None else {"channels": width} for width in (generator_channels, discriminator_channels)]
    if mimicry:
        options[0] |= {"bilinear": True}
    if mimicry or activated_shortcuts:
        options[1] |= {"activated_shortcut": True}
    objective = 1.0 * LOSSES[loss]()
    if gradient_penalty:
        objective += gradient_penalty * GradientPenalty()
    return Game(
        generator(image_shape, noise_size, **options[0]),
        discriminator(image_shape, wrap=WEIGHTS[weights], **options[1]),
        Prior(noise_size),
        objective,
        one_pass=True,
    )
