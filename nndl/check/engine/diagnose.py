"""Run an answer on the cases, compare it with the reference, and name its mistake."""

import contextlib
import inspect
import linecache
import os
import random
import sysconfig
import traceback
import types
from pathlib import Path

import numpy as np

from .limit import limited
from .result import Result, describe_args, number
from .texts import describe

#: seconds that an answer may take for one case
TIME_LIMIT = 20.0

#: exceptions that a mutant may share with a student (wrong shapes, windows out of range)
_SHAPE_ERRORS = (ValueError, IndexError, RuntimeError, AssertionError)


# -- running -----------------------------------------------------------------------------------


@contextlib.contextmanager
def untouched_state():
    """Keep the random states and Paddle's name counter as they were; fix them inside."""
    import paddle

    # The legacy generator of NumPy is the one that a student's np.random.rand() moves.
    states = random.getstate(), np.random.get_state(), paddle.get_rng_state()  # noqa: NPY002
    names = paddle.utils.unique_name.guard()
    try:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        paddle.seed(0)
        with names:
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        paddle.set_rng_state(states[2])


def to_array(value):
    """A NumPy array from a number, array, tensor or (nested) list of these; TypeError else."""
    if isinstance(value, (list, tuple)):
        return np.stack([to_array(part) for part in value]) if value else np.zeros(0)
    if hasattr(value, "numpy"):
        value = value.numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(type(value).__name__)
    return array


def _outputs(exercise, value):
    """The named results as a tuple of arrays, None where a part is missing."""
    if len(exercise.outputs) == 1:
        return (to_array(value),)
    if not isinstance(value, (tuple, list)) or len(value) != len(exercise.outputs):
        raise LookupError("wrong_number_of_outputs")
    return tuple(None if part is None else to_array(part) for part in value)


def _call(exercise, function, args, direct=True):
    return function(*args) if direct or not exercise.call else exercise.call(function, *args)


def outcome(exercise, function, case):
    """Arrays that a reference or mutant gives for a case, or the exception it raised."""
    try:
        with np.errstate(all="ignore"):
            return _outputs(exercise, function(*case.fresh(exercise.inputs)))
    except Exception as problem:
        return problem


def same_values(actual, expected):
    """Equal shape, and values equal up to the rounding of float32."""
    if actual.shape != expected.shape:
        # a lone number may come as [], [1] or [1, 1]
        if not (expected.ndim == 0 and actual.size == 1):
            return False
        actual = actual.reshape([])
    return not _different(actual, expected).any()


def _different(actual, expected):
    actual, expected = actual.astype("float64"), expected.astype("float64")
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    return ~np.isclose(actual, expected, rtol=1e-3, atol=1e-4 * max(scale, 1e-3), equal_nan=True)


def _same(actual, expected):
    """Whether two outcomes agree in all outputs that the second one speaks of."""
    if isinstance(expected, Exception):  # where one way of writing it fails, another gives nothing
        empty = not isinstance(actual, Exception) and any(
            part is not None and part.size == 0 for part in actual
        )
        return empty or isinstance(actual, _SHAPE_ERRORS)
    if isinstance(actual, Exception):
        return False
    return all(
        e is None or (a is not None and same_values(a, e))
        for a, e in zip(actual, expected, strict=True)
    )


# -- is there an answer at all -----------------------------------------------------------------


def _codes(obj):
    """Byte code of a function, or of the methods of a class, without names of files or lines."""
    if inspect.isclass(obj):
        parts = {k: v for k, v in vars(obj).items() if inspect.isfunction(v)}
        return tuple((name, _codes(parts[name])) for name in sorted(parts))
    return _code_key(obj.__code__) if inspect.isfunction(obj) else None


