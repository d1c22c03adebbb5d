"""What is drawn for a picture: plain seeds, one column a class or a code's value, or the way between two latents."""

import dataclasses

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.pictures import to_uint8
from tfgan_zoo.saved_model.signature_calls import interpolate

POINTS = 2500  # as many points in the plane show a distribution as well as 64 images show theirs
WIDEST = 16  # columns of a grid, whatever they stand for
SWEEP = np.linspace(-2, 2, 10)  # of a continuous code, beyond the [-1, 1] of training as in InfoGAN's figure 2


@dataclasses.dataclass(frozen=True, eq=False)
class Sheet:
    """Samples and how to lay them out.

    samples: uint8 images [N, H, W, C] or float32 points [N, 2]; names: one a sample, for its file; columns: of a grid,
    None for a square; caption: what they are, in words.
    """

    samples: np.ndarray
    names: list[str]
    columns: int | None
    caption: str


def plain(generator, seeds, truncation=None, label=None, codes=None, columns=None, order=""):
    """The samples of `seeds` [N]; the rest as in `Generator.sample`; `order` says what a grid's columns are. A `Sheet`."""
    samples = generator.sample(seeds, truncation, label, codes)
    caption = f"{len(seeds)} {'points' if generator.points else 'samples'}, seeds {seeds[0]} to {seeds[-1]}{order}"
    return Sheet(samples, [f"seed-{seed:06d}" for seed in seeds], columns, caption)


def pieces(generator, seeds, *rest, size=256):
    """`plain` in `Sheet`s of `size` samples, drawn as they are taken: no more is in memory, however many there are."""
    for start in range(0, len(seeds), size):
        yield plain(generator, seeds[start : start + size], *rest)


def overview(generator, prior, rows=8):
    """The `Sheet` that shows what a generator does, by seeds 0, 1, ...: a square of images, or so many rows with a column
    a class, or else a column a category of the first code; for a generator of points, 2,500 of them.

    prior: the generator's `Prior`.
    """
    categories = prior.codes.categorical[0] if prior.codes and prior.codes.categorical else 0
    kinds, kind = (prior.num_classes, "class") if prior.num_classes else (categories, "category of code 0")
    if generator.points or not kinds:
        return plain(generator, np.arange(POINTS if generator.points else rows**2))
    columns = kinds if kinds <= WIDEST else rows
    seeds = np.arange(rows * columns)
    order = f", a column a {kind}" if columns == kinds else ""
    if prior.num_classes:
        return plain(generator, seeds, label=seeds % kinds, columns=columns, order=order)
    codes = np.full([len(seeds), prior.codes.size], np.nan)
    codes[:, 0] = seeds % kinds
    return plain(generator, seeds, codes=codes, columns=columns, order=order)


def sweep(generator, what, seeds, truncation=None, label=None, codes=None):
    """One row a seed, all alike in a row but what is swept along the columns: the figures of InfoGAN. A `Sheet`.

    Args:
        generator: a `Generator`.
        what: "label", or the number of a code: categories, or 10 values from -2 to 2 for a continuous code.
        seeds: whole numbers [rows].
        truncation, label, codes: as in `Generator.sample`, for all samples.

    Raises:
        ZooError: there are no labels or no such code, or `label` is given where labels are swept.
    """
    values = values_of(generator, what)
    columns = np.tile(values, len(seeds))
    every = np.repeat(seeds, len(values))
    if what == "label":
        if label is not None:
            raise ZooError(f"labels are swept, and label {label} was given; leave one of the two out.")
        label, word = columns, "label"
    else:
        codes = np.array(generator.checked_codes(len(every), codes, by_seed=True))
        codes[:, int(what)], word = columns, f"code {what}"
    samples = generator.sample(every, truncation, label, codes)
    names = [f"seed-{s:06d}-{word.replace(' ', '-')}-{v:g}" for s, v in zip(every, columns, strict=True)]
    caption = f"{word} from {values[0]:g} to {values[-1]:g} along the columns, seeds {seeds[0]} to {seeds[-1]}"
    return Sheet(samples, names, len(values), caption)


def values_of(generator, what):
    """The values [columns] that `sweep` gives to "label" or to the code of that number."""
    if what == "label":
        if not generator.conditional:
            raise ZooError("labels cannot be swept: this generator takes none.")
        if not generator.num_classes:
            raise ZooError("labels cannot be swept: no model card says how many there are; give --label instead.")
        return np.arange(generator.num_classes)
    if not generator.code_size:
        raise ZooError(f"code {what} cannot be swept: this generator takes no codes.")
    if not str(what).isdigit() or int(what) >= generator.code_size:
        raise ZooError(f"there is no code {what} to sweep; there are 0 to {generator.code_size - 1}.")
    if not generator.codes:
        raise ZooError(f"code {what} cannot be swept: no model card says what it is; give --codes instead.")
    categorical = generator.codes.categorical
    return np.arange(categorical[int(what)]) if int(what) < len(categorical) else SWEEP


def path(generator, ends, steps, truncation=None, label=None, codes=None):
    """So many steps between the latents of two seeds; the rest as in `Generator.from_latents`. A `Sheet`."""
    noise = interpolate(*generator.latents(ends, truncation), steps)
    made = generator.from_latents(noise, label, codes)
    samples = made if generator.points else to_uint8(made)
    caption = f"{steps} samples from seed {ends[0]} to seed {ends[1]}"
    return Sheet(samples, [f"step-{i:04d}" for i in range(steps)], steps if steps <= WIDEST else None, caption)
