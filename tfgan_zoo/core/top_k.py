"""Top-k training: the generator learns only from those of its images that the discriminator takes for the most real ones.
Sinha et al. 2020, arXiv:2002.06224."""

import tensorflow as tf

from tfgan_zoo.core.replicas import rows_of_all_replicas, rows_of_this_replica


def learning_from_top(outputs: dict[str, tf.Tensor], share: tf.Tensor) -> dict[str, tf.Tensor]:
    """The outputs as they are, with the gradient of a mean over the examples of the highest logits alone.

    The others get no gradient, and those k of B get B / k times theirs, so any loss that is a mean over examples has the gradient of
    its mean over the k. They are chosen from the whole batch of all replicas.

    Args:
        outputs: of a discriminator on generated images, [B, ...] each, with "logits".
        share: k / B in (0, 1], a scalar; k is rounded up.

    Returns:
        The same values by the same names.

    Examples:
        >>> logits = tf.Variable([[1.0], [3.0], [2.0], [0.0]])
        >>> with tf.GradientTape() as tape:
        ...     loss = -tf.reduce_mean(learning_from_top({"logits": 1.0 * logits}, tf.constant(0.5))["logits"])
        >>> float(loss), tape.gradient(loss, logits).numpy().ravel().tolist()
        (-1.5, [-0.0, -0.5, -0.5, -0.0])
    """
    logits = tf.stop_gradient(outputs["logits"])
    realness = rows_of_all_replicas(tf.reduce_mean(logits, axis=list(range(1, len(logits.shape)))))
    size = tf.cast(tf.shape(realness)[0], share.dtype)
    count = tf.maximum(tf.math.ceil(share * size - 1e-4), 1)  # 0.3 of 50 in float32 is a little more than 15
    ranks = tf.argsort(tf.argsort(realness, direction="DESCENDING", stable=True))
    factors = rows_of_this_replica(tf.where(tf.cast(ranks, share.dtype) < count, size / count, 0))

    def scaled(output: tf.Tensor) -> tf.Tensor:
        fixed = tf.stop_gradient(output)
        shaped = tf.reshape(tf.cast(factors, output.dtype), [-1] + [1] * (len(output.shape) - 1))
        return fixed + shaped * (output - fixed)

    return {name: scaled(output) for name, output in outputs.items()}
