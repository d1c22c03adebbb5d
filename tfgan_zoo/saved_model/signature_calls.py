"""A generator to sample from, in this process, from an export or behind a server, by the same signatures: same seed, same
sample. Importing this loads no TensorFlow."""

import numpy as np

from tfgan_zoo.core.errors import ZooError

BATCH = 64


class SignatureInputs:
    """What a generator is asked by its signatures, wherever they are computed: inputs checked and completed.

    Attributes:
        points: it makes points in the plane and no images; conditional: it takes labels; made: its output's name.
        sample_shape: of one sample; noise_size: length of its latent; code_size: how many codes it takes.

    Args:
        inputs, outputs: {signature: {name: shape}}, with the batch as first of each shape.
        num_classes, codes: those of its `Prior`, to refuse labels and categories beyond them; not told by signatures,
            so 0 and None where they are not known.

    Raises:
        ZooError: these are not the signatures of an `ExportedGenerator`.
    """

    def __init__(self, inputs, outputs, num_classes=0, codes=None):
        for name in ("sample", "serving_default", "latents"):
            if name not in inputs:
                raise ZooError(
                    f"not an export of this library: it has no signature {name!r}, only {', '.join(sorted(inputs))}."
                )
        self.num_classes, self.codes = num_classes, codes
        self.points = "points" in outputs["sample"]
        self.made = "points" if self.points else "images"
        if self.made not in outputs["sample"]:
            raise ZooError(f"not an export of this library: 'sample' makes {', '.join(outputs['sample'])}, no images.")
        self.sample_shape = tuple(outputs["sample"][self.made][1:])
        self.conditional = "labels" in inputs["sample"]
        self.noise_size = inputs["serving_default"]["noise"][1]
        self.code_size = inputs["sample"]["codes"][1] if "codes" in inputs["sample"] else 0

    def draws(self, seeds, truncation=None):
        """Inputs of the signature `latents`; see `Sampling.latents`."""
        seeds = np.asarray(seeds)
        least, most = (int(seeds.min()), int(seeds.max())) if seeds.size else (0, 0)
        if least < -(2**63) or most >= 2**63:
            raise ZooError(f"seeds {least} to {most}: expected numbers of 64 bits, below {2**63}.")
        bound = np.full([len(seeds)], np.inf if truncation is None else truncation, np.float32)
        return {"seed": np.asarray(seeds, np.int64), "truncation": bound}

    def draws_with(self, seeds, truncation=None, labels=None, codes=None):
        """Inputs of the signatures `sample` and `png`; see `Sampling.sample`."""
        return {**self.draws(seeds, truncation), **self.conditions(len(seeds), labels, codes, by_seed=True)}

    def noise_with(self, noise, labels=None, codes=None):
        """Inputs of the signature `serving_default`; see `Sampling.from_latents`."""
        noise = np.asarray(noise, np.float32)
        return {"noise": noise, **self.conditions(len(noise), labels, codes, by_seed=False)}

    def conditions(self, rows, labels, codes, by_seed):
        """{"labels"?, "codes"?} of so many rows; `by_seed`: what is missing can be drawn."""
        conditions = {}
        if self.conditional:
            conditions["labels"] = self.checked_labels(rows, labels, by_seed)
        elif labels is not None:
            raise ZooError("labels were given, and this generator takes none.")
        if self.code_size:
            conditions["codes"] = self.checked_codes(rows, codes, by_seed)
        elif codes is not None:
            raise ZooError("codes were given, and this generator takes none.")
        return conditions

    def checked_labels(self, rows, labels, by_seed):
        if labels is None and not by_seed:
            raise ZooError("this generator takes labels; give one, such as --label=0.")
        labels = np.asarray(-1 if labels is None else labels)
        if labels.shape not in ((), (rows,)):
            raise ZooError(f"labels of shape {list(labels.shape)} for {rows} samples; give one, or one a sample.")
        beyond = (labels < (-1 if by_seed else 0)) | (labels >= (self.num_classes or 2**31))
        if beyond.any():
            classes = f"0 to {self.num_classes - 1}" if self.num_classes else "0 and up, in 32 bits"
            raise ZooError(f"label {labels[beyond].flat[0]} is no class of this generator, which has {classes}.")
        return np.broadcast_to(labels.astype(np.int32), [rows])

    def checked_codes(self, rows, codes, by_seed):
        if codes is None and by_seed:
            codes = np.full([self.code_size], np.nan)
        given = np.asarray([] if codes is None else codes, np.float32)
        meaning = f"; {meaning_of(self.codes)}" if self.codes else ""
        if given.shape not in ((self.code_size,), (rows, self.code_size)):
            came = f"came in shape {list(given.shape)}" if given.ndim != 1 else f"were {given.size}"
            raise ZooError(f"codes {came}, and this generator takes {self.code_size} a sample{meaning}.")
        if np.isnan(given).any() and not by_seed:
            raise ZooError(f"without a seed all {self.code_size} codes must be given, and one is NaN{meaning}.")
        for number, categories in enumerate(self.codes.categorical if self.codes else ()):
            chosen = given[..., number][~np.isnan(given[..., number])]
            wrong = chosen[~np.isin(chosen, np.arange(categories))]
            if wrong.size:
                raise ZooError(f"code {number} is {wrong[0]:g}{meaning}.")
        return np.broadcast_to(given, [rows, self.code_size])


