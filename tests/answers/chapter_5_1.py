# ruff: noqa
"""Answers to the exercises of 5.1 as students write them; read by tests/bank.py, never imported."""


# %% 5.1-1 right
def my_output_size(size, kernel, stride=1, padding=0):
    return len(range(0, size + 2 * padding - kernel + 1, stride))


# %% 5.1-1 right
import math


def my_output_size(size, kernel, stride=1, padding=0):
    return math.floor((size - kernel + 2 * padding) / stride) + 1


# %% 5.1-1 right
def my_output_size(size, kernel, stride=1, padding=0):
    count = 0
    start = -padding
    while start + kernel <= size + padding:
        count += 1
        start += stride
    return count


# %% 5.1-1 wrong 输出大小差一
def my_output_size(size, kernel, stride=1, padding=0):
    return (size - kernel + 2 * padding) // stride


# %% 5.1-1 wrong 只填充了一侧
def my_output_size(size, kernel, stride=1, padding=0):
    return (size + padding - kernel) // stride + 1


# %% 5.1-1 wrong 整数与小数的除法弄混了 | wrong_dtype
def my_output_size(size, kernel, stride=1, padding=0):
    return (size - kernel + 2 * padding) / stride + 1


# %% 5.1-1 wrong wrong_dtype
def my_output_size(size, kernel, stride=1, padding=0):
    return np.floor((size - kernel + 2 * padding) / stride) + 1


# %% 5.1-1 wrong 向上取整了
import math


def my_output_size(size, kernel, stride=1, padding=0):
    # 不够一步的也算一步
    return math.ceil((size - kernel + 2 * padding) / stride) + 1


# %% 5.1-1 wrong 输出大小差一
def my_output_size(size, kernel, stride=1, padding=0):
    # +1 写进了括号里
    return (size - kernel + 2 * padding + 1) // stride


# %% 5.1-1 wrong 没有用上参数
def my_output_size(size, kernel, stride=1, padding=0):
    return (size - kernel) // stride + 1


# %% 5.1-1 wrong no_return
def my_output_size(size, kernel, stride=1, padding=0):
    result = (size - kernel + 2 * padding) // stride + 1
    print(result)


# %% 5.1-2 right
def my_conv1d(x, w, stride=1):
    return np.correlate(x.numpy(), w.numpy(), mode="valid")[::stride]


# %% 5.1-2 right
def my_conv1d(x, w, stride=1):
    y = []
    for i in range(0, len(x) - len(w) + 1, stride):
        y.append((x[i : i + len(w)] * w).sum())
    return y


# %% 5.1-2 right
def my_conv1d(x, w, stride=1):
    return F.conv1d(x.reshape([1, 1, -1]), w.reshape([1, 1, -1]), stride=stride).reshape([-1])


# %% 5.1-2 wrong stride_not_in_index
def my_conv1d(x, w, stride=1):
    x, w = x.numpy(), w.numpy()
    size = (len(x) - len(w)) // stride + 1
    y = np.zeros(size)
    for i in range(size):
        window = x[i : i + len(w)]
        y[i] = (window * w).sum()
    return y


# %% 5.1-2 wrong kernel_flipped
def my_conv1d(x, w, stride=1):
    return np.convolve(x.numpy(), w.numpy(), mode="valid")[::stride]


# %% 5.1-2 wrong size_off_by_one
def my_conv1d(x, w, stride=1):
    x, w = x.numpy(), w.numpy()
    size = (len(x) - len(w)) // stride
    y = np.zeros(size)
    for i in range(size):
        y[i] = (x[i * stride : i * stride + len(w)] * w).sum()
    return y


# %% 5.1-2 wrong 输出的长度没有考虑步长 | exception
def my_conv1d(x, w, stride=1):
    x, w = x.numpy(), w.numpy()
    size = len(x) - len(w) + 1
    y = np.zeros(size)
    for i in range(size):
        window = x[i * stride : i * stride + len(w)]
        y[i] = (window * w).sum()
    return y


# %% 5.1-3 right
def my_conv2d(X, W, stride=1, padding=0):
    X = F.pad(X.unsqueeze(0).unsqueeze(0), [padding] * 4)
    return F.conv2d(X, W.unsqueeze(0).unsqueeze(0), stride=stride)[0, 0]


# %% 5.1-3 right
from numpy.lib.stride_tricks import sliding_window_view


