"""Two-dimensional pooling, max and average: the formula as loops, the fast form, the layer."""

import numpy as np
import paddle
import paddle.nn.functional as F

from .._arguments import pair
from .arrays import by_hand
from .autograd import differentiable, on_tensors
from .fast import pooling as forms
from .window import check_maps, facts, output_size

__all__ = ["Pool2D", "pool2d", "pool2d_loops"]


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


@on_tensors(backward=_loops_backward)
def pool2d_loops(X, size, mode="max", stride=1, padding=0):
    """Pooling exactly as the formula says it: the largest, or the mean, of every window.

    Parameters
    ----------
    X : Tensor or ndarray [N, D, M, N'], float32 or float64
    size : int or (int, int)
        Height and width of the window.
    mode : 'max' or 'avg'
    stride, padding : int or (int, int)
        Pixels. The border is not part of the picture: no maximum is taken from it, and a mean
        counts only the pixels of X in its window (`exclusive=True` of Paddle's avg_pool2d).

    Returns
    -------
    Tensor or ndarray [N, D, M′, N′]
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
    size, mode, stride, padding = _check(X, size, mode, stride, padding, "pool2d_loops")
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


def pool2d(X, size, mode="max", stride=1, padding=0):
    """Pooling, one tap of the window at a time for all windows at once.

    Parameters
    ----------
    X : Tensor [N, D, M, N'], float32 or float64
    size : int or (int, int)
        Height and width of the window.
    mode : 'max' or 'avg'
    stride, padding : int or (int, int)
        Pixels. The border is not part of the picture: no maximum is taken from it, and a mean
        counts only the pixels of X in its window (`exclusive=True` of Paddle's avg_pool2d).

    Returns
    -------
    Tensor [N, D, M′, N′]
        Differentiable once; the gradient of a maximum goes to the first pixel, row by row, that
        attains it, as in Paddle. On a GPU, Paddle's own kernel computes it.

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
    if not isinstance(X, paddle.Tensor):
        raise TypeError(
            f"pool2d expects X as a Tensor, got {type(X).__name__}: "
            "convert it with paddle.to_tensor(...)"
        )
    size, mode, stride, padding = _check(X, size, mode, stride, padding, "pool2d")
    if not by_hand(X):
        pool = F.max_pool2d if mode == "max" else F.avg_pool2d
        return pool(X, size, stride, padding)
    return differentiable(
        lambda X: forms.forward(X, size, mode, stride, padding),
        lambda dY, kept, needed, X: (forms.backward(dY, kept, X, size, mode, stride, padding),),
        X,
    )


def _check(X, size, mode, stride, padding, owner):
    check_maps(facts(X), owner)
    size, stride = pair("size", size, 1), pair("stride", stride, 1)
    padding = pair("padding", padding, 0)
    _check_mode(mode, owner)
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
    return size, mode, stride, padding


def _check_mode(mode, owner):
    if mode not in ("max", "avg"):
        raise ValueError(f"{owner} expects mode 'max' or 'avg', got {mode!r}")


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
    X [N, D, M, N'] → [N, D, M′, N′], see `nndl.layers.output_size`; float32 or float64.

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
        self.size = pair("size", size, 1)
        self.stride = pair("stride", stride, 1)
        self.padding = pair("padding", padding, 0)
        _check_mode(mode, "Pool2D")
        self.mode = mode

    def forward(self, X):
        return pool2d(X, self.size, self.mode, self.stride, self.padding)

    def extra_repr(self):
        text = f"size={self.size}, mode={self.mode!r}, stride={self.stride}"
        return text + (f", padding={self.padding}" if self.padding != (0, 0) else "")
