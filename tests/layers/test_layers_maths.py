"""The layers against closed forms, NumPy in float64, finite differences, PyTorch and TensorFlow Addons."""

import math
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close

from tfgan_zoo.layers import (
    BatchNorm,
    ConditionalBatchNorm,
    ConvDownsample2D,
    EqualizedConv2D,
    EqualizedConv2DTranspose,
    EqualizedDense,
    MinibatchStdDev,
    OrthogonalRegularizer,
    PixelNorm,
    SelfAttention,
    SpectralNormalization,
    Upsample2D,
    UpsampleConv2D,
    WeightClip,
    WeightNormalization,
    standing_statistics,
)

REFERENCES = pathlib.Path(__file__).parents[1] / "references"


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def values(variables):
    return [np.array(v.numpy()) for v in variables]


def assert_unchanged(variables, before):
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)


def finite_differences(function, variable, step=1e-6):
    """The central differences of a scalar function with respect to each element of a float64 variable."""
    start = variable.numpy()
    slopes = np.zeros_like(start)
    for index in np.ndindex(start.shape):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * step
            variable.assign(moved)
            ends.append(float(function()))
        slopes[index] = (ends[0] - ends[1]) / (2 * step)
    variable.assign(start)
    return slopes


def run_on_both(strategy, function, *batches):
    """Calls `function` on each replica with its half of the batches [8, ...]. Returns the results, one per replica."""

    def half(batch):
        return strategy.experimental_distribute_values_from_function(
            lambda c: tf.constant(batch[4 * c.replica_id_in_sync_group :][:4])
        )

    @tf.function
    def run(arguments):
        return strategy.run(function, arguments)

    return run([half(batch) for batch in batches])


# ---------------------------------------------------------------------------------------------- spectral normalisation


def random():
    """Created inside a test, an initialiser draws from that test's seed."""
    return keras.initializers.RandomNormal(stddev=1.0)


# The layer, its input and the output axis of its kernel.
WRAPPED = {
    "Dense": (lambda: keras.layers.Dense(3, kernel_initializer=random()), normal(2, 4), -1),
    "Conv2D": (lambda: keras.layers.Conv2D(3, 2, kernel_initializer=random()), normal(2, 3, 3, 2), -1),
    "Conv2DTranspose": (
        lambda: keras.layers.Conv2DTranspose(3, 2, strides=2, kernel_initializer=random()),
        normal(2, 2, 2, 2),
        -2,
    ),
    "Embedding": (lambda: keras.layers.Embedding(5, 3, embeddings_initializer=random()), np.array([[0, 4], [3, 1]]), 0),
}
every_wrapped = pytest.mark.parametrize(("make", "inputs", "axis"), WRAPPED.values(), ids=WRAPPED)


def kernel_of(layer):
    return layer.embeddings if isinstance(layer, keras.layers.Embedding) else layer.kernel


def columns_of(kernel, axis):
    """The kernel as the matrix [everything else, outputs]."""
    kernel = np.moveaxis(np.asarray(kernel), axis, -1)
    return kernel.reshape(-1, kernel.shape[-1])


def power_iteration(columns, u, steps):
    for _ in range(steps):
        v = columns @ u
        v /= np.linalg.norm(v)
        u = columns.T @ v
        u /= np.linalg.norm(u)
    return u, v


@every_wrapped
@pytest.mark.usefixtures("double")
def test_sigma_is_the_largest_singular_value_after_many_training_calls(make, inputs, axis):
    layer = SpectralNormalization(make())
    layer.build(inputs.shape)
    kernel = kernel_of(layer.layer)
    kernel.assign(normal(*kernel.shape, seed=1))  # not the kernel that the iterations at build ran on
    for _ in range(200):
        outputs = layer(inputs, training=True)
    sigma = np.linalg.svd(columns_of(kernel.numpy(), axis), compute_uv=False)[0]
    assert_all_close(outputs * sigma, layer.layer(inputs))  # biases are 0
    assert_all_close(layer(inputs), outputs)


@every_wrapped
@pytest.mark.usefixtures("double")
def test_gradient_through_the_normalised_kernel_equals_finite_differences_and_has_no_radial_part(make, inputs, axis):
    layer = SpectralNormalization(make())
    coefficients = normal(*layer(inputs).shape, seed=2)
    kernel = kernel_of(layer.layer)
    layer.u.assign(layer.u + 0.3)  # any u and v will do, not only the singular vectors
    layer.v.assign(layer.v - 0.2)

    def loss():
        return tf.reduce_sum(layer(inputs) * coefficients)

    with tf.GradientTape() as tape:
        value = loss()
    gradient = tf.convert_to_tensor(tape.gradient(value, kernel.value)).numpy()
    assert_all_close(gradient, finite_differences(loss, kernel), 1e-7)
    assert abs(np.sum(gradient * kernel.numpy())) < 1e-12 * np.linalg.norm(gradient) * np.linalg.norm(kernel.numpy())
    assert np.linalg.norm(gradient) > 0.1


