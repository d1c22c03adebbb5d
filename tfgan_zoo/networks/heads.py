"""The last layers of a discriminator: functions from its features to its named outputs."""

from collections.abc import Callable

import keras

from tfgan_zoo.core.priors import Codes
from tfgan_zoo.layers import BatchNorm, LeakyReLU
from tfgan_zoo.networks.shapes import output_dtype, plain


def normal() -> keras.Initializer:
    """N(0, 0.02), DCGAN's initialisation."""
    return keras.initializers.RandomNormal(stddev=0.02)


def dense_heads(wrap: Callable = plain, **units: int) -> Callable:
    """`dense_heads(logits=1, class_logits=10)`: a function features [B, F] -> {name: [B, units]}, a dense layer per name.

    wrap: applied to each layer, such as `SpectralNormalization`.
    """

    def heads(features: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        return {name: wrap(linear(name, size))(features) for name, size in units.items()}

    return heads


def linear(name: str, size: int) -> keras.layers.Dense:
    """A dense layer in full precision."""
    return keras.layers.Dense(size, kernel_initializer=normal(), dtype=output_dtype(), name=name)


def code_heads(codes: Codes, learned_variance: bool, width: int = 128) -> Callable:
    """InfoGAN's heads: "logits" from the shared features, the codes' distribution Q through a hidden layer of its own.

    Chen et al. 2016, arXiv:1606.03657, appendix C.1: dense `width`, batch norm, LeakyReLU 0.1, dense.

    Args:
        codes: the codes to predict.
        learned_variance: output "code_log_stddev" as well.
        width: of the hidden layer.

    Returns:
        A function features [B, F] -> {"logits": [B, 1], "category_logits"?: [B, sum of categories], "code_mean"?: [B, C],
        "code_log_stddev"?: [B, C]}.
    """

    def heads(features: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        q = keras.layers.Dense(width, use_bias=False, kernel_initializer=normal(), name="code_dense")(features)
        q = LeakyReLU(0.1, name="code_relu")(BatchNorm(name="code_norm")(q))
        outputs = {"logits": linear("logits", 1)(features)}
        if codes.categorical:
            outputs["category_logits"] = linear("category_logits", sum(codes.categorical))(q)
        if codes.continuous:
            outputs["code_mean"] = linear("code_mean", codes.continuous)(q)
            if learned_variance:
                outputs["code_log_stddev"] = linear("code_log_stddev", codes.continuous)(q)
        return outputs

    return heads
