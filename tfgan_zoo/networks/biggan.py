"""BigGAN's networks for 32 to 512 pixels. Brock et al. 2018, arXiv:1809.11096, appendix B, tables 4 to 6 and figure 15.

Widths at 32 and 64 pixels, of which the paper has no table, are those of the authors' PyTorch code. Resampling is computed in
a cheaper order that does not change the function, as in `resnet`.
"""

import keras

from tfgan_zoo.layers import BatchNorm, ConvDownsample2D, ReLU, Upsample2D, UpsampleConv2D
from tfgan_zoo.networks.inputs import generator_inputs, joined, labels_input
from tfgan_zoo.networks.shapes import halvings, output_dtype, to_images
from tfgan_zoo.networks.spectral_layers import (
    GENERATOR_WIDTHS,
    MOST,
    SpectralLayers,
    chunks,
    projection_head,
    shared_embedding,
)

# By the number of upsamplings in the generator: the widths of the discriminator's blocks in multiples of `channels`, and how
# many of them halve.
DISCRIMINATOR_WIDTHS = {
    2: ((4, 4, 4, 4), 2),
    3: ((4, 4, 4, 4), 2),
    4: ((1, 2, 4, 8, 16), 4),
    5: ((1, 2, 4, 8, 16, 16), 5),
    6: ((1, 2, 4, 8, 8, 16, 16), 6),
    7: ((1, 1, 2, 4, 8, 8, 16, 16), 7),
}


def conditions(inputs, num_classes, shared_size, hierarchical, blocks):
    """What the stem sees of the latent [B, N], and what each block's normalisations see: [B, N], or labels [B].

    With a shared embedding a block sees it, behind its piece of the latent where that is split. Without, it sees the label.
    """
    pieces = chunks(inputs["noise"], blocks + 1) if hierarchical else [inputs["noise"]]
    if not shared_size:
        return pieces[0], [inputs["labels"]] * blocks
    shared = shared_embedding(inputs["labels"], num_classes, shared_size)
    return pieces[0], [joined([piece, shared]) for piece in pieces[1:]] or [shared] * blocks


def generator_block(h, filters, condition, name, layers, num_classes):
    """Conditional BN, ReLU, upsampling, conv, conditional BN, ReLU, conv, beside a 1x1 shortcut: [B, 2h, 2w, filters]."""
    x = h
    h = layers.norm_relu(h, condition, f"{name}_norm_1", f"{name}_relu_1", num_classes)
    h = layers.conv(UpsampleConv2D, filters, f"{name}_conv_1")(h)
    h = layers.norm_relu(h, condition, f"{name}_norm_2", f"{name}_relu_2", num_classes)
    h = layers.conv(keras.layers.Conv2D, filters, f"{name}_conv_2")(h)
    shortcut = layers.conv(keras.layers.Conv2D, filters, f"{name}_shortcut", size=1)(x)
    return keras.layers.Add(name=f"{name}_add")([h, Upsample2D(name=f"{name}_shortcut_up")(shortcut)])


def generator(
    image_shape,
    num_classes,
    noise_size=120,
    channels=96,
    shared_size=128,
    hierarchical=True,
    attention=(),
    regularizer=None,
    norm_epsilon=1e-5,
):
    """{"noise": [B, noise_size], "labels": int32 [B]} -> images [B, H, W, C] in [-1, 1].

    Args:
        image_shape: (H, W, C); C is 1, 3 or 4.
        num_classes: of the labels.
        channels: the width that the tables multiply.
        shared_size: of the class embedding that all normalisations share; 0 gives each one of its own.
        hierarchical: the latent is split over the stem and the blocks; needs the shared embedding.
        attention: shorter sides of the maps after which self-attention stands.
        regularizer: of every kernel but the shared embedding, or None.
        norm_epsilon: of batch normalisation.
    """
    height, width, image_channels = image_shape
    count = halvings(image_shape, MOST)
    first, *widths = [channels * multiple for multiple in GENERATOR_WIDTHS[count]]
    layers = SpectralLayers(regularizer, norm_epsilon)
    inputs = generator_inputs(noise_size, num_classes)
    start, seen = conditions(inputs, num_classes, shared_size, hierarchical, count)
    h = layers.stem(start, height >> count, width >> count, first)
    for i, (filters, condition) in enumerate(zip(widths, seen, strict=True), 1):
        h = generator_block(h, filters, condition, f"block_{i}", layers, None if shared_size else num_classes)
        h = layers.attention(h, attention, f"block_{i}_attention")
    h = keras.layers.ReLU(name="relu")(BatchNorm(epsilon=norm_epsilon, name="norm")(h))
    h = layers.conv(keras.layers.Conv2D, image_channels, "to_images")(h)
    return keras.Model(inputs, to_images(h), name="generator")


def discriminator_block(x, filters, name, layers, down, first=False):
    """ReLU, conv, ReLU, conv, average pooling where `down`, beside a shortcut, 1x1 where the shape changes.

    Both convolutions have `filters`. The first block sees the image, which is not activated.
    """
    h = x if first else ReLU(name=f"{name}_relu_1")(x)
    h = layers.conv(keras.layers.Conv2D, filters, f"{name}_conv_1")(h)
    h = ReLU(name=f"{name}_relu_2")(h)
    h = layers.conv(ConvDownsample2D if down else keras.layers.Conv2D, filters, f"{name}_conv_2")(h)
    shortcut = keras.layers.AveragePooling2D(2, name=f"{name}_shortcut_down")(x) if down else x
    if down or filters != x.shape[-1]:
        shortcut = layers.conv(keras.layers.Conv2D, filters, f"{name}_shortcut", size=1)(shortcut)
    return keras.layers.Add(name=f"{name}_add")([h, shortcut])


def discriminator(image_shape, num_classes, channels=96, attention=()):
    """{"images": [B, H, W, C], "labels": int32 [B]} -> {"logits": [B, 1], "features": [B, F]}.

    Args:
        image_shape, num_classes, channels, attention: as in `generator`.
    """
    multiples, halving = DISCRIMINATOR_WIDTHS[halvings(image_shape, MOST)]
    layers = SpectralLayers()
    images, labels = keras.Input(image_shape, dtype=output_dtype(), name="images"), labels_input()
    h = images
    for i, multiple in enumerate(multiples, 1):
        h = discriminator_block(h, channels * multiple, f"block_{i}", layers, down=i <= halving, first=i == 1)
        h = layers.attention(h, attention if i <= halving else (), f"block_{i}_attention")
    outputs = projection_head(h, labels, num_classes)
    return keras.Model({"images": images, "labels": labels}, outputs, name="discriminator")
