"""Converts an export for elsewhere, and tells how far each file's samples are from the SavedModel's.

python -m tfgan_zoo.convert --export=export/sngan_mnist --to=elsewhere/sngan_mnist
python -m tfgan_zoo.convert --export=export/acgan_mnist --to=elsewhere/acgan_mnist --formats=tflite_int8,onnx
python -m tfgan_zoo.convert --export=export/gan_mnist --to=web --formats=tfjs --tfjs_converter=tfjs/bin/tensorflowjs_converter
"""

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.formats import tfjs

flags.adopt_module_key_flags(command_line)

EXPORT = flags.DEFINE_string("export", None, "A model's folder of an export, or one version of it.", required=True)
TO = flags.DEFINE_string("to", None, "The folder of the files, which must not be there yet.", required=True)
FORMATS = flags.DEFINE_list("formats", ["tflite", "tflite_int8"], "Any of tflite, tflite_int8, onnx, tfjs.")
SEEDS = flags.DEFINE_integer("seeds", 16, "How many samples are compared.", lower_bound=1)
TFJS_CONVERTER = flags.DEFINE_string("tfjs_converter", tfjs.PROGRAM, "Of tfjs: the converter's name or path.")
UNSAFE = flags.DEFINE_bool("unsafe", False, "Load an export whose files or graph are refused.")


def chosen_formats():
    """{name: `Format`} by the flags."""
    from tfgan_zoo.core.errors import ZooError, no_such
    from tfgan_zoo.formats.format_table import formats

    there = formats(TFJS_CONVERTER.value)
    for name in FORMATS.value:
        if name not in there:
            raise no_such("format", name, there)
    if not FORMATS.value:
        raise ZooError(f"--formats= is empty; give any of {', '.join(there)}.")
    return {name: there[name] for name in FORMATS.value}


def main():
    formats = chosen_formats()
    for form in formats.values():
        form.check()
    command_line.load_tensorflow()
    from tfgan_zoo.formats.bundle import convert

    card = convert(EXPORT.value, TO.value, formats, SEEDS.value, UNSAFE.value)
    print(f"{card['name']}, version {card['version']}, by {card['compared']}:")
    for name, told in card["formats"].items():
        apart = told["maximum_difference"]
        levels = f" ({apart * 127.5:.2g} of 255 grey levels)" if "images" in card["outputs"] else ""
        print(
            f"  {name:<12} {told['file']:<32} {told['bytes']:>12,} bytes  "
            f"maximum difference {apart:.2g}{levels}, mean {told['mean_difference']:.2g}"
        )
    print(f"Card: {TO.value}/{card['name']}.json")
    return 0


if __name__ == "__main__":
    command_line.run(main)
