"""Operations on batches of images whose usual spelling TensorFlow computes slowly on CPUs (findings/flips_by_where_are_slow.sh)."""

import tensorflow as tf


def rows_where(chosen: tf.Tensor, rows: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Each row of `rows` where it is chosen, else that of `others`. `tf.where` would broadcast the condition to every pixel.

    Args:
        chosen: bool [B].
        rows, others: [B, ...], of one shape and dtype.

    Returns:
        [B, ...]. Gradients of every order flow to what was taken.

    Examples:
        >>> import tensorflow as tf
        >>> from tfgan_zoo.core.batch_images import rows_where
        >>> rows_where(tf.constant([True, False]), tf.ones([2, 2]), tf.zeros([2, 2])).numpy().tolist()
        [[1.0, 1.0], [0.0, 0.0]]
    """
    return tf.raw_ops.Select(condition=chosen, x=rows, y=others)


def left_to_right(images: tf.Tensor) -> tf.Tensor:
    """Images [B, H, W, C], of static W and C, mirrored left to right.

    TensorFlow reverses tensors of three axes row by row, those of four pixel by pixel.

    Examples:
        >>> import tensorflow as tf
        >>> from tfgan_zoo.core.batch_images import left_to_right
        >>> left_to_right(tf.reshape(tf.range(6), [1, 2, 3, 1]))[0, :, :, 0].numpy().tolist()
        [[2, 1, 0], [5, 4, 3]]
    """
    lines = tf.reshape(images, [-1, *images.shape[2:]])
    return tf.reshape(tf.reverse(lines, [1]), tf.shape(images))
