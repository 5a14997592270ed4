"""Two-dimensional pooling, max and average: the formula as loops, by windows, the layer.

From top to bottom: `pool2d_loops` is the formula; `pool2d_plain` and `pool2d_plain_backward` are
the same for all windows at once; `pool2d` and the layer `Pool2D` stand at the door and leave the
work to `nndl.layers.fast`, which gives the same result sooner, unless `NNDL_FORM=plain`.
"""

import functools
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F

from .._arguments import pair
from .arrays import by_hand
from .autograd import differentiable, on_tensors, traced
from .fast import pooling as forms
from .fast.form import form_asked_for
from .window import check_maps, crop, facts, output_size, pad, windows

__all__ = ["Pool2D", "pool2d", "pool2d_loops", "pool2d_plain", "pool2d_plain_backward"]


class Options(NamedTuple):
    """The window and how it moves, normalised once: pairs are (height, width)."""

    size: tuple
    mode: str
    stride: tuple
    padding: tuple

    @classmethod
    def of(cls, size, mode, stride, padding, owner):
        size, stride = pair("size", size, 1), pair("stride", stride, 1)
        _check_mode(mode, owner)
        return cls(size, mode, stride, pair("padding", padding, 0))


def pool2d_loops(X, size, mode="max", stride=1, padding=0):
    """Pooling exactly as the formula says it: the largest, or the mean, of every window.

    Parameters
    ----------
    X : Tensor or ndarray [B, D, M, N], float32 or float64
    size : int or (int, int)
        Height and width of the window.
    mode : 'max' or 'avg'
    stride, padding : int or (int, int)
        Pixels. The border is not part of the picture: no maximum is taken from it, and a mean
        counts only the pixels of X in its window (`exclusive=True` of Paddle's avg_pool2d).

    Returns
    -------
    Tensor or ndarray [B, D, M′, N′]
        Like X; a Tensor is differentiable. The gradient of a maximum goes to the first pixel,
        row by row, that attains it, as in Paddle.

    Raises
    ------
    ValueError, TypeError
        If shapes, types or sizes do not fit together.

    References
    ----------
    The book, section 5.2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from nndl.layers import pool2d_loops
    >>> pool2d_loops(np.arange(1.0, 10.0).reshape(1, 1, 3, 3), size=2)[0, 0]
    array([[5., 6.],
           [8., 9.]])
    """
    options = Options.of(size, mode, stride, padding, "pool2d_loops")
    _check(facts(X), options, "pool2d_loops")
    size, mode, stride, padding = options
    N, D, M, L = X.shape
    rows = output_size(M, size[0], stride[0], padding[0])
    columns = output_size(L, size[1], stride[1], padding[1])
    Y = np.zeros((N, D, rows, columns), X.dtype)
    for n in range(N):
        for d in range(D):
            for i in range(rows):
                for j in range(columns):
                    pixels = _window_pixels(i, j, size, stride, padding, (M, L))
                    values = [X[n, d, u, v] for u, v in pixels]
                    Y[n, d, i, j] = max(values) if mode == "max" else sum(values) / len(values)
    return Y


def _window_pixels(i, j, size, stride, padding, shape):
    """Rows and columns of the picture, border left out, that the window at (i, j) covers."""
    top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
    return [
        (u, v)
        for u in range(max(top, 0), min(top + size[0], shape[0]))
        for v in range(max(left, 0), min(left + size[1], shape[1]))
    ]


def _loops_backward(dY, X, size, mode, stride, padding):
    """A maximum hands its gradient to the first pixel that attains it, a mean shares it out."""
    size, stride, padding = (pair("", option, 0) for option in (size, stride, padding))
    dX = np.zeros(X.shape, X.dtype)
    for n, d, i, j in np.ndindex(*dY.shape):
        pixels = _window_pixels(i, j, size, stride, padding, X.shape[2:])
        if mode == "max":
            u, v = max(pixels, key=lambda pixel: X[n, d][pixel])
            dX[n, d, u, v] += dY[n, d, i, j]
        else:
            for u, v in pixels:
                dX[n, d, u, v] += dY[n, d, i, j] / len(pixels)
    return (dX,)


pool2d_loops = on_tensors(
    backward=_loops_backward, twice=lambda *args, **kwargs: _twice(*args, **kwargs)
)(pool2d_loops)


def pool2d_plain(X, size, mode, stride, padding):
    """Pooling of all windows at once, in as few lines as it takes; nothing is checked here.

    Parameters
    ----------
    X : ndarray [B, D, M, N]
    size, stride, padding : (int, int)
    mode : 'max' or 'avg'

    Returns
    -------
    Y : ndarray [B, D, M′, N′]
    """
    seen = windows(pad(X, padding), size, stride)  # [B, D, U, V, M′, N′]
    inside = windows(pad(np.ones_like(X[:1, :1]), padding), size, stride) == 1  # not in the border
    if mode == "max":
        return seen.max(axis=(2, 3), where=inside, initial=-np.inf)
    return seen.sum(axis=(2, 3)) / inside.sum(axis=(2, 3), dtype=X.dtype)


def pool2d_plain_backward(dY, Y, X, size, mode, stride, padding):
    """Gradient of `pool2d_plain`: dX [B, D, M, N], from dY and Y [B, D, M′, N′].

    A maximum hands its gradient to the first pixel that attains it, a mean shares it out.
    """
    seen = windows(pad(X, padding), size, stride)
    inside = windows(pad(np.ones_like(X[:1, :1]), padding), size, stride) == 1
    if mode == "max":
        hits = (seen == Y[:, :, None, None]) & inside
        first = hits.reshape(*Y.shape[:2], -1, *Y.shape[2:]).argmax(axis=2)  # tap u·V + v
    else:
        share = dY / inside.sum(axis=(2, 3), dtype=X.dtype)
    dX = np.zeros_like(pad(X, padding))
    dseen = windows(dX, size, stride)
    for tap, (u, v) in enumerate(np.ndindex(size)):
        dseen[:, :, u, v] += np.where(first == tap, dY, 0) if mode == "max" else share
    return crop(dX, padding)


