#!/usr/bin/env bash
# keras.RematScope computes activations again for the gradient, to save memory. Expected: the same training, more slowly. With the
# TensorFlow backend three things differ:
# - BatchNormalization's moving statistics move three times in one step instead of once, without a word: each computation of the layer,
#   two of them for the gradient, updates them. Gradients are right.
# - Model.fit ends with a ValueError, since layers that take `training` get it as a keyword, which the decorator underneath
#   (tf.custom_gradient) refuses in a graph. So only custom loops in eager mode see the first point.
# - A second derivative, such as a gradient penalty's, ends with a NotImplementedError.
#
# tensorflow-cpu 2.21.0, keras 3.15.0, Python 3.11. What it printed:
#   without: moving mean 0.302, fit: trains, gradient penalty: differentiable
#   in a RematScope: moving mean 0.818, fit: ValueError, gradient penalty: NotImplementedError
#   0.818 is what 3 updates give
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0" "keras==3.15.0"
cat > "$folder/remat.py" <<'PYTHON'
import keras
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).normal(3, 1, [64, 4]).astype("float32")
ones = np.ones([64, 1], "float32")


def network(again, *layers):
    with keras.RematScope(mode="full" if again else None):
        return keras.Sequential([keras.Input([4]), *(layer() for layer in layers)])


def with_batch_norm(again):
    dense = lambda: keras.layers.Dense(4, kernel_initializer="identity")
    return network(again, dense, lambda: keras.layers.BatchNormalization(momentum=0.9), lambda: keras.layers.Dense(1))


def moving_mean(again):
    model = with_batch_norm(again)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x, training=True) - ones) ** 2)
    tape.gradient(loss, [v.value for v in model.trainable_variables])
    return float(model.layers[1].moving_mean.numpy()[0])


def fit(again):
    model = with_batch_norm(again)
    model.compile("sgd", "mse")
    try:
        model.fit(x, ones, batch_size=64, verbose=0)
    except ValueError as error:
        assert "keywords arguments only when eager execution" in str(error)
        return "ValueError"
    return "trains"


def penalty(again):
    model = network(again, lambda: keras.layers.Dense(8, activation="tanh"), lambda: keras.layers.Dense(1))
    points = tf.constant(x)
    try:
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(points)
                total = tf.reduce_sum(model(points, training=True))
            squared = tf.reduce_sum(inner.gradient(total, points) ** 2)
        outer.gradient(squared, model.layers[0].kernel.value)
    except NotImplementedError:
        return "NotImplementedError"
    return "differentiable"


once, again = moving_mean(False), moving_mean(True)
print(f"without: moving mean {once:.3f}, fit: {fit(False)}, gradient penalty: {penalty(False)}")
print(f"in a RematScope: moving mean {again:.3f}, fit: {fit(True)}, gradient penalty: {penalty(True)}")
updates = np.log(1 - again / (once / 0.1)) / np.log(0.9)
print(f"{again:.3f} is what {updates:.0f} updates give")
PYTHON
"$folder/env/bin/python" "$folder/remat.py" 2>/dev/null | tee "$folder/output"
grep -qx 'without: moving mean 0.302, fit: trains, gradient penalty: differentiable' "$folder/output"
grep -qx 'in a RematScope: moving mean 0.818, fit: ValueError, gradient penalty: NotImplementedError' "$folder/output"
grep -qx '0.818 is what 3 updates give' "$folder/output"
