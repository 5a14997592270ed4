"""Figures of a trained network: mistakes, kernels, feature maps, probabilities."""

import numpy as np
from matplotlib.patches import Rectangle

from .._arguments import as_array, integer
from . import style
from .data import _image_axes, _width, as_pictures
from .given import as_many, class_ids, names_of, numbers, probabilities
from .style import draws, label, new_figure


@draws
def confusion_matrix(cm, class_names=None, title=None):
    """Which class is taken for which: rows are true classes, columns predictions.

    Parameters
    ----------
    cm : array [K, K] of int, or ConfusionMatrix
        Counts; row = true class.
    class_names : sequence of str, optional
    title : str, optional

    Returns
    -------
    Figure
        The colour of a mistake is its share within the row, on a scale of the mistakes alone; the
        diagonal is grey. The numbers are counts; they are left out of more than 40 classes.

    Notes
    -----
    Dark squares are pairs that the network mixes up.
    """
    if hasattr(cm, "matrix"):
        class_names = getattr(cm, "class_names", None) if class_names is None else class_names
        cm = cm.matrix
    cm = numbers("cm", cm, "[K, K]", low=0, remedy="pass counts, row = true class").astype(float)
    if (cm % 1).any():
        raise ValueError(
            "cm must be counts, got fractions: pass ConfusionMatrix(...).matrix; the colours are "
            "shares of a row anyway"
        )
    K = integer("the number of classes", len(cm), 1, 100)
    named, names = class_names is not None, names_of(K, class_names)
    share = cm / np.maximum(cm.sum(axis=1, keepdims=True), 1)
    size = 0.46 * K + 1.9 + (0.6 if named else 0)
    size += 0.07 * max(0, max(map(len, names)) - 12)  # the longest name takes room
    figure, axes = new_figure(size=(min(size + 0.6, 9), min(size, 8.2)))
    wrong = np.where(np.eye(K, dtype=bool), 0, share)
    most = wrong.max() or 1.0
    drawn = axes.imshow(100 * wrong, cmap=style.SEQUENTIAL, vmin=0, vmax=100 * most)
    for i, j in np.ndindex(K, K):
        if cm[i, j] and K <= 40:
            color = "white" if wrong[i, j] > 0.55 * most else style.BLACK
            axes.text(j, i, f"{cm[i, j]:.0f}", ha="center", va="center", color=color, fontsize=9)
    for k in range(K):
        axes.add_patch(Rectangle((k - 0.5, k - 0.5), 1, 1, color=style.LIGHT, zorder=1.5))
    turn = {"rotation": 50, "ha": "right"} if named else {}
    axes.set_xticks(range(K), names, **turn)
    axes.set_yticks(range(K), names)
    if K > 40:
        axes.tick_params(labelsize=360 / K)
    for side in axes.spines.values():
        side.set_visible(True)
    label(axes, "predicted class", "true class", title)
    figure.colorbar(drawn, ax=axes, shrink=0.8).set_label("mistakes (% of the true class)")
    return figure


