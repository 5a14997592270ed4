"""When an answer goes wrong: the option that the failing cases share and the others do not."""

from itertools import combinations

import numpy as np

_OPTIONS = {
    "stride": ("步长大于 1", lambda v: v > 1),
    "padding": ("有填充", lambda v: v > 0),
    "dilation": ("空洞率大于 1", lambda v: v > 1),
    "groups": ("不止一组", lambda v: v > 1),
}
_IMAGES = ("X", "dY", "images", "image", "maps")
_KERNELS = ("W", "depthwise", "kernel", "size")


def _shape_features(name, shape):
    if len(shape) == 4 and name in _IMAGES:
        yield "批里不止一张图", shape[0] > 1
        yield "不止一个通道", shape[1] > 1
    if len(shape) == 4 and name == "W":
        yield "不止一张输出特征图", shape[0] > 1
        yield "不止一个输入通道", shape[1] > 1
    if len(shape) > 1 and name in (*_IMAGES, *_KERNELS):
        yield f"{'核' if name in _KERNELS else '图'}不是正方形", shape[-1] != shape[-2]


def features(case, names, kind):
    """The features of one case: what its author says of it, its options, its shapes and values."""
    found = dict.fromkeys(case.tags, True)
    for name, value in zip(names, case.fresh(kind), strict=False):
        if name in _OPTIONS and isinstance(value, (int, float)):
            words, test = _OPTIONS[name]
            found[words] = test(value)
        elif name in ("kernel", "size") and isinstance(value, tuple):
            found["窗口不是正方形"] = value[0] != value[1]
        elif hasattr(value, "shape"):
            found |= dict(_shape_features(name, list(value.shape)))
            array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
            if array.dtype.kind == "f":
                found[f"{name} 里有小数"] = bool((array != np.round(array)).any())
    return {words for words, holds in found.items() if holds}


def when(cases, names, kind, right):
    """One sentence: on which cases the answer fails.

    Parameters
    ----------
    cases : sequence of Case
    names : list of str
        Of the arguments.
    kind : 'tensor' or 'numpy'
    right : list of bool
        One a case.

    Returns
    -------
    str
    """
    failed = {i for i, ok in enumerate(right) if not ok}
    total = len(right)
    if len(failed) == total:
        return f"{total} 个例子都不对。" if total > 1 else ""
    having = {}
    for i, case in enumerate(cases):
        for words in features(case, names, kind):
            having.setdefault(words, set()).add(i)
    having = {words: found for words, found in having.items() if len(found) < total}
    rest = f"其余 {total - len(failed)} 个例子都对"
    for words, found in having.items():
        if found == failed:
            return f"只有**{words}**时才错，{rest}。"
    for (one, a), (two, b) in combinations(having.items(), 2):
        if a & b == failed:
            return f"只有**{one}**而且**{two}**时才错，{rest}。"
    for words, found in having.items():
        if found == set(range(total)) - failed:
            return f"只有**{words}**的例子是对的，其余 {len(failed)} 个都错。"
    for (one, a), (two, b) in combinations(having.items(), 2):
        if a | b == failed:
            return f"**{one}**或**{two}**时都错，{rest}。"
    return f"{total} 个例子里有 {len(failed)} 个不对。"
