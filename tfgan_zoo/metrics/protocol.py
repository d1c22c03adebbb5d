"""A score and the protocol that it was taken by: scores of different protocols are never compared or called alike."""

import dataclasses
import functools

import numpy as np

from tfgan_zoo.errors import ZooError
from tfgan_zoo.metrics.distances import moments
from tfgan_zoo.metrics.scores import HIGHER_IS_BETTER, kinds_of


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a score was taken. Two scores may be compared where all of this is equal."""

    features: str  # name of the feature network; "discriminator" where the judged one reads the images itself
    features_sha256: str  # of its weights file
    resizing: str  # how images come to its input
    real: str  # data source
    real_split: str
    real_sha256: str  # of the images and labels
    real_images: int  # 0 where none are looked at
    generated_images: int  # likewise
    seed: int  # generated image i is that of seed `seed + i`
    truncation: float | None

    def counts(self):
        """What the score was taken of, in words."""
        generated = f"{self.generated_images:,} generated"
        real = f"{self.real_images:,} real images of {self.real}, {self.real_split}"
        if not self.real_images:
            return generated
        return f"{generated} against {real}" if self.generated_images else real


@dataclasses.dataclass(frozen=True)
class Score:
    """A number, what it is of, and how it was taken. Lower is better but for those in `HIGHER_IS_BETTER`."""

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
        """Whether this is the better one: the larger of shares that are got right, the smaller of everything else.

        Raises:
            ZooError: another score or another protocol; names the differences.
        """
        if self.name != other.name:
            raise ZooError(f"{self.name} and {other.name} are different scores and cannot be compared.")
        mine, its = dataclasses.asdict(self.protocol), dataclasses.asdict(other.protocol)
        odd = [f"{key}: {mine[key]} and {its[key]}" for key in mine if mine[key] != its[key]]
        if odd:
            raise ZooError(f"two values of {self.name} of different protocols cannot be compared: {'; '.join(odd)}.")
        return self.value > other.value if self.name in HIGHER_IS_BETTER else self.value < other.value


class Judge:
    """Scores players against one set of real images, whose features are taken when first needed, and kept.

    Args:
        network: a `FeatureNetwork`.
        source: a data source with `images`, `labels`, `class_names`, `classes`, `size`, `name` and `fingerprint()`.
        split: the name of the split that it holds.
        samples: how many images to generate, and how many real ones to take at most, drawn by `seed`.
        seed: of the first generated image, and of the choice among the reals.
        held_out: function without arguments that returns the source of the split "test"; raises `ZooError` where there is
            none. Called at most once, when a score needs it.
        modes: for a mixture of Gaussians in the plane (centres [M, 2], standard deviation), otherwise None.
    """

    def __init__(self, network, source, split, samples, seed=0, held_out=None, modes=None):
        if samples < 2:
            raise ZooError(f"samples={samples}: a distance between distributions needs 2 images at least, better 5000.")
        self.network, self.source, self.split, self.samples, self.seed = network, source, split, samples, seed
        self.held_out, self.modes = held_out, modes
        self.numbers = np.arange(source.size)
        if source.size > samples:
            self.numbers = np.sort(np.random.default_rng(seed).choice(source.size, samples, replace=False))

    @property
    def real_images(self):
        """Those of the source that this judge looks at: `source.images[numbers]`."""
        return self.source.images[self.numbers]

    @functools.cached_property
    def real_features(self):
        return self.network.features(self.real_images)

    @functools.cached_property
    def real_moments(self):
        return moments(self.real_features)

    @functools.cached_property
    def test(self):
        """The source of the split "test"."""
        if self.held_out is None:
            raise ZooError("this judge was given none.")
        return self.held_out()

    @functools.cached_property
    def test_sha256(self):
        return self.test.fingerprint()

    @functools.cached_property
    def protocol(self):
        """The `Protocol` of the distances, without truncation."""
        return Protocol(
            features=self.network.name,
            features_sha256=self.network.sha256,
            resizing=self.network.resizing,
            real=self.source.name,
            real_split=self.split,
            real_sha256=self.source.fingerprint(),
            real_images=len(self.numbers),
            generated_images=self.samples,
            seed=self.seed,
            truncation=None,
        )

    def check(self, names, game):
        """Raises `ZooError` where a score of these names is unknown, or cannot be taken of such a `Game` on this data."""
        for kind in kinds_of(names):
            kind.check(self, game)

    def protocols(self, names):
        """The set of `Protocol`s, without truncation, of these scores."""
        return {kind.protocol(self) for kind in kinds_of(names)}

    def scores(self, players, step, names=("distances",)):
        """The scores of `Players`.

        Args:
            players: the two of the checkpoint of `step`.
            names: keys of `SCORES`.

        Returns:
            `Score`s in the order of names; "distances" gives the Fréchet distance, then the kernel distance.
        """
        found = []
        for kind in kinds_of(names):
            protocol = kind.protocol(self)
            if protocol.generated_images:
                protocol = dataclasses.replace(protocol, truncation=players.truncation)
            found += [Score(name, value, error, step, protocol) for name, value, error in kind(self, players)]
        return found
