"""Grad-CAM and the outputs of layers on models as people write them."""

import numpy as np
import paddle
import paddle.nn as nn
import paddle.nn.functional as F
import pytest

from nndl.analysis import (
    find_layer,
    grad_cam,
    layer_output,
    layers_of,
    measured_receptive_field,
    softmax,
)


class Net(nn.Layer):
    """Two convolutions and a mean; how the logits come out, and the activation, are options."""

    def __init__(self, wrap=lambda logits: logits, inplace=False, classes=3):
        super().__init__()
        self.conv, self.second = nn.Conv2D(1, 4, 3), nn.Conv2D(4, 4, 3)
        self.blocks, self.aux = nn.LayerList([nn.Conv2D(4, 4, 1)]), nn.Conv2D(4, 2, 3)
        self.head, self.wrap = nn.Linear(4, classes), wrap
        self.activate = F.relu_ if inplace else F.relu

    def forward(self, X):
        X = self.activate(self.conv(X))
        if self.training:
            self.aux(X)
        X = self.activate(self.second(X))
        return self.wrap(self.head(X.mean([2, 3])))


def pair_of(**options):
    paddle.seed(3)
    plain, other = Net(), Net(**options)
    other.set_state_dict(plain.state_dict())
    return plain, other, paddle.randn([2, 1, 12, 12])


def by_hand(model, X, classes):
    """Grad-CAM of the first convolution from its definition."""
    maps = model.conv(X).detach()
    maps.stop_gradient = False
    logits = model.head(F.relu(model.second(F.relu(maps))).mean([2, 3]))
    (gradient,) = paddle.grad(sum(logits[n, k] for n, k in enumerate(classes)), [maps])
    heat = F.relu((gradient.mean([2, 3], keepdim=True) * maps).sum(1)).numpy()
    return heat / heat.max(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("inplace", [False, True])
def test_an_activation_in_place_changes_nothing(inplace):
    plain, other, X = pair_of(inplace=inplace)
    heat, logits = grad_cam(other, "conv", X, classes=[0, 2])
    np.testing.assert_allclose(heat, by_hand(plain, X, [0, 2]), atol=1e-5)
    np.testing.assert_allclose(logits, plain(X).numpy(), atol=1e-6)
    maps = layer_output(other, "conv", X)
    np.testing.assert_allclose(maps.numpy(), plain.conv(X).numpy(), atol=1e-6)
    assert (maps.numpy() < 0).any()


WRAPS = {
    "tuple": lambda logits: (logits, logits * 0),
    "dict": lambda logits: {"features": logits * 0, "logits": logits},
    "nested": lambda logits: [[logits], {"more": logits}],
}


@pytest.mark.parametrize("name", WRAPS)
def test_several_outputs(name):
    plain, other, X = pair_of(wrap=WRAPS[name])
    np.testing.assert_array_equal(grad_cam(other, "conv", X)[0], grad_cam(plain, "conv", X)[0])


def test_a_layer_with_several_outputs_and_no_grad_around():
    class Pair(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2D(1, 2, 3)

        def forward(self, X):
            return self.conv(X), X.mean()

    class Inner(nn.Layer):
        def __init__(self):
            super().__init__()
            self.pair, self.head = Pair(), nn.Linear(2, 3)

        def forward(self, X):
            return self.head(self.pair(X)[0].mean([2, 3]))

    model, X = Inner(), paddle.randn([1, 1, 9, 9])
    with paddle.no_grad():
        heat = grad_cam(model, "pair", X)[0]
    np.testing.assert_array_equal(heat, grad_cam(model, "pair.conv", X)[0])
    assert list(layer_output(model, "pair", X).shape) == [1, 2, 7, 7]


def test_one_column_of_logits_is_class_1_of_two():
    paddle.seed(0)
    model, X = Net(classes=1), paddle.randn([4, 1, 12, 12])
    two = Net(classes=2)  # logits 0 and z: the same network
    state = model.state_dict()
    weight, bias = state["head.weight"], state["head.bias"]
    state["head.weight"] = paddle.concat([weight * 0, weight], 1)
    state["head.bias"] = paddle.concat([bias * 0, bias])
    two.set_state_dict(state)
    chosen = [1, 1, 1, 1]
    np.testing.assert_allclose(
        grad_cam(model, "conv", X, chosen)[0], grad_cam(two, "conv", X, chosen)[0], atol=1e-5
    )
    against = grad_cam(model, "conv", X, [0] * 4)[0]
    assert not np.allclose(against, grad_cam(model, "conv", X, chosen)[0])
    logits = model(X).numpy()
    predicted = (logits[:, 0] >= 0).astype(int)
    own = grad_cam(model, "conv", X)[0]
    np.testing.assert_array_equal(own, grad_cam(model, "conv", X, predicted)[0])
    np.testing.assert_allclose(softmax(logits)[:, 1], 1 / (1 + np.exp(-logits[:, 0].astype(float))))


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_read_as_numbers(kind):
    logits = paddle.to_tensor([[-1.0, -2.0], [3.0, -1.0], [0.5, 0.25]])
    np.testing.assert_array_equal(softmax(logits.astype(kind)), softmax(logits))


@pytest.mark.parametrize("layer", ["blocks", "aux"])
def test_a_layer_that_never_runs_is_named(layer):
    model, X = Net(), paddle.ones([1, 1, 9, 9])
    for call in (
        lambda: grad_cam(model, layer, X),
        lambda: layer_output(model, layer, X),
        lambda: measured_receptive_field(model, (1, 9, 9), layer),
        lambda: layers_of(model, (1, 1, 9, 9), until=layer),
    ):
        with pytest.raises(ValueError, match=f"never runs the layer '{layer}'"):
            call()


def test_what_gives_no_heat_is_said():
    model, X = Net(), paddle.ones([1, 1, 9, 9])
    with pytest.raises(ValueError, match=r"expected a layer with maps .*'head' gives"):
        grad_cam(model, "head", X)
    with pytest.raises(ValueError, match=r"logits .., K., got .1, 4, 7, 7."):
        grad_cam(nn.Sequential(nn.Conv2D(1, 4, 3)), "0", X)
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        find_layer(model, "conv9")
    assert model.training and all(not p.stop_gradient for p in model.parameters())


def test_arrays_are_taken_as_they_are_from_numpy():
    plain, _, X = pair_of()
    expected = by_hand(plain, X, [2, 0])
    for given, classes in ((X.numpy(), [2, 0]), (X.numpy().astype(float), np.array([[2], [0]]))):
        np.testing.assert_allclose(grad_cam(plain, "conv", given, classes)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "classes", "message"),
    [
        (lambda X: X[0], None, r"images \[B, D, M, N\].*got float32 \[1, 12, 12\]"),
        (lambda X: X.astype("uint8"), None, "got uint8.*bytes need the transforms"),
        (lambda X: X, [0, 3], r"2 class ids, one for each image, from 0 to 2, got \[0, 3\]"),
        (lambda X: X, [0, -1], r"got \[0, -1\]"),
        (lambda X: X, [0, 1, 2, 0], "must be 2 class ids"),
        (lambda X: X, [0.5, 1], "must be 2 class ids"),
    ],
)
def test_images_and_classes_that_do_not_fit_are_named(change, classes, message):
    plain, _, X = pair_of()
    with pytest.raises(ValueError, match=message):
        grad_cam(plain, "conv", change(X), classes)
