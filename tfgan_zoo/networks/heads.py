"""The last layers of a discriminator: functions from its features to its named outputs."""

import keras

from tfgan_zoo.layers import BatchNorm
from tfgan_zoo.networks.shapes import output_dtype, plain


def normal():
    """N(0, 0.02), DCGAN's initialisation."""
    return keras.initializers.RandomNormal(stddev=0.02)


def dense_heads(wrap=plain, **units):
    """`dense_heads(logits=1, class_logits=10)`: a function features [B, F] -> {name: [B, units]}, each one dense layer.

    wrap: applied to each layer, such as `SpectralNormalization`.
    """

    def heads(features):
        return {name: wrap(linear(name, size))(features) for name, size in units.items()}

    return heads


def linear(name, size):
    return keras.layers.Dense(size, kernel_initializer=normal(), dtype=output_dtype(), name=name)


def code_heads(codes, learned_variance, width=128):
    """InfoGAN's heads: "logits" from the shared features, the codes' distribution Q from a hidden layer of their own.

    Chen et al. 2016, arXiv:1606.03657, appendix C.1: dense `width`, batch norm, LeakyReLU 0.1, dense.

    Args:
        codes: a `priors.Codes`.
        learned_variance: "code_log_stddev" is an output too.

    Returns:
        A function features [B, F] -> {"logits": [B, 1], "category_logits"?: [B, sum of categories], "code_mean"?: [B, C],
        "code_log_stddev"?: [B, C]}.
    """

    def heads(features):
        q = keras.layers.Dense(width, use_bias=False, kernel_initializer=normal(), name="code_dense")(features)
        q = keras.layers.LeakyReLU(0.1, name="code_relu")(BatchNorm(name="code_norm")(q))
        outputs = {"logits": linear("logits", 1)(features)}
        if codes.categorical:
            outputs["category_logits"] = linear("category_logits", sum(codes.categorical))(q)
        if codes.continuous:
            outputs["code_mean"] = linear("code_mean", codes.continuous)(q)
            if learned_variance:
                outputs["code_log_stddev"] = linear("code_log_stddev", codes.continuous)(q)
        return outputs

    return heads
