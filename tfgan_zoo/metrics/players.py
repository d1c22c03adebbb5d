"""The two players as scores see them, the samples the generator makes for them, and the interface of a score."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgan_zoo.metrics.distances import Moments, moments
from tfgan_zoo.metrics.embedding import BATCH, embed_batches, slices

if TYPE_CHECKING:
    from tfgan_zoo.metrics.estimate import Estimate
    from tfgan_zoo.metrics.protocol import Evaluator, Protocol


@dataclasses.dataclass(frozen=True)
class Players:
    """The two players as scores see them.

    Attributes:
        generate: function (int64 seeds [B], labels=None, codes=None) -> uint8 images [B, H, W, C], or float32 points [B, 2].
        discriminate: function (such images or points [N, ...], labels=None) -> {output: float32 [N, ...]}, in inference mode.
            None if there is only a generator, as in an export.
        prior: the generator's `Prior`; None if there are only images.
        truncation: the bound with which `generate` draws, for the protocol.
        outputs: {output: columns} of `discriminate`.
        shape: of one generated image or point; None if unknown.
        limit: number of images available; None for any number.
        styles: function (int64 seeds [B], labels=None) -> styles [B, L, W]; None if no images are drawn from styles.
        from_styles: function (styles [B, L, W]) -> float32 images [B, H, W, C], around [-1, 1].
    """

    generate: Callable[..., Any]
    discriminate: Any = None
    prior: Any = None

    truncation: float | None = None
    outputs: dict[str, int] = dataclasses.field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    limit: int | None = None
    styles: Any = None
    from_styles: Any = None

    @property
    def num_classes(self) -> int:
        """The number of classes of the generator's labels, 0 if it takes none."""
        return self.prior.num_classes if self.prior else 0

    @property
    def codes(self) -> Any:
        """The `Codes` that the generator takes, or None."""
        return self.prior.codes if self.prior else None


# Takes `GeneratedSamples` and whether its labels cycle over the classes; returns (features [N, D], logits [N, K]).
Embed = Callable[["GeneratedSamples", bool], tuple[np.ndarray, np.ndarray]]


class GeneratedSamples:
    """The samples for one evaluation. Features are computed once, for all scores that need them.

    Args:
        evaluator: the `Evaluator`.
        players: the `Players`.
        embed: what computes features and logits; `embed_here` by default.

    Attributes:
        made: how many samples have been made here.
    """

    def __init__(self, evaluator: Evaluator, players: Players, embed: Embed | None = None) -> None:
        self.evaluator, self.players, self.made = evaluator, players, 0
        self.embed: Embed = embed or GeneratedSamples.embed_here

    def images(
        self,
        count: int,
        labels: np.ndarray | None = None,
        codes: np.ndarray | None = None,
        parts: Sequence[slice] | None = None,
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Yields (slice, images or points) of `count` examples, whose seeds are evaluator.seed, evaluator.seed + 1, ...

        labels: [count]; codes: [count, size]; parts: the slices to yield, by default all.
        """
        for here in self.evaluator.watch(slices(count) if parts is None else parts, f"{count:,} samples"):
            seeds = self.evaluator.seed + np.arange(here.start, here.stop, dtype=np.int64)
            batch_labels, batch_codes = (None if values is None else values[here] for values in (labels, codes))
            self.made += len(seeds)
            yield here, self.players.generate(seeds, labels=batch_labels, codes=batch_codes)

    @functools.cached_property
    def embedding(self) -> tuple[np.ndarray, np.ndarray]:
        """(features [N, D], logits [N, K]) of evaluator.samples examples, with labels and codes drawn by seed."""
        return self.embed(self, False)

    def embed_here(self, cycled: bool, parts: Sequence[slice] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(features [N, D], logits [N, K]) of evaluator.samples examples, or of those in `parts`, with `cycled_labels` or with
        labels drawn by seed."""
        parts = slices(self.evaluator.samples) if parts is None else parts
        count = sum(part.stop - part.start for part in parts)
        images = self.images(self.evaluator.samples, self.cycled_labels if cycled else None, parts=parts)
        size = min(BATCH, self.evaluator.samples)
        return embed_batches(self.evaluator.network, (batch for _, batch in images), count, size)

    @property
    def features(self) -> np.ndarray:
        return self.embedding[0]

    @property
    def logits(self) -> np.ndarray:
        return self.embedding[1]

    @functools.cached_property
    def moments(self) -> Moments:
        return moments(self.features)

    @functools.cached_property
    def cycled_labels(self) -> np.ndarray:
        """int64 [evaluator.samples]: 0, 1, ... over the classes, repeatedly."""
        return np.arange(self.evaluator.samples) % self.players.num_classes

    @functools.cached_property
    def cycled_embedding(self) -> tuple[np.ndarray, np.ndarray]:
        """(features, logits) of evaluator.samples examples with `cycled_labels`."""
        return self.embed(self, True)


class ScoreKind:
    """A way to score players, which gives one or several values."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        """Raises `ZooError` if these scores can't be computed for such `Players` on the evaluator's data.

        Reads only `prior` and `outputs` of the players.
        """

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        """The names of the values, in order, of players that were checked."""
        raise NotImplementedError

    def protocol(self, evaluator: Evaluator) -> Protocol:
        """The `Protocol`, without the truncation."""
        return evaluator.protocol

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        """The `Estimate`s from the generated samples."""
        raise NotImplementedError
