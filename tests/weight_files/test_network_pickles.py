"""Pickled networks of StyleGAN2 and R3GAN: what they compute once imported, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pickled_networks as made
import pytest

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import run_network
from tfgan_zoo.networks.stylegan2 import noise_shapes
from tfgan_zoo.runs import from_weights
from tfgan_zoo.weight_files import r3gan_pickle, stylegan2_pickle
from tfgan_zoo.weight_files.layout_table import players_of
from tfgan_zoo.weight_files.network_pickle import _NetworkUnpickler, read_networks
from tfgan_zoo.weight_files.transfer import below, state_dict

REFERENCES = Path(__file__).parents[1] / "references"
CASES = ("stylegan2_tiny32", "stylegan2_cond32", "r3gan_tiny32", "r3gan_cond32")
RECOGNIZE = {"stylegan2": stylegan2_pickle.recognize, "r3gan": r3gan_pickle.recognize}


def reference(case):
    with np.load(REFERENCES / f"{case}.npz") as file:
        return dict(file)


def players(case):
    """({name: array} of the generator, of the discriminator) of a reference."""
    arrays = reference(case)
    return below(arrays, "G"), below(arrays, "D")


def pickled(case):
    """The file of a reference, in which G differs from G_ema."""
    generator, discriminator = players(case)
    if case.startswith("stylegan2"):
        discriminator |= {"b4.mbstd.group_size": 4, "b4.conv.activation": "lrelu"}
        one, other = made.persistent, made.persistent
    else:
        one, other = made.plain, lambda tensors: made.plain(tensors, ("training.networks", "Discriminator"))
    before = {name: np.zeros_like(tensor) for name, tensor in generator.items()}
    return made.snapshot({"G": one(before), "D": other(discriminator), "G_ema": one(generator)})


def recognized(case, content):
    layout = {"stylegan2": "stylegan2_ada"}.get(case.partition("_")[0], "r3gan")
    tensors = read_networks(content)
    keys = players_of(layout, tensors)
    assert keys == ("G_ema", "D")
    return RECOGNIZE[case.partition("_")[0]](*(state_dict(tensors, key) for key in keys))


def noise_maps(arrays):
    """The reference's constant noise by our names; none for R3GAN."""
    maps = {}
    for name, (side, _, _) in noise_shapes((32, 32, 3)).items():
        key = f"G.synthesis.b{side}.conv{0 if name.endswith('_up') else 1}.noise_const"
        if key in arrays:
            maps[name] = np.repeat(arrays[key][None, :, :, None], 4, axis=0)
    return maps


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("case", CASES)
def test_imported_networks_compute_what_the_authors_do(case):
    arrays = reference(case)
    found = recognized(case, pickled(case))
    assert (found.image_shape, found.num_classes) == ((32, 32, 3), arrays["c"].shape[1])
    game = from_weights.build(from_weights.recipe_of(found, "a file"), found)
    found.fill_generator(game.generator)
    found.fill_discriminator(game.discriminator)
    labels = {"labels": arrays["c"].argmax(1).astype(np.int32)} if found.num_classes else {}
    psi = {"psi": np.ones([4, 1], np.float32)} if case.startswith("stylegan2") else {}
    images = run_network(game.generator, {"noise": arrays["z"], **labels, **psi, **noise_maps(arrays)}, training=False)
    theirs = arrays["out.images"].transpose(0, 2, 3, 1)
    assert_close(images, theirs)
    logits = run_network(game.discriminator, {"images": theirs, **labels}, training=False)["logits"]
    assert_close(np.ravel(logits), np.ravel(arrays["out.logits"]))


def in_tensorflows_layout(player, tensors):
    """PyTorch's {name: array} of the reference by the names and in the layout of TensorFlow 1."""
    named = {}
    for name, values in tensors.items():
        *_, layer, rest = ["", *name.split(".")]
        side = (re.search(r"b(\d+)\.", name) or [0, ""])[1]
        prefix = "synthesis/" if player == "G" else ""
        place = f"{prefix}{side}x{side}/"
        if rest in ("resample_filter", "noise_const"):
            continue
        if name == "mapping.w_avg":
            named["dlatent_avg"] = values
        elif name.startswith("mapping.fc"):
            named[f"mapping/Dense{layer[2:]}/{rest}"] = values.T
        elif rest == "const":
            named[f"{place}Const/const"] = values[None]
        elif layer == "affine":
            own = {"conv0": "Conv0_up", "conv1": "Conv" if side == "4" else "Conv1", "torgb": "ToRGB"}[
                name.split(".")[-3]
            ]
            named[f"{place}{own}/mod_{rest}"] = values.T - (rest == "bias")
        else:
            own = {"fc": "Dense0", "fromrgb": "FromRGB", "skip": "Skip", "torgb": "ToRGB", "conv": "Conv"}.get(layer)
            own = own or {
                "conv0": "Conv0_up" if player == "G" else "Conv0",
                "conv1": "Conv1" if player == "G" else "Conv1_down",
            }.get(layer)
            own = "Conv" if (player, side, layer) == ("G", "4", "conv1") else own
            if layer == "out":
                place, own = "", "Output"
            if values.ndim == 4:
                values = values[:, :, ::-1, ::-1] if own == "Conv0_up" else values
                values = values.transpose(2, 3, 1, 0)
            named[f"{place}{own}/{rest}"] = values.T if values.ndim == 2 else values
    return named


