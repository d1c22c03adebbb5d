"""What is to be served and how: TF Serving's configuration files, read and checked."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model.version_folder import versions
from tfgan_zoo.serving import protos
from tfgan_zoo.serving.server.status import invalid


def even_sizes(largest):
    """Sizes of batches up to `largest`, none odd but 1: a pixel of those can be one step of uint8 off, see docs/server.md."""
    return tuple(sorted({1, *range(2, largest, 2), largest}))


@dataclasses.dataclass(frozen=True, eq=False)
class ModelSettings:
    """One model: its name, its folder, which of the versions there to serve, and {label: version}."""

    name: str
    base: Path
    wanted: Callable  # [versions] -> [versions]
    labels: dict


@dataclasses.dataclass(frozen=True)
class BatchSettings:
    """Batching as of TF Serving's BatchingParameters. threads: runs at a time; wait: seconds that a batch stays open.

    ahead: full batches that may be started beyond `threads`, so that no core waits for what Python does between two runs.
    """

    sizes: tuple = even_sizes(64)
    wait: float = 0.0
    longest_queue: int = 100  # batches a signature
    threads: int = os.cpu_count() or 1
    ahead: int = 1

    @property
    def largest(self):
        return self.sizes[-1]


@dataclasses.dataclass(frozen=True)
class TlsSettings:
    """PEM texts; `verify`: clients must show a certificate of `authority`."""

    key: str
    certificate: str
    authority: str
    verify: bool


def parsed(path, message):
    """The message that a text file holds. Raises: ZooError that names the file and its fault."""
    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), message)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ZooError(f"{path} is no {message.DESCRIPTOR.name} in text form: {error}") from None


def model_server_config(path):
    """The ModelServerConfig of models.config."""
    return parsed(path, model_server_config_pb2.ModelServerConfig())


def zoo_config(folder):
    """The ModelServerConfig of a folder of exports: each child that has versions is a model, its latest one served.

    Links out of the folder are no models: see `links_out`.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise ZooError(f"{folder} is no folder; give --zoo a folder of exports, such as export/.")
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.SetInParent()
    for child in exports_in(folder):
        if inside(child, (folder,)):
            config.model_config_list.config.add(name=child.name, base_path=str(child), model_platform="tensorflow")
    return config


def exports_in(folder):
    """The children of a folder that have versions, links to such included, in order; those of printable names."""
    named = (child for child in sorted(folder.iterdir()) if child.name.isprintable() and not child.name.startswith("."))
    return [child for child in named if child.is_dir() and versions(child)]


def links_out(folder):
    """The children of a zoo that `zoo_config` leaves out: they lead elsewhere."""
    folder = Path(folder).resolve()
    return [child for child in exports_in(folder) if not inside(child, (folder,))]


def policy(message):
    """Function [versions] -> [versions] of a ServableVersionPolicy: the latest one where it says nothing."""
    chosen = message.WhichOneof("policy_choice")
    if chosen == "all":
        return lambda there: sorted(there)
    if chosen == "specific":
        listed = set(message.specific.versions)
        return lambda there: sorted(listed & set(there))
    number = message.latest.num_versions or 1
    return lambda there: sorted(there)[-number:]


def inside(path, roots):
    """Whether a path, with all links followed, lies in one of the folders; one that leads in a circle does not."""
    try:
        real = Path(path).resolve()
    except (OSError, RuntimeError):
        return False
    return not real.is_symlink() and any(real.is_relative_to(root) for root in roots)


def model_settings(config, roots):
    """{name: `ModelSettings`} of a ModelServerConfig.

    Args:
        roots: resolved folders that nothing may be served from outside of.

    Raises:
        Refused: INVALID_ARGUMENT, of what TF Serving refuses, and of folders outside of the roots.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid("ServerModelConfig type not supported: expected model_config_list")
    models = {}
    for model in config.model_config_list.config:
        if not model.name:
            raise invalid("A model without a name in the config list")
        if model.name in models:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        if model.model_platform != "tensorflow" and (model.model_platform or model.model_type != 1):
            got = f'"{model.model_platform}"' if model.model_platform else "none"
            raise invalid(f'Model {model.name}: expected model_platform "tensorflow", got {got}')
        if not os.path.isabs(model.base_path):
            raise invalid(
                f'Expected model {model.name} to have an absolute path or URI; got base_path()="{model.base_path}"'
            )
        if "\0" in model.base_path or not inside(model.base_path, roots):
            raise invalid(f"Model {model.name}: base_path lies outside of the folders that this server serves")
        chosen, labels = policy(model.model_version_policy), dict(model.version_labels)
        models[model.name] = ModelSettings(model.name, Path(model.base_path), chosen, labels)
    return models


def roots_of(config):
    """The folders that the models of a first config lie in."""
    return tuple({Path(model.base_path).resolve().parent for model in config.model_config_list.config})


def batch_settings(path):
    """`BatchSettings` of batching.config; what it leaves out keeps its default, sizes up to a maximum of its own included.

    Raises:
        ZooError: the file is not what TF Serving takes.
    """
    if not path:
        return BatchSettings()
    told, default = parsed(path, protos.batching_parameters()()), BatchSettings()

    def number(field, otherwise, least=1):
        value = getattr(told, field).value if told.HasField(field) else otherwise
        if value < least:
            raise ZooError(f"{path}: {field} is {value}; expected {least} or more.")
        return value

    sizes = tuple(told.allowed_batch_sizes)
    largest = number("max_batch_size", sizes[-1] if sizes else default.largest)
    sizes = sizes or even_sizes(largest)
    if list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != largest:
        raise ZooError(f"{path}: allowed_batch_sizes must rise and end with max_batch_size, {largest}; got {sizes}.")
    wait = number("batch_timeout_micros", 0, least=0) / 1e6
    queue, threads = number("max_enqueued_batches", default.longest_queue), number("num_batch_threads", default.threads)
    return BatchSettings(sizes, wait, queue, threads)


def metrics_path(path):
    """Where monitoring.config puts the metrics, None for nowhere; TF Serving's usual place without a file."""
    usual = "/monitoring/prometheus/metrics"
    if not path:
        return usual
    told = parsed(path, protos.monitoring_config()()).prometheus_config
    return (told.path or usual) if told.enable else None


def tls_settings(path):
    """`TlsSettings` of ssl.config, None without one.

    Raises:
        ZooError: it lacks the key or the certificate, or the authority to verify clients by.
    """
    if not path:
        return None
    told = parsed(path, protos.ssl_config()())
    if not (told.server_key and told.server_cert):
        raise ZooError(f"{path}: expected server_key and server_cert, as PEM text.")
    if told.client_verify and not told.custom_ca:
        raise ZooError(f"{path}: client_verify needs custom_ca, the PEM text of the clients' authority.")
    return TlsSettings(told.server_key, told.server_cert, told.custom_ca, told.client_verify)
