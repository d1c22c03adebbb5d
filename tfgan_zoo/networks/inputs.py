"""What a generator is fed, as one vector, and how a condition joins the layers of a network."""

import keras

from tfgan_zoo.networks.shapes import output_dtype


def generator_inputs(noise_size, num_classes=0, codes=None):
    """The Keras inputs by name: "noise" [B, noise_size], "labels"? [B], "codes"? [B, codes.size] (a `priors.Codes`)."""
    inputs = {"noise": keras.Input([noise_size], dtype=output_dtype(), name="noise")}
    if num_classes:
        inputs["labels"] = labels_input()
    if codes:
        inputs["codes"] = keras.Input([codes.size], dtype=output_dtype(), name="codes")
    return inputs


def labels_input():
    """The Keras input "labels": int32 [B]."""
    return keras.Input([], dtype="int32", name="labels")


def one_hot(labels, num_classes):
    """Whole numbers [B] of any dtype -> [B, num_classes]."""
    return keras.ops.one_hot(keras.ops.cast(labels, "int32"), num_classes, dtype=output_dtype())


def as_vectors(inputs, num_classes=0, codes=None):
    """The inputs of `generator_inputs` as one vector each: labels and categorical codes one-hot, the rest as they are."""
    vectors = [inputs["noise"]]
    if num_classes:
        vectors.append(one_hot(inputs["labels"], num_classes))
    if codes:
        numbers = inputs["codes"]
        vectors += [one_hot(numbers[:, i], size) for i, size in enumerate(codes.categorical)]
        if codes.continuous:
            vectors.append(numbers[:, len(codes.categorical) :])
    return vectors


def joined(vectors):
    """Vectors [B, N_i] -> [B, sum of N_i]."""
    return keras.ops.concatenate(vectors, axis=-1) if len(vectors) > 1 else vectors[0]


def short_vector(labels, num_classes, size):
    """Labels [B] -> [B, size] by a learned linear map: LSGAN's road for thousands of classes, arXiv:1611.04076, eq. 10."""
    initializer = keras.initializers.RandomNormal(stddev=0.02)
    layer = keras.layers.Dense(size, use_bias=False, kernel_initializer=initializer, name="label_map")
    return layer(one_hot(labels, num_classes))


def join(h, vector):
    """h [B, ..., C] with a vector [B, N] beside each position's channels: [B, ..., C + N]. `vector` None: h itself."""
    if vector is None:
        return h
    positions = h.shape[1:-1]
    spread = keras.ops.reshape(vector, [-1] + [1] * len(positions) + [vector.shape[-1]])
    spread = keras.ops.tile(spread, [1, *positions, 1])
    return keras.ops.concatenate([h, keras.ops.cast(spread, h.dtype)], axis=-1)
