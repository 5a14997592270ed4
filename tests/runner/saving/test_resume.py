"""Runs that are interrupted or killed end as if nothing had happened."""

import os
import signal

import numpy as np
import paddle
import pytest
import robustness

import nndl
from nndl import BatchLoader
from nndl.runner.callbacks import Callback
from nndl.runner.feed import Feed
from nndl.runner.saving.resume import from_json, generator_states, restore_generators, to_json
from tests.training_cases import Points, assert_same_run, batches, make_runner


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Press(Callback):
    """Presses Ctrl-C after a step."""

    def __init__(self, step, times=1):
        self.step, self.times = step, times

    def on_step_end(self, runner, step, loss):
        if step == self.step:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


def shuffled_batches():
    return BatchLoader(Points(70), 16, shuffle=True, augment=lambda X, rng: X + rng.normal())


def paddle_batches():
    return paddle.io.DataLoader(Points(70), batch_size=16, shuffle=True)


class Drawing:
    """A loader of the user's that draws its order from NumPy's global generator as it goes."""

    def __len__(self):
        return 5

    def __iter__(self):
        for _ in range(5):
            X = np.random.normal(size=(16, 12)).astype("float32")  # noqa: NPY002
            yield X, X[:, :3].argmax(axis=1)


LOADERS = {"own": shuffled_batches, "paddle": paddle_batches, "list": batches, "drawing": Drawing}
SETTINGS = {
    "momentum": lambda: {
        "optimizer": "Momentum",
        "rate": paddle.optimizer.lr.OneCycleLR(0.1, total_steps=15),
    },
    "adam": lambda: {"optimizer": "Adam", "rate": 0.01},
    "adamw": lambda: {
        "optimizer": "AdamW",
        "rate": paddle.optimizer.lr.LinearWarmup(
            paddle.optimizer.lr.ReduceOnPlateau(0.01, patience=0), 4, 0.001, 0.01
        ),
    },
}


def run(setting, loader, steps=(), checkpoint="run"):
    """Train three epochs, interrupted after `steps`, each time going on with new objects."""
    for step in (*steps, None):
        runner = make_runner(seed=4, dropout=0.4, **SETTINGS[setting]())
        runner.train(
            LOADERS[loader](),
            batches(40, seed=1),
            num_epochs=3,
            eval_steps=4,
            log_steps=0,
            checkpoint=checkpoint,
            resume=bool(steps),
            callbacks=[Press(step)],
            scheduler_step="epoch" if setting == "adamw" else "step",
        )
    return runner


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("steps", [(6,), (0, 4, 5, 13)])
def test_interrupted_runs_end_identically(setting, loader, steps, capsys):
    whole = run(setting, loader, checkpoint="whole")
    parts = run(setting, loader, steps)
    assert_same_run(parts, whole)
    assert parts.optimizer.get_lr() == whole.optimizer.get_lr()
    text = capsys.readouterr().out
    assert text.count("interrupted after step") == len(steps)
    assert "train(..., resume=True)" in text
    assert str(os.getcwd()) not in text


def test_going_on_in_memory_without_a_checkpoint(capsys):
    whole, runner = (make_runner(seed=4, dropout=0.4, optimizer="Adam") for _ in range(2))
    nndl.seed_everything(5)
    whole.train(shuffled_batches(), batches(), num_epochs=3, log_steps=0)
    nndl.seed_everything(5)
    loader = shuffled_batches()
    runner.train(loader, batches(), num_epochs=3, log_steps=0, callbacks=[Press(7)], overwrite=True)
    assert runner.state == "interrupted"
    assert runner.steps_done == 8
    runner.train(loader, batches(), num_epochs=3, log_steps=0)
    assert runner.steps_done == 8
    assert "was interrupted after 1 epochs (8 steps); nothing was trained now" in (
        capsys.readouterr().out
    )
    runner.evaluate(loader)  # looking at other things meanwhile changes nothing
    np.random.normal(size=3)  # noqa: NPY002
    paddle.rand([3])
    runner.train(loader, batches(), num_epochs=3, log_steps=0, resume=True)
    assert_same_run(runner, whole)


def test_the_signal_handler_returns():
    before = signal.getsignal(signal.SIGINT)
    make_runner().train(batches(), log_steps=0, callbacks=[Press(1)])
    assert signal.getsignal(signal.SIGINT) is before


def test_pressing_twice_stops_at_once_and_the_checkpoint_stands(capsys):
    whole = make_runner(optimizer="Adam")
    whole.train(batches(), batches(), num_epochs=2, log_steps=0, checkpoint="whole")
    runner = make_runner(optimizer="Adam")
    options = {"num_epochs": 2, "log_steps": 0, "checkpoint": "run", "checkpoint_steps": 2}
    runner.train(batches(), batches(), **options, callbacks=[Press(4, times=2)])
    assert runner.state == "failed"
    assert "in the middle of a step. To go on from step 4" in capsys.readouterr().out
    runner.train(batches(), batches(), **options)
    assert "ended with an error" in capsys.readouterr().out
    runner.train(batches(), batches(), **options, resume=True)
    assert_same_run(runner, whole)


def test_a_finished_run_says_so_and_hands_back_its_results(capsys):
    first = make_runner()
    first.train(batches(), batches(), num_epochs=2, log_steps=0, checkpoint="run", resume=True)
    again = make_runner(seed=9)
    again.train(batches(), batches(), num_epochs=2, log_steps=0, checkpoint="run", resume=True)
    assert_same_run(again, first)
    again.load_model()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[Train] there is nothing to go on from in run: starting at the beginning."
    assert "already trained 2 epochs (10 steps); nothing was trained now" in lines[1]
    # The same runner, with its best weights loaded, is not touched either.
    best = again.model[0].weight.numpy()
    again.train(batches(), batches(), num_epochs=2, log_steps=0, checkpoint="run", resume=True)
    np.testing.assert_array_equal(again.model[0].weight.numpy(), best)


