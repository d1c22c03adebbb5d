"""Scores by all workers: each makes and embeds its share of the generated samples, and the chief computes the scores of all."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from tfgan_zoo.metrics.embedding import BATCH, slices
from tfgan_zoo.metrics.players import GeneratedSamples, Players
from tfgan_zoo.metrics.protocol import Evaluator
from tfgan_zoo.training.workers import WorkerLost, Workers


class SharedEmbedding:
    """Embeds generated samples on all workers. Whole batches are dealt out, so the features are those of one worker.

    The chief decides what is embedded, since which scores need what is known only as they are computed; the other workers
    `follow` it meanwhile.

    Args:
        workers: the `Workers` of a run, whose generators are equal.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers

    @contextlib.contextmanager
    def lead(self, evaluator: Evaluator) -> Iterator[None]:
        """A context, on the chief, in which all workers embed the samples that `evaluator` scores."""
        evaluator.embed = self.embed
        try:
            yield
        except WorkerLost:
            raise  # nobody is left to be told
        except BaseException:
            self.workers.decided_by_chief("done")
            raise
        finally:
            evaluator.embed = None
        self.workers.decided_by_chief("done")

    def follow(self, evaluator: Evaluator, players: Callable[[], Players]) -> None:
        """Embeds, on another worker, what the chief asks for, until the chief has left its context.

        Args:
            evaluator: as the chief's.
            players: returns the `Players` of this step; called if anything is embedded.
        """
        generated: GeneratedSamples | None = None
        while (request := self.workers.decided_by_chief(None)) != "done":
            generated = generated or GeneratedSamples(evaluator, players())
            self.share(generated, request == "cycled labels")

    def embed(self, generated: GeneratedSamples, cycled: bool) -> tuple[np.ndarray, np.ndarray]:
        """`GeneratedSamples.embed` on all workers, told to them by the chief."""
        self.workers.decided_by_chief("cycled labels" if cycled else "labels by seed")
        return self.share(generated, cycled)

    def share(self, generated: GeneratedSamples, cycled: bool) -> tuple[np.ndarray, np.ndarray]:
        """Embeds this worker's share, and returns what all have embedded, in the order of the samples."""
        index, count = self.workers.index, self.workers.count
        batches = slices(generated.evaluator.samples)
        own = np.concatenate(generated.embed(cycled, batches[index::count]), axis=1)
        whole = np.empty([generated.evaluator.samples, own.shape[1]], np.float32)
        for i, data in enumerate(self.workers.gather_bytes(own.tobytes())):
            rows = np.frombuffer(data, np.float32).reshape(-1, own.shape[1])
            parts = np.split(rows, range(BATCH, len(rows), BATCH))
            for batch, part in zip(
                batches[i::count], parts, strict=False
            ):  # one empty part of a worker without batches
                whole[batch] = part
        features = generated.evaluator.network.dimension
        return whole[:, :features], whole[:, features:]
