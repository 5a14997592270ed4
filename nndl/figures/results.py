"""Figures of a trained network: mistakes, kernels, feature maps, probabilities."""

import numpy as np
from matplotlib.patches import Rectangle

from .._arguments import as_array
from ..analysis.gradcam import softmax
from . import style
from .data import _class_name, _image_axes, _width, as_pictures
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
        diagonal is grey. The numbers are counts.

    Notes
    -----
    Dark squares are pairs that the network mixes up.
    """
    if hasattr(cm, "matrix"):
        class_names = class_names or getattr(cm, "class_names", None)
        cm = cm.matrix
    cm = as_array(cm).astype(float)
    if cm.ndim != 2 or cm.shape[0] != cm.shape[1]:
        raise ValueError(f"expected a square matrix of counts [K, K], got shape {list(cm.shape)}")
    K = len(cm)
    share = cm / np.maximum(cm.sum(axis=1, keepdims=True), 1)
    size = 0.46 * K + 1.9 + (0.6 if class_names else 0)
    figure, axes = new_figure(size=(min(size + 0.6, 9), min(size, 8.2)))
    wrong = np.where(np.eye(K, dtype=bool), 0, share)
    most = wrong.max() or 1.0
    drawn = axes.imshow(100 * wrong, cmap=style.SEQUENTIAL, vmin=0, vmax=100 * most)
    for i, j in np.ndindex(K, K):
        if cm[i, j]:
            color = "white" if wrong[i, j] > 0.55 * most else style.BLACK
            axes.text(j, i, f"{cm[i, j]:.0f}", ha="center", va="center", color=color, fontsize=9)
    for k in range(K):
        axes.add_patch(Rectangle((k - 0.5, k - 0.5), 1, 1, color=style.LIGHT, zorder=1.5))
    names = [_class_name(k, class_names) for k in range(K)]
    turn = {"rotation": 50, "ha": "right"} if class_names else {}
    axes.set_xticks(range(K), names, **turn)
    axes.set_yticks(range(K), names)
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
        class_names = class_names or getattr(accuracies, "class_names", None)
        counts = as_array(accuracies.matrix).astype(float)
        with np.errstate(invalid="ignore"):
            accuracies = np.diag(counts) / counts.sum(axis=1)
    accuracies = as_array(accuracies).astype(float).ravel()
    order = np.argsort(-accuracies, kind="stable") if best_first else np.arange(len(accuracies))
    names = [_class_name(k, class_names) for k in order]
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
        There is no mistake to show.
    """
    probabilities, labels = softmax(logits), as_array(labels).ravel().astype(int)
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    if not len(wrong):
        raise ValueError(f"expected at least one mistake, but all {len(labels)} are right")
    surest = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:count]
    figure, axes = _image_axes(len(surest), 5, cell=1.75, text=0.68)
    pictures = as_pictures(as_array(images)[surest])
    titles = []
    for side, k, picture in zip(axes.flat, surest, pictures, strict=False):
        side.imshow(picture, cmap=style.IMAGE, vmin=0, vmax=1)
        true, taken = (_class_name(c, class_names) for c in (labels[k], predicted[k]))
        titles.append(
            f"true: {true} ({_percent(probabilities[k, labels[k]])})\n"
            f"taken for {taken} ({_percent(probabilities[k, predicted[k]])})"
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
    image = as_array(image)
    image = image[0] if image.ndim == 4 else image
    share = softmax(as_array(logits).ravel())
    best = np.argsort(-share, kind="stable")[:top]
    figure, axes = new_figure(1, 2, size=(8, 0.34 * len(best) + 1.3), width_ratios=(1, 2))
    axes[0].imshow(as_pictures(image[None])[0], cmap=style.IMAGE, vmin=0, vmax=1)
    axes[0].set_axis_off()
    if label_index is not None:
        axes[0].set_title(f"true: {_class_name(label_index, class_names)}")
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
    axes[1].set_yticks(range(len(best)), [_class_name(k, class_names) for k in best])
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
    heat : array [B, M′, N′], 0–1
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
    count = len(pictures)
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
        style.write_titles(axes[0], titles, (width - 0.9) / count)
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
    titles = []
    for number, share in enumerate(softmax(logits)):
        best = int(share.argmax())
        title = f"{_class_name(best, class_names)} {_percent(share[best])}"
        if labels is not None:
            true = int(as_array(labels).ravel()[number])
            title += "" if true == best else f"\n(true: {_class_name(true, class_names)})"
        titles.append(title)
    return titles
