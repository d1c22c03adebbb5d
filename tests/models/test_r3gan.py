"""R3GAN: its networks compute what the authors' do, its objective, its initial values, and what it refuses."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.schedules import value_at
from tfgan_zoo.layers import ScaledBasis
from tfgan_zoo.models import r3gan
from tfgan_zoo.networks import r3gan as networks

REFERENCES = Path(__file__).parents[1] / "references"
SMALL = {"channels": 8, "full_resolution": 4, "group_size": 8, "blocks": 1, "noise_size": 6}
SHAPE = (16, 16, 1)

# What the authors' networks, with random weights, compute in float32 on a CPU: widths, groups, blocks, classes
CASES = {"tiny32": ((32, 32, 16, 16), (4, 4, 2, 2), 2, 0), "cond32": ((32, 32, 16, 16), (4, 4, 2, 2), 1, 5)}


def authors_key(player, variable, stages, blocks):
    """The authors' name of a variable of a player: names and order of their modules, stages in the order of the computation."""
    layer, _, kind = variable.path.rpartition("/")
    layer = layer.rpartition("/")[2]
    alone = {
        "images": "AggregationLayer.Layer.weight",
        "from_images": "ExtractionLayer.Layer.weight",
        "label_embedding": "EmbeddingLayer.weight",
    }
    main = f"MainLayers.{0 if player == 'G' else stages - 1}.Layers.{0 if player == 'G' else blocks}."
    alone |= {
        "scale": f"{main}LinearLayer.weight",
        "logits": f"{main}LinearLayer.weight",
        "basis": f"{main}Basis" + ("" if player == "G" else ".weight"),
    }
    if layer in alone:
        return f"{player}.Model.{alone[layer]}"
    stage, rest = re.fullmatch(r"stage_(\d)_(.*)", layer).groups()
    place = int(stage) if player == "G" else stages - 1 - int(stage)
    if rest == "width":
        return f"{player}.Model.MainLayers.{place}.Layers.{0 if player == 'G' else blocks}.LinearLayer.Layer.weight"
    number, part = re.fullmatch(r"block_(\d)_(\w+)", rest).groups()
    at = f"{player}.Model.MainLayers.{place}.Layers.{int(number) + (player == 'G')}"
    which = ["widen", "conv", "narrow"].index(part) + 1
    return f"{at}.NonLinearity{which}.Bias" if kind == "bias" else f"{at}.LinearLayer{which}.Layer.weight"


def in_our_layout(tensor):
    """PyTorch's [out, in, h, w] -> [h, w, in, out], [out, in] -> [in, out], and a basis [C, h, w] -> [h, w, C]."""
    return np.transpose(tensor, {1: (0,), 2: (1, 0), 3: (1, 2, 0), 4: (2, 3, 1, 0)}[tensor.ndim])


@pytest.mark.parametrize("name", CASES)
def test_the_networks_compute_what_the_authors_networks_do(name):
    widths, groups, blocks, classes = CASES[name]
    with np.load(REFERENCES / f"r3gan_{name}.npz") as file:
        authors = dict(file)
    generator = networks.generator((32, 32, 3), 16, widths, groups, blocks, classes)
    discriminator = networks.discriminator((32, 32, 3), widths, groups, blocks, classes)
    used = set()
    for player, network in (("G", generator), ("D", discriminator)):
        for variable in network.variables:
            key = authors_key(player, variable, len(widths), blocks)
            variable.assign(in_our_layout(authors[key]))
            used.add(key)
    left = {key for key in authors if key.startswith(("G.", "D."))} - used
    assert all(key.endswith("Resampler.Kernel") for key in left)  # the filter is fixed: [1, 3, 3, 1] in both directions
    labels = {"labels": authors["c"].argmax(1).astype(np.int32)} if classes else {}
    images = generator({"noise": authors["z"], **labels}).numpy()
    expected = authors["out.images"].transpose(0, 2, 3, 1)
    np.testing.assert_allclose(images, expected, atol=1e-5 * np.abs(expected).max())
    logits = discriminator({"images": expected, **labels})["logits"].numpy()[:, 0]
    np.testing.assert_allclose(logits, authors["out.logits"], atol=1e-5 * np.abs(authors["out.logits"]).max())


