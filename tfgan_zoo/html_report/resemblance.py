"""The chapter that asks whether samples are copies, of the training images or of one another.

Nearest neighbours in the training set, and the birthday paradox test: Arora and Zhang 2017, arXiv:1706.08224.
"""

import numpy as np

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.html_report.html_page import Figure, Row, Section, picture
from tfgan_zoo.metrics.features import feature_network
from tfgan_zoo.metrics.neighbours import closest_pairs, nearest, pixels

SHOWN, NEIGHBOURS = 8, 5
BATCH, PAIRS = 1000, 6
MOST_IMAGES, MOST_VALUES = 20_000, 2**27  # of the training set that are searched: 512 MiB of float32 at most


def chosen_images(images, seed=0):
    """So many of the training images as can be searched, drawn by seed where that is not all: uint8 [M, H, W, C]."""
    most = max(BATCH, min(MOST_IMAGES, MOST_VALUES // int(np.prod(images.shape[1:]))))
    if len(images) <= most:
        return np.asarray(images)
    return np.asarray(images[np.sort(np.random.default_rng(seed).choice(len(images), most, replace=False))])


def neighbours_figure(title, text, samples, reals, views):
    """A row a sample: itself, then the training images nearest to it; views: rows that stand for (samples, reals)."""
    count = min(NEIGHBOURS, len(reals))
    _, found = nearest(*views, count)
    height = samples.shape[1]
    rows = [
        Row("", [picture(pictures.grid(samples[[i]]), "", 1, height), picture(pictures.grid(reals[near], count), "", count, height)])
        for i, near in enumerate(found)
    ]  # fmt: skip
    return Figure(title, text, rows=rows)


def pairs_figure(title, text, images):
    """The closest pairs among images uint8 [N, H, W, C], a tile each."""
    count = min(PAIRS, len(images) * (len(images) - 1) // 2)
    tiles = [
        picture(pictures.grid(images[[i, j]], 2), f"{distance:.2f} apart", 2, images.shape[1])
        for distance, i, j in closest_pairs(pixels(images), count)
    ]
    return Figure(title, text, tiles=tiles, tile=110)


def resemblance_section(generator, images, evaluation):
    """The `Section` for a generator of images.

    Args:
        generator: a `Generator`.
        images: those it was trained on, uint8 [N, H, W, C].
        evaluation: the recipe's evaluation settings, whose feature network is the second view.

    Returns:
        (the section, sentences on what had to be left out).
    """
    reals, samples = chosen_images(images), generator.sample(np.arange(BATCH))
    shown, left_out = samples[:SHOWN], []
    searched = f"{len(reals):,}" if len(reals) == len(images) else f"{len(reals):,} of the {len(images):,}"
    text = f"First a sample, then the {NEIGHBOURS} of {searched} training images that are nearest to it"
    views = pixels(shown), pixels(reals)
    figures = [neighbours_figure("Nearest training images, by pixels", f"{text}, pixel by pixel.", shown, reals, views)]
    try:
        network = feature_network(evaluation.features, evaluation.inception_file)
        views = network.features(shown), network.features(reals)
        by_features = (
            f"{text}, by what the network {network.name} sees in them: the same shapes count, wherever they are."
        )
        figures.append(neighbours_figure("Nearest training images, by features", by_features, shown, reals, views))
    except ZooError as error:
        left_out.append(f"Nearest training images by features: {error}")
    batch = reals[: len(samples)] if len(reals) == len(samples) else some(reals, len(samples))
    figures += [
        pairs_figure(
            f"The most alike of {len(samples):,} samples",
            "Look for twins. If a batch of so many holds two of the same picture, as often as not, the generator knows about"
            f" {len(samples) ** 2:,} different pictures at most (Arora and Zhang 2017).",
            samples,
        ),
        pairs_figure(
            f"The most alike of {len(batch):,} training images",
            "To compare with: real pictures can be close to one another too. Distances count full steps from black to white.",
            batch,
        ),
    ]
    text = (
        "A generator that had learned the training images by heart would show them here side by side; one that makes few"
        " different pictures would show twins."
    )
    return Section("copies", "Does it copy?", text, figures), left_out


def some(images, count):
    """So many of the images, drawn by seed; all where there are fewer."""
    numbers = np.random.default_rng(1).choice(len(images), min(count, len(images)), replace=False)
    return images[numbers]
