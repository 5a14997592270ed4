"""Maxima of 2×2 windows that lie apart: the larger of every two neighbours, then of every two rows.

Two by two, the pixels of all maps are one long table: the first step runs through it from end to
end, while a tap (`taps`) has to begin anew in every row of every map. Only for maps whose
sides are even.
"""

import numpy as np


def fits(mode, shape, size, stride, padding):
    apart = size == stride == (2, 2) and padding == (0, 0)
    return mode == "max" and apart and shape[0] % 2 == shape[1] % 2 == 0


def forward(maps, Y, mode, *geometry):
    """Y [maps, M′, N′] of maps [maps, M, N].

    Returns what the backward pass wants to see again; None where there is a NaN, whose place the
    comparisons of the backward pass would not find.
    """
    pairs = maps.reshape(-1, 2)
    larger = np.maximum(pairs[:, 0], pairs[:, 1]).reshape(-1, 2, Y.shape[2])
    np.maximum(larger[:, 0], larger[:, 1], out=Y.reshape(-1, Y.shape[2]))
    return None if np.isnan(Y).any() else (pairs, larger)


def backward(dY, kept, dX, mode, *geometry):
    """dX [maps, M, N]: of equal pixels the first, row by row, takes the gradient."""
    pairs, larger = kept
    dlarger = np.empty_like(larger)
    _hand_down(dY.reshape(-1, dY.shape[2]), larger, dlarger)
    _hand_down(dlarger.reshape(-1), pairs, dX.reshape(-1, 2))


def _hand_down(g, x, dx):
    """Of x[:, 0] and x[:, 1] the larger takes the gradient, the first if they are equal."""
    first = x[:, 0] >= x[:, 1]
    np.multiply(g, first, out=dx[:, 0])
    np.multiply(g, ~first, out=dx[:, 1])
