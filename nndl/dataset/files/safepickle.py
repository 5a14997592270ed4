"""Read a pickle that holds only plain data and arrays, without running anything in it.

Python's `pickle` may import and call whatever a file names. Here a name in the file is only
looked up in a table of harmless meanings: no class and no function of Python is ever within the
file's reach, so that there is nothing that it could import, call or change.
"""

import io
import pickle
import warnings
from collections import OrderedDict

import numpy as np

#: what a name in the file may mean, in Python 2's, NumPy 1's and NumPy 2's spelling
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "empty array",
    ("numpy._core.multiarray", "_reconstruct"): "empty array",
    ("numpy", "ndarray"): "array type",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("collections", "OrderedDict"): "ordered",
    ("__builtin__", "bytes"): "bytes",
    ("builtins", "tuple"): "tuple",
    ("__builtin__", "tuple"): "tuple",
}
_NUMBERS = {"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "b1"}


class _Refused(Exception):
    """Something in the file is not plain data."""


class _Reader(pickle._Unpickler):  # the one in Python: the one in C takes memory as a file says
    dispatch = {**pickle._Unpickler.dispatch}  # noqa: RUF012
    del dispatch[pickle.BYTEARRAY8[0]]  # it would take the memory that the file announces

    def find_class(self, module, name):
        if (module, name) not in _NAMES:
            raise _Refused(f"{module}.{name}")
        return _Meaning(_NAMES[module, name])

    def get_extension(self, code):
        raise _Refused(f"extension {code}")


class _Array:
    """An array under construction: `value` is set once its state has been read."""

    __slots__ = ("value",)

    def __setstate__(self, state):
        _, shape, dtype, fortran, raw = state
        raw = raw.encode("latin1") if isinstance(raw, str) else _kind(raw, bytes)
        if any(type(extent) is not int or extent < 0 for extent in _kind(shape, tuple)):
            raise ValueError(f"array shape {shape!r}")
        flat = np.frombuffer(raw, _kind(dtype, _DType).dtype)
        flat = flat.astype(flat.dtype.newbyteorder("="), copy=False)
        self.value = flat.reshape(shape, order="F" if fortran else "C")


class _DType:
    """A dtype of numbers under construction."""

    __slots__ = ("dtype",)

    def __init__(self, code):
        if (code := _text(code)) not in _NUMBERS:
            raise _Refused(f"an array of {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        order = _text(state[1])
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise _Refused(f"an array of records or byte order {order!r}")
        self.dtype = self.dtype.newbyteorder("=" if order == "|" else order)


class _Meaning:
    """A name that the file may use: it stands for an action here, never for a Python object."""

    __slots__ = ("action",)

    def __init__(self, action):
        self.action = action

    def __call__(self, *arguments):
        if self.action == "empty array":
            return _Array()
        if self.action == "dtype":
            return _DType(arguments[0])
        if self.action == "encode" and arguments[1] == "latin1":  # bytes in protocol 2
            return _kind(arguments[0], str).encode("latin1")
        if self.action in ("bytes", "ordered") and not arguments:
            return b"" if self.action == "bytes" else OrderedDict()
        if self.action == "tuple":
            (values,) = arguments
            return tuple(_kind(values, (list, tuple)))
        raise _Refused(f"a call of {self.action}")


def read_pickle(content, name="pickle", remedy="replace it by a fresh copy"):
    """Build what a pickle describes, if that is plain data.

    Parameters
    ----------
    content : bytes
        A pickle of protocol 2 to 5.
    name : str or Path
        The file's name, for the error.
    remedy : str
        Ends the message of an error.

    Returns
    -------
    object
        None, bool, int, float, str, bytes, list, tuple, dict and numeric `numpy.ndarray`, nested
        in any way. Text of Python 2 comes back as bytes where it is not ASCII.

    Raises
    ------
    ValueError
        When the file is damaged, or asks for anything else: nothing was executed.

    Examples
    --------
    >>> import pickle
    >>> read_pickle(pickle.dumps({"labels": [1, 2]}))
    {'labels': [1, 2]}
    >>> read_pickle(pickle.dumps(print))
    Traceback (most recent call last):
    ...
    ValueError: pickle cannot be used: it asks for builtins.print, which is not data; nothing was \
executed. Remedy: replace it by a fresh copy.
    """
    try:
        with warnings.catch_warnings():  # of text in a damaged file
            warnings.simplefilter("ignore")
            reader = _Reader(io.BytesIO(content), encoding="bytes")
            value = reader.load()
            if reader.stack:
                raise ValueError("values are left over")
            return _finish(value, {})
    except _Refused as error:
        reason = f"it asks for {error}, which is not data; nothing was executed"
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # damaged: any opcode may find the stack in any state
        reason = f"its pickle is damaged ({type(error).__name__}: {error}); nothing was executed"
    raise ValueError(f"{name} cannot be used: {reason}. Remedy: {remedy}.")


def _finish(value, done, depth=0):
    """Replace wrapped arrays by arrays, all the way down, each object once."""
    if depth > 100:
        raise ValueError("nested too deeply")
    if type(value) is _Array:
        return value.value
    if type(value) in (list, tuple, dict, OrderedDict):
        if id(value) not in done:
            if isinstance(value, dict):
                pairs = dict.items(value)
                copy = {_key(key): _finish(item, done, depth + 1) for key, item in pairs}
            else:
                copy = type(value)(_finish(item, done, depth + 1) for item in value)
            done[id(value)] = copy
        return done[id(value)]
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    raise _Refused(f"a {type(value).__name__.strip('_')} as data")


def _text(value):
    return value.decode("latin1") if isinstance(value, bytes) else value


def _kind(value, kind):
    """`value` when it has the type that the opcode needs."""
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} in a place where it cannot be")
    return value


def _key(key):
    """A dictionary key: plain and hashable, to the innermost part of a tuple."""
    if isinstance(key, tuple):
        return tuple(_key(part) for part in key)
    return _kind(key, (str, bytes, int, float, bool, type(None)))
