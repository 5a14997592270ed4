"""Exercises of 5.5 on training and scoring: weight decay, schedules, top-k, each class."""

import math

import numpy as np

from ..engine.run import to_array
from ..exercise import Exercise, case, integers, vary


def _momentum_step(w, grad, velocity, lr, momentum, weight_decay):
    w, grad, velocity = (to_array(part).astype("float64") for part in (w, grad, velocity))
    v = momentum * velocity + grad + weight_decay * w
    return w - lr * v, v


WEIGHT_DECAY = Exercise(
    id="5.5-3",
    title="带动量和权重衰减的一步",
    english="A step with momentum and weight decay",
    level=2,
    prompt="""
    权重衰减（weight decay，L2 正则化）在损失上加 $\\frac{\\lambda}{2}\\lVert w\\rVert^2$，于是梯度多出一项 $\\lambda w$。带动量的一步是
    $$g \\leftarrow g + \\lambda w, \\qquad v \\leftarrow \\mu v + g, \\qquad w \\leftarrow w - \\eta v .$$
    `w`、`grad`、`velocity` 是同样形状的张量，`lr` 是 $\\eta$，`momentum` 是 $\\mu$，`weight_decay` 是 $\\lambda$。依次返回新的 `w` 和新的 `velocity`，不要原地修改传进来的张量。""",
    example="例：w = 2、梯度 1、速度 0，η = 0.5、μ = 0.9、λ = 0.25：g = 1.5，v = 1.5，新的 w = 1.25。",
    stub="""
    def my_momentum_step(w, grad, velocity, lr, momentum, weight_decay):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "公式里的三个箭头就是三行代码：次序能不能变？",
        "衰减项 λw 加在**梯度**上，所以它也进入动量、也乘学习率。",
        "更新 w 用的是新的 v，不是传进来的 velocity。",
    ),
    solution="""
    def my_momentum_step(w, grad, velocity, lr, momentum, weight_decay):
        g = grad + weight_decay * w  # L2 惩罚的梯度：把权重拉向 0
        v = momentum * velocity + g
        return w - lr * v, v
    """,
    slips="""
    grad + weight_decay * w ⇒ grad - weight_decay * w ⇒ 衰减项的符号反了：要加上 λw：更新时减去它，权重才变小。
    grad + weight_decay * w ⇒ grad ⇒ 没有权重衰减：weight_decay 没有起作用：梯度要先加上 λw。
    grad + weight_decay * w ⇒ grad + weight_decay * w.sign() ⇒ 用了 L1 的梯度：λ·sign(w) 是 L1 正则化；L2 的梯度是 λw。
    grad + weight_decay * w ⇒ grad + 2 * weight_decay * w ⇒ 衰减多乘了 2：惩罚是 λ/2·‖w‖²，它的梯度是 λw。
    grad + weight_decay * w ⇒ grad + weight_decay * w**2 ⇒ 衰减项平方了：惩罚的**梯度**是 λw。
    grad + weight_decay * w ⇒ grad + weight_decay * grad ⇒ 衰减乘了梯度：衰减项是 λw。
    grad + weight_decay * w ⇒ (grad + w) * weight_decay ⇒ 梯度也乘了 λ：只有 w 乘 λ。
    v = momentum * velocity + g ⇒ v = g ⇒ 没有用动量：velocity 没有起作用：v = μv + g。
    v = momentum * velocity + g ⇒ v = velocity + g ⇒ 动量没有乘 μ：v = μv + g。
    v = momentum * velocity + g ⇒ v = 0.9 * velocity + g ⇒ 动量的系数写死成了 0.9：用参数 momentum。
    v = momentum * velocity + g ⇒ v = momentum * velocity + (1 - momentum) * g ⇒ 梯度乘了 1 − μ：这是滑动平均（Adam 的写法）；这里的动量是 v = μv + g。
    v = momentum * velocity + g ⇒ v = momentum * (velocity + g) ⇒ 梯度也乘了 μ：v = μv + g。
    v = momentum * velocity + g ⇒ v = momentum * velocity - g ⇒ 动量里梯度的符号反了：v = μv + g，更新时再减。
    return w - lr * v, v ⇒ return w + lr * v, v ⇒ 朝上坡走：要减去 ηv：梯度指向损失**增大**的方向。
    return w - lr * v, v ⇒ return w - v, v ⇒ 学习率没有乘：更新量要乘学习率：w − ηv。
    return w - lr * v, v ⇒ return w - lr * g, v ⇒ 更新没有用动量：w − ηv，不是 w − ηg。
    return w - lr * v, v ⇒ return w - lr * velocity, v ⇒ 用了旧的动量更新：先更新 v，再用**新的** v 更新 w。
    return w - lr * v, v ⇒ return w - lr * (g + momentum * v), v ⇒ 这是 Nesterov 动量：题目要的是普通动量：w − ηv。
    return w - lr * v, v ⇒ v = momentum * velocity + lr * g; return w - v, v ⇒ 学习率进入了动量：学习率只在最后一行乘：v 里不含 η。
    return w - lr * v, v ⇒ v = momentum * velocity + grad; return w - lr * v - lr * weight_decay * w, v ⇒ 衰减没有进入动量：这是解耦的权重衰减（AdamW、SGDW 的做法）；题目要的是 L2：先加到梯度上，再进入动量。
    return w - lr * v, v ⇒ v = momentum * velocity + grad; return w - lr * v - weight_decay * w, v ⇒ 衰减没有乘学习率：它绕过了学习率（也绕过了动量）；把 λw 加到梯度上即可。
    return w - lr * v, v ⇒ v = momentum * velocity + grad; return (w - lr * v) * (1 - lr * weight_decay), v ⇒ 衰减用了更新后的权重：题目要求先把 λw 加到梯度上。
    return w - lr * v, v ⇒ return w - lr * v, momentum * velocity + grad ⇒ 返回的动量没有衰减项：v 用的是加了 λw 的梯度。
    """,
    reference=_momentum_step,
    cases=vary(
        lambda shape=(3,), v=0, lr=0.5, m=0.9, decay=0.0: (
            *(integers(shape, 511), integers(shape, 512), v * integers(shape, 513)),
            *(lr, m, decay),
        ),
        {
            "学习率": {"lr": 0.125},
            "有旧的动量": {"v": 1},
            "momentum 不是 0.9": {"v": 1, "m": 0.5},
            "momentum 是 0": {"v": 1, "m": 0.0},
            "有权重衰减": {"decay": 0.25},
            "矩阵，都有": {"shape": (2, 3), "v": 1, "lr": 0.25, "m": 0.75, "decay": 0.125},
        },
    ),
    outputs=("w", "velocity"),
)


def _schedule(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


ONE_CYCLE = Exercise(
    id="5.5-4",
    title="先升后降的学习率",
    english="Warm-up and cosine decay",
    level=2,
    prompt="""
    单周期（one-cycle）学习率先升后降。一共 `total` 步，前 `warmup` 步（$W$）从 0 线性升到最大值 `peak`，之后沿余弦降到 0：
    $$\\eta(t) = \\begin{cases} \\eta_{\\max}\\, t / W & t < W \\\\ \\eta_{\\max}\\,\\frac12\\bigl(1 + \\cos\\bigl(\\pi\\,\\frac{t - W}{T - W}\\bigr)\\bigr) & t \\ge W \\end{cases}$$
    `step`（$t$）、`total`（$T$）、`warmup` 是整数，`warmup` 可以是 0；返回一个小数。""",
    stub="""
    def my_learning_rate(step, total, warmup, peak):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先分成两段。warmup = 0 时，第一段会不会执行？会不会除以 0？",
        "第二段的进度从 0（t = W）走到 1（t = T）：分子、分母各是多少？",
        "余弦从 1 走到 −1；怎样把它变成从 1 到 0？",
    ),
    solution="""
    def my_learning_rate(step, total, warmup, peak):
        if step < warmup:
            return peak * step / warmup  # 线性预热
        progress = (step - warmup) / (total - warmup)  # 0 → 1
        return peak * 0.5 * (1 + np.cos(np.pi * progress))
    """,
    slips="""
    if step < warmup: ⇒ warmup = 0\\n    if False: ⇒ 没有预热：前 warmup 步要从 0 线性升上去；你的学习率从第一步就在下降。
    return peak * step / warmup  # 线性预热 ⇒ return peak * (step + 1) / warmup ⇒ 预热从 t + 1 算起：题目的预热是 t/W：第 0 步的学习率是 0。
    return peak * step / warmup  # 线性预热 ⇒ return peak * step / total ⇒ 预热除以了总步数：进度是 t/W：第 W 步要到达最大值。
    return peak * step / warmup  # 线性预热 ⇒ return peak ⇒ 预热期间不变：前 warmup 步要从 0 线性升到最大值。
    return peak * step / warmup  # 线性预热 ⇒ return peak * 0.5 * (1 - np.cos(np.pi * step / warmup)) ⇒ 预热也用了余弦：上升的一段是直线。
    return peak * step / warmup  # 线性预热 ⇒ return peak * (step // warmup) ⇒ 预热用了整除：t // W 总是 0：用 /。
    (step - warmup) / (total - warmup) ⇒ step / total ⇒ 余弦没有从 W 算起：进度是 (t − W)/(T − W)，分子和分母都要减去 W。
    (step - warmup) / (total - warmup) ⇒ step / (total - warmup) ⇒ 余弦没有从 W 算起：进度是 (t − W)/(T − W)，分子和分母都要减去 W。
    (step - warmup) / (total - warmup) ⇒ (step - warmup) / total ⇒ 余弦没有从 W 算起：进度是 (t − W)/(T − W)，分子和分母都要减去 W。
    (step - warmup) / (total - warmup) ⇒ (step - warmup) / (total - warmup - 1) ⇒ 余弦少了一步：分母是 T − W：第 T 步才降到 0。
    (step - warmup) / (total - warmup) ⇒ (step - warmup) // (total - warmup) ⇒ 进度用了整除：// 使进度总是 0：用 /。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ 0.5 * np.cos(np.pi * progress) ⇒ 少了 1 +：余弦在 −1 与 1 之间：先加 1 再乘 ½，否则学习率会变成负数。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ np.cos(np.pi * progress) ⇒ 少了 (1 + …)/2：余弦在 −1 与 1 之间，学习率会变成负数。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ np.cos(np.pi / 2 * progress) ⇒ 用了四分之一个周期：题目是 ½(1 + cos πp)，两头都平缓。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ (1 + np.cos(np.pi * progress)) ⇒ 没有乘二分之一：1 + cos 从 2 降到 0，要乘 ½。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ (0.5 + np.cos(np.pi * progress)) ⇒ 括号的位置不对：½ 要乘整个 (1 + cos)。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ (0.5 * 1 + np.cos(np.pi * progress)) ⇒ 括号的位置不对：½ 要乘整个 (1 + cos)。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ 0.5 * (1 + np.cos(progress)) ⇒ 少了 π：余弦的参数要从 0 走到 π，学习率才能降到 0。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ 0.5 * (1 + np.cos(2 * np.pi * progress)) ⇒ 余弦走了整个周期：2π 会降下去又升回来；要半个周期：π。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ 0.5 * (1 + np.cos(180 * progress)) ⇒ 角度当作度数：np.cos 的单位是弧度：π，不是 180。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ (1 - progress) ⇒ 线性下降：下降阶段应沿余弦，不是直线。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ 0.5 * (1 + np.sin(np.pi * progress)) ⇒ 用了正弦：进度为 0 时 cos 0 = 1，学习率正好是最大值。
    0.5 * (1 + np.cos(np.pi * progress)) ⇒ 0.5 * (1 - np.cos(np.pi * progress)) ⇒ 学习率在上升：1 − cos 从 0 升到 2；下降要用 1 + cos。
    peak * ⇒ ⇒ 没有乘最大值：得到的是占最大值的比例，还要乘 peak。
    """,
    reference=_schedule,
    cases=(
        case(1, 10, 4, 0.5),
        case(0, 10, 2, 0.1, about="第一步"),
        case(3, 10, 4, 1.0, about="预热"),
        case(4, 10, 4, 0.5, about="预热刚结束"),
        case(6, 12, 3, 0.25, about="下降"),
        case(9, 10, 3, 1.0, about="下降"),
        case(11, 20, 5, 0.5, about="下降"),
        case(3, 10, 0, 0.2, about=("没有预热", "下降")),
        case(10, 10, 4, 0.1, about=("最后一步", "下降")),
    ),
    outputs=("lr",),
)


