"""The public names of the objectives: every term is exported, and the examples in the module's docstring run."""

import ast
import doctest
from pathlib import Path

from tfgan_zoo import objectives
from tfgan_zoo.core.game import Term

FOLDER = Path(objectives.__file__).parent


def classes_and_functions():
    """{name: node} of every class and function at the top of the objectives' modules."""
    nodes = [node for path in FOLDER.glob("*.py") for node in ast.parse(path.read_text(encoding="utf-8")).body]
    return {node.name: node for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def test_every_term_is_exported():
    terms = {name for name, node in classes_and_functions().items() if isinstance(node, ast.ClassDef)}
    assert {"Hinge", "RelativisticPairing", "Dragan"} <= terms
    assert terms <= set(objectives.__all__)
    assert all(issubclass(getattr(objectives, name), Term) for name in terms)


def test_every_exported_function_takes_no_turn():
    names = [name for name, node in classes_and_functions().items() if isinstance(node, ast.FunctionDef)]
    exported = {name for name in names if name in objectives.__all__}
    assert {"hinge", "hinge_generator", "two_sided_penalty"} <= exported
    assert not [name for name in exported if "turn" in getattr(objectives, name).__annotations__]


def test_the_examples_of_the_module_run():
    results = doctest.testmod(objectives)
    assert results.attempted > 10
    assert results.failed == 0
