"""Exercises of 5.3: preprocessing, accuracy, confusion matrix, label smoothing, parameters."""

import numpy as np

from ..engine.diagnose import to_array
from ..exercise import Exercise, case, integers

# -- 5.3-1 -------------------------------------------------------------------------------------


def _digit(size, seed):
    """A blot on a black background, uint8, brightest value 255."""
    image = np.zeros((size, size), dtype="uint8")
    image[2:-3, 3:-2] = np.random.default_rng(seed).integers(0, 256, (size - 5, size - 5))
    image[size // 2, size // 2] = 255
    return image


def _preprocess(image):
    padded = np.pad(to_array(image), 2).astype("float32")
    return ((padded - 127.5) / 127.5)[None]


def _resized(mode):
    def mutant(image):
        import paddle
        import paddle.nn.functional as F

        X = paddle.to_tensor(to_array(image).astype("float32")).unsqueeze([0, 1])
        return F.interpolate(X, size=[32, 32], mode=mode)[0].numpy() / 127.5 - 1

    return mutant


PREPROCESS = Exercise(
    id="5.3-1",
    title="预处理一张手写数字",
    english="Preprocessing a digit",
    prompt="""
    `image` 是 NumPy 数组，uint8，[28, 28]，黑底（0）白字（255）。LeNet-5 要 32×32 的输入：
    1. 四周各补 2 圈**背景**（黑色），得到 32×32；
    2. 归一化到 [−1, 1]：$(x - 127.5) / 127.5$；
    3. 在最前面加上通道轴，返回浮点数的 [1, 32, 32]。""",
    stub="""
    def my_preprocess(image):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "两步的次序有讲究：归一化之后，黑色背景的值是多少？",
        "先补零再归一化，背景就是 −1；反过来补的 0 会成为灰色的边框。",
        "`padded = np.pad(image, 2).astype('float32')`，归一化后用 `[None]` 加通道轴。",
    ),
    solution="""
    def my_preprocess(image):
        padded = np.pad(image, 2).astype("float32")  # 先补黑色的背景；uint8 先转成浮点数再做减法
        normalized = (padded - 127.5) / 127.5  # 0 → −1，255 → 1
        return normalized[None]  # 加上通道轴
    """,
    reference=_preprocess,
    cases=(case(_digit(28, 1)), case(_digit(28, 2)), case(np.zeros((28, 28), "uint8"))),
    mutants={
        "padded_after_normalizing": (
            lambda image: np.pad((to_array(image) - 127.5) / 127.5, 2)[None],
            "先归一化再补 0，边框就成了灰色（0），而背景是 −1。应先补零，后归一化。",
        ),
        "range_zero_one": (
            lambda image: (_preprocess(image) + 1) / 2,
            "结果在 [0, 1] 之间；题目要 [−1, 1]：减 127.5，再除以 127.5。",
        ),
        "not_divided": (
            lambda image: _preprocess(image) * 127.5,
            "减了 127.5，但没有除以 127.5。",
        ),
        "divided_first": (
            [
                lambda image: np.pad(to_array(image), 2)[None] / 127.5 - 127.5,
                lambda image: np.pad(to_array(image), 2)[None] - 127.5 / 127.5,
            ],
            "运算的次序错了：减法要加括号，(x − 127.5) / 127.5。",
        ),
        "resized": (
            [_resized("bilinear"), _resized("nearest")],
            "图被拉大了，笔画也跟着变形。题目要的是原样放在中间，四周各补 2 圈背景。",
        ),
        "inverted": (
            lambda image: -_preprocess(image),
            "黑白颠倒了：背景应为 −1，笔画应为 1。",
        ),
        "uint8_wraps": (
            lambda image: (
                (np.pad(to_array(image), 2) - np.uint8(127)).astype("float32")[None] / 127.5
            ),
            "uint8 相减会回绕（0 − 127 变成 129）。先用 astype('float32') 转成浮点数。",
        ),
        "channel_axis_missing": (lambda image: _preprocess(image)[0], "少了最前面的通道轴。"),
        "channel_axis_last": (
            lambda image: _preprocess(image).transpose(1, 2, 0),
            "通道轴应在最前面：[1, 32, 32]，不是 [32, 32, 1]。",
        ),
        "padding_forgotten": lambda image: _preprocess(image)[:, 2:-2, 2:-2],
        "padding_one_side": [
            lambda image: (np.pad(to_array(image), (0, 4)).astype("float32") / 127.5 - 1)[None],
            lambda image: (np.pad(to_array(image), (4, 0)).astype("float32") / 127.5 - 1)[None],
        ],
    },
    outputs=("X",),
    inputs="numpy",
)

# -- 5.3-2 -------------------------------------------------------------------------------------


def _accuracy(logits, labels):
    return np.mean(to_array(logits).argmax(axis=1) == to_array(labels).reshape(-1))


def _accuracy_broadcast(logits, labels):
    return np.mean(to_array(logits).argmax(axis=1) == to_array(labels))


def _accuracy_wrong_axis(logits, labels):
    predictions = to_array(logits).argmax(axis=0)
    labels = to_array(labels).reshape(-1)
    if len(predictions) != len(labels):
        raise ValueError("shapes differ")
    return np.mean(predictions == labels)


def _logits(shape, labels, right, seed):
    """Logits whose largest value is at the label in the first `right` rows only."""
    values = np.random.default_rng(seed).normal(size=shape)
    for row, label in enumerate(labels):
        values[row, label] = values[row].max() + 1 if row < right else values[row].min() - 1
    order = np.random.default_rng(seed + 1).permutation(len(labels))
    return values[order].astype("float32"), np.array(labels, "int64")[order]


_FOUR = _logits((4, 4), [0, 3, 1, 1], 3, 201)
_SEVEN = _logits((7, 10), [1, 0, 9, 4, 4, 2, 7], 2, 202)
_COLUMN = _logits((6, 10), [3, 3, 5, 8, 0, 3], 3, 203)

ACCURACY = Exercise(
    id="5.3-2",
    title="从 logits 求准确率",
    english="Accuracy from logits",
    prompt="""
    `logits` [N, C] 和 `labels`（int64）是张量；`labels` 的形状可能是 [N]，**也可能是 [N, 1]**。
    返回答对的比例，0 到 1 之间的小数。""",
    stub="""
    def my_accuracy(logits, labels):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "预测的类别是每一行最大的 logit 的位置。不需要先做 softmax：它不改变大小的次序。",
        "`predictions = logits.argmax(axis=1)`，形状 [N]。labels 也变成 [N]：`labels.reshape([-1])`。",
        "`(predictions == labels)` 是布尔张量，转成 float32 再取平均。",
    ),
    solution="""
    def my_accuracy(logits, labels):
        predictions = logits.argmax(axis=1)  # 每个样本得分最高的类别
        right = predictions == labels.reshape([-1])  # [N, 1] 会引起广播，先变成 [N]
        return right.astype("float32").mean()
    """,
    reference=_accuracy,
    cases=(
        case(*_FOUR),
        case(*_SEVEN),
        case(_COLUMN[0], _COLUMN[1][:, None], about="labels 的形状是 [N, 1]"),
    ),
    mutants={
        "labels_broadcast": [
            _accuracy_broadcast,
            # a count over the broadcast table, divided by N
            lambda logits, labels: (
                np.sum(to_array(logits).argmax(axis=1) == to_array(labels)) / len(logits)
            ),
        ],
        "argmax_wrong_axis": _accuracy_wrong_axis,
        "count_instead_of_fraction": lambda *a: _accuracy(*a) * len(a[0]),
        "percent_instead_of_fraction": lambda *a: _accuracy(*a) * 100,
        "error_instead_of_accuracy": (
            lambda *a: 1 - _accuracy(*a),
            "这是答错的比例；准确率是答对的比例。",
        ),
        "divided_by_classes": (
            lambda *a: _accuracy(*a) * len(a[0]) / a[0].shape[1],
            "分母应是样本数 N，不是类别数 C。",
        ),
        "argmax_flattened": (
            lambda logits, labels: np.mean(to_array(logits).argmax() == to_array(labels)),
            "argmax 没有写轴，整个矩阵只得到一个位置。要每一行各取一个：axis=1。",
        ),
        "smallest_logit": (
            lambda logits, labels: _accuracy(-to_array(logits), labels),
            "取了最小的 logit；预测的类别是最大的那个。",
        ),
        "integer_division": lambda *a: np.floor(_accuracy(*a)),
        "one_per_sample": (
            lambda logits, labels: to_array(logits).argmax(axis=1) == to_array(labels).reshape(-1),
            "得到了每个样本的对错，还要取平均。",
        ),
    },
    outputs=("accuracy",),
)

