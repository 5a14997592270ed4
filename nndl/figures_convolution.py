"""Figures of one convolution: connections, flip, padding, stride, channels, edges, pooling."""

import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle

from . import style
from .style import (
    HIGHLIGHT,
    INPUT,
    KERNEL,
    OUTPUT,
    cells,
    draws,
    grid_axes,
    label,
    new_figure,
    tint,
)


def cross_correlate(X, W, stride=1, padding=0, dilation=1):
    """Cross-correlation of small matrices, for drawings.

    Parameters
    ----------
    X : array [M, N]
    W : array [U, V]
    stride, padding, dilation : int

    Returns
    -------
    windows : array [M', N', U, V]
        What the kernel sees at each position.
    Y : array [M', N']
    """
    X, W = np.asarray(X), np.asarray(W)
    U, V = (dilation * (size - 1) + 1 for size in W.shape)
    padded = np.pad(X, padding)
    if padded.shape[0] < U or padded.shape[1] < V:
        raise ValueError(
            f"the kernel covers {U}×{V} cells, the input with its padding has only "
            f"{padded.shape[0]}×{padded.shape[1]}: use a smaller kernel or more padding"
        )
    windows = np.lib.stride_tricks.sliding_window_view(padded, (U, V))
    windows = windows[::stride, ::stride, ::dilation, ::dilation]
    return windows, (windows * W).sum(axis=(2, 3))


def _lines(axes, starts, ends, color, width=0.7):
    for (x0, y0), (x1, y1) in zip(starts, ends, strict=True):
        axes.plot([x0, x1], [y0, y1], color=color, linewidth=width, zorder=1)


@draws
def connections(inputs=9, kernel=3):
    """Neurons in a line: fully connected beside locally connected with shared weights.

    Parameters
    ----------
    inputs : int
        Number of inputs.
    kernel : int
        Inputs that one output of the convolution sees.

    Returns
    -------
    Figure

    Notes
    -----
    On the right every output has `kernel` edges only, and edges of one colour are one and the
    same weight.
    """
    outputs = inputs - kernel + 1
    figure, axes = new_figure(1, 2, size=(9, 2.9))
    shift = (inputs - outputs) / 2
    dots = [(j, 1.0) for j in range(inputs)], [(i + shift, 0.0) for i in range(outputs)]
    for i, end in enumerate(dots[1]):
        _lines(axes[0], dots[0], [end] * inputs, style.GRAY, 0.6)
        for u in range(kernel):
            _lines(axes[1], [dots[0][i + u]], [end], style.CYCLE[u % len(style.CYCLE)], 2)
    for side in axes:
        for points, color, name in zip(dots, (INPUT, OUTPUT), ("input", "output"), strict=True):
            x, y = np.transpose(points)
            side.scatter(x, y, s=130, color=tint(color, 0.35), edgecolor=color, zorder=3)
            side.text(-0.9, y[0], name, ha="right", va="center", color=color)
        side.set(xlim=(-2.6, inputs - 0.4), ylim=(-0.3, 1.3))
        side.set_axis_off()
    axes[0].set_title(f"fully connected: {inputs}·{outputs} = {inputs * outputs} weights")
    axes[1].set_title(f"convolution: {kernel} weights, one colour each")
    return figure


