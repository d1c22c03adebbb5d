"""Writes what TensorFlow Serving needs to serve a zoo of exports: configuration, Docker Compose, Kubernetes, a README.

python -m tfgan_zoo.serving_config --zoo export --to serving
"""

from pathlib import Path

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

ZOO = flags.DEFINE_string("zoo", None, "A folder of exports, <name>/<version>/.", required=True)
TO = flags.DEFINE_string("to", None, "The folder to write.", required=True)
BASE_PATH = flags.DEFINE_string("base_path", "/models", "The zoo's absolute path as the server sees it.")
MAX_BATCH = flags.DEFINE_integer("max_batch", 64, "Rows of the largest batch.", lower_bound=1)
THREADS = flags.DEFINE_integer("threads", 4, "Batches at once: the server's cores.", lower_bound=1)
IMAGE = flags.DEFINE_string("image", None, "Docker's image of TensorFlow Serving; a fixed version where left out.")
OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace files that this command did not write, too.")


def main():
    command_line.load_tensorflow()
    from tfgan_zoo.serving import deployment

    image = IMAGE.value or deployment.IMAGE
    settings = BASE_PATH.value, MAX_BATCH.value, THREADS.value, image, OVERWRITE.value
    for name in deployment.write_deployment(ZOO.value, TO.value, *settings):
        print(Path(TO.value) / name)
    return 0


if __name__ == "__main__":
    command_line.run(main)
