"""The signature `serving_default` alone, as a SavedModel that the converters of other runtimes can read: variables become
constants, functions are inlined, and what other runtimes or their converters cannot take is replaced.

Our networks compute nearest-neighbour upsampling as the gradient of average pooling (`layers.Upsample2D`). With windows that
do not overlap, AvgPoolGrad(g) = nearest(g) / (rows x columns of the window): the same numbers, as these are powers of two.

The kernels of transposed convolutions are mirrored along rows and columns by one ReverseV2, of which OpenVINO reads only those of
one axis; a chain of such mirrors the same.

TF.js' converter turns what is added to a matrix product into its bias, which must be a vector; so a scalar is made one
(`layers.ModulatedConv2D` adds its epsilon so).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tfgan_zoo.core.errors import ZooError


def write_frozen_model(function: tf.types.experimental.ConcreteFunction, folder: Path) -> None:
    """Writes a SavedModel with the single signature `serving_default` into `folder`.

    Args:
        function: a signature from `tf.saved_model.load`, with named inputs and one named output.
        folder: a path that does not exist yet.

    Raises:
        ZooError: an AvgPoolGrad that is not nearest-neighbour upsampling.
    """
    frozen = convert_variables_to_constants_v2(function)
    feeds, (fetch,) = [tensor.name for tensor in frozen.inputs], [tensor.name for tensor in frozen.outputs]
    specs = function.structured_input_signature[1]
    names = [feed.partition(":")[0] for feed in feeds]
    graph = replace_avg_pool_grad(frozen.graph.as_graph_def(), feeds, [specs[name] for name in names])
    graph = widen_scalar_biases(split_reverses(graph))
    compute = graph_function(graph, feeds, fetch)
    ((output_name, output),) = function.structured_outputs.items()

    def serving_default(**inputs):
        result = compute(*(inputs[name] for name in names))
        result.set_shape(output.shape)
        return {output_name: result}

    module = tf.Module()
    module.serving_default = tf.function(serving_default, autograph=False).get_concrete_function(**specs)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serving_default})


def graph_function(graph: tf.compat.v1.GraphDef, feeds: Sequence[str], fetches: str | Sequence[str]) -> Callable:
    """A function of tensors, in the order of `feeds`, that computes a GraphDef without variables.

    Args:
        feeds: tensor names such as "noise:0".
        fetches: one tensor name, or several.
    """
    wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    return wrapped.prune(feeds, fetches)


def replace_avg_pool_grad(
    graph: tf.compat.v1.GraphDef, feeds: Sequence[str], specs: Sequence[tf.TensorSpec]
) -> tf.compat.v1.GraphDef:
    """A GraphDef with ResizeNearestNeighbor in place of AvgPoolGrad.

    Args:
        feeds: tensor names of the inputs.
        specs: their `tf.TensorSpec`s; the size of what is resized must not depend on the batch.

    Raises:
        ZooError: an AvgPoolGrad that is not nearest-neighbour upsampling.
    """
    gradients = [node for node in graph.node if node.op == "AvgPoolGrad"]
    if not gradients:
        return graph
    for node in gradients:
        window, strides = (list(node.attr[name].list.i) for name in ("ksize", "strides"))
        supported = node.attr["padding"].s == b"VALID" and node.attr["data_format"].s == b"NHWC"
        if window != strides or not supported:
            raise ZooError(
                f"{node.name}: AvgPoolGrad with windows {window} at strides {strides} is not nearest-neighbour "
                "upsampling, and no other runtime has it; expected windows that do not overlap (VALID, NHWC)."
            )
    single = [tf.zeros([1, *spec.shape[1:]], spec.dtype) for spec in specs]
    shapes = graph_function(graph, feeds, [tensor_name(node.input[0]) for node in gradients])(*single)
    output_shapes = {node.name: shape.numpy() for node, shape in zip(gradients, shapes, strict=True)}
    lowered = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        replaced = node.name in output_shapes
        lowered.node.extend(upsampling_nodes(node, output_shapes[node.name]) if replaced else [node])
    return lowered


def split_reverses(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """A GraphDef in which each ReverseV2 of several constant axes is a chain of those of one axis, the last with its name."""
    constants = {node.name: node.attr["value"].tensor for node in graph.node if node.op == "Const"}
    split = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        axes = constants.get(node.input[1].removesuffix(":0")) if node.op == "ReverseV2" else None
        count = 1 if axes is None else np.prod([dim.size for dim in axes.tensor_shape.dim], dtype=int)
        split.node.extend(reverse_nodes(node, tf.make_ndarray(axes)) if count > 1 else [node])
    return split


def reverse_nodes(node: tf.compat.v1.NodeDef, axes: np.ndarray) -> list[tf.compat.v1.NodeDef]:
    """The nodes that replace a ReverseV2 of several axes [K]; the last one has its name."""
    nodes, source = [], node.input[0]
    for i, axis in enumerate(axes):
        constant = constant_node(f"{node.name}/axis_{i}", axes[i : i + 1])
        mirrored = tf.compat.v1.NodeDef()
        mirrored.CopyFrom(node)
        mirrored.name = node.name if i == len(axes) - 1 else f"{node.name}/mirrored_{axis}"
        mirrored.input[:2] = [source, constant.name]
        nodes += [constant, mirrored]
        source = mirrored.name
    return nodes


def widen_scalar_biases(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """A GraphDef in which each constant scalar that is added to a MatMul is a vector of the product's width, if that is known."""
    operations = {node.name: node for node in graph.node}
    sums = {}  # {name: (position of the scalar among the inputs, MatMul)}
    for node in graph.node:
        sources = [operations.get(name.removesuffix(":0")) for name in node.input] if node.op == "AddV2" else []
        for position, (scalar, product) in enumerate(zip(sources, sources[::-1], strict=True)):
            if scalar and product and product.op == "MatMul" and is_scalar(scalar):
                sums[node.name] = position, product.name
    if not sums:
        return graph
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph, name="")
    widened = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        position, product = sums.get(node.name, (0, ""))
        width = imported.get_tensor_by_name(f"{product}:0").shape[-1] if product else None
        if width is None:
            widened.node.append(node)
            continue
        scalar = operations[node.input[position].removesuffix(":0")].attr["value"].tensor
        vector = constant_node(f"{node.name}/vector", np.repeat(tf.make_ndarray(scalar), width))
        total = tf.compat.v1.NodeDef()
        total.CopyFrom(node)
        total.input[position] = vector.name
        widened.node.extend([vector, total])
    return widened


