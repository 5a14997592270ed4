"""Convolution as matrix products, in the form that suits the shape.

Three forms; `choose` takes the first that fits:

====== ============================================== ===========================================
form   when                                           what is multiplied
====== ============================================== ===========================================
dense  one window covers the whole input              images [N, D·U·V] by kernels, no copying
pixels 1×1 kernel                                     pixels [N·M′·N′, D] by kernels [D, P]
rows   everything else                                windows [N·M′·N′, U·V·D] by kernels
====== ============================================== ===========================================

In the last two the channels of a pixel lie side by side (channels last), so that a window is
copied in runs of V·D numbers, and the whole batch is one product instead of one for each image.
Where the windows of the batch would outgrow the cache, the batch is cut into blocks.
"""

import dataclasses
import math

import numpy as np

from .window import contiguous, empty, output_size

#: windows of a batch up to this size are made at once, and wait for the backward pass
WHOLE_BYTES = 16 * 2**20
#: larger ones are made in blocks of this size, which stay in the cache until they are multiplied
BLOCK_BYTES = 2 * 2**20


@dataclasses.dataclass(frozen=True)
class Plan:
    """Sizes of one convolution, and which form computes it.

    Attributes
    ----------
    stride, padding, dilation, output : pair of int
        Output is M′ and N′.
    taps : pair of slice
        The rows and columns of the kernel that ever see data. Of a 3×3 kernel over a 1×1 map
        with padding 1 the centre alone does; the other eight would multiply zeros.
    form : 'dense', 'pixels' or 'rows'
    """

    stride: tuple
    padding: tuple
    dilation: tuple
    output: tuple
    taps: tuple
    form: str


def choose(X, W, stride, padding, dilation):
    """The Plan for arrays X [N, D, M, N'] and W [P, D, U, V]."""
    output, taps, covers = [], [], True
    for k in (0, 1):
        size, kernel = X.shape[2 + k], W.shape[2 + k]
        count = output_size(size, kernel, stride[k], padding[k], dilation[k])
        first, last = -padding[k], (count - 1) * stride[k] - padding[k]
        places = [u * dilation[k] for u in range(kernel)]
        seeing = [u for u, place in enumerate(places) if place + first < size and place + last >= 0]
        begin, end = (seeing[0], seeing[-1] + 1) if seeing else (0, 1)
        steps = dilation[k] if end - begin > 1 else 1
        covers &= count == 1 and steps == 1 and first + places[begin] == 0 and end - begin == size
        output.append(count)
        taps.append(slice(begin, end))
    form = "dense" if covers else "pixels" if W.shape[2:] == (1, 1) else "rows"
    return Plan(stride, padding, dilation, tuple(output), tuple(taps), form)


def forward(X, W, b, stride, padding, dilation):
    """Y [N, P, M′, N′], and the windows for `backward` where they are small enough to keep."""
    plan = choose(X, W, stride, padding, dilation)
    kept = None
    if plan.form == "dense":
        kernels = W[:, :, plan.taps[0], plan.taps[1]].reshape(len(W), -1)
        Y = empty((len(X), len(W)), X.dtype)
        np.matmul(X.reshape(len(X), -1), kernels.T, out=Y)
    else:
        kernels = _kernels(W, plan)
        Y = np.empty((len(X), *plan.output, len(W)), X.dtype)
        rows = None
        for block in _blocks(X, W, plan):
            rows = _rows(X[block], plan, rows)
            np.matmul(rows, kernels.T, out=Y[block].reshape(len(rows), len(W)))
        kept = rows if block == slice(0, len(X)) else None
    if b is not None:
        Y += b
    if plan.form == "dense":
        return Y.reshape(len(X), len(W), 1, 1), None
    return contiguous(Y.transpose(0, 3, 1, 2)), kept


def backward(dY, X, W, stride, padding, dilation, needed=(True, True, True), kept=None):
    """dX, dW, db, None where not needed: from Y = rows @ kernelsᵀ + b.

    dkernels = dYᵀ @ rows; drows = dY @ kernels, every entry added to the pixel it came from;
    db = Σ dY.
    """
    plan = choose(X, W, stride, padding, dilation)
    if plan.form == "dense":
        return _dense_backward(dY.reshape(len(dY), -1), X, W, plan, needed)
    dX = empty(X.shape, X.dtype) if needed[0] else None
    dkernels = db = 0
    kernels = _kernels(W, plan)
    rows = drows = None
    for block in _blocks(X, W, plan):
        G = np.ascontiguousarray(dY[block].transpose(0, 2, 3, 1)).reshape(-1, len(W))
        if needed[1]:
            rows = _rows(X[block], plan, rows) if kept is None else kept
            dkernels = dkernels + G.T @ rows
        if needed[2]:
            db = db + G.sum(axis=0)
        if needed[0]:
            drows = np.matmul(G, kernels, out=_room(drows, (len(G), kernels.shape[1]), G.dtype))
            _scatter(drows, dX[block], plan)
    dW = _spread(dkernels, W, plan) if needed[1] else None
    return dX, dW, db if needed[2] else None


