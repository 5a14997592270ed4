"""Exercises of 5.2: pooling, convolution of several channels, its gradients."""

import numpy as np

from ..exercise import Exercise, case, integers, vary

AVG_POOL = Exercise(
    id="5.2-1",
    title="平均汇聚",
    english="Average pooling",
    prompt="""
    写平均汇聚（average pooling）：窗口 `size = (U, V)` 以步长 `stride` 滑动，每个窗口取平均值；每个样本、每个通道各算各的。`X` [B, D, M, N] 是张量，返回 [B, D, M′, N′]；不填充。注意窗口不一定是正方形。""",
    stub="""
    def my_avg_pool2d(X, size=(2, 2), stride=2):
        X = X.numpy()
        U, V = size
        # 在这里写你的代码
        ...
    """,
    hints=(
        "与卷积的循环一样：先求输出大小，再对每个 (i, j) 取窗口；只是没有核。",
        "窗口可以同时取所有样本和通道：前两个轴写 `:`。",
        "一个窗口的形状是 [B, D, U, V]：只在后两个轴上取平均，得到 [B, D]。",
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
    versions=(
        """
    def my_avg_pool2d(X, size=(2, 2), stride=2):
        X = X.numpy()
        U, V = size
        B, D, M, N = X.shape
        rows, columns = (M - U) // stride + 1, (N - V) // stride + 1
        Y = np.zeros((B, D, rows, columns))
        for i in range(rows):
            for j in range(columns):
                for u in range(U):
                    for v in range(V):
                        Y[:, :, i, j] += X[:, :, i * stride + u, j * stride + v] / (U * V)
        return Y
    """,
    ),
    slips="""
    window.mean(axis=(2, 3)) ⇒ window.max(axis=(2, 3)) ⇒ 用了最大值：这里要的是平均汇聚。
    window.mean(axis=(2, 3)) ⇒ window.mean() ⇒ 平均的范围太大：所有样本、所有通道一起平均了；只在窗口的行和列上取：mean(axis=(2, 3))。
    window.mean(axis=(2, 3)) ⇒ window.mean(axis=(1, 2, 3), keepdims=True)[..., 0, 0] ⇒ 平均的范围太大：通道也平均了；每个通道各算各的：mean(axis=(2, 3))。
    window.mean(axis=(2, 3)) ⇒ window.mean(axis=(0, 2, 3), keepdims=True)[..., 0, 0] ⇒ 平均的范围太大：批也平均了；每个样本各算各的：mean(axis=(2, 3))。
    window.mean(axis=(2, 3)) ⇒ window.sum(axis=(2, 3)) // (U * V) ⇒ 整数与小数的除法弄混了：平均值是小数：用 /，不用 //。
    window.mean(axis=(2, 3)) ⇒ np.median(window, axis=(2, 3)) ⇒ 取了中位数：要的是平均值。
    window.mean(axis=(2, 3)) ⇒ window.sum(axis=(2, 3)) / stride**2 ⇒ 除数不对：窗口有 U·V 个元素，与步长无关。
    top, left = i * stride, j * stride ⇒ top, left = i * U, j * V ⇒ 把窗口的大小当成了步长：窗口每次移动 stride 格。
    """,
    mutants={"把窗口的大小当成了步长": (lambda X, size, stride: _avg_pool(X, size, size), "窗口每次移动 stride 格，不是移动整个窗口的大小。")},
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

CONV_FORWARD = Exercise(
    id="5.2-3",
    title="写出 Conv2D.forward",
    english="Writing Conv2D.forward",
    level=2,
    prompt="""
    多通道卷积层：第 $p$ 张输出特征图是 $D$ 个通道的卷积之和，再加一个偏置，
    $$Y^p = \\sum_{d=1}^{D} W^{p,d} \\otimes X^d + b^p.$$
    构造函数已经写好：`weight` [P, D, U, V]，`bias` [P]，`kernel_size` 是 `(U, V)`。请写 `forward`：`X` [B, D, M, N] 是张量，返回 [B, P, M′, N′]。循环、`F.unfold`、`paddle.einsum` 都可以，**不要**直接调用 `F.conv2d`。""",
    example="例：D = P = 1，`X = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]`，`W = [[0, 1], [2, 3]]`，`b = 0.5`，步长 1、不填充，得 `[[25.5, 31.5], [43.5, 49.5]]`。",
    stub=_LAYER
    + """
            # X [B, D, M, N] → [B, P, M′, N′]
            # 在这里写你的代码
            ...
    """,
    hints=(
        "先补零：`F.pad(X, [p, p, p, p])`；再像 5.1-3 一样求输出大小，对每个 (i, j) 取窗口。",
        "一个窗口的形状是 [B, D, U, V]，`weight` 是 [P, D, U, V]：哪些轴要求和，哪些轴要留下？",
        "D、U、V 求和，B、P 留下：`paddle.einsum('nduv,pduv->np', …)`；偏置加几次、沿哪个轴？",
    ),
    solution=_LAYER
    + """
            P, D, U, V = self.weight.shape
            rows = (X.shape[2] + 2 * self.padding - U) // self.stride + 1
            columns = (X.shape[3] + 2 * self.padding - V) // self.stride + 1
            # 每一列是一个窗口，按 (d, u, v) 的次序排开：[B, D·U·V, M′·N′]
            windows = F.unfold(X, [U, V], self.stride, self.padding)
            maps = self.weight.reshape([P, D * U * V]) @ windows  # [B, P, M′·N′]
            maps = maps + self.bias.reshape([P, 1])  # 每张特征图一个偏置
            return maps.reshape([X.shape[0], P, rows, columns])
    """,
    versions=(
        _LAYER
        + """
            padding, stride = self.padding, self.stride
            X = np.pad(X.numpy(), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
            W, b = self.weight.numpy(), self.bias.numpy()
            P, D, U, V = W.shape
            rows, columns = (X.shape[2] - U) // stride + 1, (X.shape[3] - V) // stride + 1
            Y = np.zeros((X.shape[0], P, rows, columns))
            for p in range(P):
                for i in range(rows):
                    for j in range(columns):
                        window = X[:, :, i * stride : i * stride + U, j * stride : j * stride + V]
                        Y[:, p, i, j] = (window * W[p]).sum(axis=(1, 2, 3)) + b[p]
            return Y
    """,
    ),
    slips="""
    + b[p] ⇒ + D * b[p] ⇒ 每个输入通道都加了一次偏置：D 个通道的结果先相加，然后只加一次 b[p]。
    maps + self.bias.reshape([P, 1]) ⇒ F.relu(maps + self.bias.reshape([P, 1])) ⇒ 多做了一次 ReLU：卷积层只做线性的部分。
    """,
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


CONV_BACKWARD = Exercise(
    id="5.2-9",
    title="卷积的反向传播",
    english="Backpropagation",
    level=3,
    prompt="""
    前向时 $y_{n,p,i,j} = b_p + \\sum_{d,u,v} w_{p,d,u,v}\\, x_{n,d,\\,iS+u,\\,jS+v}$（已补零）。已知损失对输出的梯度 `dY` [B, P, M′, N′]，求三个梯度，依次返回：`dX`（与 `X` [B, D, M, N] 同形）、`dW`（与 `W` [P, D, U, V] 同形）、`db` [P]。按链式法则，对每个输出位置把它的贡献累加起来；做一部分也行，没写的返回 `None`。""",
    example="例：一个样本、一个通道，`dY = [[1]]`，`X = [[1, 2], [3, 4]]`，`W = [[0, 1], [2, 3]]`：输出只有一个位置，`dX = [[0, 1], [2, 3]]`（就是 W），`dW = [[1, 2], [3, 4]]`（就是窗口），`db = [1]`。",
    stub="""
    def my_conv2d_backward(dY, X, W, stride=1, padding=0):
        dY, X, W = dY.numpy(), X.numpy(), W.numpy()
        dX = dW = db = None
        # 在这里写你的代码
        ...
        return dX, dW, db
    """,
    hints=(
        "先做最容易的 db：b[p] 加到了哪些输出上？链式法则把这些位置的 dY 加起来，只留下 p 这个轴。",
        "一个输出 (i, j) 是窗口与核的乘积之和：它对核的偏导是窗口，对窗口的偏导是核；都要乘 dY[:, :, i, j]。",
        "窗口会重叠，贡献用 += 累加到**补零之后**大小的数组里，最后裁掉四周的填充，使 dX 与 X 同形。",
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
                g = dY[:, :, i, j]  # [B, P]
                dW += np.einsum("np,nduv->pduv", g, Z[window])
                dZ[window] += np.einsum("np,pduv->nduv", g, W)  # 窗口会重叠，所以累加
        dX = dZ[:, :, padding : padding + X.shape[2], padding : padding + X.shape[3]]
        db = dY.sum(axis=(0, 2, 3))
        return dX, dW, db
    """,
    versions=(
        """
    def my_conv2d_backward(dY, X, W, stride=1, padding=0):
        dY, X, W = dY.numpy(), X.numpy(), W.numpy()
        P, D, U, V = W.shape
        Z = np.pad(X, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
        dZ, dW, db = np.zeros_like(Z), np.zeros_like(W), np.zeros(P)
        for n in range(dY.shape[0]):
            for p in range(P):
                for i in range(dY.shape[2]):
                    for j in range(dY.shape[3]):
                        top, left = i * stride, j * stride
                        g = dY[n, p, i, j]
                        db[p] += g
                        dW[p] += g * Z[n, :, top : top + U, left : left + V]
                        dZ[n, :, top : top + U, left : left + V] += g * W[p]
        dX = dZ[:, :, padding : padding + X.shape[2], padding : padding + X.shape[3]]
        return dX, dW, db
    """,
    ),
    slips="""
    dX = dZ[:, :, padding : padding + X.shape[2], padding : padding + X.shape[3]] ⇒ dX = dZ ⇒ 没有裁掉填充：dX 应与 X 同形状：最后裁掉四周的填充。
    db = dY.sum(axis=(0, 2, 3)) ⇒ db = dY.sum() ⇒ 偏置的梯度多加了轴：db 是 P 个数：输出特征图的轴不能求和。
    db = dY.sum(axis=(0, 2, 3)) ⇒ db = dY ⇒ 偏置的梯度没有求和：db[p] 是第 p 张图所有样本、所有位置上 dY 的总和。
    db = dY.sum(axis=(0, 2, 3)) ⇒ db = np.ones(W.shape[0]) ⇒ 偏置的梯度没有乘 dY：链式法则：1 要乘传来的 dY，再求和。
    db = dY.sum(axis=(0, 2, 3)) ⇒ db = dY.sum(axis=(2, 3)) ⇒ 偏置的梯度少加了批的轴：批里的每个样本都有贡献：轴是 (0, 2, 3)。
    db = dY.sum(axis=(0, 2, 3)) ⇒ db = dY.mean(axis=(0, 2, 3)) ⇒ 偏置的梯度取了平均：链式法则给出的是和；除以样本数这件事已经在损失里做过了。
    db = dY.sum(axis=(0, 2, 3)) ⇒ db = dY.sum(axis=(2, 3)).mean(axis=0) ⇒ 偏置的梯度在批上取了平均：链式法则给出的是和；除以样本数这件事已经在损失里做过了。
    return dX, dW, db ⇒ return dX / len(X), dW / len(X), db / len(X) ⇒ 梯度取了平均：链式法则给出的是和；除以样本数这件事已经在损失里做过了。
    db = dY.sum(axis=(0, 2, 3)) ⇒ dW, db = dW / len(X), dY.sum(axis=(0, 2, 3)) ⇒ dW 取了平均：链式法则给出的是和；除以样本数这件事已经在损失里做过了。
    Z[window]) ⇒ Z[:, :, i : i + U, j : j + V]) ⇒ 求 dW 时忘了步长：窗口从 (i·S, j·S) 开始，与前向时相同。
    np.einsum("np,pduv->nduv", g, W) ⇒ np.einsum("np,pduv->nduv", g, W[:, :, ::-1, ::-1]) ⇒ 散布时核不应翻转：把 dY·W 加到窗口的位置时，核保持原样；用卷积求 dX 时才翻转。
    """,
    mutants={"求 dX 时核没有翻转": (lambda dY, X, W, stride, padding: (_backward(dY, X, W.flip([2, 3]), stride, padding)[0], None, None), "把 dX 写成 dY 与核的卷积时，核要翻转 180°（或者把 dY·W 散布回窗口所在的位置）。")},
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
