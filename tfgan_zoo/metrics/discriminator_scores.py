"""Scores of what the discriminator reads: classes and categories of held-out images, codes of generated ones."""

import dataclasses
import re

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.agreement import categories_read, clustering_errors, mean_correlation
from tfgan_zoo.metrics.bootstrap import resampled
from tfgan_zoo.metrics.estimate import Estimate, mean_of
from tfgan_zoo.metrics.players import ScoreKind


def by_discriminator(protocol):
    """`protocol` where the judged discriminator reads the images itself."""
    return dataclasses.replace(protocol, features="discriminator", features_sha256="", resizing="")


def width_of(players, output, score):
    """How many columns an output of the discriminator has; raises `ZooError` where it has no such output."""
    if not players.outputs:
        raise ZooError(
            f"{score} reads the discriminator, and there is none here; take it of a run: --run, "
            "whose discriminator sees images."
        )
    if output not in players.outputs:
        raise ZooError(
            f"{score} reads the discriminator's {output}, and it gives only {', '.join(players.outputs)};"
            " leave the score out."
        )
    return players.outputs[output]


def check_held_out(evaluator, score, labels=True):
    """Raises `ZooError` where there is no held-out split (with `labels`: a labelled one), or where it was trained on.

    Two slices of one split, such as train[:90%] and train[90%:], are taken for apart.
    """
    if not evaluator.own_data:
        raise ZooError(
            f"{score} needs the images that the players were trained on beside held-out ones; leave out --against and --split."
        )
    held_out = evaluator.held_out_split
    trained, tested = (set(re.findall(r"[^\W\d]\w*", split)) for split in (evaluator.split, held_out))
    if {"all", *tested} & trained and not ("[" in evaluator.split and "[" in held_out):
        raise ZooError(
            f"{score} is taken on the images of the split {held_out!r}, which data.split={evaluator.split!r} trains on;"
            " set data.split=train, or data.held_out_split."
        )
    try:
        test = evaluator.test
    except ZooError as error:
        raise ZooError(f"{score} needs a split {held_out!r} of {evaluator.source.name}: {error}") from None
    for given, split in ((evaluator.source.labels, evaluator.split), (test.labels, held_out)):
        if labels and given is None:
            raise ZooError(f"{score} needs labels, and the split {split!r} of {evaluator.source.name} has none.")
    if test.class_names != evaluator.source.class_names:
        raise ZooError(
            f"{score}: the split {held_out!r} of {evaluator.source.name} has other classes than {evaluator.split!r}."
        )


class TestError(ScoreKind):
    """The share of held-out test images whose class the discriminator gets wrong; a fake class, the last, is passed over."""

    __test__ = False  # nothing for pytest to collect

    def check(self, evaluator, players):
        check_held_out(evaluator, "test_error")
        width = width_of(players, "class_logits", "test_error")
        if width < evaluator.source.classes:
            raise ZooError(
                f"test_error: the discriminator knows {width} classes, and {evaluator.source.name} has"
                f" {evaluator.source.classes}; leave the score out."
            )

    def protocol(self, evaluator):
        return dataclasses.replace(
            by_discriminator(evaluator.protocol),
            real_split=evaluator.held_out_split,
            real_sha256=evaluator.test_sha256,
            real_images=evaluator.test.size,
            generated_images=0,
        )

    def __call__(self, evaluator, drawn):
        logits = drawn.players.discriminate(evaluator.test.images)["class_logits"][:, : evaluator.source.classes]
        return [mean_of("test_error", logits.argmax(axis=1) != evaluator.test.labels)]


def told_of(source, count, split):
    """Which images a score took beside those that its protocol names, in words."""
    return f"{count:,} images of {split}, {source.fingerprint()[:12]}"


class ClusteringError(TestError):
    """The share of held-out test images whose category, found without labels, stands for another class.

    Categories are those of the first categorical code, or of class_logits for a prior without codes. What each stands for
    is learnt from the judge's real images, those of the training split.
    """

    def check(self, evaluator, players):
        check_held_out(evaluator, "clustering_error")
        codes = players.codes
        if codes and not codes.categorical:
            raise ZooError("clustering_error needs a categorical code, and the prior has none; leave the score out.")
        width_of(players, "category_logits" if codes else "class_logits", "clustering_error")

    def protocol(self, evaluator):
        known = told_of(evaluator.source, len(evaluator.numbers), evaluator.split)
        return dataclasses.replace(super().protocol(evaluator), settings=f"categories named by {known}")

    def logits(self, players, images):
        outputs, codes = players.discriminate(images), players.codes
        return outputs["category_logits"][:, : codes.categorical[0]] if codes else outputs["class_logits"]

    def __call__(self, evaluator, drawn):
        known, held_out = (
            self.logits(drawn.players, images) for images in (evaluator.real_images, evaluator.test.images)
        )
        wrong = clustering_errors(
            (known.argmax(axis=1), evaluator.real_labels),
            (held_out.argmax(axis=1), evaluator.test.labels),
            known.shape[1],
            evaluator.source.classes,
        )
        return [mean_of("clustering_error", wrong)]


