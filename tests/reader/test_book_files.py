"""Files between the book, Paddle and this package, in both directions."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

import nndl
from nndl import LeNet, ResNet18, RunnerV3
from nndl.networks import vision_state_dict
from tests.conftest import needs_paddle
from tests.training_cases import assert_same_weights, batches, make_runner, network


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def runner_of(model):
    return RunnerV3(model, paddle.optimizer.SGD(parameters=model.parameters()), F.cross_entropy)


def test_paddle_reads_what_we_write():
    runner = make_runner(seed=1)
    runner.train(batches(), batches(), log_steps=0)
    runner.save_model("mine.pdparams")
    for read in (
        lambda m: m.set_state_dict(paddle.load("best_model.pdparams")),
        lambda m: m.set_state_dict(paddle.load("mine.pdparams")),
        lambda m: paddle.Model(m).load("best_model"),
    ):
        nndl.seed_everything(9)
        model = network()
        assert read(model) in (None, ([], []))
        assert_same_weights(model, runner.model)


@needs_paddle(3, 0, "safetensors itself looks for a type of it")
def test_safetensors_reads_what_we_write():
    from safetensors.paddle import load_file

    runner = make_runner(seed=1)
    runner.train(batches(), batches(), log_steps=0)
    runner.save_model("mine.safetensors")
    model = network()
    assert model.set_state_dict(load_file("mine.safetensors")) == ([], [])
    assert_same_weights(model, runner.model)


def test_an_altered_file_of_ours_is_refused_wherever_it_was_altered(tmp_path):
    make_runner().save_model("a.pdparams")
    content = (tmp_path / "a.pdparams").read_bytes()
    for place in [2, 7, 30, 90, len(content) // 2, len(content) - 60]:
        (tmp_path / "b.pdparams").write_bytes(
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        )
        with pytest.raises(ValueError, match=r"b\.pdparams cannot be used"):
            make_runner().load_model("b.pdparams")


def book_resnet(channels, bias):
    """The book's network from paddle.nn, as its state_dict names it."""
    reference = ResNet18(channels, operators="paddle")
    nndl.seed_everything(2)
    for tensor in reference.state_dict().values():
        tensor.set_value(paddle.rand(tensor.shape) * 0.1 + 0.05)
    names = {f"module{i}": f"net.{i - 1}" for i in range(1, 6)} | {"module6.2": "net.7"}
    state = {}
    for name, tensor in reference.state_dict().items():
        ours = next(m for m in names if name.startswith(m + "."))
        state[names[ours] + name[len(ours) :]] = tensor
    state["net.0.0.bias"] = paddle.to_tensor(bias)
    return reference, state


def test_the_book_s_residual_network_gives_its_own_outputs(capsys):
    bias = np.linspace(-1, 1, 64).astype("float32")
    reference, state = book_resnet(1, bias)
    paddle.save(state, "book.pdparams")
    model = ResNet18(1)
    runner_of(model).load_model("book.pdparams")
    assert "names of the book's ResNet18 were mapped" in capsys.readouterr().out
    X = paddle.rand([2, 1, 32, 32])
    reference.eval()
    first = reference.module1
    Y = first[1](first[0](X) + paddle.to_tensor(bias).reshape([1, 64, 1, 1]))
    Y = first[3](first[2](Y))
    for number in range(2, 7):
        Y = getattr(reference, f"module{number}")(Y)
    model.eval()
    np.testing.assert_allclose(model(X).numpy(), Y.numpy(), rtol=1e-4, atol=1e-4)


def test_weights_of_paddle_vision():
    theirs = paddle.vision.models.resnet18(num_classes=10)
    paddle.save(theirs.state_dict(), "vision.pdparams")
    model = ResNet18(3, 10)
    runner_of(model).load_model("vision.pdparams")
    X = paddle.rand([2, 3, 64, 64])
    model.eval()
    theirs.eval()
    np.testing.assert_allclose(model(X).numpy(), theirs(X).numpy(), rtol=1e-3, atol=1e-4)


def test_other_depths_go_to_paddle_vision_where_it_has_them():
    theirs = paddle.vision.models.resnet34(num_classes=10)
    ours = ResNet18(units=(3, 4, 6, 3))
    assert theirs.set_state_dict(vision_state_dict(ours)) == ([], [])
    with pytest.raises(ValueError, match="and 3 stages"):
        vision_state_dict(ResNet18(units=(3, 3, 3), widths=(16, 32, 64)))


def test_the_book_s_convolution_and_half_precision(capsys):
    source = LeNet()
    state = {
        name: t.reshape([-1, 1]) if name.startswith("conv") and name.endswith("bias") else t
        for name, t in source.state_dict().items()
    }
    paddle.save(state, "book.pdparams")
    model = LeNet()
    runner_of(model).load_model("book.pdparams")
    assert_same_weights(model, source)
    assert "conv1.bias, conv3.bias, conv5.bias: [P, 1] was read as [P]" in capsys.readouterr().out
    for kind in ("float16", "bfloat16"):
        paddle.save({n: t.astype(kind) for n, t in source.state_dict().items()}, "half.pdparams")
        runner_of(model).load_model("half.pdparams")
        for name, tensor in source.state_dict().items():
            expected = tensor.astype(kind).astype("float32").numpy()
            np.testing.assert_array_equal(model.state_dict()[name].numpy(), expected)


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda state: {"model": state, "epoch": 3, "best": 0.9}, None),
        (lambda state: {"epoch": 3, "state": {"net": state}}, None),
        (lambda state: {f"_layers.{k}": v for k, v in state.items()}, None),
        (lambda state: {f"module.{k}": v for k, v in state.items()}, None),
        (lambda state: {"a": state, "b": state}, "several dictionaries of arrays, a, b"),
        (lambda state: {"epoch": 3}, "holds no arrays"),
        (lambda state: {f"{k}_moment1_0": v for k, v in state.items()}, "state of an optimizer"),
    ],
)
def test_what_others_wrap_around_the_weights(wrap, message):
    source, model = network(), network()
    paddle.save(wrap(source.state_dict()), "file.pdparams")
    if message:
        with pytest.raises(ValueError, match=message):
            runner_of(model).load_model("file.pdparams")
    else:
        runner_of(model).load_model("file.pdparams")
        assert_same_weights(model, source)


def test_an_exported_network_is_named():
    spec = [paddle.static.InputSpec([None, 4], "float32")]
    paddle.jit.save(paddle.nn.Linear(4, 2), "net", input_spec=spec)
    with pytest.raises(ValueError, match=r"paddle\.jit\.load"):
        runner_of(paddle.nn.Linear(4, 2)).load_model("net.pdiparams")


def test_a_runner_that_saves_in_its_own_way_leaves_no_trail(tmp_path):
    class Own(RunnerV3):
        def save_model(self, save_path):
            paddle.save(self.model.state_dict(), str(save_path))

    for seed in (1, 2, 3):
        nndl.seed_everything(seed)
        model = network()
        runner = Own(
            model, paddle.optimizer.SGD(0.3, parameters=model.parameters()), F.cross_entropy,
            nndl.Accuracy(),
        )  # fmt: skip
        runner.train(batches(), batches(), num_epochs=4, eval_steps=1, log_steps=0)
        assert len({*runner.dev_scores}) > 2
        runner.load_model()
        assert runner.evaluate(batches())[0] == runner.best_score
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["best_model.pdparams", "best_model.pdparams.bak"]
