"""LeNet, ResNet18 and ResNet-20: structure against the papers, values against paddle.vision."""

import re
import warnings

import numpy as np
import paddle
import paddle.nn as nn
import pytest

from nndl.layers.convolution import Conv2D
from nndl.layers.pooling import Pool2D
from nndl.networks.lenet import LeNet, Model_LeNet, Paddle_LeNet
from nndl.networks.resnet import Model_ResNet18, ResBlock, ResNet18, ResNet20, vision_state_dict

CONVOLUTIONS = (Conv2D, nn.Conv2D)


def images(*shape, seed=0):
    return paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape), dtype="float32")


def layers(model, kind):
    return [layer for layer in model.sublayers() if isinstance(layer, kind)]


def output_shapes(model, X):
    """Name of each direct child → shape it puts out."""
    shapes = {}
    hooks = [
        layer.register_forward_post_hook(
            lambda layer, x, y, name=name: shapes.__setitem__(name, list(y.shape))
        )
        for name, layer in model.named_children()
    ]
    model(X)
    for hook in hooks:
        hook.remove()
    return shapes


def outputs(training, X, *models):
    """Of each model; in training mode in float64, because the batch norm of a few values on
    1×1 maps magnifies the rounding of float32 beyond any useful tolerance."""
    for model in models:
        model.train() if training else model.eval()
        if training:
            model.to(dtype="float64")
    if training:
        X = X.astype("float64")
    with paddle.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "When training, we now always track")
        return [model(X).numpy() for model in models]


def same_weights(source, target):
    """Load by name; every parameter and buffer must find its place."""
    assert list(source.state_dict()) == list(target.state_dict())
    missing, unexpected = target.set_state_dict(source.state_dict())
    assert not missing and not unexpected
    return target


# ------------------------------------------------------------------------------------ LeNet


@pytest.mark.parametrize("operators", ["hand", "paddle"])
def test_lenet_shapes_and_layers(operators):
    model = LeNet(operators=operators)
    assert output_shapes(model, images(2, 1, 32, 32)) == {
        "conv1": [2, 6, 28, 28],
        "pool2": [2, 6, 14, 14],
        "conv3": [2, 16, 10, 10],
        "pool4": [2, 16, 5, 5],
        "conv5": [2, 120, 1, 1],
        "linear6": [2, 84],
        "linear7": [2, 10],
    }
    kinds = (Conv2D, Pool2D) if operators == "hand" else (nn.Conv2D, (nn.MaxPool2D, nn.AvgPool2D))
    assert [len(layers(model, kind)) for kind in (*kinds, nn.Linear)] == [3, 2, 2]
    assert {name: list(p.shape) for name, p in model.named_parameters()} == {
        "conv1.weight": [6, 1, 5, 5], "conv1.bias": [6],
        "conv3.weight": [16, 6, 5, 5], "conv3.bias": [16],
        "conv5.weight": [120, 16, 5, 5], "conv5.bias": [120],
        "linear6.weight": [120, 84], "linear6.bias": [84],
        "linear7.weight": [84, 10], "linear7.bias": [10],
    }  # fmt: skip
    assert sum(p.size for p in model.parameters()) == 61_706


def test_lenet_first_pool_is_max_and_second_is_average():
    hand, theirs = LeNet(operators="hand"), LeNet(operators="paddle")
    assert (hand.pool2.mode, hand.pool4.mode) == ("max", "avg")
    assert isinstance(theirs.pool2, nn.MaxPool2D) and isinstance(theirs.pool4, nn.AvgPool2D)


def test_lenet_is_the_chain_of_paddle_functions():
    F = nn.functional
    model, X = LeNet(2, 7), images(3, 2, 32, 32)
    w = model.state_dict()
    Y = F.max_pool2d(F.relu(F.conv2d(X, w["conv1.weight"], w["conv1.bias"])), 2)
    Y = F.avg_pool2d(F.relu(F.conv2d(Y, w["conv3.weight"], w["conv3.bias"])), 2)
    Y = F.relu(F.conv2d(Y, w["conv5.weight"], w["conv5.bias"])).reshape([3, 120])
    Y = F.relu(F.linear(Y, w["linear6.weight"], w["linear6.bias"]))
    Y = F.linear(Y, w["linear7.weight"], w["linear7.bias"])
    np.testing.assert_allclose(model(X).numpy(), Y.numpy(), rtol=1e-5, atol=1e-6)


# --------------------------------------------------------------------------------- ResNet18


