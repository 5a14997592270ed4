"""Exercises of 5.3: preprocessing, accuracy, confusion, label smoothing, counting and writing LeNet."""

import numpy as np

from ..engine.run import to_array
from ..exercise import Exercise, case, integers


def _digit(size, seed):
    """A blot on a black background, uint8, brightest value 255."""
    image = np.zeros((size, size), dtype="uint8")
    image[2:-3, 3:-2] = np.random.default_rng(seed).integers(0, 256, (size - 5, size - 5))
    image[size // 2, size // 2] = 255
    return image


PREPROCESS = Exercise(
    id="5.3-1",
    title="预处理一张手写数字",
    english="Preprocessing a digit",
    prompt="""
    `image` 是 NumPy 数组，uint8，[28, 28]，黑底（0）白字（255）。LeNet-5 要 32×32 的输入：
    1. 四周各补 2 圈**背景**（黑色），得到 32×32；
    2. 归一化到 [−1, 1]：$(x - 127.5) / 127.5$；
    3. 在最前面加上通道轴，返回浮点数的 [1, 32, 32]。""",
    example="例：全黑的图得到处处为 −1 的 [1, 32, 32]，包括补上的边框；值为 255 的像素得到 1。",
    stub="""
    def my_preprocess(image):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "两步的次序有讲究：归一化之后，黑色背景的值是多少？",
        "uint8 只能装 0 到 255：在做减法之前，先转成浮点数。",
        "补边用 `np.pad`；最前面的轴可以用 `[None]` 加上。",
    ),
    solution="""
    def my_preprocess(image):
        padded = np.pad(image, 2).astype("float32")  # 先补黑色的背景；uint8 先转成浮点数再做减法
        normalized = (padded - 127.5) / 127.5  # 0 → −1，255 → 1
        return normalized[None]  # 加上通道轴
    """,
    slips="""
    (padded - 127.5) / 127.5 ⇒ padded / 255 ⇒ 归一化的范围不对：结果在 [0, 1] 之间；题目要 [−1, 1]：减 127.5，再除以 127.5。
    (padded - 127.5) / 127.5 ⇒ (padded - padded.min()) / (padded.max() - padded.min()) ⇒ 归一化的范围不对：结果在 [0, 1] 之间，还随图而变；题目要减 127.5，再除以 127.5。
    (padded - 127.5) / 127.5 ⇒ (padded - padded.mean()) / padded.std() ⇒ 用了图自己的均值和标准差：题目要减 127.5，再除以 127.5。
    (padded - 127.5) / 127.5 ⇒ padded - 127.5 ⇒ 没有除以 127.5：减了 127.5，还要除以 127.5。
    (padded - 127.5) / 127.5 ⇒ padded / 127.5 - 127.5 ⇒ 运算的次序不对：减法要加括号，(x − 127.5) / 127.5。
    (padded - 127.5) / 127.5 ⇒ padded - 127.5 / 127.5 ⇒ 运算的次序不对：减法要加括号，(x − 127.5) / 127.5。
    (padded - 127.5) / 127.5 ⇒ (127.5 - padded) / 127.5 ⇒ 黑白颠倒了：背景应为 −1，笔画应为 1。
    (padded - 127.5) / 127.5 ⇒ (padded.astype("uint8") - np.uint8(127)).astype("float32") / 127.5 ⇒ 无符号整数回绕了：uint8 相减会回绕（0 − 127 变成 129）；先用 astype('float32') 转成浮点数。
    (padded - 127.5) / 127.5 ⇒ np.floor((padded - 127.5) / 127.5) ⇒ 用了整除：// 会舍去小数部分：用 /。
    return normalized[None] ⇒ return np.pad(normalized[2:-2, 2:-2], 2)[None] ⇒ 先归一化、后填充了：补的 0 成了灰色的边框，而背景是 −1：应先补零，后归一化。
    return normalized[None] ⇒ return normalized ⇒ 少了通道轴：在最前面加上长度为 1 的轴。
    return normalized[None] ⇒ return normalized[..., None] ⇒ 通道轴的位置不对：应在最前面：[1, 32, 32]，不是 [32, 32, 1]。
    return normalized[None] ⇒ return normalized[None, None] ⇒ 多加了一个轴：一张图的形状是 [1, 32, 32]；批的轴不在这里加。
    np.pad(image, 2) ⇒ image ⇒ 忘了零填充：四周各补 2 圈。
    np.pad(image, 2) ⇒ np.pad(image, (0, 4)) ⇒ 只填充了一侧：四周各补 2 圈，图在正中间。
    np.pad(image, 2) ⇒ np.pad(image, (4, 0)) ⇒ 只填充了一侧：四周各补 2 圈，图在正中间。
    np.pad(image, 2) ⇒ np.pad(image, 2, constant_values=255) ⇒ 补的是白色：背景是黑色，值为 0。
    np.pad(image, 2) ⇒ F.interpolate(paddle.to_tensor(image.astype("float32"))[None, None], size=[32, 32], mode="bilinear")[0, 0].numpy() ⇒ 用缩放代替了填充：图被拉大了；题目要的是原样放在中间，四周各补 2 圈背景。
    np.pad(image, 2) ⇒ F.interpolate(paddle.to_tensor(image.astype("float32"))[None, None], size=[32, 32], mode="nearest")[0, 0].numpy() ⇒ 用缩放代替了填充：图被拉大了；题目要的是原样放在中间，四周各补 2 圈背景。
    """,
    reference=lambda image: ((np.pad(image, 2).astype("float32") - 127.5) / 127.5)[None],
    cases=(
        case(np.zeros((28, 28), "uint8"), about="全黑"),
        case(_digit(28, 1)),
        case(_digit(28, 2)),
        case(np.minimum(_digit(28, 3), 100), about="最亮处不到 255"),
        case(np.maximum(_digit(28, 4), 30), about="最暗处不是 0"),
    ),
    outputs=("X",),
    inputs="numpy",
)


def _accuracy(logits, labels):
    return np.mean(to_array(logits).argmax(axis=1) == to_array(labels).reshape(-1))


def _logits(shape, labels, right, seed):
    """Logits whose largest value is at the label in the first `right` rows only."""
    values = np.random.default_rng(seed).normal(size=shape)
    for row, label in enumerate(labels):
        values[row, label] = values[row].max() + 1 if row < right else values[row].min() - 1
    order = np.random.default_rng(seed + 1).permutation(len(labels))
    return values[order].astype("float32"), np.array(labels, "int64")[order]


_COLUMN = _logits((6, 10), [3, 3, 5, 8, 0, 3], 3, 203)

ACCURACY = Exercise(
    id="5.3-2",
    title="从 logits 求准确率",
    english="Accuracy from logits",
    prompt="""
    `logits` [B, C] 和 `labels`（int64）是张量；`labels` 的形状可能是 [B]，**也可能是 [B, 1]**。返回答对的比例，0 到 1 之间的小数。""",
    example="例：`logits = [[2, 1], [0, 3], [5, 4]]`，`labels = [0, 1, 1]`：预测是 0、1、0，答对两个，返回 `0.6667`。",
    stub="""
    def my_accuracy(logits, labels):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "预测的类别是每一行最大的 logit 的位置。需要先做 softmax 吗？想想它改不改变大小的次序。",
        "打印 `[B]` 与 `[B, 1]` 比较之后的形状：先使两边一样。",
        "比较得到布尔张量；转成小数，再取平均。",
    ),
    solution="""
    def my_accuracy(logits, labels):
        predictions = logits.argmax(axis=1)  # 每个样本得分最高的类别
        right = predictions == labels.reshape([-1])  # [B, 1] 会引起广播，先变成 [B]
        return right.astype("float32").mean()
    """,
    versions=(
        """
    def my_accuracy(logits, labels):
        count = 0
        for row, label in zip(logits.numpy(), labels.numpy().reshape(-1)):
            if row.argmax() == label:
                count += 1
        return count / len(logits)
    """,
    ),
    slips="""
    predictions == labels.reshape([-1]) ⇒ predictions == labels ⇒ 标签的形状引起了广播：[B] 与 [B, 1] 比较会得到 [B, B]：先 labels.reshape([-1])。
    predictions == labels.reshape([-1]) ⇒ predictions != labels.reshape([-1]) ⇒ 返回的是错误率：这是答错的比例；准确率是答对的比例。
    right.astype("float32").mean() ⇒ right.astype("float32").mean().round() ⇒ 整数与小数的除法弄混了：比例是小数：用 /，不用 //。
    right.astype("float32").mean() ⇒ right.astype("float32").mean().floor() ⇒ 整数与小数的除法弄混了：比例是小数：用 /，不用 //。
    right.astype("float32").mean() ⇒ right.astype("float32").sum() / logits.shape[1] ⇒ 分母不对：分母应是样本数 B，不是类别数 C。
    right.astype("float32").mean() ⇒ right.astype("float32").mean() * 100 ⇒ 返回的是百分数：这里要 0 到 1 之间的小数，不乘 100。
    right.astype("float32").mean() ⇒ right.astype("float32").sum() ⇒ 返回的是个数：准确率是“答对的个数 ÷ 样本数”。
    right.astype("float32").mean() ⇒ right ⇒ 没有取平均：得到了每个样本的对错，还要取平均。
    logits.argmax(axis=1) ⇒ logits.argmax() ⇒ argmax 没有写轴：整个矩阵只得到一个位置。要每一行各取一个：axis=1。
    logits.argmax(axis=1) ⇒ logits.argmin(axis=1) ⇒ 取了最小的：预测的类别是 logit 最大的那个。
    logits.argmax(axis=1) ⇒ logits.argmax(axis=0) ⇒ argmax 的轴不对：logits 的形状是 [B, C]，要在类别轴（axis=1 或 -1）上取最大。
    return count / len(logits) ⇒ return (logits.argmax(axis=1) == labels).astype("float32").sum() / len(logits) ⇒ 标签的形状引起了广播：[B] 与 [B, 1] 比较会得到 [B, B]，个数也跟着变多。
    """,
    reference=_accuracy,
    cases=(
        case(*_logits((4, 4), [0, 3, 1, 1], 3, 201)),
        case(*_logits((7, 10), [1, 0, 9, 4, 4, 2, 7], 2, 202)),
        case(_COLUMN[0], _COLUMN[1][:, None], about="labels 的形状是 [B, 1]"),
        case(*_logits((3, 5), [1, 2, 0], 0, 205), about="全错"),
        case(*_logits((5, 3), [1, 2, 0, 2, 2], 5, 207), about="全对"),
        case(*_logits((1, 6), [2], 1, 209), about="只有一个样本"),
    ),
    outputs=("accuracy",),
)


