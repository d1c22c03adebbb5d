"""The scores of generated images by the evaluator: their inputs, protocols, intervals and refusals."""

import dataclasses
import json

import numpy as np
import pytest

from tfgan_zoo.core import recipe_tables
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes, Prior
from tfgan_zoo.data.sources import Source, load_source
from tfgan_zoo.metrics import image_scores
from tfgan_zoo.metrics.discriminator_scores import accuracies
from tfgan_zoo.metrics.embedding import FeatureCache, embed_batches, empty_array, slices
from tfgan_zoo.metrics.estimate import mean_of
from tfgan_zoo.metrics.features import FeatureNetwork
from tfgan_zoo.metrics.named_protocols import PROTOCOLS, preset
from tfgan_zoo.metrics.perceptual_path import EPSILON
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.metrics.protocol import Evaluator, Protocol, Score
from tfgan_zoo.metrics.score_registry import SCORES, kinds_of
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
    """(the network, sizes of its batches). Features are `means_of_halves`; logits put everything into class 0."""
    batches = []

    def forward(images):
        batches.append(len(images))
        return means_of_halves(images), np.float32(np.eye(classes)[np.zeros(len(images), int)] * 20)

    return FeatureNetwork("halves", "0", 2, classes, (1,), "none", forward), batches


def evaluator(images=IMAGES, labels=LABELS, samples=COUNT, classes=4, **settings):
    names = tuple(map(str, range(4))) if labels is not None else ()
    return Evaluator(network(classes)[0], Source("random", images, labels, names), "train", samples, **settings)


def repeating(images, prior=None, **settings):
    """Players whose generator returns `images` in order, whatever the label."""
    return Players(
        lambda seeds, labels=None, codes=None: images[np.asarray(seeds) % len(images)], prior=prior, **settings
    )


def scores_of(evaluator, players, *names):
    return {score.name: score for score in evaluator.scores(players, 1, names)}


# Sampling and embedding


def test_slices_cover_every_row_once():
    assert slices(7, 3) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert slices(0) == []


def test_features_of_one_evaluation_are_computed_once_for_all_scores():
    requested = []

    def generate(seeds, labels=None, codes=None):
        requested.extend(seeds)
        return IMAGES[seeds]

    evaluator().scores(Players(generate), 1, ["distances", "inception_score", "density_coverage"])
    assert sorted(requested) == list(range(COUNT))


def test_many_features_go_to_disk_and_few_stay_in_memory():
    assert isinstance(empty_array(2**20, 32), np.memmap)
    assert not isinstance(empty_array(10, 3), np.memmap)


def test_embedded_batches_come_in_order():
    features, logits = embed_batches(network()[0], [IMAGES[:7], IMAGES[7:]], COUNT)
    np.testing.assert_array_equal(features, means_of_halves(IMAGES))
    assert logits.shape == (COUNT, 4)


def test_features_of_a_source_are_computed_once_and_cached_by_content(tmp_path):
    (halves, batches), cache = network(), FeatureCache(tmp_path)
    source, numbers = Source("a", IMAGES, LABELS, ("a",) * 4), np.arange(COUNT)
    first = cache.features(halves, source, numbers, lambda parts, text: parts)
    np.testing.assert_array_equal(first, means_of_halves(IMAGES))
    calls = len(batches)
    again = cache.features(
        halves, Source("another name", IMAGES, LABELS, ("a",) * 4), numbers, lambda parts, text: parts
    )
    assert len(batches) == calls
    np.testing.assert_array_equal(again, first)
    changed = IMAGES.copy()
    changed[3] = 0
    cache.features(halves, Source("a", changed, LABELS, ("a",) * 4), numbers, lambda parts, text: parts)
    cache.features(halves, source, numbers[:10], lambda parts, text: parts)
    cache.features(dataclasses.replace(halves, sha256="1"), source, numbers, lambda parts, text: parts)
    assert len(batches) == calls + 3
    assert len(list(tmp_path.glob("features-*.npy"))) == 4


