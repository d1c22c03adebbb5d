"""Maxout, dropout, Gaussian noise and minibatch discrimination: their maths, and noise that is reproduced bit for bit."""

import functools
import math
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close, central_differences

from tfgan_zoo.layers import Dropout, GaussianNoise, MaxoutDense, MinibatchDiscrimination, MinibatchStdDev

central_differences = functools.partial(central_differences, step=1e-6)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def run_on_both(strategy, function, *arrays):
    """function(its half of each array) on two replicas, in a graph."""

    def half(array):
        return lambda context: array[len(array) // 2 * context.replica_id_in_sync_group :][: len(array) // 2]

    halves = [strategy.experimental_distribute_values_from_function(half(tf.constant(a))) for a in arrays]
    return tf.function(lambda *parts: strategy.run(function, parts))(*halves)


def joined(strategy, value):
    return np.concatenate(strategy.experimental_local_results(value))


# --------------------------------------------------------------------------------------------- minibatch standard deviation


@pytest.mark.parametrize("group_size", [None, 4, 2])
@pytest.mark.usefixtures("double")
def test_the_deviation_is_that_of_the_whole_batch_on_two_replicas(two_replicas, group_size):
    layer, x = MinibatchStdDev(group_size), normal(8, 3)
    on_both = joined(two_replicas, run_on_both(two_replicas, layer, x))
    assert_all_close(on_both, layer(x))
    assert np.ptp(on_both[:, -1]) > 0 or group_size is None


# -------------------------------------------------------------------------------------------------------------- maxout


def test_maxout_of_two_pieces_is_the_absolute_value_by_hand():
    """Pieces x and -x; unit u of piece p is column p * units + u."""
    layer = MaxoutDense(2, pieces=2)
    layer.build((None, 2))
    layer.kernel.assign([[1, 0, -1, 0], [0, 1, 0, -2]])
    layer.bias.assign([0, 0, 0, 10])
    assert_all_close(layer(np.array([[3, 1], [-4, 6]], "float32")), [[3, 8], [4, 6]])


@pytest.mark.usefixtures("double")
def test_maxout_and_its_gradients_equal_numpy():
    layer = MaxoutDense(3, pieces=4, bias_initializer=keras.initializers.RandomNormal(seed=0))
    x, coefficients = normal(5, 6), normal(5, 3, seed=1)

    def expected(x, kernel, bias):
        pieces = [x @ kernel[:, 3 * p : 3 * p + 3] + bias[3 * p : 3 * p + 3] for p in range(4)]
        return np.max(pieces, axis=0)

    assert_all_close(layer(x), expected(x, layer.kernel.numpy(), layer.bias.numpy()))
    assert [tuple(w.shape) for w in layer.weights] == [(6, 12), (12,)]
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(layer(inputs) * coefficients)
    gradients = tape.gradient(loss, [inputs, layer.kernel.value, layer.bias.value])
    arrays = [x, layer.kernel.numpy(), layer.bias.numpy()]
    for i, gradient in enumerate(gradients):
        assert_all_close(
            gradient,
            central_differences(
                lambda a, i=i: np.sum(expected(*arrays[:i], a, *arrays[i + 1 :]) * coefficients), arrays[i]
            ),
            1e-8,
        )


def test_maxout_of_one_piece_is_a_dense_layer():
    layer, dense = MaxoutDense(3, pieces=1), keras.layers.Dense(3)
    x = normal(2, 4).astype("float32")
    layer(x)
    dense(x)
    dense.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(x), dense(x))


def test_maxout_without_pieces_is_refused():
    with pytest.raises(ValueError, match=r"pieces=0; expected a positive number"):
        MaxoutDense(3, pieces=0)


# --------------------------------------------------------------------------------------------------- dropout and noise

NOISES = {"dropout": lambda **s: Dropout(0.3, **s), "noise": lambda **s: GaussianNoise(0.5, **s)}
every_noise = pytest.mark.parametrize("make", NOISES.values(), ids=NOISES)
ONES = np.ones([40, 50, 10], "float32")


def training_output(layer, inputs=ONES):
    return layer(inputs, training=True).numpy()


