"""Exercises of 5.3: preprocessing, accuracy, confusion, label smoothing, counting and writing LeNet."""

import numpy as np

from ..engine.run import to_array
from ..exercise import case, from_text, integers


def _digit(size, seed):
    """A blot on a black background, uint8, brightest value 255."""
    image = np.zeros((size, size), dtype="uint8")
    image[2:-3, 3:-2] = np.random.default_rng(seed).integers(0, 256, (size - 5, size - 5))
    image[size // 2, size // 2] = 255
    return image


PREPROCESS = from_text(
    "5.3-1",
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

ACCURACY = from_text(
    "5.3-2",
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


CONFUSION = from_text(
    "5.3-3",
    mutants={
        "重复的下标只加了一次": (
            lambda labels, predictions, C: np.minimum(_confusion(labels, predictions, C), 1),
            "一次写很多下标时，重复的下标只加一次。用循环或 np.add.at。",
        ),
        "次序与题目相反（转置）": (
            lambda labels, predictions, C: _confusion(predictions, labels, C),
            "行是真实类别，列是预测类别。",
        ),
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


LABEL_SMOOTHING = from_text(
    "5.3-4",
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


LENET_PARAMETERS = from_text(
    "5.3-5",
    reference=_params,
    cases=(
        case(1, 6, 16, 120, 84, 10),
        case(3, 6, 16, 120, 84, 10, about="三个输入通道"),
        case(1, 8, 8, 32, 20, 5),
        case(2, 3, 4, 5, 6, 7),
    ),
    outputs=("params",),
    integer=True,
    linear_in=("in_channels", "c1", "c3", "c5", "hidden", "num_classes"),
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
            raise ValueError(
                f"参数 {name} 的形状应为 {wanted}，" + (f"得到 {got}" if got else "但没有这个参数")
            )
        own[name].set_value(value)
    model.eval()
    Y = model(X)
    return None if Y is None else (Y, sum(parameter.size for parameter in own.values()))


LENET = from_text(
    "5.3-6",
    reference=_lenet,
    cases=(_lenet_case(1, 10, 2, 231), _lenet_case(3, 10, 1, 232), _lenet_case(1, 4, 3, 233)),
    outputs=("logits", "参数个数"),
    call=_call_lenet,
)

EXERCISES = (PREPROCESS, ACCURACY, CONFUSION, LABEL_SMOOTHING, LENET_PARAMETERS, LENET)
