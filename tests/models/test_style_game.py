"""A small style-based game with everything that StyleGAN2 needs: lazy terms, path length, style mixing, noise per
layer and psi; on one device, on two replicas, resumed, and exported. Karras et al. 2019, arXiv:1912.04958."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, play, points_recipe, values

from tfgan_zoo.core.game import Game, Term, lazy
from tfgan_zoo.core.generator_inputs import GeneratorInput, Truncation
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.replicas import mean_over_replicas
from tfgan_zoo.objectives.adversarial import NonSaturating
from tfgan_zoo.objectives.penalties import R1
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import load_version, write_version
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.loop import Callback
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

SIZES = (4, 8)
IMAGES = np.random.default_rng(0).uniform(-1, 1, [64, 8, 8, 1]).astype("float32")
SETTINGS = {"steps": 6, "batch_size": 4, "steps_per_call": 4, "precision": "float64"}


class StylePrior(Prior):
    """z from N(0, 1), a noise map per layer, and psi."""

    truncation = Truncation("psi in w", none=1.0, note="0 for the average image")

    @property
    def inputs(self):
        maps = [GeneratorInput(f"noise_{n}x{n}", (n, n, 1), client_may_give=False) for n in SIZES]
        return *super().inputs, GeneratorInput("psi", (1,)), *maps

    def sample(self, draws, truncation=1.0):
        latents = super().sample(draws)
        latents["psi"] = truncation * tf.ones_like(latents["noise"][:, :1])
        return latents | {f"noise_{n}x{n}": draws.normal(f"noise_{n}x{n}", [n, n, 1]) for n in SIZES}


@keras.saving.register_keras_serializable(package="tests")
class Truncate(keras.layers.Layer):
    """w_avg + psi (w - w_avg); in training w_avg follows the mean of w over the global batch."""

    def build(self, input_shape):
        self.average = self.add_weight(
            name="average", shape=(input_shape[0][-1],), initializer="zeros", trainable=False
        )

    def call(self, inputs, training=False):
        w, psi = inputs
        if training:
            mean = tf.cast(mean_over_replicas(tf.reduce_mean(w, 0)), self.average.dtype)
            self.average.assign_add(0.005 * (mean - self.average.value))
        return self.average.value + psi * (w - self.average.value)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def dense(units, name, **settings):
    return keras.layers.Dense(units, name=name, **settings)


def style_networks():
    """(generator, mapping, synthesis, discriminator)."""
    noise, psi = keras.Input([6], name="noise"), keras.Input([1], name="psi")
    mapping = keras.Model(noise, keras.layers.LeakyReLU(0.2)(dense(5, "map")(noise)), name="mapping")
    w = [keras.Input([5], name=f"w_{n}") for n in SIZES]
    maps = {f"noise_{n}x{n}": keras.Input([n, n, 1], name=f"noise_{n}x{n}") for n in SIZES}
    h = keras.layers.Reshape([4, 4, 2])(dense(32, "constant")(0 * w[0]))
    for n, style in zip(SIZES, w, strict=True):
        h = h if n == SIZES[0] else keras.layers.UpSampling2D()(h)
        scale = keras.layers.Reshape([1, 1, 2])(dense(2, f"style_{n}", bias_initializer="ones")(style))
        h = keras.layers.Conv2D(2, 3, padding="same", name=f"conv_{n}")(h * scale)
        strength = keras.layers.Conv2D(2, 1, use_bias=False, name=f"strength_{n}")
        h = keras.layers.LeakyReLU(0.2)(h + strength(maps[f"noise_{n}x{n}"]))
    images = keras.layers.Conv2D(1, 1, name="to_images")(h)
    synthesis = keras.Model({**{f"w_{n}": x for n, x in zip(SIZES, w, strict=True)}, **maps}, images, name="synthesis")
    truncated = Truncate(name="truncate")([mapping(noise), psi])
    outputs = synthesis({**{f"w_{n}": truncated for n in SIZES}, **maps})
    generator = keras.Model({"noise": noise, "psi": psi, **maps}, outputs, name="generator")
    inputs = keras.Input([8, 8, 1], name="images")
    h = keras.layers.LeakyReLU(0.2)(keras.layers.Conv2D(3, 3, 2, "same", name="conv")(inputs))
    logits = dense(1, "logits")(keras.layers.Flatten()(h))
    return generator, mapping, synthesis, keras.Model({"images": inputs}, {"logits": logits}, name="discriminator")


class PathLength(Term):
    """G: (|J_w^T y| - a)^2, y ~ N(0, 1) / sqrt(H W), a the running mean of the lengths. Section 3.2."""

    needs_whole_batch = True

    def __init__(self, synthesis, rate=0.01):
        self.synthesis, self.rate = synthesis, rate
        self.mean = tf.Variable(0.0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
        self.state = {"mean": self.mean}

    def generator_loss(self, turn):
        w = turn.fake["w"]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(w)
            maps = {name: value for name, value in turn.fake.items() if name.startswith("noise_")}
            images = self.synthesis({**{f"w_{n}": w for n in SIZES}, **maps}, training=True)
            y = tf.cast(turn.draws.normal("path length", images.shape[1:]), images.dtype)
            total = tf.reduce_sum(images * y) / np.sqrt(np.prod(images.shape[1:3]))
        lengths = tf.sqrt(tf.reduce_sum(tf.square(tape.gradient(total, w)), axis=1) + 1e-12)
        mean_length = tf.cast(mean_over_replicas(tf.reduce_mean(lengths)), tf.float32)
        self.mean.assign_add(self.rate * (tf.stop_gradient(mean_length) - self.mean))
        return tf.reduce_mean(tf.square(lengths - tf.cast(tf.convert_to_tensor(self.mean), lengths.dtype)))


class StyleGame(Game):
    """Mixes the styles of two latents in nine of ten images."""

    def __init__(self):
        generator, self.mapping, self.synthesis, discriminator = style_networks()
        objective = NonSaturating() + 5 * lazy(R1(), 4) + 2 * lazy(PathLength(self.synthesis), 2)
        super().__init__(generator, discriminator, StylePrior(6), objective, one_pass=True)

    def generate(self, latents, draws):
        other = self.prior.sample(draws.fold("style mixing"))
        w, w_other = (self.mapping(z["noise"], training=True) for z in (latents, other))
        w = self.generator.get_layer("truncate")([w, tf.cast(latents["psi"], w.dtype)], training=True)
        mixed = tf.where(draws.uniform("mixed")[:, None] < 0.9, w_other, w)
        maps = {f"noise_{n}x{n}": latents[f"noise_{n}x{n}"] for n in SIZES}
        images = self.synthesis({"w_4": w, "w_8": mixed, **maps}, training=True)
        return {"images": images, "w": w}


def new_trainer(strategy=None, **changes):
    return Trainer(points_recipe(**SETTINGS | changes), StyleGame, strategy or make_strategy("one"))


@pytest.fixture(scope="module")
def trained():
    """(the trainer after all of its steps, the logs of each)."""
    trainer, logs = new_trainer(), []
    play(trainer, IMAGES, [Callback(1, lambda step, means: logs.append(means))])
    return trainer, logs


def test_lazy_terms_act_in_their_steps_and_everything_moves(trained):
    trainer, logs = trained
    assert ["discriminator/r1" in log for log in logs] == [True, False, False, False, True, False]
    assert ["generator/path_length" in log for log in logs] == [True, False] * 3
    start, end = values(new_trainer()), values(trainer)
    unmoved = [
        n
        for n in end
        if n.startswith(("generator/", "discriminator/", "average/", "objective/")) and np.array_equal(start[n], end[n])
    ]
    assert [name for name in unmoved if not name.endswith("constant/kernel")] == []  # whose input is 0 * w


def test_two_replicas_equal_one(trained, two_replicas):
    trainer = new_trainer(two_replicas)
    play(trainer, IMAGES)
    assert_same(values(trainer), values(trained[0]), tolerance=1e-6)


def test_a_run_resumes_bit_for_bit(trained, tmp_path):
    stopped = new_trainer(steps=6)
    play(
        stopped,
        IMAGES,
        stopping=functools.partial(lambda t: int(t.step.numpy()) == 3, stopped),
        callbacks=[Callback(3, lambda *_: None)],
    )
    Checkpoints(tmp_path, stopped.variables()).save(3)
    resumed = new_trainer()
    assert Checkpoints(tmp_path, resumed.variables()).restore_latest() == 3
    play(resumed, IMAGES)
    assert_same(values(resumed), values(trained[0]))


def test_styles_are_mixed_and_terms_see_w(trained):
    game = trained[0].game
    from tfgan_zoo.core.draws import Draws, seed_of

    draws = Draws(seed_of(3), 8)
    fake = game.turn({"images": tf.constant(IMAGES[:8], tf.float64)}, draws).fake
    maps = {name: fake[name] for name in fake if name.startswith("noise_")}
    alone = game.synthesis({"w_4": fake["w"], "w_8": fake["w"], **maps})
    differ = np.abs(fake["images"] - alone).max(axis=(1, 2, 3)) > 1e-6
    np.testing.assert_array_equal(differ, draws.uniform("mixed") < 0.9)


def test_the_export_takes_psi_and_draws_noise_from_the_seed(trained, tmp_path):
    with_float32 = StyleGame()
    for target, source in zip(with_float32.generator.variables, trained[0].average.network.variables, strict=True):
        target.assign(tf.cast(source, target.dtype))
    module = ExportedGenerator(with_float32.generator, with_float32.prior)
    sampler = load_version(write_version(module, tmp_path / "style", {"summary": "A toy.", "scores": []}))
    images = sampler.sample([1, 2, 3])
    np.testing.assert_array_equal(sampler.sample([2]), images[1:2])
    assert len(np.unique(images, axis=0)) == 3
    average = sampler.from_latents(**sampler.latent_inputs([1, 2], truncation=0.0))
    np.testing.assert_allclose(average[0], average[1], atol=1e-6)  # psi = 0: the same w, and the same noise
    untruncated = sampler.from_latents(**sampler.latent_inputs([1, 2]))
    assert np.abs(untruncated[0] - untruncated[1]).max() > 1e-4
