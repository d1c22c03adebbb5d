"""A run's folder: what it was asked, what it saw, how it was scored, and the generator that came of it."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from pathlib import Path

from tfgan_zoo import __version__
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.features import score_names
from tfgan_zoo.metrics.protocol import Protocol, Score
from tfgan_zoo.runs import building
from tfgan_zoo.training.checkpoints import Checkpoints, read, write_atomically
from tfgan_zoo.training.standing_statistics import refresh_standing_statistics
from tfgan_zoo.training.strategies import precision


def write_json(path, values):
    """Writes plain values, whole or not at all."""
    write_atomically(path, lambda file: file.write((json.dumps(values, indent=2) + "\n").encode()))


class Run:
    """The folder of a run.

        recipe.json    every number of it               checkpoints/   the last ones, and the best by score
        dataset.json   what the images were             samples/       grids of the same latents as training goes on
        scores.jsonl   scores with their protocols      events*        TensorBoard scalars
        export/        the generator as a SavedModel
        protocols.json the protocols of the recipe's own scores
        imported.json  of weights that another library trained: which files they came from
        collapses.jsonl  when and why it collapsed, and what was done, where it did

    Attributes:
        folder: its path; recipe: its `Recipe`; dataset: plain values (image_shape, num_classes, sha256, ...).
    """

    def __init__(self, folder):
        """Opens a run that is there.

        Raises:
            ZooError: the folder holds no run.
        """
        self.folder = Path(folder)
        try:
            written = json.loads((self.folder / "recipe.json").read_text())
            self.recipe = catalog.completed(recipe.parse(written, self.folder / "recipe.json"))
            self.dataset = json.loads((self.folder / "dataset.json").read_text())
        except (FileNotFoundError, NotADirectoryError) as missing:
            near = sorted(str(p.parent) for p in self.folder.parent.glob("*/recipe.json"))[:5]
            hint = (
                f" Runs near by: {', '.join(near)}." if near else " Train one: python -m tfgan_zoo.train --model=sngan."
            )
            raise ZooError(f"{self.folder} is not a run: it has no {Path(missing.filename).name}.{hint}") from None

    @staticmethod
    def refuse_other_files(folder):
        """Raises `ZooError` where a folder holds files, and no run."""
        folder, own = Path(folder), {"recipe.json", "dataset.json"}
        names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
        if not own <= names and any(name not in own and not name.startswith(".") for name in names):
            raise ZooError(f"{folder} is not empty and holds no run; choose another --workdir.")

    @classmethod
    def start(cls, folder, a_recipe, dataset):
        """Begins a run in a new or empty folder, or opens the same run to go on with it.

        Raises:
            ZooError: the folder holds a run of another recipe or other data (names the differences), or other files.
        """
        folder = Path(folder)
        cls.refuse_other_files(folder)
        if (folder / "recipe.json").is_file() and (folder / "dataset.json").is_file():
            before = cls(folder)
            different = recipe.differences(before.recipe, catalog.completed(a_recipe))
            taken = max(before.checkpoints().steps(), default=0)
            if a_recipe.total_steps < taken:
                different["steps"] = (f"{taken} are taken", a_recipe.total_steps)
            if before.dataset["sha256"] != dataset["sha256"]:
                different["the images"] = (str(before.dataset["sha256"])[:12], dataset["sha256"][:12])
            if different:
                lines = [f"  {key}: {old!r} there, {new!r} now" for key, (old, new) in different.items()]
                raise ZooError(
                    f"{folder} holds a run of another recipe:\n" + "\n".join(lines) + "\nChoose another --workdir."
                )
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "recipe.json", a_recipe.as_dict())
        write_json(folder / "dataset.json", {**dataset, "tfgan_zoo": __version__})
        return cls(folder)

    def checkpoints(self, variables=None):
        """The run's `Checkpoints`, of these {name: variable} or only to look at."""
        return Checkpoints(self.folder / "checkpoints", variables, self.recipe.checkpoints.keep)

    def build_game(self, stage):
        """The recipe's game anew, as it is in a `Stage`, in float32 whatever it was trained in."""
        with precision("float32"):
            game = building.game_builder(self.recipe, self.dataset["image_shape"], self.dataset["num_classes"])()
        game.enter(stage)
        return game

    def generator(self, which="latest"):
        """The averaged generator of a checkpoint.

        Args:
            which: "latest", "best" or a step.

        Returns:
            (Keras model in float32, its `Prior`, the step).
        """
        game, step = self.players(which)
        return game.generator, game.prior, step

    def players(self, which="latest"):
        """Both players of a checkpoint.

        Args:
            which: "latest", "best" or a step.

        Returns:
            (the `Game` in float32 with the averaged generator and the discriminator, in the stage of that step; the step).
        """
        checkpoints = self.checkpoints()
        steps = checkpoints.steps()
        if not steps:
            raise ZooError(f"{self.folder} has no checkpoint yet; go on with it by --workdir={self.folder}.")
        best = self.best_step()
        if which == "best" and best not in steps:
            raise ZooError(f"{self.folder} has no best checkpoint: none was scored; use --checkpoint=latest.")
        step = {"latest": steps[-1], "best": best}.get(str(which), which)
        if not str(step).isdigit() or int(step) not in steps:
            raise ZooError(f"checkpoint {which!r}: there is latest, best, {', '.join(map(str, steps))}.")
        arrays = read(checkpoints.path(int(step)))
        stage = self.recipe.stage_at(int(step))
        game = self.build_game(stage)
        for network, group in ((game.generator, "average/"), (game.discriminator, "discriminator/")):
            values = [array for name, array in arrays.items() if name.startswith(group)]
            if not values and network is game.discriminator:
                game.sees_images = False  # imported without one: there is none to be asked
                continue
            for variable, value in zip(network.variables, values, strict=True):  # saved in the network's order
                variable.assign(value)
        refresh_standing_statistics(game, self.recipe, stage)
        return game, int(step)

    def imported(self):
        """What imported.json says of the files that the weights came from; None where they were trained here."""
        path = self.folder / "imported.json"
        return json.loads(path.read_text()) if path.exists() else None

    def scores(self):
        """Every `Score` so far, oldest first."""
        path = self.folder / "scores.jsonl"
        return [Score.from_dict(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    def keep_protocols(self, protocols):
        """Notes the `Protocol`s of the recipe's own scores: of those alone checkpoints are compared."""
        write_json(self.folder / "protocols.json", [dataclasses.asdict(protocol) for protocol in protocols])

    def own_scores(self):
        """The scores that the recipe compares its checkpoints by (`evaluation.best_by`), of its own protocol."""
        settings, path = self.recipe.evaluation, self.folder / "protocols.json"
        name = settings.best_by or score_names(settings.features)[0]
        own = [Protocol(**values) for values in json.loads(path.read_text())] if path.exists() else []
        return [s for s in self.scores() if s.name == name and s.protocol in own]

    def best_step(self):
        """The step of the best of `own_scores`, the later one of two that are equal; None where there are none."""
        best = None
        for score in self.own_scores():
            if best is None or not best.better_than(score):
                best = score
        return best and best.step

    def add_scores(self, scores):
        """Appends to scores.jsonl; a score of the same step and protocol takes the place of the old one."""
        new = {(s.name, s.step, s.protocol) for s in scores}
        with self.scores_locked():
            self.write_scores([s for s in self.scores() if (s.name, s.step, s.protocol) not in new] + list(scores))

    def forget_scores_after(self, step):
        """Drops scores of later steps, which a resumed run will come by again."""
        with self.scores_locked():
            self.write_scores([s for s in self.scores() if s.step <= step])

    @contextlib.contextmanager
    def scores_locked(self):
        """No other process writes scores.jsonl meanwhile: a run may be evaluated while it trains."""
        with open(self.folder / ".scores.lock", "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def write_scores(self, scores):
        lines = "".join(json.dumps(s.as_dict()) + "\n" for s in scores)
        write_atomically(self.folder / "scores.jsonl", lambda file: file.write(lines.encode()))

    def collapses(self):
        """[record] of each collapse, oldest first: plain values, as `add_collapse` takes them."""
        path = self.folder / "collapses.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def add_collapse(self, number, record):
        """Puts plain values into collapses.jsonl as its line `number`, counted from 0, and drops what stood there and after.

        record: step; why; went_back_to, a step, None where the run ended; seed and rate_scale from then on.
        """
        lines = "".join(json.dumps(r) + "\n" for r in [*self.collapses()[:number], record])
        write_atomically(self.folder / "collapses.jsonl", lambda file: file.write(lines.encode()))

    def remove_half_written(self):
        """Removes what a crash left half written."""
        for path in self.folder.rglob(".*.tmp"):
            os.unlink(path)
        for path in self.folder.glob("export/*/.tmp-*"):
            shutil.rmtree(path)
