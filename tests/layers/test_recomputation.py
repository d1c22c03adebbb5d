"""Activations that are computed again for gradients: the same numbers, each state moves once, and a graph keeps fewer of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, played, points_game, points_recipe, values

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import run_network
from tfgan_zoo.layers import BatchNorm, Dropout, SelfAttention, SpectralNormalization, self_attention
from tfgan_zoo.layers.recomputation import delayed, recomputed
from tfgan_zoo.networks.segments import Segments, best_cuts, recompute
from tfgan_zoo.objectives.adversarial import Wasserstein
from tfgan_zoo.objectives.penalties import GradientPenalty

X = np.random.default_rng(0).normal(size=[5, 4])


def small_layers():
    keras.utils.set_random_seed(1)
    layers = [SpectralNormalization(keras.layers.Dense(6)), BatchNorm(), Dropout(0.5, seed=3), keras.layers.Dense(2)]
    shape = (5, 4)
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return layers


def run(layers, x):
    for layer in layers:
        arguments = {} if type(layer) is keras.layers.Dense else {"training": True}
        x = tf.tanh(layer(x, **arguments))
    return x


@pytest.mark.parametrize("traced", [False, True])
def test_values_first_and_second_derivatives_and_state_are_those_without(double, traced):
    found = []
    for again in (False, True):
        layers = small_layers()

        def derivatives(x, layers=layers, again=again):
            weights = [v.value for layer in layers for v in layer.trainable_variables]
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    y = recomputed(lambda x: [run(layers, x)], layers, [x])[0] if again else run(layers, x)
                    total = tf.reduce_sum(y * y)
                norm = tf.reduce_sum(inner.gradient(total, x) ** 2)
                loss = total + norm
            return [y, norm, *outer.gradient(loss, [x, *weights])]

        results = (tf.function(derivatives) if traced else derivatives)(tf.constant(X))
        found.append(
            [t.numpy() for t in results] + [v.numpy() for layer in layers for v in layer.non_trainable_variables]
        )
    assert len(found[0]) > 12
    for kept, again in zip(*found, strict=True):
        np.testing.assert_allclose(again, kept, rtol=1e-12, atol=1e-12)
    assert 1 in [int(v) for v in found[1] if np.ndim(v) == 0]  # the dropout's count of calls


def test_what_is_delayed_keeps_its_bits():
    special = tf.constant([0.0, -0.0, np.inf, -np.inf, np.nan])
    floats, integers = delayed([special, tf.constant([3])], tf.constant([2.0, 3.0]))
    assert floats.numpy().tobytes() == special.numpy().tobytes()
    assert integers.numpy().tolist() == [3]


def types_before(op):
    """The types of all operations that an operation's inputs are computed by."""
    found, waiting = set(), [op]
    while waiting:
        for tensor in waiting.pop().inputs:
            if tensor.op not in found:
                found.add(tensor.op)
                waiting.append(tensor.op)
    return [other.type for other in found]


def chain():
    """Twelve layers of one width."""
    inputs = keras.Input([8], name="x")
    h = inputs
    for i in range(12):
        h = keras.layers.Dense(8, activation="tanh", name=f"dense_{i}")(h)
    return keras.Model({"x": inputs}, h, name="chain")


def test_segments_run_each_layer_once_and_keep_less_than_all_activations():
    network = chain()
    segments = Segments(network)
    assert [node.operation.name for nodes, _, _ in segments.segments for node in nodes] == [
        f"dense_{i}" for i in range(12)
    ]
    assert 1 < len(segments.segments) < 12
    assert segments.kept + segments.largest < segments.total * 0.7
    np.testing.assert_array_equal(segments({"x": X[:, [0] * 8]}), network({"x": X[:, [0] * 8]}))


def test_a_gradient_computes_the_layers_again():
    """Their products are in the graph twice, before those of the gradient."""
    counts = []
    for again in (False, True):
        network = chain()
        call = Segments(network) if again else lambda inputs, network=network: network(inputs, training=True)

        def gradient(x, call=call, network=network):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(call({"x": x}))
            return tape.gradient(loss, [v.value for v in network.trainable_variables])

        graph = tf.function(gradient).get_concrete_function(tf.TensorSpec([3, 8])).graph
        products = [op for op in graph.get_operations() if op.type == "MatMul"]
        counts.append((len(products), sum("SelectV2" in types_before(op) for op in products)))
    assert counts[1][0] >= counts[0][0] + 12
    # They wait for the gradient, or grappler would merge them with the first ones.
    assert counts[0][1] == 0
    assert counts[1][1] >= 12


