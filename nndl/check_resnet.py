"""Exercises of 5.4: batch norm, 1×1 convolution, residual and bottleneck units, evaluation mode."""

from types import MappingProxyType

import numpy as np

from .check_engine import to_array
from .check_exercise import Case, Exercise, case, integers

# -- 5.4-1 -------------------------------------------------------------------------------------


def _values(*values):
    return np.array(values, "float32")


def _paddle_batch_norm(X, gamma, beta, epsilon):
    import paddle
    import paddle.nn.functional as F

    D = X.shape[1]
    state = paddle.zeros([D]), paddle.ones([D])
    return F.batch_norm(X, *state, gamma, beta, training=True, epsilon=epsilon)


def _batch_norm(X, gamma, beta, epsilon, axes=(0, 2, 3), ddof=0, root=None):
    """Batch norm in NumPy with chosen axes, divisor and place of epsilon."""
    X, gamma, beta = (to_array(a).astype("float64") for a in (X, gamma, beta))
    mean = X.mean(axis=axes, keepdims=True)
    variance = X.var(axis=axes, ddof=ddof, keepdims=True)
    spread = (root or (lambda v, e: np.sqrt(v + e)))(variance, epsilon)
    return gamma.reshape(1, -1, 1, 1) * (X - mean) / spread + beta.reshape(1, -1, 1, 1)


def _norm_over(axes):
    return lambda *a: _batch_norm(*a, axes=axes)


def _norm_root(root):
    return lambda *a: _batch_norm(*a, root=root)


def _norm_mean_kept(X, gamma, beta, epsilon):
    variance = to_array(X).astype("float64").var(axis=(0, 2, 3), keepdims=True)
    scale = to_array(gamma).reshape(1, -1, 1, 1) / np.sqrt(variance + epsilon)
    return scale * to_array(X) + to_array(beta).reshape(1, -1, 1, 1)


