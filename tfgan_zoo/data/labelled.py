"""The examples that keep their labels in semi-supervised training: a number of each class, drawn by a seed of its own."""

from collections.abc import Sequence

import numpy as np

from tfgan_zoo.core.errors import ZooError


def labelled_examples(labels: np.ndarray | None, class_names: Sequence[str], per_class: int, seed: int) -> np.ndarray:
    """The indices of the examples whose labels may be used, sorted int64 [per_class * classes].

    Every example draws 64 random bits, and those with the smallest values of each class are taken. So for one seed, a larger
    selection contains every smaller one. The bits come from a bit generator, whose stream NumPy promises never to change.
    Args:
        labels: int32 [N] in 0..classes - 1, or None.
        class_names: one per class.
        per_class: labelled examples of each class, at least 1.
        seed: integer >= 0.

    Raises:
        ZooError: there are no labels, or a class has fewer examples.
    """
    if labels is None:
        raise ZooError(
            f"data.labels_per_class={per_class}: the source has no labels; leave it out, or give a source with labels."
        )
    bits = np.random.Philox(seed).random_raw(len(labels))
    chosen = []
    for label, name in enumerate(class_names):
        members = np.flatnonzero(labels == label)
        if len(members) < per_class:
            raise ZooError(
                f"data.labels_per_class={per_class}: the class {name!r} has only {len(members)} examples; "
                f"use {len(members)} at most."
            )
        chosen.append(members[np.argsort(bits[members], kind="stable")[:per_class]])
    return np.sort(np.concatenate(chosen)).astype(np.int64)
