"""Losses of labels, codes, categories and weights: by hand, against NumPy in float64 and finite differences."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import assert_all_close, slopes

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
    """A turn of given outputs: dicts of arrays. on_labelled: the outputs on any batch that is passed apart."""
    dicts = [{} if given is None else {k: tf.constant(v) for k, v in given.items()} for given in (real, fake)]
    batches = [
        {} if given is None else {k: tf.constant(v) for k, v in given.items()} for given in (real_batch, fake_batch)
    ]
    return SimpleNamespace(
        on_real=dicts[0], on_fake=dicts[1], real=batches[0], fake=batches[1], discriminate=lambda inputs: on_labelled
    )


# ------------------------------------------------------------------------------------- against NumPy, and their slopes


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def chosen(labels, logits):
    """p(label | x) of each example."""
    return softmax(logits)[np.arange(len(labels)), labels]


def cross_entropy(labels, logits):
    return -np.mean(np.log(chosen(labels, logits)))


def entropy(p):
    return -np.sum(p * np.log(p), axis=-1)


def to_be_sorted(logits):
    """-H[mean p] + mean H[p]: low where each is sure and all categories come alike."""
    return -entropy(softmax(logits).mean(axis=0)) + entropy(softmax(logits)).mean()


TWO_CODES = Codes((4, 3), 2)
DRAWN = np.stack([RANDOM.integers(0, 4, 6), RANDOM.integers(0, 3, 6), *RANDOM.uniform(-1, 1, (2, 6))], axis=1)
MEAN, LOG_STDDEV = RANDOM.normal(size=(6, 2)), 0.5 * RANDOM.normal(size=(6, 2))
TWO_CATEGORIES = 2 * RANDOM.normal(size=(6, 7))


def gaussian_information(mean, log_stddev):
    """-E log N(c; m, s^2) - H(c) of the two codes, whose entropy is log 2 each."""
    stddev, codes = np.exp(log_stddev), DRAWN[:, 2:]
    density = np.exp(-((codes - mean) ** 2) / (2 * stddev**2)) / np.sqrt(2 * np.pi * stddev**2)
    return -np.mean(np.sum(np.log(density), axis=1)) - 2 * np.log(2)


class Case:
    """A term, the turn of some arrays, and both players' losses of the same arrays in NumPy."""

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
    return turn_of(fake=outputs, fake_batch={"codes": DRAWN.astype("float32")})


