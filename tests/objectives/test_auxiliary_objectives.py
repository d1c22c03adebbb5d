"""Losses of labels, codes, categories and weights: by hand, against NumPy in float64 and finite differences."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close, central_differences

from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.models import infogan
from tfgan_zoo.objectives import (
    CategoricalEntropy,
    CategoryInformation,
    ClassCrossEntropy,
    Classifier,
    CodeInformation,
    FakeClass,
    FeatureMatching,
    HistoricalAveraging,
    LabelledCrossEntropy,
)

RANDOM = np.random.default_rng(4)
REAL, FAKE, LABELLED = (2 * RANDOM.normal(size=(6, 4)) for _ in range(3))
REAL_LABELS, FAKE_LABELS, LABELLED_LABELS = (RANDOM.integers(0, 3, 6) for _ in range(3))


def turn_of(real=None, fake=None, real_batch=None, fake_batch=None, on_labelled=None):
    """A turn with these outputs, dicts of arrays. on_labelled: the outputs on any batch passed separately."""
    dicts = [{} if arrays is None else {k: tf.constant(v) for k, v in arrays.items()} for arrays in (real, fake)]
    batches = [
        {} if arrays is None else {k: tf.constant(v) for k, v in arrays.items()} for arrays in (real_batch, fake_batch)
    ]
    return SimpleNamespace(
        on_real=dicts[0], on_fake=dicts[1], real=batches[0], fake=batches[1], discriminate=lambda inputs: on_labelled
    )


# --------------------------------------------------------------------------------------- against NumPy, with gradients


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def label_probabilities(labels, logits):
    """p(label | x) of each example."""
    return softmax(logits)[np.arange(len(labels)), labels]


def cross_entropy(labels, logits):
    return -np.mean(np.log(label_probabilities(labels, logits)))


def entropy(p):
    return -np.sum(p * np.log(p), axis=-1)


def certain_and_balanced(logits):
    """-H[mean p] + mean H[p]: low if each prediction is certain and all categories are equally frequent."""
    return -entropy(softmax(logits).mean(axis=0)) + entropy(softmax(logits)).mean()


TWO_CODES = Codes((4, 3), 2)
SAMPLED_CODES = np.stack([RANDOM.integers(0, 4, 6), RANDOM.integers(0, 3, 6), *RANDOM.uniform(-1, 1, (2, 6))], axis=1)
MEAN, LOG_STDDEV = RANDOM.normal(size=(6, 2)), 0.5 * RANDOM.normal(size=(6, 2))
TWO_CATEGORIES = 2 * RANDOM.normal(size=(6, 7))


def gaussian_information(mean, log_stddev):
    """-E log N(c; m, s^2) - H(c) of the two codes, of entropy log 2 each."""
    stddev, codes = np.exp(log_stddev), SAMPLED_CODES[:, 2:]
    density = np.exp(-((codes - mean) ** 2) / (2 * stddev**2)) / np.sqrt(2 * np.pi * stddev**2)
    return -np.mean(np.sum(np.log(density), axis=1)) - 2 * np.log(2)


class Case:
    """A term, a function from arrays to a turn, and both players' losses of these arrays in NumPy."""

    def __init__(self, term, arrays, turn, discriminator, generator):
        self.term, self.arrays, self.turn, self.losses = term, arrays, turn, (discriminator, generator)


def classes(real, fake):
    batches = {"labels": REAL_LABELS}, {"labels": FAKE_LABELS, "images": np.zeros((6, 2))}
    return turn_of({"class_logits": real}, {"class_logits": fake}, *batches)


def partly_labelled(real, fake, labelled):
    batch = {"images": np.zeros((6, 2)), "labelled_images": np.zeros((6, 2)), "labelled_labels": LABELLED_LABELS}
    return turn_of(
        {"class_logits": real}, {"class_logits": fake}, batch, on_labelled={"class_logits": tf.constant(labelled)}
    )


def codes(**outputs):
    return turn_of(fake=outputs, fake_batch={"codes": SAMPLED_CODES.astype("float32")})


SAMPLED_CODES[:, 2:] = SAMPLED_CODES[:, 2:].astype("float32")  # as a prior draws them

