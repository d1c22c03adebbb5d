"""Starting from what is trained: what is taken from a run, an export or imported weights, by path and by class, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core import recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.runs import from_weights, training_run
from tfgan_zoo.runs.initialization import grouped
from tfgan_zoo.runs.publish import export_run
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.training_run import TrainingRun
from tfgan_zoo.saved_model import trust
from tfgan_zoo.weight_files.transfer import RecognizedWeights

POINTS = {
    "model": "gan",
    "steps": 4,
    "batch_size": 8,
    "data": {"source": "toy:ring8"},
    "arguments": {"generator_hidden": [6], "discriminator_hidden": [6, 5], "noise_size": 3},
    "checkpoints": {"every_steps": 2, "keep": 5},
}
DIGITS = {
    "model": "sngan",
    "steps": 4,
    "batch_size": 4,
    "arguments": {"generator_channels": 2, "discriminator_channels": 2, "noise_size": 5},
}
QUIET = {"evaluation": {"samples": 0}, "log": {"grid": 2, "samples_every_steps": 1000}}


def begun(folder, table, messages=None, **changes):
    """A `TrainingRun` that has taken no step. messages: a list that its messages are added to, but for the one on the data."""

    def report(text):
        if messages is not None and not text.startswith("Data: "):
            messages.append(text)

    run = TrainingRun(recipe.parse({**table, **QUIET, **changes}), folder, report=report)
    run.checkpoints.finish()  # the one of step 0 is written in the background
    return run


def values(run):
    return {name: np.array(v.numpy()) for name, v in run.trainer.variables().items()}


def trained(folder, table, step=3, **changes):
    """The values of a run as if it had been trained: every weight is another number than at the start."""
    run, rng = begun(folder, table, **changes), np.random.default_rng(7)
    for name, variable in run.trainer.variables().items():
        if "optimizer" not in name and np.issubdtype(np.array(variable.numpy()).dtype, np.floating):
            variable.assign(variable.numpy() + 0.1 * rng.random(variable.shape) + 0.1)
    run.trainer.step.assign(step)
    run.checkpoints.save(step, whole=True)
    run.checkpoints.finish()
    return values(run)


def assert_taken(run, there):
    """The generator and its average are the average of `there`, the discriminator is its own; all else is at its start."""
    now = values(run)
    for name, value in now.items():
        group, _, path = name.partition("/")
        if group in ("generator", "average"):
            np.testing.assert_array_equal(value, there[f"average/{path}"], err_msg=name)
        elif group == "discriminator":
            np.testing.assert_array_equal(value, there[name], err_msg=name)
    assert any(
        not np.array_equal(there[n], there[n.replace("average/", "generator/")]) for n in there if "average/" in n
    )
    assert int(now["step"]) == 0
    moments = [
        v for n, v in now.items() if n.startswith("generator_optimizer/") and n.endswith(("momentum", "velocity"))
    ]
    assert moments
    assert not any(moment.any() for moment in moments)


def images_file(folder, names, side=16, channels=1):
    """An arrays file with five images of each class."""
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(len(names)), 5)
    images = rng.integers(0, 256, (len(labels), side, side, channels)).astype(np.uint8)
    path = folder / f"{'-'.join(names)}-{side}.npz"
    np.savez(path, images=images, labels=labels, class_names=np.array(names))
    return {"source": f"arrays:{path}", "resolution": side}


# Taken whole


def test_a_run_of_the_same_recipe_gives_its_average_and_its_discriminator_bit_for_bit(tmp_path):
    there, messages = trained(tmp_path / "a", POINTS), []
    run = begun(tmp_path / "b", POINTS, messages, init_from=str(tmp_path / "a"))
    assert_taken(run, there)
    assert messages == [
        f"Beginning with {tmp_path / 'a'}, step 3 (gan): 4 of 4 variables of the generator and its average, "
        f"{len(run.trainer.game.discriminator.variables)} of {len(run.trainer.game.discriminator.variables)} of the discriminator."
    ]
    record = Run(tmp_path / "b").initialization()
    assert (record["kind"], record["model"], record["step"]) == ("run", "gan", 3)
    file = tmp_path / "a" / "checkpoints" / "checkpoint-000000003.npz"
    assert record["sha256"] == {file.name: trust.sha256(file)}
    assert [p.name for p in (tmp_path / "b" / "checkpoints").iterdir()] == ["checkpoint-000000000.npz"]


def test_batch_statistics_and_the_vectors_of_spectral_norm_come_along(tmp_path):
    data = images_file(tmp_path, ("cat", "dog"))
    there = trained(tmp_path / "a", DIGITS, data=data)
    run = begun(tmp_path / "b", DIGITS, data=data, init_from=str(tmp_path / "a"))
    assert_taken(run, there)
    assert {"average/norm/moving_variance", "discriminator/logits/u"} <= there.keys()


def test_a_checkpoint_is_chosen_by_its_step(tmp_path):
    trained(tmp_path / "a", POINTS, step=1)
    first = dict(np.load(tmp_path / "a" / "checkpoints" / "checkpoint-000000001.npz"))
    trained(tmp_path / "c", POINTS, step=2)
    shutil.copy(tmp_path / "c" / "checkpoints" / "checkpoint-000000002.npz", tmp_path / "a" / "checkpoints")
    run = begun(tmp_path / "b", POINTS, init_from=str(tmp_path / "a"), init_checkpoint=1)
    assert_taken(run, first)
    with pytest.raises(ZooError, match="checkpoint 7: expected latest, best or one of 1, 2"):
        begun(tmp_path / "d", POINTS, init_from=str(tmp_path / "a"), init_checkpoint=7)


def test_an_export_gives_its_generator_and_the_discriminator_that_was_stored_with_it(tmp_path):
    there = trained(tmp_path / "a", POINTS)
    folder = export_run(Run(tmp_path / "a"), tmp_path / "ring", with_discriminator=True)
    for given in (folder, tmp_path / "ring"):
        assert_taken(begun(tmp_path / f"b-{given.name}", POINTS, init_from=str(given)), there)
    record = Run(tmp_path / "b-1").initialization()
    assert (record["kind"], record["step"], record["model"]) == ("export", 3, "gan")
    assert set(record["sha256"]) == {
        "variables/variables.index", "variables/variables.data-00000-of-00001", "assets.extra/discriminator.npz",
    }  # fmt: skip


def test_an_export_without_a_discriminator_says_that_it_begins_anew(tmp_path):
    there, messages = trained(tmp_path / "a", POINTS), []
    fresh = values(begun(tmp_path / "fresh", POINTS))
    folder = export_run(Run(tmp_path / "a"), tmp_path / "ring")
    run = begun(tmp_path / "b", POINTS, messages, init_from=str(folder))
    now = values(run)
    np.testing.assert_array_equal(now["generator/dense_1/kernel"], there["average/dense_1/kernel"])
    np.testing.assert_array_equal(now["discriminator/dense_1/kernel"], fresh["discriminator/dense_1/kernel"])
    assert "  There is no discriminator: it begins anew." in messages[0].splitlines()


def test_imported_weights_give_what_the_importer_wrote(tmp_path):
    def fill(network):
        for i, variable in enumerate(network.variables):
            variable.assign(np.full(variable.shape, i + 1))

    weights = RecognizedWeights("sngan", DIGITS["arguments"], (16, 16, 1), 0, fill, fill)
    (tmp_path / "file.pth").write_bytes(b"weights")
    from_weights.write_run(tmp_path / "a", weights, "mimicry", tmp_path / "file.pth", tmp_path / "file.pth")
    data = images_file(tmp_path, ("cat", "dog"))
    run = begun(tmp_path / "b", DIGITS, data=data, init_from=str(tmp_path / "a"))
    for network in (run.trainer.game.generator, run.trainer.average.network, run.trainer.game.discriminator):
        for i, variable in enumerate(network.variables):
            np.testing.assert_array_equal(variable.numpy(), np.full(variable.shape, i + 1, np.float32))
    assert Run(tmp_path / "b").initialization()["kind"] == "imported"


def test_every_replica_begins_with_the_trained_weights(tmp_path, two_replicas, monkeypatch):
    there = trained(tmp_path / "a", POINTS)
    monkeypatch.setattr(training_run, "make_strategy", lambda name: two_replicas)
    run = begun(tmp_path / "b", POINTS, init_from=str(tmp_path / "a"))
    assert_taken(run, there)
    for path in ("dense_1/kernel", "dense_2/bias", "logits/kernel"):
        variable = run.trainer.variables()[f"discriminator/{path}"]
        copies = two_replicas.experimental_local_results(variable.value)
        assert len(copies) == 2
        for copy in copies:
            np.testing.assert_array_equal(copy.numpy(), there[f"discriminator/{path}"])


def test_weights_are_taken_in_the_precision_of_the_run(tmp_path):
    there = trained(tmp_path / "a", POINTS)
    run = begun(tmp_path / "b", POINTS, init_from=str(tmp_path / "a"), precision="float64")
    kernel = run.trainer.game.generator.get_layer("dense_1").kernel.numpy()
    assert kernel.dtype == np.float64
    np.testing.assert_array_equal(kernel, there["average/dense_1/kernel"].astype(np.float64))


# Taken in part


def test_what_does_not_fit_is_listed_with_both_shapes_and_begins_anew(tmp_path):
    there, messages = trained(tmp_path / "a", POINTS), []
    # Maxout has five pieces per unit.
    wider = {**POINTS["arguments"], "discriminator_hidden": [6, 9]}
    fresh = values(begun(tmp_path / "fresh", POINTS, arguments=wider))
    now = values(begun(tmp_path / "b", POINTS, messages, arguments=wider, init_from=str(tmp_path / "a")))
    assert messages[0].splitlines()[1:] == [
        "  discriminator, 3 begin anew: dense_2 (kernel [6, 25] there, [6, 45] here, bias [25] there, [45] here), "
        "logits (kernel [5, 1] there, [9, 1] here)",
        "  All names are in initialization.json.",
    ]
    np.testing.assert_array_equal(now["discriminator/dense_1/kernel"], there["discriminator/dense_1/kernel"])
    np.testing.assert_array_equal(now["discriminator/dense_2/kernel"], fresh["discriminator/dense_2/kernel"])
    record = Run(tmp_path / "b").initialization()
    assert set(record["anew"]["discriminator"]) == {"dense_2/kernel", "dense_2/bias", "logits/kernel"}


def test_a_growing_model_takes_the_resolutions_that_both_have(tmp_path):
    table = {
        "model": "pggan", "steps": 4, "batch_size": 4,
        "arguments": {"feature_base": 32, "feature_maximum": 4, "noise_size": 4},
    }  # fmt: skip
    there, messages = trained(tmp_path / "a", table, data=images_file(tmp_path, ("cat",), 8)), []
    data = images_file(tmp_path, ("cat",), 16)
    run = begun(tmp_path / "b", table, messages, data=data, init_from=str(tmp_path / "a"))
    now = values(run)
    for name in ("generator/conv_8_2/kernel", "generator/to_images_8/kernel", "average/first/kernel"):
        np.testing.assert_array_equal(now[name], there[name.replace("generator/", "average/")])
    np.testing.assert_array_equal(now["discriminator/conv_8_1/kernel"], there["discriminator/conv_8_1/kernel"])
    anew = Run(tmp_path / "b").initialization()["anew"]
    assert {path.split("/")[0] for path in anew["generator"]} == {"conv_16_1", "conv_16_2", "to_images_16"}
    assert {path.split("/")[0] for path in anew["discriminator"]} == {"conv_16_1", "conv_16_2", "from_images_16"}
    assert "to_images_16 (kernel, bias)" in messages[0]


def test_paths_are_grouped_by_layer_and_the_later_layers_counted():
    paths = ["a/kernel", "a/bias", "b/u", "c/x/gain", "d/w", "e/w", "f/w"]
    assert grouped(paths) == "a (kernel, bias), b (u), c/x (gain), d (w) and 2 more"


# Resuming


def finished(folder, table, **changes):
    """Takes all steps and returns the values at the end."""
    run = begun(folder, table, **changes)
    run.execute()
    return run, values(run)


def test_a_run_that_is_stopped_resumes_without_its_source_and_ends_with_the_same_bits(tmp_path):
    trained(tmp_path / "a", POINTS)
    start = {"init_from": str(tmp_path / "a"), "freeze_discriminator": 1}
    _, whole = finished(tmp_path / "whole", POINTS, **start)
    finished(tmp_path / "b", POINTS, steps=2, **start)
    shutil.rmtree(tmp_path / "a")
    run, resumed = finished(tmp_path / "b", POINTS, **start)
    assert run.start == 2
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    card = json.loads((tmp_path / "b" / "export" / "gan" / "1" / "model_card.json").read_text())
    assert set(card["initialization"]) == {"kind", "model", "step", "sha256"}


def test_a_run_killed_before_its_first_step_keeps_its_first_weights(tmp_path):
    there = trained(tmp_path / "a", POINTS)
    first = begun(tmp_path / "b", POINTS, init_from=str(tmp_path / "a"))
    first.finish_checkpoints()
    first.lock.close()
    shutil.rmtree(tmp_path / "a")
    messages = []
    again = begun(tmp_path / "b", POINTS, messages, init_from=str(tmp_path / "a"))
    assert_taken(again, there)
    assert messages == []


def test_the_source_belongs_to_the_recipe_and_may_be_spelled_in_two_ways(tmp_path, monkeypatch):
    trained(tmp_path / "a", POINTS)
    trained(tmp_path / "c", POINTS)
    first = begun(tmp_path / "b", POINTS, init_from=str(tmp_path / "a"))
    first.finish_checkpoints()
    first.lock.close()
    with pytest.raises(ZooError, match=rf"init_from: '{tmp_path}/a' there, '{tmp_path}/c' now"):
        begun(tmp_path / "b", POINTS, init_from=str(tmp_path / "c"))
    with pytest.raises(ZooError, match=rf"init_from: '{tmp_path}/a' there, None now"):
        begun(tmp_path / "b", POINTS)
    monkeypatch.chdir(tmp_path)
    begun(tmp_path / "b", POINTS, init_from="a/")
    assert json.loads((tmp_path / "b" / "recipe.json").read_text())["init_from"] == str(tmp_path / "a")


def test_if_every_checkpoint_is_damaged_the_run_starts_over_from_its_source(tmp_path):
    there = trained(tmp_path / "a", POINTS)
    first = begun(tmp_path / "b", POINTS, init_from=str(tmp_path / "a"))
    first.finish_checkpoints()
    first.lock.close()
    (tmp_path / "b" / "checkpoints" / "checkpoint-000000000.npz").write_bytes(b"no archive")
    assert_taken(begun(tmp_path / "b", POINTS, init_from=str(tmp_path / "a")), there)


# Refused, before anything is written


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A folder with a run "gan", its export "ring" and an empty folder."""
    folder = tmp_path_factory.mktemp("sources")
    trained(folder / "gan", POINTS)
    export_run(Run(folder / "gan"), folder / "ring", with_discriminator=True)
    (folder / "empty").mkdir()
    return folder


