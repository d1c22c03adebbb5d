"""AmbientGAN: a generator of clean images from lossy measurements. Bora, Price and Dimakis 2018, ICLR,
openreview.net/forum?id=Hy7fDog0b.

The discriminator compares measurements of real images, each measured once, with measurements of fakes, whose parameters are drawn
anew: what is measured and how is the data's affair (`data.measurement`), and any loss may be played for. Deviations from the paper:
lines and projections go to a discriminator of dense layers with the widths of a recipe; angles are told as cosine and sine.
"""

from typing import Annotated, Literal

import keras
from pydantic import Field

from tfgan_zoo.core.draws import Draws
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Batch, Game, Objective, Term
from tfgan_zoo.core.priors import Prior, Uniform
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import BatchNorm, SpectralNormalization
from tfgan_zoo.networks import dcgan, mlp
from tfgan_zoo.networks.bodies import LayerNorm
from tfgan_zoo.networks.shapes import plain
from tfgan_zoo.objectives.adversarial import Hinge, LeastSquares, NonSaturating, Wasserstein
from tfgan_zoo.objectives.penalties import GradientPenalty
from tfgan_zoo.observation.measurements import Measurement

OBJECTIVES = {
    "non_saturating": lambda penalty: NonSaturating(),
    "least_squares": lambda penalty: LeastSquares(),
    "hinge": lambda penalty: Hinge(),
    "wasserstein": lambda penalty: Wasserstein() + penalty * GradientPenalty(),
}
NORMS = {  # what is applied to each kernel, and the layer that follows it
    "batch": (plain, BatchNorm),
    "layer": (plain, LayerNorm),
    "spectral": (SpectralNormalization, None),
    "none": (plain, None),
}


class MeasuredGame(Game):
    """A game whose discriminator sees fakes through a `Measurement` with fresh parameters; of the real images the data
    gives measurements. measurement: the `Measurement`; the rest as `Game` takes it."""

    sees_images = False

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        prior: Prior,
        objective: Objective | Term,
        one_pass: bool,
        measurement: Measurement,
    ):
        super().__init__(generator, discriminator, prior, objective, one_pass)
        self.measurement = measurement

    def observe_fake(self, batch: Batch, draws: Draws) -> Batch:
        return {**batch, **self.measurement.observe(batch["images"], draws)}


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    measurement: Measurement | None = None,
    *,
    loss: Literal["non_saturating", "least_squares", "hinge", "wasserstein"] = "non_saturating",
    penalty: Annotated[float, Field(ge=0)] = 10.0,
    norm: Literal["batch", "layer", "spectral", "none"] = "batch",
    ignore: bool = False,
    conditional: bool = False,
    noise_size: Count = 100,
    generator_channels: Count = 64,
    discriminator_channels: Count = 64,
    hidden: tuple[Count, ...] = (256, 256),
    label_size: Count = 32,
) -> Game:
    """The game of AmbientGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data.
        measurement: what the discriminator sees of an image, by the recipe's `data.measurement`; None for the image itself, which
            is a plain GAN's game and, on unmeasured data, a baseline.
        loss: what both play for; penalty: weight of the gradient penalty of "wasserstein", which is WGAN-GP.
        norm: in the discriminator: "batch", "layer", "spectral" or "none". The generator has batch norm.
        ignore: the other baseline: fakes are shown as they are, as if the measurements were images.
        conditional: both players see the label.
        noise_size: length of the latent, from U(-1, 1).
        generator_channels, discriminator_channels: widths next to the image, doubling at every halving.
        hidden: widths of the discriminator of lines and numbers.
        label_size: length of the vector that labels become for the discriminator of images.

    Raises:
        ZooError: batch norm with "wasserstein"; conditional without labels; ignore where measurements are no such images.
    """
    if loss == "wasserstein" and norm == "batch":
        raise ZooError(
            "loss=wasserstein needs gradients of one example each: set arguments.norm=layer, spectral or none."
        )
    if conditional and not num_classes:
        raise ZooError(
            "conditional=true needs labels, and the data has none; leave it out, or give a source with labels."
        )
    seen = measurement.shape(image_shape) if measurement else image_shape
    if ignore and seen != tuple(image_shape):
        raise ZooError(
            f"ignore=true takes measurements for images of {list(image_shape)}, and they are of {list(seen)}; leave it out."
        )
    classes = num_classes if conditional else 0
    wrap, norm_layer = NORMS[norm]
    generator = dcgan.generator(image_shape, noise_size, generator_channels, classes)
    if measurement is None or len(seen) == 3:
        labels = {"num_classes": classes, "label_size": label_size}
        discriminator = dcgan.discriminator(seen, discriminator_channels, wrap, norm_layer, **labels)
    else:
        inputs = {"num_classes": classes, "theta_size": measurement.theta_size(image_shape)}
        discriminator = mlp.discriminator(seen, hidden, norm=norm_layer, wrap=wrap, **inputs)
    prior, one_pass = Prior(noise_size, Uniform(), classes), norm_layer is not BatchNorm
    players = (generator, discriminator, prior, OBJECTIVES[loss](penalty), one_pass)
    return MeasuredGame(*players, measurement) if measurement and not ignore else Game(*players)
