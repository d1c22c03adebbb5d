"""`tfgan-zoo COMMAND ...`: the same as `python -m tfgan_zoo.COMMAND ...`."""

import ast
import runpy
import sys
from pathlib import Path

import tfgan_zoo

COMMANDS = (
    "train",
    "sample",
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
    """The first line of a command's docstring; nothing is imported."""
    file = Path(tfgan_zoo.__file__).parent / f"{command}.py"
    file = file if file.exists() else file.with_suffix("") / "__main__.py"
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]


def help_text() -> str:
    """What `tfgan-zoo --help` prints."""
    lines = [f"  {command:<15} {summary_of(command)}" for command in COMMANDS]
    return "\n".join(
        ["usage: tfgan-zoo COMMAND [flags]", "", *lines, "", "tfgan-zoo COMMAND --help explains its flags."]
    )


def main() -> None:
    """Runs the command named by the first argument with the remaining ones.

    Exits with the command's status; 0 after `--help`, 2 where there is no such command.
    """
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("--help", "-h", "-help", "help"):
        print(help_text())
        sys.exit(0)
    if command.replace("-", "_") not in COMMANDS:
        from tfgan_zoo.core.errors import no_such

        print(f"error: {no_such('command', command, COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    sys.argv[1:] = arguments
    runpy.run_module(f"tfgan_zoo.{command.replace('-', '_')}", run_name="__main__", alter_sys=True)
