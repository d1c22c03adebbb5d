"""One loaded version of a model: its signatures, which check what comes before anything is run."""

import contextlib
import math
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from grpc import StatusCode
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tfgan_zoo.saved_model.version_folder import card_of
from tfgan_zoo.serving.server.status import Refused, invalid, of_error, precondition

WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
MOST_RECORDS = 1000  # as TF Serving's saved_model_warmup_util.h
DEFAULT = "serving_default"
# Where a TensorProto has the numbers that generators are asked with, if not as bytes.
VALUES = {np.dtype("float32"): "float_val", np.dtype("int32"): "int_val", np.dtype("int64"): "int64_val"}


class Input:
    """What a signature's input is, in a form that is quick to compare with: every request is.

    Attributes:
        spec: `tf.TensorSpec`; dtype: its number in `types_pb2`; sizes: its dimensions, None where open; None for any rank.
        numbers: the NumPy type that its `tensor_content` holds; None for texts and the like.
    """

    def __init__(self, spec):
        self.spec, self.dtype = spec, spec.dtype.as_datatype_enum
        self.sizes = None if spec.shape.rank is None else spec.shape.as_list()
        numbers = np.dtype(spec.dtype.as_numpy_dtype)
        self.numbers = None if numbers.hasobject else numbers

    def fits(self, shape):
        """Whether sizes, all known, are such a shape."""
        if self.sizes is None:
            return min(shape, default=0) >= 0
        return len(shape) == len(self.sizes) and all(
            size >= 0 and wanted in (None, size) for size, wanted in zip(shape, self.sizes, strict=True)
        )


class Signature:
    """One function of a version.

    Attributes:
        model, name; inputs: {name: `Input`}; outputs: {name: `tf.TensorSpec`}.
        batched: every input and output has an open first dimension, so that requests can be run together.
        num_classes: how many there are, None where the model's card does not tell.
    """

    def __init__(self, model, name, function, num_classes=None):
        self.model, self.name, self.function, self.num_classes = model, name, function, num_classes
        self.inputs = {key: Input(spec) for key, spec in sorted(function.structured_input_signature[1].items())}
        self.outputs = function.structured_outputs
        specs = [*(i.spec for i in self.inputs.values()), *self.outputs.values()]
        self.batched = bool(self.inputs) and all(s.shape.rank and s.shape[0] is None for s in specs)

    def check_names(self, given):
        """Raises: Refused where inputs are missing or beyond the signature's."""
        if set(given) != set(self.inputs):
            extra, missing = sorted(set(given) - set(self.inputs)), sorted(set(self.inputs) - set(given))
            raise invalid(
                f"input size does not match signature: {len(given)}!={len(self.inputs)} "
                f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
            )

    def check_filter(self, names):
        """The outputs to answer with. Raises: Refused for unknown and repeated names."""
        for number, name in enumerate(names):
            if name not in self.outputs:
                known = ",".join(sorted(self.outputs))
                raise invalid(
                    f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{known}}}."
                )
            if name in names[:number]:
                raise invalid(f"duplicate output tensor alias: {name}")
        return list(names) or sorted(self.outputs)

    def rows(self, shapes, largest):
        """The number of rows that all inputs have.

        Args:
            shapes: {name: [sizes]}, before any value is read, so that no shape can ask for memory.
            largest: number of rows that one request may have.

        Raises:
            Refused: INVALID_ARGUMENT, of shapes that are not the signature's.
        """
        for number, (name, wanted) in enumerate(self.inputs.items()):
            shape = shapes[name]
            if self.batched and not shape:
                raise invalid("Batching Run() input tensors must have at least one dimension")
            if not wanted.fits(shape):
                expected = f"to have shape {wanted.spec.shape} but shape {shape} is provided"
                raise invalid(f"Expects arg[{number}] {name} {expected}")
            if math.prod(shape[1 if self.batched else 0 :]) > 2**24:
                raise invalid(f"Expects arg[{number}] {name} to be smaller than shape {shape}")
        if not self.batched:
            return 1
        counts = sorted({shape[0] for shape in shapes.values()})
        if len(counts) > 1:
            raise invalid(f"Batching Run() input tensors must have equal 0th-dimension size; got {counts}")
        if not counts[0]:
            raise invalid("Batching Run() input tensors must have at least one row; got 0")
        if counts[0] > largest:
            raise invalid(f"Task size {counts[0]} is larger than maximum input batch size {largest}")
        return counts[0]

    def read(self, given, largest):
        """({name: array}, rows) of a request's TensorProtos.

        Raises:
            Refused: INVALID_ARGUMENT, of whatever is not the signature's.
        """
        self.check_names(given)
        for number, (name, wanted) in enumerate(self.inputs.items()):
            if given[name].dtype != wanted.dtype:
                came, expected = type_name(given[name].dtype), type_name(wanted.dtype)
                raise invalid(f"Expects arg[{number}] to be {expected} but {came} is provided, as input {name}")
            if given[name].tensor_shape.unknown_rank:
                raise invalid(f"tensor parsing error: {name}: its shape is unknown")
        rows = self.rows({n: [d.size for d in given[n].tensor_shape.dim] for n in self.inputs}, largest)
        return {name: array_of(name, given[name], self.inputs[name].numbers) for name in self.inputs}, rows

    def check_labels(self, arrays):
        """Raises: Refused, of a label that is no class; -1 leaves the class to a seed. The graph would draw something."""
        if not self.num_classes or "labels" not in arrays:
            return
        labels, least = arrays["labels"], -1 if "seed" in arrays else 0
        beyond = (labels < least) | (labels >= self.num_classes)
        if beyond.any():
            by_seed = ", or -1 for one drawn by seed" if least else ""
            raise invalid(
                f"label {labels[beyond].flat[0]} is no class of {self.model}, which has 0 to {self.num_classes - 1}{by_seed}"
            )

    def run(self, arrays):
        """{name: array} of whole inputs. Raises: whatever TensorFlow does."""
        tensors = {name: tf.constant(arrays[name], i.spec.dtype) for name, i in self.inputs.items()}
        return {name: value.numpy() for name, value in self.function(**tensors).items()}


