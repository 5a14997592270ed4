"""Windows as columns [U·V·D, positions], channels first: the form for large maps, few channels.

Write all padded images of a channel behind one another, row after row. The pixel that tap (u, v)
sees then lies u·C + v numbers behind the one that tap (0, 0) sees, C being the length of a row,
for every window alike: a row of the columns is one long piece of the images, copied at once. A
window that runs over the end of a row sees the next one; such positions are computed too, and
dropped. With a stride S every S-th pixel is taken out first, once from each of the S·S possible
beginnings: within such a *phase* the window moves by one again.
"""

import numpy as np


def _empty_phases(N, D, plan, dtype, space):
    """Zeros [S, T, D, N·R·C + what the last piece runs over the end]."""
    over = max(start for _, start in plan.pieces)
    phases = space.array("phases", (*plan.stride, D, N * plan.grid[0] * plan.grid[1] + over), dtype)
    phases[...] = 0
    return phases


def _shared_pixels(phases, X, plan):
    """For every phase: views [D, N, rows, columns] of the pixels that it shares with X."""
    N, D = X.shape[:2]
    R, C = plan.grid
    images = X.transpose(1, 0, 2, 3)
    for part in np.ndindex(*plan.stride):
        maps = phases[part][:, : N * R * C].reshape(D, N, R, C)  # a view: only the end is cut off
        place, pixels = [], []
        for k in (0, 1):
            # Row r of this phase is row r·stride + part − padding of the image.
            first = -(-max(plan.padding[k] - part[k], 0) // plan.stride[k])
            pixel = first * plan.stride[k] + part[k] - plan.padding[k]
            count = len(range(pixel, X.shape[2 + k], plan.stride[k]))
            place.append(slice(first, first + count))
            pixels.append(slice(pixel, None, plan.stride[k]))
        yield maps[:, :, place[0], place[1]], images[:, :, pixels[0], pixels[1]]


def unfold(X, plan, space):
    """Every window of X [B, D, M, N], one a column."""
    N, D = X.shape[:2]
    phases = _empty_phases(N, D, plan, X.dtype, space)
    for inside, pixels in _shared_pixels(phases, X, plan):
        inside[...] = pixels
    length = N * plan.grid[0] * plan.grid[1]
    columns = space.array("windows", (len(plan.pieces), D, length), X.dtype)
    for row, (part, start) in zip(columns, plan.pieces, strict=True):
        row[...] = phases[part][:, start : start + length]
    return columns.reshape(-1, length)


def multiply(columns, kernels, b, plan, Y, space):
    """Y [B, P, M′, N′] = kernels · columns + b."""
    N, P = Y.shape[:2]
    maps = np.matmul(kernels, columns, out=space.array("Y", (P, columns.shape[1]), Y.dtype))
    valid = maps.reshape(P, N, *plan.grid)[:, :, : plan.output[0], : plan.output[1]]
    valid = valid.transpose(1, 0, 2, 3)
    if b is None:
        Y[...] = valid
    else:
        np.add(valid, b[:, None, None], out=Y)


def arrange(dY, plan, space):
    """dY [B, P, M′, N′] with a window's gradients in a column: [P, positions]."""
    N, P = dY.shape[:2]
    G = space.array("G", (P, N, *plan.grid), dY.dtype)
    G[:, :, plan.output[0] :] = 0  # positions over the end of the rows take no part
    G[:, :, :, plan.output[1] :] = 0
    G[:, :, : plan.output[0], : plan.output[1]] = dY.transpose(1, 0, 2, 3)
    return G.reshape(P, -1)


def kernel_gradient(G, columns, plan):
    """dkernels [P, U·V·D]."""
    return np.dot(G, columns.T)


def bias_gradient(G, plan):
    """db [P]."""
    return G.sum(axis=1)


def fold(G, kernels, plan, dX, space):
    """dcolumns = kernelsᵀ · G, every entry added to the pixel of dX [B, D, M, N] it came from."""
    N, D = dX.shape[:2]
    length = G.shape[1]
    dcolumns = space.array("dwindows", (kernels.shape[1], length), G.dtype)
    np.matmul(kernels.T, G, out=dcolumns)
    phases = _empty_phases(N, D, plan, G.dtype, space)
    rows = dcolumns.reshape(-1, D, length)
    for row, (part, start) in zip(rows, plan.pieces, strict=True):
        phases[part][:, start : start + length] += row
    for inside, pixels in _shared_pixels(phases, dX, plan):
        pixels[...] = inside
