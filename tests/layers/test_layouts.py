"""Operators on tensors whose numbers do not lie in C order: transposed, sliced, expanded."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndl.layers.convolution import conv2d
from nndl.layers.normalization import BatchNorm2D
from nndl.layers.pooling import pool2d
from tests.layers.test_convolution import EACH_FORM, convolutions, random_tensors, relative_error

#: order of the axes in memory, step along each: images and kernels as other programs hold them
LAYOUTS = [
    ((0, 1, 2, 3), (1, 1, 1, 1)),
    ((0, 2, 3, 1), (1, 1, 1, 1)),  # channels last
    ((0, 1, 3, 2), (1, 1, 1, 1)),  # turned
    ((2, 3, 1, 0), (1, 1, 1, 1)),  # kernels of other frameworks
    ((3, 2, 1, 0), (1, 1, 1, 1)),
    ((0, 1, 2, 3), (1, 1, 2, 2)),  # every second pixel
    ((0, 1, 2, 3), (1, 2, 1, 1)),
    ((0, 1, 2, 3), (2, 1, 1, 2)),
    ((0, 2, 3, 1), (1, 1, 2, 1)),
]
layouts = st.sampled_from(LAYOUTS)


def laid_out(values, layout):
    """A tensor of these numbers in that layout, and the leaf that it is a view of."""
    order, steps = layout
    room = np.full([size * step for size, step in zip(values.shape, steps, strict=True)], 7.0)
    room[tuple(slice(None, None, step) for step in steps)] = values
    leaf = paddle.to_tensor(
        np.ascontiguousarray(room.transpose(order).astype(values.dtype)), stop_gradient=False
    )
    view = leaf.transpose(np.argsort(order).tolist())
    for axis, step in enumerate(steps):
        if step > 1:
            view = paddle.strided_slice(view, [axis], [0], [view.shape[axis]], [step])
    assert (view.numpy() == values).all()
    return view


def results(function, arrays, laid, dY_layout, options):
    """Output and gradients of the inputs, for a gradient of the output in a layout of its own."""
    tensors = [laid_out(a, layout) for a, layout in zip(arrays, laid, strict=True)]
    Y = function(*tensors, **options)
    dY = np.random.default_rng(1).standard_normal(Y.shape).astype(arrays[0].dtype)
    gradients = paddle.grad([Y], tensors, [laid_out(dY, dY_layout).detach()])
    return [value.numpy() for value in (Y, *gradients)]


def check_against_paddle(shapes, options, laid, dY_layout, dtype="float32"):
    X, W, _ = random_tensors((*shapes, False, options), 0, dtype)
    found = results(conv2d, (X, W), laid, dY_layout, options)
    plain = [LAYOUTS[0], LAYOUTS[0]]
    expected = results(F.conv2d, (X.astype(float), W.astype(float)), plain, LAYOUTS[0], options)
    for ours, theirs in zip(found, expected, strict=True):
        assert relative_error(ours, theirs, 1) < 1e-5


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(convolutions(largest=14, channels=6, batch=5), layouts, layouts, layouts)
def test_a_convolution_is_the_same_in_every_layout(case, of_X, of_W, of_dY):
    check_against_paddle(case[:2], case[3], (of_X, of_W), of_dY)


@pytest.mark.parametrize("layout", range(1, len(LAYOUTS)))
@pytest.mark.parametrize("form", EACH_FORM)
def test_every_form_is_the_same_in_every_layout(form, layout):
    X, W, options = EACH_FORM[form]
    for k in range(3):
        of = [LAYOUTS[layout] if place == k else LAYOUTS[0] for place in range(3)]
        check_against_paddle((X, W), options, of[:2], of[2])
    check_against_paddle((X, W), options, [LAYOUTS[layout]] * 2, LAYOUTS[layout])
    unpadded = {**options, "padding": 0}
    check_against_paddle((X, W), unpadded, [LAYOUTS[layout]] * 2, LAYOUTS[layout])


def test_one_image_expanded_to_a_batch():
    X, W = paddle.randn([1, 2, 12, 12]), paddle.randn([8, 2, 3, 3])
    expected = F.conv2d(X.tile([4, 1, 1, 1]), W)
    assert relative_error(conv2d(X.expand([4, 2, 12, 12]), W).numpy(), expected.numpy()) < 1e-5


POOLINGS = {
    "pairs": {"size": 2, "mode": "max", "stride": 2},
    "taps": {"size": 3, "mode": "max", "stride": 2, "padding": 1},
    "apart": {"size": 2, "mode": "avg", "stride": 3},
    "mean": {"size": 3, "mode": "avg", "stride": 1, "padding": 1},
}
OTHERS = {
    **{name: lambda X, o=o: pool2d(X, **o) for name, o in POOLINGS.items()},
    "batch norm": lambda X: BatchNorm2D(4)(X),
}


@pytest.mark.parametrize("layout", range(1, len(LAYOUTS)))
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_operators_are_the_same_in_every_layout(name, layout):
    X = np.random.default_rng(0).standard_normal((3, 4, 8, 6)).astype("float32")
    expected = results(OTHERS[name], [X], [LAYOUTS[0]], LAYOUTS[0], {})
    for of_X, of_dY in ((layout, 0), (0, layout), (layout, layout)):
        found = results(OTHERS[name], [X], [LAYOUTS[of_X]], LAYOUTS[of_dY], {})
        for ours, theirs in zip(found, expected, strict=True):
            assert relative_error(ours, theirs, 1) < 1e-5
