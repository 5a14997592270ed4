"""Drawings of one convolution with its numbers: flip, window, padding, stride, dilation."""

import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle

from .._arguments import integer
from . import style
from .given import mapping, numbers
from .style import HIGHLIGHT, INPUT, KERNEL, OUTPUT, cells, draws, grid_axes, new_figure, tint


def cross_correlate(X, W, stride=1, padding=0, dilation=1):
    """Cross-correlation of small matrices, for drawings.

    Parameters
    ----------
    X : array [M, N]
    W : array [U, V]
    stride, padding, dilation : int

    Returns
    -------
    windows : array [M′, N′, U, V]
        What the kernel sees at each position.
    Y : array [M′, N′]
    """
    X, W = np.asarray(X), np.asarray(W)
    U, V = (dilation * (size - 1) + 1 for size in W.shape)
    padded = np.pad(X, padding)
    if padded.shape[0] < U or padded.shape[1] < V:
        _too_large(U, V, *padded.shape)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (U, V))
    windows = windows[::stride, ::stride, ::dilation, ::dilation]
    return windows, (windows * W).sum(axis=(2, 3))


def _too_large(U, V, M, N):
    raise ValueError(
        f"the kernel covers {U}×{V} cells, the input with its padding has only {M}×{N}: use a "
        "smaller kernel or more padding"
    )


def _equation(axes, parts, fontsize=12):
    """Matrices in a row with signs between them: parts are (values, colour, caption) or signs."""
    x, tallest = 0.0, max(len(part[0]) for part in parts if not isinstance(part, str))
    captions = any(part[2] for part in parts if not isinstance(part, str))
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
    grid_axes(axes, x, tallest + (0.65 if captions else 0))


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
    row, column = integer("row", row, 0, len(Y) - 1), integer("column", column, 0, len(Y[0]) - 1)
    padded, window = np.pad(X, padding), windows[row, column]
    fills = np.full(padded.shape, tint(INPUT, 0.12), dtype=object)
    inside = np.pad(np.ones(X.shape, dtype=bool), padding)
    fills[~inside] = style.PADDING
    i, j = row * stride, column * stride
    fills[i : i + W.shape[0], j : j + W.shape[1]] = tint(HIGHLIGHT, 0.4)
    outputs = np.full(Y.shape, tint(OUTPUT, 0.12), dtype=object)
    outputs[row, column] = tint(HIGHLIGHT, 0.4)
    terms = " + ".join(f"{x:g}·{w:g}" for x, w in zip(window.flat, W.flat, strict=True))
    width = padded.shape[1] + 2 * W.shape[1] + Y.shape[1] + 3.6
    height = max(padded.shape[0], W.shape[0], Y.shape[0]) + 0.75
    scale = min(0.7, 8.5 / width)
    figure, axes = new_figure(size=(max(width * scale, 5) + 0.4, height * scale + 0.5))
    products = (window * W, tint(HIGHLIGHT, 0.25), "window ⊙ W")
    parts = ((padded, fills.tolist(), "input X"), "⊙", (W, tint(KERNEL, 0.45), "kernel W"))
    _equation(axes, (*parts, "=", products, "Σ", (Y, outputs.tolist(), "output Y")))
    axes.set_title(f"Y[{row}, {column}] = {terms} = {Y[row, column]:g}")
    return figure


