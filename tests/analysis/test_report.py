"""The reports against formulas worked out by hand, Paddle's own counts and published figures."""

import contextlib
import copy
import io
import random
import re

import numpy as np
import paddle
import paddle.nn as nn
import pytest

from nndl import probe
from nndl.analysis import counting, report
from nndl.figures.architecture import draw_architecture
from nndl.layers.convolution import Conv2D
from nndl.layers.pooling import Pool2D
from nndl.networks.lenet import LeNet
from nndl.networks.resnet import ResNet18

IMAGE = (1, 3, 32, 32)
NUMPY_FAILS = tuple(map(int, np.__version__.split(".")[:2])) >= (2, 4)


@pytest.fixture(autouse=True)
def _own_warnings_are_errors(recwarn):
    yield
    assert not [str(w.message) for w in recwarn if "Conversion of an array" not in str(w.message)]


def plain_paddle_flops(model, input_size):
    """Paddle's own function as a reader calls it."""
    if NUMPY_FAILS:
        pytest.skip("paddle.flops fails with this NumPy")
    with contextlib.redirect_stdout(io.StringIO()):
        return paddle.flops(model, list(input_size))


@pytest.fixture
def broken_paddle_flops(monkeypatch):
    """`paddle.flops` as it fails with NumPy 2.4: after the forward pass, buffers left behind."""

    def flops(net, input_size, custom_ops=None, print_detail=False):
        for layer in net.sublayers():
            if not list(layer.children()):
                layer.register_buffer("total_ops", paddle.zeros([1], dtype="int64"))
                layer.register_forward_post_hook(lambda layer, x, y: None)
        net.eval()
        net(paddle.randn(input_size))
        print("Cannot find suitable count function")
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")

    monkeypatch.setattr(paddle, "flops", flops)


# ---------------------------------------------------------------- figures known from elsewhere


def test_published_figures_of_lenet_and_resnet():
    lenet = report.flops(paddle.vision.models.LeNet(), (1, 1, 28, 28))
    assert (lenet.paddle_flops, lenet.params) == (347_560, 61_610)
    resnet = report.flops(paddle.vision.models.resnet18(num_classes=10), IMAGE)
    assert resnet.paddle_flops == 37_118_976
    assert (resnet.trainable, resnet.params) == (11_181_642, 11_191_242)
    assert (resnet.paddle_trainable, resnet.paddle_params) == (11_181_642, 11_191_242)


def test_published_figure_of_resnet_on_imagenet():
    model = paddle.vision.models.resnet18()
    assert report.flops(model, (1, 3, 224, 224)).paddle_flops == 1_819_066_368


@pytest.mark.parametrize("operators", ["hand", "paddle"])
def test_lenet_of_the_book_layer_by_layer(operators):
    result = report.flops(LeNet(operators=operators), (1, 1, 32, 32))
    assert (result.params, result.trainable, result.fixed) == (61_706, 61_706, 0)
    by_name = {row["layer"]: row for row in result.rows}
    assert {name: row["FLOPs"] for name, row in by_name.items()} == {
        "conv1": 28 * 28 * 6 * 25 + 28 * 28 * 6,
        "pool2": 0,
        "conv3": 10 * 10 * 16 * 6 * 25 + 10 * 10 * 16,
        "pool4": 5 * 5 * 16,
        "conv5": 120 * 16 * 25 + 120,
        "linear6": 120 * 84 + 84,
        "linear7": 84 * 10 + 10,
    }
    assert [row["output shape"] for row in result.rows] == [
        [1, 6, 28, 28], [1, 6, 14, 14], [1, 16, 10, 10], [1, 16, 5, 5], [1, 120, 1, 1], [1, 84],
        [1, 10],
    ]  # fmt: skip
    assert by_name["conv3"]["params"] == 16 * 6 * 25 + 16
    assert by_name["linear6"]["paddle.flops"] == 120 * 84  # Paddle leaves the bias out
    assert result.paddle_flops == result.flops - 84 - 10
    assert not result.unknown


def test_both_operator_sets_give_the_same_report():
    hand, theirs = (
        report.flops(ResNet18(operators=operators), IMAGE) for operators in ("hand", "paddle")
    )
    for row, other in zip(hand.rows, theirs.rows, strict=True):
        assert {**row, "type": 0} == {**other, "type": 0}
    assert hand.paddle_flops == theirs.paddle_flops == 37_118_976