def test_the_objective_is_relativistic_with_both_penalties():
    terms = {name: weight for name, weight, _ in r3gan.build(SHAPE, **SMALL).objective.terms}
    assert terms == {"relativistic_pairing": 1, "r1": 1, "r2": 1}
    baseline = r3gan.build(SHAPE, loss="non_saturating", r2=False, **SMALL).objective
    assert {name: weight for name, weight, _ in baseline.terms} == {"non_saturating": 1, "r1": 1}


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_blocks_are_the_identity_at_first_and_kernels_have_the_papers_sizes(player):
    keras.utils.set_random_seed(0)
    game = r3gan.build((16, 16, 3), channels=64, group_size=16)
    network = getattr(game, player)
    assert not np.any(network.get_layer("stage_1_block_0_narrow").kernel)
    gain = np.sqrt(2 / 1.04) * 6**-0.25  # six blocks in all
    for layer, fan_in in (("stage_1_block_0_widen", 64), ("stage_1_block_1_conv", 16 * 9)):
        kernel = network.get_layer(layer).kernel.numpy()
        np.testing.assert_allclose(kernel.std(), gain / np.sqrt(fan_in), rtol=0.05)
    assert not [v.path for v in network.variables if v.path.endswith("bias") and np.any(v)]


def test_the_class_is_an_input_of_both_players_only_where_asked_for():
    conditional, plain = (r3gan.build(SHAPE, 3, conditional=asked, **SMALL) for asked in (True, False))
    assert {"labels"} == set(conditional.generator.input) - set(plain.generator.input)
    assert {"labels"} == set(conditional.discriminator.input) - set(plain.discriminator.input)
    images = tf.ones([3, *SHAPE])
    logits = conditional.discriminator({"images": images, "labels": tf.range(3)})["logits"]
    assert len(np.unique(logits)) == 3


def test_a_basis_is_scaled_per_channel():
    layer = ScaledBasis(2, 3)
    outputs = layer(tf.constant([[1.0, 2.0], [0.0, -1.0]]))
    np.testing.assert_allclose(outputs[0], layer.basis * [1.0, 2.0])
    np.testing.assert_allclose(outputs[1], layer.basis * [0.0, -1.0])
    assert layer.compute_output_shape((None, 2)) == (None, 2, 3, 2)


@pytest.mark.parametrize(
    ("shape", "changes", "message"),
    [
        ((2,), {}, "expect images"),
        ((18, 16, 1), {}, "cannot be halved 2 times"),
        (SHAPE, {"channels": 3}, "channels=3 halves 2 times up to 16 pixels; use 4 or more"),
        (SHAPE, {"group_size": 6}, "group_size=6 does not divide the 16 channels .* use 2"),
        (SHAPE, {"conditional": True}, "needs labels"),
    ],
)
def test_what_does_not_go_together_is_refused(shape, changes, message):
    with pytest.raises(ZooError, match=message):
        r3gan.build(shape, 0, **SMALL | changes)


def test_widths_halve_beyond_the_full_resolution_on_images_of_any_shape():
    assert networks.stage_widths((256, 256, 3), 768, 32) == (768, 768, 768, 768, 384, 192, 96)
    assert networks.stage_groups((768, 384, 192, 96), 16) == (96, 48, 24, 12)
    assert networks.stage_widths((28, 56, 1), 8, 7) == (8, 4, 2)
    game = r3gan.build((28, 56, 1), **SMALL)
    assert game.generator.get_layer("basis").output.shape[1:] == (7, 14, 4)
    assert game.generator.output_shape == (None, 28, 56, 1)
    assert game.discriminator.output["logits"].shape == (None, 1)


@pytest.mark.parametrize("preset", ["cifar10", "cifar10_unconditional", "ffhq64", "ffhq256", "imagenet32"])
def test_presets_follow_the_papers_schedules(preset):
    settings = recipe.parse({"model": "r3gan", **catalog.preset_table("r3gan", preset)})
    end = settings.generator_optimizer.learning_rate.over
    images = 200_000_000 if preset == "imagenet32" else 20_000_000
    assert end == round(images / settings.batch_size)
    gamma = {"cifar10": 0.05, "ffhq64": 2, "ffhq256": 150, "imagenet32": 0.5}[preset.removesuffix("_unconditional")]
    for weight in (settings.weights["r1"], settings.weights["r2"]):
        assert [float(value_at(weight, step)) for step in (0, end, 2 * end)] == pytest.approx(
            [gamma, gamma / 10, gamma / 10]
        )
    for optimizer in (settings.generator_optimizer, settings.discriminator_optimizer):
        middle = [float(value_at(number, end // 2)) for number in (optimizer.learning_rate, optimizer.beta_2)]
        assert middle == pytest.approx([1.25e-4, 0.945], rel=1e-3)
        assert (optimizer.beta_1, optimizer.epsilon) == (0, 1e-8)
