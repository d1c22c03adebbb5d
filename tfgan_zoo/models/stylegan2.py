"""StyleGAN2: a mapping to styles, which modulate every convolution, noise per layer, lazy R1 and path length regularisation.
Karras et al. 2019, arXiv:1912.04958; classes and ADA as in Karras et al. 2020, arXiv:2006.06676.

Deviations from the authors' code: the path length is taken on the whole batch, where theirs takes half of it to save memory; the place
where two styles are mixed is drawn for each image, where theirs draws one for each batch.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import tensorflow as tf
from pydantic import Field

from tfgan_zoo.core.draws import Draws, SeededDraws
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Batch, Game, lazy, run_network
from tfgan_zoo.core.generator_inputs import GeneratorInput, Truncation
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks import stylegan2
from tfgan_zoo.objectives import R1, NonSaturating, PathLength


class StylePrior(Prior):
    """z from N(0, 1), the class, psi, and a noise map for each convolution but the maps to RGB.

    Args:
        noise_size, num_classes: as of `Prior`.
        maps: {name: (height, width, 1)} of the noise.
    """

    truncation = Truncation("psi in w", none=1.0, note="0 for the average image", lowest=0, highest=1, start=0.7)

    def __init__(self, noise_size: int, num_classes: int, maps: Mapping[str, tuple[int, int, int]]) -> None:
        super().__init__(noise_size, num_classes=num_classes)
        self.maps = maps

    @property
    def inputs(self) -> tuple[GeneratorInput, ...]:
        maps = [GeneratorInput(name, shape, client_may_give=False) for name, shape in self.maps.items()]
        return *super().inputs, GeneratorInput("psi", (1,)), *maps

    def sample(self, draws: Draws | SeededDraws, truncation: float | tf.Tensor = 1.0) -> dict[str, tf.Tensor]:
        latents = super().sample(draws)
        psi = truncation * tf.ones_like(latents["noise"][:, :1])
        return {**latents, "psi": psi, **{name: draws.normal(name, list(shape)) for name, shape in self.maps.items()}}


class StyleGame(Game):
    """Generates from styles, of which some images have those of two latents.

    Args:
        mapping, synthesis: the two parts of the generator.
        mixing: share of the images whose later layers have the styles of a second latent.
        players, settings: as of `Game`.

    Attributes:
        mapping, synthesis: as given.
    """

    def __init__(self, mapping: Any, synthesis: Any, mixing: float, *players: Any, **settings: Any) -> None:
        self.mapping, self.synthesis, self.mixing = mapping, synthesis, mixing
        super().__init__(*players, **settings)

    def generate(self, latents: Batch, draws: Draws) -> dict[str, tf.Tensor]:
        w = run_network(self.mapping, latents, training=True)
        w = self.generator.get_layer("truncation")([w, tf.cast(latents["psi"], w.dtype)], training=True)
        rows = self.synthesis.input["styles"].shape[1]
        styles = tf.tile(w[:, None], [1, rows, 1])
        if self.mixing:
            other = self.prior.sample(draws.fold("style mixing"))
            w = run_network(self.mapping, {**latents, "noise": other["noise"]}, training=True)
            first = tf.where(draws.uniform("mixed") < self.mixing, 1 + draws.integers("mixed from", rows - 1), rows)
            styles = tf.where((tf.range(rows) < first[:, None])[:, :, None], styles, w[:, None])
        return {"images": self.synthesize(styles, latents), "styles": styles}

    def synthesize(self, styles: tf.Tensor, latents: Batch) -> tf.Tensor:
        """Images [B, H, W, C] of styles [B, L, W], with the noise maps of `latents`."""
        return run_network(self.synthesis, {**latents, "styles": styles}, training=True)


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    channel_base: Count = 16384,
    channel_maximum: Count = 512,
    noise_size: Count = 512,
    style_size: Count = 512,
    mapping_layers: Count = 8,
    conditional: bool = False,
    residual: bool = True,
    group_size: Count | None = 4,
    style_mixing: Annotated[float, Field(ge=0, le=1)] = 0.9,
    path_length: bool = True,
    r1_every: Count = 16,
    path_length_every: Count = 4,
    style_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998,
    float16_resolutions: Annotated[int, Field(ge=0)] = 0,
) -> Game:
    """The game of StyleGAN2. The recipe's `weights.r1` is the paper's gamma, of gamma / 2 |grad D|^2, and 1 by default.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data.
        channel_base, channel_maximum: both players have min(channel_base / shorter side, channel_maximum) channels at a resolution.
        noise_size: length of the latent, from N(0, 1).
        style_size: length of w.
        mapping_layers: dense layers from the latent to w.
        conditional: the class is an input of both players.
        residual: the discriminator's blocks have shortcuts.
        group_size: of the minibatch standard deviation; None for the whole batch.
        style_mixing: share of the images whose later layers have the style of a second latent.
        path_length: regularise path lengths.
        r1_every, path_length_every: steps between two updates by these terms, which are as much heavier.
        style_decay: of the mean of w, towards which psi truncates.
        float16_resolutions: the highest resolutions that are computed in float16, with all activations clamped to +-256; 4 in ADA's code.

    Raises:
        ZooError: conditional, and the data has no labels; images that cannot be halved down to 4 to 7 pixels.
    """
    if conditional and not num_classes:
        raise ZooError("arguments.conditional=true needs labels, and the data has none; leave it out.")
    classes = num_classes if conditional else 0
    widths = stylegan2.stage_widths(image_shape, channel_base, channel_maximum)
    mapping = stylegan2.mapping(noise_size, style_size, mapping_layers, classes)
    synthesis = stylegan2.synthesis(image_shape, widths, style_size, float16_resolutions)
    generator = stylegan2.generator(mapping, synthesis, style_decay)
    discriminator = stylegan2.discriminator(
        image_shape, widths, classes, residual, group_size, float16_resolutions=float16_resolutions
    )
    objective = NonSaturating() + lazy(R1(), r1_every)
    prior = StylePrior(noise_size, classes, stylegan2.noise_shapes(image_shape))
    game = StyleGame(mapping, synthesis, style_mixing, generator, discriminator, prior, objective)
    if path_length:
        game.objective += 2.0 * lazy(PathLength(game.synthesize), path_length_every)
    return game