def refused(folder, table=POINTS, **changes):
    """The message of a run that is refused, which leaves no folder."""
    with pytest.raises(ZooError) as refusal:
        begun(folder / "refused", table, **changes)
    assert not (folder / "refused").exists()
    return str(refusal.value)


def test_a_path_that_does_not_exist_or_is_of_another_kind_is_refused(sources, tmp_path):
    assert "nowhere: there is no such folder; give the folder of a run" in refused(tmp_path, init_from="nowhere")
    message = refused(tmp_path, init_from=str(sources / "empty"))
    assert "empty is neither a run nor an export; give the folder of a run" in message
    message = refused(tmp_path, init_from=str(sources / "ring"), init_checkpoint="best")
    assert "init_checkpoint=best chooses among those of a run" in message
    assert "has no best checkpoint" in refused(tmp_path, init_from=str(sources / "gan"), init_checkpoint="best")
    with pytest.raises(ZooError, match="init_checkpoint=best needs init_from"):
        recipe.parse({**POINTS, "init_checkpoint": "best"})


def test_weights_of_which_nothing_fits_are_refused_with_what_came_and_what_was_expected(sources, tmp_path):
    data = images_file(tmp_path, ("cat", "dog"))
    message = refused(tmp_path, DIGITS, data=data, init_from=str(sources / "ring"))
    assert (
        "nothing there fits. It is of gan, whose generator has 4 variables such as dense_1/kernel [3, 6], " in message
    )
    assert "that of sngan has" in message
    assert "dense/kernel [5, " in message


