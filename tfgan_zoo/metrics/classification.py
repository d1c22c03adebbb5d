"""Classification accuracy score: train on generated images, test on real ones. Ravuri and Vinyals 2019, arXiv:1905.10887.

A classifier is trained on generated images with the labels they were conditioned on, and tested on real images that neither
it nor the generator was trained on. It does well only if the generated images look right, vary like the real ones and have
the right labels; the same classifier, trained on the generator's own training images, shows how well it could do.

Deviation: the paper trains a ResNet-50 with crops and mirrored images. Here it is a small network without augmentation,
which suits small images and a minute of one core: 4,500 real digits of mnist5k at 32 x 32 take about 45 s, and it then
gets 97.0 to 97.6 % of the 500 held-out ones right (three seeds).
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError

EPOCHS, BATCH_SIZE, LEARNING_RATE = 12, 50, 2e-3
FILTERS = (16, 32, 64)
SMALLEST = 2 ** len(FILTERS)  # the side that pooling reduces to one pixel
FULL_SIZE = 32  # larger images are read with a stride, which bounds the cost per image


def classification_accuracy(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    num_classes: int,
    seed: int = 0,
    epochs: int = EPOCHS,
) -> np.ndarray:
    """Which of the test images are classified correctly by a classifier trained on the training images.

    A pure function of its arguments on one machine; the global random states of Python, NumPy and TensorFlow are neither
    read nor changed. The mean is the score; `agreement.proportion` also gives its standard error.

    Args:
        train_images: uint8 [N, H, W, C], generated, H and W at least 8, C 1 or 3.
        train_labels: int [N] in 0..num_classes - 1, on which they were conditioned; at least two classes.
        test_images, test_labels: likewise [M, H, W, C] and [M], real.
        num_classes: 2 or more.
        seed: integer >= 0, for the initial weights and the order of the images.
        epochs: 1 or more; passes over the training images.

    Returns:
        bool [M].

    Raises:
        ZooError: images or labels are not as described.
    """
    if num_classes < 2 or epochs < 1:
        raise ZooError(f"num_classes={num_classes}, epochs={epochs}; expected at least 2 classes and 1 epoch.")
    train_images, train_labels = _checked("training", train_images, train_labels, num_classes)
    test_images, test_labels = _checked("test", test_images, test_labels, num_classes)
    if train_images.shape[1:] != test_images.shape[1:]:
        shapes = f"{list(train_images.shape[1:])}, test images {list(test_images.shape[1:])}"
        raise ZooError(f"training images have the shape {shapes}; expected the same [H, W, C].")
    if len(np.unique(train_labels)) == 1:
        raise ZooError(
            f"all {len(train_labels)} training labels are {train_labels[0]}; a classifier needs images of at least two"
            " classes, and should have all that are tested."
        )
    model = train(train_images, train_labels, num_classes, seed, epochs)
    return predictions(model, test_images) == test_labels


def network(shape: Sequence[int], num_classes: int, seed: int) -> keras.Model:
    """Keras model: images [B, H, W, C] in [-1, 1], of `shape` (H, W, C) -> logits [B, num_classes], float32.

    The blocks of `mnist_cnn`, followed by global average pooling instead of its dense layer.
    """
    layers, float32 = keras.layers, {"dtype": "float32"}
    stride = max(1, min(shape[:2]) // FULL_SIZE)
    images = x = keras.Input(shape, name="images")
    for block, filters in enumerate(FILTERS):
        kernel, strides = (stride + 4, stride) if block == 0 else (3, 1)
        weights = keras.initializers.GlorotUniform(seed=_seed(seed, block))
        convolution = {"padding": "same", "use_bias": False, "kernel_initializer": weights}
        x = layers.Conv2D(filters, kernel, strides, **convolution, name=f"convolution_{block}", **float32)(x)
        # With the usual 0.99 the averages would still be dominated by the initial weights after such a short training.
        x = layers.BatchNormalization(momentum=0.9, name=f"normalization_{block}", **float32)(x)
        x = layers.ReLU(name=f"relu_{block}", **float32)(x)
        x = layers.MaxPooling2D(name=f"pool_{block}", **float32)(x)
    x = layers.GlobalAveragePooling2D(name="mean", **float32)(x)
    weights = keras.initializers.GlorotUniform(seed=_seed(seed, len(FILTERS)))
    logits = layers.Dense(num_classes, kernel_initializer=weights, name="logits", **float32)(x)
    return keras.Model(images, logits, name="classifier")


def train(images: np.ndarray, labels: np.ndarray, num_classes: int, seed: int, epochs: int) -> keras.Model:
    """`network` trained on images uint8 [N, H, W, C], labels [N]: cross-entropy, Adam, cosine learning rate schedule."""
    model = network(images.shape[1:], num_classes, seed)
    batch_size = min(BATCH_SIZE, len(images))
    steps = len(images) // batch_size
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * steps))

    @tf.function
    def update(batch, batch_labels):
        with tf.GradientTape() as tape:
            logits = model(to_input(batch), training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch_labels, logits))
        optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)

    random = np.random.default_rng(seed)
    for _ in range(epochs):
        for chosen in random.permutation(len(images))[: steps * batch_size].reshape(steps, batch_size):
            update(tf.constant(images[chosen]), tf.constant(labels[chosen]))
    return model


def predictions(model: keras.Model, images: np.ndarray, batch_size: int = 100) -> np.ndarray:
    """The classes that a `network` predicts for images uint8 [N, H, W, C], int64 [N]."""

    @tf.function(input_signature=[tf.TensorSpec([None, *images.shape[1:]], tf.uint8)])
    def classes(batch):
        return tf.argmax(model(to_input(batch), training=False), axis=1)

    batches = (images[start : start + batch_size] for start in range(0, len(images), batch_size))
    return np.concatenate([classes(tf.constant(batch)).numpy() for batch in batches])


def to_input(images: tf.Tensor) -> tf.Tensor:
    """uint8 [B, H, W, C] -> float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1


def _seed(seed, layer):
    """A seed per layer, unrelated to those of other seeds."""
    return int(np.random.SeedSequence([seed, layer]).generate_state(1)[0] >> 1)


def _checked(name, images, labels, num_classes):
    """(images, labels as int32). Raises `ZooError` if they are not as `classification_accuracy` describes."""
    images, labels = np.asarray(images), np.asarray(labels)
    channels = images.shape[-1] if images.ndim == 4 else None
    if channels not in (1, 3) or min(images.shape[1:3]) < SMALLEST or not len(images) or images.dtype != np.uint8:
        raise ZooError(
            f"{name} images are {images.dtype} of shape {images.shape}; expected uint8 [N, H, W, C] with N at least 1, H and"
            f" W at least {SMALLEST}, and 1 or 3 channels."
        )
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ZooError(
            f"{name} labels are {labels.dtype} of shape {labels.shape}; expected integers [{len(images)}], one per image."
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ZooError(f"{name} labels lie in {labels.min()}..{labels.max()}; expected 0..{num_classes - 1}.")
    return images, labels.astype(np.int32)
