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
from nndl.check.engine import diagnose
from nndl.check.engine.limit import limited
from nndl.check.engine.texts import DIAGNOSES, NAMES
from tests import bank

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = bank.everything()
EXERCISES = list(check.exercises())
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)


def label(answer):
    return f"{answer.exercise} {answer.where}"


def defined(exercise, source):
    return diagnose.load_source(source, exercise.name)


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


def test_nine_of_ten_wrong_answers_get_the_right_diagnosis(verdicts):
    wrong = [(a, r) for a, r in verdicts if r.diagnosis not in a.keys]
    for answer, result in wrong:
        print(f"{label(answer)}: expected {' or '.join(answer.keys)}, got {result.diagnosis}")
    assert len(wrong) <= 0.1 * len(verdicts)


def test_the_bank_is_large_and_covers_every_chapter():
    right = Counter(a.exercise for a in ANSWERS if a.right)
    wrong = Counter(a.exercise for a in ANSWERS if not a.right)
    assert right.total() >= 20 and wrong.total() >= 60
    written = {e.id for e in EXERCISES if e.chapter in ("5.1", "5.2", "5.3")}
    assert written <= set(right) and written <= set(wrong)
    assert len({a.source.strip() for a in ANSWERS}) == len(ANSWERS)


# -- every exercise ----------------------------------------------------------------------------


@each_exercise
def test_the_solution_passes(exercise):
    assert check.run(exercise.id, defined(exercise, exercise.solution)).passed


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
def test_no_mutant_is_right_and_each_has_a_chinese_name(exercise):
    """A mutant that equals the reference on all cases could never be diagnosed."""
    expected = [
        diagnose.outcome(exercise, exercise.reference, case) if exercise.reference else None
        for case in exercise.cases
    ]
    for key, _, mutant in exercise.mutants_flat():
        name, _ = diagnose.describe(key)
        assert re.search("[\u4e00-\u9fff]", name), key
        found = [diagnose.outcome(exercise, mutant, case) for case in exercise.cases]
        pairs = zip(found, expected, strict=True)
        if "+" not in key:  # two mistakes may hide one another
            assert not all(diagnose._same(f, e) for f, e in pairs), key


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
    monkeypatch.setattr(check, "_exercises", dict(check._load()))
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
    assert not set(NAMES) & set(DIAGNOSES)


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
