"""Figures of whole networks: gradients by depth."""

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from .given import mapping, numbers
from .style import draws, label, new_figure
from .training import colors


@draws
def gradient_norms(networks, layer_label="convolution, from the input to the output", palette=None):
    """Norm of the loss's gradient in each layer's weights, for several networks.

    Parameters
    ----------
    networks : dict of str to sequence of float, or to dict of layer name to float
        Layers in the order of the forward pass; `gradient_norms_of` measures them. A list of
        such sequences (one a seed or batch) draws its mean and range.
    layer_label : str
    palette : sequence of colour, optional
        One for each network, where figures beside this one show the same networks.

    Returns
    -------
    Figure
        Norms that a logarithmic axis has no place for stand on its edges, and are in no mean:
        crosses on the upper one are nan or infinite (the network exploded), triangles on the
        lower one zero.

    Notes
    -----
    Without the direct edges the gradient shrinks or grows from layer to layer on its way back;
    with them it arrives at the first layers about as large as it left the last.
    """
    mapping("networks", networks, "{'LeNet': gradient_norms_of(model, X, y)}")
    figure, axes = new_figure(size=(9, 3.8))
    drawn, lost = [], {}
    for color, (name, norms) in zip(colors(networks, palette), networks.items(), strict=True):
        several = (
            isinstance(norms, list) and norms and (isinstance(norms[0], dict) or np.ndim(norms[0]))
        )
        repeats = norms if several else [norms]
        repeats = [list(r.values()) if isinstance(r, dict) else list(r) for r in repeats]
        repeats = numbers(f"networks[{name!r}]", repeats, finite=False, low=0).astype(float)
        depth = np.arange(1, repeats.shape[1] + 1)
        known = np.ma.masked_where(~np.isfinite(repeats) | (repeats == 0), repeats)
        axes.plot(depth, known.mean(axis=0), color=color, marker="o", label=name)
        if len(repeats) > 1:
            low, high = known.min(axis=0), known.max(axis=0)
            axes.fill_between(depth, low, high, color=color, alpha=0.2, linewidth=0)
        drawn += known.compressed().tolist()
        for kind, where in (("nan or infinite", ~np.isfinite(repeats)), ("zero", repeats == 0)):
            if where.any():
                lost.setdefault(kind, []).append((depth[where.any(axis=0)], color))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(depth if len(depth) <= 20 else depth[:: len(depth) // 12])  # labels need room
    axes.set_ylim(min(drawn, default=1) / 2, max(drawn, default=1) * 2)
    for kind, marks in lost.items():
        for number, (at, color) in enumerate(marks):
            edge, marker = (0.0, "v") if kind == "zero" else (1.0, "x")
            options = {"clip_on": False, "markersize": 9, "markeredgewidth": 2.2, "zorder": 5}
            options |= {"label": None if number else kind, "transform": axes.get_xaxis_transform()}
            axes.plot(at, np.full(len(at), edge), marker, color=color, **options)
    label(axes, layer_label, "gradient norm (L2, log scale)", grid="both")
    axes.legend()
    return figure
