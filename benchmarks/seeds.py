"""The quality of a recipe over seeds, beside variants of it: the table of a model's page.

    python -m benchmarks.seeds --model=sngan --seeds=0,1,2 \
        --variant "spectral norm" --variant "no spectral norm: arguments.weights=none"

Each run is a folder of --to. The same command resumes where it was stopped, and only prints once all runs are complete.
"""

import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import results


def settings_of(variant):
    """ "name: key=value key=value" -> (name, list of --set flags)."""
    name, _, changes = variant.partition(":")
    return name.strip(), [f"--set={change}" for change in changes.split()]


def train(model, preset, folder, seed, changes):
    """Takes the run to its end, from wherever it is."""
    command = [sys.executable, "-m", "tfgan_zoo.train", f"--model={model}", f"--preset={preset}"]
    subprocess.run([*command, f"--set=seed={seed}", *changes, f"--workdir={folder}"], check=True)


def final_scores(folder):
    """{score: value} of the last step, of latents without a bound."""
    lines = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    lines = [line for line in lines if line["protocol"].get("truncation") is None]
    last = max(line["step"] for line in lines)
    return {line["name"]: line["value"] for line in lines if line["step"] == last}


def row(name, runs):
    """A line of the table: each score's values, their mean and the standard error of the mean; None where there is none."""
    cells = [name]
    for score in runs[0]:
        values = [run[score] for run in runs if run[score] is not None]
        listed = ", ".join(f"{v:.3g}" for v in values)
        if len(values) < 2:
            cells.append(listed or "-")
            continue
        error = statistics.stdev(values) / math.sqrt(len(values))
        cells.append(f"{statistics.mean(values):.3g} ± {error:.2g} ({listed})")
    return "| " + " | ".join(cells) + " |"


def table(title, rows):
    """A Markdown table of {name: [{score: value} of each run]}, a row a name."""
    scores = next(iter(rows.values()))[0]
    lines = ["| " + " | ".join([title, *scores]) + " |", "|---" * (len(scores) + 1) + "|"]
    return "\n".join([*lines, *(row(name, runs) for name, runs in rows.items())])


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--preset", default="quickstart")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--variant", action="append", required=True, help='"name" or "name: key=value key=value"')
    parser.add_argument("--to", default="runs/seeds", type=Path)
    arguments = parser.parse_args()
    seeds = [int(s) for s in arguments.seeds.split(",")]
    rows = {}
    for seed in seeds:
        for variant in arguments.variant:
            name, changes = settings_of(variant)
            folder = arguments.to / f"{arguments.model}-{name.replace(' ', '_')}-{seed}"
            train(arguments.model, arguments.preset, folder, seed, changes)
            rows.setdefault(name, []).append(final_scores(folder))
    print("\n" + table(f"{arguments.model}, {len(seeds)} seeds", rows))
    results.save(f"seeds/{arguments.model}-{arguments.preset}", rows, arguments)


if __name__ == "__main__":
    main()
