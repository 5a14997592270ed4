"""Exercises of 5.1: output size, one- and two-dimensional convolution, edges, receptive field."""

import numpy as np

from ..engine.diagnose import to_array
from ..engine.mutants import (
    DILATION,
    KERNEL,
    PADDING,
    STRIDE,
    WINDOW,
    convolution_mutants,
    faulty_conv2d,
)
from ..exercise import Exercise, case, integers

_GRID = np.arange(1, 10, dtype="float32").reshape(3, 3)  # the book's 3×3 example
_KERNEL = np.array([[0, 1], [2, 3]], dtype="float32")


def _conv(X, W, stride=1, padding=0, dilation=1):
    """Reference by Paddle for one channel."""
    import paddle.nn.functional as F

    shape = X.shape, W.shape
    X, W = X.reshape([1, 1, *shape[0]]), W.reshape([1, 1, *shape[1]])
    return F.conv2d(X, W, stride=stride, padding=padding, dilation=dilation)[0, 0]


def _single(X, W, **options):
    """`faulty_conv2d` for one channel without bias."""
    return faulty_conv2d(to_array(X)[None, None], to_array(W)[None, None], **options)[0, 0]


def _matrix_products(transposed):
    """The window times the kernel as matrices, summed: fails unless the shapes fit."""

    def mutant(X, W, stride=1, padding=0):
        X, W = np.pad(to_array(X), padding), to_array(W)
        windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)[::stride, ::stride]
        windows = windows.swapaxes(-1, -2) if transposed else windows
        return (windows @ W).sum(axis=(-1, -2))

    return mutant


# -- 5.1-1 -------------------------------------------------------------------------------------


def _output_size(size, kernel, stride, padding):
    return (size - kernel + 2 * padding) // stride + 1