# ------------------------------------------------------------------------ rules, one by one

CASES = [
    (nn.Conv2D(4, 6, (3, 5), stride=2, padding=1), (1, 4, 9, 11)),
    (nn.Conv2D(4, 6, 3, groups=2, dilation=2), (1, 4, 9, 9)),
    (nn.Conv2D(4, 6, 3, bias_attr=False), (2, 4, 9, 9)),
    (nn.Conv1D(3, 5, 4), (1, 3, 20)),
    (nn.Conv3D(2, 3, 2), (1, 2, 4, 5, 6)),
    (nn.Linear(7, 5), (3, 7)),
    (nn.Linear(7, 5, bias_attr=False), (1, 2, 7)),
    (nn.BatchNorm2D(3), (1, 3, 4, 4)),
    (nn.AvgPool2D(2, 2), (1, 3, 8, 6)),
    (nn.AvgPool1D(2), (1, 3, 8)),
    (nn.AdaptiveAvgPool2D(2), (1, 3, 8, 6)),
    (nn.AdaptiveAvgPool2D(1), (1, 3, 8, 6)),
    (nn.MaxPool2D(2), (1, 3, 8, 6)),
    (nn.ReLU(), (1, 3, 8, 6)),
    (nn.LeakyReLU(), (1, 3, 8, 6)),
    (nn.Dropout(), (1, 3)),
    (nn.Conv2DTranspose(4, 6, 3, stride=2), (1, 4, 5, 5)),
]


@pytest.mark.parametrize(("layer", "size"), CASES, ids=lambda v: type(v).__name__)
def test_paddle_column_is_what_paddle_flops_returns(layer, size):
    result = report.flops(nn.Sequential(layer), size)
    expected = plain_paddle_flops(nn.Sequential(layer), size)
    assert result.paddle_flops == result.rows[0]["paddle.flops"] == expected


@pytest.mark.parametrize(("layer", "size"), CASES, ids=lambda v: type(v).__name__)
def test_paddle_column_without_paddle_flops(layer, size, broken_paddle_flops, monkeypatch):
    computed = report.flops(nn.Sequential(layer), size)
    assert "paddle.flops failed (TypeError: only 0-dim" in str(computed)
    monkeypatch.undo()
    assert computed.paddle_flops == plain_paddle_flops(nn.Sequential(layer), size)


@pytest.mark.parametrize(
    ("layer", "size", "expected", "working"),
    [
        (Conv2D(4, 6, 3, groups=2), (1, 4, 9, 9), 7 * 7 * 6 * (2 * 9 + 1), "7·7·6·2·3·3 + 7·7·6"),
        (nn.Conv2D(4, 6, 3, groups=2), (1, 4, 9, 9), 7 * 7 * 6 * 19, "7·7·6·2·3·3 + 7·7·6"),
        (Conv2D(4, 6, 3, stride=2, bias_attr=False), (1, 4, 9, 9), 4 * 4 * 6 * 36, "4·4·6·4·3·3"),
        (nn.Conv2D(3, 8, 3, data_format="NHWC"), (1, 9, 7, 3), 7840, "7·5·8·3·3·3 + 7·5·8"),
        (nn.Conv1D(3, 5, 4), (1, 3, 20), 17 * 5 * 13, "17·5·3·4 + 17·5"),
        (nn.Conv2DTranspose(2, 3, 2, 2, bias_attr=False), (1, 2, 5, 5), 600, "5·5·2·3·2·2"),
        (nn.Linear(7, 5), (3, 7), 3 * 40, "3·7·5 + 3·5"),
        (nn.BatchNorm2D(3), (2, 3, 4, 4), 2 * 96, "2·2·4·4·3"),
        (Pool2D((2, 2), "avg", 2), (1, 3, 8, 6), 36, "4·3·3"),
        (Pool2D((2, 2), "max", 2), (1, 3, 8, 6), 0, ""),
        (nn.AdaptiveAvgPool2D(1), (1, 3, 8, 6), 3, "1·1·3"),
    ],
)  # fmt: skip
def test_formulas_of_the_chapter(layer, size, expected, working):
    row = report.flops(layer, size).rows[0]
    assert (row["FLOPs"], row["working"]) == (expected, working)
    if working:
        text = working.replace("·", "*")
        assert eval(text) == expected


