"""One loaded version of a model, whose signatures check a request's inputs before anything runs."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from grpc import StatusCode
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tfgan_zoo.saved_model.version_folder import card_of
from tfgan_zoo.serving.server.monitoring import Metrics
from tfgan_zoo.serving.server.status import StatusError, as_status_error, failed_precondition, invalid_argument

WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_WARM_UP_RECORDS = 1000  # as in TF Serving's saved_model_warmup_util.h
DEFAULT_SIGNATURE = "serving_default"
MAX_ROW_ELEMENTS = 2**24
# The TensorProto field that holds the values of our generators' inputs if tensor_content does not.
VALUE_FIELDS = {np.dtype("float32"): "float_val", np.dtype("int32"): "int_val", np.dtype("int64"): "int64_val"}


class Input:
    """An input of a signature, in a form that is quick to compare with every request.

    Attributes:
        spec: `tf.TensorSpec`.
        dtype: its dtype as a number of `types_pb2`.
        sizes: its shape, with None for open dimensions; None for any rank.
        content_dtype: NumPy dtype of `tensor_content`; None for strings and the like, which it cannot hold.
    """

    def __init__(self, spec: tf.TensorSpec):
        self.spec, self.dtype = spec, spec.dtype.as_datatype_enum
        self.sizes = None if spec.shape.rank is None else spec.shape.as_list()
        dtype = np.dtype(spec.dtype.as_numpy_dtype)
        self.content_dtype = None if dtype.hasobject else dtype

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether a fully known shape is compatible."""
        if self.sizes is None:
            return min(shape, default=0) >= 0
        return len(shape) == len(self.sizes) and all(
            size >= 0 and expected in (None, size) for size, expected in zip(shape, self.sizes, strict=True)
        )


