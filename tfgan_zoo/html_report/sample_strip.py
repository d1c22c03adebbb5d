"""How a run's samples developed: the grids that it stored during training, enlarged to one size."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.runs.run_folder import Run


def sample_grids(run: Run) -> dict[int, Path]:
    """{step: path} of the grids in a run's samples/, steps ascending.

    Raises:
        ZooError: there are none, or the run makes points.
    """
    if len(run.dataset["image_shape"]) != 3:
        raise ZooError(f"{run.folder} makes points, and growth shows images; see python -m tfgan_zoo.report.")
    paths = {int(path.stem.split("-")[1]): path for path in (run.folder / "samples").glob("step-*.png")}
    if not paths:
        raise ZooError(f"{run.folder} has stored no samples yet; the first come at step log.samples_every_steps.")
    return dict(sorted(paths.items()))


def samples_at(run: Run, step: int, path: Path) -> tuple[np.ndarray, int]:
    """(the images of a grid, uint8 [N, H, W, C], pixels repeated up to the run's full resolution; the grid's columns)."""
    full = run.dataset["image_shape"][0]
    side = run.recipe.stage_at(step).resolution or run.dataset["image_shape"][:2]
    height, width = (side, side) if isinstance(side, int) else side
    sheet = np.asarray(Image.open(path))
    sheet = sheet[..., None] if sheet.ndim == 2 else sheet
    sheet = sheet[:: pictures.default_scale(height), :: pictures.default_scale(height)]
    factor = full // height
    images = pictures.split_grid(sheet, height, width)
    return images.repeat(factor, 1).repeat(factor, 2), (sheet.shape[1] - 1) // (width + 1)


def strip(run: Run, columns: int = 8) -> np.ndarray:
    """One picture, uint8 [H, W, C], with a row per stage: the first images of the last grid stored in that stage.

    Args:
        run: the run.
        columns: images per row; at most those of a grid are shown.

    Raises:
        ZooError: as `sample_grids`.
    """
    last = {}
    for step, path in sample_grids(run).items():
        last[run.recipe.schedule.index(run.recipe.stage_at(step))] = (step, path)
    rows = [samples_at(run, *grid)[0][:columns] for grid in last.values()]
    return pictures.grid(np.concatenate(rows), min(len(row) for row in rows))


def frames(run: Run) -> np.ndarray:
    """Every grid that was stored, as uint8 pictures [N, H, W, C] in order.

    Raises:
        ZooError: as `sample_grids`.
    """
    grids = [samples_at(run, step, path) for step, path in sample_grids(run).items()]
    return np.stack([pictures.grid(images, columns) for images, columns in grids])
