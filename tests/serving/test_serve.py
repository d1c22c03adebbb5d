"""The embedded server: TF Serving's calls and status codes, through the official stubs, an HTTP client and curl."""

import asyncio
import base64
import datetime
import gc
import ipaddress
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest.mock
import urllib.request
from pathlib import Path

import grpc
import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from tests.small_server import (
    Gate,
    draws,
    refusal,
    request,
    running,
    save_picks,
    spec,
    tensorflow_serving,
    wait_for,
)
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.saved_model import version_folder
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.serving import config_messages
from tfgan_zoo.serving.server import application, configuration, manager, rpc
from tfgan_zoo.serving.server import servable as servables
from tfgan_zoo.serving.server.application import Options, Server, serve
from tfgan_zoo.serving.server.batching import split_outputs
from tfgan_zoo.serving.server.monitoring import Metrics
from tfgan_zoo.serving.server.status import MAX_MESSAGE_LENGTH, StatusError

ROOT = Path(__file__).resolve().parents[2]
CARD = {"summary": "A test.", "scores": []}
SMALL = configuration.BatchSettings(sizes=(1, 2, 4, 8), threads=1, max_enqueued=2, extra_runs=0)


def toy_module():
    noise = keras.Input([4], name="noise")
    h = keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16, activation="tanh")(noise))
    return ExportedGenerator(keras.Model({"noise": noise}, h, name="generator"), Prior(4))


def save_sums(folder):
    """Another library's model: the sum of each row, of any width."""
    module = tf.Module()
    module.sum = tf.function(lambda x: {"sum": tf.reduce_sum(x, axis=1)})
    signature = module.sum.get_concrete_function(x=tf.TensorSpec([None, None], tf.float32))
    tf.saved_model.save(module, str(folder), signatures={"serving_default": signature})


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A version folder to copy."""
    keras.utils.set_random_seed(0)
    return version_folder.write_version(toy_module(), tmp_path_factory.mktemp("export") / "toy", CARD)


@pytest.fixture(scope="module")
def light(toy, tmp_path_factory):
    """The same without warm-up requests, which take longer than loading."""
    folder = tmp_path_factory.mktemp("light") / "toy"
    shutil.copytree(toy, folder, ignore=shutil.ignore_patterns("assets.extra"))
    return folder


@pytest.fixture(scope="module")
def zoo(light, tmp_path_factory):
    """The models toy, with versions 1 and 2, and picks."""
    folder = tmp_path_factory.mktemp("zoo")
    for number in (1, 2):
        shutil.copytree(light, folder / "toy" / str(number))
    save_picks(folder / "picks" / "1")
    (folder / "notes").mkdir()
    return folder


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A server with a generator of three classes."""
    noise, labels = keras.Input([4], name="noise"), keras.Input([], dtype="int32", name="labels")
    h = keras.layers.Dense(16, activation="tanh")(noise) + keras.layers.Embedding(3, 16)(labels)
    network = keras.Model({"noise": noise, "labels": labels}, keras.layers.Reshape((4, 4, 1))(h), name="generator")
    zoo = tmp_path_factory.mktemp("conditional")
    version_folder.write_version(ExportedGenerator(network, Prior(4, num_classes=3)), zoo / "classes", CARD)
    with running(zoo=zoo, batching=SMALL) as server:
        yield server


def config_text(zoo, *models):
    """The text of models.config; each model is (name, folder, more fields)."""
    lines = "".join(
        f'config {{ name: "{name}" base_path: "{zoo / folder}" model_platform: "tensorflow" {more} }}\n'
        for name, folder, more in models
    )
    return f"model_config_list {{ {lines} }}"


BOTH = "model_version_policy { all {} }"
LABELLED = BOTH + ' version_labels { key: "stable" value: 1 }'


@pytest.fixture(scope="module")
def server(zoo, tmp_path_factory):
    file = tmp_path_factory.mktemp("config") / "models.config"
    file.write_text(config_text(zoo, ("toy", "toy", LABELLED), ("picks", "picks", "")))
    with running(
        zoo=zoo, model_config=file, batching=SMALL, allow_unavailable_labels=True, max_request_bytes=100_000
    ) as running_server:
        yield running_server


def direct(folder, signature, **inputs):
    loaded = tf.saved_model.load(str(folder))
    tensors = {name: tf.constant(value, dtype) for name, (dtype, value) in inputs.items()}
    return {key: value.numpy() for key, value in loaded.signatures[signature](**tensors).items()}


# Answers of this server and, with Docker, of TensorFlow Serving (pytest -m docker).

EMBEDDED_ONLY = {
    "no rows",
    "too many bytes",
    "deep",
    "elsewhere",
    "a bool for a number",
    "beyond float",
}  # refused by this server only, or with another status


@pytest.fixture(scope="module", params=["embedded", pytest.param("tensorflow_serving", marks=pytest.mark.docker)])
def either(request, zoo, tmp_path_factory):
    """`Clients` of a server of `zoo`: the embedded one or TensorFlow Serving itself."""
    if request.param == "embedded":
        yield request.getfixturevalue("server")
        return
    folder = tmp_path_factory.mktemp("settings")
    (folder / "models.config").write_text(config_text(zoo, ("toy", "toy", LABELLED), ("picks", "picks", "")))
    sizes = "".join(f"allowed_batch_sizes: {size} " for size in SMALL.sizes)
    batching = f"max_batch_size {{ value: {SMALL.sizes[-1]} }} num_batch_threads {{ value: 1 }} {sizes}"
    (folder / "batching.config").write_text(batching)
    flags = (
        f"--model_config_file={folder / 'models.config'}",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_batching=true",
        "--enable_grpc_healthcheck_service=true",
        f"--batching_parameters_file={folder / 'batching.config'}",
    )
    with tensorflow_serving([zoo, folder], *flags) as clients:
        yield clients


def check(server, actual, expected):
    """Bit-equal, or equal to float32 rounding for another TensorFlow, whose encoded images are not compared."""
    if server.exact:
        np.testing.assert_array_equal(actual, expected)
    elif expected.dtype != object:
        np.testing.assert_allclose(actual, expected, atol=1 if expected.dtype == np.uint8 else 1e-5)


def skip_embedded_only(server, case):
    if case in EMBEDDED_ONLY and not server.exact:
        pytest.skip("TensorFlow Serving has no such rule")


def test_predict_returns_the_saved_models_outputs_in_typed_fields(either, zoo):
    for signature in ("sample", "latents", "png"):
        reply = either.predict.Predict(request(signature=signature, **draws(3, 4)))
        expected = direct(zoo / "toy" / "2", signature, **draws(3, 4))
        assert (reply.model_spec.name, reply.model_spec.version.value) == ("toy", 2)
        assert reply.model_spec.signature_name == signature
        assert set(reply.outputs) == set(expected)
        for key, value in expected.items():
            check(either, tf.make_ndarray(reply.outputs[key]), value)
            assert not reply.outputs[key].tensor_content
            field = {"uint8": "int_val", "float32": "float_val", "object": "string_val"}[value.dtype.name]
            assert len(getattr(reply.outputs[key], field)) == value.size


def test_the_default_signature_is_serving_default_and_a_filter_selects_outputs(either):
    reply = either.predict.Predict(request(signature="", only=["images"], noise=("float32", np.zeros([2, 4]))))
    assert reply.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(reply.outputs["images"]).shape == (2, 4, 4, 1)


