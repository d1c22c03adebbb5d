"""Reads the tensors of pickled networks, as StyleGAN2, StyleGAN2-ADA, StyleGAN3 and R3GAN publish them, and runs nothing of them.

Such a file is a pickle of whole objects; StyleGAN's own loader executes the source of the network's module, which the file holds.
Here the source is text that nobody reads, modules become records without behaviour, and a file that names anything but modules,
tensors, arrays and plain values is refused. Sizes are checked before memory is taken for tensors.

Three forms are read: objects of `torch_utils.persistence` (StyleGAN2-ADA and StyleGAN3), plain PyTorch modules (R3GAN), and networks
of TensorFlow 1 (StyleGAN2).
"""

import io
import re
import reprlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.weight_files.torch_file import (
    FixedFunction,
    TensorUnpickler,
    read_tensors,
    read_with,
    storages_after_pickles,
)

MODULES = re.compile(r"(training\.networks(_stylegan[23])?|R3GAN(\.\w+)+|torch\.nn\.modules(\.\w+)+|training\.augment)")
DTYPES_OF_TORCH = ("float16", "bfloat16", "float32", "float64", "int32", "int64", "uint8", "bool")
NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")  # NumPy's types of numbers
SETTINGS = ("group_size", "mbstd_group_size", "activation", "bias_gain")  # of modules, which no tensor tells
LONGEST_SETTING = 100  # characters
TF1_PLAYERS = ("G", "D", "G_ema")  # in this order


def read_networks(source: Any) -> dict[str, np.ndarray]:
    """The tensors of all networks in a file, {"G_ema.synthesis.b4.const": NumPy array}; of a checkpoint as `read_tensors`.

    The settings of modules that no tensor tells are arrays without dimensions, of a number or of text; 0 for none.

    Args:
        source: the file's bytes, or its path.

    Raises:
        ZooError: there is no such file, it is damaged, it names anything but modules, tensors, arrays and plain values, or it has no
            networks.
    """
    if is_checkpoint(source):
        return read_tensors(source)
    tensors = read_with(_networks, source, "network pickle")
    if not tensors:
        raise ZooError("the networks of this pickle have no tensors; expected parameters and buffers.")
    return tensors


def is_checkpoint(source: Any) -> bool:
    """Whether a file is one of `torch.save`, of either format; False if it cannot be read."""
    try:
        start = source[:4] if isinstance(source, bytes) else _first_bytes(source)
    except OSError:
        return False
    return start[:2] == b"PK" or start[2:] == b"\x8a\x0a"  # a zip file; a pickle of a number of ten bytes


def _first_bytes(path):
    with open(path, "rb") as file:
        return file.read(4)


class _Module:
    """Anything that has a state: `state` is a dictionary, or empty."""

    state: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.state = state


class _Settings(dict):
    """A dictionary of settings; what it is built with is left out."""

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        pass


class _Type:
    """NumPy's type of numbers, without fields."""

    def __init__(self, name: str, *_: Any) -> None:
        self.name, self.order = name, "<"

    def __setstate__(self, state: tuple) -> None:
        self.order = {">": ">"}.get(state[1], "<")

    def read(self, data: bytes) -> np.ndarray:
        if self.name not in NUMBERS or not isinstance(data, bytes):
            raise ZooError(f"it has an array of {reprlib.repr(self.name)}; expected numbers ({', '.join(NUMBERS)}).")
        return np.frombuffer(data, np.dtype(self.order + self.name))


