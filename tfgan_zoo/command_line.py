"""What the command lines share: quiet TensorFlow, and a user's mistake told in a sentence."""

import os
import sys

from absl import app, flags

from tfgan_zoo.errors import ZooError

flags.DEFINE_bool("verbose", False, "Let TensorFlow say what it says at start.")


def set_environment(argv):
    """To be called before TensorFlow is imported."""
    if "--verbose" not in argv:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def run(main):
    """Runs `main(argv without flags)`; a `ZooError` ends it with its message alone and exit status 2."""
    set_environment(sys.argv)

    def guarded(argv):
        if len(argv) > 1:
            print(f"error: {' '.join(argv[1:])}: not a flag; see --help.", file=sys.stderr)
            sys.exit(2)
        try:
            sys.exit(main())
        except ZooError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)

    app.run(guarded)
