"""Writes feature_scores.json: what pytorch-fid, torch-fidelity and prdc make of features and logits drawn here.

The tests need only the file, and draw the same arrays. To make it anew, in an environment of its own:

    python -m venv torch-environment
    torch-environment/bin/pip install pytorch-fid==0.3.0 torch-fidelity==0.4.0 prdc==0.2 numpy
    torch-environment/bin/python tests/references/make_feature_scores.py
"""

import json
import pathlib

import numpy as np
import torch
from prdc import compute_prdc
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_mmd


def draw():
    """real [600, 32], fake [500, 32] and logits [503, 7], all float64."""
    rng = np.random.default_rng(2024)
    mix = rng.normal(size=[32, 32]) / 32**0.5
    real = np.maximum(rng.normal(size=[600, 32]) @ mix, 0)
    fake = np.maximum(1.1 * rng.normal(size=[500, 32]) @ mix + 0.1, 0)
    return real, fake, 4 * rng.normal(size=[503, 7])


def kernel_distance(real, fake):
    options = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None}
    return float(kernel_mmd(real, fake, **options, kid_kernel_poly_coef0=1))


def main():
    real, fake, logits = draw()
    moments = [f(x) for x in (real, fake) for f in (lambda x: x.mean(axis=0), lambda x: np.cov(x, rowvar=False))]
    rng = np.random.default_rng(0)
    subsets = [[x[rng.choice(len(x), 100, replace=False)] for x in (real, fake)] for _ in range(20)]
    scores = {
        "frechet": float(calculate_frechet_distance(*moments)),
        "kernel_of_500": kernel_distance(real[:500], fake),
        "kernel_of_20_subsets_of_100": float(np.mean([kernel_distance(*pair) for pair in subsets])),
        "inception": isc_features_to_metric(torch.from_numpy(logits), splits=10, shuffle=False),
        "manifold": {k: compute_prdc(real, fake, k) for k in (3, 5)},
    }
    path = pathlib.Path(__file__).with_name("feature_scores.json")
    path.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
