"""folder:DIR: a folder, or a .zip file, of image files of any type that Pillow reads.

Either one subfolder per class, read recursively (classes in the order of their names), or only files, without labels.
StyleGAN's dataset.json, beside them, takes the place of class folders: its labels are the classes, and its null means none.
Names that begin with a dot are ignored, links to folders below a class are not followed, and files come in the order of
their paths. Only the first frame of an animation is used; EXIF orientation is applied.

A file that can't be read as an image, for whatever reason, is bad, and so is one beside class folders or without a label of
dataset.json: `bad_files` "refuse" raises an error that lists such files, "skip" leaves them out and reports them on stderr.

The split "test" is a tenth of the files, by a hash of their names and at least one of each class not; "train" is the rest.

Files of 16 bits that use few of them, as those of 12-bit cameras do, come out dark: a line on stderr says so, and
`white_level` brightens them.
"""

import os
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.file_names import displayed
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.file_trees import LABELS, FileTree, file_tree, json_labels
from tfgan_zoo.data.images_on_disk import cached, collect, key_of
from tfgan_zoo.data.resizing import DEEPEST, from_pil, target_size, to_shape
from tfgan_zoo.data.splits import of_split

CHUNK = 128  # files decoded at a time, which bounds the memory for waiting images
MOST_NAMED = 10  # bad files that an error lists


def load(argument: str, settings: DataSettings) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """(uint8 images [N, H, W, C], int32 labels [N] or None, class names).

    Raises:
        ZooError: there is no such folder; it has no images; files beside subfolders; bad files, if refused; a class with
            only bad files; images of different shapes without `resolution` or `channels`; another size with fit="refuse".
    """
    if not argument:
        raise ZooError("the data source 'folder' needs a directory: folder:DIR.")
    tree = file_tree(Path(argument).expanduser())
    files, labels, class_names = find_files(tree, settings.bad_files)
    kept = of_split(settings.split, files, labels, "a folder")
    files, labels = [files[i] for i in kept], [labels[i] for i in kept]
    if not files:
        raise nothing_held_out(tree.root, settings.split)
    facts = [str(tree.root.resolve()), [tree.state(file) for file in files], files, _decoding(settings)]
    facts += listed_labels(tree, labels, class_names)
    key = key_of("folder", facts)
    bad: list[tuple[str, str]] = []
    levels: list[int] = []
    arrays = cached(key, settings)
    if arrays is None:
        # Both are closed here, even after an error: a pool shut down by the garbage collector, in any thread, can deadlock
        pool = ThreadPoolExecutor(min(32, 2 * (os.cpu_count() or 1)))
        with pool, closing(_rows(pool, tree, files, labels, settings, bad, levels)) as rows:
            arrays = collect(rows, len(files), key, f"folder:{tree.root}", settings)
    images, image_labels = arrays
    _report_skipped(tree.root, bad, len(files) - len(images), len(files))
    if detail := unused_levels(levels, settings.white_level):
        print(f"{tree.root}: {detail}", file=sys.stderr)
    if len(images) == 0:
        raise ZooError(f"none of the {len(files)} files in {tree.root} is a readable image.")
    if not class_names:
        return images, None, ()
    for label in sorted(set(labels) - set(np.unique(image_labels).tolist())):
        raise ZooError(f"the class {class_names[label]} of {tree.root} has no readable image; fill or remove it.")
    return images, image_labels, class_names


def listed_labels(tree: FileTree, labels: Sequence[int], class_names: tuple[str, ...]) -> list[Any]:
    """What tells data sets apart whose labels are in dataset.json, and not in the paths of the files; [] for others."""
    return [[*labels], [*class_names]] if LABELS in tree.entries()[1] else []


def nothing_held_out(root: Path, split: str) -> ZooError:
    """The error for a split without a file."""
    return ZooError(f"the split {split!r} of {root} is empty, since it has so few pictures; use data.split=all.")


def unused_levels(levels: Sequence[int], white_level: int | None = None) -> str:
    """What to say of images of 16-bit gray whose largest levels these are, if they are far below white; otherwise "".

    Examples:
        >>> unused_levels([4000, 3000])
        '2 images of 16 bits use levels up to 4,000 of 65,535 and come out dark; data.white_level=4095 makes that white.'
        >>> unused_levels([4000, 3000], 4095), unused_levels([50000])
        ('', '')
    """
    largest = max(levels, default=0)
    if not 0 < largest <= (white_level or DEEPEST) // 2:
        return ""
    offered = 2 ** int(largest).bit_length() - 1
    return (
        f"{len(levels):,} images of 16 bits use levels up to {largest:,} of {white_level or DEEPEST:,} and come out dark;"
        f" data.white_level={offered} makes that white."
    )


