"""AmbientGAN: a generator of clean images from lossy measurements. Bora, Price and Dimakis 2018, ICLR,
openreview.net/forum?id=Hy7fDog0b.

The discriminator compares measurements of real images, each measured once, with measurements of fakes, whose parameters are
resampled in every step. The data says what is measured and how (`data.measurement`), and any loss may be used.

Deviations from the paper: lines and projections go to a discriminator of dense layers with the widths of a recipe; angles are given
as cosine and sine.
"""

from typing import Annotated, Any, Literal

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
from tfgan_zoo.objectives import GradientPenalty, Hinge, LeastSquares, NonSaturating, Wasserstein
from tfgan_zoo.observation.measurements import Measurement

OBJECTIVES = {
    "non_saturating": lambda penalty: NonSaturating(),
    "least_squares": lambda penalty: LeastSquares(),
    "hinge": lambda penalty: Hinge(),
    "wasserstein": lambda penalty: Wasserstein() + penalty * GradientPenalty(),
}
NORMS: dict[str, tuple[Any, Any]] = {  # what is applied to each kernel, and the layer that follows it
    "batch": (plain, BatchNorm),
    "layer": (plain, LayerNorm),
    "spectral": (SpectralNormalization, None),
    "none": (plain, None),
}


class MeasuredGame(Game):
    """A game whose discriminator sees fakes through a `Measurement` with fresh parameters; the data holds measurements of the
    real images.

    Args:
        generator, discriminator, prior, objective, one_pass: as for `Game`.
        measurement: the `Measurement`.
    """

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
        measurement: what the discriminator sees of an image, from the recipe's `data.measurement`; None for the image itself:
            a plain GAN, which on unmeasured data is a baseline.
        loss: of both players; penalty: weight of the gradient penalty of "wasserstein", which is WGAN-GP.
        norm: of the discriminator; the generator has batch norm.
        ignore: the other baseline: fakes are shown unmeasured, as if the measurements were images.
        conditional: both players see the label.
        noise_size: length of the latent, from U(-1, 1).
        generator_channels, discriminator_channels: widths next to the image, doubling at every halving.
        hidden: widths of the discriminator's dense layers, for measurements that are lines or numbers.
        label_size: length of the label's embedding in the discriminator of images.

    Raises:
        ZooError: batch norm with "wasserstein"; conditional without labels; ignore with measurements of another shape.
    """
    if loss == "wasserstein" and norm == "batch":
        raise ZooError(
            "loss=wasserstein needs a gradient per example, which norm=batch mixes; use arguments.norm=layer, spectral or none."
        )
    if conditional and not num_classes:
        raise ZooError(
            "conditional=true needs labels, and the data has none; leave it out, or use a source with labels."
        )
    seen = measurement.shape(image_shape) if measurement else image_shape
    if ignore and seen != tuple(image_shape):
        raise ZooError(
            f"ignore=true needs measurements of the images' shape {list(image_shape)}, and theirs is {list(seen)}; leave it out."
        )
    classes = num_classes if conditional else 0
    wrap, norm_layer = NORMS[norm]
    generator = dcgan.generator(image_shape, noise_size, generator_channels, classes)
    if measurement is None or len(seen) == 3:
        labels: dict[str, Any] = {"num_classes": classes, "label_size": label_size}
        discriminator = dcgan.discriminator(seen, discriminator_channels, wrap, norm_layer, **labels)
    else:
        inputs: dict[str, Any] = {"num_classes": classes, "theta_size": measurement.theta_size(image_shape)}
        discriminator = mlp.discriminator(seen, hidden, norm=norm_layer, wrap=wrap, **inputs)
    prior, one_pass = Prior(noise_size, Uniform(), classes), norm_layer is not BatchNorm
    players = (generator, discriminator, prior, OBJECTIVES[loss](penalty), one_pass)
    return MeasuredGame(*players, measurement) if measurement and not ignore else Game(*players)
