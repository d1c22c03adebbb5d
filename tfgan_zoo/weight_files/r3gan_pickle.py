"""Weights of R3GAN (Huang et al. 2024, arXiv:2501.05441)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import (
    LEAVE_OUT,
    RecognizedWeights,
    Tensors,
    Transfer,
    check_filters,
    count_of,
    shape_of,
)

if TYPE_CHECKING:
    import keras

LAYOUT = "an R3GAN generator"
LAYERS = ("widen", "conv", "narrow")  # of a block, in the order of the authors' LinearLayer1, 2, 3
FILTER = "Resampler.Kernel"
EXPANSION, KERNEL = 2, (3, 3)  # how many times wider our blocks are within, and their groups' kernel


def recognize(tensors: Tensors, discriminator: Tensors | None = None) -> RecognizedWeights:
    """Recognizes the tensors of this library.

    Args:
        tensors: {name: array} of the generator.
        discriminator: likewise, if there is one.

    Raises:
        ZooError: they are not such networks, or differ from ours.
    """
    prefix = prefix_of(tensors)
    _, inputs = shape_of(tensors, f"{prefix}MainLayers.0.Layers.0.LinearLayer.weight", 2, LAYOUT)
    found = stages_of(tensors, LAYOUT, first_block=1)
    stages, blocks, group_size = len(found), found[0].blocks, max(stage.group for stage in found)
    if len({stage.blocks for stage in found}) > 1:
        raise ZooError(
            f"this generator has {[stage.blocks for stage in found]} blocks in its stages; only as many in each can be imported."
        )
    for stage in found:
        if stage.expansion != EXPANSION or stage.kernel != KERNEL:
            raise ZooError(
                f"this generator's blocks are {stage.expansion:g} times wider within and have kernels of "
                f"{'x'.join(map(str, stage.kernel))}; only {EXPANSION} times and {'x'.join(map(str, KERNEL))} can be imported."
            )
    if any(stage.group != min(group_size, EXPANSION * stage.width) for stage in found):
        raise ZooError(
            f"this generator's groups have {[stage.group for stage in found]} channels in its stages; only as many in each can be imported."
        )
    embedded, classes = (
        tensors[f"{prefix}EmbeddingLayer.weight"].shape if f"{prefix}EmbeddingLayer.weight" in tensors else (0, 0)
    )
    noise_size = inputs - embedded
    if classes and embedded != noise_size:
        raise ZooError(
            f"this generator's class embedding has {embedded} numbers and its latent {noise_size}; only as many can be imported."
        )
    side = 4 << (stages - 1)
    channels = shape_of(tensors, f"{prefix}AggregationLayer.Layer.weight", 4, LAYOUT)[0]
    arguments = {
        "widths": [stage.width for stage in found],
        "group_size": group_size,
        "blocks": blocks,
        "noise_size": noise_size,
        "conditional": bool(classes),
    }
    if discriminator is not None:
        check_discriminator(discriminator, found, classes)
    return RecognizedWeights(
        "r3gan",
        arguments,
        (side, side, channels),
        classes,
        lambda network: assign(network, tensors, "the generator", stages, first_block=1),
        None if discriminator is None else lambda network: assign(network, discriminator, "the discriminator", stages),
    )


class Stage(NamedTuple):
    """A stage in a file.

    Attributes:
        width: channels of its blocks.
        blocks: how many.
        group: channels of a group.
        expansion: how many times wider a block is within.
        kernel: height and width of that of its groups.
    """

    width: int
    blocks: int
    group: int
    expansion: float
    kernel: tuple[int, ...]


def stages_of(tensors: Tensors, layout: str, first_block: int) -> list[Stage]:
    """The stages of a network in the file's order.

    Args:
        tensors: {name: array}.
        layout: for the message.
        first_block: position of the first block in a stage.

    Raises:
        ZooError: it has no such stages.
    """
    prefix, stages = f"{prefix_of(tensors)}MainLayers", []
    for i in range(max(1, count_of(tensors, rf"{prefix}\.(\d+)\."))):
        block = f"{prefix}.{i}.Layers.{first_block}"
        wide, group, *kernel = shape_of(tensors, f"{block}.LinearLayer2.Layer.weight", 4, layout)
        width = shape_of(tensors, f"{block}.LinearLayer3.Layer.weight", 4, layout)[0]
        blocks = count_of(tensors, rf"{prefix}\.{i}\.Layers\.(\d+)\.LinearLayer\d\.")
        stages.append(Stage(width, blocks, group, wide / max(width, 1), tuple(kernel)))
    return stages


def check_discriminator(tensors: Tensors, stages: list[Stage], classes: int) -> None:
    """Checks that a discriminator mirrors the generator.

    Args:
        tensors: {name: array}.
        stages, classes: of the generator.

    Raises:
        ZooError: it does not; says in what it differs.
    """
    found = stages_of(tensors, "an R3GAN discriminator", first_block=0)[::-1]
    for what, field in (("channels", "width"), ("blocks", "blocks"), ("channels in a group", "group")):
        own, expected = ([getattr(stage, field) for stage in each] for each in (found, stages))
        if own != expected:
            raise ZooError(
                f"this discriminator's stages have {own} {what} and the generator's {expected}, from the lowest resolution on; only "
                f"as many in both can be imported; {LEAVE_OUT}."
            )
    embedding = f"{prefix_of(tensors)}EmbeddingLayer.weight"
    size, own = tensors[embedding].shape if embedding in tensors else (stages[0].width, 0)
    if own != classes:
        raise ZooError(
            f"this discriminator has {own} classes and the generator {classes}; only as many in both can be imported; {LEAVE_OUT}."
        )
    if size != stages[0].width:
        raise ZooError(
            f"this discriminator's class embedding has {size} numbers; only {stages[0].width}, as many as it has channels at the lowest "
            f"resolution, can be imported; {LEAVE_OUT}."
        )


def prefix_of(tensors: Tensors) -> str:
    """What precedes the names of the stages, "Model." in the authors' files."""
    return "Model." if any(name.startswith("Model.") for name in tensors) else ""


