"""Gradients by depth."""

import paddle
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
        Parameter name to the L2 norm of its gradient. Gradients that the model holds stay.

    Raises
    ------
    ValueError
        A name that no trainable parameter of the model has.
    """
    trained = {name: p for name, p in model.named_parameters() if not p.stop_gradient}
    if layers is None:
        main = {n for n, p in trained.items() if len(p.shape) == 4 and max(p.shape[2:]) > 1}
    else:
        main = {layers} if isinstance(layers, str) else set(layers)
    if unknown := main - trained.keys():
        raise ValueError(
            f"no trainable parameter {', '.join(map(repr, sorted(unknown)))} in the model; it has "
            + ", ".join(trained)
        )
    chosen = {name: p for name, p in trained.items() if name in main}
    with paddle.enable_grad():
        loss = (loss_fn or F.cross_entropy)(model(X), y)
        gradients = paddle.grad(loss, list(chosen.values()), allow_unused=True) if chosen else []
    found = zip(chosen, gradients, strict=True)
    return {name: float(g.norm().item()) for name, g in found if g is not None}