def is_scalar(node: tf.compat.v1.NodeDef) -> bool:
    """Whether a node is a constant without dimensions."""
    return node.op == "Const" and not node.attr["value"].tensor.tensor_shape.dim


def tensor_name(source: str) -> str:
    """The tensor that a node's input names: "x" is "x:0"."""
    return source if ":" in source else f"{source}:0"


def upsampling_nodes(node: tf.compat.v1.NodeDef, shape: np.ndarray) -> list[tf.compat.v1.NodeDef]:
    """The nodes that replace an AvgPoolGrad; the last one has its name. shape: int32 [4], of its output."""
    node_def, dtype = tf.compat.v1.NodeDef, tf.as_dtype(node.attr["T"].type)
    rows, columns = node.attr["ksize"].list.i[1:3]
    size = constant_node(f"{node.name}/size", shape[1:3].astype(np.int32))
    share = constant_node(f"{node.name}/share", np.array(1 / (rows * columns), dtype.as_numpy_dtype))
    resized = node_def(name=f"{node.name}/nearest", op="ResizeNearestNeighbor", input=[node.input[1], size.name])
    scaled = node_def(name=node.name, op="Mul", input=[resized.name, share.name])
    for typed in (resized, scaled):
        typed.attr["T"].CopyFrom(node.attr["T"])
    for name in ("align_corners", "half_pixel_centers"):
        resized.attr[name].b = False
    return [size, share, resized, scaled]


def constant_node(name: str, value: np.ndarray) -> tf.compat.v1.NodeDef:
    """A Const node that holds an array."""
    node = tf.compat.v1.NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    return node