OUTPUT_SIZE = Exercise(
    id="5.1-1",
    title="输出的大小",
    english="Output size",
    prompt="""
    写出卷积输出一个方向上的大小。输入大小 `size`（$M$）、核的大小 `kernel`（$U$）、
    步长 `stride`（$S$）、填充 `padding`（$P$，两侧各补 $P$ 个零）都是整数。
    返回整数：窗口一共能放在多少个位置上？""",
    stub="""
    def my_output_size(size, kernel, stride=1, padding=0):
        # 窗口能放在多少个位置上？
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先不管步长和填充：长为 5 的输入上，长为 3 的窗口可以从 0、1、2 开始：3 = 5 − 3 + 1 个。",
        "填充让输入变成 `size + 2 * padding`；步长为 S 时，每隔 S 个位置取一个，不足一步的舍去。",
        "`(size + 2 * padding - kernel) // stride + 1`：先整除，再加 1。",
    ),
    solution="""
    def my_output_size(size, kernel, stride=1, padding=0):
        last_start = size + 2 * padding - kernel  # 窗口最后能开始的位置
        return last_start // stride + 1  # 从 0 开始，每 stride 取一个，所以要 +1
    """,
    reference=_output_size,
    cases=(
        case(32, 3, 1, 0),
        case(5, 3, 1, 1, about="填充"),
        case(8, 3, 2, 0, about="步长"),
        case(7, 2, 3, 2, about=("填充", "步长")),
        case(28, 5, 1, 2, about="填充"),
        case(224, 7, 2, 3, about=("填充", "步长")),
    ),
    mutants={
        "size_off_by_one": [
            lambda m, k, s, p: (m - k + 2 * p) // s,
            lambda m, k, s, p: (m - k + 2 * p) // s + 2,
            lambda m, k, s, p: -(-(m - k + 2 * p) // s) + 1,
            lambda m, k, s, p: (m - k + 2 * p + 1) // s,
        ],
        "padding_forgotten": lambda m, k, s, p: (m - k) // s + 1,
        "padding_one_side": lambda m, k, s, p: (m - k + p) // s + 1,
        "stride_ignored": lambda m, k, s, p: m - k + 2 * p + 1,
        "integer_division": lambda m, k, s, p: (m - k + 2 * p) / s + 1,
        "sign_of_padding": (
            lambda m, k, s, p: (m - k - 2 * p) // s + 1,
            "填充使输入变大：是 + 2P，不是 − 2P。",
        ),
    },
    integer=True,
)

# -- 5.1-2 -------------------------------------------------------------------------------------


def _conv1d(x, w, stride=1):
    x, w = to_array(x), to_array(w)
    starts = range(0, len(x) - len(w) + 1, stride)
    return np.array([x[i : i + len(w)] @ w for i in starts])


def _flipped1d(x, w, stride):
    return _conv1d(x, to_array(w)[::-1], stride)


def _crop1d(x, w, stride):
    return _conv1d(x, w, 1)[: len(_conv1d(x, w, stride))]


def _sparse1d(x, w, stride):
    """Right size of stride 1, right values, zeros behind them."""
    full, part = _conv1d(x, w, 1), _conv1d(x, w, stride)
    return np.concatenate([part, np.zeros(len(full) - len(part))])


CONV1D = Exercise(
    id="5.1-2",
    title="给一维卷积加上步长（改两行）",
    english="A stride in one dimension",
    prompt="""
    下面的函数已经能算步长为 1 的一维卷积 $y_i = \\sum_u w_u\\, x_{i+u}$，但忽略了参数 `stride`。
    改其中两行，使窗口每次移动 `stride` 格。`x` [M] 和 `w` [U] 是 Paddle 张量，返回 [M′]
    （张量、NumPy 数组或列表都可以）。""",
    stub="""
    def my_conv1d(x, w, stride=1):
        x, w = x.numpy(), w.numpy()
        size = len(x) - len(w) + 1  # 改这里：输出有多长？
        y = np.zeros(size)
        for i in range(size):
            window = x[i : i + len(w)]  # 改这里：第 i 个窗口从哪里开始？
            y[i] = (window * w).sum()
        return y
    """,
    hints=(
        "两处都与 `stride` 有关：输出的长度，和第 i 个窗口的起点。",
        "第 i 个窗口从 `i * stride` 开始。",
        "长度是 `(len(x) - len(w)) // stride + 1`，窗口是 `x[i * stride : i * stride + len(w)]`。",
    ),
    solution="""
    def my_conv1d(x, w, stride=1):
        x, w = x.numpy(), w.numpy()
        size = (len(x) - len(w)) // stride + 1
        y = np.zeros(size)
        for i in range(size):
            window = x[i * stride : i * stride + len(w)]  # 第 i 个窗口从 i·S 开始
            y[i] = (window * w).sum()
        return y
    """,
    reference=_conv1d,
    cases=(
        case(np.array([1, 2, 3, 4, 5], "float32"), np.array([1, 0, -2], "float32"), 1),
        case(integers([9], 1), integers([3], 2), 2, about="步长"),
        case(integers([8], 3), integers([3], 4), 2, about="步长"),
        case(integers([12], 5), integers([2], 6), 3, about="步长"),
        case(integers([4], 7), integers([4], 8), 2, about="步长"),
    ),
    mutants={
        "stride_ignored": lambda x, w, stride: _conv1d(x, w, 1),
        "stride_not_in_index": _crop1d,
        "stride_not_in_size": (
            _sparse1d,
            "窗口移动对了，但输出仍按步长 1 的长度分配，后面多出了零。",
        ),
        "kernel_flipped": _flipped1d,
        "size_off_by_one": [
            lambda x, w, stride: _conv1d(x, w, stride)[:-1],
            lambda x, w, stride: _conv1d(x, w, 1)[
                : len(_conv1d(x, w, 1)) // stride * stride : stride
            ],
        ],
    },
    outputs=("y",),
)

# -- 5.1-3 -------------------------------------------------------------------------------------

CONV2D = Exercise(
    id="5.1-3",
    title="带步长和零填充的二维卷积",
    english="Stride and padding",
    level=2,
    prompt="""
    用循环写单通道的二维卷积：先在四周补 `padding` 圈零，再让核以步长 `stride` 滑动，
    $$y_{i,j} = \\sum_{u=0}^{U-1}\\sum_{v=0}^{V-1} w_{u,v}\\, x_{i\\cdot S+u,\\ j\\cdot S+v}.$$
    `X` [M, N] 和 `W` [U, V] 是 Paddle 张量（核不一定是正方形），返回 [M′, N′]。
    先用循环写；张量、NumPy 数组都可以返回。""",
    stub="""
    def my_conv2d(X, W, stride=1, padding=0):
        X, W = X.numpy(), W.numpy()
        # 1. 补零  2. 求输出大小  3. 对每个 (i, j) 取窗口，乘以核，求和
        # 在这里写你的代码
        ...
    """,
    hints=(
        "补零：`np.pad(X, padding)`，或先建一个大的零矩阵再把 X 放到中间。",
        "输出大小用补零之后的高和宽来算：`(高 - U) // stride + 1`，`(宽 - V) // stride + 1`。",
        "窗口是 `X[i * stride : i * stride + U, j * stride : j * stride + V]`，乘 W 再求和。",
    ),
    solution="""
    def my_conv2d(X, W, stride=1, padding=0):
        X, W = np.pad(X.numpy(), padding), W.numpy()  # 四周各补 padding 圈零
        U, V = W.shape
        rows = (X.shape[0] - U) // stride + 1
        columns = (X.shape[1] - V) // stride + 1
        Y = np.zeros((rows, columns), dtype="float32")
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride, j * stride  # 步长用在两个方向上
                Y[i, j] = (X[top : top + U, left : left + V] * W).sum()
        return Y
    """,
    reference=lambda X, W, stride=1, padding=0: _conv(X, W, stride, padding),
    cases=(
        case(_GRID, _KERNEL, 1, 0),
        case(integers([5, 7], 11), integers([3, 3], 12), 1, 0),
        case(integers([6, 5], 13), integers([2, 3], 14), 1, 0, about="核不是正方形"),
        case(integers([4, 6], 15), integers([3, 3], 16), 1, 1, about="填充"),
        case(integers([7, 9], 17), integers([3, 3], 18), 2, 0, about="步长"),
        case(integers([6, 8], 19), integers([3, 2], 20), 2, 2, about=("填充", "步长")),
        case(integers([4, 5], 21) / 4, integers([2, 3], 22), 1, 0, about="小数"),
    ),
    mutants=convolution_mutants(
        (*PADDING, *STRIDE, *KERNEL, *WINDOW, "size_off_by_one"),
        lambda mistakes: (
            lambda X, W, stride, padding: _single(
                X, W, stride=stride, padding=padding, mistakes=mistakes
            )
        ),
    )
    | {"matrix_product": [_matrix_products(False), _matrix_products(True)]},
)


def _slices_swapped(X, W, stride, padding):
    """Y[i, j] from the window at (j, i), cut off at the edge as NumPy's slices are."""
    X, W = np.pad(to_array(X), padding), to_array(W)
    (M, N), (U, V) = X.shape, W.shape
    Y = np.zeros(((M - U) // stride + 1, (N - V) // stride + 1))
    for i, j in np.ndindex(*Y.shape):
        Y[i, j] = (X[j * stride : j * stride + U, i * stride : i * stride + V] * W).sum()
    return Y


CONV2D.mutants["rows_columns_swapped"].append(_slices_swapped)

# -- 5.1-4 -------------------------------------------------------------------------------------

_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype="float32")
_PREWITT = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], dtype="float32")


