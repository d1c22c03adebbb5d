"""Losses of class labels and features, in addition to real against fake or instead of it.

CE is the softmax cross-entropy, a mean over examples. If a batch has "labelled_images" and "labelled_labels" (a semi-supervised
source), those are the labelled reals; otherwise all reals are.
"""

import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Batch, Term, Turn
from tfgan_zoo.core.replicas import mean_over_replicas


def class_cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """CE(y) = -log p(y | x). Odena et al. 2016, arXiv:1610.09585, eq. 3 (ACGAN).

    Args:
        labels: whole numbers from 0 to K - 1 [B].
        logits: [B, K].

    Returns:
        A scalar >= 0.

    Examples:
        >>> print(f"{class_cross_entropy(tf.constant([0, 7]), tf.zeros([2, 8])):.4f}")  # log 8
        2.0794
    """
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(labels, tf.int32), logits=logits)
    )


def log_fake(logits: tf.Tensor) -> tf.Tensor:
    """log p(K + 1 | x) of logits [B, K + 1]: [B]."""
    return tf.nn.log_softmax(logits)[:, -1]


def log_real(logits: tf.Tensor) -> tf.Tensor:
    """log(1 - p(K + 1 | x)) of logits [B, K + 1], as the log of the K classes' sum, which avoids cancellation: [B]."""
    return tf.reduce_logsumexp(tf.nn.log_softmax(logits)[:, :-1], axis=1)


def fake_class(
    labels: tf.Tensor, labelled: tf.Tensor, fake: tf.Tensor, unlabelled: tf.Tensor | None = None
) -> tf.Tensor:
    """SGAN's discriminator, a classifier of K classes and a fake one: CE(labelled real, y) + CE(fake, K + 1), and
    -log(1 - p(K + 1 | x)) of unlabelled reals. Odena 2016, arXiv:1606.01583; Salimans et al. 2016, arXiv:1606.03498, section 5.

    Args:
        labels: of the labelled reals, whole numbers from 0 to K - 1 [B].
        labelled, fake: logits of labelled reals and of fakes [B, K + 1]; the last class is fake.
        unlabelled: logits of unlabelled reals [B, K + 1], or None.

    Returns:
        A scalar >= 0.

    Examples:
        >>> logits = tf.math.log([[1.0, 1.0, 2.0]])  # p = (1, 1, 2) / 4
        >>> print(f"{fake_class(tf.constant([1]), logits, logits):.4f}")  # log 4 + log 2
        2.0794
    """
    loss = class_cross_entropy(labels, labelled) - tf.reduce_mean(log_fake(fake))
    if unlabelled is not None:
        loss -= tf.reduce_mean(log_real(unlabelled))
    return loss


def fake_class_generator(fake: tf.Tensor) -> tf.Tensor:
    """SGAN's generator: -log(1 - p(K + 1 | G(z))). Sources as for `fake_class`.

    Args:
        fake: logits [B, K + 1]; the last class is fake.

    Returns:
        A scalar >= 0.

    Examples:
        >>> print(f"{fake_class_generator(tf.math.log([[1.0, 1.0, 2.0]])):.4f}")  # p = (1, 1, 2) / 4: log 2
        0.6931
    """
    return -tf.reduce_mean(log_real(fake))


