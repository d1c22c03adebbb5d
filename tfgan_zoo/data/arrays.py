"""arrays:FILE.npz: images that NumPy saved, as `np.savez(FILE, images=..., labels=...)` does.

    images (or x, or x_train)   [N, H, W] or [N, H, W, C], C = 1, 3 or 4; uint8, or floats in [0, 1] or [-1, 1]
    labels (or y, or y_train)   optional; integers [N] or [N, 1] in 0..K-1
    class_names                 optional; K strings. Without them, each of the K classes must have an image

Floats that never go below 0 are taken to lie in [0, 1]. Other keys, such as Keras' x_test, are ignored.
The split "test" is a tenth of the images, by a hash of their numbers; "train" is the rest.
A compressed file can't be memory-mapped, so these arrays are held in memory whatever `memory_limit_mb` is.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.resizing import all_to_shape, target_size
from tfgan_zoo.data.splits import of_split

IMAGE_KEYS = ("images", "x", "x_train")
LABEL_KEYS = ("labels", "y", "y_train")
SLACK = 1e-3  # how far rounding may push floats out of their range
CHUNK = 1024  # float images converted at a time


def load(argument: str, settings: DataSettings) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """(uint8 images [N, H, W, C], int32 labels [N] or None, class names).

    Raises:
        ZooError: there is no such file, it is damaged, or its contents are not as the module's docstring says.
    """
    if not argument:
        raise ZooError("the data source 'arrays' needs a file: arrays:FILE.npz.")
    path = Path(argument).expanduser()
    stored = _read(path)
    if stored["images"] is None:
        raise ZooError(f"{path} has no images: its keys are {stored['keys']}; expected one of {', '.join(IMAGE_KEYS)}.")
    images = _checked_images(stored["images"], path)
    try:
        images = all_to_shape(images, *target_size(settings), settings.channels, settings.fit, settings.background)
    except ZooError as error:
        raise ZooError(f"an image of {path} {error}") from None
    labels, class_names = _checked_labels(stored["labels"], stored["class_names"], len(images), path)
    if settings.split == "all":
        return images, labels, class_names
    numbers = [str(index) for index in range(len(images))]
    kept = of_split(settings.split, numbers, [-1] * len(images) if labels is None else labels.tolist(), "arrays")
    if not kept:
        raise ZooError(
            f"the split {settings.split!r} of {path} is empty, since it has so few images; use data.split=all."
        )
    return images[kept], None if labels is None else labels[kept], class_names


def _read(path):
    """The arrays under "images", "labels" and "class_names" (None if absent), and all the file's names under "keys"."""
    if not path.is_file():
        raise ZooError(f"there is no file {path}; arrays:FILE.npz needs one written by np.savez.")
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ZooError(f"{path} is a single array (.npy); save it with np.savez(FILE, images=...).")
        with file:
            return {
                "keys": ", ".join(file.files) or "nothing",
                "images": _first(file, IMAGE_KEYS),
                "labels": _first(file, LABEL_KEYS),
                "class_names": _first(file, ("class_names",)),
            }
    except ZooError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ZooError(f"{path} can't be read as .npz ({error}); write it with np.savez(FILE, images=...).") from None


def _first(file, keys):
    return next((file[key] for key in keys if key in file), None)


def _checked_images(images, path):
    """uint8 [N, H, W, C]."""
    actual = f"the images of {path} are {images.dtype} {list(images.shape)}"
    if images.ndim not in (3, 4):
        raise ZooError(f"{actual}; expected [N, H, W] or [N, H, W, C].")
    images = images[..., None] if images.ndim == 3 else images
    if images.shape[3] not in (1, 3, 4):
        hint = "; transpose(0, 2, 3, 1) moves the channels last" if images.shape[1] in (1, 3, 4) else ""
        raise ZooError(f"{actual}; expected 1, 3 or 4 channels in the last dimension{hint}.")
    if images.size == 0:
        raise ZooError(f"{actual}; expected at least one image.")
    if images.dtype == np.uint8:
        if images.max() <= 1:
            raise ZooError(f"{actual}, but their largest value is {images.max()}: nearly black. Multiply them by 255.")
        return images
    if images.dtype.kind != "f":
        raise ZooError(f"{actual}; expected uint8, or floats in [0, 1] or [-1, 1].")
    return _from_floats(images, actual)


def _from_floats(images, actual):
    low, high = float(images.min()), float(images.max())
    if not np.isfinite([low, high]).all():  # the minimum of an array with a NaN is NaN
        raise ZooError(f"{actual} and hold NaN or infinity; expected floats in [0, 1] or [-1, 1].")
    if low < -1 - SLACK or high > 1 + SLACK:
        hint = "; use astype(np.uint8)" if low >= 0 and high <= 255 else ""
        raise ZooError(f"{actual} in [{low:g}, {high:g}]; expected floats in [0, 1] or [-1, 1]{hint}.")
    shift, scale = (0.0, 255.0) if low >= -SLACK else (1.0, 127.5)
    result = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), CHUNK):
        part = (images[start : start + CHUNK].astype(np.float32) + shift) * scale
        result[start : start + CHUNK] = np.clip(np.round(part), 0, 255)
    return result


def _checked_labels(labels, class_names, count, path):
    """(int32 [N] or None, class names)."""
    if labels is None:
        return None, ()
    actual = f"the labels of {path} are {labels.dtype} {list(labels.shape)}"
    if labels.shape not in ((count,), (count, 1)):
        raise ZooError(f"{actual}; expected one integer for each of the {count} images: [{count}].")
    if labels.dtype.kind not in "iu":
        raise ZooError(f"{actual}; expected integers in 0..classes-1.")
    labels = labels.reshape(count)
    if class_names is None:
        used = np.unique(labels)
        if not np.array_equal(used, np.arange(len(used))):
            raise ZooError(
                f"{actual} with the {len(used)} values {_abbreviated(used)}; expected 0..{len(used) - 1}, each of them "
                "used; use np.unique(labels, return_inverse=True)[1], or add class_names to the file."
            )
        return labels.astype(np.int32), tuple(str(label) for label in used)
    if class_names.ndim != 1 or class_names.dtype.kind != "U":
        actual = f"{class_names.dtype} {list(class_names.shape)}"
        raise ZooError(f"the class_names of {path} are {actual}; expected a list of strings.")
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise ZooError(
            f"{actual} in {labels.min()}..{labels.max()}, but there are {len(class_names)} class_names; "
            f"expected 0..{len(class_names) - 1}."
        )
    return labels.astype(np.int32), tuple(class_names.tolist())


def _abbreviated(values, most=8):
    return ", ".join(str(v) for v in values[:most]) + (", ..." if len(values) > most else "")
