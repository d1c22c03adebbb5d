"""The vocabulary: games, priors, random draws, replicas, recipes, errors, and the catalogue of models and presets."""
