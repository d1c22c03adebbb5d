"""Writes imported_weights.npz: what PyTorch computes with seeded weights in the layouts that tfgan_zoo.import_weights reads.

The tests need only the file. To make it anew, in an environment of its own:

    python -m venv torch-environment
    torch-environment/bin/pip install torch==2.13.0 torch-mimicry==0.1.16 pytorch-pretrained-biggan==0.1.1 numpy
    torch-environment/bin/python tests/references/make_imported_weights.py

Weights follow from names and shapes (`torch_files.seeded`), so that the file has only the shapes. mimicry and BigGAN-deep are
the published packages. BigGAN-PyTorch and StudioGAN, which are not packages, are written down below as their papers and layouts
say, in PyTorch's functions. Arrays: <case>/shapes, JSON as bytes; <case>/images [2, 16, 16, 3], the middle of what the generator
makes of `inputs`; <case>/means [2, 3] over all pixels; <case>/logits [2], where there is a discriminator (<case>/d_shapes).
"""

import importlib.util
import json
import pathlib
import sys
import types

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_pretrained_biggan import BigGAN, BigGANConfig

# The networks alone: the package itself imports its metrics, and with them TensorFlow.
package = types.ModuleType("torch_mimicry")
package.__path__ = importlib.util.find_spec("torch_mimicry").submodule_search_locations
sys.modules["torch_mimicry"] = package
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import torch_files  # noqa: E402
from torch_mimicry.nets import sngan  # noqa: E402

ARRAYS = {}


def record(case, shapes, images, d_shapes=None, logits=None):
    """images: [2, 3, H, W]."""
    images = images.detach().permute(0, 2, 3, 1).numpy()
    top, left = ((side - 16) // 2 for side in images.shape[1:3])
    ARRAYS[f"{case}/shapes"] = np.frombuffer(json.dumps(shapes).encode(), np.uint8)
    ARRAYS[f"{case}/images"] = images[:, top : top + 16, left : left + 16]
    ARRAYS[f"{case}/means"] = images.mean((1, 2))
    if d_shapes:
        ARRAYS[f"{case}/d_shapes"] = np.frombuffer(json.dumps(d_shapes).encode(), np.uint8)
        ARRAYS[f"{case}/logits"] = logits.detach().numpy().ravel()
    print(case, images.shape, "std", images.std(), "" if logits is None else logits.ravel())


def shapes_of(module):
    return {name: list(tensor.shape) for name, tensor in module.state_dict().items()}


def loaded(module):
    tensors = torch_files.seeded(shapes_of(module))
    module.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()})
    return module.eval()


def latents(size, classes):
    noise, labels, images = torch_files.inputs(size, classes)
    return (
        torch.tensor(noise),
        torch.tensor(labels),
        lambda side: torch.tensor(images(side).transpose(0, 3, 1, 2).copy()),
    )


def mimicry():
    generator, discriminator = loaded(sngan.SNGANGenerator32(nz=8, ngf=16)), loaded(sngan.SNGANDiscriminator32(ndf=16))
    noise, _, images = latents(8, 10)
    made, seen = generator(noise), discriminator(images(32))
    record("mimicry", shapes_of(generator), made, shapes_of(discriminator), seen)


def biggan_deep(case, truncation, classes=1000, **config):
    model = loaded(BigGAN(BigGANConfig(num_classes=classes, **config)))
    noise, labels, _ = latents(model.config.z_dim, classes)
    with torch.no_grad():
        made = model(noise, F.one_hot(labels.long(), classes).float(), truncation)
    record(case, shapes_of(model), made)


