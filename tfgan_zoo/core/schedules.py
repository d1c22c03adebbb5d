"""Numbers that change as training goes on: constant, linear, cosine, or through given points."""

from __future__ import annotations

import itertools
import math
from typing import Any

import tensorflow as tf

from tfgan_zoo.core.recipe_tables import Schedule


def value_at(value: float | Schedule, step: tf.Tensor | int) -> tf.Tensor:
    """A number of a recipe at a step: a float32 scalar. step: an integer scalar."""
    if not isinstance(value, Schedule):
        return tf.constant(value, tf.float32)
    step = tf.cast(step, tf.float32)
    if value.points:
        result = tf.constant(value.points[0][1], tf.float32)
        for (first, low), (last, high) in itertools.pairwise(value.points):
            result += (high - low) * tf.clip_by_value((step - first) / (last - first), 0.0, 1.0)
        return result
    share = tf.clip_by_value((step - value.after) / max(value.over, 1), 0.0, 1.0)
    if value.shape == "cosine":
        share = (1 - tf.cos(math.pi * share)) / 2
    return value.start + (value.end - value.start) * share


def moving(value: Any, step: tf.Variable | None) -> Any:
    """A constant as it is; a schedule as a function without arguments that gives its value at the step that `step` holds."""
    return (lambda: value_at(value, tf.convert_to_tensor(step))) if isinstance(value, Schedule) else value
