"""Scores by all workers: each makes and embeds its share of the generated samples, and the chief computes the scores of all."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from tfgan_zoo.core.errors import ZooError, sentence_of
from tfgan_zoo.metrics.embedding import BATCH, empty_array, slices
from tfgan_zoo.metrics.players import Embed, GeneratedSamples, Players
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
    def lead(self) -> Iterator[Embed]:
        """A context, on the chief, with the function that has all workers embed samples, for `Evaluator.scores`."""
        try:
            yield self.embed
        except WorkerLost:
            raise  # nobody is left to be told
        except Exception:
            self.workers.decided_by_chief("done")
            raise
        self.workers.decided_by_chief("done")

    def follow(self, evaluator: Evaluator, players: Callable[[], Players]) -> int:
        """Embeds, on another worker, what the chief asks for, until the chief has left its context.

        Args:
            evaluator: as the chief's.
            players: returns the `Players` of this step; called if anything is embedded.

        Returns:
            How many samples this worker has made.
        """
        generated: GeneratedSamples | None = None
        while (request := self.workers.decided_by_chief(None)) != "done":
            generated = generated or GeneratedSamples(evaluator, players())
            self.exchange(generated, request == "cycled labels")
        return generated.made if generated else 0

    def embed(self, generated: GeneratedSamples, cycled: bool) -> tuple[np.ndarray, np.ndarray]:
        """`GeneratedSamples.embed_here`, by all workers.

        Raises:
            ZooError: another worker could not embed its share.
            Exception: this one could not.
        """
        self.workers.decided_by_chief("cycled labels" if cycled else "labels by seed")
        error, shares = self.exchange(generated, cycled)
        if error:
            raise error
        samples, network = generated.evaluator.samples, generated.evaluator.network
        features, logits = empty_array(samples, network.dimension), empty_array(samples, network.classes)
        worker_of = np.arange(samples) // BATCH % self.workers.count
        for worker, data in enumerate(shares):
            rows = np.frombuffer(data, np.float32).reshape(-1, network.dimension + network.classes)
            features[worker_of == worker] = rows[:, : network.dimension]
            logits[worker_of == worker] = rows[:, network.dimension :]
        return features, logits

    def exchange(self, generated: GeneratedSamples, cycled: bool) -> tuple[Exception | None, list[bytes]]:
        """Embeds this worker's share. Returns (this worker's error, or one that names another's; the rows of each worker)."""
        error, data = None, b""
        parts = slices(generated.evaluator.samples)[self.workers.index :: self.workers.count]
        try:
            data = np.concatenate(generated.embed_here(cycled, parts), axis=1).tobytes()
        except Exception as problem:  # whatever it is, the others must be told before they wait for the rows
            error = problem
        messages = self.workers.gather_bytes((sentence_of(error) or type(error).__name__).encode() if error else b"")
        shares = self.workers.gather_bytes(data)
        for worker, message in enumerate(messages):
            if message and not error:
                error = ZooError(f"worker {worker} could not embed its share of the samples: {message.decode()}")
        return error, shares
