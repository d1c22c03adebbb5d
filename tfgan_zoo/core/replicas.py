"""What a batch is when it is split over replicas: means and rows of the whole, and draws that do not depend on the split."""

import tensorflow as tf

from tfgan_zoo.core.draws import Draws


def over_replicas():
    """(replica context or None, number of replicas) of the code that is being traced; outside replicas there is one."""
    context = tf.distribute.get_replica_context()
    return context, context.num_replicas_in_sync if context else 1


def mean_over_replicas(x):
    """The mean over replicas of a tensor of any shape, the same on each of them; differentiable."""
    context, replicas = over_replicas()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, x) if replicas > 1 else x


def rows_of_all_replicas(x):
    """x [B, ...] of every replica, one after the other: [replicas * B, ...]; differentiable."""
    context, replicas = over_replicas()
    return context.all_gather(x, axis=0) if replicas > 1 else x


def draws_for_replica(seed, batch):
    """`Draws` for this replica's `batch` examples, a share of the whole batch's. seed: int32 [2], equal on all replicas."""
    context, replicas = over_replicas()
    replica = context.replica_id_in_sync_group if replicas > 1 else 0
    return Draws(seed, batch * replicas, batch * replica, batch)
