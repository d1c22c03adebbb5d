"""A score and the protocol it was computed by: scores of different protocols are never compared or named alike."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.bootstrap import centred_interval
from tfgan_zoo.metrics.distances import Moments, moments
from tfgan_zoo.metrics.embedding import FeatureCache
from tfgan_zoo.metrics.estimate import Estimate
from tfgan_zoo.metrics.features import FeatureNetwork
from tfgan_zoo.metrics.players import Embed, GeneratedSamples, Players
from tfgan_zoo.metrics.score_registry import direction, kinds_of


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a score was computed. Two scores may be compared if all of this is equal."""

    features: str  # name of the feature network; "discriminator" if the evaluated one takes its place
    features_sha256: str  # of its weights file
    resizing: str  # how images are brought to its input
    real: str  # data source
    real_split: str
    real_sha256: str  # of the images and labels
    real_images: int  # 0 if none are used
    generated_images: int  # likewise
    seed: int  # generated image i has the seed `seed + i`
    truncation: float | None
    settings: str = ""  # parameters of the score, such as "k=3"

    def counts(self) -> str:
        """A description of the images that the score was computed from."""
        generated = f"{self.generated_images:,} generated"
        real = f"{self.real_images:,} real images of {self.real}, {self.real_split}"
        if not self.real_images:
            return generated
        return f"{generated} against {real}" if self.generated_images else real


@dataclasses.dataclass(frozen=True)
class Score:
    """A value, its name and its protocol. `score_registry.direction` says which of two values is better."""

    name: str
    value: float
    standard_error: float | None
    step: int  # of the checkpoint; 0 if there is none
    protocol: Protocol
    interval: tuple[float, float] | None = None  # bootstrapped, 95 %; None if not requested

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in a line of scores.jsonl."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, line: dict[str, Any]) -> "Score":
        """The inverse of `as_dict`. Raises `ZooError` for a protocol with fields that this version does not know."""
        interval, known = line.get("interval"), {field.name for field in dataclasses.fields(Protocol)}
        if unknown := line["protocol"].keys() - known:
            raise ZooError(
                f"the score {line['name']} was computed by another version of this library, whose protocol has"
                f" {', '.join(sorted(unknown))}; compute it again, in a copy of the run without scores.jsonl."
            )
        return cls(
            **{**line, "protocol": Protocol(**line["protocol"]), "interval": tuple(interval) if interval else None}
        )

    def better_than(self, other: "Score") -> bool:
        """Whether this score is better than `other`, by `score_registry.direction`.

        Raises:
            ZooError: it is another score, or of another protocol, with the differences; or neither direction is better.
        """
        if self.name != other.name:
            raise ZooError(f"{self.name} and {other.name} are different scores and cannot be compared.")
        own, others = dataclasses.asdict(self.protocol), dataclasses.asdict(other.protocol)
        differences = [f"{key}: {own[key]} and {others[key]}" for key in own if own[key] != others[key]]
        if differences:
            raise ZooError(
                f"two values of {self.name} of different protocols cannot be compared: {'; '.join(differences)}."
            )
        better = direction(self.name)
        if not better:
            raise ZooError(
                f"{self.name} has no better direction: compare it with its reference, see docs/evaluation.md."
            )
        return self.value > other.value if better == "higher" else self.value < other.value


