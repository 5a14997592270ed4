# ruff: noqa
"""Answers to the exercises of 5.3 as students write them; read by tests/bank.py, never imported."""


# %% 5.3-1 right
def my_preprocess(image):
    canvas = np.full((1, 32, 32), -1.0)
    canvas[0, 2:30, 2:30] = image / 127.5 - 1
    return canvas


# %% 5.3-1 right
def my_preprocess(image):
    x = paddle.to_tensor(image.astype("float32")).unsqueeze([0, 1])
    x = F.pad((x - 127.5) / 127.5, [2, 2, 2, 2], value=-1.0)
    return x[0]


# %% 5.3-1 wrong padded_after_normalizing
def my_preprocess(image):
    x = (image.astype("float32") - 127.5) / 127.5
    x = np.pad(x, ((2, 2), (2, 2)))
    return x[np.newaxis]


# %% 5.3-1 wrong range_zero_one
def my_preprocess(image):
    return np.pad(image, 2).reshape(1, 32, 32) / 255


# %% 5.3-1 wrong channel_axis_missing
def my_preprocess(image):
    return (np.pad(image, 2).astype("float32") - 127.5) / 127.5


# %% 5.3-1 wrong channel_axis_last
def my_preprocess(image):
    return ((np.pad(image, 2).astype("float32") - 127.5) / 127.5)[:, :, None]


# %% 5.3-1 wrong divided_first
def my_preprocess(image):
    return np.pad(image, 2).astype("float32")[None] - 127.5 / 127.5


# %% 5.3-1 wrong resized
def my_preprocess(image):
    # 缩放代替了填充
    x = paddle.to_tensor(image.astype("float32")).unsqueeze([0, 1])
    x = F.interpolate(x, size=[32, 32], mode="bilinear")
    return ((x - 127.5) / 127.5)[0]


# %% 5.3-1 wrong not_divided
def my_preprocess(image):
    return np.pad(image, 2).astype("float32")[None] - 127.5


# %% 5.3-2 right
def my_accuracy(logits, labels):
    correct = 0
    for row, label in zip(logits.tolist(), labels.flatten().tolist()):
        correct += row.index(max(row)) == label
    return correct / logits.shape[0]


# %% 5.3-2 right
def my_accuracy(logits, labels):
    p = F.softmax(logits)
    return np.mean(np.argmax(p.numpy(), -1) == labels.numpy().ravel())


# %% 5.3-2 wrong labels_broadcast
def my_accuracy(logits, labels):
    return (logits.argmax(axis=1) == labels).astype("float32").mean()


# %% 5.3-2 wrong argmax_wrong_axis | exception
def my_accuracy(logits, labels):
    pred = logits.numpy().argmax(axis=0)
    return (pred == labels.numpy().reshape(-1)).mean()


# %% 5.3-2 wrong count_instead_of_fraction
def my_accuracy(logits, labels):
    return (logits.argmax(axis=1) == labels.reshape([-1])).astype("int64").sum()


# %% 5.3-2 wrong percent_instead_of_fraction
def my_accuracy(logits, labels):
    pred = logits.numpy().argmax(1)
    return 100 * (pred == labels.numpy().reshape(-1)).mean()


# %% 5.3-2 wrong divided_by_classes
def my_accuracy(logits, labels):
    N, C = logits.shape
    pred = logits.numpy().argmax(1)
    return (pred == labels.numpy().reshape(-1)).sum() / C


# %% 5.3-2 wrong integer_division
def my_accuracy(logits, labels):
    pred = logits.numpy().argmax(1)
    return (pred == labels.numpy().reshape(-1)).sum() // len(pred)


# %% 5.3-2 wrong one_per_sample
def my_accuracy(logits, labels):
    return logits.argmax(axis=1) == labels.reshape([-1])


# %% 5.3-2 wrong argmax_flattened
def my_accuracy(logits, labels):
    # 忘了 axis：整个矩阵里只取一个最大值
    return (logits.argmax() == labels.reshape([-1])).astype("float32").mean()


# %% 5.3-3 right
def my_confusion_matrix(labels, predictions, num_classes):
    C = num_classes
    return np.bincount(labels.numpy() * C + predictions.numpy(), minlength=C * C).reshape(C, C)


# %% 5.3-3 right
def my_confusion_matrix(labels, predictions, num_classes):
    a, b = F.one_hot(labels, num_classes), F.one_hot(predictions, num_classes)
    return (a.T @ b).astype("int64")


# %% 5.3-3 wrong labels_and_predictions_swapped
def my_confusion_matrix(labels, predictions, num_classes):
    m = np.zeros((num_classes, num_classes), int)
    for t, p in zip(labels.tolist(), predictions.tolist()):
        m[p, t] += 1
    return m


