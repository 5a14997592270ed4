"""What surrounds a set of weights: gradient norms by layer, the loss along lines and planes."""

import contextlib

import numpy as np
import paddle
import paddle.nn.functional as F

from ..probe import eval_mode


def gradient_norms_of(model, X, y, loss_fn=None, layers=None):
    """Norm of the loss's gradient in the weight of each convolution, in the order of the model.

    Parameters
    ----------
    model : paddle.nn.Layer
    X : Tensor [N, C, M, N'] float32
    y : Tensor [N] int64
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


@contextlib.contextmanager
def _borrowed(model):
    """Eval mode and weights that may be overwritten; both come back."""
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    with eval_mode(model):
        try:
            yield kept
        finally:
            _write(model, kept)


def _write(model, state):
    with paddle.no_grad():
        for name, value in model.state_dict().items():
            value.set_value(state[name])


def _loss(model, X, y, loss_fn):
    with paddle.no_grad():
        return float((loss_fn or F.cross_entropy)(model(X), y).item())


def loss_along_line(model, start, end, X, y, positions, loss_fn=None):
    """Loss of a model at points on the straight line between two sets of weights.

    Parameters
    ----------
    model : paddle.nn.Layer
        Runs in eval mode and keeps its own weights afterwards.
    start, end : dict of str to Tensor
        State dicts, taken with `{k: v.clone() for k, v in model.state_dict().items()}`.
    X : Tensor [N, C, M, N'] float32
    y : Tensor [N] int64
    positions : sequence of float
        0 is `start`, 1 is `end`.
    loss_fn : callable, optional
        Cross-entropy by default.

    Returns
    -------
    list of float
        For `loss_line`.

    Raises
    ------
    ValueError
        A state dict lacks a name of the model.

    References
    ----------
    Goodfellow, Vinyals, Saxe, *Qualitatively characterizing neural network optimization
    problems*, 2015.
    """
    for name, state in (("start", start), ("end", end)):
        if missing := set(model.state_dict()) - set(state):
            raise ValueError(
                f"{name} lacks {', '.join(sorted(missing))}: pass a state_dict of the same model"
            )
    losses = []
    with _borrowed(model) as own:
        for at in map(float, positions):
            # a running variance stays positive between the two networks, not far beyond them
            state = {
                k: start[k] + (min(max(at, 0), 1) if "_variance" in k else at) * (end[k] - start[k])
                for k in own
            }
            _write(model, state)
            losses.append(_loss(model, X, y, loss_fn))
    return losses


def loss_slice(model, X, y, alphas, betas, seed=0, loss_fn=None):
    """Loss on a plane through the weights, along two random filter-normalised directions.

    Parameters
    ----------
    model : paddle.nn.Layer
        Runs in eval mode and keeps its own weights afterwards.
    X : Tensor [N, C, M, N'] float32
    y : Tensor [N] int64
    alphas, betas : sequences of float, lengths A and B
        Steps along the directions; 1 moves every filter by its own norm.
    seed : int
    loss_fn : callable, optional

    Returns
    -------
    array [B, A] float64
        For `loss_surface`.

    References
    ----------
    Li et al., *Visualizing the loss landscape of neural nets*, 2018: each random filter is scaled
    to the norm of the filter it moves; biases and batch norm stay.
    """
    generator = np.random.default_rng(seed)
    weights = {n: p.numpy().copy() for n, p in model.named_parameters() if len(p.shape) > 1}
    directions = []
    for _ in range(2):
        direction = {}
        for name, weight in weights.items():
            noise = generator.standard_normal(weight.shape).astype(weight.dtype)
            axes = tuple(range(1, weight.ndim)) if weight.ndim == 4 else 0
            norms = [np.sqrt((w**2).sum(axis=axes, keepdims=True)) for w in (weight, noise)]
            direction[name] = noise * norms[0] / np.maximum(norms[1], 1e-12)
        directions.append(direction)
    losses = np.empty((len(betas), len(alphas)))
    with _borrowed(model) as own:
        for row, column in np.ndindex(*losses.shape):
            moved = {
                name: weight
                + float(alphas[column]) * directions[0][name]
                + float(betas[row]) * directions[1][name]
                for name, weight in weights.items()
            }
            _write(model, {**own, **moved})
            losses[row, column] = _loss(model, X, y, loss_fn)
    return losses
