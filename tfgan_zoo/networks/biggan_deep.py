"""BigGAN-deep's networks for 32 to 512 pixels. Brock et al. 2018, arXiv:1809.11096, appendix B, tables 7 to 9, figure 16.

Blocks with bottlenecks, twice as many as BigGAN's; shortcuts keep or drop channels and never mix them. The generator is that of
the published weights: its last convolution has `channels` outputs, the first of which are the image.
"""

import keras

from tfgan_zoo.layers import BatchNorm, OrthogonalRegularizer, ReLU, Upsample2D, UpsampleConv2D
from tfgan_zoo.networks.inputs import generator_inputs, joined, labels_input
from tfgan_zoo.networks.shapes import halvings, output_dtype, to_images
from tfgan_zoo.networks.spectral_layers import GENERATOR_WIDTHS, MOST, SpectralLayers, projection_head, shared_embedding

BOTTLENECK = 4  # a block's 3x3 convolutions are this many times narrower

# By the number of upsamplings in the generator, in multiples of `channels`: the discriminator's first convolution, then each
# pair of a block that halves and one that does not. Those for 16 to 64 pixels are ours: the paper has no table.
DISCRIMINATOR_WIDTHS = {
    2: (4, 4, 4),
    3: (4, 4, 4, 4),
    4: (2, 4, 8, 16, 16),
    5: (1, 2, 4, 8, 16, 16),
    6: (1, 2, 4, 8, 8, 16, 16),
    7: (1, 1, 2, 4, 8, 8, 16, 16),
}


def generator_block(
    x: keras.KerasTensor, filters: int, condition: keras.KerasTensor, name: str, layers: SpectralLayers, up: bool
) -> keras.KerasTensor:
    """Four convolutions, 1x1, 3x3, 3x3 and 1x1, each after conditional BN and ReLU: [B, h, w, c] -> [B, h or 2h, ..., filters].

    If `up`, upsampling comes before the second. The shortcut is the first `filters` channels.
    """
    narrow, plain = x.shape[-1] // BOTTLENECK, keras.layers.Conv2D
    steps = [
        (plain, narrow, 1),
        (UpsampleConv2D if up else plain, narrow, 3),
        (plain, narrow, 3),
        (plain, filters, 1),
    ]
    h = x
    for i, (kind, width, size) in enumerate(steps, 1):
        h = layers.norm_relu(h, condition, f"{name}_norm_{i}", f"{name}_relu_{i}")
        h = layers.conv(kind, width, f"{name}_conv_{i}", size)(h)
    shortcut = x[..., :filters] if filters < x.shape[-1] else x
    shortcut = Upsample2D(name=f"{name}_shortcut_up")(shortcut) if up else shortcut
    return keras.layers.Add(name=f"{name}_add")([h, shortcut])


def generator(
    image_shape: tuple[int, ...],
    num_classes: int,
    noise_size: int = 128,
    channels: int = 128,
    shared_size: int = 128,
    attention: tuple[int, ...] = (),
    regularizer: OrthogonalRegularizer | None = None,
    norm_epsilon: float = 1e-4,
) -> keras.Model:
    """{"noise": [B, noise_size], "labels": int32 [B]} -> images [B, H, W, C] in [-1, 1].

    The stem and every conditional normalisation see the whole latent followed by the class embedding.

    Args:
        image_shape: (H, W, C); C is 1, 3 or 4.
        num_classes: of the labels.
        channels: the width that the tables multiply, at least C.
        shared_size: size of the class embedding.
        attention: shorter sides of the feature maps that are followed by self-attention, after the block that upsamples to them.
        regularizer: of every kernel except the shared embedding, or None.
        norm_epsilon: of batch normalisation.
    """
    height, width, image_channels = image_shape
    count = halvings(image_shape, MOST)
    first, *widths = [channels * multiple for multiple in GENERATOR_WIDTHS[count]]
    layers = SpectralLayers(regularizer, norm_epsilon)
    inputs = generator_inputs(noise_size, num_classes)
    condition = joined([inputs["noise"], shared_embedding(inputs["labels"], num_classes, shared_size)])
    h = layers.stem(condition, height >> count, width >> count, first)
    for i, filters in enumerate(widths, 1):
        h = generator_block(h, h.shape[-1], condition, f"block_{2 * i - 1}", layers, up=False)
        h = generator_block(h, filters, condition, f"block_{2 * i}", layers, up=True)
        h = layers.attention(h, attention, f"block_{2 * i}_attention")
    h = keras.layers.ReLU(name="relu")(BatchNorm(epsilon=norm_epsilon, name="norm")(h))
    h = layers.conv(keras.layers.Conv2D, max(channels, image_channels), "to_images")(h)
    return keras.Model(inputs, to_images(h[..., :image_channels]), name="generator")


def discriminator_block(
    x: keras.KerasTensor, filters: int, name: str, layers: SpectralLayers, down: bool
) -> keras.KerasTensor:
    """Four convolutions, 1x1, 3x3, 3x3 and 1x1, each after ReLU; if `down`, average pooling comes before the last.

    The shortcut is pooled as well, and a 1x1 convolution of it adds the missing channels.
    """
    narrow = filters // BOTTLENECK
    h = x
    for i, (width, size) in enumerate([(narrow, 1), (narrow, 3), (narrow, 3), (filters, 1)], 1):
        h = ReLU(name=f"{name}_relu_{i}")(h)
        h = keras.layers.AveragePooling2D(2, name=f"{name}_down")(h) if down and i == 4 else h
        h = layers.conv(keras.layers.Conv2D, width, f"{name}_conv_{i}", size)(h)
    shortcut = keras.layers.AveragePooling2D(2, name=f"{name}_shortcut_down")(x) if down else x
    missing = filters - x.shape[-1]
    if missing:
        added = layers.conv(keras.layers.Conv2D, missing, f"{name}_shortcut", size=1)(shortcut)
        shortcut = keras.layers.Concatenate(name=f"{name}_shortcut_join")([shortcut, added])
    return keras.layers.Add(name=f"{name}_add")([h, shortcut])


def discriminator(
    image_shape: tuple[int, ...], num_classes: int, channels: int = 128, attention: tuple[int, ...] = ()
) -> keras.Model:
    """{"images": [B, H, W, C], "labels": int32 [B]} -> {"logits": [B, 1], "features": [B, F]}.

    Args:
        image_shape, num_classes, channels: as in `generator`.
        attention: shorter sides of the feature maps that are followed by self-attention, after both blocks at that size.
    """
    first, *widths = [channels * multiple for multiple in DISCRIMINATOR_WIDTHS[halvings(image_shape, MOST)]]
    layers = SpectralLayers()
    images, labels = keras.Input(image_shape, dtype=output_dtype(), name="images"), labels_input()
    h = layers.conv(keras.layers.Conv2D, first, "from_images")(images)
    for i, filters in enumerate(widths, 1):
        h = discriminator_block(h, filters, f"block_{2 * i - 1}", layers, down=True)
        h = discriminator_block(h, filters, f"block_{2 * i}", layers, down=False)
        h = layers.attention(h, attention, f"block_{2 * i}_attention")
    outputs = projection_head(h, labels, num_classes)
    return keras.Model({"images": images, "labels": labels}, outputs, name="discriminator")
