"""The scores by name; what each needs and how it is taken is in its class."""

from tfgan_zoo.core.errors import no_such
from tfgan_zoo.metrics import discriminator_scores, generator_scores, image_scores

# Of all other scores, distances and errors, the lower one is the better.
HIGHER_IS_BETTER = frozenset(
    {
        "inception_score",
        "precision",
        "recall",
        "density",
        "coverage",
        "class_accuracy",
        "cas",
        "code_category_accuracy",
        "code_correlation",
        "modes_found",
        "stacked_modes_found",
        "good_samples",
    }
)

SCORES = {
    "distances": generator_scores.Distances(),
    "kernel_subsets": generator_scores.KernelSubsets(),
    "extrapolated": generator_scores.ExtrapolatedDistance(),
    "intra_class": generator_scores.IntraClassDistance(),
    "inception_score": generator_scores.InceptionScore(),
    "precision_recall": generator_scores.PrecisionRecall(),
    "density_coverage": generator_scores.DensityCoverage(),
    "sliced_wasserstein": image_scores.SlicedWasserstein(),
    "ms_ssim": image_scores.ClassSimilarity(),
    "class_accuracy": generator_scores.ClassAccuracy(),
    "cas": image_scores.ClassificationAccuracy(),
    "test_error": discriminator_scores.TestError(),
    "clustering_error": discriminator_scores.ClusteringError(),
    "code_recovery": discriminator_scores.CodeRecovery(),
    "discriminator_accuracy": discriminator_scores.DiscriminatorAccuracy(),
    "modes": generator_scores.Modes(),
    "stacked_modes": image_scores.StackedModes(),
}

NEITHER = ("ms_ssim", "d_accuracy", "d_rank", "cas_real")  # beginnings: read beside another value, as their classes say


def direction(name):
    """Of two values of the score `name` the better one: "higher", "lower", or "" where that cannot be said."""
    if name.startswith(NEITHER):
        return ""
    return "higher" if name in HIGHER_IS_BETTER or name.startswith("is_") else "lower"


def kinds_of(names):
    """The `ScoreKind`s of these names, each once. Raises `ZooError` for one that is not in `SCORES`."""
    for name in names:
        if name not in SCORES:
            raise no_such("score", name, SCORES)
    return [SCORES[name] for name in dict.fromkeys(names)]
