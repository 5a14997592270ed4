"""Convolution against `paddle.nn`, float64 finite differences and sums worked out by hand."""

import doctest
import warnings

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import nndl.layers.convolution
import nndl.layers.window
from nndl.layers.convolution import Conv2D, conv2d, conv2d_backward, conv2d_loops, im2col
from nndl.layers.fast import convolution as forms
from nndl.layers.window import output_size

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=320, deadline=None, suppress_health_check=list(HealthCheck))


#: where a sum of numbers around 1 comes out as 0.01, its rounding is still that of the numbers: in
#: double precision 1e-5 leaves room for that, in single precision it does not
TERMS = {"float32": 1, "float64": 1e-8}


def relative_error(found, expected, terms=TERMS["float64"]):
    """max|x − y| / max|y|: the size of the error beside that of the result, or of its terms."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / max(terms, np.abs(expected).max())


@st.composite
def convolutions(draw, largest=9, channels=4, batch=3):
    """(X shape, W shape, options) of a convolution that exists."""
    small = st.integers(1, 3)
    groups = draw(st.sampled_from([1, 1, 2]))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    options = {
        "stride": draw(st.one_of(small, st.tuples(small, small))),
        "padding": draw(st.one_of(st.integers(0, 3), st.tuples(st.integers(0, 3), small))),
        "dilation": draw(st.one_of(st.sampled_from([1, 1, 2]), st.tuples(small, small))),
        "groups": groups,
    }
    size = draw(st.tuples(st.integers(1, largest), st.integers(1, largest)))
    D = groups * draw(st.integers(1, channels))
    P = groups * draw(st.integers(1, channels))
    reach = [
        (option if isinstance(option, tuple) else (option, option))
        for option in (options["padding"], options["dilation"])
    ]
    for k in (0, 1):
        assume(reach[1][k] * (kernel[k] - 1) + 1 <= size[k] + 2 * reach[0][k])
    bias = draw(st.booleans())
    return (draw(st.integers(1, batch)), D, *size), (P, D // groups, *kernel), bias, options


def random_tensors(case, seed, dtype="float64"):
    X_shape, W_shape, bias, _ = case
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in (X_shape, W_shape)]
    arrays.append(rng.standard_normal(W_shape[0]).astype(dtype) if bias else None)
    return arrays


def values_and_gradients(function, arrays, options, weights=None):
    """Output, then the gradients of Σ weights · output; weights drawn once for all functions."""
    tensors = [
        None if a is None else paddle.to_tensor(a, stop_gradient=False, dtype=a.dtype)
        for a in arrays
    ]
    Y = function(*tensors, **options)
    if weights is None:
        weights = np.random.default_rng(7).standard_normal(Y.shape)
    (Y * paddle.to_tensor(weights.astype(arrays[0].dtype))).sum().backward()
    return [Y.numpy()] + [t.grad.numpy() for t in tensors if t is not None]


@MANY
@given(convolutions(), st.integers(0, 2**16), st.sampled_from(["float32", "float64"]))
def test_fast_form_and_its_gradients_equal_paddle(case, seed, dtype):
    arrays = random_tensors(case, seed, dtype)
    ours = values_and_gradients(conv2d, arrays, case[3])
    theirs = values_and_gradients(F.conv2d, arrays, case[3])
    for found, expected in zip(ours, theirs, strict=True):
        assert found.dtype == dtype
        assert relative_error(found, expected, TERMS[dtype]) < 1e-5


@FEW
@given(
    st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 3, 5, 8, 12]), st.sampled_from([1, 3]),
    st.sampled_from([1, 2]), st.sampled_from([8, 24]), st.sampled_from([4, 40]), st.booleans(),
)  # fmt: skip
def test_shapes_of_real_networks_equal_paddle(N, size, kernel, stride, D, P, bias):
    """Every row of the table of forms, with the padding that keeps the size."""
    case = (N, D, size, size), (P, D, kernel, kernel), bias, {
        "stride": stride, "padding": kernel // 2,
    }  # fmt: skip
    arrays = random_tensors(case, N * size, "float32")
    ours = values_and_gradients(conv2d, arrays, case[3])
    theirs = values_and_gradients(F.conv2d, arrays, case[3])
    for found, expected in zip(ours, theirs, strict=True):
        assert relative_error(found, expected, TERMS["float32"]) < 1e-5


@MANY
@given(convolutions(largest=5, channels=2, batch=2), st.integers(0, 2**16))
def test_loops_and_their_gradients_equal_paddle(case, seed):
    arrays = random_tensors(case, seed)
    ours = values_and_gradients(conv2d_loops, arrays, case[3])
    theirs = values_and_gradients(F.conv2d, arrays, case[3])
    for found, expected in zip(ours, theirs, strict=True):
        assert relative_error(found, expected) < 1e-5


def finite_differences(function, arrays, dY, step=1e-6):
    """Gradients of Σ dY · function(*arrays), one entry at a time, central differences."""
    gradients = []
    for a in arrays:
        gradient = np.zeros_like(a)
        for index in np.ndindex(*a.shape):
            kept = a[index]
            a[index] = kept + step
            above = (dY * function(*arrays)).sum()
            a[index] = kept - step
            below = (dY * function(*arrays)).sum()
            a[index] = kept
            gradient[index] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(convolutions(largest=4, channels=2, batch=2), st.integers(0, 2**16))
def test_gradients_equal_finite_differences_of_the_loops(case, seed):
    X, W, b = random_tensors((case[0], case[1], True, case[3]), seed)
    assume(X.size + W.size <= 60)

    def loss(X, W, b):
        return conv2d_loops(X, W, b, **case[3])

    dY = np.random.default_rng(seed).standard_normal(loss(X, W, b).shape)
    expected = finite_differences(loss, [X, W, b], dY)
    for function in (conv2d, conv2d_loops):
        found = values_and_gradients(function, [X, W, b], case[3], dY)[1:]
        for gradient, numeric in zip(found, expected, strict=True):
            assert relative_error(gradient, numeric) < 1e-5
    by_hand = conv2d_backward(dY, X, W, **case[3])
    for gradient, numeric in zip(by_hand, expected, strict=True):
        assert relative_error(gradient, numeric) < 1e-5


@pytest.fixture
def columns_everywhere(monkeypatch):
    """Columns for every kernel, in several blocks even of a small batch."""
    forms._choose.cache_clear()
    monkeypatch.setattr(forms, "LONGER", 0)
    monkeypatch.setattr(forms, "WHOLE_BYTES", 4096)
    monkeypatch.setattr(forms, "BLOCK_BYTES", 4096)
    yield
    forms._choose.cache_clear()


@MANY
@given(convolutions(), st.integers(0, 2**16))
def test_columns_and_their_gradients_equal_paddle(columns_everywhere, case, seed):
    arrays = random_tensors(case, seed)
    ours = values_and_gradients(conv2d, arrays, case[3])
    theirs = values_and_gradients(F.conv2d, arrays, case[3])
    for found, expected in zip(ours, theirs, strict=True):
        assert relative_error(found, expected) < 1e-9


@pytest.mark.parametrize("where", ["X", "dY"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("column", [0, 7, 11])
def test_what_is_no_number_reaches_its_own_windows_alone(value, where, column):
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((2, 1, 8, 16)), rng.standard_normal((2, 1, 5, 5))
    assert forms.choose(X, W, (1, 1), (0, 0), (1, 1)).form == "columns"
    dY = rng.standard_normal((2, 2, 4, 12))
    {"X": X, "dY": dY}[where][0, 0, 2, column] = value
    arrays = [X, W, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = values_and_gradients(conv2d, arrays, {}, dY)
    theirs = values_and_gradients(F.conv2d, arrays, {}, dY)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
        np.testing.assert_allclose(found, expected, rtol=1e-9, equal_nan=True)


#: a shape for every row of the table of forms
EACH_FORM = {
    "plain": ((1, 3, 9, 8), (4, 3, 3, 3), {"padding": 1}),
    "dense": ((3, 4, 5, 5), (6, 4, 5, 5), {}),
    "winograd": ((9, 16, 8, 7), (18, 16, 3, 3), {"padding": 1}),
    "rows": ((3, 20, 6, 6), (4, 20, 3, 3), {"padding": 1, "stride": 2}),
    "columns": ((3, 2, 18, 8), (20, 2, 3, 3), {"dilation": 2}),
}


def test_every_form_has_its_example():
    found = set()
    for X_shape, W_shape, options in EACH_FORM.values():
        X, W = (np.ones(shape, "float32") for shape in (X_shape, W_shape))
        found.add(
            forms.choose(
                X,
                W,
                *nndl.layers.convolution.Options.of(
                    **{"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **options}
                )[:3],
            ).form
        )
    assert found == set(EACH_FORM)


@pytest.mark.parametrize("form", EACH_FORM)
def test_every_form_gives_what_the_plain_one_gives(form, monkeypatch):
    X_shape, W_shape, options = EACH_FORM[form]
    arrays = random_tensors((X_shape, W_shape, True, options), 0, "float32")
    found = values_and_gradients(conv2d, arrays, options)
    monkeypatch.setenv("NNDL_FORM", "plain")
    monkeypatch.setattr(forms, "forward", None)  # nothing fast is called
    plain = values_and_gradients(conv2d, arrays, options)
    for ours, theirs in zip(found, plain, strict=True):
        assert relative_error(ours, theirs, TERMS["float32"]) < 1e-5


def test_the_direct_forms_can_be_asked_for(monkeypatch):
    X, W = np.ones((9, 16, 8, 7), "float32"), np.ones((18, 16, 3, 3), "float32")
    assert forms.choose(X, W, (1, 1), (1, 1), (1, 1)).form == "winograd"
    monkeypatch.setenv("NNDL_FORM", "direct")
    assert forms.choose(X, W, (1, 1), (1, 1), (1, 1)).form == "rows"


def test_another_form_may_be_asked_for_before_the_backward_pass(monkeypatch):
    for first, then in (("fast", "plain"), ("plain", "fast")):
        X = paddle.ones([9, 16, 8, 7])
        X.stop_gradient, W = False, paddle.ones([16, 16, 3, 3])
        monkeypatch.setenv("NNDL_FORM", first)
        Y = conv2d(X, W)
        monkeypatch.setenv("NNDL_FORM", then)
        Y.sum().backward()
        assert float(X.grad[0, 0, 3, 3]) == pytest.approx(144, rel=1e-5)


def test_one_awkward_image_for_winograd_takes_a_direct_form():
    X, W = np.ones((1, 16, 28, 28), "float32"), np.ones((16, 16, 3, 3), "float32")
    assert forms.choose(X, W, (1, 1), (1, 1), (1, 1)).form == "winograd"
    X[0, 3, 5, 5] = np.nan
    arrays = [X, W, None]
    ours = values_and_gradients(conv2d, arrays, {"padding": 1})
    theirs = values_and_gradients(F.conv2d, arrays, {"padding": 1})
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, equal_nan=True)


def test_a_form_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setenv("NNDL_FORM", "quick")
    with pytest.raises(
        ValueError, match="NNDL_FORM must be 'plain', 'direct' or 'fast', got 'quick'"
    ):
        conv2d(paddle.ones([1, 1, 3, 3]), paddle.ones([1, 1, 2, 2]))


@MANY
@given(convolutions(), st.integers(0, 2**16))
def test_the_plain_form_and_its_gradients_equal_paddle(case, seed):
    arrays = random_tensors(case, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNDL_FORM", "plain")
        ours = values_and_gradients(conv2d, arrays, case[3])
    theirs = values_and_gradients(F.conv2d, arrays, case[3])
    for found, expected in zip(ours, theirs, strict=True):
        assert relative_error(found, expected) < 1e-9


@pytest.mark.parametrize("where", ["X", "W", "dY"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e6])
def test_a_pixel_that_winograd_would_spread_reaches_its_own_windows_alone(value, where):
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((8, 16, 9, 9)), rng.standard_normal((16, 16, 3, 3))
    arrays = {"X": X, "W": W, "dY": rng.standard_normal((8, 16, 9, 9))}
    arrays = {name: a.astype("float32") for name, a in arrays.items()}
    assert forms.choose(arrays["X"], arrays["W"], (1, 1), (1, 1), (1, 1)).form == "winograd"
    arrays[where][0, 0, 1, 1] = value
    X, W, dY = arrays.values()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = values_and_gradients(conv2d, [X, W, None], {"padding": 1}, dY)
    double = [a.astype("float64") for a in (X, W)]
    theirs = values_and_gradients(F.conv2d, [*double, None], {"padding": 1}, dY)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
        if where != "W" or not value < 1e10:  # every window sees every weight
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3, equal_nan=True)


@pytest.mark.parametrize("function", [conv2d, conv2d_loops])
def test_the_example_of_the_book(function):
    X = paddle.arange(1.0, 10.0).reshape([1, 1, 3, 3])
    W = paddle.to_tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    Y = function(X, W)
    assert Y.tolist() == [[[[25.0, 31.0], [43.0, 49.0]]]]


def test_a_dilated_padded_strided_window_worked_out_by_hand():
    X = np.arange(9.0).reshape(1, 1, 3, 3)
    W = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    # taps two apart, on rows −1…3 in steps of two: windows start at (−1, −1), (−1, 1), …
    Y = conv2d_loops(X, W, np.array([0.5]), stride=2, padding=1, dilation=2)
    expected = [
        [1000 * X[0, 0, 1, 1] + 0.5, 100 * X[0, 0, 1, 1] + 0.5],
        [10 * X[0, 0, 1, 1] + 0.5, 1 * X[0, 0, 1, 1] + 0.5],
    ]
    assert Y[0, 0].tolist() == expected
    assert isinstance(Y, np.ndarray)


def test_columns_of_im2col_hold_what_each_window_sees():
    X = np.arange(2 * 3 * 5 * 6.0).reshape(2, 3, 5, 6)
    columns = im2col(X, kernel=(3, 2), stride=(1, 2), padding=(1, 0))
    assert columns.shape == (2, 3 * 3 * 2, 5 * 3)
    padded = np.pad(X, ((0, 0), (0, 0), (1, 1), (0, 0)))
    window = padded[1, :, 2 : 2 + 3, 4 : 4 + 2]  # the window at (2, 2)
    assert columns[1, :, 2 * 3 + 2].tolist() == window.reshape(-1).tolist()
    assert im2col(paddle.to_tensor(X), 2).shape == [2, 12, 20]


def test_backward_by_hand_takes_and_returns_tensors():
    X, W = paddle.randn([2, 3, 6, 6]), paddle.randn([4, 3, 3, 3])
    dX, dW, db = conv2d_backward(paddle.ones([2, 4, 6, 6]), X, W, padding=1)
    assert isinstance(dX, paddle.Tensor)
    assert dX.shape == X.shape and dW.shape == W.shape
    assert db.tolist() == [72.0] * 4  # one a pixel: 2 images of 36


def test_layer_has_paddles_initialisation_and_state_dict():
    for arguments in ({}, {"dilation": 2, "groups": 2}, {"stride": (2, 1), "padding": (1, 0)}):
        paddle.seed(3)
        ours = Conv2D(4, 6, (3, 2), **arguments)
        paddle.seed(3)
        theirs = paddle.nn.Conv2D(4, 6, (3, 2), **arguments)
        assert (ours.weight == theirs.weight).all()
        assert (ours.bias == theirs.bias).all()
        assert list(ours.state_dict()) == list(theirs.state_dict())
        paddle.seed(4)
        other = Conv2D(4, 6, (3, 2), **arguments)
        assert not (other.weight == ours.weight).all()
        assert theirs.set_state_dict(other.state_dict()) == ([], [])
        X = paddle.randn([2, 4, 9, 9])
        assert relative_error(other(X).numpy(), theirs(X).numpy()) < 1e-5
        assert ours.set_state_dict(theirs.state_dict()) == ([], [])


def test_layer_takes_attributes_like_paddle():
    layer = Conv2D(2, 3, 3, 1, 1, paddle.nn.initializer.Constant(0.5), False)
    assert layer.bias is None
    assert layer.weight.unique().tolist() == [0.5]
    assert layer.padding == (1, 1)
    frozen = Conv2D(2, 3, 3, weight_attr=paddle.ParamAttr(trainable=False, name="frozen_kernel"))
    assert frozen.weight.stop_gradient and frozen.weight.name == "frozen_kernel"
    assert "kernel_size=(3, 3)" in repr(layer) and "padding=(1, 1)" in repr(layer)


def test_layer_in_float64_and_without_gradients():
    layer = Conv2D(2, 3, 3)
    layer.to(dtype="float64")
    X = paddle.randn([1, 2, 5, 5], dtype="float64")
    assert layer(X).dtype == paddle.float64
    with paddle.no_grad():
        assert layer(X).stop_gradient
    layer.eval()
    assert not layer(X).stop_gradient
    layer.weight.stop_gradient = layer.bias.stop_gradient = True
    assert layer(X).stop_gradient


def test_only_the_gradients_that_are_asked_for():
    for frozen in ("X", "W"):
        X, W = paddle.randn([2, 3, 6, 6]), paddle.randn([4, 3, 3, 3])
        X.stop_gradient, W.stop_gradient = frozen == "X", frozen == "W"
        conv2d(X, W).sum().backward()
        assert (X.grad is None) == (frozen == "X")
        assert (W.grad is None) == (frozen == "W")


def test_inputs_stay_as_they_were_and_views_are_understood():
    X = paddle.randn([2, 7, 6, 3]).transpose([0, 3, 1, 2])  # a view: channels were last
    W = paddle.randn([4, 3, 3, 3])
    before = X.numpy().copy()
    Y = conv2d(X, W, padding=1)
    assert relative_error(Y.numpy(), F.conv2d(X, W, padding=1).numpy()) < 1e-5
    assert (X.numpy() == before).all()
    flipped = np.ascontiguousarray(before)[:, :, ::-1]
    expected = conv2d_loops(flipped.copy(), W.numpy())
    assert relative_error(conv2d_loops(flipped, W.numpy()), expected) < 1e-6


def test_two_uses_of_one_weight_add_their_gradients():
    X, W = paddle.randn([2, 3, 6, 6]), paddle.randn([3, 3, 3, 3])
    W.stop_gradient = False
    grads = []
    for function in (conv2d, F.conv2d):
        W.clear_grad()
        function(paddle.tanh(function(X, W, padding=1)), W, padding=1).sum().backward()
        grads.append(W.grad.numpy())
    assert relative_error(*grads) < 1e-5


def test_training_step_is_bit_reproducible():
    def weights():
        paddle.seed(0)
        layer = Conv2D(8, 16, 3, padding=1)
        X = paddle.randn([32, 8, 8, 8])
        sgd = paddle.optimizer.SGD(0.1, parameters=layer.parameters())
        for _ in range(3):
            (layer(X) ** 2).mean().backward()
            sgd.step()
            sgd.clear_grad()
        return layer.weight.numpy()

    assert (weights() == weights()).all()


X, W, B = paddle.ones([2, 3, 5, 6]), paddle.ones([4, 3, 3, 3]), paddle.ones([4])


@pytest.mark.parametrize("function", [conv2d, conv2d_loops])
@pytest.mark.parametrize(
    ("error", "arguments", "says"),
    [
        (ValueError, (X[0], W), "four axes"),
        (ValueError, (X, W[0]), "W with four axes"),
        (ValueError, (X[:, :2], W), "X with 3 channels"),
        (ValueError, (X[:0], W), "at least one element"),
        (ValueError, (X, paddle.ones([4, 3, 6, 3])), "height: expected a window of at most 5"),
        (ValueError, (X, paddle.ones([4, 3, 3, 9]), None, 1, 1), "width: .* at most 8"),
        (ValueError, (X, W, B, 1, 0, (1, 3)), "dilation 3"),
        (ValueError, (X, W, B[:3]), r"b of shape \[4\]"),
        (ValueError, (X, W, B, 0), "stride must be at least 1, got 0"),
        (ValueError, (X, W, B, 1, -1), "padding must be at least 0"),
        (ValueError, (X, W, B, (1, 2, 3)), "pair"),
        (ValueError, (X, W, B, 1, 0, 1, 2), "groups"),
        (TypeError, (X, W, B, 1.5), "stride must be an integer or a pair"),
        (TypeError, (X, W, B, True), "stride must be an integer"),
        (TypeError, (X, W, B, 1, "same"), "padding must be an integer or a pair"),
        (TypeError, (X.astype("int64"), W), "float32 or float64, got int64"),
        (TypeError, (X.astype("float16"), W), "float32 or float64, got float16"),
        (TypeError, (X.astype("float64"), W), "one type"),
        (TypeError, ([[1.0]], W), "list"),
        (TypeError, (X, None), "NoneType"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_at_the_door(function, error, arguments, says):
    with pytest.raises(error, match=says):
        function(*arguments)


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ValueError, {"in_channels": 0}),
        (ValueError, {"out_channels": -1}),
        (ValueError, {"kernel_size": (3, 0)}),
        (TypeError, {"kernel_size": "3"}),
        (TypeError, {"in_channels": 3.0}),
        (ValueError, {"groups": 2}),
        (ValueError, {"weight_attr": False}),
    ],
)
def test_layer_refuses_sizes_that_make_no_layer(error, arguments):
    with pytest.raises(error):
        Conv2D(**{"in_channels": 3, "out_channels": 4, "kernel_size": 3, **arguments})


def test_gradient_of_another_convolution_is_refused():
    with pytest.raises(ValueError, match="dY of the output's shape"):
        conv2d_backward(X, X, W)


def test_output_size_follows_the_formula():
    assert output_size(32, 5) == 28
    assert output_size(32, 7, stride=2, padding=3) == 16
    assert output_size(7, 3, dilation=3) == 1
    with pytest.raises(ValueError, match="at most 6"):
        output_size(4, 7, padding=1)


@pytest.mark.parametrize("module", [nndl.layers.convolution, nndl.layers.window])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0
