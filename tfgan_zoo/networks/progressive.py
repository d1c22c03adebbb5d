"""The growing networks of Karras et al. 2017, arXiv:1710.10196, section 2 and table 2.

Both players have the layers of every resolution from the start, so that the shape of a checkpoint never changes, and use those up
to `resolution`, a plain attribute that is read when a graph is traced. While `alpha` is below 1, the newest layers are blended with
the path that bypasses them. Images, alpha and logits have the variables' dtype, whatever the layers between compute in.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import (
    EqualizedConv2D,
    EqualizedConv2DTranspose,
    EqualizedDense,
    EqualizedUpsampleConv2D,
    MinibatchStdDev,
    MultiplicativeNoise,
    PixelNorm,
    Upsample2D,
)
from tfgan_zoo.layers.recomputation import recomputed
from tfgan_zoo.layers.rectifiers import leaky_relu
from tfgan_zoo.networks.inputs import one_hot

FIRST = 4  # pixels of the lowest resolution
LOWEST_LEVEL = int(math.log2(FIRST))


def resolutions_up_to(image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """(4, 8, ..., H) for images (H, W, C).

    Raises:
        ZooError: the images are not square, or their side is not a power of two of at least 8.
    """
    height, width = image_shape[:2] if len(image_shape) == 3 else (0, 0)
    if height != width or height < 2 * FIRST or height & (height - 1):
        raise ZooError(
            f"the data has shape {tuple(image_shape)}: a growing network expects square images whose side is a power of two of "
            "at least 8; set data.resolution to such a number, and data.fit."
        )
    return tuple(2**level for level in range(LOWEST_LEVEL, int(math.log2(height)) + 1))


def feature_maps(resolution: int, base: int = 8192, maximum: int = 512) -> int:
    """Channels at a resolution: base / (resolution / 2), at most `maximum`.

    With 8192 and 512 this is table 2: 512 up to 32 pixels, then 256, 128, 64, 32, and 16 at 1024.
    """
    return max(1, min(2 * base // resolution, maximum))


def halved(images: tf.Tensor) -> tf.Tensor:
    """[B, 2h, 2w, C] -> [B, h, w, C], means over 2x2 pixels."""
    return tf.nn.avg_pool2d(images, 2, 2, "VALID")


def faded(new: tf.Tensor, old: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """alpha new + (1 - alpha) old, in alpha's dtype: exactly `old` at 0, exactly `new` at 1."""
    return alpha * tf.cast(new, alpha.dtype) + (1 - alpha) * tf.cast(old, alpha.dtype)


def leaky(h: tf.Tensor) -> tf.Tensor:
    """LeakyReLU 0.2."""
    return tf.nn.leaky_relu(h, 0.2)


