"""Which inputs an output is made of: full and local connections, channels."""

import numpy as np
from matplotlib.patches import Rectangle

from .._arguments import integer
from . import style
from .style import INPUT, KERNEL, OUTPUT, cells, draws, grid_axes, new_figure, tint


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
    outputs = inputs - integer("kernel", kernel, 1, inputs) + 1
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
