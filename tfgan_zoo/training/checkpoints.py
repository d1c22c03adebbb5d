"""Checkpoints: one file each, holding every variable of the run by name, whole or not there at all.

A checkpoint is an .npz archive, whose members carry checksums, so that it can be read and checked with NumPy alone.
"""

import os
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError

# RuntimeError: a flipped bit in the archive's directory may ask for a password, or for a compression that is not known.
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, RuntimeError)


def write_atomically(path, write):
    """Calls `write(file)` on a binary file beside `path`, brings it to disk and renames it: a crash leaves the old one."""
    beside = path.with_name(f".{path.name}.tmp")
    with open(beside, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)  # the rename itself
    os.close(folder)


def read(path):
    """{name: array} of a checkpoint file.

    Raises:
        ZooError: the file is truncated or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except BROKEN as error:
        raise ZooError(f"{path}: damaged checkpoint ({error}).") from None


GUARD = "guard/"  # the state of what watches a run, which may be switched on and off on the way


class Checkpoints:
    """The numbered checkpoints of a folder: the last `keep`, and one that is asked to stay.

    Args:
        folder: where they lie; made when first written.
        variables: {name: variable} with `.numpy()` and `.assign()`: everything that a run is.
        keep: how many of the last ones stay.
    """

    def __init__(self, folder, variables=None, keep=3):
        self.folder, self.variables, self.keep = Path(folder), variables or {}, keep

    def path(self, step):
        return self.folder / f"checkpoint-{step:09d}.npz"

    def steps(self):
        """The steps that there are checkpoints of, rising."""
        names = (re.fullmatch(r"checkpoint-(\d+)\.npz", p.name) for p in self.folder.glob("checkpoint-*.npz"))
        return sorted(int(match[1]) for match in names if match)

    def save(self, step, best=None, good=None):
        """Writes the checkpoint of `step`. best, good: steps of some that stay however old they are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.asarray(variable.numpy()) for name, variable in self.variables.items()}
        write_atomically(self.path(step), lambda file: np.savez(file, **arrays))
        for old in self.steps()[: -self.keep]:
            if old not in (best, good):
                self.path(old).unlink()

    def restore(self, step):
        """Puts the checkpoint of `step` into the variables, all or none of them.

        Raises:
            ZooError: it is damaged, or of other variables or shapes.
        """
        self.assign(step, read(self.path(step)))

    def assign(self, step, arrays):
        guard = {name for name in self.variables.keys() ^ arrays.keys() if name.startswith(GUARD)}
        arrays = {name: array for name, array in arrays.items() if name not in guard}
        variables = {name: v for name, v in self.variables.items() if name not in guard}
        expected = {name: tuple(variable.shape) for name, variable in variables.items()}
        found = {name: array.shape for name, array in arrays.items()}
        odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        if odd:
            more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
            lines = [
                f"{n} is {found.get(n, 'not there')} and should be {expected.get(n, 'not there')}" for n in odd[:3]
            ]
            raise ZooError(f"{self.path(step)}: of another network: {'; '.join(lines)}{more}.")
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def restore_latest(self, report=print):
        """Restores the newest checkpoint that is whole. Returns its step, or None where there is none.

        report: called with a sentence on each damaged one, which is set aside under another name.
        """
        steps = self.steps()
        for i, step in reversed(list(enumerate(steps))):
            path = self.path(step)
            try:
                arrays = read(path)
            except ZooError as error:
                aside = path.with_suffix(".damaged")
                os.replace(path, aside)
                then = "the checkpoint before it is used" if i else "there is none before it: the run begins anew"
                report(f"{error} It is now {aside.name}, and {then}.")
                continue
            self.assign(step, arrays)
            return step
        return None