def test_versions_are_selected_by_number_by_label_and_as_the_latest(either):
    for version, number in (({"version": 1}, 1), ({"version": 2}, 2), ({"label": "stable"}, 1), ({}, 2)):
        assert either.predict.Predict(request(**version, **draws(1))).model_spec.version.value == number
    body = {"signature_name": "sample", "instances": [{"seed": 1, "truncation": 1}]}
    status, reply = either.rest("/v1/models/toy/labels/stable:predict", body)
    assert status == 200
    assert len(reply["predictions"]) == 1


def test_rest_returns_rows_for_rows_and_columns_for_columns(either, zoo):
    expected = direct(zoo / "toy" / "1", "sample", **draws(3, 4))["images"]
    rows = {"signature_name": "sample", "instances": [{"seed": 3, "truncation": 1e9}, {"seed": 4, "truncation": 1e9}]}
    columns = {"signature_name": "sample", "inputs": {"seed": [3, 4], "truncation": [np.inf, np.inf]}}
    path = "/v1/models/toy/versions/1:predict"
    check(either, either.rest(path, rows)[1]["predictions"], expected)
    check(either, either.rest(path, columns)[1]["outputs"], expected)


def test_rest_accepts_plain_values_for_the_only_input_and_returns_bytes_as_base64(either, zoo):
    noise = np.arange(8).reshape(2, 4) / 10
    expected = direct(zoo / "toy" / "1", "serving_default", noise=("float32", noise))["images"]
    for body, key in (({"instances": noise.tolist()}, "predictions"), ({"inputs": noise.tolist()}, "outputs")):
        status, reply = either.rest("/v1/models/toy:predict", body)
        assert status == 200
        check(either, np.float32(reply[key]), expected)
    body = {"signature_name": "png", "instances": [{"seed": 3, "truncation": 1}]}
    png = either.rest("/v1/models/toy:predict", body)[1]["predictions"][0]["b64"]
    assert tf.io.decode_png(base64.b64decode(png)).shape == (4, 4, 1)


def test_metadata_are_the_signatures_in_the_file(either, zoo):
    message = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec("toy"), metadata_field=["signature_def"])
    reply = either.predict.GetModelMetadata(message)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(signatures)
    assert reply.model_spec.version.value == 2
    assert {"serving_default", "sample", "png", "latents"} <= set(signatures.signature_def)
    seed = signatures.signature_def["sample"].inputs["seed"]
    assert (seed.dtype, [d.size for d in seed.tensor_shape.dim]) == (types_pb2.DT_INT64, [-1])
    status, reply = either.rest("/v1/models/toy/metadata")
    assert status == 200
    assert reply["model_spec"] == {"name": "toy", "signature_name": "", "version": "2"}
    assert reply["metadata"]["signature_def"]["signature_def"]["sample"]["inputs"]["seed"]["dtype"] == "DT_INT64"


def test_status_lists_versions_the_newest_first(either):
    reply = either.models.GetModelStatus(get_model_status_pb2.GetModelStatusRequest(model_spec=spec("toy")))
    assert [(v.version, v.state, v.status.error_code) for v in reply.model_version_status] == [(2, 30, 0), (1, 30, 0)]
    one = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert either.rest("/v1/models/toy/versions/1") == (200, {"model_version_status": [one]})


def test_health_is_serving(either):
    stub = health_pb2_grpc.HealthStub(either.channel)
    qualified = (
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
    )  # only of the embedded server
    for service in ("", "PredictionService", "ModelService", *(qualified if either.exact else ())):
        assert stub.Check(health_pb2.HealthCheckRequest(service=service)).status == 1


# Requests that are refused.

