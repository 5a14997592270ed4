"""Tensors as arrays and back, without a copy; memory aligned as Paddle's is."""

import functools
import math

import numpy as np
import paddle

from .. import _paddle


def dtype_name(X):
    """'float32' for a Tensor or an array of that type."""
    return _name(X.dtype)


@functools.cache
def _name(dtype):
    return str(dtype).rpartition(".")[2]


def array(X):
    """The numbers of a CPU Tensor as a NumPy array that shares its memory; arrays pass through."""
    if not isinstance(X, paddle.Tensor):
        return X
    return _paddle.view(X) if X.place.is_cpu_place() else X.numpy()


def by_hand(X):
    """Whether our NumPy forms compute on X; Paddle's kernels serve GPUs, half precision, graphs."""
    return (
        paddle.in_dynamic_mode()
        and X.place.is_cpu_place()
        and X.dtype in (paddle.float32, paddle.float64)
    )


def like(values, X):
    """The array `values` as the kind of thing that X is: an array, or a Tensor on its device."""
    if values is None or not isinstance(X, paddle.Tensor):
        return values
    if X.place.is_cpu_place():
        return tensor(values)
    return paddle.to_tensor(values, place=X.place)


#: bytes; the widest vector register that Paddle's kernels load
ALIGNMENT = 64


def empty(shape, dtype):
    """`np.empty` that begins at a multiple of `ALIGNMENT` bytes, as Paddle's own memory does.

    Paddle's kernels sum up to the first aligned number apart from the rest. Where NumPy's memory
    begins differs from one process to the next; so, then, would the last bits of a sum.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size].view(dtype).reshape(shape)


def contiguous(values):
    """`values` in C order in aligned memory: itself where it is that already, else a copy."""
    if values.flags.c_contiguous and values.ctypes.data % ALIGNMENT == 0:
        return values
    copy = empty(values.shape, values.dtype)
    copy[...] = values
    return copy


def tensor(values):
    """A CPU Tensor of a NumPy array; it shares the memory of one that is `contiguous`."""
    return _paddle.tensor(contiguous(values))
