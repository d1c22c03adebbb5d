"""The plan of a pyramid, which determines every byte of it, and checks that a folder can take it."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.entries import Entries
from tfgan_zoo.data.pyramid import LAYOUT

PNG_SHARE = 0.7  # expected size of photographs as PNG, relative to raw
DERIVED = ("images", "class_names")  # follow from the source, so they are not compared
WORDS = {"png": "levels stored as PNG", "shard_images": "images per shard"}


def resolutions_of(text: str) -> list[int]:
    """[4, 8, ..., 1024] for "4..1024"; [64] for "64". Raises `ZooError` for anything but powers of two."""
    first, dots, last = text.partition("..")
    try:
        low, high = int(first), int(last if dots else first)
    except ValueError:
        low = high = 0
    if not (1 <= low <= high and low & (low - 1) == 0 and high & (high - 1) == 0):
        raise ZooError(f"resolutions {text!r}: expected two powers of two, the smaller first, such as 4..1024.")
    return [1 << power for power in range(low.bit_length() - 1, high.bit_length())]


def plan_of(
    entries: Entries, settings: DataSettings, resolutions: list[int], shard_images: int, png_from: int
) -> dict[str, Any]:
    """The contents of plan.json; arguments as for `prepare`."""
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


def channels_of(entries: Entries) -> int:
    """The number of channels of the first readable image."""
    readable = (entries.read(number)[0] for number in range(len(entries.names)))
    first = next((image for image in readable if image is not None), None)
    if first is None:
        raise nothing_readable(entries)
    return first.shape[2]


def nothing_readable(entries: Entries) -> ZooError:
    return ZooError(f"none of the {len(entries.names)} files of {entries.source} is a readable image.")


def refuse_other_files(folder: Path) -> None:
    """Raises `ZooError` if the folder holds anything but a pyramid."""
    if folder.is_file():
        raise ZooError(f"{folder} is a file; give a folder.")
    existing = {path.name for path in folder.iterdir()} - {"plan.json.partial"} if folder.is_dir() else set()
    if existing and "plan.json" not in existing:
        raise ZooError(f"{folder} holds other files and no pyramid; give a new or empty folder.")


def refuse_other_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Raises `ZooError`, with the differences, if the folder holds a pyramid of another plan."""
    if not (folder / "plan.json").is_file():
        return
    existing = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    other = [key for key in plan if key not in DERIVED and existing.get(key) != plan[key]]
    # Another source or size changes the state anyway, so the state is only worth naming by itself
    lines = [difference(key, existing, plan) for key in other if key != "state" or other == ["state"]]
    if lines:
        raise ZooError(
            f"{folder} holds a pyramid of another source or other settings:{''.join(lines)}\n"
            "Give another folder, or delete this one."
        )


def difference(key: str, existing: dict[str, Any], plan: dict[str, Any]) -> str:
    if key == "state":
        return "\n  the images of the source have changed"
    return f"\n  {WORDS.get(key, key)}: {existing.get(key)} in the folder, {plan[key]} now"


def shards_of(plan: dict[str, Any]) -> int:
    """The number of shards."""
    return -(-plan["images"] // plan["shard_images"])


def check_space(folder: Path, plan: dict[str, Any], images: int) -> None:
    """Raises `ZooError` if this many images, at all levels, are expected to exceed the free disk space."""
    shares = [
        side * side * plan["channels"] * (PNG_SHARE if side in plan["png"] else 1) for side in plan["resolutions"]
    ]
    needed, free = images * sum(shares), shutil.disk_usage(folder).free
    if free < needed:
        raise ZooError(
            f"{images:,} images at {range_text(plan['resolutions'])} need about {needed / 2**20:,.0f} MiB in {folder}, which has "
            f"{free / 2**20:,.0f} MiB free; give a folder on a larger disk, or fewer resolutions."
        )


def range_text(resolutions: Sequence[int]) -> str:
    """For example "4x4 to 32x32"."""
    return f"{resolutions[0]}x{resolutions[0]} to {resolutions[-1]}x{resolutions[-1]}"
