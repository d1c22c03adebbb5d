"""The `Examples:` of every public layer, loss, metric and client, run as doctests."""

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

# Every name in the `__all__` of these has examples. Rooms that are being written are below.
ROOMS = ("layers", "serving")
UNFINISHED = ("metrics", "objectives")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ROOT = Path(__file__).resolve().parent.parent / "tfgan_zoo"


def public_names(room):
    """The `__all__` of a package, read without importing it."""
    for node in ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return []


def examples_of(value, name):
    """The doctests of a class, its methods, or a function.

    Raises:
        AssertionError: its docstring has no `Examples:` section with a `>>>` line.
    """
    module = inspect.getmodule(value)
    docs = inspect.getdoc(value) or ""
    section = re.search(r"^Examples:\n((?:[ \t]+.*\n?|\n)+)", docs, re.MULTILINE)
    assert ">>> " in (section[1] if section else ""), f"{name} has no Examples: section with a >>> line"
    tests = doctest.DocTestFinder().find(value, name, module=module, globs=dict(vars(module)))
    return [test for test in tests if test.examples]


def run(tests):
    """Runs doctests that share nothing.

    Raises:
        AssertionError: with what came and what was expected.
    """
    reports = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in tests:
        runner.run(test, out=reports.append)
    assert runner.failures == 0, "".join(reports)


@pytest.mark.parametrize(("room", "name"), [(room, name) for room in ROOMS for name in public_names(room)])
def test_the_examples_of_a_public_name_are_right(room, name):
    run(examples_of(getattr(importlib.import_module(f"tfgan_zoo.{room}"), name), f"{room}.{name}"))


def test_every_room_with_public_names_is_listed():
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py") if public_names(path.parent.name)}
    assert rooms - {*ROOMS, *UNFINISHED} == set()
    assert not {*ROOMS} & {*UNFINISHED}
    assert all(public_names(room) for room in ROOMS)


def right():
    """One more than one.

    Examples:
        >>> 1 + 1
        2
    """


def wrong():
    """As a newcomer adds.

    Examples:
        >>> 1 + 1
        3
    """


def silent():
    """Examples: none."""


def test_examples_that_are_wrong_or_missing_are_found():
    run(examples_of(right, "right"))
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        run(examples_of(wrong, "wrong"))
    with pytest.raises(AssertionError, match="silent has no Examples"):
        examples_of(silent, "silent")