def assign(network: keras.Model, tensors: Tensors, origin: str, stages: int, first_block: int = 0) -> None:
    """Loads the authors' tensors into one of our networks.

    Args:
        network: our generator or discriminator.
        tensors: {name: array} of the file.
        origin: of the tensors, for messages.
        stages: of the network.
        first_block: position of the first block in a stage: 1 in the generator, where the transition precedes the blocks.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    check_filters(tensors, FILTER, origin)
    transfer = Transfer({name: t for name, t in tensors.items() if not name.endswith(FILTER)}, network, origin)
    prefix = prefix_of(tensors)
    blocks = count_of(transfer.variables, r"stage_0_block_(\d+)_widen/kernel")

    def place(stage: int, layer: int) -> str:
        return f"{prefix}MainLayers.{stage if first_block else stages - 1 - stage}.Layers.{layer}"

    transition = 0 if first_block else blocks
    for path in transfer.variables:
        layer = path.rpartition("/")[0]
        if match := re.fullmatch(r"stage_(\d+)_block_(\d+)_(\w+)/(kernel|bias)", path):
            key, part = place(int(match[1]), first_block + int(match[2])), 1 + LAYERS.index(match[3])
            if match[4] == "bias":
                transfer.copy(path, f"{key}.NonLinearity{part}.Bias")
            else:
                put_kernel(transfer, path, f"{key}.LinearLayer{part}.Layer.weight")
        elif match := re.fullmatch(r"stage_(\d+)_width/kernel", path):
            put_kernel(transfer, path, f"{place(int(match[1]), transition)}.LinearLayer.Layer.weight")
        elif layer in ("scale", "logits"):
            put_kernel(transfer, path, f"{place(0, transition)}.LinearLayer.weight")
        elif layer == "basis":
            put_kernel(transfer, path, f"{place(0, transition)}.Basis{'' if first_block else '.weight'}")
        else:
            keys = {
                "images": "AggregationLayer.Layer",
                "from_images": "ExtractionLayer.Layer",
                "label_embedding": "EmbeddingLayer",
            }
            put_kernel(transfer, path, f"{prefix}{keys[layer]}.weight")
    transfer.finish()


def put_kernel(transfer: Transfer, path: str, key: str) -> None:
    """A kernel or basis: theirs has the outputs first, then the inputs, height and width."""
    own = transfer.shape(path)
    if len(own) == 3:  # a basis of the generator: [C, h, w]
        transfer.put(path, transfer.take(key, (own[2], *own[:2])).transpose(1, 2, 0))
        return
    values = transfer.take(key, (own[-1], own[-2], *own[:-2]))
    transfer.put(path, values.transpose(*range(2, len(own)), 1, 0))
