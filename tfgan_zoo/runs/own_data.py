"""A recipe for pictures of the user's own: one that is made for pictures of that size, with the data's own facts in it."""

import copy
from typing import Any

from tfgan_zoo.core import catalog
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.survey import Choice, Survey, data_choices, usual_resolution
from tfgan_zoo.metrics import features

FEW = 10_000  # pictures up to which they are augmented
HELD_OUT_FROM = 1000  # pictures from which a tenth is held out
PASSES = 20  # times that each picture is shown at least
LONGEST = 4  # at most so many times the steps of the recipe


def preset_for(model: str, found: Survey) -> str:
    """The preset for these pictures, as `catalog.preset_for_size`."""
    return catalog.preset_for_size(model, usual_resolution(found))[0]


def fitted(table: dict[str, Any], found: Survey, origin: str, own: bool = False) -> tuple[dict[str, Any], list[Choice]]:
    """(the recipe's table with what these pictures ask for, what was chosen and why).

    Args:
        table: of a recipe, nested plain values.
        found: a `Survey` of the pictures.
        origin: what to call the recipe, such as "sngan/emoji".
        own: whether it is the user's: then only what the data is changes, and what the recipe does not say; also its scores if
            they are of a network without whose file it could not be trained, as in runs of imported weights.

    Raises:
        ZooError: the recipe has no resolution.
    """
    table = copy.deepcopy(table)
    data = table.setdefault("data", {})
    resolution = data.get("resolution")
    if not resolution:
        raise ZooError(
            f"{origin} is not for pictures of a fixed size (data.resolution={resolution}); give another --preset."
        )
    choices = data_choices(found, resolution if isinstance(resolution, int) else min(resolution))
    fits = f"{origin} has it" if own else f"{origin} is made for it"
    choices[1] = Choice("data.resolution", resolution, f"{choices[1].why}, and {fits}")
    choices.append(split(found))
    if own:
        other_scores = lacks_network(table)
        choices += [
            choice
            for choice in of_images(table, found)
            if not is_set(table, choice.key) or (other_scores and choice.key.startswith("evaluation."))
        ]
    else:
        choices += [*of_images(table, found), *length(table, found)]
    for choice in choices:
        put(table, choice.key, choice.value)
    for key in ("classes", "labels_per_class"):
        data.pop(key, None)
    if found.class_names:
        data["classes"] = len(found.class_names)
    table["summary"] = f"{origin} on {found.source}"
    return table, choices


def split(found: Survey) -> Choice:
    """Which part of the pictures is trained on."""
    if found.split != "all":
        return Choice("data.split", found.split, "of the data set's own; the others are not trained on")
    if not found.splits:
        return Choice("data.split", "all", "it has no others")
    if found.size < HELD_OUT_FROM:
        return Choice("data.split", "all", "too few to hold some out")
    return Choice("data.split", "train", "a tenth is held out for scores, such as discriminator_accuracy")


def of_images(table: dict[str, Any], found: Survey) -> list[Choice]:
    """Mirroring, augmentation and scores."""
    coloured, choices = found.channels != 1, []
    if coloured:
        choices.append(Choice("data.flip", True, "mirrored at random; false for text, or where left and right differ"))
    measured = table["data"].get("measurement", {}).get("kind", "none") != "none"
    if found.size <= FEW and not measured:
        names = ["color", "translation", "cutout"] if coloured else ["translation", "cutout"]
        why = f"at most {FEW:,} pictures, which the discriminator would learn by heart"
        choices.append(Choice("augmentation", names, why))
    return choices + scores(found)


def is_set(table: dict[str, Any], key: str) -> bool:
    """Whether a recipe's table says something of a key such as "data.flip"."""
    if key == "augmentation" and any(name.startswith(key) for name in table):
        return True
    *path, last = key.split(".")
    for part in path:
        table = table.get(part, {})
    return last in table


def lacks_network(table: dict[str, Any]) -> bool:
    """Whether a recipe's scores are of a network that needs a file, which it does not name. Not if a score chooses the best
    checkpoint: then the user has to decide."""
    evaluation = table.get("evaluation", {})
    unnamed = features.needs_file(evaluation.get("features", "auto")) and not evaluation.get("inception_file")
    return unnamed and evaluation.get("samples") != 0 and not evaluation.get("best_by")


def length(table: dict[str, Any], found: Survey) -> list[Choice]:
    """A longer run for many pictures. Runs that grow keep their stages."""
    if "stages" in table or not isinstance(table.get("steps"), int):
        return []
    shown = table["steps"] * table.get("batch_size", 64) * table.get("discriminator_steps", 1)
    factor = min(LONGEST, max(1.0, PASSES * found.size / shown))
    if factor == 1:
        return [
            Choice("steps", table["steps"], f"as in the recipe; each picture is shown {shown // found.size:,} times")
        ]
    return [
        Choice(
            "steps",
            round(factor * table["steps"]),
            f"{factor:.1f} times as many as in the recipe, for so many pictures",
        )
    ]


def scores(found: Survey) -> list[Choice]:
    """The network that scores are taken with, or none."""
    network = features.network_for((*found.shapes[0], found.channels), found.class_names)
    if not features.has_weights(network):
        why = f"no scores, since those of such pictures need EfficientNet-Lite: {features.INSTALL_EFFNET}"
        return [Choice("evaluation.samples", 0, why)]
    return [
        Choice("evaluation.features", network, "the network that scores are taken with"),
        Choice("evaluation.scores", ["distances"], "Fréchet and kernel distance; more by evaluation.scores"),
    ]


def put(table: dict[str, Any], key: str, value: Any) -> None:
    """Sets a key such as "data.fit" in nested tables."""
    *path, last = key.split(".")
    for part in path:
        table = table.setdefault(part, {})
    table[last] = value
