"""Adam by TensorFlow's kernel beside Keras' own: values, replicas, the number of operations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close

from tfgan_zoo.core.recipe_tables import OptimizerSettings
from tfgan_zoo.training.optimizers import Adam, make_optimizer

SETTINGS = {"learning_rate": 0.01, "beta_1": 0.3, "beta_2": 0.9, "epsilon": 1e-3}


def trained(optimizer, dtype, steps=5):
    """Two weights after some updates with gradients that depend on them."""
    random = np.random.default_rng(0)
    weights = [keras.Variable(random.normal(size=shape), dtype=dtype) for shape in ([3, 4], [5])]
    optimizer.build(weights)

    @tf.function(autograph=False)
    def update():
        optimizer.apply([tf.sin(3 * w.value) for w in weights], weights)

    for _ in range(steps):
        update()
    assert int(optimizer.iterations.numpy()) == steps
    return [w.numpy() for w in weights] + [v.numpy() for v in optimizer.variables]


def test_adam_follows_the_papers_algorithm():
    """Kingma and Ba 2015, section 2, in the order at its end: the bias corrections go into the rate."""
    random, rate = np.random.default_rng(0), np.float64(np.float32(0.01))
    expected, states = [], []
    for shape in ([3, 4], [5]):
        w, m, v = random.normal(size=shape), 0.0, 0.0
        for t in range(1, 6):
            g = np.sin(3 * w)
            m, v = 0.3 * m + 0.7 * g, 0.9 * v + 0.1 * g**2
            w = w - rate * np.sqrt(1 - 0.9**t) / (1 - 0.3**t) * m / (np.sqrt(v) + 1e-3)
        expected.append(w)
        states += [m, v]
    actual = trained(Adam(**SETTINGS), "float64")
    for a, b in zip(actual, [*expected, 5, rate, *states], strict=True):
        assert_all_close(a, b, 1e-14)


def test_adam_computes_what_keras_computes():
    ours, keras_own = (trained(kind(**SETTINGS), "float32") for kind in (Adam, keras.optimizers.Adam))
    for a, b in zip(ours, keras_own, strict=True):
        assert_all_close(a, b, 1e-6)


def test_the_state_has_the_names_of_keras_own_so_that_earlier_checkpoints_are_read():
    weights = [keras.Variable([1.0], name="kernel")]
    paths = []
    for kind in (Adam, keras.optimizers.Adam):
        optimizer = kind(name="optimizer")
        optimizer.build(weights)
        paths.append([v.path for v in optimizer.variables])
    assert paths[0] == paths[1]


@pytest.mark.parametrize("beta_2", [0.9, {"points": [[0, 0.9], [3, 0.9]]}])
def test_recipes_are_given_it_with_one_operation_a_weight(beta_2):
    settings = OptimizerSettings(learning_rate=0.01, beta_1=0.5, beta_2=beta_2)
    optimizer = make_optimizer(settings, 3, 1, "optimizer", step=tf.Variable(0, dtype=tf.int64))
    weights = [keras.Variable([1.0, 2.0]), keras.Variable([3.0])]
    optimizer.build(weights)
    update = tf.function(lambda g, h: optimizer.apply([g, h], weights), autograph=False)
    graph = update.get_concrete_function(tf.constant([1.0, 1.0]), tf.constant([1.0])).graph
    assert [op.type for op in graph.get_operations()].count("ResourceApplyAdam") == 2


def test_two_replicas_move_their_weights_alike_and_as_one_does_by_the_sum(two_replicas):
    def moved(scope, run, gradient):
        with scope:
            weight = keras.Variable([1.0, 2.0])
            optimizer = Adam(**SETTINGS)
            optimizer.build([weight])

        @tf.function(autograph=False)
        def update():
            run(lambda: optimizer.apply([tf.constant(gradient)], [weight]))

        update()
        update()
        return weight.value

    one = moved(tf.distribute.get_strategy().scope(), lambda f: f(), [0.5, 1.0])
    both = moved(two_replicas.scope(), two_replicas.run, [0.25, 0.5])
    for copy in two_replicas.experimental_local_results(both):
        np.testing.assert_array_equal(copy.numpy(), one.numpy())