def _code_key(code):
    constants = [_code_key(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return code.co_code, repr(constants), code.co_names, code.co_varnames


def load_source(source, name):
    """Run stub or solution source as a notebook cell would; return what it defines."""
    import paddle

    namespace = {
        "__name__": "exercise",
        "np": np,
        "paddle": paddle,
        "nn": paddle.nn,
        "F": paddle.nn.functional,
    }
    exec(compile(source, f"<{name}>", "exec"), namespace)
    return namespace[name]


def is_stub(exercise, answer):
    """Whether the answer is missing, or compiles to the unchanged stub."""
    if answer is None or answer is Ellipsis or answer is NotImplemented:
        return True
    codes = _codes(answer)
    return codes is not None and codes == _codes(load_source(exercise.stub, exercise.name))


# -- examining ---------------------------------------------------------------------------------


def examine(exercise, answer):
    """Check one answer.

    Parameters
    ----------
    exercise : Exercise
    answer : function or class
        What the student wrote.

    Returns
    -------
    Result
        Never raises for anything that the answer does, except KeyboardInterrupt.
    """
    with untouched_state():
        return _examine(exercise, answer)


def _examine(exercise, answer):
    if is_stub(exercise, answer):
        return _result(exercise, "unfinished")
    if not callable(answer):
        return _result(exercise, "not_callable", f"收到的是 {type(answer).__name__}。")
    if exercise.stub.startswith("class ") and not inspect.isclass(answer):
        got = f"这里要交类 `{exercise.name}` 本身，收到的是 {type(answer).__name__}。"
        return _result(exercise, "not_callable", got)
    names = parameter_names(exercise)
    if wrong := _signature_problem(exercise, answer):
        return _result(exercise, "wrong_signature", wrong)

    actual, changed = [], []
    for case in exercise.cases:
        args, kept = case.fresh(exercise.inputs), case.fresh(exercise.inputs)
        try:
            value = limited(TIME_LIMIT, _call, exercise, answer, args, direct=False)
        except NotImplementedError:
            return _result(exercise, "unfinished")
        except TimeoutError:
            return _result(exercise, "too_slow", case=case, names=names)
        except Exception as problem:
            actual.append(problem)
            continue
        except SystemExit as problem:  # exit() would end the notebook's kernel
            actual.append(RuntimeError(f"exit({problem.code})"))
            continue
        missing = _missing(exercise, value)
        if missing is not None:
            return missing
        if any(_changed(a, b) for a, b in zip(args, kept, strict=True)):
            changed.append(case)
        for key, advice, test in exercise.tests_flat():
            if not _passes(test, value, args):
                return _result(exercise, key, own=advice, case=case, names=names)
        try:
            actual.append(_outputs(exercise, value))
        except LookupError:
            got = f"{len(value)} 个" if isinstance(value, (tuple, list)) else "1 个"
            wanted = (
                f"应返回 {len(exercise.outputs)} 个：{', '.join(exercise.outputs)}，得到 {got}。"
            )
            return _result(exercise, "wrong_number_of_outputs", wanted, case=case, names=names)
        except (TypeError, ValueError) as problem:
            return _result(exercise, "wrong_type", f"得到的是 {problem}。", case=case, names=names)
    if exercise.reference is not None:
        expected = [outcome(exercise, exercise.reference, case) for case in exercise.cases]
        found = _compare(exercise, names, actual, expected)
    else:
        found = _first_exception(exercise, names, actual)
    if found:
        return found
    if changed:
        return _result(
            exercise, "input_changed", "返回值是对的，但：", case=changed[0], names=names
        )
    return _result(exercise, None, f"{len(exercise.cases)} 个例子全部正确。")


def parameter_names(exercise):
    """Names of the arguments, as the stub or the reference has them."""
    source = exercise.reference or exercise.call
    names = list(inspect.signature(source).parameters) if source else []
    return names if exercise.reference else names[1:]


def _signature_problem(exercise, answer):
    if exercise.call:
        return None
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*exercise.cases[0].fresh(exercise.inputs))
    except TypeError:
        names = parameter_names(exercise)
        return f"题目的参数是 `({', '.join(names)})`，你的函数是 `{signature}`。"
    return None


def _missing(exercise, value):
    """The answer to a call that returned None, in whole or in part."""
    parts = value if isinstance(value, tuple) and len(exercise.outputs) > 1 else (value,)
    empty = [i for i, part in enumerate(parts) if part is None or part is Ellipsis]
    if not empty:
        return None
    if len(empty) == len(parts):
        return _result(exercise, "no_return" if value is None else "unfinished")
    names = "、".join(exercise.outputs[i] for i in empty if i < len(exercise.outputs))
    return _result(exercise, "unfinished", f"{names} 还没有写（返回了 None）。")


def _changed(after, before):
    if isinstance(before, np.ndarray) or hasattr(before, "numpy"):
        after, before = to_array(after), to_array(before)
        return after.shape != before.shape or not np.array_equal(after, before, equal_nan=True)
    return isinstance(before, (list, dict)) and after != before


def _passes(test, value, args):
    try:
        return bool(test(value, *args))
    except Exception:
        return False


def _result(exercise, key, first=None, own=None, case=None, names=(), more=()):
    """A Result whose lines are: what was seen, the diagnosis, the case."""
    if key is None:
        return Result(exercise, "passed", [first])
    status = {"unfinished": "unfinished", "exception": "error"}.get(key, "wrong")
    name, advice = describe(key, own)
    lines = [first] if first else []
    if key == "exception":
        lines += [advice] if own else []
    elif key == "unfinished":
        lines.append(advice)
    else:
        lines.append(f"诊断：{name}。{advice}")
    lines += more
    args = None
    if case is not None:
        args = case.fresh(exercise.inputs)
        if shown := describe_args(names, args):
            lines.append(f"例子：{shown}（用 `check.run(...).args` 取出这一例的输入）")
    return Result(exercise, status, lines, key, args)


# -- comparing ---------------------------------------------------------------------------------


def _compare(exercise, names, actual, expected):
    """A Result for a wrong answer, None for a right one."""
    right = [
        not isinstance(a, Exception) and _same(a, e) and _right_dtype(exercise, a)
        for a, e in zip(actual, expected, strict=True)
    ]
    if all(right):
        return None
    first = right.index(False)
    case = exercise.cases[first]
    key, own = _diagnose(exercise, actual, expected, right)
    if isinstance(actual[first], Exception):
        where, advice = explain_exception(actual[first])
        own = own or (advice if key == "exception" else None)
        return _result(exercise, key, where, own=own, case=case, names=names)
    seen = first_difference(exercise, actual[first], expected[first])
    count = f"{len(right)} 个例子里有 {right.count(False)} 个不对。"
    return _result(exercise, key, seen + count, own=own, case=case, names=names)


def _first_exception(exercise, names, actual):
    for case, got in zip(exercise.cases, actual, strict=True):
        if isinstance(got, Exception):
            where, advice = explain_exception(got)
            return _result(exercise, "exception", where, own=advice, case=case, names=names)
    return None


def _right_dtype(exercise, outputs):
    return not exercise.integer or all(array.dtype.kind in "biu" for array in outputs)


def first_difference(exercise, actual, expected):
    """One line: where two results differ first, what was expected, what came."""
    for name, got, want in zip(exercise.outputs, actual, expected, strict=True):
        if same_values(got, want):
            continue
        if got.shape != want.shape:
            return f"{name} 的形状应为 {list(want.shape)}，得到 {list(got.shape)}。"
        wrong = _different(got, want)
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f"{name}[{', '.join(map(str, index))}]" if index else name
        total = f"，共 {int(wrong.sum())}/{wrong.size} 处不同" if wrong.size > 1 else ""
        return (
            f"第一处不同：`{place}` 应为 {number(want[index])}，得到 {number(got[index])}{total}。"
        )
    return f"数值正确，但类型是 {actual[0].dtype}，应为整数。"


def _diagnose(exercise, actual, expected, right):
    """(key, own advice) of the mistake: a mutant, a general pattern, a common theme, or unknown."""
    failed = [i for i, ok in enumerate(right) if not ok]
    raised = [actual[i] for i in failed if isinstance(actual[i], Exception)]
    if all(isinstance(problem, _SHAPE_ERRORS) for problem in raised):
        for key, advice, mutant in exercise.mutants_flat():
            if _agrees(exercise, mutant, actual, expected):
                return key, advice
    if isinstance(actual[failed[0]], Exception):
        return "exception", None
    # what is shown is the first case that failed: the others that raised are left aside
    failed = [i for i in failed if not isinstance(actual[i], Exception)]
    pairs = [(actual[i], expected[i]) for i in failed]
    if key := _pattern(exercise, pairs):
        return key, None
    if theme := _theme(exercise, failed):
        advice = f"只有与「{theme}」有关的例子出错，先检查代码里处理它的地方。"
        return "unknown", advice
    return "unknown", None


def _agrees(exercise, mutant, actual, expected):
    """Whether a mutant gives what the student gave on every case, and not the right answer."""
    differs = ran = False
    for case, got, want in zip(exercise.cases, actual, expected, strict=True):
        wrong = outcome(exercise, mutant, case)
        if not _same(got, wrong):
            return False
        ran = ran or not isinstance(wrong, Exception)  # errors alone prove nothing
        differs = differs or isinstance(wrong, Exception) or not _same(want, wrong)
    return differs and ran


def _theme(exercise, failed):
    tags = dict.fromkeys(tag for case in exercise.cases for tag in case.tags)
    for tag in tags:
        if [i for i, case in enumerate(exercise.cases) if tag in case.tags] == failed:
            return tag
    return None


# -- patterns that need no mutant --------------------------------------------------------------


def _pattern(exercise, pairs):
    """Key of a general relation that holds between got and expected in all failing cases."""
    if len(exercise.outputs) > 1 and all(_is_permuted(got, want) for got, want in pairs):
        return "outputs_swapped"
    flat = [
        (g, w)
        for got, want in pairs
        for g, w in zip(got, want, strict=True)
        if not same_values(g, w) or len(got) == 1
    ]
    if any(not np.isfinite(g.astype("float64")).all() for g, _ in flat):
        return "not_finite"
    for key, holds in _PATTERNS.items():
        if all(holds(g, w) for g, w in flat):
            return key
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


def _one_off(got, want):
    off = [abs(g - w) for g, w in zip(got.shape, want.shape, strict=False) if g != w]
    if want.dtype.kind in "iu" and got.shape == want.shape and want.size <= 2:
        return bool((np.abs(got.astype("float64") - want) == 1).all())
    return got.ndim == want.ndim and off != [] and set(off) == {1}


def _scaled(got, want):
    got, want = got.astype("float64"), want.astype("float64")
    if got.shape != want.shape or want.size < 2 or not np.abs(want).max() > 0:
        return False
    place = np.unravel_index(np.abs(want).argmax(), want.shape)
    factor = got[place] / want[place]
    return factor != 0 and same_values(got, factor * want)


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
    "extra_axis": _same_numbers,
    "size_off_by_one": _one_off,
    "scaled": _scaled,
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
