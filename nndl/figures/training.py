"""Figures of training: curves of one run, of several settings and seeds."""

import itertools

import numpy as np
from matplotlib.ticker import MaxNLocator

from .._arguments import integer
from . import style
from .given import mapping, numbers
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


def _curves(runner, size, fig_name, sample_step=1, train_style=None, dev_style=None,
            locations=("upper right", "lower right"), fontsize=None):  # fmt: skip
    """Losses on the left, scores on the right, each where the runner has records of it."""
    (train,) = _records(runner, "train_step_losses")
    dev, scores = (list(getattr(runner, name, None) or []) for name in ("dev_losses", "dev_scores"))
    dev = [(step, loss) for step, loss in dev if step >= 0]
    figure, axes = new_figure(1, 2 if scores and dev else 1, size=size)
    axes = list(np.ravel(axes))
    steps, losses = _steps_and_values(train[::sample_step])
    axes[0].plot(steps, losses, label="training loss", **(train_style or {"color": TRAIN}))
    dev_style = {"color": DEV, "marker": "o", "markersize": 3.5, **(dev_style or {})}
    if dev:
        axes[0].plot(*_steps_and_values(dev), label="dev loss", **dev_style)
    if dev and min(loss for _, loss in dev) < 0.1:  # what matters would lie on a linear axis' floor
        label(axes[0], "training step", "loss (log scale)", grid="both")
        axes[0].set_yscale("log")
        axes[0].set_ylim(bottom=max(np.percentile(losses, 1) / 2, 1e-4))
    else:
        label(axes[0], "training step", "loss", grid="both")
        axes[0].set_ylim(bottom=min(0, losses.min()))
    if len(axes) == 2:
        axes[1].plot(*_dev_steps(dev, scores), label="dev score", **dev_style)
        trained = list(getattr(runner, "train_scores", []))
        if trained:
            ends = (np.arange(len(trained)) + 1) * len(train) / len(trained) - 1
            axes[1].plot(ends, trained, label="training score", **(train_style or {"color": TRAIN}))
        name = next(iter(getattr(runner, "dev_metrics", {})), "accuracy")
        label(axes[1], "training step", f"score ({name})", grid="both")
        axes[1].set_xlim(axes[0].get_xlim())
    for side, location in zip(axes, locations, strict=False):
        side.legend(loc=location, fontsize=fontsize)
        if fontsize is not None:
            side.xaxis.label.set_fontsize(fontsize)
            side.yaxis.label.set_fontsize(fontsize)
    if fig_name is not None:
        ending = "" if "." in str(fig_name).replace("\\", "/").rpartition("/")[2] else ".png"
        style.save(figure, f"{fig_name}{ending}")
    return figure


@draws
def plot(runner, fig_name=None):
    """Draw a runner's training loss, dev loss and dev score over the training steps.

    Parameters
    ----------
    runner : RunnerV3
        After `train`; without evaluations the training loss is drawn alone, with
        `train_scores` they are drawn too.
    fig_name : str, optional
        Also write the figure here ('figures/loss.pdf', a .png without an ending); the folder is
        made.

    Returns
    -------
    Figure

    Raises
    ------
    TypeError, ValueError
        The object has no training losses.

    Notes
    -----
    Notice where the dev loss turns upward while the training loss still falls: from there on the
    model learns the training images by heart.
    """
    return _curves(runner, (9, 3.6), fig_name, 1, {"color": TRAIN, "linewidth": 1.2})


