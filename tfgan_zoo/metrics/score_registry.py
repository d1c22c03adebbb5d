"""The scores by name. The class of each says what it needs and how it is computed."""

from collections.abc import Iterable

from tfgan_zoo.core.errors import no_such
from tfgan_zoo.metrics import discriminator_scores, generator_scores, image_scores, perceptual_path
from tfgan_zoo.metrics.players import ScoreKind

# For all other scores, which are distances and errors, lower is better.
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

SCORES: dict[str, ScoreKind] = {
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
    "path_length": perceptual_path.PerceptualPathLength(),
}

NEITHER = ("ms_ssim", "d_accuracy", "d_rank", "cas_real")  # prefixes: compared with a reference, see their classes


def direction(name: str) -> str:
    """Which values of the score `name` are better: "higher", "lower", or "" if neither."""
    if name.startswith(NEITHER):
        return ""
    return "higher" if name in HIGHER_IS_BETTER or name.startswith("is_") else "lower"


def kinds_of(names: Iterable[str]) -> list[ScoreKind]:
    """The `ScoreKind`s of these names, without duplicates. Raises `ZooError` for a name that is not in `SCORES`."""
    names = list(names)
    for name in names:
        if name not in SCORES:
            raise no_such("score", name, SCORES)
    return [SCORES[name] for name in dict.fromkeys(names)]
