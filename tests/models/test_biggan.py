"""BigGAN and BigGAN-deep: their layers and parameters, what acts on an image, and standing statistics."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import start_from_zero

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import BatchNorm, ConditionalBatchNorm, OrthogonalRegularizer, SelfAttention
from tfgan_zoo.models import biggan, biggan_deep
from tfgan_zoo.networks import biggan as networks
from tfgan_zoo.networks import biggan_deep as deep_networks
from tfgan_zoo.networks.spectral_layers import SpectralLayers, attended, chunks
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.training_run import TrainingRun
from tfgan_zoo.training.standing_statistics import latent_batches, refresh_standing_statistics

SHAPE, CLASSES = (16, 16, 1), 3
BOTH = pytest.mark.parametrize("model", [biggan, biggan_deep], ids=["biggan", "biggan_deep"])


def small(model, **arguments):
    return model.build(SHAPE, CLASSES, **{"channels": 2, "noise_size": 7, "shared_size": 4, **arguments})


@functools.cache
def shared_game(model):
    """A small game whose variables must not be changed."""
    keras.utils.set_random_seed(0)
    return small(model, attention_resolutions=(8,))


def trainable(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def layers_of(network, kind):
    return [layer for layer in network._flatten_layers() if isinstance(layer, kind)]


def layer_named(network, name):
    return next(layer for layer in network.layers if layer.name == name)


def up_to(network, name):
    """The function from the inputs of `network` to the output of one of its layers."""
    return keras.Model(network.input, layer_named(network, name).output)


def inputs_of(count, seed=0):
    random = np.random.default_rng(seed)
    return {
        "noise": random.normal(size=(count, 7)).astype("float32"),
        "labels": np.arange(count, dtype="int32") % CLASSES,
    }


@pytest.fixture
def no_initialisation(monkeypatch):
    start_from_zero(monkeypatch)


@pytest.fixture
def restored():
    """A function (model) -> the game of `shared_game`; all its variables are restored afterwards."""
    borrowed = []

    def borrow(model):
        game = shared_game(model)
        borrowed.append((game, [v.numpy() for v in game.generator.variables]))
        return game

    yield borrow
    for game, values in borrowed:
        for variable, value in zip(game.generator.variables, values, strict=True):
            variable.assign(value)
        for norm in layers_of(game.generator, ConditionalBatchNorm) + layers_of(game.generator, BatchNorm):
            norm.standing = False


# ------------------------------------------------------------------------------------------------------------ parameters


def test_cifar10_networks_have_as_many_parameters_as_the_authors_count(no_initialisation):
    """BigGAN-PyTorch's count for its own CIFAR-10 setting: width 64, no shared embedding, no hierarchy, no attention."""
    assert trainable(networks.generator((32, 32, 3), 10, 128, 64, shared_size=0, hierarchical=False)) == 4_304_387
    assert trainable(networks.discriminator((32, 32, 3), 10, 64)) == 4_207_361


@pytest.mark.slow
def test_imagenet_networks_have_as_many_parameters_as_the_authors_count(no_initialisation):
    shape, attention = (128, 128, 3), (64,)
    assert trainable(networks.generator(shape, 1000, attention=attention)) == 70_433_988
    assert trainable(networks.discriminator(shape, 1000, attention=attention)) == 87_982_370
    assert trainable(deep_networks.generator(shape, 1000, attention=attention)) == 50_388_609


def test_presets_have_the_arguments_of_the_counted_networks():
    for model, preset, expected in (
        ("biggan", "cifar10", {"channels": 64, "noise_size": 128, "shared_size": 0, "hierarchical": False}),
        ("biggan", "imagenet128", {"channels": 96, "noise_size": 120, "shared_size": 128, "hierarchical": True}),
        ("biggan_deep", "imagenet128", {"channels": 128, "noise_size": 128, "shared_size": 128}),
    ):
        arguments = catalog.preset_table(model, preset)["arguments"]
        assert expected.items() <= arguments.items()
        assert arguments["attention_resolutions"] == ([] if preset == "cifar10" else [64])


@BOTH
def test_kernels_start_orthogonal(model):
    """W^T W = I, or W W^T = I if that is smaller."""
    game = shared_game(model)
    for network in (game.generator, game.discriminator):
        kernels = [v.numpy() for v in network.trainable_variables if v.name in ("kernel", "embeddings")]
        assert len(kernels) > 10
        for kernel in kernels:
            matrix = kernel.reshape(-1, kernel.shape[-1])
            matrix = matrix if matrix.shape[0] > matrix.shape[1] else matrix.T
            np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-5)


