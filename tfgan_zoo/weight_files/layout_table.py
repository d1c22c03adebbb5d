"""The layouts of weight files by name."""

from collections.abc import Callable

from tfgan_zoo.weight_files import biggan_pytorch, hf_biggan_deep, mimicry, studiogan
from tfgan_zoo.weight_files.transfer import RecognizedWeights

READERS: dict[str, Callable[..., RecognizedWeights]] = {
    "mimicry": mimicry.recognize,
    "biggan_pytorch": biggan_pytorch.recognize,
    "hf_biggan_deep": hf_biggan_deep.recognize,
    "studiogan": studiogan.recognize,
}
