"""More exercises of 5.2: separable, transposed and grouped convolution, and im2col."""

import numpy as np

from ..engine.diagnose import to_array
from ..engine.mutants import GROUPS, convolution_mutants, faulty_conv2d
from ..exercise import Exercise, case, integers

# -- 5.2-4 -------------------------------------------------------------------------------------


def _separable(X, depthwise, pointwise, padding):
    import paddle.nn.functional as F

    D, U, V = depthwise.shape
    maps = F.conv2d(X, depthwise.reshape([D, 1, U, V]), padding=padding, groups=D)
    return F.conv2d(maps, pointwise.reshape([*pointwise.shape, 1, 1]))


def _depthwise(X, depthwise, padding, mistakes=()):
    kernels = to_array(depthwise)[:, None]
    return faulty_conv2d(X, kernels, padding=padding, groups=len(kernels), mistakes=mistakes)


def _pointwise(maps, weights):
    return np.einsum("ndij,pd->npij", to_array(maps), to_array(weights))


def _faulty_separable(*mistakes):
    def mutant(X, depthwise, pointwise, padding):
        return _pointwise(_depthwise(X, depthwise, padding, mistakes), pointwise)

    return mutant


def _depthwise_summed(X, depthwise, pointwise, padding):
    """An ordinary convolution first: every map gets the sum over the channels."""
    maps = _depthwise(X, depthwise, padding).sum(axis=1, keepdims=True)
    return _pointwise(np.repeat(maps, len(depthwise), axis=1), pointwise)