BATCH_NORM = Exercise(
    id="5.4-1",
    title="手写批归一化",
    english="Batch normalization by hand",
    level=2,
    prompt="""
    写**训练时**的批归一化（batch normalization）：对每个通道 $d$，在批、行、列三个轴上求均值 $\\mu_d$ 和方差
    $\\sigma_d^2$（除以元素个数，不减一），
    $$y = \\gamma_d\\,\\frac{x-\\mu_d}{\\sqrt{\\sigma_d^2+\\varepsilon}} + \\beta_d.$$
    `X` [N, D, M, N]，`gamma`、`beta` [D] 都是张量；返回与 `X` 同形状。不要调用 `F.batch_norm`。""",
    stub="""
    def my_batch_norm(X, gamma, beta, epsilon=1e-5):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "每个通道只有一个均值、一个方差：除了通道轴（axis=1），其余三个轴都要平均。",
        "`X.mean(axis=[0, 2, 3], keepdim=True)` 的形状是 [1, D, 1, 1]，可以直接与 X 相减。",
        "方差是 `((X - mean) ** 2).mean(...)`；`X.var()` 默认除以 n − 1。"
        "`gamma.reshape([1, -1, 1, 1])` 再相乘。",
    ),
    solution="""
    def my_batch_norm(X, gamma, beta, epsilon=1e-5):
        mean = X.mean(axis=[0, 2, 3], keepdim=True)  # [1, D, 1, 1]
        variance = ((X - mean) ** 2).mean(axis=[0, 2, 3], keepdim=True)  # 除以 n，不是 n − 1
        normalized = (X - mean) / (variance + epsilon).sqrt()  # ε 在根号里面
        return gamma.reshape([1, -1, 1, 1]) * normalized + beta.reshape([1, -1, 1, 1])
    """,
    reference=_paddle_batch_norm,
    cases=(
        case(integers([2, 3, 2, 2], 401), _values(1, 1, 1), _values(0, 0, 0), 1e-5),
        case(integers([3, 2, 2, 3], 402), _values(2, -0.5), _values(1, -3), 1e-5),
        case(integers([2, 4, 3, 4], 403) / 8, _values(1, 2, 3, 4), _values(0, 1, 0, 1), 0.5),
        case(integers([4, 3, 3, 3], 404) + 7, _values(1, 3, 2), _values(-1, 0, 2), 0.1),
    ),
    mutants={
        "unbiased_variance": (
            lambda *a: _batch_norm(*a, ddof=1),
            "方差除以了 n − 1（X.var() 的默认值）；批归一化除以 n。",
        ),
        "epsilon_missing": (
            _norm_root(lambda v, e: np.sqrt(v)),
            "根号里少了 ε：方差接近 0 时会除以 0。",
        ),
        "epsilon_outside_root": (
            _norm_root(lambda v, e: np.sqrt(v) + e),
            "ε 应加在根号**里面**：√(σ² + ε)，不是 √σ² + ε。",
        ),
        "root_missing": (
            _norm_root(lambda v, e: v + e),
            "除以了方差；应除以标准差，即方差（加 ε）的平方根。",
        ),
        "statistics_per_pixel": (
            [_norm_over(0), lambda *a: _batch_norm(*a, axes=0, ddof=1)],
            "每个像素各算了一套统计量。卷积网络里每个**通道**一个均值、一个方差：轴是 (0, 2, 3)。",
        ),
        "statistics_per_sample": (
            [_norm_over((2, 3)), _norm_over((1, 2, 3))],
            "每个样本各算了一套统计量（那是实例归一化或层归一化）；批的轴也要平均。",
        ),
        "statistics_over_all": (
            _norm_over((0, 1, 2, 3)),
            "所有通道共用了一个均值；通道轴（axis=1）不能平均。",
        ),
        "gamma_forgotten": (
            lambda X, gamma, beta, e: _batch_norm(X, to_array(gamma) * 0 + 1, beta, e),
            "忘了乘 γ（gamma）。",
        ),
        "beta_forgotten": (
            lambda X, gamma, beta, e: _batch_norm(X, gamma, to_array(beta) * 0, e),
            "忘了加 β（beta）。",
        ),
        "gamma_and_beta_forgotten": (
            lambda X, gamma, beta, e: _batch_norm(
                X, to_array(gamma) * 0 + 1, to_array(beta) * 0, e
            ),
            "只做了归一化，还要乘 γ、加 β。",
        ),
        "gamma_and_beta_swapped": (
            lambda X, gamma, beta, e: _batch_norm(X, beta, gamma, e),
            "γ 与 β 用反了：乘 γ，加 β。",
        ),
        "mean_not_subtracted": (_norm_mean_kept, "忘了减去均值。"),
    },
)

# -- 5.4-2 -------------------------------------------------------------------------------------


def _paddle_running(X, running_mean, running_variance, momentum):
    """What paddle.nn.BatchNorm2D keeps after one training batch."""
    import paddle

    layer = paddle.nn.BatchNorm(X.shape[1], momentum=momentum)  # no warning, unlike BatchNorm2D
    layer._mean.set_value(running_mean)
    layer._variance.set_value(running_variance)
    layer.train()
    layer(X)
    return layer._mean, layer._variance


def _running(X, mean, variance, momentum, axes=(0, 2, 3), ddof=0, old=None, new=None, root=False):
    X, mean, variance = (to_array(a).astype("float64") for a in (X, mean, variance))
    old = momentum if old is None else old
    new = 1 - momentum if new is None else new
    spread = X.std(axis=axes) if root else X.var(axis=axes, ddof=ddof)
    return old * mean + new * X.mean(axis=axes), old * variance + new * spread


RUNNING = Exercise(
    id="5.4-2",
    title="滑动的均值与方差",
    english="Running statistics",
    prompt="""
    训练时，批归一化每看一批就更新一次滑动统计量（running statistics），飞桨的约定是
    $$\\mu \\leftarrow m\\,\\mu + (1-m)\\,\\mu_{\\text{batch}},\\qquad
    \\sigma^2 \\leftarrow m\\,\\sigma^2 + (1-m)\\,\\sigma^2_{\\text{batch}},$$
    $m$ 是 `momentum`，$\\sigma^2_{\\text{batch}}$ 除以元素个数。`X` [N, D, M, N]，
    `running_mean`、`running_variance` [D] 都是张量。依次返回**新的**均值和方差，都是 [D]；不要改动传进来的张量。""",
    stub="""
    def my_running_update(X, running_mean, running_variance, momentum=0.9):
        new_mean = new_variance = None
        # 在这里写你的代码
        ...
        return new_mean, new_variance
    """,
    hints=(
        "先求这一批每个通道的均值和方差，形状 [D]：在轴 0、2、3 上平均。",
        "momentum 乘**旧**的值，1 − momentum 乘新的一批；m = 0.9 就是“九成听旧的”。",
        "方差是 (X − mean)² 的平均，除以 n；`momentum * running_mean + (1 - momentum) * mean`。",
    ),
    solution="""
    def my_running_update(X, running_mean, running_variance, momentum=0.9):
        mean = X.mean(axis=[0, 2, 3])  # [D]
        variance = ((X - mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3])  # 除以 n
        new_mean = momentum * running_mean + (1 - momentum) * mean
        new_variance = momentum * running_variance + (1 - momentum) * variance
        return new_mean, new_variance
    """,
    reference=_paddle_running,
    cases=(
        case(integers([2, 3, 2, 2], 411), _values(0, 0, 0), _values(1, 1, 1), 0.9),
        case(integers([3, 2, 2, 3], 412), _values(5, -2), _values(4, 9), 0.75),
        case(integers([2, 2, 3, 1], 413), _values(1, 8), _values(2, 0.5), 0.6),
    ),
    mutants={
        "momentum_inverted": (
            lambda X, m, v, k: _running(X, m, v, 1 - k),
            "momentum 与 1 − momentum 用反了：飞桨里 momentum 乘旧的值（PyTorch 正相反）。",
        ),
        "unbiased_variance": (
            lambda *a: _running(*a, ddof=1),
            "方差除以了 n − 1；飞桨的滑动方差除以 n（`unbiased=False`）。",
        ),
        "statistics_replaced": (
            lambda X, m, v, k: _running(X, m, v, k, old=0, new=1),
            "直接用这一批的统计量替换了旧的；应按 momentum 混合。",
        ),
        "old_not_weighted": (
            lambda X, m, v, k: _running(X, m, v, k, old=1),
            "旧的值要先乘 momentum，否则两个权重之和超过 1。",
        ),
        "batch_not_weighted": (
            lambda X, m, v, k: _running(X, m, v, k, new=1),
            "这一批的统计量要乘 1 − momentum。",
        ),
        "deviation_instead_of_variance": (
            lambda *a: _running(*a, root=True),
            "保存的是方差，不是标准差：不要开方。",
        ),
        "statistics_per_sample": (
            lambda *a: _running(*a, axes=(2, 3)),
            "批的轴也要平均：每个通道只留下一个数。",
        ),
    },
    outputs=("mean", "variance"),
)

# -- 5.4-3 -------------------------------------------------------------------------------------


def _conv1x1(X, W, b):
    import paddle.nn.functional as F

    return F.conv2d(X, W.unsqueeze([2, 3]), b)


def _pixelwise(X, W, b, transposed=False, bias_axis=1):
    X, W, b = (to_array(a).astype("float64") for a in (X, W, b))
    Y = np.einsum("ndij,dp->npij" if transposed else "ndij,pd->npij", X, W)
    return Y + b.reshape([-1 if axis == bias_axis else 1 for axis in range(4)])


def _reshaped_wrongly(X, W, b):
    """[N, D, M, N'] read as rows of D numbers without moving the channel axis."""
    X, W, b = (to_array(a).astype("float64") for a in (X, W, b))
    N, D, M, width = X.shape
    rows = X.reshape(-1, D) @ W.T + b
    return rows.reshape(N, M, width, len(W)).transpose(0, 3, 1, 2)


CONV1X1 = Exercise(
    id="5.4-3",
    title="1×1 卷积就是矩阵乘法",
    english="A 1×1 convolution as a matrix product",
    prompt="""
    1×1 卷积在每个像素处把 $D$ 个通道的数组成一个向量，乘同一个矩阵 `W` [P, D]，再加 `b` [P]。
    `X` [N, D, M, N] 是张量，返回 [N, P, M, N]。请用矩阵乘法（或 einsum）写，不要调用 `F.conv2d`。""",
    stub="""
    def my_conv1x1(X, W, b):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "空间的位置不相干：把行、列两个轴并成一个，`X.reshape([N, D, M * N])`。",
        "`W @ columns`：[P, D] 乘 [N, D, M·N]，得 [N, P, M·N]；批的轴自动广播。",
        "偏置是每张输出图一个：`b.reshape([P, 1])`，最后再 reshape 回去。",
    ),
    solution="""
    def my_conv1x1(X, W, b):
        N, D, rows, columns = X.shape
        P = W.shape[0]
        pixels = X.reshape([N, D, rows * columns])  # 每一列是一个像素的 D 个数
        maps = W @ pixels + b.reshape([P, 1])  # [N, P, M·N]
        return maps.reshape([N, P, rows, columns])
    """,
    reference=_conv1x1,
    cases=(
        case(integers([1, 2, 2, 3], 421), integers([3, 2], 422), _values(0.5, -1.5, 2.5)),
        case(integers([2, 3, 3, 2], 423), integers([2, 3], 424), _values(1.5, -0.5)),
        case(integers([2, 3, 3, 3], 425), integers([3, 3], 426), _values(0.5, 1.5, -2.5)),
    ),
    mutants={
        "bias_missing": lambda X, W, b: _pixelwise(X, W, to_array(b) * 0),
        "bias_wrong_axis": [
            lambda X, W, b: _pixelwise(X, W, b, bias_axis=3),
            lambda X, W, b: _pixelwise(X, W, b, bias_axis=2),
        ],
        "bias_same_for_all": lambda X, W, b: _pixelwise(X, W, to_array(b) * 0 + to_array(b)[0]),
        "matrix_transposed": (
            lambda X, W, b: _pixelwise(X, W, b, transposed=True),
            "矩阵转置了：第 p 张输出图用 W 的第 p **行**，y = W x。",
        ),
        "pixels_scrambled": (
            _reshaped_wrongly,
            "`X.reshape([-1, D])` 没有移动通道轴，把不同像素的数混在了一起。"
            "先把通道轴换到最后（transpose），或用 [N, D, M·N]。",
        ),
        "axes_not_restored": (
            lambda X, W, b: to_array(_conv1x1(X, W, b)).transpose(0, 2, 3, 1),
            "通道轴留在了最后；结果应是 [N, P, M, N]。",
        ),
    },
)

# -- 5.4-4 -------------------------------------------------------------------------------------


class _Parts:
    """Layers of a residual unit with fixed numbers, ready to be composed."""


def _layer(kind, *args, seed, **options):
    """A layer whose parameters come from `seed`."""
    import paddle.nn as nn

    from .normalization import BatchNorm2D

    layer = {"conv": nn.Conv2D, "bn": BatchNorm2D}[kind](*args, **options)
    generator = np.random.default_rng(seed)
    for weight in [p for p in layer.parameters() if not p.stop_gradient]:
        values = generator.integers(-3, 4, weight.shape) / 2 + (0.75 if kind == "bn" else 0)
        weight.set_value(values.astype("float32"))
    return layer


def _unit_case(in_channels, out_channels, stride, size, seed, about=()):
    def make():
        unit = _Parts()
        conv = {"bias_attr": False}
        unit.conv1 = _layer(
            *("conv", in_channels, out_channels, 3, stride), seed=seed, padding=1, **conv
        )
        unit.conv2 = _layer(
            *("conv", out_channels, out_channels, 3), seed=seed + 1, padding=1, **conv
        )
        unit.bn1, unit.bn2 = (_layer("bn", out_channels, seed=seed + k) for k in (2, 3))
        unit.shortcut = unit.bn3 = None
        if stride != 1 or in_channels != out_channels:
            unit.shortcut = _layer(
                *("conv", in_channels, out_channels, 1, stride), seed=seed + 4, **conv
            )
            unit.bn3 = _layer("bn", out_channels, seed=seed + 5)
        import paddle

        return paddle.to_tensor(integers([2, in_channels, *size], seed + 6)), unit

    return Case(make, about)


def _compose(*mistakes):
    """The unit's forward pass, with mistakes."""
    has = mistakes.__contains__

    def forward(X, unit):
        import paddle.nn.functional as F

        Y = unit.conv1(X)
        if has("bn_before_conv"):
            Y = unit.conv2(F.relu(Y))
            return F.relu(unit.bn2(unit.bn1(Y)) + _direct(X, unit, has))
        Y = Y if has("first_bn") or has("no_bn") else unit.bn1(Y)
        Y = unit.conv2(Y if has("middle_relu") else F.relu(Y))
        if not (has("second_bn") or has("no_bn")):
            Y = (unit.bn1 if has("bn_reused") else unit.bn2)(Y)
        if has("relu_before_addition"):
            return F.relu(Y) + _direct(X, unit, has)
        if has("relu_twice"):
            Y = F.relu(Y)
        if not has("no_shortcut"):
            Y = Y - _direct(X, unit, has) if has("subtracted") else Y + _direct(X, unit, has)
        return Y if has("no_final_relu") else F.relu(Y)

    return forward


def _direct(X, unit, has):
    import paddle.nn.functional as F

    if unit.shortcut is None or has("without_1x1"):
        return X
    straight = unit.shortcut(X)
    straight = straight if has("shortcut_bn") or has("no_bn") else unit.bn3(straight)
    return F.relu(straight) if has("shortcut_relu") else straight


RESIDUAL_UNIT = Exercise(
    id="5.4-4",
    title="写出残差单元的前向计算",
    english="Forward pass of a residual unit",
    level=2,
    prompt="""
    `unit` 已经有了全部的层：`conv1`、`bn1`、`conv2`、`bn2`，以及直连边上的 `shortcut` 和 `bn3`
    （输入输出同形状时两者都是 `None`）。请按图写出前向计算：
    卷积 → BN → ReLU → 卷积 → BN → **加上直连边** → ReLU。直连边是 `X` 本身，或 `bn3(shortcut(X))`。
    `X` [N, D, M, N] 是张量，返回张量。""",
    stub="""
    def my_residual_forward(X, unit):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先写残差的一路：`Y = F.relu(unit.bn1(unit.conv1(X)))`，然后是第二个卷积和 bn2，**没有** ReLU。",
        "直连边有两种：`unit.shortcut is None` 时就是 X，否则是 `unit.bn3(unit.shortcut(X))`。",
        "先相加，再做一次 ReLU，返回。",
    ),
    solution="""
    def my_residual_forward(X, unit):
        Y = F.relu(unit.bn1(unit.conv1(X)))
        Y = unit.bn2(unit.conv2(Y))  # 这里没有 ReLU：残差可正可负
        direct = X if unit.shortcut is None else unit.bn3(unit.shortcut(X))
        return F.relu(Y + direct)  # 先相加，后 ReLU
    """,
    reference=_compose(),
    cases=(
        _unit_case(2, 2, 1, (3, 4), 431),
        _unit_case(3, 3, 1, (4, 3), 441),
        _unit_case(2, 4, 1, (3, 3), 451, about="通道数改变"),
        _unit_case(2, 4, 2, (4, 6), 461, about=("通道数改变", "步长")),
        _unit_case(3, 3, 2, (5, 4), 471, about="步长"),
    ),
    mutants={
        "shortcut_forgotten": _compose("no_shortcut"),
        "shortcut_without_1x1": _compose("without_1x1"),
        "relu_before_addition": _compose("relu_before_addition"),
        "final_relu_missing": _compose("no_final_relu"),
        "middle_relu_missing": _compose("middle_relu"),
        "batch_norm_forgotten": [
            _compose("no_bn"),
            _compose("first_bn"),
            _compose("second_bn"),
            _compose("first_bn", "second_bn"),
        ],
        "shortcut_batch_norm_forgotten": (
            _compose("shortcut_bn"),
            "直连边上的 1×1 卷积之后也有批归一化：bn3(shortcut(X))。",
        ),
        "relu_on_both_sides": (
            _compose("relu_twice"),
            "bn2 之后多做了一次 ReLU：残差应当可正可负，先相加再 ReLU。",
        ),
        "relu_on_shortcut": (_compose("shortcut_relu"), "直连边上不做 ReLU。"),
        "batch_norm_reused": (
            _compose("bn_reused"),
            "第二个卷积之后要用 bn2；每个 BN 有自己的 γ、β 和统计量。",
        ),
        "batch_norms_together": (
            _compose("bn_before_conv"),
            "每个卷积**之后**紧跟它自己的 BN，不是把两个 BN 放在一起。",
        ),
        "shortcut_subtracted": (_compose("subtracted"), "直连边要**加**上去，不是减。"),
        "shortcut_forgotten+final_relu_missing": _compose("no_shortcut", "no_final_relu"),
    },
)

# -- 5.4-5 -------------------------------------------------------------------------------------


def _bottleneck_params(in_channels, out_channels, stride, *mistakes):
    """(plain, bottleneck): trainable parameters of both units, with mistakes."""
    has = mistakes.__contains__
    norm = 0 if has("no_bn") else 4 if has("statistics") else 2
    bias = 1 if has("conv_bias") else 0

    def conv(inputs, outputs, kernel):
        side = kernel if has("kernel_not_squared") else kernel**2
        return outputs * (inputs * side + bias) + norm * outputs

    direct = conv(in_channels, out_channels, 1)
    changed = {
        "no_shortcut": False,
        "always_shortcut": True,
        "stride_only": stride != 1,
        "channels_only": in_channels != out_channels,
    }
    named = [value for name, value in changed.items() if has(name)]
    direct *= named[0] if named else stride != 1 or in_channels != out_channels
    waist = in_channels // 4 if has("waist_of_input") else out_channels // 4
    plain = conv(in_channels, out_channels, 3) + conv(out_channels, out_channels, 3)
    narrow = conv(in_channels, waist, 1) + conv(waist, waist, 3) + conv(waist, out_channels, 1)
    return plain + direct, narrow + direct


def _counted(*mistakes):
    return lambda *a: _bottleneck_params(*a, *mistakes)


def _layer_params(in_channels, out_channels, stride):
    """Reference: build both units from paddle.nn and count."""
    import paddle.nn as nn

    def layers(*shapes):
        found = []
        for inputs, outputs, kernel in shapes:
            found += [nn.Conv2D(inputs, outputs, kernel, bias_attr=False), nn.BatchNorm2D(outputs)]
        return sum(p.size for layer in found for p in layer.parameters() if not p.stop_gradient)

    D, P, waist = in_channels, out_channels, out_channels // 4
    direct = layers((D, P, 1)) if stride != 1 or D != P else 0
    plain = layers((D, P, 3), (P, P, 3))
    return plain + direct, layers((D, waist, 1), (waist, waist, 3), (waist, P, 1)) + direct


UNIT_PARAMETERS = Exercise(
    id="5.4-5",
    title="残差单元与瓶颈单元的参数量",
    english="Parameters of residual and bottleneck units",
    prompt="""
    从 $D$ = `in_channels` 到 $P$ = `out_channels`，数一数**可训练**参数：
    1. 普通残差单元：3×3 卷积 $D\\to P$，3×3 卷积 $P\\to P$；
    2. 瓶颈单元（bottleneck）：1×1 卷积 $D\\to P/4$，3×3 卷积 $P/4\\to P/4$，1×1 卷积 $P/4\\to P$。

    卷积都没有偏置，每个卷积之后有 BN（每个通道 γ、β 两个参数）。步长不是 1 **或** $D\\ne P$ 时，直连边还有
    1×1 卷积 $D\\to P$ 和它的 BN。依次返回两个整数。""",
    stub="""
    def my_unit_params(in_channels, out_channels, stride=1):
        plain = bottleneck = None
        # 在这里写你的代码
        ...
        return plain, bottleneck
    """,
    hints=(
        "先写一个小函数：一个卷积加一个 BN 有 `inputs * outputs * kernel**2 + 2 * outputs` 个参数。",
        "滑动均值和方差不是训练出来的，不算在可训练参数里。",
        "直连边：`if stride != 1 or in_channels != out_channels`，两种单元都加同样的一份。",
    ),
    solution="""
    def my_unit_params(in_channels, out_channels, stride=1):
        def conv_bn(inputs, outputs, kernel):
            return inputs * outputs * kernel**2 + 2 * outputs  # 2：BN 的 γ 和 β

        waist = out_channels // 4
        plain = conv_bn(in_channels, out_channels, 3) + conv_bn(out_channels, out_channels, 3)
        bottleneck = conv_bn(in_channels, waist, 1) + conv_bn(waist, waist, 3)
        bottleneck += conv_bn(waist, out_channels, 1)
        if stride != 1 or in_channels != out_channels:  # 直连边不能是恒等
            plain += conv_bn(in_channels, out_channels, 1)
            bottleneck += conv_bn(in_channels, out_channels, 1)
        return plain, bottleneck
    """,
    reference=_layer_params,
    cases=(
        case(64, 64, 1),
        case(16, 16, 2, about="步长"),
        case(8, 16, 1, about="通道数改变"),
        case(64, 128, 2, about=("步长", "通道数改变")),
        case(32, 32, 1),
    ),
    mutants={
        "batch_norm_forgotten": (_counted("no_bn"), "BN 的 γ、β 也是可训练参数：每个通道 2 个。"),
        "statistics_counted": (
            _counted("statistics"),
            "滑动均值和方差是缓冲区（buffer），不参加训练：每个通道只数 γ、β。",
        ),
        "bias_counted": (_counted("conv_bias"), "卷积没有偏置（BN 的 β 代替了它）。"),
        "shortcut_forgotten": (
            _counted("no_shortcut"),
            "形状改变时，直连边上的 1×1 卷积和它的 BN 也有参数。",
        ),
        "shortcut_always": (
            _counted("always_shortcut"),
            "形状不变时，直连边是恒等映射，没有参数。",
        ),
        "shortcut_condition": (
            [_counted("stride_only"), _counted("channels_only")],
            "步长不是 1、通道数改变，**任何一个**成立都需要 1×1 卷积（or，不是只看一个）。",
        ),
        "kernel_not_squared": (_counted("kernel_not_squared"), "3×3 的核有 9 个权重，不是 3 个。"),
        "waist_of_input": (
            _counted("waist_of_input"),
            "瓶颈的腰宽是**输出**通道数的四分之一。",
        ),
    },
    outputs=("plain", "bottleneck"),
    integer=True,
)

# -- 5.4-6 -------------------------------------------------------------------------------------


def _bottleneck(X, weights, stride, *mistakes):
    """A bottleneck unit with batch statistics, written with functions; `weights` by name."""
    import paddle
    import paddle.nn.functional as F

    has = mistakes.__contains__

    def conv_bn(X, name, stride=1, padding=0):
        W = paddle.to_tensor(weights[name])
        Y = F.conv2d(X, W, stride=stride, padding=padding)
        D = W.shape[0]
        state = paddle.zeros([D]), paddle.ones([D])
        return Y if has("no_bn") else F.batch_norm(Y, *state, training=True)

    first = stride if has("stride_first") else 1
    second = 1 if has("stride_first") or has("stride_not_in_path") else stride
    second = (stride, 1)[has("stride_last") or second == 1]
    relu = (lambda Y: Y) if has("middle_relu") else F.relu
    Y = relu(conv_bn(X, "conv1", first))
    Y = relu(conv_bn(Y, "conv2", second, 0 if has("padding_forgotten") else 1))
    Y = conv_bn(Y, "conv3", stride if has("stride_last") else 1)
    if has("relu_before_addition"):
        Y = F.relu(Y)
    direct = X
    if "shortcut" in weights and not has("without_1x1"):
        direct = conv_bn(X, "shortcut", 1 if has("stride_not_in_shortcut") else stride)
    if not has("no_shortcut"):
        Y = Y + direct
    return Y if has("no_final_relu") or has("relu_before_addition") else F.relu(Y)


def _bottleneck_case(in_channels, out_channels, stride, size, seed, about=()):
    waist = out_channels // 4
    shapes = {
        "conv1": [waist, in_channels, 1, 1],
        "conv2": [waist, waist, 3, 3],
        "conv3": [out_channels, waist, 1, 1],
    }
    if stride != 1 or in_channels != out_channels:
        shapes["shortcut"] = [out_channels, in_channels, 1, 1]
    weights = {
        name: integers(shape, seed + k) / 2 for k, (name, shape) in enumerate(shapes.items())
    }
    return case(
        integers([2, in_channels, *size], seed + 9), MappingProxyType(weights), stride, about=about
    )


def _call_bottleneck(unit_class, X, weights, stride):
    """Build the student's unit, give its convolutions known weights, train on one batch."""
    from .normalization import BatchNorm2D

    unit = unit_class(X.shape[1], len(weights["conv3"]), stride)
    for name, values in weights.items():
        getattr(unit, name).weight.set_value(values)
    for layer in unit.sublayers():
        if type(layer).__name__ == "BatchNorm2D":
            layer.__class__ = BatchNorm2D  # the same computation, without Paddle's warning
    unit.train()
    return unit(X)


def _faulty_bottleneck(*mistakes):
    return lambda X, weights, stride: _bottleneck(X, weights, stride, *mistakes)


BOTTLENECK = Exercise(
    id="5.4-6",
    title="瓶颈残差单元",
    english="A bottleneck unit",
    level=3,
    prompt="""
    写出更深的残差网络（如 ResNet50）使用的瓶颈单元，类的名字和下列属性名请保留：
    `conv1`（1×1，$D\\to P/4$）→ BN → ReLU → `conv2`（3×3，填充 1，**步长在这里**）→ BN → ReLU →
    `conv3`（1×1，$P/4\\to P$）→ BN → 加直连边 → ReLU。
    步长不是 1 或 $D\\ne P$ 时，直连边是 `shortcut`（1×1，同样的步长）→ BN；否则是恒等映射。
    卷积都不要偏置（`bias_attr=False`），BN 用 `nn.BatchNorm2D`。""",
    stub="""
    class MyBottleneck(nn.Layer):
        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__()
            # 在这里写你的代码：定义各层
            ...

        def forward(self, X):
            # X [N, D, M, N] → [N, P, ⌈M/S⌉, ⌈N/S⌉]
            # 在这里写你的代码
            ...
    """,
    hints=(
        "腰宽 `waist = out_channels // 4`。先把四个卷积和它们的 BN 在 `__init__` 里定义好。",
        "`self.conv2 = nn.Conv2D(waist, waist, 3, stride, padding=1, bias_attr=False)`；"
        "`shortcut` 的步长也是 stride。",
        "前向：三次“卷积、BN”，前两次之后有 ReLU，第三次之后先加直连边，再 ReLU。",
    ),
    solution="""
    class MyBottleneck(nn.Layer):
        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__()
            waist = out_channels // 4
            self.conv1 = nn.Conv2D(in_channels, waist, 1, bias_attr=False)
            self.bn1 = nn.BatchNorm2D(waist)
            self.conv2 = nn.Conv2D(waist, waist, 3, stride, padding=1, bias_attr=False)
            self.bn2 = nn.BatchNorm2D(waist)
            self.conv3 = nn.Conv2D(waist, out_channels, 1, bias_attr=False)
            self.bn3 = nn.BatchNorm2D(out_channels)
            self.shortcut = None
            if stride != 1 or in_channels != out_channels:
                self.shortcut = nn.Conv2D(in_channels, out_channels, 1, stride, bias_attr=False)
                self.bn4 = nn.BatchNorm2D(out_channels)

        def forward(self, X):
            Y = F.relu(self.bn1(self.conv1(X)))
            Y = F.relu(self.bn2(self.conv2(Y)))
            Y = self.bn3(self.conv3(Y))
            direct = X if self.shortcut is None else self.bn4(self.shortcut(X))
            return F.relu(Y + direct)
    """,
    reference=lambda X, weights, stride: _bottleneck(X, weights, stride),
    cases=(
        _bottleneck_case(8, 8, 1, (3, 4), 501),
        _bottleneck_case(4, 8, 1, (4, 3), 521, about="通道数改变"),
        _bottleneck_case(4, 8, 2, (4, 6), 541, about=("通道数改变", "步长")),
        _bottleneck_case(8, 8, 2, (5, 5), 561, about="步长"),
    ),
    mutants={
        "shortcut_forgotten": _faulty_bottleneck("no_shortcut"),
        "shortcut_without_1x1": _faulty_bottleneck("without_1x1"),
        "relu_before_addition": _faulty_bottleneck("relu_before_addition"),
        "final_relu_missing": _faulty_bottleneck("no_final_relu"),
        "middle_relu_missing": _faulty_bottleneck("middle_relu"),
        "batch_norm_forgotten": _faulty_bottleneck("no_bn"),
        "padding_forgotten": _faulty_bottleneck("padding_forgotten"),
        "stride_in_first_conv": (
            _faulty_bottleneck("stride_first"),
            "步长放在了第一个 1×1 卷积上，它会跳过四分之三的像素；这里要放在 3×3 卷积上。",
        ),
        "stride_in_last_conv": (
            _faulty_bottleneck("stride_last"),
            "步长放在了最后的 1×1 卷积上；这里要放在 3×3 卷积上。",
        ),
        "stride_in_one_path_only": (
            [
                _faulty_bottleneck("stride_not_in_shortcut"),
                _faulty_bottleneck("stride_not_in_path"),
            ],
            "步长只用在了一条路上：主路的 3×3 卷积和直连边的 1×1 卷积都要用，否则形状对不上。",
        ),
    },
    call=_call_bottleneck,
)

# -- 5.4-7 -------------------------------------------------------------------------------------


def _model_case(channels, size, seed):
    """A small classifier in training mode with running statistics unlike those of the batch."""

    def make():
        import paddle
        import paddle.nn as nn

        norm = _layer("bn", 4, seed=seed)
        norm._mean.set_value(integers([4], seed + 1))
        norm._variance.set_value(np.abs(integers([4], seed + 2)) + 1)
        linear = nn.Linear(4, 3)
        linear.weight.set_value(integers([4, 3], seed + 3) / 4)
        conv = _layer("conv", channels, 4, 3, seed=seed + 4)
        model = nn.Sequential(conv, norm, nn.AdaptiveAvgPool2D(1), nn.Flatten(), linear)
        model.train()
        return model, paddle.to_tensor(integers([5, channels, *size], seed + 5))

    return Case(make)


def _probabilities(axis=-1, evaluate=True, softmax=True):
    def predict(model, X):
        model.eval() if evaluate else model.train()
        logits = to_array(model(X)).astype("float64")
        if not softmax:
            return logits
        shifted = np.exp(logits - logits.max(axis=axis, keepdims=True))
        return shifted / shifted.sum(axis=axis, keepdims=True)

    return predict


PREDICT = Exercise(
    id="5.4-7",
    title="评估模式下的预测",
    english="Predicting in evaluation mode",
    prompt="""
    `model` 里有批归一化，刚刚训练完（还在训练模式）。返回这一批图片 `X` [N, C, M, N] 属于各类的**概率** [N, K]，
    要求一张图的预测不受同批的其他图影响。""",
    stub="""
    def my_predict(model, X):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "训练模式下 BN 用这一批的统计量，所以同批的图会互相影响。哪个方法切换模式？",
        "`model.eval()` 之后，BN 用滑动统计量。",
        "模型给出 logits；`F.softmax(logits, axis=-1)` 变成概率。",
    ),
    solution="""
    def my_predict(model, X):
        model.eval()  # BN 改用滑动统计量：每张图各算各的
        with paddle.no_grad():  # 预测不需要梯度
            return F.softmax(model(X), axis=-1)
    """,
    reference=_probabilities(),
    cases=(_model_case(1, (4, 4), 601), _model_case(2, (5, 4), 621), _model_case(3, (3, 5), 641)),
    mutants={
        "eval_mode_forgotten": _probabilities(evaluate=False),
        "softmax_missing": _probabilities(softmax=False),
        "softmax_wrong_axis": _probabilities(axis=0),
        "eval_mode_forgotten+softmax_missing": _probabilities(evaluate=False, softmax=False),
    },
    outputs=("probabilities",),
)

EXERCISES = (
    BATCH_NORM,
    RUNNING,
    CONV1X1,
    RESIDUAL_UNIT,
    UNIT_PARAMETERS,
    BOTTLENECK,
    PREDICT,
)
