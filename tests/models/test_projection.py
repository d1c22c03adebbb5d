"""The projection discriminator and its baselines, by hand; published numbers of parameters."""

import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Turn
from tfgan_zoo.models import projection, sngan

SMALL = {"noise_size": 4, "generator_channels": 8, "discriminator_channels": 8}
SHAPE = (16, 16, 1)
IMAGES = np.random.default_rng(0).uniform(-1, 1, [3, *SHAPE]).astype("float32")


def small(classes=3, **options):
    return projection.build(SHAPE, classes, **SMALL, **options)


def parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def arrays(layer):
    """{name: array} of a wrapped layer's variables."""
    return {variable.name: variable.numpy() for variable in layer.variables}


def sigma(variables, matrix):
    return variables["v"] @ matrix @ variables["u"]


def test_logits_are_psi_plus_the_labels_row_of_v_times_the_features():
    discriminator = small().discriminator
    labels = np.array([2, 0, 1])
    outputs = discriminator({"images": IMAGES, "labels": labels})
    features = outputs["features"].numpy()
    psi, label = (arrays(discriminator.get_layer(name)) for name in ("logits", "label_embedding"))
    rows = label["embeddings"] / sigma(label, label["embeddings"].T)
    linear = features @ (psi["kernel"] / sigma(psi, psi["kernel"])) + psi["bias"]
    by_hand = linear + np.sum(rows[labels] * features, axis=1, keepdims=True)
    assert np.abs(by_hand - linear).min() > 1e-3
    assert_all_close(outputs["logits"].numpy(), by_hand, 1e-5)


def test_label_embedding_has_a_largest_singular_value_of_one():
    layer = small().discriminator.get_layer("label_embedding")
    for _ in range(100):
        rows = layer(np.arange(3), training=True)
    assert np.linalg.svd(rows, compute_uv=False)[0] == pytest.approx(1, abs=1e-5)


def test_cgan_pd_32_has_the_published_number_of_parameters():
    game = projection.build((32, 32, 3), 10)
    assert parameters(game.generator) == 4_304_387
    assert parameters(game.discriminator) == 1_055_105


def test_conditionings_add_the_expected_parameters_to_the_same_body():
    """8 channels, 3 classes. The label's embedding of 5 widens both convolutions that see it, and the one between them."""
    body = parameters(sngan.build(SHAPE, **SMALL).discriminator)
    counts = {
        "projection": 3 * 8,
        "auxiliary_classifier": 8 * 3 + 3,
        # block 3 from 8 to 13 channels: 3x3 from 13 to 13 to 8 in place of 8 to 8 to 8; a shortcut from 13 to 8
        "concatenation": 3 * 5 + (9 * 13 * 13 + 13) - (9 * 8 * 8 + 8) + 9 * (13 - 8) * 8 + 13 * 8 + 8,
    }
    for conditioning, added in counts.items():
        game = small(conditioning=conditioning, label_size=5)
        assert parameters(game.discriminator) == body + added, conditioning


@pytest.mark.parametrize("conditioning", ["projection", "concatenation", "auxiliary_classifier"])
def test_the_label_changes_the_logits_except_with_an_auxiliary_classifier(conditioning):
    discriminator = small(conditioning=conditioning).discriminator
    images = np.repeat(IMAGES[:1], 2, axis=0)  # the same image at the same index: a kernel may round rows differently
    batches = [{"images": images, "labels": np.array(labels)} for labels in ([0, 1], [1, 0])]
    outputs, swapped = (discriminator({name: batch[name] for name in discriminator.input}) for batch in batches)
    differ = outputs["logits"].numpy() != swapped["logits"].numpy()
    assert differ.all() if conditioning != "auxiliary_classifier" else not differ.any()
    assert ("class_logits" in outputs) == (conditioning == "auxiliary_classifier")
    assert [name for name, *_ in small(conditioning=conditioning).objective.terms] == (
        ["hinge"] if conditioning != "auxiliary_classifier" else ["hinge", "class_cross_entropy"]
    )


def test_generator_starts_unconditional_and_learns_labels_in_all_blocks_but_not_in_the_last_norm():
    generator = small().generator
    norms = [layer for layer in generator.layers if "norm" in layer.name]
    conditional = [layer.name for layer in norms if any(v.name == "kernel" for v in layer.variables)]
    assert conditional == [f"block_{i}_norm_{j}" for i in (1, 2) for j in (1, 2)]
    noise = np.ones([2, 4], "float32")
    # At the same index, since a kernel may round rows differently
    first, second = (generator({"noise": noise, "labels": np.array(labels)}).numpy() for labels in ([0, 1], [1, 0]))
    np.testing.assert_array_equal(first, second)
    for name in conditional:
        layer = generator.get_layer(name)
        layer.beta.kernel.assign(np.random.default_rng(1).normal(size=layer.beta.kernel.shape))
    first, second = generator({"noise": noise, "labels": np.array([0, 1])}).numpy()
    assert np.abs(first - second).max() > 1e-3


def test_labels_of_reals_and_fakes_reach_the_discriminator_in_one_pass():
    game = small()
    labels = tf.constant([2, 0, 1], tf.int32)
    fakes = {"images": tf.constant(-IMAGES), "labels": tf.constant([1, 1, 1], tf.int64)}
    turn = Turn(game.discriminator, {"images": tf.constant(IMAGES), "labels": labels}, fakes, None, one_pass=True)
    alone = game.discriminator({"images": -IMAGES, "labels": np.array([1, 1, 1])})["logits"]
    assert turn.on_real["logits"].shape == (3, 1)
    assert_all_close(turn.on_fake["logits"].numpy(), alone, 1e-2)  # after one more power iteration


def test_data_without_labels_is_refused_naming_a_model_for_it():
    with pytest.raises(ZooError, match=r"needs labels.*--model=sngan"):
        projection.build(SHAPE)
