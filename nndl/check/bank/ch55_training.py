"""Exercises of 5.5 on training and scoring: weight decay, schedules, top-k, each class."""

import math

import numpy as np

from ..engine.diagnose import to_array
from ..exercise import Exercise, case, integers
from .ch55_photos import AUGMENT, GRAD_CAM, MIXUP, NORMALIZE

# -- 5.5-3 -------------------------------------------------------------------------------------


def _momentum_step(w, grad, velocity, lr, momentum, decay, change=None):
    """One step; `change` replaces the decayed gradient, velocity or weights of the right one."""
    w, grad, velocity = (to_array(part).astype("float64") for part in (w, grad, velocity))
    rule = {
        "g": lambda g, w: g + decay * w,
        "v": lambda v, g: momentum * v + g,
        "w": lambda w, v, g, old: w - lr * v,
    } | (change or {})
    g = rule["g"](grad, w)
    v = rule["v"](velocity, g)
    return rule["w"](w, v, g, velocity), v


def _changed_step(make):
    """A mutant from make(lr, momentum, decay) → the rules that differ."""
    return lambda w, grad, velocity, lr, momentum, decay: _momentum_step(
        w, grad, velocity, lr, momentum, decay, make(lr, momentum, decay)
    )


WEIGHT_DECAY = Exercise(
    id="5.5-3",
    title="带动量和权重衰减的一步",
    english="A step with momentum and weight decay",
    level=2,
    prompt="""
    权重衰减（weight decay，L2 正则化）在损失上加 $\\frac{\\lambda}{2}\\lVert w\\rVert^2$，
    于是梯度多出一项 $\\lambda w$。带动量的一步是
    $$g \\leftarrow g + \\lambda w, \\qquad v \\leftarrow \\mu v + g, \\qquad w \\leftarrow w - \\eta v .$$
    `w`、`grad`、`velocity` 是同样形状的张量，`lr` 是 $\\eta$，`momentum` 是 $\\mu$，`weight_decay` 是 $\\lambda$。
    依次返回新的 `w` 和新的 `velocity`，不要原地修改传进来的张量。""",
    stub="""
    def my_momentum_step(w, grad, velocity, lr, momentum, weight_decay):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "公式里的三个箭头就是三行代码，次序不能变。",
        "衰减项 λw 加在**梯度**上，所以它也进入动量、也乘学习率。",
        "`g = grad + weight_decay * w`，`v = momentum * velocity + g`，最后 `w - lr * v`。",
    ),
    solution="""
    def my_momentum_step(w, grad, velocity, lr, momentum, weight_decay):
        g = grad + weight_decay * w  # L2 惩罚的梯度：把权重拉向 0
        v = momentum * velocity + g
        return w - lr * v, v
    """,
    reference=_momentum_step,
    cases=(
        case(integers([3], 511), integers([3], 512), np.zeros(3, "float32"), 0.5, 0.9, 0.0),
        case(integers([2, 3], 513), integers([2, 3], 514), integers([2, 3], 515), 0.25, 0.0, 0.5),
        case(integers([2, 2], 516), integers([2, 2], 517), integers([2, 2], 518), 0.125, 0.5, 0.25),
        case(integers([4], 519), np.zeros(4, "float32"), integers([4], 520), 0.5, 0.75, 0.125),
    ),
    mutants={
        "衰减项的符号反了": (
            _changed_step(lambda lr, m, decay: {"g": lambda g, w: g - decay * w}),
            "要加上 λw：更新时减去它，权重才变小。现在权重会越来越大。",
        ),
        "没有权重衰减": (
            _changed_step(lambda lr, m, decay: {"g": lambda g, w: g}),
            "weight_decay 没有起作用：梯度要先加上 λw。",
        ),
        "衰减没有进入动量": (
            _changed_step(
                lambda lr, m, decay: {
                    "g": lambda g, w: g,
                    "w": lambda w, v, g, old: w - lr * v - lr * decay * w,
                }
            ),
            "这是解耦的权重衰减（AdamW、SGDW 的做法）：λw 直接作用在 w 上。"
            "题目要的是 L2：先加到梯度上，再进入动量。",
        ),
        "衰减没有乘学习率": (
            _changed_step(
                lambda lr, m, decay: {
                    "g": lambda g, w: g,
                    "w": lambda w, v, g, old: w - lr * v - decay * w,
                }
            ),
            "衰减项绕过了学习率（也绕过了动量）。把 λw 加到梯度上即可。",
        ),
        "衰减用了更新后的权重": (
            _changed_step(
                lambda lr, m, decay: {
                    "g": lambda g, w: g,
                    "w": lambda w, v, g, old: (w - lr * v) * (1 - lr * decay),
                }
            ),
            "先更新、再收缩是另一种规则；题目要求先把 λw 加到梯度上。",
        ),
        "用了 L1 的梯度": (
            _changed_step(lambda lr, m, decay: {"g": lambda g, w: g + decay * np.sign(w)}),
            "λ·sign(w) 是 L1 正则化；L2 的梯度是 λw。",
        ),
        "衰减多乘了 2": (
            _changed_step(lambda lr, m, decay: {"g": lambda g, w: g + 2 * decay * w}),
            "惩罚是 λ/2·‖w‖²，它的梯度是 λw，不是 2λw。",
        ),
        "没有用动量": (
            _changed_step(lambda lr, m, decay: {"v": lambda v, g: g}),
            "velocity 没有起作用：v = μv + g。",
        ),
        "用了旧的动量更新": (
            _changed_step(lambda lr, m, decay: {"w": lambda w, v, g, old: w - lr * old}),
            "先更新 v，再用**新的** v 更新 w。",
        ),
        "梯度乘了 1 − μ": (
            _changed_step(lambda lr, m, decay: {"v": lambda v, g: m * v + (1 - m) * g}),
            "这是滑动平均（Adam 的写法）；这里的动量是 v = μv + g。",
        ),
        "这是 Nesterov 动量": (
            _changed_step(lambda lr, m, decay: {"w": lambda w, v, g, old: w - lr * (g + m * v)}),
            "Nesterov 动量用 g + μv 更新 w；题目要的是普通动量：w − ηv。",
        ),
        "学习率进入了动量": (
            _changed_step(
                lambda lr, m, decay: {
                    "v": lambda v, g: m * v + lr * g,
                    "w": lambda w, v, g, old: w - v,
                }
            ),
            "学习率只在最后一行乘：v 里不含 η。",
        ),
        "学习率没有乘": (
            _changed_step(lambda lr, m, decay: {"w": lambda w, v, g, old: w - v}),
            "更新量要乘学习率：w − ηv。",
        ),
        "朝上坡走": (
            _changed_step(lambda lr, m, decay: {"w": lambda w, v, g, old: w + lr * v}),
            "要减去 ηv：梯度指向损失**增大**的方向。",
        ),
    },
    outputs=("w", "velocity"),
)

# -- 5.5-4 -------------------------------------------------------------------------------------


def _schedule(step, total, warmup, peak, rise=None, fall=None):
    """Linear warm-up, then half a cosine; the share of the peak in each phase may be replaced."""
    if step < warmup:
        return peak * (rise(step, warmup) if rise else step / warmup)
    fall = fall or (lambda t, T, W: (1 + math.cos(math.pi * (t - W) / (T - W))) / 2)
    return peak * fall(step, total, warmup)


def _other_fall(fall):
    return lambda step, total, warmup, peak: _schedule(step, total, warmup, peak, fall=fall)


def _other_rise(rise):
    return lambda step, total, warmup, peak: _schedule(step, total, warmup, peak, rise=rise)


ONE_CYCLE = Exercise(
    id="5.5-4",
    title="先升后降的学习率",
    english="Warm-up and cosine decay",
    level=2,
    prompt="""
    单周期（one-cycle）学习率先升后降。一共 `total` 步，前 `warmup` 步（$W$）从 0 线性升到最大值 `peak`，
    之后沿余弦降到 0：
    $$\\eta(t) = \\begin{cases} \\eta_{\\max}\\, t / W & t < W \\\\
    \\eta_{\\max}\\,\\frac12\\bigl(1 + \\cos\\bigl(\\pi\\,\\frac{t - W}{T - W}\\bigr)\\bigr) & t \\ge W \\end{cases}$$
    `step`（$t$）、`total`（$T$）、`warmup` 是整数，`warmup` 可以是 0；返回一个小数。""",
    stub="""
    def my_learning_rate(step, total, warmup, peak):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先用 `if step < warmup` 分成两段；warmup = 0 时第一段不会执行，也就不会除以 0。",
        "第二段的进度从 0（t = W）走到 1（t = T）：分子和分母都要减去 W。",
        "`0.5 * (1 + np.cos(np.pi * progress))`：进度为 0 时得 1，为 1 时得 0。",
    ),
    solution="""
    def my_learning_rate(step, total, warmup, peak):
        if step < warmup:
            return peak * step / warmup  # 线性预热
        progress = (step - warmup) / (total - warmup)  # 0 → 1
        return peak * 0.5 * (1 + np.cos(np.pi * progress))
    """,
    reference=_schedule,
    cases=(
        case(0, 10, 2, 0.1),
        case(1, 10, 4, 0.5),
        case(4, 10, 4, 0.5),
        case(6, 12, 3, 0.25),
        case(9, 10, 3, 1.0),
        case(3, 10, 0, 0.2, about="没有预热"),
        case(10, 10, 4, 0.1, about="最后一步"),
    ),
    mutants={
        "没有预热": (
            lambda step, total, warmup, peak: _schedule(step, total, 0, peak),
            "前 warmup 步要从 0 线性升上去；你的学习率从第一步就在下降。",
        ),
        "预热从 t + 1 算起": (
            _other_rise(lambda t, W: (t + 1) / W),
            "题目的预热是 t/W：第 0 步的学习率是 0。",
        ),
        "预热除以了总步数": (
            lambda step, total, warmup, peak: _schedule(
                step, total, warmup, peak, rise=lambda t, W: t / total
            ),
            "预热的进度是 t/W，不是 t/T：第 W 步要到达最大值。",
        ),
        "预热期间不变": (_other_rise(lambda t, W: 1), "前 warmup 步要从 0 线性升到最大值。"),
        "余弦没有从 W 算起": (
            [
                _other_fall(lambda t, T, W: (1 + math.cos(math.pi * t / T)) / 2),
                _other_fall(lambda t, T, W: (1 + math.cos(math.pi * t / (T - W))) / 2),
                _other_fall(lambda t, T, W: (1 + math.cos(math.pi * (t - W) / T)) / 2),
            ],
            "下降阶段的进度是 (t − W)/(T − W)，分子和分母都要减去 W。",
        ),
        "少了 1 +": (
            _other_fall(lambda t, T, W: math.cos(math.pi * (t - W) / (T - W)) / 2),
            "余弦在 −1 与 1 之间：先加 1 再乘 ½，否则学习率会变成负数。",
        ),
        "没有乘二分之一": (
            _other_fall(lambda t, T, W: 1 + math.cos(math.pi * (t - W) / (T - W))),
            "1 + cos 从 2 降到 0，要乘 ½。",
        ),
        "少了 π": (
            _other_fall(lambda t, T, W: (1 + math.cos((t - W) / (T - W))) / 2),
            "余弦的参数要从 0 走到 π，学习率才能降到 0。",
        ),
        "余弦走了整个周期": (
            _other_fall(lambda t, T, W: (1 + math.cos(2 * math.pi * (t - W) / (T - W))) / 2),
            "2π 是整个周期，学习率会降下去又升回来；要半个周期：π。",
        ),
        "角度当作度数": (
            _other_fall(lambda t, T, W: (1 + math.cos(180 * (t - W) / (T - W))) / 2),
            "np.cos 的单位是弧度：π，不是 180。",
        ),
        "线性下降": (
            _other_fall(lambda t, T, W: 1 - (t - W) / (T - W)),
            "下降阶段应沿余弦，不是直线。",
        ),
        "用了正弦": (
            _other_fall(lambda t, T, W: (1 + math.sin(math.pi * (t - W) / (T - W))) / 2),
            "要用余弦：进度为 0 时 cos 0 = 1，学习率正好是最大值。",
        ),
        "学习率在上升": (
            _other_fall(lambda t, T, W: (1 - math.cos(math.pi * (t - W) / (T - W))) / 2),
            "1 − cos 从 0 升到 2；下降要用 1 + cos。",
        ),
        "没有乘最大值": (
            lambda step, total, warmup, peak: _schedule(step, total, warmup, 1.0),
            "得到的是占最大值的比例，还要乘 peak。",
        ),
    },
    outputs=("lr",),
)