def test_a_new_run_in_the_same_folder_keeps_the_old_one(tmp_path, capsys):
    for _ in range(2):
        make_runner().train(batches(), batches(), log_steps=0, checkpoint="run")
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == [
        "best_model.pdparams", "best_model.pdparams.bak",
        "checkpoint.nndl", "checkpoint.nndl.bak",
    ]  # fmt: skip
    assert "run/checkpoint.nndl was of another run" in capsys.readouterr().out


def test_what_does_not_fit_the_checkpoint_is_refused():
    make_runner(optimizer="Adam").train(
        batches(), log_steps=0, checkpoint="run", callbacks=[Press(2)]
    )

    def go_on(loader=None, **options):
        make_runner(**{"optimizer": "Adam", **options}).train(
            loader or batches(), log_steps=0, checkpoint="run", resume=True
        )

    with pytest.raises(ValueError, match="had 5 batches an epoch, this train_loader has 3"):
        go_on(batches(40))
    with pytest.raises(ValueError, match="with the optimizer Adam, this run has Momentum"):
        go_on(optimizer="Momentum")
    with pytest.raises(ValueError, match="with the scheduler None, this run has NoamDecay"):
        go_on(rate=paddle.optimizer.lr.NoamDecay(8, 10))
    with pytest.raises(ValueError, match="another kind of loader"):
        go_on(shuffled_batches())
    go_on()


def test_another_learning_rate_than_the_checkpoint_s_is_said(capsys):
    def go_on(rate, folder="run", **options):
        runner = make_runner(rate=rate)
        runner.train(batches(), log_steps=0, checkpoint=folder, resume=True, **options)
        return runner, capsys.readouterr().out

    go_on(0.1, callbacks=[Press(2)])
    runner, said = go_on(0.001, callbacks=[Press(3)])
    assert "learning rate 0.1 of the checkpoint, not 0.001; a callback" in said
    assert runner.optimizer.get_lr() == 0.1
    assert "learning rate" not in go_on(0.1)[1]
    schedule = paddle.optimizer.lr.ExponentialDecay
    options = dict(folder="scheduled", num_epochs=3)
    go_on(schedule(0.1, 0.9), **options, callbacks=[Press(6)])
    assert "learning rate" not in go_on(schedule(0.1, 0.9), **options, callbacks=[Press(7)])[1]
    assert "learning rate 0.1 of the" in go_on(schedule(0.02, 0.9), **options)[1]


def test_callbacks_keep_their_state():
    class Count(Press):
        seen = 0

        def on_step_end(self, runner, step, loss):
            self.seen += 1
            super().on_step_end(runner, step, loss)

        def state_dict(self):
            return {"seen": self.seen, "array": np.arange(3.0), "pair": (1, None)}

        def load_state_dict(self, state):
            assert state["pair"] == (1, None)
            assert state["array"].tolist() == [0.0, 1.0, 2.0]
            self.seen = state["seen"]

    for step, seen in ((6, 7), (None, 10)):
        count = Count(step)
        make_runner().train(
            batches(), num_epochs=2, log_steps=0, checkpoint="run", resume=True, callbacks=[count]
        )
        assert count.seen == seen


def test_early_stopping_counts_across_an_interruption():
    for step in (7, None):
        runner = make_runner(rate=1e-12)
        runner.train(
            batches(), batches(), num_epochs=9, log_steps=0, checkpoint="run", resume=True,
            early_stopping=3, callbacks=[Press(step)],
        )  # fmt: skip
    assert runner.epochs_done == 4


def test_generators_return_to_their_states():
    import random

    nndl.seed_everything(1)
    paddle.rand([5])
    state = from_json(to_json(generator_states()))
    drawn = random.random(), np.random.rand(), paddle.rand([4]).numpy()  # noqa: NPY002
    restore_generators(state)
    again = random.random(), np.random.rand(), paddle.rand([4]).numpy()  # noqa: NPY002
    assert drawn[:2] == again[:2]
    np.testing.assert_array_equal(drawn[2], again[2])


@pytest.mark.parametrize("name", ["own", "paddle", "drawing"])
def test_a_feed_goes_on_with_the_very_next_batch(name):
    nndl.seed_everything(2)
    feed = Feed(LOADERS[name](), 5)
    iterator = feed.epoch()
    for _ in range(3):
        next(iterator)
    place, generators = from_json(to_json(feed.state())), generator_states()
    rest = [np.asarray(X) for X, _ in (*iterator, *feed.epoch())]
    again = Feed(LOADERS[name](), 5)
    restore_generators(generators)
    again.restore(place)
    found = [np.asarray(X) for X, _ in (*again.epoch(), *again.epoch())]
    assert len(rest) == len(found) == 7
    for a, b in zip(rest, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="got object"):
        to_json({"state": object()})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "kill"),
    [
        ("lenet-momentum", "write:7"),
        ("lenet-adam", "backward:8"),
        ("lenet-adam", "rename:3"),
        pytest.param("resnet18-adam", "evaluate:6", marks=pytest.mark.long),
    ],
)
def test_killed_runs_end_identically(tmp_path, case, kill):
    whole = robustness.in_process(case, tmp_path / "whole")
    assert robustness.in_process(case, tmp_path / "run", kill) is None
    assert robustness.in_process(case, tmp_path / "run") == whole
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "best_model.pdparams",
        "checkpoint.nndl",
    ]
