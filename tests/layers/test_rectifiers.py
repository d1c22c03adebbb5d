"""Rectifiers against TensorFlow's own: the same values, gradients and second-order gradients, without passing zeros back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.layers import LeakyReLU, ReLU
from tfgan_zoo.layers.rectifiers import leaky_relu, relu

PAIRS = [(relu, tf.nn.relu), (lambda x: leaky_relu(x, 0.2), lambda x: tf.nn.leaky_relu(x, 0.2))]
X = np.array([[-2.0, -0.5, 0.0, 0.5], [1.0, -1.0, 3.0, -4.0]], "float32")


def penalty_of(function, x, weights):
    """(y, its gradient, the gradient of a penalty on that gradient with respect to the weights)."""
    weights = tf.constant(weights, x.dtype)
    with tf.GradientTape() as outer:
        outer.watch(weights)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(function(function(x @ weights) @ weights))
        gradient = inner.gradient(y, x)
        penalty = tf.reduce_sum(tf.square(gradient))
    return y, gradient, outer.gradient(penalty, weights)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize(("ours", "reference"), PAIRS)
@pytest.mark.parametrize("in_graph", [False, True])
def test_values_gradients_and_second_order_gradients_equal_tensorflow_bit_for_bit(ours, reference, dtype, in_graph):
    weights = np.random.default_rng(0).normal(size=[4, 4])
    results = []
    for function in (ours, reference):
        compute = lambda x, function=function: penalty_of(function, x, weights)  # noqa: E731
        results.append((tf.function(compute) if in_graph else compute)(tf.constant(X, dtype)))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(tf.cast(a, tf.float64), tf.cast(b, tf.float64))
        assert np.abs(tf.cast(a, tf.float64)).max() > 0


def test_leaky_relu_by_hand():
    x = tf.constant([-2.0, 0.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = leaky_relu(x, 0.1)
    np.testing.assert_allclose(y, [-0.2, 0.0, 3.0])
    np.testing.assert_allclose(tape.gradient(y, x), [0.1, 0.1, 1.0])


@pytest.mark.parametrize("slope", [0.2, 0.0, -0.5])
def test_slopes_of_either_sign_have_tensorflows_gradient(slope):
    """The gradient reads signs, and those of the output are those of the input unless the slope is negative."""
    x = tf.constant([-2.0, -0.0, 0.0, 3.0, np.nan, -np.inf, np.inf])
    gradients = []
    for function in (leaky_relu, tf.nn.leaky_relu):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x, slope)
        gradients.append(tape.gradient(y, x).numpy())
    np.testing.assert_array_equal(*gradients)


def test_nothing_but_the_rectifier_reads_its_input():
    """So TensorFlow can free it, and fuse the rectifier with the convolution before it."""

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            before = tf.identity(x, name="before")
            y = leaky_relu(before, 0.2)
        return tape.gradient(y, x)

    graph = tf.function(gradient).get_concrete_function(tf.TensorSpec([2])).graph
    readers = graph.get_operation_by_name("before").outputs[0].consumers()
    assert {op.type for op in readers} <= {"LeakyRelu", "IdentityN"}  # the latter only passes gradients


@pytest.mark.parametrize(("ours", "reference"), PAIRS)
def test_zero_second_derivatives_are_not_passed_back_through_earlier_layers(ours, reference):
    """In the graph of a penalty's gradient, TensorFlow's own rectifiers cause more matrix products: those of zeros."""
    weights = np.eye(4)

    def products(function):
        graph = tf.function(lambda x: penalty_of(function, x, weights)[2]).get_concrete_function(tf.constant(X)).graph
        return sum(op.type == "MatMul" for op in graph.get_operations())

    assert products(ours) < products(reference)


@pytest.mark.parametrize(
    ("layer", "plain"), [(ReLU(), keras.layers.ReLU()), (LeakyReLU(0.1), keras.layers.LeakyReLU(0.1))]
)
@pytest.mark.parametrize("training", [False, True])
def test_layers_equal_keras(layer, plain, training):
    np.testing.assert_array_equal(layer(X, training=training), plain(X))
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(again(X, training=training), plain(X))
