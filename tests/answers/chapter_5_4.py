# ruff: noqa
"""Answers to the exercises of 5.4 as students write them; read by tests/bank.py, never imported."""


# %% 5.4-1 right
def my_batch_norm(X, gamma, beta, epsilon=1e-5):
    X = X.numpy()
    out = np.zeros_like(X)
    for d in range(X.shape[1]):
        x = X[:, d]
        out[:, d] = (x - x.mean()) / np.sqrt(x.var() + epsilon) * gamma[d].item() + beta[d].item()
    return out


# %% 5.4-1 wrong 用了无偏的方差
def my_batch_norm(X, gamma, beta, epsilon=1e-5):
    mean = X.mean(axis=[0, 2, 3], keepdim=True)
    var = X.var(axis=[0, 2, 3], keepdim=True)
    return gamma.reshape([1, -1, 1, 1]) * (X - mean) / (var + epsilon).sqrt() + beta.reshape(
        [1, -1, 1, 1]
    )


# %% 5.4-1 wrong 统计的轴不对
def my_batch_norm(X, gamma, beta, epsilon=1e-5):
    X, gamma, beta = X.numpy(), gamma.numpy(), beta.numpy()
    mean, var = X.mean(axis=0), X.var(axis=0)
    return gamma[:, None, None] * (X - mean) / np.sqrt(var + epsilon) + beta[:, None, None]


# %% 5.4-1 wrong 没有开方
def my_batch_norm(X, gamma, beta, epsilon=1e-5):
    X, gamma, beta = X.numpy(), gamma.numpy(), beta.numpy()
    mean = X.mean(axis=(0, 2, 3), keepdims=True)
    var = X.var(axis=(0, 2, 3), keepdims=True)
    return gamma[:, None, None] * (X - mean) / (var + epsilon) + beta[:, None, None]


# %% 5.4-2 wrong momentum 用反了
def my_running_update(X, running_mean, running_variance, momentum=0.9):
    x = X.numpy()
    m, v = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    new_mean = (1 - momentum) * running_mean.numpy() + momentum * m
    new_variance = (1 - momentum) * running_variance.numpy() + momentum * v
    return new_mean, new_variance


# %% 5.4-2 wrong outputs_swapped
def my_running_update(X, running_mean, running_variance, momentum=0.9):
    x = X.numpy()
    m, v = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    new_mean = momentum * running_mean.numpy() + (1 - momentum) * m
    new_variance = momentum * running_variance.numpy() + (1 - momentum) * v
    return new_variance, new_mean


# %% 5.4-2 wrong input_changed
def my_running_update(X, running_mean, running_variance, momentum=0.9):
    mean = X.mean(axis=[0, 2, 3])
    variance = ((X - mean.reshape([1, -1, 1, 1])) ** 2).mean(axis=[0, 2, 3])
    running_mean.set_value(momentum * running_mean + (1 - momentum) * mean)
    running_variance.set_value(momentum * running_variance + (1 - momentum) * variance)
    return running_mean, running_variance


# %% 5.4-3 right
def my_conv1x1(X, W, b):
    return nn.functional.linear(X.transpose([0, 2, 3, 1]), W.T, b).transpose([0, 3, 1, 2])


# %% 5.4-3 wrong bias_missing
def my_conv1x1(X, W, b):
    return paddle.einsum("pd,ndij->npij", W, X)


# %% 5.4-3 wrong 轴的次序没有还原
def my_conv1x1(X, W, b):
    return X.transpose([0, 2, 3, 1]) @ W.T + b


# %% 5.4-3 wrong 像素混在了一起
def my_conv1x1(X, W, b):
    N, D, M, K = X.shape
    Y = X.reshape([-1, D]) @ W.T + b
    return Y.reshape([N, W.shape[0], M, K])


# %% 5.4-4 wrong 相加之前做了 ReLU
def my_residual_forward(X, unit):
    Y = F.relu(unit.bn1(unit.conv1(X)))
    Y = F.relu(unit.bn2(unit.conv2(Y)))
    side = X if unit.shortcut is None else unit.bn3(unit.shortcut(X))
    return Y + side


# %% 5.4-4 wrong 没有加上直连边
def my_residual_forward(X, unit):
    Y = F.relu(unit.bn1(unit.conv1(X)))
    return F.relu(unit.bn2(unit.conv2(Y)))


# %% 5.4-4 wrong 少了最后的 ReLU
def my_residual_forward(X, unit):
    Y = F.relu(unit.bn1(unit.conv1(X)))
    Y = unit.bn2(unit.conv2(Y))
    if unit.shortcut is not None:
        X = unit.bn3(unit.shortcut(X))
    return X + Y


# %% 5.4-4 wrong 直连边上没有用 1×1 卷积
def my_residual_forward(X, unit):
    Y = F.relu(unit.bn1(unit.conv1(X)))
    return F.relu(unit.bn2(unit.conv2(Y)) + X)


