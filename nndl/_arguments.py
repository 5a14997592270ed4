"""Integers and pairs of integers, checked once for the whole package."""

import operator

import numpy as np


def integer(name, value, minimum):
    """`value` as an int that is at least `minimum`; a bool or a float is refused."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}: write e.g. {name}={minimum}")
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
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
