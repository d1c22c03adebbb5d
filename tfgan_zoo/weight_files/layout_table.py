"""The layouts of weight files by name."""

from collections.abc import Callable

import numpy as np

from tfgan_zoo.weight_files import biggan_pytorch, hf_biggan_deep, mimicry, r3gan_pickle, studiogan, stylegan2_pickle
from tfgan_zoo.weight_files.network_pickle import read_networks
from tfgan_zoo.weight_files.torch_file import read_tensors
from tfgan_zoo.weight_files.transfer import RecognizedWeights

READERS: dict[str, Callable[..., RecognizedWeights]] = {
    "mimicry": mimicry.recognize,
    "biggan_pytorch": biggan_pytorch.recognize,
    "hf_biggan_deep": hf_biggan_deep.recognize,
    "studiogan": studiogan.recognize,
    "stylegan2_ada": stylegan2_pickle.recognize,
    "r3gan": r3gan_pickle.recognize,
}
PICKLED = ("stylegan2_ada", "r3gan")  # whose files hold whole networks, G, D and G_ema


def read_file(layout: str, path: str) -> dict[str, np.ndarray]:
    """The tensors of a file of this layout by name.

    Raises:
        ZooError: as `read_tensors` and `read_networks`.
    """
    return (read_networks if layout in PICKLED else read_tensors)(path)


def players_of(layout: str, tensors: dict[str, np.ndarray]) -> tuple[str | None, str | None]:
    """(key of the generator, key of the discriminator) that are taken unless another is chosen; None where there is no such rule."""
    keys = {name.partition(".")[0] for name in tensors}
    if layout not in PICKLED:
        return None, None
    return next((key for key in ("G_ema", "G") if key in keys), None), "D" if "D" in keys else None
