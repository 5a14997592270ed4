"""One check of integers for the whole package."""

import numpy as np
import paddle
import pytest

from nndl._arguments import integer, pair


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), paddle.to_tensor(3)])
def test_every_kind_of_integer_is_one(value):
    assert integer("size", value, 1) == 3
    assert type(integer("size", value)) is int
    assert pair("size", value, 0) == (3, 3)


@pytest.mark.parametrize("value", [True, np.bool_(True), 3.0, np.float32(3), "3", None, [3]])
def test_what_is_no_integer_is_a_type_error(value):
    with pytest.raises(TypeError, match="size must be an integer"):
        integer("size", value, 1)


@pytest.mark.parametrize("value", [0, -1, np.int8(-5), 9])
def test_what_is_out_of_range_is_a_value_error(value):
    with pytest.raises(ValueError, match=r"size must be from 1 to 8, got"):
        integer("size", value, 1, 8)


def test_a_pair_has_two():
    assert pair("stride", (1, np.int32(2)), 1) == (1, 2)
    with pytest.raises(ValueError, match="3 entries"):
        pair("stride", (1, 2, 3), 1)
