"""What a generator is fed: latents by distribution, labels, codes, and what truncation does to them."""

import dataclasses
from typing import Protocol

import tensorflow as tf

from tfgan_zoo.core.draws import Draws, SeededDraws, position_independent
from tfgan_zoo.core.generator_inputs import GeneratorInput, Truncation


class Distribution(Protocol):
    """How a latent is distributed.

    Attributes:
        truncation: what its truncation means.
    """

    truncation: Truncation

    def latents(self, uniform: tf.Tensor, truncation: tf.Tensor) -> tf.Tensor:
        """float32 latents in the shape of `uniform`, which is float32 in (0, 1); truncation: float32, broadcasts with it."""


class Normal:
    """N(0, 1). Truncated at t: the normal distribution given |z| <= t, as resampling gives it (BigGAN, section 3.1)."""

    truncation = Truncation("bound of |z|")

    def latents(self, uniform: tf.Tensor, truncation: tf.Tensor) -> tf.Tensor:
        """Latents in the shape of `uniform`.

        Computed by the inverse of the distribution function, so one seed gives the same direction at every truncation.

        Args:
            uniform: float32 in (0, 1), any shape.
            truncation: float32 >= 0 that broadcasts with it, inf for none.
        """
        bound = tf.maximum(truncation, 0.0)
        mass = position_independent(tf.math.erf, bound / 2**0.5)  # P(|z| <= t)
        latents = 2**0.5 * position_independent(tf.math.erfinv, (2 * uniform - 1) * mass)
        return tf.clip_by_value(latents, -bound, bound)  # rounding can exceed the bound by a hundredth near t = 5


class Uniform:
    """U(-1, 1). Truncated at t: U(-t, t)."""

    truncation = Truncation("half-width of U(-t, t)")

    def latents(self, uniform: tf.Tensor, truncation: tf.Tensor) -> tf.Tensor:
        """Latents in the shape of `uniform`.

        Args:
            uniform: float32 in (0, 1), any shape.
            truncation: float32 >= 0 that broadcasts with it, 1 or more for none.
        """
        return (2 * uniform - 1) * tf.clip_by_value(truncation, 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Codes:
    """InfoGAN's structured codes, one number each: first the categories, as whole numbers, then continuous ones in [-1, 1].

    categorical: the number of categories of each categorical code, drawn uniformly.
    continuous: how many codes are drawn from U(-1, 1).
    """

    categorical: tuple[int, ...] = ()
    continuous: int = 0

    @property
    def size(self) -> int:
        """Length of a code vector."""
        return len(self.categorical) + self.continuous

    def sample(self, draws: Draws | SeededDraws) -> tf.Tensor:
        """float32 [count, size]."""
        uniform = draws.uniform("codes", [self.size])
        choices = tf.constant(self.categorical, tf.float32)
        return tf.concat(
            [tf.floor(uniform[:, : len(self.categorical)] * choices), 2 * uniform[:, len(self.categorical) :] - 1], 1
        )


class Prior:
    """Draws the generator's inputs and says what they are.

    For further inputs, or another meaning of truncation, override `inputs`, `truncation` and `sample`:
    docs/extending_priors.md.

    Args:
        noise_size: length of the latent vector.
        distribution: of the latent: `Normal()`, which is the default, `Uniform()` or one of your own.
        num_classes: labels are drawn uniformly from this many classes; 0 for a generator without labels.
        codes: None for a generator without codes.
    """

    def __init__(
        self,
        noise_size: int,
        distribution: Distribution | None = None,
        num_classes: int = 0,
        codes: Codes | None = None,
    ) -> None:
        self.noise_size = noise_size
        self.distribution: Distribution = distribution or Normal()
        self.num_classes = num_classes
        self.codes = codes

    @property
    def inputs(self) -> tuple[GeneratorInput, ...]:
        """What `sample` returns, and so what the generator may take. Exported signatures and their clients follow it."""
        inputs = [GeneratorInput("noise", (self.noise_size,), interpolated=True)]
        if self.num_classes:
            inputs.append(GeneratorInput("labels", (), "int32", open_value=-1))
        if self.codes:
            inputs.append(GeneratorInput("codes", (self.codes.size,), open_value=float("nan")))
        return tuple(inputs)

    @property
    def truncation(self) -> Truncation:
        """What the `truncation` of `sample` means."""
        return self.distribution.truncation

    def sample(self, draws: Draws | SeededDraws, truncation: float | tf.Tensor = float("inf")) -> dict[str, tf.Tensor]:
        """Draws a batch.

        Args:
            draws: every random number must come from it, so that a batch does not depend on replicas nor an image on the
                rest of its batch.
            truncation: a number, or float32 [count, 1] with one per example.

        Returns:
            {"noise": float32 [count, noise_size], "labels"?: int32 [count], "codes"?: float32 [count, codes.size]}.
        """
        bound = tf.convert_to_tensor(truncation, tf.float32)
        latents = {"noise": self.distribution.latents(draws.uniform("noise", [self.noise_size]), bound)}
        if self.num_classes:
            latents["labels"] = draws.integers("labels", self.num_classes)
        if self.codes:
            latents["codes"] = self.codes.sample(draws)
        return latents
