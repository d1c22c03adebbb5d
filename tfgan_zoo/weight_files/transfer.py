"""What every layout of PyTorch weights shares: the order of kernels, batch norm, spectral norm, and an account of both sides.

PyTorch keeps kernels as [out, in, height, width] and [out, in], we as [height, width, in, out] and [in, out]. A dense
layer whose output becomes an image has its outputs in the order C, H, W there and H, W, C here. Both keep the unbiased
moving variance (`layers.BatchNorm`), so it is taken as it is.
"""

import dataclasses
import math
import re
from collections.abc import Callable

import numpy as np

from tfgan_zoo.core.errors import ZooError

COUNTERS = re.compile(r"(^|\.)num_batches_tracked$")  # which our batch norm has no use for
WRAPPERS = ("model_state_dict.", "state_dict.", "module.")  # what trainers put around a state_dict


@dataclasses.dataclass(frozen=True)
class RecognizedWeights:
    """What a file was recognised as.

    model, arguments: of our recipe; the arguments take the place of its preset's.
    image_shape: (H, W, C). num_classes: 0 for a generator without labels.
    fill_generator: function (network) that puts the file's tensors into the game's generator.
    fill_discriminator: likewise; None where no file has one.
    notes: sentences on what the imported run does differently from its origin.
    """

    model: str
    arguments: dict
    image_shape: tuple
    num_classes: int
    fill_generator: Callable
    fill_discriminator: Callable | None = None
    notes: tuple = ()


def state_dict(tensors):
    """The network's own tensors of a file: without what trainers wrap around them, and without an optimiser's."""
    for wrapper in WRAPPERS:
        if any(name.startswith(wrapper) for name in tensors):
            tensors = {k.removeprefix(wrapper): v for k, v in tensors.items() if k.startswith(wrapper)}
    return tensors


def shape_of(tensors, key, rank, what):
    """The shape of a tensor that a layout is recognised by.

    Raises:
        ZooError: it is not there, or has another rank; names what was looked for and what the file begins with.
    """
    if key not in tensors or tensors[key].ndim != rank:
        begins = ", ".join(list(tensors)[:4])
        raise ZooError(f"this is not {what}: it has no {key!r} of {rank} dimensions. It begins with {begins}.")
    return tensors[key].shape


def count_of(tensors, pattern):
    """How many whole numbers, from the first one on without a gap, stand in the names at the group of `pattern`."""
    numbers = sorted({int(match[1]) for name in tensors if (match := re.match(pattern, name))})
    return next((i for i, n in enumerate(numbers) if n != numbers[0] + i), len(numbers))


def image_order(channels, height, width):
    """For outputs in the order H, W, C: their places in the order C, H, W."""
    return np.arange(channels * height * width).reshape(channels, height, width).transpose(1, 2, 0).ravel()


def unit(vector, epsilon=1e-12):
    return vector / max(np.linalg.norm(vector), epsilon)


def torch_spectral(transfer, key, shape):
    """Weight, u and v as `torch.nn.utils.spectral_norm` keeps them."""
    weight = transfer.take(f"{key}.weight_orig", shape)
    rest = math.prod(shape[1:])
    return weight, transfer.take(f"{key}.weight_u", shape[:1]), transfer.take(f"{key}.weight_v", (rest,))


def u_only_spectral(transfer, key, shape, names=("u0", "sv0")):
    """Weight, u and v as BigGAN-PyTorch computes them in inference: by one iteration from the u that it keeps.

    names: of u, and of the last sigma of training, for which there is no use.
    """
    weight, start = transfer.take(f"{key}.weight", shape), transfer.take(f"{key}.{names[0]}", (1, shape[0]))
    transfer.take(f"{key}.{names[1]}", (1,))
    matrix = weight.reshape(shape[0], -1)
    v = unit(start[0] @ matrix)
    return weight, unit(matrix @ v), v