def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    windows = sliding_window_view(X, W.shape)[::stride, ::stride]
    return np.einsum("ijuv,uv->ij", windows, W)


# %% 5.1-3 right
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    (M, N), (U, V) = X.shape, W.shape
    rows, cols = (M - U) // stride + 1, (N - V) // stride + 1
    s0, s1 = X.strides
    windows = np.lib.stride_tricks.as_strided(
        X, (rows, cols, U, V), (s0 * stride, s1 * stride, s0, s1)
    )
    return np.tensordot(windows, W, axes=([2, 3], [0, 1]))


# %% 5.1-3 right
def my_conv2d(X, W, stride=1, padding=0):
    X, W = X.tolist(), W.tolist()
    M, N, U, V = len(X), len(X[0]), len(W), len(W[0])
    Y = []
    for top in range(-padding, M + padding - U + 1, stride):
        row = []
        for left in range(-padding, N + padding - V + 1, stride):
            total = 0.0
            for u in range(U):
                for v in range(V):
                    if 0 <= top + u < M and 0 <= left + v < N:
                        total += W[u][v] * X[top + u][left + v]
            row.append(total)
        Y.append(row)
    return Y


# %% 5.1-3 right
def my_conv2d(X, W, stride=1, padding=0):
    U, V = W.shape
    rows = (X.shape[0] + 2 * padding - U) // stride + 1
    columns = F.unfold(X.reshape([1, 1, *X.shape]), [U, V], stride, padding)
    return (W.reshape([1, -1]) @ columns[0]).reshape([rows, -1])


# %% 5.1-3 wrong padding_forgotten
def my_conv2d(X, W, stride=1, padding=0):
    X, W = X.numpy(), W.numpy()
    M, N = X.shape
    U, V = W.shape
    Y = np.zeros(((M - U) // stride + 1, (N - V) // stride + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = np.sum(X[i * stride : i * stride + U, j * stride : j * stride + V] * W)
    return Y


# %% 5.1-3 wrong padding_one_side
def my_conv2d(X, W, stride=1, padding=0):
    X, W = X.numpy(), W.numpy()
    X = np.pad(X, ((0, padding), (0, padding)))
    U, V = W.shape
    rows, cols = (X.shape[0] - U) // stride + 1, (X.shape[1] - V) // stride + 1
    Y = np.zeros((rows, cols))
    for i in range(rows):
        for j in range(cols):
            Y[i, j] = (X[i * stride : i * stride + U, j * stride : j * stride + V] * W).sum()
    return Y


# %% 5.1-3 wrong 填充的不是零
def my_conv2d(X, W, stride=1, padding=0):
    X = np.pad(X.numpy(), padding, mode="edge")
    W = W.numpy()
    windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)
    return (windows[::stride, ::stride] * W).sum(axis=(-1, -2))


# %% 5.1-3 wrong stride_one_axis
def my_conv2d(X, W, stride=1, padding=0):
    X = np.pad(X.numpy(), padding)
    W = W.numpy()
    windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)
    return (windows[::stride] * W).sum(axis=(-1, -2))


