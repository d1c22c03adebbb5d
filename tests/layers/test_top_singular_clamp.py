"""Clamping the top singular value, against NumPy's decomposition, by hand, and as an optimiser applies it."""

import keras
import numpy as np
import pytest
from small_games import assert_same, played, points_game, points_recipe, values

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import SpectralNormalization, TopSingularClamp, WeightClip, top_singular_clamped
from tfgan_zoo.training.singular_values import kernels_of


def matrix_of(values, shape=(12, 7), seed=0):
    """A matrix with these singular values and random singular vectors."""
    random = np.random.default_rng(seed)
    left, right = (np.linalg.qr(random.normal(size=[side, len(values)]))[0] for side in shape)
    return (left * values @ right.T).astype(np.float64)


def clamped_by_numpy(matrix, limit=None, ratio=None):
    left, s, right = np.linalg.svd(matrix, full_matrices=False)
    s[0] = min(s[0], limit if ratio is None else ratio * s[1])
    return left * s @ right


@pytest.mark.parametrize("iterations", [0, 10])
@pytest.mark.parametrize("clamp", [{"limit": 2.5}, {"ratio": 1.0}, {"ratio": 0.5}, {"limit": 50.0}])
def test_clamp_equals_the_full_decomposition(clamp, iterations):
    matrix = matrix_of([9.0, 4.0, 3.0, 2.0, 1.0, 0.5])
    clamped = np.asarray(TopSingularClamp(**clamp, iterations=iterations)(matrix))
    np.testing.assert_allclose(clamped, clamped_by_numpy(matrix, **clamp), atol=1e-6)


def test_only_the_largest_entry_of_a_diagonal_is_clamped():
    kernel = np.diag([1.0, -5.0, 3.0, 2.0])
    np.testing.assert_allclose(TopSingularClamp(limit=4.0)(kernel), np.diag([1.0, -4.0, 3.0, 2.0]), atol=1e-7)
    np.testing.assert_allclose(TopSingularClamp(ratio=1.5)(kernel), np.diag([1.0, -4.5, 3.0, 2.0]), atol=1e-7)
    np.testing.assert_array_equal(
        TopSingularClamp(ratio=2.0)(kernel), kernel
    )  # 5 is below 2 * 3: unchanged, bit for bit


def test_float32_kernels_of_convolutions_and_of_a_single_output():
    kernel = np.random.default_rng(1).normal(size=[3, 3, 4, 6]).astype(np.float32)
    clamped = np.asarray(TopSingularClamp(ratio=0.5, iterations=60)(kernel))
    assert clamped.dtype == np.float32
    np.testing.assert_allclose(clamped.reshape(36, 6), clamped_by_numpy(kernel.reshape(36, 6), ratio=0.5), atol=2e-5)
    column = np.full([9, 1], 2.0, np.float32)  # its singular value is 6, and it has no second one
    np.testing.assert_allclose(TopSingularClamp(limit=3.0)(column), column / 2, rtol=1e-6)


def test_transposed_kernels_and_embeddings_are_flattened_by_output():
    transposed = keras.layers.Conv2DTranspose(5, 2, name="up")
    assert top_singular_clamped(transposed, limit=1.0) is transposed
    transposed.build([None, 4, 4, 3])
    kernel = np.random.default_rng(2).normal(size=[2, 2, 5, 3])  # height, width, outputs, inputs
    clamped_kernel = np.asarray(TopSingularClamp(limit=1.0, axis=-2, iterations=60)(kernel))
    matrix, clamped = (np.moveaxis(k, -2, -1).reshape(12, 5) for k in (kernel, clamped_kernel))
    np.testing.assert_allclose(clamped, clamped_by_numpy(matrix, limit=1.0), atol=1e-6)
    assert transposed.kernel.constraint.axis == -2
    embedding = top_singular_clamped(keras.layers.Embedding(6, 4), ratio=1.0)
    embedding.build(None)
    assert embedding.embeddings.constraint.axis == 0


def test_optimiser_clamps_after_its_step_also_inside_spectral_normalisation():
    layer = SpectralNormalization(top_singular_clamped(keras.layers.Dense(3, use_bias=False), limit=2.0))
    layer.build([None, 3])
    layer.layer.kernel.assign(np.diag([1.0, 1.5, 0.5]))
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build(layer.trainable_variables)
    optimizer.apply([np.diag([0.0, -3.0, 0.0]).astype(np.float32)])  # 1.5 becomes 4.5, which is clamped to 2
    np.testing.assert_allclose(layer.layer.kernel.numpy(), np.diag([1.0, 2.0, 0.5]), atol=1e-6)


def test_clamp_is_saved_with_its_layer():
    again = keras.layers.Dense.from_config(top_singular_clamped(keras.layers.Dense(3), ratio=0.5).get_config())
    assert again.kernel_constraint.get_config() == {"limit": None, "ratio": 0.5, "axis": -1, "iterations": 10}


@pytest.mark.parametrize("bounds", [{}, {"limit": 1.0, "ratio": 1.0}, {"limit": 0.0}, {"ratio": -1.0}])
def test_exactly_one_positive_bound_is_required(bounds):
    with pytest.raises(ValueError, match="expected exactly one of them, a positive number"):
        TopSingularClamp(**bounds)


def top_two(network):
    """The two largest singular values of each kernel that has two."""
    spectra = [np.linalg.svd(k.reshape(-1, k.shape[-1]), compute_uv=False) for k in kernels_of(network).values()]
    return np.array([s[:2] for s in spectra if len(s) > 1])


def test_recipe_clamps_the_kernels_of_one_player_and_two_replicas_agree(two_replicas):
    settings = points_recipe(precision="float64", generator_optimizer={"learning_rate": 0.05, "singular_limit": 0.5})
    trainer = played(settings)
    np.testing.assert_allclose(top_two(trainer.game.generator)[:, 0].max(), 0.5, rtol=1e-4)
    assert top_two(trainer.game.discriminator)[:, 0].min() > 0.6
    assert_same(values(trainer), values(played(settings, strategy=two_replicas)), tolerance=1e-9)


def test_ratio_of_1_makes_the_two_largest_equal_and_leaves_a_kernel_of_one_column():
    trainer = played(points_recipe(precision="float64", discriminator_optimizer={"singular_ratio": 1.0}))
    first, second = top_two(trainer.game.discriminator).T
    np.testing.assert_allclose(first, second, rtol=1e-2)
    assert min(np.abs(kernel).max() for kernel in kernels_of(trainer.game.discriminator).values()) > 0.01


def test_both_bounds_or_another_constraint_are_refused():
    with pytest.raises(ZooError, match="singular_limit and singular_ratio exclude each other"):
        points_recipe(generator_optimizer={"singular_limit": 1.0, "singular_ratio": 1.0})

    def clipped():
        game = points_game()
        for layer in game.generator.layers[1:2]:
            layer.kernel.constraint = WeightClip(0.01)
        return game

    with pytest.raises(ZooError, match="already has WeightClip"):
        played(points_recipe(generator_optimizer={"singular_limit": 1.0}), clipped)
