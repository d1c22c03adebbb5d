"""StyleGAN2's networks. Karras et al. 2019, arXiv:1912.04958; with classes as in its ADA version, arXiv:2006.06676.

A mapping network turns the latent, joined with the class, into a style w; the synthesis network starts from a constant, and each of its
convolutions is modulated by its own row of styles, here usually the same w for all. All weights are at equalised learning rate.
"""

from typing import Any

import keras

from tfgan_zoo.layers import (
    BlurDownsample2D,
    BlurUpsample2D,
    EqualizedBlurDownsampleConv2D,
    EqualizedConv2D,
    EqualizedDense,
    LeakyReLU,
    LearnedConstant,
    MinibatchStdDev,
    ModulatedBlurUpsampleConv2D,
    ModulatedConv2D,
    PixelNorm,
    ScaledNoise,
    StyleTruncation,
)
from tfgan_zoo.networks.inputs import generator_inputs, joined, labels_input, one_hot
from tfgan_zoo.networks.shapes import halvings, output_dtype

CLAMP = 256  # of activations, where some are in float16, as in ADA's code
MOST = 8  # halvings, of 1024 pixels to 4
ROOT_2 = 2**0.5
MAPPING_RATE = 0.01  # of the learning rate of all other layers


def stage_sides(image_shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """(height, width) of each resolution, the lowest first."""
    count = halvings(image_shape, MOST)
    return [(image_shape[0] >> count - i, image_shape[1] >> count - i) for i in range(count + 1)]


def stage_widths(image_shape: tuple[int, ...], base: int, maximum: int) -> list[int]:
    """Channels at each resolution, the lowest first: base / shorter side, at most `maximum`.

    Examples:
        >>> stage_widths((256, 256, 3), 16384, 512)
        [512, 512, 512, 512, 256, 128, 64]
    """
    return [max(1, min(base // min(side), maximum)) for side in stage_sides(image_shape)]


def noise_shapes(image_shape: tuple[int, ...]) -> dict[str, tuple[int, int, int]]:
    """{name: (height, width, 1)} of the noise after each convolution, in their order."""
    sides = stage_sides(image_shape)
    places = [(sides[0], "")] + [(side, part) for side in sides[1:] for part in ("_up", "")]
    return {f"noise_{height}x{width}{part}": (height, width, 1) for (height, width), part in places}


def leaky(
    h: keras.KerasTensor, name: str, gain: float = ROOT_2, dtype: str | None = None, clamped: bool = False
) -> keras.KerasTensor:
    """gain * LeakyReLU 0.2; clamped: to +-256 gain / sqrt(2), so that a layer with the usual gain of sqrt(2) stays within +-256."""
    h = LeakyReLU(0.2, dtype=dtype, name=f"{name}_relu")(h)
    h = keras.layers.Rescaling(gain, dtype=dtype, name=f"{name}_gain")(h)
    limit = CLAMP * gain / ROOT_2
    return keras.ops.clip(h, -limit, limit) if clamped else h


def precisions(image_shape: tuple[int, ...], float16_resolutions: int) -> list[str | None]:
    """Of the layers of each resolution, the lowest first: "mixed_float16" for the highest ones, None for the policy in force."""
    count = len(stage_sides(image_shape))
    return [None if i < count - float16_resolutions else "mixed_float16" for i in range(count)]


def mapping(
    noise_size: int, style_size: int, layers: int = 8, num_classes: int = 0, name: str = "mapping"
) -> keras.Model:
    """{"noise"?: [B, noise_size], "labels"?: [B]} -> w [B, style_size].

    Args:
        noise_size: length of the latent; 0 for a network that sees the class alone.
        style_size: length of w, and of the class embedding.
        layers: dense layers.
        num_classes: 0 without labels.
        name: of the model.
    """
    inputs = generator_inputs(noise_size, num_classes) if noise_size else {"labels": labels_input()}
    vectors = [PixelNorm(dtype=output_dtype(), name="norm_noise")(inputs["noise"])] if noise_size else []
    if num_classes:
        embedded = EqualizedDense(style_size, gain=1, dtype=output_dtype(), name="label_embedding")
        classes = embedded(one_hot(inputs["labels"], num_classes))
        vectors.append(PixelNorm(dtype=output_dtype(), name="norm_labels")(classes))
    w = joined(vectors)
    for i in range(layers):
        dense = EqualizedDense(
            style_size, gain=1, rate_multiplier=MAPPING_RATE, dtype=output_dtype(), name=f"dense_{i}"
        )
        w = leaky(dense(w), f"dense_{i}", dtype=output_dtype())
    return keras.Model(inputs, w, name=name)


def synthesis(
    image_shape: tuple[int, ...], widths: list[int], style_size: int, float16_resolutions: int = 0
) -> keras.Model:
    """{"styles": [B, L, style_size], "noise_4x4": [B, 4, 4, 1], ...} -> images [B, H, W, C], around [-1, 1].

    Row i of the styles modulates the i-th convolution, and the last row the last map to RGB; a map to RGB of a lower resolution has
    the row of the next convolution. So there is one row more than noise inputs.

    Args:
        image_shape: (H, W, C).
        widths: channels at each resolution, the lowest first.
        style_size: length of w.
        float16_resolutions: the highest resolutions that are computed in float16; then all activations are clamped to +-256.
    """
    shapes = noise_shapes(image_shape)
    styles = keras.Input([len(shapes) + 1, style_size], dtype=output_dtype(), name="styles")
    noise = {name: keras.Input(shape, dtype=output_dtype(), name=name) for name, shape in shapes.items()}
    names, row = iter(noise), 0  # of the next noise, and of the next styles

    def modulated(
        h: keras.KerasTensor, kind: type, filters: int, name: str, row: int, **settings: Any
    ) -> keras.KerasTensor:
        scale = EqualizedDense(h.shape[-1], gain=1, bias_initializer="ones", name=f"{name}_style")(styles[:, row])
        return kind(filters, name=name, **settings)([h, scale])

    def styled(h: keras.KerasTensor, kind: type, filters: int, row: int, dtype: str | None) -> keras.KerasTensor:
        place = next(names)
        name = place.replace("noise", "conv")
        h = modulated(h, kind, filters, name, row, kernel_size=3, padding="same", dtype=dtype)
        h = ScaledNoise(name=place.replace("noise", "strength"), dtype=dtype)([h, noise[place]])
        return leaky(h, name, dtype=dtype, clamped=float16_resolutions > 0)

    def to_rgb(h: keras.KerasTensor, name: str, row: int) -> keras.KerasTensor:
        settings = {"kernel_size": 1, "demodulate": False, "dtype": output_dtype()}
        return modulated(h, ModulatedConv2D, image_shape[-1], name, row, **settings)

    sides = stage_sides(image_shape)
    h, images = LearnedConstant((*sides[0], widths[0]), name="constant")(styles), None
    dtypes = precisions(image_shape, float16_resolutions)
    for (height, width), filters, dtype in zip(sides, widths, dtypes, strict=True):
        name = f"rgb_{height}x{width}"
        if images is None:
            h = styled(h, ModulatedConv2D, filters, 0, dtype)
            images, row = to_rgb(h, name, 1), 1
            continue
        h = styled(h, ModulatedBlurUpsampleConv2D, filters, row, dtype)
        h = styled(h, ModulatedConv2D, filters, row + 1, dtype)
        row += 2
        images = BlurUpsample2D(dtype=output_dtype(), name=f"{name}_up")(images) + to_rgb(h, name, row)
    return keras.Model({"styles": styles, **noise}, images, name="synthesis")


def generator(mapped: keras.Model, synthesized: keras.Model, decay: float = 0.998) -> keras.Model:
    """{"noise", "labels"?, "psi": [B, 1], "noise_4x4": ..., ...} -> images: the mapping, truncation towards the mean of w, the synthesis.

    Args:
        mapped, synthesized: of `mapping` and `synthesis`.
        decay: of the mean of w.
    """
    inputs = {
        tensor.name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in mapped.inputs
    }
    psi = keras.Input([1], dtype=output_dtype(), name="psi")
    rows = synthesized.input["styles"].shape[1]
    noise = {n: keras.Input(t.shape[1:], dtype=t.dtype, name=n) for n, t in synthesized.input.items() if n != "styles"}
    w = StyleTruncation(decay, dtype=output_dtype(), name="truncation")([mapped(inputs), psi])
    images = synthesized({"styles": keras.layers.RepeatVector(rows, name="styles")(w), **noise})
    return keras.Model({**inputs, "psi": psi, **noise}, images, name="generator")


def discriminator(
    image_shape: tuple[int, ...],
    widths: list[int],
    num_classes: int = 0,
    residual: bool = True,
    group_size: int | None = 4,
    mapping_layers: int = 8,
    float16_resolutions: int = 0,
) -> keras.Model:
    """{"images": [B, H, W, C], "labels"?: [B]} -> {"logits": [B, 1], "features": [B, widths[0]]}.

    Args:
        image_shape: (H, W, C).
        widths: channels at each resolution, the lowest first.
        num_classes: the logit is then the inner product of a map of the features with the mapped class over sqrt(widths[0]).
        residual: blocks with a shortcut, each path times sqrt(1/2); else plain ones, which the authors use on CIFAR-10.
        group_size: of the minibatch standard deviation; None for the whole batch.
        mapping_layers: dense layers of the class's mapping.
        float16_resolutions: as of `synthesis`.
    """
    inputs = {"images": keras.Input(image_shape, dtype=output_dtype(), name="images")}
    sides = [f"{height}x{width}" for height, width in stage_sides(image_shape)]
    dtypes, clamped = precisions(image_shape, float16_resolutions), float16_resolutions > 0
    first = EqualizedConv2D(widths[-1], 1, gain=1, name="from_images", dtype=dtypes[-1])
    h = leaky(first(inputs["images"]), "from_images", dtype=dtypes[-1], clamped=clamped)
    for i in range(len(widths) - 1, 0, -1):
        name, x = f"block_{sides[i]}", h
        block: dict[str, Any] = {"dtype": dtypes[i]}
        h = EqualizedConv2D(widths[i], 3, padding="same", gain=1, name=f"{name}_conv", **block)(x)
        h = leaky(h, f"{name}_conv", clamped=clamped, **block)
        h = EqualizedBlurDownsampleConv2D(widths[i - 1], gain=1, name=f"{name}_down", **block)(h)
        h = leaky(h, f"{name}_down", 1.0 if residual else ROOT_2, clamped=clamped, **block)
        if residual:
            x = BlurDownsample2D(name=f"{name}_shortcut_down", **block)(x)
            x = EqualizedConv2D(widths[i - 1], 1, gain=0.5**0.5, use_bias=False, name=f"{name}_shortcut", **block)(x)
            h = keras.layers.Add(name=f"{name}_add", **block)([h, x])
    h = MinibatchStdDev(group_size, name="stddev", dtype=dtypes[0])(h)
    last = EqualizedConv2D(widths[0], 3, padding="same", gain=1, name="last_conv", dtype=dtypes[0])
    h = leaky(last(h), "last_conv", dtype=dtypes[0], clamped=clamped)
    dense = EqualizedDense(widths[0], gain=1, name="dense")
    features = leaky(dense(keras.layers.Flatten(name="flat")(h)), "dense")
    features = keras.layers.Activation("linear", dtype=output_dtype(), name="features")(features)
    logits = EqualizedDense(widths[0] if num_classes else 1, gain=1, dtype=output_dtype(), name="logits")(features)
    if num_classes:
        inputs["labels"] = labels_input()
        mapped = mapping(0, widths[0], mapping_layers, num_classes, name="label_mapping")({"labels": inputs["labels"]})
        logits = keras.ops.sum(logits * mapped, axis=-1, keepdims=True) / widths[0] ** 0.5
    return keras.Model(inputs, {"logits": logits, "features": features}, name="discriminator")
