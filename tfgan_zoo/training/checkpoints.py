"""Checkpoints: every variable of a run by name, in one file or in one part per worker, written completely or not at all.

A file is an .npz archive, whose members carry checksums, so NumPy alone can read and verify it.
"""

import math
import os
import re
import threading
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_zoo.core.atomic_files import write_atomically
from tfgan_zoo.core.errors import ZooError

# RuntimeError: a flipped bit in the archive's directory may request a password or an unknown compression.
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, RuntimeError)


def read(path: Path, group: str = "") -> dict[str, np.ndarray]:
    """{name: array} of a checkpoint file; group: only of names that begin so.

    Raises:
        ZooError: the file is truncated or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name.startswith(group)}
    except BROKEN as error:
        raise ZooError(f"{path}: damaged checkpoint ({error}).") from None


def snapshot(variable: Any) -> Any:
    """The present value of a variable of TensorFlow or Keras, as something that NumPy takes as an array.

    On a CPU nothing is copied here: while a tensor holds the value, the next update of the variable makes the copy, in its own threads. On a GPU
    or TPU the second buffer would take the device's memory, so the value is copied to the host.
    """
    import tensorflow as tf

    inner = variable if isinstance(variable, tf.Variable) else getattr(variable, "value", None)
    replicated = isinstance(inner, tf.distribute.DistributedValues)
    # NumPy takes no scalar tensor of bfloat16.
    if isinstance(inner, tf.Variable) and not replicated and inner.shape.rank and "CPU" in inner.device:
        return inner.read_value()
    return np.asarray(variable.numpy())


GUARD = "guard/"  # state of the collapse guard, which may be switched on and off during a run
NAME = re.compile(r"checkpoint-(\d+)(?:\.part-(\d+)-of-(\d+))?\.npz")


class Checkpoints:
    """The numbered checkpoints of a folder: the last `keep`, and those that are protected.

    Args:
        folder: where they are stored; created by the first one.
        variables: {name: variable} with `.numpy()` and `.assign()`: the complete state of a run.
        keep: how many of the newest are retained.
        background: `save` returns once it holds a `snapshot` of the variables, and a thread writes it.
        part: (which, of how many) parts this process writes of each checkpoint, counted from 0. A checkpoint counts once all of
            its parts are there. Part 0 removes the old ones.
    """

    def __init__(
        self,
        folder: str | Path,
        variables: Mapping[str, Any] | None = None,
        keep: int = 3,
        background: bool = False,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        self.folder, self.variables, self.keep = Path(folder), variables or {}, keep
        self.background, self.part = background, part
        self.writer: threading.Thread | None = None
        self.error: BaseException | None = None  # of the thread

    def path(self, step: int, whole: bool = False) -> Path:
        """The file that this process writes of a step's checkpoint: its part, or the `whole`."""
        index, count = (0, 1) if whole else self.part
        part = f".part-{index}-of-{count}" if count > 1 else ""
        return self.folder / f"checkpoint-{step:09d}{part}.npz"

    def files(self) -> dict[int, list[Path]]:
        """{step: the files of its complete checkpoint, part by part}, in increasing order; the whole goes before parts."""
        found: dict[int, dict[int, dict[int, Path]]] = {}  # {step: {how many parts: {part: its file}}}
        for path in self.folder.glob("checkpoint-*.npz"):
            if match := NAME.fullmatch(path.name):
                step, index, count = int(match[1]), int(match[2] or 0), int(match[3] or 1)
                found.setdefault(step, {}).setdefault(count, {})[index] = path
        whole = {
            step: [[parts[i] for i in range(count)] for count, parts in sorted(ways.items()) if len(parts) == count]
            for step, ways in sorted(found.items())
        }
        return {step: ways[0] for step, ways in whole.items() if ways}

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in increasing order, with that which is being written."""
        self.finish()
        return list(self.files())

    def save(self, step: int, best: int | None = None, good: int | None = None, whole: bool = False) -> None:
        """Writes this process' part of the checkpoint of `step`, once the one before is written.

        Args:
            step: of the checkpoint.
            best, good: steps whose checkpoints are retained however old they are.
            whole: write all parts, as one file.

        Raises:
            OSError: this one, or with `background` the one before, could not be written.
        """
        self.finish()
        arrays: dict[str, Any] = {name: snapshot(self.variables[name]) for name in self.own_names(whole)}

        def write() -> None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path(step, whole), lambda file: np.savez(file, **arrays))
            if whole:
                self.remove(step, but=self.path(step, whole))
            if self.part[0] == 0:
                self.remove_old({best, good})

        def write_and_remember_error() -> None:
            try:
                write()
            except BaseException as error:
                self.error = error

        if self.background:
            self.writer = threading.Thread(target=write_and_remember_error, name="checkpoint")
            self.writer.start()
        else:
            write()

    def finish(self) -> None:
        """Returns once the checkpoint that a thread is writing is complete.

        Raises:
            OSError: it could not be written.
        """
        if self.writer:
            self.writer.join()
        self.writer = None
        self.raise_error()

    def raise_error(self) -> None:
        """Raises: OSError if a thread could not write a checkpoint; once."""
        if self.error:  # only then, or one that the thread sets just now would be lost
            error, self.error = self.error, None
            raise error

    def own_names(self, whole: bool) -> list[str]:
        """The names of the variables that this process writes: consecutive ones, about as many values as in each other part."""
        index, count = (0, 1) if whole else self.part
        ends = np.cumsum([math.prod(variable.shape) for variable in self.variables.values()])
        # A variable belongs to the part in which its last value lies, were all values cut into equal parts.
        return [
            n
            for n, end in zip(self.variables, ends, strict=True)
            if index == max(end - 1, 0) * count // max(ends[-1], 1)
        ]

    def remove_old(self, retained: Collection[int | None] = ()) -> None:
        """Removes all but the last `keep` and the `retained`, and older parts that never became whole."""
        newest = list(self.files())[-self.keep :]
        for path in self.folder.glob("checkpoint-*.npz"):
            match = NAME.fullmatch(path.name)
            if match and newest and (step := int(match[1])) < newest[0] and step not in retained:
                path.unlink()

    def remove_incomplete(self) -> None:
        """Removes parts of checkpoints that a crash left incomplete: later ones may be of other weights."""
        complete = {path for files in self.files().values() for path in files}
        for path in self.folder.glob("checkpoint-*.part-*.npz"):
            if path not in complete:
                path.unlink()

    def remove(self, step: int, but: Path | None = None) -> None:
        """Removes the whole checkpoint of a step and all parts, except for the file `but`."""
        for path in self.folder.glob(f"checkpoint-{step:09d}.*npz"):
            if path != but and NAME.fullmatch(path.name):
                path.unlink()

    def files_of(self, step: int) -> list[Path]:
        """The files of a step's checkpoint. Raises: ZooError: it has none, or has none any more."""
        files = self.files()
        if step not in files:
            raise ZooError(
                f"{self.folder} has no checkpoint of step {step}; of {', '.join(map(str, files)) or 'none'}."
            )
        return files[step]

    def read(self, step: int, group: str = "") -> dict[str, np.ndarray]:
        """{name: array} of the checkpoint of `step`; group: only of names that begin so.

        Raises:
            ZooError: there is none, or it is damaged.
        """
        return {name: array for path in self.files_of(step) for name, array in read(path, group).items()}

    def restore(self, step: int) -> None:
        """Restores all variables from the checkpoint of `step`, or none of them.

        Raises:
            ZooError: there is none, it is damaged, or its names or shapes differ from the variables'.
        """
        self.finish()
        self.assign(step, self.read(step))

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
            raise ZooError(f"{self.files_of(step)[0]}: of another network: {'; '.join(lines)}{more}.")
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def restore_latest(self, report: Callable[[str], object] = print) -> int | None:
        """Restores the newest intact checkpoint. Returns its step, or None if there is none.

        report: called with a sentence about each damaged one, which is renamed.
        """
        self.remove_incomplete()
        for i, step in reversed(list(enumerate(self.steps()))):
            try:
                arrays = self.read(step)
            except ZooError as error:
                path = next(path for path in self.files_of(step) if str(error).startswith(f"{path}: "))
                aside = path.with_suffix(".damaged")
                os.replace(path, aside)
                self.remove_incomplete()
                then = "the previous checkpoint is used" if i else "there is no previous one: the run starts over"
                report(f"{error} It was renamed {aside.name}, and {then}.")
                continue
            self.assign(step, arrays)
            return step
        return None
