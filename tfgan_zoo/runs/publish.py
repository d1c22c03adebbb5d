"""From a run to a SavedModel version folder with its card."""

import keras
import tensorflow as tf

from tfgan_zoo import __version__
from tfgan_zoo.core import catalog
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.metrics.score_registry import direction
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import write_version


def export_run(run, base, which="latest", version=None):
    """Writes the averaged generator of a run's checkpoint as `base/<version>/`. Returns that folder.

    Args:
        run: a `Run`.
        base: the model's folder, whose name is the model's name in TF Serving.
        which: the checkpoint: "latest", "best" or a step.
        version: a positive number, one more than the last where left out.
    """
    network, prior, step = run.generator(which)
    return write_version(
        ExportedGenerator(network, prior), base, card_of(run, step, network), version, real_points(run)
    )


def real_points(run):
    """The run's training data where that is points in the plane, float32 [N, 2]; None where it is images."""
    return load_source(run.recipe.data).images if len(run.dataset["image_shape"]) == 1 else None


def card_of(run, step, network):
    """What a model card says of the checkpoint of `step`, whose generator is `network`: plain values."""
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
        "recipe": run.recipe.as_dict(),
        "made_with": {"tfgan_zoo": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
    }


def first_paragraph(module):
    return " ".join(module.__doc__.split("\n\n")[0].split())