# %% 5.1-3 wrong stride_not_in_index
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    U, V = W.shape
    out = np.zeros(((X.shape[0] - U) // stride + 1, (X.shape[1] - V) // stride + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for u in range(U):
                for v in range(V):
                    out[i, j] += X[i + u, j + v] * W[u, v]
    return out


# %% 5.1-3 wrong kernel_flipped
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()[::-1, ::-1]
    U, V = W.shape
    out = np.zeros(((X.shape[0] - U) // stride + 1, (X.shape[1] - V) // stride + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.sum(X[i * stride : i * stride + U, j * stride : j * stride + V] * W)
    return out


# %% 5.1-3 wrong size_off_by_one
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    U, V = W.shape
    rows, cols = (X.shape[0] - U) // stride, (X.shape[1] - V) // stride
    out = np.zeros((rows, cols))
    for i in range(rows):
        for j in range(cols):
            out[i, j] = np.sum(X[i * stride : i * stride + U, j * stride : j * stride + V] * W)
    return out


# %% 5.1-3 wrong rows_columns_swapped
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    U, V = W.shape
    out = np.zeros(((X.shape[0] - U) // stride + 1, (X.shape[1] - V) // stride + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.sum(X[j * stride : j * stride + U, i * stride : i * stride + V] * W)
    return out


# %% 5.1-3 wrong padding_forgotten+stride_one_axis | padding_forgotten
def my_conv2d(X, W, stride=1, padding=0):
    # 两个错误
    X, W = X.numpy(), W.numpy()
    windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)
    return (windows[::stride] * W).sum(axis=(-1, -2))


# %% 5.1-3 wrong wrong_dtype
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    U, V = W.shape
    rows, cols = (X.shape[0] - U) // stride + 1, (X.shape[1] - V) // stride + 1
    out = np.zeros((rows, cols), dtype=int)
    for i in range(rows):
        for j in range(cols):
            out[i, j] = np.sum(X[i * stride : i * stride + U, j * stride : j * stride + V] * W)
    return out


# %% 5.1-3 wrong window_overwritten
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    U, V = W.shape
    out = np.zeros(((X.shape[0] - U) // stride + 1, (X.shape[1] - V) // stride + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for u in range(U):
                for v in range(V):
                    out[i, j] = X[i * stride + u, j * stride + v] * W[u, v]
    return out


# %% 5.1-3 wrong 做成了矩阵乘法
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    U, V = W.shape
    out = np.zeros(((X.shape[0] - U) // stride + 1, (X.shape[1] - V) // stride + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            window = X[i * stride : i * stride + U, j * stride : j * stride + V]
            out[i, j] = (window.T @ W).sum()
    return out


# %% 5.1-3 wrong exception
def my_conv2d(X, W, stride=1, padding=0):
    X, W = np.pad(X.numpy(), padding), W.numpy()
    U, V = W.shape
    rows = (X.shape[0] - U) / stride + 1
    Y = np.zeros((rows, rows))
    return Y


# %% 5.1-4 right
def my_sobel(X):
    Gx = paddle.to_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = paddle.stack([Gx, Gx.T]).unsqueeze(1)
    G = F.conv2d(X.reshape([1, 1, *X.shape]), kernels)[0]
    return (G**2).sum(axis=0).sqrt()


# %% 5.1-4 right
def my_sobel(X):
    X = X.numpy()
    smooth_v = X[:-2] + 2 * X[1:-1] + X[2:]
    smooth_h = X[:, :-2] + 2 * X[:, 1:-1] + X[:, 2:]
    return np.hypot(smooth_v[:, 2:] - smooth_v[:, :-2], smooth_h[2:] - smooth_h[:-2])


# %% 5.1-4 wrong 没有开方
def my_sobel(X):
    Gx = paddle.to_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    X = X.unsqueeze([0, 1])
    gx = F.conv2d(X, Gx.unsqueeze([0, 1]))
    gy = F.conv2d(X, Gx.T.unsqueeze([0, 1]))
    return (gx * gx + gy * gy).squeeze([0, 1])


# %% 5.1-4 wrong 用了绝对值之和
def my_sobel(X):
    Gx = paddle.to_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    X = X.unsqueeze([0, 1])
    gx = F.conv2d(X, Gx.unsqueeze([0, 1]))
    gy = F.conv2d(X, Gx.T.unsqueeze([0, 1]))
    return (gx.abs() + gy.abs())[0, 0]


# %% 5.1-4 wrong 核的权重不对
def my_sobel(X):
    X = X.numpy()
    Gx = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
    w = np.lib.stride_tricks.sliding_window_view(X, (3, 3))
    return np.sqrt((w * Gx).sum((-1, -2)) ** 2 + (w * Gx.T).sum((-1, -2)) ** 2)


# %% 5.1-4 wrong 只用了一个方向的核
def my_sobel(X):
    X = X.numpy()
    Gx = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    w = np.lib.stride_tricks.sliding_window_view(X, (3, 3))
    return np.sqrt((w * Gx).sum((-1, -2)) ** 2)


# %% 5.1-4 wrong 多做了填充
def my_sobel(X):
    X = X.unsqueeze([0, 1])
    Gx = paddle.to_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    gx = F.conv2d(X, Gx.unsqueeze([0, 1]), padding=1)
    gy = F.conv2d(X, Gx.T.unsqueeze([0, 1]), padding=1)
    return paddle.sqrt(gx**2 + gy**2)[0, 0]


# %% 5.1-4 wrong extra_axis
def my_sobel(X):
    X = X.unsqueeze([0, 1])
    Gx = paddle.to_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    gx = F.conv2d(X, Gx.unsqueeze([0, 1]))
    gy = F.conv2d(X, Gx.T.unsqueeze([0, 1]))
    return paddle.sqrt(gx**2 + gy**2)


# %% 5.1-5 right
def my_dilated_conv2d(X, W, dilation=1):
    return F.conv2d(X.unsqueeze([0, 1]), W.unsqueeze([0, 1]), dilation=dilation)[0, 0]


# %% 5.1-5 right
def my_dilated_conv2d(X, W, dilation=1):
    # 把核撑开，中间补零，再做普通卷积
    X, W = X.numpy(), W.numpy()
    U, V = W.shape
    big = np.zeros((dilation * (U - 1) + 1, dilation * (V - 1) + 1))
    big[::dilation, ::dilation] = W
    windows = np.lib.stride_tricks.sliding_window_view(X, big.shape)
    return np.einsum("ijuv,uv->ij", windows, big)


# %% 5.1-5 wrong dilation_ignored
def my_dilated_conv2d(X, W, dilation=1):
    X, W = X.numpy(), W.numpy()
    windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)
    return (windows * W).sum(axis=(2, 3))


# %% 5.1-5 wrong dilation_off_by_one
def my_dilated_conv2d(X, W, dilation=1):
    # 以为 dilation 是中间空几格
    X, W = X.numpy(), W.numpy()
    d = dilation + 1
    U, V = W.shape
    rows, cols = X.shape[0] - d * (U - 1), X.shape[1] - d * (V - 1)
    Y = np.zeros((rows, cols))
    for u in range(U):
        for v in range(V):
            Y += W[u, v] * X[d * u : d * u + rows, d * v : d * v + cols]
    return Y


# %% 5.1-5 wrong 少乘了 | exception
def my_dilated_conv2d(X, W, dilation=1):
    X, W = X.numpy(), W.numpy()
    U, V = W.shape
    Y = np.zeros((X.shape[0] - U + 1, X.shape[1] - V + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            for u in range(U):
                for v in range(V):
                    Y[i, j] += W[u, v] * X[i + dilation * u, j + dilation * v]
    return Y


# %% 5.1-5 wrong 把空洞率当成了步长
def my_dilated_conv2d(X, W, dilation=1):
    return F.conv2d(X.unsqueeze([0, 1]), W.unsqueeze([0, 1]), stride=dilation)[0, 0]


# %% 5.1-5 wrong size_off_by_one
def my_dilated_conv2d(X, W, dilation=1):
    X, W = X.numpy(), W.numpy()
    U, V = W.shape
    rows = X.shape[0] - dilation * (U - 1) - 1
    cols = X.shape[1] - dilation * (V - 1) - 1
    Y = np.zeros((rows, cols))
    for u in range(U):
        for v in range(V):
            Y += W[u, v] * X[dilation * u : dilation * u + rows, dilation * v : dilation * v + cols]
    return Y


# %% 5.1-6 right
def my_receptive_field(layers):
    # 从后往前推
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return field


# %% 5.1-6 right
def my_receptive_field(layers):
    total = 1
    for l in range(len(layers)):
        jump = int(np.prod([s for _, s in layers[:l]]))
        total += (layers[l][0] - 1) * jump
    return total


# %% 5.1-6 wrong 忘了步长
def my_receptive_field(layers):
    r = 1
    for k, s in layers:
        r = r + (k - 1)
    return r


# %% 5.1-6 wrong 次序弄反了：先
def my_receptive_field(layers):
    r, j = 1, 1
    for k, s in layers:
        j *= s
        r += (k - 1) * j
    return r


# %% 5.1-6 wrong 用了本层的步长
def my_receptive_field(layers):
    r = 1
    for k, s in layers:
        r += (k - 1) * s
    return r


# %% 5.1-6 wrong 1 写成了 0
def my_receptive_field(layers):
    r, j = 0, 1
    for k, s in layers:
        r += (k - 1) * j
        j *= s
    return r


# %% 5.1-6 wrong 步长相加了
def my_receptive_field(layers):
    r, j = 1, 1
    for k, s in layers:
        r += (k - 1) * j
        j += s - 1
    return r


# %% 5.1-6 wrong input_changed
def my_receptive_field(layers):
    field = 1
    while layers:
        kernel, stride = layers.pop()
        field = (field - 1) * stride + kernel
    return field
