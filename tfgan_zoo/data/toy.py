"""toy:NAME: points in the plane with known modes, on which mode collapse can be counted.

    ring8    8 Gaussians, equally spaced on a circle of radius 2, standard deviation 0.02:
             Metz et al. 2016, arXiv:1611.02163 (unrolled GANs).
    grid25   25 Gaussians at {-4, -2, 0, 2, 4} x {-4, -2, 0, 2, 4}, standard deviation 0.05:
             Lin et al. 2017, arXiv:1712.04086 (PacGAN), after Srivastava et al. 2017, arXiv:1705.07761 (VEEGAN).
    circles  two concentric noisy circles, one class each, as in the figures of
             Springenberg 2015, arXiv:1511.06390 (CatGAN). Radii 1 and 2 and standard deviation 0.1 are ours.

The 10,000 points are drawn once, from a fixed seed, equally many for each mode (to within one): point i belongs to mode
i % modes, so any prefix is balanced. The split `test` is a second such draw.
"""

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import DataSettings

SIZE = 10_000
SEEDS = {"all": 0, "train": 0, "test": 1}  # of the splits
RADII = (1.0, 2.0)
DEVIATIONS = {"ring8": 0.02, "grid25": 0.05, "circles": 0.1}


def modes(name: str) -> np.ndarray:
    """The exact centres of the mixture's modes, float64 [modes, 2]; a point's label is the row of its centre.

    Raises:
        ZooError: there is no such mixture; circles have no centres.
    """
    if name == "ring8":
        angles = 2 * np.pi * np.arange(8) / 8
        return 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if name == "grid25":
        side = np.arange(-4.0, 5.0, 2.0)
        return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(25, 2)
    raise no_such("toy mixture with modes", name, ("ring8", "grid25"))


def deviation(name: str) -> float:
    """The standard deviation around each centre (for circles, around each radius). Good samples are usually within 3."""
    if name not in DEVIATIONS:
        raise no_such("toy data set", name, DEVIATIONS)
    return DEVIATIONS[name]


def load(argument: str, settings: DataSettings) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """(float32 points [10000, 2], int32 labels [10000], one class name per mode)."""
    spread = deviation(argument)
    if settings.split not in SEEDS:
        raise no_such("split of toy data", settings.split, SEEDS)
    if settings.resolution is not None or settings.channels is not None:
        raise ZooError(
            f"data.resolution={settings.resolution} and data.channels={settings.channels}: "
            f"toy:{argument} holds points, which have neither; leave both out."
        )
    random = np.random.default_rng(SEEDS[settings.split])
    if argument == "circles":
        labels = np.arange(SIZE) % len(RADII)
        angles = random.uniform(0, 2 * np.pi, SIZE)
        centres = np.array(RADII)[labels, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        names: tuple[str, ...] = ("inner", "outer")
    else:
        labels = np.arange(SIZE) % len(modes(argument))
        centres = modes(argument)[labels]
        names = tuple(f"mode {i}" for i in range(len(modes(argument))))
    points = centres + random.normal(0, spread, (SIZE, 2))
    return points.astype(np.float32), labels.astype(np.int32), names
