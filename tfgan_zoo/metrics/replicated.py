"""A network's forward pass on every replica of a strategy, from and to NumPy."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf


def on_all_replicas(forward: Callable) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
    """A function uint8 [B, ...] -> tuple of arrays [B, ...] that splits each batch among the replicas.

    Args:
        forward: such a function of tensors, a tf.function, whose variables were created in the scope of the current
            strategy. With fewer images than replicas, the first replica gets all.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync

    def batch(images):
        if replicas == 1 or len(images) < replicas:
            return tuple(x.numpy() for x in forward(tf.constant(images)))
        parts = [tf.constant(part) for part in np.array_split(images, replicas)]
        shared = strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )
        outputs = strategy.run(forward, [shared])
        return tuple(np.concatenate([x.numpy() for x in strategy.experimental_local_results(y)]) for y in outputs)

    return batch
