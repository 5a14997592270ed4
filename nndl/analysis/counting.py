"""Count the multiply-adds of each layer: by the chapter's formulas, and by `paddle.flops`."""

import contextlib
import io
import math
import warnings
from dataclasses import dataclass, field

import paddle
import paddle.nn as nn

from ..layers.convolution import Conv2D
from ..layers.pooling import Pool2D
from ..probe import first_tensor, own_buffers, untouched


@dataclass
class Count:
    """Multiply-adds of one call of a layer.

    `formula` is the chapter's count and `working` shows how it comes about;
    `paddle` is what `paddle.flops` documents for that type of layer.
    """

    formula: int
    paddle: int
    working: str = ""


@dataclass
class Call:
    """What was seen of one layer, over all its calls."""

    name: str
    layer: nn.Layer
    calls: int = 0
    output_shape: list = None
    counts: list = field(default_factory=list)


# ------------------------------------------------------------------ one rule per type of layer


def _numel(tensor):
    return math.prod(tensor.shape)


def _product(*factors):
    """`28·28·6` without a leading batch of one."""
    return "·".join(str(f) for f in factors)


def _map(output, channels, channel_axis=1):
    """[B, P, M′, N′] → the factors M′, N′, P, with B in front where it is not 1."""
    shape = list(output.shape)
    batch = [shape[0]] if shape[0] != 1 else []
    return [*batch, *(s for i, s in enumerate(shape) if i not in (0, channel_axis)), channels]


def _conv(layer, x, y):
    weight = list(layer.weight.shape)  # [P, D / groups, U, V]
    last = str(getattr(layer, "_data_format", "NCHW")).endswith("C")
    axis = len(y.shape) - 1 if last else 1
    factors = _map(y, weight[0], axis)
    formula = _numel(y) * math.prod(weight[1:])
    working = _product(*factors, *weight[1:])
    groups = getattr(layer, "groups", None) or layer._groups
    has_bias = layer.bias is not None
    # Paddle reads the number of channels from axis 1 whatever the data format.
    theirs = int(_numel(y) * (x.shape[1] / groups * math.prod(weight[2:]) + has_bias))
    if has_bias:
        formula += _numel(y)
        working += f" + {_product(*factors)}"
    return Count(formula, theirs, working)


def _conv_transpose(layer, x, y):
    weight = list(layer.weight.shape)  # [D, P / groups, U, V]
    formula = _numel(x) * math.prod(weight[1:])
    working = _product(*_map(x, weight[0]), *weight[1:])
    has_bias = layer.bias is not None
    # Paddle counts as if every output saw a whole kernel, which strides above 1 do not give.
    theirs = int(_numel(y) * (x.shape[1] / layer._groups * math.prod(weight[2:]) + has_bias))
    if has_bias:
        formula += _numel(y)
        working += f" + {_product(*_map(y, y.shape[1]))}"
    return Count(formula, theirs, working)