@draws
def class_accuracy(accuracies, class_names=None, best_first=True):
    """Accuracy of each class as a bar.

    Parameters
    ----------
    accuracies : sequence of float [K], 0–1, or ConfusionMatrix
        nan for a class of which there is no sample: it has no bar, and is not in the mean.
    class_names : sequence of str, optional
    best_first : bool
        Sort the classes.

    Returns
    -------
    Figure

    Notes
    -----
    The dotted line is the mean; a good mean can hide a class that is mostly missed.
    """
    if hasattr(accuracies, "matrix"):
        known = getattr(accuracies, "class_names", None)
        class_names = known if class_names is None else class_names
        counts = as_array(accuracies.matrix).astype(float)
        with np.errstate(invalid="ignore"):
            accuracies = np.diag(counts) / counts.sum(axis=1)
    given = numbers("accuracies", accuracies, "", False, 0, 1, "divide per cent by 100")
    accuracies = given.astype(float).ravel()
    order = np.argsort(-accuracies, kind="stable") if best_first else np.arange(len(accuracies))
    names = names_of(integer("the number of classes", len(order), 1, 200), class_names)
    names = [names[k] for k in order]
    figure, axes = new_figure(size=(8, 0.3 * len(names) + 1.1))
    axes.barh(range(len(names)), 100 * accuracies[order], color=style.BLUE, height=0.72)
    for row, k in enumerate(order):
        inside, absent = accuracies[k] > 0.15, np.isnan(accuracies[k])
        axes.text(
            1 if absent else 100 * accuracies[k] + (-1 if inside else 1),
            row,
            "no samples" if absent else f"{accuracies[k]:.1%}",
            ha="right" if inside else "left",
            va="center",
            color="white" if inside else style.BLACK,
            fontsize=10,
        )
    mean = accuracies[~np.isnan(accuracies)].mean() if not np.isnan(accuracies).all() else np.nan
    axes.axvline(100 * mean, color=style.BLACK, linestyle=":", zorder=0.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(0, 100)
    axes.set_xticks(range(0, 101, 20))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    label(axes, "accuracy (%)", "true class", f"mean {mean:.1%}", "x")
    return figure


@draws
def worst_mistakes(images, logits, labels, class_names=None, count=10):
    """The wrong predictions that the network was surest of.

    Parameters
    ----------
    images : array or Tensor [B, M, N], [B, D, M, N] or [B, M, N, D]
    logits : array or Tensor [B, K]; [B, 1] for two classes
    labels : array or Tensor [B] of int
    class_names : sequence of str, optional
    count : int
        Mistakes shown at most.

    Returns
    -------
    Figure
        Above each image what it is; below, what the network took it for, with both
        probabilities.

    Raises
    ------
    ValueError
        There is no mistake to show, or not a label and an image for each row of logits.
    """
    share = probabilities(logits)
    images = as_many("images", as_array(images), len(share), "row of logits")
    labels = class_ids("labels", labels, *share.shape)
    names, count = names_of(share.shape[1], class_names), integer("count", count, 1, 100)
    predicted = share.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    if not len(wrong):
        raise ValueError(f"expected at least one mistake, but all {len(labels)} are right")
    surest = wrong[np.argsort(-share[wrong, predicted[wrong]], kind="stable")][:count]
    figure, axes = _image_axes(len(surest), 5, cell=1.75, text=0.68)
    pictures = as_pictures([images[k] for k in surest])
    titles = []
    for side, k, picture in zip(axes.flat, surest, pictures, strict=False):
        side.imshow(picture, cmap=style.IMAGE, vmin=0, vmax=1)
        titles.append(
            f"true: {names[labels[k]]} ({_percent(share[k, labels[k]])})\n"
            f"taken for {names[predicted[k]]} ({_percent(share[k, predicted[k]])})"
        )
    style.write_titles(axes.flat, titles, _width(figure, axes), 9)
    return figure


def _percent(share):
    if 0 < share < 0.001:
        return "<0.1%"
    return ">99.9%" if 0.999 < share < 1 else f"{share:.1%}"


@draws
def prediction(image, logits, class_names=None, label_index=None, top=5):
    """An image beside the network's probabilities for it.

    Parameters
    ----------
    image : array or Tensor [M, N], [D, M, N] or [M, N, D]
    logits : array or Tensor [K] or [1, K]; [1] for two classes
    class_names : sequence of str, optional
    label_index : int, optional
        The true class, drawn in green.
    top : int
        Classes shown.

    Returns
    -------
    Figure
    """
    forms = "[M, N] or [D, M, N] or [M, N, D] or [1, D, M, N]"
    image = numbers("image", image, forms, remedy="choose one image, image[0]")
    image = image[0] if image.ndim == 4 else image
    share = np.ravel(probabilities(logits, "[K] or [1, K]"))
    names = names_of(len(share), class_names)
    best = np.argsort(-share, kind="stable")[: integer("top", top, 1, 50)]
    figure, axes = new_figure(1, 2, size=(8, 0.34 * len(best) + 1.3), width_ratios=(1, 2))
    axes[0].imshow(as_pictures(image[None])[0], cmap=style.IMAGE, vmin=0, vmax=1)
    axes[0].set_axis_off()
    if label_index is not None:
        (label_index,) = class_ids("label_index", label_index, 1, len(share))
        axes[0].set_title(f"true: {names[label_index]}")
    colors = [style.GREEN if k == label_index else style.BLUE for k in best]
    axes[1].barh(range(len(best)), 100 * share[best], color=colors, height=0.7)
    for row, k in enumerate(best):
        inside = share[k] > 0.8
        axes[1].text(
            100 * share[k] + (-1.2 if inside else 1.2),
            row,
            _percent(share[k]),
            ha="right" if inside else "left",
            va="center",
            color="white" if inside else style.BLACK,
            fontsize=10,
        )
    axes[1].set_yticks(range(len(best)), [names[k] for k in best])
    axes[1].set_xlim(0, 100)
    axes[1].set_xticks(range(0, 101, 20))
    axes[1].invert_yaxis()
    axes[1].tick_params(axis="y", length=0)
    label(axes[1], "probability (%)", "class", None, "x")
    return figure


@draws
def grad_cam_overlay(images, heat, titles=None, opacity=0.5):
    """Images, and over each the heat map of what spoke for the class.

    Parameters
    ----------
    images : array or Tensor [B, M, N], [B, D, M, N] or [B, M, N, D]
    heat : array or Tensor [B, M′, N′] or [B, 1, M′, N′], 0–1
        From `grad_cam`.
    titles : sequence of str, optional
        Of each image, such as the prediction.
    opacity : float
        Of the heat, 0–1.

    Returns
    -------
    Figure

    Notes
    -----
    Yellow places raised the class's score. They should lie on the object; where they lie on the
    background, the network has learned the background.
    """
    from PIL import Image

    pictures = as_pictures(images)
    count = integer("the number of images", len(pictures), 1, 20)
    remedy = "divide it by its maximum, as grad_cam does"
    heat = numbers("heat", heat, "[B, M′, N′] or [B, 1, M′, N′]", True, 0, 1, remedy)
    heat = as_many("heat maps", heat[:, 0] if heat.ndim == 4 else heat, count)
    numbers("opacity", opacity, low=0, high=1)
    width = min(9.3, 1.7 * count + 0.9)
    figure, axes = new_figure(2, count, size=(width, 4), squeeze=False)
    for column, (picture, hot) in enumerate(zip(pictures, heat, strict=True)):
        size = picture.shape[1::-1]
        hot = np.asarray(Image.fromarray(hot.astype(np.float32)).resize(size, Image.BILINEAR))
        for row in (0, 1):
            axes[row, column].imshow(picture, cmap=style.IMAGE, vmin=0, vmax=1)
            axes[row, column].set_axis_off()
        drawn = axes[1, column].imshow(hot, cmap="inferno", alpha=opacity, vmin=0, vmax=1)
    if titles is not None:
        style.write_titles(axes[0], as_many("titles", titles, count), (width - 0.9) / count)
    bar = figure.colorbar(drawn, ax=axes[1].tolist(), shrink=0.9)
    bar.set_label("share of the maximum")
    bar.solids.set(alpha=1)
    return figure


def prediction_titles(logits, labels=None, class_names=None):
    """A line for each image: its most probable class, and the true one where they differ.

    Parameters
    ----------
    logits : array [B, K]; [B, 1] for two classes
    labels : sequence of int [B], optional
    class_names : sequence of str, optional

    Returns
    -------
    list of str
    """
    share, titles = probabilities(logits), []
    names = names_of(share.shape[1], class_names)
    labels = None if labels is None else class_ids("labels", labels, *share.shape)
    for number, row in enumerate(share):
        best = int(row.argmax())
        title = f"{names[best]} {_percent(row[best])}"
        if labels is not None and labels[number] != best:
            title += f"\n(true: {names[labels[number]]})"
        titles.append(title)
    return titles
