"""cGAN with projection discriminator: the label meets the features in an inner product. Miyato and Koyama 2018, arXiv:1802.05637.

`conditioning` also offers what the paper compares with, on the same networks and at the same budget: "concatenation", where an
embedding of the label joins the channels of a hidden layer (behind the third of six blocks as in the paper, behind the second of
four), and "auxiliary_classifier", ACGAN's. The generator has conditional batch norm in all three.

Deviations from the paper: none in the function of the default networks, whose resampling is computed in a cheaper order
(`networks/resnet.py`). The linear psi has a bias, which the authors' 32-pixel code leaves out.
"""

from typing import Annotated, Literal

from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks import resnet
from tfgan_zoo.networks.conditioning import AuxiliaryClassifier, Concatenation, Projection
from tfgan_zoo.objectives.adversarial import Hinge, NonSaturating
from tfgan_zoo.objectives.auxiliary import ClassCrossEntropy

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
        conditioning: how the discriminator sees the label: the paper's idea, or what it compares with.
        loss: the hinge loss, or the non-saturating one.
        class_weight: of the class's cross-entropy in both players' losses, with "auxiliary_classifier".
        label_size: length of the label's embedding, with "concatenation".
        noise_size: length of the latent, from N(0, 1).
        generator_channels, discriminator_channels: width at full resolution; the published one where left out.
        mimicry: the networks as torch-mimicry has them, for its weights: bilinear upsampling, and shortcuts of activations
            in the discriminator.
        activated_shortcuts: shortcuts of activations alone, as in StudioGAN, for its weights.

    Raises:
        ZooError: the data has no labels.
    """
    if not num_classes:
        raise ZooError(
            "projection needs labels, and the data has none; give a source with labels, or take --model=sngan, which has "
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
