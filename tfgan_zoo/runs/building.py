"""The game that a recipe asks for: a model, its arguments, and what its discriminator sees of the images."""

import inspect

from tfgan_zoo.core.catalog import checked_arguments, model_module
from tfgan_zoo.core.errors import ZooError


def measured_arguments(build, settings, image_shape):
    """{"measurement": what the discriminator sees in place of images, None for images}, where `build` asks for that.

    Raises:
        ZooError: such images cannot be so measured; the measurements are no such images, and the model makes images alone.
    """
    from tfgan_zoo.observation.measurements import measurement_of

    measurement = measurement_of(settings, image_shape)
    seen = None if settings.unmeasure else measurement
    if "measurement" in inspect.signature(build).parameters:
        return {"measurement": seen}
    if seen and seen.shape(image_shape) != image_shape:
        raise ZooError(
            f"{settings.kind} makes {list(seen.shape(image_shape))} of images of {list(image_shape)}, and this model knows "
            "images alone; take --model=ambientgan, or set data.measurement.unmeasure=true."
        )
    return {}


def check_measured_stages(a_recipe, image_shape):
    """Raises: ZooError where the smaller images of a stage cannot be measured as the recipe says."""
    from tfgan_zoo.observation.measurements import measurement_of

    if not a_recipe.data.measurement.unmeasure:  # which works on whole images
        for side in filter(None, (stage.resolution for stage in a_recipe.stages)):
            height, width = (side, side) if isinstance(side, int) else side
            measurement_of(a_recipe.data.measurement, (height, width, *image_shape[2:]))


def game_builder(a_recipe, image_shape, num_classes):
    """A function without arguments that builds the recipe's game for such data; arguments are checked at once."""
    from tfgan_zoo.observation.augmentation import augment

    build, image_shape = model_module(a_recipe.model).build, tuple(image_shape)
    arguments = checked_arguments(a_recipe.model, a_recipe.arguments)
    measured = measured_arguments(build, a_recipe.data.measurement, image_shape)
    check_measured_stages(a_recipe, image_shape)
    return lambda: augment(build(image_shape, num_classes, **measured, **arguments), a_recipe.augmentation)
