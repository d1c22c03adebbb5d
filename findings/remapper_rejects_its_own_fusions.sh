#!/usr/bin/env bash
# Grappler's remapper fuses a convolution with its bias and activation. Expected: it fuses what it can of a training step, or nothing.
# For the steps of two of the commonest networks it makes a rewriting that it then refuses itself ("remapper failed: INVALID_ARGUMENT:
# Mutation::Apply error: fanout ... exist for missing node ..."): it removes a node that the gradient, or a second branch, still reads.
# The error is only logged, at a level that many programs hide, and the step goes on with the same values, unfused by that pass.
# Leaky ReLUs (their gradient reads the sum with the bias) fail in a second round of passes, after a first one that fused convolutions
# and biases; residual blocks (their sum is read by the next block and by its shortcut) fail in the first, and nothing is fused.
#
# tensorflow-cpu 2.21.0, Python 3.11. What it printed:
#   leaky: fused, failed
#   residual: failed
#   values as without the remapper: True True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0"
cat > "$folder/step.py" <<'PYTHON'
import sys

import numpy as np
import tensorflow as tf

kind, remapper = sys.argv[1], sys.argv[2] == "on"
tf.config.optimizer.set_experimental_options({"remapping": remapper})
random = np.random.default_rng(0)
kernels = [tf.Variable(random.normal(size=[3, 3, 8, 8]).astype("float32") / 10) for _ in range(6)]
biases = [tf.Variable(random.normal(size=[8]).astype("float32") / 10) for _ in range(6)]
images = tf.constant(random.normal(size=[4, 8, 8, 8]).astype("float32"))


def conv(x, i):
    return tf.nn.bias_add(tf.nn.conv2d(x, kernels[i], 1, "SAME"), biases[i])


def leaky(x):
    for i in range(6):
        x = tf.nn.leaky_relu(conv(x, i))
    return x


def residual(x):
    first = conv(x, 0) + conv(x, 1)
    second = conv(tf.nn.relu(conv(tf.nn.relu(first), 2)), 3) + first
    return conv(tf.nn.relu(second), 4) + conv(second, 5)


@tf.function(autograph=False)
def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square({"leaky": leaky, "residual": residual}[kind](x)))
    for variable, gradient in zip(kernels + biases, tape.gradient(loss, kernels + biases)):
        variable.assign_sub(gradient)


step(images)
np.save(sys.argv[3], np.concatenate([v.numpy().ravel() for v in kernels + biases]))
PYTHON
export TF_CPP_MIN_LOG_LEVEL=0 TF_CPP_VMODULE=meta_optimizer=1
for kind in leaky residual; do
  "$folder/env/bin/python" "$folder/step.py" "$kind" off "$folder/$kind-off.npy" 2>/dev/null
  "$folder/env/bin/python" "$folder/step.py" "$kind" on "$folder/$kind-on.npy" 2>"$folder/$kind.log"
  outcomes=$(grep -o 'remapper failed\|remapper: Graph size after: [0-9]* nodes (-' "$folder/$kind.log" |
    sed 's/remapper failed/failed/; s/remapper: .*/fused/' | paste -sd, | sed 's/,/, /g')
  echo "$kind: $outcomes" | tee -a "$folder/output"
done
"$folder/env/bin/python" - "$folder" <<'PYTHON' | tee -a "$folder/output"
import sys

import numpy as np

same = [np.allclose(*(np.load(f"{sys.argv[1]}/{kind}-{way}.npy") for way in ("on", "off")), atol=1e-6) for kind in ("leaky", "residual")]
print("values as without the remapper:", *same)
PYTHON
grep -qx 'leaky: fused, failed' "$folder/output"
grep -qx 'residual: failed' "$folder/output"
grep -qx 'values as without the remapper: True True' "$folder/output"
