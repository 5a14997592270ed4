"""One look for every figure: palette, matplotlib style, and how a figure reaches the reader.

Colours keep one meaning through all notebooks: blue is an input, orange a kernel or weight,
green an output, vermillion what to look at. They are Okabe and Ito's, which people with any
colour vision tell apart; the background is white everywhere, so that a dark page changes nothing.
"""

import base64
import functools
import io
import pathlib

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure as _Figure
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from PIL import Image

from .._arguments import path_of
from ..display.once import ShownOnce, in_notebook

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, BLACK = "#56B4E9", "#CC79A7", "#F0E442", "#222222"
GRAY, LIGHT = "#767676", "#E4E4E4"

#: what a colour means
INPUT, KERNEL, OUTPUT, HIGHLIGHT, PADDING = BLUE, ORANGE, GREEN, VERMILLION, LIGHT
TRAIN, DEV, TEST = BLUE, VERMILLION, GREEN
#: for the first, second, … run, model or class
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, GRAY)
#: colour maps: amounts, signed values, grey-level images
SEQUENTIAL, DIVERGING, IMAGE = "Blues", "RdBu_r", "gray"

RC = mpl.rc_params_from_file(
    pathlib.Path(__file__).with_name("nndl.mplstyle"), use_default_template=False
)


def use_style():
    """A context in which matplotlib draws in the style of the notebooks.

    Returns
    -------
    context manager

    Examples
    --------
    >>> import matplotlib
    >>> from nndl.figures.style import use_style
    >>> with use_style():
    ...     matplotlib.rcParams["axes.titlesize"]
    12.0
    """
    return mpl.rc_context(RC)


class Figure(ShownOnce, _Figure):
    """A matplotlib Figure that a notebook shows once in the cell that draws it.

    It stays out of pyplot's list of open figures: the cell that made it shows it at once, the
    same cell ending with the figure shows no second copy, and a later cell shows it anew.
    """

    alt = ""
    dots = 150

    def _publish(self):
        from IPython.display import publish_display_data

        png, width = self.to_png()
        publish_display_data(
            {"image/png": base64.b64encode(png).decode(), "text/plain": self.alt or repr(self)},
            metadata={"image/png": {"width": width, "alt": self.alt, "needs_background": "light"}},
        )

    def to_png(self, dpi=None):
        """The figure as PNG bytes, and its width in CSS pixels.

        A page shows 100 pixels an inch, so that the default `dpi`, the figure's `dots` (150), stays
        sharp on dense displays. A large picture is reduced to 256 colours, which a notebook's
        size limit asks for.
        """
        buffer = io.BytesIO()
        with use_style():
            self.savefig(buffer, format="png", dpi=dpi or self.dots)
        if buffer.tell() > 150_000:
            picture = Image.open(buffer).convert("RGB").quantize(256)
            buffer = io.BytesIO()
            picture.save(buffer, format="png", optimize=True)
        return buffer.getvalue(), round(self.get_size_inches()[0] * 100)


def new_figure(rows=1, columns=1, size=None, **options):
    """A Figure in the notebooks' style with a grid of axes.

    Parameters
    ----------
    rows, columns : int
        Grid of axes; rows=0 gives an empty figure.
    size : (float, float), optional
        Width and height in inches; a page is 9 inches wide.
    **options
        For `Figure.subplots` (`sharex`, `squeeze`, `width_ratios`, …).

    Returns
    -------
    figure : Figure
    axes : Axes or array of Axes, None if rows is 0
    """
    with use_style():
        figure = Figure(figsize=size or (4.5 * max(columns, 1), 3.6 * max(rows, 1)))
        axes = figure.subplots(rows, columns, **options) if rows else None
    return figure, axes


def draws(function):
    """Decorate a function that returns a Figure: drawn in the style, shown once.

    The decorated function also takes `alt`, a sentence that replaces the picture for a reader
    who cannot see it; without it the first line of the function's docstring stands in, followed
    by the titles of the axes.
    """

    @functools.wraps(function)
    def drawn(*args, alt=None, **kwargs):
        with use_style():
            figure = function(*args, **kwargs)
        figure.alt = alt or _describe(function, figure)
        show(figure)
        return figure

    return drawn