def test_dropout_drops_its_share_and_scales_up_the_rest():
    out = training_output(Dropout(0.3, seed=1))
    assert set(np.unique(out)) == {np.float32(0), np.float32(1) / np.float32(0.7)}
    assert abs(np.mean(out == 0) - 0.3) < 4 * math.sqrt(0.3 * 0.7 / out.size)
    for axis in range(3):  # no row, column or channel is dropped as a whole
        shares = np.mean(out == 0, axis=tuple({0, 1, 2} - {axis}))
        assert np.abs(shares - 0.3).max() < 5 * math.sqrt(0.3 * 0.7 / (out.size / len(shares)))


def test_gaussian_noise_has_its_deviation_about_the_input():
    out = training_output(GaussianNoise(0.5, seed=1)) - 1
    assert abs(out.mean()) < 4 * 0.5 / math.sqrt(out.size)
    assert abs(out.var() - 0.25) < 4 * 0.25 * math.sqrt(2 / out.size)
    assert abs(np.mean(out**4) / 0.25**2 - 3) < 4 * math.sqrt(96 / out.size)  # the kurtosis of a normal is 3
    flat = out.reshape(40, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(40)).max() < 5 / math.sqrt(flat.shape[1])


def test_dropout_passes_gradients_only_where_it_kept_the_input():
    layer, x = Dropout(0.3, seed=1), tf.constant(ONES)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = layer(x, training=True)
    np.testing.assert_array_equal(tape.gradient(out, x), out)


@every_noise
def test_each_training_call_resamples_and_is_counted(make):
    layer = make(seed=1)
    first, second = training_output(layer), training_output(layer)
    assert np.mean(first != second) > 0.3
    assert int(layer.calls.numpy()) == 2
    assert [v.name for v in layer.variables] == ["calls"]
    assert layer.trainable_variables == []


@every_noise
def test_inference_returns_the_input_and_is_not_counted(make):
    layer = make(seed=1)
    np.testing.assert_array_equal(layer(ONES), ONES)
    np.testing.assert_array_equal(layer(ONES, training=False), ONES)
    assert int(layer.calls.numpy()) == 0


@pytest.mark.parametrize("layer", [Dropout(0.0), GaussianNoise(0.0)], ids=["dropout", "noise"])
def test_rate_and_deviation_of_zero_change_nothing_in_training(layer):
    np.testing.assert_array_equal(training_output(layer), ONES)


@every_noise
def test_restoring_the_count_reproduces_the_same_bits(make):
    layer = make(seed=1)
    first, second, third = (training_output(layer) for _ in range(3))
    layer.calls.assign(1)
    np.testing.assert_array_equal(training_output(layer), second)
    np.testing.assert_array_equal(training_output(layer), third)
    again = make(seed=1)
    np.testing.assert_array_equal(training_output(again), first)
    assert np.mean(training_output(make(seed=2)) != first) > 0.3


@every_noise
def test_graph_draws_what_eager_draws_in_each_call(make):
    eager, graph = make(seed=1), make(seed=1)
    graph.build(ONES.shape)
    traced = tf.function(lambda x: graph(x, training=True), input_signature=[tf.TensorSpec([None, 50, 10])])
    for _ in range(2):
        assert_all_close(traced(ONES), training_output(eager), 1e-6)


@every_noise
def test_default_seed_is_drawn_from_pythons_generator_which_a_run_seeds(make):
    keras.utils.set_random_seed(7)
    layers = [make(), make()]
    assert layers[0].seed != layers[1].seed
    keras.utils.set_random_seed(7)
    assert [make().seed, make().seed] == [layer.seed for layer in layers]
    state = random.getstate()
    make(seed=3)
    assert random.getstate() == state


@every_noise
def test_two_replicas_draw_what_one_draws_for_the_whole_batch(make, two_replicas):
    x = normal(8, 6).astype("float32")
    one = make(seed=1)
    one.build((None, 6))
    traced = tf.function(lambda x: one(x, training=True))  # a graph rounds division by a constant differently
    expected = [traced(x) for _ in range(2)]
    with two_replicas.scope():
        two = make(seed=1)
        two.build((None, 6))
    for wanted in expected:
        out = joined(two_replicas, run_on_both(two_replicas, lambda half: two(half, training=True), x))
        np.testing.assert_array_equal(out, wanted)
    assert [int(count) for count in two_replicas.experimental_local_results(two.calls.value)] == [2, 2]


@every_noise
def test_config_and_clone_keep_the_seed_and_begin_at_call_zero(make):
    layer = make(seed=11, name="noisy")
    first = training_output(layer)
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(training_output(again), first)
    inputs = keras.Input([50, 10])
    clone = keras.models.clone_model(keras.Model(inputs, layer(inputs)))
    assert clone.get_layer("noisy").seed == 11
    assert int(clone.get_layer("noisy").calls.numpy()) == 0
    np.testing.assert_array_equal(clone(ONES, training=True), first)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