def _confusion(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype="int64")
    np.add.at(matrix, (to_array(labels), to_array(predictions)), 1)
    return matrix


CONFUSION = Exercise(
    id="5.3-3",
    title="混淆矩阵",
    english="Confusion matrix",
    prompt="""
    `labels` [B] 和 `predictions` [B] 是 int64 张量，取值 0 … C−1。返回 [C, C] 的整数矩阵：第 `i` 行第 `j` 列是“真实类别为 i、被预测为 j”的样本个数。""",
    stub="""
    def my_confusion_matrix(labels, predictions, num_classes):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "从全零的矩阵开始，对每个样本在相应的格子里加 1。",
        "行是真实类别，列是预测类别。同一个格子可能来好几次。",
        "想不用循环？先试试 `matrix[labels, predictions] += 1` 遇到重复的下标会怎样，再查 `np.add.at` 或 `np.bincount`。",
    ),
    solution="""
    def my_confusion_matrix(labels, predictions, num_classes):
        matrix = np.zeros((num_classes, num_classes), dtype="int64")
        for label, prediction in zip(labels.numpy(), predictions.numpy()):
            matrix[label, prediction] += 1  # 行：真实类别；列：预测类别
        return matrix
    """,
    slips="""
    matrix[label, prediction] += 1 ⇒ matrix[prediction, label] += 1 ⇒ 真实与预测弄反了：行是真实类别，列是预测类别。
    matrix[label, prediction] += 1 ⇒ matrix[label, prediction] = 1 ⇒ 重复的只算了一次：同一个格子来几次就加几次：用 +=。
    matrix[label, prediction] += 1 ⇒ matrix[label, prediction] += label == prediction ⇒ 只数了答对的：答错的要记在 (真实, 预测) 的格子里。
    matrix[label, prediction] += 1 ⇒ matrix[label, prediction] += label != prediction ⇒ 只数了答错的：答对的记在对角线上。
    matrix[label, prediction] += 1 ⇒ matrix[:, prediction] += 1 ⇒ 各行是同一个列表：每一行都一样：`[[0] * C] * C` 的各行是同一个；用 np.zeros((C, C))。
    return matrix ⇒ return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1) ⇒ 做了归一化：题目要个数，不要除以行的和。
    return matrix ⇒ return matrix / np.maximum(matrix.sum(axis=0, keepdims=True), 1) ⇒ 做了归一化：题目要个数，不要除以列的和。
    return matrix ⇒ return matrix / len(labels) ⇒ 做了归一化：题目要个数，不要除以样本数。
    num_classes, num_classes) ⇒ int(labels.max()) + 1, int(labels.max()) + 1) ⇒ 类别数由标签求出：有的类别可能没有出现；用 num_classes。
    return matrix ⇒ return matrix[np.ix_(np.unique(labels.numpy()), np.unique(labels.numpy()))] ⇒ 丢掉了没有出现的类：矩阵总是 [C, C]，没有样本的行留着 0。
    """,
    mutants={
        "`matrix[labels, predictions] += 1`": (
            lambda labels, predictions, C: np.minimum(_confusion(labels, predictions, C), 1),
            "一次写很多下标时，重复的下标只加一次。用循环或 np.add.at。",
        ),
        "次序与题目相反（转置）": (lambda labels, predictions, C: _confusion(predictions, labels, C), "行是真实类别，列是预测类别。"),
    },
    reference=_confusion,
    cases=(
        case(np.array([0, 1, 2, 2, 2, 1]), np.array([0, 2, 2, 2, 0, 1]), 3),
        case(np.array([3, 3, 0, 3]), np.array([1, 1, 0, 1]), 5, about="没有出现的类别"),
        case(np.array([1]), np.array([0]), 2, about="只有一个样本"),
        case(np.array([0, 1, 2]), np.array([0, 1, 2]), 3, about="全对"),
        case(
            np.random.default_rng(211).integers(0, 4, 40),
            np.random.default_rng(212).integers(0, 4, 40),
            4,
        ),
    ),
    outputs=("matrix",),
)


def _smoothing(logits, labels, epsilon=0.1):
    import paddle.nn.functional as F

    soft = F.label_smooth(F.one_hot(labels, logits.shape[1]), epsilon=epsilon)
    return F.cross_entropy(logits, soft, soft_label=True)


LABEL_SMOOTHING = Exercise(
    id="5.3-4",
    title="标签平滑的交叉熵",
    english="Label smoothing",
    level=2,
    prompt="""
    标签平滑（label smoothing）不让模型过于自信：目标不再是独热向量，而是
    $$q_k = (1-\\varepsilon)\\,[k = y] + \\varepsilon / C,$$
    损失是 $-\\sum_k q_k \\log p_k$ 在批上的平均，$p = \\mathrm{softmax}(\\text{logits})$。`logits` [B, C]、`labels` [B]（int64）是张量，`epsilon` 是小数；返回一个数。""",
    example="例：C = 2，`labels = [0]`，`epsilon = 0.2`：目标是 `[0.9, 0.1]`；`logits = [[0, 0]]` 时损失是 ln 2 ≈ `0.6931`。",
    stub="""
    def my_label_smoothing_loss(logits, labels, epsilon=0.1):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先只做目标：C = 4、ε = 0.1、y = 2 时，四个数各是多少？它们的和是 1 吗？",
        "`F.one_hot` 和 `F.log_softmax` 各做什么？先 softmax 再取对数在 logits 很大时会出问题。",
        "目标与 log p 逐元素相乘，在**类别**上求和、取负，在**批**上取平均。",
    ),
    solution="""
    def my_label_smoothing_loss(logits, labels, epsilon=0.1):
        C = logits.shape[1]
        target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C  # 每一行的和仍是 1
        log_p = F.log_softmax(logits, axis=1)
        return -(target * log_p).sum(axis=1).mean()
    """,
    slips="""
    log_p = F.log_softmax(logits, axis=1) ⇒ log_p = F.log_softmax(F.softmax(logits, axis=1), axis=1) ⇒ 交叉熵之前多做了一次 softmax：softmax 只做一次：直接把 logits 交给 log_softmax（或 cross_entropy）。
    log_p = F.log_softmax(logits, axis=1) ⇒ log_p = logits.log() ⇒ 少了 softmax：logits 不是概率：先 log_softmax，再求交叉熵。
    log_p = F.log_softmax(logits, axis=1) ⇒ log_p = logits ⇒ 少了 log_softmax：logits 不是对数概率。
    log_p = F.log_softmax(logits, axis=1) ⇒ log_p = F.softmax(logits, axis=1) ⇒ 少了对数：损失是 −Σ q·log p，不是 −Σ q·p。
    log_p = F.log_softmax(logits, axis=1) ⇒ log_p = F.log_softmax(logits, axis=0) ⇒ softmax 的轴不对：每一行（一个样本）的概率之和应为 1：axis=1。
    log_p = F.log_softmax(logits, axis=1) ⇒ log_p = F.log_softmax(logits, axis=1) / np.log(2) ⇒ 对数的底不对：用自然对数，不是以 2 为底。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = F.one_hot(labels, C) ⇒ 没有做标签平滑：结果与普通交叉熵一样，epsilon 没有起作用。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = F.one_hot(labels, C); target = (1 - epsilon) * target + epsilon / (C - 1) * (1 - target) ⇒ ε 的分法不对：ε 要平均分给**全部** C 类（包括正确的一类），而不是其余的 C − 1 类。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = F.one_hot(labels, C); target = (1 - epsilon) * target + epsilon / C * (1 - target) ⇒ 均匀的部分漏了正确的一类：正确的一类也要加 ε/C。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / (C - 1) ⇒ ε 的分法不对：每一类加 ε/C，目标的和才是 1。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = (1 - epsilon) * F.one_hot(labels, C) + epsilon ⇒ ε 没有除以 C：加的是 ε/C，否则目标的和超过 1。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = F.one_hot(labels, C) + epsilon / C ⇒ 正确的一类没有减少：独热向量要先乘 (1 − ε)，否则目标的和超过 1。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = (1 - epsilon) * F.one_hot(labels, C) ⇒ 少了均匀的部分：还要给每一类加 ε/C。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = epsilon * F.one_hot(labels, C) + (1 - epsilon) / C ⇒ ε 用反了：独热的部分乘 1 − ε。
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C ⇒ target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / logits.shape[0] ⇒ ε 除以了样本数：要除以类别数 C。
    (target * log_p).sum(axis=1).mean() ⇒ (target * log_p).mean() ⇒ 多除以了 C：在类别上求和，只在批上取平均。
    (target * log_p).sum(axis=1).mean() ⇒ (target * log_p).sum() ⇒ 求了和而没有取平均：要的是批上的平均值：除以样本数 B。
    (target * log_p).sum(axis=1).mean() ⇒ (target * log_p).sum(axis=1) ⇒ 没有取平均：得到了每个样本的损失，还要在批上取平均。
    -(target * log_p).sum(axis=1).mean() ⇒ (target * log_p).sum(axis=1).mean() ⇒ 符号反了：交叉熵前面有负号，损失是正数。
    """,
    reference=_smoothing,
    cases=(
        case(integers([2, 3], 221), np.array([0, 2]), 0.0, about="epsilon = 0"),
        case(integers([4, 5], 222), np.array([1, 1, 4, 0]), 0.1),
        case(integers([3, 10], 223) * 2, np.array([9, 3, 3]), 0.3),
        case(integers([5, 4], 224) / 4, np.array([2, 0, 1, 3, 3]), 0.2),
        case(integers([1, 3], 225), np.array([1]), 0.2, about="只有一个样本"),
    ),
    outputs=("loss",),
    by_hand=("label_smooth",),
)


