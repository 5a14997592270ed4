"""Figures of whole networks: gradients by depth, the loss between and around weights."""

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from . import style
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


@draws
def loss_line(positions, losses, ends=("start", "end"), title=None):
    """Loss along the straight line between two weight vectors.

    Parameters
    ----------
    positions : sequence of float
        Share of the way: 0 is the first weight vector, 1 the second.
    losses : sequence of float, or dict of str to sequence of float
        Loss at each position; a dict draws one curve a network.
    ends : (str, str)
        What stands at positions 0 and 1.
    title : str, optional

    Returns
    -------
    Figure

    Notes
    -----
    A smooth slope is easy for gradient descent; a wall or a plateau on the way is where it stalls.
    """
    figure, axes = new_figure(size=(7.5, 3.8))
    curves = losses if isinstance(losses, dict) else {None: losses}
    for color, (name, values) in zip(colors(curves), curves.items(), strict=True):
        axes.plot(positions, values, color=color, label=name, marker="o", markersize=3.5)
    for at, name in zip((0, 1), ends, strict=True):
        axes.axvline(at, color=style.GRAY, linestyle=":", linewidth=1.2)
        axes.annotate(
            *(name, (at, 1)),
            xycoords=("data", "axes fraction"),
            xytext=(4 if at == 0 else -4, -4),
            textcoords="offset points",
            ha="left" if at == 0 else "right",
            va="top",
            fontsize=10,
            color=style.GRAY,
        )
    label(axes, "position on the line between the weights", "loss (cross-entropy)", title, "both")
    if isinstance(losses, dict):
        axes.legend(loc="best")
    return figure


@draws
def loss_surface(alphas, betas, losses, titles=None, unit="filter-normalised direction"):
    """Loss over a two-dimensional slice of the weights of one or two networks.

    Parameters
    ----------
    alphas, betas : sequences of float, lengths A and B
        Steps along the two directions; (0, 0) is the trained network.
    losses : array [B, A], or dict of str to such arrays
    titles : sequence of str, optional
        Instead of the dict's names.
    unit : str
        Of a step.

    Returns
    -------
    Figure

    References
    ----------
    Li et al., *Visualizing the loss landscape of neural nets*, 2018.
    """
    slices = losses if isinstance(losses, dict) else {"": losses}
    values = [np.log10(np.maximum(np.asarray(v, dtype=float), 1e-8)) for v in slices.values()]
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    levels = np.linspace(low, high + 1e-9, 21)
    figure, axes = new_figure(1, len(values), size=(4.4 * len(values) + 0.6, 4), squeeze=False)
    for side, value, name in zip(axes[0], values, titles or slices, strict=True):
        drawn = side.contourf(alphas, betas, value, levels=levels, cmap="viridis")
        side.contour(alphas, betas, value, levels=levels, colors="white", linewidths=0.4)
        side.plot(0, 0, marker="*", markersize=13, color=style.VERMILLION, linestyle="none")
        label(side, f"step along direction 1\n({unit})", "step along direction 2", name)
        side.set_aspect("equal")
    bar = figure.colorbar(drawn, ax=list(axes[0]), ticks=MaxNLocator(6))
    bar.set_label("log10 of the loss")
    return figure
