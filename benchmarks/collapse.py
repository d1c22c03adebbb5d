"""A run that is made to collapse by a learning rate far too high, without the guard and with it.

    python -m benchmarks.collapse                     one seed: two runs of about two minutes each on one core
    python -m benchmarks.collapse --seeds=0,1,2

GAN's dense layers on 5,000 MNIST digits, at fourteen times the quickstart's learning rates: digits appear, and are lost again. With
the guard the run goes back to its best checkpoint, with another seed and the quickstart's rates. Each run is a folder of --to; the
same command resumes where it was stopped, and only prints once all runs are complete.
"""

from pathlib import Path

from benchmarks import results
from benchmarks.seeds import final_scores, train
from tfgan_zoo.runs.run_folder import Run

SCORE, STEPS, RATE = "fd_mnist_cnn", 5000, 0.007
RUN = (
    f"steps={STEPS}",
    f"generator_optimizer.learning_rate={RATE}",
    f"discriminator_optimizer.learning_rate={RATE}",
    "arguments.maxout_pieces=1",
    "arguments.noise_size=32",
    "data.resolution=28",
    "averaging.decay=0.99",
    "evaluation.every_steps=250",
    "evaluation.samples=2000",
    "checkpoints.every_steps=250",
    "log.samples_every_steps=1000",
)
GUARD = ("guard.on_collapse=rollback", "guard.score_factor=2", "guard.rate_factor=0.07")


def sets(assignments):
    return [f"--set={assignment}" for assignment in assignments]


def best_before(run, step):
    """The best of the run's scores up to a step."""
    return min(score.value for score in run.scores() if score.name == SCORE and score.step <= step)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--to", default="runs/collapse", type=Path)
    arguments = parser.parse_args()
    lines = []
    for seed in map(int, arguments.seeds.split(",")):
        plain, guarded = (arguments.to / f"{name}-{seed}" for name in ("plain", "guarded"))
        train("gan", "quickstart", plain, seed, sets(RUN))
        train("gan", "quickstart", guarded, seed, sets([*RUN, *GUARD]))
        run = Run(guarded)
        collapses = run.collapses()
        for record in collapses:
            print(f"seed {seed}, step {record['step']}: {record['why']}; back to step {record['went_back_to']}")
        before = best_before(run, collapses[0]["went_back_to"]) if collapses else None
        end, without = final_scores(guarded)[SCORE], final_scores(plain)[SCORE]
        lines.append((seed, best_before(Run(plain), STEPS), without, len(collapses), before, end))
    print(
        f"| seed | {SCORE} without the guard: best | end | collapses seen | best before the first | end | end / best |"
    )
    print("|---" * 7 + "|")
    for seed, best, without, count, before, end in lines:
        share = f"{before:.3g} | {end:.3g} | {end / before:.2f}" if count else f"- | {end:.3g} | -"
        print(f"| {seed} | {best:.3g} | {without:.3g} | {count} | {share} |")
    columns = ("seed", "unguarded_best", "unguarded_end", "collapses", "best_before_the_first", "guarded_end")
    results.save("collapse", [dict(zip(columns, line, strict=True)) for line in lines], arguments)


if __name__ == "__main__":
    main()
