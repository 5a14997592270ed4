"""Checks of the exercises: the bank of answers, messages, hints, bad behaviour, drift."""

import contextlib
import re
import threading
import time
from collections import Counter
from pathlib import Path

import nbformat
import numpy as np
import paddle
import pytest

from nndl import check
from nndl.check import registry
from nndl.check.bank import ch55_photos
from nndl.check.engine import diagnose, mutate, relate, run, terms
from nndl.check.engine.limit import limited
from nndl.check.engine.texts import DIAGNOSES, describe
from tests import bank

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = bank.everything()
EXERCISES = list(check.exercises())
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)


def label(answer):
    return f"{answer.exercise} {answer.where}"


def defined(exercise, source):
    return run.load_source(source, exercise.name)


# -- the bank ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [a for a in ANSWERS if a.right], ids=label)
def test_right_answers_of_every_kind_pass(answer):
    result = check.run(answer.exercise, answer.build())
    assert result.passed, result


@pytest.fixture(scope="module")
def verdicts():
    """(answer, result) of every wrong answer."""
    with np.errstate(all="ignore"):
        return [(a, check.run(a.exercise, a.build())) for a in ANSWERS if not a.right]


def test_every_wrong_answer_is_rejected(verdicts):
    accepted = [label(answer) for answer, result in verdicts if result.passed]
    assert not accepted
    assert all(r.status in ("wrong", "error") for _, r in verdicts)


def names_it(answer, result):
    """Whether the verdict is one of those that a person wrote down beside the answer."""
    key, name = str(result.diagnosis), describe(str(result.diagnosis))[0]
    return any(wanted in key or wanted in name for wanted in answer.keys)


def test_nearly_every_wrong_answer_gets_the_diagnosis_written_beside_it(verdicts):
    wrong = [(a, r) for a, r in verdicts if not names_it(a, r)]
    for answer, result in wrong:
        print(f"{label(answer)}: expected {' or '.join(answer.keys)}, got {result.diagnosis}")
    assert len(wrong) <= 0.05 * len(verdicts)


def test_every_wrong_answer_is_told_when_it_fails(verdicts):
    """Not for errors of form, which come before any case."""
    for _, result in verdicts:
        if "第一处不同" in result.message and len(result.exercise.cases) > 1:
            assert "个例子" in result.message or "其余" in result.message, result


def test_every_exercise_has_right_and_wrong_answers():
    right = Counter(a.exercise for a in ANSWERS if a.right)
    wrong = Counter(a.exercise for a in ANSWERS if not a.right)
    repairs = {f"5.3-{k}" for k in (8, 9, 10)}  # the stub itself is the wrong answer there
    assert {e.id for e in EXERCISES} - repairs <= set(wrong)
    assert right.total() >= 40 and wrong.total() >= 120
    assert len({a.source.strip() for a in ANSWERS}) == len(ANSWERS)


# -- every exercise ----------------------------------------------------------------------------


@each_exercise
def test_the_solution_and_its_other_versions_pass(exercise):
    for source in (exercise.solution, *exercise.versions):
        result = check.run(exercise.id, defined(exercise, source))
        assert result.passed, result


@each_exercise
def test_the_stub_is_unfinished(exercise):
    result = check.run(exercise.id, defined(exercise, exercise.stub))
    assert result.status == "unfinished" and "尚未完成" in str(result)
    assert "尚未完成" in result._repr_html_()


@each_exercise
def test_hints_come_one_by_one_and_end(exercise, monkeypatch):
    monkeypatch.setattr(check, "_hints_given", {})
    assert len(exercise.hints) >= 2
    for count in range(1, len(exercise.hints) + 1):
        hint = check.hint(exercise.id)
        assert hint.shown == exercise.hints[:count]
        assert ("提示给完了" in str(hint)) == (count == len(exercise.hints))
    assert check.hint(exercise.id).shown == exercise.hints


@each_exercise
def test_every_listed_mistake_is_rejected_and_named_in_chinese(exercise):
    """One that equals the reference on all cases could never be diagnosed."""
    for key, _, mutant, direct in exercise.listed_mutants():
        assert re.search("[\u4e00-\u9fff]", describe(key)[0]), key
        with run.untouched_state():
            found = [run.outcome(exercise, mutant, case, direct) for case in exercise.cases]
        pairs = zip(found, exercise.expected(), strict=True)
        assert not all(run.same(f, e) for f, e in pairs), key


