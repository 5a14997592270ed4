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


# %% 5.3-1 wrong 先归一化、后填充了
def my_preprocess(image):
    x = (image.astype("float32") - 127.5) / 127.5
    x = np.pad(x, ((2, 2), (2, 2)))
    return x[np.newaxis]


# %% 5.3-1 wrong 归一化的范围不对
def my_preprocess(image):
    return np.pad(image, 2).reshape(1, 32, 32) / 255


# %% 5.3-1 wrong 少了通道轴
def my_preprocess(image):
    return (np.pad(image, 2).astype("float32") - 127.5) / 127.5


# %% 5.3-1 wrong 通道轴的位置不对
def my_preprocess(image):
    return ((np.pad(image, 2).astype("float32") - 127.5) / 127.5)[:, :, None]


# %% 5.3-1 wrong 运算的次序不对
def my_preprocess(image):
    return np.pad(image, 2).astype("float32")[None] - 127.5 / 127.5


# %% 5.3-1 wrong 用缩放代替了填充
def my_preprocess(image):
    # 缩放代替了填充
    x = paddle.to_tensor(image.astype("float32")).unsqueeze([0, 1])
    x = F.interpolate(x, size=[32, 32], mode="bilinear")
    return ((x - 127.5) / 127.5)[0]


# %% 5.3-1 wrong 没有除以 127.5
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


# %% 5.3-2 wrong 标签的形状引起了广播
def my_accuracy(logits, labels):
    return (logits.argmax(axis=1) == labels).astype("float32").mean()


# %% 5.3-2 wrong argmax 的轴不对 | exception
def my_accuracy(logits, labels):
    pred = logits.numpy().argmax(axis=0)
    return (pred == labels.numpy().reshape(-1)).mean()


# %% 5.3-2 wrong 返回的是个数
def my_accuracy(logits, labels):
    return (logits.argmax(axis=1) == labels.reshape([-1])).astype("int64").sum()


# %% 5.3-2 wrong 返回的是百分数
def my_accuracy(logits, labels):
    pred = logits.numpy().argmax(1)
    return 100 * (pred == labels.numpy().reshape(-1)).mean()


# %% 5.3-2 wrong 分母不对
def my_accuracy(logits, labels):
    N, C = logits.shape
    pred = logits.numpy().argmax(1)
    return (pred == labels.numpy().reshape(-1)).sum() / C


# %% 5.3-2 wrong 整数与小数的除法弄混了
def my_accuracy(logits, labels):
    pred = logits.numpy().argmax(1)
    return (pred == labels.numpy().reshape(-1)).sum() // len(pred)


# %% 5.3-2 wrong 没有取平均
def my_accuracy(logits, labels):
    return logits.argmax(axis=1) == labels.reshape([-1])


# %% 5.3-2 wrong argmax 没有写轴
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


# %% 5.3-3 wrong 次序与题目相反
def my_confusion_matrix(labels, predictions, num_classes):
    m = np.zeros((num_classes, num_classes), int)
    for t, p in zip(labels.tolist(), predictions.tolist()):
        m[p, t] += 1
    return m


# %% 5.3-3 wrong 重复的下标只加了一次
def my_confusion_matrix(labels, predictions, num_classes):
    m = np.zeros((num_classes, num_classes), int)
    m[labels.numpy(), predictions.numpy()] += 1
    return m


# %% 5.3-3 wrong 做了归一化
def my_confusion_matrix(labels, predictions, num_classes):
    a, b = F.one_hot(labels, num_classes), F.one_hot(predictions, num_classes)
    m = a.T @ b
    return m / m.sum(axis=1, keepdim=True).clip(min=1)


# %% 5.3-3 wrong 只数了答对的
def my_confusion_matrix(labels, predictions, num_classes):
    m = [[0] * num_classes for _ in range(num_classes)]
    for t, p in zip(labels.tolist(), predictions.tolist()):
        if t == p:
            m[t][p] += 1
    return m


# %% 5.3-3 wrong 各行是同一个列表
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


# %% 5.3-4 wrong 交叉熵之前多做了一次 softmax
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return F.cross_entropy(F.softmax(logits), target, soft_label=True)


# %% 5.3-4 wrong 没有做标签平滑
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    return F.cross_entropy(logits, labels)


# %% 5.3-4 wrong ε 的分法不对
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    hot = F.one_hot(labels, C)
    target = hot * (1 - epsilon) + (1 - hot) * epsilon / (C - 1)
    return F.cross_entropy(logits, target, soft_label=True)


# %% 5.3-4 wrong 多除以了 C
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return -(target * F.log_softmax(logits)).mean()


# %% 5.3-4 wrong 求了和而没有取平均
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return -(target * F.log_softmax(logits)).sum()


# %% 5.3-4 wrong softmax 的轴不对
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return -(target * F.log_softmax(logits, axis=0)).sum(axis=1).mean()


