"""Samples of a generator by the signatures of its export, wherever they are computed: same seed, same sample.

`Sampler` computes them in this process; `serving.client.RemoteSampler` has a server compute them. What they share is here:
`SignatureInputs` checks and completes a call's arguments, `BaseSampler` makes samples of them. Importing this loads no
TensorFlow.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.generator_inputs import LATENT_BOUND, GeneratorInput, Truncation

if TYPE_CHECKING:
    from tfgan_zoo.core.priors import Codes

BATCH = 64

Arrays = dict[str, np.ndarray]
Specs = Mapping[str, tuple[Any, tuple[int | None, ...]]]  # {name: (NumPy type, shape)}


class SignatureInputs:
    """The arguments of a generator's signatures, checked and completed.

    Attributes:
        points: True if it makes points in the plane, not images; output_name: "points" or "images".
        sample_shape: of one sample.
        inputs: its `GeneratorInput`s; truncation: its `Truncation`.
        noise_size: how many numbers its latents are; code_size: how many codes it takes.
        conditional: True if it takes labels.
        num_classes, codes: as in the arguments.
        styles_shape: (L, W) of its styles, a row for each layer; None if it draws no images from styles.

    Args:
        inputs, outputs: {signature: {name: (NumPy type, shape)}}, with the batch first in each shape.
        num_classes, codes: those of its `Prior`, to refuse labels and categories beyond them. Signatures do not say them,
            so 0 and None where they are not known.
        known_inputs: those of its `Prior`; () to infer them from the signatures, where every float latent is interpolated.
        truncation: that of its `Prior`.

    Raises:
        ZooError: these are not the signatures of an `ExportedGenerator`, or not of the known inputs.
    """

    def __init__(
        self,
        inputs: Mapping[str, Specs],
        outputs: Mapping[str, Specs],
        num_classes: int = 0,
        codes: "Codes | None" = None,
        known_inputs: Sequence[GeneratorInput] = (),
        truncation: Truncation = LATENT_BOUND,
    ) -> None:
        for name in ("sample", "serving_default", "latents"):
            if name not in inputs:
                raise ZooError(
                    f"not an export of this library: it has no signature {name!r}, only {', '.join(sorted(inputs))}."
                )
        self.num_classes, self.codes, self.truncation = num_classes, codes, truncation
        self.styles_shape = tuple(inputs["synthesis"]["styles"][1][1:]) if "synthesis" in inputs else None
        self.points = "points" in outputs["sample"]
        self.output_name = "points" if self.points else "images"
        if self.output_name not in outputs["sample"]:
            raise ZooError(f"not an export of this library: 'sample' makes {', '.join(outputs['sample'])}, no images.")
        self.sample_shape = tuple(outputs["sample"][self.output_name][1][1:])
        inferred = inferred_inputs(inputs["serving_default"], inputs["sample"])
        self.inputs = tuple(known_inputs) or inferred
        if {(i.name, i.kind, i.shape) for i in inferred} != {
            (i.name, i.kind, i.shape) for i in self.inputs if i.kind != "internal"
        }:
            known, found = (", ".join(f"{i.name} {list(i.shape)}" for i in items) for items in (self.inputs, inferred))
            raise ZooError(f"its inputs are said to be {known}, and its signatures take {found}; export it again.")
        self.latent_items = [item for item in self.inputs if item.kind == "latent"]
        if not self.latent_items:
            raise ZooError("not an export of this library: 'serving_default' takes no latents.")
        self.condition_items = {item.name: item for item in self.inputs if item.kind == "condition"}
        self.conditional = "labels" in self.condition_items
        self.noise_size = sum(int(np.prod(item.shape)) for item in self.latent_items)
        self.code_size = self.condition_items["codes"].shape[0] if "codes" in self.condition_items else 0

    def seed_inputs(self, seeds: ArrayLike, truncation: float | None = None) -> Arrays:
        """Inputs of the signature `latents`; see `BaseSampler.latents`."""
        seeds = np.asarray(seeds)
        check_rows("seeds", seeds)
        least, most = int(seeds.min()), int(seeds.max())
        if least < -(2**63) or most >= 2**63:
            raise ZooError(f"seeds {least} to {most}: expected numbers of 64 bits, below {2**63}.")
        value = self.truncation.none if truncation is None else truncation
        if not value >= 0:  # NaN as well
            raise ZooError(f"truncation={value}: expected a number, 0 or more: {self.truncation}.")
        return {"seed": np.asarray(seeds, np.int64), "truncation": np.full([len(seeds)], value, np.float32)}

    def sample_inputs(
        self,
        seeds: ArrayLike,
        truncation: float | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **conditions: ArrayLike,
    ) -> Arrays:
        """Inputs of the signatures `sample` and `png`; see `BaseSampler.sample`."""
        inputs = self.seed_inputs(seeds, truncation)
        given = {"labels": labels, "codes": codes, **conditions}
        return {**inputs, **self.checked_conditions(len(inputs["seed"]), given, by_seed=True)}

    def serving_inputs(
        self,
        latents: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **inputs: ArrayLike,
    ) -> Arrays:
        """Inputs of the signature `serving_default`; see `BaseSampler.from_latents`."""
        names = [item.name for item in self.latent_items]
        if latents is not None:
            if len(names) != 1:
                raise ZooError(f"this generator has the latents {', '.join(names)}; give each by its name.")
            inputs[names[0]] = latents
        missing = [name for name in names if name not in inputs]
        if missing:
            raise ZooError(f"without a seed all latents must be given, and {', '.join(missing)} is missing.")
        arrays = {item.name: np.asarray(inputs.pop(item.name), item.dtype) for item in self.latent_items}
        check_rows(names[0], arrays[names[0]])
        rows = len(arrays[names[0]])
        for item in self.latent_items:
            if arrays[item.name].shape != (rows, *item.shape):
                raise ZooError(
                    f"{item.name} has shape {list(arrays[item.name].shape)}; expected {[rows, *item.shape]}."
                )
        return {**arrays, **self.checked_conditions(rows, {"labels": labels, "codes": codes, **inputs}, by_seed=False)}

    def synthesis_inputs(self, styles: ArrayLike) -> Arrays:
        """Inputs of the signature `synthesis`; see `BaseSampler.from_styles`."""
        shape, array = self.check_styles(), np.asarray(styles, np.float32)
        if array.ndim != 3 or array.shape[1:] != shape:
            raise ZooError(f"styles have shape {list(array.shape)}; expected [N, {shape[0]}, {shape[1]}].")
        check_rows("styles", array)
        return {"styles": array}

    def check_styles(self) -> tuple[int | None, ...]:
        """The shape of the styles. Raises `ZooError` if the generator has none."""
        if self.styles_shape is None:
            raise ZooError("this generator draws no images from styles; of this library's models stylegan2 does.")
        return self.styles_shape

    def checked_conditions(self, rows: int, values: Mapping[str, ArrayLike | None], by_seed: bool) -> Arrays:
        """{condition: array [rows, ...]}; by_seed: True if those that are missing can be drawn."""
        kinds = {item.name: item.kind for item in self.inputs}
        for name, value in values.items():
            if name in self.condition_items or value is None:
                continue
            if name in ("labels", "codes"):
                raise ZooError(f"{name} were given, and this generator takes none.")
            if kinds.get(name) == "internal":
                raise ZooError(f"{name} was given, and this generator draws it from the seed; leave it out.")
            if kinds.get(name) == "latent":
                raise ZooError(f"{name} was given with a seed, which draws it; give one of the two.")
            raise no_such("input of this generator", name, [n for n, kind in kinds.items() if kind != "internal"])
        checks: dict[str, Callable[..., np.ndarray]] = {"labels": self.checked_labels, "codes": self.checked_codes}
        arrays = {}
        for name, item in self.condition_items.items():
            value = values.get(name)
            check = checks.get(name)
            arrays[name] = check(rows, value, by_seed) if check else checked_condition(item, rows, value, by_seed)
        return arrays

    def checked_labels(self, rows: int, labels: ArrayLike | None, by_seed: bool) -> np.ndarray:
        """int32 [rows] of one label or of [rows]."""
        if labels is None and not by_seed:
            raise ZooError("this generator takes labels; give one, such as --label=0.")
        labels = np.asarray(-1 if labels is None else labels)
        if labels.shape not in ((), (rows,)):
            raise ZooError(f"labels of shape {list(labels.shape)} for {rows} samples; give one, or one per sample.")
        beyond = (labels < (-1 if by_seed else 0)) | (labels >= (self.num_classes or 2**31))
        if beyond.any():
            classes = f"0 to {self.num_classes - 1}" if self.num_classes else "0 and up, in 32 bits"
            raise ZooError(f"label {labels[beyond].flat[0]} is not a class of this generator, which has {classes}.")
        return np.broadcast_to(labels.astype(np.int32), [rows])

    def checked_codes(self, rows: int, codes: ArrayLike | None, by_seed: bool) -> np.ndarray:
        """float32 [rows, size] of codes [size] or [rows, size]."""
        if codes is None and by_seed:
            codes = np.full([self.code_size], np.nan)
        values = np.asarray([] if codes is None else codes, np.float32)
        meaning = f"; {meaning_of(self.codes)}" if self.codes else ""
        if values.shape not in ((self.code_size,), (rows, self.code_size)):
            count = f"shape {list(values.shape)}" if values.ndim != 1 else str(values.size)
            raise ZooError(f"codes: got {count}; expected {self.code_size} per sample{meaning}.")
        if np.isnan(values).any() and not by_seed:
            raise ZooError(f"without a seed all {self.code_size} codes must be given, and one is NaN{meaning}.")
        for number, categories in enumerate(self.codes.categorical if self.codes else ()):
            chosen = values[..., number][~np.isnan(values[..., number])]
            wrong = chosen[~np.isin(chosen, np.arange(categories))]
            if wrong.size:
                raise ZooError(f"code {number} is {wrong[0]:g}{meaning}.")
        return np.broadcast_to(values, [rows, self.code_size])


def check_rows(name: str, array: np.ndarray) -> None:
    """Raises `ZooError` for an array [N, ...] with an N of 0."""
    if array.ndim and not len(array):
        raise ZooError(f"{name}: got rows [0]; expected at least one.")


def inferred_inputs(serving_default: Specs, sample: Specs) -> tuple[GeneratorInput, ...]:
    """The `GeneratorInput`s, without internal ones, that the inputs of two signatures show."""
    inputs = []
    for name, (dtype, shape) in serving_default.items():
        sizes, kind = tuple(size or 0 for size in shape[1:]), np.dtype(dtype)
        integer = np.issubdtype(kind, np.integer)
        if name in sample:
            inputs.append(GeneratorInput(name, sizes, kind.name, open_value=-1 if integer else float("nan")))
        else:
            inputs.append(GeneratorInput(name, sizes, kind.name, interpolated=not integer))
    return tuple(inputs)


def checked_condition(item: GeneratorInput, rows: int, values: ArrayLike | None, by_seed: bool) -> np.ndarray:
    """[rows, *shape] of a condition's values, of shape `item.shape` or [rows, *item.shape]; drawn by seed where None."""
    if values is None:
        if not by_seed:
            raise ZooError(f"without a seed {item.name} must be given, of shape {list(item.shape)}.")
        values = np.full(item.shape, item.open_value)
    array = np.asarray(values, item.dtype)
    if array.shape not in (item.shape, (rows, *item.shape)):
        raise ZooError(
            f"{item.name} has shape {list(array.shape)}; expected {list(item.shape)} or {[rows, *item.shape]}."
        )
    if not by_seed and item.is_open(array).any():
        raise ZooError(f"without a seed {item.name} must be given, and {item.open_value} leaves it open.")
    return np.broadcast_to(array, [rows, *item.shape])


