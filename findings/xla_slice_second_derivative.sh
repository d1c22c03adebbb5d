#!/usr/bin/env bash
# Compiled by XLA, tf.slice with a begin that is a tensor has one derivative and no second: its gradient becomes an
# XlaDynamicUpdateSlice, for which TensorFlow registers no gradient. A gradient penalty through such a slice trains without
# jit_compile, and fails with it (and so on TPUs) while it is traced. The same slice written x[i:i+2] has both derivatives, compiled
# or not. Expected: the two ways to write one slice differentiate alike, and jit_compile does not change what can be differentiated.
#
# tensorflow-cpu 2.21.0, Python 3.11. What it printed:
#   x[i:i+2]: [0.0, 0.0, 288.0, 972.0, 0.0, 0.0]; compiled: [0.0, 0.0, 288.0, 972.0, 0.0, 0.0]
#   tf.slice: [0.0, 0.0, 288.0, 972.0, 0.0, 0.0]; compiled: LookupError: gradient registry has no entry for: XlaDynamicUpdateSlice
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0"
cat > "$folder/second.py" <<'PYTHON'
import tensorflow as tf

SLICES = {"x[i:i+2]": lambda x, i: x[i : i + 2], "tf.slice": lambda x, i: tf.slice(x, [i], [2])}


def second_derivative(piece, compiled):
    """The gradient of the sum of (3 x^2)^2, that is 36 x^3, where x is in the slice, and 0 elsewhere."""

    @tf.function(jit_compile=compiled, autograph=False)
    def compute(x, i):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = piece(x, i) ** 3
            penalty = tf.reduce_sum(inner.gradient(y, x) ** 2)
        return outer.gradient(penalty, x)

    try:
        return compute(tf.range(6.0), tf.constant(2)).numpy().tolist()
    except LookupError as error:
        return f"LookupError: {error}"


for name, piece in SLICES.items():
    print(f"{name}: {second_derivative(piece, False)}; compiled: {second_derivative(piece, True)}")
PYTHON
"$folder/env/bin/python" "$folder/second.py" 2>/dev/null | tee "$folder/output"
right='\[0.0, 0.0, 288.0, 972.0, 0.0, 0.0\]'
grep -Eq "^x\[i:i\+2\]: $right; compiled: $right\$" "$folder/output"
grep -Eq "^tf.slice: $right; compiled: LookupError: .*XlaDynamicUpdateSlice" "$folder/output"
