"""Exercises of 5.1: output size, one- and two-dimensional convolution, edges, receptive field."""

import numpy as np

from ..exercise import case, from_text, integers, vary

_GRID = np.arange(1, 10, dtype="float32").reshape(3, 3)  # the book's 3×3 example
_KERNEL = np.array([[0, 1], [2, 3]], dtype="float32")


def _conv(X, W, stride=1, padding=0, dilation=1):
    """Reference by Paddle for one channel."""
    import paddle.nn.functional as F

    X, W = X.reshape([1, 1, *X.shape]), W.reshape([1, 1, *W.shape])
    return F.conv2d(X, W, stride=stride, padding=padding, dilation=dilation)[0, 0]


OUTPUT_SIZE = from_text(
    "5.1-1",
    reference=lambda size, kernel, stride=1, padding=0: len(
        range(0, size + 2 * padding - kernel + 1, stride)
    ),
    cases=vary(
        lambda size, kernel, stride=1, padding=0: (size, kernel, stride, padding),
        {
            "图更大": {"size": 32},
            "核是 1×1": {"kernel": 1},
            "填充": {"padding": 1},
            "填充更多": {"padding": 3},
            "步长，正好走完": {"size": 7, "stride": 2},
            "步长，走不完": {"size": 8, "stride": 2},
            "步长 3": {"size": 13, "stride": 3},
            "步长和填充": {"size": 28, "kernel": 5, "stride": 2, "padding": 2},
            "步长大于核": {"size": 11, "kernel": 2, "stride": 4, "padding": 1},
            "ResNet 的第一层": {"size": 224, "kernel": 7, "stride": 2, "padding": 3},
        },
        size=5,
        kernel=3,
    ),
    outputs=("size",),
    integer=True,
)


def _conv1d(x, w, stride=1):
    x, w = x.numpy(), w.numpy()
    return np.array([x[i : i + len(w)] @ w for i in range(0, len(x) - len(w) + 1, stride)])


CONV1D = from_text(
    "5.1-2",
    reference=_conv1d,
    cases=vary(
        lambda M, U, S=1: (integers([M], M), integers([U], 40 + U), S),
        {
            "核更长": {"U": 4},
            "步长": {"S": 2},
            "步长，走不完": {"M": 10, "S": 2},
            "步长 3": {"M": 12, "U": 2, "S": 3},
            "核与输入一样长": {"M": 3, "S": 2},
        },
        M=7,
        U=3,
    ),
    outputs=("y",),
    linear_in=("x", "w"),
    axes={"x": "j", "w": "v", "Y": "j"},
    by_hand=("conv1d", "correlate", "convolve"),
)

CONV2D = from_text(
    "5.1-3",
    reference=lambda X, W, stride=1, padding=0: _conv(X, W, stride, padding),
    cases=(
        case(_GRID, _KERNEL, 1, 0),
        *vary(
            lambda M=5, N=5, U=3, V=3, S=1, P=0, k=1: (
                *(integers([M, N], 11) / k, integers([U, V], 12), S, P),
            ),
            {
                "图不是正方形": {"N": 7},
                "核不是正方形": {"U": 2},
                "核是 1×1": {"U": 1, "V": 1},
                "小数": {"k": 4},
                "填充": {"P": 1},
                "填充两圈": {"P": 2},
                "步长": {"S": 2},
                "步长，走不完": {"M": 6, "N": 8, "S": 2},
                "步长 3": {"M": 7, "N": 9, "S": 3},
                "填充和步长": {"M": 6, "N": 8, "U": 3, "V": 2, "S": 2, "P": 2},
            },
        ),
    ),
    linear_in=("X", "W"),
    by_hand=("conv2d", "conv1d", "unfold", "correlate2d", "convolve2d", "correlate", "convolve"),
)

_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype="float32")


def _magnitude(X):
    import paddle

    gx, gy = (_conv(X, paddle.to_tensor(G.copy())) for G in (_SOBEL, _SOBEL.T))
    return (gx**2 + gy**2) ** 0.5


SOBEL = from_text(
    "5.1-4",
    reference=_magnitude,
    cases=(
        case(np.repeat(np.array([[0, 0, 9, 9]], "float32"), 4, axis=0), about="竖直的边缘"),
        case(np.repeat(np.array([[0], [0], [9], [9]], "float32"), 5, axis=1), about="水平的边缘"),
        case(integers([3, 3], 21, 0, 10)),
        case(integers([6, 5], 22, 0, 10)),
        case(integers([5, 6], 23) / 4, about="小数"),
        case(np.ones((4, 4), "float32"), about="没有边缘"),
    ),
)

DILATED = from_text(
    "5.1-5",
    reference=lambda X, W, dilation=1: _conv(X, W, dilation=dilation),
    cases=(
        case(_GRID, _KERNEL, 2, about="空洞"),
        *vary(
            lambda M=6, N=6, U=3, V=3, d=1, k=1: (
                integers([M, N], 31) / k,
                integers([U, V], 32),
                d,
            ),
            {
                "图不是正方形": {"N": 8},
                "核不是正方形": {"U": 2},
                "小数": {"k": 2},
                "空洞率 2": {"d": 2, "M": 7, "N": 8},
                "空洞率 3，核不是正方形": {"d": 3, "M": 9, "N": 7, "U": 2},
            },
        ),
    ),
    linear_in=("X", "W"),
    by_hand=("conv2d", "unfold"),
)


def _receptive_field(layers):
    field = jump = 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


RECEPTIVE_FIELD = from_text(
    "5.1-6",
    reference=_receptive_field,
    cases=(
        case([(3, 1), (3, 1)]),
        case([], about="没有层"),
        case([(5, 1)], about="一层"),
        case([(3, 1), (3, 1), (3, 1)], about="三层"),
        case([(5, 1), (2, 2), (5, 1)], about="步长"),
        case([(3, 2)], about=("一层", "步长")),
        case([(7, 2), (3, 2), (3, 1)], about="步长"),
        case([(5, 1), (2, 2), (5, 1), (2, 2), (5, 1)], about="步长"),
        case([(3, 3), (3, 2), (2, 2), (3, 1)], about="步长"),
    ),
    outputs=("field",),
    integer=True,
)

EXERCISES = (OUTPUT_SIZE, CONV1D, CONV2D, SOBEL, DILATED, RECEPTIVE_FIELD)
