"""Makes emoji.png and emoji.json: python -m tfgan_zoo.data.make_emoji PICTURES.tgz EMOJI_JSON.tgz

The two files are what `npm pack @lobehub/fluent-emoji-3d@1.1.0` (Microsoft's Fluent Emoji in 3D, 256 x 256 WebP with
transparency) and `npm pack emoji-datasource@15.1.2` (their categories) download. The same bytes every time with one version of
Pillow; those in the package are by 13.0.
"""

import argparse
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_zoo.data.emoji import COLUMNS, NAMES, PICTURES, SIDE

SKIN_TONES = re.compile("-1f3f[b-f]")
LEFT_OUT = ("fe0f", "e007f")  # the variation selector and the end of a tag, which file names may lack
TEST_SHARE = 10  # one in so many emoji is held out


def members(archive: Path, ending: str) -> dict[str, bytes]:
    """{file name: its bytes} of the files in a .tgz whose names end so."""
    with tarfile.open(archive) as tar:
        return {Path(m.name).name: tar.extractfile(m).read() for m in tar if m.name.endswith(ending)}  # type: ignore[union-attr]


def code_of(name: str) -> str:
    """The code points of an emoji in one way of writing: lower case, four digits at least."""
    points = re.split("[-_]", name.lower())
    return "-".join(point.zfill(4) for point in points if point not in LEFT_OUT)


def categories_by_code(table: list[dict]) -> dict[str, str]:
    """{code: category} of every emoji of emoji.json, in every skin tone."""
    found = {}
    for entry in table:
        for version in [entry, *entry.get("skin_variations", {}).values()]:
            for key in ("unified", "non_qualified"):
                if version.get(key):
                    found[code_of(version[key])] = entry["category"]
    return found


def on_white(file: bytes) -> np.ndarray:
    """The picture as uint8 [SIDE, SIDE, 3]: shrunk with its transparency, then laid on white."""
    small = Image.open(io.BytesIO(file)).convert("RGBA").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    white = Image.new("RGBA", small.size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(white, small).convert("RGB"))


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def make(pictures: Path, table: Path, sheet: Path = PICTURES, names: Path = NAMES) -> None:
    """Writes the tiles of all pictures into one image, `sheet`, and their names and categories to `names`."""
    categories = categories_by_code(json.loads(members(table, "/emoji.json")["emoji.json"]))
    files = {name.removesuffix(".webp"): data for name, data in members(pictures, ".webp").items()}
    category = {name: categories[code_of(name)] for name in files}  # a few emoji are there twice, as two pictures
    held_out = {name: digest(SKIN_TONES.sub("", code_of(name)))[0] % TEST_SHARE == 0 for name in files}
    order = sorted(files, key=lambda name: (held_out[name], digest(name)))
    used = sorted(set(category.values()))
    rows = -(-len(order) // COLUMNS)
    tiles = np.full([rows * COLUMNS, SIDE, SIDE, 3], 255, np.uint8)
    tiles[: len(order)] = [on_white(files[name]) for name in order]
    pixels = tiles.reshape(rows, COLUMNS, SIDE, SIDE, 3).swapaxes(1, 2).reshape(rows * SIDE, COLUMNS * SIDE, 3)
    Image.fromarray(pixels).save(sheet, optimize=True)
    listed = {
        "categories": used,
        "test": sum(held_out.values()),
        "names": order,
        "labels": [used.index(category[name]) for name in order],
    }
    names.write_text(json.dumps(listed, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("table", type=Path)
    arguments = parser.parse_args()
    make(arguments.pictures, arguments.table)
