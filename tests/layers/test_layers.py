"""The contract of every layer: shapes, configuration, saving, precisions, graphs, XLA, training, any batch size."""

import inspect
import json
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo import layers
from tfgan_zoo.layers import (
    BatchNorm,
    BilinearUpsample2D,
    BlurDownsample2D,
    BlurDownsampleConv2D,
    BlurUpsample2D,
    BlurUpsampleConv2D,
    ConditionalBatchNorm,
    ConvDownsample2D,
    DepthwiseConv2D,
    Dropout,
    EqualizedBlurDownsampleConv2D,
    EqualizedBlurUpsampleConv2D,
    EqualizedConv2D,
    EqualizedConv2DTranspose,
    EqualizedDense,
    EqualizedDepthwiseConv2D,
    EqualizedGroupedConv2D,
    EqualizedUpsampleConv2D,
    GaussianNoise,
    GroupedConv2D,
    LeakyReLU,
    LearnedConstant,
    MaxoutDense,
    MinibatchDiscrimination,
    MinibatchStdDev,
    ModulatedBlurUpsampleConv2D,
    ModulatedConv2D,
    MultiplicativeNoise,
    PixelNorm,
    ReLU,
    ScaledBasis,
    ScaledNoise,
    SelfAttention,
    SpectralNormalization,
    StyleTruncation,
    Upsample2D,
    UpsampleConv2D,
    WeightNormalization,
)

CLASSES = 3


def normal():
    """Created inside a test, an initialiser draws from that test's seed."""
    return keras.initializers.RandomNormal(stddev=0.5)


class Spec(NamedTuple):
    """One input of a layer: its shape without the batch, and whether it holds labels rather than floats."""

    shape: tuple
    labels: bool = False

    def draw(self, batch, seed=1):
        rng = np.random.default_rng(seed)
        if self.labels:
            return rng.integers(0, CLASSES, (batch, *self.shape)).astype("int32")
        return rng.normal(size=(batch, *self.shape)).astype("float32")


IMAGES, FEATURES, LABELS = Spec((4, 4, 8)), Spec((6,)), Spec((), labels=True)
CHANNELS = Spec((8,))  # a number for each channel of IMAGES