# ------------------------------------------------------------------------------------------------------------- conditions


def test_latents_split_into_chunks_of_nearly_equal_length():
    noise = tf.constant(np.arange(14).reshape(2, 7))
    assert [chunk[0].numpy().tolist() for chunk in chunks(noise, 3)] == [[0, 1, 2], [3, 4], [5, 6]]
    assert [chunk.shape[1] for chunk in chunks(tf.zeros([1, 120]), 6)] == [20] * 6  # the paper's at 128 pixels
    with pytest.raises(ZooError, match="use 8 or more"):
        chunks(noise, 8)


def test_hierarchical_latents_act_from_their_own_block_onwards():
    generator = shared_game(biggan).generator
    stem, first, second = (up_to(generator, name) for name in ("stem_reshape", "block_1_add", "block_2_add"))
    before = inputs_of(2)
    for number, same, changed in ((0, [], [stem]), (3, [stem], [first]), (5, [stem, first], [second, generator])):
        after = {**before, "noise": before["noise"].copy()}
        after["noise"][:, number] += 1
        for part in same:
            np.testing.assert_array_equal(part(after), part(before))
        for part in changed:
            assert np.abs(part(after) - part(before)).max() > 1e-4


@pytest.mark.parametrize(
    ("arguments", "condition_size"),
    [({}, 2 + 4), ({"hierarchical": False}, 4), ({"hierarchical": False, "shared_size": 0}, CLASSES)],
    ids=["hierarchical", "shared", "plain"],
)
def test_norms_see_their_chunk_and_the_shared_embedding_or_their_own_table(arguments, condition_size):
    norms = layers_of(small(biggan, **arguments).generator, ConditionalBatchNorm)
    assert len(norms) == 4
    for norm in norms:
        spectral = norm.spectral_norm
        assert spectral == (condition_size != CLASSES)
        assert (norm.gamma.layer if spectral else norm.gamma).kernel.shape[0] == condition_size


def test_deep_norms_and_the_deep_stem_see_the_whole_latent_followed_by_the_embedding():
    generator = shared_game(biggan_deep).generator
    norms = layers_of(generator, ConditionalBatchNorm)
    assert len(norms) == 4 * 4
    assert {norm.gamma.layer.kernel.shape[0] for norm in norms} == {7 + 4}
    dense = layer_named(generator, "dense")
    inputs = inputs_of(3)
    embedded = layer_named(generator, "shared").embeddings.numpy()[inputs["labels"]]
    np.testing.assert_allclose(
        up_to(generator, "dense")(inputs), dense(np.concatenate([inputs["noise"], embedded], 1)), atol=1e-5
    )


def test_hierarchical_latents_need_the_shared_embedding_and_both_models_need_labels():
    with pytest.raises(ZooError, match=r"shared_size=128, or arguments\.hierarchical"):
        small(biggan, shared_size=0)
    for model in (biggan, biggan_deep):
        with pytest.raises(ZooError, match="needs labels"):
            model.build(SHAPE, 0)


@BOTH
def test_truncation_and_labels_act_on_images(model):
    game = shared_game(model)

    def images(labels, truncation):
        latents = game.prior.sample(Draws(seed_of(1), 2), truncation)
        return game.generator({**latents, "labels": tf.constant(labels)}).numpy()

    truncated = images([1, 1], 0.0)
    np.testing.assert_allclose(truncated[0], truncated[1], atol=1e-6)
    assert np.abs(images([1, 1], 0.5) - truncated).max() > 1e-4
    first, second = images([0, 1], 0.0)
    assert np.abs(first - second).max() > 1e-4


# ---------------------------------------------------------------------------------------------------- attention and blocks


@BOTH
def test_attention_is_at_the_requested_resolutions(model):
    def resolutions(network):
        return [layer.output.shape[1] for layer in network.layers if isinstance(layer, SelfAttention)]

    game = shared_game(model)
    assert (resolutions(game.generator), resolutions(game.discriminator)) == ([8], [8])
    game = small(model, attention_resolutions=(16,), orthogonal_regularization=0.0)
    assert (resolutions(game.generator), resolutions(game.discriminator)) == (
        [16],
        [],
    )  # the discriminator's first maps have 8 pixels
    assert game.generator.losses == []