def test_interrupted_cache_resumes_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgan_zoo.metrics.embedding.BATCH", 5)
    monkeypatch.setattr("tfgan_zoo.metrics.embedding.slices", lambda count: slices(count, 5))
    (halves, batches), cache = network(), FeatureCache(tmp_path)
    source, numbers = Source("a", IMAGES, LABELS, ("a",) * 4), np.arange(COUNT)

    def interrupted(parts, text):
        yield from parts[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.features(halves, source, numbers, interrupted)
    assert len(batches) == 3
    assert [p.name[-12:] for p in tmp_path.glob("*.npy")] == [".partial.npy"]
    complete = cache.features(halves, source, numbers, lambda parts, text: parts)
    assert len(batches) == COUNT / 5  # the first three were not recomputed
    np.testing.assert_array_equal(complete, means_of_halves(IMAGES))
    assert [p.suffix for p in sorted(tmp_path.iterdir())] == [".lock", ".npy"]


def test_moments_are_cached_beside_the_features(tmp_path):
    cached = evaluator(cache=FeatureCache(tmp_path))
    first = cached.real_moments
    assert len(list(tmp_path.glob("*.moments.npz"))) == 1
    again = evaluator(cache=FeatureCache(tmp_path))
    again.cache.features = None  # not used
    vars(again)["real_features"] = None
    np.testing.assert_array_equal(again.real_moments.covariance, first.covariance)
    assert again.real_moments.count == COUNT


def test_unwritable_cache_warns_and_is_not_used(tmp_path):
    (tmp_path / "file").write_text("")
    cached = evaluator(cache=FeatureCache(tmp_path / "file" / "features"))
    with pytest.warns(UserWarning, match=r"features are not cached.* --set data.cache_dir"):
        np.testing.assert_array_equal(cached.real_features, means_of_halves(IMAGES))


# Scores of known sets


def test_identical_images_have_distance_0_and_are_covered():
    scores = scores_of(
        evaluator(), repeating(IMAGES), "distances", "precision_recall", "density_coverage", "sliced_wasserstein"
    )
    assert scores["fd_halves"].value == pytest.approx(0, abs=1e-9)
    assert {scores[name].value for name in ("precision", "recall", "coverage")} == {1}
    assert scores["swd_mean"].value == 0
    assert scores["precision"].protocol.settings == "k=3"
    assert scores["coverage"].protocol.settings == "k=5"
    assert (scores["swd_16"].protocol.features, scores["fd_halves"].protocol.settings) == ("pixels", "")


def test_black_images_are_far_from_the_reals_and_identical():
    black = np.zeros_like(IMAGES)
    scores = scores_of(evaluator(), repeating(black), "distances", "precision_recall", "ms_ssim")
    assert (scores["precision"].value, scores["recall"].value) == (0, 0)
    # |m1 - m2|^2 + tr C of the reals
    features = means_of_halves(IMAGES).astype(np.float64)
    expected = (features.mean(0) ** 2).sum() + features.var(0, ddof=1).sum()
    assert scores["fd_halves"].value == pytest.approx(expected, rel=1e-6)
    assert scores["ms_ssim_all"].value == pytest.approx(1)
    assert abs(scores["ms_ssim_all_real"].value) < 0.2


def test_inception_score_of_one_class_is_one_and_of_four_is_four():
    assert scores_of(evaluator(), repeating(IMAGES), "inception_score")["is_halves"].value == pytest.approx(1)

    def forward(images):
        classes = images[:, 0, 0, 0].astype(int)
        return means_of_halves(images), np.float32(np.eye(4)[classes] * 50)

    four = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones([1, 16, 16, 1], np.uint8)
    evaluator_of_four = evaluator()
    evaluator_of_four.network = dataclasses.replace(evaluator_of_four.network, forward=forward)
    assert scores_of(evaluator_of_four, repeating(four), "inception_score")["is_halves"].value == pytest.approx(4)


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
    score = scores_of(evaluator(images), players, "intra_class")["intra_fd_halves"]
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
    scores = scores_of(
        evaluator(images, held_out=lambda: held_out), Players(generate, prior=Prior(2, num_classes=4)), "cas"
    )
    assert (scores["cas"].value, scores["cas_real"].value) == (0.5, 1)


def test_held_out_images_reveal_a_discriminator_that_memorised_its_training_images():
    held_out = Source("random", IMAGES[::-1] // 2, LABELS, ("0", "1", "2", "3"))

    def discriminate(images, labels=None):
        known = (images[:, None].astype(int) == IMAGES[None].astype(int)).all(axis=(2, 3, 4)).any(axis=1)
        return {"logits": np.where(known, 3.0, -1.0)[:, None].astype(np.float32)}

    players = repeating(np.zeros_like(IMAGES), discriminate=discriminate, outputs={"logits": 1})
    scores = scores_of(evaluator(held_out=lambda: held_out), players, "discriminator_accuracy")
    values = {name: score.value for name, score in scores.items()}
    assert values == {
        "d_accuracy_train": 1,
        "d_accuracy_held_out": 0,
        "d_accuracy_generated": 1,
        "d_rank_train": 1,
        "d_rank_held_out": 0.5,  # ties with the generated ones
    }


def test_accuracies_use_the_requested_number_of_images_with_their_labels():
    calls = []

    def discriminate(images, labels):
        calls.append((len(images), set(labels)))
        return {"logits": np.where(labels == 1, -1.0, 2.0)[:, None].astype(np.float32)}

    train = Source("random", IMAGES, LABELS % 2, ("0", "1"))
    few = Source("random", IMAGES[:3], np.array([0, 1, 1], np.int32), ("0", "1"))
    scores = accuracies(Players(None, discriminate), train, few, 20)
    assert calls == [(20, {0, 1}), (3, {0, 1})]
    chosen = np.random.default_rng(0).choice(COUNT, 20, replace=False)
    assert scores["d_accuracy_train"] == pytest.approx((LABELS[chosen] % 2 == 0).mean())
    assert scores["d_accuracy_held_out"] == pytest.approx(1 / 3)


# Intervals


def test_interval_of_a_mean_is_about_two_standard_errors_wide_on_each_side():
    values = np.random.default_rng(2).random(400)
    estimate = mean_of("m", values)
    low, high = evaluator(resamples=500).interval(estimate)
    assert estimate.value - low == pytest.approx(1.96 * estimate.standard_error, rel=0.2)
    assert high - estimate.value == pytest.approx(1.96 * estimate.standard_error, rel=0.2)


def test_subsets_and_extrapolated_distance_have_intervals_about_their_values(monkeypatch):
    monkeypatch.setattr("tfgan_zoo.metrics.generator_scores.SUBSET_SIZE", 20)
    fake = np.random.default_rng(3).integers(0, 256, IMAGES.shape).astype(np.uint8)
    scores = scores_of(evaluator(resamples=100), repeating(fake), "distances", "kernel_subsets", "extrapolated")
    for name, like in (("kd_halves_subsets", "kd_halves"), ("fd_halves_infinity", None)):
        low, high = scores[name].interval
        assert low < scores[name].value < high
        if like:
            width = scores[like].interval[1] - scores[like].interval[0]
            assert high - low == pytest.approx(width, rel=0.5)


def test_interval_of_a_proportion_stays_between_0_and_1():
    nearly = mean_of("m", np.arange(500) != 3)
    low, high = evaluator(resamples=200).interval(nearly)
    assert 0.99 < low < high == 1


def test_intervals_are_optional_and_survive_serialisation():
    without = scores_of(evaluator(), repeating(IMAGES), "distances")["fd_halves"]
    assert without.interval is None
    fake = np.random.default_rng(3).integers(0, 256, IMAGES.shape).astype(np.uint8)
    score = scores_of(evaluator(resamples=50), repeating(fake), "distances")["fd_halves"]
    assert score.interval[0] < score.value + 1e-12
    assert score.interval[0] < score.interval[1]
    assert Score.from_dict(json.loads(json.dumps(score.as_dict()))) == score
    assert (
        score.value == scores_of(evaluator(), repeating(fake), "distances")["fd_halves"].value
    )  # the value itself is the same


# Paths between styles


def on_a_line(seeds, labels=None):
    """Styles [B, 1, 2] that are brightnesses of an image's halves, so that features are the styles themselves."""
    return np.random.default_rng(7).uniform(0.2, 0.9, [400, 1, 2])[np.asarray(seeds)].astype(np.float32)


def halves_of(styles):
    """Images around [-1, 1] whose halves have the brightnesses of the styles, in 0..1."""
    levels = np.repeat(styles[:, 0], 8, axis=1)[:, :, None, None] * 2 - 1
    return np.broadcast_to(levels, [len(styles), 16, 16, 1]).astype(np.float64)


def test_the_path_length_is_that_of_the_closed_form():
    count, players = 150, Players(None, styles=on_a_line, from_styles=halves_of)
    scored = scores_of(evaluator(samples=count), players, "path_length")
    one, other = (on_a_line(first + np.arange(count))[:, 0].astype(np.float64) for first in (0, count))
    way = other - one
    here = one + way * (np.random.default_rng(0).uniform(size=[count, 1]) + EPSILON / 2)
    turned = np.abs(here[:, 0] * way[:, 1] - here[:, 1] * way[:, 0]) / (here**2).sum(
        1
    )  # the angle, per unit of the way
    squared = np.sort(turned**2)[1:-1]  # without the lowest and the highest hundredth, each one path of 150
    assert scored["ppl_halves"].value == pytest.approx(squared.mean(), rel=1e-3)
    assert scored["ppl_halves_unevenness"].value == pytest.approx(turned.std() / turned.mean(), rel=1e-3)
    assert scored["ppl_halves"].protocol.real_images == 0


def test_the_ends_of_a_path_have_one_class():
    seen = []

    def styles(seeds, labels):
        seen.append(labels)
        return on_a_line(seeds)

    players = Players(None, prior=Prior(2, num_classes=4), styles=styles, from_styles=halves_of)
    scores_of(evaluator(), players, "path_length")
    np.testing.assert_array_equal(seen, [np.arange(COUNT) % 4] * 2)


# Refusals


@pytest.mark.parametrize(
    ("name", "players", "settings", "message"),
    [
        ("kernel_subsets", Players(None), {}, "draws 1,000 of each, but there are 40 real and 40 generated"),
        ("intra_class", Players(None), {}, "it takes none, and random has 4"),
        ("intra_class", Players(None, prior=Prior(2, num_classes=3)), {}, "it takes 3, and random has 4"),
        ("inception_score", Players(None), {"classes": 1}, "needs a classifier, and halves has no classes"),
        ("cas", Players(None), {"held_out": None}, "cas needs a split 'test' of random"),
        ("cas", Players(None), {"own_data": False}, "cas compares the players' training images"),
        ("clustering_error", Players(None, outputs={"class_logits": 4}), {"own_data": False}, "leave out --against"),
        ("inception_score", Players(None), {"samples": 9}, "needs 10 splits, but there are 9 samples"),
        ("precision_recall", Players(None), {"samples": 3}, "k=3 nearest neighbours among 3 images"),
        ("extrapolated", Players(None), {"samples": 16}, "needs at least 17 samples"),
        ("discriminator_accuracy", Players(None), {}, "there is none here; evaluate a run with --run"),
        ("discriminator_accuracy", Players(None, outputs={"energy": 1}), {}, "needs the discriminator's logits"),
        ("path_length", Players(None), {}, "needs a generator that draws images from styles"),
        ("stacked_modes", Players(None), {}, "train on data.source=stacked:mnist5k"),
    ],
)
def test_scores_that_cannot_be_computed_are_refused_with_a_reason(name, players, settings, message):
    source = Source("random", IMAGES, LABELS, ("0", "1", "2", "3"))
    incomplete = evaluator(**{"held_out": lambda: source, **settings})
    with pytest.raises(ZooError, match=message):
        incomplete.check([name], players)


FEW = {
    "one image": [0],
    "two of one class": [0, 0],
    "one of each class": [0, 1, 2, 3],
    "one class with two": [0, 0, 1, 2, 3],
    "a class without any": [0, 0, 1, 1, 2, 2],
    "a dozen": [0, 1, 2, 3] * 3,
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("labels", FEW.values(), ids=FEW)
@pytest.mark.parametrize("name", SCORES)
def test_a_score_that_was_checked_can_be_taken_and_has_the_names_it_announced(name, labels, monkeypatch):
    """A score that fails after days of training is found before the first step, on the very images that it will be given."""
    labels = np.array(labels, np.int32)
    few = evaluator(IMAGES[: len(labels)], labels, 40, own_data=True, held_out=lambda: held_out, resamples=40)
    held_out = Source("random", IMAGES, LABELS, tuple("0123"))
    widths = {"logits": 1, "class_logits": 4, "category_logits": 4, "code_mean": 2}
    monkeypatch.setattr(image_scores, "classification_accuracy", lambda *arguments: np.array([True, False]))

    def discriminate(images, labels=None):
        return {output: np.random.default_rng(0).normal(size=[len(images), width]) for output, width in widths.items()}

    for prior in (None, Prior(2, num_classes=4), Prior(2, codes=Codes((4,), 2))):
        players = repeating(IMAGES, prior, discriminate=discriminate, outputs=widths)
        try:
            few.check([name], players)
        except ZooError:
            continue
        scores = few.scores(players, 1, [name])
        assert [s.name for s in scores] == few.value_names([name], players)
        assert all(np.isfinite(s.value) for s in scores)


@pytest.mark.parametrize("name", ["ms_ssim", "intra_class"])
def test_a_class_with_one_of_the_chosen_reals_is_left_out_with_a_warning(name):
    labels = np.array([0] * 20 + [1] * 19 + [3], np.int32)
    few = evaluator(IMAGES, labels)
    labelled = repeating(IMAGES, Prior(2, num_classes=4))
    with pytest.warns(
        UserWarning, match=f"{name} leaves out 2 of 4 classes, which have fewer than two of the 40 .*: 2, 3"
    ):
        few.check([name], labelled)
    value = few.scores(labelled, 1, [name])[0].value
    kept = labels < 2
    alone = evaluator(IMAGES[kept], labels[kept])
    with pytest.warns(UserWarning, match="leaves out 2 of 4"):
        alone.check([name], labelled)
    if name == "intra_class":  # of ms_ssim, other images make the pairs
        assert value == alone.scores(labelled, 1, [name])[0].value


def test_points_have_no_pixels_to_score():
    points = Source("toy:ring8", np.zeros([9, 2], np.float32), None, ())
    of_points = Evaluator(dataclasses.replace(network()[0], channels=(), dimension=2), points, "all", 9)
    for name in ("sliced_wasserstein", "ms_ssim", "cas"):
        with pytest.raises(ZooError, match=f"{name} applies to images, but toy:ring8 holds points"):
            of_points.check([name], Players(None))


# Protocols


def test_every_named_protocol_uses_existing_scores():
    for chosen in PROTOCOLS.values():
        assert kinds_of(chosen.scores)
        assert chosen.samples >= 5000
    with pytest.raises(ZooError, match=r"no protocol 'fid50'\. Did you mean 'fid50k'"):
        preset("fid50")


def test_scores_with_different_settings_cannot_be_compared():
    three, five = (Protocol("n", "0", "r", "m", "all", "0", 8, 8, 0, None, f"k={k}") for k in (3, 5))
    with pytest.raises(ZooError, match="settings: k=3 and k=5"):
        Score("precision", 0.5, None, 1, three).better_than(Score("precision", 0.6, None, 1, five))


def test_score_from_before_settings_and_intervals_is_read():
    line = {"name": "fd", "value": 1.0, "standard_error": None, "step": 3}
    old = dataclasses.asdict(Protocol("n", "0", "r", "m", "all", "0", 8, 8, 0, None))
    del old["settings"]
    score = Score.from_dict({**line, "protocol": old})
    assert (score.protocol.settings, score.interval) == ("", None)
    with pytest.raises(ZooError, match="the score fd was computed by another version"):
        Score.from_dict({**line, "protocol": {**old, "weights": "average"}})


def test_evaluator_uses_the_requested_number_of_reals():
    assert len(evaluator(samples=10).numbers) == 10
    assert len(evaluator(samples=10, reals=30).numbers) == 30
    assert len(evaluator(samples=10, reals=2**40).numbers) == COUNT


# Evaluation targets


def test_images_are_evaluated_in_an_order_drawn_by_seed(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, images=load_source(recipe_tables.DataSettings(resolution=32)).images[:30])
    target = targets.ImagesTarget(f"arrays:{path}", recipe_tables.DataSettings(resolution=32), None, 5)
    images = target.players().generate(np.arange(5, 35))
    np.testing.assert_array_equal(
        images, load_source(recipe_tables.DataSettings(resolution=32)).images[:30][target.order]
    )
    with pytest.raises(ZooError, match="holds 30 images: expected at least 31"):
        targets.ImagesTarget(f"arrays:{path}", recipe_tables.DataSettings(), 31, 0)
    with pytest.raises(ZooError, match="--truncation applies to a generator"):
        target.players(0.5)
    assert sorted(target.order) == list(range(30))


def test_samples_must_have_the_shape_of_the_data_and_suffice():
    of_data = evaluator()
    of_data.check(["distances"], Players(None, shape=(16, 16, 1), limit=COUNT))
    with pytest.raises(ZooError, match=r"the shape \[16, 16, 3\], and random \[16, 16, 1\]; convert .* --channels"):
        of_data.check(["distances"], Players(None, shape=(16, 16, 3)))
    with pytest.raises(ZooError, match="40 images are needed, but there are 30; take fewer"):
        of_data.check(["distances"], Players(None, limit=30))
