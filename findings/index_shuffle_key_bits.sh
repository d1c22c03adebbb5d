#!/usr/bin/env bash
# tf.random_index_shuffle permutes indices by a key of three integers ("seed": int32, int64, uint32 or uint64 [3]), and its
# documentation says that the same key gives the same permutation. Expected: different keys give different ones, up to chance.
# Seen: with up to 65,536 indices only the low 8 bits of each word count, so a pipeline with [epoch, seed, stream] as its key, as
# in the documentation's advice to change the key every epoch, has the order of epoch 0 again in epoch 256, and seed 256 that of
# seed 0. Of more indices 9 bits count, or more: half as many as number the indices.
#
# tensorflow-cpu 2.21.0, Python 3.11. What it printed:
#   5000 indices: keys that give the order of key 0, of 1 to 1023: [256, 512, 768] in word 0, [256, 512, 768] in word 1, [256, 512, 768] in word 2
#   100000 indices: keys that give the order of key 0, of 1 to 1023: [512] in word 0, [512] in word 1, [512] in word 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0"
cat > "$folder/shuffle.py" <<'PYTHON'
import tensorflow as tf


def order(size, key):
    """The first 200 of the permuted indices below `size`."""
    return tf.random_index_shuffle(tf.range(200), tf.constant(key, tf.int64), size - 1, rounds=12).numpy().tolist()


for size in (5000, 100000):
    alike = []
    for word in range(3):
        first = order(size, [0, 0, 0])
        keys = [[value if i == word else 0 for i in range(3)] for value in range(1, 1024)]
        alike.append([key[word] for key in keys if order(size, key) == first])
    words = ", ".join(f"{values} in word {word}" for word, values in enumerate(alike))
    print(f"{size} indices: keys that give the order of key 0, of 1 to 1023: {words}")
PYTHON
"$folder/env/bin/python" "$folder/shuffle.py" 2>/dev/null | tee "$folder/output"
grep -Fq '5000 indices: keys that give the order of key 0, of 1 to 1023: [256, 512, 768] in word 0' "$folder/output"
grep -Fq '100000 indices: keys that give the order of key 0, of 1 to 1023: [512] in word 0' "$folder/output"