@each_exercise
def test_slips_and_stubs_fit_the_solution(exercise):
    assert exercise.name in exercise.solution and len(list(exercise.slip_sources())) >= 0
    assert exercise.example or exercise_text(exercise), "no worked example"


def exercise_text(exercise):
    from nndl.check.exercise import worked_example

    return worked_example(exercise)


@each_exercise
def test_what_is_declared_linear_is_linear(exercise):
    """Each argument by itself: f(a + 2b) − f(a) − 2 f(b) + 2 f(0) = 0 for the reference."""
    if not exercise.linear_in:
        return
    names = diagnose.parameter_names(exercise)
    args = list(exercise.cases[-1].fresh("numpy"))
    if not hasattr(args[0], "shape"):
        return  # numbers: the formula is verified on every case when its terms are read
    for name in exercise.linear_in:
        k = names.index(name)
        a, b = (np.random.default_rng(s).integers(-4, 5, args[k].shape) for s in (1, 2))
        results = []
        for value in (a, b, a + 2 * b, 0 * a):
            values = [*args[:k], value.astype("float32"), *args[k + 1 :]]
            result = exercise.reference(*exercise.hand_over(values))
            results.append(run.outputs(exercise, result))
        for one, two, both, zero in zip(*results, strict=True):
            left = both.astype("float64") + 2 * zero
            np.testing.assert_allclose(left, one + 2.0 * two, atol=1e-3)


# -- what an answer adds up --------------------------------------------------------------------


def conv_terms(answer, M=4, N=5, U=2, V=3, stride=1, padding=0):
    """Terms of an answer to 5.1-3, and of the reference."""
    item = check.exercise("5.1-3")
    args = np.ones((M, N), "float32"), np.ones((U, V), "float32"), stride, padding
    names = diagnose.parameter_names(item)
    late = time.thread_time() + 60
    found = [
        terms.recover(item, f, names, args, late, direct=d)
        for f, d in ((answer, False), (item.reference, True))
    ]
    return item, *found, dict(zip(names, args, strict=True))


def test_impulses_give_the_terms_of_the_formula():
    """Y[i, j] = Σ X[iS + u − P, jS + v − P] W[u, v], written out from the formula alone."""
    _, found, right, _ = conv_terms(solution_of("5.1-3"), stride=2, padding=1)
    expected = {}
    for i, j in np.ndindex(3, 3):
        place = expected.setdefault((0, (i, j)), {})
        for u, v in np.ndindex(2, 3):
            a, b = 2 * i + u - 1, 2 * j + v - 1
            if 0 <= a < 4 and 0 <= b < 5:
                place[("X", (a, b)), ("W", (u, v))] = 1.0
    assert found.of == right.of == expected


def solution_of(id):
    item = check.exercise(id)
    return run.load_source(item.solution, item.name)


def loop(body, pad="np.pad(X.numpy(), padding)"):
    source = f"""
def my_conv2d(X, W, stride=1, padding=0):
    X, W = {pad}, W.numpy()
    U, V = W.shape
    rows, columns = (X.shape[0] - U) // stride + 1, (X.shape[1] - V) // stride + 1
    Y = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            for u in range(U):
                for v in range(V):
                    {body}
    return Y
"""
    return run.load_source(source, "my_conv2d")


RIGHT = "Y[i, j] += X[i + u, j + v] * W[u, v]"
PADDED = "np.pad(X.numpy(), {})".format


@pytest.mark.parametrize(
    ("answer", "options", "key"),
    [
        (loop(RIGHT), {"stride": 2, "M": 6, "N": 7}, "stride_not_in_index"),
        (loop(RIGHT.replace("i +", "i * stride +")), {"stride": 2, "M": 6}, "stride_one_axis"),
        (loop(RIGHT.replace("W[u, v]", "W[U - 1 - u, V - 1 - v]")), {}, "kernel_flipped"),
        (loop(RIGHT.replace("W[u, v]", "W[v, u]")), {"U": 3}, "kernel_transposed"),
        (loop(RIGHT.replace("+=", "=")), {}, "window_overwritten"),
        (loop(RIGHT, PADDED("padding, mode='wrap'")), {"padding": 1}, "padding_wrap"),
        (loop(RIGHT, PADDED("padding, mode='edge'")), {"padding": 2}, "padding_edge"),
        (loop(RIGHT, "X.numpy()"), {"padding": 1}, "padding_forgotten"),
        (loop(RIGHT, PADDED("(0, padding)")), {"padding": 1}, "padding_one_side"),
        (loop(RIGHT, PADDED("2 * padding")), {"padding": 1}, "padding_doubled"),
        (loop(f"{RIGHT} * (v > 0)"), {}, "核的第 0 列没有用上"),
        (loop(f"{RIGHT} * 3"), {}, "每一项都多乘了 3"),
    ],
)
def test_a_difference_of_terms_has_a_name(answer, options, key):
    item, found, right, values = conv_terms(answer, **options)
    assert relate.explain(item, found, right, values) == [key]