@every_wrapped
@pytest.mark.usefixtures("double")
def test_gradient_in_training_equals_the_papers(make, inputs, axis):
    """(1 / sigma) (G - <G, W / sigma> v u^T): equation 12 of Miyato et al. 2018, G the gradient with respect to W / sigma."""
    layer = SpectralNormalization(make())
    coefficients = normal(*layer(inputs).shape, seed=2)
    kernel = kernel_of(layer.layer)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs, training=True) * coefficients)
    gradient = columns_of(tf.convert_to_tensor(tape.gradient(loss, kernel.value)), axis)

    u, v, stored = layer.u.numpy(), layer.v.numpy(), columns_of(kernel.numpy(), axis)
    sigma = v @ stored @ u
    kernel.assign(kernel / sigma)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer.layer(inputs) * coefficients)
    upstream = columns_of(tf.convert_to_tensor(tape.gradient(loss, kernel.value)), axis)
    assert_all_close(gradient, (upstream - np.sum(upstream * stored / sigma) * np.outer(v, u)) / sigma)


def test_inference_divides_by_the_same_sigma_when_the_vectors_are_shorter_than_1():
    """As in a moving average, a mean of unit vectors."""
    layer = SpectralNormalization(keras.layers.Dense(3, kernel_initializer=random()))
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    layer(x, training=True)
    before = layer(x).numpy()
    layer.u.assign(0.9 * layer.u)
    layer.v.assign(0.8 * layer.v)
    np.testing.assert_allclose(layer(x).numpy(), before, rtol=1e-5)


@every_wrapped
def test_inference_moves_neither_kernel_nor_vectors(make, inputs, axis):
    layer = SpectralNormalization(make())
    layer(inputs, training=True)
    before = values(layer.variables)
    first = layer(inputs, training=False)
    for training in (False, None, False):
        np.testing.assert_array_equal(layer(inputs, training=training), first)
    assert_unchanged(layer.variables, before)


@every_wrapped
@pytest.mark.parametrize("iterations", [1, 2])
@pytest.mark.usefixtures("double")
def test_training_call_runs_exactly_its_power_iterations_and_leaves_the_kernel(make, inputs, axis, iterations):
    layer = SpectralNormalization(make(), power_iterations=iterations)
    layer.build(inputs.shape)
    kernel = kernel_of(layer.layer)
    kernel.assign(normal(*kernel.shape, seed=1))
    before = kernel.numpy()
    u = layer.u.numpy()
    for _ in range(3):
        outputs = layer(inputs, training=True)
        u, v = power_iteration(columns_of(before, axis), u, iterations)
        assert_all_close(layer.u.numpy(), u)
        assert_all_close(layer.v.numpy(), v)
        assert_all_close(outputs * (v @ columns_of(before, axis) @ u), layer.layer(inputs))
    np.testing.assert_array_equal(kernel.numpy(), before)


@pytest.mark.usefixtures("double")
def test_real_and_fake_in_one_call_share_one_sigma_and_two_calls_do_not():
    real, fake = normal(2, 4, seed=1), normal(2, 4, seed=2)
    layer = SpectralNormalization(keras.layers.Dense(3, kernel_initializer=random()))
    layer.build((None, 4))
    layer.layer.kernel.assign(normal(4, 3, seed=3))
    start = layer.u.numpy()
    columns = layer.layer.kernel.numpy()

    joined = layer(np.concatenate([real, fake]), training=True)
    u, v = power_iteration(columns, start, 1)
    assert_all_close(layer.u.numpy(), u)
    assert_all_close(joined, np.concatenate([real, fake]) @ columns / (v @ columns @ u))

    layer.u.assign(start)
    assert_all_close(layer(real, training=True), joined[:2])
    apart = layer(fake, training=True)
    u, v = power_iteration(columns, start, 2)
    assert_all_close(layer.u.numpy(), u)
    assert_all_close(apart, fake @ columns / (v @ columns @ u))
    assert np.abs(apart - joined[2:]).max() > 1e-3


@every_wrapped
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_iterates_in_float32_on_an_unrounded_kernel(make, inputs, axis, policy):
    """Keras' own wrapper would round every master weight."""
    single = SpectralNormalization(make())
    single.build(inputs.shape)
    keras.config.set_dtype_policy(policy)
    layer = SpectralNormalization(make())
    layer.build(inputs.shape)
    kernel = normal(*kernel_of(single.layer).shape, seed=1).astype("float32")
    for one in (single, layer):
        kernel_of(one.layer).assign(kernel)
        one.u.assign(np.eye(one.u.shape[0])[0])
    for _ in range(3):
        layer(inputs, training=True)
        single(inputs, training=True)
    np.testing.assert_array_equal(kernel_of(layer.layer).numpy(), kernel)
    assert layer.u.dtype == layer.v.dtype == "float32"
    assert_unchanged([layer.u, layer.v], values([single.u, single.v]))


def test_two_replicas_hold_the_same_vectors(two_replicas):
    with two_replicas.scope():
        layer = SpectralNormalization(keras.layers.Dense(3, kernel_initializer=random()))
        layer.build((None, 4))
        layer.layer.kernel.assign(normal(4, 3))
    start = layer.u.numpy()
    for _ in range(3):
        run_on_both(two_replicas, lambda x: layer(x, training=True), normal(8, 4).astype("float32"))
    u, _ = power_iteration(layer.layer.kernel.numpy(), start, 3)
    first, second = two_replicas.experimental_local_results(layer.u.value)
    np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert_all_close(first.numpy(), u, 1e-6)


class Subclassed(keras.Model):
    """A model without a `build`: Keras builds its layer while tracing `call`."""

    def __init__(self, layer):
        super().__init__()
        self.inner = layer

    def call(self, inputs):
        return self.inner(inputs)


CALLERS = {"alone": lambda layer: layer, "inside a tf.function": tf.function, "by a subclassed model": Subclassed}
every_caller = pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)