@pytest.mark.parametrize(
    ("stem", "sizes"), [("imagenet", (8, 8, 4, 2, 1)), ("cifar", (32, 32, 16, 8, 4))]
)
@pytest.mark.parametrize("use_residual", [True, False])
def test_resnet_stage_shapes(stem, sizes, use_residual):
    model = ResNet18(use_residual=use_residual, stem=stem)
    model.eval()  # returns nothing in Paddle 3.0
    shapes = output_shapes(model, images(1, 3, 32, 32))
    for i, (channels, size) in enumerate(zip((64, 64, 128, 256, 512), sizes, strict=True)):
        assert shapes[f"module{i + 1}"] == [1, channels, size, size]
    assert shapes["module6"] == [1, 10]


@pytest.mark.parametrize("operators", ["hand", "paddle"])
@pytest.mark.parametrize(("use_residual", "expected"), [(True, 20), (False, 17)])
def test_resnet_has_a_batch_norm_behind_every_convolution(operators, use_residual, expected):
    model = ResNet18(use_residual=use_residual, operators=operators)
    convolutions, norms = layers(model, CONVOLUTIONS), layers(model, nn.BatchNorm2D)
    assert len(convolutions) == len(norms) == expected
    assert [c.weight.shape[0] for c in convolutions] == [n.weight.shape[0] for n in norms]
    assert all(c.bias is None for c in convolutions)
    assert len(layers(model, nn.Linear)) == 1


def test_resnet_without_residual_has_no_shortcut():
    model = ResNet18(use_residual=False)
    assert all(b.shortcut is None and b.bn3 is None for b in layers(model, ResBlock))
    assert not [name for name in model.state_dict() if "shortcut" in name or "bn3" in name]
    block, X = ResBlock(4, 4, use_residual=False), images(1, 4, 6, 6)
    block.eval()
    for norm in (block.bn1, block.bn2):
        norm.weight.set_value(paddle.zeros([4]))
    assert float(block(X).abs().sum()) == 0  # no direct edge carries X past the convolutions


def test_a_residual_unit_whose_convolutions_say_nothing_is_the_identity():
    block, X = ResBlock(4, 4), images(1, 4, 6, 6)
    block.eval()
    block.bn2.weight.set_value(paddle.zeros([4]))
    np.testing.assert_allclose(block(X).numpy(), np.maximum(X.numpy(), 0))


def test_the_shortcut_is_a_1x1_convolution_only_where_the_shape_changes():
    assert ResBlock(4, 4).shortcut is None
    for block in (ResBlock(4, 8), ResBlock(4, 4, stride=2), ResBlock(4, 8, 2)):
        assert block.shortcut.weight.shape[1:] == [4, 1, 1]
        assert block.bn3 is not None
    assert ResBlock(4, 8, 2)(images(1, 4, 7, 9)).shape == [1, 8, 4, 5]
    kinds = [block.shortcut is not None for block in layers(ResNet18(), ResBlock)]
    assert kinds == [False, False, True, False, True, False, True, False]


def test_resnet20_is_that_of_the_paper_but_for_two_shortcuts():
    model = ResNet20()
    model.eval()
    shapes = output_shapes(model, images(1, 3, 32, 32))
    stages = [[16, 32, 32], [16, 32, 32], [32, 16, 16], [64, 8, 8]]
    assert [shapes[f"module{i}"][1:] for i in (1, 2, 3, 4)] == stages
    on_the_way = [c for c in layers(model, CONVOLUTIONS) if c.weight.shape[2:] == [3, 3]]
    assert len(on_the_way) + len(layers(model, nn.Linear)) == 20
    # table 6 and section 4.2: zeros instead of the 1×1 convolutions and their batch norms
    shortcuts = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    trained = sum(p.size for p in model.parameters() if not p.stop_gradient)
    assert trained == 269_722 + shortcuts == 272_474
    assert ResNet20(1, 7)(images(2, 1, 28, 28)).shape == [2, 7]


# -------------------------------------------------------------- the same weights, elsewhere


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda operators: LeNet(operators=operators), (4, 1, 32, 32)),
        (lambda operators: ResNet18(operators=operators), (4, 3, 32, 32)),
        (lambda operators: ResNet18(operators=operators, stem="cifar"), (2, 3, 16, 16)),
        (lambda operators: ResNet18(1, 10, False, operators), (4, 1, 32, 32)),
        (lambda operators: ResNet20(operators=operators), (4, 3, 32, 32)),
    ],
    ids=["LeNet", "ResNet18", "ResNet18-cifar", "ResNet18-plain", "ResNet-20"],
)
@pytest.mark.parametrize("training", [False, True])
def test_operator_sets_agree_with_the_same_weights(make, shape, training):
    hand, theirs = make("hand"), make("paddle")
    same_weights(hand, theirs)
    start = {name: value.numpy().copy() for name, value in hand.state_dict().items()}
    expected, got = outputs(training, images(*shape), theirs, hand)
    assert np.abs(expected).max() > 1e-3  # the comparison is of something
    tolerance = 1e-9 if training else 1e-5
    np.testing.assert_allclose(got, expected, tolerance, tolerance * np.abs(expected).max())
    for name, value in hand.state_dict().items():  # the running statistics moved alike, or not
        np.testing.assert_allclose(value.numpy(), theirs.state_dict()[name].numpy(), 1e-9)
        moved = not np.array_equal(value.numpy(), start[name])
        assert moved == (training and name.endswith(("_mean", "_variance"))), name


