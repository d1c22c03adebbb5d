"""Growing: fades by hand, the paper's tables, stages in the loop, and a run that is stopped or used at any point."""

import itertools
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close
from PIL import Image
from small_games import assert_same, points_game, points_recipe, values

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Turn
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Stage
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.sources import Source
from tfgan_zoo.html_report import sample_strip
from tfgan_zoo.models import pggan
from tfgan_zoo.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator, feature_maps
from tfgan_zoo.objectives.adaptive_noise import AdaptiveNoise
from tfgan_zoo.runs.publish import export_run
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.targets import RunTarget
from tfgan_zoo.runs.training_run import TrainingRun
from tfgan_zoo.saved_model.version_folder import load_version
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

SMALL = {"base": 32, "maximum": 6}
NOISE = tf.constant(np.random.default_rng(0).normal(size=(4, 5)), tf.float32)


def images(side, batch=4, channels=3):
    return tf.constant(np.random.default_rng(side).uniform(-1, 1, (batch, side, side, channels)), tf.float32)


def doubled(x):
    return np.asarray(x).repeat(2, 1).repeat(2, 2)


def halved(x):
    return np.asarray(x).reshape(x.shape[0], x.shape[1] // 2, 2, x.shape[2] // 2, 2, x.shape[3]).mean((2, 4))


def generator(**settings):
    """At 16 pixels, with biases other than 0."""
    network = ProgressiveGenerator((16, 16, 3), 5, **SMALL, **settings)
    return perturbed(network)


def discriminator(**settings):
    return perturbed(ProgressiveDiscriminator((16, 16, 3), **SMALL, **settings))


def perturbed(network):
    rng = np.random.default_rng(1)
    for weight in network.trainable_variables:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    return network


def at(network, resolution, alpha=1.0):
    network.resolution = resolution
    network.alpha.assign(alpha)
    return network


# ------------------------------------------------------------------------------------------------------------ networks


@pytest.mark.parametrize("resolution", [8, 16])
def test_a_generator_at_alpha_0_equals_the_one_of_half_the_resolution_upsampled(resolution):
    network = generator()
    new = at(network, resolution, 0.0)({"noise": NOISE})
    old = at(network, resolution // 2)({"noise": NOISE})
    assert old.shape == (4, resolution // 2, resolution // 2, 3)
    np.testing.assert_array_equal(new, doubled(old))
    assert np.abs(at(network, resolution)({"noise": NOISE}) - new).max() > 0.1


@pytest.mark.parametrize("resolution", [8, 16])
def test_a_discriminator_at_alpha_0_equals_the_one_of_half_the_resolution_on_averaged_images(resolution):
    network, shown = discriminator(num_classes=2), images(resolution)
    new = at(network, resolution, 0.0)({"images": shown})
    old = at(network, resolution // 2)({"images": tf.nn.avg_pool2d(shown, 2, 2, "VALID")})
    assert {name: output.shape for name, output in new.items()} == {
        "logits": (4, 1),
        "class_logits": (4, 2),
        "features": (4, 6),
    }
    for name, output in new.items():
        np.testing.assert_array_equal(output, old[name])
        assert np.abs(at(network, resolution)({"images": shown})[name] - output).max() > 1e-3


def test_halfway_through_a_fade_the_generator_is_the_mean_of_both_paths():
    network = generator()
    old, new = at(network, 8)({"noise": NOISE}), at(network, 16)({"noise": NOISE})
    assert_all_close(at(network, 16, 0.5)({"noise": NOISE}), (doubled(old) + new.numpy()) / 2, 1e-6)


def layers_with_gradients(network, inputs):
    """The layers whose weights have a nonzero gradient."""
    weights = network.trainable_variables
    with tf.GradientTape() as tape:
        output = network(inputs, training=True)
        loss = tf.reduce_sum(tf.square(output if isinstance(output, tf.Tensor) else output["logits"]))
    gradients = tape.gradient(loss, [w.value for w in weights], unconnected_gradients="zero")
    return {w.path.split("/")[0] for w, g in zip(weights, gradients, strict=True) if np.any(g.numpy())}


def test_gradients_reach_the_layers_in_use_and_no_others():
    """At alpha 1 none flows through the old path, at alpha 0 none through the new one."""
    both = {"conv_4_2", "conv_8_1", "conv_8_2"}
    at_4 = {"first", "conv_4_2", "to_images_4"}
    network = generator()
    assert layers_with_gradients(at(network, 4), {"noise": NOISE}) == at_4
    assert layers_with_gradients(at(network, 8), {"noise": NOISE}) == {"first", *both, "to_images_8"}
    assert layers_with_gradients(at(network, 8, 0.0), {"noise": NOISE}) == at_4
    assert layers_with_gradients(at(network, 8, 0.5), {"noise": NOISE}) == {
        "first",
        *both,
        "to_images_4",
        "to_images_8",
    }
    network, shown = discriminator(), {"images": images(8)}
    both, ends = {"conv_8_1", "conv_8_2"}, {"conv_4_1", "conv_4_2", "logits"}
    assert layers_with_gradients(at(network, 8), shown) == {"from_images_8", *both, *ends}
    assert layers_with_gradients(at(network, 8, 0.0), shown) == {"from_images_4", *ends}
    assert layers_with_gradients(at(network, 8, 0.5), shown) == {"from_images_4", "from_images_8", *both, *ends}


def test_a_clone_has_the_generators_variables_and_output():
    network = generator(num_classes=3, authors_gain=True)
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    assert [v.path for v in clone.variables] == [v.path for v in network.variables]
    assert clone.get_config() == network.get_config()
    inputs = {"noise": NOISE, "labels": tf.constant([0, 1, 2, 0])}
    np.testing.assert_array_equal(at(clone, 8, 0.3)(inputs), at(network, 8, 0.3)(inputs))
    relabelled = network({**inputs, "labels": tf.constant([1, 1, 2, 0])})
    changed = np.abs(relabelled - network(inputs)).max((1, 2, 3)) > 1e-3
    assert changed.tolist() == [True, False, False, False]


def test_feature_maps_and_parameters_equal_those_of_the_papers_table_2():
    """By hand, G: dense 512 x 8192 + 512 and conv 4x4 2,359,808; 8, 16, 32: 2 of these each; then pairs of 9 in out + out to 256,
    128, 64, 32, 16 maps, and 1x1 to 3 colours at each of 9 resolutions. D likewise, with a 513th map and conv 4x4 512."""
    maps = [feature_maps(2**level) for level in range(2, 11)]
    assert maps == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    pairs = list(itertools.pairwise(maps))
    blocks = sum(9 * a * b + b + 9 * b * b + b for a, b in pairs)
    by_hand = 512 * 8192 + 512 + 9 * 512 * 512 + 512 + blocks + sum(3 * m + 3 for m in maps)
    assert count(ProgressiveGenerator((1024, 1024, 3))) == by_hand == 23_079_115
    blocks = sum(9 * b * b + b + 9 * b * a + a for a, b in pairs)
    ends = 9 * 513 * 512 + 512 + 16 * 512 * 512 + 512 + 512 + 1
    by_hand = blocks + ends + sum(3 * m + m for m in maps)
    assert count(ProgressiveDiscriminator((1024, 1024, 3))) == by_hand == 23_087_249


def count(network):
    return sum(math.prod(w.shape) for w in network.trainable_variables)


def test_equalised_constants_are_he_s_with_gain_1_in_the_last_layers():
    wide = {"base": 64, "maximum": 16}
    network = ProgressiveGenerator((16, 16, 3), 32, **wide)
    assert network.first.scale == pytest.approx(math.sqrt(2 / 32))
    authors = ProgressiveGenerator((16, 16, 3), 32, authors_gain=True, **wide)
    assert authors.first.scale == pytest.approx(math.sqrt(2) / 4 / math.sqrt(32))
    assert network.get_layer("conv_8_1").scale == pytest.approx(math.sqrt(2 / (9 * 16)))
    assert network.get_layer("conv_16_2").scale == pytest.approx(math.sqrt(2 / (9 * 8)))
    assert network.get_layer("to_images_16").scale == pytest.approx(math.sqrt(1 / 8))
    critic = ProgressiveDiscriminator((16, 16, 3), **wide)
    assert critic.get_layer("from_images_16").scale == pytest.approx(math.sqrt(2 / 3))
    assert critic.get_layer("conv_4_1").scale == pytest.approx(math.sqrt(2 / (9 * 17)))
    assert critic.get_layer("conv_4_2").scale == pytest.approx(math.sqrt(2 / (16 * 16)))
    assert critic.get_layer("logits").scale == pytest.approx(math.sqrt(1 / 16))


def test_an_image_depends_on_the_latents_direction_alone():
    network = generator()
    assert_all_close(network({"noise": 3 * NOISE}), network({"noise": NOISE}), 1e-4)


def test_logits_depend_on_the_members_of_a_group_of_two():
    """Of four examples 0 and 2 are a group, 1 and 3 the other (the authors' order)."""
    shown = images(16).numpy()
    changed = np.concatenate([shown[:2], -shown[2:3], shown[3:]])
    network = discriminator(group_size=2)
    before, after = (network({"images": tf.constant(x)})["logits"].numpy() for x in (shown, changed))
    assert (before != after)[:, 0].tolist() == [True, False, True, False]


@pytest.mark.parametrize("shape", [(16, 32, 1), (24, 24, 1), (4, 4, 1), (2,)])
def test_networks_refuse_shapes_that_they_cannot_grow_to(shape):
    with pytest.raises(ZooError, match="side is a power of two of at least 8"):
        ProgressiveGenerator(shape)


# ----------------------------------------------------------------------------------------------------- noise of least squares


def test_noise_strength_follows_the_mean_output_by_hand():
    """d = (1 + 3) / 2 = 2: d_1 = 0.2, d_2 = 0.38, d_3 = 0.542 and a strength of 0.2 * 0.042^2; then 20 more."""

    def critic(inputs, training):
        return {"logits": inputs["images"]}

    critic.inputs = [keras.KerasTensor((None, 1), name="images")]
    turn = Turn(critic, {"images": tf.constant([[1.0], [1.0]])}, {"images": tf.constant([[3.0]])}, None)
    strength = tf.Variable(0.0)
    term = AdaptiveNoise(strength)
    history = []
    for _ in range(4):
        assert term.discriminator_loss(turn) is None
        history.append((float(term.state["mean_output"]), float(strength)))
    expected = [0.2, 0.38, 0.542, 0.6878]
    assert_all_close(np.array(history), [(d, 0.2 * max(0, d - 0.5) ** 2) for d in expected], 1e-6)


def test_noise_multiplies_in_training_alone_and_not_at_strength_0():
    network, shown = discriminator(noise=True), {"images": images(16)}
    noiseless = network(shown)["logits"]
    np.testing.assert_array_equal(network(shown, training=True)["logits"], noiseless)
    network.noise_strength.assign(0.3)
    np.testing.assert_array_equal(network(shown)["logits"], noiseless)
    noisy = network(shown, training=True)["logits"]
    assert np.abs(noisy - noiseless).min() > 1e-4
    assert np.abs(network(shown, training=True)["logits"] - noisy).min() > 1e-4


# ---------------------------------------------------------------------------------------------------------------- game


def small_game(**settings):
    return pggan.build((16, 16, 3), noise_size=5, feature_base=32, feature_maximum=6, **settings)


def test_reals_are_shown_at_the_stages_resolution_and_faded_like_the_fakes():
    game, full = small_game(), images(16)
    game.enter(Stage(steps=10, batch_size=4, resolution=8, fade_steps=4))
    expected = halved(full)
    for fraction, alpha in ((0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (0.9, 1.0)):
        game.advance(tf.constant(fraction))
        shown = game.observe_real({"images": full, "labels": 1}, None)
        faded = alpha * expected + (1 - alpha) * doubled(halved(expected))
        assert_all_close(shown["images"], faded, 1e-6)
        assert shown["labels"] == 1
        assert game.generator.alpha.numpy() == pytest.approx(alpha)
    assert game.turn({"images": full}, Draws(seed_of(0), 4), False).fake["images"].shape == (4, 8, 8, 3)


def test_a_stage_reads_the_images_at_its_own_resolution():
    full = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 1)).astype(np.uint8)
    source = Source("a", full, None, ())
    small, large = (next(iter(batches(source.at(r).images, None, 4, seed=0)))["images"] for r in (4, 16))
    assert_all_close(small, halved(halved(large)), 0.5 / 127.5)  # rounded to whole grey levels


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"resolution": 32}, r"resolution=32, and these networks grow from 4 to 16 by doubling: 4, 8, 16\."),
        ({"resolution": (8, 16)}, "resolution=.8, 16."),
        ({"resolution": 4, "fade_steps": 1}, "nothing to fade from"),
    ],
)
def test_invalid_stages_are_refused_before_the_first_step(stage, message):
    settings = points_recipe(steps=2, stages=[{"steps": 2, "batch_size": 4, **stage}])
    with pytest.raises(ZooError, match=message):
        Trainer(settings, small_game, make_strategy("one"))