@every_caller
def test_rank_one_kernel_is_normalised_right_from_the_first_call(caller):
    """The kernel of ones [4, 3] has sigma sqrt(12), which one power iteration finds; building runs ten."""
    layer = SpectralNormalization(keras.layers.Dense(3, kernel_initializer="ones"))
    assert_all_close(caller(layer)(tf.ones([2, 4])), np.full((2, 3), 4 / math.sqrt(12)), 1e-6)


@pytest.mark.usefixtures("double")
def test_kernel_of_zeros_stays_finite_and_is_normalised_once_it_moves():
    layer = SpectralNormalization(keras.layers.Dense(3, kernel_initializer="zeros"))
    inputs = normal(2, 4)
    kernel = layer.layer
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(outputs)
    np.testing.assert_array_equal(outputs, np.zeros((2, 3)))
    # A kernel of 0 is used as it is, so its gradient is that of the plain layer.
    assert_all_close(tape.gradient(loss, kernel.kernel.value), np.repeat(inputs.sum(0)[:, None], 3, axis=1))
    assert_all_close(np.linalg.norm(layer.u.numpy()), 1)
    kernel.kernel.assign(np.full((4, 3), 0.01))
    assert_all_close(layer(inputs, training=True), inputs @ np.full((4, 3), 1 / math.sqrt(12)))


def test_losses_of_a_wrapped_layer_are_kept():
    """The activity regulariser sees both outputs of the kernel of ones [4, 2]: 4, or 4 over its sigma of sqrt(8)."""
    for wrapper, expected in ((SpectralNormalization, 2 * 16 / 8), (WeightNormalization, 2 * 16)):
        regularizer = keras.regularizers.L2(1.0)
        layer = wrapper(keras.layers.Dense(2, kernel_initializer="ones", activity_regularizer=regularizer))
        layer(np.ones((1, 4)))
        assert_all_close(sum(layer.losses), expected, 1e-6)


def test_layer_without_a_single_kernel_is_refused():
    with pytest.raises(TypeError, match="Flatten has no single kernel; Dense, Conv1D"):
        SpectralNormalization(keras.layers.Flatten()).build((None, 2, 2))
    with pytest.raises(ValueError, match="power_iterations=0; expected at least 1"):
        SpectralNormalization(keras.layers.Dense(1), power_iterations=0)


# From PyTorch's layouts to Keras': the kernel, inputs and outputs, and v, which PyTorch orders (in, height, width).
FROM_TORCH = {
    "linear": (lambda: keras.layers.Dense(4), lambda w: w.T, lambda x: x, lambda v: v),
    "conv": (
        lambda: keras.layers.Conv2D(4, 3, padding="same"),
        lambda w: w.transpose(2, 3, 1, 0),
        lambda x: x.transpose(0, 2, 3, 1),
        lambda v: v.reshape(3, 3, 3).transpose(1, 2, 0).ravel(),
    ),
    "conv_transpose": (
        lambda: keras.layers.Conv2DTranspose(4, 4, strides=2, padding="same"),
        lambda w: w.transpose(2, 3, 1, 0),
        lambda x: x.transpose(0, 2, 3, 1),
        lambda v: v.reshape(3, 4, 4).transpose(1, 2, 0).ravel(),
    ),
    "embedding": (lambda: keras.layers.Embedding(6, 3), lambda w: w, lambda x: x, lambda v: v),
}


