"""Batch normalization: the formula, the same by hand with its gradients, the layer.

`BatchNorm2D` is computed by Paddle's kernel; with `NNDL_FORM=plain`, by `batch_norm_plain` and
`batch_norm_plain_backward`, line by line.
"""

import numpy as np
import paddle
import paddle.nn.functional as F

from .arrays import array, by_hand
from .autograd import differentiable
from .fast.form import form_asked_for


def batch_norm_formula(X, weight, bias, epsilon=1e-5):
    """Normalize each channel over batch, height and width: γ·(X − μ)/√(σ² + ε) + β.

    Parameters
    ----------
    X : Tensor [B, D, M, N], float
    weight, bias : Tensor [D]
        γ and β.
    epsilon : float
        Keeps the root away from zero.

    Returns
    -------
    Tensor [B, D, M, N], float

    References
    ----------
    Ioffe and Szegedy, *Batch Normalization*, ICML 2015.
    """
    mean = X.mean(axis=[0, 2, 3], keepdim=True)
    variance = ((X - mean) ** 2).mean(axis=[0, 2, 3], keepdim=True)
    normalized = (X - mean) / (variance + epsilon).sqrt()
    return weight.reshape([1, -1, 1, 1]) * normalized + bias.reshape([1, -1, 1, 1])


def batch_norm_plain(X, weight, bias, mean, variance, epsilon):
    """Normalize each channel with this mean and variance: Y = γ·x̂ + β, x̂ = (X − μ)/√(σ² + ε).

    Parameters
    ----------
    X : ndarray [B, D, M, N]
    weight, bias, mean, variance : ndarray [D]
        γ, β, μ and σ²; of the batch in training, of the running averages in use.
    epsilon : float

    Returns
    -------
    Y, normalized : ndarray [B, D, M, N]
        normalized, x̂, is what `batch_norm_plain_backward` wants to see again.
    """
    γ, β, μ, σ2 = (values[:, None, None] for values in (weight, bias, mean, variance))
    normalized = (X - μ) / np.sqrt(σ2 + epsilon)
    return γ * normalized + β, normalized


def batch_norm_plain_backward(dY, normalized, weight, variance, epsilon, of_the_batch):
    """Gradients dX [B, D, M, N], dγ and dβ [D].

    Where μ and σ² are those of the batch, every pixel moves them, too: from what reaches a pixel
    is taken away what all of them have in common, and what goes along with x̂.
    """
    pixels = 0, 2, 3
    dβ = dY.sum(axis=pixels)  # dβ = Σ dY
    dγ = (dY * normalized).sum(axis=pixels)  # dγ = Σ dY · x̂
    if of_the_batch:  # dY − mean(dY) − x̂ · mean(dY · x̂)
        count = dY.size // dY.shape[1]
        dY = dY - dβ[:, None, None] / count - normalized * dγ[:, None, None] / count
    return (weight / np.sqrt(variance + epsilon))[:, None, None] * dY, dγ, dβ


class BatchNorm2D(paddle.nn.BatchNorm2D):
    """`paddle.nn.BatchNorm2D` without the warning that Paddle prints on the first training step.

    Parameters, buffers and results are those of the base class.
    """

    def forward(self, X):
        if (
            form_asked_for() == "plain"
            and by_hand(X)
            and self.weight is not None
            and self.bias is not None
        ):
            return self._plain(X)
        return F.batch_norm(
            X,
            self._mean,
            self._variance,
            weight=self.weight,
            bias=self.bias,
            training=self.training,
            momentum=self._momentum,
            epsilon=self._epsilon,
            data_format=self._data_format,
            use_global_stats=self._use_global_stats,
        )

    def _plain(self, X):
        of_the_batch = self.training and not self._use_global_stats
        mean, variance = array(self._mean), array(self._variance)
        if of_the_batch:
            values = array(X)
            mean, variance = values.mean(axis=(0, 2, 3)), values.var(axis=(0, 2, 3))
            for average, now in ((self._mean, mean), (self._variance, variance)):
                average.set_value(self._momentum * array(average) + (1 - self._momentum) * now)
        return differentiable(
            lambda X, γ, β: batch_norm_plain(X, γ, β, mean, variance, self._epsilon),
            lambda dY, normalized, needed, X, γ, β: batch_norm_plain_backward(
                dY, normalized, γ, variance, self._epsilon, of_the_batch
            ),
            X,
            self.weight,
            self.bias,
        )
