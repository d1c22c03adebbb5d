"""Opens a generator to sample from: of a run, of an export, or behind a server."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgan_zoo.core.errors import ZooError

if TYPE_CHECKING:
    import numpy as np

    from tfgan_zoo.saved_model.signature_calls import Sampler
    from tfgan_zoo.serving.client import RemoteSampler


def open_run(folder: str | Path, checkpoint: str | int = "latest") -> "tuple[Sampler, np.ndarray | None]":
    """(the `Sampler` of a run's checkpoint, the training data if that is points in the plane)."""
    from tfgan_zoo.runs.publish import real_points
    from tfgan_zoo.runs.run_folder import Run
    from tfgan_zoo.saved_model.signatures import ExportedGenerator

    run = Run(folder)
    network, prior, step = run.generator(checkpoint)
    print(f"{folder}, step {step:,}")
    return ExportedGenerator(network, prior).generator(), real_points(run)


def open_export(folder: str | Path, unsafe: bool = False) -> "Sampler":
    """The `Sampler` of a model's folder or one version of it; unsafe: see `version_folder.load_version`."""
    from tfgan_zoo.saved_model.version_folder import load_version, newest

    folder = newest(folder)
    print(folder)
    return load_version(folder, unsafe)


def open_server(address: str, model: str | None, **settings: Any) -> "RemoteSampler":
    """The `RemoteSampler` of a model behind "HOST:PORT". Imports no TensorFlow.

    Args:
        address: "HOST:PORT".
        model: NAME, NAME:VERSION or NAME:LABEL.
        settings: those of the `Client`.
    """
    from tfgan_zoo.serving import Client

    if not model:
        raise ZooError(f"which model of {address}? Give --model, such as --model=sngan_mnist.")
    name, _, selector = model.partition(":")
    version, label = (int(selector), None) if selector.isdecimal() else (None, selector or None)
    generator = Client(address, **settings).generator(name, version, label)
    print(f"{address}, {generator.model}")
    return generator
