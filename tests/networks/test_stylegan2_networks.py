"""StyleGAN2's networks compute what the authors' do, and have their numbers of parameters."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from tfgan_zoo.networks import stylegan2

REFERENCES = Path(__file__).parents[1] / "references"
SHAPE = (32, 32, 3)


def parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def networks(shape, base, maximum, noise_size=512, style_size=512, layers=8, classes=0, **settings):
    """(mapping, synthesis, generator, discriminator)."""
    widths = stylegan2.stage_widths(shape, base, maximum)
    mapping = stylegan2.mapping(noise_size, style_size, layers, classes)
    synthesis = stylegan2.synthesis(shape, widths, style_size)
    discriminator = stylegan2.discriminator(shape, widths, classes, **settings)
    return mapping, synthesis, stylegan2.generator(mapping, synthesis), discriminator


PARTS = {"kernel": "weight", "bias": "bias"}


def authors_key(path):
    """The authors' name of a variable of ours by its path, without "G." or "D."."""
    *_, layer, kind = path.split("/")
    if layer == "truncation":
        return "mapping.w_avg"
    if layer == "constant":
        return "synthesis.b4.const"
    if layer == "label_embedding":
        return f"mapping.embed.{PARTS[kind]}"
    if match := re.fullmatch(r"dense_(\d)", layer):
        return f"mapping.fc{match[1]}.{PARTS[kind]}"
    if match := re.fullmatch(r"(conv|rgb|strength)_(\d+)x\d+(_up)?(_style)?", layer):
        part, side, up, style = match.groups()
        place = "torgb" if part == "rgb" else "conv0" if up else "conv1"
        if part == "strength":
            return f"synthesis.b{side}.{place}.noise_strength"
        return f"synthesis.b{side}.{place}.{'affine.' if style else ''}{PARTS[kind]}"
    if match := re.fullmatch(r"block_(\d+)x\d+_(conv|down|shortcut)", layer):
        return f"b{match[1]}.{ {'conv': 'conv0', 'down': 'conv1', 'shortcut': 'skip'}[match[2]] }.{PARTS[kind]}"
    place = {"from_images": "b32.fromrgb", "last_conv": "b4.conv", "dense": "b4.fc", "logits": "b4.out"}[layer]
    return f"{place}.{PARTS[kind]}"


