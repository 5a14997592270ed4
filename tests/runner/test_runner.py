"""RunnerV3 against a loop written out here."""

import json

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

import nndl
from nndl import Accuracy, RunnerV3
from nndl.runner.callbacks import Callback, EarlyStopping, LiveCurve
from tests.training_cases import Points, assert_same_weights, batches, make_runner, network


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_trains_as_a_bare_loop_does():
    runner = make_runner(optimizer="Adam", rate=0.01)
    train = batches()
    runner.train(train, num_epochs=3, log_steps=0)

    nndl.seed_everything(3)
    model = network()
    optimizer = paddle.optimizer.Adam(0.01, parameters=model.parameters())
    losses, epochs = [], []
    for _ in range(3):
        weighted = 0.0
        for X, y in train:
            loss = F.cross_entropy(model(X), y)
            losses.append((len(losses), loss.item()))
            weighted += loss.item() * len(y)
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
        epochs.append(weighted / 70)
    assert_same_weights(runner.model, model)
    assert runner.train_step_losses == losses
    assert runner.train_epoch_losses == pytest.approx(epochs, rel=1e-12)
    assert (runner.steps_done, runner.epochs_done, runner.state) == (15, 3, "finished")
    assert runner.best_score == 0
    assert runner.dev_scores == []


def test_evaluation_weighs_by_sample_and_restores_modes():
    runner = make_runner(dropout=0.5)
    runner.model[2].train()
    runner.model[0].eval()
    dev = batches()
    score, loss = runner.evaluate(dev)
    X, y = (paddle.concat([batch[i] for batch in dev]) for i in (0, 1))
    assert [layer.training for layer in runner.model] == [False, True, True, True]
    logits = runner.predict(X)
    assert [layer.training for layer in runner.model] == [False, True, True, True]
    assert logits.stop_gradient
    assert loss == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-6)
    assert score == (logits.numpy().argmax(1) == y.numpy()).mean()
    assert runner.dev_losses == []  # only evaluations of a step are recorded
    runner.evaluate(dev, global_step=4)
    assert runner.dev_losses == [(4, loss)]
    assert runner.dev_scores == [score]
    np.testing.assert_array_equal(runner.predict(X.numpy()).numpy(), logits.numpy())


def test_modes_return_after_an_error():
    runner = make_runner()
    with pytest.raises(TypeError, match=r"must yield pairs \(X, y\)"):
        runner.evaluate([paddle.ones([2, 12])])
    assert runner.model.training


@pytest.mark.parametrize(
    ("eval_steps", "steps"),
    [(0, [4, 9]), (None, [4, 9]), (4, [4, 8, 9]), (3, [3, 6, 9]), (100, [9])],
)
def test_evaluations_and_always_the_last(eval_steps, steps):
    runner = make_runner()
    runner.train(batches(), batches(40, seed=1), num_epochs=2, log_steps=0, eval_steps=eval_steps)
    assert [step for step, _ in runner.dev_losses] == steps
    assert len(runner.dev_scores) == len(steps)
    assert runner.best_score == max(runner.dev_scores)


def test_the_book_s_log_lines(capsys):
    runner = make_runner()
    runner.train(
        batches(), batches(40, seed=1), num_epochs=2, log_steps=5, eval_steps=5,
        save_path="best.pdparams",
    )  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    (_, first), (_, sixth) = runner.train_step_losses[0], runner.train_step_losses[5]
    assert lines[0] == f"[Train] epoch: 0/2, step: 0/10, loss: {first:.5f}"
    assert lines[1] == f"[Train] epoch: 1/2, step: 5/10, loss: {sixth:.5f}"
    (_, loss), score = runner.dev_losses[0], runner.dev_scores[0]
    assert lines[2] == f"[Evaluate]  dev score: {score:.5f}, dev loss: {loss:.5f}"
    assert lines[3] == (
        f"[Evaluate] best accuracy performance has been updated: 0.00000 --> {score:.5f}"
    )
    assert lines[-1] == "[Train] Training done!"


