"""Call patterns of the book's chapters 5 to 8 and of students' projects, written anew."""

import csv
import json
import sys
import types

import numpy as np
import paddle
import paddle.nn as nn
import paddle.nn.functional as F
import pytest

import nndl
from nndl import Accuracy, RunnerV3, plot
from nndl.metric import PrecisionRecallF1
from nndl.runner.callbacks import EarlyStopping, VisualDL
from tests.training_cases import batches, make_runner, network


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nndl.seed_everything(0)


def adam(model, rate=0.02):
    return paddle.optimizer.Adam(rate, parameters=model.parameters())


class Sequences(paddle.io.Dataset):
    """Token sequences of different lengths, cut and padded by a collate function."""

    def __init__(self, count=48):
        rng = np.random.default_rng(0)
        self.words = [rng.integers(2, 12, rng.integers(3, 9)) for _ in range(count)]
        self.labels = [int((w > 6).sum() * 2 > len(w)) for w in self.words]

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        return self.words[i], self.labels[i]


def collate(samples):
    lengths = np.array([len(words) for words, _ in samples])
    tokens = np.zeros((len(samples), lengths.max()), "int64")
    for row, (words, _) in zip(tokens, samples, strict=True):
        row[: len(words)] = words
    return (tokens, lengths), np.array([[label] for _, label in samples])


