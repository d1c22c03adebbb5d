"""Weights of pytorch-pretrained-biggan: the generators of BigGAN-deep (Brock et al. 2018, arXiv:1809.11096), from TF Hub.

Each batch norm has 51 statistics, for truncations of 0, 0.02, ..., 1; one of them is taken. Between two of them that library
interpolates with the weights of the two exchanged, so that a truncation of the grid is asked for here.
"""

import re

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.transfer import RecognizedWeights, Transfer, shape_of

WHAT = "a generator of pytorch-pretrained-biggan"
EPSILON = 1e-4  # of its batch norm
ATTENTION = tuple(f"snconv1x1_{part}" for part in ("theta", "phi", "g", "o_conv"))


def find(tensors, discriminator=None, truncation=1.0):
    """What these tensors are.

    tensors: {name: array} of the generator. discriminator: None, for none was published. truncation: whose statistics to
    take, of which the file has a grid. Returns a `Found`.

    Raises:
        ZooError: they are no generator of this library; there is a discriminator, or a truncation off the grid.
    """
    if discriminator is not None:
        raise ZooError(
            "these weights are a generator alone: no discriminator was published. Leave --discriminator out."
        )
    noise_size, classes = shape_of(tensors, "embeddings.weight", 2, WHAT)
    width = shape_of(tensors, "generator.conv_to_rgb.weight_orig", 4, WHAT)[0]
    count = shape_of(tensors, "generator.bn.running_means", 2, WHAT)[0]
    row = row_of(truncation, count)
    blocks, attention = places(tensors)
    side = 4 * 2 ** (len(blocks) // 2)
    arguments = {
        "channels": width // (2 if side == 64 else 4 if side < 64 else 1),
        "noise_size": noise_size,
        "shared_size": noise_size,
        "attention_resolutions": [4 * 2 ** (place // 2) for place in attention],
    }
    note = (
        f"Its batch statistics are those of truncation {truncation:g}, a latent of the normal distribution within two standard "
        f"deviations times {truncation:g}: draw with --truncation={2 * truncation:g}."
    )
    return RecognizedWeights(
        "biggan_deep",
        arguments,
        (side, side, 3),
        classes,
        lambda network: assign_generator(network, tensors, row),
        notes=(note,),
    )


def row_of(truncation, count):
    """The row of the statistics of a truncation, of `count` between 0 and 1.

    Raises:
        ZooError: it is between two of them; names both.
    """
    place = truncation * (count - 1)
    row = round(place)
    if not 0 < truncation <= 1 or abs(place - row) > 1e-6:
        near = [n / (count - 1) for n in (max(int(place), 1), int(place) + 1) if 1 <= n < count] or [1.0]
        raise ZooError(
            f"--truncation={truncation:g}: the file has batch statistics for {1 / (count - 1):g}, {2 / (count - 1):g}, ..., 1; "
            f"take {' or '.join(f'{n:g}' for n in near)}."
        )
    return row


def places(tensors):
    """(the places of the blocks in `layers`, in order; how many blocks come before each attention)."""
    names = "\n".join(tensors)
    blocks = sorted({int(n) for n in re.findall(r"^generator\.layers\.(\d+)\.conv_0\.bias$", names, re.MULTILINE)})
    found = re.findall(r"^generator\.layers\.(\d+)\.gamma$", names, re.MULTILINE)
    if not blocks or len(blocks) % 2:
        raise ZooError(f"this is not {WHAT}: it has {len(blocks)} blocks, where pairs of them are expected.")
    return blocks, [sum(block < int(place) for block in blocks) for place in found]


def assign_generator(network, tensors, row):
    """Puts a state_dict into one of our BigGAN-deep generators.

    row: of the statistics.

    Raises:
        ZooError: names tensors that are missing, left over or of another shape.
    """
    transfer = Transfer(tensors, network, "the generator's file", epsilon=EPSILON)
    classes, size = transfer.shape("shared/embeddings")
    transfer.put("shared/embeddings", transfer.take("embeddings.weight", (size, classes)).T)
    transfer.kernel("dense", "generator.gen_z")  # whose outputs are in the order H, W, C already
    blocks, attention = places(tensors)
    for i, place in enumerate(blocks, 1):
        for n in range(4):
            key, layer = f"generator.layers.{place}", f"block_{i}"
            transfer.kernel(f"{layer}_conv_{n + 1}", f"{key}.conv_{n}")
            transfer.kernel(f"{layer}_norm_{n + 1}/gamma", f"{key}.bn_{n}.scale")
            transfer.kernel(f"{layer}_norm_{n + 1}/beta", f"{key}.bn_{n}.offset")
            statistics(transfer, f"{layer}_norm_{n + 1}", f"{key}.bn_{n}", row)
    for before in attention:  # and as many layers, where there is one attention
        transfer.attention(f"block_{before}_attention", f"generator.layers.{before}", ATTENTION, gain_shape=(1,))
    transfer.copy("norm/scale", "generator.bn.weight")
    transfer.copy("norm/offset", "generator.bn.bias")
    statistics(transfer, "norm", "generator.bn", row)
    transfer.kernel("to_images", "generator.conv_to_rgb")
    transfer.finish()


def statistics(transfer, layer, key, row):
    """One row of the statistics of a batch norm."""
    shape = (len(transfer.tensors["generator.bn.running_means"]), *transfer.shape(f"{layer}/moving_mean"))
    mean, variance = (transfer.take(f"{key}.{name}", shape)[row] for name in ("running_means", "running_vars"))
    transfer.statistics(layer, mean, variance)
