"""The models that the page offers: what their cards say, and their samplers, loaded when they are first drawn from."""

import dataclasses
import json
import re
import threading
from pathlib import Path

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.generator_inputs import LATENT_BOUND, Truncation
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.data.resizing import FITS
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.version_folder import Card, codes_of, load_version, newest, truncation_of, versions

MAX_LOADED = 4  # samplers in memory: as many as a user goes back and forth between; large ones would fill it
NO_CARD = "There is no model card to describe this model."


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What a model's card says. Not verified until its generator is loaded.

    name, version: of its folder; summary: a paragraph that names the paper; facts: short clauses; classes: their names, () if
    it takes no labels; codes: a `Codes` or None; points: True if it makes points in the plane, not images; truncation: what
    it means, None to offer none; fit, background: how its training images got their size; features: the network that it is scored with;
    layers: how many take a style, 0 if there are no styles.
    """

    name: str
    version: str
    summary: str = NO_CARD
    facts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    codes: Codes | None = None
    points: bool = False
    truncation: Truncation | None = LATENT_BOUND
    fit: str = "pad"
    features: str = "mnist_cnn"
    background: int = 0
    layers: int = 0


class ModelLibrary:
    """The models of a folder of exports, each at its newest version at the time of construction. Thread-safe.

    Attributes:
        infos: {name: `ModelInfo`}, ordered by name; max_codes: the size of the largest `Codes` among them.

    Args:
        zoo: a folder, <name>/<version>/.
        unsafe: load what `trust.check` would refuse.

    Raises:
        ZooError: there is no export in it.
    """

    def __init__(self, zoo: str | Path, unsafe: bool = False) -> None:
        zoo = Path(zoo)
        if not zoo.is_dir():
            raise ZooError(f"{zoo} is not a folder; give a folder of exports, such as --zoo=export.")
        self.folders = {path.name: newest(path) for path in sorted(zoo.iterdir()) if versions(path)}
        if not self.folders:
            hint = f"; it is one model: give --zoo={zoo.absolute().parent}" if (zoo / "saved_model.pb").exists() else ""
            raise ZooError(f"{zoo} holds no exports such as sngan_mnist/1/{hint}.")
        self.unsafe, self.lock = unsafe, threading.Lock()
        self.loaded: dict[str, Sampler] = {}  # the least recently used first
        self.infos = {name: read_info(name, folder) for name, folder in self.folders.items()}
        self.max_codes = max(info.codes.size if info.codes else 0 for info in self.infos.values())

    def info(self, name: str) -> ModelInfo:
        """What the card of a model says. Raises `ZooError` if there is no such model."""
        if name not in self.infos:
            raise no_such("model", name, self.infos)
        return self.infos[name]

    def sampler(self, name: str) -> Sampler:
        """The sampler of a model, verified when it is loaded; the `MAX_LOADED` most recently used stay loaded.

        Raises:
            ZooError: no such model, or one that `trust.check` refuses.
        """
        self.info(name)
        with self.lock:
            sampler = self.loaded.pop(name, None) or load_version(self.folders[name], self.unsafe)
            self.loaded[name] = sampler
            if len(self.loaded) > MAX_LOADED:
                del self.loaded[next(iter(self.loaded))]
            return sampler


def read_info(name: str, folder: Path) -> ModelInfo:
    """What the card of a version folder says; name and version alone if it is missing or not one of ours."""
    try:
        card = json.loads((folder / "model_card.json").read_text())
        dataset = card.get("dataset", {})
        count, names = card["num_classes"], dataset.get("class_names", [])
        size = " x ".join(str(side) for side in dataset.get("image_shape", []))
        scores = [f"{score['name']} {score['value']:.3g}" for score in card["scores"]]
        return ModelInfo(
            name,
            folder.name,
            str(card["summary"]),
            tuple(filter(None, [f"step {card['step']:,}" if "step" in card else "", size, *scores])),
            tuple(str(n) for n in (names if len(names) == count else range(count))),
            codes_of(card),
            "points" in card,
            truncation_of(card),
            *recipe_of(card),
            layers_of(card),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # the JSON may hold anything
        return ModelInfo(name, folder.name)


def recipe_of(card: Card) -> tuple[str, str, int]:
    """(fit, features, background) of the recipe in a card, or what a recipe has that leaves them out."""
    a_recipe = card.get("recipe", {})
    data, features = a_recipe.get("data", {}), str(a_recipe.get("evaluation", {}).get("features", "mnist_cnn"))
    fit, background = data.get("fit", "pad"), data.get("background", 0)
    return (fit if fit in FITS else "pad"), features, (background if background in range(256) else 0)


def layers_of(card: Card) -> int:
    """How many layers take a style, by the card's signature `synthesis`; 0 without one."""
    signatures = card.get("signatures", {})
    shape = signatures["synthesis"]["inputs"]["styles"] if "synthesis" in signatures else ""
    found = re.search(r"\[batch, (\d+), \d+\]", shape)
    return int(found[1]) if found else 0


def common_classes(*infos: ModelInfo) -> tuple[str, ...]:
    """Names of the classes that all models with labels have, by their numbers; different names are joined by " / "."""
    class_names = [info.classes for info in infos if info.classes]
    return tuple(" / ".join(dict.fromkeys(names)) for names in zip(*class_names, strict=False))


def common_truncation(*infos: ModelInfo) -> Truncation | None:
    """A truncation that all models take; None if one takes none, or if "none" is another number for each."""
    truncations = [info.truncation for info in infos if info.truncation]
    if len(truncations) < len(infos) or len({truncation.none for truncation in truncations}) > 1:
        return None
    if len(set(truncations)) == 1:
        return truncations[0]
    meaning = " / ".join(dict.fromkeys(truncation.meaning for truncation in truncations))
    lowest, highest = min(t.lowest for t in truncations), max(t.highest for t in truncations)
    return dataclasses.replace(truncations[0], meaning=meaning, note="", lowest=lowest, highest=highest)
