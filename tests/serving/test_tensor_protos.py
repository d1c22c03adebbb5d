"""How answers carry numbers: in typed fields by default, in tensor_content by the flag; clients read both alike."""

import re

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from tests.small_server import help_text, request, running, save_picks
from tfgan_zoo.serving import Client
from tfgan_zoo.serving.server.tensor_protos import TYPED_FIELDS, tensor_proto


@pytest.mark.parametrize(
    ("dtype", "field"),
    [
        (np.float32, "float_val"),
        (np.float64, "double_val"),
        (np.int8, "int_val"),
        (np.int16, "int_val"),
        (np.int32, "int_val"),
        (np.uint8, "int_val"),
        (np.uint16, "int_val"),
        (np.int64, "int64_val"),
        (np.uint32, "uint32_val"),
        (np.uint64, "uint64_val"),
        (bool, "bool_val"),
        (np.float16, "half_val"),
        (ml_dtypes.bfloat16, "half_val"),
    ],
)
def test_numbers_are_in_the_field_of_their_type_or_in_tensor_content(dtype, field):
    array = (np.arange(6).reshape(2, 3) % 5).astype(dtype)
    typed, content = tensor_proto(array, as_content=False), tensor_proto(array, as_content=True)
    assert (len(getattr(typed, field)), typed.tensor_content) == (6, b"")
    assert content.tensor_content == array.tobytes()
    assert not any(len(getattr(content, name)) for name in TYPED_FIELDS.values())
    for proto in (typed, content):
        assert tf.as_dtype(proto.dtype) == tf.as_dtype(dtype)
        np.testing.assert_array_equal(tf.make_ndarray(proto), array)


@pytest.mark.parametrize("as_content", [False, True])
def test_strings_scalars_and_types_without_a_field_are_carried_too(as_content):
    strings = np.array([[b"a", b"\xff\x00"]], object)
    assert list(tensor_proto(strings, as_content).string_val) == [b"a", b"\xff\x00"]
    np.testing.assert_array_equal(tf.make_ndarray(tensor_proto(strings, as_content)), strings)
    scalar = tf.make_ndarray(tensor_proto(np.array(7, np.int32), as_content))
    assert (scalar.shape, scalar) == ((), 7)
    waves = np.array([1 + 2j], np.complex64)
    np.testing.assert_array_equal(tf.make_ndarray(tensor_proto(waves, as_content)), waves)


@pytest.mark.parametrize("as_content", [False, True])
def test_the_flag_decides_the_form_of_the_answers_and_our_client_reads_both(tmp_path, as_content):
    save_picks(tmp_path / "picks" / "1")
    with running(zoo=tmp_path, tensor_content=as_content) as server:
        value = server.predict.Predict(request("picks", "", row=("int32", [2, 0]))).outputs["value"]
        with Client(server.address) as client:
            read = client.predict("picks", "serving_default", {"row": [2, 0]})["value"]
    assert (list(value.float_val), bool(value.tensor_content)) == ([] if as_content else [2.5, 0.5], as_content)
    np.testing.assert_array_equal(read, np.float32([2.5, 0.5]))


def test_the_flag_is_named_and_set_as_tensorflow_servings():
    assert re.search(r"--\[no\]enable_serialization_as_tensor_content: [^(]*\(default: 'false'\)", help_text())
