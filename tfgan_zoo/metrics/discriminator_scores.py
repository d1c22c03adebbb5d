"""Scores of what the discriminator reads: classes and categories of held-out images, codes of generated ones."""

import dataclasses
import re

import numpy as np

from tfgan_zoo.errors import ZooError
from tfgan_zoo.metrics.agreement import category_accuracy, clustering_error, mean_correlation, share
from tfgan_zoo.metrics.players import ScoreKind, generated


def by_discriminator(protocol):
    """`protocol` where the judged discriminator reads the images itself."""
    return dataclasses.replace(protocol, features="discriminator", features_sha256="", resizing="")


def width_of(game, output, score):
    """How many columns an output of the discriminator has; raises `ZooError` where it has no such output."""
    there = {name: tensor.shape[-1] for name, tensor in game.discriminator.output.items()}
    if output not in there:
        raise ZooError(
            f"{score} reads the discriminator's {output}, and it gives only {', '.join(there)}; leave the score out."
        )
    return there[output]


def check_held_out(judge, score):
    """Raises `ZooError` where there is no labelled test split, or where it was trained on."""
    if {"all", "test"} & set(re.findall(r"\w+", judge.split)):
        raise ZooError(
            f"{score} is taken on the images of the split 'test', which data.split={judge.split!r} trains on;"
            " set data.split=train."
        )
    try:
        test = judge.test
    except ZooError as error:
        raise ZooError(f"{score} needs a split 'test' of {judge.source.name}: {error}") from None
    for labels, split in ((judge.source.labels, judge.split), (test.labels, "test")):
        if labels is None:
            raise ZooError(f"{score} needs labels, and the split {split!r} of {judge.source.name} has none.")
    if test.class_names != judge.source.class_names:
        raise ZooError(f"{score}: the split 'test' of {judge.source.name} has other classes than {judge.split!r}.")


class TestError(ScoreKind):
    """The share of held-out test images whose class the discriminator gets wrong; a fake class, the last, is passed over."""

    __test__ = False  # nothing for pytest to collect

    def check(self, judge, game):
        check_held_out(judge, "test_error")
        width = width_of(game, "class_logits", "test_error")
        if width < judge.source.classes:
            raise ZooError(
                f"test_error: the discriminator knows {width} classes, and {judge.source.name} has"
                f" {judge.source.classes}; leave the score out."
            )

    def protocol(self, judge):
        return dataclasses.replace(
            by_discriminator(judge.protocol),
            real_split="test",
            real_sha256=judge.test_sha256,
            real_images=judge.test.size,
            generated_images=0,
        )

    def __call__(self, judge, players):
        logits = players.discriminate(judge.test.images)["class_logits"][:, : judge.source.classes]
        return [("test_error", *share(logits.argmax(axis=1) != judge.test.labels))]


class ClusteringError(TestError):
    """The share of held-out test images whose category, found without labels, stands for another class.

    Categories are those of the first categorical code, or of class_logits for a prior without codes. What each stands for
    is learnt from the judge's real images, those of the training split.
    """

    def check(self, judge, game):
        check_held_out(judge, "clustering_error")
        codes = game.prior.codes
        if codes and not codes.categorical:
            raise ZooError("clustering_error needs a categorical code, and the prior has none; leave the score out.")
        width_of(game, "category_logits" if codes else "class_logits", "clustering_error")

    def logits(self, players, images):
        outputs, codes = players.discriminate(images), players.prior.codes
        return outputs["category_logits"][:, : codes.categorical[0]] if codes else outputs["class_logits"]

    def __call__(self, judge, players):
        known, held_out = (self.logits(players, images) for images in (judge.real_images, judge.test.images))
        error = clustering_error(
            (known.argmax(axis=1), judge.source.labels[judge.numbers]),
            (held_out.argmax(axis=1), judge.test.labels),
            known.shape[1],
            judge.source.classes,
        )
        return [("clustering_error", *error)]


class CodeRecovery(ScoreKind):
    """How well the discriminator reads the codes that images were generated with: categories, and continuous codes."""

    def check(self, judge, game):
        codes = game.prior.codes
        if not codes:
            raise ZooError("code_recovery needs a generator with codes, and this one takes none; leave the score out.")
        for count, output in ((len(codes.categorical), "category_logits"), (codes.continuous, "code_mean")):
            if count:
                width_of(game, output, "code_recovery")

    def protocol(self, judge):
        return dataclasses.replace(by_discriminator(judge.protocol), real_images=0)

    def __call__(self, judge, players):
        kinds = players.prior.codes
        codes = random_codes(kinds, judge.samples, judge.seed)
        read = [players.discriminate(images) for _, images in generated(judge, players, judge.samples, None, codes)]
        categories, scores = len(kinds.categorical), []
        if categories:
            logits = np.concatenate([outputs["category_logits"] for outputs in read])
            accuracy = category_accuracy(codes[:, :categories], logits, kinds.categorical)
            scores.append(("code_category_accuracy", *accuracy))
        if kinds.continuous:
            means = np.concatenate([outputs["code_mean"] for outputs in read])
            scores.append(("code_correlation", mean_correlation(codes[:, categories:], means), None))
        return scores


def random_codes(kinds, count, seed):
    """float32 [count, kinds.size] of a `Codes`, by NumPy's generator."""
    random = np.random.default_rng(seed)
    categories = random.integers(0, np.array(kinds.categorical, np.int64), [count, len(kinds.categorical)])
    return np.concatenate([categories, random.uniform(-1, 1, [count, kinds.continuous])], axis=1).astype(np.float32)
