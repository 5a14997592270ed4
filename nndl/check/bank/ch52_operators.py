"""Exercises of 5.2: pooling, convolution of several channels, its gradients."""

import numpy as np

from ..exercise import case, from_text, integers, vary

AVG_POOL = from_text(
    "5.2-1",
    mutants={
        "把窗口的大小当成了步长": (
            lambda X, size, stride: _avg_pool(X, size, size),
            "窗口每次移动 stride 格，不是移动整个窗口的大小。",
        )
    },
    reference=lambda X, size=(2, 2), stride=2: _avg_pool(X, size, stride),
    cases=(
        case(np.arange(16, dtype="float32").reshape(1, 1, 4, 4), (2, 2), 2),
        *vary(
            lambda B=1, D=1, M=5, N=5, U=2, V=2, S=2: (integers([B, D, M, N], 41), (U, V), S),
            {
                "两个样本": {"B": 2},
                "三个通道": {"D": 3},
                "图不是正方形": {"N": 7},
                "步长 1": {"S": 1},
                "步长 3": {"M": 8, "S": 3},
                "窗口更大": {"U": 3, "V": 3},
                "窗口不是正方形": {"U": 3},
                "都变": {"B": 2, "D": 2, "M": 6, "N": 8, "V": 3},
            },
        ),
    ),
    linear_in=("X",),
    axes={"Y": "ndij"},
    by_hand=("avg_pool2d", "adaptive_avg_pool2d", "unfold"),
)


def _avg_pool(X, size, stride):
    import paddle.nn.functional as F

    return F.avg_pool2d(X, list(size), stride=stride if isinstance(stride, int) else list(stride))


def _conv(X, W, b, stride=1, padding=0):
    import paddle.nn.functional as F

    return F.conv2d(X, W, b, stride=stride, padding=padding)


def _call_layer(layer_class, X, W, b, stride, padding):
    """Build the student's layer, give it known weights, apply it."""
    P, D, *kernel = W.shape
    layer = layer_class(D, P, tuple(kernel), stride, padding)
    layer.weight.set_value(W)
    layer.bias.set_value(b)
    return layer(X)


_LAYER = """
    class MyConv2D(nn.Layer):
        def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
            super().__init__()
            shape = [out_channels, in_channels, *kernel_size]
            self.weight = self.create_parameter(shape)
            self.bias = self.create_parameter([out_channels], is_bias=True)
            self.stride, self.padding = stride, padding

        def forward(self, X):
"""

CONV_FORWARD = from_text(
    "5.2-3",
    reference=_conv,
    cases=(
        case(
            np.arange(1, 10, dtype="float32").reshape(1, 1, 3, 3),
            *(np.array([[[[0, 1], [2, 3]]]], "float32"), np.array([0.5], "float32"), 1, 0),
        ),
        *vary(
            lambda B=1, D=1, P=1, M=4, N=4, U=3, V=3, S=1, pad=0: (
                *(integers([B, D, M, N], 51), integers([P, D, U, V], 52)),
                *((np.arange(P) * 2.0 - 1.5).astype("float32"), S, pad),
            ),
            {
                "两个样本": {"B": 2},
                "两个输入通道": {"D": 2},
                "三张输出特征图": {"P": 3},
                "图不是正方形": {"N": 6},
                "核不是正方形": {"V": 2},
                "填充": {"pad": 1},
                "步长": {"M": 5, "N": 5, "S": 2},
                "都变": {"B": 2, "D": 3, "P": 2, "M": 5, "N": 6, "V": 2, "S": 2, "pad": 1},
            },
        ),
    ),
    linear_in=("X", "W", "b"),
    by_hand=("conv2d",),
    call=_call_layer,
)


def _backward(dY, X, W, stride=1, padding=0):
    """Reference: Paddle's automatic differentiation of F.conv2d."""
    import paddle
    import paddle.nn.functional as F

    X, W = X.detach(), W.detach()
    b = paddle.zeros([W.shape[0]])
    for tensor in (X, W, b):
        tensor.stop_gradient = False
    with paddle.enable_grad():
        Y = F.conv2d(X, W, b, stride=stride, padding=padding)
        return paddle.grad([Y], [X, W, b], [dY])


def _backward_case(B=1, D=1, P=1, M=2, N=2, U=2, V=2, S=1, pad=0):
    """Sizes of the output, from which those of the input follow."""
    rows, columns = (M - 1) * S + U - 2 * pad, (N - 1) * S + V - 2 * pad
    return (
        integers([B, P, M, N], 61),
        integers([B, D, rows, columns], 62),
        integers([P, D, U, V], 63),
        S,
        pad,
    )


CONV_BACKWARD = from_text(
    "5.2-9",
    mutants={
        "求 dX 时核没有翻转": (
            lambda dY, X, W, stride, padding: (
                _backward(dY, X, W.flip([2, 3]), stride, padding)[0],
                None,
                None,
            ),
            "把 dX 写成 dY 与核的卷积时，核要翻转 180°（或者把 dY·W 散布回窗口所在的位置）。",
        )
    },
    reference=_backward,
    cases=vary(
        _backward_case,
        {
            "两个样本": {"B": 2},
            "两个输入通道": {"D": 2},
            "三张输出特征图": {"P": 3},
            "输出不是正方形": {"N": 3},
            "核不是正方形": {"U": 3},
            "填充": {"M": 4, "N": 4, "U": 3, "V": 3, "pad": 1},
            "步长": {"S": 2},
            "都变": {"B": 2, "D": 2, "P": 3, "M": 3, "N": 3, "U": 3, "V": 3, "S": 2, "pad": 1},
        },
    ),
    outputs=("dX", "dW", "db"),
    linear_in=("dY", "X", "W"),
    axes={"dY": "npij", "dX": "ndij", "dW": "pduv", "db": "p", "X": "ndij"},
    by_hand=("conv2d", "grad", "conv2d_transpose"),
)

EXERCISES = (AVG_POOL, CONV_FORWARD, CONV_BACKWARD)
