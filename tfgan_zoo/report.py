"""Writes the whole story of a run as one HTML file, to be opened in a browser; it asks the network for nothing.

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
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "Of the pictures drawn anew: latest, best or a step.")
TRUNCATION = flags.DEFINE_multi_float("truncation", None, "Bound of the latent to score at; given again, a sweep.", 0)
SAMPLES = flags.DEFINE_integer("samples", 2000, "Images to generate at each of these bounds.", lower_bound=2)


def main():
    command_line.load_tensorflow()
    from tfgan_zoo.html_report.chapters import Report
    from tfgan_zoo.html_report.html_page import write
    from tfgan_zoo.runs.run_folder import Run

    report = Report(Run(RUN.value), CHECKPOINT.value, TRUNCATION.value or (), SAMPLES.value, command_line.watched)
    write(report.html(), OUT.value)
    for sentence in report.left_out:
        print(f"Left out: {sentence}")
    print(f"{OUT.value} ({Path(OUT.value).stat().st_size / 2**20:.1f} MB)")
    return 0


if __name__ == "__main__":
    command_line.run(main)
