"""Every benchmark loads and says how it is run; and those parts of benchmarks that are quick."""

import importlib
import pkgutil

import numpy as np
import pytest
from PIL import Image

import benchmarks
from benchmarks import zoo
from benchmarks.beside import beside, last_samples
from benchmarks.clustering import k_means, rows
from benchmarks.serving import inputs, predict_request
from tfgan_zoo.data.sources import Source

NAMES = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_loads_and_says_how_it_is_run(name):
    """They import one another, so that one of them can break the others."""
    assert "benchmarks." in importlib.import_module(f"benchmarks.{name}").__doc__


def test_requests_have_a_row_per_seed_for_each_input_of_the_generator():
    request = predict_request("digits", np.arange(3), ["seed", "labels"])
    assert request.model_spec.name == "digits"
    assert {key: [d.size for d in value.tensor_shape.dim] for key, value in request.inputs.items()} == {
        "seed": [3],
        "labels": [3],
    }
    assert set(predict_request("digits", np.arange(3)).inputs) == {"seed", "truncation"}
    assert inputs(["labels"], range(2))["labels"].tolist() == [-1, -1]


def test_pictures_are_laid_out_row_by_row_and_the_last_samples_are_used(tmp_path):
    (tmp_path / "samples").mkdir()
    for step, grey in ((9, 50), (10, 200)):
        Image.new("L", (20, 10), grey).save(tmp_path / "samples" / f"step-{step:09}.png")
    last = last_samples(tmp_path)
    assert (last.mode, last.getpixel((0, 0))) == ("RGB", (200, 200, 200))
    red, blue = Image.new("RGB", (20, 10), "red"), Image.new("RGB", (8, 4), "blue")
    pixels = np.array(beside([("a", red), ("b", last), ("c", blue)], columns=2)).astype(int)
    positions = {
        name: np.argwhere((pixels == colour).all(-1))
        for name, colour in {"a": (255, 0, 0), "b": (200, 200, 200), "c": (0, 0, 255)}.items()
    }
    assert (len(positions["a"]), len(positions["c"])) == (200, 32)
    assert positions["b"][:, 1].min() > positions["a"][:, 1].max()
    assert positions["c"][:, 0].min() > positions["a"][:, 0].max()


def test_k_means_finds_two_clusters():
    points = np.concatenate([np.zeros([5, 2]), np.ones([5, 2])]).astype(np.float32)
    category_of = k_means(rows(Source("heaps", points, None, ())), 2, seed=0)
    first, second = category_of(np.float32([[0.1, 0], [0.9, 1]]))
    assert first != second
    assert rows(Source("white", np.full([1, 2, 2, 1], 255, np.uint8), None, ())).tolist() == [[1.0] * 4]


def test_a_page_keeps_the_rows_and_tables_that_are_not_measured_again():
    old = zoo.table_of(
        "gan, quickstart", ["fd", "kd"], {"plain": "| plain | 7 | 0.3 |", "other": "| other | 8 | 0.4 |"}
    )
    old += "\n\n" + zoo.table_of("gan, ring8", ["modes"], {"plain": "| plain | 3 |"})
    assert zoo.merged(old, old) == old
    new = zoo.table_of("gan, quickstart", ["fd", "kd"], {"plain": "| plain | 6 ± 1 (5, 7) | 0.2 ± 0.1 (0.1, 0.3) |"})
    lines = zoo.merged(old, new).splitlines()
    assert lines[0] == "| gan, quickstart, 2 seeds at most | fd | kd |"
    assert lines[2:4] == ["| plain | 6 ± 1 (5, 7) | 0.2 ± 0.1 (0.1, 0.3) |", "| other | 8 | 0.4 |"]
    assert lines[5] == "| gan, ring8, 1 seed | modes |"
    others = zoo.table_of("gan, quickstart", ["fd"], {"plain": "| plain | 6 |"})
    assert "other" not in zoo.merged(old, others)  # of other scores
