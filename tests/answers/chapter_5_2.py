# ruff: noqa
"""Answers to the exercises of 5.2 as students write them; read by tests/bank.py, never imported."""


# %% 5.2-1 right
def my_avg_pool2d(X, size=(2, 2), stride=2):
    return F.avg_pool2d(X, size, stride)


# %% 5.2-1 right
def my_avg_pool2d(X, size=(2, 2), stride=2):
    windows = np.lib.stride_tricks.sliding_window_view(X.numpy(), size, axis=(2, 3))
    return windows[:, :, ::stride, ::stride].mean(axis=(-1, -2))


# %% 5.2-1 right
def my_avg_pool2d(X, size=(2, 2), stride=2):
    # 平均汇聚就是权重都是 1/(UV) 的逐通道卷积
    D = X.shape[1]
    W = paddle.ones([D, 1, *size]) / (size[0] * size[1])
    return F.conv2d(X, W, stride=stride, groups=D)


# %% 5.2-1 wrong pooling_by_sum
def my_avg_pool2d(X, size=(2, 2), stride=2):
    X = X.numpy()
    U, V = size
    N, D, M, K = X.shape
    Y = np.zeros((N, D, (M - U) // stride + 1, (K - V) // stride + 1))
    for i in range(Y.shape[2]):
        for j in range(Y.shape[3]):
            Y[:, :, i, j] = X[:, :, i * stride : i * stride + U, j * stride : j * stride + V].sum(
                axis=(2, 3)
            )
    return Y


# %% 5.2-1 wrong 用了最大值
def my_avg_pool2d(X, size=(2, 2), stride=2):
    return F.max_pool2d(X, size, stride)


# %% 5.2-1 wrong 把窗口的大小当成了步长
def my_avg_pool2d(X, size=(2, 2), stride=2):
    return F.avg_pool2d(X, size)


# %% 5.2-1 wrong rows_columns_swapped
def my_avg_pool2d(X, size=(2, 2), stride=2):
    V, U = size
    windows = np.lib.stride_tricks.sliding_window_view(X.numpy(), (U, V), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].mean(axis=(-1, -2))


# %% 5.2-1 wrong 平均的范围太大
def my_avg_pool2d(X, size=(2, 2), stride=2):
    X = X.numpy()
    U, V = size
    N, D, M, K = X.shape
    Y = np.zeros((N, D, (M - U) // stride + 1, (K - V) // stride + 1))
    for i in range(Y.shape[2]):
        for j in range(Y.shape[3]):
            # 忘了写 axis：所有样本、所有通道一起平均了
            Y[:, :, i, j] = X[:, :, i * stride : i * stride + U, j * stride : j * stride + V].mean()
    return Y


# %% 5.2-1 wrong pooling_divisor
def my_avg_pool2d(X, size=(2, 2), stride=2):
    X = X.numpy()
    U, V = size
    rows, cols = (X.shape[2] - U) // stride + 1, (X.shape[3] - V) // stride + 1
    Y = np.zeros((X.shape[0], X.shape[1], rows, cols))
    for i in range(rows):
        for j in range(cols):
            for u in range(U):
                for v in range(V):
                    Y[:, :, i, j] += X[:, :, i * stride + u, j * stride + v] / 4
    return Y


# %% 5.2-1 wrong 整数与小数的除法弄混了 | wrong_dtype
def my_avg_pool2d(X, size=(2, 2), stride=2):
    X = X.numpy()
    U, V = size
    rows, cols = (X.shape[2] - U) // stride + 1, (X.shape[3] - V) // stride + 1
    Y = np.zeros((X.shape[0], X.shape[1], rows, cols))
    for i in range(rows):
        for j in range(cols):
            w = X[:, :, i * stride : i * stride + U, j * stride : j * stride + V]
            Y[:, :, i, j] = w.sum(axis=(2, 3)) // (U * V)
    return Y


# %% 5.2-3 right
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        shape = [out_channels, in_channels, *kernel_size]
        self.weight = self.create_parameter(shape)
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        p, s = self.padding, self.stride
        X = F.pad(X, [p, p, p, p])
        P, D, U, V = self.weight.shape
        rows, cols = (X.shape[2] - U) // s + 1, (X.shape[3] - V) // s + 1
        out = []
        for i in range(rows):
            for j in range(cols):
                window = X[:, :, i * s : i * s + U, j * s : j * s + V]
                out.append(paddle.einsum("nduv,pduv->np", window, self.weight) + self.bias)
        return paddle.stack(out, axis=-1).reshape([X.shape[0], P, rows, cols])


# %% 5.2-3 right
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        shape = [out_channels, in_channels, *kernel_size]
        self.weight = self.create_parameter(shape)
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        # 对核的每个元素，把整张图平移后相加
        p, s = self.padding, self.stride
        X = F.pad(X, [p, p, p, p])
        P, D, U, V = self.weight.shape
        rows, cols = (X.shape[2] - U) // s + 1, (X.shape[3] - V) // s + 1
        Y = self.bias.reshape([1, P, 1, 1])
        for u in range(U):
            for v in range(V):
                part = X[:, :, u : u + rows * s : s, v : v + cols * s : s]
                Y = Y + paddle.einsum("ndij,pd->npij", part, self.weight[:, :, u, v])
        return Y


# %% 5.2-3 wrong bias_missing
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        P, D, U, V = self.weight.shape
        rows = (X.shape[2] + 2 * self.padding - U) // self.stride + 1
        cols = (X.shape[3] + 2 * self.padding - V) // self.stride + 1
        columns = F.unfold(X, [U, V], self.stride, self.padding)
        return (self.weight.reshape([P, -1]) @ columns).reshape([-1, P, rows, cols])


# %% 5.2-3 wrong 每个输入通道都加了一次偏置
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        maps = []
        for p in range(self.weight.shape[0]):
            total = 0
            for d in range(self.weight.shape[1]):
                kernel = self.weight[p : p + 1, d : d + 1]
                total += (
                    F.conv2d(X[:, d : d + 1], kernel, None, self.stride, self.padding)
                    + self.bias[p]
                )
            maps.append(total)
        return paddle.concat(maps, axis=1)


# %% 5.2-3 wrong channels_overwritten
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        p, s = self.padding, self.stride
        X = np.pad(X.numpy(), ((0, 0), (0, 0), (p, p), (p, p)))
        W, b = self.weight.numpy(), self.bias.numpy()
        P, D, U, V = W.shape
        rows, cols = (X.shape[2] - U) // s + 1, (X.shape[3] - V) // s + 1
        Y = np.zeros((X.shape[0], P, rows, cols))
        for n in range(X.shape[0]):
            for q in range(P):
                for d in range(D):
                    for i in range(rows):
                        for j in range(cols):
                            window = X[n, d, i * s : i * s + U, j * s : j * s + V]
                            Y[n, q, i, j] = (window * W[q, d]).sum() + b[q]
        return Y


# %% 5.2-3 wrong channels_not_summed
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        # 只用了第一个通道
        W = self.weight[:, :1]
        return F.conv2d(X[:, :1], W, self.bias, self.stride, self.padding)


# %% 5.2-3 wrong bias_per_tap
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        p, s = self.padding, self.stride
        X = np.pad(X.numpy(), ((0, 0), (0, 0), (p, p), (p, p)))
        W, b = self.weight.numpy(), self.bias.numpy()
        P, D, U, V = W.shape
        rows, cols = (X.shape[2] - U) // s + 1, (X.shape[3] - V) // s + 1
        Y = np.zeros((X.shape[0], P, rows, cols))
        for q in range(P):
            for i in range(rows):
                for j in range(cols):
                    for d in range(D):
                        for u in range(U):
                            for v in range(V):
                                Y[:, q, i, j] += (
                                    X[:, d, i * s + u, j * s + v] * W[q, d, u, v] + b[q]
                                )
        return Y


# %% 5.2-3 wrong bias_same_for_all
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        Y = F.conv2d(X, self.weight, None, self.stride, self.padding)
        return Y + self.bias.sum()


# %% 5.2-3 wrong padding_forgotten
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        return F.conv2d(X, self.weight, self.bias, self.stride)


# %% 5.2-3 wrong padding_forgotten+stride_ignored
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        P, D, U, V = self.weight.shape
        rows, cols = X.shape[2] - U + 1, X.shape[3] - V + 1
        out = [
            paddle.einsum("nduv,pduv->np", X[:, :, i : i + U, j : j + V], self.weight) + self.bias
            for i in range(rows)
            for j in range(cols)
        ]
        return paddle.stack(out, axis=2).reshape([X.shape[0], P, rows, cols])


# %% 5.2-3 wrong bias_wrong_axis | exception
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        Y = F.conv2d(X, self.weight, None, self.stride, self.padding)
        return Y + self.bias


# %% 5.2-3 wrong output_maps_same
class MyConv2D(nn.Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = self.create_parameter([out_channels, in_channels, *kernel_size])
        self.bias = self.create_parameter([out_channels], is_bias=True)
        self.stride, self.padding = stride, padding

    def forward(self, X):
        maps = []
        for p in range(self.weight.shape[0]):
            Y = F.conv2d(X, self.weight[0:1], None, self.stride, self.padding)
            maps.append(Y + self.bias[p])
        return paddle.concat(maps, axis=1)


# %% 5.2-9 right
def my_conv2d_backward(dY, X, W, stride=1, padding=0):
    for t in (X, W):
        t.stop_gradient = False
    b = paddle.zeros([W.shape[0]])
    b.stop_gradient = False
    Y = F.conv2d(X, W, b, stride, padding)
    return tuple(paddle.grad([Y], [X, W, b], [dY]))


# %% 5.2-9 right
def my_conv2d_backward(dY, X, W, stride=1, padding=0):
    N, P, rows, cols = dY.shape
    P, D, U, V = W.shape
    C = F.unfold(X, [U, V], stride, padding)  # [B, DUV, M'N']
    G = dY.reshape([N, P, -1])
    dW = paddle.einsum("npk,nck->pc", G, C).reshape(W.shape)
    dC = paddle.einsum("pc,npk->nck", W.reshape([P, -1]), G)
    dX = F.fold(dC, X.shape[2:], [U, V], stride, padding)
    return dX, dW, dY.sum(axis=[0, 2, 3])


# %% 5.2-9 wrong 偏置的梯度少加了批的轴
def my_conv2d_backward(dY, X, W, stride=1, padding=0):
    N, P, rows, cols = dY.shape
    P, D, U, V = W.shape
    C = F.unfold(X, [U, V], stride, padding)
    G = dY.reshape([N, P, -1])
    dW = paddle.einsum("npk,nck->pc", G, C).reshape(W.shape)
    dC = paddle.einsum("pc,npk->nck", W.reshape([P, -1]), G)
    dX = F.fold(dC, X.shape[2:], [U, V], stride, padding)
    return dX, dW, dY.sum(axis=[2, 3])


# %% 5.2-9 wrong 没有裁掉填充
def my_conv2d_backward(dY, X, W, stride=1, padding=0):
    dY, X, W = dY.numpy(), X.numpy(), W.numpy()
    p = padding
    Xp = np.pad(X, ((0, 0), (0, 0), (p, p), (p, p)))
    dX, dW = np.zeros_like(Xp), np.zeros_like(W)
    U, V = W.shape[2:]
    for n in range(len(X)):
        for q in range(len(W)):
            for i in range(dY.shape[2]):
                for j in range(dY.shape[3]):
                    a, b = i * stride, j * stride
                    dX[n, :, a : a + U, b : b + V] += dY[n, q, i, j] * W[q]
                    dW[q] += dY[n, q, i, j] * Xp[n, :, a : a + U, b : b + V]
    return dX, dW, dY.sum(axis=(0, 2, 3))


# %% 5.2-9 wrong dX：梯度被覆盖而没有累加
def my_conv2d_backward(dY, X, W, stride=1, padding=0):
    dY, X, W = dY.numpy(), X.numpy(), W.numpy()
    p = padding
    Xp = np.pad(X, ((0, 0), (0, 0), (p, p), (p, p)))
    dX, dW = np.zeros_like(Xp), np.zeros_like(W)
    U, V = W.shape[2:]
    for i in range(dY.shape[2]):
        for j in range(dY.shape[3]):
            a, b = i * stride, j * stride
            g = dY[:, :, i, j]
            dX[:, :, a : a + U, b : b + V] = np.einsum("np,pduv->nduv", g, W)
            dW += np.einsum("np,nduv->pduv", g, Xp[:, :, a : a + U, b : b + V])
    dX = dX[:, :, p : p + X.shape[2], p : p + X.shape[3]]
    return dX, dW, dY.sum(axis=(0, 2, 3))


# %% 5.2-9 wrong dW 取了平均
def my_conv2d_backward(dY, X, W, stride=1, padding=0):
    N, P, rows, cols = dY.shape
    P, D, U, V = W.shape
    C = F.unfold(X, [U, V], stride, padding)
    G = dY.reshape([N, P, -1])
    dW = (G @ C.transpose([0, 2, 1])).mean(axis=0).reshape(W.shape)
    dC = paddle.einsum("pc,npk->nck", W.reshape([P, -1]), G)
    dX = F.fold(dC, X.shape[2:], [U, V], stride, padding)
    return dX, dW, dY.sum(axis=[0, 2, 3])


# %% 5.2-9 wrong outputs_swapped
def my_conv2d_backward(dY, X, W, stride=1, padding=0):
    N, P, rows, cols = dY.shape
    P, D, U, V = W.shape
    C = F.unfold(X, [U, V], stride, padding)
    G = dY.reshape([N, P, -1])
    dW = paddle.einsum("npk,nck->pc", G, C).reshape(W.shape)
    dC = paddle.einsum("pc,npk->nck", W.reshape([P, -1]), G)
    dX = F.fold(dC, X.shape[2:], [U, V], stride, padding)
    return dW, dX, dY.sum(axis=[0, 2, 3])


# %% 5.2-9 wrong 求 dX 时核没有翻转
def my_conv2d_backward(dY, X, W, stride=1, padding=0):
    dY, X, W = dY.numpy(), X.numpy(), W.numpy()
    p = padding
    Xp = np.pad(X, ((0, 0), (0, 0), (p, p), (p, p)))
    dX, dW = np.zeros_like(Xp), np.zeros_like(W)
    U, V = W.shape[2:]
    flipped = W[:, :, ::-1, ::-1]
    for i in range(dY.shape[2]):
        for j in range(dY.shape[3]):
            a, b = i * stride, j * stride
            g = dY[:, :, i, j]
            dX[:, :, a : a + U, b : b + V] += np.einsum("np,pduv->nduv", g, flipped)
            dW += np.einsum("np,nduv->pduv", g, Xp[:, :, a : a + U, b : b + V])
    dX = dX[:, :, p : p + X.shape[2], p : p + X.shape[3]]
    return dX, dW, dY.sum(axis=(0, 2, 3))


# %% 5.2-5 right
def my_separable_conv2d(X, depthwise, pointwise, padding=0):
    D = X.shape[1]
    maps = [
        F.conv2d(X[:, d : d + 1], depthwise[d].unsqueeze([0, 1]), padding=padding) for d in range(D)
    ]
    return F.conv2d(paddle.concat(maps, axis=1), pointwise.unsqueeze([2, 3]))


# %% 5.2-5 right
def my_separable_conv2d(X, depthwise, pointwise, padding=0):
    # 合成一个普通的核：W[p, d] = pointwise[p, d] * depthwise[d]
    W = pointwise.unsqueeze([2, 3]) * depthwise.unsqueeze(0)
    return F.conv2d(X, W, padding=padding)


# %% 5.2-5 wrong 少了逐点的一步
def my_separable_conv2d(X, depthwise, pointwise, padding=0):
    D, U, V = depthwise.shape
    return F.conv2d(X, depthwise.reshape([D, 1, U, V]), padding=padding, groups=D)


# %% 5.2-5 wrong 填充了两次
def my_separable_conv2d(X, depthwise, pointwise, padding=0):
    D, U, V = depthwise.shape
    maps = F.conv2d(X, depthwise.reshape([D, 1, U, V]), padding=padding, groups=D)
    return F.conv2d(maps, pointwise.unsqueeze([2, 3]), padding=padding)


# %% 5.2-5 wrong 逐通道的一步把通道相加了
def my_separable_conv2d(X, depthwise, pointwise, padding=0):
    D = depthwise.shape[0]
    Y = F.conv2d(X, depthwise.unsqueeze(0), padding=padding)  # [B, 1, M′, N′]
    Y = Y.expand([-1, D, -1, -1])
    return F.conv2d(Y, pointwise.unsqueeze([2, 3]))


# %% 5.2-5 wrong 没有用上参数
def my_separable_conv2d(X, depthwise, pointwise, padding=0):
    D, U, V = depthwise.shape
    maps = F.conv2d(X, depthwise.reshape([D, 1, U, V]), groups=D)
    return paddle.einsum("ndij,pd->npij", maps, pointwise)


# %% 5.2-5 wrong 所有通道用了同一个核
def my_separable_conv2d(X, depthwise, pointwise, padding=0):
    maps = [
        F.conv2d(X[:, d : d + 1], depthwise[:1].unsqueeze(0), padding=padding)
        for d in range(X.shape[1])
    ]
    return F.conv2d(paddle.concat(maps, axis=1), pointwise.unsqueeze([2, 3]))


# %% 5.2-2 right
from fractions import Fraction


def my_separable_saving(in_channels, out_channels, kernel, rows, columns):
    a = rows * columns * out_channels * in_channels * kernel**2
    r = Fraction(1, out_channels) + Fraction(1, kernel**2)
    return a, int(a * r), float(r)


# %% 5.2-2 wrong 逐通道的一步多乘了 P
def my_separable_saving(in_channels, out_channels, kernel, rows, columns):
    standard = rows * columns * out_channels * in_channels * kernel * kernel
    depthwise = rows * columns * in_channels * out_channels * kernel * kernel
    pointwise = rows * columns * in_channels * out_channels
    separable = depthwise + pointwise
    return standard, separable, separable / standard


# %% 5.2-2 wrong 少了逐点的一步
def my_separable_saving(in_channels, out_channels, kernel, rows, columns):
    standard = rows * columns * out_channels * in_channels * kernel * kernel
    separable = rows * columns * in_channels * kernel * kernel
    return standard, separable, separable / standard


# %% 5.2-2 wrong 比值的分子分母反了
def my_separable_saving(in_channels, out_channels, kernel, rows, columns):
    standard = rows * columns * out_channels * in_channels * kernel * kernel
    separable = rows * columns * in_channels * (kernel * kernel + out_channels)
    return standard, separable, standard / separable


# %% 5.2-2 wrong 整数与小数的除法弄混了
def my_separable_saving(in_channels, out_channels, kernel, rows, columns):
    standard = rows * columns * out_channels * in_channels * kernel * kernel
    separable = rows * columns * in_channels * (kernel * kernel + out_channels)
    return standard, separable, separable // standard


# %% 5.2-8 right
def my_transposed_conv2d(X, W, stride=1):
    # 在元素之间插零，四周补 U-1 圈零，再与翻转的核做普通卷积
    X, W = X.numpy(), W.numpy()
    (M, N), (U, V) = X.shape, W.shape
    big = np.zeros(((M - 1) * stride + 1, (N - 1) * stride + 1))
    big[::stride, ::stride] = X
    big = np.pad(big, ((U - 1, U - 1), (V - 1, V - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(big, (U, V))
    return (windows * W[::-1, ::-1]).sum(axis=(-1, -2))


# %% 5.2-8 wrong 卷积核翻转了
def my_transposed_conv2d(X, W, stride=1):
    X, W = X.numpy(), W.numpy()
    (M, N), (U, V) = X.shape, W.shape
    big = np.zeros(((M - 1) * stride + 1, (N - 1) * stride + 1))
    big[::stride, ::stride] = X
    big = np.pad(big, ((U - 1, U - 1), (V - 1, V - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(big, (U, V))
    return (windows * W).sum(axis=(-1, -2))


# %% 5.2-8 wrong 重叠处覆盖了
def my_transposed_conv2d(X, W, stride=1):
    X, W = X.numpy(), W.numpy()
    (M, N), (U, V) = X.shape, W.shape
    Y = np.zeros(((M - 1) * stride + U, (N - 1) * stride + V))
    for i in range(M):
        for j in range(N):
            Y[i * stride : i * stride + U, j * stride : j * stride + V] = X[i, j] * W
    return Y


# %% 5.2-8 wrong 做成了普通卷积
def my_transposed_conv2d(X, W, stride=1):
    X, W = X.numpy(), W.numpy()
    windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)[::stride, ::stride]
    return (windows * W).sum(axis=(-1, -2))


# %% 5.2-8 wrong 输出大小差一 | wrong_shape
def my_transposed_conv2d(X, W, stride=1):
    # 大小算成了 M·S + U
    X, W = X.numpy(), W.numpy()
    (M, N), (U, V) = X.shape, W.shape
    Y = np.zeros((M * stride + U, N * stride + V))
    for i in range(M):
        for j in range(N):
            Y[i * stride : i * stride + U, j * stride : j * stride + V] += X[i, j] * W
    return Y


# %% 5.2-6 right
def my_im2col(X, kernel, stride=1):
    w = np.lib.stride_tricks.sliding_window_view(X.numpy(), kernel, axis=(1, 2))
    w = w[:, ::stride, ::stride]  # [D, M′, N′, U, V]
    return w.transpose(0, 3, 4, 1, 2).reshape(X.shape[0] * kernel[0] * kernel[1], -1)


# %% 5.2-6 right
def my_im2col(X, kernel, stride=1):
    D, M, N = X.shape
    U, V = kernel
    rows, cols = (M - U) // stride + 1, (N - V) // stride + 1
    out = paddle.zeros([D * U * V, rows * cols])
    for d in range(D):
        for u in range(U):
            for v in range(V):
                part = X[d, u : u + rows * stride : stride, v : v + cols * stride : stride]
                out[(d * U + u) * V + v] = part.flatten()
    return out


# %% 5.2-6 wrong 行与列反了
def my_im2col(X, kernel, stride=1):
    X = X.numpy()
    U, V = kernel
    out = []
    for i in range(0, X.shape[1] - U + 1, stride):
        for j in range(0, X.shape[2] - V + 1, stride):
            out.append(X[:, i : i + U, j : j + V].flatten())
    return np.array(out)


# %% 5.2-6 wrong 列的次序不对
def my_im2col(X, kernel, stride=1):
    X = X.numpy()
    U, V = kernel
    out = []
    for j in range(0, X.shape[2] - V + 1, stride):
        for i in range(0, X.shape[1] - U + 1, stride):
            out.append(X[:, i : i + U, j : j + V].flatten())
    return np.array(out).T


# %% 5.2-6 wrong 用 reshape 代替了转置
def my_im2col(X, kernel, stride=1):
    X = X.numpy()
    U, V = kernel
    out = []
    for i in range(0, X.shape[1] - U + 1, stride):
        for j in range(0, X.shape[2] - V + 1, stride):
            out.append(X[:, i : i + U, j : j + V].flatten())
    return np.array(out).reshape(X.shape[0] * U * V, -1)


# %% 5.2-6 wrong 窗口里的次序不对
def my_im2col(X, kernel, stride=1):
    X = X.numpy()
    U, V = kernel
    out = []
    for i in range(0, X.shape[1] - U + 1, stride):
        for j in range(0, X.shape[2] - V + 1, stride):
            out.append(X[:, i : i + U, j : j + V].transpose(1, 2, 0).reshape(-1))
    return np.stack(out, axis=1)


# %% 5.2-4 right
def my_grouped_conv2d(X, W, groups=1):
    # 大核，组外的元素是零
    P, Dg, U, V = W.shape
    full = np.zeros((P, X.shape[1], U, V), dtype="float32")
    for p in range(P):
        g = p // (P // groups)
        full[p, g * Dg : (g + 1) * Dg] = W[p].numpy()
    return F.conv2d(X, paddle.to_tensor(full))


# %% 5.2-4 wrong 各组的结果相加了
def my_grouped_conv2d(X, W, groups=1):
    total = 0
    for x, w in zip(paddle.split(X, groups, 1), paddle.split(W, groups, 0)):
        total = total + F.conv2d(x, w)
    return total


# %% 5.2-4 wrong 没有分组
def my_grouped_conv2d(X, W, groups=1):
    return F.conv2d(X, W)


# %% 5.2-4 wrong 忽略了分组
def my_grouped_conv2d(X, W, groups=1):
    Dg = W.shape[1]
    return F.conv2d(X[:, :Dg], W)


# %% 5.2-4 wrong 拼接的轴不对
def my_grouped_conv2d(X, W, groups=1):
    xs, ws = paddle.split(X, groups, axis=1), paddle.split(W, groups, axis=0)
    return paddle.concat([F.conv2d(x, w) for x, w in zip(xs, ws)])


# %% 5.2-7 right
def my_winograd(x, w):
    whole, part = (w[0] + w[2]) / 2, w[1] / 2
    sums = [w[0], whole + part, whole - part, w[2]]
    parts = [x[0] - x[2], x[1] + x[2], x[2] - x[1], x[1] - x[3]]
    m = [a * b for a, b in zip(parts, sums)]
    return m[0] + m[1] + m[2], m[1] - m[2] - m[3]


# %% 5.2-7 right
def my_winograd(x, w):
    g = [w[0], 0.5 * (w[0] + w[1] + w[2]), 0.5 * (w[0] - w[1] + w[2]), w[2]]
    d = [x[0] - x[2], x[1] + x[2], x[2] - x[1], x[3] - x[1]]
    m = [g[k] * d[k] for k in range(4)]
    return np.array([m[0] + m[1] + m[2], m[1] - m[2] + m[3]])


# %% 5.2-7 wrong 忘了一半
def my_winograd(x, w):
    g = [w[0], w[0] + w[1] + w[2], w[0] - w[1] + w[2], w[2]]
    d = [x[0] - x[2], x[1] + x[2], x[2] - x[1], x[1] - x[3]]
    m = [g[k] * d[k] for k in range(4)]
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


# %% 5.2-7 wrong m4 的符号反了
def my_winograd(x, w):
    m1 = (x[0] - x[2]) * w[0]
    m2 = (x[1] + x[2]) * ((w[0] + w[1] + w[2]) / 2)
    m3 = (x[2] - x[1]) * ((w[0] - w[1] + w[2]) / 2)
    m4 = (x[3] - x[1]) * w[2]
    return [m1 + m2 + m3, m2 - m3 - m4]


# %% 5.2-7 wrong 乘法
def my_winograd(x, w):
    return [sum(x[k + u] * w[u] for u in range(3)) for k in range(2)]


# %% 5.2-7 wrong 核没有变换
def my_winograd(x, w):
    d = [x[0] - x[2], x[1] + x[2], x[2] - x[1], x[1] - x[3]]
    m = [d[0] * w[0], d[1] * w[1], d[2] * w[2], d[3] * w[2]]
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]
