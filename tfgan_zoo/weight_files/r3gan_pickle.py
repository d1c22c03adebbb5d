"""Weights of R3GAN (Huang et al. 2024, arXiv:2501.05441)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import RecognizedWeights, Tensors, Transfer, check_filters, count_of, shape_of

if TYPE_CHECKING:
    import keras

LAYOUT = "an R3GAN generator"
LAYERS = ("widen", "conv", "narrow")  # of a block, in the order of the authors' LinearLayer1, 2, 3
FILTER = "Resampler.Kernel"


def recognize(tensors: Tensors, discriminator: Tensors | None = None) -> RecognizedWeights:
    """Recognizes the tensors of this library.

    Args:
        tensors: {name: array} of the generator.
        discriminator: likewise, if there is one.

    Raises:
        ZooError: they are not such networks, or differ from ours.
    """
    prefix = prefix_of(tensors)
    stages = count_of(tensors, rf"{prefix}MainLayers\.(\d+)\.")
    blocks = [count_of(tensors, rf"{prefix}MainLayers\.{i}\.Layers\.(\d+)\.") - 1 for i in range(stages)]
    if len(set(blocks)) > 1:
        raise ZooError(f"this generator has {blocks} blocks in its stages; only as many in each can be imported.")
    _, inputs = shape_of(tensors, f"{prefix}MainLayers.0.Layers.0.LinearLayer.weight", 2, LAYOUT)
    widths, groups = [], []
    for i in range(stages):
        shape = shape_of(tensors, f"{prefix}MainLayers.{i}.Layers.1.LinearLayer2.Layer.weight", 4, LAYOUT)
        widths.append(shape_of(tensors, f"{prefix}MainLayers.{i}.Layers.1.LinearLayer3.Layer.weight", 4, LAYOUT)[0])
        groups.append(shape[1])
    if len(set(groups)) > 1:
        raise ZooError(
            f"this generator's groups have {groups} channels in its stages; only as many in each can be imported."
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
        "widths": widths,
        "group_size": groups[0],
        "blocks": blocks[0],
        "noise_size": noise_size,
        "conditional": bool(classes),
    }
    return RecognizedWeights(
        "r3gan",
        arguments,
        (side, side, channels),
        classes,
        lambda network: assign(network, tensors, "the generator", stages, first_block=1),
        None if discriminator is None else lambda network: assign(network, discriminator, "the discriminator", stages),
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
