"""Distances between two sets of features: Fréchet (FID, arXiv:1706.08500) and kernel (KID, arXiv:1801.01401).

All in NumPy float64. Deviation from the authors' FID code: the trace of the matrix root comes from a symmetric factor
and symmetric eigenvalues instead of `sqrtm` of a product, which is faster and is never complex or NaN.
"""

import dataclasses
import typing
import warnings
from collections.abc import Iterator

import numpy as np

from tfgan_zoo.core.errors import ZooError

BLOCK = 2048  # rows of a kernel matrix held at a time: 2048 * 2048 * 8 bytes = 32 MiB
ROWS = 8192  # features whose moments are computed at a time: 128 MiB in float64 for 2048 dimensions


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean [D] and covariance [D, D] (unbiased: divided by count - 1) of `count` features.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import Moments, frechet_distance
        >>> standard = Moments(np.zeros(2), np.eye(2), 1000)
        >>> shifted = Moments(np.array([3.0, 4.0]), np.eye(2), 1000)
        >>> round(frechet_distance(standard, shifted), 9)  # 3^2 + 4^2
        25.0
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int


class KernelDistance(typing.NamedTuple):
    """An unbiased estimate, which may be negative, and its standard error.

    Examples:
        >>> from tfgan_zoo.metrics import KernelDistance
        >>> value, standard_error = KernelDistance(-0.001, 0.002)
        >>> value
        -0.001
    """

    value: float
    standard_error: float


class RunningMoments:
    """Mean and covariance of features that arrive in batches; memory for one [D, D] matrix however many there are.

    Batches are merged by their centred sums of products (Chan et al. 1979), so a large mean costs no precision.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import RunningMoments
        >>> running = RunningMoments()
        >>> running.update(np.array([[1.0], [2.0]]))
        >>> running.update(np.array([[6.0]]))
        >>> result = running.result()
        >>> result.mean.tolist(), result.covariance.tolist(), result.count  # (4 + 1 + 9) / 2
        ([3.0], [[7.0]], 3)
    """

    def __init__(self) -> None:
        self._count: int = 0
        self._mean: typing.Any = 0.0
        self._scatter: typing.Any = 0.0

    def update(self, features: np.ndarray) -> None:
        """Adds features [B, D], any B. Raises `ZooError` if they are not finite, not 2-D, or of another D than before."""
        features = checked_features(features)
        if self._count and features.shape[1] != len(self._mean):
            raise ZooError(f"features have {features.shape[1]} dimensions; expected {len(self._mean)}, as before.")
        for start in range(0, len(features), ROWS):
            self._merge(features[start : start + ROWS].astype(np.float64))

    def _merge(self, features):
        count, mean = len(features), features.mean(axis=0)
        shift, total = mean - self._mean, self._count + count
        features -= mean
        self._scatter += features.T @ features
        self._scatter += np.outer(shift, shift * (self._count * count / total))
        self._mean, self._count = self._mean + shift * (count / total), total

    def result(self) -> Moments:
        """The `Moments` of all features so far. Raises `ZooError` for fewer than two, which have no covariance."""
        if self._count < 2:
            raise ZooError(f"moments of {self._count} feature(s); a covariance needs 2 or more.")
        return Moments(self._mean, self._scatter / (self._count - 1), self._count)


def moments(features: np.ndarray) -> Moments:
    """The `Moments` of features [N, D], N >= 2. Raises as `RunningMoments` does.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import moments
        >>> result = moments(np.array([[0.0, 1.0], [2.0, 3.0]]))
        >>> result.mean.tolist(), result.covariance.tolist()
        ([1.0, 2.0], [[2.0, 2.0], [2.0, 2.0]])
    """
    running = RunningMoments()
    running.update(features)
    return running.result()


