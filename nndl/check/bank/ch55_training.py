"""Exercises of 5.5 on training and scoring: weight decay, schedules, top-k, each class."""

import math

import numpy as np

from ..engine.run import to_array
from ..exercise import case, from_text, integers, vary


def _momentum_step(w, grad, velocity, lr, momentum, weight_decay):
    w, grad, velocity = (to_array(part).astype("float64") for part in (w, grad, velocity))
    v = momentum * velocity + grad + weight_decay * w
    return w - lr * v, v


WEIGHT_DECAY = from_text(
    "5.5-3",
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


ONE_CYCLE = from_text(
    "5.5-4",
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
        case(0, 10, 0, 0.2, about=("没有预热", "第一步")),
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


TOP_K = from_text(
    "5.5-5",
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


PER_CLASS = from_text(
    "5.5-6",
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