def test_attention_is_at_64_pixels_by_default():
    for side in (128, 256, 512):
        assert attended((side, side, 3), None) == (64,)
    assert attended((32, 32, 3), None) == ()
    assert attended((32, 32, 3), (16,)) == (16,)
    with pytest.raises(ZooError, match=r"no maps of 64 pixels; use some of 32, 16, 8, or \[\]"):
        attended((32, 32, 3), (64,))


def test_logits_are_a_linear_map_plus_the_class_embedding_times_the_features():
    """Spectral normalisation does not change kernels whose singular values are all 1."""
    discriminator = shared_game(biggan).discriminator
    inputs = {"images": np.random.default_rng(0).uniform(-1, 1, (3, *SHAPE)), "labels": np.array([0, 1, 2])}
    outputs = discriminator(inputs)
    table = next(v for v in discriminator.trainable_variables if v.name == "embeddings").numpy()
    linear = layer_named(discriminator, "logits").layer
    features = outputs["features"].numpy()
    expected = features @ linear.kernel.numpy() + (table * features).sum(1, keepdims=True)
    np.testing.assert_allclose(outputs["logits"], expected, rtol=1e-4, atol=1e-5)


def test_deep_shortcuts_drop_channels_when_upsampling_and_add_some_when_downsampling():
    """If a block's last convolution is 0, only its shortcut is left."""
    x, condition = keras.Input((4, 4, 8)), keras.Input((3,))
    for block, function in (
        (deep_networks.generator_block(x, 4, condition, "up", SpectralLayers(), up=True), "up"),
        (deep_networks.discriminator_block(x, 12, "down", SpectralLayers(), down=True), "down"),
    ):
        network = keras.Model([x, condition], block)
        last = layer_named(network, f"{function}_conv_4").layer
        last.kernel.assign(tf.zeros_like(last.kernel))
        images = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype("float32")
        outputs = network([images, np.ones((2, 3))]).numpy()
        if function == "up":
            np.testing.assert_allclose(outputs, images[..., :4].repeat(2, 1).repeat(2, 2), atol=1e-6)
        else:
            pooled = images.reshape(2, 2, 2, 2, 2, 8).mean((2, 4))
            added = layer_named(network, "down_shortcut").layer.kernel.numpy()[0, 0]
            np.testing.assert_allclose(outputs, np.concatenate([pooled, pooled @ added], -1), atol=1e-5)


# ---------------------------------------------------------------------------------------------------------- regularisation


def off_diagonal(kernel):
    columns = kernel.reshape(-1, kernel.shape[-1]).astype("float64")
    gram = columns.T @ columns
    return np.square(gram - np.diag(np.diag(gram))).sum()


@pytest.mark.parametrize("shape", [(2, 5), (5, 2), (3, 3, 2, 4)])
def test_orthogonal_regularizer_penalises_the_off_diagonal_of_the_gram_matrix_for_wide_and_tall_kernels(shape):
    kernel = np.random.default_rng(0).normal(size=shape).astype("float32")
    np.testing.assert_allclose(OrthogonalRegularizer(0.5)(kernel), 0.5 * off_diagonal(kernel), rtol=1e-5)


@BOTH
def test_every_kernel_of_the_generator_but_the_shared_embedding_is_regularised(model, restored):
    game = restored(model)
    random, expected = np.random.default_rng(0), 0.0
    for variable in game.generator.trainable_variables:
        variable.assign(random.normal(size=variable.shape))
        if variable.name == "kernel":
            expected += 1e-4 * off_diagonal(variable.numpy())
    np.testing.assert_allclose(sum(float(loss) for loss in game.generator.losses), expected, rtol=1e-5)
    assert game.discriminator.losses == []


def test_r1_is_half_gamma_times_the_squared_gradient_on_reals():
    game = small(biggan, r1=10.0)
    real = {
        "images": tf.constant(np.random.default_rng(0).uniform(-1, 1, (3, *SHAPE)), tf.float32),
        "labels": tf.constant([0, 1, 2]),
    }
    losses = game.objective.discriminator_losses(game.discriminator_turn(real, Draws(seed_of(0), 3)))
    with tf.GradientTape() as tape:
        tape.watch(real["images"])
        logits = game.discriminator(real)["logits"]
    gradient = tape.gradient(logits, real["images"]).numpy()
    np.testing.assert_allclose(losses["r1"], 10 / 2 * np.square(gradient).sum((1, 2, 3)).mean(), rtol=1e-3)