def _linear(layer, x, y):
    inputs, outputs = layer.weight.shape
    rows = [n] if (n := _numel(y) // outputs) != 1 else []
    product = _numel(y) * inputs
    working = _product(*rows, inputs, outputs)
    if layer.bias is None:
        return Count(product, product, working)
    return Count(product + _numel(y), product, f"{working} + {_product(*rows, outputs)}")


def _batch_norm(layer, x, y):
    return Count(2 * _numel(x), 2 * _numel(x), _product(2, *_map(x, x.shape[1])))


def _avg_pool(layer, x, y):
    return Count(_numel(y), _numel(y), _product(*_map(y, y.shape[1])))


def _adaptive_avg_pool(layer, x, y):
    window = math.prod(a // b for a, b in zip(x.shape[2:], y.shape[2:], strict=True))
    return Count(_numel(y), _numel(y) * (window + 1), _product(*_map(y, y.shape[1])))


def _pool2d(layer, x, y):
    return _avg_pool(layer, x, y) if layer.mode == "avg" else _zero(layer, x, y)


def _recurrent(layer, x, y):
    """Every weight and bias once a step; the gates' products of states are left out."""
    steps = _numel(x) // x.shape[-1]
    sizes = [_numel(p) for p in layer.parameters()]
    return Count(steps * sum(sizes), 0, f"{steps}·({' + '.join(map(str, sizes))})")


def _leaky_relu(layer, x, y):
    return Count(_numel(x), _numel(x), _product(*x.shape))


def _zero(layer, x, y):
    return Count(0, 0)


#: type of layer → rule; a subclass counts as its base class
RULES = {
    Conv2D: _conv,
    Pool2D: _pool2d,
    **dict.fromkeys((nn.Conv1D, nn.Conv2D, nn.Conv3D), _conv),
    **dict.fromkeys((nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose), _conv_transpose),
    nn.Linear: _linear,
    **dict.fromkeys((nn.BatchNorm, nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D), _batch_norm),
    **dict.fromkeys((nn.AvgPool1D, nn.AvgPool2D, nn.AvgPool3D), _avg_pool),
    **dict.fromkeys(
        (nn.AdaptiveAvgPool1D, nn.AdaptiveAvgPool2D, nn.AdaptiveAvgPool3D), _adaptive_avg_pool
    ),
    **dict.fromkeys((nn.SimpleRNN, nn.LSTM, nn.GRU), _recurrent),
    **dict.fromkeys((nn.SimpleRNNCell, nn.LSTMCell, nn.GRUCell), _recurrent),
    nn.LeakyReLU: _leaky_relu,
    # comparisons, copies and look-ups: no multiply-adds
    **dict.fromkeys((nn.MaxPool1D, nn.MaxPool2D, nn.MaxPool3D, nn.Flatten, nn.Identity), _zero),
    **dict.fromkeys((nn.AdaptiveMaxPool1D, nn.AdaptiveMaxPool2D, nn.AdaptiveMaxPool3D), _zero),
    **dict.fromkeys((nn.ReLU, nn.ReLU6, nn.Dropout, nn.Dropout2D, nn.Dropout3D), _zero),
    **dict.fromkeys((nn.Pad1D, nn.Pad2D, nn.Pad3D, nn.ZeroPad2D, nn.PixelShuffle), _zero),
    nn.Embedding: _zero,
}

#: the types that `paddle.flops` (3.0 to 3.3) counts by itself; every other one it takes as 0
PADDLE_COUNTS = {
    *(nn.Conv1D, nn.Conv2D, nn.Conv3D),
    *(nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose),
    *(nn.BatchNorm, nn.BatchNorm2D, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Linear, nn.Dropout),
    *(nn.AvgPool1D, nn.AvgPool2D, nn.AvgPool3D),
    *(nn.AdaptiveAvgPool1D, nn.AdaptiveAvgPool2D, nn.AdaptiveAvgPool3D),
}


def rule_for(layer, formulas=None):
    """The rule that counts a layer, or None; `formulas` (type → function) come first."""
    for base in type(layer).__mro__:
        if formulas and base in formulas:
            return lambda layer, x, y, own=formulas[base]: _own_count(own(layer, x, y), base)
        if base in RULES:
            return RULES[base]
    return None


def _own_count(value, base):
    if isinstance(value, bool) or not hasattr(value, "__int__") or value < 0:
        raise TypeError(
            f"formulas[{base.__name__}] must return the number of multiply-adds, got {value!r}"
        )
    return Count(int(value), int(value))


# ----------------------------------------------------------------------------- one forward pass


def units(model, formulas=None):
    """The layers that stand for a row, by name: leaves, and what one rule counts as a whole."""
    found, inside = {}, []
    for name, layer in model.named_sublayers(include_self=True):
        if any(name.startswith(prefix) for prefix in inside):
            continue
        whole = rule_for(layer, formulas) is not None
        if whole or not list(layer.children()):
            found[name] = layer
            inside.append(name + "." if name else "")
        elif own_buffers(layer) or any(p is not None for p in layer._parameters.values()):
            found[name] = layer  # a container with weights or buffers of its own
    return found


def measure(model, inputs, formulas=None):
    """Run the model once and note every layer's calls, output shape and counts.

    Parameters
    ----------
    model : paddle.nn.Layer
    inputs : list of Tensor
    formulas : dict, optional
        Type of layer → function (layer, input, output) → multiply-adds.

    Returns
    -------
    list of Call
        In the order of the model's `named_sublayers`.
    """
    calls = {name: Call(name, layer) for name, layer in units(model, formulas).items()}

    def note(call, forward):
        rule = rule_for(call.layer, formulas)

        def noted(*args, **kwargs):  # a hook would not see arguments given by name
            output = forward(*args, **kwargs)
            first = first_tensor(output)
            call.calls += 1
            call.output_shape = None if first is None else list(first.shape)
            if rule is not None:
                call.counts.append(rule(call.layer, first_tensor((*args, kwargs)), first))
            return output

        return noted

    with untouched(model):
        for call in calls.values():
            vars(call.layer)["forward"] = note(call, call.layer.forward)
        model(*inputs)
    return list(calls.values())


class _Runner(nn.Layer):
    """Gives Paddle's functions a container that runs `model` on any inputs.

    `paddle.flops` leaves a bare layer out, makes one float input only, and sets
    `forward` on what it is given: with a container none of that reaches the model.
    """

    def __init__(self, model, inputs, after=None):
        super().__init__()
        self.model = model
        self._run = lambda: model(*inputs)
        self._after = after

    def forward(self, unused):
        result = self._run()
        if self._after is not None:
            self._after()
        return result


@contextlib.contextmanager
def _quiet():
    """Paddle prints its own tables, and warns about how it converts arrays to integers."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Conversion of an array", DeprecationWarning)
        yield


def paddle_flops(model, inputs, formulas=None):
    """Ask `paddle.flops`, with the rules of this module for the types that it does not know.

    Returns
    -------
    total : int
    by_layer : dict of int to int
        `id(layer)` → multiply-adds.

    Raises
    ------
    Exception
        Whatever `paddle.flops` raises, such as its TypeError with NumPy 2.4.
    """

    def adder(rule):
        def add(layer, x, y):
            layer.total_ops += rule(layer, first_tensor(x), first_tensor(y)).paddle

        return add

    custom = {}
    for layer in model.sublayers(include_self=True):
        rule = rule_for(layer, formulas)
        if rule not in (None, _zero, _recurrent) and type(layer) not in PADDLE_COUNTS:
            custom[type(layer)] = adder(rule)

    by_layer = {}

    def collect():
        for layer in model.sublayers(include_self=True):
            if "total_ops" in layer._buffers:
                by_layer[id(layer)] = int(layer._buffers["total_ops"].item())

    runner = _Runner(model, inputs, after=collect)
    with untouched(model), _quiet():
        total = paddle.flops(runner, [1], custom_ops=custom)
    return int(total), by_layer


def paddle_parameters(model, inputs):
    """The (total, trainable) parameters that `paddle.summary` reports."""
    runner = _Runner(model, inputs)
    with untouched(model), _quiet():
        info = paddle.summary(runner, (1,))
    return int(info["total_params"]), int(info["trainable_params"])