@pytest.mark.parametrize(("policy", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("name", FROM_TORCH)
def test_three_training_steps_equal_pytorch(name, policy, tolerance):
    """torch.nn.utils.spectral_norm, from the same kernel, u and v. A step moves the kernel by -0.1 of its gradient."""
    keras.config.set_dtype_policy(policy)
    make, kernel_from, images_from, v_from = FROM_TORCH[name]
    with np.load(REFERENCES / "spectral_norm_torch.npz") as file:
        torch = {key.removeprefix(f"{name}/"): file[key] for key in file if key.startswith(f"{name}/")}
    layer = SpectralNormalization(make())
    all_inputs = [images_from(x) for x in torch["inputs"]]
    layer.build(all_inputs[0].shape)
    kernel = kernel_of(layer.layer)
    kernel.assign(kernel_from(torch["weight"]))
    layer.u.assign(torch["u"])
    layer.v.assign(v_from(torch["v"]))
    if "bias" in torch:
        layer.layer.bias.assign(torch["bias"])

    axis = {"embedding": 0, "conv_transpose": -2}.get(name, -1)
    for step, inputs in enumerate(all_inputs):
        coefficients = images_from(torch["coefficients"][step])
        with tf.GradientTape() as tape:
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs * tf.cast(coefficients, outputs.dtype))
        gradient = tf.convert_to_tensor(tape.gradient(loss, kernel.value))
        assert_all_close(layer.u.numpy(), torch["us"][step], tolerance)
        assert_all_close(layer.v.numpy(), v_from(torch["vs"][step]), tolerance)
        sigma = layer.v.numpy() @ columns_of(kernel.numpy(), axis) @ layer.u.numpy()
        assert_all_close(sigma, torch["sigmas"][step], tolerance)
        assert_all_close(outputs, images_from(torch["outputs"][step]), tolerance)
        assert_all_close(gradient, kernel_from(torch["gradients"][step]), tolerance)
        kernel.assign(kernel - 0.1 * gradient)
    assert_all_close(layer(all_inputs[-1]), images_from(torch["inference_outputs"]), tolerance)


@pytest.mark.parametrize("name", ["dense", "conv"])
@pytest.mark.usefixtures("double")
def test_training_calls_equal_tensorflow_addons(name):
    """That wrapper overwrites its kernel with W / sigma at each call; ours never does. Yet u and the outputs agree: neither
    the power iteration nor W / sigma(W) depends on the scale of W. Its u has shape [1, outputs] and starts with norm 0.03;
    ours takes any start.
    """
    with np.load(REFERENCES / "spectral_norm_tfa.npz") as file:
        addons = {key.removeprefix(f"{name}/"): file[key] for key in file if key.startswith(f"{name}/")}
    layer = keras.layers.Dense(4) if name == "dense" else keras.layers.Conv2D(4, 3, padding="same")
    layer = SpectralNormalization(layer)
    layer.build(addons["inputs"].shape)
    layer.layer.kernel.assign(addons["kernel"])
    layer.layer.bias.assign(addons["bias"])
    layer.u.assign(addons["u"][0])
    for outputs, u, kernel in zip(addons["outputs"], addons["us"], addons["kernels"], strict=True):
        assert_all_close(layer(addons["inputs"], training=True), outputs)
        assert_all_close(layer.u.numpy(), u[0])
        sigma = layer.v.numpy() @ columns_of(layer.layer.kernel.numpy(), -1) @ layer.u.numpy()
        assert_all_close(layer.layer.kernel.numpy() / sigma, kernel)
    np.testing.assert_array_equal(layer.layer.kernel.numpy(), addons["kernel"])
    for _ in range(200):
        outputs = layer(addons["inputs"], training=True)
    assert_all_close(
        (outputs - addons["bias"]) * addons["singular_value"], layer.layer(addons["inputs"]) - addons["bias"]
    )


# ---------------------------------------------------------------- weight normalisation, clipping, orthogonal kernels


@every_wrapped
@pytest.mark.usefixtures("double")
def test_weight_normalisation_starts_as_the_layer_it_wraps(make, inputs, axis):
    layer = WeightNormalization(make())
    assert_all_close(layer(inputs), layer.layer(inputs))


@every_caller
def test_length_starts_as_the_norm_of_the_column_wherever_the_layer_is_built(caller):
    layer = WeightNormalization(keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(2.0)))
    assert_all_close(caller(layer)(tf.ones([1, 4])), [[8]], 1e-6)
    assert_all_close(layer.length.numpy(), [[4]], 1e-6)  # |(2, 2, 2, 2)|


@every_wrapped
@pytest.mark.usefixtures("double")
def test_weight_normalisation_and_its_gradients_equal_the_papers_formulas(make, inputs, axis):
    """W = g V / |V|; dL/dg = <dL/dW, V> / |V|; dL/dV = g / |V| dL/dW - g dL/dg / |V|^2 V, each per output."""
    layer = WeightNormalization(make())
    coefficients = normal(*layer(inputs).shape, seed=2)
    kernel = kernel_of(layer.layer)
    layer.length.assign(layer.length * (1 + normal(*layer.length.shape, seed=3) ** 2))
    with tf.GradientTape() as tape:
        outputs = layer(inputs)
        loss = tf.reduce_sum(outputs * coefficients)
    gradients = [tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, [layer.length.value, kernel.value])]

    g, v = layer.length.numpy(), kernel.numpy()
    axes = tuple(a for a in range(v.ndim) if a != axis % v.ndim)
    norm = np.sqrt(np.sum(v**2, axis=axes, keepdims=True))
    kernel.assign(g * v / norm)
    with tf.GradientTape() as tape:
        plain = layer.layer(inputs)
        loss = tf.reduce_sum(plain * coefficients)
    upstream = tf.convert_to_tensor(tape.gradient(loss, kernel.value)).numpy()
    length_gradient = np.sum(upstream * v, axis=axes, keepdims=True) / norm
    assert_all_close(outputs, plain)
    assert_all_close(gradients[0], length_gradient)
    assert_all_close(gradients[1], g / norm * upstream - g * length_gradient / norm**2 * v)


def test_weight_normalisation_of_3_4_at_length_10_is_6_8():
    layer = WeightNormalization(keras.layers.Dense(1, use_bias=False))
    layer.build((None, 2))
    layer.layer.kernel.assign([[3], [4]])
    layer.length.assign([[10]])
    assert_all_close(layer(np.eye(2)), [[6], [8]], 1e-6)


def test_untrained_length_gives_unit_columns_and_is_not_a_trainable_weight():
    layer = WeightNormalization(keras.layers.Dense(1, use_bias=False), trainable_length=False)
    layer.build((None, 2))
    layer.layer.kernel.assign([[3], [4]])
    assert_all_close(layer(np.eye(2)), [[0.6], [0.8]], 1e-6)
    assert [w.name for w in layer.trainable_weights] == ["kernel"]


