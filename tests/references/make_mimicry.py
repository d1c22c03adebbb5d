"""Writes mimicry.npz: what torch-mimicry's 32-pixel networks compute with weights that `mimicry_weights.py` draws.

The tests need only the file. To make it anew, in an environment of its own:

    python -m venv torch-environment
    torch-environment/bin/pip install torch==2.14.1 torch-mimicry==0.1.16 numpy
    torch-environment/bin/python tests/references/make_mimicry.py

For each network: <network>/<player>/shapes, a JSON of {key: shape}; <network>/images [2, 32, 32, 3] and <network>/logits [2, 1]
in inference. For the layers under spectral normalisation: <network>/<player>/<key> of u and v, after three calls in training.
The heads of cGAN-PD take a power iteration of their own in inference, from the drawn `sn_u`. For three steps of SNGAN by torch-mimicry's own train_step, in float64, <player>/after/<key>: [mean, norm, values at `probed`]
of each tensor.
"""

import importlib.util
import json
import pathlib
import sys
import types

import numpy as np
import torch
from mimicry_weights import inputs, probed, step_inputs, weights

# Its networks without the rest of the package, which needs a torch of long ago.
package = types.ModuleType("torch_mimicry")
package.__path__ = importlib.util.find_spec("torch_mimicry").submodule_search_locations
sys.modules["torch_mimicry"] = package
from torch_mimicry.nets import cgan_pd, sagan, sngan, wgan_gp  # noqa: E402

NETWORKS = {
    "sngan": (sngan.SNGANGenerator32, sngan.SNGANDiscriminator32, {}),
    "cgan_pd": (cgan_pd.CGANPDGenerator32, cgan_pd.CGANPDDiscriminator32, {"num_classes": 10}),
    "sagan": (sagan.SAGANGenerator32, sagan.SAGANDiscriminator32, {"num_classes": 10}),
    "wgan_gp": (wgan_gp.WGANGPGenerator32, wgan_gp.WGANGPDiscriminator32, {}),
}
ITERATED = {  # of which u and v are stored: all of a discriminator, and what is particular to a generator
    ("sagan", "discriminator"): "",
    ("sagan", "generator"): ("l1.", "attn_block.", "c5.", "block2.c_sc"),
}


class NoLog:
    """In place of torch-mimicry's MetricLog, which is in that rest."""

    def add_metric(self, *_, **__):
        pass


def filled(kind, name, arguments):
    """The network in float64 with its drawn weights, and {key: shape}."""
    network = kind(**arguments).double()
    state = network.state_dict()
    shapes = {key: list(tensor.shape) for key, tensor in state.items()}
    network.load_state_dict({key: torch.tensor(value) for key, value in weights(name, shapes).items()})
    return network, shapes


def answers(name):
    """The arrays of one network by name."""
    *kinds, arguments = NETWORKS[name]
    noise, labels, images = (torch.tensor(a) for a in inputs(name))
    labels = [labels] if arguments else []
    arrays = {}
    for player, kind, x in zip(("generator", "discriminator"), kinds, (noise, images), strict=True):
        network, shapes = filled(kind, f"{name}/{player}", arguments)
        arrays[f"{name}/{player}/shapes"] = np.array(json.dumps(shapes))
        with torch.no_grad():
            answer = network.eval()(x, *labels).numpy()
            if player == "generator":
                arrays[f"{name}/images"] = answer.transpose(0, 2, 3, 1).astype(np.float32)
            else:
                arrays[f"{name}/logits"] = answer
            if (name, player) in ITERATED:
                for _ in range(3):
                    network.train()(x, *labels)
                for key, value in network.state_dict().items():
                    if key.startswith(ITERATED[name, player]) and key.endswith(("weight_u", "weight_v")):
                        arrays[f"{name}/{player}/{key}"] = value.numpy().astype(np.float32)
    return arrays


def steps():
    """Three steps of both players, each with its own optimiser."""
    players = [
        filled(kind, f"sngan/{player}", {})[0].train()
        for player, kind in zip(("generator", "discriminator"), NETWORKS["sngan"], strict=False)
    ]
    generator, discriminator = players
    # PyTorch adds epsilon behind the correction of the bias and Keras before it, so that it must not count; but what is 0 up
    # to rounding, such as the gradient of a bias in front of batch norm, must stay so.
    rates = {"lr": 2e-4, "betas": (0.0, 0.9), "eps": 1e-12}
    optimizers = [torch.optim.Adam(player.parameters(), **rates) for player in players]
    latents = []
    generator.generate_images = lambda num_images, device=None: generator(latents.pop(0))
    for step in range(3):
        images, *noise = (torch.tensor(a) for a in step_inputs(step))
        latents += noise
        batch, log = (images, None), NoLog()
        discriminator.train_step(real_batch=batch, netG=generator, optD=optimizers[1], log_data=log)
        generator.train_step(real_batch=batch, netD=discriminator, optG=optimizers[0], log_data=log)
    arrays = {}
    for name, player in zip(("generator", "discriminator"), players, strict=True):
        for key, value in player.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                value = value.numpy().ravel()
                some = value[probed(key, value.size)]
                arrays[f"{name}/after/{key}"] = np.array([value.mean(), np.linalg.norm(value), *some])
    return arrays


def main():
    torch.manual_seed(0)
    arrays = {key: array for name in NETWORKS for key, array in answers(name).items()}
    np.savez_compressed(pathlib.Path(__file__).with_name("mimicry.npz"), **arrays, **steps())


if __name__ == "__main__":
    main()
