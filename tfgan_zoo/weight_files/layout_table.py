"""The layouts by name."""

from tfgan_zoo.weight_files import biggan_pytorch, hf_biggan_deep, mimicry, studiogan

READERS = {
    "mimicry": mimicry.find,
    "biggan_pytorch": biggan_pytorch.find,
    "hf_biggan_deep": hf_biggan_deep.find,
    "studiogan": studiogan.find,
}
