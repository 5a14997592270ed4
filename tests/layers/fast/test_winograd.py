"""Winograd's form against loops and `paddle.nn` in float64, its own linearity, and its bound."""

import doctest
from fractions import Fraction

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nndl.layers.convolution import conv2d_loops
from nndl.layers.fast import winograd

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
SIDES, PADDINGS = st.integers(1, 13), st.integers(0, 2)


@st.composite
def cases(draw, sides=SIDES, channels=6, images=3):
    """X, W, b of numbers between 1/2 and 3/2 with either sign, and the padding."""
    padding = draw(PADDINGS), draw(PADDINGS)
    size = draw(sides), draw(sides)
    assume(all(side + 2 * p >= 3 for side, p in zip(size, padding, strict=True)))
    N, D, P = draw(st.integers(1, images)), *(draw(st.integers(1, channels)) for _ in "DP")
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    X, W, b = (
        (rng.choice([-1, 1], shape) * rng.uniform(0.5, 1.5, shape)).astype("float32")
        for shape in ((N, D, *size), (P, D, 3, 3), P)
    )
    return X, W, b, padding


def exact(X, W, b, padding, dY=None):
    """Paddle's result in float64, and its gradients where dY is given."""
    tensors = [paddle.to_tensor(a.astype("float64"), stop_gradient=False) for a in (X, W, b)]
    Y = F.conv2d(*tensors, padding=padding)
    if dY is None:
        return Y.numpy()
    Y.backward(paddle.to_tensor(dY.astype("float64")))
    return [Y.numpy(), *(t.grad.numpy() for t in tensors)]


def relative_error(found, expected, terms=1):
    """max|x − y| beside max|y|, or beside the terms where they cancel."""
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / max(terms, np.abs(expected).max())


def values_and_gradients(X, W, b, padding, dY):
    Y, memory = winograd.forward(X, W, b, padding)
    return [Y, *winograd.backward(dY, X, W, padding, (True, True, True), memory)]


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


@MANY
@given(cases(SIDES.filter(lambda side: side < 8), channels=3, images=2))
def test_values_are_those_of_the_loops_in_float64(case):
    X, W, b, padding = case
    expected = conv2d_loops(*(a.astype("float64") for a in (X, W, b)), padding=padding)
    assert relative_error(winograd.forward(*case)[0], expected) < 1e-5


@MANY
@given(cases())
def test_values_and_gradients_are_those_of_paddle_in_float64(case):
    dY = np.sign(numbers(exact(*case).shape)) * 0.7
    found = values_and_gradients(*case, dY.astype("float32"))
    for ours, theirs in zip(found, exact(*case, dY), strict=True):
        assert ours.dtype == "float32"
        assert relative_error(ours, theirs) < 1e-5


@FEW
@given(cases(st.integers(1, 6), channels=2, images=2))
def test_gradients_are_differences_of_values(case):
    """The convolution is linear in each of X, W and b: differences are exact at any step."""
    X, W, b, padding = case
    dY = numbers(exact(*case).shape) + 3
    gradients = values_and_gradients(*case, dY)[1:]
    for place, gradient in enumerate(gradients):
        for index in list(np.ndindex(*gradient.shape))[:: max(1, gradient.size // 12)]:
            sums = []
            for step in (0.25, -0.25):
                moved = [X.copy(), W.copy(), b.copy()]
                moved[place][index] += step
                Y = winograd.forward(*moved, padding)[0]
                sums.append((dY.astype("float64") * Y).sum())
            numeric = (sums[0] - sums[1]) / 0.5
            assert abs(numeric - gradient[index]) < 1e-4 * np.abs(gradient).max()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 8, 11, 16])
@pytest.mark.parametrize("channels", [16, 64, 200])
@pytest.mark.parametrize("active", [False, True])
def test_errors_stay_below_the_stated_bound(size, channels, active):
    """1e-6 of Σ|W||X| of the image's largest window; 5e-6 of the largest output."""
    X, W, b = numbers((8, channels, size, size)), numbers((24, channels, 3, 3), 1), np.zeros(24)
    X = np.maximum(X, 0) if active else X  # as after a ReLU
    Y = winograd.forward(X, W, b.astype("float32"), (1, 1))[0]
    expected = exact(X, W, b, (1, 1))
    sizes = exact(abs(X), abs(W), b, (1, 1)).max(axis=(2, 3), keepdims=True)
    assert (abs(Y - expected) / sizes).max() < 1e-6
    assert relative_error(Y, expected) < 5e-6


def test_the_bound_holds_for_images_as_uneven_as_are_let_through():
    slope = np.float32(winograd.RANGE / 4) ** np.linspace(-1, 0, 16, dtype="float32")
    X, W, b = numbers((4, 64, 16, 16)) * slope, numbers((64, 64, 3, 3), 1), np.zeros(64)
    Y = winograd.forward(X, W, None, (1, 1))[0]
    sizes = exact(abs(X), abs(W), b, (1, 1))
    errors = abs(Y - exact(X, W, b, (1, 1)))
    assert (errors / sizes.max(axis=(2, 3), keepdims=True)).max() < 1e-6
    assert sizes.max() > 50 * sizes.min()  # the case is what its name says


@MANY
@given(cases(), st.floats(-8, 8))
def test_like_numbers_of_any_usual_size_are_served(case, exponent):
    X, W, b, padding = case
    scale = np.float32(10.0**exponent)
    Y = winograd.forward(X * scale, W, b * scale, padding)[0]
    assert relative_error(Y, exact(X * scale, W, b * scale, padding), scale) < 1e-5


