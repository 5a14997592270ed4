"""Pooling against `paddle.nn`, float64 finite differences and windows worked out by hand."""

import doctest

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import nndl.layers.pooling
from nndl.layers.fast import pairs
from nndl.layers.fast import pooling as forms
from nndl.layers.pooling import Pool2D, pool2d, pool2d_loops
from tests.layers.test_convolution import TERMS, finite_differences, relative_error

THEIRS = {"max": F.max_pool2d, "avg": F.avg_pool2d}


@st.composite
def poolings(draw, largest=10):
    """(X shape, options) of a pooling that exists: any window, overlapping or with gaps."""
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    options = {
        "size": size if draw(st.booleans()) else size[0],
        "mode": draw(st.sampled_from(["max", "avg"])),
        "stride": draw(st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 4), st.just(2)))),
        "padding": draw(st.one_of(st.integers(0, 2), st.tuples(st.integers(0, 2), st.just(1)))),
    }
    window = options["size"] if isinstance(options["size"], tuple) else (size[0], size[0])
    border = options["padding"]
    border = border if isinstance(border, tuple) else (border, border)
    shape = draw(st.tuples(*[st.integers(1, top) for top in (3, 3, largest, largest)]))
    for k in (0, 1):
        assume(border[k] < window[k] <= shape[2 + k] + 2 * border[k])
    return shape, options


def values_and_gradient(function, X, options):
    X = paddle.to_tensor(X, stop_gradient=False, dtype=X.dtype)
    Y = function(X, **options)
    weights = np.random.default_rng(7).standard_normal(Y.shape).astype(str(X.numpy().dtype))
    (Y * paddle.to_tensor(weights)).sum().backward()
    return Y.numpy(), X.grad.numpy()


def of_paddle(X, size, mode, stride, padding):
    return THEIRS[mode](X, size, stride, padding)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(poolings(), st.integers(0, 2**16), st.sampled_from(["float32", "float64"]), st.booleans())
def test_fast_form_and_its_gradient_equal_paddle(case, seed, dtype, ties):
    shape, options = case
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, shape) if ties else rng.standard_normal(shape)
    ours = values_and_gradient(pool2d, X.astype(dtype), options)
    theirs = values_and_gradient(of_paddle, X.astype(dtype), options)
    for found, expected in zip(ours, theirs, strict=True):
        assert found.dtype == dtype
        assert relative_error(found, expected, TERMS[dtype]) < 1e-5


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(poolings(largest=6), st.integers(0, 2**16), st.booleans())
def test_loops_and_their_gradient_equal_paddle(case, seed, ties):
    shape, options = case
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, shape).astype(float) if ties else rng.standard_normal(shape)
    ours = values_and_gradient(pool2d_loops, X, options)
    theirs = values_and_gradient(of_paddle, X, options)
    for found, expected in zip(ours, theirs, strict=True):
        assert relative_error(found, expected) < 1e-5


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(poolings(largest=5), st.integers(0, 2**16))
def test_gradient_equals_finite_differences_of_the_loops(case, seed):
    shape, options = case
    rng = np.random.default_rng(seed)
    X = rng.permutation(np.prod(shape)).reshape(shape) / 10.0  # no two alike: no kink nearby
    assume(X.size <= 80)
    dY = np.random.default_rng(7).standard_normal(pool2d_loops(X, **options).shape)
    (expected,) = finite_differences(lambda X: pool2d_loops(X, **options), [X], dY)
    for function in (pool2d, pool2d_loops):
        _, found = values_and_gradient(function, X, options)
        assert relative_error(found, expected) < 1e-5


def test_windows_that_are_not_square_worked_out_by_hand():
    X = np.arange(1.0, 13.0).reshape(1, 1, 3, 4)
    assert pool2d_loops(X, (2, 3), "max")[0, 0].tolist() == [[7, 8], [11, 12]]
    assert pool2d_loops(X, (3, 2), "avg", stride=(1, 2))[0, 0].tolist() == [[5.5, 7.5]]
    Y = pool2d(paddle.to_tensor(X), (2, 3), "max")
    assert Y[0, 0].tolist() == [[7, 8], [11, 12]]


def test_border_counts_neither_as_a_maximum_nor_in_a_mean():
    X = -paddle.ones([1, 1, 4, 4])
    for mode in ("max", "avg"):
        for function in (pool2d, pool2d_loops):
            Y = function(X, 3, mode, stride=2, padding=1)
            assert Y.unique().tolist() == [-1.0]


