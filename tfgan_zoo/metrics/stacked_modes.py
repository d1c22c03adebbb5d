"""Modes found on stacked MNIST, and how evenly: Metz et al. 2016, arXiv:1611.02163; VEEGAN, arXiv:1705.07761.

A generated RGB image has a digit in each channel, which a classifier of digits reads; the triple is its mode, one of
1,000. The divergence is KL(generated || uniform), with the generated modes' empirical distribution first and the uniform
one, not the training data's, as the reference: PacGAN (arXiv:1712.04086) computes it so, of 26,000 samples, in its
published code. (Some call it the reverse KL. The other direction would be infinite as soon as a mode is missing.)
"""

import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError

CHANNELS = 3


class StackedModes(typing.NamedTuple):
    """found: modes with one sample at least; kl: KL(generated || uniform) in nats, 0 to log(modes)."""

    found: int
    kl: float


def stacked_modes(digits, classes=10):
    """The `StackedModes` of digits, int [N, 3] in 0..classes - 1, among classes^3 modes.

    Both depend on N, so compare only at one N. N uniform samples find `expected_modes(N)`, and their divergence is above 0:
    about (modes - 1) / (2 N) for N well above the number of modes, 0.019 nats for 26,000 samples and 1,000 modes.

    Raises:
        ZooError: another shape, not whole numbers, or a digit out of range.
    """
    digits = np.asarray(digits)
    if digits.ndim != 2 or digits.shape[1] != CHANNELS or not len(digits) or digits.dtype.kind not in "iu":
        raise ZooError(
            f"digits are {digits.dtype} of shape {digits.shape}; expected whole numbers [N, 3], N at least 1."
        )
    if digits.min() < 0 or digits.max() >= classes:
        raise ZooError(
            f"digits lie in {digits.min()}..{digits.max()}, expected 0..{classes - 1}; the classifier that read them"
            f" should know these {classes} classes and no other."
        )
    modes = np.ravel_multi_index(tuple(digits.T.astype(np.int64)), [classes] * CHANNELS)
    counts = np.unique(modes, return_counts=True)[1]
    shares = counts / len(digits)
    # sum p log(p / (1 / modes)), where what is missing adds 0 log 0 = 0; rounding must not take it below 0
    divergence = (shares * np.log(shares * classes**CHANNELS)).sum()
    return StackedModes(len(counts), max(float(divergence), 0.0))


def expected_modes(samples, modes=1000):
    """How many of `modes` equally likely modes so many independent samples find on average: M (1 - (1 - 1/M)^N).

    2,500 samples of 1,000 modes miss 82 on average, 26,000 miss none in all likelihood (5e-9).
    """
    return modes * (1 - (1 - 1 / modes) ** samples)


def digits_of(network, images):
    """The digits that a classifier reads in the channels, int64 [N, 3].

    Args:
        network: a `FeatureNetwork` that reads one channel and whose classes are the digits, such as mnist_cnn.
        images: uint8 [N, H, W, 3].

    Raises:
        ZooError: other images, or a network that doesn't read one channel.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != CHANNELS:
        raise ZooError(f"images have the shape {images.shape}; expected [N, H, W, 3], a digit in each channel.")
    read = [network.embed(images[..., [channel]])[1].argmax(axis=1) for channel in range(CHANNELS)]
    return np.stack(read, axis=1)