class BaseSampler(SignatureInputs):
    """Samples by seed, once a subclass computes the signatures in `call`."""

    def call(self, signature, **inputs):
        """{name: array [N, ...]} of one signature for inputs [N, ...], however many."""
        raise NotImplementedError

    def sample(self, seeds, truncation=None, labels=None, codes=None):
        """uint8 images [N, H, W, C], or float32 points [N, 2].

        Args:
            seeds: whole numbers [N].
            truncation: bound of the latent, None for none.
            labels: whole numbers, one or [N], for a conditional generator; drawn by seed where left out or -1.
            codes: numbers [size] or [N, size], for a generator that takes codes; drawn by seed where left out or NaN.

        Raises:
            ZooError: labels or codes that the generator does not take.
        """
        return self.call("sample", **self.draws_with(seeds, truncation, labels, codes))[self.made]

    def latents(self, seeds, truncation=None):
        """The latents of `seeds`: float32 [N, Z]."""
        return self.call("latents", **self.draws(seeds, truncation))["noise"]

    def from_latents(self, noise, labels=None, codes=None):
        """float32 images [N, H, W, C] in [-1, 1], or points [N, 2], of latents [N, Z].

        labels, codes: as in `sample`, but there is no seed to draw them by.

        Raises:
            ZooError: labels or codes that the generator does not take, or that are missing.
        """
        return self.call("serving_default", **self.noise_with(noise, labels, codes))[self.made]


class Sampler(BaseSampler):
    """Samples by seed, in this process.

    Args:
        signatures: {"sample", "serving_default", "latents"} of an `ExportedGenerator` or a SavedModel.
        num_classes, codes: see `Asked`.
        owner: what must live as long, such as the module that holds the variables.
    """

    def __init__(self, signatures, num_classes=0, codes=None, owner=None):
        self.signatures, self.owner = signatures, owner
        inputs = {n: {k: s.shape for k, s in f.structured_input_signature[1].items()} for n, f in signatures.items()}
        outputs = {n: {k: s.shape for k, s in f.structured_outputs.items()} for n, f in signatures.items()}
        super().__init__(inputs, outputs, num_classes, codes)

    def call(self, signature, **inputs):
        """The outputs of one signature, as NumPy arrays, computed `BATCH` rows at a time."""
        import tensorflow as tf

        names, rows = list(inputs), len(next(iter(inputs.values())))
        parts = []
        for start in range(0, rows, BATCH):
            piece = {name: tf.constant(inputs[name][start : start + BATCH]) for name in names}
            parts.append(self.signatures[signature](**piece))
        return {key: np.concatenate([part[key].numpy() for part in parts]) for key in parts[0]}


def meaning_of(codes):
    """What each number of a `Codes` is, in words."""
    words = [f"code {i} is a category from 0 to {n - 1}" for i, n in enumerate(codes.categorical)]
    words += [f"code {i} is drawn from -1 to 1" for i in range(len(codes.categorical), codes.size)]
    return ", ".join(words)


def interpolate(first, second, steps):
    """Latents float32 [steps, Z] from `first` to `second` [Z] along the great circle that keeps the norm of a normal latent."""
    share = np.linspace(0, 1, steps)[:, None]
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    cosine = np.dot(first, second) / max(lengths[0] * lengths[1], 1e-12)
    angle = np.arccos(np.clip(cosine, -1, 1))
    if angle < 1e-4 or angle > np.pi - 1e-4:
        return ((1 - share) * first + share * second).astype(np.float32)
    weights = np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)
    return (weights[0] * first + weights[1] * second).astype(np.float32)
