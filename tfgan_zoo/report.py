"""Writes everything about a run as one HTML file, which a browser opens without a network.

python -m tfgan_zoo.report --run=runs/my-run
python -m tfgan_zoo.report --run=runs/my-run --out=my-run.html --checkpoint=best
python -m tfgan_zoo.report --run=runs/my-run --truncation=0.5 --truncation=1 --truncation=2
"""

from pathlib import Path

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "The run's folder.", required=True)
OUT = flags.DEFINE_string("out", "report.html", "The file to write.")
CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "latest", "Which checkpoint the new samples are from: latest, best or a step."
)
TRUNCATION = flags.DEFINE_multi_float(
    "truncation",
    None,
    "Adds scores of samples at this bound of |z|, or psi, as the model's card says; repeat for a sweep.",
    0,
)
SAMPLES = flags.DEFINE_integer("samples", 2000, "Images to generate at each --truncation.", lower_bound=2)


def main() -> int:
    command_line.load_tensorflow()
    from tfgan_zoo.html_report.chapters import Report
    from tfgan_zoo.html_report.html_page import write
    from tfgan_zoo.runs.run_folder import Run

    bounds = TRUNCATION.value or ()
    report = Report(Run(RUN.value), CHECKPOINT.value, bounds, SAMPLES.value, command_line.with_progress)
    write(report.html(), OUT.value)
    for reason in report.left_out:
        print(f"Left out: {reason}")
    print(f"{OUT.value} ({Path(OUT.value).stat().st_size / 2**20:.1f} MB)")
    return 0


if __name__ == "__main__":
    command_line.run(main)
