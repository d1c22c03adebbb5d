"""Which versions are in memory: polls the folders, and loads the aspired versions before it unloads the others."""

import asyncio
import dataclasses
import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from grpc import StatusCode
from tensorflow_serving.apis import get_model_status_pb2

from tfgan_zoo.saved_model.version_folder import ignored_versions, version_folders
from tfgan_zoo.serving.server import servable as servables
from tfgan_zoo.serving.server.configuration import ModelSettings, is_inside, model_settings
from tfgan_zoo.serving.server.monitoring import Metrics
from tfgan_zoo.serving.server.status import (
    StatusError,
    as_status_error,
    failed_precondition,
    invalid_argument,
    not_found,
)

START, LOADING, AVAILABLE, UNLOADING, END = (
    get_model_status_pb2.ModelVersionStatus.State.Value(name)
    for name in ("START", "LOADING", "AVAILABLE", "UNLOADING", "END")
)


@dataclasses.dataclass(eq=False)
class Version:
    """One version of a model, as `GetModelStatus` reports it.

    Attributes:
        number: the version.
        folder: where it is loaded from; its name may be another form of the number, such as 002.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error: why loading failed, or None.
        servable: the loaded model while it is available.
        fingerprint: `fingerprint` of its files when loading began. A failed version whose files change is tried again, as
            when it was polled while being copied.
    """

    number: int
    folder: Path
    state: int = START
    error: StatusError | None = None
    servable: servables.Servable | None = None
    fingerprint: tuple = ()


