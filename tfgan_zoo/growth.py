"""Shows how a run's samples developed, from the sample grids that it stored during training.

python -m tfgan_zoo.growth --run=runs/my-pggan                     a strip: one row per stage, the same latents in each
python -m tfgan_zoo.growth --run=runs/my-pggan --out=growth.gif    every grid in turn; also .mp4
"""

from pathlib import Path

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "The run's folder.")
OUT = flags.DEFINE_string("out", "growth.png", "The file to write: .png for the strip, .gif or .mp4 for an animation.")
COLUMNS = flags.DEFINE_integer("columns", 8, "Images per row of the strip.", lower_bound=1)
SCALE = flags.DEFINE_integer("scale", 2, "Enlarges each pixel by this factor.", lower_bound=1)
RATE = flags.DEFINE_integer("frames_per_second", 4, "Frame rate of the animation.", lower_bound=1)


def main() -> int:
    command_line.load_tensorflow()
    from tfgan_zoo import pictures
    from tfgan_zoo.core.errors import ZooError
    from tfgan_zoo.html_report import sample_strip
    from tfgan_zoo.runs.run_folder import Run

    if not RUN.value:
        raise ZooError("give --run, a run's folder; see --help.")
    run = Run(RUN.value)
    if Path(OUT.value).suffix == ".png":
        pictures.save_png(sample_strip.strip(run, COLUMNS.value), OUT.value, SCALE.value)
    else:
        pictures.save_animation(sample_strip.frames(run), OUT.value, SCALE.value, RATE.value)
    print(OUT.value)
    return 0


if __name__ == "__main__":
    command_line.run(main)