def _top_k(logits, labels, k):
    """By counting how many classes score higher than the true one."""
    logits, labels = to_array(logits), to_array(labels)
    own = logits[np.arange(len(labels)), labels]
    return float(np.mean((logits > own[:, None]).sum(axis=1) < k))


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
    “前 k 准确率”（top-k accuracy）：真实类别在得分最高的 $k$ 个类别之中，就算答对。`logits` [B, C] 和 `labels` [B]（int64）是张量，各行的得分互不相同；返回 0 到 1 之间的小数。$k = 1$ 就是普通的准确率，$k = C$ 总是 1。""",
    example="例：`logits = [[3, 1, 2], [1, 2, 3]]`，`labels = [2, 0]`：k = 1 得 0，k = 2 得 0.5（第一个样本的真实类别排第二），k = 3 得 1。",
    stub="""
    def my_top_k_accuracy(logits, labels, k):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "`logits.argsort(axis=1, descending=True)` 给出什么？它的前 k 列呢？",
        "[B, k] 的类别编号要与标签比较：标签应是什么形状？",
        "每行至多一个 True：先看每一行有没有，再对样本取平均。",
    ),
    solution="""
    def my_top_k_accuracy(logits, labels, k):
        best = logits.argsort(axis=1, descending=True)[:, :k]  # [B, k]
        hits = (best == labels.reshape([-1, 1])).any(axis=1)  # 真实类别在不在其中
        return hits.astype("float32").mean()
    """,
    slips="""
    logits.argsort(axis=1, descending=True)[:, :k] ⇒ logits.argsort(axis=1)[:, :k] ⇒ 取了得分最低的 k 个：argsort 默认从小到大：要 descending=True。
    logits.argsort(axis=1, descending=True)[:, :k] ⇒ logits.argsort(axis=1, descending=True)[:, :1] ⇒ 只看了第一名：要看前 k 列。
    logits.argsort(axis=1, descending=True)[:, :k] ⇒ logits.argsort(axis=1, descending=True)[:, k - 1 : k] ⇒ 只看了第 k 名：要看前 k 名的全部：用 [:, :k]。
    logits.argsort(axis=1, descending=True)[:, :k] ⇒ logits.argsort(axis=1, descending=True)[:, : k + 1] ⇒ 多看了一名：切片 [:k] 正好是 k 个。
    logits.argsort(axis=1, descending=True)[:, :k] ⇒ logits.argsort(axis=1, descending=True)[:, : k - 1] ⇒ 少看了一名：切片的上界不含在内，[:k] 正好是 k 个。
    logits.argsort(axis=1, descending=True)[:, :k] ⇒ logits.argsort(axis=1)[:, 1 : k + 1] ⇒ 取错了一端：得分最高的在最后。
    logits.argsort(axis=1, descending=True)[:, :k] ⇒ logits.argsort(axis=0, descending=True)[:, :k] ⇒ argsort 的轴不对：要在类别轴（axis=1）上排序。
    logits.argsort(axis=1, descending=True)[:, :k] ⇒ logits.topk(k, axis=1)[0] ⇒ 得分当作了类别：比较的是得分本身；要比较得分最高的**类别的编号**（topk 返回的第二个结果，或 argsort）。
    hits.astype("float32").mean() ⇒ hits.astype("float32").mean() / k ⇒ 除以了 B·k：每行至多一个 True：先按行 any，再对 B 取平均；不除以 k。
    hits.astype("float32").mean() ⇒ hits.astype("float32").sum() ⇒ 返回的是个数：准确率是“答对的个数 ÷ 样本数”。
    hits.astype("float32").mean() ⇒ hits.astype("float32").mean() * 100 ⇒ 返回的是百分数：这里要 0 到 1 之间的小数。
    hits.astype("float32").mean() ⇒ 1 - hits.astype("float32").mean() ⇒ 返回的是错误率：这是答错的比例。
    hits.astype("float32").mean() ⇒ hits ⇒ 没有取平均：得到了每个样本的对错，还要取平均。
    (best == labels.reshape([-1, 1])).any(axis=1) ⇒ (best == labels.reshape([-1, 1])).all(axis=1) ⇒ 用了 all：只要前 k 个里**有一个**是真实类别就算答对：any。
    """,
    reference=_top_k,
    cases=(
        case(*_ranked_logits([0, 1, 2, 3, 4, 1, 1, 0], 5, 531), 1, about="k = 1"),
        case(*_ranked_logits([0, 1, 2, 3, 4, 1, 1, 0], 5, 532), 2),
        case(*_ranked_logits([2, 2, 9, 5, 2, 0, 3, 1, 8, 4], 10, 533), 3),
        case(*_ranked_logits([2, 0, 1, 1, 2], 3, 534), 3, about="k = C"),
        case(*_ranked_logits([1, 3], 6, 535), 2, about="样本很少"),
        case(*_ranked_logits([3, 4, 5, 1], 6, 536), 4),
    ),
    outputs=("accuracy",),
    by_hand=("accuracy",),
)


