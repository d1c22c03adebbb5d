"""Terms of class labels and codes beside or in place of real against fake. CE is the softmax cross-entropy, a mean over examples.

Where a batch holds "labelled_images" and "labelled_labels" (a semi-supervised source), those are the labelled reals; elsewhere
all reals are.
"""

import math

import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Term
from tfgan_zoo.core.replicas import mean_over_replicas


def cross_entropy(labels, logits):
    """labels: whole numbers [B]; logits [B, K]. Returns a scalar."""
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(labels, tf.int32), logits=logits)
    )


def labels_of(batch):
    """The labels of a batch.

    Raises:
        ZooError: it has none.
    """
    if "labels" not in batch:
        raise ZooError(
            "this objective needs labels, and the data has none for all images; give a source with labels, or "
            "data.labels_per_class to a model that can do with a few."
        )
    return batch["labels"]


def labelled_part(turn):
    """(class logits, labels) of the labelled reals; a batch of their own is seen in a pass of its own."""
    if "labelled_labels" in turn.real:
        outputs = turn.discriminate({"images": turn.real["labelled_images"]})
        return outputs["class_logits"], turn.real["labelled_labels"]
    return turn.on_real["class_logits"], labels_of(turn.real)


class ClassCrossEntropy(Term):
    """ACGAN's L_C. D: CE(class, y) on real and on fake; G: on fake. Odena et al. 2016, arXiv:1610.09585, eq. 3."""

    def discriminator_loss(self, turn):
        real = cross_entropy(labels_of(turn.real), turn.on_real["class_logits"])
        return real + cross_entropy(turn.fake["labels"], turn.on_fake["class_logits"])

    def generator_loss(self, turn):
        return cross_entropy(turn.fake["labels"], turn.on_fake["class_logits"])


class LabelledCrossEntropy(Term):
    """D: CE(y) of the labelled reals over the discriminator's classes. Springenberg 2015, arXiv:1511.06390, eq. 9."""

    def discriminator_loss(self, turn):
        logits, labels = labelled_part(turn)
        return cross_entropy(labels, logits)


class FakeClass(Term):
    """SGAN's K + 1 classes, of which the last is fake. Odena 2016, arXiv:1606.01583; Salimans et al. 2016, arXiv:1606.03498.

    D: CE(labelled real, y) + CE(fake, K + 1), and -log(1 - p(K + 1 | x)) for unlabelled reals where there are some.
    G: -log(1 - p(K + 1 | G(z))).
    """

    def discriminator_loss(self, turn):
        logits, labels = labelled_part(turn)
        loss = cross_entropy(labels, logits) - tf.reduce_mean(log_fake(turn.on_fake["class_logits"]))
        if "labelled_labels" in turn.real:
            loss -= tf.reduce_mean(log_real(turn.on_real["class_logits"]))
        return loss

    def generator_loss(self, turn):
        return -tf.reduce_mean(log_real(turn.on_fake["class_logits"]))


def log_fake(logits):
    """log p(K + 1 | x) of logits [B, K + 1]: [B]."""
    return tf.nn.log_softmax(logits)[:, -1]


def log_real(logits):
    """log(1 - p(K + 1 | x)) of logits [B, K + 1], from the classes' own mass, so that nothing cancels: [B]."""
    return tf.reduce_logsumexp(tf.nn.log_softmax(logits)[:, :-1], axis=1)


class FeatureMatching(Term):
    """G: |E f(x) - E f(G(z))|^2 over D's features, means over the global batch. Salimans et al. 2016, arXiv:1606.03498, 3.1."""

    needs_whole_batch = True

    def generator_loss(self, turn):
        real, fake = (
            mean_over_replicas(tf.reduce_mean(outputs["features"], axis=0)) for outputs in (turn.on_real, turn.on_fake)
        )
        return tf.reduce_sum(tf.square(real - fake))


class Classifier(Term):
    """D: CE(y) of the labelled reals over the first `num_classes` logits; G stays as it is: the same network alone, a baseline."""

    def __init__(self, num_classes):
        self.num_classes = num_classes

    def discriminator_loss(self, turn):
        logits, labels = labelled_part(turn)
        return cross_entropy(labels, logits[:, : self.num_classes])

    def generator_loss(self, turn):
        return 0.0 * tf.reduce_mean(turn.fake["images"])


class CategoryInformation(Term):
    """D, with Q, and G: -L_I of the categorical codes, L_I = E log Q(c | G(z, c)) + H(c). Chen et al. 2016, arXiv:1606.03657, eq. 5.

    codes: a `priors.Codes` with categories. The sum over its categorical codes; 0 where Q knows them all.
    """

    def __init__(self, codes):
        self.codes = codes

    def discriminator_loss(self, turn):
        logits = tf.split(turn.on_fake["category_logits"], list(self.codes.categorical), axis=1)
        drawn = turn.fake["codes"]
        # -E log Q(c) - H(c), with H(c) = log K of a uniform category
        return tf.add_n([cross_entropy(drawn[:, i], part) - math.log(part.shape[1]) for i, part in enumerate(logits)])

    generator_loss = discriminator_loss


class CodeInformation(Term):
    """D, with Q, and G: -L_I of the continuous codes, Q a factored Gaussian. Chen et al. 2016, arXiv:1606.03657, eq. 5.

    -log Q(c) = log s + (c - m)^2 / (2 s^2) + log(2 pi) / 2, with the learned deviation s = exp("code_log_stddev") or s = 1.
    H(c) of U(-1, 1) is log 2. The sum over the codes.
    """

    def __init__(self, codes):
        self.codes = codes

    def discriminator_loss(self, turn):
        drawn = turn.fake["codes"][:, len(self.codes.categorical) :]
        mean = turn.on_fake["code_mean"]
        log_stddev = turn.on_fake.get("code_log_stddev", tf.zeros_like(mean))
        scaled = (tf.cast(drawn, mean.dtype) - mean) * tf.exp(-log_stddev)
        negative_log = log_stddev + tf.square(scaled) / 2 + math.log(2 * math.pi) / 2 - math.log(2)
        return tf.reduce_mean(tf.reduce_sum(negative_log, axis=1))

    generator_loss = discriminator_loss
