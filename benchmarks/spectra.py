"""The singular values of SNGAN's discriminator under four ways to hold its kernels, and what spectral norm costs beside GP.

    python -m benchmarks.spectra --to runs/spectra                                  the picture and the table of docs/sngan.md
    python -m benchmarks.spectra --to /tmp/trial --steps=2 --rounds=1 --docs=/tmp/trial    a trial, which leaves docs/ alone

It trains the quickstart with each of `arguments.weights`, going on where it was stopped, takes the singular values of each
layer's kernel as the layer computes with it, and draws the picture of Miyato et al. 2018, arXiv:1802.05957, figure 1: squares
over the largest of their layer. Then it takes training steps with spectral normalisation and with gradient penalty in turn.
"""

import json
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks import results, tables
from benchmarks.zoo import ROOT, Trial, recipe_of

METHODS = {
    "spectral_norm": "spectral normalisation",
    "weight_norm": "weight normalisation",
    "clipping": "weight clipping",
    "orthonormal": "orthonormal regularisation",
}
UPDATES = {
    "spectral normalisation": ("arguments.weights=spectral_norm",),
    "gradient penalty": ("arguments.weights=none", "arguments.gradient_penalty=10"),
}


def trained(base, method, steps):
    """The `Run` of the quickstart with a method, taken to its end."""
    from tfgan_zoo.runs.run_folder import Run
    from tfgan_zoo.runs.training_run import TrainingRun

    changes = (f"arguments.weights={method}", f"steps={steps}", "evaluation.samples=0")
    trial = Trial("sngan", method, changes)
    folder = trial.folder(base, 0)
    print(f"--- {folder}", flush=True)
    if TrainingRun(recipe_of(trial, 0), folder).execute() is None:
        raise SystemExit("Stopped and saved; the same command resumes.")
    return Run(folder)


def used_kernels(network, images):
    """{layer: float64 [everything else, outputs]}: the kernels that the layers of a network compute with.

    What a wrapper puts in a kernel's place is there only while its layer is called, so the network is asked once.

    images: float32 [B, H, W, C].
    """
    import keras

    from tfgan_zoo.layers.replaced_kernel import CONVOLUTIONS, kernel_of, output_axis

    kernels = {}

    def watched(layer, name, call):
        def asked(*args, **kwargs):
            kernel = np.moveaxis(np.asarray(kernel_of(layer).value, np.float64), output_axis(layer), -1)
            kernels[name] = kernel.reshape(-1, kernel.shape[-1])
            return call(*args, **kwargs)

        return asked

    for layer in network._flatten_layers(include_self=False):  # as `training.singular_values` walks
        if isinstance(layer, (keras.layers.Dense, *CONVOLUTIONS)):
            name = "/".join(dict.fromkeys(kernel_of(layer).path.split("/")[:-1]))
            layer.call = watched(layer, name, layer.call)
    network({"images": images}, training=False)
    return kernels


def spectra_of(run):
    """{layer: singular values over the largest one, float64, falling} of the discriminator of a run's last checkpoint."""
    game, _ = run.players()
    kernels = used_kernels(game.discriminator, np.zeros([1, *run.dataset["image_shape"]], np.float32))
    found = {}
    for name, kernel in kernels.items():
        values = np.linalg.svd(kernel, compute_uv=False)
        found[name.removeprefix("discriminator/")] = values / values[0]
    return found


