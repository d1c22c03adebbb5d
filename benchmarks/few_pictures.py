"""What helps when pictures are few: augmentation, and starting from what is trained, on the emoji in colour.

    python -m benchmarks.few_pictures --to=runs/few                            every run, one after the other
    python -m benchmarks.few_pictures --to=runs/few --only=augmentation --counts=100,300 --augmentations=none,ADA
    python -m benchmarks.few_pictures --to=runs/others --results=others --preset=quickstart --set=data.source=emoji ...
    python -m benchmarks.few_pictures --write                              trains nothing: the page's tables from the stored results

Augmentation: a model learns from the first N training emoji, without augmentation, with DiffAugment and with ADA.
Transfer: it learns from 100 flags, from random weights, from a generator and discriminator of all other emoji, and from these with
frozen layers (FreezeD), for as many steps.

A run is scored against all training emoji (or all flags), also where it saw a few of them, so that one that repeats its pictures is
not praised for it. Each run is a folder of --to; the same command resumes where it was stopped. Its scores are stored, with commit,
date and hardware, in benchmarks/results/few_pictures/<model>.json as soon as they are known, and the tables are those of
docs/training_tools.md: of each model and setting the mean over seeds, and the difference from the setting without the idea with its
95 % interval, as of `benchmarks.claims`.
"""

import dataclasses
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import results, tables
from benchmarks.claims import DOCS, bootstrap_interval
from benchmarks.seeds import train

AUGMENTATIONS = {
    "none": ("augmentation=[]",),
    "DiffAugment": ("augmentation=['color','translation','cutout']",),
    "ADA": ("augmentation=['bgc']",),  # with the feedback of --ada_images
}
PAGE, SCORE = DOCS / "training_tools.md", "kd_effnet_lite0"
COUNTS = (100, 300, 1000, 3053)  # of the page
FLAGS, OTHERS, FEW = "emoji:flags", "emoji:without-flags", 100
SAME = ("preset", "steps", "few_steps", "frozen", "samples", "set")  # settings that all stored runs of a model share
FROZEN = 2  # layers of the discriminator, by default


@dataclasses.dataclass(frozen=True)
class Trial:
    """One setting: `changes` are --set assignments; `against` is the source of the real images, in its split "train".

    baseline: the name of the trial that it is compared with; "" if it is one itself.
    begins_with: the name of the trial whose run of the same seed this one starts from; "" for random weights.
    """

    table: str
    name: str
    changes: tuple[str, ...]
    against: str = "emoji"
    baseline: str = ""
    begins_with: str = ""

    def folder(self, base, model, seed):
        return base / f"{model}-{self.name.replace(' ', '_').replace(',', '')}-{seed}"


def augmentation_trials(counts, ada_images=100_000, names=tuple(AUGMENTATIONS)):
    """The named augmentations at every number of pictures; `ada_images`: in which ADA's probability can move from 0 to 1."""
    feedback = f"augmentation_feedback={{images={ada_images}}}"
    return [
        Trial(
            "augmentation",
            f"{count} pictures, {name}",
            (f"data.split=train[:{count}]", *changes, *([feedback] if name == "ADA" else [])),
            baseline="" if name == "none" else f"{count} pictures, none",
        )
        for count in counts
        for name, changes in AUGMENTATIONS.items()
        if name in names
    ]


def transfer_trials(frozen, steps):
    """A generator of all emoji but flags, and what begins with it; `frozen`: layers of the discriminator; `steps`: of the latter."""
    few = (f"data.source={FLAGS}", f"data.split=train[:{FEW}]", f"steps={steps}", *AUGMENTATIONS["DiffAugment"])
    source = Trial("source", "all but flags", (f"data.source={OTHERS}",), OTHERS)
    alone = Trial("transfer", f"{FEW} flags, from random weights", few, FLAGS)
    frozen_few = (*few, f"freeze_discriminator={frozen}")
    return [
        source,
        alone,
        Trial("transfer", f"{FEW} flags, from the others", few, FLAGS, alone.name, source.name),
        Trial(
            "transfer",
            f"{FEW} flags, from the others, {frozen} layers frozen",
            frozen_few,
            FLAGS,
            alone.name,
            source.name,
        ),
    ]


def scores_of(folder, against, samples):
    """{score: value} that `evaluate` stored for the last step, of so many samples against a source; {} if it has not."""
    path = folder / "scores.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    protocol = {"real": against, "real_split": "train", "generated_images": samples}
    lines = [line for line in lines if protocol.items() <= line["protocol"].items()]
    last = max((line["step"] for line in lines), default=None)
    return {line["name"]: line["value"] for line in lines if line["step"] == last}


