"""Read a pickle that holds only plain data and arrays, without running anything in it.

Python's `pickle` may import and call whatever a file names. This reader walks through the
opcodes itself: a name in the file is only looked up in a table of harmless meanings, an
opcode that is not listed is refused, and there is no way from here to an import or a call.
"""

import pickletools
import warnings
from collections import OrderedDict

import numpy as np

_MARK = object()
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


class _Meaning:
    """A name that the file may use: it stands for an action here, never for a Python object."""

    def __init__(self, action):
        self.action = action


class _Array:
    """An array under construction: `value` is set once its state has been read."""

    value = None


class _DType:
    """A dtype under construction."""

    def __init__(self, code):
        self.code = code
        self.order = "<"


class _Refused(Exception):
    """Something in the file is not plain data."""


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
            return _finish(_run(content), {})
    except _Refused as error:
        reason = f"it asks for {error}, which is not data; nothing was executed"
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # damaged: any opcode may find the stack in any state
        reason = f"its pickle is damaged ({type(error).__name__}: {error}); nothing was executed"
    raise ValueError(f"{name} cannot be used: {reason}. Remedy: {remedy}.")


def _run(content):
    """The object on the stack at STOP, arrays still wrapped."""
    stack, memo = [], {}

    def since_mark():
        values = []
        while (value := stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    for opcode, argument, _ in pickletools.genops(content):
        op = opcode.name
        if op in _CONSTANTS:
            stack.append(_CONSTANTS[op]())
        elif op in _LITERALS:
            stack.append(argument)
        elif op in _PYTHON2_TEXT:
            stack.append(argument.encode("latin-1") if isinstance(argument, str) else argument)
        elif op in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[argument] = stack[-1]
        elif op == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif op in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[argument])
        elif op == "MARK":
            stack.append(_MARK)
        elif op == "POP":
            stack.pop()
        elif op == "APPEND":
            value = stack.pop()
            _kind(stack[-1], list).append(value)
        elif op == "APPENDS":
            values = since_mark()
            _kind(stack[-1], list).extend(values)
        elif op == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _kind(stack[-1], dict)[_key(key)] = value
        elif op == "SETITEMS":
            values = since_mark()
            target = _kind(stack[-1], dict)
            for key, value in zip(values[::2], values[1::2], strict=True):
                target[_key(key)] = value
        elif op in ("TUPLE", "LIST"):
            stack.append({"TUPLE": tuple, "LIST": list}[op](since_mark()))
        elif op in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(op[-1])
            if len(stack) < count:
                raise IndexError("a tuple without its values")
            values = tuple(stack[-count:])
            del stack[-count:]
            stack.append(values)
        elif op == "GLOBAL":
            stack.append(_meaning(*argument.split(" ", 1)))
        elif op == "STACK_GLOBAL":
            name, module = stack.pop(), stack.pop()
            stack.append(_meaning(module, name))
        elif op == "REDUCE":
            arguments, meaning = stack.pop(), stack.pop()
            stack.append(_act(_kind(meaning, _Meaning), _kind(arguments, tuple)))
        elif op == "BUILD":
            state = stack.pop()
            _set_state(stack[-1], state)
        elif op in ("PROTO", "FRAME"):
            pass
        elif op == "STOP":
            (value,) = stack
            return value
        else:
            raise _Refused(f"the operation {op}")
    raise ValueError("no STOP")


_CONSTANTS = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
_PYTHON2_TEXT = {"BINSTRING", "SHORT_BINSTRING"}


def _meaning(module, name):
    """Look a name up in the table, or refuse it."""
    try:
        return _Meaning(_NAMES[module, name])
    except (KeyError, TypeError):
        raise _Refused(f"{module}.{name}") from None


def _act(meaning, arguments):
    """What a name applied to its arguments builds."""
    if meaning.action == "empty array":
        return _Array()
    if meaning.action == "dtype":
        code = arguments[0]
        code = code.decode() if isinstance(code, bytes) else code
        if code not in _NUMBERS:
            raise _Refused(f"an array of {code!r}")
        return _DType(code)
    if meaning.action == "encode":  # how Python 3 writes bytes in protocol 2
        text, encoding = arguments
        if encoding != "latin1":
            raise _Refused(f"text in {encoding!r}")
        return _kind(text, str).encode("latin1")
    if meaning.action == "bytes" and not arguments:  # how Python 3 writes none of them
        return b""
    if meaning.action == "ordered" and not arguments:
        return OrderedDict()
    if meaning.action == "tuple":
        (values,) = arguments
        return tuple(_kind(values, (list, tuple)))
    raise _Refused(f"a call of {meaning.action}")


def _set_state(target, state):
    """Fill an array or a dtype from what the file says about it."""
    if isinstance(target, _DType):
        order = state[1]
        order = order.decode() if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise _Refused(f"byte order {order!r}")
        if any(part is not None for part in state[2:5]):
            raise _Refused("an array of records")
        target.order = order
    elif isinstance(target, _Array):
        _, shape, dtype, fortran, raw = state
        if any(type(extent) is not int or extent < 0 for extent in _kind(shape, tuple)):
            raise ValueError(f"array shape {shape!r}")
        raw = raw.encode("latin1") if isinstance(raw, str) else _kind(raw, bytes)
        dtype = _kind(dtype, _DType)
        flat = np.frombuffer(raw, np.dtype(dtype.order.replace("|", "=") + dtype.code))
        flat = flat.astype(flat.dtype.newbyteorder("="), copy=False)
        target.value = flat.reshape(shape, order="F" if fortran else "C")
    else:
        raise _Refused(f"a state for {type(target).__name__}")


def _finish(value, done, depth=0):
    """Replace wrapped arrays by arrays, all the way down, each object once."""
    if depth > 100:
        raise ValueError("nested too deeply")
    if isinstance(value, _Array):
        if value.value is None:
            raise ValueError("an array without content")
        return value.value
    if isinstance(value, (_Meaning, _DType)) or value is _MARK:
        raise _Refused("a name or a type as data")
    if isinstance(value, (list, dict, tuple)):
        if id(value) not in done:
            if isinstance(value, dict):
                copy = {key: _finish(item, done, depth + 1) for key, item in value.items()}
            else:
                copy = type(value)(_finish(item, done, depth + 1) for item in value)
            done[id(value)] = copy
        return done[id(value)]
    return value


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