def _gradients(X, kernel=_SOBEL):
    return _single(X, kernel), _single(X, kernel.T)


def _magnitude(X, kernel=_SOBEL):
    columns, rows = _gradients(X, kernel)
    return np.sqrt(columns**2 + rows**2)


SOBEL = Exercise(
    id="5.1-4",
    title="Sobel 边缘强度",
    english="Sobel edge strength",
    level=2,
    prompt="""
    Sobel 核用一阶差分找边缘：
    $G_x = \\begin{bmatrix}-1&0&1\\\\-2&0&2\\\\-1&0&1\\end{bmatrix}$ 响应竖直的边缘，
    $G_y = G_x^\\top$ 响应水平的边缘。对图像 `X` [M, N]（张量）分别卷积（不填充，步长 1），
    返回每个像素的边缘强度 $\\sqrt{(X*G_x)^2 + (X*G_y)^2}$，形状 [M−2, N−2]。
    卷积可以用自己写的，也可以用 `nndl.conv2d` 或 `F.conv2d`。""",
    stub="""
    def my_sobel(X):
        # 两个核各卷积一次，再合成强度
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先写出 3×3 的 Gx；Gy 就是它的转置 `Gx.T`。",
        "`F.conv2d` 要 4 维的输入 `[1, 1, M, N]` 和核 `[1, 1, 3, 3]`；结果再取 `[0, 0]`。",
        "两个响应平方相加再开方：`(gx ** 2 + gy ** 2) ** 0.5`。",
    ),
    solution="""
    def my_sobel(X):
        X = X.numpy()
        Gx = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        rows, columns = X.shape[0] - 2, X.shape[1] - 2
        strength = np.zeros((rows, columns))
        for i in range(rows):
            for j in range(columns):
                window = X[i : i + 3, j : j + 3]
                gx, gy = (window * Gx).sum(), (window * Gx.T).sum()
                strength[i, j] = np.sqrt(gx**2 + gy**2)  # 与边缘的方向无关
        return strength
    """,
    reference=lambda X: (_conv(X, _tensor(_SOBEL)) ** 2 + _conv(X, _tensor(_SOBEL.T)) ** 2) ** 0.5,
    cases=(
        case(integers([3, 3], 21, 0, 10)),
        case(integers([6, 5], 22, 0, 10)),
        case(np.repeat(np.array([[0, 0, 9, 9, 9]], "float32"), 4, axis=0), about="竖直的边缘"),
        case(np.repeat(np.array([[0], [0], [9], [9]], "float32"), 5, axis=1), about="水平的边缘"),
    ),
    mutants={
        "root_missing": (lambda X: _magnitude(X) ** 2, "平方相加之后还要开方。"),
        "only_gx": (lambda X: np.abs(_gradients(X)[0]), "只用了 Gx：水平的边缘没有响应。"),
        "only_gy": (lambda X: np.abs(_gradients(X)[1]), "只用了 Gy：竖直的边缘没有响应。"),
        "absolute_sum": (
            lambda X: np.abs(_gradients(X)[0]) + np.abs(_gradients(X)[1]),
            "这是 |gx| + |gy|；题目要的是平方和的平方根。",
        ),
        "plain_sum": (
            lambda X: sum(_gradients(X)),
            "直接相加会使正负响应互相抵消：先平方，相加，再开方。",
        ),
        "prewitt_kernel": (
            lambda X: _magnitude(X, _PREWITT),
            "核中间一行（列）的权重应为 2，你的结果是 Prewitt 核的。",
        ),
        "padding_added": (
            lambda X: _magnitude(np.pad(to_array(X), 1)),
            "题目要求不填充，输出应为 [M−2, N−2]。",
        ),
    },
)


def _tensor(array):
    import paddle

    return paddle.to_tensor(np.ascontiguousarray(array))


# -- 5.1-5 -------------------------------------------------------------------------------------

DILATED = Exercise(
    id="5.1-5",
    title="空洞卷积",
    english="Dilated convolution",
    level=2,
    prompt="""
    空洞卷积（dilated convolution）把核的元素隔开，使同样多的参数看到更大的范围：
    $$y_{i,j} = \\sum_{u,v} w_{u,v}\\, x_{i+d\\cdot u,\\ j+d\\cdot v}.$$
    `X` [M, N] 和 `W` [U, V] 是张量，`dilation`（$d$）是整数，$d=1$ 就是普通卷积；不填充，步长 1。
    核所跨的范围是 $d(U-1)+1$，由此求输出的大小。""",
    stub="""
    def my_dilated_conv2d(X, W, dilation=1):
        X, W = X.numpy(), W.numpy()
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先求核跨过多少行：3 个元素、d = 2 时是 5 行，即 `dilation * (U - 1) + 1`。",
        "输出大小是 `M - dilation * (U - 1)`，宽同理。",
        "窗口用带步长的切片取：`X[i : i + dilation * (U - 1) + 1 : dilation, …]`，正好 U×V 个。",
    ),
    solution="""
    def my_dilated_conv2d(X, W, dilation=1):
        X, W = X.numpy(), W.numpy()
        U, V = W.shape
        rows = X.shape[0] - dilation * (U - 1)
        columns = X.shape[1] - dilation * (V - 1)
        Y = np.zeros((rows, columns))
        for u in range(U):
            for v in range(V):
                top, left = dilation * u, dilation * v  # 核元素 (u, v) 看到的位置
                Y += W[u, v] * X[top : top + rows, left : left + columns]
        return Y
    """,
    reference=lambda X, W, dilation=1: _conv(X, W, dilation=dilation),
    cases=(
        case(_GRID, _KERNEL, 1),
        case(_GRID, _KERNEL, 2, about="空洞"),
        case(integers([7, 8], 31), integers([3, 3], 32), 2, about="空洞"),
        case(integers([9, 7], 33), integers([2, 3], 34), 3, about="空洞"),
        case(integers([5, 6], 35) / 2, integers([3, 2], 36), 1, about="核不是正方形"),
    ),
    mutants=convolution_mutants(
        (*DILATION, *KERNEL, *WINDOW, "size_off_by_one"),
        lambda mistakes: lambda X, W, dilation: _single(X, W, dilation=dilation, mistakes=mistakes),
    )
    | {
        "stride_instead_of_dilation": (
            lambda X, W, dilation: _single(X, W, stride=dilation),
            "这是步长：窗口跳着走。空洞是窗口每次走一格，核的元素之间隔开。",
        )
    },
)

