"""Windows as rows [B·M′·N′, U·V·D], channels last: the form for small maps of many channels."""

import math

import numpy as np


def unfold(X, plan, space):
    """Every window of X [B, D, M, N], one a row."""
    if _whole_pixels(plan):
        pixels = X[:, :, :: plan.stride[0], :: plan.stride[1]]
        return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).reshape(-1, X.shape[1])
    N, D, M, L = X.shape
    (p, q) = plan.padding
    maps = np.zeros((N, M + 2 * p, L + 2 * q, D), X.dtype)
    maps[:, p : p + M, q : q + L] = X.transpose(0, 2, 3, 1)
    view = _windows(maps, plan)
    rows = space.array("windows", (math.prod(view.shape[:3]), math.prod(view.shape[3:])), X.dtype)
    rows.reshape(view.shape)[...] = view
    return rows


def multiply(rows, kernels, b, plan, Y, space):
    """Y [B, P, M′, N′] = rows · kernelsᵀ + b."""
    N, P = Y.shape[:2]
    maps = np.matmul(rows, kernels.T, out=space.array("Y", (len(rows), P), Y.dtype))
    if b is not None:
        maps += b
    Y[...] = maps.reshape(N, *plan.output, P).transpose(0, 3, 1, 2)


def arrange(dY, plan, space):
    """dY [B, P, M′, N′] with a window's gradients in a row: [B·M′·N′, P]."""
    return np.ascontiguousarray(dY.transpose(0, 2, 3, 1)).reshape(-1, dY.shape[1])


def kernel_gradient(G, rows, plan):
    """dkernels [P, U·V·D]."""
    return np.dot(G.T, rows)  # unlike @ quick for a single row, too


def bias_gradient(G, plan):
    """db [P]."""
    return G.sum(axis=0)


def fold(G, kernels, plan, dX, space):
    """drows = G · kernels, every entry added to the pixel of dX [B, D, M, N] that it came from."""
    drows = space.array("dwindows", (len(G), kernels.shape[1]), G.dtype)
    np.matmul(G, kernels, out=drows)
    N, D, M, L = dX.shape
    if _whole_pixels(plan):
        if plan.stride != (1, 1):
            dX[...] = 0
        pixels = drows.reshape(N, *plan.output, D).transpose(0, 3, 1, 2)
        dX[:, :, :: plan.stride[0], :: plan.stride[1]] = pixels
        return
    (p, q) = plan.padding
    maps = np.zeros((N, M + 2 * p, L + 2 * q, D), dX.dtype)
    seen = _windows(maps, plan)
    drows = drows.reshape(seen.shape)
    for u in range(seen.shape[3]):
        for v in range(seen.shape[4]):
            seen[:, :, :, u, v] += drows[:, :, :, u, v]
    dX[...] = maps[:, p : p + M, q : q + L].transpose(0, 3, 1, 2)


def _whole_pixels(plan):
    """Whether a window is one pixel, always inside the image: a 1×1 kernel without padding."""
    single = all(taps == slice(0, 1) for taps in plan.taps)
    return single and plan.padding == (0, 0)


def _windows(maps, plan):
    """A view [B, M′, N′, U, V, D] of padded maps: what each tap sees at each position."""
    top, left = (plan.taps[k].start * plan.dilation[k] for k in (0, 1))
    maps = maps[:, top:, left:]
    n, r, c, d = maps.strides
    (s, t), (e, f) = plan.stride, plan.dilation
    U, V = (taps.stop - taps.start for taps in plan.taps)
    shape = (len(maps), *plan.output, U, V, maps.shape[3])
    strides = (n, r * s, c * t, r * e, c * f, d)
    return np.lib.stride_tricks.as_strided(maps, shape, strides)
