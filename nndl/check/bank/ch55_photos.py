"""Exercises of 5.5 on photos: normalising, augmenting, mixing them, and Grad-CAM."""

import math

import numpy as np

from ..engine.run import to_array
from ..exercise import Exercise, case, integers, vary


def _normalize(images, mean, std):
    """Image by image and channel by channel, as the formula says."""
    result = np.empty(images.shape, "float32")
    for n, c in np.ndindex(*images.shape[:2]):
        result[n, c] = (images[n, c] / 255.0 - mean[c]) / std[c]
    return result


def _photos(shape, seed):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("uint8")


_MEAN, _STD = [0.5, 0.4, 0.3], [0.25, 0.2, 0.5]

NORMALIZE = Exercise(
    id="5.5-1",
    title="逐通道归一化",
    english="Normalising channel by channel",
    prompt="""
    `images` 是 NumPy 数组，uint8，[B, 3, H, W]；`mean` 和 `std` 是各含 3 个小数的列表，**以 0–1 为单位**（例如 `mean=[0.4914, 0.4822, 0.4465]`）。先把像素缩放到 [0, 1]，再对每个通道做 $(x - \\mu_c) / \\sigma_c$；返回同样形状的浮点数组。注意 $W$ 可能恰好等于 3。""",
    example="例：某个通道的 μ = 0.5、σ = 0.25：值为 255 的像素得 (1 − 0.5) / 0.25 = 2，值为 0 的像素得 −2。",
    stub="""
    def my_normalize(images, mean, std):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "像素和均值的单位要一致：一个是 0–255，另一个是 0–1。",
        "形状 [3] 的数组与 [B, 3, H, W] 相减时，会与哪一个轴对齐？怎样使它与通道轴对齐？",
        "[3, 1, 1] 与 [3, H, W] 对齐；先减，后除。",
    ),
    solution="""
    def my_normalize(images, mean, std):
        mean = np.array(mean).reshape(3, 1, 1)  # 与 [B, 3, H, W] 的通道轴对齐
        std = np.array(std).reshape(3, 1, 1)
        return ((images / 255 - mean) / std).astype("float32")
    """,
    versions=(
        """
    def my_normalize(images, mean, std):
        X = images.astype("float32") / 255
        for c in range(3):
            X[:, c] = (X[:, c] - mean[c]) / std[c]
        return X
    """,
    ),
    slips="""
    ((images / 255 - mean) / std) ⇒ ((images / 255 - mean.reshape(-1)) / std.reshape(-1)) ⇒ 归一化用错了轴：形状 [3] 的均值与最后一轴（宽）对齐了；先 reshape(3, 1, 1)。
    ((images / 255 - mean) / std) ⇒ ((images / 255 - mean.reshape(3, 1)) / std.reshape(3, 1)) ⇒ 归一化用错了轴：形状 [3, 1] 的均值与高的轴对齐了；先 reshape(3, 1, 1)。
    ((images / 255 - mean) / std) ⇒ (images / 255 - mean) ⇒ 只减了均值：还要除以每个通道的标准差。
    ((images / 255 - mean) / std) ⇒ (images / 255 / std) ⇒ 只除了标准差：之前要先减去每个通道的均值。
    ((images / 255 - mean) / std) ⇒ ((images / 255 / 255 - mean) / std) ⇒ 除了两次 255：像素几乎都成了 0。
    ((images / 255 - mean) / std) ⇒ ((images - mean) / std) ⇒ 没有除以 255：像素和均值的单位不一致：像素要除以 255，mean 和 std 已经以 0–1 为单位。
    ((images / 255 - mean) / std) ⇒ ((images - mean * 255) / std) ⇒ 标准差没有换单位：像素没有除以 255 时，均值和标准差都要乘 255。
    ((images / 255 - mean) / std) ⇒ ((images / 127.5 - 1 - mean) / std) ⇒ 像素缩放到了 [−1, 1]：题目要 [0, 1]：除以 255。
    ((images / 255 - mean) / std) ⇒ ((images // 255 - mean) / std) ⇒ 用了整除：//255 使像素只剩 0 和 1：用 /。
    ((images / 255 - mean) / std) ⇒ ((images / 256 - mean) / std) ⇒ 除以了 256：最大的像素是 255。
    ((images / 255 - mean) / std) ⇒ ((images / images.max() - mean) / std) ⇒ 除以了图里的最大值：同一个像素值会因图而异：除以 255。
    ((images / 255 - mean) / std) ⇒ ((images / 255 - mean[0]) / std[0]) ⇒ 只用了第一个通道的统计量：第 c 个通道用 mean[c]、std[c]。
    ((images / 255 - mean) / std) ⇒ ((images / 255 - mean) / std**2) ⇒ 除以了方差：除以标准差 σ，不是 σ²。
    ((images / 255 - mean) / std) ⇒ ((images / 255 - mean) / np.sqrt(std)) ⇒ 标准差又开了方：除以 σ 本身。
    ((images / 255 - mean) / std) ⇒ ((images / 255 - mean) * std) ⇒ 乘了标准差：要除以。
    ((images / 255 - mean) / std) ⇒ (images / 255 - mean / std) ⇒ 括号的位置不对：除法先于减法：要写成 (x − mean) / std。
    ((images / 255 - mean) / std) ⇒ ((images / 255 - images.mean(axis=(0, 2, 3), keepdims=True) / 255) / images.std(axis=(0, 2, 3), keepdims=True) * 255) ⇒ 用了这批图自己的统计量：要用给定的 mean 和 std（训练集的）；否则同一张图会因同批的图而变。
    ((images / 255 - mean) / std) ⇒ ((images / 255 - images.mean(axis=(2, 3), keepdims=True) / 255) / images.std(axis=(2, 3), keepdims=True) * 255) ⇒ 用了每张图自己的统计量：要用给定的 mean 和 std（训练集的）。
    """,
    reference=_normalize,
    cases=(
        case(_photos([2, 3, 4, 5], 501), _MEAN, _STD),
        case(_photos([1, 3, 2, 4], 504), [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], about="均值 0、标准差 1"),
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
    """Content of every window of a padded image [C, H, W] and its mirror image → move."""
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
        return "移出去的像素从另一边回来了：np.roll 是循环移动；这里移进来的应是 0：先补零，再取窗口。"
    if any(image.tobytes() in _windows(original, padding, m) for m in ("edge", "reflect")):
        return "填充的不是零：移进来的应是 0，不是边缘的像素。"
    return "不是原图的一个窗口：每张图都应是补零后的原图的一个 H×W 窗口，或它的左右翻转；检查有没有混淆样本、通道、行和列。"


def _tail(statistic, degrees):
    """Chance that a χ² variable exceeds the statistic (Wilson and Hilferty, 1931)."""
    z = (statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))
    return math.erfc(z / math.sqrt(4 / (9 * degrees))) / 2


def _uneven(values, places):
    """Whether counts of values 0 … places − 1 are too uneven for equal chances."""
    counts = np.bincount(values, minlength=places)
    expected = len(values) / places
    return len(counts) > places or _tail(((counts - expected) ** 2 / expected).sum(), places - 1) < _RARE


def _judge_augment(results, images, padding):
    if not all(hasattr(result, "shape") for result in results):
        return "wrong_type：请返回 NumPy 数组。"
    results = [to_array(result) for result in results]
    original = _numbered(images.shape)
    if not np.array_equal(images, original):
        return "input_changed"
    if any(result.shape != images.shape for result in results):
        return "wrong_shape：返回值应与 images 同样形状：补零之后要裁回 H×W。"
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


AUGMENT = Exercise(
    id="5.5-2",
    title="随机翻转和裁剪",
    english="Random flip and crop",
    level=2,
    prompt="""
    数据增广（data augmentation）：训练时每张图每次都略有不同。`images` 是 NumPy 数组 [B, C, H, W]，`rng` 是 NumPy 的随机数发生器（`rng.random()` 给出 [0, 1) 的小数，`rng.integers(a, b)` 给出 a … b−1 的整数）。对**每张图各自**：
    1. 四周各补 `padding` 圈 0，随机取出一个 H×W 的窗口（一共 (2·padding + 1)² 个位置，机会均等）；
    2. 以 1/2 的概率**左右**翻转，与位置无关。

    返回同样形状、同样类型的新数组；`images` 本身不变。随机数只取自 `rng`。""",
    example="例：1×2 的图 `[[5, 7]]`、padding = 1：窗口的左上角有 9 种，在 (1, 1) 是原图，在 (1, 2) 得 `[[7, 0]]`，在第 0 或第 2 行得 `[[0, 0]]`；翻转的原图是 `[[7, 5]]`。",
    stub="""
    def my_augment(images, padding, rng):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先准备一个 `np.empty_like(images)`，再对每张图循环：随机数要在循环**里面**取。",
        "补零之后，窗口的左上角能放在哪些行、哪些列？`rng.integers` 的上界含不含在内？",
        "左右翻转是把最后一轴倒过来：`[:, :, ::-1]`；翻不翻，用另一个随机数决定。",
    ),
    solution="""
    def my_augment(images, padding, rng):
        P = padding
        H, W = images.shape[2:]
        padded = np.pad(images, [(0, 0), (0, 0), (P, P), (P, P)])
        result = np.empty_like(images)
        for n in range(len(images)):  # 每张图有自己的随机数
            top, left = rng.integers(0, 2 * P + 1, 2)  # 上界不含在内
            window = padded[n, :, top : top + H, left : left + W]
            result[n] = window[:, :, ::-1] if rng.random() < 0.5 else window
        return result
    """,
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


MIXUP = Exercise(
    id="5.5-7",
    title="混合两张图（mixup）",
    english="Mixing two images",
    level=2,
    prompt="""
    mixup 把两张图和它们的标签按同一个比例混合：
    $$\\tilde x_n = \\lambda x_n + (1-\\lambda)\\, x_{\\pi(n)}, \\qquad \\tilde q_n = \\lambda\\, e_{y_n} + (1-\\lambda)\\, e_{y_{\\pi(n)}},$$
    $e_y$ 是独热向量。`images` [B, C, H, W]、`labels` [B]（int64）、`order` [B]（排列 $\\pi$，int64）是张量，`lam` 是 $\\lambda$。依次返回混合后的图 [B, C, H, W] 和软标签 [B, num_classes]。""",
    example="例：λ = 0.75，两张图的像素是 4 和 8、标签是 0 和 2，`order = [1, 0]`：第 0 张成为 5，软标签 `[0.75, 0, 0.25]`。",
    stub="""
    def my_mixup(images, labels, order, lam, num_classes):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "第 n 张图的搭档是第 order[n] 张：怎样一次取出全部搭档？",
        "标签先变成独热向量（`F.one_hot`）；类别的编号本身不能混合。",
        "图和标签用同一个 λ、同一个搭档；两张图类别相同时，软标签应是多少？",
    ),
    solution="""
    def my_mixup(images, labels, order, lam, num_classes):
        hot = F.one_hot(labels, num_classes)  # [B, C]
        X = lam * images + (1 - lam) * images[order]
        q = lam * hot + (1 - lam) * hot[order]  # 图和标签用同一个比例
        return X, q
    """,
    slips="""
    lam * hot + (1 - lam) * hot[order] ⇒ hot ⇒ 标签没有混合：标签要用同样的比例、同样的搭档（hot[order]）混合。
    lam * hot + (1 - lam) * hot[order] ⇒ F.one_hot((lam * labels + (1 - lam) * labels[order]).astype("int64"), num_classes) ⇒ 混合的是类别的编号：编号没有大小之分：先变成独热向量，再混合。
    lam * hot + (1 - lam) * hot[order] ⇒ lam * labels + (1 - lam) * labels[order] ⇒ 混合的是类别的编号：编号没有大小之分：先变成独热向量，再混合。
    lam * hot + (1 - lam) * hot[order] ⇒ hot if lam >= 0.5 else hot[order] ⇒ 标签是硬的：只取了比例大的一个；软标签两个都要：λ 和 1 − λ。
    lam * hot + (1 - lam) * hot[order] ⇒ paddle.maximum(lam * hot, (1 - lam) * hot[order]) ⇒ 两份标签取了较大的：两张图类别相同时，两份比例要相加（得 1）。
    lam * hot + (1 - lam) * hot[order] ⇒ paddle.where(hot[order] > 0, (1 - lam) * hot[order], lam * hot) ⇒ 相同类别时覆盖了：两张图类别相同时，两份比例要相加（得 1）；赋值会覆盖前一份。
    lam * hot + (1 - lam) * hot[order] ⇒ (hot + hot[order]) / 2 ⇒ 标签各占一半：要用 λ 和 1 − λ。
    lam * images + (1 - lam) * images[order] ⇒ images ⇒ 图没有混合：标签混合了，图还是原来的。
    lam * images + (1 - lam) * images[order] ⇒ lam * images + images[order] ⇒ 比例之和不是 1：搭档的比例是 1 − λ。
    lam * images + (1 - lam) * images[order] ⇒ (1 - lam) * images + lam * images[order] ⇒ 图和标签的比例相反：图自己的比例是 λ，两者要一致。
    lam * hot + (1 - lam) * hot[order] ⇒ (1 - lam) * hot + lam * hot[order] ⇒ 图和标签的比例相反：标签也是自己 λ、搭档 1 − λ。
    return X, q ⇒ lam = 1 - lam; return lam * images + (1 - lam) * images[order], lam * hot + (1 - lam) * hot[order] ⇒ λ 与 1 − λ 弄反了：图自己的比例是 λ，搭档的比例是 1 − λ。
    hot = F.one_hot(labels, num_classes)  # [B, C] ⇒ hot = F.one_hot(labels, num_classes); lam = 0.5 ⇒ 比例总是一半：比例由 lam 决定。
    hot = F.one_hot(labels, num_classes)  # [B, C] ⇒ hot = F.one_hot(labels, num_classes); order = paddle.arange(len(labels)) ⇒ 没有用 order：每张图和自己混合了：搭档是 images[order]。
    hot = F.one_hot(labels, num_classes)  # [B, C] ⇒ hot = F.one_hot(labels, num_classes); order = paddle.arange(len(labels) - 1, -1, -1) ⇒ 搭档总是倒过来的次序：搭档由 order 决定。
    hot = F.one_hot(labels, num_classes)  # [B, C] ⇒ hot = F.one_hot(labels, num_classes); order = order.argsort() ⇒ 用了 order 的逆：第 n 张的搭档是第 order[n] 张：images[order]，不是把第 n 张放到 order[n]。
    hot = F.one_hot(labels, num_classes)  # [B, C] ⇒ hot = F.one_hot(labels, num_classes); order = (paddle.arange(len(labels)) + 1) % len(labels) ⇒ 搭档总是下一张：搭档由 order 决定。
    q = lam * hot + (1 - lam) * hot[order]  # 图和标签用同一个比例 ⇒ q = lam * hot + (1 - lam) * hot.flip(0) ⇒ 标签的搭档不是 order：图和标签用同样的搭档：hot[order]。
    """,
    reference=_mixup,
    cases=(
        case(integers([3, 1, 2, 2], 541), np.array([0, 2, 1]), np.array([1, 2, 0]), 0.75, 3),
        case(integers([4, 2, 1, 3], 542), np.array([3, 3, 0, 1]), np.array([1, 3, 0, 2]), 0.375, 5, about="两张图类别相同"),
        case(integers([2, 3, 2, 1], 543), np.array([1, 0]), np.array([0, 1]), 0.25, 2, about="和自己混合"),
        case(integers([2, 1, 1, 2], 544), np.array([1, 0]), np.array([1, 0]), 1.0, 2, about="λ = 1"),
        case(integers([3, 1, 2, 1], 545), np.array([0, 1, 2]), np.array([2, 0, 1]), 0.125, 4),
    ),
    outputs=("images", "labels"),
)


def _grad_cam(maps, gradients):
    A, G = to_array(maps).astype("float64"), to_array(gradients).astype("float64")
    heat = np.maximum(np.tensordot(np.einsum("pij->p", G) / G[0].size, A, axes=1), 0)
    return heat / heat.max() if heat.max() > 0 else heat


GRAD_CAM = Exercise(
    id="5.5-8",
    title="Grad-CAM 的热图",
    english="The heat map of Grad-CAM",
    level=3,
    prompt="""
    Grad-CAM 问：哪些位置支持这个类别？`maps` [P, M, N] 是一张图在某一层的特征图 $A^p$，`gradients` [P, M, N] 是这个类别的 logit 对它们的梯度，都是张量。
    1. 每张特征图的权重 $\\alpha_p$ 是它的梯度在所有位置上的平均；
    2. 热图 $H = \\mathrm{ReLU}\\bigl(\\sum_p \\alpha_p A^p\\bigr)$，形状 [M, N]；
    3. 除以 $H$ 的最大值，使它落在 [0, 1]；若处处为 0，就返回全 0。""",
    stub="""
    def my_grad_cam(maps, gradients):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "权重一共有几个？在哪些轴上平均？",
        "先加权、求和，再 ReLU：次序反过来会怎样？",
        "最大值可能是 0：那时 0/0 是什么？",
    ),
    solution="""
    def my_grad_cam(maps, gradients):
        weights = gradients.mean(axis=[1, 2], keepdim=True)  # [P, 1, 1]
        heat = F.relu((weights * maps).sum(axis=0))  # 只留支持这一类的位置
        top = heat.max()
        return heat / top if top > 0 else heat
    """,
    slips="""
    F.relu((weights * maps).sum(axis=0)) ⇒ (weights * maps).sum(axis=0) ⇒ 没有做 ReLU：反对这个类别的位置（负值）应成为 0：求和之后做 ReLU。
    F.relu((weights * maps).sum(axis=0)) ⇒ (weights * maps).sum(axis=0).abs() ⇒ 用绝对值代替了 ReLU：取绝对值会把反对的位置也当成支持。
    F.relu((weights * maps).sum(axis=0)) ⇒ F.relu(weights * maps).sum(axis=0) ⇒ 求和之前做了 ReLU：先把 P 张加权的特征图加起来，最后才做 ReLU。
    F.relu((weights * maps).sum(axis=0)) ⇒ F.relu((weights * maps).max(axis=0)) ⇒ 通道取了最大值：P 张加权的特征图要相加。
    F.relu((weights * maps).sum(axis=0)) ⇒ F.relu(weights * maps) ⇒ 通道没有求和：P 张加权的特征图要加成一张。
    F.relu((weights * maps).sum(axis=0)) ⇒ F.relu((gradients * maps).sum(axis=0)) ⇒ 没有对位置取平均：每个位置用了自己的梯度；Grad-CAM 的每张特征图只有一个权重：梯度的平均。
    F.relu((weights * maps).sum(axis=0)) ⇒ F.relu(maps.sum(axis=0)) ⇒ 没有用权重：特征图直接相加了：先各乘自己的权重。
    F.relu((weights * maps).sum(axis=0)) ⇒ F.relu((maps.mean(axis=[1, 2], keepdim=True) * gradients).sum(axis=0)) ⇒ 梯度与特征图弄反了：要加权求和的是特征图，权重来自梯度。
    weights = gradients.mean(axis=[1, 2], keepdim=True) ⇒ weights = F.relu(gradients).mean(axis=[1, 2], keepdim=True) ⇒ 梯度先做了 ReLU：梯度可以是负的：权重是梯度的平均，不先去掉负值。
    weights = gradients.mean(axis=[1, 2], keepdim=True) ⇒ weights = F.relu(gradients.mean(axis=[1, 2], keepdim=True)) ⇒ 权重也去掉了负值：权重可以是负的：ReLU 只用在最后的和上。
    weights = gradients.mean(axis=[1, 2], keepdim=True) ⇒ weights = gradients.abs().mean(axis=[1, 2], keepdim=True) ⇒ 权重用了梯度的绝对值：权重可以是负的。
    weights = gradients.mean(axis=[1, 2], keepdim=True) ⇒ weights = F.softmax(gradients.mean(axis=[1, 2], keepdim=True), axis=0) ⇒ 权重做了 softmax：权重就是梯度的平均，可以是负的。
    weights = gradients.mean(axis=[1, 2], keepdim=True) ⇒ weights = gradients.max(axis=[1, 2], keepdim=True) ⇒ 权重用了最大的梯度：权重是梯度的**平均**。
    weights = gradients.mean(axis=[1, 2], keepdim=True) ⇒ weights = maps.mean(axis=[1, 2], keepdim=True) ⇒ 权重来自特征图：权重是**梯度**的平均。
    weights = gradients.mean(axis=[1, 2], keepdim=True) ⇒ weights = gradients.mean(axis=0, keepdim=True) ⇒ 平均的轴不对：在位置的两个轴上平均，每张特征图一个权重。
    return heat / top if top > 0 else heat ⇒ return heat ⇒ 没有归一化：还要除以最大值，使热图落在 [0, 1]。
    return heat / top if top > 0 else heat ⇒ return heat / heat.sum() if top > 0 else heat ⇒ 除以了总和：除以最大值。
    return heat / top if top > 0 else heat ⇒ return heat / top ⇒ 没有考虑全为 0 的热图：最大值是 0 时 0/0 是 NaN：先判断最大值是否大于 0。
    return heat / top if top > 0 else heat ⇒ return (heat - heat.min()) / (top - heat.min()) if top > heat.min() else heat * 0 ⇒ 用最小值和最大值归一化了：只除以最大值；减去最小值会抹掉处处都有的支持。
    """,
    reference=_grad_cam,
    cases=(
        case(np.array([[[4, 0], [1, 0]], [[0, 1], [0, 0]]], "float32"), np.array([[[1, 1], [1, 1]], [[2, 2], [0, 0]]], "float32")),
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