# -- 5.3-3 -------------------------------------------------------------------------------------


def _confusion(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype="int64")
    np.add.at(matrix, (to_array(labels), to_array(predictions)), 1)
    return matrix


def _fancy_once(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes))
    matrix[to_array(labels), to_array(predictions)] += 1
    return matrix


def _only_diagonal(labels, predictions, num_classes):
    return np.diag(np.diag(_confusion(labels, predictions, num_classes)))


def _normalized(axis):
    def mutant(labels, predictions, num_classes):
        matrix = _confusion(labels, predictions, num_classes)
        return matrix / np.maximum(matrix.sum(axis=axis, keepdims=True), 1)

    return mutant


CONFUSION = Exercise(
    id="5.3-3",
    title="混淆矩阵",
    english="Confusion matrix",
    prompt="""
    `labels` [N] 和 `predictions` [N] 是 int64 张量，取值 0 … C−1。返回 [C, C] 的整数矩阵：
    第 `i` 行第 `j` 列是“真实类别为 i、被预测为 j”的样本个数。""",
    stub="""
    def my_confusion_matrix(labels, predictions, num_classes):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "从全零的矩阵开始，对每个样本在相应的格子里加 1。",
        "行是真实类别，列是预测类别：`matrix[label, prediction] += 1`。",
        "想不用循环？`matrix[labels, predictions] += 1` 对重复的下标只加一次，"
        "要用 `np.add.at` 或 `np.bincount(labels * C + predictions)`。",
    ),
    solution="""
    def my_confusion_matrix(labels, predictions, num_classes):
        matrix = np.zeros((num_classes, num_classes), dtype="int64")
        for label, prediction in zip(labels.numpy(), predictions.numpy()):
            matrix[label, prediction] += 1  # 行：真实类别；列：预测类别
        return matrix
    """,
    reference=_confusion,
    cases=(
        case(np.array([0, 1, 2, 2, 2, 1]), np.array([0, 2, 2, 2, 0, 1]), 3),
        case(np.array([3, 3, 0, 3]), np.array([1, 1, 0, 1]), 5, about="没有出现的类别"),
        case(
            np.random.default_rng(211).integers(0, 4, 40),
            np.random.default_rng(212).integers(0, 4, 40),
            4,
        ),
    ),
    mutants={
        "labels_and_predictions_swapped": (
            lambda labels, predictions, C: _confusion(predictions, labels, C),
            "行列反了：行是真实类别，列是预测类别。",
        ),
        "repeated_indices": (
            _fancy_once,
            "`matrix[labels, predictions] += 1` 对重复的下标只加一次。用循环或 np.add.at。",
        ),
        "rows_shared": (
            lambda *a: np.tile(_confusion(*a).sum(axis=0), (a[2], 1)),
            "每一行都一样：`[[0] * C] * C` 的各行是同一个列表。"
            "用 np.zeros((C, C))，或 [[0] * C for _ in range(C)]。",
        ),
        "only_diagonal": (_only_diagonal, "只数了答对的；答错的要记在 (真实, 预测) 的格子里。"),
        "only_mistakes": (
            lambda *a: _confusion(*a) - _only_diagonal(*a),
            "只数了答错的；答对的记在对角线上。",
        ),
        "normalized": ([_normalized(0), _normalized(1)], "题目要个数，不要除以行（列）的和。"),
    },
    outputs=("matrix",),
    integer=False,
)

# -- 5.3-4 -------------------------------------------------------------------------------------


def _log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _smoothing(logits, labels, epsilon, target=None, times=1, reduce=np.mean):
    """Cross-entropy with soft targets; `times` counts how often softmax is applied."""
    logits = to_array(logits).astype("float64")
    labels = to_array(labels).reshape(-1)
    C = logits.shape[1]
    hot = np.eye(C)[labels]
    for _ in range(times - 1):
        logits = np.exp(_log_softmax(logits))
    log_p = _log_softmax(logits) if times else np.log(logits)
    soft = (target or (lambda hot, e: (1 - e) * hot + e / C))(hot, epsilon)
    return reduce(-(soft * log_p).sum(axis=1))


def _paddle_smoothing(logits, labels, epsilon):
    import paddle.nn.functional as F

    soft = F.label_smooth(F.one_hot(labels, logits.shape[1]), epsilon=epsilon)
    return F.cross_entropy(logits, soft, soft_label=True)


def _soft_target(logits, labels, epsilon):
    C = logits.shape[1]
    return (1 - epsilon) * np.eye(C)[to_array(labels)] + epsilon / C


def _smooth_target(target):
    return lambda logits, labels, epsilon: _smoothing(logits, labels, epsilon, target)


LABEL_SMOOTHING = Exercise(
    id="5.3-4",
    title="标签平滑的交叉熵",
    english="Label smoothing",
    level=2,
    prompt="""
    标签平滑（label smoothing）不让模型过于自信：目标不再是独热向量，而是
    $$q_k = (1-\\varepsilon)\\,[k = y] + \\varepsilon / C,$$
    损失是 $-\\sum_k q_k \\log p_k$ 在批上的平均，$p = \\mathrm{softmax}(\\text{logits})$。
    `logits` [N, C]、`labels` [N]（int64）是张量，`epsilon` 是小数；返回一个数。""",
    stub="""
    def my_label_smoothing_loss(logits, labels, epsilon=0.1):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先做目标：`F.one_hot(labels, C)` 是 [N, C] 的独热向量，乘 (1 − ε)，再加 ε/C（每一类都加）。",
        "`log_p = F.log_softmax(logits, axis=1)`，比先 softmax 再取对数稳定。",
        "`-(target * log_p).sum(axis=1).mean()`：在类别上求和，在批上平均。",
    ),
    solution="""
    def my_label_smoothing_loss(logits, labels, epsilon=0.1):
        C = logits.shape[1]
        target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C  # 每一行的和仍是 1
        log_p = F.log_softmax(logits, axis=1)
        return -(target * log_p).sum(axis=1).mean()
    """,
    reference=_paddle_smoothing,
    cases=(
        case(integers([2, 3], 221), np.array([0, 2]), 0.0, about="epsilon = 0"),
        case(integers([4, 5], 222), np.array([1, 1, 4, 0]), 0.1),
        case(integers([3, 10], 223) * 2, np.array([9, 3, 3]), 0.3),
        case(integers([5, 4], 224) / 4, np.array([2, 0, 1, 3, 3]), 0.2),
    ),
    mutants={
        "softmax_before_cross_entropy": lambda *a: _smoothing(*a, times=2),
        "smoothing_missing": lambda logits, labels, epsilon: _smoothing(logits, labels, 0.0),
        "epsilon_over_others": (
            _smooth_target(lambda hot, e: (1 - e) * hot + e / (hot.shape[1] - 1) * (1 - hot)),
            "ε 要平均分给**全部** C 类（包括正确的一类），而不是其余的 C − 1 类。",
        ),
        "epsilon_not_divided": (
            _smooth_target(lambda hot, e: (1 - e) * hot + e),
            "加的是 ε/C，不是 ε：否则目标的和超过 1。",
        ),
        "target_not_reduced": (
            _smooth_target(lambda hot, e: hot + e / hot.shape[1]),
            "独热向量要先乘 (1 − ε)，否则目标的和超过 1。",
        ),
        "uniform_part_missing": (
            _smooth_target(lambda hot, e: (1 - e) * hot),
            "只乘了 (1 − ε)，还要给每一类加 ε/C。",
        ),
        "uniform_part_on_wrong_classes": (
            _smooth_target(lambda hot, e: (1 - e) * hot + e / hot.shape[1] * (1 - hot)),
            "正确的一类也要加 ε/C。",
        ),
        "epsilon_inverted": (
            _smooth_target(lambda hot, e: e * hot + (1 - e) / hot.shape[1]),
            "ε 与 1 − ε 用反了。",
        ),
        "log_missing": (
            lambda logits, labels, e: (
                np.mean(-_soft_target(logits, labels, e) * np.exp(_log_softmax(to_array(logits))))
                * logits.shape[1]
            ),
            "少了对数：损失是 −Σ q·log p，不是 −Σ q·p。",
        ),
        "sum_instead_of_mean": lambda *a: _smoothing(*a, reduce=np.sum),
        "averaged_over_classes": (
            lambda logits, labels, epsilon: _smoothing(logits, labels, epsilon) / logits.shape[1],
            "在类别上应求和，只在批上取平均（`.mean()` 不带轴会多除以 C）。",
        ),
        "log_of_logits": lambda *a: _smoothing(*a, times=0),
        "softmax_wrong_axis": lambda logits, labels, epsilon: np.mean(
            -(
                ((1 - epsilon) * np.eye(logits.shape[1])[to_array(labels)])
                * _log_softmax(to_array(logits).astype("float64").T).T
                + epsilon / logits.shape[1] * _log_softmax(to_array(logits).astype("float64").T).T
            ).sum(axis=1)
        ),
        "one_per_sample": (
            lambda *a: _smoothing(*a, reduce=lambda losses: losses),
            "得到了每个样本的损失，还要在批上取平均。",
        ),
        "sign_flipped": lambda *a: -_smoothing(*a),
    },
    outputs=("loss",),
)

