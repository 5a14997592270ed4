"""More exercises of 5.2: counting, grouped, separable and transposed convolution, im2col, Winograd."""

import numpy as np

from ..exercise import case, from_text, integers, vary


def _saving(in_channels, out_channels, kernel, rows, columns):
    """Multiply-adds of both forms and their ratio."""
    pixels = rows * columns
    standard = pixels * in_channels * out_channels * kernel**2
    separable = pixels * in_channels * (kernel**2 + out_channels)
    return standard, separable, separable / standard


SAVING = from_text(
    "5.2-2",
    mutants={
        "乘与加分开数了": (
            lambda *a: (2 * _saving(*a)[0], 2 * _saving(*a)[1], None),
            "一次乘加算一次，不要乘 2。",
        ),
    },
    reference=_saving,
    cases=(
        case(1, 1, 3, 1, 1),
        case(3, 8, 3, 1, 1, about="一个像素"),
        case(3, 8, 3, 10, 12),
        case(64, 128, 3, 8, 8),
        case(16, 6, 5, 7, 9),
        case(8, 8, 1, 4, 5, about="核是 1×1"),
    ),
    outputs=("standard", "separable", "ratio"),
)


def _grouped(X, W, groups=1):
    import paddle.nn.functional as F

    return F.conv2d(X, W, groups=groups)


GROUPED = from_text(
    "5.2-4",
    reference=_grouped,
    cases=vary(
        lambda B=1, D=2, P=2, M=3, N=3, U=2, V=2, g=1: (
            *(integers([B, D, M, N], 104), integers([P, D // g, U, V], 105), g),
        ),
        {
            "两组": {"D": 4, "P": 4, "g": 2},
            "每个通道一组": {"D": 3, "P": 3, "g": 3},
            "每个通道一组，两张输出": {"D": 3, "P": 6, "g": 3},
            "三组": {"D": 6, "P": 3, "g": 3},
            "两个样本": {"B": 2, "D": 4, "g": 2},
            "核不是正方形": {"D": 4, "P": 4, "V": 1, "N": 4, "g": 2},
        },
    ),
    linear_in=("X", "W"),
)


def _separable(X, depthwise, pointwise, padding=0):
    import paddle.nn.functional as F

    D, U, V = depthwise.shape
    maps = F.conv2d(X, depthwise.reshape([D, 1, U, V]), padding=padding, groups=D)
    return F.conv2d(maps, pointwise.reshape([*pointwise.shape, 1, 1]))


SEPARABLE = from_text(
    "5.2-5",
    reference=_separable,
    cases=vary(
        lambda B=1, D=2, P=2, M=3, N=3, U=2, V=2, pad=0: (
            *(integers([B, D, M, N], 81), integers([D, U, V], 82), integers([P, D], 83), pad),
        ),
        {
            "一个通道": {"D": 1, "P": 1},
            "两个样本": {"B": 2},
            "P 大于 D": {"P": 3},
            "P 小于 D": {"D": 3, "P": 1},
            "图不是正方形": {"N": 5},
            "核不是正方形": {"U": 1},
            "填充": {"U": 3, "V": 3, "pad": 1},
        },
    ),
    linear_in=("X", "depthwise", "pointwise"),
    axes={"depthwise": "duv", "pointwise": "pd"},
)


def _im2col(X, kernel, stride=1):
    import paddle.nn.functional as F

    return F.unfold(X.unsqueeze(0), list(kernel), stride)[0]


IM2COL = from_text(
    "5.2-6",
    reference=_im2col,
    cases=(
        case(np.arange(1, 10, dtype="float32").reshape(1, 3, 3), (2, 2), 1),
        *vary(
            lambda D=1, M=4, N=4, U=2, V=2, S=1: (integers([D, M, N], 101, -9, 10), (U, V), S),
            {
                "两个通道": {"D": 2},
                "图不是正方形": {"N": 5},
                "核不是正方形": {"V": 3},
                "步长": {"S": 2},
                "步长，走不完": {"M": 5, "N": 7, "U": 3, "V": 3, "S": 2},
                "都变": {"D": 3, "M": 6, "U": 3, "S": 2},
            },
        ),
    ),
    linear_in=("X",),
    axes={"X": "dij", "Y": "??"},
    by_hand=("unfold",),
)


class Counted:
    """A number that counts the products of data and kernel; constants cost nothing."""

    def __init__(self, value, of, tally):
        self.value, self.of, self.tally = value, of, tally

    def _with(self, other, value):
        of = self.of | (other.of if isinstance(other, Counted) else set())
        return Counted(value, of, self.tally)

    def __add__(self, other):
        return self._with(other, self.value + getattr(other, "value", other))

    def __sub__(self, other):
        return self._with(other, self.value - getattr(other, "value", other))

    def __rsub__(self, other):
        return self._with(other, other - self.value)

    def __mul__(self, other):
        if isinstance(other, Counted):
            self.tally.append(1)
        return self._with(other, self.value * getattr(other, "value", other))

    def __truediv__(self, other):
        return self._with(other, self.value / getattr(other, "value", other))

    def __neg__(self):
        return self._with(None, -self.value)

    __radd__, __rmul__ = __add__, __mul__


def _call_counting(answer, x, w):
    """Hand over numbers that count, and return the results and the number of products."""
    tally = []
    data, kernel = (
        np.array([Counted(float(v), {name}, tally) for v in values], dtype=object)
        for name, values in (("x", x), ("w", w))
    )
    y = answer(data, kernel)
    if y is None or y is Ellipsis:
        return y
    return [float(getattr(v, "value", v)) for v in y], len(tally)


WINOGRAD = from_text(
    "5.2-7",
    reference=lambda x, w: (
        np.array([x.numpy()[k : k + 3] @ w.numpy() for k in (0, 1)])
        if hasattr(x, "numpy")
        else np.array([x[k : k + 3] @ w for k in (0, 1)]),
        4,
    ),
    cases=tuple(
        case(
            integers([4], 110 + k) / (1 + k % 2),
            integers([3], 120 + k),
            about="小数" if k % 2 else (),
        )
        for k in range(6)
    ),
    outputs=("y", "products"),
    inputs="numpy",
    call=_call_counting,
)


def _transposed(X, W, stride=1):
    import paddle.nn.functional as F

    X, W = X.reshape([1, 1, *X.shape]), W.reshape([1, 1, *W.shape])
    return F.conv2d_transpose(X, W, stride=stride)[0, 0]


TRANSPOSED = from_text(
    "5.2-8",
    reference=_transposed,
    cases=(
        case(np.array([[1, 2], [3, 4]], "float32"), np.array([[0, 1], [2, 3]], "float32"), 1),
        *vary(
            lambda M=3, N=3, U=2, V=2, S=1, k=1: (
                integers([M, N], 93) / k,
                integers([U, V], 94),
                S,
            ),
            {
                "图不是正方形": {"N": 4},
                "核不是正方形": {"U": 3},
                "小数": {"k": 2},
                "步长 2": {"U": 3, "V": 3, "S": 2},
                "步长等于核": {"S": 2},
                "步长大于核": {"S": 3},
            },
        ),
    ),
    linear_in=("X", "W"),
    by_hand=("conv2d_transpose", "conv2d", "fold"),
)

EXERCISES = (SAVING, GROUPED, SEPARABLE, IM2COL, WINOGRAD, TRANSPOSED)
