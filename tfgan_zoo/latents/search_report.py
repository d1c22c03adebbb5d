"""What a search found, as a figure and as sentences."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.latents.latent_arithmetic import Mean
from tfgan_zoo.latents.latent_search import Found
from tfgan_zoo.latents.latent_space import LatentSpace
from tfgan_zoo.metrics.features import FeatureNetwork, feature_network
from tfgan_zoo.pictures.captions import Cell, captioned

MOST_NAMED = 5  # conditions that a report lists


@dataclasses.dataclass(frozen=True)
class FeatureDistances:
    """Euclidean distances between features. network: its name; moments: of each moment from the picture; typical: the median of
    random images of the same condition."""

    network: str
    moments: list[float]
    typical: float


def network_for(name: str, path: str | None, channels: int) -> FeatureNetwork:
    """A feature network for images of this many channels. Raises `ZooError` if it is not there, or takes other images."""
    network = feature_network(name, path)
    if channels not in network.channels:
        raise ZooError(f"{name} takes no images of {channels} channel(s); --features=NAME chooses another network.")
    return network


def network_or_reason(
    name: str | None, usual: str, path: str | None, channels: int
) -> tuple[FeatureNetwork | None, str | None]:
    """(a feature network, why there is none).

    Args:
        name: the one that a user asks for; "none" for none; None for the usual one.
        usual: the recipe's, which there may not be here; path: of its weights.
        channels: of the images.

    Raises:
        ZooError: the one that a user asks for is not there.
    """
    if name == "none":
        return None, None
    try:
        return network_for(name or usual, path, channels), None
    except ZooError as error:
        if name:
            raise
        return None, f"No distance of features: {error}"


def feature_distances(network: FeatureNetwork, space: LatentSpace, found: Found, count: int = 64) -> FeatureDistances:
    """How far the picture's features are from those of each moment, and from those of `count` random images."""
    condition = found.condition
    seeds = np.arange(space.first_seed, space.first_seed + count)
    random = space.generator.sample(seeds, None, condition.label, condition.codes or None)
    features = network.features(np.stack([found.target, *(moment.image for moment in found.moments), *random]))
    distances = np.linalg.norm(features[1:].astype(np.float64) - features[0], axis=1)
    split = len(found.moments)
    return FeatureDistances(network.name, distances[:split].tolist(), float(np.median(distances[split:])))


def strip_of(found: Found, features: FeatureDistances | None = None, title: str = "target") -> list[Cell]:
    """The way to a picture as cells for `captioned`: the picture, the best random image, some steps, the end."""
    cells: list[Cell] = [
        (found.target, [title, f"found as {found.condition.name}"] if found.condition.name else [title])
    ]
    for number, moment in enumerate(found.moments):
        lines = [f"step {moment.step}" if number else "best random", f"mse {moment.distance:.4f}"]
        if features:
            lines.append(f"features {features.moments[number]:.2f}")
        cells.append((moment.image, lines))
    return cells


def summary(found: Found, features: FeatureDistances | None = None, conditions: int = 1) -> list[str]:
    """The distances in words, and which conditions came near; conditions: how many there were to try."""
    first, last = found.moments[0], found.moments[-1]
    lines = [
        f"mean squared error {last.distance:.4f} after {last.step:,} steps, in [-1, 1] (best random latent "
        f"{first.distance:.4f}, a typical one {found.typical:.4f})"
    ]
    if features:
        lines.append(
            f"distance of features ({features.network}) {features.moments[-1]:.3g} (best random latent "
            f"{features.moments[0]:.3g}, a typical one {features.typical:.3g})"
        )
    if conditions > 1:
        named = ", ".join(f"{c.name} ({distance:.4f})" for c, distance in found.tried[:MOST_NAMED])
        left_out = conditions - len(found.tried)
        rest = f"; {left_out:,} others were not tried, as their random images were further away" if left_out else ""
        lines.append(f"nearest: {found.condition.name}. Tried for a quarter of the steps: {named}{rest}")
    return lines


def means_figure(means: Sequence[Mean]) -> np.ndarray:
    """Mean images as a figure, uint8 [H, W, 3]: one column per class, the mean latents' images above the means of pixels."""
    height = 64 if len(means) > 4 else 128
    above: list[Cell] = [(mean.of_latents, [mean.condition.name or "all images", "mean latent"]) for mean in means]
    below: list[Cell] = [(mean.of_pixels, ["mean pixels"]) for mean in means]
    return captioned([above, below], height)


def sum_figure(images: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Images with their names as a figure, uint8 [H, W, 3]."""
    return captioned([[(image, [name]) for image, name in zip(images, names, strict=True)]])


def way_figure(images: np.ndarray, names: tuple[str, str]) -> np.ndarray:
    """The images of a way [N, H, W, C] as a figure with the names of its ends, ten in a row."""
    captions = [names[0], *[""] * (len(images) - 2), names[1]]
    cells: list[Cell] = [(image, [text]) for image, text in zip(images, captions, strict=True)]
    return captioned([cells[start : start + 10] for start in range(0, len(cells), 10)], 64)