def in_our_layout(tensor, key):
    """PyTorch's layout -> ours; the dense layer after 4x4 maps reads [h, w, C], where theirs reads [C, h, w]."""
    if key == "b4.fc.weight":
        outputs, inputs = tensor.shape
        tensor = tensor.reshape(outputs, inputs // 16, 4, 4).transpose(0, 2, 3, 1).reshape(outputs, inputs)
    if key.startswith("synthesis.") and key.endswith("conv0.weight"):
        tensor = tensor[:, :, ::-1, ::-1]  # their transposed convolution scatters the kernel as it is
    return np.transpose(tensor, {0: (), 1: (0,), 2: (1, 0), 3: (1, 2, 0), 4: (2, 3, 1, 0)}[tensor.ndim])


@pytest.fixture(scope="module", params=["tiny32", "cond32"])
def loaded(request):
    """(the authors' values, our networks with their weights, the inputs of both)."""
    with np.load(REFERENCES / f"stylegan2_{request.param}.npz") as file:
        authors = dict(file)
    classes = authors["c"].shape[1]
    nets = networks(SHAPE, 512, 32, noise_size=64, style_size=48, layers=2, classes=classes, residual=not classes)
    used = set()
    for player, network in (("G", nets[2]), ("D", nets[3])):
        for variable in network.variables:
            key = authors_key(variable.path)
            if f"{player}.{key}" not in authors and key == "mapping.w_avg":
                continue  # which the conditional one has not
            variable.assign(in_our_layout(authors[f"{player}.{key}"], key))
            used.add(f"{player}.{key}")
    left = {key for key in authors if key.startswith(("G.", "D."))} - used
    assert all(key.endswith(("resample_filter", "noise_const")) for key in left)
    inputs = {"noise": authors["z"]} | ({"labels": authors["c"].argmax(1).astype(np.int32)} if classes else {})
    return authors, nets, inputs


def assert_close(ours, authors):
    np.testing.assert_allclose(ours, authors, atol=2e-5 * np.abs(authors).max())


def noise_of(authors, factor=1.0):
    """The authors' constant noise maps by our names."""
    maps = {}
    for name, (height, _, _) in stylegan2.noise_shapes(SHAPE).items():
        place = f"G.synthesis.b{height}.conv{0 if name.endswith('_up') else 1}.noise_const"
        maps[name] = factor * np.repeat(authors[place][None, :, :, None], 4, axis=0)
    return maps


def test_the_mapping_is_the_authors(loaded):
    authors, (mapping, *_), inputs = loaded
    assert_close(mapping(inputs), authors["out.w"])


@pytest.mark.parametrize(
    ("name", "noise", "psi"), [("images", 1, 1), ("images_no_noise", 0, 1), ("images_psi_0.5", 1, 0.5)]
)
def test_the_generator_is_the_authors(loaded, name, noise, psi):
    authors, (_, _, generator, _), inputs = loaded
    if f"out.{name}" not in authors:
        pytest.skip("the authors' conditional network has no mean of w")
    images = generator({**inputs, "psi": np.full([4, 1], psi, np.float32), **noise_of(authors, noise)})
    assert_close(images, authors[f"out.{name}"].transpose(0, 2, 3, 1))


def test_the_discriminator_is_the_authors(loaded):
    authors, (*_, discriminator), inputs = loaded
    images = authors["out.images"].transpose(0, 2, 3, 1)
    assert_close(discriminator({**inputs, "images": images})["logits"], authors["out.logits"])


@pytest.mark.parametrize(
    ("side", "settings", "generator", "discriminator"),
    [
        (32, {"base": 16384, "layers": 2, "residual": False}, 19_947_539, 20_720_641),
        (32, {"base": 16384, "layers": 2, "residual": False, "classes": 10}, 20_215_315, 23_089_664),
        (64, {"base": 16384, "layers": 2}, 22_243_608, 23_407_361),
        (256, {"base": 16384}, 24_767_458, 24_001_089),
        pytest.param(1024, {"base": 32768}, 30_370_060, 29_012_513, marks=pytest.mark.slow),
    ],
)
def test_the_papers_sizes_have_the_authors_numbers_of_parameters(side, settings, generator, discriminator):
    nets = networks((side, side, 3), maximum=512, **settings)
    assert (parameters(nets[2]), parameters(nets[3])) == (generator, discriminator)


def copy_by_path(source, target):
    values = {v.path: v.numpy() for v in source.variables}
    assert {v.path for v in target.variables} == set(values)
    for variable in target.variables:
        variable.assign(values[variable.path])


def test_the_highest_resolutions_can_be_in_float16_with_clamped_activations():
    shape, classes = (32, 32, 3), 0
    whole = networks(shape, 256, 16, noise_size=8, style_size=8, layers=1, classes=classes)
    widths = stylegan2.stage_widths(shape, 256, 16)
    synthesis = stylegan2.synthesis(shape, widths, 8, float16_resolutions=2)
    discriminator = stylegan2.discriminator(shape, widths, float16_resolutions=2)
    for network, counterpart in ((synthesis, whole[1]), (discriminator, whole[3])):
        copy_by_path(counterpart, network)
        halves = {layer.name for layer in network.layers if layer.compute_dtype == "float16"}
        assert halves
        assert all("32x32" in name or "16x16" in name or name.startswith("from_images") for name in halves)
        assert {v.dtype for v in network.variables} <= {"float32"}
    random = np.random.default_rng(0)
    styles = random.normal(1, 1, [3, len(stylegan2.noise_shapes(shape)) + 1, 8]).astype("float32")
    noise = {
        name: random.normal(size=[3, *side]).astype("float32") for name, side in stylegan2.noise_shapes(shape).items()
    }
    expected = np.asarray(whole[1]({"styles": styles, **noise}))
    images = synthesis({"styles": styles, **noise})
    assert images.dtype == "float32"
    np.testing.assert_allclose(images, expected, atol=4e-3 * np.abs(expected).max())
    logits, exact = (np.asarray(network({"images": expected})["logits"]) for network in (discriminator, whole[3]))
    np.testing.assert_allclose(logits, exact, atol=2e-2 * np.abs(exact).max())


def test_large_activations_are_clamped_where_some_are_in_float16():
    widths = stylegan2.stage_widths((16, 16, 1), 64, 8)
    plain, clamped = (stylegan2.discriminator((16, 16, 1), widths, float16_resolutions=n) for n in (0, 1))
    copy_by_path(plain, clamped)
    images = np.random.default_rng(0).normal(size=[4, 16, 16, 1]).astype("float32")
    inner = keras.Model(
        clamped.inputs, [clamped.get_layer("block_16x16_conv").input, clamped.get_layer("features").input]
    )
    first, last = inner({"images": 1e4 * images})
    assert np.abs(first).max() == 256
    assert np.abs(last).max() <= 256
    assert np.isfinite(clamped({"images": 1e4 * images})["logits"]).all()
