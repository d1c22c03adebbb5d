#!/usr/bin/env bash
# The gradient of a gradient through tf.nn.relu or tf.nn.leaky_relu is a tensor of zeros, not "no gradient", and TensorFlow
# sends it back through every layer before: a gradient penalty on a network of rectifiers computes one more backward pass, all
# zeros. Expected: the second derivative of a piecewise linear function costs nothing, as in frameworks that know it is zero.
#
# tensorflow-cpu 2.21.0, Python 3.11. What it printed:
#   leaky_relu: 17 matrix products, of which 5 multiply zeros
#   relu: 17 matrix products, of which 5 multiply zeros
#   elu: 17 matrix products, of which 0 multiply zeros
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0"
cat > "$folder/count.py" <<'PYTHON'
import tensorflow as tf

weights = [tf.Variable(tf.eye(3)) for _ in range(3)]


def penalty(activation):
    def compute(x):
        with tf.GradientTape() as outer:
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(x)
                h = x
                for w in weights:
                    h = activation(h @ w)
                y = tf.reduce_sum(h)
            loss = tf.reduce_sum(tf.square(inner.gradient(y, x)))
        return outer.gradient(loss, weights)

    return tf.function(compute).get_concrete_function(tf.ones([2, 3])).graph


def zeros(tensor):
    """Whether a tensor comes from nothing but fills of zero, through operations that keep it zero."""
    op = tensor.op
    if op.type in ("Const", "Fill", "ZerosLike") and "zeros" in op.name:
        return True
    if op.type in ("AddN", "AddV2"):
        return all(zeros(t) for t in op.inputs)
    if op.type in ("LeakyReluGrad", "ReluGrad", "Reshape", "Identity"):
        return zeros(op.inputs[0])
    return op.type == "MatMul" and any(zeros(t) for t in op.inputs)  # a product with zeros


for activation in (tf.nn.leaky_relu, tf.nn.relu, tf.nn.elu):
    products = [op for op in penalty(activation).get_operations() if op.type == "MatMul"]
    wasted = sum(any(zeros(t) for t in op.inputs) for op in products)
    print(f"{activation.__name__}: {len(products)} matrix products, of which {wasted} multiply zeros")
PYTHON
"$folder/env/bin/python" "$folder/count.py" 2>/dev/null | tee "$folder/output"
grep -Eq '^leaky_relu: [0-9]+ matrix products, of which [1-9][0-9]* multiply zeros$' "$folder/output"
grep -Eq '^elu: [0-9]+ matrix products, of which 0 multiply zeros$' "$folder/output"