def test_log_steps_zero_is_silent_and_progress_true_prints_epochs(capsys):
    make_runner().train(batches(), batches(), num_epochs=2, log_steps=0)
    assert capsys.readouterr() == ("", "")
    runner = make_runner()
    runner.train(batches(), num_epochs=2, log_steps=0, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"[Train] epoch: {i + 1}/2, mean loss: {loss:.5f}"
        for i, loss in enumerate(runner.train_epoch_losses)
    ]


def test_the_best_model_is_kept(tmp_path):
    runner = make_runner(rate=2.0, seed=6)
    seen = {}

    class Watch(Callback):
        def on_evaluate(self, runner, step, score, loss):
            seen[score] = seen.get(score) or [t.numpy() for t in runner.model.parameters()]

    runner.train(batches(), batches(40, 40, 1), num_epochs=6, log_steps=0, callbacks=[Watch()])
    assert runner.best_path.resolve() == tmp_path / "best_model.pdparams"
    runner.load_model()
    for tensor, array in zip(runner.model.parameters(), seen[runner.best_score], strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_the_first_evaluation_is_saved_even_with_score_zero():
    runner = make_runner(rate=1e-9)
    dev = [(X, (y + 1) % 3) for X, y in batches()]
    runner.metric = type("Zero", (Accuracy,), {"accumulate": lambda self: 0.0})()
    runner.train(batches(), dev, log_steps=0)
    assert runner.best_path.exists()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_before_it_reaches_the_weights(bad):
    runner = make_runner(rate=0.25)
    train = batches()
    factors = iter([1.0, 1.0, 1.0, bad])
    runner.loss_fn = lambda logits, y: F.cross_entropy(logits, y) * next(factors)
    with pytest.raises(RuntimeError) as error:
        runner.train(train, num_epochs=2, log_steps=0, checkpoint="run", checkpoint_steps=2)
    assert "at step 3 (epoch 0), learning rate 0.25" in str(error.value)
    assert "checkpoint.nndl, of step 2" in str(error.value)
    assert "grad_clip" in str(error.value)
    assert all(np.isfinite(t.numpy()).all() for t in runner.model.parameters())
    assert runner.state == "failed"
    again = make_runner(rate=0.25)
    again.train(batches(), num_epochs=2, log_steps=0, checkpoint="run", resume=True)
    assert again.steps_done == 10


def poisoned(number):
    """Batches with one nan among the inputs of one: on a CPU relu(nan) is 0 and hides it."""
    train = [(X.numpy(), y) for X, y in batches()]
    train[number][0][3, 5] = np.nan
    return train


def test_weights_that_are_no_numbers_stop_training_though_the_loss_is_one(tmp_path):
    runner = make_runner()
    with pytest.raises(RuntimeError, match=r"training stopped\. There is no checkpoint"):
        runner.train(poisoned(2), batches(), num_epochs=3, log_steps=0)
    assert np.isnan(runner.model[0].weight.numpy()).any()
    assert runner.state == "failed" and not (tmp_path / "best_model.pdparams").exists()
    runner = make_runner()
    with pytest.raises(RuntimeError, match=r"training stopped.*checkpoint\.nndl, of step 2"):
        runner.train(poisoned(2), log_steps=0, checkpoint="run", checkpoint_steps=2)
    runner.load_model("run/checkpoint.nndl")
    assert np.isfinite(runner.model[0].weight.numpy()).all()


def test_a_last_step_that_spoils_the_weights_is_no_finish():
    runner = make_runner()
    with pytest.raises(RuntimeError, match=r"0\.weight holds nan or infinity after 5 steps"):
        runner.train(poisoned(4), log_steps=0)
    runner = make_runner()
    stop = type("Stop", (Callback,), {"on_step_end": lambda self, runner, *_: runner.stop()})
    with pytest.raises(RuntimeError, match="weight holds nan or infinity after 1 steps"):
        runner.train(poisoned(0), log_steps=0, callbacks=[stop()])


def test_a_mask_of_infinities_is_no_fault():
    runner = make_runner()
    runner.model.register_buffer("mask", paddle.full([3, 3], -np.inf))
    runner.train(batches(), batches(), log_steps=0)
    assert runner.state == "finished"


def test_gradients_from_before_are_none_of_the_run_s(tmp_path):
    whole, other = make_runner(optimizer="Momentum"), make_runner(optimizer="Momentum")
    whole.train(batches(), num_epochs=2, log_steps=0)
    X, y = batches()[3]
    F.cross_entropy(other.model(X), y).backward()
    other.train(batches(), num_epochs=2, log_steps=0)
    assert other.train_step_losses == whole.train_step_losses

    failures = iter([0, 0, 0, 1])

    def log(runner):
        if next(failures, 0):
            raise OSError("disk full")

    again = make_runner(optimizer="Momentum")
    options = dict(num_epochs=2, log_steps=0, checkpoint="run", checkpoint_steps=1)
    with pytest.raises(OSError, match="disk full"):
        again.train(batches(), custom_print_log=log, **options)
    again.train(batches(), custom_print_log=log, resume=True, **options)
    assert again.train_step_losses == whole.train_step_losses


def test_training_that_would_train_nothing_is_refused():
    other, frozen, detached, outside = (make_runner() for _ in range(4))
    other.model = network()
    with pytest.raises(ValueError, match=r"no trainable parameter of the model.*Make the opt"):
        other.train(batches(), log_steps=0)
    for parameter in frozen.model.parameters():
        parameter.stop_gradient = True
    detached.loss_fn = lambda logits, y: F.cross_entropy(logits.detach(), y)
    for runner in (frozen, detached):
        with pytest.raises(ValueError, match="leads back to no trainable parameter"):
            runner.train(batches(), log_steps=0)
    with paddle.no_grad(), pytest.raises(ValueError, match=r"outside of paddle\.no_grad"):
        outside.train(batches(), log_steps=0)


def test_what_the_optimizer_leaves_out_is_named_where_it_can_be_told(capsys):
    def said(make):
        model = network()
        RunnerV3(model, make(model), F.cross_entropy).train(batches(), log_steps=0)
        return capsys.readouterr().out

    sgd = paddle.optimizer.SGD

    class Wrapper:  # with a part of its own that nobody can know
        def __init__(self, model):
            self.inner, self.rest = sgd(0.1, parameters=[model[0].bias]), model.parameters()

        def step(self):
            self.inner.step()

        def clear_grad(self):
            self.inner.clear_grad()

        def get_lr(self):
            return 0.1

    def head_only(model):
        for parameter in model[0].parameters():
            parameter.stop_gradient = True
        return sgd(0.1, parameters=model[3].parameters())

    line = "[Train] not in the optimizer, so not trained: 3.weight, 3.bias. If"
    assert said(lambda m: sgd(0.1, parameters=m[0].parameters())).startswith(line)
    groups = lambda m: [{"params": m[i].parameters()} for i in (0, 3)]  # noqa: E731
    for quiet in (
        lambda m: paddle.incubate.LookAhead(sgd(0.1, parameters=m.parameters())),
        lambda m: sgd(0.1, parameters=groups(m)),
        Wrapper,
        head_only,
    ):
        assert said(quiet) == ""


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, lambda o, y: ((o - y) ** 2).mean()])
def test_outputs_of_all_against_labels_of_all_are_refused(loss):
    X, y = paddle.randn([8, 12]), paddle.randn([8])
    model = paddle.nn.Linear(12, 1)
    sgd = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    message = r"outputs \[8, 1\] and y \[8\] are broadcast.*reshape\(outputs\.shape\)"
    with pytest.raises(ValueError, match=message):
        RunnerV3(model, sgd, loss).train([(X, y)], log_steps=0)
    with pytest.raises(ValueError, match=message):
        RunnerV3(model, sgd, loss).evaluate([(X, y)])
    # A loss that brings the shapes together itself is right, and is left alone.
    right = float(((model(X).numpy()[:, 0] - y.numpy()) ** 2).mean())
    for fits, labels in (
        (lambda o, y: F.mse_loss(o.squeeze(-1), y), y),
        (lambda o, y: F.mse_loss(o, y.reshape(o.shape)), y),
        (F.mse_loss, y.unsqueeze(-1)),
    ):
        assert RunnerV3(model, sgd, fits).evaluate([(X, labels)])[1] == pytest.approx(right)
    one = RunnerV3(model, sgd, loss).evaluate([(X[:1], y[:1])])[1]
    assert one == pytest.approx(float(loss(model(X[:1])[:, 0], y[:1])))


