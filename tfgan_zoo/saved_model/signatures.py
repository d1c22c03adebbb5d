"""The module that is exported: signatures with a batch dimension everywhere, and random numbers by seed inside the graph."""

import math
from collections.abc import Callable, Iterable
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
        synthesis        styles float32 [B, L, W]                    -> images float32 [B, H, W, C] in [-1, 1]

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

        def concrete(function: Callable[..., Any], **specs: tf.TensorSpec) -> Any:
            return tf.function(function, autograph=False).get_concrete_function(**specs)

        def call_network(**inputs: tf.Tensor) -> tf.Tensor:
            return tf.cast(network(inputs, training=False), tf.float32)

        # Functions of their own, so that the file holds the network once and not once per signature.
        specs = {i.name: spec_of(i) for i in prior.inputs if i.name in names}
        parts = style_parts(network)
        if parts:
            mapped, synthesized = parts
            map_names = [tensor.name for tensor in mapped.inputs]
            noise_names = [tensor.name for tensor in synthesized.inputs if tensor.name in names]
            styles_spec = tf.TensorSpec([None, *mapped.output.shape[1:]], tf.float32)

            def call_mapping(**inputs: tf.Tensor) -> tf.Tensor:
                return tf.cast(mapped(inputs, training=False), tf.float32)

            def call_synthesis(**inputs: tf.Tensor) -> tf.Tensor:
                return tf.cast(synthesized(inputs, training=False), tf.float32)

            styles_function = concrete(call_mapping, **{name: specs[name] for name in map_names})
            images_function = concrete(
                call_synthesis, styles=styles_spec, **{name: specs[name] for name in noise_names}
            )

            def style(inputs: Tensors) -> tf.Tensor:
                return styles_function(**{name: inputs[name] for name in map_names})

            def generate(inputs: Tensors) -> tf.Tensor:
                styles = inputs["styles"] if "styles" in inputs else style(inputs)
                return images_function(styles=styles, **{name: inputs[name] for name in noise_names})
        else:
            network_function = concrete(call_network, **specs)

            def generate(inputs: Tensors) -> tf.Tensor:
                return network_function(**{name: inputs[name] for name in names})

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
            return {"images": generate(with_constants(inputs))}

        for_styles = {
            "mapping": lambda: concrete(mapping, **seed_specs, **condition_specs),
            "synthesis": lambda: concrete(synthesis, styles=styles_spec),
        }
        self.functions = {
            "serving_default": concrete(serving_default, **latent_specs, **condition_specs),
            "sample": concrete(sample, **seed_specs, **condition_specs),
            **({} if points else {"png": concrete(png, **seed_specs, **condition_specs)}),
            "latents": concrete(latents, **seed_specs),
            **({name: make() for name, make in for_styles.items()} if parts else {}),
        }

    def generator(self) -> Sampler:
        """The `Sampler` of this module, which keeps the module alive."""
        prior = self.prior
        return Sampler(self.functions, prior.num_classes, prior.codes, self, prior.inputs, prior.truncation)


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
