"""The largest singular values of a network's kernels, whose growth announces a collapse. BigGAN: Brock et al. 2018,
arXiv:1809.11096, section 4, which watches the first three of every layer.

They belong to the stored kernels, before a layer with spectral normalisation divides by its sigma.
"""

from collections.abc import Iterator

import keras
import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.layers import TopSingularClamp
from tfgan_zoo.layers.replaced_kernel import CONVOLUTIONS, kernel_of, output_axis

LARGE = 1024  # of the smaller side: beyond it a few Lanczos steps are faster than the full Gram matrix


def top_singular_values(kernel: np.ndarray, count: int = 3) -> np.ndarray:
    """The largest singular values of a kernel, reshaped to [everything else, outputs].

    Args:
        kernel: array [..., outputs] of at least two dimensions.
        count: how many.

    Returns:
        float64 [min(count, smaller side)], in decreasing order; NaN if the kernel is not finite. Absolute errors are below 1e-7 of the
        largest one, and below 1e-4 of it where the smaller side is beyond `LARGE`.
    """
    matrix = np.asarray(kernel)
    matrix = matrix.reshape(-1, matrix.shape[-1])
    side = min(matrix.shape)
    count = min(count, side)
    if not np.isfinite(matrix).all():
        return np.full(count, np.nan)
    return by_lanczos(matrix, count) if side > LARGE else by_gram(matrix, count)


def by_gram(matrix: np.ndarray, count: int) -> np.ndarray:
    """Square roots of the largest eigenvalues of W^T W or W W^T, the smaller of the two."""
    from scipy.linalg import eigvalsh

    matrix = matrix.astype(np.float64)
    gram = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    side = len(gram)
    return np.sqrt(np.maximum(eigvalsh(gram, subset_by_index=[side - count, side - 1])[::-1], 0))


def by_lanczos(matrix: np.ndarray, count: int) -> np.ndarray:
    """From a fixed start vector; a value's error is the square of its vector's, so a loose tolerance is enough."""
    from scipy.sparse.linalg import svds

    if not matrix.any():
        return np.zeros(count)
    matrix = matrix.astype(np.float32)
    start = np.random.default_rng(0).normal(size=min(matrix.shape)).astype(np.float32)
    values = svds(matrix, count, return_singular_vectors=False, v0=start, tol=1e-3)
    return np.sort(values.astype(np.float64))[::-1]


def layers_with_kernels(network: keras.Model) -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yields (name, layer) of every Dense, convolution and Embedding in a Keras model, including nested ones.

    A layer is named by the path of its kernel; a wrapper and its inner layer that share a name appear as one.
    """
    for layer in network._flatten_layers(include_self=False):  # Keras has no public walk over layers within layers
        if isinstance(layer, (keras.layers.Dense, keras.layers.Embedding, *CONVOLUTIONS)):
            yield "/".join(dict.fromkeys(kernel_of(layer).path.split("/")[:-1])), layer


def kernels_of(network: keras.Model) -> dict[str, np.ndarray]:
    """{layer: array [..., outputs]} of `layers_with_kernels`."""
    layers = layers_with_kernels(network)
    return {name: np.moveaxis(kernel_of(layer).numpy(), output_axis(layer), -1) for name, layer in layers}


def clamp_kernels(network: keras.Model, limit: float | None, ratio: float | None) -> None:
    """Gives every kernel of `layers_with_kernels` the constraint `TopSingularClamp(limit, ratio)`.

    Raises:
        ZooError: a kernel already has a constraint.
    """
    for name, layer in layers_with_kernels(network):
        kernel = kernel_of(layer)
        if kernel.constraint is not None:
            what = type(kernel.constraint).__name__
            raise ZooError(
                f"the kernel of {name} in the {network.name} already has {what}, which a clamp of singular values would replace; "
                f"leave {network.name}_optimizer.singular_limit and .singular_ratio out."
            )
        kernel.constraint = TopSingularClamp(limit, ratio, output_axis(layer))


def singular_value_scalars(game: Game, count: int = 3) -> dict[str, float]:
    """{"singular_values/<player>/<layer>/<0, 1, ...>": value} of both players of a `Game`."""
    players = {"generator": game.generator, "discriminator": game.discriminator}
    return {
        f"singular_values/{player}/{layer}/{rank}": float(value)
        for player, network in players.items()
        for layer, kernel in kernels_of(network).items()
        for rank, value in enumerate(top_singular_values(kernel, count))
    }
