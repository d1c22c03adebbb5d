"""Distances between two sets of features: Fréchet (FID, arXiv:1706.08500) and kernel (KID, arXiv:1801.01401).

All in NumPy float64. Deviation from the authors' FID code: the trace of the matrix root comes from two symmetric
eigen-decompositions in place of `sqrtm` of a product, which is faster and is never complex or NaN.
"""

import dataclasses
import typing
import warnings

import numpy as np

from tfgan_zoo.errors import ZooError

BLOCK = 2048  # rows of a kernel matrix held at once: 2048 * 2048 * 8 bytes = 32 MiB


@dataclasses.dataclass(frozen=True)
class Moments:
    """mean [D], covariance [D, D] (unbiased: divided by count - 1) of `count` features."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int


class KernelDistance(typing.NamedTuple):
    """The estimate (it may be below 0: it is unbiased) and its standard error."""

    value: float
    standard_error: float


class RunningMoments:
    """Mean and covariance of features that arrive in batches; holds one [D, D] matrix however many come.

    Batches are merged by their centred sums of products (Chan et al. 1979), so a large mean costs no digits.
    """

    def __init__(self):
        self._count, self._mean, self._scatter = 0, 0.0, 0.0

    def update(self, features):
        """Takes in features [B, D], any B. Raises `ZooError` if not finite, not 2-D, or of another D than before."""
        features = _checked(features)
        if self._count and features.shape[1] != len(self._mean):
            raise ZooError(f"features have {features.shape[1]} dimensions, those before had {len(self._mean)}.")
        count, mean = len(features), features.mean(axis=0)
        centred, shift, total = features - mean, mean - self._mean, self._count + count
        self._scatter = self._scatter + centred.T @ centred + np.outer(shift, shift) * (self._count * count / total)
        self._mean, self._count = self._mean + shift * (count / total), total

    def result(self):
        """The `Moments` of everything so far. Raises `ZooError` below two features: they have no covariance."""
        if self._count < 2:
            raise ZooError(f"moments of {self._count} feature(s); a covariance needs 2 or more.")
        return Moments(self._mean, self._scatter / (self._count - 1), self._count)


def moments(features):
    """The `Moments` of features [N, D], N >= 2. Raises as `RunningMoments` does."""
    running = RunningMoments()
    running.update(features)
    return running.result()


def frechet_distance(real, fake):
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), a float >= 0, of two `Moments`. Heusel et al. 2017, equation 6.

    Covariances may be singular. Warns where a count is below D + 1: the covariance is then singular and the estimate
    far above the distance of the distributions. Raises `ZooError` if the dimensions differ, a moment is not finite,
    or a covariance has a clearly negative eigenvalue.
    """
    for m in (real, fake):
        if m.mean.ndim != 1 or m.covariance.shape != 2 * m.mean.shape or m.mean.shape != real.mean.shape:
            shapes = " and ".join(f"{each.mean.shape}, {each.covariance.shape}" for each in (real, fake))
            raise ZooError(f"moments of shapes {shapes}; expected mean [D] and covariance [D, D], one D for both.")
        if not (np.isfinite(m.mean).all() and np.isfinite(m.covariance).all()):
            raise ZooError("moments hold NaN or infinity; look at the features that they were taken from.")
    dimension = len(real.mean)
    if min(real.count, fake.count) <= dimension:
        warnings.warn(
            f"{real.count} real and {fake.count} fake features of {dimension} dimensions: the Fréchet distance is"
            f" biased upwards; use {dimension + 1} of each or more, or the kernel distance, which is unbiased.",
            stacklevel=2,
        )
    # C1 = F F^T, and F^T C2 F has the eigenvalues of C1 C2 that are not 0. Few samples make F, hence the rest, narrow.
    first, second = (real, fake) if real.count <= fake.count else (fake, real)
    factor = _factor(np.asarray(first.covariance, np.float64))
    eigenvalues = np.linalg.eigvalsh(factor.T @ second.covariance @ factor)
    trace_root = np.sqrt(np.maximum(eigenvalues, 0)).sum()
    distance = ((real.mean - fake.mean) ** 2).sum() + np.trace(real.covariance) + np.trace(fake.covariance)
    return max(float(distance - 2 * trace_root), 0.0)


