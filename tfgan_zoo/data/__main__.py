"""Prepares a data set for training at many resolutions, or looks for what is wrong with one.

python -m tfgan_zoo.data prepare SOURCE --to DIR --resolutions 4..1024
python -m tfgan_zoo.data verify DIR

prepare writes a pyramid: each image is decoded once, brought to the largest resolution (--fit), and average-pooled down to
the smallest. SOURCE is what data.source takes: folder:DIR, arrays:FILE.npz, tfds:NAME, mnist5k. Killed, it goes on where it
stopped, by the same command. Training reads one level of it by --set data.source=pyramid:DIR --set data.resolution=64.

verify takes a folder of images or a pyramid, and lists corrupt files, exact duplicates, images without a class, and odd
sizes and modes; of a pyramid the checksums, the counts and whether its levels agree. It ends with status 1 where it finds
something.
"""

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.core.errors import ZooError

flags.adopt_module_key_flags(command_line)

TO = flags.DEFINE_string("to", None, "prepare: the pyramid's folder.")
RESOLUTIONS = flags.DEFINE_string("resolutions", "4..1024", "prepare: the smallest and the largest, powers of two.")
FIT = flags.DEFINE_enum(
    "fit",
    "pad",
    ["pad", "crop", "refuse"],
    "prepare: what is done with images of another shape than the largest level.",
)
CHANNELS = flags.DEFINE_enum(
    "channels", None, ["1", "3", "4"], "prepare: gray, RGB or RGBA; those of the images where left out."
)
BAD_FILES = flags.DEFINE_enum(
    "bad_files", "refuse", ["refuse", "skip"], "prepare: what is done with files that are no image."
)
SPLIT = flags.DEFINE_string("split", "all", "prepare: all, or a split that the source has.")
SHARD_IMAGES = flags.DEFINE_integer("shard_images", 512, "prepare: images in a shard.", lower_bound=1)
PNG_FROM = flags.DEFINE_integer(
    "png_from", 1024, "prepare: levels from here on are kept as PNG, which takes less space and more time; 0: none.", 0
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "prepare: where tfds data sets lie.")
DOWNLOAD = flags.DEFINE_bool("download", False, "prepare: let tfds download a data set that is not there.")
CACHE_DIR = flags.DEFINE_string("cache_dir", None, "prepare: where a large tfds data set is decoded to on its way.")
MOST = flags.DEFINE_integer("most", 20, "verify: findings of each kind that are listed.", lower_bound=1)


def prepare_pyramid(source):
    from tfgan_zoo.core.recipe_tables import DataSettings
    from tfgan_zoo.data.prepare import prepare
    from tfgan_zoo.data.pyramid_plan import resolutions_of

    if not TO.value:
        raise ZooError("prepare writes into a folder: give --to DIR.")
    resolutions = resolutions_of(RESOLUTIONS.value)
    settings = DataSettings(
        source=source,
        split=SPLIT.value,
        resolution=resolutions[-1],
        channels=CHANNELS.value and int(CHANNELS.value),
        fit=FIT.value,
        bad_files=BAD_FILES.value,
        data_dir=DATA_DIR.value,
        download=DOWNLOAD.value,
        cache_dir=CACHE_DIR.value,
    )
    command_line.load_tensorflow()
    prepare(settings, TO.value, resolutions, SHARD_IMAGES.value, PNG_FROM.value)
    return 0


def verify_folder(folder):
    from tfgan_zoo.data.verify import findings

    count, found = findings(folder)
    if not found:
        print(f"{folder}: {count:,} images, nothing found.")
        return 0
    show(found)
    print(f"{folder}: {count:,} images, {len(found):,} findings.")
    return 1


def show(found):
    """The table of the findings."""
    from rich.console import Console
    from rich.table import Section

    table = Section("finding", "where", "what", box=None, pad_edge=False)
    for kind in dict.fromkeys(finding.kind for finding in found):
        these = [finding for finding in found if finding.kind == kind]
        for finding in these[: MOST.value]:
            table.add_row(kind, finding.where, finding.detail)
        if len(these) > MOST.value:
            table.add_row(kind, f"and {len(these) - MOST.value:,} more", f"--most={len(these)} lists them")
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, width=200)
    console.print(table)


COMMANDS = {"prepare": prepare_pyramid, "verify": verify_folder}


def main(*words):
    if len(words) != 2 or words[0] not in COMMANDS:
        raise ZooError(f"{' '.join(words) or 'nothing'} came; expected prepare SOURCE or verify DIR. See --help.")
    return COMMANDS[words[0]](words[1])


if __name__ == "__main__":
    command_line.run(main, words=2)