def feature_matching(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """The generator's |E f(x) - E f(G(z))|^2, means over the batch of all replicas. Salimans et al. 2016, arXiv:1606.03498, 3.1.

    Args:
        real, fake: f, features of a hidden layer of the discriminator [B, F].

    Returns:
        A scalar >= 0.

    Examples:
        >>> float(feature_matching(tf.constant([[0.0, 5.0], [4.0, 5.0]]), tf.constant([[1.0, 5.0], [1.0, 5.0]])))  # (2 - 1)^2
        1.0
    """
    real, fake = (mean_over_replicas(tf.reduce_mean(features, axis=0)) for features in (real, fake))
    return tf.reduce_sum(tf.square(real - fake))


def labels_of(batch: Batch) -> tf.Tensor:
    """The labels of a batch.

    Raises:
        ZooError: it has none.
    """
    if "labels" not in batch:
        raise ZooError(
            "this objective needs labels for all images, and the data has none; use a source with labels, or set "
            "data.labels_per_class for a model that trains on a few."
        )
    return batch["labels"]


def labelled_part(turn: Turn) -> tuple[tf.Tensor, tf.Tensor]:
    """(labels, class logits) of the labelled reals; a labelled batch apart takes a pass of its own."""
    if "labelled_labels" in turn.real:
        outputs = turn.discriminate({"images": turn.real["labelled_images"]})
        return turn.real["labelled_labels"], outputs["class_logits"]
    logits = turn.on_real["class_logits"]
    return labels_of(turn.real), logits


class ClassCrossEntropy(Term):
    """ACGAN's L_C. D: CE(class, y) on real and on fake; G: on fake. Odena et al. 2016, arXiv:1610.09585, eq. 3.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> outputs, batch = {"class_logits": tf.zeros([1, 8])}, {"labels": tf.constant([3])}
        >>> turn = SimpleNamespace(on_real=outputs, on_fake=outputs, real=batch, fake=batch)
        >>> term = ClassCrossEntropy()
        >>> print(f"{term.discriminator_loss(turn):.4f} {term.generator_loss(turn):.4f}")  # 2 log 8, log 8
        4.1589 2.0794
    """

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        real = class_cross_entropy(labels_of(turn.real), turn.on_real["class_logits"])
        return real + class_cross_entropy(turn.fake["labels"], turn.on_fake["class_logits"])

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return class_cross_entropy(turn.fake["labels"], turn.on_fake["class_logits"])


class LabelledCrossEntropy(Term):
    """D: CE(y) of the labelled reals over the discriminator's classes. Springenberg 2015, arXiv:1511.06390, eq. 9.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"class_logits": tf.zeros([1, 8])}, real={"labels": tf.constant([3])})
        >>> print(f"{LabelledCrossEntropy().discriminator_loss(turn):.4f}")  # log 8
        2.0794
    """

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        return class_cross_entropy(*labelled_part(turn))


class FakeClass(Term):
    """SGAN's K + 1 classes, the last of which is fake. Odena 2016, arXiv:1606.01583; Salimans et al. 2016, arXiv:1606.03498.

    D: CE(labelled real, y) + CE(fake, K + 1), and -log(1 - p(K + 1 | x)) for unlabelled reals, if there are any.
    G: -log(1 - p(K + 1 | G(z))).

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> outputs = {"class_logits": tf.math.log([[1.0, 1.0, 2.0]])}  # p = (1, 1, 2) / 4
        >>> turn = SimpleNamespace(on_real=outputs, on_fake=outputs, real={"labels": tf.constant([1])})
        >>> print(f"{FakeClass().discriminator_loss(turn):.4f} {FakeClass().generator_loss(turn):.4f}")  # log 4 + log 2, log 2
        2.0794 0.6931
    """

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        labels, labelled = labelled_part(turn)
        fake = turn.on_fake["class_logits"]
        unlabelled = turn.on_real["class_logits"] if "labelled_labels" in turn.real else None
        return fake_class(labels, labelled, fake, unlabelled)

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return fake_class_generator(turn.on_fake["class_logits"])


class FeatureMatching(Term):
    """G: |E f(x) - E f(G(z))|^2 over D's features, means over the global batch. Salimans et al. 2016, arXiv:1606.03498, 3.1.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> real, fake = {"features": tf.constant([[3.0, 4.0]])}, {"features": tf.constant([[0.0, 0.0]])}
        >>> float(FeatureMatching().generator_loss(SimpleNamespace(on_real=real, on_fake=fake)))  # 3^2 + 4^2
        25.0
    """

    needs_whole_batch = True

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return feature_matching(turn.on_real["features"], turn.on_fake["features"])


class Classifier(Term):
    """D: CE(y) of the labelled reals over the first `num_classes` logits; G does not move. A baseline: the same network alone.

    Args:
        num_classes: K.

    Examples:
        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"class_logits": tf.zeros([1, 9])}, real={"labels": tf.constant([3])})
        >>> print(f"{Classifier(8).discriminator_loss(turn):.4f}")  # log 8
        2.0794
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def discriminator_loss(self, turn: Turn) -> tf.Tensor:
        labels, logits = labelled_part(turn)
        return class_cross_entropy(labels, logits[:, : self.num_classes])

    def generator_loss(self, turn: Turn) -> tf.Tensor:
        return 0.0 * tf.reduce_mean(turn.fake["images"])
