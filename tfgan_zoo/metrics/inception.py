"""The Inception network of 2015, with which published Inception scores and FIDs are computed, from the user's own file.

As in the authors' code (Salimans et al. 2016, arXiv:1606.03498; Heusel et al. 2017, arXiv:1706.08500): pixels 0..255 go
to `ExpandDims:0`, the graph resizes them itself (bilinear, TensorFlow's old rule), features are `pool_3:0`, and logits
are features times the weights of `softmax/logits/MatMul`, without the bias.

Nothing is ever downloaded. SHA256 is what several projects publish for their copy, of 95,673,916 bytes like the one in
the archive; it was not compared with the archive itself. So another hash is a warning, while a graph of another
structure is an error, and a protocol records the hash of the actual file.

The graph's batch normalisation op was removed in GraphDef version 9, in 2016, so the graph can't run in a tf.function. It
runs in a `Session` of its own; a new input at `ExpandDims:0` replaces the fixed batch of 1.
"""

import warnings
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.features import read_weights

URL = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
FILE = "classify_image_graph_def.pb"
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"
DIMENSION, CLASSES = 2048, 1008
RESIZING = "gray is repeated to RGB, and the graph resizes to 299x299 (bilinear, not antialiased, corner origin)"

INPUT, RESIZE, POOL, LOGITS = "ExpandDims", "ResizeBilinear", "pool_3", "softmax/logits/MatMul"


def load(path: Any = None) -> tuple[str, Callable]:
    """SHA-256 of the file, and the forward pass of the `FeatureNetwork`.

    path: `classify_image_graph_def.pb`. Raises `ZooError`, which says where to get it, if there is no path; and for a file
    that is missing, is not a graph, or is not this graph. Warns if the hash is not `SHA256`.
    """
    if path is None:
        raise ZooError(
            f"the inception features need a file that is not shipped: get {URL}, unpack {FILE} from it, and pass it:"
            f" evaluate --features=inception --inception_file={FILE}, or train --set evaluation.inception_file={FILE}."
        )
    content, sha256 = read_weights(path)
    images, outputs = _build(_parsed(content, path), path)
    if sha256 != SHA256:
        warnings.warn(
            f"{str(path)!r} has the SHA-256 {sha256}, but the known {FILE} has {SHA256}: scores computed with it are not"
            f" comparable with published ones. The known file is in {URL}",
            stacklevel=2,
        )
    growing = tf.compat.v1.ConfigProto(gpu_options=tf.compat.v1.GPUOptions(allow_growth=True))
    session = tf.compat.v1.Session(graph=images.graph, config=growing)
    return sha256, lambda batch: tuple(session.run(outputs, {images: batch}))


def _parsed(content, path):
    """The GraphDef in a file's content, checked for the nodes that are needed."""
    if content[:2] == b"\x1f\x8b":
        raise ZooError(f"{str(path)!r} is the packed archive; unpack it with tar xzf, and pass the {FILE} in it.")
    try:
        graph_def = tf.compat.v1.GraphDef.FromString(content)
    except DecodeError as error:
        raise ZooError(f"{str(path)!r} is not a TensorFlow graph ({error}); expected {FILE} from {URL}") from error
    missing = {INPUT, RESIZE, POOL, LOGITS} - {node.name for node in graph_def.node}
    if missing:
        raise ZooError(
            f"{str(path)!r} is a graph of {len(graph_def.node)} nodes, without {', '.join(sorted(missing))};"
            f" expected {FILE} from {URL}"
        )
    for node in graph_def.node:
        node.attr.pop("_output_shapes", None)  # if present, it fixes the batch at 1
    return graph_def


def _build(graph_def, path):
    """Placeholder float32 [B, H, W, 1 or 3] in 0..255, and the tensors (features [B, 2048], logits [B, 1008]), in a new graph."""
    with tf.Graph().as_default():
        images = tf.compat.v1.placeholder(tf.float32, [None, None, None, None], name="images")
        rgb = tf.tile(images, [1, 1, 1, 3 // tf.shape(images)[3]])
        pixels = tf.ensure_shape(rgb, [None, None, None, 3])
        pool, product = tf.graph_util.import_graph_def(
            graph_def, input_map={f"{INPUT}:0": pixels}, return_elements=[f"{POOL}:0", LOGITS], name="inception"
        )
        weights = product.inputs[1]
        fits = pool.shape.is_compatible_with([None, 1, 1, DIMENSION])
        if not (fits and weights.shape.is_compatible_with([DIMENSION, CLASSES])):
            raise ZooError(
                f"{str(path)!r} gives {POOL} of shape {pool.shape} and logits by {weights.shape}; expected"
                f" (None, 1, 1, {DIMENSION}) and ({DIMENSION}, {CLASSES}): {FILE} from {URL}"
            )
        features = tf.squeeze(pool, [1, 2])
        return images, (features, tf.matmul(features, weights))
