"""Pickles of whole networks as StyleGAN2, StyleGAN2-ADA and R3GAN write them, made opcode by opcode without their code."""

import pickle
import pickletools

import numpy as np

from tfgan_zoo.weight_files.torch_file import MAGIC, VERSION

SETTINGS = ("group_size", "activation", "bias_gain")  # of modules
BUFFERS = ("w_avg", "noise_const", "resample_filter", "Kernel")
FLOAT = b"ctorch\nFloatStorage\n"


def item(value):
    """The opcodes that put a value on the stack, by protocol 3, as StyleGAN2-ADA's Python writes it."""
    return pickletools.optimize(pickle.dumps(value, 3))[2:-1]  # which leaves out what nothing refers to


def named(module, name):
    return f"c{module}\n{name}\n".encode()


def called(function, *arguments):
    """The opcodes of a call; all are opcodes."""
    return function + b"(" + b"".join(arguments) + b"tR"


def dictionary(pairs):
    """The opcodes of a dictionary of {key: opcodes}."""
    return b"}(" + b"".join(item(key) + value for key, value in pairs.items()) + b"u"


def a_pickle(opcodes):
    return b"\x80\x03" + opcodes + b"."


def storage_file(values, type_opcodes=FLOAT):
    """The file within the file that holds one storage."""
    flat = np.ascontiguousarray(values).ravel()
    storage = b"(" + item("storage") + type_opcodes + item("0") + item("cpu") + item(flat.size) + b"NtQ"
    system = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = b"".join(pickle.dumps(value, 2) for value in (MAGIC, VERSION, system))
    return head + a_pickle(storage) + pickle.dumps(["0"], 2) + flat.size.to_bytes(8, "little") + flat.tobytes()


def tensor(values, content=None):
    """A tensor; `content` in place of its storage's file."""
    values = np.ascontiguousarray(values).reshape(np.shape(values))
    strides = tuple(stride // values.itemsize for stride in values.strides)
    storage = called(named("torch.storage", "_load_from_bytes"), item(content or storage_file(values)))
    hooks = called(named("collections", "OrderedDict"))
    shape = [item(number) for number in (0, values.shape, strides, False)]
    return called(named("torch._utils", "_rebuild_tensor_v2"), storage, *shape, hooks)


def parameter(values):
    return called(named("torch._utils", "_rebuild_parameter"), tensor(values), item(True), item({}))


def state(tensors, make_module, settings):
    """The opcodes of a module's state: {"b4.conv1.weight": array} becomes parameters, buffers and modules within it."""
    parts, own = {}, {}
    for name, values in tensors.items():
        first, _, rest = name.partition(".")
        if rest:
            parts.setdefault(first, {})[rest] = values
        else:
            own[first] = values
    modules = {part: make_module(within) for part, within in parts.items()}
    parameters = {name: parameter(values) for name, values in own.items() if name not in BUFFERS}
    buffers = {name: tensor(values) for name, values in own.items() if name in BUFFERS}
    return dictionary(
        {
            "training": item(False),
            "_parameters": dictionary(parameters | {"bias_that_is_not": item(None)}),
            "_buffers": dictionary(buffers),
            "_modules": dictionary(modules),
            **settings(parts, own),
        }
    )


def persistent(tensors):
    """A module as StyleGAN2-ADA writes it, whose source must not be executed."""

    def settings(parts, own):
        scalar = called(named("numpy.core.multiarray", "scalar"), NUMPY_FLOAT64, item(np.float64(0.5).tobytes()))
        arguments = named("dnnlib.util", "EasyDict") + b")\x81(" + item("z_dim") + item(64) + b"u"
        return {"_init_kwargs": arguments, "weight_gain": scalar} | {
            name: item(value) for name, value in own.items() if name in SETTINGS
        }

    own = {name: values for name, values in tensors.items() if name not in SETTINGS}
    content = state(own, persistent, lambda parts, _: settings(parts, tensors))
    meta = {"type": "class", "version": 6, "module_src": "raise SystemExit('executed')", "class_name": "Network"}
    meta = {key: item(value) for key, value in meta.items()} | {"state": content}
    return called(named("torch_utils.persistence", "_reconstruct_persistent_obj"), dictionary(meta))


NUMPY_FLOAT64 = called(named("numpy", "dtype"), item("f8"), item(False), item(True)) + item(
    (3, "<", None, None, None, -1, -1, 0)
) + b"b"  # fmt: skip


def plain(tensors, kind=("training.networks", "Generator")):
    """A module as R3GAN writes it: a PyTorch module of its classes."""

    def settings(*_):
        return {
            "DataType": named("torch", "bfloat16"),
            "_non_persistent_buffers_set": called(named("builtins", "set"), b"]"),
        }

    def within(inner):
        return plain(
            inner, ("R3GAN.Networks", "Convolution") if "weight" not in inner else ("torch.nn.modules.conv", "Conv2d")
        )

    return named(*kind) + b")\x81" + state(tensors, within, settings) + b"b"


def numpy_array(values):
    """An array as NumPy writes it."""
    values = np.ascontiguousarray(values, np.float32).reshape(np.shape(values))
    kind = (
        called(named("numpy", "dtype"), item("f4"), item(False), item(True))
        + item((3, "<", None, None, None, -1, -1, 0))
        + b"b"
    )
    empty = called(named("numpy.core.multiarray", "_reconstruct"), named("numpy", "ndarray"), item((0,)), item(b"b"))
    return empty + b"(" + item(1) + item(values.shape) + kind + item(False) + item(values.tobytes()) + b"tb"


def of_tensorflow(tensors):
    """A network of TensorFlow 1; {"synthesis/4x4/Conv/weight": array}, whose first parts are its components."""
    components, own = {}, {}
    for name, values in tensors.items():
        first, _, rest = name.partition("/")
        if first in ("synthesis", "mapping"):
            components.setdefault(first, {})[rest] = values
        else:
            own[name] = values
    variables = b"](" + b"".join(b"(" + item(name) + numpy_array(values) + b"t" for name, values in own.items()) + b"e"
    content = {
        "version": item(4),
        "static_kwargs": item({"mbstd_group_size": 4}),
        "build_module_src": item("raise SystemExit('executed')"),
        "components": dictionary({name: of_tensorflow(within) for name, within in components.items()}),
        "variables": variables,
    }
    return named("dnnlib.tflib.network", "Network") + b")\x81" + dictionary(content) + b"b"


def snapshot(networks):
    """The file of {"G_ema": opcodes, ...}, with what else training writes."""
    return a_pickle(dictionary(networks | {"training_set_kwargs": item({"path": "data"}), "augment_pipe": item(None)}))
