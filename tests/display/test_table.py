"""The table against texts written by hand and against an HTML parser."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import paddle
import pytest

from nndl.display.table import display_width, table


def parsed(result):
    return ElementTree.fromstring(f"<div>{result._repr_html_()}</div>".replace("<br>", "<br/>"))


def test_text_is_aligned_and_numbers_stand_right():
    rows = [{"layer": "conv1", "weights": 9}, {"layer": "fc", "weights": 921600}]
    assert str(table(rows)) == (
        "layer  weights\n"
        "─────  ───────\n"
        "conv1        9\n"
        "fc     921,600"
    )  # fmt: skip


def test_total_caption_and_note():
    result = table(
        [["a", 1], ["total", 1000]], ["", "n"], caption="Counts", emphasise=[-1], notes=["n: x"]
    )
    assert str(result).splitlines() == [
        "Counts",
        "           n",
        "─────  ─────",
        "a          1",
        "─────  ─────",
        "total  1,000",
        "n: x",
    ]
    cells = parsed(result).findall(".//td")
    assert ["bold" in cell.get("style") for cell in cells] == [False, False, True, True]
    assert parsed(result).find(".//caption").text == "Counts"


def test_wide_characters_take_two_columns():
    assert display_width("卷积 conv") == 9
    lines = str(table([["卷积层", 1], ["pool", 22]], ["层", "数"])).splitlines()
    assert len({display_width(line) for line in lines}) == 1
    assert lines[2] == "卷积层   1"


def test_html_is_escaped_and_has_no_colour_of_its_own():
    result = table([{"<b>": "a & <i>"}], caption="x < y", notes=["<script>"])
    root = parsed(result)  # raises where the markup is not well formed
    assert root.find(".//td").text == "a & <i>"
    assert root.find(".//th").text == "<b>"
    assert not re.search(r"background|#[0-9a-fA-F]{3}|\b(white|black|rgb)\b", result._repr_html_())


def test_number_formats():
    values = [7, 1234567, 0.123456, 12345.6, np.float32(0.5), np.int64(1000), None, "text", True]
    lines = str(table([[v] for v in values])).splitlines()
    assert lines == [
        "7", "1,234,567", "0.1235", "12,346", "0.5", "1,000", "—", "text", "True"
    ]  # fmt: skip
    assert "12.3%" in str(table([{"share": 0.1234}], formats={"share": ".1%"}))
    assert str(table([[np.array([3])], [paddle.to_tensor([4000])]])) == "    3\n4,000"


def test_rows_may_leave_keys_out_and_columns_choose():
    assert str(table([{"a": 1}, {"b": 2}])).splitlines()[2:] == ["1  —", "—  2"]
    assert str(table([{"a": 1, "b": 2}], columns=["b"])).splitlines() == ["b", "─", "2"]


def test_a_table_without_rows_is_only_its_head():
    assert str(table([], columns=["a", "b"])).splitlines()[0] == "a  b"
    assert str(table([])) == ""
    assert parsed(table([])).find("table") is not None


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: table([[1, 2], [3]]), ValueError, "row 1 has 1 cells"),
        (lambda: table([{"a": 1}, [2]]), TypeError, "all dictionaries or all sequences"),
        (lambda: table([5]), TypeError, "got a int"),
        (lambda: table([{"a": 1}], columns="a"), TypeError, "list of headings"),
        (lambda: table([{"a": 1}], columns=["b"]), ValueError, "no row has the column 'b'"),
        (lambda: table([{"a": 1}], emphasise=[3]), ValueError, "names row 3"),
        (lambda: table([{"a": 1}], formats={"b": ".1%"}), ValueError, "the column 'b'"),
    ],
)
def test_errors_say_what_was_wrong(call, error, says):
    with pytest.raises(error, match=re.escape(says)):
        call()
