"""Callbacks on records written by hand, the feed's place, the progress line."""

import io
import math
import sys
from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from nndl.display import progress as progress_module
from nndl.display.progress import Progress
from nndl.runner.callbacks import Callback, EarlyStopping, LiveCurve
from nndl.runner.feed import Feed, inputs_and_labels, loader_length, sample_count, tensors


def stops_after(scores, **options):
    """After how many of these scores early stopping asks to stop; None if never."""
    callback, asked = EarlyStopping(**options), []
    for count in range(1, len(scores) + 1):
        runner = SimpleNamespace(
            monitored_values=lambda count=count: scores[:count],
            better=lambda value, best, by: value > best + by,
            stop=asked.append,
        )
        callback.on_evaluate(runner, 0, scores[count - 1], 1.0)
        if asked:
            return count
    return None


def test_early_stopping_counts_evaluations_without_a_better_score():
    assert stops_after([0.1, 0.2, 0.2, 0.1], patience=2) == 4
    assert stops_after([0.1, 0.2, 0.2, 0.3, 0.3], patience=2) is None
    assert stops_after([0.5, 0.5], patience=1) == 2
    assert stops_after([0.1, 0.15, 0.19, 0.3], patience=2, min_delta=0.1) == 3
    assert stops_after([math.nan, math.nan, math.nan], patience=3) == 3


@pytest.mark.parametrize(
    ("patience", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_early_stopping_refuses_what_cannot_be_counted(patience, error):
    with pytest.raises(error, match=r"patience must be .*got"):
        EarlyStopping(patience)


def test_the_protocol_does_nothing_by_itself():
    callback = Callback()
    assert callback.on_train_begin(None) is None
    assert callback.on_step_end(None, 0, 0.5) is None
    assert callback.on_evaluate(None, 0, 0.5, 0.5) is None
    assert callback.on_epoch_end(None, 0, 0.5) is None
    assert callback.on_train_end(None) is None


def test_the_live_curve_draws_the_records_and_leaves_pyplot_alone():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    curve = LiveCurve(seconds=0)
    runner = SimpleNamespace(train_step_losses=[(0, 2.0), (1, 1.0)], dev_losses=[(1, 1.5)])
    curve.on_train_begin(runner)
    curve.on_step_end(runner, 1, 1.0)
    assert curve.figure is None  # outside a notebook only the end is drawn
    curve.on_train_end(runner)
    (axes,) = curve.figure.axes
    train, dev = axes.lines
    assert list(train.get_ydata()) == [2.0, 1.0]
    assert list(dev.get_xydata()[0]) == [1, 1.5]
    assert plt.get_fignums() == before
    empty = LiveCurve()
    empty.on_train_end(SimpleNamespace(train_step_losses=[], dev_losses=[]))
    assert empty.figure is None


@pytest.mark.parametrize("mode", ["auto", False])
def test_no_bar_and_no_line_where_output_is_a_file(mode, capsys):
    with Progress(3, mode=mode) as bar:
        bar.step(0.5)
        bar.epoch("epoch 1")
        bar.print("said")
        bar.finish("summary")
    assert capsys.readouterr() == ("said\n", "")


def test_plain_lines_on_request(capsys):
    with Progress(3, mode=True) as bar:
        bar.step(0.5)
        bar.epoch("epoch 1")
    assert capsys.readouterr().out == "epoch 1\n"


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_one_line_that_is_wiped_at_the_end(monkeypatch):
    if progress_module.tqdm is None:
        pytest.skip("tqdm is not installed")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress(4, done=1) as bar:
        for _ in range(3):
            bar.step(0.12345)
        bar._bar.refresh()
        assert "4/4 steps" in screen.getvalue()
        assert "loss 0.1235" in screen.getvalue()
        bar.finish("summary")
    text = screen.getvalue()
    assert "\n" not in text.rstrip("\n")
    assert text.rsplit("\r", 1)[0].rsplit("\r", 1)[-1].strip() == ""  # blanks over the line


@pytest.mark.parametrize("mode", ["often", None, 3])
def test_another_mode_is_refused(mode):
    with pytest.raises(ValueError, match="progress must be 'auto', True or False, got"):
        Progress(3, mode=mode)


def test_what_counts_as_samples():
    X = paddle.zeros([5, 2])
    assert sample_count(X) == 5
    assert sample_count((("text", X), 3)) == 5
    assert sample_count(paddle.to_tensor(3.0), X) == 5
    assert sample_count("text", paddle.to_tensor(3.0)) is None


def test_arrays_become_tensors_at_any_depth():
    a, (b, text) = tensors((np.zeros(2), [np.ones(3), "as it is"]))
    assert isinstance(a, paddle.Tensor)
    assert b.tolist() == [1, 1, 1]
    assert text == "as it is"


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        (3, TypeError, r"must yield pairs \(X, y\), got 3"),
        ("ab", TypeError, "got str of 2"),
        ((1, 2, 3), TypeError, "got tuple of 3"),
        ((np.zeros((2, 3)), None), TypeError, "must yield y as a Tensor or an array, got NoneType"),
        (("text", np.zeros(2)), TypeError, "must yield X as a Tensor or an array, got str"),
        (
            (np.zeros((0, 3)), np.zeros(0)),
            ValueError,
            r"at least one sample, got X of shape \[0, 3",
        ),
        ((np.zeros((2, 3)), np.zeros(0)), ValueError, r"got y of shape \[0\]"),
    ],
)
def test_batches_that_are_none_are_named(batch, error, message):
    with pytest.raises(error, match=f"train_loader .*{message}"):
        inputs_and_labels(batch, "train_loader")


def test_loaders_need_a_length():
    assert loader_length("loader", [1, 2]) == 2
    message = r"iterable anew in every epoch, got list_iterator; use nndl\.BatchLoader"
    with pytest.raises(TypeError, match=message):
        loader_length("loader", iter([1]))
    with pytest.raises(ValueError, match="loader is empty: expected at least one batch"):
        loader_length("loader", [])


def test_a_place_of_another_kind_of_loader_is_refused():
    with pytest.raises(ValueError, match="another kind of loader"):
        Feed([1, 2]).restore({"loader": {}, "taken": 1})
    feed = Feed([1, 2, 3], 3)
    start = {"begin": None, "read": 0, "hidden": [], "taken": 0}
    assert feed.state() == start
    assert [(x, feed.at_the_end()) for x in feed.epoch()] == [(1, False), (2, False), (3, True)]
    assert feed.state() == start
    feed = Feed([1, 2])  # of a length that is not known
    assert [(x, feed.at_the_end()) for x in feed.epoch()] == [(1, False), (2, True)]
