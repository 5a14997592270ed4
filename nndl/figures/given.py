"""What a reader hands to a figure, as checked arrays and names; errors say what to do instead."""

import numpy as np

from .._arguments import as_array
from ..analysis.gradcam import softmax

#: letters of a class's name that are written; of a longer one the middle is left out
_LETTERS = 28


def numbers(name, values, form="", finite=True, low=None, high=None, remedy=""):
    """An array of numbers of a form that the figure can draw.

    Parameters
    ----------
    name : str
        What messages call it.
    values : array, Tensor, or (nested) sequence of numbers
    form : str
        '[K, K]', or several such forms joined by ' or '. Axes of one letter have one length, and
        a number is the length itself; any shape by default.
    finite : bool
        Whether nan and infinity are refused.
    low, high : float, optional
        Smallest and largest number; nan is none.
    remedy : str
        What to do about another shape or a number out of range.

    Raises
    ------
    TypeError, ValueError
        No numbers, none at all, another shape, out of range.
    """
    expected, remedy = f"{name} must be numbers {form}".rstrip(), remedy and f": {remedy}"
    try:
        array = as_array(values)
    except ValueError:
        raise ValueError(f"{expected}, got rows of different lengths") from None
    if array.dtype.kind not in "biuf":
        kind = "text" if array.dtype.kind == "U" else type(values).__name__
        hint = ": pass list(d) as names and list(d.values())" if kind == "dict" else remedy
        raise TypeError(f"{expected}, got {kind}{hint}")
    if not array.size:
        raise ValueError(f"{expected}, got none (shape {list(array.shape)})")
    if form and not any(_fits(one, array.shape) for one in form.split(" or ")):
        raise ValueError(f"{expected}, got shape {list(array.shape)}{remedy}")
    bad = np.count_nonzero(~np.isfinite(array)) if finite and array.dtype.kind == "f" else 0
    if bad:
        raise ValueError(
            f"{expected}, got {bad} of {array.size} that are nan or infinite: find where they come "
            "from (did training diverge?), or replace them with np.nan_to_num"
        )
    below = low is not None and (array < low - 1e-6).any()
    if below or (high is not None and (array > high + 1e-6).any()):
        span = f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
        got = f"{np.nanmin(array):g} to {np.nanmax(array):g}"
        raise ValueError(f"{name} must be {span}, got {got}{remedy}")
    return array


def _fits(form, shape):
    axes, lengths = form.strip("[]").split(", "), {}
    return len(axes) == len(shape) and all(
        (int(axis) if axis.isdigit() else lengths.setdefault(axis, n)) == n
        for axis, n in zip(axes, shape, strict=True)
    )


def mapping(name, values, example):
    """`values` if it is a dict with entries; `example` shows one in the message."""
    if not hasattr(values, "items"):
        raise TypeError(f"{name} must be a dict, got {type(values).__name__}: pass {example}")
    if not values:
        raise ValueError(f"{name} must have at least one entry, got none: pass {example}")
    return values


def as_many(name, values, count, of="image"):
    """`values` as a list, if there are `count` of them."""
    values = list(values)
    if len(values) != count:
        raise ValueError(f"expected {count} {name}, one for each {of}, got {len(values)}")
    return values


def class_ids(name, values, count=None, classes=None):
    """Labels [B] or [B, 1] as integers from 0 on, below `classes`, `count` of them."""
    ids = numbers(name, values, remedy="pass class ids 0, 1, 2, …, such as names.index('cat')")
    if ids.ndim > 1 and ids.size != len(ids):
        raise ValueError(
            f"{name} must be class ids [B], got shape {list(ids.shape)}; of one-hot rows take "
            "their argmax(-1)"
        )
    ids = ids.ravel()
    if count is not None:
        as_many(name, ids, count)
    if (ids % 1).any():
        raise ValueError(f"{name} must be class ids 0, 1, 2, …, got fractions such as "
                         f"{ids[ids % 1 > 0][0]:g}")  # fmt: skip
    if ids.min() < 0 or (classes is not None and ids.max() >= classes):
        span = "0 or more" if classes is None else f"0…{classes - 1}"
        raise ValueError(
            f"{name} must lie in {span}, got {ids.min():g}…{ids.max():g}: class ids count from 0, "
            "one for each name or logit; leave out samples that have no class"
        )
    return ids.astype(int)


def names_of(count, class_names, exact=True):
    """The text written for each class: its name, or its number; a long one loses its middle."""
    if class_names is None:
        return [str(k) for k in range(count)]
    names = [str(name) for name in class_names]
    if len(names) < count or (exact and len(names) > count):
        raise ValueError(
            f"expected {count} class_names, got {len(names)}: pass one for each class id, "
            f"0…{count - 1}"
        )
    return [n if len(n) <= _LETTERS else f"{n[: _LETTERS - 10]}…{n[-9:]}" for n in names]


def probabilities(logits, form="[B, K]"):
    """Softmax of logits; of one row that is none, an error."""
    logits = numbers("logits", logits, form, finite=False, remedy="choose one image, logits[0]"
                     if "1" in form else "add an axis with logits[None]")  # fmt: skip
    with np.errstate(invalid="ignore"):
        share = softmax(logits)
    if not np.isfinite(share).all():
        raise ValueError(
            "logits must be finite, got nan or infinity, of which there are no probabilities: did "
            "training diverge?"
        )
    return share
