"""Files and weights as PyTorch has them, made without it: for tests of what reads them."""

import io
import itertools
import pickle
import zipfile
import zlib

import numpy as np

STORAGES = {"float32": b"FloatStorage", "int64": b"LongStorage", "uint16": b"BFloat16Storage"}  # NumPy has no bfloat16


def item(value):
    """The opcodes that put a value on a pickle's stack."""
    return pickle.dumps(value, 2)[2:-1]


def tensor_opcodes(key, array):
    """The opcodes of one tensor, whose numbers are the storage `key`."""
    storage = b"(" + item("storage") + b"ctorch\n" + STORAGES[array.dtype.name] + b"\n" + item(key) + item("cpu")
    storage += item(array.size) + b"tQ"
    strides = tuple(stride // array.itemsize for stride in array.strides)
    arguments = b"(" + storage + item(0) + item(array.shape) + item(strides) + item(False) + b"Nt"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def parameter_opcodes(key, array):
    """The opcodes of a tensor as `nn.Parameter`."""
    return b"ctorch._utils\n_rebuild_parameter\n(" + tensor_opcodes(key, array) + item(True) + b"}tR"


def zip_checkpoint(tensors, opcodes=tensor_opcodes):
    """The bytes of a zip-format checkpoint of {name: array}."""
    tensors = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in tensors.items()}
    pairs = b"".join(item(name) + opcodes(str(i), a) + b"s" for i, (name, a) in enumerate(tensors.items()))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}" + pairs + b".")
        for i, array in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{i}", array.tobytes())
    return stream.getvalue()


def seeded(shapes):
    """{name: array} of {name: shape}: numbers that follow from the names, of a size at which activations stay near 1."""
    tensors = {name: seeded_tensor(name, tuple(shape)) for name, shape in shapes.items()}
    for name in tensors:
        if name.endswith("weight_orig"):
            base = name.removesuffix("orig")
            matrix, u = tensors[name].reshape(len(tensors[name]), -1), tensors[f"{base}u"]
            for _ in range(3):
                v = matrix.T @ u
                u = matrix @ (v := v / np.linalg.norm(v))
                u = u / np.linalg.norm(u)
            tensors[f"{base}u"], tensors[f"{base}v"] = np.float32(u), np.float32(v)
    return tensors


def seeded_tensor(name, shape):
    *_, last = name.split(".")
    if last == "num_batches_tracked":
        return np.array(0)
    normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if last in ("running_var", "running_vars", "stored_var"):
        return np.float32(0.5 + 0.3 * np.tanh(normal))
    if last in ("gamma", "sigma", "sv0"):
        return np.float32(np.full(shape, 0.5))
    if len(shape) == 1 or last in ("running_means",):
        return np.float32(0.1 * normal + 0.3 * (last in ("weight", "gain")))
    return np.float32(normal if last == "u0" else normal / np.sqrt(np.prod(shape[1:])))


def biggan_shapes(widths, classes, bottom=4, chunk=0, noise=0, shared=0, attention=None):
    """Names and shapes of a generator of BigGAN-PyTorch. widths: of the stem and behind each block.

    chunk, shared: of the hierarchical form; noise: of the plain one. attention: the block that it follows.
    """
    shapes = {"shared.weight": (classes, shared)} if shared else {}

    def normalized(key, *shape, bias=True):
        shapes[f"{key}.weight"] = shape
        if bias:
            shapes[f"{key}.bias"] = shape[:1]
        shapes[f"{key}.u0"], shapes[f"{key}.sv0"] = (1, shape[0]), (1,)

    def norm(key, channels):
        shapes[f"{key}.stored_mean"] = shapes[f"{key}.stored_var"] = (channels,)
        for part in ("gain", "bias"):
            if shared:
                normalized(f"{key}.{part}", channels, shared + chunk, bias=False)
            else:
                shapes[f"{key}.{part}.weight"] = (classes, channels)

    normalized("linear", widths[0] * bottom**2, chunk or noise)
    for i, (before, after) in enumerate(itertools.pairwise(widths)):
        normalized(f"blocks.{i}.0.conv1", after, before, 3, 3)
        normalized(f"blocks.{i}.0.conv2", after, after, 3, 3)
        normalized(f"blocks.{i}.0.conv_sc", after, before, 1, 1)
        norm(f"blocks.{i}.0.bn1", before)
        norm(f"blocks.{i}.0.bn2", after)
        if i == attention:
            biggan_attention(shapes, normalized, f"blocks.{i}.1", after)
    for name in ("gain", "bias", "stored_mean", "stored_var"):
        shapes[f"output_layer.0.{name}"] = (widths[-1],)
    normalized("output_layer.2", 3, widths[-1], 3, 3)
    return shapes


