"""Pictures that a latent is looked for, and the files that latents are kept in."""

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfgan_zoo.core.atomic_files import write_atomically
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.file_trees import Folder
from tfgan_zoo.data.folder import read_image
from tfgan_zoo.data.resizing import to_shape
from tfgan_zoo.saved_model.signature_calls import Arrays, BaseSampler


def read_picture(
    path: str | Path, generator: BaseSampler, fit: str, background: int = 0, white_level: int | None = None
) -> np.ndarray:
    """An image file in the shape of a generator's images, brought there as training data is: `data.resizing`.

    Args:
        path: of any type that Pillow reads.
        generator: gives height, width and channels.
        fit: "pad", "crop" or "refuse".
        background, white_level: as in a recipe's data settings.

    Returns:
        uint8 [H, W, C].

    Raises:
        ZooError: the file is missing, is no image, or has another size and `fit` is "refuse".
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ZooError(f"{path}: there is no such file; give an image, such as --image=seven.png.")
    image, reason = read_image(Folder(path.parent), path.name, white_level)
    if image is None:
        raise ZooError(f"{path} can't be read as an image: {reason}.")
    try:
        height, width, channels = generator.sample_shape
        return to_shape(image, height, width, channels, fit, background)
    except ZooError as error:
        raise ZooError(f"{path} {error}".replace("data.fit", "--fit") if fit == "refuse" else str(error)) from None


def ready_for_figure(path: str) -> Path:
    """The path of a figure, once its folder exists and a file could be written there, which is better known before a search.

    Raises:
        ZooError: the name does not end in .png.
        OSError: nothing can be written there.
    """
    out = Path(path).expanduser()
    if out.suffix != ".png":
        raise ZooError(f"--out={path}: expected a name that ends in .png.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out.parent):
        pass
    return out


def save_sum(path: Path, inputs: Arrays, names: Sequence[str]) -> None:
    """`save_latent` of the sum of several latents.

    Raises:
        ZooError: it would replace one of the files `names` that were added.
    """
    if len(names) < 2:
        return
    if any(path.resolve() == Path(name).expanduser().resolve() for name in names):
        raise ZooError(f"the sum's latent would replace {path}, one of its terms; give another --out.")
    save_latent(path, inputs)
    print(f"Latent: {path}")


def save_latent(path: str | Path, inputs: Arrays) -> None:
    """Writes one image's inputs of `serving_default`, {name: array [1, ...]}, to an .npz that NumPy reads."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: np.savez(file, **inputs))  # type: ignore[arg-type]


def read_latent(path: str | Path, generator: BaseSampler) -> Arrays:
    """What `save_latent` wrote, checked against a generator's inputs.

    Raises:
        ZooError: the file is missing or no .npz, or holds inputs that the generator does not take.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            inputs = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else "it is not a latent's .npz"
        raise ZooError(f"{path}: {reason}; python -m tfgan_zoo.project --image=FILE writes one.") from None
    try:
        inputs = generator.serving_inputs(**inputs)
    except ZooError as error:
        raise ZooError(f"{path} is not a latent of this generator: {error}") from None
    if any(len(values) != 1 for values in inputs.values()):
        raise ZooError(f"{path} holds several latents; expected one, of shape [1, ...].")
    return inputs
