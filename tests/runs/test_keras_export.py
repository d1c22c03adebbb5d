"""`export --with_keras`: .keras files of both players that Keras opens with `tfgan_zoo.layers` alone, with the same outputs."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.runs import building
from tfgan_zoo.runs.publish import export_run
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.training_run import TrainingRun
from tfgan_zoo.saved_model import keras_files, trust
from tfgan_zoo.saved_model.version_folder import load_version

SMALL_RUN = {
    "model": "sngan",
    "steps": 4,
    "batch_size": 4,
    "data": {"resolution": 16},
    "arguments": {"generator_channels": 2, "discriminator_channels": 2, "noise_size": 5},
    "evaluation": {"samples": 0},
    "log": {"grid": 2, "samples_every_steps": 1000},
}
# Opens the files of a folder, computes each network on the inputs that lie beside it, and stores its outputs.
ELSEWHERE = """
import pathlib, sys
import keras
import numpy as np
import tfgan_zoo.layers
if {growing}:
    import tfgan_zoo.networks.progressive
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
    network = keras.saving.load_model(file)
    with np.load(file.with_suffix(".inputs.npz")) as inputs:
        outputs = network(dict(inputs), training=False)
    outputs = outputs if isinstance(outputs, dict) else {{"output": outputs}}
    np.savez(file.with_suffix(".outputs.npz"), **{{name: np.array(value) for name, value in outputs.items()}})
assert not any(name.startswith(("tfgan_zoo.models", "tfgan_zoo.runs", "tfgan_zoo.training")) for name in sys.modules)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a checkpoint, whose weights are those that it began with."""
    training = TrainingRun(recipe.parse(SMALL_RUN), tmp_path_factory.mktemp("runs") / "run", report=lambda text: None)
    training.trainer.step.assign(3)
    training.checkpoints.save(3, whole=True)
    training.checkpoints.finish()
    return Run(training.folder)


def inputs_of(network, rows=3):
    """Random inputs by name: whole numbers below 2 for labels, else normal."""
    rng = np.random.default_rng(0)
    specs = network.input if isinstance(network.input, dict) else {t.name: t for t in network.inputs}
    shapes = {name: (rows, *tensor.shape[1:]) for name, tensor in specs.items()}
    return {
        name: rng.integers(0, 2, shape).astype("int32")
        if specs[name].dtype == "int32"
        else rng.normal(size=shape).astype("float32")
        for name, shape in shapes.items()
    }


def assert_opens_elsewhere(folder, networks, growing=False):
    """A process that imports Keras and the layers alone computes what `networks` compute, from their files in `folder`."""
    expected = {}
    for name, network in networks.items():
        inputs = inputs_of(network)
        np.savez(folder / f"{name}.inputs.npz", **inputs)
        outputs = network(inputs, training=False)
        expected[name] = outputs if isinstance(outputs, dict) else {"output": outputs}
    command = [sys.executable, "-c", ELSEWHERE.format(growing=growing), str(folder)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    for name, outputs in expected.items():
        with np.load(folder / f"{name}.outputs.npz") as there:
            assert sorted(there.files) == sorted(outputs)
            for key, value in outputs.items():
                np.testing.assert_allclose(there[key], np.array(value), rtol=1e-5, atol=1e-6, err_msg=f"{name} {key}")


def test_both_players_of_an_export_open_in_keras_with_the_layers_alone(run, tmp_path):
    folder = export_run(run, tmp_path / "small", with_keras=True)
    card = json.loads((folder / "model_card.json").read_text())
    assert card["keras"] == {name: f"assets.extra/{name}.keras" for name in ("generator", "discriminator")}
    assert {"assets.extra/generator.keras", "assets.extra/discriminator.keras"} <= card["sha256"].keys()
    assert "`assets.extra/generator.keras` and `assets.extra/discriminator.keras`" in (folder / "README.md").read_text()
    trust.verify(folder)
    game, _ = run.players()
    loaded = keras.saving.load_model(folder / "assets.extra" / "generator.keras")
    noise = inputs_of(game.generator)["noise"]
    exported = load_version(folder).from_latents(noise)
    np.testing.assert_allclose(np.array(loaded({"noise": noise}, training=False)), exported, atol=1e-5)
    files = tmp_path / "files"
    files.mkdir()
    for name in card["keras"]:
        (files / f"{name}.keras").write_bytes((folder / "assets.extra" / f"{name}.keras").read_bytes())
    assert_opens_elsewhere(files, {"generator": game.generator, "discriminator": game.discriminator})


def test_an_export_without_the_flag_has_no_keras_files(run, tmp_path):
    folder = export_run(run, tmp_path / "small")
    assert "keras" not in json.loads((folder / "model_card.json").read_text())
    assert list(folder.rglob("*.keras")) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", catalog.model_names())
def test_both_players_of_every_model_open_in_keras(model, tmp_path):
    table = {"model": model, **catalog.preset_table(model, "quickstart")}
    settings = recipe.parse(table)
    source = load_source(settings.data)
    game = building.game_builder(settings, source.image_shape, source.classes)()
    networks = {"generator": game.generator, "discriminator": game.discriminator}
    keras_files.write(tmp_path, networks)
    assert_opens_elsewhere(tmp_path / keras_files.FOLDER, networks, growing=model == "pggan")
