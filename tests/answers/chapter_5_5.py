# ruff: noqa
"""Answers to the exercises of 5.5 as students write them; read by tests/bank.py, never imported."""


# %% 5.5-1 wrong 没有除以 255
def my_normalize(images, mean, std):
    mean, std = np.array(mean), np.array(std)
    return (images.astype("float32") - mean[:, None, None]) / std[:, None, None]


# %% 5.5-1 wrong 归一化用错了轴 | exception
def my_normalize(images, mean, std):
    return (images / 255 - np.array(mean)) / np.array(std)


# %% 5.5-2 right
def my_augment(images, padding, rng):
    out = []
    for image in images:
        canvas = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
        i, j = rng.integers(0, 2 * padding + 1), rng.integers(0, 2 * padding + 1)
        view = canvas[:, i : i + image.shape[1], j : j + image.shape[2]]
        out.append(np.flip(view, axis=2) if rng.random() < 0.5 else view)
    return np.stack(out)


# %% 5.5-2 wrong 整批图一起变
def my_augment(images, padding, rng):
    B, C, H, W = images.shape
    p = padding
    padded = np.pad(images, ((0, 0), (0, 0), (p, p), (p, p)))
    top, left = rng.integers(0, 2 * p + 1), rng.integers(0, 2 * p + 1)
    out = padded[:, :, top : top + H, left : left + W]
    if rng.random() < 0.5:
        out = out[:, :, :, ::-1]
    return out


# %% 5.5-2 wrong 上下翻转了
def my_augment(images, padding, rng):
    B, C, H, W = images.shape
    p = padding
    padded = np.pad(images, ((0, 0), (0, 0), (p, p), (p, p)))
    out = np.zeros_like(images)
    for b in range(B):
        top, left = rng.integers(0, 2 * p + 1), rng.integers(0, 2 * p + 1)
        out[b] = padded[b, :, top : top + H, left : left + W]
        if rng.random() < 0.5:
            out[b] = out[b, :, ::-1].copy()
    return out


# %% 5.5-3 right
def my_momentum_step(w, grad, velocity, lr, momentum, weight_decay):
    g = grad.clone()
    g += weight_decay * w
    v = velocity.clone()
    v *= momentum
    v += g
    return w - lr * v, v


# %% 5.5-3 wrong 没有权重衰减
def my_momentum_step(w, grad, velocity, lr, momentum, weight_decay):
    v = momentum * velocity + grad
    return w - lr * v, v


# %% 5.5-3 wrong input_changed
def my_momentum_step(w, grad, velocity, lr, momentum, weight_decay):
    grad.add_(weight_decay * w)
    v = momentum * velocity + grad
    return w - lr * v, v


# %% 5.5-5 wrong 只看了第 k 名
def my_top_k_accuracy(logits, labels, k):
    order = np.argsort(-logits.numpy(), axis=1)
    return (order[:, k - 1] == labels.numpy()).mean()


# %% 5.5-5 wrong 取了得分最低的 k 个
def my_top_k_accuracy(logits, labels, k):
    order = np.argsort(logits.numpy(), axis=1)[:, :k]
    return (order == labels.numpy()[:, None]).any(axis=1).mean()


# %% 5.5-6 wrong 没有样本的类得到 NaN
def my_class_accuracy(matrix):
    return np.diag(matrix) / matrix.sum(axis=1)


# %% 5.5-6 wrong 行列弄反了（这是精确率）
def my_class_accuracy(matrix):
    return np.diag(matrix) / np.maximum(matrix.sum(axis=0), 1)


# %% 5.5-7 wrong 标签没有混合
def my_mixup(images, labels, order, lam, num_classes):
    X = lam * images + (1 - lam) * images[order]
    return X, F.one_hot(labels, num_classes)


# %% 5.5-8 wrong 没有归一化
def my_grad_cam(maps, gradients):
    w = gradients.mean(axis=[1, 2])
    return F.relu(paddle.einsum("p,pij->ij", w, maps))


# %% 5.5-2 wrong 移动和翻转不独立
def my_augment(images, padding, rng):
    P, (H, W) = padding, images.shape[2:]
    padded = np.pad(images, [(0, 0), (0, 0), (P, P), (P, P)])
    result = np.empty_like(images)
    for n in range(len(images)):
        top, left = rng.integers(0, 2 * P + 1, 2)
        window = padded[n, :, top : top + H, left : left + W]
        result[n] = window[:, :, ::-1] if (top + left + rng.integers(0, 2)) % 4 < 2 else window
    return result


# %% 5.5-2 wrong 移动和翻转不独立 | 翻转的概率
def my_augment(images, padding, rng):
    P, (H, W) = padding, images.shape[2:]
    padded = np.pad(images, [(0, 0), (0, 0), (P, P), (P, P)])
    result = np.empty_like(images)
    for n in range(len(images)):
        top, left = rng.integers(0, 2 * P + 1, 2)
        window = padded[n, :, top : top + H, left : left + W]
        result[n] = window[:, :, ::-1] if top % 2 else window
    return result


# %% 5.5-2 wrong 移动的机会不均等
def my_augment(images, padding, rng):
    P, (H, W) = padding, images.shape[2:]
    padded = np.pad(images, [(0, 0), (0, 0), (P, P), (P, P)])
    result = np.empty_like(images)
    for n in range(len(images)):
        top, left = np.round(rng.random(2) * 2 * P).astype(int)
        window = padded[n, :, top : top + H, left : left + W]
        result[n] = window[:, :, ::-1] if rng.random() < 0.5 else window
    return result


# %% 5.5-4 right
def my_learning_rate(step, total, warmup, peak):
    import math

    if warmup and step < warmup:
        return peak / warmup * step
    return peak * math.cos(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2


# %% 5.5-4 wrong 余弦没有从 W 算起
def my_learning_rate(step, total, warmup, peak):
    return peak * step / warmup if step < warmup else peak / 2 * (1 + np.cos(np.pi * step / total))


# %% 5.5-4 wrong exception
def my_learning_rate(step, total, warmup, peak):
    if step <= warmup:
        return peak * step / warmup
    return peak / 2 * (1 + np.cos(np.pi * (step - warmup) / (total - warmup)))


# %% 5.5-8 wrong 最小值和最大值归一化
def my_grad_cam(maps, gradients):
    heat = F.relu((gradients.mean(axis=[1, 2], keepdim=True) * maps).sum(axis=0))
    low, top = heat.min(), heat.max()
    return (heat - low) / (top - low) if top > low else heat * 0
