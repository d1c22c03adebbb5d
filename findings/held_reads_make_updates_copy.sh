#!/usr/bin/env bash
# A tensor that was read from a tf.Variable keeps its value when the variable is updated in place. Expected: that the read copies, as
# `.numpy()` of the variable does, and that an update costs the same whether or not an earlier read is still alive. Instead the read is a
# view that takes no memory, and the next in-place update (assign_add, ResourceApplyAdam and the like) copies the whole variable as long as somebody holds
# it. So a list of reads is a snapshot of a model for nothing, and a read that is kept by mistake, such as in a list of logs, costs a second copy of
# the variable after the next step.
#
# tensorflow-cpu 2.21.0, Python 3.11. What it printed, for a variable of 256 MiB:
#   numpy() of the variable: 256 MiB more
#   a read: 0 MiB more
#   an update while the read is held: 256 MiB more
#   an update without: 0 MiB more
#   the held value: unchanged
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0"
cat > "$folder/reads.py" <<'PYTHON'
import gc
import re
from pathlib import Path

import tensorflow as tf

ROWS = 2**26  # 256 MiB of float32


def resident():
    return int(re.search(r"VmRSS:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def more(what, function):
    gc.collect()
    before = resident()
    result = function()
    gc.collect()
    print(f"{what}: {round((resident() - before) / 64) * 64:.0f} MiB more")
    return result


variable = tf.Variable(tf.ones([ROWS]))
one = tf.constant(1.0)


@tf.function
def update():
    variable.assign_add(tf.broadcast_to(one, [ROWS]))


update()
array = more("numpy() of the variable", variable.numpy)
del array
gc.collect()
update()
held = more("a read", variable.read_value)
more("an update while the read is held", update)
print("the held value:", "unchanged" if float(held[0]) == 3 and float(variable[0]) == 4 else "changed")
del held
gc.collect()
update()
more("an update without", update)
PYTHON
"$folder/env/bin/python" "$folder/reads.py" 2>/dev/null | tee "$folder/output"
grep -qx 'numpy() of the variable: 256 MiB more' "$folder/output"
grep -qx 'a read: 0 MiB more' "$folder/output"
grep -qx 'an update while the read is held: 256 MiB more' "$folder/output"
grep -qx 'an update without: 0 MiB more' "$folder/output"
grep -qx 'the held value: unchanged' "$folder/output"
