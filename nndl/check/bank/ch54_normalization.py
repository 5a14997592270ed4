"""Exercises of 5.4: batch norm and its modes, and 1×1 convolution."""

import numpy as np

from ..engine.run import to_array
from ..exercise import Case, from_text, integers, vary
from .ch54_units import fixed_layer


def _values(*values):
    return np.array(values, "float32")


def _batch_norm(X, gamma, beta, epsilon=1e-5):
    import paddle
    import paddle.nn.functional as F

    D = X.shape[1]
    state = paddle.zeros([D]), paddle.ones([D])
    return F.batch_norm(X, *state, gamma, beta, training=True, epsilon=epsilon)


BATCH_NORM = from_text(
    "5.4-1",
    reference=_batch_norm,
    cases=vary(
        lambda B=2, D=2, M=3, N=3, gamma=1.0, beta=0.0, e=1e-5, k=1, shift=0: (
            integers([B, D, M, N], 401) / k + shift,
            _values(*(gamma + np.arange(D) * (gamma - 1))),
            _values(*(beta + np.arange(D) * beta)),
            e,
        ),
        {
            "gamma 不是 1": {"gamma": 2.0},
            "beta 不是 0": {"beta": -1.5},
            "gamma 和 beta": {"gamma": -0.5, "beta": 3.0},
            "epsilon 大": {"k": 4, "e": 0.5},
            "均值离 0 很远": {"shift": 7},
            "三个通道，图不是正方形": {"D": 3, "N": 5},
            "宽等于通道数": {"D": 3, "gamma": 2.0, "beta": 1.0},
            "四个样本": {"B": 4, "M": 2, "N": 2},
        },
    ),
    by_hand=("batch_norm",),
)


def _running(X, running_mean, running_variance, momentum=0.9):
    """What paddle.nn.BatchNorm2D keeps after one training batch."""
    import paddle

    layer = paddle.nn.BatchNorm(X.shape[1], momentum=momentum)  # no warning, unlike BatchNorm2D
    layer._mean.set_value(running_mean)
    layer._variance.set_value(running_variance)
    layer.train()
    layer(X)
    return layer._mean, layer._variance


RUNNING = from_text(
    "5.4-2",
    reference=_running,
    cases=vary(
        lambda B=2, D=2, M=2, N=3, mean=0.0, variance=1.0, m=0.9: (
            integers([B, D, M, N], 411),
            _values(*(mean * (1 + np.arange(D)))),
            _values(*(variance * (1 + np.arange(D)))),
            m,
        ),
        {
            "旧的均值不是 0": {"mean": -2.5},
            "旧的方差不是 1": {"variance": 4.0},
            "momentum 不是 0.9": {"m": 0.75},
            "momentum 是 0.5": {"m": 0.5, "mean": 3.0},
            "三个样本": {"B": 3},
            "三个通道": {"D": 3, "mean": 1.0},
        },
    ),
    outputs=("mean", "variance"),
    by_hand=("batch_norm",),
)


def _conv1x1(X, W, b):
    import paddle.nn.functional as F

    return F.conv2d(X, W.unsqueeze([2, 3]), b)


CONV1X1 = from_text(
    "5.4-3",
    reference=_conv1x1,
    cases=vary(
        lambda B=1, D=2, P=2, M=2, N=2: (
            *(integers([B, D, M, N], 421), integers([P, D], 422)),
            _values(*(np.arange(P) * 2 - 0.5)),
        ),
        {
            "两个样本": {"B": 2},
            "图不是正方形": {"N": 3},
            "P 大于 D": {"P": 3},
            "P 小于 D": {"D": 3, "P": 1},
            "大小都等于 3": {"B": 2, "D": 3, "P": 3, "M": 3, "N": 3},
        },
    ),
    linear_in=("X", "W", "b"),
    axes={"W": "pd"},
    by_hand=("conv2d",),
)


def _model_case(channels, size, seed):
    """A small classifier in training mode with running statistics unlike those of the batch."""

    def make():
        import paddle
        import paddle.nn as nn

        norm = fixed_layer("bn", 4, seed=seed)
        norm._mean.set_value(integers([4], seed + 1))
        norm._variance.set_value(np.abs(integers([4], seed + 2)) + 1)
        linear = nn.Linear(4, 3)
        linear.weight.set_value(integers([4, 3], seed + 3) / 4)
        conv = fixed_layer("conv", channels, 4, 3, seed=seed + 4)
        model = nn.Sequential(conv, norm, nn.AdaptiveAvgPool2D(1), nn.Flatten(), linear)
        model.train()
        return model, paddle.to_tensor(integers([5, channels, *size], seed + 5))

    return Case(make)


def _predict(model, X):
    model.eval()
    logits = to_array(model(X)).astype("float64")
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


PREDICT = from_text(
    "5.4-7",
    reference=_predict,
    cases=(_model_case(1, (4, 4), 601), _model_case(2, (5, 4), 621), _model_case(3, (3, 5), 641)),
    outputs=("probabilities",),
)

EXERCISES = (BATCH_NORM, RUNNING, CONV1X1, PREDICT)
