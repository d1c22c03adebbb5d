"""The Inception network of 2015 behind clean resizing, for clean_fid and clean_kid. Parmar et al. 2022, arXiv:2104.11222.

The graph's own resize skips pixels of large images, and so aliases. Here images are resized to 299x299 by Pillow's bicubic
filter, which averages over all pixels when shrinking: each channel in float32, clipped to 0..255, not rounded. They replace
the output of the graph's resize; the weights, features and logits are those of `inception`.
"""

import concurrent.futures
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics import inception
from tfgan_zoo.metrics.features import read_weights

SIZE = 299
DIMENSION, CLASSES = inception.DIMENSION, inception.CLASSES
RESIZING = (
    "gray is repeated to RGB, and Pillow resizes to 299x299 (bicubic, antialiased, in float32, clipped to 0..255)"
)


def to_input(images: np.ndarray) -> np.ndarray:
    """uint8 [B, H, W, 1 or 3] -> float32 [B, 299, 299, 3] in 0..255, as `RESIZING` describes."""
    with concurrent.futures.ThreadPoolExecutor() as threads:  # Pillow releases the GIL while it resizes
        resized = np.stack(list(threads.map(_resized, images)))
    return np.repeat(resized, 3 // images.shape[-1], axis=-1)


def _resized(image):
    """uint8 [H, W, C] -> float32 [299, 299, C]."""
    channels = np.moveaxis(image.astype(np.float32), -1, 0)
    resized = [Image.fromarray(channel).resize([SIZE, SIZE], Image.Resampling.BICUBIC) for channel in channels]
    return np.stack(resized, axis=-1).clip(0, 255)


def load(path: Any = None) -> tuple[str, Callable]:
    """SHA-256 of the file, and the forward pass of the `FeatureNetwork`.

    path: `classify_image_graph_def.pb`, with the same errors and warning as `inception`.
    """
    if path is None:
        raise ZooError(
            f"the inception_clean features need the file of inception, which is not shipped: get {inception.URL},"
            f" unpack {inception.FILE} from it, and pass it: evaluate --features=inception_clean"
            f" --inception_file={inception.FILE}, or train --set evaluation.inception_file={inception.FILE}."
        )
    content, sha256 = read_weights(path)
    images, outputs = inception._build(inception._parsed(content, path), path)
    if sha256 != inception.SHA256:
        warnings.warn(
            f"{str(path)!r} has the SHA-256 {sha256}, but the known {inception.FILE} has {inception.SHA256}: scores computed"
            f" with it are not comparable with published ones. The known file is in {inception.URL}",
            stacklevel=2,
        )
    resized = images.graph.get_tensor_by_name(f"inception/{inception.RESIZE}:0")
    growing = tf.compat.v1.ConfigProto(gpu_options=tf.compat.v1.GPUOptions(allow_growth=True))
    session = tf.compat.v1.Session(graph=images.graph, config=growing)
    return sha256, lambda batch: tuple(session.run(outputs, {resized: to_input(batch)}))