@pytest.mark.parametrize("error", [OSError("disk"), NameError("nme"), ValueError("of the user")])
def test_errors_of_the_loss_s_own_pass_as_they_are(error):
    def loss(logits, y):
        raise error

    runner = make_runner()
    runner.loss_fn = loss
    with pytest.raises(type(error)) as caught:
        runner.train(batches(), log_steps=0)
    assert caught.value is error


def test_training_twice_says_so_and_goes_on_only_when_asked(capsys):
    runner, whole = make_runner(optimizer="Adam"), make_runner(optimizer="Adam")
    whole.train(batches(), batches(), num_epochs=3, log_steps=0, save_path="whole.pdparams")
    nndl.seed_everything(3)
    runner.train(batches(), batches(), num_epochs=2, log_steps=0)
    runner.train(batches(), batches(), num_epochs=2, log_steps=0)
    assert runner.steps_done == 10
    text = capsys.readouterr().out
    assert "already trained 2 epochs (10 steps); nothing was trained now" in text
    assert "resume=True" in text
    runner.train(batches(), batches(), num_epochs=2, log_steps=0, resume=True)
    assert "already trained 2 epochs" in capsys.readouterr().out
    runner.train(batches(), batches(), num_epochs=3, log_steps=0, resume=True)
    assert_same_weights(runner.model, whole.model)
    assert runner.train_step_losses == whole.train_step_losses


