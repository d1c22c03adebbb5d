"""Each paper's headline beside its baseline, over seeds: shown, not shown, or the reverse.

    python -m benchmarks.claims                      train what is missing, pair after pair; resumes where it was stopped
    python -m benchmarks.claims --only=dragan_ring   one claim, or several by commas
    python -m benchmarks.claims --list               the claims, with how many seeds of each are stored
    python -m benchmarks.claims --write              the pages from the stored results; trains nothing
    python -m benchmarks.claims --check              recompute every verdict; status 1 if a page says anything else

A claim is a pair of settings that differ in the paper's idea, and a score. Both are trained from the same seed, and the difference is
the idea's score minus the baseline's. Its interval of 95 % is that of the bootstrap over seeds. A claim is shown if the interval lies
on the paper's side of zero, reversed if it lies on the other side, and not shown if it holds zero. Each pair is stored, with commit,
date and hardware, in benchmarks/results/claims/<name>.json as soon as it is complete; a pair of recipes that have changed since
is not used. `benchmarks/headlines.py` lists the claims. The pages are docs/claims.md, and docs/<model>.md of each model of which a
claim has been run.
"""

import dataclasses
import functools
import hashlib
import itertools
import json
import resource
import sys
from pathlib import Path

import numpy as np

from benchmarks import results, tables
from benchmarks.seeds import final_scores, train
from benchmarks.zoo import Trial, recipe_of

DOCS = results.ROOT / "docs"
MOST_RESAMPLES = 4000  # up to which all are taken; beyond, as many at random
LEVEL = 0.95
SIDES = ("idea", "baseline")
NEWER = {"recompute": False}  # keys of recipes that stored pairs do not know, with the value that changes nothing


