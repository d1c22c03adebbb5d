"""Scores of what the discriminator predicts: classes and categories of held-out images, codes of generated ones."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.agreement import categories_read, clustering_errors, mean_correlation
from tfgan_zoo.metrics.bootstrap import resampled
from tfgan_zoo.metrics.estimate import Estimate, mean_of
from tfgan_zoo.metrics.players import GeneratedSamples, Players, ScoreKind

if TYPE_CHECKING:
    from tfgan_zoo.core.priors import Codes
    from tfgan_zoo.metrics.protocol import Evaluator, Protocol


def by_discriminator(protocol: Protocol) -> Protocol:
    """`protocol` for a score of the evaluated discriminator, which needs no feature network."""
    return dataclasses.replace(protocol, features="discriminator", features_sha256="", resizing="")


def output_width(players: Players, output: str, score: str) -> int:
    """The number of columns of a discriminator output. Raises `ZooError` if there is no such output."""
    if not players.outputs:
        raise ZooError(
            f"{score} scores the discriminator, and there is none here; evaluate a run with --run, "
            "whose discriminator sees images."
        )
    if output not in players.outputs:
        raise ZooError(
            f"{score} needs the discriminator's {output}, and it has only {', '.join(players.outputs)};"
            " leave the score out."
        )
    return players.outputs[output]


def check_held_out(evaluator: Evaluator, score: str, labels: bool = True) -> None:
    """Raises `ZooError` if there is no held-out split (with `labels`: a labelled one), or if it was trained on.

    Two slices of one split, such as train[:90%] and train[90%:], are assumed to be disjoint.
    """
    if not evaluator.own_data:
        raise ZooError(
            f"{score} compares the players' training images with held-out ones; leave out --against and --split."
        )
    held_out = evaluator.held_out_split
    trained, tested = (set(re.findall(r"[^\W\d]\w*", split)) for split in (evaluator.split, held_out))
    if {"all", *tested} & trained and not ("[" in evaluator.split and "[" in held_out):
        raise ZooError(
            f"{score} uses the images of the split {held_out!r}, which data.split={evaluator.split!r} trains on;"
            " set data.split=train, or data.held_out_split."
        )
    try:
        test = evaluator.test
    except ZooError as error:
        raise ZooError(f"{score} needs a split {held_out!r} of {evaluator.source.name}: {error}") from None
    for labels_of_split, split in ((evaluator.source.labels, evaluator.split), (test.labels, held_out)):
        if labels and labels_of_split is None:
            raise ZooError(f"{score} needs labels, and the split {split!r} of {evaluator.source.name} has none.")
    if test.class_names != evaluator.source.class_names:
        raise ZooError(
            f"{score}: the split {held_out!r} of {evaluator.source.name} has other classes than {evaluator.split!r}."
        )


class TestError(ScoreKind):
    """The proportion of held-out images that the discriminator misclassifies; a fake class, the last, is ignored."""

    __test__ = False  # nothing for pytest to collect

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_held_out(evaluator, "test_error")
        width = output_width(players, "class_logits", "test_error")
        if width < evaluator.source.classes:
            raise ZooError(
                f"test_error: the discriminator has {width} classes, and {evaluator.source.name} has"
                f" {evaluator.source.classes}; leave the score out."
            )

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return ["test_error"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        return dataclasses.replace(
            by_discriminator(evaluator.protocol),
            real_split=evaluator.held_out_split,
            real_sha256=evaluator.test_sha256,
            real_images=evaluator.test.size,
            generated_images=0,
        )

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        logits = generated.players.discriminate(evaluator.test.images)["class_logits"][:, : evaluator.source.classes]
        return [mean_of("test_error", logits.argmax(axis=1) != evaluator.test.labels)]


def provenance(source: Any, count: int, split: str) -> str:
    """A description of images that a score used besides those that its protocol names."""
    return f"{count:,} images of {split}, {source.fingerprint()[:12]}"


class ClusteringError(TestError):
    """The proportion of held-out images whose category, found without labels, stands for another class.

    Categories are those of the first categorical code, or of class_logits for a prior without codes. What each stands for
    is learnt from the evaluator's real images, those of the training split.
    """

    def check(self, evaluator: Evaluator, players: Players) -> None:
        check_held_out(evaluator, "clustering_error")
        codes = players.codes
        if codes and not codes.categorical:
            raise ZooError("clustering_error needs a categorical code, and the prior has none; leave the score out.")
        output_width(players, "category_logits" if codes else "class_logits", "clustering_error")

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        return ["clustering_error"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        known = provenance(evaluator.source, len(evaluator.numbers), evaluator.split)
        return dataclasses.replace(super().protocol(evaluator), settings=f"categories named by {known}")

    def logits(self, players: Players, images: np.ndarray) -> np.ndarray:
        outputs, codes = players.discriminate(images), players.codes
        return outputs["category_logits"][:, : codes.categorical[0]] if codes else outputs["class_logits"]

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        known, held_out = (
            self.logits(generated.players, images) for images in (evaluator.real_images, evaluator.test.images)
        )
        wrong = clustering_errors(
            (known.argmax(axis=1), evaluator.real_labels),
            (held_out.argmax(axis=1), evaluator.test.labels),
            known.shape[1],
            evaluator.source.classes,
        )
        return [mean_of("clustering_error", wrong)]


class CodeRecovery(ScoreKind):
    """How well the discriminator recovers the codes that images were generated with, categorical and continuous."""

    def check(self, evaluator: Evaluator, players: Players) -> None:
        codes = players.codes
        if not codes:
            raise ZooError("code_recovery needs a generator with codes, and this one has none; leave the score out.")
        for count, output in ((len(codes.categorical), "category_logits"), (codes.continuous, "code_mean")):
            if count:
                output_width(players, output, "code_recovery")

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        codes = players.codes
        return ["code_category_accuracy"] * bool(codes.categorical) + ["code_correlation"] * bool(codes.continuous)

    def protocol(self, evaluator: Evaluator) -> Protocol:
        return dataclasses.replace(by_discriminator(evaluator.protocol), real_images=0)

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        kinds = generated.players.codes
        codes = random_codes(kinds, evaluator.samples, evaluator.seed)
        predicted = [
            generated.players.discriminate(images) for _, images in generated.images(evaluator.samples, None, codes)
        ]
        categories, scores = len(kinds.categorical), []
        if categories:
            logits = np.concatenate([outputs["category_logits"] for outputs in predicted])
            right = categories_read(codes[:, :categories], logits, kinds.categorical)
            scores.append(mean_of("code_category_accuracy", right))
        if kinds.continuous:
            pairs = np.stack(
                [codes[:, categories:], np.concatenate([outputs["code_mean"] for outputs in predicted])], axis=1
            )
            scores.append(
                Estimate(
                    "code_correlation",
                    correlation_of(pairs),
                    resample=lambda random: correlation_of(resampled(pairs, random)),
                )
            )
        return scores


def correlation_of(pairs: np.ndarray) -> float:
    """`mean_correlation` of pairs [N, 2, C] of true and predicted codes."""
    return mean_correlation(pairs[:, 0], pairs[:, 1])


def random_codes(kinds: Codes, count: int, seed: int) -> np.ndarray:
    """float32 [count, kinds.size], drawn by a NumPy generator."""
    random = np.random.default_rng(seed)
    categories = random.integers(0, np.array(kinds.categorical, np.int64), [count, len(kinds.categorical)])
    return np.concatenate([categories, random.uniform(-1, 1, [count, kinds.continuous])], axis=1).astype(np.float32)


def accuracies(players: Players, train: Any, held_out: Any, count: int, seed: int = 0) -> dict[str, float]:
    """{"d_accuracy_train", "d_accuracy_held_out"}: the score `discriminator_accuracy`, on few images and without fakes.

    Args:
        players: `Players`.
        train, held_out: data sources with `images`, `labels` and `size`.
        count: at most this many images of each, drawn by `seed`.
        seed: integer.
    """
    scores = {}
    for name, source in (("train", train), ("held_out", held_out)):
        count_here = min(count, source.size)
        numbers = np.sort(np.random.default_rng(seed).choice(source.size, count_here, replace=False))
        labels = None if source.labels is None else source.labels[numbers]
        scores[f"d_accuracy_{name}"] = float(
            (players.discriminate(source.images[numbers], labels)["logits"].mean(axis=1) > 0).mean()
        )
    return scores


class DiscriminatorAccuracy(ScoreKind):
    """Whether the discriminator tells its training images from held-out ones: Brock et al. 2018, section 4.2.

    d_accuracy_*: the proportion of images whose logit has the right sign; 0 is the boundary of hinge and logistic losses, but
    means nothing for critics or for least squares to 0 and 1. d_rank_*: how often a real image's logit exceeds a generated
    one's, which means the same for all of them.
    """

    def check(self, evaluator: Evaluator, players: Players) -> None:
        output_width(players, "logits", "discriminator_accuracy")
        check_held_out(evaluator, "discriminator_accuracy", labels=False)

    def names(self, evaluator: Evaluator, players: Players) -> list[str]:
        groups = [f"d_accuracy_{images}" for images in ("train", "held_out", "generated")]
        return [*groups, "d_rank_train", "d_rank_held_out"]

    def protocol(self, evaluator: Evaluator) -> Protocol:
        held_out = provenance(evaluator.test, evaluator.test.size, evaluator.held_out_split)
        return dataclasses.replace(by_discriminator(evaluator.protocol), settings=f"held out: {held_out}")

    def __call__(self, evaluator: Evaluator, generated: GeneratedSamples) -> list[Estimate]:
        def logits(images, labels):
            return generated.players.discriminate(images, labels)["logits"].mean(axis=1)

        labels = generated.cycled_labels if generated.players.num_classes else None
        fake = np.concatenate(
            [
                logits(images, None if labels is None else labels[here])
                for here, images in generated.images(evaluator.samples, labels)
            ]
        )
        train, held_out = (
            logits(evaluator.real_images, evaluator.real_labels),
            logits(evaluator.test.images, evaluator.test.labels),
        )
        ranked = np.sort(fake)
        scores = [
            mean_of("d_accuracy_train", train > 0),
            mean_of("d_accuracy_held_out", held_out > 0),
            mean_of("d_accuracy_generated", fake < 0),
        ]
        for name, real in (("train", train), ("held_out", held_out)):
            ties = np.searchsorted(ranked, real, "left") + np.searchsorted(ranked, real, "right")
            scores.append(mean_of(f"d_rank_{name}", ties / (2 * len(ranked))))
        return scores