def test_weight_normalisation_of_zeros_has_finite_gradients():
    layer = WeightNormalization(keras.layers.Dense(2, kernel_initializer="zeros"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(np.ones((1, 3))))
    np.testing.assert_array_equal(layer(np.ones((1, 3))), [[0, 0]])
    assert all(np.isfinite(g).all() for g in tape.gradient(loss, [w.value for w in layer.trainable_weights]))


def test_weight_clip_leaves_what_is_within_its_limit_and_the_optimiser_applies_it():
    assert_all_close(WeightClip(0.01)(np.array([-0.5, 0.005, 0.3])), [-0.01, 0.005, 0.01])
    layer = keras.layers.Dense(1, kernel_initializer="zeros", kernel_constraint=WeightClip(0.25), use_bias=False)
    layer.build((None, 3))
    keras.optimizers.SGD(1.0).apply([tf.constant([[-9.0], [-0.125], [0.5]])], layer.trainable_variables)
    np.testing.assert_array_equal(layer.kernel.numpy(), [[0.25], [0.125], [-0.25]])
    assert keras.constraints.get(keras.constraints.serialize(WeightClip(0.25))).limit == 0.25
    with pytest.raises(ValueError, match="limit=-1; expected a positive number"):
        WeightClip(-1)


@pytest.mark.parametrize(
    ("off_diagonal", "loss", "gradient"),
    # W^T W = [[1, 1], [1, 2]]. Off the diagonal: 1 + 1. Minus the identity, [[0, 1], [1, 1]]: 1 + 1 + 1.
    # The gradient is 4 W times that matrix.
    [(True, 2, [[4, 4], [4, 0]]), (False, 3, [[4, 8], [4, 4]])],
)
def test_orthogonal_regulariser_of_a_shear(off_diagonal, loss, gradient):
    kernel = tf.constant([[1, 1], [0, 1]], tf.float64)
    regularizer = OrthogonalRegularizer(0.5, off_diagonal)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        value = regularizer(kernel)
    assert_all_close(value, 0.5 * loss)
    assert_all_close(tape.gradient(value, kernel), 0.5 * np.array(gradient))
    again = keras.regularizers.get(keras.regularizers.serialize(regularizer))
    assert again.get_config() == {"strength": 0.5, "off_diagonal": off_diagonal}


@pytest.mark.usefixtures("double")
def test_orthogonal_regulariser_of_a_convolution_compares_its_output_columns():
    layer = keras.layers.Conv2D(3, 2, kernel_regularizer=OrthogonalRegularizer(1e-4))
    layer.build((None, 4, 4, 2))
    columns = layer.kernel.numpy().reshape(-1, 3)
    gram = columns.T @ columns
    expected = 1e-4 * 2 * (gram[0, 1] ** 2 + gram[0, 2] ** 2 + gram[1, 2] ** 2)
    assert_all_close(layer.losses, [expected])
    layer.kernel.assign(7 * np.linalg.qr(normal(8, 3))[0].reshape(2, 2, 2, 3))
    assert_all_close(layer.losses, [0])  # lengths are free
    assert_all_close(OrthogonalRegularizer(1.0, off_diagonal=False)(layer.kernel), 3 * (49 - 1) ** 2)


# ------------------------------------------------------------------------ PixelNorm, MinibatchStdDev, equalised layers


def test_pixel_norm_divides_3_4_by_the_root_of_12_and_a_half():
    assert_all_close(PixelNorm()(np.array([[3, 4]], "float32")), np.array([[3, 4]]) / math.sqrt(12.5), 1e-6)


@pytest.mark.usefixtures("double")
def test_pixel_norm_equals_numpy():
    x = normal(2, 3, 3, 5)
    assert_all_close(PixelNorm(epsilon=0.1)(x), x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 0.1))


def test_pixel_norm_squares_in_float32():
    """300^2 is beyond float16's 65,504."""
    np.testing.assert_array_equal(PixelNorm(dtype="mixed_float16")(np.array([[300, -300]], "float16")), [[1, -1]])


def test_minibatch_stddev_of_0_and_2_is_1():
    np.testing.assert_array_equal(MinibatchStdDev()(np.array([[0], [2]], "float32")), [[0, 1], [2, 1]])


@pytest.mark.parametrize("shape", [(8, 3), (8, 2, 2, 3)], ids=["features", "images"])
@pytest.mark.parametrize("group_size", [None, 2, 4, 16])
@pytest.mark.usefixtures("double")
def test_minibatch_stddev_equals_numpy(shape, group_size):
    x = normal(*shape) * np.arange(1, 9).reshape(8, *[1] * (len(shape) - 1))
    outputs = MinibatchStdDev(group_size, epsilon=0.01)(x)
    groups = 8 // min(group_size or 8, 8)
    expected = np.zeros((*shape[:-1], 1))
    for i in range(8):
        members = [x[j] for j in range(8) if j % groups == i % groups]
        expected[i] = np.mean(np.sqrt(np.var(members, axis=0) + 0.01))
    assert_all_close(outputs, np.concatenate([x, expected], axis=-1))


def test_minibatch_stddev_refuses_a_batch_of_6_in_groups_of_4():
    with pytest.raises(tf.errors.InvalidArgumentError):
        MinibatchStdDev(4)(np.zeros((6, 2), "float32"))
    with pytest.raises(ValueError, match="group_size=0; expected a positive number"):
        MinibatchStdDev(0)


