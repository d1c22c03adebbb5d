"""The entry point `tfgan-zoo COMMAND ...`, which runs `python -m tfgan_zoo.COMMAND ...`."""

import ast
import runpy
import sys

from tfgan_zoo import __version__
from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.locations import PACKAGE

COMMANDS = (
    "train",
    "launch",
    "sample",
    "project",
    "evaluate",
    "report",
    "growth",
    "export",
    "convert",
    "serve",
    "serving_config",
    "playground",
    "import_weights",
    "data",
)


def summary_of(command: str) -> str:
    """The first line of a command's docstring, read without importing the command."""
    path = PACKAGE / f"{command}.py"
    path = path if path.exists() else PACKAGE / command / "__main__.py"
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]


def help_text() -> str:
    """What `tfgan-zoo --help` prints."""
    lines = [f"  {command:<15} {summary_of(command)}" for command in COMMANDS]
    usage = ["usage: tfgan-zoo COMMAND [flags]", "       tfgan-zoo --version", ""]
    example = ["", "Start with `tfgan-zoo train --model=sngan`; `tfgan-zoo COMMAND --help` explains a command's flags."]
    return "\n".join([*usage, *lines, *example])


def module_of(command: str) -> str:
    """The module of a command, such as "serving_config" of "serving-config".

    Raises:
        ZooError: there is no such command.
    """
    module = command.replace("-", "_")
    if module not in COMMANDS:
        raise no_such("command", command, COMMANDS)
    return module


def main() -> None:
    """Runs the command that the first argument names, with the remaining arguments.

    Exits with the command's status; with 0 after --help and --version, with 2 if there is no such command.
    """
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("--help", "-h", "-help", "help"):
        print(help_text())
        sys.exit(0)
    if command in ("--version", "-version"):
        print(f"tfgan_zoo {__version__}")
        sys.exit(0)
    try:
        module = module_of(command)
    except ZooError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    sys.argv[1:] = arguments
    runpy.run_module(f"tfgan_zoo.{module}", run_name="__main__", alter_sys=True)
