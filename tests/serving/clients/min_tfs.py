"""Asks by min-tfs-client, which reads typed fields alone and knows no signature but the default."""

import json
import sys

import numpy as np
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray

asked = json.load(sys.stdin)
host, port = asked["grpc"].rsplit(":", 1)
client = TensorServingClient(host=host, port=int(port))
inputs = {"noise": np.float32(asked["noise"]), "labels": np.int32(asked["labels"])}
images = {
    "newest version": client.predict_request(asked["model"], inputs),
    "version 1": client.predict_request(asked["model"], inputs, model_version=1),
}
json.dump(
    {name: tensor_proto_to_ndarray(reply.outputs["images"]).tolist() for name, reply in images.items()}, sys.stdout
)
