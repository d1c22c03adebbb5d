"""What a run can begin with: the averaged generator and the discriminator of a run, an export or imported weights, by name.

Only numbers are read: of an export the checkpoint in `variables/`, whose graph of objects holds the names, and never the graph.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.saved_model import discriminator_file, trust
from tfgan_zoo.saved_model.version_folder import card_of, newest, versions

EXPECTED = "give the folder of a run (runs/first), of an export (export/sngan_mnist) or of imported weights"


@dataclasses.dataclass(frozen=True)
class TrainedWeights:
    """Two networks' variables by path, and what they were trained on.

    Attributes:
        where: the checkpoint or version, in words.
        kind: "run", "imported" or "export".
        model: its name; "" if an export does not say.
        step: of the checkpoint, None if an export does not say.
        generator: {path: array}, averaged over training.
        discriminator: likewise as it was last; {} if there is none.
        class_names: one per class; () if the classes have no names.
        num_classes: 0 without labels.
        sha256: {file: its hash in hexadecimal}.
    """

    where: str
    kind: str
    model: str
    step: int | None
    generator: Mapping[str, np.ndarray]
    discriminator: Mapping[str, np.ndarray]
    class_names: tuple[str, ...]
    num_classes: int
    sha256: Mapping[str, str]


def open_trained(folder: str | Path, checkpoint: str | int = "latest") -> TrainedWeights:
    """The weights in the folder of a run, an export or one version of it, or of an imported run.

    Args:
        folder: of it.
        checkpoint: of a run: "latest", "best" or a step.

    Raises:
        ZooError: the folder is none of these, it has no such checkpoint, or its files are damaged or changed.
    """
    folder = Path(folder).expanduser()
    if not folder.exists():
        raise ZooError(f"init_from={folder}: there is no such folder; {EXPECTED}.")
    if (folder / "recipe.json").is_file():
        return of_run(Run(folder), checkpoint)
    if not (folder / "saved_model.pb").exists() and not versions(folder):
        raise ZooError(f"init_from={folder} is neither a run nor an export; {EXPECTED}.")
    if checkpoint != "latest":
        raise ZooError(
            f"init_checkpoint={checkpoint} chooses among those of a run, and {folder} is an export; leave it out."
        )
    return of_export(newest(folder))


def of_run(run: Run, checkpoint: str | int) -> TrainedWeights:
    """Of a run trained here or imported."""
    step, dataset, imported = run.step_of(checkpoint), run.dataset, run.imported()
    return TrainedWeights(
        where=f"{run.folder}, step {step:,}",
        kind="imported" if imported else "run",
        model=run.recipe.model,
        step=step,
        generator=run.weights("average", step),
        discriminator=run.weights("discriminator", step),
        class_names=() if imported else tuple(dataset["class_names"]),  # the importer only numbers them
        num_classes=dataset["num_classes"],
        sha256={path.name: trust.sha256(path) for path in run.checkpoints().files_of(step)},
    )


def of_export(folder: Path) -> TrainedWeights:
    """Of a version folder."""
    if (folder / "model_card.json").exists():
        trust.verify(folder, "Fetch or export it again.")
    card = card_of(folder)
    dataset = card.get("dataset", {})
    files = [*sorted((folder / "variables").glob("variables.*")), discriminator_file.path_in(folder)]
    return TrainedWeights(
        where=str(folder),
        kind="export",
        model=card.get("model", ""),
        step=card.get("step"),
        generator=exported_variables(folder),
        discriminator=discriminator_file.read(folder),
        class_names=() if "imported" in card else tuple(dataset.get("class_names", ())),
        num_classes=dataset.get("num_classes", card.get("num_classes", 0)),
        sha256={path.relative_to(folder).as_posix(): trust.sha256(path) for path in files if path.exists()},
    )


def exported_variables(folder: Path) -> dict[str, np.ndarray]:
    """{path: array} of a SavedModel's variables.

    Raises:
        ZooError: its checkpoint cannot be read.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    try:
        reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        objects = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        attributes = [a for node in objects.nodes for a in node.attributes if a.full_name]
        return {a.full_name: reader.get_tensor(a.checkpoint_key) for a in attributes}
    except (tf.errors.OpError, DecodeError, RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise ZooError(f"{folder}/variables cannot be read ({first}); fetch or export it again.") from None
