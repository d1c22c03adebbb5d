"""Weights of torch-mimicry (Lee and Town 2020, arXiv:2005.02494): SNGAN, cGAN with projection discriminator and SAGAN.

A checkpoint of its own (`model_state_dict`, ...) or a state_dict, of 32, 48, 64 or 128 pixels.
"""

import math

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import (
    RecognizedWeights,
    Transfer,
    count_of,
    image_order,
    shape_of,
    torch_spectral,
    u_only_spectral,
)

WHAT = "a generator of torch-mimicry"


def find(tensors, discriminator=None):
    """What these tensors are.

    tensors, discriminator: {name: array} of the generator, and of the discriminator where there is one. Returns a `Found`.

    Raises:
        ZooError: they are no generator of this library.
    """
    stem = "l1.weight_orig" if "l1.weight_orig" in tensors else "l1.weight"
    outputs, noise_size = shape_of(tensors, stem, 2, WHAT)
    blocks = count_of(tensors, r"block(\d+)\.")
    convolution = "block2.c1.weight_orig" if "block2.c1.weight_orig" in tensors else "block2.c1.weight"
    channels = shape_of(tensors, convolution, 4, WHAT)[1]
    bottom = math.isqrt(outputs // channels)
    last = next(
        (f"c{blocks + 2}.{kind}" for kind in ("weight_orig", "weight") if f"c{blocks + 2}.{kind}" in tensors), ""
    )
    width = shape_of(tensors, last or f"c{blocks + 2}.weight", 4, WHAT)[1]
    image_channels = tensors[last].shape[0]
    embedding = tensors.get("block2.b1.embed.weight")
    attention = "attn_block.gamma" in tensors
    if attention and embedding is None:
        raise ZooError(f"this is not {WHAT}: it has attention and no classes, which none of its models has.")
    classes = 0 if embedding is None else len(embedding)
    arguments = {"mimicry": True, "noise_size": noise_size, "generator_channels": width}
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


def discriminator_width(tensors):
    """The width of the first block.

    Raises:
        ZooError: it is no discriminator under spectral normalisation.
    """
    if "block1.c1.weight" in tensors:
        raise ZooError(
            "this discriminator has no spectral normalisation: DCGAN's and WGAN-GP's look alike in a file, and pool "
            "differently. Leave --discriminator out; the generator can be imported alone."
        )
    return shape_of(tensors, "block1.c1.weight_orig", 4, "a discriminator of torch-mimicry")[0]


def assign_generator(network, tensors):
    """Puts a state_dict into one of our residual generators.

    Raises:
        ZooError: names tensors that are missing, left over or of another shape.
    """
    transfer = Transfer(tensors, network, "the generator's file")
    blocks = count_of(transfer.variables, r"block_(\d+)_conv_1/")
    _, height, width, channels = network.get_layer("stem_reshape").output.shape
    transfer.kernel("dense", "l1", order=image_order(channels, height, width))
    for i in range(1, blocks + 1):
        for ours, theirs in (("conv_1", "c1"), ("conv_2", "c2"), ("shortcut", "c_sc")):
            transfer.kernel(f"block_{i}_{ours}", f"block{i + 1}.{theirs}")
        for n in (1, 2):
            norm(transfer, f"block_{i}_norm_{n}", f"block{i + 1}.b{n}")
    if "attention/gain" in transfer.variables:
        transfer.attention("attention", "attn_block")
    transfer.batch_norm("norm", f"b{blocks + 2}")
    transfer.kernel("to_images", f"c{blocks + 2}")
    transfer.finish()


def norm(transfer, layer, key):
    """A batch norm; a conditional one keeps [gamma, beta] of a class in a row there, and a gamma of 1 is our 0."""
    if f"{layer}/gamma/kernel" not in transfer.variables:
        transfer.batch_norm(layer, key)
        return
    classes, channels = transfer.shape(f"{layer}/gamma/kernel")
    table = transfer.take(f"{key}.embed.weight", (classes, 2 * channels))
    transfer.put(f"{layer}/gamma/kernel", table[:, :channels] - 1)
    transfer.put(f"{layer}/beta/kernel", table[:, channels:])
    transfer.batch_norm(layer, f"{key}.bn", ("running_mean", "running_var"))


def spectral(transfer, key, shape):
    """PyTorch's spectral norm, or the library's own, which the heads of its projection discriminator have."""
    if f"{key}.sn_u" in transfer.tensors:
        return u_only_spectral(transfer, key, shape, ("sn_u", "sn_sigma"))
    return torch_spectral(transfer, key, shape)


def assign_discriminator(network, tensors):
    """Puts a state_dict into one of our residual discriminators.

    Raises:
        ZooError: names tensors that are missing, left over or of another shape.
    """
    transfer = Transfer(tensors, network, "the discriminator's file", spectral)
    blocks = count_of(transfer.variables, r"block_(\d+)_conv_1/")
    for i in range(1, blocks + 1):
        for ours, theirs in (("conv_1", "c1"), ("conv_2", "c2"), ("shortcut", "c_sc")):
            if f"block_{i}_{ours}/kernel" in transfer.variables:
                transfer.kernel(f"block_{i}_{ours}", f"block{i}.{theirs}")
    if "attention/gain" in transfer.variables:
        transfer.attention("attention", "attn_block")
    transfer.kernel("logits", f"l{blocks + 1}")
    if "label_embedding/embeddings" in transfer.variables:
        transfer.kernel("label_embedding", "l_y")
    transfer.finish()