def test_hand_written_operators_count_as_in_paddle():
    hand = nn.Sequential(Conv2D(3, 8, 5, 2, 2), Pool2D((2, 2), "avg", 2), Conv2D(8, 4, 3, groups=2))
    theirs = nn.Sequential(
        nn.Conv2D(3, 8, 5, 2, 2), nn.AvgPool2D(2, 2), nn.Conv2D(8, 4, 3, groups=2)
    )
    assert report.flops(hand, IMAGE).paddle_flops == plain_paddle_flops(theirs, IMAGE)


def test_batch_counts_every_image_and_layers_used_twice_count_twice():
    layer = nn.Linear(6, 6)
    twice = nn.Sequential(layer, nn.ReLU(), layer)
    assert report.flops(layer, (5, 6)).flops == 5 * report.flops(layer, (1, 6)).flops
    result = report.flops(twice, (1, 6))
    assert result.flops == 2 * 42
    assert result.params == 42
    assert result.rows[0]["working"] == "2 × (6·6 + 6)"


# --------------------------------------------------------------------- what nobody counts


class Scale(nn.Layer):
    def __init__(self):
        super().__init__()
        self.scale = self.create_parameter([4])

    def forward(self, x):
        return x * self.scale


class Outer(nn.Layer):
    """A container with weights of its own, a leaf it never calls, a buffer, a frozen weight."""

    def __init__(self):
        super().__init__()
        self.weight = self.create_parameter([4, 4])
        self.register_buffer("offset", paddle.zeros([3]))
        self.inner = nn.Linear(4, 4)
        self.inner.bias.stop_gradient = True
        self.idle = nn.Linear(4, 2)

    def forward(self, x):
        return self.inner(x) @ self.weight


def test_unknown_layers_are_named():
    result = report.flops(nn.Sequential(nn.Linear(4, 4), Scale(), nn.GELU(), Scale()), (1, 4))
    assert result.unknown == ["Scale", "GELU"]
    assert "Not counted: Scale (2), GELU" in str(result)
    assert result.rows[1]["FLOPs"] is None
    assert result.flops == 20
    assert result.params == 28


def test_unknown_layers_can_be_given_a_formula():
    model = nn.Sequential(nn.Linear(4, 4), Scale())
    result = report.flops(model, (1, 4), formulas={Scale: lambda layer, x, y: x.numel().item()})
    assert (result.flops, result.paddle_flops, result.unknown) == (16 + 4 + 4, 16 + 4, [])


def test_a_container_with_own_weights_is_a_row_and_named():
    result = report.summary(Outer(), (1, 4))
    by_name = {row["layer"]: row for row in result.rows}
    assert by_name["Outer"]["trainable"] == 16
    assert by_name["Outer"]["fixed"] == 3
    assert by_name["inner"]["trainable"] == 16
    assert by_name["inner"]["fixed"] == 4  # the frozen bias
    assert by_name["idle"]["output shape"] is None
    assert result.params == 16 + 3 + 20 + 10
    assert "Outer" in result.unknown
    assert "Not called in this forward pass: idle" in str(result)


def test_a_formula_can_count_a_container_as_one_row():
    result = report.flops(Outer(), (1, 4), formulas={Outer: lambda layer, x, y: 36})
    assert [row["layer"] for row in result.rows] == ["Outer"]
    assert (result.flops, result.params, result.unknown) == (36, 49, [])


# ------------------------------------------------------------------------- leaving no trace


def fingerprint(model):
    return {
        "modes": [layer.training for layer in model.sublayers(include_self=True)],
        "buffers": [
            (name, layer._non_persistable_buffer_names_set.copy())
            for layer in model.sublayers(include_self=True)
            for name in [*layer._buffers]
        ],
        "hooks": [
            (list(layer._forward_pre_hooks), list(layer._forward_post_hooks))
            for layer in model.sublayers(include_self=True)
        ],
        "attributes": [sorted(vars(layer)) for layer in model.sublayers(include_self=True)],
        "keys": list(model.state_dict()),
        "values": [value.numpy().tobytes() for value in model.state_dict().values()],
        "gradients": [
            None if p.grad is None else p.grad.numpy().tobytes() for p in model.parameters()
        ],
    }


def trained_model():
    paddle.seed(3)
    model = ResNet18(operators="hand", stem="cifar")
    model.module5 = nn.Sequential(model.module5[0], nn.Dropout(0.5))
    model(paddle.randn([2, 3, 16, 16])).sum().backward()
    model.train()
    model.module2[0].bn1.eval()  # one layer frozen on purpose
    model.register_buffer("mask", paddle.ones([2]), persistable=False)
    model.module1[0].register_forward_post_hook(lambda layer, x, y: None)
    return model


