"""Receptive field: computed layer by layer, and measured from the gradient."""

from dataclasses import dataclass

import numpy as np

from ..probe import find_layer, watching


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


#: names of layers that stand beside the main path
_SHORTCUTS = ("shortcut", "downsample")


def layers_of(model, input_size, until=None):
    """The convolutions and poolings of a model's main path, in the order in which they run.

    Parameters
    ----------
    model : paddle.nn.Layer
    input_size : sequence of int
        (N, C, M, N').
    until : str, optional
        Name of the layer to stop after.

    Returns
    -------
    list of (name, kernel, stride, padding, dilation)
        Along the rows; layers named 'shortcut' or 'downsample' are left out, since the field
        of the main path includes theirs.

    Raises
    ------
    ValueError
        The layer to stop after does not exist.
    """
    import paddle

    from ..probe import untouched

    calls, handles = [], []
    if until is not None:
        find_layer(model, until)
    with untouched(model), paddle.no_grad():
        for name, layer in model.named_sublayers():

            def record(layer, inputs, output, name=name):
                calls.append((name, *_geometry(layer, inputs[0], output)))

            if _geometry(layer) is not None:
                handles.append(layer.register_forward_post_hook(record))
            elif name == until:
                handles.append(layer.register_forward_post_hook(lambda *_, n=name: calls.append(n)))
        try:
            model(paddle.zeros(list(input_size)))
        finally:
            for handle in handles:
                handle.remove()
    main = [c for c in calls if not any(part in _SHORTCUTS for part in c[0].split("."))]
    if until is not None:
        last = max((k for k, c in enumerate(main) if until in (c, c[0])), default=-1)
        main = main[: last + 1]
    return [call for call in main if not isinstance(call, str)]


def _geometry(layer, X=None, Y=None):
    """(kernel, stride, padding, dilation) along the rows, None for any other kind of layer."""
    kind = type(layer).__name__
    if kind == "Conv2D" and hasattr(layer, "_kernel_size"):
        padding = layer._updated_padding
        parts = layer._kernel_size, layer._stride, padding, layer._dilation
    elif kind == "Conv2D":
        parts = layer.kernel_size, layer.stride, layer.padding, layer.dilation
    elif kind == "Pool2D":
        parts = layer.size, layer.stride, layer.padding, 1
    elif kind in ("MaxPool2D", "AvgPool2D"):
        stride = layer.ksize if layer.stride is None else layer.stride
        parts = layer.ksize, stride, layer.padding, 1
    elif kind in ("AdaptiveAvgPool2D", "AdaptiveMaxPool2D"):
        rows = 1 if X is None else X.shape[2]
        parts = rows if X is None else -(-rows // Y.shape[2]), 1, 0, 1
    else:
        return None
    return tuple(int(part[0] if isinstance(part, (list, tuple)) else part) for part in parts)


def measured_receptive_field(model, input_size, layer=None, position=None, samples=8, seed=0):
    """How strongly each input pixel moves one output pixel, from the gradient.

    Parameters
    ----------
    model : paddle.nn.Layer
    input_size : sequence of int
        (1, C, M, N') or (C, M, N').
    layer : str, optional
        Whose output to look at; the model's own by default.
    position : (int, int), optional
        Row and column of the output pixel; the middle by default.
    samples : int
        Random inputs: ReLU and max pooling hide pixels for a single one.
    seed : int

    Returns
    -------
    array [M, N'] float64
        Mean |∂(sum of the output channels) / ∂ input|, channels added; where it is 0 the output
        does not see the pixel.
    """
    import paddle

    generator = np.random.default_rng(seed)
    shape = [samples, *list(input_size)[-3:]]
    X = paddle.to_tensor(generator.standard_normal(shape).astype(np.float32))
    X.stop_gradient = False
    with watching(model, layer or model) as caught:
        model(X)
        maps = caught[-1]
        if len(maps.shape) != 4:
            raise ValueError(
                f"expected a layer with maps [N, P, M', N'], got {maps.shape}: name a convolution "
                "or pooling with layer='...'"
            )
        row, column = position or (maps.shape[2] // 2, maps.shape[3] // 2)
        # Random signs: summed channels of opposite weights would cancel.
        signs = generator.choice([-1.0, 1.0], (samples, maps.shape[1])).astype(np.float32)
        (maps[:, :, row, column] * paddle.to_tensor(signs)).sum().backward()
    return np.abs(X.grad.numpy()).sum(axis=1).mean(axis=0, dtype=float)


def field_size(measured, floor=0.0):
    """Rows and columns of the box around all pixels that the output sees.

    Parameters
    ----------
    measured : array [M, N']
    floor : float
        Share of the maximum up to which a pixel counts as unseen.

    Returns
    -------
    (int, int)
    """
    seen = measured > floor * measured.max()
    sizes = []
    for axis in (1, 0):
        places = np.flatnonzero(seen.any(axis=axis))
        sizes.append(int(places[-1] - places[0] + 1) if len(places) else 0)
    return tuple(sizes)