def test_ties_send_the_gradient_to_the_first_pixel():
    X = paddle.zeros([1, 1, 2, 2])
    X.stop_gradient = False
    pool2d(X, 2, "max", stride=2).sum().backward()
    assert X.grad[0, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_large_maps_equal_paddle():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((64, 6, 28, 28)).astype("float32")
    for size, stride, padding in ((2, 2, 0), (3, 2, 1), (3, 1, 1), ((2, 3), (3, 2), (0, 1))):
        for mode in ("max", "avg"):
            options = {"size": size, "mode": mode, "stride": stride, "padding": padding}
            ours = values_and_gradient(pool2d, X, options)
            theirs = values_and_gradient(of_paddle, X, options)
            for found, expected in zip(ours, theirs, strict=True):
                assert relative_error(found, expected) < 1e-5


def test_layer_has_the_books_defaults_and_no_parameters():
    layer = Pool2D()
    assert (layer.size, layer.mode, layer.stride, layer.padding) == ((2, 2), "max", (1, 1), (0, 0))
    assert layer.state_dict() == {}
    X = paddle.randn([2, 3, 7, 5])
    assert (layer(X) == F.max_pool2d(X, 2, 1)).all()
    assert "mode='avg'" in repr(Pool2D(3, "avg", 2, padding=1))
    with paddle.no_grad():
        assert layer(X).stop_gradient


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("mode", ["max", "avg"])
def test_not_a_number_is_not_hidden(mode, row):
    X = np.arange(16.0, dtype="float32").reshape(1, 1, 4, 4)
    X[0, 0, row, 1] = np.nan
    options = {"size": 2, "mode": mode, "stride": 2, "padding": 0}
    Y, dX = values_and_gradient(pool2d, X, options)
    theirs = values_and_gradient(of_paddle, X, options)  # its maximum may pass over a NaN
    assert np.isnan(Y[0, 0, 0, 0])
    np.testing.assert_array_equal(Y.ravel()[1:], theirs[0].ravel()[1:])
    # No pixel equals a maximum that is no number, so none takes its gradient; all share a mean's.
    assert (dX[0, 0, :2, :2] == 0).all() == (mode == "max")
    dX[0, 0, :2, :2] = theirs[1][0, 0, :2, :2] = 0
    np.testing.assert_array_equal(dX, theirs[1])


def test_infinities_are_results_without_a_warning(recwarn):
    X = np.zeros((2, 1, 4, 6), "float32")
    X[0, 0, 0, :2], X[1, 0, 2:, 3] = np.inf, (-np.inf, np.inf)
    for mode in ("max", "avg"):
        options = {"size": 2, "mode": mode, "stride": 2, "padding": 0}
        ours = values_and_gradient(pool2d, X, options)
        for found, expected in zip(ours, values_and_gradient(of_paddle, X, options), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert not recwarn.list


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(poolings(), st.integers(0, 2**16), st.booleans())
def test_the_plain_form_gives_exactly_what_the_fast_ones_give(case, seed, ties):
    shape, options = case
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, shape) if ties else rng.standard_normal(shape)
    fast = values_and_gradient(pool2d, X.astype("float64"), options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNDL_FORM", "plain")
        patch.setattr(forms, "forward", None)  # nothing fast is called
        plain = values_and_gradient(pool2d, X.astype("float64"), options)
    for found, expected in zip(plain, fast, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 2, 4, 6), (2, 1, 6, 4), (64, 6, 28, 28), (64, 16, 32, 32)])
def test_maxima_of_two_by_two_windows(shape):
    options = {"size": 2, "mode": "max", "stride": 2, "padding": 0}
    assert forms.choose("max", shape[2:], (2, 2), (2, 2), (0, 0)) is pairs
    for seed, largest in ((0, 2), (1, 2**20)):  # with many equal pixels, and with hardly any
        X = np.random.default_rng(seed).integers(0, largest, shape).astype("float32")
        ours = values_and_gradient(pool2d, X, options)
        for found, expected in zip(ours, values_and_gradient(of_paddle, X, options), strict=True):
            np.testing.assert_array_equal(found, expected)


X = paddle.ones([2, 3, 5, 6])


@pytest.mark.parametrize("function", [pool2d, pool2d_loops])
@pytest.mark.parametrize(
    ("error", "arguments", "says"),
    [
        (ValueError, (X[0], 2), "four axes"),
        (ValueError, (X[:0], 2), "at least one element"),
        (ValueError, (X, 6), "height: expected a window of at most 5"),
        (ValueError, (X, (2, 7)), "width: expected a window of at most 6"),
        (ValueError, (X, 0), "size must be at least 1"),
        (ValueError, (X, 2, "mean"), "'max' or 'avg'"),
        (ValueError, (X, 2, ["max"]), "'max' or 'avg'"),
        (ValueError, (X, 2, "max", 0), "stride must be at least 1"),
        (ValueError, (X, 2, "max", 1, -1), "padding must be at least 0"),
        (ValueError, (X, 2, "max", 1, 2), "padding smaller than the window"),
        (TypeError, (X, 2.0), "size must be an integer or a pair"),
        (TypeError, (X, None), "size must be an integer or a pair"),
        (TypeError, (X.astype("int32"), 2), "float32 or float64"),
        (TypeError, ([[1.0]], 2), "list"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_at_the_door(function, error, arguments, says):
    with pytest.raises(error, match=says):
        function(*arguments)


@pytest.mark.parametrize("arguments", [{"size": 0}, {"mode": "min"}, {"stride": -1}])
def test_layer_refuses_sizes_that_make_no_layer(arguments):
    with pytest.raises(ValueError):
        Pool2D(**arguments)


def test_examples_in_docstrings():
    assert doctest.testmod(nndl.layers.pooling).failed == 0
