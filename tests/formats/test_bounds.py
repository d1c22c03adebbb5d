"""A file that computes something else than the SavedModel is refused, not written."""

import dataclasses

import numpy as np
import pytest

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.formats.bundle import convert, difference
from tfgan_zoo.formats.format_table import formats


def test_a_difference_beyond_the_bound_is_refused_and_one_below_it_is_not():
    expected = np.array([[0.0], [1.0]])
    assert difference("onnx", expected, [expected + 0.001], bound=0.002)["maximum_difference"] == pytest.approx(0.001)
    with pytest.raises(ZooError, match=r"the onnx file computes other samples .* is 0\.003, more than the 0\.002 that"):
        difference("onnx", expected, [expected + 0.003], bound=0.002)


def test_the_bound_is_a_share_of_large_samples():
    expected = np.array([[0.0], [-50.0]])
    assert difference("onnx", expected, [expected + 0.04], bound=0.001)["maximum_difference"] == pytest.approx(0.04)
    with pytest.raises(ZooError, match=r"more than the 0\.05"):
        difference("onnx", expected, [expected + 0.06], bound=0.001)


def test_a_file_that_computes_other_images_is_not_written(tmp_path):
    def off_by_a_grey_level(path):
        compute = lite.open(path)
        return lambda inputs: {name: value + 1 / 127.5 for name, value in compute(inputs).items()}

    lite = formats()["tflite"]
    wrong = {"tflite": dataclasses.replace(lite, open=off_by_a_grey_level)}
    with pytest.raises(ZooError, match=r"the tflite file computes other samples than the SavedModel"):
        convert(pretrained_folder() / "gan_mnist", tmp_path / "x", wrong, seeds=2)
    assert list(tmp_path.iterdir()) == []


def test_only_int8_has_no_bound():
    assert [name for name, target in formats().items() if target.bound > 1e-3] == ["tflite_int8"]
