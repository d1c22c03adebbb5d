"""What checks of a data set find, and equal images among those that they have read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CHUNK = 64  # images decoded at a time


@dataclass(frozen=True)
class Finding:
    """`kind` is a word of the docstring of verify.py or pyramid_checks.py, `where` a file or an image, as text, `detail` the description."""

    kind: str
    where: str
    detail: str


@dataclass(frozen=True)
class InspectedImage:
    """The facts about an image: `pixels` is a hash of them, `label` its class or None, `level` the largest one of 16-bit gray."""

    where: str
    label: str | None
    reason: str | None = None
    pixels: bytes = b""
    shape: tuple[int, ...] = ()
    frames: int = 1
    level: int | None = None
    levels: tuple[int, int] = (255, 0)


def hash_of(pixels: np.ndarray) -> bytes:
    return hashlib.sha256(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()).digest()


def duplicates(images: Sequence[InspectedImage]) -> list[Finding]:
    first: dict[bytes, InspectedImage] = {}
    problems = []
    for image in images:
        earlier = first.setdefault(image.pixels, image)
        if earlier is not image:
            classes = "" if earlier.label == image.label else f", but has class {image.label}, not {earlier.label}"
            problems.append(Finding("duplicate", image.where, f"the pixels of {earlier.where}{classes}"))
    return problems