# -- 5.3-5 -------------------------------------------------------------------------------------


def _params(in_channels, c1, c3, c5, hidden, classes, bias=1, k=25):
    convolutions = (in_channels * k + bias) * c1 + (c1 * k + bias) * c3 + (c3 * k + bias) * c5
    return convolutions + (c5 + bias) * hidden + (hidden + bias) * classes


def _channel_forgotten(in_channels, c1, c3, c5, hidden, classes):
    """Counts U·V + 1 per map, as if every map had one input channel."""
    return 26 * (c1 + c3 + c5) + (c5 + 1) * hidden + (hidden + 1) * classes


LENET_PARAMETERS = Exercise(
    id="5.3-5",
    title="LeNet 变体的参数量",
    english="Parameters of a LeNet",
    prompt="""
    LeNet-5 的三个卷积层都是 5×5（`in_channels` → `c1` → `c3` → `c5`），两个汇聚层夹在其间，
    之后是两个全连接层 `c5` → `hidden` → `num_classes`；每层都有偏置。
    第三个卷积的输出是 1×1，所以展平后正好 `c5` 个数。
    返回全部参数的个数（整数）。LeNet-5 是 (1, 6, 16, 120, 84, 10)，应得 61,706。""",
    stub="""
    def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "卷积层 D → P：每张输出特征图有 D·5·5 个权重和 1 个偏置，一共 (D·25 + 1)·P。",
        "全连接层 a → b：a·b 个权重，b 个偏置。汇聚层没有参数。",
        "先写一个求卷积层参数的小函数，对 (in_channels, c1)、(c1, c3)、(c3, c5) 各用一次。",
    ),
    solution="""
    def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
        widths = [in_channels, c1, c3, c5]
        total = 0
        for D, P in zip(widths[:-1], widths[1:]):
            total += P * D * 5 * 5 + P  # 卷积层：权重与偏置
        total += c5 * hidden + hidden  # 全连接层
        total += hidden * num_classes + num_classes
        return total
    """,
    reference=_params,
    cases=(
        case(1, 6, 16, 120, 84, 10),
        case(3, 6, 16, 120, 84, 10, about="输入通道"),
        case(1, 8, 8, 32, 20, 5),
        case(2, 3, 4, 5, 6, 7),
    ),
    mutants={
        "bias_missing": lambda *a: _params(*a, bias=0),
        "bias_only_in_linear": (
            lambda D, c1, c3, c5, h, n: _params(D, c1, c3, c5, h, n) - c1 - c3 - c5,
            "卷积层也有偏置：每张输出特征图一个。",
        ),
        "bias_only_in_convolutions": (
            lambda D, c1, c3, c5, h, n: _params(D, c1, c3, c5, h, n) - h - n,
            "全连接层也有偏置：每个输出一个。",
        ),
        "bias_per_kernel": (
            lambda D, c1, c3, c5, h, n: (
                _params(D, c1, c3, c5, h, n, bias=0) + (D * c1 + c1 * c3 + c3 * c5 + h + n)
            ),
            "偏置是每张输出**特征图**一个（P 个），不是每个核一个（P·D 个）。",
        ),
        "channels_not_counted": (
            _channel_forgotten,
            "每张输出特征图要对 D 个输入通道各有一个 5×5 的核：D·25，不是 25。",
        ),
        "kernel_not_squared": (lambda *a: _params(*a, k=5), "5×5 的核有 25 个元素，不是 5 个。"),
        "output_layer_missing": (
            lambda D, c1, c3, c5, h, n: _params(D, c1, c3, c5, h, n) - (h + 1) * n,
            "少了最后一个全连接层（hidden → num_classes）。",
        ),
        "in_channels_ignored": (
            lambda D, *rest: _params(1, *rest),
            "第一个卷积层的参数与 in_channels 有关。",
        ),
        "third_convolution_missing": (
            lambda D, c1, c3, c5, h, n: _params(D, c1, c3, c5, h, n) - (c3 * 25 + 1) * c5,
            "少了第三个卷积层（c3 → c5）。",
        ),
    },
    outputs=("params",),
    integer=True,
)

EXERCISES = (PREPROCESS, ACCURACY, CONFUSION, LABEL_SMOOTHING, LENET_PARAMETERS)