# %% 5.3-3 wrong repeated_indices
def my_confusion_matrix(labels, predictions, num_classes):
    m = np.zeros((num_classes, num_classes), int)
    m[labels.numpy(), predictions.numpy()] += 1
    return m


# %% 5.3-3 wrong normalized
def my_confusion_matrix(labels, predictions, num_classes):
    a, b = F.one_hot(labels, num_classes), F.one_hot(predictions, num_classes)
    m = a.T @ b
    return m / m.sum(axis=1, keepdim=True).clip(min=1)


# %% 5.3-3 wrong only_diagonal
def my_confusion_matrix(labels, predictions, num_classes):
    m = [[0] * num_classes for _ in range(num_classes)]
    for t, p in zip(labels.tolist(), predictions.tolist()):
        if t == p:
            m[t][p] += 1
    return m


# %% 5.3-3 wrong rows_shared
def my_confusion_matrix(labels, predictions, num_classes):
    # 每一行是同一个列表
    m = [[0] * num_classes] * num_classes
    for t, p in zip(labels.tolist(), predictions.tolist()):
        m[t][p] += 1
    return m


# %% 5.3-3 wrong wrong_type
def my_confusion_matrix(labels, predictions, num_classes):
    m = {}
    for t, p in zip(labels.tolist(), predictions.tolist()):
        m[t, p] = m.get((t, p), 0) + 1
    return m


# %% 5.3-4 right
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    # (1-ε)·交叉熵 + ε·对各类平均
    nll = F.cross_entropy(logits, labels)
    uniform = -F.log_softmax(logits, axis=1).mean(axis=1).mean()
    return (1 - epsilon) * nll + epsilon * uniform


# %% 5.3-4 right
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    z, y = logits.numpy().astype("float64"), labels.numpy()
    losses = []
    for row, k in zip(z, y):
        m = row.max()
        log_p = row - m - np.log(np.exp(row - m).sum())
        q = np.full(len(row), epsilon / len(row))
        q[k] += 1 - epsilon
        losses.append(-(q * log_p).sum())
    return sum(losses) / len(losses)


# %% 5.3-4 wrong softmax_before_cross_entropy
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return F.cross_entropy(F.softmax(logits), target, soft_label=True)


# %% 5.3-4 wrong smoothing_missing
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    return F.cross_entropy(logits, labels)


# %% 5.3-4 wrong epsilon_over_others
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    hot = F.one_hot(labels, C)
    target = hot * (1 - epsilon) + (1 - hot) * epsilon / (C - 1)
    return F.cross_entropy(logits, target, soft_label=True)


# %% 5.3-4 wrong averaged_over_classes
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return -(target * F.log_softmax(logits)).mean()


# %% 5.3-4 wrong sum_instead_of_mean
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return -(target * F.log_softmax(logits)).sum()


# %% 5.3-4 wrong softmax_wrong_axis
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return -(target * F.log_softmax(logits, axis=0)).sum(axis=1).mean()


# %% 5.3-4 wrong sign_flipped
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return (target * F.log_softmax(logits)).sum(axis=1).mean()


# %% 5.3-4 wrong log_missing
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return -(target * F.softmax(logits)).sum(axis=1).mean()


# %% 5.3-5 right
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    net = nn.Sequential(
        nn.Conv2D(in_channels, c1, 5),
        nn.Conv2D(c1, c3, 5),
        nn.Conv2D(c3, c5, 5),
        nn.Linear(c5, hidden),
        nn.Linear(hidden, num_classes),
    )
    return sum(p.size for p in net.parameters())


# %% 5.3-5 wrong bias_missing
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    conv = 25 * (in_channels * c1 + c1 * c3 + c3 * c5)
    return conv + c5 * hidden + hidden * num_classes


# %% 5.3-5 wrong channels_not_counted
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    conv = sum(25 * c + c for c in (c1, c3, c5))
    return conv + c5 * hidden + hidden + hidden * num_classes + num_classes


# %% 5.3-5 wrong bias_only_in_linear
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    conv = 25 * (in_channels * c1 + c1 * c3 + c3 * c5)
    return conv + (c5 + 1) * hidden + (hidden + 1) * num_classes


# %% 5.3-5 wrong bias_per_kernel
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    # 每个核一个偏置，而不是每张特征图一个
    conv = 26 * (in_channels * c1 + c1 * c3 + c3 * c5)
    return conv + (c5 + 1) * hidden + (hidden + 1) * num_classes


# %% 5.3-5 wrong output_layer_missing
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    total = 0
    for a, b in ((in_channels, c1), (c1, c3), (c3, c5)):
        total += a * b * 5 * 5 + b
    return total + c5 * hidden + hidden