@draws
def plot_training_loss(runner, fig_name=None, sample_step=1):
    """Draw a runner's losses alone; see `plot_training_loss_acc`."""
    integer("sample_step", sample_step, 1)
    names = ("train_step_losses", "dev_losses")
    losses = {name: getattr(runner, name, None) for name in names}
    return _curves(type("Records", (), losses)(), (6, 4), fig_name, sample_step)


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
        After `train`.
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
    integer("sample_step", sample_step, 1)
    return _curves(
        runner, fig_size, fig_name, sample_step,
        {"color": train_color, "linestyle": train_linestyle},
        {"color": dev_color, "linestyle": dev_linestyle},
        (loss_legend_loc, acc_legend_loc), fontsize,
    )  # fmt: skip


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
def compare_runs(
    runs,
    window=None,
    score_label="dev score (accuracy)",
    score_range=None,
    palette=None,
    epoch=None,
):
    """Training loss and dev score of several settings; a band spans the seeds of one setting.

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
    palette : sequence of colour, optional
        One for each setting, where figures beside this one show the same settings.
    epoch : int, optional
        Steps of an epoch: the x-axes then count epochs.

    Returns
    -------
    Figure
        The line is the mean over the seeds, the band reaches from the lowest to the highest.

    Notes
    -----
    Two settings differ where their bands part; within a band the seed decides.
    """
    mapping("runs", runs, "{'name': runner, ...}")
    figure, axes = new_figure(1, 2, size=(9, 3.8))
    for color, (name, seeds) in zip(colors(runs, palette), runs.items(), strict=True):
        seeds = list(seeds) if isinstance(seeds, (list, tuple)) else [seeds]
        curves = [_run_curves(run) for run in seeds]
        smooth = window or max(1, len(curves[0][0]) // 50)
        legend = f"{name} ({len(seeds)} seeds)" if len(seeds) > 1 else name
        for side, width, part in ((axes[0], smooth, 0), (axes[1], 1, 1)):
            steps, mean, low, high = _common_curve([curve[part] for curve in curves], width)
            steps = steps / (epoch or 1)
            marker = "o" if part and len(steps) <= 30 else None
            side.plot(steps, mean, color=color, label=legend, marker=marker, markersize=4)
            if len(seeds) > 1:
                side.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
    for side in axes:  # long runs have long numbers
        side.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        side.xaxis.set_major_formatter("{x:,.0f}")
        side.set_xlim(axes[0].get_xlim())
    counted = "epoch" if epoch else "training step"
    label(axes[0], counted, "training loss (cross-entropy)", grid="both")
    label(axes[1], counted, score_label, grid="both")
    axes[0].set_ylim(bottom=0)
    if score_range is not None:
        axes[1].set_ylim(*score_range)
    # Below the curves, since it would cover some of many; as many columns as the names leave room.
    handles, names = axes[1].get_legend_handles_labels()
    columns = min(len(names), max(1, 100 // (max(map(len, names)) + 8)))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)
    return figure


def colors(names, palette=None):
    """A colour for every name: of the palette, else of the cycle, over again where it ends."""
    if palette is not None and len(palette) != len(names):
        raise ValueError(
            f"expected a palette of {len(names)} colours, one for each of {list(names)}, "
            f"got {len(palette)}"
        )
    return list(palette or itertools.islice(itertools.cycle(CYCLE), len(names)))


@draws
def curves(named, x, y, log_x=False, marks=(), y_range=None, palette=None):
    """Curves of a few settings over one quantity, with the spread over their seeds.

    Parameters
    ----------
    named : dict of str to (x [K], y [K]) or (x [K], y [seeds, K])
    x, y : str
        Labels of the axes.
    log_x : bool
    marks : sequence of float
        Positions of dashed vertical lines.
    y_range : (float, float), optional
    palette : sequence of colour, optional
        As in `compare_runs`.

    Returns
    -------
    Figure
        The line is the mean over the seeds, the band reaches from the lowest to the highest.
    """
    mapping("named", named, "{'SGD': (steps, losses)}")
    figure, axes = new_figure(size=(7.5, 3.6))
    for color, (name, (at, values)) in zip(colors(named, palette), named.items(), strict=True):
        at = numbers(f"x of {name!r}", at, "[K]")
        forms = f"[{len(at)}] or [seeds, {len(at)}]"  # as many as there are x
        values = np.atleast_2d(numbers(f"y of {name!r}", values, forms, finite=False))
        marker = "o" if values.shape[1] <= 30 else None
        axes.plot(at, values.mean(axis=0), color=color, label=name, marker=marker, markersize=4)
        if len(values) > 1:
            low, high = values.min(axis=0), values.max(axis=0)
            axes.fill_between(at, low, high, color=color, alpha=0.2, linewidth=0)
    for mark in marks:
        axes.axvline(mark, color=style.GRAY, linewidth=1, linestyle="--")
    if log_x:
        axes.set_xscale("log")
        x += ", log scale"
    if y_range is not None:
        axes.set_ylim(*y_range)
    label(axes, x, y, grid="both")
    if any(named):
        axes.legend()
    return figure


@draws
def effects(named, x):
    """Mean effects with their intervals, one row an effect, one panel a quantity.

    Parameters
    ----------
    named : dict of str to dict of str to (mean, half width)
        Title of a panel to its rows, in any order; a panel without some row leaves its place
        empty. A half width of nan (a single run) draws the mean alone.
    x : str
        Label of the horizontal axes.

    Returns
    -------
    Figure
        Full marks where the interval lies on one side of 0, hollow ones where it holds 0 or where
        there is none.

    Raises
    ------
    ValueError
        There is no row.
    """
    settings = list(dict.fromkeys(name for rows in named.values() for name in rows))
    if not settings:
        raise ValueError("effects expects at least one row, {panel: {row: (mean, half)}}, got none")
    size = 3.9 * len(named) + 1.2, 0.36 * len(settings) + 1.1
    figure, axes = new_figure(1, len(named), size=size, sharey=True)
    for panel, (title, rows) in zip(np.ravel(axes), named.items(), strict=True):
        for name, (mean, half) in rows.items():
            place = settings.index(name)
            fill = style.BLUE if abs(mean) > half else "white"
            panel.errorbar(mean, place, xerr=half, color=style.BLUE, capsize=3)
            panel.plot(mean, place, "o", color=style.BLUE, markerfacecolor=fill)
        panel.axvline(0, color=style.GRAY, linewidth=1, linestyle="--")
        label(panel, x, "setting", title, grid="x")
    first, *others = np.ravel(axes)
    first.set_yticks(range(len(settings)), settings)
    first.set_ylim(len(settings) - 0.5, -0.5)
    for panel in others:
        panel.set_ylabel("")
    return figure