@pytest.mark.parametrize("batch", [6, 7])
def test_a_stage_whose_batch_cannot_be_split_into_groups_is_refused_before_the_first_step(batch):
    settings = points_recipe(steps=2, stages=[{"steps": 2, "batch_size": batch, "resolution": 16}])
    with pytest.raises(
        ZooError, match=f"batch_size={batch}, which cannot be split into groups of .*group_size=4; use 4"
    ):
        Trainer(settings, lambda: small_game(group_size=4), make_strategy("one"))


@pytest.mark.parametrize("batch", [3, 8])  # fewer examples than a group are one group
def test_a_stage_of_whole_groups_or_of_less_than_one_is_accepted(batch):
    settings = points_recipe(steps=2, stages=[{"steps": 2, "batch_size": batch, "resolution": 16}])
    trainer = Trainer(settings, lambda: small_game(group_size=4), make_strategy("one"))
    trainer.game.enter(settings.schedule[0])
    shown = np.random.default_rng(0).normal(size=[batch, 16, 16, 3]).astype("float32")
    assert np.isfinite(trainer.game.discriminator({"images": shown})["logits"]).all()


def test_models_that_do_not_grow_refuse_stages_of_other_resolutions():
    settings = points_recipe(steps=2, stages=[{"steps": 2, "batch_size": 4, "resolution": 8}])
    with pytest.raises(ZooError, match="does not grow"):
        Trainer(settings, points_game, make_strategy("one"))