# -- 5.5-5 -------------------------------------------------------------------------------------


def _top_k(logits, labels, k):
    """By counting how many classes score higher than the true one."""
    logits, labels = to_array(logits), to_array(labels)
    own = logits[np.arange(len(labels)), labels]
    return float(np.mean((logits > own[:, None]).sum(axis=1) < k))


def _places(logits, labels, choose):
    """Share of samples whose label is among the columns that `choose` takes of the ranking."""
    ranked = np.argsort(-to_array(logits), axis=1)
    return float(
        np.mean([y in choose(row) for row, y in zip(ranked, to_array(labels), strict=True)])
    )


def _ranked_logits(ranks, classes, seed):
    """Logits in which the true class of row n is at place ranks[n] (0 is the best)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, len(ranks))
    rows = []
    for rank, label in zip(ranks, labels, strict=True):
        order = [c for c in rng.permutation(classes) if c != label]
        order.insert(rank, label)
        row = np.empty(classes, "float32")
        row[order] = np.sort(rng.permutation(40)[:classes])[::-1] / 4 - 4
        rows.append(row)
    return np.stack(rows), labels


TOP_K = Exercise(
    id="5.5-5",
    title="前 k 准确率",
    english="Top-k accuracy",
    prompt="""
    “前 k 准确率”（top-k accuracy）：真实类别在得分最高的 $k$ 个类别之中，就算答对。
    `logits` [N, C] 和 `labels` [N]（int64）是张量，各行的得分互不相同；返回 0 到 1 之间的小数。
    $k = 1$ 就是普通的准确率，$k = C$ 总是 1。""",
    stub="""
    def my_top_k_accuracy(logits, labels, k):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "`logits.argsort(axis=1, descending=True)` 的前 k 列是得分最高的 k 个类别，形状 [N, k]。",
        "`labels.reshape([-1, 1])` 与 [N, k] 比较，得到 [N, k] 的布尔张量；每行至多一个 True。",
        "按行求 `any(axis=1)`，转成 float32 再取平均。",
    ),
    solution="""
    def my_top_k_accuracy(logits, labels, k):
        best = logits.argsort(axis=1, descending=True)[:, :k]  # [N, k]
        hits = (best == labels.reshape([-1, 1])).any(axis=1)  # 真实类别在不在其中
        return hits.astype("float32").mean()
    """,
    reference=_top_k,
    cases=(
        case(*_ranked_logits([0, 1, 2, 3, 4, 1, 1, 0], 5, 531), 1),
        case(*_ranked_logits([0, 1, 2, 3, 4, 1, 1, 0], 5, 532), 2),
        case(*_ranked_logits([2, 2, 9, 5, 2, 0, 3, 1, 8, 4], 10, 533), 3),
        case(*_ranked_logits([2, 0, 1, 1, 2], 3, 534), 3, about="k = C"),
    ),
    mutants={
        "取了得分最低的 k 个": (
            lambda logits, labels, k: _places(logits, labels, lambda row: row[-k:]),
            "argsort 默认从小到大：要 descending=True，或取最后 k 列（次序是升序时）。",
        ),
        "只看了第一名": (
            lambda logits, labels, k: _places(logits, labels, lambda row: row[:1]),
            "这是 k = 1 的准确率：要看前 k 列。",
        ),
        "只看了第 k 名": (
            lambda logits, labels, k: _places(logits, labels, lambda row: row[k - 1 : k]),
            "要看前 k 名的全部，不只是第 k 名：用 [:, :k]。",
        ),
        "多看了一名": (
            lambda logits, labels, k: _places(logits, labels, lambda row: row[: k + 1]),
            "看了 k + 1 个类别：切片 [:k] 正好是 k 个。",
        ),
        "少看了一名": (
            lambda logits, labels, k: _places(logits, labels, lambda row: row[: k - 1]),
            "只看了 k − 1 个类别：切片的上界不含在内，[:k] 正好是 k 个。",
        ),
        "除以了 N·k": (
            lambda logits, labels, k: _top_k(logits, labels, k) / k,
            "每行至多一个 True：先按行 any（或 sum），再对 N 取平均；不除以 k。",
        ),
        "count_instead_of_fraction": lambda *a: _top_k(*a) * len(a[0]),
        "percent_instead_of_fraction": lambda *a: _top_k(*a) * 100,
        "这是错误率": (lambda *a: 1 - _top_k(*a), "这是答错的比例；准确率是答对的比例。"),
        "得分当作了类别": (
            lambda logits, labels, k: float(
                np.mean(
                    (-np.sort(-to_array(logits), axis=1)[:, :k] == to_array(labels)[:, None]).any(1)
                )
            ),
            "比较的是得分本身；要比较得分最高的**类别的编号**（topk 返回的第二个结果，或 argsort）。",
        ),
    },
    outputs=("accuracy",),
)

