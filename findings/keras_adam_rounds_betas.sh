#!/usr/bin/env bash
# On TensorFlow, keras.optimizers.Adam updates float64 weights with a bias correction by beta_1 and beta_2 rounded to float32, while
# its moments use them as given: it casts the Python numbers with tf.cast, which makes a float32 tensor of them first. So updates in
# float64 are right to seven digits. Expected: 16 digits, as the same class gives on Keras' backend of PyTorch.
#
# keras 3.15.1, tensorflow-cpu 2.21.0, Python 3.11. What it printed:
#   beside Adam in float64: 3e-07
#   beside Adam with betas of float32 in the bias correction: 4e-16
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0" "keras==3.15.1"
cat > "$folder/update.py" <<'PYTHON'
import keras
import numpy as np

START, GRADIENT, RATE, BETA_1, BETA_2, EPSILON = 0.25, 0.5, 0.5, 0.3, 0.9, 1e-3


def updated(corrections):
    """The weight after five updates; corrections: the betas of the bias correction."""
    w, m, v = START, 0.0, 0.0
    beta_1, beta_2 = (np.float64(beta) for beta in corrections)
    for t in range(1, 6):
        m, v = BETA_1 * m + (1 - BETA_1) * GRADIENT, BETA_2 * v + (1 - BETA_2) * GRADIENT**2
        w -= RATE * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + EPSILON)
    return w


weight = keras.Variable([START], dtype="float64")
optimizer = keras.optimizers.Adam(RATE, BETA_1, BETA_2, EPSILON)
optimizer.build([weight])
for _ in range(5):
    optimizer.apply([np.array([GRADIENT])], [weight])
result = weight.numpy()[0]
print(f"beside Adam in float64: {abs(result - updated((BETA_1, BETA_2))):.0e}")
rounded = updated((np.float32(BETA_1), np.float32(BETA_2)))
print(f"beside Adam with betas of float32 in the bias correction: {abs(result - rounded):.0e}")
PYTHON
"$folder/env/bin/python" "$folder/update.py" 2>/dev/null | tee "$folder/output"
grep -Eq '^beside Adam in float64: [1-9]e-0[678]$' "$folder/output"
grep -Eq '^beside Adam with betas of float32 in the bias correction: ([1-9]e-1[5-9]|0e\+00)$' "$folder/output"
