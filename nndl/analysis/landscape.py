"""Gradients by depth."""

import paddle.nn.functional as F


def gradient_norms_of(model, X, y, loss_fn=None, layers=None):
    """Norm of the loss's gradient in the weight of each convolution, in the order of the model.

    Parameters
    ----------
    model : paddle.nn.Layer
    X : Tensor [B, D, M, N] float32
    y : Tensor [B] int64
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
    loss = (loss_fn or F.cross_entropy)(model(X), y)
    loss.backward()
    norms = {}
    for name, weight in model.named_parameters():
        main = len(weight.shape) == 4 and max(weight.shape[2:]) > 1
        if (name in layers if layers is not None else main) and weight.grad is not None:
            norms[name] = float(weight.grad.norm().item())
    model.clear_gradients()
    return norms
