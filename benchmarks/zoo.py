"""Trains every quickstart of the zoo with its baselines, unattended, and writes what it finds into README.md and docs/.

    python -m benchmarks.zoo --to runs/zoo                 train what is not complete yet; resumes where it was stopped
    python -m benchmarks.zoo --to runs/zoo --only=wgan_gp  of one model alone
    python -m benchmarks.zoo --to runs/zoo --write         tables and generators from the runs that are complete

`--write` fills the tables between `<!-- results -->` marks in docs/<model>.md (rows for which --to has no run are kept), writes the scores of the
quickstarts to their recipes, benchmarks/results/zoo/ and the README's tables from all results, and puts the first seed's players of each quickstart
into export/<model>_mnist/1 where there is none yet.
"""

import dataclasses
import functools
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import results, tables
from benchmarks.results import ROOT
from benchmarks.seeds import final_scores, row, train
from tfgan_zoo.core import catalog, recipe


@dataclasses.dataclass(frozen=True)
class Trial:
    """One setting of one model: `changes` are --set assignments to the preset."""

    model: str
    variant: str
    changes: tuple[str, ...] = ()
    preset: str = "quickstart"
    seeds: tuple[int, ...] = (0,)

    def folder(self, base, seed):
        return base / f"{self.model}-{self.preset}-{self.variant.replace(' ', '_')}-{seed}"


UNSUPERVISED = (
    "arguments.semi_supervised=false",
    "arguments.categories=20",
    "evaluation.scores=['distances','clustering_error']",
)
ALONE = ("arguments.adversarial=false", "evaluation.scores=['test_error']", "steps=1000")
THREE = (0, 1, 2)
TOYS = ("ring8", "grid25")
PLAIN = {  # each model's own setting
    "gan": "quickstart",
    "cgan": "quickstart",
    "dcgan": "batch norm in both",
    "catgan": "100 labels",
    "sgan": "100 labels",
    "lsgan": "quickstart",
    "wgan": "clipping",
    "wgan_gp": "gradient penalty",
    "dragan": "penalty",
    "ebgan": "pulling away",
    "began": "quickstart",
    "acgan": "quickstart",
    "infogan": "codes",
    "ambientgan": "ambient",
    "pggan": "growing",
    "projection": "projection",
    "sagan": "attention",
    "biggan": "orthogonal regularisation",
    "biggan_deep": "quickstart",
    "r3gan": "R1 and R2",
    "stylegan2": "styles",
    "projected": "frozen features",
}
FULL = ("stages=[]", "batch_size=32")  # the same network at full resolution from the start
SAME_TIME, SAME_IMAGES = (*FULL, "steps=2400"), (*FULL, "steps=4200")  # as the quickstart, of two free cores
IGNORE, UNMEASURE = ("arguments.ignore=true",), ("data.measurement.unmeasure=true",)
TRIALS = [Trial(model, name, seeds=(0,)) for model, name in PLAIN.items()]
TRIALS += [
    Trial("sgan", "the CNN alone", ALONE, seeds=THREE),
    Trial("catgan", "the CNN alone", ALONE, seeds=THREE),
    Trial("catgan", "no labels, 20 categories", UNSUPERVISED),
    *(Trial(m, "quickstart", preset=toy) for toy in TOYS for m in ("wgan_gp", "dragan", "gan", "lsgan", "wgan")),
]
TRIALS += [Trial(model, name, seeds=THREE) for model, name in PLAIN.items()]
TRIALS += [
    *(Trial(m, "quickstart", preset=toy, seeds=THREE) for toy in TOYS for m in ("wgan_gp", "dragan")),
    Trial("ebgan", "without pulling away", ("arguments.pulling_away_weight=0",)),
    Trial("dragan", "no penalty", ("arguments.penalty=0",), seeds=THREE),
    Trial("dcgan", "no batch norm in D", ("arguments.batch_norm=false",), seeds=THREE),
    Trial("infogan", "codes without effect", ("arguments.category_weight=0", "arguments.continuous_weight=0")),
    Trial("gan", "saturating", ("arguments.saturating=true",)),
    Trial("lsgan", "Pearson (-1, 1, 0)", ("arguments.a=-1", "arguments.c=0")),
    Trial("pggan", "full resolution, equal time", SAME_TIME),
    Trial("pggan", "full resolution, equal images", SAME_IMAGES),
    *(Trial("ambientgan", "ambient", preset=p) for p in ("block_patch", "rotate_project", "rotate_project_theta")),
    *(Trial("ambientgan", "ignore", IGNORE, p) for p in ("quickstart", "block_patch")),
    Trial("projection", "auxiliary classifier", ("arguments.conditioning='auxiliary_classifier'",), seeds=THREE),
    Trial("projection", "concatenation", ("arguments.conditioning='concatenation'",), seeds=THREE),
    Trial("sagan", "no attention", ("arguments.attention=false",)),
    Trial("biggan", "no orthogonal regularisation", ("arguments.orthogonal_regularization=0",)),
    *(Trial("ambientgan", "unmeasure", UNMEASURE, p) for p in ("quickstart", "block_patch", "rotate_project_theta")),
]


