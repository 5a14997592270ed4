"""Batch normalization by hand against `paddle.nn`, float64 finite differences and the formula."""

import numpy as np
import paddle
import pytest

from nndl.layers.normalization import (
    BatchNorm2D,
    batch_norm_formula,
    batch_norm_plain,
    batch_norm_plain_backward,
)
from tests.layers.test_convolution import finite_differences, relative_error


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def statistics(X):
    return X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))


def test_the_formula_and_the_plain_form_agree():
    X, weight, bias = numbers(4, 3, 5, 6) * 3 + 2, numbers(3, seed=1), numbers(3, seed=2)
    Y, normalized = batch_norm_plain(X, weight, bias, *statistics(X), 1e-5)
    formula = batch_norm_formula(*map(paddle.to_tensor, (X, weight, bias)))
    assert relative_error(Y, formula.numpy()) < 1e-12
    assert np.abs(normalized.mean(axis=(0, 2, 3))).max() < 1e-12
    assert np.abs(normalized.var(axis=(0, 2, 3)) - 1).max() < 1e-4


@pytest.mark.parametrize("of_the_batch", [True, False])
def test_gradients_equal_finite_differences(of_the_batch):
    X, weight, bias = numbers(2, 2, 3, 2), numbers(2, seed=1), numbers(2, seed=2)
    fixed, dY = (np.array([0.3, -0.2]), np.array([1.5, 0.7])), numbers(2, 2, 3, 2, seed=3)

    def values(X, weight, bias):
        return batch_norm_plain(X, weight, bias, *(statistics(X) if of_the_batch else fixed), 0.1)

    expected = finite_differences(lambda *a: values(*a)[0], [X, weight, bias], dY)
    variance = statistics(X)[1] if of_the_batch else fixed[1]
    found = batch_norm_plain_backward(
        dY, values(X, weight, bias)[1], weight, variance, 0.1, of_the_batch
    )
    for gradient, numeric in zip(found, expected, strict=True):
        assert relative_error(gradient, numeric) < 1e-7


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_layer_gives_the_same_with_either_form(training, dtype, monkeypatch):
    results = []
    for form in ("fast", "plain"):
        monkeypatch.setenv("NNDL_FORM", form)
        layer = BatchNorm2D(3)
        layer.to(dtype=dtype)
        layer.weight.set_value(numbers(3, seed=1).astype(dtype))
        layer.bias.set_value(numbers(3, seed=2).astype(dtype))
        layer.train() if training else layer.eval()
        for seed in (3, 4):  # twice: the running averages move on from where they are
            X = paddle.to_tensor(numbers(4, 3, 5, 5, seed=seed).astype(dtype) + 1)
            X.stop_gradient = False
            Y = layer(X)
        (Y * paddle.to_tensor(numbers(*Y.shape, seed=5).astype(dtype))).sum().backward()
        found = [Y, X.grad, layer.weight.grad, layer.bias.grad, layer._mean, layer._variance]
        results.append([t.numpy() for t in found])
    for plain, theirs in zip(*reversed(results), strict=True):
        assert plain.dtype == theirs.dtype
        assert relative_error(plain, theirs) < 1e-6  # Paddle holds its momentum in float32


def test_the_plain_form_is_what_computes_when_it_is_asked_for(monkeypatch):
    calls = []
    monkeypatch.setenv("NNDL_FORM", "plain")
    monkeypatch.setattr(
        "nndl.layers.normalization.batch_norm_plain",
        lambda *arguments: calls.append(1) or batch_norm_plain(*arguments),
    )
    BatchNorm2D(2)(paddle.ones([2, 2, 3, 3]))
    assert calls == [1]
