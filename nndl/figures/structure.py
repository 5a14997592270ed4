"""Read a model into the steps, residual units and modules that a diagram shows."""

from dataclasses import dataclass, field

import paddle.nn as nn

from ..analysis.trace import Trace, Untraceable, residual_units
from ..layers.convolution import Conv2D
from ..layers.pooling import Pool2D

_CONVOLUTIONS = (
    *(Conv2D, nn.Conv1D, nn.Conv2D, nn.Conv3D),
    *(nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose),
)
_MAXIMA = (nn.MaxPool1D, nn.MaxPool2D, nn.MaxPool3D)
_MEANS = (nn.AvgPool1D, nn.AvgPool2D, nn.AvgPool3D)
_WHOLE_MAXIMA = (nn.AdaptiveMaxPool1D, nn.AdaptiveMaxPool2D, nn.AdaptiveMaxPool3D)
_WHOLE_MEANS = (nn.AdaptiveAvgPool1D, nn.AdaptiveAvgPool2D, nn.AdaptiveAvgPool3D)
_POOLINGS = (Pool2D, *_MAXIMA, *_MEANS, *_WHOLE_MAXIMA, *_WHOLE_MEANS)
#: layers that are a word below the box before them
_SMALL = (
    ((nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.BatchNorm, nn.SyncBatchNorm), "BN"),
    ((nn.ReLU,), "ReLU"),
    ((nn.Flatten, nn.Identity), ""),
    ((nn.Dropout, nn.Dropout2D), "dropout"),
)


@dataclass
class Step:
    """One layer of a diagram: what stands in its box, and what comes out."""

    name: str
    kind: str  # 'conv', 'pool', 'linear', 'other', or 'small' for a word below a box
    text: str
    shape: list
    extras: list = field(default_factory=list)


@dataclass
class Unit:
    """Steps side by side with a shortcut over them; `shortcut` is None for the identity."""

    name: str
    steps: list
    shortcut: Step | None


def _times(value):
    return "×".join(map(str, value if isinstance(value, (list, tuple)) else (value, value)))


def _stride(layer):
    """Along the rows: pooling of Paddle that names none takes its window's size."""
    if isinstance(layer, nn.Layer) and isinstance(layer, (*_MAXIMA, *_MEANS)):
        stride = layer.ksize if layer.stride is None else layer.stride
    elif isinstance(layer, (Conv2D, Pool2D)):
        stride = layer.stride
    else:
        stride = layer._stride if isinstance(layer, _CONVOLUTIONS) else 1
    return stride[0] if isinstance(stride, (list, tuple)) else stride


def make_step(layer, name, shape):
    """'5×5, 16' for a convolution, 'max 2×2' for a pooling; else the class's name."""
    extras = [f"/{_stride(layer)}"] if _stride(layer) != 1 else []
    if isinstance(layer, _CONVOLUTIONS):
        kernel, channels = layer.weight.shape[2:], shape[-1 if _channels_last(layer) else 0]
        return Step(name, "conv", f"{_times(kernel)}, {channels}", shape, extras)
    if isinstance(layer, _POOLINGS):
        if isinstance(layer, Pool2D):
            text = f"{layer.mode} {_times(layer.size)}"
        else:
            mode = "max" if isinstance(layer, (*_MAXIMA, *_WHOLE_MAXIMA)) else "avg"
            whole = isinstance(layer, (*_WHOLE_MAXIMA, *_WHOLE_MEANS))
            text = f"global {mode}" if whole else f"{mode} {_times(layer.ksize)}"
        return Step(name, "pool", text, shape, extras)
    if isinstance(layer, nn.Linear):
        return Step(name, "linear", f"linear {layer.weight.shape[1]}", shape)
    for kinds, text in _SMALL:
        if isinstance(layer, kinds):
            return Step(name, "small", text, shape)
    return Step(name, "other", type(layer).__name__, shape)


def _channels_last(layer):
    return str(getattr(layer, "_data_format", "NCHW")).endswith("C")


def add_step(found, step):
    """Append a step; activations and batch norm are written below the box before them."""
    if isinstance(step, Step) and step.kind == "small":
        if found and isinstance(found[-1], Step):
            found[-1].extras += [step.text] if step.text else []
            found[-1].shape = step.shape
            return
        step.text = step.text or step.name.rsplit(".", 1)[-1]
    found.append(step)


def _in_row(layers, shapes):
    """The steps of (name, layer) one after the other."""
    found = []
    for name, layer in layers:
        if id(layer) in shapes:
            add_step(found, make_step(layer, name, shapes[id(layer)]))
    return found


def modules(model, shapes, inputs):
    """(names, steps, leaf) for each direct child; leaves that follow one another share a row.

    Parameters
    ----------
    model : paddle.nn.Layer
    shapes : dict of int to list of int
        `run_shapes`.
    inputs : list of Tensor
        To trace where branches are added; a model that cannot be traced has no residual units.
    """
    try:
        units = residual_units(Trace(model, inputs))
    except Untraceable:
        units = {}
    layers = dict(model.named_sublayers())

    def steps_of(name, layer):
        if id(layer) not in shapes:
            return []
        if name in units:
            steps, beside = (
                _in_row([(n, layers[n]) for n in part], shapes) for part in units[name]
            )
            for more in beside[1:]:
                beside[0].extras.append(more.text)
            return [Unit(name, steps, beside[0] if beside else None)]
        children = [(f"{name}.{child}", part) for child, part in layer.named_children()]
        if not children:
            return _in_row([(name, layer)], shapes)
        found = []
        for child, part in children:
            for step in steps_of(child, part):
                add_step(found, step)
        return found

    rows = []
    for name, layer in model.named_children():
        steps, leaf = steps_of(name, layer), not list(layer.children())
        if leaf and rows and rows[-1][2]:
            for step in steps:
                add_step(rows[-1][1], step)
            rows[-1][0].append(name)
        elif steps:
            rows.append(([name], list(steps), leaf))
    return rows