class BaseSampler(SignatureInputs):
    """Makes samples by seed or from latents, once a subclass computes the signatures in `call`."""

    def call(self, signature: str, **inputs: np.ndarray) -> Arrays:
        """{name: array [N, ...]} of one signature for inputs [N, ...], N of at least 1."""
        raise NotImplementedError

    def sample(
        self,
        seeds: ArrayLike,
        truncation: float | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **conditions: ArrayLike,
    ) -> np.ndarray:
        """Samples by seed.

        Args:
            seeds: whole numbers [N].
            truncation: see `self.truncation`, such as the bound of |z|; None for none.
            labels: whole numbers, one or [N], for a conditional generator; drawn by seed where left out or -1.
            codes: numbers [size] or [N, size], for a generator that takes codes; drawn by seed where left out or NaN.
            conditions: further conditions of the generator's prior by name, [...] or [N, ...]; drawn by seed where left out
                or open.

        Returns:
            uint8 images [N, H, W, C], or float32 points [N, 2].

        Raises:
            ZooError: the generator does not take such a condition, or not such a value.
        """
        return self.call("sample", **self.sample_inputs(seeds, truncation, labels, codes, **conditions))[
            self.output_name
        ]

    def latent_inputs(self, seeds: ArrayLike, truncation: float | None = None) -> Arrays:
        """All latents of `seeds` by name: {"noise": float32 [N, Z], ...}."""
        return self.call("latents", **self.seed_inputs(seeds, truncation))

    def latents(self, seeds: ArrayLike, truncation: float | None = None) -> np.ndarray:
        """The latents of `seeds`, float32 [N, Z], of a generator with one latent input.

        Raises:
            ZooError: it has several; use `latent_inputs`.
        """
        return only_latent(self.latent_inputs(seeds, truncation))

    def from_latents(
        self,
        latents: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **inputs: ArrayLike,
    ) -> np.ndarray:
        """Samples from latents.

        Args:
            latents: [N, Z], of a generator with one latent input.
            labels, codes: as in `sample`, but there is no seed to draw them by.
            inputs: latents of a generator with several, [N, ...] each, and further conditions, by name.

        Returns:
            float32 images [N, H, W, C] in [-1, 1], or points [N, 2].

        Raises:
            ZooError: inputs that the generator does not take, or that are missing.
        """
        return self.call("serving_default", **self.serving_inputs(latents, labels, codes, **inputs))[self.output_name]

    def styles(
        self,
        seeds: ArrayLike,
        truncation: float | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **conditions: ArrayLike,
    ) -> np.ndarray:
        """The styles of `seeds`, float32 [N, L, W], for `from_styles`.

        Args:
            seeds, truncation, labels, codes, conditions: as in `sample`.

        Raises:
            ZooError: the generator draws no images from styles; or as `sample`.
        """
        self.check_styles()
        return self.call("mapping", **self.sample_inputs(seeds, truncation, labels, codes, **conditions))["styles"]

    def from_styles(self, styles: ArrayLike) -> np.ndarray:
        """Images of styles, of which each row goes to one layer, so rows of several seeds may be mixed.

        Args:
            styles: [N, L, W].

        Returns:
            float32 images [N, H, W, C], around [-1, 1].

        Raises:
            ZooError: the generator draws no images from styles, or from others.
        """
        return self.call("synthesis", **self.synthesis_inputs(styles))["images"]


