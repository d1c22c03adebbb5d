"""What training sees of a source with measured images: one fixed measurement of each, whatever the step, batch or replica."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.recipe_tables import DataSettings, MeasurementSettings
from tfgan_zoo.data.inverse_measurements import unmeasured
from tfgan_zoo.data.lazy import LazyImages
from tfgan_zoo.data.sources import Source
from tfgan_zoo.observation.measurements import draws_of, measurement_of

Measure = Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


def measured_once(settings: MeasurementSettings, image_shape: tuple[int, ...]) -> Measure | None:
    """A function (images float32 [B, H, W, C], int64 indices [B]) -> {"images": measurements, "theta"?}.

    The parameter of an image is a pure function of `settings.seed` and of its index in the source. None if nothing is
    measured.

    Args:
        settings: the recipe's `data.measurement`.
        image_shape: (H, W, C).

    Raises:
        ZooError: images of this shape cannot be measured so.
    """
    measurement = measurement_of(settings, image_shape)
    if measurement is None:
        return None
    return lambda images, numbers: measurement.observe(images, draws_of(settings, numbers))


def training_view(source: Source, data: DataSettings) -> tuple[np.ndarray | LazyImages, Measure | None]:
    """(images [N, ...], `measure`), as `batches` takes them.

    These are the source's images and a function that measures them; or, with `data.measurement.unmeasure`, images restored
    from their measurements, and None; or, without a measurement, the source's images and None.

    Raises:
        ZooError: images of this shape cannot be measured so; the measurement cannot be inverted.
    """
    measure = measured_once(data.measurement, source.image_shape)
    if measure is None or not data.measurement.unmeasure:
        return source.images, measure
    return unmeasured(source, data), None
