"""Scores of generated samples: distances between sets of features, and the networks that turn images into features.

Importing this package needs NumPy only; TensorFlow is loaded when a feature network is.
"""

from tfgan_zoo.metrics.bootstrap import centred_interval, resampled
from tfgan_zoo.metrics.class_information import RunningInceptionScore, inception_score
from tfgan_zoo.metrics.distances import (
    KernelDistance,
    Moments,
    RunningMoments,
    frechet_distance,
    kernel_distance,
    moments,
)
from tfgan_zoo.metrics.extrapolation import extrapolated_frechet_distance
from tfgan_zoo.metrics.features import FeatureNetwork, feature_network, score_names
from tfgan_zoo.metrics.manifold import density_coverage, manifold_scores, precision_recall
from tfgan_zoo.metrics.neighbours import (
    batch_for_even_odds,
    birthday,
    closest_pairs,
    collision_probability,
    nearest,
    pixels,
    support_for_even_odds,
)
from tfgan_zoo.metrics.sliced_wasserstein import PatchDescriptors, sliced_wasserstein_distance
from tfgan_zoo.metrics.stacked_mnist import expected_modes, stacked_modes
from tfgan_zoo.metrics.structural_similarity import class_similarity, ms_ssim, ssim

__all__ = [
    "FeatureNetwork",
    "KernelDistance",
    "Moments",
    "PatchDescriptors",
    "RunningInceptionScore",
    "RunningMoments",
    "batch_for_even_odds",
    "birthday",
    "centred_interval",
    "class_similarity",
    "closest_pairs",
    "collision_probability",
    "density_coverage",
    "expected_modes",
    "extrapolated_frechet_distance",
    "feature_network",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "manifold_scores",
    "moments",
    "ms_ssim",
    "nearest",
    "pixels",
    "precision_recall",
    "resampled",
    "score_names",
    "sliced_wasserstein_distance",
    "ssim",
    "stacked_modes",
    "support_for_even_odds",
]