def test_pickles_of_tensorflow_1_give_the_same_networks():
    generator, discriminator = players("stylegan2_tiny32")
    networks = [
        made.of_tensorflow(in_tensorflows_layout(player, tensors))
        for player, tensors in (("G", generator), ("D", discriminator))
    ]
    found = recognized("stylegan2_tiny32", made.a_pickle(b"(" + networks[0] + networks[1] + networks[0] + b"t"))
    expected = recognized("stylegan2_tiny32", pickled("stylegan2_tiny32"))
    assert found.arguments == expected.arguments
    for fill, player in (("fill_generator", "generator"), ("fill_discriminator", "discriminator")):
        values = []
        for weights in (found, expected):
            network = getattr(from_weights.build(from_weights.recipe_of(weights, "a file"), weights), player)
            getattr(weights, fill)(network)
            values.append([v.numpy() for v in network.variables])
        for one, other in zip(*values, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_imported_run_is_sampled_and_exported(tmp_path, commands):
    file = tmp_path / "network-snapshot.pkl"
    file.write_bytes(pickled("r3gan_cond32"))
    done = commands.run("import_weights", "--from=r3gan", str(file), f"--to={tmp_path / 'run'}")
    assert "r3gan, 32 pixels, 5 classes" in done.stdout
    commands.run("sample", f"--run={tmp_path / 'run'}", f"--out={tmp_path / 'grid.png'}", "--num=4")
    assert (tmp_path / "grid.png").stat().st_size > 1000
    assert "r3gan" in (tmp_path / "run" / "imported.json").read_text()


SMALL = {"fc.weight": np.ones([2, 3], np.float32)}


def test_source_in_the_file_is_not_executed():
    tensors = read_networks(made.snapshot({"G_ema": made.persistent(SMALL)}))  # its source would end this process
    assert {name: array.shape for name, array in tensors.items()} == {"G_ema.fc.weight": (2, 3)}


def test_modules_in_several_places_or_in_themselves_are_read_once():
    inner = made.plain(SMALL)
    doubled = inner
    for number in range(40):  # 2 to the power of 40 paths
        put = bytes([ord("q"), number])
        get = bytes([ord("h"), number])
        both = b"}(" + made.item("left") + doubled + put + made.item("right") + get + b"u"
        doubled = made.named("training.networks", "Generator") + b")\x81" + b"}(" + made.item("_modules") + both + b"ub"
    assert len(read_networks(made.snapshot({"G_ema": doubled}))) == 1
    itself = (
        made.named("training.networks", "G")
        + b")\x81q\x00}("
        + made.item("_modules")
        + b"}("
        + made.item("me")
        + b"h\x00uub"
    )
    with pytest.raises(ZooError, match="no tensors"):
        read_networks(made.snapshot({"G_ema": itself}))


REFUSED = {
    "a function": (made.called(made.named("os", "getcwd")), "it names os.getcwd"),
    "a function of torch": (made.called(made.named("torch.hub", "load")), "it names torch.hub.load"),
    "a function within the storage": (
        made.persistent(SMALL).replace(b"ctorch\nFloatStorage\n", b"ctorch\nFloatSt0rage\n"),
        "it names torch.FloatSt0rage",
    ),
    "a tensor beyond its storage": (
        made.tensor(np.ones([4, 4], np.float32), made.storage_file(np.ones(8, np.float32))),
        "exceeds its storage of 8 numbers",
    ),
    "bytes read twice": (
        made.called(made.named("torch.storage", "_load_from_bytes"), made.item(made.storage_file(np.ones(999))) + b"q\x00")
        + b"0" + made.called(made.named("torch.storage", "_load_from_bytes"), b"h\x00"),
        "more than once",
    ),
    "a changed function": (
        made.named("torch_utils.persistence", "_reconstruct_persistent_obj") + made.item((None, {"__doc__": "changed"})) + b"b",
        "changes a function",
    ),
    "a long name": (made.plain({"n" * 1001: np.ones(2, np.float32)}), "longer than 1,000 characters"),
    "a high number of what is remembered": (made.item("name") + b"r\x88\x13\x00\x00", "number 5,000 after"),
    "an array of objects": (
        made.numpy_array(np.ones(2)).replace(made.item("f4"), made.item("O8")),
        "an array of 'O8'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_network_is_refused(name):
    opcodes, message = REFUSED[name]
    with pytest.raises(ZooError, match=re.escape(message)):
        read_networks(made.snapshot({"G_ema": opcodes}))


GIVEN = {
    "torch": ["FloatStorage", "BFloat16Storage", "float16", "Size", "device"],
    "torch._utils": ["_rebuild_tensor_v2", "_rebuild_parameter"],
    "torch.storage": ["_load_from_bytes"],
    "torch_utils.persistence": ["_reconstruct_persistent_obj"],
    "numpy.core.multiarray": ["scalar"],
    "builtins": ["set"],
    "__builtin__": ["set"],
    "_codecs": ["encode"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in GIVEN.items() for name in names])
def test_what_a_pickle_is_given_by_name_has_no_state_to_change(module, name):
    given = _NetworkUnpickler(made.a_pickle(b"N")).find_class(module, name)
    if isinstance(given, str):
        return
    assert not hasattr(given, "__dict__")
    with pytest.raises(ZooError, match="changes a function"):
        given.__setstate__({"__doc__": "changed"})


def test_the_discriminator_may_be_left_out(tmp_path, commands):
    file = tmp_path / "network-snapshot.pkl"
    file.write_bytes(pickled("r3gan_tiny32"))
    run = tmp_path / "run"
    done = commands.run("import_weights", "--from=r3gan", str(file), f"--to={run}", "--discriminator=none")
    assert done.returncode == 0, done.stderr
    assert "discriminator" not in (run / "imported.json").read_text()


def test_whole_batches_of_the_minibatch_statistics_stay_none():
    generator, discriminator = players("stylegan2_tiny32")
    found = stylegan2_pickle.recognize(generator, discriminator | {"b4.mbstd.group_size": np.asarray(0)})
    assert found.arguments["group_size"] is None


def test_tensors_that_share_their_numbers_without_end_are_refused():
    shared = made.tensor(np.ones(4096, np.float32)) + b"q\x00"
    parameters = b"}(" + made.item("first") + shared + b"".join(made.item(f"n{i}") + b"h\x00" for i in range(99)) + b"u"
    module = made.named("training.networks", "G") + b")\x81" + b"}(" + made.item("_parameters") + parameters + b"ub"
    with pytest.raises(ZooError, match="share their numbers so often"):
        read_networks(made.snapshot({"G_ema": module}))


@pytest.mark.parametrize(
    ("case", "change", "message"),
    [
        ("stylegan2_tiny32", {"synthesis.b8.resample_filter": np.ones([4, 4])}, "another filter than"),
        ("r3gan_tiny32", {"Model.MainLayers.1.Layers.0.Resampler.Kernel": np.ones([2, 2])}, "another filter than"),
        ("stylegan2_tiny32", {"synthesis.b8.extra.weight": np.ones([4, 4])}, "1 left over"),
        ("stylegan2_tiny32", {"synthesis.b16.conv1.weight": np.ones([30, 32, 3, 3])}, "widths that halve"),
        ("r3gan_tiny32", {"Model.MainLayers.1.Layers.3.LinearLayer1.Layer.weight": np.ones([4, 4])}, "as many in each"),
        ("stylegan2_tiny32", {"synthesis.input.freqs": np.ones([32, 2])}, "this is a StyleGAN3 generator"),
        ("stylegan2_tiny32", {"synthesis.b8.conv1.activation": np.asarray("relu")}, "only 'lrelu', as published"),
        (
            "stylegan2_tiny32",
            {"synthesis.b8.conv1.affine.activation": np.asarray("lrelu")},
            "only 'linear', as published",
        ),
        ("stylegan2_tiny32", {"mapping.fc1.bias_gain": np.asarray(1)}, "only 0.01, as published"),
        ("stylegan2_tiny32", {"synthesis.b8.skip.weight": np.ones([32, 32, 1, 1])}, "only the architecture skip"),
        ("stylegan2_tiny32", {"synthesis.b4.torgb.weight": None}, "only the architecture skip"),
        ("stylegan2_tiny32", {"synthesis.b4.conv1.noise_strength": None}, "use_noise=False"),
        ("stylegan2_tiny32", {"mapping.fc0.weight": np.ones([64, 64])}, "layers of 64 numbers and its style 48"),
        ("stylegan2_cond32", {"mapping.embed.weight": np.ones([24, 5])}, "a class embedding of 24 numbers"),
        ("stylegan2_cond32", {"mapping.fc0.weight": np.ones([48, 48])}, "no latent, only a class"),
        (
            "r3gan_tiny32",
            {"Model.MainLayers.0.Layers.1.LinearLayer2.Layer.weight": np.ones([64, 16, 5, 5])},
            "kernels of 5x5",
        ),
        (
            "r3gan_tiny32",
            {"Model.MainLayers.0.Layers.1.LinearLayer2.Layer.weight": np.ones([128, 16, 3, 3])},
            "4 times wider",
        ),
        (
            "r3gan_tiny32",
            {"Model.MainLayers.0.Layers.1.LinearLayer2.Layer.weight": np.ones([64, 8, 3, 3])},
            "groups have",
        ),
    ],
)
def test_networks_that_differ_from_ours_are_refused(case, change, message):
    generator, _ = players(case)
    recognize = RECOGNIZE[case.partition("_")[0]]

    def load():
        found = recognize(changed(generator, change))
        found.fill_generator(from_weights.build(from_weights.recipe_of(found, "a file"), found).generator)

    with pytest.raises(ZooError, match=message):
        load()


def changed(tensors, change):
    """The tensors with others in place of some, and without those that are None."""
    return {name: tensor for name, tensor in {**tensors, **change}.items() if tensor is not None}


@pytest.mark.parametrize(
    ("case", "change", "message"),
    [
        ("stylegan2_tiny32", {"b16.conv0.activation": np.asarray("relu")}, "only 'lrelu', as published"),
        ("stylegan2_tiny32", {"b4.fromrgb.weight": np.ones([32, 3, 1, 1])}, "the architecture skip"),
        ("stylegan2_tiny32", {"b4.conv.weight": np.ones([32, 34, 3, 3])}, "2 channels of minibatch standard deviation"),
        ("stylegan2_tiny32", {"b32.conv0.weight": np.ones([8, 8, 3, 3])}, "[32, 32, 32, 8] channels at [4, 8, 16, 32]"),
        ("stylegan2_cond32", {"mapping.embed.weight": None}, "0 classes and the generator 5"),
        ("stylegan2_cond32", {"mapping.fc7.weight": None}, "by 7 layers"),
        ("r3gan_tiny32", {"Model.MainLayers.0.Layers.0.LinearLayer2.Layer.weight": np.ones([32, 8, 3, 3])}, "channels in a group"),
        ("r3gan_tiny32", {"Model.MainLayers.0.Layers.0.LinearLayer3.Layer.weight": np.ones([8, 32, 1, 1])}, "stages have"),
        ("r3gan_cond32", {"Model.EmbeddingLayer.weight": None}, "0 classes and the generator 5"),
        ("r3gan_cond32", {"Model.EmbeddingLayer.weight": np.ones([8, 5])}, "class embedding has 8 numbers"),
    ],
)  # fmt: skip
def test_discriminators_that_do_not_mirror_ours_are_refused_and_may_be_left_out(case, change, message):
    generator, discriminator = players(case)
    recognize = RECOGNIZE[case.partition("_")[0]]
    with pytest.raises(ZooError, match=re.escape(message)) as raised:
        recognize(generator, changed(discriminator, change))
    assert "--discriminator=none" in str(raised.value)


def test_widths_that_no_power_of_two_divides_are_recognized():
    generator, _ = players("stylegan2_tiny32")
    widths = [100 // side for side in (4, 8, 16, 32)]
    change = {f"synthesis.b{4 << i}.conv1.weight": np.ones([width, width, 3, 3]) for i, width in enumerate(widths)} | {
        "synthesis.b32.torgb.weight": np.ones([3, widths[-1], 1, 1])
    }
    found = stylegan2_pickle.recognize({**generator, **change}).arguments
    assert [min(found["channel_base"] // side, found["channel_maximum"]) for side in (4, 8, 16, 32)] == widths


def test_another_librarys_file_is_named():
    with pytest.raises(ZooError, match="this is not a StyleGAN2 generator"):
        stylegan2_pickle.recognize({"conv.weight": np.ones([1, 1, 3, 3])})
    with pytest.raises(ZooError, match="this is not an R3GAN generator"):
        r3gan_pickle.recognize({"conv.weight": np.ones([1, 1, 3, 3])})


def test_imported_runs_name_the_data_of_papers_rather_than_what_comes_with_the_package():
    presets = [from_weights.preset_of("stylegan2", side) for side in (32, 64, 256, 128)]
    assert presets == ["cifar10", "ffhq64", "ffhq256", "cifar10"]  # there is none at 128
    assert from_weights.preset_of("sngan", 64) == "emoji"  # which has no other there
