"""How much each image moves a sliced Wasserstein distance, to first order: what its confidence interval is taken from.

A resample of the distance itself would sort all projections anew. Its derivative by the weight of an image (the influence
function: Hampel 1974; Davison and Hinkley 1997, section 2.7) needs one more sorting. Projected on a direction, the distance is
the integral of |F - G| over the distribution functions F of reals and G of fakes, so that a fake patch at y has the influence

    integral of sign(G - F)(x) (1[y <= x] - G(x)) dx

and a real one the same with F for the last G and the sign turned. Descriptors stay normalised as they are, and between two
sets that are alike the interval comes out too wide rather than too narrow: |F - G| has no derivative at 0.
"""

import numpy as np

from tfgan_zoo.metrics.sliced_wasserstein import directions_by_level, projections_on

DIRECTIONS = 64  # of all: the mean over more hardly scatters less, since it is the same images that are drawn anew


def image_influences(real, fake, projections=512, seed=0):
    """{level: (of each real image [count], of each fake image [count])}, times 1,000, each of mean 0, float64.

    A sample drawn anew has the distance plus the mean influence of its reals plus that of its fakes, to first order. The first
    64 directions of `sliced_wasserstein` at the same `projections` and `seed` are looked along.

    Args:
        real, fake: filled `PatchDescriptors` of as many images each.
    """
    found = {}
    for name, directions in directions_by_level(real, projections, seed):
        sums = np.zeros([2, real.count])
        for direction in directions[:DIRECTIONS]:
            reals, fakes = (projections_on(x.level(name), direction[None])[0] for x in (real, fake))
            for total, influence in zip(sums, point_influences(reals, fakes), strict=True):
                total += influence.reshape(real.count, -1).mean(axis=1)
        found[name] = tuple(1000 * sums / min(len(directions), DIRECTIONS))
    return found


def point_influences(reals, fakes):
    """Of each point of reals [N] and of fakes [N] on their Wasserstein distance in one dimension: two float64 [N]."""
    count, points = len(reals), np.concatenate([reals, fakes])
    order = np.argsort(points)
    gaps = np.diff(points[order].astype(np.float64), append=0.0)
    gaps[-1] = 0  # beyond the last point both distribution functions are 1
    is_fake = order >= count
    of_fakes = np.cumsum(is_fake) / count  # G, and F beneath, between a point and the next
    of_reals = np.cumsum(~is_fake) / count
    signed = np.sign(of_fakes - of_reals) * gaps
    from_here_on = np.empty(2 * count)
    from_here_on[order] = np.cumsum(signed[::-1])[::-1]  # the integral of the sign from each point on
    return (signed @ of_reals) - from_here_on[:count], from_here_on[count:] - (signed @ of_fakes)
