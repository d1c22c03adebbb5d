"""The two players as scores see them, what the generator drew for them, and what every kind of score has."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from tfgan_zoo.metrics.distances import moments
from tfgan_zoo.metrics.embedding import embedded, slices


@dataclasses.dataclass(frozen=True)
class Players:
    """The two players as scores see them.

    generate: function (int64 seeds [B], labels=None, codes=None) -> uint8 images [B, H, W, C], or float32 points [B, 2].
    discriminate: function (such images or points [N, ...], labels=None) -> {output: float32 [N, ...]}, at inference. None
        where there is only a generator, such as in an export.
    prior: the generator's `Prior`; None where there are only images.
    truncation: the bound by which `generate` draws, for the protocol.
    outputs: {output: columns} of `discriminate`.
    shape: of one image or point that is generated; None where it is not known.
    limit: how many images there are to draw; None for any number.
    """

    generate: Callable
    discriminate: Callable | None = None
    prior: object = None
    truncation: float | None = None
    outputs: dict[str, int] = dataclasses.field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    limit: int | None = None

    @property
    def num_classes(self):
        """How many labels the generator takes, 0 for none."""
        return self.prior.num_classes if self.prior else 0

    @property
    def codes(self):
        """The `Codes` that the generator takes, None for none."""
        return self.prior.codes if self.prior else None


class GeneratedSamples:
    """What players draw for one judging: features are taken once, for all scores that want them.

    Args:
        judge: the `Judge`; players: the `Players`.
    """

    def __init__(self, evaluator, players):
        self.evaluator, self.players = evaluator, players

    def images(self, count, labels=None, codes=None):
        """Yields (slice, images or points) of `count` examples, of seeds judge.seed on; labels [count], codes [count, size]."""
        for here in self.evaluator.watch(slices(count), f"{count:,} samples"):
            seeds = self.evaluator.seed + np.arange(here.start, here.stop, dtype=np.int64)
            some_labels, some_codes = (None if given is None else given[here] for given in (labels, codes))
            yield here, self.players.generate(seeds, labels=some_labels, codes=some_codes)

    @functools.cached_property
    def embedding(self):
        """(features [N, D], logits [N, K]) of judge.samples examples, labels and codes drawn by seed."""
        images = (some for _, some in self.images(self.evaluator.samples))
        return embedded(self.evaluator.network, images, self.evaluator.samples)

    @property
    def features(self):
        return self.embedding[0]

    @property
    def logits(self):
        return self.embedding[1]

    @functools.cached_property
    def moments(self):
        return moments(self.features)

    @functools.cached_property
    def labels_in_turn(self):
        """int64 [judge.samples]: 0, 1, ... over the classes, again and again."""
        return np.arange(self.evaluator.samples) % self.players.num_classes

    @functools.cached_property
    def embedding_in_turn(self):
        """(features, logits) of as many examples whose labels are `labels_in_turn`."""
        images = (some for _, some in self.images(self.evaluator.samples, self.labels_in_turn))
        return embedded(self.evaluator.network, images, self.evaluator.samples)


class ScoreKind:
    """A way to judge players; gives one score or several."""

    def check(self, evaluator, players):
        """Raises `ZooError` where these scores cannot be taken of such `Players` on the judge's data.

        Only `prior` and `outputs` of the players are looked at.
        """

    def protocol(self, evaluator):
        """The `Protocol`, truncation aside."""
        return evaluator.protocol

    def __call__(self, evaluator, drawn):
        """Returns `Measurement`s of what was `Drawn`."""
        raise NotImplementedError
