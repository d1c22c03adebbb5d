"""Figures of benchmarks: stored with their origin, and stated unchanged in the README."""

import argparse
import ast
import json
import re
from pathlib import Path

import pytest

from benchmarks import results, scaling, tables

README = (results.ROOT / "README.md").read_text(encoding="utf-8")
RECORDS = sorted(results.FOLDER.rglob("*.json"))
# They draw pictures, compare bits, or are parts of other benchmarks.
WITHOUT_FIGURES = {
    "__init__",
    "beside",
    "headlines",
    "measurements",
    "results",
    "same_bits",
    "scaling",
    "strangers",
    "tables",
} | {
    "tpu_compiler",
    "modern_speed_peers",
    "own_pictures_peers",
    "two_commits",
}


def test_the_readme_states_the_figures_of_the_results():
    assert tables.with_results(README) == README, "run: python -m benchmarks.tables"


def test_the_page_on_scaling_states_the_figures_of_the_results():
    page = scaling.PAGE.read_text(encoding="utf-8")
    assert scaling.with_results(page) == page, "run: python -m benchmarks.scaling"


def test_the_parts_of_a_step_follow_their_formulas():
    """With numbers that make each of them a second on one chip, or on four."""
    program = {"batch_size": 8, "flops": scaling.PEAK, "bytes": scaling.HBM, "memory": {"alias": scaling.HBM / 4}}
    one = scaling.times(program, [10, scaling.LINKS], 8, 1)
    assert one == {"compute": 1.0, "HBM": 1.0, "all-reduce": 0.0, "latency": 0.0}
    four = scaling.times(program, [10, scaling.LINKS], 8, 4)
    assert four == {"compute": 0.25, "HBM": 0.625, "all-reduce": 1.5, "latency": pytest.approx(40e-6)}
    assert scaling.step_time(four) == (pytest.approx(2.12504), "all-reduce")
    assert scaling.times(program, [10, 1], 8, 16) is None
    two_pods = scaling.times(program, [0, scaling.POD_NETWORK], 512, 512)["all-reduce"]
    assert two_pods == pytest.approx(1 + 2 * 511 / 512 * scaling.POD_NETWORK / scaling.LINKS)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_commit_date_and_hardware(path):
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["benchmark"] == path.relative_to(results.FOLDER).with_suffix("").as_posix()
    assert re.match(r"[0-9a-f]{40}", record["commit"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert record["hardware"]
    assert record["figures"]


def test_figures_are_stored_with_their_origin_and_end_in_the_table(tmp_path):
    arguments = argparse.Namespace(results=tmp_path, to=Path("runs"), seeds=2)
    assert tables.score_cell("sngan", tmp_path) is None
    results.save("zoo/sngan", {"fd_mnist_cnn": {"mean": 1.256, "seeds": 2}}, arguments)
    record = results.load("zoo/sngan", tmp_path)
    assert record["arguments"] == {"seeds": 2}  # a path means something on one machine only
    assert record["hardware"] == results.hardware()
    assert re.match(r"\d+ cores of ", record["hardware"])
    rows = ["| [`sngan`](a) | b | c | 9 (1 seed) | e |", "| `gan` | b | c | 1.2 | e |", "| `new` | b | c | | |"]
    table = tables.zoo_table("\n".join(["<!-- zoo -->", *rows, "<!-- /zoo -->"]), tmp_path).splitlines()
    assert table == ["| [`sngan`](a) | b | c | 1.26 (2 seeds) | e |", "| `gan` | b | c | not yet | e |", rows[2]]
    results.save("zoo/gan", {"fd_mnist_cnn": {"mean": 2, "seeds": 3, "values": [1, 2, 3]}}, arguments)
    assert tables.score_cell("gan", tmp_path) == "2.00 ± 0.58 (3 seeds)"  # 1 / sqrt(3)
    with pytest.raises(ValueError, match="row of gan has 2 cells"):
        tables.zoo_table("<!-- zoo -->\n| `gan` | b |\n<!-- /zoo -->", tmp_path)


def test_a_page_without_marks_is_refused():
    assert (
        tables.between_marks("a\n<!-- x -->\nold\n<!-- /x -->\nb", "x", "new") == "a\n<!-- x -->\nnew\n<!-- /x -->\nb"
    )
    with pytest.raises(ValueError, match="no marks <!-- x -->"):
        tables.between_marks("a", "x", "new")


@pytest.mark.parametrize("path", sorted(Path(results.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_that_prints_figures_saves_them(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    saves = any(ast.unparse(call) == "results.save" for call in calls)
    assert saves == (path.stem not in WITHOUT_FIGURES)
