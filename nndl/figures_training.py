"""Figures of training: curves of one run and of many, gradients by depth, times, weight norms."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from . import style
from .style import CYCLE, DEV, TRAIN, draws, label, new_figure


def _records(runner, *names):
    """The runner's lists of records; an empty or missing one is an error that names it."""
    found = []
    for name in names:
        values = getattr(runner, name, None)
        if values is None:
            raise TypeError(
                f"expected a runner with the record {name!r}, got {type(runner).__name__} without "
                "it: pass the RunnerV3 object that was trained"
            )
        if len(values) == 0:
            remedy = "call runner.train(...) first"
            if name.startswith("dev"):
                remedy += ", with a dev_loader and eval_steps of at least 1"
            raise ValueError(f"expected values in runner.{name}, got none: {remedy}")
        found.append(list(values))
    return found


def _steps_and_values(pairs):
    pairs = np.asarray(pairs, dtype=float)
    return pairs[:, 0], pairs[:, 1]


def _dev_steps(dev_losses, dev_scores):
    """The steps at which the scores were taken: those of the dev losses, in the same order."""
    steps = [step for step, _ in dev_losses if step >= 0]
    return steps[-len(dev_scores) :], dev_scores[-len(steps) :]


def _loss_axes(axes, train, dev, train_style, dev_style, location, fontsize):
    axes.plot(*train, label="training loss", **train_style)
    axes.plot(*dev, label="dev loss", marker="o", markersize=3.5, **dev_style)
    label(axes, "training step", "loss (cross-entropy)", grid="both")
    axes.set_ylim(bottom=0)
    axes.legend(loc=location, fontsize=fontsize)


def _score_axes(axes, steps, scores, dev_style, location, fontsize):
    axes.plot(steps, scores, label="dev score", marker="o", markersize=3.5, **dev_style)
    label(axes, "training step", "dev score (accuracy)", grid="both")
    axes.legend(loc=location, fontsize=fontsize)


@draws
def plot(runner, fig_name=None):
    """Draw a runner's training loss, dev loss and dev score over the training steps.

    Parameters
    ----------
    runner : RunnerV3
        After `train` with a dev loader.
    fig_name : str, optional
        Also write the figure here ('figures/loss.pdf'); the folder is made.

    Returns
    -------
    Figure

    Raises
    ------
    TypeError, ValueError
        The object has no such records, or they are empty.

    Notes
    -----
    Notice where the dev loss turns upward while the training loss still falls: from there on the
    model learns the training images by heart.
    """
    train, dev, scores = _records(runner, "train_step_losses", "dev_losses", "dev_scores")
    figure, axes = new_figure(1, 2, size=(9, 3.6))
    train_style, dev_style = {"color": TRAIN, "linewidth": 1.2}, {"color": DEV}
    steps = (_steps_and_values(train), _steps_and_values(dev))
    _loss_axes(axes[0], *steps, train_style, dev_style, "upper right", None)
    _score_axes(axes[1], *_dev_steps(dev, scores), dev_style, "lower right", None)
    if fig_name is not None:
        style.save(figure, fig_name)
    return figure


@draws
def plot_training_loss_acc(
    runner,
    fig_name=None,
    fig_size=(16, 6),
    sample_step=20,
    loss_legend_loc="upper right",
    acc_legend_loc="lower right",
    train_color=TRAIN,
    dev_color=DEV,
    fontsize="large",
    train_linestyle="-",
    dev_linestyle="--",
):
    """Draw a runner's losses and score as the book does: every `sample_step`-th training step.

    Parameters
    ----------
    runner : RunnerV3
        After `train` with a dev loader.
    fig_name : str, optional
        Also write the figure here; the folder is made.
    fig_size : (float, float)
        Width and height in inches.
    sample_step : int
        Draw the training loss at every `sample_step`-th step.
    loss_legend_loc, acc_legend_loc : str
        Places of the legends, matplotlib's names.
    train_color, dev_color : colour
    fontsize : str or float
        Of labels and legends.
    train_linestyle, dev_linestyle : str

    Returns
    -------
    Figure

    Raises
    ------
    TypeError, ValueError
        The object has no such records, or they are empty; sample_step is not positive.
    """
    if int(sample_step) != sample_step or sample_step < 1:
        raise ValueError(f"sample_step must be a positive integer, got {sample_step!r}")
    train, dev, scores = _records(runner, "train_step_losses", "dev_losses", "dev_scores")
    figure, axes = new_figure(1, 2, size=fig_size)
    train_style = {"color": train_color, "linestyle": train_linestyle}
    dev_style = {"color": dev_color, "linestyle": dev_linestyle}
    steps = (_steps_and_values(train[:: int(sample_step)]), _steps_and_values(dev))
    _loss_axes(axes[0], *steps, train_style, dev_style, loss_legend_loc, fontsize)
    _score_axes(axes[1], *_dev_steps(dev, scores), dev_style, acc_legend_loc, fontsize)
    for side in axes:
        side.xaxis.label.set_fontsize(fontsize)
        side.yaxis.label.set_fontsize(fontsize)
    if fig_name is not None:
        style.save(figure, fig_name)
    return figure


