"""Clusters digits without a GAN, for CatGAN to be compared with: k-means, and RIM, a linear classifier that finds its classes.

    python -m benchmarks.clustering                                        digits: three seeds of each, 20 categories
    python -m benchmarks.clustering --source=toy:circles --categories=2    two circles in the plane

Both see the pixels of the 4,500 training digits of mnist5k, or the points, without labels. RIM maximises what its categories tell of an image,
I(y; x) - decay |W|^2: Gomes, Krause and Perona 2010, "Discriminative clustering by regularized information maximization".
Errors are on the held-out examples, each category standing for the class that it mostly holds among the training ones,
as the score `clustering_error` counts them.
"""

import statistics

import numpy as np
import scipy.cluster.vq
import tensorflow as tf

from benchmarks import results
from tfgan_zoo.core import recipe_tables
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.metrics.agreement import clustering_errors

STEPS, RATE, DECAY = 1000, 0.01, 1e-3


def rows(source):
    """Its examples, float32 [N, D]: pixels in [0, 1], or points."""
    flat = source.images.reshape(source.size, -1)
    return flat.astype(np.float32) / 255 if flat.dtype == np.uint8 else flat


def k_means(pixels, categories, seed):
    """Function pixels [N, P] -> category int [N], learnt of `pixels`."""
    centres, _ = scipy.cluster.vq.kmeans2(pixels, categories, iter=50, minit="++", rng=seed)
    return lambda some: scipy.cluster.vq.vq(some, centres)[0]


def rim(pixels, categories, seed):
    """Function pixels [N, P] -> category int [N], learnt of `pixels`."""
    start = np.random.default_rng(seed).normal(0, 0.01, [pixels.shape[1], categories])
    weights, bias = tf.Variable(start.astype(np.float32)), tf.Variable(tf.zeros([categories]))
    optimizer = tf.keras.optimizers.Adam(RATE)
    optimizer.build([weights, bias])
    images = tf.constant(pixels)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = images @ weights + bias
            p = tf.nn.softmax(logits)
            mean = tf.reduce_mean(p, 0)
            entropy_of_mean = -tf.reduce_sum(mean * tf.math.log(mean + 1e-12))
            mean_entropy = -tf.reduce_mean(tf.reduce_sum(p * tf.nn.log_softmax(logits), 1))
            loss = mean_entropy - entropy_of_mean + DECAY * tf.reduce_sum(weights**2)
        optimizer.apply_gradients(zip(tape.gradient(loss, [weights, bias]), [weights, bias], strict=True))

    for _ in range(STEPS):
        step()
    return lambda some: (some @ weights.numpy() + bias.numpy()).argmax(axis=1)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--categories", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--source", default="mnist5k")
    arguments = parser.parse_args()
    resolution = None if arguments.source.startswith("toy:") else 32
    data = recipe_tables.DataSettings(source=arguments.source, resolution=resolution)
    train, test = (load_source(data.model_copy(update={"split": split})) for split in ("train", "test"))
    known, held_out = rows(train), rows(test)
    figures = {}
    for method in (k_means, rim):
        errors = []
        for seed in range(arguments.seeds):
            category_of = method(known, arguments.categories, seed)
            pairs = (category_of(known), train.labels), (category_of(held_out), test.labels)
            errors.append(clustering_errors(*pairs, arguments.categories, train.classes).mean())
        figures[method.__name__] = {"clustering_error": errors}
        print(f"{method.__name__}: {statistics.mean(errors):.3f} ({', '.join(f'{e:.3f}' for e in errors)})")
    results.save("clustering", figures, arguments)


if __name__ == "__main__":
    main()