DRAWN[:, 2:] = DRAWN[:, 2:].astype("float32")  # as a prior draws them

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
        *2 * [lambda logits: cross_entropy(DRAWN[:, 0].astype(int), logits) - np.log(4)],
    ),
    "CategoryInformation, two codes": Case(
        CategoryInformation(TWO_CODES), [TWO_CATEGORIES], lambda logits: codes(category_logits=logits),
        *2 * [lambda logits: cross_entropy(DRAWN[:, 0].astype(int), logits[:, :4]) - np.log(4)
              + cross_entropy(DRAWN[:, 1].astype(int), logits[:, 4:]) - np.log(3)],
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
        lambda real, fake: to_be_sorted(real) - entropy(softmax(fake)).mean(), lambda real, fake: to_be_sorted(fake),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("player", [0, 1], ids=["discriminator", "generator"])
def test_loss_and_its_slopes_equal_numpy(case, player):
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
    found = tape.gradient(loss, arrays, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    for i, gradient in enumerate(found):
        others = list(case.arrays)
        assert_all_close(
            gradient, slopes(lambda a, i=i, o=others: expected(*o[:i], a, *o[i + 1 :]), case.arrays[i]), 1e-8
        )


# ------------------------------------------------------------------------------------------------------------- by hand

LOG_2, LOG_3 = math.log(2), math.log(3)


def test_class_losses_of_even_logits_are_the_logarithm_of_the_number_of_classes():
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
    """With two classes and a fake one, p = (1, 1, 2) / 4 of logits (0, 0, log 2)."""
    halves = np.array([[0.0, 0.0, LOG_2]])
    turn = turn_of({"class_logits": halves}, {"class_logits": halves}, {"labels": [1]})
    assert_all_close(
        FakeClass().discriminator_loss(turn), 2 * LOG_2 + LOG_2
    )  # -log 1/4 of the label, -log 1/2 of the fake class
    assert_all_close(FakeClass().generator_loss(turn), LOG_2)  # -log(1 - 1/2)
    batch = {"labelled_images": np.zeros((1, 2)), "labelled_labels": [0]}
    turn = turn_of(
        {"class_logits": halves}, {"class_logits": halves}, batch, None, {"class_logits": tf.zeros([1, 3], "float64")}
    )
    assert_all_close(
        FakeClass().discriminator_loss(turn), LOG_3 + LOG_2 + LOG_2
    )  # and -log(1 - 1/2) of the unlabelled real


def test_labelled_images_are_shown_to_the_discriminator_in_a_pass_of_their_own_and_alone():
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
def test_missing_labels_are_refused_with_what_would_do(term):
    turn = turn_of({"class_logits": REAL}, {"class_logits": FAKE}, {"images": REAL}, {"labels": FAKE_LABELS})
    with pytest.raises(ZooError, match=r"needs labels for all images.*use a source with labels.*labels_per_class"):
        term.discriminator_loss(turn)


@pytest.mark.parametrize("logit", [-100.0, 100.0])
def test_fake_class_holds_in_float32_at_logits_of_100(logit):
    """Of three logits the last, the fake class's, is +-100 and the others 0: -log p(fake) is log(1 + 2 e^-100) = 0 or
    100 + log 2, and -log(1 - p(fake)) is 100 - log 2 or 0. As log(1 - p) the last but one would be infinite."""
    logits = tf.constant([[0.0, 0.0, logit]])
    sure = logit > 0
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        turn = SimpleNamespace(
            real={"labels": tf.constant([1])}, on_real={"class_logits": logits}, on_fake={"class_logits": logits}
        )
        batch = {"labelled_images": tf.zeros([1, 2]), "labelled_labels": tf.constant([1])}
        apart = SimpleNamespace(
            **{**vars(turn), "real": batch, "discriminate": lambda inputs: {"class_logits": tf.zeros([1, 3])}}
        )
        losses = (
            FakeClass().discriminator_loss(turn),
            FakeClass().generator_loss(turn),
            FakeClass().discriminator_loss(apart),
        )
    of_label, of_fake, of_real = (100, 0, 100 - LOG_2) if sure else (LOG_2, 100 + LOG_2, 0)
    assert_all_close(losses, [of_label + of_fake, of_real, LOG_3 + of_fake + of_real], 1e-5)
    gradients = [tape.gradient(loss, logits).numpy()[0] for loss in losses]
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert_all_close(
        gradients[1], [-0.5, -0.5, 1] if sure else [0, 0, 0], 1e-6
    )  # the generator learns from a fake found out


def test_features_of_mean_2_and_1_differ_by_1_whatever_their_spread():
    turn = turn_of({"features": [[0.0, 5.0], [4.0, 5.0]]}, {"features": [[1.0, 5.0], [1.0, 5.0]]})
    assert_all_close(FeatureMatching().generator_loss(turn), 1)
    assert FeatureMatching().discriminator_loss(turn) is None


def test_classifier_leaves_the_generator_without_a_slope():
    images = tf.constant(REAL)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = Classifier(3).generator_loss(SimpleNamespace(fake={"images": images}))
    assert_all_close(tape.gradient(loss, images), np.zeros_like(REAL))


# ---------------------------------------------------------------------------------------------------------------- codes


def test_information_of_categories_is_their_entropy_where_q_knows_them_and_nothing_where_it_guesses():
    drawn = {"codes": tf.constant([[0.0, 2.0], [3.0, 1.0]])}
    knows = np.zeros((2, 7))
    knows[0, [0, 4 + 2]] = knows[1, [3, 4 + 1]] = 100
    term = CategoryInformation(Codes((4, 3)))
    assert_all_close(term.generator_loss(turn_of(fake={"category_logits": knows}, fake_batch=drawn)), -math.log(4 * 3))
    assert_all_close(term.generator_loss(turn_of(fake={"category_logits": np.zeros((2, 7))}, fake_batch=drawn)), 0)


def test_information_of_a_code_by_hand():
    """A mean that is 0.5 off at deviation 1: 0.125 + log(2 pi) / 2, less the log 2 of U(-1, 1). At deviation 0.5: the
    distance is one deviation."""
    term, drawn = CodeInformation(Codes((), 1)), {"codes": tf.constant([[0.25], [-0.25]])}
    outputs = {"code_mean": np.array([[0.75], [-0.75]])}
    normal = math.log(2 * math.pi) / 2
    assert_all_close(term.generator_loss(turn_of(fake=outputs, fake_batch=drawn)), 0.125 + normal - LOG_2)
    outputs["code_log_stddev"] = np.full((2, 1), -LOG_2)
    assert_all_close(term.generator_loss(turn_of(fake=outputs, fake_batch=drawn)), -LOG_2 + 0.5 + normal - LOG_2)


def test_codes_are_told_from_the_categories_in_front_of_them():
    drawn = {"codes": tf.constant([[3.0, 2.0, 0.5, -0.5]])}
    outputs = {"code_mean": np.array([[0.5, -0.5]])}
    assert_all_close(
        CodeInformation(TWO_CODES).discriminator_loss(turn_of(fake=outputs, fake_batch=drawn)),
        math.log(2 * math.pi) - 2 * LOG_2,
    )


@pytest.mark.parametrize("learned_variance", [False, True])
def test_information_of_codes_carries_gradient_to_the_generator_to_q_and_to_the_shared_body(learned_variance):
    """A library of note lost it on the way: its term had a value and trained nothing."""
    game = infogan.build(
        (16, 16, 1), categories=(3, 2), continuous=1, learned_variance=learned_variance,
        noise_size=4, channels=2, dense=8, code_dense=4,
    )  # fmt: skip
    weights = {
        f"{player}/{v.path}": v.value
        for player, network in (("G", game.generator), ("D", game.discriminator))
        for v in network.trainable_variables
    }
    foreign = {  # heads of D that have no part in a term
        "category_information": {"logits", "code_mean", "code_log_stddev"},
        "code_information": {"logits", "category_logits"},
    }
    for name, _, term in game.objective.terms[1:]:
        for take, loss in (
            (game.generator_turn, term.generator_loss),
            (game.discriminator_turn, term.discriminator_loss),
        ):
            with tf.GradientTape() as tape:
                value = loss(take({"images": tf.zeros([4, 16, 16, 1])}, Draws(seed_of(0), 4)))
            found = tape.gradient(value, weights)
            reached = {path for path, gradient in found.items() if gradient is not None and tf.norm(gradient) > 0}
            assert reached == {path for path in weights if path.split("/")[1] not in foreign[name]}


# ------------------------------------------------------------------------------------------------ CatGAN's entropies


def category_turn(real, fake):
    return turn_of({"class_logits": real}, {"class_logits": fake})


SURE = 200 * np.eye(4)  # each of four examples is of another category, without doubt
COLLAPSED = np.tile(SURE[:1], (4, 1))  # all are of the first
UNSURE = np.zeros((4, 4))


def test_categorical_entropy_by_hand():
    """In units of log 4: H of the marginal is 1, 0 and 1; the mean H is 0, 0 and 1."""
    found = {
        name: CategoricalEntropy().generator_loss(category_turn(UNSURE, logits)) / math.log(4)
        for name, logits in (("sure", SURE), ("collapsed", COLLAPSED), ("unsure", UNSURE))
    }
    assert_all_close([found["sure"], found["collapsed"], found["unsure"]], [-1, 0, 0])
    of_discriminator = CategoricalEntropy().discriminator_loss
    assert_all_close(of_discriminator(category_turn(SURE, UNSURE)) / math.log(4), -1 + 0 - 1)
    assert_all_close(of_discriminator(category_turn(COLLAPSED, UNSURE)) / math.log(4), 0 + 0 - 1)
    assert_all_close(of_discriminator(category_turn(SURE, SURE)) / math.log(4), -1 + 0 - 0)


def test_generator_maximises_the_entropy_of_the_marginal_so_that_collapse_costs():
    """Two texts have the other sign, by which the collapsed generator would be the best of all."""
    loss = CategoricalEntropy().generator_loss
    assert loss(category_turn(UNSURE, COLLAPSED)) > loss(category_turn(UNSURE, SURE)) + 1
    leaning = tf.constant(
        np.tile([[1.0, 0.0, 0.0, 0.0]], (4, 1)) + 3 * np.eye(4)
    )  # sure, and one more often than others
    with tf.GradientTape() as tape:
        tape.watch(leaning)
        value = loss(category_turn(UNSURE, leaning))
    gradient = tape.gradient(value, leaning).numpy()
    marginal = softmax(leaning.numpy()).mean(axis=0)
    assert marginal.argmax() == 0
    moved = softmax(leaning.numpy() - 0.1 * gradient).mean(axis=0)
    assert moved[0] < marginal[0]  # descent evens the categories out


def test_categorical_entropy_is_finite_where_a_category_is_never_taken():
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
def test_means_are_those_of_the_whole_batch_on_two_replicas(loss, output, two_replicas):
    """The loss and its slope to a weight w that scales D's outputs; the trainer takes the mean over replicas of both."""

    def both(real, fake):
        w = tf.constant(1.5, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(w)
            value = loss(SimpleNamespace(on_real={output: w * real}, on_fake={output: w * fake}))
        return tf.stack([value, tape.gradient(value, w)])

    real, fake = tf.constant(REAL), tf.constant(FAKE)
    assert_all_close(on_both(two_replicas, both, real, fake), both(real, fake))
    halves = [both(real[i : i + 3], fake[i : i + 3]) for i in (0, 3)]
    assert np.abs((halves[0] + halves[1]) / 2 - both(real, fake)).max() > 0.01  # a mean of shares would be another loss


# ------------------------------------------------------------------------------------------------ historical averaging


def player(name, *weights):
    """A network w.x of two weights."""
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(1, use_bias=False)], name=name)
    network.trainable_variables[0].assign(np.reshape(weights, [2, 1]))
    return network


@pytest.mark.usefixtures("double")
def test_historical_averaging_by_hand():
    """Weights 1, 4, 1 of one entry: means 1, 2.5, 2, distances 0, 1.5, 1; the slope of the square is 2 (w - mean)."""
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
    past = [[], []]
    for which in (0, 1, 1, 0, 1, 1, 0):
        values = random.normal(size=(2, 1))
        past[which].append(values)
        weight = players[which].trainable_variables[0]
        weight.assign(values)
        with tf.GradientTape() as tape:
            loss = (term.generator_loss, term.discriminator_loss)[which](None)
        mean = np.mean(past[which], axis=0)
        assert_all_close(loss, np.sum((values - mean) ** 2))
        assert_all_close(
            tape.gradient(loss, weight.value), slopes(lambda w, m=mean: np.sum((w - m) ** 2), values), 1e-8
        )
    assert [term.state[f"{name}/updates"].numpy() for name in ("generator", "discriminator")] == [3, 4]
