"""Writes inception_resizing.npz: how clean-fid and torch-fidelity bring images to Inception's 299x299.

The tests need only the file. To make it anew, in an environment of its own:

    python -m venv torch-environment
    torch-environment/bin/pip install torch==2.14.1 numpy==2.4.6 clean-fid==0.1.35 torch-fidelity==0.4.0
    torch-environment/bin/python tests/references/make_inception_resizing.py

For images [H, W, 3] of both `SIZES`, by seed: clean_small and clean_large (clean-fid's mode "clean"), old_small and
old_large (torch-fidelity's copy of TensorFlow 1's resize, which the graph of 2015 holds): float32 [512], in 0..255, the
pixels `PLACES` of [299 * 299 * 3].
"""

import pathlib

import numpy as np
import torch
from cleanfid.resize import build_resizer
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

SIZES = {"small": (32, 20), "large": (500, 400)}
PLACES = np.random.default_rng(1).choice(299 * 299 * 3, 512, replace=False)


def picture(size):
    """uint8 [H, W, 3], noise: the hardest to resize, for the filters overshoot."""
    return np.random.default_rng(2).integers(0, 256, [*SIZES[size], 3], np.uint8)


def main():
    arrays = {}
    for size in SIZES:
        image = picture(size)
        batch = torch.tensor(image).permute(2, 0, 1)[None].to(torch.float32)
        old = interpolate_bilinear_2d_like_tensorflow1x(batch, size=(299, 299), align_corners=False)
        arrays[f"old_{size}"] = old[0].permute(1, 2, 0).numpy().ravel()[PLACES]
        arrays[f"clean_{size}"] = build_resizer("clean")(image).ravel()[PLACES]
    np.savez_compressed(pathlib.Path(__file__).with_name("inception_resizing.npz"), **arrays)


if __name__ == "__main__":
    main()
