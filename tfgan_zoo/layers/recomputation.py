"""Functions of layers whose intermediate results are computed again for the gradient instead of being kept: less memory, more time.

Chen et al. 2016, arXiv:1604.06174. `tf.recompute_grad`, and with it `keras.RematScope`, has no second derivatives, which gradient
penalties need, and updates a layer's own state, such as batch normalisation's, in each computation
(findings/remat_scope_and_batch_norm.sh).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError


def unique(variables: Iterable[keras.Variable]) -> list[keras.Variable]:
    """The variables in their order, each once."""
    return list({id(v): v for v in variables}.values())


def delayed(tensors: Sequence[tf.Tensor], gradient: tf.Tensor) -> list[tf.Tensor]:
    """The same tensors, those of floats only once `gradient` is known; NaN if its first number is NaN.

    By a factor of 1 and not by a control dependency, which XLA ignores.
    """
    first = tf.reshape(gradient, [-1])[0]
    one = tf.where(first == first, tf.ones_like(first), first)
    return [t * tf.cast(one, t.dtype) if t.dtype.is_floating else t for t in tensors]


def recomputed(
    function: Callable[..., Sequence[tf.Tensor]], layers: Iterable[keras.layers.Layer], tensors: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """function(*tensors), of which a graph keeps the arguments and results alone until a gradient is computed.

    Then `function` is computed again, with the state that its layers had, and without updating it a second time. It can be
    differentiated twice; what the second derivative needs is kept. The gradient of a tensor that several calls read is a sum in
    another order, whose last bits may differ from those without recomputation.

    Args:
        function: of tensors alone, returns a list of tensors of floats; deterministic, apart from the state of `layers`: random
            numbers are of stateless operations or a `keras.random.SeedGenerator` of a layer.
        layers: built, all whose variables it reads.
        tensors: its arguments.

    Raises:
        ZooError: a layer adds a loss.
    """
    layers = list(layers)
    weights = unique(v for layer in layers for v in layer.trainable_variables)
    state = unique(v for layer in layers for v in layer.non_trainable_variables)
    before = [tf.identity(v.value) for v in state]
    count, updated = len(tensors), list[keras.Variable]()

    def compute(arguments: Sequence[tf.Tensor]) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """The function's results, and the state after it, of its tensors followed by the weights."""
        mapping = [*zip(weights, arguments[count:], strict=True), *zip(state, before, strict=True)]
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
            results = list(function(*arguments[:count]))
        if scope.losses:
            raise ZooError(
                "recompute=true would lose the losses that layers add when they are called, such as those of an activity_regularizer; "
                "leave one of both out."
            )
        return results, [scope.get_current_value(v) for v in state]

    @tf.custom_gradient
    def run(*arguments: tf.Tensor) -> Any:
        results, after = compute(arguments)
        updates = [(v, new) for v, old, new in zip(state, before, after, strict=True) if new is not old]
        updated[:] = [v for v, _ in updates]

        def gradient(*upstream: tf.Tensor) -> list[tf.Tensor | None]:
            upstream = upstream[: len(results)]
            again = [*delayed(arguments[:count], upstream[0]), *map(tf.identity, arguments[count:])]
            floats = [t for t in again if t.dtype.is_floating]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(floats)
                outputs, _ = compute(again)
            zero = tf.UnconnectedGradients.ZERO
            gradients = iter(tape.gradient(outputs, floats, list(upstream), unconnected_gradients=zero))
            return [tf.convert_to_tensor(next(gradients)) if t.dtype.is_floating else None for t in again]

        return [*results, *(new for _, new in updates)], gradient

    outputs = run(*tensors, *(tf.convert_to_tensor(v.value) for v in weights))
    first = len(outputs) - len(updated)
    for variable, new in zip(updated, outputs[first:], strict=True):
        variable.assign(new)
    return outputs[:first]