def frechet_distance(real: Moments, fake: Moments) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) >= 0 of two `Moments`. Heusel et al. 2017, equation 6.

    Covariances may be singular. Warns if a count is below D + 1: the covariance is then singular, and the estimate far
    above the distance of the distributions.

    Raises:
        ZooError: the dimensions differ, a moment is not finite, or a covariance has a clearly negative eigenvalue.

    Examples:
        Shifting the samples of a Gaussian by (3, 4) moves the mean and leaves the covariance:

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import frechet_distance, moments
        >>> features = np.random.default_rng(0).normal(size=[1000, 2])
        >>> round(frechet_distance(moments(features), moments(features + [3, 4])), 6)
        25.0
        >>> scaled = frechet_distance(moments(features), moments(2 * features))  # tr(C) (2 - 1)^2 + |m|^2
        >>> bool(np.isclose(scaled, features.var(axis=0, ddof=1).sum() + (features.mean(axis=0) ** 2).sum()))
        True
    """
    for m in (real, fake):
        if m.mean.ndim != 1 or m.covariance.shape != 2 * m.mean.shape or m.mean.shape != real.mean.shape:
            shapes = " and ".join(f"{each.mean.shape}, {each.covariance.shape}" for each in (real, fake))
            raise ZooError(f"moments of shapes {shapes}; expected mean [D] and covariance [D, D], the same D for both.")
        if not (np.isfinite(m.mean).all() and np.isfinite(m.covariance).all()):
            raise ZooError("moments hold NaN or infinity; check the features that they were computed from.")
    dimension = len(real.mean)
    if min(real.count, fake.count) <= dimension:
        warnings.warn(
            f"{real.count} real and {fake.count} fake features of {dimension} dimensions: the Fréchet distance is"
            f" biased upwards; use at least {dimension + 1} of each, or the kernel distance, which is unbiased.",
            stacklevel=2,
        )
    # C1 = F F^T, and F^T C2 F has the nonzero eigenvalues of C1 C2. Few samples give a narrow F and so a small matrix.
    first, second = (real, fake) if real.count <= fake.count else (fake, real)
    factor = _factor(np.asarray(first.covariance, np.float64), first.count)
    eigenvalues = np.linalg.eigvalsh(factor.T @ second.covariance @ factor)
    trace_root = np.sqrt(np.maximum(eigenvalues, 0)).sum()
    distance = ((real.mean - fake.mean) ** 2).sum() + np.trace(real.covariance) + np.trace(fake.covariance)
    return max(float(distance - 2 * trace_root), 0.0)


def frechet_contributions(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each of features [N, D] and [M, D] adds to the `frechet_distance`, to first order: float64 [N], [M], each of mean 0.

    A resample moves the distance by about the sum of the means of what was drawn. These are derivatives by the weights of the
    features: with the optimal map T from one Gaussian to the other, x adds |x|^2 - x^T T x + 2 x . (m1 - m2), centred.

    Resamples to first order scatter 1 to 1.8 times as widely as the distances of new features. Full resamples, from each of which
    a third of the features is missing, scatter 2 to 4 times as widely where most of the distance is the bias of few features
    (tests/metrics/test_frechet_intervals.py), and cost hundreds of distances instead of a few.
    """
    count, other, dimension = len(real), len(fake), real.shape[1]
    few = min(count, other) <= dimension and count * other <= 4 * dimension**2
    first, second = (_terms_of_few if few else _terms_of_many)(real, fake)
    return first - first.mean(), second - second.mean()


def _terms_of_few(real, fake):
    """`frechet_contributions` before centring, from the products of the features, [N, M]; no [D, D] matrix is made."""
    centre = real.mean(axis=0, dtype=np.float64)  # takes a mean that both share out of the rounding
    sides = [features.astype(np.float64) - centre for features in (real, fake)]
    means = [features.mean(axis=0) for features in sides]
    for features, mean in zip(sides, means, strict=True):
        features -= mean
    # x^T T x of all x of one side, X [N, D], is the diagonal of X T X^T = sqrt(n / m) (X Y^T Y X^T)^(1/2).
    left, roots, right = _singular(sides[0] @ sides[1].T)
    n, m = (len(features) - 1 for features in sides)
    shares = np.sqrt(n / m) * left**2 @ roots, np.sqrt(m / n) * right**2 @ roots
    shift, terms = means[0] - means[1], []
    for features, share, towards in zip(sides, shares, (shift, -shift), strict=True):
        squares = np.einsum("nd,nd->n", features, features)
        terms.append((squares - share) * _unbiased_factor(features) + 2 * features @ towards)
    return terms


