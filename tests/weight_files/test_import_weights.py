"""Weights of other libraries: images and logits against PyTorch, the imported run, and what is refused."""

import hashlib
import json
import pathlib
import pickle
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import torch_files
from small_games import start_from_zero

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import run_network
from tfgan_zoo.html_report.facts import facts_of
from tfgan_zoo.layers import BatchNorm, SpectralNormalization
from tfgan_zoo.networks import biggan_deep
from tfgan_zoo.runs import from_weights
from tfgan_zoo.runs.publish import export_run
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.targets import RunTarget
from tfgan_zoo.saved_model.version_folder import load_version
from tfgan_zoo.weight_files import biggan_pytorch, hf_biggan_deep, mimicry, studiogan, transfer
from tfgan_zoo.weight_files.torch_file import read_tensors

REFERENCES = pathlib.Path(__file__).parents[1] / "references"
RECOGNIZERS = {
    "mimicry": mimicry.recognize,
    "biggan_deep": hf_biggan_deep.recognize,
    "biggan_pytorch": biggan_pytorch.recognize,
    "biggan_pytorch_cifar10": biggan_pytorch.recognize,
    "studiogan": studiogan.recognize,
}


@pytest.fixture(autouse=True)
def no_initialisation(monkeypatch):
    """What an importer leaves out stays 0, rather than at its usual initial value."""
    start_from_zero(monkeypatch)


def recorded(case):
    with np.load(REFERENCES / "imported_weights.npz") as arrays:
        return {name.removeprefix(f"{case}/"): arrays[name] for name in arrays.files if name.startswith(f"{case}/")}


def weights(case):
    """(the generator's tensors, the discriminator's or None) of a case."""
    arrays = recorded(case)
    shapes = [json.loads(arrays[name].tobytes()) for name in ("shapes", "d_shapes") if name in arrays]
    return (*map(torch_files.seeded, shapes), None)[:2]


def write_run(folder, case="mimicry", discriminator=True):
    """Imports a case from files of its tensors, written beside the folder."""
    generator, discriminator_tensors = weights(case)
    folder.parent.mkdir(exist_ok=True)
    files = [folder.parent / "G.pth", folder.parent / "D.pth"][: 1 + bool(discriminator and discriminator_tensors)]
    for file, tensors in zip(files, (generator, discriminator_tensors), strict=False):
        file.write_bytes(torch_files.zip_checkpoint(tensors))
    recognized = RECOGNIZERS[case](
        *(transfer.state_dict(read_tensors(file)) for file in files), *[None] * (2 - len(files))
    )
    return from_weights.write_run(folder, recognized, case, *files)


# The networks with the weights


