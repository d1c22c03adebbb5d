"""TF Serving's messages for batching, monitoring and TLS files, which the package tensorflow-serving-api lacks.

Names and numbers of the fields are those of TF Serving's session_bundle_config.proto, monitoring_config.proto and
ssl_config.proto, so that `google.protobuf.text_format` reads the very files that its server reads.
"""

import functools

from google.protobuf import wrappers_pb2

from tfgan_zoo.serving.messages import build

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
def classes():
    return build("tensorflow.serving", MESSAGES, uses=(wrappers_pb2.DESCRIPTOR,))


def batching_parameters():
    """The class of batching.config, `--batching_parameters_file` of TF Serving; `max_batch_size.value` is the number."""
    return classes()["BatchingParameters"]


def monitoring_config():
    """The class of monitoring.config, `--monitoring_config_file` of TF Serving."""
    return classes()["MonitoringConfig"]


def ssl_config():
    """The class of ssl.config, `--ssl_config_file` of TF Serving: its texts are PEM, not paths."""
    return classes()["SSLConfig"]