def draw(spectra, path):
    """One panel a layer, one curve a method: squares over the largest. spectra: {method: {layer: values}}."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    layers = [layer for layer, values in next(iter(spectra.values())).items() if len(values) > 1]
    columns = 3
    rows = -(-len(layers) // columns)
    figure, panels = pyplot.subplots(rows, columns, figsize=(9, 2.3 * rows), layout="constrained", sharey=True)
    for panel in panels.flat[len(layers) :]:
        panel.set_axis_off()
    for layer, panel in zip(layers, panels.flat, strict=False):
        for method, found in spectra.items():
            values = found[layer] ** 2
            panel.plot(np.arange(1, len(values) + 1), values, label=METHODS[method])
        panel.set_title(layer, fontsize=9)
        panel.set_ylim(0, 1.03)
    figure.supxlabel("number of the singular value", fontsize=9)
    figure.supylabel("its square over the largest", fontsize=9)
    figure.legend(
        *panels.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(spectra), fontsize=9
    )
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def flatness(spectra):
    """The mean over layers of what a layer's squares sum up to, over how many they are: 1 where all are equal.

    spectra: {layer: values over the largest}; layers with one singular value are left out.
    """
    return statistics.mean(float(np.mean(values**2)) for values in spectra.values() if len(values) > 1)


def stepper(changes):
    """(a function that takes `n` steps of the quickstart with these changes, its batch size)."""
    import tensorflow as tf

    from tfgan_zoo.data.pipeline import batches
    from tfgan_zoo.data.sources import load_source
    from tfgan_zoo.runs import building
    from tfgan_zoo.training.strategies import make_strategy
    from tfgan_zoo.training.trainer import Trainer

    recipe = recipe_of(Trial("sngan", "time", changes), 0)
    source = load_source(recipe.data)
    trainer = Trainer(recipe, building.game_builder(recipe, source.image_shape, source.classes), make_strategy("one"))
    (stage,) = recipe.schedule
    run = trainer.compile(stage, 0)
    iterator = iter(batches(source.images, None, stage.batch_size, seed=0))
    return lambda n: run(iterator, tf.constant(n))[0].numpy(), stage.batch_size


def times(rounds, steps):
    """({name of `UPDATES`: [(seconds, CPU seconds) of a step, one a round]}, batch size); the two take turns."""
    steppers = {name: stepper(changes) for name, changes in UPDATES.items()}
    for take, _ in steppers.values():
        take(3)
    found = {name: [] for name in steppers}
    for turn in range(rounds):
        for name in list(steppers)[:: 1 if turn % 2 else -1]:
            start = time.perf_counter(), time.process_time()
            steppers[name][0](steps)
            found[name].append(((time.perf_counter() - start[0]) / steps, (time.process_time() - start[1]) / steps))
        print(f"round {turn + 1}: " + ", ".join(f"{n} {1e3 * t[-1][0]:.1f} ms" for n, t in found.items()), flush=True)
    return found, next(iter(steppers.values()))[1]


def page(spectra, steps, found, batch_size, picture):
    """The Markdown of docs/sngan.md: the picture, how flat the spectra are, and the times."""
    rounds = len(next(iter(found.values())))
    flat = [f"| {METHODS[method]} | {flatness(values):.2f} |" for method, values in spectra.items()]
    medians = {name: [statistics.median(column) for column in zip(*t, strict=True)] for name, t in found.items()}
    rows = [f"| {name} | {1e3 * clock:.1f} | {1e3 * cpu:.1f} |" for name, (clock, cpu) in medians.items()]
    spectral, penalty = (found[name] for name in UPDATES)
    clock, cpu = ([p[i] / s[i] for s, p in zip(spectral, penalty, strict=True)] for i in (0, 1))
    ratios = " | ".join(f"{statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for r in (clock, cpu))
    return "\n".join(
        [
            f"![Squared singular values of the discriminator's layers]({picture})",
            "",
            f"| after {steps:,} steps, seed 0 | mean square of a layer's singular values over the largest's, mean of layers |",
            "|---|---|",
            *flat,
            "",
            f"| an update of both players, batch {batch_size}, median of {rounds} turns | ms | CPU ms |",
            "|---|---|---|",
            *rows,
            f"| gradient penalty over spectral normalisation: median of pairs (from, to) | {ratios} |",
        ]
    )


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--to", default="runs/spectra", type=Path, help="where the runs' folders are")
    parser.add_argument("--steps", default=1000, type=int, help="training steps of each run")
    parser.add_argument("--rounds", default=15, type=int, help="turns of each of the two that are timed")
    parser.add_argument("--turn", default=10, type=int, help="steps a turn")
    parser.add_argument("--docs", default=ROOT / "docs", type=Path, help="where sngan.md is, and the picture goes")
    arguments = parser.parse_args()
    base = arguments.to.resolve()
    spectra = {method: spectra_of(trained(base, method, arguments.steps)) for method in METHODS}
    values = {method: {layer: v.tolist() for layer, v in found.items()} for method, found in spectra.items()}
    (base / "spectra.json").write_text(json.dumps(values) + "\n")
    draw(spectra, arguments.docs / "sngan_spectra.png")
    seconds, batch_size = times(arguments.rounds, arguments.turn)
    text = page(spectra, arguments.steps, seconds, batch_size, "sngan_spectra.png")
    figures = {
        "flatness": {method: flatness(found) for method, found in spectra.items()},
        "clock_and_cpu_seconds_of_a_step": seconds,
        "batch_size": batch_size,
    }
    results.save("spectra", figures, arguments)
    tables.rewrite(arguments.docs / "sngan.md", "spectra", text)
    print(text)


if __name__ == "__main__":
    main()
