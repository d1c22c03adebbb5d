"""Adam on latents: what one step is, of how many latents at once, and whether a generator gives gradients at all.

The gradients are those of the signature `serving_default`. An export has them as a run has, since a SavedModel holds the
operations of its functions, and TensorFlow differentiates those; it has none where the function was saved without what they need.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.latents.conditions import Condition
from tfgan_zoo.latents.latent_space import LatentSpace
from tfgan_zoo.saved_model.signature_calls import Arrays

SHELL_WEIGHT = 0.01  # one standard deviation too many costs as much as a mean squared error of 0.01
PIXELS_AT_ONCE = 2**18  # images that are differentiated at once have no more, which bounds the memory
RAMP_UP, RAMP_DOWN, NOISE_SHARE = 0.05, 0.25, 0.75  # StyleGAN2's
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
CODE_SCALE = 3**-0.5  # the standard deviation of U(-1, 1), from which training draws continuous codes

Tensors = dict[str, tf.Tensor]


def rate_at(share: float) -> float:
    """The factor of the step size at a share of the steps: a linear rise, a plateau, and a cosine down to 0.

    Examples:
        >>> [round(rate_at(share), 3) for share in (0.025, 0.05, 0.5, 0.875, 1)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    fall = min(1.0, (1 - share) / RAMP_DOWN)
    return min(1.0, share / RAMP_UP) * (0.5 - 0.5 * float(np.cos(np.pi * fall)))


class LatentOptimizer:
    """Several latents on their way to the image of one picture.

    Attributes:
        inputs: the generator's inputs now, {name: array [N, ...]}.

    Args:
        space: of the generator.
        target: the picture, uint8 [H, W, C], in the generator's shape.
        steps: how many there will be.
        rate, noise: the largest step size and the largest standard deviation of the noise, both in standard deviations of the
            latent.

    Raises:
        ZooError: the picture has another shape.
    """

    def __init__(self, space: LatentSpace, target: np.ndarray, steps: int, rate: float, noise: float) -> None:
        self.space, self.generator = space, space.generator
        if target.shape != self.generator.sample_shape or target.dtype != np.uint8:
            raise ZooError(
                f"the picture is {target.dtype} {list(target.shape)}; expected uint8 {list(self.generator.sample_shape)}."
            )
        self.target = tf.constant(target / np.float32(127.5) - 1, tf.float32)
        self.steps, self.rate, self.noise = steps, rate, noise
        self.rows = max(1, PIXELS_AT_ONCE // int(np.prod(target.shape[:2])))
        self.inputs: Arrays = {}
        count, size = len(space.draws[space.moving[0]]), self.generator.code_size
        draws = Draws(fold(seed_of(space.first_seed), "codes"), count)
        self.codes = 2 * draws.uniform("codes", [size]).numpy() - 1 if size else np.zeros([count, 0])

    def inputs_of(self, draw: int, condition: Condition) -> Arrays:
        """The generator's inputs [1, ...] for one of the space's draws under a condition; open codes are drawn from U(-1, 1)."""
        given: Arrays = {} if condition.label is None else {"labels": np.asarray(condition.label)}
        if condition.codes:
            codes = np.asarray(condition.codes, np.float32)
            given["codes"] = np.where(np.isnan(codes), self.codes[draw], codes)
        for name, item in self.generator.condition_items.items():
            if name not in ("labels", "codes"):  # as on the way between two seeds
                given[name] = np.zeros(item.shape, item.dtype)
        latents = {name: values[draw : draw + 1] for name, values in self.space.draws.items()}
        return self.generator.serving_inputs(**latents, **given)

    def start(self, starts: Sequence[tuple[int, Condition]]) -> None:
        """Begins with these draws of the space under these conditions."""
        rows = [self.inputs_of(draw, condition) for draw, condition in starts]
        self.inputs = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        # What may move: all numbers of the latents, and the codes that a condition leaves open.
        self.free = {name: np.ones_like(self.inputs[name], bool) for name in self.space.moving}
        open_codes = np.array([np.isnan(condition.codes) for _, condition in starts])
        if open_codes.any():
            self.free["codes"] = open_codes
        self.mean = {name: np.zeros_like(self.inputs[name]) for name in self.free}
        self.square = {name: np.zeros_like(self.inputs[name]) for name in self.free}

    def keep(self, rows: Sequence[int] | np.ndarray) -> None:
        """Goes on with some of the latents."""
        for table in (self.inputs, self.free, self.mean, self.square):
            table.update({name: values[rows] for name, values in table.items()})

    def images(self) -> np.ndarray:
        """float32 images [N, H, W, C] of the latents as they are now."""
        return self.generator.from_latents(**self.inputs)

    def distances(self, images: np.ndarray) -> np.ndarray:
        """The mean squared errors of images, float64 [N]."""
        return np.asarray(np.mean((images - self.target.numpy()) ** 2, axis=(1, 2, 3), dtype=np.float64))

    def step(self, number: int) -> None:
        """One step of Adam, the one after `number` others.

        Raises:
            ZooError: the generator's function gives no gradient.
        """
        gradients = self.gradients(self.with_noise(number), check=number == 0)
        rate = self.rate * rate_at((number + 1) / self.steps)
        for name, gradient in gradients.items():
            self.mean[name] = BETA_1 * self.mean[name] + (1 - BETA_1) * gradient
            self.square[name] = BETA_2 * self.square[name] + (1 - BETA_2) * gradient**2
            mean = self.mean[name] / (1 - BETA_1 ** (number + 1))
            square = self.square[name] / (1 - BETA_2 ** (number + 1))
            low, high = (-1.0, 1.0) if name == "codes" else (self.space.lowest[name], self.space.highest[name])
            values = self.inputs[name]
            moved = np.clip(values - rate * self.scale(name) * mean / (np.sqrt(square) + EPSILON), low, high)
            self.inputs[name] = np.where(self.free[name], moved, values).astype(np.float32)

    def scale(self, name: str) -> float:
        """The root mean square of a latent's numbers, as the prior draws them."""
        return self.space.norm[name] / self.space.draws[name][0].size ** 0.5 if name != "codes" else CODE_SCALE

    def with_noise(self, number: int) -> Arrays:
        """What is optimised, with a step's noise on the latents."""
        values = {name: self.inputs[name] for name in self.free}
        strength = self.noise * max(0.0, 1 - number / (NOISE_SHARE * self.steps)) ** 2
        if strength:
            draws = Draws(
                fold(fold(seed_of(self.space.first_seed), "noise"), number), len(values[self.space.moving[0]])
            )
            for name in self.space.moving:
                noise = draws.normal(name, values[name].shape[1:]).numpy()
                values[name] = values[name] + np.float32(strength * self.scale(name)) * noise
        return values

    def gradients(self, values: Arrays, check: bool) -> Arrays:
        """{name: the loss's gradient with respect to the values}; check: whether to look for gradients that are missing."""
        fixed = {name: array for name, array in self.inputs.items() if name not in values}
        parts = []
        for start in range(0, len(next(iter(values.values()))), self.rows):
            tables = ({n: tf.constant(a[start : start + self.rows]) for n, a in t.items()} for t in (values, fixed))
            try:
                found = self._gradients(*tables)
            except LookupError as error:
                raise ZooError(
                    f"this export gives no gradient ({error}); use the run that it came from: --run."
                ) from None
            parts.append({name: tensor.numpy() for name, tensor in found.items()})
        gradients = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if check and not any(np.any(gradients.get(name, 0)) for name in self.space.moving):
            raise ZooError(
                f"this export gives no gradient with respect to {', '.join(self.space.moving)}: its images come from operations "
                f"without one; use the run that it came from: --run."
            )
        return gradients

    @tf.function(autograph=False, reduce_retracing=True)
    def _gradients(self, values, fixed):
        with tf.GradientTape(watch_accessed_variables=False) as images_tape:
            images_tape.watch(values)
            images = self.generator.signatures["serving_default"](**values, **fixed)["images"]
            distance = tf.reduce_sum(tf.reduce_mean((images - self.target) ** 2, axis=[1, 2, 3]))
        with tf.GradientTape(watch_accessed_variables=False) as shell_tape:
            shell_tape.watch(values)
            implausibility = SHELL_WEIGHT * tf.reduce_sum(self.space.implausibility(values))
        gradients = images_tape.gradient(distance, values)
        shell = shell_tape.gradient(implausibility, values)
        # A generator that ignores one of its inputs has no gradient with respect to that one.
        return {
            name: gradients[name] + (0.0 if shell[name] is None else shell[name])
            for name in values
            if gradients[name] is not None
        }
