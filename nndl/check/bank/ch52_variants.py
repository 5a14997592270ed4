"""More exercises of 5.2: counting, grouped, separable and transposed convolution, im2col, Winograd."""

import numpy as np

from ..exercise import Exercise, case, integers, vary


def _saving(in_channels, out_channels, kernel, rows, columns):
    """Multiply-adds of both forms and their ratio."""
    pixels = rows * columns
    standard = pixels * in_channels * out_channels * kernel**2
    separable = pixels * in_channels * (kernel**2 + out_channels)
    return standard, separable, separable / standard


SAVING = Exercise(
    id="5.2-2",
    title="可分离卷积省了多少计算",
    english="What separating saves",
    prompt="""
    输出大小为 `rows`×`columns`，核是 `kernel`×`kernel`，没有偏置。深度可分离卷积分两步：逐通道（每个输入通道一个核，各算各的）和逐点（1×1 卷积）。数一数乘加（multiply-adds，一次乘加算一次）的次数，依次返回三个数：普通卷积的次数、深度可分离卷积的次数、**后者与前者之比**。都是整数输入；前两个返回整数，比值是小数。""",
    stub="""
    def my_separable_saving(in_channels, out_channels, kernel, rows, columns):
        standard = separable = ratio = None
        # 在这里写你的代码
        ...
        return standard, separable, ratio
    """,
    hints=(
        "普通卷积：一个输出像素要几次乘加？一共有几个输出像素（别忘了特征图的张数）？",
        "逐通道的一步输出几张图？每个像素要几次？逐点的一步呢？两步先后进行。",
        "比值可以化简成 1/P + 1/U²：用它检查自己的结果（3×3、P = 64 时约为 0.127）。",
    ),
    solution="""
    def my_separable_saving(in_channels, out_channels, kernel, rows, columns):
        pixels = rows * columns
        standard = pixels * out_channels * in_channels * kernel * kernel
        depthwise = pixels * in_channels * kernel * kernel  # 每个通道一个核
        pointwise = pixels * out_channels * in_channels  # 1×1 卷积
        separable = depthwise + pointwise
        return standard, separable, separable / standard  # 比值 = 1/P + 1/U²
    """,
    slips="""
    separable = depthwise + pointwise ⇒ separable = depthwise ⇒ 少了逐点的一步：还要加上 1×1 卷积的 P·D·M′·N′。
    separable = depthwise + pointwise ⇒ separable = pointwise ⇒ 少了逐通道的一步：还要加上 D·U²·M′·N′。
    separable = depthwise + pointwise ⇒ separable = depthwise * pointwise ⇒ 两步相乘了：两步先后进行，次数相加。
    depthwise = pixels * in_channels * kernel * kernel ⇒ depthwise = standard ⇒ 逐通道的一步多乘了 P：它只有 D 个核。
    separable / standard ⇒ standard / separable ⇒ 比值的分子分母反了：是“可分离 ÷ 普通”。
    separable / standard ⇒ 1 - separable / standard ⇒ 返回的是省下的部分：题目要可分离卷积与普通卷积之比。
    separable / standard ⇒ separable // standard ⇒ 整数与小数的除法弄混了：比值是小数：用 /。
    standard = pixels * out_channels * in_channels * kernel * kernel ⇒ standard = 2 * pixels * out_channels * in_channels * kernel * kernel ⇒ 乘与加分开数了：一次乘加算一次，不要乘 2。
    pixels = rows * columns ⇒ pixels = 1 ⇒ 没有乘像素的个数：这是参数的个数；每个参数在 M′·N′ 个位置上各用一次。
    """,
    mutants={
        "乘与加分开数了": (lambda *a: (2 * _saving(*a)[0], 2 * _saving(*a)[1], None), "一次乘加算一次，不要乘 2。"),
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
    example="例：`my_separable_saving(2, 4, 3, 1, 1)` → `(72, 26, 0.361…)`：普通 4·2·9 = 72；可分离 2·9 + 4·2 = 26。",
)


def _grouped(X, W, groups=1):
    import paddle.nn.functional as F

    return F.conv2d(X, W, groups=groups)


GROUPED = Exercise(
    id="5.2-4",
    title="分组卷积",
    english="Grouped convolution",
    level=2,
    prompt="""
    分组卷积把 $D$ 个输入通道和 $P$ 张输出特征图各分成 `groups` 组，第 $g$ 组的输出只看第 $g$ 组的输入。`X` [B, D, M, N]，`W` [P, D/groups, U, V] 都是张量；步长 1，不填充，没有偏置，返回 [B, P, M′, N′]。可以用 `F.conv2d`，但不要用它的 `groups` 参数。""",
    example="例：D = P = groups = 2、核是 1×1：`W = [w0, w1]` 时，输出的第 0 张是 `w0·X[0]`，第 1 张是 `w1·X[1]`，通道之间不相加。",
    stub="""
    def my_grouped_conv2d(X, W, groups=1):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "每组有几个输入通道、几张输出特征图？第 g 组从第几个开始？",
        "第 0 组的输入是最前面的 D/groups 个通道，它的核是 W 最前面的 P/groups 个。",
        "每组做一次普通卷积，再按组的次序在**通道轴**上接起来（`paddle.concat`）。",
    ),
    solution="""
    def my_grouped_conv2d(X, W, groups=1):
        inputs = paddle.split(X, groups, axis=1)  # 每组 D/groups 个通道
        kernels = paddle.split(W, groups, axis=0)  # 每组 P/groups 张输出
        maps = [F.conv2d(x, w) for x, w in zip(inputs, kernels)]
        return paddle.concat(maps, axis=1)
    """,
    versions=(
        """
    def my_grouped_conv2d(X, W, groups=1):
        D, P = X.shape[1] // groups, W.shape[0] // groups
        maps = []
        for g in range(groups):
            x = X[:, g * D : (g + 1) * D]
            w = W[g * P : (g + 1) * P]
            maps.append(F.conv2d(x, w))
        return paddle.concat(maps, axis=1)
    """,
        """
    def my_grouped_conv2d(X, W, groups=1):
        X, W = X.numpy(), W.numpy()
        P, D, U, V = W.shape
        rows, columns = X.shape[2] - U + 1, X.shape[3] - V + 1
        Y = np.zeros((X.shape[0], P, rows, columns))
        for p in range(P):
            first = p // (P // groups) * D
            for d in range(D):
                for u in range(U):
                    for v in range(V):
                        Y[:, p] += W[p, d, u, v] * X[:, first + d, u : u + rows, v : v + columns]
        return Y
    """,
    ),
    slips="""
    first = p // (P // groups) * D ⇒ first = p % groups * D ⇒ 分组的次序不对：连续的 P/groups 张输出特征图属于同一组。
    first = p // (P // groups) * D ⇒ first = 0 ⇒ 忽略了分组：第 g 组的输出只看第 g 组的输入通道，而不是总看最前面的那几个。
    x = X[:, g * D : (g + 1) * D] ⇒ x = X[:, g::groups] ⇒ 输入通道交错地分了组：第 g 组是**连续**的 D/groups 个通道。
    w = W[g * P : (g + 1) * P] ⇒ w = W[g::groups] ⇒ 核交错地分了组：第 g 组是**连续**的 P/groups 个核。
    return paddle.concat(maps, axis=1) ⇒ return sum(maps) ⇒ 各组的结果相加了：各组在通道轴上接起来（concat）。
    return paddle.concat(maps, axis=1) ⇒ return paddle.concat(maps[::-1], axis=1) ⇒ 组的次序反了：第 0 组的输出排在最前面。
    return paddle.concat(maps, axis=1) ⇒ return paddle.concat(maps, axis=0) ⇒ 拼接的轴不对：在通道轴（axis=1）上接起来，不是批的轴。
    return paddle.concat(maps, axis=1) ⇒ return paddle.stack(maps, axis=2).flatten(1, 2) ⇒ 各组的输出交错了：一组的特征图要连在一起：用 concat，不是 stack。
    maps = [F.conv2d(x, w) for x, w in zip(inputs, kernels)] ⇒ maps = [F.conv2d(X, W)] ⇒ 没有分组：每组各用自己的通道、自己的核做一次卷积。
    """,
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


SEPARABLE = Exercise(
    id="5.2-5",
    title="深度可分离卷积",
    english="Depthwise separable convolution",
    level=2,
    prompt="""
    深度可分离卷积（depthwise separable convolution）分两步：
    1. 逐通道：第 $d$ 个通道只与自己的核 `depthwise[d]` 卷积，通道之间**不相加**；
    2. 逐点：用 1×1 卷积 `pointwise` 把 $D$ 个通道线性组合成 $P$ 张特征图。两步之间没有非线性。

    `X` [B, D, M, N]，`depthwise` [D, U, V]，`pointwise` [P, D] 都是张量；步长 1，填充 `padding`，没有偏置；返回 [B, P, M′, N′]。可以使用 `F.conv2d`。""",
    example="例：D = 2、P = 1、核是 1×1：`depthwise = [a, b]`，`pointwise = [[c, d]]`，结果是 `c·a·X[0] + d·b·X[1]`。",
    stub="""
    def my_separable_conv2d(X, depthwise, pointwise, padding=0):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "第一步是分成 D 组的分组卷积：每组一个通道、一个核。核要变成什么形状？",
        "第二步是逐像素的线性组合；它的核是 1×1，要不要再填充？",
        "`groups=D` 的核形状是 [D, 1, U, V]；第二步可以用 `paddle.einsum('ndij,pd->npij', …)`。",
    ),
    solution="""
    def my_separable_conv2d(X, depthwise, pointwise, padding=0):
        D, U, V = depthwise.shape
        kernels = depthwise.reshape([D, 1, U, V])
        maps = F.conv2d(X, kernels, padding=padding, groups=D)  # 每个通道一个核，不相加
        return paddle.einsum("ndij,pd->npij", maps, pointwise)  # 1×1 卷积：逐像素的线性组合
    """,
    versions=(
        """
    def my_separable_conv2d(X, depthwise, pointwise, padding=0):
        X, depthwise, pointwise = X.numpy(), depthwise.numpy(), pointwise.numpy()
        X = np.pad(X, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
        D, U, V = depthwise.shape
        rows, columns = X.shape[2] - U + 1, X.shape[3] - V + 1
        maps = np.zeros((X.shape[0], D, rows, columns))
        for d in range(D):
            for u in range(U):
                for v in range(V):
                    maps[:, d] += depthwise[d, u, v] * X[:, d, u : u + rows, v : v + columns]
        return np.einsum("ndij,pd->npij", maps, pointwise)
    """,
    ),
    slips="""
    maps = F.conv2d(X, kernels, padding=padding, groups=D) ⇒ maps = F.relu(F.conv2d(X, kernels, padding=padding, groups=D)) ⇒ 两步之间多做了 ReLU：题目的两步之间没有非线性。
    maps = F.conv2d(X, kernels, padding=padding, groups=D) ⇒ maps = F.conv2d(X, kernels.transpose([1, 0, 2, 3]), padding=padding).expand([X.shape[0], D, X.shape[2] + 2 * padding - U + 1, X.shape[3] + 2 * padding - V + 1]) ⇒ 逐通道的一步把通道相加了：那是普通卷积；每个通道要单独保留。
    return paddle.einsum("ndij,pd->npij", maps, pointwise) ⇒ return maps ⇒ 少了逐点的一步：还要用 pointwise 组合通道。
    return paddle.einsum("ndij,pd->npij", maps, pointwise) ⇒ return F.conv2d(maps, pointwise.reshape([*pointwise.shape, 1, 1]), padding=padding) ⇒ 填充了两次：1×1 卷积不需要填充，只在逐通道那一步补零。
    return paddle.einsum("ndij,pd->npij", maps, pointwise) ⇒ return paddle.einsum("ndij,dp->npij", maps, pointwise) ⇒ 逐点的矩阵转置了：第 p 行是第 p 张输出特征图的系数。
    return paddle.einsum("ndij,pd->npij", maps, pointwise) ⇒ return paddle.einsum("ndij,dp->npij", maps, pointwise.reshape(pointwise.shape[::-1])) ⇒ 逐点的矩阵用 reshape 转置了：reshape 不交换行列；第 p 行是第 p 张输出特征图的系数。
    depthwise[d, u, v] * X ⇒ depthwise[0, u, v] * X ⇒ 所有通道用了同一个核：第 d 个通道用 depthwise[d]。
    maps[:, d] += ⇒ maps[:, 0] += ⇒ 逐通道的一步把通道相加了：每个通道要单独保留。
    """,
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


IM2COL = Exercise(
    id="5.2-6",
    title="im2col：把窗口排成列",
    english="Windows as columns",
    level=2,
    prompt="""
    快速的卷积先把每个窗口拉直成一列，再做一次矩阵乘法。`X` [D, M, N] 是张量，`kernel = (U, V)`，返回 [D·U·V, M′·N′]：第 $i\\cdot N'+j$ 列是左上角在 $(iS, jS)$ 的窗口，按 (通道, 行, 列) 的次序拉直。不填充。不要调用 `F.unfold`。""",
    stub="""
    def my_im2col(X, kernel, stride=1):
        X = X.numpy()
        U, V = kernel
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先只取一个窗口：它的形状是 [D, U, V]，怎样变成 D·U·V 个数？",
        "窗口的次序：一行走完再走下一行，所以哪个下标在外层循环？",
        "把拉直的窗口放进列表，最后用 `np.stack` 叠起来：每个窗口要成为一**列**。",
    ),
    solution="""
    def my_im2col(X, kernel, stride=1):
        X = X.numpy()
        U, V = kernel
        columns = []
        for top in range(0, X.shape[1] - U + 1, stride):
            for left in range(0, X.shape[2] - V + 1, stride):
                window = X[:, top : top + U, left : left + V]
                columns.append(window.reshape(-1))  # 次序是 (d, u, v)，与 W.reshape 一致
        return np.stack(columns, axis=1)  # 每个窗口一列
    """,
    versions=(
        """
    def my_im2col(X, kernel, stride=1):
        windows = np.lib.stride_tricks.sliding_window_view(X.numpy(), kernel, axis=(1, 2))
        windows = windows[:, ::stride, ::stride]
        D, rows, columns, U, V = windows.shape
        return windows.transpose(0, 3, 4, 1, 2).reshape(D * U * V, rows * columns)
    """,
    ),
    slips="""
    np.stack(columns, axis=1) ⇒ np.stack(columns, axis=0) ⇒ 行与列反了：你的每个窗口是一行；题目要每个窗口一列。
    np.stack(columns, axis=1) ⇒ np.stack(columns, axis=0).reshape(-1, len(columns)) ⇒ 用 reshape 代替了转置：形状对了，但元素混在一起：用 axis=1 叠起来，或用 .T。
    windows.transpose(0, 3, 4, 1, 2) ⇒ windows.transpose(3, 4, 0, 1, 2) ⇒ 窗口里的次序不对：应是 (通道, 行, 列)，你的通道排在最后。
    windows.transpose(0, 3, 4, 1, 2) ⇒ windows.transpose(0, 4, 3, 1, 2) ⇒ 窗口里的行列弄反了：窗口内的次序是 (通道, 行, 列)。
    windows.transpose(0, 3, 4, 1, 2) ⇒ windows.transpose(0, 3, 4, 2, 1) ⇒ 列的次序不对：先走完一行的窗口（j 变得快），i 在外层循环。
    windows.transpose(0, 3, 4, 1, 2) ⇒ windows ⇒ 少了转置：形状对了，但元素混在一起：要先转置再 reshape。
    window.reshape(-1) ⇒ window.transpose(1, 2, 0).reshape(-1) ⇒ 窗口里的次序不对：应是 (通道, 行, 列)，你的通道排在最后。
    """,
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


WINOGRAD = Exercise(
    id="5.2-7",
    title="F(2, 3)：四次乘法算两个输出",
    english="Two outputs with four products",
    level=2,
    prompt="""
    一维、3 个元素的核，相邻的两个输出 $y_0 = x_0w_0 + x_1w_1 + x_2w_2$，$y_1 = x_1w_0 + x_2w_1 + x_3w_2$ 直接算要 6 次乘法。Winograd 的办法只用 4 次：先把核变换成 4 个数、输入变换成 4 个数，**逐个相乘**，再用加减合成：
    $$m_1 = (x_0 - x_2)\\,w_0,\\quad m_2 = (x_1 + x_2)\\,\\tfrac{w_0+w_1+w_2}{2},\\quad m_3 = (x_2 - x_1)\\,\\tfrac{w_0-w_1+w_2}{2},\\quad m_4 = (x_1 - x_3)\\,w_2,$$
    $y_0$ 和 $y_1$ 各是其中三个数的加减：请自己求出来（把 $m$ 展开，看哪些项要消去）。`x` 有 4 个数，`w` 有 3 个数，都是 NumPy 数组；返回两个数。检查会数乘法：输入与核相乘至多 4 次（乘、除以常数不算）。""",
    example="例：`x = [1, 2, 3, 4]`，`w = [1, 0, -1]` → `[-2, -2]`；四个乘积是 −2、0、0、2。",
    stub="""
    def my_winograd(x, w):
        # 返回 [y0, y1]，输入与核之间只做 4 次乘法
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先写出四个乘积 m1 … m4，代入上面的例子，看看哪三个数能加减成 y0 = −2。",
        "m2 + m3 和 m2 − m3 各等于什么？展开之后，一半的项会消去。",
        "m2 + m3 = x1·w1 + x2·(w0 + w2)，m2 − m3 = x1·(w0 + w2) + x2·w1；再各补上一个乘积。",
    ),
    solution="""
    def my_winograd(x, w):
        m1 = (x[0] - x[2]) * w[0]
        m2 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2
        m3 = (x[2] - x[1]) * (w[0] - w[1] + w[2]) / 2
        m4 = (x[1] - x[3]) * w[2]
        return [m1 + m2 + m3, m2 - m3 - m4]
    """,
    versions=(
        """
    def my_winograd(x, w):
        G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
        B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
        A = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
        return A @ ((G @ w) * (B @ x))
    """,
    ),
    slips="""
    (w[0] + w[1] + w[2]) / 2 ⇒ (w[0] + w[1] + w[2]) ⇒ 忘了一半：变换后的核中间两个数要除以 2。
    m2 - m3 - m4 ⇒ m2 - m3 + m4 ⇒ m4 的符号反了：m4 = (x1 − x3)·w2，要减去它，x3·w2 才是正的。
    m2 - m3 - m4 ⇒ m2 + m3 - m4 ⇒ m3 的符号反了：y1 里要减去 m3。
    m1 + m2 + m3 ⇒ m1 + m2 - m3 ⇒ m3 的符号反了：y0 里要加上 m3。
    return A @ ((G @ w) * (B @ x)) ⇒ w = np.array([w[0], w[1], w[2], w[2]]); return A @ (w * (B @ x)) ⇒ 核没有变换：先把 3 个数变成 4 个：w0、(w0+w1+w2)/2、(w0−w1+w2)/2、w2。
    return A @ ((G @ w) * (B @ x)) ⇒ return A @ ((G @ w) * x) ⇒ 输入没有变换：与核相乘的是 x0−x2、x1+x2、x2−x1、x1−x3。
    return [m1 + m2 + m3, m2 - m3 - m4] ⇒ return [x[0] * w[0] + x[1] * w[1] + x[2] * w[2], x[1] * w[0] + x[2] * w[1] + x[3] * w[2]] ⇒ 结果对，但用的乘法太多：直接算要 6 次；用题目的四个乘积，只做 4 次。
    m2 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2 ⇒ m2 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2 + 0 * x[0] * w[0] ⇒ 乘法太多：输入与核之间只做 4 次乘法。
    """,
    reference=lambda x, w: (
        np.array([x.numpy()[k : k + 3] @ w.numpy() for k in (0, 1)]) if hasattr(x, "numpy") else np.array([x[k : k + 3] @ w for k in (0, 1)]),
        4,
    ),
    cases=tuple(
        case(integers([4], 110 + k) / (1 + k % 2), integers([3], 120 + k), about="小数" if k % 2 else ())
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


TRANSPOSED = Exercise(
    id="5.2-8",
    title="转置卷积",
    english="Transposed convolution",
    level=3,
    prompt="""
    转置卷积（transposed convolution）把每个输入像素“盖章”到输出上：`X[i, j] * W` 加到以 $(iS, jS)$ 为左上角的 U×V 区域，重叠的地方相加。它放大特征图，也正是卷积对输入的梯度。`X` [M, N]、`W` [U, V] 是张量，不填充；输出多大，由最后一个像素的章盖到哪里决定。请自己写，不要调用 `F.conv2d_transpose`。""",
    stub="""
    def my_transposed_conv2d(X, W, stride=1):
        X, W = X.numpy(), W.numpy()
        # 在这里写你的代码
        ...
    """,
    hints=(
        "对**输入**的每个像素循环，不是对输出。最后一个像素的章从第几行开始，盖到第几行？",
        "输出有 `(M - 1) * stride + U` 行；先建全零的数组。",
        "像素 (i, j) 的章盖在 U 行 V 列的区域上；相邻的章会重叠，所以用 +=。",
    ),
    solution="""
    def my_transposed_conv2d(X, W, stride=1):
        X, W = X.numpy(), W.numpy()
        (M, N), (U, V) = X.shape, W.shape
        Y = np.zeros(((M - 1) * stride + U, (N - 1) * stride + V))
        for i in range(M):
            for j in range(N):
                top, left = i * stride, j * stride
                Y[top : top + U, left : left + V] += X[i, j] * W  # 重叠处累加
        return Y
    """,
    versions=(
        """
    def my_transposed_conv2d(X, W, stride=1):
        X, W = X.numpy(), W.numpy()
        (M, N), (U, V) = X.shape, W.shape
        spread = np.zeros(((M - 1) * stride + 1, (N - 1) * stride + 1))
        spread[::stride, ::stride] = X
        spread = np.pad(spread, [(U - 1, U - 1), (V - 1, V - 1)])
        windows = np.lib.stride_tricks.sliding_window_view(spread, W.shape)
        return (windows * W[::-1, ::-1]).sum(axis=(2, 3))
    """,
    ),
    slips="""
    Y[top : top + U, left : left + V] += X[i, j] * W ⇒ Y[top : top + U, left : left + V] = X[i, j] * W ⇒ 重叠处覆盖了：重叠的地方要用 += 累加。
    (windows * W[::-1, ::-1]) ⇒ (windows * W) ⇒ 卷积核翻转了：写成“插零、补零、卷积”时，核要翻转 180°；或者直接盖章。
    return (windows * W[::-1, ::-1]).sum(axis=(2, 3)) ⇒ windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)[::stride, ::stride]; return (windows * W).sum(axis=(2, 3)) ⇒ 做成了普通卷积：转置卷积从输入的每个像素出发，输出变大。
    return (windows * W[::-1, ::-1]).sum(axis=(2, 3)) ⇒ return np.kron(X, W) ⇒ 章没有重叠（np.kron）：章每次移动 stride 格，不是移动整个核的大小；重叠处相加。
    return (windows * W[::-1, ::-1]).sum(axis=(2, 3)) ⇒ windows = np.lib.stride_tricks.sliding_window_view(np.pad(X.repeat(stride, 0).repeat(stride, 1), [(U - 1, U - 1), (V - 1, V - 1)]), W.shape); return (windows * W[::-1, ::-1]).sum(axis=(2, 3)) ⇒ 像素被重复而不是插零：放大时，像素之间插入的是 0。
    """,
    reference=_transposed,
    cases=(
        case(np.array([[1, 2], [3, 4]], "float32"), np.array([[0, 1], [2, 3]], "float32"), 1),
        *vary(
            lambda M=3, N=3, U=2, V=2, S=1, k=1: (integers([M, N], 93) / k, integers([U, V], 94), S),
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
