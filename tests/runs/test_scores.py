"""Scores other than the distances: their arithmetic by hand, their errors, and how a run computes and stores them."""

import dataclasses
import itertools
import json

import keras
import numpy as np
import pytest

from tfgan_zoo.core import recipe, recipe_tables
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Codes, Prior
from tfgan_zoo.data import toy
from tfgan_zoo.data.sources import Source, load_source
from tfgan_zoo.metrics.agreement import (
    categories_read,
    class_of_category,
    clustering_errors,
    mean_correlation,
    modes_of,
    proportion,
)
from tfgan_zoo.metrics.features import FeatureNetwork
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.metrics.protocol import Evaluator, Protocol, Score
from tfgan_zoo.metrics.score_registry import HIGHER_IS_BETTER, NEITHER, SCORES, direction, kinds_of
from tfgan_zoo.objectives.adversarial import NonSaturating
from tfgan_zoo.runs import building, publish
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.targets import make_evaluator, mixture_of
from tfgan_zoo.runs.training_run import TrainingRun, lock

# Arithmetic


def test_share_of_three_in_four_has_the_binomial_standard_error():
    assert proportion([True, True, True, False]) == (0.75, pytest.approx(np.sqrt(0.75 * 0.25 / 4)))


def test_the_one_to_one_map_gives_up_a_majority_if_more_examples_are_then_right():
    # Rows are categories, columns classes. Class 0 is the most frequent in both categories; one to one, 5 + 4 beats 6 + 1.
    counts = [[6, 4], [5, 1]]
    categories, labels = examples(counts)
    assert class_of_category(categories, labels, 2, 2).tolist() == [1, 0]
    assert clustering_errors((categories, labels), (categories, labels), 2, 2).mean() == pytest.approx(7 / 16)


def examples(counts):
    """(categories, labels) with counts[i][j] examples of category i and label j."""
    pairs = [(i, j) for i, row in enumerate(counts) for j, count in enumerate(row) for _ in range(count)]
    return np.transpose(pairs)


def test_the_one_to_one_map_is_the_best_of_all_permutations():
    random = np.random.default_rng(0)
    for _ in range(20):
        categories, labels = random.integers(0, 4, [2, 60])
        errors = [np.mean(np.array(p)[categories] != labels) for p in itertools.permutations(range(4))]
        known = (categories, labels)
        assert clustering_errors(known, known, 4, 4).mean() == pytest.approx(min(errors))


def test_with_more_categories_than_classes_each_category_maps_to_its_most_frequent_class():
    categories, labels = examples([[3, 1], [2, 0], [0, 4]])
    assert class_of_category(categories, labels, 4, 2).tolist() == [0, 0, 1, -1]
    # Held out: categories 0 and 2 are right, category 1 is wrong, category 3 was never seen and is always wrong.
    held_out = (np.array([0, 1, 2, 3, 3]), np.array([0, 1, 1, 0, 1]))
    assert clustering_errors((categories, labels), held_out, 4, 2).mean() == pytest.approx(3 / 5)


def test_the_map_is_learned_from_the_known_examples_and_not_from_the_held_out_ones():
    known, held_out = (np.array([0, 1]), np.array([1, 0])), (np.array([0, 1]), np.array([0, 1]))
    assert clustering_errors(known, held_out, 2, 2).tolist() == [True, True]
    assert clustering_errors(held_out, held_out, 2, 2).tolist() == [False, False]


def test_category_accuracy_is_the_mean_over_codes_and_examples():
    codes = np.array([[0, 2], [1, 0]], np.float32)
    logits = np.array([[5, 1, 0, 0, 9], [7, 2, 3, 1, 1]], np.float32)  # read as 0, 2 and 0, 0
    assert categories_read(codes, logits, (2, 3)).tolist() == [1, 0.5]


def test_mean_correlation_of_a_line_its_mirror_and_a_constant():
    ramp = np.arange(5.0)[:, None]
    assert mean_correlation(ramp, 3 * ramp - 1) == pytest.approx(1)
    assert mean_correlation(ramp, -ramp) == pytest.approx(-1)
    assert mean_correlation(ramp, np.full([5, 1], 0.1)) == 0
    both = np.concatenate([ramp, ramp], axis=1)
    assert mean_correlation(both, np.concatenate([ramp, 0 * ramp], axis=1)) == pytest.approx(0.5)
    assert mean_correlation([[0], [1], [2]], [[0], [1], [0]]) == pytest.approx(0)