def _recall(matrix):
    return np.array([row[k] / row.sum() if row.sum() else 0.0 for k, row in enumerate(matrix)])


PER_CLASS = Exercise(
    id="5.5-6",
    title="每一类的准确率",
    english="Accuracy of each class",
    prompt="""
    `matrix` 是混淆矩阵，NumPy 整数数组 [C, C]：行是真实类别，列是预测类别。返回 [C] 的小数：每个真实类别里答对的比例（也叫召回率，recall）。某一类一个样本也没有时，它的值取 0。""",
    stub="""
    def my_class_accuracy(matrix):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "答对的个数在矩阵的什么地方？",
        "真实类别 i 的样本数，是第 i 行的和还是第 i 列的和？",
        "没有样本的类，分母是 0：怎样使结果是 0 而不是 NaN？长度仍然是 C。",
    ),
    solution="""
    def my_class_accuracy(matrix):
        right = np.diag(matrix)
        samples = matrix.sum(axis=1)  # 行的和：这一类真实的样本数
        return right / np.maximum(samples, 1)
    """,
    slips="""
    matrix.sum(axis=1) ⇒ matrix.sum(axis=0) ⇒ 行列弄反了（这是精确率）：除以了列的和，那是“被预测为这一类的样本里有多少是对的”（precision）；行是真实类别：用 sum(axis=1)。
    matrix.sum(axis=1) ⇒ matrix.sum() ⇒ 除以了样本总数：分母应是**这一类**的样本数（行的和）。
    matrix.sum(axis=1) ⇒ (matrix.sum(axis=0) + matrix.sum(axis=1)) / 2 ⇒ 这是 F1：F1 兼顾了精确率；这里只要召回率：对角线除以行的和。
    matrix.sum(axis=1) ⇒ matrix.sum(axis=1) + matrix.sum(axis=0) - np.diag(matrix) ⇒ 这是交并比：这里只要召回率：对角线除以行的和。
    return right / np.maximum(samples, 1) ⇒ return right / samples ⇒ 没有样本的类得到 NaN：0/0 是 NaN：分母用 np.maximum(…, 1)。
    return right / np.maximum(samples, 1) ⇒ return np.where(samples > 0, right / np.maximum(samples, 1), 1.0) ⇒ 没有样本的类取了 1：题目要它取 0。
    return right / np.maximum(samples, 1) ⇒ return right / (samples + 1) ⇒ 分母总是多了 1：只在没有样本时才用 1。
    return right / np.maximum(samples, 1) ⇒ return (right / np.maximum(samples, 1))[samples > 0] ⇒ 丢掉了没有样本的类：结果总是 C 个数；没有样本的类取 0。
    return right / np.maximum(samples, 1) ⇒ return right.sum() / matrix.sum() ⇒ 只有一个总的准确率：要每一类各一个数，形状 [C]。
    return right / np.maximum(samples, 1) ⇒ return (right / np.maximum(samples, 1)).mean() ⇒ 各类又取了平均：要每一类各一个数，形状 [C]。
    return right / np.maximum(samples, 1) ⇒ return right ⇒ 返回的是个数：准确率是“答对的个数 ÷ 样本数”。
    return right / np.maximum(samples, 1) ⇒ return 100 * right / np.maximum(samples, 1) ⇒ 返回的是百分数：这里要 0 到 1 之间的小数。
    return right / np.maximum(samples, 1) ⇒ return 1 - right / np.maximum(samples, 1) ⇒ 这是错误率：这是答错的比例。
    return right / np.maximum(samples, 1) ⇒ return right // np.maximum(samples, 1) ⇒ 整数与小数的除法弄混了：比例是小数：用 /，不用 //。
    return right / np.maximum(samples, 1) ⇒ return matrix / np.maximum(samples, 1)[:, None] ⇒ 整个矩阵都除了：只要它的对角线。
    return right / np.maximum(samples, 1) ⇒ return (matrix / np.maximum(samples, 1)[:, None]).max(axis=1) ⇒ 取了每行最大的：答对的在**对角线**上，不一定最大。
    """,
    reference=_recall,
    cases=(
        case(np.array([[8, 2, 0], [1, 5, 4], [3, 0, 1]])),
        case(
            np.array([[3, 1, 0, 2], [0, 0, 0, 0], [5, 1, 4, 0], [1, 2, 0, 9]]), about="没有样本的类"
        ),
        case(np.array([[4, 6], [0, 7]])),
        case(np.array([[5, 0], [0, 3]]), about="全对"),
        case(np.array([[0, 2, 1], [3, 0, 0], [1, 6, 2]]), about="答对的不是最多"),
    ),
    outputs=("accuracy",),
    inputs="numpy",
)

EXERCISES = (WEIGHT_DECAY, ONE_CYCLE, TOP_K, PER_CLASS)
