"""cGAN with projection discriminator: the label's embedding meets the features in an inner product.
Miyato and Koyama 2018, arXiv:1802.05637.

`conditioning` also offers the paper's baselines, on the same networks and at the same budget: "concatenation", where an embedding
of the label is concatenated with the channels of a hidden layer (after the third of six blocks as in the paper, or the second of
four), and "auxiliary_classifier", ACGAN's. The generator has conditional batch norm in all three.

Deviations from the paper: none in the function of the default networks, whose resampling is computed in a cheaper order
(`networks/resnet.py`). The linear psi has a bias, which the authors' 32-pixel code omits.
"""

from typing import Annotated, Literal

from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks import resnet
from tfgan_zoo.networks.conditioning import AuxiliaryClassifier, Concatenation, Projection
from tfgan_zoo.objectives import ClassCrossEntropy, Hinge, NonSaturating

LOSSES = {"hinge": Hinge, "non_saturating": NonSaturating}


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    conditioning: Literal["projection", "concatenation", "auxiliary_classifier"] = "projection",
    loss: Literal["hinge", "non_saturating"] = "hinge",
    class_weight: Annotated[float, Field(ge=0)] = 1.0,
    label_size: Count = 128,
    noise_size: Count = 128,
    generator_channels: Count | None = None,
    discriminator_channels: Count | None = None,
    mimicry: bool = False,
    activated_shortcuts: bool = False,
) -> Game:
    """The game of the projection discriminator.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data.
        conditioning: how the discriminator sees the label: the paper's way, or one of its baselines.
        loss: hinge or non-saturating.
        class_weight: of the class cross-entropy in both players' losses, with "auxiliary_classifier".
        label_size: length of the label's embedding, with "concatenation".
        noise_size: length of the latent, from N(0, 1).
        generator_channels, discriminator_channels: width at full resolution; the published one by default.
        mimicry: torch-mimicry's form of the networks, to load its weights: bilinear upsampling, and shortcuts of activations
            in the discriminator.
        activated_shortcuts: shortcuts of activations only, as in StudioGAN, to load its weights.

    Raises:
        ZooError: the data has no labels.
    """
    if not num_classes:
        raise ZooError(
            "projection needs labels, and the data has none; use a source with labels, or --model=sngan, which has "
            "the same networks without them."
        )
    sees = {
        "projection": Projection(num_classes),
        "concatenation": Concatenation(num_classes, label_size),
        "auxiliary_classifier": AuxiliaryClassifier(num_classes),
    }[conditioning]
    objective = 1.0 * LOSSES[loss]()
    if conditioning == "auxiliary_classifier":
        objective += class_weight * ClassCrossEntropy()
    return Game(
        resnet.generator(image_shape, noise_size, generator_channels, num_classes=num_classes, bilinear=mimicry),
        resnet.discriminator(
            image_shape, discriminator_channels, conditioning=sees, activated_shortcut=mimicry or activated_shortcuts
        ),
        Prior(noise_size, num_classes=num_classes),
        objective,
        one_pass=True,
    )