def test_modes_are_found_by_samples_within_three_standard_deviations():
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = np.array([[0.29, 0], [0, -0.1], [10, 0.31], [5, 5]], np.float32)  # good, good, too far, far
    for deviation, modes, near in ((0.1, 1, [True, True, False, False]), (0.11, 2, [True, True, True, False])):
        found, good = modes_of(points, centres, deviation)
        assert (found, good.tolist()) == (modes, near)


# Scores of players that are functions


IMAGES = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1) * np.ones([1, 2, 2, 1], np.uint8)  # image i is gray i
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1], np.int32)


def grays(images):
    return images[:, 0, 0, 0].astype(int)


def rows(classes, width=3):
    return np.eye(width, dtype=np.float32)[classes]


def evaluator(split="train", samples=8, numbers=slice(None), network_classes=3, **settings):
    def forward(images):
        return np.float32(grays(images))[:, None], rows(grays(images) % 3, network_classes)

    network = FeatureNetwork("gray", "0", 1, network_classes, (1,), "none", forward)
    source = Source("grays", IMAGES[numbers], LABELS[numbers], ("a", "b", "c"))
    return Evaluator(network, source, split, samples, **settings)


def test_set():
    """Six held-out images labelled gray % 3, except the fourth, gray 3, which is labelled 1."""
    return Source("grays", IMAGES[:6], np.array([0, 1, 2, 1, 1, 2], np.int32), ("a", "b", "c"))


test_set.__test__ = False


def to_check(outputs, prior):
    """Players with what checks read: the widths of the discriminator's outputs, and the prior."""
    return Players(None, prior=prior, outputs=outputs)


def values(scores):
    return {score.name: score.value for score in scores}


def test_class_accuracy_conditions_on_each_label_in_turn_and_compares_it_with_the_networks_logits():
    requested = []

    def generate(seeds, labels=None, codes=None):
        requested.append(labels)
        shown = np.where(seeds == 4, 0, labels)  # the image of seed 4 shows a 0 whatever its label
        return IMAGES[shown]

    (score,) = evaluator(samples=8, seed=3).scores(
        Players(generate, prior=Prior(2, num_classes=3)), 7, ["class_accuracy"]
    )
    np.testing.assert_array_equal(np.concatenate(requested), [0, 1, 2, 0, 1, 2, 0, 1])
    assert (score.name, score.value, score.step) == ("class_accuracy", 7 / 8, 7)
    assert score.standard_error == pytest.approx(np.sqrt(7 / 64 / 8))
    protocol = score.protocol
    assert (protocol.features, protocol.generated_images, protocol.real_images, protocol.seed) == ("gray", 8, 0, 3)


def test_test_error_ignores_the_fake_class_and_is_taken_on_held_out_images():
    def discriminate(images):
        fake = np.full([len(images), 1], 9, np.float32)  # the largest logit of all
        return {"class_logits": np.concatenate([rows(grays(images) % 3), fake], axis=1)}

    players = Players(None, discriminate, Prior(2), truncation=0.5)
    (score,) = evaluator(held_out=test_set).scores(players, 1, ["test_error"])
    assert score.value == pytest.approx(1 / 6)
    protocol = score.protocol
    assert (protocol.features, protocol.real_split, protocol.real_images) == ("discriminator", "test", 6)
    assert (protocol.real_sha256, protocol.generated_images) == (test_set().fingerprint(), 0)
    assert protocol.truncation is None  # nothing is generated


def test_clustering_error_maps_categories_by_the_training_images():
    def shifted(images):
        return rows((grays(images) + 1) % 3)

    of_classes = Players(None, lambda images: {"class_logits": shifted(images)}, Prior(2))
    second = np.zeros([1, 5], np.float32)  # another code, which is ignored
    of_codes = Players(
        None,
        lambda images: {"category_logits": np.concatenate([shifted(images), second.repeat(len(images), 0) + 9], 1)},
        Prior(2, codes=Codes((3, 5), 1)),
    )
    for players in (of_classes, of_codes):
        scores = evaluator(held_out=test_set).scores(players, 1, ["clustering_error"])
        assert values(scores) == {"clustering_error": pytest.approx(1 / 6)}


