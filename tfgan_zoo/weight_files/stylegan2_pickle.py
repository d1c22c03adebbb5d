"""Weights of StyleGAN2 and StyleGAN2-ADA (Karras et al. 2019, arXiv:1912.04958; 2020, arXiv:2006.06676), of PyTorch and TensorFlow 1.

Not imported: the constant noise maps, in whose place noise is drawn with the seed; the clamp of activations at 256, which only
networks in float16 need.
"""

from __future__ import annotations

import re
import reprlib
from typing import TYPE_CHECKING

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import (
    LEAVE_OUT,
    RecognizedWeights,
    Tensors,
    Transfer,
    check_filters,
    count_of,
    image_order,
    shape_of,
)

if TYPE_CHECKING:
    import keras

LAYOUT = "a StyleGAN2 generator"
MAPPING_RATE = 0.01  # the learning-rate multiplier of the mapping
LAST_LAYERS = {"last_conv": "b4.conv", "dense": "b4.fc", "logits": "b4.out"}  # of the discriminator
SETTINGS = ("activation", "bias_gain")  # of layers
# Last parts of the names of what is no variable of ours.
FIXED = ("resample_filter", "noise_const", "group_size", *SETTINGS)
LINEAR = ("affine", "embed", "out", "skip")  # layers without a nonlinearity
CLASS_LAYERS = 8  # of the discriminator's mapping of the class
TENSORFLOW_LAYERS = {
    "Const": "", "Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb", "FromRGB": "fromrgb", "Conv0": "conv0",
    "Conv1_down": "conv1", "Skip": "skip", "Dense0": "fc",
}  # fmt: skip


