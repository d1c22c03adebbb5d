"""Checks a data set for problems, shows what training sees of it, or prepares it for training at several resolutions.

python -m tfgan_zoo.data verify DATA
python -m tfgan_zoo.data show DATA --to sheet.png
python -m tfgan_zoo.data prepare SOURCE --to DIR --resolutions 4..1024

DATA is what `train --data` takes: a folder, a .zip or .npz file, a pyramid, or a source such as tfds:NAME or emoji.

prepare writes a pyramid: each image is decoded once, brought to the largest resolution (--fit), and average-pooled down to
the smallest. SOURCE is what data.source takes: folder:DIR, arrays:FILE.npz, tfds:NAME, mnist5k. If it is killed, the same
command resumes where it stopped. To train on one level: --set data.source=pyramid:DIR --set data.resolution=64.

verify reports corrupt files, exact duplicates, images without a class, unusual sizes and modes, the range of gray levels and
files of 16 bits that come out dark; in a pyramid also wrong checksums, wrong counts and levels that disagree. It exits with
status 1 if it finds anything.

show writes a sheet of 64 pictures as training sees them, cropped or padded, and says which settings it chose; --resolution,
--fit, --channels, --background and --white_level change them. --augmentation shows what the discriminator sees of them.
"""

from typing import TYPE_CHECKING, Any

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.core.errors import ZooError

if TYPE_CHECKING:
    from tfgan_zoo.data.verify import Finding

flags.adopt_module_key_flags(command_line)

