"""BigGAN's truncation: quality against variety as the latent's bound falls, with and without orthogonal regularisation.

    python -m benchmarks.truncation --to runs/zoo

It scores the quickstarts that `benchmarks.zoo --only=biggan` has trained at each bound, those that are scored already left out, and
writes the table and the picture of docs/biggan.md: Brock et al. 2018, arXiv:1809.11096, figure 2.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks import results, tables
from benchmarks.zoo import ROOT, TRIALS

BOUNDS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
METRICS = ("distances", "inception_score", "precision_recall", "class_accuracy")
COLUMNS = ("fd_mnist_cnn", "is_mnist_cnn", "precision", "recall", "class_accuracy")


def sweep_of(folder):
    """{bound: {score name: value}} of a run, None being no bound, measured where it is not yet."""
    from tfgan_zoo.html_report.truncation_sweep import stored_sweep
    from tfgan_zoo.runs.run_folder import Run

    missing = [bound for bound in BOUNDS if bound not in dict(stored_sweep(Run(folder).scores()))]
    plain = [score for score in Run(folder).scores() if score.protocol.truncation is None]
    asked = [[f"--truncation={bound}" for bound in missing]] if missing else []
    asked += [[]] if COLUMNS[1] not in {score.name for score in plain} else []
    for bounds in asked:
        command = ["-m", "tfgan_zoo.evaluate", f"--run={folder}", *bounds, f"--metrics={','.join(METRICS)}"]
        subprocess.run([sys.executable, *command, "--resamples=0"], check=True, cwd=ROOT)
    scores = Run(folder).scores()
    return dict(stored_sweep(scores)) | {None: {s.name: s.value for s in scores if s.protocol.truncation is None}}


def table(sweeps):
    lines = ["| | bound | " + " | ".join(COLUMNS) + " |", "|---" * (2 + len(COLUMNS)) + "|"]
    for variant, sweep in sweeps.items():
        for bound in (*BOUNDS, None):
            cells = [f"{sweep[bound][name]:.3g}" for name in COLUMNS]
            lines.append(f"| {variant} | {'none' if bound is None else bound} | {' | '.join(cells)} |")
    return "\n".join(lines)


def samples(folder, bounds):
    """uint8 [H, W]: for each bound a row of a sample of each class, of the same seeds."""
    from tfgan_zoo.runs.open_generator import open_run

    generator, _ = open_run(folder)
    rows = [generator.sample(range(10), bound, labels=np.arange(10))[..., 0] for bound in bounds]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def draw(sweeps, folders, path):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 1 + len(sweeps), figsize=(14, 3.2), layout="constrained")
    for variant, sweep in sweeps.items():
        points = [(sweep[bound]["is_mnist_cnn"], sweep[bound]["fd_mnist_cnn"]) for bound in (*BOUNDS, None)]
        axes[0].plot(*zip(*points, strict=True), "o-", label=variant)
        for bound, point in zip((*BOUNDS, "none"), points, strict=True):
            axes[0].annotate(f" {bound}", point, fontsize=7)
    axes[0].set(xlabel="is_mnist_cnn", ylabel="fd_mnist_cnn", yscale="log")
    axes[0].legend(fontsize=8)
    shown = (None, 1.0, 0.5, 0.25)
    for axis, (variant, folder) in zip(axes[1:], folders.items(), strict=True):
        picture = samples(folder, shown)
        axis.imshow(picture, cmap="gray", vmin=0, vmax=255)
        side = picture.shape[0] / len(shown)
        axis.set_yticks([side * (row + 0.5) for row in range(len(shown))], ["no bound", *map(str, shown[1:])])
        axis.set_xticks([])
        axis.set_title(variant, fontsize=9)
    figure.savefig(path, dpi=110)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--to", default="runs/zoo", type=Path, help="where the runs' folders are")
    arguments = parser.parse_args()
    base = arguments.to.resolve()
    folders = {trial.variant: trial.folder(base, 0) for trial in TRIALS if trial.model == "biggan"}
    sweeps = {variant: sweep_of(folder) for variant, folder in folders.items()}
    draw(sweeps, folders, ROOT / "docs" / "biggan_truncation.png")
    tables.rewrite(ROOT / "docs" / "biggan.md", "truncation", table(sweeps))
    print(table(sweeps))
    figures = {
        variant: {str(bound): {name: sweep[bound][name] for name in COLUMNS} for bound in (*BOUNDS, None)}
        for variant, sweep in sweeps.items()
    }
    results.save("truncation", figures, arguments)


if __name__ == "__main__":
    main()
