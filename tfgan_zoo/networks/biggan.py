"""BigGAN's networks for 32 to 512 pixels. Brock et al. 2018, arXiv:1809.11096, appendix B, tables 4 to 6 and figure 15.

Widths at 32 and 64 pixels, for which the paper has no table, are those of the authors' PyTorch code. Resampling is computed in a
cheaper order that does not change the function, as in `resnet`.
"""

import keras

from tfgan_zoo.layers import BatchNorm, ConvDownsample2D, OrthogonalRegularizer, ReLU, Upsample2D, UpsampleConv2D
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

# By the number of upsamplings in the generator: the widths of the discriminator's blocks in multiples of `channels`, and the number
# of blocks that downsample.
DISCRIMINATOR_WIDTHS = {
    2: ((4, 4, 4, 4), 2),
    3: ((4, 4, 4, 4), 2),
    4: ((1, 2, 4, 8, 16), 4),
    5: ((1, 2, 4, 8, 16, 16), 5),
    6: ((1, 2, 4, 8, 8, 16, 16), 6),
    7: ((1, 1, 2, 4, 8, 8, 16, 16), 7),
}


def conditions(
    inputs: dict[str, keras.KerasTensor], num_classes: int, shared_size: int, hierarchical: bool, blocks: int
) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    """The stem's input [B, N], and the condition of each block's normalisations: [B, N], or labels [B].

    With a shared embedding, a block's condition is that embedding, preceded by the block's chunk of the latent if it is split.
    Without, it is the label.
    """
    pieces = chunks(inputs["noise"], blocks + 1) if hierarchical else [inputs["noise"]]
    if not shared_size:
        return pieces[0], [inputs["labels"]] * blocks
    shared = shared_embedding(inputs["labels"], num_classes, shared_size)
    return pieces[0], [joined([piece, shared]) for piece in pieces[1:]] or [shared] * blocks


def generator_block(
    h: keras.KerasTensor,
    filters: int,
    condition: keras.KerasTensor,
    name: str,
    layers: SpectralLayers,
    num_classes: int | None,
) -> keras.KerasTensor:
    """Conditional BN, ReLU, upsampling, conv, conditional BN, ReLU, conv, beside a 1x1 shortcut: [B, 2h, 2w, filters]."""
    x = h
    h = layers.norm_relu(h, condition, f"{name}_norm_1", f"{name}_relu_1", num_classes)
    h = layers.conv(UpsampleConv2D, filters, f"{name}_conv_1")(h)
    h = layers.norm_relu(h, condition, f"{name}_norm_2", f"{name}_relu_2", num_classes)
    h = layers.conv(keras.layers.Conv2D, filters, f"{name}_conv_2")(h)
    shortcut = layers.conv(keras.layers.Conv2D, filters, f"{name}_shortcut", size=1)(x)
    return keras.layers.Add(name=f"{name}_add")([h, Upsample2D(name=f"{name}_shortcut_up")(shortcut)])


def generator(
    image_shape: tuple[int, ...],
    num_classes: int,
    noise_size: int = 120,
    channels: int = 96,
    shared_size: int = 128,
    hierarchical: bool = True,
    attention: tuple[int, ...] = (),
    regularizer: OrthogonalRegularizer | None = None,
    norm_epsilon: float = 1e-5,
) -> keras.Model:
    """{"noise": [B, noise_size], "labels": int32 [B]} -> images [B, H, W, C] in [-1, 1].

    Args:
        image_shape: (H, W, C); C is 1, 3 or 4.
        num_classes: of the labels.
        channels: the width that the tables multiply.
        shared_size: size of the class embedding that all normalisations share; 0 for a separate one in each.
        hierarchical: split the latent over the stem and the blocks; needs the shared embedding.
        attention: shorter sides of the feature maps that are followed by self-attention.
        regularizer: of every kernel except the shared embedding, or None.
        norm_epsilon: of batch normalisation.
    """
    height, width, image_channels = image_shape
    count = halvings(image_shape, MOST)
    first, *widths = [channels * multiple for multiple in GENERATOR_WIDTHS[count]]
    layers = SpectralLayers(regularizer, norm_epsilon)
    inputs = generator_inputs(noise_size, num_classes)
    start, block_conditions = conditions(inputs, num_classes, shared_size, hierarchical, count)
    h = layers.stem(start, height >> count, width >> count, first)
    for i, (filters, condition) in enumerate(zip(widths, block_conditions, strict=True), 1):
        h = generator_block(h, filters, condition, f"block_{i}", layers, None if shared_size else num_classes)
        h = layers.attention(h, attention, f"block_{i}_attention")
    h = keras.layers.ReLU(name="relu")(BatchNorm(epsilon=norm_epsilon, name="norm")(h))
    h = layers.conv(keras.layers.Conv2D, image_channels, "to_images")(h)
    return keras.Model(inputs, to_images(h), name="generator")


def discriminator_block(
    x: keras.KerasTensor, filters: int, name: str, layers: SpectralLayers, down: bool, first: bool = False
) -> keras.KerasTensor:
    """ReLU, conv, ReLU, conv, average pooling if `down`, beside a shortcut that is 1x1 if the shape changes.

    Both convolutions have `filters` outputs. The input of the first block is the image, which is not activated.
    """
    h = x if first else ReLU(name=f"{name}_relu_1")(x)
    h = layers.conv(keras.layers.Conv2D, filters, f"{name}_conv_1")(h)
    h = ReLU(name=f"{name}_relu_2")(h)
    h = layers.conv(ConvDownsample2D if down else keras.layers.Conv2D, filters, f"{name}_conv_2")(h)
    shortcut = keras.layers.AveragePooling2D(2, name=f"{name}_shortcut_down")(x) if down else x
    if down or filters != x.shape[-1]:
        shortcut = layers.conv(keras.layers.Conv2D, filters, f"{name}_shortcut", size=1)(shortcut)
    return keras.layers.Add(name=f"{name}_add")([h, shortcut])


def discriminator(
    image_shape: tuple[int, ...], num_classes: int, channels: int = 96, attention: tuple[int, ...] = ()
) -> keras.Model:
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