@functools.cache
def recipe_hash(trial: Trial) -> str:
    """A short hash of a trial's resolved recipe without its seed and summary."""
    kept = {
        key: value
        for key, value in recipe_of(trial, 0).model_dump(mode="json").items()
        if key not in ("seed", "summary") and (key, value) not in NEWER.items()
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def run_folder(trial: Trial, base: Path, seed: int) -> Path:
    """Of a trial's run with a seed; the same for every claim with this trial."""
    return base / f"{trial.model}-{trial.preset}-{recipe_hash(trial)}-{seed}"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A headline of a paper.

    name: of its results; says: what the paper says; source: where; idea, baseline: what is trained, with seeds of the claim's own;
    score: what is compared; higher: whether more of it is better; seeds: how many pairs.
    """

    name: str
    says: str
    source: str
    idea: Trial
    baseline: Trial
    score: str
    higher: bool = False
    seeds: int = 5


def bootstrap_interval(differences: list[float]) -> tuple[float, float]:
    """The percentile interval of the mean of the differences, over resamples of the pairs.

    Examples:
        Of three pairs there are 27 resamples, of which one in 27 is the smallest difference three times.

        >>> bootstrap_interval([1.0, 2.0, 3.0])
        (1.0, 3.0)
    """
    values = np.asarray(differences, np.float64)
    count = len(values)
    if count**count <= MOST_RESAMPLES:
        picks = np.array(list(itertools.product(range(count), repeat=count)))
    else:
        picks = np.random.default_rng(0).integers(0, count, [MOST_RESAMPLES, count])
    means = values[picks].mean(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    return float(low), float(high)


def usable_pairs(claim: Claim, folder: Path) -> dict[int, dict]:
    """{seed: stored pair} of the claim's recipes as they are now."""
    record = results.load(f"claims/{claim.name}", folder)
    pairs = record["figures"]["pairs"] if record else {}
    recipes = {side: recipe_hash(getattr(claim, side)) for side in SIDES}
    return {int(seed): pair for seed, pair in pairs.items() if pair["recipes"] == recipes}


def verdict(claim: Claim, pairs: dict[int, dict]) -> tuple[str, str]:
    """(the effect with its interval, the verdict) in words."""
    differences = [pair["idea"][claim.score] - pair["baseline"][claim.score] for pair in pairs.values()]
    if not differences:
        return "", "not run yet"
    mean = float(np.mean(differences))
    if len(differences) < 3:
        return f"{mean:+.3g}", f"too few seeds ({len(differences)})"
    low, high = bootstrap_interval(differences)
    effect = f"{mean:+.3g} ({low:+.3g} to {high:+.3g})"
    if low <= 0 <= high:
        return effect, "not shown"
    return effect, "**shown**" if (low > 0) == claim.higher else "reversed"


def page_table(claims: list[Claim], folder: Path) -> str:
    """The Markdown table of the page, a row a claim."""
    lines = [
        "| the paper says | here | score | seeds | with the idea | without | difference (95 %) | verdict | `--only=` |"
    ]
    lines.append("|---" * 9 + "|")
    for claim in claims:
        pairs = usable_pairs(claim, folder)
        means = [
            f"{np.mean([pair[side][claim.score] for pair in pairs.values()]):.3g}" if pairs else "" for side in SIDES
        ]
        here = f"{claim.idea.variant} beside {claim.baseline.variant}; `{claim.idea.model}`, {claim.idea.preset}"
        score = f"{claim.score}, {'higher' if claim.higher else 'lower'} is better"
        cells = [f"{claim.says} ({claim.source})", here, score, str(len(pairs)), *means, *verdict(claim, pairs)]
        lines.append("| " + " | ".join([*cells, f"`{claim.name}`"]) + " |")
    return "\n".join(lines)


def cpu_seconds() -> float:
    """Of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def pages(claims: list[Claim], folder: Path) -> dict[Path, str]:
    """{page: its table}: all claims on the page of claims, and on a model's page those that have been run."""
    tables_of = {DOCS / "claims.md": page_table(claims, folder)}
    have_run = [claim for claim in claims if usable_pairs(claim, folder)]
    for model in dict.fromkeys(claim.idea.model for claim in have_run):
        tables_of[DOCS / f"{model}.md"] = page_table([c for c in have_run if c.idea.model == model], folder)
    return tables_of


def store(claim: Claim, seed: int, scores: dict[str, dict[str, float]], seconds: dict[str, float], arguments) -> None:
    """Adds a pair to the claim's results: all scores of both sides, not only the one that is compared, and the CPU's time of runs that
    were not resumed."""
    record = results.load(f"claims/{claim.name}", arguments.results)
    pairs = dict(record["figures"]["pairs"]) if record else {}
    recipes = {side: recipe_hash(getattr(claim, side)) for side in SIDES}
    pairs[str(seed)] = {**scores, "cpu_seconds": seconds, "recipes": recipes, **results.origin()}
    results.save(f"claims/{claim.name}", {"score": claim.score, "pairs": pairs}, arguments)


def run(claim: Claim, arguments) -> None:
    """Trains the pairs that are not stored yet."""
    for seed in range(claim.seeds):
        if seed in usable_pairs(claim, arguments.results):
            continue
        scores, seconds = {}, {}
        for side in SIDES:
            trial = getattr(claim, side)
            folder = run_folder(trial, arguments.to.resolve(), seed)
            print(f"--- {claim.name}, seed {seed}: {trial.variant}", flush=True)
            before = None if folder.exists() else cpu_seconds()
            train(trial.model, trial.preset, folder, seed, [f"--set={change}" for change in trial.changes])
            scores[side] = final_scores(folder)
            if before is not None:
                seconds[side] = round(cpu_seconds() - before)
        store(claim, seed, scores, seconds, arguments)


def main() -> int:
    from benchmarks.headlines import CLAIMS

    parser = results.parser(__doc__)
    parser.add_argument("--to", default="runs/claims", type=Path, help="where the runs' folders are")
    parser.add_argument("--only", help="names of claims, by commas")
    parser.add_argument("--list", action="store_true", help="list the claims; train nothing")
    parser.add_argument("--write", action="store_true", help="write the page; train nothing")
    parser.add_argument("--check", action="store_true", help="recompute every verdict; train nothing")
    arguments = parser.parse_args()
    names = [claim.name for claim in CLAIMS]
    wanted = arguments.only.split(",") if arguments.only else names
    if unknown := [name for name in wanted if name not in names]:
        parser.error(f"no claim {unknown[0]!r}; there are {', '.join(names)}.")
    if arguments.list:
        for claim in CLAIMS:
            stored = usable_pairs(claim, arguments.results)
            print(f"{claim.name:28} {len(stored)} of {claim.seeds} seeds  {verdict(claim, stored)[1]}")
        return 0
    if not arguments.check and not arguments.write:
        for claim in CLAIMS:
            if claim.name in wanted:
                run(claim, arguments)
    changed = []
    for page, text in pages(CLAIMS, arguments.results).items():
        if tables.rewrite(page, "claims", text, dry=arguments.check):
            changed.append(page.name)
    if arguments.check:
        print(
            f"Not what the results give: {', '.join(changed)}; --write."
            if changed
            else "The pages state what the results give."
        )
        return int(bool(changed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