def test_going_on_with_other_weights_is_refused():
    runner = make_runner()
    runner.train(batches(), batches(), log_steps=0)
    runner.load_model()
    with pytest.raises(RuntimeError, match="other weights were loaded"):
        runner.train(batches(), num_epochs=2, resume=True)


def test_schedulers_step_per_step_per_epoch_or_not():
    def steps(**options):
        scheduler = paddle.optimizer.lr.StepDecay(0.1, step_size=1, gamma=0.5)
        make_runner(rate=scheduler).train(batches(), num_epochs=2, log_steps=0, **options)
        return scheduler.last_epoch

    assert steps() == 10
    assert steps(scheduler_step="epoch") == 2
    assert steps(scheduler_step=None) == 0


def test_plateau_scheduler_sees_the_dev_loss():
    scheduler = paddle.optimizer.lr.ReduceOnPlateau(0.1, factor=0.5, patience=0, threshold=1e9)
    runner = make_runner(rate=scheduler)
    runner.train(batches(), batches(), num_epochs=3, log_steps=0)
    assert scheduler.last_lr == pytest.approx(0.1 * 0.5**2)  # the first evaluation sets the mark


def test_plateau_scheduler_that_waits_for_more_sees_the_score():
    def rate(**options):
        return paddle.optimizer.lr.ReduceOnPlateau(
            0.1, factor=0.5, patience=0, threshold=0, threshold_mode="abs", **options
        )

    def by_hand(values):
        """Paddle's rule: larger than the best so far, or half the rate."""
        best, expected = values[0], 0.1
        for value in values[1:]:
            best, expected = (value, expected) if value > best else (best, expected / 2)
        return pytest.approx(expected)

    runner = make_runner(rate=rate(mode="max"))
    runner.train(batches(), batches(), num_epochs=4, log_steps=0)
    assert runner.optimizer.get_lr() == by_hand(runner.dev_scores)
    assert runner.optimizer.get_lr() != by_hand([loss for _, loss in runner.dev_losses])
    with pytest.raises(ValueError, match="ReduceOnPlateau needs a dev_loader"):
        make_runner(rate=rate()).train(batches(), log_steps=0)
    make_runner(rate=rate()).train(batches(), log_steps=0, scheduler_step=None)
    model = network()
    sgd = paddle.optimizer.SGD(rate(mode="max"), parameters=model.parameters())
    with pytest.raises(ValueError, match="needs a metric, whose score it gets"):
        RunnerV3(model, sgd, F.cross_entropy).train(batches(), batches(), log_steps=0)


