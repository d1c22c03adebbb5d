"""Protocols by name: the settings with which published scores of one kind are computed.

A name gives the score and the number of samples, and `_full` if all real images are used rather than as many as samples.
"""

import dataclasses

from tfgan_zoo.core.errors import no_such


@dataclasses.dataclass(frozen=True)
class Preset:
    """What `evaluate --protocol` sets.

    Attributes:
        features: name of the feature network.
        samples: number of images to generate.
        scores: keys of `SCORES`.
        reals: largest number of real images; None for all.
        about: one line of description.
    """

    features: str
    samples: int
    scores: tuple[str, ...]
    reals: int | None
    about: str


PROTOCOLS = {
    "fid50k_full": Preset("inception", 50_000, ("distances",), None, "FID and KID of 50,000 samples against all reals"),
    "fid50k": Preset("inception", 50_000, ("distances",), 50_000, "FID and KID, 50,000 of each: mimicry's and others'"),
    "fid10k": Preset("inception", 10_000, ("distances",), 10_000, "FID and KID, 10,000 of each"),
    "clean_fid50k_full": Preset("inception_clean", 50_000, ("distances",), None, "fid50k_full with clean resizing"),
    "kid50k_full": Preset(
        "inception", 50_000, ("kernel_subsets",), None, "KID over 100 subsets of 1,000, as in its paper"
    ),
    "is50k": Preset(
        "inception", 50_000, ("inception_score",), 50_000, "Inception score of 50,000 samples in 10 splits"
    ),
    "pr50k_full": Preset("inception", 50_000, ("precision_recall",), None, "improved precision and recall, k=3"),
    "dc10k": Preset("inception", 10_000, ("density_coverage",), 10_000, "density and coverage, k=5"),
    "swd16k": Preset("mnist_cnn", 16_384, ("sliced_wasserstein",), 16_384, "sliced Wasserstein, as in PGGAN's paper"),
    "fd_mnist_cnn5k": Preset("mnist_cnn", 5000, ("distances",), 5000, "the score of the quickstarts; no download"),
    "fd_effnet_lite0_10k": Preset("effnet_lite0", 10_000, ("distances",), 10_000, "colour images without a download"),
}


def preset(name: str) -> Preset:
    """The `Preset` of this name. Raises `ZooError` if it is not in `PROTOCOLS`."""
    if name not in PROTOCOLS:
        raise no_such("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
