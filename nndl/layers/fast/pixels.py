"""Images with the pixels first and the channels last, and back: long runs for whatever moves."""

import numpy as np

#: pixels of a map from which its channels lie apart by whole pages; numbers of a cache line
LARGE_MAP, LINE = 256, 16


def pack(X, length, place, space, name):
    """X [n, D, M, N] pixels first, at `place` of zeros [length, length′, n, D]."""
    n, D, M, L = X.shape
    pixels = space.array(name, (*length, n, D), X.dtype, np.zeros)
    if M * L < LARGE_MAP:  # image by image, then in runs of D
        maps = space.array("maps", (n, M, L, D), X.dtype)
        maps[...] = X.transpose(0, 2, 3, 1)
        pixels[place] = maps.transpose(1, 2, 0, 3)
    else:  # channels an odd number of cache lines apart, lest they push one another out
        maps = space.array("maps", (n, D, M * L + LINE), X.dtype)
        maps = maps[..., : M * L].reshape(n, D, M, L)
        maps[...] = X
        pixels[place] = maps.transpose(2, 3, 0, 1)
    return pixels


def unpack(pixels, X, space):
    """The way back, into X [n, D, M, N]."""
    n, D, M, L = X.shape
    maps = space.array("maps back", (n, M, L, D + LINE), X.dtype)[..., :D]
    maps[...] = pixels.transpose(2, 0, 1, 3)
    X[...] = maps.transpose(0, 3, 1, 2)
