"""Shared by all layouts of PyTorch weights: the order of kernels, batch norm, spectral norm, and the check that all is used.

PyTorch stores kernels as [out, in, height, width] and [out, in], we as [height, width, in, out] and [in, out]. A dense
layer whose output becomes an image has its outputs in the order C, H, W there and H, W, C here. Both store the unbiased
moving variance (`layers.BatchNorm`), so it is copied.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfgan_zoo.core.errors import ZooError

if TYPE_CHECKING:
    import keras

COUNTERS = re.compile(r"(^|\.)num_batches_tracked$")  # not needed by our batch norm
LEAVE_OUT = "leave the discriminator out by --discriminator=none"  # for messages on a discriminator alone
# What trainers put before the names of a network's tensors: a file's key for it, DistributedDataParallel, torch.compile, averaging.
WRAPPERS = ("model_state_dict", "state_dict", "module", "_orig_mod", "ema_model")
# Under which keys of a file the two players are found; averages first.
GENERATORS = (
    "g_ema", "G_ema", "netG_ema", "ema", "model_ema", "params_ema", "generator_ema", "g", "G", "netG", "gen", "generator", "params",
)  # fmt: skip
DISCRIMINATORS = ("d", "D", "netD", "dis", "disc", "discriminator")
Tensors = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class RecognizedWeights:
    """The model that a file was recognized as.

    Attributes:
        model: of our recipe.
        arguments: of our recipe; they replace those of its preset.
        image_shape: (H, W, C).
        num_classes: 0 for a generator without labels.
        fill_generator: function (network) that loads the file's tensors into the game's generator.
        fill_discriminator: likewise; None if there is no file for it.
        notes: sentences on differences between the imported run and its origin.
    """

    model: str
    arguments: dict
    image_shape: tuple[int, ...]
    num_classes: int
    fill_generator: Callable[[keras.Model], None]
    fill_discriminator: Callable[[keras.Model], None] | None = None
    notes: tuple[str, ...] = ()


def below(tensors: Tensors, key: str) -> Tensors:
    """The tensors under a key of the file, such as "netG" or "models.netG", without it in their names."""
    prefix = f"{key}."
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def state_dict(tensors: Tensors, key: str | None = None, flag: str = "--key") -> Tensors:
    """A network's own tensors in a file, without what trainers put before their names, and without the optimizer's.

    Args:
        tensors: {name: array} of the file.
        key: under which the network is found in it, such as "g_ema"; None if it holds one network.
        flag: the option that gives the key, for messages.

    Raises:
        ZooError: there is nothing under the key, or there are several networks and no key; lists what there is.
    """
    if key:
        found = below(tensors, key)
        if not found:
            raise ZooError(f"{flag}={key}: nothing in the file is under that key. {contents(tensors)}")
        return state_dict(found)
    while wrapper := next((w for w in WRAPPERS if any(name.startswith(f"{w}.") for name in tensors)), None):
        tensors = below(tensors, wrapper)
    groups = dict.fromkeys(name.partition(".")[0] for name in tensors)
    players = [group for group in groups if group in GENERATORS + DISCRIMINATORS]
    if len(players) > 1:
        wanted = DISCRIMINATORS if "discriminator" in flag else GENERATORS
        one = next((name for name in wanted if name in players), players[0])
        raise ZooError(f"the file holds several networks; choose one, such as {flag}={one}. {contents(tensors)}")
    if players and all("optim" in group for group in groups if group not in players):
        return state_dict(below(tensors, players[0]))
    # Only a part of the network may have been compiled.
    return {name.replace("._orig_mod.", "."): tensor for name, tensor in tensors.items()}


def contents(tensors: Tensors) -> str:
    """A sentence on the keys of a file and how many tensors are under each."""
    counts = collections.Counter(name.partition(".")[0] for name in tensors)
    return f"It holds {', '.join(f'{key} ({n:,} tensor' + 's' * (n > 1) + ')' for key, n in counts.most_common(12))}."


def shape_of(tensors: Tensors, key: str, rank: int, layout: str) -> tuple[int, ...]:
    """The shape of a tensor that identifies a layout.

    Raises:
        ZooError: it is missing or has another rank; names the tensor and the first ones of the file.
    """
    if key not in tensors or tensors[key].ndim != rank:
        first = ", ".join(list(tensors)[:4])
        raise ZooError(f"this is not {layout}: it has no {key!r} of {rank} dimensions. Its first tensors are {first}.")
    return tensors[key].shape


def count_of(tensors: Iterable[str], pattern: str) -> int:
    """The number of consecutive integers, from the smallest on, that the group of `pattern` matches in the names."""
    numbers = sorted({int(match[1]) for name in tensors if (match := re.match(pattern, name))})
    return next((i for i, n in enumerate(numbers) if n != numbers[0] + i), len(numbers))


def check_filters(tensors: Tensors, name: str, origin: str) -> None:
    """Checks that the filters of resampling layers are ours, [1, 3, 3, 1] in both directions.

    Args:
        tensors: {name: array} of a network.
        name: last part of the names of the filters.
        origin: of the tensors, for the message.

    Raises:
        ZooError: one of them is another filter.
    """
    ours = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
    for key, tensor in tensors.items():
        if key.endswith(f".{name}") and not (
            tensor.shape == ours.shape and np.allclose(tensor / tensor.sum(), ours, atol=1e-5)
        ):
            raise ZooError(
                f"{origin} resamples with another filter than [1, 3, 3, 1] ({key}), so it is another network than ours."
            )


def image_order(channels: int, height: int, width: int) -> np.ndarray:
    """For outputs in the order H, W, C: their positions in the order C, H, W."""
    return np.arange(channels * height * width).reshape(channels, height, width).transpose(1, 2, 0).ravel()


def unit(vector: np.ndarray, epsilon: float = 1e-12) -> np.ndarray:
    return vector / max(np.linalg.norm(vector), epsilon)


def torch_spectral(transfer: Transfer, key: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight, u and v as stored by `torch.nn.utils.spectral_norm`."""
    weight = transfer.take(f"{key}.weight_orig", shape)
    rest = math.prod(shape[1:])
    return weight, transfer.take(f"{key}.weight_u", shape[:1]), transfer.take(f"{key}.weight_v", (rest,))


