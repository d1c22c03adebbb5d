"""Looks into a generator: the latent of a picture, sums of latents, the way between two, mean images of classes.

python -m tfgan_zoo.project --export=acgan_mnist --image=seven.png              the strip latent.png and latent.npz
python -m tfgan_zoo.project --run=runs/my-run --image=a.png --image=b.png --label=7 --mean
python -m tfgan_zoo.project --run=runs/my-run --terms=latent.npz --out=again.png
python -m tfgan_zoo.project --run=runs/my-run --terms='a.npz - b.npz + 0.5*c.npz'
python -m tfgan_zoo.project --run=runs/my-run --from=latent.npz --to=seed:9 --num=10
python -m tfgan_zoo.project --export=acgan_mnist --mean                         a mean image of each class
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.cli.command_line import numbers
from tfgan_zoo.core.errors import ZooError

if TYPE_CHECKING:
    from tfgan_zoo.latents.investigation import Investigation
    from tfgan_zoo.runs.open_generator import Subject

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "A run's folder.")
EXPORT = flags.DEFINE_string("export", None, "A folder of an export, or the name of one that comes with the library.")
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "Of a run: latest, best or a step.")
UNSAFE = flags.DEFINE_bool("unsafe", False, "Load an export even if its files or graph are refused.")
IMAGE = flags.DEFINE_multi_string("image", [], "A picture whose latent to find; repeat for several.")
TERMS = flags.DEFINE_string("terms", None, "A sum of .npz latents, seed:N and mean, such as 'a.npz - b.npz + seed:3'.")
FROM = flags.DEFINE_string("from", None, "With --to: one end of the way, as --terms.")
TO = flags.DEFINE_string("to", None, "With --from: its other end.")
MEAN = flags.DEFINE_bool("mean", False, "Mean images of each class; with --image those of the pictures.")
LABEL = flags.DEFINE_string("label", None, "A class, by name or number; without it --image and --mean take each.")
CODES = flags.DEFINE_list("codes", None, "One value per code, such as 3,nan,0.5; --image finds those that are nan.")
NUM = flags.DEFINE_integer("num", 10, "Images of the way.", lower_bound=2)
OUT = flags.DEFINE_string("out", "latent.png", "The figure's file; latents are written beside it.")
STEPS = flags.DEFINE_integer("steps", 300, "Of the optimiser.", lower_bound=1)
RESTARTS = flags.DEFINE_integer("restarts", 4, "Latents that are optimised at once, of each class at first.", 1)
NOISE = flags.DEFINE_float("noise", 0, "On the latent at first, in standard deviations; 0.05 as in StyleGAN2.", 0)
SEED = flags.DEFINE_integer("seed", 0, "Of the random latents that the search starts from, and of the noise.", 0)
FIT = flags.DEFINE_enum("fit", None, ["pad", "crop", "refuse"], "How pictures get the size; as in training by default.")
FEATURES = flags.DEFINE_string(
    "features", None, "Network of the feature distance, none for none; the recipe's by default."
)


def find(it: "Investigation", subject: "Subject", out: Path) -> Any:
    """The figure of the pictures' strips; writes their latents."""
    from tfgan_zoo.latents import latent_arithmetic
    from tfgan_zoo.latents.latent_files import read_picture, save_latent
    from tfgan_zoo.latents.latent_search import Settings
    from tfgan_zoo.latents.search_report import network_or_reason
    from tfgan_zoo.pictures.captions import captioned

    shaping = FIT.value or subject.fit, subject.background, subject.white_level
    pictures = [read_picture(path, subject.generator, *shaping) for path in IMAGE.value]
    settings = Settings(STEPS.value, RESTARTS.value, noise=NOISE.value)
    usual = subject.features, subject.inception_file
    network, reason = network_or_reason(FEATURES.value, *usual, pictures[0].shape[-1])
    if reason:
        print(reason)
    codes, latents, rows = numbers(CODES, float, "3,nan,0.5"), [], []
    for number, (path, picture) in enumerate(zip(IMAGE.value, pictures, strict=True), 1):
        found, lines, cells = it.find(picture, LABEL.value, codes, settings, network, command_line.with_progress)
        file = out.with_suffix(".npz") if len(pictures) == 1 else out.with_name(f"{out.stem}-{number}.npz")
        save_latent(file, found.inputs)
        print(*[f"{path}: {file}", *lines], sep="\n  ", flush=True)
        latents.append(found.inputs)
        rows.append(cells)
    if MEAN.value:
        for mean in latent_arithmetic.means_of_found(it.space, latents, pictures, it.class_names):
            name = [mean.condition.name] * bool(mean.condition.name)
            rows.append([(mean.of_pixels, ["mean pixels", *name]), (mean.of_latents, ["mean latent", *name])])
    return captioned(rows)


def main() -> int:
    command_line.load_tensorflow()
    from tfgan_zoo import pictures
    from tfgan_zoo.latents.investigation import Investigation
    from tfgan_zoo.latents.latent_files import ready_for_figure, save_sum
    from tfgan_zoo.runs.open_generator import open_subject

    if sum(map(bool, (IMAGE.value or MEAN.value, TERMS.value, FROM.value or TO.value))) != 1:
        raise ZooError("give one of --image, --terms, --from with --to, and --mean; see --help.")
    if bool(FROM.value) != bool(TO.value):
        raise ZooError("the way between two latents has two ends: give both --from and --to.")
    out = ready_for_figure(OUT.value)
    subject = open_subject(RUN.value, EXPORT.value, CHECKPOINT.value, UNSAFE.value)
    it = Investigation(subject.generator, subject.class_names, SEED.value)
    codes = numbers(CODES, float, "3,nan,0.5")
    if IMAGE.value:
        figure = find(it, subject, out)
    elif MEAN.value:
        figure = it.means(LABEL.value, codes)
    elif TERMS.value:
        latent, _, figure = it.add(TERMS.value, LABEL.value, codes)
        save_sum(out.with_suffix(".npz"), latent, it.names(TERMS.value))
    else:
        figure = it.way(FROM.value or "", TO.value or "", NUM.value, LABEL.value, codes)[1]
    pictures.save_png(figure, out)
    print(f"Figure: {out}")
    return 0


if __name__ == "__main__":
    command_line.run(main)
