"""What the command lines share: quiet TensorFlow, and a user's mistake told in a sentence."""

import os
import sys
import tempfile

from absl import app, flags, logging

from tfgan_zoo.core.errors import ZooError

VERBOSE = flags.DEFINE_bool("verbose", False, "Let TensorFlow say what it says at start.")


def load_tensorflow():
    """Imports TensorFlow and Keras; unless --verbose, without the chatter that their libraries write past Python."""
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise ZooError(f"KERAS_BACKEND={backend}: this library computes with TensorFlow; unset the variable.")
    if VERBOSE.value:
        import keras

        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)
    with tempfile.TemporaryFile() as chatter:
        stderr = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def watched(parts, text):
    """The same list, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(parts, text, console=console, transient=True, disable=not console.is_terminal)


def numbers(flag, kind, example):
    """The flag's list as numbers of a kind, None where it is not given."""
    try:
        return flag.value and [kind(text) for text in flag.value]
    except ValueError:
        raise ZooError(f"--{flag.name}={','.join(flag.value)}: expected numbers, such as {example}.") from None


HELP = {"--help", "-help", "--helpshort", "--helpfull", "--helpxml", "-?"}


def parse_flags(argv):
    """absl's parser, but `-h` asks for help too, and help that was asked for ends with status 0 and not 1."""
    argv = ["--help" if word == "-h" else word for word in argv]
    try:
        return app.parse_flags_with_usage(argv)
    except SystemExit as end:
        sys.exit(0 if HELP & set(argv) else end.code)


def run(main, words=0):
    """Runs `main()`, whose result is the exit status; a `ZooError` ends it with its message alone and status 2.

    words: so many arguments that are no flags may come, and go to `main`.
    """

    def guarded(argv):
        if len(argv) > 1 + words:
            print(f"error: {' '.join(argv[1 + words :])}: not a flag; see --help.", file=sys.stderr)
            sys.exit(2)
        try:
            sys.exit(main(*argv[1:]))
        except BrokenPipeError:
            raise
        except (ZooError, OSError) as error:
            named = isinstance(error, OSError) and error.filename is not None
            print(f"error: {error.filename}: {error.strerror}." if named else f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            sys.exit(130)

    try:
        app.run(guarded, flags_parser=parse_flags)
    except BrokenPipeError:  # as of `--list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
