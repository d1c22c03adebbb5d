"""The command lines as a user runs them: one small run, the commands that use it, and the messages for mistakes."""

import functools
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tfgan_zoo.core import catalog

SMALL = [
    "--model=sngan",
    "--set=steps=6",
    "--set=batch_size=4",
    "--set=data.resolution=16",
    "--set=arguments.generator_channels=4",
    "--set=arguments.discriminator_channels=4",
    "--set=evaluation.samples=120",
    "--set=evaluation.every_steps=3",
    "--set=checkpoints.every_steps=3",
    "--set=log.samples_every_steps=3",
    "--set=log.scalars_every_steps=2",
    "--set=log.grid=2",
]


def fresh_command(name, *arguments, cwd=None):
    """Runs a command in its own process, as a user does."""
    process = [sys.executable, "-m", f"tfgan_zoo.{name}", *arguments]
    return subprocess.run(process, capture_output=True, text=True, cwd=cwd, timeout=300)


@pytest.fixture(scope="module")
def command(commands):
    return commands.run


@pytest.fixture(scope="module")
def fails(command):
    return functools.partial(message_of_mistake, command)


def message_of_mistake(command, name, *arguments, cwd=None):
    """The message of a command with a mistake in it; asserts status 2 and no traceback."""
    result = command(name, *arguments, cwd=cwd)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("error: "), result.stderr
    return result.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    result = fresh_command("train", *SMALL, f"--workdir={folder}")
    assert result.returncode == 0, result.stderr
    return folder, result


def test_training_is_quiet_and_prints_scores_and_what_to_do_next(run):
    _, result = run
    assert "oneDNN" not in result.stderr
    assert "cuda" not in result.stderr.lower()
    assert re.search(r"^fd_mnist_cnn = [\d.]+ ", result.stdout, re.MULTILINE)
    for next_command in ("tfgan_zoo.sample", "tfgan_zoo.evaluate", "tfgan_zoo.export", "tensorboard"):
        assert next_command in result.stdout
    assert re.search(r"step 6/6  24 images  [\d,]+ images/s  0:00 left  discriminator/hinge ", result.stderr)


def test_the_run_folder_holds_what_the_readme_lists(run):
    folder, _ = run
    recipe = json.loads((folder / "recipe.json").read_text())
    assert (recipe["steps"], recipe["arguments"]["weights"]) == (6, "spectral_norm")
    dataset = json.loads((folder / "dataset.json").read_text())
    assert (dataset["size"], dataset["image_shape"], dataset["num_classes"]) == (5000, [16, 16, 1], 10)
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == [
        "checkpoint-000000003.npz", "checkpoint-000000006.npz",
    ]  # fmt: skip
    assert [p.name for p in sorted((folder / "samples").iterdir())] == ["step-000000003.png", "step-000000006.png"]
    assert list(folder.glob("events.out.tfevents.*"))
    assert (folder / "export" / "sngan" / "1" / "saved_model.pb").exists()


def test_every_score_has_its_protocol(run):
    lines = [json.loads(line) for line in (run[0] / "scores.jsonl").read_text().splitlines()]
    assert [(s["step"], s["name"]) for s in lines] == [
        (3, "fd_mnist_cnn"), (3, "kd_mnist_cnn"), (6, "fd_mnist_cnn"), (6, "kd_mnist_cnn"),
    ]  # fmt: skip
    protocol = lines[0]["protocol"]
    assert protocol["features"] == "mnist_cnn"
    assert len(protocol["features_sha256"]) == len(protocol["real_sha256"]) == 64
    assert (protocol["real"], protocol["real_split"]) == ("mnist5k", "all")
    assert (protocol["generated_images"], protocol["real_images"], protocol["seed"]) == (120, 120, 0)


def test_the_scalars_are_terms_norms_scores_and_speed(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run[0]))
    events.Reload()
    assert set(events.Tags()["tensors"]) >= {
        "discriminator/hinge", "generator/hinge", "discriminator/gradient_norm", "generator/gradient_norm",
        "discriminator/weight_norm", "generator/weight_norm", "speed/images_per_second", "scores/fd_mnist_cnn",
    }  # fmt: skip
    assert [e.step for e in events.Tensors("generator/hinge")] == [2, 4, 6]


def test_the_same_command_again_reports_that_the_run_is_complete(command, run):
    result = command("train", *SMALL, f"--workdir={run[0]}")
    assert result.returncode == 0, result.stderr
    assert "is complete: all 6 steps have been taken" in result.stdout
    assert [p.name for p in (run[0] / "export" / "sngan").iterdir()] == ["1"]  # not exported a second time


