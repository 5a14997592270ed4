"""Exercises of 5.4: batch norm and its modes, and 1×1 convolution."""

import numpy as np

from ..engine.run import to_array
from ..exercise import Case, Exercise, case, integers, vary
from .ch54_units import fixed_layer


def _values(*values):
    return np.array(values, "float32")


def _batch_norm(X, gamma, beta, epsilon=1e-5):
    import paddle
    import paddle.nn.functional as F

    D = X.shape[1]
    state = paddle.zeros([D]), paddle.ones([D])
    return F.batch_norm(X, *state, gamma, beta, training=True, epsilon=epsilon)


BATCH_NORM = Exercise(
    id="5.4-1",
    title="手写批量归一化",
    english="Batch normalization by hand",
    level=2,
    prompt="""
    写**训练时**的批量归一化（batch normalization）：对每个通道 $d$，在批、行、列三个轴上求均值 $\\mu_d$ 和方差 $\\sigma_d^2$（除以元素个数，不减一），
    $$y = \\gamma_d\\,\\frac{x-\\mu_d}{\\sqrt{\\sigma_d^2+\\varepsilon}} + \\beta_d.$$
    `X` [B, D, M, N]，`gamma`、`beta` [D] 都是张量；返回与 `X` 同形状。不要调用 `F.batch_norm`。""",
    example="例：D = 1，两个样本各一个像素，值是 1 和 5：均值 3、方差 4，γ = 1、β = 0、ε ≈ 0 时得 −1 和 1。",
    stub="""
    def my_batch_norm(X, gamma, beta, epsilon=1e-5):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "一共有几个均值？在哪些轴上平均，哪个轴留下？",
        "`keepdim=True` 使平均之后的形状仍是 4 维，可以直接与 X 相减。gamma 和 beta 呢？",
        "方差是离均差的平方的平均；`X.var()` 默认除以 n − 1，这里要除以 n。",
    ),
    solution="""
    def my_batch_norm(X, gamma, beta, epsilon=1e-5):
        mean = X.mean(axis=[0, 2, 3], keepdim=True)  # [1, D, 1, 1]
        variance = ((X - mean) ** 2).mean(axis=[0, 2, 3], keepdim=True)  # 除以 n，不是 n − 1
        normalized = (X - mean) / (variance + epsilon).sqrt()  # ε 在根号里面
        return gamma.reshape([1, -1, 1, 1]) * normalized + beta.reshape([1, -1, 1, 1])
    """,
    slips="""
    ((X - mean) ** 2).mean(axis=[0, 2, 3], keepdim=True) ⇒ X.var(axis=[0, 2, 3], keepdim=True) ⇒ 用了无偏的方差：除以了 n − 1（X.var() 的默认值）；批量归一化除以 n。
    ((X - mean) ** 2).mean(axis=[0, 2, 3], keepdim=True) ⇒ (X**2).mean(axis=[0, 2, 3], keepdim=True) ⇒ 求方差时没有减均值：方差是 (x − μ)² 的平均。
    ((X - mean) ** 2).mean(axis=[0, 2, 3], keepdim=True) ⇒ (X - mean).abs().mean(axis=[0, 2, 3], keepdim=True) ⇒ 方差用了绝对值：方差是 (x − μ)² 的平均。
    (variance + epsilon).sqrt() ⇒ variance.sqrt() ⇒ 少了 ε：根号里要加 ε：方差接近 0 时会除以 0。
    (variance + epsilon).sqrt() ⇒ (variance.sqrt() + epsilon) ⇒ ε 的位置不对：ε 应加在根号**里面**：√(σ² + ε)。
    (variance + epsilon).sqrt() ⇒ (variance + epsilon**2).sqrt() ⇒ ε 平方了：根号里加的是 ε。
    (variance + epsilon).sqrt() ⇒ (variance + 1e-5).sqrt() ⇒ ε 写死了：用参数 epsilon。
    (variance + epsilon).sqrt() ⇒ (variance + epsilon) ⇒ 没有开方：应除以标准差，即方差（加 ε）的平方根。
    axis=[0, 2, 3] ⇒ axis=0 ⇒ 统计的轴不对：每个像素各算了一套统计量；每个**通道**一个均值、一个方差：轴是 (0, 2, 3)。
    axis=[0, 2, 3] ⇒ axis=[2, 3] ⇒ 统计的轴不对：每个样本各算了一套（那是实例归一化）；批的轴也要平均。
    axis=[0, 2, 3] ⇒ axis=[1, 2, 3] ⇒ 统计的轴不对：每个样本各算了一套（那是层归一化）；轴是 (0, 2, 3)。
    axis=[0, 2, 3] ⇒ axis=[0, 1, 2, 3] ⇒ 统计的轴不对：所有通道共用了一个均值；通道轴（axis=1）不能平均。
    axis=[0, 2, 3] ⇒ axis=1 ⇒ 统计的轴不对：在通道轴上平均了；要留下的正是通道轴。
    gamma.reshape([1, -1, 1, 1]) * normalized + beta.reshape([1, -1, 1, 1]) ⇒ normalized + beta.reshape([1, -1, 1, 1]) ⇒ 忘了 γ：归一化之后要乘 gamma。
    gamma.reshape([1, -1, 1, 1]) * normalized + beta.reshape([1, -1, 1, 1]) ⇒ gamma.reshape([1, -1, 1, 1]) * normalized ⇒ 忘了 β：最后要加 beta。
    gamma.reshape([1, -1, 1, 1]) * normalized + beta.reshape([1, -1, 1, 1]) ⇒ normalized ⇒ 忘了 γ 和 β：只做了归一化，还要乘 γ、加 β。
    gamma.reshape([1, -1, 1, 1]) * normalized + beta.reshape([1, -1, 1, 1]) ⇒ beta.reshape([1, -1, 1, 1]) * normalized + gamma.reshape([1, -1, 1, 1]) ⇒ γ 与 β 用反了：乘 γ，加 β。
    gamma.reshape([1, -1, 1, 1]) * normalized + beta.reshape([1, -1, 1, 1]) ⇒ gamma.reshape([1, -1, 1, 1]) * (normalized + beta.reshape([1, -1, 1, 1])) ⇒ β 也乘了 γ：先乘 γ，再加 β。
    gamma.reshape([1, -1, 1, 1]) * normalized + beta.reshape([1, -1, 1, 1]) ⇒ gamma * normalized + beta ⇒ γ 和 β 对错了轴：形状 [D] 会与最后一轴（宽）对齐；先 reshape([1, -1, 1, 1])。
    normalized = (X - mean) / ⇒ normalized = X / ⇒ 没有减去均值：分子是 x − μ。
    """,
    reference=_batch_norm,
    cases=vary(
        lambda B=2, D=2, M=3, N=3, gamma=1.0, beta=0.0, e=1e-5, k=1, shift=0: (
            integers([B, D, M, N], 401) / k + shift,
            _values(*(gamma + np.arange(D) * (gamma - 1))),
            _values(*(beta + np.arange(D) * beta)),
            e,
        ),
        {
            "gamma 不是 1": {"gamma": 2.0},
            "beta 不是 0": {"beta": -1.5},
            "gamma 和 beta": {"gamma": -0.5, "beta": 3.0},
            "epsilon 大": {"k": 4, "e": 0.5},
            "均值离 0 很远": {"shift": 7},
            "三个通道，图不是正方形": {"D": 3, "N": 5},
            "宽等于通道数": {"D": 3, "gamma": 2.0, "beta": 1.0},
            "四个样本": {"B": 4, "M": 2, "N": 2},
        },
    ),
    by_hand=("batch_norm",),
)


def _running(X, running_mean, running_variance, momentum=0.9):
    """What paddle.nn.BatchNorm2D keeps after one training batch."""
    import paddle

    layer = paddle.nn.BatchNorm(X.shape[1], momentum=momentum)  # no warning, unlike BatchNorm2D
    layer._mean.set_value(running_mean)
    layer._variance.set_value(running_variance)
    layer.train()
    layer(X)
    return layer._mean, layer._variance


RUNNING = Exercise(
    id="5.4-2",
    title="滑动的均值与方差",
    english="Running statistics",
    prompt="""
    训练时，批量归一化每看一批就更新一次滑动统计量（running statistics），飞桨的约定是
    $$\\mu \\leftarrow m\\,\\mu + (1-m)\\,\\mu_{\\text{batch}},\\qquad \\sigma^2 \\leftarrow m\\,\\sigma^2 + (1-m)\\,\\sigma^2_{\\text{batch}},$$
    $m$ 是 `momentum`，$\\sigma^2_{\\text{batch}}$ 除以元素个数。`X` [B, D, M, N]，`running_mean`、`running_variance` [D] 都是张量。依次返回**新的**均值和方差，都是 [D]；不要改动传进来的张量。""",
    example="例：旧的均值 0、方差 1，m = 0.9；这一批的均值 10、方差 4：新的均值 1、方差 1.3。",
    stub="""
    def my_running_update(X, running_mean, running_variance, momentum=0.9):
        new_mean = new_variance = None
        # 在这里写你的代码
        ...
        return new_mean, new_variance
    """,
    hints=(
        "先求这一批每个通道的均值和方差，形状 [D]：与 5.4-1 是同样的轴。",
        "m = 0.9 的意思是“九成听旧的”：哪一个乘 m？",
        "相减之前，均值要变回 [1, D, 1, 1]；方差除以 n。",
    ),
    solution="""
    def my_running_update(X, running_mean, running_variance, momentum=0.9):
        mean = X.mean(axis=[0, 2, 3])  # [D]
        variance = ((X - mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3])  # 除以 n
        new_mean = momentum * running_mean + (1 - momentum) * mean
        new_variance = momentum * running_variance + (1 - momentum) * variance
        return new_mean, new_variance
    """,
    slips="""
    momentum * running_mean + (1 - momentum) * mean ⇒ (1 - momentum) * running_mean + momentum * mean ⇒ 均值的 momentum 用反了：飞桨里 momentum 乘旧的值（PyTorch 正相反）。
    momentum * running_variance + (1 - momentum) * variance ⇒ (1 - momentum) * running_variance + momentum * variance ⇒ 方差的 momentum 用反了：飞桨里 momentum 乘旧的值（PyTorch 正相反）。
    mean = X.mean(axis=[0, 2, 3])  # [D] ⇒ momentum = 1 - momentum; mean = X.mean(axis=[0, 2, 3]) ⇒ momentum 用反了：飞桨里 momentum 乘旧的值（PyTorch 正相反）。
    ((X - mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3]) ⇒ X.var(axis=[0, 2, 3]) ⇒ 用了无偏的方差：除以了 n − 1；飞桨的滑动方差除以 n（`unbiased=False`）。
    ((X - mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3]) ⇒ X.std(axis=[0, 2, 3], unbiased=False) ⇒ 用了标准差：保存的是方差，不要开方。
    ((X - mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3]) ⇒ (X**2).mean(axis=[0, 2, 3]) ⇒ 求方差时没有减均值：方差是 (x − μ)² 的平均。
    ((X - mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3]) ⇒ ((X - running_mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3]) ⇒ 求方差时减了旧的均值：这一批的方差用这一批的均值。
    return new_mean, new_variance ⇒ variance = ((X - new_mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3]); return new_mean, momentum * running_variance + (1 - momentum) * variance ⇒ 求方差时减了新的滑动均值：这一批的方差用这一批的均值。
    return new_mean, new_variance ⇒ return mean, variance ⇒ 旧的统计量被丢掉了：直接用这一批的替换了旧的；应按 momentum 混合。
    return new_mean, new_variance ⇒ return new_mean, variance ⇒ 旧的方差被丢掉了：方差也要按 momentum 混合。
    return new_mean, new_variance ⇒ return running_mean + (1 - momentum) * mean, running_variance + (1 - momentum) * variance ⇒ 旧的值没有乘权重：旧的值要先乘 momentum，否则两个权重之和超过 1。
    return new_mean, new_variance ⇒ return momentum * running_mean + mean, momentum * running_variance + variance ⇒ 新的值没有乘权重：这一批的统计量要乘 1 − momentum。
    axis=[0, 2, 3] ⇒ axis=[2, 3] ⇒ 统计的轴不对：批的轴也要平均：每个通道只留下一个数。
    """,
    reference=_running,
    cases=vary(
        lambda B=2, D=2, M=2, N=3, mean=0.0, variance=1.0, m=0.9: (
            integers([B, D, M, N], 411),
            _values(*(mean * (1 + np.arange(D)))),
            _values(*(variance * (1 + np.arange(D)))),
            m,
        ),
        {
            "旧的均值不是 0": {"mean": -2.5},
            "旧的方差不是 1": {"variance": 4.0},
            "momentum 不是 0.9": {"m": 0.75},
            "momentum 是 0.5": {"m": 0.5, "mean": 3.0},
            "三个样本": {"B": 3},
            "三个通道": {"D": 3, "mean": 1.0},
        },
    ),
    outputs=("mean", "variance"),
    by_hand=("batch_norm",),
)


def _conv1x1(X, W, b):
    import paddle.nn.functional as F

    return F.conv2d(X, W.unsqueeze([2, 3]), b)


CONV1X1 = Exercise(
    id="5.4-3",
    title="1×1 卷积就是矩阵乘法",
    english="A 1×1 convolution as a matrix product",
    prompt="""
    1×1 卷积在每个像素处把 $D$ 个通道的数组成一个向量，乘同一个矩阵 `W` [P, D]，再加 `b` [P]。`X` [B, D, M, N] 是张量，返回 [B, P, M, N]。请用矩阵乘法（或 einsum）写，不要调用 `F.conv2d`。""",
    example="例：D = 2、P = 1：某个像素的两个通道是 3 和 4，`W = [[1, 10]]`，`b = [0.5]`，这个像素的输出是 43.5。",
    stub="""
    def my_conv1x1(X, W, b):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "空间的位置不相干：可以把行、列两个轴并成一个，`X.reshape([B, D, M * N])`。",
        "[P, D] 乘 [B, D, M·N] 得什么形状？批的轴会自动广播。",
        "偏置是每张输出图一个：先变成能与 [B, P, M·N] 对齐的形状，最后再 reshape 回 4 维。",
    ),
    solution="""
    def my_conv1x1(X, W, b):
        B, D, rows, columns = X.shape
        P = W.shape[0]
        pixels = X.reshape([B, D, rows * columns])  # 每一列是一个像素的 D 个数
        maps = W @ pixels + b.reshape([P, 1])  # [B, P, M·N]
        return maps.reshape([B, P, rows, columns])
    """,
    versions=(
        """
    def my_conv1x1(X, W, b):
        pixels = X.transpose([0, 2, 3, 1])
        return (pixels @ W.T + b).transpose([0, 3, 1, 2])
    """,
        """
    def my_conv1x1(X, W, b):
        X, W, b = X.numpy(), W.numpy(), b.numpy()
        return np.einsum("ndij,pd->npij", X, W) + b.reshape(1, -1, 1, 1)
    """,
    ),
    slips="""
    b.reshape(1, -1, 1, 1) ⇒ b ⇒ 偏置加在了错误的轴上：形状 [P] 会与最后一轴（宽）对齐；先变成 [1, P, 1, 1]。
    b.reshape(1, -1, 1, 1) ⇒ b.reshape(-1, 1) ⇒ 偏置加在了错误的轴上：形状 [P, 1] 会与行的轴对齐；先变成 [1, P, 1, 1]。
    return (pixels @ W.T + b).transpose([0, 3, 1, 2]) ⇒ return pixels @ W.T + b ⇒ 轴的次序没有还原：通道轴留在了最后；结果应是 [B, P, M, N]。
    return (pixels @ W.T + b).transpose([0, 3, 1, 2]) ⇒ return (pixels @ W.T + b).reshape([X.shape[0], W.shape[0], X.shape[2], X.shape[3]]) ⇒ 像素混在了一起：通道轴在最后时不能直接 reshape：先 transpose([0, 3, 1, 2])。
    pixels = X.transpose([0, 2, 3, 1]) ⇒ pixels = X.reshape([X.shape[0], X.shape[2], X.shape[3], X.shape[1]]) ⇒ 像素混在了一起：reshape 不移动轴：先把通道轴换到最后（transpose）。
    pixels = X.transpose([0, 2, 3, 1]) ⇒ return (X.reshape([-1, X.shape[1]]) @ W.T + b).reshape([X.shape[0], W.shape[0], X.shape[2], X.shape[3]]) ⇒ 像素混在了一起：`X.reshape([-1, D])` 没有移动通道轴：先把通道轴换到最后（transpose），或用 [B, D, M·N]。
    """,
    reference=_conv1x1,
    cases=vary(
        lambda B=1, D=2, P=2, M=2, N=2: (
            *(integers([B, D, M, N], 421), integers([P, D], 422)),
            _values(*(np.arange(P) * 2 - 0.5)),
        ),
        {
            "两个样本": {"B": 2},
            "图不是正方形": {"N": 3},
            "P 大于 D": {"P": 3},
            "P 小于 D": {"D": 3, "P": 1},
            "大小都等于 3": {"B": 2, "D": 3, "P": 3, "M": 3, "N": 3},
        },
    ),
    linear_in=("X", "W", "b"),
    axes={"W": "pd"},
    by_hand=("conv2d",),
)


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


