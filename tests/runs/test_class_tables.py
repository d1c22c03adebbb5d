"""Rows of classes go by name: what a class meant to the trained networks it means to the new ones, for every way to use labels."""

import doctest

import numpy as np
import pytest
from test_initialization import begun, images_file, trained, values

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.game import PLAYERS, run_network
from tfgan_zoo.layers import SpectralNormalization
from tfgan_zoo.layers.replaced_kernel import kernel_of
from tfgan_zoo.runs import building
from tfgan_zoo.runs import class_tables as class_tables_module
from tfgan_zoo.runs.class_tables import ClassRows, ClassTable, class_tables, rows_by_class
from tfgan_zoo.runs.initialization import fit, renew_vectors

SHAPE = (16, 16, 1)
RESIDUAL = {"generator_channels": 2, "discriminator_channels": 2, "noise_size": 4}
# Every way in which the zoo's networks use labels: {name: (model, arguments)}.
USES = {
    "one-hot behind the latent, class logits": ("acgan", {"network": "compact", "noise_size": 4, "channels": 2, "dense": 6}),
    "layers of their own for the label": ("cgan", {"noise_size": 4, "generator_own": [3, 3], "generator_hidden": [5],
                                                    "discriminator_own": [4, 3], "discriminator_hidden": [4]}),
    "short vector of the label": ("lsgan", {"conditional": True, "label_size": 3, "noise_size": 4, "channels": 2, "dense": 6}),
    "fake class": ("sgan", {"noise_size": 4, "channels": 2, "network": "compact", "dense": 6}),
    "class logits behind the logit": ("pggan", {"conditional": True, "noise_size": 4, "feature_base": 32, "feature_maximum": 4}),
    "conditional norm, projection": ("projection", RESIDUAL),
    "conditional norm, concatenation": ("projection", {**RESIDUAL, "conditioning": "concatenation", "label_size": 3}),
    "conditional norm with spectral norm": ("sagan", {**RESIDUAL, "attention": False}),
    "shared embedding": ("biggan", {"noise_size": 6, "channels": 2, "shared_size": 3}),
    "an embedding per norm": ("biggan", {"noise_size": 6, "channels": 2, "shared_size": 0, "hierarchical": False}),
    "shared embedding, deep": ("biggan_deep", {"noise_size": 4, "channels": 4, "shared_size": 3}),
}  # fmt: skip


def build(model, arguments):
    """A function classes -> the game for so many."""
    settings = catalog.completed(recipe.parse({"model": model, "steps": 1, "arguments": arguments}))
    return lambda classes: building.game_builder(settings, SHAPE, classes)()


def perturbed(game, seed):
    """A game all of whose weights are random, and the vectors of whose spectral norms have converged."""
    rng = np.random.default_rng(seed)
    for player in PLAYERS:
        network = getattr(game, player)
        for variable in network.trainable_variables:
            variable.assign(variable.numpy() + 0.3 * rng.normal(size=variable.shape))
        converge(network)
    return game


def converge(network):
    for layer in network._flatten_layers(include_self=False):
        if isinstance(layer, SpectralNormalization):
            left, _, right = np.linalg.svd(layer.matrix(kernel_of(layer.layer).value).numpy(), full_matrices=False)
            layer.v.assign(left[:, 0])
            layer.u.assign(right[0])


def start(make, there, names_there, names_here):
    """The game for `names_here` that begins with the weights of the game `there`, and {(player, path): value before}."""
    here = perturbed(make(len(names_here)), 2)
    before = {(player, v.path): v.numpy() for player in PLAYERS for v in getattr(here, player).variables}
    rows = rows_by_class(names_there, names_here, len(names_there), len(names_here))
    tables = class_tables(here, make, len(names_here))
    for player in PLAYERS:
        network = getattr(here, player)
        trained_values = {v.path: v.numpy() for v in getattr(there, player).variables}
        fits = fit(network, trained_values, tables[player], rows)
        for variable in network.variables:
            if variable.path in fits.values:
                variable.assign(fits.values[variable.path])
        renew_vectors(network, fits.by_class)
        converge(network)
    return here, before


def outputs(game, labels):
    """(images, the discriminator's outputs on random images) for labels [B]."""
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(len(labels), game.prior.noise_size)).astype(np.float32)
    images = rng.uniform(-1, 1, (len(labels), *SHAPE)).astype(np.float32)
    batch = {"noise": noise, "images": images, "labels": np.array(labels, np.int32)}
    fake = run_network(game.generator, batch, training=False)
    return np.array(fake), {k: np.array(v) for k, v in run_network(game.discriminator, batch, training=False).items()}