def test_the_folder_alone_is_enough_to_resume(command, run):
    result = command("train", f"--workdir={run[0]}")
    assert result.returncode == 0, result.stderr
    assert "is complete" in result.stdout


def test_another_recipe_is_refused_naming_the_keys_that_differ(fails, run):
    message = fails("train", *SMALL, "--set=arguments.loss=non_saturating", "--set=seed=3", f"--workdir={run[0]}")
    assert "arguments.loss: 'hinge' there, 'non_saturating' now" in message
    assert "seed: 0 there, 3 now" in message


def test_fewer_steps_than_are_completed_are_refused(fails, run):
    assert "steps: '6 completed' there, 4 now" in fails("train", *SMALL, "--set=steps=4", f"--workdir={run[0]}")
    assert json.loads((run[0] / "recipe.json").read_text())["steps"] == 6


def test_images_that_the_feature_network_cannot_read_are_refused_before_the_first_step(command, fails, tmp_path):
    np.savez(tmp_path / "rgb.npz", images=np.random.default_rng(0).integers(0, 256, [8, 16, 16, 3], np.uint8))
    changes = [f"--set=data.source=arrays:{tmp_path / 'rgb.npz'}", f"--workdir={tmp_path / 'run'}"]
    assert "--set evaluation.samples=0" in fails("train", *SMALL, *changes)
    assert not (tmp_path / "run").exists()
    result = command("train", *SMALL, "--set=evaluation.samples=0", *changes)
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "run" / "scores.jsonl").read_text()


def test_noresume_refuses_a_folder_that_holds_a_run(fails, run):
    assert "--noresume was given" in fails("train", *SMALL, "--noresume", f"--workdir={run[0]}")


