"""Diagrams of networks, drawn from the model object: every shape and count is what it computes."""

import itertools

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from .. import probe
from ..analysis.report import flops
from ..probe import run_shapes
from . import style
from .structure import Unit, add_step, make_step, modules
from .style import BLACK, GRAY, HIGHLIGHT, INPUT, KERNEL, OUTPUT, draws, label, new_figure, tint

#: kind of layer → colour; the rest is grey
_COLORS = {"conv": KERNEL, "pool": style.SKY, "linear": OUTPUT}


# ---------------------------------------------------------------------------------- drawing


def _box(axes, x, y, width, height, color, text, fontsize=9, strength=0.35):
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=tint(color, strength),
            edgecolor=color,
            linewidth=1.2,
            zorder=3,
        )
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=fontsize, zorder=4, linespacing=1.25)


def _arrow(axes, start, end, color=BLACK, **options):
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=9,
            color=color,
            linewidth=1.1,
            shrinkA=0,
            shrinkB=0,
            zorder=2,
            **options,
        )
    )


def _path(axes, points, color):
    """Straight pieces through the points, an arrow head at the last."""
    for (x0, y0), (x1, y1) in itertools.pairwise(points[:-1]):
        axes.plot([x0, x1], [y0, y1], color=color, linewidth=1.4, zorder=2, solid_capstyle="round")
    _arrow(axes, points[-2], points[-1], color)


def _sum(axes, x, y, radius=0.16):
    axes.plot(x, y, "o", markersize=radius * 82, mfc="white", mec=HIGHLIGHT, mew=1.4, zorder=4)
    axes.text(x, y, "+", ha="center", va="center", color=HIGHLIGHT, fontsize=12, zorder=5)


def _short(number):
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


@draws
def draw_architecture(model, input_size, layout=None):
    """Network with the shapes, parameters and multiply-adds of its layers.

    Parameters
    ----------
    model : paddle.nn.Layer
    input_size : tuple of int
        Shape of the input, as in `nndl.summary`: (1, 1, 32, 32) or (1, 32, 32).
    layout : 'stack' or 'modules', optional
        'stack' draws the feature maps between the layers of a chain, with two rows of bars;
        'modules' a row for each direct child, with residual edges. Left out: 'stack' for at most
        12 layers.

    Returns
    -------
    Figure

    Raises
    ------
    TypeError, ValueError
        If `model` is no layer, does not run on that size, or the layout is unknown.

    Notes
    -----
    The model runs in evaluation mode and comes back as it was. Layers are drawn; what a forward
    method does with functions (`F.relu`) has no box, but for the addition of two branches in a
    layer with children, which is found in the graph and drawn as a residual unit.
    """
    if layout not in (None, "stack", "modules"):
        raise ValueError(f"layout must be 'stack' or 'modules', got {layout!r}")
    inputs = probe.make_inputs(model, input_size, owner="draw_architecture")
    report = flops(model, input_size)
    shapes, order = run_shapes(model, inputs)
    if layout is None:
        leaves = [layer for layer in order if not list(layer.children())]
        layout = "stack" if len(leaves) <= 12 else "modules"
    draw = _draw_stack if layout == "stack" else _draw_modules
    return draw(model, inputs, shapes, order, report)


