"""Losses of GANs: plain functions for any training loop, and the `Term`s of which the zoo's objectives are sums.

The functions take tensors and return scalars, and need no other part of the zoo. A function with a loss's own name is the
discriminator's loss, the one ending in `_generator` the generator's; penalties take squared gradient norms [B]. The hinge loss
with R1 in a loop of your own, on points in the plane:

    >>> import keras
    >>> import tensorflow as tf
    >>> from tfgan_zoo.objectives import hinge, hinge_generator, squared_gradient_norms, squared_norm_penalty
    >>> generator = keras.Sequential([keras.Input([8]), keras.layers.Dense(2)])
    >>> discriminator = keras.Sequential([keras.Input([2]), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> optimizers = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)
    >>> @tf.function
    ... def step(real):
    ...     noise = tf.random.normal([len(real), 8])
    ...     with tf.GradientTape() as tape:
    ...         d_loss = hinge(discriminator(real), discriminator(generator(noise)))
    ...         d_loss += 10 / 2 * squared_norm_penalty(squared_gradient_norms(discriminator, real))  # R1, gamma = 10
    ...     weights = discriminator.trainable_variables
    ...     optimizers[0].apply(tape.gradient(d_loss, weights), weights)
    ...     with tf.GradientTape() as tape:
    ...         g_loss = hinge_generator(discriminator(generator(noise)))
    ...     weights = generator.trainable_variables
    ...     optimizers[1].apply(tape.gradient(g_loss, weights), weights)
    ...     return d_loss, g_loss
    >>> d_loss, g_loss = step(tf.ones([4, 2]))
    >>> float(d_loss)  # of logits that are all 0: 1 + 1, and no gradient
    2.0

The same body, returning a dict, is a `train_step` of a `keras.Model` for `fit`. In the zoo that objective is one line:

    >>> from tfgan_zoo.objectives import R1, Hinge
    >>> objective = Hinge() + 5 * R1()
    >>> [(name, weight) for name, weight, _ in objective.terms]
    [('hinge', 1.0), ('r1', 5.0)]
"""

from tfgan_zoo.objectives.adaptive_noise import AdaptiveNoise
from tfgan_zoo.objectives.adversarial import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticPairing,
    Wasserstein,
    hinge,
    hinge_generator,
    least_squares,
    least_squares_generator,
    minimax,
    minimax_generator,
    non_saturating_generator,
    relativistic_pairing,
    relativistic_pairing_generator,
    wasserstein,
    wasserstein_generator,
)
from tfgan_zoo.objectives.auxiliary import (
    ClassCrossEntropy,
    Classifier,
    FakeClass,
    FeatureMatching,
    LabelledCrossEntropy,
    class_cross_entropy,
    fake_class,
    fake_class_generator,
    feature_matching,
)
from tfgan_zoo.objectives.energy import (
    BoundaryEquilibrium,
    EnergyMargin,
    PullingAway,
    boundary_equilibrium,
    boundary_equilibrium_update,
    energy_generator,
    energy_margin,
    pulling_away,
)
from tfgan_zoo.objectives.entropy import CategoricalEntropy, categorical_entropy, categorical_entropy_generator
from tfgan_zoo.objectives.information import (
    CategoryInformation,
    CodeInformation,
    category_information,
    code_information,
)
from tfgan_zoo.objectives.path_length import PathLength, path_lengths
from tfgan_zoo.objectives.penalties import (
    R1,
    R2,
    Dragan,
    Drift,
    GradientPenalty,
    drift,
    hinge_penalty,
    one_sided_penalty,
    points_between,
    squared_gradient_norms,
    squared_norm_penalty,
    two_sided_penalty,
)
from tfgan_zoo.objectives.regularizers import BalancedConsistency, HistoricalAveraging, LeCam, le_cam

__all__ = [
    "R1",
    "R2",
    "AdaptiveNoise",
    "BalancedConsistency",
    "BoundaryEquilibrium",
    "CategoricalEntropy",
    "CategoryInformation",
    "ClassCrossEntropy",
    "Classifier",
    "CodeInformation",
    "Dragan",
    "Drift",
    "EnergyMargin",
    "FakeClass",
    "FeatureMatching",
    "GradientPenalty",
    "Hinge",
    "HistoricalAveraging",
    "LabelledCrossEntropy",
    "LeCam",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "PathLength",
    "PullingAway",
    "RelativisticPairing",
    "Wasserstein",
    "boundary_equilibrium",
    "boundary_equilibrium_update",
    "categorical_entropy",
    "categorical_entropy_generator",
    "category_information",
    "class_cross_entropy",
    "code_information",
    "drift",
    "energy_generator",
    "energy_margin",
    "fake_class",
    "fake_class_generator",
    "feature_matching",
    "hinge",
    "hinge_generator",
    "hinge_penalty",
    "le_cam",
    "least_squares",
    "least_squares_generator",
    "minimax",
    "minimax_generator",
    "non_saturating_generator",
    "one_sided_penalty",
    "path_lengths",
    "points_between",
    "pulling_away",
    "relativistic_pairing",
    "relativistic_pairing_generator",
    "squared_gradient_norms",
    "squared_norm_penalty",
    "two_sided_penalty",
    "wasserstein",
    "wasserstein_generator",
]
