"""The objectives of the classic GANs: their terms, weights and options, and which layers their critics must not have."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import points_recipe

from tfgan_zoo.core import catalog
from tfgan_zoo.core.draws import seed_of
from tfgan_zoo.layers import BatchNorm, WeightClip
from tfgan_zoo.models import acgan, began, catgan, dcgan, dragan, ebgan, gan, infogan, lsgan, sgan, wgan, wgan_gp
from tfgan_zoo.objectives.penalties import DRAGAN_FORMS, gaussian_noise, scaled_uniform_noise
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

SHAPE = (16, 16, 1)
SMALL = {"channels": 2, "dense": 4}


def terms(game):
    """{name: (weight, term)} of a game's objective."""
    return {name: (weight, term) for name, weight, term in game.objective.terms}


def weights(game):
    return {name: weight for name, (weight, _) in terms(game).items()}


OBJECTIVES = {
    "gan": (lambda: gan.build(SHAPE), {"non_saturating": 1}),
    "gan, saturating": (lambda: gan.build(SHAPE, saturating=True), {"minimax": 1}),
    "dcgan": (lambda: dcgan.build(SHAPE, generator_channels=2, discriminator_channels=2), {"non_saturating": 1}),
    "wgan": (lambda: wgan.build(SHAPE, **SMALL), {"wasserstein": 1}),
    "wgan_gp": (lambda: wgan_gp.build(SHAPE, channels=2), {"wasserstein": 1, "gradient_penalty": 10}),
    "dragan": (lambda: dragan.build(SHAPE, **SMALL), {"non_saturating": 1, "dragan": 10}),
    "dragan, no penalty": (lambda: dragan.build(SHAPE, penalty=0, **SMALL), {"non_saturating": 1}),
    "ebgan": (lambda: small_ebgan(), {"energy_margin": 1, "pulling_away": 0.1}),
    "ebgan, no pulling away": (lambda: small_ebgan(pulling_away_weight=0), {"energy_margin": 1}),
    "began": (lambda: began.build(SHAPE, channels=2), {"boundary_equilibrium": 1}),
    "catgan": (lambda: catgan.build(SHAPE, categories=5), {"categorical_entropy": 1}),
    "catgan, labels": (
        lambda: catgan.build(SHAPE, 3, semi_supervised=True),
        {"categorical_entropy": 1, "labelled_cross_entropy": 1},
    ),
    "catgan, the CNN alone": (lambda: catgan.build(SHAPE, 3, adversarial=False), {"classifier": 1}),
    "sgan": (lambda: sgan.build(SHAPE, 3, **SMALL), {"fake_class": 1}),
    "sgan, the CNN alone": (lambda: sgan.build(SHAPE, 3, adversarial=False, **SMALL), {"classifier": 1}),
    "sgan, Salimans": (
        lambda: sgan.build(SHAPE, 3, feature_matching=0.5, historical_averaging=0.25, **SMALL),
        {"fake_class": 1, "feature_matching": 0.5, "historical_averaging": 0.25},
    ),
    "acgan": (lambda: acgan.build(SHAPE, 3, class_weight=0.5, **SMALL), {"non_saturating": 1, "class_cross_entropy": 0.5}),
    "infogan": (
        lambda: infogan.build(SHAPE, **SMALL),
        {"non_saturating": 1, "category_information": 1, "code_information": 0.1},
    ),
    "infogan, categories alone": (
        lambda: infogan.build(SHAPE, continuous=0, category_weight=2, **SMALL),
        {"non_saturating": 1, "category_information": 2},
    ),
}  # fmt: skip


def small_ebgan(**arguments):
    return ebgan.build(SHAPE, generator_channels=2, discriminator_channels=2, **arguments)


@pytest.mark.parametrize(("build", "expected"), OBJECTIVES.values(), ids=OBJECTIVES)
def test_the_objective_is_these_terms_with_these_weights(build, expected):
    assert weights(build()) == pytest.approx(expected)


def test_targets_of_least_squares_reach_the_term():
    (_, term), (_, pearson) = (
        terms(lsgan.build(SHAPE, **SMALL, **abc))["least_squares"] for abc in ({}, {"a": -1, "b": 1, "c": 0})
    )
    assert (term.a, term.b, term.c) == (0, 1, 1)
    assert (pearson.a, pearson.b, pearson.c) == (-1, 1, 0)


