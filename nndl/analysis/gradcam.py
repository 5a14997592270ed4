"""Grad-CAM: the parts of an image that speak for a class."""

import numpy as np

from .._arguments import as_array
from ..probe import logits_of, watching


def softmax(logits):
    """Probabilities of logits along the last axis, as float64.

    A single logit z is that of class 1 of two: probabilities 1 − σ(z) and σ(z).
    """
    logits = as_array(logits).astype(float)
    if logits.shape[-1:] == (1,):
        logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def grad_cam(model, layer, X, classes=None):
    """How much each place of an image raises the score of a class.

    The gradient of the class's logit, averaged over a feature map, is the weight of that map;
    the weighted sum of the maps, where positive, is the answer.

    Parameters
    ----------
    model : paddle.nn.Layer
        Logits [B, K] out, alone or first of several outputs (or called 'logits' in a dict); with
        one column the classes are 1, for which it speaks, and 0. Taken in eval mode and left as
        it was, its gradients too.
    layer : str or paddle.nn.Layer
        Whose feature maps to weigh, for ResNet18 'module4' or 'module5'.
    X : Tensor or array [B, D, M, N] float32
    classes : sequence of int [B], optional
        Which logit; the highest by default.

    Returns
    -------
    heat : array [B, M′, N′] float32, 0–1
        At the size of the layer's maps.
    logits : array [B, K] float32

    Raises
    ------
    ValueError
        Images or classes that the model does not take; a layer without maps, or of no effect.

    References
    ----------
    Selvaraju et al., *Grad-CAM: visual explanations from deep networks*, 2017.
    """
    import paddle

    inputs = X.detach() if isinstance(X, paddle.Tensor) else paddle.to_tensor(as_array(X))
    if inputs.dtype == paddle.float64:  # NumPy's own: the model's is meant
        inputs = inputs.astype(next((p.dtype for p in model.parameters()), inputs.dtype))
    inputs.stop_gradient = False
    with watching(model, layer) as caught, paddle.enable_grad():
        try:
            output = model(inputs)
        except Exception as error:
            if len(inputs.shape) == 4 and inputs.is_floating_point():
                raise
            kind = str(inputs.dtype).removeprefix("paddle.")
            raise ValueError(
                f"X must be images [B, D, M, N], prepared as for training (float32), got {kind} "
                f"{list(inputs.shape)}: one image needs an axis more, X[None]; bytes need the "
                "transforms"
            ) from error
        logits = logits_of(output)
        maps = caught.maps()
        maps.retain_grads()
        scores = paddle.concat([-logits, logits], axis=1) if logits.shape[1] == 1 else logits
        ids = as_array(scores.argmax(axis=1) if classes is None else classes).ravel()
        B, K = scores.shape
        if len(ids) != B or not np.isin(ids, np.arange(K)).all():
            raise ValueError(
                f"classes must be {B} class ids, one for each image, from 0 to {K - 1}, got "
                f"{ids.tolist()}"
            )
        chosen = paddle.to_tensor(ids)
        paddle.take_along_axis(scores, chosen.reshape([-1, 1]).astype("int64"), 1).sum().backward()
    if maps.grad is None:
        raise ValueError(
            f"expected a layer that the logits depend on, got {layer!r}: choose another"
        )
    weights = maps.grad.numpy().mean(axis=(2, 3), keepdims=True)
    heat = np.maximum((weights * maps.numpy()).sum(axis=1), 0)
    highest = heat.max(axis=(1, 2), keepdims=True)
    return heat / np.where(highest > 0, highest, 1), logits.numpy()
