"""Serves exports over TF Serving's gRPC and REST APIs from one Python process, for laptops and tests. See docs/server.md.

python -m tfgan_zoo.serve --zoo=export/
python -m tfgan_zoo.serve --model_config_file=models.config --port=0 --rest_api_port=0
"""

from typing import TYPE_CHECKING

from absl import flags

from tfgan_zoo.cli import command_line

if TYPE_CHECKING:
    from tfgan_zoo.serving.server.application import Options

flags.adopt_module_key_flags(command_line)

ZOO = flags.DEFINE_string(
    "zoo",
    None,
    "Folder of exports: every subfolder with versions is a model, served in its latest version. This or "
    "--model_config_file is required.",
)
MODEL_CONFIG = flags.DEFINE_string(
    "model_config_file",
    None,
    "TF Serving's ModelServerConfig (models.config), which lists the models to serve instead of --zoo.",
)
HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 for every interface.")
PORT = flags.DEFINE_integer("port", 8500, "Port for gRPC; 0 for any free port.", 0, 65535)
REST_PORT = flags.DEFINE_integer("rest_api_port", 8501, "Port for REST; 0 for any free port.", 0, 65535)
REST_TIMEOUT = flags.DEFINE_integer(
    "rest_api_timeout_in_ms", 30000, "Time limit of a REST request, in milliseconds.", 1
)
REST_CORS = flags.DEFINE_bool("rest_api_enable_cors_support", False, "Let pages of any origin read REST's replies.")
POLL = flags.DEFINE_float(
    "file_system_poll_wait_seconds", 1, "Seconds between checks for new models and versions; 0 for no checks.", 0
)
CONFIG_POLL = flags.DEFINE_float(
    "model_config_file_poll_wait_seconds",
    0,
    "Seconds between checks of --model_config_file for changes; 0 for no checks.",
    0,
)
BATCHING = flags.DEFINE_string(
    "batching_parameters_file", None, "TF Serving's BatchingParameters (batching.config) in text format."
)
MONITORING = flags.DEFINE_string(
    "monitoring_config_file", None, "TF Serving's MonitoringConfig (monitoring.config) in text format."
)
TLS = flags.DEFINE_string(
    "ssl_config_file", None, "TF Serving's SSLConfig (ssl.config) in text format; it applies to gRPC and REST."
)
UNAVAILABLE_LABELS = flags.DEFINE_bool(
    "allow_version_labels_for_unavailable_models",
    False,
    "Allow new version labels to point to versions that are not loaded.",
)
TENSOR_CONTENT = flags.DEFINE_bool(
    "enable_serialization_as_tensor_content",
    False,
    "Answer gRPC in tensor_content, far cheaper for images than typed fields such as float_val, which some clients need.",
)
MAX_REQUEST_BYTES = flags.DEFINE_integer("max_request_bytes", 4 * 2**20, "Limit of a request, in bytes.", 1, 2**31 - 1)
STOP_SECONDS = flags.DEFINE_float("stop_seconds", 30, "Seconds to finish queued requests after SIGTERM or Ctrl-C.", 0)
INTRA_OP_THREADS = flags.DEFINE_integer(
    "tensorflow_intra_op_parallelism",
    1,
    "Threads per TensorFlow operation; above 1 a pixel may differ with the batch that an image is part of.",
    0,
)
UNSAFE = flags.DEFINE_bool(
    "unsafe", False, "Serve exports even if their files differ from their cards or their graphs do more than compute."
)


def options() -> "Options":
    """The `Options` set by the flags."""
    from tfgan_zoo.saved_model import trust
    from tfgan_zoo.serving.server import configuration
    from tfgan_zoo.serving.server.application import Options

    return Options(
        zoo=ZOO.value,
        model_config=MODEL_CONFIG.value,
        host=HOST.value,
        port=PORT.value,
        rest_port=REST_PORT.value,
        poll_seconds=POLL.value,
        config_poll_seconds=CONFIG_POLL.value,
        batching=configuration.batch_settings(BATCHING.value),
        metrics_path=configuration.metrics_path(MONITORING.value),
        tls=configuration.tls_settings(TLS.value),
        allow_unavailable_labels=UNAVAILABLE_LABELS.value,
        tensor_content=TENSOR_CONTENT.value,
        max_request_bytes=MAX_REQUEST_BYTES.value,
        rest_timeout=REST_TIMEOUT.value / 1000,
        rest_cors=REST_CORS.value,
        stop_seconds=STOP_SECONDS.value,
        check=(lambda folder: None) if UNSAFE.value else trust.check,
        log=lambda line: print(line, flush=True),
    )


def main() -> int:
    command_line.load_tensorflow()
    import tensorflow as tf

    from tfgan_zoo.serving.server import application

    tf.config.threading.set_intra_op_parallelism_threads(INTRA_OP_THREADS.value)
    application.run(options())
    return 0


if __name__ == "__main__":
    command_line.run(main)
