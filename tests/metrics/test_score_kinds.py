"""The scores of generated images through the judge: on what they are taken, their protocols, intervals and refusals."""

import dataclasses
import json

import numpy as np
import pytest

from tfgan_zoo.core import recipe_tables
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.data.sources import Source, load_source
from tfgan_zoo.metrics.discriminator_scores import accuracies
from tfgan_zoo.metrics.embedding import FeatureCache, embedded, room, slices
from tfgan_zoo.metrics.estimate import mean_of
from tfgan_zoo.metrics.features import FeatureNetwork
from tfgan_zoo.metrics.named_protocols import PROTOCOLS, preset
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.metrics.protocol import Evaluator, Protocol, Score
from tfgan_zoo.metrics.score_registry import kinds_of
from tfgan_zoo.runs import targets

COUNT = 40
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, [COUNT, 16, 16, 1]).astype(np.uint8)
LABELS = np.arange(COUNT, dtype=np.int32) % 4


def means_of_halves(images):
    """Two features: the means of the upper and the lower half of an image, in 0..1."""
    upper, lower = (half.mean(axis=(1, 2, 3)) / 255 for half in (images[:, :8], images[:, 8:]))
    return np.float32(np.stack([upper, lower], axis=1))


def network(classes=4):
    """Features are `means_of_halves`; logits say class 0 of all."""
    seen = []

    def forward(images):
        seen.append(len(images))
        return means_of_halves(images), np.float32(np.eye(classes)[np.zeros(len(images), int)] * 20)

    made = FeatureNetwork("halves", "0", 2, classes, (1,), "none", forward)
    return made, seen


def evaluator(images=IMAGES, labels=LABELS, samples=COUNT, classes=4, **settings):
    names = tuple(map(str, range(4))) if labels is not None else ()
    return Evaluator(network(classes)[0], Source("random", images, labels, names), "train", samples, **settings)


def repeating(images, prior=None, **settings):
    """Players of which the generator draws `images` in order, whatever the label."""
    return Players(
        lambda seeds, labels=None, codes=None: images[np.asarray(seeds) % len(images)], prior=prior, **settings
    )


def found(evaluator, players, *names):
    return {score.name: score for score in evaluator.scores(players, 1, names)}


# What is drawn and embedded


def test_slices_cover_every_row_once():
    assert slices(7, 3) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert slices(0) == []


def test_features_of_one_judging_are_taken_once_for_all_scores():
    drawn = []

    def generate(seeds, labels=None, codes=None):
        drawn.extend(seeds)
        return IMAGES[seeds]

    evaluator().scores(Players(generate), 1, ["distances", "inception_score", "density_coverage"])
    assert sorted(drawn) == list(range(COUNT))


def test_many_features_go_to_disk_and_few_stay_in_memory():
    assert isinstance(room(2**20, 32), np.memmap)
    assert not isinstance(room(10, 3), np.memmap)


def test_embedded_batches_come_in_order():
    features, logits = embedded(network()[0], [IMAGES[:7], IMAGES[7:]], COUNT)
    np.testing.assert_array_equal(features, means_of_halves(IMAGES))
    assert logits.shape == (COUNT, 4)


def test_features_of_a_source_are_computed_once_and_kept_by_content(tmp_path):
    (made, seen), cache = network(), FeatureCache(tmp_path)
    source, numbers = Source("a", IMAGES, LABELS, ("a",) * 4), np.arange(COUNT)
    first = cache.features(made, source, numbers, lambda parts, text: parts)
    np.testing.assert_array_equal(first, means_of_halves(IMAGES))
    calls = len(seen)
    again = cache.features(made, Source("another name", IMAGES, LABELS, ("a",) * 4), numbers, lambda parts, text: parts)
    assert len(seen) == calls
    np.testing.assert_array_equal(again, first)
    changed = IMAGES.copy()
    changed[3] = 0
    cache.features(made, Source("a", changed, LABELS, ("a",) * 4), numbers, lambda parts, text: parts)
    cache.features(made, source, numbers[:10], lambda parts, text: parts)
    cache.features(dataclasses.replace(made, sha256="1"), source, numbers, lambda parts, text: parts)
    assert len(seen) == calls + 3
    assert len(list(tmp_path.glob("features-*.npy"))) == 4


