"""Weights of torch-mimicry (Lee and Town 2020, arXiv:2005.02494): SNGAN, cGAN with projection discriminator and SAGAN.

A torch-mimicry checkpoint (`model_state_dict`, ...) or a state_dict, for images of 32, 48, 64 or 128 pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import (
    RecognizedWeights,
    Tensors,
    Transfer,
    count_of,
    image_order,
    shape_of,
    torch_spectral,
    u_only_spectral,
)

if TYPE_CHECKING:
    import keras

LAYOUT = "a generator of torch-mimicry"


def recognize(tensors: Tensors, discriminator: Tensors | None = None) -> RecognizedWeights:
    """Recognizes the tensors of this library.

    Args:
        tensors: {name: array} of the generator.
        discriminator: likewise, if there is one.
    Raises:
        ZooError: they are not a generator of this library.
    """
    stem = "l1.weight_orig" if "l1.weight_orig" in tensors else "l1.weight"
    outputs, noise_size = shape_of(tensors, stem, 2, LAYOUT)
    blocks = count_of(tensors, r"block(\d+)\.")
    convolution = "block2.c1.weight_orig" if "block2.c1.weight_orig" in tensors else "block2.c1.weight"
    channels = shape_of(tensors, convolution, 4, LAYOUT)[1]
    bottom = math.isqrt(outputs // channels)
    last = next(
        (f"c{blocks + 2}.{kind}" for kind in ("weight_orig", "weight") if f"c{blocks + 2}.{kind}" in tensors), ""
    )
    width = shape_of(tensors, last or f"c{blocks + 2}.weight", 4, LAYOUT)[1]
    image_channels = tensors[last].shape[0]
    embedding = tensors.get("block2.b1.embed.weight")
    attention = "attn_block.gamma" in tensors
    if attention and embedding is None:
        raise ZooError(f"this is not {LAYOUT}: it has attention but no classes, unlike any of that library's models.")
    classes = 0 if embedding is None else len(embedding)
    arguments: dict[str, object] = {"mimicry": True, "noise_size": noise_size, "generator_channels": width}
    if discriminator is not None:
        arguments["discriminator_channels"] = discriminator_width(discriminator)
    return RecognizedWeights(
        "sagan" if attention else "projection" if classes else "sngan",
        arguments,
        (bottom * 2**blocks, bottom * 2**blocks, image_channels),
        classes,
        lambda network: assign_generator(network, tensors),
        None if discriminator is None else lambda network: assign_discriminator(network, discriminator),
    )


def discriminator_width(tensors: Tensors) -> int:
    """The width of the first block.

    Raises:
        ZooError: it is not a discriminator with spectral normalisation.
    """
    if "block1.c1.weight" in tensors:
        raise ZooError(
            "this discriminator has no spectral normalisation: DCGAN's and WGAN-GP's can't be told apart in a file, but pool "
            "differently; leave --discriminator out to import only the generator."
        )
    return shape_of(tensors, "block1.c1.weight_orig", 4, "a discriminator of torch-mimicry")[0]


def assign_generator(network: keras.Model, tensors: Tensors) -> None:
    """Loads a state_dict into one of our residual generators.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = Transfer(tensors, network, "the generator's file")
    blocks = count_of(transfer.variables, r"block_(\d+)_conv_1/")
    _, height, width, channels = network.get_layer("stem_reshape").output.shape
    transfer.kernel("dense", "l1", order=image_order(channels, height, width))
    for i in range(1, blocks + 1):
        for part, source in (("conv_1", "c1"), ("conv_2", "c2"), ("shortcut", "c_sc")):
            transfer.kernel(f"block_{i}_{part}", f"block{i + 1}.{source}")
        for n in (1, 2):
            norm(transfer, f"block_{i}_norm_{n}", f"block{i + 1}.b{n}")
    if "attention/gain" in transfer.variables:
        transfer.attention("attention", "attn_block")
    transfer.batch_norm("norm", f"b{blocks + 2}")
    transfer.kernel("to_images", f"c{blocks + 2}")
    transfer.finish()


def norm(transfer: Transfer, layer: str, key: str) -> None:
    """A batch norm. A conditional one stores [gamma, beta] of a class in a row, and its gamma of 1 is our 0."""
    if f"{layer}/gamma/kernel" not in transfer.variables:
        transfer.batch_norm(layer, key)
        return
    classes, channels = transfer.shape(f"{layer}/gamma/kernel")
    table = transfer.take(f"{key}.embed.weight", (classes, 2 * channels))
    transfer.put(f"{layer}/gamma/kernel", table[:, :channels] - 1)
    transfer.put(f"{layer}/beta/kernel", table[:, channels:])
    transfer.batch_norm(layer, f"{key}.bn", ("running_mean", "running_var"))


def spectral(transfer: Transfer, key: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PyTorch's spectral norm, or the library's own, which is used in the heads of its projection discriminator."""
    if f"{key}.sn_u" in transfer.tensors:
        return u_only_spectral(transfer, key, shape, ("sn_u", "sn_sigma"))
    return torch_spectral(transfer, key, shape)


def assign_discriminator(network: keras.Model, tensors: Tensors) -> None:
    """Loads a state_dict into one of our residual discriminators.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = Transfer(tensors, network, "the discriminator's file", spectral)
    blocks = count_of(transfer.variables, r"block_(\d+)_conv_1/")
    for i in range(1, blocks + 1):
        for part, source in (("conv_1", "c1"), ("conv_2", "c2"), ("shortcut", "c_sc")):
            if f"block_{i}_{part}/kernel" in transfer.variables:
                transfer.kernel(f"block_{i}_{part}", f"block{i}.{source}")
    if "attention/gain" in transfer.variables:
        transfer.attention("attention", "attn_block")
    transfer.kernel("logits", f"l{blocks + 1}")
    if "label_embedding/embeddings" in transfer.variables:
        transfer.kernel("label_embedding", "l_y")
    transfer.finish()
