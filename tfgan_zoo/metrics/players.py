"""The two players as scores see them, and what every kind of score has."""

import dataclasses
from collections.abc import Callable

import numpy as np

BATCH = 100


@dataclasses.dataclass(frozen=True)
class Players:
    """The two players as scores see them.

    generate: function (int64 seeds [B], labels=None, codes=None) -> uint8 images [B, H, W, C], or float32 points [B, 2].
    discriminate: function (such images or points, any number) -> {output: float32 [B, ...]}, at inference. None where
        there is only a generator, such as in an export.
    prior: the generator's `Prior`.
    truncation: the bound by which `generate` draws, for the protocol.
    """

    generate: Callable
    discriminate: Callable | None = None
    prior: object = None
    truncation: float | None = None


class ScoreKind:
    """A way to judge players; gives one score or several."""

    def check(self, judge, game):
        """Raises `ZooError` where these scores cannot be taken of such a `Game` on the judge's data."""

    def protocol(self, judge):
        """The `Protocol`, truncation aside."""
        return judge.protocol

    def __call__(self, judge, players):
        """Returns [(name, value, standard error or None)]."""
        raise NotImplementedError


def generated(judge, players, count, labels=None, codes=None):
    """Yields (slice, images or points) of `count` examples, of seeds judge.seed on; labels [count], codes [count, size]."""
    for start in range(0, count, BATCH):
        here = slice(start, min(start + BATCH, count))
        seeds = judge.seed + np.arange(here.start, here.stop, dtype=np.int64)
        some_labels, some_codes = (None if given is None else given[here] for given in (labels, codes))
        yield here, players.generate(seeds, labels=some_labels, codes=some_codes)
