"""The feature network of toy data, which is none: points in the plane are their own features, and have no logits."""

import numpy as np

DIMENSION, CLASSES = 2, 0
RESIZING = "none"


def load(path=None):
    """No hash, for there are no weights, and the identity as the forward pass that `FeatureNetwork` wants."""
    return "", lambda points: (points, np.empty([len(points), CLASSES], np.float32))
