"""What the embedded server does as TensorFlow Serving 2.19 does beside Predict, by its source: calls, versions, JSON, metrics."""

import os
import re

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

from tests.small_server import refusal, request, running, save_picks, spec, wait_for
from tfgan_zoo.serving.server import json_tensors
from tfgan_zoo.serving.server.status import StatusError

SIGNATURES = {  # {name: (inputs, outputs)}
    "serving_default": (["x"], ["y"]),
    "two_inputs": (["a", "b"], ["y"]),
    "three_outputs": (["x"], ["p", "q", "r"]),
    "two_outputs": (["x"], ["p", "q"]),
    "no_scores": (["inputs"], ["y"]),
    "classifier": (["inputs"], ["scores"]),
    "regressor": (["inputs"], ["outputs"]),
}


def save_sums(folder):
    """Each output of each signature is the sum of its inputs, float32 [batch]."""
    module = tf.Module()
    module.functions = {
        name: tf.function(
            lambda outputs=tuple(outputs), **inputs: {key: tf.add_n([*inputs.values()]) for key in outputs}
        )
        for name, (_, outputs) in SIGNATURES.items()
    }
    signatures = {
        name: module.functions[name].get_concrete_function(
            **{key: tf.TensorSpec([None], tf.float32, key) for key in inputs}
        )
        for name, (inputs, _) in SIGNATURES.items()
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    zoo = tmp_path_factory.mktemp("zoo")
    save_sums(zoo / "sums" / "1")
    with running(zoo=zoo) as running_server:
        yield running_server


# Calls for which a generator has no signature.

CLASSIFY = {
    "two_inputs": ("INVALID_ARGUMENT", "Expected one input Tensor."),
    "three_outputs": ("INVALID_ARGUMENT", "Expected one or two output Tensors, found 3"),
    "": ("INVALID_ARGUMENT", "No classification inputs found in SignatureDef: inputs {"),
    "no_scores": ("INVALID_ARGUMENT", 'Expected classification signature outputs to contain at least one of "classes" or "scores".'),
    "unknown": ("INVALID_ARGUMENT", "No signature was found with the name: unknown"),
    "classifier": ("UNIMPLEMENTED", "This server runs no tf.Examples"),
}  # fmt: skip
REGRESS = {
    "two_inputs": ("INVALID_ARGUMENT", "Expected one input Tensor."),
    "two_outputs": ("INVALID_ARGUMENT", "Expected one output Tensor."),
    "": ("INVALID_ARGUMENT", "No regression inputs found in SignatureDef: inputs {"),
    "no_scores": ("INVALID_ARGUMENT", "No regression outputs found in SignatureDef: inputs {"),
    "unknown": ("INVALID_ARGUMENT", "No signature was found with the name: unknown"),
    "regressor": ("UNIMPLEMENTED", "This server runs no tf.Examples"),
}


@pytest.mark.parametrize(
    ("method", "message", "table"),
    [
        ("Classify", classification_pb2.ClassificationRequest, CLASSIFY),
        ("Regress", regression_pb2.RegressionRequest, REGRESS),
    ],
)
def test_classify_and_regress_say_what_the_signature_lacks(server, method, message, table):
    call = getattr(server.predict, method)
    for name, (code, words) in table.items():
        actual, details = refusal(call, message(model_spec=spec("sums", name)))
        assert (actual, details[: len(words)]) == (code, words)
        body = {"signature_name": name, "examples": [{"x": 1.0}]}
        status, reply = server.rest(f"/v1/models/sums:{method.lower()}", body)
        assert (status, reply["error"][: len(words)]) == (501 if code == "UNIMPLEMENTED" else 400, words)
    assert refusal(call, message()) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    not_found = "Servable not found for request: Latest(x)"
    assert refusal(call, message(model_spec=spec("x"))) == ("NOT_FOUND", not_found)
    assert server.rest(f"/v1/models/x:{method.lower()}", {"examples": [{}]}) == (404, {"error": not_found})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
    ],
)
def test_a_rest_request_to_classify_needs_examples(server, body, words):
    status, reply = server.rest("/v1/models/sums:classify", body)
    assert status == 400
    assert words in reply["error"]


def tasks(*named):
    """A MultiInferenceRequest of (model, signature, method) tasks."""
    made = [
        inference_pb2.InferenceTask(model_spec=spec(model, signature), method_name=f"tensorflow/serving/{method}")
        for model, signature, method in named
    ]
    return inference_pb2.MultiInferenceRequest(tasks=made)


