"""Exercises of 5.4: batch norm and its modes, 1×1 convolution; the units stand in `check_units`."""

import numpy as np

from ..engine.diagnose import to_array
from ..exercise import Case, Exercise, case, integers
from .ch54_units import UNITS, fixed_layer

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
    title="手写批量归一化",
    english="Batch normalization by hand",
    level=2,
    prompt="""
    写**训练时**的批量归一化（batch normalization）：对每个通道 $d$，在批、行、列三个轴上求均值 $\\mu_d$ 和方差
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
            "方差除以了 n − 1（X.var() 的默认值）；批量归一化除以 n。",
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


def _either(mutant):
    """The mistake in both results, in the first only, in the second only."""
    return [
        mutant,
        lambda *a: (mutant(*a)[0], None),
        lambda *a: (None, mutant(*a)[1]),
    ]


RUNNING = Exercise(
    id="5.4-2",
    title="滑动的均值与方差",
    english="Running statistics",
    prompt="""
    训练时，批量归一化每看一批就更新一次滑动统计量（running statistics），飞桨的约定是
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
            _either(lambda X, m, v, k: _running(X, m, v, 1 - k)),
            "momentum 与 1 − momentum 用反了：飞桨里 momentum 乘旧的值（PyTorch 正相反）。",
        ),
        "unbiased_variance": (
            lambda *a: _running(*a, ddof=1),
            "方差除以了 n − 1；飞桨的滑动方差除以 n（`unbiased=False`）。",
        ),
        "statistics_replaced": (
            _either(lambda X, m, v, k: _running(X, m, v, k, old=0, new=1)),
            "直接用这一批的统计量替换了旧的；应按 momentum 混合。",
        ),
        "old_not_weighted": (
            _either(lambda X, m, v, k: _running(X, m, v, k, old=1)),
            "旧的值要先乘 momentum，否则两个权重之和超过 1。",
        ),
        "batch_not_weighted": (
            _either(lambda X, m, v, k: _running(X, m, v, k, new=1)),
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


def _reshaped_twice(X, W, b):
    """The same, and the result read as maps again without moving the axis back."""
    X, W, b = (to_array(a).astype("float64") for a in (X, W, b))
    rows = X.reshape(-1, X.shape[1]) @ W.T + b
    return rows.reshape(X.shape[0], len(W), *X.shape[2:])


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
            [_reshaped_wrongly, _reshaped_twice],
            "`X.reshape([-1, D])` 没有移动通道轴，把不同像素的数混在了一起。"
            "先把通道轴换到最后（transpose），或用 [N, D, M·N]。",
        ),
        "axes_not_restored": (
            lambda X, W, b: to_array(_conv1x1(X, W, b)).transpose(0, 2, 3, 1),
            "通道轴留在了最后；结果应是 [N, P, M, N]。",
        ),
    },
)

# -- 5.4-7 -------------------------------------------------------------------------------------


def _model_case(channels, size, seed):
    """A small classifier in training mode with running statistics unlike those of the batch."""

    def make():
        import paddle
        import paddle.nn as nn

        norm = fixed_layer("bn", 4, seed=seed)
        norm._mean.set_value(integers([4], seed + 1))
        norm._variance.set_value(np.abs(integers([4], seed + 2)) + 1)
        linear = nn.Linear(4, 3)
        linear.weight.set_value(integers([4, 3], seed + 3) / 4)
        conv = fixed_layer("conv", channels, 4, 3, seed=seed + 4)
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
    `model` 里有批量归一化，刚刚训练完（还在训练模式）。返回这一批图片 `X` [N, C, M, N] 属于各类的**概率** [N, K]，
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

EXERCISES = (BATCH_NORM, RUNNING, CONV1X1, *UNITS, PREDICT)
