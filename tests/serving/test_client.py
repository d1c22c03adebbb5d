"""The clients against a server built on the official stubs, which answers as TF Serving does, errors included."""

import asyncio
import concurrent.futures
import contextlib
import datetime
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.saved_model.version_folder import load_version, newest
from tfgan_zoo.serving import AsyncClient, Client, wire
from tfgan_zoo.serving.connection import BatchTooLargeError, ClientSettings, Retry

ROOT = Path(__file__).resolve().parents[2]
REAL = "gan_mnist"
SHAPE = [None, 4, 5, 1]
SIGNATURES = {  # of the model "toy", whose image shows its seed (mod 256), label and code, and whose noise is its seed
    "sample": (
        {"seed": (tf.int64, [None]), "truncation": (tf.float32, [None]), "labels": (tf.int32, [None]), "codes": (tf.float32, [None, 2])},
        {"images": (tf.uint8, SHAPE)},
    ),
    "serving_default": (
        {"noise": (tf.float32, [None, 3]), "labels": (tf.int32, [None]), "codes": (tf.float32, [None, 2])},
        {"images": (tf.float32, SHAPE)},
    ),
    "latents": ({"seed": (tf.int64, [None]), "truncation": (tf.float32, [None])}, {"noise": (tf.float32, [None, 3])}),
    "png": ({"seed": (tf.int64, [None]), "truncation": (tf.float32, [None])}, {"png_bytes": (tf.string, [None])}),
    "mapping": (
        {"seed": (tf.int64, [None]), "truncation": (tf.float32, [None]), "labels": (tf.int32, [None]), "codes": (tf.float32, [None, 2])},
        {"styles": (tf.float32, [None, 2, 3])},
    ),
    "synthesis": ({"styles": (tf.float32, [None, 2, 3])}, {"images": (tf.float32, SHAPE)}),
}  # fmt: skip


def toy(signature, inputs):
    """The outputs of a signature of the model "toy"."""
    rows = len(next(iter(inputs.values())))
    if signature == "sample":
        images = np.zeros([rows, 4, 5, 1], np.uint8)
        images[:, 0] = (inputs["seed"] % 256)[:, None, None]
        images[:, 1] = (inputs["labels"] + 1)[:, None, None]
        images[:, 2] = np.nan_to_num(inputs["codes"][:, :1], nan=9)[..., None]
        images[:, 3] = np.minimum(inputs["truncation"], 99)[:, None, None]
        return {"images": images}
    if signature == "png":
        return {"png_bytes": np.array([b"png %d" % seed for seed in inputs["seed"]], object)}
    if signature == "mapping":
        return {"styles": np.broadcast_to(inputs["seed"][:, None, None], [rows, 2, 3]).astype(np.float32)}
    if signature == "synthesis":
        return {"images": np.broadcast_to(inputs["styles"].sum((1, 2))[:, None, None, None], [rows, 4, 5, 1])}
    if signature == "latents":
        return {"noise": np.repeat(inputs["seed"], 3).reshape(rows, 3).astype(np.float32)}
    return {"images": np.broadcast_to(inputs["noise"][:, :1, None, None] / 8, [rows, 4, 5, 1]).astype(np.float32)}


