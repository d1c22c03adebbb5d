"""What limits each model's training on 1, 8, 64 and 512 TPU chips, from the compiled programs of `benchmarks.tpu_programs`.

    python -m benchmarks.scaling            rewrites the tables of docs/scaling.md
    python -m benchmarks.scaling --check    ends with 1 where the page is not what the results give

The times are lower bounds, none is measured: the docs page states the formulas, the constants and their sources.
"""

import argparse
import sys

from benchmarks.results import ROOT, load
from benchmarks.tables import between_marks
from benchmarks.tpu_programs import paper_preset, whole_recipe
from tfgan_zoo.core import catalog

PAGE = ROOT / "docs" / "scaling.md"
CHIPS = (1, 8, 64, 512)
# Of one TPU v5e chip, https://cloud.google.com/tpu/docs/v5e: bfloat16 flop/s, HBM bytes/s, bytes/s of its links in one direction
# (half of the 400 GB/s in both); a pod has 256 chips and 6.4 Tbit/s to others.
PEAK, HBM, LINKS = 197e12, 819e9, 200e9
POD, POD_NETWORK = 256, 6.4e12 / 8
HOP = 1e-6  # s, latency from chip to chip, https://jax-ml.github.io/scaling-book/tpus
MIB, GIB = 2**20, 2**30


def hops(chips):
    """Links that a reduction passes there and back: once around both rings of a torus of so many chips in a pod."""
    side = min(chips, POD) ** 0.5
    return 0 if chips == 1 else 2 * side


