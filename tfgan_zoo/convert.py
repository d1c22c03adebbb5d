"""Converts an exported generator to TFLite, ONNX, OpenVINO and TF.js, and reports how far each file's samples are from the SavedModel's.

python -m tfgan_zoo.convert --export=export/sngan_mnist --to=elsewhere/sngan_mnist
python -m tfgan_zoo.convert --export=export/acgan_mnist --to=elsewhere/acgan_mnist --formats=tflite_int8,onnx
python -m tfgan_zoo.convert --export=export/gan_mnist --to=web --formats=tfjs --tfjs_converter=tfjs/bin/tensorflowjs_converter
"""

from typing import TYPE_CHECKING

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.formats import tfjs

if TYPE_CHECKING:
    from tfgan_zoo.formats.format_table import Format

flags.adopt_module_key_flags(command_line)

EXPORT = flags.DEFINE_string(
    "export",
    None,
    "Folder of an exported model, whose newest version is converted, or of one version. Required.",
    required=True,
)
TO = flags.DEFINE_string("to", None, "Folder to write; it must be empty or not exist yet. Required.", required=True)
FORMATS = flags.DEFINE_list(
    "formats",
    ["tflite", "tflite_int8"],
    "Formats to write, separated by commas: tflite, tflite_int8, onnx, openvino, tfjs.",
)
SEEDS = flags.DEFINE_integer("seeds", 16, "Number of samples to compare with the SavedModel's.", lower_bound=1)
TFJS_CONVERTER = flags.DEFINE_string(
    "tfjs_converter", tfjs.PROGRAM, "Name or path of the converter program for --formats=tfjs; see docs/convert.md."
)
UNSAFE = flags.DEFINE_bool(
    "unsafe", False, "Load the export even if its files differ from its card or its graph does more than compute."
)


def chosen_formats() -> dict[str, "Format"]:
    """{name: `Format`} of --formats."""
    from tfgan_zoo.core.errors import ZooError, no_such
    from tfgan_zoo.formats.format_table import formats

    available = formats(TFJS_CONVERTER.value)
    for name in FORMATS.value:
        if name not in available:
            raise no_such("format", name, available)
    if not FORMATS.value:
        raise ZooError(f"--formats= is empty; expected at least one of {', '.join(available)}.")
    return {name: available[name] for name in FORMATS.value}


def main() -> int:
    formats = chosen_formats()
    for target in formats.values():
        target.check()
    command_line.load_tensorflow()
    from tfgan_zoo.formats.bundle import convert

    card = convert(EXPORT.value, TO.value, formats, SEEDS.value, UNSAFE.value)
    print(f"{card['name']}, version {card['version']}, compared over {card['compared']}:")
    for name, entry in card["formats"].items():
        largest = entry["maximum_difference"]
        levels = f" ({largest * 127.5:.2g} of 255 grey levels)" if "images" in card["outputs"] else ""
        print(
            f"  {name:<12} {entry['file']:<32} {entry['bytes']:>12,} bytes  "
            f"maximum difference {largest:.2g}{levels}, mean {entry['mean_difference']:.2g}, by {entry['computed_by']}"
        )
    print(f"Card: {TO.value}/{card['name']}.json")
    return 0


if __name__ == "__main__":
    command_line.run(main)