@every_noise
def test_mask_and_noise_are_the_same_in_every_precision(make, policy):
    expected = training_output(make(seed=1))
    keras.config.set_dtype_policy(policy)
    out = make(seed=1)(ONES, training=True)
    assert out.dtype == keras.config.dtype_policy().compute_dtype
    assert_all_close(tf.cast(out, tf.float32), expected, 1e-6 if policy == "float64" else 2**-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dropout(1.0), r"rate=1\.0; expected a probability in \[0, 1\)"),
        (lambda: Dropout(-0.1), r"rate=-0\.1"),
        (lambda: GaussianNoise(-0.1), r"stddev=-0\.1; expected 0 or more"),
        (lambda: MinibatchDiscrimination(0), r"kernels=0, size=5; expected positive numbers"),
        (lambda: MinibatchDiscrimination(3, 0), r"kernels=3, size=0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---------------------------------------------------------------------------------------------- minibatch discrimination


def closeness(x, kernel, kernels, size):
    """o(x_i)_b, by two loops over the examples."""
    m = (x @ kernel).reshape(len(x), kernels, size)
    sums = np.zeros((len(x), kernels))
    for i in range(len(x)):
        for j in range(len(x)):
            sums[i] += np.exp(-np.abs(m[i] - m[j]).sum(axis=1))
    return sums


def test_minibatch_discrimination_by_hand():
    """Measures 0 and log 4: each counts itself as 1 and the other as exp(-log 4)."""
    layer = MinibatchDiscrimination(1, 1)
    layer.build((None, 1))
    layer.kernel.assign([[2.0]])
    assert_all_close(layer(np.array([[0.0], [math.log(2)]], "float32")), [[0, 1.25], [math.log(2), 1.25]], 1e-6)
    assert_all_close(layer(np.zeros([5, 1], "float32")), [[0, 5]] * 5)
    assert_all_close(layer(np.zeros([1, 1], "float32")), [[0, 1]])


@pytest.mark.usefixtures("double")
def test_minibatch_discrimination_and_its_gradients_equal_a_loop_over_pairs():
    layer = MinibatchDiscrimination(3, 2)
    x, coefficients = normal(5, 4), normal(5, 4 + 3, seed=1)
    layer.build(x.shape)
    kernel = 0.5 * normal(4, 3 * 2, seed=2)
    layer.kernel.assign(kernel)

    def expected(x, kernel):
        return np.sum(np.concatenate([x, closeness(x, kernel, 3, 2)], axis=1) * coefficients)

    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        out = layer(inputs)
        loss = tf.reduce_sum(out * coefficients)
    assert_all_close(out, np.concatenate([x, closeness(x, kernel, 3, 2)], axis=1))
    input_gradient, kernel_gradient = tape.gradient(loss, [inputs, layer.kernel.value])
    assert_all_close(input_gradient, central_differences(lambda x: expected(x, kernel), x), 1e-8)
    assert_all_close(kernel_gradient, central_differences(lambda k: expected(x, k), kernel), 1e-8)


@pytest.mark.usefixtures("double")
def test_minibatch_discrimination_compares_the_examples_of_all_replicas_with_gradients(two_replicas):
    x, coefficients = normal(6, 4), normal(6, 4 + 3, seed=1)

    def step(layer, x, coefficients):
        """The output, and the gradients of its sum weighted by `coefficients`, for the replica's examples and the kernel."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = layer(x)
            loss = tf.reduce_sum(out * coefficients)
        return out, *tape.gradient(loss, [x, layer.kernel.value])

    def make_layer():
        layer = MinibatchDiscrimination(3, 2)
        layer.build(x.shape)
        layer.kernel.assign(0.5 * normal(4, 3 * 2, seed=2))
        return layer

    expected, input_gradient, kernel_gradient = step(make_layer(), tf.constant(x), coefficients)
    with two_replicas.scope():
        two = make_layer()
    results = run_on_both(two_replicas, lambda *halves: step(two, *halves), x, coefficients)
    assert_all_close(joined(two_replicas, results[0]), expected)
    assert_all_close(joined(two_replicas, results[1]), input_gradient)
    assert_all_close(two_replicas.reduce("SUM", results[2], axis=None), kernel_gradient)
