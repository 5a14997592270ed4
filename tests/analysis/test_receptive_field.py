"""Receptive fields: the recursion by hand, and against the gradient of real layers."""

import os
import subprocess
import sys

import numpy as np
import paddle
import paddle.nn as nn
import paddle.nn.functional as F
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndl._paddle import RECORDERS
from nndl.analysis.graph import Graph
from nndl.analysis.receptive_field import (
    field_size,
    layers_of,
    measured_receptive_field,
    receptive_field,
)
from nndl.analysis.trace import Trace, Untraceable
from nndl.layers.convolution import Conv2D
from nndl.layers.pooling import Pool2D
from nndl.networks.lenet import LeNet
from nndl.networks.resnet import ResNet18
from tests.conftest import needs_paddle


def test_worked_by_hand():
    assert [reach.field for reach in receptive_field([3, 3])] == [3, 5]
    assert [reach.field for reach in receptive_field([7, {"kernel": 3, "stride": 2}, 3])] == [
        7,
        9,
        13,
    ]
    dilated = receptive_field([{"kernel": 3, "dilation": 2, "padding": 2}])[0]
    assert (dilated.field, dilated.jump, dilated.start) == (5, 1, -2)


def test_lenet_sees_its_whole_input():
    reaches = receptive_field(layers_of(LeNet(), (1, 1, 32, 32)))
    assert [(r.name, r.field, r.jump) for r in reaches] == [
        ("conv1", 5, 1),
        ("pool2", 6, 2),
        ("conv3", 14, 2),
        ("pool4", 16, 4),
        ("conv5", 32, 4),
    ]


@pytest.mark.parametrize("operators", ["hand", "paddle"])
def test_the_gradient_of_lenet_agrees(operators):
    paddle.seed(0)
    model = LeNet(operators=operators)
    for name in ("conv1", "pool2", "conv3"):
        measured = measured_receptive_field(model, (1, 1, 32, 32), name)
        computed = receptive_field(layers_of(model, (1, 1, 32, 32), until=name))[-1].field
        assert field_size(measured) == (computed, computed), name
    assert all(p.grad is None and not p.stop_gradient for p in model.parameters())


def test_the_gradient_of_a_residual_network_agrees():
    paddle.seed(0)
    model = ResNet18(operators="paddle", stem="cifar")
    layers = layers_of(model, (1, 3, 32, 32), until="module2")
    assert not [name for name, *_ in layers if "shortcut" in name]
    measured = measured_receptive_field(model, (3, 32, 32), "module2", samples=3)
    assert field_size(measured) == (receptive_field(layers)[-1].field,) * 2


def test_stride_padding_and_dilation_together():
    paddle.seed(0)
    model = nn.Sequential(
        nn.Conv2D(1, 4, 3, stride=2, padding=1),
        nn.AvgPool2D(3, stride=2, padding=1),
        nn.Conv2D(4, 4, 3, dilation=2),
    )
    layers = layers_of(model, (1, 1, 64, 64))
    assert [tuple(layer[1:]) for layer in layers] == [(3, 2, 1, 1), (3, 2, 1, 1), (3, 1, 0, 2)]
    measured = measured_receptive_field(model, (1, 64, 64))
    # 3 + 2·2 + 4·4 = 23, with holes that the pooling fills
    assert receptive_field(layers)[-1].field == 23
    assert field_size(measured) == (23, 23)


def test_the_model_is_left_as_it_was():
    model = ResNet18(operators="paddle")
    model.train()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    measured_receptive_field(model, (3, 32, 32), "module2", samples=1)
    layers_of(model, (1, 3, 32, 32))
    assert model.training
    assert all(np.array_equal(before[n], v.numpy()) for n, v in model.state_dict().items())
    assert not any(layer._forward_post_hooks for layer in model.sublayers(include_self=True))


def test_mistakes_are_explained():
    with pytest.raises(ValueError, match="at least one layer"):
        receptive_field([])
    with pytest.raises(ValueError, match="kernel of layer 1 must be an integer of at least 1"):
        receptive_field([0])
    with pytest.raises(ValueError, match="a layer has the keys"):
        receptive_field([{"kernel": 3, "pad": 1}])
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        layers_of(LeNet(), (1, 1, 32, 32), until="conv9")
    with pytest.raises(ValueError, match="expected a layer with maps"):
        measured_receptive_field(LeNet(), (1, 1, 32, 32))
    with pytest.raises(
        ValueError, match=r"Conv2D does not run on an input of shape \(1, 3, 8, 8\)"
    ):
        layers_of(nn.Conv2D(4, 4, 3), (1, 3, 8, 8))


