"""Grad-CAM: the parts of an image that speak for a class."""

import numpy as np

from . import style
from .figures_data import _class_name, as_pictures
from .figures_results import _percent, softmax, watching
from .style import draws, new_figure


def grad_cam(model, layer, X, classes=None):
    """How much each place of an image raises the score of a class.

    The gradient of the class's logit, averaged over a feature map, is the weight of that map;
    the weighted sum of the maps, where positive, is the answer.

    Parameters
    ----------
    model : paddle.nn.Layer
        Logits out; taken in eval mode and left as it was, its gradients too.
    layer : str or paddle.nn.Layer
        Whose feature maps to weigh, for ResNet18 'module4' or 'module5'.
    X : Tensor [N, C, M, N'] float32
    classes : sequence of int [N], optional
        Which logit; the highest by default.

    Returns
    -------
    heat : array [N, M', N'] float32, 0–1
        At the size of the layer's maps.
    logits : array [N, K] float32

    References
    ----------
    Selvaraju et al., *Grad-CAM: visual explanations from deep networks*, 2017.
    """
    import paddle

    inputs = X.detach()
    inputs.stop_gradient = False
    with watching(model, layer) as caught:
        logits = model(inputs)
        maps = caught[-1]
        if len(maps.shape) != 4:
            raise ValueError(
                f"expected a layer with feature maps [N, P, M', N'], {layer!r} gives "
                f"{maps.shape}: choose a convolution or a module of them"
            )
        maps.retain_grads()
        chosen = logits.argmax(axis=1) if classes is None else paddle.to_tensor(classes)
        paddle.take_along_axis(logits, chosen.reshape([-1, 1]).astype("int64"), 1).sum().backward()
    gradient = maps.grad
    weights = gradient.numpy().mean(axis=(2, 3), keepdims=True)
    heat = np.maximum((weights * maps.numpy()).sum(axis=1), 0)
    highest = heat.max(axis=(1, 2), keepdims=True)
    return heat / np.where(highest > 0, highest, 1), logits.numpy()


@draws
def grad_cam_overlay(images, heat, titles=None, opacity=0.5):
    """Images, and over each the heat map of what spoke for the class.

    Parameters
    ----------
    images : array or Tensor [N, M, N'], [N, C, M, N'] or [N, M, N', C]
    heat : array [N, M', N'], 0–1
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
    figure, axes = new_figure(2, count, size=(min(9.3, 1.7 * count + 0.9), 4), squeeze=False)
    for column, (picture, hot) in enumerate(zip(pictures, heat, strict=True)):
        size = picture.shape[1::-1]
        hot = np.asarray(Image.fromarray(hot.astype(np.float32)).resize(size, Image.BILINEAR))
        for row in (0, 1):
            axes[row, column].imshow(picture, cmap=style.IMAGE, vmin=0, vmax=1)
            axes[row, column].set_axis_off()
        drawn = axes[1, column].imshow(hot, cmap="inferno", alpha=opacity, vmin=0, vmax=1)
        if titles is not None:
            axes[0, column].set_title(titles[column], fontsize=10)
    bar = figure.colorbar(drawn, ax=axes[1].tolist(), shrink=0.9)
    bar.set_label("share of the maximum")
    bar.solids.set(alpha=1)
    return figure


def prediction_titles(logits, labels=None, class_names=None):
    """A line for each image: its most probable class, and the true one where they differ.

    Parameters
    ----------
    logits : array [N, K]
    labels : sequence of int [N], optional
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
            true = int(style.as_array(labels).ravel()[number])
            title += "" if true == best else f"\n(true: {_class_name(true, class_names)})"
        titles.append(title)
    return titles