class Transfer:
    """Moves tensors into one network, and keeps account of those that are missing, left over or of another shape.

    Args:
        tensors: {name: array}.
        network: a Keras model of ours.
        origin: what the file is called in messages.
        spectral: how its spectral norm is kept: `torch_spectral` or `u_only_spectral`.
        epsilon: what its batch norm adds to the variance. What ours adds differently goes into the moving variance.
    """

    def __init__(self, tensors, network, origin, spectral=torch_spectral, epsilon=1e-5):
        self.tensors, self.network, self.origin = tensors, network, origin
        self.spectral, self.epsilon = spectral, epsilon
        self.left = {name for name in tensors if not COUNTERS.search(name)}
        self.missing, self.odd = [], []
        # A wrapper's path is name/name/kernel.
        paths = {re.sub(r"(^|/)([^/]+)/\2/", r"\1\2/", v.path): v for v in network.variables}
        self.variables = {path: v for path, v in paths.items() if v.name != "standing_batches"}
        self.values = {}

    def take(self, key, shape):
        """The tensor of that name, float32 at least; zeros of `shape` where `finish` will have something to say of it."""
        self.left.discard(key)
        tensor = self.tensors.get(key)
        if tensor is None:
            self.missing.append(key)
        elif tensor.shape != tuple(shape):
            self.odd.append(f"{key} is {list(tensor.shape)} and should be {list(shape)}")
        else:
            return np.asarray(tensor, np.result_type(tensor, np.float32))
        return np.zeros(shape, np.float32)

    def put(self, path, value):
        """Notes what the variable at `path` ("norm/scale") is to be, in our order."""
        self.values[path] = np.reshape(value, self.variables[path].shape)

    def shape(self, path):
        """Of our variable."""
        return tuple(self.variables[path].shape)

    def copy(self, path, key, shape=None):
        """A tensor whose order is ours. shape: there, where it is another one than ours."""
        self.put(path, self.take(key, self.shape(path) if shape is None else shape))

    def kernel(self, layer, key, order=None, inputs=None, table=False):
        """A Dense, a convolution or an Embedding, with its bias and its spectral norm, where ours has them.

        order, inputs: the place there of each of our outputs and of a Dense's inputs, where they are in another order.
        table: an Embedding there, and a Dense of one-hot labels here. Where the file has spectral norm and our layer none, the
        kernel is divided by sigma.
        """
        path = next(p for p in (f"{layer}/embeddings", f"{layer}/kernel") if p in self.variables)
        table = table or path.endswith("/embeddings")
        ours = self.shape(path)
        shape = ours if table else (ours[-1], *ours[-2:-1], *ours[:-2])
        is_normalized = f"{layer}/u" in self.variables
        if is_normalized or f"{key}.weight_orig" in self.tensors or f"{key}.u0" in self.tensors:
            weight, u, v = self.spectral(self, key, shape)
        else:
            weight, u, v = self.take(f"{key}.weight", shape), None, None
        if order is not None:
            weight, u = weight[order], None if u is None else u[order]
        if inputs is not None:
            weight, v = weight[:, inputs], None if v is None else v[inputs]
        if is_normalized:
            self.put(f"{layer}/u", u)
            self.put(f"{layer}/v", v.reshape(shape[1:]).transpose(*range(1, len(shape) - 1), 0).ravel())
        elif u is not None:
            weight = weight / max(u @ weight.reshape(len(weight), -1) @ v, 1e-12)
        if not table:
            weight = weight.transpose(*range(2, len(shape)), 1, 0)
        self.put(path, weight)
        if f"{layer}/bias" in self.variables:
            bias = self.take(f"{key}.bias", shape[:1])
            self.put(f"{layer}/bias", bias if order is None else bias[order])

    def statistics(self, layer, mean, variance):
        """The moving mean and variance of a batch norm."""
        self.put(f"{layer}/moving_mean", mean)
        self.put(f"{layer}/moving_variance", variance + self.epsilon - self.network.get_layer(layer).epsilon)

    def batch_norm(self, layer, key, names=("weight", "bias", "running_mean", "running_var")):
        """A batch norm with a scale and an offset of its own, or the statistics alone, where `names` has two."""
        shape = self.shape(f"{layer}/moving_mean")
        *affine, mean, variance = (self.take(f"{key}.{name}", shape) for name in names)
        for name, value in zip(("scale", "offset"), affine, strict=False):
            self.put(f"{layer}/{name}", value)
        self.statistics(layer, mean, variance)

    def attention(self, layer, key, names=("theta", "phi", "g", "o"), gain="gamma", gain_shape=()):
        """A self-attention of four 1x1 convolutions and a gain."""
        for ours, name in zip(("query", "key", "value", "mixed"), names, strict=True):
            self.kernel(f"{layer}/{ours}", f"{key}.{name}")
        self.copy(f"{layer}/gain", f"{key}.{gain}", gain_shape)

    def finish(self):
        """Checks that the two sides went up in each other, and gives the variables their values, all or none.

        Raises:
            ZooError: names tensors that are missing, of another shape, or left over.
        """
        kinds = (("missing", self.missing), ("of another shape", self.odd), ("too many", sorted(self.left)))
        told = [
            f"{len(names)} {kind}: {', '.join(names[:5])}{', ...' * (len(names) > 5)}" for kind, names in kinds if names
        ]
        if told:
            raise ZooError(
                f"{self.origin} does not have the tensors that its layout should have. " + "; ".join(told) + "."
            )
        if unset := sorted(self.variables.keys() - self.values.keys()):
            raise ValueError(f"the layout leaves {', '.join(unset)} of the {self.network.name} as it was.")
        for path, value in self.values.items():
            self.variables[path].assign(value)
