"""Receptive fields drawn: through layers, and as measured."""

import numpy as np
from matplotlib.patches import Polygon, Rectangle

from ..analysis.receptive_field import field_size, receptive_field
from . import style
from .given import mapping, numbers
from .style import HIGHLIGHT, INPUT, OUTPUT, draws, label, new_figure, tint


@draws
def receptive_field_layers(layers, outputs=3):
    """A line of neurons a layer, and the cone of inputs that the middle output sees.

    Parameters
    ----------
    layers : as for `receptive_field`
        A few small kernels; the drawing needs a field of at most 40 inputs.
    outputs : int
        Neurons drawn in the last layer.

    Returns
    -------
    Figure

    Notes
    -----
    Each layer widens the cone by (kernel − 1) times the product of the strides before it.
    """
    reaches = receptive_field(layers)
    lengths = [outputs]
    for reach in reversed(reaches):
        lengths.append((lengths[-1] - 1) * reach.stride + reach.dilation * (reach.kernel - 1) + 1)
    lengths = lengths[::-1]
    if lengths[0] > 48:
        raise ValueError(
            f"expected layers that see a few pixels, got {lengths[0]} inputs for {outputs} "
            "outputs: use measured_receptive_field and receptive_field_map"
        )
    figure, axes = new_figure(size=(9, 0.85 * len(lengths) + 0.7))
    width, seen = lengths[0], [{outputs // 2}]
    for reach in reversed(reaches):
        taps = [reach.dilation * u for u in range(reach.kernel)]
        seen.append({reach.stride * i + tap for i in seen[-1] for tap in taps})
    seen = seen[::-1]
    centers, scale = [0.5 + np.arange(width)], 1
    for reach, length in zip(reaches, lengths[1:], strict=True):
        first = centers[-1][0] + scale * reach.dilation * (reach.kernel - 1) / 2
        scale *= reach.stride
        centers.append(first + scale * np.arange(length))
    for level, (x, used) in enumerate(zip(centers, seen, strict=True)):
        y, color = -1.5 * level, INPUT if level == 0 else OUTPUT
        for number, at in enumerate(x):
            strength = 0.75 if number in used else 0.12
            square = Rectangle((at - 0.42, y - 0.42), 0.84, 0.84, edgecolor=color, linewidth=0.9)
            square.set_facecolor(tint(color, strength))
            axes.add_patch(square)
        if level:
            above, a, b = centers[level - 1], min(seen[level - 1]), max(seen[level - 1])
            corners = [(above[a] - 0.42, y + 1.08), (above[b] + 0.42, y + 1.08)]
            corners += [(x[max(used)] + 0.42, y + 0.42), (x[min(used)] - 0.42, y + 0.42)]
            axes.add_patch(Polygon(corners, facecolor=tint(HIGHLIGHT, 0.25), edgecolor="none"))
        if not level:
            axes.text(-0.4, y, "input", ha="right", va="center", fontsize=10)
            continue
        reach = reaches[level - 1]
        name = f"{reach.name}\nkernel {reach.kernel}, stride {reach.stride}"
        name += f",\ndilation {reach.dilation}" if reach.dilation > 1 else ""
        axes.text(-0.4, y, name, ha="right", va="center", fontsize=10)
        axes.text(
            width + 0.4, y, f"one output sees\n{reach.field} inputs", va="center", fontsize=10
        )
    margin = max(0.32 * width, 3)
    axes.set(xlim=(-margin, width + 0.75 * margin), ylim=(-1.5 * len(reaches) - 0.6, 0.6))
    axes.set_axis_off()
    return figure


@draws
def receptive_field_map(measured, computed=None):
    """How strongly one output pixel reacts to each input pixel, with the computed field around.

    Parameters
    ----------
    measured : array [M, N], or dict of str (layer) to such arrays
        From `measured_receptive_field`.
    computed : int, or dict of str to int, optional
        Size of the field from `receptive_field`, drawn as a dashed square around the centre.

    Returns
    -------
    Figure

    Notes
    -----
    Outside the square the gradient is exactly zero; inside, the middle counts far more than the
    border, since more paths lead through it (the *effective* receptive field).

    References
    ----------
    Luo et al., *Understanding the effective receptive field*, 2016.
    """
    named = measured if isinstance(measured, dict) else {"": measured}
    mapping("measured", named, "{'conv1': measured_receptive_field(...)}")
    fields = computed if isinstance(computed, dict) else dict.fromkeys(named, computed)
    if unknown := [name for name in fields if name not in named]:
        raise ValueError(f"computed has {unknown}, expected names of measured, {list(named)}")
    columns = min(len(named), 3)
    rows = -(-len(named) // columns)
    figure, axes = new_figure(
        *(rows, columns), size=(3.0 * columns + 1.1, 3.2 * rows + 0.3), squeeze=False
    )
    for side in axes.flat[len(named) :]:
        side.set_axis_off()
    for side, (name, values) in zip(axes.flat, named.items(), strict=False):
        values = numbers(name or "measured", values, "[M, N]").astype(float)
        share = np.where(values > 0, values / (values.max() or 1), np.nan)
        side.set_facecolor(style.LIGHT)
        drawn = side.imshow(share, cmap="viridis", vmin=0, vmax=1)
        rows_seen, columns_seen = field_size(values)
        title = f"{name}\n" if name else ""
        title += f"measured {rows_seen}×{columns_seen}"
        if fields.get(name):
            size = fields[name]
            title += f"\ncomputed {size}×{size}"
            i, j = np.nonzero(values > 0)
            middle = [
                (low + high + 1) / 2 for low, high in ((j.min(), j.max()), (i.min(), i.max()))
            ]
            corner = [at - size / 2 - 0.5 for at in middle]
            square = Rectangle(corner, size, size, fill=False, edgecolor=HIGHLIGHT, linewidth=2)
            square.set_linestyle("--")
            side.add_patch(square)
        label(side, "input column (pixels)", "input row (pixels)", title)
        side.title.set_fontsize(11)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.85)
    bar.set_label("gradient (share of the maximum)")
    return figure