@pytest.mark.parametrize("operators", ["hand", "paddle"])
@pytest.mark.parametrize("training", [False, True])
def test_resnet_equals_paddle_vision(operators, training):
    ours = ResNet18(3, 10, operators=operators)
    rng = np.random.default_rng(1)
    for name, value in ours.state_dict().items():  # statistics that are not 0 and 1
        if name.endswith(("_mean", "_variance")):
            value.set_value(rng.uniform(0.5, 1.5, value.shape).astype("float32"))
    theirs = paddle.vision.models.resnet18(num_classes=10)
    renamed = vision_state_dict(ours)
    expected = theirs.state_dict()
    assert set(renamed) == set(expected)
    assert len(renamed) == len(ours.state_dict())
    assert all(renamed[name].shape == expected[name].shape for name in expected)
    missing, unexpected = theirs.set_state_dict(renamed)
    assert not missing and not unexpected
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), renamed[name].numpy())
    expected, got = outputs(training, images(4, 3, 32, 32), theirs, ours)
    tolerance = 1e-9 if training else 1e-5
    np.testing.assert_allclose(got, expected, tolerance, tolerance * np.abs(expected).max())
    if training:
        for name, value in vision_state_dict(ours).items():
            np.testing.assert_allclose(value.numpy(), theirs.state_dict()[name].numpy(), 1e-9)


def test_vision_state_dict_takes_only_the_network_that_fits():
    for model in (ResNet18(use_residual=False), ResNet18(stem="cifar"), LeNet()):
        with pytest.raises((ValueError, TypeError), match="vision_state_dict expects"):
            vision_state_dict(model)


# --------------------------------------------------------------------------- initialisation


@pytest.mark.parametrize("make", [LeNet, ResNet18])
def test_initialisation_follows_the_seed(make):
    def weights(seed):
        paddle.seed(seed)
        return {name: p.numpy().copy() for name, p in make().named_parameters()}

    first, again, other = weights(1), weights(1), weights(2)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        if value.ndim > 1:
            assert not np.array_equal(value, other[name]), name
            assert value.std() > 0, name


@pytest.mark.parametrize("operators", ["hand", "paddle"])
def test_convolutions_start_with_paddles_default_spread(operators):
    paddle.seed(0)
    weight = ResNet18(operators=operators).module4[1].conv1.weight.numpy()
    fan_in = weight[0].size
    assert weight.std() == pytest.approx((2 / fan_in) ** 0.5, rel=0.01)
    assert weight.mean() == pytest.approx(0, abs=1e-4)


# ------------------------------------------------------------------------------ book's names


def test_the_books_names_and_positional_arguments():
    assert Model_LeNet(1, 7).linear7.weight.shape == [84, 7]
    assert isinstance(Model_LeNet(in_channels=1, num_classes=10).conv1, Conv2D)
    assert isinstance(Paddle_LeNet(in_channels=1).conv1, nn.Conv2D)
    plain = Model_ResNet18(1, 10, False)
    assert plain.module1[0].weight.shape == [64, 1, 7, 7]
    assert not any(block.use_residual for block in layers(plain, ResBlock))
    residual = ResBlock(64, 128, 2, True)
    for name in ("conv1", "bn1", "conv2", "bn2", "shortcut", "bn3"):
        assert getattr(residual, name) is not None


# --------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: LeNet(operators="numpy"), "operators must be one of 'hand', 'paddle'"),
        (lambda: LeNet(in_channels=0), "in_channels must be at least 1, got 0"),
        (lambda: LeNet(input_size=12), "input_size must be at least 16, got 12"),
        (lambda: ResNet18(units=(2, 2)), "units and widths must be as many"),
        (lambda: ResNet18(stem="tiny"), "stem must be 'imagenet' or 'cifar'"),
        (lambda: ResBlock(4, 4, stride=0), "stride must be at least 1, got 0"),
        (lambda: LeNet()(images(1, 1, 28, 28)), "expects 32×32 images, got 28×28"),
        (lambda: LeNet()(images(1, 3, 32, 32)), "got shape [1, 3, 32, 32]"),
        (lambda: LeNet()(images(1, 32, 32)), "unsqueeze(0)"),
        (lambda: ResNet18()(images(1, 1, 32, 32)), "ResNet18 expects a batch of images [B, 3,"),
        (lambda: ResBlock(4, 4)(images(1, 3, 8, 8)), "ResBlock expects"),
    ],
)
def test_errors_say_what_was_wrong(call, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        call()