class Signature:
    """One signature of a version.

    Attributes:
        model, name: of the model and of the signature.
        inputs: {name: `Input`}.
        outputs: {name: `tf.TensorSpec`}.
        batched: whether the first dimension of every input and output is open, so that requests can run together.
        num_classes: number of classes, or None if the model card does not state it.
    """

    def __init__(
        self, model: str, name: str, function: tf.types.experimental.ConcreteFunction, num_classes: int | None = None
    ):
        self.model, self.name, self.function, self.num_classes = model, name, function, num_classes
        self.inputs = {key: Input(spec) for key, spec in sorted(function.structured_input_signature[1].items())}
        self.outputs = function.structured_outputs
        specs = [*(i.spec for i in self.inputs.values()), *self.outputs.values()]
        self.batched = bool(self.inputs) and all(s.shape.rank and s.shape[0] is None for s in specs)

    def check_names(self, names: Mapping[str, Any]) -> None:
        """Raises: StatusError if inputs are missing or unknown."""
        if set(names) != set(self.inputs):
            extra, missing = sorted(set(names) - set(self.inputs)), sorted(set(self.inputs) - set(names))
            raise invalid_argument(
                f"input size does not match signature: {len(names)}!={len(self.inputs)} "
                f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
            )

    def select_outputs(self, names: Sequence[str]) -> list[str]:
        """The outputs to return: `names`, or all if that is empty. Raises: StatusError for unknown and repeated names."""
        for number, name in enumerate(names):
            if name not in self.outputs:
                known = ",".join(sorted(self.outputs))
                raise invalid_argument(
                    f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{known}}}."
                )
            if name in names[:number]:
                raise invalid_argument(f"duplicate output tensor alias: {name}")
        return list(names) or sorted(self.outputs)

    def count_rows(self, shapes: Mapping[str, Sequence[int]], largest: int) -> int:
        """The number of rows, the same for all inputs. Called before values are read, so that no shape can claim memory.

        Args:
            shapes: {name: sizes}.
            largest: maximum number of rows of one request.

        Raises:
            StatusError: INVALID_ARGUMENT if a shape does not fit the signature.
        """
        for number, (name, expected) in enumerate(self.inputs.items()):
            shape = shapes[name]
            if self.batched and not shape:
                raise invalid_argument("Batching Run() input tensors must have at least one dimension")
            if not expected.fits(shape):
                raise invalid_argument(
                    f"Expects arg[{number}] {name} to have shape {expected.spec.shape} but shape {shape} is provided"
                )
            if math.prod(shape[1 if self.batched else 0 :]) > MAX_ROW_ELEMENTS:
                raise invalid_argument(f"Expects arg[{number}] {name} to be smaller than shape {shape}")
        if not self.batched:
            return 1
        counts = sorted({shape[0] for shape in shapes.values()})
        if len(counts) > 1:
            raise invalid_argument(f"Batching Run() input tensors must have equal 0th-dimension size; got {counts}")
        if not counts[0]:
            raise invalid_argument("Batching Run() input tensors must have at least one row; got 0")
        if counts[0] > largest:
            raise invalid_argument(f"Task size {counts[0]} is larger than maximum input batch size {largest}")
        return counts[0]

    def read(self, protos: Mapping[str, Any], largest: int) -> tuple[dict[str, np.ndarray], int]:
        """({name: array}, rows) of a request's TensorProtos.

        Raises:
            StatusError: INVALID_ARGUMENT if they do not fit the signature.
        """
        self.check_names(protos)
        for number, (name, expected) in enumerate(self.inputs.items()):
            if protos[name].dtype != expected.dtype:
                actual, wanted = dtype_name(protos[name].dtype), dtype_name(expected.dtype)
                raise invalid_argument(
                    f"Expects arg[{number}] to be {wanted} but {actual} is provided, as input {name}"
                )
            if protos[name].tensor_shape.unknown_rank:
                raise invalid_argument(f"tensor parsing error: {name}: its shape is unknown")
        rows = self.count_rows({n: [d.size for d in protos[n].tensor_shape.dim] for n in self.inputs}, largest)
        return {name: array_of(name, protos[name], i.content_dtype) for name, i in self.inputs.items()}, rows

    def check_values(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Raises: StatusError for labels that are not classes (-1 draws one by seed), and for a bound of truncation that is no
        number or below 0. The graph itself would not fail, and sends black images."""
        if "seed" in arrays and "truncation" in arrays and not (arrays["truncation"] >= 0).all():
            bound = arrays["truncation"][~(arrays["truncation"] >= 0)].flat[0]
            raise invalid_argument(f"truncation {bound:g}: expected 0 or more; an infinite one turns truncation off")
        if not self.num_classes or "labels" not in arrays:
            return
        labels, least = arrays["labels"], -1 if "seed" in arrays else 0
        invalid = (labels < least) | (labels >= self.num_classes)
        if invalid.any():
            by_seed = ", or -1 to draw one by seed" if least else ""
            raise invalid_argument(
                f"label {labels[invalid].flat[0]} is not a class of {self.model}; expected 0 to {self.num_classes - 1}{by_seed}"
            )

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs {name: array}. Raises: TensorFlow's errors."""
        tensors = {name: tf.constant(arrays[name], i.spec.dtype) for name, i in self.inputs.items()}
        return {name: value.numpy() for name, value in self.function(**tensors).items()}


def dtype_name(number: int) -> str:
    """A dtype number of `types_pb2` as TensorFlow's messages name it."""
    known = number in types_pb2.DataType.values()
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower() if known else "unknown"


def array_of(name: str, proto: Any, content_dtype: np.dtype | None) -> np.ndarray:
    """The values of a TensorProto whose dtype and shape have been checked. content_dtype: as in `Input`."""
    shape = [d.size for d in proto.tensor_shape.dim]
    content = proto.tensor_content
    if content_dtype is not None:
        if content and len(content) == math.prod(shape) * content_dtype.itemsize:
            return np.frombuffer(content, content_dtype).reshape(shape)
        values = getattr(proto, VALUE_FIELDS[content_dtype]) if content_dtype in VALUE_FIELDS else ()
        if len(values) == math.prod(shape) and not content:
            return np.array(values, content_dtype).reshape(shape)
    try:
        return tf.make_ndarray(proto)  # slow, but complete
    except (ValueError, TypeError, IndexError):
        raise invalid_argument(f"tensor parsing error: {name}") from None


class Servable:
    """A version in memory.

    Attributes:
        model, version: name and number.
        definitions: {name: SignatureDef}, from the file.
        signatures: {name: `Signature`}.
        users: number of requests that are using it.
    """

    def __init__(self, model: str, version: int, folder: Path):
        self.model, self.version, self.users = model, version, 0
        content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        graph = next((g for g in content.meta_graphs if "serve" in g.meta_info_def.tags), None)
        if graph is None:
            raise StatusError(StatusCode.NOT_FOUND, 'Could not find meta graph def matching supplied tags: { "serve" }')
        self.definitions = dict(graph.signature_def)
        self.loaded = tf.saved_model.load(str(folder))
        num_classes = card_of(folder).get("num_classes")
        functions = self.loaded.signatures.items()
        self.signatures = {name: Signature(model, name, function, num_classes) for name, function in functions}

    def signature(self, name: str) -> Signature:
        """The signature of that name, or the default one if it is empty. Raises: StatusError, FAILED_PRECONDITION."""
        if (name or DEFAULT_SIGNATURE) not in self.signatures:
            raise failed_precondition(f'Serving signature key "{name or DEFAULT_SIGNATURE}" not found.')
        return self.signatures[name or DEFAULT_SIGNATURE]

    @contextlib.contextmanager
    def in_use(self) -> "Iterator[Servable]":
        """A context in which it is not unloaded."""
        self.users += 1
        try:
            yield self
        finally:
            self.users -= 1


def load(model: str, version: int, folder: Path, check: Callable[[Path], object], metrics: Metrics) -> Servable:
    """The `Servable` of a version folder, warmed up.

    Args:
        check: called with the folder before TensorFlow reads it; raises if the folder must not be loaded.

    Raises:
        StatusError: for any failure, of a warm-up request as well.
    """
    try:
        check(folder)
        if not (folder / "saved_model.pb").is_file():
            raise StatusError(
                StatusCode.NOT_FOUND, f"Could not find SavedModel .pb at supplied export directory path: {folder}"
            )
        servable = Servable(model, version, folder)
        start, status = time.perf_counter(), "OK"
        try:
            warm_up(servable, folder / WARM_UP)
        except Exception as error:
            status = as_status_error(error).code.name
            raise
        finally:
            metrics.warm_up.add((time.perf_counter() - start) * 1e6, str(folder), status)
        return servable
    except ValueError as error:  # from TensorFlow's readers, or the ZooError of `check`
        raise failed_precondition(str(error)) from error
    except OSError as error:
        raise StatusError(StatusCode.INTERNAL, f"{folder} cannot be read: {error}") from error
    except Exception as error:
        raise as_status_error(error) from error


def warm_up(servable: Servable, path: Path) -> None:
    """Runs the warm-up requests stored with the version, if any."""
    if not path.exists():
        return
    for number, record in enumerate(tf.data.TFRecordDataset(str(path))):
        if number == MAX_WARM_UP_RECORDS:
            raise invalid_argument(f"Number of warmup records exceeds the maximum ({MAX_WARM_UP_RECORDS}) at {path}")
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        if log.WhichOneof("log_type") != "predict_log":
            raise invalid_argument("Unsupported log_type for warmup: expected predict_log")
        request = log.predict_log.request
        signature = servable.signature(request.model_spec.signature_name)
        signature.run(signature.read(request.inputs, largest=2**31)[0])
