"""Serves exports as TF Serving does, by gRPC and REST, from one Python process: for laptops and tests. See docs/server.md.

python -m tfgan_zoo.serve --zoo=export/
python -m tfgan_zoo.serve --model_config_file=models.config --port=0 --rest_api_port=0
"""

import asyncio

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

ZOO = flags.DEFINE_string("zoo", None, "A folder of exports: each child with versions is a model.")
MODELS = flags.DEFINE_string("model_config_file", None, "TF Serving's ModelServerConfig in text form.")
HOST = flags.DEFINE_string("host", "127.0.0.1", "Where to listen; 0.0.0.0 for every interface.")
PORT = flags.DEFINE_integer("port", 8500, "Of gRPC; 0 for any that is free.", 0, 65535)
REST_PORT = flags.DEFINE_integer("rest_api_port", 8501, "Of REST; 0 for any that is free.", 0, 65535)
REST_TIMEOUT = flags.DEFINE_integer("rest_api_timeout_in_ms", 30000, "That a REST request may take.", 1)
POLL = flags.DEFINE_float("file_system_poll_wait_seconds", 1, "Between looks at the folders; 0 for never.", 0)
POLL_CONFIG = flags.DEFINE_float(
    "model_config_file_poll_wait_seconds", 0, "Between looks at --model_config_file; 0 for never.", 0
)
BATCHING = flags.DEFINE_string("batching_parameters_file", None, "TF Serving's BatchingParameters in text form.")
MONITORING = flags.DEFINE_string("monitoring_config_file", None, "TF Serving's MonitoringConfig in text form.")
TLS = flags.DEFINE_string("ssl_config_file", None, "TF Serving's SSLConfig in text form; REST is encrypted too.")
LABELS = flags.DEFINE_bool(
    "allow_version_labels_for_unavailable_models", False, "Let new labels point to versions that are not loaded."
)
MOST_BYTES = flags.DEFINE_integer("max_request_bytes", 4 * 2**20, "Of one request.", 1, 2**31 - 1)
GRACE = flags.DEFINE_float("stop_seconds", 30, "To finish what is queued at SIGTERM.", 0)
THREADS = flags.DEFINE_integer(
    "tensorflow_intra_op_parallelism", 1, "Threads of one operation; above 1 a pixel may differ by its batch.", 0
)

UNSAFE = flags.DEFINE_bool("unsafe", False, "Serve exports whose files or graph are refused.")


def options():
    """The `Options` that the flags ask for."""
    from tfgan_zoo.saved_model import trust
    from tfgan_zoo.serving.server import configuration
    from tfgan_zoo.serving.server.application import Options

    return Options(
        zoo=ZOO.value,
        models=MODELS.value,
        host=HOST.value,
        port=PORT.value,
        rest_port=REST_PORT.value,
        poll=POLL.value,
        poll_config=POLL_CONFIG.value,
        batching=configuration.batch_settings(BATCHING.value),
        metrics_path=configuration.metrics_path(MONITORING.value),
        tls=configuration.tls_settings(TLS.value),
        early_labels=LABELS.value,
        most_bytes=MOST_BYTES.value,
        rest_seconds=REST_TIMEOUT.value / 1000,
        patience=GRACE.value,
        check=(lambda folder: None) if UNSAFE.value else trust.check,
        say=lambda line: print(line, flush=True),
    )


def main():
    command_line.load_tensorflow()
    import tensorflow as tf

    from tfgan_zoo.serving.server import application

    tf.config.threading.set_intra_op_parallelism_threads(THREADS.value)
    asyncio.run(application.serve(options()))
    return 0


if __name__ == "__main__":
    command_line.run(main)