class CodeRecovery(ScoreKind):
    """How well the discriminator reads the codes that images were generated with: categories, and continuous codes."""

    def check(self, evaluator, players):
        codes = players.codes
        if not codes:
            raise ZooError("code_recovery needs a generator with codes, and this one takes none; leave the score out.")
        for count, output in ((len(codes.categorical), "category_logits"), (codes.continuous, "code_mean")):
            if count:
                width_of(players, output, "code_recovery")

    def protocol(self, evaluator):
        return dataclasses.replace(by_discriminator(evaluator.protocol), real_images=0)

    def __call__(self, evaluator, drawn):
        kinds = drawn.players.codes
        codes = random_codes(kinds, evaluator.samples, evaluator.seed)
        read = [drawn.players.discriminate(images) for _, images in drawn.images(evaluator.samples, None, codes)]
        categories, scores = len(kinds.categorical), []
        if categories:
            logits = np.concatenate([outputs["category_logits"] for outputs in read])
            right = categories_read(codes[:, :categories], logits, kinds.categorical)
            scores.append(mean_of("code_category_accuracy", right))
        if kinds.continuous:
            pairs = np.stack(
                [codes[:, categories:], np.concatenate([outputs["code_mean"] for outputs in read])], axis=1
            )
            scores.append(
                Estimate(
                    "code_correlation",
                    correlation_of(pairs),
                    resample=lambda random: correlation_of(resampled(pairs, random)),
                )
            )
        return scores


def correlation_of(pairs):
    """`mean_correlation` of pairs [N, 2, C] of codes asked for and read."""
    return mean_correlation(pairs[:, 0], pairs[:, 1])


def random_codes(kinds, count, seed):
    """float32 [count, kinds.size] of a `Codes`, by NumPy's generator."""
    random = np.random.default_rng(seed)
    categories = random.integers(0, np.array(kinds.categorical, np.int64), [count, len(kinds.categorical)])
    return np.concatenate([categories, random.uniform(-1, 1, [count, kinds.continuous])], axis=1).astype(np.float32)


def accuracies(players, train, held_out, count, seed=0):
    """{"d_accuracy_train", "d_accuracy_held_out"}: as the score `discriminator_accuracy` has them, of few images and no fakes.

    Args:
        players: `Players`.
        train, held_out: data sources with `images`, `labels` and `size`.
        count: how many images of each at most, drawn by `seed`.
    """
    found = {}
    for name, source in (("train", train), ("held_out", held_out)):
        count_here = min(count, source.size)
        numbers = np.sort(np.random.default_rng(seed).choice(source.size, count_here, replace=False))
        labels = None if source.labels is None else source.labels[numbers]
        found[f"d_accuracy_{name}"] = float((players.discriminate(source.images[numbers], labels)["logits"] > 0).mean())
    return found


class DiscriminatorAccuracy(ScoreKind):
    """Whether the discriminator knows the images that it was trained on from held-out ones: Brock et al. 2018, section 4.2.

    d_accuracy_*: the share of images whose logit is on their side of 0, the boundary of hinge and logistic losses; it says
    nothing of critics and of least squares to 0 and 1. d_rank_*: how often a real image's logit exceeds a generated one's,
    which says the same of any.
    """

    def check(self, evaluator, players):
        width_of(players, "logits", "discriminator_accuracy")
        check_held_out(evaluator, "discriminator_accuracy", labels=False)

    def protocol(self, evaluator):
        held_out = told_of(evaluator.test, evaluator.test.size, evaluator.held_out_split)
        return dataclasses.replace(by_discriminator(evaluator.protocol), settings=f"held out: {held_out}")

    def __call__(self, evaluator, drawn):
        def logits(images, labels):
            return drawn.players.discriminate(images, labels)["logits"][:, 0]

        labels = drawn.labels_in_turn if drawn.players.num_classes else None
        generated = np.concatenate(
            [
                logits(images, None if labels is None else labels[here])
                for here, images in drawn.images(evaluator.samples, labels)
            ]
        )
        train, held_out = (
            logits(evaluator.real_images, evaluator.real_labels),
            logits(evaluator.test.images, evaluator.test.labels),
        )
        below = np.sort(generated)
        found = [
            mean_of("d_accuracy_train", train > 0),
            mean_of("d_accuracy_held_out", held_out > 0),
            mean_of("d_accuracy_generated", generated < 0),
        ]
        for name, real in (("train", train), ("held_out", held_out)):
            ties = np.searchsorted(below, real, "left") + np.searchsorted(below, real, "right")
            found.append(mean_of(f"d_rank_{name}", ties / (2 * len(below))))
        return found
