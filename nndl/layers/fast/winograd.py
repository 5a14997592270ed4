"""Winograd's minimal filtering: 3×3 convolutions with a quarter of the multiplications.

Two outputs of a filter with three taps, y₀ = g₀d₀ + g₁d₁ + g₂d₂ and y₁ = g₀d₁ + g₁d₂ + g₂d₃, take
six products. Four do:

    m₁ = (d₀ − d₂) g₀    m₂ = (d₁ + d₂)(g₀ + g₁ + g₂)/2    y₀ = m₁ + m₂ + m₃
    m₄ = (d₁ − d₃) g₂    m₃ = (d₂ − d₁)(g₀ − g₁ + g₂)/2    y₁ = m₂ − m₃ − m₄

With three small matrices, y = A [(G g) ⊙ (B d)]: F(2, 3). F(m, 3) takes m + 2 products for m
outputs. Polynomials stand behind it: a product of two is known from its values at enough points,
and every value costs one multiplication (`minimal_filter`). Nested, rows in columns, m×m outputs
of a 3×3 kernel take (m + 2)² products in place of 9 m²; for F(4×4, 3×3), 36 in place of 144:

    Y = A [(G W Gᵀ) ⊙ (B X Bᵀ)] Aᵀ = A [U ⊙ V] Aᵀ

Over D channels and P kernels, ⊙ becomes a matrix product for each of the (m + 2)² places: tiles
[T, D] times kernels [D, P]. B and A act once a channel, not once for every pair of channels, so
they cost little where there are many. All of it is linear in X and linear in W, so the gradients
are the same steps backwards with each matrix transposed: dM = Aᵀ dY A, dV = dM·U, dU = dMᵀ·V,
dX = Bᵀ dV B, added up where tiles overlap, and dW = Gᵀ dU G.

The price is digits. Products that are larger than the result cancel in A, the more, the wider the
points are spread: 0, ±2/3, ±3/2, ∞ lose a quarter of what the customary 0, ±1, ±2, ∞ do. An error
stays below 1e-6 of Σ|W||X|, but taken over the image's largest window. A window of small numbers
beside large ones would drown in it, and a NaN would reach its whole tile; such images and kernels
are recognised by the sizes of their numbers (`even`) and left to the direct forms, like float64.

References
----------
Winograd, *Arithmetic Complexity of Computations*, SIAM 1980. Lavin and Gray, *Fast Algorithms for
Convolutional Neural Networks*, CVPR 2016. Barabasz et al., *Error Analysis and Improving the
Accuracy of Winograd Convolution for Deep Neural Networks*, 2020, on the choice of points.
"""

import dataclasses
import functools

import numpy as np

from ..arrays import empty
from .pixels import pack, unpack
from .threads import Workspace, over_batch

#: the points of F(m, 3), beside ∞
POINTS = {2: (0, 1, -1), 3: (0, 1, -1, 1 / 2), 4: (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)}
#: tiles and their products are made in blocks of this size, which stay in the cache
BLOCK_BYTES = 2 * 2**20
#: multiply-adds from which a second thread is worth waking, and weights likewise
SHARED_WORK, SHARED_WEIGHTS = 2**20, 2**15
#: how many times the numbers of an image's smallest window those of its largest may be
RANGE = 2**10
#: sums of numbers beyond these are too near the ends of float32 for products of two
TINY, HUGE = 1e-15, 1e15


def minimal_filter(points, taps=3):
    """The matrices of F(m, taps), for which A [(G g) ⊙ (B d)] is Σ_u g[u] d[i + u], i < m.

    A[i, k] = aₖⁱ and G[k, u] = aₖᵘ / Πⱼ(aₖ − aⱼ) are powers of point aₖ; row k of B holds the
    coefficients of Πⱼ(z − aⱼ), j ≠ k: Lagrange's interpolation, transposed.

    Parameters
    ----------
    points : sequence of float
        m + taps − 2 different numbers; ∞ is added to them.
    taps : int

    Returns
    -------
    B [t, t], G [t, taps], A [m, t] : ndarray, float64, t = m + taps − 1

    Examples
    --------
    >>> B, G, A = minimal_filter([0, 1, -1])
    >>> d, g = np.array([1.0, 2, 3, 4]), np.array([1.0, 10, 100])
    >>> (A @ ((G @ g) * (B @ d))).round(9).tolist(), np.correlate(d, g).tolist()
    ([321.0, 432.0], [321.0, 432.0])
    """
    a, t = np.array(points, float), len(points) + 1
    B, G, A = np.zeros((t, t)), np.zeros((t, taps)), np.zeros((t - taps + 1, t))
    for k in range(t - 1):
        others = np.delete(a, k)
        B[k, :-1] = np.poly(others)[::-1]
        G[k] = a[k] ** np.arange(taps) / np.prod(a[k] - others)
        A[:, k] = a[k] ** np.arange(len(A))
    B[-1], G[-1, -1], A[-1, -1] = np.poly(a)[::-1], 1, 1  # ∞: the highest coefficient
    return B, G, A


