"""Largest differences between every exported generator and its conversions, each computed by the runtime that it is for.

python -m benchmarks.runtimes
python -m benchmarks.runtimes --exports=sngan_mnist,acgan_mnist --formats=tflite,litert,openvino
NODE_PATH=node_modules python -m benchmarks.runtimes --formats=tfjs,tfjs_node --tfjs_converter=tfjs/bin/tensorflowjs_converter

Beside the formats of `tfgan_zoo.convert` there are `litert`, the TFLite file in the interpreter of `ai-edge-litert`, `openvino_default`,
OpenVINO's files at the precision that it chooses by itself, and `tfjs_node`, TF.js' files in TF.js itself under Node. Formats and runtimes
that are not installed are left out, and named; what a runtime does not read is "failed", with its message. The figures are written after every export; earlier ones of other exports and
formats stay. In the end the table of docs/convert.md is written from all of them.
"""

import importlib.util
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import results, tables
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.formats.bundle import comparison_inputs, convert, difference
from tfgan_zoo.formats.format_table import formats
from tfgan_zoo.formats.tflite import SIGNATURE
from tfgan_zoo.saved_model.version_folder import load_version, newest

TFJS_IMAGES = Path(__file__).with_name("tfjs_images.js")
PAGE = results.ROOT / "docs" / "convert.md"  # whose table states the results


def litert(folder, name):
    """A function {input: array} -> {output: array} of a TFLite file in the interpreter of `ai-edge-litert`."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(folder / f"{name}.tflite")).get_signature_runner(SIGNATURE)
    return lambda inputs: run(**inputs)


def openvino_default(folder, name):
    """Likewise of OpenVINO's files, without a hint at the precision."""
    import openvino

    model = openvino.Core().compile_model(str(folder / f"{name}_openvino" / "model.xml"), "CPU")
    return lambda inputs: {key: value for keys, value in model(inputs).items() for key in keys.get_names()}


def tfjs_node(folder, name):
    """Likewise of TF.js' files, in TF.js under Node."""

    def run(inputs):
        described = {
            key: {"values": value.ravel().tolist(), "shape": value.shape, "dtype": value.dtype.name}
            for key, value in inputs.items()
        }
        command = ["node", str(TFJS_IMAGES), str(folder / f"{name}_tfjs")]
        process = subprocess.run(command, input=json.dumps(described), capture_output=True, text=True)
        if process.returncode:
            raise ZooError(f"TF.js failed: {process.stderr.strip()[-500:]}")
        output = json.loads(process.stdout)
        (key,) = json.loads((folder / f"{name}_tfjs" / "model.json").read_text())["signature"]["outputs"]
        return {key: np.array(output["values"], np.float32).reshape(output["shape"])}

    return run


OTHER_RUNTIMES = {  # {name: (the format of the files that it reads, what opens them)}
    "litert": ("tflite", litert),
    "openvino_default": ("openvino", openvino_default),
    "tfjs_node": ("tfjs", tfjs_node),
}


def check_runtime(name):
    """Raises `ZooError` if one of `OTHER_RUNTIMES` is not installed, beyond what its format needs."""
    if name == "litert" and importlib.util.find_spec("ai_edge_litert") is None:
        raise ZooError("it needs ai-edge-litert: pip install ai-edge-litert")
    if name == "tfjs_node":
        found = (
            shutil.which("node")
            and not subprocess.run(
                ["node", "-e", 'require.resolve("@tensorflow/tfjs")'], capture_output=True
            ).returncode
        )
        if not found:
            raise ZooError("it needs Node and TF.js: npm install @tensorflow/tfjs, and NODE_PATH=node_modules")


def measured(name, chosen, seeds):
    """{format: {"maximum_difference", "mean_difference"} or {"failed": message}} of one export.

    Args:
        name: of the export.
        chosen: {format: `Format`}, and {name: None} for those of `OTHER_RUNTIMES`.
        seeds: how many samples are compared.
    """
    written = {key: target for key, target in chosen.items() if key not in OTHER_RUNTIMES}
    try:
        return together(name, written, chosen, seeds)
    except ZooError as error:
        if len(written) == 1:
            return {key: {"failed": str(error)} for key in chosen}
    figures = {}
    for key, target in written.items():  # one of them failed: each alone
        others = {other: None for other in chosen if other in OTHER_RUNTIMES and OTHER_RUNTIMES[other][0] == key}
        figures.update(measured(name, {key: target, **others}, seeds))
    return figures


