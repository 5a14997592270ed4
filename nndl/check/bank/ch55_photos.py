"""Exercises of 5.5 on photos: normalising, augmenting, mixing them, and Grad-CAM."""

import numpy as np

from ..engine.diagnose import to_array
from ..exercise import Exercise, case, integers

# -- 5.5-1 -------------------------------------------------------------------------------------


def _normalize(images, mean, std):
    """Image by image and channel by channel, as the formula says."""
    images = to_array(images)
    result = np.empty(images.shape, "float32")
    for n, c in np.ndindex(*images.shape[:2]):
        result[n, c] = (images[n, c] / 255.0 - mean[c]) / std[c]
    return result


def _last_axis(images, mean, std):
    """The broadcast that NumPy does when the means are left as [C]."""
    return (to_array(images) / 255.0 - np.array(mean)) / np.array(std)


def _photos(shape, seed):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("uint8")


_MEAN, _STD = [0.5, 0.4, 0.3], [0.25, 0.2, 0.5]

NORMALIZE = Exercise(
    id="5.5-1",
    title="逐通道归一化",
    english="Normalising channel by channel",
    prompt="""
    `images` 是 NumPy 数组，uint8，[N, 3, H, W]；`mean` 和 `std` 是各含 3 个小数的列表，
    **以 0–1 为单位**（例如 `mean=[0.4914, 0.4822, 0.4465]`）。先把像素缩放到 [0, 1]，再对每个通道做
    $(x - \\mu_c) / \\sigma_c$；返回同样形状的浮点数组。注意 $W$ 可能恰好等于 3。""",
    stub="""
    def my_normalize(images, mean, std):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "像素和均值的单位要一致：一个是 0–255，另一个是 0–1。",
        "形状 [3] 会与最后一轴（宽）对齐。先把它变成 [3, 1, 1]，才与通道轴对齐。",
        "`mean = np.array(mean).reshape(3, 1, 1)`，std 也一样；然后 `(images / 255 - mean) / std`。",
    ),
    solution="""
    def my_normalize(images, mean, std):
        mean = np.array(mean).reshape(3, 1, 1)  # 与 [N, 3, H, W] 的通道轴对齐
        std = np.array(std).reshape(3, 1, 1)
        return ((images / 255 - mean) / std).astype("float32")
    """,
    reference=_normalize,
    cases=(
        case(_photos([2, 3, 4, 5], 501), _MEAN, _STD),
        case(_photos([3, 3, 2, 3], 502), _MEAN, _STD, about="宽等于 3"),
        case(_photos([1, 3, 3, 3], 503), [0.1, 0.6, 0.2], [1.0, 0.5, 0.125]),
    ),
    mutants={
        "归一化用错了轴": (
            _last_axis,
            "形状 [3] 的均值与最后一轴（宽）对齐了。先 reshape(3, 1, 1)，与通道轴对齐。",
        ),
        "只减了均值": (
            lambda images, mean, std: _normalize(images, mean, [1, 1, 1]),
            "减去均值之后，还要除以每个通道的标准差。",
        ),
        "只除了标准差": (
            lambda images, mean, std: _normalize(images, [0, 0, 0], std),
            "除以标准差之前，要先减去每个通道的均值。",
        ),
        "除了两次 255": (
            lambda images, mean, std: _normalize(to_array(images) / 255.0, mean, std),
            "像素除了两次 255，几乎都成了 0。只除一次。",
        ),
        "没有除以 255": (
            lambda images, mean, std: _normalize(to_array(images) * 255.0, mean, std),
            "像素和均值的单位不一致：像素要除以 255，mean 和 std 已经以 0–1 为单位，不再除。",
        ),
        "只用了第一个通道的统计量": (
            lambda images, mean, std: _normalize(images, mean[:1] * 3, std[:1] * 3),
            "三个通道的均值和标准差各不相同：第 c 个通道用 mean[c]、std[c]。",
        ),
        "除以了方差": (
            lambda images, mean, std: _normalize(images, mean, np.square(std)),
            "除以标准差 σ，不是方差 σ²。",
        ),
        "乘了标准差": (
            lambda images, mean, std: _normalize(images, mean, 1 / np.array(std)),
            "要除以标准差，不是乘。",
        ),
        "括号的位置不对": (
            lambda images, mean, std: (
                to_array(images) / 255 - (np.array(mean) / std).reshape(3, 1, 1)
            ),
            "除法先于减法：要写成 (x − mean) / std。",
        ),
        "用了这批图自己的统计量": (
            lambda images, mean, std: (
                (to_array(images) - to_array(images).mean(axis=(0, 2, 3), keepdims=True))
                / to_array(images).std(axis=(0, 2, 3), keepdims=True)
            ),
            "要用给定的 mean 和 std（训练集的）；用每批自己的统计量，同一张图会因同批的图而变。",
        ),
    },
    outputs=("X",),
    inputs="numpy",
)

# -- 5.5-2 -------------------------------------------------------------------------------------


def _numbered(shape):
    """Images whose pixels all differ and none is 0, so that every move can be read off."""
    return np.arange(1, 1 + np.prod(shape)).reshape(shape).astype("float32")


def _augment_often(answer, images, padding):
    """The answer with eight random generators, the first of them once more at the end."""
    seeds = [*range(8), 0]
    results = [answer(images, padding, np.random.default_rng(seed)) for seed in seeds]
    return None if results[0] is None or results[0] is Ellipsis else results


def _windows(image, padding, mode="constant"):
    """(top, left) → window of a padded image [C, H, W]."""
    sides = [(0, 0), (padding, padding), (padding, padding)]
    padded = np.pad(image, sides, mode=mode)
    height, width = image.shape[1:]
    places = np.ndindex(2 * padding + 1, 2 * padding + 1)
    return {(i, j): padded[:, i : i + height, j : j + width] for i, j in places}


def _is_one_of(result, windows):
    return next(
        (place for place, window in windows.items() if np.array_equal(result, window)), None
    )


def _moves(results, images, padding):
    """(top, left, mirrored) of every image in every result; None where it is something else."""
    moves = []
    for result in results:
        for image, original in zip(to_array(result), _numbered(images.shape), strict=True):
            windows = _windows(original, padding)
            place = _is_one_of(image, windows)
            back = None if place else _is_one_of(image[:, :, ::-1], windows)
            moves.append((*place, False) if place else (*back, True) if back else None)
    return moves


def _property(test):
    """A test of all moves; images that are no window at all are the business of another test."""

    def run(results, images, padding):
        return test([m for m in _moves(results, images, padding) if m], padding)

    return run


def _no_image_is(change):
    """A test that no image is a window after `change` of the original or the result."""

    def run(results, images, padding):
        strange = (
            (image, original)
            for result in results
            for image, original in zip(to_array(result), _numbered(images.shape), strict=True)
            if _is_one_of(image, _windows(original, padding)) is None
            and _is_one_of(image[:, :, ::-1], _windows(original, padding)) is None
        )
        return not any(change(image, original, padding) for image, original in strange)

    return run


def _upside_down(image, original, padding):
    windows = _windows(original, padding)
    return any(_is_one_of(image[:, ::-1, ::s], windows) is not None for s in (1, -1))


def _padded_as(mode):
    return lambda image, original, padding: any(
        _is_one_of(image[:, :, ::s], _windows(original, padding, mode)) is not None for s in (1, -1)
    )


def _per_image(place):
    """Whether images of one batch differ in one part of their move."""

    def run(results, images, padding):
        count = len(images)
        moves = _moves(results, images, padding)
        batches = [moves[i : i + count] for i in range(0, len(moves), count)]
        return any(len({place(move) for move in batch if move}) > 1 for batch in batches)

    return run


AUGMENT = Exercise(
    id="5.5-2",
    title="随机翻转和裁剪",
    english="Random flip and crop",
    level=2,
    prompt="""
    数据增广（data augmentation）：训练时每张图每次都略有不同。`images` 是 NumPy 数组 [B, C, H, W]，
    `rng` 是 NumPy 的随机数发生器（`rng.random()` 给出 [0, 1) 的小数，`rng.integers(a, b)` 给出 a … b−1 的整数）。
    对**每张图各自**：
    1. 四周各补 `padding` 圈 0，随机取出一个 H×W 的窗口（一共 (2·padding + 1)² 个位置，机会均等）；
    2. 以 1/2 的概率**左右**翻转。

    返回同样形状、同样类型的新数组；`images` 本身不变。随机数只取自 `rng`。""",
    stub="""
    def my_augment(images, padding, rng):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先准备一个 `np.empty_like(images)`，再对每张图循环：随机数要在循环**里面**取。",
        "补零：`np.pad(images, [(0, 0), (0, 0), (P, P), (P, P)])`；"
        "窗口的左上角 `top, left = rng.integers(0, 2 * P + 1, 2)`。",
        "左右翻转是把最后一轴倒过来：`window[:, :, ::-1]`，条件是 `rng.random() < 0.5`。",
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
    call=_augment_often,
    cases=(
        case(_numbered([12, 3, 5, 6]), 2),
        case(_numbered([9, 1, 4, 4]), 1, about="灰度图"),
        case(_numbered([16, 2, 4, 7]), 3),
    ),
    tests={
        "input_changed": lambda results, images, padding: np.array_equal(
            images, _numbered(images.shape)
        ),
        "wrong_type": (
            lambda results, images, padding: all(hasattr(result, "shape") for result in results),
            "请返回 NumPy 数组。",
        ),
        "wrong_shape": (
            lambda results, images, padding: all(
                to_array(result).shape == images.shape for result in results
            ),
            "返回值应与 images 同样形状：补零之后要裁回 H×W。",
        ),
        "wrong_dtype": (
            lambda results, images, padding: all(
                to_array(result).dtype == images.dtype for result in results
            ),
            "返回值的类型应与 images 相同：用 np.empty_like(images) 准备结果。",
        ),
        "什么也没有变": (
            lambda results, images, padding: any(
                not np.array_equal(to_array(result), images) for result in results
            ),
            "每次返回的都是原图。",
        ),
        "上下翻转了": (
            _no_image_is(_upside_down),
            "猫不会倒着走：只翻转最后一轴（宽），不翻转高。",
        ),
        "移出去的像素从另一边回来了": (
            _no_image_is(_padded_as("wrap")),
            "np.roll 是循环移动；这里移进来的应是 0。先补零，再取窗口。",
        ),
        "padding_edge": (
            _no_image_is(lambda *a: _padded_as("edge")(*a) or _padded_as("reflect")(*a))
        ),
        "不是原图的一个窗口": (
            lambda results, images, padding: all(_moves(results, images, padding)),
            "每张图都应是补零后的原图的一个 H×W 窗口，或它的左右翻转；"
            "检查有没有混淆样本、通道、行和列。",
        ),
        "整批图一起变": (
            _per_image(lambda move: move),
            "同一批里每张图的移动和翻转都一样：随机数要对每张图各取一次，放进循环里。",
        ),
        "整批图一起移动": (
            _per_image(lambda move: move[:2]),
            "同一批里的图移动得一样：top 和 left 要对每张图各取一次。",
        ),
        "没有翻转": (_property(lambda m, P: any(x[2] for x in m)), "没有一张图被左右翻转过。"),
        "每张图都翻转了": (
            _property(lambda m, P: not all(x[2] for x in m)),
            "翻转的概率应是 1/2，你的每张图都翻转了。",
        ),
        "整批图一起翻转": (
            _per_image(lambda move: move[2]),
            "同一批里的图要么全翻转，要么全不翻转：`rng.random() < 0.5` 要对每张图各取一次。",
        ),
        "只在一个方向移动": (
            _property(lambda m, P: len({x[0] for x in m}) > 1 and len({x[1] for x in m}) > 1),
            "行和列都要随机移动：top 和 left 各取一个随机数。",
        ),
        "行和列移动得一样": (
            _property(
                lambda m, P: (
                    any(x[0] != (2 * P - x[1] if x[2] else x[1]) for x in m)
                    and any(x[0] != x[1] for x in m)
                )
            ),
            "top 和 left 应是两个独立的随机数，不是同一个。",
        ),
        "移动的范围不对": (
            _property(
                lambda m, P: all({x[axis] for x in m} == set(range(2 * P + 1)) for axis in (0, 1))
            ),
            "窗口的左上角应取遍 0 … 2·padding。`rng.integers(0, b)` 不含 b，所以 b = 2·padding + 1。",
        ),
        "翻转的概率不是一半": (
            _property(lambda m, P: 0.3 < np.mean([x[2] for x in m]) < 0.7),
            "约有一半的图应被翻转。",
        ),
        "没有用给定的 rng": (
            lambda results, images, padding: np.array_equal(
                to_array(results[0]), to_array(results[-1])
            ),
            "同样状态的 rng 应给出同样的结果，这样实验才能重复；不要用 np.random。",
        ),
        "每次都一样": (
            lambda results, images, padding: any(
                not np.array_equal(to_array(results[0]), to_array(r)) for r in results[1:]
            ),
            "换了 rng，结果却不变：不要在函数里自己建立固定种子的发生器。",
        ),
    },
    outputs=("images",),
    inputs="numpy",
)