def test_a_cache_that_was_interrupted_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgan_zoo.metrics.embedding.BATCH", 5)
    monkeypatch.setattr("tfgan_zoo.metrics.embedding.slices", lambda count: slices(count, 5))
    (made, seen), cache = network(), FeatureCache(tmp_path)
    source, numbers = Source("a", IMAGES, LABELS, ("a",) * 4), np.arange(COUNT)

    def interrupted(parts, text):
        yield from parts[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.features(made, source, numbers, interrupted)
    assert len(seen) == 3
    assert [p.name[-12:] for p in tmp_path.glob("*.npy")] == [".partial.npy"]
    whole = cache.features(made, source, numbers, lambda parts, text: parts)
    assert len(seen) == COUNT / 5  # the first three were not taken again
    np.testing.assert_array_equal(whole, means_of_halves(IMAGES))
    assert [p.suffix for p in sorted(tmp_path.iterdir())] == [".lock", ".npy"]


def test_moments_are_kept_beside_the_features(tmp_path):
    cached = evaluator(cache=FeatureCache(tmp_path))
    first = cached.real_moments
    assert len(list(tmp_path.glob("*.moments.npz"))) == 1
    again = evaluator(cache=FeatureCache(tmp_path))
    again.cache.features = None  # not looked at
    vars(again)["real_features"] = None
    np.testing.assert_array_equal(again.real_moments.covariance, first.covariance)
    assert again.real_moments.count == COUNT


def test_a_cache_that_cannot_be_written_is_told_and_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    cached = evaluator(cache=FeatureCache(tmp_path / "file" / "features"))
    with pytest.warns(UserWarning, match=r"features are not kept.* --set data.cache_dir"):
        np.testing.assert_array_equal(cached.real_features, means_of_halves(IMAGES))


# Scores of sets that are known


def test_the_same_images_are_at_no_distance_and_covered():
    scores = found(
        evaluator(), repeating(IMAGES), "distances", "precision_recall", "density_coverage", "sliced_wasserstein"
    )
    assert scores["fd_halves"].value == pytest.approx(0, abs=1e-9)
    assert {scores[name].value for name in ("precision", "recall", "coverage")} == {1}
    assert scores["swd_mean"].value == 0
    assert scores["precision"].protocol.settings == "k=3"
    assert scores["coverage"].protocol.settings == "k=5"
    assert (scores["swd_16"].protocol.features, scores["fd_halves"].protocol.settings) == ("pixels", "")


def test_black_images_are_far_from_all_and_alike():
    black = np.zeros_like(IMAGES)
    scores = found(evaluator(), repeating(black), "distances", "precision_recall", "ms_ssim")
    assert (scores["precision"].value, scores["recall"].value) == (0, 0)
    # |m1 - m2|^2 + tr C of the reals
    features = means_of_halves(IMAGES).astype(np.float64)
    expected = (features.mean(0) ** 2).sum() + features.var(0, ddof=1).sum()
    assert scores["fd_halves"].value == pytest.approx(expected, rel=1e-6)
    assert scores["ms_ssim_all"].value == pytest.approx(1)
    assert abs(scores["ms_ssim_all_real"].value) < 0.2


def test_inception_score_of_one_class_is_one_and_of_four_in_turn_four():
    assert found(evaluator(), repeating(IMAGES), "inception_score")["is_halves"].value == pytest.approx(1)

    def forward(images):
        classes = images[:, 0, 0, 0].astype(int)
        return means_of_halves(images), np.float32(np.eye(4)[classes] * 50)

    four = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones([1, 16, 16, 1], np.uint8)
    judging_four = evaluator()
    judging_four.network = dataclasses.replace(judging_four.network, forward=forward)
    assert found(judging_four, repeating(four), "inception_score")["is_halves"].value == pytest.approx(4)


def test_intra_class_distance_is_the_mean_over_classes_of_their_own_distances():
    # Class c of the reals is gray 40 c, give or take 1; the generator swaps classes 0 and 1 and is right about the others.
    signs = np.where(np.arange(COUNT) // 4 % 2, 1, -1)
    images = np.uint8(100 + 40 * LABELS + signs)[:, None, None, None] * np.ones([1, 16, 16, 1], np.uint8)
    swapped = np.array([1, 0, 2, 3])

    def generate(seeds, labels=None, codes=None):
        return np.uint8(100 + 40 * swapped[labels] + signs[seeds])[:, None, None, None] * np.ones(
            [1, 16, 16, 1], np.uint8
        )

    players = Players(generate, prior=Prior(2, num_classes=4))
    score = found(evaluator(images), players, "intra_class")["intra_fd_halves"]
    # Two features, each off by 40 / 255, in two of four classes.
    assert score.value == pytest.approx(2 * (40 / 255) ** 2 * 2 / 4, rel=1e-5)


def test_classification_accuracy_score_of_a_generator_that_swaps_two_classes(monkeypatch):
    grays = np.uint8([20, 90, 160, 230])
    images = grays[LABELS][:, None, None, None] * np.ones([1, 16, 16, 1], np.uint8)
    swapped = np.array([1, 0, 2, 3])

    def nearest_gray(train_images, train_labels, test_images, test_labels, num_classes, seed):
        shades = [train_images[train_labels == c].mean() for c in range(num_classes)]
        return np.abs(test_images.mean(axis=(1, 2, 3))[:, None] - shades).argmin(axis=1) == test_labels

    monkeypatch.setattr("tfgan_zoo.metrics.image_scores.classification_accuracy", nearest_gray)

    def generate(seeds, labels=None, codes=None):
        return grays[swapped[labels]][:, None, None, None] * np.ones([1, 16, 16, 1], np.uint8)

    held_out = Source("random", images, LABELS, ("0", "1", "2", "3"))
    scores = found(
        evaluator(images, held_out=lambda: held_out), Players(generate, prior=Prior(2, num_classes=4)), "cas"
    )
    assert (scores["cas"].value, scores["cas_real"].value) == (0.5, 1)


def test_a_discriminator_that_knows_its_training_images_by_heart_is_told_by_the_held_out_ones():
    held_out = Source("random", IMAGES[::-1] // 2, LABELS, ("0", "1", "2", "3"))

    def discriminate(images, labels=None):
        known = (images[:, None].astype(int) == IMAGES[None].astype(int)).all(axis=(2, 3, 4)).any(axis=1)
        return {"logits": np.where(known, 3.0, -1.0)[:, None].astype(np.float32)}

    players = repeating(np.zeros_like(IMAGES), discriminate=discriminate, outputs={"logits": 1})
    scores = found(evaluator(held_out=lambda: held_out), players, "discriminator_accuracy")
    values = {name: score.value for name, score in scores.items()}
    assert values == {
        "d_accuracy_train": 1,
        "d_accuracy_held_out": 0,
        "d_accuracy_generated": 1,
        "d_rank_train": 1,
        "d_rank_held_out": 0.5,  # ties with the generated ones
    }


def test_accuracies_are_of_as_many_images_as_asked_for_with_their_labels():
    seen = []

    def discriminate(images, labels):
        seen.append((len(images), set(labels)))
        return {"logits": np.where(labels == 1, -1.0, 2.0)[:, None].astype(np.float32)}

    train = Source("random", IMAGES, LABELS % 2, ("0", "1"))
    few = Source("random", IMAGES[:3], np.array([0, 1, 1], np.int32), ("0", "1"))
    found = accuracies(Players(None, discriminate), train, few, 20)
    assert seen == [(20, {0, 1}), (3, {0, 1})]
    drawn = np.random.default_rng(0).choice(COUNT, 20, replace=False)
    assert found["d_accuracy_train"] == pytest.approx((LABELS[drawn] % 2 == 0).mean())
    assert found["d_accuracy_held_out"] == pytest.approx(1 / 3)


# Intervals


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide_to_each_side():
    values = np.random.default_rng(2).random(400)
    measurement = mean_of("m", values)
    some = evaluator(resamples=500)
    low, high = some.interval(measurement)
    assert measurement.value - low == pytest.approx(1.96 * measurement.standard_error, rel=0.2)
    assert high - measurement.value == pytest.approx(1.96 * measurement.standard_error, rel=0.2)


def test_subsets_and_the_extrapolated_distance_have_intervals_about_their_values(monkeypatch):
    monkeypatch.setattr("tfgan_zoo.metrics.generator_scores.SUBSET_SIZE", 20)
    fake = np.random.default_rng(3).integers(0, 256, IMAGES.shape).astype(np.uint8)
    scores = found(evaluator(resamples=100), repeating(fake), "distances", "kernel_subsets", "extrapolated")
    for name, like in (("kd_halves_subsets", "kd_halves"), ("fd_halves_infinity", None)):
        low, high = scores[name].interval
        assert low < scores[name].value < high
        if like:
            width = scores[like].interval[1] - scores[like].interval[0]
            assert high - low == pytest.approx(width, rel=0.5)


def test_the_interval_of_a_share_stays_between_0_and_1():
    nearly = mean_of("m", np.arange(500) != 3)
    low, high = evaluator(resamples=200).interval(nearly)
    assert 0.99 < low < high == 1


def test_intervals_come_only_where_they_are_asked_for_and_survive_the_file():
    without = found(evaluator(), repeating(IMAGES), "distances")["fd_halves"]
    assert without.interval is None
    fake = np.random.default_rng(3).integers(0, 256, IMAGES.shape).astype(np.uint8)
    score = found(evaluator(resamples=50), repeating(fake), "distances")["fd_halves"]
    assert score.interval[0] < score.value + 1e-12
    assert score.interval[0] < score.interval[1]
    assert Score.from_dict(json.loads(json.dumps(score.as_dict()))) == score
    assert (
        score.value == found(evaluator(), repeating(fake), "distances")["fd_halves"].value
    )  # the value itself is the same


# Refusals


@pytest.mark.parametrize(
    ("name", "players", "settings", "message"),
    [
        ("kernel_subsets", Players(None), {}, "draws 1,000 of each, and there are 40 real and 40 generated"),
        ("intra_class", Players(None), {}, "it takes none, and random has 4"),
        ("intra_class", Players(None, prior=Prior(2, num_classes=3)), {}, "it takes 3, and random has 4"),
        ("inception_score", Players(None), {"classes": 1}, "reads classes, and halves knows none"),
        ("cas", Players(None), {"held_out": None}, "cas needs a split 'test' of random"),
        ("cas", Players(None), {"own_data": False}, "cas needs the images that the players were trained on"),
        ("clustering_error", Players(None, outputs={"class_logits": 4}), {"own_data": False}, "leave out --against"),
        ("inception_score", Players(None), {"samples": 9}, "takes 10 splits, and 9 samples"),
        ("precision_recall", Players(None), {"samples": 3}, "k=3 nearest neighbours among 3 images"),
        ("extrapolated", Players(None), {"samples": 16}, "needs 17 samples or more"),
        ("discriminator_accuracy", Players(None), {}, "there is none here; take it of a run: --run"),
        ("discriminator_accuracy", Players(None, outputs={"energy": 1}), {}, "reads the discriminator's logits"),
        ("stacked_modes", Players(None), {}, "train on data.source=stacked:mnist5k"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(name, players, settings, message):
    source = Source("random", IMAGES, LABELS, ("0", "1", "2", "3"))
    some = evaluator(**{"held_out": lambda: source, **settings})
    with pytest.raises(ZooError, match=message):
        some.check([name], players)


def test_points_have_no_pixels_to_score():
    points = Source("toy:ring8", np.zeros([9, 2], np.float32), None, ())
    some = Evaluator(dataclasses.replace(network()[0], channels=(), dimension=2), points, "all", 9)
    for name in ("sliced_wasserstein", "ms_ssim", "cas"):
        with pytest.raises(ZooError, match=f"{name} is taken of images, and toy:ring8 holds points"):
            some.check([name], Players(None))


# Protocols


def test_every_named_protocol_names_scores_that_there_are():
    for chosen in PROTOCOLS.values():
        assert kinds_of(chosen.scores)
        assert chosen.samples >= 5000
    with pytest.raises(ZooError, match=r"no protocol 'fid50'\. Did you mean 'fid50k'"):
        preset("fid50")


def test_scores_of_other_settings_of_their_own_cannot_be_compared():
    three, five = (Protocol("n", "0", "r", "m", "all", "0", 8, 8, 0, None, f"k={k}") for k in (3, 5))
    with pytest.raises(ZooError, match="settings: k=3 and k=5"):
        Score("precision", 0.5, None, 1, three).better_than(Score("precision", 0.6, None, 1, five))


def test_a_score_of_a_file_from_before_settings_and_intervals_is_read():
    line = {"name": "fd", "value": 1.0, "standard_error": None, "step": 3}
    old = dataclasses.asdict(Protocol("n", "0", "r", "m", "all", "0", 8, 8, 0, None))
    del old["settings"]
    score = Score.from_dict({**line, "protocol": old})
    assert (score.protocol.settings, score.interval) == ("", None)
    with pytest.raises(ZooError, match="the score fd was taken by another version"):
        Score.from_dict({**line, "protocol": {**old, "weights": "average"}})


def test_a_judge_takes_as_many_reals_as_are_asked_for():
    assert len(evaluator(samples=10).numbers) == 10
    assert len(evaluator(samples=10, reals=30).numbers) == 30
    assert len(evaluator(samples=10, reals=2**40).numbers) == COUNT


# Who is judged


def test_a_folder_of_images_is_judged_in_an_order_drawn_by_seed(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, images=load_source(recipe_tables.DataSettings(resolution=32)).images[:30])
    target = targets.ImagesTarget(f"arrays:{path}", recipe_tables.DataSettings(resolution=32), None, 5)
    images = target.players().generate(np.arange(5, 35))
    np.testing.assert_array_equal(
        images, load_source(recipe_tables.DataSettings(resolution=32)).images[:30][target.order]
    )
    with pytest.raises(ZooError, match="holds 30 images, and 31 are needed"):
        targets.ImagesTarget(f"arrays:{path}", recipe_tables.DataSettings(), 31, 0)
    with pytest.raises(ZooError, match="--truncation is for a generator"):
        target.players(0.5)
    assert sorted(target.order) == list(range(30))


def test_what_is_judged_has_the_shape_of_the_data_and_enough_images():
    some = evaluator()
    some.check(["distances"], Players(None, shape=(16, 16, 1), limit=COUNT))
    with pytest.raises(ZooError, match=r"the shape \[16, 16, 3\], and random \[16, 16, 1\]; bring .* --channels"):
        some.check(["distances"], Players(None, shape=(16, 16, 3)))
    with pytest.raises(ZooError, match="40 images are needed, and there are 30; take fewer"):
        some.check(["distances"], Players(None, limit=30))
