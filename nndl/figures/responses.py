"""What kernels and pooling make of an image."""

import numpy as np

from .._arguments import integer
from . import style
from .given import mapping, numbers
from .style import draws, label, new_figure
from .training import colors

#: most maps in a row: more are too small to be seen, and take minutes
_MOST = 32


@draws
def edges(image, responses, absolute=True):
    """A photo and what several kernels make of it.

    Parameters
    ----------
    image : array [M, N] or [M, N, 3]
        Grey levels or colours, 0–255 or 0–1.
    responses : dict of str to array [M′, N′]
        Title to the kernel's output.
    absolute : bool
        Show the size of the response (white: strong edge); otherwise blue is negative, white
        zero, red positive. Responses that are all positive, as of a blur, stay grey levels.

    Returns
    -------
    Figure

    Notes
    -----
    Each panel has its own scale: the 98th percentile of its response is full brightness.
    """
    count = len(mapping("responses", responses, "{'vertical edges': response}")) + 1
    columns = 2 if count == 4 else min(3, count)
    rows = -(-count // columns)
    image = numbers("image", image, "[M, N] or [M, N, 3]")
    aspect = image.shape[0] / image.shape[1]
    figure, axes = new_figure(
        rows, columns, size=(9, rows * (9 / columns * aspect + 0.25)), squeeze=False
    )
    for side in axes.flat:
        side.set_axis_off()
    axes.flat[0].imshow(image, cmap=style.IMAGE)
    axes.flat[0].set_title("input")
    for side, (name, response) in zip(axes.flat[1:], responses.items(), strict=False):
        response = numbers(f"responses[{name!r}]", response)
        response = numbers(f"responses[{name!r}]", np.squeeze(response), "[M, N]").astype(float)
        limit = max(np.percentile(np.abs(response), 98), 1e-12)
        signed = response.min() < -0.02 * limit
        if not signed:
            side.imshow(response, cmap=style.IMAGE)
        elif absolute:
            side.imshow(np.abs(response), cmap=style.IMAGE, vmin=0, vmax=limit)
        else:
            side.imshow(response, cmap=style.DIVERGING, vmin=-limit, vmax=limit)
        side.set_title(name)
    figure.dots = 110
    return figure


@draws
def response_histogram(responses, bins=101, unit="grey levels"):
    """How often a kernel answers with which value, on a logarithmic count.

    Parameters
    ----------
    responses : dict of str to array
    bins : int
    unit : str
        Of a response.

    Returns
    -------
    Figure

    Notes
    -----
    Nearly all pixels answer with about zero: a photo is mostly smooth. The few strong responses
    in the tails are the edges.
    """
    figure, axes = new_figure(size=(8, 3.8))
    mapping("responses", responses, "{'vertical edges': response}")
    values = {name: numbers(name, value).ravel() for name, value in responses.items()}
    limit = max(np.abs(value).max() for value in values.values()) or 1.0
    steps = np.linspace(-limit, limit, bins)
    for color, (name, value) in zip(colors(values), values.items(), strict=True):
        axes.hist(value, steps, histtype="step", color=color, linewidth=1.8, label=name)
    axes.set_yscale("log")
    label(axes, f"response ({unit})", "number of pixels (log scale)", grid="both")
    axes.legend()
    return figure


@draws
def pooling(image, shifts=(0, 1, 2), size=2):
    """A digit shifted pixel by pixel, and how much less its pooled map changes.

    Parameters
    ----------
    image : array [M, N]
        One grey-level image or feature map.
    shifts : sequence of int
        Pixels to the right; the first one is the reference.
    size : int
        Pooling window and stride.

    Returns
    -------
    Figure
        Top: the shifted input; below: its max pooling. The number is the share of the map that
        changed against the reference: mean |difference| over mean |reference|.
    """
    image = numbers("image", np.squeeze(numbers("image", image)), "[M, N]").astype(float)
    integer("size", size, 1, min(image.shape))
    figure, axes = new_figure(2, len(shifts), size=(2.7 * len(shifts) + 0.5, 5.9), squeeze=False)
    names = ("input", f"after max pooling {size}×{size}")
    references = None
    for column, shift in enumerate(shifts):
        moved = np.pad(image, ((0, 0), (shift, 0)))[:, : image.shape[1]]
        rows, columns = (length // size for length in moved.shape)
        blocks = moved[: rows * size, : columns * size].reshape(rows, size, columns, size)
        pooled = blocks.max(axis=(1, 3))
        references = references or (moved, pooled)
        for row, (value, first) in enumerate(zip((moved, pooled), references, strict=True)):
            change = np.abs(value - first).mean() / max(np.abs(first).mean(), 1e-12)
            side = axes[row, column]
            side.imshow(value, cmap=style.IMAGE)
            title = f"shifted by {shift}: {change:.0%} changed" if shift else "not shifted"
            row_name = f"{names[row]}\nrow (pixels)" if not column else None
            label(side, "column (pixels)", row_name, title)
            side.title.set_fontsize(11)
    return figure


@draws
def signals(values, x="position (pixels)", unit="grey levels", marks=(), start=0):
    """Signals in one dimension below one another, on a shared axis.

    Parameters
    ----------
    values : dict of str to array [M]
        Title of a panel to its signal; NaN where a signal is not defined.
    x, unit : str
        Labels of the axes.
    marks : sequence of float
        Positions of dashed vertical lines through all panels.
    start : int
        Position of the first value.

    Returns
    -------
    Figure

    Notes
    -----
    A derivative is read off below the place where the signal above it changes.
    """
    mapping("values", values, "{'name': values, ...}")
    named = {n: np.ravel(numbers(n, value, finite=False)) for n, value in values.items()}
    figure, axes = new_figure(
        len(named), 1, size=(8, 1.65 * len(named) + 0.6), sharex=True, squeeze=False
    )
    for color, side, (name, value) in zip(colors(named), axes[:, 0], named.items(), strict=True):
        positions = start + np.arange(len(value))
        dots = "o" if len(value) <= 60 else None
        side.axhline(0, color=style.GRAY, linewidth=0.8)
        for mark in marks:
            side.axvline(mark, color=style.GRAY, linewidth=1, linestyle="--")
        side.plot(positions, value, color=color, marker=dots)
        label(side, None, unit, name, grid="x")
    axes[-1, 0].set_xlabel(x)
    return figure


@draws
def maps_side_by_side(named, title=None, quantity="weight"):
    """Kernels or feature maps, a row for each name, all on one scale on which zero is white.

    Parameters
    ----------
    named : dict of str to array [P, M, N] or [P, 1, M, N]
        For example untrained and trained.
    title : str, optional
    quantity : str
        Label of the colour bar.

    Returns
    -------
    Figure
        Red is positive, blue negative; the 99.5th percentile of all sizes is full colour. Of more
        than 32 maps the first 32 are shown, which the title says.
    """
    arrays, remedy = {}, "choose one input channel, weights[:, 0]"
    for name, value in mapping("named", named, "{'conv1': model.conv1.weight}").items():
        value = numbers(name, value, "[P, M, N] or [P, 1, M, N]", remedy=remedy).astype(float)
        arrays[name] = value[:, 0] if value.ndim == 4 else value
    columns = max(map(len, arrays.values()))
    if columns > _MOST:
        title = f"{title or 'maps'}: the first {_MOST} of {columns}"
        arrays, columns = {name: value[:_MOST] for name, value in arrays.items()}, _MOST
    limit = np.percentile(np.abs(np.concatenate([v.ravel() for v in arrays.values()])), 99.5)
    cell = min(1.15, 7.3 / columns)
    size = (cell * columns + 1.7, (cell + 0.06) * len(arrays) + (0.75 if title else 0.35))
    figure, axes = new_figure(len(arrays), columns, size=size, squeeze=False)
    for row, (name, maps) in zip(axes, arrays.items(), strict=True):
        for number, side in enumerate(row):
            side.set(xticks=[], yticks=[])
            side.spines[:].set_visible(True)
            if number < len(maps):
                shown = side.imshow(maps[number], cmap=style.DIVERGING, vmin=-limit, vmax=limit)
            else:
                side.set_axis_off()
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for number, side in enumerate(axes[0], 1):
        side.set_title(str(number), fontsize=9, pad=3)
    figure.colorbar(shown, ax=axes, shrink=0.9).set_label(quantity)
    if title:
        figure.suptitle(title)
    return figure
