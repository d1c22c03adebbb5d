"""What a training step's time goes to: the durations of TensorFlow's operations by kind, as its profiler sees them.

python -m benchmarks.step_profile                    the steps of `benchmarks.speed`
python -m benchmarks.step_profile --only=step_sngan
python -m benchmarks.step_profile --write            measures nothing: the table of docs/speed.md from the stored results
"""

import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import results, speed, tables
from benchmarks.results import ROOT

NAMES = [name for name in speed.MEASURED if name.startswith("step_")]
KINDS = {  # {column: what the types of its operations contain}; the first that fits counts
    "convolutions": "Conv2D",
    "matrix products": "MatMul|Einsum",
    "batch norm": "BatchNorm",
    "ReLU": "Relu",
    "resampling, pooling": "Pool|Resize|Transpose|Pad|Concat|Slice|Reverse|Tile|Gather",
    "Adam": "ResourceApplyAdam",
    "other": "",
}
STEPS = 10


def profile(name):
    """{type of an operation: milliseconds a step, summed over threads} of a step of `benchmarks.speed`, in this process."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    sys.argv[1:] = speed.MEASURED[name].arguments
    scope = {}
    exec(speed.STEPS, scope)
    scope["turn"]()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            scope["turn"]()
        space = xplane_pb2.XSpace.FromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    times = collections.Counter()
    for plane in space.planes:
        names = {key: metadata.name for key, metadata in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            # "name:Type" is an operation; "Executor::Run" and the like are what runs it
            match = re.fullmatch(r"(?!.*::).+:([A-Z_]\w+)", names[event.metadata_id])
            if match:
                times[match[1]] += event.duration_ps / 1e9 / STEPS
    return dict(times.most_common())


def table(figures):
    """The Markdown table of the shares of each kind."""
    lines = ["| a step of | ms of operations | " + " | ".join(KINDS) + " |", "|---" * (len(KINDS) + 2) + "|"]
    for name in NAMES:
        if name not in figures:
            continue
        times, shares = figures[name]["milliseconds"], collections.Counter()
        for kind, value in times.items():
            shares[next(column for column, pattern in KINDS.items() if re.search(pattern, kind))] += value
        whole = sum(times.values())
        cells = [f"{shares[column] / whole:.0%}" for column in KINDS]
        title = speed.MEASURED[name].title.removeprefix("a step of ")
        lines.append(f"| {title} | {whole:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--only", default=",".join(NAMES), help="by commas: " + ", ".join(NAMES))
    parser.add_argument("--write", action="store_true", help="write the table, measure nothing")
    parser.add_argument(
        "--in_this_process", action="store_true", help="print the times of the one step named by --only"
    )
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    if unknown := set(names) - set(NAMES):
        parser.error(f"--only={','.join(sorted(unknown))}: known are {', '.join(NAMES)}")
    if arguments.in_this_process:
        print(json.dumps(profile(names[0])))
        return
    record = results.load("step_profile", arguments.results)
    figures = record["figures"] if record else {}
    for name in [] if arguments.write else names:
        command = [sys.executable, "-m", "benchmarks.step_profile", f"--only={name}", "--in_this_process"]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        figures[name] = {"milliseconds": json.loads(done.stdout.splitlines()[-1]), **results.origin()}
        print(table({name: figures[name]}).splitlines()[-1], flush=True)
        results.save("step_profile", figures, arguments)
    tables.rewrite(speed.PAGE, "profile", table(figures))


if __name__ == "__main__":
    main()