def _smooth(values, window):
    """Mean over a centred window, shorter at both ends, so that the curve keeps its length."""
    if window <= 1:
        return values
    sums = np.cumsum(np.insert(values, 0, 0.0))
    right = np.minimum(np.arange(len(values)) + window // 2 + 1, len(values))
    left = np.maximum(np.arange(len(values)) - (window - 1) // 2, 0)
    return (sums[right] - sums[left]) / (right - left)


def _common_curve(curves, window):
    """Steps, mean, lowest and highest value over several runs, on the steps all have reached."""
    steps = _steps_and_values(curves[0])[0]
    last = min(_steps_and_values(curve)[0][-1] for curve in curves)
    steps = steps[steps <= last]
    values = []
    for curve in curves:
        own_steps, own_values = _steps_and_values(curve)
        values.append(np.interp(steps, own_steps, _smooth(own_values, window)))
    return steps, np.mean(values, axis=0), np.min(values, axis=0), np.max(values, axis=0)


def _run_curves(run):
    """(loss curve, score curve) of a runner or of a dict with its records."""
    if isinstance(run, dict):
        run = type("Records", (), run)
    train, dev, scores = _records(run, "train_step_losses", "dev_losses", "dev_scores")
    return train, list(zip(*_dev_steps(dev, scores), strict=True))


@draws
def compare_runs(runs, window=None, score_label="dev score (accuracy)", score_range=None):
    """Training loss and dev score of several settings, with the spread over their seeds.

    Parameters
    ----------
    runs : dict of str to runner, or to a list of runners (one a seed)
        Instead of a runner, a dict with the records `train_step_losses` [(step, loss)],
        `dev_losses` [(step, loss)] and `dev_scores` [score] does.
    window : int, optional
        Steps over which the training loss is averaged; a fiftieth of the run by default.
    score_label : str
    score_range : (float, float), optional
        Limits of the score axis.

    Returns
    -------
    Figure
        The line is the mean over the seeds, the band reaches from the lowest to the highest.

    Notes
    -----
    Two settings differ where their bands part; within a band the seed decides.
    """
    if not runs:
        raise ValueError("expected at least one run, got none: pass {'name': runner, ...}")
    figure, axes = new_figure(1, 2, size=(9, 3.8))
    for color, (name, seeds) in zip(_colors(len(runs)), runs.items(), strict=True):
        seeds = list(seeds) if isinstance(seeds, (list, tuple)) else [seeds]
        curves = [_run_curves(run) for run in seeds]
        smooth = window or max(1, len(curves[0][0]) // 50)
        legend = f"{name} ({len(seeds)} seeds)" if len(seeds) > 1 else name
        for side, width, part in ((axes[0], smooth, 0), (axes[1], 1, 1)):
            steps, mean, low, high = _common_curve([curve[part] for curve in curves], width)
            side.plot(steps, mean, color=color, label=legend)
            if len(seeds) > 1:
                side.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
    label(axes[0], "training step", "training loss (cross-entropy)", grid="both")
    label(axes[1], "training step", score_label, grid="both")
    axes[0].set_ylim(bottom=0)
    if score_range is not None:
        axes[1].set_ylim(*score_range)
    axes[1].legend(loc="lower right")
    return figure


def _colors(count):
    return [CYCLE[i % len(CYCLE)] for i in range(count)]


@draws
def gradient_norms(networks, layer_label="convolution, from the input to the output"):
    """Norm of the loss's gradient in each layer's weights, for several networks.

    Parameters
    ----------
    networks : dict of str to sequence of float, or to dict of layer name to float
        Layers in the order of the forward pass; `gradient_norms_of` measures them. A list of
        such sequences (one a seed or batch) draws its mean and range.
    layer_label : str

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
    for color, (name, norms) in zip(_colors(len(networks)), networks.items(), strict=True):
        repeats = norms if isinstance(norms, list) and np.ndim(norms[0]) else [norms]
        repeats = [list(r.values()) if isinstance(r, dict) else list(r) for r in repeats]
        repeats = np.asarray(repeats, dtype=float)
        depth = np.arange(1, repeats.shape[1] + 1)
        axes.plot(depth, repeats.mean(axis=0), color=color, marker="o", label=name)
        if len(repeats) > 1:
            low, high = repeats.min(axis=0), repeats.max(axis=0)
            axes.fill_between(depth, low, high, color=color, alpha=0.2, linewidth=0)
        lowest, highest = min(lowest, repeats.min()), max(highest, repeats.max())
    axes.set_yscale("log")
    axes.set_xticks(depth)
    axes.set_ylim(lowest / 2, highest * 2)
    label(axes, layer_label, "gradient norm (L2, log scale)", grid="both")
    axes.legend()
    return figure


def gradient_norms_of(model, X, y, loss_fn=None, layers=None):
    """Norm of the loss's gradient in the weight of each convolution, in the order of the model.

    Parameters
    ----------
    model : paddle.nn.Layer
    X : Tensor [N, C, M, N'] float32
    y : Tensor [N] int64
    loss_fn : callable, optional
        (logits, labels) -> loss; cross-entropy by default.
    layers : sequence of str, optional
        Names of parameters to look at; by default every weight with four axes that is larger
        than 1×1 (the convolutions of the main path).

    Returns
    -------
    dict of str to float
        Parameter name to the L2 norm of its gradient. The gradients of the model are cleared.
    """
    import paddle.nn.functional as F

    loss = (loss_fn or F.cross_entropy)(model(X), y)
    loss.backward()
    norms = {}
    for name, weight in model.named_parameters():
        main = len(weight.shape) == 4 and max(weight.shape[2:]) > 1
        if (name in layers if layers is not None else main) and weight.grad is not None:
            norms[name] = float(weight.grad.norm().item())
    model.clear_gradients()
    return norms


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
    for color, (name, values) in zip(_colors(len(curves)), curves.items(), strict=True):
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
        axes.legend(loc="center right")
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


@draws
def times(medians, unit="ms", title=None, quantity="time of one call"):
    """Times of several implementations as bars on a logarithmic axis.

    Parameters
    ----------
    medians : dict of str to float, to (median, lowest, highest), or to dict of group to these
        In `unit`; groups (for example 'forward', 'backward') become bars side by side.
    unit : str
    title : str, optional
    quantity : str
        What was timed.

    Returns
    -------
    Figure

    Notes
    -----
    Every grid line is a factor of ten; the whisker spans the fastest and the slowest repetition.
    """
    grouped = all(isinstance(value, dict) for value in medians.values())
    groups = list(next(iter(medians.values()))) if grouped else [None]
    height = 0.9 + len(medians) * (0.28 + 0.26 * len(groups))
    figure, axes = new_figure(size=(9, max(height, 2.2)))
    thick = 0.8 / len(groups)
    colors = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE)
    for number, group in enumerate(groups):
        rows = [value[group] if grouped else value for value in medians.values()]
        rows = np.array([(r, r, r) if np.ndim(r) == 0 else tuple(r) for r in rows], dtype=float)
        middle, low, high = rows.T
        y = np.arange(len(rows)) + (number - (len(groups) - 1) / 2) * thick
        whisker = [middle - low, high - middle]
        spread = {"xerr": whisker, "capsize": 3, "ecolor": "#333333"} if (high > low).any() else {}
        axes.barh(y, middle, thick * 0.92, color=colors[number % 4], label=group, **spread)
        for value, end, at in zip(middle, high, y, strict=True):
            axes.annotate(
                *(_short(value) + f" {unit}", (end, at)),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=10,
            )
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.12)
    axes.set_yticks(np.arange(len(medians)), list(medians))
    axes.invert_yaxis()
    label(axes, f"{quantity} ({unit}, log scale)", None, title, "x")
    axes.tick_params(axis="y", length=0)
    if grouped:
        figure.legend(loc="outside upper right", ncols=len(groups))
    return figure


def _short(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@draws
def weight_norms(norms, step_label="training step"):
    """Norm of the weights during training, for several settings.

    Parameters
    ----------
    norms : dict of str to sequence of (step, norm)
        For example with and without weight decay.
    step_label : str

    Returns
    -------
    Figure

    Notes
    -----
    Weight decay pulls the curve down; without it the norm grows as long as training goes on.
    """
    figure, axes = new_figure(size=(7.5, 3.6))
    for color, (name, values) in zip(_colors(len(norms)), norms.items(), strict=True):
        axes.plot(*_steps_and_values(values), color=color, label=name)
    label(axes, step_label, "norm of all weights (L2)", grid="both")
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure
