"""Sums of latents, the way between two, and mean images.

Radford et al. 2015, arXiv:1511.06434, section 6.3.2, average the latents of three images for each word of "man with glasses
- man + woman". A sum of latents is further out than what the prior draws: the norm of a - b + c is about sqrt(3) times that of
each. So a sum is brought back to the shell and inside the bounds, `LatentSpace.nearest`; one latent alone stays as it is.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.latents.conditions import Condition
from tfgan_zoo.latents.latent_space import LatentSpace
from tfgan_zoo.pictures import to_uint8
from tfgan_zoo.saved_model.signature_calls import Arrays, BaseSampler, interpolate

GRAMMAR = "expected terms such as 'a.npz - 0.5 * b.npz + seed:3', with spaces around + and -"


@dataclasses.dataclass(frozen=True, eq=False)
class Term:
    """weight: of the latent in the sum; name: what was written; inputs: {name: array [1, ...]}; conditions may be missing."""

    weight: float
    name: str
    inputs: Arrays


def parsed(text: str) -> list[tuple[float, str]]:
    """[(weight, name)] of a sum.

    Raises:
        ZooError: it is not one.

    Examples:
        >>> parsed("a.npz - b-1.npz + 0.5*seed:3")
        [(1.0, 'a.npz'), (-1.0, 'b-1.npz'), (0.5, 'seed:3')]
    """
    text = text.strip()
    parts = re.split(r"(?:^|\s+)([+-])\s+", text if text.startswith(("+ ", "- ")) else f"+ {text}")
    terms = []
    for sign, term in zip(parts[1::2], parts[2::2], strict=True):
        number, star, name = term.rpartition("*")
        try:
            weight = float(number) if star else 1.0
        except ValueError:
            weight, name = 1.0, term  # a file's name with a star
        if not name.strip() or not np.isfinite(weight):
            raise ZooError(f"{text!r}: {GRAMMAR}.")
        terms.append((-weight if sign == "-" else weight, name.strip()))
    return terms


def terms_of(text: str, space: LatentSpace, find: Callable[[str], Arrays]) -> list[Term]:
    """The `Term`s of a sum in words.

    Args:
        text: names are `seed:N`, `mean` for the mean of what the prior draws, or whatever `find` knows.
        space: of the generator.
        find: takes any other name, such as that of a file; raises `ZooError` for one it does not know.
    """
    terms = []
    for weight, name in parsed(text):
        kind, colon, number = name.partition(":")
        if kind == "seed" and colon:
            if not number.strip().isdecimal():
                raise ZooError(f"{name!r}: expected a seed, such as seed:3.")
            inputs = space.generator.latent_inputs([int(number)])
        elif name == "mean":
            inputs = mean_latent(space)
        else:
            inputs = find(name)
        terms.append(Term(weight, name, inputs))
    return terms


def mean_latent(space: LatentSpace) -> Arrays:
    """The latents {name: [1, ...]} with the mean of the draws where they can move, and the first draw otherwise."""
    return {
        name: values.mean(0, keepdims=True, dtype=np.float64).astype(np.float32) if name in space.moving else values[:1]
        for name, values in space.draws.items()
    }


def combined(
    space: LatentSpace, terms: Sequence[Term], label: int | None = None, codes: ArrayLike | None = None
) -> Arrays:
    """The inputs {name: [1, ...]} of a sum.

    Latents and continuous codes are added, and brought back to what the prior draws unless there is one term of weight 1.
    Class, categories and whatever else cannot be added are those of the first term that has them.

    Args:
        space: of the generator.
        terms: at least one.
        label, codes: in place of the terms'.

    Raises:
        ZooError: the generator takes labels or codes, and there are none.
    """
    generator = space.generator
    latents = {name: terms[0].inputs[name] for name in space.draws}
    for name in space.moving:
        latents[name] = np.sum([t.weight * t.inputs[name].astype(np.float64) for t in terms], axis=0)
    if len(terms) > 1 or terms[0].weight != 1:
        latents = space.nearest(latents)
    conditions: Arrays = {}
    for name, item in generator.condition_items.items():
        given = [t for t in terms if name in t.inputs]
        if given:
            conditions[name] = given[0].inputs[name]
        elif name not in ("labels", "codes"):
            conditions[name] = np.zeros(item.shape, item.dtype)
    if "codes" in conditions and generator.codes and len(terms) > 1:
        start, with_codes = len(generator.codes.categorical), [t for t in terms if "codes" in t.inputs]
        total = np.sum([t.weight * t.inputs["codes"][:, start:] for t in with_codes], axis=0)
        conditions["codes"] = np.concatenate([conditions["codes"][:, :start], np.clip(total, -1, 1)], axis=1)
    chosen = {"labels": label, "codes": codes}
    conditions |= {name: np.asarray(value) for name, value in chosen.items() if value is not None}
    return generator.serving_inputs(**{**latents, **conditions})


def way(space: LatentSpace, first: Arrays, last: Arrays, steps: int) -> Arrays:
    """Inputs {name: [steps, ...]} from one image's to another's: latents along great circles, continuous codes along lines, and
    the rest as in the first. Labels cannot be between two classes.

    Raises:
        ZooError: fewer than two steps.
    """
    if steps < 2:
        raise ZooError(f"{steps} images on the way: expected 2 or more.")
    generator = space.generator
    inputs = {name: np.repeat(values, steps, axis=0) for name, values in first.items()}
    for name in space.moving:
        inputs[name] = interpolate(first[name][0], last[name][0], steps)
    if "codes" in first and generator.codes:
        start, share = len(generator.codes.categorical), np.linspace(0, 1, steps)[:, None]
        inputs["codes"][:, start:] = (1 - share) * first["codes"][:, start:] + share * last["codes"][:, start:]
    return inputs


@dataclasses.dataclass(frozen=True, eq=False)
class Mean:
    """Two mean images of a class, uint8 [H, W, C]. condition: the class; of_latents: the image of the mean latent, which is one
    that the generator makes; of_pixels: the mean of images, which is blurred."""

    condition: Condition
    of_latents: np.ndarray
    of_pixels: np.ndarray


def mean_images(space: LatentSpace, classes: Sequence[Condition], count: int = 64) -> list[Mean]:
    """The mean images of each class.

    Args:
        space: of the generator.
        classes: their continuous codes that are open are 0 in the mean latent, and drawn for the pixels.
        count: images of each class for the mean of pixels, from the space's first draws.
    """
    generator, result = space.generator, []
    latents = mean_latent(space)
    seeds = np.arange(space.first_seed, space.first_seed + count)
    for each in classes:
        conditions: Arrays = {} if each.label is None else {"labels": np.asarray(each.label)}
        centre = Term(1.0, "mean", latents | ({"codes": np.nan_to_num(np.array([each.codes]))} if each.codes else {}))
        image = generator.from_latents(**combined(space, [centre], each.label))[0]
        codes = each.codes or None
        pixels = generator.sample(seeds, None, conditions.get("labels"), codes).mean(0, dtype=np.float64)
        result.append(Mean(each, to_uint8(image), np.rint(pixels).astype(np.uint8)))
    return result


def means_of_found(
    space: LatentSpace, found: Sequence[Arrays], targets: Sequence[np.ndarray], class_names: Sequence[str] = ()
) -> list[Mean]:
    """The mean images of pictures whose latents were found, for each class among them: the image of the mean of their latents, with
    the categories of the first, and the mean of their pixels.

    Args:
        space: of the generator.
        found: the latents, {name: array [1, ...]}; targets: the pictures, uint8 [H, W, C].
        class_names: for the conditions' names.
    """
    groups: dict[int | None, list[int]] = {}
    for position, inputs in enumerate(found):
        groups.setdefault(int(inputs["labels"][0]) if "labels" in inputs else None, []).append(position)
    result = []
    for label, members in groups.items():
        inputs = dict(found[members[0]])
        for name in space.moving:
            inputs[name] = np.asarray(np.mean([found[i][name] for i in members], axis=0, dtype=np.float64), np.float32)
        pixels = np.rint(np.mean([targets[i] for i in members], axis=0, dtype=np.float64)).astype(np.uint8)
        name = "" if label is None else f"class {class_names[label] if label < len(class_names) else label}"
        result.append(Mean(Condition(label, (), name), image_of(space.generator, inputs)[0], pixels))
    return result


def image_of(generator: BaseSampler, inputs: Arrays) -> np.ndarray:
    """uint8 [N, H, W, C] of `serving_default`'s inputs."""
    return to_uint8(generator.from_latents(**inputs))