def _terms_of_many(real, fake):
    """`frechet_contributions` before centring, from moments, in chunks of some thousand features."""
    sides = [moments(features) for features in (real, fake)]
    factors = [_factor(side.covariance, side.count) for side in sides]
    left, roots, right = _singular(factors[0].T @ factors[1])
    shift, terms = sides[0].mean - sides[1].mean, []
    for features, side, factor, vectors, towards in zip(
        (real, fake), sides, factors, (left, right), (shift, -shift), strict=True
    ):
        root_map = _inverse_transposed(factor, vectors * np.sqrt(roots))  # x^T T x = |root_map^T x|^2
        parts = []
        for start in range(0, len(features), ROWS):
            chunk = features[start : start + ROWS].astype(np.float64) - side.mean
            squares = np.einsum("nd,nd->n", chunk, chunk) - ((chunk @ root_map) ** 2).sum(axis=1)
            parts.append(squares * _unbiased_factor(features) + 2 * chunk @ towards)
        terms.append(np.concatenate(parts))
    return terms


def _unbiased_factor(features):
    return len(features) / (len(features) - 1)


def _singular(matrix):
    """(left [A, R], values [R], right [B, R]) of the singular value decomposition of a matrix [A, B], without values near 0."""
    if matrix.shape[0] > matrix.shape[1]:
        return _singular(matrix.T)[::-1]
    squares, left = np.linalg.eigh(matrix @ matrix.T)
    kept = squares > squares.max(initial=0) * len(squares) * np.finfo(np.float64).eps
    values, left = np.sqrt(squares[kept]), left[:, kept]
    return left, values, matrix.T @ left / values


def _inverse_transposed(factor, columns):
    """The pseudo-inverse of F^T [rank, D], for F of `_factor`, times columns [rank, R]."""
    if factor.shape[0] == factor.shape[1] and not np.triu(factor, 1).any():
        from scipy.linalg import solve_triangular  # imported on use, since it is slow to import

        return solve_triangular(factor, columns, lower=True, trans="T")
    return factor @ (columns / (factor**2).sum(axis=0)[:, None])  # its columns are orthogonal


def kernel_distance(
    real: np.ndarray, fake: np.ndarray, subsets: int | None = None, subset_size: int = 1000, seed: int = 0
) -> KernelDistance:
    """Unbiased squared MMD of features [N, D] and [M, D] under k(x, y) = (x.y / D + 1)^3. Bińkowski et al. 2018.

    With subsets=None all pairs are used, in blocks of bounded memory, and the standard error is that of the linear part of
    the statistic. With a number of subsets, as in the paper, the value is the mean over that many draws of `subset_size` of
    each, without replacement within a draw. The standard error is then that of this mean: it covers the drawing of the
    subsets, not the sampling of the features.

    Raises:
        ZooError: features are not finite, or the sizes are out of range.

    Examples:
        Real features 1, 1 and fake features 0, 0 have the kernels (1 + 1)^3 = 8, 1 and across 1: 8 + 1 - 2.

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import kernel_distance
        >>> kernel_distance(np.ones([2, 1]), np.zeros([2, 1])).value
        7.0
    """
    real, fake = checked_features(real), checked_features(fake)
    if real.shape[1] != fake.shape[1]:
        raise ZooError(f"real features have {real.shape[1]} dimensions, fake ones {fake.shape[1]}; expected the same.")
    smaller = min(len(real), len(fake))
    if smaller < 2:
        raise ZooError(f"{len(real)} real and {len(fake)} fake features; the kernel distance needs at least 2 of each.")
    if subsets is None:
        return _unbiased(real, fake)
    if subsets < 2 or not 2 <= subset_size <= smaller:
        raise ZooError(
            f"subsets={subsets} of subset_size={subset_size} with {len(real)} real and {len(fake)} fake features;"
            f" expected at least 2 subsets, of 2 to {smaller} features; subsets=None uses every pair."
        )
    random = np.random.default_rng(seed)
    draws = [[random.choice(len(x), subset_size, replace=False) for x in (real, fake)] for _ in range(subsets)]
    # The cost in multiplications: each subset separately, or all pairs once and then sums over masks of the subsets.
    separate = 2 * subsets * subset_size**2 * real.shape[1]
    all_pairs = (len(real) * len(fake) + (len(real) ** 2 + len(fake) ** 2) / 2) * (real.shape[1] + subsets)
    if separate <= all_pairs:
        values = [_unbiased(real[r], fake[f]).value for r, f in draws]
    else:
        values = _unbiased_of_subsets(real, fake, *map(np.array, zip(*draws, strict=True)))
    return KernelDistance(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(subsets)))


