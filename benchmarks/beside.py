"""The last samples of several runs in one picture, each under its run's name.

    python -m benchmarks.beside --out=docs/ambientgan_samples.png \\
        runs/zoo/ambientgan-{quickstart,block_patch}-{ambient,ignore,unmeasure}-0 runs/zoo/ambientgan-rotate_project-ambient-0 \\
        runs/zoo/ambientgan-rotate_project_theta-{ambient,unmeasure}-0
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

GAP, LETTERS = 12, 16  # pixels between pictures, and of a line of text


def last_samples(run):
    """The last grid of samples that a run drew."""
    return Image.open(max((Path(run) / "samples").glob("step-*.png"))).convert("RGB")


def beside(titled, columns):
    """One picture of [(title, picture)], row by row."""
    width, height = (max(picture.size[i] for _, picture in titled) for i in (0, 1))
    rows = -(-len(titled) // columns)
    cell = width + GAP, height + LETTERS + GAP
    canvas = Image.new("RGB", (columns * cell[0] + GAP, rows * cell[1] + GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(LETTERS - 3)
    for number, (title, picture) in enumerate(titled):
        left, top = GAP + number % columns * cell[0], GAP + number // columns * cell[1]
        draw.text((left, top), title, "black", font)
        canvas.paste(picture, (left, top + LETTERS))
    return canvas


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="folders of runs")
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--width", type=int, default=1100, help="most pixels of the picture's width")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    picture = beside([(Path(run).name, last_samples(run)) for run in arguments.runs], arguments.columns)
    if picture.width > arguments.width:
        picture = picture.resize(
            (arguments.width, round(picture.height * arguments.width / picture.width)), Image.LANCZOS
        )
    picture.quantize(32).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