class Layers:
    """The layers of a state_dict in inference. eps: of batch norm."""

    def __init__(self, tensors, eps):
        self.tensors, self.eps = {name: torch.tensor(array) for name, array in tensors.items()}, eps

    def __getitem__(self, name):
        return self.tensors.get(name)

    def weight(self, key):
        """W, or W / sigma by either kind of spectral norm."""
        if f"{key}.weight_orig" in self.tensors:
            weight = self[f"{key}.weight_orig"]
            return weight / (self[f"{key}.weight_u"] @ weight.flatten(1) @ self[f"{key}.weight_v"])
        weight = self[f"{key}.weight"]
        if f"{key}.u0" not in self.tensors:
            return weight
        matrix = weight.flatten(1)
        v = F.normalize(self[f"{key}.u0"] @ matrix)
        u = F.normalize(v @ matrix.T)
        return weight / (v @ matrix.T @ u.T).squeeze()

    def conv(self, x, key):
        weight = self.weight(key)
        return F.conv2d(x, weight, self[f"{key}.bias"], padding=weight.shape[-1] // 2)

    def linear(self, x, key):
        return F.linear(x, self.weight(key), self[f"{key}.bias"])

    def norm(self, x, mean, var, gain=None, bias=None):
        return F.batch_norm(x, self[mean], self[var], gain, bias, eps=self.eps)

    def conditional(self, x, statistics, gain, bias):
        x = self.norm(x, *statistics)
        return x * (1 + gain)[:, :, None, None] + bias[:, :, None, None]

    def attention(self, x, key, names, gain):
        theta, phi, g = (self.conv(x, f"{key}.{name}") for name in names[:3])
        phi, g = F.max_pool2d(phi, 2), F.max_pool2d(g, 2)
        weights = torch.softmax(theta.flatten(2).transpose(1, 2) @ phi.flatten(2), -1)
        mixed = (g.flatten(2) @ weights.transpose(1, 2)).view(len(x), -1, *x.shape[2:])
        return x + self[f"{key}.{gain}"] * self.conv(mixed, f"{key}.{names[3]}")


def up(x):
    return F.interpolate(x, scale_factor=2)


def residual(layers, h, key, norms, names):
    """A generator's block. norms: two functions of h; names: of the convolutions, the shortcut's last."""
    x = layers.conv(up(F.relu(norms[0](h))), f"{key}.{names[0]}")
    x = layers.conv(F.relu(norms[1](x)), f"{key}.{names[1]}")
    return x + layers.conv(up(h), f"{key}.{names[2]}")


def judged(layers, h, key, names, first, down, in_place):
    """A discriminator's block, whose shortcut starts behind the ReLU where that works in place."""
    x = h if first else F.relu(h)
    h = x if in_place else h
    x = layers.conv(F.relu(layers.conv(x, f"{key}.{names[0]}")), f"{key}.{names[1]}")
    x = F.avg_pool2d(x, 2) if down else x
    if first:
        return x + layers.conv(F.avg_pool2d(h, 2), f"{key}.{names[2]}")
    h = layers.conv(h, f"{key}.{names[2]}") if layers[f"{key}.{names[2]}.bias"] is not None else h
    return x + (F.avg_pool2d(h, 2) if down else h)


def biggan_pytorch(case, widths, d_widths, classes, attention=None, d_attention=None, shared=0, **latent):
    shapes = torch_files.biggan_shapes(widths, classes, shared=shared, attention=attention, **latent)
    layers = Layers(torch_files.seeded(shapes), 1e-5)
    blocks, chunk = len(widths) - 1, latent.get("chunk", 0)
    noise, labels, images = latents(chunk * (blocks + 1) or latent["noise"], classes)
    convs, parts = ("conv1", "conv2", "conv_sc"), ("theta", "phi", "g", "o")

    def norm(key, i):
        def apply(x):
            seen = (
                torch.cat([layers["shared.weight"][labels], noise[:, chunk * (i + 1) : chunk * (i + 2)]], 1)
                if shared
                else None
            )
            gain, bias = (
                layers.linear(seen, f"{key}.{part}") if shared else layers[f"{key}.{part}.weight"][labels]
                for part in ("gain", "bias")
            )
            return layers.conditional(x, (f"{key}.stored_mean", f"{key}.stored_var"), gain, bias)

        return apply

    h = layers.linear(noise[:, :chunk] if chunk else noise, "linear").view(2, -1, 4, 4)
    for i in range(blocks):
        h = residual(layers, h, f"blocks.{i}.0", [norm(f"blocks.{i}.0.bn{n}", i) for n in (1, 2)], convs)
        h = layers.attention(h, f"blocks.{i}.1", parts, "gamma") if i == attention else h
    names = [f"output_layer.0.{name}" for name in ("stored_mean", "stored_var", "gain", "bias")]
    made = torch.tanh(
        layers.conv(F.relu(layers.norm(h, *names[:2], *map(layers.__getitem__, names[2:]))), "output_layer.2")
    )

    d_shapes = torch_files.biggan_discriminator_shapes(d_widths, classes, d_attention)
    layers = Layers(torch_files.seeded(d_shapes), 1e-5)
    h, halving = images(made.shape[-1]), 2 if len(d_widths) == 4 else len(d_widths) - 1
    for i in range(len(d_widths)):
        h = judged(layers, h, f"blocks.{i}.0", convs, i == 0, i < halving, in_place=False)
        h = layers.attention(h, f"blocks.{i}.1", parts, "gamma") if i == d_attention else h
    h = F.relu(h).sum((2, 3))
    logits = layers.linear(h, "linear")[:, 0] + (layers.weight("embed")[labels] * h).sum(1)
    record(case, shapes, made, d_shapes, logits)


def studiogan(width, classes):
    """SAGAN of 32 pixels, attention behind the second block of the generator and the first of the discriminator."""
    shapes, d_shapes = (
        torch_files.studiogan_shapes(width, classes),
        torch_files.studiogan_discriminator_shapes(width, classes),
    )
    layers = Layers(torch_files.seeded(shapes), 1e-4)
    noise, labels, images = latents(8, classes)
    onehot = F.one_hot(labels.long(), classes).float()
    convs = ("conv2d1", "conv2d2", "conv2d0")
    parts = tuple(f"conv1x1_{part}" for part in ("theta", "phi", "g", "attn"))

    def norm(key):
        statistics = (f"{key}.bn.running_mean", f"{key}.bn.running_var")
        return lambda x: layers.conditional(
            x, statistics, *(layers.linear(onehot, f"{key}.{p}") for p in ("gain", "bias"))
        )

    h = layers.linear(noise, "linear0").view(2, -1, 4, 4)
    for i in (0, 1, 3):
        h = residual(layers, h, f"blocks.{i}.0", [norm(f"blocks.{i}.0.bn{n}") for n in (1, 2)], convs)
        h = layers.attention(h, "blocks.2.0", parts, "sigma") if i == 1 else h
    h = layers.norm(h, "bn4.running_mean", "bn4.running_var", layers["bn4.weight"], layers["bn4.bias"])
    made = torch.tanh(layers.conv(F.relu(h), "conv2d5"))

    layers = Layers(torch_files.seeded(d_shapes), 1e-4)
    h = images(32)
    for i in (0, 2, 3, 4):
        h = judged(layers, h, f"blocks.{i}.0", convs, i == 0, i < 3, in_place=True)
        h = layers.attention(h, "blocks.1.0", parts, "sigma") if i == 0 else h
    h = F.relu(h).sum((2, 3))
    record(
        "studiogan",
        shapes,
        made,
        d_shapes,
        layers.linear(h, "linear1")[:, 0] + (layers.weight("embedding")[labels] * h).sum(1),
    )


mimicry()
biggan_deep("biggan_deep", 0.4, classes=7, z_dim=8, channel_width=4)
biggan_deep("biggan_deep_128", 1.0)
biggan_pytorch(
    "biggan_pytorch",
    [128, 128, 64, 32, 16, 8],
    [8, 16, 32, 64, 128, 128],
    5,
    attention=3,
    d_attention=0,
    shared=6,
    chunk=4,
)
biggan_pytorch("biggan_pytorch_cifar10", [16] * 4, [16] * 4, 10, noise=12)
studiogan(16, 10)
np.savez_compressed(pathlib.Path(__file__).with_name("imported_weights.npz"), **ARRAYS)
