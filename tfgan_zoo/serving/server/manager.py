"""Which versions are in memory: polls the folders, loads what is wanted before it unloads what is not."""

import asyncio
import dataclasses
import gc
import os
from pathlib import Path

from grpc import StatusCode
from tensorflow_serving.apis import get_model_status_pb2

from tfgan_zoo.saved_model.version_folder import versions
from tfgan_zoo.serving.server import servable as servables
from tfgan_zoo.serving.server.configuration import inside, model_settings
from tfgan_zoo.serving.server.status import Refused, invalid, not_found, of_error, precondition

START, LOADING, AVAILABLE, UNLOADING, END = (
    get_model_status_pb2.ModelVersionStatus.State.Value(name)
    for name in ("START", "LOADING", "AVAILABLE", "UNLOADING", "END")
)


@dataclasses.dataclass(eq=False)
class Version:
    """One version of a model as `GetModelStatus` tells of it.

    error: the `Refused` that ended it, None; content: what its files were when they failed to load, to try again if
    they change, as those of a copy that was under way.
    """

    number: int
    state: int = START
    error: Refused | None = None
    servable: servables.Servable | None = None
    content: tuple = ()


class Manager:
    """The models and their versions. Belongs to the event loop; loads and unloads run in a thread of their own.

    Attributes:
        models: {name: `ModelSettings`}; states: {name: {number: `Version`}}; labels: {name: {label: number}}.

    Args:
        roots: resolved folders; nothing outside of them is loaded.
        check: function of a version folder that raises ZooError where it is not to be trusted.
        executor: one thread, for what takes long; metrics: `Metrics`.
        early_labels: whether a new label may point to a version that is not available.
        say: function of a line, told of each change of state.
    """

    def __init__(self, roots, check, executor, metrics, early_labels=False, say=print):
        self.roots, self.check, self.executor, self.metrics = roots, check, executor, metrics
        self.early_labels, self.say = early_labels, say
        self.models, self.states, self.labels = {}, {}, {}
        self.changing = asyncio.Lock()

    # What requests ask.

    def find(self, spec):
        """The `Servable` of a ModelSpec. Raises: Refused, as TF Serving's ServerCore."""
        number = self.number_of(spec)
        states = self.states.get(spec.name, {})
        there = [n for n, version in states.items() if version.state == AVAILABLE and number in (None, n)]
        if not there:
            raise not_found(f"Servable not found for request: {asked(spec.name, number)}")
        return states[max(there)].servable

    def number_of(self, spec):
        """The version number that a ModelSpec asks for, None for the latest."""
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        chosen = spec.WhichOneof("version_choice")
        if chosen == "version_label" and spec.version_label:
            if spec.version_label not in self.labels.get(spec.name, {}):
                raise invalid(f"Unrecognized servable version label: {spec.version_label}")
            return self.labels[spec.name][spec.version_label]
        return spec.version.value if chosen == "version" else None

    def status(self, spec):
        """[`Version`] that a ModelSpec asks for, the newest first. Raises: Refused, NOT_FOUND where there is none."""
        number = self.number_of(spec)
        states = self.states.get(spec.name, {})
        if number is not None and number not in states:
            raise not_found(f"Could not find version {number} of model {spec.name}")
        if not states:
            raise not_found(f"Could not find any versions of model {spec.name}")
        return [states[n] for n in sorted(states, reverse=True) if number in (None, n)]

    # What changes the models.

    async def apply(self, config):
        """Serves what a ModelServerConfig says, and nothing else; returns when its models are available.

        Raises:
            Refused: INVALID_ARGUMENT and FAILED_PRECONDITION, and all is as it was; UNKNOWN, where a model does not become
                available, and the others are served.
        """
        models = model_settings(config, self.roots)
        async with self.changing:
            self.check_labels(models)
            self.models = models
            self.labels = {name: model.labels for name, model in models.items()}
            await self.settle()
        missing = [name for name in models if not self.available(name)]
        for name in missing:
            if not self.versions_of(models[name]):
                self.say(f"{name} is not served: there are no versions, such as {models[name].base / '1'}.")
        if missing:
            named = ", ".join(asked(name, None) for name in missing)
            raise Refused(StatusCode.UNKNOWN, f"Some models did not become available: {{{named}}}")

    def check_labels(self, models):
        """Raises: Refused where a label would point to nothing. A label in use never does; a new one may, if so told."""
        for name, model in models.items():
            for label, number in model.labels.items():
                known = label in self.labels.get(name, {})
                if number not in self.available(name) and (known or not self.early_labels):
                    hint = "" if known else "; --allow_version_labels_for_unavailable_models would let it"
                    raise precondition(
                        f"Request to assign label {label} to version {number} of model {name}, which is not currently "
                        f"available for inference{hint}"
                    )

    async def poll(self):
        """Looks at the folders once."""
        async with self.changing:
            await self.settle()

    def available(self, name):
        return [n for n, version in self.states.get(name, {}).items() if version.state == AVAILABLE]

    async def settle(self):
        """Loads what is wanted and not there, then unloads what is there and not wanted, model by model."""
        wanted = {name: self.wanted(model) for name, model in self.models.items()}
        due = [(model, number) for name, model in self.models.items() for number in self.to_load(model, wanted[name])]
        for model, number in due:
            self.states.setdefault(model.name, {})[number] = Version(number)
        for model, number in due:
            await self.load(model, number)
        for name in list(self.states):
            keep = wanted.get(name, [])
            # Where all that is wanted failed, what is there stays.
            replaced = not keep or any(number in keep for number in self.available(name))
            for number in self.available(name) if replaced else []:
                if number not in keep:
                    await self.unload(name, number)
            if name not in self.models:
                del self.states[name]

    def wanted(self, model):
        """The versions that are to be there: as they are, where the folder is gone, which may be for a moment."""
        return model.wanted(self.versions_of(model)) if model.base.is_dir() else self.available(model.name)

    def versions_of(self, model):
        return versions(model.base) if inside(model.base, self.roots) else []

    def to_load(self, model, wanted):
        """Those of the wanted versions that are new, were unloaded, or failed with other files than are there now."""
        states, numbers = self.states.get(model.name, {}), []
        for number in wanted:
            version = states.get(number)
            ended = version is not None and version.state == END
            retry = ended and (version.error is None or version.content != content_of(model.base / str(number)))
            if version is None or retry:
                numbers.append(number)
        return numbers

    async def load(self, model, number):
        folder = model.base / str(number)
        version = self.states[model.name][number]
        version.state = LOADING
        try:
            version.content = content_of(folder)
            loaded = await self.elsewhere(self.loaded, model.name, number, folder)
        except Exception as failure:  # else this version and those after it would be under way for ever
            version.state, version.error = END, of_error(failure)
            self.say(f"{model.name} version {number} is not served: {version.error.code.name}: {version.error.message}")
            return
        version.servable, version.state = loaded, AVAILABLE
        self.say(f"{model.name} version {number} is available.")

    def loaded(self, name, number, folder):
        link = next((path for path in (folder, *paths_within(folder)) if not inside(path, self.roots)), None)
        if link:
            raise precondition(f"{link} leads outside of the folders that this server serves")
        return servables.load(name, number, folder, self.check, self.metrics)

    async def unload(self, name, number):
        """Takes a version away from new requests, and out of memory once those that hold it have their answers."""
        version = self.states[name][number]
        version.state = UNLOADING
        while version.servable.busy:
            await asyncio.sleep(0.01)
        version.servable = None
        await self.elsewhere(gc.collect)  # a SavedModel's functions refer to one another
        version.state = END
        self.say(f"{name} version {number} is unloaded.")

    async def elsewhere(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)


def asked(name, number):
    """A request for a servable in TF Serving's words."""
    return f"Latest({name})" if number is None else f"Specific({name}, {number})"


def paths_within(folder):
    """Everything in a folder, and behind links to folders; what a link leads back to comes once."""
    seen = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        yield from (Path(here) / name for name in (*folders, *files))
        seen.add(os.path.realpath(here))
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(here, name)) not in seen]


def content_of(folder):
    """What changes when a version's files do: their names, sizes and times."""
    files = sorted(path for path in paths_within(folder) if path.is_file())
    return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