def awkward(kind, values):
    """The values with something that tiles would spread, or that would leave no digits."""
    values = values.copy()
    if kind in ("nan", "inf", "-inf", "1e6", "1e30"):
        values[0, 0, 1, 1] = float(kind)
    elif kind == "one pixel":
        values[0] = 0
        values[0, :, 1, 1] = 1
    elif kind == "zero corner":
        values[0, :, :4, :4] = 0
    else:
        values *= np.float32(kind.removeprefix("all "))
    return values


KINDS = ["nan", "inf", "-inf", "1e6", "1e30", "one pixel", "all 1e-25", "all 1e25", "all 1e-42"]


@pytest.mark.parametrize("kind", [*KINDS, "zero corner"])
def test_awkward_images_and_gradients_are_left_to_others(kind):
    X, W = numbers((2, 4, 9, 9)), numbers((5, 4, 3, 3), 1)
    assert winograd.forward(awkward(kind, X), W, None, (1, 1)) is None
    dY = numbers((2, 5, 9, 9), 2)
    memory = winograd.forward(X, W, None, (1, 1))[1]
    needed = True, True, True
    assert winograd.backward(dY, X, W, (1, 1), needed, memory) is not None
    assert winograd.backward(awkward(kind, dY), X, W, (1, 1), needed, memory) is None


@pytest.mark.parametrize("kind", ["nan", "inf", "1e30", "all 1e-25", "all 1e25", "one tap"])
def test_awkward_kernels_are_left_to_others(kind):
    W = numbers((5, 4, 3, 3), 1)
    if kind == "one tap":
        W[:, :, 0, 1:] = W[:, :, 1:] = 0
    else:
        W = awkward(kind, W)
    assert winograd.forward(numbers((2, 4, 9, 9)), W, None, (1, 1)) is None


def test_images_without_numbers_do_not_matter():
    """A gradient that is zero for some image, say; its part of the result is exactly zero."""
    X, W = numbers((3, 4, 9, 9)), numbers((5, 4, 3, 3), 1)
    X[1] = 0
    Y = winograd.forward(X, W, None, (1, 1))[0]
    assert (Y[1] == 0).all()
    assert relative_error(Y, exact(X, W, np.zeros(5), (1, 1))) < 1e-5


def test_several_blocks_give_what_one_gives(monkeypatch):
    X, W, b = numbers((7, 6, 10, 6)), numbers((5, 6, 3, 3), 1), numbers(5, 2)
    dY = numbers((7, 5, 10, 6), 3)
    monkeypatch.setattr(winograd, "BLOCK_BYTES", 2**15)
    assert len(winograd.tiling((10, 6), (1, 1)).blocks(slice(0, 7), 11)) > 1
    found = values_and_gradients(X, W, b, (1, 1), dY)
    for ours, theirs in zip(found, exact(X, W, b, (1, 1), dY), strict=True):
        assert relative_error(ours, theirs) < 1e-5


@pytest.mark.parametrize("wanted", range(3))
def test_only_what_is_needed_is_computed(wanted):
    needed = [place == wanted for place in range(3)]
    X, W, dY = numbers((2, 4, 8, 8)), numbers((5, 4, 3, 3), 1), numbers((2, 5, 8, 8), 2)
    memory = winograd.forward(X, W, None, (1, 1))[1]
    found = winograd.backward(dY, X, W, (1, 1), needed, memory)
    assert [gradient is not None for gradient in found] == needed


@pytest.mark.parametrize(
    "side, padding, points",
    [
        (1, 1, 1), (2, 1, 3), (3, 1, 5), (4, 1, 6), (8, 1, 12), (6, 1, 10), (16, 1, 24), (7, 1, 12),
        (4, 0, 4), (3, 0, 4), (6, 0, 6),
    ],
)  # fmt: skip
def test_products_along_an_axis_worked_out_by_hand(side, padding, points):
    """m + 2 for each tile of m outputs; 1 and 3 for maps whose kernels mostly see the border."""
    axis = winograd.axis(side, padding)
    assert axis.tiles * len(axis.B) == points
    assert len(winograd.tiling((side, side), (padding, padding)).G) == len(axis.B) ** 2


def test_two_outputs_of_three_taps_take_the_four_products_of_the_text():
    B, G, A = winograd.minimal_filter((0, 1, -1))
    d, g = np.array([2.0, 3.0, 5.0, 7.0]), np.array([11.0, 13.0, 17.0])
    products = sorted((G @ g) * (B @ d))
    m = (d[0] - d[2]) * g[0], (d[1] + d[2]) * g.sum() / 2
    m += (d[2] - d[1]) * (g[0] - g[1] + g[2]) / 2, (d[1] - d[3]) * g[2]
    assert np.allclose(sorted(map(abs, products)), sorted(map(abs, m)))
    assert np.allclose([m[0] + m[1] + m[2], m[1] - m[2] - m[3]], A @ ((G @ g) * (B @ d)))
    assert np.allclose([m[0] + m[1] + m[2], m[1] - m[2] - m[3]], [146, 217])


@given(st.lists(st.fractions(-3, 3, max_denominator=4), min_size=2, max_size=6, unique=True))
def test_any_points_make_a_filter(points):
    B, G, A = winograd.minimal_filter([float(p) for p in points])
    d, g = np.arange(1.0, len(B) + 1) ** 2, np.array([3.0, -1.0, 4.0])
    outputs = [Fraction(int(g @ d[i : i + 3])) for i in range(len(A))]
    assert np.allclose(A @ ((G @ g) * (B @ d)), [float(y) for y in outputs], rtol=1e-6, atol=1e-6)


def test_examples_in_docstrings():
    assert doctest.testmod(winograd).failed == 0
