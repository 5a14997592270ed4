"""Pickles are read as data: right, or refused, and never run."""

import pickle
import struct
import time
from collections import OrderedDict

import numpy as np
import pytest
from mutations import malicious_pickles, mutations

from nndl.dataset.files.safepickle import read_pickle

VALUES = [
    *(None, True, False, 0, 1, 255, 256, 65536, -1, 2**31, -(2**31), 2**70, -(2**2100)),
    *(0.1, float("inf"), "", "text", "卷积", "x" * 300, b"", b"bytes \xff", b"y" * 300),
    *([], (), {}, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    *([[1], [2, [3]]], {"a": {"b": [1, (2, None)]}, 3: b"c", (1, "k"): 2}),
    list(range(2000)),
]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_comes_back_as_pickle_reads_it(protocol):
    for value in VALUES:
        found = read_pickle(pickle.dumps(value, protocol))
        assert found == value
        assert type(found) is type(value)
    ordered = OrderedDict(a=1, b=2)
    assert read_pickle(pickle.dumps(ordered, protocol)) == ordered
    shared = [1, 2]
    assert read_pickle(pickle.dumps([shared, shared, (shared,)], protocol)) == [
        shared,
        shared,
        (shared,),
    ]


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(5, dtype=">i4"),
        np.array(2.5, np.float16),
        np.zeros((0, 3), np.float32),
        np.array([True, False]),
        np.array([2**63 + 5], np.uint64),
    ],
    ids=lambda array: f"{array.dtype.str}{list(array.shape)}",
)
def test_arrays_come_back(array, protocol):
    found = read_pickle(pickle.dumps({"x": [array, array]}, protocol))["x"]
    for copy in found:
        np.testing.assert_array_equal(copy, array)
        assert copy.dtype == array.dtype.newbyteorder("=")


def python2_array(array):
    """The opcodes that Python 2 with NumPy wrote for a uint8 array."""
    shape = b"".join(b"M" + struct.pack("<H", extent) for extent in array.shape)
    raw = array.tobytes()
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
        b"(K\x01(" + shape + b"tcnumpy\ndtype\nU\x02u1K\0K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89"
        b"T" + struct.pack("<i", len(raw)) + raw + b"tb"
    )


def test_python2_pickles_are_read():
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    content = (
        b"\x80\x02}q\x01(U\x04dataq\x02" + python2_array(array) + b"U\x06labels](K\x01K\x02eu."
    )
    assert pickle.loads(content, encoding="bytes")[b"labels"] == [1, 2]  # the test's own pickle
    found = read_pickle(content)
    np.testing.assert_array_equal(found[b"data"], array)
    assert found[b"labels"] == [1, 2]


def test_nothing_in_a_pickle_is_run(tmp_path):
    sentinel = tmp_path / "sentinel"
    for content in malicious_pickles(str(sentinel)):
        with pytest.raises(ValueError, match="nothing was executed"):
            read_pickle(content)
        assert not sentinel.exists()


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(print),
        pickle.dumps(np.float64),
        pickle.dumps(np.dtype("f4")),
        pickle.dumps(np.array([{}], object)),
        pickle.dumps(np.zeros(2, "f4,i4")),
        pickle.dumps(np.array(["text"])),
        pickle.dumps(np.datetime64("2020-01-01")),
        pickle.dumps({1, 2}),
        pickle.dumps(complex(1, 2)),
        pickle.dumps(bytearray(b"x"), 5),
        b"\x80\x02(ios\nsystem\n.",  # INST
        b"\x80\x02(cos\nsystem\nX\x02\0\0\0ido.",  # OBJ
        b"\x80\x02cbuiltins\ntuple\n)\x81.",  # NEWOBJ
        b"\x80\x02cnumpy\nndarray\n.",  # a type as data
        b"\x80\x02}cnumpy\nndarray\nK\x01s.",  # … as a key
        b"\x80\x02}cnumpy\nndarray\n\x85K\x01s.",  # … within a key
        b"\x80\x02\x82\x01.",  # extension registry
        b"\x80\x02Pid\n.",  # persistent id
        b"",
        b".",
        b"\x80\x02N",
        b"\x80\x02NN.",
        b"\x80\x02e.",
        b"\x80\x02t.",
        b"\x80\x02h\x05.",
        b"\x80\x02]q\0h\0a.",  # a list that contains itself
        b"\x80\x02" + b"]" * 500 + b"a" * 499 + b".",
        b"\x80\x02(" * 10,
        b"no pickle at all",
    ],
)
def test_other_things_are_refused_in_one_kind_of_error(content):
    with pytest.raises(ValueError, match=r"^file\.pkl cannot be used: .*Remedy: again\.$"):
        read_pickle(content, "file.pkl", "again")


def test_a_crafted_pickle_costs_no_more_than_its_size():
    begin = time.perf_counter()
    many = b"\x80\x02" + b"(" * 200_000 + b"t" * 200_000 + b"."
    doubled = b"\x80\x02]q\0" + b"".join(
        b"](h" + bytes([n]) + b"h" + bytes([n]) + b"eq" + bytes([n + 1]) for n in range(60)
    )
    huge = b"\x80\x02T\xff\xff\xff\x7fabc."
    for content in (many, doubled + b".", huge):
        with pytest.raises(ValueError):
            read_pickle(content)
    assert time.perf_counter() - begin < 5


def test_damaged_pickles_are_refused_or_plain_data(tmp_path):
    sentinel = tmp_path / "sentinel"
    value = {"data": np.arange(40, dtype=np.uint8).reshape(4, 10), "labels": [1, 2, 3, 4]}
    bad = malicious_pickles(str(sentinel))
    refused = 0
    for protocol in (2, 4, 5):
        content = pickle.dumps(value, protocol)
        for _, damaged in mutations(content, np.random.default_rng(protocol), 200, bad):
            try:
                found = read_pickle(damaged)
            except ValueError:
                refused += 1
            else:
                plain(found)
    assert refused > 100
    assert not sentinel.exists()


def plain(value):
    """Only data, to the last leaf."""
    if isinstance(value, dict):
        for item in value.items():
            plain(item)
    elif isinstance(value, list | tuple):
        for item in value:
            plain(item)
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in "biuf"
    else:
        assert value is None or type(value) in (bool, int, float, str, bytes), type(value)
