"""Weights of pytorch-pretrained-biggan: the generators of BigGAN-deep (Brock et al. 2018, arXiv:1809.11096), from TF Hub.

Each batch norm has 51 sets of statistics, for truncations of 0, 0.02, ..., 1; one of them is used. Between two of them that
library interpolates with the two weights exchanged, so a truncation on the grid is required here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import RecognizedWeights, Tensors, Transfer, shape_of

if TYPE_CHECKING:
    import keras

LAYOUT = "a generator of pytorch-pretrained-biggan"
EPSILON = 1e-4  # of its batch norm
ATTENTION = tuple(f"snconv1x1_{part}" for part in ("theta", "phi", "g", "o_conv"))


def recognize(tensors: Tensors, discriminator: Tensors | None = None, truncation: float = 1.0) -> RecognizedWeights:
    """Recognizes the tensors of this library.

    Args:
        tensors: {name: array} of the generator.
        discriminator: None, since none was published.
        truncation: selects the batch statistics, of which the file has a grid.
    Raises:
        ZooError: they are not a generator of this library; there is a discriminator; the truncation is off the grid.
    """
    if discriminator is not None:
        raise ZooError("these weights are only a generator: no discriminator was published; leave --discriminator out.")
    noise_size, classes = shape_of(tensors, "embeddings.weight", 2, LAYOUT)
    width = shape_of(tensors, "generator.conv_to_rgb.weight_orig", 4, LAYOUT)[0]
    count = shape_of(tensors, "generator.bn.running_means", 2, LAYOUT)[0]
    row = row_of(truncation, count)
    blocks, attention = positions(tensors)
    side = 4 * 2 ** (len(blocks) // 2)
    arguments = {
        "channels": width // (2 if side == 64 else 4 if side < 64 else 1),
        "noise_size": noise_size,
        "shared_size": noise_size,
        "attention_resolutions": [4 * 2 ** (before // 2) for before in attention],
    }
    note = (
        f"The batch statistics are those of truncation {truncation:g}: latents from a normal distribution truncated at two "
        f"standard deviations, times {truncation:g}; sample with --truncation={2 * truncation:g}."
    )
    return RecognizedWeights(
        "biggan_deep",
        arguments,
        (side, side, 3),
        classes,
        lambda network: assign_generator(network, tensors, row),
        notes=(note,),
    )


def row_of(truncation: float, count: int) -> int:
    """The row of a truncation in a grid of `count` from 0 to 1.

    Raises:
        ZooError: it is between two rows; names both.
    """
    position = truncation * (count - 1)
    row = round(position)
    if not 0 < truncation <= 1 or abs(position - row) > 1e-6:
        near = [n / (count - 1) for n in (max(int(position), 1), int(position) + 1) if 1 <= n < count] or [1.0]
        raise ZooError(
            f"--truncation={truncation:g}: the file has batch statistics for {1 / (count - 1):g}, {2 / (count - 1):g}, ..., 1; "
            f"use {' or '.join(f'{n:g}' for n in near)}."
        )
    return row


def positions(tensors: Tensors) -> tuple[list[int], list[int]]:
    """(the positions of the blocks in `layers`, in order; the number of blocks before each attention)."""
    names = "\n".join(tensors)
    blocks = sorted({int(n) for n in re.findall(r"^generator\.layers\.(\d+)\.conv_0\.bias$", names, re.MULTILINE)})
    attentions = re.findall(r"^generator\.layers\.(\d+)\.gamma$", names, re.MULTILINE)
    if not blocks or len(blocks) % 2:
        raise ZooError(f"this is not {LAYOUT}: it has {len(blocks)} blocks; expected an even number.")
    return blocks, [sum(block < int(position) for block in blocks) for position in attentions]


def assign_generator(network: keras.Model, tensors: Tensors, row: int) -> None:
    """Loads a state_dict into one of our BigGAN-deep generators.

    row: of the batch statistics.
    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = Transfer(tensors, network, "the generator's file", epsilon=EPSILON)
    classes, size = transfer.shape("shared/embeddings")
    transfer.put("shared/embeddings", transfer.take("embeddings.weight", (size, classes)).T)
    transfer.kernel("dense", "generator.gen_z")  # its outputs are in the order H, W, C, too
    blocks, attention = positions(tensors)
    for i, position in enumerate(blocks, 1):
        for n in range(4):
            key, layer = f"generator.layers.{position}", f"block_{i}"
            transfer.kernel(f"{layer}_conv_{n + 1}", f"{key}.conv_{n}")
            transfer.kernel(f"{layer}_norm_{n + 1}/gamma", f"{key}.bn_{n}.scale")
            transfer.kernel(f"{layer}_norm_{n + 1}/beta", f"{key}.bn_{n}.offset")
            statistics(transfer, f"{layer}_norm_{n + 1}", f"{key}.bn_{n}", row)
    for before in attention:  # its position in `layers` equals this number if it is the only one
        transfer.attention(f"block_{before}_attention", f"generator.layers.{before}", ATTENTION, gain_shape=(1,))
    transfer.copy("norm/scale", "generator.bn.weight")
    transfer.copy("norm/offset", "generator.bn.bias")
    statistics(transfer, "norm", "generator.bn", row)
    transfer.kernel("to_images", "generator.conv_to_rgb")
    transfer.finish()


def statistics(transfer: Transfer, layer: str, key: str, row: int) -> None:
    """Loads one row of the statistics of a batch norm."""
    shape = (len(transfer.tensors["generator.bn.running_means"]), *transfer.shape(f"{layer}/moving_mean"))
    mean, variance = (transfer.take(f"{key}.{name}", shape)[row] for name in ("running_means", "running_vars"))
    transfer.statistics(layer, mean, variance)