@functools.cache
def recipe_of(trial, seed):
    """The `Recipe` that a trial asks for now."""
    table = {"model": trial.model, **catalog.preset_table(trial.model, trial.preset)}
    return catalog.completed(recipe.parse(recipe.override(table, [f"seed={seed}", *trial.changes])))


def scores_of(base, trial, seed):
    """{score: value} of a trial's run; None where it is not complete, or is of another recipe than the trial's now."""
    folder, asked = trial.folder(base, seed), recipe_of(trial, seed)
    if not (folder / "recipe.json").exists() or not any(folder.glob("export/*/1")):
        return None
    run = catalog.completed(recipe.parse(json.loads((folder / "recipe.json").read_text())))
    if run.steps != asked.steps or recipe.differences(run, asked):
        print(f"{folder} is of another recipe, and left out.")
        return None
    return final_scores(folder)


def scores_of_seeds(base, trial):
    """{seed: scores} of the runs of a trial that are complete."""
    return {seed: scores for seed in trial.seeds if (scores := scores_of(base, trial, seed))}


def trial_tables(base, model):
    """The Markdown tables of a model's page: one a preset, a row a variant, over the seeds that are complete."""
    found = {}
    for trial in TRIALS:
        if trial.model == model and (runs := scores_of_seeds(base, trial)):
            found.setdefault(trial.preset, {}).setdefault(trial.variant, {}).update(runs)
    parts = []
    for preset, rows in found.items():
        names = list(dict.fromkeys(name for runs in rows.values() for run in runs.values() for name in run))
        lines = {name: row(name, [filled(run, names) for run in runs.values()]) for name, runs in rows.items()}
        parts.append(table_of(f"{model}, {preset}", names, lines))
    return "\n\n".join(parts)


def table_of(title, scores, rows):
    """A Markdown table of {variant: line}, which says over how many seeds."""
    counts = {seeds_of(line) for line in rows.values()}
    seeds = f"{max(counts)} seed{'s' * (max(counts) > 1)}" + " at most" * (len(counts) > 1)
    head = ["| " + " | ".join([f"{title}, {seeds}", *scores]) + " |", "|---" * (len(scores) + 1) + "|"]
    return "\n".join([*head, *rows.values()])


def parsed(text):
    """{"model, preset": ([score], {variant: line})} of a page's tables."""
    found = {}
    for lines in (block.splitlines() for block in text.split("\n\n") if block.strip()):
        title, *scores = cells(lines[0])
        found[title.rpartition(", ")[0]] = scores, {cells(line)[0]: line for line in lines[2:]}
    return found


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def seeds_of(line):
    """Over how many seeds a row is: the values in the brackets of its scores."""
    return max(cell.partition("(")[2].count(",") for cell in cells(line)[1:]) + 1