# ------------------------------------------------------------------------------------------------------ standing statistics


def standing_recipe(model="biggan", **changes):
    table = {"model": model, "steps": 4, "batch_size": 6, "averaging": {"standing_batches": 3}, **changes}
    return recipe.parse(table)


@BOTH
def test_standing_statistics_are_the_averages_of_the_batches_mean_and_variance(model, restored):
    """For the first norm, whose inputs depend on no statistics, and the last, whose inputs are normalised by each batch's."""
    game, settings = restored(model), standing_recipe()
    last_block = max(layer.name for layer in game.generator.layers if layer.name.endswith("_add"))
    unaffected = [v for v in game.generator.variables if "moving" not in v.name]
    before = [v.numpy() for v in unaffected]
    refresh_standing_statistics(game, settings, settings.schedule[0])
    for variable, value in zip(unaffected, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
    standing = {v.path: v.numpy() for v in game.generator.variables if "moving" in v.name}

    inputs_of_norms = {"block_1_norm_1": [], "norm": []}
    functions = {"block_1_norm_1": up_to(game.generator, "stem_reshape"), "norm": up_to(game.generator, last_block)}
    norms = [layer for layer in game.generator._flatten_layers() if "norm" in layer.name and layer.name != "norm"]
    for norm in norms:
        norm.standing = True
    for batch in latent_batches(game, settings, 6):
        for name, function in functions.items():
            inputs_of_norms[name].append(function(batch).numpy().astype("float64"))
    for name, batches in inputs_of_norms.items():
        pixels = np.stack(batches).reshape(3, -1, batches[0].shape[-1])
        statistics = {key.split("/")[-1]: value for key, value in standing.items() if key.split("/")[-2] == name}
        np.testing.assert_allclose(statistics["moving_mean"], pixels.mean(1).mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(statistics["moving_variance"], pixels.var(1, ddof=1).mean(0), rtol=1e-4)


def test_standing_statistics_are_off_by_default_and_reproducible(restored):
    game, on = restored(biggan), standing_recipe()
    start = [v.numpy() for v in game.generator.variables]
    off = standing_recipe(averaging={})
    refresh_standing_statistics(game, off, off.schedule[0])
    for variable, value in zip(game.generator.variables, start, strict=True):
        np.testing.assert_array_equal(variable, value)
    refresh_standing_statistics(game, on, on.schedule[0])
    once = [v.numpy() for v in game.generator.variables]
    refresh_standing_statistics(game, on, on.schedule[0])
    for variable, value in zip(game.generator.variables, once, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert any((a != b).any() for a, b in zip(start, once, strict=True))


def test_a_standing_batch_has_the_size_of_one_generator_pass(monkeypatch):
    game, sizes = shared_game(biggan), []
    monkeypatch.setattr(
        "tfgan_zoo.training.standing_statistics.standing_statistics",
        lambda network, batches: sizes.extend(batch["noise"].shape[0] for batch in batches),
    )
    for changes in ({}, {"accumulation": 2}, {"generator_batch_size": 12, "accumulation": 2}):
        settings = standing_recipe(**changes)
        refresh_standing_statistics(game, settings, settings.schedule[0])
    assert sizes == [6] * 3 + [3] * 3 + [6] * 3


def test_a_run_in_training_and_its_folder_have_the_same_standing_statistics(tmp_path):
    table = {"model": "dcgan", **catalog.preset_table("dcgan", "quickstart")}
    changes = [
        "arguments.generator_channels=2",
        "arguments.discriminator_channels=2",
        "data.resolution=16",
        "evaluation.samples=0",
        "averaging.standing_batches=2",
    ]
    run = TrainingRun(recipe.parse(recipe.override(table, changes)), tmp_path / "run", report=lambda _: None)
    run.save(0, None)
    run.averaged.generator()
    network, _, _ = Run(tmp_path / "run").generator()
    moving = 0
    for in_training, from_folder in zip(run.averaged.game.generator.variables, network.variables, strict=True):
        np.testing.assert_array_equal(in_training, from_folder, err_msg=in_training.path)
        moving += in_training.name == "moving_mean" and bool(np.any(in_training.numpy()))
    assert moving > 0
