"""The report of a run: its curves, facts and pictures, and a page that loads nothing from the network."""

import base64
import dataclasses
import io
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_zoo.core import catalog, recipe, recipe_tables
from tfgan_zoo.core.priors import Codes, Prior
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.html_report import gallery, plots
from tfgan_zoo.html_report.chapters import Report
from tfgan_zoo.html_report.event_history import History, read_history, thinned
from tfgan_zoo.html_report.facts import Facts, command_of, facts_of, toml
from tfgan_zoo.html_report.gallery import Gallery
from tfgan_zoo.html_report.html_page import Figure, Section, picture, render
from tfgan_zoo.html_report.resemblance import resemblance_section, searched_images
from tfgan_zoo.html_report.score_table import scores_section
from tfgan_zoo.html_report.truncation_sweep import stored_sweep, truncation_section
from tfgan_zoo.metrics.protocol import Protocol, Score
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.training_run import describe
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.training.checkpoints import Checkpoints

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = Protocol("points", "", "none", "toy:ring8", "all", "ab", 10, 10, 0, None)
NO_FACTS = Facts("a", "b", "c", "", "d", [])


def write_events(folder, scalars, first):
    """An event file with {name: value} at steps first, first + 10, first + 20."""
    writer = tf.summary.create_file_writer(str(folder), filename_suffix=f".{first}")
    for step in (first, first + 10, first + 20):
        with writer.as_default(step=step):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)
    writer.close()


def shown(tile):
    """The image of a `Picture`, decoded."""
    kind, _, data = tile.src.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_where_event_files_of_a_resumed_run_overlap_the_later_one_counts(tmp_path):
    write_events(tmp_path, {"generator/loss": 1.0, "only/before": 7.0}, first=10)
    write_events(tmp_path, {"generator/loss": 2.0}, first=20)
    history = read_history(tmp_path)
    steps, values = history.curves["generator/loss"]
    assert (steps.tolist(), values.tolist()) == ([10, 20, 30, 40], [1, 2, 2, 2])
    assert history.curves["only/before"][0].tolist() == [10]
    assert len(history.sessions) == 2
    assert history.named("generator/").keys() == {"loss"}
    assert history.named("generator/", without=("loss",)) == {}


def test_a_run_without_events_has_an_empty_history_and_only_time_within_sessions_counts(tmp_path):
    assert read_history(tmp_path) == History({}, ())
    assert History({}, ((100.0, 160.0), (1000.0, 1005.0))).seconds == 65


def test_long_curves_are_averaged_and_short_ones_unchanged():
    steps, values = thinned(np.arange(6), np.array([1.0, 3, 5, 7, 9, 11]), most=3)
    assert (steps.tolist(), values.tolist()) == ([0.5, 2.5, 4.5], [2, 6, 10])
    assert thinned(np.arange(3), np.arange(3.0), most=3)[0].tolist() == [0, 1, 2]


def test_plots_take_their_colours_from_the_page_and_contain_no_address():
    plot = plots.curves({"a": ([0, 1], [1.0, 2.0]), "b": ([0, 1], [2.0, 1.0])})
    assert plot.keys == [("a", "var(--c1)"), ("b", "var(--c2)")]
    assert plot.svg.startswith("<svg viewBox=")
    assert {"var(--c1)", "var(--c2)", "var(--soft)", "var(--line)"} <= set(re.findall(r"var\(--\w+\)", plot.svg))
    assert not re.search("http|xmlns|<style|DejaVu|#0[a-f0-9]{5}", plot.svg)
    many = plots.curves({str(i): ([0, 1], [i, i]) for i in range(12)})
    assert len({colour for _, colour in many.keys}) == 12


def test_spikes_are_cut_off_only_if_they_would_flatten_the_rest():
    level = np.sin(np.arange(300.0))
    assert not plots.curves({"a": (np.arange(300), level)}).cut
    level[7] = 1000
    assert plots.curves({"a": (np.arange(300), level)}).cut