@pytest.mark.parametrize(
    ("named", "code", "words"),
    [
        ([], "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ([("x", "", "classify")], "NOT_FOUND", "Servable not found for request: Latest(x)"),
        ([("sums", "", "predict")], "UNIMPLEMENTED", "Unsupported signature method_name: tensorflow/serving/predict"),
        ([("sums", "no", "classify")], "INVALID_ARGUMENT", "Requested signature not found in model graph: no"),
        ([("sums", "", "regress")], "INVALID_ARGUMENT", "No regression inputs found in SignatureDef: inputs {"),
        ([("sums", "classifier", "classify")] * 2, "INVALID_ARGUMENT", "Duplicate evaluation of signature: classifier"),
        ([("sums", "classifier", "classify"), ("x", "", "classify")], "INVALID_ARGUMENT", "All ModelSpecs in a MultiInferenceRequest must"),
        ([("sums", "classifier", "classify"), ("", "", "classify")], "INVALID_ARGUMENT", "Found ModelSpec with an empty model name."),
        ([("sums", "classifier", "classify"), ("sums", "regressor", "regress")], "UNIMPLEMENTED", "This server runs no tf.Examples"),
    ],
)  # fmt: skip
def test_multi_inference_is_refused_for_tensorflow_servings_reasons(server, named, code, words):
    actual, details = refusal(server.predict.MultiInference, tasks(*named))
    assert (actual, details[: len(words)]) == (code, words)


@pytest.mark.parametrize("method", ["SessionService/SessionRun", "PredictionService/PredictStreamed"])
def test_services_that_the_model_server_does_not_register_are_unimplemented(server, method):
    call = server.channel.unary_unary(f"/tensorflow.serving.{method}")
    assert refusal(call, b"", timeout=20)[0] == "UNIMPLEMENTED"


# Version folders.


def test_a_versions_folder_keeps_its_name_and_a_second_name_of_its_number_is_warned_of(tmp_path):
    for name in ("0", "002", "00000123"):
        save_picks(tmp_path / "picks" / name)
    with running(zoo=tmp_path) as server:
        message = request("picks", "", row=("int32", [1]))
        assert server.predict.Predict(message).model_spec.version.value == 123
        os.rename(tmp_path / "picks" / "00000123", tmp_path / "picks" / ".123")
        wait_for(lambda: any("picks version 2 is available" in line for line in server.lines))
        assert server.server.manager.states["picks"][2].folder == tmp_path / "picks" / "002"
        save_picks(tmp_path / "picks" / ".2")
        os.rename(tmp_path / "picks" / ".2", tmp_path / "picks" / "2")
        wait_for(lambda: any("is ignored" in line for line in server.lines))
        server.call(server.server.manager.poll())
        warning = f"{tmp_path}/picks/002 is ignored: 2 is the same version, and is used instead."
        assert [line for line in server.lines if "is ignored" in line] == [warning]
        assert server.rest("/v1/models/picks/versions/2:predict", {"instances": [1]})[0] == 200


def test_a_zoos_model_that_is_replaced_by_two_renames_costs_no_request(tmp_path):
    zoo = tmp_path / "zoo"
    save_picks(zoo / "picks" / "1")
    save_picks(tmp_path / "new" / "2")
    message = request("picks", "", row=("int32", [1]))
    with running(zoo=zoo, poll_seconds=0) as server:

        def check():
            server.call(server.server.follow_config())
            server.call(server.server.manager.poll())

        os.rename(zoo / "picks", tmp_path / "old")
        check()
        assert server.predict.Predict(message).model_spec.version.value == 1
        os.rename(tmp_path / "new", zoo / "picks")
        check()
        assert server.predict.Predict(message).model_spec.version.value == 2
        os.rename(zoo / "picks", tmp_path / "new")
        check()
        assert server.predict.Predict(message).model_spec.version.value == 2
        check()  # missing twice in a row: it is gone
        assert refusal(server.predict.Predict, message)[0] == "NOT_FOUND"


# JSON.


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (
            b'{"instances": [Inf, -Inf, Infinity, -Infinity, 1]}',
            ["Infinity", "-Infinity", "Infinity", "-Infinity", "1.0"],
        ),
        (b'\xef\xbb\xbf \n{"instances": [1]}', ["1.0"]),
        (b'{"instances": [1]} and more {', ["1.0"]),
    ],
)
def test_json_is_read_as_by_tensorflow_serving(server, body, answer):
    status, reply = server.rest("/v1/models/sums:predict", raw=body)
    assert (status, [*map(float, reply["predictions"])]) == (200, [*map(float, answer)])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "utf-16-be"])
def test_json_in_another_encoding_than_utf8_is_refused(server, encoding):
    status, reply = server.rest("/v1/models/sums:predict", raw='{"instances": [1]}'.encode(encoding))
    assert (status, reply["error"][:16]) == (400, "JSON Parse error")


def test_inf_within_a_string_stays():
    body = rb'{"instances": ["Inf \" Inf", "\\", Inf], "Inf": -Inf}'
    assert json_tensors.parse(body) == {"instances": ['Inf " Inf', "\\", float("inf")], "Inf": float("-inf")}
    with pytest.raises(StatusError, match="JSON Parse error"):
        json_tensors.parse(b'{"instances": [Infin]}')


def test_half_of_a_surrogate_pair_is_a_bad_request():
    with pytest.raises(StatusError, match="half of a surrogate pair") as caught:
        json_tensors.decode_string("text", "\ud800")
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT


# Metrics.


def test_queuing_latency_has_tensorflow_servings_buckets_and_label(server):
    server.predict.Predict(request("sums", "", x=("float32", [1.0])))
    name = ":tensorflow:serving:batching_session:queuing_latency_bucket"
    lines = [line for line in server.server.metrics.text().splitlines() if line.startswith(name)]
    bounds = [100, 120, 144, 100 * 1.2**51, float("inf")]
    shown = ["100", "120", "144", f"{bounds[3]:.6g}", "+Inf"]
    assert len(lines) == 53
    labels = [line.split(" ")[0] for line in (*lines[:3], *lines[-2:])]
    assert labels == [f'{name}{{thread_pool_name="",le="{bound}"}}' for bound in shown]


def test_a_rest_request_that_is_refused_is_counted_and_an_unknown_model_under_the_empty_name(server):
    def counts():
        found = re.findall(r'request_count\{model_name="(.*?)",status="(.+?)"\} (\d+)', server.server.metrics.text())
        return {(model, status): int(count) for model, status, count in found}

    before = counts()
    assert server.rest("/v1/models/sums:predict", raw=b"{")[0] == 400
    assert server.rest("/v1/models/never_heard_of:predict", raw=b"{")[0] == 404
    after = counts()
    assert {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key)} == {
        ("sums", "INVALID_ARGUMENT"): 1,
        ("", "NOT_FOUND"): 1,
    }
