"""The window that slides in convolution and pooling: sizes, checks, a view of all positions."""

from typing import NamedTuple

import numpy as np
import paddle

from .._arguments import integer
from .arrays import dtype_name


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """Positions of a window along one axis: ⌊(M + 2·padding − dilation·(U − 1) − 1) / stride⌋ + 1.

    Parameters
    ----------
    size : int
        M, pixels of the input along this axis.
    kernel : int
        U, pixels of the window along this axis.
    stride : int
        Pixels from one window to the next.
    padding : int
        Zeros added before the first and after the last pixel.
    dilation : int
        Distance between neighbouring taps of the kernel; 1 for an ordinary one.

    Returns
    -------
    int
        M′, pixels of the output along this axis.

    Raises
    ------
    ValueError
        If the window is larger than the padded input, or a size is not positive.

    Examples
    --------
    >>> from nndl.layers import output_size
    >>> output_size(32, kernel=3)
    30
    >>> output_size(32, kernel=7, stride=2, padding=3)
    16
    """
    size, kernel = integer("size", size, 1), integer("kernel", kernel, 1)
    stride, dilation = integer("stride", stride, 1), integer("dilation", dilation, 1)
    padding = integer("padding", padding, 0)
    reach = dilation * (kernel - 1) + 1
    if reach > size + 2 * padding:
        spread = f" (kernel {kernel} with dilation {dilation})" if dilation > 1 else ""
        raise ValueError(
            f"expected a window of at most {size + 2 * padding} pixels, the input of {size} with "
            f"padding {padding} on both sides, got {reach}{spread}: "
            "take a smaller kernel, more padding or a larger input"
        )
    return (size + 2 * padding - reach) // stride + 1


class Facts(NamedTuple):
    """What can be checked of an array or a tensor without looking at its numbers."""

    type: str
    tensor: bool
    cpu: bool
    dtype: str
    shape: tuple


def facts(X):
    tensor = isinstance(X, paddle.Tensor)
    if not tensor and not isinstance(X, np.ndarray):
        return Facts(type(X).__name__, False, True, "", ())
    cpu = not tensor or X.place.is_cpu_place()
    return Facts(type(X).__name__, tensor, cpu, dtype_name(X), tuple(X.shape))


def check_maps(X, owner, name="X", axes="[B, D, M, N] (batch, channels, height, width)"):
    """Refuse the Facts of what is not a non-empty, four-dimensional array or tensor of floats."""
    if not X.dtype:
        raise TypeError(
            f"{owner} expects {name} as a Tensor or a NumPy array, got {X.type}: "
            "convert it with paddle.to_tensor(...)"
        )
    shape = list(X.shape)
    if len(shape) != 4:
        raise ValueError(
            f"{owner} expects {name} with four axes, {axes}, got shape {shape}: "
            "add the missing axes with reshape or unsqueeze"
        )
    if 0 in shape:
        raise ValueError(
            f"{owner} expects {name} with at least one element, got shape {shape}: "
            "check the slice or the data set that it comes from"
        )
    half = () if X.cpu else ("float16", "bfloat16")  # for Paddle's GPU kernels
    if X.dtype not in ("float32", "float64", *half):
        raise TypeError(
            f"{owner} expects {name} as float32 or float64, got {X.dtype}: "
            f"convert it with {name}.astype('float32')"
        )


def pad(X, padding, value=0.0):
    """X [B, D, M, N] with `padding` = (height, width) rows and columns of `value` around it."""
    height, width = padding
    if not (height or width):
        return X
    N, D, rows, columns = X.shape
    padded = np.full((N, D, rows + 2 * height, columns + 2 * width), value, X.dtype)
    padded[:, :, height : height + rows, width : width + columns] = X
    return padded


def crop(X, padding):
    """X without the border that `pad` put around it."""
    height, width = padding
    return X[:, :, height : X.shape[2] - height, width : X.shape[3] - width]


def windows(X, kernel, stride, dilation=(1, 1)):
    """Every window of X, without a copy.

    Parameters
    ----------
    X : ndarray [B, D, M, N]
        Padded maps.
    kernel, stride, dilation : pair of int

    Returns
    -------
    ndarray [B, D, U, V, M′, N′]
        A view: entry [n, d, u, v, i, j] is what tap (u, v) of the window at (i, j) sees,
        X[n, d, i·stride + u·dilation, j·stride + v·dilation].
    """
    N, D, rows, columns = X.shape
    (U, V), (s, t), (e, f) = kernel, stride, dilation
    n, d, r, c = X.strides
    shape = N, D, U, V, (rows - e * (U - 1) - 1) // s + 1, (columns - f * (V - 1) - 1) // t + 1
    return np.lib.stride_tricks.as_strided(X, shape, (n, d, r * e, c * f, r * s, c * t))