def kernel_distance(real, fake, subsets=None, subset_size=1000, seed=0):
    """Unbiased squared MMD of features [N, D] and [M, D] under k(x, y) = (x.y / D + 1)^3. Bińkowski et al. 2018.

    With subsets=None all pairs are used, in blocks of bounded memory, and the standard error is that of the linear
    part of the statistic. With a number of subsets, as in the paper, the value is the mean over that many draws of
    `subset_size` of each, without replacement within a draw, and the standard error is that of this mean: of the
    drawing alone, not of the features at hand. Returns `KernelDistance`. Raises `ZooError` for bad features or sizes.
    """
    real, fake = _checked(real), _checked(fake)
    if real.shape[1] != fake.shape[1]:
        raise ZooError(f"real features have {real.shape[1]} dimensions, fake ones {fake.shape[1]}; expected the same.")
    smaller = min(len(real), len(fake))
    if smaller < 2:
        raise ZooError(f"{len(real)} real and {len(fake)} fake features; the kernel distance needs 2 or more of each.")
    if subsets is None:
        return _unbiased(real, fake)
    if subsets < 2 or not 2 <= subset_size <= smaller:
        raise ZooError(
            f"subsets={subsets} of subset_size={subset_size} with {len(real)} real and {len(fake)} fake features;"
            f" expected 2 subsets or more, of 2 to {smaller} features; subsets=None uses every pair."
        )
    random = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        chosen = [x[random.choice(len(x), subset_size, replace=False)] for x in (real, fake)]
        values.append(_unbiased(*chosen).value)
    return KernelDistance(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(subsets)))


def _checked(features):
    """The features as float64 [N, D], N >= 1; `ZooError` where they are not that, or not finite."""
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or not features.size:
        raise ZooError(f"features of shape {features.shape}; expected [N, D] with N and D at least 1.")
    if not np.isfinite(features).all():
        bad = (~np.isfinite(features)).any(axis=1).sum()
        raise ZooError(f"{bad} of {len(features)} features hold NaN or infinity; look at the images they came from.")
    return features


def _factor(covariance):
    """F [D, rank] with F F^T = covariance [D, D]."""
    values, vectors = np.linalg.eigh(covariance)
    noise = len(values) * np.finfo(np.float64).eps * np.abs(values).max()
    if values[0] < -1e6 * noise:
        raise ZooError(f"a covariance has the eigenvalue {values[0]:.3g}; expected none below 0.")
    keep = values > noise
    return vectors[:, keep] * np.sqrt(values[keep])


def _unbiased(real, fake):
    """`KernelDistance` over all pairs of real [N, D] and fake [M, D]."""
    n, m = len(real), len(fake)
    cross_real, cross_fake = _kernel_sums(real, fake)
    # For each feature, its mean kernel with its own side less that with the other: averaged, they give the distance.
    own_real = _kernel_sums(real)[0] / (n - 1) - cross_real / m
    own_fake = _kernel_sums(fake)[0] / (m - 1) - cross_fake / n
    variance = 4 * (own_real.var(ddof=1) / n + own_fake.var(ddof=1) / m)
    return KernelDistance(float(own_real.mean() + own_fake.mean()), float(np.sqrt(variance)))


def _kernel_sums(x, other=None):
    """Row sums [N] and column sums [M] of k(x, other); without `other`, of k(x, x) less its diagonal."""
    y = x if other is None else other
    rows, columns = np.zeros(len(x)), np.zeros(len(y))
    for i in range(0, len(x), BLOCK):
        for j in range(0, len(y), BLOCK):
            kernel = (x[i : i + BLOCK] @ y[j : j + BLOCK].T / x.shape[1] + 1) ** 3
            if other is None and i == j:
                np.fill_diagonal(kernel, 0)
            rows[i : i + BLOCK] += kernel.sum(axis=1)
            columns[j : j + BLOCK] += kernel.sum(axis=0)
    return rows, columns
