"""Both players as .keras files beside an exported generator, for those who go on by hand in Keras.

    import keras
    import tfgan_zoo.layers  # registers the layers

    generator = keras.saving.load_model("export/my_sngan/1/assets.extra/generator.keras")

`pggan`'s networks grow and are classes of their own, which `import tfgan_zoo.networks.progressive` registers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

FOLDER = "assets.extra"  # TensorFlow Serving and `tf.saved_model.load` look for nothing but warm-up requests there


def write(folder: Path, networks: Mapping[str, keras.Model]) -> dict[str, Any]:
    """Writes `assets.extra/<name>.keras` of each network into a version folder. Returns {name: file} for the model card.

    Args:
        folder: of the version.
        networks: {"generator": ..., "discriminator": ...}, built in float32.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    files = {name: f"{FOLDER}/{name}.keras" for name in networks}
    for name, network in networks.items():
        network.save(folder / files[name])
    return files


def sentence(files: Mapping[str, str]) -> str:
    """What the README of a version folder says of the files."""
    names = " and ".join(f"`{file}`" for file in files.values())
    return f"For Keras: {names}, which `keras.saving.load_model` opens after `import tfgan_zoo.layers`."
