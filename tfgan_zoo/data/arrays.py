"""arrays:FILE.npz: images that NumPy saved, as `np.savez(FILE, images=..., labels=...)` does.

    images (or x, or x_train)   [N, H, W] or [N, H, W, C], C = 1, 3 or 4; uint8, or floats in [0, 1] or [-1, 1]
    labels (or y, or y_train)   optional; integers [N] or [N, 1] in 0..K-1
    class_names                 optional; K strings. Without them, each of the K classes must have an image

Floats that never go below 0 are taken to lie in [0, 1]. Other keys, such as Keras' x_test, are left alone.
A compressed file can't be memory-mapped, so these arrays live in memory, whatever `memory_limit_mb` says.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.data.resizing import all_to_shape, wanted_size

IMAGE_KEYS = ("images", "x", "x_train")
LABEL_KEYS = ("labels", "y", "y_train")
SLACK = 1e-3  # how far rounding may carry floats out of their range
CHUNK = 1024  # float images converted at a time


def load(argument, settings):
    """(uint8 images [N, H, W, C], int32 labels [N] or None, class names).

    Raises:
        ZooError: there is no such file, it is damaged, or what it holds is not as the module's docstring says.
    """
    if not argument:
        raise ZooError("the data source 'arrays' needs a file: arrays:FILE.npz.")
    if settings.split != "all":
        raise no_such("split of arrays", settings.split, ["all"])
    path = Path(argument).expanduser()
    found = _read(path)
    if found["images"] is None:
        raise ZooError(f"{path} has no images: it holds {found['keys']}; expected one of {', '.join(IMAGE_KEYS)}.")
    images = _checked_images(found["images"], path)
    try:
        images = all_to_shape(images, *wanted_size(settings), settings.channels, settings.fit)
    except ZooError as error:
        raise ZooError(f"an image of {path} {error}") from None
    return images, *_checked_labels(found["labels"], found["class_names"], len(images), path)


def _read(path):
    """The arrays under "images", "labels" and "class_names" (None where absent), and under "keys" what there is."""
    if not path.is_file():
        raise ZooError(f"there is no file {path}; arrays:FILE.npz needs one that np.savez has written.")
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
    what = f"the images of {path} are {images.dtype} {list(images.shape)}"
    if images.ndim not in (3, 4):
        raise ZooError(f"{what}; expected [N, H, W] or [N, H, W, C].")
    images = images[..., None] if images.ndim == 3 else images
    if images.shape[3] not in (1, 3, 4):
        hint = "; transpose(0, 2, 3, 1) brings the channels last" if images.shape[1] in (1, 3, 4) else ""
        raise ZooError(f"{what}; expected 1, 3 or 4 channels in the last place{hint}.")
    if images.size == 0:
        raise ZooError(f"{what}: nothing.")
    if images.dtype == np.uint8:
        if images.max() <= 1:
            raise ZooError(f"{what}, but their largest value is {images.max()}: all but black. Multiply them by 255.")
        return images
    if images.dtype.kind != "f":
        raise ZooError(f"{what}; expected uint8, or floats in [0, 1] or [-1, 1].")
    return _from_floats(images, what)


def _from_floats(images, what):
    low, high = float(images.min()), float(images.max())
    if not np.isfinite([low, high]).all():  # the minimum of an array with a NaN is NaN
        raise ZooError(f"{what} and hold NaN or infinity; expected floats in [0, 1] or [-1, 1].")
    if low < -1 - SLACK or high > 1 + SLACK:
        hint = "; astype(np.uint8) would do" if low >= 0 and high <= 255 else ""
        raise ZooError(f"{what} in [{low:g}, {high:g}]; expected floats in [0, 1] or [-1, 1]{hint}.")
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
    what = f"the labels of {path} are {labels.dtype} {list(labels.shape)}"
    if labels.shape not in ((count,), (count, 1)):
        raise ZooError(f"{what}; expected one integer for each of the {count} images: [{count}].")
    if labels.dtype.kind not in "iu":
        raise ZooError(f"{what}; expected integers in 0..classes-1.")
    labels = labels.reshape(count)
    if class_names is None:
        used = np.unique(labels)
        if not np.array_equal(used, np.arange(len(used))):
            raise ZooError(
                f"{what} with the {len(used)} values {_some(used)}; expected 0..{len(used) - 1}, each of them used "
                "(np.unique(labels, return_inverse=True)[1] would do), or class_names in the file."
            )
        return labels.astype(np.int32), tuple(str(label) for label in used)
    if class_names.ndim != 1 or class_names.dtype.kind != "U":
        found = f"{class_names.dtype} {list(class_names.shape)}"
        raise ZooError(f"the class_names of {path} are {found}; expected a list of strings.")
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise ZooError(
            f"{what} in {labels.min()}..{labels.max()}, but there are {len(class_names)} class_names; "
            f"expected 0..{len(class_names) - 1}."
        )
    return labels.astype(np.int32), tuple(class_names.tolist())


def _some(values, most=8):
    return ", ".join(str(v) for v in values[:most]) + (", ..." if len(values) > most else "")
