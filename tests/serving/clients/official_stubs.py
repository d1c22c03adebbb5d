"""Asks by the stubs of tensorflow-serving-api, for each signature."""

import json
import sys

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

asked = json.load(sys.stdin)
stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(asked["grpc"]))


def predict(signature, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = asked["model"], signature
    for name, (value, dtype) in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value, dtype))
    return stub.Predict(request, timeout=60).outputs


labels = (asked["labels"], tf.int32)
draw = {
    "seed": (asked["seeds"], tf.int64),
    "truncation": ([float("inf")] * len(asked["seeds"]), tf.float32),
    "labels": labels,
}
images = {
    "serving_default": predict("serving_default", noise=(asked["noise"], tf.float32), labels=labels)["images"],
    "sample": predict("sample", **draw)["images"],
}
pngs = tf.make_ndarray(predict("png", **draw)["png_bytes"])
images = {name: tf.make_ndarray(tensor).tolist() for name, tensor in images.items()}
json.dump({**images, "png": [tf.io.decode_png(png).numpy().tolist() for png in pngs]}, sys.stdout)
