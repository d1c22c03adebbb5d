"""What benchmarks.modern_speed runs in the peers' environment: stylegan2-pytorch as it comes, and R3GAN in plain PyTorch.

    python benchmarks/modern_speed_peers.py r3gan --batch=16

It warms up, prints "ready", and then reads a number of steps a line and prints the seconds that they took, by the clock and by the CPU.
R3GAN here is written as its paper describes it, out of PyTorch's own modules: 128 channels up to 8 pixels, one block a stage.
"""

import argparse
import contextlib
import itertools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

with contextlib.suppress(ModuleNotFoundError):  # it is in the peers' environment alone
    import torch
    from torch import nn
    from torch.nn import functional

SIZE = 64
WIDTHS, GROUP_SIZE, NOISE = (128, 128, 64, 32, 16), 32, 64  # of 4, 8, 16, 32 and 64 pixels


def modules():
    """(generator, discriminator) of R3GAN; a function, since this file can be imported without PyTorch."""

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            inner = 2 * width
            self.widen = nn.Conv2d(width, inner, 1)
            self.conv = nn.Conv2d(inner, inner, 3, padding=1, groups=max(1, inner // GROUP_SIZE))
            self.narrow = nn.Conv2d(inner, width, 1, bias=False)

        def forward(self, x):
            h = functional.leaky_relu(self.widen(x), 0.2)
            return x + self.narrow(functional.leaky_relu(self.conv(h), 0.2))

    class Resample(nn.Module):
        """By 2 through [1, 3, 3, 1], channel by channel."""

        def __init__(self, up):
            super().__init__()
            taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
            self.up = up
            self.register_buffer("kernel", torch.outer(taps, taps)[None, None] * (4 if up else 1))

        def forward(self, x):
            kernel = self.kernel.expand(x.shape[1], -1, -1, -1)
            if self.up:
                return functional.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])
            return functional.conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1])

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.basis = nn.Parameter(torch.randn(WIDTHS[0], 4, 4))
            self.scale = nn.Linear(NOISE, WIDTHS[0], bias=False)
            stages = [Block(WIDTHS[0])]
            for before, width in itertools.pairwise(WIDTHS):
                stages += [nn.Conv2d(before, width, 1, bias=False)] if before != width else []
                stages += [Resample(up=True), Block(width)]
            self.stages = nn.Sequential(*stages, nn.Conv2d(WIDTHS[-1], 3, 1, bias=False))

        def forward(self, z):
            return self.stages(self.scale(z)[:, :, None, None] * self.basis)

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            stages = [nn.Conv2d(3, WIDTHS[-1], 1, bias=False)]
            for width, after in itertools.pairwise(WIDTHS[::-1]):
                stages += [Block(width), Resample(up=False)]
                stages += [nn.Conv2d(width, after, 1, bias=False)] if width != after else []
            last = WIDTHS[0]
            stages += [Block(last), nn.Conv2d(last, last, 4, groups=last, bias=False), nn.Flatten()]
            self.stages = nn.Sequential(*stages, nn.Linear(last, 1, bias=False))

        def forward(self, x):
            return self.stages(x)

    return Generator(), Discriminator()


def r3gan(batch):
    """Returns a function that takes `n` steps: the relativistic loss, with R1 and R2 in the discriminator's."""
    generator, discriminator = modules()
    optimizers = [torch.optim.Adam(net.parameters(), 2e-4, betas=(0.0, 0.99)) for net in (generator, discriminator)]
    average = [parameter.detach().clone() for parameter in generator.parameters()]
    images = torch.rand(512, 3, SIZE, SIZE) * 2 - 1

    def discriminator_step(real):
        fake = generator(torch.randn(batch, NOISE)).detach().requires_grad_()
        real = real.requires_grad_()
        on_real, on_fake = discriminator(real), discriminator(fake)
        penalties = sum(
            torch.autograd.grad(logits.sum(), x, create_graph=True)[0].square().sum([1, 2, 3])
            for logits, x in ((on_real, real), (on_fake, fake))
        )
        loss = functional.softplus(on_fake - on_real).mean() + 0.5 * penalties.mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()

    def generator_step(real):
        logits = discriminator(generator(torch.randn(batch, NOISE))) - discriminator(real)
        loss = functional.softplus(-logits).mean()
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        with torch.no_grad():
            for mean, parameter in zip(average, generator.parameters(), strict=True):
                mean.lerp_(parameter, 1e-3)

    def steps(n):
        for _ in range(n):
            real = images[torch.randint(len(images), [batch])]
            discriminator_step(real.clone())
            generator_step(real)

    return steps


def stylegan2_pytorch(batch):
    """Returns a function that takes `n` steps of the package's trainer, with its own defaults but for the batch."""
    from own_pictures_peers import without_gpu

    module = without_gpu("stylegan2_pytorch.stylegan2_pytorch")
    folder = Path(tempfile.mkdtemp())
    random = np.random.default_rng(0)
    for number in range(64):
        Image.fromarray(random.integers(0, 256, [SIZE, SIZE, 3], np.uint8)).save(folder / f"{number}.png")
    trainer = module.Trainer(
        name="run", base_dir=folder / "run", image_size=SIZE, num_workers=0, save_every=10**9, evaluate_every=10**9,
        batch_size=batch, gradient_accumulate_every=1, network_capacity=16,
    )  # fmt: skip
    trainer.evaluate = lambda *_, **__: None
    trainer.set_data_src(folder)

    def steps(n):
        for _ in range(n):
            with contextlib.suppress(module.NanException):
                trainer.train()

    return steps


CONTESTANTS = {"r3gan": r3gan, "stylegan2_pytorch": stylegan2_pytorch}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--warm_up", type=int, default=4)
    parser.add_argument("--parameters", action="store_true", help="print the numbers of parameters of R3GAN's players")
    arguments = parser.parse_args()
    if arguments.parameters:
        print(*(sum(p.numel() for p in network.parameters()) for network in modules()))
        return
    torch.manual_seed(0)
    with contextlib.redirect_stdout(sys.stderr):  # the package prints on its way
        steps = CONTESTANTS[arguments.contestant](arguments.batch)
        steps(arguments.warm_up)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(sys.stderr):
            steps(int(line))
        print(time.perf_counter() - start[0], time.process_time() - start[1], flush=True)


if __name__ == "__main__":
    main()
