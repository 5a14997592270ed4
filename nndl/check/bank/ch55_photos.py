"""Exercises of 5.5 on photos: normalising, augmenting, mixing them, and Grad-CAM."""

import math

import numpy as np

from ..engine.run import to_array
from ..exercise import case, from_text, integers, vary


def _normalize(images, mean, std):
    """Image by image and channel by channel, as the formula says."""
    result = np.empty(images.shape, "float32")
    for n, c in np.ndindex(*images.shape[:2]):
        result[n, c] = (images[n, c] / 255.0 - mean[c]) / std[c]
    return result


def _photos(shape, seed):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("uint8")


_MEAN, _STD = [0.5, 0.4, 0.3], [0.25, 0.2, 0.5]

NORMALIZE = from_text(
    "5.5-1",
    reference=_normalize,
    cases=(
        case(_photos([2, 3, 4, 5], 501), _MEAN, _STD),
        case(
            _photos([1, 3, 2, 4], 504), [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], about="均值 0、标准差 1"
        ),
        case(_photos([3, 3, 2, 3], 502), _MEAN, _STD, about="宽等于 3"),
        case(_photos([1, 3, 3, 3], 503), [0.1, 0.6, 0.2], [1.0, 0.5, 0.125], about="宽等于 3"),
        case(_photos([1, 3, 3, 4], 505) // 3, _MEAN, _STD, about="最亮处不到 255"),
    ),
    outputs=("X",),
    inputs="numpy",
    by_hand=("normalize",),
)

# -- 5.5-2 -------------------------------------------------------------------------------------

#: batches drawn for one case; with 64 images each, 1,536 moves
_DRAWS = 24
#: significance of each property; four of them on two cases: below 1e-5 together
_RARE = 1e-6


def _numbered(shape):
    """Images whose pixels all differ and none is 0, so that every move can be read off."""
    return np.arange(1, 1 + np.prod(shape)).reshape(shape).astype("float32")


def augment_often(answer, images, padding, seed=0):
    """The answer with many random generators, the first of them once more at the end."""
    seeds = [*range(seed, seed + _DRAWS), seed]
    results = [answer(images, padding, np.random.default_rng(s)) for s in seeds]
    return None if results[0] is None or results[0] is Ellipsis else results


def _windows(image, padding, mode="constant"):
    """Content of every window of a padded image [D, M, N] and its mirror image → move."""
    sides = [(0, 0), (padding, padding), (padding, padding)]
    padded = np.pad(image, sides, mode=mode)
    height, width = image.shape[1:]
    found = {}
    for i, j in np.ndindex(2 * padding + 1, 2 * padding + 1):
        window = padded[:, i : i + height, j : j + width]
        found[window[:, :, ::-1].tobytes()] = (i, j, True)
        found[window.tobytes()] = (i, j, False)
    return found


def _strange(image, original, padding):
    """What an image is that is no window of the padded original."""
    image = np.ascontiguousarray(image)
    if image[:, ::-1].tobytes() in _windows(original, padding):
        return "上下翻转了：猫不会倒着走：只翻转最后一轴（宽），不翻转高。"
    if image.tobytes() in _windows(original, padding, "wrap"):
        return (
            "移出去的像素从另一边回来了：np.roll 是循环移动；这里移进来的应是 0：先补零，再取窗口。"
        )
    if any(image.tobytes() in _windows(original, padding, m) for m in ("edge", "reflect")):
        return "填充的不是零：移进来的应是 0，不是边缘的像素。"
    return "不是原图的一个窗口：每张图都应是补零后的原图的一个 M×N 窗口，或它的左右翻转；检查有没有混淆样本、通道、行和列。"


def _tail(statistic, degrees):
    """Chance that a χ² variable exceeds the statistic (Wilson and Hilferty, 1931)."""
    z = (statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))
    return math.erfc(z / math.sqrt(4 / (9 * degrees))) / 2


def _uneven(values, places):
    """Whether counts of values 0 … places − 1 are too uneven for equal chances."""
    counts = np.bincount(values, minlength=places)
    expected = len(values) / places
    return (
        len(counts) > places
        or _tail(((counts - expected) ** 2 / expected).sum(), places - 1) < _RARE
    )


def _judge_augment(results, images, padding):
    if not all(hasattr(result, "shape") for result in results):
        return "wrong_type：请返回 NumPy 数组。"
    results = [to_array(result) for result in results]
    original = _numbered(images.shape)
    if not np.array_equal(images, original):
        return "input_changed"
    if any(result.shape != images.shape for result in results):
        return "wrong_shape：返回值应与 images 同样形状：补零之后要裁回 M×N。"
    if any(result.dtype != images.dtype for result in results):
        return "wrong_dtype：返回值的类型应与 images 相同：用 np.empty_like(images) 准备结果。"
    if all(np.array_equal(result, original) for result in results):
        return "什么也没有变：每次返回的都是原图。"
    known = [_windows(image, padding) for image in original]
    moves = []
    for result in results:
        for image, image_known, first in zip(result, known, original, strict=True):
            move = image_known.get(np.ascontiguousarray(image).tobytes())
            if move is None:
                return _strange(image, first, padding)
            moves.append(move)
    if not np.array_equal(results[0], results[-1]):
        return "没有用给定的 rng：同样状态的 rng 应给出同样的结果，实验才能重复；不要用 np.random。"
    if all(np.array_equal(results[0], result) for result in results[1:]):
        return "每次都一样：换了 rng，结果却不变：不要在函数里自己建立固定种子的发生器。"
    moves = np.array(moves[: -len(images)], int).reshape(_DRAWS, len(images), 3)
    return _judge_moves(moves, 2 * padding + 1)


