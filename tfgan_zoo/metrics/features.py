"""Feature networks by name: what turns uint8 images into the features and logits that scores are taken of.

A score means nothing without its network, so each one carries what a protocol has to record: name, hash of the weights
file, and how images are brought to its input.
"""

import dataclasses
import hashlib
import importlib
import pathlib
from collections.abc import Callable

import numpy as np

from tfgan_zoo.errors import ZooError, no_such

# Name (and module in this package) -> the channel counts that the network reads; none for points in the plane.
NETWORKS = {"mnist_cnn": (1,), "inception": (1, 3), "points": ()}


@dataclasses.dataclass(frozen=True)
class FeatureNetwork:
    """A frozen network with a name, and the record of what it is.

    name: the key in `NETWORKS`.                         sha256: of the weights file, in hexadecimal.
    dimension: D, the number of features.                classes: K, the number of logits.
    channels: the channel counts that it reads; () where it takes points, float32 [N, 2], in the place of images.
    resizing: how an image reaches the input, one sentence.
    forward: uint8 [B, H, W, C] -> NumPy (features [B, D], logits [B, K]), float32; called with one B throughout.
    """

    name: str
    sha256: str
    dimension: int
    classes: int
    channels: tuple[int, ...]
    resizing: str
    forward: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

    def embed(self, images, batch_size=50):
        """images: uint8 [N, H, W, C], N >= 1 -> (features [N, D], logits [N, K]), float32.

        The last batch is filled up with black, so that every batch has one shape and nothing is traced again. Raises
        `ZooError` for what is not such an array, or for channels that the network does not read.
        """
        images = self.check(images)
        if batch_size < 1:
            raise ZooError(f"batch_size={batch_size}; expected 1 or more.")
        features = np.empty([len(images), self.dimension], np.float32)
        logits = np.empty([len(images), self.classes], np.float32)
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            here, missing = slice(start, start + len(batch)), batch_size - len(batch)
            padded = np.pad(batch, [(0, missing), *[(0, 0)] * (batch.ndim - 1)])
            some_features, some_logits = self.forward(padded)
            features[here], logits[here] = some_features[: len(batch)], some_logits[: len(batch)]
        return features, logits

    def features(self, images, batch_size=50):
        """images: uint8 [N, H, W, C] -> features [N, D], float32. Raises as `embed` does."""
        return self.embed(images, batch_size)[0]

    def check(self, images):
        """The images as an array; raises `ZooError` where the network cannot read them."""
        images = np.asarray(images)
        if not self.channels:
            return self.check_points(images)
        if images.ndim == 2:
            raise ZooError(
                f"{self.name} reads images, these are points of shape {images.shape}; points are their own features:"
                " evaluation.features=points."
            )
        if images.ndim != 4 or not images.size:
            raise ZooError(f"{self.name} got an array of shape {images.shape}; expected images [N, H, W, C].")
        if images.dtype != np.uint8:
            raise ZooError(f"{self.name} got {images.dtype} images; expected uint8 in 0..255: round (x + 1) * 127.5.")
        channels = images.shape[-1]
        if channels not in self.channels:
            reads = " or ".join(map(str, self.channels))
            other = " and ".join(f"{n} reads {' or '.join(map(str, c))}" for n, c in NETWORKS.items() if channels in c)
            raise ZooError(
                f"{self.name} reads images of {reads} channel(s), these have {channels}; "
                + (f"{other}." if other else "no feature network here reads such images.")
            )
        return images

    def check_points(self, points):
        if points.shape[1:] != (self.dimension,) or points.dtype != np.float32 or not points.size:
            raise ZooError(
                f"{self.name} got {points.dtype} of shape {points.shape}; expected float32 [N, {self.dimension}]:"
                " points in the plane. Images have the feature networks mnist_cnn and inception."
            )
        return points


def feature_network(name, path=None):
    """The `FeatureNetwork` called `name`: "mnist_cnn" (its weights come with the package), "inception" or "points".

    path: the weights file; "inception" has none of its own and needs one, see `tfgan_zoo.metrics.inception`. Raises
    `ZooError` for an unknown name, or a file that is missing or is not what it should be.
    """
    if name not in NETWORKS:
        raise no_such("feature network", name, NETWORKS)
    module = importlib.import_module(f"tfgan_zoo.metrics.{name}")  # not before it is asked for: it loads TensorFlow
    sha256, forward = module.load(path)
    return FeatureNetwork(name, sha256, module.DIMENSION, module.CLASSES, NETWORKS[name], module.RESIZING, forward)


def score_names(feature_name):
    """The names of the Fréchet and the kernel distance under a network: FID and KID are Inception's alone.

    "inception" -> ("fid", "kid"); any other name -> ("fd_<name>", "kd_<name>").
    """
    return ("fid", "kid") if feature_name == "inception" else (f"fd_{feature_name}", f"kd_{feature_name}")


def read_weights(path):
    """The bytes of a weights file and their SHA-256 in hexadecimal. Raises `ZooError` where there is no such file."""
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ZooError(f"cannot read the weights file {str(path)!r}: {error.strerror}.") from error
    return content, hashlib.sha256(content).hexdigest()
