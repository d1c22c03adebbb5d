"""Modes found on stacked MNIST, and how evenly: Metz et al. 2016, arXiv:1611.02163; VEEGAN, arXiv:1705.07761.

A generated RGB image has a digit in each channel, which a classifier reads; the triple is its mode, one of 1,000. The
divergence is KL(generated || uniform), from the empirical distribution of the generated modes to the uniform one, not to that
of the training data, as in PacGAN's published code (arXiv:1712.04086), for 26,000 samples. (Some call it the reverse KL. The
other direction would be infinite as soon as a mode is missing.)
"""

import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError

CHANNELS = 3


class StackedModes(typing.NamedTuple):
    """found: modes with at least one sample; kl: KL(generated || uniform) in nats, 0 to log(modes)."""

    found: int
    kl: float


def stacked_modes(digits: np.ndarray, classes: int = 10) -> StackedModes:
    """The `StackedModes` of digits, int [N, 3] in 0..classes - 1, among classes^3 modes.

    Both values depend on N, so compare them only at the same N. N uniform samples find `expected_modes(N)`, with a positive
    divergence of about (modes - 1) / (2 N) for N well above the number of modes: 0.019 nats for 26,000 samples and 1,000 modes.

    Raises:
        ZooError: another shape, not integers, or a digit out of range.

    Examples:
        Two of the 8 modes of binary digits, found equally often, diverge by log(8 / 2):

        >>> from tfgan_zoo.metrics import stacked_modes
        >>> result = stacked_modes([[0, 0, 1], [1, 1, 0], [0, 0, 1], [1, 1, 0]], classes=2)
        >>> result.found, round(result.kl, 4)
        (2, 1.3863)
    """
    digits = np.asarray(digits)
    if digits.ndim != 2 or digits.shape[1] != CHANNELS or not len(digits) or digits.dtype.kind not in "iu":
        raise ZooError(f"digits are {digits.dtype} of shape {digits.shape}; expected integers [N, 3], N at least 1.")
    if digits.min() < 0 or digits.max() >= classes:
        raise ZooError(
            f"digits lie in {digits.min()}..{digits.max()}, expected 0..{classes - 1}; use a classifier with exactly these"
            f" {classes} classes."
        )
    modes = np.ravel_multi_index(tuple(digits.T.astype(np.int64)), [classes] * CHANNELS)
    counts = np.unique(modes, return_counts=True)[1]
    shares = counts / len(digits)
    # sum p log(p / (1 / modes)), where missing modes add 0 log 0 = 0; rounding must not make it negative
    divergence = (shares * np.log(shares * classes**CHANNELS)).sum()
    return StackedModes(len(counts), max(float(divergence), 0.0))


def expected_modes(samples: int, modes: int = 1000) -> float:
    """The expected number of modes, of `modes` equally likely ones, in N independent samples: M (1 - (1 - 1/M)^N).

    Of 1,000 modes, 2,500 samples miss 82 on average; 26,000 almost surely miss none (5e-9 on average).

    Examples:
        >>> from tfgan_zoo.metrics import expected_modes
        >>> expected_modes(2, modes=2)  # 1 or 2, equally likely
        1.5
    """
    return modes * (1 - (1 - 1 / modes) ** samples)


def digits_of(network: typing.Any, images: np.ndarray) -> np.ndarray:
    """The digits that a classifier reads in the three channels, int64 [N, 3].

    Args:
        network: a `FeatureNetwork` of one channel whose classes are the digits, such as mnist_cnn.
        images: uint8 [N, H, W, 3].

    Raises:
        ZooError: other images, or a network that doesn't take one channel.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != CHANNELS:
        raise ZooError(f"images have the shape {images.shape}; expected [N, H, W, 3], a digit in each channel.")
    predicted = [network.embed(images[..., [channel]])[1].argmax(axis=1) for channel in range(CHANNELS)]
    return np.stack(predicted, axis=1)