def test_the_command_names_the_preset_and_the_differences():
    table = {"model": "wgan_gp", **catalog.preset_table("wgan_gp", "ring8")}
    arguments = catalog.checked_arguments("wgan_gp", table["arguments"])
    plain = recipe.parse({**table, "arguments": arguments})
    assert command_of(plain) == "python -m tfgan_zoo.train --model=wgan_gp --preset=ring8"
    changed = recipe.parse({**table, "arguments": {**arguments, "hidden": [3, 4]}, "seed": 5})
    assert command_of(changed).endswith("--preset=ring8 --set 'arguments.hidden=[3, 4]' --set seed=5")
    assignments = ["arguments.hidden=[3, 4]", "seed=5"]
    assert recipe.parse(recipe.override(table, assignments)).arguments["hidden"] == [3, 4]


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ({"start": 0.1, "end": 0.0, "over": 9}, '{start = 0.1, end = 0.0, over = 9, after = 0, shape = "linear"}'),
        ({"points": [[0, 0.1], [9, 0.2]]}, "{points = [[0, 0.1], [9, 0.2]]}"),
    ],
)
def test_the_command_sets_a_schedule_as_a_whole(schedule, text):
    table = {"model": "wgan_gp", **catalog.preset_table("wgan_gp", "quickstart")}
    moving = recipe.override(table, [f"generator_optimizer.learning_rate={toml(schedule)}"])
    parsed = catalog.completed(recipe.parse(moving))
    _, *options = shlex.split(command_of(parsed).partition(" --model=wgan_gp")[2])
    assert options == [f"generator_optimizer.learning_rate={text}"]
    assert catalog.completed(recipe.parse(recipe.override(table, options))) == parsed


def test_a_recipe_that_set_cannot_express_is_trained_from_its_file():
    table = {"model": "infogan", **catalog.preset_table("infogan", "quickstart")}
    table["data"] = {**table["data"], "resolution": None}  # TOML has no null, and the presets have a number here
    assert "recipe.json" in command_of(recipe.parse(table))


def test_real_images_are_counted_across_stages():
    stages = [{"steps": 10, "batch_size": 4, "resolution": 4}, {"steps": 10, "batch_size": 2, "resolution": 8}]
    staged = recipe.parse({"model": "a", "steps": 20, "stages": stages, "discriminator_steps": 3})
    assert [staged.images_seen(step) for step in (0, 5, 10, 15, 20)] == [0, 60, 120, 150, 180]


def test_the_page_escapes_text_of_the_run_and_leaves_out_empty_sections():
    facts = Facts("a", "<script>alert(1)</script>", "b", "", "c", [("x", "<b>")])
    html = render(facts, [Section("empty", "Nothing here")], [("t", "</pre><i>")], ["<u>"])
    assert "<script" not in html
    assert "Nothing here" not in html
    assert not {"<b>", "<i>", "<u>"} & set(re.findall("<[a-z]>", html))


def score(name, value, step, truncation=None, interval=None):
    protocol = Protocol("points", "", "none", "toy:ring8", "all", "ab", 10, 10, 0, truncation)
    return Score(name, value, 0.5, step, protocol, interval)


def test_the_table_has_the_latest_value_of_each_score_and_a_history_if_there_are_several():
    scores = [score("fd_points", 3.0, 10), score("fd_points", 2.0, 20, interval=(1.5, 2.5)), score("recall", 0.25, 20)]
    section = scores_section(scores)
    rows = [(row.name, row.value, row.interval, row.better, row.step) for row in section.scores]
    assert rows == [
        ("fd_points", "2 ± 0.5", "1.5 to 2.5", "lower", "20"),
        ("recall", "0.25 ± 0.5", "", "higher", "20"),
    ]
    assert [figure.title for figure in section.figures] == ["fd_points over training"]
    assert ("seed", "0") in section.scores[0].protocol
    html = render(NO_FACTS, [section], [])
    assert "1.5 to 2.5" in html
    assert "10 generated against 10 real images of toy:ring8, all" in html


