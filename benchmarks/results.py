"""Figures of the benchmarks as JSON files, each with the commit, date and hardware that they were measured with.

A benchmark ends with `save`, which writes benchmarks/results/<name>.json; `python -m benchmarks.tables` makes the README's tables
from those files. `carried_over` marks figures that were taken from the README, at the commit that put them there.
"""

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "results"


def parser(description):
    """An argument parser with the flag that every benchmark has: where its figures go."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--results", type=Path, default=FOLDER, help="folder of the JSON file with the figures")
    return made


def commit():
    """The checkout's commit, with " and changes" where files other than results differ from it; None outside of a checkout."""
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "-uno", ".", ":!benchmarks/results"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + " and changes" * bool(changed.stdout.strip())


def hardware():
    """Such as "2 cores of AMD EPYC 9B14 with AMX, 24 GiB"; on Linux with the processor's name and NVIDIA's GPUs."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"^model name\s*: (.+)$", info, re.MULTILINE)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{cores} cores of {name[1] if name else platform.processor() or platform.machine()}"
    text += " with AMX" * ("amx_bf16" in info)
    if hasattr(os, "sysconf"):
        text += f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        gpus = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip().splitlines()
    except (OSError, subprocess.CalledProcessError):
        gpus = []
    return ", ".join([text, *gpus])


def origin():
    """{"commit", "date", "hardware"} of what is measured now."""
    return {"commit": commit(), "date": datetime.date.today().isoformat(), "hardware": hardware()}


def save(name, figures, arguments):
    """Writes <name>.json into `arguments.results`.

    Args:
        name: the benchmark's, such as "train_step" or "zoo/sngan".
        figures: whatever JSON can hold.
        arguments: the command line's, which are stored with the figures, but for paths, which mean something on one machine only.
    """
    settings = {key: value for key, value in vars(arguments).items() if not isinstance(value, Path)}
    record = {
        "benchmark": name,
        "arguments": settings,
        **origin(),
        "figures": figures,
    }
    path = arguments.results / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(name, folder=FOLDER):
    """The record that `save` wrote; None where there is none."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