@pytest.mark.parametrize("use", [pytest.param(use, marks=[pytest.mark.slow] * use.endswith("deep")) for use in USES])
def test_a_class_at_another_place_looks_and_is_judged_as_before(use):
    make = build(*USES[use])
    names_there, names_here = ("ant", "bee", "cat", "dog"), ("dog", "ant", "cat", "bee")
    there = perturbed(make(4), 1)
    here, _ = start(make, there, names_there, names_here)
    old = [0, 1, 2, 3]
    new = [names_here.index(names_there[c]) for c in old]
    images, judged = outputs(there, old)
    images_here, judged_here = outputs(here, new)
    np.testing.assert_allclose(images_here, images, atol=2e-4)
    np.testing.assert_allclose(judged_here.get("logits", 0), judged.get("logits", 0), atol=2e-3)
    if "class_logits" in judged:
        order = [*new, *range(4, judged["class_logits"].shape[-1])]
        np.testing.assert_allclose(judged_here["class_logits"][:, order], judged["class_logits"], atol=2e-3)


@pytest.mark.parametrize(
    "use", [use for use, (model, _) in USES.items() if model in ("acgan", "cgan", "sgan", "pggan")]
)
def test_known_classes_among_new_ones_are_kept_and_new_ones_begin_anew(use):
    make = build(*USES[use])
    there = perturbed(make(4), 1)
    here, before = start(make, there, ("ant", "bee", "cat", "dog"), ("fox", "dog", "bee"))
    images, judged = outputs(there, [3, 1])
    images_here, judged_here = outputs(here, [1, 2])
    np.testing.assert_allclose(images_here, images, atol=1e-4)
    np.testing.assert_allclose(judged_here.get("logits", 0), judged.get("logits", 0), atol=1e-3)
    if "class_logits" in judged:
        np.testing.assert_allclose(judged_here["class_logits"][:, [1, 2]], judged["class_logits"][:, [3, 1]], atol=1e-3)
        np.testing.assert_allclose(judged_here["class_logits"][:, 3:], judged["class_logits"][:, 4:], atol=1e-3)
    tables = class_tables(here, make, 3)
    for player in PLAYERS:
        for variable in getattr(here, player).variables:
            if table := tables[player].get(variable.path):
                place = [slice(None)] * table.axis + [table.before]  # of the fox
                np.testing.assert_array_equal(variable.numpy()[*place], before[player, variable.path][*place])


def test_a_table_of_rows_is_put_together_by_hand():
    fresh, old = np.zeros((5, 2)), np.arange(8.0).reshape(4, 2) + 1  # a latent of length 2 before three and two classes
    merged = ClassTable(0, 2, 0).merged(ClassRows({1: 0}, 3, 2, "name"), fresh, old)
    assert merged.tolist() == [[1, 2], [3, 4], [0, 0], [5, 6], [0, 0]]
    logits = ClassTable(0, 0, 1).merged(ClassRows({0: 1}, 2, 3, "name"), np.zeros(3), np.array([1.0, 2, 3, 4]))
    assert logits.tolist() == [2, 0, 4]  # the last is the fake class
    assert ClassTable(0, 2, 0).merged(ClassRows({1: 0}, 3, 2, "name"), fresh, old[:3]) is None


def test_without_names_classes_go_by_position_if_there_are_as_many():
    assert rows_by_class((), ("a", "b"), 2, 2) == ClassRows({0: 0, 1: 1}, 2, 2, "position")
    assert rows_by_class((), ("a", "b"), 3, 2) == ClassRows({}, 2, 3, "")
    assert rows_by_class(("a", "b"), ("a", "b"), 2, 2).same
    assert not rows_by_class(("a", "b"), ("b", "a"), 2, 2).same
    assert not rows_by_class(("a", "b", "c"), ("a", "b"), 3, 2).same


def test_a_run_says_which_classes_are_new(tmp_path):
    table = {
        "model": "acgan",
        "steps": 1,
        "batch_size": 4,
        "arguments": USES["one-hot behind the latent, class logits"][1],
    }
    there = trained(tmp_path / "a", table, data=images_file(tmp_path, ("ant", "bee", "cat")))
    messages, data = [], images_file(tmp_path, ("bee", "fox", "ant", "owl"))
    now = values(begun(tmp_path / "b", table, messages, data=data, init_from=str(tmp_path / "a")))
    assert messages[0].splitlines()[1:] == [
        "  Classes: 2 of 4 were there, by name; new ones, whose rows begin anew: fox, owl.",
        "  All names are in initialization.json.",
    ]
    kernel, old = now["generator/first_dense/kernel"], there["average/first_dense/kernel"]
    np.testing.assert_array_equal(kernel[:4], old[:4])  # of the latent
    np.testing.assert_array_equal(kernel[[4, 6]], old[[5, 4]])  # bee and ant
    head, old_head = now["discriminator/class_logits/kernel"], there["discriminator/class_logits/kernel"]
    np.testing.assert_array_equal(head[:, [0, 2]], old_head[:, [1, 0]])
    messages.clear()
    begun(tmp_path / "c", table, messages, data=images_file(tmp_path, ("gnu", "yak")), init_from=str(tmp_path / "a"))
    assert "Classes: 0 of 2 were there, by name; new ones, whose rows begin anew: gnu, yak." in messages[0]


def test_a_model_without_labels_has_no_class_tables():
    make = build("sngan", RESIDUAL)
    assert class_tables(make(3), make, 3) == {"generator": {}, "discriminator": {}}


def test_the_example_of_class_rows_holds():
    assert doctest.testmod(class_tables_module).failed == 0