@draws
def connections_2d(input_size=(32, 32), output_size=(30, 30), kernel=(3, 3), drawn=7):
    """What one output neuron sees in an image: everything, or a small window.

    Parameters
    ----------
    input_size, output_size, kernel : (int, int)
        For the counts in the titles.
    drawn : int
        Rows and columns of the sketch.

    Returns
    -------
    Figure

    Notes
    -----
    The fully connected neuron has a weight of its own for every pixel, and every neuron its own
    set; the convolution uses one window of weights for all positions.
    """
    (M, N), (rows, columns), (U, V) = input_size, output_size, kernel
    figure, axes = new_figure(1, 2, size=(9, 3.4))
    out, gap = drawn - U + 1, 3
    row, column = out // 2, out // 2
    for side, local in zip(axes, (False, True), strict=True):
        seen = np.zeros((drawn, drawn), dtype=bool)
        seen[row : row + U, column : column + V] = True
        seen |= not local
        colors = np.where(seen, tint(INPUT, 0.55), tint(INPUT, 0.08)).tolist()
        cells(side, seen, colors, text=None)
        fills = np.full((out, out), tint(OUTPUT, 0.08), dtype=object)
        fills[row, column] = OUTPUT
        top = (drawn - out) / 2
        cells(side, np.zeros((out, out)), fills.tolist(), text=None, origin=(drawn + gap, top))
        target = (drawn + gap + column, top + row + 0.5)
        starts = [(j + 0.5, i + 0.5) for i, j in np.argwhere(seen)]
        _lines(side, starts, [target] * len(starts), KERNEL, 0.9)
        for line in side.lines:
            line.set_zorder(3)
        grid_axes(side, drawn + gap + out, drawn)
        side.text(drawn / 2, drawn + 0.35, "input", ha="center", va="top", color=INPUT)
        side.text(
            drawn + gap + out / 2, drawn + 0.35, "output", ha="center", va="top", color=OUTPUT
        )
        side.set_ylim(drawn + 1.2, -0.15)
    axes[0].set_title(
        f"fully connected, {M}×{N} → {rows}×{columns}\n"
        f"{rows}·{columns}·{M}·{N} = {rows * columns * M * N:,} weights"
    )
    axes[1].set_title(
        f"convolution with a {U}×{V} kernel, {M}×{N} → {rows}×{columns}\n{U}·{V} = {U * V} weights"
    )
    return figure


def _equation(axes, parts, fontsize=12):
    """Matrices in a row with signs between them: parts are (values, colour, caption) or signs."""
    x, tallest = 0.0, max(len(part[0]) for part in parts if not isinstance(part, str))
    for part in parts:
        if isinstance(part, str):
            axes.text(x + 0.6, tallest / 2, part, ha="center", va="center", fontsize=18)
            x += 1.2
            continue
        values, color, caption = part
        values = np.asarray(values)
        top = (tallest - len(values)) / 2
        cells(axes, values, color, origin=(x, top), fontsize=fontsize)
        axes.text(
            *(x + values.shape[1] / 2, top + len(values) + 0.25, caption),
            ha="center",
            va="top",
            fontsize=11,
        )
        x += values.shape[1]
    grid_axes(axes, x, tallest + 0.9)


@draws
def flip(X=None, W=((1, 2), (3, 4))):
    """Cross-correlation beside convolution: the same, but for turning the kernel by 180°.

    Parameters
    ----------
    X : array [M, N], optional
        Input; a single 1 in the middle of zeros by default.
    W : array [U, V]
        Kernel.

    Returns
    -------
    Figure

    Notes
    -----
    A single 1 comes out of a convolution as the kernel itself, out of a cross-correlation as the
    kernel turned by 180°. Learned kernels don't care which of the two is meant.
    """
    W = np.asarray(W)
    if X is None:
        X = np.zeros((3, 3), dtype=int)
        X[1, 1] = 1
    X, turned = np.asarray(X), W[::-1, ::-1]
    figure, axes = new_figure(2, 1, size=(7.5, 5.4))
    for side, kernel, name in zip(axes, (W, turned), ("kernel W", "rot180(W)"), strict=True):
        Y = cross_correlate(X, kernel)[1]
        weights = (kernel, tint(KERNEL, 0.45), name)
        parts = (
            (X, _one_tint(X), "input X"),
            "⊗",
            weights,
            "=",
            (Y, tint(OUTPUT, 0.35), "output Y"),
        )
        _equation(side, parts)
    axes[0].set_title("cross-correlation  Y = W ⊗ X  (what deep learning calls convolution)")
    axes[1].set_title("convolution  Y = W ∗ X  =  rot180(W) ⊗ X")
    return figure