CASES = {
    "Dropout": (lambda: Dropout(0.3, seed=1), [FEATURES]),
    "GaussianNoise": (lambda: GaussianNoise(0.5, seed=1), [IMAGES]),
    "MaxoutDense": (lambda: MaxoutDense(3, pieces=2), [FEATURES]),
    "MinibatchDiscrimination": (lambda: MinibatchDiscrimination(3, 2), [FEATURES]),
    "BatchNorm images": (lambda: BatchNorm(), [IMAGES]),
    "BatchNorm features": (lambda: BatchNorm(momentum=0.5, epsilon=1e-3, affine=False), [FEATURES]),
    "ConditionalBatchNorm labels": (lambda: ConditionalBatchNorm(CLASSES), [IMAGES, LABELS]),
    "ConditionalBatchNorm vector": (
        lambda: ConditionalBatchNorm(spectral_norm=True, kernel_initializer=normal(), momentum=0.5, epsilon=1e-3),
        [IMAGES, FEATURES],
    ),
    "BilinearUpsample2D": (lambda: BilinearUpsample2D(), [IMAGES]),
    "BlurDownsample2D": (lambda: BlurDownsample2D([1, 2, 1]), [IMAGES]),
    "BlurDownsampleConv2D": (lambda: BlurDownsampleConv2D(3, activation="tanh"), [IMAGES]),
    "BlurUpsample2D": (lambda: BlurUpsample2D(), [IMAGES]),
    "BlurUpsampleConv2D": (lambda: BlurUpsampleConv2D(3, taps=[1, 2, 1]), [IMAGES]),
    "ConvDownsample2D": (lambda: ConvDownsample2D(3, activation="tanh"), [IMAGES]),
    "DepthwiseConv2D": (lambda: DepthwiseConv2D(3, 2, strides=2, activation="tanh"), [IMAGES]),
    "EqualizedBlurDownsampleConv2D": (lambda: EqualizedBlurDownsampleConv2D(3), [IMAGES]),
    "EqualizedBlurUpsampleConv2D": (lambda: EqualizedBlurUpsampleConv2D(3, gain=1.0), [IMAGES]),
    "EqualizedConv2D": (lambda: EqualizedConv2D(3, 3, padding="same", gain=1.0), [IMAGES]),
    "EqualizedConv2DTranspose": (lambda: EqualizedConv2DTranspose(3, 4, strides=2, padding="same"), [IMAGES]),
    "EqualizedDense": (lambda: EqualizedDense(3), [FEATURES]),
    "EqualizedDense slow": (lambda: EqualizedDense(3, gain=1.0, rate_multiplier=0.01), [FEATURES]),
    "EqualizedDepthwiseConv2D": (lambda: EqualizedDepthwiseConv2D(3, padding="same", gain=1.0), [IMAGES]),
    "EqualizedGroupedConv2D": (lambda: EqualizedGroupedConv2D(4, 3, groups=2), [IMAGES]),
    "EqualizedUpsampleConv2D": (lambda: EqualizedUpsampleConv2D(3), [IMAGES]),
    "GroupedConv2D": (lambda: GroupedConv2D(6, 3, padding="same", groups=2, activation="tanh"), [IMAGES]),
    "GroupedConv2D blocks": (lambda: GroupedConv2D(36, 1, groups=9), [Spec((3, 3, 54))]),
    "LearnedConstant": (lambda: LearnedConstant((2, 3, 4)), [LABELS]),  # of which only the number is read
    "LeakyReLU": (lambda: LeakyReLU(0.25), [IMAGES]),
    "MinibatchStdDev": (lambda: MinibatchStdDev(), [IMAGES]),
    "MinibatchStdDev of 2": (lambda: MinibatchStdDev(2, epsilon=1e-3), [FEATURES]),
    "ModulatedBlurUpsampleConv2D": (lambda: ModulatedBlurUpsampleConv2D(3, taps=[1, 2, 1]), [IMAGES, CHANNELS]),
    "ModulatedConv2D": (lambda: ModulatedConv2D(3, 3, padding="same"), [IMAGES, CHANNELS]),
    "ModulatedConv2D plain": (lambda: ModulatedConv2D(3, 1, demodulate=False, use_bias=False), [IMAGES, CHANNELS]),
    "MultiplicativeNoise": (lambda: MultiplicativeNoise(seed=1), [IMAGES, Spec(())]),
    "PixelNorm": (lambda: PixelNorm(epsilon=1e-3), [IMAGES]),
    "ReLU": (lambda: ReLU(), [FEATURES]),
    "ScaledBasis": (lambda: ScaledBasis(2, 3), [FEATURES]),
    "ScaledNoise": (lambda: ScaledNoise(), [IMAGES, Spec((4, 4, 1))]),
    "SelfAttention": (lambda: SelfAttention(), [IMAGES]),
    "SelfAttention spectral": (
        lambda: SelfAttention(pool=False, spectral_norm=True, kernel_initializer=normal()),
        [IMAGES],
    ),
    "SpectralNormalization Dense": (lambda: SpectralNormalization(keras.layers.Dense(3)), [FEATURES]),
    "SpectralNormalization Conv2D": (
        lambda: SpectralNormalization(keras.layers.Conv2D(3, 3, strides=2), power_iterations=2, epsilon=1e-6),
        [IMAGES],
    ),
    "SpectralNormalization Conv2DTranspose": (
        lambda: SpectralNormalization(keras.layers.Conv2DTranspose(3, 3, strides=2)),
        [IMAGES],
    ),
    "SpectralNormalization Embedding": (
        lambda: SpectralNormalization(keras.layers.Embedding(CLASSES, 4, embeddings_initializer=normal())),
        [LABELS],
    ),
    "SpectralNormalization DepthwiseConv2D": (lambda: SpectralNormalization(DepthwiseConv2D(3)), [IMAGES]),
    "SpectralNormalization GroupedConv2D": (lambda: SpectralNormalization(GroupedConv2D(4, 3, groups=2)), [IMAGES]),
    "StyleTruncation": (lambda: StyleTruncation(0.5), [FEATURES, Spec((1,))]),
    "Upsample2D": (lambda: Upsample2D(), [IMAGES]),
    "UpsampleConv2D": (lambda: UpsampleConv2D(3), [IMAGES]),
    "WeightNormalization Dense": (lambda: WeightNormalization(keras.layers.Dense(3)), [FEATURES]),
    "WeightNormalization Conv2D": (
        lambda: WeightNormalization(keras.layers.Conv2D(3, 3), trainable_length=False),
        [IMAGES],
    ),
    "WeightNormalization Conv2DTranspose": (
        lambda: WeightNormalization(keras.layers.Conv2DTranspose(3, 3, strides=2)),
        [IMAGES],
    ),
    "WeightNormalization Embedding": (
        lambda: WeightNormalization(keras.layers.Embedding(CLASSES, 4, embeddings_initializer=normal())),
        [LABELS],
    ),
}
every_layer = pytest.mark.parametrize(("make", "specs"), CASES.values(), ids=CASES)


def unwrap_single(items):
    """A layer is called on a list only if it has several inputs."""
    return items if len(items) > 1 else items[0]


def draw(specs, batch, seed=1):
    """Random inputs to call the layer on."""
    return unwrap_single([tf.constant(spec.draw(batch, seed + i)) for i, spec in enumerate(specs)])