def _dense_backward(G, X, W, plan, needed):
    images = X.reshape(len(X), -1)
    part = W[:, :, plan.taps[0], plan.taps[1]]
    dX = dW = db = None
    if needed[0]:
        dX = empty(X.shape, X.dtype)
        np.matmul(G, part.reshape(len(W), -1), out=dX.reshape(len(X), -1))
    if needed[1]:
        dpart = (G.T @ images).reshape(part.shape)
        dW = dpart
        if part.shape != W.shape:
            dW = np.zeros(W.shape, W.dtype)
            dW[:, :, plan.taps[0], plan.taps[1]] = dpart
    if needed[2]:
        db = G.sum(axis=0)
    return dX, dW, db


def _blocks(X, W, plan):
    """Slices of the batch whose windows are made and multiplied together."""
    image = plan.output[0] * plan.output[1] * W[0].size * X.itemsize
    size = len(X) if image * len(X) <= WHOLE_BYTES else max(1, BLOCK_BYTES // image)
    return [slice(start, min(start + size, len(X))) for start in range(0, len(X), size)]


def _kernels(W, plan):
    """Kernels [P, U·V·D]: the order of a window in which channels lie side by side."""
    part = W[:, :, plan.taps[0], plan.taps[1]]
    return np.ascontiguousarray(part.transpose(0, 2, 3, 1)).reshape(len(W), -1)


def _spread(dkernels, W, plan):
    """The gradient [P, U·V·D] in W's own order, zeros for taps that never see data."""
    P, D = W.shape[:2]
    U, V = (taps.stop - taps.start for taps in plan.taps)
    part = dkernels.reshape(P, U, V, D).transpose(0, 3, 1, 2)
    if part.shape == W.shape:
        return contiguous(part)
    dW = np.zeros(W.shape, W.dtype)
    dW[:, :, plan.taps[0], plan.taps[1]] = part
    return dW


def _room(last, shape, dtype):
    """An array to write into: the last block's where it has this shape, since fresh memory costs
    more than the numbers that go into it."""
    return last if last is not None and last.shape == shape else np.empty(shape, dtype)


def _rows(X, plan, last=None):
    """Windows [N·M′·N′, U·V·D] of X [N, D, M, N'], channels last; may be written over `last`."""
    if plan.form == "pixels" and plan.padding == (0, 0):
        pixels = X[:, :, :: plan.stride[0], :: plan.stride[1]]
        return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).reshape(-1, X.shape[1])
    view = _windows(_padded(X, plan), plan)
    shape = (math.prod(view.shape[:3]), math.prod(view.shape[3:]))
    rows = _room(last, shape, X.dtype)
    rows.reshape(view.shape)[...] = view
    return rows


def _padded(X, plan):
    """X [N, D, M, N'] with its zeros around it, channels last."""
    N, D, M, L = X.shape
    (p, q) = plan.padding
    maps = np.zeros((N, M + 2 * p, L + 2 * q, D), X.dtype)
    maps[:, p : p + M, q : q + L] = X.transpose(0, 2, 3, 1)
    return maps


def _windows(maps, plan):
    """A view [N, M′, N′, U, V, D] of padded maps: what each tap sees at each position."""
    top, left = (plan.taps[k].start * plan.dilation[k] for k in (0, 1))
    maps = maps[:, top:, left:]
    n, r, c, d = maps.strides
    (s, t), (e, f) = plan.stride, plan.dilation
    U, V = (taps.stop - taps.start for taps in plan.taps)
    shape = (len(maps), *plan.output, U, V, maps.shape[3])
    strides = (n, r * s, c * t, r * e, c * f, d)
    return np.lib.stride_tricks.as_strided(maps, shape, strides)


def _scatter(drows, dX, plan):
    """Add every window's gradient to the pixels that it saw, and write the sums into dX."""
    N, D, M, L = dX.shape
    (p, q) = plan.padding
    if plan.form == "pixels" and not (p or q):
        pixels = drows.reshape(N, *plan.output, D).transpose(0, 3, 1, 2)
        if plan.stride != (1, 1):
            dX[...] = 0
        dX[:, :, :: plan.stride[0], :: plan.stride[1]] = pixels
        return
    maps = np.zeros((N, M + 2 * p, L + 2 * q, D), dX.dtype)
    seen = _windows(maps, plan)
    drows = drows.reshape(seen.shape)
    for u in range(seen.shape[3]):
        for v in range(seen.shape[4]):
            seen[:, :, :, u, v] += drows[:, :, :, u, v]
    dX[...] = maps[:, p : p + M, q : q + L].transpose(0, 3, 1, 2)
