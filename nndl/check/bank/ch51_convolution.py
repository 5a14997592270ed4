"""Exercises of 5.1: output size, one- and two-dimensional convolution, edges, receptive field."""

import numpy as np

from ..exercise import Exercise, case, integers, vary

_GRID = np.arange(1, 10, dtype="float32").reshape(3, 3)  # the book's 3×3 example
_KERNEL = np.array([[0, 1], [2, 3]], dtype="float32")


def _conv(X, W, stride=1, padding=0, dilation=1):
    """Reference by Paddle for one channel."""
    import paddle.nn.functional as F

    X, W = X.reshape([1, 1, *X.shape]), W.reshape([1, 1, *W.shape])
    return F.conv2d(X, W, stride=stride, padding=padding, dilation=dilation)[0, 0]


OUTPUT_SIZE = Exercise(
    id="5.1-1",
    title="输出的大小",
    english="Output size",
    prompt="""
    写出卷积输出一个方向上的大小。输入大小 `size`（$M$）、核的大小 `kernel`（$U$）、步长 `stride`（$S$）、填充 `padding`（两侧各补这么多个零）都是整数。返回整数：窗口一共能放在多少个位置上？""",
    stub="""
    def my_output_size(size, kernel, stride=1, padding=0):
        # 窗口能放在多少个位置上？
        # 在这里写你的代码
        ...
    """,
    hints=(
        "在纸上画 5 个格子，长为 3 的窗口可以从哪几格开始？换成长为 2 的窗口呢？找出规律。",
        "填充使输入变长：两侧都补。步长为 S 时，每隔 S 个位置取一个，不足一步的舍去。",
        "窗口最后能开始的位置是 `size + 2 * padding - kernel`；从 0 到它，每隔 stride 取一个，有几个？别忘了 0 自己。",
    ),
    solution="""
    def my_output_size(size, kernel, stride=1, padding=0):
        last_start = size + 2 * padding - kernel  # 窗口最后能开始的位置
        return last_start // stride + 1  # 从 0 开始，每 stride 取一个，所以要 +1
    """,
    versions=(
        """
    def my_output_size(size, kernel, stride=1, padding=0):
        return (size - kernel + 2 * padding) // stride + 1
    """,
        """
    def my_output_size(size, kernel, stride=1, padding=0):
        count = 0
        for start in range(-padding, size + padding - kernel + 1, stride):
            count += 1
        return count
    """,
    ),
    slips="""
    2 * padding ⇒ padding ⇒ 只填充了一侧：两侧各补，一共多出 2P。
    + 2 * padding ⇒ - 2 * padding ⇒ 填充的符号反了：填充使输入变大：是 + 2P，不是 − 2P。
    last_start // stride + 1 ⇒ -(-last_start // stride) + 1 ⇒ 向上取整了：不足一步的地方放不下窗口，应舍去：⌊(M − U + 2P) / S⌋ + 1。
    last_start // stride + 1 ⇒ last_start // stride ⇒ 输出大小差一：漏了末尾的 +1：从 0 开始数。
    last_start // stride + 1 ⇒ (last_start + 1) // stride ⇒ 输出大小差一：+1 在整除之后加。
    last_start // stride + 1 ⇒ last_start / stride + 1 ⇒ 整数与小数的除法弄混了：个数是整数，用 // 整除。
    """,
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


CONV1D = Exercise(
    id="5.1-2",
    title="给一维卷积加上步长（改两行）",
    english="A stride in one dimension",
    prompt="""
    下面的函数已经能算步长为 1 的一维卷积 $y_i = \\sum_u w_u\\, x_{i+u}$，但忽略了参数 `stride`。把两处 `...` 换成正确的式子，使窗口每次移动 `stride` 格。`x` [M] 和 `w` [U] 是 Paddle 张量，返回 [M′]（张量、NumPy 数组或列表都可以）。""",
    stub="""
    def my_conv1d(x, w, stride=1):
        x, w = x.numpy(), w.numpy()
        size = ...  # 输出有多长？（步长为 1 时是 len(x) - len(w) + 1）
        y = np.zeros(size)
        for i in range(size):
            start = ...  # 第 i 个窗口从哪里开始？（步长为 1 时是 i）
            y[i] = (x[start : start + len(w)] * w).sum()
        return y
    """,
    hints=(
        "两处都与 `stride` 有关。步长为 2 时，窗口依次从 0、2、4、… 开始：第 i 个呢？",
        "长度与 5.1-1 相同，只是没有填充。",
        "窗口的最后一个起点不超过 `len(x) - len(w)`；除以步长、取整，再数上第 0 个。",
    ),
    solution="""
    def my_conv1d(x, w, stride=1):
        x, w = x.numpy(), w.numpy()
        size = (len(x) - len(w)) // stride + 1
        y = np.zeros(size)
        for i in range(size):
            start = i * stride  # 第 i 个窗口从 i·S 开始
            y[i] = (x[start : start + len(w)] * w).sum()
        return y
    """,
    versions=(
        """
    def my_conv1d(x, w, stride=1):
        x, w = x.numpy(), w.numpy()
        y = []
        for i in range(0, len(x) - len(w) + 1, stride):
            total = 0.0
            for u in range(len(w)):
                total += x[i + u] * w[u]
            y.append(total)
        return y
    """,
    ),
    slips="""
    (len(x) - len(w)) // stride + 1 ⇒ len(x) - len(w) + 1 ⇒ 输出的长度没有考虑步长：窗口移动对了，但输出仍按步长 1 的长度分配。
    (len(x) - len(w)) // stride + 1 ⇒ (len(x) - len(w) + 1) // stride ⇒ 输出大小差一：先整除，再加 1。
    (len(x) - len(w)) // stride + 1 ⇒ len(x) // stride - len(w) + 1 ⇒ 整除的对象不对：先减去核的长度，再整除步长。
    """,
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
    example="例：`x = [1, 2, 3, 4, 5]`，`w = [1, 0, -2]`：步长 1 时得 `[-5, -6, -7]`，步长 2 时得 `[-5, -7]`。",
)

CONV2D = Exercise(
    id="5.1-3",
    title="带步长和零填充的二维卷积",
    english="Stride and padding",
    level=2,
    prompt="""
    用循环写单通道的二维卷积：先在四周补 `padding` 圈零，再让核以步长 `stride` 滑动，
    $$y_{i,j} = \\sum_{u=0}^{U-1}\\sum_{v=0}^{V-1} w_{u,v}\\, x_{i\\cdot S+u,\\ j\\cdot S+v}.$$
    `X` [M, N] 和 `W` [U, V] 是 Paddle 张量（核不一定是正方形），返回 [M′, N′]（张量或 NumPy 数组）。""",
    stub="""
    def my_conv2d(X, W, stride=1, padding=0):
        X, W = X.numpy(), W.numpy()
        # 1. 补零  2. 求输出大小  3. 对每个 (i, j) 取窗口，乘以核，求和
        # 在这里写你的代码
        ...
    """,
    hints=(
        "补零可以建一个大的零矩阵再把 X 放到中间，或查一查 `np.pad`。之后就当作没有填充。",
        "行数和列数各算各的：核不一定是正方形。输出 (i, j) 的窗口，左上角在补零之后的哪一格？",
        "窗口从 `(i * stride, j * stride)` 开始，有 U 行 V 列；与 W **逐元素**相乘，再求和。",
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
    versions=(
        """
    def my_conv2d(X, W, stride=1, padding=0):
        X, W = X.numpy(), W.numpy()
        (M, N), (U, V) = X.shape, W.shape
        padded = np.zeros((M + 2 * padding, N + 2 * padding))
        padded[padding : padding + M, padding : padding + N] = X
        rows = (M + 2 * padding - U) // stride + 1
        columns = (N + 2 * padding - V) // stride + 1
        Y = np.zeros((rows, columns))
        for i in range(rows):
            for j in range(columns):
                for u in range(U):
                    for v in range(V):
                        Y[i, j] += padded[i * stride + u, j * stride + v] * W[u, v]
        return Y
    """,
    ),
    slips="""
    .sum() ⇒ .mean() ⇒ 求和写成了取平均：卷积是乘积之和，不除以 U·V。
    .sum() ⇒ .max() ⇒ 求和写成了取最大值：卷积是乘积之和；取最大值是汇聚。
    np.pad(X.numpy(), padding) ⇒ np.pad(X.numpy(), padding, mode="edge") ⇒ 填充的不是零（复制了边缘）：零填充补的是 0。
    np.pad(X.numpy(), padding) ⇒ np.pad(X.numpy(), padding, mode="reflect") ⇒ 填充的不是零（镜像）：零填充补的是 0。
    np.pad(X.numpy(), padding) ⇒ np.pad(X.numpy(), padding, mode="wrap") ⇒ 填充的不是零（从另一边绕回来）：零填充补的是 0。
    (X[top : top + U, left : left + V] * W).sum() ⇒ (X[top : top + U, left : left + V] @ W).sum() ⇒ 做成了矩阵乘法：窗口与核是**逐元素**相乘（*）再求和，不是 @ 或 np.dot。
    (X[top : top + U, left : left + V] * W).sum() ⇒ (X[top : top + U, left : left + V].T @ W).sum() ⇒ 做成了矩阵乘法：窗口与核是**逐元素**相乘（*）再求和，不是 @ 或 np.dot。
    U, V = W.shape ⇒ U = V = W.shape[0] ⇒ 两个方向用了同一个大小：核不一定是正方形：U 行 V 列。
    """,
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


SOBEL = Exercise(
    id="5.1-4",
    title="Sobel 边缘强度",
    english="Sobel edge strength",
    level=2,
    prompt="""
    Sobel 核用一阶差分找边缘：
    $G_x = \\begin{bmatrix}-1&0&1\\\\-2&0&2\\\\-1&0&1\\end{bmatrix}$ 响应竖直的边缘，$G_y = G_x^\\top$ 响应水平的边缘。对图像 `X` [M, N]（张量）分别卷积（不填充，步长 1），返回每个像素的边缘强度 $\\sqrt{(X*G_x)^2 + (X*G_y)^2}$，形状 [M−2, N−2]。卷积可以用自己写的，也可以用 `nndl.conv2d` 或 `F.conv2d`。""",
    stub="""
    def my_sobel(X):
        # 两个核各卷积一次，再合成强度
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先写出 3×3 的 Gx；Gy 与它只差行列互换。",
        "`F.conv2d` 要 4 维的输入 `[1, 1, M, N]` 和核 `[1, 1, 3, 3]`；结果再取 `[0, 0]`。",
        "两个响应像直角三角形的两条直角边，强度是斜边。",
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
    versions=(
        """
    def my_sobel(X):
        Gx = paddle.to_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        kernels = paddle.stack([Gx, Gx.T]).unsqueeze(1)
        maps = F.conv2d(X.unsqueeze(0).unsqueeze(0), kernels)[0]
        return (maps**2).sum(axis=0).sqrt()
    """,
    ),
    slips="""
    np.sqrt(gx**2 + gy**2) ⇒ gx**2 + gy**2 ⇒ 没有开方：平方相加之后还要开方。
    np.sqrt(gx**2 + gy**2) ⇒ abs(gx) ⇒ 只用了一个方向的核：只用了 Gx，水平的边缘没有响应。
    np.sqrt(gx**2 + gy**2) ⇒ abs(gy) ⇒ 只用了一个方向的核：只用了 Gy，竖直的边缘没有响应。
    np.sqrt(gx**2 + gy**2) ⇒ abs(gx) + abs(gy) ⇒ 用了绝对值之和：这是 |gx| + |gy|；题目要的是平方和的平方根。
    np.sqrt(gx**2 + gy**2) ⇒ abs(gx + gy) ⇒ 先相加、后取绝对值：正负响应会互相抵消：先各自平方，相加，再开方。
    np.sqrt(gx**2 + gy**2) ⇒ gx + gy ⇒ 两个响应直接相加了：正负响应会互相抵消：先平方，相加，再开方。
    np.sqrt(gx**2 + gy**2) ⇒ max(abs(gx), abs(gy)) ⇒ 取了两个响应中较大的：题目要的是平方和的平方根。
    np.sqrt(gx**2 + gy**2) ⇒ np.sqrt((gx**2 + gy**2) / 2) ⇒ 多除以了 2：要平方**和**，不是平方的平均。
    np.sqrt(gx**2 + gy**2) ⇒ gx * gy ⇒ 两个响应相乘了：题目要的是平方和的平方根。
    [-2, 0, 2] ⇒ [-1, 0, 1] ⇒ 核的权重不对：中间一行（列）的权重应为 2，你的结果是 Prewitt 核的。
    Gx.T ⇒ Gx ⇒ 两个方向用了同一个核：Gy 是 Gx 的转置。
    Gx.T ⇒ Gx[::-1] ⇒ Gy 不是转置：上下翻转的 Gx 仍只响应竖直的边缘；要 Gx.T。
    X = X.numpy() ⇒ X = np.pad(X.numpy(), 1) ⇒ 多做了填充：题目要求不填充，输出应为 [M−2, N−2]。
    """,
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

DILATED = Exercise(
    id="5.1-5",
    title="空洞卷积",
    english="Dilated convolution",
    level=2,
    prompt="""
    空洞卷积（dilated convolution）把核的元素隔开，使同样多的参数看到更大的范围：
    $$y_{i,j} = \\sum_{u,v} w_{u,v}\\, x_{i+d\\cdot u,\\ j+d\\cdot v}.$$
    `X` [M, N] 和 `W` [U, V] 是张量，`dilation`（$d$）是整数，$d=1$ 就是普通卷积；不填充，步长 1。输出的大小要由核所跨的范围求出。""",
    stub="""
    def my_dilated_conv2d(X, W, dilation=1):
        X, W = X.numpy(), W.numpy()
        # 在这里写你的代码
        ...
    """,
    hints=(
        "画出 3 个元素、d = 2 的一维的核：它跨过几格？U 个元素、隔 d 格呢？",
        "窗口仍然每次走一格：能开始的位置数是输入的大小减去核跨过的格数，再加 1。",
        "跨过 `dilation * (U - 1) + 1` 行；核元素 (u, v) 看到的是 `(i + dilation * u, j + dilation * v)`。",
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
    versions=(
        """
    def my_dilated_conv2d(X, W, dilation=1):
        X, W = X.numpy(), W.numpy()
        (M, N), (U, V) = X.shape, W.shape
        rows = M - dilation * (U - 1)
        columns = N - dilation * (V - 1)
        Y = np.zeros((rows, columns))
        for i in range(rows):
            for j in range(columns):
                for u in range(U):
                    for v in range(V):
                        Y[i, j] += X[i + dilation * u, j + dilation * v] * W[u, v]
        return Y
    """,
        """
    def my_dilated_conv2d(X, W, dilation=1):
        X, W = X.numpy(), W.numpy()
        U, V = W.shape
        large = np.zeros((dilation * (U - 1) + 1, dilation * (V - 1) + 1))
        large[::dilation, ::dilation] = W
        windows = np.lib.stride_tricks.sliding_window_view(X, large.shape)
        return (windows * large).sum(axis=(2, 3))
    """,
    ),
    slips="""
    return (windows * large) ⇒ return (windows[::dilation, ::dilation] * large) ⇒ 空洞和步长都用了：窗口每次只走一格；隔开的是核的元素。
    large[::dilation, ::dilation] = W ⇒ large[:U, :V] = W ⇒ 空洞只改变了输出大小：核的元素仍挨在一起。
    windows = np.lib.stride_tricks.sliding_window_view(X, large.shape) ⇒ large = W; windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)[::dilation, ::dilation] ⇒ 把空洞率当成了步长：步长是窗口跳着走；空洞是窗口每次走一格，核的元素之间隔开。
    windows = np.lib.stride_tricks.sliding_window_view(X, large.shape) ⇒ large = W; windows = np.lib.stride_tricks.sliding_window_view(X[::dilation, ::dilation], W.shape) ⇒ 先把图隔行隔列取了：隔开的是核的元素，输入的每一格都要有窗口从它开始。
    """,
    reference=lambda X, W, dilation=1: _conv(X, W, dilation=dilation),
    cases=(
        case(_GRID, _KERNEL, 2, about="空洞"),
        *vary(
            lambda M=6, N=6, U=3, V=3, d=1, k=1: (integers([M, N], 31) / k, integers([U, V], 32), d),
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


RECEPTIVE_FIELD = Exercise(
    id="5.1-6",
    title="从输出往回走：多层网络的感受野",
    english="Receptive field, from the output back",
    level=2,
    prompt="""
    `layers` 是从输入到输出的列表，每一层是 `(kernel, stride)`。返回最后一层的一个输出像素在输入上看到的范围（边长，整数）。正文从输入向输出走，记住感受野和步长的积；这里请**从输出往回走**，只记一个数：这一层的 1 个像素看到上一层的几个？`n` 个相邻的像素呢？空列表返回 1。""",
    stub="""
    def my_receptive_field(layers):
        # 从最后一层的 1 个像素开始，一层一层往回走
        # 在这里写你的代码
        ...
    """,
    hints=(
        "最后一层的 1 个像素看到它的输入上的 U 个。相邻的 2 个像素的窗口错开 S 格，一共看到几个？",
        "`n` 个相邻的像素：第一个窗口 U 格，其余 n − 1 个各多出 S 格。",
        "用 `reversed(layers)` 从后往前：把 n 换成它们在上一层看到的个数。",
    ),
    solution="""
    def my_receptive_field(layers):
        field = 1  # 最后一层的 1 个像素
        for kernel, stride in reversed(layers):
            field = (field - 1) * stride + kernel  # 其余 field − 1 个窗口各错开 stride 格
        return field
    """,
    versions=(
        """
    def my_receptive_field(layers):
        field, jump = 1, 1
        for kernel, stride in layers:
            field += (kernel - 1) * jump
            jump *= stride
        return field
    """,
        """
    def my_receptive_field(layers):
        field = 1
        for k in range(len(layers)):
            jump = 1
            for kernel, stride in layers[:k]:
                jump *= stride
            field += (layers[k][0] - 1) * jump
        return field
    """,
    ),
    slips="""
    reversed(layers) ⇒ layers ⇒ 走的方向反了：公式 (n − 1)·S + U 要从最后一层往第一层走。
    jump *= stride ⇒ jump = stride ⇒ 步长没有累积：只用了前一层的步长；应当是前面所有步长的积。
    jump *= stride ⇒ jump += stride - 1 ⇒ 步长相加了：步长的作用是相乘，不是相加。
    jump *= stride ⇒ jump += stride ⇒ 步长相加了：步长的作用是相乘，不是相加。
    (kernel - 1) * jump ⇒ (kernel - 1) ⇒ 忘了步长：前面各层的步长使后面的每一格变大。
    (kernel - 1) * jump ⇒ (kernel - 1) * stride ⇒ 用了本层的步长：应当用前面各层步长的积。
    (kernel - 1) * jump ⇒ kernel * jump ⇒ 每层多算了一格：相邻窗口是重叠的，每层只增加 (U − 1) 格。
    field = (field - 1) * stride + kernel ⇒ field = field * stride + kernel ⇒ 每层多算了一步：n 个窗口之间只有 n − 1 步。
    field = (field - 1) * stride + kernel ⇒ field = field + kernel ⇒ 核的大小相加了：相邻窗口是重叠的，每层只增加 (U − 1)。
    field = (field - 1) * stride + kernel ⇒ field = field * kernel ⇒ 核的大小相乘了：相邻窗口是重叠的，每层只增加 (U − 1) 格。
    field = 1  # 最后一层的 1 个像素 ⇒ field = 0 ⇒ 开始的值不对：没有任何层时，一个像素只看到自己：从 1 开始。
    """,
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
    example="例：两层 3×3、步长 1，`my_receptive_field([(3, 1), (3, 1)])` → `5`；先 3×3、步长 2，再 3×3：`[(3, 2), (3, 1)]` → `7`。",
)

EXERCISES = (OUTPUT_SIZE, CONV1D, CONV2D, SOBEL, DILATED, RECEPTIVE_FIELD)
