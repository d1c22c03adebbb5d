"""Writes the README's figures from benchmarks/results/: the scores of the zoo and the speeds.

    python -m benchmarks.tables            rewrites README.md
    python -m benchmarks.tables --check    ends with 1 where README.md is not what the results give

The speeds stand between <!-- speed --> and <!-- /speed -->, and the zoo's table between <!-- zoo --> and <!-- /zoo -->, where the
fourth cell of each row is the score; the other cells are written by hand. Without a result no number stands there: "not yet".
"""

import argparse
import math
import re
import statistics
import sys
import textwrap

from benchmarks.results import FOLDER, ROOT, load
from benchmarks.two_commits import ratio

CONTESTANTS = {  # the worker's name in `benchmarks.train_step` -> the row's
    "ours float32": "ours float32",
    "ours bfloat16": "ours bfloat16",
    "mimicry as shipped": "mimicry as shipped",
    "mimicry at its best": "mimicry at its best (bfloat16 autocast, channels_last)",
}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def between_marks(page, mark, text):
    """The Markdown `page` with `text` between <!-- mark --> and <!-- /mark -->.

    Raises:
        ValueError: the page has no such marks.
    """
    pattern = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
    if not re.search(pattern, page, re.DOTALL):
        raise ValueError(f"the page has no marks <!-- {mark} --> and <!-- /{mark} -->.")
    return re.sub(pattern, lambda marks: f"{marks[1]}{text}\n{marks[2]}", page, flags=re.DOTALL)


def text_between(path, mark):
    """The text between <!-- mark --> and <!-- /mark --> of a Markdown file."""
    return re.search(rf"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", path.read_text(encoding="utf-8"), re.DOTALL)[1]


def rewrite(path, mark, text, dry=False):
    """Puts `text` between <!-- mark --> and <!-- /mark --> of a Markdown file, unless `dry`. Returns whether another text stood there."""
    before = path.read_text(encoding="utf-8")
    try:
        after = between_marks(before, mark, text)
    except ValueError as error:
        raise SystemExit(f"{path}: {error}") from error
    if not dry:
        path.write_text(after, encoding="utf-8")
    return after != before


def score_cell(model, folder=FOLDER):
    """The mean score of a model's quickstart, its standard error where each seed's is stored, and over how many seeds; None without a result."""
    record = load(f"zoo/{model}", folder)
    if record is None:
        return None
    score = record["figures"]["fd_mnist_cnn"]
    values = score.get("values", [])
    error = f" ± {statistics.stdev(values) / math.sqrt(len(values)):.2f}" if len(values) > 1 else ""
    return f"{score['mean']:.2f}{error} ({score['seeds']} seed{'s' * (score['seeds'] > 1)})"


def zoo_table(readme, folder=FOLDER):
    """The rows of the README's table of models with the scores that the results give."""
    (table,) = re.findall(r"<!-- zoo -->\n(.*?)\n<!-- /zoo -->", readme, re.DOTALL)
    lines = []
    for line in table.splitlines():
        if model := re.match(r"\| \[?`(\w+)`", line):
            cells = [cell.strip() for cell in line.strip()[1:-1].split("|")]
            if len(cells) != 5:
                raise ValueError(f"README.md's row of {model[1]} has {len(cells)} cells; expected 5.")
            cells[3] = score_cell(model[1], folder) or re.sub(r".*\d.*", "not yet", cells[3])
            line = "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)
        lines.append(line)
    return "\n".join(lines)


def speed_section(folder=FOLDER):
    """The table of training speeds, and the text beneath it."""
    steps, startup, pipeline = (load(name, folder) for name in ("train_step", "startup", "pipeline"))
    figures = steps["figures"]
    lines = [
        f"On {steps['hardware']} ({steps['date']}, commit {steps['commit'][:7]}):",
        "",
        "| SNGAN-32, G 256, D 128, batch 64 | images/s, median | best | images per CPU second, median |",
        "|---|---|---|---|",
    ]
    for name, row in CONTESTANTS.items():
        rates = figures["contestants"][name]
        lines.append(f"| {row} | {rates['median']:.1f} | {rates['best']:.1f} | {rates['per_cpu_second']:.1f} |")
    shipped, best = (figures["ratios"][name] for name in ("float32", "bfloat16"))
    seconds = [round(time) for time in startup["figures"]["seconds"]]
    start = " to ".join(f"{time}" for time in sorted({min(seconds), max(seconds)}))
    text = (
        f"In float32 that is {shipped['median']:.1f} times mimicry as shipped (median of {NUMBERS[figures['rounds']]} rounds; "
        f"{shipped['least']:.1f} to {shipped['most']:.1f}), in bfloat16 {best['median']:.1f} times mimicry at its best "
        f"({best['least']:.1f} to {best['most']:.1f}; {best['by_cpu_time']:.1f} by CPU time). The quickstart takes "
        f"{start} s from the command to the first step (`python -m benchmarks.startup`); the input "
        f"pipeline alone delivers {pipeline['figures']['ratio']:.0f} times the images per second that it trains on "
        f"(`python -m benchmarks.pipeline`). {faster(load('speed', folder)['figures'])}"
    )
    text = re.sub("`[^`]+`", lambda code: code[0].replace(" ", "\0"), text)  # code is not broken over lines
    wrapped = textwrap.wrap(text, 125, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*lines, "", *wrapped]).replace("\0", " ")


def faster(figures):
    """A sentence on the medians of `benchmarks.speed`."""
    times = {name: f"{ratio(found['clock'])[0]:.2f}" for name, found in figures.items()}
    models = sorted(
        (float(value), name.removeprefix("step_")) for name, value in times.items() if name.startswith("step_")
    )
    return (
        f"Times as fast as at commit {figures['first_step']['against'][:7]} (`python -m benchmarks.speed`): from the command to the first step "
        f"{times['first_step']}, a step {models[0][0]:.2f} to {models[-1][0]:.2f} (six models), pictures of a memory-mapped set {times['pipeline']}, "
        f"a request to the embedded server {times['requests']}."
    )


def with_results(readme, folder=FOLDER):
    """README.md as the results give it."""
    readme = between_marks(readme, "zoo", zoo_table(readme, folder))
    return between_marks(readme, "speed", speed_section(folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = with_results(old)
    if check:
        return int(new != old)
    path.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