class Server(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    """Answers for the model "toy".

    Attributes:
        errors: [(code, message)] to return before anything else.
        limit: maximum rows of a request.
        typed: whether replies use typed fields.
        delay: seconds before each answer.
        change: applied to the outputs before they are sent.
        sizes: rows of each request answered.
        most_busy: maximum number of requests at the same time.
    """

    def __init__(self):
        self.errors, self.limit, self.typed, self.change = [], 64, False, lambda outputs: outputs
        self.delay = 0
        self.sizes, self.busy, self.most_busy, self.lock = [], 0, 0, threading.Lock()

    def check(self, request, context):
        with self.lock:
            error = self.errors.pop(0) if self.errors else None
        if error:
            context.abort(getattr(grpc.StatusCode, error[0]), error[1])
        if request.model_spec.name != "toy":
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({request.model_spec.name})"
            )

    def GetModelMetadata(self, request, context):
        self.check(request, context)
        assert list(request.metadata_field) == ["signature_def"]
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, sides in SIGNATURES.items():
            definition = signatures.signature_def[name]
            for tensors, specs in zip((definition.inputs, definition.outputs), sides, strict=True):
                for key, (dtype, shape) in specs.items():
                    tensors[key].dtype = dtype.as_datatype_enum
                    tensors[key].tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
        signatures.signature_def["__saved_model_init_op"].SetInParent()
        reply = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
        reply.metadata["signature_def"].Pack(signatures)
        return reply

    def GetModelStatus(self, request, context):
        self.check(request, context)
        reply = get_model_status_pb2.GetModelStatusResponse()
        reply.model_version_status.add(version=3, state=30)
        broken = reply.model_version_status.add(version=4, state=50)
        broken.status.error_code, broken.status.error_message = 5, "Could not find variable"
        return reply

    def Predict(self, request, context):
        with self.lock:
            self.busy += 1
            self.most_busy = max(self.busy, self.most_busy)
        try:
            return self.answer(request, context)
        finally:
            with self.lock:
                self.busy -= 1

    def answer(self, request, context):
        self.check(request, context)
        time.sleep(self.delay)
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        name = request.model_spec.signature_name
        assert {k: v.dtype for k, v in inputs.items()} == {
            k: d.as_numpy_dtype for k, (d, _) in SIGNATURES[name][0].items()
        }
        rows = len(next(iter(inputs.values())))
        if rows > self.limit:
            message = f"Task size {rows} is larger than maximum input batch size {self.limit}"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        with self.lock:
            self.sizes.append(rows)
        reply = predict_pb2.PredictResponse(model_spec=request.model_spec)
        for key, value in self.change(toy(name, inputs)).items():
            tensor = tf.make_tensor_proto(value)
            if self.typed and tensor.tensor_content:
                field = {tf.uint8: tensor.int_val, tf.float32: tensor.float_val}[tf.as_dtype(tensor.dtype)]
                field.extend(np.ravel(value).tolist())
                tensor.tensor_content = b""
            reply.outputs[key].CopyFrom(tensor)
        return reply