SEPARABLE = Exercise(
    id="5.2-4",
    title="深度可分离卷积",
    english="Depthwise separable convolution",
    level=2,
    prompt="""
    深度可分离卷积（depthwise separable convolution）分两步：
    1. 逐通道：第 $d$ 个通道只与自己的核 `depthwise[d]` 卷积，通道之间**不相加**；
    2. 逐点：用 1×1 卷积 `pointwise` 把 $D$ 个通道线性组合成 $P$ 张特征图。

    `X` [N, D, M, N]，`depthwise` [D, U, V]，`pointwise` [P, D] 都是张量；
    步长 1，填充 `padding`，没有偏置；返回 [N, P, M′, N′]。可以使用 `F.conv2d`。""",
    stub="""
    def my_separable_conv2d(X, depthwise, pointwise, padding=0):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "第一步是 `groups=D` 的分组卷积：`F.conv2d` 要的核形状是 [D, 1, U, V]。",
        "第二步的核是 [P, D, 1, 1]：`pointwise.reshape([P, D, 1, 1])`，不再填充。",
        "也可以不用卷积做第二步：`paddle.einsum('ndij,pd->npij', maps, pointwise)`。",
    ),
    solution="""
    def my_separable_conv2d(X, depthwise, pointwise, padding=0):
        D, U, V = depthwise.shape
        kernels = depthwise.reshape([D, 1, U, V])
        maps = F.conv2d(X, kernels, padding=padding, groups=D)  # 每个通道一个核，不相加
        return paddle.einsum("ndij,pd->npij", maps, pointwise)  # 1×1 卷积：逐像素的线性组合
    """,
    reference=_separable,
    cases=(
        case(integers([1, 1, 3, 3], 81), integers([1, 2, 2], 82), integers([1, 1], 83), 0),
        case(integers([1, 2, 4, 5], 84), integers([2, 3, 3], 85), integers([3, 2], 86), 0),
        case(
            *(integers([2, 3, 5, 4], 87), integers([3, 3, 3], 88), integers([2, 3], 89), 1),
            about="填充",
        ),
        case(integers([2, 3, 5, 6], 90), integers([3, 2, 3], 91), integers([3, 3], 92), 0),
    ),
    mutants={
        "padding_forgotten": _faulty_separable("padding_forgotten"),
        "padding_twice": (
            lambda X, depthwise, pointwise, padding: np.pad(
                _faulty_separable()(X, depthwise, pointwise, padding),
                [(0, 0), (0, 0), (padding, padding), (padding, padding)],
            ),
            "1×1 卷积不需要填充：只在逐通道那一步补零。",
        ),
        "kernel_flipped": _faulty_separable("kernel_flipped"),
        "rows_columns_swapped": _faulty_separable("rows_columns_swapped"),
        "depthwise_kernel_shared": (
            _faulty_separable("output_maps_same"),
            "所有通道都用了 depthwise[0]；第 d 个通道应当用 depthwise[d]。",
        ),
        "depthwise_summed": (
            _depthwise_summed,
            "逐通道那一步把通道加起来了（成了普通卷积）：每个通道要单独保留。",
        ),
        "groups_ignored": _faulty_separable("groups_ignored"),
        "pointwise_missing": (
            lambda X, depthwise, pointwise, padding: _depthwise(X, depthwise, padding),
            "只做了逐通道的一步，还要用 pointwise 组合通道。",
        ),
        "pointwise_transposed": (
            lambda X, depthwise, pointwise, padding: _pointwise(
                _depthwise(X, depthwise, padding), to_array(pointwise).T
            ),
            "pointwise 是 [P, D]：第 p 行是第 p 张输出特征图的系数，你用了它的转置。",
        ),
    },
)

# -- 5.2-5 -------------------------------------------------------------------------------------


def _saving(in_channels, out_channels, kernel, rows, columns):
    """Multiply-adds of both forms and their ratio."""
    pixels = rows * columns
    standard = pixels * in_channels * out_channels * kernel**2
    separable = pixels * in_channels * (kernel**2 + out_channels)
    return standard, separable, separable / standard


def _separable_cost(formula):
    """The second result by another formula, and the ratio that follows from it."""

    def mutant(D, P, k, rows, columns):
        cost = formula(D, P, k, rows * columns)
        return None, cost, cost / _saving(D, P, k, rows, columns)[0]

    return mutant


def _ratio(change):
    return lambda *sizes: (None, None, change(_saving(*sizes)[2]))


SAVING = Exercise(
    id="5.2-5",
    title="可分离卷积省了多少计算",
    english="What separating saves",
    prompt="""
    输出大小为 `rows`×`columns`，核是 `kernel`×`kernel`，没有偏置。
    数一数乘加（multiply-adds）的次数，依次返回三个数：普通卷积的次数、深度可分离卷积（逐通道 + 逐点）的次数、**后者与前者之比**。
    都是整数输入；前两个返回整数，比值是小数。""",
    stub="""
    def my_separable_saving(in_channels, out_channels, kernel, rows, columns):
        standard = separable = ratio = None
        # 在这里写你的代码
        ...
        return standard, separable, ratio
    """,
    hints=(
        "普通卷积：每个输出像素要 D·U·V 次乘加，一共有 P·M′·N′ 个输出像素。",
        "逐通道：D 张特征图，每个像素 U·V 次；逐点：P 张特征图，每个像素 D 次。两步相加。",
        "比值是 1/P + 1/U²：可以用它检查自己的结果（3×3、P = 64 时约为 0.127）。",
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
    reference=_saving,
    cases=(
        case(1, 1, 3, 1, 1),
        case(3, 8, 3, 10, 12),
        case(64, 128, 3, 8, 8),
        case(16, 6, 5, 7, 9),
    ),
    mutants={
        "pointwise_missing": (
            _separable_cost(lambda D, P, k, pixels: pixels * D * k * k),
            "只数了逐通道的一步，还要加上 1×1 卷积的 P·D·M′·N′。",
        ),
        "depthwise_missing": (
            _separable_cost(lambda D, P, k, pixels: pixels * D * P),
            "只数了逐点的一步，还要加上逐通道的 D·U²·M′·N′。",
        ),
        "depthwise_times_maps": (
            _separable_cost(lambda D, P, k, pixels: pixels * (D * P * k * k + D * P)),
            "逐通道的一步只有 D 个核，不乘 P。",
        ),
        "steps_multiplied": (
            _separable_cost(lambda D, P, k, pixels: pixels * D * k * k * D * P),
            "两步先后进行，次数相加而不是相乘。",
        ),
        "kernel_not_squared": (
            [
                lambda D, P, k, m, n: (m * n * D * P * k, None, None),
                _separable_cost(lambda D, P, k, pixels: pixels * D * (k + P)),
            ],
            "一个核有 U·U 个元素。",
        ),
        "pixels_forgotten": (
            [
                lambda D, P, k, m, n: (D * P * k * k, None, None),
                lambda D, P, k, m, n: (None, D * (k * k + P), None),
            ],
            "这是参数的个数；每个参数在 M′·N′ 个位置上各用一次。",
        ),
        "ratio_inverted": (_ratio(lambda r: 1 / r), "比值是“可分离 ÷ 普通”，你给的是它的倒数。"),
        "ratio_is_saving": (
            _ratio(lambda r: 1 - r),
            "这是省下的部分 1 − r；题目要可分离卷积与普通卷积之比 r。",
        ),
        "integer_division": _ratio(lambda r: r // 1),
        "multiply_and_add": (
            lambda D, P, k, m, n: (2 * _saving(D, P, k, m, n)[0], None, None),
            "一次乘加算一次，不要乘 2。",
        ),
    },
    outputs=("standard", "separable", "ratio"),
)

# -- 5.2-6 -------------------------------------------------------------------------------------


def _transposed(X, W, stride=1):
    import paddle.nn.functional as F

    X, W = X.reshape([1, 1, *X.shape]), W.reshape([1, 1, *W.shape])
    return F.conv2d_transpose(X, W, stride=stride)[0, 0]


def _scatter(X, W, steps, overwrite=False, size=None):
    X, W = to_array(X).astype("float64"), to_array(W).astype("float64")
    (M, N), (U, V) = X.shape, W.shape
    Y = np.zeros(size or ((M - 1) * steps[0] + U, (N - 1) * steps[1] + V))
    for i in range(M):
        for j in range(N):
            top, left = i * steps[0], j * steps[1]
            place = np.s_[top : top + U, left : left + V]
            Y[place] = X[i, j] * W if overwrite else Y[place] + X[i, j] * W
    return Y


def _ordinary(X, W, stride):
    return faulty_conv2d(to_array(X)[None, None], to_array(W)[None, None], stride=stride)[0, 0]


TRANSPOSED = Exercise(
    id="5.2-6",
    title="转置卷积",
    english="Transposed convolution",
    level=3,
    prompt="""
    转置卷积（transposed convolution）把每个输入像素“盖章”到输出上：`X[i, j] * W` 加到
    以 $(iS, jS)$ 为左上角的 U×V 区域，重叠的地方相加。它放大特征图，也正是卷积对输入的梯度。
    `X` [M, N]、`W` [U, V] 是张量，返回 $[(M-1)S+U,\\ (N-1)S+V]$；不填充。
    请自己写，不要调用 `F.conv2d_transpose`。""",
    stub="""
    def my_transposed_conv2d(X, W, stride=1):
        X, W = X.numpy(), W.numpy()
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先建一个全零的输出，大小见题目；然后对**输入**的每个 (i, j) 循环。",
        "像素 (i, j) 影响输出的 `Y[i * stride : i * stride + U, j * stride : j * stride + V]`。",
        "`Y[区域] += X[i, j] * W`：用 += ，因为相邻的章会重叠。",
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
    reference=_transposed,
    cases=(
        case(np.array([[1, 2], [3, 4]], "float32"), np.array([[0, 1], [2, 3]], "float32"), 1),
        case(integers([3, 4], 93), integers([3, 2], 94), 1, about="核不是正方形"),
        case(integers([2, 3], 95) / 2, integers([3, 3], 96), 2, about="步长"),
        case(integers([3, 2], 97), integers([2, 2], 98), 3, about="步长"),
    ),
    mutants={
        "gradient_overwritten": (
            lambda X, W, stride: _scatter(X, W, (stride, stride), overwrite=True),
            "重叠的地方被后面的章覆盖了：要用 += 累加。",
        ),
        "kernel_flipped": lambda X, W, stride: _scatter(
            X, to_array(W)[::-1, ::-1], (stride, stride)
        ),
        "stride_ignored": [
            lambda X, W, stride: _scatter(X, W, (1, 1)),
            lambda X, W, stride: _scatter(X, W, (1, 1), size=_scatter(X, W, (stride,) * 2).shape),
        ],
        "stride_one_axis": [
            lambda X, W, stride: _scatter(X, W, (stride, 1)),
            lambda X, W, stride: _scatter(X, W, (1, stride)),
            lambda X, W, stride: _scatter(
                X, W, (stride, 1), size=_scatter(X, W, (stride,) * 2).shape
            ),
            lambda X, W, stride: _scatter(
                X, W, (1, stride), size=_scatter(X, W, (stride,) * 2).shape
            ),
        ],
        "ordinary_convolution": (
            _ordinary,
            "这是普通卷积（输出变小）；转置卷积从输入的每个像素出发，输出变大。",
        ),
    },
)