@pytest.mark.parametrize("view", [report.summary, report.flops])
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_comes_back_as_it_was(view, fails, request):
    if fails:
        request.getfixturevalue("broken_paddle_flops")
    model = trained_model()
    before = fingerprint(model)
    paddle.seed(11), np.random.seed(11), random.seed(11)  # noqa: NPY002
    expected = paddle.rand([4]).numpy(), np.random.rand(4), random.random()  # noqa: NPY002
    paddle.seed(11), np.random.seed(11), random.seed(11)  # noqa: NPY002
    view(model, (1, 3, 16, 16))
    drawn = paddle.rand([4]).numpy(), np.random.rand(4), random.random()  # noqa: NPY002
    for a, b in zip(expected, drawn, strict=True):
        np.testing.assert_array_equal(a, b)
    assert fingerprint(model) == before


def test_a_layer_that_changes_itself_is_put_back():
    class Counter(nn.Layer):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", paddle.zeros([1]))

        def forward(self, x):
            self.calls += 1
            self.last = x
            return x

    model = Counter()
    report.flops(model, (1, 4))
    assert model.calls.item() == 0
    assert not hasattr(model, "last")


def test_the_model_comes_back_when_its_forward_fails():
    model = LeNet()
    before = fingerprint(model)
    with pytest.raises(ValueError, match="LeNet does not run on an input of shape"):
        report.flops(model, (1, 1, 28, 28))
    assert fingerprint(model) == before


def test_the_copy_of_a_reported_model_is_independent():
    model = LeNet(operators="paddle")
    report.flops(model, (1, 1, 32, 32))
    twin = copy.deepcopy(model)
    for parameter in twin.parameters():
        parameter.set_value(paddle.zeros_like(parameter))
    assert float(twin(paddle.ones([1, 1, 32, 32])).abs().sum()) == 0
    assert float(model(paddle.ones([1, 1, 32, 32])).abs().sum()) > 0


@pytest.mark.parametrize("view", [report.summary, report.flops])
def test_nothing_is_printed_or_warned(view, capfd, recwarn):
    view(nn.Sequential(nn.Conv2D(1, 2, 3), nn.GELU(), nn.MaxPool2D(2)), (1, 1, 8, 8))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert not recwarn.list


# ---------------------------------------------------------------------------- input sizes


@pytest.mark.parametrize(
    "size", [(1, 1, 32, 32), [1, 1, 32, 32], (1, 32, 32), (None, 1, 32, 32), (-1, 1, 32, 32)]
)
def test_image_sizes_with_and_without_batch(size):
    assert report.summary(LeNet(), size).rows[0]["output shape"] == [1, 6, 28, 28]


def test_three_numbers_are_taken_literally_without_2d_layers():
    assert report.summary(nn.Linear(7, 5), (2, 3, 7)).rows[0]["output shape"] == [2, 3, 5]


def test_several_inputs_and_integer_inputs():
    class Two(nn.Layer):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(10, 4), nn.Linear(4, 2)

        def forward(self, words, extra):
            return self.head(self.embed(words) + extra)

    result = report.flops(Two(), [(1, 3), (1, 3, 4)], dtype=["int64", "float32"])
    assert result.flops == 3 * (4 * 2 + 2)
    assert result.paddle_flops == 3 * 4 * 2


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: report.summary(LeNet, (1, 1, 32, 32)), TypeError, "create the model first"),
        (lambda: report.flops("LeNet", (1, 1, 32, 32)), TypeError, "flops expects a model"),
        (lambda: report.summary(LeNet(), 32), ValueError, "got 32"),
        (lambda: report.summary(LeNet(), ()), ValueError, "got ()"),
        (lambda: report.summary(LeNet(), (1, 1, 0, 32)), ValueError, "got (1, 1, 0, 32)"),
        (lambda: report.summary(LeNet(), (1, 1, 32.0, 32)), ValueError, "32.0"),
        (lambda: report.summary(LeNet(), (1, 3, 32, 32)), ValueError, "shape (1, 3, 32, 32)"),
        (lambda: report.summary(LeNet(), (1, 1, 32, 32), "flaot32"), ValueError, "got 'flaot32'"),
        (
            lambda: report.summary(LeNet(), (1, 1, 32, 32), ["int64", "int64"]),
            ValueError,
            "2 dtypes for 1 inputs",
        ),
        (
            lambda: report.flops(LeNet(), (1, 1, 32, 32), formulas={"LeNet": 1}),
            TypeError,
            "types of layer",
        ),
        (
            lambda: report.flops(nn.GELU(), (1, 4), formulas={nn.GELU: lambda layer, x, y: None}),
            ValueError,
            "must return the number of multiply-adds",
        ),
        (lambda: report.compare({}), TypeError, "dictionary of models"),
        (lambda: report.compare({"a": LeNet()}), ValueError, "needs input_size"),
    ],
)
def test_errors_say_what_was_wrong(call, error, says):
    with pytest.raises(error, match=re.escape(says)):
        call()