@contextlib.contextmanager
def serving(servicer, credentials=None):
    """The address of a server with this servicer."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
    port = (
        server.add_secure_port("localhost:0", credentials) if credentials else server.add_insecure_port("localhost:0")
    )
    server.start()
    yield f"localhost:{port}"
    server.stop(None).wait()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def address(server):
    with serving(server) as address:
        yield address


@pytest.fixture
def client(address):
    with Client(address, initial_backoff=0.001) as client:
        yield client


def expected(seeds, label=-1, code=9, truncation=99):
    seeds = np.asarray(seeds) % 256
    return np.stack([np.full([4, 5, 1], [[[s]], [[label + 1]], [[code]], [[truncation]]], np.uint8) for s in seeds])


@pytest.mark.parametrize("typed", [False, True])
def test_samples_are_in_the_order_of_their_seeds_across_requests(server, client, typed):
    server.typed = typed
    generator = client.generator("toy")
    assert (generator.sample_shape, generator.noise_size, generator.code_size) == ((4, 5, 1), 3, 2)
    assert generator.conditional
    assert not generator.points
    images = generator.sample(np.arange(150))
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, expected(range(150)))
    assert server.sizes == [64, 64, 22]
    image = generator.sample([2**40 + 7], truncation=3, labels=2, codes=[5, 0])
    np.testing.assert_array_equal(image, expected([7], 2, 5, 3))


def test_latents_and_images_from_latents(client):
    generator = client.generator("toy")
    noise = generator.latents([3, 4])
    np.testing.assert_array_equal(noise, [[3, 3, 3], [4, 4, 4]])
    images = generator.from_latents(noise, labels=1, codes=[0, 0])
    np.testing.assert_array_equal(images[:, 0, 0, 0], [3 / 8, 4 / 8])
    assert images.dtype == np.float32


def test_styles_are_mixed_over_the_server(client):
    generator = client.generator("toy")
    styles = generator.styles([3, 4], labels=1)
    styles[0, 1] = styles[1, 1]
    np.testing.assert_array_equal(generator.from_styles(styles)[:, 0, 0, 0], [3 * 3 + 3 * 4, 6 * 4])
    with pytest.raises(ZooError, match=r"styles have shape \[2, 3\]; expected \[N, 2, 3\]"):
        generator.from_styles(styles[0])


def test_the_size_of_the_reply_limits_the_request(server, address):
    with Client(address, max_bytes=200) as client:  # 4 * 5 pixels of at most two bytes each: five images
        client.generator("toy").sample(range(12))
    assert server.sizes == [5, 5, 2]


def test_the_client_adapts_to_a_smaller_batch_limit(server, client):
    server.limit = 10
    np.testing.assert_array_equal(client.generator("toy").sample(range(25)), expected(range(25)))
    assert server.sizes == [10, 10, 5]
    server.limit = 0
    with pytest.raises(ZooError, match="the server rejected 64 rows, though it states a limit of 0"):
        client.generator("toy").sample(range(65))


def test_batches_are_streamed_as_they_arrive(server, client):
    batches = client.generator("toy").stream(range(130))
    assert next(batches).shape == (64, 4, 5, 1)
    assert server.sizes == [64]
    assert [len(batch) for batch in batches] == [64, 2]


def test_unavailable_is_retried_and_a_bad_request_is_not(server, client):
    generator = client.generator("toy")
    server.errors = [("UNAVAILABLE", "The batch scheduling queue is full")] * 2
    np.testing.assert_array_equal(generator.sample([5]), expected([5]))
    assert server.errors == []
    server.errors = [("INVALID_ARGUMENT", "Expects arg[0] to be float."), ("INTERNAL", "left over")]
    with pytest.raises(ZooError, match=r"^localhost:\d+, model toy: INVALID_ARGUMENT: Expects arg\[0\] to be float\.$"):
        generator.sample([5])
    assert len(server.errors) == 1


def test_the_deadline_ends_the_retries(server, address):
    server.errors = [("UNAVAILABLE", "full")] * 1000
    with (
        Client(address, timeout=0.2, initial_backoff=0.01) as client,
        pytest.raises(ZooError, match=r"after \d+ attempts: UNAVAILABLE: full\. Is a server running there\?"),
    ):
        client.generator("toy")
    assert 990 < len(server.errors) < 999  # at least 0.005 + 0.01 + 0.02 + 0.04 + 0.08 s by the fifth attempt


def test_a_queue_that_stays_full_is_not_reported_as_a_missing_server(server, address):
    server.errors = [("UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full")] * 1000
    with (
        Client(address, timeout=0.1, initial_backoff=0.01) as client,
        pytest.raises(ZooError, match=r"full\. Try again later") as caught,
    ):
        client.generator("toy")
    assert "Is a server running" not in str(caught.value)


def test_backoff_doubles_with_jitter_up_to_a_maximum_and_other_errors_are_not_retried():
    class Error(grpc.RpcError):
        def __init__(self, code, details=""):
            self.code, self.details = (lambda: code), (lambda: details)

    full = Error(grpc.StatusCode.UNAVAILABLE)
    settings = ClientSettings("a:1", initial_backoff=1, max_backoff=5)
    for jitter, share in ((0, 0.5), (1, 1)):
        retry = Retry(settings, "model toy", 60, jitter=lambda value=jitter: value)
        assert [retry.backoff(full) for _ in range(5)] == [share * seconds for seconds in (1, 2, 4, 5, 5)]
    for code in ("DEADLINE_EXCEEDED", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNKNOWN"):
        with pytest.raises(ZooError, match=code):
            retry.backoff(Error(grpc.StatusCode[code]))
    with pytest.raises(BatchTooLargeError) as caught:
        retry.backoff(
            Error(grpc.StatusCode.INVALID_ARGUMENT, "Task size 65 is larger than maximum input batch size 64")
        )
    assert caught.value.limit == 64


def test_retries_end_at_the_deadline_however_many_there_were(monkeypatch):
    class FullError(grpc.RpcError):
        code, details = (lambda self: grpc.StatusCode.UNAVAILABLE), (lambda self: "full")

    retry = Retry(ClientSettings("a:1", initial_backoff=1e-6, max_backoff=1e-6), "model toy", 1e6)
    assert max(retry.backoff(FullError()) for _ in range(2000)) <= 1e-6
    retry.seconds = 0
    with pytest.raises(ZooError, match="after 2001 attempts"):
        retry.backoff(FullError())
    for setting in ("initial_backoff", "max_backoff", "metadata_timeout", "timeout", "max_batch"):
        with pytest.raises(ZooError, match=f"{setting}=0: expected a number above 0"):
            ClientSettings("a:1", **{setting: 0})


def test_mistakes_are_reported_before_a_prediction_is_sent(server, client):
    with pytest.raises(
        ZooError,
        match=r"model other: NOT_FOUND: Servable not found for request: Latest\(other\)\. The server's models.config",
    ):
        client.generator("other")
    generator = client.generator("toy")
    for call, message in (
        (lambda: generator.sample([1], codes=[1, 2, 3]), "codes: got 3; expected 2 per sample"),
        (lambda: generator.sample([]), "got rows .* at least one"),
        (lambda: generator.from_latents([[1, 2]], 0, [0, 0]), r"noise has shape \[1, 2\]; expected \[1, 3\]"),
        (lambda: client.predict("toy", "smaple", {}), "Did you mean 'sample'"),
        (
            lambda: client.predict("toy", "latents", {"seed": [1]}),
            "got inputs seed; expected seed, truncation",
        ),
        (
            lambda: client.predict("toy", "latents", {"seed": [10**400], "truncation": [1]}),
            "expected arrays seed int64, ",
        ),
        (
            lambda: client.predict("toy", "latents", {"seed": ["a"], "truncation": [1]}),
            "converting the inputs failed: invalid",
        ),
        (lambda: client.generator("toy", version=1, label="stable"), "expected one of the two"),
        (lambda: Client("nowhere"), "address='nowhere': expected HOST:PORT"),
        (lambda: Client("a:1", cert="a.pem"), "give both --cert and --key"),
    ):
        with pytest.raises(ZooError, match=message):
            call()
    assert server.sizes == []


def test_a_reply_that_does_not_match_the_metadata_is_refused(server, client):
    generator = client.generator("toy")
    for change, message in (
        (lambda o: {"images": o["images"][:1]}, r"shape \[1, 4, 5, 1\]; its metadata state \[2, 4, 5, 1\]"),
        (lambda o: {"pictures": o["images"]}, "the reply holds pictures; expected images"),
        (lambda o: {"images": o["images"] + 0j}, "TensorFlow's dtype 18"),
    ):
        server.change = change
        with pytest.raises(ZooError, match=message):
            generator.sample([1, 2])


def test_a_missing_server_is_reported_after_the_timeout():
    with Client("localhost:1", timeout=0.2) as client, pytest.raises(ZooError, match=r"UNAVAILABLE.*tfgan_zoo\.serve"):
        client.status("toy")


def test_status_returns_states_and_errors(client):
    assert client.status("toy") == {3: ("AVAILABLE", ""), 4: ("END", "Could not find variable")}


def test_strings_are_returned_as_bytes(client):
    pngs = client.predict("toy", "png", {"seed": range(70), "truncation": [1.0] * 70})["png_bytes"]
    assert pngs.dtype == object
    assert pngs.tolist() == [b"png %d" % seed for seed in range(70)]


def test_the_asynchronous_client_returns_the_same_with_four_requests_in_flight(server, address):
    server.limit, server.errors, server.delay = 16, [("UNAVAILABLE", "full")], 0.02

    async def use_client():
        async with AsyncClient(address, initial_backoff=0.001) as client:
            generator = await client.generator("toy")
            server.errors = [("UNAVAILABLE", "full")] * 3
            images = await generator.sample(range(200), labels=3)
            noise = await generator.latents([8])
            floats = await generator.from_latents(noise, 0, [0, 0])
            styles = await generator.styles([5])
            assert (await generator.from_styles(styles)).flat[0] == 6 * 5
            batches = [len(batch) async for batch in generator.stream(range(20))]
            with pytest.raises(ZooError, match="NOT_FOUND"):
                await client.status("other")
            return images, floats, batches, await client.status("toy")

    images, floats, batches, status = asyncio.run(use_client())
    np.testing.assert_array_equal(images, expected(range(200), 3))
    assert floats[0, 0, 0, 0] == 1
    assert batches == [16, 4]
    assert status[3] == ("AVAILABLE", "")
    assert max(server.sizes) == 16
    assert 1 < server.most_busy <= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8, np.int16, np.int8, np.int64, bool])
def test_arrays_are_encoded_and_decoded_as_tensorflow_does(dtype):
    array = (np.arange(6).reshape(2, 3) % 5).astype(dtype)
    encoded = read_by_tensorflow(wire.encode(array))
    np.testing.assert_array_equal(encoded, array)
    assert encoded.dtype == array.dtype
    for value in (array, np.full([2, 3], 3, dtype), np.zeros([2, 3], dtype)):
        for proto in (tf.make_tensor_proto(value), tf.make_tensor_proto(value.ravel().tolist(), dtype, [2, 3])):
            decoded = wire.decode(wire.message("Tensor").FromString(proto.SerializeToString()), (2, 3))
            np.testing.assert_array_equal(decoded, tf.make_ndarray(proto))
            assert decoded.dtype == dtype


def read_by_tensorflow(message):
    proto = tf.make_tensor_proto(0)
    proto.ParseFromString(message.SerializeToString())
    return tf.make_ndarray(proto)


def test_the_last_value_fills_up_the_rest_and_a_wrong_number_of_values_is_refused():
    def tensor(sizes, **values):
        message = wire.message("Tensor")(dtype=1, **values)
        for size in sizes:
            message.tensor_shape.dim.add(size=size)
        return message

    np.testing.assert_array_equal(wire.decode(tensor([4], float_val=[1, 2]), (None,)), [1, 2, 2, 2])
    np.testing.assert_array_equal(wire.decode(tensor([2]), (2,)), [0, 0])
    for wrong in (
        tensor([2], float_val=[1, 2, 3]),
        tensor([2], tensor_content=b"1234567"),
        tensor([2**40], float_val=[1]),
        tensor([-1], float_val=[1]),
    ):
        with pytest.raises(ZooError):
            wire.decode(wrong, (2,))


def certificates(folder):
    """PEM files: an authority, a certificate for localhost that it signed, and the certificate's key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def write(name, content):
        (folder / name).write_bytes(content)
        return str(folder / name)

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "localhost")]
    now = datetime.datetime.now(datetime.UTC)
    certs = []
    for key, name, extra in zip(
        keys,
        names,
        (x509.BasicConstraints(True, 0), x509.SubjectAlternativeName([x509.DNSName("localhost")])),
        strict=True,
    ):
        builder = x509.CertificateBuilder(names[0], name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
        certs.append(builder.add_extension(extra, True).sign(keys[0], hashes.SHA256()))
    pem = serialization.Encoding.PEM
    private = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (
        write("ca.pem", certs[0].public_bytes(pem)),
        write("crt.pem", certs[1].public_bytes(pem)),
        write("key.pem", private),
    )


def test_mutual_tls(server, tmp_path):
    pytest.importorskip("cryptography")
    ca, crt, key = certificates(tmp_path)
    read = [open(path, "rb").read() for path in (key, crt, ca)]  # noqa: SIM115
    credentials = grpc.ssl_server_credentials([(read[0], read[1])], read[2], require_client_auth=True)
    with serving(server, credentials) as address:
        with Client(address, ca=ca, cert=crt, key=key) as client:
            assert 3 in client.status("toy")
        for settings in ({}, {"ca": ca}):
            with Client(address, timeout=0.3, **settings) as client, pytest.raises(ZooError, match="UNAVAILABLE"):
                client.status("toy")


class ExportServicer(
    prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer
):
    """Serves the shipped export `REAL`, computed by its SavedModel."""

    def __init__(self):
        self.loaded = tf.saved_model.load(str(newest(pretrained_folder() / REAL)))

    def GetModelMetadata(self, request, context):
        from tensorflow.core.protobuf import saved_model_pb2

        content = (newest(pretrained_folder() / REAL) / "saved_model.pb").read_bytes()
        signatures = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def
        reply = get_model_metadata_pb2.GetModelMetadataResponse()
        reply.metadata["signature_def"].Pack(get_model_metadata_pb2.SignatureDefMap(signature_def=signatures))
        return reply

    def Predict(self, request, context):
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        outputs = self.loaded.signatures[request.model_spec.signature_name](**inputs)
        return predict_pb2.PredictResponse(outputs={k: tf.make_tensor_proto(v.numpy()) for k, v in outputs.items()})


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None  # any import of it fails
sys.argv = ["sample", *sys.argv[1:]]
from tfgan_zoo import sample
from tfgan_zoo.cli import command_line
command_line.run(sample.main)
"""


def test_the_command_line_draws_the_same_images_as_the_export_without_tensorflow(tmp_path):
    def command(*arguments):
        process = [sys.executable, "-c", WITHOUT_TENSORFLOW, f"--server={address}", f"--model={REAL}", *arguments]
        result = subprocess.run(process, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        return result.stdout

    local = load_version(newest(pretrained_folder() / REAL))
    with serving(ExportServicer()) as address:
        grid = tmp_path / "grid.png"
        assert "9 samples, seeds 5 to 13" in command(
            "--seed=5", "-n", "9", "--truncation=0.7", f"--out={grid}", "--scale=1"
        )
        images = local.sample(np.arange(5, 14), 0.7)
        np.testing.assert_array_equal(np.asarray(Image.open(grid)), pictures.picture(images, None, 1)[..., 0])
        command("--num=70", "--format=png", "--scale=1", f"--out={tmp_path / 'many'}")
        command("--interpolate=1,2", "--num=3", f"--out={tmp_path / 'path.gif'}")
    files = sorted((tmp_path / "many").iterdir())
    assert [files[0].name, files[-1].name, len(files)] == ["seed-000000.png", "seed-000069.png", 70]
    np.testing.assert_array_equal(np.asarray(Image.open(files[69])), local.sample([69])[0, ..., 0])
    assert Image.open(tmp_path / "path.gif").n_frames == 3


def test_the_python_of_the_served_readme_fetches_images(capsys):
    text = (ROOT / "serving" / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    with serving(ExportServicer()) as address:
        for block in blocks:
            exec(block.replace("localhost:8500", address), {})
    assert capsys.readouterr().out == "(64, 32, 32, 1) uint8\n(3, 32, 32, 1) uint8\n"