class Growing(keras.Model):
    """The part that both players share.

    Attributes:
        resolutions: (4, 8, ..., R), all that it can work at.
        resolution: the current one, initially R.
        alpha: variable, how far the layers of `resolution` are faded in, initially 1.
        recompute: whether the activations of each resolution are computed again for gradients, initially False.
    """

    def __init__(self, image_shape: tuple[int, ...], num_classes: int, base: int, maximum: int, **kwargs: Any):
        # Without autocast images stay in full precision; each layer casts its input.
        super().__init__(autocast=False, **kwargs)
        self.resolutions = resolutions_up_to(image_shape)
        self.resolution = self.resolutions[-1]
        self.channels, self.num_classes, self.base, self.maximum = image_shape[-1], num_classes, base, maximum
        self.alpha = self.add_weight(name="alpha", shape=(), initializer="ones", trainable=False, autocast=False)
        self.recompute = False
        self.upsample = Upsample2D(dtype=self.variable_dtype, name="upsample")

    @property
    def level(self) -> int:
        """The index of the current resolution, 0 at 4x4."""
        return self.resolutions.index(self.resolution)

    @property
    def level_shape(self) -> tuple:
        """(None, H, W, C) of the images at the current resolution."""
        return (None, self.resolution, self.resolution, self.channels)

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """The inputs in order, as named Keras tensors."""
        return list(self.input.values())

    def layer(self, kind: type, size: int, inputs: int, *args: Any, **settings: Any) -> keras.layers.Layer:
        """A layer of this kind, with equalised learning rate, built for inputs [B, size, size, inputs]."""
        layer = kind(*args, dtype=settings.pop("dtype", self.dtype_policy), **settings)
        layer.build((None, size, size, inputs))
        return layer

    def maps(self, resolution: int) -> int:
        """Channels at a resolution."""
        return feature_maps(resolution, self.base, self.maximum)

    def stage(
        self, function: Callable[[tf.Tensor], tf.Tensor], h: tf.Tensor, layers: list[keras.layers.Layer], training: bool
    ) -> tf.Tensor:
        """function(h) of these layers, computed again for gradients of training if `recompute` says so."""
        if not (training and self.recompute):
            return function(h)
        return recomputed(lambda h: [function(h)], layers, [h])[0]

    def blend(self, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
        """`faded` at the current alpha."""
        return faded(new, old, tf.convert_to_tensor(self.alpha.value))

    def get_config(self) -> dict:
        side = self.resolutions[-1]
        return {
            **super().get_config(),
            "image_shape": (side, side, self.channels),
            "num_classes": self.num_classes,
            "base": self.base,
            "maximum": self.maximum,
        }


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ProgressiveGenerator(Growing):
    """{"noise": [B, noise_size], "labels"?: [B]} -> images [B, r, r, C] at the current resolution r; the output is linear.

    Args:
        image_shape: (R, R, C) at the last resolution, R a power of two.
        noise_size: length of the latent. It is concatenated with the one-hot label and then pixel-normalised.
        num_classes: 0 for a generator without labels.
        base, maximum: of `feature_maps`.
        authors_gain: the layer before the 4x4 block has gain sqrt(2) / 4, as in the authors' code, instead of sqrt(2).
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        noise_size: int = 512,
        num_classes: int = 0,
        base: int = 8192,
        maximum: int = 512,
        authors_gain: bool = False,
        name: str = "generator",
        **kwargs: Any,
    ):
        super().__init__(image_shape, num_classes, base, maximum, name=name, **kwargs)
        self.noise_size, self.authors_gain = noise_size, authors_gain
        self.norm = PixelNorm(dtype=self.dtype_policy, name="norm")
        # A dense layer to 4x4 pixels with one bias per channel. Its fan-in is that of one pixel, a sixteenth of the kernel's.
        gain = 2**0.5 * (1 if authors_gain else FIRST)
        size = noise_size + num_classes
        self.first = self.layer(EqualizedConv2DTranspose, 1, size, self.maps(FIRST), FIRST, gain=gain, name="first")
        self.convs = [self.block(resolution) for resolution in self.resolutions]
        self.to_images = [
            self.layer(EqualizedConv2D, r, self.maps(r), self.channels, 1, gain=1.0, name=f"to_images_{r}",
                       dtype=self.variable_dtype)
            for r in self.resolutions
        ]  # fmt: skip
        self.built = True

    def block(self, resolution: int) -> list[keras.layers.Layer]:
        """The convolutions of a resolution: one at 4x4; two at the others, the first after nearest upsampling."""
        maps, same = self.maps(resolution), {"padding": "same"}
        last = self.layer(EqualizedConv2D, resolution, maps, maps, 3, **same, name=f"conv_{resolution}_2")
        if resolution == FIRST:
            return [last]
        half = resolution // 2
        up = self.layer(EqualizedUpsampleConv2D, half, self.maps(half), maps, name=f"conv_{resolution}_1")
        return [up, last]

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        latent = inputs["noise"]
        if self.num_classes:
            labels = one_hot(inputs["labels"], self.num_classes)
            latent = tf.concat([latent, tf.cast(labels, latent.dtype)], axis=1)
        h = before = self.norm(leaky(self.first(self.norm(latent)[:, None, None])))
        for convs in self.convs[: self.level + 1]:
            before = h
            h = self.stage(functools.partial(self.convolved, convs), h, convs, training)
        images = self.to_images[self.level](h)
        if self.level:
            images = self.blend(images, self.upsample(self.to_images[self.level - 1](before)))
        return images

    def convolved(self, convs: list[keras.layers.Layer], h: tf.Tensor) -> tf.Tensor:
        """The convolutions of a resolution, each with LeakyReLU and pixel normalisation."""
        for conv in convs:
            h = self.norm(leaky(conv(h)))
        return h

    @property
    def input(self) -> dict[str, keras.KerasTensor]:
        noise = keras.KerasTensor((None, self.noise_size), self.variable_dtype, name="noise")
        if not self.num_classes:
            return {"noise": noise}
        return {"noise": noise, "labels": keras.KerasTensor((None,), "int32", name="labels")}

    @property
    def output(self) -> keras.KerasTensor:
        return keras.KerasTensor(self.level_shape, self.variable_dtype, name="images")

    @property
    def output_shape(self) -> tuple:
        """(None, r, r, C)."""
        return self.level_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "noise_size": self.noise_size, "authors_gain": self.authors_gain}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ProgressiveDiscriminator(Growing):
    """{"images": [B, r, r, C]} -> {"logits": [B, 1], "class_logits"?: [B, num_classes], "features": [B, F]}.

    Args:
        image_shape: (R, R, C) at the last resolution, R a power of two.
        num_classes: number of class logits; 0 for none.
        base, maximum: of `feature_maps`.
        group_size: of the minibatch standard deviation; None for the whole batch.
        noise: multiply the input of every convolution by noise, see `MultiplicativeNoise`.

    Attributes:
        noise_strength: variable, the strength of that noise, initially 0.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        num_classes: int = 0,
        base: int = 8192,
        maximum: int = 512,
        group_size: int | None = None,
        noise: bool = False,
        name: str = "discriminator",
        **kwargs: Any,
    ):
        super().__init__(image_shape, num_classes, base, maximum, name=name, **kwargs)
        self.group_size, self.noise = group_size, noise
        # One per resolution: while a resolution fades in, the images enter at the next lower one as well.
        self.from_images = [
            self.layer(EqualizedConv2D, r, self.channels, self.maps(r), 1, name=f"from_images_{r}")
            for r in self.resolutions
        ]
        self.convs = [self.block(resolution) for resolution in self.resolutions]
        self.deviation = MinibatchStdDev(group_size, dtype=self.dtype_policy, name="minibatch_stddev")
        self.last = self.layer(
            EqualizedDense, 1, self.maps(FIRST), 1 + num_classes, gain=1.0, name="logits", dtype=self.variable_dtype
        )
        self.noise_strength, self.noises = None, {}
        if noise:
            strength = self.add_weight(name="noise_strength", shape=(), initializer="zeros", trainable=False)
            self.noise_strength = strength
            convs = [*self.from_images, *(conv for convs in self.convs for conv in convs)]
            self.noises = {conv.name: self.noise_layer(f"{conv.name}_noise") for conv in convs}
        self.built = True

    def block(self, resolution: int) -> list[keras.layers.Layer]:
        """The two convolutions of a resolution; at 4x4 the output of the second is a single pixel."""
        maps = self.maps(resolution)
        if resolution == FIRST:  # one more channel, the minibatch standard deviation
            one = self.layer(EqualizedConv2D, FIRST, maps + 1, maps, 3, padding="same", name="conv_4_1")
            return [one, self.layer(EqualizedConv2D, FIRST, maps, maps, FIRST, name="conv_4_2")]
        return [
            self.layer(EqualizedConv2D, resolution, maps, filters, 3, padding="same", name=f"conv_{resolution}_{i}")
            for i, filters in ((1, maps), (2, self.maps(resolution // 2)))
        ]

    def noise_layer(self, name: str) -> MultiplicativeNoise:
        layer = MultiplicativeNoise(dtype=self.dtype_policy, name=name)
        layer.build(None)
        return layer

    def conv(self, layer: keras.layers.Layer, h: tf.Tensor, training: bool) -> tf.Tensor:
        """LeakyReLU of a convolution, with multiplicative noise on its input if `noise` is on."""
        if self.noise_strength is not None:
            h = self.noises[layer.name]([h, self.noise_strength.value], training=training)
        return leaky_relu(layer(h))

    def halve(self, convs: list[keras.layers.Layer], training: bool, h: tf.Tensor) -> tf.Tensor:
        """The convolutions of a resolution, then means over 2x2 pixels."""
        for conv in convs:
            h = self.conv(conv, h, training)
        return halved(h)

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        images, level = inputs["images"], self.level
        h = self.conv(self.from_images[level], images, training)
        for current in range(level, 0, -1):
            halve = functools.partial(self.halve, self.convs[current], training)
            noises = [self.noises[conv.name] for conv in self.convs[current] if self.noises]
            h = self.stage(halve, h, [*self.convs[current], *noises], training)
            if current == level:
                h = self.blend(h, self.conv(self.from_images[level - 1], halved(images), training))
        h = self.deviation(h)
        for conv in self.convs[0]:
            h = self.conv(conv, h, training)
        features = tf.cast(h[:, 0, 0], self.variable_dtype)
        logits = self.last(features)
        classes = {"class_logits": logits[:, 1:]} if self.num_classes else {}
        return {"logits": logits[:, :1], **classes, "features": features}

    @property
    def input(self) -> dict[str, keras.KerasTensor]:
        return {"images": keras.KerasTensor(self.level_shape, self.variable_dtype, name="images")}

    @property
    def output(self) -> dict[str, keras.KerasTensor]:
        classes = {"class_logits": self.num_classes} if self.num_classes else {}
        widths = {"logits": 1, **classes, "features": self.maps(FIRST)}
        return {
            name: keras.KerasTensor((None, width), self.variable_dtype, name=name) for name, width in widths.items()
        }

    def get_config(self) -> dict:
        return {**super().get_config(), "group_size": self.group_size, "noise": self.noise}
