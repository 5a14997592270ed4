"""The stepping convolution: right numbers, small enough, harmless where scripts don't run."""

import builtins
import io
import re

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from PIL import Image

from nndl.figures import animation
from nndl.figures.convolution import cross_correlate


@pytest.mark.parametrize(
    "size, kernel, stride, padding, dilation",
    [(3, 2, 1, 0, 1), (7, 3, 2, 1, 1), (8, 3, 1, 2, 2), (5, 5, 1, 2, 1), (6, 1, 3, 0, 1)],
)
def test_the_drawn_numbers_are_paddles(size, kernel, stride, padding, dilation):
    rng = np.random.default_rng(0)
    X, W = rng.integers(-9, 9, (size, size)), rng.integers(-3, 3, (kernel, kernel))
    _, Y = cross_correlate(X, W, stride, padding, dilation)
    x, w = (paddle.to_tensor(a[None, None].astype("float64")) for a in (X, W))
    assert np.array_equal(Y, F.conv2d(x, w, None, stride, padding, dilation)[0, 0].numpy())


def test_each_output_cell_is_a_step():
    steps = animation.animate_conv2d(np.arange(1, 10).reshape(3, 3), [[0, 1], [2, 3]])
    assert len(steps.frames) == 4
    assert len(set(steps.frames)) == 4
    for frame in steps.frames:
        assert Image.open(io.BytesIO(frame)).size[0] <= 1000


def test_a_step_writes_products_and_sum():
    board = animation._Board(np.arange(1, 10).reshape(3, 3), [[0, 1], [2, -3]], 1, 0, 1)
    board.draw(2)
    assert board.title.get_text() == "step 3 of 4:   Y[1, 0] = 0 + 5 + 14 − 24 = −5"
    assert [text.get_text() for text in board.texts[2].flat] == ["0", "5", "14", "−24"]
    assert [text.get_text() for text in board.texts[3].flat] == ["−5", "−5", "−5", ""]


def test_the_page_stays_small_and_works_without_scripts_or_network():
    rng = np.random.default_rng(0)
    page = animation.animate_conv2d(
        rng.random((6, 6)), np.ones((3, 3)) / 9, padding=1
    )._repr_html_()
    assert len(page) <= 500_000
    assert page.count("<img") == 36
    shown = [tag for tag in re.findall(r"<img[^>]*>", page) if "display:block" in tag[:200]]
    assert len(shown) == 1 and ', step 1"' in shown[0]  # the first, without any script
    assert "<script" not in page and not re.search(r"(src|href)=.https?:", page)
    assert page.count("aria-label") >= 4


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"X": np.ones((2, 2)), "W": np.ones((3, 3))}, "kernel covers 3×3"),
        ({"X": np.ones((1, 2, 2)), "W": np.ones((1, 1))}, "X must be one matrix"),
        ({"X": np.ones((20, 20)), "W": np.ones((3, 3))}, "at most 12 rows"),
        ({"X": np.ones((3, 3)), "W": np.ones((1, 1)), "stride": 0}, "stride must be at least 1"),
        ({"X": np.ones((3, 3)), "W": np.ones((1, 1)), "padding": -1}, "padding must be"),
        ({"X": np.ones((3, 3)), "W": np.ones((1, 1)), "dilation": 1.5}, "dilation must be an int"),
    ],
)
def test_wrong_arguments_are_explained(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        animation.animate_conv2d(**arguments)


def sliders():
    pytest.importorskip("ipywidgets")
    box = animation.interactive_conv2d().box
    controls = [child for column in box.children[0].children for child in column.children]
    return {c.description: c for c in controls}, box.children[1], box.children[2]


def test_moving_a_slider_draws_anew():
    controls, message, picture = sliders()
    before = picture.value
    controls["stride"].value = 2
    assert picture.value != before
    assert "⌊(6 + 2·0 − 1·(3 − 1) − 1) / 2⌋ + 1 = 2 output rows" in message.value
    controls["step"].value = 3
    assert controls["step"].max == 3


def test_impossible_settings_say_so_and_keep_the_picture():
    controls, message, picture = sliders()
    controls["kernel size"].value = 5
    before = picture.value
    controls["dilation"].value = 3
    assert "the kernel covers 13×13" in message.value
    assert picture.value == before


def test_without_ipywidgets_one_line_and_a_picture(monkeypatch, capsys):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "ipywidgets":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    figure = animation.interactive_conv2d()
    assert capsys.readouterr().out.count("\n") == 1
    assert figure.axes
