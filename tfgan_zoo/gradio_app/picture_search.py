"""What the page does with latents: finds that of an uploaded picture, adds latents, shows mean images. Nothing depends on Gradio."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.gradio_app.model_library import ModelInfo
from tfgan_zoo.gradio_app.rendering import BY_SEED
from tfgan_zoo.latents.investigation import Investigation
from tfgan_zoo.latents.latent_files import read_picture
from tfgan_zoo.latents.latent_search import Settings
from tfgan_zoo.latents.search_report import network_or_reason
from tfgan_zoo.pictures.captions import captioned
from tfgan_zoo.saved_model.signature_calls import Arrays, Sampler

TIME_LIMIT = 60.0  # seconds of optimising, after which the page shows what there is
MAX_KEPT = 16  # latents of a visitor and a model

Kept = dict[str, Arrays]


def within(seconds: float, tell: Callable[[float], object]) -> Callable[[Iterable[int], str], Iterable[int]]:
    """A `Watch` that ends after so many seconds and calls `tell` with the share that is done."""

    def watch(steps: Iterable[int], title: str) -> Iterable[int]:
        steps, end = list(steps), time.monotonic() + seconds
        for step in steps:
            if step and time.monotonic() > end:
                return
            tell(step / len(steps))
            yield step

    return watch


def find(
    generator: Sampler,
    info: ModelInfo,
    path: str | None,
    label: int = BY_SEED,
    steps: float = 150,
    tell: Callable[[float], object] = lambda share: None,
    seconds: float = TIME_LIMIT,
) -> tuple[np.ndarray, str, Arrays]:
    """The latent of a picture.

    Args:
        generator: a sampler of images; info: of its card.
        path: of the picture's file; None if there is none yet.
        label: a class, `BY_SEED` to try all.
        steps: of the optimiser.
        tell: called with the share of them that is done.
        seconds: after which it ends.

    Returns:
        (the strip uint8 [H, W, 3], the caption, the generator's inputs {name: [1, ...]}).

    Raises:
        ZooError: there is no picture, or it cannot be read, or the generator gives no gradient.
    """
    if not path:
        raise ZooError("there is no picture yet; upload one.")
    it = Investigation(generator, info.classes)
    try:
        picture = read_picture(path, generator, info.fit, info.background)
    except ZooError as error:  # the folder is the server's
        raise ZooError(str(error).replace(path, Path(path).name)) from None
    chosen = None if label == BY_SEED or not info.classes else label
    network, reason = network_or_reason(None, info.features, None, picture.shape[-1])
    found, lines, cells = it.find(picture, chosen, None, Settings(int(steps)), network, within(seconds, tell))
    done = found.moments[-1].step
    stopped = [f"stopped at step {done} of {int(steps)}, after {seconds:g} s"] if done < steps else []
    caption = ". ".join([*stopped, *lines, *([reason] if reason else [])])
    return captioned([cells]), caption, found.inputs


def remembered(kept: Kept, inputs: Arrays) -> tuple[Kept, str]:
    """(the latents with a new one, its name): p1, p2, ... Refuses more than `MAX_KEPT` in a `ZooError`."""
    if len(kept) >= MAX_KEPT:
        raise ZooError(f"{MAX_KEPT} latents are kept for a model at most; reload the page to begin anew.")
    name = f"p{len(kept) + 1}"
    return {**kept, name: inputs}, name


def add(generator: Sampler, info: ModelInfo, text: str, kept: Kept, label: int = 0) -> tuple[np.ndarray, str, Arrays]:
    """A sum of latents.

    Args:
        generator: a sampler of images; info: of its card.
        text: such as "p1 - seed:2 + seed:3": kept latents, seeds and `mean`. Files are not read.
        kept: latents by their names.
        label: the class of all images.

    Returns:
        (the figure of the terms and the sum uint8 [H, W, 3], the caption, the inputs of the sum).

    Raises:
        ZooError: it is not such a sum.
    """
    it = Investigation(generator, info.classes, kept=kept)
    for name in it.names(text or ""):
        if name not in kept and name != "mean" and not name.startswith("seed:"):
            raise ZooError(f"no latent {name!r}; expected {', '.join([*kept, 'seed:3', 'mean'])}.")
    codes = None
    if generator.code_size and not any(name in kept for name in it.names(text)):
        codes = np.zeros([generator.code_size])
    latent, _, figure = it.add(text, max(0, label) if info.classes and generator.conditional else None, codes)
    return figure, text, latent


def means(generator: Sampler, info: ModelInfo) -> tuple[np.ndarray, str]:
    """(a figure of the mean images of each class uint8 [H, W, 3], the caption)."""
    figure = Investigation(generator, info.classes).means()
    return figure, "above the image of the mean latent, beneath the mean pixels of 64 samples"