def test_code_recovery_compares_with_the_codes_that_it_requested():
    prior, codes_of = Prior(2, codes=Codes((3,), 2)), {}

    def generate(seeds, labels=None, codes=None):
        codes_of.update({int(seed) % 8: code for seed, code in zip(seeds, codes, strict=True)})
        return IMAGES[seeds % 8]

    def discriminate(images):
        codes = np.stack([codes_of[gray] for gray in grays(images)])
        wrong = np.where(grays(images) == 5, (codes[:, 0] + 1) % 3, codes[:, 0]).astype(int)
        return {"category_logits": rows(wrong), "code_mean": codes[:, 1:] * [2, -1]}

    scores = evaluator(seed=8).scores(Players(generate, discriminate, prior), 1, ["code_recovery"])
    assert values(scores) == {"code_category_accuracy": 7 / 8, "code_correlation": pytest.approx(0, abs=1e-6)}
    codes = np.stack(list(codes_of.values()))
    assert set(codes[:, 0]) <= {0, 1, 2}
    assert codes[:, 1:].min() < 0 < codes[:, 1:].max()
    assert scores[0].protocol.features == "discriminator"


@pytest.mark.parametrize(
    ("codes", "names"),
    [(Codes((3, 2)), {"code_category_accuracy"}), (Codes((), 1), {"code_correlation"})],
    ids=["categories", "continuous"],
)
def test_codes_of_one_kind_give_the_one_score(codes, names):
    outputs = {"category_logits": np.zeros([8, 5], np.float32), "code_mean": np.zeros([8, 1], np.float32)}
    players = Players(lambda seeds, labels, codes: IMAGES, lambda images: outputs, Prior(2, codes=codes))
    assert set(values(evaluator().scores(players, 1, ["code_recovery"]))) == names


def test_a_generator_of_two_modes_finds_two_of_eight():
    centres = toy.modes("ring8")

    def generate(seeds, labels=None, codes=None):
        points = centres[seeds % 2].astype(np.float32)
        return points + np.where(seeds % 10 == 0, 1, 0)[:, None].astype(np.float32)  # a tenth is near no mode

    scores = evaluator(modes=(centres, toy.deviation("ring8"))).scores(Players(generate, truncation=2.0), 1, ["modes"])
    assert values(scores) == {"modes_found": 2, "good_samples": pytest.approx(0.9)}
    assert (scores[0].protocol.generated_images, scores[0].protocol.truncation) == (2500, 2.0)


def test_real_training_points_find_all_modes_and_are_nearly_all_good():
    for name, count in (("ring8", 8), ("grid25", 25)):
        data = recipe_tables.DataSettings(source=f"toy:{name}")
        found, good = modes_of(load_source(data).images, *mixture_of(data))
        assert found == count
        assert good.mean() == pytest.approx(1 - np.exp(-4.5), abs=0.002)  # P(r <= 3 sigma) of a Gaussian in the plane
    assert (
        mixture_of(recipe_tables.DataSettings(source="toy:circles")) is mixture_of(recipe_tables.DataSettings()) is None
    )


def test_every_score_that_the_recipe_documents_exists_and_each_is_computed_once():
    described = recipe_tables.EvaluationSettings.model_fields["scores"].description
    assert all(name in described for name in SCORES)
    assert len(kinds_of(["modes", "distances", "modes"])) == 2
    with pytest.raises(ZooError, match=r"no score 'test_eror'\. Did you mean 'test_error'"):
        kinds_of(["distances", "test_eror"])


def test_larger_shares_and_correlations_are_better_and_larger_errors_and_distances_worse():
    protocol = Protocol("n", "0", "r", "mnist5k", "all", "0", 8, 8, 0, None)
    for name in sorted(
        HIGHER_IS_BETTER | {"is_mnist_cnn", "fd_mnist_cnn", "kd_points", "test_error", "clustering_error"}
    ):
        high, low = (Score(name, value, None, 1, protocol) for value in (0.9, 0.1))
        assert high.better_than(low) == (direction(name) == "higher")
        assert low.better_than(high) == (direction(name) == "lower")
    assert (direction("is_mnist_cnn"), direction("test_error"), direction("cas")) == ("higher", "lower", "higher")
    for name in (*NEITHER, "ms_ssim_all_real", "d_rank_train"):
        with pytest.raises(ZooError, match=f"{name} has no better direction"):
            Score(name, 1.0, None, 1, protocol).better_than(Score(name, 2.0, None, 1, protocol))


def test_an_evaluator_uses_no_more_real_images_than_samples():
    scored = evaluator(samples=3, seed=1)
    assert len(scored.real_images) == scored.protocol.real_images == len(scored.real_features) == 3
    np.testing.assert_array_equal(scored.real_features[:, 0], scored.numbers)


