"""Files that appear complete or not at all, whoever writes them."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from tfgan_zoo import pictures
from tfgan_zoo.core.atomic_files import replaced


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_half(path, error):
    with replaced(path) as beside:
        beside.write_text("half")
        raise error


def test_an_error_leaves_the_old_file_and_names_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="No space left") as caught:
        write_half(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert caught.value.filename == str(path)
    with pytest.raises(KeyboardInterrupt):
        write_half(path, KeyboardInterrupt())
    with pytest.raises(FileNotFoundError) as caught, replaced(tmp_path / "missing" / "b.txt") as beside:
        beside.write_text("half")
    assert caught.value.filename == str(tmp_path / "missing" / "b.txt")  # not the temporary one
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "old")]
    with replaced(path) as beside:
        beside.write_text("new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "new")]


@pytest.mark.parametrize(
    ("write", "name"),
    [(lambda path: pictures.save_png(np.zeros([2, 2, 1], np.uint8), path), "a.png"),
     (lambda path: pictures.save_animation(np.zeros([2, 2, 2, 1], np.uint8), path), "a.gif")],
)  # fmt: skip
def test_a_picture_on_a_full_disk_leaves_nothing_and_names_its_file(tmp_path, monkeypatch, write, name):
    """`sample` left .o.png.tmp, and said "No space left on device" of no file."""
    save = Image.Image.save

    def half(self, file, **options):
        save(self, file, **options)
        full()

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(OSError, match="No space left") as caught:
        write(tmp_path / name)
    assert caught.value.filename == str(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
