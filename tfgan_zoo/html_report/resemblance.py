"""The chapter on copying: do samples repeat training images, or one another?

Nearest neighbours in the training set, and the birthday paradox test: Arora and Zhang 2017, arXiv:1706.08224.
"""

import numpy as np

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import EvaluationSettings
from tfgan_zoo.data.lazy import LazyImages
from tfgan_zoo.html_report.html_page import Figure, Row, Section, picture
from tfgan_zoo.metrics.neighbours import closest_pairs, nearest, pixels
from tfgan_zoo.runs.scoring_network import network_of
from tfgan_zoo.saved_model.signature_calls import Sampler

SHOWN, NEIGHBOURS = 8, 5
BATCH, PAIRS = 1000, 6
MOST_IMAGES, MOST_VALUES = 20_000, 2**27  # of the training set to search: at most 512 MiB as float32


def searched_images(images: np.ndarray | LazyImages, seed: int = 0) -> np.ndarray:
    """The training images to search, uint8 [M, H, W, C]: all, or a random subset if there are too many."""
    most = max(BATCH, min(MOST_IMAGES, MOST_VALUES // int(np.prod(images.shape[1:]))))
    if len(images) <= most:
        return np.asarray(images)
    return np.asarray(images[np.sort(np.random.default_rng(seed).choice(len(images), most, replace=False))])


def neighbours_figure(
    title: str, text: str, samples: np.ndarray, reals: np.ndarray, embeddings: tuple[np.ndarray, np.ndarray]
) -> Figure:
    """A row per sample: the sample, then the training images nearest to it.

    Args:
        title: of the figure.
        text: below it.
        samples: uint8 [N, H, W, C].
        reals: uint8 [M, H, W, C].
        embeddings: vectors of (samples, reals), float [N, D] and [M, D], between which distances are measured.
    """
    count = min(NEIGHBOURS, len(reals))
    _, indices = nearest(*embeddings, count)
    height = samples.shape[1]
    rows = []
    for i, neighbours in enumerate(indices):
        sample = picture(pictures.grid(samples[[i]]), "", 1, height)
        rows.append(Row("", [sample, picture(pictures.grid(reals[neighbours], count), "", count, height)]))
    return Figure(title, text, rows=rows)


def pairs_figure(title: str, text: str, images: np.ndarray) -> Figure:
    """The closest pairs among images uint8 [N, H, W, C], one tile per pair."""
    count = min(PAIRS, len(images) * (len(images) - 1) // 2)
    tiles = [
        picture(pictures.grid(images[[i, j]], 2), f"distance {distance:.2f}", 2, images.shape[1])
        for distance, i, j in closest_pairs(pixels(images), count)
    ]
    return Figure(title, text, tiles=tiles, tile=110)


def resemblance_section(
    generator: Sampler, images: np.ndarray | LazyImages, evaluation: EvaluationSettings
) -> tuple[Section, list[str]]:
    """The `Section` for a generator of images.

    Args:
        generator: what to sample from.
        images: the training images, uint8 [N, H, W, C].
        evaluation: the recipe's evaluation settings, which name the feature network.

    Returns:
        (the section, sentences on what is left out and why).
    """
    reals, samples = searched_images(images), generator.sample(np.arange(BATCH))
    shown, left_out = samples[:SHOWN], []
    searched = f"{len(reals):,}" if len(reals) == len(images) else f"{len(reals):,} of the {len(images):,}"
    text = f"Left: a sample. Right: the nearest {NEIGHBOURS} of {searched} training images"
    by_pixels = pixels(shown), pixels(reals)
    title = "Nearest training images, by pixels"
    figures = [neighbours_figure(title, f"{text}, by Euclidean distance of the pixels.", shown, reals, by_pixels)]
    try:
        network = network_of(evaluation, images.shape[1:], ())
        by_features = network.features(shown), network.features(reals)
        title = "Nearest training images, by features"
        caption = f"{text}, by the features of the network {network.name}, which depend less on exact positions."
        figures.append(neighbours_figure(title, caption, shown, reals, by_features))
    except ZooError as error:
        left_out.append(f"Nearest training images by features: {error}")
    batch = random_subset(reals, len(samples))
    figures += [
        pairs_figure(
            f"The most similar pairs of {len(samples):,} samples",
            f"If such a batch contains a duplicate about half of the time, the generator makes at most about {len(samples) ** 2:,}"
            " distinct pictures (birthday paradox test, Arora and Zhang 2017).",
            samples,
        ),
        pairs_figure(
            f"The most similar pairs of {len(batch):,} training images",
            "For comparison: real images can be similar too. A distance of 1 is one pixel, in one channel, from black to white.",
            batch,
        ),
    ]
    text = (
        "A generator that memorised the training images would show them here next to its samples. One that makes only few"
        " distinct images would show duplicates."
    )
    return Section("copies", "Does it copy?", text, figures), left_out


def random_subset(images: np.ndarray, count: int) -> np.ndarray:
    """`count` of the images drawn at random, always the same ones; all of them if there are not more."""
    if len(images) == count:
        return images
    indices = np.random.default_rng(1).choice(len(images), min(count, len(images)), replace=False)
    return images[indices]
