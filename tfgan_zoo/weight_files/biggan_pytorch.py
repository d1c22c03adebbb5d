"""Weights of BigGAN-PyTorch, by an author of BigGAN (Brock et al. 2018, arXiv:1809.11096): G.pth, G_ema.pth and D.pth.

With a shared class embedding and hierarchical latents as for ImageNet, or without as for CIFAR-10. A condition is
[embedding, piece of the latent] there and [piece, embedding] here. Its spectral norm stores only u and recomputes v and sigma.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tfgan_zoo.weight_files.transfer import (
    RecognizedWeights,
    Tensors,
    Transfer,
    count_of,
    image_order,
    shape_of,
    u_only_spectral,
)

if TYPE_CHECKING:
    import keras

LAYOUT = "a generator of BigGAN-PyTorch"
BOTTOM = 4  # pixels, the bottom_width of all its scripts
AFFINE = ("gain", "bias", "stored_mean", "stored_var")
CONVOLUTIONS = (("conv_1", "conv1"), ("conv_2", "conv2"), ("shortcut", "conv_sc"))


def recognize(
    tensors: Tensors, discriminator: Tensors | None = None, batch_norm_epsilon: float = 1e-5
) -> RecognizedWeights:
    """Recognizes the tensors of this library.

    Args:
        tensors: {name: array} of the generator.
        discriminator: likewise, if there is one.
        batch_norm_epsilon: added to variances in training, which the file does not show: 1e-5 in the library's scripts, 1e-4
            in weights that its converter made from those of TF Hub.
    Raises:
        ZooError: they are not a generator of this library.
    """
    shape_of(tensors, "linear.u0", 2, LAYOUT)
    latent = shape_of(tensors, "linear.weight", 2, LAYOUT)[1]
    first, second = shape_of(tensors, "blocks.0.0.bn1.gain.weight", 2, LAYOUT)
    image_channels, width = shape_of(tensors, "output_layer.2.weight", 4, LAYOUT)[:2]
    blocks = count_of(tensors, r"blocks\.(\d+)\.")
    side = BOTTOM * 2**blocks
    shared_size = tensors["shared.weight"].shape[1] if "shared.weight" in tensors else 0
    hierarchical = bool(shared_size) and second > shared_size
    places = attentions(tensors)
    arguments = {
        "channels": width // (4 if side < 64 else 2 if side == 64 else 1),
        "noise_size": latent * (blocks + 1) if hierarchical else latent,
        "shared_size": shared_size,
        "hierarchical": hierarchical,
        "attention_resolutions": [BOTTOM * 2 ** (place + 1) for place in places],
    }
    return RecognizedWeights(
        "biggan",
        arguments,
        (side, side, image_channels),
        len(tensors["shared.weight"]) if shared_size else first,
        lambda network: assign_generator(network, tensors, batch_norm_epsilon),
        None if discriminator is None else lambda network: assign_discriminator(network, discriminator),
    )


def attentions(tensors: Tensors) -> list[int]:
    """The indices of the blocks followed by attention."""
    return sorted(int(match[1]) for name in tensors if (match := re.fullmatch(r"blocks\.(\d+)\.1\.gamma", name)))


def assign_generator(network: keras.Model, tensors: Tensors, batch_norm_epsilon: float) -> None:
    """Loads a state_dict into one of our BigGAN generators.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = Transfer(tensors, network, "the generator's file", u_only_spectral, batch_norm_epsilon)
    _, height, width, channels = network.get_layer("stem_reshape").output.shape
    transfer.kernel("dense", "linear", order=image_order(channels, height, width))
    shared_size = 0
    if "shared/embeddings" in transfer.variables:
        transfer.kernel("shared", "shared")
        shared_size = transfer.shape("shared/embeddings")[1]
    for i in range(count_of(transfer.variables, r"block_(\d+)_conv_1/")):
        for part, source in CONVOLUTIONS:
            transfer.kernel(f"block_{i + 1}_{part}", f"blocks.{i}.0.{source}")
        for n in (1, 2):
            norm(transfer, f"block_{i + 1}_norm_{n}", f"blocks.{i}.0.bn{n}", shared_size)
    attention(transfer)
    transfer.batch_norm("norm", "output_layer.0", AFFINE)
    transfer.kernel("to_images", "output_layer.2")
    transfer.finish()


def norm(transfer: Transfer, layer: str, key: str, shared_size: int) -> None:
    """A batch norm conditioned on the shared embedding and a piece of the latent, or with an embedding of its own."""
    inputs = None
    if shared_size:
        inputs = np.roll(np.arange(transfer.shape(f"{layer}/gamma/kernel")[0]), -shared_size)
    for part, source in (("gamma", "gain"), ("beta", "bias")):
        transfer.kernel(f"{layer}/{part}", f"{key}.{source}", inputs=inputs, table=not shared_size)
    transfer.batch_norm(layer, key, AFFINE[2:])


def attention(transfer: Transfer) -> None:
    """The attention after any block, if our network has it."""
    for path in list(transfer.variables):
        if match := re.fullmatch(r"(block_(\d+)_attention)/gain", path):
            transfer.attention(match[1], f"blocks.{int(match[2]) - 1}.1")


def assign_discriminator(network: keras.Model, tensors: Tensors) -> None:
    """Loads a state_dict into one of our BigGAN discriminators.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = Transfer(tensors, network, "the discriminator's file", u_only_spectral)
    for i in range(count_of(transfer.variables, r"block_(\d+)_conv_1/")):
        for part, source in CONVOLUTIONS:
            if f"block_{i + 1}_{part}/kernel" in transfer.variables:
                transfer.kernel(f"block_{i + 1}_{part}", f"blocks.{i}.0.{source}")
    attention(transfer)
    transfer.kernel("logits", "linear")
    transfer.kernel("embed", "embed")
    transfer.finish()