def type_name(number):
    """Of a number in `types_pb2`, as TensorFlow's messages have it."""
    known = number in types_pb2.DataType.values()
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower() if known else "unknown"


def array_of(name, proto, numbers):
    """The values of a TensorProto whose type and shape were found good; `numbers` as in `Input`."""
    shape = [d.size for d in proto.tensor_shape.dim]
    content, values = proto.tensor_content, getattr(proto, VALUES[numbers]) if numbers in VALUES else ()
    if content and numbers and len(content) == math.prod(shape) * numbers.itemsize:
        return np.frombuffer(content, numbers).reshape(shape)
    if len(values) == math.prod(shape) and not content:
        return np.array(values, numbers).reshape(shape)
    try:
        return tf.make_ndarray(proto)  # which is slow, and knows all that a TensorProto may be
    except (ValueError, TypeError, IndexError):
        raise invalid(f"tensor parsing error: {name}") from None


class Servable:
    """A version in memory.

    Attributes:
        model, version; definitions: {name: SignatureDef}, as the file has them.
        busy: how many requests hold it.
    """

    def __init__(self, model, version, folder):
        self.model, self.version, self.busy = model, version, 0
        content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        graph = next((g for g in content.meta_graphs if "serve" in g.meta_info_def.tags), None)
        if graph is None:
            raise Refused(StatusCode.NOT_FOUND, 'Could not find meta graph def matching supplied tags: { "serve" }')
        self.definitions = dict(graph.signature_def)
        self.loaded = tf.saved_model.load(str(folder))
        num_classes = card_of(folder).get("num_classes")
        functions = self.loaded.signatures.items()
        self.signatures = {name: Signature(model, name, function, num_classes) for name, function in functions}

    def signature(self, name):
        """Raises: Refused, FAILED_PRECONDITION, where it is not there."""
        if (name or DEFAULT) not in self.signatures:
            raise precondition(f'Serving signature key "{name or DEFAULT}" not found.')
        return self.signatures[name or DEFAULT]

    @contextlib.contextmanager
    def held(self):
        """It is not unloaded within."""
        self.busy += 1
        try:
            yield self
        finally:
            self.busy -= 1


def load(model, version, folder, check, metrics):
    """The `Servable` of a version folder, warmed up.

    Args:
        check: function of the folder, called before TensorFlow sees it; raises what makes the folder unfit.

    Raises:
        Refused: of any failure, that of a warm-up request included.
    """
    try:
        check(folder)
        if not (folder / "saved_model.pb").is_file():
            raise Refused(
                StatusCode.NOT_FOUND, f"Could not find SavedModel .pb at supplied export directory path: {folder}"
            )
        servable = Servable(model, version, folder)
        start, status = time.perf_counter(), "OK"
        try:
            warm_up(servable, folder / WARM_UP)
        except Exception as error:
            status = of_error(error).code.name
            raise
        finally:
            metrics.warm_up.add((time.perf_counter() - start) * 1e6, str(folder), status)
        return servable
    except ValueError as error:  # of `check`, whose ZooError is one, and of TensorFlow's readers
        raise precondition(str(error)) from error
    except OSError as error:
        raise Refused(StatusCode.INTERNAL, f"{folder} cannot be read: {error}") from error
    except Exception as error:
        raise of_error(error) from error


def warm_up(servable, path):
    """Plays the requests that the version brings along."""
    if not path.exists():
        return
    for number, record in enumerate(tf.data.TFRecordDataset(str(path))):
        if number == MOST_RECORDS:
            raise invalid(f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {path}")
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        if log.WhichOneof("log_type") != "predict_log":
            raise invalid("Unsupported log_type for warmup: expected predict_log")
        request = log.predict_log.request
        signature = servable.signature(request.model_spec.signature_name)
        signature.run(signature.read(request.inputs, largest=2**31)[0])
