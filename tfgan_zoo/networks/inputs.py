"""The inputs of a generator as one vector, and the concatenation of a condition to the layers of a network."""

import keras

from tfgan_zoo.core.priors import Codes
from tfgan_zoo.networks.shapes import output_dtype


def generator_inputs(noise_size: int, num_classes: int = 0, codes: Codes | None = None) -> dict[str, keras.KerasTensor]:
    """The Keras inputs by name: "noise" [B, noise_size], "labels"? [B], "codes"? [B, codes.size]."""
    inputs = {"noise": keras.Input([noise_size], dtype=output_dtype(), name="noise")}
    if num_classes:
        inputs["labels"] = labels_input()
    if codes:
        inputs["codes"] = keras.Input([codes.size], dtype=output_dtype(), name="codes")
    return inputs


def labels_input() -> keras.KerasTensor:
    """The Keras input "labels": int32 [B]."""
    return keras.Input([], dtype="int32", name="labels")


def one_hot(labels: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    """Integers [B] of any dtype -> [B, num_classes]."""
    return keras.ops.one_hot(keras.ops.cast(labels, "int32"), num_classes, dtype=output_dtype())


def as_vectors(
    inputs: dict[str, keras.KerasTensor], num_classes: int = 0, codes: Codes | None = None
) -> list[keras.KerasTensor]:
    """The inputs of `generator_inputs` as vectors: labels and categorical codes one-hot, the rest unchanged."""
    vectors = [inputs["noise"]]
    if num_classes:
        vectors.append(one_hot(inputs["labels"], num_classes))
    if codes:
        values = inputs["codes"]
        vectors += [one_hot(values[:, i], size) for i, size in enumerate(codes.categorical)]
        if codes.continuous:
            vectors.append(values[:, len(codes.categorical) :])
    return vectors


def joined(vectors: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Vectors [B, N_i] -> [B, sum of N_i]."""
    return keras.ops.concatenate(vectors, axis=-1) if len(vectors) > 1 else vectors[0]


def short_vector(labels: keras.KerasTensor, num_classes: int, size: int) -> keras.KerasTensor:
    """Labels [B] -> [B, size] by a learned linear map: LSGAN's way with thousands of classes, arXiv:1611.04076, eq. 10."""
    initializer = keras.initializers.RandomNormal(stddev=0.02)
    layer = keras.layers.Dense(size, use_bias=False, kernel_initializer=initializer, name="label_map")
    return layer(one_hot(labels, num_classes))


def join(h: keras.KerasTensor, vector: keras.KerasTensor | None) -> keras.KerasTensor:
    """Concatenates a vector [B, N] to the channels of every position of h [B, ..., C]: [B, ..., C + N]. None: h itself."""
    if vector is None:
        return h
    positions = h.shape[1:-1]
    spread = keras.ops.reshape(vector, [-1] + [1] * len(positions) + [vector.shape[-1]])
    spread = keras.ops.tile(spread, [1, *positions, 1])
    return keras.ops.concatenate([h, keras.ops.cast(spread, h.dtype)], axis=-1)