def _params(in_channels, c1, c3, c5, hidden, num_classes):
    convolutions = (in_channels * 25 + 1) * c1 + (c1 * 25 + 1) * c3 + (c3 * 25 + 1) * c5
    return convolutions + (c5 + 1) * hidden + (hidden + 1) * num_classes


LENET_PARAMETERS = Exercise(
    id="5.3-5",
    title="LeNet 变体的参数量",
    english="Parameters of a LeNet",
    prompt="""
    LeNet-5 的三个卷积层都是 5×5（`in_channels` → `c1` → `c3` → `c5`），两个汇聚层夹在其间，之后是两个全连接层 `c5` → `hidden` → `num_classes`；每层都有偏置。第三个卷积的输出是 1×1，所以展平后正好 `c5` 个数。返回全部参数的个数（整数）。""",
    stub="""
    def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先数一层：从 D 个通道到 P 张特征图的 5×5 卷积，有几个核？每个核几个数？偏置有几个？",
        "汇聚层有参数吗？全连接层 a → b 的权重是多大的矩阵？",
        "写一个求卷积层参数的小函数，对 (in_channels, c1)、(c1, c3)、(c3, c5) 各用一次。",
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
    versions=(
        """
    def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
        conv1 = (in_channels * 25 + 1) * c1
        conv3 = (c1 * 25 + 1) * c3
        conv5 = (c3 * 25 + 1) * c5
        linear6 = (c5 + 1) * hidden
        linear7 = (hidden + 1) * num_classes
        return conv1 + conv3 + conv5 + linear6 + linear7
    """,
    ),
    slips="""
    return total ⇒ return total - c1 - c3 - c5 - hidden - num_classes ⇒ 忘了偏置：每张输出特征图、每个全连接的输出各有一个偏置。
    return total ⇒ return total - c1 - c3 - c5 ⇒ 卷积层没有数偏置：卷积层也有偏置：每张输出特征图一个。
    return total ⇒ return total - hidden - num_classes ⇒ 全连接层没有数偏置：每个输出一个。
    return total ⇒ return total - hidden * num_classes - num_classes ⇒ 少了最后一个全连接层（hidden → num_classes）
    P * D * 5 * 5 + P ⇒ P * D * 5 * 5 + P * D ⇒ 偏置数多了：偏置是每张输出**特征图**一个（P 个），不是每个核一个（P·D 个）。
    P * D * 5 * 5 + P ⇒ P * D * (5 * 5 + 1) ⇒ 偏置数多了：偏置是每张输出**特征图**一个（P 个），不是每个核一个（P·D 个）。
    P * D * 5 * 5 + P ⇒ P * D * 5 * 5 + D ⇒ 偏置的个数不对：每张**输出**特征图一个：P 个，不是 D 个。
    P * D * 5 * 5 + P ⇒ P * 5 * 5 + P ⇒ 没有数输入通道：每张输出特征图对 D 个输入通道各有一个 5×5 的核：D·25。
    P * D * 5 * 5 + P ⇒ P * D * 5 + P ⇒ 核的元素少算了：5×5 的核有 25 个元素，不是 5 个。
    widths = [in_channels, c1, c3, c5] ⇒ widths = [1, c1, c3, c5] ⇒ 没有用 in_channels：第一个卷积层的参数与输入通道数有关。
    widths = [in_channels, c1, c3, c5] ⇒ widths = [in_channels, c1, c3] ⇒ 少了第三个卷积层（c3 → c5）
    """,
    reference=_params,
    cases=(
        case(1, 6, 16, 120, 84, 10),
        case(3, 6, 16, 120, 84, 10, about="三个输入通道"),
        case(1, 8, 8, 32, 20, 5),
        case(2, 3, 4, 5, 6, 7),
    ),
    outputs=("params",),
    integer=True,
)


def _lenet_case(in_channels, num_classes, batch, seed):
    shapes = {
        "conv1": [6, in_channels, 5, 5],
        "conv3": [16, 6, 5, 5],
        "conv5": [120, 16, 5, 5],
        "linear6": [120, 84],
        "linear7": [84, num_classes],
    }
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes.items():
        inputs = np.prod(shape[1:]) if name.startswith("conv") else shape[0]
        weights[f"{name}.weight"] = (rng.normal(size=shape) * (2 / inputs) ** 0.5).astype("float32")
        size = shape[0] if name.startswith("conv") else shape[1]
        weights[f"{name}.bias"] = rng.normal(size=size).astype("float32") / 4
    images = rng.normal(size=[batch, in_channels, 32, 32]).astype("float32")
    return case(images, weights, in_channels, num_classes)


def _lenet(X, weights, in_channels, num_classes):
    import paddle
    import paddle.nn.functional as F

    w = {name: paddle.to_tensor(value) for name, value in weights.items()}
    Y = F.max_pool2d(F.relu(F.conv2d(X, w["conv1.weight"], w["conv1.bias"])), 2, 2)
    Y = F.avg_pool2d(F.relu(F.conv2d(Y, w["conv3.weight"], w["conv3.bias"])), 2, 2)
    Y = F.relu(F.conv2d(Y, w["conv5.weight"], w["conv5.bias"])).flatten(1)
    Y = F.relu(F.linear(Y, w["linear6.weight"], w["linear6.bias"]))
    count = sum(value.size for value in weights.values())
    return F.linear(Y, w["linear7.weight"], w["linear7.bias"]), count


def _call_lenet(model_class, X, weights, in_channels, num_classes):
    model = model_class(in_channels, num_classes)
    own = dict(model.named_parameters())
    for name, value in weights.items():
        got = list(own[name].shape) if name in own else None
        if got != list(value.shape):
            wanted = list(value.shape)
            raise ValueError(f"参数 {name} 的形状应为 {wanted}，" + (f"得到 {got}" if got else "但没有这个参数"))
        own[name].set_value(value)
    model.eval()
    Y = model(X)
    return None if Y is None else (Y, sum(parameter.size for parameter in own.values()))


LENET = Exercise(
    id="5.3-6",
    title="写出 LeNet-5",
    english="Writing LeNet-5",
    level=2,
    prompt="""
    用 `paddle.nn` 写出 LeNet-5，输入 [B, in_channels, 32, 32]，属性名请保留：
    `conv1`（5×5，→ 6）→ ReLU → **最大**汇聚 2×2、步长 2 → `conv3`（5×5，→ 16）→ ReLU → **平均**汇聚 2×2、步长 2 → `conv5`（5×5，→ 120）→ ReLU → 展平 → `linear6`（→ 84）→ ReLU → `linear7`（→ num_classes）。返回 logits [B, num_classes]，最后没有 softmax。""",
    example="例：`MyLeNet(1)(paddle.rand([2, 1, 32, 32]))` 的形状是 `[2, 10]`；参数一共 61,706 个。",
    stub="""
    class MyLeNet(nn.Layer):
        def __init__(self, in_channels=1, num_classes=10):
            super().__init__()
            # 在这里写你的代码：定义各层
            ...

        def forward(self, X):
            # X [B, in_channels, 32, 32] → [B, num_classes]
            # 在这里写你的代码
            ...
    """,
    hints=(
        "先在纸上写出每一层之后的形状：32 → 28 → 14 → ？最后一个卷积之后是几×几？",
        "`nn.Conv2D(in, out, 5)` 默认步长 1、不填充。汇聚没有参数，可以在 forward 里用 `F.max_pool2d`、`F.avg_pool2d`。",
        "第三个卷积之后是 [B, 120, 1, 1]：`flatten(1)` 变成 [B, 120]，再进全连接层。ReLU 一共 4 次。",
    ),
    solution="""
    class MyLeNet(nn.Layer):
        def __init__(self, in_channels=1, num_classes=10):
            super().__init__()
            self.conv1 = nn.Conv2D(in_channels, 6, 5)
            self.conv3 = nn.Conv2D(6, 16, 5)
            self.conv5 = nn.Conv2D(16, 120, 5)
            self.linear6 = nn.Linear(120, 84)
            self.linear7 = nn.Linear(84, num_classes)

        def forward(self, X):
            Y = F.max_pool2d(F.relu(self.conv1(X)), 2, 2)  # [B, 6, 14, 14]
            Y = F.avg_pool2d(F.relu(self.conv3(Y)), 2, 2)  # [B, 16, 5, 5]
            Y = F.relu(self.conv5(Y))  # [B, 120, 1, 1]
            Y = F.relu(self.linear6(Y.flatten(1)))  # [B, 84]
            return self.linear7(Y)  # logits：没有 softmax
    """,
    slips="""
    F.relu(self.conv5(Y)) ⇒ self.conv5(Y) ⇒ 第三个卷积之后少了 ReLU：没有非线性，它与下一层会合成一个线性层。
    F.relu(self.linear6(Y.flatten(1))) ⇒ self.linear6(Y.flatten(1)) ⇒ linear6 之后少了 ReLU：没有非线性，两个全连接层等于一个。
    F.max_pool2d(F.relu(self.conv1(X)), 2, 2) ⇒ F.max_pool2d(self.conv1(X), 2, 2) ⇒ 第一个卷积之后少了 ReLU
    F.avg_pool2d(F.relu(self.conv3(Y)), 2, 2) ⇒ F.avg_pool2d(self.conv3(Y), 2, 2) ⇒ 第二个卷积之后少了 ReLU
    F.avg_pool2d(F.relu(self.conv3(Y)), 2, 2) ⇒ F.relu(F.avg_pool2d(self.conv3(Y), 2, 2)) ⇒ 先平均、后 ReLU 了：ReLU 与平均不能交换（与最大可以）。
    F.avg_pool2d(F.relu(self.conv3(Y)), 2, 2) ⇒ F.max_pool2d(F.relu(self.conv3(Y)), 2, 2) ⇒ 第二个汇聚用了最大值：pool4 是平均汇聚。
    F.max_pool2d(F.relu(self.conv1(X)), 2, 2) ⇒ F.avg_pool2d(F.relu(self.conv1(X)), 2, 2) ⇒ 第一个汇聚用了平均：pool2 是最大汇聚。
    F.max_pool2d(F.relu(self.conv1(X)), 2, 2) ⇒ F.max_pool2d(F.sigmoid(self.conv1(X)), 2, 2) ⇒ 第一个卷积之后用了 sigmoid：题目用 ReLU。
    F.relu ⇒ F.sigmoid ⇒ 用了 sigmoid：题目用 ReLU。
    F.relu ⇒ F.tanh ⇒ 用了 tanh：题目用 ReLU。
    return self.linear7(Y) ⇒ return F.softmax(self.linear7(Y)) ⇒ 最后多做了 softmax：模型返回 logits；交叉熵自己会做 softmax。
    return self.linear7(Y) ⇒ return F.relu(self.linear7(Y)) ⇒ 最后多做了 ReLU：logits 可以是负数。
    """,
    reference=_lenet,
    cases=(_lenet_case(1, 10, 2, 231), _lenet_case(3, 10, 1, 232), _lenet_case(1, 4, 3, 233)),
    outputs=("logits", "参数个数"),
    call=_call_lenet,
)

EXERCISES = (PREPROCESS, ACCURACY, CONFUSION, LABEL_SMOOTHING, LENET_PARAMETERS, LENET)
