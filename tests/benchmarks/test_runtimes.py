"""The table of largest differences: what is failed, what was not measured, and what is left out."""

from benchmarks import results, runtimes, tables


def test_the_table_says_what_failed_and_leaves_open_what_was_not_measured():
    figures = {
        "sngan_mnist": {
            "tflite": {"maximum_difference": 7.94e-6, "mean_difference": 1e-7},
            "onnx": {"failed": "no Swirl"},
        },
        "gan_mnist": {"tflite": {"maximum_difference": 0.0, "mean_difference": 0.0}},
    }
    assert runtimes.table(figures) == [
        "| export | `tflite` | `onnx` |",
        "|---|---|---|",
        "| gan_mnist | 0 |  |",
        "| sngan_mnist | 7.9e-06 | failed |",
    ]


def test_what_is_not_installed_is_left_out_and_so_is_what_computes_its_files(monkeypatch):
    monkeypatch.setattr(runtimes, "check_runtime", lambda name: None)
    chosen, messages = runtimes.available(["tflite", "tfjs", "litert", "tfjs_node"], "no_such_converter")
    assert list(chosen) == ["tflite", "litert"]
    assert messages[0].startswith("tfjs is left out: --formats=tfjs needs tensorflowjs_converter")


def test_a_runtime_that_is_not_installed_is_left_out_and_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    chosen, messages = runtimes.available(["tflite", "tfjs_node"], "no_such_converter")
    assert list(chosen) == ["tflite"]
    assert messages[0].startswith("tfjs_node is left out: it needs Node and TF.js: npm install @tensorflow/tfjs")


def test_the_page_states_the_results():
    page = runtimes.PAGE.read_text(encoding="utf-8")
    stored = "\n".join(runtimes.table(results.load("runtimes")["figures"]))
    assert tables.between_marks(page, "runtimes", stored) == page, "run: python -m benchmarks.runtimes"
