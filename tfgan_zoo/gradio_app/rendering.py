"""What the page draws, as uint8 images: grids of seeds and walks between latents. Nothing here depends on Gradio."""

import dataclasses

import numpy as np

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model import sweeps
from tfgan_zoo.saved_model.signature_calls import BaseSampler

MAX_SEED = 2**53  # a page's numbers are floats, which represent no whole number beyond it exactly
FRAME_SIZE = 256  # pixels that the frames of a walk are enlarged to
MIXED = 5  # seeds on each side of a table of mixed styles
BY_SEED = -1  # the label that leaves the class to the seed


@dataclasses.dataclass(frozen=True)
class SampleSettings:
    """The settings that a user chose, for any model; a model ignores those of inputs that it does not take.

    truncation: as the model means it, None for none; label: a class, or `BY_SEED`; codes: one number each, NaN by seed; noise: False
    to draw without the noise of a generator that adds it in its layers.
    """

    truncation: float | None = None
    label: int = BY_SEED
    codes: tuple[float, ...] = ()
    noise: bool = True

    def for_seeds(self, generator: BaseSampler) -> tuple[float | None, int | None, np.ndarray | None]:
        """(truncation, label, codes) as `BaseSampler.sample` takes them; what is not chosen is left to the seed."""
        return (
            self.truncation,
            self.label if generator.conditional else None,
            self.padded_codes(generator, np.nan) if generator.code_size else None,
        )

    def for_latents(self, generator: BaseSampler) -> tuple[float | None, int | None, np.ndarray | None]:
        """(truncation, label, codes) where there is no seed: class 0 and codes of 0 unless they are chosen."""
        codes = np.nan_to_num(self.padded_codes(generator, 0), nan=0)
        return self.truncation, max(0, self.label) if generator.conditional else None, codes if len(codes) else None

    def padded_codes(self, generator: BaseSampler, value: float) -> np.ndarray:
        """As many codes as the generator takes; those that are not chosen are `value`."""
        codes = np.full([generator.code_size], value, np.float32)
        chosen = self.codes[: generator.code_size]
        codes[: len(chosen)] = chosen
        return codes


def checked_seed(value: float | None, name: str = "seed") -> int:
    """`value` as a whole number from 0 to 2**53. Raises `ZooError` for anything else."""
    if value is None:
        raise ZooError(f"the {name} is empty; give a whole number from 0.")
    if not 0 <= value <= MAX_SEED or value != int(value):  # false for NaN
        raise ZooError(f"the {name} is {value:g}; give a whole number from 0 to {MAX_SEED}.")
    return int(value)


def draw(
    generator: BaseSampler, seed: float | None, count: int, settings: SampleSettings = SampleSettings()
) -> tuple[np.ndarray, str]:
    """A picture of the seeds seed, seed + 1, ...: a grid of images, or the density of points.

    Args:
        generator: a sampler.
        seed: of the first sample.
        count: how many images; points are always 2,500.
        settings: truncation, class and codes.

    Returns:
        (uint8 [H, W, C], the caption).

    Raises:
        ZooError: not a seed, or a class or code that the generator does not have.
    """
    start = checked_seed(seed)
    seeds = np.arange(start, start + (sweeps.POINTS if generator.points else int(count)))
    make = sweeps.plain if settings.noise or generator.styles_shape is None else sweeps.without_noise
    sheet = make(generator, seeds, *settings.for_seeds(generator))
    return pictures.picture(sheet.samples, sheet.columns), sheet.caption


def mix(
    generator: BaseSampler,
    left: float | None,
    top: float | None,
    first: int,
    settings: SampleSettings = SampleSettings(),
) -> tuple[np.ndarray, str]:
    """Styles of `MIXED` seeds mixed with those of as many others, the first row and column unmixed.

    Args:
        generator: a sampler of a model with styles.
        left, top: the first seed of the rows and of the columns.
        first: the first layer, counted from 0, with the style of the seeds above.
        settings: truncation and class.

    Returns:
        (uint8 [H, W, C], the caption).

    Raises:
        ZooError: as `draw`, and if the model has no styles or no such layer.
    """
    seeds = (checked_seed(left, "seed on the left"), checked_seed(top, "seed above"))
    rows, columns = (np.arange(seed, seed + MIXED) for seed in seeds)
    truncation, label, _ = settings.for_seeds(generator)
    sheet = sweeps.mixed_styles(generator, rows, columns, int(first), truncation, label)
    return pictures.picture(sheet.samples, sheet.columns), sheet.caption


def walk(
    generator: BaseSampler,
    first: float | None,
    second: float | None,
    steps: int,
    settings: SampleSettings = SampleSettings(),
) -> tuple[np.ndarray, str]:
    """A seamless loop from one seed's latents to another's and back. Points leave their trace.

    Args:
        generator: a sampler.
        first, second: seeds.
        steps: frames one way, both ends included.
        settings: class and codes are fixed on the way and not left to the seed.

    Returns:
        (frames uint8 [2 (steps - 1), H, W, C], the caption).

    Raises:
        ZooError: as `draw`.
    """
    ends = checked_seed(first, "first seed"), checked_seed(second, "second seed")
    sheet = sweeps.path(generator, ends, int(steps), *settings.for_latents(generator))
    frames = traces(sheet.samples) if generator.points else enlarged(sheet.samples)
    return np.concatenate([frames, frames[-2:0:-1]]), f"{sheet.caption} and back"


def enlarged(images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C], each pixel repeated so that H comes up to `FRAME_SIZE`."""
    scale = max(1, FRAME_SIZE // images.shape[1])
    return images.repeat(scale, 1).repeat(scale, 2)


def traces(points: np.ndarray) -> np.ndarray:
    """Frames uint8 [N, 256, 256, 3] of float32 [N, 2]: frame i shows points 0 to i, all frames to one scale."""
    limit = 1.1 * np.abs(points).max() or 1.0
    return np.stack([pictures.scatter(points[: i + 1], limit, FRAME_SIZE) for i in range(len(points))])