# %% 5.3-4 wrong 符号反了
def my_label_smoothing_loss(logits, labels, epsilon=0.1):
    C = logits.shape[1]
    target = (1 - epsilon) * F.one_hot(labels, C) + epsilon / C
    return (target * F.log_softmax(logits)).sum(axis=1).mean()


# %% 5.3-4 wrong 少了对数
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


# %% 5.3-5 wrong 忘了偏置
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    conv = 25 * (in_channels * c1 + c1 * c3 + c3 * c5)
    return conv + c5 * hidden + hidden * num_classes


# %% 5.3-5 wrong 没有数输入通道
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    conv = sum(25 * c + c for c in (c1, c3, c5))
    return conv + c5 * hidden + hidden + hidden * num_classes + num_classes


# %% 5.3-5 wrong 卷积层没有数偏置
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    conv = 25 * (in_channels * c1 + c1 * c3 + c3 * c5)
    return conv + (c5 + 1) * hidden + (hidden + 1) * num_classes


# %% 5.3-5 wrong 偏置数多了
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    # 每个核一个偏置，而不是每张特征图一个
    conv = 26 * (in_channels * c1 + c1 * c3 + c3 * c5)
    return conv + (c5 + 1) * hidden + (hidden + 1) * num_classes


# %% 5.3-5 wrong 少了最后一个全连接层
def my_lenet_params(in_channels, c1, c3, c5, hidden, num_classes):
    total = 0
    for a, b in ((in_channels, c1), (c1, c3), (c3, c5)):
        total += a * b * 5 * 5 + b
    return total + c5 * hidden + hidden


# %% 5.3-6 right
class MyLeNet(nn.Layer):
    def __init__(self, in_channels=1, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2D(in_channels, 6, kernel_size=5)
        self.pool2 = nn.MaxPool2D(2, 2)
        self.conv3 = nn.Conv2D(6, 16, kernel_size=5)
        self.pool4 = nn.AvgPool2D(2, 2)
        self.conv5 = nn.Conv2D(16, 120, kernel_size=5)
        self.linear6 = nn.Linear(120, 84)
        self.linear7 = nn.Linear(84, num_classes)

    def forward(self, X):
        Y = F.relu(self.pool2(self.conv1(X)))
        Y = self.pool4(F.relu(self.conv3(Y)))
        Y = F.relu(self.conv5(Y)).reshape([X.shape[0], -1])
        return self.linear7(F.relu(self.linear6(Y)))


# %% 5.3-6 wrong linear6 之后少了 ReLU
class MyLeNet(nn.Layer):
    def __init__(self, in_channels=1, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2D(in_channels, 6, 5)
        self.conv3 = nn.Conv2D(6, 16, 5)
        self.conv5 = nn.Conv2D(16, 120, 5)
        self.linear6, self.linear7 = nn.Linear(120, 84), nn.Linear(84, num_classes)

    def forward(self, X):
        Y = F.max_pool2d(F.relu(self.conv1(X)), 2)
        Y = F.avg_pool2d(F.relu(self.conv3(Y)), 2)
        Y = F.relu(self.conv5(Y)).flatten(1)
        return self.linear7(self.linear6(Y))


# %% 5.3-6 wrong 第二个汇聚用了最大值
class MyLeNet(nn.Layer):
    def __init__(self, in_channels=1, num_classes=10):
        super().__init__()
        self.pool = nn.MaxPool2D(2, 2)
        self.conv1 = nn.Conv2D(in_channels, 6, 5)
        self.conv3 = nn.Conv2D(6, 16, 5)
        self.conv5 = nn.Conv2D(16, 120, 5)
        self.linear6, self.linear7 = nn.Linear(120, 84), nn.Linear(84, num_classes)

    def forward(self, X):
        Y = self.pool(F.relu(self.conv1(X)))
        Y = self.pool(F.relu(self.conv3(Y)))
        Y = F.relu(self.conv5(Y)).flatten(1)
        return self.linear7(F.relu(self.linear6(Y)))


# %% 5.3-7 right
def my_fit_1(model, X, y, batches, lr):
    losses = []
    for indices in batches:
        model.train()
        loss = F.cross_entropy(model(X[indices]), y[indices])
        for parameter in model.parameters():
            parameter.clear_grad()
        loss.backward()
        for parameter in model.parameters():
            if not parameter.stop_gradient:
                parameter.set_value(parameter - lr * parameter.grad)
        losses.append(loss.item())
    return losses


# %% 5.3-7 wrong 没有清除梯度
def my_fit_1(model, X, y, batches, lr):
    sgd = paddle.optimizer.SGD(lr, parameters=model.parameters())
    losses = []
    for b in batches:
        loss = F.cross_entropy(model(X[b]), y[b])
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    return losses


# %% 5.3-11 wrong 次序弄反了
def my_fit_5(model, X, y, batches, lr):
    optimizer = paddle.optimizer.SGD(lr, parameters=model.parameters())
    losses = []
    for indices in batches:
        model.train()
        loss = F.cross_entropy(model(X[indices]), y[indices])
        loss.backward()
        optimizer.clear_grad()
        optimizer.step()
        losses.append(float(loss))
    return losses
