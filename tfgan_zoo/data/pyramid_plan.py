"""What a pyramid is to be: its plan, on which every byte of it depends, and whether a folder is free for it."""

import json
import shutil

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.pyramid import LAYOUT

PNG_SHARE = 0.7  # of the raw size, that photographs as PNG are expected to take
FOLLOWING = ("images", "class_names")  # from the source, and so not compared
WORDS = {"png": "levels kept as PNG", "shard_images": "images in a shard"}


def resolutions_of(text):
    """[4, 8, ..., 1024] of "4..1024"; one of "64". ZooError where it says no powers of two."""
    low, dots, high = text.partition("..")
    try:
        low, high = int(low), int(high if dots else low)
    except ValueError:
        low = high = 0
    if not (1 <= low <= high and low & (low - 1) == 0 and high & (high - 1) == 0):
        raise ZooError(f"resolutions {text!r}: expected two powers of two, the smaller first, such as 4..1024.")
    return [1 << power for power in range(low.bit_length() - 1, high.bit_length())]


def plan_of(entries, settings, resolutions, shard_images, png_from):
    """What decides every byte that is written, as plan.json holds it; arguments as `prepare` takes them."""
    return {
        "layout": LAYOUT,
        "source": entries.source,
        "split": settings.split,
        "state": entries.state,
        "resolutions": resolutions,
        "png": [resolution for resolution in resolutions if 0 < png_from <= resolution],
        "channels": settings.channels or channels_of(entries),
        "fit": settings.fit,
        "shard_images": shard_images,
        "images": len(entries.names),
        "class_names": list(entries.class_names),
    }


def channels_of(entries):
    """Those of the first image that can be read."""
    readable = (entries.read(number)[0] for number in range(len(entries.names)))
    first = next((image for image in readable if image is not None), None)
    if first is None:
        raise nothing_readable(entries)
    return first.shape[2]


def nothing_readable(entries):
    return ZooError(f"none of the {len(entries.names)} files of {entries.source} is an image that can be read.")


def refuse_other_files(folder):
    """ZooError where something else than a pyramid lies there."""
    if folder.is_file():
        raise ZooError(f"{folder} is a file; give a folder.")
    there = {path.name for path in folder.iterdir()} - {"plan.json.partial"} if folder.is_dir() else ()
    if there and "plan.json" not in there:
        raise ZooError(f"{folder} holds other files and no pyramid; give a new or empty folder.")


def refuse_other_plan(folder, plan):
    """ZooError where a pyramid of another plan is there; the message names the differences."""
    if not (folder / "plan.json").is_file():
        return
    there = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    other = [key for key in plan if key not in FOLLOWING and there.get(key) != plan[key]]
    # Images that came from elsewhere, or to another size, are others in any case
    lines = [difference(key, there, plan) for key in other if key != "state" or other == ["state"]]
    if lines:
        raise ZooError(
            f"{folder} holds a pyramid of another source or of other settings:{''.join(lines)}\n"
            "Give another folder, or delete this one."
        )


def difference(key, there, plan):
    if key == "state":
        return "\n  the images of the source have changed"
    return f"\n  {WORDS.get(key, key)}: {there.get(key)} there, {plan[key]} now"


def shards_of(plan):
    """The number of shards."""
    return -(-plan["images"] // plan["shard_images"])


def check_room(folder, plan, images):
    """ZooError where so many images, at all levels, aren't expected to find room."""
    shares = [
        side * side * plan["channels"] * (PNG_SHARE if side in plan["png"] else 1) for side in plan["resolutions"]
    ]
    needed, free = images * sum(shares), shutil.disk_usage(folder).free
    if free < needed:
        raise ZooError(
            f"{images:,} images at {said(plan['resolutions'])} need about {needed / 2**20:,.0f} MiB in {folder}, which has "
            f"{free / 2**20:,.0f} MiB free; give a folder on a larger disk, or fewer resolutions."
        )


def said(resolutions):
    """The words for them: "4x4 to 32x32"."""
    return f"{resolutions[0]}x{resolutions[0]} to {resolutions[-1]}x{resolutions[-1]}"
