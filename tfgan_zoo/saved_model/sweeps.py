"""What a picture shows: samples by seed, one column per class or value of a code, or the way between two latents."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.pictures import to_uint8
from tfgan_zoo.saved_model.signature_calls import BaseSampler, interpolate

if TYPE_CHECKING:
    from tfgan_zoo.core.priors import Prior

POINTS = 2500  # points in the plane that show a distribution as well as 64 images do
MAX_COLUMNS = 16  # of a grid
CODE_VALUES = np.linspace(-2, 2, 10)  # of a continuous code, beyond the [-1, 1] of training as in InfoGAN's figure 2


@dataclasses.dataclass(frozen=True, eq=False)
class Sheet:
    """Samples and their layout.

    samples: uint8 images [N, H, W, C] or float32 points [N, 2]; names: one per sample, for its file; columns: of a grid,
    None for a square; caption: what they are, in words.
    """

    samples: np.ndarray
    names: list[str]
    columns: int | None
    caption: str


def plain(
    generator: BaseSampler,
    seeds: np.ndarray,
    truncation: float | None = None,
    label: ArrayLike | None = None,
    codes: ArrayLike | None = None,
    columns: int | None = None,
    order: str = "",
) -> Sheet:
    """The samples of `seeds`.

    Args:
        generator: a sampler.
        seeds: whole numbers [N].
        truncation, label, codes: as in `BaseSampler.sample`.
        columns: of the grid, None for a square.
        order: what the columns are, appended to the caption.
    """
    samples = generator.sample(seeds, truncation, label, codes)
    caption = f"{len(seeds)} {'points' if generator.points else 'samples'}, seeds {seeds[0]} to {seeds[-1]}{order}"
    return Sheet(samples, [f"seed-{seed:06d}" for seed in seeds], columns, caption)


def without_noise(
    generator: BaseSampler,
    seeds: np.ndarray,
    truncation: float | None = None,
    label: ArrayLike | None = None,
    codes: ArrayLike | None = None,
) -> Sheet:
    """`plain`, drawn from the seeds' styles alone: without the noise that such a generator adds in its layers.

    Raises:
        ZooError: the generator draws no images from styles; or as `plain`.
    """
    samples = to_uint8(generator.from_styles(generator.styles(seeds, truncation, label, codes)))
    caption = f"{len(seeds)} samples, seeds {seeds[0]} to {seeds[-1]}, without noise"
    return Sheet(samples, [f"seed-{seed:06d}" for seed in seeds], None, caption)


def mixed_styles(
    generator: BaseSampler,
    rows: np.ndarray,
    columns: np.ndarray,
    first: int,
    truncation: float | None = None,
    label: ArrayLike | None = None,
) -> Sheet:
    """Every seed of `columns` mixed into every seed of `rows`, as in Karras et al. 2018, arXiv:1812.04948, figure 3; without noise.

    The first row of images shows `columns` beside a gray place, the first column `rows`.

    Args:
        generator: a sampler.
        rows, columns: seeds [R] and [C].
        first: the first layer, counted from 0, that has the style of `columns`; 0 for all of them.
        truncation, label: as in `BaseSampler.styles`.

    Raises:
        ZooError: the generator draws no images from styles, or has no such layer; or as `BaseSampler.styles`.
    """
    layers = generator.check_styles()[0] or 0
    if not 0 <= first <= layers:
        raise ZooError(f"styles from layer {first} on: this generator has {layers} layers, so expected 0 to {layers}.")
    left, top = (generator.styles(seeds, truncation, label) for seeds in (rows, columns))
    mixed = np.repeat(left, len(columns), 0)
    mixed[:, first:] = np.tile(top, [len(rows), 1, 1])[:, first:]
    images = to_uint8(generator.from_styles(np.concatenate([top, left, mixed])))
    above, beside, inner = np.split(images, [len(top), len(top) + len(left)])
    lines = [np.concatenate([np.full_like(above[:1], 128), above])]
    for number in range(len(rows)):
        lines.append(np.concatenate([beside[number : number + 1], inner[number * len(columns) :][: len(columns)]]))
    names = [f"seed-{row}-{column}" for row in ("none", *rows) for column in ("none", *columns)]
    caption = (
        f"layers {first + 1} to {layers} from the seeds above, {columns[0]} to {columns[-1]}; "
        f"the others from those on the left, {rows[0]} to {rows[-1]}; without noise"
    )
    return Sheet(np.concatenate(lines), names, len(columns) + 1, caption)


def chunks(
    generator: BaseSampler,
    seeds: np.ndarray,
    truncation: float | None = None,
    label: ArrayLike | None = None,
    codes: ArrayLike | None = None,
    size: int = 256,
) -> Iterator[Sheet]:
    """`plain` in `Sheet`s of `size` samples, drawn one after the other, so that any number of seeds fits in memory."""
    for start in range(0, len(seeds), size):
        yield plain(generator, seeds[start : start + size], truncation, label, codes)


def overview(generator: BaseSampler, prior: "Prior", rows: int = 8) -> Sheet:
    """What a generator does, by seeds 0, 1, ...: `rows` rows with one column per class, or else per category of the first
    code; a square of images where there are neither; 2,500 points of a generator of points.

    prior: the generator's.
    """
    categories = prior.codes.categorical[0] if prior.codes and prior.codes.categorical else 0
    count, subject = (prior.num_classes, "class") if prior.num_classes else (categories, "category of code 0")
    if generator.points or not count:
        return plain(generator, np.arange(POINTS if generator.points else rows**2))
    columns = count if count <= MAX_COLUMNS else rows
    seeds = np.arange(rows * columns)
    order = f", one column per {subject}" if columns == count else ""
    if prior.num_classes:
        return plain(generator, seeds, label=seeds % count, columns=columns, order=order)
    codes = np.full([len(seeds), generator.code_size], np.nan)
    codes[:, 0] = seeds % count
    return plain(generator, seeds, codes=codes, columns=columns, order=order)


def sweep(
    generator: BaseSampler,
    subject: str | int,
    seeds: Sequence[int] | np.ndarray,
    truncation: float | None = None,
    label: ArrayLike | None = None,
    codes: ArrayLike | None = None,
) -> Sheet:
    """One row per seed; along a row only the swept label or code changes, as in InfoGAN's figures.

    Args:
        generator: a sampler.
        subject: "label", or the number of a code: its categories, or 10 values from -2 to 2 for a continuous code.
        seeds: whole numbers [rows].
        truncation, label, codes: as in `BaseSampler.sample`, for all samples.

    Raises:
        ZooError: there are no labels or no such code, or `label` is given where labels are swept.
    """
    values = values_of(generator, subject)
    columns = np.tile(values, len(seeds))
    every_seed = np.repeat(seeds, len(values))
    if subject == "label":
        if label is not None:
            raise ZooError(f"labels are swept, and label {label} was given; leave one of the two out.")
        label, word = columns, "label"
    else:
        codes = np.array(generator.checked_codes(len(every_seed), codes, by_seed=True))
        codes[:, int(subject)], word = columns, f"code {subject}"
    samples = generator.sample(every_seed, truncation, label, codes)
    names = [f"seed-{s:06d}-{word.replace(' ', '-')}-{v:g}" for s, v in zip(every_seed, columns, strict=True)]
    caption = f"{word} from {values[0]:g} to {values[-1]:g} along the columns, seeds {seeds[0]} to {seeds[-1]}"
    return Sheet(samples, names, len(values), caption)


def values_of(generator: BaseSampler, subject: str | int) -> np.ndarray:
    """The values [columns] that `sweep` gives to "label" or to the code of that number."""
    if subject == "label":
        if not generator.conditional:
            raise ZooError("labels cannot be swept: this generator takes none.")
        if not generator.num_classes:
            raise ZooError("labels cannot be swept: no model card says how many there are; give --label instead.")
        return np.arange(generator.num_classes)
    if not generator.code_size:
        raise ZooError(f"code {subject} cannot be swept: this generator takes no codes.")
    if not str(subject).isdigit() or int(subject) >= generator.code_size:
        raise ZooError(f"there is no code {subject} to sweep; there are 0 to {generator.code_size - 1}.")
    if not generator.codes:
        raise ZooError(f"code {subject} cannot be swept: no model card describes it; give --codes instead.")
    categorical = generator.codes.categorical
    return np.arange(categorical[int(subject)]) if int(subject) < len(categorical) else CODE_VALUES


def path(
    generator: BaseSampler,
    ends: Sequence[int],
    steps: int,
    truncation: float | None = None,
    label: ArrayLike | None = None,
    codes: ArrayLike | None = None,
) -> Sheet:
    """The way between the latents of two seeds.

    Latents that the prior marks as interpolated move along great circles; others stay at those of the first seed. Conditions
    are fixed, further ones than labels and codes at 0. Internal inputs are the constants of `serving_default`.

    Args:
        generator: a sampler.
        ends: two seeds.
        steps: samples on the way, both ends included.
        truncation: as in `BaseSampler.sample`.
        label, codes: as in `BaseSampler.from_latents`.
    """
    latents = generator.latent_inputs(ends, truncation)
    inputs = {
        item.name: interpolate(latents[item.name][0], latents[item.name][1], steps)
        if item.interpolated
        else np.repeat(latents[item.name][:1], steps, axis=0)
        for item in generator.latent_items
    }
    for name, item in generator.condition_items.items():
        if name not in ("labels", "codes"):
            inputs[name] = np.zeros(item.shape, item.dtype)
    outputs = generator.from_latents(None, label, codes, **inputs)
    samples = outputs if generator.points else to_uint8(outputs)
    caption = f"{steps} samples from seed {ends[0]} to seed {ends[1]}"
    return Sheet(samples, [f"step-{i:04d}" for i in range(steps)], steps if steps <= MAX_COLUMNS else None, caption)
