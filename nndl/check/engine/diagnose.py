"""Check one answer: run it on the cases, compare, and say what is wrong in which words."""

import contextlib
import inspect
import itertools
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
TERMS_LIMIT = 0.6
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
    if exercise.stub.startswith("class ") and not inspect.isclass(answer):
        got = f"这里要交类 `{exercise.name}` 本身，收到的是 {type(answer).__name__}。"
        return _result(exercise, "not_a_class", [got])
    if not callable(answer):
        return _result(exercise, "not_callable", [f"收到的是 {type(answer).__name__}。"])
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
    lines = []
    for name, got, want in zip(exercise.outputs, actual, expected, strict=True):
        if same_values(got, want):
            continue
        if got.shape != want.shape:
            lines.append(f"{name} 的形状应为 {list(want.shape)}，得到 {list(got.shape)}。")
        elif not lines or want.size == 1:
            wrong = different(got, want)
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            place = f"{name}[{', '.join(map(str, index))}]" if index else name
            total = f"，共 {int(wrong.sum())}/{wrong.size} 处不同" if wrong.size > 1 else ""
            first = "" if lines else "第一处不同："
            pair = f"应为 {number(want[index])}，得到 {number(got[index])}"
            lines.append(f"{first}`{place}` {pair}{total}。")
    return "".join(lines) or f"数值正确，但类型是 {actual[0].dtype}，应为整数。"


def _diagnose(exercise, answer, names, actual, expected, right):
    """(key, own advice, further lines, picture) of the mistake."""
    failed = [i for i, ok in enumerate(right) if not ok]
    raised = [actual[i] for i in failed if isinstance(actual[i], Exception)]
    usable = exercise.reference and all(isinstance(problem, SHAPE_ERRORS) for problem in raised)
    likeness = _Likeness(exercise, actual, expected, failed)
    listed = exercise.listed_mutants() if usable else ()
    grade, found = likeness.best(listed)
    more, picture, keys = _terms(exercise, answer, names, actual, failed)
    if grade > 1:
        return *found[:2], more, picture
    if keys:
        return "+".join(keys), None, more, picture
    # what is shown is the first case that failed: the others that raised are left aside
    pairs = [(actual[i], expected[i]) for i in failed if not isinstance(actual[i], Exception)]
    key = pattern(exercise, pairs) if exercise.reference and pairs else None
    if key in ("outputs_swapped", "wrong_dtype", "extra_axis", "axes_moved"):
        return key, None, more, picture
    close = (found[0], found[1]) if grade else None
    if usable:
        made_grade, made = likeness.best(_made(exercise))
        advice = "改了这一处的参考答案，在每个例子上都与你的结果相同。"
        if made_grade > 1:
            return made[0], advice, more, picture
        close = close or ((made[0], None) if made_grade else None)
        grade, pair = likeness.best(exercise.slip_pairs())
        if grade > 2:
            return pair[0], pair[1], more, picture
    if not raised and (constant := _constant(actual, expected)):
        return (
            f"结果总是 {constant}",
            "每个例子都得到同样的结果：检查它与输入有没有关系。",
            more,
            picture,
        )
    if not raised and (unused := _unused(exercise, answer, names)):
        return (
            f"参数 `{unused}` 没有起作用",
            "改变它，你的结果不变；正确的结果会变。",
            more,
            picture,
        )
    if close:
        return f"很可能是：{close[0]}", close[1], more, picture
    if isinstance(actual[failed[0]], Exception):
        return "exception", None, more, picture
    if key in (None, "wrong_shape") and more:
        return "terms", None, more, picture
    if key is None and (wrong := _wrong_outputs(exercise, pairs)):
        return f"只有 {wrong} 不对", "其余的返回值都对。", more, picture
    return key or "unknown", None, more, picture


