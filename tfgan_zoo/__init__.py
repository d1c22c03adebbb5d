"""A model zoo of generative adversarial networks in TensorFlow and Keras.

`load(name)` gives a trained generator of the zoo; the rest is in the modules, and `python -m tfgan_zoo.train --help`.
"""

__version__ = "0.2.0"


def load(name, version=None):
    """A trained generator of the zoo, as `tf.saved_model.load` gives it; its signatures are in its README.

    Args:
        name: such as "sngan_mnist".
        version: a number; the newest where left out.

    Raises:
        ZooError: no such generator or version; lists those that there are. Or its files are not what its card says.
    """
    import tensorflow as tf

    from tfgan_zoo.core.errors import no_such
    from tfgan_zoo.core.locations import pretrained_folder
    from tfgan_zoo.saved_model import trust
    from tfgan_zoo.saved_model.version_folder import versions

    zoo = pretrained_folder()
    names = sorted(p.name for p in zoo.glob("*") if versions(p))
    if name not in names:
        raise no_such("trained generator", name, names)
    there = versions(zoo / name)
    if version is not None and version not in there:
        raise no_such(f"version of {name}", version, there)
    folder = zoo / name / str(version or there[-1])
    trust.check(folder)
    return tf.saved_model.load(str(folder))