def test_weights_of_another_model_are_taken_as_far_as_they_fit(sources, tmp_path):
    there, messages = checkpoint_of(sources / "gan"), []
    table = {**POINTS, "model": "wgan", "arguments": {"network": "mlp", "noise_size": 3, "hidden": [6]}}
    now = values(begun(tmp_path / "b", table, messages, init_from=str(sources / "ring")))
    assert messages[0].startswith(f"Beginning with {sources / 'ring' / '1'} (gan): 4 of 4 variables of the generator")
    np.testing.assert_array_equal(now["generator/dense_1/kernel"], there["average/dense_1/kernel"])


def test_weights_that_are_not_finite_are_refused(tmp_path):
    trained(tmp_path / "a", POINTS)
    path = tmp_path / "a" / "checkpoints" / "checkpoint-000000003.npz"
    arrays = dict(np.load(path))
    arrays["average/dense_1/kernel"][0, 0] = np.nan
    np.savez(path, **arrays)
    message = refused(tmp_path, init_from=str(tmp_path / "a"))
    assert "generator/dense_1/kernel holds NaN or infinity" in message
    assert "init_checkpoint" in message


def test_exports_whose_files_are_changed_or_damaged_are_refused(sources, tmp_path):
    shutil.copytree(sources / "ring", tmp_path / "ring")
    data = tmp_path / "ring" / "1" / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(bytes(len(data.read_bytes())))
    message = refused(tmp_path, init_from=str(tmp_path / "ring"))
    assert "changed: variables/variables.data-00000-of-00001. Fetch or export it again." in message
    assert "unsafe" not in message  # which training has not
    (tmp_path / "ring" / "1" / "model_card.json").unlink()
    assert "variables cannot be read" in refused(tmp_path, init_from=str(tmp_path / "ring"))
    (tmp_path / "ring" / "1" / "variables" / "variables.index").unlink()
    assert "variables cannot be read" in refused(tmp_path, init_from=str(tmp_path / "ring"))