TO = flags.DEFINE_string("to", None, "prepare: the pyramid's folder; show: the sheet, by default data.png.")
RESOLUTIONS = flags.DEFINE_string("resolutions", "4..1024", "prepare: smallest and largest resolution, powers of two.")
RESOLUTION = flags.DEFINE_integer(
    "resolution", None, "show: height and width; by default that of the --model, or 32 or 64.", lower_bound=1
)
MODEL = flags.DEFINE_string("model", None, "show: for which model; its recipes decide the resolution.")
FIT = flags.DEFINE_enum(
    "fit",
    None,
    ["pad", "crop", "refuse"],
    "What to do with images of another shape; pad by default in prepare, as training would in show.",
)
CHANNELS = flags.DEFINE_enum(
    "channels", None, ["1", "3", "4"], "Gray, RGB or RGBA; by default the channels of the images."
)
BACKGROUND = flags.DEFINE_integer("background", None, "Gray level of padding and transparency; 255 is white.", 0, 255)
BAD_FILES = flags.DEFINE_enum("bad_files", None, ["refuse", "skip"], "What to do with files that are not images.")
WHITE_LEVEL = flags.DEFINE_integer(
    "white_level", None, "The level of 16-bit files that becomes white; 4095 for 12 bits.", 1, 65535
)
LABEL_FEATURE = flags.DEFINE_string("label_feature", None, "The feature of a TFDS data set with the class.")
AUGMENTATION = flags.DEFINE_list("augmentation", [], "show: as in a recipe, such as bgc or color,translation,cutout.")
PROBABILITY = flags.DEFINE_float("augmentation_probability", None, "show: of each transformation; 1 by default.", 0, 1)
SPLIT = flags.DEFINE_string("split", "all", "prepare: all, or a split of the source.")
SHARD_IMAGES = flags.DEFINE_integer("shard_images", 512, "prepare: images per shard.", lower_bound=1)
PNG_FROM = flags.DEFINE_integer(
    "png_from", 1024, "prepare: smallest level to store as PNG, which is smaller but slower; 0: none.", 0
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where TFDS data sets are stored.")
DOWNLOAD = flags.DEFINE_bool("download", False, "prepare: let TFDS download a data set that is missing.")
CACHE_DIR = flags.DEFINE_string("cache_dir", None, "prepare: where to cache a large TFDS data set once decoded.")
MOST = flags.DEFINE_integer("most", 20, "verify: how many findings of each kind to list.", lower_bound=1)


def prepare_pyramid(source: str) -> int:
    from tfgan_zoo.core.recipe_tables import DataSettings
    from tfgan_zoo.data.prepare import prepare
    from tfgan_zoo.data.pyramid_plan import resolutions_of

    if not TO.value:
        raise ZooError("prepare needs a folder to write to: give --to DIR.")
    resolutions = resolutions_of(RESOLUTIONS.value)
    options: dict[str, Any] = {
        "source": source,
        "split": SPLIT.value,
        "resolution": resolutions[-1],
        "channels": CHANNELS.value and int(CHANNELS.value),
        "fit": FIT.value or "pad",
        "background": BACKGROUND.value or 0,
        "bad_files": BAD_FILES.value or "refuse",
        "white_level": WHITE_LEVEL.value,
        "label_feature": LABEL_FEATURE.value,
        "data_dir": DATA_DIR.value,
        "download": DOWNLOAD.value,
        "cache_dir": CACHE_DIR.value,
    }
    settings = DataSettings(**options)
    command_line.load_tensorflow()
    prepare(settings, TO.value, resolutions, SHARD_IMAGES.value, PNG_FROM.value)
    return 0


def verify_data(name: str) -> int:
    from tfgan_zoo.data.verify import check

    flags_given = {"white_level": WHITE_LEVEL, "label_feature": LABEL_FEATURE, "data_dir": DATA_DIR}
    found = check(name, **{key: flag.value for key, flag in flags_given.items() if flag.value is not None})
    if found.problems:
        show_findings(found.problems)
    print(f"{name}: {found}")
    return int(bool(found.problems))


def show_sheet(name: str) -> int:
    from tfgan_zoo.data import sheet
    from tfgan_zoo.data.survey import described, source_of

    flags_given: dict[str, Any] = {
        "resolution": RESOLUTION.value,
        "channels": CHANNELS.value and int(CHANNELS.value),
        "fit": FIT.value,
        "background": BACKGROUND.value,
        "white_level": WHITE_LEVEL.value,
        "label_feature": LABEL_FEATURE.value,
        "bad_files": BAD_FILES.value,
        "data_dir": DATA_DIR.value,
    }
    probability = PROBABILITY.value
    if probability is not None and not AUGMENTATION.value:
        raise ZooError(
            "--augmentation_probability is of --augmentation, which is not given; such as --augmentation=bgc."
        )
    command_line.load_tensorflow()
    choices = sheet.choices_for(source_of(name), {k: v for k, v in flags_given.items() if v is not None}, MODEL.value)
    path = TO.value or "data.png"
    sheet.write_sheet(choices, path, AUGMENTATION.value, 1.0 if probability is None else probability)
    print(described(choices), f"Written: {path}", sep="\n")
    return 0


def show_findings(problems: "list[Finding]") -> None:
    """Prints a table of the findings."""
    from rich.console import Console
    from rich.table import Table

    table = Table("finding", "where", "what", box=None, pad_edge=False)
    for kind in dict.fromkeys(finding.kind for finding in problems):
        of_kind = [finding for finding in problems if finding.kind == kind]
        for finding in of_kind[: MOST.value]:
            table.add_row(kind, finding.where, finding.detail)
        if len(of_kind) > MOST.value:
            table.add_row(kind, f"and {len(of_kind) - MOST.value:,} more", f"--most={len(of_kind)} lists them")
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, width=200)
    console.print(table)


COMMANDS = {"prepare": prepare_pyramid, "verify": verify_data, "show": show_sheet}


def main(*words: str) -> int:
    if len(words) != 2 or words[0] not in COMMANDS:
        raise ZooError(
            f"got {' '.join(words) or 'no command'}; expected verify DATA, show DATA or prepare SOURCE. See --help."
        )
    return COMMANDS[words[0]](words[1])


if __name__ == "__main__":
    command_line.run(main, words=2)