def check_images(generator, recognized, arrays):
    """Compares with the `arrays` of a case. Returns its inputs for the discriminator."""
    recognized.fill_generator(generator)
    (size,) = (tensor.shape[1] for tensor in generator.inputs if tensor.name == "noise")
    noise, labels, images = torch_files.inputs(size, recognized.num_classes or 10)
    generated = run_network(generator, {"noise": noise, "labels": np.int32(labels)}, training=False).numpy()
    top = (generated.shape[1] - 16) // 2
    assert 0.1 < arrays["images"].std() < 0.8  # neither gray nor saturated
    np.testing.assert_allclose(generated[:, top : top + 16, top : top + 16], arrays["images"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(generated.mean((1, 2)), arrays["means"], rtol=0, atol=1e-4)
    return {"images": images(generated.shape[1]), "labels": np.int32(labels)}


@pytest.mark.parametrize("case", ["mimicry", "biggan_pytorch", "biggan_pytorch_cifar10", "studiogan"])
def test_images_and_logits_equal_those_of_pytorch_within_1e_4(case):
    arrays = recorded(case)
    recognized = RECOGNIZERS[case](*weights(case))
    game = from_weights.build(from_weights.recipe_of(recognized, "a file"), recognized)
    batch = check_images(game.generator, recognized, arrays)
    recognized.fill_discriminator(game.discriminator)
    logits = run_network(game.discriminator, batch, training=False)["logits"].numpy()
    np.testing.assert_allclose(logits[:, 0], arrays["logits"], rtol=1e-4, atol=1e-4)


def test_another_epsilon_equals_larger_variances():
    """An epsilon of 1e-4 in place of 1e-5 gives the same generator as variances larger by the difference."""
    tensors, _ = weights("biggan_pytorch")
    wider = {name: value + np.float32(9e-5) * name.endswith("stored_var") for name, value in tensors.items()}
    assert any((wider[name] != tensors[name]).any() for name in tensors)
    generators = []
    for recognized in (biggan_pytorch.recognize(tensors, batch_norm_epsilon=1e-4), biggan_pytorch.recognize(wider)):
        game = from_weights.build(from_weights.recipe_of(recognized, "a file"), recognized)
        recognized.fill_generator(game.generator)
        generators.append(game.generator)
    for one, other in zip(*(generator.variables for generator in generators), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=one.path)


def deep_generator(recognized):
    """BigGAN-deep's generator as `build` makes it, without a discriminator beside it."""
    arguments = recognized.arguments
    sizes = (arguments[name] for name in ("noise_size", "channels", "shared_size", "attention_resolutions"))
    return biggan_deep.generator(recognized.image_shape, recognized.num_classes, *sizes)


@pytest.mark.parametrize(
    ("case", "truncation"), [("biggan_deep", 0.4), pytest.param("biggan_deep_128", 1.0, marks=pytest.mark.slow)]
)
def test_biggan_deep_makes_the_images_of_pytorch_within_1e_4(case, truncation):
    """Narrow with 5 classes, and with the 50,388,609 parameters of the published 128-pixel generator."""
    tensors, _ = weights(case)
    recognized = hf_biggan_deep.recognize(tensors, truncation=truncation)
    generator = deep_generator(recognized)
    assert (case == "biggan_deep_128") == (sum(v.numpy().size for v in generator.trainable_variables) == 50_388_609)
    check_images(generator, recognized, recorded(case))


def test_truncation_off_the_grid_of_statistics_is_refused_with_its_neighbours():
    assert hf_biggan_deep.row_of(0.4, 51) == 20
    assert hf_biggan_deep.row_of(1.0, 51) == 50
    for truncation, near in ((0.41, "use 0.4 or 0.42"), (0.0, "use 0.02"), (1.5, "use 1")):
        with pytest.raises(ZooError, match=near):
            hf_biggan_deep.row_of(truncation, 51)


# The parts of a transfer


def test_outputs_of_a_stem_are_reordered_from_channels_first_to_channels_last():
    """2 channels of 1 x 3 pixels: outputs 0 1 2 are the first channel's pixels, 3 4 5 the second's."""
    assert transfer.image_order(2, 1, 3).tolist() == [0, 3, 1, 4, 2, 5]


def one_layer(layer, inputs):
    images = keras.Input(inputs)
    return keras.Model(images, layer(images))


def test_kernel_without_our_spectral_norm_is_divided_by_its_sigma():
    """[[3, 0], [0, 4]] has sigma 4 along its second axis."""
    network = one_layer(keras.layers.Dense(2, use_bias=False, name="map"), [2])
    second_axis = np.float32([0, 1])
    tensors = {"a.weight_orig": np.float32([[3, 0], [0, 4]]), "a.weight_u": second_axis, "a.weight_v": second_axis}
    transferred = transfer.Transfer(tensors, network, "a file")
    transferred.kernel("map", "a")
    transferred.finish()
    np.testing.assert_array_equal(network.get_weights()[0], [[0.75, 0], [0, 1]])


def test_spectral_norm_of_u_alone_takes_one_iteration():
    """From u = (1, 0) on [[0, 2], [1, 0]]: v = (0, 1), u = (1, 0), sigma = 2, though the length of u0 is 5."""
    network = one_layer(SpectralNormalization(keras.layers.Dense(2, use_bias=False, name="map")), [2])
    tensors = {"a.weight": np.float32([[0, 2], [1, 0]]), "a.u0": np.float32([[5, 0]]), "a.sv0": np.float32([0])}
    transferred = transfer.Transfer(tensors, network, "a file", transfer.u_only_spectral)
    transferred.kernel("map", "a")
    transferred.finish()
    np.testing.assert_allclose(network(np.float32([[3, 5]]))[0], [5, 1.5])  # [[0, 2], [1, 0]] (3, 5) / 2


def test_another_epsilon_of_batch_norm_goes_into_the_variance():
    network = one_layer(BatchNorm(epsilon=1e-5, name="norm"), [1, 1, 1])
    tensors = {
        f"b.{name}": np.float32([value])
        for name, value in (("weight", 2), ("bias", 1), ("running_mean", 3), ("running_var", 0))
    }
    transferred = transfer.Transfer({**tensors, "b.num_batches_tracked": np.array(7)}, network, "a file", epsilon=1e-4)
    transferred.batch_norm("norm", "b")
    transferred.finish()
    np.testing.assert_allclose(
        network(np.full([1, 1, 1, 1], 3.01, np.float32)).numpy().item(), 2 * 0.01 / 1e-4**0.5 + 1, rtol=1e-4
    )


def test_missing_misshapen_and_left_over_tensors_are_all_named():
    network = one_layer(keras.layers.Dense(2, name="map"), [3])
    transferred = transfer.Transfer(
        {"a.weight": np.zeros([3, 2]), "b": np.zeros(1), "c": np.zeros(1)}, network, "the file"
    )
    transferred.kernel("map", "a")
    with pytest.raises(ZooError) as caught:
        transferred.finish()
    assert "1 missing: a.bias" in str(caught.value)
    assert "1 of another shape: a.weight is [3, 2] and should be [2, 3]" in str(caught.value)
    assert "2 left over: b, c" in str(caught.value)


def test_tensors_that_are_not_finite_and_negative_variances_are_refused_by_name():
    network = one_layer(BatchNorm(name="norm"), [1, 1, 2])
    good = {name: np.ones(2, np.float32) for name in ("b.weight", "b.bias", "b.running_mean", "b.running_var")}
    for changes, message in (
        ({"b.bias": np.float32([np.nan, 1])}, "the file has NaN or infinity, .*: b.bias has 1 of 2; take an earlier"),
        ({"b.running_var": np.float32([-0.1, 1])}, "has a negative variance .*: that of norm goes down to -0.1; take"),
    ):
        transferred = transfer.Transfer({**good, **changes}, network, "the file")
        transferred.batch_norm("norm", "b")
        with pytest.raises(ZooError, match=message):
            transferred.finish()
        assert (network.get_layer("norm").offset.numpy() == 0).all()


@pytest.mark.parametrize(
    ("before", "key"),
    [
        ("", None),
        ("module._orig_mod.", None),
        ("_orig_mod.module.", None),
        ("netG.", None),
        ("g_ema.module.", None),
        ("models.netG_ema._orig_mod.", "models.netG_ema"),
        ("state_dict.params_ema.", None),
    ],
)
def test_a_network_is_found_under_what_trainers_put_before_it(before, key):
    tensors = {"l1.weight": np.zeros(1), "block.conv.bias": np.ones(1)}
    stored = {f"{before}{name}": tensor for name, tensor in tensors.items()}
    assert (
        transfer.state_dict({**stored, "g_optim.state.0.exp_avg": np.zeros(3)} if "." in before else stored, key)
        == tensors
    )
    compiled = {**stored, f"{before}last._orig_mod.weight": np.zeros(2)}
    assert "last.weight" in transfer.state_dict(compiled, key)


def test_of_several_networks_one_is_to_be_chosen():
    names = ["g.l1.weight", "g.l2.weight", "d.l1.weight", "g_ema.l1.weight", "g_optim.state.0.exp_avg"]
    tensors = {name: np.full(1, i) for i, name in enumerate(names)}
    listed = r"It holds g \(2 tensors\), d \(1 tensor\), g_ema \(1 tensor\), g_optim \(1 tensor\)\."
    with pytest.raises(ZooError, match=f"several networks; choose one, such as --key=g_ema. {listed}"):
        transfer.state_dict(tensors)
    with pytest.raises(ZooError, match=r"such as --discriminator_key=d\. "):
        transfer.state_dict(tensors, flag="--discriminator_key")
    with pytest.raises(ZooError, match=f"--key=ema: nothing in the file is under that key. {listed}"):
        transfer.state_dict(tensors, "ema")
    assert transfer.state_dict(tensors, "g_ema") == {"l1.weight": np.full(1, 3)}


def test_parameters_and_bfloat16_are_read():
    numbers = np.float32([1, -2.5, 0.15625, 3e38])  # with few bits
    halves = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    expected = (halves.astype(np.uint32) << 16).view(np.float32)
    read = read_tensors(
        torch_files.zip_checkpoint({"a": halves, "b": halves.reshape(2, 2).T}, torch_files.parameter_opcodes)
    )
    assert read["a"].dtype == np.float32
    np.testing.assert_array_equal(read["a"], expected)
    np.testing.assert_array_equal(expected[:3], numbers[:3])
    np.testing.assert_array_equal(read["b"], expected.reshape(2, 2).T)


# The imported run


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("imported") / "runs" / "sngan")


def test_run_records_the_origin_of_its_weights(imported):
    record = imported.imported()
    files = {player: imported.folder.parent / file["name"] for player, file in record["files"].items()}
    assert list(files) == ["generator", "discriminator"]
    for player, path in files.items():
        assert record["files"][player]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert imported.recipe.model == "sngan"
    assert imported.recipe.summary.startswith("Imported from G.pth (mimicry)")
    assert imported.recipe.arguments["generator_channels"] == 16
    assert imported.dataset["image_shape"] == [32, 32, 3]
    facts = dict(facts_of(imported, None, 0).rows)
    assert facts["The generator's file"] == f"G.pth, SHA-256 {record['files']['generator']['sha256']}"


def test_run_and_its_export_generate_the_images_of_pytorch(imported, tmp_path):
    noise, _, images = torch_files.inputs(8, 10)
    arrays = recorded("mimicry")
    game, step = imported.players()
    assert step == 0
    generated = game.generator({"noise": noise}, training=False).numpy()
    np.testing.assert_allclose(generated[:, 8:24, 8:24], arrays["images"], rtol=0, atol=1e-4)
    logits = game.discriminator({"images": images(32)}, training=False)["logits"].numpy()
    np.testing.assert_allclose(logits[:, 0], arrays["logits"], rtol=1e-4)
    version = export_run(imported, tmp_path / "sngan")
    card = json.loads((version / "model_card.json").read_text())
    assert card["imported"] == imported.imported()
    exported = load_version(version).sample(seeds=[5])
    from_run = RunTarget(imported.folder).generator.sample(seeds=[5])
    np.testing.assert_allclose(np.float32(exported), np.float32(from_run), rtol=0, atol=1)  # of 255


def test_run_without_a_discriminator_has_no_logits(tmp_path):
    run = write_run(tmp_path / "runs" / "alone", discriminator=False)
    assert list(run.imported()["files"]) == ["generator"]
    assert RunTarget(run.folder).players().discriminate is None


# Refusals, which leave nothing behind


def attempt(folder, case, generator, discriminator):
    from_weights.write_run(folder, RECOGNIZERS[case](generator, discriminator), case, __file__)


def refused(tmp_path, message, edit=lambda tensors: tensors, case="mimicry", discriminator=None):
    generator, discriminator_tensors = weights(case)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ZooError, match=message):
        attempt(
            tmp_path / "run",
            case,
            edit(generator),
            discriminator_tensors if discriminator is None else discriminator(discriminator_tensors),
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_other_tensors_are_refused_by_name_and_nothing_is_left(tmp_path):
    refused(tmp_path, "1 missing: block3.c2.bias", lambda t: {k: v for k, v in t.items() if k != "block3.c2.bias"})
    refused(tmp_path, "1 left over: extra", lambda t: {**t, "extra": np.zeros(1)})
    refused(tmp_path, r"block2.c1.bias is \[3\] and should be \[16\]", lambda t: {**t, "block2.c1.bias": np.zeros(3)})
    refused(tmp_path, "1 left over: l_y.weight", discriminator=lambda t: {**t, "l_y.weight": np.zeros([4, 16])})


def test_files_of_something_else_are_refused_with_their_first_tensors(tmp_path):
    for case in ("mimicry", "biggan_pytorch", "studiogan", "biggan_deep"):
        with pytest.raises(ZooError, match=r"this is not a \w*.*generator of"):
            RECOGNIZERS[case]({"conv1.weight": np.zeros([1, 1, 1, 1]), "conv1.bias": np.zeros(1)}, None)
    with pytest.raises(ZooError, match=r"Its first tensors are conv1\.weight"):
        mimicry.recognize({"conv1.weight": np.zeros([1, 1, 1, 1])})


def test_discriminators_whose_pooling_a_file_does_not_show_are_refused(tmp_path):
    refused(
        tmp_path, "no spectral normalisation", discriminator=lambda t: {"block1.c1.weight": np.zeros([16, 3, 3, 3])}
    )


def test_existing_folder_is_refused(imported):
    before = {path: path.read_bytes() for path in imported.folder.rglob("*") if path.is_file()}
    with pytest.raises(ZooError, match="exists already; choose another --to"):
        write_run(imported.folder)
    assert {path: path.read_bytes() for path in imported.folder.rglob("*") if path.is_file()} == before


def test_folder_appears_complete_or_not_at_all(tmp_path, monkeypatch):
    renames = []
    monkeypatch.setattr(
        from_weights.os,
        "rename",
        lambda a, b: renames.append((sorted(p.name for p in a.iterdir()), b.exists())) or 1 / 0,
    )
    with pytest.raises(ZeroDivisionError):
        write_run(tmp_path / "runs" / "run", discriminator=False)
    assert renames == [(["checkpoints", "dataset.json", "imported.json", "recipe.json"], False)]
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["G.pth"]


# The command


def command(*arguments):
    words = [sys.executable, "-m", "tfgan_zoo.import_weights", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, cwd=pathlib.Path(__file__).parents[2])


def test_command_refuses_code_in_a_file_and_leaves_nothing(tmp_path):
    file, trace = tmp_path / "G.pth", tmp_path / "called"
    file.write_bytes(pickle.dumps({"l1.weight": Called(trace)}, 2))
    process = command("--from=mimicry", file, f"--to={tmp_path / 'run'}")
    assert process.returncode == 2
    assert re.search(r"it names \w+\.open; expected only dictionaries and tensors", process.stderr)
    assert [p.name for p in tmp_path.iterdir()] == ["G.pth"]


class Called:
    """Pickled as a call that creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_command_imports_a_mimicry_checkpoint_with_optimizer_tensors(tmp_path):
    tensors, _ = weights("mimicry")
    saved = {f"model_state_dict.{name}": tensor for name, tensor in tensors.items()}
    file = tmp_path / "netG_100000_steps.pth"
    file.write_bytes(
        torch_files.zip_checkpoint({**saved, "optimizer_state_dict.state.0.exp_avg": np.zeros(3, np.float32)})
    )
    process = command("--from=mimicry", file, f"--to={tmp_path / 'run'}")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("sngan, 32 pixels: ")
    assert Run(tmp_path / "run").recipe.arguments["mimicry"]
    for flag, only in (("--truncation=0.4", "hf_biggan_deep"), ("--batch_norm_epsilon=1e-4", "biggan_pytorch")):
        process = command("--from=mimicry", file, flag, f"--to={tmp_path / 'other'}")
        assert (process.returncode, f"applies only to --from={only}" in process.stderr) == (2, True)