ONE = draws(1)
HUGE = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[0.0])
HUGE.tensor_shape.dim.add(size=2**40)
HUGE.tensor_shape.dim.add(size=2**20)
NEGATIVE = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT64)
NEGATIVE.tensor_shape.dim.add(size=-1)
SHORT = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT64, tensor_content=b"1234")
SHORT.tensor_shape.dim.add(size=1)
RANKLESS = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT64, int64_val=[1])
RANKLESS.tensor_shape.unknown_rank = True
NO_SUCH_TYPE = tensor_pb2.TensorProto(dtype=77)
BOUND = ("float32", [1.0])
TABLE = {
    "unknown model": (request("x", **ONE), "NOT_FOUND", r"Servable not found for request: Latest\(x\)"),
    "unknown version": (request(version=9, **ONE), "NOT_FOUND", r"Servable not found for request: Specific\(toy, 9\)"),
    "no model_spec": (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    "no name": (request("", **ONE), "INVALID_ARGUMENT", "no name"),
    "a name that climbs": (request("../toy", **ONE), "NOT_FOUND", "Servable not found"),
    "unknown label": (request(label="canary", **ONE), "INVALID_ARGUMENT", "Unrecognized servable version label: canary"),
    "unknown signature": (request(signature="foo", **ONE), "FAILED_PRECONDITION", 'Serving signature key "foo" not found'),
    "missing input": (request(seed=("int64", [1])), "INVALID_ARGUMENT", r"input size does not match.*required: \{truncation\}"),
    "extra input": (request(z=BOUND, **ONE), "INVALID_ARGUMENT", r"input size does not match.*Sent extra: \{z\}"),
    "wrong alias": (request(sed=("int64", [1]), truncation=BOUND), "INVALID_ARGUMENT", r"extra: \{sed\}.*: \{seed\}"),
    "bad filter": (request(only=["x"], **ONE), "INVALID_ARGUMENT", "output tensor alias not found in signature: x"),
    "double filter": (request(only=["images"] * 2, **ONE), "INVALID_ARGUMENT", "duplicate output tensor alias: images"),
    "wrong dtype": (
        request(signature="", noise=("float64", np.zeros([1, 4]))), "INVALID_ARGUMENT",
        r"Expects arg\[0\] to be float but double is provided",
    ),
    "no such dtype": (request(seed=NO_SUCH_TYPE, truncation=BOUND), "INVALID_ARGUMENT", r"arg\[0\] to be int64"),
    "wrong shape": (request(signature="", noise=("float32", np.zeros([1, 5]))), "INVALID_ARGUMENT", r"shape \[1, 5\]"),
    "wrong rank": (request(signature="", noise=("float32", [0.0])), "INVALID_ARGUMENT", "to have shape"),
    "a scalar": (request(seed=("int64", 1), truncation=BOUND), "INVALID_ARGUMENT", "at least one dimension"),
    "no rows": (request(signature="", noise=("float32", np.zeros([0, 4]))), "INVALID_ARGUMENT", "at least one row"),
    "unequal rows": (request(seed=("int64", [1, 2]), truncation=BOUND), "INVALID_ARGUMENT", "equal 0th-dimension"),
    "too many rows": (request(**draws(*range(9))), "INVALID_ARGUMENT", "Task size 9 is larger than maximum input batch size 8"),
    "a huge shape": (request(signature="", noise=HUGE), "INVALID_ARGUMENT", "to have shape"),
    "a negative shape": (request(seed=NEGATIVE, truncation=BOUND), "INVALID_ARGUMENT", "to have shape"),
    "too few bytes": (request(seed=SHORT, truncation=BOUND), "INVALID_ARGUMENT", "tensor parsing error: seed"),
    "no rank": (request(seed=RANKLESS, truncation=BOUND), "INVALID_ARGUMENT", "shape is unknown"),
    "a value that fails": (
        request("picks", signature="", row=("int32", [99])), "INVALID_ARGUMENT", r"99 is not in \[0, 3\)",
    ),
    "too many bytes": (request(**draws(*range(20_000))), "RESOURCE_EXHAUSTED", "larger than max"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_a_bad_predict_request_gets_tf_servings_status(either, case):
    skip_embedded_only(either, case)
    bad, code, words = TABLE[case]
    actual, message = refusal(either.predict.Predict, bad)
    assert actual == code
    assert re.search(words, message) or not either.exact, message
    assert either.predict.Predict(request(**ONE)).model_spec.version.value == 2


def test_other_bad_calls_get_tf_servings_status(either):
    metadata, status = get_model_metadata_pb2.GetModelMetadataRequest, get_model_status_pb2.GetModelStatusRequest
    for call, message, code, words in (
        (either.models.GetModelStatus, status(model_spec=spec("x")), "NOT_FOUND", "any versions of model x"),
        (either.models.GetModelStatus, status(model_spec=spec("toy", version=9)), "NOT_FOUND", "version 9 of model toy"),
        (either.models.GetModelStatus, status(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (either.predict.GetModelMetadata, metadata(model_spec=spec("toy")), "INVALID_ARGUMENT", "at least one metadata_field"),
        (either.predict.GetModelMetadata, metadata(model_spec=spec("toy"), metadata_field=["x"]), "INVALID_ARGUMENT", "x is not"),
        (either.predict.GetModelMetadata, metadata(model_spec=spec("x"), metadata_field=["signature_def"]), "NOT_FOUND", "Latest"),
        (either.predict.Classify, classification_pb2.ClassificationRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    ):  # fmt: skip
        actual, details = refusal(call, message)
        assert actual == code
        assert re.search(words, details) or not either.exact, details


SEEDS = {"seed": 1, "truncation": 1}
REST_TABLE = {
    "unknown model": ("/v1/models/x:predict", {"instances": [SEEDS]}, 404, "Servable not found for request: Latest"),
    "unknown version": ("/v1/models/toy/versions/9:predict", {"instances": [SEEDS]}, 404, r"Specific\(toy, 9\)"),
    "endless version": (f"/v1/models/toy/versions/{'9' * 30}:predict", {}, 400, "to numeric"),
    "unknown label": ("/v1/models/toy/labels/x:predict", {"instances": [SEEDS]}, 400, "Unrecognized servable version label"),
    "unknown signature": ("", {"signature_name": "foo", "instances": [SEEDS]}, 400, '"foo" not found in signature def'),
    "signature of another kind": ("", {"signature_name": 3, "instances": [SEEDS]}, 400, "must be a string"),
    "no JSON": ("", b"{", 400, "JSON Parse error"),
    "nothing": ("", b"", 400, "JSON Parse error"),
    "no text": ("", b"\xff\xfe\x00", 400, "JSON Parse error"),
    "deep": ("", b"[" * 90_000, 400, "JSON Parse error: nested too deeply"),
    "a list": ("", [1], 400, "must be a JSON object"),
    "neither": ("", {"x": 1}, 400, "'instances' or 'inputs'"),
    "both": ("", {"instances": [SEEDS], "inputs": {}}, 400, "'instances' or 'inputs'"),
    "no rows": ("", {"signature_name": "sample", "instances": []}, 400, "non-empty list"),
    "missing input": ("", {"signature_name": "sample", "instances": [{"seed": 1}]}, 400, "input size does not match"),
    "uneven rows": ("", {"signature_name": "sample", "instances": [SEEDS, {"seed": 1}]}, 400, "same names"),
    "plain for two": ("", {"signature_name": "sample", "inputs": [1, 2]}, 400, "2 names"),
    "wrong type": ("", {"signature_name": "sample", "instances": [{**SEEDS, "seed": 1.5}]}, 400, "not of expected type: int"),
    "a bool for a number": ("", {"signature_name": "sample", "instances": [{**SEEDS, "seed": True}]}, 400, "True"),
    "beyond int64": ("", {"signature_name": "sample", "instances": [{**SEEDS, "seed": 2**70}]}, 400, "beyond int64"),
    "beyond float": ("", {"instances": [[1e300, 0, 0, 0]]}, 400, "loss of precision"),
    "ragged": ("", {"instances": [[0, 0, 0, 0], [0, 0]]}, 400, "unexpected size"),
    "wrong shape": ("", {"instances": [[0, 0, 0]]}, 400, r"shape \[1, 3\]"),
    "too deep": ("", {"instances": [[[0], [0], [0], [0]]]}, 400, "not of expected type: float"),
    "too many rows": ("", {"instances": [[0, 0, 0, 0]] * 9}, 400, "Task size 9 is larger"),
    "no such path": ("/v1/models/toy:guess", {}, 400, "Malformed request"),
    "classify": ("/v1/models/toy:classify", {}, 400, "classify"),
    "elsewhere": ("/x", {}, 404, "Not Found"),
    "too many bytes": ("", b" " * 200_000, 413, "Too Large"),
}  # fmt: skip


@pytest.mark.parametrize("case", REST_TABLE)
def test_a_bad_rest_request_gets_tf_servings_status(either, case):
    skip_embedded_only(either, case)
    path, body, code, words = REST_TABLE[case]
    bad = {"raw": body} if type(body) is bytes else {"body": body}
    actual, reply = either.rest(path or "/v1/models/toy:predict", **bad)
    assert actual == code
    assert list(reply) == ["error"]
    assert re.search(words, reply["error"]) or not either.exact, reply


@pytest.mark.parametrize("header", ["Content-Encoding: gzip\r\nContent-Length: 2", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_match_its_encoding_is_a_bad_request_without_a_traceback(server, header, caplog):
    with socket.create_connection(("127.0.0.1", server.server.rest_port), timeout=20) as client:
        client.sendall(f"POST /v1/models/toy:predict HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\nxx\r\n".encode())
        assert re.match(rb"HTTP/1\.[01] 400 ", client.recv(1000))
        while client.recv(1000):  # until the server closes the connection
            pass
    assert not [record for record in caplog.records if record.exc_info]


def test_bad_status_and_metadata_requests_over_rest(either):
    assert either.rest("/v1/models/x")[0] == 404
    assert either.rest("/v1/models/toy/versions/9") == (404, {"error": "Could not find version 9 of model toy"})
    assert either.rest("/v1/models/x/metadata")[0] == 404
    assert either.rest("/v1/models/..%2Ftoy")[0] in (400, 404)


def test_curl_is_answered(either):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    body = json.dumps({"signature_name": "sample", "instances": [SEEDS]})
    command = ["curl", "-s", "-w", "\n%{http_code}", "-d", body, f"{either.url}/v1/models/toy:predict"]
    *reply, code = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert code == "200"
    assert np.shape(json.loads("\n".join(reply))["predictions"]) == (1, 4, 4, 1)


def test_a_message_is_truncated_at_1024_characters():
    assert StatusError(grpc.StatusCode.INTERNAL, "x" * MAX_MESSAGE_LENGTH).message == "x" * 1024
    assert StatusError(grpc.StatusCode.INTERNAL, "x" * 1025).message == "x" * 1024 + "...TRUNCATED"


def test_random_bytes_get_a_status_and_do_no_harm(server):
    generator = random.Random(0)
    send = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")  # sends raw bytes
    good = request(**draws(1, 2)).SerializeToString()
    codes = set()
    for number in range(150):
        raw = bytearray(good if number % 3 else generator.randbytes(200))
        for _ in range(generator.randrange(1, 6)):
            raw[generator.randrange(len(raw))] = generator.randrange(256)
        try:
            send(bytes(raw), timeout=20)
            codes.add("OK")
        except grpc.RpcError as error:
            codes.add(error.code().name)
    assert codes <= {
        "OK",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "FAILED_PRECONDITION",
        "INTERNAL",
    }  # INTERNAL: not a protobuf message
    assert {"INVALID_ARGUMENT", "INTERNAL"} <= codes
    for port in (server.server.grpc_port, server.server.rest_port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(generator.randbytes(500) + b"\r\n\r\n")
    assert server.predict.Predict(request(**ONE)).model_spec.version.value == 2


# Batching.


def test_queued_requests_run_together_and_each_gets_its_own_rows(server, zoo):
    seed_lists = [(i, i + 100)[: 1 + i % 2] for i in range(5)]  # 1, 2, 1, 2, 1 rows: seven of the eight that fit
    with Gate(server) as gate:
        first = server.predict.Predict.future(request(**ONE))
        wait_for(lambda: gate.sizes == [1])
        futures = [server.predict.Predict.future(request(**draws(*seeds))) for seeds in seed_lists]
        wait_for(lambda: server.server.batcher.pending == 6)
        gate.open.set()
        replies = [tf.make_ndarray(future.result(30).outputs["images"]) for future in futures]
        first.result(30)
    assert gate.sizes == [1, 5]
    for seeds, images in zip(seed_lists, replies, strict=True):
        np.testing.assert_array_equal(images, direct(zoo / "toy" / "2", "sample", **draws(*seeds))["images"])


def test_a_thread_takes_its_share_of_the_queue_and_leaves_the_rest_to_the_others(zoo):
    batching = configuration.BatchSettings(sizes=configuration.even_batch_sizes(8), threads=2, extra_runs=0)
    with running(zoo=zoo, batching=batching) as server, Gate(server) as gate:
        futures = []
        for seed in range(8):  # the first two run alone
            futures.append(server.predict.Predict.future(request(**draws(seed))))
            wait_for(lambda number=seed + 1: server.server.batcher.pending == number)
        gate.open.set()
        for seed, future in enumerate(futures):
            images = tf.make_ndarray(future.result(30).outputs["images"])
            np.testing.assert_array_equal(images, direct(zoo / "toy" / "2", "sample", **draws(seed))["images"])
    assert gate.sizes[:2] == [1, 1]
    assert gate.sizes[2] in (3, 4)  # half of the requests not answered by then
    assert sum(gate.sizes) == 8
    assert not server.server.batcher.rows


def test_a_value_that_fails_in_the_graph_fails_only_its_own_request(server):
    def pick(row):
        return request("picks", "", row=("int32", [row]))

    with Gate(server) as gate:
        first = server.predict.Predict.future(request(**ONE))
        wait_for(lambda: gate.sizes == [1])
        futures = [server.predict.Predict.future(pick(row)) for row in (0, 99, 2)]
        wait_for(lambda: server.server.batcher.pending == 4)
        gate.open.set()
        assert refusal(futures[1].result, 30)[0] == "INVALID_ARGUMENT"
        assert [tf.make_ndarray(futures[i].result(30).outputs["value"]) for i in (0, 2)] == [0.5, 2.5]
        assert first.result(30).outputs["images"].int_val
    assert gate.sizes[:2] == [1, 3]


def test_requests_with_rows_of_different_widths_run_one_by_one(tmp_path):
    save_sums(tmp_path / "sums" / "1")
    with running(zoo=tmp_path, batching=SMALL) as server, Gate(server) as gate:
        futures = []
        for number, width in enumerate((1, 3, 4, 3), 1):
            futures.append(server.predict.Predict.future(request("sums", "", x=("float32", np.ones([1, width])))))
            wait_for(lambda number=number: server.server.batcher.pending == number)
        gate.open.set()
        assert [float(tf.make_ndarray(f.result(30).outputs["sum"])[0]) for f in futures] == [1, 3, 4, 3]
    assert gate.sizes[:2] == [1, 3]


def test_a_full_queue_is_unavailable_and_queued_requests_are_answered(server):
    with Gate(server) as gate:
        futures = [server.predict.Predict.future(request(**ONE))]
        wait_for(lambda: gate.sizes == [1])
        futures += [
            server.predict.Predict.future(request(**draws(*range(8)))) for _ in range(2)
        ]  # the maximum of two batches
        wait_for(lambda: server.server.batcher.pending == 3)
        code, message = refusal(server.predict.Predict, request(**draws(*range(8))))
        assert (code, "queue to which this task was submitted is full" in message) == ("UNAVAILABLE", True)
        gate.open.set()
        assert [len(future.result(30).outputs) for future in futures] == [1, 1, 1]


def test_a_request_past_its_deadline_is_not_computed(server):
    with Gate(server) as gate:
        first = server.predict.Predict.future(request(**ONE))
        wait_for(lambda: gate.sizes == [1])
        code, _ = refusal(server.predict.Predict, request(**ONE), timeout=0.2)
        assert code in ("DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")  # raised by the client, or by the queue
        wait_for(lambda: server.server.batcher.pending == 1)
        gate.open.set()
        first.result(30)
    assert gate.sizes == [1]


def test_a_rest_request_times_out(zoo):
    with running(zoo=zoo, batching=SMALL, rest_timeout=0.3) as server, Gate(server) as gate:
        body = {"instances": [[0, 0, 0, 0]]}
        waiting = server.predict.Predict.future(request(**ONE))
        wait_for(lambda: gate.sizes == [1])
        status, reply = server.rest("/v1/models/toy:predict", body)
        assert (status, "exceeded while waiting in batching queue" in reply["error"]) == (429, True)
        gate.open.set()
        waiting.result(30)
        gate.open.clear()
        assert server.rest("/v1/models/toy:predict", body)[0] == 504


def test_padding_repeats_a_row_up_to_the_next_size(server):
    runs = []
    signature = server.server.manager.find(spec("toy")).signatures["sample"]
    run = signature.run
    signature.run = lambda arrays: runs.append(arrays["seed"].tolist()) or run(arrays)
    try:
        reply = server.predict.Predict(request(**draws(7, 8, 9, 10, 11)))
    finally:
        del signature.run
    assert runs == [[7, 8, 9, 10, 11, 7, 7, 7]]
    assert tf.make_ndarray(reply.outputs["images"]).shape[0] == 5


@pytest.mark.parametrize("value", [np.float32(1), np.zeros([3, 4])])
def test_an_output_without_one_row_per_input_row_is_a_failed_precondition(value):
    with pytest.raises(StatusError, match="Batched output tensor images has shape") as caught:
        split_outputs({"images": value}, [], 2)
    assert caught.value.code.name == "FAILED_PRECONDITION"


def test_a_reply_above_the_clients_own_limit_is_resource_exhausted(server):
    with grpc.insecure_channel(server.address, [("grpc.max_receive_message_length", 50)]) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        code, message = refusal(stub.Predict, request(**draws(*range(8))))
    assert (code, "larger than max" in message) == ("RESOURCE_EXHAUSTED", True)


def test_a_batch_waits_for_its_timeout_unless_it_is_full(zoo):
    with running(zoo=zoo, batching=configuration.BatchSettings(sizes=(1, 2, 4), timeout=0.4, threads=1)) as server:
        start = time.monotonic()
        server.predict.Predict(request(**ONE))
        assert time.monotonic() - start > 0.4
        start = time.monotonic()
        server.predict.Predict(request(**draws(1, 2, 3, 4)))
        assert time.monotonic() - start < 0.4


def test_metrics_count_under_tf_servings_names(server):
    server.predict.Predict(request(**draws(1, 2, 3)))
    refusal(server.predict.Predict, request("no\nsuch", **ONE))
    with urllib.request.urlopen(f"{server.url}/monitoring/prometheus/metrics") as reply:
        lines = reply.read().decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    name = ":tensorflow:serving:"
    assert int(values[f'{name}request_count{{model_name="toy",status="OK"}}']) >= 1
    assert int(values[f'{name}request_count{{model_name="",status="NOT_FOUND"}}']) >= 1
    assert not [key for key in values if "no" + "such" in key.replace("\\n", "")]  # invented names leave no trace
    latency = f'{name}request_latency_{{}}{{{{model_name="toy",API="Predict",entrypoint="GRPC"}}}}'
    assert float(values[latency.format("sum")]) > int(values[latency.format("count")])  # more than 1 us each
    assert int(values[f"{name}batching_session:input_batch_size_count"]) >= 1
    assert f'{name}batching_session:padding_size_bucket{{execution_batch_size="4",le="1"}}' in values
    for metric in ("runtime_latency", "model_warmup_latency", "batching_session:queuing_latency"):
        assert f"# TYPE {name}{metric} histogram" in lines
    assert f"# TYPE {name}request_count counter" in lines


# Versions.


def states(server, name):
    try:
        reply = server.models.GetModelStatus(get_model_status_pb2.GetModelStatusRequest(model_spec=spec(name)))
    except grpc.RpcError:
        return {}
    return {v.version: (v.state, v.status.error_code) for v in reply.model_version_status}


def publish(source, base, number):
    """As an export does: to a temporary folder, which is then renamed."""
    base.mkdir(exist_ok=True)
    shutil.copytree(source, base / f".tmp-{number}")
    os.rename(base / f".tmp-{number}", base / str(number))


def test_versions_are_swapped_under_load_and_a_broken_one_leaves_the_old_one_serving(light, tmp_path):
    publish(light, tmp_path / "toy", 1)
    with running(zoo=tmp_path, batching=SMALL) as server:
        answered, asking = [], True

        def ask():
            while asking:
                answered.append(server.predict.Predict(request(**ONE)).model_spec.version.value)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(answered) > 10)
        publish(light, tmp_path / "toy", 2)
        wait_for(lambda: states(server, "toy") == {1: (50, 0), 2: (30, 0)})
        (tmp_path / "toy" / "3").mkdir()
        (tmp_path / "toy" / "3" / "saved_model.pb").write_bytes(b"broken")
        wait_for(lambda: states(server, "toy").get(3, (0,))[0] == 50)
        before = len(answered)
        wait_for(lambda: len(answered) > before + 10)
        assert states(server, "toy")[2] == (30, 0)
        assert states(server, "toy")[3][1] != 0
        assert answered[-1] == 2
        shutil.rmtree(tmp_path / "toy" / "3")  # once repaired, it serves
        publish(light, tmp_path / "toy", 3)
        wait_for(lambda: states(server, "toy").get(3) == (30, 0))
        wait_for(lambda: answered[-1] == 3)  # or the threads might stop before they ask once more
        asking = False
        for thread in threads:
            thread.join(30)
        assert set(answered) == {1, 2, 3}
        assert any("toy version 3 is not served" in line for line in server.lines)


def test_a_version_in_use_is_unloaded_once_its_requests_are_answered(light, tmp_path):
    publish(light, tmp_path / "toy", 1)
    with running(zoo=tmp_path, batching=SMALL) as server:
        with Gate(server) as gate:
            running_request = server.predict.Predict.future(request(**ONE))
            wait_for(lambda: gate.sizes == [1])
            publish(light, tmp_path / "toy", 2)
            wait_for(lambda: states(server, "toy") == {1: (40, 0), 2: (30, 0)})
            assert refusal(server.predict.Predict, request(version=1, **ONE))[0] == "NOT_FOUND"
            gate.open.set()
            assert running_request.result(30).model_spec.version.value == 1
        wait_for(lambda: states(server, "toy")[1] == (50, 0))


def test_a_new_model_in_the_zoo_is_served_and_a_deleted_one_is_not(light, tmp_path):
    publish(light, tmp_path / "toy", 1)
    with running(zoo=tmp_path, batching=SMALL) as server:
        publish(light, tmp_path / "other", 1)
        wait_for(lambda: states(server, "other") == {1: (30, 0)})
        shutil.rmtree(tmp_path / "other")
        wait_for(lambda: states(server, "other") == {})
        assert server.predict.Predict(request(**ONE)).model_spec.version.value == 1


def test_folders_that_are_not_versions_stop_neither_the_others_nor_the_polling(light, tmp_path):
    publish(light, tmp_path / "toy", 1)
    os.makedirs(os.fsencode(tmp_path) + b"/x\xff/1")
    with running(zoo=tmp_path, batching=SMALL) as server:
        (tmp_path / "toy" / str(2**63)).mkdir()  # beyond int64, so not a version
        shutil.copytree(light, tmp_path / "toy" / ".loop")
        (tmp_path / "toy" / ".loop" / "me").symlink_to("me")
        os.rename(tmp_path / "toy" / ".loop", tmp_path / "toy" / "2")
        wait_for(lambda: states(server, "toy") == {1: (30, 0), 2: (50, 9)})
        assert "2/me leads outside of the folders" in server.lines[-1]
        publish(light, tmp_path / "toy", 3)
        wait_for(lambda: states(server, "toy").get(3) == (30, 0))


def test_a_file_that_vanishes_while_a_version_is_checked_ends_only_that_attempt(light, tmp_path, monkeypatch):
    publish(light, tmp_path / "toy", 1)
    with running(zoo=tmp_path, batching=SMALL) as server:
        fingerprint, errors = manager.fingerprint, [FileNotFoundError("vanished")]
        monkeypatch.setattr(
            manager, "fingerprint", lambda folder: raise_(errors.pop()) if errors else fingerprint(folder)
        )
        publish(light, tmp_path / "toy", 2)
        wait_for(lambda: states(server, "toy") == {1: (50, 0), 2: (30, 0)})
    assert not errors
    assert any("toy version 2 is not served: INTERNAL" in line for line in server.lines)


def raise_(error):
    raise error


def test_a_model_whose_folder_is_missing_for_a_moment_stays_served(light, tmp_path):
    publish(light, tmp_path / "toy", 1)
    file = tmp_path / "models.config"
    file.write_text(config_text(tmp_path, ("toy", "toy", "")))
    with running(model_config=file, batching=SMALL) as server:
        os.rename(tmp_path / "toy", tmp_path / "away")
        server.call(server.server.manager.poll())
        assert server.predict.Predict(request(**ONE)).model_spec.version.value == 1
        publish(light, tmp_path / "away", 2)
        os.rename(tmp_path / "away", tmp_path / "toy")
        wait_for(lambda: states(server, "toy") == {1: (50, 0), 2: (30, 0)})


def test_a_refused_configuration_is_tried_again(light, tmp_path):
    publish(light, tmp_path / "toy", 1)
    file = tmp_path / "models.config"
    file.write_text(config_text(tmp_path, ("toy", "toy", BOTH)))
    with running(model_config=file, config_poll_seconds=0.05, batching=SMALL) as server:
        file.write_text(config_text(tmp_path, ("toy", "toy", BOTH + ' version_labels { key: "new" value: 2 }')))
        wait_for(lambda: any("Request to assign label new" in line for line in server.lines))
        publish(light, tmp_path / "toy", 2)
        wait_for(lambda: server.server.manager.labels["toy"] == {"new": 2})
        assert server.predict.Predict(request(label="new", **ONE)).model_spec.version.value == 2
    assert sum("Request to assign label new" in line for line in server.lines) == 1  # logged once, tried often


def test_a_reload_completes_when_its_client_disconnects(light, tmp_path):
    publish(light, tmp_path / "toy", 1)
    publish(light, tmp_path / "toy", 2)
    with running(zoo=tmp_path, batching=SMALL) as server, Gate(server) as gate:
        running_request = server.predict.Predict.future(request(**ONE))
        wait_for(lambda: gate.sizes == [1])
        first = config_text(tmp_path, ("toy", "toy", "model_version_policy { specific { versions: 1 } }"))
        assert refusal(reload, server, first, timeout=0.5)[0] == "DEADLINE_EXCEEDED"
        wait_for(lambda: states(server, "toy") == {1: (30, 0), 2: (40, 0)})
        gate.open.set()
        assert running_request.result(30).model_spec.version.value == 2
        wait_for(lambda: states(server, "toy") == {1: (30, 0), 2: (50, 0)})


def reload(server, text, **options):
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    return server.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(config=config), **options)


@pytest.fixture(scope="module")
def labelled(zoo):
    """A server to reload, which serves only version 2 of toy."""
    with running(zoo=zoo, batching=SMALL) as server:
        yield server


def test_a_reload_changes_policy_and_labels_and_models(labelled, zoo):
    only_first = "model_version_policy { specific { versions: 1 } }"
    assert reload(labelled, config_text(zoo, ("toy", "toy", BOTH))).status.error_code == 0
    assert states(labelled, "picks") == {}
    assert {n: s[0] for n, s in states(labelled, "toy").items()} == {1: 30, 2: 30}
    reload(labelled, config_text(zoo, ("toy", "toy", BOTH + ' version_labels { key: "a" value: 1 }')))
    assert labelled.predict.Predict(request(label="a", **ONE)).model_spec.version.value == 1
    reload(labelled, config_text(zoo, ("toy", "toy", BOTH + ' version_labels { key: "a" value: 2 }')))
    assert labelled.predict.Predict(request(label="a", **ONE)).model_spec.version.value == 2
    reload(labelled, config_text(zoo, ("toy", "toy", only_first), ("again", "toy", "")))
    assert labelled.predict.Predict(request(**ONE)).model_spec.version.value == 1
    assert labelled.predict.Predict(request("again", **ONE)).model_spec.version.value == 2


def test_an_invalid_reload_is_refused_and_changes_nothing(labelled, zoo, light, tmp_path):
    reload(labelled, config_text(zoo, ("toy", "toy", "")))
    link = zoo / "notes" / "link"
    link.symlink_to(light.parent)
    entry = 'config {{ name: "toy" base_path: "{}" model_platform: "{}" }}'
    for text, code, words in (
        (config_text(zoo, ("toy", "toy", ""), ("toy", "toy", "")), "INVALID_ARGUMENT", "model toy multiple times"),
        (f"model_config_list {{ {entry.format('toy', 'tensorflow')} }}", "INVALID_ARGUMENT", "absolute path"),
        (f"model_config_list {{ {entry.format(zoo / 'toy', 'torch')} }}", "INVALID_ARGUMENT", "model_platform"),
        (f"model_config_list {{ {entry.format(zoo / 'toy', '')} }}", "INVALID_ARGUMENT", "model_platform"),
        ("custom_model_config {}", "INVALID_ARGUMENT", "model_config_list"),
        ("", "INVALID_ARGUMENT", "model_config_list"),
        (config_text(zoo, ("toy", "toy", 'version_labels { key: "a" value: 1 }')), "FAILED_PRECONDITION", "not currently"),
        (f"model_config_list {{ {entry.format(zoo / '..', 'tensorflow')} }}", "INVALID_ARGUMENT", "outside"),
        (f"model_config_list {{ {entry.format('/etc', 'tensorflow')} }}", "INVALID_ARGUMENT", "outside"),
        (f"model_config_list {{ {entry.format(link, 'tensorflow')} }}", "INVALID_ARGUMENT", "outside"),
    ):  # fmt: skip
        actual, details = refusal(reload, labelled, text)
        assert (actual, bool(re.search(words, details))) == (code, True), (text, details)
        assert labelled.predict.Predict(request(**ONE)).model_spec.version.value == 2
    actual, details = refusal(reload, labelled, config_text(zoo, ("toy", "toy", ""), ("notes", "notes", "")))
    assert (actual, "did not become available: {Latest(notes)}" in details) == ("UNKNOWN", True)
    assert labelled.predict.Predict(request(**ONE)).model_spec.version.value == 2


def test_links_out_of_the_zoo_are_not_followed(light, tmp_path):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    publish(light, zoo / "toy", 1)
    (zoo / "toy" / "2").symlink_to(light)
    shutil.copytree(light, zoo / "toy" / "3")
    (zoo / "toy" / "3" / "README.md").unlink()
    (zoo / "toy" / "3" / "README.md").symlink_to("/etc/hostname")
    (zoo / ".within").mkdir()  # a link within the zoo, to a folder with a link out of it
    (zoo / ".within" / "passwd").symlink_to("/etc/passwd")
    shutil.copytree(light, zoo / "toy" / "4")
    (zoo / "toy" / "4" / "more").symlink_to(zoo / ".within")
    file = tmp_path / "models.config"
    file.write_text(config_text(zoo, ("toy", "toy", BOTH)))
    with running(zoo=zoo, model_config=file, batching=SMALL) as server:
        assert {n: s[0] for n, s in states(server, "toy").items()} == {1: 30, 2: 50, 3: 50, 4: 50}
        assert sum("leads outside of the folders" in line for line in server.lines) == 3


def test_a_link_out_of_the_zoo_is_logged_and_the_rest_is_served(light, tmp_path):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    publish(light, zoo / "toy", 1)
    publish(light, tmp_path / "elsewhere", 1)
    (zoo / "linked").symlink_to(tmp_path / "elsewhere")
    with running(zoo=zoo, batching=SMALL) as server:
        assert [line for line in server.lines if "linked" in line] == [
            f"{zoo}/linked leads outside of {zoo} and is not served."
        ]
        assert states(server, "linked") == {}
        assert states(server, "toy") == {1: (30, 0)}


@pytest.mark.parametrize(
    ("signature", "inputs", "refused", "words"),
    [
        ("sample", draws(7), (-2, 3), "expected 0 to 2, or -1 to draw one by seed"),
        ("serving_default", {"noise": ("float32", [[0.0] * 4])}, (-1, 3), "expected 0 to 2"),
    ],
)
def test_a_label_that_is_not_a_class_is_refused_before_the_run(conditional, signature, inputs, refused, words):
    for label in refused:
        message = request("classes", signature, labels=("int32", [label]), **inputs)
        error = f"label {label} is not a class of classes; {words}"
        assert refusal(conditional.predict.Predict, message) == ("INVALID_ARGUMENT", error)
    message = request("classes", signature, labels=("int32", [refused[0] + 1]), **inputs)
    assert conditional.predict.Predict(message).outputs


@pytest.mark.parametrize("bound", [float("nan"), -0.5])
def test_a_truncation_that_is_no_bound_is_refused_before_the_run(conditional, bound):
    """It made black images, with status 0."""
    inputs = {**draws(7), "labels": ("int32", [0])}
    message = request("classes", "sample", **{**inputs, "truncation": ("float32", [bound])})
    error = f"truncation {bound:g}: expected 0 or more; an infinite one turns truncation off"
    assert refusal(conditional.predict.Predict, message) == ("INVALID_ARGUMENT", error)
    body = {name: values for name, (_, values) in inputs.items()} | {"truncation": [bound]}
    status, answer = conditional.rest("/v1/models/classes:predict", {"signature_name": "sample", "inputs": body})
    assert (status, answer) == (400, {"error": error})


def test_a_zoo_or_a_model_without_versions_is_reported_at_the_start(tmp_path):
    (tmp_path / "toy").mkdir()
    with running(zoo=tmp_path, batching=SMALL) as server:
        assert any("contains no exports such as" in line for line in server.lines)
    file = tmp_path / "models.config"
    file.write_text(config_text(tmp_path, ("toy", "toy", "")))
    with running(model_config=file, batching=SMALL) as server:
        assert any(f"no versions, such as {tmp_path}/toy/1" in line for line in server.lines)
    file.write_text("")
    with pytest.raises(ZooError, match="expected model_config_list"), running(model_config=file, batching=SMALL):
        pass


def test_a_label_at_the_start_needs_the_flag(zoo, tmp_path):
    file = tmp_path / "models.config"
    file.write_text(config_text(zoo, ("toy", "toy", LABELLED)))
    with (
        pytest.raises(ZooError, match="allow_version_labels_for_unavailable_models"),
        running(zoo=zoo, model_config=file, batching=SMALL),
    ):
        pass


# Loading.


def test_an_untrusted_folder_and_a_failing_warm_up_end_the_load(toy, tmp_path):
    def refuse(folder):
        raise ZooError("files were changed")

    with pytest.raises(StatusError, match="files were changed") as caught:
        servables.load("toy", 1, toy, refuse, Metrics())
    assert caught.value.code.name == "FAILED_PRECONDITION"
    with pytest.raises(StatusError, match="Could not find SavedModel") as caught:
        servables.load("toy", 1, tmp_path, lambda folder: None, Metrics())
    assert caught.value.code.name == "NOT_FOUND"
    publish(toy, tmp_path / "toy", 1)
    log = prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request(seed=("int64", [1])))
    )
    with tf.io.TFRecordWriter(str(tmp_path / "toy" / "1" / servables.WARM_UP)) as writer:
        writer.write(log.SerializeToString())
    metrics = Metrics()
    with pytest.raises(StatusError, match="input size does not match"):
        servables.load("toy", 1, tmp_path / "toy" / "1", lambda folder: None, metrics)
    assert ',status="INVALID_ARGUMENT"' in metrics.text()


def test_warm_up_requests_are_run(toy, monkeypatch):
    runs = []
    run = servables.Signature.run
    monkeypatch.setattr(
        servables.Signature,
        "run",
        lambda self, a: runs.append((self.name, len(next(iter(a.values()))))) or run(self, a),
    )
    servables.load("toy", 1, toy, lambda folder: None, Metrics())
    assert set(runs) == {(s, b) for s in ("serving_default", "sample", "png", "latents") for b in (1, 8)}


# Settings.


def test_tf_servings_files_are_read(tmp_path):
    file = tmp_path / "x.config"
    file.write_text("max_batch_size { value: 16 } batch_timeout_micros { value: 5000 } max_enqueued_batches { value: 3 } "
                    "num_batch_threads { value: 2 } allowed_batch_sizes: 4 allowed_batch_sizes: 16")  # fmt: skip
    assert configuration.batch_settings(file) == configuration.BatchSettings((4, 16), 0.005, 3, 2)
    file.write_text("max_batch_size { value: 9 }")
    assert configuration.batch_settings(file).sizes == (1, 2, 4, 6, 8, 9)
    file.write_text("max_batch_size { value: 8 } allowed_batch_sizes: 4")
    with pytest.raises(ZooError, match="must increase and end with max_batch_size, 8"):
        configuration.batch_settings(file)
    file.write_text("max_batch_size { value: 0 }")
    with pytest.raises(ZooError, match="max_batch_size is 0; expected 1 or more"):
        configuration.batch_settings(file)
    file.write_text('prometheus_config { enable: true path: "/m" }')
    assert configuration.metrics_path(file) == "/m"
    file.write_text("prometheus_config { enable: false }")
    assert configuration.metrics_path(file) is None
    file.write_text("what {")
    for read in (
        configuration.batch_settings,
        configuration.metrics_path,
        configuration.tls_settings,
        configuration.model_server_config,
    ):
        with pytest.raises(ZooError, match=r"x\.config: expected a .* in text format"):
            read(file)
    file.write_text('server_key: "k"')
    with pytest.raises(ZooError, match="expected server_key and server_cert"):
        configuration.tls_settings(file)
    with pytest.raises(ZooError, match="expected a folder of exports"):
        configuration.zoo_config(tmp_path / "none")


# TLS.


def certificate(name, signer=None):
    """(key, certificate) as PEM text, and the pair to sign other certificates with."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, target = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
    )
    signing, issuer = signer or (key, target)
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder(issuer, target, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signing, hashes.SHA256())
    )
    text = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(text, *plain).decode(), signed.public_bytes(text).decode(), (key, target)


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_and_mutual_tls_over_grpc_and_rest(light, tmp_path, mutual):
    _, authority, signer = certificate("authority")
    key, cert, _ = certificate("localhost", signer)
    file = tmp_path / "ssl.config"
    message = config_messages.ssl_config()(server_key=key, server_cert=cert, custom_ca=authority, client_verify=mutual)
    file.write_text(text_format.MessageToString(message))
    (tmp_path / "zoo").mkdir()
    publish(light, tmp_path / "zoo" / "toy", 1)
    client_key, client_cert, _ = certificate("client", signer)
    credentials = (client_key.encode(), client_cert.encode())
    with running(zoo=tmp_path / "zoo", batching=SMALL, tls=configuration.tls_settings(file)) as server:

        def ask(*pair):
            channel = grpc.secure_channel(
                server.address, grpc.ssl_channel_credentials(authority.encode(), *(pair or (None, None)))
            )
            with channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                return stub.Predict(request(**ONE), timeout=20).model_spec.version.value

        def get(pair=()):
            context = ssl.create_default_context(cadata=authority)
            if pair:
                (tmp_path / "client.pem").write_bytes(b"\n".join(pair))
                context.load_cert_chain(tmp_path / "client.pem")
            url = server.url.replace("http:", "https:") + "/v1/models/toy"
            return urllib.request.urlopen(url, context=context, timeout=20).status

        assert ask(*credentials) == 1
        assert get(credentials) == 200
        assert refusal(server.predict.Predict, request(**ONE), timeout=20)[0] == "UNAVAILABLE"  # without TLS
        if mutual:
            assert refusal(ask)[0] == "UNAVAILABLE"
            with pytest.raises(OSError):
                get()
        else:
            assert ask() == 1
            assert get() == 200


def test_unusable_tls_settings_are_reported(tmp_path):
    key, cert, _ = certificate("localhost")
    other, _, _ = certificate("localhost")
    for tls in (("k", "c", ""), (other, cert, ""), (key, cert, "a")):
        with pytest.raises(ZooError, match="TLS settings cannot be used"):
            running(zoo=tmp_path, tls=configuration.TlsSettings(*tls, verify_clients=False)).__enter__()


# The command.

REFERENCE = """
import sys, numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
sample = tf.saved_model.load(sys.argv[1]).signatures["sample"]
bound = tf.constant([np.inf], tf.float32)
images = [sample(seed=tf.constant([i], tf.int64), truncation=bound)["images"].numpy() for i in range(48)]
np.save(sys.argv[2], np.concatenate(images))
"""


def test_the_command_serves_a_shipped_generator_bit_for_bit_and_stops_at_sigterm(tmp_path):
    zoo = tmp_path / "zoo"
    shutil.copytree(ROOT / "export" / "sngan_mnist", zoo / "sngan_mnist")
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    reference = subprocess.Popen(
        [sys.executable, "-c", REFERENCE, str(zoo / "sngan_mnist" / "1"), str(tmp_path / "images.npy")], env=quiet
    )
    command = [sys.executable, "-m", "tfgan_zoo.serve", f"--zoo={zoo}", "--port=0", "--rest_api_port=0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    try:
        lines = []
        while not (lines and lines[-1].startswith("REST: ")):
            lines.append(server.stdout.readline())
            assert lines[-1], lines
        assert lines[0] == "sngan_mnist version 1 is available.\n"
        address = re.search(r"gRPC: (127\.0\.0\.1:\d+)", "".join(lines))[1]
        assert reference.wait(120) == 0
        expected = np.load(tmp_path / "images.npy")
        with grpc.insecure_channel(address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

            def ask(*seeds):
                return stub.Predict.future(request("sngan_mnist", **draws(*seeds)))

            alone = ask(5).result(60)
            np.testing.assert_array_equal(tf.make_ndarray(alone.outputs["images"]), expected[5:6])
            seed_lists = [
                tuple(range(i, min(i + 1 + i % 5, 48))) for i in range(48)
            ]  # 1 to 5 images, 48 clients at once
            futures = [ask(*seeds) for seeds in seed_lists]
            for seeds, future in zip(seed_lists, futures, strict=True):
                images = tf.make_ndarray(future.result(60).outputs["images"])
                np.testing.assert_array_equal(images, expected[list(seeds)])
            futures = [ask(*range(8)) for _ in range(20)]
            first = futures[0].result(60)
            server.send_signal(signal.SIGTERM)
            codes = ["OK" if future.exception(60) is None else future.code().name for future in futures]
        assert first.model_spec.version.value == 1
        assert set(codes) <= {"OK", "UNAVAILABLE"}
        assert server.wait(60) == 0
        assert "Stopping" in server.stdout.read()
    finally:
        server.kill()
        reference.kill()


def test_stopping_finishes_queued_requests_and_rejects_new_ones(light, tmp_path):
    publish(light, tmp_path / "toy", 1)
    with running(zoo=tmp_path, batching=SMALL) as server, Gate(server) as gate:
        futures = [server.predict.Predict.future(request(**draws(*range(n)))) for n in (1, 8)]
        wait_for(lambda: gate.sizes and server.server.batcher.pending == 2)
        stub = health_pb2_grpc.HealthStub(server.channel)
        stopper = threading.Thread(target=lambda: server.call(server.server.stop()))
        stopper.start()
        wait_for(lambda: server.server.predictor.stopping)
        wait_for(lambda: stub.Check(health_pb2.HealthCheckRequest()).status == 2)
        assert refusal(server.predict.Predict, request(**ONE)) == ("UNAVAILABLE", "The server is shutting down")
        assert server.rest("/v1/models/toy:predict", {"instances": [[0, 0, 0, 0]]})[0] == 503
        gate.open.set()
        assert [tf.make_ndarray(f.result(30).outputs["images"]).shape[0] for f in futures] == [1, 8]
        stopper.join(30)
        assert not stopper.is_alive()


def test_a_signal_while_models_load_ends_the_start(light, tmp_path, capsys):
    for name in ("a", "b"):
        publish(light, tmp_path / name, 1)
    checked = []

    def check(folder):
        checked.append(folder)
        os.kill(os.getpid(), signal.SIGINT)

    options = Options(zoo=str(tmp_path), port=0, rest_port=0, check=check, log=lambda line: None)
    with asyncio.Runner(loop_factory=application.new_event_loop) as runner:
        runner.run(asyncio.wait_for(serve(options), 60))
    assert len(checked) == 1
    assert capsys.readouterr().out.startswith("Stopping")


def test_the_printed_address_is_reachable(light, tmp_path, capsys):
    publish(light, tmp_path / "toy", 1)

    async def ask():
        serving = asyncio.create_task(serve(Options(zoo=str(tmp_path), port=0, rest_port=0)))
        output = ""
        while "REST: " not in output:
            await asyncio.sleep(0.05)
            output += capsys.readouterr().out
        url = re.search("REST: (.*)", output)[1].replace("NAME", "toy")
        reply = await asyncio.to_thread(urllib.request.urlopen, url, timeout=20)
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
        return reply.status

    with asyncio.Runner(loop_factory=application.new_event_loop) as runner:
        assert runner.run(asyncio.wait_for(ask(), 60)) == 200


def test_a_rest_port_taken_during_loading_leaves_no_grpc_server_to_fail_later(tmp_path, monkeypatch):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    monkeypatch.setattr(application, "check_port_free", unittest.mock.AsyncMock())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = Options(zoo=str(tmp_path), port=0, rest_port=taken.getsockname()[1], log=lambda line: None)
        with pytest.raises(ZooError, match="--rest_api_port=0"):
            asyncio.run(Server(options).start())
    gc.collect()
    assert unraisable == []


@pytest.mark.parametrize(("key", "flag"), [("port", "port"), ("rest_port", "rest_api_port")])
def test_a_taken_port_is_reported_before_the_models_are_loaded(zoo, key, flag):
    lines = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = Options(zoo=str(zoo), log=lines.append, **{"port": 0, "rest_port": 0, key: port})
        with pytest.raises(ZooError, match=f"cannot listen on 127.0.0.1:{port}: .*; --{flag}=0 chooses"):
            asyncio.run(Server(options).start())
    assert lines == []


def test_a_taken_port_and_a_missing_zoo_are_reported_in_a_sentence(zoo, server):
    with pytest.raises(ZooError, match=r"--zoo=.*: expected a folder of exports"):
        Server(Options(zoo=str(zoo / "none")))
    with pytest.raises(ZooError, match="nothing to serve: expected --zoo"):
        Server(Options())
    with pytest.raises(ZooError, match="the port may be taken"):
        server.call(rpc.start(server.server.predictor, "127.0.0.1", server.server.grpc_port, 1000, None))
