"""TF.js' converter finds the names of inputs by dtype and shape; we name them after their placeholders."""

import json
import sys

from tfgan_zoo.formats import tfjs

CONVERTER = """#!{python}
import json, pathlib, sys
folder = pathlib.Path(sys.argv[-1])
folder.mkdir()
inputs = {{key: {{"name": name}} for key, name in {inputs}.items()}}
outputs = {{"images": {{"name": "Identity:0"}}}}
(folder / "model.json").write_text(json.dumps({{"signature": {{"inputs": inputs, "outputs": outputs}}}}))
"""


def converted(tmp_path, inputs):
    """The inputs of the model.json that `write_tfjs` leaves, of a converter that writes `inputs`."""
    program = tmp_path / "converter"
    program.write_text(CONVERTER.format(python=sys.executable, inputs=inputs))
    program.chmod(0o755)
    tfjs.write_tfjs(str(program), tmp_path, tmp_path / "web")
    return json.loads((tmp_path / "web" / "model.json").read_text())["signature"]["inputs"]


def test_inputs_of_one_shape_have_their_names(tmp_path):
    inputs = converted(tmp_path, {"codes:0": "codes:0", "noise:0": "noise:0", "labels": "labels:0"})
    assert inputs == {name: {"name": f"{name}:0"} for name in ("codes", "noise", "labels")}


def test_inputs_that_the_converter_told_apart_keep_their_names(tmp_path):
    assert converted(tmp_path, {"noise": "noise:0"}) == {"noise": {"name": "noise:0"}}
