"""tfds:NAME or tfds:NAME:CONFIG: a data set of TensorFlow Datasets with one image feature.

Nothing is downloaded, and the network isn't asked for anything, unless `download` is true: a data set is read from
`data_dir` (None: TFDS's own default, ~/tensorflow_datasets), where it has to be prepared. `split` is what TFDS
understands, such as "train", "train+test" or "train[:10%]"; "all" means all splits, one after the other.
Examples come in the order of the files.
"""

import difflib
import re

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.images_on_disk import cached, collect, key_of
from tfgan_zoo.data.resizing import to_shape, wanted_size


def load(argument, settings):
    """(uint8 images [N, H, W, C], int32 labels [N] or None, class names).

    The images are the feature "image", or else the only image feature; the labels are the feature "label", where it is
    a ClassLabel.

    Raises:
        ZooError: TFDS isn't installed; no such data set, split or single uint8 image feature; it isn't prepared, or
            couldn't be; an example has no label; images of different shapes without `resolution` or `channels`.
    """
    if not argument:
        raise ZooError("the data source 'tfds' needs a data set: tfds:NAME or tfds:NAME:CONFIG.")
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        raise ZooError(f"tfds:{argument} needs the package {error.name}; pip install {error.name}.") from None
    name, source = builder_name(argument), f"tfds:{argument}"
    find = _downloaded if settings.download else _prepared
    builder = find(tfds, name, source, settings)
    image_key, class_names = _features(tfds, builder.info.features, source)
    dataset = _dataset(tfds, builder, [image_key, "label"] if class_names else [image_key], source, settings.split)
    facts = [builder.info.full_name, str(builder.data_path), _state(builder), settings.split, image_key]
    key = key_of("tfds", [*facts, settings.resolution, settings.channels, settings.fit])
    found = cached(key, settings)
    if found is None:
        rows = _rows(tfds.as_numpy(dataset), image_key, class_names, source, settings)
        found = collect(rows, len(dataset), key, source, settings)
    images, labels = found
    if len(images) == 0:
        raise ZooError(f"{source} has no examples in the split {settings.split!r}.")
    without = np.flatnonzero(np.asarray(labels) < 0) if class_names else range(len(images))
    if len(without) == len(images):  # such as the unlabelled split of stl10
        return images, None, ()
    if len(without):
        raise ZooError(
            f"example {without[0]} of {source} has no label (it is {labels[without[0]]}), and others have one; "
            "set data.split to the splits that have them."
        )
    return images, labels, class_names


def builder_name(argument):
    """TFDS's way of writing it: "NAME:CONFIG" -> "NAME/CONFIG"; a version, "NAME:1.0.0", stays."""
    name, colon, rest = argument.partition(":")
    return f"{name}/{rest}" if colon and not re.match(r"[\d*]+\.", rest) else argument


def _prepared(tfds, name, source, settings):
    # tfds.builder would look in a bucket for what data_dir lacks, unless TFDS disables that; this one only reads files
    from tensorflow_datasets.core.read_only_builder import builder_from_files

    try:
        return builder_from_files(name, data_dir=settings.data_dir)
    except tfds.core.DatasetNotFoundError:
        raise ZooError(
            f"{source} isn't prepared in {settings.data_dir or '~/tensorflow_datasets'}.{_nearest(tfds, name)} "
            "--set data.download=true downloads and prepares it; data.data_dir=DIR says where it is prepared already."
        ) from None
    except ValueError as error:
        raise ZooError(f"{source}: {error}") from None


def _downloaded(tfds, name, source, settings):
    try:
        builder = tfds.builder(name, data_dir=settings.data_dir)
        builder.download_and_prepare()
        return builder
    except tfds.core.DatasetNotFoundError:
        raise ZooError(f"there is no {source}.{_nearest(tfds, name)}") from None
    except (OSError, AssertionError, ValueError, tfds.download.DownloadError) as error:
        raise ZooError(f"{source} could not be downloaded and prepared: {error}") from None


def _nearest(tfds, name):
    """A sentence with a space before it, for a name that TFDS's own list doesn't have; else nothing."""
    base, known = re.split("[:/]", name)[0], tfds.list_builders(with_community_datasets=False)
    if base in known:
        return ""
    near = difflib.get_close_matches(base, known, n=3, cutoff=0.5)
    return f" TFDS knows no {base!r}; near it are: {', '.join(near) or 'none'}."


def _features(tfds, features, source):
    """(key of the image feature, class names)."""
    images = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
    if "image" not in images and len(images) != 1:
        found = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in features.items())
        raise ZooError(f"{source} has the features {found}; expected an image feature named 'image', or a single one.")
    image_key = "image" if "image" in images else images[0]
    feature = features[image_key]
    dtype = np.dtype(feature.np_dtype)
    if dtype != np.uint8 or feature.shape[-1] not in (1, 3, 4):
        found = f"{dtype} {list(feature.shape)}"
        raise ZooError(f"the images of {source} are {found}; expected uint8 with 1, 3 or 4 channels.")
    label = features["label"] if "label" in features else None  # noqa: SIM401 (this mapping has no get)
    return image_key, tuple(label.names) if isinstance(label, tfds.features.ClassLabel) else ()


def _dataset(tfds, builder, keys, source, split):
    """The examples of `split`, one after the other in the order of the files, decoded no further than `keys`."""
    try:
        return builder.as_dataset(
            split=split,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(dict.fromkeys(keys, True)),
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )
    except (ValueError, KeyError, AssertionError) as error:
        raise ZooError(
            f"{source} can't be read at data.split={split!r} ({_first_line(error)}); "
            f"its splits are: {', '.join(['all', *builder.info.splits])}, or slices of them such as 'train[:10%]'."
        ) from None


def _first_line(error):
    return str(error).strip("\n").partition("\n")[0].rstrip(".")


def _state(builder):
    """What tells that a data set has been prepared anew."""
    info = builder.data_path / "dataset_info.json"
    return [info.stat().length, info.stat().mtime] if info.exists() else None


def _rows(examples, image_key, class_names, source, settings):
    height, width = wanted_size(settings)
    for index, example in enumerate(examples):
        name, label = f"example {index} of {source}", int(example["label"]) if class_names else -1
        try:
            yield name, to_shape(example[image_key], height, width, settings.channels, settings.fit), label
        except ZooError as error:
            raise ZooError(f"{name} {error}") from None
