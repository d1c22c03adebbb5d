"""Computations over the global batch when it is split over replicas: means, sums, rows, and random draws."""

from typing import Any

import tensorflow as tf

from tfgan_zoo.core.draws import Draws


def over_replicas() -> tuple[Any, int]:
    """(replica context or None, number of replicas) of the code being traced; 1 outside of replicas."""
    context = tf.distribute.get_replica_context()
    return context, context.num_replicas_in_sync if context else 1


def mean_over_replicas(x: tf.Tensor) -> tf.Tensor:
    """The mean over replicas of a tensor of any shape, equal on all of them; differentiable."""
    context, replicas = over_replicas()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, x) if replicas > 1 else x


def sum_over_replicas(x: tf.Tensor) -> tf.Tensor:
    """The sum over replicas of a tensor of any shape, equal on all of them; differentiable."""
    context, replicas = over_replicas()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, x) if replicas > 1 else x


def rows_of_all_replicas(x: tf.Tensor) -> tf.Tensor:
    """x [B, ...] of all replicas, concatenated: [replicas * B, ...]; differentiable."""
    context, replicas = over_replicas()
    return context.all_gather(x, axis=0) if replicas > 1 else x


def rows_of_this_replica(rows: tf.Tensor) -> tf.Tensor:
    """Of the rows [replicas * B, ...] of all replicas those of this one, [B, ...]: the inverse of `rows_of_all_replicas`."""
    context, replicas = over_replicas()
    if replicas == 1:
        return rows
    # On a TPU a replica's number is known only to the running program: rows[a:b] does not compile, and tf.slice has no second
    # derivative there (findings/xla_slice_second_derivative.sh).
    shares = tf.reshape(rows, [replicas, -1, *rows.shape[1:]])
    own = tf.reshape(tf.equal(tf.range(replicas), context.replica_id_in_sync_group), [-1] + [1] * len(rows.shape))
    return tf.reduce_sum(tf.where(own, shares, tf.zeros_like(shares)), axis=0)


def draws_for_replica(seed: tf.Tensor, batch: int) -> Draws:
    """`Draws` for this replica's `batch` examples of the global batch. seed: int32 [2], equal on all replicas."""
    context, replicas = over_replicas()
    replica = context.replica_id_in_sync_group if replicas > 1 else 0
    return Draws(seed, batch * replicas, batch * replica, batch)
