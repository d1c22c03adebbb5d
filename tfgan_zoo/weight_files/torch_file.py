"""Reads the tensors of a PyTorch checkpoint without PyTorch, and without running anything that the file names.

A checkpoint is a pickle, and a pickle may name any function of any package to be called on loading. Here the only allowed
names are `OrderedDict`, the storage classes, the function that makes a tensor from a storage and those that make a parameter of a
tensor; the first two make plain values, the third is our own and stays inside its storage, and the last return the tensor. A file
that names anything else is refused.

Both formats are read: the zip archive of PyTorch 1.6 and later, and the older sequence of pickles, where the bytes of the
storages follow the pickle that refers to them.
"""

import collections
import io
import math
import pathlib
import pickle
import pickletools
import reprlib
import typing
import zipfile

import numpy as np

from tfgan_zoo.core.errors import ZooError

# The first pickle of the older format, and its only version.
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
DTYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip
BFLOAT16 = np.dtype([("bfloat16", "<u2")])  # NumPy has none; its bits are the upper half of a float32
STORAGES = (*DTYPES, "BFloat16Storage")
LONGEST_NAME = 1000  # characters of a tensor's name
PARAMETERS = ("_rebuild_parameter", "_rebuild_parameter_with_state")
MOST_COPIES = 4  # bytes of tensors for each byte of the file; tensors may share their numbers, and bfloat16 doubles


def read_tensors(source: typing.Any) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint: {name: NumPy array}, in the file's order, each with memory of its own; bfloat16 as float32.

    Nested dictionaries give names joined by dots, such as "state_dict.conv.weight"; other values, such as the number of
    steps, are left out.

    Args:
        source: the file's bytes, or its path.

    Raises:
        ZooError: there is no such file, it is not a checkpoint or is damaged, it names a class or function that tensors do
            not need, or it has no named tensors.
    """
    tensors = read_with(_tree, source, "PyTorch checkpoint")
    if not tensors:
        raise ZooError(
            f"{_titled(source, 'PyTorch checkpoint')} has no named tensors; expected a state_dict, or dictionaries of them."
        )
    return tensors


def read_with(reader: typing.Callable[[bytes], typing.Any], source: typing.Any, kind: str) -> dict[str, np.ndarray]:
    """The tensors of a file by name, with its name in what is raised.

    Args:
        reader: function (bytes) that returns nested dictionaries of arrays.
        source: the file's bytes, or its path.
        kind: of file, for messages.

    Raises:
        ZooError: it cannot be read, or the reader raised something.
    """
    title = _titled(source, kind)
    if not isinstance(source, bytes):
        try:
            source = pathlib.Path(source).read_bytes()
        except OSError as error:
            raise ZooError(f"cannot read {title}: {error.strerror}.") from error
    try:
        return _copied(reader(source), MOST_COPIES * len(source))
    except ZooError as error:
        raise ZooError(f"{title} is refused: {error}") from error
    except Exception as error:  # on bytes that are not a pickle, the unpickler raises nearly everything
        text = next((argument for argument in error.args if isinstance(argument, str)), "")  # others may be of any size
        raise ZooError(
            f"{title} is damaged or not a {kind.split()[-1]} ({type(error).__name__}: {text[:300]})."
        ) from error


def _titled(source, kind):
    return f"this {kind}" if isinstance(source, bytes) else f"the {kind} {str(source)!r}"


def _tree(content):
    return _from_zip(content) if content[:2] == b"PK" else storages_after_pickles(content)[0]


class FixedFunction:
    """A function that a pickle may call and cannot change."""

    __slots__ = ("_function",)

    def __init__(self, function: typing.Callable[..., typing.Any]) -> None:
        self._function = function

    def __call__(self, *arguments: typing.Any) -> typing.Any:
        return self._function(*arguments)

    def __setstate__(self, state: typing.Any) -> None:
        raise ZooError("it changes a function that it may only call.")


class TensorUnpickler(pickle.Unpickler):
    """Allows only dictionaries and tensors.

    make_storage: function (key, dtype, count) -> array [count], called once per storage; the arrays are kept in `storages`.
    A pickle only handles their keys, and tensors that were checked, so it cannot make a tensor of anything else.
    """

    def __init__(self, file: typing.BinaryIO, make_storage: typing.Callable[..., np.ndarray]) -> None:
        check_memo(file)
        super().__init__(file)
        self.make_storage = make_storage
        self.storages: dict[typing.Any, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> typing.Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return FixedFunction(self.make_tensor)
        if module == "torch._utils" and name in PARAMETERS:
            return FixedFunction(lambda tensor, *_: tensor)
        if module == "torch" and name in STORAGES:
            return name
        raise ZooError(f"it names {module}.{name}; expected only dictionaries and tensors, as in a state_dict.")

    def persistent_load(self, identity: typing.Any) -> str:
        kind, name, key, _, count, *view = identity
        plain = all(isinstance(text, str) for text in (name, key)) and isinstance(count, int)
        if kind != "storage" or view not in ([], [None]) or not plain or name not in STORAGES:
            raise ZooError(f"it refers to {reprlib.repr(identity)}, which is not a storage.")
        if key not in self.storages:
            dtype = np.dtype(DTYPES[name]) if name in DTYPES else BFLOAT16
            self.storages[key] = self.make_storage(key, dtype, count)
        return key

    def make_tensor(
        self, key: typing.Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: typing.Any
    ) -> np.ndarray:
        """A view of a storage, within its bounds; shape and strides are in elements."""
        storage = self.storages[key]
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        size = math.prod(shape)
        if min([offset, *shape, *strides]) < 0 or size > storage.size or (size and last >= storage.size):
            raise ZooError(
                f"a tensor of shape {reprlib.repr(shape)}, strides {reprlib.repr(strides)} and offset {offset} exceeds its storage of {storage.size} numbers."
            )
        in_bytes = [stride * storage.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, in_bytes)


def check_memo(file: typing.BinaryIO) -> None:
    """Refuses a pickle that numbers what it remembers higher than it has instructions, for which memory would be taken.

    Args:
        file: at the start of a pickle, where it is left.
    """
    start = file.tell()
    for count, (instruction, argument, _) in enumerate(pickletools.genops(file)):
        if instruction.name in ("PUT", "BINPUT", "LONG_BINPUT") and (argument or 0) > count:
            raise ZooError(f"it remembers something as number {argument:,} after {count:,} instructions.")
    file.seek(start)


def _from_zip(content):
    """The object in an archive of NAME/data.pkl and NAME/data/KEY."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = pickled.removesuffix("data.pkl")

        def read(name):
            if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:  # which PyTorch never does
                raise ZooError(f"its {name} is compressed, so its size is unbounded.")
            return archive.read(name)

        if f"{folder}byteorder" in archive.namelist() and read(f"{folder}byteorder") != b"little":
            raise ZooError("it was written on a big-endian machine.")

        def make_storage(key, dtype, count):
            data = read(f"{folder}data/{key}")
            if len(data) != count * dtype.itemsize:
                raise ZooError(f"its storage {key} has {len(data)} bytes; expected {count} of {dtype}.")
            return np.frombuffer(data, dtype)

        return TensorUnpickler(io.BytesIO(read(pickled)), make_storage).load()