def test_the_formulas_show_what_is_missing_and_superfluous():
    result = check.run("5.1-3", loop("Y[i, j] += X[i + u, j + v] * W[u, v] * (u + v < 2)"))
    assert "你的 `Y[0,0]` = `X[0,0]·W[0,0]" in result.message
    assert "少了：`X[1,1]·W[1,1]`" in result.message
    assert "<svg" in result._repr_html_() and "<rect" in result._repr_html_()
    assert "<svg" not in str(result)


def test_an_answer_that_is_not_linear_is_told():
    def my_avg_pool2d(X, size=(2, 2), stride=2):
        return paddle.nn.functional.avg_pool2d(X.abs(), size, stride)

    assert check.run("5.2-1", my_avg_pool2d).diagnosis == "not_linear"


def test_edits_of_a_right_answer_make_the_usual_mistakes():
    source = """
def my_area(height, width, scale=2):
    total = 0
    for i in range(height):
        total += width * scale
    return total
"""
    made = {words: function for _, words, function in mutate.mutants(source, "my_area")}
    results = {}
    for words, function in made.items():
        with contextlib.suppress(Exception):  # not every edit runs
            results[words] = function(3, 5)
    assert results["没有用上参数 `scale`（总当作 2）"] == 30  # the default: the same here
    assert results["少乘了 `scale`（`width * scale` 里只有 `width`）"] == 15
    assert 10 in [value for words, value in results.items() if "要用 += 累加" in words]
    assert all(re.search("[\u4e00-\u9fff]", words) for words in made)


def test_a_ready_made_operator_is_right_and_told():
    def my_conv2d(X, W, stride=1, padding=0):
        layer = paddle.nn.Conv2D(1, 1, W.shape, stride, padding, bias_attr=False)
        layer.weight.set_value(W.reshape([1, 1, *W.shape]))
        return layer(X.reshape([1, 1, *X.shape]))[0, 0]

    result = check.run("5.1-3", my_conv2d)
    assert result.passed and "`conv2d`" in result.message
    assert "现成" not in check.run("5.1-3", solution_of("5.1-3")).message


def test_random_answers_raise_no_false_alarm():
    """200 runs of the right answer with other generators each time."""
    item = check.exercise("5.5-2")
    answer = solution_of("5.5-2")
    for seed in range(0, 200 * 100, 100):
        case = item.cases[seed % len(item.cases)]
        images, padding = case.fresh("numpy")
        results = ch55_photos.augment_often(answer, images, padding, seed=seed)
        assert item.judge(results, images, padding) is None, seed


# -- what the student reads --------------------------------------------------------------------


def test_a_message_names_the_first_place_with_expected_and_got():
    def my_conv2d(X, W, stride=1, padding=0):
        return np.array([[25.0, 31], [43, 48]])

    result = check.run("5.1-3", my_conv2d)
    assert "第一处不同：`Y[1, 1]` 应为 49，得到 48" in result.message
    X, W, stride, padding = result.args
    assert (X.shape, W.shape, stride, padding) == ([3, 3], [2, 2], 1, 0)
    shown = check.run("5.1-3", lambda X, W, stride=1, padding=0: np.zeros((3, 2)))
    assert "Y 的形状应为 [2, 2]，得到 [3, 2]" in shown.message


def answer_raises(size, kernel, stride=1, padding=0):
    return size + undefined_name  # noqa: F821


def answer_exits(size, kernel, stride=1, padding=0):
    raise SystemExit(1)


def answer_recurses(size, kernel, stride=1, padding=0):
    return answer_recurses(size, kernel)


def answer_takes_nothing():
    return 1


def answer_returns_nothing(size, kernel, stride=1, padding=0):
    size + kernel


def answer_returns_text(size, kernel, stride=1, padding=0):
    return "30"


