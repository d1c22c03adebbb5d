"""FreezeD: the first layers of a discriminator that was trained elsewhere are left as they are. Mo et al. 2020, arXiv:2002.10964.

Layers are counted along the longest way that the image takes: the first kernel that it meets is layer 1, and a kernel behind
layer n is layer n + 1. So a residual block of two convolutions is two layers, its shortcut belongs to the first of them, and a
self-attention is two. Biases, scales and offsets of normalisations belong to the layer whose output they act on.
"""

from collections.abc import Iterable

import keras
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError


def freeze(discriminator: keras.Model, count: int) -> list[keras.Variable]:
    """Freezes the `count` layers nearest the image: an optimiser that is built afterwards does not update them.

    What is computed from data or weights goes on: batch normalisation normalises by the batch and moves its statistics, and
    spectral normalisation takes its power iterations, which then follow a kernel that stands still.

    Args:
        discriminator: of any kind; a growing one is counted at the resolution that it has now.
        count: 0 for none.

    Returns:
        The variables that were frozen.

    Raises:
        ZooError: there are no more layers than `count`.

    Examples:
        >>> import keras
        >>> from tfgan_zoo.training.freezing import freeze
        >>> images = keras.Input([2], name="images")
        >>> h = keras.layers.Dense(3, name="first")(images)
        >>> network = keras.Model({"images": images}, {"logits": keras.layers.Dense(1, name="logits")(h)})
        >>> [variable.path for variable in freeze(network, 1)]
        ['first/kernel', 'first/bias']
        >>> [variable.path for variable in network.trainable_variables]
        ['logits/kernel', 'logits/bias']
    """
    if not count:
        return []
    depths = depths_from_image(discriminator)
    deepest = max(depths.values(), default=0)
    if count >= deepest:
        raise ZooError(
            f"freeze_discriminator={count}: this discriminator has {deepest} layers from the image to its output, one behind "
            f"the other, and one at least must learn; use {deepest - 1} or less."
        )
    frozen = [v for v in discriminator.trainable_variables if depths.get(v.path, count + 1) <= count]
    for variable in frozen:
        variable.trainable = False
    return frozen


def depths_from_image(network: keras.Model) -> dict[str, int]:
    """{path: layer, counted from 1} of the variables that the image passes on its way through a discriminator.

    Weights that only the label passes, such as an embedding of it, are not in there, nor are those of resolutions not in use.
    The count is read from the graph of a call in inference, of which a variable or tensor with two dimensions or more that
    meets the image is a kernel.
    """
    trainable, others = network.trainable_variables, network.non_trainable_variables
    specs = {t.name: tf.TensorSpec([2, *t.shape[1:]], t.dtype) for t in network.inputs}

    @tf.function(autograph=False)
    def call(trained, state, inputs):
        return network.stateless_call(trained, state, inputs, training=False)[0]

    def spec_of(variable: keras.Variable) -> tf.TensorSpec:
        return tf.TensorSpec(variable.shape, variable.dtype)

    graph = call.get_concrete_function([spec_of(v) for v in trainable], [spec_of(v) for v in others], specs).graph
    placeholders = iter(graph.inputs)  # in the order of the arguments, dicts sorted by key
    variables = {next(placeholders).name: v for v in [*trainable, *others]}
    inputs = {next(placeholders).name: name for name in sorted(specs)}
    return Walk(variables, inputs).over(graph.get_operations())


class Walk:
    """A walk over the operations of a graph, which lie in the order in which they were traced.

    Args:
        variables: {placeholder: variable}.
        inputs: {placeholder: name of the network's input}.

    Attributes:
        depth: {tensor: kernels that the image has passed} of what depends on the image.
        weights: {tensor: the paths of its variables} of what depends on nothing but variables.
        kernels: the paths of variables with two dimensions or more.
        found: {path: layer}.
    """

    def __init__(self, variables: dict[str, keras.Variable], inputs: dict[str, str]) -> None:
        self.depth = {tensor: 0 for tensor, name in inputs.items() if name == "images"}
        self.weights = {tensor: {variable.path} for tensor, variable in variables.items()}
        self.kernels = {variable.path for variable in variables.values() if len(variable.shape) >= 2}
        self.conditions = set(inputs) - set(self.depth)  # labels, and all that is computed from them
        self.found: dict[str, int] = {}

    def over(self, operations: Iterable[tf.Operation]) -> dict[str, int]:
        """{path: layer} after these operations."""
        for operation in operations:
            self.step(operation)
        return self.found

    def step(self, operation: tf.Operation) -> None:
        """Takes one operation: notes what its outputs depend on."""
        names = [tensor.name for tensor in operation.inputs]
        outputs = [tensor.name for tensor in operation.outputs]
        depths = [self.depth[name] for name in names if name in self.depth]
        paths = set().union(*(self.weights.get(name, ()) for name in names))
        if depths:
            depth = max(depths) + bool(paths & self.kernels)
            self.depth |= dict.fromkeys(outputs, depth)
            self.found |= {path: max(depth, self.found.get(path, 0)) for path in paths}
        elif any(name in self.conditions for name in names):
            self.conditions |= set(outputs)
        elif paths:
            self.weights |= dict.fromkeys(outputs, paths)