def test_equalised_layers_with_kernels_of_one_multiply_by_the_he_constant():
    def apply_to_ones(layer, shape):
        return layer(np.ones(shape, "float32"))

    # fan_in 6: 6 sqrt(2 / 6). fan_in 3 * 3 * 2: 18 sqrt(2 / 18) = 6. fan_in 2 * 2 * 3, but with strides only 3 reach each
    # pixel: 3 sqrt(2 / 12).
    assert_all_close(
        apply_to_ones(EqualizedDense(2, kernel_initializer="ones"), (1, 6)), np.full((1, 2), math.sqrt(12)), 1e-6
    )
    assert_all_close(
        apply_to_ones(EqualizedConv2D(5, 3, kernel_initializer="ones"), (1, 3, 3, 2)), np.full((1, 1, 1, 5), 6), 1e-6
    )
    transpose = EqualizedConv2DTranspose(5, 2, strides=2, kernel_initializer="ones")
    assert_all_close(apply_to_ones(transpose, (1, 1, 1, 3)), np.full((1, 2, 2, 5), 3 / math.sqrt(6)), 1e-6)
    assert_all_close(
        apply_to_ones(EqualizedDense(2, gain=1.0, kernel_initializer="ones"), (1, 4)), np.full((1, 2), 2), 1e-6
    )


def test_equalised_kernel_starts_normal_and_learns_at_the_constants_rate():
    layer = EqualizedDense(50)
    inputs = np.ones((1, 200), "float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs))
    kernel = layer.kernel.numpy()  # 10,000 draws: the deviation's standard error is 1 / sqrt(20,000) = 0.007
    assert abs(kernel.std() - 1) < 0.03
    assert abs(kernel.mean()) < 0.04
    assert_all_close(tape.gradient(loss, layer.kernel.value), np.full((200, 50), 0.1), 1e-6)  # sqrt(2 / 200)
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)


# ----------------------------------------------------------------------------------------------- resampling, attention


@pytest.mark.parametrize("fused", [UpsampleConv2D, ConvDownsample2D])
@pytest.mark.usefixtures("double")
def test_fused_resampling_equals_its_two_layers_with_gradients(fused):
    layer, conv = fused(3, activation="tanh"), keras.layers.Conv2D(3, 3, padding="same")
    x = tf.constant(normal(2, 4, 6, 2))
    for one in (layer, conv):
        one.build(x.shape)
    conv.kernel.assign(layer.kernel)
    for one in (layer, conv):
        one.bias.assign([0.1, -0.2, 0.3])

    def two_layers(x):
        if fused is UpsampleConv2D:
            return conv(keras.layers.UpSampling2D(interpolation="nearest")(x))
        return keras.layers.AveragePooling2D(2)(conv(x))

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        joint, separate = layer(x), tf.tanh(two_layers(x))
        coefficients = normal(*separate.shape, seed=4)
        joint_loss, separate_loss = (tf.reduce_sum(y * coefficients) for y in (joint, separate))
    assert_all_close(joint, separate)
    joint_gradients = tape.gradient(joint_loss, [x, layer.kernel.value, layer.bias.value])
    separate_gradients = tape.gradient(separate_loss, [x, conv.kernel.value, conv.bias.value])
    for gradient, expected in zip(joint_gradients, separate_gradients, strict=True):
        assert_all_close(gradient, expected)


def test_fused_resampling_refuses_unsupported_settings():
    with pytest.raises(ValueError, match="got 5x4, expected even sizes"):
        ConvDownsample2D(3)(np.zeros((1, 5, 4, 2), "float32"))
    unsupported = {"kernel_size": 5, "strides": 2, "padding": "valid", "dilation_rate": 2, "groups": 2}
    for name, value in {**unsupported, "data_format": "channels_first"}.items():
        with pytest.raises(ValueError, match=f"{name}=.*; expected .*, the only one that UpsampleConv2D has"):
            UpsampleConv2D(4, **{name: value})


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.usefixtures("double")
def test_self_attention_equals_a_loop_over_positions(pool):
    layer = SelfAttention(pool=pool)
    x = normal(2, 4, 2, 16)
    layer.build(x.shape)
    layer.gain.assign(0.7)
    query, key, value, mixed = (c.kernel.numpy()[0, 0] for c in (layer.query, layer.key, layer.value, layer.mixed))
    assert [query.shape[1], key.shape[1], value.shape[1], mixed.shape[1]] == [2, 2, 8, 16]
    expected = np.zeros_like(x)
    for b in range(2):
        keys, pixel_values = x[b] @ key, x[b] @ value  # [4, 2, channels]
        if pool:
            keys, pixel_values = (t.reshape(2, 2, 1, 2, -1).max(axis=(1, 3)) for t in (keys, pixel_values))
        keys, pixel_values = keys.reshape(-1, 2), pixel_values.reshape(-1, 8)
        for i in range(4):
            for j in range(2):
                scores = np.exp(keys @ (x[b, i, j] @ query))
                attended = sum(s * h for s, h in zip(scores / scores.sum(), pixel_values, strict=True))
                expected[b, i, j] = x[b, i, j] + 0.7 * attended @ mixed
    assert_all_close(layer(x), expected)


def test_self_attention_starts_as_the_identity_and_its_projections_learn_once_the_gain_moves():
    layer = SelfAttention(spectral_norm=True)
    x = normal(2, 4, 4, 8).astype("float32")

    def have_gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) * normal(*x.shape, seed=3))
        gradients = tape.gradient(loss, [w.value for w in layer.trainable_weights])
        return [bool(np.any(g.numpy())) for g in gradients]

    np.testing.assert_array_equal(layer(x), x)
    names = [w.name for w in layer.trainable_weights]
    assert sorted(names) == ["gain", "kernel", "kernel", "kernel", "kernel"]
    assert have_gradients() == [name == "gain" for name in names]
    layer.gain.assign(0.1)
    assert all(have_gradients())
    assert np.abs(layer(x) - x).max() > 1e-3


