"""folder:DIR: a folder of image files of any type that Pillow reads.

Either one subfolder per class, read recursively (classes in the order of their names), or only files, without labels.
Names that begin with a dot are ignored, links to folders below a class are not followed, and files come in the order of
their paths. Only the first frame of an animation is used; EXIF orientation is applied.

A file that can't be read as an image, for whatever reason, is bad, and so is one beside class folders: `bad_files` "refuse"
raises an error that lists such files, "skip" leaves them out and reports them on stderr.

Files of 16 bits that use few of them, as those of 12-bit cameras do, come out dark: a line on stderr says so, and
`white_level` brightens them.
"""

import os
import stat
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.file_names import displayed
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.images_on_disk import cached, collect, key_of
from tfgan_zoo.data.resizing import DEEPEST, from_pil, target_size, to_shape

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
    if settings.split != "all":
        raise no_such("split of a folder", settings.split, ["all"])
    root = Path(argument).expanduser()
    files, labels, class_names = find_files(root, settings.bad_files)
    key = key_of(
        "folder", [str(root.resolve()), [file_state(root / file) for file in files], files, _decoding(settings)]
    )
    bad: list[tuple[str, str]] = []
    levels: list[int] = []
    arrays = cached(key, settings)
    if arrays is None:
        # Both are closed here, even after an error: a pool shut down by the garbage collector, in any thread, can deadlock
        pool = ThreadPoolExecutor(min(32, 2 * (os.cpu_count() or 1)))
        with pool, closing(_rows(pool, root, files, labels, settings, bad, levels)) as rows:
            arrays = collect(rows, len(files), key, f"folder:{root}", settings)
    images, image_labels = arrays
    _report_skipped(root, bad, len(files) - len(images), len(files))
    if detail := unused_levels(levels, settings.white_level):
        print(f"{root}: {detail}", file=sys.stderr)
    if len(images) == 0:
        raise ZooError(f"none of the {len(files)} files in {root} is a readable image.")
    if not class_names:
        return images, None, ()
    for label in sorted(set(range(len(class_names))) - set(np.unique(image_labels).tolist())):
        raise ZooError(f"the class folder {root / class_names[label]} has no readable image; fill or remove it.")
    return images, image_labels, class_names


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


def find_files(root: Path, bad_files: str = "refuse") -> tuple[list[str], list[int], tuple[str, ...]]:
    """(paths relative to `root`, their labels (-1 for none), class names), without opening any file.

    With bad_files="skip", files beside class folders, such as a desktop.ini, are reported on stderr and left out.

    Raises:
        ZooError: as `load`, for what the names alone show.
    """
    if not root.is_dir():
        problem = "is a file" if root.exists() else "doesn't exist"
        raise ZooError(f"the folder {root} {problem}; folder:DIR needs a directory of images.")
    entries = sorted(entry.name for entry in root.iterdir() if not entry.name.startswith("."))
    folders = [name for name in entries if (root / name).is_dir()]
    files = [name for name in entries if name not in set(folders)]
    if folders and files and bad_files == "skip":
        for file in files:
            print(f"skipped {root / file}: beside class folders", file=sys.stderr)
    elif folders and files:
        raise ZooError(
            f"{root} holds both subfolders ({folders[0]}, {len(folders)} in all) and files ({files[0]}, {len(files)} "
            "in all); expected one subfolder per class, or only image files. data.bad_files=skip leaves out the files."
        )
    if not folders and not files:
        raise ZooError(f"{root} is empty; expected image files, or one subfolder of them per class.")
    if not folders:
        return files, [-1] * len(files), ()
    by_class = [_files_below(root, name) for name in folders]
    for name, members in zip(folders, by_class, strict=True):
        if not members:
            raise ZooError(f"the class folder {root / name} is empty; fill or remove it.")
    labels = [label for label, members in enumerate(by_class) for _ in members]
    return [file for members in by_class for file in members], labels, tuple(map(displayed, folders))


def _files_below(root, name):
    paths = []
    for parent, folders, files in os.walk(root / name):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        paths += [(Path(parent) / file).relative_to(root).as_posix() for file in files if not file.startswith(".")]
    return sorted(paths)


def file_state(path: Path) -> tuple[int, int] | None:
    """(size in bytes, modification time in ns), which changes when the file does; None for a dangling link."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _decoding(settings):
    white_level = [settings.white_level] if settings.white_level else []
    return [settings.resolution, settings.channels, settings.fit, settings.bad_files, *white_level]


def _rows(
    pool: ThreadPoolExecutor,
    root: Path,
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
        image, reason = read_image(root / file, settings.white_level, levels.append)
        if reason:
            return None, reason
        try:
            return to_shape(image, height, width, settings.channels, settings.fit), None
        except ZooError as error:
            raise ZooError(f"{root / file} {error}") from None

    Image.init()  # registers every file type once, before the threads do
    for start in range(0, len(files), CHUNK):
        part = slice(start, start + CHUNK)
        for file, label, (image, reason) in zip(files[part], labels[part], pool.map(decode, files[part]), strict=True):
            if reason is None:
                yield str(root / file), image, label
                continue
            bad.append((file, reason))
            if settings.bad_files == "refuse" and len(bad) == MOST_NAMED:
                _refuse(root, bad, len(files))
    if settings.bad_files == "refuse" and bad:
        _refuse(root, bad, len(files))


def read_image(
    path: Path, white_level: int | None = None, tell: Callable[[int], object] | None = None
) -> tuple[np.ndarray | None, str | None]:
    """(uint8 pixels [h, w, c], None), or (None, reason) for a bad file. white_level, tell: as in `from_pil`; None: 65535."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return None, "not a regular file"
        if state.st_size == 0:
            return None, "empty, 0 bytes"
        with Image.open(path) as image:
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
