"""Every row of docs/differences.md: what the book's reader meets here."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

import nndl
from nndl import Accuracy, RunnerV3, op
from tests.conftest import needs_paddle
from tests.training_cases import batches, make_runner, network


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_convolution_starts_as_in_the_book():
    X = paddle.arange(18, dtype="float32").reshape([1, 2, 3, 3])
    Y = op.Conv2D(in_channels=2, out_channels=3, kernel_size=2)(X)
    # Each output is the sum of two 2×2 windows: 0+1+3+4 + 9+10+12+13 = 52, then 8 more a step.
    assert Y.numpy().tolist() == [[[[52.0, 60.0], [76.0, 84.0]]] * 3]
    theirs = paddle.nn.Conv2D(2, 3, 2)
    assert theirs.set_state_dict(op.Conv2D(2, 3, 2).state_dict()) == ([], [])
    drawn = op.Conv2D(2, 3, 2, weight_attr=paddle.ParamAttr()).weight.numpy()
    assert len(np.unique(drawn)) == drawn.size
    assert len(np.unique(nndl.Conv2D(2, 3, 2).weight.numpy())) == drawn.size
    assert op.Conv2D(2, 3, 2, bias_attr=False).bias is None


def test_flops_of_the_book_s_network_are_paddle_s(capsys):
    # paddle.vision's resnet18 on 3×32×32 counts 37,118,976; ours has the same layers.
    assert paddle.flops(op.Model_ResNet18(), [1, 3, 32, 32]) == 37_118_976
    hand = paddle.flops(op.Model_LeNet(1), [1, 1, 32, 32])
    assert hand == paddle.flops(op.Paddle_LeNet(1), [1, 1, 32, 32])
    one = paddle.nn.Sequential(op.Conv2D(2, 3, 2), op.Pool2D(mode="avg"))
    assert paddle.flops(one, [1, 2, 3, 3]) == 3 * 4 * (2 * 4 + 1) + 3
    unknown = [x for x in capsys.readouterr().out.splitlines() if "Cannot find" in x]
    assert [x for x in unknown if "nndl" in x] == []


@needs_paddle(3, 1, "a network that was exported cannot be called any more, its file can")
@pytest.mark.parametrize("model", [op.Model_LeNet, op.Model_ResNet18])
def test_networks_are_exported(model):
    model = model(1)
    model.eval()
    X = paddle.rand([2, 1, 32, 32])
    spec = [paddle.static.InputSpec([None, 1, 32, 32], "float32")]
    paddle.jit.save(model, "exported", input_spec=spec)
    again = paddle.jit.load("exported")
    again.eval()
    np.testing.assert_allclose(again(X).numpy(), model(X).numpy(), rtol=1e-4, atol=1e-5)


def test_modules_of_the_network():
    m1, modules = op.make_first_module(3), op.make_modules(use_residual=True)
    X = m1(paddle.rand([2, 3, 32, 32]))
    shapes = [X.shape]
    for module in modules:
        X = module(X)
        shapes.append(X.shape)
    assert shapes == [[2, 64, 8, 8], [2, 64, 8, 8], [2, 128, 4, 4], [2, 256, 2, 2], [2, 512, 1, 1]]
    units = op.resnet_module(64, 128, 3, stride=2, use_residual=False)
    assert [u.conv1.weight.shape[:2] for u in units] == [[128, 64], [128, 128], [128, 128]]
    assert [u.shortcut for u in units] == [None] * 3


def test_names_of_other_chapters():
    for name, chapter in (("Linear", "2, 3 and 4"), ("LSTM", "6"), ("QKVAttention", "8")):
        with pytest.raises(ImportError, match=f"{name} belongs to chapter {chapter} of the book"):
            getattr(op, name)
    with pytest.raises(ImportError, match="chapter 8"):
        from nndl.op import Attention  # noqa: F401
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        op.Nothing  # noqa: B018


def test_defaults_of_train(capsys):
    runner = make_runner()
    runner.train(batches(), batches(), log_steps=0)
    assert runner.epochs_done == 1
    assert [step for step, _ in runner.dev_losses] == [4]  # the end of the epoch, eval_steps=0
    runner.train(batches(), log_steps=0)
    assert "nothing was trained now" in capsys.readouterr().out
    one = make_runner()
    one.train(batches(16), batches(), eval_steps=100, log_steps=0)
    assert [step for step, _ in one.dev_losses] == [0]  # the last step, though the first
    with pytest.raises(TypeError, match="no argument 'num_epoch'; did you mean num_epochs"):
        make_runner().train(batches(), num_epoch=5)


def test_without_a_metric_the_loss_decides():
    nndl.seed_everything(1)
    model = network()
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    runner = RunnerV3(model, optimizer, F.cross_entropy)
    assert runner.best_score == float("inf")
    runner.train(batches(), batches(40, seed=1), num_epochs=4, eval_steps=2, log_steps=0)
    losses = [loss for _, loss in runner.dev_losses]
    assert runner.best_score == min(losses)
    assert runner.dev_losses[losses.index(min(losses))][0] == runner.best_step
    assert runner.dev_scores == []
    runner.load_model()
    score, loss = runner.evaluate(batches(40, seed=1))
    assert (score, loss) == (None, min(losses))


def test_losses_by_batch_or_by_sample():
    found = {}
    for average in ("sample", "batch"):
        nndl.seed_everything(3)
        model = network()
        optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
        runner = RunnerV3(model, optimizer, F.cross_entropy, Accuracy(), loss_average=average)
        runner.train(batches(), log_steps=0)
        dev = runner.evaluate(batches())[1]
        found[average] = runner.train_epoch_losses[0], dev, runner
    steps = [loss for _, loss in found["batch"][2].train_step_losses]
    assert found["batch"][0] == pytest.approx(np.mean(steps))
    assert found["sample"][0] == pytest.approx(np.average(steps, weights=[16, 16, 16, 16, 6]))
    each = [F.cross_entropy(runner.predict(X), y).item() for X, y in batches()]
    assert found["batch"][1] == pytest.approx(np.mean(each))
    assert found["sample"][1] == pytest.approx(np.average(each, weights=[16, 16, 16, 16, 6]))


def test_import_draws_and_sets_nothing():
    import subprocess
    import sys

    code = (
        "import random, numpy as np, paddle\n"
        "paddle.seed(5); np.random.seed(5); random.seed(5)\n"
        "import nndl, nndl.op, nndl.runner, nndl.tools\n"
        "a = paddle.rand([1]).item(), np.random.rand(), random.random()\n"
        "paddle.seed(5); np.random.seed(5); random.seed(5)\n"
        "assert a == (paddle.rand([1]).item(), np.random.rand(), random.random())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_save_path_none_saves_nothing(tmp_path):
    runner = make_runner()
    runner.train(batches(), batches(), log_steps=0, save_path=None)
    assert runner.best_step == 4
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="name the file"):
        runner.load_model()