def biggan_attention(shapes, normalized, key, channels):
    shapes[f"{key}.gamma"] = ()
    sizes = {"theta": (channels // 8, channels), "phi": (channels // 8, channels)}
    sizes |= {"g": (channels // 2, channels), "o": (channels, channels // 2)}
    for part, size in sizes.items():
        normalized(f"{key}.{part}", *size, 1, 1, bias=False)


def biggan_discriminator_shapes(widths, classes, attention=None):
    """Names and shapes of a discriminator of BigGAN-PyTorch. widths: behind each block, of which the last does not halve, and of
    32 pixels the last two. attention: the block that it follows."""
    shapes = {}

    def normalized(key, *shape, bias=True):
        shapes[f"{key}.weight"] = shape
        if bias:
            shapes[f"{key}.bias"] = shape[:1]
        shapes[f"{key}.u0"], shapes[f"{key}.sv0"] = (1, shape[0]), (1,)

    halving = 2 if len(widths) == 4 else len(widths) - 1
    for i, (before, after) in enumerate(zip([3, *widths], widths, strict=False)):
        normalized(f"blocks.{i}.0.conv1", after, before, 3, 3)
        normalized(f"blocks.{i}.0.conv2", after, after, 3, 3)
        if i < halving or before != after:
            normalized(f"blocks.{i}.0.conv_sc", after, before, 1, 1)
        if i == attention:
            biggan_attention(shapes, normalized, f"blocks.{i}.1", after)
    normalized("linear", 1, widths[-1])
    normalized("embed", classes, widths[-1], bias=False)
    return shapes


def studiogan_shapes(width, classes, noise=8):
    """Names and shapes of StudioGAN's SAGAN generator of 32 pixels, attention behind the second block."""
    shapes = {}

    def normalized(key, *shape, bias=True):
        torch_normalized(shapes, key, shape, bias)

    normalized("linear0", width * 16, noise)
    for i in (0, 1, 3):
        for n in (1, 2):
            shapes[f"blocks.{i}.0.bn{n}.bn.running_mean"] = shapes[f"blocks.{i}.0.bn{n}.bn.running_var"] = (width,)
            shapes[f"blocks.{i}.0.bn{n}.bn.num_batches_tracked"] = ()
            normalized(f"blocks.{i}.0.bn{n}.gain", width, classes, bias=False)
            normalized(f"blocks.{i}.0.bn{n}.bias", width, classes, bias=False)
        for n, size in ((0, 1), (1, 3), (2, 3)):
            normalized(f"blocks.{i}.0.conv2d{n}", width, width, size, size)
    studiogan_attention(shapes, normalized, "blocks.2.0", width)
    for name in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"bn4.{name}"] = (width,)
    normalized("conv2d5", 3, width, 3, 3)
    return shapes


def studiogan_discriminator_shapes(width, classes):
    """Names and shapes of its discriminator, attention behind the first block."""
    shapes = {}

    def normalized(key, *shape, bias=True):
        torch_normalized(shapes, key, shape, bias)

    for i in (0, 2, 3, 4):
        before = 3 if i == 0 else width
        for n, size in ((0, 1), (1, 3), (2, 3)):
            if n or i < 3:
                normalized(f"blocks.{i}.0.conv2d{n}", width, width if n == 2 else before, size, size)
    studiogan_attention(shapes, normalized, "blocks.1.0", width)
    normalized("linear1", 1, width)
    normalized("embedding", classes, width, bias=False)
    return shapes


def torch_normalized(shapes, key, shape, bias):
    shapes[f"{key}.weight_orig"], shapes[f"{key}.weight_u"] = shape, shape[:1]
    shapes[f"{key}.weight_v"] = (int(np.prod(shape[1:])),)
    if bias:
        shapes[f"{key}.bias"] = shape[:1]


def studiogan_attention(shapes, normalized, key, channels):
    shapes[f"{key}.sigma"] = (1,)
    sizes = {"theta": (channels // 8, channels), "phi": (channels // 8, channels)}
    sizes |= {"g": (channels // 2, channels), "attn": (channels, channels // 2)}
    for part, size in sizes.items():
        normalized(f"{key}.conv1x1_{part}", *size, 1, 1, bias=False)


def inputs(noise_size, classes):
    """(latents float32 [2, noise_size], labels int64 [2], a function that gives images float32 [2, side, side, 3] of a side)."""
    draw = np.random.default_rng(1)
    noise = np.float32(draw.standard_normal([2, noise_size]))
    return noise, np.array([1, classes - 2]), lambda side: np.float32(draw.uniform(-1, 1, [2, side, side, 3]))
