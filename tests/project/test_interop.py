"""How other notebooks of the book call this package."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

import nndl
from nndl import Accuracy, RunnerV3, metric, op
from tests.training_cases import Points, batches, make_runner


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def runner_of(model, loss_fn=F.cross_entropy, metric=None, rate=0.1):
    optimizer = paddle.optimizer.Adam(learning_rate=rate, parameters=model.parameters())
    return RunnerV3(model, optimizer, loss_fn, metric or Accuracy())


class Sentences:
    """Token ids with a length; the class is whether the first token is even."""

    def __init__(self, size=40):
        rng = np.random.default_rng(0)
        self.ids = rng.integers(0, 20, (size, 6))
        self.lengths = rng.integers(1, 7, size)
        self.y = (self.ids[:, 0] % 2).reshape(-1, 1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.ids[i], self.lengths[i], self.y[i]


def collate(container):
    def packed(samples):
        ids, lengths, labels = map(np.stack, zip(*samples, strict=True))
        return container((paddle.to_tensor(ids), paddle.to_tensor(lengths))), paddle.to_tensor(
            labels
        )

    return packed


class Reader(paddle.nn.Layer):
    """Takes its two inputs packed in one argument, as the recurrent chapter's models do."""

    def __init__(self, outputs=2):
        super().__init__()
        self.embedding = paddle.nn.Embedding(20, 8)
        self.lstm = paddle.nn.LSTM(8, 8)
        self.linear = paddle.nn.Linear(8, outputs)

    def forward(self, inputs):
        ids, lengths = inputs
        _, (state, _) = self.lstm(self.embedding(ids), sequence_length=lengths)
        return self.linear(state[-1])


@pytest.mark.parametrize("container", [tuple, list])
def test_several_inputs_packed_in_X_and_labels_in_a_column(container):
    nndl.seed_everything(0)
    loader = paddle.io.DataLoader(Sentences(), batch_size=16, collate_fn=collate(container))
    runner = runner_of(Reader(), rate=0.05)
    runner.train(
        loader, loader, num_epochs=12, eval_steps=10, log_steps=10, save_path="best_model.pdparams"
    )
    assert runner.best_score > 0.9
    runner.load_model("best_model.pdparams")
    X, _ = next(iter(loader))
    assert runner.predict(X).shape == [16, 2]
    score, _ = runner.evaluate(loader)
    assert score == runner.best_score


def test_binary_model_with_one_logit():
    runner = runner_of(
        Reader(outputs=1),
        loss_fn=lambda logits, y: F.binary_cross_entropy_with_logits(logits, y.astype("float32")),
        metric=metric.Accuracy(is_logist=True),
        rate=0.05,
    )
    loader = paddle.io.DataLoader(Sentences(), batch_size=16, collate_fn=collate(tuple))
    runner.train(loader, loader, num_epochs=12, eval_steps=None, log_steps=0)
    assert runner.best_score > 0.9


