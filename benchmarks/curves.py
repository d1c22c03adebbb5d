"""A run's score beside one of its logs over time, as a picture and as a rank correlation.

    python -m benchmarks.curves --run=runs/zoo/wgan-quickstart-clipping-0 --log=discriminator/wasserstein --out=docs/wgan.png

WGAN: the critic's loss tracks quality. BEGAN: so does M, the log "boundary_equilibrium/convergence".
"""

import json
from pathlib import Path

from benchmarks import results


def scores_of(folder, name):
    """[(step, value)] of a score, rising."""
    lines = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    return sorted({line["step"]: line["value"] for line in lines if line["name"] == name}.items())


def logs_of(folder, name):
    """[(step, value)] of a TensorBoard scalar; where a step was taken again after a crash, its last value."""
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    tags = events.Tags()["tensors"]
    if name not in tags:
        raise SystemExit(f"{folder} has no log {name}; there is: {', '.join(sorted(tags))}.")
    return sorted({e.step: float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(name)}.items())


def before(logs, steps, window):
    """The mean of a log over the `window` steps before each step, that step included."""
    means = []
    for step in steps:
        values = [value for at, value in logs if step - window < at <= step]
        means.append(sum(values) / len(values))
    return means


def main():
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from scipy.stats import spearmanr

    parser = results.parser(__doc__)
    parser.add_argument("--run", required=True, type=Path)
    parser.add_argument("--log", required=True)
    parser.add_argument("--score", default="fd_mnist_cnn")
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args()
    scores, logs = scores_of(arguments.run, arguments.score), logs_of(arguments.run, arguments.log)
    steps, values = zip(*scores, strict=True)
    means = before(logs, steps, window=min(b - a for a, b in zip((0, *steps), steps, strict=False)))
    rank = spearmanr(means, values).statistic
    figure, left = pyplot.subplots(figsize=(7, 3.5), layout="constrained")
    left.plot(*zip(*logs, strict=True), color="tab:blue", linewidth=0.8)
    left.set_xlabel("step")
    left.set_ylabel(arguments.log, color="tab:blue")
    right = left.twinx()
    right.plot(steps, values, "o-", color="tab:red")
    right.set_yscale("log")
    right.set_ylabel(arguments.score, color="tab:red")
    figure.suptitle(f"Spearman's rank correlation over {len(steps)} scores: {rank:.2f}", fontsize=10)
    figure.savefig(arguments.out, dpi=100)
    print(f"{arguments.log} against {arguments.score}: Spearman {rank:.2f} over {len(steps)} scores; {arguments.out}")
    results.save(f"curves/{arguments.run.name}", {"spearman": float(rank), "scores": len(steps)}, arguments)


if __name__ == "__main__":
    main()