def functional(layer, specs):
    """A functional model of this one layer."""
    inputs = unwrap_single([keras.Input(spec.shape, dtype="int32" if spec.labels else "float32") for spec in specs])
    return keras.Model(inputs, layer(inputs))


def call(layer, inputs, training=False):
    """Calls the layer, passing `training` if it takes that argument."""
    takes_training = "training" in inspect.signature(layer.call).parameters
    return layer(inputs, training=training) if takes_training else layer(inputs)


def perturbed(make, specs):
    """A built layer moved off its initial values, so that no gain, offset or length is 0 or 1 or exact in half precision."""
    layer = make()
    call(layer, draw(specs, 4), training=True)
    rng = np.random.default_rng(5)
    for weight in layer.trainable_variables:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    call(layer, draw(specs, 4, seed=3), training=True)
    return layer


def twin(make, specs, layer):
    """A layer of the same kind with the same variables, under the current dtype policy."""
    copy = make()
    copy(draw(specs, 4))
    for target, source in zip(copy.variables, layer.variables, strict=True):
        target.assign(tf.cast(source.value, target.dtype))
    return copy


def values(variables):
    return [v.numpy() for v in variables]


def gradients(layer, inputs, training):
    """Returns the output, and the gradients of sum(output * coefficients) with respect to the trainable weights."""
    with tf.GradientTape() as tape:
        outputs = call(layer, inputs, training)
        # Positive, so that the gradients of biases are not small differences of large sums.
        coefficients = np.random.default_rng(2).uniform(size=outputs.shape)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float64) * coefficients)
    weight_gradients = tape.gradient(loss, [w.value for w in layer.trainable_variables])
    return outputs, [tf.convert_to_tensor(g) for g in weight_gradients]


def assert_close(actual, expected, tolerance):
    """The error's norm is within `tolerance` of the expected norm, or of 1 where that is smaller."""
    actual, expected = np.asarray(actual, "float64"), np.asarray(expected, "float64")
    assert actual.shape == expected.shape
    assert np.linalg.norm(actual - expected) <= tolerance * max(np.linalg.norm(expected), 1)


def test_the_contract_covers_every_public_layer():
    public = [getattr(layers, name) for name in layers.__all__]
    public = {c for c in public if isinstance(c, type) and issubclass(c, keras.layers.Layer)}
    assert {type(make()) for make, _ in CASES.values()} == public


@every_layer
@pytest.mark.parametrize("batch", [1, 4])
def test_output_has_the_shape_of_compute_output_shape(make, specs, batch):
    layer = make()
    outputs = layer(draw(specs, batch))
    shapes = [(batch, *spec.shape) for spec in specs]
    assert tuple(outputs.shape) == tuple(layer.compute_output_shape(shapes if len(shapes) > 1 else shapes[0]))


@every_layer
def test_config_survives_json(make, specs):
    layer = make()
    assert keras.saving.get_registered_name(type(layer)) == f"tfgan_zoo>{type(layer).__name__}"
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    arguments = inspect.signature(type(layer)).parameters.keys() - {"args", "kwargs"}
    assert arguments <= layer.get_config().keys()
    for name in arguments - {
        "layer",
        "kernel_initializer",
        "bias_initializer",
    }:  # those are objects, compared by their configurations
        assert getattr(again, name) == getattr(layer, name)


