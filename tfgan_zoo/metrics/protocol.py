"""A score and the protocol that it was taken by: scores of different protocols are never compared or called alike."""

import dataclasses

import numpy as np

from tfgan_zoo.errors import ZooError
from tfgan_zoo.metrics.distances import frechet_distance, kernel_distance, moments
from tfgan_zoo.metrics.features import score_names


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a score was taken. Two scores may be compared where all of this is equal."""

    features: str  # name of the feature network
    features_sha256: str  # of its weights file
    resizing: str  # how images come to its input
    real: str  # data source
    real_split: str
    real_sha256: str  # of the images and labels
    real_images: int
    generated_images: int
    seed: int  # generated image i is that of seed `seed + i`
    truncation: float | None


@dataclasses.dataclass(frozen=True)
class Score:
    """A number, what it is of, and how it was taken. Lower is better for every distance."""

    name: str
    value: float
    standard_error: float | None
    step: int  # of the checkpoint
    protocol: Protocol

    def as_dict(self):
        """Plain values, as a line of scores.jsonl."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, line):
        """A score from `as_dict`'s values."""
        return cls(**{**line, "protocol": Protocol(**line["protocol"])})

    def better_than(self, other):
        """Whether this distance is the smaller one.

        Raises:
            ZooError: another score or another protocol; names the differences.
        """
        if self.name != other.name:
            raise ZooError(f"{self.name} and {other.name} are different scores and cannot be compared.")
        mine, its = dataclasses.asdict(self.protocol), dataclasses.asdict(other.protocol)
        odd = [f"{key}: {mine[key]} and {its[key]}" for key in mine if mine[key] != its[key]]
        if odd:
            raise ZooError(f"two values of {self.name} of different protocols cannot be compared: {'; '.join(odd)}.")
        return self.value < other.value


class Judge:
    """Scores generators against one set of real images by Fréchet and kernel distance. Features of the reals are kept.

    Args:
        network: a `FeatureNetwork`.
        source: a data source with `images`, `name` and `fingerprint()`.
        split: the name of the split that it holds.
        samples: how many images to generate, and how many real ones to take at most, drawn by `seed`.
        seed: of the first generated image, and of the choice among the reals.
    """

    def __init__(self, network, source, split, samples, seed=0):
        if samples < 2:
            raise ZooError(f"samples={samples}: a distance between distributions needs 2 images at least, better 5000.")
        self.network, self.samples, self.seed = network, samples, seed
        numbers = np.arange(source.size)
        if source.size > samples:
            numbers = np.sort(np.random.default_rng(seed).choice(source.size, samples, replace=False))
        self.real_features = network.features(source.images[numbers])
        self.real_moments = moments(self.real_features)
        self.real = {
            "real": source.name,
            "real_split": split,
            "real_sha256": source.fingerprint(),
            "real_images": len(numbers),
        }

    def scores(self, generate, step, truncation=None):
        """The scores of a generator.

        Args:
            generate: function (int64 seeds [B]) -> uint8 images [B, H, W, C].
            step: of the checkpoint that it comes from.
            truncation: noted in the protocol.

        Returns:
            [Fréchet distance, kernel distance] as `Score`s.
        """
        features = []
        for start in range(0, self.samples, 100):
            seeds = np.arange(self.seed + start, self.seed + min(start + 100, self.samples), dtype=np.int64)
            features.append(self.network.features(generate(seeds)))
        fake = np.concatenate(features)
        protocol = Protocol(
            features=self.network.name,
            features_sha256=self.network.sha256,
            resizing=self.network.resizing,
            generated_images=self.samples,
            seed=self.seed,
            truncation=truncation,
            **self.real,
        )
        frechet, kernel = score_names(self.network.name)
        distance = kernel_distance(self.real_features, fake)
        return [
            Score(frechet, float(frechet_distance(self.real_moments, moments(fake))), None, step, protocol),
            Score(kernel, float(distance.value), float(distance.standard_error), step, protocol),
        ]
