"""A generator to sample from, in this process or from an export, by the same signatures: same seed, same image."""

import numpy as np
import tensorflow as tf

from tfgan_zoo.errors import ZooError

BATCH = 64


class Generator:
    """Samples by seed. `signatures`: {"sample", "serving_default", "latents"} of an `ExportedGenerator` or a SavedModel."""

    def __init__(self, signatures):
        if "sample" not in signatures:
            raise ZooError(
                f"not an export of this library: it has no signature 'sample', only {', '.join(signatures)}."
            )
        self.signatures = signatures
        self.conditional = "labels" in signatures["sample"].structured_input_signature[1]

    def call(self, signature, **inputs):
        """The outputs of one signature, as NumPy arrays, computed `BATCH` rows at a time."""
        names, rows = list(inputs), len(next(iter(inputs.values())))
        parts = []
        for start in range(0, rows, BATCH):
            piece = {name: tf.constant(inputs[name][start : start + BATCH]) for name in names}
            parts.append(self.signatures[signature](**piece))
        return {key: np.concatenate([part[key].numpy() for part in parts]) for key in parts[0]}

    def with_labels(self, rows, labels):
        if not self.conditional:
            if labels is not None:
                raise ZooError("labels were given, and this generator takes none.")
            return {}
        return {"labels": np.broadcast_to(np.asarray(-1 if labels is None else labels, np.int32), [rows])}

    def sample(self, seeds, truncation=None, labels=None):
        """uint8 images [N, H, W, C].

        Args:
            seeds: whole numbers [N].
            truncation: bound of the latent, None for none.
            labels: whole numbers, one or [N], for a conditional generator; drawn by seed where left out.
        """
        seeds = np.asarray(seeds, np.int64)
        bound = np.full([len(seeds)], np.inf if truncation is None else truncation, np.float32)
        return self.call("sample", seed=seeds, truncation=bound, **self.with_labels(len(seeds), labels))["images"]

    def latents(self, seeds, truncation=None):
        """The latents of `seeds`: float32 [N, Z]."""
        bound = np.full([len(seeds)], np.inf if truncation is None else truncation, np.float32)
        return self.call("latents", seed=np.asarray(seeds, np.int64), truncation=bound)["noise"]

    def from_latents(self, noise, labels=None):
        """float32 images [N, H, W, C] in [-1, 1] of latents [N, Z]."""
        if self.conditional and labels is None:
            raise ZooError("this generator takes labels; give one, such as --label=0.")
        noise = np.asarray(noise, np.float32)
        return self.call("serving_default", noise=noise, **self.with_labels(len(noise), labels))["images"]


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