def test_options_of_penalties_reach_them():
    assert not terms(wgan_gp.build(SHAPE, channels=2))["gradient_penalty"][1].one_sided
    assert terms(wgan_gp.build(SHAPE, channels=2, one_sided=True))["gradient_penalty"][1].one_sided
    default = terms(dragan.build(SHAPE, **SMALL))["dragan"][1]
    assert (default.form, default.k, default.noise) == (DRAGAN_FORMS["two_sided"], 1, gaussian_noise)
    other = terms(dragan.build(SHAPE, form="hinge", k=0.5, noise="scaled_uniform", **SMALL))["dragan"][1]
    assert (other.form, other.k, other.noise) == (DRAGAN_FORMS["hinge"], 0.5, scaled_uniform_noise)


def test_options_of_energies_reach_them():
    assert terms(small_ebgan())["energy_margin"][1].margin == 10
    assert terms(small_ebgan(margin=3))["energy_margin"][1].margin == 3
    term = terms(began.build(SHAPE, channels=2, diversity=0.3, k_rate=0.01))["boundary_equilibrium"][1]
    assert (term.diversity, term.rate) == (0.3, 0.01)


@pytest.mark.parametrize("network", ["dcgan", "compact", "mlp"])
def test_every_weight_of_wgans_critic_is_clipped_including_biases_and_no_other(network):
    game = wgan.build(SHAPE, network=network, clip=0.02, hidden=(8, 8), **SMALL)
    trained = game.discriminator.trainable_variables
    assert any(v.path.endswith("bias") for v in trained)
    assert all(isinstance(v.constraint, WeightClip) and v.constraint.limit == 0.02 for v in trained)
    assert not any(v.constraint for v in game.generator.trainable_variables)
    assert not any(v.constraint for v in lsgan.build(SHAPE, network=network, **SMALL).discriminator.variables)


def test_after_an_update_wgans_critic_lies_within_the_clip():
    settings = points_recipe(batch_size=4, discriminator_optimizer={"name": "rmsprop", "learning_rate": 1.0})
    trainer = Trainer(settings, lambda: wgan.build(SHAPE, network="compact", clip=0.02, **SMALL), make_strategy("one"))
    before = max(np.abs(v.numpy()).max() for v in trainer.game.discriminator.trainable_variables)
    images = tf.random.stateless_normal([4, *SHAPE], [0, 1])
    tf.function(lambda: trainer.update("discriminator", {"images": images}, seed_of(0), 4), autograph=False)()
    after = [np.abs(v.numpy()).max() for v in trainer.game.discriminator.trainable_variables]
    assert before > 0.02
    assert max(after) == pytest.approx(0.02)
    assert max(np.abs(v.numpy()).max() for v in trainer.game.generator.trainable_variables) > 0.02


@pytest.mark.parametrize(
    ("model", "network"),
    [(wgan_gp, "resnet"), *((m, n) for m in (wgan_gp, dragan) for n in ("dcgan", "compact", "mlp"))],
)
def test_critics_under_a_gradient_penalty_treat_examples_independently(model, network):
    """Batch norm in the critic would make each example's gradient depend on the whole batch."""
    width = {"channels": 2, "dense": 4, "hidden": (8, 8)}
    critic = model.build(SHAPE, network=network, **width).discriminator
    layers = list(critic._flatten_layers())
    assert not [layer for layer in layers if isinstance(layer, (BatchNorm, keras.layers.BatchNormalization))]
    images = np.random.default_rng(0).normal(size=[3, *SHAPE]).astype("float32")
    together, alone = (critic({"images": x}, training=True)["logits"].numpy() for x in (images, images[:1]))
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-5)


def test_the_critic_takes_five_steps_in_wgan_gps_published_setting():
    table = catalog.preset_table("wgan_gp", "cifar10")
    assert table["discriminator_steps"] == 5
    optimizer = table["generator_optimizer"]
    assert (optimizer["learning_rate"], optimizer["beta_1"], optimizer["beta_2"]) == (2e-4, 0.0, 0.9)
