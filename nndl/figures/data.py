"""Figures of data: images with labels, class histograms, one's own image made ready."""

import numpy as np

from .._arguments import as_array, integer
from . import style
from .given import as_many, class_ids, mapping, names_of, numbers
from .style import draws, label, new_figure
from .training import colors

#: most images of a grid: more take minutes and cannot be told apart
_MOST = 200


def as_pictures(images):
    """Images in the form that matplotlib shows.

    Parameters
    ----------
    images : array or Tensor [B, M, N], [B, 1, M, N], [B, 3, M, N] or [B, M, N, 3]
        Bytes 0–255, or floats, which are stretched from the lowest to the highest of each image.

    Returns
    -------
    list of array [M, N] or [M, N, 3], float64 in 0–1

    Raises
    ------
    TypeError, ValueError
        No images, another shape, pixels that are not finite.
    """
    pictures = []
    for image in images if isinstance(images, (list, tuple)) else numbers("images", images):
        image = numbers("images", image)
        if image.ndim == 3 and image.shape[0] in (1, 3):
            image = np.moveaxis(image, 0, -1)
        if image.ndim == 3 and image.shape[-1] == 1:
            image = image[..., 0]
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] != 3):
            raise ValueError(
                f"expected images [B, M, N], [B, 1 or 3, M, N] or [B, M, N, 3], got one of "
                f"shape {list(image.shape)}: for a single image add an axis with image[None]"
            )
        if image.dtype == np.uint8:
            pictures.append(image / 255)
        else:
            low, high = float(image.min()), float(image.max())
            pictures.append((image - low) / ((high - low) or 1.0))
    if not pictures:
        raise ValueError("expected at least one image, got none")
    return pictures


def _image_axes(count, columns, cell=1.1, text=0.3):
    columns = min(integer("columns", columns, 1), count)
    rows = -(-count // columns)
    size = (min(9, columns * cell + 0.2), rows * (min(9 / columns, cell) - 0.1 + text) + 0.1)
    figure, axes = new_figure(rows, columns, size=size, squeeze=False)
    for side in axes.flat:
        side.set_axis_off()
    return figure, axes


def _width(figure, axes):
    """Inches from one image to the next."""
    return figure.get_figwidth() / axes.shape[1]


@draws
def image_grid(images, labels=None, class_names=None, columns=10):
    """Images in rows, each with its label.

    Parameters
    ----------
    images : array or Tensor [B, M, N], [B, D, M, N] or [B, M, N, D]
    labels : sequence of int [B], optional
        Without class_names anything that can be written.
    class_names : sequence of str, optional
        Names of the labels; the numbers themselves by default.
    columns : int

    Returns
    -------
    Figure
        The first 200 images; where there are more, a title says so.
    """
    count = len(images)
    pictures = as_pictures(images[:_MOST])
    figure, axes = _image_axes(len(pictures), columns, text=0.3 if labels is not None else 0.02)
    for side, picture in zip(axes.flat, pictures, strict=False):
        side.imshow(picture, cmap=style.IMAGE, vmin=0, vmax=1)
    if labels is not None:
        if class_names is None:
            names = list(map(str, as_many("labels", as_array(labels).ravel(), count)))
        else:
            ids = class_ids("labels", labels, count, len(class_names))
            known = names_of(ids.max() + 1, class_names, exact=False)
            names = [known[k] for k in ids]
        style.write_titles(axes.flat, names[:_MOST], _width(figure, axes))
    if count > _MOST:
        figure.suptitle(f"the first {_MOST} of {count:,} images")
    return figure


@draws
def class_histogram(labels, class_names=None, unit="images"):
    """How many images each class has, in one split or several.

    Parameters
    ----------
    labels : dict of str to sequence of int
        Split to its labels.
    class_names : sequence of str, optional
    unit : str

    Returns
    -------
    Figure

    Notes
    -----
    Bars of one colour at the same height: the split is balanced, so that accuracy is a fair score.
    """
    splits = {
        name: class_ids(f"labels[{name!r}]", values)
        for name, values in mapping("labels", labels, "{'train': labels}").items()
    }
    count = 1 + max(int(values.max()) for values in splits.values())
    count = max(count, 0 if class_names is None else len(class_names))
    integer("the number of classes, largest label + 1,", count, 1, 1000)
    names = names_of(count, class_names)
    ticks = range(0, count, 1 if count <= 50 else -(-count // 12))
    figure, axes = new_figure(
        1, len(splits), size=(9, 3.0 if class_names is None else 3.6), squeeze=False
    )
    for side, color, (name, values) in zip(axes[0], colors(splits), splits.items(), strict=True):
        heights = np.bincount(values, minlength=count)
        side.bar(range(count), heights, color=color, width=0.75)
        least, most = heights.min(), heights.max()
        each = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        title = f"{name}: {len(values):,} {unit}\n{each} a class"
        label(side, "class", f"number of {unit}" if side is axes[0, 0] else None, title, "y")
        if class_names is None:
            side.set_xticks(ticks)
        else:
            side.set_xticks(ticks, names[:: ticks.step], rotation=60, ha="right", fontsize=9)
    return figure


@draws
def steps(pictures, columns=6):
    """An image after each step of its preparation.

    Parameters
    ----------
    pictures : dict of str to array [M, N], [D, M, N] or [M, N, D]
        What `nndl.dataset.preprocess_digit` or `preprocess_photo` returns.
    columns : int

    Returns
    -------
    Figure

    Notes
    -----
    The last picture is what the network sees: compare it with the training images.
    """
    mapping("pictures", pictures, "what preprocess_digit returns, or {'as given': image}")
    figure, axes = _image_axes(len(pictures), columns, cell=1.75, text=0.62)
    titles = []
    for number, (side, (name, picture)) in enumerate(
        zip(axes.flat, pictures.items(), strict=False), 1
    ):
        picture = numbers(f"pictures[{name!r}]", picture)
        height, width = picture.shape[-2:] if picture.shape[0] in (1, 3) else picture.shape[:2]
        if picture.dtype != np.uint8 and picture.min() >= 0 and picture.max() <= 1:
            picture = np.round(picture * 255).astype(np.uint8)
        side.imshow(as_pictures(picture[None])[0], cmap=style.IMAGE, vmin=0, vmax=1)
        titles.append(f"{number}. {name}\n{height}×{width} pixels")
    style.write_titles(axes.flat, titles, _width(figure, axes))
    return figure