# -- 5.5-6 -------------------------------------------------------------------------------------


def _recall(matrix):
    matrix = to_array(matrix)
    return np.array([row[k] / row.sum() if row.sum() else 0.0 for k, row in enumerate(matrix)])


def _precision(matrix):
    return _recall(to_array(matrix).T)


PER_CLASS = Exercise(
    id="5.5-6",
    title="每一类的准确率",
    english="Accuracy of each class",
    prompt="""
    `matrix` 是混淆矩阵，NumPy 整数数组 [C, C]：行是真实类别，列是预测类别。
    返回 [C] 的小数：每个真实类别里答对的比例（也叫召回率，recall）。
    某一类一个样本也没有时，它的值取 0。""",
    stub="""
    def my_class_accuracy(matrix):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "答对的个数在对角线上：`np.diag(matrix)`。",
        "真实类别 i 的样本数是第 i **行**的和：`matrix.sum(axis=1)`。",
        "避免除以 0：`np.maximum(matrix.sum(axis=1), 1)`，分子是 0，结果就是 0。",
    ),
    solution="""
    def my_class_accuracy(matrix):
        right = np.diag(matrix)
        samples = matrix.sum(axis=1)  # 行的和：这一类真实的样本数
        return right / np.maximum(samples, 1)
    """,
    reference=_recall,
    cases=(
        case(np.array([[8, 2, 0], [1, 5, 4], [3, 0, 1]])),
        case(
            np.array([[3, 1, 0, 2], [0, 0, 0, 0], [5, 1, 4, 0], [1, 2, 0, 9]]), about="没有样本的类"
        ),
        case(np.array([[4, 6], [0, 7]])),
    ),
    mutants={
        "行列弄反了（这是精确率）": (
            _precision,
            "除以了列的和，那是“被预测为这一类的样本里有多少是对的”（precision）。"
            "行是真实类别：用 sum(axis=1)。",
        ),
        "没有样本的类得到 NaN": (
            lambda matrix: np.diag(to_array(matrix)) / to_array(matrix).sum(axis=1),
            "0/0 是 NaN：分母用 np.maximum(…, 1)。",
        ),
        "除以了样本总数": (
            lambda matrix: np.diag(to_array(matrix)) / to_array(matrix).sum(),
            "分母应是**这一类**的样本数（行的和），不是全部样本数。",
        ),
        "只有一个总的准确率": (
            lambda matrix: np.trace(to_array(matrix)) / to_array(matrix).sum(),
            "要每一类各一个数，形状 [C]。",
        ),
        "count_instead_of_fraction": lambda matrix: np.diag(to_array(matrix)),
        "percent_instead_of_fraction": lambda matrix: 100 * _recall(matrix),
        "这是错误率": (lambda matrix: 1 - _recall(matrix), "这是答错的比例。"),
        "整个矩阵都除了": (
            lambda matrix: to_array(matrix) / np.maximum(to_array(matrix).sum(1, keepdims=True), 1),
            "归一化的是整个矩阵；只要它的对角线。",
        ),
        "integer_division": lambda matrix: np.floor(_recall(matrix)),
        "这是 F1": (
            lambda matrix: (
                2
                * np.diag(to_array(matrix))
                / np.maximum(to_array(matrix).sum(0) + to_array(matrix).sum(1), 1)
            ),
            "F1 兼顾了精确率；这里只要召回率：对角线除以行的和。",
        ),
    },
    outputs=("accuracy",),
    inputs="numpy",
)

EXERCISES = (
    NORMALIZE,
    AUGMENT,
    WEIGHT_DECAY,
    ONE_CYCLE,
    TOP_K,
    PER_CLASS,
    MIXUP,
    GRAD_CAM,
)