def checked_features(features: np.ndarray) -> np.ndarray:
    """The features as an array [N, D] of floats, N >= 1. Raises `ZooError` if they are not that, or not finite."""
    features = np.asarray(features)
    if features.dtype.kind != "f":
        features = features.astype(np.float64)
    if features.ndim != 2 or not features.size:
        raise ZooError(f"features of shape {features.shape}; expected [N, D] with N and D at least 1.")
    if not np.isfinite(features).all():
        bad = (~np.isfinite(features)).any(axis=1).sum()
        raise ZooError(f"{bad} of {len(features)} features hold NaN or infinity; check the images they came from.")
    return features


def _factor(covariance, count):
    """F [D, rank] with F F^T = covariance [D, D], which was estimated from `count` features."""
    rounding = len(covariance) * np.finfo(np.float64).eps
    if count > len(covariance):
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            pass  # singular, or not a covariance: the eigenvalues show which
        else:
            if factor.diagonal().min() ** 2 > 1e3 * rounding * covariance.diagonal().max():
                return factor
    values, vectors = np.linalg.eigh(covariance)
    noise = rounding * np.abs(values).max()
    if values[0] < -1e6 * noise:
        raise ZooError(f"a covariance has the eigenvalue {values[0]:.3g}; expected none below 0.")
    keep = values > noise
    return vectors[:, keep] * np.sqrt(values[keep])


def kernel_contributions(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each feature its mean kernel with its own set minus that with the other: float64 [N], [M].

    The sum of the two means is the kernel distance over all pairs. To first order, resampling moves the distance by twice
    what it moves these means, since each feature is in the pairs of both ends.
    """
    n, m = len(real), len(fake)
    cross_real, cross_fake = _kernel_sums(real, fake)
    return _kernel_sums(real) / (n - 1) - cross_real / m, _kernel_sums(fake) / (m - 1) - cross_fake / n


def distance_of(contributions: tuple[np.ndarray, np.ndarray]) -> KernelDistance:
    """The `KernelDistance` from `kernel_contributions`."""
    variance = 4 * sum(own.var(ddof=1) / len(own) for own in contributions)
    return KernelDistance(float(sum(own.mean() for own in contributions)), float(np.sqrt(variance)))


def _unbiased(real, fake):
    """`KernelDistance` over all pairs of real [N, D] and fake [M, D]."""
    return distance_of(kernel_contributions(real, fake))


def _unbiased_of_subsets(real, fake, chosen_real, chosen_fake):
    """The estimates [S] for subsets of rows, both int [S, size], from one pass over all pairs."""
    real_masks, fake_masks = (np.zeros([len(chosen_real), len(x)]) for x in (real, fake))
    np.put_along_axis(real_masks, chosen_real, 1, axis=1)
    np.put_along_axis(fake_masks, chosen_fake, 1, axis=1)
    size = chosen_real.shape[1]
    own = _masked_sums(real, None, real_masks, real_masks) + _masked_sums(fake, None, fake_masks, fake_masks)
    # Each own pair was summed once and counts twice in the mean, hence the factor 2, which the cross term has anyway.
    return 2 * own / (size * (size - 1)) - 2 * _masked_sums(real, fake, real_masks, fake_masks) / size**2


def _masked_sums(x, other, row_masks, column_masks):
    """The sums [S] of `_kernel_blocks` over the rows and columns selected by row_masks [S, N] and column_masks [S, M]."""
    sums = np.zeros(len(row_masks))
    for rows, columns, kernel in _kernel_blocks(x, other):
        sums += ((row_masks[:, rows] @ kernel) * column_masks[:, columns]).sum(axis=1)
    return sums


def _kernel_sums(x, other=None):
    """Row sums [N] and column sums [M] of k(x, other); without `other`, the sums [N] of k(x, x) without its diagonal."""
    by_row, by_column = np.zeros(len(x)), np.zeros(len(x if other is None else other))
    for rows, columns, kernel in _kernel_blocks(x, other):
        by_row[rows] += kernel.sum(axis=1)
        by_column[columns] += kernel.sum(axis=0)
    return by_row + by_column if other is None else (by_row, by_column)


def _kernel_blocks(x: np.ndarray, other: np.ndarray | None = None) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Yields (slice of rows, slice of columns, kernel) over the blocks of k(x, other).

    Without `other`, each pair of k(x, x) comes once, from above the diagonal. Blocks on the diagonal hold each pair twice and
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