# Errors


@pytest.mark.parametrize(
    ("split", "held_out_split"),
    [
        *((split, "test") for split in ("all", "test", "train+test", "test[:50%]")),
        ("train", "train[90%:]"),
        ("train+validation", "validation"),
    ],
)
@pytest.mark.parametrize("name", ["test_error", "clustering_error"])
def test_scores_on_held_out_images_are_refused_if_those_are_trained_on(name, split, held_out_split):
    with pytest.raises(ZooError, match=r"which data.split='.*' trains on; set data.split=train"):
        evaluator(split, held_out=test_set, held_out_split=held_out_split).check(
            [name], to_check({"class_logits": 3}, Prior(2))
        )


@pytest.mark.parametrize(
    ("split", "held_out_split"), [("train", "validation"), ("train[:90%]", "train[90%:]"), ("train2", "train")]
)
def test_the_recipe_names_the_held_out_split(split, held_out_split):
    scored = evaluator(split, held_out=test_set, held_out_split=held_out_split)
    scored.check(["test_error"], to_check({"class_logits": 3}, Prior(2)))
    assert {p.real_split for p in scored.protocols(["test_error"])} == {held_out_split}


@pytest.mark.parametrize(
    ("name", "outputs", "prior", "settings", "message"),
    [
        ("test_error", {"logits": 1}, Prior(2), {}, "needs the discriminator's class_logits, and it has only logits"),
        ("test_error", {"class_logits": 2}, Prior(2), {}, "has 2 classes, and grays has 3"),
        ("test_error", {"class_logits": 3}, Prior(2), {"held_out": None}, "needs a split 'test' of grays"),
        ("clustering_error", {"logits": 1}, Prior(2), {}, "needs the discriminator's class_logits"),
        ("clustering_error", {"logits": 1}, Prior(2, codes=Codes((3,))), {}, "needs the discriminator's category_log"),
        ("clustering_error", {"logits": 1}, Prior(2, codes=Codes((), 1)), {}, "needs a categorical code"),
        ("code_recovery", {"logits": 1}, Prior(2), {}, "needs a generator with codes"),
        ("code_recovery", {"category_logits": 3}, Prior(2, codes=Codes((3,), 1)), {}, "discriminator's code_mean"),
        ("class_accuracy", {"logits": 1}, Prior(2), {}, "needs a generator that takes labels"),
        ("class_accuracy", {"logits": 1}, Prior(2, num_classes=4), {}, "the generator's 4 classes, and gray has 3"),
        ("modes", {"logits": 1}, Prior(2), {}, "on toy:ring8 and toy:grid25, and data.source is grays"),
    ],
)
def test_scores_that_cannot_be_computed_are_refused_with_the_reason(name, outputs, prior, settings, message):
    with pytest.raises(ZooError, match=message):
        evaluator(**{"held_out": test_set, **settings}).check([name], to_check(outputs, prior))


def test_test_images_without_labels_or_with_other_classes_are_refused():
    game = to_check({"class_logits": 3}, Prior(2))
    for test, message in (
        (Source("grays", IMAGES, None, ()), "the split 'test' of grays has none"),
        (Source("grays", IMAGES, LABELS, ("a", "c", "b")), "has other classes than 'train'"),
    ):
        with pytest.raises(ZooError, match=message):
            evaluator(held_out=lambda test=test: test).check(["test_error"], game)


def test_the_test_split_of_a_recipe_is_complete_and_labelled():
    settings = recipe.parse(
        {"model": "sngan", "steps": 1, "data": {"split": "train", "resolution": 16, "labels_per_class": 10}}
    )
    test = make_evaluator(settings.data, None, settings.evaluation).test
    assert (test.size, test.image_shape, test.labelled) == (500, (16, 16, 1), None)
    swapped = settings.data.model_copy(update={"split": "test", "held_out_split": "train"})
    assert make_evaluator(swapped, None, settings.evaluation).test.size == 4500


# Scores of a run


def dense(units, name, inputs):
    return keras.layers.Dense(units, name=name)(inputs)