class Sampler(BaseSampler):
    """Makes samples in this process, by the signatures of a loaded SavedModel or of an `ExportedGenerator`.

    Args:
        signatures: {"sample", "serving_default", "latents"}: concrete functions.
        num_classes, codes, inputs, truncation: see `SignatureInputs`.
        owner: an object to keep alive, such as the module that holds the variables.
    """

    def __init__(
        self,
        signatures: Mapping[str, Any],
        num_classes: int = 0,
        codes: "Codes | None" = None,
        owner: Any = None,
        inputs: Sequence[GeneratorInput] = (),
        truncation: Truncation = LATENT_BOUND,
    ) -> None:
        self.signatures, self.owner = signatures, owner
        takes = {name: specs_of(f.structured_input_signature[1]) for name, f in signatures.items()}
        gives = {name: specs_of(f.structured_outputs) for name, f in signatures.items()}
        super().__init__(takes, gives, num_classes, codes, inputs, truncation)

    def call(self, signature: str, **inputs: np.ndarray) -> Arrays:
        """The outputs of one signature, computed `BATCH` rows at a time."""
        import tensorflow as tf

        names, rows = list(inputs), len(next(iter(inputs.values())))
        parts = []
        for start in range(0, rows, BATCH):
            piece = {name: tf.constant(inputs[name][start : start + BATCH]) for name in names}
            parts.append(self.signatures[signature](**piece))
        return {key: np.concatenate([part[key].numpy() for part in parts]) for key in parts[0]}


