"""Trains the feature network of `mnist_cnn.py`: `python -m tfgan_zoo.metrics.train_mnist_cnn [file.npz]`.

Two minutes on two cores. Prints the accuracy on the 500 held-out digits and the SHA-256 of the file, which both belong
in `mnist_cnn.py` if the file replaces the package's own. Only this script of the room may import from `data`.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.data import mnist5k
from tfgan_zoo.metrics import mnist_cnn
from tfgan_zoo.metrics.features import read_weights

SEED, EPOCHS, BATCH_SIZE, LEARNING_RATE = 0, 60, 100, 2e-3
ROTATION, SCALE, SHIFT = 0.2, 0.12, 2.0  # radians, relative, pixels: bounds of symmetric uniform distributions


def digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 [N, 28, 28, 1], labels uint8 [N]) of a split of mnist5k, "train" (4,500) or "test" (500)."""
    with np.load(mnist5k.FILE) as file:
        return file["images"][mnist5k.SPLITS[split], ..., None], file["labels"][mnist5k.SPLITS[split]]


def distort(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """images: [B, S, S, 1] in [-1, 1] -> the same, each randomly rotated, scaled and shifted, with black outside.

    Output pixel p is read at A (p - c) + c + t, with A = (1 + scale) rotation(angle) and c the centre.
    """
    draws = tf.random.stateless_uniform([4, len(images)], seed, -1, 1)
    angle, scale = ROTATION * draws[0], 1 + SCALE * draws[1]
    middle = (images.shape[1] - 1) / 2
    cosine, sine, zero = scale * tf.cos(angle), scale * tf.sin(angle), tf.zeros_like(angle)
    right = middle - cosine * middle + sine * middle + SHIFT * draws[2]
    down = middle - sine * middle - cosine * middle + SHIFT * draws[3]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([cosine, -sine, right, sine, cosine, down, zero, zero], axis=1),
        output_shape=images.shape[1:3],
        interpolation="BILINEAR",
        fill_value=-1.0,
    )


def train(images: np.ndarray, labels: np.ndarray) -> keras.Model:
    """`mnist_cnn.network()` trained on images uint8 [N, 28, 28, 1], labels [N]; a pure function of them and SEED."""
    keras.utils.set_random_seed(SEED)
    model = mnist_cnn.network()
    images, labels = mnist_cnn.to_input(images), tf.constant(labels, tf.int32)
    steps = len(images) // BATCH_SIZE
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, EPOCHS * steps)
    optimizer = keras.optimizers.Adam(schedule)

    @tf.function
    def update(batch, batch_labels, seed):
        with tf.GradientTape() as tape:
            logits = model(distort(batch, seed), training=True)["logits"]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch_labels, logits))
        optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
        return loss

    random = np.random.default_rng(SEED)
    for epoch in range(EPOCHS):
        order = random.permutation(len(images))[: steps * BATCH_SIZE].reshape(steps, BATCH_SIZE)
        losses = [
            update(tf.gather(images, chosen), tf.gather(labels, chosen), tf.constant([epoch, step], tf.int32))
            for step, chosen in enumerate(order)
        ]
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {np.mean(losses):.4f}", flush=True)
    return model


def main(path: str | Path = mnist_cnn.WEIGHTS) -> None:
    model = train(*digits("train"))
    mnist_cnn.save(model, path)
    images, labels = digits("test")
    logits = model(mnist_cnn.to_input(images), training=False)["logits"]
    accuracy = np.mean(np.argmax(logits, axis=1) == labels)
    print(f"held-out accuracy {accuracy:.4f} of {len(labels)}; {path}: sha256 {read_weights(path)[1]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
