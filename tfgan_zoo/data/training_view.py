"""What training sees of a source whose images are measured: each of them once, whatever the step, the batch or the replica."""

from tfgan_zoo.data.inverse_measurements import unmeasured
from tfgan_zoo.observation.measurements import draws_of, measurement_of


def measured_once(settings, image_shape):
    """A function (images float32 [B, H, W, C], int64 numbers [B]) -> {"images": measurements, "theta"?: what is told}.

    An image's parameter is a pure function of `settings.seed` and of its number in the source. None where nothing is measured.

    Args:
        settings: the recipe's `data.measurement`.

    Raises:
        ZooError: such images cannot be so measured.
    """
    measurement = measurement_of(settings, image_shape)
    if measurement is None:
        return None
    return lambda images, numbers: measurement.observe(images, draws_of(settings, numbers))


def training_view(source, data):
    """(images [N, ...], `measure`) as `batches` takes them: the source's own images to be measured as they come, those that were
    brought back from their measurements (`data.measurement.unmeasure`), or the images as they are, with None.

    Args:
        source: a `Source`; data: the recipe's data settings.

    Raises:
        ZooError: such images cannot be so measured; the measurements cannot be inverted.
    """
    measure = measured_once(data.measurement, source.image_shape)
    if measure is None or not data.measurement.unmeasure:
        return source.images, measure
    return unmeasured(source, data), None
