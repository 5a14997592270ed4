"""Relations between a wrong result and the right one that hold whatever the exercise."""

import linecache
import os
import sysconfig
import traceback
from pathlib import Path

import numpy as np

from .run import same_values


def pattern(exercise, pairs):
    """Key of a relation that holds between got and expected in all failing cases, or None.

    Parameters
    ----------
    exercise : Exercise
    pairs : list of (got, expected)
        Tuples of arrays.
    """
    if len(exercise.outputs) > 1 and all(_is_permuted(got, want) for got, want in pairs):
        return "outputs_swapped"
    flat = [
        (g, w)
        for got, want in pairs
        for g, w in zip(got, want, strict=True)
        if g is not None and w is not None and (not same_values(g, w) or len(got) == 1)
    ]
    finite = [(g, w) for g, w in flat if np.isfinite(g.astype("float64")).all()]
    if flat and not finite:
        return "not_finite"
    flat = finite
    for key, holds in _PATTERNS.items():
        if flat and all(holds(g, w) for g, w in flat):
            return key
        if key == "size_off_by_one" and flat and _all_scaled(flat):
            return "scaled"
    return None


def _is_permuted(got, want):
    if any(g is None for g in got):
        return False
    left = list(want)
    for g in got:
        match = next((i for i, w in enumerate(left) if same_values(g, w)), None)
        if match is None:
            return False
        left.pop(match)
    return True


def _truncated(got, want):
    if got.shape != want.shape:
        return False
    exact = want.astype("float64")
    return any(
        same_values(got, rounded) for rounded in (np.trunc(exact), np.floor(exact), np.round(exact))
    )


def _only_dtype(got, want):
    return same_values(got, want)


def _transposed(got, want):
    return want.ndim > 1 and same_values(got, np.swapaxes(want, -1, -2))


def _negated(got, want):
    return same_values(got, -want.astype("float64"))


def _same_numbers(got, want):
    return got.size == want.size and same_values(np.squeeze(got), np.squeeze(want))


def _axes_moved(got, want):
    return (
        got.ndim == want.ndim > 1
        and sorted(got.shape) == sorted(want.shape)
        and np.allclose(np.sort(got, axis=None), np.sort(want, axis=None), atol=1e-4)
        and any(
            same_values(np.moveaxis(got, a, b), want)
            for a in range(got.ndim)
            for b in range(got.ndim)
            if a != b
        )
    )


def _one_more_or_less(got, want):
    if want.dtype.kind in "iu" and got.shape == want.shape and want.size <= 2:
        gap = got.astype("float64") - want
        return bool((np.abs(gap) == 1).all())
    return False


def _shape_off_by_one(got, want):
    off = [abs(g - w) for g, w in zip(got.shape, want.shape, strict=False) if g != w]
    return got.ndim == want.ndim and off != [] and set(off) == {1}


def _factor(got, want):
    """The number that `got` is a multiple of `want` by, or None."""
    if got.shape != want.shape or not np.abs(want).max(initial=0) > 0:
        return None
    got, want = got.astype("float64"), want.astype("float64")
    place = np.unravel_index(np.abs(want).argmax(), want.shape)
    factor = got[place] / want[place]
    return factor if factor != 0 and same_values(got, factor * want) else None


def _all_scaled(flat):
    factors = [_factor(got, want) for got, want in flat]
    if None in factors:
        return False
    if any(want.size > 1 for _, want in flat):
        return True
    return len(factors) > 2 and np.ptp(factors) < 1e-3 * max(map(abs, factors))


def _shifted(got, want):
    if got.shape != want.shape or want.size < 4:
        return False
    gap = got.astype("float64") - want
    return bool(np.allclose(gap, gap.flat[0], atol=1e-4))


def _other_shape(got, want):
    return got.shape != want.shape


_PATTERNS = {
    "wrong_dtype": lambda got, want: _only_dtype(got, want) or _truncated(got, want),
    "sign_flipped": _negated,
    "rows_columns_swapped": _transposed,
    "axes_moved": _axes_moved,
    "extra_axis": _same_numbers,
    "off_by_one": _one_more_or_less,
    "size_off_by_one": _shape_off_by_one,
    "shifted": _shifted,
    "wrong_shape": _other_shape,
}


# -- exceptions --------------------------------------------------------------------------------

_LIBRARIES = tuple(
    os.path.join(path, "")
    for path in (
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
        str(Path(__file__).resolve().parents[2]),  # the package
    )
)

_MEANING = {
    "NameError": "这个名字还没有定义：检查拼写，或在前面的单元格里 import。",
    "IndexError": "下标超出了数组：检查循环的范围和填充后的大小。",
    "ZeroDivisionError": "除以了 0：检查分母。",
    "TypeError": "类型不合：例如把张量当作整数用，或参数的个数不对。",
    "ValueError": "形状或取值不合：打印两边的形状再比较。",
    "AttributeError": "对象没有这个属性或方法：参数是 Paddle 张量，需要 NumPy 数组时用 X.numpy()。",
    "RecursionError": "函数无止境地调用自己：检查终止的条件。",
    "MemoryError": "数组太大了：检查求大小的式子。",
}


def explain_exception(problem):
    """The student's line and the error in one line, and what such an error means."""
    frames = traceback.extract_tb(problem.__traceback__)
    own = [f for f in frames if not f.filename.startswith(_LIBRARIES) and f.filename[0] != "<"]
    own = own or [f for f in frames if f.filename.startswith("<") and "frozen" not in f.filename]
    text = _short(problem)
    kind = type(problem).__name__
    if not own:
        return f"{kind}：{text}", _MEANING.get(kind)
    code = (own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno)).strip()
    shown = f"（`{code}`）" if code else ""
    return f"第 {own[-1].lineno} 行{shown}出错：{kind}：{text}", _MEANING.get(kind)


def _short(problem):
    """First sentence of an error message; Paddle's run over many lines."""
    lines = [line.strip() for line in str(problem).splitlines()]
    keep = [line for line in lines if line and not line.startswith(("---", "C++", "[Hint"))]
    text = next((line for line in keep if line.startswith("(")), keep[0] if keep else "")
    return text if len(text) <= 200 else text[:200] + " …"
