"""Generated calls: each is right, or refused by name; and the judge itself can say no."""

import collections

import generated_calls
import numpy as np
import pytest
from generated_calls import Call, judge

from nndl.layers.window import output_size


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_generated_calls_are_right_or_refused_by_name():
    faults = []
    outcomes = generated_calls.calls(0, 720, seed=1, show=faults.append)
    assert not faults, "\n".join(faults)
    seen = collections.Counter(kind for kind, _ in outcomes)
    names = {kind.__name__ for kind in generated_calls.KINDS}
    assert set(seen) == names
    assert set(seen.values()) == {2}  # every kind had calls that were right and calls refused


def wrong_kernel():
    return output_size(3, kernel=5)


@pytest.mark.parametrize(
    ("run", "expected", "outcome"),
    [
        (lambda: 3, lambda: 3, "right"),
        (lambda: 3, lambda: 4, "silently wrong"),
        (lambda: np.ones(2), lambda: np.ones(3), "silently wrong"),
        (lambda: np.full(2, np.nan), lambda: np.full(2, np.nan), "silently wrong"),
        (lambda: [1, 2.0], lambda: [1, 2.0 + 1e-3], "silently wrong"),
        (lambda: 3, None, "accepted"),
        (wrong_kernel, None, "refused"),
        (wrong_kernel, lambda: 1, "refused for nothing"),
        (lambda: int("x"), None, "foreign error"),
    ],
)
def test_the_judge(run, expected, outcome):
    assert judge(Call("", run, expected))[0] == outcome


def test_a_call_can_be_repeated_by_its_number():
    assert generated_calls.generated(3, 41).text == generated_calls.generated(3, 41).text
    assert generated_calls.generated(3, 41).text != generated_calls.generated(4, 41).text