def test_a_stored_sweep_is_read_from_the_truncated_scores_of_the_last_step():
    scores = [score("fd_points", 9.0, 10, 1.0), score("fd_points", 3.0, 20, 2.0), score("fd_points", 4.0, 20, 1.0)]
    results = stored_sweep([*scores, score("fd_points", 1.0, 30)])
    fewer = dataclasses.replace(scores[1].protocol, generated_images=5)
    assert (
        stored_sweep([dataclasses.replace(scores[0], step=20, protocol=fewer), *scores]) == results
    )  # another protocol
    assert results == [(1.0, {"fd_points": 4.0}), (2.0, {"fd_points": 3.0})]
    section = truncation_section(results, samples=7)
    assert section.figures[-1].table == (["truncation", "fd_points"], [["1", "4"], ["2", "3"]])
    assert truncation_section([]).figures == []
    both = [(bound, {"fd_n": 9 / bound, "is_n": bound}) for bound in (0.5, 1.0)]
    titles = [figure.title for figure in truncation_section(both).figures]
    assert titles == ["fd_n against truncation", "is_n against truncation", "fd_n against is_n", "The same as numbers"]


def generator_of(prior, points=False):
    """A generator of images [2, 2, 1], or of points, whose output is linear in the latent, the label and the codes."""
    inputs = {"noise": keras.Input([prior.noise_size], name="noise")}
    h = inputs["noise"]
    if prior.num_classes:
        inputs["labels"] = keras.Input([], dtype="int32", name="labels")
        h = h + keras.layers.Reshape((1,))(keras.ops.cast(inputs["labels"], "float32"))
    if prior.codes:
        inputs["codes"] = keras.Input([prior.codes.size], name="codes")
        h = h + keras.layers.Dense(1, kernel_initializer="ones")(inputs["codes"])
    h = keras.layers.Dense(2 if points else 4, kernel_initializer="ones")(h)
    network = keras.Model(inputs, h if points else keras.layers.Reshape((2, 2, 1))(h / 16), name="generator")
    return ExportedGenerator(network, prior).generator()


def test_the_gallery_has_a_row_per_class_by_name_and_a_row_per_bound():
    generator = generator_of(Prior(1, num_classes=3))
    figures = {f.title: f for f in Gallery(generator, ("cat", "dog", "owl")).section(5).figures}
    assert [row.label for row in figures["Samples by class"].rows] == ["cat", "dog", "owl"]
    (strip,) = figures["Samples by class"].rows[1].pictures
    expected = generator.sample(np.arange(10), labels=1)
    np.testing.assert_array_equal(shown(strip)[1:3, 1:3], expected[0, :, :, 0])
    np.testing.assert_array_equal(shown(strip)[1:3, 28:30], expected[9, :, :, 0])
    bounds = [row.label for row in figures["Truncation: from typical to varied"].rows]
    assert bounds == ["0.25", "0.5", "0.75", "1", "1.5", "2", "none"]
    assert len(figures) == 3


def test_the_gallery_sweeps_every_code_of_images_and_of_points(monkeypatch):
    monkeypatch.setattr(gallery, "POINTS", 20)
    codes = Codes(categorical=(3,), continuous=1)
    titles = [f.title for f in Gallery(generator_of(Prior(1, codes=codes))).section(5).figures]
    assert titles[:2] == ["Code 0: its 3 categories", "Code 1: -2 to 2"]
    figures = Gallery(generator_of(Prior(1, codes=codes), points=True), real=np.eye(2)).section(5).figures
    assert [len(f.tiles) for f in figures] == [3, 10, 7, 4]
    assert all(not f.rows for f in figures)
    assert shown(figures[0].tiles[0]).shape == (300, 300, 3)


def test_a_generator_that_copies_is_exposed():
    images = np.random.default_rng(0).integers(0, 256, [30, 8, 8, 1], np.uint8)
    copier = types.SimpleNamespace(sample=lambda seeds: images[np.asarray(seeds) % 30])
    section, left_out = resemblance_section(copier, images, recipe_tables.EvaluationSettings(features="mnist_cnn"))
    by_pixels, by_features, duplicates, reals = section.figures
    for figure in (by_pixels, by_features):
        for i, row in enumerate(figure.rows):
            sample, nearest = row.pictures
            np.testing.assert_array_equal(shown(sample)[1:9, 1:9], images[i, :, :, 0])
            np.testing.assert_array_equal(shown(nearest)[1:9, 1:9], images[i, :, :, 0])
            assert shown(nearest).shape == (10, 46)  # five of 8 pixels and six gaps
    assert [tile.label for tile in duplicates.tiles] == ["distance 0.00"] * 6
    assert "distance 0.00" not in [tile.label for tile in reals.tiles]
    assert left_out == []