def test_a_folder_of_other_files_is_left_alone(fails, tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    assert "is not empty and holds no run" in fails("train", *SMALL, f"--workdir={tmp_path}")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_run_begins_with_another_and_its_export_with_a_discriminator_begins_a_third(command, run, tmp_path):
    shorter = [*SMALL, "--set=evaluation.samples=0", "--set=steps=2", "--set=freeze_discriminator=2"]
    second = [*shorter, f"--workdir={tmp_path / 'second'}", f"--init_from={run[0]}"]
    result = command("train", *second)
    assert result.returncode == 0, result.stderr
    assert (
        f"Beginning with {run[0]}, step 6 (sngan): 41 of 41 variables of the generator and its average" in result.stdout
    )
    there = np.load(run[0] / "checkpoints" / "checkpoint-000000006.npz")
    here = np.load(tmp_path / "second" / "checkpoints" / "checkpoint-000000002.npz")
    frozen, free = (f"discriminator/block_{n}_conv_2/block_{n}_conv_2/kernel" for n in (1, 2))
    np.testing.assert_array_equal(here[frozen], there[frozen])
    assert not np.array_equal(here[free], there[free])
    for again in (second, [f"--workdir={tmp_path / 'second'}"]):  # the folder alone, or the same command
        result = command("train", *again)
        assert "is complete: all 2 steps have been taken" in result.stdout, result.stderr
    export = command("export", f"--run={tmp_path / 'second'}", f"--to={tmp_path / 'zoo'}", "--with_discriminator")
    assert export.returncode == 0, export.stderr
    sampled = command("sample", f"--export={tmp_path / 'zoo'}", "--num=4", f"--out={tmp_path / 'grid.png'}")
    assert sampled.returncode == 0, sampled.stderr
    result = command("train", *shorter, f"--init_from={tmp_path / 'zoo'}", f"--workdir={tmp_path / 'third'}")
    assert result.returncode == 0, result.stderr
    assert re.search(r"Beginning with \S+zoo/1 \(sngan\): 41 of 41 .* 44 of 44 of the discriminator\.", result.stdout)


def test_what_a_run_cannot_begin_with_is_refused_and_nothing_is_written(fails, tmp_path):
    workdir = f"--workdir={tmp_path / 'run'}"
    assert "init_from=no/where: there is no such folder" in fails("train", *SMALL, "--init_from=no/where", workdir)
    message = fails("train", *SMALL, "--set=freeze_discriminator=9", workdir)
    assert "freeze_discriminator=9: this discriminator has 9 layers" in message
    assert not (tmp_path / "run").exists()


def test_same_seed_same_image_from_the_run_and_from_its_export(command, run, tmp_path):
    for source, out in ((f"--run={run[0]}", "a"), (f"--export={run[0] / 'export' / 'sngan'}", "b")):
        result = command(
            "sample", source, "--num=3", "--seed=7", "--format=png", "--scale=1", f"--out={tmp_path / out}"
        )
        assert result.returncode == 0, result.stderr
    names = [f"seed-{n:06d}.png" for n in (7, 8, 9)]
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == names
    for name in names:
        a, b = (np.asarray(Image.open(tmp_path / folder / name)) for folder in "ab")
        np.testing.assert_array_equal(a, b)
        assert a.shape == (16, 16)


def test_a_truncated_grid_and_an_interpolation(command, run, tmp_path):
    grid, path = tmp_path / "grid.png", tmp_path / "path.png"
    assert command("sample", f"--run={run[0]}", "--num=9", "--truncation=0.5", f"--out={grid}").returncode == 0
    assert Image.open(grid).size == (2 * (3 * 17 + 1), 2 * (3 * 17 + 1))
    assert command("sample", f"--run={run[0]}", "--interpolate=1,9", "--num=5", f"--out={path}").returncode == 0
    assert Image.open(path).size == (2 * (5 * 17 + 1), 2 * (17 + 1))


def test_an_interpolation_can_be_a_gif(command, run, tmp_path):
    animation = tmp_path / "way.gif"
    result = command("sample", f"--run={run[0]}", "--interpolate=1,9", "--num=5", f"--out={animation}")
    assert result.returncode == 0, result.stderr
    assert (Image.open(animation).n_frames, Image.open(animation).size) == (5, (32, 32))
    result = command("sample", f"--run={run[0]}", f"--out={animation}")
    assert result.returncode != 0
    assert "needs two seeds, --interpolate=A,B" in result.stderr


def test_the_growth_of_a_run_is_shown_as_a_strip_and_as_a_gif(command, run, tmp_path):
    for name in ("growth.png", "growth.gif"):
        result = command("growth", f"--run={run[0]}", f"--out={tmp_path / name}", "--columns=3")
        assert result.returncode == 0, result.stderr
    assert Image.open(tmp_path / "growth.png").size == (2 * (3 * 17 + 1), 2 * (17 + 1))  # one stage
    assert Image.open(tmp_path / "growth.gif").n_frames == len(list((run[0] / "samples").iterdir()))


def test_evaluate_repeats_the_final_score_of_training_and_stores_other_protocols_beside_it(command, run):
    result = command("evaluate", f"--run={run[0]}")
    assert result.returncode == 0, result.stderr
    stored = [json.loads(line) for line in (run[0] / "scores.jsonl").read_text().splitlines()]
    assert len(stored) == 4  # the score was replaced, not added
    value = float(re.search(r"fd_mnist_cnn = ([\d.e+-]+)", result.stdout)[1])
    final = next(s for s in stored if s["step"] == 6 and s["name"] == "fd_mnist_cnn")
    assert value == pytest.approx(final["value"], rel=1e-5)
    result = command("evaluate", f"--run={run[0]}", "--truncation=0.5", "--checkpoint=3", "--samples=100")
    assert result.returncode == 0, result.stderr
    stored = [json.loads(line) for line in (run[0] / "scores.jsonl").read_text().splitlines()]
    assert len(stored) == 6
    assert stored[-1]["protocol"]["truncation"] == 0.5


def test_export_writes_the_next_version(command, run, tmp_path):
    for version in ("1", "2"):
        result = command("export", f"--run={run[0]}", f"--to={tmp_path / 'mine'}", "--checkpoint=best")
        assert result.returncode == 0, result.stderr
        assert result.stdout.strip().endswith(f"mine/{version}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=sngn"], "no model 'sngn'. Did you mean 'sngan'"),
        ([], "give --model, one of"),
        (["--model=sngan", "--preset=cifar100"], "Did you mean 'cifar10'"),
        (["--model=sngan", "--set=batch_sise=3"], "Did you mean 'batch_size'"),
        (["--model=sngan", "--set=batch_size=0"], "batch_size: Input should be greater than or equal to 1, and got 0"),
        (["--model=sngan", "--set=arguments.los=hinge"], "Did you mean 'loss'"),
        (["--model=sngan", "--set=arguments.loss=hing"], "arguments.loss: Input should be 'hinge' or 'non_saturating'"),
        (["--model=sngan", "--set=steps"], "expected key=value"),
        (["--config=nowhere.toml"], "nowhere.toml: no such file"),
        (["--config=/"], "/: is a directory"),
        (["--config=mine.toml", "--model=sngan"], "give either --config"),
        (["--model=sngan", "--set=seed=4294967296"], "seed: Input should be less than 4294967296"),
        (["--model=sngan", "--set=arguments.generator_channels=-4"], "arguments.generator_channels: Input should be"),
        (["--model=sngan", "sgd"], "sgd: not a flag"),
        (["--model=sngan", "--set=data.source=foldr:x"], "Did you mean 'folder'"),
        (["--model=sngan", "--set=data.source=toy:ring8", "--set=data.resolution=[]"], "data.resolution"),
        (["--model=sngan", "--strategy=mirored"], "Did you mean 'mirrored'"),
    ],
)
def test_a_mistake_is_reported_in_a_sentence(fails, arguments, message, tmp_path):
    assert message in fails("train", *arguments, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []  # a run that did not start leaves nothing behind


def test_a_recipe_whose_data_is_no_table_is_refused(fails, tmp_path):
    (tmp_path / "recipe.json").write_text('{"model": "sngan", "steps": 1, "data": "mnist5k"}')
    message = fails("train", "--config=recipe.json", cwd=tmp_path)
    assert "recipe.json: data = 'mnist5k': expected a table" in message
    assert len(list(tmp_path.iterdir())) == 1


def test_a_batch_that_the_replicas_cannot_share_is_refused(fails, tmp_path):
    assert "use 4 or 6" in fails("train", "--model=sngan", "--strategy=mirrored:2", "--set=batch_size=5", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_with_a_run_or_an_export_is_reported_in_a_sentence(fails, run, tmp_path):
    assert "is not a run" in fails("sample", f"--run={tmp_path}")
    assert "either --run or --export" in fails("sample")
    assert "give a folder such as export/sngan_mnist" in fails("sample", f"--export={tmp_path}")
    assert "expected latest, best or one of 3, 6" in fails("evaluate", f"--run={run[0]}", "--checkpoint=5")
    (tmp_path / "file").write_text("")
    assert "is not a run" in fails("sample", f"--run={tmp_path / 'file'}")
    assert "inception-2015-12-05.tgz" in fails("evaluate", f"--run={run[0]}", "--features=inception")
    message = fails("sample", "--server=localhost:1", "--model=sngan_mnist", "--ca=no.pem")
    assert message == "error: no.pem: No such file or directory.\n"


def test_list_and_help_need_no_tensorflow():
    code = (
        "import sys; sys.modules['tensorflow'] = None; sys.argv = ['train', '--list'];"
        "from tfgan_zoo import train; from tfgan_zoo.cli import command_line; command_line.run(train.main)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert re.search(r"^sngan +quickstart +SNGAN", result.stdout, re.MULTILINE)
    help_text = fresh_command("train", "--help").stdout
    assert "--workdir" in help_text
    assert "--[no]verbose" in help_text


@pytest.mark.parametrize("preset", ["cifar10", "cifar10_cnn", "stl10"])
def test_the_papers_settings_dry_run_without_their_data(command, preset, tmp_path):
    result = command("train", "--model=sngan", f"--preset={preset}", "--dry_run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    counts = dict(re.findall(r"(\w+): ([\d,]+) trainable parameters", result.stdout))
    if preset == "cifar10":
        assert counts == {"generator": "4,276,739", "discriminator": "1,053,825"}
    assert set(counts) == {"generator", "discriminator"}


def test_dry_run_prints_the_recipe_the_networks_and_how_it_was_tried_and_stops(command, tmp_path):
    result = command("train", "--model=sngan", "--dry_run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert '"beta_2": 0.9' in result.stdout
    assert "generator: 125,441 trainable parameters" in result.stdout
    assert re.search(r"^The recipe: run on two CPU cores, .*; fd_mnist_cnn 1\.89", result.stdout, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


def test_a_shipped_recipe_works_as_a_custom_recipe(command, tmp_path):
    path = catalog.preset_file("sngan", "cifar10")
    result = command("train", f"--config={path}", "--set=model=sngan", "--set=steps=7", "--dry_run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert '"steps": 7' in result.stdout
    assert result.stdout.endswith("The recipe without --set: not run\n")


def test_dry_run_without_the_data_reads_the_number_of_classes_from_the_recipe(monkeypatch):
    from tfgan_zoo import train
    from tfgan_zoo.core import recipe
    from tfgan_zoo.runs import building

    calls, build = [], building.game_builder

    def recorded(settings, image_shape, num_classes):
        calls.append((image_shape, num_classes))
        return build(settings, image_shape, num_classes)

    monkeypatch.setattr(building, "game_builder", recorded)
    arguments = {"network": "cnn", "generator_channels": 4, "discriminator_channels": 4}
    for classes in ({}, {"classes": 7}):
        data = {"source": "folder:/not/there", "resolution": 16, "channels": 1, **classes}
        train.dry_run(recipe.parse({"model": "sngan", "steps": 1, "arguments": arguments, "data": data}))
    assert calls == [((16, 16, 1), 0), ((16, 16, 1), 7)]
