"""What each score sees: held-out digits, then the same ones under noise and blur, and with a class missing.

    python -m benchmarks.ladder          prints the table of docs/evaluation.md

Every rung holds 500 images and is compared with the 4,500 training digits of mnist5k. Nothing is generated: the rungs are the
held-out split, changed by hand, so a score that ranks them wrongly is wrong about images too.
"""

import functools

import numpy as np
import scipy.ndimage

from benchmarks import results
from tfgan_zoo.core import recipe_tables
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.metrics.features import feature_network
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.runs.targets import make_evaluator

SCORES = (
    "distances",
    "extrapolated",
    "inception_score",
    "precision_recall",
    "density_coverage",
    "sliced_wasserstein",
    "ms_ssim",
)
DROPPED = 1  # the class that is missing


def noisy(images, deviation):
    """Gaussian noise of a standard deviation in units of 0..255."""
    noise = np.random.default_rng(1).normal(0, deviation, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def blurred(images, deviation):
    """Gaussian blur of a standard deviation in pixels."""
    values = scipy.ndimage.gaussian_filter(images.astype(np.float64), (0, deviation, deviation, 0))
    return np.rint(values).astype(np.uint8)


def without_a_class(images, labels):
    """As many images, of which those of `DROPPED` are replaced by further ones of the other classes."""
    kept = np.flatnonzero(labels != DROPPED)
    return images[np.concatenate([kept, kept[: len(images) - len(kept)]])]


def rungs():
    """{name: uint8 images [500, 32, 32, 1]}, from the held-out digits down."""
    test = load_source(recipe_tables.DataSettings(split="test", resolution=32))
    images = test.images
    return {
        "held out": images,
        "light noise": noisy(images, 16),
        "strong noise": noisy(images, 64),
        "light blur": blurred(images, 0.6),
        "strong blur": blurred(images, 1.5),
        "a class missing": without_a_class(images, test.labels),
    }


@functools.cache
def evaluator():
    """Of the training digits."""
    evaluation = recipe_tables.EvaluationSettings(samples=500, real_images=4500)
    return make_evaluator(
        recipe_tables.DataSettings(split="train", resolution=32), feature_network("mnist_cnn"), evaluation
    )


def of(images, scores=SCORES):
    """{score: value} of 500 images."""
    players = Players(lambda seeds, labels=None, codes=None: images[seeds])
    return {score.name: score.value for score in evaluator().scores(players, 0, scores)}


def measured():
    """{rung: {score: value}}."""
    return {name: of(images) for name, images in rungs().items()}


def main():
    arguments = results.parser(__doc__).parse_args()
    scores = measured()
    print("| score | " + " | ".join(scores) + " |")
    print("|---" * (len(scores) + 1) + "|")
    for name in scores["held out"]:
        print(f"| {name} | " + " | ".join(f"{values[name]:.3g}" for values in scores.values()) + " |")
    results.save(
        "ladder", {rung: {k: float(v) for k, v in values.items()} for rung, values in scores.items()}, arguments
    )


if __name__ == "__main__":
    main()
