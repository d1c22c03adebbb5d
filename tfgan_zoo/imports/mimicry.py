"""torch-mimicry's weights in our residual networks: SNGAN, cGAN-PD, SAGAN, WGAN-GP, of 32 pixels and more.

The networks have to be built with `mimicry=true`: that zoo upsamples bilinearly, and its discriminator's shortcuts start from
activations, since its ReLU works in place. PyTorch keeps kernels as (outputs, inputs, height, width), the outputs of the first
dense layer in the order channel, row, column, and the scale of conditional batch norm as gamma where ours is 1 + gamma.
"""

import dataclasses
import re
from collections.abc import Callable

import numpy as np

from tfgan_zoo.errors import ZooError

UNREAD = (".num_batches_tracked", ".sn_sigma")  # batches that batch norm has seen; what follows from u and the weight


@dataclasses.dataclass
class Slot:
    """Where one tensor of a checkpoint belongs.

    Attributes:
        shape: the tensor's own.
        targets: (variable, function from the tensor to the variable's value) of each variable that it fills.
    """

    shape: tuple[int, ...]
    targets: list[tuple[object, Callable]]


def assign_generator(network, tensors):
    """Fills a generator of `networks/resnet.py`, built as in torch-mimicry.

    Args:
        network: the built Keras model.
        tensors: {PyTorch's key: array}, such as "block2.c1.weight".

    Raises:
        ZooError: keys that are missing, left over or of another shape, all named; nothing is assigned then.
    """
    assign(generator_slots(network), tensors, network.name)


def assign_discriminator(network, tensors):
    """Fills a discriminator of `networks/resnet.py`; the rest as for `assign_generator`."""
    assign(discriminator_slots(network), tensors, network.name)


def generator_slots(network):
    """{key: `Slot`} of the generator: l1, block2 to block{n + 1}, b{n + 2}, c{n + 2}, and attn_block."""
    blocks = count_blocks(network)
    *_, channels = network.get_layer("stem_reshape").output.shape
    slots = kernel_slots("l1", network.get_layer("dense"), stem_channels=channels)
    for i in range(1, blocks + 1):
        for theirs, ours in (("b1", "norm_1"), ("b2", "norm_2")):
            slots |= norm_slots(f"block{i + 1}.{theirs}", network.get_layer(f"block_{i}_{ours}"))
        slots |= block_slots(f"block{i + 1}", network, f"block_{i}")
    slots |= norm_slots(f"b{blocks + 2}", network.get_layer("norm"))
    slots |= kernel_slots(f"c{blocks + 2}", network.get_layer("to_images"))
    return slots | attention_slots(network)


def discriminator_slots(network):
    """{key: `Slot`} of the discriminator: block1 to block{n}, l{n + 1}, l_y where it projects, and attn_block."""
    blocks, slots = count_blocks(network), {}
    for i in range(1, blocks + 1):
        slots |= block_slots(f"block{i}", network, f"block_{i}")
    slots |= kernel_slots(f"l{blocks + 1}", network.get_layer("logits"))
    if "label_embedding" in layer_names(network):
        slots |= kernel_slots("l_y", network.get_layer("label_embedding"))
    return slots | attention_slots(network)


def layer_names(network):
    return {layer.name for layer in network.layers}


def count_blocks(network):
    return sum(re.fullmatch(r"block_\d+_add", name) is not None for name in layer_names(network))


def block_slots(key, network, name):
    """The convolutions of a residual block, of which the shortcut may have none."""
    slots = {}
    for theirs, ours in (("c1", "conv_1"), ("c2", "conv_2"), ("c_sc", "shortcut")):
        if f"{name}_{ours}" in layer_names(network):
            slots |= kernel_slots(f"{key}.{theirs}", network.get_layer(f"{name}_{ours}"))
    return slots


