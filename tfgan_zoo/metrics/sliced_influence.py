"""How much each image moves a sliced Wasserstein distance, to first order, for its confidence interval.

A resample of the distance itself would sort all projections again. Its derivative by the weight of an image (the influence
function: Hampel 1974; Davison and Hinkley 1997, section 2.7) needs only one more sort. Projected on a direction, the distance is
the integral of |F - G| over the distribution functions F of reals and G of fakes, so a fake patch at y has the influence

    integral of sign(G - F)(x) (1[y <= x] - G(x)) dx

and a real one the same with F in place of the last G and the opposite sign. The normalisation of the descriptors is held fixed,
and between two similar sets the interval is too wide rather than too narrow: |F - G| has no derivative at 0.
"""

import numpy as np

from tfgan_zoo.metrics.sliced_wasserstein import PatchDescriptors, directions_by_level, projections_on

DIRECTIONS = 64  # of all: the mean over more hardly varies less, since the images are what is resampled


def image_influences(
    real: PatchDescriptors, fake: PatchDescriptors, projections: int = 512, seed: int = 0
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{level: (of each real image [count], of each fake image [count])}, times 1,000, each of mean 0, float64.

    To first order, a resample has the distance plus the mean influence of its reals plus that of its fakes. Uses the first
    64 directions of `sliced_wasserstein` with the same `projections` and `seed`.

    Args:
        real, fake: filled `PatchDescriptors` of equally many images.
        projections: number of directions.
        seed: of the directions.
    """
    influences = {}
    for name, directions in directions_by_level(real, projections, seed):
        sums = np.zeros([2, real.count])
        for direction in directions[:DIRECTIONS]:
            reals, fakes = (projections_on(x.level(name), direction[None])[0] for x in (real, fake))
            for total, influence in zip(sums, point_influences(reals, fakes), strict=True):
                total += influence.reshape(real.count, -1).mean(axis=1)
        influences[name] = tuple(1000 * sums / min(len(directions), DIRECTIONS))
    return influences


def point_influences(reals: np.ndarray, fakes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The influence of each of reals [N] and fakes [N] on their one-dimensional Wasserstein distance: two float64 [N]."""
    count, points = len(reals), np.concatenate([reals, fakes])
    order = np.argsort(points)
    gaps = np.diff(points[order].astype(np.float64), append=0.0)
    gaps[-1] = 0  # beyond the last point both distribution functions are 1
    is_fake = order >= count
    cdf_fake = np.cumsum(is_fake) / count  # G, and F below, between a point and the next
    cdf_real = np.cumsum(~is_fake) / count
    signed = np.sign(cdf_fake - cdf_real) * gaps
    tail = np.empty(2 * count)
    tail[order] = np.cumsum(signed[::-1])[::-1]  # the integral of the sign from each point on
    return (signed @ cdf_real) - tail[:count], tail[count:] - (signed @ cdf_fake)
