"""The scores by name; what each needs and how it is taken is in its class."""

from tfgan_zoo.errors import no_such
from tfgan_zoo.metrics.discriminator_scores import ClusteringError, CodeRecovery, TestError
from tfgan_zoo.metrics.generator_scores import ClassAccuracy, Distances, Modes

# Of all other scores, distances and errors, the lower one is the better.
HIGHER_IS_BETTER = frozenset(
    {"class_accuracy", "code_category_accuracy", "code_correlation", "modes_found", "good_samples"}
)

SCORES = {
    "distances": Distances(),
    "class_accuracy": ClassAccuracy(),
    "test_error": TestError(),
    "clustering_error": ClusteringError(),
    "code_recovery": CodeRecovery(),
    "modes": Modes(),
}


def kinds_of(names):
    """The `ScoreKind`s of these names, each once. Raises `ZooError` for one that is not in `SCORES`."""
    for name in names:
        if name not in SCORES:
            raise no_such("score", name, SCORES)
    return [SCORES[name] for name in dict.fromkeys(names)]
