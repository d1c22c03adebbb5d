"""What to serve and how: reads and checks TF Serving's configuration files."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.saved_model.version_folder import versions
from tfgan_zoo.serving import config_messages
from tfgan_zoo.serving.server.status import invalid_argument


def even_batch_sizes(largest: int) -> tuple[int, ...]:
    """Batch sizes up to `largest`, without odd ones except 1: at odd sizes a uint8 pixel can be off by one, see docs/server.md."""
    return tuple(sorted({1, *range(2, largest, 2), largest}))


@dataclasses.dataclass(frozen=True, eq=False)
class ModelSettings:
    """A model to serve.

    Attributes:
        name: its name in requests.
        base: its folder, which holds the versions.
        aspired: available version numbers -> the ones to serve.
        labels: {version label: version number}.
    """

    name: str
    base: Path
    aspired: Callable[[Sequence[int]], list[int]]
    labels: dict[str, int]


@dataclasses.dataclass(frozen=True)
class BatchSettings:
    """Batching, as in TF Serving's BatchingParameters.

    Attributes:
        sizes: allowed batch sizes, increasing.
        timeout: seconds that a batch waits for more requests.
        max_enqueued: batches in the queue of one signature.
        threads: batches computed at the same time.
        extra_runs: full batches started beyond `threads`, so that no core idles while Python prepares the next run.
    """

    sizes: tuple[int, ...] = even_batch_sizes(64)
    timeout: float = 0.0
    max_enqueued: int = 100
    threads: int = os.cpu_count() or 1
    extra_runs: int = 1

    @property
    def largest(self) -> int:
        """Rows of the largest batch."""
        return self.sizes[-1]


@dataclasses.dataclass(frozen=True)
class TlsSettings:
    """TLS as PEM text. verify_clients: clients must present a certificate signed by `authority`."""

    key: str
    certificate: str
    authority: str
    verify_clients: bool


def parse_text_proto(path: str | Path, message: Any) -> Any:
    """`message` filled from a file in protobuf text format. Raises: ZooError with the file's name and the parser's message."""
    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), message)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: expected a {message.DESCRIPTOR.name} in text format: {error}") from None


def model_server_config(path: str | Path) -> model_server_config_pb2.ModelServerConfig:
    """The ModelServerConfig in models.config."""
    return parse_text_proto(path, model_server_config_pb2.ModelServerConfig())


def zoo_config(folder: str | Path) -> model_server_config_pb2.ModelServerConfig:
    """The ModelServerConfig of a folder of exports: every child with versions is a model, and its latest version is served.

    Links that lead out of the folder are skipped, see `outside_links`.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise ZooError(f"--zoo={folder}: expected a folder of exports, such as export/.")
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.SetInParent()
    for child in exports_in(folder):
        if is_inside(child, (folder,)):
            config.model_config_list.config.add(name=child.name, base_path=str(child), model_platform="tensorflow")
    return config


def exports_in(folder: Path) -> list[Path]:
    """The children of a folder that contain versions, links included, sorted; hidden and unprintable names are skipped."""
    named = (child for child in sorted(folder.iterdir()) if child.name.isprintable() and not child.name.startswith("."))
    return [child for child in named if child.is_dir() and versions(child)]


def outside_links(folder: str | Path) -> list[Path]:
    """The children of a zoo that `zoo_config` skips, because they are links that lead out of it."""
    folder = Path(folder).resolve()
    return [child for child in exports_in(folder) if not is_inside(child, (folder,))]


def version_policy(message: Any) -> Callable[[Sequence[int]], list[int]]:
    """Available versions -> versions to serve, by a ServableVersionPolicy; its default is the latest one."""
    choice = message.WhichOneof("policy_choice")
    if choice == "all":
        return lambda available: sorted(available)
    if choice == "specific":
        listed = set(message.specific.versions)
        return lambda available: sorted(listed & set(available))
    number = message.latest.num_versions or 1
    return lambda available: sorted(available)[-number:]


def is_inside(path: str | Path, roots: Sequence[Path]) -> bool:
    """Whether a path, after resolving all links, is in one of the folders. False for circular links."""
    try:
        real = Path(path).resolve()
    except (OSError, RuntimeError):
        return False
    return not real.is_symlink() and any(real.is_relative_to(root) for root in roots)


