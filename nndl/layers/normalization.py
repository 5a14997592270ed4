"""Batch normalization: the formula, and the layer that the residual networks use."""

import paddle
import paddle.nn.functional as F


def batch_norm_formula(X, weight, bias, epsilon=1e-5):
    """Normalize each channel over batch, height and width: γ·(X − μ)/√(σ² + ε) + β.

    Parameters
    ----------
    X : Tensor [N, D, M, N'], float
    weight, bias : Tensor [D]
        γ and β.
    epsilon : float
        Keeps the root away from zero.

    Returns
    -------
    Tensor [N, D, M, N'], float

    References
    ----------
    Ioffe and Szegedy, *Batch Normalization*, ICML 2015.
    """
    mean = X.mean(axis=[0, 2, 3], keepdim=True)
    variance = ((X - mean) ** 2).mean(axis=[0, 2, 3], keepdim=True)
    normalized = (X - mean) / (variance + epsilon).sqrt()
    return weight.reshape([1, -1, 1, 1]) * normalized + bias.reshape([1, -1, 1, 1])


class BatchNorm2D(paddle.nn.BatchNorm2D):
    """`paddle.nn.BatchNorm2D` without the warning that Paddle prints on the first training step.

    Parameters, buffers and results are those of the base class.
    """

    def forward(self, X):
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