CASES = {
    "ClassCrossEntropy": Case(
        ClassCrossEntropy(), [REAL, FAKE], classes,
        lambda real, fake: cross_entropy(REAL_LABELS, real) + cross_entropy(FAKE_LABELS, fake),
        lambda real, fake: cross_entropy(FAKE_LABELS, fake),
    ),
    "LabelledCrossEntropy, all labelled": Case(
        LabelledCrossEntropy(), [REAL, FAKE], classes, lambda real, fake: cross_entropy(REAL_LABELS, real), None,
    ),
    "LabelledCrossEntropy, some labelled": Case(
        LabelledCrossEntropy(), [REAL, FAKE, LABELLED], partly_labelled,
        lambda real, fake, labelled: cross_entropy(LABELLED_LABELS, labelled), None,
    ),
    "FakeClass, all labelled": Case(
        FakeClass(), [REAL, FAKE], classes,
        lambda real, fake: cross_entropy(REAL_LABELS, real) + cross_entropy(np.full(6, 3), fake),
        lambda real, fake: -np.mean(np.log(1 - softmax(fake)[:, 3])),
    ),
    "FakeClass, some labelled": Case(
        FakeClass(), [REAL, FAKE, LABELLED], partly_labelled,
        lambda real, fake, labelled: cross_entropy(LABELLED_LABELS, labelled)
        + cross_entropy(np.full(6, 3), fake) - np.mean(np.log(1 - softmax(real)[:, 3])),
        lambda real, fake, labelled: -np.mean(np.log(1 - softmax(fake)[:, 3])),
    ),
    "FeatureMatching": Case(
        FeatureMatching(), [REAL, FAKE], lambda real, fake: turn_of({"features": real}, {"features": fake}),
        None, lambda real, fake: np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2),
    ),
    "Classifier": Case(
        Classifier(3), [REAL, FAKE], classes,
        lambda real, fake: cross_entropy(REAL_LABELS, real[:, :3]), lambda real, fake: 0.0,
    ),
    "Classifier, some labelled": Case(
        Classifier(3), [REAL, FAKE, LABELLED],
        lambda *logits: SimpleNamespace(**{**vars(partly_labelled(*logits)), "fake": {"images": tf.zeros([6, 2], "float64")}}),
        lambda real, fake, labelled: cross_entropy(LABELLED_LABELS, labelled[:, :3]), lambda real, fake, labelled: 0.0,
    ),
    "CategoryInformation, one code": Case(
        CategoryInformation(Codes((4,))), [FAKE], lambda logits: codes(category_logits=logits),
        *2 * [lambda logits: cross_entropy(SAMPLED_CODES[:, 0].astype(int), logits) - np.log(4)],
    ),
    "CategoryInformation, two codes": Case(
        CategoryInformation(TWO_CODES), [TWO_CATEGORIES], lambda logits: codes(category_logits=logits),
        *2 * [lambda logits: cross_entropy(SAMPLED_CODES[:, 0].astype(int), logits[:, :4]) - np.log(4)
              + cross_entropy(SAMPLED_CODES[:, 1].astype(int), logits[:, 4:]) - np.log(3)],
    ),
    "CodeInformation, fixed deviation": Case(
        CodeInformation(TWO_CODES), [MEAN], lambda mean: codes(code_mean=mean),
        *2 * [lambda mean: gaussian_information(mean, np.zeros((6, 2)))],
    ),
    "CodeInformation, learned deviation": Case(
        CodeInformation(TWO_CODES), [MEAN, LOG_STDDEV],
        lambda mean, log_stddev: codes(code_mean=mean, code_log_stddev=log_stddev), *2 * [gaussian_information],
    ),
    "CategoricalEntropy": Case(
        CategoricalEntropy(), [REAL, FAKE], lambda real, fake: turn_of({"class_logits": real}, {"class_logits": fake}),
        lambda real, fake: certain_and_balanced(real) - entropy(softmax(fake)).mean(), lambda real, fake: certain_and_balanced(fake),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("player", [0, 1], ids=["discriminator", "generator"])
def test_loss_and_its_gradients_equal_numpy(case, player):
    expected = case.losses[player]
    arrays = [tf.constant(a) for a in case.arrays]
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        turn = case.turn(*arrays)
        loss = (case.term.discriminator_loss, case.term.generator_loss)[player](turn)
    if expected is None:
        assert loss is None
        return
    assert loss.shape == ()
    assert loss.dtype == tf.float64
    assert_all_close(loss, expected(*case.arrays))
    gradients = tape.gradient(loss, arrays, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    for i, gradient in enumerate(gradients):
        inputs = list(case.arrays)
        assert_all_close(
            gradient,
            central_differences(lambda a, i=i, o=inputs: expected(*o[:i], a, *o[i + 1 :]), case.arrays[i]),
            1e-8,
        )


# ------------------------------------------------------------------------------------------------------------- by hand

LOG_2, LOG_3 = math.log(2), math.log(3)


def test_class_losses_of_equal_logits_are_the_logarithm_of_the_number_of_classes():
    turn = turn_of(
        {"class_logits": np.zeros((2, 8))}, {"class_logits": np.zeros((2, 8))}, {"labels": [0, 7]}, {"labels": [3, 4]}
    )
    assert_all_close(ClassCrossEntropy().discriminator_loss(turn), 6 * LOG_2)
    assert_all_close(ClassCrossEntropy().generator_loss(turn), 3 * LOG_2)
    assert_all_close(LabelledCrossEntropy().discriminator_loss(turn), 3 * LOG_2)
    assert_all_close(
        Classifier(4).discriminator_loss(turn_of({"class_logits": np.zeros((2, 8))}, None, {"labels": [0, 3]})),
        2 * LOG_2,
    )


def test_fake_class_by_hand():
    """With two classes and a fake one, p = (1, 1, 2) / 4 for logits (0, 0, log 2)."""
    logits = np.array([[0.0, 0.0, LOG_2]])
    turn = turn_of({"class_logits": logits}, {"class_logits": logits}, {"labels": [1]})
    assert_all_close(
        FakeClass().discriminator_loss(turn), 2 * LOG_2 + LOG_2
    )  # -log 1/4 of the label, -log 1/2 of the fake class
    assert_all_close(FakeClass().generator_loss(turn), LOG_2)  # -log(1 - 1/2)
    batch = {"labelled_images": np.zeros((1, 2)), "labelled_labels": [0]}
    turn = turn_of(
        {"class_logits": logits}, {"class_logits": logits}, batch, None, {"class_logits": tf.zeros([1, 3], "float64")}
    )
    assert_all_close(
        FakeClass().discriminator_loss(turn), LOG_3 + LOG_2 + LOG_2
    )  # and -log(1 - 1/2) of the unlabelled real


def test_labelled_images_are_shown_to_the_discriminator_alone_in_a_separate_pass():
    shown = []

    def discriminate(inputs):
        shown.append(inputs)
        return {"class_logits": tf.zeros([1, 3])}

    images = tf.constant([[7.0]])
    turn = SimpleNamespace(
        real={"images": None, "labelled_images": images, "labelled_labels": tf.constant([0])},
        discriminate=discriminate,
        on_real={"class_logits": tf.constant([[9.0, 0.0, 0.0]])},
    )
    assert_all_close(LabelledCrossEntropy().discriminator_loss(turn), LOG_3, 1e-6)
    assert len(shown) == 1
    assert shown[0] == {"images": images}


@pytest.mark.parametrize(
    "term", [ClassCrossEntropy(), LabelledCrossEntropy(), FakeClass(), Classifier(3)], ids=lambda t: type(t).__name__
)
def test_missing_labels_are_refused_with_a_remedy(term):
    turn = turn_of({"class_logits": REAL}, {"class_logits": FAKE}, {"images": REAL}, {"labels": FAKE_LABELS})
    with pytest.raises(ZooError, match=r"needs labels for all images.*use a source with labels.*labels_per_class"):
        term.discriminator_loss(turn)


@pytest.mark.parametrize("logit", [-100.0, 100.0])
def test_fake_class_is_accurate_in_float32_at_logits_of_100(logit):
    """Of three logits the last, that of the fake class, is +-100 and the others 0: -log p(fake) is log(1 + 2 e^-100) = 0 or
    100 + log 2, and -log(1 - p(fake)) is 100 - log 2 or 0. Computed as log(1 - p), 100 - log 2 would be infinite."""
    logits = tf.constant([[0.0, 0.0, logit]])
    certainly_fake = logit > 0
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        turn = SimpleNamespace(
            real={"labels": tf.constant([1])}, on_real={"class_logits": logits}, on_fake={"class_logits": logits}
        )
        batch = {"labelled_images": tf.zeros([1, 2]), "labelled_labels": tf.constant([1])}
        labelled_turn = SimpleNamespace(
            **{**vars(turn), "real": batch, "discriminate": lambda inputs: {"class_logits": tf.zeros([1, 3])}}
        )
        losses = (
            FakeClass().discriminator_loss(turn),
            FakeClass().generator_loss(turn),
            FakeClass().discriminator_loss(labelled_turn),
        )
    label_loss, fake_loss, real_loss = (100, 0, 100 - LOG_2) if certainly_fake else (LOG_2, 100 + LOG_2, 0)
    assert_all_close(losses, [label_loss + fake_loss, real_loss, LOG_3 + fake_loss + real_loss], 1e-5)
    gradients = [tape.gradient(loss, logits).numpy()[0] for loss in losses]
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert_all_close(
        gradients[1], [-0.5, -0.5, 1] if certainly_fake else [0, 0, 0], 1e-6
    )  # the generator learns from a detected fake


def test_features_of_mean_2_and_1_differ_by_1_whatever_their_spread():
    turn = turn_of({"features": [[0.0, 5.0], [4.0, 5.0]]}, {"features": [[1.0, 5.0], [1.0, 5.0]]})
    assert_all_close(FeatureMatching().generator_loss(turn), 1)
    assert FeatureMatching().discriminator_loss(turn) is None


def test_classifier_gives_the_generator_no_gradient():
    images = tf.constant(REAL)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = Classifier(3).generator_loss(SimpleNamespace(fake={"images": images}))
    assert_all_close(tape.gradient(loss, images), np.zeros_like(REAL))


# ---------------------------------------------------------------------------------------------------------------- codes


def test_information_of_categories_is_their_entropy_if_q_knows_them_and_zero_if_it_guesses():
    batch = {"codes": tf.constant([[0.0, 2.0], [3.0, 1.0]])}
    certain_logits = np.zeros((2, 7))
    certain_logits[0, [0, 4 + 2]] = certain_logits[1, [3, 4 + 1]] = 100
    term = CategoryInformation(Codes((4, 3)))
    assert_all_close(
        term.generator_loss(turn_of(fake={"category_logits": certain_logits}, fake_batch=batch)), -math.log(4 * 3)
    )
    assert_all_close(term.generator_loss(turn_of(fake={"category_logits": np.zeros((2, 7))}, fake_batch=batch)), 0)


def test_information_of_a_code_by_hand():
    """A mean that is 0.5 off at deviation 1: 0.125 + log(2 pi) / 2, minus the log 2 of U(-1, 1). At deviation 0.5 the mean is
    one deviation off."""
    term, batch = CodeInformation(Codes((), 1)), {"codes": tf.constant([[0.25], [-0.25]])}
    outputs = {"code_mean": np.array([[0.75], [-0.75]])}
    normal = math.log(2 * math.pi) / 2
    assert_all_close(term.generator_loss(turn_of(fake=outputs, fake_batch=batch)), 0.125 + normal - LOG_2)
    outputs["code_log_stddev"] = np.full((2, 1), -LOG_2)
    assert_all_close(term.generator_loss(turn_of(fake=outputs, fake_batch=batch)), -LOG_2 + 0.5 + normal - LOG_2)


def test_codes_are_separated_from_the_categories_before_them():
    batch = {"codes": tf.constant([[3.0, 2.0, 0.5, -0.5]])}
    outputs = {"code_mean": np.array([[0.5, -0.5]])}
    assert_all_close(
        CodeInformation(TWO_CODES).discriminator_loss(turn_of(fake=outputs, fake_batch=batch)),
        math.log(2 * math.pi) - 2 * LOG_2,
    )


@pytest.mark.parametrize("learned_variance", [False, True])
def test_gradients_of_code_information_reach_the_generator_q_and_the_shared_body(learned_variance):
    """A well-known library lost them: its term had a value but trained nothing."""
    game = infogan.build(
        (16, 16, 1), categories=(3, 2), continuous=1, learned_variance=learned_variance,
        noise_size=4, channels=2, dense=8, code_dense=4,
    )  # fmt: skip
    weights = {
        f"{player}/{v.path}": v.value
        for player, network in (("G", game.generator), ("D", game.discriminator))
        for v in network.trainable_variables
    }
    unused_heads = {  # heads of D that a term does not use
        "category_information": {"logits", "code_mean", "code_log_stddev"},
        "code_information": {"logits", "category_logits"},
    }
    for name, _, term in game.objective.terms[1:]:
        for make_turn, loss in (
            (game.generator_turn, term.generator_loss),
            (game.discriminator_turn, term.discriminator_loss),
        ):
            with tf.GradientTape() as tape:
                value = loss(make_turn({"images": tf.zeros([4, 16, 16, 1])}, Draws(seed_of(0), 4)))
            gradients = tape.gradient(value, weights)
            reached = {path for path, gradient in gradients.items() if gradient is not None and tf.norm(gradient) > 0}
            assert reached == {path for path in weights if path.split("/")[1] not in unused_heads[name]}


# ------------------------------------------------------------------------------------------------ CatGAN's entropies


def category_turn(real, fake):
    return turn_of({"class_logits": real}, {"class_logits": fake})


SURE = 200 * np.eye(4)  # four examples, each certainly of a different category
COLLAPSED = np.tile(SURE[:1], (4, 1))  # all are of the first
UNSURE = np.zeros((4, 4))


def test_categorical_entropy_by_hand():
    """In units of log 4: H of the marginal is 1, 0 and 1; the mean H is 0, 0 and 1."""
    losses = {
        name: CategoricalEntropy().generator_loss(category_turn(UNSURE, logits)) / math.log(4)
        for name, logits in (("sure", SURE), ("collapsed", COLLAPSED), ("unsure", UNSURE))
    }
    assert_all_close([losses["sure"], losses["collapsed"], losses["unsure"]], [-1, 0, 0])
    discriminator_loss = CategoricalEntropy().discriminator_loss
    assert_all_close(discriminator_loss(category_turn(SURE, UNSURE)) / math.log(4), -1 + 0 - 1)
    assert_all_close(discriminator_loss(category_turn(COLLAPSED, UNSURE)) / math.log(4), 0 + 0 - 1)
    assert_all_close(discriminator_loss(category_turn(SURE, SURE)) / math.log(4), -1 + 0 - 0)


def test_generator_maximises_the_entropy_of_the_marginal_so_that_collapse_is_penalised():
    """Two texts have the opposite sign, under which a collapsed generator would be optimal."""
    loss = CategoricalEntropy().generator_loss
    assert loss(category_turn(UNSURE, COLLAPSED)) > loss(category_turn(UNSURE, SURE)) + 1
    imbalanced = tf.constant(
        np.tile([[1.0, 0.0, 0.0, 0.0]], (4, 1)) + 3 * np.eye(4)
    )  # certain, and one category is more frequent
    with tf.GradientTape() as tape:
        tape.watch(imbalanced)
        value = loss(category_turn(UNSURE, imbalanced))
    gradient = tape.gradient(value, imbalanced).numpy()
    marginal = softmax(imbalanced.numpy()).mean(axis=0)
    assert marginal.argmax() == 0
    updated = softmax(imbalanced.numpy() - 0.1 * gradient).mean(axis=0)
    assert updated[0] < marginal[0]  # descent balances the categories


def test_categorical_entropy_is_finite_where_a_category_is_never_predicted():
    logits = tf.constant(COLLAPSED, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = CategoricalEntropy().generator_loss(SimpleNamespace(on_fake={"class_logits": logits}))
    assert_all_close(loss, 0, 1e-6)
    assert np.isfinite(tape.gradient(loss, logits)).all()


# ----------------------------------------------------------------------------------------- over the batch of all replicas


def on_both(strategy, function, *arrays):
    """The mean over two replicas of function(its half of each array)."""

    def half(array):
        return lambda context: array[len(array) // 2 * context.replica_id_in_sync_group :][: len(array) // 2]

    halves = [strategy.experimental_distribute_values_from_function(half(a)) for a in arrays]
    run = tf.function(lambda *parts: strategy.reduce("MEAN", strategy.run(function, parts), axis=None))
    return run(*halves)


BATCH_WIDE = {
    "FeatureMatching": (FeatureMatching().generator_loss, "features"),
    "CategoricalEntropy, D": (CategoricalEntropy().discriminator_loss, "class_logits"),
    "CategoricalEntropy, G": (CategoricalEntropy().generator_loss, "class_logits"),
}


@pytest.mark.parametrize(("loss", "output"), BATCH_WIDE.values(), ids=BATCH_WIDE)
def test_means_are_over_the_whole_batch_on_two_replicas(loss, output, two_replicas):
    """The loss and its gradient with respect to a weight w that scales D's outputs; the trainer averages both over replicas."""

    def loss_and_gradient(real, fake):
        w = tf.constant(1.5, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(w)
            value = loss(SimpleNamespace(on_real={output: w * real}, on_fake={output: w * fake}))
        return tf.stack([value, tape.gradient(value, w)])

    real, fake = tf.constant(REAL), tf.constant(FAKE)
    assert_all_close(on_both(two_replicas, loss_and_gradient, real, fake), loss_and_gradient(real, fake))
    halves = [loss_and_gradient(real[i : i + 3], fake[i : i + 3]) for i in (0, 3)]
    assert (
        np.abs((halves[0] + halves[1]) / 2 - loss_and_gradient(real, fake)).max() > 0.01
    )  # the mean of per-replica losses is a different loss


# ------------------------------------------------------------------------------------------------ historical averaging


def player(name, *weights):
    """A network w.x with two weights."""
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(1, use_bias=False)], name=name)
    network.trainable_variables[0].assign(np.reshape(weights, [2, 1]))
    return network


@pytest.mark.usefixtures("double")
def test_historical_averaging_by_hand():
    """One weight takes the values 1, 4, 1: means 1, 2.5, 2, distances 0, 1.5, 1; the square's gradient is 2 (w - mean)."""
    generator, discriminator = player("generator", 1.0, 7.0), player("discriminator", 5.0, 5.0)
    term = HistoricalAveraging(generator, discriminator)
    weight = generator.trainable_variables[0]
    for value, mean in ((1.0, 1.0), (4.0, 2.5), (1.0, 2.0)):
        weight.assign([[value], [7.0]])
        with tf.GradientTape() as tape:
            loss = term.generator_loss(None)
        assert_all_close(loss, (value - mean) ** 2)
        assert_all_close(tape.gradient(loss, weight.value), [[2 * (value - mean)], [0]])
    state = {name: v.numpy() for name, v in term.state.items()}
    assert state["generator/updates"] == 3
    assert state["discriminator/updates"] == 0
    assert_all_close(
        next(v for name, v in state.items() if name.startswith("generator/") and name.endswith("kernel")), [[2], [7]]
    )


@pytest.mark.usefixtures("double")
def test_historical_averaging_equals_numpy_over_the_updates_of_both_players():
    players = [player("generator", 0.0, 0.0), player("discriminator", 0.0, 0.0)]
    term = HistoricalAveraging(*players)
    random = np.random.default_rng(0)
    history = [[], []]
    for index in (0, 1, 1, 0, 1, 1, 0):
        values = random.normal(size=(2, 1))
        history[index].append(values)
        weight = players[index].trainable_variables[0]
        weight.assign(values)
        with tf.GradientTape() as tape:
            loss = (term.generator_loss, term.discriminator_loss)[index](None)
        mean = np.mean(history[index], axis=0)
        assert_all_close(loss, np.sum((values - mean) ** 2))
        assert_all_close(
            tape.gradient(loss, weight.value), central_differences(lambda w, m=mean: np.sum((w - m) ** 2), values), 1e-8
        )
    assert [term.state[f"{name}/updates"].numpy() for name in ("generator", "discriminator")] == [3, 4]
