"""What a request can be refused with: TF Serving's status codes, with the sense of its messages.

Source of codes and messages: TF Serving's core/basic_manager.cc, model_servers/server_core.cc, servables/tensorflow/predict_util.cc,
batching/batching_session.cc and util/json_tensor.cc, read, not copied.
"""

from grpc import StatusCode

LONGEST = 1024  # characters of a message, as in TF Serving's grpc_status_util.cc
BY_NUMBER = {code.value[0]: code for code in StatusCode}  # TensorFlow's error codes are gRPC's
HTTP = {
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
}  # all else is 500


class Refused(Exception):
    """A request that gets a status other than OK.

    Attributes:
        code: a `grpc.StatusCode`; message: at most 1024 characters and "...TRUNCATED".
    """

    def __init__(self, code, message):
        self.code = code
        self.message = message if len(message) <= LONGEST else message[:LONGEST] + "...TRUNCATED"
        super().__init__(self.message)

    @property
    def http(self):
        return HTTP.get(self.code, 500)


def invalid(message):
    return Refused(StatusCode.INVALID_ARGUMENT, message)


def not_found(message):
    return Refused(StatusCode.NOT_FOUND, message)


def precondition(message):
    return Refused(StatusCode.FAILED_PRECONDITION, message)


def unavailable(message):
    return Refused(StatusCode.UNAVAILABLE, message)


def exhausted(message):
    return Refused(StatusCode.RESOURCE_EXHAUSTED, message)


def of_error(error):
    """The `Refused` that stands for any exception; what is not TensorFlow's own says no more than its type."""
    import tensorflow as tf

    if isinstance(error, Refused):
        return error
    if isinstance(error, tf.errors.OpError):
        return Refused(BY_NUMBER.get(error.error_code, StatusCode.UNKNOWN), error.message)
    if isinstance(error, MemoryError):
        return exhausted("Out of memory")
    return Refused(StatusCode.INTERNAL, f"Internal error: {type(error).__name__}")
