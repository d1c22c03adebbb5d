"""Looks into one generator: finds the latents of pictures, adds latents, shows mean images, and makes the figures.

The command line `project` and the playground both use it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.latents import latent_arithmetic, search_report
from tfgan_zoo.latents.conditions import class_number, conditions
from tfgan_zoo.latents.latent_files import read_latent
from tfgan_zoo.latents.latent_search import Found, Settings, Watch, all_of, search
from tfgan_zoo.latents.latent_space import DRAWS, LatentSpace
from tfgan_zoo.metrics.features import FeatureNetwork
from tfgan_zoo.pictures.captions import Cell
from tfgan_zoo.saved_model.signature_calls import Arrays, Sampler

FIRST_SEED = 2**32  # of the random latents, far from those that a user samples and then looks for


class Investigation:
    """One generator, its latents, and what has been found in it.

    Attributes:
        space: its `LatentSpace`.
        kept: {name: inputs} of latents that `add` knows by a name.

    Args:
        generator: a `Sampler` of images.
        class_names: of its classes, () if they have none.
        seed: of the random latents and the noise.
        count: how many random latents to start from the best of.
        kept: latents that are known already.

    Raises:
        ZooError: the generator makes points, or its latents cannot be optimised.
    """

    def __init__(
        self,
        generator: Sampler,
        class_names: Sequence[str] = (),
        seed: int = 0,
        count: int = DRAWS,
        kept: dict[str, Arrays] | None = None,
    ) -> None:
        self.generator, self.class_names = generator, tuple(class_names)
        self.space = LatentSpace(generator, FIRST_SEED + seed * count, count)
        self.kept: dict[str, Arrays] = {} if kept is None else kept

    def find(
        self,
        picture: np.ndarray,
        label: str | int | None = None,
        codes: Sequence[float] | None = None,
        settings: Settings | None = None,
        network: FeatureNetwork | None = None,
        watch: Watch = all_of,
    ) -> tuple[Found, list[str], list[Cell]]:
        """(a picture's latent, what to say of it, its strip as cells of `pictures.captions`).

        Args:
            picture: uint8 [H, W, C], in the generator's shape.
            label: a class by name or number; None to try all.
            codes: one number each, NaN for one to be found; None for all of them.
            settings, watch: see `search`.
            network: for the distance of features; None for none.

        Raises:
            ZooError: there is no such class or code, or the generator gives no gradient.
        """
        number = class_number(self.generator, label, self.class_names)
        choices = conditions(self.generator, number, codes, self.class_names)
        found = search(self.space, picture, choices, settings or Settings(), watch)
        features = search_report.feature_distances(network, self.space, found) if network else None
        return found, search_report.summary(found, features, len(choices)), search_report.strip_of(found, features)

    def terms(self, text: str) -> list[latent_arithmetic.Term]:
        """The terms of a sum in words: kept latents, files, seeds and the mean."""
        return latent_arithmetic.terms_of(text, self.space, self.latent)

    def names(self, text: str) -> list[str]:
        """The names in a sum in words."""
        return [name for _, name in latent_arithmetic.parsed(text)]

    def latent(self, name: str) -> Arrays:
        """A kept latent, or else that of an .npz file."""
        if name in self.kept:
            return self.kept[name]
        if not name.endswith(".npz"):
            known = ", ".join([*self.kept, "seed:3", "mean", "a.npz"])
            raise ZooError(f"no latent {name!r}; expected one such as {known}.")
        return read_latent(Path(name).expanduser(), self.generator)

    def add(
        self, text: str, label: str | int | None = None, codes: ArrayLike | None = None
    ) -> tuple[Arrays, np.ndarray, np.ndarray]:
        """(the inputs of a sum in words, its image uint8 [H, W, C], a figure of the terms and the sum).

        label, codes: for all images, in place of those of the terms.
        """
        terms = self.terms(text)
        number = class_number(self.generator, label, self.class_names)
        total = latent_arithmetic.combined(self.space, terms, number, codes)
        shared = {name: total[name] for name in self.generator.condition_items}
        given = {"labels": number, "codes": codes}
        fixed = {name: values for name, values in shared.items() if given.get(name) is not None}
        images = [self.image({**shared, **term.inputs, **fixed}) for term in terms]
        image = self.image(total)
        names = [f"{'' if term.weight == 1 else f'{term.weight:g} x '}{Path(term.name).name}" for term in terms]
        if len(terms) == 1 and terms[0].weight == 1:
            return total, image, search_report.sum_figure([image], names)
        return total, image, search_report.sum_figure([*images, image], [*names, "sum"])

    def image(self, inputs: Arrays) -> np.ndarray:
        """uint8 [H, W, C] of `serving_default`'s inputs [1, ...]."""
        return latent_arithmetic.image_of(self.generator, inputs)[0]

    def way(
        self, first: str, last: str, steps: int, label: str | int | None = None, codes: ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(images uint8 [steps, H, W, C] between two sums in words, their figure)."""
        number = class_number(self.generator, label, self.class_names)
        ends = [latent_arithmetic.combined(self.space, self.terms(text), number, codes) for text in (first, last)]
        images = latent_arithmetic.image_of(self.generator, latent_arithmetic.way(self.space, ends[0], ends[1], steps))
        return images, search_report.way_figure(images, (first, last))

    def means(
        self, label: str | int | None = None, codes: Sequence[float] | None = None, count: int = 64
    ) -> np.ndarray:
        """A figure of the mean images of each class, or of one."""
        number = class_number(self.generator, label, self.class_names)
        classes = conditions(self.generator, number, codes, self.class_names)
        return search_report.means_figure(latent_arithmetic.mean_images(self.space, classes, count))