# -- 5.1-6 -------------------------------------------------------------------------------------


def _receptive_field(layers):
    field = jump = 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def _field_with(layers, own_stride=False, jump_first=False, start=1, add=False):
    field, jump = start, 1
    for kernel, stride in layers:
        if jump_first:
            jump *= stride
        field += (kernel - 1) * (stride if own_stride else jump)
        if not jump_first:
            jump = jump + stride - 1 if add else jump * stride
    return field


def _field_of_last(layers):
    """Uses the stride of the layer before, not the product of all before."""
    field, before = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * before
        before = stride
    return field


RECEPTIVE_FIELD = Exercise(
    id="5.1-6",
    title="多层网络的感受野",
    english="Receptive field of a network",
    level=2,
    prompt="""
    `layers` 是从输入到输出的列表，每一层是 `(kernel, stride)`。返回最后一层的一个输出像素
    在输入上看到的范围（边长，整数）。例如两层 3×3、步长 1：`[(3, 1), (3, 1)]` → 5；空列表 → 1。
    记住两个数：目前的感受野，和相邻两个输出像素在输入上相距多少格（各层步长的积）。""",
    stub="""
    def my_receptive_field(layers):
        # 从 1 开始，一层一层地扩大
        # 在这里写你的代码
        ...
    """,
    hints=(
        "一层 U 的核，使感受野增加 (U − 1) 个“格”。一格在输入上有多大？",
        "一格的大小 `jump` 是**前面**各层步长的积，开始时是 1。",
        "每一层：先 `field += (kernel - 1) * jump`，再 `jump *= stride`。次序不能反。",
    ),
    solution="""
    def my_receptive_field(layers):
        field, jump = 1, 1  # 感受野；相邻输出像素在输入上的距离
        for kernel, stride in layers:
            field += (kernel - 1) * jump  # 本层的步长不影响本层的感受野
            jump *= stride
        return field
    """,
    reference=_receptive_field,
    cases=(
        case([(3, 1), (3, 1)]),
        case([]),
        case([(5, 1), (2, 2), (5, 1)], about="步长"),
        case([(7, 2), (3, 2), (3, 1)], about="步长"),
        case([(5, 1), (2, 2), (5, 1), (2, 2), (5, 1)], about="步长"),
        case([(3, 3), (3, 2), (2, 2), (3, 1)], about="步长"),
    ),
    mutants={
        "stride_ignored": (
            lambda layers: 1 + sum(k - 1 for k, _ in layers),
            "前面各层的步长使后面的每一格变大：(U − 1) 要乘前面步长的积。",
        ),
        "own_stride": (
            lambda layers: _field_with(layers, own_stride=True),
            "用了本层的步长；应当用前面各层步长的积。",
        ),
        "jump_first": (
            lambda layers: _field_with(layers, jump_first=True),
            "先乘了本层的步长。次序应是：先扩大感受野，再更新 jump。",
        ),
        "jump_not_accumulated": (
            _field_of_last,
            "只用了前一层的步长；应当是前面所有步长的积。",
        ),
        "jump_added": (
            lambda layers: _field_with(layers, add=True),
            "步长的作用是相乘，不是相加。",
        ),
        "size_off_by_one": (
            [
                lambda layers: _receptive_field(layers) - 1,
                lambda layers: _receptive_field(layers) + 1,
            ],
            "感受野从 1 开始：没有任何层时，一个像素只看到自己。",
        ),
        "kernels_added": (
            lambda layers: sum(k for k, _ in layers),
            "不能直接把核的大小相加：相邻窗口是重叠的，每层只增加 (U − 1)。",
        ),
    },
    outputs=("field",),
    integer=True,
)

EXERCISES = (OUTPUT_SIZE, CONV1D, CONV2D, SOBEL, DILATED, RECEPTIVE_FIELD)
