"""Scores whose samples all workers make and embed: the features of one worker, and no worker that is left waiting."""

import threading

import numpy as np
import pytest

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.players import GeneratedSamples, Players
from tfgan_zoo.runs.shared_scores import SharedEmbedding
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

    def embed(self, images, size):
        return np.stack([images[:, 0], np.full(len(images), 2 * size)], axis=1), images[:, 1:]


class Evaluator:
    """What `GeneratedSamples` reads of an `Evaluator`."""

    seed, network, embed = 7, Network(), None

    def __init__(self, samples):
        self.samples = samples

    def watch(self, parts, text):
        return parts


class Prior:
    num_classes, codes = 3, None


def players(asked):
    def generate(seeds, labels=None, codes=None):
        asked.append(seeds)
        return np.stack([seeds, -np.ones(len(seeds)) if labels is None else labels], axis=1)

    return Players(generate, prior=Prior())


def on_all(count, action):
    """Runs `action` (a `SharedEmbedding`) on the chief's thread while the others follow; returns the seeds that each was asked for."""
    board, barrier, asked = [None] * count, threading.Barrier(count), [[] for _ in range(count)]
    shared = [SharedEmbedding(ThreadWorkers(i, board, barrier)) for i in range(count)]
    others = [
        threading.Thread(target=shared[i].follow, args=(Evaluator(SAMPLES), lambda i=i: players(asked[i])))
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
def test_workers_share_the_batches_and_give_the_features_of_one(count):
    def score(shared, asked):
        evaluator = Evaluator(SAMPLES)
        expected = GeneratedSamples(Evaluator(SAMPLES), players([]))
        with shared.lead(evaluator):
            generated = GeneratedSamples(evaluator, players(asked))
            for name in ("embedding", "cycled_embedding"):
                for one, other in zip(getattr(expected, name), getattr(generated, name), strict=True):
                    np.testing.assert_array_equal(one, other)
        assert evaluator.embed is None

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
        with shared.lead(Evaluator(SAMPLES)):
            pass

    def failure(shared, asked):
        with pytest.raises(ZooError, match="a score"), shared.lead(Evaluator(SAMPLES)):
            raise ZooError("a score")

    assert on_all(2, nothing) == on_all(2, failure) == [[], []]


def test_nothing_is_told_to_workers_that_are_gone():
    with pytest.raises(WorkerLost), SharedEmbedding(None).lead(Evaluator(SAMPLES)):
        raise WorkerLost("worker 1 is gone")
