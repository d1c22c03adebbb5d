"""Writes spectral_norm_torch.npz: what torch.nn.utils.spectral_norm computes in three training steps, in float64.

The tests need only the file. To make it anew, in an environment of its own:

    python -m venv torch-environment
    torch-environment/bin/pip install torch==2.13.0 numpy
    torch-environment/bin/python tests/references/make_spectral_norm_torch.py

Arrays are named `<layer>/<what>`, in PyTorch's own layouts. Before the steps: weight, bias, u, v. A step draws inputs
and coefficients, calls the layer in training, takes loss = sum(outputs * coefficients) and moves the weight by -0.1
times the gradient. Stacked over the steps: inputs, coefficients, outputs, us, vs, sigmas, gradients (of the stored
weight). After them, in inference with the last weight: inference_outputs for the last inputs.
"""

import pathlib

import numpy as np
import torch

STEPS = 3
RATE = 0.1


def record(make_layer, draw_inputs):
    """Returns the arrays of one layer by name."""
    layer = torch.nn.utils.spectral_norm(make_layer())
    start = {"weight": layer.weight_orig, "u": layer.weight_u, "v": layer.weight_v}
    if getattr(layer, "bias", None) is not None:
        start["bias"] = layer.bias
    arrays = {name: tensor.detach().clone() for name, tensor in start.items()}
    steps = []
    for _ in range(STEPS):
        inputs = draw_inputs()
        outputs = layer(inputs)
        coefficients = torch.randn_like(outputs)
        (gradient,) = torch.autograd.grad((outputs * coefficients).sum(), [layer.weight_orig])
        # One number suffices to read sigma off W / sigma.
        sigma = layer.weight_orig.flatten()[0] / layer.weight.flatten()[0]
        step = {
            "inputs": inputs, "coefficients": coefficients, "outputs": outputs, "us": layer.weight_u,
            "vs": layer.weight_v, "sigmas": sigma, "gradients": gradient,
        }  # fmt: skip
        steps.append({name: tensor.detach().clone() for name, tensor in step.items()})
        with torch.no_grad():
            layer.weight_orig -= RATE * gradient
    arrays |= {name: torch.stack([step[name] for step in steps]) for name in steps[0]}
    arrays["inference_outputs"] = layer.eval()(inputs).detach()
    return {name: tensor.numpy() for name, tensor in arrays.items()}


def main():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    layers = {
        "linear": (lambda: torch.nn.Linear(5, 4), lambda: torch.randn(3, 5)),
        "conv": (lambda: torch.nn.Conv2d(3, 4, 3, padding=1), lambda: torch.randn(1, 3, 3, 3)),
        "conv_transpose": (
            lambda: torch.nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1),
            lambda: torch.randn(1, 3, 2, 2),
        ),
        "embedding": (lambda: torch.nn.Embedding(6, 3), lambda: torch.randint(0, 6, (5,))),
    }
    arrays = {f"{name}/{key}": a for name, parts in layers.items() for key, a in record(*parts).items()}
    np.savez_compressed(pathlib.Path(__file__).with_name("spectral_norm_torch.npz"), **arrays)


if __name__ == "__main__":
    main()