def times(program, collectives, batch, chips):
    """{what takes time: seconds} of a step of a global batch on so many chips; None where it does not divide among them.

    Args:
        program: of one chip, as `benchmarks.tpu_programs` stores it.
        collectives: [number, bytes] of the all-reduces of a step.
        batch: global.
    """
    if batch % chips:
        return None
    share = batch / chips / program["batch_size"]
    state = 2 * program["memory"]["alias"]  # weights, averages and optimisers, read and written once
    moved = state + max(program["bytes"] - state, 0) * share
    number, size = collectives
    pods = max(chips // POD, 1)
    wire = 2 * (chips - 1) / chips * size / LINKS + 2 * (pods - 1) / pods * size / POD_NETWORK
    return {
        "compute": program["flops"] * share / PEAK,
        "HBM": moved / HBM,
        "all-reduce": wire,
        "latency": number * hops(chips) * HOP,
    }


def step_time(parts):
    """(seconds, what limits it): compute and memory overlap, reductions come on top."""
    on_chip = max(("compute", "HBM"), key=parts.get)
    between = parts["all-reduce"] + parts["latency"]
    slowest = on_chip if parts[on_chip] >= between else max(("all-reduce", "latency"), key=parts.get)
    return parts[on_chip] + between, slowest


def reductions(model, preset, figures):
    """[number, bytes] of a step's all-reduces, as compiled for four chips; None where they were not."""
    four = figures.get(f"{model}/{preset} on 4 x v5e:2x2", {})
    return four["collectives"].get("all-reduce", [0, 0]) if "collectives" in four else None


def program_rows(figures):
    """The table of compiled programs on one chip, and the reductions of four."""
    lines = [
        "| model | recipe | batch | parameters | arguments | temporaries | code | Gflop | GiB moved | step at least | all-reduces on 4 chips |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    missing = []
    for model in catalog.model_names():
        for preset in ("quickstart", paper_preset(model, 128)):
            found = figures.get(f"{model}/{preset} on 1 x v5e:2x2")
            if found is None or "failed" in found:
                missing.append(f"{model} {preset}" + (f" ({found['failed'][:80]})" if found else ""))
                continue
            memory, four = found["memory"], figures.get(f"{model}/{preset} on 4 x v5e:2x2", {})
            bound = max(found["flops"] / PEAK, found["bytes"] / HBM)
            reduced = four.get("collectives", {}).get("all-reduce")
            parts = global_batch(model, preset) / found["batch_size"]
            share = f" (1/{parts:.0f})" if parts > 1 else ""
            lines.append(
                f"| {model} | {preset} | {found['batch_size']}{share} | {found['weights'] / 1e6:.1f} M "
                f"| {memory['argument'] / MIB:,.0f} MiB | {memory['temp'] / MIB:,.0f} MiB | {memory['generated_code'] / MIB:,.0f} MiB "
                f"| {found['flops'] / 1e9:,.1f} | {found['bytes'] / GIB:,.2f} | {bound * 1e3:,.2f} ms "
                f"| {f'{reduced[0]} of {reduced[1] / MIB:,.1f} MiB' if reduced else ''} |"
            )
    hasty = [name for name, found in figures.items() if found.get("effort", 0) < 0 and " on 1 " in name]
    careful = [
        name.partition(" ")[0].replace("/", " ") for name in figures if " on 1 x v5e" in name and name not in hasty
    ]
    effort = "Compiled with the least of the compiler's efforts (`--effort=-1`)" if hasty else ""
    if hasty and careful:
        papers = [name for name in careful if not name.endswith(" quickstart")]
        effort += f", apart from {', '.join([*['quickstarts on one chip'] * (len(papers) < len(careful)), *papers])}"
    return "\n".join(lines) + (f"\n\n{effort}." if effort else "") + not_yet(missing)


def global_batch(model, preset):
    """The batch of a step of a preset, with all of its accumulated parts; in its last stage."""
    return whole_recipe(model, preset).schedule[-1].batch_size


def not_yet(missing):
    """A sentence about the programs that are missing from a table."""
    return f"\n\nNot compiled yet: {', '.join(missing)}." if missing else ""


def scaling_rows(figures):
    """The table of step times and limits of the papers' recipes."""
    lines = [
        "| model | recipe | global batch | "
        + " | ".join(f"{n} chip{'s' * (n > 1)}" for n in CHIPS)
        + " | images/s per chip at 8 | state |",
        "|---|---|--:|" + "---|" * len(CHIPS) + "--:|--:|",
    ]
    missing = []
    for model in catalog.model_names():
        preset = paper_preset(model, 128)
        found = figures.get(f"{model}/{preset} on 1 x v5e:2x2")
        collectives = reductions(model, preset, figures)
        if found is None or "failed" in found or collectives is None:
            missing.append(f"{model} {preset}")
            continue
        batch = global_batch(model, preset)
        cells, alone, rate = [], None, ""
        for chips in CHIPS:
            parts = times(found, collectives, batch, chips)
            if parts is None:
                cells.append("does not divide")
                continue
            seconds, slowest = step_time(parts)
            alone = alone or seconds
            cells.append(f"{seconds * 1e3:,.2f} ms, {slowest}, {alone / seconds:.1f}x")
            if chips == 8:
                rate = f"{batch / seconds / 8:,.0f}"
        lines.append(
            f"| {model} | {preset} | {batch} | "
            + " | ".join(cells)
            + f" | {rate} | {found['memory']['alias'] / MIB:,.0f} MiB |"
        )
    return "\n".join(lines if len(lines) > 2 else []) + not_yet(missing)


def workers_rows(figures):
    """The table of the measured speeds on workers of this machine's kind."""
    lines = ["| channels | way | images/s | of one device |", "|--:|---|--:|---|"]
    for channels, ways in figures.items():
        for way, found in ways.items():
            spread = f"{min(found['shares']):.2f} to {max(found['shares']):.2f}"
            lines.append(
                f"| {channels} | {way} | {found['images_per_second']:,.0f} | {found['share']:.2f} ({spread}) |"
            )
    return "\n".join(lines)


def with_results(page):
    """The Markdown page with the tables that the results give."""
    programs, workers = load("tpu_programs"), load("workers_speed")
    if programs:
        page = between_marks(page, "programs", program_rows(programs["figures"]))
        page = between_marks(page, "scaling", scaling_rows(programs["figures"]))
    return between_marks(page, "workers", workers_rows(workers["figures"])) if workers else page


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    before = PAGE.read_text(encoding="utf-8")
    page = with_results(before)
    if arguments.check:
        return int(page != before)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