def _draw_stack(model, inputs, shapes, order, report):
    input_shape = list(inputs[0].shape)[1:]
    names = {id(layer): name for name, layer in model.named_sublayers()}
    steps = []
    for layer in order:
        if not list(layer.children()):
            name = names.get(id(layer), type(model).__name__)
            add_step(steps, make_step(layer, name, shapes[id(layer)]))
    totals = {row["layer"]: row for row in report.rows}
    columns = [("input", None, input_shape), *((s.name, s, s.shape) for s in steps)]
    span = max(len(columns), 6)
    tall = 2.05 * 8.6 / span + 0.75  # inches: the maps are as wide as the bars, and square
    figure, (maps, params, work) = new_figure(
        *(3, 1), size=(9, tall + 2.9), height_ratios=(tall, 1.2, 1.2)
    )
    largest = max([shape[-1] for _, _, shape in columns if len(shape) == 3], default=1)
    longest = max([shape[0] for _, _, shape in columns if len(shape) == 1], default=1)
    edges = []
    for x, (_, step, shape) in enumerate(columns):
        color = INPUT if step is None else _COLORS.get(step.kind, GRAY)
        edges.append(_feature_maps(maps, x, shape, color, largest, longest))
        maps.text(x, -0.66, "×".join(map(str, shape)), ha="center", va="top", fontsize=9.5)
    for x, (name, step, _) in enumerate(columns[1:], start=1):
        _arrow(maps, (edges[x - 1][1] + 0.04, 0), (edges[x][0] - 0.04, 0))
        text = "\n".join([step.text.replace(", ", " → "), " ".join(step.extras)]).strip()
        maps.text(x - 0.5, 0.98, name, ha="center", va="bottom", fontsize=10, weight="bold")
        maps.text(x - 0.5, 0.94, text, ha="center", va="top", fontsize=8.5, color="#333333")
    maps.set(xlim=(-0.55, span - 0.45), ylim=(-0.85, 1.2), aspect="equal")
    maps.set_axis_off()
    maps.set_title(f"{type(model).__name__}: feature maps, channels × height × width; /2: stride 2")
    for axes, key, color, text in (
        (params, "params", KERNEL, "parameters"),
        (work, "FLOPs", OUTPUT, "multiply-adds"),
    ):
        values = [totals[s.name][key] or 0 for s in steps]
        spots = [x + 0.5 for x in range(len(steps))]
        axes.bar(spots, values, width=0.55, color=tint(color, 0.6), edgecolor=color)
        for x, value in zip(spots, values, strict=True):
            axes.text(x, value, f"{value:,}", ha="center", va="bottom", fontsize=9)
        axes.set(xlim=maps.get_xlim(), ylim=(0, max([*values, 1]) * 1.3), yticks=[])
        axes.set_xticks(spots, [s.name for s in steps])
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="x", length=0)
        label(axes, y=text)
        total = sum(values)
        axes.text(1, 1.02, f"total {total:,}", transform=axes.transAxes, ha="right", fontsize=9.5)
    return figure


def _feature_maps(axes, x, shape, color, largest, longest):
    """Draw a stack of maps, or a column of units; return its left and right edge."""
    if len(shape) == 3:
        size = 0.12 + 0.5 * (shape[-1] / largest) ** 0.7
        sheets = min(shape[0], 6)
        offset = 0.035
        whole = size + offset * (sheets - 1)
        left, bottom = x - whole / 2, -whole / 2
        for i in range(sheets):
            axes.add_patch(
                Rectangle(
                    (left + i * offset, bottom + (sheets - 1 - i) * offset),
                    size,
                    size,
                    facecolor=tint(color, 0.35),
                    edgecolor=color,
                    linewidth=0.9,
                    zorder=2 + i,
                )
            )
        return left, left + whole
    units = shape[0] if shape else 1
    height, width = 0.2 + 0.85 * units / longest, 0.1
    axes.add_patch(
        Rectangle(
            (x - width / 2, -height / 2),
            width,
            height,
            facecolor=tint(color, 0.35),
            edgecolor=color,
            linewidth=1,
        )
    )
    for i in range(1, cells := min(units, 12)):
        y = -height / 2 + height * i / cells
        axes.plot([x - width / 2, x + width / 2], [y, y], color=color, linewidth=0.5)
    return x - width / 2, x + width / 2


def _draw_modules(model, inputs, shapes, order, report):
    input_shape = list(inputs[0].shape)[1:]
    rows = modules(model, shapes, inputs)
    totals = [
        [
            sum(
                row[key] or 0
                for row in report.rows
                for n in names
                if row["layer"] == n or row["layer"].startswith(n + ".")
            )
            for names, _, _ in rows
        ]
        for key in ("params", "FLOPs")
    ]
    figure, (main, params, work) = new_figure(
        *(1, 3), size=(9, 0.85 * len(rows) + 1.2), width_ratios=(6.2, 1.3, 1.3), sharey=True
    )
    right, shape = 0, input_shape
    for i, (names, steps, _) in enumerate(rows):
        y = -i
        heading = names[0] if len(names) == 1 else f"{names[0]} …"
        main.text(0, y + 0.12, heading, ha="left", va="center", fontsize=10, weight="bold")
        main.text(0, y - 0.14, "in " + "×".join(map(str, shape)), va="center", fontsize=8.5)
        x = 1.9
        for step in steps:
            x = (
                _draw_unit(main, x, y, step)
                if isinstance(step, Unit)
                else _draw_step(main, x, y, step)
            )
        shape = _last_shape(steps[-1])
        _arrow(main, (x - 0.26, y), (x + 0.02, y))
        main.text(x + 0.1, y, "×".join(map(str, shape)), ha="left", va="center", fontsize=9)
        right = max(right, x + 1.25)
    main.set(xlim=(-0.05, right), ylim=(-len(rows) + 0.45, 0.62))
    main.set_axis_off()
    size = "×".join(map(str, input_shape))
    main.set_title(f"{type(model).__name__}, input {size}; /2: stride 2", loc="left")
    for axes, values, color, text in (
        (params, totals[0], KERNEL, "parameters"),
        (work, totals[1], OUTPUT, "multiply-adds"),
    ):
        axes.barh([-i for i in range(len(rows))], values, 0.5, color=tint(color, 0.6), ec=color)
        for i, value in enumerate(values):
            axes.text(value, -i, f" {_short(value)}", va="center", fontsize=9)
        axes.set(xlim=(0, max([*values, 1]) * 1.65), xticks=[], yticks=[])
        axes.spines["bottom"].set_visible(False)
        axes.set_title(text, fontsize=10.5)
        axes.set_xlabel(f"total {sum(values):,}", fontsize=8.5)
    return figure


