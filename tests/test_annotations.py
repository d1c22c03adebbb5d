"""Public functions, methods and constructors are annotated; `mypy tfgan_zoo` checks what the annotations say."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "tfgan_zoo"
# Rooms and command lines that are being annotated; remove a name once its files pass.
UNFINISHED: set[str] = set()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def public_functions(tree):
    """(qualified name, node, whether it is a method) of a module's public functions, methods and constructors."""
    for node in tree.body:
        if isinstance(node, FUNCTIONS) and not node.name.startswith("_"):
            yield node.name, node, False
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, FUNCTIONS) and (not method.name.startswith("_") or method.name == "__init__"):
                    static = any(ast.unparse(d) == "staticmethod" for d in method.decorator_list)
                    yield f"{node.name}.{method.name}", method, not static


def unannotated(tree):
    """["name(argument)"] of what lacks an annotation, with "->" for a result; a constructor needs none."""
    missing = []
    for name, function, method in public_functions(tree):
        a = function.args
        arguments = [*a.posonlyargs, *a.args][method:] + a.kwonlyargs + [x for x in (a.vararg, a.kwarg) if x]
        missing += [f"{name}({x.arg})" for x in arguments if x.annotation is None]
        if function.returns is None and not name.endswith(".__init__"):
            missing.append(f"{name} ->")
    return missing


FILES = [
    p for p in sorted(PACKAGE.rglob("*.py")) if p.relative_to(PACKAGE).parts[0].removesuffix(".py") not in UNFINISHED
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_public_functions_are_annotated(path):
    assert unannotated(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_what_lacks_an_annotation_is_found():
    source = """
def f(a, *b, c: int, **d): pass
def _private(a): pass
class C:
    def __init__(self, a: int, b=1): pass
    def m(self, x: int) -> int: pass
    @property
    def p(self): pass
    @staticmethod
    def s(x) -> int: pass
"""
    expected = ["f(a)", "f(b)", "f(d)", "f ->", "C.__init__(b)", "C.p ->", "C.s(x)"]
    assert unannotated(ast.parse(source)) == expected


def test_unfinished_rooms_exist():
    assert {name for name in UNFINISHED if not list(PACKAGE.glob(f"{name}*"))} == set()
