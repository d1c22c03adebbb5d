"""Files and folders that appear complete or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from tfgan_zoo.core.errors import ZooError


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A context with the path of a temporary file beside `path`, to be written, that takes its place at the end.

    After an error the old file is there and nothing of the new one, unless the process was killed.

    Raises:
        OSError: the file could not be written; names `path`.
    """
    beside = path.with_name(f".{path.name}.tmp")
    try:
        yield beside
        os.replace(beside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and str(error.filename) in ("None", str(beside)):
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None  # full disks name none
        raise


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Calls `write(file)` on a temporary file beside `path`, flushes it to disk and renames it: a crash leaves the old file.

    Raises:
        OSError: the file could not be written; names it. Nothing of it is left.
    """
    with replaced(path) as beside, open(beside, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)  # the rename itself
    os.close(folder)


def check_new_folder(to: Path) -> None:
    """Raises `ZooError` unless the folder that --to names is empty or does not exist yet."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ZooError(f"--to={to} already exists; choose a folder that is empty or does not exist.")


@contextlib.contextmanager
def new_folder(to: Path) -> Iterator[Path]:
    """A context with a temporary folder beside `to`, to be filled, that takes its place at the end; after an error nothing is left.

    Raises:
        ZooError: `to` is a file, or holds any.
    """
    check_new_folder(to)
    to.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        yield staging
        os.chmod(staging, 0o755)
        os.rename(staging, to)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
