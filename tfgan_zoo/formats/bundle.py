"""From a SavedModel to a folder of other formats with a card, each measured against the SavedModel; whole or not at all."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgan_zoo import __version__
from tfgan_zoo.core.draws import SeededDraws
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes, Prior
from tfgan_zoo.formats.inference_graph import write_plain
from tfgan_zoo.saved_model import trust
from tfgan_zoo.saved_model.version_folder import describe, load_version, newest


def convert(export, to, formats, seeds=16, unsafe=False):
    """Writes `to`/<name><ending> of each format and `to`/<name>.json, the card.

    Args:
        export: a model's folder of an export, or one version of it.
        to: a folder that is not there yet, or empty.
        formats: {name: `Format`}.
        seeds: of how many seeds the samples are compared, from 0 on.
        unsafe: see `version_folder.load_version`.

    Returns:
        The card, plain values; its "formats" are {name: {"file", "bytes", "sha256", "maximum_difference", ...}}.

    Raises:
        ZooError: what a format needs is not installed, its converter refuses the generator, what it wrote makes no such
            samples, `trust.check` refuses the export, or `to` holds files.
    """
    to = Path(to).resolve()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ZooError(f"{to} is there already; choose another --to.")
    for form in formats.values():
        form.check()
    folder = newest(export).resolve()
    generator = load_version(folder, unsafe)
    name = folder.parent.name if folder.name.isdecimal() else folder.name
    to.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        card = fill(beside, name, folder, generator, formats, seeds)
        os.chmod(beside, 0o755)
        os.rename(beside, to)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return card


def fill(beside, name, folder, generator, formats, seeds):
    """Every file, into the empty folder `beside`. Returns the card."""
    signature = generator.signatures["serving_default"]
    given = inputs_of(generator, np.arange(seeds))
    expected = generator.call("serving_default", **given)[generator.made]
    card = {
        "name": name,
        "version": folder.name,
        "saved_model_sha256": trust.sha256(folder / "saved_model.pb"),
        **describe(signature),
        "compared": f"{seeds} samples, seeds 0 to {seeds - 1}, together and the first alone",
        "made_with": {"tfgan_zoo": __version__, "tensorflow": tf.__version__},
        "formats": {},
    }
    plain = beside / "plain"
    write_plain(signature, plain)
    for key, form in formats.items():
        path = beside / f"{name}{form.ending}"
        try:
            form.write(plain, path)
            compute = form.open(path)
            computed = [compute({k: v[:rows] for k, v in given.items()})[generator.made] for rows in (1, seeds)]
        except ZooError:
            raise
        except Exception as error:  # converters and runtimes raise what they like
            first = (str(error).strip() or "no message").splitlines()[0]
            raise ZooError(f"{name} cannot be had as {key}: {type(error).__name__}: {first}") from error
        card["formats"][key] = {
            "file": path.name,
            **content_of(path),
            **difference(key, expected, computed),
            "computed_by": form.computed_by,
        }
    shutil.rmtree(plain)
    (beside / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n")
    return card


def inputs_of(generator, seeds):
    """Inputs of `serving_default`: what the signature `sample` draws by these seeds.

    Labels and codes of an export without a card, whose kinds are not known, are 0 and from [-1, 1].
    """
    codes = generator.codes or (Codes((), generator.code_size) if generator.code_size else None)
    classes = (generator.num_classes or 1) if generator.conditional else 0
    drawn = Prior(generator.noise_size, num_classes=classes, codes=codes).sample(
        SeededDraws(tf.constant(seeds, tf.int64))
    )
    conditions = {name: drawn[name].numpy() for name in ("labels", "codes") if name in drawn}
    return {"noise": generator.latents(seeds), **conditions}


def content_of(path):
    """{"bytes", "sha256": {file: hexadecimals}} of a file, or of all files in a folder."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    hashes = {file.relative_to(path.parent).as_posix(): trust.sha256(file) for file in files}
    return {"bytes": sum(file.stat().st_size for file in files), "sha256": hashes}


def difference(key, expected, computed):
    """The largest and the mean absolute difference of samples [N, ...] to arrays of the first of them and of all.

    Raises:
        ZooError: other shapes, or numbers that are not finite.
    """
    apart = []
    for array in computed:
        want = expected[: len(array)]
        if array.shape != want.shape or len(array) not in (1, len(expected)) or not np.isfinite(array).all():
            raise ZooError(
                f"{key} was written, and makes no such samples: shape {list(array.shape)}, "
                f"{np.isfinite(array).mean():.0%} finite, and the SavedModel makes {list(want.shape)}."
            )
        apart.append(np.abs(array.astype(np.float64) - want))
    return {"maximum_difference": float(max(a.max() for a in apart)), "mean_difference": float(apart[-1].mean())}
