#!/usr/bin/env bash
# keras.Model(inputs, outputs, trainable=False) is frozen by itself, but not as a part of another model: its own list of trainable
# variables is empty, while the model around it trains all of them, because the argument sets the model's flag and not that of its
# layers. Assigning `model.trainable = False` afterwards freezes both. Expected: the argument and the assignment do the same, as
# the documentation of the argument ("if the model's variables should be trainable") lets one think.
#
# keras 3.15.1 on tensorflow-cpu 2.21.0, Python 3.11. What it printed:
#   argument: 0 trainable by itself, 2 of its 2 when nested
#   assignment: 0 trainable by itself, 0 of its 2 when nested
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "tensorflow-cpu==2.21.0" "keras==3.15.1"
cat > "$folder/freeze.py" <<'PYTHON'
import keras


def features(**settings):
    inputs = keras.Input([4])
    return keras.Model(inputs, keras.layers.Dense(2)(inputs), **settings)


by_argument, by_assignment = features(trainable=False), features()
by_assignment.trainable = False
for name, part in (("argument", by_argument), ("assignment", by_assignment)):
    inputs = keras.Input([4])
    whole = keras.Model(inputs, keras.layers.Dense(1)(part(inputs)))
    paths = {variable.path for variable in part.variables}
    nested = sum(variable.path in paths for variable in whole.trainable_variables)
    print(f"{name}: {len(part.trainable_variables)} trainable by itself, {nested} of its {len(paths)} when nested")
PYTHON
"$folder/env/bin/python" "$folder/freeze.py" 2>/dev/null | tee "$folder/output"
grep -qx 'argument: 0 trainable by itself, 2 of its 2 when nested' "$folder/output"
grep -qx 'assignment: 0 trainable by itself, 0 of its 2 when nested' "$folder/output"
