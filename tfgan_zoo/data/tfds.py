"""tfds:NAME or tfds:NAME:CONFIG: a data set of TensorFlow Datasets with one image feature.

Nothing is downloaded, and there is no network access, unless `download` is true: a data set is read from `data_dir`
(None: TFDS's default, ~/tensorflow_datasets), where it has to be prepared. `split` is what TFDS accepts, such as "train",
"train+test" or "train[:10%]"; "all" means all splits, one after the other. Examples come in the order of the files.
"""

import difflib
import re
import sys

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.images_on_disk import cached, collect, key_of
from tfgan_zoo.data.resizing import target_size, to_shape


def load(argument: str, settings: DataSettings) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """(uint8 images [N, H, W, C], int32 labels [N] or None, class names).

    The images are the feature "image", or else the only image feature; the labels are `label_feature`, by default the feature
    "label", if it is a ClassLabel. Where another feature could be meant, a line on stderr names it. The whole numbers of a
    feature that is no ClassLabel are classes in their order.

    Raises:
        ZooError: TFDS isn't installed; there is no such data set, split or single uint8 image feature; it isn't prepared
            and may not be downloaded, or preparing it failed; only some examples have a label; images differ in shape and
            neither `resolution` nor `channels` is set.
    """
    if not argument:
        raise ZooError("the data source 'tfds' needs a data set: tfds:NAME or tfds:NAME:CONFIG.")
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        raise ZooError(f"tfds:{argument} needs the package {error.name}; pip install {error.name}.") from None
    name, source = builder_name(argument), f"tfds:{argument}"
    open_builder = _downloaded if settings.download else _prepared
    builder = open_builder(tfds, name, source, settings)
    image_key = _image_key(tfds, builder.info.features, source)
    label_key, class_names = _labels(tfds, builder.info.features, source, settings.label_feature)
    dataset = _dataset(tfds, builder, [image_key, label_key] if label_key else [image_key], source, settings.split)
    named = [label_key] if settings.label_feature else []
    facts = [builder.info.full_name, str(builder.data_path), _state(builder), settings.split, image_key, *named]
    background = [f"on {settings.background}"] if settings.background else []
    key = key_of("tfds", [*facts, settings.resolution, settings.channels, settings.fit, *background])
    arrays = cached(key, settings)
    if arrays is None:
        rows = _rows(tfds.as_numpy(dataset), image_key, label_key, source, settings)
        arrays = collect(rows, len(dataset), key, source, settings)
    images, labels = arrays
    if len(images) == 0:
        raise ZooError(f"{source} has no examples in the split {settings.split!r}.")
    unlabelled = np.flatnonzero(np.asarray(labels) < 0) if label_key else range(len(images))
    if len(unlabelled) == len(images):  # such as the unlabelled split of stl10
        return images, None, ()
    if len(unlabelled):
        raise ZooError(
            f"example {unlabelled[0]} of {source} has no label (it is {labels[unlabelled[0]]}), but other examples have one; "
            "set data.split to the splits that have them."
        )
    if not class_names:
        values, labels = np.unique(labels, return_inverse=True)
        return images, labels.astype(np.int32), tuple(map(str, values))
    return images, labels, class_names


def builder_name(argument: str) -> str:
    """The name in TFDS's notation: "NAME:CONFIG" -> "NAME/CONFIG"; a version, "NAME:1.0.0", is unchanged."""
    name, colon, rest = argument.partition(":")
    return f"{name}/{rest}" if colon and not re.match(r"[\d*]+\.", rest) else argument


def _prepared(tfds, name, source, settings):
    # tfds.builder would look in a bucket for what data_dir lacks, unless TFDS disables that; this function only reads files
    from tensorflow_datasets.core.read_only_builder import builder_from_files

    try:
        return builder_from_files(name, data_dir=settings.data_dir)
    except tfds.core.DatasetNotFoundError:
        raise ZooError(
            f"{source} isn't prepared in {settings.data_dir or '~/tensorflow_datasets'}.{_nearest(tfds, name)} "
            "Use --set data.download=true to download and prepare it, or data.data_dir=DIR if it is prepared elsewhere."
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
    """A sentence, after a space, on a name that is not in TFDS's list; otherwise empty."""
    base, known = re.split("[:/]", name)[0], tfds.list_builders(with_community_datasets=False)
    if base in known:
        return ""
    near = difflib.get_close_matches(base, known, n=3, cutoff=0.5)
    return f" TFDS has no {base!r}; the nearest are: {', '.join(near) or 'none'}."


def _image_key(tfds, features, source):
    images = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
    if "image" not in images and len(images) != 1:
        available = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in sorted(features.items()))
        raise ZooError(f"{source} has the features {available}; expected an image feature named 'image', or just one.")
    image_key = "image" if "image" in images else images[0]
    feature = features[image_key]
    dtype = np.dtype(feature.np_dtype)
    if dtype != np.uint8 or feature.shape[-1] not in (1, 3, 4):
        actual = f"{dtype} {list(feature.shape)}"
        raise ZooError(f"the images of {source} are {actual}; expected uint8 with 1, 3 or 4 channels.")
    return image_key


def _labels(tfds, features, source, name):
    """(key of the feature with the class, or None; class names, () where they are whole numbers that have none)."""
    classes = {key: tuple(f.names) for key, f in features.items() if isinstance(f, tfds.features.ClassLabel)}
    whole = [key for key, f in features.items() if f.shape == () and np.issubdtype(np.dtype(f.np_dtype), np.integer)]
    if name in classes or (not name and "label" in classes):
        return name or "label", classes[name or "label"]
    if name in whole:
        return name, ()
    candidates = [*sorted(classes), *sorted(set(whole) - set(classes))]
    if name:
        available = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in sorted(features.items()))
        raise ZooError(
            f"data.label_feature={name}: {source} has the features {available}; expected a ClassLabel or a whole number"
            f"{': ' * bool(candidates)}{', '.join(candidates)}."
        )
    if candidates:
        print(
            f"{source}: read without classes. If one of these features is the class, name it, such as"
            f" data.label_feature={candidates[0]}: {', '.join(candidates)}.",
            file=sys.stderr,
        )
    return None, ()


def _dataset(tfds, builder, keys, source, split):
    """The examples of `split` in the order of the files, with only the features `keys` decoded."""
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
    """Changes when a data set is prepared again."""
    info = builder.data_path / "dataset_info.json"
    return [info.stat().length, info.stat().mtime] if info.exists() else None


def _rows(examples, image_key, label_key, source, settings):
    height, width = target_size(settings)
    for index, example in enumerate(examples):
        name, label = f"example {index} of {source}", int(example[label_key]) if label_key else -1
        try:
            yield (
                name,
                to_shape(example[image_key], height, width, settings.channels, settings.fit, settings.background),
                label,
            )
        except ZooError as error:
            raise ZooError(f"{name} {error}") from None