def recognize(tensors: Tensors, discriminator: Tensors | None = None) -> RecognizedWeights:
    """Recognizes the tensors of this library.

    Args:
        tensors: {name: array} of the generator.
        discriminator: likewise, if there is one.

    Raises:
        ZooError: they are not such networks, or differ from ours.
    """
    tensors = in_pytorchs_layout(tensors)
    if "synthesis.input.freqs" in tensors:
        raise ZooError("this is a StyleGAN3 generator, which is another network; only StyleGAN2's can be imported.")
    style_size = shape_of(tensors, "synthesis.b4.conv1.affine.weight", 2, LAYOUT)[1]
    sides = sorted(int(m[1]) for name in tensors if (m := re.fullmatch(r"synthesis\.b(\d+)\.conv1\.weight", name)))
    widths = [shape_of(tensors, f"synthesis.b{side}.conv1.weight", 4, LAYOUT)[0] for side in sides]
    channels = shape_of(tensors, f"synthesis.b{sides[-1]}.torgb.weight", 4, LAYOUT)[0]
    embedded, classes = embedding_of(tensors, LAYOUT)
    base, maximum = max(side * width for side, width in zip(sides, widths, strict=True)), max(widths)
    if [min(base // side, maximum) for side in sides] != widths:
        raise ZooError(
            f"this generator has {widths} channels at {sides} pixels; only widths that halve from some resolution on can be imported."
        )
    check_settings(tensors, "the generator")
    check_architecture(tensors)
    arguments: dict[str, object] = {
        "channel_base": base,
        "channel_maximum": maximum,
        "noise_size": latent_size(tensors, style_size, embedded),
        "style_size": style_size,
        "mapping_layers": count_of(tensors, r"mapping\.fc(\d+)\.weight"),
        "conditional": bool(classes),
    }
    if discriminator is not None:
        discriminator = in_pytorchs_layout(discriminator)
        check_discriminator(discriminator, dict(zip(sides, widths, strict=True)), classes)
        arguments |= {
            "residual": f"b{sides[-1]}.skip.weight" in discriminator,
            "group_size": int(discriminator.get("b4.mbstd.group_size", 4)) or None,
        }
    notes = ["Its noise is drawn with the seed; the constant noise maps of the file are left out."]
    if "mapping.w_avg" not in tensors:
        notes.append("The file has no mean of w, so psi scales w towards 0.")
    return RecognizedWeights(
        "stylegan2",
        arguments,
        (sides[-1], sides[-1], channels),
        classes,
        lambda network: assign_generator(network, tensors),
        None if discriminator is None else lambda network: assign_discriminator(network, discriminator),
        tuple(notes),
    )


def check_settings(tensors: Tensors, origin: str) -> None:
    """Checks that layers have our nonlinearities and learning-rate multipliers, where the file tells them.

    Args:
        tensors: {name: array} of a network.
        origin: of the tensors, for the message.

    Raises:
        ZooError: a layer has others.
    """
    for name, value in tensors.items():
        place, _, setting = name.rpartition(".")
        layer = place.rpartition(".")[2]
        if setting not in SETTINGS:
            continue
        multiplier = MAPPING_RATE if re.search(r"(^|\.)mapping\.fc\d+$", place) else 1
        expected = multiplier if setting == "bias_gain" else "linear" if layer in LINEAR else "lrelu"
        if (found := value.tolist()) != expected:
            what = {"activation": "the nonlinearity", "bias_gain": "the learning-rate multiplier"}[setting]
            remedy = f"; {LEAVE_OUT}" if "discriminator" in origin else ""
            raise ZooError(
                f"{place} of {origin} has {what} {reprlib.repr(found)}; only {expected!r}, as published, can be imported{remedy}."
            )


def check_architecture(tensors: Tensors) -> None:
    """Checks that a generator has noise and adds an image at each resolution.

    Raises:
        ZooError: it has not.
    """
    if "synthesis.b4.torgb.weight" not in tensors or "synthesis.b8.skip.weight" in tensors:
        raise ZooError(
            "this generator makes RGB of its last layer alone, as the architectures orig and resnet do; only the architecture skip"
            " can be imported, which adds images of all resolutions."
        )
    if "synthesis.b4.conv1.noise_strength" not in tensors:
        raise ZooError("this generator adds no noise (use_noise=False); only generators with noise can be imported.")


def embedding_of(tensors: Tensors, layout: str) -> tuple[int, int]:
    """(numbers of a network's class embedding, classes); (0, 0) without classes."""
    name = "mapping.embed.weight"
    embedded, classes = shape_of(tensors, name, 2, layout) if name in tensors else (0, 0)
    return embedded, classes


def latent_size(tensors: Tensors, style_size: int, embedded: int) -> int:
    """The length of a generator's latent.

    Args:
        tensors: {name: array}.
        style_size: length of w.
        embedded: numbers of the class embedding; 0 without.

    Raises:
        ZooError: it has none, or its mapping has layers or a class embedding of another size than the style.
    """
    size, inputs = shape_of(tensors, "mapping.fc0.weight", 2, LAYOUT)
    for what, found in (("layers", size), ("a class embedding", embedded or style_size)):
        if found != style_size:
            raise ZooError(
                f"this generator's mapping has {what} of {found} numbers and its style {style_size}; only as many can be imported."
            )
    if inputs <= embedded:
        raise ZooError(
            "this generator has no latent, only a class (z_dim=0); only generators with one can be imported."
        )
    return inputs - embedded


def check_discriminator(tensors: Tensors, widths: dict[int, int], classes: int) -> None:
    """Checks that a discriminator is one that belongs to our generator of these widths.

    Args:
        tensors: {name: array}, by PyTorch's names.
        widths: {resolution: channels} of the generator.
        classes: of the generator.

    Raises:
        ZooError: it is not; says in what it differs.
    """
    layout = "a StyleGAN2 discriminator"
    check_settings(tensors, "the discriminator")
    filters, inputs, *_ = shape_of(tensors, "b4.conv.weight", 4, layout)
    if "b4.fromrgb.weight" in tensors:
        raise ZooError(
            "this discriminator reads the image at each resolution (the architecture skip); only resnet and orig can be imported;"
            f" {LEAVE_OUT}."
        )
    if inputs != filters + 1:
        raise ZooError(
            f"this discriminator has {inputs - filters} channels of minibatch standard deviation; only 1 can be imported; {LEAVE_OUT}."
        )
    found = {
        int(m[1]): shape_of(tensors, name, 4, layout)[0]
        for name in tensors
        if (m := re.fullmatch(r"b(\d+)\.conv0\.weight", name))
    }
    found = dict(sorted({4: filters, **found}.items()))
    if found != widths:
        raise ZooError(
            f"this discriminator has {[*found.values()]} channels at {[*found]} pixels and the generator {[*widths.values()]} at "
            f"{[*widths]}; only as many in both can be imported; {LEAVE_OUT}."
        )
    embedded, own = embedding_of(tensors, layout)
    if own != classes:
        raise ZooError(
            f"this discriminator has {own} classes and the generator {classes}; only as many in both can be imported; {LEAVE_OUT}."
        )
    layers = count_of(tensors, r"mapping\.fc(\d+)\.weight")
    if classes and (layers, embedded) != (CLASS_LAYERS, filters):
        raise ZooError(
            f"this discriminator maps the class by {layers} layers of {embedded} numbers; only "
            f"{CLASS_LAYERS} of {filters}, as many as it has channels at 4 pixels, can be imported; {LEAVE_OUT}."
        )


def in_pytorchs_layout(tensors: Tensors) -> Tensors:
    """The tensors of a network of TensorFlow 1 by the names and in the order of axes of PyTorch's version; those of PyTorch as they are.

    Raises:
        ZooError: a discriminator of TensorFlow 1 with classes, whose mapping is another one.
    """
    if not any(re.search(r"(^|\.)4x4\.", name) for name in tensors):
        return tensors
    if "LabelEmbed.weight" in tensors:
        raise ZooError(
            "this is a discriminator of TensorFlow 1 with classes, which differs from ours; leave it out by --discriminator=none."
        )
    found: Tensors = {}
    for name, tensor in tensors.items():
        part, _, rest = name.rpartition(".")
        if name in ("dlatent_avg", "mbstd_group_size"):
            found[{"dlatent_avg": "mapping.w_avg", "mbstd_group_size": "b4.mbstd.group_size"}[name]] = tensor
        elif match := re.fullmatch(r"mapping\.(LabelEmbed|Dense(\d+))", part):
            found[f"mapping.{'fc' + match[2] if match[2] else 'embed'}.{rest}"] = tensor.T
        elif match := re.fullmatch(r"(synthesis\.)?(\d+)x\d+\.(\w+)", part):
            found |= _layer(match[1] or "", match[2], match[3], rest, tensor)
        elif part == "Output":
            found[f"b4.out.{rest}"] = tensor.T
        elif not re.fullmatch(r"(synthesis\.)?(noise\d+|lod)|\w+\.mbstd_group_size", name):
            found[name] = tensor  # which will be told of as left over
    return found


def _layer(prefix: str, side: str, layer: str, rest: str, tensor: np.ndarray) -> Tensors:
    """{PyTorch's name: tensor} of one tensor of a layer of TensorFlow 1."""
    place = f"{prefix}b{side}.{TENSORFLOW_LAYERS.get(layer, layer)}"
    if rest == "const":
        return {f"{prefix}b{side}.const": tensor[0]}
    if rest in ("mod_weight", "mod_bias"):
        return {f"{place}.affine.{rest.removeprefix('mod_')}": tensor.T + (rest == "mod_bias")}  # it adds 1 when used
    if not prefix and side == "4" and layer == "Conv":
        place = "b4.conv"
    if tensor.ndim == 4:
        tensor = tensor[::-1, ::-1] if layer == "Conv0_up" else tensor
        return {f"{place}.{rest}": tensor.transpose(3, 2, 0, 1)}
    return {f"{place}.{rest}": tensor.T}


def transfer_to(network: keras.Model, tensors: Tensors, origin: str) -> Transfer:
    """A transfer of all but the tensors that no variable of ours has.

    Raises:
        ZooError: the filter of a resampling is not ours.
    """
    check_filters(tensors, "resample_filter", origin)
    kept = {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[2] not in FIXED}
    return Transfer(kept, network, origin)


def assign_mapping(transfer: Transfer) -> None:
    """The mapping of the latent and the class, or of the class alone."""
    if "label_embedding/kernel" in transfer.variables:
        transfer.kernel("label_embedding", "mapping.embed")
    for i in range(count_of(transfer.variables, r"dense_(\d+)/kernel")):
        transfer.kernel(f"dense_{i}", f"mapping.fc{i}")


def assign_generator(network: keras.Model, tensors: Tensors) -> None:
    """Loads tensors by PyTorch's names into our generator.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = transfer_to(network, tensors, "the generator")
    assign_mapping(transfer)
    (mean,) = (path for path in transfer.variables if path.startswith("truncation/"))
    if "mapping.w_avg" in tensors:
        transfer.copy(mean, "mapping.w_avg")
    else:
        transfer.put(mean, np.zeros(transfer.shape(mean), np.float32))
    constant = transfer.shape("constant/constant")
    transfer.put(
        "constant/constant", transfer.take("synthesis.b4.const", (constant[2], *constant[:2])).transpose(1, 2, 0)
    )
    for path in transfer.variables:
        if match := re.fullmatch(r"(conv|rgb)_(\d+)x\d+(_up)?/kernel", path):
            part, side, up = match.groups()
            place = f"synthesis.b{side}.{'torgb' if part == 'rgb' else 'conv0' if up else 'conv1'}"
            layer = path.removesuffix("/kernel")
            transfer.kernel(layer, place)
            if up:  # a transposed convolution scatters its kernel, ours gathers
                transfer.put(path, transfer.values[path][::-1, ::-1])
            transfer.kernel(f"{layer}_style", f"{place}.affine")
            if part == "conv":
                (strength,) = (p for p in transfer.variables if p.startswith(f"{layer.replace('conv', 'strength')}/"))
                transfer.copy(strength, f"{place}.noise_strength", ())
    transfer.finish()


def assign_discriminator(network: keras.Model, tensors: Tensors) -> None:
    """Loads tensors by PyTorch's names into our discriminator.

    Raises:
        ZooError: tensors are missing, left over or of another shape; names them.
    """
    transfer = transfer_to(network, tensors, "the discriminator")
    assign_mapping(transfer)
    side = network.input["images"].shape[1]
    transfer.kernel("from_images", f"b{side}.fromrgb")
    for path in transfer.variables:
        if match := re.fullmatch(r"(block_(\d+)x\d+_(conv|down|shortcut))/kernel", path):
            part = {"conv": "conv0", "down": "conv1", "shortcut": "skip"}[match[3]]
            transfer.kernel(match[1], f"b{match[2]}.{part}")
    for layer, key in LAST_LAYERS.items():
        maps = image_positions(network) if layer == "dense" else None
        transfer.kernel(layer, key, inputs=maps)
    transfer.finish()


def image_positions(network: keras.Model) -> np.ndarray:
    """The positions in the file of the inputs of the dense layer, which are maps of 4 x 4."""
    _, height, width, channels = network.get_layer("last_conv").output.shape
    return image_order(channels, height, width)
