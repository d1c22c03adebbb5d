"""A run's folder: its recipe, its data, its scores, its checkpoints, and the players of any of them."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgan_zoo import __version__
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.atomic_files import write_atomically
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.file_names import displayed
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Stage
from tfgan_zoo.metrics.features import score_names
from tfgan_zoo.metrics.protocol import Protocol, Score
from tfgan_zoo.runs import building
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.standing_statistics import refresh_standing_statistics


def write_json(path: Path, values: Any) -> None:
    """Writes plain values as JSON, atomically."""
    write_atomically(path, lambda file: file.write((json.dumps(values, indent=2) + "\n").encode()))


class Run:
    """The folder of a run.

        recipe.json    every number of the run          checkpoints/   the latest ones, and the best by score
        dataset.json   what the training images were    samples/       grids of the same latents during training
        scores.jsonl   scores with their protocols      events*        TensorBoard scalars
        export/        the generator as a SavedModel
        protocols.json the protocols of the recipe's own scores
        imported.json  for weights that another library trained: the files that they came from
        initialization.json  for a run with init_from: what its first weights were taken from, and what began anew
        collapses.jsonl  every collapse: its step, its cause and what the guard did; only if there was one

    Attributes:
        folder: its path.
        recipe: its `Recipe`.
        dataset: plain values (image_shape, num_classes, sha256, ...).
    """

    def __init__(self, folder: str | Path) -> None:
        """Opens an existing run.

        Raises:
            ZooError: the folder holds no run.
        """
        self.folder = Path(folder)
        try:
            table = json.loads((self.folder / "recipe.json").read_text())
            table["data"] = {"order": "repeating", **table.get("data", {})}  # of runs from before there was another
            self.recipe = catalog.completed(recipe.parse(table, self.folder / "recipe.json"))
            self.dataset = json.loads((self.folder / "dataset.json").read_text())
            self.dataset["class_names"] = [displayed(name) for name in self.dataset.get("class_names", [])]
        except (FileNotFoundError, NotADirectoryError) as missing:
            nearby = sorted(str(p.parent) for p in self.folder.parent.glob("*/recipe.json"))[:5]
            train = "Train one: python -m tfgan_zoo.train --model=sngan."
            hint = f"Runs nearby: {', '.join(nearby)}." if nearby else train
            raise ZooError(f"{self.folder} is not a run: it has no {Path(missing.filename).name}. {hint}") from None

    @staticmethod
    def refuse_other_files(folder: str | Path) -> None:
        """Raises `ZooError` if a folder holds files but no run."""
        folder, own = Path(folder), {"recipe.json", "dataset.json"}
        names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
        if not own <= names and any(name not in own and not name.startswith(".") for name in names):
            raise ZooError(f"{folder} is not empty and holds no run; choose another --workdir.")

    @classmethod
    def start(cls, folder: str | Path, a_recipe: recipe.Recipe, dataset: dict[str, Any]) -> "Run":
        """Begins a run in a new or empty folder, or opens the same run to resume it.

        Raises:
            ZooError: the folder holds a run of another recipe or other data (names the differences), or other files.
        """
        folder = Path(folder)
        cls.refuse_other_files(folder)
        if (folder / "recipe.json").is_file() and (folder / "dataset.json").is_file():
            existing = cls(folder)
            order = {"order": existing.recipe.data.order}  # a run keeps it
            a_recipe = a_recipe.model_copy(update={"data": a_recipe.data.model_copy(update=order)})
            different = recipe.differences(existing.recipe, catalog.completed(a_recipe))
            completed_steps = max(existing.checkpoints().steps(), default=0)
            if a_recipe.total_steps < completed_steps:
                different["steps"] = (f"{completed_steps} completed", a_recipe.total_steps)
            if existing.dataset["sha256"] != dataset["sha256"]:
                different["the images"] = (str(existing.dataset["sha256"])[:12], dataset["sha256"][:12])
            if different:
                lines = [f"  {key}: {old!r} there, {new!r} now" for key, (old, new) in different.items()]
                raise ZooError(
                    f"{folder} holds a run of another recipe:\n" + "\n".join(lines) + "\nChoose another --workdir."
                )
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "recipe.json", a_recipe.as_dict())
        write_json(folder / "dataset.json", {**dataset, "tfgan_zoo": __version__})
        return cls(folder)

    def checkpoints(self, variables: dict[str, Any] | None = None, **how: Any) -> Checkpoints:
        """The run's `Checkpoints` for these {name: variable}; without variables, only to list and read them.

        how: `background` and `part`.
        """
        return Checkpoints(self.folder / "checkpoints", variables, self.recipe.checkpoints.keep, **how)

    def build_game(self, stage: Stage) -> Game:
        """A new game of the recipe in a `Stage`, in float32 whatever precision it was trained in."""
        build = building.game_builder(self.recipe, self.dataset["image_shape"], self.dataset["num_classes"])
        return building.float_game(build, stage)

    def generator(self, which: str | int = "latest") -> tuple[keras.Model, Prior, int]:
        """The averaged generator of a checkpoint.

        Args:
            which: "latest", "best" or a step.

        Returns:
            (Keras model in float32, its `Prior`, the step).

        Raises:
            ZooError: there is no such checkpoint.
        """
        game, step = self.players(which)
        return game.generator, game.prior, step

    def players(self, which: str | int = "latest") -> tuple[Game, int]:
        """Both players of a checkpoint.

        Args:
            which: "latest", "best" or a step.

        Returns:
            (the `Game` in float32 with the averaged generator and the discriminator, in the stage of that step; the step).

        Raises:
            ZooError: there is no such checkpoint.
        """
        step = self.step_of(which)
        arrays = self.checkpoints().read(step)
        stage = self.recipe.stage_at(step)
        game = self.build_game(stage)
        for network, group in ((game.generator, "average/"), (game.discriminator, "discriminator/")):
            values = [array for name, array in arrays.items() if name.startswith(group)]
            if not values and network is game.discriminator:
                game.sees_images = False  # imported without a discriminator, so no score may use it
                continue
            for variable, value in zip(network.variables, values, strict=True):  # saved in the network's order
                variable.assign(value)
        refresh_standing_statistics(game, self.recipe, stage)
        return game, step

    def step_of(self, which: str | int = "latest") -> int:
        """The step of the checkpoint that "latest", "best" or a step names.

        Raises:
            ZooError: there is no such checkpoint.
        """
        steps = self.checkpoints().steps()
        if not steps:
            raise ZooError(f"{self.folder} has no checkpoint yet; resume it: --workdir={self.folder}.")
        best = self.best_step()
        if which == "best" and best not in steps:
            raise ZooError(f"{self.folder} has no best checkpoint, because none was scored; use --checkpoint=latest.")
        text = str({"latest": steps[-1], "best": best}.get(str(which), which))
        if not text.isdigit() or (step := int(text)) not in steps:
            raise ZooError(f"checkpoint {which!r}: expected latest, best or one of {', '.join(map(str, steps))}.")
        return step

    def weights(self, player: str, step: int) -> dict[str, np.ndarray]:
        """{path of the variable: array} of "average", "generator" or "discriminator" in the checkpoint of `step`.

        {} for the discriminator of weights that were imported without one.
        """
        arrays = self.checkpoints().read(step, f"{player}/")
        return {name.removeprefix(f"{player}/"): array for name, array in arrays.items()}

    def imported(self) -> dict[str, Any] | None:
        """imported.json, which names the files that imported weights came from; None for a run trained here."""
        path = self.folder / "imported.json"
        return json.loads(path.read_text()) if path.exists() else None

    def initialization(self) -> dict[str, Any] | None:
        """initialization.json, which says what the first weights were taken from; None for random ones."""
        path = self.folder / "initialization.json"
        return json.loads(path.read_text()) if path.exists() else None

    def scores(self) -> list[Score]:
        """Every `Score` so far, oldest first."""
        path = self.folder / "scores.jsonl"
        return [Score.from_dict(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    def keep_protocols(self, protocols: Collection[Protocol]) -> None:
        """Stores the `Protocol`s of the recipe's own scores; only scores of these rank the checkpoints."""
        write_json(self.folder / "protocols.json", [dataclasses.asdict(protocol) for protocol in protocols])

    def own_scores(self) -> list[Score]:
        """The scores that rank the recipe's checkpoints: `evaluation.best_by`, by the recipe's own protocol."""
        settings, path = self.recipe.evaluation, self.folder / "protocols.json"
        name = settings.best_by or score_names(settings.features)[0]
        own = [Protocol(**values) for values in json.loads(path.read_text())] if path.exists() else []
        return [s for s in self.scores() if s.name == name and s.protocol in own]

    def best_step(self) -> int | None:
        """The step of the best of `own_scores`, the later one of equals; None if there are none."""
        best: Score | None = None
        for score in self.own_scores():
            if best is None or not best.better_than(score):
                best = score
        return best.step if best else None

    def add_scores(self, scores: Sequence[Score]) -> None:
        """Appends to scores.jsonl; a score of the same name, step and protocol replaces the stored one."""
        new = {(s.name, s.step, s.protocol) for s in scores}
        with self.scores_locked():
            self.write_scores([s for s in self.scores() if (s.name, s.step, s.protocol) not in new] + list(scores))

    def forget_scores_after(self, step: int) -> None:
        """Drops the scores of later steps, which a resumed run takes again."""
        with self.scores_locked():
            self.write_scores([s for s in self.scores() if s.step <= step])

    @contextlib.contextmanager
    def scores_locked(self) -> Iterator[None]:
        """Keeps other processes from writing scores.jsonl: a run may be evaluated while it trains."""
        with open(self.folder / ".scores.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def write_scores(self, scores: Sequence[Score]) -> None:
        """Replaces scores.jsonl, atomically."""
        lines = "".join(json.dumps(s.as_dict()) + "\n" for s in scores)
        write_atomically(self.folder / "scores.jsonl", lambda file: file.write(lines.encode()))

    def collapses(self) -> list[dict[str, Any]]:
        """The record of each collapse, oldest first, as `add_collapse` takes them."""
        path = self.folder / "collapses.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def add_collapse(self, number: int, record: dict[str, Any]) -> None:
        """Writes a record as line `number` of collapses.jsonl, counted from 0, and drops that line and all later ones.

        Args:
            number: how many collapses came before.
            record: plain values: step; why; went_back_to, a step, or None if the run ended; seed and rate_scale from then on.
        """
        lines = "".join(json.dumps(r) + "\n" for r in [*self.collapses()[:number], record])
        write_atomically(self.folder / "collapses.jsonl", lambda file: file.write(lines.encode()))

    def remove_half_written(self) -> None:
        """Removes the temporary files that a crash left behind."""
        for path in self.folder.rglob(".*.tmp"):
            os.unlink(path)
        for path in self.folder.glob("export/*/.tmp-*"):
            shutil.rmtree(path)
