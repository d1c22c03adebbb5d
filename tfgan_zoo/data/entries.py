"""What a pyramid is made from: any data source, image by image, each decoded once and only when its turn comes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.folder import file_state, find_files, read_image
from tfgan_zoo.data.images_on_disk import key_of
from tfgan_zoo.data.resizing import to_shape, wanted_size
from tfgan_zoo.data.sources import load_source

PLACES = ("folder", "arrays", "pyramid")  # kinds whose argument is a path


@dataclass(frozen=True)
class Entries:
    """The images of a source, by number, at the size and with the channels that its settings say.

    Attributes:
        source: the source as the recipe writes it, with a full path.
        state: what changes when the images do.
        names: what to call each image in a message.
        labels: one for each, -1 for none; class_names: one for each class.
        read: number -> (uint8 [H, W, C], None), or (None, why the file is bad). ZooError where it is refused.
    """

    source: str
    state: str
    names: list
    labels: list
    class_names: tuple
    read: Callable


def entries_of(settings):
    """The `Entries` of the recipe's data settings; a folder's files aren't opened.

    Raises:
        ZooError: as `load_source`; points.
    """
    kind, _, argument = settings.source.partition(":")
    if kind == "folder" and argument:
        return _of_folder(Path(argument).expanduser().resolve(), settings)
    source = load_source(settings)
    if source.points:
        raise ZooError(f"{settings.source} holds points, which have no resolutions; give a source of images.")
    labels = np.full(source.size, -1) if source.labels is None else source.labels
    return Entries(
        f"{kind}:{Path(argument).expanduser().resolve()}" if kind in PLACES else settings.source,
        source.fingerprint(),
        [f"image {number} of {settings.source}" for number in range(source.size)],
        labels.tolist(),
        source.class_names,
        lambda number: (source.images[number], None),
    )


def _of_folder(root, settings):
    files, labels, class_names = find_files(root)
    Image.init()  # every file type, before threads would do it
    height, width = wanted_size(settings)

    def read(number):
        image, reason = read_image(root / files[number])
        if reason:
            return None, reason
        try:
            return to_shape(image, height, width, settings.channels, settings.fit), None
        except ZooError as error:
            raise ZooError(f"{root / files[number]} {error}") from None

    state = key_of("folder", [files, [file_state(root / file) for file in files]])
    return Entries(f"folder:{root}", state, files, labels, class_names, read)