@dataclasses.dataclass(frozen=True, eq=False)
class Axis:
    """How the rows, or the columns, of an image are cut into tiles.

    Attributes
    ----------
    B, G, A : ndarray [t, pixels of a tile], [t, 3], [outputs of a tile, t], float32
    tiles : int
    output : int
        Pixels of the output along this axis.
    length : int
        Pixels of the image with what zeros the tiles need around it.
    inside : slice
        Where the image lies in these.
    """

    B: np.ndarray
    G: np.ndarray
    A: np.ndarray
    tiles: int
    output: int
    length: int
    inside: slice


@functools.cache
def axis(size, padding):
    """The Axis of `size` pixels with `padding` ≤ 2, in as few products as there are outputs for."""
    output = size + 2 * padding - 2
    tiles = -(-output // max(POINTS))
    length, inside = size, slice(0, size)
    if (size, padding) == (1, 1):  # the middle tap alone sees data
        B, G, A = [[1]], [[0, 1, 0]], [[1]]
    elif (size, padding) == (2, 1):  # y₀ = g₁d₀ + g₂d₁, y₁ = g₀d₀ + g₁d₁: g₁(d₀ + d₁) serves both
        B, G, A = (
            [[1, 1], [0, 1], [1, 0]],
            [[0, 1, 0], [0, -1, 1], [1, -1, 0]],
            [[1, 1, 0], [1, 0, 1]],
        )
    else:
        m = max(2, -(-output // tiles))
        B, G, A = minimal_filter(POINTS[m])
        if tiles == 1:  # zeros of the border and outputs that nobody wants are left out
            B, A = B[:, padding : padding + size], A[:output]
        else:
            length, inside = m * tiles + 2, slice(padding, padding + size)
    matrices = (np.ascontiguousarray(matrix, np.float32) for matrix in (B, G, A))
    return Axis(*matrices, tiles, output, length, inside)


class Tiling:
    """The tiles of maps [M, N] with a padding, and the linear steps from pixels to them and back.

    Pixels come first and channels last, [rows, columns, n, D]: a small matrix times rows or
    columns then is a matrix product with long rows, two to five times as fast as additions here.
    Transformed tiles are [t·t′, T·T′·n, D], for T rows of T′ tiles and n images.
    """

    def __init__(self, shape, padding):
        rows, columns = self.axes = tuple(axis(shape[k], padding[k]) for k in (0, 1))
        self.G = np.kron(rows.G, columns.G)  # both transforms of a kernel as one
        self.count = rows.tiles * columns.tiles
        self.output = slice(0, rows.output), slice(0, columns.output)
        self.length, self.inside = (rows.length, columns.length), (rows.inside, columns.inside)
        self.filled = tuple(a.tiles * len(a.A) for a in self.axes)

    def transform(self, pixels, space):
        """V = B X Bᵀ of every tile, from pixels of `length`."""
        (rows, columns), half, flat, by_tile, V = self._steps("V", pixels, None, space)
        seen = _windows(pixels.reshape(len(pixels), -1), 0, rows.B.shape[1], rows)
        np.matmul(rows.B, seen, out=flat)
        np.matmul(columns.B, _windows(half, 0, columns.B.shape[1], columns), out=by_tile)
        return V

    def transform_back(self, dV, space):
        """Bᵀ dV B of every tile, added up in pixels of `length`."""
        pixels = self._pixels("dX", self.length, dV, space)
        (rows, columns), half, flat, by_tile, _ = self._steps("dV", pixels, dV, space)
        _add_up(by_tile, half, columns, space)
        _add_up(flat, pixels.reshape(len(pixels), -1), rows, space)
        return pixels

    def combine(self, M, space):
        """Y = A M Aᵀ of every tile, in pixels of `filled`."""
        pixels = self._pixels("Y", self.filled, M, space)
        (rows, columns), half, flat, by_tile, _ = self._steps("M", pixels, M, space)
        np.matmul(columns.A, by_tile, out=_windows(half, 0, len(columns.A), columns))
        np.matmul(rows.A, flat, out=pixels.reshape(rows.tiles, len(rows.A), -1))
        return pixels

    def spread(self, pixels, space):
        """dM = Aᵀ dY A of every tile, from pixels of `filled`."""
        (rows, columns), half, flat, by_tile, dM = self._steps("dM", pixels, None, space)
        np.matmul(rows.A.T, pixels.reshape(rows.tiles, len(rows.A), -1), out=flat)
        np.matmul(columns.A.T, _windows(half, 0, len(columns.A), columns), out=by_tile)
        return dM

    def _pixels(self, name, length, tiles, space):
        n = tiles.shape[1] // self.count
        return space.array(name, (*length, n, tiles.shape[2]), tiles.dtype)

    def _steps(self, name, pixels, tiles, space):
        """The axes; rows transformed and columns not, in two views; the tiles, in two views.

        The first are [T, t, columns, n·D] and [T, t, columns·n·D], the others [T, t, T′, t′, n·D]
        and, made here where they are not given, [t·t′, T·T′·n, D].
        """
        _, L, n, D = pixels.shape
        (T, t), (T1, t1) = ((a.tiles, len(a.B)) for a in self.axes)
        half = space.array(("half", L), (T, t, L, n * D), pixels.dtype)
        if tiles is None:
            tiles = space.array(name, (t * t1, T * T1 * n, D), pixels.dtype)
        by_tile = tiles.reshape(t, t1, T, T1, n * D).transpose(2, 0, 3, 1, 4)
        return self.axes, half, half.reshape(T, t, -1), by_tile, tiles

    def blocks(self, part, channels):
        """Slices of a part of the batch whose tiles, of so many channels, fit in a block."""
        count = part.stop - part.start
        blocks = max(1, round(4 * len(self.G) * self.count * channels * count / BLOCK_BYTES))
        size = -(-count // blocks)
        return [slice(k, min(k + size, part.stop)) for k in range(part.start, part.stop, size)]


#: (shape, padding) -> its Tiling, made once
tiling = functools.lru_cache(maxsize=256)(Tiling)


def _windows(maps, start, width, axis):
    """A view [..., T, width, numbers] of maps [..., length, numbers]: pixels of every tile."""
    *front, pixel, number = maps.strides
    shape = *maps.shape[:-2], axis.tiles, width, maps.shape[-1]
    strides = *front, len(axis.A) * pixel, pixel, number
    return np.lib.stride_tricks.as_strided(maps[..., start:, :], shape, strides)


def _add_up(tiles, maps, axis, space):
    """maps [..., length, numbers] = Bᵀ · tiles [..., T, t, numbers], added where they overlap."""
    step = axis.length if axis.tiles == 1 else len(axis.A)
    np.matmul(axis.B.T[:step], tiles, out=_windows(maps, 0, step, axis))
    if axis.tiles > 1:  # the last two pixels of a tile are the first two of the next
        maps[..., axis.tiles * step :, :] = 0
        shared = _windows(maps, step, 2, axis)
        rest = space.array(("shared", maps.ndim), shared.shape, maps.dtype)
        shared += np.matmul(axis.B.T[step:], tiles, out=rest)


def even(sums):
    """Whether numbers of like size add up to each of the sums [images, windows].

    An error is as large as an image's largest window makes it: small beside the numbers of every
    window only if there is none that sees far smaller ones. NaN, ∞ and sums near them fail, too.
    """
    small, large = sums.min(axis=1), sums.max(axis=1)
    usual = (small * RANGE >= large) & (large < HUGE) & ((large > TINY) | (large == 0))
    return bool(usual.all())


def _even_windows(X, border, space):
    """Whether the 3×3 windows over X [n, D, M, N] in a border of zeros see like numbers."""
    (n, D, M, L), (p, q) = X.shape, border
    sizes = np.zeros((n, M + 2 * p, L + 2 * q), X.dtype)
    size = np.abs(X, out=space.array("sizes", X.shape, X.dtype)).reshape(n, D, -1)
    sizes[:, p : p + M, q : q + L] = (np.ones(D, X.dtype) @ size).reshape(n, M, L)
    rows = sizes[:, :-2] + sizes[:, 1:-1] + sizes[:, 2:]
    return even((rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]).reshape(n, -1))


def _kernels(W, tiles):
    """U [t·t′, P, D] = G W Gᵀ; None where the numbers of W are no job for it."""
    P, D = W.shape[:2]
    U = np.empty((len(tiles.G), P * D), W.dtype)

    def transform(part):
        taps = W[part].reshape(-1, 9)
        np.matmul(tiles.G, taps.T, out=U[:, part.start * D : part.stop * D])
        return np.ones(len(taps), W.dtype) @ np.abs(taps)

    sizes = sum(over_batch(transform, P, W.size > SHARED_WEIGHTS))
    return U.reshape(-1, P, D) if even(sizes[None]) else None


def _kernel_gradient(dU, W, tiles):
    """dW = Gᵀ dU G for dU [t·t′, P, D], the sum of a list."""
    dW = empty(W.shape, W.dtype)

    def transform(part):
        total = functools.reduce(np.add, [one[:, part] for one in dU])
        np.matmul(total.reshape(len(total), -1).T, tiles.G, out=dW[part].reshape(-1, 9))

    over_batch(transform, len(W), W.size > SHARED_WEIGHTS)
    return dW


def forward(X, W, b, padding):
    """Convolution with stride 1; None where its numbers had better take a direct form.

    Parameters
    ----------
    X : ndarray [B, D, M, N], float32
    W : ndarray [P, D, 3, 3], float32
    b : ndarray [P], float32, or None
    padding : pair of int
        Up to 2.

    Returns
    -------
    Y [B, P, M′, N′], and the transformed kernels U for `backward`
    """
    tiles = tiling(X.shape[2:], padding)
    U = _kernels(W, tiles)
    if U is None:
        return None
    Y = empty((len(X), len(W), *(place.stop for place in tiles.output)), X.dtype)

    def compute(part):
        space = Workspace()
        for block in tiles.blocks(part, sum(W.shape[:2])):
            if not _even_windows(X[block], padding, space):
                return False
            V = tiles.transform(pack(X[block], tiles.length, tiles.inside, space, "X"), space)
            M = space.array("M", (*V.shape[:2], len(W)), X.dtype)
            np.matmul(V, U.transpose(0, 2, 1), out=M)
            maps = tiles.combine(M, space)
            if b is not None:
                maps += b
            unpack(maps[tiles.output], Y[block], space)
        return True

    return (Y, U) if all(over_batch(compute, len(X), Y.size * len(W[0]) >= SHARED_WORK)) else None


def backward(dY, X, W, padding, needed, U):
    """dX, dW, db, None where not needed; None alone where a direct form had better do it.

    Parameters
    ----------
    dY : ndarray [B, P, M′, N′], float32
    X, W, padding
        As in `forward`.
    needed : three bool
    U : ndarray
        From `forward`.
    """
    tiles = tiling(X.shape[2:], padding)
    dX = empty(X.shape, X.dtype) if needed[0] else None

    def compute(part):
        space, dU, db = Workspace(), None, 0
        for block in tiles.blocks(part, sum(W.shape[:2])):
            if not _even_windows(dY[block], [2 - p for p in padding], space):
                return None
            maps = pack(dY[block], tiles.filled, tiles.output, space, "dY")
            dM = tiles.spread(maps, space)
            if needed[2]:
                db = db + maps.sum(axis=(0, 1, 2))
            if needed[1]:
                V = tiles.transform(pack(X[block], tiles.length, tiles.inside, space, "X"), space)
                more = np.matmul(dM.transpose(0, 2, 1), V)
                dU = more if dU is None else np.add(dU, more, out=dU)
            if needed[0]:
                dV = np.matmul(dM, U, out=space.array("dV", (*dM.shape[:2], U.shape[2]), X.dtype))
                unpack(tiles.transform_back(dV, space)[tiles.inside], dX[block], space)
        return dU, db

    parts = over_batch(compute, len(X), dY.size * len(W[0]) >= SHARED_WORK)
    if None in parts:
        return None
    dW = _kernel_gradient([dU for dU, _ in parts], W, tiles) if needed[1] else None
    return dX, dW, sum(db for _, db in parts) if needed[2] else None
