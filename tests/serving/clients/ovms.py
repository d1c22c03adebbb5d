"""Asks by ovmsclient over gRPC and REST, which needs a version's number and knows no signature but the default."""

import json
import sys

import numpy as np
import ovmsclient

asked = json.load(sys.stdin)
inputs = {"noise": np.float32(asked["noise"]), "labels": np.int32(asked["labels"])}
images = {}
for protocol, make in (("grpc", ovmsclient.make_grpc_client), ("rest", ovmsclient.make_http_client)):
    client = make(asked[protocol])
    assert client.get_model_status(asked["model"], 1)[1]["state"] == "AVAILABLE"
    if protocol == "grpc":  # over REST it looks for "modelSpec", where TensorFlow Serving writes "model_spec"
        assert sorted(client.get_model_metadata(asked["model"], 1)["inputs"]) == ["labels", "noise"]
    images[protocol] = client.predict(inputs, asked["model"], 1).tolist()
json.dump(images, sys.stdout)
