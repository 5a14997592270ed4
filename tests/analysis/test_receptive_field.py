"""Receptive fields: the recursion by hand, and against the gradient of real layers."""

import numpy as np
import paddle
import paddle.nn as nn
import pytest

from nndl.analysis.receptive_field import (
    field_size,
    layers_of,
    measured_receptive_field,
    receptive_field,
)
from nndl.networks.lenet import LeNet
from nndl.networks.resnet import ResNet18


def test_worked_by_hand():
    assert [reach.field for reach in receptive_field([3, 3])] == [3, 5]
    assert [reach.field for reach in receptive_field([7, {"kernel": 3, "stride": 2}, 3])] == [
        7,
        9,
        13,
    ]
    dilated = receptive_field([{"kernel": 3, "dilation": 2, "padding": 2}])[0]
    assert (dilated.field, dilated.jump, dilated.start) == (5, 1, -2)


def test_lenet_sees_its_whole_input():
    reaches = receptive_field(layers_of(LeNet(), (1, 1, 32, 32)))
    assert [(r.name, r.field, r.jump) for r in reaches] == [
        ("conv1", 5, 1),
        ("pool2", 6, 2),
        ("conv3", 14, 2),
        ("pool4", 16, 4),
        ("conv5", 32, 4),
    ]


@pytest.mark.parametrize("operators", ["hand", "paddle"])
def test_the_gradient_of_lenet_agrees(operators):
    paddle.seed(0)
    model = LeNet(operators=operators)
    for name in ("conv1", "pool2", "conv3"):
        measured = measured_receptive_field(model, (1, 1, 32, 32), name)
        computed = receptive_field(layers_of(model, (1, 1, 32, 32), until=name))[-1].field
        assert field_size(measured) == (computed, computed), name
    assert all(p.grad is None and not p.stop_gradient for p in model.parameters())


def test_the_gradient_of_a_residual_network_agrees():
    paddle.seed(0)
    model = ResNet18(operators="paddle", stem="cifar")
    layers = layers_of(model, (1, 3, 32, 32), until="module2")
    assert not [name for name, *_ in layers if "shortcut" in name]
    measured = measured_receptive_field(model, (3, 32, 32), "module2", samples=3)
    assert field_size(measured) == (receptive_field(layers)[-1].field,) * 2


def test_stride_padding_and_dilation_together():
    paddle.seed(0)
    model = nn.Sequential(
        nn.Conv2D(1, 4, 3, stride=2, padding=1),
        nn.AvgPool2D(3, stride=2, padding=1),
        nn.Conv2D(4, 4, 3, dilation=2),
    )
    layers = layers_of(model, (1, 1, 64, 64))
    assert [tuple(layer[1:]) for layer in layers] == [(3, 2, 1, 1), (3, 2, 1, 1), (3, 1, 0, 2)]
    measured = measured_receptive_field(model, (1, 64, 64))
    # 3 + 2·2 + 4·4 = 23, with holes that the pooling fills
    assert receptive_field(layers)[-1].field == 23
    assert field_size(measured) == (23, 23)


def test_the_model_is_left_as_it_was():
    model = ResNet18(operators="paddle")
    model.train()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    measured_receptive_field(model, (3, 32, 32), "module2", samples=1)
    layers_of(model, (1, 3, 32, 32))
    assert model.training
    assert all(np.array_equal(before[n], v.numpy()) for n, v in model.state_dict().items())
    assert not any(layer._forward_post_hooks for layer in model.sublayers(include_self=True))


def test_mistakes_are_explained():
    with pytest.raises(ValueError, match="at least one layer"):
        receptive_field([])
    with pytest.raises(ValueError, match="kernel of layer 1 must be an integer of at least 1"):
        receptive_field([0])
    with pytest.raises(ValueError, match="a layer has the keys"):
        receptive_field([{"kernel": 3, "pad": 1}])
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        layers_of(LeNet(), (1, 1, 32, 32), until="conv9")
    with pytest.raises(ValueError, match="expected a layer with maps"):
        measured_receptive_field(LeNet(), (1, 1, 32, 32))
