"""The conditions that a search through latents tries: a class by its name or number, codes, or each of them in turn."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.saved_model.signature_calls import BaseSampler


@dataclasses.dataclass(frozen=True)
class Condition:
    """A class and values for codes.

    label: None for a generator without labels; codes: one number each, NaN for a continuous code that is to be found; () for a
    generator without codes; name: in words, "" if there is nothing to say.
    """

    label: int | None = None
    codes: tuple[float, ...] = ()
    name: str = ""


def class_number(generator: BaseSampler, label: str | int | None, names: Sequence[str] = ()) -> int | None:
    """A class by its name, or else by its number; None if none is given.

    Args:
        generator: the one that has the classes.
        label: a name or number.
        names: of the classes in their order, () if they have none.

    Raises:
        ZooError: the generator takes no labels, or has no such class; suggests the nearest names.
    """
    if label is None:
        return None
    if not generator.conditional:
        raise ZooError(f"label {label!r} was given, and this generator takes no labels; leave it out.")
    if str(label) in names:
        return list(names).index(str(label))
    if str(label).isdecimal() and int(label) < (generator.num_classes or 2**31):
        return int(label)
    numbers = [str(number) for number in range(generator.num_classes)]
    raise no_such("class", label, dict.fromkeys([*names, *numbers[: 20 if names else None]]))


def conditions(
    generator: BaseSampler, label: int | None = None, codes: Sequence[float] | None = None, names: Sequence[str] = ()
) -> list[Condition]:
    """Every `Condition` that is left open: each class unless `label` is given, with each combination of categorical codes.

    Args:
        generator: a sampler.
        label: a class, None for all.
        codes: one number each, NaN for one to be found; None for all of them.
        names: of the classes, for the conditions' names.

    Raises:
        ZooError: no card says how many classes or which codes there are, and they are not given; or a code that there is not.
    """
    if generator.conditional and label is None and not generator.num_classes:
        raise ZooError("no model card says how many classes there are; give one, such as --label=0.")
    if not generator.code_size and codes is not None:
        raise ZooError("codes were given, and this generator takes none; leave them out.")
    given = np.full([generator.code_size], np.nan) if codes is None else np.asarray(codes, np.float64)
    if generator.code_size:
        generator.checked_codes(1, given, by_seed=True)
        if generator.codes is None and np.isnan(given).any():
            raise ZooError(
                f"no model card describes the {generator.code_size} codes; give all of them, such as --codes=0,0."
            )
    labels = [label] if label is not None or not generator.conditional else range(generator.num_classes)
    categorical = generator.codes.categorical if generator.codes else ()
    choices = [
        [value] if not np.isnan(value) else [float(c) for c in range(size)]
        for value, size in zip(given, categorical, strict=False)
    ]
    continuous = given[len(categorical) :].tolist()
    result = []
    for number, categories in itertools.product(labels, itertools.product(*choices)):
        words = [] if number is None else [f"class {names[number] if number < len(names) else number}"]
        words += [f"code {position} = {value:g}" for position, value in enumerate(categories)]
        result.append(Condition(number, (*map(float, categories), *continuous), ", ".join(words)))
    return result