class _Array:
    """A NumPy array, once its state is known."""

    def __init__(self, *_: Any) -> None:
        self.array = np.zeros(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_fortran, data = state
        self.array = kind.read(data).reshape(shape, order="F" if is_fortran else "C")


class _NetworkUnpickler(TensorUnpickler):
    """Allows also modules, settings, NumPy's arrays and scalars, and storages that are files within the file."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), _no_storage)
        self.left = len(content)  # bytes that storages may still have

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy._core.", "numpy.core.")
        known: dict[tuple[str, str], Any] = {
            ("torch_utils.persistence", "_reconstruct_persistent_obj"): FixedFunction(_persistent),
            ("dnnlib.tflib.network", "Network"): _Module,
            ("dnnlib.util", "EasyDict"): _Settings,
            ("torch.storage", "_load_from_bytes"): FixedFunction(self.load_storage),
            ("torch", "Size"): FixedFunction(_plain),
            ("torch", "device"): FixedFunction(_plain),
            ("builtins", "set"): FixedFunction(_plain),
            ("__builtin__", "set"): FixedFunction(_plain),  # before protocol 3
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _Type,
            ("numpy.core.multiarray", "_reconstruct"): _Array,
            ("numpy.core.multiarray", "scalar"): FixedFunction(_scalar),
            ("_codecs", "encode"): FixedFunction(_encode),
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in DTYPES_OF_TORCH:
            return name
        if MODULES.fullmatch(module) and "." not in name:
            return _Module
        return super().find_class(module, name)

    def load_storage(self, content: bytes) -> int:
        """Reads a storage, which a file in the old format holds alone; returns its key."""
        self.left -= len(content)
        if self.left < 0:
            raise ZooError("it reads the bytes of a storage more than once.")
        key, storages = storages_after_pickles(content)
        self.storages[len(self.storages)] = storages[key]
        return len(self.storages) - 1


def _no_storage(key, dtype, count):
    raise ZooError(f"it refers to the storage {reprlib.repr(key)}, which is not in it.")


def _plain(*values: Any) -> Any:
    """In place of values that no tensor depends on."""
    return values


def _persistent(meta: Any) -> _Module:
    """In place of the function that executes a module's source and makes an object of one of its classes."""
    module = _Module()
    module.__setstate__(meta.get("state"))
    return module


def _scalar(kind: _Type, data: bytes) -> Any:
    (value,) = kind.read(data)
    return value.item()


def _encode(text: str, _: str = "latin1") -> bytes:
    """The bytes that protocols before the third write as text, one character each."""
    return text.encode("latin1")


def _networks(content):
    """{network: nested dictionaries of its tensors}."""
    tree = _NetworkUnpickler(content).load()
    if isinstance(tree, tuple | list):
        tree = dict(zip(TF1_PLAYERS, tree, strict=False))
    if isinstance(tree, _Module):
        tree = {"G_ema": tree}
    networks = (
        {str(key): value for key, value in tree.items() if isinstance(value, _Module)} if isinstance(tree, dict) else {}
    )
    if not networks:
        raise ZooError("it holds no networks; expected those that training writes, such as G, D and G_ema.")
    return {key: _tensors(network, {}) for key, network in networks.items()}


def _tensors(module: _Module, done: dict[int, dict]) -> dict:
    """Nested dictionaries of the parameters, buffers and settings of a module and of those within it.

    done: what was found for modules by their identities; a module may be in several places, and even in itself.
    """
    if id(module) in done:
        return done[id(module)]
    found = done[id(module)] = {}
    if "variables" in module.state:  # of TensorFlow 1
        for key, value in module.state["variables"]:
            if isinstance(value, _Array):
                found[str(key).replace("/", ".")] = value.array
        settings, parts = _items(module, "static_kwargs"), _items(module, "components")
    else:
        for key, value in [*_items(module, "_parameters"), *_items(module, "_buffers")]:
            if isinstance(value, np.ndarray):
                found[str(key)] = value
        settings, parts = module.state.items(), _items(module, "_modules")
    for key, value in settings:
        if key in SETTINGS and _is_plain(value):
            found[key] = np.asarray(0 if value is None else value)
    for key, value in parts:
        if isinstance(value, _Module):
            found[str(key)] = _tensors(value, done)
    return found


def _is_plain(value):
    """Whether it is none, a positive number or a short text."""
    if isinstance(value, str):
        return len(value) <= LONGEST_SETTING
    return value is None or (type(value) in (int, float) and 0 < value < 2**31)


def _items(module: _Module, kind: str) -> Any:
    values = module.state.get(kind)
    return values.items() if isinstance(values, dict) else ()
