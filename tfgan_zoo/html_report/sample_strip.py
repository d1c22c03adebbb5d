"""How a run's samples grew: the grids that it drew of the same latents as training went on, brought to one size."""

import re

import numpy as np
from PIL import Image

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError


def sample_grids(run):
    """{step: path} of the grids in a run's samples/, rising.

    Raises:
        ZooError: there are none, or they are of points.
    """
    if len(run.dataset["image_shape"]) != 3:
        raise ZooError(f"{run.folder} makes points, and growth is shown of images.")
    paths = {int(re.search(r"\d+", path.stem)[0]): path for path in (run.folder / "samples").glob("step-*.png")}
    if not paths:
        raise ZooError(f"{run.folder} has drawn no samples yet; they come every log.samples_every_steps.")
    return dict(sorted(paths.items()))


def samples_at(run, step, path):
    """The images of a grid, each pixel repeated up to the run's full size: (uint8 [N, H, W, C], the grid's columns)."""
    full = run.dataset["image_shape"][0]
    side = run.recipe.stage_at(step).resolution or run.dataset["image_shape"][:2]
    height, width = (side, side) if isinstance(side, int) else side
    sheet = np.asarray(Image.open(path))
    sheet = sheet[..., None] if sheet.ndim == 2 else sheet
    sheet = sheet[:: pictures.default_scale(height), :: pictures.default_scale(height)]
    factor = full // height
    images = pictures.split_grid(sheet, height, width)
    return images.repeat(factor, 1).repeat(factor, 2), (sheet.shape[1] - 1) // (width + 1)


def strip(run, columns=8):
    """One uint8 picture [H, W, C]: a row a stage, the first images of the last grid that was drawn in it.

    Args:
        run: a `Run`.
        columns: images a row, at most those of a grid.
    """
    last = {}
    for step, path in sample_grids(run).items():
        last[run.recipe.schedule.index(run.recipe.stage_at(step))] = (step, path)
    rows = [samples_at(run, *taken)[0][:columns] for taken in last.values()]
    return pictures.grid(np.concatenate(rows), min(len(row) for row in rows))


def frames(run):
    """uint8 pictures [N, H, W, C]: every grid that was drawn, in turn."""
    taken = [samples_at(run, step, path) for step, path in sample_grids(run).items()]
    return np.stack([pictures.grid(images, columns) for images, columns in taken])