# The discriminator beside an export


def test_an_export_with_a_discriminator_loads_like_one_without_and_its_card_says_so(sources, tmp_path):
    there = {
        n.removeprefix("discriminator/"): v
        for n, v in checkpoint_of(sources / "gan").items()
        if n.startswith("discriminator/")
    }
    folder = sources / "ring" / "1"
    trust.check(folder)
    assert set(tf.saved_model.load(str(folder)).signatures) == {"serving_default", "sample", "latents"}
    with np.load(folder / "assets.extra" / "discriminator.npz") as archive:
        assert set(archive.files) == set(there)
        for name in archive.files:
            np.testing.assert_array_equal(archive[name], there[name])
    card = json.loads((folder / "model_card.json").read_text())
    path = folder / "assets.extra" / "discriminator.npz"
    assert card["discriminator"] == {
        "file": "assets.extra/discriminator.npz",
        "variables": len(there),
        "numbers": sum(v.size for v in there.values()),
        "bytes": path.stat().st_size,
    }
    assert card["sha256"]["assets.extra/discriminator.npz"] == trust.sha256(path)
    assert "The discriminator is in `assets.extra/discriminator.npz`" in (folder / "README.md").read_text()
    plain = export_run(Run(sources / "gan"), tmp_path / "plain")
    assert not (plain / "assets.extra" / "discriminator.npz").exists()
    assert "discriminator.npz" not in (plain / "README.md").read_text() + (plain / "model_card.json").read_text()


def checkpoint_of(folder):
    return dict(np.load(folder / "checkpoints" / "checkpoint-000000003.npz"))


def test_a_discriminator_that_was_never_imported_cannot_be_exported(tmp_path):
    weights = RecognizedWeights("sngan", DIGITS["arguments"], (16, 16, 1), 0, lambda network: None)
    (tmp_path / "file.pth").write_bytes(b"weights")
    run = from_weights.write_run(tmp_path / "a", weights, "mimicry", tmp_path / "file.pth")
    with pytest.raises(ZooError, match="was imported without a discriminator; leave out --with_discriminator"):
        export_run(run, tmp_path / "x", with_discriminator=True)
    assert not (tmp_path / "x").exists()