def test_records_are_strict_json_and_paths_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    runner = make_runner()
    runner.train(batches(), batches(), log_steps=0, save_path="~/best.pdparams", checkpoint="~/run")
    runner.load_model("~/best.pdparams")
    runner.load_model()
    runner.save_model("~/again.pdparams")
    runner.dev_losses[-1] = (4, float("nan"))
    runner.save_records("~/R.JSON")
    runner.save_records("~/R.CSV")
    found = sorted(path.name for path in (tmp_path / "home").iterdir())
    assert found == ["R.CSV", "R.JSON", "again.pdparams", "best.pdparams", "run"]
    assert (tmp_path / "home" / "run" / "checkpoint.nndl").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]

    def refuse(token):
        raise AssertionError(token)

    rows = json.loads((tmp_path / "home" / "R.JSON").read_text(), parse_constant=refuse)
    assert [row.get("dev_loss", 0) for row in rows] == [0, 0, 0, 0, None]


def test_gradient_clipping_of_the_optimizer_is_kept():
    clip = paddle.nn.ClipGradByGlobalNorm(1e-3)
    runner = make_runner(rate=1.0, grad_clip=clip)
    before = [t.numpy().copy() for t in runner.model.parameters()]
    runner.train(batches(16), log_steps=0)
    moved = [t.numpy() - b for t, b in zip(runner.model.parameters(), before, strict=True)]
    assert np.sqrt(sum((m**2).sum() for m in moved)) == pytest.approx(1e-3, rel=1e-4)


def test_early_stopping_evaluates_and_says_why(capsys):
    runner = make_runner(rate=1e-12)
    runner.train(batches(), batches(), num_epochs=9, log_steps=1, early_stopping=2)
    assert runner.epochs_done == 3
    assert "no better dev score in 2 evaluations" in capsys.readouterr().out
    runner.train(batches(), batches(), num_epochs=9, resume=True)
    assert runner.epochs_done == 3
    assert "was stopped" in capsys.readouterr().out


def test_callbacks_in_order_and_stopping():
    calls = []

    class Record(Callback):
        def on_train_begin(self, runner):
            calls.append("begin")

        def on_step_end(self, runner, step, loss):
            calls.append(("step", step))
            assert runner.train_step_losses[-1] == (step, loss)
            if step == 6:
                runner.stop("seen enough")

        def on_evaluate(self, runner, step, score, loss):
            calls.append(("evaluate", step))

        def on_epoch_end(self, runner, epoch, loss):
            calls.append(("epoch", epoch))

        def on_train_end(self, runner):
            calls.append("end")

    runner = make_runner()
    runner.train(batches(), batches(), num_epochs=4, log_steps=0, callbacks=[Record(), object()])
    steps = [("step", i) for i in range(7)]
    assert calls == [
        "begin", *steps[:5], ("epoch", 0), ("evaluate", 4), *steps[5:], ("evaluate", 6), "end",
    ]  # fmt: skip
    assert runner.state == "finished"