class _Likeness:
    """How much the results of mistaken programs are like those of the answer."""

    def __init__(self, exercise, actual, expected, failed):
        self.exercise, self.actual, self.expected, self.failed = exercise, actual, expected, failed
        self.order = [*failed, *(i for i in range(len(actual)) if i not in failed)]
        # where every case ends in an error, only the same error tells anything
        self.hopeless = all(isinstance(outcome, Exception) for outcome in actual)
        self.end = time.thread_time() + MUTANTS_LIMIT

    def best(self, candidates):
        """(grade, candidate): 3 the same on every case, 2 but for the words of errors, 1 nearly."""
        best = 0, None

        def search():
            nonlocal best
            warnings.simplefilter("ignore")
            for candidate in candidates:
                grade = self._grade(*candidate[2:])
                if grade > best[0]:
                    best = grade, candidate
                if grade == 3 or time.thread_time() > self.end:
                    return

        with contextlib.suppress(Exception):  # the wall clock stops what does not end
            limited(8 * MUTANTS_LIMIT, search)
        return best

    def _grade(self, mutant, direct=False):
        seen = size = odd = wrong_ones = 0
        differs = ran = False
        strict = True
        for i in self.order:
            mine, wanted = self.actual[i], self.expected[i]
            wrong = outcome(self.exercise, mutant, self.exercise.cases[i], direct)
            if not same(mine, wrong):
                if self.hopeless:
                    return 0
                odd += 1
                wrong_ones += not (_undecided(mine) or _undecided(wrong))
                if wrong_ones > 1 or odd > len(self.order) - 2:
                    return 0
                continue
            problem = isinstance(wrong, Exception)
            if not problem and i not in self.failed and not _right_dtype(self.exercise, wrong):
                return 0
            alike = same(mine, wrong, strict=True)
            strict = strict and alike
            ran = ran or not problem  # errors alone prove nothing
            if not problem and not same(wanted, wrong):
                differs, seen = True, seen + 1
                size += sum(part.size for part in wrong if part is not None)
            elif problem and alike:
                differs = True
        if odd:  # numbers may agree by chance, arrays do not
            return 1 if (seen >= 2 and size >= 8) or (seen >= 2 and not wrong_ones) else 0
        if not (differs and ran):
            return 0
        return 3 if strict else 2 if seen else 0


def _undecided(arrays):
    """Whether a case ended in an error or in NaN: two ways of one mistake may differ there."""
    return isinstance(arrays, Exception) or any(
        part is not None and not np.isfinite(part.astype("float64")).all() for part in arrays
    )


def _made(exercise):
    """Mistakes made by edits, as (words, advice, function, direct)."""
    sources = tuple(source for source in (exercise.solution, *exercise.versions) if source)
    made = mutate.collection(sources, exercise.name) if sources else ()
    return ((words, None, function, False) for _, words, function in made)


def _constant(actual, expected):
    """The number that comes out of every case though it should not, '' if there is none."""
    known = [a[0] for a in actual if not isinstance(a, Exception) and a[0] is not None]
    if len(known) < 3 or len(known) < len(actual) or any(a.size != 1 for a in known):
        return ""
    values, wanted = {a.item() for a in known}, {e[0].item() for e in expected if e[0].size == 1}
    return number(known[0]) if len(values) == 1 < len(wanted) else ""


def _unused(exercise, answer, names):
    """Name of an argument that the right answer depends on and this answer does not."""
    if not exercise.reference:
        return None
    for k, name in enumerate(names):
        changed = 0
        for one, two in itertools.pairwise(exercise.cases):
            args, other = one.fresh(exercise.inputs), two.fresh(exercise.inputs)
            if np.shape(args[k]) != np.shape(other[k]) or not _changed(args[k], other[k]):
                continue
            mixed = (*args[:k], other[k], *args[k + 1 :])
            cases = [type(one)(exercise_args) for exercise_args in (args, mixed)]
            right = [outcome(exercise, exercise.reference, c, direct=True) for c in cases]
            if any(isinstance(r, Exception) for r in right) or same(*right):
                continue
            try:
                mine = [limited(TIME_LIMIT, outcome, exercise, answer, c) for c in cases]
            except (TimeoutError, SystemExit):
                return None
            if any(isinstance(m, Exception) for m in mine) or not same(*mine):
                changed = 0
                break
            changed += 1
        if changed:
            return name
    return None


def _wrong_outputs(exercise, pairs):
    """Names of the outputs that are wrong, where others are right."""
    if len(exercise.outputs) == 1 or not pairs:
        return ""
    wrong = [
        name
        for k, name in enumerate(exercise.outputs)
        if not all(got[k] is not None and same_values(got[k], want[k]) for got, want in pairs)
    ]
    return "、".join(wrong) if len(wrong) < len(exercise.outputs) else ""


# -- terms -------------------------------------------------------------------------------------


def _terms(exercise, answer, names, actual, failed):
    """(lines, picture, keys): what the answer adds up, where its result is linear."""
    shown = [], "", []
    if not exercise.linear_in or not exercise.reference:
        return shown
    deadline = time.thread_time() + TERMS_LIMIT
    usable = [i for i in failed if not isinstance(actual[i], Exception)]
    for i in [i for i in usable if all(np.size(part) for part in actual[i])][:3]:
        args = exercise.cases[i].fresh("numpy")
        try:
            wanted = _wanted_terms(exercise, i, names, args)
            found = wanted and limited(
                8 * TERMS_LIMIT, terms.recover, exercise, answer, names, args, deadline
            )
        except terms.NotLinear:
            return shown if shown[2] else ([], "", ["not_linear"])
        except Exception:
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
        late = time.thread_time() + 5
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
