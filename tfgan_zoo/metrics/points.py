"""The feature network of toy data, the identity: points in the plane are their own features, and have no logits."""

from collections.abc import Callable
from typing import Any

import numpy as np

DIMENSION, CLASSES = 2, 0
RESIZING = "none"


def load(path: Any = None) -> tuple[str, Callable]:
    """An empty hash, since there are no weights, and the identity as the forward pass of the `FeatureNetwork`."""
    return "", lambda points: (points, np.empty([len(points), CLASSES], np.float32))