# ---------------------------------------------------------------------------------------------------------- in the loop

STAGES = [
    {"resolution": 4, "batch_size": 4, "steps": 3},
    {"resolution": 8, "batch_size": 4, "steps": 5, "fade_steps": 4},
    {"resolution": 16, "batch_size": 2, "steps": 3, "fade_steps": 2},
]
ADAM = {"learning_rate": 1e-3, "beta_1": 0.5, "beta_2": 0.99}
PIXELS = np.random.default_rng(2).integers(0, 256, (32, 16, 16, 3)).astype(np.uint8)


QUICK = {"loss": "least_squares", "adaptive_noise": False}


def least_squares_game():
    """The quickest to trace."""
    return small_game(**QUICK)


def labelled_game():
    """With the loss of the quickstart, and labels."""
    return small_game(num_classes=3, conditional=True)


def grown(folder, first=0, stop=11, build=least_squares_game, stages=STAGES, labels=None):
    """{step: all values after it} for the steps from `first`, restored from its checkpoint, to `stop`."""
    steps = sum(stage["steps"] for stage in stages)
    settings = points_recipe(
        steps=steps, stages=stages, steps_per_call=2, generator_optimizer=ADAM, discriminator_optimizer=ADAM
    )
    trainer = Trainer(settings, build, make_strategy("one"))
    checkpoints, history = Checkpoints(folder, trainer.variables(), keep=99), {}
    if first:
        checkpoints.restore(first)

    def make_batches(stage, number, local):
        return batches(PIXELS, labels, stage.batch_size, 0, number)

    def record(step, means):
        history[step] = values(trainer)
        checkpoints.save(step)

    train(trainer, make_batches, [Callback(1, record)], stopping=lambda: int(trainer.step.numpy()) == stop)
    return history


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def uninterrupted(folder):
    """All values after each step of an uninterrupted run, with a checkpoint of each."""
    keras.utils.set_random_seed(0)
    return grown(folder)


