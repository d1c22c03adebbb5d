"""Messages of TF Serving's batching, monitoring and TLS configuration files, which tensorflow-serving-api does not include.

Field names and numbers are those of TF Serving's session_bundle_config.proto, monitoring_config.proto and ssl_config.proto,
so that `google.protobuf.text_format` reads the same files as its server.
"""

import functools
from typing import Any

from google.protobuf import wrappers_pb2

from tfgan_zoo.serving.message_builder import build

MESSAGES = {
    "BatchingParameters": {
        "max_batch_size": (1, ".google.protobuf.Int64Value"),
        "batch_timeout_micros": (2, ".google.protobuf.Int64Value"),
        "max_enqueued_batches": (3, ".google.protobuf.Int64Value"),
        "num_batch_threads": (4, ".google.protobuf.Int64Value"),
        "thread_pool_name": (5, ".google.protobuf.StringValue"),
        "allowed_batch_sizes": (6, "repeated int64"),
        "pad_variable_length_inputs": (7, "bool"),
    },
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig")},
    "SSLConfig": {
        "server_key": (1, "string"),
        "server_cert": (2, "string"),
        "custom_ca": (3, "string"),
        "client_verify": (4, "bool"),
    },
}


@functools.cache
def classes() -> dict[str, Any]:
    """{name: class} of `MESSAGES`."""
    return build("tensorflow.serving", MESSAGES, dependencies=(wrappers_pb2.DESCRIPTOR,))


def batching_parameters() -> Any:
    """The class of batching.config, TF Serving's `--batching_parameters_file`; numbers are wrapped: `max_batch_size.value`."""
    return classes()["BatchingParameters"]


def monitoring_config() -> Any:
    """The class of monitoring.config, TF Serving's `--monitoring_config_file`."""
    return classes()["MonitoringConfig"]


def ssl_config() -> Any:
    """The class of ssl.config, TF Serving's `--ssl_config_file`; its fields hold PEM text, not paths."""
    return classes()["SSLConfig"]