class Evaluator:
    """Scores players against one set of real images, whose features are computed on first use and kept.

    Args:
        network: a `FeatureNetwork`.
        source: a data source with `images`, `labels`, `class_names`, `classes`, `size`, `name` and `fingerprint()`.
        split: the name of its split.
        samples: number of images to generate.
        seed: of the first generated image, and of the choice among the reals.
        held_out: function without arguments that returns the source of `held_out_split`, or raises `ZooError` if there is
            none. Called at most once, when a score needs it.
        modes: for a mixture of Gaussians in the plane (centres [M, 2], standard deviation), otherwise None.
        reals: largest number of real images, chosen by `seed`; by default `samples`.
        cache: a `FeatureCache` for the source's features; None keeps them in memory.
        resamples: number of bootstrap resamples for each score's interval; 0 for none.
        watch: function (list, text) -> the same list, which reports progress through it.
        own_data: whether the players were trained on the source; otherwise no split can be called held out.
        held_out_split: the name of the split that `held_out` returns.
    """

    def __init__(
        self,
        network: FeatureNetwork,
        source: Any,
        split: str,
        samples: int,
        seed: int = 0,
        held_out: Callable[[], Any] | None = None,
        modes: Any = None,
        reals: int | None = None,
        cache: FeatureCache | None = None,
        resamples: int = 0,
        watch: Callable[[Any, str], Any] = lambda parts, text: parts,
        own_data: bool = True,
        held_out_split: str = "test",
    ) -> None:
        if samples < 2:
            raise ZooError(f"samples={samples}: a distance between distributions needs at least 2 images, better 5000.")

        self.network, self.source, self.split, self.samples, self.seed = network, source, split, samples, seed
        self.held_out, self.modes, self.cache, self.resamples, self.watch = held_out, modes, cache, resamples, watch
        self.own_data, self.held_out_split = own_data, held_out_split
        self.numbers, reals = np.arange(source.size), samples if reals is None else reals
        if source.size > reals:
            self.numbers = np.sort(np.random.default_rng(seed).choice(source.size, reals, replace=False))

    @property
    def real_images(self) -> np.ndarray:
        """The real images that this evaluator uses: `source.images[numbers]`."""
        return self.source.images[self.numbers]

    @property
    def real_labels(self) -> Any:
        """Their labels, or None."""
        return None if self.source.labels is None else self.source.labels[self.numbers]

    @functools.cached_property
    def real_features(self) -> np.ndarray:
        if self.cache:
            return self.cache.features(self.network, self.source, self.numbers, self.watch)
        return self.network.features(self.real_images)

    @functools.cached_property
    def real_moments(self) -> Moments:
        if self.cache:
            return self.cache.moments(self.network, self.source, self.numbers, self.real_features)
        return moments(self.real_features)

    @functools.cached_property
    def test(self) -> Any:
        """The source of the held-out split."""
        if self.held_out is None:
            raise ZooError("this evaluator has none.")
        return self.held_out()

    @functools.cached_property
    def test_sha256(self) -> str:
        return self.test.fingerprint()

    @functools.cached_property
    def protocol(self) -> Protocol:
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

    def check(self, names: Iterable[str], players: Players) -> None:
        """Raises `ZooError` if one of these scores is unknown, or can't be computed for such `Players` on this data."""
        shape = tuple(self.source.image_shape)
        if players.shape and tuple(players.shape) != shape:
            raise ZooError(
                f"the samples have the shape {list(players.shape)}, and {self.source.name} {list(shape)}; convert the data:"
                " --resolution, --channels."
            )
        for kind in kinds_of(names):
            kind.check(self, players)
            needed = kind.protocol(self).generated_images
            if players.limit and needed > players.limit:
                raise ZooError(f"{needed:,} images are needed, but there are {players.limit:,}; take fewer: --samples.")

    def protocols(self, names: Iterable[str]) -> set[Protocol]:
        """The set of `Protocol`s, without truncation, of these scores."""
        return {kind.protocol(self) for kind in kinds_of(names)}

    def value_names(self, names: Iterable[str], players: Players) -> list[str]:
        """The names of the `Score`s that `scores` would return."""
        return [name for kind in kinds_of(names) for name in kind.names(self, players)]

    def scores(
        self,
        players: Players,
        step: int,
        names: Iterable[str] = ("distances",),
        on_error: Callable[[str, ZooError], None] | None = None,
        embed: Embed | None = None,
    ) -> list[Score]:
        """The scores of `Players`.

        Args:
            players: of the checkpoint at `step`.
            step: of the checkpoint, recorded with the scores.
            names: keys of `SCORES`.
            on_error: called with the name and the error of a score that can't be taken, and the others still are; None: the
                error is raised.
            embed: see `GeneratedSamples`.

        Returns:
            `Score`s in the order of names; "distances" gives the Fréchet distance, then the kernel distance.
        """
        scores, generated = [], GeneratedSamples(self, players, embed)
        for name in dict.fromkeys(names):
            (kind,) = kinds_of([name])
            protocol = kind.protocol(self)
            if protocol.generated_images:
                protocol = dataclasses.replace(protocol, truncation=players.truncation)
            try:
                for m in kind(self, generated):
                    scores.append(Score(m.name, m.value, m.standard_error, step, protocol, self.interval(m)))
            except ZooError as error:
                if not on_error:
                    raise
                on_error(name, error)
        return scores

    def interval(self, estimate: Estimate) -> tuple[float, float] | None:
        """The 95 % bootstrap interval, clipped to the estimate's bounds; None if it can't be resampled."""
        name, value, _, resample, bounds = estimate
        if not (resample and self.resamples):
            return None
        random = np.random.default_rng(self.seed)
        replicates = [resample(random) for _ in self.watch(range(self.resamples), f"Interval of {name}")]
        low, high = (float(np.clip(end, *bounds)) for end in centred_interval(value, replicates))
        return low, high