def test_alpha_rises_over_the_fade_of_each_stage_in_all_three_networks(uninterrupted):
    for network in ("generator/generator", "discriminator/discriminator", "average/generator"):
        alphas = [float(uninterrupted[step][f"{network}/alpha"]) for step in range(1, 12)]
        assert_all_close(np.array(alphas), [1, 1, 1, 0, 0.25, 0.5, 0.75, 1, 0, 0.5, 1], 1e-6)


def test_layers_of_resolutions_not_in_use_never_move(uninterrupted):
    """Nor do their moments: to_images_4 is not used from the stage of 16 on, nor layers of 16 before it."""
    for network in ("generator", "discriminator", "average", "generator_optimizer", "discriminator_optimizer"):
        ahead = [n for n in uninterrupted[1] if n.startswith(f"{network}/") and "_16" in n]
        behind = [
            n for n in uninterrupted[1] if n.startswith(f"{network}/") and ("to_images_4" in n or "from_images_4" in n)
        ]
        assert len(ahead) >= 4
        assert len(behind) >= 2
        for name in ahead:
            np.testing.assert_array_equal(uninterrupted[1][name], uninterrupted[8][name], err_msg=name)
            if not network.endswith("optimizer"):
                continue
            assert not uninterrupted[8][name].any()
        for name in behind if network != "average" else []:
            np.testing.assert_array_equal(uninterrupted[9][name], uninterrupted[11][name], err_msg=name)
    assert (uninterrupted[11]["generator/conv_16_1/kernel"] != uninterrupted[8]["generator/conv_16_1/kernel"]).all()


