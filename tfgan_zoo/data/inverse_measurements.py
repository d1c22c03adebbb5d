"""Images restored from their measurements one by one, before training: the baseline that AmbientGAN is compared with.

Blocked pixels and patches are inpainted by minimal total variation, a noisy blur is undone by a Wiener filter, projections
at known angles by filtered back-projection. Each inverse is given the true parameters of its image.
"""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings, MeasurementSettings
from tfgan_zoo.data.images_on_disk import cached, collect, key_of
from tfgan_zoo.data.pipeline import as_floats, gather
from tfgan_zoo.data.sources import Source
from tfgan_zoo.observation.measurements import Masked, Measurement, draws_of, gaussian_kernel, measurement_of

CHUNK = 250  # images inverted at a time
ITERATIONS = 300  # of inpainting


def inpainted(images: np.ndarray, known: np.ndarray, iterations: int = ITERATIONS) -> np.ndarray:
    """The images of minimal total variation among those that agree with `images` where `known`.

    min_u sum |grad u| such that u = f where known, by the primal-dual method of Chambolle and Pock 2011, algorithm 1, with
    forward differences and a reflecting border; each channel by itself.

    Args:
        images: float [B, H, W, C].
        known: bool [B, H, W, 1].

    Returns:
        float32 [B, H, W, C].
    """
    f, known = images.astype(np.float32), np.broadcast_to(known, images.shape)
    known_count = np.maximum(known.sum((1, 2), keepdims=True), 1)
    u = np.where(
        known, f, (f * known).sum((1, 2), keepdims=True) / known_count
    )  # start from the mean of the known pixels
    ahead, down, right = u, np.zeros_like(f), np.zeros_like(f)
    step = 8**-0.5  # of both the primal and the dual: step^2 |grad|^2 <= 1
    for _ in range(iterations):
        down[:, :-1] += step * np.diff(ahead, axis=1)
        right[:, :, :-1] += step * np.diff(ahead, axis=2)
        length = np.maximum(np.sqrt(down**2 + right**2), 1)
        down /= length
        right /= length
        flow = down + right  # the divergence of (down, right), which are 0 across the border
        flow[:, 1:] -= down[:, :-1]
        flow[:, :, 1:] -= right[:, :, :-1]
        before, u = u, np.where(known, f, u + step * flow)
        ahead = 2 * u - before
    return u


def inpainted_around(
    measured: np.ndarray, theta: np.ndarray, measurement: Masked, image_shape: tuple[int, ...]
) -> np.ndarray:
    """`inpainted` of what a mask hides."""
    known = measurement.visible(tf.constant(theta), image_shape).numpy()
    return inpainted(measured, known)


def deconvolved(
    measured: np.ndarray, theta: np.ndarray, measurement: Measurement, image_shape: tuple[int, ...]
) -> np.ndarray:
    """Wiener filter of the known blur, regularised by the noise variance, or by 1e-3 if that is larger."""
    from skimage.restoration import wiener

    kernel = np.array(gaussian_kernel(measurement.settings.blur))
    balance = max(measurement.settings.noise**2, 1e-3)
    planes = np.moveaxis(measured + 1, -1, 1).reshape(-1, *image_shape[:2])
    restored = np.stack([wiener(plane, kernel, balance, clip=False) for plane in planes])
    return np.moveaxis(restored.reshape(len(measured), image_shape[-1], *image_shape[:2]), 1, -1) - 1


def projected_back(
    measured: np.ndarray, theta: np.ndarray, measurement: Measurement, image_shape: tuple[int, ...]
) -> np.ndarray:
    """Filtered back-projection along the known angles.

    iradon's grid has a pixel in the centre, which ours lacks if the side is even. So it runs at half-pixel spacing, and every
    second point of its grid is one of our pixels.
    """
    from skimage.transform import iradon

    height, width, channels = image_shape
    length, longer = measured.shape[1], max(height, width)
    lines = (measured + 1) / 2 * longer  # sums over rows of light in [0, 1]
    own, fine = np.arange(length) - (length - 1) / 2, np.arange(-length + 1, length) / 2
    size = 2 * longer + 1
    rows, columns = (size // 2 - side + 1 + 2 * np.arange(side) for side in (height, width))
    restored = np.empty([len(measured), *image_shape])
    for i, (image_lines, angles) in enumerate(zip(lines, np.degrees(theta), strict=True)):
        for c in range(channels):
            sinogram = np.stack([np.interp(fine, own, line) for line in image_lines[:, c::channels].T], 1)
            # twice as many points on the same line sum to twice as much
            image = iradon(2 * sinogram, angles, size, "ramp", circle=False)
            restored[i, ..., c] = image[np.ix_(rows, columns)]
    return 2 * restored - 1


INVERSES: dict[str, Callable[..., np.ndarray]] = {
    "block_pixels": inpainted_around,
    "block_patch": inpainted_around,
    "convolve_noise": deconvolved,
    "pad_rotate_project_theta": projected_back,
}


def unmeasured(source: Source, data: DataSettings) -> np.ndarray:
    """The images of a source, each measured once and restored: uint8 [N, H, W, C], clipped to the displayable range.

    They are cached on disk whatever their size, since computing them takes minutes; see `images_on_disk`.

    Args:
        source: the images to measure.
        data: the recipe's data settings, whose `measurement` is the one to invert.

    Raises:
        ZooError: the kind of measurement has no inverse, or needs scikit-image, which is not installed.
    """
    settings = data.measurement
    if settings.kind not in INVERSES:
        raise ZooError(
            f"data.measurement.unmeasure=true: {settings.kind} cannot be inverted image by image; "
            f"{', '.join(INVERSES)} can. Leave it out to train on the measurements."
        )
    key = key_of("unmeasured", [source.fingerprint(), settings.model_dump()])
    if stored := cached(key, data):
        return stored[0]
    try:
        rows, to_disk = inverted_rows(source, settings), data.model_copy(update={"memory_limit_mb": 0})
        return collect(rows, source.size, key, f"{source.name} from {settings.kind}", to_disk)[0]
    except ModuleNotFoundError:
        raise ZooError(f"inverting {settings.kind} needs scikit-image: pip install 'tfgan_zoo[unmeasure]'.") from None


def inverted_rows(source: Source, settings: MeasurementSettings) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yields (name, uint8 image [H, W, C], -1) of every image in order, as `collect` expects."""
    shape = source.image_shape
    measurement, rows = measurement_of(settings, shape), gather(source.images)
    assert measurement is not None, "every kind that can be inverted is a measurement"
    for start in range(0, source.size, CHUNK):
        indices = tf.range(start, min(start + CHUNK, source.size), dtype=tf.int64)
        theta = measurement.parameters(draws_of(settings, indices), shape)
        measured = measurement.measure(as_floats(rows(indices)), theta)
        images = INVERSES[settings.kind](measured.numpy(), theta.numpy(), measurement, shape)
        for index, image in enumerate(np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8), start):
            yield f"image {index}", image, -1
