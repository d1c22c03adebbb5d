"""The models that the page offers: what their cards say, and their generators, loaded when they are first drawn from."""

import dataclasses
import json
import threading
from pathlib import Path

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.saved_model.version_folder import codes_of, load_version, newest, versions

KEPT = 4  # loaded generators: as many as a user goes back and forth between, and large ones fill the memory
NO_CARD = "No model card tells what this is."


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What a model's card says, which nobody has verified before its generator is loaded.

    name, version: of its folder; summary: a paragraph that names the paper; facts: short clauses; classes: their names,
    () where it takes no labels; codes: a `Codes` or None; points: whether it makes points in the plane and no images.
    """

    name: str
    version: str
    summary: str = NO_CARD
    facts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    codes: Codes | None = None
    points: bool = False


class ModelLibrary:
    """The models of a folder of exports, each at its newest version of now. Many threads may ask at once.

    Attributes:
        abouts: {name: `About`}, in order of the names; most_codes: the size of the largest `Codes` among them.

    Args:
        zoo: a folder, <name>/<version>/.
        unsafe: loads what `trust.check` would refuse.

    Raises:
        ZooError: there is no export in it.
    """

    def __init__(self, zoo, unsafe=False):
        zoo = Path(zoo)
        if not zoo.is_dir():
            raise ZooError(f"{zoo} is no folder; give a folder of exports, such as --zoo=export.")
        self.folders = {path.name: newest(path) for path in sorted(zoo.iterdir()) if versions(path)}
        if not self.folders:
            example = (
                f"; it is one model: give --zoo={zoo.absolute().parent}" if (zoo / "saved_model.pb").exists() else ""
            )
            raise ZooError(f"{zoo} holds no exports such as sngan_mnist/1/{example}.")
        self.unsafe, self.loaded, self.lock = unsafe, {}, threading.Lock()
        self.abouts = {name: about(name, folder) for name, folder in self.folders.items()}
        self.most_codes = max(a.codes.size if a.codes else 0 for a in self.abouts.values())

    def about(self, name):
        """The `About` of a model. Raises `ZooError` where there is no such model."""
        if name not in self.abouts:
            raise no_such("model", name, self.abouts)
        return self.abouts[name]

    def generator(self, name):
        """The `Generator` of a model, verified when it is loaded; the last `KEPT` stay loaded.

        Raises:
            ZooError: no such model, or one that `trust.check` refuses.
        """
        self.about(name)
        with self.lock:
            generator = self.loaded.pop(name, None) or load_version(self.folders[name], self.unsafe)
            self.loaded[name] = generator  # at the end, because it was asked for last
            if len(self.loaded) > KEPT:
                del self.loaded[next(iter(self.loaded))]
            return generator


def about(name, folder):
    """The `About` of a version folder; the least, where its card is missing or is not one of ours."""
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
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # whatever else the JSON may hold
        return ModelInfo(name, folder.name)


def common_classes(*abouts):
    """Names of the classes that all of the models with labels have, by their numbers; " / " parts different names."""
    named = [about.classes for about in abouts if about.classes]
    return tuple(" / ".join(dict.fromkeys(names)) for names in zip(*named, strict=False))