def test_sequence_outputs():
    class Tagger(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.embedding = paddle.nn.Embedding(20, 4)
            self.linear = paddle.nn.Linear(4, 2)

        def forward(self, ids):
            return self.linear(self.embedding(ids))  # [B, T, 2]

    ids = paddle.to_tensor(np.random.default_rng(0).integers(0, 20, (32, 6)))
    train = [(ids[i : i + 8], ids[i : i + 8] % 2) for i in range(0, 32, 8)]
    runner = runner_of(Tagger(), rate=0.1)
    runner.train(train, train, num_epochs=10, log_steps=0)
    assert runner.best_score > 0.95


def test_outputs_in_a_tuple():
    class Pair(paddle.nn.Linear):
        def forward(self, X):
            return super().forward(X), X

    runner = runner_of(Pair(12, 3), loss_fn=lambda out, y: F.cross_entropy(out[0], y))
    runner.train(batches(), batches(), num_epochs=2, log_steps=0)
    assert len(runner.dev_scores) == 2


def test_custom_print_log_sees_gradients_before_the_step():
    runner = make_runner(rate=0.5)
    weight = runner.model[0].weight
    seen = []

    def custom_print_log(runner):
        seen.append((weight.numpy().copy(), runner.model[0].weight.grad.numpy().copy()))

    runner.train(batches(), num_epochs=1, log_steps=0, custom_print_log=custom_print_log)
    assert len(seen) == 5
    for (before, gradient), (after, _) in itertools.pairwise(seen):
        np.testing.assert_allclose(after, before - 0.5 * gradient, rtol=1e-5, atol=1e-7)


def test_no_dev_loader_and_eval_steps_none():
    for options in ({}, {"eval_steps": None}, {"dev_loader": None, "eval_steps": 0}):
        runner = make_runner()
        runner.train(batches(), num_epochs=2, log_steps=0, **options)
        assert runner.dev_scores == []
        assert len(runner.train_epoch_losses) == 2


def test_a_loader_built_by_the_user_gives_arrays_and_int_labels():
    class Arrays:
        def __iter__(self):
            data = Points(40)
            for i in range(0, 40, 10):
                yield data.X[i : i + 10], data.y[i : i + 10].reshape(-1, 1).astype("int32")

        def __len__(self):
            return 4

    runner = make_runner()
    runner.train(Arrays(), Arrays(), num_epochs=2, log_steps=0)
    assert runner.steps_done == 8


def test_figures_from_the_records(tmp_path):
    from nndl import plot, plot_training_loss_acc
    from nndl.tools import plot as plot_of_tools

    runner = make_runner()
    runner.train(batches(), batches(), num_epochs=3, eval_steps=4, log_steps=0)
    assert plot_of_tools is plot
    plot(runner, "loss.pdf")
    plot_training_loss_acc(runner, "loss_acc.pdf", fig_size=(12, 4), sample_step=2)
    for name in ("loss.pdf", "loss_acc.pdf"):
        assert (tmp_path / name).read_bytes().startswith(b"%PDF")


def test_the_book_s_imports_and_train_call(capsys):
    from nndl.dataset.mnist import MNIST_dataset
    from nndl.metric import Accuracy as ByModule
    from nndl.op import Conv2D, Model_LeNet, Model_ResNet18, Paddle_LeNet, Pool2D, ResBlock
    from nndl.runner.runner import RunnerV3 as RunnerByModule

    assert ByModule is Accuracy
    assert RunnerByModule is RunnerV3
    assert callable(MNIST_dataset)
    for layer in (Conv2D, Model_LeNet, Model_ResNet18, Paddle_LeNet, Pool2D, ResBlock):
        assert issubclass(layer, paddle.nn.Layer)
    assert op.Conv2D is Conv2D
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(32, 1, 32, 32)).astype("float32"), rng.integers(0, 10, (32, 1))
    loader = [(paddle.to_tensor(X), paddle.to_tensor(y))]
    model = op.Model_LeNet(in_channels=1, num_classes=10)
    optimizer = paddle.optimizer.SGD(learning_rate=0.1, parameters=model.parameters())
    runner = RunnerV3(model, optimizer, F.cross_entropy, metric.Accuracy(is_logist=True))
    runner.train(
        loader, loader, num_epochs=2, log_steps=15, eval_steps=15, save_path="best_model.pdparams"
    )
    runner.load_model("best_model.pdparams")
    score, loss = runner.evaluate(loader)
    print(f"[Test] accuracy/loss: {score:.4f}/{loss:.4f}")
    assert "[Train] Training done!" in capsys.readouterr().out


def test_a_metric_that_the_notebook_wrote_itself():
    class Agreement:  # the book's interface, nothing inherited
        def __init__(self):
            self.reset()

        def update(self, outputs, labels):
            self.right += int((outputs.argmax(1) == labels.reshape([-1])).sum().item())
            self.seen += labels.shape[0]

        def accumulate(self):
            return self.right / self.seen

        def reset(self):
            self.right = self.seen = 0

    runner = make_runner()
    runner = RunnerV3(runner.model, runner.optimizer, F.cross_entropy, Agreement())
    runner.train(batches(), batches(), num_epochs=2, log_steps=0)
    ours = make_runner()
    ours.train(batches(), batches(), num_epochs=2, log_steps=0)
    assert runner.dev_scores == pytest.approx(ours.dev_scores)


def test_tensors_in_a_paddle_data_loader_with_labels_in_a_column():
    data = Points(40)
    tensors = paddle.io.TensorDataset(
        [paddle.to_tensor(data.X), paddle.to_tensor(data.y.reshape(-1, 1))]
    )
    loader = paddle.io.DataLoader(tensors, batch_size=10, shuffle=True)
    runner = make_runner()
    runner.train(loader, loader, num_epochs=2, log_steps=0)
    assert runner.steps_done == 8
    assert len(runner.train_step_losses) == 8


@pytest.mark.parametrize(
    ("installed", "sentence"),
    [
        ("2.5.2", "nndl needs Paddle 2.6 or newer, found paddlepaddle 2.5.2: run pip install"),
        (None, "nndl needs Paddle, which is not installed: run pip install"),
    ],
)
def test_an_unsupported_paddle_is_refused_in_one_sentence(tmp_path, installed, sentence):
    code = "import sys\n"
    if installed:
        record = tmp_path / f"paddlepaddle-{installed}.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: paddlepaddle\nVersion: {installed}\n"
        )
    else:
        code += (
            "class Absent:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name == 'paddle':\n"
            "            raise ModuleNotFoundError('No module named paddle', name='paddle')\n"
            "sys.meta_path.insert(0, Absent())\n"
        )
    root = Path(nndl.__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])}
    done = subprocess.run(
        [sys.executable, "-c", code + "import nndl"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"RuntimeError: {sentence}")
