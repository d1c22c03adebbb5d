"""Weights of PyTorch-StudioGAN's residual networks (Kang et al. 2022, arXiv:2206.09479): SNGAN and SAGAN.

Its batch norm adds 1e-4 to the variance. Spectrally normalised class scales and offsets, which ours are not, are divided by
their sigma.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import RecognizedWeights, Tensors, Transfer, image_order, shape_of

if TYPE_CHECKING:
    import keras

LAYOUT = "a residual generator of StudioGAN"
EPSILON = 1e-4  # of its batch norm
ATTENTION = ("conv1x1_theta", "conv1x1_phi", "conv1x1_g", "conv1x1_attn")
CONVOLUTIONS = (("conv_1", "conv2d1"), ("conv_2", "conv2d2"), ("shortcut", "conv2d0"))


def recognize(tensors: Tensors, discriminator: Tensors | None = None) -> RecognizedWeights:
    """Recognizes the tensors of this library.

    Args:
        tensors: {name: array} of the generator.
        discriminator: likewise, if there is one.

    Raises:
        ZooError: they are not such networks, or differ from ours.
    """
    blocks, attention = order_of(tensors)
    is_normalized = "linear0.weight_orig" in tensors
    kind = "weight_orig" if is_normalized else "weight"
    outputs, noise_size = shape_of(tensors, f"linear0.{kind}", 2, LAYOUT)
    channels = shape_of(tensors, f"blocks.0.0.conv2d1.{kind}", 4, LAYOUT)[1]
    image_channels, width = shape_of(tensors, f"conv2d5.{kind}", 4, LAYOUT)[:2]
    bottom = math.isqrt(outputs // channels)
    side = bottom * 2 ** len(blocks)
    classes = classes_of(tensors)
    arguments: dict[str, object] = {"noise_size": noise_size, "generator_channels": width}
    if attention is not None:
        arguments |= {"generator_attention": bottom * 2**attention, "generator_spectral_norm": is_normalized}
    if discriminator is not None:
        arguments |= discriminator_arguments(discriminator, side, attention is not None)
    return RecognizedWeights(
        "sagan" if attention is not None else "projection" if classes else "sngan",
        arguments,
        (side, side, image_channels),
        classes,
        lambda network: assign_generator(network, tensors),
        None if discriminator is None else lambda network: assign_discriminator(network, discriminator),
    )


def order_of(tensors: Tensors) -> tuple[list[int], int | None]:
    """(the positions in `blocks` of the residual blocks, in order; how many precede the attention, or None without)."""
    positions = sorted({int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.0\.conv2d1\.", name))})
    attentions = [int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.0\.sigma$", name))]
    if not positions or len(attentions) > 1:
        raise ZooError(
            f"this is not {LAYOUT}: it has {len(positions)} residual blocks and {len(attentions)} attentions."
        )
    return positions, sum(position < attentions[0] for position in positions) if attentions else None


def classes_of(tensors: Tensors) -> int:
    """The number of classes that the batch norm is conditioned on, 0 for none."""
    for name, tensor in tensors.items():
        if match := re.fullmatch(r"blocks\.0\.0\.bn1\.(gain|embed0)\.weight(_orig)?", name):
            return tensor.shape[match[1] == "gain"]
    return 0


def discriminator_arguments(tensors: Tensors, side: int, attends: bool) -> dict[str, object]:
    """The arguments of the recipe that describe the discriminator.

    Raises:
        ZooError: it differs from ours.
    """
    _, attention = order_of(tensors)
    if "blocks.0.0.conv2d1.weight" in tensors or side != 32:
        raise ZooError(
            f"this discriminator is for {side} pixels, with{'out' * ('blocks.0.0.conv2d1.weight' in tensors)} spectral "
            "normalisation; only those for 32 pixels with it can be imported; leave --discriminator out to import only the "
            "generator."
        )
    if (attention is not None) != attends or (attention or 0) > 2:
        raise ZooError(
            "this discriminator's attention does not follow the first or the second block, like ours; leave --discriminator "
            "out to import only the generator."
        )
    where: dict[str, object] = {} if attention is None else {"discriminator_attention": side // 2**attention}
    width = shape_of(tensors, "blocks.0.0.conv2d1.weight_orig", 4, "a residual discriminator of StudioGAN")[0]
    return {"discriminator_channels": width, "activated_shortcuts": True, **where}


def assign_generator(network: keras.Model, tensors: Tensors) -> None:
    """Loads a state_dict into one of our residual generators.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = Transfer(tensors, network, "the generator's file", epsilon=EPSILON)
    _, height, width, channels = network.get_layer("stem_reshape").output.shape
    transfer.kernel("dense", "linear0", order=image_order(channels, height, width))
    positions, attention = order_of(tensors)
    for i, position in enumerate(positions, 1):
        for part, source in CONVOLUTIONS:
            transfer.kernel(f"block_{i}_{part}", f"blocks.{position}.0.{source}")
        for n in (1, 2):
            norm(transfer, f"block_{i}_norm_{n}", f"blocks.{position}.0.bn{n}")
    if attention is not None:
        transfer.attention("attention", f"blocks.{attention}.0", ATTENTION, "sigma", (1,))
    transfer.batch_norm("norm", "bn4")
    transfer.kernel("to_images", "conv2d5")
    transfer.finish()


def norm(transfer: Transfer, layer: str, key: str) -> None:
    """A batch norm, plain or conditioned by a linear map of one-hot labels or, in older files, by embeddings."""
    if f"{layer}/gamma/kernel" not in transfer.variables:
        transfer.batch_norm(layer, key)
        return
    old = any(name.startswith(f"{key}.embed0.") for name in transfer.tensors)
    for part, source in (("gamma", "embed0"), ("beta", "embed1")) if old else (("gamma", "gain"), ("beta", "bias")):
        transfer.kernel(f"{layer}/{part}", f"{key}.{source}", table=old)
    transfer.batch_norm(layer, f"{key}.bn", ("running_mean", "running_var"))


def assign_discriminator(network: keras.Model, tensors: Tensors) -> None:
    """Loads a state_dict into one of our residual discriminators.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = Transfer(tensors, network, "the discriminator's file")
    positions, attention = order_of(tensors)
    for i, position in enumerate(positions, 1):
        for part, source in CONVOLUTIONS:
            if f"block_{i}_{part}/kernel" in transfer.variables:
                transfer.kernel(f"block_{i}_{part}", f"blocks.{position}.0.{source}")
    if attention is not None:
        transfer.attention("attention", f"blocks.{attention}.0", ATTENTION, "sigma", (1,))
    transfer.kernel("logits", "linear1")
    if "label_embedding/embeddings" in transfer.variables:
        transfer.kernel("label_embedding", "embedding")
    transfer.finish()