# -- 5.2-7 -------------------------------------------------------------------------------------


def _im2col(X, kernel, stride=1):
    import paddle.nn.functional as F

    return F.unfold(X.unsqueeze(0), list(kernel), stride)[0]


def _columns(X, kernel, stride, order="duvij"):
    """Windows as a 5-D array, its axes in the given order, flattened to a matrix."""
    X, (U, V) = to_array(X), kernel
    D, M, N = X.shape
    rows, columns = (M - U) // stride + 1, (N - V) // stride + 1
    windows = np.zeros((D, U, V, rows, columns))
    for u in range(U):
        for v in range(V):
            windows[:, u, v] = X[:, u::stride, v::stride][:, :rows, :columns]
    arranged = windows.transpose(["duvij".index(axis) for axis in order])
    split = max(order.index(axis) for axis in "duv") + 1 if order[-1] in "ij" else 2
    return arranged.reshape(int(np.prod(arranged.shape[:split])), -1)


IM2COL = Exercise(
    id="5.2-7",
    title="im2col：把窗口排成列",
    english="Windows as columns",
    level=2,
    prompt="""
    快速的卷积先把每个窗口拉直成一列，再做一次矩阵乘法。`X` [D, M, N] 是张量，`kernel = (U, V)`，
    返回 [D·U·V, M′·N′]：第 $i\\cdot N'+j$ 列是左上角在 $(iS, jS)$ 的窗口，
    按 (通道, 行, 列) 的次序拉直。不填充。不要调用 `F.unfold`。""",
    stub="""
    def my_im2col(X, kernel, stride=1):
        X = X.numpy()
        U, V = kernel
        # 在这里写你的代码
        ...
    """,
    hints=(
        "一个窗口是 `X[:, top : top + U, left : left + V]`，形状 [D, U, V]，`.reshape(-1)` 拉直。",
        "按 i、j 的次序（i 在外层）把拉直的窗口放进列表。",
        "`np.stack(列表, axis=1)` 使每个窗口成为一**列**。",
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
    reference=_im2col,
    cases=(
        case(np.arange(1, 10, dtype="float32").reshape(1, 3, 3), (2, 2), 1),
        case(integers([2, 4, 5], 101), (2, 3), 1, about="核不是正方形"),
        case(integers([3, 5, 7], 102) / 2, (3, 3), 2, about="步长"),
        case(integers([2, 6, 4], 103), (3, 2), 2, about="步长"),
    ),
    mutants={
        "windows_as_rows": (
            lambda X, kernel, stride: _columns(X, kernel, stride).T,
            "你的每个窗口是一行；题目要每个窗口一列（转置）。",
        ),
        "channels_last": (
            lambda X, kernel, stride: _columns(X, kernel, stride, "uvdij"),
            "窗口内的次序应是 (通道, 行, 列)，你的通道排在最后。",
        ),
        "rows_columns_swapped": [
            lambda X, kernel, stride: _columns(X, kernel, stride, "dvuij"),
            lambda X, kernel, stride: _columns(X, kernel[::-1], stride),
        ],
        "column_order": (
            lambda X, kernel, stride: _columns(X, kernel, stride, "duvji"),
            "列的次序应先走完一行的窗口（j 变得快），i 在外层循环。",
        ),
        "reshape_without_transpose": (
            lambda X, kernel, stride: _columns(X, kernel, stride, "ijduv").reshape(
                _columns(X, kernel, stride).shape
            ),
            "形状对了但元素混在一起：要先转置再 reshape，不能直接 reshape。",
        ),
        "stride_ignored": lambda X, kernel, stride: _columns(X, kernel, 1),
    },
)

# -- 5.2-8 -------------------------------------------------------------------------------------


def _grouped(X, W, groups):
    import paddle.nn.functional as F

    return F.conv2d(X, W, groups=groups)


def _ungrouped(X, W, groups):
    """What a plain convolution does with grouped weights: it fails."""
    if groups > 1:
        raise ValueError("channels do not match")
    return faulty_conv2d(X, W)


GROUPED = Exercise(
    id="5.2-8",
    title="分组卷积",
    english="Grouped convolution",
    level=2,
    prompt="""
    分组卷积把 $D$ 个输入通道和 $P$ 张输出特征图各分成 `groups` 组，
    第 $g$ 组的输出只看第 $g$ 组的输入。`X` [N, D, M, N]，`W` [P, D/groups, U, V] 都是张量；步长 1，不填充，没有偏置，
    返回 [N, P, M′, N′]。可以用 `F.conv2d`，但不要用它的 `groups` 参数。""",
    stub="""
    def my_grouped_conv2d(X, W, groups=1):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "第 g 组的输入是 `X[:, g * D // groups : (g + 1) * D // groups]`。",
        "第 g 组的核是 `W[g * P // groups : (g + 1) * P // groups]`，形状正好配得上。",
        "每组做一次普通卷积，再用 `paddle.concat(结果, axis=1)` 在通道轴上接起来。",
    ),
    solution="""
    def my_grouped_conv2d(X, W, groups=1):
        inputs = paddle.split(X, groups, axis=1)  # 每组 D/groups 个通道
        kernels = paddle.split(W, groups, axis=0)  # 每组 P/groups 张输出
        maps = [F.conv2d(x, w) for x, w in zip(inputs, kernels)]
        return paddle.concat(maps, axis=1)
    """,
    reference=_grouped,
    cases=(
        case(integers([1, 2, 4, 4], 104), integers([2, 2, 3, 3], 105), 1),
        case(integers([2, 4, 5, 4], 106), integers([4, 2, 3, 2], 107), 2, about="分组"),
        case(integers([1, 4, 4, 5], 108), integers([8, 1, 2, 3], 109), 4, about="分组"),
        case(integers([2, 6, 4, 4], 110), integers([3, 2, 3, 3], 111), 3, about="分组"),
    ),
    mutants=convolution_mutants(
        (*GROUPS, "kernel_flipped", "channels_overwritten", "channels_not_summed"),
        lambda mistakes: lambda X, W, groups: faulty_conv2d(X, W, groups=groups, mistakes=mistakes),
        pairs=False,
    )
    | {
        "groups_in_wrong_order": (
            lambda X, W, groups: to_array(_grouped(X, W, groups))[:, ::-1],
            "组的次序反了：第 0 组的输出排在最前面。",
        ),
        "groups_summed": (
            lambda X, W, groups: sum(np.split(to_array(_grouped(X, W, groups)), groups, axis=1)),
            "各组的结果要在通道轴上接起来（concat），不是相加。",
        ),
        "groups_concatenated_on_batch": (
            lambda X, W, groups: np.concatenate(
                np.split(to_array(_grouped(X, W, groups)), groups, axis=1), axis=0
            ),
            "拼接的轴不对：在通道轴（axis=1）上接起来，不是批的轴。",
        ),
    },
)
GROUPED.mutants["groups_ignored"].append(_ungrouped)

VARIANTS = (SEPARABLE, SAVING, TRANSPOSED, IM2COL, GROUPED)