def _one_tint(X):
    return [[tint(INPUT, 0.4 if value else 0.08) for value in row] for row in X]


@draws
def worked_example(X, W, row=0, column=0, stride=1, padding=0):
    """One output value of a convolution worked out: window, products, sum.

    Parameters
    ----------
    X : array [M, N]
    W : array [U, V]
    row, column : int
        The output cell to work out.
    stride, padding : int

    Returns
    -------
    Figure
    """
    X, W = np.asarray(X), np.asarray(W)
    windows, Y = cross_correlate(X, W, stride, padding)
    padded, window = np.pad(X, padding), windows[row, column]
    fills = np.full(padded.shape, tint(INPUT, 0.12), dtype=object)
    inside = np.pad(np.ones(X.shape, dtype=bool), padding)
    fills[~inside] = style.PADDING
    i, j = row * stride, column * stride
    fills[i : i + W.shape[0], j : j + W.shape[1]] = tint(HIGHLIGHT, 0.4)
    outputs = np.full(Y.shape, tint(OUTPUT, 0.12), dtype=object)
    outputs[row, column] = tint(HIGHLIGHT, 0.4)
    terms = " + ".join(f"{x:g}·{w:g}" for x, w in zip(window.flat, W.flat, strict=True))
    width = padded.shape[1] + W.shape[1] + Y.shape[1] + 2.4
    height = max(padded.shape[0], W.shape[0], Y.shape[0]) + 0.9
    scale = min(0.7, 8.5 / width)
    figure, axes = new_figure(size=(max(width * scale, 5) + 0.4, height * scale + 0.8))
    weights = (W, tint(KERNEL, 0.45), "kernel W")
    results = (Y, outputs.tolist(), "output Y")
    _equation(axes, ((padded, fills.tolist(), "input X"), "⊗", weights, "=", results))
    axes.set_title(f"Y[{row}, {column}] = {terms} = {Y[row, column]:g}")
    return figure


def _window_panel(axes, size, kernel, stride, padding, dilation=1):
    """Padded input with its first and next window, and the output below it."""
    reach = dilation * (kernel - 1) + 1
    total = size + 2 * padding
    outputs = (total - reach) // stride + 1
    fills = np.full((total, total), style.PADDING, dtype=object)
    fills[padding : padding + size, padding : padding + size] = tint(INPUT, 0.3)
    cells(axes, np.zeros((total, total)), fills.tolist(), text=None)
    taps = [dilation * u for u in range(kernel)]
    for start, color, shift in ((0, KERNEL, 0.0), (stride, HIGHLIGHT, 0.12)):
        if start + reach > total:
            continue
        axes.add_patch(
            Rectangle((start + shift, shift), reach - 2 * shift, reach - 2 * shift, fill=False)
        )
        axes.patches[-1].set(edgecolor=color, linewidth=2.6, zorder=5)
        if dilation > 1:
            x, y = np.meshgrid(taps, taps)
            x, y = x + start + 0.5 + shift, y + 0.5 + shift
            axes.scatter(x, y, s=16, color=color, zorder=6)
    left, top = (total - outputs) / 2, total + 1.1
    fills = np.full((outputs, outputs), tint(OUTPUT, 0.3), dtype=object)
    fills[0, 0] = tint(KERNEL, 0.8)
    if outputs > 1:
        fills[0, 1] = tint(HIGHLIGHT, 0.8)
    cells(axes, np.zeros((outputs, outputs)), fills.tolist(), text=None, origin=(left, top))
    arrow = FancyArrowPatch((total / 2, total + 0.1), (total / 2, top - 0.1), mutation_scale=14)
    arrow.set(arrowstyle="-|>", color=style.GRAY)
    axes.add_patch(arrow)
    axes.text(total + 0.3, total / 2, f"{size}×{size}", va="center", color=INPUT)
    axes.text(left + outputs + 0.3, top + outputs / 2, f"{outputs}×{outputs}", va="center")
    axes.texts[-1].set_color(OUTPUT)
    return total, top + outputs


