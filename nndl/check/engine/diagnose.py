"""Check one answer: run it on the cases, compare, and say what is wrong in which words."""

import inspect
import time
import warnings

import numpy as np

from . import mutate, relate, terms
from .limit import limited
from .patterns import explain_exception, pattern
from .result import Result, describe_args, number
from .run import (
    SHAPE_ERRORS,
    call,
    different,
    is_stub,
    load_source,
    outcome,
    outputs,
    ready_made,
    same,
    same_values,
    to_array,
    untouched_state,
)
from .texts import DIAGNOSES, describe
from .when import when

#: seconds that an answer may take for one case, and that the search for its mistake may take
TIME_LIMIT = 20.0
TERMS_LIMIT = 0.7
MUTANTS_LIMIT = 1.0


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
        return _result(exercise, "not_callable", [f"收到的是 {type(answer).__name__}。"])
    if exercise.stub.startswith("class ") and not inspect.isclass(answer):
        got = f"这里要交类 `{exercise.name}` 本身，收到的是 {type(answer).__name__}。"
        return _result(exercise, "not_callable", [got])
    names = parameter_names(exercise)
    if wrong := _signature_problem(exercise, answer):
        return _result(exercise, "wrong_signature", [wrong])

    actual, changed = [], []
    for case in exercise.cases:
        args, kept = case.fresh(exercise.inputs), case.fresh(exercise.inputs)
        try:
            value = limited(TIME_LIMIT, call, exercise, answer, args)
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
        if exercise.judge and (verdict := _judge(exercise, value, args)):
            key, _, advice = verdict.partition("：")
            return _result(exercise, key, own=advice or None, case=case, names=names)
        try:
            actual.append(outputs(exercise, value))
        except LookupError:
            got = f"{len(value)} 个" if isinstance(value, (tuple, list)) else "1 个"
            wanted = (
                f"应返回 {len(exercise.outputs)} 个：{', '.join(exercise.outputs)}，得到 {got}。"
            )
            return _result(exercise, "wrong_number_of_outputs", [wanted], case=case, names=names)
        except (TypeError, ValueError) as problem:
            got = f"得到的是 {problem}。"
            return _result(exercise, "wrong_type", [got], case=case, names=names)
    found = _verdict(exercise, answer, names, actual)
    if found:
        return found
    if changed:
        line = "返回值是对的，但："
        return _result(exercise, "input_changed", [line], case=changed[0], names=names)
    lines = [f"{len(exercise.cases)} 个例子全部正确。"]
    if used := ready_made(exercise, answer):
        shown = "、".join(f"`{name}`" for name in used)
        lines.append(
            f"你用了现成的 {shown}：结果是对的。这道题想让你自己写出它里面的计算，再试一次？"
        )
    return Result(exercise, "passed", lines)


def parameter_names(exercise):
    """Names of the arguments, as the reference or the exercise's way of calling has them."""
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
    return _result(exercise, "unfinished", [f"{names} 还没有写（返回了 None）。"])


def _changed(after, before):
    if isinstance(before, np.ndarray) or hasattr(before, "numpy"):
        after, before = to_array(after), to_array(before)
        return after.shape != before.shape or not np.array_equal(after, before, equal_nan=True)
    if isinstance(before, dict):
        return after.keys() != before.keys() or any(_changed(after[k], before[k]) for k in before)
    if isinstance(before, list):
        return len(after) != len(before) or any(map(_changed, after, before))
    return isinstance(before, (int, float, str, tuple)) and after != before


def _judge(exercise, value, args):
    try:
        return exercise.judge(value, *args)
    except Exception as problem:
        return f"wrong_type：返回值不能这样使用（{type(problem).__name__}）。"


def _result(exercise, key, lines=(), own=None, case=None, names=(), more=(), picture=""):
    """A Result whose lines are: what was seen, the diagnosis, the terms, the case."""
    status = {"unfinished": "unfinished", "exception": "error"}.get(key, "wrong")
    name, advice = describe(key, own)
    lines = [line for line in lines if line]
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
    return Result(exercise, status, lines, key, args, picture)


# -- comparing ---------------------------------------------------------------------------------


def _verdict(exercise, answer, names, actual):
    """A Result for a wrong answer, None for a right one."""
    if exercise.reference is None:
        expected = [None if isinstance(a, Exception) else a for a in actual]
    else:
        expected = exercise.expected()
    right = [
        not isinstance(a, Exception) and same(a, e) and _right_dtype(exercise, a)
        for a, e in zip(actual, expected, strict=True)
    ]
    if all(right):
        return None
    first = right.index(False)
    case = exercise.cases[first]
    raised = isinstance(actual[first], Exception)
    where, meaning = explain_exception(actual[first]) if raised else (None, None)
    lines = [where or first_difference(exercise, actual[first], expected[first])]
    lines.append(when(exercise.cases, names, exercise.inputs, right))
    key, own, more, picture = _diagnose(exercise, answer, names, actual, expected, right)
    own = own or (meaning if key == "exception" else None)
    return _result(exercise, key, lines, own, case, names, more, picture)


def _right_dtype(exercise, arrays):
    return not exercise.integer or all(array.dtype.kind in "biu" for array in arrays)


def first_difference(exercise, actual, expected):
    """One line: where two results differ first, what was expected, what came."""
    for name, got, want in zip(exercise.outputs, actual, expected, strict=True):
        if same_values(got, want):
            continue
        if got.shape != want.shape:
            return f"{name} 的形状应为 {list(want.shape)}，得到 {list(got.shape)}。"
        wrong = different(got, want)
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f"{name}[{', '.join(map(str, index))}]" if index else name
        total = f"，共 {int(wrong.sum())}/{wrong.size} 处不同" if wrong.size > 1 else ""
        return (
            f"第一处不同：`{place}` 应为 {number(want[index])}，得到 {number(got[index])}{total}。"
        )
    return f"数值正确，但类型是 {actual[0].dtype}，应为整数。"