def merged(old, new):
    """The tables of `new`, with the variants and the presets that only `old` has. A table with other scores is replaced."""
    before, after = parsed(old), parsed(new)
    blocks = []
    for title in {**before, **after}:
        scores, rows = after.get(title) or before[title]
        if title in before and before[title][0] == scores:
            rows = {**before[title][1], **rows}
        blocks.append(table_of(title, scores, rows))
    return "\n\n".join(blocks)


def filled(run, names):
    """The run's scores in the table's order; None where it has none of a name."""
    return {name: run.get(name) for name in names}


def save_scores(base, model, arguments):
    """Writes the scores of a model's quickstart into the results, unless they state the same already."""
    runs = complete(base, model)
    values = [scores["fd_mnist_cnn"] for scores in runs.values()]
    if not values:
        return
    score = {"mean": statistics.mean(values), "seeds": len(values), "values": values}
    stored = results.load(f"zoo/{model}", arguments.results)
    stated = stored and stored["figures"]["fd_mnist_cnn"]
    if not stated or (round(stated["mean"], 2), stated["seeds"]) != (round(score["mean"], 2), score["seeds"]):
        results.save(f"zoo/{model}", {"fd_mnist_cnn": score}, arguments)


def complete(base, model):
    """{seed: scores} of a quickstart if all of its seeds are complete, so that fewer never take the place of more."""
    runs = scores_of_seeds(base, Trial(model, PLAIN[model], seeds=THREE))
    return runs if len(runs) == len(THREE) else {}


def state_in_recipe(model, runs):
    """Writes over how many seeds a quickstart was trained, and the means of its scores, into the `tried` of its recipe."""
    path = catalog.preset_file(model, "quickstart")
    scores = {name: statistics.mean(run[name] for run in runs.values()) for name in next(iter(runs.values()))}
    text = re.sub(r"(?m)^seeds = \d+$", f"seeds = {len(runs)}", path.read_text(encoding="utf-8"))
    listed = ", ".join(f"{name} = {value:.3g}" for name, value in scores.items())
    path.write_text(re.sub(r"(?m)^scores = \{.*\}$", f"scores = {{ {listed} }}", text), encoding="utf-8")


def write(base, arguments):
    for model, name in PLAIN.items():
        page = ROOT / "docs" / f"{model}.md"
        if text := trial_tables(base, model):
            tables.rewrite(page, "results", merged(tables.text_between(page, "results"), text))
        save_scores(base, model, arguments)
        if runs := complete(base, model):
            state_in_recipe(model, runs)
        trial, export = Trial(model, name), ROOT / "export" / f"{model}_mnist"
        if not (export / "1").exists() and scores_of(base, trial, 0):
            command = [
                sys.executable,
                "-m",
                "tfgan_zoo.export",
                f"--run={trial.folder(base, 0)}",
                f"--to={export}",
                "--with_discriminator",
            ]
            subprocess.run(command, check=True, cwd=ROOT)
    readme = ROOT / "README.md"
    readme.write_text(tables.with_results(readme.read_text(encoding="utf-8"), arguments.results), encoding="utf-8")


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--to", default="runs/zoo", type=Path, help="where the runs' folders are")
    parser.add_argument("--only", help="models, by commas")
    parser.add_argument("--write", action="store_true", help="write tables and exports, train nothing")
    arguments = parser.parse_args()
    base = arguments.to.resolve()
    if arguments.write:
        write(base, arguments)
        return
    for trial in TRIALS:
        for seed in trial.seeds:
            wanted = not arguments.only or trial.model in arguments.only.split(",")
            if wanted and not scores_of(base, trial, seed):
                print(f"--- {trial.folder(base, seed)}", flush=True)
                changes = [f"--set={change}" for change in trial.changes]
                train(trial.model, trial.preset, trial.folder(base, seed), seed, changes)


if __name__ == "__main__":
    main()
