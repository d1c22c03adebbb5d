"""Images brought back from their measurements one by one, before any training: the baseline that AmbientGAN is held against.

Blocked pixels and patches are inpainted by least total variation, a blur with noise is undone by Wiener's filter, lines of known
angle are projected back. Each inverse is given the true parameters of its image.
"""

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.images_on_disk import cached, collect, key_of
from tfgan_zoo.data.pipeline import as_floats, gather
from tfgan_zoo.observation.measurements import draws_of, gaussian_kernel, measurement_of

CHUNK = 250  # images inverted at a time
ITERATIONS = 300  # of inpainting


def inpainted(images, known, iterations=ITERATIONS):
    """The images of least total variation among those that agree with `images` where `known`.

    min_u sum |grad u| such that u = f where known, by the primal-dual method of Chambolle and Pock 2011, algorithm 1, with
    forward differences and a reflecting border; channels apart.

    images: float [B, H, W, C]; known: bool [B, H, W, 1]. Returns float32 [B, H, W, C].
    """
    f, known = images.astype(np.float32), np.broadcast_to(known, images.shape)
    seen = np.maximum(known.sum((1, 2), keepdims=True), 1)
    u = np.where(known, f, (f * known).sum((1, 2), keepdims=True) / seen)  # from the mean of what is known
    ahead, down, right = u, np.zeros_like(f), np.zeros_like(f)
    step = 8**-0.5  # of both players: step^2 |grad|^2 <= 1
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


def inpainted_around(seen, theta, measurement, image_shape):
    known = measurement.kept(tf.constant(theta), image_shape).numpy()
    return inpainted(seen, known)


def deconvolved(seen, theta, measurement, image_shape):
    """Wiener's filter with the known blur, of which the squared noise, or at least 1e-3, is the regularisation."""
    from skimage.restoration import wiener

    kernel = np.array(gaussian_kernel(measurement.settings.blur))
    balance = max(measurement.settings.noise**2, 1e-3)
    planes = np.moveaxis(seen + 1, -1, 1).reshape(-1, *image_shape[:2])
    found = np.stack([wiener(plane, kernel, balance, clip=False) for plane in planes])
    return np.moveaxis(found.reshape(len(seen), image_shape[-1], *image_shape[:2]), 1, -1) - 1


def projected_back(seen, theta, measurement, image_shape):
    """Filtered back-projection of the lines along their known angles.

    iradon's grid has a pixel in the centre and ours need not: it runs on one of half a pixel, and ours are every other of its.
    """
    from skimage.transform import iradon

    height, width, channels = image_shape
    length, longer = seen.shape[1], max(height, width)
    lines = (seen + 1) / 2 * longer  # sums of light in [0, 1] over rows
    own, fine = np.arange(length) - (length - 1) / 2, np.arange(-length + 1, length) / 2
    size = 2 * longer + 1
    rows, columns = (size // 2 - side + 1 + 2 * np.arange(side) for side in (height, width))
    found = np.empty([len(seen), *image_shape])
    for i, (image_lines, angles) in enumerate(zip(lines, np.degrees(theta), strict=True)):
        for c in range(channels):
            sinogram = np.stack([np.interp(fine, own, line) for line in image_lines[:, c::channels].T], 1)
            # twice as many points on the same line are sums of twice as much
            image = iradon(2 * sinogram, angles, size, "ramp", circle=False)
            found[i, ..., c] = image[np.ix_(rows, columns)]
    return 2 * found - 1


INVERSES = {
    "block_pixels": inpainted_around,
    "block_patch": inpainted_around,
    "convolve_noise": deconvolved,
    "pad_rotate_project_theta": projected_back,
}


def unmeasured(source, data):
    """The images of a source measured once each, then inverted one by one: uint8 [N, H, W, C], clipped to what can be shown.

    They are kept on disk, whatever their size, for it takes minutes to make them; see `images_on_disk`.

    Args:
        source: a `Source`; data: the recipe's data settings, whose `measurement` says how.

    Raises:
        ZooError: the kind of measurement has no inverse; scikit-image, which some need, is not there.
    """
    settings = data.measurement
    if settings.kind not in INVERSES:
        raise ZooError(
            f"data.measurement.unmeasure=true: {settings.kind} cannot be inverted image by image; "
            f"{', '.join(INVERSES)} can. Leave it out to train on the measurements."
        )
    key = key_of("unmeasured", [source.fingerprint(), settings.model_dump()])
    if there := cached(key, data):
        return there[0]
    try:
        rows, to_disk = inverted_rows(source, settings), data.model_copy(update={"memory_limit_mb": 0})
        return collect(rows, source.size, key, f"{source.name} from {settings.kind}", to_disk)[0]
    except ModuleNotFoundError:
        raise ZooError(
            f"to invert {settings.kind}, scikit-image is needed: pip install 'tfgan_zoo[unmeasure]'."
        ) from None


def inverted_rows(source, settings):
    """Yields (name, uint8 image [H, W, C], -1) of every image in its order, as `collect` takes them."""
    shape = source.image_shape
    measurement, rows = measurement_of(settings, shape), gather(source.images)
    for start in range(0, source.size, CHUNK):
        numbers = tf.range(start, min(start + CHUNK, source.size), dtype=tf.int64)
        theta = measurement.parameters(draws_of(settings, numbers), shape)
        seen = measurement.measure(as_floats(rows(numbers)), theta)
        images = INVERSES[settings.kind](seen.numpy(), theta.numpy(), measurement, shape)
        for number, image in enumerate(np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8), start):
            yield f"image {number}", image, -1
