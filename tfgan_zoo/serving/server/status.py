"""The errors that a request can end with: TF Serving's status codes, with messages to the same effect.

Source of codes and messages: TF Serving's core/basic_manager.cc, model_servers/server_core.cc, servables/tensorflow/predict_util.cc,
batching/batching_session.cc and util/json_tensor.cc, read, not copied.
"""

from grpc import StatusCode

MAX_MESSAGE_LENGTH = 1024  # characters, as in TF Serving's grpc_status_util.cc
CODES = {code.value[0]: code for code in StatusCode}  # TensorFlow's error codes are gRPC's
HTTP_STATUS = {
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.ABORTED: 409,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}  # any other code is 500


class StatusError(Exception):
    """A status other than OK.

    Attributes:
        code: a `grpc.StatusCode`.
        message: at most 1,024 characters, then "...TRUNCATED".
    """

    def __init__(self, code: StatusCode, message: str):
        self.code = code
        self.message = message if len(message) <= MAX_MESSAGE_LENGTH else message[:MAX_MESSAGE_LENGTH] + "...TRUNCATED"
        super().__init__(self.message)

    @property
    def http_status(self) -> int:
        """The HTTP status of TF Serving's REST API for this code."""
        return HTTP_STATUS.get(self.code, 500)


def invalid_argument(message: str) -> StatusError:
    return StatusError(StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> StatusError:
    return StatusError(StatusCode.NOT_FOUND, message)


def failed_precondition(message: str) -> StatusError:
    return StatusError(StatusCode.FAILED_PRECONDITION, message)


def unavailable(message: str) -> StatusError:
    return StatusError(StatusCode.UNAVAILABLE, message)


def resource_exhausted(message: str) -> StatusError:
    return StatusError(StatusCode.RESOURCE_EXHAUSTED, message)


def as_status_error(error: BaseException) -> StatusError:
    """The `StatusError` for any exception. Messages of TensorFlow's errors are passed on; of other errors only the type is."""
    import tensorflow as tf

    if isinstance(error, StatusError):
        return error
    if isinstance(error, tf.errors.OpError):
        return StatusError(CODES.get(error.error_code, StatusCode.UNKNOWN), error.message)
    if isinstance(error, MemoryError):
        return resource_exhausted("Out of memory")
    return StatusError(StatusCode.INTERNAL, f"Internal error: {type(error).__name__}")
