#!/usr/bin/env bash
# A tf.data pipeline whose function holds a tensor, such as all training images to gather from, takes the memory of that tensor once
# more as soon as it is iterated: the default graph optimisations rewrite the pipeline in a form that holds a copy. Expected: the
# pipeline refers to the tensor, as it does with the default optimisations off.
#
# tensorflow-cpu 2.21.0, Python 3.11, a tensor of 256 MiB. What it printed:
#   default optimisations off: 0.0 times the tensor more
#   default optimisations on: 1.0 times the tensor more
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0"
cat > "$folder/held.py" <<'PYTHON'
import sys

import tensorflow as tf


def anonymous():
    """MiB that the process holds apart from files."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024


def iterated(optimized, held):
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = optimized
    numbers = tf.data.Dataset.range(10**9)
    iterator = iter(numbers.map(lambda number: tf.gather(held, [number % 256])).with_options(options))
    next(iterator)
    return iterator


iterated(False, tf.zeros([256, 1]))  # what TensorFlow itself takes for a first pipeline
iterated(True, tf.zeros([256, 1]))
images = tf.ones([256, 2**20], tf.uint8)
for optimized in (False, True):
    before = anonymous()
    iterator = iterated(optimized, images)
    print(f"default optimisations {'on' if optimized else 'off'}: {(anonymous() - before) / 256:.1f} times the tensor more")
PYTHON
"$folder/env/bin/python" "$folder/held.py" 2>/dev/null | tee "$folder/output"
grep -q '^default optimisations off: -\?0.0 times' "$folder/output"
grep -q '^default optimisations on: 1.[01] times' "$folder/output"
