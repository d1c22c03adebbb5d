"""The head of a report: what was trained on what, for how long, by which command, and after which paper."""

import dataclasses
import importlib.metadata
import json
import platform
import re
import shlex
import time

from tfgan_zoo import __version__
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.runs.publish import first_paragraph
from tfgan_zoo.training.progress import duration

LIBRARIES = ("tensorflow", "keras", "numpy", "scipy", "matplotlib", "jinja2")


@dataclasses.dataclass(frozen=True)
class Facts:
    """model: its name; summary: of the recipe; story: of the model, without its paper's number; arxiv: that number, or "";
    command: that trains it again; rows: [(term, text)].
    """

    model: str
    summary: str
    story: str
    arxiv: str
    command: str
    rows: list


def facts_of(run, history, step):
    """The `Facts` of a `Run` and its `History`, told of the checkpoint of `step`, None where there is none."""
    story = first_paragraph(catalog.model_module(run.recipe.model))
    paper = re.search(r"arXiv:(\d{4}\.\d{4,5})", story)
    data = run.dataset
    shape = " x ".join(map(str, data["image_shape"]))
    told = re.sub(r",? *arXiv:\d{4}\.\d{4,5}", "", story)
    if imported := run.imported():
        rows = imported_rows(imported, shape)
        return Facts(run.recipe.model, run.recipe.summary, told, paper[1] if paper else "", "", rows)
    what = (
        f"{data['size']:,} points in the plane"
        if len(data["image_shape"]) == 1
        else f"{data['size']:,} images, {shape}"
    )
    rows = [("Steps", f"{step or 0:,} of {run.recipe.total_steps:,}")]
    rows.append(
        (
            "Real images seen" if len(data["image_shape"]) > 1 else "Real points seen",
            f"{run.recipe.images_seen(step or 0):,}",
        )
    )
    if history.sessions:
        begun = time.strftime("%d %B %Y, %H:%M UTC", time.gmtime(history.sessions[0][0]))
        times = f" in {len(history.sessions)} sessions" if len(history.sessions) > 1 else ""
        rows += [("Begun", begun.lstrip("0")), ("Trained for", duration(history.seconds) + times)]
    classes = f", {data['num_classes']} classes" if data["num_classes"] else ""
    rows.append(("Data", f"{data['source']}, split {run.recipe.data.split}: {what}{classes}"))
    rows.append(("SHA-256 of the data", data["sha256"]))
    rows.append(("Trained with", f"tfgan_zoo {data['tfgan_zoo']}, seed {run.recipe.seed}"))
    return Facts(run.recipe.model, run.recipe.summary, told, paper[1] if paper else "", command_of(run.recipe), rows)


def imported_rows(imported, shape):
    """What is known of a run whose weights another library trained: `imported.json`, and the shape of its images."""
    rows = [("Images", shape), ("Imported from", imported["layout"])]
    rows += [
        (f"The {who}'s file", f"{file['name']}, SHA-256 {file['sha256']}") for who, file in imported["files"].items()
    ]
    return rows + [("Note", note) for note in imported["notes"]]


def command_of(a_recipe):
    """The shorter form of what trains it: the preset that is nearest, and what differs from it as --set."""
    candidates = [(preset, changes) for preset in catalog.preset_files(a_recipe.model)
                  if (changes := changes_from(preset, a_recipe)) is not None]  # fmt: skip
    if not candidates:
        return "python -m tfgan_zoo.train --workdir=FOLDER  # that holds this run's recipe.json alone"
    preset, changes = min(candidates, key=lambda candidate: len(candidate[1]))
    parts = [f"--model={a_recipe.model}"] + [f"--preset={preset}"] * (preset != "quickstart")
    parts += [f"--set {shlex.quote(f'{key}={value}')}" for key, value in changes]
    return "python -m tfgan_zoo.train " + " ".join(parts)


def changes_from(preset, a_recipe):
    """[(key, value as in --set)] from a preset to the recipe; None where --set cannot say them, or the preset is broken."""
    model = a_recipe.model
    try:
        base = catalog.completed(recipe.parse({"model": model, **catalog.preset_table(model, preset)}, preset))
    except ZooError:
        return None
    old, new = recipe.flatten(base.as_dict()), recipe.flatten(a_recipe.as_dict())
    changed = {key: new.get(key) for key in sorted(new) if key != "summary" and old.get(key) != new.get(key)}
    if any(not expressible(value) for value in changed.values()):
        return None
    return [(key, toml(value)) for key, value in changed.items()]


def expressible(value):
    """TOML has no null."""
    return all(map(expressible, value)) if isinstance(value, list) else value is not None


def toml(value):
    """A plain value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items() if item is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def details_of(run):
    """[(title, text)] of what few will read: the recipe, the data, the versions here."""
    here = [
        f"tfgan_zoo {__version__}",
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
    ]
    here += [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return [
        ("The recipe: every number of the run", json.dumps(run.recipe.as_dict(), indent=2)),
        ("The data", json.dumps(run.dataset, indent=2)),
        ("Versions that this page was made with", "\n".join(here)),
    ]
