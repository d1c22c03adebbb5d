"""Exports a run's averaged generator as a SavedModel version folder that TensorFlow Serving loads.

python -m tfgan_zoo.export --run=runs/my-run --to=export/my_sngan
python -m tfgan_zoo.export --run=runs/my-run --to=export/my_sngan --checkpoint=best
python -m tfgan_zoo.export --run=runs/my-run --to=export/my_sngan --with_discriminator
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


def main() -> int:
    command_line.load_tensorflow()
    from tfgan_zoo.runs.publish import export_run
    from tfgan_zoo.runs.run_folder import Run

    print(export_run(Run(RUN.value), TO.value, CHECKPOINT.value, VERSION.value, WITH_DISCRIMINATOR.value))
    return 0


if __name__ == "__main__":
    command_line.run(main)
