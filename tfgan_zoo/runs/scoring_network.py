"""The feature network that a recipe's scores are taken with, where evaluation.features=auto leaves it to the data."""

from collections.abc import Sequence

from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.core.recipe_tables import EvaluationSettings
from tfgan_zoo.metrics.features import FeatureNetwork, feature_network, network_for


def with_network(recipe: Recipe, image_shape: Sequence[int], class_names: Sequence[str]) -> Recipe:
    """The recipe with the name of a feature network in place of "auto". image_shape, class_names: of the data."""
    if recipe.evaluation.features != "auto":
        return recipe
    evaluation = recipe.evaluation.model_copy(update={"features": network_for(image_shape, class_names)})
    return recipe.model_copy(update={"evaluation": evaluation})


def network_of(
    evaluation: EvaluationSettings, image_shape: Sequence[int], class_names: Sequence[str]
) -> FeatureNetwork:
    """The `FeatureNetwork` of a recipe's evaluation settings, for such data.

    Raises:
        ZooError: as `feature_network`.
    """
    name = network_for(image_shape, class_names) if evaluation.features == "auto" else evaluation.features
    return feature_network(name, evaluation.inception_file)
