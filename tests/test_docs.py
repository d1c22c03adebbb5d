"""What documents state that code can check: the renames of the changelog, the version, the README's figures."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import tfgan_zoo

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tfgan_zoo"
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def renames(heading):
    """[(old, new)] of the table under a heading of the changelog."""
    section = CHANGELOG.split(f"#### {heading}\n")[1].split("\n#")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| `([\w.]+)` \| .+ \|$", section, re.MULTILINE)
    assert len(rows) == sum(line.startswith("| `") for line in section.splitlines()), "a row of another form"
    return rows


def source_of(module):
    """The file of a module, the package's name left out."""
    path = PACKAGE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def split(name):
    """A dotted name -> (the module that exists, what it names in there)."""
    parts = name.split(".")
    depth = next((n for n in range(len(parts), 0, -1) if source_of(".".join(parts[:n])).exists()), 0)
    return ".".join(parts[:depth]), parts[depth:]


def defines(module, path):
    """Whether a module defines `path`, such as ["Term", "every"]: a class or function, and what a class or `self` is given."""
    tree = ast.parse(source_of(module).read_text(encoding="utf-8"))
    for name in path:
        tree = next((node for node in definitions(tree) if names_of(node, name)), None)
        if tree is None:
            return False
    return True


def definitions(tree):
    """What a module's or a class's body defines, attributes of `self` and arguments of its functions included."""
    yield from tree.body
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield from (a for a in ast.walk(node) if isinstance(a, ast.Assign | ast.AnnAssign | ast.arg))
    if isinstance(tree, ast.FunctionDef):
        yield from (a for a in ast.walk(tree) if isinstance(a, ast.arg))


def names_of(node, name):
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == name
    if isinstance(node, ast.arg):
        return node.arg == name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    found = {getattr(leaf, "id", getattr(leaf, "attr", None)) for t in targets if t for leaf in ast.walk(t)}
    return name in found


def test_definitions_are_found():
    assert defines("core.game", ["Term", "discriminator_loss"])
    assert defines("core.game", ["Turn", "draws"])  # of self
    assert defines("core.priors", ["Normal", "latents", "truncation"])  # an argument
    assert not defines("core.game", ["Term", "latents"])
    assert not defines("core.game", ["Nothing"])


@pytest.mark.parametrize(("old", "new"), renames("Modules"), ids=lambda name: name)
def test_a_module_of_the_changelog_has_its_new_name_and_not_its_old_one(old, new):
    assert source_of(new).exists()
    assert not (PACKAGE / old.replace(".", "/")).with_suffix(".py").exists()


@pytest.mark.parametrize(("old", "new"), renames("Classes, functions and attributes"), ids=lambda name: name)
def test_a_name_of_the_changelog_is_defined_and_its_old_one_is_not(old, new):
    module, path = split(new)
    assert defines(module, path), f"{new} is not defined in {source_of(module).relative_to(ROOT)}"
    moved = dict(renames("Modules"))
    old_module = max((m for m in moved if old.startswith(f"{m}.")), key=len, default=None)
    old = f"{moved[old_module]}{old.removeprefix(old_module)}" if old_module else old
    module, path = split(old)
    replaced = {"core.game.Turn.discriminator"}  # the name of another thing now
    assert old in replaced or not (path and module and defines(module, path)), f"{old} is there still"


def test_further_renames_have_their_reason():
    rows = CHANGELOG.split("<!-- further names -->\n")[1].split("<!-- /further names -->")[0].splitlines()[2:]
    assert rows
    assert [row for row in rows if not re.fullmatch(r"\| [^|]*`[^|]* \| [^|]*`[^|]* \| [^|]*\w[^|]* \|", row)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("extending_*.md")), ids=lambda path: path.stem)
def test_the_code_of_a_guide_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": path.stem}
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for block in blocks:
        exec(compile(block, str(path), "exec"), names)
    assert len(blocks) >= 2


def test_the_version_is_the_same_everywhere():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == tfgan_zoo.__version__
    assert re.search(rf"^## \[.*\b{re.escape(tfgan_zoo.__version__)}\b", CHANGELOG, re.MULTILINE)
