"""How good samples are: distances between sets of features, and the networks that turn images into features.

Importing this package needs NumPy only; TensorFlow is loaded when a feature network is.
"""

from tfgan_zoo.metrics.distances import (
    KernelDistance,
    Moments,
    RunningMoments,
    frechet_distance,
    kernel_distance,
    moments,
)
from tfgan_zoo.metrics.features import FeatureNetwork, feature_network, score_names

__all__ = [
    "FeatureNetwork",
    "KernelDistance",
    "Moments",
    "RunningMoments",
    "feature_network",
    "frechet_distance",
    "kernel_distance",
    "moments",
    "score_names",
]