def find_files(tree: FileTree, bad_files: str = "refuse") -> tuple[list[str], list[int], tuple[str, ...]]:
    """(paths of the files, their labels (-1 for none), class names), without opening any but dataset.json.

    With bad_files="skip", files without a class, such as a desktop.ini beside class folders, are reported on stderr and left out.

    Raises:
        ZooError: as `load`, for what the names alone show.
    """
    root, (folders, files) = tree.root, tree.entries()
    if not folders and not files:
        raise ZooError(f"{root} is empty; expected image files, or one subfolder of them per class.")
    by_file = json_labels(tree)
    if by_file is not None:
        return _by_dataset_json(tree, by_file, bad_files)
    if not folders:
        return files, [-1] * len(files), ()
    empty = [name for name in folders if not tree.below(name)]
    if files and len(empty) == len(folders):
        raise ZooError(
            f"{root} holds {len(files)} files, such as {files[0]}, and empty folders ({empty[0]}); remove these."
        )
    if files and bad_files != "skip":
        raise ZooError(
            f"{root} holds both subfolders ({folders[0]}, {len(folders)} in all) and files ({files[0]}, {len(files)} "
            "in all); expected one subfolder per class, or only image files. data.bad_files=skip leaves out the files."
        )
    _tell_skipped(root, files, "beside class folders")
    by_class = [tree.below(name) for name in folders]
    for name, members in zip(folders, by_class, strict=True):
        if not members:
            raise ZooError(f"the class folder {root / name} is empty; fill or remove it.")
    labels = [label for label, members in enumerate(by_class) for _ in members]
    return [file for members in by_class for file in members], labels, tuple(map(displayed, folders))


def _by_dataset_json(tree, by_file, bad_files):
    path = tree.root / LABELS
    files = [file for file in tree.below() if file != LABELS]
    if missing := sorted(by_file.keys() - set(files)):
        raise ZooError(
            f"{path} lists {len(missing)} files that are not there, such as {missing[0]}; add or unlist them."
        )
    if not by_file:
        return files, [-1] * len(files), ()
    unlisted = [file for file in files if file not in by_file]
    if unlisted and bad_files != "skip":
        raise ZooError(
            f"{path} has no label for {len(unlisted)} of the {len(files)} files, such as {unlisted[0]}; add their labels,"
            " or leave these files out with data.bad_files=skip."
        )
    _tell_skipped(tree.root, unlisted, f"without a label in {LABELS}")
    files = [file for file in files if file in by_file]
    classes = sorted(set(by_file.values()))
    return files, [classes.index(by_file[file]) for file in files], tuple(map(str, classes))


def _tell_skipped(root, files, why):
    for file in files:
        print(f"skipped {root / file}: {why}", file=sys.stderr)


def _decoding(settings):
    white_level = [settings.white_level] if settings.white_level else []
    background = [f"on {settings.background}"] if settings.background else []
    return [settings.resolution, settings.channels, settings.fit, settings.bad_files, *white_level, *background]


def _rows(
    pool: ThreadPoolExecutor,
    tree: FileTree,
    files: Sequence[str],
    labels: Sequence[int],
    settings: DataSettings,
    bad: list[tuple[str, str]],
    levels: list[int],
) -> Generator[tuple[str, np.ndarray, int]]:
    """Yields (path, image, label) in order, appends (path, reason) to `bad`, and to `levels` the largest ones of 16-bit images.

    Refuses bad files at the end, or as soon as there are as many as the error lists.
    """
    height, width = target_size(settings)

    def decode(file):
        image, reason = read_image(tree, file, settings.white_level, levels.append)
        if reason:
            return None, reason
        try:
            return to_shape(image, height, width, settings.channels, settings.fit, settings.background), None
        except ZooError as error:
            raise ZooError(f"{tree.root / file} {error}") from None

    Image.init()  # registers every file type once, before the threads do
    for start in range(0, len(files), CHUNK):
        part = slice(start, start + CHUNK)
        for file, label, (image, reason) in zip(files[part], labels[part], pool.map(decode, files[part]), strict=True):
            if reason is None:
                yield str(tree.root / file), image, label
                continue
            bad.append((file, reason))
            if settings.bad_files == "refuse" and len(bad) == MOST_NAMED:
                _refuse(tree.root, bad, len(files))
    if settings.bad_files == "refuse" and bad:
        _refuse(tree.root, bad, len(files))


def read_image(
    tree: FileTree, file: str, white_level: int | None = None, tell: Callable[[int], object] | None = None
) -> tuple[np.ndarray | None, str | None]:
    """(uint8 pixels [h, w, c], None), or (None, reason) for a bad file. white_level, tell: as in `from_pil`; None: 65535."""
    try:
        with tree.open(file) as opened, Image.open(opened) as image:
            return from_pil(ImageOps.exif_transpose(image), white_level or DEEPEST, tell), None
    except UnidentifiedImageError:
        return None, "not an image of a type that Pillow reads"
    except MemoryError:
        raise
    except Exception as error:  # on damaged files, Pillow's decoders raise nearly everything
        return None, str(error) or type(error).__name__


def _refuse(root, bad, total):
    lines = "".join(f"\n  {file}: {reason}" for file, reason in bad)
    number = f"at least {MOST_NAMED}" if len(bad) == MOST_NAMED else len(bad)
    raise ZooError(
        f"{number} of the {total} files in {root} can't be read as images:{lines}\n"
        "Remove them, or leave them out with data.bad_files=skip."
    )


def _report_skipped(root, bad, count, total):
    """`bad` is empty if the images come from the cache; `count` is known even then."""
    for file, reason in bad:
        print(f"skipped {root / file}: {reason}", file=sys.stderr)
    if count:
        print(f"skipped {count} bad files of {total} in {root}", file=sys.stderr)
