"""What may import what, read from the sources and held against the table in the README.

A file imports from its own folder and from rows of the table above its own. Folders of one row do not import each other.
"""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfgan_zoo.core import catalog

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tfgan_zoo"
TABLE = re.search(
    r"^\| where \| what \|\n\|---\|---\|\n((?:\|.*\|\n)+)", (ROOT / "README.md").read_text(), re.MULTILINE
)


def rows_of(table):
    """[{folder or command line}] of each row of the README's table, without slashes and endings."""
    return [
        {name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`([\w./]+)`", row.split("|")[1])}
        for row in table.strip().splitlines()
    ]


FLOORS = rows_of(TABLE[1])
COMMAND_LINES = FLOORS[-1] - {"cli"}


def may_import(part):
    """The parts of the package that a file of `part` may import from, besides its own."""
    floor = next(i for i, names in enumerate(FLOORS) if part in names)
    above = set().union(*FLOORS[:floor])
    if part == "training":  # the loop knows Game and Recipe alone
        return above - {"networks", "objectives", "data", "metrics"}
    return above | {"cli"} if part in COMMAND_LINES else above


# The feature network of mnist5k is trained on mnist5k; `python -m tfgan_zoo.data` is a command line.
EXCEPTIONS = {("metrics/train_mnist_cnn.py", "data.mnist5k"), ("data/__main__.py", "cli.command_line")}

SOURCES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


def part_of(path):
    """The word of `FLOORS` that a source belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_module(name):
    path = PACKAGE.parent / name.replace(".", "/")
    return path.with_suffix(".py").exists() or path.is_dir()


def imports(tree):
    """Names of the package's modules that are imported anywhere in a source, functions included, without "tfgan_zoo."."""
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [
                f"{node.module}.{alias.name}" if is_module(f"{node.module}.{alias.name}") else node.module
                for alias in node.names
            ]
        found |= {name.removeprefix("tfgan_zoo.") for name in names if name.startswith("tfgan_zoo.")}
    return found


def test_reader_sees_imports_at_the_top_in_functions_and_of_modules_from_packages():
    source = """
import os
import tfgan_zoo.runs.run_folder
from tfgan_zoo import __version__, models
from tfgan_zoo.data import mnist5k
from tfgan_zoo.data.sources import load_source
def f():
    from tfgan_zoo.core.errors import ZooError
"""
    assert imports(ast.parse(source)) == {"runs.run_folder", "models", "data.mnist5k", "data.sources", "core.errors"}
    assert "training.trainer" in imports(TREES[PACKAGE / "runs" / "training_run.py"])


def test_readme_table_names_every_folder_and_command_line_once():
    there = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    there |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert set().union(*FLOORS) == there
    assert sum(len(floor) for floor in FLOORS) == len(there)


@every_source
def test_source_imports_only_from_its_own_folder_and_from_rows_above(path):
    name, own = path.relative_to(PACKAGE).as_posix(), part_of(path)
    reached = {module for module in imports(TREES[path]) if (name, module) not in EXCEPTIONS}
    if own == "__init__":  # `tfgan_zoo.load`
        return
    allowed = may_import(own) | {own}
    assert {module for module in reached if module.partition(".")[0] not in allowed} == set()


def test_exceptions_are_in_use():
    assert all(module in imports(TREES[PACKAGE / name]) for name, module in EXCEPTIONS)


ENDINGS = re.compile(r"(ing|ed|er|or|ers|ion|ions|s|es|d|e)$")
FAMILIES = (
    {"train", "trainer", "training"},
    {"serve", "server", "serving"},
    # The command, the model whose discriminator takes an inner product, and the one against frozen features
    {"project", "projected", "projection"},
)


def alike(one, other):
    """Whether two names differ by an ending alone, as `guard` and `guards` or `export` and `exporting` do."""
    return one != other and {one, ENDINGS.sub("", one)} & {other, ENDINGS.sub("", other)} != set()


def test_names_that_differ_by_an_ending_are_found():
    for pair in (("export", "exporting"), ("layout", "layouts"), ("scores", "score"), ("trainer", "training")):
        assert alike(*pair)
    for pair in (("bundle", "folder"), ("biggan", "biggan_deep"), ("data", "data")):
        assert not alike(*pair)


def test_no_two_folders_or_files_have_names_that_differ_by_an_ending_or_not_at_all():
    """But a model and its networks share a name."""
    files = [path for path in SOURCES if not path.name.startswith("__")]
    names = [path.stem for path in files if "networks" not in path.parts]
    assert {name for name in names if names.count(name) > 1} == set()
    names = {*names, *(path.stem for path in files), *(path.parent.name for path in SOURCES)} - {"tfgan_zoo"}
    pairs = [{a, b} for a in names for b in names if a < b and alike(a, b)]
    assert [pair for pair in pairs if not any(pair <= family for family in FAMILIES)] == []


def test_tests_lie_in_folders_like_those_of_the_package():
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")} - {"benchmarks", "versions"}
    assert folders <= {path.parent.name for path in SOURCES}
    assert {path.name for path in (ROOT / "tests").glob("test_*.py")} <= {
        "test_architecture.py",
        "test_readme.py",
        "test_docs.py",
        "test_annotations.py",
        "test_deprecations.py",
        "test_examples.py",
    }


def model_branches(tree):
    """The lines that compare with a model's name, or the name of the model with a text."""
    names, lines = set(catalog.model_names()), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            sides = [node.subject, *(case.pattern for case in node.cases)]
        else:
            continue
        constants = {n.value for side in sides for n in ast.walk(side) if isinstance(n, ast.Constant)}
        texts = {value for value in constants if isinstance(value, str)}
        asks = any(isinstance(s, ast.Name | ast.Attribute) and ast.unparse(s).split(".")[-1] == "model" for s in sides)
        if texts & names or (asks and texts):
            lines.append(node.lineno)
    return lines


def test_branches_on_a_models_name_are_found():
    for branch in ("if x == 'sngan': 0", "x in ('a', 'sngan')", "recipe.model != 'a'", "match model:\n case 'a': 0"):
        assert model_branches(ast.parse(branch)) == [1]
    for other in ("model not in model_names()", "a.model == b.model", "name = 'sngan'", "'model' in table"):
        assert model_branches(ast.parse(other)) == []


@every_source
def test_no_branch_asks_for_a_models_name(path):
    """A model's peculiarities are in its file; what is not there is a hook, an argument or a number of its recipe."""
    assert model_branches(TREES[path]) == []


def test_no_file_is_a_heap_of_utilities():
    heaps = {"utils", "util", "helpers", "misc", "common"}
    assert [path for path in SOURCES if {path.stem, *path.relative_to(PACKAGE).parts} & heaps] == []


def test_command_lines_are_short():
    there = [path for path in SOURCES if path.parent == PACKAGE and path.stem in COMMAND_LINES]
    assert {"train", "evaluate", "sample", "export"} <= {path.stem for path in there}
    assert {path.name: n for path in there if (n := len(path.read_text().splitlines())) >= 120} == {}


def test_only_command_lines_can_be_run():
    runnable = {part_of(path) for path in SOURCES if '__name__ == "__main__"' in path.read_text()}
    assert runnable <= COMMAND_LINES | {"data", "metrics", "cli"}  # and what made the files that are shipped


@pytest.mark.parametrize(
    "name", ["train", "evaluate", "sample", "project", "export", "serve", "serving_config", "convert", "playground"]
)
def test_help_and_list_wait_for_no_tensorflow(name):
    """They answer at once: the package, the catalog and the command lines load TensorFlow in their functions."""
    code = f"import sys, tfgan_zoo.core.catalog, tfgan_zoo.{name}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"tfgan_zoo", "tfgan_zoo.core.catalog", f"tfgan_zoo.{name}"} <= set(loaded.split())
    assert not {"tensorflow", "keras", "torch", "jax", "scipy", "tensorflow_datasets"} & set(loaded.split())


def test_setup_lists_every_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    folders = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in PACKAGE.rglob("__init__.py")}
    from_outside = {"tfgan_zoo.zoo_configs", "tfgan_zoo.pretrained"}
    assert listed == folders | from_outside
    places = setup["options"]["package_dir"]
    assert set(re.findall(r"^(\S+) *=", places, re.MULTILINE)) == from_outside
    assert all((ROOT / place).is_dir() for place in re.findall(r"= *(\S+)$", places, re.MULTILINE))


def test_every_folder_with_sources_is_a_package():
    assert {path.parent for path in SOURCES} == {path.parent for path in PACKAGE.rglob("__init__.py")}


@every_source
def test_every_source_says_what_it_is(path):
    assert ast.get_docstring(TREES[path]), "a module begins with a docstring"
