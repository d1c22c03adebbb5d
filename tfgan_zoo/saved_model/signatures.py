"""The module that is exported: signatures with a batch dimension everywhere, and random numbers by seed inside the graph."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.core.draws import SeededDraws
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.generator_inputs import GeneratorInput
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.saved_model.signature_calls import Sampler

INTERNAL_SEED = 0  # of the internal inputs in `serving_default`, which has no seed

Tensors = dict[str, tf.Tensor]


class ExportedGenerator(tf.Module):
    """The module that is saved: a generator's variables and its signatures as concrete functions.

    It does not hold the Keras model, which TF Serving's loader cannot restore. To sample from it, take its `generator()`, a
    `Sampler`.

    Signatures (every input and output has a batch dimension):

        serving_default  latents, such as noise float32 [B, Z]       -> images float32 [B, H, W, C] in [-1, 1]
        sample           seed int64 [B], truncation float32 [B]      -> images uint8 [B, H, W, C]
        png              seed int64 [B], truncation float32 [B]      -> png_bytes string [B]
        latents          seed int64 [B], truncation float32 [B]      -> the latents that `serving_default` takes

    and, of a network that draws images from styles by a model in it (one of its layers takes "styles"), for style mixing and editing:

        mapping          seed int64 [B], truncation float32 [B]      -> styles float32 [B, L, W], a row for each layer
        synthesis        styles float32 [B, L, W]                    -> images float32 [B, H, W, C], around [-1, 1]

    truncation: its meaning is `prior.truncation`, such as the bound of |z|; `inf` is none for every prior.

    All but `latents` and `synthesis` take the prior's conditions too. In `sample`, `png` and `mapping` a condition that is left open is drawn from the
    seed; `serving_default` has no seed, so there all must be given.

        labels int32 [B] from 0; -1 leaves one open. A label beyond the classes is not refused in the graph.
        codes float32 [B, size], see `priors.Codes`; each number that is NaN is left open.

    Internal inputs of the prior, which no client may give, are drawn from the seed as well. In `serving_default` and `synthesis` they are
    constants, those of seed 0 without truncation, so that the same latents give the same image.

    A generator of points makes `points` float32 [B, 2] in place of images, in `sample` too, and has no `png`.

    Attributes:
        functions: {signature: concrete function}; prior: the `Prior`.

    Args:
        network: the generator, a Keras model built in float32.
        prior: its `Prior`.

    Raises:
        ZooError: the network takes an input that the prior does not name, or `prior.sample` leaves one out.
    """

    def __init__(self, network: keras.Model, prior: Prior) -> None:
        super().__init__(name="generator")
        self.saved_weights = [v.value for v in network.variables]
        self.prior = prior
        points = len(network.output_shape) == 2
        names = [tensor.name for tensor in network.inputs]
        check_names(names, [item.name for item in prior.inputs], "the generator takes", "the prior's `inputs`")
        conditions = [item for item in prior.inputs if item.kind == "condition"]
        latent_names = [item.name for item in prior.inputs if item.kind == "latent"]
        latent_specs = {item.name: spec_of(item) for item in prior.inputs if item.kind == "latent"}
        condition_specs = {item.name: spec_of(item) for item in conditions}
        seed_specs = {"seed": tf.TensorSpec([None], tf.int64), "truncation": tf.TensorSpec([None], tf.float32)}
        internal = internal_constants(prior)

        specs = {item.name: spec_of(item) for item in prior.inputs if item.name in names}
        parts = style_parts(network)
        if parts:
            mapped, synthesized = parts
            specs["styles"] = tf.TensorSpec([None, *mapped.output.shape[1:]], tf.float32)
            style, draw_styles = as_function(mapped, specs), as_function(synthesized, specs)

            def through_styles(inputs: Tensors) -> tf.Tensor:
                return draw_styles({**inputs, "styles": style(inputs)})

        generate = through_styles if parts else as_function(network, specs)

        def with_constants(inputs: Tensors) -> Tensors:
            rows = tf.shape(next(iter(inputs.values())))[0]
            return inputs | {name: tf.repeat(value, rows, axis=0) for name, value in internal.items()}

        def draw(inputs: Tensors) -> Tensors:
            truncation = inputs["truncation"][:, None]
            if prior.truncation.none != float("inf"):
                truncation = tf.where(tf.math.is_inf(truncation), prior.truncation.none, truncation)
            samples = sample_of(prior, SeededDraws(inputs["seed"]), truncation)
            for item in conditions:
                if item.name in inputs:
                    open_values = is_open(item, inputs[item.name])
                    samples[item.name] = tf.where(open_values, samples[item.name], inputs[item.name])
            return samples

        def serving_default(**inputs: tf.Tensor) -> Tensors:
            return {"points" if points else "images": generate(with_constants(inputs))}

        def sample(**inputs: tf.Tensor) -> Tensors:
            if points:
                return {"points": generate(draw(inputs))}
            values = (generate(draw(inputs)) + 1) * 127.5
            return {"images": tf.cast(tf.round(tf.clip_by_value(values, 0, 255)), tf.uint8)}

        def png(**inputs: tf.Tensor) -> Tensors:
            encoded = tf.map_fn(tf.io.encode_png, sample(**inputs)["images"], fn_output_signature=tf.string)
            return {"png_bytes": encoded}

        def latents(**inputs: tf.Tensor) -> Tensors:
            samples = draw(inputs)
            return {name: samples[name] for name in latent_names}

        def mapping(**inputs: tf.Tensor) -> Tensors:
            return {"styles": style(draw(inputs))}

        def synthesis(**inputs: tf.Tensor) -> Tensors:
            return {"images": draw_styles(with_constants(inputs))}

        functions = {
            "serving_default": concrete(serving_default, **latent_specs, **condition_specs),
            "sample": concrete(sample, **seed_specs, **condition_specs),
            **({} if points else {"png": concrete(png, **seed_specs, **condition_specs)}),
            "latents": concrete(latents, **seed_specs),
        }
        if parts:
            functions["mapping"] = concrete(mapping, **seed_specs, **condition_specs)
            functions["synthesis"] = concrete(synthesis, styles=specs["styles"])
        self.functions = functions

    def generator(self) -> Sampler:
        """The `Sampler` of this module, which keeps the module alive."""
        prior = self.prior
        return Sampler(self.functions, prior.num_classes, prior.codes, self, prior.inputs, prior.truncation)


def concrete(function: Callable[..., Any], **specs: tf.TensorSpec) -> Any:
    """The concrete function of these inputs."""
    return tf.function(function, autograph=False).get_concrete_function(**specs)


def as_function(model: keras.Model, specs: Mapping[str, tf.TensorSpec]) -> Callable[[Tensors], tf.Tensor]:
    """A model in float32 as a function of its own, so that the file holds it once and not once per signature.

    Args:
        model: with one output.
        specs: of its inputs, by name; others are left out.
    """
    names = [tensor.name for tensor in model.inputs]

    def call_model(**inputs: tf.Tensor) -> tf.Tensor:
        return tf.cast(model(inputs, training=False), tf.float32)

    function = concrete(call_model, **{name: specs[name] for name in names})
    return lambda inputs: function(**{name: inputs[name] for name in names})


def style_parts(network: keras.Model) -> tuple[keras.Model, keras.Model] | None:
    """(model of a generator's other inputs to styles, the model in it that draws images from styles), None if it has none."""
    for layer in network.layers:
        if isinstance(layer, keras.Model) and isinstance(layer.input, dict) and "styles" in layer.input:
            inputs = {t.name: t for t in network.inputs if t.name not in layer.input}
            return keras.Model(inputs, network.get_layer("styles").output, name="mapping"), layer
    return None


def spec_of(item: GeneratorInput) -> tf.TensorSpec:
    """The `tf.TensorSpec` of a batch of a generator's input."""
    return tf.TensorSpec([None, *item.shape], item.dtype)


def is_open(item: GeneratorInput, values: tf.Tensor) -> tf.Tensor:
    """`GeneratorInput.is_open` of a tensor, in the graph."""
    assert item.open_value is not None, item
    if math.isnan(item.open_value):
        return tf.math.is_nan(values)
    return values <= tf.cast(item.open_value, values.dtype)


def internal_constants(prior: Prior) -> dict[str, np.ndarray]:
    """{name: array [1, ...]} of the internal inputs: what `INTERNAL_SEED` draws without truncation."""
    names = [item.name for item in prior.inputs if item.kind == "internal"]
    if not names:
        return {}
    draws = SeededDraws(tf.constant([INTERNAL_SEED], tf.int64))
    samples = sample_of(prior, draws, tf.constant([[prior.truncation.none]], tf.float32))
    return {name: samples[name].numpy() for name in names}


def sample_of(prior: Prior, draws: SeededDraws, truncation: tf.Tensor) -> Tensors:
    """`prior.sample`, which must return what `prior.inputs` names."""
    samples = prior.sample(draws, truncation)
    check_names([item.name for item in prior.inputs], samples, "the prior's `inputs` name", "its `sample`")
    return samples


def check_names(wanted: Iterable[str], names: Iterable[str], what: str, where: str) -> None:
    """Raises `ZooError` where one of the names `wanted` is not among `names`."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ZooError(f"{what} {', '.join(missing)}, expected of {where} too, which has {', '.join(names)}.")
