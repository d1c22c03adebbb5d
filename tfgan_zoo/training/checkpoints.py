"""Checkpoints: one file each, with every variable of the run by name, written completely or not at all.

A checkpoint is an .npz archive, whose members carry checksums, so NumPy alone can read and verify it.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfgan_zoo.core.errors import ZooError

# RuntimeError: a flipped bit in the archive's directory may request a password or an unknown compression.
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, RuntimeError)


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Calls `write(file)` on a temporary file beside `path`, flushes it to disk and renames it: a crash leaves the old file."""
    beside = path.with_name(f".{path.name}.tmp")
    with open(beside, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)  # the rename itself
    os.close(folder)


def read(path: Path) -> dict[str, np.ndarray]:
    """{name: array} of a checkpoint file.

    Raises:
        ZooError: the file is truncated or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except BROKEN as error:
        raise ZooError(f"{path}: damaged checkpoint ({error}).") from None


GUARD = "guard/"  # state of the collapse guard, which may be switched on and off during a run


class Checkpoints:
    """The numbered checkpoints of a folder: the last `keep`, and those that are protected.

    Args:
        folder: where they are stored; created by the first one.
        variables: {name: variable} with `.numpy()` and `.assign()`: the complete state of a run.
        keep: how many of the newest are retained.
    """

    def __init__(self, folder: str | Path, variables: Mapping[str, Any] | None = None, keep: int = 3) -> None:
        self.folder, self.variables, self.keep = Path(folder), variables or {}, keep

    def path(self, step: int) -> Path:
        """The file of a step's checkpoint."""
        return self.folder / f"checkpoint-{step:09d}.npz"

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in increasing order."""
        names = (re.fullmatch(r"checkpoint-(\d+)\.npz", p.name) for p in self.folder.glob("checkpoint-*.npz"))
        return sorted(int(match[1]) for match in names if match)

    def save(self, step: int, best: int | None = None, good: int | None = None) -> None:
        """Writes the checkpoint of `step`. best, good: steps whose checkpoints are retained however old they are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.asarray(variable.numpy()) for name, variable in self.variables.items()}
        write_atomically(self.path(step), lambda file: np.savez(file, allow_pickle=False, **arrays))
        for old in self.steps()[: -self.keep]:
            if old not in (best, good):
                self.path(old).unlink()

    def restore(self, step: int) -> None:
        """Restores all variables from the checkpoint of `step`, or none of them.

        Raises:
            ZooError: it is damaged, or its names or shapes differ from the variables'.
        """
        self.assign(step, read(self.path(step)))

    def assign(self, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Assigns the arrays of a step's checkpoint to the variables, all or none. Raises: as `restore`."""
        guard = {name for name in self.variables.keys() ^ arrays.keys() if name.startswith(GUARD)}
        arrays = {name: array for name, array in arrays.items() if name not in guard}
        variables = {name: v for name, v in self.variables.items() if name not in guard}
        expected = {name: tuple(variable.shape) for name, variable in variables.items()}
        stored = {name: array.shape for name, array in arrays.items()}
        odd = sorted(name for name in expected.keys() | stored.keys() if expected.get(name) != stored.get(name))
        if odd:
            more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
            lines = [f"{n} is {stored.get(n, 'missing')} but should be {expected.get(n, 'absent')}" for n in odd[:3]]
            raise ZooError(f"{self.path(step)}: of another network: {'; '.join(lines)}{more}.")
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def restore_latest(self, report: Callable[[str], object] = print) -> int | None:
        """Restores the newest intact checkpoint. Returns its step, or None if there is none.

        report: called with a sentence about each damaged one, which is renamed.
        """
        steps = self.steps()
        for i, step in reversed(list(enumerate(steps))):
            path = self.path(step)
            try:
                arrays = read(path)
            except ZooError as error:
                aside = path.with_suffix(".damaged")
                os.replace(path, aside)
                then = "the previous checkpoint is used" if i else "there is no previous one: the run starts over"
                report(f"{error} It was renamed {aside.name}, and {then}.")
                continue
            self.assign(step, arrays)
            return step
        return None
