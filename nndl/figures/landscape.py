"""Figures of whole networks: gradients by depth."""

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

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

    Notes
    -----
    Without the direct edges the gradient shrinks or grows from layer to layer on its way back;
    with them it arrives at the first layers about as large as it left the last.
    """
    figure, axes = new_figure(size=(9, 3.8))
    lowest, highest = np.inf, 0.0
    for color, (name, norms) in zip(colors(networks, palette), networks.items(), strict=True):
        several = isinstance(norms, list) and (isinstance(norms[0], dict) or np.ndim(norms[0]))
        repeats = norms if several else [norms]
        repeats = [list(r.values()) if isinstance(r, dict) else list(r) for r in repeats]
        repeats = np.asarray(repeats, dtype=float)
        depth = np.arange(1, repeats.shape[1] + 1)
        axes.plot(depth, repeats.mean(axis=0), color=color, marker="o", label=name)
        if len(repeats) > 1:
            low, high = repeats.min(axis=0), repeats.max(axis=0)
            axes.fill_between(depth, low, high, color=color, alpha=0.2, linewidth=0)
        lowest, highest = min(lowest, repeats.min()), max(highest, repeats.max())
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(depth if len(depth) <= 20 else depth[:: len(depth) // 12])  # labels need room
    axes.set_ylim(lowest / 2, highest * 2)
    label(axes, layer_label, "gradient norm (L2, log scale)", grid="both")
    axes.legend()
    return figure