class BagOfWords(nn.Layer):
    """Takes a pair (tokens, lengths), as the book's recurrent and attention models do."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.out = nn.Embedding(12, 8), nn.LSTM(8, 8), nn.Linear(8, 2)

    def forward(self, inputs):
        tokens, lengths = inputs
        states, _ = self.lstm(self.embedding(tokens), sequence_length=lengths)
        mask = (paddle.arange(tokens.shape[1]) < lengths.unsqueeze(1)).astype("float32")
        return self.out((states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True))


def test_packed_inputs_sequences_and_labels_of_one_column():
    loader = paddle.io.DataLoader(Sequences(), batch_size=16, shuffle=True, collate_fn=collate)
    model = BagOfWords()
    runner = RunnerV3(model, adam(model), F.cross_entropy, Accuracy())
    norms = []
    runner.train(
        loader, loader, num_epochs=25, eval_steps=15, log_steps=0, save_path="words.pdparams",
        custom_print_log=lambda r: norms.append(float(r.model.out.weight.grad.norm())),
    )  # fmt: skip
    assert len(norms) == 75
    assert min(norms) > 0
    assert runner.best_score > 0.9
    runner.load_model("words.pdparams")
    assert runner.evaluate(loader)[0] == runner.best_score
    X, _ = next(loader())
    assert runner.predict(X).shape == [16, 2]


def test_binary_labels_with_one_logit():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 2)).astype("float32")
    y = (X.sum(1, keepdims=True) > 0).astype("float32")
    data = [(X[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)]
    model = nn.Linear(2, 1)
    runner = RunnerV3(
        model, adam(model, 0.1), F.binary_cross_entropy_with_logits,
        [Accuracy(), PrecisionRecallF1(2, average=1)],
    )  # fmt: skip
    runner.train(data, data, num_epochs=10, log_steps=0)
    logits = runner.predict(X).numpy()
    guess, true = logits[:, 0] >= 0, y[:, 0] == 1
    hits = (guess & true).sum()
    precision, recall = hits / guess.sum(), hits / true.sum()
    last = {name: values[-1] for name, values in runner.dev_metrics.items()}
    assert last["accuracy"] == (guess == true).mean()
    assert last["precision"] == pytest.approx(precision)
    assert last["recall"] == pytest.approx(recall)
    assert last["f1"] == pytest.approx(2 * precision * recall / (precision + recall))


def test_paddle_s_metrics_decide_about_the_best_model():
    model = network()
    runner = RunnerV3(model, adam(model), F.cross_entropy, paddle.metric.Accuracy(topk=(1, 2)))
    runner.train(batches(), batches(40, seed=1), num_epochs=4, log_steps=0)
    assert list(runner.dev_metrics) == ["acc_top1", "acc_top2"]
    assert runner.best_score == max(runner.dev_metrics["acc_top1"])
    X, y = (np.concatenate([batch[i].numpy() for batch in batches(40, seed=1)]) for i in (0, 1))
    logits = runner.predict(X).numpy()
    assert runner.dev_scores[-1] == pytest.approx((logits.argmax(1) == y).mean())
    second = RunnerV3(
        model, adam(model), F.cross_entropy, paddle.metric.Accuracy(topk=(1, 2)),
        monitor="acc_top2",
    )  # fmt: skip
    second.train(batches(), batches(40, seed=1), num_epochs=3, log_steps=0)
    assert second.best_score == max(second.dev_metrics["acc_top2"])


class Given(paddle.metric.Metric):
    """Scores written by hand."""

    def __init__(self, values, less=False):
        super().__init__()
        self.values, self.higher_is_better = iter(values), not less

    def reset(self):
        pass

    def update(self, *_):
        pass

    def accumulate(self):
        return next(self.values)

    def name(self):
        return "given"


nan = float("nan")


@pytest.mark.parametrize(
    ("values", "options", "best"),
    [
        ([nan, 0.5, 0.9, 0.7], {}, 2),
        ([0.5, nan, 0.4, 0.6], {}, 3),
        ([-3.0, -1.0, -2.0, nan], {}, 1),
        ([3.0, 1.0, nan, 2.0], {"mode": "min"}, 1),
        ([3.0, 1.0, 0.5, 2.0], {"less": True}, 2),
        ([nan, nan, nan, nan], {}, None),
    ],
)
def test_the_best_is_the_best_of_the_numbers(values, options, best):
    model, kept = network(), []
    less = options.pop("less", False) if options else False
    runner = RunnerV3(model, adam(model), F.cross_entropy, Given(values, less), **options)

    class Keep:
        def on_evaluate(self, runner, step, score, loss):
            kept.append(model[0].weight.numpy().copy())

    runner.train(batches(), batches(), num_epochs=4, log_steps=0, callbacks=[Keep()])
    if best is None:
        assert runner.best_step is None
        with pytest.raises(FileNotFoundError, match="has saved no best model"):
            runner.load_model()
        return
    assert runner.best_score == values[best]
    assert runner.best_step == runner.dev_losses[best][0]
    runner.load_model()
    np.testing.assert_array_equal(model[0].weight.numpy(), kept[best])


def test_early_stopping_waits_for_the_number_that_is_monitored():
    model = network()
    values = [3.0, 2.0, nan, 2.5, 1.0, 0.5]
    runner = RunnerV3(model, adam(model), F.cross_entropy, Given(values, less=True))
    runner.train(batches(), batches(), num_epochs=6, log_steps=0, callbacks=[EarlyStopping(2)])
    assert runner.epochs_done == 4


def test_other_samples_by_unpack():
    class Three(paddle.io.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, i):
            return np.float32([i, 1]), np.float32([1, i]), np.int64(i > 3)

    class Two(nn.Layer):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(2, 2)

        def forward(self, inputs):
            return self.out(inputs[0] - inputs[1])

    model = Two()
    loader = paddle.io.DataLoader(Three(), batch_size=4)
    with pytest.raises(TypeError, match="list of 3; say which part is which, with RunnerV3"):
        RunnerV3(model, adam(model), F.cross_entropy).train(loader)
    runner = RunnerV3(
        model, adam(model), F.cross_entropy, Accuracy(), unpack=lambda b: ((b[0], b[1]), b[2])
    )
    runner.train(loader, loader, num_epochs=2, log_steps=0)
    assert runner.steps_done == 4
    with pytest.raises(TypeError, match=r"a dict of 'x', 'y'.*batch\['x'\], batch\['y'\]"):
        runner.unpack = None
        runner.evaluate([{"x": 1, "y": 2}])


def test_a_stream_of_unknown_length(capsys):
    class Stream(paddle.io.IterableDataset):
        def __iter__(self):
            for k in range(10):
                yield np.float32([k, 1]), np.int64(k % 2)

    model = nn.Linear(2, 2)
    loader = paddle.io.DataLoader(Stream(), batch_size=4)
    runner = RunnerV3(model, adam(model), F.cross_entropy, Accuracy())
    runner.train(loader, loader, num_epochs=2, log_steps=5, progress=False)
    assert (runner.steps_done, runner.epochs_done) == (6, 2)
    assert [step for step, _ in runner.dev_losses] == [2, 5]
    assert "step: 5/?" in capsys.readouterr().out
    weighted = np.average([x for _, x in runner.train_step_losses[:3]], weights=[4, 4, 2])
    assert runner.train_epoch_losses[0] == pytest.approx(weighted)


def test_labels_to_be_ignored_in_pictures():
    nndl.seed_everything(0)
    X = np.random.default_rng(0).normal(size=(4, 1, 6, 5)).astype("float32")
    y = (X[:, 0] > 0).astype("int64")
    y[:, :2] = -100
    model = nn.Conv2D(1, 2, 1)
    loss = lambda logits, y: F.cross_entropy(logits, y, axis=1)  # noqa: E731
    runner = RunnerV3(model, adam(model, 0.1), loss, Accuracy())
    runner.train([(X, y)], [(X, y)], num_epochs=30, log_steps=0)
    guess = runner.predict(X).numpy().argmax(1)
    assert runner.dev_scores[-1] == (guess == y)[:, 2:].mean()
    assert runner.dev_scores[-1] > 0.9


def test_records_as_tables():
    runner = make_runner()
    runner.train(batches(), batches(), num_epochs=2, eval_steps=4, log_steps=0)
    runner.save_records("runs/a.csv")
    runner.save_records("runs/a.json")
    with open("runs/a.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["train_loss"]) for row in rows] == [x for _, x in runner.train_step_losses]
    dev = [(int(r["step"]), float(r["dev_loss"])) for r in rows if r["dev_loss"]]
    assert dev == runner.dev_losses
    with open("runs/a.json", encoding="utf-8") as file:
        rows = json.load(file)
    assert [r["dev_accuracy"] for r in rows if "dev_accuracy" in r] == runner.dev_scores
    with pytest.raises(ValueError, match=r"\.csv or \.json"):
        runner.save_records("a.xlsx")


def test_visualdl_gets_what_was_recorded(monkeypatch):
    runner = make_runner()
    monkeypatch.setitem(sys.modules, "visualdl", None)
    with pytest.raises(ImportError, match="pip install visualdl, or write the records"):
        VisualDL("log")
    written = {}

    class LogWriter:
        def __init__(self, logdir):
            assert logdir == "log"

        def add_scalar(self, tag, value, step, walltime=None):
            written.setdefault(tag, []).append((step, value))

    monkeypatch.setitem(sys.modules, "visualdl", types.SimpleNamespace(LogWriter=LogWriter))
    runner.train(
        batches(), batches(), num_epochs=2, log_steps=0, callbacks=[VisualDL("log")],
        train_scores=True,
    )  # fmt: skip
    assert written["train/loss"] == runner.train_step_losses
    assert written["dev/loss"] == runner.dev_losses
    assert [x for _, x in written["dev/accuracy"]] == runner.dev_scores
    assert written["train/score"] == list(zip([4, 9], runner.train_scores, strict=True))


def test_training_scores_are_of_the_batches_as_they_were_trained_on():
    seen = []

    class Watch(Accuracy):
        def update(self, outputs, labels):
            super().update(outputs, labels)
            seen.append((outputs.numpy().argmax(1) == labels.numpy()).sum())

    model = network()
    runner = RunnerV3(model, adam(model), F.cross_entropy, Watch())
    runner.train(batches(), num_epochs=2, log_steps=0, train_scores=True)
    assert runner.train_scores == [sum(seen[:5]) / 70, sum(seen[5:]) / 70]
    assert plot(runner).axes[0].lines[0].get_label() == "training loss"
