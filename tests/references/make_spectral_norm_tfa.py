"""Writes spectral_norm_tfa.npz: what tensorflow_addons.layers.SpectralNormalization computes in three training calls.

The tests need only the file. To make it anew, in an environment of its own (Python 3.9 to 3.11):

    python3.11 -m venv tfa-environment
    tfa-environment/bin/pip install "tensorflow>=2.15,<2.16" "tensorflow-addons==0.23.0"
    tfa-environment/bin/python tests/references/make_spectral_norm_tfa.py

Arrays are named `<layer>/<what>`, all float64. Before the calls: kernel, bias, u [1, outputs] and singular_value, the
kernel's largest. For every call: inputs. Stacked over the calls: outputs, us [1, outputs], kernels (that wrapper
overwrites its kernel).
"""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

CALLS = 3


def record(layer, input_shape):
    """Returns the arrays of one layer by name."""
    wrapper = tfa.layers.SpectralNormalization(layer)
    inputs = tf.random.normal(input_shape, dtype=tf.float64)
    wrapper.build(inputs.shape)
    layer.bias.assign(tf.random.normal(layer.bias.shape, dtype=tf.float64))
    arrays = {"kernel": layer.kernel.numpy(), "bias": layer.bias.numpy(), "u": wrapper.u.numpy()}
    columns = arrays["kernel"].reshape(-1, arrays["kernel"].shape[-1])
    arrays |= {"inputs": inputs.numpy(), "singular_value": np.linalg.svd(columns, compute_uv=False)[0]}
    calls = []
    for _ in range(CALLS):
        outputs = wrapper(inputs, training=True)
        calls.append({"outputs": outputs.numpy(), "us": wrapper.u.numpy(), "kernels": layer.kernel.numpy()})
    return arrays | {name: np.stack([call[name] for call in calls]) for name in calls[0]}


def main():
    tf.keras.utils.set_random_seed(0)
    tf.keras.backend.set_floatx("float64")
    layers = {
        "dense": (tf.keras.layers.Dense(4), (3, 5)),
        "conv": (tf.keras.layers.Conv2D(4, 3, padding="same"), (1, 3, 3, 3)),
    }
    arrays = {f"{name}/{key}": a for name, parts in layers.items() for key, a in record(*parts).items()}
    np.savez_compressed(pathlib.Path(__file__).with_name("spectral_norm_tfa.npz"), **arrays)


if __name__ == "__main__":
    main()
