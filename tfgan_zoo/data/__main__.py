"""Prepares a data set for training at several resolutions, or checks one for problems.

python -m tfgan_zoo.data prepare SOURCE --to DIR --resolutions 4..1024
python -m tfgan_zoo.data verify DIR

prepare writes a pyramid: each image is decoded once, brought to the largest resolution (--fit), and average-pooled down to
the smallest. SOURCE is what data.source takes: folder:DIR, arrays:FILE.npz, tfds:NAME, mnist5k. If it is killed, the same
command resumes where it stopped. To train on one level: --set data.source=pyramid:DIR --set data.resolution=64.

verify takes a folder of images or a pyramid. In a folder it reports corrupt files, exact duplicates, images without a class,
and unusual sizes and modes; in a pyramid also wrong checksums, wrong counts and levels that disagree. It exits with status 1
if it finds anything.
"""

from typing import TYPE_CHECKING, Any

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.core.errors import ZooError

if TYPE_CHECKING:
    from tfgan_zoo.data.verify import Finding

flags.adopt_module_key_flags(command_line)

TO = flags.DEFINE_string("to", None, "prepare: the pyramid's folder.")
RESOLUTIONS = flags.DEFINE_string("resolutions", "4..1024", "prepare: smallest and largest resolution, powers of two.")
FIT = flags.DEFINE_enum(
    "fit",
    "pad",
    ["pad", "crop", "refuse"],
    "prepare: what to do with images whose shape is not that of the largest level.",
)
CHANNELS = flags.DEFINE_enum(
    "channels", None, ["1", "3", "4"], "prepare: gray, RGB or RGBA; by default the channels of the images."
)
BAD_FILES = flags.DEFINE_enum(
    "bad_files", "refuse", ["refuse", "skip"], "prepare: what to do with files that are not images."
)
WHITE_LEVEL = flags.DEFINE_integer(
    "white_level", None, "prepare: the level of 16-bit files that becomes white; 4095 for 12 bits.", 1, 65535
)
LABEL_FEATURE = flags.DEFINE_string("label_feature", None, "prepare: the feature of a TFDS data set with the class.")
SPLIT = flags.DEFINE_string("split", "all", "prepare: all, or a split of the source.")
SHARD_IMAGES = flags.DEFINE_integer("shard_images", 512, "prepare: images per shard.", lower_bound=1)
PNG_FROM = flags.DEFINE_integer(
    "png_from", 1024, "prepare: smallest level to store as PNG, which is smaller but slower; 0: none.", 0
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "prepare: where TFDS data sets are stored.")
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
        "fit": FIT.value,
        "bad_files": BAD_FILES.value,
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


def verify_folder(folder: str) -> int:
    from tfgan_zoo.data.verify import findings

    count, problems = findings(folder)
    if not problems:
        print(f"{folder}: {count:,} images, nothing found.")
        return 0
    show(problems)
    print(f"{folder}: {count:,} images, {len(problems):,} findings.")
    return 1


def show(problems: "list[Finding]") -> None:
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


COMMANDS = {"prepare": prepare_pyramid, "verify": verify_folder}


def main(*words: str) -> int:
    if len(words) != 2 or words[0] not in COMMANDS:
        raise ZooError(f"got {' '.join(words) or 'no command'}; expected prepare SOURCE or verify DIR. See --help.")
    return COMMANDS[words[0]](words[1])


if __name__ == "__main__":
    command_line.run(main, words=2)
