"""Cuts a network of layers into segments whose activations are computed again for the gradient, so that few are in memory at once."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import SelfAttention
from tfgan_zoo.layers.recomputation import recomputed
from tfgan_zoo.networks.progressive import Growing

LIMITS = np.geomspace(0.02, 1, 40)  # tried for the size of a segment, as shares of all activations


def bytes_of(tensor: keras.KerasTensor) -> int:
    """The size of a tensor of one example."""
    return math.prod(side or 1 for side in tensor.shape[1:]) * tf.as_dtype(tensor.dtype).size


def best_cuts(inner: np.ndarray, live: np.ndarray) -> list[tuple[int, int]]:
    """[(first, last + 1) of each segment] of a chain of nodes, with the least memory: what is live at all cuts, and one segment.

    Args:
        inner: [N], bytes of the outputs of each node.
        live: [N], bytes of what later nodes read of it and of those before it.

    Examples:
        >>> best_cuts(np.array([1, 8, 8, 1, 8, 8]), np.array([1, 8, 8, 1, 8, 0]))
        [(0, 4), (4, 6)]
    """
    size, total = len(inner), np.concatenate([[0], np.cumsum(inner)])
    live = np.concatenate([[0], live[:-1], [0]])  # after so many nodes; the network's outputs are kept anyway
    found: tuple[float, list[tuple[int, int]]] = (math.inf, [])
    for limit in [*(LIMITS * total[-1]), inner.max()]:
        cost, start = np.full(size + 1, math.inf), np.zeros(size + 1, int)
        cost[0] = 0
        for end in range(1, size + 1):
            costs = np.where(total[end] - total[:end] <= limit, cost[:end], math.inf)
            start[end] = costs.argmin()
            cost[end] = costs[start[end]] + live[end]
        if cost[size] < math.inf:
            cuts, end = [], size
            while end:
                cuts.append((int(start[end]), end))
                end = start[end]
            largest = max(total[end] - total[begin] for begin, end in cuts)
            found = min(found, (float(cost[size] + largest), cuts[::-1]))
    return found[1]


class Segments:
    """A functional Keras model, run in segments of consecutive layers, in training mode.

    Args:
        network: a built `keras.Model(inputs, outputs)`.

    Attributes:
        segments: [(nodes, tensors that they read, tensors that later ones read)].
        kept, largest: bytes per example at the cuts, and in the largest segment.
        total: bytes per example of the outputs of all layers; what layers keep inside is not known here.
    """

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        by_depth = network._nodes_by_depth  # Keras runs them in this order
        nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]
        made = {id(tensor): -1 for tensor in network.inputs}
        made |= {id(tensor): i for i, node in enumerate(nodes) for tensor in node.outputs}
        read = {id(tensor): i for i, node in enumerate(nodes) for tensor in node.input_tensors}
        read |= {id(tensor): len(nodes) for tensor in network.outputs}
        outputs = [tensor for node in nodes for tensor in node.outputs]
        inner = np.array([sum(map(bytes_of, node.outputs)) for node in nodes])
        live = np.array([
            sum(bytes_of(t) for t in outputs if made[id(t)] <= i < read.get(id(t), -1)) for i in range(len(nodes))
        ])  # fmt: skip
        cuts = best_cuts(inner, live)
        self.segments = []
        for begin, end in cuts:
            part = nodes[begin:end]
            inputs = {id(t): t for node in part for t in node.input_tensors if made[id(t)] < begin}
            later = [t for node in part for t in node.outputs if read.get(id(t), -1) >= end]
            self.segments.append((part, list(inputs.values()), later))
        self.kept = int(sum(live[end - 1] for _, end in cuts[:-1]))
        self.largest, self.total = int(max(inner[begin:end].sum() for begin, end in cuts)), int(inner.sum())

    def __call__(self, inputs: Mapping[str, tf.Tensor]) -> Any:
        """What `network(inputs, training=True)` returns."""
        values = dict(zip(map(id, self.network.inputs), self.network._standardize_inputs(inputs), strict=True))
        for nodes, needed, later in self.segments:

            def run(*tensors, nodes=nodes, needed=needed, later=later):
                own = {id(symbol): tensor for symbol, tensor in zip(needed, tensors, strict=True)}
                for node in nodes:
                    arguments, settings = node.arguments.fill_in(own)
                    if "training" in getattr(node.operation, "_call_context_args", ()):
                        settings["training"] = True
                    results = keras.tree.flatten(node.operation(*arguments, **settings))
                    own |= {id(symbol): tensor for symbol, tensor in zip(node.outputs, results, strict=True)}
                return [own[id(symbol)] for symbol in later]

            layers = [node.operation for node in nodes if isinstance(node.operation, keras.layers.Layer)]
            results = recomputed(run, layers, [values[id(symbol)] for symbol in needed])
            values |= {id(symbol): tensor for symbol, tensor in zip(later, results, strict=True)}
        results = [values[id(symbol)] for symbol in self.network.outputs]
        return keras.tree.pack_sequence_as(self.network.output, results)


def recompute(network: keras.Model) -> None:
    """Makes `run_network` compute the network's activations again for gradients, and likewise for networks inside of it, which
    games such as `stylegan2`'s also run by themselves.

    Raises:
        ZooError: it is no network that can be cut.
    """
    if isinstance(network, Growing):
        network.recompute = True
        return
    if not hasattr(network, "_nodes_by_depth"):
        raise ZooError(
            f"recompute=true cuts networks of the form keras.Model(inputs, outputs), and the {network.name} is a "
            f"{type(network).__name__}; leave it out."
        )
    for part in network._flatten_layers():
        if isinstance(part, SelfAttention):
            part.recompute = True
        if hasattr(part, "_nodes_by_depth"):
            part.recomputed_segments = Segments(part)
