"""Which form of pooling serves which shape, and the parts of a batch on threads.

A form is a module with `forward(maps, Y, mode, *geometry)`, which fills Y and returns what the
backward pass wants to see again, and `backward(dY, kept, dX, mode, *geometry)`. One whose forward
returns None has met numbers that it can't serve; `taps` serves all.
"""

import numpy as np

from ..arrays import empty
from . import pairs, taps
from .threads import over_batch

#: numbers from which a second thread is worth waking
_SHARED_WORK = 2**19


def choose(mode, *geometry):
    """The form for maps of that shape, window, stride and padding."""
    return pairs if pairs.fits(mode, *geometry) else taps


def _pictures(X):
    """X [B, D, M, N] as [B·D, M, N]: every map is pooled by itself."""
    return X.reshape(-1, *X.shape[2:])


def forward(X, size, mode, stride, padding):
    """Y, and for every part of the maps (part, form, what its backward pass wants to see)."""
    geometry = X.shape[2:], size, stride, padding
    maps, outputs = _pictures(X), taps.outputs(*geometry)
    Y = empty((len(maps), *outputs), X.dtype)
    form = choose(mode, *geometry)

    def compute(part):
        kept = form.forward(maps[part], Y[part], mode, *geometry)
        if kept is not None:
            return part, form, kept
        return part, taps, taps.forward(maps[part], Y[part], mode, *geometry)

    return Y.reshape(*X.shape[:2], *outputs), _shared(compute, len(maps), X.size)


def backward(dY, kept, X, size, mode, stride, padding):
    """dX [B, D, M, N]."""
    geometry = X.shape[2:], size, stride, padding
    G, dX = _pictures(dY), empty((X.shape[0] * X.shape[1], *X.shape[2:]), X.dtype)

    def compute(parts):
        for part, form, memory in kept[parts]:
            form.backward(G[part], memory, dX[part], mode, *geometry)

    _shared(compute, len(kept), X.size)
    return dX.reshape(X.shape)


def _shared(compute, count, numbers):
    """The parts of a batch, on threads where there are numbers enough."""
    if numbers >= _SHARED_WORK:
        return over_batch(compute, count)
    with np.errstate(over="ignore", invalid="ignore"):  # as in `over_batch`
        return [compute(slice(0, count))]
