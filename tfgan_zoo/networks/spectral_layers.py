"""What BigGAN and BigGAN-deep are made of: orthogonal initialisation, spectral normalisation, attention and conditions.

Brock et al. 2018, arXiv:1809.11096, appendices B and C.
"""

import dataclasses

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import ConditionalBatchNorm, OrthogonalRegularizer, ReLU, SelfAttention, SpectralNormalization
from tfgan_zoo.networks.shapes import halvings, output_dtype

EPSILON = 1e-4  # of spectral normalisation, appendix C
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
    """Makes the layers of one network, all of which begin orthogonal and are spectrally normalised.

    regularizer: of every kernel, an `OrthogonalRegularizer` or None.
    norm_epsilon: of batch normalisation.
    """

    regularizer: OrthogonalRegularizer | None = None
    norm_epsilon: float = 1e-5

    def conv(self, kind, filters, name, size=3):
        """kind: `Conv2D`, or such a layer fused with a resampling by 2."""
        kernel = {"kernel_initializer": keras.initializers.Orthogonal(), "kernel_regularizer": self.regularizer}
        return SpectralNormalization(kind(filters, size, padding="same", name=name, **kernel), epsilon=EPSILON)

    def stem(self, vector, height, width, channels):
        """vector [B, N] -> [B, height, width, channels]."""
        dense = keras.layers.Dense(
            height * width * channels,
            kernel_initializer=keras.initializers.Orthogonal(),
            kernel_regularizer=self.regularizer,
            name="dense",
        )
        h = SpectralNormalization(dense, epsilon=EPSILON)(vector)
        return keras.layers.Reshape((height, width, channels), name="stem_reshape")(h)

    def norm_relu(self, h, condition, name, relu_name, num_classes=None):
        """Conditional batch normalisation, then ReLU. condition: [B, N], or labels [B] of `num_classes`.

        A vector goes through spectrally normalised maps; an embedding of each label is left as it is.
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

    def attention(self, h, resolutions, name):
        """Self-attention over h [B, H, W, C] where its shorter side is one of `resolutions`; h itself elsewhere."""
        if min(h.shape[1:3]) not in resolutions:
            return h
        return SelfAttention(
            spectral_norm=True,
            kernel_initializer="orthogonal",
            kernel_regularizer=self.regularizer,
            spectral_epsilon=EPSILON,
            name=name,
        )(h)


def attended(image_shape, resolutions):
    """The shorter sides of the maps that have self-attention: those asked for, by default 64 where there are such maps.

    Raises:
        ZooError: the networks for such images have no maps of a size asked for.
    """
    there = [min(image_shape[:2]) >> i for i in range(halvings(image_shape, MOST))]
    if resolutions is None:
        return (64,) if 64 in there else ()
    missing = [side for side in resolutions if side not in there]
    if missing:
        raise ZooError(
            f"arguments.attention_resolutions={list(resolutions)}: there are no maps of {missing[0]} pixels in networks for "
            f"images of {image_shape[0]}x{image_shape[1]}, only of {', '.join(map(str, there))}; take some of these, or []."
        )
    return tuple(resolutions)


def shared_embedding(labels, num_classes, size):
    """Labels [B] -> [B, size] by one table for the whole generator, which is neither normalised nor regularised."""
    return keras.layers.Embedding(
        num_classes, size, embeddings_initializer="orthogonal", dtype=output_dtype(), name="shared"
    )(labels)


def chunks(noise, count):
    """noise [B, Z] in `count` pieces, one after another, whose lengths differ by one at the most: the first ones are longer.

    Raises:
        ZooError: there are fewer numbers than pieces.
    """
    size = noise.shape[-1]
    if size < count:
        raise ZooError(
            f"arguments.noise_size={size}: hierarchical latents give each of {count - 1} blocks and the stem a piece; take "
            f"{count} or more, or set arguments.hierarchical=false."
        )
    lengths = [size // count + (i < size % count) for i in range(count)]
    starts = [sum(lengths[:i]) for i in range(count)]
    return [noise[:, a : a + length] for a, length in zip(starts, lengths, strict=True)]


def projection_head(h, labels, num_classes):
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
