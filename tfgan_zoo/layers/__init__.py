"""Keras layers of the GAN literature, for any Keras model: registered for saving, and correct under mixed precision."""

from tfgan_zoo.layers.batch_normalization import BatchNorm, standing_statistics
from tfgan_zoo.layers.bilinear import BilinearUpsample2D
from tfgan_zoo.layers.blur_resampling import (
    BlurDownsample2D,
    BlurDownsampleConv2D,
    BlurUpsample2D,
    BlurUpsampleConv2D,
)
from tfgan_zoo.layers.conditional_batch_normalization import ConditionalBatchNorm
from tfgan_zoo.layers.equalized import (
    EqualizedBlurDownsampleConv2D,
    EqualizedBlurUpsampleConv2D,
    EqualizedConv2D,
    EqualizedConv2DTranspose,
    EqualizedDense,
    EqualizedDepthwiseConv2D,
    EqualizedGroupedConv2D,
    EqualizedUpsampleConv2D,
)
from tfgan_zoo.layers.grouped_conv import DepthwiseConv2D, GroupedConv2D
from tfgan_zoo.layers.maxout import MaxoutDense
from tfgan_zoo.layers.minibatch_discrimination import MinibatchDiscrimination
from tfgan_zoo.layers.minibatch_stddev import MinibatchStdDev
from tfgan_zoo.layers.modulated_conv import ModulatedBlurUpsampleConv2D, ModulatedConv2D
from tfgan_zoo.layers.noise import Dropout, GaussianNoise, MultiplicativeNoise
from tfgan_zoo.layers.orthogonal_regularizer import OrthogonalRegularizer
from tfgan_zoo.layers.pixel_norm import PixelNorm
from tfgan_zoo.layers.rectifiers import LeakyReLU, ReLU
from tfgan_zoo.layers.resampling_conv import ConvDownsample2D, Upsample2D, UpsampleConv2D
from tfgan_zoo.layers.scaled_basis import ScaledBasis
from tfgan_zoo.layers.self_attention import SelfAttention
from tfgan_zoo.layers.spectral_normalization import SpectralNormalization
from tfgan_zoo.layers.style_inputs import LearnedConstant, ScaledNoise, StyleTruncation
from tfgan_zoo.layers.top_singular_clamp import TopSingularClamp, top_singular_clamped
from tfgan_zoo.layers.weight_clip import WeightClip
from tfgan_zoo.layers.weight_normalization import WeightNormalization

__all__ = [
    "BatchNorm",
    "BilinearUpsample2D",
    "BlurDownsample2D",
    "BlurDownsampleConv2D",
    "BlurUpsample2D",
    "BlurUpsampleConv2D",
    "ConditionalBatchNorm",
    "ConvDownsample2D",
    "DepthwiseConv2D",
    "Dropout",
    "EqualizedBlurDownsampleConv2D",
    "EqualizedBlurUpsampleConv2D",
    "EqualizedConv2D",
    "EqualizedConv2DTranspose",
    "EqualizedDense",
    "EqualizedDepthwiseConv2D",
    "EqualizedGroupedConv2D",
    "EqualizedUpsampleConv2D",
    "GaussianNoise",
    "GroupedConv2D",
    "LeakyReLU",
    "LearnedConstant",
    "MaxoutDense",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "ModulatedBlurUpsampleConv2D",
    "ModulatedConv2D",
    "MultiplicativeNoise",
    "OrthogonalRegularizer",
    "PixelNorm",
    "ReLU",
    "ScaledBasis",
    "ScaledNoise",
    "SelfAttention",
    "SpectralNormalization",
    "StyleTruncation",
    "TopSingularClamp",
    "Upsample2D",
    "UpsampleConv2D",
    "WeightClip",
    "WeightNormalization",
    "standing_statistics",
    "top_singular_clamped",
]
