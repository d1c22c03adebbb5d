"""The building blocks of BigGAN and BigGAN-deep: orthogonal initialisation, spectral normalisation, attention, conditioning.

Brock et al. 2018, arXiv:1809.11096, appendices B and C.
"""

import dataclasses
from collections.abc import Sequence

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import ConditionalBatchNorm, OrthogonalRegularizer, ReLU, SelfAttention, SpectralNormalization
from tfgan_zoo.networks.shapes import halvings, output_dtype

EPSILON = 1e-4  # of spectral normalisation; appendix C
MOST = 7  # halvings, from 512 pixels to 4

# The generator's widths from the stem to the image, in multiples of `channels`, by the number of upsamplings (16 to 512 pixels).
GENERATOR_WIDTHS = {
    2: (4, 4, 4),
    3: (4, 4, 4, 4),
    4: (16, 16, 8, 4, 2),
    5: (16, 16, 8, 4, 2, 1),
    6: (16, 16, 8, 8, 4, 2, 1),
    7: (16, 16, 8, 8, 4, 2, 1, 1),
}


@dataclasses.dataclass(frozen=True)
class SpectralLayers:
    """Makes the layers of one network, all orthogonally initialised and spectrally normalised.

    Attributes:
        regularizer: of every kernel, or None.
        norm_epsilon: of batch normalisation.
    """

    regularizer: OrthogonalRegularizer | None = None
    norm_epsilon: float = 1e-5

    def conv(self, kind: type, filters: int, name: str, size: int = 3) -> SpectralNormalization:
        """kind: `Conv2D`, or one fused with resampling by 2."""
        kernel = {"kernel_initializer": keras.initializers.Orthogonal(), "kernel_regularizer": self.regularizer}
        return SpectralNormalization(kind(filters, size, padding="same", name=name, **kernel), epsilon=EPSILON)

    def stem(self, vector: keras.KerasTensor, height: int, width: int, channels: int) -> keras.KerasTensor:
        """vector [B, N] -> [B, height, width, channels]."""
        dense = keras.layers.Dense(
            height * width * channels,
            kernel_initializer=keras.initializers.Orthogonal(),
            kernel_regularizer=self.regularizer,
            name="dense",
        )
        h = SpectralNormalization(dense, epsilon=EPSILON)(vector)
        return keras.layers.Reshape((height, width, channels), name="stem_reshape")(h)

    def norm_relu(
        self,
        h: keras.KerasTensor,
        condition: keras.KerasTensor,
        name: str,
        relu_name: str,
        num_classes: int | None = None,
    ) -> keras.KerasTensor:
        """Conditional batch normalisation, then ReLU. condition: [B, N], or labels [B] of `num_classes`.

        The maps of a vector are spectrally normalised; the embeddings of labels are not.
        """
        norm = ConditionalBatchNorm(
            num_classes,
            spectral_norm=not num_classes,
            kernel_initializer="orthogonal",
            kernel_regularizer=self.regularizer,
            spectral_epsilon=EPSILON,
            epsilon=self.norm_epsilon,
            name=name,
        )
        return keras.layers.ReLU(name=relu_name)(norm([h, condition]))

    def attention(self, h: keras.KerasTensor, resolutions: tuple[int, ...], name: str) -> keras.KerasTensor:
        """Self-attention over h [B, H, W, C] if its shorter side is one of `resolutions`, else h itself."""
        if min(h.shape[1:3]) not in resolutions:
            return h
        return SelfAttention(
            spectral_norm=True,
            kernel_initializer="orthogonal",
            kernel_regularizer=self.regularizer,
            spectral_epsilon=EPSILON,
            name=name,
        )(h)


def attended(image_shape: tuple[int, ...], resolutions: Sequence[int] | None) -> tuple[int, ...]:
    """The shorter sides of the feature maps that get self-attention: `resolutions`, or by default 64 if the networks have such maps.

    Raises:
        ZooError: the networks for such images have no maps of one of the sizes.
    """
    existing = [min(image_shape[:2]) >> i for i in range(halvings(image_shape, MOST))]
    if resolutions is None:
        return (64,) if 64 in existing else ()
    missing = [side for side in resolutions if side not in existing]
    if missing:
        raise ZooError(
            f"arguments.attention_resolutions={list(resolutions)}: networks for images of {image_shape[0]}x{image_shape[1]} have "
            f"no maps of {missing[0]} pixels; use some of {', '.join(map(str, existing))}, or []."
        )
    return tuple(resolutions)


def shared_embedding(labels: keras.KerasTensor, num_classes: int, size: int) -> keras.KerasTensor:
    """Labels [B] -> [B, size] by one embedding for the whole generator, neither normalised nor regularised."""
    return keras.layers.Embedding(
        num_classes, size, embeddings_initializer="orthogonal", dtype=output_dtype(), name="shared"
    )(labels)


def chunks(noise: keras.KerasTensor, count: int) -> list[keras.KerasTensor]:
    """noise [B, Z] split into `count` chunks, whose lengths differ by at most one; the longer ones come first.

    Raises:
        ZooError: Z is less than `count`.
    """
    size = noise.shape[-1]
    if size < count:
        raise ZooError(
            f"arguments.noise_size={size}: hierarchical latents need a chunk for each of {count - 1} blocks and for the stem; use "
            f"{count} or more, or set arguments.hierarchical=false."
        )
    lengths = [size // count + (i < size % count) for i in range(count)]
    starts = [sum(lengths[:i]) for i in range(count)]
    return [noise[:, a : a + length] for a, length in zip(starts, lengths, strict=True)]


def projection_head(h: keras.KerasTensor, labels: keras.KerasTensor, num_classes: int) -> dict[str, keras.KerasTensor]:
    """ReLU, sum over positions, and D(x, y) = linear(phi) + embed(y) . phi. Miyato and Koyama 2018, arXiv:1802.05637, eq. 5.

    h: [B, H, W, F]; labels: [B]. Returns {"logits": [B, 1], "features": [B, F]}.
    """
    features = keras.ops.sum(ReLU(name="relu", dtype=output_dtype())(h), axis=(1, 2))
    settings = {"dtype": output_dtype()}
    linear = keras.layers.Dense(1, kernel_initializer="orthogonal", name="logits", **settings)
    embed = keras.layers.Embedding(
        num_classes, features.shape[-1], embeddings_initializer="orthogonal", name="embed", **settings
    )
    linear, embed = (SpectralNormalization(layer, epsilon=EPSILON) for layer in (linear, embed))
    agreement = keras.ops.sum(embed(labels) * features, axis=-1, keepdims=True)
    return {"logits": linear(features) + agreement, "features": features}
