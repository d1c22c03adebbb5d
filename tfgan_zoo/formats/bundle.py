"""Converts a SavedModel into a folder of other formats with a card, and compares each with the SavedModel. All or nothing."""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan_zoo import __version__
from tfgan_zoo.core.atomic_files import check_new_folder, new_folder
from tfgan_zoo.core.draws import SeededDraws
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes, Prior
from tfgan_zoo.formats.format_table import Format
from tfgan_zoo.formats.inference_graph import write_frozen_model
from tfgan_zoo.saved_model import trust
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.version_folder import describe, load_version, newest


def convert(
    export: str | Path, to: str | Path, formats: Mapping[str, Format], seeds: int = 16, unsafe: bool = False
) -> dict:
    """Writes `to`/<name><suffix> for each format, and the card `to`/<name>.json.

    Args:
        export: the folder of an exported model, or of one of its versions.
        to: the folder to write; it must be empty or not exist yet.
        formats: {name: `Format`}.
        seeds: how many samples to compare, with seeds from 0.
        unsafe: see `version_folder.load_version`.

    Returns:
        The card, of plain values; its "formats" are {name: {"file", "bytes", "sha256", "maximum_difference", ...}}.

    Raises:
        ZooError: a format's packages are not installed, its converter rejects the generator, the converted file does not
            compute the SavedModel's samples, `trust.check` refuses the export, or `to` is not empty.
    """
    to = Path(to).resolve()
    check_new_folder(to)
    for target in formats.values():
        target.check()
    folder = newest(export).resolve()
    generator = load_version(folder, unsafe)
    name = folder.parent.name if folder.name.isdecimal() else folder.name
    with new_folder(to) as staging:
        return write_formats(staging, name, folder, generator, formats, seeds)


def write_formats(
    staging: Path, name: str, folder: Path, generator: Sampler, formats: Mapping[str, Format], seeds: int
) -> dict:
    """Writes all files into the empty folder `staging`. Returns the card."""
    signature = generator.signatures["serving_default"]
    inputs = comparison_inputs(generator, np.arange(seeds))
    expected = generator.call("serving_default", **inputs)[generator.output_name]
    card: dict[str, Any] = {
        "name": name,
        "version": folder.name,
        "saved_model_sha256": trust.sha256(folder / "saved_model.pb"),
        **describe(signature),
        "compared": f"{seeds} samples, seeds 0 to {seeds - 1}, together and the first alone",
        "made_with": {"tfgan_zoo": __version__, "tensorflow": tf.__version__},
        "formats": {},
    }
    frozen = staging / "frozen"
    write_frozen_model(signature, frozen)
    for key, target in formats.items():
        path = staging / f"{name}{target.suffix}"
        try:
            target.write(frozen, path)
            compute = target.open(path)
            results = [compute({k: v[:rows] for k, v in inputs.items()})[generator.output_name] for rows in (1, seeds)]
        except ZooError:
            raise
        except Exception as error:  # converters and runtimes raise exceptions of any type
            message = (str(error).strip() or "no message").splitlines()[0]
            raise ZooError(f"{name} could not be converted to {key}: {type(error).__name__}: {message}") from error
        card["formats"][key] = {
            "file": path.name,
            **file_hashes(path),
            **difference(key, expected, results, target.bound),
            "computed_by": target.runtime,
        }
    shutil.rmtree(frozen)
    (staging / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n")
    return card


def comparison_inputs(generator: Sampler, seeds: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs for `serving_default`: what the signature `sample` draws for these seeds.

    An export without a card does not say how many classes or which codes it has: its labels are 0, its codes in [-1, 1].
    Conditions other than labels and codes are 0.
    """
    codes = generator.codes or (Codes((), generator.code_size) if generator.code_size else None)
    classes = (generator.num_classes or 1) if generator.conditional else 0
    latents = Prior(generator.noise_size, num_classes=classes, codes=codes).sample(
        SeededDraws(tf.constant(seeds, tf.int64))
    )
    conditions: dict[str, np.ndarray] = {name: latents[name].numpy() for name in ("labels", "codes") if name in latents}
    others = {
        name: np.zeros([len(seeds), *item.shape], item.dtype)
        for name, item in generator.condition_items.items()
        if name not in conditions
    }
    return {**generator.latent_inputs(seeds), **conditions, **others}


def file_hashes(path: Path) -> dict:
    """{"bytes", "sha256": {file: hex digest}} of a file, or of all files in a folder."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    hashes = {file.relative_to(path.parent).as_posix(): trust.sha256(file) for file in files}
    return {"bytes": sum(file.stat().st_size for file in files), "sha256": hashes}


def difference(
    key: str, expected: np.ndarray, results: Sequence[np.ndarray], bound: float = math.inf
) -> dict[str, float]:
    """The maximum absolute difference over all results, and the mean one of the last.

    Args:
        key: the format, for the message.
        expected: the SavedModel's samples [N, ...].
        results: the format's samples, each of the first one alone or of all N.
        bound: the largest difference allowed, see `Format.bound`.

    Raises:
        ZooError: a result has another shape, is not finite, or differs by more than the bound.
    """
    differences = []
    for samples in results:
        reference = expected[: len(samples)]
        if samples.shape != reference.shape or len(samples) not in (1, len(expected)) or not np.isfinite(samples).all():
            raise ZooError(
                f"the {key} file computes samples of shape {list(samples.shape)}, {np.isfinite(samples).mean():.0%} of "
                f"them finite; expected {list(reference.shape)}, all finite, as from the SavedModel."
            )
        differences.append(np.abs(samples.astype(np.float64) - reference))
    largest, allowed = float(max(d.max() for d in differences)), bound * max(1.0, float(np.abs(expected).max()))
    if largest > allowed:
        raise ZooError(
            f"the {key} file computes other samples than the SavedModel: the largest difference is {largest:.2g}, more than the "
            f"{allowed:.2g} that rounding can explain. Leave {key} out, and please report this generator."
        )
    return {
        "maximum_difference": largest,
        "mean_difference": float(differences[-1].mean()),
    }
