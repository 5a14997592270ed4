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


# %% 5.4-1 wrong unbiased_variance
def my_batch_norm(X, gamma, beta, epsilon=1e-5):
    mean = X.mean(axis=[0, 2, 3], keepdim=True)
    var = X.var(axis=[0, 2, 3], keepdim=True)
    return gamma.reshape([1, -1, 1, 1]) * (X - mean) / (var + epsilon).sqrt() + beta.reshape(
        [1, -1, 1, 1]
    )


# %% 5.4-1 wrong statistics_per_pixel
def my_batch_norm(X, gamma, beta, epsilon=1e-5):
    X, gamma, beta = X.numpy(), gamma.numpy(), beta.numpy()
    mean, var = X.mean(axis=0), X.var(axis=0)
    return gamma[:, None, None] * (X - mean) / np.sqrt(var + epsilon) + beta[:, None, None]


# %% 5.4-1 wrong root_missing
def my_batch_norm(X, gamma, beta, epsilon=1e-5):
    X, gamma, beta = X.numpy(), gamma.numpy(), beta.numpy()
    mean = X.mean(axis=(0, 2, 3), keepdims=True)
    var = X.var(axis=(0, 2, 3), keepdims=True)
    return gamma[:, None, None] * (X - mean) / (var + epsilon) + beta[:, None, None]


# %% 5.4-2 wrong momentum_inverted
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


# %% 5.4-3 wrong axes_not_restored
def my_conv1x1(X, W, b):
    return X.transpose([0, 2, 3, 1]) @ W.T + b


# %% 5.4-3 wrong pixels_scrambled
def my_conv1x1(X, W, b):
    N, D, M, K = X.shape
    Y = X.reshape([-1, D]) @ W.T + b
    return Y.reshape([N, W.shape[0], M, K])


# %% 5.4-4 wrong relu_before_addition | relu_on_both_sides
def my_residual_forward(X, unit):
    Y = F.relu(unit.bn1(unit.conv1(X)))
    Y = F.relu(unit.bn2(unit.conv2(Y)))
    side = X if unit.shortcut is None else unit.bn3(unit.shortcut(X))
    return Y + side


# %% 5.4-4 wrong shortcut_forgotten
def my_residual_forward(X, unit):
    Y = F.relu(unit.bn1(unit.conv1(X)))
    return F.relu(unit.bn2(unit.conv2(Y)))


# %% 5.4-4 wrong final_relu_missing
def my_residual_forward(X, unit):
    Y = F.relu(unit.bn1(unit.conv1(X)))
    Y = unit.bn2(unit.conv2(Y))
    if unit.shortcut is not None:
        X = unit.bn3(unit.shortcut(X))
    return X + Y


# %% 5.4-4 wrong shortcut_without_1x1
def my_residual_forward(X, unit):
    Y = F.relu(unit.bn1(unit.conv1(X)))
    return F.relu(unit.bn2(unit.conv2(Y)) + X)


# %% 5.4-7 right
def my_predict(model, X):
    model.eval()
    z = model(X).numpy()
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# %% 5.4-7 wrong eval_mode_forgotten
def my_predict(model, X):
    with paddle.no_grad():
        return F.softmax(model(X))


# %% 5.4-7 wrong softmax_missing
def my_predict(model, X):
    model.eval()
    return model(X)