def test_mixed_precision_where_there_is_none_changes_nothing():
    if paddle.get_device().startswith("gpu"):
        pytest.skip("here it changes something")
    plain, auto = make_runner(), make_runner()
    plain.train(batches(), num_epochs=2, log_steps=0)
    auto.train(batches(), num_epochs=2, log_steps=0, amp="auto")
    assert_same_weights(plain.model, auto.model)


def test_frozen_layers_stay_frozen():
    runner = make_runner(dropout=0.5)
    runner.model[2].eval()
    runner.train(batches(), batches(), log_steps=0)
    assert not runner.model[2].training
    assert runner.model.training


def test_live_curve_holds_a_figure_outside_a_notebook():
    curve = LiveCurve()
    make_runner().train(batches(), batches(), log_steps=0, callbacks=[curve])
    (axes,) = curve.figure.axes
    assert axes.get_xlabel() == "step"
    assert len(axes.lines[0].get_xdata()) == 5


def test_every_sample_counts_once_from_any_loader():
    data = Points(50)
    for loader in (
        paddle.io.DataLoader(data, batch_size=16),
        nndl.BatchLoader(data, 16, shuffle=True, seed=1),
    ):
        runner = make_runner()
        score, loss = runner.evaluate(loader)
        logits = runner.predict(data.X)
        assert score == (logits.numpy().argmax(1) == data.y).mean()
        expected = F.cross_entropy(logits, paddle.to_tensor(data.y)).item()
        assert loss == pytest.approx(expected, rel=1e-6)


DOOR = {
    "no epochs": (dict(num_epochs=0), ValueError, "num_epochs must be at least 1"),
    "half epochs": (dict(num_epochs=1.5), TypeError, "num_epochs must be an integer"),
    "log": (dict(log_steps=-1), ValueError, "log_steps"),
    "eval without dev": (dict(eval_steps=5), ValueError, "needs a dev_loader"),
    "eval": (dict(eval_steps=-5), ValueError, "eval_steps"),
    "scheduler": (dict(scheduler_step="daily"), ValueError, "scheduler_step"),
    "patience": (dict(early_stopping=0), ValueError, "early_stopping must be at least 1, got 0"),
    "patience, no dev": (dict(early_stopping=2), ValueError, "early stopping needs a dev_loader"),
    "patience, called": (dict(callbacks=[EarlyStopping(2)]), ValueError, "needs a dev_loader"),
    "progress": (dict(progress="often"), ValueError, "progress must be"),
    "amp": (dict(amp=True), ValueError, "needs a GPU"),
    "amp word": (dict(amp="O3"), ValueError, "amp must be"),
    "typo": (dict(num_epoch=5), TypeError, "no argument 'num_epoch'; did you mean num_epochs"),
    "generator": (dict(train_loader=iter([])), TypeError, "iterable anew"),
    "empty": (dict(train_loader=[]), ValueError, "train_loader is empty"),
    "empty dev": (dict(dev_loader=[]), ValueError, "dev_loader is empty"),
    "triple": (dict(train_loader=[(1, 2, 3)]), TypeError, r"pairs \(X, y\), got tuple of 3"),
    "path": (dict(save_path=3), TypeError, "save_path must be a path, got 3"),
    "run": (dict(checkpoint=3), TypeError, "checkpoint must be a path, got 3"),
    "callbacks": (dict(callbacks=Callback()), TypeError, "callbacks must be a list or tuple"),
    "log function": (dict(custom_print_log=3), TypeError, "custom_print_log must be a function"),
    "folder": (dict(dev_loader=[0], save_path="."), RuntimeError, "it is a folder"),
}


@pytest.mark.parametrize("name", DOOR)
def test_wrong_arguments_are_refused_at_the_door(name):
    options, error, message = DOOR[name]
    runner = make_runner()
    with pytest.raises(error, match=message):
        runner.train(**{"train_loader": batches(), "log_steps": 0, **options})