def test_self_attention_refuses_too_few_channels_and_odd_sizes():
    with pytest.raises(ValueError, match="and got 4"):
        SelfAttention().build((None, 4, 4, 4))
    with pytest.raises(ValueError, match="got 4x5; use an even size, or pool=False"):
        SelfAttention().build((None, 4, 5, 8))
    SelfAttention(pool=False).build((None, 4, 5, 8))


# -------------------------------------------------------------------------------------------------- batch normalisation


@pytest.mark.parametrize("shape", [(6, 3), (4, 2, 2, 3)], ids=["features", "images"])
@pytest.mark.usefixtures("double")
def test_batch_norm_equals_numpy_and_moves_towards_the_unbiased_variance(shape):
    layer = BatchNorm(momentum=0.75, epsilon=0.01)
    x = normal(*shape) + np.arange(1, 4)
    layer.build(shape)
    layer.scale.assign([1, 2, 3])
    layer.offset.assign([4, 5, 6])
    axes = tuple(range(len(shape) - 1))
    mean, variance, unbiased = x.mean(axes), x.var(axes), x.var(axes, ddof=1)
    assert_all_close(layer(x, training=True), (x - mean) / np.sqrt(variance + 0.01) * [1, 2, 3] + [4, 5, 6])
    assert_all_close(layer.moving_mean.numpy(), 0.25 * mean)
    assert_all_close(layer.moving_variance.numpy(), 0.75 + 0.25 * unbiased)
    before = values(layer.variables)
    moved = (x - 0.25 * mean) / np.sqrt(0.75 + 0.25 * unbiased + 0.01)
    assert_all_close(layer(x), moved * [1, 2, 3] + [4, 5, 6])
    assert_unchanged(layer.variables, before)


def test_fused_batch_norm_of_images_equals_composed_batch_norm_of_their_pixels_with_gradients():
    x = (3 * normal(4, 3, 5, 2) + 1).astype("float32")
    images, pixels = BatchNorm(), BatchNorm()
    results = []
    for layer, inputs in ((images, x), (pixels, x.reshape(-1, 2))):
        inputs = tf.constant(inputs)
        layer.build(inputs.shape)
        layer.scale.assign([2, -1])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.reshape(layer(inputs, training=True), [-1, 2])
            loss = tf.reduce_sum(outputs * normal(60, 2, seed=5).astype("float32"))
        gradients = tape.gradient(loss, [inputs, layer.scale.value, layer.offset.value])
        results.append([outputs, tf.reshape(gradients[0], [-1, 2]), *gradients[1:], *values(layer.variables)])
    for fused, composed in zip(*results, strict=True):
        assert_all_close(fused, composed, 2e-5)


def test_composed_variance_is_accurate_at_mean_1000_and_deviation_1():
    """E[x^2] - E[x]^2 would be off by 1e6 * 2^-24 = 0.06 and more."""
    x = (1000 + normal(64, 2)).astype("float32")
    layer = BatchNorm(momentum=0.0)
    layer(x, training=True)
    assert_all_close(layer.moving_variance.numpy(), x.astype("float64").var(0, ddof=1), 1e-4)


@pytest.mark.parametrize("shape", [(8, 3), (8, 2, 2, 3)], ids=["features", "images"])
@pytest.mark.usefixtures("double")
def test_two_replicas_normalise_as_one_on_the_whole_batch(two_replicas, shape):
    """Outputs, moving statistics and gradients, both of scale and offset and, through the moments, of an earlier layer."""
    x = normal(*shape) + np.arange(8).reshape(8, *[1] * (len(shape) - 1))
    coefficients = normal(*shape[:-1], 4, seed=1)

    def step(network, x, coefficients):
        with tf.GradientTape() as tape:
            outputs = network(x, training=True)
            loss = tf.reduce_sum(outputs * coefficients)
        return outputs, tape.gradient(loss, [w.value for w in network.trainable_variables])

    def make_network():
        network = keras.Sequential([keras.Input(shape[1:]), keras.layers.Dense(4), BatchNorm(momentum=0.5)])
        for i, weight in enumerate(network.trainable_variables):
            weight.assign(normal(*weight.shape, seed=10 + i))
        return network

    one = make_network()
    expected, expected_gradients = step(one, x, coefficients)
    with two_replicas.scope():
        two = make_network()
    outputs, gradients = run_on_both(two_replicas, lambda *halves: step(two, *halves), x, coefficients)
    assert_all_close(np.concatenate(two_replicas.experimental_local_results(outputs)), expected)
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        assert_all_close(two_replicas.reduce("SUM", gradient, axis=None), wanted)
    for on_two, on_one in zip(two.variables, one.variables, strict=True):
        first, second = two_replicas.experimental_local_results(on_two.value)
        np.testing.assert_array_equal(first.numpy(), second.numpy(), err_msg=on_two.path)
        assert_all_close(first.numpy(), on_one.numpy())


def test_variance_over_two_replicas_is_accurate_at_mean_1000_and_deviation_1(two_replicas):
    x = (1000 + normal(8, 4, 4, 2)).astype("float32")
    with two_replicas.scope():
        layer = BatchNorm(momentum=0.0)
        layer.build((None, 4, 4, 2))
    outputs = run_on_both(two_replicas, lambda x: layer(x, training=True), x)
    outputs = np.concatenate(two_replicas.experimental_local_results(outputs))
    exact = x.astype("float64")
    assert_all_close(layer.moving_variance.numpy(), exact.var((0, 1, 2), ddof=1), 1e-4)
    assert_all_close(outputs, (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-5), 1e-3)