def test_neighbours_by_features_are_left_out_with_the_reason_if_the_network_cannot_read_the_images():
    images = np.random.default_rng(0).integers(0, 256, [30, 8, 8, 3], np.uint8)
    copier = types.SimpleNamespace(sample=lambda seeds: images[np.asarray(seeds) % 30])
    section, left_out = resemblance_section(copier, images, recipe_tables.EvaluationSettings(features="mnist_cnn"))
    assert len(section.figures) == 3
    assert "mnist_cnn takes images of 1 channel(s), these have 3" in left_out[0]


def test_a_large_training_set_is_searched_in_part():
    images = np.broadcast_to(np.zeros([1, 4, 4, 1], np.uint8), [30_000, 4, 4, 1])
    assert len(searched_images(images)) == 20_000
    assert len(searched_images(np.broadcast_to(images[:1, :1, :1], [30_000, 256, 256, 3]))) == 1000


def untrained_run(folder, table, events=True):
    """A `Run` of a recipe with a checkpoint of its initial weights, two sample grids and a short history."""
    parsed = recipe.parse(table)
    run = Run.start(folder, parsed, describe(load_source(parsed.data)))
    game = run.build_game(run.recipe.schedule[0])
    variables = {f"average/{v.path}": v for v in game.generator.variables}
    variables |= {f"discriminator/{v.path}": v for v in game.discriminator.variables}
    Checkpoints(folder / "checkpoints", variables).save(20)
    run.add_scores([score("fd_points", 3.0, 10), score("fd_points", 2.0, 20)])
    (folder / "samples").mkdir()
    for step in (10, 20):
        Image.new("L", (8, 8)).save(folder / "samples" / f"step-{step:09d}.png")
    names = ["generator/loss", "discriminator/loss", "discriminator/gradient_norm", "speed/images_per_second"]
    write_events(folder, dict.fromkeys([*names, "singular_values/generator/dense_1/0"], 1.0), first=0)
    return run


@pytest.fixture(scope="module")
def image_report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    images = np.random.default_rng(0).integers(0, 256, [40, 8, 8, 1], np.uint8)
    np.savez(folder / "data.npz", images=images, labels=np.arange(40, dtype=np.int32) % 2)
    table = {
        "model": "acgan",
        "arguments": {"network": "compact", "channels": 2, "dense": 4, "noise_size": 3},
        "data": {"source": f"arrays:{folder / 'data.npz'}"},
        "summary": "A & B",
        "steps": 20,
        "batch_size": 4,
    }
    report = Report(untrained_run(folder / "run", table))
    return report, report.html()


@pytest.fixture(scope="module")
def points_report(tmp_path_factory):
    table = {
        "model": "wgan_gp",
        "arguments": {"network": "mlp", "hidden": [4], "noise_size": 2},
        "data": {"source": "toy:ring8"},
        "evaluation": {"features": "points"},
        "steps": 20,
        "batch_size": 4,
    }
    report = Report(untrained_run(tmp_path_factory.mktemp("points") / "run", table), bounds=[2.0, 0.5], samples=20)
    return report, report.html()


@pytest.mark.parametrize("kind", ["image_report", "points_report"])
def test_the_page_loads_nothing_from_the_network(kind, request):
    report, html = request.getfixturevalue(kind)
    paper = facts_of(report.run, report.history, 20).arxiv
    links = re.findall(r"""<a [^>]*href=["'](https?:[^"']*)""", html)
    assert links == [f"https://arxiv.org/abs/{paper}"]
    text = re.sub(r'"data:image/png;base64,[^"]*"', "", html)
    assert re.findall(r"(?i)https?:|//\w|url\((?!#)|@import|<link|<script|<iframe|srcset", text) == ["https:", "//a"]
    images = re.findall(r"<img [^>]*>", html)
    assert len(images) > 5
    assert all(re.search(r' src="data:image/png;base64,[A-Za-z0-9+/]+=*"', image) for image in images)