# -------------------------------------------------------- branches, functions, every kind of layer


class Inception(nn.Layer):
    def __init__(self):
        super().__init__()
        self.one, self.three = nn.Conv2D(1, 2, 1), nn.Conv2D(1, 2, 3, padding=1)
        self.five = nn.Conv2D(1, 2, 5, padding=2)

    def forward(self, X):
        return paddle.concat([self.one(X), self.three(X), self.five(X)], 1)


class Skip(nn.Layer):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2D(1, 2, 3, 2, padding=1), nn.Conv2D(2, 2, 3, padding=1)
        self.beside, self.last = nn.Conv2D(1, 2, 1, 2), nn.Conv2D(2, 2, 3, padding=1)

    def forward(self, X):
        return self.last(self.second(self.first(X)) + self.beside(X))


class Shifted(nn.Layer):
    """Two branches of which neither sees all: rows −4…0 and 0…4."""

    def __init__(self):
        super().__init__()
        self.up = nn.Conv2D(1, 1, 5, padding=[4, 0, 2, 2])
        self.down = nn.Conv2D(1, 1, 5, padding=[0, 4, 2, 2])

    def forward(self, X):
        return self.up(X) + self.down(X)


class Functions(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2D(1, 2, 3, padding=1), nn.Conv2D(2, 1, 3, padding=1)

    def forward(self, X):
        return self.b(F.max_pool2d(F.relu(self.a(X)), 2))


class Gate(nn.Layer):
    """Squeeze and excitation: through the mean every output sees the whole picture."""

    def __init__(self):
        super().__init__()
        self.conv, self.pool, self.gate = (
            nn.Conv2D(1, 2, 3, padding=1),
            nn.AdaptiveAvgPool2D(1),
            nn.Conv2D(2, 2, 1),
        )

    def forward(self, X):
        X = self.conv(X)
        return X * F.sigmoid(self.gate(self.pool(X)))


class MyConv(nn.Conv2D):
    pass


class MyPool(Pool2D):
    pass


def chain(*layers):
    return nn.Sequential(*layers)


#: name → model, rows that one output sees, first row that output 0 sees; each worked out by hand
KNOWN = {
    "inception": (Inception, 5, -2),
    "residual of other names": (Skip, 11, -5),
    "branches to both sides": (Shifted, 9, -4),
    "functions": (Functions, 8, -3),
    "subclasses": (lambda: chain(MyConv(1, 2, 5), MyPool(2, stride=2), Conv2D(2, 2, 3)), 10, 0),
    "transposed": (
        lambda: chain(nn.Conv2D(1, 2, 3, 2, padding=1), nn.Conv2DTranspose(2, 1, 2, 2)), 3, -1
    ),
    "transposed, then 3×3": (
        lambda: chain(
            nn.Conv2D(1, 2, 3, 2, padding=1),
            nn.Conv2DTranspose(2, 2, 2, 2),
            nn.Conv2D(2, 1, 3, padding=1),
        ), 5, -3,
    ),
    "up-sampled, then 3×3": (
        lambda: chain(
            nn.Conv2D(1, 2, 3, 2, padding=1),
            nn.Upsample(scale_factor=2),
            nn.Conv2D(2, 1, 3, padding=1),
        ),
        5, -3,
    ),
    "transposed 5×5": (lambda: chain(nn.Conv2DTranspose(1, 1, 5, padding=2)), 5, -2),
    "same": (lambda: nn.Conv2D(1, 1, 5, padding="SAME"), 5, -2),
    "same, max pooling": (lambda: nn.MaxPool2D(5, 1, padding="SAME"), 5, -2),
    "valid": (lambda: nn.Conv2D(1, 1, 5, padding="VALID"), 5, 0),
    "one side": (lambda: nn.Conv2D(1, 1, 5, padding=[1, 3, 1, 3]), 5, -1),
    "pairs": (lambda: nn.Conv2D(1, 1, 5, padding=[[0, 0], [0, 0], [2, 2], [2, 2]]), 5, -2),
    "circular": (lambda: nn.Conv2D(1, 1, 5, padding=2, padding_mode="circular"), 5, -2),
    "reflected": (lambda: nn.Conv2D(1, 1, 5, padding=2, padding_mode="reflect"), 5, -2),
    "padding layer": (lambda: chain(nn.ZeroPad2D(2), nn.Conv2D(1, 1, 5)), 5, -2),
    "dilated": (lambda: nn.Conv2D(1, 1, 3, padding=3, dilation=3), 7, -3),
    "cropped": (lambda: chain(Cropped(), nn.Conv2D(1, 1, 3)), 3, 2),
    "transposed axes": (lambda: Turned(), 3, 0),
    "space to depth": (lambda: chain(nn.PixelUnshuffle(2), nn.Conv2D(4, 1, 3)), 6, 0),
    "NHWC": (lambda: nn.Conv2D(1, 1, (3, 5), data_format="NHWC"), 3, 0),
}  # fmt: skip


def recorded(names):
    """The names, those marked whose operators Paddle 2.6 computes and cannot record."""
    lacking = {"space to depth", "adaptive maximum", "shuffled"}
    mark = needs_paddle(3, 0, "no graph of this operator")
    return [pytest.param(name, marks=mark) if name in lacking else name for name in names]


class Cropped(nn.Layer):
    def forward(self, X):
        return X[:, :, 2:, :]


class Turned(nn.Layer):
    """The rows run along the last axis while the 5×3 kernel passes: its width counts."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(1, 1, (5, 3))

    def forward(self, X):
        return self.conv(X.transpose([0, 1, 3, 2])).transpose([0, 1, 3, 2])


@pytest.mark.parametrize("name", recorded(KNOWN))
def test_the_graph_tells_the_field_worked_out_by_hand(name):
    make, field, start = KNOWN[name]
    size = (1, 32, 32, 1) if name == "NHWC" else (1, 1, 32, 32)
    last = receptive_field(layers_of(make(), size))[-1]
    assert (last.field, last.start) == (field, start)


UNEVEN = {
    "nearest": lambda: nn.Upsample(scale_factor=3),
    "nearest, corners": lambda: nn.Upsample(size=[50, 24], align_corners=True, mode="bilinear"),
    "bilinear": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    "bilinear to a size": lambda: nn.Upsample(size=[36, 24], mode="bilinear"),
    "bilinear, mode 1": lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_mode=1),
    "smaller": lambda: nn.Upsample(size=[10, 24], mode="nearest"),
    "adaptive mean": lambda: nn.AdaptiveAvgPool2D((7, 24)),
    "adaptive maximum": lambda: nn.AdaptiveMaxPool2D((10, 24)),
    "transposed, same": lambda: nn.Conv2DTranspose(1, 1, (5, 1), (2, 1), padding="SAME"),
    "transposed, dilated": lambda: nn.Conv2DTranspose(1, 1, (3, 1), (2, 1), dilation=(2, 1)),
    "transposed, with gaps": lambda: nn.Conv2DTranspose(1, 1, (1, 1), (3, 1)),
    "same, even kernel": lambda: nn.Conv2D(1, 1, (4, 1), (2, 1), padding="SAME"),
    "same, dilated": lambda: nn.Conv2D(1, 1, (3, 1), padding="SAME", dilation=(2, 1)),
    "shuffled": lambda: chain(nn.Conv2D(1, 4, (3, 1)), nn.PixelShuffle(2)),
}


@pytest.mark.parametrize("name", recorded(UNEVEN))
def test_every_row_of_uneven_layers_sees_what_the_gradients_measure(name):
    model, X = chain(UNEVEN[name]()), paddle.zeros([1, 1, 24, 24])
    graph = Graph(model, [X])
    output = graph.trace.calls[-1].output.id
    for row in range(model(X).shape[2]):
        seen = measured_receptive_field(model, (1, 24, 24), position=(row, 5), samples=48)
        rows = np.flatnonzero(seen.any(axis=1))
        first, last = graph.seen(output, row, row)
        first, last = max(first, 0), min(last, 23)
        assert list(rows[[0, -1]] if len(rows) else []) == ([first, last] if first <= last else [])


def test_rows_of_a_table_name_what_ran():
    names = [name for name, *_ in layers_of(Functions(), (1, 1, 32, 32))]
    assert names == ["a", "pool2d", "b"]
    assert [name for name, *_ in layers_of(Inception(), (1, 1, 32, 32))] == ["five"]
    layers = layers_of(Shifted(), (1, 1, 32, 32))
    assert layers[-1] == ("output", 1, 1, 0, 1)  # together the branches see more than either
    assert [layer[0] for layer in layers_of(Skip(), (1, 1, 32, 32))] == ["first", "second", "last"]


def test_one_dimensional_layers_and_global_views():
    line = chain(nn.Conv1D(1, 2, 5), nn.MaxPool1D(2, 2), nn.Conv1D(2, 2, 3))
    reaches = receptive_field(layers_of(line, (1, 1, 32)))
    assert [(r.field, r.jump) for r in reaches] == [(5, 1), (6, 2), (10, 2)]
    assert field_size(measured_receptive_field(line, (1, 32))) == (10,)
    # every row of the pooled map, each of which sees one row more on both sides
    assert receptive_field(layers_of(Gate(), (1, 1, 16, 16)))[-1].field == 16 + 2
    assert field_size(measured_receptive_field(Gate(), (1, 16, 16))) == (16, 16)


def test_what_no_rule_tells_is_said():
    class Rolled(nn.Layer):
        def forward(self, X):
            return paddle.roll(X, 3, axis=2)

    class Numbers(nn.Layer):
        def forward(self, X):
            return paddle.to_tensor(np.fft.fft(X.numpy()).real)

    class Constant(nn.Layer):
        def forward(self, X):
            return paddle.ones([1, 1, 4, 4])

    for model, says in (
        (Rolled(), "the operator roll"),
        (Numbers(), "cannot be traced"),
        (Constant(), "no operator leads from the input"),
    ):
        with pytest.raises(ValueError, match=f"(?s){says}.*measured_receptive_field measures"):
            layers_of(model, (1, 1, 16, 16))
    # an operator without a rule matters only to what comes after it
    model = chain(nn.Conv2D(1, 1, 3), Rolled(), nn.Conv2D(1, 1, 3))
    assert receptive_field(layers_of(model, (1, 1, 16, 16), until="0"))[-1].field == 3
    with pytest.raises(ValueError, match="the operator roll"):
        layers_of(model, (1, 1, 16, 16))
    with pytest.raises(ValueError, match="never runs the layer 'pool'"):
        layers_of(Unused(), (1, 1, 16, 16), until="pool")


class Unused(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv, self.pool = nn.Conv2D(1, 1, 3), nn.MaxPool2D(2)

    def forward(self, X):
        return self.conv(X)


# ------------------------------------------------------------------------------- random networks


class Branches(nn.Layer):
    def __init__(self, branches, join):
        super().__init__()
        self.branches, self.join = nn.LayerList(branches), join
        self.mix = nn.Conv2D(4, 2, 1)  # the graph does not tell channels apart

    def forward(self, X):
        maps = [branch(X) for branch in self.branches]
        rows = min(m.shape[2] for m in maps)
        maps = [m[:, :, :rows] for m in maps]
        return maps[0] + maps[1] if self.join == "add" else self.mix(paddle.concat(maps, 1))


class Call(nn.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, X):
        return self.function(X)


padding_of = st.sampled_from([0, 1, 2, "SAME", "VALID", [2, 0], [0, 1]])


@st.composite
def window(draw, stride=None):
    """A layer along the rows, two channels in and out, all weights positive: nothing cancels."""
    kind = draw(
        st.sampled_from(["conv", "hand", "avg", "max", "up", "transposed", "function", "pad"])
    )
    kernel, stride = draw(st.integers(1, 4)), stride or draw(st.integers(1, 2))
    if kind == "conv":
        padding = draw(padding_of)
        if isinstance(padding, list):
            padding = [*padding, 0, 0]
        elif isinstance(padding, int):
            padding = [padding, 0]
        dilation = draw(st.integers(1, 2))
        return nn.Conv2D(2, 2, (kernel, 1), (stride, 1), padding, dilation=(dilation, 1))
    if kind == "hand":
        return Conv2D(2, 2, (kernel, 1), (stride, 1), (draw(st.integers(0, 2)), 0))
    if kind == "avg":
        return nn.AvgPool2D((kernel, 1), (stride, 1), (kernel // 2, 0))
    if kind == "max":
        return Pool2D((kernel, 1), "max", (stride, 1), (draw(st.integers(0, kernel - 1)), 0))
    if kind == "up":
        mode = draw(st.sampled_from(["nearest", "bilinear"]))
        return nn.Upsample(scale_factor=[stride, 1], mode=mode)
    if kind == "transposed":
        return nn.Conv2DTranspose(2, 2, (kernel + stride - 1, 1), (stride, 1))
    if kind == "pad":
        return nn.Pad2D([0, 0, draw(st.integers(0, 2)), draw(st.integers(0, 2))], "reflect")
    functions = [F.relu, lambda X: F.avg_pool2d(X, (2, 1), (1, 1)), lambda X: X[:, :, 1:] * 2]
    return Call(draw(st.sampled_from(functions)))


@st.composite
def networks(draw):
    layers = []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            layers.append(draw(window()))
        else:
            branches = [draw(window(stride=1)), draw(window(stride=1))]
            layers.append(Branches(branches, draw(st.sampled_from(["add", "concat"]))))
    return chain(*layers)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_the_graph_equals_what_the_gradients_measure(model):
    for parameter in model.parameters():
        parameter.set_value(paddle.uniform(parameter.shape, min=0.5, max=1.0))
    rows = 96
    last = receptive_field(layers_of(model, (1, 2, rows, 1)))[-1]
    outputs = model(paddle.zeros([1, 2, rows, 1])).shape[2]
    uneven = nn.Upsample, nn.Conv2DTranspose
    even = not any(isinstance(layer, uneven) for layer in model.sublayers())
    fields = set()
    for middle in range(outputs // 2, outputs // 2 + 4):
        seen = measured_receptive_field(model, (2, rows, 1), position=(middle, 0), samples=64)
        fields.add(field_size(seen)[0])
        if even:  # every output sees alike
            first = int(np.flatnonzero(seen.any(axis=1))[0])
            assert first == last.start + middle * last.jump
    assert last.field == max(fields)


class Stops(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(3, 4, 3)

    def forward(self, X):
        self.conv(X)
        raise KeyError("stopped")


@pytest.mark.parametrize("model", [LeNet(3), Stops()])
def test_nothing_is_noted_of_a_program_that_was_recorded(model):
    """Paddle notes its values by its address, which a later program may have."""
    before = [dict(noted) for recorder in RECORDERS for noted in vars(recorder).values()]
    try:
        Trace(model, [paddle.zeros([1, 3, 32, 32])])
    except Untraceable as reason:
        assert "stopped" in str(reason)
    after = [dict(noted) for recorder in RECORDERS for noted in vars(recorder).values()]
    assert [set(noted) for noted in after] == [set(noted) for noted in before]


def test_one_dimensional_sizes_with_and_without_the_batch():
    conv = nn.Conv1D(1, 2, 5)
    for size in ((1, 31), (1, 1, 31)):
        assert field_size(measured_receptive_field(conv, size)) == (5,)


class Sequence(nn.Layer):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 16)

    def forward(self, X):
        return self.lstm(X)[0]


def test_operators_with_lists_among_their_results():
    with pytest.raises(ValueError, match="cannot be computed from the layers"):
        layers_of(Sequence(), (1, 5, 8))


def test_many_networks_are_traced_in_one_process():
    code = (
        "import gc\nfrom nndl import flops\nfrom nndl.networks import LeNet, ResNet18\n"
        "from nndl.figures import architecture\n"
        "for _ in range(4):\n"
        "    nets = LeNet(3), ResNet18(3), ResNet18(3, stem='cifar')\n"
        "    totals = [flops(net, (1, 3, 32, 32)).flops for net in nets]\n"
        "    architecture.draw_architecture(nets[1], (1, 3, 32, 32))\n"
        "    gc.collect()\n"
        "print(totals[0])"
    )
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.returncode == 0 and done.stdout.strip() == b"658638", done.stderr.decode()[-500:]