# ------------------------------------------------------------------------------- as a table


def test_the_tables_show_totals_and_shares():
    text = str(report.flops(LeNet(), (1, 1, 32, 32)))
    assert "total" in text and "61,706" in text and "423,438" in text
    assert "28·28·6·1·5·5 + 28·28·6" in text
    assert "57.1%" in text  # 241,600 of 423,438
    assert "one addition per output" in text
    summary = report.summary(ResNet18(), IMAGE)
    assert "9,600" in str(summary) and "running statistics" in str(summary)
    assert "<table" in summary._repr_html_() and "11,181,642" in summary._repr_html_()
    assert sum(row["FLOPs"] or 0 for row in summary.rows) == summary.flops


def test_modules_and_comparison():
    result = report.flops(ResNet18(), IMAGE)
    modules = result.modules()
    assert [part["module"] for part in modules] == [f"module{i}" for i in range(1, 7)]
    assert sum(part["params"] for part in modules) == result.params
    assert sum(part["share of FLOPs"] for part in modules) == pytest.approx(1)
    # one unit of 64 channels on 8×8 maps, no shortcut convolution: 4 × (conv + batch norm)
    assert modules[1]["FLOPs"] == 4 * (8 * 8 * 64 * 64 * 9 + 2 * 8 * 8 * 64)
    both = report.compare({"with": result, "without": ResNet18(use_residual=False)}, IMAGE)
    text = str(both)
    assert re.search(r"trainable parameters +11,181,642 +11,007,818", text)
    assert "module5: share of FLOPs" in text


def test_untouched_restores_after_an_exception():
    model = nn.Sequential(nn.Dropout(), nn.Linear(2, 2))
    model[1].eval()
    with pytest.raises(KeyError), probe.untouched(model):
        model[1].register_buffer("extra", paddle.zeros([1]))
        raise KeyError
    assert [layer.training for layer in model] == [True, False]
    assert list(model.state_dict()) == ["1.weight", "1.bias"]


def test_the_list_of_types_that_paddle_counts_is_paddles():
    from paddle.hapi import dynamic_flops

    theirs = {kind for kind in dynamic_flops.register_hooks if kind.__module__.startswith("paddle")}
    assert theirs == counting.PADDLE_COUNTS  # beside ours, which `nndl` registers


# ------------------------------------------------------------------ what other people's models have


class Recurrent(nn.Layer):
    def __init__(self, layer):
        super().__init__()
        self.rnn, self.head = layer, nn.Linear(16, 3)

    def forward(self, X):
        return self.head(self.rnn(X)[0][:, -1])