# %% 5.4-7 right
def my_predict(model, X):
    model.eval()
    z = model(X).numpy()
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# %% 5.4-7 wrong 忘了切换到评估模式
def my_predict(model, X):
    with paddle.no_grad():
        return F.softmax(model(X))


# %% 5.4-7 wrong 返回的是 logits
def my_predict(model, X):
    model.eval()
    return model(X)


# %% 5.4-5 right
def my_unit_params(in_channels, out_channels, stride=1):
    def count(pairs):
        return sum(a * b * k * k + 2 * b for a, b, k in pairs)

    D, P = in_channels, out_channels
    side = [(D, P, 1)] if stride > 1 or D != P else []
    return count([(D, P, 3), (P, P, 3), *side]), count(
        [(D, P // 4, 1), (P // 4, P // 4, 3), (P // 4, P, 1), *side]
    )


# %% 5.4-5 wrong 没有数直连边
def my_unit_params(in_channels, out_channels, stride=1):
    D, P, Q = in_channels, out_channels, out_channels // 4
    plain = 9 * D * P + 9 * P * P + 4 * P
    return plain, D * Q + 9 * Q * Q + Q * P + 4 * Q + 2 * P


# %% 5.4-6 right
class MyBottleneck(nn.Layer):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        waist = out_channels // 4
        self.conv1 = nn.Conv2D(in_channels, waist, 1, bias_attr=False)
        self.conv2 = nn.Conv2D(waist, waist, 3, stride, 1, bias_attr=False)
        self.conv3 = nn.Conv2D(waist, out_channels, 1, bias_attr=False)
        self.norms = nn.LayerList([nn.BatchNorm2D(c) for c in (waist, waist, out_channels)])
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2D(in_channels, out_channels, 1, stride, bias_attr=False)
            self.norm = nn.BatchNorm2D(out_channels)

    def forward(self, X):
        Y = X
        for k, conv in enumerate([self.conv1, self.conv2, self.conv3]):
            Y = self.norms[k](conv(Y))
            if k < 2:
                Y = F.relu(Y)
        return F.relu(Y + (self.norm(self.shortcut(X)) if hasattr(self, "shortcut") else X))


# %% 5.4-6 wrong 卷积有偏置 | 可训练参数
class MyBottleneck(nn.Layer):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        waist = out_channels // 4
        self.conv1, self.bn1 = nn.Conv2D(in_channels, waist, 1), nn.BatchNorm2D(waist)
        self.conv2, self.bn2 = nn.Conv2D(waist, waist, 3, stride, 1), nn.BatchNorm2D(waist)
        self.conv3, self.bn3 = nn.Conv2D(waist, out_channels, 1), nn.BatchNorm2D(out_channels)
        self.shortcut = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2D(in_channels, out_channels, 1, stride)
            self.bn4 = nn.BatchNorm2D(out_channels)

    def forward(self, X):
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(Y)))))
        return F.relu(Y + (X if self.shortcut is None else self.bn4(self.shortcut(X))))


# %% 5.4-6 wrong 用到的 BN 的个数
class MyBottleneck(nn.Layer):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        waist = out_channels // 4
        self.conv1 = nn.Conv2D(in_channels, waist, 1, bias_attr=False)
        self.bn = nn.BatchNorm2D(waist)
        self.conv2 = nn.Conv2D(waist, waist, 3, stride, 1, bias_attr=False)
        self.conv3 = nn.Conv2D(waist, out_channels, 1, bias_attr=False)
        self.bn3 = nn.BatchNorm2D(out_channels)
        self.shortcut = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2D(in_channels, out_channels, 1, stride, bias_attr=False)
            self.bn4 = nn.BatchNorm2D(out_channels)

    def forward(self, X):
        Y = F.relu(self.bn(self.conv1(X)))
        Y = self.bn3(self.conv3(F.relu(self.bn(self.conv2(Y)))))
        return F.relu(Y + (X if self.shortcut is None else self.bn4(self.shortcut(X))))


# %% 5.4-8 right
def my_preactivation_forward(X, unit):
    before = F.relu(unit.bn1(X))
    side = unit.shortcut(before) if unit.shortcut else X
    return side + unit.conv2(F.relu(unit.bn2(unit.conv1(before))))


# %% 5.4-8 wrong 相加之后多做了 ReLU
def my_preactivation_forward(X, unit):
    A = F.relu(unit.bn1(X))
    Y = unit.conv2(F.relu(unit.bn2(unit.conv1(A))))
    return F.relu(Y + (X if unit.shortcut is None else unit.shortcut(A)))


# %% 5.4-8 wrong 直连边不是 X 本身 | 覆盖
def my_preactivation_forward(X, unit):
    X = F.relu(unit.bn1(X))
    Y = unit.conv2(F.relu(unit.bn2(unit.conv1(X))))
    return Y + (X if unit.shortcut is None else unit.shortcut(X))