def _diagnose(exercise, answer, names, actual, expected, right):
    """(key, own advice, further lines, picture) of the mistake."""
    failed = [i for i, ok in enumerate(right) if not ok]
    raised = [actual[i] for i in failed if isinstance(actual[i], Exception)]
    usable = exercise.reference and all(isinstance(problem, SHAPE_ERRORS) for problem in raised)
    levels = (True, False) if raised else (True,)
    for strict in levels if usable else ():
        for key, advice, mutant, direct in exercise.listed_mutants():
            if _agrees(exercise, mutant, actual, expected, failed, strict, direct):
                more, picture, _ = _terms(exercise, answer, names, actual, failed)
                return key, advice, more, picture
    more, picture, found = _terms(exercise, answer, names, actual, failed)
    if found:
        return "+".join(found), None, more, picture
    # what is shown is the first case that failed: the others that raised are left aside
    pairs = [(actual[i], expected[i]) for i in failed if not isinstance(actual[i], Exception)]
    key = pattern(exercise, pairs) if exercise.reference and pairs else None
    certain = key in ("outputs_swapped", "wrong_dtype", "extra_axis", "axes_moved")
    if (
        usable
        and not certain
        and (words := _made_mutant(exercise, actual, expected, failed, levels))
    ):
        return words, "改了这一处的参考答案，在每个例子上都与你的结果相同。", more, picture
    if isinstance(actual[failed[0]], Exception):
        return "exception", None, more, picture
    if key in (None, "wrong_shape") and more:
        return "terms", None, more, picture
    return key or "unknown", None, more, picture


def _agrees(exercise, mutant, actual, expected, failed, strict=True, direct=False):
    """Whether a mutant gives what the student gave on every case, and not the right answer."""
    differs = ran = False
    order = [*failed, *(i for i in range(len(actual)) if i not in failed)]
    for i in order:
        wrong = outcome(exercise, mutant, exercise.cases[i], direct)
        if not same(actual[i], wrong, strict):
            return False
        problem = isinstance(wrong, Exception)
        if not problem and i not in failed and not _right_dtype(exercise, wrong):
            return False
        ran = ran or not problem  # errors alone prove nothing
        differs = differs or (strict if problem else not same(expected[i], wrong))
    return differs and ran


def _made_mutant(exercise, actual, expected, failed, levels):
    """Words of the likeliest edit of a right answer that behaves as the student's does."""
    sources = tuple(source for source in (exercise.solution, *exercise.versions) if source)

    def search():
        warnings.simplefilter("ignore")
        for strict in levels:
            for _, words, mutant in mutate.collection(sources, exercise.name):
                if _agrees(exercise, mutant, actual, expected, failed, strict):
                    return words
        return None

    try:
        return limited(MUTANTS_LIMIT, search) if sources else None
    except (TimeoutError, Exception):
        return None


# -- terms -------------------------------------------------------------------------------------


def _terms(exercise, answer, names, actual, failed):
    """(lines, picture, keys): what the answer adds up, where its result is linear."""
    shown = [], "", []
    if not exercise.linear_in or not exercise.reference:
        return shown
    deadline = time.perf_counter() + TERMS_LIMIT
    usable = [i for i in failed if not isinstance(actual[i], Exception)]
    for i in [i for i in usable if all(np.size(part) for part in actual[i])][:3]:
        args = exercise.cases[i].fresh("numpy")
        try:
            wanted = _wanted_terms(exercise, i, names, args)
            found = wanted and limited(
                2 * TERMS_LIMIT, terms.recover, exercise, answer, names, args, deadline
            )
        except terms.NotLinear:
            return shown if shown[2] else ([], "", ["not_linear"])
        except (TimeoutError, Exception):
            return shown
        if not found:
            continue
        result = _shown(exercise, found, wanted, dict(zip(names, args, strict=False)))
        if result and not shown[0] and not shown[2]:
            shown = result
        elif result and shown[2]:  # a second mistake, seen under other options
            more = [k for k in result[2] if k in DIAGNOSES and k != "size_off_by_one"]
            known = {key.split("_")[0] for key in shown[2]}
            more = [k for k in more if k.split("_")[0] not in known | {"size"}]
            if more and len(shown[2]) == 1 and shown[2][0] in DIAGNOSES:
                shown[2].extend(more[:1])
    return shown


def _wanted_terms(exercise, i, names, args):
    """Terms of the reference on one case, worked out once."""
    known = exercise.__dict__.setdefault("_recovered", {})
    if i not in known:
        late = time.perf_counter() + 5
        known[i] = terms.recover(exercise, exercise.reference, names, args, late, direct=True)
    return known[i]


def _shown(exercise, found, wanted, values):
    keys = relate.explain(exercise, found, wanted, values)
    place = terms.place_to_show(found, wanted)
    if place is None:
        return ([], "", keys) if keys else None
    output, index = place
    mine, right = found.of.get(place, {}), wanted.of.get(place, {})
    missing, extra = terms.changed(mine, right)
    name = terms.index_text(exercise.outputs[output], index)
    lines = [
        f"你的 `{name}` = `{terms.formula(mine)}`",
        f"应为 `{name}` = `{terms.formula(right)}`",
    ]
    if missing:
        lines.append(f"少了：`{terms.formula(missing)}`")
    if extra:
        lines.append(f"多了：`{terms.formula(extra)}`")
    first = exercise.linear_in[0]
    return lines, terms.picture(first, np.shape(values[first]), mine, right), keys


__all__ = ["examine", "load_source"]