def test_each_resolution_begins_with_new_optimisers(uninterrupted):
    iterations = [
        int(uninterrupted[step]["generator_optimizer/generator_optimizer/iteration"]) for step in range(1, 12)
    ]
    assert iterations == [1, 2, 3, 1, 2, 3, 4, 5, 1, 2, 3]
    name = next(
        n for n in uninterrupted[1] if n.startswith("discriminator_optimizer") and "conv_4_1_kernel_velocity" in n
    )
    # Adam's velocity after one step is (1 - b2) g^2; had it kept the earlier stages' steps, it would be more
    weights = [
        n for n in uninterrupted[1] if "conv_4_1_kernel_momentum" in n and n.startswith("discriminator_optimizer")
    ]
    momentum, velocity = uninterrupted[9][weights[0]], uninterrupted[9][name]
    assert_all_close(velocity, 0.01 * np.square(momentum / 0.5), 1e-5)
    assert uninterrupted[9]["generator_optimizer/generator_optimizer/learning_rate"] == np.float32(1e-3)


@pytest.mark.parametrize(("stop", "until"), [(3, 4), (5, 7)], ids=["border", "mid-fade"])
def test_a_run_resumes_bit_for_bit(uninterrupted, folder, stop, until):
    assert_same(grown(folder, stop, until)[until], uninterrupted[until])


def test_a_conditional_run_under_gradient_penalty_learns_labels_and_resumes_in_a_fade_bit_for_bit(tmp_path):
    keras.utils.set_random_seed(0)
    game = {"build": labelled_game, "stages": [*STAGES[:1], {**STAGES[1], "steps": 4}], "labels": np.arange(32) % 3}
    uninterrupted = grown(tmp_path, stop=7, **game)
    logits = "discriminator/logits/kernel"  # one of realness, three of classes
    moved = np.abs(uninterrupted[7][logits] - uninterrupted[1][logits]).max(axis=0)
    assert moved.shape == (4,)
    assert moved.min() > 0
    assert_same(grown(tmp_path, 5, 7, **game)[7], uninterrupted[7])


def test_a_rate_that_falls_by_update_number_is_refused_with_several_resolutions():
    settings = points_recipe(steps=11, stages=STAGES, generator_optimizer={"schedule": "linear"})
    with pytest.raises(ZooError, match=r"generator_optimizer\.schedule=linear counts the updates of one resolution"):
        Trainer(settings, small_game, make_strategy("one"))


# ---------------------------------------------------------------------------------------------------------------- runs


