"""The latent of a picture, by optimisation: the search that starts from random latents and follows the gradient of the image.

Known as GAN inversion or projection: Zhu et al. 2016, arXiv:1609.03552. As in StyleGAN2's, Karras et al. 2020, arXiv:1912.04958,
appendix D, it is Adam with a rate that falls to 0, and noise on the latent may widen the search. What is different:

    distance    the mean squared error of pixels in [-1, 1], not a network's features
    start       the best of some hundred random latents, and several of those, where StyleGAN2 starts from the mean of w
    conditions  a class and the categories of codes cannot be optimised. Each is tried for `TRIAL` of the steps, and only the
                nearest latents go on. Continuous codes are optimised in [-1, 1], from which training draws them
    prior       a latent further than two standard deviations from the mean norm costs 0.01 times the excess squared, and each
                number is cut at the bounds of what the prior draws: `latent_space`. Without it an optimiser finds latents that
                make the picture but that training never drew, which are of no use for arithmetic
    noise       none by default: on the shipped models of digits it made distances larger
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.latents.conditions import Condition
from tfgan_zoo.latents.latent_optimizer import LatentOptimizer
from tfgan_zoo.latents.latent_space import LatentSpace
from tfgan_zoo.pictures import to_uint8
from tfgan_zoo.saved_model.signature_calls import BATCH, Arrays

TRIAL, MAX_TRIED = 0.25, 16  # the share of the steps for which each condition is tried, and of how many conditions
LEAST_DRAWS = 16  # random latents for each condition, however many conditions there are

Watch = Callable[[Iterable[int], str], Iterable[int]]


@dataclasses.dataclass(frozen=True)
class Settings:
    """How thoroughly to search.

    steps: of the optimiser; restarts: latents that are optimised at once, of each condition while conditions are tried; rate:
    the largest step size, and noise: its largest standard deviation, both in standard deviations of the latent; moments: how
    many images of the way to keep, the first and the last included.
    """

    steps: int = 300
    restarts: int = 4
    rate: float = 0.2
    noise: float = 0.0
    moments: int = 6

    def __post_init__(self) -> None:
        """Raises `ZooError` for a number out of range."""
        for name, least in (("steps", 1), ("restarts", 1), ("moments", 2)):
            if getattr(self, name) < least:
                raise ZooError(f"{name}={getattr(self, name)}: expected {least} or more.")
        if not 0 < self.rate < np.inf or not 0 <= self.noise < np.inf:
            raise ZooError(f"rate={self.rate:g}, noise={self.noise:g}: expected a rate above 0 and no negative noise.")


@dataclasses.dataclass(frozen=True, eq=False)
class Moment:
    """The nearest image after some steps. step: 0 for the best random latent; image: uint8 [H, W, C]; distance: its error."""

    step: int
    image: np.ndarray
    distance: float


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """A picture's latent.

    inputs: what `serving_default` takes, {name: array [1, ...]}; condition: the nearest; target: the picture, uint8 [H, W, C];
    moments: the way there, from the best random latent to the end; typical: the median distance of random images; tried:
    [(condition, its distance after the trial)], the nearest first, of the conditions that were optimised.
    """

    inputs: Arrays
    condition: Condition
    target: np.ndarray
    moments: list[Moment]
    typical: float
    tried: list[tuple[Condition, float]]

    @property
    def distance(self) -> float:
        """The mean squared error at the end, of values in [-1, 1]."""
        return self.moments[-1].distance


def all_of(steps: Iterable[int], title: str) -> Iterable[int]:
    """The `Watch` that shows nothing."""
    return steps


def search(
    space: LatentSpace,
    target: np.ndarray,
    conditions: Sequence[Condition],
    settings: Settings,
    watch: Watch = all_of,
) -> Found:
    """The latent of a picture. The same space, picture and settings give the same latent.

    Args:
        space: of the generator.
        target: the picture, uint8 [H, W, C], in the generator's shape.
        conditions: the classes and codes to try.
        settings: how thoroughly to search.
        watch: takes the numbers of the steps and a title, and yields them as they are made. If it ends early, so does the search.

    Raises:
        ZooError: the generator's function gives no gradient, or the picture has another shape.
    """
    optimizer = LatentOptimizer(space, target, settings.steps, settings.rate, settings.noise)
    candidates, best, typical = random_starts(optimizer, conditions, settings.restarts)
    rows = [(draw, condition) for condition, draws in candidates for draw in draws]
    optimizer.start(rows)
    moments, tried = [best], []
    trial = round(settings.steps * TRIAL) if len(candidates) > 1 else 0
    marks = {round(mark) for mark in np.linspace(0, settings.steps, settings.moments)[1:]}
    done = 0
    for number in watch(range(settings.steps), "Optimising the latent"):
        optimizer.step(number)
        done = number + 1
        if done == trial:
            distances = optimizer.distances(optimizer.images())
            tried = ranking(rows, distances)
            nearest = np.argsort(distances, kind="stable")[: settings.restarts]
            rows = [rows[row] for row in nearest]
            optimizer.keep(nearest)
        if done in marks:
            moments.append(moment(optimizer, done))
    if moments[-1].step != done:
        moments.append(moment(optimizer, done))
    distances = optimizer.distances(optimizer.images())
    winner = int(np.argmin(distances))
    inputs = {name: values[winner : winner + 1] for name, values in optimizer.inputs.items()}
    return Found(inputs, rows[winner][1], target, moments, typical, tried or ranking(rows, distances))


def random_starts(
    optimizer: LatentOptimizer, conditions: Sequence[Condition], restarts: int
) -> tuple[list[tuple[Condition, list[int]]], Moment, float]:
    """([(condition, its `restarts` nearest draws)], at most `MAX_TRIED` with the nearest first; the best image; the median
    distance)."""
    space = optimizer.space
    available = len(next(iter(space.draws.values())))
    count = min(available, max(LEAST_DRAWS, restarts, available // len(conditions)))
    ranked, everything = [], []
    best = Moment(0, optimizer.target.numpy(), np.inf)
    for condition in conditions:
        distances = np.empty([count])
        for start in range(0, count, BATCH):
            draws = range(start, min(start + BATCH, count))
            optimizer.start([(draw, condition) for draw in draws])
            images = optimizer.images()
            distances[draws.start : draws.stop] = here = optimizer.distances(images)
            if here.min() < best.distance:
                best = Moment(0, to_uint8(images[here.argmin()]), float(here.min()))
        nearest = np.argsort(distances, kind="stable")[:restarts]
        ranked.append((float(distances[nearest[0]]), condition, nearest.tolist()))
        everything.append(distances)
    ranked.sort(key=lambda each: each[0])
    return [(c, draws) for _, c, draws in ranked[:MAX_TRIED]], best, float(np.median(np.concatenate(everything)))


def moment(optimizer: LatentOptimizer, step: int) -> Moment:
    """The `Moment` of the nearest image now."""
    images = optimizer.images()
    distances = optimizer.distances(images)
    nearest = int(np.argmin(distances))
    return Moment(step, to_uint8(images[nearest]), float(distances[nearest]))


def ranking(rows: Sequence[tuple[int, Condition]], distances: np.ndarray) -> list[tuple[Condition, float]]:
    """[(condition, the smallest distance of its latents)], the nearest first."""
    smallest: dict[Condition, float] = {}
    for (_, condition), distance in sorted(zip(rows, distances.tolist(), strict=True), key=lambda pair: pair[1]):
        smallest.setdefault(condition, distance)
    return list(smallest.items())