@draws
def geometry(settings, size=5, kernel=3):
    """How stride, padding and dilation place the window, and the output they leave.

    Parameters
    ----------
    settings : dict of str to dict
        Title of a panel to its `stride`, `padding`, `dilation`, `size`, `kernel` (all optional).
    size, kernel : int
        Rows and columns of input and kernel where a setting doesn't say.

    Returns
    -------
    Figure
        Input in blue, zero padding in grey; the first window is orange, the next one vermillion,
        and so are their cells in the output below.

    Examples
    --------
    >>> from nndl import figures
    >>> figure = figures.geometry({"stride 1": {}, "stride 2": {"stride": 2}})
    """
    figure, axes = new_figure(1, len(settings), size=(9, 5), squeeze=False)
    extents = []
    for side, options in zip(axes[0], settings.values(), strict=True):
        options = {"size": size, "kernel": kernel, "stride": 1, "padding": 0, **options}
        extents.append(_window_panel(side, **options))
    width, height = np.max(extents, axis=0)
    figure.set_size_inches(9, min(9 / len(settings) / (width + 1.8) * (height + 0.3) + 0.6, 7))
    for side, name, (total, _) in zip(axes[0], settings, extents, strict=True):
        grid_axes(side, width + 1.4, height)
        spare = (width - total) / 2
        side.set_xlim(-spare - 0.2, width - spare + 1.6)
        side.set_title(name)
    return figure


@draws
def convolution_kinds(size=5, kernel=3):
    """Narrow, same and wide convolution: no padding, half a kernel, a whole kernel less one.

    Parameters
    ----------
    size, kernel : int
        Rows and columns of the input and of the kernel (odd for 'same').

    Returns
    -------
    Figure

    Notes
    -----
    Only the padding differs; the output is smaller than, equal to or larger than the input.
    """
    if kernel % 2 == 0:
        raise ValueError(
            f"the same convolution needs an odd kernel, got {kernel}: (kernel - 1) / 2 cells of "
            "padding on each side must be a whole number"
        )
    half, whole = (kernel - 1) // 2, kernel - 1
    settings = {
        "narrow: padding 0": {"padding": 0},
        f"same: padding (U−1)/2 = {half}": {"padding": half},
        f"wide: padding U−1 = {whole}": {"padding": whole},
    }
    return geometry.__wrapped__(settings, size, kernel)


