"""Writes TensorFlow Serving's configuration for a zoo of exports, with Docker Compose and Kubernetes files and a README.

python -m tfgan_zoo.serving_config --zoo export --to serving
"""

from pathlib import Path

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

ZOO = flags.DEFINE_string("zoo", None, "Folder of exports, <name>/<version>/. Required.", required=True)
TO = flags.DEFINE_string("to", None, "Folder to write the files to. Required.", required=True)
BASE_PATH = flags.DEFINE_string("base_path", "/models", "Absolute path of the zoo inside the server's container.")
MAX_BATCH = flags.DEFINE_integer("max_batch", 64, "Rows (samples) of the largest batch.", lower_bound=1)
THREADS = flags.DEFINE_integer(
    "threads", 4, "Batches to compute at the same time; use the server's number of cores.", lower_bound=1
)
IMAGE = flags.DEFINE_string(
    "image", None, "Docker image of TensorFlow Serving. Default: a pinned version of the official one."
)
OVERWRITE = flags.DEFINE_bool("overwrite", False, "Also replace files in --to that this command did not write.")


def main() -> int:
    command_line.load_tensorflow()
    from tfgan_zoo.serving import deployment

    image = IMAGE.value or deployment.IMAGE
    settings = BASE_PATH.value, MAX_BATCH.value, THREADS.value, image, OVERWRITE.value
    for name in deployment.write_deployment(ZOO.value, TO.value, *settings):
        print(Path(TO.value) / name)
    return 0


if __name__ == "__main__":
    command_line.run(main)
