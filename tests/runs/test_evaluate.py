"""`evaluate` on exports and folders of images, by named protocols, with its errors; comparing the scores of two runs."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tfgan_zoo.core import recipe_tables
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.metrics.protocol import Protocol, Score
from tfgan_zoo.runs import targets

ROOT = Path(__file__).resolve().parents[2]

SESSION = """
import json, sys
from absl import flags
from tfgan_zoo import evaluate
from tfgan_zoo.core.errors import ZooError

print("loaded early:", *({"tensorflow", "keras", "scipy"} & set(sys.modules)))
for arguments in json.loads(sys.argv[1]):
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS(["evaluate", *arguments])
    print("---", *arguments)
    try:
        print("status", evaluate.main())
    except ZooError as error:
        print("error:", error)
"""


def evaluate(*calls):
    """The output of `evaluate` for each list of arguments, all in one process."""
    command = [sys.executable, "-c", SESSION, json.dumps(calls)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    early, *answers = result.stdout.split("--- ")
    assert early == "loaded early:\n"
    return [answer.partition("\n")[2] for answer in answers]


def test_exports_and_images_are_scored_and_mistakes_are_reported(tmp_path):
    data = load_source(recipe_tables.DataSettings(split="test", resolution=32))
    path = tmp_path / "held_out.npz"
    np.savez(path, images=data.images)
    export, images = f"--export={ROOT / 'export' / 'acgan_mnist'}", f"--images=arrays:{path}"
    against = ["--against=mnist5k", "--split=train", "--resolution=32"]
    answers = evaluate(
        [
            export,
            "--samples=100",
            "--metrics=class_accuracy,ms_ssim",
            "--truncation=0.5",
            "--truncation=1",
            "--resamples=50",
        ],
        [images, *against, "--metrics=distances,precision_recall", "--resamples=0"],
        [export, images],
        [images, "--metrics=distances"],
        [export, "--metrics=distance"],
        [export, "--protocol=fid50k_ful"],
        [export, "--protocol=fid50k_full"],
        [export, "--metrics=discriminator_accuracy"],
        [export, "--features=effnet_lite"],
        ["--compare=only_one"],
    )
    lines = answers[0].splitlines()
    accuracies = [line for line in lines if line.startswith("class_accuracy = ")]
    assert [line.partition("(")[2] for line in accuracies] == [
        "truncation 0.5, step 3,000)",
        "truncation 1, step 3,000)",
    ]
    assert all("  95 %: " in line for line in accuracies)
    assert answers[0].count("protocol of") == 2
    # The held-out digits against the other 4,500; docs/sngan.md and docs/evaluation.md state their distance.
    values = dict(line.split(" = ") for line in answers[1].splitlines() if " = " in line)
    assert float(values["precision"].split()[0]) > 0.6
    assert '"real_images": 500' in answers[1]
    assert '"generated_images": 500' in answers[1]
    mistakes = (
        "give exactly one of --run, --export, --images and --compare; see --help.",
        "no real images to compare with: give --against, such as --against=mnist5k.",
        "Did you mean 'distances'",
        "Did you mean 'fid50k_full'",
        "classify_image_graph_def.pb",
        "there is none here; evaluate a run with --run",
        "Did you mean 'effnet_lite0'",
        "--compare=only_one: expected two runs' folders.",
    )
    for answer, part in zip(answers[2:], mistakes, strict=True):
        assert answer.startswith("error: ")
        assert part in answer


ONE = Protocol("n", "0", "r", "m", "all", "0", 8, 8, 0, None)


def run_with(folder, *scores):
    return SimpleNamespace(folder=folder, scores=lambda: list(scores))


def test_two_runs_are_compared_by_the_latest_score_of_each_name():
    one = run_with(
        "one", Score("fd", 9.0, None, 1, ONE), Score("fd", 3.0, None, 2, ONE), Score("recall", 0.5, None, 2, ONE)
    )
    other = run_with(
        "other", Score("fd", 4.0, None, 2, ONE), Score("recall", 0.6, None, 2, ONE), Score("x", 1, None, 2, ONE)
    )
    assert targets.comparison(one, other) == [
        "fd: 3 (step 2) and 4 (step 2)  better: one",
        "recall: 0.5 (step 2) and 0.6 (step 2)  better: other",
    ]


def test_runs_without_a_common_score_or_with_different_protocols_are_refused():
    few = dataclasses.replace(ONE, generated_images=5)
    one, other = run_with("one", Score("fd", 3.0, None, 1, ONE)), run_with("other", Score("fd", 2.0, None, 1, few))
    with pytest.raises(ZooError, match="fd of different protocols cannot be compared: generated_images: 8 and 5"):
        targets.comparison(one, other)
    with pytest.raises(ZooError, match="have no score in common"):
        targets.comparison(one, run_with("other"))


def test_another_source_is_read_whole_and_without_what_the_recipe_says_of_its_own():
    """It kept the recipe's split: of a folder, a part of it, or a split that no folder has."""
    own = recipe_tables.DataSettings(source="mnist5k", split="train", labels_per_class=10, classes=10, resolution=32)
    other = targets.changed_data(own, {"source": "folder:pictures", "channels": 3})
    assert (other.source, other.split, other.labels_per_class, other.classes) == ("folder:pictures", "all", None, None)
    assert (other.resolution, other.channels) == (32, 3)
    assert targets.changed_data(own, {"source": "folder:pictures", "split": "test"}).split == "test"
    assert targets.changed_data(own, {"resolution": 16}).split == "train"