def kernel_slots(key, layer, stem_channels=1):
    """A dense layer, a convolution or an embedding, as it is or under spectral normalisation.

    stem_channels: C where the outputs are the positions and channels of an image, (C, h * w) there and (h * w, C) here.
    """
    variables = {variable.name: variable for variable in layer.variables}
    kernel = variables.get("kernel", variables.get("embeddings"))
    is_embedding = "embeddings" in variables
    order = np.arange(kernel.shape[-1]).reshape(stem_channels, -1).T.ravel()  # of their outputs, as ours come
    *sizes, inputs, outputs = kernel.shape
    transposed = (outputs, inputs, *sizes)

    def of_kernel(tensor):
        return tensor if is_embedding else from_torch(tensor)[..., order]

    def of_v(tensor):
        """Their rows are (inputs, height, width), ours (height, width, inputs)."""
        return tensor if is_embedding else from_torch(tensor.reshape(1, *transposed[1:])).ravel()

    def of_u(tensor):
        return tensor if is_embedding else tensor[order]

    shape = tuple(kernel.shape) if is_embedding else transposed
    slots = {f"{key}.weight": Slot(shape, [(kernel, of_kernel)])}
    if "u" in variables:
        slots = {f"{key}.weight_orig": Slot(shape, [(kernel, of_kernel)])}
        slots[f"{key}.weight_u"] = Slot(tuple(variables["u"].shape), [(variables["u"], of_u)])
        slots[f"{key}.weight_v"] = Slot(tuple(variables["v"].shape), [(variables["v"], of_v)])
    if "bias" in variables:
        slots[f"{key}.bias"] = Slot(tuple(variables["bias"].shape), [(variables["bias"], of_u)])
    return slots


def from_torch(tensor):
    """(outputs, inputs, *sizes) -> (*sizes, inputs, outputs)."""
    return np.transpose(tensor, (*range(2, tensor.ndim), 1, 0))


def norm_slots(key, layer):
    """Batch norm, plain or conditional; a label's row of theirs is gamma, then beta."""
    variables = {variable.name: variable for variable in layer.variables}
    statistics = {"running_mean": "moving_mean", "running_var": "moving_variance"}
    if "scale" in variables:
        names = {"weight": "scale", "bias": "offset", **statistics}
        return {f"{key}.{theirs}": slot_of(variables[ours]) for theirs, ours in names.items()}
    gamma, beta = layer.gamma.kernel, layer.beta.kernel
    classes, channels = gamma.shape
    halves = [(gamma, lambda tensor: tensor[:, :channels] - 1), (beta, lambda tensor: tensor[:, channels:])]
    slots = {f"{key}.bn.{theirs}": slot_of(variables[ours]) for theirs, ours in statistics.items()}
    return {**slots, f"{key}.embed.weight": Slot((classes, 2 * channels), halves)}


def attention_slots(network):
    """The four 1x1 convolutions and the gain of self-attention, where there is one."""
    if "attention" not in layer_names(network):
        return {}
    layer = network.get_layer("attention")
    slots = {"attn_block.gamma": slot_of(layer.gain)}
    for theirs, conv in (("theta", layer.query), ("phi", layer.key), ("g", layer.value), ("o", layer.mixed)):
        slots |= kernel_slots(f"attn_block.{theirs}", conv)
    return slots


def slot_of(variable):
    """A slot for a tensor that is taken as it comes."""
    return Slot(tuple(variable.shape), [(variable, lambda tensor: tensor)])


def with_both_vectors(tensors):
    """The zoo's own spectral normalisation, in the heads of cGAN-PD-32, in the names of PyTorch's.

    It stores `sn_u` [1, outputs] alone, and takes one more power iteration in inference, which is taken here once and for all.
    """
    tensors = dict(tensors)
    for key in [key for key in tensors if key.endswith(".sn_u")]:
        layer = key.removesuffix(".sn_u")
        weight = tensors.get(f"{layer}.weight")
        if weight is None or tensors[key].shape != (1, len(weight)):
            continue  # which `assign` will tell
        matrix = weight.reshape(len(weight), -1)
        v = matrix.T @ tensors.pop(key)[0]
        v /= np.linalg.norm(v)
        u = matrix @ v
        tensors |= {f"{layer}.weight_u": u / np.linalg.norm(u), f"{layer}.weight_v": v}
        tensors[f"{layer}.weight_orig"] = tensors.pop(f"{layer}.weight")
    return tensors


def assign(slots, tensors, name):
    """Checks all, and then fills all."""
    tensors = {key: np.asarray(tensor) for key, tensor in tensors.items() if not key.endswith(UNREAD)}
    tensors = with_both_vectors(tensors)
    problems = [f"{key} is missing" for key in slots if key not in tensors]
    problems += [f"{key} has no place" for key in tensors if key not in slots]
    problems += [
        f"{key} has shape {tensors[key].shape} and needs {slot.shape}"
        for key, slot in slots.items()
        if key in tensors and tensors[key].shape != slot.shape
    ]
    if problems:
        raise ZooError(
            f"these are no weights for this {name}: {'; '.join(problems)}. Build the model that the checkpoint is of, at its "
            "resolution, widths and number of classes."
        )
    for key, slot in slots.items():
        for variable, convert in slot.targets:
            variable.assign(convert(tensors[key]))
