"""Pooling as one operation a tap: all windows at once, many maps side by side.

Windows that lie apart are read and written in place. Where they overlap, or reach into the
border, a pixel is met several times; then the maps are first copied so that equal pixels of many
maps lie side by side, and every tap is one long run of numbers.
"""

import functools

import numpy as np

from ..window import output_size

#: pixels of the maps that are pooled together, side by side: they stay in the cache
_TOGETHER = 2**18


def _together(maps):
    """Slices of the maps that are pooled together."""
    size = max(1, _TOGETHER // maps[0].size)
    return [slice(start, start + size) for start in range(0, len(maps), size)]


def _side_by_side(shape, count, dtype):
    """Unset maps [M, N, count]: what a tap sees is one long run over all of them.

    From pixel to pixel it is an odd number of cache lines. With a power of two, which `count`
    mostly is, the pixels of a map would share a few places of the cache and push one another out
    whenever maps are brought into this order or back.
    """
    line = 64 // dtype.itemsize
    lines = -(-count // line) | 1
    return np.empty((*shape, lines * line), dtype)[..., :count]


def _pixels_first(maps):
    """A copy [M, N, maps] of maps [maps, M, N]."""
    copy = _side_by_side(maps.shape[1:], len(maps), maps.dtype)
    copy[...] = maps.transpose(1, 2, 0)
    return copy


@functools.lru_cache(maxsize=64)
def outputs(shape, size, stride, padding):
    """Rows and columns of a pooled map."""
    return tuple(output_size(shape[k], size[k], stride[k], padding[k]) for k in (0, 1))


@functools.lru_cache(maxsize=64)
def taps(shape, size, stride, padding):
    """For every tap of the window, row by row: (outputs that it serves, pixels that it sees).

    Both as a pair of slices; outputs whose window has this tap in the border are left out, so
    that no border has to be made.
    """
    sides = []
    for k, length in enumerate(outputs(shape, size, stride, padding)):
        side = []
        for u in range(size[k]):
            first = -(-max(padding[k] - u, 0) // stride[k])
            pixel = first * stride[k] + u - padding[k]
            count = min(length - first, len(range(pixel, shape[k], stride[k])))
            if count > 0:
                end = pixel + (count - 1) * stride[k] + 1
                side.append((slice(first, first + count), slice(pixel, end, stride[k])))
        sides.append(side)
    return [
        ((rows, columns), (from_rows, from_columns))
        for rows, from_rows in sides[0]
        for columns, from_columns in sides[1]
    ]


@functools.lru_cache(maxsize=64)
def counts(shape, size, stride, padding, dtype):
    """Pixels of the picture in every window, [M′, N′, 1]; one number where all have as many."""
    if padding == (0, 0):
        return dtype.type(size[0] * size[1])
    found = np.zeros((*outputs(shape, size, stride, padding), 1), dtype)
    for served, _ in taps(shape, size, stride, padding):
        found[served] += 1
    return found


def _overlap(size, stride, padding):
    """Whether some pixel lies in several windows, or some window in the border."""
    return size[0] > stride[0] or size[1] > stride[1] or padding != (0, 0)


def forward(maps, Y, mode, *geometry):
    """Y [maps, M′, N′] of maps [maps, M, N]; returns what the backward pass wants to see again."""
    combine = _largest if mode == "max" else _mean
    if not _overlap(*geometry[1:]):
        x, y = maps.transpose(1, 2, 0), Y.transpose(1, 2, 0)
        combine(x, y, *geometry)
        return [(x, y.copy(order="K"))] if mode == "max" else []
    kept = []
    for block in _together(maps):
        x = _pixels_first(maps[block])
        y = _side_by_side(Y.shape[1:], x.shape[2], x.dtype)
        combine(x, y, *geometry)
        Y[block] = y.transpose(2, 0, 1)
        if mode == "max":
            kept.append((x, y))
    return kept


def backward(dY, kept, dX, mode, *geometry):
    """dX [maps, M, N] of dY [maps, M′, N′]."""
    overlap = _overlap(*geometry[1:])
    blocks = _together(dX) if overlap else [slice(None)]
    for number, block in enumerate(blocks):
        if overlap:
            g = _pixels_first(dY[block])
            dx = _side_by_side(dX.shape[1:], g.shape[2], dX.dtype)
        else:
            g, dx = dY.transpose(1, 2, 0), dX.transpose(1, 2, 0)
        if mode == "max":
            _hand_down(g, *kept[number], dx, overlap, *geometry)
        else:
            _share_out(g, dx, overlap, *geometry)
        if overlap:
            dX[block] = dx.transpose(2, 0, 1)


def _begin(x, y, neutral, *geometry):
    """Start y from the first tap where that serves every output; returns the taps still to come."""
    first, *others = every = taps(*geometry)
    if geometry[3] == (0, 0):
        y[...] = x[first[1]]
        return others
    y[...] = neutral
    return every


def _largest(x, y, *geometry):
    for served, pixels in _begin(x, y, -np.inf, *geometry):
        np.maximum(y[served], x[pixels], out=y[served])


def _hand_down(g, x, y, dx, overlap, *geometry):
    """A maximum hands its gradient to the first pixel that attains it."""
    if overlap or not _covered(*geometry):
        dx[...] = 0
    waiting = np.ones_like(y, bool)  # for a pixel that attains it
    for served, pixels in taps(*geometry):
        hit = x[pixels] == y[served]
        hit &= waiting[served]
        waiting[served] ^= hit
        if overlap:
            dx[pixels] += g[served] * hit
        else:
            np.multiply(g[served], hit, out=dx[pixels])


def _mean(x, y, *geometry):
    for served, pixels in _begin(x, y, 0, *geometry):
        y[served] += x[pixels]
    y /= counts(*geometry, x.dtype)


def _share_out(g, dx, overlap, *geometry):
    """A mean shares its gradient out among the pixels of its window."""
    if overlap or not _covered(*geometry):
        dx[...] = 0
    share = g / counts(*geometry, g.dtype)
    for served, pixels in taps(*geometry):
        if overlap:
            dx[pixels] += share[served]
        else:
            dx[pixels] = share[served]


def _covered(shape, size, stride, padding):
    """Whether windows that lie apart leave no pixel out."""
    return size == stride and shape[0] % size[0] == 0 and shape[1] % size[1] == 0
