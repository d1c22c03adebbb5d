"""TF Serving's messages for batching, monitoring and TLS files, which the package tensorflow-serving-api lacks.

Names and numbers of the fields are those of TF Serving's session_bundle_config.proto, monitoring_config.proto and
ssl_config.proto, so that `google.protobuf.text_format` reads the very files that its server reads.
"""

import functools

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

FIELD = descriptor_pb2.FieldDescriptorProto
KINDS = {"int64": FIELD.TYPE_INT64, "bool": FIELD.TYPE_BOOL, "string": FIELD.TYPE_STRING}
# {message: {field: kind}}, numbered from 1 in this order; a kind that starts with a dot is another message.
MESSAGES = {
    "BatchingParameters": {
        "max_batch_size": ".google.protobuf.Int64Value",
        "batch_timeout_micros": ".google.protobuf.Int64Value",
        "max_enqueued_batches": ".google.protobuf.Int64Value",
        "num_batch_threads": ".google.protobuf.Int64Value",
        "thread_pool_name": ".google.protobuf.StringValue",
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": ".tensorflow.serving.PrometheusConfig"},
    "SSLConfig": {"server_key": "string", "server_cert": "string", "custom_ca": "string", "client_verify": "bool"},
}


@functools.cache
def pool():
    """The messages' own pool: another package that brings the same ones is not in the way."""
    file = descriptor_pb2.FileDescriptorProto(
        name="tfgan_zoo/serving.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            repeated, kind = kind.startswith("repeated "), kind.removeprefix("repeated ")
            label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label, type=KINDS.get(kind, FIELD.TYPE_MESSAGE))
            if kind not in KINDS:
                added.type_name = kind
    own = descriptor_pool.DescriptorPool()
    own.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    own.AddSerializedFile(file.SerializeToString())
    return own


def message_class(name):
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"tensorflow.serving.{name}"))


def batching_parameters():
    """The class of batching.config, `--batching_parameters_file` of TF Serving; `max_batch_size.value` is the number."""
    return message_class("BatchingParameters")


def monitoring_config():
    """The class of monitoring.config, `--monitoring_config_file` of TF Serving."""
    return message_class("MonitoringConfig")


def ssl_config():
    """The class of ssl.config, `--ssl_config_file` of TF Serving: its texts are PEM, not paths."""
    return message_class("SSLConfig")
