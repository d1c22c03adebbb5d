"""Augmentation that grows as the discriminator overfits: ADA. Karras et al. 2020, arXiv:2006.06676, section 3.

A discriminator that has begun to remember its few images is sure of them: r = E sign(D(x)) over augmented real images approaches 1.
The probability p of each transform rises while r is above a target, and falls while it is below. Deviations from the authors'
code: r is not also taken over the reals that R1 sees, which are the same images; and p is bounded above.
"""

import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game, Term, Turn
from tfgan_zoo.core.recipe_tables import AugmentationFeedbackSettings
from tfgan_zoo.core.replicas import sum_over_replicas


class AugmentationFeedback(Term):
    """After every `every_steps` steps, p <- clip(p + sign(r - target) n / images, 0, limit), and adds nothing to a loss.

    n is the number of real images that the discriminator has been shown since the last change, over all of its updates and all
    replicas, and r the mean sign of their logits. `state` holds p, the last r, and since then (the sum of the signs, n, steps).

    Args:
        target: of r, in (-1, 1).
        images: over which p moves by 1.
        every_steps: between two changes.
        limit: upper bound of p.
        start: p at first.

    Examples:
        Three of four logits are positive, r = (3 - 1) / 4, and n / images = 4 / 40:

        >>> from types import SimpleNamespace  # stands in for a Turn
        >>> turn = SimpleNamespace(on_real={"logits": tf.constant([[2.0], [0.1], [5.0], [-9.0]])})
        >>> term = AugmentationFeedback(target=0.4, images=40, every_steps=1)
        >>> term.discriminator_loss(turn), term.generator_loss(turn)
        (None, None)
        >>> print(f"{float(term.state['r']):.2f} {float(term.state['p']):.2f}")
        0.50 0.10
    """

    def __init__(
        self,
        target: float = 0.6,
        images: int = 500_000,
        every_steps: int = 4,
        limit: float = 1.0,
        start: float = 0.0,
    ) -> None:
        self.target, self.images, self.every_steps, self.limit = target, images, every_steps, limit
        same = tf.VariableAggregation.ONLY_FIRST_REPLICA  # the counts are those of all replicas
        values = {"p": start, "r": 0.0, "since": [0.0, 0.0, 0.0]}
        self.state = {
            name: tf.Variable(value, dtype=tf.float32, trainable=False, aggregation=same)
            for name, value in values.items()
        }

    @property
    def probability(self) -> tf.Tensor:
        """p, a float32 scalar."""
        return tf.convert_to_tensor(self.state["p"])

    def discriminator_loss(self, turn: Turn) -> None:
        signs = tf.sign(tf.cast(turn.on_real["logits"], tf.float32))
        seen = tf.stack([tf.reduce_sum(signs), tf.cast(tf.size(signs), tf.float32), 0.0])
        since = self.state["since"]  # sums of whole numbers, so they are exact in any order
        since.assign(tf.convert_to_tensor(since) + sum_over_replicas(tf.stop_gradient(seen)))

    def generator_loss(self, turn: Turn) -> None:
        signs, count, steps = tf.unstack(tf.convert_to_tensor(self.state["since"]))
        due, r = steps + 1 >= self.every_steps, signs / tf.maximum(count, 1.0)
        p = tf.clip_by_value(self.probability + tf.sign(r - self.target) * count / self.images, 0.0, self.limit)
        after = {"p": p, "r": r, "since": tf.zeros([3])}
        before = {"p": self.probability, "r": tf.convert_to_tensor(self.state["r"])}
        before["since"] = tf.stack([signs, count, steps + 1])
        for name, variable in self.state.items():
            variable.assign(tf.where(due, after[name], before[name]))


def adapt(game: Game, settings: AugmentationFeedbackSettings, start: float) -> Game:
    """Lets the probability of the game's augmentation follow its discriminator, and returns the game.

    Args:
        game: with an augmentation; changed in place. Its objective gets the term `augmentation_feedback`.
        settings: of the feedback.
        start: the probability at first.

    Raises:
        ZooError: the discriminator has no logits.

    Examples:
        >>> from tfgan_zoo.models.sngan import build
        >>> from tfgan_zoo.observation.augmentation import augment
        >>> game = augment(build((32, 32, 1), generator_channels=2, discriminator_channels=2), ["blit"])
        >>> game = adapt(game, AugmentationFeedbackSettings(), start=0.25)
        >>> [name for name, _, _ in game.objective.terms], float(game.augmentation.probability())
        (['hinge', 'augmentation_feedback'], 0.25)
    """
    outputs = game.discriminator.output
    if "logits" not in outputs:
        raise ZooError(
            "augmentation_feedback reads the sign of the discriminator's logits, but this one puts out "
            f"{', '.join(outputs)}; set augmentation_probability alone."
        )
    term = AugmentationFeedback(**settings.model_dump(), start=start)
    game.objective += term
    game.augmentation.probability = lambda: term.probability
    return game