def pool2d(X, size, mode="max", stride=1, padding=0):
    """Pooling, in the form that suits the shape; see `pool2d_plain`.

    Parameters
    ----------
    X : Tensor [B, D, M, N], float32 or float64
    size : int or (int, int)
        Height and width of the window.
    mode : 'max' or 'avg'
    stride, padding : int or (int, int)
        Pixels. The border is not part of the picture: no maximum is taken from it, and a mean
        counts only the pixels of X in its window (`exclusive=True` of Paddle's avg_pool2d).

    Returns
    -------
    Tensor [B, D, M′, N′]
        Differentiable, and so is its gradient; that of a maximum goes to the first pixel, row by
        row, that attains it, as in Paddle. On a GPU and in a traced graph, Paddle's own kernel
        computes it.

    Raises
    ------
    ValueError, TypeError
        If shapes, types or sizes do not fit together.

    References
    ----------
    The book, section 5.2.2.

    Examples
    --------
    >>> import paddle
    >>> from nndl.layers import pool2d
    >>> list(pool2d(paddle.ones([1, 6, 28, 28]), size=2, mode='avg', stride=2).shape)
    [1, 6, 14, 14]
    """
    return _pool(X, Options.of(size, mode, stride, padding, "pool2d"))


def _pool(X, options):
    size, mode, stride, padding = options
    pool = F.max_pool2d if mode == "max" else F.avg_pool2d
    if traced():
        return pool(X, size, stride, padding)
    if not isinstance(X, paddle.Tensor):
        raise TypeError(
            f"pool2d expects X as a Tensor, got {type(X).__name__}: "
            "convert it with paddle.to_tensor(...)"
        )
    _check(facts(X), options, "pool2d")
    if not by_hand(X):
        return pool(X, size, stride, padding)
    if form_asked_for() == "plain":
        return differentiable(
            lambda X: (pool2d_plain(X, *options),) * 2,
            lambda dY, Y, needed, X: (pool2d_plain_backward(dY, Y, X, *options),),
            X,
            twice=lambda dY, X: _twice(dY, X, *options),
        )
    return differentiable(
        lambda X: forms.forward(X, *options),
        lambda dY, kept, needed, X: (forms.backward(dY, kept, X, *options),),
        X,
        twice=lambda dY, X: _twice(dY, X, *options),
    )


def _twice(dY, X, size, mode, stride, padding):
    """The gradient by an operator that is differentiable: pooling with the chosen pixels kept."""
    size, stride, padding = (pair("", option, 0) for option in (size, stride, padding))

    def forward(dY, X):
        _, kept = forms.forward(X, size, mode, stride, padding)
        return forms.backward(dY, kept, X, size, mode, stride, padding), None

    def twice(G, dY, X):  # linear in dY; where the maxima are does not change with X
        if mode == "avg":
            return pool2d(G, size, mode, stride, padding), None
        _, places = F.max_pool2d(X, size, stride, padding, return_mask=True)
        N, D, *outputs = places.shape
        flat = G.reshape([N, D, -1]), places.reshape([N, D, -1]).astype("int64")
        return paddle.take_along_axis(*flat, axis=2).reshape([N, D, *outputs]), None

    return (differentiable(forward, None, dY, X.detach(), twice=twice),)


class Pool2D(paddle.nn.Layer):
    """Pooling layer made of `pool2d`. It has no parameters.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    mode : 'max' or 'avg'
    stride, padding : int or (int, int)
        Pixels; note that the stride is 1 unless told otherwise, not the size of the window.

    Shapes
    ------
    X [B, D, M, N] → [B, D, M′, N′], see `nndl.layers.output_size`; float32 or float64.

    Raises
    ------
    ValueError, TypeError
        If a size is not a positive integer, or the input does not fit.

    References
    ----------
    The book, section 5.2.2.

    Examples
    --------
    >>> import paddle
    >>> from nndl import Pool2D
    >>> list(Pool2D((2, 2), 'max', stride=2)(paddle.ones([1, 6, 28, 28])).shape)
    [1, 6, 14, 14]
    """

    def __init__(self, size=(2, 2), mode="max", stride=1, padding=0):
        super().__init__()
        self._options = Options.of(size, mode, stride, padding, "Pool2D")
        self.size, self.mode, self.stride, self.padding = self._options

    def forward(self, X):
        return _pool(X, self._options)

    def extra_repr(self):
        text = f"size={self.size}, mode={self.mode!r}, stride={self.stride}"
        return text + (f", padding={self.padding}" if self.padding != (0, 0) else "")


@functools.lru_cache(maxsize=256)  # only what fits is remembered: an error is raised every time
def _check(X, options, owner):
    check_maps(X, owner)
    size, _, stride, padding = options
    for k, axis in enumerate(("height", "width")):
        if padding[k] >= size[k]:
            raise ValueError(
                f"{owner}, {axis}: expected padding smaller than the window of {size[k]}, got "
                f"{padding[k]}: a window in the border alone would have no maximum and no mean"
            )
        try:
            output_size(X.shape[2 + k], size[k], stride[k], padding[k])
        except ValueError as error:
            raise ValueError(f"{owner}, {axis}: {error}") from None


def _check_mode(mode, owner):
    if mode not in ("max", "avg"):
        raise ValueError(f"{owner} expects mode 'max' or 'avg', got {mode!r}")
