"""What the page draws, as uint8 images: pictures of seeds and ways between latents. No function here knows of the page."""

import dataclasses

import numpy as np

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model import sweeps

LARGEST_SEED = 2**53  # a page's numbers are floats, which count no farther
HIGH = 256  # pixels that the frames of a way are enlarged to
BY_SEED = -1  # the label that leaves the class to the seed


@dataclasses.dataclass(frozen=True)
class Given:
    """What a user asks of any model; a model passes by what it does not take.

    truncation: bound of the latent, None for none; label: a class, or `BY_SEED`; codes: one number each, NaN by seed.
    """

    truncation: float | None = None
    label: int = BY_SEED
    codes: tuple[float, ...] = ()

    def for_seeds(self, generator):
        """(truncation, label, codes) as `Generator.sample` takes them, what is missing by seed."""
        return (
            self.truncation,
            self.label if generator.conditional else None,
            self.filled(generator, np.nan) if generator.code_size else None,
        )

    def for_latents(self, generator):
        """(truncation, label, codes) without a seed: class 0 and codes of 0 where nothing is given."""
        codes = np.nan_to_num(self.filled(generator, 0), nan=0)
        return self.truncation, max(0, self.label) if generator.conditional else None, codes if len(codes) else None

    def filled(self, generator, value):
        """As many codes as the generator takes; those that are not given are `value`."""
        codes = np.full([generator.code_size], value, np.float32)
        given = self.codes[: generator.code_size]
        codes[: len(given)] = given
        return codes


def checked_seed(value, name="seed"):
    """A whole number from 0 to 2**53, or a `ZooError` that names what came."""
    if value is None:
        raise ZooError(f"the {name} is empty; give a whole number from 0.")
    if not 0 <= value <= LARGEST_SEED or value != int(value):  # NaN is not within
        raise ZooError(f"the {name} is {value:g}; give a whole number from 0 to {LARGEST_SEED}.")
    return int(value)


def draw(generator, seed, count, given=Given()):
    """(the picture uint8 [H, W, C], its caption) of seeds seed, seed + 1, ...: a grid, or the density of points.

    Args:
        generator: a `Generator`.
        seed: of the first sample.
        count: of images; points are always 2,500.
        given: a `Given`.

    Raises:
        ZooError: a seed that is none, or a class or code that the generator does not have.
    """
    start = checked_seed(seed)
    seeds = np.arange(start, start + (sweeps.POINTS if generator.points else int(count)))
    sheet = sweeps.plain(generator, seeds, *given.for_seeds(generator))
    return pictures.picture(sheet.samples, sheet.columns), sheet.caption


def walk(generator, first, second, steps, given=Given()):
    """(frames uint8 [2 (steps - 1), H, W, C], a caption): from one seed's latent to another's and back, without end.

    Points leave their trace. The rest as in `draw`, but class and codes stay and are not drawn by seed.
    """
    ends = checked_seed(first, "first seed"), checked_seed(second, "second seed")
    sheet = sweeps.path(generator, ends, int(steps), *given.for_latents(generator))
    frames = traces(sheet.samples) if generator.points else enlarged(sheet.samples)
    return np.concatenate([frames, frames[-2:0:-1]]), f"{sheet.caption} and back"


def enlarged(images):
    scale = max(1, HIGH // images.shape[1])
    return images.repeat(scale, 1).repeat(scale, 2)


def traces(points):
    """Frames uint8 [N, 256, 256, 3], each with one point of float32 [N, 2] more, all to one scale."""
    limit = 1.1 * np.abs(points).max() or 1.0
    return np.stack([pictures.scatter(points[: i + 1], limit, HIGH) for i in range(len(points))])