def _judge_moves(moves, places):
    """Properties of moves [draw, image, (top, left, mirrored)]."""
    together = (moves == moves[:, :1]).all(axis=1).all(axis=0)
    if together.all():
        return "整批图一起变：随机数要对每张图各取一次，放进循环里。"
    if together[:2].all():
        return "整批图一起移动：top 和 left 要对每张图各取一次。"
    top, left, mirrored = moves.reshape(-1, 3).T
    if not mirrored.any():
        return "没有翻转：没有一张图被左右翻转过。"
    if mirrored.all():
        return "每张图都翻转了：翻转的概率应是 1/2。"
    if together[2]:
        return "整批图一起翻转：`rng.random() < 0.5` 要对每张图各取一次。"
    if len(set(top)) == 1 or len(set(left)) == 1:
        return "只在一个方向移动：行和列都要随机移动：top 和 left 各取一个随机数。"
    if (top == left).all() or (top == np.where(mirrored, places - 1 - left, left)).all():
        return "行和列移动得一样：top 和 left 应是两个独立的随机数，不是同一个。"
    for axis in (top, left):
        if len(set(axis)) < places:
            return "移动的范围不对：窗口的左上角应取遍 0 … 2·padding；`rng.integers(0, b)` 不含 b，所以 b = 2·padding + 1。"
    if _uneven(mirrored, 2):
        return "翻转的概率不是一半：约有一半的图应被翻转。"
    if _uneven(top, places) or _uneven(left, places):
        return "移动的机会不均等：(2·padding + 1)² 个位置的机会应相同：用 rng.integers，不要四舍五入、不要两个随机数相加。"
    if _uneven((top * places + left) * 2 + mirrored, places**2 * 2):
        return "移动和翻转不独立：top、left 和翻转要各用一个随机数，不能由一个推出另一个。"
    cells = (moves[..., 0] * places + moves[..., 1]) * 2 + moves[..., 2]
    repeated = np.array([(cells[:, k:] == cells[:, : cells.shape[1] - k]).sum() for k in (1, 2)])
    pairs = _DRAWS * (cells.shape[1] - np.array([1, 2]))
    chance = 1 / (places**2 * 2)
    if (np.abs(repeated - pairs * chance) > 5.5 * np.sqrt(pairs * chance) + 1).any():
        return "相邻的图变得一样：每张图各取自己的随机数。"
    return None


AUGMENT = from_text(
    "5.5-2",
    reference=None,
    judge=_judge_augment,
    call=augment_often,
    cases=(
        case(_numbered([64, 1, 4, 5]), 1, about="灰度图"),
        case(_numbered([64, 2, 5, 6]), 2),
    ),
    outputs=("images",),
    inputs="numpy",
)

# -- 5.5-7, 5.5-8 ------------------------------------------------------------------------------


def _mixup(images, labels, order, lam, num_classes):
    """Sample by sample."""
    images, labels, order = (to_array(a) for a in (images, labels, order))
    X, q = np.zeros(images.shape), np.zeros((len(labels), num_classes))
    for n, other in enumerate(order):
        X[n] = lam * images[n] + (1 - lam) * images[other]
        q[n, labels[n]] += lam
        q[n, labels[other]] += 1 - lam
    return X, q


MIXUP = from_text(
    "5.5-7",
    reference=_mixup,
    cases=(
        case(integers([3, 1, 2, 2], 541), np.array([0, 2, 1]), np.array([1, 2, 0]), 0.75, 3),
        case(
            integers([4, 2, 1, 3], 542),
            np.array([3, 3, 0, 1]),
            np.array([1, 3, 0, 2]),
            0.375,
            5,
            about="两张图类别相同",
        ),
        case(
            integers([2, 3, 2, 1], 543),
            np.array([1, 0]),
            np.array([0, 1]),
            0.25,
            2,
            about="和自己混合",
        ),
        case(
            integers([2, 1, 1, 2], 544), np.array([1, 0]), np.array([1, 0]), 1.0, 2, about="λ = 1"
        ),
        case(integers([3, 1, 2, 1], 545), np.array([0, 1, 2]), np.array([2, 0, 1]), 0.125, 4),
    ),
    outputs=("images", "labels"),
)


def _grad_cam(maps, gradients):
    A, G = to_array(maps).astype("float64"), to_array(gradients).astype("float64")
    heat = np.maximum(np.tensordot(np.einsum("pij->p", G) / G[0].size, A, axes=1), 0)
    return heat / heat.max() if heat.max() > 0 else heat


GRAD_CAM = from_text(
    "5.5-8",
    reference=_grad_cam,
    cases=(
        case(
            np.array([[[4, 0], [1, 0]], [[0, 1], [0, 0]]], "float32"),
            np.array([[[1, 1], [1, 1]], [[2, 2], [0, 0]]], "float32"),
        ),
        *vary(
            lambda P=3, M=2, N=3, seed=551, low=-4: (
                integers([P, M, N], seed, low),
                integers([P, M, N], seed + 40, low),
            ),
            {
                "一张特征图": {"P": 1},
                "图更大": {"M": 4, "N": 4, "seed": 555},
                "处处都有支持（最小值不是 0）": {"low": 1},
                "处处都有支持，两张图": {"P": 2, "low": 2, "seed": 558},
            },
        ),
        case(np.ones((2, 2, 2), "float32"), -np.ones((2, 2, 2), "float32"), about="没有支持的位置"),
    ),
    outputs=("heat",),
)

EXERCISES = (NORMALIZE, AUGMENT, MIXUP, GRAD_CAM)
