"""The input of a pyramid: the images of any data source, each decoded once, when its turn comes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.file_trees import file_tree
from tfgan_zoo.data.folder import find_files, listed_labels, nothing_held_out, read_image
from tfgan_zoo.data.images_on_disk import key_of
from tfgan_zoo.data.resizing import target_size, to_shape
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.data.splits import of_split

PATH_KINDS = ("folder", "arrays", "pyramid")  # kinds whose argument is a path


@dataclass(frozen=True)
class Entries:
    """The images of a source by index, with the size and channels that its settings ask for.

    Attributes:
        source: the source as written in the recipe, with an absolute path.
        state: a string that changes when the images do.
        names: what to call each image in a message.
        labels: one per image, -1 for none.
        class_names: one per class.
        read: index -> (uint8 [H, W, C], None), or (None, reason) for a bad file. Raises `ZooError` for an image that
            `fit` refuses.
    """

    source: str
    state: str
    names: list[str]
    labels: list[int]
    class_names: tuple[str, ...]
    read: Callable[[int], tuple[np.ndarray | None, str | None]]


def entries_of(settings: DataSettings) -> Entries:
    """The `Entries` of a source. A folder's files are not opened yet.

    Raises:
        ZooError: as `load_source`; or the source holds points.
    """
    kind, _, argument = settings.source.partition(":")
    if kind == "folder" and argument:
        return _of_folder(Path(argument).expanduser().resolve(), settings)
    source = load_source(settings)
    if source.points:
        raise ZooError(f"{settings.source} holds points, which have no resolution; give a source of images.")
    labels = np.full(source.size, -1) if source.labels is None else source.labels
    return Entries(
        f"{kind}:{Path(argument).expanduser().resolve()}" if kind in PATH_KINDS else settings.source,
        source.fingerprint(),
        [f"image {index} of {settings.source}" for index in range(source.size)],
        labels.tolist(),
        source.class_names,
        lambda index: (source.images[index], None),
    )


def _of_folder(root, settings):
    tree = file_tree(root)
    files, labels, class_names = find_files(tree, settings.bad_files)
    kept = of_split(settings.split, files, labels, "a folder")
    files, labels = [files[i] for i in kept], [labels[i] for i in kept]
    if not files:
        raise nothing_held_out(root, settings.split)
    Image.init()  # registers every file type once, before the threads do
    height, width = target_size(settings)

    def read(index):
        image, reason = read_image(tree, files[index], settings.white_level)
        if reason:
            return None, reason
        try:
            return to_shape(image, height, width, settings.channels, settings.fit, settings.background), None
        except ZooError as error:
            raise ZooError(f"{root / files[index]} {error}") from None

    decoding = [settings.white_level] if settings.white_level else []
    decoding += [f"on {settings.background}"] if settings.background else []
    decoding += listed_labels(tree, labels, class_names)
    state = key_of("folder", [files, [tree.state(file) for file in files], *decoding])
    return Entries(f"folder:{root}", state, files, labels, class_names, read)
