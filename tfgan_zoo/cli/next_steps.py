"""What a training command prints when it ends."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfgan_zoo.runs.training_run import TrainingRun


def after_training(run: "TrainingRun", version: Path | None) -> str:
    """The final scores of a run and the commands that use its generator; how to resume it if it was stopped.

    Args:
        run: on the chief.
        version: the folder of its export, None if it was stopped.
    """
    if version is None:
        return f"Stopped and saved. To resume:\n  python -m tfgan_zoo.train --workdir={run.folder}"
    scores = [f"{score.name} = {score.value:.4g}  ({score.protocol.counts()})" for score in run.final_scores()]
    return "\n".join([
        *scores,
        f"Generator: {version}", "Next:",
        f"  python -m tfgan_zoo.sample --run={run.folder}",
        f"  python -m tfgan_zoo.evaluate --run={run.folder}",
        f"  python -m tfgan_zoo.report --run={run.folder}",
        f"  python -m tfgan_zoo.export --run={run.folder} --to=export/my_{run.recipe.model}",
        f"  tensorboard --logdir={run.folder}",
    ])  # fmt: skip
