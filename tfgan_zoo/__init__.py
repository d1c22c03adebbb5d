"""A model zoo of generative adversarial networks in TensorFlow and Keras.

`load(name)` returns a trained generator of the zoo. To train one, see `python -m tfgan_zoo.train --help`.
"""

import typing

__version__ = "0.2.0"


def load(name: str, version: int | None = None) -> typing.Any:
    """A trained generator of the zoo, as `tf.saved_model.load` returns it.

    Its signatures are `sample`, `png`, `latents` and `serving_default`; the README in its folder explains them.

    Args:
        name: such as "sngan_mnist".
        version: a number; the newest by default.

    Raises:
        ZooError: there is no such generator or version (the message lists those that exist), or its files differ from
            those that its model card lists.

    Examples:
        >>> import tensorflow as tf
        >>> import tfgan_zoo
        >>> sample = tfgan_zoo.load("sngan_mnist").signatures["sample"]
        >>> no_truncation = tf.constant([float("inf")] * 2)
        >>> sample(seed=tf.constant([0, 1], tf.int64), truncation=no_truncation)["images"].shape
        TensorShape([2, 32, 32, 1])
    """
    import tensorflow as tf

    from tfgan_zoo.core.errors import no_such
    from tfgan_zoo.core.locations import pretrained_folder
    from tfgan_zoo.saved_model import trust
    from tfgan_zoo.saved_model.version_folder import version_folders, versions

    zoo = pretrained_folder()
    names = sorted(p.name for p in zoo.glob("*") if versions(p))
    if name not in names:
        raise no_such("trained generator", name, names)
    existing = version_folders(zoo / name)
    if version is not None and version not in existing:
        raise no_such(f"version of {name}", version, existing)
    folder = existing[max(existing) if version is None else version]
    trust.check(folder)
    return tf.saved_model.load(str(folder))
