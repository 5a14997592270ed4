"""Windows of neighbouring outputs in one row: the form for few channels and few kernels.

Six kernels of 25 numbers make a product too thin to be fast, and copying every window writes
each pixel 25 times. So T windows that lie side by side are copied as one, V + T − 1 pixels wide,
and the kernels are written T times, each time one pixel further to the right, into a *band*
matrix: a row of windows times the band gives T neighbouring outputs of every map at once. Most of
the band is zeros that are multiplied, too; a fat product with zeros is faster than a thin one
without, and the copies shrink by nearly T.
"""

import numpy as np


def _shape(maps, D, plan):
    """[B, M′, tiles, D, U, K]: windows of T outputs, K pixels wide."""
    U = plan.taps[0].stop - plan.taps[0].start
    return (len(maps), *plan.grid, D, U, plan.length)


def _padded(X, plan):
    """Zeros [B, D, rows, columns] that hold every window, and the place of X in them."""
    N, D, M, L = X.shape
    (p, q), t = plan.padding, plan.stride[1]
    columns = plan.taps[1].start * plan.dilation[1] + plan.length
    columns += (plan.grid[1] - 1) * plan.tile * t
    maps = np.zeros((N, D, M + 2 * p, max(L + 2 * q, columns)), X.dtype)
    return maps, maps[:, :, p : p + M, q : q + L]


def _diagonals(band, plan):
    """A view [T, P, D, U, V] of a band [T, P, D, U, K]: where the kernels stand in it."""
    V = plan.taps[1].stop - plan.taps[1].start
    *others, k = band.strides
    others[0] += plan.stride[1] * k  # an output further, its kernel a stride further
    return np.lib.stride_tricks.as_strided(
        band, (*band.shape[:4], V), (*others, plan.dilation[1] * k)
    )


def kernels(W, plan):
    """The band [T·P, D·U·K] of the kernels [P, D, U, V]."""
    P, D, U, _ = W.shape
    band = np.zeros((plan.tile, P, D, U, plan.length), W.dtype)
    _diagonals(band, plan)[...] = W
    return band.reshape(plan.tile * P, -1)


def unfold(X, plan, space):
    """Every window of X [B, D, M, N], T outputs wide, one a row: [B·M′·tiles, D·U·K]."""
    maps = X
    if plan.padding != (0, 0) or plan.tile * plan.grid[1] > plan.output[1]:
        maps, inside = _padded(X, plan)
        inside[...] = X
    maps = maps[:, :, plan.taps[0].start * plan.dilation[0] :]
    maps = maps[..., plan.taps[1].start * plan.dilation[1] :]
    n, d, r, c = maps.strides
    (s, t), e = plan.stride, plan.dilation[0]
    shape = _shape(X, X.shape[1], plan)
    strides = (n, r * s, c * t * plan.tile, d, r * e, c)
    rows = space.array("windows", shape, X.dtype)
    rows[...] = np.lib.stride_tricks.as_strided(maps, shape, strides)
    return rows.reshape(-1, shape[3] * shape[4] * shape[5])


def _outputs(maps, plan):
    """maps [B·M′·tiles, T·P] as [B, P, M′, tiles, T], the order of an output."""
    maps = maps.reshape(-1, *plan.grid, plan.tile, maps.shape[1] // plan.tile)
    return maps.transpose(0, 4, 1, 2, 3)


def multiply(rows, band, b, plan, Y, space):
    """Y [B, P, M′, N′] = rows · bandᵀ + b."""
    maps = np.matmul(rows, band.T, out=space.array("Y", (len(rows), len(band)), Y.dtype))
    maps = _outputs(maps, plan)
    whole = plan.tile * plan.grid[1] == plan.output[1]
    target = Y.reshape(maps.shape) if whole else np.empty(maps.shape, Y.dtype)
    if b is None:
        target[...] = maps
    else:
        np.add(maps, b[:, None, None, None], out=target)
    if not whole:
        Y[...] = target.reshape(*Y.shape[:3], -1)[..., : plan.output[1]]


def arrange(dY, plan, space):
    """dY [B, P, M′, N′] with T outputs' gradients of every map in a row: [B·M′·tiles, T·P]."""
    N, P = dY.shape[:2]
    over = plan.tile * plan.grid[1] - plan.output[1]
    if over:
        dY = np.pad(dY, [(0, 0), (0, 0), (0, 0), (0, over)])
    G = space.array("G", (N, *plan.grid, plan.tile, P), dY.dtype)
    G[...] = dY.reshape(N, P, *plan.grid, plan.tile).transpose(0, 2, 3, 4, 1)
    return G.reshape(-1, plan.tile * P)


def kernel_gradient(G, rows, plan):
    """dkernels [P, U·V·D]: a weight stands T times in the band, its gradients are added up."""
    T, U = plan.tile, plan.taps[0].stop - plan.taps[0].start
    dband = np.dot(G.T, rows).reshape(T, -1, rows.shape[1] // (U * plan.length), U, plan.length)
    dkernels = _diagonals(dband, plan).sum(axis=0)
    return dkernels.transpose(0, 2, 3, 1).reshape(len(dkernels), -1)


def bias_gradient(G, plan):
    """db [P]."""
    return G.sum(axis=0).reshape(plan.tile, -1).sum(axis=0)


def fold(G, band, plan, dX, space):
    """drows = G · band, every entry added to the pixel of dX [B, D, M, N] that it came from."""
    shape = _shape(dX, dX.shape[1], plan)
    drows = space.array("dwindows", (len(G), band.shape[1]), G.dtype)
    drows = np.matmul(G, band, out=drows).reshape(shape).transpose(0, 3, 4, 1, 2, 5)
    maps, inside = _padded(dX, plan)
    (s, t), (e, f) = plan.stride, plan.dilation
    for u in range(shape[4]):
        top = (plan.taps[0].start + u) * e
        rows = slice(top, top + (plan.output[0] - 1) * s + 1, s)
        for tile in range(shape[2]):
            left = plan.taps[1].start * f + tile * plan.tile * t
            maps[:, :, rows, left : left + plan.length] += drows[:, :, u, :, tile]
    dX[...] = inside
