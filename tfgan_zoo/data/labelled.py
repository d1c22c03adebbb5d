"""Which examples keep their labels in semi-supervised training: so many of each class, drawn by a seed of its own."""

import numpy as np

from tfgan_zoo.core.errors import ZooError


def labelled_examples(labels, class_names, per_class, seed):
    """The numbers of the examples whose labels may be used, sorted int64 [per_class * classes].

    Every example draws 64 random bits, and the smallest of each class are taken: with one seed, more labels are the
    fewer ones and some besides. The bits are those of a bit generator, which NumPy promises never to change.

    Args:
        labels: int32 [N] in 0..classes - 1, or None.
        class_names: one for each class.
        per_class: labelled examples of each class, at least 1.
        seed: whole number from 0.

    Raises:
        ZooError: there are no labels; a class has fewer examples.
    """
    if labels is None:
        raise ZooError(
            f"data.labels_per_class={per_class} came, and the source has no labels; "
            "leave it out, or give a source with labels."
        )
    bits = np.random.Philox(seed).random_raw(len(labels))
    chosen = []
    for label, name in enumerate(class_names):
        members = np.flatnonzero(labels == label)
        if len(members) < per_class:
            raise ZooError(
                f"data.labels_per_class={per_class} came, and the class {name!r} has only {len(members)} examples; "
                "ask for as many at most."
            )
        chosen.append(members[np.argsort(bits[members], kind="stable")[:per_class]])
    return np.sort(np.concatenate(chosen)).astype(np.int64)