def run(trial, trials, arguments, seed):
    """Trains and scores one run, from wherever it is. Returns its scores."""
    folder = trial.folder(arguments.to, arguments.model, seed)
    changes = [f"--set={change}" for change in (*arguments.set, *trial.changes)]
    if trial.begins_with:
        source = next(t for t in trials if t.name == trial.begins_with).folder(arguments.to, arguments.model, seed)
        changes.append(f"--init_from={source}")
    if arguments.steps and not any(change.startswith("steps=") for change in trial.changes):
        changes.append(f"--set=steps={arguments.steps}")
    changes.append("--set=evaluation.samples=0")
    # A complete run is left as it is, one of another recipe refused.
    train(arguments.model, arguments.preset, folder, seed, changes)
    if known := scores_of(folder, trial.against, arguments.samples):
        return known
    flags = [
        f"--against={trial.against}",
        "--split=train",
        "--metrics=distances",
        "--resamples=0",
        f"--samples={arguments.samples}",
    ]
    subprocess.run([sys.executable, "-m", "tfgan_zoo.evaluate", f"--run={folder}", *flags], check=True)
    return scores_of(folder, trial.against, arguments.samples)


def store(trial, seed, scores, arguments):
    """Adds a run's scores to the results, with where they come from."""
    name = f"few_pictures/{arguments.model}"
    record = results.load(name, arguments.results)
    asked = {key: getattr(arguments, key) for key in SAME}
    if record and asked != {key: record["arguments"][key] for key in SAME}:
        raise SystemExit(f"{name}.json holds runs of other settings than {asked}; give another --results.")
    runs = record["figures"] if record else {}
    runs.setdefault(trial.name, {})[str(seed)] = {**scores, **results.origin()}
    results.save(name, runs, arguments)


def page_text(folder=results.FOLDER):
    """The tables of every model that has results in a folder."""
    trials = augmentation_trials(COUNTS) + transfer_trials(FROZEN, 0)
    models = sorted(path.stem for path in (folder / "few_pictures").glob("*.json"))
    return "".join(
        page_tables(model, trials, results.load(f"few_pictures/{model}", folder)["figures"]) for model in models
    )


def page_tables(model, trials, runs):
    """A model's Markdown table of each kind of trial that was run, but of the sources, from {trial's name: {seed: its scores}}."""
    lines = []
    for title in dict.fromkeys(trial.table for trial in trials if trial.table != "source" and trial.name in runs):
        lines += ["", f"| {title}, `{model}` | seeds | {SCORE} | difference (95 %) |", "|---|---|---|---|"]
        for trial in trials:
            if trial.table == title and trial.name in runs:
                lines.append(page_row(trial, runs[trial.name], runs.get(trial.baseline, {})))
    return "\n".join([*lines, ""])


def page_row(trial, own, baseline):
    """A line of the table: the mean over seeds, and the difference from the baseline's runs of the same seeds."""
    pairs = [own[seed][SCORE] - baseline[seed][SCORE] for seed in own if seed in baseline]
    effect = f"{statistics.mean(pairs):+.3f}" if pairs else ""
    if len(pairs) > 1:
        low, high = bootstrap_interval(pairs)
        effect += f" ({low:+.3f} to {high:+.3f})"
    mean = statistics.mean(scores[SCORE] for scores in own.values())
    return f"| {trial.name} | {len(own)} | {mean:.3f} | {effect} |"


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--to", default="runs/few", type=Path)
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--preset", default="emoji")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)))
    parser.add_argument("--augmentations", default=",".join(AUGMENTATIONS))
    parser.add_argument(
        "--steps", type=int, default=0, help="of every run but those on few flags; the recipe's by default"
    )
    parser.add_argument("--few_steps", type=int, default=3000, help="of the runs on few flags")
    parser.add_argument("--frozen", type=int, default=FROZEN, help="layers that FreezeD freezes")
    parser.add_argument(
        "--ada_images", type=int, default=100_000, help="in which ADA's probability can move from 0 to 1"
    )
    parser.add_argument("--samples", type=int, default=5000, help="that each run is scored by")
    parser.add_argument("--set", action="append", default=[], help="an assignment for every run, as of train")
    parser.add_argument("--only", choices=["augmentation", "transfer"])
    parser.add_argument("--write", action="store_true", help="write the page from the stored results; train nothing")
    arguments = parser.parse_args()
    counts, names = [int(count) for count in arguments.counts.split(",")], arguments.augmentations.split(",")
    if unknown := set(names) - set(AUGMENTATIONS):
        parser.error(f"--augmentations={','.join(sorted(unknown))}: known are {', '.join(AUGMENTATIONS)}")
    trials = augmentation_trials(counts, arguments.ada_images, names)
    trials += transfer_trials(arguments.frozen, arguments.few_steps)
    chosen = [
        t for t in trials if arguments.only is None or (t.table == "augmentation") == (arguments.only == "augmentation")
    ]
    for seed in map(int, arguments.seeds.split(",") if not arguments.write else []):
        for trial in chosen:
            store(trial, seed, run(trial, trials, arguments, seed), arguments)
    tables.rewrite(PAGE, "few pictures", page_text(arguments.results))


if __name__ == "__main__":
    main()