def new_run(folder, **data):
    """A run at 8 and then 16 pixels, not started."""
    np.savez(folder / "pixels.npz", images=PIXELS[..., :1])
    table = {
        "model": "pggan",
        "arguments": {"noise_size": 5, "feature_base": 32, "feature_maximum": 6, **QUICK},
        "stages": [
            {"resolution": 8, "batch_size": 4, "steps": 4},
            {"resolution": 16, "batch_size": 2, "steps": 5, "fade_steps": 4},
        ],
        "data": {"source": f"arrays:{folder / 'pixels.npz'}", "cache_dir": str(folder), **data},
        "checkpoints": {"every_steps": 3, "keep": 9},
        "log": {"samples_every_steps": 2, "grid": 3},
        "evaluation": {"samples": 0},
    }
    return TrainingRun(recipe.parse(table), folder / "run", report=lambda text: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(a run's folder with checkpoints at 8 pixels, in the fade to 16 and after it, its export, its trainer)."""
    folder = tmp_path_factory.mktemp("grown")
    run = new_run(folder)
    version = run.execute()
    return folder / "run", version, run.trainer


@pytest.mark.parametrize("resolution", [None, 16])
def test_every_stage_sees_the_images_restored_from_their_measurements_and_not_the_clean_ones(tmp_path, resolution):
    measurement = {"kind": "block_pixels", "unmeasure": True}
    run = new_run(tmp_path, measurement=measurement, resolution=resolution)
    small, full = (np.asarray(run.images_of(stage), np.float64) for stage in run.recipe.schedule)
    clean = run.source.images
    assert np.abs(full - clean).mean() > 5  # grey levels
    assert_all_close(small, halved(full), 0.5)  # rounded to whole grey levels


def test_a_stage_smaller_than_its_measurement_is_refused(tmp_path):
    with pytest.raises(ZooError, match="patch=9 does not fit into images of 8x8"):
        new_run(tmp_path, measurement={"kind": "block_patch", "patch": 9})


def test_checkpoints_of_any_stage_are_loaded_at_their_resolution_and_alpha(finished):
    run = Run(finished[0])
    networks = {step: run.generator(step)[0] for step in (3, 6, 9)}
    assert {s: network.output_shape[1] for s, network in networks.items()} == {3: 8, 6: 16, 9: 16}
    assert {s: float(network.alpha.numpy()) for s, network in networks.items()} == {3: 1, 6: 0.25, 9: 1}
    game, _ = run.players(3)
    assert game.discriminator.input["images"].shape == (None, 8, 8, 1)
    average = finished[2].average.network
    np.testing.assert_array_equal(networks[9]({"noise": NOISE}), average({"noise": NOISE}))


def test_exports_of_a_lower_stage_have_its_image_size_and_the_card_says_so(finished, tmp_path):
    folder = export_run(Run(finished[0]), tmp_path / "low", which=3)
    assert load_version(folder).sample([1, 2]).shape == (2, 8, 8, 1)
    assert "[8, 8, 1]" in json.loads((folder / "model_card.json").read_text())["images"]
    assert load_version(finished[1]).sample([1]).shape == (1, 16, 16, 1)


def test_scores_of_a_lower_stage_are_refused(finished):
    target = RunTarget(finished[0], 3)
    with pytest.raises(ZooError, match=r"at step 3 .* makes images of 8x8, and scores need 16x16"):
        target.check_source(None, None)


def test_the_strip_of_growth_has_a_row_per_stage_and_the_animation_every_grid(finished):
    run = Run(finished[0])
    assert list(sample_strip.sample_grids(run)) == [2, 4, 6, 8, 9]
    strip = sample_strip.strip(run, columns=2)
    assert strip.shape == (2 * 17 + 1, 2 * 17 + 1, 1)
    sheet = np.asarray(Image.open(finished[0] / "samples" / "step-000000004.png"))[::8, ::8]
    assert sheet.shape == (3 * 9 + 1,) * 2  # nine images of 8x8
    np.testing.assert_array_equal(strip[1:17, 1:17, 0], sheet[1:9, 1:9].repeat(2, 0).repeat(2, 1))
    assert sample_strip.frames(run).shape == (5, 3 * 17 + 1, 3 * 17 + 1, 1)


def test_preset_grows_as_in_the_paper():
    paper = recipe.parse({"model": "pggan", **catalog.preset_table("pggan", "celebahq1024")})
    assert [s.resolution for s in paper.stages] == [4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert [s.batch_size for s in paper.stages] == [16] * 6 + [14, 6, 3]
    for stage in paper.stages:
        images = stage.steps * stage.batch_size, stage.fade_steps * stage.batch_size
        wanted = (600_000, 0) if stage.resolution == 4 else (1_200_000, 600_000)
        assert 0 <= images[0] - wanted[0] < 2 * stage.batch_size
        assert 0 <= images[1] - wanted[1] < stage.batch_size
    assert Prior(paper.arguments["noise_size"]).noise_size == 512
