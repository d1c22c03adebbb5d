"""The signature `serving_default` alone, as a SavedModel that other runtimes' converters can read: variables are constants,
functions are inlined, and the one operation of our networks that no other runtime has is written by some that they have.

Nearest upsampling is the transpose of average pooling in our networks (`layers.Upsample2D`). With windows that lie side by
side, AvgPoolGrad(g) = nearest(g) / (rows x columns of the window): the same numbers, as these are powers of two.
"""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tfgan_zoo.core.errors import ZooError


def write_plain(function, folder):
    """Writes a SavedModel with the one signature `serving_default` into `folder`.

    Args:
        function: a signature as `tf.saved_model.load` gives it: named inputs, one named output.
        folder: a path that is not there yet.

    Raises:
        ZooError: average pooling's gradient in a form that is no nearest upsampling.
    """
    frozen = convert_variables_to_constants_v2(function)
    feeds, (fetch,) = [tensor.name for tensor in frozen.inputs], [tensor.name for tensor in frozen.outputs]
    specs = function.structured_input_signature[1]
    names = [feed.partition(":")[0] for feed in feeds]
    graph = with_nearest(frozen.graph.as_graph_def(), feeds, [specs[name] for name in names])
    computed = function_of(graph, feeds, fetch)
    ((made, output),) = function.structured_outputs.items()

    def serving_default(**inputs):
        result = computed(*(inputs[name] for name in names))
        result.set_shape(output.shape)
        return {made: result}

    module = tf.Module()
    module.serving_default = tf.function(serving_default, autograph=False).get_concrete_function(**specs)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serving_default})


def function_of(graph, feeds, fetches):
    """A function of tensors, in the order of `feeds`, that computes a GraphDef without variables.

    feeds: names of tensors such as "noise:0"; fetches: such a name, or a list of them.
    """
    whole = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    return whole.prune(feeds, fetches)


def with_nearest(graph, feeds, specs):
    """A GraphDef with ResizeNearestNeighbor in place of AvgPoolGrad.

    specs: `tf.TensorSpec`s of the feeds; what is resized has one size whatever the batch.
    """
    found = [node for node in graph.node if node.op == "AvgPoolGrad"]
    if not found:
        return graph
    for node in found:
        window, strides = (list(node.attr[name].list.i) for name in ("ksize", "strides"))
        plain = node.attr["padding"].s == b"VALID" and node.attr["data_format"].s == b"NHWC"
        if window != strides or not plain:
            raise ZooError(
                f"{node.name}: AvgPoolGrad with windows {window} at strides {strides} is no nearest upsampling, and no "
                "other runtime has it; only windows that lie side by side (VALID, NHWC) can be converted."
            )
    one = [tf.zeros([1, *spec.shape[1:]], spec.dtype) for spec in specs]
    shapes = function_of(graph, feeds, [tensor_name(node.input[0]) for node in found])(*one)
    replaced = {node.name: shape.numpy() for node, shape in zip(found, shapes, strict=True)}
    lowered = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        lowered.node.extend(nearest(node, replaced[node.name]) if node.name in replaced else [node])
    return lowered


def tensor_name(source):
    """The tensor that a node's input names: "x" is "x:0"."""
    return source if ":" in source else f"{source}:0"


def nearest(node, shape):
    """The nodes that compute what an AvgPoolGrad does; the last has its name. shape: int32 [4], of its output."""
    node_def, dtype = tf.compat.v1.NodeDef, tf.as_dtype(node.attr["T"].type)
    rows, columns = node.attr["ksize"].list.i[1:3]
    size = constant(f"{node.name}/size", shape[1:3].astype(np.int32))
    share = constant(f"{node.name}/share", np.array(1 / (rows * columns), dtype.as_numpy_dtype))
    resized = node_def(name=f"{node.name}/nearest", op="ResizeNearestNeighbor", input=[node.input[1], size.name])
    scaled = node_def(name=node.name, op="Mul", input=[resized.name, share.name])
    for made in (resized, scaled):
        made.attr["T"].CopyFrom(node.attr["T"])
    for name in ("align_corners", "half_pixel_centers"):
        resized.attr[name].b = False
    return [size, share, resized, scaled]


def constant(name, value):
    """A Const node of an array."""
    node = tf.compat.v1.NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    return node
