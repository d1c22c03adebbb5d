"""Distances between two sets of features: Fréchet (FID, arXiv:1706.08500) and kernel (KID, arXiv:1801.01401).

All in NumPy float64. Deviation from the authors' FID code: the trace of the matrix root comes from a symmetric factor
and symmetric eigenvalues in place of `sqrtm` of a product, which is faster and is never complex or NaN.
"""

import dataclasses
import typing
import warnings

import numpy as np

from tfgan_zoo.core.errors import ZooError

BLOCK = 2048  # rows of a kernel matrix held at once: 2048 * 2048 * 8 bytes = 32 MiB
ROWS = 8192  # features whose moments are taken at once: 128 MiB in float64 for 2048 dimensions


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
        features = checked_features(features)
        if self._count and features.shape[1] != len(self._mean):
            raise ZooError(f"features have {features.shape[1]} dimensions, those before had {len(self._mean)}.")
        for start in range(0, len(features), ROWS):
            self._merge(features[start : start + ROWS].astype(np.float64))

    def _merge(self, features):
        count, mean = len(features), features.mean(axis=0)
        shift, total = mean - self._mean, self._count + count
        features -= mean
        self._scatter += features.T @ features
        self._scatter += np.outer(shift, shift * (self._count * count / total))
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
    factor = _factor(np.asarray(first.covariance, np.float64), first.count)
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
    real, fake = checked_features(real), checked_features(fake)
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
    draws = [[random.choice(len(x), subset_size, replace=False) for x in (real, fake)] for _ in range(subsets)]
    # Products of a row and a column: of each subset by itself, or of all rows once and then of the subsets' marks.
    apart = 2 * subsets * subset_size**2 * real.shape[1]
    at_once = (len(real) * len(fake) + (len(real) ** 2 + len(fake) ** 2) / 2) * (real.shape[1] + subsets)
    if apart <= at_once:
        values = [_unbiased(real[r], fake[f]).value for r, f in draws]
    else:
        values = _unbiased_of_subsets(real, fake, *map(np.array, zip(*draws, strict=True)))
    return KernelDistance(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(subsets)))


def checked_features(features):
    """The features as an array [N, D] of floats, N >= 1; `ZooError` where they are not that, or not finite."""
    features = np.asarray(features)
    if features.dtype.kind != "f":
        features = features.astype(np.float64)
    if features.ndim != 2 or not features.size:
        raise ZooError(f"features of shape {features.shape}; expected [N, D] with N and D at least 1.")
    if not np.isfinite(features).all():
        bad = (~np.isfinite(features)).any(axis=1).sum()
        raise ZooError(f"{bad} of {len(features)} features hold NaN or infinity; look at the images they came from.")
    return features


def _factor(covariance, count):
    """F [D, rank] with F F^T = covariance [D, D], which was taken of `count` features."""
    rounding = len(covariance) * np.finfo(np.float64).eps
    if count > len(covariance):
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            pass  # singular, or no covariance: the eigenvalues tell
        else:
            if factor.diagonal().min() ** 2 > 1e3 * rounding * covariance.diagonal().max():
                return factor
    values, vectors = np.linalg.eigh(covariance)
    noise = rounding * np.abs(values).max()
    if values[0] < -1e6 * noise:
        raise ZooError(f"a covariance has the eigenvalue {values[0]:.3g}; expected none below 0.")
    keep = values > noise
    return vectors[:, keep] * np.sqrt(values[keep])


def kernel_contributions(real, fake):
    """For each feature its mean kernel with its own side less that with the other: float64 [N], [M].

    The sum of the two means is the kernel distance over all pairs. To first order, features drawn anew move it by twice
    what they move these means, since each one is in the pairs of both ends.
    """
    n, m = len(real), len(fake)
    cross_real, cross_fake = _kernel_sums(real, fake)
    return _kernel_sums(real) / (n - 1) - cross_real / m, _kernel_sums(fake) / (m - 1) - cross_fake / n


def distance_of(contributions):
    """The `KernelDistance` of `kernel_contributions`."""
    variance = 4 * sum(own.var(ddof=1) / len(own) for own in contributions)
    return KernelDistance(float(sum(own.mean() for own in contributions)), float(np.sqrt(variance)))


def _unbiased(real, fake):
    """`KernelDistance` over all pairs of real [N, D] and fake [M, D]."""
    return distance_of(kernel_contributions(real, fake))


def _unbiased_of_subsets(real, fake, chosen_real, chosen_fake):
    """The estimates [S] for subsets of rows, both int [S, size], from one pass over all pairs."""
    of_real, of_fake = (np.zeros([len(chosen_real), len(x)]) for x in (real, fake))
    np.put_along_axis(of_real, chosen_real, 1, axis=1)
    np.put_along_axis(of_fake, chosen_fake, 1, axis=1)
    size = chosen_real.shape[1]
    own = _marked_sums(real, None, of_real, of_real) + _marked_sums(fake, None, of_fake, of_fake)
    # Own pairs came once: the mean over both of each has the factor 2, as the cross term has.
    return 2 * own / (size * (size - 1)) - 2 * _marked_sums(real, fake, of_real, of_fake) / size**2


def _marked_sums(x, other, of_x, of_other):
    """The sums [S] of `_kernel_blocks` over the rows and columns that 1 marks in of_x [S, N] and of_other [S, M]."""
    sums = np.zeros(len(of_x))
    for rows, columns, kernel in _kernel_blocks(x, other):
        sums += ((of_x[:, rows] @ kernel) * of_other[:, columns]).sum(axis=1)
    return sums


def _kernel_sums(x, other=None):
    """Row sums [N] and column sums [M] of k(x, other); without `other`, the sums [N] of k(x, x) less its diagonal."""
    by_row, by_column = np.zeros(len(x)), np.zeros(len(x if other is None else other))
    for rows, columns, kernel in _kernel_blocks(x, other):
        by_row[rows] += kernel.sum(axis=1)
        by_column[columns] += kernel.sum(axis=0)
    return by_row + by_column if other is None else (by_row, by_column)


def _kernel_blocks(x, other=None):
    """Yields (slice of rows, slice of columns, kernel) over the blocks of k(x, other).

    Without `other` each pair of k(x, x) comes once, from above the diagonal; the blocks on it hold both of a pair and
    are halved. The diagonal itself is 0.
    """
    y = x if other is None else other
    for i in range(0, len(x), BLOCK):
        left = x[i : i + BLOCK].astype(np.float64)
        for j in range(i if other is None else 0, len(y), BLOCK):
            on_diagonal = other is None and i == j
            right = left if on_diagonal else y[j : j + BLOCK].astype(np.float64)
            kernel = left @ right.T
            kernel /= x.shape[1]
            kernel += 1
            kernel **= 3
            if on_diagonal:
                np.fill_diagonal(kernel, 0)
                kernel /= 2
            yield slice(i, i + len(left)), slice(j, j + len(right)), kernel
