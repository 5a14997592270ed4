"""Integers, pairs of integers, paths and arrays, taken from users once for the whole package."""

import operator
import os
from pathlib import Path


def integer(name, value, minimum=0, maximum=None):
    """`value` as an int from `minimum` to `maximum`; NumPy's integers and tensors count as such.

    Raises
    ------
    TypeError
        If it is no integer: a bool, a float, text.
    ValueError
        If it is too small or too large.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or type(value).__name__ in ("bool", "bool_"):
        raise TypeError(f"{name} must be an integer, got {value!r}: write e.g. {name}={minimum}")
    high = maximum is not None
    if number < minimum or (high and number > maximum):
        span = f"from {minimum} to {maximum}" if high else f"at least {minimum}"
        raise ValueError(f"{name} must be {span}, got {number}")
    return number


def pair(name, value, minimum):
    """`value` as (height, width): an integer counts for both."""
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ValueError(
                f"{name} must be an integer or a pair (height, width), got {value!r} "
                f"with {len(value)} entries"
            )
        return integer(name, value[0], minimum), integer(name, value[1], minimum)
    if isinstance(value, str) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer or a pair (height, width), got {value!r}")
    value = integer(name, value, minimum)
    return value, value


def path_of(value):
    """A Path in which ~ is the home folder, as in a shell; a file may be called '~a.png'."""
    return Path(os.path.expanduser(value))


def as_array(values):
    """A NumPy array of a tensor, a PIL image, an array or a list; half precision as float32."""
    import numpy as np  # not above: `runtime` chooses NumPy's threads before it is imported

    if hasattr(values, "numpy") and not isinstance(values, np.ndarray):
        if str(values.dtype).endswith(("bfloat16", "float16")):
            values = values.astype("float32")  # NumPy has no bfloat16: it would see the bits
        values = values.detach().numpy() if hasattr(values, "detach") else values.numpy()
    return np.asarray(values)