def test_a_cut_is_where_little_is_live():
    assert best_cuts(np.array([1, 8, 8, 1, 8, 8]), np.array([1, 8, 8, 1, 8, 0])) == [(0, 4), (4, 6)]
    assert best_cuts(np.array([5]), np.array([0])) == [(0, 1)]


def recomputed_game(**settings):
    def build():
        game = points_game(**settings)
        for network in (game.generator, game.discriminator):
            recompute(network)
        return game

    return build


def test_training_ends_with_the_same_bits():
    """Batch norm and spectral normalisation keep a state, which moves once a pass."""
    assert_same(values(played(points_recipe(), recomputed_game())), values(played(points_recipe())))


def test_two_replicas_equal_one(two_replicas):
    settings, objective = points_recipe(precision="float64"), Wasserstein() + 10 * GradientPenalty()
    one = values(played(settings, lambda: points_game(objective)))
    two = values(played(settings, recomputed_game(objective=objective), two_replicas))
    assert_same(one, two, tolerance=1e-9)


@pytest.mark.parametrize("again", [False, True])
def test_updates_wait_for_each_other_only_where_memory_is_saved(again):
    """Images for the next update would be generated beside this one's activations."""
    trainer, seeds = played(points_recipe(steps=1, recompute=again)), []
    update = trainer.update

    def watched(player, batch, seed, *more):
        seeds.append(seed)
        return update(player, batch, seed, *more)

    trainer.update = watched
    batch = {"images": tf.zeros([8, 2])}
    tf.function(
        lambda: trainer.replica_step([batch], tf.constant(0, tf.int64), tf.constant(0.0))
    ).get_concrete_function()
    assert [bool(seed.op.control_inputs) for seed in seeds] == [False, again]


def test_a_network_that_cannot_be_cut_is_refused_by_name():
    class Odd(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ZooError, match="the odd is a Odd; leave it out"):
        recompute(Odd(name="odd"))


def test_attention_in_parts_equals_attention_of_the_whole_batch(double, monkeypatch):
    """Forward, backward, and under a penalty; and each part's weights wait for the part before it."""
    monkeypatch.setattr(self_attention, "PART", 2 * 16 * 4 * 8)  # two images of 16 positions and 4 keys
    layer = SelfAttention(spectral_norm=True)
    layer.build((5, 4, 4, 8))
    layer.gain.assign(0.7)
    x = tf.constant(np.random.default_rng(0).normal(size=[5, 4, 4, 8]))
    weights = [v.value for v in layer.trainable_variables]
    state = [v.numpy() for v in layer.non_trainable_variables]

    def derivatives():
        for variable, value in zip(layer.non_trainable_variables, state, strict=True):
            variable.assign(value)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = layer(x, training=True)
                total = tf.reduce_sum(y * y)
            loss = total + tf.reduce_sum(inner.gradient(total, x) ** 2)
        return [y, *outer.gradient(loss, [x, *weights])]

    whole = derivatives()
    layer.recompute = True
    for kept, again in zip(whole, derivatives(), strict=True):
        np.testing.assert_allclose(again, kept, rtol=1e-11, atol=1e-11)
    graph = tf.function(lambda: layer(x, training=True)).get_concrete_function().graph
    parts = [op for op in graph.get_operations() if op.type == "Softmax"]
    assert [types_before(part).count("Softmax") for part in parts] == [0, 1, 2]


def test_a_layer_that_adds_a_loss_is_refused():
    inputs = keras.Input([4], name="x")
    network = keras.Model({"x": inputs}, keras.layers.Dense(3, activity_regularizer="l2")(inputs))
    recompute(network)
    with pytest.raises(ZooError, match="activity_regularizer"):
        run_network(network, {"x": X}, training=True)


def test_attention_inside_of_a_nested_network_is_in_parts_too():
    inner_inputs = keras.Input([4, 4, 8], name="inner")
    inner = keras.Model(inner_inputs, SelfAttention(name="attention")(inner_inputs), name="nested")
    inputs = keras.Input([4, 4, 8], name="x")
    recompute(keras.Model({"x": inputs}, inner(inputs), name="outer"))
    assert inner.get_layer("attention").recompute


def test_inputs_are_expanded_as_keras_does():
    inputs = keras.Input([1], name="x")
    network = keras.Model({"x": inputs}, keras.layers.Dense(3)(inputs))
    expected = network({"x": X[:, 0]}, training=True)
    recompute(network)
    np.testing.assert_array_equal(run_network(network, {"x": tf.constant(X[:, 0])}, training=True), expected)
