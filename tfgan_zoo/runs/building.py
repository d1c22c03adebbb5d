"""Builds the game of a recipe: its model with its arguments, and what the discriminator sees of the images."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast

from tfgan_zoo.core.catalog import checked_arguments, model_module
from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.game import Game, Term
from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.core.recipe_tables import MeasurementSettings, Stage
from tfgan_zoo.training.native_precision import precision


def measured_arguments(
    build: Callable[..., Game], settings: MeasurementSettings, image_shape: tuple[int, ...]
) -> dict[str, Any]:
    """{"measurement": the measurement, None if the discriminator sees images} if `build` takes it; otherwise {}.

    Raises:
        ZooError: images of this shape cannot be measured like this, or the measurements are not images of this shape
            and the model takes only images.
    """
    from tfgan_zoo.observation.measurements import measurement_of

    measurement = measurement_of(settings, image_shape)
    observed = None if settings.unmeasure else measurement
    if "measurement" in inspect.signature(build).parameters:
        return {"measurement": observed}
    if observed and observed.shape(image_shape) != image_shape:
        raise ZooError(
            f"{settings.kind} turns images of {list(image_shape)} into {list(observed.shape(image_shape))}, and this model "
            "takes only images; use --model=ambientgan, or set data.measurement.unmeasure=true."
        )
    return {}


def check_measured_stages(a_recipe: Recipe, image_shape: tuple[int, ...]) -> None:
    """Raises `ZooError` if the smaller images of a stage cannot be measured as the recipe says."""
    from tfgan_zoo.observation.measurements import measurement_of

    if a_recipe.data.measurement.unmeasure:  # inverts the measurements of full-size images
        return
    for side in (stage.resolution for stage in a_recipe.stages if stage.resolution):
        height, width = (side, side) if isinstance(side, int) else side
        measurement_of(a_recipe.data.measurement, (height, width, *image_shape[2:]))


def game_builder(a_recipe: Recipe, image_shape: Sequence[int], num_classes: int) -> Callable[[], Game]:
    """A function that builds the recipe's game for such data; the arguments are checked before it returns.

    Args:
        a_recipe: its model, arguments, measurement, augmentation and recomputation are read.
        image_shape: [height, width, channels], or [2] for points.
        num_classes: 0 without labels.

    Raises:
        ZooError: the model does not take the arguments, or the images cannot be measured or augmented as the recipe
            says; recompute=true, and a network cannot be cut.
    """
    from tfgan_zoo.networks.segments import recompute
    from tfgan_zoo.observation.augmentation import augment
    from tfgan_zoo.observation.augmentation_feedback import adapt

    build, image_shape = model_module(a_recipe.model).build, tuple(image_shape)
    arguments = checked_arguments(a_recipe.model, a_recipe.arguments)
    measured = measured_arguments(build, a_recipe.data.measurement, image_shape)
    check_measured_stages(a_recipe, image_shape)

    def build_game() -> Game:
        game = augment(build(image_shape, num_classes, **measured, **arguments), a_recipe.augmentation)
        if a_recipe.augmentation_feedback:
            start = cast(float, a_recipe.augmentation_probability)  # the recipe refuses a schedule beside the feedback
            game = adapt(game, a_recipe.augmentation_feedback, start)
        add_terms(game, a_recipe)
        if a_recipe.recompute:
            for network in (game.generator, game.discriminator):
                recompute(network)
        if a_recipe.top_k != 1 and "logits" not in game.discriminator.output:
            outputs = ", ".join(game.discriminator.output)
            raise ZooError(f"top_k needs logits, and this model's discriminator puts out {outputs}; leave it out.")
        return game

    return build_game


def addable_terms(a_recipe: Recipe) -> dict[str, Callable[[], Term]]:
    """The terms that any model can have, by the name that its weight has in the recipe."""
    from tfgan_zoo.objectives import BalancedConsistency, LeCam
    from tfgan_zoo.observation.augmentation import moved

    transform = functools.partial(moved, mirror=a_recipe.data.flip)
    return {"le_cam": LeCam, "balanced_consistency": lambda: BalancedConsistency(transform)}


def add_terms(game: Game, a_recipe: Recipe) -> None:
    """Adds those terms that the recipe weighs and that the game's objective lacks, with weight 1.

    Raises:
        ZooError: a name is neither of these nor of the objective's terms; the term is for images, and the discriminator
            sees something else.
    """
    own, more = [name for name, _, _ in game.objective.terms], addable_terms(a_recipe)
    for name in a_recipe.weights:
        if name not in own:
            if name not in more:
                raise ZooError(f"weights.{name}: {no_such('term of the objective', name, [*own, *more])}")
            if name == "balanced_consistency" and not (game.sees_images and len(game.generator.output_shape) == 4):
                raise ZooError(
                    "weights.balanced_consistency moves images, but the discriminator sees points or measurements; leave it out."
                )
            game.objective += 1.0 * more[name]()


def float_game(build: Callable[[], Game], stage: Stage) -> Game:
    """A new game in a `Stage`, in float32 whatever precision it is trained in.

    Args:
        build: see `game_builder`.
        stage: that it enters.
    """
    with precision("float32"):
        game = build()
    game.enter(stage)
    return game