@pytest.mark.parametrize(
    ("answer", "diagnosis", "says"),
    [
        (answer_raises, "exception", "undefined_name"),
        (answer_exits, "exception", "exit(1)"),
        (answer_recurses, "exception", "RecursionError"),
        (answer_takes_nothing, "wrong_signature", "(size, kernel, stride, padding)"),
        (answer_returns_nothing, "no_return", "return"),
        (answer_returns_text, "wrong_type", "str"),
        (30, "not_callable", "int"),
    ],
)
def test_misbehaviour_gets_one_readable_line(answer, diagnosis, says):
    result = check.run("5.1-1", answer)
    assert (result.passed, result.diagnosis) == (False, diagnosis)
    assert says in result.message and "Traceback" not in result.message
    assert all(len(line) < 200 for line in result.lines)


def test_a_class_is_asked_for_where_the_exercise_is_one():
    for answer in (answer_raises, 30):
        result = check.run("5.2-3", answer)
        assert (result.passed, result.diagnosis) == (False, "not_a_class")
        assert "类" in result.message and "写函数" not in result.message
        assert type(answer).__name__ in result.message


def test_an_endless_answer_is_stopped(monkeypatch):
    monkeypatch.setattr(diagnose, "TIME_LIMIT", 0.3)

    def my_output_size(size, kernel, stride=1, padding=0):
        while True:
            with contextlib.suppress(Exception):
                time.sleep(0.01)

    begin = time.perf_counter()
    result = check.run("5.1-1", my_output_size)
    assert time.perf_counter() - begin < 5
    assert result.diagnosis == "too_slow" and "循环" in result.message


def test_the_limit_leaves_results_and_errors_alone():
    assert limited(5, lambda x: x + 1, 2) == 3
    with pytest.raises(ZeroDivisionError):
        limited(5, lambda: 1 / 0)
    for _ in range(50):  # a stop that comes as the function ends must not escape
        with contextlib.suppress(TimeoutError):
            limited(0.002, time.sleep, 0.002)
    time.sleep(0.01)


def test_a_limit_that_is_over_before_the_function_begins(monkeypatch):
    class LateThread(threading.Thread):
        def start(self):
            super().start()
            time.sleep(0.05)

    monkeypatch.setattr(threading, "Thread", LateThread)
    with pytest.raises(TimeoutError):
        limited(0.002, lambda: 1)
    time.sleep(0.5)  # a watcher left behind would stop this


def test_an_answer_that_changes_its_input_is_told():
    def my_class(X, size=(2, 2), stride=2):
        Y = paddle.nn.functional.avg_pool2d(X, size, stride)
        X[:] = 0
        return Y

    assert check.run("5.2-1", my_class).diagnosis == "input_changed"


def test_checking_touches_no_random_state():
    paddle.seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy(), paddle.rand([2]).numpy()  # noqa: NPY002
    paddle.seed(3)
    check.run("5.1-1", lambda *a: np.random.rand())  # noqa: NPY002
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert (paddle.rand([2]).numpy() == before[1]).all()


def test_an_unknown_exercise_is_refused_with_neighbours():
    with pytest.raises(ValueError, match=r"did you mean 5\.1-1, "):
        check.run("5.1-77", abs)
    with pytest.raises(ValueError, match="no chapter"):
        check.exercises("6.1")


# -- teachers ----------------------------------------------------------------------------------


def test_every_snippet_of_the_teachers_page_runs(monkeypatch):
    monkeypatch.setattr(registry, "_exercises", dict(registry._load()))
    page = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    assert len(snippets) >= 3
    names = {}
    for snippet in snippets:
        exec(compile(snippet, "docs/checks.md", "exec"), names)
    assert check.exercise("5.1-9").title in page


def test_the_teachers_page_lists_every_diagnosis():
    page = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    missing = [k for k, (name, _) in DIAGNOSES.items() if f"| `{k}` | {name} |" not in page]
    assert not missing


# -- notebooks ---------------------------------------------------------------------------------

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_of_the_notebook_are_those_of_the_definitions(path):
    notebook = nbformat.read(path, as_version=4)
    found = [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    wanted = check.notebook_cells(path.stem.partition("_")[0])
    assert [c["id"] for c in found] == [c["id"] for c in wanted]
    for cell, definition in zip(found, wanted, strict=True):
        assert cell.cell_type == definition["cell_type"]
        if "setup" in cell.metadata["tags"]:  # a notebook may name more there
            assert cell.source.startswith(definition["source"])
        else:
            assert cell.source == definition["source"]
    headings = [c for c in notebook.cells if c.source.startswith("## 动手练习")]
    assert len(headings) == 1
