"""Generators to sample from, wherever they are: in a run, in an export, behind a server."""

from tfgan_zoo.core.errors import ZooError


def open_run(folder, checkpoint="latest"):
    """(the `Generator` of a run's checkpoint, the training data where that is points)."""
    from tfgan_zoo.runs.publish import real_points
    from tfgan_zoo.runs.run_folder import Run
    from tfgan_zoo.saved_model.signatures import ExportedGenerator

    run = Run(folder)
    network, prior, step = run.generator(checkpoint)
    print(f"{folder}, step {step:,}")
    return ExportedGenerator(network, prior).generator(), real_points(run)


def open_export(folder, unsafe=False):
    """The `Generator` of a model's folder or one version of it; `unsafe`: see `version_folder.load_version`."""
    from tfgan_zoo.saved_model.version_folder import load_version, newest

    folder = newest(folder)
    print(folder)
    return load_version(folder, unsafe)


def open_server(address, model, **settings):
    """The `RemoteGenerator` of a model behind "HOST:PORT", without importing TensorFlow.

    Args:
        model: NAME, NAME:VERSION or NAME:LABEL.
        settings: of the `Client`.
    """
    from tfgan_zoo.serving import Client

    if not model:
        raise ZooError(f"which model of {address}? Give --model, such as --model=sngan_mnist.")
    name, _, chosen = model.partition(":")
    version, label = (int(chosen), None) if chosen.isdecimal() else (None, chosen or None)
    generator = Client(address, **settings).generator(name, version, label)
    print(f"{address}, {generator.model}")
    return generator
