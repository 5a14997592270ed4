"""Windows as columns, image by image [D·U·V, positions]: the form for large maps or few channels.

Write the padded rows of a channel behind one another. The pixel that tap (u, v) sees then lies
u·C + v numbers behind the one that tap (0, 0) sees, C being the length of a row, for every window
alike: a row of the columns is one long piece of the channel, copied at once. A window that runs
over the end of a row sees the next one; such positions are computed too, and dropped. With a
stride S every S-th pixel is taken out first, once from each of the S·S possible beginnings: within
such a *phase* the window moves by one again.

Every image has a product of its own, of matrices so small that BLAS multiplies them where they
lie; for one product over the batch it would first write all windows down once more.
"""

import numpy as np


def _phases(X, plan, space, name):
    """Phases [S, T, n, D, R·C], zeros at first, and pairs of views of the pixels shared with X."""
    n, D = X.shape[:2]
    if plan.stride == (1, 1) and plan.padding == (0, 0):
        return X.reshape(1, 1, n, D, -1), []  # X itself
    phases = space.array(name, (*plan.stride, n, D, *plan.grid), X.dtype, np.zeros)
    pairs = []
    for part in np.ndindex(*plan.stride):
        place, pixels = [], []
        for k in (0, 1):
            # Row r of this phase is row r·stride + part − padding of the image.
            first = -(-max(plan.padding[k] - part[k], 0) // plan.stride[k])
            pixel = first * plan.stride[k] + part[k] - plan.padding[k]
            count = len(range(pixel, X.shape[2 + k], plan.stride[k]))
            place.append(slice(first, first + count))
            pixels.append(slice(pixel, None, plan.stride[k]))
        pairs.append((phases[part][(..., *place)], X[(..., *pixels)]))
    return phases.reshape(*phases.shape[:4], -1), pairs


def unfold(X, plan, space):
    """Every window of X [n, D, M, N], one a column."""
    phases, shared = _phases(X, plan, space, "phases")
    for inside, pixels in shared:
        inside[...] = pixels
    n, D = X.shape[:2]
    columns = space.array("windows", (n, D, *plan.window, plan.length), X.dtype)
    for part, taps, start, steps in plan.groups:
        rows, pixels = columns[taps], phases[part][..., start:]
        rows[...] = _view(pixels, rows.shape, pixels.strides[:2], steps)
    return columns.reshape(n, -1, plan.length)


def _view(numbers, shape, outer, steps):
    pixel = numbers.strides[-1]  # of a transposed X not its itemsize
    strides = *outer, *(step * pixel for step in steps), pixel
    return np.lib.stride_tricks.as_strided(numbers, shape, strides)


def multiply(columns, kernels, b, plan, Y, space):
    """Y [n, P, M′, N′] = kernels · columns + b."""
    maps, valid = _positions(Y, plan, space, "Y", np.empty)
    np.matmul(kernels, columns, out=maps)
    np.add(valid, 0 if b is None else b[:, None, None], out=Y)


def arrange(dY, plan, space):
    """dY [n, P, M′, N′] with a window's gradients in a column: [n, P, positions]."""
    G, valid = _positions(dY, plan, space, "G", np.zeros)
    valid[...] = dY
    return G


def _positions(Y, plan, space, name, fresh):
    """Maps [n, P, positions], and a view [n, P, M′, N′] of the positions that are outputs."""
    shape = (*Y.shape[:2], plan.output[0], plan.grid[1])
    maps = space.array(name, shape, Y.dtype, fresh)
    return maps.reshape(*shape[:2], -1)[..., : plan.length], maps[..., : plan.output[1]]


def kernel_gradient(G, columns, plan):
    """dkernels [P, D·U·V]."""
    return np.matmul(columns, G.transpose(0, 2, 1)).sum(axis=0).T


def bias_gradient(G, plan):
    """db [P]."""
    return G.sum(axis=(0, 2))


def fold(G, kernels, plan, dX, space):
    """dcolumns = kernelsᵀ · G, every entry added to the pixel of dX [n, D, M, N] it came from.

    A pixel that is u·C + v numbers from the first of a channel takes from tap (u, v) what lies as
    much further to the front in its row. With zeros behind each row, that is a sum over a view.
    """
    n, D = dX.shape[:2]
    phases, shared = _phases(dX, plan, space, "dphases")
    size = phases.shape[-1]
    dcolumns = space.array("dwindows", (n, D, *plan.window, size), G.dtype)
    dcolumns[..., plan.length :] = 0
    np.matmul(kernels.T, G, out=dcolumns.reshape(n, -1, size)[..., : plan.length])
    for part, taps, start, steps in plan.groups:
        rows = dcolumns[taps]
        steps = [rows.strides[2 + k] // G.itemsize - steps[k] for k in (0, 1)]
        view = _view(rows, (*rows.shape[:4], size - start), rows.strides[:2], steps)
        np.add.reduce(view, axis=(2, 3), out=phases[part][..., start:])
    for inside, pixels in shared:
        pixels[...] = inside
