"""Weights of PyTorch-StudioGAN's residual networks (Kang et al. 2022, arXiv:2206.09479): SNGAN and SAGAN.

Batch norm adds 1e-4 to the variance there. Where a class's scale and offset are under spectral normalisation, which ours are
not, they are divided by their sigma here.
"""

import math
import re

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import RecognizedWeights, Transfer, image_order, shape_of

WHAT = "a residual generator of StudioGAN"
EPSILON = 1e-4  # of its batch norm
ATTENTION = ("conv1x1_theta", "conv1x1_phi", "conv1x1_g", "conv1x1_attn")
CONVOLUTIONS = (("conv_1", "conv2d1"), ("conv_2", "conv2d2"), ("shortcut", "conv2d0"))


def find(tensors, discriminator=None):
    """What these tensors are.

    tensors, discriminator: {name: array} of the generator, and of the discriminator where there is one. Returns a `Found`.

    Raises:
        ZooError: they are no such networks, or ones that ours differ from.
    """
    blocks, attention = order_of(tensors)
    is_normalized = "linear0.weight_orig" in tensors
    kind = "weight_orig" if is_normalized else "weight"
    outputs, noise_size = shape_of(tensors, f"linear0.{kind}", 2, WHAT)
    channels = shape_of(tensors, f"blocks.0.0.conv2d1.{kind}", 4, WHAT)[1]
    image_channels, width = shape_of(tensors, f"conv2d5.{kind}", 4, WHAT)[:2]
    bottom = math.isqrt(outputs // channels)
    side = bottom * 2 ** len(blocks)
    classes = classes_of(tensors)
    arguments = {"noise_size": noise_size, "generator_channels": width}
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


def order_of(tensors):
    """(the places in `blocks` of the residual blocks, in order; after how many of them attention comes, or None)."""
    places = sorted({int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.0\.conv2d1\.", name))})
    found = [int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.0\.sigma$", name))]
    if not places or len(found) > 1:
        raise ZooError(f"this is not {WHAT}: it has {len(places)} residual blocks and {len(found)} attentions.")
    return places, sum(place < found[0] for place in places) if found else None


def classes_of(tensors):
    """The number of classes that batch norm is conditioned on, 0 for none."""
    for name, tensor in tensors.items():
        if match := re.fullmatch(r"blocks\.0\.0\.bn1\.(gain|embed0)\.weight(_orig)?", name):
            return tensor.shape[match[1] == "gain"]
    return 0


def discriminator_arguments(tensors, side, attends):
    """What the discriminator adds to the recipe.

    Raises:
        ZooError: ours differs from it.
    """
    _, attention = order_of(tensors)
    if "blocks.0.0.conv2d1.weight" in tensors or side != 32:
        raise ZooError(
            f"this discriminator is of {side} pixels, with{'out' * ('blocks.0.0.conv2d1.weight' in tensors)} spectral "
            "normalisation; those of 32 pixels with it can be imported. Leave --discriminator out for the generator alone."
        )
    if (attention is not None) != attends or (attention or 0) > 2:
        raise ZooError("this discriminator's attention is not where ours can be, after the first or the second block.")
    where = {} if attention is None else {"discriminator_attention": side // 2**attention}
    width = shape_of(tensors, "blocks.0.0.conv2d1.weight_orig", 4, "a residual discriminator of StudioGAN")[0]
    return {"discriminator_channels": width, "activated_shortcuts": True, **where}


def assign_generator(network, tensors):
    """Puts a state_dict into one of our residual generators.

    Raises:
        ZooError: names tensors that are missing, left over or of another shape.
    """
    transfer = Transfer(tensors, network, "the generator's file", epsilon=EPSILON)
    _, height, width, channels = network.get_layer("stem_reshape").output.shape
    transfer.kernel("dense", "linear0", order=image_order(channels, height, width))
    places, attention = order_of(tensors)
    for i, place in enumerate(places, 1):
        for ours, theirs in CONVOLUTIONS:
            transfer.kernel(f"block_{i}_{ours}", f"blocks.{place}.0.{theirs}")
        for n in (1, 2):
            norm(transfer, f"block_{i}_norm_{n}", f"blocks.{place}.0.bn{n}")
    if attention is not None:
        transfer.attention("attention", f"blocks.{attention}.0", ATTENTION, "sigma", (1,))
    transfer.batch_norm("norm", "bn4")
    transfer.kernel("to_images", "conv2d5")
    transfer.finish()


def norm(transfer, layer, key):
    """A batch norm, plain or conditional: by a linear map of one-hot labels, or by the embeddings of older files."""
    if f"{layer}/gamma/kernel" not in transfer.variables:
        transfer.batch_norm(layer, key)
        return
    old = any(name.startswith(f"{key}.embed0.") for name in transfer.tensors)
    for ours, theirs in (("gamma", "embed0"), ("beta", "embed1")) if old else (("gamma", "gain"), ("beta", "bias")):
        transfer.kernel(f"{layer}/{ours}", f"{key}.{theirs}", table=old)
    transfer.batch_norm(layer, f"{key}.bn", ("running_mean", "running_var"))


def assign_discriminator(network, tensors):
    """Puts a state_dict into one of our residual discriminators.

    Raises:
        ZooError: names tensors that are missing, left over or of another shape.
    """
    transfer = Transfer(tensors, network, "the discriminator's file")
    places, attention = order_of(tensors)
    for i, place in enumerate(places, 1):
        for ours, theirs in CONVOLUTIONS:
            if f"block_{i}_{ours}/kernel" in transfer.variables:
                transfer.kernel(f"block_{i}_{ours}", f"blocks.{place}.0.{theirs}")
    if attention is not None:
        transfer.attention("attention", f"blocks.{attention}.0", ATTENTION, "sigma", (1,))
    transfer.kernel("logits", "linear1")
    if "label_embedding/embeddings" in transfer.variables:
        transfer.kernel("label_embedding", "embedding")
    transfer.finish()
