"""A scalar added to a matrix product is made a vector, which TF.js' converter may fuse as a bias."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.formats import inference_graph

KERNEL = np.array([[1, 2, 3], [4, 5, 6]], "float32")


def sum_graph(add):
    """A GraphDef of "x:0" [N, 2] to "sum:0" [N, 3], the `add` of its product with the kernel."""
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 2], name="x")
        tf.identity(add(tf.matmul(x, KERNEL)), name="sum")
    return graph.as_graph_def()


def computed(graph):
    return inference_graph.graph_function(graph, ["x:0"], "sum:0")(tf.constant([[1.0, 1], [0, 2]])).numpy()


@pytest.mark.parametrize("add", [lambda h: h + 0.5, lambda h: 0.5 + h])
def test_a_scalar_becomes_a_vector_of_the_products_width(add):
    graph = sum_graph(add)
    widened = inference_graph.widen_scalar_biases(graph)
    (total,) = [node for node in widened.node if node.op == "AddV2"]
    names = {node.name: node for node in widened.node if node.op == "Const"}
    (bias,) = [tf.make_ndarray(names[name].attr["value"].tensor) for name in total.input if name in names]
    assert bias.tolist() == [0.5, 0.5, 0.5]
    np.testing.assert_array_equal(computed(widened), [[5.5, 7.5, 9.5], [8.5, 10.5, 12.5]])
    np.testing.assert_array_equal(computed(graph), computed(widened))


@pytest.mark.parametrize("add", [lambda h: h + np.float32([1, 2, 3]), lambda h: h * 2.0, lambda h: tf.nn.relu(h) + 0.5])
def test_other_graphs_stay_as_they_are(add):
    graph = sum_graph(add)
    assert list(inference_graph.widen_scalar_biases(graph).node) == list(graph.node)
