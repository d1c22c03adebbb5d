"""A score and the protocol that it was taken by: scores of different protocols are never compared or called alike."""

import dataclasses
import functools

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.bootstrap import centred_interval
from tfgan_zoo.metrics.distances import moments
from tfgan_zoo.metrics.players import GeneratedSamples
from tfgan_zoo.metrics.score_registry import direction, kinds_of


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
    settings: str = ""  # the score's own numbers, such as "k=3"

    def counts(self):
        """What the score was taken of, in words."""
        generated = f"{self.generated_images:,} generated"
        real = f"{self.real_images:,} real images of {self.real}, {self.real_split}"
        if not self.real_images:
            return generated
        return f"{generated} against {real}" if self.generated_images else real


@dataclasses.dataclass(frozen=True)
class Score:
    """A number, what it is of, and how it was taken. `scores.direction` says which is the better."""

    name: str
    value: float
    standard_error: float | None
    step: int  # of the checkpoint; 0 where there is none
    protocol: Protocol
    interval: tuple[float, float] | None = None  # bootstrapped, of 95 %; None where it was not asked for

    def as_dict(self):
        """Plain values, as a line of scores.jsonl."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, line):
        """A score from `as_dict`'s values. Raises `ZooError` for those of a version that took scores otherwise."""
        interval, known = line.get("interval"), {field.name for field in dataclasses.fields(Protocol)}
        if unknown := line["protocol"].keys() - known:
            raise ZooError(
                f"the score {line['name']} was taken by another version of this library, whose protocol has"
                f" {', '.join(sorted(unknown))}; take it anew, in a copy of the run without scores.jsonl."
            )
        return cls(
            **{**line, "protocol": Protocol(**line["protocol"]), "interval": tuple(interval) if interval else None}
        )

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
        better = direction(self.name)
        if not better:
            raise ZooError(f"{self.name} has no better end: it is read beside other values, see docs/evaluation.md.")
        return self.value > other.value if better == "higher" else self.value < other.value


class Evaluator:
    """Scores players against one set of real images, whose features are taken when first needed, and kept.

    Args:
        network: a `FeatureNetwork`.
        source: a data source with `images`, `labels`, `class_names`, `classes`, `size`, `name` and `fingerprint()`.
        split: the name of the split that it holds.
        samples: how many images to generate.
        seed: of the first generated image, and of the choice among the reals.
        held_out: function without arguments that returns the source of `held_out_split`; raises `ZooError` where there is
            none. Called at most once, when a score needs it.
        modes: for a mixture of Gaussians in the plane (centres [M, 2], standard deviation), otherwise None.
        reals: how many real images to take at most, drawn by `seed`; `samples` where left out.
        cache: a `FeatureCache` for those of the source; None keeps them in memory.
        resamples: of the bootstrap that gives each score its interval; 0 for none.
        watch: function (list, text) -> the same list, telling of progress through it.
        own_data: whether the source is what the players were trained on, so that nothing is called held out that was not.
        held_out_split: the name of the split that `held_out` returns.
    """

    def __init__(
        self,
        network,
        source,
        split,
        samples,
        seed=0,
        held_out=None,
        modes=None,
        reals=None,
        cache=None,
        resamples=0,
        watch=lambda parts, text: parts,
        own_data=True,
        held_out_split="test",
    ):
        if samples < 2:
            raise ZooError(f"samples={samples}: a distance between distributions needs 2 images at least, better 5000.")
        self.network, self.source, self.split, self.samples, self.seed = network, source, split, samples, seed
        self.held_out, self.modes, self.cache, self.resamples, self.watch = held_out, modes, cache, resamples, watch
        self.own_data, self.held_out_split = own_data, held_out_split
        self.numbers, reals = np.arange(source.size), samples if reals is None else reals
        if source.size > reals:
            self.numbers = np.sort(np.random.default_rng(seed).choice(source.size, reals, replace=False))

    @property
    def real_images(self):
        """Those of the source that this judge looks at: `source.images[numbers]`."""
        return self.source.images[self.numbers]

    @property
    def real_labels(self):
        """Their labels, None where there are none."""
        return None if self.source.labels is None else self.source.labels[self.numbers]

    @functools.cached_property
    def real_features(self):
        if self.cache:
            return self.cache.features(self.network, self.source, self.numbers, self.watch)
        return self.network.features(self.real_images)

    @functools.cached_property
    def real_moments(self):
        if self.cache:
            return self.cache.moments(self.network, self.source, self.numbers, self.real_features)
        return moments(self.real_features)

    @functools.cached_property
    def test(self):
        """The source of the held-out split."""
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

    def check(self, names, players):
        """Raises `ZooError` where a score of these names is unknown, or cannot be taken of such `Players` on this data."""
        shape, given = tuple(self.source.image_shape), players.shape
        if given and tuple(given) != shape:
            raise ZooError(
                f"what is judged has the shape {list(given)}, and {self.source.name} {list(shape)}; bring the data to it:"
                " --resolution, --channels."
            )
        for kind in kinds_of(names):
            kind.check(self, players)
            needed = kind.protocol(self).generated_images
            if players.limit and needed > players.limit:
                raise ZooError(f"{needed:,} images are needed, and there are {players.limit:,}; take fewer: --samples.")

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
        found, drawn = [], GeneratedSamples(self, players)
        for kind in kinds_of(names):
            protocol = kind.protocol(self)
            if protocol.generated_images:
                protocol = dataclasses.replace(protocol, truncation=players.truncation)
            for m in kind(self, drawn):
                found.append(Score(m.name, m.value, m.standard_error, step, protocol, self.interval(m)))
        return found

    def interval(self, measurement):
        """(low, high) of 95 % by the bootstrap, within the measurement's bounds; None where there is none."""
        name, value, _, resample, bounds = measurement
        if not (resample and self.resamples):
            return None
        random = np.random.default_rng(self.seed)
        replicates = [resample(random) for _ in self.watch(range(self.resamples), f"Interval of {name}")]
        return tuple(float(np.clip(end, *bounds)) for end in centred_interval(value, replicates))