def tiny_game(image_shape, num_classes, codes=None):
    """Linear players, with heads for everything that is scored."""
    inputs = {"noise": keras.Input([2], name="noise")}
    if codes:
        inputs["codes"] = keras.Input([codes.size], name="codes")
    elif num_classes:
        inputs["labels"] = keras.Input([], dtype="int32", name="labels")
        inputs["one_hot"] = keras.ops.one_hot(inputs["labels"], num_classes)
    flat = keras.layers.Concatenate()([value for name, value in inputs.items() if name != "labels"])
    images = keras.layers.Reshape(image_shape)(dense(int(np.prod(image_shape)), "pixels", flat))
    inputs.pop("one_hot", None)
    generator = keras.Model(inputs, images, name="generator")
    images = keras.Input(image_shape, name="images")
    flat = keras.layers.Flatten()(images)
    outputs = {"logits": dense(1, "logits", flat), "class_logits": dense(max(num_classes, 1), "class_logits", flat)}
    if codes:
        outputs["category_logits"] = dense(sum(codes.categorical), "category_logits", flat)
        outputs["code_mean"] = dense(codes.continuous, "code_mean", flat)
    discriminator = keras.Model({"images": images}, outputs, name="discriminator")
    prior = Prior(2, num_classes=0 if codes else num_classes, codes=codes)
    return Game(generator, discriminator, prior, NonSaturating())


def tiny_recipe(**changes):
    table = {
        "model": "sngan",
        "steps": 4,
        "batch_size": 4,
        "data": {"split": "train", "resolution": 8},
        "evaluation": {"samples": 100, "every_steps": 2, "scores": ["distances", "class_accuracy", "test_error"]},
        "checkpoints": {"every_steps": 2},
        "log": {"grid": 2},
    }
    return recipe.parse({**table, **changes})


@pytest.fixture
def begin(monkeypatch, tmp_path):
    """Starts a run of a recipe on `tiny_game`s, without an export at its end."""

    def run(settings, codes=None, folder=tmp_path / "run"):
        builder = lambda a_recipe, shape, classes: lambda: tiny_game(tuple(shape), classes, codes)  # noqa: E731
        monkeypatch.setattr(building, "game_builder", builder)
        monkeypatch.setattr(publish, "export_run", lambda run, base: base)
        return TrainingRun(settings, folder, report=lambda sentence: None)

    return run


@pytest.fixture
def play(begin):
    """Trains such a run to its end."""

    def run(settings, codes=None):
        training = begin(settings, codes)
        training.execute()
        return training

    return run


def test_a_run_stores_all_its_scores_and_its_checkpoint_reproduces_them(play):
    training = play(tiny_recipe())
    names = ["fd_mnist_cnn", "kd_mnist_cnn", "class_accuracy", "test_error"]
    assert [(s.step, s.name) for s in training.run.scores()] == [(step, name) for step in (2, 4) for name in names]
    assert [s.name for s in training.final_scores()] == names
    other = dataclasses.replace(training.run.scores()[-2].protocol, truncation=0.5)
    training.run.add_scores([dataclasses.replace(training.run.scores()[-2], protocol=other)])  # as evaluate may add
    assert [s.name for s in training.final_scores()] == names

    game, step = training.run.players()
    assert step == 4
    for variable, trained in zip(
        game.discriminator.variables, training.trainer.game.discriminator.variables, strict=True
    ):
        np.testing.assert_array_equal(variable.numpy(), trained.numpy())
    with np.load(training.checkpoints.path(4)) as arrays:
        np.testing.assert_array_equal(game.generator.variables[0].numpy(), arrays["average/pixels/kernel"])

    weights = {v.path: v.numpy() for v in game.discriminator.variables}
    test = load_source(recipe_tables.DataSettings(split="test", resolution=8))
    flat = test.images.reshape(500, 64) / 127.5 - 1
    logits = flat @ weights["class_logits/kernel"] + weights["class_logits/bias"]
    assert training.final_scores()[3].value == pytest.approx(np.mean(logits.argmax(1) != test.labels), abs=0.005)


def test_a_run_with_codes_is_scored_by_clustering_and_code_recovery(play):
    settings = tiny_recipe(evaluation={"samples": 100, "scores": ["clustering_error", "code_recovery"]})
    training = play(settings, codes=Codes((10,), 2))
    scores = values(training.final_scores())
    assert list(scores) == ["clustering_error", "code_category_accuracy", "code_correlation"]
    assert 0 < scores["clustering_error"] < 1
    assert training.run.best_step() is None  # no Fréchet distance was computed


def test_a_run_on_points_is_scored_by_distances_between_points_and_by_modes(play):
    settings = tiny_recipe(
        data={"source": "toy:ring8"},
        evaluation={"samples": 100, "features": "points", "scores": ["distances", "modes"]},
    )
    training = play(settings)
    scores = values(training.final_scores())
    assert list(scores) == ["fd_points", "kd_points", "modes_found", "good_samples"]
    assert scores["good_samples"] < 0.5
    assert training.run.best_step() == 4