def test_the_page_of_a_run_on_images_has_every_chapter(image_report):
    report, html = image_report
    titles = re.findall("<h2>(.*?)</h2>", html)
    assert titles == ["Samples", "Scores", "What the generator makes", "Does it copy?", "How the training went",
                      "Singular values", "Settings and versions"]  # fmt: skip
    assert report.left_out == []
    for words in (
        "A &amp; B",
        "arXiv:1610.09585",
        "20 of 20",
        "40 images, 8 x 8 x 1, 2 classes",
        report.run.dataset["sha256"],
    ):
        assert words in html
    assert re.search(r"Real images seen</dt><dd>80<", html)
    assert html.count("<svg") == 1 + 2 + 1 + 1 + 1  # score, losses, gradient norm, speed, singular values


def test_the_page_of_a_run_on_points_has_scatter_plots_and_a_sweep_and_no_neighbours(points_report):
    report, html = points_report
    titles = re.findall("<h2>(.*?)</h2>", html)
    assert "Does it copy?" not in titles
    assert "Scores under truncation" in titles
    assert "fd_points against truncation" in html
    assert "Each value has 20 samples" in html
    assert report.left_out == []


def test_without_data_or_checkpoint_the_page_has_the_rest_and_the_reason(image_report, tmp_path):
    run = image_report[0].run
    other = tmp_path / "run"
    settings = run.recipe.model_copy(update={"data": run.recipe.data.model_copy(update={"source": "arrays:gone.npz"})})
    Run.start(other, settings, run.dataset)
    html = (report := Report(Run(other))).html()
    assert report.left_out == ["New samples: the run has no checkpoint yet."]
    assert "Left out: New samples" in html
    (other / "checkpoints").symlink_to(run.folder / "checkpoints")
    html = (report := Report(Run(other))).html()
    assert "What the generator makes" in html
    assert len(report.left_out) == 1
    assert "gone.npz" in report.left_out[0]


def test_changed_data_is_not_searched_for_copies(image_report):
    report = Report(image_report[0].run)
    report.run.dataset = {**report.run.dataset, "sha256": "other"}
    assert report.copies().figures == []
    assert "other images now" in report.left_out[0]
    report.run.dataset["sha256"] = load_source(report.run.recipe.data).fingerprint()


def test_small_samples_are_enlarged_with_sharp_pixels_and_large_ones_smoothly():
    small, large = (picture(np.zeros([size, size, 1], np.uint8)) for size in (32, 128))
    html = render(NO_FACTS, [Section("a", "A", figures=[Figure("f", tiles=[small, large])])], [])
    assert [' class="sharp"' in image for image in re.findall("<img[^>]*>", html)] == [True, False]


SESSION = """
import sys
from absl import flags
from tfgan_zoo import report
from tfgan_zoo.core.errors import ZooError

early = {"tensorflow", "keras", "scipy", "matplotlib", "jinja2", "tensorboard"} & set(sys.modules)
print("loaded early:", *early)
for arguments in sys.argv[1:]:
    flags.FLAGS.unparse_flags()
    flags.FLAGS(["report", *arguments.split("|")])
    try:
        print("status", report.main())
    except ZooError as error:
        print("error:", error)
"""


def test_the_command_refuses_a_folder_without_a_run_and_writes_one_file(points_report, tmp_path):
    run, out = points_report[0].run.folder, tmp_path / "deep" / "page.html"
    calls = [f"--run={tmp_path}", f"--run={run}|--out={out}"]
    command = [sys.executable, "-c", SESSION, *calls]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0] == "loaded early:"
    assert lines[1].startswith(f"error: {tmp_path} is not a run: it has no recipe.json.")
    assert lines[2].startswith(f"{out} (0.")
    assert lines[3] == "status 0"
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]