def _describe(function, figure):
    summary = (function.__doc__ or function.__name__).strip().splitlines()[0].rstrip(".")
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes]
    titles = list(dict.fromkeys(title for title in titles if title))
    if len(titles) > 6:
        titles = [*titles[:5], "…", titles[-1]]
    return f"{summary}: {'; '.join(titles)}" if titles else summary


def show(figure):
    """Show a Figure once: in a notebook's cell, or in a window where the machine has one."""
    if in_notebook():
        figure._ipython_display_()
        return
    import matplotlib.pyplot as plt
    from matplotlib._pylab_helpers import Gcf

    number = max(plt.get_fignums(), default=0) + 1
    manager = plt.new_figure_manager(number, FigureClass=lambda: figure)
    if getattr(manager.canvas, "required_interactive_framework", None):
        Gcf.set_active(manager)
        plt.show()


def save(figure, path):
    """Write a figure to a file, making its folder; the ending chooses the format.

    Raises
    ------
    ValueError
        The ending is none that matplotlib writes (.png, .pdf, .svg, …).
    """
    path = path_of(path)
    formats = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in formats:
        raise ValueError(
            f"a figure's file must end in one of {', '.join(sorted(formats))}; got {str(path)!r}: "
            "try 'figure.pdf'"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with use_style():
        figure.savefig(path)


def label(axes, x=None, y=None, title=None, grid=None):
    """Write an axes' labels and title; the `grid` ('x', 'y' or 'both') lies behind the data."""
    if x is not None:
        axes.set_xlabel(x)
    if y is not None:
        axes.set_ylabel(y)
    if title is not None:
        axes.set_title(title)
    if grid:
        axes.grid(axis=grid)
    return axes


def write_titles(axes, titles, width, fontsize=10, pad=3):
    """Title axes that stand side by side, in one size at which none runs into its neighbour.

    Parameters
    ----------
    axes : iterable of Axes
    titles : sequence of str
        One for each of the axes, or for the first of them.
    width : float
        Inches from one to the next.
    fontsize, pad : float
        Points; the size is the largest that is used.
    """
    lines = [line for title in titles for line in title.split("\n") if line.strip()]
    widths = [TextPath((0, 0), line, size=100).get_extents().width / 100 for line in lines]
    fontsize = min(fontsize, 0.9 * 72 * width / max(widths, default=1))
    for side, title in zip(axes, titles, strict=False):
        side.set_title(title, fontsize=fontsize, pad=pad)


def cells(axes, values, color="none", edge="#555555", text="{:g}", origin=(0, 0), fontsize=11):
    """Draw a matrix as a grid of unit squares with its numbers, row 0 at the top.

    Parameters
    ----------
    axes : Axes
        Its y axis must point down (`grid_axes` sees to it).
    values : array [M, N]
    color : colour, or array of colours [M, N]
        Of the squares.
    edge : colour
    text : str or None
        Format of a number; None writes nothing.
    origin : (float, float)
        x and y of the upper left corner.
    fontsize : float
    """
    values = np.asarray(values)
    for i, j in np.ndindex(*values.shape):
        fill = color if isinstance(color, str) or np.ndim(color) <= 1 else color[i][j]
        x, y = origin[0] + j, origin[1] + i
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, edgecolor=edge, linewidth=0.9))
        if text is not None:
            dark = fill != "none" and np.dot(to_rgb(fill), (0.299, 0.587, 0.114)) < 0.5
            axes.text(
                *(x + 0.5, y + 0.5, text.format(values[i, j]).replace("-", "−")),
                ha="center",
                va="center",
                fontsize=fontsize,
                color="white" if dark else BLACK,
            )


def tint(color, strength=0.3):
    """A lighter shade of a colour: strength 1 is the colour itself, 0 white."""
    return to_hex([1 - strength * (1 - part) for part in to_rgb(color)])


def grid_axes(axes, width, height, margin=0.15):
    """Turn axes into a drawing board of unit squares, y pointing down, without ticks."""
    axes.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin), aspect="equal")
    axes.set_axis_off()
    return axes