class Manager:
    """The models and their versions. Runs on the event loop; loading and unloading run in a thread of their own.

    Attributes:
        models: {name: `ModelSettings`}.
        states: {name: {number: `Version`}}.
        labels: {name: {label: number}}.

    Args:
        roots: resolved folders; nothing outside of them is loaded.
        check: called with a version folder; raises ZooError if it is not to be trusted.
        executor: a single thread, for slow operations.
        metrics: counts the warm-ups.
        allow_unavailable_labels: whether a new label may point to a version that is not available.
        log: called with a line for every change of state.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        check: Callable[[Path], object],
        executor: Executor,
        metrics: Metrics,
        allow_unavailable_labels: bool = False,
        log: Callable[[str], object] = print,
    ):
        self.roots, self.check, self.executor, self.metrics = roots, check, executor, metrics
        self.allow_unavailable_labels, self.log = allow_unavailable_labels, log
        self.models: dict[str, ModelSettings] = {}
        self.states: dict[str, dict[int, Version]] = {}
        self.labels: dict[str, dict[str, int]] = {}
        self.ignored: dict[Path, Path] = {}  # as `ignored_versions`, of all models, which have been logged
        self.changing = asyncio.Lock()

    # Lookups, for requests.

    def find(self, spec: Any) -> servables.Servable:
        """The `Servable` of a ModelSpec. Raises: StatusError, as TF Serving's ServerCore."""
        number = self.number_of(spec)
        servables_by_number = {
            n: version.servable
            for n, version in self.states.get(spec.name, {}).items()
            if version.servable is not None and version.state == AVAILABLE and number in (None, n)
        }
        if not servables_by_number:
            raise not_found(f"Servable not found for request: {servable_request(spec.name, number)}")
        return servables_by_number[max(servables_by_number)]

    def number_of(self, spec: Any) -> int | None:
        """The version number that a ModelSpec selects, or None for the latest."""
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label" and spec.version_label:
            if spec.version_label not in self.labels.get(spec.name, {}):
                raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
            return self.labels[spec.name][spec.version_label]
        return spec.version.value if choice == "version" else None

    def status(self, spec: Any) -> list[Version]:
        """The versions that a ModelSpec selects, newest first. Raises: StatusError, NOT_FOUND if there are none."""
        number = self.number_of(spec)
        states = self.states.get(spec.name, {})
        if number is not None and number not in states:
            raise not_found(f"Could not find version {number} of model {spec.name}")
        if not states:
            raise not_found(f"Could not find any versions of model {spec.name}")
        return [states[n] for n in sorted(states, reverse=True) if number in (None, n)]

    # Changes of the models.

    async def apply(self, config: Any) -> None:
        """Serves exactly the models of a ModelServerConfig; returns once they are available.

        Raises:
            StatusError: INVALID_ARGUMENT or FAILED_PRECONDITION, and nothing has changed; UNKNOWN if a model does not
                become available, and the other models are served.
        """
        models = model_settings(config, self.roots)
        async with self.changing:
            self.check_labels(models)
            self.models = models
            self.labels = {name: model.labels for name, model in models.items()}
            await self.reconcile()
        missing = [name for name in models if not self.available(name)]
        for name in missing:
            if not self.versions_of(models[name]):
                self.log(f"{name} is not served: it has no versions, such as {models[name].base / '1'}.")
        if missing:
            requests = ", ".join(servable_request(name, None) for name in missing)
            raise StatusError(StatusCode.UNKNOWN, f"Some models did not become available: {{{requests}}}")

    def check_labels(self, models: dict[str, ModelSettings]) -> None:
        """Raises: StatusError if a label points to a version that is not available. Only new labels may be allowed to."""
        for name, model in models.items():
            for label, number in model.labels.items():
                in_use = label in self.labels.get(name, {})
                if number not in self.available(name) and (in_use or not self.allow_unavailable_labels):
                    hint = "" if in_use else "; --allow_version_labels_for_unavailable_models would allow it"
                    raise failed_precondition(
                        f"Request to assign label {label} to version {number} of model {name}, which is not currently "
                        f"available for inference{hint}"
                    )

    async def poll(self) -> None:
        """Checks the folders once and follows their changes."""
        async with self.changing:
            await self.reconcile()

    def available(self, name: str) -> list[int]:
        """The version numbers of a model that answer requests."""
        return [n for n, version in self.states.get(name, {}).items() if version.state == AVAILABLE]

    async def reconcile(self) -> None:
        """Loads the aspired versions that are missing, then unloads the versions that are not aspired, model by model."""
        aspired = {name: self.aspired(model) for name, model in self.models.items()}
        self.warn_of_ignored()
        pending = [
            (model.name, version)
            for name, model in self.models.items()
            for version in self.to_load(model, aspired[name])
        ]
        for name, version in pending:
            self.states.setdefault(name, {})[version.number] = version
        for name, version in pending:
            await self.load(name, version)
        for name in list(self.states):
            keep = aspired.get(name, [])
            # If every aspired version failed to load, the old ones stay.
            replaced = not keep or any(number in keep for number in self.available(name))
            for number in self.available(name) if replaced else []:
                if number not in keep:
                    await self.unload(name, number)
            if name not in self.models:
                del self.states[name]

    def warn_of_ignored(self) -> None:
        """Logs, once, the folders whose version number another name in the same folder has too."""
        inside = [model for model in self.models.values() if is_inside(model.base, self.roots)]
        ignored = {path: used for model in inside for path, used in ignored_versions(model.base).items()}
        for path, used in ignored.items():
            if self.ignored.get(path) != used:
                self.log(f"{path} is ignored: {used.name} is the same version, and is used instead.")
        self.ignored = ignored

    def aspired(self, model: ModelSettings) -> list[int]:
        """The versions that should be loaded; the available ones if the folder is missing, which may be for a moment."""
        return model.aspired([*self.versions_of(model)]) if model.base.is_dir() else self.available(model.name)

    def versions_of(self, model: ModelSettings) -> dict[int, Path]:
        """{number: folder} of the versions in a model's folder."""
        return version_folders(model.base) if is_inside(model.base, self.roots) else {}

    def to_load(self, model: ModelSettings, aspired: Sequence[int]) -> list[Version]:
        """The aspired versions that are new, were unloaded, or failed to load from files that have changed since."""
        states, folders = self.states.get(model.name, {}), self.versions_of(model)
        return [
            Version(number, folders[number])
            for number in aspired
            if number in folders and self.is_due(states.get(number), folders[number])
        ]

    def is_due(self, version: Version | None, folder: Path) -> bool:
        """Whether an aspired version is to be loaded from a folder."""
        if version is None:
            return True
        return version.state == END and (version.error is None or version.fingerprint != fingerprint(folder))

    async def load(self, name: str, version: Version) -> None:
        """Loads a version; a failure ends it in state END."""
        version.state = LOADING
        number, folder = version.number, version.folder
        try:
            version.fingerprint = fingerprint(folder)
            servable = await self.in_thread(self.load_servable, name, number, folder)
        except Exception as error:  # otherwise this version and those after it would stay pending for ever
            version.state, version.error = END, as_status_error(error)
            self.log(f"{name} version {number} is not served: {version.error.code.name}: {version.error.message}")
            return
        version.servable, version.state = servable, AVAILABLE
        self.log(f"{name} version {number} is available.")

    def load_servable(self, name: str, number: int, folder: Path) -> servables.Servable:
        """The `Servable` of a version folder, after checking that none of its links lead out of the roots."""
        link = next((path for path in (folder, *paths_within(folder)) if not is_inside(path, self.roots)), None)
        if link:
            raise failed_precondition(f"{link} leads outside of the folders that this server serves")
        return servables.load(name, number, folder, self.check, self.metrics)

    async def unload(self, name: str, number: int) -> None:
        """Hides a version from new requests, and frees its memory once the requests that use it have been answered."""
        version = self.states[name][number]
        version.state = UNLOADING
        while version.servable is not None and version.servable.users:
            await asyncio.sleep(0.01)
        version.servable = None
        await self.in_thread(gc.collect)  # a SavedModel's functions form reference cycles
        version.state = END
        self.log(f"{name} version {number} is unloaded.")

    async def in_thread(self, function: Callable, *arguments: Any) -> Any:
        """The function's result, computed by the executor."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)


def servable_request(name: str, number: int | None) -> str:
    """TF Serving's notation for a requested servable."""
    return f"Latest({name})" if number is None else f"Specific({name}, {number})"


def paths_within(folder: Path) -> Iterator[Path]:
    """Everything in a folder, also behind links to folders; circular links are followed once."""
    visited = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        yield from (Path(parent) / name for name in (*folders, *files))
        visited.add(os.path.realpath(parent))
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(parent, name)) not in visited]


def fingerprint(folder: Path) -> tuple:
    """Names, sizes and modification times of all files, which change when the version does."""
    files = sorted(path for path in paths_within(folder) if path.is_file())
    return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
