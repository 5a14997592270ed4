"""Receptive field: computed layer by layer, and measured from the gradient."""

from dataclasses import dataclass

import numpy as np
import paddle

from ..probe import find_layer, make_inputs, running, untouched, watching
from .graph import Graph
from .trace import Untraceable


@dataclass
class Reach:
    """What one output of a layer sees of the model's input, along one axis."""

    name: str
    kernel: int
    stride: int
    dilation: int
    padding: int
    field: int  # input pixels that one output sees
    jump: int  # input pixels between the fields of two neighbouring outputs
    start: float  # left edge of the first output's field; negative in the padding


def receptive_field(layers):
    """The receptive field after each layer, by recursion.

    r ← r + E·(U − 1)·j and j ← j·S, starting from r = j = 1, with kernel U, stride S and
    dilation E.

    Parameters
    ----------
    layers : sequence of int, of dict, or of (name, kernel, stride, padding, dilation)
        A number is a kernel with stride 1; a dict has `kernel` and may have `name`, `stride`,
        `padding`, `dilation`. `layers_of(model, input_size)` lists a model's.

    Returns
    -------
    list of Reach

    Examples
    --------
    >>> from nndl.analysis import receptive_field
    >>> [reach.field for reach in receptive_field([3, 3])]
    [3, 5]

    References
    ----------
    Araujo, Norris, Sim, *Computing receptive fields of convolutional neural networks*, 2019.
    """
    if isinstance(layers, Layers) and len(layers.reaches) == len(layers):
        return list(layers.reaches)
    reaches, field, jump, start = [], 1, 1, 0
    for number, layer in enumerate(layers, 1):
        name, kernel, stride, padding, dilation = _layer(layer, number)
        field += dilation * (kernel - 1) * jump
        start -= padding * jump
        jump *= stride
        reaches.append(Reach(name, kernel, stride, dilation, padding, field, jump, start))
    if not reaches:
        raise ValueError("expected at least one layer, got none: pass kernel sizes such as [3, 3]")
    return reaches


def _layer(layer, number):
    if isinstance(layer, (int, np.integer)):
        layer = {"kernel": int(layer)}
    if isinstance(layer, dict):
        layer = {"name": f"layer {number}", "stride": 1, "padding": 0, "dilation": 1, **layer}
        keys = ("name", "kernel", "stride", "padding", "dilation")
        if set(layer) != set(keys):
            raise ValueError(f"a layer has the keys {', '.join(keys)}; got {', '.join(layer)}")
        layer = tuple(layer[key] for key in keys)
    name, *sizes = layer
    for part, size, least in zip(
        ("kernel", "stride", "padding", "dilation"), sizes, (1, 1, 0, 1), strict=True
    ):
        if not isinstance(size, (int, np.integer)) or size < least:
            raise ValueError(f"{part} of {name} must be an integer of at least {least}: {size!r}")
    return (name, *sizes)


class Layers(list):
    """What `layers_of` lists, with what the graph says that each of them sees (`reaches`)."""

    reaches = ()


def layers_of(model, input_size, until=None):
    """The convolutions and poolings of a model's main path, in the order in which they run.

    They are read from the graph of operators that the model runs, so that functions called in a
    forward method, subclasses and branches count. Where branches meet, the main path is the one
    that sees most; where together they see more, a last row says so.

    Parameters
    ----------
    model : paddle.nn.Layer
    input_size : sequence of int
        (N, C, M, N') or (C, M, N'); (N, C, M) for one-dimensional layers.
    until : str, optional
        Name of the layer to stop after; the model's (first) output by default.

    Returns
    -------
    list of (name, kernel, stride, padding, dilation)
        Along the rows; padding before the first. A transposed convolution of stride S has stride
        1/S and, as kernel, the inputs that one of its outputs sees at most. `receptive_field` of
        the whole list gives what the graph says, also where the recursion alone would not do.

    Raises
    ------
    ValueError
        The model does not run on such inputs; the layer to stop after does not exist or does not
        run; or the model has an operator whose reach no rule knows: `measured_receptive_field`
        then measures it.
    """
    if until is not None:
        find_layer(model, until)
    inputs = make_inputs(model, input_size, owner="layers_of")
    with running(model, inputs), untouched(model):
        model(*inputs)  # a graph is recorded of some models that would refuse these numbers
    try:
        graph = Graph(model, inputs)
        outputs = [call.output for call in graph.trace.calls if call.name == (until or "")]
        if not outputs or outputs[-1] is None:
            raise ValueError(f"the model's forward pass never runs the layer {until!r}")
        return _main_path(graph, outputs[-1])
    except Untraceable as reason:
        raise ValueError(
            f"the receptive field cannot be computed from the layers: {reason}; "
            "measured_receptive_field measures it from gradients"
        ) from reason


