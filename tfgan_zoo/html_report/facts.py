"""The head of a report: the model, its paper, the data, the training time, and the command that repeats the run."""

import dataclasses
import importlib.metadata
import json
import platform
import re
import shlex
import time
from typing import Any

from tfgan_zoo import __version__
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import Schedule
from tfgan_zoo.html_report.event_history import History
from tfgan_zoo.runs.publish import first_paragraph
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.training.progress import duration

SCHEDULE = Schedule.model_fields.keys()
LIBRARIES = ("tensorflow", "keras", "numpy", "scipy", "matplotlib", "jinja2")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the head of the page says.

    Attributes:
        model: its name.
        summary: the recipe's.
        story: the first paragraph of the model's docstring, without the number of the paper.
        arxiv: that number, or "".
        command: repeats the run; "" for imported weights.
        rows: [(term, text)].
    """

    model: str
    summary: str
    story: str
    arxiv: str
    command: str
    rows: list[tuple[str, str]]


def facts_of(run: Run, history: History, step: int | None) -> Facts:
    """The `Facts` of a run at the checkpoint of `step`; None if there is no checkpoint."""
    docstring = first_paragraph(catalog.model_module(run.recipe.model))
    paper = re.search(r"arXiv:(\d{4}\.\d{4,5})", docstring)
    arxiv = paper[1] if paper else ""
    story = re.sub(r",? *arXiv:\d{4}\.\d{4,5}", "", docstring)
    data = run.dataset
    shape = " x ".join(map(str, data["image_shape"]))
    if imported := run.imported():
        return Facts(run.recipe.model, run.recipe.summary, story, arxiv, "", imported_rows(imported, shape))
    is_points = len(data["image_shape"]) == 1
    size = f"{data['size']:,} points in the plane" if is_points else f"{data['size']:,} images, {shape}"
    rows = [
        ("Steps", f"{step or 0:,} of {run.recipe.total_steps:,}"),
        (f"Real {'points' if is_points else 'images'} seen", f"{run.recipe.images_seen(step or 0):,}"),
    ]
    if history.sessions:
        start = time.strftime("%d %B %Y, %H:%M UTC", time.gmtime(history.sessions[0][0]))
        unit = "h" if round(history.seconds) >= 3600 else "min"
        sessions = f" in {len(history.sessions)} sessions" if len(history.sessions) > 1 else ""
        rows += [("Started", start.lstrip("0")), ("Training time", f"{duration(history.seconds)} {unit}{sessions}")]
    classes = f", {data['num_classes']} classes" if data["num_classes"] else ""
    rows.append(("Data", f"{data['source']}, split {run.recipe.data.split}: {size}{classes}"))
    rows.append(("SHA-256 of the data", data["sha256"]))
    if first := run.initialization():
        step_there = f", step {first['step']:,}" if first["step"] is not None else ""
        rows.append(("Begun with", f"{first['init_from']}{step_there}"))
    rows.append(("Trained with", f"tfgan_zoo {data['tfgan_zoo']}, seed {run.recipe.seed}"))
    return Facts(run.recipe.model, run.recipe.summary, story, arxiv, command_of(run.recipe), rows)


def imported_rows(imported: dict[str, Any], shape: str) -> list[tuple[str, str]]:
    """The rows for weights that another library trained, from `imported.json` and the shape of the images."""
    rows = [("Images", shape), ("Imported from", imported["layout"])]
    rows += [
        (f"The {player}'s file", f"{file['name']}, SHA-256 {file['sha256']}")
        for player, file in imported["files"].items()
    ]
    return rows + [("Note", note) for note in imported["notes"]]


def command_of(a_recipe: recipe.Recipe) -> str:
    """The shortest command that trains this recipe: the nearest preset, and the differences as --set."""
    candidates = [
        (preset, changes)
        for preset in catalog.preset_files(a_recipe.model)
        if (changes := changes_from(preset, a_recipe)) is not None
    ]
    if not candidates:
        return "python -m tfgan_zoo.train --workdir=FOLDER  # a folder that holds only this run's recipe.json"
    preset, changes = min(candidates, key=lambda candidate: len(candidate[1]))
    parts = [f"--model={a_recipe.model}"] + [f"--preset={preset}"] * (preset != "quickstart")
    parts += [f"--set {shlex.quote(f'{key}={value}')}" for key, value in changes]
    return "python -m tfgan_zoo.train " + " ".join(parts)


def changes_from(preset: str, a_recipe: recipe.Recipe) -> list[tuple[str, str]] | None:
    """[(key, value as --set takes it)] from a preset to the recipe; None if --set cannot express them or the preset is
    invalid."""
    model = a_recipe.model
    try:
        base = catalog.completed(recipe.parse({"model": model, **catalog.preset_table(model, preset)}, preset))
    except ZooError:
        return None
    changed = differences(base.as_dict(), a_recipe.as_dict())
    if any(not expressible(value) for value in changed.values()):
        return None
    return [(key, toml(value)) for key, value in sorted(changed.items()) if key != "summary"]


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{key as in --set: new value} of two recipes as plain values; None for a key that only the old one has.

    A `Schedule` counts as one value: --set replaces it as a whole.
    """
    changed: dict[str, Any] = {}
    for key in old.keys() | new.keys():
        before: Any = old.get(key)
        after: Any = new.get(key)
        if before == after:
            continue
        schedules = [isinstance(value, dict) and value.keys() == SCHEDULE for value in (before, after)]
        if isinstance(before, dict) and isinstance(after, dict) and not any(schedules):
            changed |= differences(before, after, f"{prefix}{key}.")
        elif schedules[1]:
            unused = SCHEDULE - {"points"} if after["points"] else {"points"}
            changed[prefix + key] = {name: value for name, value in after.items() if name not in unused}
        else:
            changed[prefix + key] = after
    return changed


def expressible(value: Any) -> bool:
    """Whether TOML can express a value: it has no null."""
    return all(map(expressible, value)) if isinstance(value, list) else value is not None


def toml(value: Any) -> str:
    """A plain value as one line of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items() if item is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def details_of(run: Run) -> list[tuple[str, str]]:
    """[(title, text)] at the end of the page: the recipe, the data, and the versions that made the page."""
    versions = [
        f"tfgan_zoo {__version__}",
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
    ]
    versions += [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return [
        ("The recipe", json.dumps(run.recipe.as_dict(), indent=2)),
        ("The data", json.dumps(run.dataset, indent=2)),
        ("Versions that made this page", "\n".join(versions)),
    ]