def _window_panel(axes, size, kernel, stride, padding, dilation=1):
    """Padded input with its first and next window, and the output below it."""
    reach = dilation * (kernel - 1) + 1
    total = size + 2 * padding
    outputs = (total - reach) // stride + 1
    if reach > total:
        _too_large(reach, reach, total, total)
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
    mapping("settings", settings, "{'stride 2': {'stride': 2}}")
    usual = {"size": size, "kernel": kernel, "stride": 1, "padding": 0, "dilation": 1}
    for name, options in settings.items():
        if wrong := [key for key in options if key not in usual]:
            raise ValueError(f"settings[{name!r}] has {wrong}, expected some of {list(usual)}")
        for key, value in (usual | options).items():
            integer(key, value, 0 if key == "padding" else 1, 100)
    figure, axes = new_figure(1, len(settings), size=(9, 5), squeeze=False)
    extents = []
    for side, options in zip(axes[0], settings.values(), strict=True):
        options = usual | options
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
def matrix(values, title=None, color=INPUT, caption=None):
    """A small matrix, or several side by side; the larger a number, the darker its cell.

    Parameters
    ----------
    values : array [M, N], or dict of str to such arrays
    title : str, optional
    color : colour
        Of numbers above zero; those below are vermillion.
    caption : str, optional
        Below a single matrix.

    Returns
    -------
    Figure
    """
    named = values if isinstance(values, dict) else {caption or "": values}
    mapping("values", named, "an array, or {'W': array}")
    arrays = {name: np.atleast_2d(numbers(name or "values", v)) for name, v in named.items()}
    arrays = {name: numbers(name or "values", v, "[M, N]") for name, v in arrays.items()}
    integer("the number of cells", sum(v.size for v in arrays.values()), 1, 1600)
    width = sum(value.shape[1] + 1.2 for value in arrays.values()) - 0.9
    height = max(len(value) for value in arrays.values()) + (0.65 if any(arrays) else 0) + 0.3
    scale = min(0.62, 9 / width)
    figure, axes = new_figure(
        size=(max(scale * width, 3.6), scale * height + 0.12 + 0.35 * bool(title))
    )
    largest = max(np.abs(value).max() for value in arrays.values()) or 1
    parts = []
    for name, value in arrays.items():
        fills = [
            [tint(HIGHLIGHT if v < 0 else color, 0.05 + 0.6 * abs(v) / largest) for v in row]
            for row in value
        ]
        parts += [(value, fills, name), " "]
    _equation(axes, parts[:-1])
    if title:
        axes.set_title(title)
    return figure


@draws
def im2col(X, W):
    """Windows written as columns: a window, its column and its output share a colour.

    Parameters
    ----------
    X : array [D, M, N]
        A few small maps.
    W : array [D, U, V]
        One kernel; its weights in a row multiply every column.

    Returns
    -------
    Figure
        Channels differ in shade, windows in colour.
    """
    X, W = numbers("X", X, "[D, M, N]"), numbers("W", W, "[D, U, V]")
    (D, U, V), _ = W.shape, numbers("X", X, f"[{len(W)}, M, N]", remedy="as many maps as W has")
    views = [cross_correlate(X[d], W[d])[0] for d in range(D)]
    rows, columns = views[0].shape[:2]
    C = np.stack(views, axis=2).reshape(rows * columns, -1).T  # [D·U·V, M′·N′]
    hues = [style.CYCLE[k % len(style.CYCLE)] for k in range(C.shape[1])]
    shades = [0.45 - 0.3 * d / max(D - 1, 1) for d in range(D) for _ in range(U * V)]
    left = max(C.shape[0], D * (X.shape[2] + 0.8))
    width, height = left + 2 * C.shape[1] + 3.4, max(len(C), X.shape[1] + 4) + 0.7
    figure, axes = new_figure(size=(9, 9 * height / width + 0.1))
    for d in range(D):
        x = d * (X.shape[2] + 0.8)
        cells(axes, X[d], tint(INPUT, 0.05), origin=(x, 0))
        for k, (i, j) in enumerate(np.ndindex(rows, columns)):
            inset = 0.06 + 0.07 * (k % 4)
            box = Rectangle((x + j + inset, i + inset), V - 2 * inset, U - 2 * inset, fill=False)
            box.set(edgecolor=hues[k], linewidth=2, zorder=5)
            axes.add_patch(box)
        axes.text(
            x + X.shape[2] / 2, X.shape[1] + 0.2, f"X, channel {d + 1}", ha="center", va="top"
        )
    middle = len(C) / 2 + 1.5
    shaded = [[tint(KERNEL, 0.2 + shade) for shade in shades]]
    cells(axes, W.reshape(1, -1), shaded, origin=(0, middle))
    fills = [[tint(hue, shade) for hue in hues] for shade in shades]
    cells(axes, C, fills, origin=(left + 1.2, 0))
    Y = W.reshape(1, -1) @ C
    at = left + C.shape[1] + 2.4
    cells(axes, Y, [[tint(hue, 0.45) for hue in hues]], origin=(at, middle))
    for x, y, text in (
        (len(C) / 2, middle + 1.2, f"W in a row: 1 × {len(C)}"),
        (left + 1.2 + C.shape[1] / 2, len(C) + 0.2, f"im2col(X): {len(C)} × {C.shape[1]}"),
        (at + C.shape[1] / 2, middle + 1.2, f"Y in a row: 1 × {C.shape[1]}"),
    ):
        axes.text(x, y, text, ha="center", va="top", fontsize=11)
    for x, sign in ((left + 0.6, "×"), (at - 0.6, "=")):
        axes.text(x, middle + 0.5, sign, ha="center", va="center", fontsize=18)
    grid_axes(axes, width - 0.6, height)
    return figure
