"""Pooling as one operation a tap: all windows at once, many maps side by side.

Windows that lie apart are read and written in place. Where they overlap, or reach into the
border, a pixel is met several times; then the maps are first copied so that equal pixels of many
maps lie side by side, and every tap is one long run of numbers.
"""

import functools
import itertools

import numpy as np

from .parallel import over_batch
from .window import empty, output_size

#: pixels of the maps that are pooled together, side by side: they stay in the cache
_TOGETHER = 2**18
#: numbers from which a second thread is worth waking
_SHARED_WORK = 2**19


def _pictures(X):
    """X [N, D, M, N'] as [N·D, M, N']: every map is pooled by itself."""
    return X.reshape(-1, *X.shape[2:])


def _together(part, pixels):
    """Slices of a part of the maps, each of so many pixels, that are pooled together."""
    size = max(1, _TOGETHER // pixels)
    starts = range(part.start, part.stop, size)
    return [slice(start, min(start + size, part.stop)) for start in starts]


def _side_by_side(shape, count, dtype):
    """Unset maps [M, N', count]: what a tap sees is one long run over all of them.

    From pixel to pixel it is an odd number of cache lines. With a power of two, which `count`
    mostly is, the pixels of a map would share a few places of the cache and push one another out
    whenever maps are brought into this order or back.
    """
    line = 64 // dtype.itemsize
    lines = -(-count // line) | 1
    return np.empty((*shape, lines * line), dtype)[..., :count]


def _pixels_first(maps):
    """A copy [M, N', maps] of maps [maps, M, N']."""
    copy = _side_by_side(maps.shape[1:], len(maps), maps.dtype)
    copy[...] = maps.transpose(1, 2, 0)
    return copy


@functools.lru_cache(maxsize=64)
def _outputs(shape, size, stride, padding):
    return tuple(output_size(shape[k], size[k], stride[k], padding[k]) for k in (0, 1))


@functools.lru_cache(maxsize=64)
def _taps(shape, size, stride, padding):
    """For every tap of the window, row by row: (outputs that it serves, pixels that it sees).

    Both as a pair of slices; outputs whose window has this tap in the border are left out, so
    that no border has to be made.
    """
    sides = []
    for k, outputs in enumerate(_outputs(shape, size, stride, padding)):
        side = []
        for u in range(size[k]):
            first = -(-max(padding[k] - u, 0) // stride[k])
            pixel = first * stride[k] + u - padding[k]
            count = min(outputs - first, len(range(pixel, shape[k], stride[k])))
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
def _counts(shape, size, stride, padding, dtype):
    """Pixels of the picture in every window, [M′, N′, 1]; one number where all have as many."""
    if padding == (0, 0):
        return dtype.type(size[0] * size[1])
    counts = np.zeros((*_outputs(shape, size, stride, padding), 1), dtype)
    for outputs, _ in _taps(shape, size, stride, padding):
        counts[outputs] += 1
    return counts


def _overlap(size, stride, padding):
    """Whether some pixel lies in several windows, or some window in the border."""
    return size[0] > stride[0] or size[1] > stride[1] or padding != (0, 0)


def forward(X, size, mode, stride, padding):
    """Y, and for every block of maps what the backward pass wants to see again."""
    geometry = X.shape[2:], size, stride, padding
    maps, outputs = _pictures(X), _outputs(*geometry)
    Y = empty((len(maps), *outputs), X.dtype)
    combine = _largest if mode == "max" else _mean

    def in_place(part):
        x, y = maps[part].transpose(1, 2, 0), Y[part].transpose(1, 2, 0)
        combine(x, y, *geometry)
        return [(part, x, y.copy(order="K") if mode == "max" else None)]

    def copied(part):
        kept = []
        for block in _together(part, maps[0].size):
            x = _pixels_first(maps[block])
            y = _side_by_side(outputs, x.shape[2], X.dtype)
            combine(x, y, *geometry)
            Y[block] = y.transpose(2, 0, 1)
            kept.append((block, x, y) if mode == "max" else (block, None, None))
        return kept

    compute = copied if _overlap(size, stride, padding) else in_place
    return Y.reshape(*X.shape[:2], *outputs), _shared(compute, len(maps), X.size)


def backward(dY, kept, X, size, mode, stride, padding):
    """dX [N, D, M, N']."""
    geometry = X.shape[2:], size, stride, padding
    G, dX = _pictures(dY), empty((X.shape[0] * X.shape[1], *X.shape[2:]), X.dtype)
    overlap = _overlap(size, stride, padding)

    def compute(parts):
        for block, x, y in itertools.chain(*kept[parts]):
            if overlap:
                g = _pixels_first(G[block])
                dx = _side_by_side(X.shape[2:], block.stop - block.start, X.dtype)
            else:
                g, dx = G[block].transpose(1, 2, 0), dX[block].transpose(1, 2, 0)
            if mode == "max":
                _hand_down(g, x, y, dx, overlap, *geometry)
            else:
                _share_out(g, dx, overlap, *geometry)
            if overlap:
                dX[block] = dx.transpose(2, 0, 1)

    _shared(compute, len(kept), X.size)
    return dX.reshape(X.shape)


def _shared(compute, count, numbers):
    """The parts of a batch, on threads where there are numbers enough."""
    if numbers < _SHARED_WORK:
        return [compute(slice(0, count))]
    return over_batch(compute, count)


def _begin(x, y, neutral, *geometry):
    """Start y from the first tap where that serves every output; returns the taps still to come."""
    first, *others = taps = _taps(*geometry)
    if geometry[3] == (0, 0):
        y[...] = x[first[1]]
        return others
    y[...] = neutral
    return taps


def _largest(x, y, *geometry):
    for outputs, pixels in _begin(x, y, -np.inf, *geometry):
        np.maximum(y[outputs], x[pixels], out=y[outputs])


def _hand_down(g, x, y, dx, overlap, *geometry):
    """A maximum hands its gradient to the first pixel that attains it."""
    if overlap or not _covered(*geometry):
        dx[...] = 0
    waiting = np.ones_like(y, bool)  # for a pixel that attains it
    for outputs, pixels in _taps(*geometry):
        hit = x[pixels] == y[outputs]
        hit &= waiting[outputs]
        waiting[outputs] ^= hit
        if overlap:
            dx[pixels] += g[outputs] * hit
        else:
            np.multiply(g[outputs], hit, out=dx[pixels])


def _mean(x, y, *geometry):
    for outputs, pixels in _begin(x, y, 0, *geometry):
        y[outputs] += x[pixels]
    y /= _counts(*geometry, x.dtype)


def _share_out(g, dx, overlap, *geometry):
    """A mean shares its gradient out among the pixels of its window."""
    if overlap or not _covered(*geometry):
        dx[...] = 0
    share = g / _counts(*geometry, g.dtype)
    for outputs, pixels in _taps(*geometry):
        if overlap:
            dx[pixels] += share[outputs]
        else:
            dx[pixels] = share[outputs]


def _covered(shape, size, stride, padding):
    """Whether windows that lie apart leave no pixel out."""
    return size == stride and shape[0] % size[0] == 0 and shape[1] % size[1] == 0