# -- 5.5-7 -------------------------------------------------------------------------------------


def _mixup(images, labels, order, lam, num_classes, shares=None, label_shares=None):
    """Sample by sample; shares are the weights of the image itself and of its partner."""
    images, labels, order = to_array(images).astype("float64"), to_array(labels), to_array(order)
    shares = shares or (lam, 1 - lam)
    label_shares = label_shares or shares
    X, q = np.zeros_like(images), np.zeros((len(labels), num_classes))
    for n in range(len(labels)):
        other = order[n]
        X[n] = shares[0] * images[n] + shares[1] * images[other]
        q[n, labels[n]] += label_shares[0]
        q[n, labels[other]] += label_shares[1]
    return X, q


def _mixed(**change):
    """A mutant whose changes are functions of lam."""
    return lambda images, labels, order, lam, num_classes: _mixup(
        *(images, labels, order, lam, num_classes),
        **{name: value(lam) if callable(value) else value for name, value in change.items()},
    )


def _overwritten(images, labels, order, lam, num_classes):
    """One share is assigned, not added: where both have one label its target is 1 − λ."""
    X, q = _mixup(images, labels, order, lam, num_classes)
    labels, order = to_array(labels), to_array(order)
    q[np.arange(len(labels)), labels[order]] = 1 - lam
    return X, q