@draws
def channels(in_channels=3, out_channels=2, size="M×N", kernel="U×V", output="M′×N′"):
    """From D input maps to P output maps: each output sums D convolutions and adds a bias.

    Parameters
    ----------
    in_channels, out_channels : int
        D and P, of which at most four are drawn.
    size, kernel, output : str
        Sizes written beside the maps.

    Returns
    -------
    Figure

    Notes
    -----
    Every output map has D kernels of its own, one an input channel, and one bias: P·D·U·V weights
    and P biases altogether.
    """
    D, P = min(in_channels, 4), min(out_channels, 4)
    height = max(D * P * (0.95 if D * P <= 9 else 0.6), D * 1.6, P * 1.6)
    figure, axes = new_figure(size=(9, 9 / 12.4 * (height + 1.5)))
    x_input, x_kernel, x_sum, x_output = 0.0, 4.2, 7.0, 9.3
    kernel_y = (np.arange(D * P) + 0.5) * height / (D * P)
    input_y, output_y = ((np.arange(k) + 0.5) * height / k for k in (D, P))
    side, small = min(1.25, 0.8 * height / max(D, P)), min(0.62, 0.75 * height / (D * P))
    for p in range(P):
        color = style.CYCLE[p % len(style.CYCLE)]
        for d in range(D):
            y = kernel_y[p * D + d]
            _lines(axes, [(x_input + side, input_y[d])], [(x_kernel, y)], tint(color, 0.6), 1)
            _lines(axes, [(x_kernel + small, y)], [(x_sum - 0.28, output_y[p])], color, 1)
            _square(axes, x_kernel, y, small, KERNEL, 3)
        _lines(axes, [(x_sum + 0.28, output_y[p])], [(x_output, output_y[p])], color, 1.6)
        axes.text(x_sum, output_y[p], "Σ", ha="center", va="center", fontsize=14, zorder=6)
        axes.scatter(x_sum, output_y[p], s=420, color="white", edgecolor=color, zorder=5)
        axes.text(x_sum, output_y[p] + 0.36, f"+ b$_{p + 1}$", ha="center", va="top", color=color)
        _square(axes, x_output, output_y[p], side, OUTPUT, 4)
        axes.text(x_output + side + 0.15, output_y[p], f"Y$_{p + 1}$", va="center", color=color)
    for d in range(D):
        _square(axes, x_input, input_y[d], side, INPUT, 4)
        axes.text(x_input - 0.15, input_y[d], f"X$_{d + 1}$", ha="right", va="center", color=INPUT)
    heads = (
        (x_input + side / 2, f"D = {in_channels} input maps\n{size}"),
        (x_kernel + small / 2, f"P·D = {in_channels * out_channels} kernels\n{kernel}"),
        (x_sum, "sum\n+ bias"),
        (x_output + side / 2, f"P = {out_channels} output maps\n{output}"),
    )
    for x, text in heads:
        axes.text(x, -0.25, text, ha="center", va="bottom")
    axes.set(xlim=(-0.9, x_output + side + 0.9), ylim=(height + 0.15, -1.25), aspect="equal")
    axes.set_axis_off()
    return figure


def _square(axes, x, y, side, color, lines):
    axes.add_patch(Rectangle((x, y - side / 2), side, side, facecolor=tint(color, 0.35), zorder=3))
    axes.patches[-1].set(edgecolor=color, linewidth=1.4)
    for k in range(1, lines):
        at = k * side / lines
        axes.plot([x + at] * 2, [y - side / 2, y + side / 2], color=color, lw=0.5, zorder=4)
        axes.plot([x, x + side], [y - side / 2 + at] * 2, color=color, lw=0.5, zorder=4)


@draws
def matrix(values, title=None, color=INPUT, caption=None):
    """A small matrix, or several side by side, with their numbers.

    Parameters
    ----------
    values : array [M, N], or dict of str to such arrays
    title : str, optional
    color : colour
    caption : str, optional
        Below a single matrix.

    Returns
    -------
    Figure
    """
    named = values if isinstance(values, dict) else {caption or "": values}
    arrays = {name: np.atleast_2d(style.as_array(value)) for name, value in named.items()}
    width = sum(value.shape[1] + 1 for value in arrays.values())
    height = max(len(value) for value in arrays.values())
    figure, axes = new_figure(size=(min(9, 0.62 * width + 0.6), 0.62 * height + 1.2))
    parts = []
    for name, value in arrays.items():
        parts += [(value, tint(color, 0.25), name), " "]
    _equation(axes, parts[:-1])
    if title:
        axes.set_title(title)
    return figure


