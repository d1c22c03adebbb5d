"""Scores whose samples all workers make and embed: the features of one worker, and no worker that is left waiting."""

import threading

import numpy as np
import pytest

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.players import GeneratedSamples, Players
from tfgan_zoo.runs.shared_scores import SharedEmbedding
from tfgan_zoo.training import workers
from tfgan_zoo.training.workers import WorkerLost, Workers


class ThreadWorkers(Workers):
    """One of several workers that are threads of this process; `board` and `barrier` are common to them."""

    def __init__(self, index, board, barrier):
        self.index, self.count, self.board, self.barrier = index, len(board), board, barrier

    def gather(self, values):
        self.board[self.index] = values
        self.barrier.wait(30)
        rows = np.stack(self.board)
        self.barrier.wait(30)
        return rows


class Network:
    """Two features and one class: the pixel, twice the batch it is padded to, and the label."""

    dimension, classes = 2, 1

    def __init__(self, fails=False):
        self.fails = fails

    def embed(self, images, size):
        if self.fails:
            raise MemoryError
        return np.stack([images[:, 0], np.full(len(images), 2 * size)], axis=1), images[:, 1:]


class Evaluator:
    """What `GeneratedSamples` reads of an `Evaluator`."""

    seed = 7

    def __init__(self, samples, fails=False):
        self.samples, self.network = samples, Network(fails)

    def watch(self, parts, text):
        return parts


class Prior:
    num_classes, codes = 3, None


def players(asked):
    def generate(seeds, labels=None, codes=None):
        asked.append(seeds)
        return np.stack([seeds, -np.ones(len(seeds)) if labels is None else labels], axis=1)

    return Players(generate, prior=Prior())


def on_all(count, action, fails=False):
    """Runs `action` of a `SharedEmbedding` and a list for seeds on the chief's thread while the others follow; returns the seeds
    that each was asked for. fails: whether the others' networks fail."""
    board, barrier, asked = [None] * count, threading.Barrier(count), [[] for _ in range(count)]
    shared = [SharedEmbedding(ThreadWorkers(i, board, barrier)) for i in range(count)]
    others = [
        threading.Thread(target=shared[i].follow, args=(Evaluator(SAMPLES, fails), lambda i=i: players(asked[i])))
        for i in range(1, count)
    ]
    for thread in others:
        thread.start()
    action(shared[0], asked[0])
    for thread in others:
        thread.join(30)
        assert not thread.is_alive()
    return [np.concatenate(seeds) if seeds else [] for seeds in asked]


SAMPLES = 450  # four batches of 100 and one of 50


@pytest.mark.parametrize("count", [2, 3, 7])
def test_workers_share_the_batches_and_give_the_features_of_one(count, monkeypatch):
    def score(shared, asked):
        evaluator = Evaluator(SAMPLES)
        expected = GeneratedSamples(evaluator, players([]))
        with shared.lead() as embed:
            generated = GeneratedSamples(evaluator, players(asked), embed)
            for name in ("embedding", "cycled_embedding"):
                for one, other in zip(getattr(expected, name), getattr(generated, name), strict=True):
                    np.testing.assert_array_equal(one, other)

    monkeypatch.setattr(workers, "CHUNK", 100)  # bytes: each share comes in several
    asked = on_all(count, score)
    once = np.arange(7, 7 + SAMPLES)
    np.testing.assert_array_equal(np.sort(np.concatenate(asked)), np.repeat(once, 2))
    assert [len(seeds) // 2 for seeds in asked] == {
        2: [250, 200],
        3: [200, 150, 100],
        7: [100, 100, 100, 100, 50, 0, 0],
    }[count]


def test_the_others_are_released_when_no_score_needs_samples_and_when_one_fails():
    def nothing(shared, asked):
        with shared.lead():
            pass

    def failure(shared, asked):
        with pytest.raises(ZooError, match="a score"), shared.lead():
            raise ZooError("a score")

    assert on_all(2, nothing) == on_all(2, failure) == [[], []]


def scored(shared, evaluator, asked):
    with shared.lead() as embed:
        return GeneratedSamples(evaluator, players(asked), embed).features


def test_a_worker_that_cannot_embed_its_share_is_named_and_none_is_left_waiting():
    def others_fail(shared, asked):
        with pytest.raises(ZooError, match=r"^worker 1 could not embed its share of the samples: MemoryError$"):
            scored(shared, Evaluator(SAMPLES), asked)

    def chief_fails(shared, asked):
        with pytest.raises(MemoryError):
            scored(shared, Evaluator(SAMPLES, fails=True), asked)

    assert [len(seeds) for seeds in on_all(2, others_fail, fails=True)] == [250, 100]
    assert [len(seeds) for seeds in on_all(2, chief_fails)] == [100, 200]


def test_nothing_is_told_to_workers_that_are_gone():
    with pytest.raises(WorkerLost), SharedEmbedding(None).lead():
        raise WorkerLost("worker 1 is gone")