def u_only_spectral(
    transfer: Transfer, key: str, shape: tuple[int, ...], names: tuple[str, str] = ("u0", "sv0")
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight, u and v as BigGAN-PyTorch computes them in inference: by one iteration from the stored u.

    names: of u, and of the last sigma of training, which is not needed.
    """
    weight, start = transfer.take(f"{key}.weight", shape), transfer.take(f"{key}.{names[0]}", (1, shape[0]))
    transfer.take(f"{key}.{names[1]}", (1,))
    matrix = weight.reshape(shape[0], -1)
    v = unit(start[0] @ matrix)
    return weight, unit(matrix @ v), v


class Transfer:
    """Moves tensors into one network, and records those that are missing, left over or of another shape.

    Args:
        tensors: {name: array}.
        network: a Keras model of ours.
        origin: the name of the file in messages.
        spectral: reads its spectral norm: `torch_spectral` or `u_only_spectral`.
        epsilon: added to the variance by its batch norm. The difference to our epsilon goes into the moving variance.
    """

    def __init__(
        self,
        tensors: Tensors,
        network: keras.Model,
        origin: str,
        spectral: Callable = torch_spectral,
        epsilon: float = 1e-5,
    ) -> None:
        self.tensors, self.network, self.origin = tensors, network, origin
        self.spectral, self.epsilon = spectral, epsilon
        self.unused = {name for name in tensors if not COUNTERS.search(name)}
        self.missing: list[str] = []
        self.misshapen: list[str] = []
        self.invalid: list[str] = []
        self.negative: list[str] = []
        # A wrapper's path is name/name/kernel.
        paths = {re.sub(r"(^|/)([^/]+)/\2/", r"\1\2/", v.path): v for v in network.variables}
        self.variables = {path: v for path, v in paths.items() if v.name != "standing_batches"}
        self.values: Tensors = {}

    def take(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor of this name, at least float32; zeros of `shape` if it is missing or misshapen, see `finish`."""
        self.unused.discard(key)
        tensor = self.tensors.get(key)
        if tensor is None:
            self.missing.append(key)
        elif tensor.shape != tuple(shape):
            self.misshapen.append(f"{key} is {list(tensor.shape)} and should be {list(shape)}")
        else:
            if not np.isfinite(tensor).all():
                self.invalid.append(f"{key} has {np.count_nonzero(~np.isfinite(tensor)):,} of {tensor.size:,}")
            return np.asarray(tensor, np.result_type(tensor, np.float32))
        return np.zeros(shape, np.float32)

    def put(self, path: str, value: np.ndarray) -> None:
        """Sets the future value of the variable at `path` ("norm/scale"), in our order."""
        self.values[path] = np.reshape(value, self.variables[path].shape)

    def shape(self, path: str) -> tuple[int, ...]:
        """The shape of our variable."""
        return tuple(self.variables[path].shape)

    def copy(self, path: str, key: str, shape: tuple[int, ...] | None = None) -> None:
        """A tensor in our order. shape: in the file, if it differs from ours."""
        self.put(path, self.take(key, self.shape(path) if shape is None else shape))

    def kernel(
        self,
        layer: str,
        key: str,
        order: np.ndarray | None = None,
        inputs: np.ndarray | None = None,
        table: bool = False,
    ) -> None:
        """A Dense, a convolution or an Embedding, with its bias and its spectral norm if ours has them.

        If the file has spectral norm and our layer has not, the kernel is divided by sigma.

        Args:
            layer: ours.
            key: of the tensors.
            order: the position in the file of each of our outputs, if their order differs.
            inputs: likewise of a Dense layer's inputs.
            table: an Embedding in the file, and a Dense layer of one-hot labels here.
        """
        path = next(p for p in (f"{layer}/embeddings", f"{layer}/kernel") if p in self.variables)
        table = table or path.endswith("/embeddings")
        own = self.shape(path)
        shape = own if table else (own[-1], *own[-2:-1], *own[:-2])
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

    def statistics(self, layer: str, mean: np.ndarray, variance: np.ndarray) -> None:
        """The moving mean and variance of a batch norm."""
        if (variance < 0).any():
            self.negative.append(f"that of {layer} goes down to {variance.min():.3g}")
        self.put(f"{layer}/moving_mean", mean)
        self.put(f"{layer}/moving_variance", variance + self.epsilon - self.network.get_layer(layer).epsilon)

    def batch_norm(
        self, layer: str, key: str, names: Sequence[str] = ("weight", "bias", "running_mean", "running_var")
    ) -> None:
        """A batch norm with its own scale and offset, or only the statistics if there are two `names`."""
        shape = self.shape(f"{layer}/moving_mean")
        *affine, mean, variance = (self.take(f"{key}.{name}", shape) for name in names)
        for name, value in zip(("scale", "offset"), affine, strict=False):
            self.put(f"{layer}/{name}", value)
        self.statistics(layer, mean, variance)

    def attention(
        self,
        layer: str,
        key: str,
        names: Sequence[str] = ("theta", "phi", "g", "o"),
        gain: str = "gamma",
        gain_shape: tuple[int, ...] = (),
    ) -> None:
        """A self-attention of four 1x1 convolutions and a gain."""
        for part, name in zip(("query", "key", "value", "mixed"), names, strict=True):
            self.kernel(f"{layer}/{part}", f"{key}.{name}")
        self.copy(f"{layer}/gain", f"{key}.{gain}", gain_shape)

    def finish(self) -> None:
        """Checks that every tensor is used and every variable set, and assigns the variables, all or none.

        Raises:
            ZooError: tensors are missing, of another shape, left over, or hold what no network has; names them.
        """
        kinds = (("missing", self.missing), ("of another shape", self.misshapen), ("left over", sorted(self.unused)))
        problems = [
            f"{len(names)} {kind}: {', '.join(names[:5])}{', ...' * (len(names) > 5)}" for kind, names in kinds if names
        ]
        if problems:
            raise ZooError(f"{self.origin} does not have the tensors of its layout: " + "; ".join(problems) + ".")
        for what, names in (("NaN or infinity", self.invalid), ("a negative variance in a batch norm", self.negative)):
            if names:
                more = f", and {len(names) - 5} more" if len(names) > 5 else ""
                raise ZooError(
                    f"{self.origin} has {what}, as training leaves them that went wrong: {', '.join(names[:5])}{more};"
                    " take an earlier checkpoint."
                )
        if unset := sorted(self.variables.keys() - self.values.keys()):
            raise ValueError(f"the layout does not set {', '.join(unset)} of the {self.network.name}.")
        for path, value in self.values.items():
            self.variables[path].assign(value)