def test_wrong_parts_are_refused_at_the_door():
    model = network()
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    with pytest.raises(TypeError, match=r"paddle\.nn\.Layer, got str"):
        RunnerV3("model", optimizer, F.cross_entropy)
    with pytest.raises(TypeError, match="loss_fn must be callable"):
        RunnerV3(model, optimizer, "mse")
    with pytest.raises(TypeError, match="of its own"):
        RunnerV3(model, optimizer, F.cross_entropy, model_path=1, train=2)
    runner = RunnerV3(model, optimizer, F.cross_entropy, vocabulary=["a"])
    assert runner.vocabulary == ["a"]
    with pytest.raises(ValueError, match="needs a metric"):
        runner.train(batches(), batches(), train_scores=True)
    for wrong, message in ((Accuracy, "write Accuracy()"), ("accuracy", "like nndl.Accuracy()")):
        with pytest.raises(TypeError, match=message):
            RunnerV3(model, optimizer, F.cross_entropy, wrong)
    for options in ({"monitor": "f1"}, {"mode": "up"}, {"loss_average": "epoch"}):
        with pytest.raises(ValueError, match=r"must be .*, got '(f1|up|epoch)'"):
            RunnerV3(model, optimizer, F.cross_entropy, Accuracy(), **options)
    runner.loss_fn = lambda logits, y: logits
    with pytest.raises(TypeError, match=r"one number.*got \[16, 3\]"):
        runner.train(batches())


def test_a_loader_that_lies_about_its_length_is_named():
    class Lying(list):
        def __len__(self):
            return self.length

    for length, message in ((9, "ended after 5 batches"), (3, "yields more batches")):
        train = Lying(batches())
        train.length = length
        with pytest.raises(RuntimeError, match=message):
            make_runner().train(train, log_steps=0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y: (X, y + 3), r"y int64 \[16\] from 3 to 5"),
        (lambda X, y: (X, y[:5]), r"outputs float32 \[16, 3\] and y int64 \[5\]"),
        (
            lambda X, y: (X[:, :7], y),
            r"the model cannot work with what it got, X float32 \[16, 7\]",
        ),
        (lambda X, y: (X.astype("int64"), y), r"the model cannot work .*, X int64 \[16, 12\]"),
        (lambda X, y: (X, y.astype("float32")), r"the gradient of .* y float32 \[16\]"),
    ],
)
def test_what_paddle_cannot_compute_is_named_with_shapes(spoil, message):
    runner = make_runner()
    with pytest.raises(ValueError, match=message) as error:
        runner.train([spoil(*batches()[0])], log_steps=0)
    assert len(str(error.value)) < 500  # not Paddle's call stack
    assert runner.state == "failed"


def test_errors_of_the_model_s_own_pass_as_they_are():
    class Own(paddle.nn.Layer):
        def forward(self, X):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        RunnerV3(Own(), None, F.cross_entropy, Accuracy()).evaluate(batches())


NOTEBOOK = """
import sys
sys.path[:0] = [{root!r}]
import nndl
from tests.training_cases import batches, make_runner
from nndl.runner.callbacks import Callback, LiveCurve
runner = make_runner()
runner.train(batches(), batches(), num_epochs=2, log_steps={log_steps}, callbacks=[LiveCurve()])
"""


def test_a_notebook_keeps_one_clean_line_and_one_figure(request):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    cell = nbformat.v4.new_code_cell(
        NOTEBOOK.format(root=str(request.config.rootpath), log_steps=0)
    )
    book = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    line, figure = book.cells[0].outputs
    assert line.output_type == "display_data"
    assert line.data["text/plain"].startswith("2 epochs · 10 steps · best dev accuracy 0.")
    assert list(line.data) == ["text/plain"]
    assert figure.data["text/plain"] == "losses during training"
    assert len(figure.data["image/png"]) > 1000