def model_settings(
    config: model_server_config_pb2.ModelServerConfig, roots: Sequence[Path]
) -> dict[str, ModelSettings]:
    """{name: `ModelSettings`} of a ModelServerConfig.

    Args:
        roots: resolved folders; models must be inside one of them.

    Raises:
        StatusError: INVALID_ARGUMENT, for what TF Serving rejects and for folders outside of the roots.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid_argument("ServerModelConfig type not supported: expected model_config_list")
    models: dict[str, ModelSettings] = {}
    for model in config.model_config_list.config:
        if not model.name:
            raise invalid_argument("A model without a name in the config list")
        if model.name in models:
            raise invalid_argument(f"Illegal to list model {model.name} multiple times in config list")
        if model.model_platform != "tensorflow" and (model.model_platform or model.model_type != 1):
            platform = f'"{model.model_platform}"' if model.model_platform else "none"
            raise invalid_argument(f'Model {model.name}: expected model_platform "tensorflow", got {platform}')
        if not os.path.isabs(model.base_path):
            raise invalid_argument(
                f'Expected model {model.name} to have an absolute path or URI; got base_path()="{model.base_path}"'
            )
        if "\0" in model.base_path or not is_inside(model.base_path, roots):
            raise invalid_argument(f"Model {model.name}: base_path is outside of the folders that this server serves")
        policy, labels = version_policy(model.model_version_policy), dict(model.version_labels)
        models[model.name] = ModelSettings(model.name, Path(model.base_path), policy, labels)
    return models


def model_roots(config: model_server_config_pb2.ModelServerConfig) -> tuple[Path, ...]:
    """The folders that contain a config's models."""
    return tuple({Path(model.base_path).resolve().parent for model in config.model_config_list.config})


def batch_settings(path: str | Path | None) -> BatchSettings:
    """`BatchSettings` from batching.config. Missing fields keep their defaults; sizes then go up to the file's maximum.

    Raises:
        ZooError: TF Serving would not accept the file.
    """
    if not path:
        return BatchSettings()
    parameters, default = parse_text_proto(path, config_messages.batching_parameters()()), BatchSettings()

    def number(field: str, default: int, least: int = 1) -> int:
        value = getattr(parameters, field).value if parameters.HasField(field) else default
        if value < least:
            raise ZooError(f"{path}: {field} is {value}; expected {least} or more.")
        return value

    sizes = tuple(parameters.allowed_batch_sizes)
    largest = number("max_batch_size", sizes[-1] if sizes else default.largest)
    sizes = sizes or even_batch_sizes(largest)
    if list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != largest:
        raise ZooError(
            f"{path}: allowed_batch_sizes must increase and end with max_batch_size, {largest}; got {sizes}."
        )
    timeout = number("batch_timeout_micros", 0, least=0) / 1e6
    queue, threads = number("max_enqueued_batches", default.max_enqueued), number("num_batch_threads", default.threads)
    return BatchSettings(sizes, timeout, queue, threads)


def metrics_path(path: str | Path | None) -> str | None:
    """The URL path of the metrics by monitoring.config, or None if they are off. Without a file, TF Serving's default."""
    default = "/monitoring/prometheus/metrics"
    if not path:
        return default
    prometheus = parse_text_proto(path, config_messages.monitoring_config()()).prometheus_config
    return (prometheus.path or default) if prometheus.enable else None


def tls_settings(path: str | Path | None) -> TlsSettings | None:
    """`TlsSettings` from ssl.config, or None without a file.

    Raises:
        ZooError: the key, the certificate, or the authority that client_verify needs is missing.
    """
    if not path:
        return None
    config = parse_text_proto(path, config_messages.ssl_config()())
    if not (config.server_key and config.server_cert):
        raise ZooError(f"{path}: expected server_key and server_cert, as PEM text.")
    if config.client_verify and not config.custom_ca:
        raise ZooError(f"{path}: client_verify needs custom_ca, the PEM text of the clients' authority.")
    return TlsSettings(config.server_key, config.server_cert, config.custom_ca, config.client_verify)