def test_the_best_checkpoint_is_chosen_by_the_score_that_the_recipe_names(play, monkeypatch):
    evaluation = {"samples": 100, "every_steps": 1, "scores": ["distances", "precision_recall"], "best_by": "precision"}
    precisions = iter([0.1, 0.9, 0.3, 0.2])
    measured = Evaluator.scores

    def staged(self, players, step, names, on_error, embed):
        precision = next(precisions)
        return [
            dataclasses.replace(s, value=precision if s.name == "precision" else s.value)
            for s in measured(self, players, step, names)
        ]

    monkeypatch.setattr(Evaluator, "scores", staged)
    training = play(tiny_recipe(evaluation=evaluation, checkpoints={"every_steps": 1, "keep": 1}))
    assert training.run.best_step() == 2
    assert training.checkpoints.steps() == [2, 4]
    other = next(s for s in training.run.scores() if s.name == "precision")
    worse_protocol = dataclasses.replace(other.protocol, truncation=0.5)
    training.run.add_scores([dataclasses.replace(other, value=0.99, protocol=worse_protocol)])  # as evaluate may add
    assert training.run.best_step() == 2


def failing(monkeypatch, name, error):
    def fail(self, evaluator, generated):
        raise error

    monkeypatch.setattr(type(SCORES[name]), "__call__", fail)


def test_a_score_that_fails_is_told_of_and_the_others_are_kept(begin, monkeypatch):
    failing(monkeypatch, "class_accuracy", ZooError("no luck"))
    training, told = begin(tiny_recipe()), []
    training.report = told.append
    assert training.execute() == training.exports
    assert {s.name for s in training.run.scores()} == {"fd_mnist_cnn", "kd_mnist_cnn", "test_error"}
    expected = [f"Step {step}: the score class_accuracy could not be taken: no luck" for step in (2, 4)]
    assert [line for line in told if "score" in line] == expected


def test_whatever_stops_the_last_scores_the_generator_is_exported_first(begin, monkeypatch):
    failing(monkeypatch, "class_accuracy", MemoryError("out of memory"))
    exported = []
    training = begin(tiny_recipe(evaluation={"samples": 100, "scores": ["class_accuracy"]}))
    monkeypatch.setattr(publish, "export_run", lambda run, base: exported.append(base) or base)
    with pytest.raises(MemoryError):
        training.execute()
    assert exported == [training.exports]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluation": {"scores": ["distance"]}}, "no score 'distance'. Did you mean 'distances'"),
        ({"evaluation": {"scores": ["code_recovery"]}}, "needs a generator with codes"),
        (
            {"evaluation": {"samples": 100, "best_by": "fd_mnist"}},
            r"best_by\) 'fd_mnist'\. Did you mean 'fd_mnist_cnn'",
        ),
        ({"data": {"resolution": 8}}, "set data.split=train"),
        ({"data": {"source": "toy:ring8"}, "evaluation": {"features": "mnist_cnn"}}, "evaluation.features=points"),
    ],
)
def test_scores_that_cannot_be_computed_are_refused_before_anything_is_written(begin, tmp_path, changes, message):
    with pytest.raises(ZooError, match=message):
        begin(tiny_recipe(**changes))
    assert list(tmp_path.iterdir()) == []


def test_a_locked_run_is_refused_before_its_recipe_is_rewritten(begin, tmp_path):
    folder = tmp_path / "run"
    locked = lock(folder)
    other = tiny_recipe(checkpoints={"every_steps": 1})
    with pytest.raises(ZooError, match="another process is training"):
        begin(other)
    assert [p.name for p in folder.iterdir()] == [".lock"]
    locked.close()
    begin(tiny_recipe()).lock.close()  # a folder that holds only a lock is free
    locked, before = lock(folder), (folder / "recipe.json").read_text()
    with pytest.raises(ZooError, match="another process is training"):
        begin(other)
    assert (folder / "recipe.json").read_text() == before
    locked.close()
    begin(other)
    assert json.loads((folder / "recipe.json").read_text())["checkpoints"]["every_steps"] == 1


def test_a_folder_of_other_files_gets_no_lock(begin, tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(ZooError, match="is not empty and holds no run"):
        begin(tiny_recipe(), folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(ZooError, match="is not a run"):
        Run(tmp_path)