def _predict(model, X):
    model.eval()
    logits = to_array(model(X)).astype("float64")
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


PREDICT = Exercise(
    id="5.4-7",
    title="评估模式下的预测",
    english="Predicting in evaluation mode",
    prompt="""
    `model` 里有批量归一化，刚刚训练完（还在训练模式）。返回这一批图片 `X` [B, C, M, N] 属于各类的**概率** [B, K]，要求一张图的预测不受同批的其他图影响。""",
    example="例：一张图的 logits 是 `[0, ln 3]`，概率是 `[0.25, 0.75]`；单独预测它，或与别的图一起，结果应当一样。",
    stub="""
    def my_predict(model, X):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "训练模式下 BN 用这一批的统计量，所以同批的图会互相影响。哪个方法切换模式？",
        "换了模式之后，BN 用的是哪里来的均值和方差？",
        "模型给出 logits：每一**行**要变成和为 1 的概率。",
    ),
    solution="""
    def my_predict(model, X):
        model.eval()  # BN 改用滑动统计量：每张图各算各的
        with paddle.no_grad():  # 预测不需要梯度
            return F.softmax(model(X), axis=-1)
    """,
    slips="""
    model.eval() ⇒ model.train() ⇒ 忘了切换到评估模式：先 model.eval()：否则 BN 用这一批的统计量，预测会随同批的样本而变。
    return F.softmax(model(X), axis=-1) ⇒ return model(X) ⇒ 返回的是 logits：要的是概率：对类别轴做 softmax。
    return F.softmax(model(X), axis=-1) ⇒ return F.softmax(model(X), axis=0) ⇒ softmax 的轴不对：每一行（一个样本）的概率之和应为 1：axis=-1。
    return F.softmax(model(X), axis=-1) ⇒ return F.log_softmax(model(X), axis=-1) ⇒ 返回的是对数概率：要概率本身：softmax。
    return F.softmax(model(X), axis=-1) ⇒ return F.sigmoid(model(X)) ⇒ 用了 sigmoid：各类互斥，概率之和为 1：softmax。
    return F.softmax(model(X), axis=-1) ⇒ return F.softmax(model(X), axis=-1).argmax(axis=-1) ⇒ 返回的是类别：要的是概率 [B, K]。
    return F.softmax(model(X), axis=-1) ⇒ model.train(); return model(X) ⇒ 忘了切换到评估模式，返回的又是 logits：先 model.eval()，再对类别轴做 softmax。
    return F.softmax(model(X), axis=-1) ⇒ return F.softmax(paddle.concat([model(x) for x in X.split(len(X))]) * 2, axis=-1) ⇒ logits 乘了系数：直接做 softmax。
    """,
    reference=_predict,
    cases=(_model_case(1, (4, 4), 601), _model_case(2, (5, 4), 621), _model_case(3, (3, 5), 641)),
    outputs=("probabilities",),
)

EXERCISES = (BATCH_NORM, RUNNING, CONV1X1, PREDICT)