def storages_after_pickles(content: bytes) -> tuple[typing.Any, dict[str, np.ndarray]]:
    """(object, {key: storage}) of the older format: four pickles, a list of keys, then the length and bytes of each storage."""
    file = io.BytesIO(content)

    def make_storage(key, dtype, count):
        if not 0 <= count * dtype.itemsize <= len(content):
            raise ZooError(f"its storage {key} of {count} numbers exceeds the size of the file.")
        return np.zeros(count, dtype)  # filled below

    magic, version, system = (TensorUnpickler(file, make_storage).load() for _ in range(3))
    if (magic, version) != (MAGIC, VERSION):
        raise ZooError(
            f"it starts with {reprlib.repr(magic)}, {reprlib.repr(version)}; expected PyTorch's {MAGIC!r}, {VERSION!r}."
        )
    if not system["little_endian"]:
        raise ZooError("it was written on a big-endian machine.")
    unpickler = TensorUnpickler(file, make_storage)
    tree = unpickler.load()
    for key in TensorUnpickler(file, make_storage).load():
        storage, count = unpickler.storages[key], int.from_bytes(file.read(8), "little")
        data = file.read(storage.nbytes)
        if count != storage.size or len(data) != storage.nbytes:
            raise ZooError(f"its storage {key} has {count} numbers in {len(data)} bytes; expected {storage.size}.")
        storage[:] = np.frombuffer(data, storage.dtype)
    return tree, unpickler.storages


def _named(tree, prefix, seen):
    """Yields (name, array) of a dictionary and the nested ones, each once, since a file may nest one in itself."""
    if not isinstance(tree, dict) or id(tree) in seen:
        return
    seen.add(id(tree))
    for key, value in tree.items():
        if isinstance(key, str) and len(prefix) + len(key) > LONGEST_NAME:
            raise ZooError(f"a name in it is longer than {LONGEST_NAME:,} characters.")
        if not isinstance(key, str | int):
            continue
        if isinstance(value, np.ndarray):
            yield f"{prefix}{key}", value
        yield from _named(value, f"{prefix}{key}.", seen)


def _copied(tree, most):
    """{name: array} of nested dictionaries, each with memory of its own, of at most so many bytes in all."""
    tensors = dict(_named(tree, "", set()))
    size = sum(4 * tensor.size if tensor.dtype == BFLOAT16 else tensor.nbytes for tensor in tensors.values())
    if size > most:
        raise ZooError(
            f"its tensors share their numbers so often that they would take {size:,} bytes; at most {most:,} are read."
        )
    return {name: _as_float32(value) if value.dtype == BFLOAT16 else np.array(value) for name, value in tensors.items()}


def _as_float32(values):
    return (values["bfloat16"].astype(np.uint32) << 16).view(np.float32)