def _main_path(graph, output):
    windows = graph.path(output.id)
    layers = Layers(window[1:] for window in windows)
    reaches = [graph.reach(window[0]) for window in windows]
    last = graph.reach(output.id)
    if not reaches or last[::2] != reaches[-1][::2]:
        layers.append(("output", 1, 1, 0, 1))
        reaches.append(last)
    jump = 1
    layers.reaches = []
    for row, (field, step, start) in zip(layers, reaches, strict=True):
        name, kernel, stride, padding, dilation = row
        jump = step or jump  # a single output has no neighbour
        layers.reaches.append(Reach(name, kernel, stride, dilation, padding, field, jump, start))
    return layers


def measured_receptive_field(model, input_size, layer=None, position=None, samples=None, seed=0):
    """How strongly each input pixel moves one output pixel, from the gradient.

    Parameters
    ----------
    model : paddle.nn.Layer
    input_size : sequence of int
        (1, C, M, N') or (C, M, N'); (1, C, M) or (C, M) for one-dimensional layers.
    layer : str, optional
        Whose output to look at; the model's own by default.
    position : (int, int), optional
        Row and column of the output pixel; the middle by default.
    samples : int, optional
        Random inputs: ReLU and max pooling hide pixels for a single one. By default as many as it
        takes until 40 further ones show no new row or column.
    seed : int

    Returns
    -------
    array [M, N] float64
        Mean |∂(sum of the output channels) / ∂ input|, channels added; where it is 0 the output
        does not see the pixel.
    """
    generator = np.random.default_rng(seed)
    size = list(input_size)[-2 if _one_dimensional(model) else -3 :]
    total, count, box, rounds = 0.0, 0, None, 0
    while rounds < (1 if samples else 5) and count < 2000:
        count += samples or 8
        total = total + _gradient_sizes(model, [samples or 8, *size], layer, position, generator)
        seen = total > 0
        new = [seen.any(axis=tuple(set(range(seen.ndim)) - {k})).tolist() for k in range(seen.ndim)]
        box, rounds = new, rounds + 1 if new == box or samples else 0
    return total / count


def _one_dimensional(model):
    """Whether the windows of a model slide along one axis."""
    ranks = [len(parameter.shape) for parameter in model.parameters()]
    return 3 in ranks and 4 not in ranks


def _gradient_sizes(model, shape, layer, position, generator):
    """|∂(sum of the output channels) / ∂ input|, added over inputs of that shape and channels."""
    X = paddle.to_tensor(generator.standard_normal(shape).astype(np.float32))
    X.stop_gradient = False
    with watching(model, layer or model) as caught, paddle.enable_grad():
        model(X)
        maps = caught.maps(len(shape))
        position = position or [size // 2 for size in maps.shape[2:]]
        place = (slice(None), slice(None), *np.atleast_1d(position).tolist())
        # Random signs: summed channels of opposite weights would cancel.
        signs = generator.choice([-1.0, 1.0], maps.shape[:2]).astype(np.float32)
        (maps[place] * paddle.to_tensor(signs)).sum().backward()
    if X.grad is None:  # nothing of the input reaches this output
        return np.zeros(shape[2:])
    return np.abs(X.grad.numpy()).sum(axis=(0, 1), dtype=float)


def field_size(measured, floor=0.0):
    """Rows and columns of the box around all pixels that the output sees.

    Parameters
    ----------
    measured : array [M, N] or [M]
    floor : float
        Share of the maximum up to which a pixel counts as unseen.

    Returns
    -------
    (int, int) or (int,)
    """
    places = np.nonzero(measured > floor * measured.max())
    return tuple(int(at.max() - at.min() + 1) if len(at) else 0 for at in places)