def specs_of(tensors: Mapping[str, Any]) -> dict[str, tuple[Any, tuple[int | None, ...]]]:
    """{name: (NumPy type, shape)} of {name: tensor or `tf.TensorSpec`}."""
    return {n: (t.dtype.as_numpy_dtype, () if t.shape.rank is None else tuple(t.shape)) for n, t in tensors.items()}


def only_latent(latents: Arrays) -> np.ndarray:
    """The one array of {name: array}. Raises `ZooError` where there are several."""
    if len(latents) != 1:
        raise ZooError(f"this generator has the latents {', '.join(latents)}; take them by latent_inputs.")
    return next(iter(latents.values()))


def meaning_of(codes: "Codes") -> str:
    """What each number of a `Codes` is, in words."""
    words = [f"code {i} is a category from 0 to {n - 1}" for i, n in enumerate(codes.categorical)]
    words += [f"code {i} is drawn from -1 to 1" for i in range(len(codes.categorical), codes.size)]
    return ", ".join(words)


def interpolate(first: ArrayLike, second: ArrayLike, steps: int) -> np.ndarray:
    """Latents from one to another along the great circle, which keeps the norm of a normal latent.

    Args:
        first, second: [Z], or of any shape, taken as one vector.
        steps: how many, both ends included.

    Returns:
        float32 [steps, Z].

    Examples:
        >>> interpolate([1.0, 0.0], [0.0, 1.0], 3).round(3).tolist()
        [[1.0, 0.0], [0.7070000171661377, 0.7070000171661377], [0.0, 1.0]]
    """
    a, b = np.ravel(first), np.ravel(second)
    share = np.linspace(0, 1, steps)[:, None]
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    cosine = np.dot(a, b) / max(lengths[0] * lengths[1], 1e-12)
    angle = np.arccos(np.clip(cosine, -1, 1))
    if angle < 1e-4 or angle > np.pi - 1e-4:
        weights = 1 - share, share
    else:
        weights = np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)
    return (weights[0] * a + weights[1] * b).astype(np.float32).reshape(steps, *np.shape(first))