def _last_shape(step):
    return step.steps[-1].shape if isinstance(step, Unit) else step.shape


def _draw_step(axes, x, y, step, width=1.05, height=0.44):
    color = _COLORS.get(step.kind, GRAY)
    _arrow(axes, (x - 0.26, y), (x, y))
    text = "\n".join([step.text, " ".join(step.extras)]) if step.extras else step.text
    _box(axes, x + width / 2, y, width, height, color, text, 8 if len(step.extras) < 3 else 7.2)
    return x + width + 0.26


def _draw_unit(axes, x, y, unit):
    start = x - 0.24
    for step in unit.steps:
        x = _draw_step(axes, x, y, step)
    center = x + 0.06
    axes.plot([x - 0.26, center], [y, y], color=BLACK, linewidth=1.1, zorder=2)
    top = y + 0.38
    _path(axes, [(start, y), (start, top), (center, top), (center, y + 0.11)], HIGHLIGHT)
    if unit.shortcut is not None:
        text = " ".join([unit.shortcut.text, *unit.shortcut.extras])
        _box(axes, (start + center) / 2, top, 1.75, 0.22, HIGHLIGHT, text, 8, 0.15)
    _sum(axes, center, y, 0.14)
    return center + 0.44


# --------------------------------------------------------------- diagrams without a model


def _natural(**numbers):
    for name, (value, least) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be an integer ≥ {least}, got {value!r}")


@draws
def draw_cnn_structure(M=2, b=1, K=2, N=3):
    """The usual order of layers: N blocks of M convolutions and b poolings, then K linear layers.

    Parameters
    ----------
    M : int
        Convolutions in a block (usually 2 to 5).
    b : 0 or 1
        Poolings in a block.
    K : int
        Fully connected layers at the end (usually 0 to 2).
    N : int
        Blocks.

    Returns
    -------
    Figure

    References
    ----------
    The book, section 5.2.
    """
    _natural(M=(M, 1), b=(b, 0), K=(K, 0), N=(N, 1))
    if b > 1:
        raise ValueError(f"b must be 0 or 1 poolings in a block, got {b!r}")
    figure, axes = new_figure(1, 1, size=(9, 2.3))
    x = 0.45
    _box(axes, x, 0, 0.8, 0.7, INPUT, "input")
    x = _row(axes, x + 0.4, [(KERNEL, "Conv\n+ ReLU")] * M)
    if b:
        x = _row(axes, x, [(style.SKY, "Pool")])
    first, last = 0.45 + 0.4 + 0.22, x + 0.12
    axes.add_patch(
        FancyBboxPatch(
            (first, -0.62),
            last - first,
            1.24,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor="none",
            edgecolor=GRAY,
            linestyle="--",
            linewidth=1.2,
        )
    )
    middle = (first + last) / 2
    axes.text(middle, 0.72, f"block, {N} times", ha="center", va="bottom", fontsize=10)
    below = f"{M} convolution{'s' * (M > 1)}, {b} pooling"
    axes.text(middle, -0.72, below, ha="center", va="top", fontsize=10)
    start = x = last
    if K:  # the last one gives the logits: no ReLU behind it
        x = _row(axes, x, [(OUTPUT, "Linear\n+ ReLU")] * (K - 1) + [(OUTPUT, "Linear")])
        below = f"{K} fully connected"
        axes.text((start + x) / 2 + 0.15, -0.72, below, ha="center", va="top", fontsize=10)
    x = _row(axes, x, [(GRAY, "softmax")])
    axes.set(xlim=(0, x + 0.05), ylim=(-1.0, 1.0))
    axes.set_axis_off()
    return figure


