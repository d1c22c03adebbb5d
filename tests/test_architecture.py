"""What may import what: the floors of the design, read from the sources. A file stands on those below it and on no other."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfgan_zoo import catalog

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tfgan_zoo"

FLOORS = (
    {"sections", "errors", "draws", "pictures", "replicas", "torch_file", "zoo_files"},
    {"layers"},
    {"game", "recipe", "priors", "measurements", "augmentations"},
    {"networks", "objectives", "data", "metrics"},
    {"training", "models", "serving", "imports"},
    {
        "catalog",
        "runs",
        "judging",
        "exporting",
        "conversions",
        "importing",
        "opening",
        "playing",
        "reporting",
        "training_run",
    },
    {
        "train",
        "evaluate",
        "sample",
        "export",
        "report",
        "growth",
        "serve",
        "serving_config",
        "import_weights",
        "convert",
    }
    | {"playground"},
)
COMMAND_LINES = FLOORS[6]


def below(floor):
    return set().union(*FLOORS[:floor])


MAY_IMPORT = {
    **{part: {"errors"} for part in FLOORS[0]},
    "replicas": {"draws"},
    **{part: below(floor) for floor in (1, 2, 3, 4) for part in FLOORS[floor]},
    "training": below(3),  # no network, objective, data set or metric: the loop knows Game and Recipe
    "serving": below(3),
    **{part: below(6) for part in FLOORS[5]},  # which joins all the rest
    **{part: below(6) | {"command_line"} for part in COMMAND_LINES},
    "command_line": {"errors"},
    "__init__": below(6),
}
# The feature network of mnist5k is trained on mnist5k; `python -m tfgan_zoo.data` is a command line.
EXCEPTIONS = {("metrics/train_mnist_cnn.py", "data.mnist5k"), ("data/__main__.py", "command_line")}

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
import tfgan_zoo.runs
from tfgan_zoo import __version__, catalog
from tfgan_zoo.data import mnist5k
from tfgan_zoo.data.sources import load_source
def f():
    from tfgan_zoo.errors import ZooError
"""
    assert imports(ast.parse(source)) == {"runs", "catalog", "data.mnist5k", "data.sources", "errors"}
    assert "training.trainer" in imports(TREES[PACKAGE / "training_run.py"])


@every_source
def test_every_part_of_the_package_has_its_floor(path):
    assert part_of(path) in MAY_IMPORT, "a new file needs a place in FLOORS"


@every_source
def test_source_imports_only_from_the_floors_below_it(path):
    name = path.relative_to(PACKAGE).as_posix()
    own = part_of(path)
    packages = {p.name for p in PACKAGE.iterdir() if p.is_dir()}
    allowed = MAY_IMPORT[own] | ({own} if own in packages else set())
    reached = {module for module in imports(TREES[path]) if (name, module) not in EXCEPTIONS}
    assert {module for module in reached if module.partition(".")[0] not in allowed} == set()


def test_exceptions_are_in_use():
    assert all(module in imports(TREES[PACKAGE / name]) for name, module in EXCEPTIONS)


def test_floors_do_not_overlap_and_siblings_do_not_meet():
    assert sum(len(floor) for floor in FLOORS) == len(set().union(*FLOORS))
    for floor in FLOORS[1:5]:
        for part in floor:
            assert not MAY_IMPORT[part] & floor
    assert not MAY_IMPORT["training"] & {"networks", "objectives", "data", "metrics", "models", "serving"}


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
    assert runnable <= COMMAND_LINES | {"data", "metrics", "serving"}  # and what made the files that are shipped


@pytest.mark.parametrize(
    "name", ["train", "evaluate", "sample", "export", "serve", "serving_config", "convert", "playground"]
)
def test_help_and_list_wait_for_no_tensorflow(name):
    """They answer at once: the package, the catalog and the command lines load TensorFlow in their functions."""
    code = f"import sys, tfgan_zoo.catalog, tfgan_zoo.{name}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"tfgan_zoo", "tfgan_zoo.catalog", f"tfgan_zoo.{name}"} <= set(loaded.split())
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
