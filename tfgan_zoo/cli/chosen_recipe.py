"""The recipe that the flags of a training command name."""

import json
from pathlib import Path
from typing import Any

from tfgan_zoo.cli import command_line
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError

DEFAULT = "quickstart"


class ChosenRecipe:
    """A recipe, and where it comes from.

    Args:
        model, preset, config, data, changes, folder: the values of --model, --preset, --config, --data, --set and --workdir;
            None where a flag was not given.

    Attributes:
        file: the file that it comes from; None if it is the one of the folder.
        found: what was chosen for the pictures of --data, as text; "" without.
        recipe: the resolved `Recipe`.

    Raises:
        ZooError: the flags exclude each other or name no recipe, or the recipe is not one; or as `survey`.
    """

    def __init__(
        self,
        model: str | None,
        preset: str | None,
        config: str | None,
        data: str | None,
        changes: list[str],
        folder: str | None,
    ) -> None:
        if config and model:
            raise ZooError("--config and --model were both given; give either --config, or --model with --preset.")
        self.file: Path | None = None
        self.found, self.changes = "", changes
        stored = Path(folder) / "recipe.json" if folder else None
        if config or model:
            self.file = Path(config) if config else catalog.preset_file(str(model), preset or DEFAULT)
            origin, table = config or f"{model}/{preset or DEFAULT}", catalog.recipe_table(self.file)
            table = {**({"model": model} if model else {}), **table}
        elif stored and stored.exists():
            origin, table = str(stored), json.loads(stored.read_text())
            check_same_data(table["data"]["source"], data, folder)
            data = None
        else:
            models = ", ".join(catalog.model_names())
            raise ZooError(f"give --model, one of {models}, or a recipe by --config; see --help.")
        parsed = self.parsed(table, origin)
        command_line.load_tensorflow()  # only now, so that a mistyped key is reported at once
        if data:
            parsed = self.parsed(self.fitted(table, model, preset, data), origin)
        self.recipe = catalog.completed(parsed)

    def parsed(self, table: dict[str, Any], origin: str) -> recipe.Recipe:
        """The recipe as --set changes it. Its summary is of its own data."""
        if not isinstance(table.get("data", {}), dict):
            raise ZooError(f"{origin}: data = {table['data']!r}: expected a table, such as [data] with source = ...")
        changed = recipe.override(table, self.changes)
        if changed.get("data", {}).get("source") != table.get("data", {}).get("source"):
            changed["summary"] = f"{origin}, on other data"
        return recipe.parse(changed, origin)

    def fitted(self, table: dict[str, Any], model: str | None, preset: str | None, data: str) -> dict[str, Any]:
        """The recipe for the pictures of --data: the one that was named, or one that is made for pictures of their size."""
        from tfgan_zoo.data.survey import READING, Choice, described, source_of, survey
        from tfgan_zoo.runs import own_data

        given = recipe.override({}, self.changes)
        own = given.get("data", {})
        if "source" in own:
            raise ZooError(
                f"--data={data} and --set data.source={own['source']} were both given; leave one of them out."
            )
        found = survey(source_of(data), **{key: own[key] for key in READING if key in own})
        origin = str(self.file)
        if model:
            preset = preset or own_data.preset_for(model, found)
            origin, self.file = f"{model}/{preset}", catalog.preset_file(model, preset)
            table = {"model": model, **catalog.recipe_table(self.file)}
        fitted, choices = own_data.fitted(recipe.override(table, self.changes), found, origin, own=not model)
        flat = recipe.flatten(given)
        choices = [Choice(c.key, flat[c.key], "as given") if c.key in flat else c for c in choices]
        self.found = f"{described(choices)}\nChange any of them by --set KEY=VALUE."
        return fitted

    def tried(self) -> str:
        """On what the recipe's file was run, as a line of text; "" for the recipe of a folder."""
        if not self.file:
            return ""
        changed = " without --set" if self.changes else ""
        return f"The recipe{changed}: {catalog.tried(self.file)}"


def check_same_data(own: str, data: str | None, folder: str | None) -> None:
    """Raises `ZooError` if --data names other pictures than `own`, the source that the run in `folder` is trained on."""
    from tfgan_zoo.data.survey import source_of

    if data and located(source_of(data)) != located(own):
        raise ZooError(
            f"--data={data}, but the run in {folder} is trained on {own}; leave --data out to resume it, or give --model and"
            " another --workdir for a new run."
        )


def located(source: str) -> str:
    """A source with its path, if it has one, spelled in one way."""
    kind, _, argument = source.partition(":")
    return f"{kind}:{Path(argument).expanduser().resolve()}" if kind in ("folder", "arrays", "pyramid") else source
