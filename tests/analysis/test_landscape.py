"""Gradients by depth against Paddle's own backward pass."""

import numpy as np
import paddle
import pytest

from nndl import LeNet, analysis


@pytest.mark.parametrize("operators", ["hand", "paddle"])
def test_gradients_that_are_there_neither_count_nor_go(operators):
    paddle.seed(0)
    model, X, y = LeNet(operators=operators), paddle.randn([4, 1, 32, 32]), paddle.arange(4)
    paddle.nn.functional.cross_entropy(model(X), y).backward()
    before = {name: p.grad.numpy() for name, p in model.named_parameters()}
    right = {name: np.linalg.norm(g) for name, g in before.items() if g.ndim == 4}
    with paddle.no_grad():
        assert analysis.gradient_norms_of(model, X, y) == pytest.approx(right, rel=1e-5)
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(parameter.grad.numpy(), before[name])
    model.clear_gradients()
    fresh = LeNet(operators=operators)
    assert list(analysis.gradient_norms_of(fresh, X, y, layers="conv3.bias")) == ["conv3.bias"]
    assert fresh.conv3.bias.grad is None


def test_names_that_are_none_of_the_model_s_are_refused():
    model, X, y = LeNet(operators="paddle"), paddle.randn([2, 1, 32, 32]), paddle.arange(2)
    model.conv1.weight.stop_gradient = True
    for name in ("conv3.wieght", "conv1.weight"):
        with pytest.raises(ValueError, match=f"no trainable parameter '{name}' in the model"):
            analysis.gradient_norms_of(model, X, y, layers=[name])
    assert list(analysis.gradient_norms_of(model, X, y)) == ["conv3.weight", "conv5.weight"]
