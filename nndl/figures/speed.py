"""Figures of speed: times of several programs, and how speed grows with the batch."""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from . import style
from .given import mapping, numbers
from .style import draws, label, new_figure
from .training import colors


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
    mapping("medians", medians, "{'loops': 90.0, 'ours': (2.0, 1.9, 2.3)}")
    grouped = all(isinstance(value, dict) for value in medians.values())
    groups = list(next(iter(medians.values()))) if grouped else [None]
    if grouped and any(set(value) != set(groups) for value in medians.values()):
        raise ValueError(f"medians must have the groups {groups} under every name")
    height = 0.9 + len(medians) * (0.28 + 0.26 * len(groups))
    figure, axes = new_figure(size=(9, max(height, 2.2)))
    thick = 0.8 / len(groups)
    fills = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE)
    for number, group in enumerate(groups):
        rows = [value[group] if grouped else value for value in medians.values()]
        rows = [r if isinstance(r, dict) or np.ndim(r) else (r, r, r) for r in rows]
        middle, low, high = numbers("medians", rows, "[program, 3]").astype(float).T
        if (low <= 0).any() or (low > middle).any() or (middle > high).any():
            raise ValueError("medians must be positive times, (median, lowest, highest)")
        y = np.arange(len(rows)) + (number - (len(groups) - 1) / 2) * thick
        whisker = [middle - low, high - middle]
        spread = {"xerr": whisker, "capsize": 3, "ecolor": "#333333"} if (high > low).any() else {}
        axes.barh(y, middle, thick * 0.92, color=fills[number % 4], label=group, **spread)
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


@draws
def work_and_time(points, reference=None, title=None):
    """Multiplications against measured time, a point for each program, on logarithmic axes.

    Parameters
    ----------
    points : dict of str to (float, float)
        Name to multiplications and milliseconds, both for one image.
    reference : str, optional
        Program through which a line of equal speed (multiplications a second) is drawn.
    title : str, optional

    Returns
    -------
    Figure

    Notes
    -----
    Below the line a program does more multiplications a second than the reference, above fewer.
    """
    mapping("points", points, "{'im2col': (multiplications, milliseconds)}")
    works, times_ = numbers("points", list(points.values()), "[program, 2]").astype(float).T
    if min(works.min(), times_.min()) <= 0:
        raise ValueError("points must be above 0, multiplications and milliseconds")
    if reference is not None and reference not in points:
        raise ValueError(f"reference must be one of {list(points)}, got {reference!r}")
    figure, axes = new_figure(size=(8, 4))
    for color, (name, (work, spent)) in zip(colors(points), points.items(), strict=True):
        axes.loglog(work, spent, "o", color=color, markersize=9)
        place = {"xytext": (-7, 6), "textcoords": "offset points", "ha": "right"}  # off the line
        axes.annotate(name, (work, spent), color=color, **place)
    low, high = works.min() / 2, works.max() * 3
    if reference is not None:
        work, spent = points[reference]
        line = np.array([low, high])
        axes.plot(line, spent * line / work, color=style.GRAY, linestyle=":", linewidth=1.2)
    axes.set(xlim=(low, high), ylim=(times_.min() / 2.5, times_.max() * 3))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    label(axes, "multiplications (log scale)", "time (ms, log scale)", title, "both")
    return figure


def _short(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