def _row(axes, x, boxes):
    """(colour, text) boxes behind x: all of them up to three, else the first, dots and the last."""
    for box in boxes if len(boxes) <= 3 else [boxes[0], None, boxes[-1]]:
        _arrow(axes, (x, 0), (x + 0.36, 0))
        if box is None:
            axes.text(x + 0.58, 0, "⋯", ha="center", va="center", fontsize=15)
            x += 0.8
        else:
            _box(axes, x + 0.36 + 0.42, 0, 0.84, 0.7, *box)
            x += 1.2
    return x


@draws
def draw_residual_unit(channels=64):
    """Residual units: identity shortcut, 1×1 shortcut, and the bottleneck of deeper networks.

    Parameters
    ----------
    channels : int
        Of the unit's input; a multiple of 4 for the bottleneck, whose waist is a quarter.

    Returns
    -------
    Figure

    References
    ----------
    He et al., *Deep residual learning for image recognition*, 2015, figures 2 and 5;
    the book, section 5.4.
    """
    _natural(channels=(channels, 4))
    C, wide = channels, 4 * channels
    figure, panels = new_figure(1, 3, size=(9, 4.9))
    plain = [(f"3×3 conv, {C}", "BN, ReLU"), (f"3×3 conv, {C}", "BN")]
    double = [(f"3×3 conv, {2 * C}, stride 2", "BN, ReLU"), (f"3×3 conv, {2 * C}", "BN")]
    waist = [(f"1×1 conv, {C}", "BN, ReLU"), (f"3×3 conv, {C}", "BN, ReLU")]
    waist.append((f"1×1 conv, {wide}", "BN"))
    for axes, title, layers, shortcut, into, out in (
        (panels[0], "Identity shortcut", plain, None, f"{C}×M×N", f"{C}×M×N"),
        (
            *(panels[1], "1×1 shortcut: channels double", double),
            *(f"1×1 conv,\n{2 * C}, stride 2\nBN", f"{C}×M×N", f"{2 * C}×M/2×N/2"),
        ),
        (panels[2], "Bottleneck (deeper networks)", waist, None, f"{wide}×M×N", f"{wide}×M×N"),
    ):
        _residual_panel(axes, title, layers, shortcut, into, out)
    return figure


def _residual_panel(axes, title, layers, shortcut, into, out):
    top, bottom, x = 3.0, -0.35, 0.0
    plus = 0.3
    ys = (2.3, 1.1) if len(layers) == 2 else (2.4, 1.68, 0.96)
    axes.text(x, top + 0.22, f"X: {into}", ha="center", va="bottom", fontsize=10)
    above = top + 0.18
    for y, (text, after) in zip(ys, layers, strict=True):
        _arrow(axes, (x, above), (x, y + 0.18))
        _box(axes, x, y, 1.95, 0.36, KERNEL, text)
        axes.text(x - 0.08, y - 0.29, after, ha="right", va="center", fontsize=8.5, color="#333333")
        above = y - 0.18
    _arrow(axes, (x, above), (x, plus + 0.13))
    fork, side = top, 1.62
    _path(axes, [(x, fork), (side, fork), (side, plus), (x + 0.13, plus)], HIGHLIGHT)
    if shortcut is None:
        middle = (fork + plus) / 2
        axes.text(side + 0.06, middle, "identity", rotation=90, va="center", color=HIGHLIGHT)
    else:
        _box(axes, side, (fork + plus) / 2, 1.1, 0.8, HIGHLIGHT, shortcut, 8.5, 0.15)
    _sum(axes, x, plus)
    _arrow(axes, (x, plus - 0.13), (x, bottom + 0.1))
    axes.text(x - 0.08, (plus + bottom) / 2 - 0.02, "ReLU", ha="right", va="center", fontsize=8.5)
    axes.text(x, bottom + 0.05, f"Y: {out}", ha="center", va="top", fontsize=10)
    axes.set(xlim=(-1.1, 2.25), ylim=(bottom - 0.2, top + 0.5))
    axes.set_axis_off()
    axes.set_title(title, fontsize=11)
