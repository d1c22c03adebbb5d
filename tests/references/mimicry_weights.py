"""The numbers that both sides of the comparison with torch-mimicry draw for themselves, by name: none of them is stored."""

import zlib

import numpy as np


def draw(name, shape):
    """N(0, 1) numbers of a shape that depend on the name alone."""
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)


def weights(name, shapes):
    """Weights of a network that shows everything: no statistic, scale or gain is trivial.

    Args:
        name: of the network.
        shapes: {PyTorch's key: shape}.

    Returns:
        {key: float64 array}; u and v are those of three power iterations from a random vector.
    """
    tensors = {
        key: weight(name, key, shape) for key, shape in shapes.items() if not key.endswith(("weight_u", "weight_v"))
    }
    for key in shapes:
        if key.endswith("weight_u"):
            start, layer = draw(f"{name}/{key}", shapes[key]), key.removesuffix("weight_u")
            u, v = iterated(tensors[f"{layer}weight_orig"], start / np.linalg.norm(start), 3)
            tensors |= {key: u, f"{layer}weight_v": v}
    return tensors


def weight(name, key, shape):
    numbers, kind = draw(f"{name}/{key}", shape), key.rpartition(".")[2]
    if key.endswith(("num_batches_tracked", "sn_sigma")):
        return np.ones(shape)
    if key == "attn_block.gamma":
        return np.full(shape, 0.7)
    if kind == "running_var":
        return np.exp(0.2 * numbers)
    if key.endswith("embed.weight"):
        return 0.2 * numbers + np.repeat([1.0, 0.0], shape[1] // 2)
    if len(shape) == 1:
        return 0.1 * numbers + (kind == "weight")  # scales of batch norm; biases and means
    return 1.2 * numbers / np.sqrt(np.prod(shape[1:]))


def iterated(weight, u, steps):
    """u and v of power iterations on the kernel [outputs, ...] as a matrix [outputs, everything else]."""
    matrix = weight.reshape(len(weight), -1)
    for _ in range(steps):
        v = matrix.T @ u
        v /= np.linalg.norm(v)
        u = matrix @ v
        u /= np.linalg.norm(u)
    return u, v


def inputs(name):
    """Two latents [2, 128], two labels, and two images [2, 3, 32, 32] in [-1, 1]."""
    return draw(f"{name}/noise", [2, 128]), np.array([3, 7]), np.tanh(draw(f"{name}/images", [2, 3, 32, 32]))


def step_inputs(step):
    """Of a training step: images [4, 3, 32, 32], and the latents [4, 128] of the two turns."""
    images = np.tanh(draw(f"step {step}/images", [4, 3, 32, 32]))
    return images, draw(f"step {step}/discriminator", [4, 128]), draw(f"step {step}/generator", [4, 128])


def probed(key, size):
    """The flat positions of a tensor at which its values are stored."""
    return np.random.default_rng(zlib.crc32(key.encode())).integers(0, size, min(size, 12))