@every_layer
def test_saved_model_loads_bit_equal_with_its_state(make, specs, tmp_path):
    layer = perturbed(make, specs)
    model = functional(layer, specs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [v.name for v in loaded.variables] == [v.name for v in model.variables]
    for loaded_value, value in zip(values(loaded.variables), values(model.variables), strict=True):
        np.testing.assert_array_equal(loaded_value, value)
    examples = draw(specs, 4, seed=9)
    np.testing.assert_array_equal(loaded(examples, training=False), model(examples, training=False))


# The unit roundoffs of the half precisions are 2^-8 and 2^-11.
@pytest.mark.parametrize(
    ("policy", "tolerance"),
    [("float64", 1e-5), ("mixed_bfloat16", 5 * 2**-8), ("mixed_float16", 5 * 2**-11)],
)
@every_layer
def test_every_precision_agrees_with_float32_and_rounds_no_master_weight(make, specs, policy, tolerance):
    single = perturbed(make, specs)
    keras.config.set_dtype_policy(policy)
    layer = twin(make, specs, single)
    master = "float64" if policy == "float64" else "float32"
    before = values(layer.trainable_variables)
    inputs = draw(specs, 4, seed=7)
    expected, expected_gradients = gradients(single, inputs, training=True)
    outputs, layer_gradients = gradients(layer, inputs, training=True)

    assert outputs.dtype == keras.config.dtype_policy().compute_dtype
    assert {v.dtype for v in layer.variables if "float" in v.dtype} <= {master}
    assert {g.dtype.name for g in layer_gradients} <= {master}
    assert_close(outputs, expected, tolerance)
    for gradient, wanted in zip(layer_gradients, expected_gradients, strict=True):
        assert_close(gradient, wanted, 2 * tolerance)  # rounded in the forward pass and in the backward pass
    for after, original in zip(values(layer.trainable_variables), before, strict=True):
        np.testing.assert_array_equal(after, original)
    for state, wanted in zip(layer.non_trainable_variables, single.non_trainable_variables, strict=True):
        assert_close(state.numpy(), wanted.numpy(), tolerance)
    assert_close(call(layer, inputs), call(single, inputs), tolerance)


@every_layer
def test_symbolic_output_has_the_dtype_of_the_actual_output(make, specs):
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = make()
    assert functional(layer, specs).output.dtype == layer(draw(specs, 1)).dtype.name == "bfloat16"


@every_layer
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_graph_of_unknown_batch_size_and_functional_model_equal_eager(make, specs, training):
    eager = perturbed(make, specs)
    graph, in_model = twin(make, specs, eager), twin(make, specs, eager)
    signature = unwrap_single([tf.TensorSpec((None, *s.shape), tf.int32 if s.labels else tf.float32) for s in specs])
    traced = tf.function(lambda x: call(graph, x, training), input_signature=[signature])
    model = functional(in_model, specs)
    assert traced.get_concrete_function().output_shapes[1:] == model.output_shape[1:]
    for batch in (4, 1):
        inputs = draw(specs, batch, seed=7)
        expected = call(eager, inputs, training)
        assert_close(traced(inputs), expected, 1e-6)
        assert_close(model(inputs, training=training), expected, 1e-6)
    for state in zip(values(eager.variables), values(graph.variables), values(in_model.variables), strict=True):
        assert_close(state[1], state[0], 1e-6)
        assert_close(state[2], state[0], 1e-6)


@every_layer
def test_layer_is_the_same_inside_a_model_that_keras_builds_by_tracing(make, specs):
    """Its variables are then initialised after the trace. Nor may the model's dtype policy reach the layer."""

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = make()

        def call(self, inputs, training=False):
            return call(self.inner, inputs, training)

    keras.config.set_dtype_policy("mixed_bfloat16")
    model = Model()
    inputs = draw(specs, 4, seed=7)
    model(inputs)
    alone = twin(make, specs, model.inner)
    for training in (True, False):
        np.testing.assert_array_equal(model(inputs, training=training), call(alone, inputs, training))
    for in_model, expected in zip(model.variables, alone.variables, strict=True):
        np.testing.assert_array_equal(in_model.numpy(), expected.numpy())


@every_layer
def test_compiled_by_xla_equals_uncompiled(make, specs):
    plain = perturbed(make, specs)
    layer = twin(make, specs, plain)
    inputs = draw(specs, 4, seed=7)
    expected, expected_gradients = gradients(plain, inputs, training=True)
    compiled = tf.function(lambda x: gradients(layer, x, training=True), jit_compile=True)
    outputs, compiled_gradients = compiled(inputs)
    assert_close(outputs, expected, 1e-5)
    for gradient, wanted in zip(compiled_gradients, expected_gradients, strict=True):
        assert_close(gradient, wanted, 1e-5)
    for state, wanted in zip(values(layer.variables), values(plain.variables), strict=True):
        assert_close(state, wanted, 1e-5)


@every_layer
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_two_steps_of_sgd_move_every_trainable_weight(make, specs, policy):
    """Two, since behind attention's initial gain of 0 nothing moves in the first."""
    keras.config.set_dtype_policy(policy)
    layer = make()
    inputs = draw(specs, 4)
    layer(inputs)
    weights = layer.trainable_variables
    before = values(weights)
    optimizer = keras.optimizers.SGD(0.01)
    for _ in range(2 * bool(weights)):
        outputs, weight_gradients = gradients(layer, inputs, training=True)
        assert np.isfinite(np.asarray(outputs, "float32")).all()
        optimizer.apply(weight_gradients, weights)
    for weight, start in zip(weights, before, strict=True):
        assert np.isfinite(weight.numpy()).all()
        assert not np.array_equal(weight.numpy(), start), weight.path


@every_layer
def test_gradient_reaches_every_image_and_vector(make, specs):
    layer = perturbed(make, specs)
    inputs = draw(specs, 4)
    floats = [x for x in tf.nest.flatten(inputs) if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        outputs = call(layer, inputs, training=True)
        loss = tf.reduce_sum(outputs * tf.constant(np.random.default_rng(2).normal(size=outputs.shape), outputs.dtype))
    for gradient in tape.gradient(loss, floats):
        norms = np.linalg.norm(gradient.numpy().reshape(4, -1), axis=1)
        assert np.isfinite(norms).all()
        assert (norms > 0).all()
