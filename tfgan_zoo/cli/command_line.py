"""What the command lines share: a quiet TensorFlow import, help texts, and user errors printed without a traceback."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import TypeVar

from absl import app, flags, logging

from tfgan_zoo.core import waiting
from tfgan_zoo.core.errors import ZooError, sentence_of

T = TypeVar("T")
Number = TypeVar("Number", int, float)

VERBOSE = flags.DEFINE_bool("verbose", False, "Show the messages that TensorFlow prints when it starts.")


def load_tensorflow() -> None:
    """Imports TensorFlow and Keras; without --verbose, hides what their C++ libraries write to stderr meanwhile.

    Raises:
        ZooError: KERAS_BACKEND names another backend.
    """
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise ZooError(f"KERAS_BACKEND={backend}: this library runs on TensorFlow only; unset the variable.")
    if VERBOSE.value:
        import keras

        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)
    with tempfile.TemporaryFile() as hidden:
        stderr = os.dup(2)
        os.dup2(hidden.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            hidden.seek(0)
            os.write(stderr, hidden.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def with_progress(items: Iterable[T], title: str) -> Iterable[T]:
    """Yields the items, showing meanwhile how many are done."""
    items = list(items)
    return waiting.with_progress(items, len(items), title)


def numbers(flag: flags.FlagHolder, kind: Callable[[str], Number], example: str) -> list[Number] | None:
    """The values of a list flag as numbers; None if the flag was not given.

    Args:
        flag: a list flag.
        kind: `int` or `float`.
        example: of such a list, for the error message.

    Raises:
        ZooError: a value is not a number.
    """
    try:
        return flag.value and [kind(text) for text in flag.value]
    except ValueError:
        raise ZooError(f"--{flag.name}={','.join(flag.value)}: expected numbers, such as {example}.") from None


HELP = {"--help", "-help", "--helpshort", "--helpfull", "--helpxml", "-?"}


def parse_flags(argv: list[str]) -> list[str]:
    """absl's parser, except that `-h` means --help and that help exits with status 0, where absl exits with 1."""
    argv = ["--help" if argument == "-h" else argument for argument in argv]
    try:
        return app.parse_flags_with_usage(argv)
    except SystemExit as end:
        sys.exit(0 if HELP & set(argv) else end.code)


def run(main: Callable[..., int], words: int = 0) -> None:
    """Runs `main()` and exits with the status that it returns.

    A `ZooError` or `OSError` exits with its status, 2 by default, and prints its message only.

    Args:
        main: the command.
        words: at most this many positional arguments are accepted, and passed to `main`.
    """

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1 + words:
            print(f"error: {' '.join(argv[1 + words :])}: not a flag; see --help.", file=sys.stderr)
            sys.exit(2)
        try:
            sys.exit(main(*argv[1:]))
        except BrokenPipeError:
            raise
        except (ZooError, OSError) as error:
            print(f"error: {sentence_of(error)}", file=sys.stderr)
            sys.exit(getattr(error, "status", 2))
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            sys.exit(130)

    try:
        app.run(guarded, flags_parser=parse_flags)
    except BrokenPipeError:  # the reader is gone, as after `--list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
