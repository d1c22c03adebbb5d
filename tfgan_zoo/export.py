"""Exports a run's averaged generator as a SavedModel version folder that TensorFlow Serving loads.

python -m tfgan_zoo.export --run=runs/my-run --to=export/my_sngan
python -m tfgan_zoo.export --run=runs/my-run --to=export/my_sngan --checkpoint=best
python -m tfgan_zoo.export --run=runs/my-run --to=export/my_sngan --with_discriminator --with_keras
python -m tfgan_zoo.export --run=runs/my-run --to=my_sngan --format=huggingface --license=cc-by-4.0
"""

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "The run's folder.", required=True)
TO = flags.DEFINE_string("to", None, "The model's folder; its name is the model's name in TF Serving.", required=True)
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "Which checkpoint: latest, best or a step.")
VERSION = flags.DEFINE_integer(
    "version", None, "The version's number; by default one more than the newest.", lower_bound=1
)
WITH_DISCRIMINATOR = flags.DEFINE_bool(
    "with_discriminator", False, "Store the discriminator too, so that others can train on: train --init_from."
)
WITH_KERAS = flags.DEFINE_bool(
    "with_keras", False, "Store both players as .keras files too, for Keras with tfgan_zoo.layers: docs/convert.md."
)
FORMAT = flags.DEFINE_enum(
    "format", "version", ["version", "huggingface"],
    "version: a version folder in --to. huggingface: --to itself is a folder for the Hugging Face Hub; nothing is sent.",
)  # fmt: skip
LICENSE = flags.DEFINE_string(
    "license", "", "Of the weights, for --format=huggingface, such as apache-2.0 or cc-by-4.0."
)


def main() -> int:
    command_line.load_tensorflow()
    from tfgan_zoo.core.errors import ZooError
    from tfgan_zoo.runs.publish import export_for_hugging_face, export_run
    from tfgan_zoo.runs.run_folder import Run

    parts = WITH_DISCRIMINATOR.value, WITH_KERAS.value
    if FORMAT.value == "version":
        if LICENSE.value:
            raise ZooError(
                "--license is written into folders for Hugging Face alone: add --format=huggingface, or leave it out."
            )
        print(export_run(Run(RUN.value), TO.value, CHECKPOINT.value, VERSION.value, *parts))
        return 0
    if VERSION.value:
        raise ZooError(
            "--version numbers the folders in --to, and --format=huggingface writes --to itself; leave it out."
        )
    print(export_for_hugging_face(Run(RUN.value), TO.value, LICENSE.value, CHECKPOINT.value, *parts))
    return 0


if __name__ == "__main__":
    command_line.run(main)