def test_conditional_batch_norm_with_weights_of_zero_is_plain_batch_norm():
    """compare_gan multiplies by gamma without the 1, so that its output starts near 0."""
    x, labels = normal(4, 2, 2, 3).astype("float32"), np.array([0, 1, 2, 1])
    conditional, plain = ConditionalBatchNorm(3), BatchNorm(affine=False)
    np.testing.assert_array_equal(conditional([x, labels], training=True), plain(x, training=True))
    np.testing.assert_array_equal(conditional([x, labels]), plain(x))
    assert np.std(conditional([x, labels], training=True)) > 0.99


@pytest.mark.usefixtures("double")
def test_conditional_batch_norm_scales_by_1_plus_gamma_of_the_label():
    """In inference with mean 0, variance 1 and epsilon 0, the output is x (1 + gamma) + beta."""
    layer = ConditionalBatchNorm(2, epsilon=0.0)
    x = np.array([[1, 2], [1, 2], [3, 4]], "float64")
    layer.build([(3, 2), (3,)])
    layer.gamma.kernel.assign([[0, 1], [2, -1]])
    layer.beta.kernel.assign([[0, 0], [10, 20]])
    assert_all_close(layer([x, np.array([0, 1, 1])]), [[1, 4], [13, 20], [19, 20]])


@pytest.mark.usefixtures("double")
def test_conditional_batch_norm_of_labels_equals_that_of_one_hot_vectors():
    x, labels = normal(4, 2, 2, 3), np.array([0, 1, 4, 1])
    by_label = ConditionalBatchNorm(5, kernel_initializer=random())
    by_vector = ConditionalBatchNorm(kernel_initializer=random())
    by_label([x, labels])
    by_vector([x, np.eye(5)[labels]])
    for vector_weight, label_weight in zip(by_vector.variables, by_label.variables, strict=True):
        vector_weight.assign(label_weight)
    assert_all_close(by_vector([x, np.eye(5)[labels]], training=True), by_label([x, labels], training=True))


def test_label_beyond_the_classes_has_no_gamma_and_no_beta():
    x = normal(3, 2).astype("float32")
    layer = ConditionalBatchNorm(2, kernel_initializer="ones", epsilon=0.0)
    assert_all_close(layer([x, np.array([2, -1, 0])]), np.stack([x[0], x[1], 2 * x[2] + 1]), 1e-6)


def test_standing_statistics_are_the_average_over_batches_and_nothing_else_moves():
    images, noise = keras.Input((4, 4, 3)), keras.Input((5,))
    first = BatchNorm()
    h = SpectralNormalization(keras.layers.Conv2D(8, 3, padding="same"))(first(images))
    h = SelfAttention(spectral_norm=True)(h)
    h = ConditionalBatchNorm(spectral_norm=True, kernel_initializer=random())([h, noise])
    h = keras.layers.BatchNormalization()(keras.layers.Dropout(0.5)(h))
    network = keras.Model([images, noise], h)
    batches = [[normal(4, 4, 4, 3, seed=i) + i, normal(4, 5, seed=i)] for i in range(3)]
    network(batches[0], training=True)

    moving_names = {"moving_mean", "moving_variance", "standing_batches"}
    moving = [v for v in network.variables if v.name in moving_names and "batch_normalization" not in v.path]
    untouched = [v for v in network.variables if all(v is not m for m in moving)]
    assert len(moving) == 6
    assert {"u", "v", "moving_mean", "seed_generator_state"} <= {v.name for v in untouched}
    before = values(untouched)
    for _ in range(2):  # recomputed each time
        standing_statistics(network, iter(batches))
        assert_unchanged(untouched, before)
        pixels = np.stack([x.astype("float32").astype("float64").reshape(-1, 3) for x, _ in batches])
        assert_all_close(first.moving_mean.numpy(), pixels.mean(1).mean(0), 1e-5)
        assert_all_close(first.moving_variance.numpy(), pixels.var(1, ddof=1).mean(0), 1e-5)
        assert [v.numpy() for v in moving if v.name == "standing_batches"] == [-1, -1]

    standing_mean = first.moving_mean.numpy()
    network(batches[2], training=True)
    assert_all_close(first.moving_mean.numpy(), 0.9 * standing_mean + 0.1 * pixels[2].mean(0), 1e-5)


def test_standing_statistics_that_fail_leave_training_as_it_was():
    norm, dense = BatchNorm(), SpectralNormalization(keras.layers.Dense(2))
    network = keras.Sequential([keras.Input((3,)), norm, dense])
    u = dense.u.numpy()

    def failing_batches():
        yield normal(4, 3)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        standing_statistics(network, failing_batches())
    assert norm.standing_batches.numpy() == -1
    np.testing.assert_array_equal(dense.u.numpy(), u)


def test_upsample_repeats_each_pixel_four_times_and_its_gradient_sums_them():
    x = tf.constant(np.arange(12.0).reshape(1, 2, 3, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = Upsample2D(dtype="float64")(x)
        total = tf.reduce_sum(y * tf.reshape(tf.range(48.0, dtype=tf.float64), [1, 4, 6, 2]))
    np.testing.assert_array_equal(y, x.numpy().repeat(2, 1).repeat(2, 2))
    weights = np.arange(48.0).reshape(1, 2, 2, 3, 2, 2).sum((2, 4))
    np.testing.assert_array_equal(tape.gradient(total, x), weights)