def together(name, written, chosen, seeds):
    """The figures of all formats from one conversion. written: those of `chosen` that are formats of `convert`."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / name
        card = convert(pretrained_folder() / name, folder, written, seeds)["formats"]
        kept = ("maximum_difference", "mean_difference", "bytes")
        figures = {key: {k: entry[k] for k in kept} for key, entry in card.items()}
        for other in [key for key in chosen if key in OTHER_RUNTIMES]:
            figures[other] = elsewhere(name, OTHER_RUNTIMES[other][1], folder, other, seeds)
    return figures


def elsewhere(name, opener, folder, key, seeds):
    """The figures of the files in `folder` in another runtime than `convert` compares them in."""
    generator = load_version(newest(pretrained_folder() / name))
    inputs = comparison_inputs(generator, np.arange(seeds))
    expected = generator.call(SIGNATURE, **inputs)[generator.output_name]
    try:
        return difference(key, expected, [opener(folder, name)(inputs)[generator.output_name]])
    except ZooError as error:
        return {"failed": str(error)}


def available(names, tfjs_converter):
    """({format: `Format` or None}, messages on those that are left out) of the names."""
    table, kept, messages = formats(tfjs_converter), {}, []
    for name in names:
        try:
            if name in table:
                table[name].check()
            else:
                check_runtime(name)
            kept[name] = table.get(name)
        except ZooError as error:
            messages.append(f"{name} is left out: {error}")
    return {n: f for n, f in kept.items() if n not in OTHER_RUNTIMES or OTHER_RUNTIMES[n][0] in kept}, messages


def table(figures):
    """The lines of a Markdown table: exports by formats, each cell a largest difference."""
    columns = list(dict.fromkeys(key for row in figures.values() for key in row))
    lines = ["| export | " + " | ".join(f"`{c}`" for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in sorted(figures.items()):
        lines.append(f"| {name} | " + " | ".join(cell(row.get(c)) for c in columns) + " |")
    return lines


def cell(entry):
    """ "7.9e-06", "failed", or "" where it was not measured."""
    if entry is None:
        return ""
    return "failed" if "failed" in entry else f"{entry['maximum_difference']:.2g}"


def main():
    parser = results.parser(__doc__)
    exports = [path.name for path in sorted(pretrained_folder().iterdir()) if (path / "1").is_dir()]
    parser.add_argument(
        "--exports", type=lambda text: text.split(","), default=exports, help="names, separated by commas"
    )
    every = [*formats(), *OTHER_RUNTIMES]
    parser.add_argument(
        "--formats", type=lambda text: text.split(","), default=every, help="names, separated by commas"
    )
    parser.add_argument("--seeds", type=int, default=16, help="number of samples to compare")
    parser.add_argument("--tfjs_converter", default="tensorflowjs_converter", help="see docs/convert.md")
    arguments = parser.parse_args()
    for kind, given, known in (("exports", arguments.exports, exports), ("formats", arguments.formats, every)):
        if unknown := [name for name in given if name not in known]:
            parser.error(f"--{kind}: no {', '.join(unknown)}; expected some of {', '.join(known)}")
    chosen, messages = available(arguments.formats, arguments.tfjs_converter)
    print("\n".join(messages))
    arguments.tfjs_converter = Path(arguments.tfjs_converter)  # means something on this machine only
    figures = (results.load("runtimes", arguments.results) or {"figures": {}})["figures"]
    for name in arguments.exports:
        figures[name] = {**figures.get(name, {}), **measured(name, chosen, arguments.seeds)}
        row = {key: entry.get("failed") or f"{entry['maximum_difference']:.2g}" for key, entry in figures[name].items()}
        print(name, row, flush=True)
        results.save("runtimes", figures, arguments)
    print("\n".join(table(figures)))
    tables.rewrite(PAGE, "runtimes", "\n".join(table(figures)))


if __name__ == "__main__":
    main()
