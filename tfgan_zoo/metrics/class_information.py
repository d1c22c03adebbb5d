"""Inception score, exp(E KL(p(y|x) || p(y))), of a classifier's logits. Salimans et al. 2016 (arXiv:1606.03498)."""

import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError

ROWS = 8192  # examples whose probabilities are held at a time


class InceptionScore(typing.NamedTuple):
    """Mean over splits, in [1, K] for K classes, and the (population, ddof 0) standard deviation over them."""

    value: float
    standard_deviation: float


class RunningInceptionScore:
    """The score of logits that arrive in batches; memory for [splits, K] numbers however many there are.

    Split i takes examples i * count // splits to (i + 1) * count // splits in the order of arrival, as in the authors' code.
    The score of few examples is biased downwards, so compare scores only at the same count and number of splits.

    Args:
        count: the total number of examples, at least `splits`.
        splits: the number of parts that are scored separately.

    Raises:
        ZooError: for another count or number of splits.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import RunningInceptionScore
        >>> running = RunningInceptionScore(count=4, splits=2)
        >>> running.update(np.array([[0.0, 0.0], [0.0, 0.0], [99.0, -99.0]]))
        >>> running.update(np.array([[-99.0, 99.0]]))
        >>> score = running.result()  # the first split scores 1, the second 2
        >>> round(score.value, 9), round(score.standard_deviation, 9)
        (1.5, 0.5)
    """

    def __init__(self, count: int, splits: int = 10) -> None:
        if not 1 <= splits <= count:
            raise ZooError(f"{splits} splits of {count} examples; expected at least 1 split and an example for each.")
        self._count, self._seen = count, 0
        self._ends = [(i + 1) * count // splits for i in range(splits)]
        self._sizes = np.diff([0, *self._ends])
        self._probabilities: np.ndarray | None = None  # sum of p, [splits, K]
        self._negative_entropies = np.zeros(splits)  # sum of p log p

    def update(self, logits: np.ndarray) -> None:
        """Adds logits [B, K], any B. Raises `ZooError` if they are not finite, of another K than before, or too many."""
        logits = np.asarray(logits)
        if logits.ndim != 2 or not logits.size:
            raise ZooError(f"logits of shape {logits.shape}; expected [B, K] with B and K at least 1.")
        if not np.isfinite(logits).all():
            bad = (~np.isfinite(logits)).any(axis=1).sum()
            raise ZooError(f"{bad} of {len(logits)} logits hold NaN or infinity; check the images they came from.")
        if self._probabilities is None:
            self._probabilities = np.zeros([len(self._sizes), logits.shape[1]])
        if logits.shape[1] != self._probabilities.shape[1]:
            raise ZooError(f"logits of {logits.shape[1]} classes; expected {self._probabilities.shape[1]}, as before.")
        if self._seen + len(logits) > self._count:
            raise ZooError(f"{self._seen + len(logits)} examples came, but count={self._count}; set count to them.")
        first = int(np.searchsorted(self._ends, self._seen, side="right"))
        cuts = [end - self._seen for end in self._ends[first:] if end < self._seen + len(logits)]
        for split, part in enumerate(np.split(logits, cuts), start=first):
            self._add(split, part)
        self._seen += len(logits)

    def _add(self, split, logits):
        for start in range(0, len(logits), ROWS):
            x = logits[start : start + ROWS].astype(np.float64)
            x -= x.max(axis=1, keepdims=True)
            x -= np.log(np.exp(x).sum(axis=1, keepdims=True))  # log p: finite, so 0 log 0 is 0
            p = np.exp(x)
            self._probabilities[split] += p.sum(axis=0)
            self._negative_entropies[split] += (p * x).sum()

    def result(self) -> InceptionScore:
        """The `InceptionScore`. Raises `ZooError` if fewer than `count` examples came."""
        if self._probabilities is None or self._seen < self._count:
            raise ZooError(f"{self._seen} examples came, but count={self._count}; set count to them.")
        marginal = self._probabilities / self._sizes[:, None]
        logs = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
        # E KL(p(y|x) || p(y)) = E sum p log p - sum q log q, with q = E p.
        scores = np.exp(self._negative_entropies / self._sizes - (marginal * logs).sum(axis=1))
        return InceptionScore(float(scores.mean()), float(scores.std()))


def inception_score(logits: np.ndarray, splits: int = 10) -> InceptionScore:
    """The `InceptionScore` of logits [N, K], N >= splits. Raises as `RunningInceptionScore` does.

    Examples:
        Confident predictions, equally many for each of three classes, have the largest score, 3; uniform ones the least, 1.

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import inception_score
        >>> round(inception_score(99 * np.eye(3), splits=1).value, 9)
        3.0
        >>> round(inception_score(np.zeros([6, 3]), splits=2).value, 9)
        1.0
    """
    running = RunningInceptionScore(len(logits), splits)
    running.update(logits)
    return running.result()
