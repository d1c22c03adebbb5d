"""The files of a folder or of a .zip file, read in the same way. Names that begin with a dot, and macOS' __MACOSX, are ignored."""

import io
import json
import os
import stat
import threading
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

from tfgan_zoo.core.errors import ZooError

LABELS = "dataset.json"  # StyleGAN's: {"labels": [["00000/img00000000.png", 3], ...]}, or null for none


class FileTree(Protocol):
    """Files by their paths relative to `root`, which is a folder or a .zip file."""

    root: Path

    def entries(self) -> tuple[list[str], list[str]]:
        """(names of the folders, names of the files) directly below the root, sorted."""

    def below(self, folder: str = "") -> list[str]:
        """The paths of all files below a folder, sorted. Links to folders are not followed."""

    def open(self, file: str) -> BinaryIO:
        """Opens a file. Raises OSError or another error if it is not a readable regular file, or empty."""

    def state(self, file: str) -> object:
        """What changes when a file does, as JSON can write it; None if it can't be told."""


class Folder:
    """The `FileTree` of a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self) -> tuple[list[str], list[str]]:
        names = sorted(entry.name for entry in self.root.iterdir() if not entry.name.startswith("."))
        folders = [name for name in names if (self.root / name).is_dir()]
        return folders, [name for name in names if name not in set(folders)]

    def below(self, folder: str = "") -> list[str]:
        paths: list[str] = []
        for parent, folders, files in os.walk(self.root / folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths += [(Path(parent) / f).relative_to(self.root).as_posix() for f in files if not f.startswith(".")]
        return sorted(paths)

    def open(self, file: str) -> BinaryIO:
        state = (self.root / file).stat()
        if not stat.S_ISREG(state.st_mode):
            raise OSError("not a regular file")
        if state.st_size == 0:
            raise OSError("empty, 0 bytes")
        return open(self.root / file, "rb")

    def state(self, file: str) -> object:
        try:
            state = (self.root / file).stat()
        except OSError:  # a dangling link
            return None
        return state.st_size, state.st_mtime_ns


class Zip:
    """The `FileTree` of a .zip file. If all of it lies in one folder, that folder is the root.

    Raises:
        ZooError: it is not a .zip file, or damaged.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.lock = root, threading.Lock()
        try:
            self.file = zipfile.ZipFile(root)
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise ZooError(
                f"{root} can't be read as a .zip file ({error}); give a folder or a .zip file of images."
            ) from None
        names = [info.filename for info in self.file.infolist() if not info.is_dir() and self._shown(info.filename)]
        tops = {name.partition("/")[0] for name in names if "/" in name}
        alone = len(tops) == 1 and all("/" in name for name in names)
        self.prefix = f"{tops.pop()}/" if alone else ""
        self.names = sorted(name.removeprefix(self.prefix) for name in names)

    @staticmethod
    def _shown(name):
        return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))

    def entries(self) -> tuple[list[str], list[str]]:
        folders = sorted({name.partition("/")[0] for name in self.names if "/" in name})
        return folders, [name for name in self.names if "/" not in name]

    def below(self, folder: str = "") -> list[str]:
        return [name for name in self.names if not folder or name.startswith(f"{folder}/")]

    def open(self, file: str) -> BinaryIO:
        with self.lock:
            content = self.file.read(self.prefix + file)
        if not content:
            raise OSError("empty, 0 bytes")
        return io.BytesIO(content)

    def state(self, file: str) -> object:
        info = self.file.getinfo(self.prefix + file)
        return info.file_size, info.CRC


def file_tree(root: Path) -> FileTree:
    """The `FileTree` of a folder or a .zip file.

    Raises:
        ZooError: there is neither.
    """
    if root.is_dir():
        return Folder(root)
    if root.is_file() and (root.suffix.lower() == ".zip" or zipfile.is_zipfile(root)):
        return Zip(root)
    problem = f"{root} is a file, and no .zip" if root.exists() else f"there is no folder {root}"
    raise ZooError(f"{problem}; expected a folder of images, or a .zip file of them.")


def json_labels(tree: FileTree) -> dict[str, int] | None:
    """{file: class} of StyleGAN's dataset.json; {} if it holds no labels, None if there is no such file.

    Raises:
        ZooError: it can't be read, or its labels are not whole numbers of 0 or more.
    """
    path = tree.root / LABELS
    if LABELS not in tree.entries()[1]:
        return None
    try:
        with tree.open(LABELS) as file:
            labels = json.load(file)["labels"]
        pairs = [(str(name), label) for name, label in labels or []]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ZooError(
            f'{path} can\'t be read ({type(error).__name__}: {error}); expected {{"labels": [["FILE", CLASS], ...]}}, or null.'
        ) from None
    if twice := len(pairs) - len(dict(pairs)):
        raise ZooError(f"{path} lists {twice} files more than once; list each with one label.")
    for name, label in pairs:
        if type(label) is not int or label < 0:
            raise ZooError(f"{path}: {name} has the label {label!r}; expected a whole number of 0 or more.")
    return dict(pairs)
