"""Exercises of 5.2: pooling, multi-channel convolution, its gradients, its variants."""

import numpy as np

from ..engine.diagnose import to_array
from ..engine.mutants import (
    BIAS,
    CHANNELS,
    KERNEL,
    PADDING,
    STRIDE,
    WINDOW,
    convolution_mutants,
    faulty_conv2d,
)
from ..exercise import Exercise, case, integers
from .ch52_variants import VARIANTS

# -- 5.2-1 -------------------------------------------------------------------------------------


def _pool(X, size, stride, reduce=np.mean, step=None):
    """Pooling in NumPy with any reduction and a separate step per axis."""
    X = to_array(X).astype("float64")
    (U, V), (down, right) = size, step or (stride, stride)
    rows, columns = (X.shape[2] - U) // down + 1, (X.shape[3] - V) // right + 1
    Y = np.zeros((*X.shape[:2], rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = X[:, :, i * down : i * down + U, j * right : j * right + V]
            Y[:, :, i, j] = reduce(window, axis=(2, 3))
    return Y


def _pool_with_divisor(divisor):
    return lambda X, size, stride: _pool(X, size, stride, np.sum) / divisor(size, stride)


def _over(axes):
    """The window's average taken over more axes than rows and columns."""
    return lambda window, axis: window.mean(axis=axes, keepdims=True)[..., 0, 0]


def _avg_pool(X, size, stride):
    import paddle.nn.functional as F

    return F.avg_pool2d(X, list(size), stride=stride)


AVG_POOL = Exercise(
    id="5.2-1",
    title="平均汇聚",
    english="Average pooling",
    prompt="""
    写平均汇聚（average pooling）：窗口 `size = (U, V)` 以步长 `stride` 滑动，每个窗口取平均值；
    每个样本、每个通道各算各的。`X` [N, D, M, N] 是张量，返回 [N, D, M′, N′]；不填充。
    注意窗口不一定是正方形。""",
    stub="""
    def my_avg_pool2d(X, size=(2, 2), stride=2):
        X = X.numpy()
        U, V = size
        # 在这里写你的代码
        ...
    """,
    hints=(
        "与卷积的循环一样：先求输出大小，再对每个 (i, j) 取窗口。",
        "窗口可以同时取所有样本和通道：`X[:, :, i * stride : i * stride + U, …]`。",
        "窗口的平均：`window.mean(axis=(2, 3))`，得到 [N, D]。",
    ),
    solution="""
    def my_avg_pool2d(X, size=(2, 2), stride=2):
        X = X.numpy()
        U, V = size
        rows = (X.shape[2] - U) // stride + 1
        columns = (X.shape[3] - V) // stride + 1
        Y = np.zeros((*X.shape[:2], rows, columns))
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride, j * stride
                window = X[:, :, top : top + U, left : left + V]
                Y[:, :, i, j] = window.mean(axis=(2, 3))  # 每个样本、每个通道各自平均
        return Y
    """,
    reference=_avg_pool,
    cases=(
        case(np.arange(16, dtype="float32").reshape(1, 1, 4, 4), (2, 2), 2),
        case(integers([2, 3, 6, 5], 41), (2, 2), 2),
        case(integers([1, 2, 5, 7], 42), (3, 3), 2, about="窗口互相重叠"),
        case(integers([2, 1, 6, 8], 43), (2, 3), 2, about="窗口不是正方形"),
        case(integers([1, 1, 5, 5], 44), (3, 2), 1, about="步长"),
    ),
    mutants={
        "pooling_by_sum": lambda X, size, stride: _pool(X, size, stride, np.sum),
        "pooling_by_max": lambda X, size, stride: _pool(X, size, stride, np.max),
        "pooling_divisor": [
            _pool_with_divisor(lambda size, stride: size[0]),
            _pool_with_divisor(lambda size, stride: size[1]),
            _pool_with_divisor(lambda size, stride: stride**2),
            _pool_with_divisor(lambda size, stride: sum(size)),
            _pool_with_divisor(lambda size, stride: 4),
        ],
        "channels_pooled": (
            [
                lambda X, size, stride: _pool(X, size, stride, _over((0, 1, 2, 3))),
                lambda X, size, stride: _pool(X, size, stride, _over((1, 2, 3))),
                lambda X, size, stride: _pool(X, size, stride, _over((0, 2, 3))),
            ],
            "平均只在窗口的行和列上取：mean(axis=(2, 3))。每个样本、每个通道各算各的。",
        ),
        "rows_columns_swapped": lambda X, size, stride: _pool(X, size[::-1], stride),
        "stride_ignored": lambda X, size, stride: _pool(X, size, 1),
        "stride_is_window": (
            lambda X, size, stride: _pool(X, size, stride, step=size),
            "窗口每次移动 stride 格，不是移动整个窗口的大小。",
        ),
        "stride_one_axis": [
            lambda X, size, stride: _pool(X, size, stride, step=(stride, 1)),
            lambda X, size, stride: _pool(X, size, stride, step=(1, stride)),
        ],
        "integer_division": lambda X, size, stride: np.floor(_pool(X, size, stride)),
    },
)

# -- 5.2-2 -------------------------------------------------------------------------------------


def _conv(X, W, b, stride=1, padding=0, groups=1):
    import paddle.nn.functional as F

    return F.conv2d(X, W, b, stride=stride, padding=padding, groups=groups)


def _bias(*values):
    return np.array(values, "float32")


def _call_layer(layer_class, X, W, b, stride, padding):
    """Build the student's layer, give it known weights, apply it."""
    P, D, *kernel = W.shape
    layer = layer_class(D, P, tuple(kernel), stride, padding)
    layer.weight.set_value(W)
    layer.bias.set_value(b)
    return layer(X)


CONV_FORWARD = Exercise(
    id="5.2-2",
    title="写出 Conv2D.forward",
    english="Writing Conv2D.forward",
    level=2,
    prompt="""
    多通道卷积层：第 $p$ 张输出特征图是 $D$ 个通道的卷积之和，再加一个偏置，
    $$Y^p = \\sum_{d=1}^{D} W^{p,d} \\otimes X^d + b^p.$$
    构造函数已经写好：`weight` [P, D, U, V]，`bias` [P]，`kernel_size` 是 `(U, V)`。
    请写 `forward`：`X` [N, D, M, N] 是张量，返回 [N, P, M′, N′]。
    循环、`F.unfold`、`paddle.einsum` 都可以，**不要**直接调用 `F.conv2d`。""",
    stub="""
    class MyConv2D(nn.Layer):
        def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
            super().__init__()
            shape = [out_channels, in_channels, *kernel_size]
            self.weight = self.create_parameter(shape)
            self.bias = self.create_parameter([out_channels], is_bias=True)
            self.stride, self.padding = stride, padding

        def forward(self, X):
            # X [N, D, M, N] → [N, P, M′, N′]
            # 在这里写你的代码
            ...
    """,
    hints=(
        "先补零：`F.pad(X, [p, p, p, p])`；再像 5.1-3 一样求输出大小，对每个 (i, j) 取窗口。",
        "一个窗口的形状是 [N, D, U, V]。它与 `weight` [P, D, U, V] 在 D、U、V 三个轴上相乘求和。",
        "`paddle.einsum('nduv,pduv->np', window, self.weight) + self.bias` 就是 Y[:, :, i, j]。",
    ),
    solution="""
    class MyConv2D(nn.Layer):
        def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
            super().__init__()
            shape = [out_channels, in_channels, *kernel_size]
            self.weight = self.create_parameter(shape)
            self.bias = self.create_parameter([out_channels], is_bias=True)
            self.stride, self.padding = stride, padding

        def forward(self, X):
            P, D, U, V = self.weight.shape
            rows = (X.shape[2] + 2 * self.padding - U) // self.stride + 1
            columns = (X.shape[3] + 2 * self.padding - V) // self.stride + 1
            # 每一列是一个窗口，按 (d, u, v) 的次序排开：[N, D·U·V, M′·N′]
            windows = F.unfold(X, [U, V], self.stride, self.padding)
            maps = self.weight.reshape([P, D * U * V]) @ windows  # [N, P, M′·N′]
            maps = maps + self.bias.reshape([P, 1])  # 每张特征图一个偏置
            return maps.reshape([X.shape[0], P, rows, columns])
    """,
    reference=_conv,
    cases=(
        case(
            np.arange(1, 10, dtype="float32").reshape(1, 1, 3, 3),
            *(np.array([[[[0, 1], [2, 3]]]], "float32"), _bias(0.5), 1, 0),
        ),
        case(
            *(integers([1, 3, 5, 4], 51), integers([1, 3, 3, 2], 52), _bias(1.5), 1, 0),
            about="多个输入通道",
        ),
        case(
            *(integers([2, 2, 5, 7], 53), integers([5, 2, 3, 3], 54)),
            *(_bias(0.5, -1.5, 2.5, 3.5, -2.5), 1, 0),
            about="多张输出特征图",
        ),
        case(
            *(integers([2, 3, 4, 5], 55), integers([2, 3, 3, 3], 56), _bias(-0.5, 1.5), 1, 1),
            about="填充",
        ),
        case(
            *(integers([2, 2, 7, 9], 57), integers([3, 2, 3, 2], 58), _bias(2.5, 0.5, -3.5), 2, 1),
            about="步长",
        ),
    ),
    mutants=convolution_mutants(
        (*BIAS, *CHANNELS, *PADDING, *STRIDE, *KERNEL, *WINDOW),
        lambda mistakes: (
            lambda X, W, b, stride, padding: faulty_conv2d(
                X, W, b, stride, padding, mistakes=mistakes
            )
        ),
    ),
    call=_call_layer,
)

# -- 5.2-3 -------------------------------------------------------------------------------------


def _backward(dY, X, W, stride, padding):
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


def _faulty_backward(mistake, which):
    """One gradient of the convolution with a mistake, None for the two others."""

    def mutant(dY, X, W, stride, padding):
        dY, X, W = (to_array(a).astype("float64") for a in (dY, X, W))
        if mistake == "last_sample":
            dY = dY * (np.arange(len(dY)) == len(dY) - 1)[:, None, None, None]
        step = 1 if mistake == "stride_ignored" else stride
        U, V = W.shape[2:]
        Z = np.pad(X, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
        dZ, dW = np.zeros_like(Z), np.zeros_like(W)
        if mistake == "kernel_not_flipped":
            W = W[:, :, ::-1, ::-1]
        for i in range(dY.shape[2]):
            for j in range(dY.shape[3]):
                place = np.s_[:, :, i * step : i * step + U, j * step : j * step + V]
                in_window = np.einsum("np,pduv->nduv", dY[:, :, i, j], W)
                in_kernel = np.einsum("np,nduv->pduv", dY[:, :, i, j], Z[place])
                if mistake == "overwritten":
                    dZ[place], dW = in_window, in_kernel
                else:
                    dZ[place] += in_window
                    dW += in_kernel
        dX = dZ
        if padding and mistake != "padding_not_cropped":
            dX = dZ[:, :, padding:-padding, padding:-padding]
        if mistake == "averaged":
            dX, dW = dX / len(X), dW / len(X)
        return tuple(g if i == which else None for i, g in enumerate((dX, dW, None)))

    return mutant


def _faulty_db(axes, reduce=np.sum, keepdims=False):
    def mutant(dY, X, W, stride, padding):
        return None, None, reduce(to_array(dY).astype("float64"), axis=axes, keepdims=keepdims)

    return mutant


CONV_BACKWARD = Exercise(
    id="5.2-3",
    title="卷积的反向传播",
    english="Backpropagation",
    level=3,
    prompt="""
    前向时 $y_{n,p,i,j} = b_p + \\sum_{d,u,v} w_{p,d,u,v}\\, x_{n,d,\\,iS+u,\\,jS+v}$（已补零）。
    已知损失对输出的梯度 `dY` [N, P, M′, N′]，求三个梯度，依次返回：
    `dX`（与 `X` [N, D, M, N] 同形）、`dW`（与 `W` [P, D, U, V] 同形）、`db` [P]。
    按链式法则，对每个输出位置把它的贡献累加起来；做一部分也行，没写的返回 `None`。""",
    stub="""
    def my_conv2d_backward(dY, X, W, stride=1, padding=0):
        dY, X, W = dY.numpy(), X.numpy(), W.numpy()
        dX = dW = db = None
        # 在这里写你的代码
        ...
        return dX, dW, db
    """,
    hints=(
        "先做最容易的：b[p] 加到了第 p 张特征图的每个像素上，所以 `db = dY.sum(axis=(0, 2, 3))`。",
        "输出 (i, j) 用到的窗口乘以 dY[:, :, i, j]，就是它对 dW 的贡献；"
        "W 乘以 dY[:, :, i, j]，就是它对这个窗口的 dX 的贡献。都用 += 累加。",
        "`dW += np.einsum('np,nduv->pduv', dY[:, :, i, j], window)`；"
        "`dXp[窗口] += np.einsum('np,pduv->nduv', dY[:, :, i, j], W)`；最后裁掉填充。",
    ),
    solution="""
    def my_conv2d_backward(dY, X, W, stride=1, padding=0):
        dY, X, W = dY.numpy(), X.numpy(), W.numpy()
        U, V = W.shape[2:]
        sides = [(0, 0), (0, 0), (padding, padding), (padding, padding)]
        Z = np.pad(X, sides)  # 前向时真正用到的输入
        dZ, dW = np.zeros_like(Z), np.zeros_like(W)
        for i in range(dY.shape[2]):
            for j in range(dY.shape[3]):
                top, left = i * stride, j * stride
                window = np.s_[:, :, top : top + U, left : left + V]
                g = dY[:, :, i, j]  # [N, P]
                dW += np.einsum("np,nduv->pduv", g, Z[window])
                dZ[window] += np.einsum("np,pduv->nduv", g, W)  # 窗口会重叠，所以累加
        dX = dZ[:, :, padding : padding + X.shape[2], padding : padding + X.shape[3]]
        db = dY.sum(axis=(0, 2, 3))
        return dX, dW, db
    """,
    reference=_backward,
    cases=(
        case(
            integers([1, 1, 2, 2], 61), integers([1, 1, 3, 3], 62), integers([1, 1, 2, 2], 63), 1, 0
        ),
        case(
            integers([2, 3, 3, 4], 64), integers([2, 2, 5, 5], 65), integers([3, 2, 3, 2], 66), 1, 0
        ),
        case(
            *(integers([2, 2, 4, 5], 67), integers([2, 3, 4, 5], 68), integers([2, 3, 3, 3], 69)),
            *(1, 1),
            about="填充",
        ),
        case(
            *(integers([3, 2, 3, 4], 70), integers([3, 2, 7, 9], 71), integers([2, 2, 3, 3], 72)),
            *(2, 0),
            about="步长",
        ),
    ),
    mutants={
        "kernel_not_flipped": _faulty_backward("kernel_not_flipped", 0),
        "padding_not_cropped": _faulty_backward("padding_not_cropped", 0),
        "gradient_overwritten": [
            _faulty_backward("overwritten", 0),
            _faulty_backward("overwritten", 1),
            _faulty_backward("last_sample", 1),
        ],
        "stride_ignored": [
            _faulty_backward("stride_ignored", 0),
            _faulty_backward("stride_ignored", 1),
        ],
        "gradient_averaged": [
            _faulty_backward("averaged", 0),
            _faulty_backward("averaged", 1),
            _faulty_db((0, 2, 3), np.mean),
            lambda *args: (None, None, to_array(args[0]).sum(axis=(2, 3)).mean(axis=0)),
        ],
        "bias_gradient_not_summed": [
            lambda dY, *rest: (None, None, dY),
            _faulty_db(()),
            lambda dY, *rest: (None, None, to_array(dY)[0, :, 0, 0]),
            lambda dY, *rest: (None, None, np.ones(dY.shape[1])),
        ],
        "bias_gradient_one_axis": [
            _faulty_db(0),
            _faulty_db((2, 3)),
            _faulty_db((0, 2)),
            _faulty_db((0, 3)),
            _faulty_db((1, 2, 3)),
            _faulty_db(None),
        ],
    },
    outputs=("dX", "dW", "db"),
)

EXERCISES = (AVG_POOL, CONV_FORWARD, CONV_BACKWARD, *VARIANTS)
