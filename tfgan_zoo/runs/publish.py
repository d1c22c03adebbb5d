"""Exports a run's checkpoint as a SavedModel version folder with its model card."""

import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo import __version__
from tfgan_zoo.core import catalog
from tfgan_zoo.core.atomic_files import check_new_folder
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.metrics.score_registry import direction
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.saved_model import hugging_face
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import newest, write_version


def export_run(
    run: Run,
    base: str | Path,
    which: str | int = "latest",
    version: int | None = None,
    with_discriminator: bool = False,
    with_keras: bool = False,
) -> Path:
    """Writes the averaged generator of a run's checkpoint as `base/<version>/`. Returns that folder.

    Args:
        run: the run.
        base: the model's folder, whose name is the model's name in TF Serving.
        which: the checkpoint: "latest", "best" or a step.
        version: a positive number; by default one more than the newest.
        with_discriminator: store the discriminator beside it, for those who train on.
        with_keras: store both players as .keras files beside it, or the generator alone where there is no discriminator.

    Raises:
        ZooError: there is no such checkpoint, the version exists, or there is no discriminator to store.
    """
    game, step = run.players(which)
    network, prior = game.generator, game.prior
    discriminator = run.weights("discriminator", step) if with_discriminator or with_keras else {}
    if with_discriminator and not discriminator:
        raise ZooError(f"{run.folder} was imported without a discriminator; leave out --with_discriminator.")
    module, card = ExportedGenerator(network, prior), card_of(run, step, network)
    networks = {"generator": network} if with_keras else {}
    if with_keras and discriminator:  # which imported weights may lack
        networks["discriminator"] = game.discriminator
    stored = discriminator if with_discriminator else None
    return write_version(module, base, card, version, real_points(run), stored, networks)


def export_for_hugging_face(
    run: Run,
    to: str | Path,
    license: str,
    which: str | int = "latest",
    with_discriminator: bool = False,
    with_keras: bool = False,
) -> Path:
    """Writes the averaged generator of a run's checkpoint as a folder for the Hugging Face Hub. Returns that folder.

    Args:
        run, which, with_discriminator, with_keras: as of `export_run`.
        to, license: as of `hugging_face.write_folder`.

    Raises:
        ZooError: as `export_run` and `hugging_face.write_folder` do; before anything is computed if `to` or the license will not do.
    """
    to = Path(to).resolve()
    check_new_folder(to)
    hugging_face.check_license(license)
    with tempfile.TemporaryDirectory() as folder:
        version = export_run(run, Path(folder) / to.name, which, None, with_discriminator, with_keras)
        return hugging_face.write_folder(version, to, license)


def export_run_alone(run: Run, base: str | Path) -> Path:
    """`export_run` in a process without a cluster: a SavedModel that a worker writes names the devices of all workers.

    Raises:
        ZooError: the export failed; with its message.
    """
    alone = {key: value for key, value in os.environ.items() if not key.startswith(("TF_CONFIG", "SLURM_"))}
    alone["CUDA_VISIBLE_DEVICES"] = "-1"  # the worker holds the GPUs' memory
    command = [sys.executable, "-m", "tfgan_zoo.export", f"--run={run.folder}", f"--to={base}"]
    process = subprocess.run(command, env=alone, capture_output=True, text=True)
    if process.returncode:
        raise ZooError(f"the run is complete, but its export failed: {process.stderr.strip().removeprefix('error: ')}")
    return newest(base)


def real_points(run: Run) -> np.ndarray | None:
    """The run's training data if it is points in the plane, float32 [N, 2]; None if it is images."""
    return np.asarray(load_source(run.recipe.data).images) if len(run.dataset["image_shape"]) == 1 else None


def card_of(run: Run, step: int, network: keras.Model) -> dict[str, Any]:
    """The model card of the checkpoint of `step`, whose generator is `network`, as plain values."""
    shape = list(network.output_shape[1:])
    scores = [score for score in run.scores() if score.step == step]
    images = f"float32 in [-1, 1], or uint8 in 0..255; [height, width, channels] = {shape}"
    return {
        "summary": first_paragraph(catalog.model_module(run.recipe.model)),
        "model": run.recipe.model,
        "step": step,
        **({"images": images} if len(shape) == 3 else {"points": f"float32 {shape}, in the data's own units"}),
        "scores": [score.as_dict() for score in scores],
        "higher_is_better": sorted({score.name for score in scores if direction(score.name) == "higher"}),
        "dataset": run.dataset,
        **({"imported": run.imported()} if run.imported() else {}),
        **({"initialization": public_part(start)} if (start := run.initialization()) else {}),
        "recipe": run.recipe.as_dict(),
        "made_with": {"tfgan_zoo": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
    }


def public_part(initialization: dict[str, Any]) -> dict[str, Any]:
    """What a card says of the weights that a run began with: not where they lay."""
    return {key: initialization[key] for key in ("kind", "model", "step", "sha256")}


def first_paragraph(module: types.ModuleType) -> str:
    """The first paragraph of a module's docstring, on one line."""
    return " ".join((module.__doc__ or "").split("\n\n")[0].split())