MIXUP = Exercise(
    id="5.5-7",
    title="混合两张图（mixup）",
    english="Mixing two images",
    level=2,
    prompt="""
    mixup 把两张图和它们的标签按同一个比例混合：
    $$\\tilde x_n = \\lambda x_n + (1-\\lambda)\\, x_{\\pi(n)}, \\qquad
    \\tilde q_n = \\lambda\\, e_{y_n} + (1-\\lambda)\\, e_{y_{\\pi(n)}},$$
    $e_y$ 是独热向量。`images` [N, C, H, W]、`labels` [N]（int64）、`order` [N]（排列 $\\pi$，int64）是张量，
    `lam` 是 $\\lambda$。依次返回混合后的图 [N, C, H, W] 和软标签 [N, num_classes]。""",
    stub="""
    def my_mixup(images, labels, order, lam, num_classes):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "第 n 张图的搭档是第 order[n] 张：`images[order]` 一次取出全部搭档。",
        "标签先变成独热向量：`F.one_hot(labels, num_classes)`，再用同样的比例混合。",
        "`hot = F.one_hot(...)`，返回 `lam * images + (1 - lam) * images[order]` 和"
        " `lam * hot + (1 - lam) * hot[order]`。",
    ),
    solution="""
    def my_mixup(images, labels, order, lam, num_classes):
        hot = F.one_hot(labels, num_classes)  # [N, C]
        X = lam * images + (1 - lam) * images[order]
        q = lam * hot + (1 - lam) * hot[order]  # 图和标签用同一个比例
        return X, q
    """,
    reference=_mixup,
    cases=(
        case(integers([3, 1, 2, 2], 541), np.array([0, 2, 1]), np.array([1, 2, 0]), 0.75, 3),
        case(integers([4, 2, 1, 3], 542), np.array([3, 3, 0, 1]), np.array([1, 3, 0, 2]), 0.375, 5),
        case(integers([2, 3, 2, 1], 543), np.array([1, 0]), np.array([0, 1]), 0.25, 2),
    ),
    mutants={
        "标签没有混合": (
            _mixed(label_shares=(1.0, 0.0)),
            "图混合了，标签还是原来的独热向量：标签要用同样的比例、同样的搭档（hot[order]）混合。",
        ),
        "图没有混合": (
            lambda images, labels, order, lam, num_classes: (
                to_array(images),
                _mixup(images, labels, order, lam, num_classes)[1],
            ),
            "标签混合了，图还是原来的。",
        ),
        "λ 与 1 − λ 弄反了": (
            _mixed(shares=lambda lam: (1 - lam, lam)),
            "图自己的比例是 λ，搭档的比例是 1 − λ。",
        ),
        "图和标签的比例相反": (
            _mixed(label_shares=lambda lam: (1 - lam, lam)),
            "图用 λ : 1 − λ，标签却用了 1 − λ : λ；两者要一致。",
        ),
        "比例之和不是 1": (
            _mixed(shares=lambda lam: (lam, 1.0)),
            "搭档的比例是 1 − λ，否则比例之和不是 1。",
        ),
        "比例总是一半": (_mixed(shares=(0.5, 0.5)), "比例由 lam 决定，不总是 ½。"),
        "没有用 order": (
            lambda images, labels, order, lam, num_classes: _mixup(
                images, labels, np.arange(len(labels)), lam, num_classes
            ),
            "每张图和自己混合了：搭档是 images[order]。",
        ),
        "搭档总是倒过来的次序": (
            lambda images, labels, order, lam, num_classes: _mixup(
                images, labels, np.arange(len(labels))[::-1], lam, num_classes
            ),
            "搭档由 order 决定，不是倒序。",
        ),
        "用了 order 的逆": (
            lambda images, labels, order, lam, num_classes: _mixup(
                images, labels, np.argsort(to_array(order)), lam, num_classes
            ),
            "第 n 张的搭档是第 order[n] 张：images[order]，不是把第 n 张放到 order[n]。",
        ),
        "相同类别时覆盖了": (
            _overwritten,
            "两张图类别相同时，两份比例要相加（得 1）；赋值会覆盖前一份。",
        ),
        "标签的编号也被混合": (
            lambda images, labels, order, lam, num_classes: (
                _mixup(images, labels, order, lam, num_classes)[0],
                lam * to_array(labels) + (1 - lam) * to_array(labels)[to_array(order)],
            ),
            "类别的编号没有大小之分，不能混合：先变成独热向量。",
        ),
    },
    outputs=("images", "labels"),
)

# -- 5.5-8 -------------------------------------------------------------------------------------


def _grad_cam(maps, gradients, weigh=None, combine=None, rectify=None, scale=None):
    """Grad-CAM, each of its four steps replaceable."""
    A, G = to_array(maps).astype("float64"), to_array(gradients).astype("float64")
    weights = weigh(A, G) if weigh else np.einsum("pij->p", G) / (G.shape[1] * G.shape[2])
    heat = combine(A, G, weights) if combine else np.tensordot(weights, A, axes=1)
    heat = rectify(heat) if rectify else np.where(heat > 0, heat, 0)
    if scale:
        return scale(heat)
    return heat / heat.max() if heat.max() > 0 else heat


def _cam(**change):
    return lambda maps, gradients: _grad_cam(maps, gradients, **change)


GRAD_CAM = Exercise(
    id="5.5-8",
    title="Grad-CAM 的热图",
    english="The heat map of Grad-CAM",
    level=3,
    prompt="""
    Grad-CAM 问：哪些位置支持这个类别？`maps` [P, M, N] 是一张图在某一层的特征图 $A^p$，
    `gradients` [P, M, N] 是这个类别的 logit 对它们的梯度，都是张量。
    1. 每张特征图的权重 $\\alpha_p$ 是它的梯度在所有位置上的平均；
    2. 热图 $H = \\mathrm{ReLU}\\bigl(\\sum_p \\alpha_p A^p\\bigr)$，形状 [M, N]；
    3. 除以 $H$ 的最大值，使它落在 [0, 1]；若处处为 0，就返回全 0。""",
    stub="""
    def my_grad_cam(maps, gradients):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "权重是 P 个数：`gradients.mean(axis=[1, 2])`。",
        "加权求和：`(weights.reshape([-1, 1, 1]) * maps).sum(axis=0)`，先求和，再 ReLU。",
        "最大值可能是 0：`if top > 0` 才做除法。",
    ),
    solution="""
    def my_grad_cam(maps, gradients):
        weights = gradients.mean(axis=[1, 2], keepdim=True)  # [P, 1, 1]
        heat = F.relu((weights * maps).sum(axis=0))  # 只留支持这一类的位置
        top = heat.max()
        return heat / top if top > 0 else heat
    """,
    reference=_grad_cam,
    cases=(
        case(integers([1, 2, 3], 551), integers([1, 2, 3], 552)),
        case(integers([3, 3, 2], 553), integers([3, 3, 2], 554)),
        case(integers([4, 4, 4], 555), integers([4, 4, 4], 556)),
        case(np.ones((2, 2, 2), "float32"), -np.ones((2, 2, 2), "float32"), about="没有支持的位置"),
    ),
    mutants={
        "没有做 ReLU": (
            _cam(rectify=lambda heat: heat),
            "反对这个类别的位置（负值）应成为 0：求和之后做 ReLU。",
        ),
        "用绝对值代替了 ReLU": (
            _cam(rectify=np.abs),
            "取绝对值会把反对的位置也当成支持：用 ReLU。",
        ),
        "求和之前做了 ReLU": (
            _cam(
                combine=lambda A, G, w: np.maximum(w[:, None, None] * A, 0).sum(axis=0),
                rectify=lambda heat: heat,
            ),
            "先把 P 张加权的特征图加起来，最后才做 ReLU。",
        ),
        "梯度先做了 ReLU": (
            _cam(weigh=lambda A, G: np.maximum(G, 0).mean(axis=(1, 2))),
            "梯度可以是负的：权重是梯度的平均，不先去掉负值。",
        ),
        "权重也去掉了负值": (
            _cam(weigh=lambda A, G: np.maximum(G.mean(axis=(1, 2)), 0)),
            "权重可以是负的：ReLU 只用在最后的和上。",
        ),
        "没有对位置取平均": (
            _cam(combine=lambda A, G, w: (G * A).sum(axis=0)),
            "每个位置用了自己的梯度；Grad-CAM 的每张特征图只有一个权重：梯度的平均。",
        ),
        "权重用了最大的梯度": (
            _cam(weigh=lambda A, G: G.max(axis=(1, 2))),
            "权重是梯度的**平均**，不是最大值。",
        ),
        "权重来自特征图": (
            _cam(weigh=lambda A, G: A.mean(axis=(1, 2))),
            "权重是**梯度**的平均，不是特征图的平均。",
        ),
        "没有用权重": (
            _cam(weigh=lambda A, G: np.ones(len(A))),
            "特征图直接相加了：先各乘自己的权重。",
        ),
        "梯度与特征图弄反了": (
            lambda maps, gradients: _grad_cam(gradients, maps),
            "要加权求和的是特征图，权重来自梯度。",
        ),
        "没有归一化": (_cam(scale=lambda heat: heat), "还要除以最大值，使热图落在 [0, 1]。"),
        "除以了总和": (
            _cam(scale=lambda heat: heat / heat.sum() if heat.sum() > 0 else heat),
            "除以最大值，不是总和。",
        ),
        "没有考虑全为 0 的热图": (
            _cam(scale=lambda heat: heat / heat.max()),
            "处处为 0 时最大值是 0，0/0 是 NaN：先判断最大值是否大于 0。",
        ),
        "channels_not_summed": (
            lambda maps, gradients: (
                to_array(maps) * to_array(gradients).mean(axis=(1, 2), keepdims=True)
            )
        ),
        "通道取了最大值": (
            _cam(combine=lambda A, G, w: (w[:, None, None] * A).max(axis=0)),
            "P 张加权的特征图要相加，不是取最大。",
        ),
    },
    outputs=("heat",),
)
