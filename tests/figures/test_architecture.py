"""The diagrams say what the model computes: shapes, counts and edges read back from the drawing."""

import re

import matplotlib
import numpy as np
import paddle
import paddle.nn as nn
import pytest
from matplotlib.text import Text

from nndl import probe
from nndl.figures import structure
from nndl.figures.architecture import draw_architecture, draw_cnn_structure, draw_residual_unit
from nndl.networks.lenet import LeNet
from nndl.networks.resnet import ResNet18

matplotlib.use("Agg")


def texts(figure):
    """Every visible text of the figure."""
    return [t.get_text() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def joined(figure):
    return "\n".join(texts(figure))


def overlaps(figure):
    """Pairs of texts of one axes whose boxes cover more than a sliver of each other."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    found = []
    for axes in figure.axes:
        shown = [(t.get_text(), t.get_window_extent(renderer)) for t in axes.texts]
        shown = [(text, box.padded(-1.5)) for text, box in shown if text.strip()]
        for i, (text, box) in enumerate(shown):
            found += [(text, other) for other, around in shown[i + 1 :] if box.overlaps(around)]
            assert figure.bbox.padded(2).contains(box.x0, box.y0), text
            assert figure.bbox.padded(2).contains(box.x1, box.y1), text
    return found


FIGURES = {
    "lenet": lambda: draw_architecture(LeNet(), (1, 1, 32, 32)),
    "resnet": lambda: draw_architecture(ResNet18(), (1, 3, 32, 32)),
    "plain": lambda: draw_architecture(ResNet18(use_residual=False), (3, 32, 32)),
    "vision": lambda: draw_architecture(paddle.vision.models.resnet18(), (1, 3, 224, 224)),
    "vision-lenet": lambda: draw_architecture(paddle.vision.models.LeNet(), (1, 28, 28)),
    "one layer": lambda: draw_architecture(nn.Linear(8, 3), (1, 8)),
    "structure": draw_cnn_structure,
    "structure 5": lambda: draw_cnn_structure(5, 0, 0, 1),
    "unit": draw_residual_unit,
}


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_covers_another_and_none_is_cut_off(name):
    assert overlaps(FIGURES[name]()) == []


def test_lenet_shows_every_shape_and_count():
    text = texts(FIGURES["lenet"]())
    for shape in ("1×32×32", "6×28×28", "6×14×14", "16×10×10", "16×5×5", "120×1×1", "84", "10"):
        assert shape in text
    for name in ("conv1", "pool2", "conv3", "pool4", "conv5", "linear6", "linear7"):
        assert text.count(name) == 3  # above its arrow, and below each row of bars
    for number in ("156", "2,416", "48,120", "10,164", "850", "122,304", "241,600", "400"):
        assert number in text
    assert "total 61,706" in text and "total 423,438" in text


def test_bars_are_as_long_as_the_counts():
    figure = FIGURES["lenet"]()
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert heights == [156, 0, 2416, 0, 48120, 10164, 850]


def test_resnet_shows_modules_units_and_shortcuts():
    figure = FIGURES["resnet"]()
    text = texts(figure)
    for i, shape in enumerate(("64×8×8", "64×8×8", "128×4×4", "256×2×2", "512×1×1", "10"), 1):
        assert f"module{i}" in text and shape in text
    assert text.count("+") == 8  # one addition a unit
    assert len([t for t in text if t.startswith("1×1, ")]) == 3
    assert len([t for t in text if t.startswith("3×3, ")]) == 16
    assert "total 11,191,242" in text and "total 37,118,474" in text


def test_without_residual_no_addition_is_drawn():
    text = texts(FIGURES["plain"]())
    assert "+" not in text and not [t for t in text if t.startswith("1×1")]


def test_networks_of_paddle_are_read_too():
    text = joined(FIGURES["vision"]())
    assert text.count("\n+") == 8 and "512×7×7" in text and "1000" in text


def test_units_are_read_with_their_shortcut():
    model = ResNet18()
    inputs = probe.make_inputs(model, (1, 3, 32, 32))
    shapes, _ = probe.run_shapes(model, inputs)
    rows = structure.modules(model, shapes, inputs)
    units = [u for _, steps, _ in rows for u in steps if isinstance(u, structure.Unit)]
    assert [u.shortcut is not None for u in units] == [False, False] + [True, False] * 3
    assert [len(u.steps) for u in units] == [2] * 8
    assert units[2].shortcut.shape == [128, 4, 4]


class Plus(nn.Layer):
    """A residual unit by other names, of subclasses; the shortcut has a batch norm of its own."""

    class Filter(nn.Conv2D):
        pass

    def __init__(self, way=None):
        super().__init__()
        self.left = nn.Sequential(Plus.Filter(4, 4, 3, padding=1), nn.BatchNorm2D(4), nn.ReLU())
        self.right, self.way = Plus.Filter(4, 4, 3, padding=1), way

    def forward(self, X):
        return nn.functional.relu(self.right(self.left(X)) + (self.way(X) if self.way else X))


def test_units_are_found_by_what_is_added_not_by_names():
    beside = nn.Sequential(nn.Conv2D(4, 4, 1), nn.BatchNorm2D(4))
    model = nn.Sequential(nn.Conv2D(1, 4, 3), Plus(), Plus(beside), nn.MaxPool2D(2), nn.Flatten())
    inputs = probe.make_inputs(model, (1, 1, 10, 10))
    shapes, _ = probe.run_shapes(model, inputs)
    rows = structure.modules(model, shapes, inputs)
    units = [u for _, steps, _ in rows for u in steps if isinstance(u, structure.Unit)]
    assert [[s.text for s in u.steps] for u in units] == [["3×3, 4", "3×3, 4"]] * 2
    assert [u.steps[0].extras for u in units] == [["BN", "ReLU"]] * 2
    assert units[0].shortcut is None
    assert (units[1].shortcut.text, units[1].shortcut.extras) == ("1×1, 4", ["BN"])
    assert rows[-1][1][0].extras[0] == "/2"  # a stride that Paddle takes from the window
    assert joined(draw_architecture(model, (1, 1, 10, 10), layout="modules")).count("\n+") == 2


def test_the_model_comes_back_as_it_was():
    model = LeNet()
    model.train()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    draw_architecture(model, (1, 1, 32, 32))
    assert all(layer.training for layer in model.sublayers(include_self=True))
    assert not any(layer._forward_post_hooks for layer in model.sublayers(include_self=True))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


def test_the_structure_follows_its_numbers():
    text = joined(draw_cnn_structure(M=3, b=1, K=1, N=4))
    assert text.count("Conv") == 3 and text.count("Pool") == 1 and text.count("Linear") == 1
    assert "4 times" in text
    assert "Pool" not in joined(draw_cnn_structure(M=1, b=0, K=0))


def test_residual_units_state_their_channels():
    text = joined(draw_residual_unit(32))
    assert "X: 32×M×N" in text and "Y: 64×M/2×N/2" in text and "Y: 128×M×N" in text


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: draw_architecture(LeNet, (1, 1, 32, 32)), TypeError, "draw_architecture expects"),
        (lambda: draw_architecture(LeNet(), (1, 1, 28, 28)), ValueError, "does not run"),
        (lambda: draw_architecture(LeNet(), (1, 1, 32, 32), "tree"), ValueError, "layout must be"),
        (lambda: draw_cnn_structure(M=0), ValueError, "M must be an integer ≥ 1, got 0"),
        (lambda: draw_cnn_structure(b=2), ValueError, "b must be 0 or 1"),
        (lambda: draw_residual_unit(2.0), ValueError, "channels must be an integer"),
    ],
)
def test_errors_say_what_was_wrong(call, error, says):
    with pytest.raises(error, match=re.escape(says)):
        call()