@pytest.mark.parametrize(("kind", "gates"), [(nn.SimpleRNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_recurrent_layers_count_every_weight_once_a_step(kind, gates):
    result = report.flops(Recurrent(kind(8, 16)), (2, 5, 8))
    weights = gates * 16 * (8 + 16 + 1 + 1)
    assert result.params == weights + 16 * 3 + 3
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = paddle.summary(Recurrent(kind(8, 16)), (2, 5, 8))
    assert (result.params, result.trainable) == (theirs["total_params"], theirs["trainable_params"])
    row = result.rows[0]
    assert (row["layer"], row["FLOPs"], row["output shape"]) == ("rnn", 2 * 5 * weights, [2, 5, 16])
    assert result.unknown == [] and "once a step; Paddle counts none" in str(result)


def test_cells_called_step_by_step_count_as_the_layer():
    cells = Recurrent(nn.RNN(nn.LSTMCell(8, 16)))
    assert (
        report.flops(cells, (2, 5, 8)).flops
        == report.flops(Recurrent(nn.LSTM(8, 16)), (2, 5, 8)).flops
    )
    both = report.flops(nn.LSTM(8, 16, num_layers=2, direction="bidirect"), (1, 5, 8))
    first, second = 2 * 4 * 16 * (8 + 16 + 2), 2 * 4 * 16 * (32 + 16 + 2)
    assert (both.params, both.flops) == (first + second, 5 * (first + second))


def test_products_in_functions_are_named_with_their_size():
    result = report.flops(nn.TransformerEncoderLayer(16, 4, 32), (1, 7, 16))
    # scores and weighted sum: 4 heads × 7 × 7 × 4 channels each
    assert f"self_attn.matmul {2 * 4 * 7 * 7 * 4:,}" in str(result)
    assert result.flops == 4 * 7 * (16 * 16 + 16) + 7 * (2 * 16 * 32 + 32 + 16)

    class Bare(nn.Layer):
        def __init__(self):
            super().__init__()
            self.kernel = self.create_parameter([3, 1, 3, 3])

        def forward(self, X):
            return nn.functional.conv2d(X, self.kernel).flatten(1) @ paddle.ones([3 * 36, 2])

    text = str(report.flops(Bare(), (1, 1, 8, 8)))
    assert f"conv2d {36 * 27:,}, matmul {108 * 2:,}, together {36 * 27 + 216:,}" in text


def test_buffers_anywhere_are_fixed_parameters():
    class Positions(nn.Layer):
        def __init__(self):
            super().__init__()
            self.register_buffer("code", paddle.zeros([16, 8]))
            self.linear = nn.Linear(8, 2)

        def forward(self, X):
            return self.linear(X + self.code)

    for model in (Positions(), nn.Sequential(Positions(), nn.ReLU())):
        result = report.summary(model, (1, 16, 8))
        assert (result.trainable, result.fixed) == (18, 128)


class Odd(nn.Layer):
    """Keyword calls, a layer used twice, one never, an activation in place, nested outputs."""

    def __init__(self):
        super().__init__()
        self.conv, self.pool = nn.Conv2D(1, 2, 3, padding=1), nn.AdaptiveAvgPool2D(1)
        self.head, self.idle = nn.Linear(2, 3), nn.Linear(5, 5)

    def forward(self, X):
        maps = nn.functional.relu_(self.conv(X))
        again = self.conv(x=maps[:, :1])
        logits = self.head(input=self.pool(x=again).flatten(1))
        return {"aux": [again.mean()], "logits": (logits, maps)}


def test_odd_models_are_counted_and_drawn():
    result = report.flops(Odd(), (1, 1, 6, 6))
    counts = {row["layer"]: row["FLOPs"] for row in result.rows}
    assert counts == {"conv": 2 * (36 * 2 * 9 + 72), "pool": 2, "head": 9, "idle": None}
    assert [row["calls"] for row in result.rows] == [2, 1, 1, 0]
    assert result.params == 20 + 9 + 30
    shapes, order = probe.run_shapes(model := Odd(), probe.make_inputs(model, (1, 1, 6, 6)))
    assert shapes[id(model.conv)] == [2, 6, 6] and order[-1] is model
    assert draw_architecture(Odd(), (1, 1, 6, 6)).axes


QUICK = ("googlenet", "mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_25", "squeezenet1_1")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.long)
        for name in paddle.vision.models.__all__
        if name.islower()
    ],
)
def test_models_of_paddle_vision_as_paddle_counts_them(name):
    sizes = {"alexnet": 224, "googlenet": 224, "inception_v3": 75}
    size = (1, 3, *[sizes.get(name, 64)] * 2)
    model = getattr(paddle.vision.models, name)()
    result = report.flops(model, size)
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = paddle.summary(model, size)
    assert (result.params, result.trainable) == (theirs["total_params"], theirs["trainable_params"])
    assert result.paddle_flops == plain_paddle_flops(model, size)
    # where formula and Paddle differ, a note says so
    differing = {r["type"] for r in result.rows if (r["FLOPs"] or 0) != (r["paddle.flops"] or 0)}
    assert differing <= {"Linear", "AdaptiveAvgPool2D"}
    text = str(result)
    assert ("Linear: the formula counts the bias" in text) == ("Linear" in differing)
    assert ("Adaptive average pooling:" in text) == ("AdaptiveAvgPool2D" in differing)
    assert set(result.unknown) <= {"Hardswish", "Hardsigmoid", "Swish"}
    assert all(kind in text for kind in result.unknown)
