"""Classify, Regress and MultiInference, which take tf.Examples: refused for the reason that TensorFlow Serving would give.

Source of the checks and messages: its servables/tensorflow/classifier.cc, regressor.cc and multi_inference.cc, read, not copied,
with its default of --enable_signature_method_name_check=false. No export of this library passes the checks.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

from grpc import StatusCode

from tfgan_zoo.serving.server.servable import DEFAULT_SIGNATURE, Servable
from tfgan_zoo.serving.server.status import StatusError, invalid_argument

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def check_classification(signature: Any) -> None:
    """Raises: StatusError if a SignatureDef is none of a classifier."""
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if "inputs" not in signature.inputs:
        raise invalid_argument(f"No classification inputs found in SignatureDef: {signature}")
    if not {"classes", "scores"} & set(signature.outputs):
        raise invalid_argument(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {signature}"
        )


def check_regression(signature: Any) -> None:
    """Raises: StatusError if a SignatureDef is none of a regression."""
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if "inputs" not in signature.inputs:
        raise invalid_argument(f"No regression inputs found in SignatureDef: {signature}")
    if "outputs" not in signature.outputs:
        raise invalid_argument(f"No regression outputs found in SignatureDef: {signature}")


CHECKS = {CLASSIFY: check_classification, REGRESS: check_regression}


def refuse(servable: Servable, method: str, signature_name: str) -> NoReturn:
    """Raises: StatusError for `CLASSIFY` or `REGRESS` with a signature, the default one if the name is empty."""
    name = signature_name or DEFAULT_SIGNATURE
    if name not in servable.definitions:
        raise invalid_argument(f"No signature was found with the name: {name}")
    CHECKS[method](servable.definitions[name])
    raise not_computed()


def refuse_tasks(servable: Servable, tasks: Sequence[Any]) -> NoReturn:
    """Raises: StatusError for the tasks of a MultiInferenceRequest."""
    seen: set[str] = set()
    for task in tasks:
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if not task.model_spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if task.model_spec.name != servable.model:
            raise invalid_argument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        if name in seen:
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if name not in servable.definitions:
            raise invalid_argument(f"Requested signature not found in model graph: {name}")
        if task.method_name not in CHECKS:
            raise StatusError(StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
        CHECKS[task.method_name](servable.definitions[name])
    raise not_computed()


def not_computed() -> StatusError:
    """The error for a signature of another library's model that TensorFlow Serving would run."""
    return StatusError(
        StatusCode.UNIMPLEMENTED, "This server runs no tf.Examples; TensorFlow Serving does, or call Predict"
    )