@draws
def edges(image, responses, absolute=True):
    """A photo and what several kernels make of it.

    Parameters
    ----------
    image : array [M, N] or [M, N, 3]
        Grey levels or colours, 0–255 or 0–1.
    responses : dict of str to array [M', N']
        Title to the kernel's output.
    absolute : bool
        Show the size of the response (white: strong edge); otherwise blue is negative, white
        zero, red positive. Responses that are all positive, as of a blur, stay grey levels.

    Returns
    -------
    Figure

    Notes
    -----
    Each panel has its own scale: the 98th percentile of its response is full brightness.
    """
    count = len(responses) + 1
    columns = min(3, count)
    rows = -(-count // columns)
    image = style.as_array(image)
    aspect = image.shape[0] / image.shape[1]
    figure, axes = new_figure(
        rows, columns, size=(9, rows * (9 / columns * aspect + 0.25)), squeeze=False
    )
    for side in axes.flat:
        side.set_axis_off()
    axes.flat[0].imshow(image, cmap=style.IMAGE)
    axes.flat[0].set_title("input")
    for side, (name, response) in zip(axes.flat[1:], responses.items(), strict=False):
        response = np.squeeze(style.as_array(response)).astype(float)
        limit = max(np.percentile(np.abs(response), 98), 1e-12)
        signed = response.min() < -0.02 * limit
        if not signed:
            side.imshow(response, cmap=style.IMAGE)
        elif absolute:
            side.imshow(np.abs(response), cmap=style.IMAGE, vmin=0, vmax=limit)
        else:
            side.imshow(response, cmap=style.DIVERGING, vmin=-limit, vmax=limit)
        side.set_title(name)
    figure.dots = 110
    return figure


@draws
def response_histogram(responses, bins=101, unit="grey levels"):
    """How often a kernel answers with which value, on a logarithmic count.

    Parameters
    ----------
    responses : dict of str to array
    bins : int
    unit : str
        Of a response.

    Returns
    -------
    Figure

    Notes
    -----
    Nearly all pixels answer with about zero: a photo is mostly smooth. The few strong responses
    in the tails are the edges.
    """
    figure, axes = new_figure(size=(8, 3.8))
    values = {name: style.as_array(value).ravel() for name, value in responses.items()}
    limit = max(np.abs(value).max() for value in values.values()) or 1.0
    steps = np.linspace(-limit, limit, bins)
    for color, (name, value) in zip(style.CYCLE, values.items(), strict=False):
        axes.hist(value, steps, histtype="step", color=color, linewidth=1.8, label=name)
    axes.set_yscale("log")
    label(axes, f"response ({unit})", "number of pixels (log scale)", grid="both")
    axes.legend()
    return figure


@draws
def pooling(image, shifts=(0, 1, 2), size=2):
    """A digit shifted pixel by pixel, and how much less its pooled map changes.

    Parameters
    ----------
    image : array [M, N]
        One grey-level image or feature map.
    shifts : sequence of int
        Pixels to the right; the first one is the reference.
    size : int
        Pooling window and stride.

    Returns
    -------
    Figure
        Top: the shifted input; below: its max pooling. The number is the share of the map that
        changed against the reference: mean |difference| over mean |reference|.
    """
    image = np.squeeze(style.as_array(image)).astype(float)
    figure, axes = new_figure(2, len(shifts), size=(2.7 * len(shifts) + 0.5, 5.9), squeeze=False)
    names = ("input", f"after max pooling {size}×{size}")
    references = None
    for column, shift in enumerate(shifts):
        moved = np.pad(image, ((0, 0), (shift, 0)))[:, : image.shape[1]]
        rows, columns = (length // size for length in moved.shape)
        blocks = moved[: rows * size, : columns * size].reshape(rows, size, columns, size)
        pooled = blocks.max(axis=(1, 3))
        references = references or (moved, pooled)
        for row, (value, first) in enumerate(zip((moved, pooled), references, strict=True)):
            change = np.abs(value - first).mean() / max(np.abs(first).mean(), 1e-12)
            side = axes[row, column]
            side.imshow(value, cmap=style.IMAGE)
            title = f"shifted by {shift}: {change:.0%} changed" if shift else "not shifted"
            row_name = f"{names[row]}\nrow (pixels)" if not column else None
            label(side, "column (pixels)", row_name, title)
            side.title.set_fontsize(11)
    return figure
